/* The account of a sensor whose batches are judged elsewhere: the part that a backend's has no place for.
 *
 *   rows:    batched = accepted + refused
 *   outbox:  accepted + recovered = committed + damaged + held
 *
 * accepted: in the outbox; refused: no room there when the drain's time was over; recovered: a former start's, found in the state
 * folder; committed: the collector says so; damaged: the disk did not give back what was written; held: kept for the next start.
 * A plain value. Any thread.
 */
#ifndef WEIR_PIPELINE_REMOTE_H
#define WEIR_PIPELINE_REMOTE_H

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

#include "pipeline/outbox.h"

struct weir_remote_account {
    bool used, full; /* full: the outbox, at the moment */
    bool here;       /* workers and collector are threads of this process: the account has their part, too */
    struct weir_outbox_account outbox;
    struct weir_transport_account queue;
    uint64_t refused_rows, notes_left_out;
    int64_t budget_ns,
        service_ns; /* what batches take of it from their handing on (pipeline/sender.h); budget 0: there is none */
};

/* False, with one line in `why`, when an equation does not hold. */
bool weir_remote_check(const struct weir_remote_account *account, uint64_t batched_rows, char *why, size_t size);

/* {"outbox":{..},"queue":{..}}; the caller owns the reference; NULL when out of memory. */
json_t *weir_remote_json(const struct weir_remote_account *account);

/* The lines for people. */
void weir_remote_print(const struct weir_remote_account *account, FILE *to);

/* Depth, lag and pending of the queue's streams, a line for people; none when all are 0. */
void weir_remote_print_streams(const struct weir_transport_account *queue, FILE *to);

#endif
