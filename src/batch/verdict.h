/* Verdicts: one judgement for each row of a batch, made by a worker, kept by the store.
 *
 * The names are borrowed from the model and the view, which outlive the verdicts (`lender` sees to that).
 */
#ifndef WEIR_BATCH_VERDICT_H
#define WEIR_BATCH_VERDICT_H

#include <stdbool.h>

#include "batch/batch.h"

#define WEIR_REASONS_MAX 5

/* One feature that moved an alert's score: rank 0 moved it most. */
struct weir_cause {
    uint16_t column;    /* index in `columns` */
    float value;        /* NaN = missing */
    float contribution; /* in margin (log odds); > 0 towards the alert */
};

struct weir_alert_causes {
    uint16_t row;
    uint8_t count; /* <= WEIR_REASONS_MAX */
    struct weir_cause cause[WEIR_REASONS_MAX];
};

/* The sensor of another process that a batch comes from. */
struct weir_origin {
    uint8_t sensor[16];
    const char *name; /* for people; UTF-8 */
};

struct weir_verdicts {
    struct weir_batch *batch;
    const struct weir_origin *origin; /* NULL: this process's own sensor */
    const char *model;                /* "name:version" */
    const char *feature_set;          /* "argus" */
    const char *const *classes;       /* class names */
    size_t class_count;
    const char *const *columns; /* names of the model's columns, which need not be those of the batch */
    void *lender;               /* whose names these are: pipeline/judge.h */
    uint64_t names;             /* number of these names in the process: other names, another number */
    int64_t taken_ns;           /* monotonic: when a worker of this process took the batch; 0: none did */
    bool brief;                 /* alerts are not explained; under pressure, as the next (pipeline/backend.h) */
    bool alerts_only;           /* rows that are no alerts are not stored */
    float threshold;
    float score[WEIR_BATCH_ROWS]; /* probability of an attack */
    uint16_t class_index[WEIR_BATCH_ROWS];
    bool alert[WEIR_BATCH_ROWS];
    int64_t scored_ns[WEIR_BATCH_ROWS]; /* monotonic; decision time = scored_ns - batch->closed_ns */
    unsigned alerts; /* number of true entries in `alert` = entries in `causes`, which are in the order of the rows */
    struct weir_alert_causes causes[WEIR_BATCH_ROWS];
};

#endif
