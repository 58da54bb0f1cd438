#include "capture/lane.h"

#include <stdbool.h>

#include "base/bytes.h"

/* This is the decoder's way down a packet, taken for the addresses alone: for every packet that the decode room meters, both stop
 * at the same IP header (a test holds them together). Of other packets the lane does not matter. The two differ in one point: of
 * a fragment, first or later, nothing but its own IP header is used here, since the later ones have nothing else.
 *
 * `captured` bytes may be read; `wire` is what was there on the wire or what an IP header claims. captured <= wire. */
struct walk {
    const uint8_t *at;
    uint32_t captured, wire;
    uint8_t tags;
};

/* IPv4 addresses in the first word. */
struct pair {
    uint64_t src[2], dst[2];
};

enum { TAGS_MAX = 16, EXTENSIONS_MAX = 16, TUNNELS_MAX = 8 };

enum { ETHERNET_BYTES = 14, IPV4_BYTES = 20, IPV6_BYTES = 40, UDP_BYTES = 8, LENGTH_MAX = 1500 };

/* LINKTYPE_ numbers: https://www.tcpdump.org/linktypes.html */
enum {
    LINK_NULL = 0,
    LINK_ETHERNET = 1,
    LINK_PPP = 9,
    LINK_RAW_BSD = 12,
    LINK_RAW_OPENBSD = 14,
    LINK_PPP_HDLC = 50,
    LINK_PPP_ETHER = 51,
    LINK_RAW = 101,
    LINK_C_HDLC = 104,
    LINK_LOOP = 108,
    LINK_SLL = 113,
    LINK_IPV4 = 228,
    LINK_IPV6 = 229,
    LINK_SLL2 = 276,
};

enum {
    TYPE_IPV4 = 0x0800,
    TYPE_ERSPAN_3 = 0x22eb,
    TYPE_BRIDGING = 0x6558,
    TYPE_VLAN = 0x8100,
    TYPE_IPV6 = 0x86dd,
    TYPE_PPP = 0x880b,
    TYPE_MPLS = 0x8847,
    TYPE_MPLS_UPSTREAM = 0x8848,
    TYPE_PPPOE = 0x8864,
    TYPE_QINQ = 0x88a8,
    TYPE_ERSPAN = 0x88be,
    TYPE_QINQ_OLD = 0x9100,
    TYPE_QINQ_OLDER = 0x9200,
};

enum {
    PROTO_HOP_BY_HOP = 0,
    PROTO_ICMP = 1,
    PROTO_IPIP = 4,
    PROTO_TCP = 6,
    PROTO_UDP = 17,
    PROTO_6IN4 = 41,
    PROTO_ROUTING = 43,
    PROTO_FRAGMENT = 44,
    PROTO_GRE = 47,
    PROTO_AH = 51,
    PROTO_ICMPV6 = 58,
    PROTO_NONE = 59,
    PROTO_DESTINATION = 60,
    PROTO_MOBILITY = 135,
};

enum { PORT_GTP = 2152, PORT_TEREDO = 3544, PORT_VXLAN = 4789, PORT_GENEVE = 6081 };

/* Moves down; false when that much was not captured. */
static bool pass(struct walk *walk, uint32_t bytes)
{
    if (bytes > walk->captured)
        return false;
    walk->at += bytes;
    walk->captured -= bytes;
    walk->wire -= bytes;
    return true;
}

static void narrow(struct walk *walk, uint32_t bytes)
{
    if (bytes < walk->wire)
        walk->wire = bytes;
    if (bytes < walk->captured)
        walk->captured = bytes;
}

/* Link layers: each function moves the walk to an IP header, or returns false. */

static bool ethertype_descend(struct walk *walk, uint16_t type);

static bool at_ip(const struct walk *walk, unsigned version)
{
    return walk->captured > 0 && walk->at[0] >> 4 == version;
}

static bool ip_plausible(const struct walk *walk)
{
    if (walk->captured < IPV4_BYTES)
        return false;
    const uint8_t *p = walk->at;
    if (p[0] >> 4 == 4) {
        uint32_t header = (p[0] & 15u) * 4, total = weir_load_be16(p + 2);
        return header >= IPV4_BYTES && total >= header && total <= walk->wire;
    }
    return p[0] >> 4 == 6 && walk->captured >= IPV6_BYTES && walk->wire - IPV6_BYTES >= weir_load_be16(p + 4);
}

