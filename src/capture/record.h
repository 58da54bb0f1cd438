/* One packet record of a capture file, as a parser finds it: where its bytes are, not the bytes themselves. The records of a
 * block are its index (block.h).
 *
 * A parser (pcap.h, pcapng.h) is handed the bytes of a file piece by piece. Each call takes as many whole records as it can and
 * says how many bytes it is done with; the caller gives the rest again with more behind it. Parsers neither read files nor
 * allocate; one thread at a time.
 */
#ifndef WEIR_CAPTURE_RECORD_H
#define WEIR_CAPTURE_RECORD_H

#include <stddef.h>
#include <stdint.h>

/* Captured bytes of one packet. Writers stop at 256 KiB (libpcap's largest snap length); far more than that is damage. */
#define WEIR_RECORD_MAX_BYTES (262144u + 65536u)

#define WEIR_RECORD_NONE UINT32_MAX

struct weir_record {
    int64_t ts_ns;
    int64_t release_ns; /* set by the feed: running maximum of the port's packet times */
    uint32_t offset;    /* of the first packet byte, from parse.data minus parse.base */
    uint32_t caplen;
    uint32_t wirelen;
    uint32_t next; /* set by the feed: the next record of the same lane in the block, or WEIR_RECORD_NONE */
    uint16_t link;
};

struct weir_parse {
    const uint8_t *data; /* in: the next bytes of the file */
    size_t len;
    uint32_t base;              /* in: added to every offset */
    struct weir_record *record; /* in: room for `max` records */
    size_t max;
    size_t count; /* out: records found */
    size_t used;  /* out: bytes done with; with an error, it stands at the damage */
};

#endif
