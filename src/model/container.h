/* The .weir container: head, card, payload, checksum. docs/model-file.md draws it:
 *
 *     0          8   89 57 45 49 52 0d 0a 1a
 *     8          4   format version, 1
 *     12         4   kind of payload, 1: trees, 2: forest, 3: linear, 4: gaussian,
 *                    5: neighbours, 6: support vectors, 7: mlp
 *     16         8   C, bytes of the card
 *     24         8   P, bytes of the payload
 *     32         C   card, JSON, UTF-8
 *     32+C       P   payload
 *     32+C+P     8   XXH64 (seed 0) of all bytes before
 *
 * All numbers are little-endian. The file ends behind the checksum. Pure functions; any thread.
 */
#ifndef WEIR_MODEL_CONTAINER_H
#define WEIR_MODEL_CONTAINER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "weir/error.h"

#define WEIR_CONTAINER_HEAD_BYTES 32
#define WEIR_CONTAINER_SUM_BYTES  8
#define WEIR_CONTAINER_CARD_MAX   (16u << 20)
#define WEIR_CONTAINER_FILE_MAX   ((size_t)1 << 32)

enum { WEIR_CONTAINER_VERSION = 1 };
enum {
    WEIR_PAYLOAD_TREES = 1,
    WEIR_PAYLOAD_FOREST,
    WEIR_PAYLOAD_LINEAR,
    WEIR_PAYLOAD_GAUSSIAN,
    WEIR_PAYLOAD_NEIGHBOURS,
    WEIR_PAYLOAD_SUPPORT,
    WEIR_PAYLOAD_MLP,
    WEIR_PAYLOAD_END /* scorer.c knows those before it */
};

struct weir_container {
    uint32_t kind;
    const uint8_t *card, *payload; /* inside the bytes that were read */
    size_t card_bytes, payload_bytes;
};

/* Finds the parts of a file of `size` bytes whose first WEIR_CONTAINER_HEAD_BYTES (or all, when it has fewer) are at `bytes`:
 * what `out` points to need not be there yet, and is not looked at. `origin` names the bytes in messages. WEIR_ERR_FORMAT,
 * WEIR_ERR_UNSUPPORTED (a newer format), WEIR_ERR_LIMIT. */
weir_err weir_container_head(const uint8_t *bytes, uint64_t size, const char *origin, struct weir_container *out,
                             struct weir_error *error);

/* The size that a head promises, UINT64_MAX when it is too large to be told; `have` when that is less than head and sum. */
uint64_t weir_container_promised(const uint8_t *bytes, size_t have);

/* Compares the checksum of a regular file of `size` bytes, read in pieces; the file's position stays. WEIR_ERR_FORMAT, _IO. */
weir_err weir_container_check(int file, uint64_t size, const char *origin, struct weir_error *error);

/* Finds the parts and compares the checksum; what is in the parts is not looked at. Errors of the head and of the sum. */
weir_err weir_container_read(const uint8_t *bytes, size_t size, const char *origin, struct weir_container *out,
                             struct weir_error *error);

/* Bytes of a file with parts of these sizes. */
size_t weir_container_bytes(size_t card_bytes, size_t payload_bytes);

/* Fills in head and checksum around the parts that stand at their places in `bytes` already. */
void weir_container_seal(uint8_t *bytes, uint32_t kind, size_t card_bytes, size_t payload_bytes);

#endif
