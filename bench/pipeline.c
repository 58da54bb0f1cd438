/* weir bench pipeline: records in, committed DuckDB rows out, for a grid of batch sizes and workers.
 *
 * Yardstick of a cell: DuckDB's appender alone on verdicts of the same records in the same run, one thread: the sink's own speed.
 * Without a model and a capture of the user's: 100 trees of depth 6 on 40 columns (bench/made.h). */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "batch/batch.h"
#include "bench/bench.h"
#include "bench/cell.h"
#include "bench/cluster.h"
#include "bench/hold.h"
#include "bench/made.h"
#include "bench/names.h"
#include "bench/paper_peer.h"
#include "bench/plot.h"
#include "bench/sink.h"
#include "pipeline/backend.h"

enum {
    TREES = 100,
    DEPTH = 6,
    LARGE = 65536, /* support vectors: what some 285,000 rows such as UNSW-NB15's leave (15,149 of its 65,866) */
    LARGE_ROOM = 6 << 20,
    FLAT_FIRST = 100000,
    FLAT_ROWS = 10000000,
    FLAT_ROTATE = 128000000,
    RUNS = 3,
    CELLS = 12,
    RESULTS = 64
};

#define MEMORY_CELL     "512b1w"
#define MEMORY_OFFERED  100000.0
#define BUDGET_MS       5
#define ZMQ_CELL        "512b1w"
#define REDIS_CELL      "512b1w"
#define CLUSTER_OFFERED 20000.0
#define PYTHON          "Python"
#define PAPER_CELL      "10b4w"
#define PAPER_GRID      "1b1w,10b1w,10b4w,20b3w,50b3w"
#define PAPER_OFFERED   500.0 /* what the paper's own version keeps up with */

struct result {
    const char *queue; /* "memory", "zmq", "redis", "Python" */
    char cell[16];
    struct weir_cell_figures full, paced; /* as fast as it goes; at `offered` rows a second */
    double offered;
};

struct bench {
    const struct weir_bench_options *options;
    struct weir_bench_report *report;
    struct weir_made made;
    weir_model *loaded; /* the user's */
    struct weir_records captured;
    const weir_model *model; /* of the two */
    const struct weir_records *records;
    struct weir_hold_place place;
    const char *store; /* a throw-away one */
    char wal[72];
    const char *grid, *queues, *cases;
    unsigned runs;
    double seconds, sink; /* sink: rows a second */
    struct weir_paper *paper;
    struct result result[RESULTS];
    size_t results;
};

static weir_err open_bench(struct bench *b, struct weir_error *error)
{
    weir_err code = weir_hold_place(&b->place, error);
    if (code != WEIR_OK)
        return code;
    b->store = b->place.file;
    snprintf(b->wal, sizeof b->wal, "%s.wal", b->store);
    if (!b->options->model) {
        code = weir_made_trees(TREES, DEPTH, &b->made, error);
        b->model = b->made.model;
        b->records = &b->made.records;
        return code;
    }
    code = weir_model_load(b->options->model, &b->loaded, error);
    b->model = b->loaded;
    b->records = &b->captured;
    return code == WEIR_OK ? weir_records_load(b->options->capture, b->loaded, &b->captured, error) : code;
}

static void close_bench(struct bench *b)
{
    weir_paper_stop(&b->paper);
    weir_hold_leave(&b->place);
    weir_records_fini(&b->captured);
    weir_model_free(&b->loaded);
    weir_made_fini(&b->made);
    free(b);
}

static weir_err run_cell(struct bench *b, struct weir_cell cell, const struct weir_cell_load *load,
                         struct weir_cell_figures *figures, struct weir_error *error)
{
    weir_err code = weir_cell_memory(b->model, b->records, cell, load, b->store, figures, error);
    unlink(b->store);
    unlink(b->wal);
    return code;
}

