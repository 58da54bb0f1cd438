/* weir bench: the published figures, each beside its yardstick. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "bench/bench.h"
#include "bench/names.h"
#include "cli/command.h"
#include "cli/default_model.h"
#include "cli/options.h"
#include "cli/tap_options.h"

static const char help[] = "usage: weir bench meter|pipeline|forest|survey|flood|day|reload|ingest [OPTIONS]\n"
                           "\n"
                           "Measures weir and its yardstick in the same run and prints both with their ratio\n"
                           "(how many times better weir is).\n"
                           "\n"
                           "  meter       packets to flow records, one lane, beside argus on the same file\n"
                           "  pipeline    records in memory to committed DuckDB rows, beside DuckDB's appender\n"
                           "              alone; a cell such as 10b4w is batches of 10 rows and 4 workers\n"
                           "  forest      tree models of XGBoost, LightGBM, CatBoost and scikit-learn, one core,\n"
                           "              beside these libraries (`tools/setup peers` installs them)\n"
                           "  survey      seven algorithms trained and tested as tasks, one after another and on\n"
                           "              1 to 8 processes, beside scikit-learn and Ray on the same rows\n"
                           "  flood       weir run under a SYN flood of 10,000,000 flows over 1,000 conversations,\n"
                           "              beside the conversations alone: memory, and whether they are judged alike\n"
                           "  day         weir run over 24 hours of packet time: does memory stay flat?\n"
                           "  reload      decision time at 20,000 rows/s while the model is replaced 1,000 times,\n"
                           "              beside the same load left alone\n"
                           "  ingest      flow records as CSV and JSON lines to rows of batches, one thread, beside\n"
                           "              DuckDB on the same file\n"
                           "\n"
                           "  --quick         end within 40 s; what is left out is listed\n"
                           "  --grid CELLS    pipeline: cells to run, such as 10b4w,64b2w\n"
                           "  --queues LIST   pipeline: memory,zmq,redis, or some of them\n"
                           "  --cases LIST    pipeline: grid,budget,flat,infer-2,paper, or some of them;\n"
                           "                  survey: its algorithms, jobs, ray-engine, svm-large\n"
                           "  --offered N     pipeline: flows a second of the paced runs (100000)\n"
                           "  --seconds S     pipeline: how long a run takes (4; with --quick 2)\n"
                           "  --csv FILE, --plot FILE.svg\n"
                           "                  pipeline: also write the cells as a table, and as a picture\n"
                           "  --data CSV      survey: FILE or GLOB with a header (default: 43,419 rows of 83 columns,\n"
                           "                  made up)\n"
                           "  --label COLUMN, --benign VALUE\n"
                           "                  survey: as of weir train; known data sets need none\n"
                           "  --size N        flood: SYNs (10000000), day: packets (8000000),\n"
                           "                  reload: reloads (1000), ingest: rows (400000),\n"
                           "                  survey: rows, drawn with noise of 2 % if there are fewer,\n"
                           "                  pipeline: most flows of the case flat (10000000)\n"
                           "  --flows N, --lanes N, --workers N\n"
                           "                  flood, day, reload: those of weir run (524288, 2, 2)\n"
                           "  --model M.weir  the model (default: the one that comes with weir;\n"
                           "                  pipeline: 100 trees of depth 6 on 40 columns, made up with its records)\n"
                           "  -r A[,B]        pipeline with --model, reload, ingest: capture whose records are used\n"
                           "                  (default: the bundled one)\n"
                           "  --json          print one JSON object\n"
                           "\n"
                           "example: weir bench pipeline --grid 10b4w,64b2w --json\n";

static const struct bench {
    const char *name;
    weir_err (*run)(const struct weir_bench_options *options, struct weir_bench_report *report, struct weir_error *error);
    bool model, capture; /* needs them */
    const char *options; /* that it takes, besides --quick and --json */
} benches[] = {
    {"meter", weir_bench_meter, false, false, ""},
    {"pipeline", weir_bench_pipeline, false, false, "grid,queues,cases,offered,seconds,csv,plot,size,model,r"},
    {"forest", weir_bench_forest, false, false, ""},
    {"flood", weir_bench_flood, true, false, "size,flows,lanes,workers,model"},
    {"day", weir_bench_day, true, false, "size,flows,lanes,workers,model"},
    {"reload", weir_bench_reload, true, true, "size,workers,model,r"},
    {"ingest", weir_bench_ingest, true, true, "size,model,r"},
    {"survey", weir_bench_survey, false, false, "cases,data,label,benign,size"},
};

