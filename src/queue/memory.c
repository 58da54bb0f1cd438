/* memory: — a bounded ring of batch pointers. Delivery within one process cannot fail, so `done` has nothing to do. */
#include "base/ring.h"
#include "base/clock.h"
#include "queue/ops.h"

static weir_err memory_open(const char *url, size_t depth, void **state, struct weir_error *error)
{
    struct weir_ring *ring = NULL;
    weir_err code = weir_ring_create(depth, &ring);
    *state = ring;
    return code == WEIR_OK ? code : weir_fail(error, code, "queue %.200s: %s", url, weir_err_text(code));
}

static void memory_free(void *state)
{
    struct weir_ring *ring = state;
    weir_ring_destroy(&ring);
}

static bool memory_push(void *state, struct weir_batch *batch)
{
    return weir_ring_push(state, batch);
}

static struct weir_batch *memory_pop(void *state, int64_t timeout_ns)
{
    return weir_ring_pop(state, timeout_ns);
}

static void memory_done(void *state, struct weir_batch *batch)
{
    (void)state;
    (void)batch;
}

static size_t memory_depth(const void *state)
{
    return weir_ring_depth(state);
}

static unsigned memory_wanted(const void *state)
{
    return weir_ring_waiting(state);
}

static void look(void *context, void *item)
{
    *(int64_t *)context = ((const struct weir_batch *)item)->handed_ns;
}

static int64_t memory_age(void *state)
{
    int64_t handed_ns = 0;
    weir_ring_look(state, look, &handed_ns);
    return handed_ns ? weir_clock_mono_ns() - handed_ns : 0;
}

static void memory_close(void *state)
{
    weir_ring_close(state);
}

const struct weir_queue_ops weir_queue_memory = {
    .scheme = "memory:",
    .open = memory_open,
    .free = memory_free,
    .push = memory_push,
    .pop = memory_pop,
    .done = memory_done,
    .depth = memory_depth,
    .wanted = memory_wanted,
    .age = memory_age,
    .close = memory_close,
};
