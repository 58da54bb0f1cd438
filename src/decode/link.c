/* Link layers, down to an IP header. */
#include "decode/walk_internal.h"

/* LINKTYPE_ numbers: https://www.tcpdump.org/linktypes.html */
enum {
    LINK_NULL = 0,
    LINK_ETHERNET = 1,
    LINK_PPP = 9,
    LINK_RAW_BSD = 12, /* DLT_RAW of most systems, found in files although LINKTYPE_RAW is 101 */
    LINK_RAW_OPENBSD = 14,
    LINK_PPP_HDLC = 50,
    LINK_PPP_ETHER = 51, /* a PPPoE session header first */
    LINK_RAW = 101,
    LINK_C_HDLC = 104,
    LINK_LOOP = 108,
    LINK_LINUX_SLL = 113,
    LINK_IPV4 = 228,
    LINK_IPV6 = 229,
    LINK_LINUX_SLL2 = 276,
};

/* EtherTypes: IEEE registration authority */
enum {
    ETHERTYPE_IPV4 = 0x0800,
    ETHERTYPE_ARP = 0x0806,
    ETHERTYPE_RARP = 0x8035,
    ETHERTYPE_VLAN = 0x8100,
    ETHERTYPE_IPV6 = 0x86dd,
    ETHERTYPE_PAUSE = 0x8808,
    ETHERTYPE_SLOW = 0x8809, /* LACP, link OAM */
    ETHERTYPE_PPP = 0x880b,
    ETHERTYPE_MPLS = 0x8847,
    ETHERTYPE_MPLS_UPSTREAM = 0x8848,
    ETHERTYPE_PPPOE_DISCOVERY = 0x8863,
    ETHERTYPE_PPPOE_SESSION = 0x8864,
    ETHERTYPE_EAPOL = 0x888e,
    ETHERTYPE_QINQ = 0x88a8,
    ETHERTYPE_LLDP = 0x88cc,
    ETHERTYPE_LOOPBACK = 0x9000,
    ETHERTYPE_QINQ_OLD = 0x9100,
    ETHERTYPE_QINQ_OLDER = 0x9200,
};

#define ETHERNET_HEADER     14
#define ETHERNET_LENGTH_MAX 1500 /* a smaller "EtherType" is the length of an LLC frame */

/* At what the link layer calls an IP packet. The version says which, since some encapsulations do not. */
static enum weir_fate at_ip(struct weir__walk *walk, unsigned version)
{
    if (walk->captured < 1)
        return weir__drop_short(walk, 1);
    unsigned found = walk->at[0] >> 4;
    if (version != 0 ? found != version : found != 4 && found != 6)
        return weir__drop(walk, WEIR_DROPPED_HEADER);
    return WEIR_METERED;
}

static enum weir_fate vlan_descend(struct weir__walk *walk, uint16_t *ethertype)
{
    if (walk->captured < 4)
        return weir__drop_short(walk, 4);
    uint16_t tci = weir_load_be16(walk->at);
    if (walk->encap & WEIR_ENCAP_VLAN) {
        if (!(walk->encap & WEIR_ENCAP_QINQ))
            walk->vlan[1] = tci;
        walk->encap |= WEIR_ENCAP_QINQ;
    } else {
        walk->vlan[0] = tci;
        walk->encap |= WEIR_ENCAP_VLAN;
    }
    *ethertype = weir_load_be16(walk->at + 2);
    weir__advance(walk, 4);
    return WEIR_METERED;
}

