#include "capture/lane.h"

#include <stdbool.h>
#include <string.h>

#include "base/bytes.h"

/* The walk gives up early on whatever the decode room would not give to a flow: the lane of such a packet does not matter. What
 * matters is that this walk and the decoder stop at the same IP header, and that nothing after the first fragment header is used:
 * the later fragments of a datagram have nothing there.
 */

/* Tags, labels and tunnels in a row; more is no honest packet. */
#define LAYERS_MAX 16

enum {
    LINK_NULL = 0,
    LINK_ETHERNET = 1,
    LINK_PPP = 9,
    LINK_RAW_BSD = 12,
    LINK_RAW_OPENBSD = 14,
    LINK_PPP_SERIAL = 50,
    LINK_PPP_ETHER = 51,
    LINK_RAW = 101,
    LINK_CISCO_HDLC = 104,
    LINK_LOOP = 108,
    LINK_SLL = 113,
    LINK_IPV4 = 228,
    LINK_IPV6 = 229,
    LINK_SLL2 = 276,
};

enum {
    ETHERTYPE_IPV4 = 0x0800,
    ETHERTYPE_IPV6 = 0x86dd,
    ETHERTYPE_VLAN = 0x8100,
    ETHERTYPE_QINQ = 0x88a8,
    ETHERTYPE_QINQ_OLD = 0x9100,
    ETHERTYPE_MPLS = 0x8847,
    ETHERTYPE_MPLS_MULTICAST = 0x8848,
    ETHERTYPE_PPPOE = 0x8864,
    ETHERTYPE_BRIDGE = 0x6558,
    ETHERTYPE_MIN = 0x0600, /* smaller: a length, with LLC behind it */
};

enum {
    PROTO_HOPOPTS = 0,
    PROTO_ICMP = 1,
    PROTO_IPIP = 4,
    PROTO_UDP = 17,
    PROTO_IPV6 = 41,
    PROTO_ROUTING = 43,
    PROTO_FRAGMENT = 44,
    PROTO_GRE = 47,
    PROTO_AH = 51,
    PROTO_ICMPV6 = 58,
    PROTO_DSTOPTS = 60,
    PROTO_MOBILITY = 135,
};

enum { PORT_GTPU = 2152, PORT_TEREDO = 3544, PORT_VXLAN = 4789, PORT_GENEVE = 6081 };

struct bytes {
    const uint8_t *p;
    size_t len;
};

struct pair {
    uint64_t src[2], dst[2];
};

/* Steps over `n` bytes; false when they are not there. */
static bool skip(struct bytes *at, size_t n)
{
    if (at->len < n)
        return false;
    at->p += n;
    at->len -= n;
    return true;
}

static void set_pair4(struct pair *pair, const uint8_t *ip)
{
    *pair = (struct pair){.src = {weir_load_be32(ip + 12), 0}, .dst = {weir_load_be32(ip + 16), 0}};
}

static void set_pair6(struct pair *pair, const uint8_t *ip)
{
    *pair = (struct pair){.src = {weir_load_be64(ip + 8), weir_load_be64(ip + 16)},
                          .dst = {weir_load_be64(ip + 24), weir_load_be64(ip + 32)}};
}

static bool find_pair(struct bytes at, unsigned layers, struct pair *pair);
static bool walk_ethertype(unsigned type, struct bytes at, unsigned layers, struct pair *pair);

static bool walk_ethernet(struct bytes at, unsigned layers, struct pair *pair)
{
    return skip(&at, 14) && walk_ethertype(weir_load_be16(at.p - 2), at, layers, pair);
}

static bool walk_ppp_protocol(struct bytes at, unsigned layers, struct pair *pair)
{
    if (!skip(&at, 2))
        return false;
    unsigned protocol = weir_load_be16(at.p - 2);
    return (protocol == 0x0021 || protocol == 0x0057) && find_pair(at, layers, pair);
}

