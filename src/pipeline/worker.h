/* A worker: takes batches, scores and judges every row, explains the alerts. One thread each; the model is shared. */
#ifndef WEIR_PIPELINE_WORKER_H
#define WEIR_PIPELINE_WORKER_H

#include <stdatomic.h>

#include "base/ring.h"
#include "batch/pool.h"
#include "queue/queue.h"
#include "weir/model.h"

struct weir_worker {
    /* set by the owner before the start */
    const weir_model *model;
    const char *feature_set;
    struct weir_queue *queue;
    struct weir_pool *pool;
    struct weir_ring *verdicts; /* struct weir_verdicts * to the writer */
    atomic_uint_fast64_t *scored;
    /* the worker's own */
    float *margins; /* one block */
    double *contributions;
    float *row;
};

/* Takes the worker's scratch memory. */
weir_err weir_worker_init(struct weir_worker *worker);
void weir_worker_fini(struct weir_worker *worker);

/* Scores one batch into its verdicts; no threads needed (tests, bench). */
void weir_worker_judge(struct weir_worker *worker, struct weir_verdicts *verdicts);

/* Thread body: runs until the queue is closed and empty. Argument: struct weir_worker *. */
void *weir_worker_run(void *worker);

#endif
