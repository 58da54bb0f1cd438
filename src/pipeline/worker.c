#include "pipeline/worker.h"

#include "base/clock.h"

/* Near the upper end of what batches take: a quarter of the way up at once, a 64th of the way down. Several workers may mix
 * theirs. */
static void measure(atomic_int_fast64_t *service_ns, int64_t took_ns)
{
    int64_t known = atomic_load_explicit(service_ns, memory_order_relaxed);
    known += took_ns > known ? (took_ns - known) / 4 : (took_ns - known) / 64;
    atomic_store_explicit(service_ns, known, memory_order_relaxed);
}

void *weir_worker_run(void *argument)
{
    struct weir_worker *worker = argument;
    struct weir_batch *batch;
    while ((batch = weir_queue_pop(worker->queue, -1))) {
        struct weir_verdicts *verdicts = weir_pool_verdicts(worker->pool, batch);
        struct weir_judge *judge = weir_seat_ask(worker->seat);
        verdicts->taken_ns = weir_clock_mono_ns();
        verdicts->brief = worker->degrade && weir_pool_scarce(worker->pool);
        verdicts->alerts_only = worker->degrade && weir_pool_short(worker->pool);
        weir_judge_batch(judge, worker->number, verdicts);
        weir_judge_release(&judge);
        if (batch->handed_ns && batch->rows)
            measure(worker->service_ns, verdicts->scored_ns[batch->rows - 1] - batch->handed_ns);
        atomic_fetch_add_explicit(worker->scored, batch->rows, memory_order_relaxed);
        weir_queue_done(worker->queue, batch);
        weir_backlog_push(worker->backlog, verdicts); /* closed only after all workers have ended */
        weir_pool_give(worker->pool, batch);
    }
    return NULL;
}
