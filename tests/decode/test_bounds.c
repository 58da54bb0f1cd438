/* Hostile packets: every sample cut at every length, with each of its bytes changed, and bytes by chance. Each packet ends right
 * before an unmapped page, so reading past it ends the test.
 *
 * `test_bounds DIRECTORY` writes the samples there as seeds for fuzz_decode. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "facts_check.h"
#include "samples.h"

static uint8_t *fence; /* the first byte that may not be read */

static int guard_begin(void **state)
{
    long page = sysconf(_SC_PAGESIZE);
    uint8_t *p = mmap(NULL, (size_t)page * 3, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED || mprotect(p + 2 * page, (size_t)page, PROT_NONE) != 0)
        return -1;
    fence = p + 2 * page;
    return 0;
}

/* Decodes a copy of the packet's first `caplen` bytes at the fence and checks what must always hold. */
static enum weir_fate decode_cut(const struct weir_packet *packet, uint32_t caplen, struct weir_facts *facts, unsigned *bucket)
{
    struct weir_packet cut = *packet;
    cut.data = memcpy(fence - caplen, packet->data, caplen);
    cut.caplen = caplen;
    memset(facts, 0xa5, sizeof *facts);
    *bucket = 99;
    enum weir_fate fate = weir_decode(&cut, facts, bucket);
    const char *fault = facts_check(&cut, fate, facts, *bucket);
    if (fault != NULL)
        fail_msg("link %u, %u of %u bytes: %s", packet->link, caplen, packet->wirelen, fault);
    return fate;
}

static void test_samples_whole(void **state)
{
    for (size_t i = 0; i < SAMPLES; i++) {
        struct pkt b;
        struct weir_facts facts;
        unsigned bucket;
        pkt_begin(&b);
        samples[i].build(&b);
        struct weir_packet packet = pkt_finish(&b, samples[i].link, 1);
        enum weir_fate fate = decode_cut(&packet, packet.caplen, &facts, &bucket);
        if (fate != samples[i].fate)
            fail_msg("%s: fate %d, bucket %u", samples[i].name, fate, bucket);
        if (fate == WEIR_METERED && (facts.encap & ~WEIR_ENCAP_ETHERNET) != samples[i].encap)
            fail_msg("%s: encap %#x", samples[i].name, facts.encap);
        if (fate == WEIR_METERED && facts.flags & (WEIR_FACT_L4_BAD | WEIR_FACT_L4_SNAPPED))
            fail_msg("%s: flags %#x", samples[i].name, facts.flags);
    }
}

/* A tunnel's content is found: the same inner packet whatever carries it. */
static void test_samples_inner(void **state)
{
    for (size_t i = 0; i < SAMPLES; i++) {
        struct pkt b;
        struct weir_facts facts;
        unsigned bucket;
        if (!(samples[i].encap & ~WEIR_ENCAP_AH))
            continue;
        pkt_begin(&b);
        samples[i].build(&b);
        struct weir_packet packet = pkt_finish(&b, samples[i].link, 1);
        assert_int_equal(decode_cut(&packet, packet.caplen, &facts, &bucket), WEIR_METERED);
        uint8_t src[16] = {0};
        inet_pton(facts.ip_version == 4 ? AF_INET : AF_INET6, facts.ip_version == 4 ? SAMPLE_A : SAMPLE_A6, src);
        assert_memory_equal(facts.src, src, 16);
        assert_int_equal(facts.sport, 1000);
        assert_int_equal(facts.dport, 2000);
        assert_int_equal(facts.payload_bytes, 5);
        assert_int_equal(facts.l4_captured, 13);
    }
}

/* Cut by the snap length: dropped as truncated until the headers are there; never called damaged; what is metered keeps its
 * lengths, which come from the wire. */
static void test_every_cut(void **state)
{
    for (size_t i = 0; i < SAMPLES; i++) {
        struct pkt b;
        struct weir_facts whole, facts;
        unsigned bucket;
        pkt_begin(&b);
        samples[i].build(&b);
        struct weir_packet packet = pkt_finish(&b, samples[i].link, 1);
        decode_cut(&packet, packet.caplen, &whole, &bucket);
        for (uint32_t caplen = 0; caplen < packet.caplen; caplen++) {
            enum weir_fate fate = decode_cut(&packet, caplen, &facts, &bucket);
            if (fate == WEIR_DROPPED && bucket != WEIR_DROPPED_TRUNCATED)
                fail_msg("%s cut to %u: %s", samples[i].name, caplen, weir_dropped_name(bucket));
            if (fate == WEIR_METERED && facts.encap == whole.encap && memcmp(facts.src, whole.src, 16) == 0)
                assert_int_equal(facts.ip_bytes, whole.ip_bytes);
        }
    }
}

