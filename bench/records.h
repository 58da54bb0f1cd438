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
    int64_t span_ns; /* from the first packet of all to the last */
    bool failed;     /* out of memory while metering */
};

/* The identity of row i of a stream that repeats the records: flows of their own, later each time. */
static inline struct weir_identity weir_records_identity(const struct weir_records *r, uint64_t i)
{
    struct weir_identity identity = r->identity[i % r->count];
    int64_t shift_ns = (int64_t)(i / r->count) * r->span_ns;
    identity.flow_id.low ^= i;
    identity.stime_ns += shift_ns;
    identity.ltime_ns += shift_ns;
    return identity;
}

/* files[1] may be NULL (one port). Errors of the source and of weir_model_fits; WEIR_ERR_FORMAT for a capture without records.
 * The caller frees with weir_records_fini, also after a failure. */
weir_err weir_records_load(const char *const files[2], const weir_model *model, struct weir_records *records,
                           struct weir_error *error);
void weir_records_fini(struct weir_records *records);

#endif