/* The best of the runs as fast as it goes, and once at the fixed rate. */
static weir_err measure(struct bench *b, struct result *result, struct weir_cell cell, double offered, struct weir_error *error)
{
    const struct weir_cell_load full = {.rows = UINT64_MAX, .seconds = b->seconds},
                                paced = {.rows = UINT64_MAX, .seconds = b->seconds, .offered = offered};
    weir_err code = WEIR_OK;
    for (unsigned i = 0; code == WEIR_OK && i < b->runs; i++) {
        struct weir_cell_figures figures;
        code = run_cell(b, cell, &full, &figures, error);
        if (figures.flows_per_s > result->full.flows_per_s)
            result->full = figures;
    }
    result->offered = offered;
    return code == WEIR_OK ? run_cell(b, cell, &paced, &result->paced, error) : code;
}

static void add_figures(struct weir_bench_row *row, const struct result *r)
{
    const struct weir_cell_figures *paced = &r->paced;
    int used =
        snprintf(row->note, sizeof row->note, "%.2f us of CPU a flow; decision p50 %.0f us, p99 %.0f us, durable p99 %.0f ms",
                 r->full.cpu_us, r->full.decision_us[0], r->full.decision_us[1], r->full.durable_ms[1]);
    weir_bench_figure(row, "cpu_us_per_flow", r->full.cpu_us);
    weir_bench_figure(row, "decision_p50_us", r->full.decision_us[0]);
    weir_bench_figure(row, "decision_p99_us", r->full.decision_us[1]);
    weir_bench_figure(row, "durable_p50_ms", r->full.durable_ms[0]);
    weir_bench_figure(row, "durable_p99_ms", r->full.durable_ms[1]);
    weir_bench_figure(row, "rows", (double)r->full.rows);
    weir_bench_figure(row, "alerts_share", r->full.alerts);
    if (!paced->rows)
        return;
    snprintf(row->note + used, sizeof row->note - (size_t)used,
             "\n%30sat %.0f flows/s offered (%.0f committed): decision p50 %.0f us, p99 %.0f us, durable p99 %.0f ms", "",
             r->offered, paced->flows_per_s, paced->decision_us[0], paced->decision_us[1], paced->durable_ms[1]);
    weir_bench_figure(row, "offered_flows_per_s", r->offered);
    weir_bench_figure(row, "offered_committed_per_s", paced->flows_per_s);
    weir_bench_figure(row, "offered_cpu_us_per_flow", paced->cpu_us);
    weir_bench_figure(row, "offered_decision_p50_us", paced->decision_us[0]);
    weir_bench_figure(row, "offered_decision_p99_us", paced->decision_us[1]);
    weir_bench_figure(row, "offered_durable_p50_ms", paced->durable_ms[0]);
    weir_bench_figure(row, "offered_durable_p99_ms", paced->durable_ms[1]);
}

static struct weir_bench_row *add_row(struct bench *b, const char *name, const struct result *r)
{
    struct weir_bench_row *row = weir_bench_add(b->report, name, "flows/s", false);
    if (!row) {
        weir_bench_skip(b->report, "%s: the report is full", name);
        return NULL;
    }
    row->weir = r->full.flows_per_s;
    row->runs = b->runs;
    add_figures(row, r);
    return row;
}

/* The grid and the queues are right, before anything is measured. */
static weir_err check_options(const struct bench *b, struct weir_error *error)
{
    struct weir_cell cell;
    unsigned cells = 0;
    for (const char *at = b->grid; *at; cells++) {
        const char *rest = at;
        if (cells == CELLS || !weir_cell_next(&at, &cell))
            return weir_fail(error, WEIR_ERR_ARGUMENT,
                             "--grid %.60s: give up to %d cells such as 10b4w (batch 1 to %d, workers 1 to %d), joined by commas",
                             rest, CELLS, WEIR_BATCH_ROWS, WEIR_WORKERS_MAX);
    }
    const char *unknown = weir_names_unknown(b->queues, "memory,zmq,redis");
    if (unknown)
        return weir_fail(error, WEIR_ERR_ARGUMENT, "--queues %.60s: there are memory, zmq and redis, joined by commas", unknown);
    unknown = weir_names_unknown(b->cases, "grid,budget,flat,infer-2,paper");
    if (unknown)
        return weir_fail(error, WEIR_ERR_ARGUMENT,
                         "--cases %.60s: there are grid, budget, flat, infer-2 and paper, joined by commas", unknown);
    return WEIR_OK;
}

static bool wants(const struct bench *b, const char *queue)
{
    return weir_names_have(b->queues, queue);
}

