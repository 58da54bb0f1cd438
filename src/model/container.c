#include "model/container.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/bytes.h"
#include "base/file.h"

/* A byte that no text file begins with, a name, and line ends that a transfer as text would change. */
static const uint8_t magic[8] = {0x89, 'W', 'E', 'I', 'R', '\r', '\n', 0x1a};

static weir_err damaged(const char *origin, uint64_t sum_at, struct weir_error *error)
{
    return weir_fail(error, WEIR_ERR_FORMAT, "%s: offset %llu: the checksum does not fit: the file is damaged, copy it again",
                     origin, (unsigned long long)sum_at);
}

weir_err weir_container_head(const uint8_t *bytes, uint64_t size, const char *origin, struct weir_container *out,
                             struct weir_error *error)
{
    if (size < sizeof magic || memcmp(bytes, magic, sizeof magic))
        return weir_fail(error, WEIR_ERR_FORMAT,
                         "%s: offset 0: no weir model file; `weir model import` makes one of another tool's model", origin);
    if (size < WEIR_CONTAINER_HEAD_BYTES + WEIR_CONTAINER_SUM_BYTES)
        return weir_fail(error, WEIR_ERR_FORMAT, "%s: offset %llu: the file ends inside its head; copy it again", origin,
                         (unsigned long long)size);
    uint32_t version = weir_load_le32(bytes + 8), kind = weir_load_le32(bytes + 12);
    uint64_t card = weir_load_le64(bytes + 16), payload = weir_load_le64(bytes + 24);
    if (version != WEIR_CONTAINER_VERSION)
        return weir_fail(error, WEIR_ERR_UNSUPPORTED, "%s: offset 8: model file format %u, this weir reads %d; use a newer weir",
                         origin, version, WEIR_CONTAINER_VERSION);
    if (kind < 1 || kind >= WEIR_PAYLOAD_END)
        return weir_fail(error, WEIR_ERR_UNSUPPORTED,
                         "%s: offset 12: payload of kind %u, this weir knows 1 to %d; use a newer one", origin, kind,
                         WEIR_PAYLOAD_END - 1);
    if (card > WEIR_CONTAINER_CARD_MAX)
        return weir_fail(error, WEIR_ERR_LIMIT, "%s: offset 16: a card of %llu bytes, the limit is %u", origin,
                         (unsigned long long)card, WEIR_CONTAINER_CARD_MAX);
    uint64_t parts = size - WEIR_CONTAINER_HEAD_BYTES - WEIR_CONTAINER_SUM_BYTES;
    if (card > parts || payload != parts - card)
        return weir_fail(
            error, WEIR_ERR_FORMAT,
            "%s: offset 16: card and payload of %llu and %llu bytes, the file has room for %llu; it is cut or damaged, "
            "copy it again",
            origin, (unsigned long long)card, (unsigned long long)payload, (unsigned long long)parts);
    *out = (struct weir_container){.kind = kind,
                                   .card = bytes + WEIR_CONTAINER_HEAD_BYTES,
                                   .card_bytes = (size_t)card,
                                   .payload = bytes + WEIR_CONTAINER_HEAD_BYTES + card,
                                   .payload_bytes = (size_t)payload};
    return WEIR_OK;
}

uint64_t weir_container_promised(const uint8_t *bytes, size_t have)
{
    uint64_t size = WEIR_CONTAINER_HEAD_BYTES + WEIR_CONTAINER_SUM_BYTES;
    if (have < size)
        return have;
    if (__builtin_add_overflow(size, weir_load_le64(bytes + 16), &size) ||
        __builtin_add_overflow(size, weir_load_le64(bytes + 24), &size))
        return UINT64_MAX;
    return size;
}

weir_err weir_container_check(int file, uint64_t size, const char *origin, struct weir_error *error)
{
    uint8_t piece[32768], sum[WEIR_CONTAINER_SUM_BYTES];
    uint64_t sum_at = size - sizeof sum;
    XXH64_state_t state;
    XXH64_reset(&state, 0);
    for (uint64_t at = 0; at < size;) {
        bool end = at >= sum_at;
        uint64_t left = end ? size - at : sum_at - at;
        ssize_t n = pread(file, end ? sum + (at - sum_at) : piece, left < sizeof piece ? (size_t)left : sizeof piece, (off_t)at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return weir_file_fail(error, origin, "read it");
        if (!n)
            return damaged(origin, sum_at, error); /* it is becoming shorter */
        if (!end)
            XXH64_update(&state, piece, (size_t)n);
        at += (uint64_t)n;
    }
    return XXH64_digest(&state) == weir_load_le64(sum) ? WEIR_OK : damaged(origin, sum_at, error);
}

weir_err weir_container_read(const uint8_t *bytes, size_t size, const char *origin, struct weir_container *out,
                             struct weir_error *error)
{
    weir_err err = weir_container_head(bytes, size, origin, out, error);
    size_t sum_at = size - WEIR_CONTAINER_SUM_BYTES;
    if (!err && XXH64(bytes, sum_at, 0) != weir_load_le64(bytes + sum_at))
        err = damaged(origin, sum_at, error);
    return err;
}

size_t weir_container_bytes(size_t card_bytes, size_t payload_bytes)
{
    return WEIR_CONTAINER_HEAD_BYTES + card_bytes + payload_bytes + WEIR_CONTAINER_SUM_BYTES;
}

static void put(uint8_t *p, uint64_t value, int bytes)
{
    for (int i = 0; i < bytes; i++)
        p[i] = (uint8_t)(value >> 8 * i);
}

void weir_container_seal(uint8_t *bytes, uint32_t kind, size_t card_bytes, size_t payload_bytes)
{
    size_t sum_at = WEIR_CONTAINER_HEAD_BYTES + card_bytes + payload_bytes;
    memcpy(bytes, magic, sizeof magic);
    put(bytes + 8, WEIR_CONTAINER_VERSION, 4);
    put(bytes + 12, kind, 4);
    put(bytes + 16, card_bytes, 8);
    put(bytes + 24, payload_bytes, 8);
    put(bytes + sum_at, XXH64(bytes, sum_at, 0), 8);
}
