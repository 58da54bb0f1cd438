/* Hand-made packets of each kind against the values that they were made from. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "../packet_builder.h"
#include "decode/facts.h"

static struct pkt b;
static struct weir_facts facts;

/* Finishes the packet and decodes it; the facts are poisoned before, so that a field left unset shows. */
static void decode_link(uint16_t link)
{
    struct weir_packet packet = pkt_finish(&b, link, 42);
    unsigned bucket = 99;
    memset(&facts, 0xa5, sizeof facts);
    assert_int_equal(weir_decode(&packet, &facts, &bucket), WEIR_METERED);
    assert_int_equal(facts.ts_ns, 42);
    assert_int_equal(facts.wirelen, b.bytes);
    assert_int_equal(facts.caplen, b.bytes);
}

static void decode(void)
{
    decode_link(1);
}

static void expect_fate(uint16_t link, enum weir_fate fate, unsigned bucket)
{
    struct weir_packet packet = pkt_finish(&b, link, 42);
    unsigned found = 99;
    assert_int_equal(weir_decode(&packet, &facts, &found), fate);
    assert_int_equal(found, bucket);
}

static void expect_address(const uint8_t *address, const char *text)
{
    uint8_t expected[16] = {0};
    inet_pton(strchr(text, ':') != NULL ? AF_INET6 : AF_INET, text, expected);
    assert_memory_equal(address, expected, 16);
}

static void begin_ipv4(unsigned proto)
{
    pkt_begin(&b);
    pkt_ethernet(&b, 0x0800);
    pkt_ipv4(&b, "192.0.2.1", "198.51.100.2", proto);
}

static void test_tcp(void **state)
{
    static const uint8_t options[20] = {2, 4, 5, 180, 4, 2, 8, 10, 0, 0, 1, 0, 0, 0, 0, 7, 1, 3, 3, 9};
    pkt_begin(&b);
    pkt_ethernet(&b, 0x0800);
    uint8_t *ip = pkt_ipv4(&b, "192.0.2.1", "198.51.100.2", 6);
    ip[1] = 0x10;
    pkt_put16(ip + 4, 0xbeef);
    pkt_put16(ip + 6, 0x4000);
    ip[8] = 57;
    pkt_tcp_options(&b, 40000, 443, PKT_SYN | PKT_ECE, 0x01020304, 0x05060708, options, sizeof options);
    pkt_fill(&b, 5);
    decode();
    assert_int_equal(facts.ip_version, 4);
    assert_int_equal(facts.proto, 6);
    assert_int_equal(facts.tos, 0x10);
    assert_int_equal(facts.ttl, 57);
    assert_int_equal(facts.ip_id, 0xbeef);
    assert_int_equal(facts.fragment_offset, 0);
    expect_address(facts.src, "192.0.2.1");
    expect_address(facts.dst, "198.51.100.2");
    assert_int_equal(facts.flags, WEIR_FACT_PORTS | WEIR_FACT_DONT_FRAGMENT);
    assert_int_equal(facts.encap, WEIR_ENCAP_ETHERNET);
    assert_int_equal(facts.ethertype, 0x0800);
    assert_int_equal(facts.vlan[0] | facts.vlan[1], 0);
    assert_int_equal(facts.mpls, 0);
    assert_int_equal(facts.sport, 40000);
    assert_int_equal(facts.dport, 443);
    assert_int_equal(facts.ip_bytes, 20 + 40 + 5);
    assert_int_equal(facts.l4_bytes, 45);
    assert_int_equal(facts.payload_bytes, 5);
    assert_int_equal(facts.l4_captured, 45);
    assert_ptr_equal(facts.l4, b.data + 34);
    assert_int_equal(facts.tcp.seq, 0x01020304);
    assert_int_equal(facts.tcp.ack, 0x05060708);
    assert_int_equal(facts.tcp.flags, WEIR_TCP_SYN | WEIR_TCP_ECE);
    assert_int_equal(facts.tcp.window, 8192);
    assert_int_equal(facts.tcp.header_bytes, 40);
    assert_int_equal(facts.tcp.mss, 1460);
    assert_int_equal(facts.tcp.wscale, 9);
    assert_int_equal(facts.tcp.options, WEIR_TCPOPT_MSS | WEIR_TCPOPT_SACK_OK | WEIR_TCPOPT_TIMESTAMP | WEIR_TCPOPT_WSCALE);
    assert_int_equal(facts.tcp.ts_value, 256);
    assert_int_equal(facts.tcp.ts_echo, 7);
    assert_memory_equal(facts.mac_dst, b.data, 6);
    assert_memory_equal(facts.mac_src, b.data + 6, 6);
}

