/* Parser of the classic pcap format: microseconds and nanoseconds, both byte orders, and the variant with eight more bytes in
 * each record header (magic a1b2cd34). See record.h for how parsers are fed.
 */
#ifndef WEIR_CAPTURE_PCAP_H
#define WEIR_CAPTURE_PCAP_H

#include <stdbool.h>
#include <stdint.h>

#include "capture/record.h"
#include "weir/error.h"

struct weir_pcap {
    bool ready;      /* the file header has been read; the fields below hold */
    bool swapped;    /* the file's byte order is not this machine's */
    bool nanosecond; /* times have nanoseconds */
    uint16_t minor;  /* version 2.minor */
    uint16_t link;
    uint8_t fcs_bytes;     /* frame check sequence at the end of each packet, taken off */
    uint32_t header_bytes; /* of a record */
    uint32_t max_bytes;    /* a longer record is damage */
};

/* True when `magic` (the first four bytes of a file) opens a classic pcap file. */
bool weir_pcap_recognise(const uint8_t magic[static 4]);

/* Starts at the beginning of a file. `max_bytes`: the longest record, with its header, that the caller can hold. */
void weir_pcap_init(struct weir_pcap *pcap, uint32_t max_bytes);

/* WEIR_OK, WEIR_ERR_FORMAT (damage) or WEIR_ERR_UNSUPPORTED (version); the message says what is wrong, not where. The records
 * found before the damage are in `parse` all the same. */
weir_err weir_pcap_parse(struct weir_pcap *pcap, struct weir_parse *parse, struct weir_error *error);

#endif