static bool asked(const struct bench *b, const char *name)
{
    return weir_names_have(b->cases, name);
}

static void cell_name(struct weir_cell cell, char name[static 16])
{
    snprintf(name, 16, "%ub%uw", cell.batch, cell.workers);
}

static struct result *new_result(struct bench *b, const char *queue, struct weir_cell cell)
{
    struct result *r = &b->result[b->results++]; /* queues * CELLS < RESULTS */
    r->queue = queue;
    cell_name(cell, r->cell);
    return r;
}

/* NULL: not measured. */
static struct result *find(struct bench *b, const char *queue, struct weir_cell cell)
{
    char name[16];
    cell_name(cell, name);
    for (size_t i = 0; i < b->results; i++)
        if (!strcmp(b->result[i].queue, queue) && !strcmp(b->result[i].cell, name))
            return &b->result[i];
    return NULL;
}

static weir_err run_memory(struct bench *b, struct weir_error *error)
{
    const double offered = b->options->offered ? (double)b->options->offered : MEMORY_OFFERED;
    struct weir_cell cell;
    struct weir_bench_row *row;
    weir_err code = WEIR_OK;
    for (unsigned i = 0; code == WEIR_OK && i < b->runs; i++) {
        double sink = 0;
        code = weir_sink_measure(b->model, b->records, b->store, UINT64_MAX, b->seconds, &sink, error);
        unlink(b->store);
        unlink(b->wal);
        b->sink = sink > b->sink ? sink : b->sink;
    }
    const char *own = MEMORY_CELL, *grid = b->grid;
    for (bool first = true; code == WEIR_OK && (first || *grid); first = false) {
        weir_cell_next(first ? &own : &grid, &cell);
        struct result *r = find(b, "memory", cell);
        if (!r) {
            r = new_result(b, "memory", cell);
            code = measure(b, r, cell, offered, error);
        }
        if (code == WEIR_OK && (row = add_row(b, first ? "memory" : r->cell, r))) {
            row->yardstick = "DuckDB appender alone";
            row->theirs = b->sink;
        }
    }
    return code;
}

/* --- with a deadline --- */

/* Batches of up to 512 rows whose verdicts are to be out within 5 ms of their first row, beside batches that wait 500 us, both at
 * the same fixed rate. */
static weir_err run_budget(struct bench *b, struct weir_error *error)
{
    const double offered = b->options->offered ? (double)b->options->offered : MEMORY_OFFERED;
    const struct weir_cell_load fixed = {.rows = UINT64_MAX, .seconds = b->seconds, .offered = offered};
    const char *own = MEMORY_CELL;
    struct weir_cell_load load = fixed;
    struct weir_cell_figures without = {0}, with = {0};
    struct weir_cell cell;
    weir_cell_next(&own, &cell);
    load.budget_ns = BUDGET_MS * INT64_C(1000000);
    weir_err code = run_cell(b, cell, &fixed, &without, error);
    if (code == WEIR_OK)
        code = run_cell(b, cell, &load, &with, error);
    struct weir_bench_row *row = code == WEIR_OK ? weir_bench_add(b->report, "budget", "us/flow", true) : NULL;
    if (!row)
        return code;
    row->weir = with.cpu_us;
    row->yardstick = "batches that wait 500 us";
    row->theirs = without.cpu_us;
    snprintf(
        row->note, sizeof row->note,
        "--budget-ms %d at %.0f flows/s offered (%.0f committed): %.0f rows a batch, decision p50 %.0f us, p99 %.0f us, durable "
        "p99 %.0f ms\n%30swithout: %.0f rows a batch, decision p50 %.0f us, p99 %.0f us",
        BUDGET_MS, offered, with.flows_per_s, with.batch_rows, with.decision_us[0], with.decision_us[1], with.durable_ms[1], "",
        without.batch_rows, without.decision_us[0], without.decision_us[1]);
    weir_bench_figure(row, "offered_flows_per_s", offered);
    weir_bench_figure(row, "offered_decision_p50_us", with.decision_us[0]);
    weir_bench_figure(row, "offered_decision_p99_us", with.decision_us[1]);
    weir_bench_figure(row, "offered_durable_p99_ms", with.durable_ms[1]);
    weir_bench_figure(row, "rows_a_batch", with.batch_rows);
    weir_bench_figure(row, "rows_a_batch_without", without.batch_rows);
    weir_bench_figure(row, "decision_p99_us_without", without.decision_us[1]);
    return code;
}

