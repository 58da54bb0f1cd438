/* Packet facts: what the flow room needs to know of a packet.
 *
 * weir_decode reads the headers of one captured packet, never past caplen, and fills a struct weir_facts with the innermost IP
 * packet (tunnels are looked through). Whatever it cannot give to a flow it puts in exactly one bucket: ignored (well-formed, but
 * nothing that weir meters) or dropped (damaged). Checksums are not verified: offloading makes them wrong in honest captures.
 * Pure: no state, no allocation, any thread.
 *
 * Which packet is the innermost one. Looked through are VLAN tags, MPLS labels, PPP and PPPoE, LLC/SNAP, the authentication
 * header (AH), and the tunnels IPv4 and IPv6 in IP (protocols 4 and 41), GRE (IP, Ethernet, PPP, MPLS, ERSPAN), and over UDP
 * VXLAN (to port 4789), GENEVE (to 6081), GTP-U user packets (to 2152) and Teredo (to or from 3544). A tunnel is entered only if
 * the carrier is no fragment (so all fragments of a datagram stay together) and what follows its header is, through at most tags
 * and labels, a captured IP header with a possible header length and a total length that fits the carrier's payload; otherwise
 * the carrier itself is the innermost packet. Once entered there is no way back: damage behind that IP header drops the packet.
 *
 * Ports are read of TCP, UDP, UDP-Lite, SCTP and DCCP, also where the L4 header is cut or too short as long as they are there.
 *
 * Where Argus 3.0.8.2, as measured, differs: it enters AH and, of the tunnels, GRE over IPv4 (IP, Ethernet, MPLS, PPP; not
 * ERSPAN), so that its records of the others have the carrier's key. Tags of EtherType 0x88a8, Ethernet pseudowires over MPLS and
 * IPv4 with total length 0 are no IP for it, and it does not read the link types 51, 108, 228, 229 and 276. It takes the ports of
 * TCP and UDP alone, and over IPv4 none where the IP length is below that header's.
 */
#ifndef WEIR_DECODE_FACTS_H
#define WEIR_DECODE_FACTS_H

#include <stdbool.h>
#include <stdint.h>

#include "capture/packet.h"

/* Buckets; the texts are the keys of the account's "ignored" and "dropped" objects. The first is "none": the packet is metered.
 */
#define WEIR_IGNORED_TABLE(X)                                                                                                    \
    X(WEIR_IGNORED_ARP, "arp")             /* ARP, RARP */                                                                       \
    X(WEIR_IGNORED_ETHERTYPE, "ethertype") /* an EtherType or LLC frame that carries no IP */                                    \
    X(WEIR_IGNORED_LINK, "link-type")      /* a link type that weir does not decode */                                           \
    X(WEIR_IGNORED_CONTROL, "control")     /* link control: PPPoE discovery, PPP LCP, LACP, ... */                               \
    X(WEIR_IGNORED_FILTER, "filter")       /* left out by -f */

#define WEIR_DROPPED_TABLE(X)                                                                                                    \
    X(WEIR_DROPPED_TRUNCATED, "truncated")   /* the capture ends before the header does (snap length) */                         \
    X(WEIR_DROPPED_LENGTH, "bad-length")     /* a length field contradicts itself or the wire length */                          \
    X(WEIR_DROPPED_HEADER, "bad-header")     /* wrong version, impossible header length, ... */                                  \
    X(WEIR_DROPPED_NESTING, "nesting")       /* more layers than weir looks through */                                           \
    X(WEIR_DROPPED_TABLE_FULL, "table-full") /* no room in the flow table */

enum weir_ignored {
#define X(name, text) name,
    WEIR_IGNORED_TABLE(X)
#undef X
        WEIR_IGNORED_COUNT
};

enum weir_dropped {
#define X(name, text) name,
    WEIR_DROPPED_TABLE(X)
#undef X
        WEIR_DROPPED_COUNT
};

