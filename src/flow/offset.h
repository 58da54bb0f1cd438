/* How far the clocks of a tap's two ports are apart, as far as TCP handshakes tell.
 *
 * A handshake passes the tap as SYN on one port, SYN-ACK on the other, ACK on the first. Neither answer can have come before what
 * it answers, by a right clock. If port B's clock is `offset` ahead of port A's, then, with the SYN on port A,
 *
 *     SYN-ACK - SYN = time to the server and back + offset,  so  offset <= SYN-ACK - SYN
 *     ACK - SYN-ACK = time to the client and back - offset,  so  offset >= SYN-ACK - ACK
 *
 * and the other way round with the SYN on port B. Each handshake gives an interval; the offset lies in all of them, so what is
 * kept is where they overlap. Clocks that drift apart, and forged packets, bring one that does not overlap: then it begins anew
 * with that one. The offset is for people to see; no packet's time is changed by it.
 *
 * A sample of the handshakes is enough: some are under way at a time, others are passed over. Packets are matched by flow and
 * sequence numbers in whatever order they come, since a wrong clock changes the order of the merge.
 *
 * One thread. */
#ifndef WEIR_FLOW_OFFSET_H
#define WEIR_FLOW_OFFSET_H

#include <stdbool.h>
#include <stdint.h>

#include "decode/facts.h"

struct weir_offset {
    uint64_t handshakes;     /* that were used; 0: nothing is known */
    int64_t low_ns, high_ns; /* the offset lies between them */
    int64_t last_ns;         /* time of the last handshake used */
};

enum { WEIR_OFFSET_HANDSHAKES = 64 };

struct weir_offset_meter { /* private; starts zeroed */
    unsigned under_way;
    struct weir_offset_handshake {
        uint32_t flow;                         /* hash */
        uint32_t client, server, acknowledged; /* sequence numbers: of the SYN and of the SYN-ACK, and what the ACK wants next */
        uint8_t seen;                          /* 0: free */
        uint8_t port;                          /* the SYN's */
        int64_t syn_ns, synack_ns, ack_ns;
    } handshake[WEIR_OFFSET_HANDSHAKES];
};

/* Looks at a TCP packet. `flow`: a hash that is the same for both directions. A handshake that is whole with it is added to
 * *found. */
void weir_offset_packet(struct weir_offset_meter *meter, const struct weir_facts *facts, uint32_t flow,
                        struct weir_offset *found);

/* Adds what another handshake, or another lane, has found. */
void weir_offset_add(struct weir_offset *into, const struct weir_offset *from);

/* True when handshakes leave no other way than that the clocks differ. */
bool weir_offset_differs(const struct weir_offset *offset);

#endif
