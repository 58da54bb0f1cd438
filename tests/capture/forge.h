/* Capture files made by the tests: bytes are put together in memory and given a path through a memory file. */
#ifndef TESTS_CAPTURE_FORGE_H
#define TESTS_CAPTURE_FORGE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

struct forge {
    uint8_t *bytes;
    size_t len, room;
    bool swapped; /* numbers in the byte order that is not this machine's */
    int fd;
    char path[40];
};

static inline void forge_put(struct forge *f, const void *from, size_t n)
{
    if (f->len + n > f->room) {
        f->room = 2 * (f->len + n);
        f->bytes = realloc(f->bytes, f->room);
        assert_non_null(f->bytes);
    }
    if (n && from)
        memcpy(f->bytes + f->len, from, n);
    else
        memset(f->bytes + f->len, 0, n);
    f->len += n;
}

static inline void forge_put32(struct forge *f, uint32_t value)
{
    if (f->swapped)
        value = __builtin_bswap32(value);
    forge_put(f, &value, 4);
}

static inline void forge_put16(struct forge *f, uint16_t value)
{
    if (f->swapped)
        value = __builtin_bswap16(value);
    forge_put(f, &value, 2);
}

static inline void forge_put64(struct forge *f, uint64_t value)
{
    if (f->swapped)
        value = __builtin_bswap64(value);
    forge_put(f, &value, 8);
}

/* The path of a memory file with `len` bytes; it is there until forge_free. */
static inline const char *forge_path_of(struct forge *f, const void *bytes, size_t len)
{
    if (f->fd)
        close(f->fd);
    f->fd = memfd_create("forge", MFD_CLOEXEC);
    assert_true(f->fd > 0);
    for (size_t at = 0; at < len;) {
        ssize_t n = write(f->fd, (const uint8_t *)bytes + at, len - at);
        assert_true(n > 0);
        at += (size_t)n;
    }
    snprintf(f->path, sizeof f->path, "/proc/self/fd/%d", f->fd);
    return f->path;
}

static inline const char *forge_path(struct forge *f)
{
    return forge_path_of(f, f->bytes, f->len);
}

static inline void forge_free(struct forge *f)
{
    if (f->fd)
        close(f->fd);
    free(f->bytes);
    *f = (struct forge){0};
}

static inline void forge_pcap_version(struct forge *f, uint32_t magic, uint16_t minor, uint32_t snap, uint32_t link)
{
    forge_put32(f, magic);
    forge_put16(f, 2);
    forge_put16(f, minor);
    forge_put32(f, 0);
    forge_put32(f, 0);
    forge_put32(f, snap);
    forge_put32(f, link);
}

static inline void forge_pcap(struct forge *f, uint32_t magic, uint32_t link)
{
    forge_pcap_version(f, magic, 4, 262144, link);
}

static inline void forge_pcap_packet(struct forge *f, uint32_t s, uint32_t fraction, const void *data, uint32_t caplen,
                                     uint32_t wirelen)
{
    forge_put32(f, s);
    forge_put32(f, fraction);
    forge_put32(f, caplen);
    forge_put32(f, wirelen);
    forge_put(f, data, caplen);
}

/* A pcapng block around `len` bytes of body, padded. */
static inline void forge_block(struct forge *f, uint32_t type, const void *body, size_t len)
{
    uint32_t total = (uint32_t)(12 + (len + 3) / 4 * 4);
    forge_put32(f, type);
    forge_put32(f, total);
    forge_put(f, body, len);
    forge_put(f, NULL, (4 - len % 4) % 4);
    forge_put32(f, total);
}

static inline void forge_section(struct forge *f)
{
    struct forge body = {.swapped = f->swapped};
    forge_put32(&body, 0x1a2b3c4d);
    forge_put16(&body, 1);
    forge_put16(&body, 0);
    forge_put64(&body, UINT64_MAX);
    forge_block(f, 0x0a0d0d0a, body.bytes, body.len);
    forge_free(&body);
}

