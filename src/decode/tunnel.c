/* Tunnels: from L4 to the IP packet inside.
 *
 * A tunnel is entered only when what it carries is IP beyond doubt (weir__ip_plausible): a port number alone proves nothing. Each
 * function gets its own copy of the walk, at the first byte behind the carrier's header, and leaves it at the inner IP header.
 */
#include "decode/walk_internal.h"

enum {
    PROTO_IPIP = 4,
    PROTO_UDP = 17,
    PROTO_6IN4 = 41,
    PROTO_GRE = 47,
};

enum { PORT_GTP = 2152, PORT_TEREDO = 3544, PORT_VXLAN = 4789, PORT_GENEVE = 6081 };

enum { ETHERTYPE_BRIDGING = 0x6558, ETHERTYPE_PPP = 0x880b, ETHERTYPE_ERSPAN = 0x88be, ETHERTYPE_ERSPAN_3 = 0x22eb };

/* Moves down; false if that much was not captured. */
static bool pass(struct weir__walk *walk, uint32_t bytes)
{
    if (bytes > walk->captured)
        return false;
    weir__advance(walk, bytes);
    return true;
}

static bool ip_enter(struct weir__walk *walk, unsigned version)
{
    return walk->captured > 0 && walk->at[0] >> 4 == version && weir__ip_plausible(walk);
}

/* What an EtherType announces: IP itself, or a layer above it. */
static bool content_enter(struct weir__walk *walk, uint16_t ethertype)
{
    enum weir_fate fate;
    if (ethertype == ETHERTYPE_BRIDGING)
        fate = weir__ethernet_descend(walk);
    else if (ethertype >= 0x600)
        fate = weir__ethertype_descend(walk, ethertype);
    else
        return false;
    return fate == WEIR_METERED && weir__ip_plausible(walk);
}

/* RFC 2784 and 2890; version 1 is PPTP's (RFC 2637) and carries PPP. The ERSPAN layouts: draft-foschiano-erspan-03. */
static bool gre_enter(struct weir__walk *walk)
{
    enum { CHECKSUM = 0x8000, ROUTING = 0x4000, KEY = 0x2000, SEQUENCE = 0x1000, ACKNOWLEDGE = 0x0080, VERSION = 0x0007 };

    if (walk->captured < 4)
        return false;
    uint16_t flags = weir_load_be16(walk->at), ethertype = weir_load_be16(walk->at + 2);
    unsigned version = flags & VERSION;
    uint32_t header = 4;
    if (flags & ROUTING || version > 1 || (version == 1 && ethertype != ETHERTYPE_PPP))
        return false;
    if (version == 0 && flags & CHECKSUM)
        header += 4;
    if (flags & KEY)
        header += 4;
    if (flags & SEQUENCE)
        header += 4;
    if (version == 1 && flags & ACKNOWLEDGE)
        header += 4;
    if (!pass(walk, header))
        return false;
    if (ethertype == ETHERTYPE_ERSPAN) { /* type II has a header and numbers its packets, type I has neither */
        if (flags & SEQUENCE && !pass(walk, 8))
            return false;
        ethertype = ETHERTYPE_BRIDGING;
    } else if (ethertype == ETHERTYPE_ERSPAN_3) {
        if (walk->captured < 12 || !pass(walk, walk->at[11] & 1 ? 20 : 12))
            return false;
        ethertype = ETHERTYPE_BRIDGING;
    }
    return content_enter(walk, ethertype);
}

/* RFC 7348 */
static bool vxlan_enter(struct weir__walk *walk)
{
    if (walk->captured < 8 || !(walk->at[0] & 0x08)) /* the network id is there */
        return false;
    return pass(walk, 8) && content_enter(walk, ETHERTYPE_BRIDGING);
}

/* RFC 8926 */
static bool geneve_enter(struct weir__walk *walk)
{
    if (walk->captured < 8 || walk->at[0] >> 6 != 0)
        return false;
    uint32_t header = 8 + (walk->at[0] & 0x3fu) * 4;
    uint16_t ethertype = weir_load_be16(walk->at + 2);
    return pass(walk, header) && content_enter(walk, ethertype);
}

