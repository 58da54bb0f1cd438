/* The argus view's counters: what it keeps for a flow, and the body of its records.
 *
 * The values are those of Argus 3.0.8.2 as `ra` prints them; docs/conformance.md lists where they differ and why.
 */
#ifndef WEIR_FEATURES_ARGUS_H
#define WEIR_FEATURES_ARGUS_H

#include "features/lifecycle.h"
#include "features/media.h"
#include "flow/tcp.h"

/* Times between packets of one direction. */
struct weir_argus_gaps {
    uint32_t n;
    int64_t sum_ns, min_ns, max_ns;
    double squares; /* sum of squares, ns^2 */
};

/* weir_argus_side.has */
enum {
    WEIR_ARGUS_HAS_IP = 1 << 0, /* ttl, tos, ip_id */
    WEIR_ARGUS_HAS_VLAN = 1 << 1,
    WEIR_ARGUS_HAS_MPLS = 1 << 2,
};

/* weir_argus_side.encap, beside WEIR_ENCAP_* */
enum { WEIR_ARGUS_COOKED = 1 << 16, WEIR_ARGUS_HDLC = 1 << 17 };

/* One direction. Marked "flow": kept from record to record. */
struct weir_argus_side {
    uint64_t bytes, app_bytes;
    uint32_t packets;
    uint32_t encap;
    int64_t first_ns, last_ns; /* of this record; 0: none */
    int64_t arrival_ns;        /* flow: the packet before */
    uint32_t size_min, size_max;
    uint8_t has;      /* flow: WEIR_ARGUS_HAS_IP */
    uint8_t ttl, tos; /* flow */
    uint8_t fragments;
    uint8_t ip_options; /* of the last packet */
    uint16_t ip_id;     /* flow */
    uint16_t vlan;
    uint32_t mpls;
    struct weir_argus_gaps active, idle;
};

/* weir_argus_flow.marks */
enum {
    WEIR_ARGUS_PATHS = 1 << 0,    /* flow: the MAC addresses changed */
    WEIR_ARGUS_MAC = 1 << 1,      /* flow: there are MAC addresses */
    WEIR_ARGUS_FRAGMENT = 1 << 3, /* fragments without their first one */
    WEIR_ARGUS_SAW_TCP = 1 << 4,  /* flow: `tcp` is filled */
};

struct weir_argus_flow {
    struct weir_argus_side side[2]; /* 0: who sent the first packet; in a record's body 0 is the source that is printed */
    union {
        struct weir_tcp tcp;
        struct weir_media media; /* UDP */
    };
    uint8_t marks;
    uint8_t last;                 /* side of the last packet */
    uint8_t icmp_type, icmp_code; /* of the flow's first packet */
    bool mapped;                  /* an ICMP error was about this flow: */
    uint8_t mapped_type, mapped_code;
    int64_t mapped_ns;
    uint8_t mac[2][6];
    uint32_t total; /* fragments without their first one: length of the datagram, 0: unknown */
    struct {
        uint32_t lost, last;
        uint8_t marks;
        bool failed;
    } esp;
};

/* A record's body. */
struct weir_argus_record {
    struct weir_argus_flow flow;
    struct weir_flow_key key;
    bool reversed; /* source and destination of the record are those of the flow, exchanged */
    double duration_s, side_s[2];
};

extern const struct weir_view_ops weir_argus_ops;

#endif
