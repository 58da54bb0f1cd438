/* A fixed set of batches (each with room for its verdicts) that go round: lanes take, the store's writer gives back.
 *
 * All memory is taken in weir_pool_create: this is the bound on what is between metering and the store. Any thread.
 */
#ifndef WEIR_BATCH_POOL_H
#define WEIR_BATCH_POOL_H

#include "batch/batch.h"
#include "batch/verdict.h"
#include "weir/error.h"

struct weir_pool;

/* `count` batches of `columns` columns. WEIR_ERR_ARGUMENT, WEIR_ERR_MEMORY. */
weir_err weir_pool_create(size_t count, uint16_t columns, struct weir_pool **out);

/* Frees all batches, wherever they are. Sets *pool to NULL; NULL-safe. */
void weir_pool_destroy(struct weir_pool **pool);

/* An empty batch; waits until one is given back. NULL after weir_pool_close. */
struct weir_batch *weir_pool_take(struct weir_pool *pool);

/* The room for a batch's verdicts; ->batch is set, taken_ns, brief and alerts_only are 0, the rest is undefined. */
struct weir_verdicts *weir_pool_verdicts(struct weir_pool *pool, struct weir_batch *batch);

void weir_pool_give(struct weir_pool *pool, struct weir_batch *batch);

/* True while less than a quarter, and less than an eighth, of the batches is free. */
bool weir_pool_scarce(const struct weir_pool *pool);
bool weir_pool_short(const struct weir_pool *pool);

/* Wakes the takers that wait: they get NULL. */
void weir_pool_close(struct weir_pool *pool);

#endif
