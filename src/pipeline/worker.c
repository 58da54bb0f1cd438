#include "pipeline/worker.h"

#include <math.h>
#include <stdlib.h>

#include "base/clock.h"

weir_err weir_worker_init(struct weir_worker *worker)
{
    size_t columns = weir_model_columns(worker->model, NULL), groups = weir_model_groups(worker->model);
    worker->margins = calloc(WEIR_BLOCK_ROWS * groups, sizeof *worker->margins);
    worker->contributions = calloc(columns + 1, sizeof *worker->contributions);
    worker->row = calloc(columns + 1, sizeof *worker->row);
    return worker->margins && worker->contributions && worker->row ? WEIR_OK : WEIR_ERR_MEMORY;
}

void weir_worker_fini(struct weir_worker *worker)
{
    free(worker->margins);
    free(worker->contributions);
    free(worker->row);
}

/* Keeps the columns that moved the score most, the largest |contribution| first, the lower column first when equal. */
static void explain(struct weir_worker *worker, const struct weir_batch *batch, unsigned row, size_t group,
                    struct weir_alert_causes *out)
{
    double base;
    for (unsigned c = 0; c < batch->columns; c++)
        worker->row[c] = *weir_batch_cell(batch, row, c);
    weir_model_contributions(worker->model, worker->row, group, worker->contributions, &base);
    out->row = (uint16_t)row;
    out->count = 0;
    for (unsigned c = 0; c < batch->columns; c++) {
        double weight = fabs(worker->contributions[c]);
        if (!(weight > 0))
            continue;
        unsigned at = out->count;
        while (at > 0 && weight > fabs((double)out->cause[at - 1].contribution))
            at--;
        if (at == WEIR_REASONS_MAX)
            continue;
        if (out->count < WEIR_REASONS_MAX)
            out->count++;
        for (unsigned i = out->count - 1u; i > at; i--)
            out->cause[i] = out->cause[i - 1];
        out->cause[at] = (struct weir_cause){(uint16_t)c, worker->row[c], (float)worker->contributions[c]};
    }
}

void weir_worker_judge(struct weir_worker *worker, struct weir_verdicts *verdicts)
{
    const weir_model *model = worker->model;
    struct weir_batch *batch = verdicts->batch;
    size_t groups = weir_model_groups(model);
    verdicts->model = weir_model_label(model);
    verdicts->feature_set = worker->feature_set;
    weir_model_classes(model, &verdicts->classes);
    weir_model_columns(model, &verdicts->columns);
    verdicts->threshold = weir_model_threshold(model);
    verdicts->alerts = 0;
    for (unsigned first = 0; first < batch->rows; first += WEIR_BLOCK_ROWS) {
        unsigned rows = batch->rows - first < WEIR_BLOCK_ROWS ? batch->rows - first : WEIR_BLOCK_ROWS;
        uint8_t alert[WEIR_BLOCK_ROWS];
        weir_model_margins_block(model, weir_batch_cell(batch, first, 0), NULL, rows, worker->margins);
        weir_model_judge(model, worker->margins, rows, verdicts->score + first, verdicts->class_index + first, alert);
        for (unsigned r = 0; r < rows; r++) {
            verdicts->alert[first + r] = alert[r];
            if (alert[r]) /* with several margins, explain that of the class it was given */
                explain(worker, batch, first + r, groups > 1 ? verdicts->class_index[first + r] : 0,
                        &verdicts->causes[verdicts->alerts++]);
        }
        int64_t now = weir_clock_mono_ns();
        for (unsigned r = 0; r < rows; r++)
            verdicts->scored_ns[first + r] = now;
    }
}

void *weir_worker_run(void *argument)
{
    struct weir_worker *worker = argument;
    struct weir_batch *batch;
    while ((batch = weir_queue_pop(worker->queue, -1))) {
        struct weir_verdicts *verdicts = weir_pool_verdicts(worker->pool, batch);
        weir_worker_judge(worker, verdicts);
        atomic_fetch_add_explicit(worker->scored, batch->rows, memory_order_relaxed);
        weir_queue_done(worker->queue, batch);
        weir_ring_push(worker->verdicts, verdicts); /* closed only after all workers have ended */
    }
    return NULL;
}
