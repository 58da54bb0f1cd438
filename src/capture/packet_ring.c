#include "capture/packet_ring.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#ifndef TP_STATUS_GSO_TCP
#define TP_STATUS_GSO_TCP (1 << 8) /* Linux 5.17 */
#endif
#ifndef PACKET_IGNORE_OUTGOING
#define PACKET_IGNORE_OUTGOING 23 /* Linux 4.20 */
#endif

#define TAG_BYTES 4

static weir_err fail(const struct weir_packet_ring_config *config, const char *what, struct weir_error *error)
{
    int number = errno;
    if (number == EPERM || number == EACCES)
        return weir_fail(error, WEIR_ERR_PERMISSION,
                         "%s: %s: not permitted; capturing needs CAP_NET_RAW: run as root, or give the program the right: setcap "
                         "cap_net_raw,cap_net_admin,cap_bpf+ep PROGRAM",
                         config->interface, what);
    if (number == ENOMEM)
        return weir_fail(error, WEIR_ERR_MEMORY, "%s: %s: out of memory; give a smaller --ring-mb", config->interface, what);
    return weir_fail(error, WEIR_ERR_IO, "%s: %s: %s", config->interface, what, strerror(number));
}

/* Lets `bytes` of each packet in; 0: none. */
static int admit(int fd, uint32_t bytes)
{
    struct sock_filter code = BPF_STMT(BPF_RET | BPF_K, bytes);
    const struct sock_fprog program = {.len = 1, .filter = &code};
    return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program);
}

static int set(int fd, int option, int value)
{
    return setsockopt(fd, SOL_PACKET, option, &value, sizeof value);
}

static int attach(int fd, int index)
{
    const struct packet_mreq promiscuous = {.mr_ifindex = index, .mr_type = PACKET_MR_PROMISC};
    const struct sockaddr_ll address = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL), .sll_ifindex = index};
    return setsockopt(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &promiscuous, sizeof promiscuous) ||
                   bind(fd, (const struct sockaddr *)&address, sizeof address)
               ? -1
               : 0;
}

static weir_err build(const struct weir_packet_ring_config *config, struct weir_packet_ring *ring, struct weir_error *error)
{
    uint64_t blocks = (config->bytes + WEIR_RING_BLOCK_BYTES - 1) / WEIR_RING_BLOCK_BYTES;
    if (blocks < WEIR_RING_BLOCKS_MIN)
        blocks = WEIR_RING_BLOCKS_MIN;
    const struct tpacket_req3 request = {.tp_block_size = WEIR_RING_BLOCK_BYTES,
                                         .tp_block_nr = (unsigned)blocks,
                                         .tp_frame_size = TPACKET_ALIGNMENT << 7, /* unused by V3 but checked */
                                         .tp_frame_nr = (unsigned)blocks * (WEIR_RING_BLOCK_BYTES / (TPACKET_ALIGNMENT << 7)),
                                         .tp_retire_blk_tov = WEIR_RING_BLOCK_MS};

    /* Protocol 0: nothing comes in before bind. */
    if ((ring->fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0)) < 0)
        return fail(config, "opening a packet socket", error);
    if (admit(ring->fd, 0) || set(ring->fd, PACKET_VERSION, TPACKET_V3) || set(ring->fd, PACKET_RESERVE, TAG_BYTES) ||
        (config->loopback && set(ring->fd, PACKET_IGNORE_OUTGOING, 1)))
        return fail(config, "setting up a packet socket", error);
    if (setsockopt(ring->fd, SOL_PACKET, PACKET_RX_RING, &request, sizeof request))
        return fail(config, "making a packet ring", error);
    void *map = mmap(NULL, blocks * WEIR_RING_BLOCK_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, ring->fd, 0);
    if (map == MAP_FAILED)
        return fail(config, "mapping a packet ring", error);
    ring->map = map;
    ring->blocks = (uint32_t)blocks;
    if (attach(ring->fd, config->index))
        return fail(config, "binding a packet socket in promiscuous mode", error);
    return WEIR_OK;
}

