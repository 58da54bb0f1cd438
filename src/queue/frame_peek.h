/* What a transport has to know of a frame that nobody has checked yet (docs/frame.md has the offsets). Pure; any thread. */
#ifndef WEIR_QUEUE_FRAME_PEEK_H
#define WEIR_QUEUE_FRAME_PEEK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "queue/transport.h"

/* No frame is longer: 512 rows of 4,096 columns with names. */
#define WEIR_FRAME_BYTES_MAX ((size_t)10 << 20)

enum { WEIR_PEEK_BATCH = 1, WEIR_PEEK_VERDICTS = 2, WEIR_PEEK_NOTE = 3 };

struct weir_frame_peek {
    unsigned kind;
    uint64_t feature_set, column_list;
    uint8_t sensor[16];
    uint64_t boot, seq;
    uint32_t lane;
};

/* False: no frame, or too short for the head. */
static inline bool weir_frame_peek(const void *bytes, size_t size, struct weir_frame_peek *out)
{
    static const char magic[8] = "\x89WEIRF\r\n";
    const uint8_t *b = bytes;
    if (size < 128 || memcmp(b, magic, sizeof magic))
        return false;
    uint16_t kind;
    memcpy(&kind, b + 10, 2);
    out->kind = kind;
    memcpy(&out->feature_set, b + 24, 8);
    memcpy(&out->column_list, b + 32, 8);
    memcpy(out->sensor, b + 40, 16);
    memcpy(&out->boot, b + 56, 8);
    memcpy(&out->seq, b + 64, 8);
    memcpy(&out->lane, b + 72, 4);
    return true;
}

#endif