/* 3GPP TS 29.281: version 1, user packets only. */
static bool gtp_enter(struct weir__walk *walk)
{
    if (walk->captured < 12 || walk->at[0] >> 5 != 1 || !(walk->at[0] & 0x10) || walk->at[1] != 0xff)
        return false;
    bool optional = walk->at[0] & 7, extended = walk->at[0] & 4;
    weir__narrow(walk, 8u + weir_load_be16(walk->at + 2));
    if (!pass(walk, optional ? 12 : 8))
        return false;
    uint8_t next = extended ? walk->at[-1] : 0;
    for (unsigned count = 0; next != 0; count++) {
        if (count >= WEIR__EXTENSIONS_MAX || walk->captured < 1 || walk->at[0] == 0 || !pass(walk, walk->at[0] * 4u))
            return false;
        next = walk->at[-1];
    }
    return walk->captured > 0 && weir__ip_plausible(walk);
}

/* RFC 4380, section 5.1.1: authentication and origin may come before the IPv6 packet. */
static bool teredo_enter(struct weir__walk *walk)
{
    if (walk->captured >= 4 && weir_load_be16(walk->at) == 1 && !pass(walk, 13u + walk->at[2] + walk->at[3]))
        return false;
    if (walk->captured >= 8 && weir_load_be16(walk->at) == 0 && !pass(walk, 8))
        return false;
    return ip_enter(walk, 6);
}

bool weir__tunnel_port(uint16_t sport, uint16_t dport)
{
    return dport == PORT_VXLAN || dport == PORT_GENEVE || dport == PORT_GTP || dport == PORT_TEREDO || sport == PORT_TEREDO;
}

static bool udp_enter(struct weir__walk *walk, uint16_t *kind)
{
    const struct weir_facts *facts = walk->facts;
    bool (*enter)(struct weir__walk *);
    switch (facts->dport) {
    case PORT_VXLAN:
        *kind = WEIR_ENCAP_VXLAN;
        enter = vxlan_enter;
        break;
    case PORT_GENEVE:
        *kind = WEIR_ENCAP_GENEVE;
        enter = geneve_enter;
        break;
    case PORT_GTP:
        *kind = WEIR_ENCAP_GTP;
        enter = gtp_enter;
        break;
    default:
        if (facts->dport != PORT_TEREDO && facts->sport != PORT_TEREDO)
            return false;
        *kind = WEIR_ENCAP_TEREDO;
        enter = teredo_enter;
    }
    return pass(walk, 8) && enter(walk);
}

enum weir__tunnel weir__tunnel_enter(struct weir__walk *walk)
{
    const struct weir_facts *facts = walk->facts;
    if (facts->flags & (WEIR_FACT_FRAGMENT | WEIR_FACT_L4_BAD))
        return WEIR__TUNNEL_NONE;
    /* Tags and labels inside are no longer those of this link: of the copy only the place is taken over. */
    struct weir__walk inner = *walk;
    inner.tags = 0;
    uint16_t kind;
    bool entered;
    switch (facts->proto) {
    case PROTO_UDP:
        entered = udp_enter(&inner, &kind);
        break;
    case PROTO_IPIP:
        kind = WEIR_ENCAP_IPIP;
        entered = ip_enter(&inner, 4);
        break;
    case PROTO_6IN4:
        kind = WEIR_ENCAP_IPIP;
        entered = ip_enter(&inner, 6);
        break;
    case PROTO_GRE:
        kind = WEIR_ENCAP_GRE;
        entered = gre_enter(&inner);
        break;
    default:
        return WEIR__TUNNEL_NONE;
    }
    if (!entered)
        return WEIR__TUNNEL_NONE;
    if (walk->tunnels++ >= WEIR__TUNNELS_MAX)
        return WEIR__TUNNEL_TOO_DEEP;
    walk->at = inner.at;
    walk->captured = inner.captured;
    walk->wire = inner.wire;
    walk->encap |= kind;
    return WEIR__TUNNEL_ENTERED;
}
