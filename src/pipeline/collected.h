/* The account of a collector: the part that a run's has no place for.
 *
 *   frames = batches + notes + duplicates + far + refused + returned
 *   rows taken (scored) = committed + degraded (no alerts, withheld under pressure) + not yet committed
 *
 * duplicates: the store had them; far: too many gaps below (store/marks.h), to come again; refused: cannot be read; returned:
 * taken and not committed, because the store failed or its disk is full: sensors send them again. A plain value. Any thread.
 */
#ifndef WEIR_PIPELINE_COLLECTED_H
#define WEIR_PIPELINE_COLLECTED_H

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

#include "queue/transport.h"

struct weir_collected {
    bool used;
    uint64_t frames, batches, notes, duplicates, far, refused, returned;
    uint64_t duplicate_rows, returned_rows;
    uint64_t sensors; /* that have sent since the start */
    struct weir_transport_account queue;
};

/* False, with one line in `why`, when the equation does not hold. */
bool weir_collected_check(const struct weir_collected *collected, char *why, size_t size);

/* The caller owns the reference; NULL when out of memory. */
json_t *weir_collected_json(const struct weir_collected *collected);

/* The lines for people. */
void weir_collected_print(const struct weir_collected *collected, FILE *to);

#endif