/* LLC, with or without SNAP: gives the EtherType of the content. */
static enum weir_fate llc_descend(struct weir__walk *walk, uint16_t *ethertype)
{
    if (walk->captured < 3)
        return weir__drop_short(walk, 3);
    const uint8_t *p = walk->at;
    if (p[0] == 0x42 && p[1] == 0x42) /* spanning tree */
        return weir__ignore(walk, WEIR_IGNORED_CONTROL);
    walk->encap |= WEIR_ENCAP_LLC;
    if (p[0] == 0x06 && p[1] == 0x06 && p[2] == 0x03) { /* IPv4's own service access point */
        weir__advance(walk, 3);
        *ethertype = ETHERTYPE_IPV4;
        return WEIR_METERED;
    }
    if (p[0] != 0xaa || p[1] != 0xaa || p[2] != 0x03)
        return weir__ignore(walk, WEIR_IGNORED_ETHERTYPE);
    if (walk->captured < 8)
        return weir__drop_short(walk, 8);
    if (p[3] != 0 || p[4] != 0 || (p[5] != 0 && p[5] != 0xf8)) /* another organisation's protocol numbers */
        return weir__ignore(walk, WEIR_IGNORED_ETHERTYPE);
    *ethertype = weir_load_be16(p + 6);
    weir__advance(walk, 8);
    return WEIR_METERED;
}

static enum weir_fate pppoe_descend(struct weir__walk *walk)
{
    if (walk->captured < 6)
        return weir__drop_short(walk, 6);
    if (walk->at[0] != 0x11) /* version 1, type 1 */
        return weir__drop(walk, WEIR_DROPPED_HEADER);
    if (walk->at[1] != 0) /* a code: discovery */
        return weir__ignore(walk, WEIR_IGNORED_CONTROL);
    uint32_t length = weir_load_be16(walk->at + 4);
    weir__advance(walk, 6);
    weir__narrow(walk, length);
    walk->encap |= WEIR_ENCAP_PPPOE;
    return weir__ppp_descend(walk);
}

/* Behind the label stack nothing says what follows: an IP packet, or a pseudowire's Ethernet frame with or without a control word
 * (RFC 4448). Taken for what makes sense as IP. */
static enum weir_fate mpls_descend(struct weir__walk *walk)
{
    for (bool bottom = false; !bottom;) {
        if (walk->captured < 4)
            return weir__drop_short(walk, 4);
        if (walk->tags++ >= WEIR__TAGS_MAX)
            return weir__drop(walk, WEIR_DROPPED_NESTING);
        uint32_t label = weir_load_be32(walk->at);
        if (!(walk->encap & WEIR_ENCAP_MPLS))
            walk->mpls = label;
        walk->encap |= WEIR_ENCAP_MPLS;
        bottom = (label & 0x100) != 0;
        weir__advance(walk, 4);
    }
    if (walk->captured < 1)
        return weir__drop_short(walk, 1);
    if (weir__ip_plausible(walk))
        return WEIR_METERED;
    uint32_t control_word = walk->at[0] >> 4 == 0 ? 4 : 0;
    for (uint32_t skip = control_word;; skip = 0) {
        struct weir__walk inner = *walk;
        if (inner.captured >= skip + ETHERNET_HEADER) {
            weir__advance(&inner, skip);
            inner.tags += WEIR__TAGS_MAX / 2; /* two trials a level: few levels */
            if (weir__ethernet_descend(&inner) == WEIR_METERED && weir__ip_plausible(&inner)) {
                *walk = inner;
                return WEIR_METERED;
            }
        }
        if (skip == 0)
            break;
    }
    unsigned version = walk->at[0] >> 4;
    if (version == 4 || version == 6) /* the IP decoder will tell what is wrong with it */
        return WEIR_METERED;
    return weir__ignore(walk, WEIR_IGNORED_ETHERTYPE);
}

enum weir_fate weir__ppp_descend(struct weir__walk *walk)
{
    if (walk->captured < 2)
        return weir__drop_short(walk, 2);
    unsigned protocol = walk->at[0];
    if (protocol & 1) { /* compressed to one byte */
        weir__advance(walk, 1);
    } else {
        protocol = weir_load_be16(walk->at);
        weir__advance(walk, 2);
    }
    switch (protocol) {
    case 0x0021:
        return at_ip(walk, 4);
    case 0x0057:
        return at_ip(walk, 6);
    case 0x0281:
    case 0x0283:
        return mpls_descend(walk);
    default: /* 8xxx: network control, cxxx: link control and authentication */
        return weir__ignore(walk, protocol >= 0x8000 ? WEIR_IGNORED_CONTROL : WEIR_IGNORED_ETHERTYPE);
    }
}

