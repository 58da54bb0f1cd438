/* The flow records of a capture, metered once and kept in memory as rows of a model's columns. One thread. */
#ifndef WEIR_BENCH_RECORDS_H
#define WEIR_BENCH_RECORDS_H

#include "features/view.h"
#include "weir/error.h"
#include "weir/model.h"

struct weir_records {
    const struct weir_view *view;
    uint16_t *column; /* the model's columns in the view */
    size_t columns;
    struct weir_identity *identity; /* count */
    float *row;                     /* count * columns */
    size_t count, room;
    bool failed; /* out of memory while metering */
};

/* files[1] may be NULL (one port). Errors of the source and of weir_model_fits; WEIR_ERR_FORMAT for a capture without records.
 * The caller frees with weir_records_fini, also after a failure. */
weir_err weir_records_load(const char *const files[2], const weir_model *model, struct weir_records *records,
                           struct weir_error *error);
void weir_records_fini(struct weir_records *records);

#endif
