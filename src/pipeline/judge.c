#include "pipeline/judge.h"

#include <math.h>
#include <stdlib.h>

#include "base/clock.h"

static atomic_uint_fast64_t judges;

static void destroy(struct weir_judge *judge)
{
    weir_model_free(&judge->own);
    free(judge->index);
    free(judge->margins);
    free(judge->contributions);
    free(judge->row);
    free(judge->room);
    free(judge);
}

weir_err weir_judge_create(const weir_model *model, bool own, const struct weir_row_columns *columns, unsigned workers,
                           enum weir_reasons reasons, struct weir_judge **out, struct weir_error *error)
{
    *out = NULL;
    struct weir_judge *judge = calloc(1, sizeof *judge);
    if (!judge)
        return weir_fail(error, WEIR_ERR_MEMORY, "model: out of memory");
    judge->model = model;
    judge->feature_set = columns->view->name;
    judge->columns = weir_model_columns(model, NULL);
    judge->groups = weir_model_groups(model);
    judge->reasons = reasons;
    judge->room_bytes = (weir_model_explain_room(model) + 63) & ~(size_t)63;
    judge->index = calloc(judge->columns + 1, sizeof *judge->index);
    judge->margins = calloc(workers * WEIR_BLOCK_ROWS * judge->groups, sizeof *judge->margins);
    judge->contributions = calloc(workers * (judge->columns + 1), sizeof *judge->contributions);
    judge->row = calloc(workers * (judge->columns + 1), sizeof *judge->row);
    judge->room = aligned_alloc(64, workers * judge->room_bytes + 64);
    weir_err code = WEIR_OK;
    if (!judge->index || !judge->margins || !judge->contributions || !judge->row || !judge->room)
        code = weir_fail(error, WEIR_ERR_MEMORY, "model: out of memory");
    if (code == WEIR_OK)
        code = weir_model_fits(model, columns->view->name, weir_view_id(columns->view), columns->names, columns->count,
                               judge->index, error);
    if (code != WEIR_OK) {
        destroy(judge);
        return code;
    }
    judge->in_order = true;
    for (size_t c = 0; c < judge->columns; c++)
        judge->in_order = judge->in_order && judge->index[c] == c;
    judge->own = own ? (weir_model *)model : NULL;
    judge->number = atomic_fetch_add_explicit(&judges, 1, memory_order_relaxed) + 1;
    atomic_init(&judge->holders, 1);
    *out = judge;
    return WEIR_OK;
}

struct weir_judge *weir_judge_hold(struct weir_judge *judge)
{
    atomic_fetch_add_explicit(&judge->holders, 1, memory_order_relaxed);
    return judge;
}

void weir_judge_release(struct weir_judge **judge)
{
    if (!judge || !*judge)
        return;
    /* what the others did with it happens before it is freed */
    if (atomic_fetch_sub_explicit(&(*judge)->holders, 1, memory_order_acq_rel) == 1)
        destroy(*judge);
    *judge = NULL;
}

/* Keeps the columns that moved the score most, the largest |contribution| first, the lower column first when equal. */
static void explain(struct weir_judge *judge, unsigned worker, const struct weir_batch *batch, unsigned row, size_t group,
                    bool brief, struct weir_alert_causes *out)
{
    double base, *contributions = judge->contributions + worker * (judge->columns + 1);
    float *values = judge->row + worker * (judge->columns + 1);
    out->row = (uint16_t)row;
    out->count = 0;
    if (judge->reasons == WEIR_REASONS_NONE || brief)
        return;
    for (unsigned c = 0; c < judge->columns; c++)
        values[c] = *weir_batch_cell(batch, row, judge->index[c]);
    weir_model_explain(judge->model, judge->reasons == WEIR_REASONS_EXACT ? WEIR_EXPLAIN_EXACT : WEIR_EXPLAIN_PATH, values, 1,
                       judge->columns, group, judge->room + worker * judge->room_bytes, contributions, &base);
    for (unsigned c = 0; c < judge->columns; c++) {
        double weight = fabs(contributions[c]);
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
        out->cause[at] = (struct weir_cause){(uint16_t)c, values[c], (float)contributions[c]};
    }
}

void weir_judge_batch(struct weir_judge *judge, unsigned worker, struct weir_verdicts *verdicts)
{
    const weir_model *model = judge->model;
    struct weir_batch *batch = verdicts->batch;
    float *margins = judge->margins + worker * WEIR_BLOCK_ROWS * judge->groups;
    verdicts->lender = weir_judge_hold(judge);
    verdicts->names = judge->number;
    verdicts->origin = NULL;
    verdicts->model = weir_model_label(model);
    verdicts->feature_set = judge->feature_set;
    verdicts->class_count = weir_model_classes(model, &verdicts->classes);
    weir_model_columns(model, &verdicts->columns);
    verdicts->threshold = weir_model_threshold(model);
    verdicts->alerts = 0;
    for (unsigned first = 0; first < batch->rows; first += WEIR_BLOCK_ROWS) {
        unsigned rows = batch->rows - first < WEIR_BLOCK_ROWS ? batch->rows - first : WEIR_BLOCK_ROWS;
        uint8_t alert[WEIR_BLOCK_ROWS];
        weir_model_margins_block(model, weir_batch_cell(batch, first, 0), judge->in_order ? NULL : judge->index, rows, margins);
        weir_model_judge(model, margins, rows, verdicts->score + first, verdicts->class_index + first, alert);
        for (unsigned r = 0; r < rows; r++) {
            verdicts->alert[first + r] = alert[r];
            if (alert[r]) /* with several margins, explain that of the class it was given */
                explain(judge, worker, batch, first + r, judge->groups > 1 ? verdicts->class_index[first + r] : 0,
                        verdicts->brief, &verdicts->causes[verdicts->alerts++]);
        }
        int64_t now = weir_clock_mono_ns();
        for (unsigned r = 0; r < rows; r++)
            verdicts->scored_ns[first + r] = now;
    }
}

void weir_seat_init(struct weir_seat *seat, struct weir_judge *judge)
{
    pthread_mutex_init(&seat->lock, NULL);
    seat->judge = judge;
}

void weir_seat_fini(struct weir_seat *seat)
{
    weir_judge_release(&seat->judge);
    pthread_mutex_destroy(&seat->lock);
}

struct weir_judge *weir_seat_ask(struct weir_seat *seat)
{
    pthread_mutex_lock(&seat->lock);
    struct weir_judge *judge = weir_judge_hold(seat->judge);
    pthread_mutex_unlock(&seat->lock);
    return judge;
}

void weir_seat_change(struct weir_seat *seat, struct weir_judge *judge)
{
    pthread_mutex_lock(&seat->lock);
    struct weir_judge *before = seat->judge;
    seat->judge = judge;
    pthread_mutex_unlock(&seat->lock);
    weir_judge_release(&before);
}
