#include "pipeline/worker.h"

void *weir_worker_run(void *argument)
{
    struct weir_worker *worker = argument;
    struct weir_batch *batch;
    while ((batch = weir_queue_pop(worker->queue, -1))) {
        struct weir_verdicts *verdicts = weir_pool_verdicts(worker->pool, batch);
        struct weir_judge *judge = weir_seat_ask(worker->seat);
        weir_judge_batch(judge, worker->number, verdicts);
        weir_judge_release(&judge);
        atomic_fetch_add_explicit(worker->scored, batch->rows, memory_order_relaxed);
        weir_queue_done(worker->queue, batch);
        weir_ring_push(worker->verdicts, verdicts); /* closed only after all workers have ended */
    }
    return NULL;
}
