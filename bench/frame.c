#include "bench/frame.h"

#include <string.h>

static void put16(uint8_t *p, unsigned value)
{
    p[0] = (uint8_t)(value >> 8);
    p[1] = (uint8_t)value;
}

static void put32(uint8_t *p, uint32_t value)
{
    put16(p, value >> 16);
    put16(p + 2, value & 0xffff);
}

bool weir_frames_begin(struct weir_frames *frames, FILE *file)
{
    static const uint32_t header[6] = {0xa1b2c3d4u, 2 | 4 << 16, 0,
                                       0,           65535,       1}; /* in this machine's byte order, as pcap allows */
    *frames = (struct weir_frames){.file = file, .time_us = (uint64_t)WEIR_FRAMES_T0_S * 1000000};
    return fwrite(header, sizeof header, 1, file) == 1;
}

bool weir_frames_write(struct weir_frames *frames, const struct weir_frame *frame)
{
    unsigned l4 = frame->proto == WEIR_FRAME_TCP ? 20 : 8, length = 14 + 20 + l4 + frame->payload;
    uint8_t *f = frames->frame, *ip = f + 14, *p = ip + 20;
    memset(f, 0, 14 + 20 + 20);
    memcpy(f, frame->back ? "\2\0\0\0\0\1\2\0\0\0\0\2" : "\2\0\0\0\0\2\2\0\0\0\0\1", 12);
    put16(f + 12, 0x0800);
    ip[0] = 0x45;
    put16(ip + 2, length - 14);
    put16(ip + 4, frame->id);
    ip[8] = frame->ttl;
    ip[9] = frame->proto;
    put32(ip + 12, frame->src);
    put32(ip + 16, frame->dst);
    if (frame->proto == WEIR_FRAME_ICMP) {
        p[0] = frame->back ? 0 : 8;
        put16(p + 4, frame->sport);
        put16(p + 6, (uint16_t)frame->seq);
    } else {
        put16(p, frame->sport);
        put16(p + 2, frame->dport);
    }
    if (frame->proto == WEIR_FRAME_UDP)
        put16(p + 4, 8 + frame->payload);
    if (frame->proto == WEIR_FRAME_TCP) {
        put32(p + 4, frame->seq);
        if (frame->tcp_flags & 0x10)
            put32(p + 8, frame->ack);
        p[12] = 5 << 4;
        p[13] = frame->tcp_flags;
        put16(p + 14, 29200);
    }
    if (length < 60) { /* Ethernet's padding */
        memset(f + length, 0, 60 - length);
        length = 60;
    }
    uint32_t head[4] = {(uint32_t)(frames->time_us / 1000000), (uint32_t)(frames->time_us % 1000000), length, length};
    frames->packets++;
    frames->bytes += length;
    return fwrite(head, sizeof head, 1, frames->file) == 1 && fwrite(f, length, 1, frames->file) == 1;
}