/* The bucket's key in the account. Constant; never NULL. */
const char *weir_ignored_name(enum weir_ignored bucket);
const char *weir_dropped_name(enum weir_dropped bucket);

enum weir_fate { WEIR_METERED, WEIR_IGNORED, WEIR_DROPPED };

/* weir_facts.flags */
enum {
    WEIR_FACT_FRAGMENT = 1 << 0,       /* any fragment of a datagram */
    WEIR_FACT_FRAGMENT_LATER = 1 << 1, /* offset > 0: no L4 header, ports are 0 */
    WEIR_FACT_FRAGMENT_MORE = 1 << 2,  /* "more fragments" is set */
    WEIR_FACT_PORTS = 1 << 3,          /* sport and dport hold ports */
    WEIR_FACT_L4_SNAPPED = 1 << 4, /* IP is whole but the L4 header is cut by the snap length: L4 fields hold what was there */
    WEIR_FACT_IP_OPTIONS = 1 << 5,
    WEIR_FACT_QUOTED = 1 << 6, /* an ICMP error, not fragmented; `quoted` is filled */
    WEIR_FACT_DONT_FRAGMENT = 1 << 7,
    WEIR_FACT_L4_BAD = 1 << 8, /* the L4 header contradicts the IP length (or itself): fields hold what made sense, else 0 */
    WEIR_FACT_OVERLONG =
        1 << 9, /* an IP length (or a carrier's) claims more than was on the wire; byte counts follow the claim */
};

/* weir_facts.ip_options: IPv4 options that were present, end and no operation left out */
enum {
    WEIR_IPOPT_ROUTER_ALERT = 1 << 0,
    WEIR_IPOPT_TIMESTAMP = 1 << 1,
    WEIR_IPOPT_RECORD_ROUTE = 1 << 2,
    WEIR_IPOPT_SECURITY = 1 << 3,
    WEIR_IPOPT_LOOSE_ROUTE = 1 << 4,
    WEIR_IPOPT_STRICT_ROUTE = 1 << 5,
    WEIR_IPOPT_STREAM_ID = 1 << 6,
    WEIR_IPOPT_OTHER = 1 << 7,
};

/* weir_facts.encap: what was looked through to reach the IP packet */
enum {
    WEIR_ENCAP_VLAN = 1 << 0,
    WEIR_ENCAP_QINQ = 1 << 1,
    WEIR_ENCAP_MPLS = 1 << 2,
    WEIR_ENCAP_PPPOE = 1 << 3,
    WEIR_ENCAP_LLC = 1 << 4,
    WEIR_ENCAP_GRE = 1 << 5,
    WEIR_ENCAP_IPIP = 1 << 6,
    WEIR_ENCAP_VXLAN = 1 << 7,
    WEIR_ENCAP_GENEVE = 1 << 8,
    WEIR_ENCAP_GTP = 1 << 9,
    WEIR_ENCAP_TEREDO = 1 << 10,
    WEIR_ENCAP_AH = 1 << 11,
    WEIR_ENCAP_ETHERNET = 1 << 12, /* an Ethernet link layer, so the MAC addresses are there */
};

enum {
    WEIR_TCP_FIN = 0x01,
    WEIR_TCP_SYN = 0x02,
    WEIR_TCP_RST = 0x04,
    WEIR_TCP_PSH = 0x08,
    WEIR_TCP_ACK = 0x10,
    WEIR_TCP_URG = 0x20,
    WEIR_TCP_ECE = 0x40,
    WEIR_TCP_CWR = 0x80,
};

/* weir_facts.tcp.options: kinds that were present */
enum {
    WEIR_TCPOPT_MSS = 1 << 0,
    WEIR_TCPOPT_WSCALE = 1 << 1,
    WEIR_TCPOPT_SACK_OK = 1 << 2,
    WEIR_TCPOPT_SACK = 1 << 3,
    WEIR_TCPOPT_TIMESTAMP = 1 << 4,
    WEIR_TCPOPT_ECHO = 1 << 5,
    WEIR_TCPOPT_ECHO_REPLY = 1 << 6,
    WEIR_TCPOPT_CC = 1 << 7,
    WEIR_TCPOPT_CC_NEW = 1 << 8,
    WEIR_TCPOPT_CC_ECHO = 1 << 9,
    WEIR_TCPOPT_MALFORMED = 1 << 10, /* option lengths do not add up: those before the fault are kept */
};

