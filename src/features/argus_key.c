/* What shares a flow with what: Argus's keys. */
#include "features/argus.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/bytes.h"

static uint64_t pair_hash(const uint8_t *src, const uint8_t *dst)
{
    uint8_t pair[32];
    memcpy(pair, src, 16);
    memcpy(pair + 16, dst, 16);
    return XXH3_64bits(pair, sizeof pair);
}

/* ICMP: a request and its reply share a key, directed as the request; each echo has its own. */
static bool icmp_key(const struct weir_facts *facts, struct weir_flow_key *key)
{
    static const uint8_t request_of[] = {[0] = 8, [14] = 13, [16] = 15, [18] = 17};
    uint8_t type = facts->icmp.type, code = facts->icmp.code;
    bool reply = type == 0 || type == 14 || type == 16 || type == 18;
    weir_flow_key_ends(key, 4, ICMP, reply ? facts->dst : facts->src, reply ? facts->src : facts->dst, 0, 0, false);
    key->kind = reply ? request_of[type] : type;
    switch (key->kind) {
    case 8: /* echo */
        key->low_port = facts->icmp.id;
        key->high_port = facts->icmp.seq;
        return reply;
    case 9: /* router advertisement and solicitation, time stamp, information, mask: their codes say nothing */
    case 10:
    case 13:
    case 15:
    case 17:
        return reply;
    default:
        key->code = code;
    }
    if (!(facts->flags & WEIR_FACT_QUOTED))
        return reply;
    /* What an error is about: in the low port what ra prints as the destination port. */
    if (type == 3 && code == 2) {
        key->low_port = facts->quoted.proto;
    } else if (type == 3 && code == 3) {
        key->low_port = facts->quoted.dport;
        key->high_port = facts->quoted.proto;
    } else if ((type == 3 || type == 5) && code <= 1) {
        key->low_port = weir_load_le16(facts->quoted.dst);
    }
    /* The lanes spread errors by the addresses that they quote, so these must be in the key. */
    key->extra = pair_hash(facts->quoted.src, facts->quoted.dst);
    return reply;
}

static bool icmpv6_key(const struct weir_facts *facts, struct weir_flow_key *key)
{
    bool swap = weir_flow_key_ends(key, 6, ICMPV6, facts->src, facts->dst, 0, 0, true);
    switch (facts->icmp.type) {
    case 129: /* echo */
        key->kind = 128;
        break;
    case 131: /* multicast listener */
    case 132:
        key->kind = 130;
        break;
    case 134: /* router */
        key->kind = 133;
        break;
    case 136: /* neighbour */
        key->kind = 135;
        break;
    case 145: /* home agent address discovery */
        key->kind = 144;
        break;
    default:
        key->kind = facts->icmp.type;
    }
    key->code = facts->icmp.code;
    if (facts->flags & WEIR_FACT_QUOTED)
        key->extra = pair_hash(facts->quoted.src, facts->quoted.dst);
    return swap;
}

/* Argus takes the first two bytes of a DNS message over IPv4 into the key: each query and its answer are a flow. */
static uint64_t dns_id(unsigned sport, unsigned dport, const uint8_t *udp, uint32_t captured)
{
    return (sport == 53 || dport == 53) && udp && captured >= 10 ? weir_load_be16(udp + 8) : 0;
}

/* TCP, UDP, and what has neither ports nor a rule of its own: most packets. */
static bool plain_key(const struct weir_facts *facts, struct weir_flow_key *key, bool ports)
{
    return weir_flow_key_ends(key, facts->ip_version, facts->proto, facts->src, facts->dst, ports ? facts->sport : 0,
                              ports ? facts->dport : 0, true);
}

bool weir__argus_key(const struct weir_facts *facts, struct weir_flow_key *key)
{
    const bool v4 = facts->ip_version == 4;
    bool swap;
    switch (facts->proto) {
    case TCP:
    case SCTP:
        return plain_key(facts, key, facts->flags & WEIR_FACT_PORTS);
    case UDP:
        swap = plain_key(facts, key, facts->flags & WEIR_FACT_PORTS);
        if (v4)
            key->extra = dns_id(facts->sport, facts->dport, facts->l4, facts->l4_captured);
        return swap;
    case ICMP:
        return v4 ? icmp_key(facts, key) : plain_key(facts, key, false);
    case ICMPV6:
        return v4 ? plain_key(facts, key, false) : icmpv6_key(facts, key);
    case ESP:
        swap = weir_flow_key_ends(key, facts->ip_version, ESP, facts->src, facts->dst, 0, 0, !v4);
        if (weir__argus_l4_has(facts, 4))
            key->extra = weir_load_be32(facts->l4);
        return swap;
    case IGMP:
        swap = weir_flow_key_ends(key, facts->ip_version, IGMP, facts->src, facts->dst, 0, 0, !v4);
        if (weir__argus_l4_has(facts, 8)) {
            key->kind = facts->icmp.type;
            key->code = facts->icmp.code;
            key->extra = (uint64_t)facts->ip_id << 32 | weir_load_be32(facts->l4 + 4);
        }
        return swap;
    default:
        return plain_key(facts, key, false);
    }
}

bool weir__argus_quoted_key(const struct weir_facts *facts, struct weir_flow_key *key)
{
    if (facts->ip_version != 4 || facts->quoted.ip_version != 4)
        return false;
    const uint8_t *quoted = facts->l4 + 8;
    uint32_t captured = facts->l4_captured - 8, header = (quoted[0] & 15u) * 4;
    struct weir_facts about = {.ip_version = 4, .proto = facts->quoted.proto, .ip_id = facts->quoted.ip_id};
    memcpy(about.src, facts->quoted.src, 16);
    memcpy(about.dst, facts->quoted.dst, 16);
    about.flags = facts->quoted.ports ? WEIR_FACT_PORTS : 0;
    about.sport = facts->quoted.sport;
    about.dport = facts->quoted.dport;
    about.icmp.type = facts->quoted.icmp_type;
    about.icmp.code = facts->quoted.icmp_code;
    about.icmp.id = facts->quoted.icmp_id;
    about.icmp.seq = facts->quoted.icmp_seq;
    if (captured > header) {
        about.l4 = quoted + header;
        about.l4_captured = captured - header;
    }
    weir__argus_key(&about, key);
    return true;
}
