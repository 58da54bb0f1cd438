/* What is read from a packet ring: blocks as the kernel makes them, packets and tags, and blocks that contradict themselves. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <linux/if_packet.h>

#include "capture/packet_ring.h"

enum { BLOCKS = 4, FIRST = 48, MAC = 88, FRAME_BYTES = 60 };

static struct weir_packet_ring make(void)
{
    uint8_t *map = aligned_alloc(4096, BLOCKS * WEIR_RING_BLOCK_BYTES);
    assert_non_null(map);
    memset(map, 0, BLOCKS * WEIR_RING_BLOCK_BYTES);
    return (struct weir_packet_ring){.fd = -1, .link = 1, .snaplen = 65535, .map = map, .blocks = BLOCKS};
}

static struct tpacket_hdr_v1 *header(const struct weir_packet_ring *ring, unsigned block)
{
    return &((struct tpacket_block_desc *)(ring->map + (size_t)block * WEIR_RING_BLOCK_BYTES))->hdr.bh1;
}

/* Hands a block with `count` packets over; the bytes of packet i are all `mark` + i behind two addresses. The headers come back.
 */
static struct tpacket3_hdr *fill(struct weir_packet_ring *ring, unsigned block, unsigned count, uint8_t mark)
{
    enum { STEP = (MAC + FRAME_BYTES + 7) / 8 * 8 };
    uint8_t *at = ring->map + (size_t)block * WEIR_RING_BLOCK_BYTES + FIRST;
    *header(ring, block) =
        (struct tpacket_hdr_v1){.block_status = TP_STATUS_USER, .num_pkts = count, .offset_to_first_pkt = FIRST};
    struct tpacket3_hdr *first = (struct tpacket3_hdr *)at;
    for (unsigned i = 0; i < count; i++, at += STEP) {
        *(struct tpacket3_hdr *)at = (struct tpacket3_hdr){
            .tp_next_offset = STEP, .tp_sec = 1700000000, .tp_nsec = i, .tp_snaplen = FRAME_BYTES, .tp_len = 1000, .tp_mac = MAC};
        memset(at + MAC, mark + (int)i, FRAME_BYTES);
    }
    return first;
}

static struct tpacket3_hdr *after(struct tpacket3_hdr *header)
{
    return (struct tpacket3_hdr *)((uint8_t *)header + header->tp_next_offset);
}

static void expect(struct weir_packet_ring *ring, uint8_t mark)
{
    struct weir_packet packet;
    bool aggregated = false;
    assert_true(weir_packet_ring_next(ring, &packet, &aggregated));
    assert_int_equal(packet.caplen, FRAME_BYTES);
    assert_int_equal(packet.wirelen, 1000);
    assert_int_equal(packet.ts_ns / 1000000000, 1700000000);
    assert_int_equal(packet.data[0], mark);
    assert_int_equal(packet.data[FRAME_BYTES - 1], mark);
}

static void expect_nothing(struct weir_packet_ring *ring)
{
    struct weir_packet packet;
    bool aggregated = false;
    assert_false(weir_packet_ring_next(ring, &packet, &aggregated));
}

static void blocks_are_read_in_turn(void **state)
{
    (void)state;
    struct weir_packet_ring ring = make();
    for (unsigned round = 0; round < 5; round++) {
        unsigned a = round * 3 % BLOCKS, b = (a + 1) % BLOCKS, c = (a + 2) % BLOCKS;
        fill(&ring, a, 2, 10);
        fill(&ring, b, 0, 0);
        fill(&ring, c, 1, 20);
        expect(&ring, 10);
        expect(&ring, 11);
        expect(&ring, 20);
        expect_nothing(&ring);
        weir_packet_ring_release(&ring);
        for (unsigned i = 0; i < BLOCKS; i++)
            assert_int_equal(header(&ring, i)->block_status, TP_STATUS_KERNEL);
    }
    assert_int_equal(weir_packet_ring_lost(&ring), 0);
    free(ring.map);
}

static void a_full_ring_waits_for_its_release(void **state)
{
    (void)state;
    struct weir_packet_ring ring = make();
    for (unsigned i = 0; i < BLOCKS; i++)
        fill(&ring, i, 1, (uint8_t)(10 * i));
    for (unsigned i = 0; i < BLOCKS; i++)
        expect(&ring, (uint8_t)(10 * i));
    expect_nothing(&ring);
    weir_packet_ring_release(&ring);
    expect_nothing(&ring);
    fill(&ring, 0, 1, 99);
    expect(&ring, 99);
    free(ring.map);
}

static void tags_are_put_back(void **state)
{
    (void)state;
    struct weir_packet_ring ring = make();
    struct weir_packet packet;
    bool aggregated = false;
    struct tpacket3_hdr *frame = fill(&ring, 0, 2, 1);
    frame->tp_status = TP_STATUS_VLAN_VALID | TP_STATUS_VLAN_TPID_VALID;
    frame->hv1.tp_vlan_tpid = 0x88a8;
    frame->hv1.tp_vlan_tci = 0x2007;
    after(frame)->tp_status = TP_STATUS_VLAN_VALID;
    assert_true(weir_packet_ring_next(&ring, &packet, &aggregated));
    assert_int_equal(packet.caplen, FRAME_BYTES + 4);
    assert_int_equal(packet.wirelen, 1004);
    assert_memory_equal(packet.data + 10, ((const uint8_t[]){1, 1, 0x88, 0xa8, 0x20, 0x07, 1, 1}), 8);
    assert_true(weir_packet_ring_next(&ring, &packet, &aggregated));
    assert_memory_equal(packet.data + 10, ((const uint8_t[]){2, 2, 0x81, 0x00, 0, 0, 2, 2}), 8);
    assert_false(aggregated);
    fill(&ring, 1, 1, 1)->tp_status = 1 << 8; /* TP_STATUS_GSO_TCP */
    assert_true(weir_packet_ring_next(&ring, &packet, &aggregated));
    assert_true(aggregated);
    free(ring.map);
}

/* The second of three packets is damaged in one field: it and the third are given up and counted, the next block is read. */
static void a_contradiction_costs_the_rest_of_its_block(void **state)
{
    (void)state;
    enum { CASES = 7 };
    for (unsigned i = 0; i < CASES; i++) {
        struct weir_packet_ring ring = make();
        struct tpacket3_hdr *first = fill(&ring, 0, 3, 1), *second = after(first);
        fill(&ring, 1, 1, 50);
        switch (i) {
        case 0:
            second->tp_mac = sizeof *second; /* no room for a tag */
            break;
        case 1:
            second->tp_snaplen = second->tp_len = WEIR_RING_BLOCK_BYTES;
            break;
        case 2:
            second->tp_snaplen = second->tp_len = UINT32_MAX;
            break;
        case 3:
            second->tp_len = FRAME_BYTES - 1;
            break;
        case 4:
            first->tp_next_offset = WEIR_RING_BLOCK_BYTES - FIRST; /* the second begins behind the block */
            break;
        case 5:
            first->tp_next_offset += 1;
            break;
        default:
            second->tp_next_offset = UINT32_MAX;
            break;
        }
        expect(&ring, 1);
        expect(&ring, 50);
        expect_nothing(&ring);
        assert_int_equal(weir_packet_ring_lost(&ring), 2);
        assert_int_equal(weir_packet_ring_lost(&ring), 0);
        free(ring.map);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_are_read_in_turn),
        cmocka_unit_test(a_full_ring_waits_for_its_release),
        cmocka_unit_test(tags_are_put_back),
        cmocka_unit_test(a_contradiction_costs_the_rest_of_its_block),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
