/* Blocks: 1 MiB of a capture file each, with the index of the packet records that lie wholly inside.
 *
 *   bytes:  [ rest of the record before | record | record | ... | part of a record ]
 *   record: one entry a packet that passed the filter, in file order; `next` chains those of one lane
 *   first:  the first record of each lane
 *
 * A block is written by the one lane that has the index turn, then read by all lanes, then written again (feed.h has the rules).
 */
#ifndef WEIR_CAPTURE_BLOCK_H
#define WEIR_CAPTURE_BLOCK_H

#include <stddef.h>
#include <stdint.h>

#include "capture/record.h"

#define WEIR_BLOCK_BYTES (1024 * 1024)

struct weir_block {
    uint8_t *bytes;
    struct weir_record *record;
    uint32_t *first;     /* [lanes] */
    uint32_t *last;      /* [lanes]; used while indexing */
    int64_t release_ns;  /* of the last packet: no later packet of the port has a smaller one */
    uint32_t count;      /* records */
    uint32_t bytes_size; /* capacity */
    uint32_t record_max; /* capacity */
    uint32_t pending;    /* lanes that have not passed it; under the feed's lock */
};

/* NULL: out of memory. Untouched memory costs nothing: the kernel gives pages on first use. */
struct weir_block *weir_block_create(uint32_t bytes, unsigned lanes);

/* NULL-safe; sets *block to NULL. */
void weir_block_free(struct weir_block **block);

#endif
