#include "model/container.h"

#include <string.h>
#include <xxhash.h>

#include "base/bytes.h"

/* A byte that no text file begins with, a name, and line ends that a transfer as text would change. */
static const uint8_t magic[8] = {0x89, 'W', 'E', 'I', 'R', '\r', '\n', 0x1a};

bool weir_container_begins(const uint8_t *bytes, size_t size)
{
    return size >= sizeof magic && !memcmp(bytes, magic, sizeof magic);
}

weir_err weir_container_read(const uint8_t *bytes, size_t size, const char *origin, struct weir_container *out,
                             struct weir_error *error)
{
    if (!weir_container_begins(bytes, size))
        return weir_fail(error, WEIR_ERR_FORMAT,
                         "%s: offset 0: no weir model file; `weir model import` makes one of another tool's model", origin);
    if (size < WEIR_CONTAINER_HEAD_BYTES + WEIR_CONTAINER_SUM_BYTES)
        return weir_fail(error, WEIR_ERR_FORMAT, "%s: offset %zu: the file ends inside its head; copy it again", origin, size);
    uint32_t version = weir_load_le32(bytes + 8), kind = weir_load_le32(bytes + 12);
    uint64_t card = weir_load_le64(bytes + 16), payload = weir_load_le64(bytes + 24);
    if (version != WEIR_CONTAINER_VERSION)
        return weir_fail(error, WEIR_ERR_UNSUPPORTED, "%s: offset 8: model file format %u, this weir reads %d; use a newer weir",
                         origin, version, WEIR_CONTAINER_VERSION);
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
    size_t sum_at = size - WEIR_CONTAINER_SUM_BYTES;
    if (XXH64(bytes, sum_at, 0) != weir_load_le64(bytes + sum_at))
        return weir_fail(error, WEIR_ERR_FORMAT, "%s: offset %zu: the checksum does not fit: the file is damaged, copy it again",
                         origin, sum_at);
    if (kind != WEIR_PAYLOAD_TREES && kind != WEIR_PAYLOAD_FOREST)
        return weir_fail(error, WEIR_ERR_UNSUPPORTED,
                         "%s: offset 12: payload of kind %u, this weir knows 1 (trees) and 2 (forest)", origin, kind);
    *out = (struct weir_container){.kind = kind,
                                   .card = bytes + WEIR_CONTAINER_HEAD_BYTES,
                                   .card_bytes = (size_t)card,
                                   .payload = bytes + WEIR_CONTAINER_HEAD_BYTES + card,
                                   .payload_bytes = (size_t)payload};
    return WEIR_OK;
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
