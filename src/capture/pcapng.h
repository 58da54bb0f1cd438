/* Parser of the pcapng format: any number of sections in either byte order, up to 4096 interfaces a section with their own link
 * type, snap length, time resolution (powers of 10 and of 2) and time offset; enhanced, simple and obsolete packet blocks. Other
 * blocks are skipped, however long. See record.h for how parsers are fed.
 *
 * A simple packet block carries no time: it gets that of the packet before it in the file (0 when it is the first).
 */
#ifndef WEIR_CAPTURE_PCAPNG_H
#define WEIR_CAPTURE_PCAPNG_H

#include <stdbool.h>
#include <stdint.h>

#include "capture/record.h"
#include "weir/error.h"

#define WEIR_PCAPNG_INTERFACES_MAX 4096

struct weir_pcapng_interface {
    int64_t offset_s;    /* if_tsoffset */
    uint64_t multiplier; /* nanoseconds = ticks * multiplier / divisor >> shift */
    uint64_t divisor;
    uint32_t snap_bytes; /* 0: no limit */
    uint16_t link;
    uint8_t shift;
    uint8_t fcs_bytes;
};

struct weir_pcapng {
    bool ready;      /* a section header has been read */
    bool swapped;    /* this section's byte order is not this machine's */
    bool nanosecond; /* an interface so far has times finer than a microsecond */
    uint32_t max_bytes;
    uint64_t skip_bytes; /* rest of a skipped block, without its last length word */
    uint32_t trailer;    /* the value that word must have; 0: not inside a skipped block */
    int64_t last_ns;
    uint32_t interface_count;
    struct weir_pcapng_interface interface[WEIR_PCAPNG_INTERFACES_MAX];
};

/* True when `magic` (the first four bytes of a file) opens a pcapng file. */
bool weir_pcapng_recognise(const uint8_t magic[static 4]);

/* Starts at the beginning of a file. `max_bytes`: the longest block that the caller can hold. */
void weir_pcapng_init(struct weir_pcapng *pcapng, uint32_t max_bytes);

/* As weir_pcap_parse. WEIR_ERR_LIMIT: more interfaces than the table holds. */
weir_err weir_pcapng_parse(struct weir_pcapng *pcapng, struct weir_parse *parse, struct weir_error *error);

/* False inside a skipped block: a file that ends there is cut short. */
bool weir_pcapng_between_blocks(const struct weir_pcapng *pcapng);

#endif