static bool ethernet_descend(struct walk *walk)
{
    return pass(walk, ETHERNET_BYTES) && ethertype_descend(walk, weir_load_be16(walk->at - 2));
}

static bool mpls_descend(struct walk *walk)
{
    do {
        if (walk->tags++ >= TAGS_MAX || !pass(walk, 4))
            return false;
    } while (!(walk->at[-2] & 1)); /* bottom of the stack */
    if (!walk->captured)
        return false;
    if (ip_plausible(walk))
        return true;
    for (uint32_t control_word = walk->at[0] >> 4 == 0 ? 4 : 0;; control_word = 0) {
        struct walk inner = *walk;
        inner.tags += TAGS_MAX / 2; /* two trials a level: few levels */
        if (pass(&inner, control_word) && ethernet_descend(&inner) && ip_plausible(&inner)) {
            *walk = inner;
            return true;
        }
        if (!control_word)
            break;
    }
    return at_ip(walk, 4) || at_ip(walk, 6);
}

static bool ppp_descend(struct walk *walk)
{
    if (walk->captured < 2)
        return false;
    unsigned protocol = walk->at[0] & 1 ? walk->at[0] : weir_load_be16(walk->at);
    pass(walk, walk->at[0] & 1 ? 1 : 2);
    if (protocol == 0x0281 || protocol == 0x0283)
        return mpls_descend(walk);
    return (protocol == 0x0021 && at_ip(walk, 4)) || (protocol == 0x0057 && at_ip(walk, 6));
}

static bool cisco_hdlc_descend(struct walk *walk)
{
    return pass(walk, 4) && ethertype_descend(walk, weir_load_be16(walk->at - 2));
}

static bool ppp_framed_descend(struct walk *walk)
{
    if (walk->captured < 2 || walk->tags++ >= TAGS_MAX) /* Cisco's framing can carry PPP again */
        return false;
    if ((walk->at[0] == 0x0f || walk->at[0] == 0x8f) && walk->at[1] == 0)
        return cisco_hdlc_descend(walk);
    if ((walk->at[0] == 0xff || walk->at[0] <= 1) && walk->at[1] == 0x03)
        pass(walk, 2);
    return ppp_descend(walk);
}

static bool pppoe_descend(struct walk *walk)
{
    if (!pass(walk, 6) || walk->at[-6] != 0x11 || walk->at[-5] != 0)
        return false;
    narrow(walk, weir_load_be16(walk->at - 2));
    return ppp_descend(walk);
}

static bool llc_descend(struct walk *walk, uint16_t *type)
{
    const uint8_t *p = walk->at;
    if (walk->captured < 3 || p[2] != 0x03)
        return false;
    if (p[0] == 0x06 && p[1] == 0x06) {
        *type = TYPE_IPV4;
        return pass(walk, 3);
    }
    if (p[0] != 0xaa || p[1] != 0xaa || !pass(walk, 8))
        return false;
    *type = weir_load_be16(p + 6);
    return p[3] == 0 && p[4] == 0 && (p[5] == 0 || p[5] == 0xf8);
}

static bool ethertype_descend(struct walk *walk, uint16_t type)
{
    for (;;) {
        switch (type) {
        case TYPE_IPV4:
            return at_ip(walk, 4);
        case TYPE_IPV6:
            return at_ip(walk, 6);
        case TYPE_VLAN:
        case TYPE_QINQ:
        case TYPE_QINQ_OLD:
        case TYPE_QINQ_OLDER:
            if (walk->tags++ >= TAGS_MAX || !pass(walk, 4))
                return false;
            type = weir_load_be16(walk->at - 2);
            break;
        case TYPE_MPLS:
        case TYPE_MPLS_UPSTREAM:
            return mpls_descend(walk);
        case TYPE_PPPOE:
            return pppoe_descend(walk);
        case TYPE_PPP:
            return ppp_framed_descend(walk);
        default:
            if (type > LENGTH_MAX || walk->tags++ >= TAGS_MAX)
                return false;
            narrow(walk, type);
            if (!llc_descend(walk, &type))
                return false;
        }
    }
}

