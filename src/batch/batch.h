/* The micro-batch: the unit of everything after metering.
 *
 * Up to WEIR_BATCH_ROWS rows of float32 features, feature-major in blocks of 64 rows: value of row r, column c is
 * x[((r / 64) * columns + c) * 64 + r % 64]. Row identities stand beside it. NaN = missing. A batch is filled by one lane, then
 * owned by whoever holds the pointer; it goes back to its pool with weir_batch_release.
 */
#ifndef WEIR_BATCH_BATCH_H
#define WEIR_BATCH_BATCH_H

#include <stddef.h>
#include <stdint.h>

#include "flow/record.h"

#define WEIR_BATCH_ROWS 512
#define WEIR_BLOCK_ROWS 64

struct weir_batch {
    uint64_t feature_set; /* weir_view_id */
    uint64_t column_list; /* hash of feature set and ordered column names */
    uint64_t boot, seq;
    uint32_t lane;
    uint16_t columns, rows;
    int64_t opened_ns; /* monotonic: the oldest row's closing */
    int64_t handed_ns; /* monotonic: when the batch was handed on; 0: elsewhere */
    struct weir_identity identity[WEIR_BATCH_ROWS];
    int64_t closed_ns[WEIR_BATCH_ROWS]; /* monotonic: when the record was closed, start of both clocks */
    float *x;                           /* 64-byte aligned, columns * WEIR_BATCH_ROWS values */
};

static inline float *weir_batch_cell(const struct weir_batch *batch, unsigned row, unsigned column)
{
    return batch->x + ((size_t)(row / WEIR_BLOCK_ROWS) * batch->columns + column) * WEIR_BLOCK_ROWS + row % WEIR_BLOCK_ROWS;
}

#endif
