/* IPv4 and IPv6 with its extension headers, down to L4. */
#include "decode/walk_internal.h"

enum {
    PROTO_HOP_BY_HOP = 0,
    PROTO_ROUTING = 43,
    PROTO_FRAGMENT = 44,
    PROTO_AH = 51,
    PROTO_NONE = 59,
    PROTO_DESTINATION = 60,
    PROTO_MOBILITY = 135,
};

#define IPV4_HEADER 20
#define IPV6_HEADER 40

/* Moves behind a header of the IP packet that lies within its length but perhaps not within the capture. */
static void skip(struct weir__walk *walk, uint32_t bytes)
{
    uint32_t captured = bytes < walk->captured ? bytes : walk->captured;
    walk->at += captured;
    walk->captured -= captured;
    walk->wire -= bytes;
}

/* Sets how many bytes the IP packet has by its own length field: less than the wire is padding, more is taken as claimed. */
static void set_length(struct weir__walk *walk, uint32_t bytes)
{
    walk->facts->ip_bytes = bytes;
    walk->overlong |= bytes > walk->wire; /* and so is, perhaps, what an overlong packet carries */
    if (walk->overlong)
        walk->facts->flags |= WEIR_FACT_OVERLONG;
    walk->wire = bytes;
    if (walk->captured > bytes)
        walk->captured = bytes;
}

/* Authentication header: looked through, as its content is not encrypted. Damaged or cut: stays as the protocol. */
static bool ah_skip(struct weir__walk *walk, uint8_t *proto)
{
    if (walk->captured < 12)
        return false;
    uint32_t bytes = (walk->at[1] + 2u) * 4;
    if (bytes < 12 || bytes > walk->wire)
        return false;
    *proto = walk->at[0];
    skip(walk, bytes);
    walk->encap |= WEIR_ENCAP_AH;
    return true;
}

/* IANA's IP option numbers. */
static uint8_t ipv4_options(const uint8_t *p, uint32_t bytes)
{
    unsigned seen = 0;
    for (uint32_t at = 0; at < bytes && p[at] != 0;) {
        switch (p[at]) {
        case 1: /* no operation */
            at++;
            continue;
        case 7:
            seen |= WEIR_IPOPT_RECORD_ROUTE;
            break;
        case 68:
            seen |= WEIR_IPOPT_TIMESTAMP;
            break;
        case 130:
            seen |= WEIR_IPOPT_SECURITY;
            break;
        case 131:
            seen |= WEIR_IPOPT_LOOSE_ROUTE;
            break;
        case 136:
            seen |= WEIR_IPOPT_STREAM_ID;
            break;
        case 137:
            seen |= WEIR_IPOPT_STRICT_ROUTE;
            break;
        case 148:
            seen |= WEIR_IPOPT_ROUTER_ALERT;
            break;
        default:
            seen |= WEIR_IPOPT_OTHER;
        }
        if (bytes - at < 2 || p[at + 1] < 2)
            break;
        at += p[at + 1];
    }
    return (uint8_t)seen;
}

static enum weir_fate ipv4_decode(struct weir__walk *walk)
{
    struct weir_facts *facts = walk->facts;
    if (walk->captured < IPV4_HEADER)
        return weir__drop_short(walk, IPV4_HEADER);
    const uint8_t *p = walk->at;
    uint32_t header = (p[0] & 15u) * 4;
    if (header < IPV4_HEADER)
        return weir__drop(walk, WEIR_DROPPED_HEADER);
    uint32_t total = weir_load_be16(p + 2);
    if (total == 0) /* a segment that the network card was still to cut (TSO) */
        total = walk->wire;
    if (total < header)
        return weir__drop(walk, WEIR_DROPPED_LENGTH);

    uint16_t fragment = weir_load_be16(p + 6);
    unsigned flags = header > IPV4_HEADER ? WEIR_FACT_IP_OPTIONS : 0;
    if (fragment & 0x4000)
        flags |= WEIR_FACT_DONT_FRAGMENT;
    if (fragment & 0x2000)
        flags |= WEIR_FACT_FRAGMENT | WEIR_FACT_FRAGMENT_MORE;
    if (fragment & 0x1fff)
        flags |= WEIR_FACT_FRAGMENT | WEIR_FACT_FRAGMENT_LATER;
    facts->flags = (uint16_t)flags;
    facts->fragment_offset = (uint16_t)((fragment & 0x1fff) * 8);
    facts->ip_version = 4;
    facts->tos = p[1];
    facts->ip_options = 0;
    if (header > IPV4_HEADER)
        facts->ip_options = ipv4_options(p + IPV4_HEADER, (header < walk->captured ? header : walk->captured) - IPV4_HEADER);
    facts->ip_id = weir_load_be16(p + 4);
    facts->ttl = p[8];
    memset(facts->src, 0, sizeof facts->src);
    memset(facts->dst, 0, sizeof facts->dst);
    memcpy(facts->src, p + 12, 4);
    memcpy(facts->dst, p + 16, 4);
    uint8_t proto = p[9];
    set_length(walk, total);
    skip(walk, header);
    if (proto == PROTO_AH && !(flags & WEIR_FACT_FRAGMENT_LATER))
        while (proto == PROTO_AH && ah_skip(walk, &proto))
            ;
    facts->proto = proto;
    return WEIR_METERED;
}