/* The same cuts, but the wire had no more: damaged, not snapped. */
static void test_every_short_frame(void **state)
{
    for (size_t i = 0; i < SAMPLES; i++) {
        struct pkt b;
        struct weir_facts facts;
        unsigned bucket;
        pkt_begin(&b);
        samples[i].build(&b);
        struct weir_packet packet = pkt_finish(&b, samples[i].link, 1);
        uint32_t bytes = packet.caplen;
        for (uint32_t caplen = 0; caplen < bytes; caplen++) {
            packet.wirelen = caplen;
            if (decode_cut(&packet, caplen, &facts, &bucket) == WEIR_DROPPED && bucket == WEIR_DROPPED_TRUNCATED)
                fail_msg("%s of %u bytes called truncated", samples[i].name, caplen);
        }
    }
}

static void test_every_byte_changed(void **state)
{
    static const uint8_t values[] = {0, 1, 0x0f, 0x40, 0x45, 0x7f, 0x80, 0xf0, 0xff};
    for (size_t i = 0; i < SAMPLES; i++) {
        struct pkt b;
        struct weir_facts facts;
        unsigned bucket;
        pkt_begin(&b);
        samples[i].build(&b);
        struct weir_packet packet = pkt_finish(&b, samples[i].link, 1);
        for (uint32_t at = 0; at < packet.caplen; at++) {
            uint8_t kept = b.data[at];
            for (size_t v = 0; v < sizeof values; v++) {
                b.data[at] = values[v];
                decode_cut(&packet, packet.caplen, &facts, &bucket);
            }
            b.data[at] = kept;
        }
    }
}

/* Bytes by chance behind the start of a sample: the start leads the decoder deep, chance does the rest. */
static void test_chance(void **state)
{
    uint64_t seed = 20240229;
    for (unsigned round = 0; round < 200000; round++) {
        struct pkt b;
        struct weir_facts facts;
        unsigned bucket;
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        const struct sample *sample = &samples[(seed >> 33) % SAMPLES];
        pkt_begin(&b);
        sample->build(&b);
        struct weir_packet packet = pkt_finish(&b, sample->link, 1);
        uint32_t from = (uint32_t)(seed >> 40) % (packet.caplen + 1);
        for (uint32_t at = from; at < packet.caplen; at++) {
            seed = seed * 6364136223846793005u + 1442695040888963407u;
            b.data[at] = (uint8_t)(seed >> 56);
        }
        packet.wirelen = packet.caplen + (uint32_t)(seed >> 20 & 63) - 16; /* sometimes less than captured */
        decode_cut(&packet, packet.caplen, &facts, &bucket);
    }
}

/* A tunnel whose content is not IP is no tunnel: the carrier stands. */
static void test_carrier_stands(void **state)
{
    static const uint16_t ports[] = {2152, 3544, 4789, 6081};
    for (size_t i = 0; i < sizeof ports / sizeof *ports; i++) {
        struct pkt b;
        struct weir_facts facts;
        unsigned bucket;
        pkt_begin(&b);
        sample_carrier_udp(&b, ports[i]);
        pkt_fill(&b, 80);
        struct weir_packet packet = pkt_finish(&b, 1, 1);
        assert_int_equal(decode_cut(&packet, packet.caplen, &facts, &bucket), WEIR_METERED);
        assert_int_equal(facts.encap, WEIR_ENCAP_ETHERNET);
        assert_int_equal(facts.dport, ports[i]);
        assert_int_equal(facts.payload_bytes, 80);
    }
    for (size_t i = 0; i < SAMPLES; i++) { /* so does the first fragment of one, and a content that claims more than is carried */
        struct pkt b;
        struct weir_facts facts;
        unsigned bucket;
        uint16_t tunnels =
            WEIR_ENCAP_IPIP | WEIR_ENCAP_GRE | WEIR_ENCAP_VXLAN | WEIR_ENCAP_GENEVE | WEIR_ENCAP_GTP | WEIR_ENCAP_TEREDO;
        if (!(samples[i].encap & tunnels) || strcmp(samples[i].name, "4in6") == 0)
            continue;
        pkt_begin(&b);
        samples[i].build(&b);
        struct weir_packet packet = pkt_finish(&b, samples[i].link, 1);
        b.data[20] |= 0x20;
        assert_int_equal(decode_cut(&packet, packet.caplen, &facts, &bucket), WEIR_METERED);
        assert_int_equal(facts.encap & tunnels, 0);
        assert_int_equal(facts.flags & WEIR_FACT_FRAGMENT, WEIR_FACT_FRAGMENT);
        b.data[20] &= 0xdf;
        packet.caplen -= 1;
        packet.wirelen -= 1;
        pkt_put16(b.data + 16, packet.caplen - 14);
        assert_int_equal(decode_cut(&packet, packet.caplen, &facts, &bucket), WEIR_METERED);
        assert_int_equal(facts.encap & tunnels, 0);
        uint8_t src[16] = {0};
        inet_pton(AF_INET, SAMPLE_C, src);
        assert_memory_equal(facts.src, src, 16);
    }
}

