#include "base/ring.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"

struct weir_ring {
    pthread_mutex_t lock; /* protects all below but the two snapshots' readers */
    pthread_cond_t not_empty, not_full;
    size_t capacity, head; /* head: next to pop */
    unsigned blocked;      /* producers asleep */
    atomic_size_t depth;   /* written under the lock */
    atomic_uint waiting;   /* written under the lock */
    bool closed;
    void *item[];
};

weir_err weir_ring_create(size_t capacity, struct weir_ring **out)
{
    *out = NULL;
    if (capacity < 1 || capacity > SIZE_MAX / sizeof(void *) / 2)
        return WEIR_ERR_ARGUMENT;
    struct weir_ring *ring = calloc(1, sizeof *ring + capacity * sizeof *ring->item);
    if (!ring)
        return WEIR_ERR_MEMORY;
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_mutex_init(&ring->lock, NULL);
    pthread_cond_init(&ring->not_empty, &attributes);
    pthread_cond_init(&ring->not_full, &attributes);
    pthread_condattr_destroy(&attributes);
    ring->capacity = capacity;
    *out = ring;
    return WEIR_OK;
}

void weir_ring_destroy(struct weir_ring **ring)
{
    if (!ring || !*ring)
        return;
    pthread_cond_destroy(&(*ring)->not_empty);
    pthread_cond_destroy(&(*ring)->not_full);
    pthread_mutex_destroy(&(*ring)->lock);
    free(*ring);
    *ring = NULL;
}

static size_t depth_of(const struct weir_ring *ring)
{
    return atomic_load_explicit(&ring->depth, memory_order_relaxed);
}

static void set_depth(struct weir_ring *ring, size_t depth)
{
    atomic_store_explicit(&ring->depth, depth, memory_order_relaxed);
}

static bool push(struct weir_ring *ring, void *item, bool wait)
{
    pthread_mutex_lock(&ring->lock);
    while (wait && !ring->closed && depth_of(ring) == ring->capacity) {
        ring->blocked++;
        pthread_cond_wait(&ring->not_full, &ring->lock);
        ring->blocked--;
    }
    size_t depth = depth_of(ring);
    bool taken = !ring->closed && depth < ring->capacity;
    if (taken) {
        ring->item[(ring->head + depth) % ring->capacity] = item;
        set_depth(ring, depth + 1);
    }
    bool wake = taken && atomic_load_explicit(&ring->waiting, memory_order_relaxed) > 0;
    pthread_mutex_unlock(&ring->lock);
    if (wake)
        pthread_cond_signal(&ring->not_empty);
    return taken;
}

bool weir_ring_push(struct weir_ring *ring, void *item)
{
    return push(ring, item, true);
}

bool weir_ring_try_push(struct weir_ring *ring, void *item)
{
    return push(ring, item, false);
}

void *weir_ring_pop(struct weir_ring *ring, int64_t timeout_ns)
{
    struct timespec until = {0};
    if (timeout_ns >= 0) {
        int64_t at = weir_clock_mono_ns() + timeout_ns;
        until = (struct timespec){.tv_sec = at / 1000000000, .tv_nsec = at % 1000000000};
    }
    void *item = NULL;
    bool wake = false;
    pthread_mutex_lock(&ring->lock);
    while (!depth_of(ring) && !ring->closed) {
        atomic_fetch_add_explicit(&ring->waiting, 1, memory_order_relaxed);
        int late = timeout_ns < 0 ? pthread_cond_wait(&ring->not_empty, &ring->lock)
                                  : pthread_cond_timedwait(&ring->not_empty, &ring->lock, &until);
        atomic_fetch_sub_explicit(&ring->waiting, 1, memory_order_relaxed);
        if (late == ETIMEDOUT)
            break;
    }
    size_t depth = depth_of(ring);
    if (depth) {
        /* not for one place, which would cost a wake-up an item */
        wake = ring->blocked && depth - 1 <= ring->capacity / 2;
        item = ring->item[ring->head];
        ring->head = (ring->head + 1) % ring->capacity;
        set_depth(ring, depth - 1);
    }
    pthread_mutex_unlock(&ring->lock);
    if (wake)
        pthread_cond_broadcast(&ring->not_full);
    return item;
}

void weir_ring_close(struct weir_ring *ring)
{
    pthread_mutex_lock(&ring->lock);
    ring->closed = true;
    pthread_mutex_unlock(&ring->lock);
    pthread_cond_broadcast(&ring->not_empty);
    pthread_cond_broadcast(&ring->not_full);
}

bool weir_ring_closed(struct weir_ring *ring)
{
    pthread_mutex_lock(&ring->lock);
    bool closed = ring->closed;
    pthread_mutex_unlock(&ring->lock);
    return closed;
}

void weir_ring_look(struct weir_ring *ring, void (*look)(void *context, void *item), void *context)
{
    pthread_mutex_lock(&ring->lock);
    if (depth_of(ring))
        look(context, ring->item[ring->head]);
    pthread_mutex_unlock(&ring->lock);
}

size_t weir_ring_depth(const struct weir_ring *ring)
{
    return depth_of(ring);
}

unsigned weir_ring_waiting(const struct weir_ring *ring)
{
    return atomic_load_explicit(&ring->waiting, memory_order_relaxed);
}
