/* One captured packet: a view into memory that the capture owns. */
#ifndef WEIR_CAPTURE_PACKET_H
#define WEIR_CAPTURE_PACKET_H

#include <stdint.h>

/* Packet times lie in 0..WEIR_TIME_MAX_NS (the year 2116), so that sums with any timeout cannot overflow. Times outside, which
 * only a pcapng file can express, are brought to the nearer end. */
#define WEIR_TIME_MAX_NS ((int64_t)1 << 62)

struct weir_packet {
    const uint8_t *data; /* link-layer header first; valid until the lane's next burst */
    int64_t ts_ns;       /* epoch */
    int64_t release_ns;  /* the merged stream's time: the running maximum of ts_ns, the same whatever the number of lanes */
    uint32_t caplen;     /* bytes at `data` */
    uint32_t wirelen;    /* bytes on the wire, without FCS; caplen <= wirelen */
    uint16_t link;       /* LINKTYPE_ number (tcpdump.org/linktypes.html) */
    uint8_t port;        /* 0: tap port A, 1: tap port B */
};

#endif
