/* The kernel's lane hash against weir_lane_hash: the decoder's samples, whole and with bytes changed, and each with a VLAN tag
 * that the kernel would have stripped. The program is run by the kernel on packets of our choice (BPF_PROG_TEST_RUN), so no
 * interface is needed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <linux/bpf.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../decode/samples.h"
#include "capture/fanout.h"
#include "decode/lane.h"

enum { ETHERNET = 1, PACKET_MAX = 2048 };

static int program = -1;

/* False: the kernel does not take it as a test packet (an IP type with less than an IP header behind it). */
static bool hash_in_kernel(const uint8_t *bytes, uint32_t size, uint32_t *hash)
{
    enum { ETHERNET_AND_IPV6_BYTES = 54 };
    union bpf_attr attr;
    memset(&attr, 0, sizeof attr);
    attr.test.prog_fd = (uint32_t)program;
    attr.test.data_in = (uintptr_t)bytes;
    attr.test.data_size_in = size;
    bool good = syscall(SYS_bpf, BPF_PROG_TEST_RUN, &attr, sizeof attr) == 0;
    if (!good && (errno != EINVAL || size >= ETHERNET_AND_IPV6_BYTES))
        fail_msg("BPF_PROG_TEST_RUN of %u bytes: %s", size, strerror(errno));
    *hash = attr.test.retval;
    return good;
}

/* 0: not metered. */
static uint32_t hash_here(const uint8_t *bytes, uint32_t size)
{
    const struct weir_packet packet = {.data = bytes, .caplen = size, .wirelen = size, .link = ETHERNET};
    return weir_lane_hash(&packet);
}

/* The same packet as it was on the wire, when the kernel has taken a tag out of it. */
static uint32_t hash_tagged(const uint8_t *bytes, uint32_t size)
{
    uint8_t tagged[PACKET_MAX + 4];
    memcpy(tagged, bytes, 12);
    memcpy(tagged + 12, (const uint8_t[]){0x81, 0, 0, 7}, 4);
    memcpy(tagged + 16, bytes + 12, size - 12);
    return hash_here(tagged, size + 4);
}

static uint32_t random_next(uint32_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 17;
    return *state ^= *state << 5;
}

static void kernel_and_files_agree(void **state)
{
    (void)state;
    uint32_t seed = 1;
    unsigned compared = 0;
    for (size_t i = 0; i < sizeof samples / sizeof *samples; i++) {
        struct pkt b;
        pkt_begin(&b);
        samples[i].build(&b);
        struct weir_packet packet = pkt_finish(&b, samples[i].link, 1);
        uint8_t bytes[PACKET_MAX];
        if (samples[i].link != ETHERNET || packet.caplen < 15 || packet.caplen > sizeof bytes)
            continue;
        for (unsigned change = 0; change < 200; change++) {
            uint32_t size = packet.caplen;
            memcpy(bytes, packet.data, size);
            if (change % 4 == 3)
                size = 15 + random_next(&seed) % (size - 14);
            if (change)
                bytes[12 + random_next(&seed) % (size - 12)] = (uint8_t)random_next(&seed);
            uint32_t here = hash_here(bytes, size), there;
            if (!here || !hash_in_kernel(bytes, size, &there))
                continue;
            if (here != there)
                fail_msg("%s, change %u, %u bytes: %08x here, %08x in the kernel", samples[i].name, change, size, here, there);
            if (!change)
                assert_int_equal(hash_tagged(bytes, size), there);
            compared++;
        }
    }
    assert_true(compared > 5000);
}

int main(void)
{
    struct weir_error error;
    weir_err result = weir_fanout_load("test", ETHERNET, &program, &error);
    if (result == WEIR_ERR_PERMISSION) {
        fprintf(stderr, "skipped: %s\n", error.text);
        return 77;
    }
    if (result) {
        fprintf(stderr, "%s\n", error.text);
        return 1;
    }
    const struct CMUnitTest tests[] = {cmocka_unit_test(kernel_and_files_agree)};
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    close(program);
    return failed;
}