static bool cooked_descend(struct walk *walk, uint32_t header, uint16_t type, uint16_t device)
{
    enum { DEVICE_80211 = 801, DEVICE_80211_RADIOTAP = 803, DEVICE_NETLINK = 824, TYPE_8022 = 4 };

    if (device == DEVICE_NETLINK || (device >= DEVICE_80211 && device <= DEVICE_80211_RADIOTAP) || !pass(walk, header))
        return false;
    if (type == TYPE_8022)
        return llc_descend(walk, &type) && ethertype_descend(walk, type);
    return type > LENGTH_MAX && ethertype_descend(walk, type);
}

static bool link_descend(struct walk *walk, uint16_t link)
{
    const uint8_t *p = walk->at;
    switch (link) {
    case LINK_ETHERNET:
        return ethernet_descend(walk);
    case LINK_SLL:
        return walk->captured >= 16 && cooked_descend(walk, 16, weir_load_be16(p + 14), weir_load_be16(p + 2));
    case LINK_SLL2:
        return walk->captured >= 20 && cooked_descend(walk, 20, weir_load_be16(p), weir_load_be16(p + 8));
    case LINK_RAW:
    case LINK_RAW_BSD:
    case LINK_RAW_OPENBSD:
    case LINK_IPV4:
    case LINK_IPV6:
        return true;
    case LINK_NULL:
    case LINK_LOOP:
        return pass(walk, 4);
    case LINK_PPP:
    case LINK_PPP_HDLC:
        return ppp_framed_descend(walk);
    case LINK_PPP_ETHER:
        return pppoe_descend(walk);
    case LINK_C_HDLC:
        return cisco_hdlc_descend(walk);
    default:
        return false;
    }
}

/* IP: from its header to L4. Stores the addresses and the protocol; false when nothing behind the header counts. */

/* The header lies within the packet's length but perhaps not within the capture. */
static void skip(struct walk *walk, uint32_t bytes)
{
    uint32_t captured = bytes < walk->captured ? bytes : walk->captured;
    walk->at += captured;
    walk->captured -= captured;
    walk->wire -= bytes;
}

static bool ah_skip(struct walk *walk, uint8_t *proto)
{
    if (walk->captured < 12)
        return false;
    uint32_t bytes = (walk->at[1] + 2u) * 4;
    if (bytes < 12 || bytes > walk->wire)
        return false;
    *proto = walk->at[0];
    skip(walk, bytes);
    return true;
}

static void pair_set_ipv4(struct pair *pair, const uint8_t *p)
{
    *pair = (struct pair){.src = {weir_load_be32(p + 12)}, .dst = {weir_load_be32(p + 16)}};
}

static void pair_set_ipv6(struct pair *pair, const uint8_t *p)
{
    *pair = (struct pair){.src = {weir_load_be64(p + 8), weir_load_be64(p + 16)},
                          .dst = {weir_load_be64(p + 24), weir_load_be64(p + 32)}};
}

static bool ipv4_descend(struct walk *walk, struct pair *pair, uint8_t *proto)
{
    const uint8_t *p = walk->at;
    uint32_t header = (p[0] & 15u) * 4, total = weir_load_be16(p + 2);
    pair_set_ipv4(pair, p);
    if (total == 0)
        total = walk->wire;
    if (header < IPV4_BYTES || total < header || weir_load_be16(p + 6) & 0x3fff) /* more fragments, or an offset */
        return false;
    walk->wire = total;
    narrow(walk, total);
    skip(walk, header);
    *proto = p[9];
    while (*proto == PROTO_AH && ah_skip(walk, proto))
        ;
    return true;
}

/* Length of a jumbogram (RFC 2675) from `bytes` of hop-by-hop options at p; 0: not one. */
static uint32_t jumbo_length(const uint8_t *p, uint32_t bytes)
{
    for (uint32_t at = 2; at < bytes;) {
        if (p[at] == 0) {
            at++;
            continue;
        }
        if (bytes - at < 2 || bytes - at - 2 < p[at + 1])
            break;
        if (p[at] == 0xc2 && p[at + 1] == 4)
            return weir_load_be32(p + at + 2);
        at += 2u + p[at + 1];
    }
    return 0;
}

