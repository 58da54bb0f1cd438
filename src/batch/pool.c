#include "batch/pool.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

struct slot {
    struct weir_batch batch; /* first: a batch pointer is its slot's */
    struct weir_verdicts verdicts;
};

/* The batch that came back last is taken next: it is still in the caches. */
struct weir_pool {
    pthread_mutex_t lock; /* protects all below but the snapshot's readers */
    pthread_cond_t not_empty;
    struct weir_batch **free;
    atomic_size_t free_count; /* written under the lock */
    unsigned waiting;
    bool closed;
    struct slot **slot;
    size_t count;
};

static size_t free_count(const struct weir_pool *pool)
{
    return atomic_load_explicit(&pool->free_count, memory_order_relaxed);
}

static struct slot *slot_new(uint16_t columns)
{
    struct slot *slot = malloc(sizeof *slot);
    if (!slot)
        return NULL;
    size_t bytes = (size_t)(columns ? columns : 1) * WEIR_BATCH_ROWS * sizeof(float);
    slot->batch.columns = columns;
    slot->batch.rows = 0;
    slot->batch.x = aligned_alloc(64, bytes);
    slot->verdicts.batch = &slot->batch;
    if (!slot->batch.x) {
        free(slot);
        return NULL;
    }
    /* a partly filled block is scored as a whole: its unused rows must hold numbers from the start */
    for (size_t i = 0; i < bytes / sizeof(float); i++)
        slot->batch.x[i] = 0;
    return slot;
}

weir_err weir_pool_create(size_t count, uint16_t columns, struct weir_pool **out)
{
    *out = NULL;
    if (!count)
        return WEIR_ERR_ARGUMENT;
    weir_err code = WEIR_ERR_MEMORY;
    struct weir_pool *pool = calloc(1, sizeof *pool);
    if (!pool)
        return code;
    pool->slot = calloc(count, sizeof(struct slot *));
    pool->free = calloc(count, sizeof(struct weir_batch *));
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->not_empty, NULL);
    if (!pool->slot || !pool->free)
        goto fail;
    for (size_t i = 0; i < count; i++) {
        if (!(pool->slot[i] = slot_new(columns)))
            goto fail;
        pool->count = i + 1;
        weir_pool_give(pool, &pool->slot[i]->batch);
    }
    *out = pool;
    return WEIR_OK;
fail:
    weir_pool_destroy(&pool);
    return code;
}

void weir_pool_destroy(struct weir_pool **pool)
{
    if (!pool || !*pool)
        return;
    for (size_t i = 0; i < (*pool)->count; i++) {
        free((*pool)->slot[i]->batch.x);
        free((*pool)->slot[i]);
    }
    pthread_cond_destroy(&(*pool)->not_empty);
    pthread_mutex_destroy(&(*pool)->lock);
    free((*pool)->free);
    free((*pool)->slot);
    free(*pool);
    *pool = NULL;
}

struct weir_batch *weir_pool_take(struct weir_pool *pool)
{
    struct weir_batch *batch = NULL;
    pthread_mutex_lock(&pool->lock);
    size_t left = free_count(pool);
    for (; !left && !pool->closed; left = free_count(pool)) {
        pool->waiting++;
        pthread_cond_wait(&pool->not_empty, &pool->lock);
        pool->waiting--;
    }
    if (left) {
        batch = pool->free[left - 1];
        struct weir_verdicts *verdicts = &((struct slot *)batch)->verdicts;
        batch->rows = 0;
        batch->handed_ns = verdicts->taken_ns = 0;
        verdicts->brief = verdicts->alerts_only = false;
        atomic_store_explicit(&pool->free_count, left - 1, memory_order_relaxed);
    }
    pthread_mutex_unlock(&pool->lock);
    return batch;
}

struct weir_verdicts *weir_pool_verdicts(struct weir_pool *pool, struct weir_batch *batch)
{
    (void)pool;
    return &((struct slot *)batch)->verdicts;
}

void weir_pool_give(struct weir_pool *pool, struct weir_batch *batch)
{
    pthread_mutex_lock(&pool->lock);
    size_t left = free_count(pool);
    pool->free[left] = batch;
    atomic_store_explicit(&pool->free_count, left + 1, memory_order_relaxed);
    bool wake = pool->waiting;
    pthread_mutex_unlock(&pool->lock);
    if (wake)
        pthread_cond_signal(&pool->not_empty);
}

bool weir_pool_scarce(const struct weir_pool *pool)
{
    return free_count(pool) < pool->count / 4;
}

bool weir_pool_short(const struct weir_pool *pool)
{
    return free_count(pool) < pool->count / 8;
}

void weir_pool_close(struct weir_pool *pool)
{
    pthread_mutex_lock(&pool->lock);
    pool->closed = true;
    pthread_mutex_unlock(&pool->lock);
    pthread_cond_broadcast(&pool->not_empty);
}
