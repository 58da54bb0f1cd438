/* One small packet of each kind that the decoder knows. */
#ifndef WEIR_TESTS_DECODE_SAMPLES_H
#define WEIR_TESTS_DECODE_SAMPLES_H

#include "../packet_builder.h"
#include "decode/facts.h"

#define SAMPLE_A  "192.0.2.1"
#define SAMPLE_B  "198.51.100.2"
#define SAMPLE_C  "203.0.113.3"
#define SAMPLE_D  "203.0.113.4"
#define SAMPLE_A6 "2001:db8::1"
#define SAMPLE_B6 "2001:db8::2"

static inline void sample_inner_ipv4(struct pkt *b)
{
    pkt_ipv4(b, SAMPLE_A, SAMPLE_B, 17);
    pkt_udp(b, 1000, 2000);
    pkt_fill(b, 5);
}

static inline void sample_inner_ipv6(struct pkt *b)
{
    pkt_ipv6(b, SAMPLE_A6, SAMPLE_B6, 17);
    pkt_udp(b, 1000, 2000);
    pkt_fill(b, 5);
}

static inline void sample_inner_ethernet(struct pkt *b)
{
    pkt_ethernet(b, 0x8100);
    pkt_vlan(b, 77, 0x0800);
    sample_inner_ipv4(b);
}

static inline void sample_carrier(struct pkt *b, unsigned proto)
{
    pkt_ethernet(b, 0x0800);
    pkt_ipv4(b, SAMPLE_C, SAMPLE_D, proto);
}

static inline void sample_carrier_udp(struct pkt *b, unsigned dport)
{
    sample_carrier(b, 17);
    pkt_udp(b, 40000, dport);
}

static inline void sample_tcp4(struct pkt *b)
{
    static const uint8_t options[20] = {2, 4, 5, 180, 4, 2, 8, 10, 0, 0, 1, 0, 0, 0, 0, 7, 1, 3, 3, 9};
    pkt_ethernet(b, 0x0800);
    pkt_ipv4_options(b, SAMPLE_A, SAMPLE_B, 6, "\x01\x01\x01\0", 4);
    pkt_tcp_options(b, 40000, 443, PKT_SYN, 1, 2, options, sizeof options);
    pkt_fill(b, 5);
}

static inline void sample_tcp6(struct pkt *b)
{
    pkt_ethernet(b, 0x86dd);
    pkt_ipv6(b, SAMPLE_A6, SAMPLE_B6, 0);
    pkt_ipv6_extension(b, 43, 0);
    pkt_ipv6_extension(b, 60, 1);
    pkt_ipv6_extension(b, 51, 0);
    pkt_ah(b, 44);
    pkt_ipv6_fragment(b, 6, 9, 0, 1);
    pkt_tcp(b, 1, 2, PKT_ACK, 3, 4);
    pkt_fill(b, 12);
}

static inline void sample_udp4_qinq(struct pkt *b)
{
    pkt_ethernet(b, 0x88a8);
    pkt_vlan(b, 5, 0x8100);
    pkt_vlan(b, 6, 0x0800);
    sample_inner_ipv4(b);
}

static inline void sample_udp4_snap(struct pkt *b)
{
    pkt_ethernet(b, 0);
    pkt_snap(b, 0x0800);
    sample_inner_ipv4(b);
}

static inline void sample_udp6_mpls(struct pkt *b)
{
    pkt_ethernet(b, 0x8847);
    pkt_mpls(b, 16, 0);
    pkt_mpls(b, 17, 1);
    sample_inner_ipv6(b);
}

static inline void sample_pseudowire(struct pkt *b)
{
    pkt_ethernet(b, 0x8847);
    pkt_mpls(b, 16, 1);
    pkt_append(b, 4);
    sample_inner_ethernet(b);
}

static inline void sample_pppoe(struct pkt *b)
{
    pkt_ethernet(b, 0x8864);
    pkt_pppoe(b, 0x0057);
    sample_inner_ipv6(b);
}

static inline void sample_sll(struct pkt *b)
{
    pkt_sll(b, 0x0800);
    sample_inner_ipv4(b);
}

static inline void sample_sll2(struct pkt *b)
{
    pkt_sll2(b, 0x86dd);
    sample_inner_ipv6(b);
}