/* resolution < 0, offset_s 0: without these options. */
static inline void forge_interface(struct forge *f, uint16_t link, uint32_t snap, int resolution, int64_t offset_s)
{
    struct forge body = {.swapped = f->swapped};
    forge_put16(&body, link);
    forge_put16(&body, 0);
    forge_put32(&body, snap);
    forge_put16(&body, 2); /* if_name, which nobody asks for */
    forge_put16(&body, 5);
    forge_put(&body, "tap0\0\0\0\0", 8);
    if (resolution >= 0) {
        forge_put16(&body, 9);
        forge_put16(&body, 1);
        forge_put(&body, (uint8_t[4]){(uint8_t)resolution}, 4);
    }
    if (offset_s) {
        forge_put16(&body, 14);
        forge_put16(&body, 8);
        forge_put64(&body, (uint64_t)offset_s);
    }
    forge_put32(&body, 0);
    forge_block(f, 1, body.bytes, body.len);
    forge_free(&body);
}

static inline void forge_enhanced(struct forge *f, uint32_t interface, uint64_t ticks, const void *data, uint32_t caplen,
                                  uint32_t wirelen)
{
    struct forge body = {.swapped = f->swapped};
    forge_put32(&body, interface);
    forge_put32(&body, (uint32_t)(ticks >> 32));
    forge_put32(&body, (uint32_t)ticks);
    forge_put32(&body, caplen);
    forge_put32(&body, wirelen);
    forge_put(&body, data, caplen);
    forge_put(&body, NULL, (4 - body.len % 4) % 4);
    forge_put16(&body, 2); /* epb_flags: inbound */
    forge_put16(&body, 4);
    forge_put32(&body, 1);
    forge_put32(&body, 0);
    forge_block(f, 6, body.bytes, body.len);
    forge_free(&body);
}

static inline void forge_obsolete(struct forge *f, uint16_t interface, uint64_t ticks, const void *data, uint32_t caplen,
                                  uint32_t wirelen)
{
    struct forge body = {.swapped = f->swapped};
    forge_put16(&body, interface);
    forge_put16(&body, 7); /* drops */
    forge_put32(&body, (uint32_t)(ticks >> 32));
    forge_put32(&body, (uint32_t)ticks);
    forge_put32(&body, caplen);
    forge_put32(&body, wirelen);
    forge_put(&body, data, caplen);
    forge_block(f, 2, body.bytes, body.len);
    forge_free(&body);
}

static inline void forge_simple(struct forge *f, const void *data, uint32_t caplen, uint32_t wirelen)
{
    struct forge body = {.swapped = f->swapped};
    forge_put32(&body, wirelen);
    forge_put(&body, data, caplen);
    forge_block(f, 3, body.bytes, body.len);
    forge_free(&body);
}

/* An Ethernet frame of `len` (42 or more) bytes: IPv4 UDP between two hosts that `talk` chooses, either way round. */
static inline void forge_frame(uint8_t *frame, size_t len, uint32_t talk)
{
    memset(frame, 0, len);
    memcpy(frame, "\x02\0\0\0\0\x01\x02\0\0\0\0\x02\x08\0\x45\0", 16);
    frame[16] = (uint8_t)((len - 14) >> 8);
    frame[17] = (uint8_t)(len - 14);
    frame[22] = 64;
    frame[23] = 17;
    uint8_t one[4] = {10, 0, (uint8_t)(talk >> 9), (uint8_t)(talk >> 1)}, two[4] = {192, 0, 2, (uint8_t)(talk % 7)};
    memcpy(frame + 26, talk & 1 ? one : two, 4);
    memcpy(frame + 30, talk & 1 ? two : one, 4);
    frame[35] = (uint8_t)talk;
    frame[38] = (uint8_t)((len - 34) >> 8);
    frame[39] = (uint8_t)(len - 34);
    for (size_t i = 42; i < len; i++)
        frame[i] = (uint8_t)(i * 31 + talk);
}

/* A small repeatable generator of numbers (the state must not be 0). */
static inline uint32_t forge_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return (uint32_t)(*state >> 32);
}

#endif
