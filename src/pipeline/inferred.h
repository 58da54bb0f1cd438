/* The account of a process that judges batches of others: the part that a backend's has no place for.
 *
 *   frames:  taken = judged + notes + refused + left
 *
 * judged: their verdicts were handed on; notes: handed on as they were; refused: no frames, or of another model than the queue's
 * filter let through; left: the end came before they could be handed on, so that others judge them. A plain value. Any thread.
 */
#ifndef WEIR_PIPELINE_INFERRED_H
#define WEIR_PIPELINE_INFERRED_H

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

#include "base/histogram.h"
#include "queue/transport.h"

struct weir_inferred_account {
    bool used;
    uint64_t taken, judged, notes, refused, left;
    struct weir_transport_account queue;
    struct weir_histogram queue_ns; /* from the sensor's sending to the taking: the clocks of two machines */
    struct weir_histogram score_ns; /* of a batch: from the taking to its verdicts */
};

/* Adds a worker's to the sum. What the queue says of itself (depth, lag, pending, unscorable lists) is the same for all of them.
 */
void weir_inferred_add(struct weir_inferred_account *into, const struct weir_inferred_account *from);

/* False, with one line in `why`, when the equation does not hold. */
bool weir_inferred_check(const struct weir_inferred_account *account, char *why, size_t size);

/* {"inferred":{..},"queue":{..}}; the caller owns the reference; NULL when out of memory. */
json_t *weir_inferred_json(const struct weir_inferred_account *account);

/* The lines for people. */
void weir_inferred_print(const struct weir_inferred_account *account, FILE *to);

#endif