/* PPP with or without the address and control bytes of HDLC framing. */
static bool walk_ppp(struct bytes at, unsigned layers, struct pair *pair)
{
    if (at.len >= 2 && at.p[0] == 0xff && at.p[1] == 0x03)
        skip(&at, 2);
    return walk_ppp_protocol(at, layers, pair);
}

static bool walk_llc(struct bytes at, unsigned layers, struct pair *pair)
{
    if (at.len < 3 || at.p[2] != 0x03)
        return false;
    if (at.p[0] == 0xaa && at.p[1] == 0xaa)
        return skip(&at, 8) && walk_ethertype(weir_load_be16(at.p - 2), at, layers, pair);
    return at.p[0] == 0x06 && at.p[1] == 0x06 && skip(&at, 3) && find_pair(at, layers, pair);
}

static bool walk_ethertype(unsigned type, struct bytes at, unsigned layers, struct pair *pair)
{
    for (; layers < LAYERS_MAX; layers++) {
        switch (type) {
        case ETHERTYPE_VLAN:
        case ETHERTYPE_QINQ:
        case ETHERTYPE_QINQ_OLD:
            if (!skip(&at, 4))
                return false;
            type = weir_load_be16(at.p - 2);
            continue;
        case ETHERTYPE_MPLS:
        case ETHERTYPE_MPLS_MULTICAST:
            if (!skip(&at, 4))
                return false;
            if (!(at.p[-2] & 1)) /* not the bottom of the stack */
                continue;
            return find_pair(at, layers, pair);
        case ETHERTYPE_PPPOE:
            return skip(&at, 6) && walk_ppp_protocol(at, layers, pair);
        case ETHERTYPE_IPV4:
        case ETHERTYPE_IPV6:
            return find_pair(at, layers, pair);
        default:
            return type < ETHERTYPE_MIN && walk_llc(at, layers, pair);
        }
    }
    return false;
}

static bool walk_gre(struct bytes at, unsigned layers, struct pair *pair)
{
    if (at.len < 4)
        return false;
    unsigned flags = weir_load_be16(at.p), type = weir_load_be16(at.p + 2);
    if (flags & 0x4007) /* source routing, or a version but 0 */
        return false;
    size_t header = 4 + (flags & 0x8000 ? 4u : 0) + (flags & 0x2000 ? 4u : 0) + (flags & 0x1000 ? 4u : 0);
    if (!skip(&at, header))
        return false;
    if (type == ETHERTYPE_BRIDGE)
        return walk_ethernet(at, layers, pair);
    return (type == ETHERTYPE_IPV4 || type == ETHERTYPE_IPV6) && find_pair(at, layers, pair);
}

static bool walk_geneve(struct bytes at, unsigned layers, struct pair *pair)
{
    if (at.len < 8 || at.p[0] >> 6)
        return false;
    unsigned type = weir_load_be16(at.p + 2);
    if (!skip(&at, 8 + 4 * (at.p[0] & 0x3fu)))
        return false;
    if (type == ETHERTYPE_BRIDGE)
        return walk_ethernet(at, layers, pair);
    return (type == ETHERTYPE_IPV4 || type == ETHERTYPE_IPV6) && find_pair(at, layers, pair);
}

static bool walk_gtpu(struct bytes at, unsigned layers, struct pair *pair)
{
    enum { TUNNELLED_PACKET = 255 };
    if (at.len < 8 || (at.p[0] & 0xf0) != 0x30 || at.p[1] != TUNNELLED_PACKET)
        return false;
    unsigned flags = at.p[0];
    skip(&at, 8);
    if (flags & 7) {
        if (!skip(&at, 4))
            return false;
        /* Extension headers: length in words, ..., type of the next. */
        for (unsigned i = 0; (flags & 4) && at.p[-1]; i++)
            if (i == LAYERS_MAX || !at.len || !at.p[0] || !skip(&at, 4 * (size_t)at.p[0]))
                return false;
    }
    return find_pair(at, layers, pair);
}

