#include "bench/sink.h"

#include "base/clock.h"
#include "batch/pool.h"
#include "pipeline/judge.h"
#include "store/store.h"

enum { COMMIT_ROWS = 100000 };

static void fill(struct weir_batch *batch, const struct weir_records *r)
{
    batch->rows = WEIR_BATCH_ROWS;
    batch->boot = batch->seq = batch->lane = 0;
    for (unsigned i = 0; i < WEIR_BATCH_ROWS; i++) {
        batch->identity[i] = weir_records_identity(r, i);
        batch->closed_ns[i] = weir_clock_mono_ns();
        for (unsigned c = 0; c < r->columns; c++)
            *weir_batch_cell(batch, i, c) = r->row[i % r->count * r->columns + c];
    }
}

/* Full batches, judged once, appended again and again as other flows. */
static weir_err append(struct weir_store *store, struct weir_verdicts *verdicts, const struct weir_records *r, uint64_t rows,
                       double seconds, double *rows_per_s, struct weir_error *error)
{
    struct weir_batch *batch = verdicts->batch;
    int64_t started = weir_clock_mono_ns();
    uint64_t done = 0, open = 0;
    weir_err code = WEIR_OK;
    while (code == WEIR_OK && done < rows && (double)(weir_clock_mono_ns() - started) < seconds * 1e9) {
        for (unsigned i = 0; i < WEIR_BATCH_ROWS; i++)
            batch->identity[i] = weir_records_identity(r, done + i);
        batch->seq++;
        code = weir_store_append(store, verdicts, error);
        done += WEIR_BATCH_ROWS;
        open += WEIR_BATCH_ROWS;
        if (code == WEIR_OK && open >= COMMIT_ROWS) {
            code = weir_store_commit(store, NULL, error);
            open = 0;
        }
    }
    if (code == WEIR_OK)
        code = weir_store_commit(store, NULL, error);
    *rows_per_s = (double)done / ((double)(weir_clock_mono_ns() - started) / 1e9);
    return code;
}

weir_err weir_sink_measure(const weir_model *model, const struct weir_records *records, const char *path, uint64_t rows,
                           double seconds, double *rows_per_s, struct weir_error *error)
{
    struct weir_pool *pool = NULL;
    struct weir_store *store = NULL;
    struct weir_judge *judge = NULL, *lent = NULL;
    struct weir_row_columns columns = {.view = records->view, .count = records->columns};
    struct weir_store_config config = {.path = path, .sensor = "bench", .command = "weir bench pipeline"};
    weir_err code = weir_pool_create(1, (uint16_t)records->columns, &pool);
    if (code != WEIR_OK) {
        weir_fail(error, code, "bench: %s", weir_err_text(code));
        goto out;
    }
    weir_model_columns(model, &columns.names);
    if ((code = weir_judge_create(model, false, &columns, 1, WEIR_REASONS_EXACT, &judge, error)) != WEIR_OK)
        goto out;
    struct weir_batch *batch = weir_pool_take(pool);
    struct weir_verdicts *verdicts = weir_pool_verdicts(pool, batch);
    fill(batch, records);
    weir_judge_batch(judge, 0, verdicts);
    lent = verdicts->lender;
    if ((code = weir_store_open(&config, &store, error)) == WEIR_OK)
        code = append(store, verdicts, records, rows, seconds, rows_per_s, error);
out:
    weir_store_close(&store);
    weir_judge_release(&lent);
    weir_judge_release(&judge);
    weir_pool_destroy(&pool);
    return code;
}
