#include "batch/pool.h"

#include <stdlib.h>

#include "base/ring.h"

struct slot {
    struct weir_batch batch; /* first: a batch pointer is its slot's */
    struct weir_verdicts verdicts;
};

struct weir_pool {
    struct weir_ring *free;
    struct slot **slot;
    size_t count;
};

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
    if (!pool->slot || (code = weir_ring_create(count, &pool->free)) != WEIR_OK)
        goto fail;
    for (size_t i = 0; i < count; i++) {
        code = WEIR_ERR_MEMORY;
        if (!(pool->slot[i] = slot_new(columns)))
            goto fail;
        pool->count = i + 1;
        weir_ring_push(pool->free, &pool->slot[i]->batch);
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
    weir_ring_destroy(&(*pool)->free);
    free((*pool)->slot);
    free(*pool);
    *pool = NULL;
}

struct weir_batch *weir_pool_take(struct weir_pool *pool)
{
    struct weir_batch *batch = weir_ring_pop(pool->free, -1);
    if (batch) {
        struct weir_verdicts *verdicts = &((struct slot *)batch)->verdicts;
        batch->rows = 0;
        batch->handed_ns = verdicts->taken_ns = 0;
        verdicts->brief = verdicts->alerts_only = false;
    }
    return batch;
}

struct weir_verdicts *weir_pool_verdicts(struct weir_pool *pool, struct weir_batch *batch)
{
    (void)pool;
    return &((struct slot *)batch)->verdicts;
}

void weir_pool_give(struct weir_pool *pool, struct weir_batch *batch)
{
    weir_ring_push(pool->free, batch);
}

bool weir_pool_scarce(const struct weir_pool *pool)
{
    return weir_ring_depth(pool->free) < pool->count / 4;
}

bool weir_pool_short(const struct weir_pool *pool)
{
    return weir_ring_depth(pool->free) < pool->count / 8;
}

void weir_pool_close(struct weir_pool *pool)
{
    weir_ring_close(pool->free);
}
