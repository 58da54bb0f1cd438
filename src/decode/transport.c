/* L4 headers: TCP with options, ports, ICMP and the packets that its errors quote. */
#include "decode/walk_internal.h"

enum {
    PROTO_ICMP = 1,
    PROTO_IGMP = 2,
    PROTO_TCP = 6,
    PROTO_UDP = 17,
    PROTO_DCCP = 33,
    PROTO_ICMPV6 = 58,
    PROTO_SCTP = 132,
    PROTO_UDPLITE = 136,
};

/* Bit of weir_facts.tcp.options of each option kind that has one (IANA's TCP option kind numbers), and its length; 0: any. */
static const struct {
    uint16_t bit;
    uint8_t length;
} tcp_option[14] = {
    [2] = {WEIR_TCPOPT_MSS, 4},        [3] = {WEIR_TCPOPT_WSCALE, 3}, [4] = {WEIR_TCPOPT_SACK_OK, 2},
    [5] = {WEIR_TCPOPT_SACK, 0},       [6] = {WEIR_TCPOPT_ECHO, 6},   [7] = {WEIR_TCPOPT_ECHO_REPLY, 6},
    [8] = {WEIR_TCPOPT_TIMESTAMP, 10}, [11] = {WEIR_TCPOPT_CC, 6},    [12] = {WEIR_TCPOPT_CC_NEW, 6},
    [13] = {WEIR_TCPOPT_CC_ECHO, 6},
};

void weir__tcp_options_decode(struct weir_facts *facts, const uint8_t *p, uint32_t bytes, bool cut)
{
    for (uint32_t at = 0; at < bytes && p[at] != 0;) {
        unsigned kind = p[at];
        if (kind == 1) { /* no operation */
            at++;
            continue;
        }
        uint32_t left = bytes - at;
        if (left < 2 || p[at + 1] < 2 || p[at + 1] > left) {
            if (!(cut && (left < 2 || p[at + 1] > left))) /* the snap length's fault, not the sender's */
                facts->tcp.options |= WEIR_TCPOPT_MALFORMED;
            return;
        }
        uint32_t length = p[at + 1];
        if (kind < sizeof tcp_option / sizeof *tcp_option && tcp_option[kind].bit != 0) {
            if (tcp_option[kind].length != 0 && tcp_option[kind].length != length) {
                facts->tcp.options |= WEIR_TCPOPT_MALFORMED;
                return;
            }
            facts->tcp.options |= tcp_option[kind].bit;
            if (kind == 2)
                facts->tcp.mss = weir_load_be16(p + at + 2);
            else if (kind == 3) /* more than 14 counts as 14 (RFC 7323, section 2.3) */
                facts->tcp.wscale = (int8_t)(p[at + 2] > 14 ? 14 : p[at + 2]);
            else if (kind == 8) {
                facts->tcp.ts_value = weir_load_be32(p + at + 2);
                facts->tcp.ts_echo = weir_load_be32(p + at + 6);
            }
        }
        at += length;
    }
}

/* Returns the header's length. */
static uint32_t tcp_decode(const struct weir__walk *walk)
{
    struct weir_facts *facts = walk->facts;
    memset(&facts->tcp, 0, sizeof facts->tcp);
    facts->tcp.wscale = -1;
    const uint8_t *p = walk->at;
    uint32_t captured = walk->captured;
    if (captured >= 8)
        facts->tcp.seq = weir_load_be32(p + 4);
    if (captured >= 12)
        facts->tcp.ack = weir_load_be32(p + 8);
    if (captured >= 14)
        facts->tcp.flags = p[13];
    if (captured >= 16)
        facts->tcp.window = weir_load_be16(p + 14);
    if (captured < 13)
        return 20;
    uint32_t header = (p[12] >> 4) * 4u;
    facts->tcp.header_bytes = (uint8_t)header;
    if (header < 20 || header > walk->wire) {
        facts->flags |= WEIR_FACT_L4_BAD;
        return header < 20 ? 20 : walk->wire;
    }
    if (header > 20 && captured > 20)
        weir__tcp_options_decode(facts, p + 20, (captured < header ? captured : header) - 20, captured < header);
    return header;
}

static bool has_ports(uint8_t proto)
{
    return proto == PROTO_TCP || proto == PROTO_UDP || proto == PROTO_SCTP || proto == PROTO_UDPLITE || proto == PROTO_DCCP;
}

/* Behind the fixed header of a quoted IPv6 packet: the place and protocol of its L4 header. Returns false if the packet is a
 * later fragment; a cut chain ends at its cut. */
static bool quoted_extensions(const uint8_t *p, uint32_t captured, uint32_t *at, uint8_t *proto)
{
    for (unsigned count = 0; count < WEIR__EXTENSIONS_MAX && captured - *at >= 8; count++) {
        uint32_t bytes;
        bool later = false;
        if (*proto == 0 || *proto == 43 || *proto == 60) {
            bytes = (p[*at + 1] + 1u) * 8;
        } else if (*proto == 44) {
            bytes = 8;
            later = (weir_load_be16(p + *at + 2) & 0xfff8) != 0;
        } else {
            return true;
        }
        *proto = p[*at];
        if (later)
            return false;
        if (bytes > captured - *at) {
            *at = captured;
            return true;
        }
        *at += bytes;
    }
    return true;
}