/* --- as the work grows --- */

/* Into a folder of files, as a sensor that runs for days has it. */
static weir_err run_days(struct bench *b, struct weir_cell cell, uint64_t rows, struct weir_cell_figures *figures,
                         struct weir_error *error)
{
    const struct weir_cell_load load = {.rows = rows, .seconds = 1e6, .rotate = FLAT_ROTATE};
    struct weir_hold_place place;
    weir_err code = weir_hold_place(&place, error);
    if (code == WEIR_OK) {
        code = weir_cell_memory(b->model, b->records, cell, &load, place.days, figures, error);
        weir_hold_leave(&place);
    }
    return code;
}

/* Processor time a flow and memory, from 100,000 flows on, each time ten times as many. */
static weir_err run_flat(struct bench *b, struct weir_error *error)
{
    const uint64_t most = b->options->size ? b->options->size : FLAT_ROWS;
    const char *own = MEMORY_CELL;
    struct weir_cell cell;
    char note[400] = "";
    double cost[2] = {0}, rss[2] = {0}; /* of the second size, and of the last: the first one is mostly beginning */
    weir_cell_next(&own, &cell);
    for (uint64_t rows = FLAT_FIRST, i = 0; rows <= most; rows *= 10, i++) {
        struct weir_cell_figures figures;
        weir_err code = run_days(b, cell, rows, &figures, error);
        if (code != WEIR_OK)
            return code;
        cost[1] = figures.cpu_us;
        rss[1] = figures.rss_mib;
        if (i < 2) {
            cost[0] = cost[1];
            rss[0] = rss[1];
        }
        size_t used = strlen(note);
        snprintf(note + used, sizeof note - used, "%s%.0e flows: %.2f us of CPU a flow, %.0f MiB", i ? "; " : "", (double)rows,
                 figures.cpu_us, figures.rss_mib);
    }
    struct weir_bench_row *row = weir_bench_add(b->report, "flat", "us/flow", true);
    if (!row)
        return WEIR_OK;
    row->weir = cost[1];
    row->yardstick = "weir, 1,000,000 flows";
    row->theirs = cost[0];
    snprintf(row->note, sizeof row->note, "%s", note);
    weir_bench_figure(row, "rss_mib", rss[1]);
    weir_bench_figure(row, "rss_mib_1e6", rss[0]);
    return WEIR_OK;
}

/* Two `weir infer` beside one, with a model so large that they are what takes time. It computes much for each byte that it reads:
 * large trees wait for memory, and then two processes measure the machine's. */
static weir_err run_two(struct bench *b, struct weir_error *error)
{
    const struct weir_cell cell = {512, 1};
    const struct weir_cell_load load = {.rows = UINT64_MAX, .seconds = b->seconds};
    struct weir_made large;
    double rate[2] = {0}, cpu[2] = {0}, infer[2] = {0};
    weir_err code = weir_made_vectors(LARGE, &large, error);
    for (unsigned i = 0; code == WEIR_OK && i < 2 * b->runs; i++) { /* in turns */
        struct weir_cell_figures figures;
        const struct weir_cluster cluster = {.queue = WEIR_CLUSTER_ZMQ,
                                             .folder = b->place.folder,
                                             .processes = 1 + i % 2,
                                             .room = LARGE_ROOM, /* what is sent ahead has to be judged before the end */
                                             .model = large.model,
                                             .records = &large.records};
        code = weir_cluster_cell(&cluster, cell, &load, &figures, error);
        if (figures.flows_per_s > rate[i % 2]) {
            rate[i % 2] = figures.flows_per_s;
            cpu[i % 2] = figures.cpu_us;
            infer[i % 2] = figures.infer_us;
        }
    }
    weir_made_fini(&large);
    if (code != WEIR_OK && code != WEIR_ERR_MISMATCH) {
        weir_bench_skip(b->report, "infer-2: %.110s", error->text);
        return WEIR_OK;
    }
    struct weir_bench_row *row = code == WEIR_OK ? weir_bench_add(b->report, "infer-2", "flows/s", false) : NULL;
    if (row) {
        row->weir = rate[1];
        row->yardstick = "one weir infer";
        row->theirs = rate[0];
        row->runs = b->runs;
        /* all cores at work all the time: sensor and collector have to be served as well */
        const double cores = (double)sysconf(_SC_NPROCESSORS_ONLN), most = cores * infer[0] / cpu[1];
        snprintf(row->note, sizeof row->note,
                 "%d support vectors of 40 columns, ZeroMQ; sensor and collector are on the same %.0f cores\n%30s%.2f us of CPU "
                 "a flow, %.2f "
                 "of it in weir infer (one alone: %.2f, %.2f): more than %.2fx is not in %.0f cores",
                 LARGE, cores, "", cpu[1], infer[1], cpu[0], infer[0], most, cores);
        weir_bench_figure(row, "cpu_us_per_flow", cpu[1]);
        weir_bench_figure(row, "infer_us_per_flow", infer[1]);
        weir_bench_figure(row, "one_cpu_us_per_flow", cpu[0]);
        weir_bench_figure(row, "one_infer_us_per_flow", infer[0]);
        weir_bench_figure(row, "most", most);
    }
    return code;
}

