/* The argus view's counters: what it keeps for a flow, and the body of its records.
 *
 * The values are those of Argus 3.0.8.2 as `ra` prints them; docs/conformance.md lists where they differ and why.
 */
#ifndef WEIR_FEATURES_ARGUS_H
#define WEIR_FEATURES_ARGUS_H

#include <stddef.h>

#include "features/lifecycle.h"
#include "features/media.h"
#include "flow/tcp.h"

/* IP protocols that have rules of their own. */
enum { ICMP = 1, IGMP = 2, TCP = 6, UDP = 17, ESP = 50, ICMPV6 = 58, SCTP = 132 };

enum { KIND_FRAGMENT = UINT8_MAX }; /* weir_flow_key.kind, as weir_fragment_key sets it */

/* Times between packets of one direction, all below WEIR_ARGUS_GAP_LIMIT_NS. Half a cache line. */
struct weir_argus_gaps {
    double squares; /* sum of squares, ns^2 */
    int64_t sum_ns, min_ns;
    uint64_t max_ns : 34, n : 30;
};

#define WEIR_ARGUS_GAP_LIMIT_NS (10 * INT64_C(1000000000))

_Static_assert(WEIR_ARGUS_GAP_LIMIT_NS <= INT64_C(1) << 34 && sizeof(struct weir_argus_gaps) == 32, "max_ns holds every gap");

struct weir_argus_times {
    struct weir_argus_gaps active, idle;
};

/* weir_argus_side.has */
enum {
    WEIR_ARGUS_HAS_IP = 1 << 0, /* flow: ttl, tos, ip_id */
    WEIR_ARGUS_HAS_VLAN = 1 << 1,
    WEIR_ARGUS_HAS_MPLS = 1 << 2,
    WEIR_ARGUS_HAS_FRAGMENTS = 1 << 3,
};

/* weir_argus_side.encap, beside WEIR_ENCAP_* */
enum { WEIR_ARGUS_COOKED = 1 << 14, WEIR_ARGUS_HDLC = 1 << 15 };

/* One direction: what each packet changes. Marked "flow": kept from record to record. */
struct weir_argus_side {
    uint64_t bytes, app_bytes;
    int64_t first_ns, last_ns; /* of this record; 0: none */
    int64_t arrival_ns;        /* flow: the packet before */
    uint32_t packets;
    uint32_t size_min, size_max;
    uint16_t encap;
    uint16_t vlan;
    uint16_t ip_id;     /* flow */
    uint8_t ttl, tos;   /* flow */
    uint8_t ip_options; /* of the last packet */
    uint8_t has;
};

/* weir_argus_flow.marks */
enum {
    WEIR_ARGUS_PATHS = 1 << 0,    /* flow: the MAC addresses changed */
    WEIR_ARGUS_MAC = 1 << 1,      /* flow: there are MAC addresses */
    WEIR_ARGUS_MAPPED = 1 << 2,   /* an ICMP error was about this flow */
    WEIR_ARGUS_FRAGMENT = 1 << 3, /* fragments without their first one */
    WEIR_ARGUS_SAW_TCP = 1 << 4,  /* flow: `tcp` is filled */
};

/* Pairs are by the key's ends: 0 `low`, 1 `high`; in a record's body by direction: 0 source, 1 destination. The order of the
 * fields is that of cache lines: a packet of one side touches one line of `side`, one of `times`, and one or two behind them. */
struct weir_argus_flow {
    int64_t mapped_ns;                /* of the last ICMP error about the flow, */
    uint8_t mapped_type, mapped_code; /* and what it says */
    uint8_t icmp_type, icmp_code;     /* of the flow's first packet */
    uint32_t total;                   /* fragments without their first one: length of the datagram, 0: unknown */
    uint32_t mpls[2];

    struct weir_argus_side side[2];
    struct weir_argus_times times[2];
    union {
        struct weir_tcp tcp;
        struct weir_media media; /* UDP */
        struct {
            uint32_t lost, last;
            uint8_t marks;
            bool failed;
        } esp;
    };
    uint8_t mac[2][6];
    uint8_t marks;
    uint8_t last; /* side of the last packet */
};

_Static_assert(sizeof(struct weir_argus_side) == 64 &&
                   (sizeof(struct weir_flow) + offsetof(struct weir_argus_flow, side)) % 64 == 0,
               "a side is a cache line");

/* A record's body. */
struct weir_argus_record {
    struct weir_argus_flow flow;
    struct weir_flow_key key;
    bool reversed; /* source and destination of the record are those of the flow, exchanged */
    double duration_s, side_s[2];
};

extern const struct weir_view_ops weir_argus_ops;

/* The key of a packet, and of the packet that an ICMP error quotes: struct weir_view_ops says what they return. */
bool weir__argus_key(const struct weir_facts *facts, struct weir_flow_key *key);
bool weir__argus_quoted_key(const struct weir_facts *facts, struct weir_flow_key *key);

/* So many bytes of the L4 header were captured. */
static inline bool weir__argus_l4_has(const struct weir_facts *facts, uint32_t bytes)
{
    return facts->l4 && facts->l4_captured >= bytes;
}

#endif
