/* Made-up Ethernet frames (IPv4 with TCP, UDP or ICMP echo) as a stream of classic pcap, for benches and tests. One thread. */
#ifndef WEIR_BENCH_FRAME_H
#define WEIR_BENCH_FRAME_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#define WEIR_FRAME_MAX   1514
#define WEIR_FRAMES_T0_S 1700000000 /* epoch seconds of a stream's first packet */

enum { WEIR_FRAME_ICMP = 1, WEIR_FRAME_TCP = 6, WEIR_FRAME_UDP = 17 };

struct weir_frame {
    uint32_t src, dst;
    uint16_t sport, dport; /* ICMP: identifier of the echo, nothing */
    uint16_t id;
    uint8_t proto, ttl, tcp_flags;
    bool back;         /* from the answering side: its MAC addresses; ICMP: a reply */
    uint32_t seq, ack; /* ICMP: seq is the echo's */
    unsigned payload;  /* bytes, at most WEIR_FRAME_MAX - 54 */
};

struct weir_frames {
    FILE *file;
    uint64_t time_us; /* of the next frame, since the epoch; the owner's to change */
    uint64_t packets, bytes;
    uint8_t frame[WEIR_FRAME_MAX];
};

/* Writes the file header; the first frame is one of WEIR_FRAMES_T0_S. The file stays the caller's. False: could not be written.
 */
bool weir_frames_begin(struct weir_frames *frames, FILE *file);

/* Writes one frame of time_us. Checksums are 0: meters do not verify them. False: could not be written. */
bool weir_frames_write(struct weir_frames *frames, const struct weir_frame *frame);

#endif
