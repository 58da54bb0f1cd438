/* The batch frame: a micro-batch as bytes, between processes and machines. docs/frame.md describes it for others.
 *
 * Little-endian; every part begins at a multiple of 64 bytes, so that a frame in 64-byte aligned memory is read where it lies:
 *
 *     0     8   89 57 45 49 52 46 0d 0a ("\x89WEIRF\r\n")
 *     8     2   version, 1              10   2   kind, 1: batch
 *     12    4   CRC32C of all other bytes of the frame (those before it, then those behind it)
 *     16    8   bytes of the frame      24   8   feature-set id       32   8   column-list id
 *     40   16   sensor id               56   8   boot                 64   8   sequence number in boot and lane
 *     72    4   lane                    76   2   columns, C           78   2   rows, R: 1 to 512
 *     80    4   bytes of the names, N   84   4   0                    88   8   time of the send, ns since 1970
 *     96    6   0                      102   2   flags: 1, a worker that is behind may degrade it
 *     104   8   when the batch was handed on, ns since 1970; 0: not known
 *     112  16   0
 *     128   N   names, each with a NUL behind it: the sensor's, then the columns'
 *           R x 80   identities: struct weir_identity as it lies in memory
 *           R x 8    when each record was closed, ns since 1970
 *           floor(R / 64) blocks of C x 64 float32: one feature's 64 values, then the next feature's
 *           the rest of the rows, r = R mod 64, if any: C x S float32, S = r rounded up to a multiple of 16
 *
 * Gaps between parts, and values past the last row, are 0. Pure functions; any thread.
 */
#ifndef WEIR_BATCH_FRAME_H
#define WEIR_BATCH_FRAME_H

#include <stdbool.h>

#include "batch/batch.h"
#include "weir/error.h"

#define WEIR_FRAME_COLUMNS_MAX 4096
#define WEIR_FRAME_NAMES_MAX   ((size_t)WEIR_FRAME_COLUMNS_MAX * 64)

enum weir_frame_kind { WEIR_FRAME_BATCH = 1, WEIR_FRAME_VERDICTS = 2, WEIR_FRAME_NOTE = 3 };

/* Of a batch: a worker that is behind need not explain its alerts, nor the store keep what is no alert (pipeline/infer.h). Of
 * verdicts: that is what was done. */
enum weir_frame_flag { WEIR_FRAME_DEGRADE = 1, WEIR_FRAME_BRIEF = 2, WEIR_FRAME_ALERTS_ONLY = 4 };

/* What kind of frame the bytes say they are; 0: no frame. Nothing else is looked at. */
unsigned weir_frame_kind(const void *bytes, size_t size);

/* Who sent a batch. (sensor, boot, lane, seq) comes once in the world: docs/design.md, "Batch". */
struct weir_frame_origin {
    uint8_t sensor[16];
    const char *name;     /* the sensor's, for people; not empty */
    int64_t sent_ns;      /* wall clock */
    int64_t mono_to_wall; /* ns to add to the monotonic closing times of the batch */
    bool degrade;         /* a batch's flag */
};

/* A frame that was checked; everything points into its bytes. */
struct weir_frame {
    uint64_t feature_set, column_list, boot, seq;
    uint32_t lane;
    uint16_t columns, rows;
    const uint8_t *sensor;      /* [16] */
    int64_t sent_ns, handed_ns; /* handed_ns 0: not known */
    bool degrade;
    const char *sensor_name;              /* then the names of the columns, one behind the other */
    const struct weir_identity *identity; /* [rows] */
    const int64_t *closed_ns;             /* [rows] wall clock */
    const float *x;                       /* the full blocks, then the rest */
};

/* Bytes of the frame of a batch whose columns bear these names. */
size_t weir_frame_bytes(const struct weir_batch *batch, const char *const *names, const struct weir_frame_origin *origin);

/* Writes the frame: weir_frame_bytes(...) bytes at `out`, 64-byte aligned. */
void weir_frame_encode(const struct weir_batch *batch, const char *const *names, const struct weir_frame_origin *origin,
                       uint8_t *out);

/* Finds and checks what is in the bytes of one frame: sizes first, then the checksum, then the content. `bytes` must be 64-byte
 * aligned and outlive `out`. `from` names the bytes in messages. WEIR_ERR_FORMAT (names from and offset), WEIR_ERR_UNSUPPORTED (a
 * newer version, another kind), WEIR_ERR_LIMIT. */
weir_err weir_frame_open(const void *bytes, size_t size, const char *from, struct weir_frame *out, struct weir_error *error);

/* The names of the columns: out[columns], pointing into the frame. */
void weir_frame_names(const struct weir_frame *frame, const char **out);

/* Rows 64 * block and on as a block of 64: value of row r, column c at [c * 64 + r % 64]. A full block is read where it lies; the
 * rest of the rows is laid out in `scratch` (columns * 64 floats, 64-byte aligned; values past the last row become 0). */
const float *weir_frame_block(const struct weir_frame *frame, size_t block, float *scratch);

/* Fills a batch that has room for frame->columns columns; mono_to_wall as in weir_frame_origin, of this machine: closing times
 * become monotonic again. */
void weir_frame_to_batch(const struct weir_frame *frame, int64_t mono_to_wall, struct weir_batch *out);

/* The same, but where no rows are left over behind the full blocks, the features stay where they are: out->x then points into the
 * frame, which is not to be written. */
void weir_frame_borrow(const struct weir_frame *frame, int64_t mono_to_wall, struct weir_batch *out);

/* CRC32C (Castagnoli) of bytes, going on from `crc`; 0 at first. */
uint32_t weir_frame_crc(uint32_t crc, const void *bytes, size_t size);

#endif