static uint32_t ipv6_payload(const struct walk *walk)
{
    const uint8_t *p = walk->at;
    uint32_t payload = weir_load_be16(p + 4);
    if (payload || p[6] == PROTO_NONE)
        return payload;
    if (p[6] == PROTO_HOP_BY_HOP && walk->captured >= IPV6_BYTES + 8) {
        uint32_t options = (p[IPV6_BYTES + 1] + 1u) * 8;
        uint32_t jumbo = options <= walk->captured - IPV6_BYTES ? jumbo_length(p + IPV6_BYTES, options) : 0;
        if (jumbo > 0xffff && jumbo <= UINT32_MAX - IPV6_BYTES)
            return jumbo;
    }
    return walk->wire - IPV6_BYTES;
}

static bool ipv6_descend(struct walk *walk, struct pair *pair, uint8_t *proto)
{
    const uint8_t *p = walk->at;
    pair_set_ipv6(pair, p);
    *proto = p[6];
    uint32_t bytes = IPV6_BYTES + ipv6_payload(walk);
    walk->wire = bytes;
    narrow(walk, bytes);
    skip(walk, IPV6_BYTES);
    for (unsigned count = 0; count <= EXTENSIONS_MAX; count++) {
        switch (*proto) {
        case PROTO_HOP_BY_HOP:
        case PROTO_ROUTING:
        case PROTO_DESTINATION:
        case PROTO_MOBILITY:
            if (walk->captured < 8)
                return false;
            bytes = (walk->at[1] + 1u) * 8;
            break;
        case PROTO_FRAGMENT:
            if (walk->captured < 8 || weir_load_be16(walk->at + 2) & 0xfff9) /* more fragments, or an offset */
                return false;
            bytes = 8;
            break;
        case PROTO_AH:
            if (!ah_skip(walk, proto))
                return false;
            continue;
        default:
            return true;
        }
        if (bytes > walk->wire)
            return false;
        *proto = walk->at[0];
        skip(walk, bytes);
    }
    return false;
}

/* ICMP and ICMPv6 errors are about the packet that they quote. */
static void quote_read(const struct walk *walk, uint8_t proto, struct pair *pair)
{
    if (walk->captured < 8 + IPV4_BYTES)
        return;
    unsigned type = walk->at[0];
    bool is_error =
        proto == PROTO_ICMPV6 ? type >= 1 && type <= 4 : type == 3 || type == 4 || type == 5 || type == 11 || type == 12;
    const uint8_t *p = walk->at + 8;
    if (is_error && p[0] >> 4 == 4 && (p[0] & 15) >= 5)
        pair_set_ipv4(pair, p);
    else if (is_error && p[0] >> 4 == 6 && walk->captured >= 8 + IPV6_BYTES)
        pair_set_ipv6(pair, p);
}

/* Tunnels: each function moves the walk to the inner IP header; false: it is none. */

static bool content_enter(struct walk *walk, uint16_t type)
{
    walk->tags = 0;
    bool found = type == TYPE_BRIDGING ? ethernet_descend(walk) : type >= 0x600 && ethertype_descend(walk, type);
    return found && ip_plausible(walk);
}

static bool gre_enter(struct walk *walk)
{
    enum { CHECKSUM = 0x8000, ROUTING = 0x4000, KEY = 0x2000, SEQUENCE = 0x1000, ACKNOWLEDGE = 0x0080, VERSION = 0x0007 };

    if (walk->captured < 4)
        return false;
    uint16_t flags = weir_load_be16(walk->at), type = weir_load_be16(walk->at + 2);
    unsigned version = flags & VERSION;
    if (flags & ROUTING || version > 1 || (version == 1 && type != TYPE_PPP))
        return false;
    uint32_t header = 4 + (flags & KEY ? 4u : 0) + (flags & SEQUENCE ? 4u : 0);
    header += version == 0 ? (flags & CHECKSUM ? 4u : 0) : (flags & ACKNOWLEDGE ? 4u : 0);
    if (!pass(walk, header))
        return false;
    if (type == TYPE_ERSPAN) {
        if (flags & SEQUENCE && !pass(walk, 8))
            return false;
        type = TYPE_BRIDGING;
    } else if (type == TYPE_ERSPAN_3) {
        if (walk->captured < 12 || !pass(walk, walk->at[11] & 1 ? 20 : 12))
            return false;
        type = TYPE_BRIDGING;
    }
    return content_enter(walk, type);
}

