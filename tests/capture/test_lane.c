/* The decoder's samples, whole, cut, changed, and bytes by chance: see lane_check.h. Each packet ends right before an unmapped
 * page. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <sys/mman.h>
#include <unistd.h>

#include "../decode/samples.h"
#include "lane_check.h"

#define SAMPLE_COUNT (sizeof samples / sizeof *samples)

static uint8_t *fence; /* the first byte that may not be read */

static int guard_begin(void **state)
{
    (void)state;
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    uint8_t *p = mmap(NULL, page * 3, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED || mprotect(p + 2 * page, page, PROT_NONE) != 0)
        return -1;
    fence = p + 2 * page;
    return 0;
}

static void check_at_fence(const char *name, const struct weir_packet *packet, uint32_t caplen)
{
    struct weir_packet cut = *packet;
    cut.data = memcpy(fence - caplen, packet->data, caplen);
    cut.caplen = caplen;
    if (!lane_check(&cut))
        fail_msg("%s: %u of %u bytes: not the decoder's addresses", name, caplen, packet->wirelen);
}

static struct weir_packet build(struct pkt *b, size_t i)
{
    pkt_begin(b);
    samples[i].build(b);
    return pkt_finish(b, samples[i].link, 1);
}

static void agrees_with_the_decoder(void **state)
{
    (void)state;
    unsigned metered = 0;
    for (size_t i = 0; i < SAMPLE_COUNT; i++) {
        struct pkt b;
        struct weir_packet packet = build(&b, i);
        for (uint32_t caplen = 0; caplen <= packet.caplen; caplen++)
            check_at_fence(samples[i].name, &packet, caplen);
        metered += samples[i].fate == WEIR_METERED;
        if (samples[i].fate == WEIR_METERED)
            assert_int_not_equal(weir_lane_hash(&packet), 0);
    }
    assert_true(metered > 30);
}

static void agrees_on_changed_packets(void **state)
{
    (void)state;
    static const uint8_t values[] = {0, 1, 4, 6, 17, 41, 44, 47, 0x20, 0x45, 0x60, 0x7f, 0x80, 0xff};
    uint64_t seed = 99;
    for (size_t i = 0; i < SAMPLE_COUNT; i++) {
        struct pkt b;
        struct weir_packet packet = build(&b, i);
        for (uint32_t at = 0; at < packet.caplen; at++) {
            uint8_t kept = b.data[at];
            for (size_t v = 0; v < sizeof values; v++) {
                b.data[at] = values[v];
                check_at_fence(samples[i].name, &packet, packet.caplen);
            }
            b.data[at] = kept;
        }
        for (unsigned round = 0; round < 2000; round++) {
            packet = build(&b, i);
            for (unsigned n = 0; n < 4; n++) {
                seed = seed * 6364136223846793005u + 1442695040888963407u;
                b.data[(seed >> 33) % packet.caplen] = (uint8_t)(seed >> 56);
            }
            check_at_fence(samples[i].name, &packet, packet.caplen - (seed & 1 ? 0 : (uint32_t)(seed >> 20) % packet.caplen));
        }
    }
}

/* All fragments of a datagram, even of one that carries a tunnel or an ICMP error. */
static void keeps_fragments_together(void **state)
{
    (void)state;
    const unsigned protos[] = {1, 4, 17, 47};
    for (size_t i = 0; i < sizeof protos / sizeof *protos; i++) {
        struct pkt b;
        uint32_t want = 0;
        for (unsigned fragment = 0; fragment < 3; fragment++) {
            static const uint16_t fields[] = {0x2000, 0x2004, 0x0008}; /* first, middle, last */
            pkt_begin(&b);
            pkt_ethernet(&b, 0x0800);
            uint8_t *ip = pkt_ipv4(&b, SAMPLE_C, SAMPLE_D, protos[i]);
            ip[6] = (uint8_t)(fields[fragment] >> 8);
            ip[7] = (uint8_t)fields[fragment];
            if (protos[i] == 1)
                pkt_append_bytes(&b, "\3\1\0\0\0\0\0\0", 8);
            else if (protos[i] == 17)
                pkt_udp(&b, 1234, 3544);
            else if (protos[i] == 47)
                pkt_append_bytes(&b, "\0\0\x08\0", 4);
            if (protos[i] == 17)
                sample_inner_ipv6(&b);
            else
                sample_inner_ipv4(&b);
            struct weir_packet packet = pkt_finish(&b, 1, 1);
            if (fragment == 0)
                want = weir_lane_hash(&packet);
            assert_int_equal(weir_lane_hash(&packet), want);
        }
        assert_int_not_equal(want, 0);
    }
}

static void spreads_hosts_evenly(void **state)
{
    (void)state;
    enum { LANES = 7, HOSTS = 7000 };
    unsigned count[LANES] = {0};
    for (unsigned i = 0; i < HOSTS; i++) {
        const uint8_t host[4] = {10, 0, (uint8_t)(i >> 8), (uint8_t)i}, server[4] = {192, 0, 2, 1};
        count[lane_of_addresses(4, host, server) % LANES]++;
    }
    for (unsigned i = 0; i < LANES; i++)
        assert_in_range(count[i], HOSTS / LANES * 85 / 100, HOSTS / LANES * 115 / 100);
}

static void gives_unknown_packets_lane_0(void **state)
{
    (void)state;
    const uint8_t arp[60] = {[12] = 0x08, [13] = 0x06};
    const struct weir_packet packets[] = {{.data = arp, .caplen = 60, .wirelen = 60, .link = 1},
                                          {.data = arp, .caplen = 0, .wirelen = 60, .link = 1},
                                          {.data = arp, .caplen = 60, .wirelen = 60, .link = 147}};
    for (size_t i = 0; i < sizeof packets / sizeof *packets; i++)
        assert_int_equal(weir_lane_hash(&packets[i]), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_the_decoder),      cmocka_unit_test(agrees_on_changed_packets),
        cmocka_unit_test(keeps_fragments_together),     cmocka_unit_test(spreads_hosts_evenly),
        cmocka_unit_test(gives_unknown_packets_lane_0),
    };
    return cmocka_run_group_tests(tests, guard_begin, NULL);
}
