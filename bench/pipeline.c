/* weir bench pipeline: records in memory to committed DuckDB rows, for a grid of batch sizes and workers.
 *
 * The records are those of a capture, metered once, then repeated with new flow ids until a cell's rows are full. Yardstick:
 * DuckDB's appender alone on verdicts of the same records in the same run, one thread: the sink's own speed. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "batch/batcher.h"
#include "bench/bench.h"
#include "pipeline/backend.h"
#include "pipeline/judge.h"
#include "bench/records.h"
#include "bench/scratch.h"
#include "store/store.h"

enum { COMMIT_ROWS = 100000, BURST = 8, RUNS = 3 };

struct place { /* a throw-away store */
    char folder[32], store[64], wal[72];
};

struct cell {
    unsigned batch, workers;
    double rows_per_s;
    struct weir_account account;
};

static void wipe(const struct place *place)
{
    unlink(place->store);
    unlink(place->wal);
}

static weir_err feed(struct weir_backend *backend, struct weir_batcher *batcher, const struct weir_records *r, uint64_t rows,
                     struct cell *cell, struct weir_error *error)
{
    int64_t started = weir_clock_mono_ns(), now = started;
    for (uint64_t i = 0; i < rows; i++) {
        struct weir_identity identity = r->identity[i % r->count];
        identity.flow_id.low ^= i;
        if (i % BURST == 0) /* a lane reads the clock once a burst, too */
            now = weir_clock_mono_ns();
        weir_batcher_add_row(batcher, &identity, r->row + i % r->count * r->columns, now);
        if (i % BURST == BURST - 1)
            weir_batcher_poll(batcher, now, weir_backend_wanted(backend));
    }
    weir_batcher_flush(batcher);
    weir_err code = weir_backend_drain(backend, error);
    cell->rows_per_s = (double)rows / ((double)(weir_clock_mono_ns() - started) / 1e9);
    weir_backend_account(backend, &cell->account);
    if (code == WEIR_OK && cell->account.store.committed != rows)
        code = weir_fail(error, WEIR_ERR_MISMATCH, "bench: %llu rows in, %llu committed", (unsigned long long)rows,
                         (unsigned long long)cell->account.store.committed);
    return code;
}

/* Feeds `rows` records through a backend and waits until the last is committed. */
static weir_err run_cell(const weir_model *model, const struct weir_records *r, const struct place *place, uint64_t rows,
                         struct cell *cell, struct weir_error *error)
{
    struct weir_backend *backend = NULL;
    struct weir_batcher *batcher = NULL;
    struct weir_backend_config config = {.model = model,
                                         .view = r->view,
                                         .workers = cell->workers,
                                         .producers = 1,
                                         .store = place->store,
                                         .sensor = "bench",
                                         .command = "weir bench pipeline",
                                         .commit_rows = COMMIT_ROWS};
    weir_err code = weir_backend_start(&config, &backend, error);
    if (code != WEIR_OK)
        return code;
    struct weir_batcher_config batcher_config = {.pool = weir_backend_pool(backend),
                                                 .view = r->view,
                                                 .columns = r->column,
                                                 .column_count = (uint16_t)r->columns,
                                                 .boot = 1,
                                                 .rows = cell->batch,
                                                 .max_delay_ns = 500000,
                                                 .send = weir_backend_push,
                                                 .context = backend};
    if ((code = weir_batcher_create(&batcher_config, &batcher)) != WEIR_OK)
        weir_fail(error, code, "bench: %s", weir_err_text(code));
    else
        code = feed(backend, batcher, r, rows, cell, error);
    weir_batcher_destroy(&batcher);
    weir_backend_free(&backend);
    wipe(place);
    return code;
}

static void fill(struct weir_batch *batch, const struct weir_records *r)
{
    batch->rows = WEIR_BATCH_ROWS;
    batch->boot = batch->seq = batch->lane = 0;
    for (unsigned i = 0; i < WEIR_BATCH_ROWS; i++) {
        batch->identity[i] = r->identity[i % r->count];
        batch->closed_ns[i] = weir_clock_mono_ns();
        for (unsigned c = 0; c < r->columns; c++)
            *weir_batch_cell(batch, i, c) = r->row[i % r->count * r->columns + c];
    }
}

