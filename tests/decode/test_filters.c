/* The decoder against an independent reader of packets: libpcap's filters. Every metered packet that no tunnel carries must be
 * matched by exactly those filters that its facts predict. Always for the samples; with WEIR_DATA set, also for every capture in
 * $WEIR_DATA/pcap that libpcap can read. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <ftw.h>
#include <pcap/pcap.h>

#include "facts_check.h"
#include "samples.h"

typedef struct weir_facts facts_t;

static bool is_ip4(const facts_t *f)
{
    return f->ip_version == 4;
}

static bool is_ip6(const facts_t *f)
{
    return f->ip_version == 6;
}

static bool is_tcp(const facts_t *f)
{
    return f->proto == 6;
}

static bool is_udp(const facts_t *f)
{
    return f->proto == 17;
}

static bool is_sctp(const facts_t *f)
{
    return f->proto == 132;
}

static bool is_icmp(const facts_t *f)
{
    return f->ip_version == 4 && f->proto == 1;
}

static bool is_icmp6(const facts_t *f)
{
    return f->ip_version == 6 && f->proto == 58;
}

static bool is_igmp(const facts_t *f)
{
    return f->ip_version == 4 && f->proto == 2;
}

static bool is_fragment(const facts_t *f)
{
    return f->ip_version == 4 && f->flags & WEIR_FACT_FRAGMENT;
}

static bool is_later_fragment(const facts_t *f)
{
    return f->ip_version == 4 && f->flags & WEIR_FACT_FRAGMENT_LATER;
}

static bool has_options(const facts_t *f)
{
    return f->ip_version == 4 && f->flags & WEIR_FACT_IP_OPTIONS;
}

static bool is_unfragmentable(const facts_t *f)
{
    return f->ip_version == 4 && f->flags & WEIR_FACT_DONT_FRAGMENT;
}

static bool is_near(const facts_t *f)
{
    return f->ip_version == 4 && f->ttl > 64;
}

static bool is_odd_id(const facts_t *f)
{
    return f->ip_version == 4 && f->ip_id & 1;
}

static bool is_marked(const facts_t *f)
{
    return f->ip_version == 4 && f->tos != 0;
}

static bool is_near6(const facts_t *f)
{
    return f->ip_version == 6 && f->ttl > 64;
}

static bool is_from_high(const facts_t *f)
{
    return f->ip_version == 4 && f->src[0] >= 128;
}

static bool is_to_odd(const facts_t *f)
{
    return f->ip_version == 4 && f->dst[3] & 1;
}

static bool is_to_odd6(const facts_t *f)
{
    return f->ip_version == 6 && f->dst[15] & 1;
}

static bool filter_knows_ports(const facts_t *f)
{
    return f->flags & WEIR_FACT_PORTS && (f->proto == 6 || f->proto == 17 || f->proto == 132);
}

static bool is_from_ephemeral(const facts_t *f)
{
    return filter_knows_ports(f) && f->sport >= 32768;
}

static bool is_to_service(const facts_t *f)
{
    return filter_knows_ports(f) && f->dport < 1024;
}

static bool is_tcp4(const facts_t *f)
{
    return f->ip_version == 4 && f->proto == 6 && !(f->flags & WEIR_FACT_FRAGMENT_LATER);
}

static bool is_syn(const facts_t *f)
{
    return is_tcp4(f) && f->tcp.flags & WEIR_TCP_SYN;
}

static bool is_ack_alone(const facts_t *f)
{
    return is_tcp4(f) && f->tcp.flags == WEIR_TCP_ACK;
}

static bool is_late_sequence(const facts_t *f)
{
    return is_tcp4(f) && f->tcp.seq >= 0x80000000;
}

static bool is_late_acknowledgment(const facts_t *f)
{
    return is_tcp4(f) && f->tcp.ack >= 0x80000000;
}

static bool is_wide(const facts_t *f)
{
    return is_tcp4(f) && f->tcp.window >= 8192;
}

static bool has_tcp_options(const facts_t *f)
{
    return is_tcp4(f) && f->tcp.header_bytes > 20;
}

static bool carries_tcp_data(const facts_t *f)
{
    return is_tcp4(f) && f->l4_captured >= 13 && f->payload_bytes > 0;
}

static bool has_mss_first(const facts_t *f)
{
    return is_tcp4(f) && f->tcp.header_bytes >= 24 && f->l4_captured >= 24 && f->l4[20] == 2 && f->tcp.mss >= 1400;
}

static bool is_icmp_request(const facts_t *f)
{
    return is_icmp(f) && !(f->flags & WEIR_FACT_FRAGMENT_LATER) && f->icmp.type == 8;
}

static bool is_icmp_of_odd_id(const facts_t *f)
{
    return is_icmp(f) && !(f->flags & WEIR_FACT_FRAGMENT_LATER) && f->icmp.id & 1;
}

static bool quotes_udp(const facts_t *f)
{
    return is_icmp(f) && f->flags & WEIR_FACT_QUOTED && f->quoted.proto == 17;
}

static struct check {
    const char *filter;
    bool (*predict)(const facts_t *);
    struct bpf_program program; /* for the capture at hand */
    unsigned long matched;
} checks[] = {
    {.filter = "ip", .predict = is_ip4},
    {.filter = "ip6", .predict = is_ip6},
    {.filter = "tcp", .predict = is_tcp},
    {.filter = "udp", .predict = is_udp},
    {.filter = "sctp", .predict = is_sctp},
    {.filter = "icmp", .predict = is_icmp},
    {.filter = "icmp6", .predict = is_icmp6},
    {.filter = "igmp", .predict = is_igmp},
    {.filter = "ip[6:2] & 0x3fff != 0", .predict = is_fragment},
    {.filter = "ip[6:2] & 0x1fff != 0", .predict = is_later_fragment},
    {.filter = "ip[0] & 15 > 5", .predict = has_options},
    {.filter = "ip[6] & 0x40 != 0", .predict = is_unfragmentable},
    {.filter = "ip[8] > 64", .predict = is_near},
    {.filter = "ip[5] & 1 != 0", .predict = is_odd_id},
    {.filter = "ip[1] != 0", .predict = is_marked},
    {.filter = "ip6[7] > 64", .predict = is_near6},
    {.filter = "ip[12] >= 128", .predict = is_from_high},
    {.filter = "ip[19] & 1 != 0", .predict = is_to_odd},
    {.filter = "ip6[39] & 1 != 0", .predict = is_to_odd6},
    {.filter = "src portrange 32768-65535", .predict = is_from_ephemeral},
    {.filter = "dst portrange 0-1023", .predict = is_to_service},
    {.filter = "tcp[tcpflags] & tcp-syn != 0", .predict = is_syn},
    {.filter = "tcp[tcpflags] = tcp-ack", .predict = is_ack_alone},
    {.filter = "tcp[4:4] >= 0x80000000", .predict = is_late_sequence},
    {.filter = "tcp[8:4] >= 0x80000000", .predict = is_late_acknowledgment},
    {.filter = "tcp[14:2] >= 8192", .predict = is_wide},
    {.filter = "tcp[12] >> 4 > 5", .predict = has_tcp_options},
    {.filter = "tcp and ip[6:2] & 0x1fff = 0 and (ip[2:2] = 0 or ip[2:2] > (ip[0] & 15) * 4 + (tcp[12] >> 4) * 4)",
     .predict = carries_tcp_data},
    {.filter = "tcp[12] >> 4 > 5 and tcp[20:2] = 0x0204 and tcp[22:2] >= 1400", .predict = has_mss_first},
    {.filter = "icmp[0] = 8", .predict = is_icmp_request},
    {.filter = "icmp[5] & 1 != 0", .predict = is_icmp_of_odd_id},
    {.filter =
         "(icmp[0] = 3 or icmp[0] = 4 or icmp[0] = 5 or icmp[0] = 11 or icmp[0] = 12) and icmp[8] >> 4 = 4 and icmp[17] = 17",
     .predict = quotes_udp},
};