/* --- between processes --- */

static weir_err measure_cluster(struct bench *b, struct result *r, struct weir_cell cell, struct weir_error *error)
{
    const struct weir_cluster cluster = {.queue = strcmp(r->queue, "zmq") ? WEIR_CLUSTER_REDIS : WEIR_CLUSTER_ZMQ,
                                         .folder = b->place.folder,
                                         .processes = 1,
                                         .model = b->model,
                                         .records = b->records};
    const struct weir_cell_load full = {.rows = UINT64_MAX, .seconds = b->seconds},
                                paced = {.rows = UINT64_MAX, .seconds = b->seconds, .offered = r->offered};
    weir_err code = WEIR_OK;
    for (unsigned i = 0; code == WEIR_OK && i < b->runs; i++) {
        struct weir_cell_figures figures;
        code = weir_cluster_cell(&cluster, cell, &full, &figures, error);
        if (figures.flows_per_s > r->full.flows_per_s)
            r->full = figures;
    }
    return code == WEIR_OK ? weir_cluster_cell(&cluster, cell, &paced, &r->paced, error) : code;
}

/* The case named as the queue is, then the grid's cells. What is missing on this machine is named and left out. */
static weir_err run_cluster(struct bench *b, const char *queue, const char *own, struct weir_error *error)
{
    const char *grid = b->grid;
    for (bool first = true; first || *grid; first = false) {
        struct weir_cell cell;
        weir_cell_next(first ? &own : &grid, &cell);
        struct result *r = find(b, queue, cell);
        char name[32];
        if (!r) {
            r = new_result(b, queue, cell);
            r->offered = b->options->offered ? (double)b->options->offered : CLUSTER_OFFERED;
            weir_err code = measure_cluster(b, r, cell, error);
            if (code == WEIR_ERR_MISMATCH)
                return code;
            if (code != WEIR_OK) { /* the other figures stand */
                weir_bench_skip(b->report, "%s-%.15s and what follows: %.90s", queue, r->cell, error->text);
                b->results--;
                return WEIR_OK;
            }
        }
        snprintf(name, sizeof name, "%s-%.15s", queue, r->cell);
        struct weir_bench_row *row = add_row(b, first ? queue : name, r);
        const struct result *memory = find(b, "memory", cell);
        if (row && memory) {
            row->yardstick = "weir in one process";
            row->theirs = memory->full.flows_per_s;
        }
    }
    return WEIR_OK;
}

/* --- the Python version --- */

static char python_name[160]; /* its name, for the report, which outlives the bench */

