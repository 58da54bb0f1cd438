/* One packet ring: the packets that one lane gets from one interface, in memory shared with the kernel (packet(7), TPACKET_V3).
 *
 * The kernel fills blocks in order and hands a block over when it is full, or WEIR_RING_BLOCK_MS after it began. A block is given
 * back with weir_packet_ring_release once its packets are no longer needed; when all blocks are ours, the kernel drops packets
 * and counts them.
 *
 * VLAN tags that the kernel has taken out of a packet are put back where they were.
 *
 * One thread; weir_packet_ring_lost may be called from another one, one at a time.
 */
#ifndef WEIR_CAPTURE_PACKET_RING_H
#define WEIR_CAPTURE_PACKET_RING_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "capture/packet.h"
#include "weir/error.h"

#define WEIR_RING_BLOCK_BYTES (256 * 1024) /* above the largest packet, 65,535 bytes and its headers */
#define WEIR_RING_BLOCKS_MIN  4
#define WEIR_RING_BLOCK_MS    2 /* kernels before 6.18 round it up to a tick and need two of them */

struct weir_packet_ring_config {
    const char *interface; /* for messages */
    int index;
    uint16_t link;    /* LINKTYPE_ number of its packets */
    uint32_t snaplen; /* bytes kept of a packet, 1 or more */
    uint64_t bytes;   /* rounded up to whole blocks */
    bool loopback;    /* outgoing copies are ignored: they come in again */
};

struct weir_packet_ring { /* private; -1 in `fd`: closed */
    int fd;
    uint16_t link;
    uint32_t snaplen;
    uint8_t *map;
    uint32_t blocks;
    uint32_t at;              /* the block being read, or awaited */
    uint32_t held;            /* blocks before it that have not been given back */
    uint32_t left;            /* packets of block `at` not taken yet */
    bool opened;              /* block `at` is ours */
    uint8_t *frame;           /* the next packet's header */
    _Atomic uint64_t damaged; /* packets given up since they were last asked for */
};

enum weir_ring_state {
    WEIR_RING_READY, /* packets can be taken (after weir_packet_ring_release, if all blocks are held) */
    WEIR_RING_OPEN,  /* packets are in the block that the kernel is filling */
    WEIR_RING_EMPTY  /* nothing is in the ring */
};

/* Makes the ring, and the socket bound to the interface, which is put into promiscuous mode. No packet comes in yet.
 * WEIR_ERR_PERMISSION, _MEMORY, _IO. */
weir_err weir_packet_ring_open(const struct weir_packet_ring_config *config, struct weir_packet_ring *ring,
                               struct weir_error *error);

/* Idempotent. */
void weir_packet_ring_close(struct weir_packet_ring *ring);

/* Binds the socket to another interface, with the same name, in place of one that was removed. Needs no rights; not possible in
 * a fanout group. Any thread. False: it cannot be done. */
bool weir_packet_ring_rebind(const struct weir_packet_ring *ring, int index);

/* From now on packets come in. WEIR_ERR_IO. */
weir_err weir_packet_ring_start(struct weir_packet_ring *ring, struct weir_error *error);

/* From now on none come in; those in the ring can still be taken. */
void weir_packet_ring_stop(struct weir_packet_ring *ring);

/* Takes the next packet; false: none is ready. Fills all but `release_ns` and `port`. The bytes stay valid until the release
 * after the next call of this function. *aggregated is set (never cleared) when the kernel has put several packets together. */
bool weir_packet_ring_next(struct weir_packet_ring *ring, struct weir_packet *packet, bool *aggregated);

/* Gives finished blocks back to the kernel. */
void weir_packet_ring_release(struct weir_packet_ring *ring);

/* What is in the ring after the last packet taken. For WEIR_RING_OPEN *since_ns is when the block was begun (epoch): no packet in
 * it is older. */
enum weir_ring_state weir_packet_ring_state(const struct weir_packet_ring *ring, int64_t *since_ns);

/* Packets dropped for want of room since the last call, and those of blocks that contradicted themselves (which the kernel's do
 * not) from the contradiction on. */
uint64_t weir_packet_ring_lost(struct weir_packet_ring *ring);

#endif