weir_err weir_packet_ring_open(const struct weir_packet_ring_config *config, struct weir_packet_ring *ring,
                               struct weir_error *error)
{
    *ring = (struct weir_packet_ring){.fd = -1, .link = config->link, .snaplen = config->snaplen};
    weir_err result = build(config, ring, error);
    if (result)
        weir_packet_ring_close(ring);
    return result;
}

void weir_packet_ring_close(struct weir_packet_ring *ring)
{
    if (ring->map)
        munmap(ring->map, (size_t)ring->blocks * WEIR_RING_BLOCK_BYTES);
    if (ring->fd >= 0)
        close(ring->fd);
    *ring = (struct weir_packet_ring){.fd = -1};
}

bool weir_packet_ring_rebind(const struct weir_packet_ring *ring, int index)
{
    return attach(ring->fd, index) == 0;
}

weir_err weir_packet_ring_start(struct weir_packet_ring *ring, struct weir_error *error)
{
    weir_packet_ring_lost(ring);
    if (admit(ring->fd, ring->snaplen))
        return weir_fail(error, WEIR_ERR_IO, "starting a packet ring: %s", strerror(errno));
    return WEIR_OK;
}

void weir_packet_ring_stop(struct weir_packet_ring *ring)
{
    admit(ring->fd, 0);
}

static struct tpacket_hdr_v1 *block_header(const struct weir_packet_ring *ring, uint32_t block)
{
    return &((struct tpacket_block_desc *)(ring->map + (size_t)block * WEIR_RING_BLOCK_BYTES))->hdr.bh1;
}

static bool ours(const struct tpacket_hdr_v1 *header)
{
    return __atomic_load_n(&header->block_status, __ATOMIC_ACQUIRE) & TP_STATUS_USER;
}

static uint32_t after(const struct weir_packet_ring *ring, uint32_t block)
{
    return block + 1 == ring->blocks ? 0 : block + 1;
}

/* The block whose last packet was taken before. */
static void finish_block(struct weir_packet_ring *ring)
{
    if (ring->opened && !ring->left) {
        ring->opened = false;
        ring->at = after(ring, ring->at);
        ring->held++;
    }
}

/* The tag was behind the two addresses of the Ethernet header; the ring keeps TAG_BYTES before each packet. */
static void insert_tag(uint8_t *frame, uint32_t status, const struct tpacket_hdr_variant1 *tag, struct weir_packet *packet)
{
    enum { ADDRESS_BYTES = 12 };
    unsigned type = status & TP_STATUS_VLAN_TPID_VALID ? tag->tp_vlan_tpid : ETH_P_8021Q;
    uint8_t *start = frame - TAG_BYTES;
    memmove(start, frame, ADDRESS_BYTES);
    start[12] = (uint8_t)(type >> 8);
    start[13] = (uint8_t)type;
    start[14] = (uint8_t)(tag->tp_vlan_tci >> 8);
    start[15] = (uint8_t)tag->tp_vlan_tci;
    packet->data = start;
    packet->caplen += TAG_BYTES;
    packet->wirelen += TAG_BYTES;
}

/* Lies the packet in its block, with room for a tag behind its header? */
static bool fits(const struct weir_packet_ring *ring)
{
    const uint8_t *block = ring->map + (size_t)ring->at * WEIR_RING_BLOCK_BYTES;
    size_t at = (size_t)(ring->frame - block);
    if (at < sizeof(struct tpacket_block_desc) || at % 8 || at > WEIR_RING_BLOCK_BYTES - sizeof(struct tpacket3_hdr))
        return false;
    const struct tpacket3_hdr *frame = (const struct tpacket3_hdr *)ring->frame;
    size_t room = WEIR_RING_BLOCK_BYTES - at;
    return frame->tp_mac >= sizeof *frame + TAG_BYTES && frame->tp_mac <= room && frame->tp_snaplen <= room - frame->tp_mac &&
           frame->tp_snaplen <= frame->tp_len && frame->tp_len <= UINT32_MAX - TAG_BYTES && frame->tp_next_offset <= room;
}