/* The sink alone: full batches, judged once, appended again and again with new flow ids. */
static weir_err run_sink(const weir_model *model, const struct weir_records *r, const struct place *place, uint64_t rows,
                         double *rows_per_s, struct weir_error *error)
{
    struct weir_pool *pool = NULL;
    struct weir_store *store = NULL;
    struct weir_judge *judge = NULL, *lent = NULL;
    struct weir_row_columns columns = {.view = r->view, .count = r->columns};
    struct weir_store_config config = {.path = place->store, .sensor = "bench", .command = "weir bench pipeline"};
    weir_err code = weir_pool_create(1, (uint16_t)r->columns, &pool);
    if (code != WEIR_OK) {
        weir_fail(error, code, "bench: %s", weir_err_text(code));
        goto out;
    }
    weir_model_columns(model, &columns.names);
    if ((code = weir_judge_create(model, false, &columns, 1, WEIR_REASONS_EXACT, &judge, error)) != WEIR_OK)
        goto out;
    struct weir_batch *batch = weir_pool_take(pool);
    struct weir_verdicts *verdicts = weir_pool_verdicts(pool, batch);
    fill(batch, r);
    weir_judge_batch(judge, 0, verdicts);
    lent = verdicts->lender;
    if ((code = weir_store_open(&config, &store, error)) != WEIR_OK)
        goto out;
    int64_t started = weir_clock_mono_ns();
    uint64_t done = 0, open = 0;
    while (code == WEIR_OK && done < rows) {
        for (unsigned i = 0; i < WEIR_BATCH_ROWS; i++)
            batch->identity[i].flow_id.low += WEIR_BATCH_ROWS;
        batch->seq++;
        code = weir_store_append(store, verdicts, error);
        done += WEIR_BATCH_ROWS;
        open += WEIR_BATCH_ROWS;
        if (code == WEIR_OK && (open >= COMMIT_ROWS || done >= rows)) {
            code = weir_store_commit(store, NULL, error);
            open = 0;
        }
    }
    double rate = (double)done / ((double)(weir_clock_mono_ns() - started) / 1e9);
    *rows_per_s = rate > *rows_per_s ? rate : *rows_per_s;
out:
    weir_store_close(&store);
    weir_judge_release(&lent);
    weir_judge_release(&judge);
    weir_pool_destroy(&pool);
    wipe(place);
    return code;
}

static bool next_cell(const char **grid, struct cell *cell)
{
    int used = 0;
    *cell = (struct cell){0};
    if (sscanf(*grid, "%ub%uw%n", &cell->batch, &cell->workers, &used) != 2 || !used || !cell->batch ||
        cell->batch > WEIR_BATCH_ROWS || ((*grid)[used] && (*grid)[used] != ','))
        return false;
    *grid += used + ((*grid)[used] == ',');
    return true;
}

static void add(struct weir_bench_report *report, const struct cell *best, double sink, unsigned runs)
{
    char name[32];
    snprintf(name, sizeof name, "%ub%uw", best->batch, best->workers);
    struct weir_bench_row *row = weir_bench_add(report, name, "flows/s", false);
    if (!row) {
        weir_bench_skip(report, "%s: the report is full", name);
        return;
    }
    row->weir = best->rows_per_s;
    row->yardstick = "DuckDB appender alone";
    row->theirs = sink;
    row->runs = runs;
    snprintf(row->note, sizeof row->note, "decision p50 %.0f us, p99 %.0f us; durable p99 %.0f ms; %llu rows",
             (double)weir_histogram_quantile(&best->account.decision_ns, 0.5) / 1e3,
             (double)weir_histogram_quantile(&best->account.decision_ns, 0.99) / 1e3,
             (double)weir_histogram_quantile(&best->account.durable_ns, 0.99) / 1e6,
             (unsigned long long)best->account.store.committed);
}

weir_err weir_bench_pipeline(const struct weir_bench_options *options, struct weir_bench_report *report, struct weir_error *error)
{
    const char *grid = options->grid    ? options->grid
                       : options->quick ? "10b4w,64b2w,512b1w"
                                        : "1b1w,10b1w,10b4w,64b1w,64b2w,512b1w,512b2w";
    const unsigned runs = options->quick ? 1 : RUNS;
    const uint64_t full = options->quick ? 1000000 : 4000000;
    weir_model *model = NULL;
    struct weir_records records = {0};
    struct cell cell, best;
    double sink = 0;
    struct place place = {.folder = "/tmp/weir-bench-XXXXXX"};
    if (!mkdtemp(place.folder))
        return weir_fail(error, WEIR_ERR_IO, "%s: %s; is there room in /tmp?", place.folder, strerror(errno));
    snprintf(place.store, sizeof place.store, "%s/bench.duckdb", place.folder);
    snprintf(place.wal, sizeof place.wal, "%s.wal", place.store);
    weir_scratch_add(place.folder);
    weir_scratch_add(place.store);
    weir_scratch_add(place.wal);
    weir_err code = weir_model_load(options->model, &model, error);
    if (code == WEIR_OK)
        code = weir_records_load(options->capture, model, &records, error);
    for (unsigned i = 0; code == WEIR_OK && i < runs; i++)
        code = run_sink(model, &records, &place, full, &sink, error);
    while (code == WEIR_OK && *grid) {
        if (!next_cell(&grid, &cell)) {
            code = weir_fail(error, WEIR_ERR_ARGUMENT,
                             "--grid %.60s: give cells such as 10b4w (batch 1 to %d, workers), joined by commas", grid,
                             WEIR_BATCH_ROWS);
            break;
        }
        best = (struct cell){0};
        for (unsigned i = 0; code == WEIR_OK && i < runs; i++) {
            code = run_cell(model, &records, &place, cell.batch < 10 ? full / 10 : full, &cell, error);
            if (cell.rows_per_s > best.rows_per_s)
                best = cell;
        }
        if (code == WEIR_OK)
            add(report, &best, sink, runs);
    }
    if (options->quick)
        weir_bench_skip(report, "quick: 1,000,000 rows a cell instead of 4,000,000, 1 run instead of %d, fewer cells", RUNS);
    weir_scratch_remove();
    weir_records_fini(&records);
    weir_model_free(&model);
    return code;
}