/* Cisco's framing: address, control, EtherType. */
static enum weir_fate cisco_hdlc_descend(struct weir__walk *walk)
{
    if (walk->captured < 4)
        return weir__drop_short(walk, 4);
    uint16_t ethertype = weir_load_be16(walk->at + 2);
    weir__advance(walk, 4);
    return weir__ethertype_descend(walk, ethertype);
}

/* PPP in HDLC-like framing; the address and control bytes may have been compressed away. Link type 204 of libpcap puts the
 * direction where the address is, found in files of type 9 too. */
static enum weir_fate ppp_framed_descend(struct weir__walk *walk)
{
    if (walk->captured < 2)
        return weir__drop_short(walk, 2);
    if (walk->tags++ >= WEIR__TAGS_MAX) /* Cisco's framing can carry PPP again */
        return weir__drop(walk, WEIR_DROPPED_NESTING);
    if ((walk->at[0] == 0x0f || walk->at[0] == 0x8f) && walk->at[1] == 0) /* on the same lines, told by its addresses */
        return cisco_hdlc_descend(walk);
    if ((walk->at[0] == 0xff || walk->at[0] <= 1) && walk->at[1] == 0x03)
        weir__advance(walk, 2);
    return weir__ppp_descend(walk);
}

enum weir_fate weir__ethertype_descend(struct weir__walk *walk, uint16_t ethertype)
{
    for (;;) {
        enum weir_fate fate;
        walk->ethertype = ethertype;
        switch (ethertype) {
        case ETHERTYPE_IPV4:
            return at_ip(walk, 4);
        case ETHERTYPE_IPV6:
            return at_ip(walk, 6);
        case ETHERTYPE_VLAN:
        case ETHERTYPE_QINQ:
        case ETHERTYPE_QINQ_OLD:
        case ETHERTYPE_QINQ_OLDER:
            if (walk->tags++ >= WEIR__TAGS_MAX)
                return weir__drop(walk, WEIR_DROPPED_NESTING);
            fate = vlan_descend(walk, &ethertype);
            if (fate != WEIR_METERED)
                return fate;
            continue;
        case ETHERTYPE_MPLS:
        case ETHERTYPE_MPLS_UPSTREAM:
            return mpls_descend(walk);
        case ETHERTYPE_PPPOE_SESSION:
            return pppoe_descend(walk);
        case ETHERTYPE_PPP:
            return ppp_framed_descend(walk);
        case ETHERTYPE_ARP:
        case ETHERTYPE_RARP:
            return weir__ignore(walk, WEIR_IGNORED_ARP);
        case ETHERTYPE_PAUSE:
        case ETHERTYPE_SLOW:
        case ETHERTYPE_PPPOE_DISCOVERY:
        case ETHERTYPE_EAPOL:
        case ETHERTYPE_LLDP:
        case ETHERTYPE_LOOPBACK:
            return weir__ignore(walk, WEIR_IGNORED_CONTROL);
        default:
            if (ethertype > ETHERNET_LENGTH_MAX)
                return weir__ignore(walk, WEIR_IGNORED_ETHERTYPE);
            if (walk->tags++ >= WEIR__TAGS_MAX)
                return weir__drop(walk, WEIR_DROPPED_NESTING);
            weir__narrow(walk, ethertype);
            fate = llc_descend(walk, &ethertype);
            if (fate != WEIR_METERED)
                return fate;
        }
    }
}

enum weir_fate weir__ethernet_descend(struct weir__walk *walk)
{
    if (walk->captured < ETHERNET_HEADER)
        return weir__drop_short(walk, ETHERNET_HEADER);
    uint16_t ethertype = weir_load_be16(walk->at + 12);
    weir__advance(walk, ETHERNET_HEADER);
    return weir__ethertype_descend(walk, ethertype);
}

