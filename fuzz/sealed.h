/* A frame's bytes as a transport hands them over: aligned, and with the checksum put right, so that a fuzzer reaches what is
 * behind it. */
#ifndef WEIR_FUZZ_SEALED_H
#define WEIR_FUZZ_SEALED_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "batch/frame_head.h"

/* A copy; the caller frees it. */
static inline uint8_t *weir_fuzz_sealed(const uint8_t *data, size_t size)
{
    uint8_t *bytes = aligned_alloc(64, (size + 64) / 64 * 64);
    if (size)
        memcpy(bytes, data, size);
    if (size >= 16) {
        uint32_t crc = weir_frame_crc(weir_frame_crc(0, bytes, 12), bytes + 16, size - 16);
        memcpy(bytes + 12, &crc, sizeof crc);
    }
    return bytes;
}

#endif