/* Packets are as many as the block says, but no more than it can hold. */
static void open_block(struct weir_packet_ring *ring, const struct tpacket_hdr_v1 *header)
{
    enum { PACKETS_MAX = WEIR_RING_BLOCK_BYTES / sizeof(struct tpacket3_hdr) };
    uint32_t first = header->offset_to_first_pkt;
    ring->opened = true;
    ring->left = header->num_pkts < PACKETS_MAX ? header->num_pkts : PACKETS_MAX;
    ring->frame = ring->map + (size_t)ring->at * WEIR_RING_BLOCK_BYTES + (first < WEIR_RING_BLOCK_BYTES ? first : 0);
}

bool weir_packet_ring_next(struct weir_packet_ring *ring, struct weir_packet *packet, bool *aggregated)
{
    enum { ETHERNET = 1, ETHERNET_BYTES = 14 };

    for (finish_block(ring); !ring->opened || !fits(ring); finish_block(ring)) {
        if (ring->opened) {
            atomic_fetch_add_explicit(&ring->damaged, ring->left, memory_order_relaxed);
            ring->left = 0;
            continue;
        }
        const struct tpacket_hdr_v1 *header = block_header(ring, ring->at);
        if (ring->held == ring->blocks || !ours(header))
            return false;
        open_block(ring, header); /* it may have no packets */
    }
    struct tpacket3_hdr *frame = (struct tpacket3_hdr *)ring->frame;
    packet->data = ring->frame + frame->tp_mac;
    packet->ts_ns = (int64_t)frame->tp_sec * 1000000000 + frame->tp_nsec;
    packet->caplen = frame->tp_snaplen;
    packet->wirelen = frame->tp_len;
    packet->link = ring->link;
    if (frame->tp_status & TP_STATUS_VLAN_VALID && ring->link == ETHERNET && packet->caplen >= ETHERNET_BYTES)
        insert_tag(ring->frame + frame->tp_mac, frame->tp_status, &frame->hv1, packet);
    *aggregated |= (frame->tp_status & TP_STATUS_GSO_TCP) != 0;
    ring->frame += frame->tp_next_offset;
    ring->left--;
    return true;
}

void weir_packet_ring_release(struct weir_packet_ring *ring)
{
    for (; ring->held; ring->held--) {
        struct tpacket_hdr_v1 *header =
            block_header(ring, ring->at >= ring->held ? ring->at - ring->held : ring->at + ring->blocks - ring->held);
        header->num_pkts = 0; /* so the block is known as empty until the kernel begins it */
        __atomic_store_n(&header->block_status, TP_STATUS_KERNEL, __ATOMIC_RELEASE);
    }
}

enum weir_ring_state weir_packet_ring_state(const struct weir_packet_ring *ring, int64_t *since_ns)
{
    uint32_t next = ring->at;
    if (ring->opened) {
        if (ring->left)
            return WEIR_RING_READY;
        next = after(ring, next);
    }
    const struct tpacket_hdr_v1 *header = block_header(ring, next);
    if (ours(header))
        return WEIR_RING_READY;
    /* The kernel counts a packet before it takes its time. */
    if (!__atomic_load_n(&header->num_pkts, __ATOMIC_ACQUIRE))
        return WEIR_RING_EMPTY;
    *since_ns = (int64_t)header->ts_first_pkt.ts_sec * 1000000000 + header->ts_first_pkt.ts_nsec;
    return WEIR_RING_OPEN;
}

uint64_t weir_packet_ring_lost(struct weir_packet_ring *ring)
{
    struct tpacket_stats_v3 stats;
    socklen_t size = sizeof stats;
    uint64_t dropped = getsockopt(ring->fd, SOL_PACKET, PACKET_STATISTICS, &stats, &size) ? 0 : stats.tp_drops;
    return dropped + atomic_exchange_explicit(&ring->damaged, 0, memory_order_relaxed);
}
