/* A worker: takes batches, has them judged by the judge of the day, hands the verdicts on. One thread each. */
#ifndef WEIR_PIPELINE_WORKER_H
#define WEIR_PIPELINE_WORKER_H

#include <stdatomic.h>

#include "batch/backlog.h"
#include "batch/pool.h"
#include "pipeline/judge.h"
#include "queue/queue.h"

struct weir_worker { /* set by the owner before the start */
    struct weir_seat *seat;
    unsigned number; /* 0, 1, ...: its room in the judge */
    struct weir_queue *queue;
    struct weir_pool *pool;
    struct weir_backlog *backlog; /* of the writer */
    atomic_uint_fast64_t *scored;
    atomic_int_fast64_t *service_ns; /* measured: from handing a batch on to its verdicts; rises quickly, falls slowly */
    bool degrade;                    /* under pressure (pipeline/backend.h) */
};

/* Thread body: runs until the queue is closed and empty. Argument: struct weir_worker *. */
void *weir_worker_run(void *worker);

#endif
