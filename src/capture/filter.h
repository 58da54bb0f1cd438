/* A BPF capture filter (pcap-filter(7)), compiled by libpcap: one program for each link type met. One thread at a time. */
#ifndef WEIR_CAPTURE_FILTER_H
#define WEIR_CAPTURE_FILTER_H

#include <stdbool.h>
#include <stdint.h>

#include "weir/error.h"

struct weir_filter;

/* Copies the expression; nothing is compiled yet. WEIR_ERR_MEMORY. */
weir_err weir_filter_open(const char *expression, struct weir_filter **out, struct weir_error *error);

/* NULL-safe; sets *filter to NULL. */
void weir_filter_close(struct weir_filter **filter);

/* Makes `link` (a LINKTYPE_ number) the link type of the next packets, compiling the expression for it if it is the first time.
 * WEIR_ERR_ARGUMENT with libpcap's words, _MEMORY, _LIMIT (more than 64 link types). */
weir_err weir_filter_select(struct weir_filter *filter, uint16_t link, struct weir_error *error);

/* True when the packet, of the selected link type, passes. */
bool weir_filter_match(const struct weir_filter *filter, const uint8_t *data, uint32_t caplen, uint32_t wirelen);

#endif
