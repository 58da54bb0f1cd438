/* A packet ring as the kernel hands it over: four blocks. The input's first byte says which are handed over; then follow pieces,
 * a size (2 bytes, little-endian) and that many bytes for the beginning of each block. Every packet must lie in its block. */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "capture/packet_ring.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { BLOCKS = 4, RING_BYTES = BLOCKS * WEIR_RING_BLOCK_BYTES, STATUS = 8, NUM_PKTS = 12, PAGE = 4096 };

/* Between two pages that nobody may touch. */
static uint8_t *make_ring(void)
{
    uint8_t *all = mmap(NULL, RING_BYTES + 2 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (all == MAP_FAILED || mprotect(all + PAGE, RING_BYTES, PROT_READ | PROT_WRITE))
        abort();
    return all + PAGE;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t *map;
    if (!map)
        map = make_ring();
    if (size < 1 || size > 65536)
        return 0;
    size_t used[BLOCKS] = {0}, at = 1;
    for (unsigned i = 0; i < BLOCKS && at + 2 <= size; i++) {
        used[i] = data[at] | (size_t)data[at + 1] << 8;
        at += 2;
        used[i] = used[i] < size - at ? used[i] : size - at;
        memcpy(map + (size_t)i * WEIR_RING_BLOCK_BYTES, data + at, used[i]);
        at += used[i];
    }
    uint64_t promised = 0;
    for (unsigned i = 0; i < BLOCKS; i++) {
        uint32_t packets;
        uint8_t *block = map + (size_t)i * WEIR_RING_BLOCK_BYTES;
        block[STATUS] = data[0] >> i & 1; /* TP_STATUS_USER */
        memcpy(&packets, block + NUM_PKTS, sizeof packets);
        promised += block[STATUS] ? packets : 0;
    }
    struct weir_packet_ring ring = {.fd = -1, .link = 1, .snaplen = 65535, .map = map, .blocks = BLOCKS};
    uint64_t taken = 0;
    bool aggregated = false;
    int64_t since_ns;
    for (unsigned round = 0; round < 2 * BLOCKS; round++) {
        struct weir_packet packet;
        while (weir_packet_ring_next(&ring, &packet, &aggregated)) {
            size_t offset = (size_t)(packet.data - map);
            if (packet.data < map || offset >= RING_BYTES || packet.caplen > packet.wirelen ||
                offset % WEIR_RING_BLOCK_BYTES + packet.caplen > WEIR_RING_BLOCK_BYTES)
                abort();
            taken++;
        }
        weir_packet_ring_state(&ring, &since_ns);
        weir_packet_ring_release(&ring);
    }
    if (taken + weir_packet_ring_lost(&ring) > promised)
        abort();
    for (unsigned i = 0; i < BLOCKS; i++) /* tags move bytes before a packet, too: no more than the pieces and what is behind */
        memset(map + (size_t)i * WEIR_RING_BLOCK_BYTES, 0, WEIR_RING_BLOCK_BYTES);
    return 0;
}