static inline void sample_null(struct pkt *b)
{
    pkt_append_bytes(b, "\x1e\0\0\0", 4);
    sample_inner_ipv6(b);
}

static inline void sample_loop(struct pkt *b)
{
    pkt_append_bytes(b, "\0\0\0\x02", 4);
    sample_inner_ipv4(b);
}

static inline void sample_ppp(struct pkt *b)
{
    pkt_append_bytes(b, "\xff\x03\0\x21", 4);
    sample_inner_ipv4(b);
}

static inline void sample_ppp_ether(struct pkt *b)
{
    pkt_pppoe(b, 0x0021);
    sample_inner_ipv4(b);
}

static inline void sample_c_hdlc(struct pkt *b)
{
    pkt_append_bytes(b, "\x0f\0\x08\0", 4);
    sample_inner_ipv4(b);
}

static inline void sample_fragment4(struct pkt *b)
{
    pkt_ethernet(b, 0x0800);
    pkt_ipv4_fragment(b, SAMPLE_A, SAMPLE_B, 17, 7, 1480, 0);
    pkt_fill(b, 20);
}

static inline void sample_fragment6(struct pkt *b)
{
    pkt_ethernet(b, 0x86dd);
    pkt_ipv6(b, SAMPLE_A6, SAMPLE_B6, 44);
    pkt_ipv6_fragment(b, 17, 7, 1448, 0);
    pkt_fill(b, 20);
}

static inline void sample_jumbogram(struct pkt *b)
{
    pkt_ethernet(b, 0x86dd);
    pkt_ipv6(b, SAMPLE_A6, SAMPLE_B6, 0)[4] = 0;
    pkt_append_bytes(b, "\x11\0\xc2\x04\0\1\0\x1c", 8);
    pkt_udp(b, 1, 2);
    b->length[0].kind = PKT_UDP; /* the first header's length, IPv6's, must stay 0 */
    b->length[0].at = b->length[1].at;
    b->lengths = 1;
}

static inline void sample_sctp(struct pkt *b)
{
    pkt_ethernet(b, 0x0800);
    pkt_ipv4(b, SAMPLE_A, SAMPLE_B, 132);
    pkt_sctp(b, 1, 2);
    pkt_fill(b, 8);
}

static inline void sample_dccp(struct pkt *b)
{
    pkt_ethernet(b, 0x0800);
    pkt_ipv4(b, SAMPLE_A, SAMPLE_B, 33);
    pkt_sctp(b, 1, 2)[4] = 3;
    pkt_fill(b, 8);
}

static inline void sample_icmp_echo(struct pkt *b)
{
    pkt_ethernet(b, 0x0800);
    pkt_ipv4(b, SAMPLE_A, SAMPLE_B, 1);
    pkt_icmp(b, 8, 0, 1, 2);
    pkt_fill(b, 8);
}

static inline void sample_icmp_error(struct pkt *b)
{
    pkt_ethernet(b, 0x0800);
    pkt_ipv4(b, SAMPLE_B, SAMPLE_A, 1);
    pkt_icmp(b, 11, 0, 0, 0);
    sample_inner_ipv4(b);
}

static inline void sample_icmpv6_error(struct pkt *b)
{
    pkt_ethernet(b, 0x86dd);
    pkt_ipv6(b, SAMPLE_B6, SAMPLE_A6, 58);
    pkt_icmp(b, 1, 4, 0, 0);
    pkt_ipv6(b, SAMPLE_A6, SAMPLE_B6, 0);
    pkt_ipv6_extension(b, 44, 0);
    pkt_ipv6_fragment(b, 17, 1, 0, 1);
    pkt_udp(b, 1000, 2000);
}

static inline void sample_igmp(struct pkt *b)
{
    pkt_ethernet(b, 0x0800);
    pkt_ipv4_options(b, SAMPLE_A, "233.252.0.1", 2, "\x94\x04\0\0", 4);
    pkt_icmp(b, 0x16, 0, 0xe9fc, 1);
}

static inline void sample_esp(struct pkt *b)
{
    pkt_ethernet(b, 0x0800);
    pkt_ipv4(b, SAMPLE_A, SAMPLE_B, 50);
    pkt_fill(b, 24);
}

