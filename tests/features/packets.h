/* Small IPv4 packets for tests, and a random traffic of few hosts and ports, so that flows meet, end and begin again. */
#ifndef TEST_PACKETS_H
#define TEST_PACKETS_H

#include <stdint.h>
#include <string.h>

#include "capture/packet.h"

#define TEST_FRAME 128

static inline void put16(uint8_t *p, unsigned value)
{
    p[0] = (uint8_t)(value >> 8);
    p[1] = (uint8_t)value;
}

static inline void put32(uint8_t *p, uint32_t value)
{
    put16(p, value >> 16);
    put16(p + 2, value & 0xffff);
}

/* An Ethernet frame with IPv4; `fragment` is the whole fragment field. Returns the place behind the IP header. */
static inline uint8_t *test_ipv4(uint8_t frame[TEST_FRAME], unsigned proto, unsigned src, unsigned dst, unsigned id,
                                 unsigned fragment, unsigned payload)
{
    memset(frame, 0, TEST_FRAME);
    frame[5] = (uint8_t)dst;
    frame[11] = (uint8_t)src;
    put16(frame + 12, 0x0800);
    uint8_t *ip = frame + 14;
    ip[0] = 0x45;
    put16(ip + 2, 20 + payload);
    put16(ip + 4, id);
    put16(ip + 6, fragment);
    ip[8] = 64;
    ip[9] = (uint8_t)proto;
    put32(ip + 12, 0x0a000000 | src);
    put32(ip + 16, 0x0a000000 | dst);
    return ip + 20;
}

static inline struct weir_packet test_packet(const uint8_t *frame, int64_t ts_ns, unsigned payload)
{
    return (struct weir_packet){.data = frame, .ts_ns = ts_ns, .caplen = 34 + payload, .wirelen = 34 + payload, .link = 1};
}

static inline struct weir_packet test_udp(uint8_t frame[TEST_FRAME], int64_t ts_ns, unsigned src, unsigned sport, unsigned dst,
                                          unsigned dport, unsigned bytes)
{
    uint8_t *udp = test_ipv4(frame, 17, src, dst, 7, 0, 8 + bytes);
    put16(udp, sport);
    put16(udp + 2, dport);
    put16(udp + 4, 8 + bytes);
    return test_packet(frame, ts_ns, 8 + bytes);
}

static inline struct weir_packet test_tcp(uint8_t frame[TEST_FRAME], int64_t ts_ns, unsigned src, unsigned sport, unsigned dst,
                                          unsigned dport, unsigned flags, uint32_t seq, uint32_t ack, unsigned bytes)
{
    uint8_t *tcp = test_ipv4(frame, 6, src, dst, 7, 0, 20 + bytes);
    put16(tcp, sport);
    put16(tcp + 2, dport);
    put32(tcp + 4, seq);
    put32(tcp + 8, ack);
    tcp[12] = 0x50;
    tcp[13] = (uint8_t)flags;
    put16(tcp + 14, 1000);
    return test_packet(frame, ts_ns, 20 + bytes);
}

static inline uint64_t test_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

/* One packet of the random traffic at *ts_ns, which it moves on. */
static inline struct weir_packet test_traffic(uint8_t frame[TEST_FRAME], uint64_t *state, int64_t *ts_ns)
{
    static const unsigned flags[] = {2, 0x12, 0x10, 0x18, 0x10, 0x11, 0x04, 0x14};
    static const unsigned fragments[] = {0x2000, 0x2001, 0x0002, 0x0001};
    uint64_t r = test_random(state);
    unsigned kind = (unsigned)(r >> 32) % 16, src = 1 + (unsigned)(r & 3), dst = 1 + (unsigned)(r >> 2 & 3);
    unsigned sport = 1000 + (unsigned)(r >> 4 & 1), dport = 80 + (unsigned)(r >> 5 & 1), bytes = (unsigned)(r >> 6 & 31);
    *ts_ns += (r >> 60) == 0 ? (int64_t)(test_random(state) % 90) * 1000000000 : (int64_t)(r >> 40 & 0xfffff) * 1000;
    int64_t ts_ns_late = (r >> 56 & 15) == 0 ? *ts_ns - (int64_t)(test_random(state) % 7000) * 1000000 : *ts_ns;
    struct weir_packet packet;
    if (kind < 7) {
        packet = test_tcp(frame, ts_ns_late, src, sport, dst, dport, flags[r >> 12 & 7], (uint32_t)(r >> 16 & 255),
                          (uint32_t)(r >> 24 & 255), bytes);
    } else if (kind < 11) {
        packet = test_udp(frame, ts_ns_late, src, sport, dst, dport, bytes);
    } else if (kind < 13) {
        uint8_t *icmp = test_ipv4(frame, 1, src, dst, 7, 0, 16);
        icmp[0] = r & 64 ? 8 : 0;
        icmp[5] = (uint8_t)(r >> 12 & 1);
        packet = test_packet(frame, ts_ns_late, 16);
    } else if (kind < 15) {
        uint8_t *udp = test_ipv4(frame, 17, src, dst, (unsigned)(r >> 12 & 3), fragments[r >> 14 & 3], 16);
        put16(udp, sport);
        put16(udp + 2, dport);
        packet = test_packet(frame, ts_ns_late, 16);
    } else { /* an error about a UDP packet of the other direction */
        uint8_t inner[TEST_FRAME];
        test_udp(inner, 0, dst, dport, src, sport, 0);
        uint8_t *icmp = test_ipv4(frame, 1, 4, dst, 7, 0, 8 + 28);
        icmp[0] = 3;
        icmp[1] = (uint8_t)(r >> 12 & 3);
        memcpy(icmp + 8, inner + 14, 28);
        packet = test_packet(frame, ts_ns_late, 36);
    }
    packet.release_ns = *ts_ns;
    return packet;
}

#endif