static void test_tcp_option_faults(void **state)
{
    static const struct {
        uint8_t bytes[4];
        uint16_t options;
    } cases[] = {
        {{2, 4, 5, 180}, WEIR_TCPOPT_MSS},
        {{3, 3, 200, 0}, WEIR_TCPOPT_WSCALE}, /* counts as 14 */
        {{4, 2, 2, 9}, WEIR_TCPOPT_SACK_OK | WEIR_TCPOPT_MALFORMED},
        {{1, 1, 1, 2}, WEIR_TCPOPT_MALFORMED}, /* kind without length */
        {{8, 0, 0, 0}, WEIR_TCPOPT_MALFORMED}, /* length 0 must not loop */
        {{3, 4, 1, 1}, WEIR_TCPOPT_MALFORMED}, /* wrong length for its kind */
        {{0, 8, 99, 99}, 0},                   /* nothing counts behind the end */
        {{5, 4, 1, 1}, WEIR_TCPOPT_SACK},
        {{253, 4, 1, 1}, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        begin_ipv4(6);
        pkt_tcp_options(&b, 1, 2, PKT_SYN, 0, 0, cases[i].bytes, 4);
        decode();
        assert_int_equal(facts.tcp.options, cases[i].options);
        assert_int_equal(facts.tcp.wscale, i == 1 ? 14 : -1);
        assert_int_equal(facts.payload_bytes, 0);
    }
}

static void test_udp_in_padded_frame(void **state)
{
    begin_ipv4(17);
    pkt_udp(&b, 5353, 53);
    pkt_fill(&b, 2);
    pkt_finish(&b, 1, 0);
    pkt_append(&b, 60 - b.bytes);
    decode();
    assert_int_equal(facts.proto, 17);
    assert_int_equal(facts.sport, 5353);
    assert_int_equal(facts.dport, 53);
    assert_int_equal(facts.payload_bytes, 2);
    assert_int_equal(facts.l4_captured, 10);
    assert_int_equal(facts.wirelen, 60);
}

static void test_ipv6(void **state)
{
    pkt_begin(&b);
    pkt_ethernet(&b, 0x86dd);
    uint8_t *ip = pkt_ipv6(&b, "2001:db8::1", "2001:db8::2", 0);
    ip[0] = 0x6a; /* traffic class 0xab, flow label 0xcdef1 */
    pkt_put16(ip + 1, 0xbcde);
    ip[7] = 3;
    pkt_ipv6_extension(&b, 43, 0);
    pkt_ipv6_extension(&b, 60, 2);
    pkt_ipv6_extension(&b, 51, 0);
    pkt_ah(&b, 6);
    pkt_tcp(&b, 1, 2, PKT_ACK, 5, 6);
    pkt_fill(&b, 9);
    decode();
    assert_int_equal(facts.ip_version, 6);
    assert_int_equal(facts.proto, 6);
    assert_int_equal(facts.tos, 0xab);
    assert_int_equal(facts.ttl, 3);
    assert_int_equal(facts.ip_id, 0);
    expect_address(facts.src, "2001:db8::1");
    expect_address(facts.dst, "2001:db8::2");
    assert_int_equal(facts.flags, WEIR_FACT_PORTS | WEIR_FACT_IP_OPTIONS);
    assert_int_equal(facts.encap, WEIR_ENCAP_ETHERNET | WEIR_ENCAP_AH);
    assert_int_equal(facts.ip_bytes, 40 + 8 + 24 + 8 + 24 + 20 + 9);
    assert_int_equal(facts.l4_bytes, 29);
    assert_int_equal(facts.payload_bytes, 9);
    assert_int_equal(facts.tcp.seq, 5);
}

static void test_fragments(void **state)
{
    pkt_begin(&b);
    pkt_ethernet(&b, 0x0800);
    pkt_ipv4_fragment(&b, "192.0.2.1", "192.0.2.2", 17, 77, 0, 1);
    pkt_udp(&b, 7, 9);
    pkt_fill(&b, 16);
    decode();
    assert_int_equal(facts.flags, WEIR_FACT_PORTS | WEIR_FACT_FRAGMENT | WEIR_FACT_FRAGMENT_MORE);
    assert_int_equal(facts.ip_id, 77);
    assert_int_equal(facts.dport, 9);

    pkt_begin(&b);
    pkt_ethernet(&b, 0x0800);
    pkt_ipv4_fragment(&b, "192.0.2.1", "192.0.2.2", 17, 77, 24, 0);
    pkt_fill(&b, 16);
    decode();
    assert_int_equal(facts.flags, WEIR_FACT_FRAGMENT | WEIR_FACT_FRAGMENT_LATER);
    assert_int_equal(facts.fragment_offset, 24);
    assert_int_equal(facts.sport | facts.dport, 0);
    assert_int_equal(facts.payload_bytes, 16);
    assert_null(facts.l4);

    pkt_begin(&b);
    pkt_ethernet(&b, 0x86dd);
    pkt_ipv6(&b, "2001:db8::1", "2001:db8::2", 44);
    pkt_ipv6_fragment(&b, 17, 0x11223344, 1448, 1);
    pkt_fill(&b, 16);
    decode();
    assert_int_equal(facts.flags, WEIR_FACT_FRAGMENT | WEIR_FACT_FRAGMENT_LATER | WEIR_FACT_FRAGMENT_MORE);
    assert_int_equal(facts.fragment_offset, 1448);
    assert_int_equal(facts.ip_id, 0x11223344);
    assert_int_equal(facts.proto, 17);
    assert_int_equal(facts.payload_bytes, 16);

    pkt_begin(&b); /* an atomic fragment is a whole datagram (RFC 6946) */
    pkt_ethernet(&b, 0x86dd);
    pkt_ipv6(&b, "2001:db8::1", "2001:db8::2", 44);
    pkt_ipv6_fragment(&b, 17, 5, 0, 0);
    pkt_udp(&b, 7, 9);
    decode();
    assert_int_equal(facts.flags, WEIR_FACT_PORTS);
    assert_int_equal(facts.ip_id, 5);
}

static void test_icmp(void **state)
{
    begin_ipv4(1);
    pkt_icmp(&b, 8, 0, 0x1234, 3);
    pkt_fill(&b, 56);
    decode();
    assert_int_equal(facts.flags, 0);
    assert_int_equal(facts.icmp.type, 8);
    assert_int_equal(facts.icmp.code, 0);
    assert_int_equal(facts.icmp.id, 0x1234);
    assert_int_equal(facts.icmp.seq, 3);
    assert_int_equal(facts.payload_bytes, 56);

    begin_ipv4(1);
    pkt_icmp(&b, 3, 3, 0, 0);
    pkt_put16(pkt_ipv4(&b, "198.51.100.2", "192.0.2.1", 17) + 4, 0x5151);
    pkt_udp(&b, 33000, 33434);
    decode();
    assert_int_equal(facts.flags, WEIR_FACT_QUOTED);
    assert_int_equal(facts.quoted.ip_version, 4);
    assert_int_equal(facts.quoted.proto, 17);
    assert_int_equal(facts.quoted.ip_id, 0x5151);
    assert_true(facts.quoted.ports);
    assert_int_equal(facts.quoted.sport, 33000);
    assert_int_equal(facts.quoted.dport, 33434);
    expect_address(facts.quoted.src, "198.51.100.2");
    expect_address(facts.quoted.dst, "192.0.2.1");

    b.data[20] |= 0x20; /* the same as a first fragment */
    decode();
    assert_int_equal(facts.flags, WEIR_FACT_FRAGMENT | WEIR_FACT_FRAGMENT_MORE);

    begin_ipv4(1); /* an error about an echo request */
    pkt_icmp(&b, 11, 0, 0, 0);
    pkt_ipv4(&b, "198.51.100.2", "192.0.2.1", 1)[1] = 0x20;
    pkt_icmp(&b, 8, 0, 0x4321, 7);
    decode();
    assert_int_equal(facts.flags, WEIR_FACT_QUOTED);
    assert_false(facts.quoted.ports);
    assert_int_equal(facts.quoted.tos, 0x20);
    assert_int_equal(facts.quoted.icmp_type, 8);
    assert_int_equal(facts.quoted.icmp_id, 0x4321);
    assert_int_equal(facts.quoted.icmp_seq, 7);

    pkt_begin(&b);
    pkt_ethernet(&b, 0x86dd);
    pkt_ipv6(&b, "2001:db8::9", "2001:db8::1", 58);
    pkt_icmp(&b, 1, 4, 0, 0);
    pkt_ipv6(&b, "2001:db8::1", "2001:db8::2", 6);
    pkt_tcp(&b, 1000, 2000, PKT_SYN, 1, 0);
    decode();
    assert_int_equal(facts.flags, WEIR_FACT_QUOTED);
    assert_int_equal(facts.quoted.ip_version, 6);
    assert_int_equal(facts.quoted.dport, 2000);
    expect_address(facts.quoted.dst, "2001:db8::2");
}

/* What a quoted IPv6 packet's extension headers hide. */
static void test_quoted_extensions(void **state)
{
    for (int later = 0; later < 2; later++) {
        pkt_begin(&b);
        pkt_ethernet(&b, 0x86dd);
        pkt_ipv6(&b, "2001:db8::9", "2001:db8::1", 58);
        pkt_icmp(&b, 2, 0, 0, 1280);
        pkt_ipv6(&b, "2001:db8::1", "2001:db8::2", 60);
        pkt_ipv6_extension(&b, 44, 1);
        pkt_ipv6_fragment(&b, 17, 1, later ? 1232 : 0, 1);
        pkt_udp(&b, 1000, 2000);
        decode();
        assert_int_equal(facts.flags, WEIR_FACT_QUOTED);
        assert_int_equal(facts.quoted.proto, 17);
        assert_int_equal(facts.quoted.ports, !later);
        assert_int_equal(facts.quoted.dport, later ? 0 : 2000);
    }
}

static void test_other_protocols(void **state)
{
    begin_ipv4(132);
    pkt_sctp(&b, 36412, 36413);
    pkt_fill(&b, 16);
    decode();
    assert_int_equal(facts.dport, 36413);
    assert_int_equal(facts.payload_bytes, 16);

    begin_ipv4(89);
    pkt_fill(&b, 24);
    decode();
    assert_int_equal(facts.flags, 0);
    assert_int_equal(facts.proto, 89);
    assert_int_equal(facts.sport | facts.dport, 0);
    assert_int_equal(facts.payload_bytes, 24);
}

static void test_link_layers(void **state)
{
    static const struct {
        uint16_t link;
        const char *bytes; /* before the IP header */
        uint32_t count;
        uint16_t encap;
    } cases[] = {
        {0, "\x02\0\0\0", 4, 0},
        {0, "\0\0\0\x02", 4, 0},
        {108, "\0\0\0\x02", 4, 0},
        {101, "", 0, 0},
        {12, "", 0, 0},
        {14, "", 0, 0},
        {228, "", 0, 0},
        {9, "\xff\x03\0\x21", 4, 0},
        {9, "\0\x21", 2, 0},
        {9, "\x21", 1, 0},
        {50, "\xff\x03\0\x21", 4, 0},
        {51, "\x11\0\0\1\0\x1e\0\x21", 8, WEIR_ENCAP_PPPOE},
        {50, "\x0f\0\x08\0", 4, 0},
        {104, "\x0f\0\x08\0", 4, 0},
        {113, "\0\0\0\1\0\6\0\0\0\0\0\0\0\0\x08\0", 16, 0},
        {276, "\x08\0\0\0\0\0\0\2\0\1\0\6\0\0\0\0\0\0\0\0", 20, 0},
        {113, "\0\0\0\1\0\6\0\0\0\0\0\0\0\0\x81\0\0\7\x08\0", 20, WEIR_ENCAP_VLAN},
        {113, "\0\0\0\1\0\6\0\0\0\0\0\0\0\0\0\4\xaa\xaa\3\0\0\0\x08\0", 24, WEIR_ENCAP_LLC},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        pkt_begin(&b);
        pkt_append_bytes(&b, cases[i].bytes, cases[i].count);
        pkt_ipv4(&b, "192.0.2.1", "198.51.100.2", 17);
        pkt_udp(&b, 1000, 2000);
        decode_link(cases[i].link);
        assert_int_equal(facts.encap, cases[i].encap);
        assert_int_equal(facts.dport, 2000);
        assert_int_equal(facts.payload_bytes, 0);
        assert_true(weir_decode_knows_link(cases[i].link));
    }
    static const char *const families[] = {"\x18\0\0\0", "\x1c\0\0\0", "\x1e\0\0\0", "\0\0\0\x1e", "\x0a\0\0\0", "\x17\0\0\0"};
    for (size_t i = 0; i < sizeof families / sizeof *families; i++) {
        pkt_begin(&b);
        pkt_append_bytes(&b, families[i], 4);
        pkt_ipv6(&b, "2001:db8::1", "2001:db8::2", 17);
        pkt_udp(&b, 1000, 2000);
        decode_link(0);
        assert_int_equal(facts.ip_version, 6);
        assert_int_equal(facts.dport, 2000);
    }
    assert_false(weir_decode_knows_link(147));
    assert_false(weir_decode_knows_link(65535));
}

static void test_tags(void **state)
{
    pkt_begin(&b);
    pkt_ethernet(&b, 0x88a8);
    pkt_vlan(&b, 0x2064, 0x8100);
    pkt_vlan(&b, 0x0065, 0x0800);
    pkt_ipv4(&b, "192.0.2.1", "198.51.100.2", 17);
    pkt_udp(&b, 1, 2);
    decode();
    assert_int_equal(facts.encap, WEIR_ENCAP_ETHERNET | WEIR_ENCAP_VLAN | WEIR_ENCAP_QINQ);
    assert_int_equal(facts.vlan[0], 0x2064);
    assert_int_equal(facts.vlan[1], 0x0065);
    assert_int_equal(facts.ethertype, 0x0800);

    pkt_begin(&b);
    pkt_ethernet(&b, 0x8847);
    pkt_mpls(&b, 100, 0);
    pkt_mpls(&b, 200, 1);
    pkt_ipv6(&b, "2001:db8::1", "2001:db8::2", 17);
    pkt_udp(&b, 1, 2);
    decode();
    assert_int_equal(facts.encap, WEIR_ENCAP_ETHERNET | WEIR_ENCAP_MPLS);
    assert_int_equal(facts.mpls >> 12, 100);

    for (int control_word = 0; control_word < 2; control_word++) { /* Ethernet over MPLS */
        pkt_begin(&b);
        pkt_ethernet(&b, 0x8847);
        pkt_mpls(&b, 100, 1);
        pkt_append(&b, control_word ? 4 : 0);
        pkt_ethernet(&b, 0x0800);
        pkt_ipv4(&b, "192.0.2.1", "198.51.100.2", 17);
        pkt_udp(&b, 1, 2);
        decode();
        assert_int_equal(facts.dport, 2);
    }

    pkt_begin(&b);
    pkt_ethernet(&b, 0x8864);
    pkt_pppoe(&b, 0x0057);
    pkt_ipv6(&b, "2001:db8::1", "2001:db8::2", 17);
    pkt_udp(&b, 1, 2);
    decode();
    assert_int_equal(facts.encap, WEIR_ENCAP_ETHERNET | WEIR_ENCAP_PPPOE);

    pkt_begin(&b);
    pkt_ethernet(&b, 0);
    pkt_snap(&b, 0x0800);
    pkt_ipv4(&b, "192.0.2.1", "198.51.100.2", 17);
    pkt_udp(&b, 1, 2);
    decode();
    assert_int_equal(facts.encap, WEIR_ENCAP_ETHERNET | WEIR_ENCAP_LLC);
    assert_int_equal(facts.dport, 2);
}

static void test_not_metered(void **state)
{
    static const struct {
        unsigned ethertype, bucket;
    } cases[] = {
        {0x0806, WEIR_IGNORED_ARP},       {0x8035, WEIR_IGNORED_ARP},     {0x88cc, WEIR_IGNORED_CONTROL},
        {0x8809, WEIR_IGNORED_CONTROL},   {0x8863, WEIR_IGNORED_CONTROL}, {0x6003, WEIR_IGNORED_ETHERTYPE},
        {0x05ff, WEIR_IGNORED_ETHERTYPE},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        pkt_begin(&b);
        pkt_ethernet(&b, cases[i].ethertype);
        pkt_fill(&b, 46);
        expect_fate(1, WEIR_IGNORED, cases[i].bucket);
    }
    pkt_begin(&b);
    pkt_ethernet(&b, 0);
    pkt_append_bytes(&b, "\x42\x42\x03", 3);
    expect_fate(1, WEIR_IGNORED, WEIR_IGNORED_CONTROL);
    pkt_begin(&b);
    pkt_ethernet(&b, 0);
    pkt_append_bytes(&b, "\xe0\xe0\x03", 3);
    expect_fate(1, WEIR_IGNORED, WEIR_IGNORED_ETHERTYPE);
    pkt_begin(&b);
    pkt_append_bytes(&b, "\xff\x03\xc0\x21\1\1", 6);
    expect_fate(9, WEIR_IGNORED, WEIR_IGNORED_CONTROL);
    expect_fate(147, WEIR_IGNORED, WEIR_IGNORED_LINK);

    pkt_begin(&b);
    pkt_ethernet(&b, 0x8100);
    for (unsigned i = 0; i < 40; i++)
        pkt_vlan(&b, 1, 0x8100);
    expect_fate(1, WEIR_DROPPED, WEIR_DROPPED_NESTING);

    begin_ipv4(17);
    pkt_udp(&b, 1, 2);
    b.data[14] = 0x44; /* header of 16 bytes */
    expect_fate(1, WEIR_DROPPED, WEIR_DROPPED_HEADER);
    b.data[14] = 0x65; /* IPv6 behind IPv4's EtherType */
    expect_fate(1, WEIR_DROPPED, WEIR_DROPPED_HEADER);
    begin_ipv4(17);
    pkt_put16(b.data + 16, 19); /* total length below the header's */
    expect_fate(1, WEIR_DROPPED, WEIR_DROPPED_LENGTH);

    pkt_begin(&b);
    pkt_ethernet(&b, 0x86dd);
    pkt_ipv6(&b, "2001:db8::1", "2001:db8::2", 0);
    pkt_ipv6_extension(&b, 17, 0)[1] = 9; /* longer than the packet */
    pkt_udp(&b, 1, 2);
    expect_fate(1, WEIR_DROPPED, WEIR_DROPPED_LENGTH);

    pkt_begin(&b);
    pkt_ethernet(&b, 0x86dd);
    pkt_ipv6(&b, "2001:db8::1", "2001:db8::2", 60);
    for (unsigned i = 0; i < 40; i++)
        pkt_ipv6_extension(&b, 60, 0);
    expect_fate(1, WEIR_DROPPED, WEIR_DROPPED_NESTING);
}

static void test_odd_lengths(void **state)
{
    begin_ipv4(6); /* total length 0: a segment before segmentation */
    pkt_tcp(&b, 1, 2, PKT_ACK, 0, 0);
    pkt_fill(&b, 3000);
    struct weir_packet packet = pkt_finish(&b, 1, 42);
    pkt_put16(b.data + 16, 0);
    unsigned bucket;
    assert_int_equal(weir_decode(&packet, &facts, &bucket), WEIR_METERED);
    assert_int_equal(facts.ip_bytes, 3040);
    assert_int_equal(facts.payload_bytes, 3000);
    assert_int_equal(facts.flags, WEIR_FACT_PORTS);

    pkt_put16(b.data + 16, 4000); /* more than the wire had */
    assert_int_equal(weir_decode(&packet, &facts, &bucket), WEIR_METERED);
    assert_int_equal(facts.payload_bytes, 3960);
    assert_int_equal(facts.l4_captured, 3020);
    assert_int_equal(facts.flags, WEIR_FACT_PORTS | WEIR_FACT_OVERLONG);

    pkt_put16(b.data + 16, 28); /* shorter than a TCP header: the ports are still there */
    assert_int_equal(weir_decode(&packet, &facts, &bucket), WEIR_METERED);
    assert_int_equal(facts.flags, WEIR_FACT_PORTS | WEIR_FACT_L4_BAD);
    assert_int_equal(facts.payload_bytes, 0);
    assert_int_equal(facts.dport, 2);

    begin_ipv4(6); /* TCP header length beyond the packet */
    pkt_tcp(&b, 1, 2, PKT_ACK, 0, 0)[12] = 0xf0;
    decode();
    assert_int_equal(facts.flags, WEIR_FACT_PORTS | WEIR_FACT_L4_BAD);
    assert_int_equal(facts.payload_bytes, 0);

    pkt_begin(&b); /* a jumbogram, of which the capture holds the start */
    pkt_ethernet(&b, 0x86dd);
    pkt_ipv6(&b, "2001:db8::1", "2001:db8::2", 0);
    pkt_append_bytes(&b, "\x06\0\xc2\x04\0\1\0\x1c", 8);
    pkt_tcp(&b, 1, 2, PKT_ACK, 0, 0);
    packet = pkt_finish(&b, 1, 42);
    pkt_put16(b.data + 18, 0);
    packet.wirelen = 14 + 40 + 65564;
    assert_int_equal(weir_decode(&packet, &facts, &bucket), WEIR_METERED);
    assert_int_equal(facts.ip_bytes, 40 + 65564);
    assert_int_equal(facts.payload_bytes, 65564 - 8 - 20);
}

static void test_names(void **state)
{
    assert_string_equal(weir_ignored_name(WEIR_IGNORED_LINK), "link-type");
    assert_string_equal(weir_dropped_name(WEIR_DROPPED_TRUNCATED), "truncated");
    assert_string_equal(weir_dropped_name(WEIR_DROPPED_COUNT), "unknown");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tcp),
        cmocka_unit_test(test_tcp_option_faults),
        cmocka_unit_test(test_udp_in_padded_frame),
        cmocka_unit_test(test_ipv6),
        cmocka_unit_test(test_fragments),
        cmocka_unit_test(test_icmp),
        cmocka_unit_test(test_other_protocols),
        cmocka_unit_test(test_quoted_extensions),
        cmocka_unit_test(test_link_layers),
        cmocka_unit_test(test_tags),
        cmocka_unit_test(test_not_metered),
        cmocka_unit_test(test_odd_lengths),
        cmocka_unit_test(test_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