/* weir's figure beside Python's of the same cell. */
static void compare(struct bench *b, const char *name, const struct result *weir, const struct result *python)
{
    struct weir_bench_row *row = add_row(b, name, weir);
    if (!row)
        return;
    row->yardstick = python_name;
    row->theirs = python->full.flows_per_s;
    size_t used = strlen(row->note);
    snprintf(
        row->note + used, sizeof row->note - used,
        "\n%30sPython: %.0f us of CPU a flow; at %.0f flows/s offered: decision p50 %.0f us, p99 %.0f us, durable p99 %.0f ms",
        "", python->full.cpu_us, python->offered, python->paced.decision_us[0], python->paced.decision_us[1],
        python->paced.durable_ms[1]);
    weir_bench_figure(row, "theirs_cpu_us_per_flow", python->full.cpu_us);
    weir_bench_figure(row, "theirs_offered_flows_per_s", python->offered);
    weir_bench_figure(row, "theirs_offered_decision_p50_us", python->paced.decision_us[0]);
    weir_bench_figure(row, "theirs_offered_decision_p99_us", python->paced.decision_us[1]);
}

static weir_err run_paper_cells(struct bench *b, const struct result **best, struct weir_error *error)
{
    const struct weir_cell_load full = {.seconds = b->seconds}, paced = {.seconds = b->seconds, .offered = PAPER_OFFERED};
    struct weir_cell cell;
    weir_err code = WEIR_OK;
    for (const char *grid = b->options->grid ? b->options->grid : PAPER_GRID; code == WEIR_OK && *grid;) {
        weir_cell_next(&grid, &cell);
        if (find(b, PYTHON, cell))
            continue;
        struct result *r = new_result(b, PYTHON, cell), *ours = find(b, "memory", cell);
        char name[32];
        r->offered = PAPER_OFFERED;
        if ((code = weir_paper_cell(b->paper, cell, &full, &r->full, error)) != WEIR_OK ||
            (code = weir_paper_cell(b->paper, cell, &paced, &r->paced, error)) != WEIR_OK) {
            weir_bench_skip(b->report, "%.110s", error->text);
            b->results--;
            return WEIR_OK;
        }
        snprintf(name, sizeof name, "python-%.15s", r->cell);
        if (ours)
            compare(b, name, ours, r);
        *best = !*best || r->full.flows_per_s > (*best)->full.flows_per_s ? r : *best;
    }
    return code;
}

/* Beside it: the same cell over Redis, and the best of all in memory. */
static weir_err run_paper(struct bench *b, struct weir_error *error)
{
    struct weir_error why = {0};
    struct weir_cell cell, own;
    const char *paper = PAPER_CELL, *memory = MEMORY_CELL;
    const struct result *best = NULL, *ours, *theirs;
    if (b->options->model) {
        weir_bench_skip(b->report, "the Python version has the made model, not the one given");
        return WEIR_OK;
    }
    weir_err code = weir_paper_start(b->place.folder, &b->made, &b->paper, &why);
    if (code == WEIR_ERR_MISMATCH)
        return weir_fail(error, code, "the Python version: %s", why.text);
    if (code != WEIR_OK) {
        weir_bench_skip(b->report, "%.110s", why.text);
        return WEIR_OK;
    }
    snprintf(python_name, sizeof python_name, "%s", weir_paper_name(b->paper));
    code = run_paper_cells(b, &best, error);
    weir_cell_next(&paper, &cell);
    weir_cell_next(&memory, &own);
    if (code == WEIR_OK && (ours = find(b, "redis", cell)) && (theirs = find(b, PYTHON, cell)))
        compare(b, "paper-" PAPER_CELL, ours, theirs);
    else if (code == WEIR_OK)
        weir_bench_skip(b->report, "paper-" PAPER_CELL ": " PAPER_CELL " over Redis was not measured on both sides");
    if (code == WEIR_OK && best && (ours = find(b, "memory", own)))
        compare(b, "paper-best", ours, best);
    weir_paper_stop(&b->paper);
    return code;
}

/* --- files --- */