/* Linux cooked captures: the protocol is an EtherType unless the device's type (ARPHRD_) says otherwise. */
static enum weir_fate cooked_descend(struct weir__walk *walk, uint32_t header, uint16_t protocol, uint16_t device)
{
    enum { DEVICE_80211 = 801, DEVICE_80211_PRISM = 802, DEVICE_80211_RADIOTAP = 803, DEVICE_NETLINK = 824 };
    enum { PROTOCOL_8023_LAST = 3, PROTOCOL_8022 = 4 };

    if (device == DEVICE_NETLINK || (device >= DEVICE_80211 && device <= DEVICE_80211_RADIOTAP))
        return weir__ignore(walk, WEIR_IGNORED_LINK);
    weir__advance(walk, header);
    if (protocol == PROTOCOL_8022) {
        enum weir_fate fate = llc_descend(walk, &protocol);
        if (fate != WEIR_METERED)
            return fate;
    } else if (protocol <= ETHERNET_LENGTH_MAX) { /* Novell's raw 802.3, CAN, ... */
        return weir__ignore(walk, WEIR_IGNORED_ETHERTYPE);
    }
    return weir__ethertype_descend(walk, protocol);
}

/* BSD loopback: the address family of the capturing machine in its own byte order, or in network order. */
static enum weir_fate family_descend(struct weir__walk *walk)
{
    if (walk->captured < 4)
        return weir__drop_short(walk, 4);
    uint32_t family = weir_load_le32(walk->at);
    if (family > 0xffff)
        family = weir_load_be32(walk->at);
    weir__advance(walk, 4);
    switch (family) {
    case 2:
        return at_ip(walk, 4);
    case 10: /* AF_INET6 of Linux, Windows, NetBSD and OpenBSD, FreeBSD, Darwin */
    case 23:
    case 24:
    case 28:
    case 30:
        return at_ip(walk, 6);
    default:
        return weir__ignore(walk, WEIR_IGNORED_ETHERTYPE);
    }
}

enum weir_fate weir__link_descend(struct weir__walk *walk, uint16_t link)
{
    switch (link) {
    case LINK_ETHERNET:
        if (walk->captured < ETHERNET_HEADER)
            return weir__drop_short(walk, ETHERNET_HEADER);
        memcpy(walk->facts->mac_dst, walk->at, 6);
        memcpy(walk->facts->mac_src, walk->at + 6, 6);
        walk->encap = WEIR_ENCAP_ETHERNET;
        return weir__ethernet_descend(walk);
    case LINK_LINUX_SLL:
        if (walk->captured < 16)
            return weir__drop_short(walk, 16);
        return cooked_descend(walk, 16, weir_load_be16(walk->at + 14), weir_load_be16(walk->at + 2));
    case LINK_LINUX_SLL2:
        if (walk->captured < 20)
            return weir__drop_short(walk, 20);
        return cooked_descend(walk, 20, weir_load_be16(walk->at), weir_load_be16(walk->at + 8));
    case LINK_RAW:
    case LINK_RAW_BSD:
    case LINK_RAW_OPENBSD:
        return at_ip(walk, 0);
    case LINK_IPV4:
        return at_ip(walk, 4);
    case LINK_IPV6:
        return at_ip(walk, 6);
    case LINK_NULL:
    case LINK_LOOP:
        return family_descend(walk);
    case LINK_PPP:
    case LINK_PPP_HDLC:
        return ppp_framed_descend(walk);
    case LINK_PPP_ETHER:
        return pppoe_descend(walk);
    case LINK_C_HDLC:
        return cisco_hdlc_descend(walk);
    default:
        return weir__ignore(walk, WEIR_IGNORED_LINK);
    }
}

bool weir_decode_knows_link(uint16_t link)
{
    struct weir_facts facts;
    struct weir__walk walk = {.at = (const uint8_t *)"", .facts = &facts}; /* nothing to read: only the link type decides */
    return weir__link_descend(&walk, link) != WEIR_IGNORED;
}
