/* The short way of the decoder against the long one: where it takes a packet, every byte of the facts is the same. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "decode/walk_internal.h"
#include "samples.h"

static unsigned taken, left;

static void compare(const struct weir_packet *packet)
{
    struct weir_facts plain, layered;
    unsigned bucket = 0;
    memset(&plain, 0xa5, sizeof plain);
    memset(&layered, 0xa5, sizeof layered);
    if (!weir__plain_decode(packet, &plain)) {
        left++;
        return;
    }
    taken++;
    assert_int_equal(weir__layered_decode(packet, &layered, &bucket), WEIR_METERED);
    assert_memory_equal(&plain, &layered, sizeof plain);
}

static void plain_tcp(struct pkt *b)
{
    pkt_ethernet(b, 0x0800);
    pkt_ipv4(b, SAMPLE_A, SAMPLE_B, 6);
    pkt_tcp(b, 40000, 443, PKT_ACK, 1, 2);
    pkt_fill(b, 30);
}

static void plain_tcp_options(struct pkt *b)
{
    static const uint8_t options[20] = {2, 4, 5, 180, 4, 2, 8, 10, 0, 0, 1, 0, 0, 0, 0, 7, 1, 3, 3, 9};
    pkt_ethernet(b, 0x0800);
    pkt_ipv4(b, SAMPLE_A, SAMPLE_B, 6);
    pkt_tcp_options(b, 40000, 443, PKT_SYN, 1, 2, options, sizeof options);
}

static void plain_udp(struct pkt *b)
{
    pkt_ethernet(b, 0x0800);
    sample_inner_ipv4(b);
}

static void same_facts(void **state)
{
    static void (*const plain[])(struct pkt *) = {plain_tcp, plain_tcp_options, plain_udp};
    const size_t plains = sizeof plain / sizeof *plain;
    uint64_t random = 1;
    for (size_t i = 0; i < SAMPLES + plains; i++) {
        struct pkt b;
        pkt_begin(&b);
        (i < plains ? plain[i] : samples[i - plains].build)(&b);
        const struct weir_packet whole = pkt_finish(&b, i < plains ? 1 : samples[i - plains].link, 1);
        for (uint32_t caplen = 0; caplen <= whole.caplen; caplen++) {
            struct weir_packet cut = whole;
            cut.caplen = caplen;
            compare(&cut);
            cut.wirelen = caplen; /* a short packet, not a snapped one */
            compare(&cut);
        }
        for (unsigned change = 0; change < 4000; change++) { /* headers are in the first 80 bytes */
            uint8_t bytes[4096];
            struct weir_packet other = whole;
            if (whole.caplen > sizeof bytes)
                break;
            other.data = memcpy(bytes, whole.data, whole.caplen);
            for (unsigned n = 0; n <= change % 3; n++) {
                random = random * 6364136223846793005u + 1442695040888963407u;
                bytes[(random >> 33) % (whole.caplen < 80 ? whole.caplen : 80)] = (uint8_t)(random >> 56);
            }
            compare(&other);
        }
    }
    assert_true(taken > 1000 && left > 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(same_facts)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