#define CHECKS (sizeof checks / sizeof *checks)

/* What filters and facts must disagree on, by design: tunnels, tags (a filter keeps to the offsets of an untagged frame), IPv6
 * extension headers, L4 headers that contradict the IP length, total lengths of 0. */
static bool comparable(const facts_t *f)
{
    uint32_t ip_header = f->ip_bytes - f->l4_bytes;
    return !(f->encap & ~WEIR_ENCAP_ETHERNET) && !(f->flags & (WEIR_FACT_L4_BAD | WEIR_FACT_OVERLONG)) &&
           (f->ip_version == 4 || ip_header == 40);
}

/* Filters expect PPP's address, control and two-byte protocol to be there; on its lines Cisco's framing is none. */
static bool filters_know_framing(const struct weir_packet *packet)
{
    bool ppp = packet->link == DLT_PPP || packet->link == DLT_PPP_SERIAL;
    return !ppp || (memcmp(packet->data, "\xff\x03", 2) == 0 && packet->data[2] == 0);
}

static void packet_compare(const char *name, unsigned long number, const struct weir_packet *packet)
{
    struct weir_facts facts;
    unsigned bucket = 99;
    enum weir_fate fate = weir_decode(packet, &facts, &bucket);
    const char *fault = facts_check(packet, fate, &facts, bucket);
    if (fault != NULL)
        fail_msg("%s, packet %lu: %s", name, number, fault);
    if (fate != WEIR_METERED || !comparable(&facts) || !filters_know_framing(packet))
        return;
    struct pcap_pkthdr header = {.caplen = packet->caplen, .len = packet->wirelen};
    for (size_t i = 0; i < CHECKS; i++) {
        bool matched = pcap_offline_filter(&checks[i].program, &header, packet->data) != 0;
        if (matched != checks[i].predict(&facts))
            fail_msg("%s, packet %lu: filter '%s' %s", name, number, checks[i].filter, matched ? "matches" : "does not match");
        checks[i].matched += matched;
    }
}

