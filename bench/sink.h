/* The pipeline bench's yardstick: DuckDB's appender alone, one thread, on verdicts of the same records. One thread. */
#ifndef WEIR_BENCH_SINK_H
#define WEIR_BENCH_SINK_H

#include "bench/records.h"

/* Rows a second into a new store at `store`, for so many rows or seconds. Errors of the store. */
weir_err weir_sink_measure(const weir_model *model, const struct weir_records *records, const char *store, uint64_t rows,
                           double seconds, double *rows_per_s, struct weir_error *error);

#endif
