/* Lapses: the spans in which verdicts were degraded under pressure (--overload degrade), as rows of `outages`. store.c's own; one
 * thread.
 *
 * A span of a run goes on until nothing was degraded for WEIR_LAPSE_QUIET_NS; its row gets longer with each commit, in the same
 * transaction as the verdicts that it speaks of. So what `withheld` says is what the store lacks, whenever the process is killed.
 */
#ifndef WEIR_STORE_LAPSE_H
#define WEIR_STORE_LAPSE_H

#include <stddef.h>

#include "data/duck.h"

#define WEIR_LAPSE_QUIET_NS ((int64_t)10 * 1000000000)

enum weir_lapse_kind {
    WEIR_LAPSE_STORE,  /* verdicts that are no alerts were not stored */
    WEIR_LAPSE_REASONS /* alerts were not explained */
};

struct weir_lapse_of { /* copied */
    const char *run, *sensor;
    uint64_t boot;
    bool again; /* what is rolled back comes again: then it is forgotten here; else it waits for the next transaction */
};

struct weir_lapses { /* start with {0} */
    /* private */
    struct weir_lapse *lapse;
    size_t count, room;
};

/* Safe on zeroes. */
void weir_lapses_fini(struct weir_lapses *lapses);

/* So many rows more at this time (wall clock). False: out of memory. */
bool weir_lapses_add(struct weir_lapses *lapses, const struct weir_lapse_of *of, enum weir_lapse_kind kind, uint64_t rows,
                     int64_t now_ns);

/* True when there is something to be written. */
bool weir_lapses_wait(const struct weir_lapses *lapses);

/* Writes the rows, in the open transaction; then how that has ended: with a commit or a roll-back. Errors are DuckDB's, without
 * the path. */
weir_err weir_lapses_write(struct weir_lapses *lapses, struct weir_duck *duck, struct weir_error *error);
void weir_lapses_keep(struct weir_lapses *lapses);
void weir_lapses_undo(struct weir_lapses *lapses);

/* The store goes on in another file, where spans begin anew. */
void weir_lapses_leave(struct weir_lapses *lapses);

#endif
