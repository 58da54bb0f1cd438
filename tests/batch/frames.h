/* For the tests of frames: random numbers, a bitwise CRC32C, numbers by their bytes. Needs cmocka.h. */
#ifndef TESTS_BATCH_FRAMES_H
#define TESTS_BATCH_FRAMES_H

#include <stdint.h>
#include <string.h>

static uint64_t state;

static inline uint64_t next(void) /* splitmix64 */
{
    uint64_t z = (state += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static inline void *random_bytes(void *out, size_t size)
{
    for (size_t i = 0; i < size; i++)
        ((uint8_t *)out)[i] = (uint8_t)next();
    return out;
}

static inline uint64_t number(const uint8_t *bytes, size_t at, size_t size)
{
    uint64_t value = 0;
    for (size_t i = size; i-- > 0;)
        value = value << 8 | bytes[at + i];
    return value;
}

static inline uint32_t bitwise_crc(const uint8_t *bytes, size_t size, size_t hole, size_t hole_end)
{
    uint32_t crc = ~0u;
    for (size_t i = 0; i < size; i++) {
        if (i >= hole && i < hole_end)
            continue;
        crc ^= bytes[i];
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78u : 0);
    }
    return ~crc;
}

static inline size_t up(size_t n, size_t to)
{
    return n % to ? n + to - n % to : n;
}

static inline void seal(uint8_t *bytes, size_t size) /* for what only the checks behind the checksum can find */
{
    uint32_t crc = bitwise_crc(bytes, size, 12, 16);
    memcpy(bytes + 12, &crc, 4);
}

#endif