/* The packet inside an ICMP error: at least its fixed IP header must be there. What is behind it only as far as it is there. */
static void quote_decode(struct weir__walk *walk)
{
    struct weir_facts *facts = walk->facts;
    if (walk->captured <= 8)
        return;
    const uint8_t *p = walk->at + 8;
    uint32_t captured = walk->captured - 8, at;
    memset(&facts->quoted, 0, sizeof facts->quoted);
    bool first = true; /* or whole */
    if (p[0] >> 4 == 4 && captured >= 20) {
        at = (p[0] & 15u) * 4;
        if (at < 20)
            return;
        first = (weir_load_be16(p + 6) & 0x1fff) == 0;
        facts->quoted.proto = p[9];
        facts->quoted.tos = p[1];
        facts->quoted.ip_id = weir_load_be16(p + 4);
        memcpy(facts->quoted.src, p + 12, 4);
        memcpy(facts->quoted.dst, p + 16, 4);
    } else if (p[0] >> 4 == 6 && captured >= 40) {
        at = 40;
        facts->quoted.proto = p[6];
        facts->quoted.tos = (uint8_t)(weir_load_be16(p) >> 4);
        first = quoted_extensions(p, captured, &at, &facts->quoted.proto);
        memcpy(facts->quoted.src, p + 8, 16);
        memcpy(facts->quoted.dst, p + 24, 16);
    } else {
        return;
    }
    facts->quoted.ip_version = p[0] >> 4;
    facts->flags |= WEIR_FACT_QUOTED;
    if (!first || captured < at + 4)
        return;
    uint8_t proto = facts->quoted.proto;
    if (has_ports(proto)) {
        facts->quoted.ports = true;
        facts->quoted.sport = weir_load_be16(p + at);
        facts->quoted.dport = weir_load_be16(p + at + 2);
    } else if ((proto == PROTO_ICMP || proto == PROTO_ICMPV6) && captured >= at + 8) {
        facts->quoted.icmp_type = p[at];
        facts->quoted.icmp_code = p[at + 1];
        facts->quoted.icmp_id = weir_load_be16(p + at + 4);
        facts->quoted.icmp_seq = weir_load_be16(p + at + 6);
    }
}

static bool icmp_is_error(uint8_t proto, uint8_t type)
{
    if (proto == PROTO_ICMPV6)
        return type >= 1 && type <= 4;
    return type == 3 || type == 4 || type == 5 || type == 11 || type == 12;
}

static void icmp_decode(struct weir__walk *walk)
{
    struct weir_facts *facts = walk->facts;
    const uint8_t *p = walk->at;
    uint32_t captured = walk->captured;
    facts->icmp.type = captured >= 1 ? p[0] : 0;
    facts->icmp.code = captured >= 2 ? p[1] : 0;
    facts->icmp.id = captured >= 6 ? weir_load_be16(p + 4) : 0;
    facts->icmp.seq = captured >= 8 ? weir_load_be16(p + 6) : 0;
    /* Not of a fragment: it goes the way of all fragments of its datagram, which is not that of the quoted flow. */
    if (facts->proto != PROTO_IGMP && !(facts->flags & WEIR_FACT_FRAGMENT) && captured >= 1 && icmp_is_error(facts->proto, p[0]))
        quote_decode(walk);
}

void weir__transport_decode(struct weir__walk *walk)
{
    struct weir_facts *facts = walk->facts;
    facts->sport = 0;
    facts->dport = 0;
    facts->l4_bytes = walk->wire;
    if (facts->flags & WEIR_FACT_FRAGMENT_LATER) {
        facts->l4 = NULL;
        facts->l4_captured = 0;
        facts->payload_bytes = walk->wire;
        return;
    }
    facts->l4 = walk->captured > 0 ? walk->at : NULL;
    facts->l4_captured = walk->captured;

    uint32_t header = 8, fixed = 8;
    switch (facts->proto) {
    case PROTO_TCP:
        header = tcp_decode(walk);
        fixed = 20;
        break;
    case PROTO_UDP:
    case PROTO_UDPLITE:
        break;
    case PROTO_SCTP:
        header = fixed = 12;
        break;
    case PROTO_DCCP:
        fixed = 12;
        header = walk->captured > 4 ? walk->at[4] * 4u : 12;
        if (header < 12 || header > walk->wire)
            header = 12;
        break;
    case PROTO_ICMP:
    case PROTO_IGMP:
    case PROTO_ICMPV6:
        icmp_decode(walk);
        break;
    default:
        facts->payload_bytes = walk->wire;
        return;
    }
    if (walk->wire < fixed)
        facts->flags |= WEIR_FACT_L4_BAD;
    else if (walk->captured < header)
        facts->flags |= WEIR_FACT_L4_SNAPPED;
    if (has_ports(facts->proto) && walk->captured >= 4) {
        facts->flags |= WEIR_FACT_PORTS;
        facts->sport = weir_load_be16(walk->at);
        facts->dport = weir_load_be16(walk->at + 2);
    }
    facts->payload_bytes = walk->wire > header ? walk->wire - header : 0;
}
