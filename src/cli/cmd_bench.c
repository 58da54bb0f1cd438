/* weir bench: the published figures, each beside its yardstick. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "bench/bench.h"
#include "cli/command.h"
#include "cli/default_model.h"
#include "cli/options.h"
#include "cli/tap_options.h"

static const char help[] = "usage: weir bench meter|pipeline [OPTIONS]\n"
                           "\n"
                           "Measures weir and its yardstick in the same run and prints both with their ratio\n"
                           "(how many times better weir is).\n"
                           "\n"
                           "  meter       packets to flow records, one lane, beside argus on the same file\n"
                           "  pipeline    records in memory to committed DuckDB rows, beside DuckDB's appender\n"
                           "              alone; a cell such as 10b4w is batches of 10 rows and 4 workers\n"
                           "\n"
                           "  --quick         end within 40 s; what is left out is listed\n"
                           "  --grid CELLS    pipeline: cells to run, such as 10b4w,64b2w\n"
                           "  --model M.weir  pipeline: the model (default: the one that comes with weir)\n"
                           "  -r A[,B]        pipeline: capture whose records are used (default: the bundled one)\n"
                           "  --json          print one JSON object\n"
                           "\n"
                           "example: weir bench pipeline --grid 10b4w,64b2w --json\n";

int weir_cmd_bench(int argc, char **argv)
{
    enum { OPT_QUICK = 256, OPT_GRID, OPT_MODEL, OPT_JSON, OPT_HELP };
    static const struct option longs[] = {
        {"quick", no_argument, NULL, OPT_QUICK},       {"grid", required_argument, NULL, OPT_GRID},
        {"model", required_argument, NULL, OPT_MODEL}, {"json", no_argument, NULL, OPT_JSON},
        {"help", no_argument, NULL, OPT_HELP},         {0},
    };
    struct weir_bench_options options = {0};
    struct weir_tap_options files = {0};
    struct weir_error error = {0};
    bool json = false;
    char *found = NULL, *folder = NULL, *tx = NULL, *rx = NULL;
    int code = WEIR_EXIT_USAGE;
    for (int c; (c = getopt_long(argc, argv, ":r:h", longs, NULL)) != -1;) {
        switch (c) {
        case 'r':
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
    bool pipeline = !strcmp(name, "pipeline");
    if ((!pipeline && strcmp(name, "meter")) || optind + 1 < argc) {
        weir_usage_error("bench", "'%s': give one bench: meter or pipeline", name);
        goto out;
    }
    code = WEIR_EXIT_FAILED;
    if (pipeline) {
        if (!options.model && !(options.model = found = weir_default_model(&error))) {
            weir_log(WEIR_LOG_ERROR, "%s", error.text);
            goto out;
        }
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
    report->bench = pipeline ? "pipeline" : "meter";
    weir_err failed = (pipeline ? weir_bench_pipeline : weir_bench_meter)(&options, report, &error);
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
