/* What every frame says of itself, whatever its kind: whose it is, which one, how long. For those who keep frames and pass them
 * on without looking into them. Pure functions; any thread.
 */
#ifndef WEIR_BATCH_FRAME_TAG_H
#define WEIR_BATCH_FRAME_TAG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WEIR_FRAME_HEAD_BYTES 128

struct weir_frame_tag {
    uint8_t sensor[16];
    uint64_t boot, seq, bytes; /* bytes: as the frame says, at least WEIR_FRAME_HEAD_BYTES */
    uint32_t lane;
    uint16_t kind, rows; /* rows: 0 in notes */
};

/* Reads the tag of what begins at `bytes`, of which `size` are there. False: no frame of this version begins here. Nothing says
 * that the frame is whole. */
bool weir_frame_tag_read(const void *bytes, size_t size, struct weir_frame_tag *out);

/* Whether these are all bytes of a frame, and its checksum holds. */
bool weir_frame_intact(const void *bytes, size_t size);

#endif