static inline void sample_ah_tunnel(struct pkt *b)
{
    sample_carrier(b, 51);
    pkt_ah(b, 4);
    sample_inner_ipv4(b);
}

static inline void sample_ipip(struct pkt *b)
{
    sample_carrier(b, 4);
    sample_inner_ipv4(b);
}

static inline void sample_6in4(struct pkt *b)
{
    sample_carrier(b, 41);
    sample_inner_ipv6(b);
}

static inline void sample_4in6(struct pkt *b)
{
    pkt_ethernet(b, 0x86dd);
    pkt_ipv6(b, SAMPLE_A6, SAMPLE_B6, 60);
    pkt_ipv6_extension(b, 4, 0);
    sample_inner_ipv4(b);
}

static inline void sample_gre(struct pkt *b)
{
    sample_carrier(b, 47);
    pkt_gre(b, 0xb000, 0x86dd);
    sample_inner_ipv6(b);
}

static inline void sample_gre_ethernet(struct pkt *b)
{
    sample_carrier(b, 47);
    pkt_gre(b, 0x2000, 0x6558);
    sample_inner_ethernet(b);
}

static inline void sample_gre_mpls(struct pkt *b)
{
    sample_carrier(b, 47);
    pkt_gre(b, 0, 0x8847);
    pkt_mpls(b, 30, 1);
    sample_inner_ipv4(b);
}

static inline void sample_pptp(struct pkt *b)
{
    sample_carrier(b, 47);
    pkt_gre(b, 0x3001, 0x880b);
    pkt_append_bytes(b, "\xff\x03\0\x21", 4);
    sample_inner_ipv4(b);
}

static inline void sample_erspan(struct pkt *b)
{
    sample_carrier(b, 47);
    pkt_gre(b, 0x1000, 0x88be);
    pkt_append(b, 8);
    sample_inner_ethernet(b);
}

static inline void sample_erspan_3(struct pkt *b)
{
    sample_carrier(b, 47);
    pkt_gre(b, 0x1000, 0x22eb);
    pkt_append(b, 12)[11] = 1;
    pkt_append(b, 8);
    sample_inner_ethernet(b);
}

static inline void sample_vxlan(struct pkt *b)
{
    sample_carrier_udp(b, 4789);
    pkt_vxlan(b, 5);
    sample_inner_ethernet(b);
}

static inline void sample_geneve(struct pkt *b)
{
    sample_carrier_udp(b, 6081);
    pkt_geneve(b, 0x6558, 2);
    sample_inner_ethernet(b);
}

static inline void sample_gtp(struct pkt *b)
{
    sample_carrier_udp(b, 2152);
    pkt_gtp(b, 0x34)[11] = 0x85;
    pkt_append_bytes(b, "\1\0\0\0", 4);
    sample_inner_ipv4(b);
}

static inline void sample_teredo(struct pkt *b)
{
    sample_carrier_udp(b, 3544);
    pkt_append_bytes(b, "\0\1\0\0\1\2\3\4\5\6\7\x08\0", 13);
    pkt_append_bytes(b, "\0\0\1\2\3\4\5\6", 8);
    sample_inner_ipv6(b);
}

static inline void sample_arp(struct pkt *b)
{
    pkt_ethernet(b, 0x0806);
    pkt_fill(b, 28);
}

static inline void sample_stp(struct pkt *b)
{
    pkt_ethernet(b, 0);
    pkt_append_bytes(b, "\x42\x42\x03", 3);
    pkt_fill(b, 35);
}

struct sample {
    const char *name;
    uint16_t link;
    void (*build)(struct pkt *b);
    enum weir_fate fate;
    uint16_t encap; /* of a metered one, besides WEIR_ENCAP_ETHERNET */
};

