/* Lanes of the decoder's samples. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "decode/facts.h"
#include "decode/lane.h"
#include "samples.h"

#define SAMPLE_COUNT (sizeof samples / sizeof *samples)

static struct weir_packet build(struct pkt *b, size_t i)
{
    pkt_begin(b);
    samples[i].build(b);
    return pkt_finish(b, samples[i].link, 1);
}

/* Errors go with the packet that they quote, the rest by its own innermost addresses; both directions alike. */
static void follows_the_innermost_addresses(void **state)
{
    (void)state;
    unsigned metered = 0, quoted = 0;
    for (size_t i = 0; i < SAMPLE_COUNT; i++) {
        struct pkt b;
        struct weir_packet packet = build(&b, i);
        struct weir_facts facts;
        unsigned bucket;
        uint32_t lane = weir_lane_hash(&packet);
        if (weir_decode(&packet, &facts, &bucket) != WEIR_METERED) {
            assert_int_equal(lane, 0);
            continue;
        }
        bool error = facts.flags & WEIR_FACT_QUOTED;
        const uint8_t *src = error ? facts.quoted.src : facts.src, *dst = error ? facts.quoted.dst : facts.dst;
        assert_int_equal(lane, weir_lane_hash_addresses(src, dst));
        assert_int_equal(lane, weir_lane_hash_addresses(dst, src));
        assert_int_not_equal(lane, 0);
        metered++;
        quoted += error;
    }
    assert_true(metered > 30 && quoted >= 2);
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
        const uint8_t host[16] = {10, 0, (uint8_t)(i >> 8), (uint8_t)i}, server[16] = {192, 0, 2, 1};
        count[weir_lane_hash_addresses(host, server) % LANES]++;
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
        cmocka_unit_test(follows_the_innermost_addresses),
        cmocka_unit_test(keeps_fragments_together),
        cmocka_unit_test(spreads_hosts_evenly),
        cmocka_unit_test(gives_unknown_packets_lane_0),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
