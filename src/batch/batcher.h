/* The batcher: one lane's records into micro-batches.
 *
 * A batch is handed on when it is full, when its oldest row is max_delay old, or when somebody wants it now (weir_batcher_poll).
 * With a budget it is handed on in time for its verdict to be out before its oldest row is as old as the budget: by then less
 * what a batch takes from there on, as measured. It belongs to the lane's thread.
 */
#ifndef WEIR_BATCH_BATCHER_H
#define WEIR_BATCH_BATCHER_H

#include <stdatomic.h>
#include <stdbool.h>

#include "batch/pool.h"
#include "features/view.h"
#include "weir/error.h"

/* A lane looks at its open batch about this often when nothing comes. */
#define WEIR_BATCH_LOOK_NS 1000000

/* Below this many rows a batch is not worth waking an idle worker for: scoring a block costs the same for 1 and for 64 rows. */
#define WEIR_BATCH_WORTH 9

struct weir_batcher;

/* Takes over the batch. False: nobody takes batches any more; the batcher gives the batch back to the pool. */
typedef bool weir_batcher_send(void *context, struct weir_batch *batch);

struct weir_batcher_config {
    struct weir_pool *pool; /* of batches with `column_count` columns */
    const struct weir_view *view;
    const uint16_t *columns; /* indexes in the view, in the model's order */
    uint16_t column_count;
    uint32_t lane;
    uint64_t boot;
    unsigned rows;                         /* 1..WEIR_BATCH_ROWS */
    int64_t max_delay_ns;                  /* >= 0 */
    int64_t budget_ns;                     /* 0: none */
    const atomic_int_fast64_t *service_ns; /* with a budget: the time from handing on to the verdict */
    atomic_uint_fast64_t *tally;           /* NULL, or where the rows put into batches are counted, each before it is handed on */
    weir_batcher_send *send;
    void *context;
};

struct weir_batcher_account {
    uint64_t rows;    /* handed on in batches */
    uint64_t stopped; /* thrown away: the pool or the receiver was closed */
    uint64_t batches;
};

/* WEIR_ERR_ARGUMENT, WEIR_ERR_MEMORY. */
weir_err weir_batcher_create(const struct weir_batcher_config *config, struct weir_batcher **out);
void weir_batcher_destroy(struct weir_batcher **batcher);

/* Adds a record that was closed at now_ns (monotonic). May wait for a free batch. */
void weir_batcher_add(struct weir_batcher *batcher, const struct weir_record *record, int64_t now_ns);

/* Adds a row whose values are at hand: row[column_count]. */
void weir_batcher_add_row(struct weir_batcher *batcher, const struct weir_identity *identity, const float *row, int64_t now_ns);

/* Hands on the open batch if it is old enough, or if it is `wanted` and worth it. */
void weir_batcher_poll(struct weir_batcher *batcher, int64_t now_ns, bool wanted);

/* Hands on the open batch, whatever is in it. */
void weir_batcher_flush(struct weir_batcher *batcher);

/* Rows in the open batch. */
unsigned weir_batcher_waiting(const struct weir_batcher *batcher);

const struct weir_batcher_account *weir_batcher_account(const struct weir_batcher *batcher);

/* Hash of a feature set and the ordered names of a column list. */
uint64_t weir_column_list_id(uint64_t feature_set, const char *const *names, size_t count);

#endif