static const struct sample samples[] = {
    {"tcp4", 1, sample_tcp4, WEIR_METERED, 0},
    {"tcp6", 1, sample_tcp6, WEIR_METERED, WEIR_ENCAP_AH},
    {"udp4-qinq", 1, sample_udp4_qinq, WEIR_METERED, WEIR_ENCAP_VLAN | WEIR_ENCAP_QINQ},
    {"udp4-snap", 1, sample_udp4_snap, WEIR_METERED, WEIR_ENCAP_LLC},
    {"udp6-mpls", 1, sample_udp6_mpls, WEIR_METERED, WEIR_ENCAP_MPLS},
    {"pseudowire", 1, sample_pseudowire, WEIR_METERED, WEIR_ENCAP_MPLS | WEIR_ENCAP_VLAN},
    {"pppoe", 1, sample_pppoe, WEIR_METERED, WEIR_ENCAP_PPPOE},
    {"sll", 113, sample_sll, WEIR_METERED, 0},
    {"sll2", 276, sample_sll2, WEIR_METERED, 0},
    {"raw4", 101, sample_inner_ipv4, WEIR_METERED, 0},
    {"raw6", 101, sample_inner_ipv6, WEIR_METERED, 0},
    {"ipv4", 228, sample_inner_ipv4, WEIR_METERED, 0},
    {"ipv6", 229, sample_inner_ipv6, WEIR_METERED, 0},
    {"null", 0, sample_null, WEIR_METERED, 0},
    {"loop", 108, sample_loop, WEIR_METERED, 0},
    {"ppp", 9, sample_ppp, WEIR_METERED, 0},
    {"ppp-ether", 51, sample_ppp_ether, WEIR_METERED, WEIR_ENCAP_PPPOE},
    {"c-hdlc-on-ppp", 50, sample_c_hdlc, WEIR_METERED, 0},
    {"c-hdlc", 104, sample_c_hdlc, WEIR_METERED, 0},
    {"fragment4", 1, sample_fragment4, WEIR_METERED, 0},
    {"fragment6", 1, sample_fragment6, WEIR_METERED, 0},
    {"jumbogram", 1, sample_jumbogram, WEIR_METERED, 0},
    {"sctp", 1, sample_sctp, WEIR_METERED, 0},
    {"dccp", 1, sample_dccp, WEIR_METERED, 0},
    {"icmp-echo", 1, sample_icmp_echo, WEIR_METERED, 0},
    {"icmp-error", 1, sample_icmp_error, WEIR_METERED, 0},
    {"icmpv6-error", 1, sample_icmpv6_error, WEIR_METERED, 0},
    {"igmp", 1, sample_igmp, WEIR_METERED, 0},
    {"esp", 1, sample_esp, WEIR_METERED, 0},
    {"ah-tunnel", 1, sample_ah_tunnel, WEIR_METERED, WEIR_ENCAP_AH | WEIR_ENCAP_IPIP},
    {"ipip", 1, sample_ipip, WEIR_METERED, WEIR_ENCAP_IPIP},
    {"6in4", 1, sample_6in4, WEIR_METERED, WEIR_ENCAP_IPIP},
    {"4in6", 1, sample_4in6, WEIR_METERED, WEIR_ENCAP_IPIP},
    {"gre", 1, sample_gre, WEIR_METERED, WEIR_ENCAP_GRE},
    {"gre-ethernet", 1, sample_gre_ethernet, WEIR_METERED, WEIR_ENCAP_GRE},
    {"gre-mpls", 1, sample_gre_mpls, WEIR_METERED, WEIR_ENCAP_GRE},
    {"pptp", 1, sample_pptp, WEIR_METERED, WEIR_ENCAP_GRE},
    {"erspan", 1, sample_erspan, WEIR_METERED, WEIR_ENCAP_GRE},
    {"erspan-3", 1, sample_erspan_3, WEIR_METERED, WEIR_ENCAP_GRE},
    {"vxlan", 1, sample_vxlan, WEIR_METERED, WEIR_ENCAP_VXLAN},
    {"geneve", 1, sample_geneve, WEIR_METERED, WEIR_ENCAP_GENEVE},
    {"gtp", 1, sample_gtp, WEIR_METERED, WEIR_ENCAP_GTP},
    {"teredo", 1, sample_teredo, WEIR_METERED, WEIR_ENCAP_TEREDO},
    {"arp", 1, sample_arp, WEIR_IGNORED, 0},
    {"stp", 1, sample_stp, WEIR_IGNORED, 0},
};

#define SAMPLES (sizeof samples / sizeof *samples)

#endif
