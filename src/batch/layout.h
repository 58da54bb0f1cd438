/* The layout: what the columns of somebody else's flow records are to weir, and a row of their cells as a row of a batch.
 *
 * A field is a column of the feature set that the batches carry, or that says who and when (stime, ltime, dur, proto, saddr,
 * sport, daddr, dport; flow_id and record, if the records have some). Fields are found by name: weir's, the title that `ra`
 * prints for it, or what the user maps to it; case does not count. A column that is not there but is the sum of two that are, or
 * the rest of one (pkts = spkts + dpkts), is reckoned. Texts of categories get the code of the feature set's table,
 * so a row that `weir flows` printed is judged as the packets were.
 *
 * A finished layout is constant: any thread.
 */
#ifndef WEIR_BATCH_LAYOUT_H
#define WEIR_BATCH_LAYOUT_H

#include "data/cells.h"
#include "features/view.h"
#include "weir/error.h"

/* Why a row is not judged; the texts are the keys of the account's "rejected". */
#define WEIR_FAULT_TABLE(X)                                                                                                      \
    X(WEIR_FAULT_CELLS, "cells")           /* not as many as the title has; or an open quote */                                  \
    X(WEIR_FAULT_JSON, "json")             /* a line that is no JSON object */                                                   \
    X(WEIR_FAULT_COLUMNS, "columns")       /* it lacks columns that the batches carry, or that say who and when */               \
    X(WEIR_FAULT_TIME, "time")             /* stime or ltime is none, or it ends before it begins */                             \
    X(WEIR_FAULT_ADDRESS, "address")       /* saddr or daddr is no IP address, or they are of two versions */                    \
    X(WEIR_FAULT_ID, "id")                 /* flow_id is no UUID, or record no number */                                         \
    X(WEIR_FAULT_MANAGEMENT, "management") /* Argus's own `man` records: no flows */                                             \
    X(WEIR_FAULT_FRAME, "frame")           /* a message that is no batch frame of this feature set; counts as one row */         \
    X(WEIR_FAULT_LINE, "line")             /* longer than the room for it */

enum weir_fault {
#define X(name, text) name,
    WEIR_FAULT_TABLE(X)
#undef X
        WEIR_FAULT_COUNT
};

/* Constant text; never NULL. */
const char *weir_fault_name(enum weir_fault fault);

struct weir_layout;

struct weir_layout_config {
    const struct weir_view *view;
    const uint16_t *columns; /* of the view: what the batches carry; not kept */
    uint16_t column_count;
    const char *const *map; /* "stime=Timestamp": field = the name that the records give it */
    size_t map_count;
};

/* WEIR_ERR_ARGUMENT for a mapping that is none or names no column, WEIR_ERR_MEMORY. */
weir_err weir_layout_create(const struct weir_layout_config *config, struct weir_layout **out, struct weir_error *error);
void weir_layout_destroy(struct weir_layout **layout); /* sets it to NULL; NULL-safe */

/* How many fields there are; the field of a name, or -1: such a column is passed over. */
size_t weir_layout_fields(const struct weir_layout *layout);
int weir_layout_find(const struct weir_layout *layout, const char *name, size_t length);

/* Are all fields there that a row cannot do without (has[fields])? WEIR_ERR_MISMATCH names those that are not; `from` begins the
 * message. */
weir_err weir_layout_check(const struct weir_layout *layout, const bool *has, const char *from, struct weir_error *error);

/* The same without a message. */
bool weir_layout_whole(const struct weir_layout *layout, const bool *has);

/* What rows have brought that became a missing value. One thread's. */
struct weir_layout_counts {
    uint64_t *unknown; /* [weir_layout_fields]: a category outside its table, or no number where one belongs */
    uint64_t dateless; /* rows whose times had no date: they count as of 1970-01-01 */
};

/* A row. cell[fields]: by field; text NULL: missing. Fills *identity and row[column_count]. True, or false and *fault.
 *
 * An identity without flow_id gets one of its key (addresses, protocol, ports) and stime, which is that of the metered flow for
 * TCP, SCTP and UDP without DNS's ids, if stime is that of the flow's first packet; `record` is 0 then. */
bool weir_layout_row(const struct weir_layout *layout, const struct weir_span *cell, struct weir_identity *identity, float *row,
                     struct weir_layout_counts *counts, enum weir_fault *fault);

/* The name of a field, for messages and the account. */
const char *weir_layout_name(const struct weir_layout *layout, size_t field);

/* The columns of a file that `ra` wrote with -L -1, without a title: its default ones. NULL-terminated. */
extern const char *const weir_layout_ra_columns[];

#endif
