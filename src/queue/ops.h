/* What stands behind a queue URL: for the rooms of this folder only. */
#ifndef WEIR_QUEUE_OPS_H
#define WEIR_QUEUE_OPS_H

#include "queue/queue.h"

struct weir_queue_ops {
    const char *scheme; /* "memory:" */
    weir_err (*open)(const char *url, size_t depth, void **state, struct weir_error *error);
    void (*free)(void *state);
    bool (*push)(void *state, struct weir_batch *batch);
    struct weir_batch *(*pop)(void *state, int64_t timeout_ns);
    void (*done)(void *state, struct weir_batch *batch);
    size_t (*depth)(const void *state);
    unsigned (*wanted)(const void *state);
    int64_t (*age)(void *state);
    void (*close)(void *state);
};

extern const struct weir_queue_ops weir_queue_memory;

#endif