static bool vxlan_enter(struct walk *walk)
{
    return walk->captured >= 8 && walk->at[0] & 0x08 && pass(walk, 8) && content_enter(walk, TYPE_BRIDGING);
}

static bool geneve_enter(struct walk *walk)
{
    if (walk->captured < 8 || walk->at[0] >> 6 != 0)
        return false;
    uint16_t type = weir_load_be16(walk->at + 2);
    return pass(walk, 8 + (walk->at[0] & 0x3fu) * 4) && content_enter(walk, type);
}

static bool gtp_enter(struct walk *walk)
{
    if (walk->captured < 12 || walk->at[0] >> 5 != 1 || !(walk->at[0] & 0x10) || walk->at[1] != 0xff)
        return false;
    unsigned flags = walk->at[0];
    narrow(walk, 8u + weir_load_be16(walk->at + 2));
    if (!pass(walk, flags & 7 ? 12 : 8))
        return false;
    uint8_t next = flags & 4 ? walk->at[-1] : 0;
    for (unsigned count = 0; next != 0; count++) {
        if (count >= EXTENSIONS_MAX || walk->captured < 1 || walk->at[0] == 0 || !pass(walk, walk->at[0] * 4u))
            return false;
        next = walk->at[-1];
    }
    return ip_plausible(walk);
}

static bool teredo_enter(struct walk *walk)
{
    if (walk->captured >= 4 && weir_load_be16(walk->at) == 1 && !pass(walk, 13u + walk->at[2] + walk->at[3]))
        return false;
    if (walk->captured >= 8 && weir_load_be16(walk->at) == 0 && !pass(walk, 8))
        return false;
    return at_ip(walk, 6) && ip_plausible(walk);
}

static bool udp_enter(struct walk *walk)
{
    if (!pass(walk, UDP_BYTES))
        return false;
    unsigned sport = weir_load_be16(walk->at - 8), dport = weir_load_be16(walk->at - 6);
    switch (dport) {
    case PORT_VXLAN:
        return vxlan_enter(walk);
    case PORT_GENEVE:
        return geneve_enter(walk);
    case PORT_GTP:
        return gtp_enter(walk);
    default:
        return (dport == PORT_TEREDO || sport == PORT_TEREDO) && teredo_enter(walk);
    }
}

static bool tunnel_enter(struct walk *walk, uint8_t proto)
{
    switch (proto) {
    case PROTO_UDP:
        return udp_enter(walk);
    case PROTO_IPIP:
        return at_ip(walk, 4) && ip_plausible(walk);
    case PROTO_6IN4:
        return at_ip(walk, 6) && ip_plausible(walk);
    case PROTO_GRE:
        return gre_enter(walk);
    default:
        return false;
    }
}

/* Spreads 64 bits over 64 (the constants of MurmurHash3's finaliser, which is in the public domain). */
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
    uint32_t wire = packet->wirelen > packet->caplen ? packet->wirelen : packet->caplen;
    struct walk walk = {.at = packet->data, .captured = packet->caplen, .wire = wire};
    struct pair pair = {0};
    if (!link_descend(&walk, packet->link))
        return 0;
    for (unsigned tunnels = 0; tunnels <= TUNNELS_MAX; tunnels++) {
        uint8_t proto;
        bool more;
        if (at_ip(&walk, 4) && walk.captured >= IPV4_BYTES)
            more = ipv4_descend(&walk, &pair, &proto);
        else if (at_ip(&walk, 6) && walk.captured >= IPV6_BYTES)
            more = ipv6_descend(&walk, &pair, &proto);
        else
            return 0;
        if (!more || proto == PROTO_TCP)
            break;
        if (proto == PROTO_ICMP || proto == PROTO_ICMPV6) {
            quote_read(&walk, proto, &pair);
            break;
        }
        if (!tunnel_enter(&walk, proto))
            break;
    }
    uint64_t src = mix(pair.src[0] + mix(pair.src[1])), dst = mix(pair.dst[0] + mix(pair.dst[1]));
    return (uint32_t)(mix(src + dst) >> 32); /* a sum: the same in both directions */
}