static weir_err write_csv(const struct bench *b, struct weir_error *error)
{
    FILE *to = fopen(b->options->csv, "w");
    if (!to)
        return weir_fail(error, WEIR_ERR_IO, "%s: %s", b->options->csv, strerror(errno));
    fputs("queue,cell,flows_per_s,cpu_us_per_flow,decision_p50_us,decision_p99_us,durable_p50_ms,durable_p99_ms,"
          "offered_flows_per_s,offered_committed_per_s,offered_decision_p50_us,offered_decision_p99_us,offered_durable_p50_ms,"
          "offered_durable_p99_ms\n",
          to);
    for (size_t i = 0; i < b->results; i++) {
        const struct result *r = &b->result[i];
        fprintf(to, "%s,%s,%.1f,%.3f,%.1f,%.1f,%.2f,%.2f,%.0f,%.1f,%.1f,%.1f,%.2f,%.2f\n", r->queue, r->cell, r->full.flows_per_s,
                r->full.cpu_us, r->full.decision_us[0], r->full.decision_us[1], r->full.durable_ms[0], r->full.durable_ms[1],
                r->offered, r->paced.flows_per_s, r->paced.decision_us[0], r->paced.decision_us[1], r->paced.durable_ms[0],
                r->paced.durable_ms[1]);
    }
    bool good = !ferror(to);
    if (fclose(to) || !good)
        return weir_fail(error, WEIR_ERR_IO, "%s: %s", b->options->csv, strerror(errno));
    return WEIR_OK;
}

static weir_err write_plot(const struct bench *b, struct weir_error *error)
{
    struct weir_plot_point point[RESULTS];
    size_t points = 0;
    for (unsigned pass = 0; pass < 2; pass++) /* the grid in its order, then the cell of the case that memory has for itself */
        for (size_t i = 0; i < b->results; i++) {
            const struct result *r = &b->result[i];
            if ((strcmp(r->cell, MEMORY_CELL) == 0) == (pass == 1))
                point[points++] = (struct weir_plot_point){
                    r->queue, r->cell, r->full.flows_per_s, {r->paced.decision_us[0], r->paced.decision_us[1]}, r->offered};
        }
    return weir_plot_write(b->options->plot, "weir bench pipeline", point, points, error);
}

weir_err weir_bench_pipeline(const struct weir_bench_options *options, struct weir_bench_report *report, struct weir_error *error)
{
    struct bench *b = calloc(1, sizeof *b);
    if (!b)
        return weir_fail(error, WEIR_ERR_MEMORY, "bench: out of memory");
    b->options = options;
    b->report = report;
    b->grid = options->grid ? options->grid : options->quick ? "10b4w,64b2w" : "1b1w,10b1w,10b4w,20b3w,50b3w,64b1w,64b2w,512b2w";
    b->queues = options->queues ? options->queues : options->quick ? "memory" : "memory,zmq,redis";
    b->runs = options->quick ? 1 : RUNS;
    b->seconds = options->seconds > 0 ? options->seconds : options->quick ? 2 : 4;
    b->cases = options->cases ? options->cases : options->quick ? "grid" : "grid,budget,flat,infer-2,paper";
    weir_err code = check_options(b, error);
    weir_log_set_level(WEIR_LOG_ERROR); /* a sensor that has to wait is what is measured */
    if (code == WEIR_OK)
        code = open_bench(b, error);
    bool grid = asked(b, "grid");
    if (code == WEIR_OK && grid && wants(b, "memory"))
        code = run_memory(b, error);
    if (code == WEIR_OK && grid && wants(b, "zmq"))
        code = run_cluster(b, "zmq", ZMQ_CELL, error);
    if (code == WEIR_OK && grid && wants(b, "redis"))
        code = run_cluster(b, "redis", REDIS_CELL, error);
    if (code == WEIR_OK && asked(b, "budget") && wants(b, "memory"))
        code = run_budget(b, error);
    if (code == WEIR_OK && asked(b, "flat") && wants(b, "memory"))
        code = run_flat(b, error);
    if (code == WEIR_OK && asked(b, "infer-2") && wants(b, "zmq") && !options->model)
        code = run_two(b, error);
    if (code == WEIR_OK && asked(b, "paper"))
        code = run_paper(b, error);
    if (code == WEIR_OK && options->quick && !options->cases)
        weir_bench_skip(report,
                        "quick: without the cases budget, flat and infer-2, and the Python version of the paper's pipeline");
    if (code == WEIR_OK && options->csv)
        code = write_csv(b, error);
    if (code == WEIR_OK && options->plot)
        code = write_plot(b, error);
    if (options->quick)
        weir_bench_skip(report, "quick: %g s a run instead of 4, 1 run instead of %d, fewer cells", b->seconds, RUNS);
    close_bench(b);
    return code;
}
