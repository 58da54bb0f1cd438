/* Verdicts on their way to a slow taker: a bounded queue that keeps copies, so that their batches go back to the pool at once.
 *
 * A store that commits, folds in its log or waits for the disk takes nothing for a while: part of a second. Verdicts without
 * their features are 110 bytes a row, so 8 MiB hold three quarters of a second at 100,000 a second, and meanwhile batches go
 * round and decisions are made on time. First in, first out; rows of a batch stay together. All memory is taken in create.
 *
 * Many threads push, one pops.
 */
#ifndef WEIR_BATCH_BACKLOG_H
#define WEIR_BATCH_BACKLOG_H

#include "batch/verdict.h"
#include "weir/error.h"

struct weir_backlog;

/* `bytes` of memory, raised to what the largest batch takes. WEIR_ERR_MEMORY. */
weir_err weir_backlog_create(size_t bytes, struct weir_backlog **out);

/* Frees; sets *backlog to NULL; NULL-safe. No thread may be inside another function. */
void weir_backlog_destroy(struct weir_backlog **backlog);

/* Copies the verdicts and what they say of their batch, but for the features; waits for room. The lender goes with them. False
 * when closed: they were not taken. */
bool weir_backlog_push(struct weir_backlog *backlog, const struct weir_verdicts *verdicts);

/* The oldest into *out and *out->batch, whose `x` stays as it is; waits at most timeout_ns (negative: no limit). False after the
 * time-out, or when closed and empty: weir_backlog_closed tells which. */
bool weir_backlog_pop(struct weir_backlog *backlog, int64_t timeout_ns, struct weir_verdicts *out);

/* No more pushes; pops go on until it is empty. Idempotent. */
void weir_backlog_close(struct weir_backlog *backlog);
bool weir_backlog_closed(struct weir_backlog *backlog);

#endif