/* Length of a jumbogram from its hop-by-hop options (RFC 2675); 0: not one. `bytes` of options at p are captured. */
static uint32_t jumbo_length(const uint8_t *p, uint32_t bytes)
{
    for (uint32_t at = 2; at < bytes;) {
        if (p[at] == 0) { /* one byte of padding */
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

/* Payload length 0: a jumbogram, or a segment that the card was still to cut, or really nothing. */
static uint32_t ipv6_length_of_zero(const struct weir__walk *walk)
{
    const uint8_t *p = walk->at;
    if (p[6] == PROTO_NONE)
        return 0;
    if (p[6] == PROTO_HOP_BY_HOP && walk->captured >= IPV6_HEADER + 8) {
        uint32_t options = (p[IPV6_HEADER + 1] + 1u) * 8;
        uint32_t jumbo = options <= walk->captured - IPV6_HEADER ? jumbo_length(p + IPV6_HEADER, options) : 0;
        if (jumbo > 0xffff && jumbo <= UINT32_MAX - IPV6_HEADER)
            return jumbo;
    }
    return walk->wire - IPV6_HEADER;
}

/* Below an overlong IP length `wire` is what the packet claims, not what was there. */
static enum weir_fate drop_short(struct weir__walk *walk, uint32_t need)
{
    if (walk->overlong)
        return weir__drop(walk, WEIR_DROPPED_LENGTH);
    return weir__drop_short(walk, need);
}

/* The extension headers; the walk stands behind the fixed header. Each must lie within the capture, since the next protocol is in
 * it. */
static enum weir_fate extensions_decode(struct weir__walk *walk, uint8_t proto)
{
    struct weir_facts *facts = walk->facts;
    for (unsigned count = 0;; count++) {
        uint32_t bytes;
        switch (proto) {
        case PROTO_HOP_BY_HOP:
        case PROTO_ROUTING:
        case PROTO_DESTINATION:
        case PROTO_MOBILITY:
        case PROTO_FRAGMENT:
            if (walk->captured < 8)
                return drop_short(walk, 8);
            break;
        case PROTO_AH:
            if (walk->captured < 12)
                return drop_short(walk, 12);
            break;
        default:
            facts->proto = proto;
            return WEIR_METERED;
        }
        if (count >= WEIR__EXTENSIONS_MAX)
            return weir__drop(walk, WEIR_DROPPED_NESTING);

        const uint8_t *p = walk->at;
        if (proto == PROTO_MOBILITY && p[0] == PROTO_NONE) { /* the message itself, nothing behind it */
            facts->proto = proto;
            return WEIR_METERED;
        }
        if (proto == PROTO_FRAGMENT) {
            uint16_t offset = weir_load_be16(p + 2);
            facts->ip_id = weir_load_be32(p + 4);
            facts->fragment_offset = offset & 0xfff8;
            if (offset & 1)
                facts->flags |= WEIR_FACT_FRAGMENT | WEIR_FACT_FRAGMENT_MORE;
            if (offset & 0xfff8)
                facts->flags |= WEIR_FACT_FRAGMENT | WEIR_FACT_FRAGMENT_LATER;
            bytes = 8;
        } else if (proto == PROTO_AH) {
            bytes = (p[1] + 2u) * 4;
            if (bytes < 12)
                return weir__drop(walk, WEIR_DROPPED_HEADER);
            walk->encap |= WEIR_ENCAP_AH;
        } else {
            bytes = (p[1] + 1u) * 8;
            facts->flags |= WEIR_FACT_IP_OPTIONS;
        }
        if (bytes > walk->wire)
            return weir__drop(walk, WEIR_DROPPED_LENGTH);
        proto = p[0];
        skip(walk, bytes);
        if (facts->flags & WEIR_FACT_FRAGMENT_LATER) { /* what follows is data, whatever the protocol says */
            facts->proto = proto;
            return WEIR_METERED;
        }
    }
}

static enum weir_fate ipv6_decode(struct weir__walk *walk)
{
    struct weir_facts *facts = walk->facts;
    if (walk->captured < IPV6_HEADER)
        return weir__drop_short(walk, IPV6_HEADER);
    const uint8_t *p = walk->at;
    uint32_t payload = weir_load_be16(p + 4);
    if (payload == 0)
        payload = ipv6_length_of_zero(walk);
    facts->flags = 0;
    facts->fragment_offset = 0;
    facts->ip_version = 6;
    facts->ip_options = 0;
    facts->tos = (uint8_t)(weir_load_be16(p) >> 4);
    facts->ip_id = 0;
    facts->ttl = p[7];
    memcpy(facts->src, p + 8, 16);
    memcpy(facts->dst, p + 24, 16);
    uint8_t proto = p[6];
    set_length(walk, IPV6_HEADER + payload);
    skip(walk, IPV6_HEADER);
    return extensions_decode(walk, proto);
}

enum weir_fate weir__ip_decode(struct weir__walk *walk)
{
    return walk->at[0] >> 4 == 4 ? ipv4_decode(walk) : ipv6_decode(walk);
}

bool weir__ip_plausible(const struct weir__walk *walk)
{
    if (walk->captured < IPV4_HEADER)
        return false;
    const uint8_t *p = walk->at;
    if (p[0] >> 4 == 4) {
        uint32_t header = (p[0] & 15u) * 4, total = weir_load_be16(p + 2);
        return header >= IPV4_HEADER && total >= header && total <= walk->wire;
    }
    return p[0] >> 4 == 6 && walk->captured >= IPV6_HEADER && walk->wire - IPV6_HEADER >= weir_load_be16(p + 4);
}
