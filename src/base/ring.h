/* A bounded queue of pointers between threads: many producers, many consumers, first in first out.
 *
 * What passes through it is a batch of up to 512 rows, so a lock a batch costs less than a nanosecond a row, and a sleeping
 * consumer wakes without polling. All functions but create and destroy: any thread. Never allocates after create.
 */
#ifndef WEIR_BASE_RING_H
#define WEIR_BASE_RING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "weir/error.h"

struct weir_ring;

/* capacity >= 1. WEIR_ERR_ARGUMENT, WEIR_ERR_MEMORY. */
weir_err weir_ring_create(size_t capacity, struct weir_ring **out);

/* Frees and sets *ring to NULL; what is still inside is not freed. NULL-safe. No thread may be inside another function. */
void weir_ring_destroy(struct weir_ring **ring);

/* Waits for room; one that found it full sleeps until it is half empty. False when the ring is closed: the pointer was not taken.
 */
bool weir_ring_push(struct weir_ring *ring, void *item);

/* Without waiting: false when full or closed. */
bool weir_ring_try_push(struct weir_ring *ring, void *item);

/* Waits until there is an item, at most timeout_ns (negative: no limit). NULL after the time-out, or when the ring is closed and
 * empty: weir_ring_closed tells which. */
void *weir_ring_pop(struct weir_ring *ring, int64_t timeout_ns);

/* No more pushes; pops go on until the ring is empty. Idempotent. */
void weir_ring_close(struct weir_ring *ring);
bool weir_ring_closed(struct weir_ring *ring);

/* Shows the first item, if there is one, to `look`, which must be quick: nobody pushes or pops meanwhile. */
void weir_ring_look(struct weir_ring *ring, void (*look)(void *context, void *item), void *context);

/* Snapshots: items inside; consumers asleep in weir_ring_pop. Cheap enough for the hot path. */
size_t weir_ring_depth(const struct weir_ring *ring);
unsigned weir_ring_waiting(const struct weir_ring *ring);

#endif