static void test_nested_tunnels(void **state)
{
    for (unsigned depth = 1; depth < 20; depth++) {
        struct pkt b;
        struct weir_facts facts;
        unsigned bucket;
        pkt_begin(&b);
        pkt_ethernet(&b, 0x0800);
        for (unsigned i = 0; i < depth; i++)
            pkt_ipv4(&b, SAMPLE_C, SAMPLE_D, 4);
        sample_inner_ipv4(&b);
        struct weir_packet packet = pkt_finish(&b, 1, 1);
        enum weir_fate fate = decode_cut(&packet, packet.caplen, &facts, &bucket);
        assert_int_equal(fate, depth <= 8 ? WEIR_METERED : WEIR_DROPPED);
        if (fate == WEIR_METERED)
            assert_int_equal(facts.dport, 2000);
        else
            assert_int_equal(bucket, WEIR_DROPPED_NESTING);
    }
}

/* Layers that could go round for ever, in a packet long enough to exhaust a stack; and pseudowires in pseudowires whose two
 * readings would double with each level. */
static void test_endless_layers(void **state)
{
    static uint8_t data[262144];
    static const struct {
        uint16_t link;
        uint32_t period;
        const char *bytes;
    } cases[] = {
        {50, 4, "\x0f\0\x88\x0b"},
        {104, 4, "\x0f\0\x81\0"},
        {1, 4, "\0\x01\x88\x47"},
        {1, 22, "\0\0\0\0\0\0\0\0\0\0\0\0\x88\x47\0\0\x88\x47\0\0\1\0"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct weir_facts facts;
        unsigned bucket = 99;
        for (uint32_t at = 0; at < sizeof data; at++)
            data[at] = (uint8_t)cases[i].bytes[at % cases[i].period];
        struct weir_packet packet = {.data = data, .caplen = sizeof data, .wirelen = sizeof data, .link = cases[i].link};
        long best_ns = 1000000000;
        for (int run = 0; run < 5; run++) { /* without the bounds 30 us and 1 ms, with them less than one */
            struct timespec begin, end;
            clock_gettime(CLOCK_THREAD_CPUTIME_ID, &begin);
            assert_int_not_equal(weir_decode(&packet, &facts, &bucket), WEIR_METERED);
            clock_gettime(CLOCK_THREAD_CPUTIME_ID, &end);
            long ns = (end.tv_sec - begin.tv_sec) * 1000000000 + end.tv_nsec - begin.tv_nsec;
            best_ns = ns < best_ns ? ns : best_ns;
        }
        assert_true(best_ns < 10000);
    }
}

static int write_seeds(const char *directory)
{
    for (size_t i = 0; i < SAMPLES; i++) {
        struct pkt b;
        char path[512];
        pkt_begin(&b);
        samples[i].build(&b);
        struct weir_packet packet = pkt_finish(&b, samples[i].link, 1);
        const uint8_t head[3] = {(uint8_t)(samples[i].link >> 8), (uint8_t)samples[i].link, 0};
        snprintf(path, sizeof path, "%s/%s", directory, samples[i].name);
        FILE *file = fopen(path, "wb");
        if (file == NULL || fwrite(head, sizeof head, 1, file) != 1 || fwrite(packet.data, packet.caplen, 1, file) != 1 ||
            fclose(file) != 0) {
            perror(path);
            return 1;
        }
    }
    return 0;
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_samples_whole),      cmocka_unit_test(test_samples_inner),
        cmocka_unit_test(test_every_cut),          cmocka_unit_test(test_every_short_frame),
        cmocka_unit_test(test_every_byte_changed), cmocka_unit_test(test_chance),
        cmocka_unit_test(test_carrier_stands),     cmocka_unit_test(test_nested_tunnels),
        cmocka_unit_test(test_endless_layers),
    };
    if (argc == 2)
        return write_seeds(argv[1]);
    return cmocka_run_group_tests(tests, guard_begin, NULL);
}
