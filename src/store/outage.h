/* Outages: what a store lacks, and why. One thread.
 *
 *   what    reason      withheld counts   written
 *   store   disk full   verdicts          when there is room again
 *   eve     disk full   lines             when there is room again, or at the end of the run
 *   store   degraded    verdicts          while that goes on (store/lapse.h)
 *   reasons degraded    alerts            the same: they are stored without their reasons
 *   sensor  killed      nobody knows      by the next run of the same sensor: the one before never closed the store; a sensor in
 *                                         a process of its own counts the rows that were in its batches and in no outbox
 *   sensor  lost        nobody knows      when a sensor in a process of its own says that it has batches no more which never came
 */
#ifndef WEIR_STORE_OUTAGE_H
#define WEIR_STORE_OUTAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "data/duck.h"

struct weir_outage {
    const char *what, *reason;
    int64_t began_ns, ended_ns;      /* wall clock; ended 0: it had not ended when the run did */
    int64_t withheld;                /* -1: nobody knows */
    const char *run, *sensor, *boot; /* of the run that was hit */
    const char *detail;              /* for people; NULL: none */
};

/* Inserts the row in the caller's transaction. Errors are DuckDB's, without the path. */
weir_err weir_outage_put(struct weir_duck *duck, const struct weir_outage *outage, struct weir_error *error);

/* How the last run of a sensor in a database ended. */
struct weir_last_run {
    bool found, killed; /* found: there is one; killed: it has no end */
    char run[40], boot[24];
    int64_t sign_ns;  /* wall clock: its last sign of life that the tables know, its start or a health row */
    char detail[400]; /* what of it is there */
};

weir_err weir_outage_last_run(struct weir_duck *duck, const char *sensor, struct weir_last_run *out, struct weir_error *error);

/* The same of the newest file of a folder, `except` left out, that has a run of this sensor; also when its file was written last.
 * Files that cannot be read are passed over. Errors of weir_folder_list. */
weir_err weir_outage_last_run_in(const char *folder, const char *except, const char *sensor, struct weir_last_run *out,
                                 struct weir_error *error);

/* When the store at `path`, or its log, was written last: wall clock, ns; 0: it is not there. */
int64_t weir_outage_written_ns(const char *path);

#endif
