#include "batch/batcher.h"

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "base/clock.h"

struct weir_batcher {
    struct weir_batcher_config config;
    uint64_t feature_set, column_list, seq, added;
    struct weir_batch *open;
    struct weir_batcher_account account;
    double (**value)(const struct weir_record *);
};

uint64_t weir_column_list_id(uint64_t feature_set, const char *const *names, size_t count)
{
    XXH64_hash_t hash = XXH3_64bits(&feature_set, sizeof feature_set);
    for (size_t i = 0; i < count; i++) /* the terminating NUL keeps "ab","c" and "a","bc" apart */
        hash = XXH3_64bits_withSeed(names[i], strlen(names[i]) + 1, hash);
    return hash;
}

weir_err weir_batcher_create(const struct weir_batcher_config *config, struct weir_batcher **out)
{
    *out = NULL;
    if (config->rows < 1 || config->rows > WEIR_BATCH_ROWS || config->max_delay_ns < 0 ||
        (config->budget_ns && !config->service_ns))
        return WEIR_ERR_ARGUMENT;
    for (unsigned i = 0; i < config->column_count; i++)
        if (config->columns[i] >= config->view->column_count || !config->view->columns[config->columns[i]].value)
            return WEIR_ERR_ARGUMENT;
    weir_err code = WEIR_ERR_MEMORY;
    const char **names = calloc(config->column_count + 1u, sizeof *names);
    struct weir_batcher *batcher = calloc(1, sizeof *batcher);
    if (!names || !batcher || !(batcher->value = calloc(config->column_count + 1u, sizeof *batcher->value)))
        goto out;
    batcher->config = *config;
    batcher->config.columns = NULL; /* the caller's: not kept */
    for (unsigned i = 0; i < config->column_count; i++) {
        names[i] = config->view->columns[config->columns[i]].name;
        batcher->value[i] = config->view->columns[config->columns[i]].value;
    }
    batcher->feature_set = weir_view_id(config->view);
    batcher->column_list = weir_column_list_id(batcher->feature_set, names, config->column_count);
    *out = batcher;
    batcher = NULL;
    code = WEIR_OK;
out:
    free(names);
    weir_batcher_destroy(&batcher);
    return code;
}

void weir_batcher_destroy(struct weir_batcher **batcher)
{
    if (!batcher || !*batcher)
        return;
    if ((*batcher)->open)
        weir_pool_give((*batcher)->config.pool, (*batcher)->open);
    free((*batcher)->value);
    free(*batcher);
    *batcher = NULL;
}

void weir_batcher_flush(struct weir_batcher *batcher)
{
    struct weir_batch *batch = batcher->open;
    if (!batch)
        return;
    batcher->open = NULL;
    uint16_t rows = batch->rows; /* read before it is somebody else's */
    batch->seq = batcher->seq++;
    batch->handed_ns = weir_clock_mono_ns();
    if (batcher->config.send(batcher->config.context, batch)) {
        batcher->account.rows += rows;
        batcher->account.batches++;
    } else {
        batcher->account.stopped += rows;
        weir_pool_give(batcher->config.pool, batch);
    }
}

/* The batch that takes the next row, or NULL when the pool is closed. */
static struct weir_batch *open_batch(struct weir_batcher *batcher, int64_t now_ns)
{
    if (batcher->open)
        return batcher->open;
    struct weir_batch *batch = weir_pool_take(batcher->config.pool);
    if (!batch) {
        batcher->account.stopped++;
        return NULL;
    }
    batch->feature_set = batcher->feature_set;
    batch->column_list = batcher->column_list;
    batch->boot = batcher->config.boot;
    batch->lane = batcher->config.lane;
    batch->opened_ns = now_ns;
    batcher->open = batch;
    return batch;
}

static void close_row(struct weir_batcher *batcher, const struct weir_identity *identity, int64_t now_ns)
{
    struct weir_batch *batch = batcher->open;
    batch->identity[batch->rows] = *identity;
    batch->closed_ns[batch->rows] = now_ns;
    batcher->added++;
    if (batcher->config.tally)
        atomic_store_explicit(batcher->config.tally, batcher->added, memory_order_release);
    if (++batch->rows == batcher->config.rows)
        weir_batcher_flush(batcher);
}

void weir_batcher_add(struct weir_batcher *batcher, const struct weir_record *record, int64_t now_ns)
{
    struct weir_batch *batch = open_batch(batcher, now_ns);
    if (!batch)
        return;
    float *cell = weir_batch_cell(batch, batch->rows, 0);
    for (unsigned i = 0; i < batch->columns; i++)
        cell[i * WEIR_BLOCK_ROWS] = (float)batcher->value[i](record);
    close_row(batcher, &record->identity, now_ns);
}

void weir_batcher_add_row(struct weir_batcher *batcher, const struct weir_identity *identity, const float *row, int64_t now_ns)
{
    struct weir_batch *batch = open_batch(batcher, now_ns);
    if (!batch)
        return;
    float *cell = weir_batch_cell(batch, batch->rows, 0);
    for (unsigned i = 0; i < batch->columns; i++)
        cell[i * WEIR_BLOCK_ROWS] = row[i];
    close_row(batcher, identity, now_ns);
}

/* How old the oldest row may get. */
static int64_t patience(const struct weir_batcher *batcher)
{
    const struct weir_batcher_config *config = &batcher->config;
    if (!config->budget_ns)
        return config->max_delay_ns;
    int64_t left = config->budget_ns - WEIR_BATCH_LOOK_NS - atomic_load_explicit(config->service_ns, memory_order_relaxed);
    return left < config->max_delay_ns ? left : config->max_delay_ns;
}

void weir_batcher_poll(struct weir_batcher *batcher, int64_t now_ns, bool wanted)
{
    if (!batcher->open)
        return;
    if ((wanted && batcher->open->rows >= WEIR_BATCH_WORTH) || now_ns - batcher->open->opened_ns >= patience(batcher))
        weir_batcher_flush(batcher);
}

unsigned weir_batcher_waiting(const struct weir_batcher *batcher)
{
    return batcher->open ? batcher->open->rows : 0;
}

const struct weir_batcher_account *weir_batcher_account(const struct weir_batcher *batcher)
{
    return &batcher->account;
}
