/* A model at work: the model, where its columns lie in the batches, and room to score in for each worker.
 *
 * References are counted: a worker holds one while it scores, verdicts hold one (they borrow the model's names) until the writer
 * has written them. So a model can be replaced at any time, and is freed when its last verdicts are written.
 *
 * Alerts are explained by the columns that moved them most: exactly, or by the quicker path form, or not at all.
 *
 * The seat is the place of the judge of the day: workers ask there for each batch, so a swap falls between two batches.
 */
#ifndef WEIR_PIPELINE_JUDGE_H
#define WEIR_PIPELINE_JUDGE_H

#include <pthread.h>
#include <stdatomic.h>

#include "batch/verdict.h"
#include "features/view.h"
#include "weir/model.h"

enum weir_reasons { WEIR_REASONS_EXACT, WEIR_REASONS_PATH, WEIR_REASONS_NONE };

/* What the rows of the batches are. The names outlive everything that is made with them. */
struct weir_row_columns {
    const struct weir_view *view;
    const char *const *names;
    size_t count;
};

struct weir_judge {
    const weir_model *model;
    uint64_t number; /* of this judge in the process: 1, 2, ... */
    /* private */
    weir_model *own; /* freed with the judge; NULL: somebody else's */
    const char *feature_set;
    uint16_t *index; /* the model's columns in the batch */
    bool in_order;   /* index[c] = c */
    enum weir_reasons reasons;
    size_t columns, groups, room_bytes;
    float *margins; /* each of these for every worker */
    double *contributions;
    float *row;
    uint8_t *room; /* weir_model_explain's */
    atomic_uint holders;
};

/* Checks that the model fits and takes all memory; the first reference is the caller's. `own`: the model is freed with the judge,
 * on WEIR_OK. WEIR_ERR_MISMATCH (weir_model_fits says why), _MEMORY. */
weir_err weir_judge_create(const weir_model *model, bool own, const struct weir_row_columns *columns, unsigned workers,
                           enum weir_reasons reasons, struct weir_judge **out, struct weir_error *error);

/* One reference more, one less; the last one frees. Any thread. Release sets *judge to NULL; NULL-safe. */
struct weir_judge *weir_judge_hold(struct weir_judge *judge);
void weir_judge_release(struct weir_judge **judge);

/* Scores verdicts->batch, judges every row and explains the alerts (unless verdicts->brief), in the room of worker `worker`. The
 * verdicts get a reference: verdicts->lender, a struct weir_judge. */
void weir_judge_batch(struct weir_judge *judge, unsigned worker, struct weir_verdicts *verdicts);

struct weir_seat {
    pthread_mutex_t lock;
    struct weir_judge *judge;
};

/* Takes the reference over. */
void weir_seat_init(struct weir_seat *seat, struct weir_judge *judge);
void weir_seat_fini(struct weir_seat *seat);

/* The judge of the day, with a reference for the caller. Any thread. */
struct weir_judge *weir_seat_ask(struct weir_seat *seat);

/* Seats another one; takes the reference over. What is being scored goes on with the one before. Any thread. */
void weir_seat_change(struct weir_seat *seat, struct weir_judge *judge);

#endif