/* Addresses: network byte order; IPv4 in the first four bytes, the other twelve 0.
 *
 * `tcp` is set for TCP, `icmp` for ICMP, ICMPv6 and IGMP, `quoted` with WEIR_FACT_QUOTED, the MAC addresses with
 * WEIR_ENCAP_ETHERNET; otherwise they are undefined (and all of them for later fragments). Fields of an L4 header that the snap
 * length cut are 0. */
struct weir_facts {
    int64_t ts_ns;
    uint32_t wirelen; /* of the whole frame */
    uint32_t caplen;
    uint16_t flags;
    uint16_t encap;
    uint8_t port;       /* tap port */
    uint8_t ip_version; /* 4 or 6 */
    uint8_t proto;      /* IANA number; IPv6: behind the extension headers (later fragments: what the fragment header names) */
    uint8_t ttl;        /* or hop limit */
    uint8_t tos;        /* or traffic class */
    uint8_t ip_options; /* WEIR_IPOPT_*; IPv6: 0 */
    uint8_t src[16], dst[16];
    uint16_t sport, dport;    /* host order */
    uint16_t fragment_offset; /* bytes */
    uint32_t ip_id;           /* IPv4 identification; IPv6: of the fragment header, else 0 */
    uint32_t ip_bytes;        /* IP total length, header included (IPv6: 40 + payload length) */
    uint32_t l4_bytes;        /* L4 header and payload, by the IP lengths (not by caplen) */
    uint32_t payload_bytes;   /* L4 payload by the IP lengths; for proto without known header: l4_bytes */
    const uint8_t *l4;        /* first L4 byte inside the capture, or NULL; valid as long as the packet */
    uint32_t l4_captured;     /* bytes of it that were captured, link-layer padding left out */
    struct {
        uint32_t seq, ack;
        uint16_t window;
        uint16_t mss;     /* 0: no option */
        uint16_t options; /* WEIR_TCPOPT_* */
        uint8_t flags;    /* WEIR_TCP_* */
        uint8_t header_bytes;
        int8_t wscale; /* -1: no option */
        uint32_t ts_value, ts_echo;
    } tcp;
    struct {
        uint8_t type, code;
        uint16_t id, seq; /* words 2 and 3 of the header, whatever they mean */
    } icmp;               /* also ICMPv6, and IGMP (type, code = maximum response time, id and seq = group) */
    struct {
        uint8_t ip_version, proto;
        bool ports;
        uint8_t src[16], dst[16];
        uint16_t sport, dport;
        uint16_t ip_id;
        uint8_t tos, icmp_type, icmp_code; /* icmp_*: of a quoted ICMP or ICMPv6 packet whose first 8 bytes are there, else 0 */
        uint16_t icmp_id, icmp_seq;
    } quoted;           /* the packet inside an ICMP error */
    uint16_t vlan[2];   /* TCI, outer first; 0: no tag */
    uint32_t mpls;      /* outermost label entry */
    uint16_t ethertype; /* the link layer's last one; 0: none */
    uint8_t mac_src[6], mac_dst[6];
};

/* Decodes. WEIR_METERED: *facts is filled. WEIR_IGNORED, WEIR_DROPPED: *bucket is an enum weir_ignored or weir_dropped, and
 * *facts is undefined. */
enum weir_fate weir_decode(const struct weir_packet *packet, struct weir_facts *facts, unsigned *bucket);

/* False for a LINKTYPE_ number that weir_decode always ignores. */
bool weir_decode_knows_link(uint16_t link);

#endif