static const struct bench *find(const char *name)
{
    for (size_t i = 0; i < sizeof benches / sizeof *benches; i++)
        if (!strcmp(name, benches[i].name))
            return &benches[i];
    return NULL;
}

int weir_cmd_bench(int argc, char **argv)
{
    enum {
        OPT_QUICK = 256,
        OPT_GRID,
        OPT_MODEL,
        OPT_SIZE,
        OPT_FLOWS,
        OPT_LANES,
        OPT_WORKERS,
        OPT_OFFERED,
        OPT_QUEUES,
        OPT_CASES,
        OPT_SECONDS,
        OPT_CSV,
        OPT_PLOT,
        OPT_DATA,
        OPT_LABEL,
        OPT_BENIGN,
        OPT_JSON,
        OPT_HELP
    };
    static const struct option longs[] = {
        {"quick", no_argument, NULL, OPT_QUICK},
        {"grid", required_argument, NULL, OPT_GRID},
        {"model", required_argument, NULL, OPT_MODEL},
        {"json", no_argument, NULL, OPT_JSON},
        {"size", required_argument, NULL, OPT_SIZE},
        {"flows", required_argument, NULL, OPT_FLOWS},
        {"lanes", required_argument, NULL, OPT_LANES},
        {"workers", required_argument, NULL, OPT_WORKERS},
        {"seconds", required_argument, NULL, OPT_SECONDS},
        {"queues", required_argument, NULL, OPT_QUEUES},
        {"cases", required_argument, NULL, OPT_CASES},
        {"offered", required_argument, NULL, OPT_OFFERED},
        {"csv", required_argument, NULL, OPT_CSV},
        {"plot", required_argument, NULL, OPT_PLOT},
        {"data", required_argument, NULL, OPT_DATA},
        {"label", required_argument, NULL, OPT_LABEL},
        {"benign", required_argument, NULL, OPT_BENIGN},
        {"help", no_argument, NULL, OPT_HELP},
        {0},
    };
    struct weir_bench_options options = {.flows = 524288};
    uint64_t lanes = 2, workers = 2;
    struct weir_tap_options files = {0};
    struct weir_error error = {0};
    bool json = false;
    char *found = NULL, *folder = NULL, *tx = NULL, *rx = NULL;
    int code = WEIR_EXIT_USAGE;
    const char *given[sizeof longs / sizeof *longs] = {0}; /* names of options, for the bench to take */
    for (int c, at; (c = getopt_long(argc, argv, ":r:h", longs, &at)) != -1;) {
        if (c > 255)
            given[at] = longs[at].name;
        switch (c) {
        case 'r':
            given[sizeof given / sizeof *given - 1] = "r";
            if (weir_tap_take_files(&files, "-r", optarg, &error) != WEIR_OK) {
                weir_log(WEIR_LOG_ERROR, "%s", error.text);
                goto out;
            }
            break;
        case OPT_QUICK:
            options.quick = true;
            break;
        case OPT_GRID:
            options.grid = optarg;
            break;
        case OPT_MODEL:
            options.model = optarg;
            break;
        case OPT_SIZE:
            if (!weir_option_number("--size", optarg, 1, UINT64_C(1) << 31, &options.size))
                goto out;
            break;
        case OPT_FLOWS:
            if (!weir_option_number("--flows", optarg, 1024, 1u << 30, &options.flows))
                goto out;
            break;
        case OPT_LANES:
            if (!weir_option_number("--lanes", optarg, 1, 64, &lanes))
                goto out;
            break;
        case OPT_WORKERS:
            if (!weir_option_number("--workers", optarg, 1, 64, &workers))
                goto out;
            break;
        case OPT_OFFERED:
            if (!weir_option_number("--offered", optarg, 1, 1u << 30, &options.offered))
                goto out;
            break;
        case OPT_SECONDS:
            if (!weir_option_real("--seconds", optarg, 0.1, 3600, &options.seconds))
                goto out;
            break;
        case OPT_QUEUES:
            options.queues = optarg;
            break;
        case OPT_CASES:
            options.cases = optarg;
            break;
        case OPT_CSV:
            options.csv = optarg;
            break;
        case OPT_PLOT:
            options.plot = optarg;
            break;
        case OPT_DATA:
            options.data = optarg;
            break;
        case OPT_LABEL:
            options.label = optarg;
            break;
        case OPT_BENIGN:
            options.benign = optarg;
            break;
        case OPT_JSON:
            json = true;
            break;
        case 'h':
        case OPT_HELP:
            fputs(help, stdout);
            code = WEIR_EXIT_OK;
            goto out;
        default:
            weir_option_wrong("bench", c, argv);
            goto out;
        }
    }
    const char *name = optind < argc ? argv[optind] : "";
    const struct bench *bench = find(name);
    if (!bench || optind + 1 < argc) {
        weir_usage_error("bench", "'%s': give one bench: meter, pipeline, forest, survey, flood, day, reload or ingest", name);
        goto out;
    }
    for (size_t i = 0; i < sizeof given / sizeof *given; i++)
        if (given[i] && !weir_names_have("quick,json", given[i]) && !weir_names_have(bench->options, given[i])) {
            weir_usage_error("bench", "%s takes no %s%s", bench->name, given[i][1] ? "--" : "-", given[i]);
            goto out;
        }
    code = WEIR_EXIT_FAILED;
    options.lanes = (unsigned)lanes;
    options.workers = (unsigned)workers;
    /* pipeline has its own of both, unless it is given one of them */
    bool real = bench->run == weir_bench_pipeline && (options.model || files.ports);
    if ((bench->model || real) && !options.model && !(options.model = found = weir_default_model(&error))) {
        weir_log(WEIR_LOG_ERROR, "%s", error.text);
        goto out;
    }
    if (bench->capture || real) {
        if (files.ports) {
            options.capture[0] = files.port[0].item[0];
            options.capture[1] = files.ports > 1 ? files.port[1].item[0] : NULL;
        } else { /* the capture beside the model that comes with weir */
            folder = weir_default_model(&error);
            if (!folder || !strrchr(folder, '/')) {
                weir_log(WEIR_LOG_ERROR, "no bundled capture: give one with -r A[,B]");
                goto out;
            }
            *strrchr(folder, '/') = 0;
            if (asprintf(&tx, "%s/tx.pcap.zst", folder) < 0 || asprintf(&rx, "%s/rx.pcap.zst", folder) < 0)
                goto out;
            options.capture[0] = tx;
            options.capture[1] = rx;
        }
    }
    struct weir_bench_report *report = calloc(1, sizeof *report);
    if (!report)
        goto out;
    report->bench = bench->name;
    weir_err failed = bench->run(&options, report, &error);
    if (failed != WEIR_OK) {
        weir_log(WEIR_LOG_ERROR, "%s", error.text);
    } else {
        weir_bench_print(report, json);
        code = WEIR_EXIT_OK;
    }
    free(report);
out:
    weir_tap_options_free(&files);
    free(found);
    free(folder);
    free(tx);
    free(rx);
    return code;
}