/* False for the links of one IP version, on which libpcap refuses filters for the other one. */
static bool programs_compile(pcap_t *pcap)
{
    if (pcap_datalink(pcap) == DLT_IPV4 || pcap_datalink(pcap) == DLT_IPV6)
        return false;
    for (size_t i = 0; i < CHECKS; i++)
        if (pcap_compile(pcap, &checks[i].program, checks[i].filter, 1, PCAP_NETMASK_UNKNOWN) != 0)
            fail_msg("link type %d, filter '%s': %s", pcap_datalink(pcap), checks[i].filter, pcap_geterr(pcap));
    return true;
}

static void programs_free(void)
{
    for (size_t i = 0; i < CHECKS; i++)
        pcap_freecode(&checks[i].program);
}

static unsigned long captures;

static void capture_compare(const char *name, pcap_t *pcap)
{
    uint16_t link = (uint16_t)pcap_datalink(pcap);
    if (link != pcap_datalink(pcap) || !weir_decode_knows_link(link) || !programs_compile(pcap))
        return;
    struct pcap_pkthdr *header;
    const uint8_t *data;
    for (unsigned long number = 1; pcap_next_ex(pcap, &header, &data) == 1; number++) {
        struct weir_packet packet = {.data = data, .caplen = header->caplen, .wirelen = header->len, .link = link};
        packet_compare(name, number, &packet);
    }
    programs_free();
    captures++;
}

static void test_samples(void **state)
{
    for (size_t i = 0; i < SAMPLES; i++) {
        char error[PCAP_ERRBUF_SIZE];
        struct pkt b;
        pkt_begin(&b);
        samples[i].build(&b);
        struct weir_packet packet = pkt_finish(&b, samples[i].link, 1);
        FILE *file = tmpfile();
        assert_non_null(file);
        pkt_pcap_begin(file, samples[i].link);
        pkt_pcap_write(file, &packet);
        rewind(file);
        pcap_t *pcap = pcap_fopen_offline(file, error);
        if (pcap == NULL)
            fail_msg("%s: %s", samples[i].name, error);
        capture_compare(samples[i].name, pcap);
        pcap_close(pcap);
    }
    assert_int_equal(captures, SAMPLES - 2); /* all but the links of one IP version */
}

static int file_compare(const char *path, const struct stat *status, int kind, struct FTW *walk)
{
    char error[PCAP_ERRBUF_SIZE];
    pcap_t *pcap = kind == FTW_F ? pcap_open_offline(path, error) : NULL;
    if (pcap == NULL)
        return 0;
    capture_compare(path + walk->base, pcap);
    pcap_close(pcap);
    return 0;
}

static void test_captures(void **state)
{
    const char *data = getenv("WEIR_DATA");
    char path[4096];
    if (data == NULL) {
        print_message("WEIR_DATA is not set: no real captures compared\n");
        skip();
    }
    captures = 0;
    for (size_t i = 0; i < CHECKS; i++)
        checks[i].matched = 0;
    snprintf(path, sizeof path, "%s/pcap", data);
    assert_int_equal(nftw(path, file_compare, 16, FTW_PHYS), 0);
    assert_true(captures > 0);
    for (size_t i = 0; i < CHECKS; i++)
        if (checks[i].matched == 0)
            fail_msg("filter '%s' matched nothing: the captures do not test it", checks[i].filter);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_samples),
        cmocka_unit_test(test_captures),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
