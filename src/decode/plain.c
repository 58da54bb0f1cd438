/* The short way for most packets: Ethernet, IPv4 without options or fragments, whole TCP or UDP headers, no tunnel. It gives what
 * the long way gives, byte for byte (tests/decode/test_plain.c), or leaves the packet to it. */
#include "decode/walk_internal.h"

enum { ETHERNET_HEADER = 14, IPV4_HEADER = 20, TCP_HEADER = 20, UDP_HEADER = 8, L4_AT = ETHERNET_HEADER + IPV4_HEADER };
enum { LINK_ETHERNET = 1, ETHERTYPE_IPV4 = 0x0800, PROTO_TCP = 6, PROTO_UDP = 17 };

static bool tcp_plain(struct weir_facts *facts, const uint8_t *p)
{
    if (facts->l4_captured < TCP_HEADER)
        return false;
    uint32_t header = (p[12] >> 4) * 4u;
    if (header < TCP_HEADER || header > facts->l4_captured)
        return false;
    memset(&facts->tcp, 0, sizeof facts->tcp);
    facts->tcp.seq = weir_load_be32(p + 4);
    facts->tcp.ack = weir_load_be32(p + 8);
    facts->tcp.header_bytes = (uint8_t)header;
    facts->tcp.flags = p[13];
    facts->tcp.window = weir_load_be16(p + 14);
    facts->tcp.wscale = -1;
    if (header > TCP_HEADER)
        weir__tcp_options_decode(facts, p + TCP_HEADER, header - TCP_HEADER, false);
    facts->payload_bytes = facts->l4_bytes - header;
    return true;
}

bool weir__plain_decode(const struct weir_packet *packet, struct weir_facts *facts)
{
    const uint8_t *frame = packet->data, *ip = frame + ETHERNET_HEADER, *p = frame + L4_AT;
    if (packet->link != LINK_ETHERNET || packet->caplen < L4_AT + UDP_HEADER || weir_load_be16(frame + 12) != ETHERTYPE_IPV4 ||
        ip[0] != 0x45 || weir_load_be16(ip + 6) & 0x3fff)
        return false;
    uint32_t wire = (packet->wirelen > packet->caplen ? packet->wirelen : packet->caplen) - ETHERNET_HEADER;
    uint32_t total = weir_load_be16(ip + 2), captured = packet->caplen - L4_AT;
    if (total < IPV4_HEADER + UDP_HEADER || total > wire)
        return false;
    facts->l4_bytes = total - IPV4_HEADER;
    facts->l4_captured = captured < facts->l4_bytes ? captured : facts->l4_bytes;
    facts->sport = weir_load_be16(p);
    facts->dport = weir_load_be16(p + 2);
    if (ip[9] == PROTO_TCP) {
        if (!tcp_plain(facts, p))
            return false;
    } else if (ip[9] == PROTO_UDP && !weir__tunnel_port(facts->sport, facts->dport)) {
        facts->payload_bytes = facts->l4_bytes - UDP_HEADER;
    } else {
        return false;
    }
    facts->l4 = p;
    facts->proto = ip[9];
    facts->flags = WEIR_FACT_PORTS | (ip[6] & 0x40 ? WEIR_FACT_DONT_FRAGMENT : 0);
    facts->ip_options = 0;
    facts->fragment_offset = 0;
    facts->ip_version = 4;
    facts->tos = ip[1];
    facts->ip_id = weir_load_be16(ip + 4);
    facts->ttl = ip[8];
    facts->ip_bytes = total;
    memset(facts->src, 0, sizeof facts->src);
    memset(facts->dst, 0, sizeof facts->dst);
    memcpy(facts->src, ip + 12, 4);
    memcpy(facts->dst, ip + 16, 4);
    memcpy(facts->mac_dst, frame, 6);
    memcpy(facts->mac_src, frame + 6, 6);
    facts->ts_ns = packet->ts_ns;
    facts->wirelen = packet->wirelen;
    facts->caplen = packet->caplen;
    facts->port = packet->port;
    facts->encap = WEIR_ENCAP_ETHERNET;
    facts->ethertype = ETHERTYPE_IPV4;
    facts->vlan[0] = facts->vlan[1] = 0;
    facts->mpls = 0;
    return true;
}
