/* The state of one TCP connection as Argus 3.0.8 tracks it: handshake, loss, order, window, close.
 *
 * Sides are 0 and 1, which is which is the caller's choice. Counters marked "record" are cleared by weir_tcp_begin when a
 * new record of the flow begins; the others live as long as the connection. Sequence numbers are compared as plain 32-bit
 * numbers, as Argus does; so a wrap shows as one odd packet. Pure; the state belongs to its flow's thread.
 */
#ifndef WEIR_FLOW_TCP_H
#define WEIR_FLOW_TCP_H

#include <stdbool.h>
#include <stdint.h>

#include "decode/facts.h"

/* weir_tcp.seen */
enum {
    WEIR_TCP_SAW_SYN = 1 << 0,
    WEIR_TCP_SAW_SYNACK = 1 << 1,
    WEIR_TCP_SAW_DATA = 1 << 2, /* established, or met in the middle */
    WEIR_TCP_SAW_FIN = 1 << 3,
    WEIR_TCP_SAW_FINACK = 1 << 4,
    WEIR_TCP_SAW_CLOSE = 1 << 5,
    WEIR_TCP_SAW_RESET = 1 << 6,
};

/* weir_tcp_side.marks; "record" as above */
enum {
    WEIR_TCP_MARK_LOSS = 1 << 0,   /* record */
    WEIR_TCP_MARK_SHUT = 1 << 1,   /* record: a zero window */
    WEIR_TCP_MARK_RESET = 1 << 2,  /* record */
    WEIR_TCP_MARK_ORDER = 1 << 3,  /* record: out of order */
    WEIR_TCP_MARK_FIN = 1 << 4,    /* sent a FIN after the first packet */
    WEIR_TCP_MARK_FINACK = 1 << 5, /* its FIN was acknowledged */
    WEIR_TCP_MARK_ECN = 1 << 6,    /* echoed congestion */
};

enum weir_tcp_state {
    WEIR_TCP_CLOSED,
    WEIR_TCP_LISTEN,
    WEIR_TCP_SYN_SENT,
    WEIR_TCP_SYN_RECEIVED,
    WEIR_TCP_ESTABLISHED,
    WEIR_TCP_FIN_WAIT,
    WEIR_TCP_FIN_ACKED,
    WEIR_TCP_CLOSING,
};

struct weir_tcp_side {
    int64_t last_ns; /* this side's last packet */
    uint32_t base;   /* record: sequence number that `bytes` counts from */
    uint32_t next;   /* highest sequence number seen */
    uint32_t acked;  /* last acknowledgement sent by this side, minus 1 */
    uint32_t bytes;  /* record: payload */
    uint32_t flight; /* record: bytes sent and not acknowledged */
    uint32_t rolled; /* record: bytes before a wrap */
    uint32_t lost;   /* record: packets judged retransmitted */
    uint16_t window; /* last advertised */
    uint16_t ip_id;  /* record: of the last data packet, byte order of a little-endian reader of the header */
    uint8_t shift;   /* window scale */
    uint8_t flags;   /* record: TCP flags seen, or-ed */
    uint8_t marks;
};

struct weir_tcp {
    uint8_t state, seen;
    bool brief;                  /* one packet so far, or never more than a reset: Argus then reports a shorter form */
    uint16_t options;            /* WEIR_TCPOPT_* of both sides */
    bool ecn_asked, ecn_granted; /* by the first packet */
    uint32_t synack_us, ackdat_us;
    struct weir_tcp_side side[2];
};

/* What a packet meant for the counters. */
struct weir_tcp_effect {
    bool restart;     /* a new connection begins with this packet: close the flow, then weir_tcp_open */
    bool active;      /* sent while earlier data was unacknowledged and the window open */
    uint32_t payload; /* bytes to count as application bytes */
};

/* First packet of a connection, sent by `side`, into a zeroed struct. */
void weir_tcp_open(struct weir_tcp *tcp, const struct weir_facts *facts, unsigned side, struct weir_tcp_effect *effect);

/* A later packet, sent by `side`. ip_id: of the packet, as in struct weir_tcp_side. */
void weir_tcp_packet(struct weir_tcp *tcp, const struct weir_facts *facts, unsigned side, uint16_t ip_id,
                     struct weir_tcp_effect *effect);

/* A new record of the same connection. */
void weir_tcp_begin(struct weir_tcp *tcp);

/* Bytes that a side sent but that were not captured: 0 when it retransmitted. */
uint32_t weir_tcp_gap(const struct weir_tcp *tcp, unsigned side);

#endif