static bool walk_teredo(struct bytes at, unsigned layers, struct pair *pair)
{
    if (at.len >= 4 && weir_load_be16(at.p) == 0x0001) { /* authentication */
        if (!skip(&at, 13 + (size_t)at.p[2] + at.p[3]))
            return false;
    }
    if (at.len >= 2 && weir_load_be16(at.p) == 0x0000 && !skip(&at, 8)) /* origin indication */
        return false;
    return at.len && at.p[0] >> 4 == 6 && find_pair(at, layers, pair);
}

static bool walk_udp(struct bytes at, unsigned layers, struct pair *pair)
{
    if (at.len < 8)
        return false;
    unsigned sport = weir_load_be16(at.p), dport = weir_load_be16(at.p + 2);
    skip(&at, 8);
    if (dport == PORT_VXLAN)
        return at.len >= 8 && (at.p[0] & 0x08) && skip(&at, 8) && walk_ethernet(at, layers, pair);
    if (dport == PORT_GENEVE)
        return walk_geneve(at, layers, pair);
    if (dport == PORT_GTPU || sport == PORT_GTPU)
        return walk_gtpu(at, layers, pair);
    if (dport == PORT_TEREDO || sport == PORT_TEREDO)
        return walk_teredo(at, layers, pair);
    return false;
}

/* The addresses of the packet that an ICMP error quotes. `at` stands at the ICMP header. */
static bool walk_quoted(unsigned proto, struct bytes at, struct pair *pair)
{
    if (at.len < 8)
        return false;
    unsigned type = at.p[0];
    skip(&at, 8);
    if (proto == PROTO_ICMP) {
        if (type != 3 && type != 4 && type != 5 && type != 11 && type != 12)
            return false;
        if (at.len < 20 || at.p[0] >> 4 != 4 || (at.p[0] & 15) < 5)
            return false;
        set_pair4(pair, at.p);
        return true;
    }
    if (type < 1 || type > 4 || at.len < 40 || at.p[0] >> 4 != 6)
        return false;
    set_pair6(pair, at.p);
    return true;
}

/* What an IP packet carries, if it has other addresses that count. */
static bool walk_payload(unsigned proto, struct bytes at, unsigned layers, struct pair *pair)
{
    switch (proto) {
    case PROTO_IPIP:
    case PROTO_IPV6:
        return at.len && at.p[0] >> 4 == (proto == PROTO_IPIP ? 4 : 6) && find_pair(at, layers, pair);
    case PROTO_GRE:
        return walk_gre(at, layers, pair);
    case PROTO_UDP:
        return walk_udp(at, layers, pair);
    case PROTO_ICMP:
    case PROTO_ICMPV6:
        return walk_quoted(proto, at, pair);
    default:
        return false;
    }
}

static bool walk_ah(unsigned *proto, struct bytes *at)
{
    if (at->len < 12)
        return false;
    *proto = at->p[0];
    return skip(at, 4 * ((size_t)at->p[1] + 2));
}

static bool walk_ipv4(struct bytes at, unsigned layers, struct pair *pair)
{
    const uint8_t *ip = at.p;
    if (at.len < 20)
        return false;
    size_t header = 4 * (size_t)(ip[0] & 15), total = weir_load_be16(ip + 2);
    if (header < 20 || (total && total < header))
        return false;
    if (total && total < at.len)
        at.len = total; /* link-layer padding is no header */
    unsigned proto = ip[9];
    bool fragment = weir_load_be16(ip + 6) & 0x3fff;
    if (!fragment && skip(&at, header) && (proto != PROTO_AH || walk_ah(&proto, &at)) &&
        walk_payload(proto, at, layers + 1, pair))
        return true;
    set_pair4(pair, ip);
    return true;
}

