/* Loads from unaligned bytes in either order. The caller has checked the bounds. Any thread. */
#ifndef WEIR_BASE_BYTES_H
#define WEIR_BASE_BYTES_H

#include <stdint.h>
#include <string.h>

static inline uint16_t weir_load_be16(const uint8_t *p)
{
    return (uint16_t)(p[0] << 8 | p[1]);
}

static inline uint32_t weir_load_be32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static inline uint64_t weir_load_be64(const uint8_t *p)
{
    return (uint64_t)weir_load_be32(p) << 32 | weir_load_be32(p + 4);
}

static inline uint16_t weir_load_le16(const uint8_t *p)
{
    return (uint16_t)(p[1] << 8 | p[0]);
}

static inline uint32_t weir_load_le32(const uint8_t *p)
{
    return (uint32_t)p[3] << 24 | (uint32_t)p[2] << 16 | (uint32_t)p[1] << 8 | p[0];
}

static inline uint64_t weir_load_le64(const uint8_t *p)
{
    return (uint64_t)weir_load_le32(p + 4) << 32 | weir_load_le32(p);
}

#endif
