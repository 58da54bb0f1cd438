#include "queue/queue.h"

#include <stdlib.h>
#include <string.h>

#include "queue/ops.h"

struct weir_queue {
    const struct weir_queue_ops *ops;
    void *state;
};

static const struct weir_queue_ops *const rooms[] = {&weir_queue_memory};

static const struct weir_queue_ops *find(const char *url)
{
    for (size_t i = 0; i < sizeof rooms / sizeof *rooms; i++)
        if (!strncmp(url, rooms[i]->scheme, strlen(rooms[i]->scheme)))
            return rooms[i];
    return NULL;
}

weir_err weir_queue_check(const char *url, struct weir_error *error)
{
    return find(url) ? WEIR_OK
                     : weir_fail(error, WEIR_ERR_UNSUPPORTED, "%.200s: not a queue that this weir knows; give memory:", url);
}

weir_err weir_queue_open(const char *url, size_t depth, struct weir_queue **out, struct weir_error *error)
{
    struct weir_error inner = {0};
    *out = NULL;
    if (weir_queue_check(url, &inner) != WEIR_OK)
        return weir_fail(error, inner.code, "--queue %s", inner.text);
    const struct weir_queue_ops *ops = find(url);
    struct weir_queue *queue = calloc(1, sizeof *queue);
    if (!queue)
        return weir_fail(error, WEIR_ERR_MEMORY, "queue %.200s: out of memory", url);
    queue->ops = ops;
    weir_err code = ops->open(url, depth, &queue->state, error);
    if (code != WEIR_OK)
        free(queue);
    else
        *out = queue;
    return code;
}

void weir_queue_free(struct weir_queue **queue)
{
    if (!queue || !*queue)
        return;
    (*queue)->ops->free((*queue)->state);
    free(*queue);
    *queue = NULL;
}

bool weir_queue_push(struct weir_queue *queue, struct weir_batch *batch)
{
    return queue->ops->push(queue->state, batch);
}

struct weir_batch *weir_queue_pop(struct weir_queue *queue, int64_t timeout_ns)
{
    return queue->ops->pop(queue->state, timeout_ns);
}

void weir_queue_done(struct weir_queue *queue, struct weir_batch *batch)
{
    queue->ops->done(queue->state, batch);
}

size_t weir_queue_depth(const struct weir_queue *queue)
{
    return queue->ops->depth(queue->state);
}

unsigned weir_queue_wanted(const struct weir_queue *queue)
{
    return queue->ops->wanted(queue->state);
}

int64_t weir_queue_age(struct weir_queue *queue)
{
    return queue->ops->age(queue->state);
}

void weir_queue_close(struct weir_queue *queue)
{
    queue->ops->close(queue->state);
}