/* Steps over extension headers. False: what comes behind is not to be looked at. */
static bool skip_extensions(unsigned *proto, struct bytes *at)
{
    for (unsigned i = 0; i < LAYERS_MAX; i++) {
        switch (*proto) {
        case PROTO_HOPOPTS:
        case PROTO_ROUTING:
        case PROTO_DSTOPTS:
        case PROTO_MOBILITY:
            if (at->len < 8)
                return false;
            *proto = at->p[0];
            if (!skip(at, 8 * ((size_t)at->p[1] + 1)))
                return false;
            break;
        case PROTO_FRAGMENT:
            if (at->len < 8 || (weir_load_be16(at->p + 2) & 0xfff9))
                return false;
            *proto = at->p[0];
            skip(at, 8);
            break;
        case PROTO_AH:
            if (!walk_ah(proto, at))
                return false;
            break;
        default:
            return true;
        }
    }
    return false;
}

static bool walk_ipv6(struct bytes at, unsigned layers, struct pair *pair)
{
    const uint8_t *ip = at.p;
    if (at.len < 40)
        return false;
    size_t payload = weir_load_be16(ip + 4);
    unsigned proto = ip[6];
    skip(&at, 40);
    if (payload && payload < at.len) /* 0: a jumbogram */
        at.len = payload;
    if (skip_extensions(&proto, &at) && walk_payload(proto, at, layers + 1, pair))
        return true;
    set_pair6(pair, ip);
    return true;
}

/* The addresses of the innermost packet of the IP packet at `at`; false when there is no well-formed IP header. */
static bool find_pair(struct bytes at, unsigned layers, struct pair *pair)
{
    if (!at.len || layers >= LAYERS_MAX)
        return false;
    unsigned version = at.p[0] >> 4;
    return version == 4 ? walk_ipv4(at, layers, pair) : version == 6 && walk_ipv6(at, layers, pair);
}

static bool walk_link(uint16_t link, struct bytes at, struct pair *pair)
{
    switch (link) {
    case LINK_ETHERNET:
        return walk_ethernet(at, 0, pair);
    case LINK_SLL:
        return skip(&at, 16) && walk_ethertype(weir_load_be16(at.p - 2), at, 0, pair);
    case LINK_SLL2:
        return skip(&at, 20) && walk_ethertype(weir_load_be16(at.p - 20), at, 0, pair);
    case LINK_RAW:
    case LINK_RAW_BSD:
    case LINK_RAW_OPENBSD:
    case LINK_IPV4:
    case LINK_IPV6:
        return find_pair(at, 0, pair);
    case LINK_NULL:
    case LINK_LOOP:
        return skip(&at, 4) && find_pair(at, 0, pair);
    case LINK_PPP:
    case LINK_PPP_SERIAL:
        return walk_ppp(at, 0, pair);
    case LINK_PPP_ETHER:
        return skip(&at, 6) && walk_ppp_protocol(at, 0, pair);
    case LINK_CISCO_HDLC:
        return skip(&at, 4) && walk_ethertype(weir_load_be16(at.p - 2), at, 0, pair);
    default:
        return false;
    }
}

/* Spreads 64 bits over 64 (finaliser constants of MurmurHash3, which is in the public domain). */
static uint64_t mix(uint64_t x)
{
    x ^= x >> 33;
    x *= 0xff51afd7ed558ccdu;
    x ^= x >> 33;
    x *= 0xc4ceb9fe1a85ec53u;
    return x ^ x >> 33;
}

uint32_t weir_lane_hash(const struct weir_packet *packet)
{
    struct pair pair;
    if (!walk_link(packet->link, (struct bytes){packet->data, packet->caplen}, &pair))
        return 0;
    uint64_t src = mix(pair.src[0] + mix(pair.src[1])), dst = mix(pair.dst[0] + mix(pair.dst[1]));
    return (uint32_t)(mix(src + dst) >> 32); /* a sum: the same in both directions */
}
