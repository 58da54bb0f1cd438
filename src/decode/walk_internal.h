/* The way down one packet: what the files of this room hand to each other. Not for other rooms.
 *
 * A walk stands at a byte of the packet. `captured` bytes from there may be read; `wire` bytes were there on the wire (or, below
 * an IP header, as many as its length field says). captured <= wire always: whoever moves or narrows the walk keeps it so.
 */
#ifndef WEIR_DECODE_WALK_INTERNAL_H
#define WEIR_DECODE_WALK_INTERNAL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "decode/facts.h"

/* Bounds against packets made to be looked through for ever. Real stacks have two or three of each. */
#define WEIR__TAGS_MAX       16 /* VLAN tags, MPLS labels, LLC and PPP headers of one frame; a pseudowire counts as 8 */
#define WEIR__EXTENSIONS_MAX 16 /* IPv6 extension headers of one packet */
#define WEIR__TUNNELS_MAX    8

struct weir__walk {
    const uint8_t *at;
    uint32_t captured, wire;
    struct weir_facts *facts;
    unsigned bucket;    /* of an ignored or dropped packet */
    uint16_t encap;     /* WEIR_ENCAP_* so far */
    uint16_t ethertype; /* the last one met */
    uint16_t vlan[2];
    uint32_t mpls;
    uint8_t tags, tunnels;
    bool overlong; /* an IP header claimed more than the wire had: `wire` follows the claim */
};

static inline enum weir_fate weir__drop(struct weir__walk *walk, enum weir_dropped bucket)
{
    walk->bucket = bucket;
    return WEIR_DROPPED;
}

static inline enum weir_fate weir__ignore(struct weir__walk *walk, enum weir_ignored bucket)
{
    walk->bucket = bucket;
    return WEIR_IGNORED;
}

/* The header needs more bytes than there are: cut by the snap length, or never there? */
static inline enum weir_fate weir__drop_short(struct weir__walk *walk, uint32_t need)
{
    return weir__drop(walk, walk->wire < need ? WEIR_DROPPED_LENGTH : WEIR_DROPPED_TRUNCATED);
}

/* Moves down by `bytes` <= captured. */
static inline void weir__advance(struct weir__walk *walk, uint32_t bytes)
{
    walk->at += bytes;
    walk->captured -= bytes;
    walk->wire -= bytes;
}

/* Forgets what lies behind `bytes` (padding). Wider than the wire: nothing happens. */
static inline void weir__narrow(struct weir__walk *walk, uint32_t bytes)
{
    if (bytes < walk->wire)
        walk->wire = bytes;
    if (bytes < walk->captured)
        walk->captured = bytes;
}

/* link.c: from the link layer, or from behind an EtherType, or from an Ethernet header, or from a PPP protocol field, down to the
 * first IP header. WEIR_METERED: the walk stands at a byte whose version says 4 or 6 (nothing more is known). */
enum weir_fate weir__link_descend(struct weir__walk *walk, uint16_t link);
enum weir_fate weir__ethertype_descend(struct weir__walk *walk, uint16_t ethertype);
enum weir_fate weir__ethernet_descend(struct weir__walk *walk);
enum weir_fate weir__ppp_descend(struct weir__walk *walk);

/* ip.c: from an IP header to the L4 header; fills the IP fields of the facts. Afterwards `wire` is the L4 length by the IP
 * lengths; `captured` may be 0. */
enum weir_fate weir__ip_decode(struct weir__walk *walk);

/* True if the walk stands at an IPv4 or IPv6 header, fixed part captured, whose version, header length and total length make
 * sense and fit in what is there: the test by which a tunnel's content is taken for IP. */
bool weir__ip_plausible(const struct weir__walk *walk);

/* transport.c: reads the L4 header. The walk stays where it is. */
void weir__transport_decode(struct weir__walk *walk);

enum weir__tunnel { WEIR__TUNNEL_NONE, WEIR__TUNNEL_ENTERED, WEIR__TUNNEL_TOO_DEEP };

/* tunnel.c: if the L4 part carries an IP packet, moves the walk to its header. Call after weir__transport_decode. */
enum weir__tunnel weir__tunnel_enter(struct weir__walk *walk);

/* True if a UDP packet between these ports may carry a tunnel. */
bool weir__tunnel_port(uint16_t sport, uint16_t dport);

/* transport.c: TCP options of a header whose tcp facts are zeroed; `cut`: the snap length ended them. */
void weir__tcp_options_decode(struct weir_facts *facts, const uint8_t *p, uint32_t bytes, bool cut);

/* plain.c: all of weir_decode for the commonest packets; false: not one of them, *facts is undefined. */
bool weir__plain_decode(const struct weir_packet *packet, struct weir_facts *facts);

/* facts.c: weir_decode without the short way. */
enum weir_fate weir__layered_decode(const struct weir_packet *packet, struct weir_facts *facts, unsigned *bucket);

#endif
