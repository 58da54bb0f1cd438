/* One captured packet: a view into memory that the capture owns. */
#ifndef WEIR_CAPTURE_PACKET_H
#define WEIR_CAPTURE_PACKET_H

#include <stdint.h>

struct weir_packet {
    const uint8_t *data; /* link-layer header first; valid until the lane's next burst */
    int64_t ts_ns;       /* epoch */
    int64_t release_ns;  /* the merged stream's time: the running maximum of ts_ns, the same whatever the number of lanes */
    uint32_t caplen;     /* bytes at `data` */
    uint32_t wirelen;    /* bytes on the wire, without FCS */
    uint16_t link;       /* LINKTYPE_ number (tcpdump.org/linktypes.html) */
    uint8_t port;        /* 0: tap port A, 1: tap port B */
};

#endif
