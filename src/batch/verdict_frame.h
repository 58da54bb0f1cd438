/* The verdict frame: a batch's verdicts as bytes, on the way from a worker to the collector. docs/frame.md lists the offsets.
 *
 * It bears the identity of its batch (sensor, boot, lane, sequence number), so that the collector knows what it has already.
 * Pure functions; any thread.
 */
#ifndef WEIR_BATCH_VERDICT_FRAME_H
#define WEIR_BATCH_VERDICT_FRAME_H

#include "batch/frame.h"
#include "batch/verdict.h"

#define WEIR_FRAME_CLASSES_MAX 4096

/* A frame that was checked; everything points into its bytes. */
struct weir_verdict_frame {
    uint64_t feature_set_id, column_list, boot, seq;
    uint32_t lane, alerts;
    uint16_t columns, classes, rows; /* columns, classes: of the model */
    float threshold;
    const uint8_t *sensor;      /* [16] */
    int64_t sent_ns, handed_ns; /* handed_ns: of the batch; 0: not known */
    bool brief, alerts_only;
    const char *sensor_name, *model, *feature_set; /* then the classes, then the columns, each behind the one before */
    size_t names_bytes;                            /* of all of them */
    const uint8_t *bytes;
};

/* Bytes of the frame of verdicts of a model with this many columns. */
size_t weir_verdict_frame_bytes(const struct weir_verdicts *verdicts, size_t columns, const struct weir_frame_origin *origin);

/* Writes the frame: weir_verdict_frame_bytes(...) bytes at `out`, 64-byte aligned. */
void weir_verdict_frame_encode(const struct weir_verdicts *verdicts, size_t columns, const struct weir_frame_origin *origin,
                               uint8_t *out);

/* As weir_frame_open. */
weir_err weir_verdict_frame_open(const void *bytes, size_t size, const char *from, struct weir_verdict_frame *out,
                                 struct weir_error *error);

/* The names of classes and columns: out[classes + columns], pointing into the frame. */
void weir_verdict_frame_names(const struct weir_verdict_frame *frame, const char **out);

/* Fills verdicts and their batch (which gets no features: its columns are 0). The names are the caller's to set: `model`,
 * `feature_set`, `classes`, `columns` and `lender` are left alone. */
void weir_verdict_frame_read(const struct weir_verdict_frame *frame, int64_t mono_to_wall, struct weir_verdicts *out);

#endif
