/* Queues of batches between sensors and workers: one interface, several rooms behind it.
 *
 * `memory:` is a bounded ring of batch pointers in one process; a full one makes the sender wait (back-pressure), it never loses.
 * Any thread may push, pop and ask.
 */
#ifndef WEIR_QUEUE_QUEUE_H
#define WEIR_QUEUE_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "batch/batch.h"
#include "weir/error.h"

struct weir_queue;

/* Whether it is a queue that this build knows; nothing is opened. WEIR_ERR_UNSUPPORTED (names those it does). */
weir_err weir_queue_check(const char *url, struct weir_error *error);

/* url: "memory:". depth: how many batches it holds. WEIR_ERR_UNSUPPORTED for a scheme that this build does not know (names those
 * it does), WEIR_ERR_ARGUMENT, WEIR_ERR_MEMORY. */
weir_err weir_queue_open(const char *url, size_t depth, struct weir_queue **out, struct weir_error *error);

/* Frees; sets *queue to NULL; NULL-safe. No thread may be inside another function. */
void weir_queue_free(struct weir_queue **queue);

/* Hands a batch over; waits while the queue is full. False when closed: the batch stays the caller's. */
bool weir_queue_push(struct weir_queue *queue, struct weir_batch *batch);

/* The next batch; waits at most timeout_ns (negative: no limit). NULL after the time-out or when closed and empty. */
struct weir_batch *weir_queue_pop(struct weir_queue *queue, int64_t timeout_ns);

/* The batch that was popped has been dealt with; the queue may forget it. */
void weir_queue_done(struct weir_queue *queue, struct weir_batch *batch);

/* Batches inside; workers that are idle and ask for a batch. */
size_t weir_queue_depth(const struct weir_queue *queue);
unsigned weir_queue_wanted(const struct weir_queue *queue);

/* How long the first batch inside has waited since it was handed on; 0: there is none. */
int64_t weir_queue_age(struct weir_queue *queue);

/* No more pushes; pops go on until it is empty. */
void weir_queue_close(struct weir_queue *queue);

#endif
