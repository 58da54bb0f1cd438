/* Crowds: records of single-packet flows, put together by what they aim at.
 *
 * A lane whose rows are not taken quickly enough gives its single-packet flows to this instead of its batcher. Those of one
 * (address, port, protocol) become one record with the sums of their counters: no source, the reason WEIR_REASON_AGGREGATED, and
 * as record number how many flows it stands for. A flow that stays alone comes out as it went in. The owner hands the records on
 * every second, so that there is one for a target and second. It belongs to the lane's thread; all memory is taken at creation.
 */
#ifndef WEIR_BATCH_CROWD_H
#define WEIR_BATCH_CROWD_H

#include <stdbool.h>

#include "features/meter.h"

#define WEIR_CROWDS_MAX 256 /* targets at a time */

struct weir_crowds;

struct weir_crowds_account {
    uint64_t flows;    /* that went into a record with others */
    uint64_t records;  /* that they became */
    uint64_t overflow; /* flows that were refused */
};

/* lane: a part of the ids of the records, which other lanes make for the same targets. WEIR_ERR_MEMORY. */
weir_err weir_crowds_create(const struct weir_view *view, uint32_t lane, struct weir_crowds **out);
void weir_crowds_destroy(struct weir_crowds **crowds);

/* Takes the record in. False: there are too many targets; it is counted as overflow and the caller lets it go. */
bool weir_crowds_add(struct weir_crowds *crowds, const struct weir_record *record);

/* How many targets wait. */
unsigned weir_crowds_waiting(const struct weir_crowds *crowds);

/* Hands out what waits, in the order in which the targets came. */
void weir_crowds_flush(struct weir_crowds *crowds, weir_meter_emit *emit, void *context);

const struct weir_crowds_account *weir_crowds_account(const struct weir_crowds *crowds);

#endif
