/* Packets made by hand, for tests and fuzz corpora: append headers from the outside in, then finish.
 *
 *     struct pkt b;
 *     pkt_begin(&b);
 *     pkt_ethernet(&b, 0x0800);
 *     pkt_ipv4(&b, "192.0.2.1", "192.0.2.2", 6)[8] = 12;   // every function returns its header: byte 8 is the TTL
 *     pkt_tcp(&b, 1234, 80, PKT_SYN, 1000, 0);
 *     pkt_fill(&b, 100);                                   // payload
 *     struct weir_packet packet = pkt_finish(&b, 1, ts_ns);   // sets lengths and IPv4 header checksums; link type 1
 *
 * Values in host order, addresses as text (from the documentation ranges, please). The bytes live in the struct.
 */
#ifndef WEIR_TESTS_PACKET_BUILDER_H
#define WEIR_TESTS_PACKET_BUILDER_H

#include <arpa/inet.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "capture/packet.h"

enum { PKT_FIN = 1, PKT_SYN = 2, PKT_RST = 4, PKT_PSH = 8, PKT_ACK = 16, PKT_URG = 32, PKT_ECE = 64, PKT_CWR = 128 };
enum pkt_kind { PKT_IPV4, PKT_IPV6, PKT_UDP, PKT_LLC_LENGTH, PKT_PPPOE, PKT_GTP };

struct pkt {
    uint8_t data[4096];
    uint32_t bytes;
    unsigned lengths; /* headers whose length field pkt_finish sets */
    struct {
        enum pkt_kind kind;
        uint32_t at;
    } length[32];
};

static inline void pkt_begin(struct pkt *b)
{
    memset(b, 0, sizeof *b);
}

/* Room for `bytes` zeros at the end. */
static inline uint8_t *pkt_append(struct pkt *b, uint32_t bytes)
{
    if (bytes > sizeof b->data - b->bytes)
        abort();
    uint8_t *p = b->data + b->bytes;
    b->bytes += bytes;
    return p;
}

static inline uint8_t *pkt_append_bytes(struct pkt *b, const void *bytes, uint32_t count)
{
    return memcpy(pkt_append(b, count), bytes, count);
}

/* Payload that is not all zeros. */
static inline uint8_t *pkt_fill(struct pkt *b, uint32_t bytes)
{
    uint8_t *p = pkt_append(b, bytes);
    for (uint32_t i = 0; i < bytes; i++)
        p[i] = (uint8_t)(i * 7 + 1);
    return p;
}

static inline void pkt_put16(uint8_t *p, unsigned value)
{
    p[0] = (uint8_t)(value >> 8);
    p[1] = (uint8_t)value;
}

static inline void pkt_put32(uint8_t *p, uint32_t value)
{
    pkt_put16(p, value >> 16);
    pkt_put16(p + 2, value & 0xffff);
}

static inline void pkt_set_length(struct pkt *b, enum pkt_kind kind, uint32_t at)
{
    if (b->lengths == sizeof b->length / sizeof *b->length)
        abort();
    b->length[b->lengths].kind = kind;
    b->length[b->lengths++].at = at;
}

/* ---- link layers ---- */

/* ethertype 0: an 802.3 length, to be followed by pkt_llc */
static inline uint8_t *pkt_ethernet(struct pkt *b, unsigned ethertype)
{
    uint32_t at = b->bytes;
    uint8_t *p = pkt_append(b, 14);
    memcpy(p, "\x02\0\0\0\0\x02\x02\0\0\0\0\x01", 12);
    pkt_put16(p + 12, ethertype);
    if (ethertype == 0)
        pkt_set_length(b, PKT_LLC_LENGTH, at + 12);
    return p;
}

/* A tag behind an EtherType 0x8100 or 0x88a8 (which the header before must name). */
static inline uint8_t *pkt_vlan(struct pkt *b, unsigned tci, unsigned ethertype)
{
    uint8_t *p = pkt_append(b, 4);
    pkt_put16(p, tci);
    pkt_put16(p + 2, ethertype);
    return p;
}

static inline uint8_t *pkt_snap(struct pkt *b, unsigned ethertype)
{
    uint8_t *p = pkt_append_bytes(b, "\xaa\xaa\x03\0\0\0\0\0", 8);
    pkt_put16(p + 6, ethertype);
    return p;
}

static inline uint8_t *pkt_mpls(struct pkt *b, uint32_t label, int bottom)
{
    uint8_t *p = pkt_append(b, 4);
    pkt_put32(p, label << 12 | (bottom ? 0x100u : 0) | 64);
    return p;
}

/* Session, with the PPP protocol (0x0021 IPv4, 0x0057 IPv6). */
static inline uint8_t *pkt_pppoe(struct pkt *b, unsigned protocol)
{
    pkt_set_length(b, PKT_PPPOE, b->bytes);
    uint8_t *p = pkt_append_bytes(b, "\x11\0\0\x07\0\0\0\0", 8);
    pkt_put16(p + 6, protocol);
    return p;
}

static inline uint8_t *pkt_sll(struct pkt *b, unsigned protocol)
{
    uint8_t *p = pkt_append(b, 16);
    pkt_put16(p + 2, 1);
    pkt_put16(p + 4, 6);
    pkt_put16(p + 14, protocol);
    return p;
}

static inline uint8_t *pkt_sll2(struct pkt *b, unsigned protocol)
{
    uint8_t *p = pkt_append(b, 20);
    pkt_put16(p, protocol);
    pkt_put16(p + 8, 1);
    return p;
}

/* ---- IP ---- */

/* `options` (padded to 4 bytes by the caller) may be NULL. The header is 20 + option_bytes long. */
static inline uint8_t *pkt_ipv4_options(struct pkt *b, const char *src, const char *dst, unsigned proto, const void *options,
                                        uint32_t option_bytes)
{
    pkt_set_length(b, PKT_IPV4, b->bytes);
    uint8_t *p = pkt_append(b, 20 + option_bytes);
    p[0] = (uint8_t)(0x40 | (5 + option_bytes / 4));
    p[8] = 64;
    p[9] = (uint8_t)proto;
    if (inet_pton(AF_INET, src, p + 12) != 1 || inet_pton(AF_INET, dst, p + 16) != 1)
        abort();
    if (option_bytes > 0)
        memcpy(p + 20, options, option_bytes);
    return p;
}

static inline uint8_t *pkt_ipv4(struct pkt *b, const char *src, const char *dst, unsigned proto)
{
    return pkt_ipv4_options(b, src, dst, proto, NULL, 0);
}

/* offset in bytes, a multiple of 8 */
static inline uint8_t *pkt_ipv4_fragment(struct pkt *b, const char *src, const char *dst, unsigned proto, unsigned id,
                                         unsigned offset, int more)
{
    uint8_t *p = pkt_ipv4(b, src, dst, proto);
    pkt_put16(p + 4, id);
    pkt_put16(p + 6, offset / 8 | (more ? 0x2000 : 0));
    return p;
}

static inline uint8_t *pkt_ipv6(struct pkt *b, const char *src, const char *dst, unsigned next)
{
    pkt_set_length(b, PKT_IPV6, b->bytes);
    uint8_t *p = pkt_append(b, 40);
    p[0] = 0x60;
    p[6] = (uint8_t)next;
    p[7] = 64;
    if (inet_pton(AF_INET6, src, p + 8) != 1 || inet_pton(AF_INET6, dst, p + 24) != 1)
        abort();
    return p;
}

/* Hop-by-hop, destination options or routing header of (8 + 8 * extra) bytes, filled with a padding option. */
static inline uint8_t *pkt_ipv6_extension(struct pkt *b, unsigned next, unsigned extra)
{
    uint8_t *p = pkt_append(b, 8 + 8 * extra);
    p[0] = (uint8_t)next;
    p[1] = (uint8_t)extra;
    p[2] = 1;
    p[3] = (uint8_t)(4 + 8 * extra);
    return p;
}

static inline uint8_t *pkt_ipv6_fragment(struct pkt *b, unsigned next, uint32_t id, unsigned offset, int more)
{
    uint8_t *p = pkt_append(b, 8);
    p[0] = (uint8_t)next;
    pkt_put16(p + 2, offset | (more ? 1u : 0));
    pkt_put32(p + 4, id);
    return p;
}

/* Authentication header of 24 bytes. */
static inline uint8_t *pkt_ah(struct pkt *b, unsigned next)
{
    uint8_t *p = pkt_append(b, 24);
    p[0] = (uint8_t)next;
    p[1] = 4;
    pkt_put32(p + 4, 0x1001);
    return p;
}

/* ---- L4 ---- */

static inline uint8_t *pkt_tcp_options(struct pkt *b, unsigned sport, unsigned dport, unsigned flags, uint32_t seq, uint32_t ack,
                                       const void *options, uint32_t option_bytes)
{
    uint8_t *p = pkt_append(b, 20 + option_bytes);
    pkt_put16(p, sport);
    pkt_put16(p + 2, dport);
    pkt_put32(p + 4, seq);
    pkt_put32(p + 8, ack);
    p[12] = (uint8_t)((5 + option_bytes / 4) << 4);
    p[13] = (uint8_t)flags;
    pkt_put16(p + 14, 8192);
    if (option_bytes > 0)
        memcpy(p + 20, options, option_bytes);
    return p;
}

static inline uint8_t *pkt_tcp(struct pkt *b, unsigned sport, unsigned dport, unsigned flags, uint32_t seq, uint32_t ack)
{
    return pkt_tcp_options(b, sport, dport, flags, seq, ack, NULL, 0);
}

static inline uint8_t *pkt_udp(struct pkt *b, unsigned sport, unsigned dport)
{
    pkt_set_length(b, PKT_UDP, b->bytes);
    uint8_t *p = pkt_append(b, 8);
    pkt_put16(p, sport);
    pkt_put16(p + 2, dport);
    return p;
}

static inline uint8_t *pkt_sctp(struct pkt *b, unsigned sport, unsigned dport)
{
    uint8_t *p = pkt_append(b, 12);
    pkt_put16(p, sport);
    pkt_put16(p + 2, dport);
    return p;
}

/* ICMP and ICMPv6. An error's quoted packet follows: pkt_ipv4, pkt_udp, ... */
static inline uint8_t *pkt_icmp(struct pkt *b, unsigned type, unsigned code, unsigned id, unsigned seq)
{
    uint8_t *p = pkt_append(b, 8);
    p[0] = (uint8_t)type;
    p[1] = (uint8_t)code;
    pkt_put16(p + 4, id);
    pkt_put16(p + 6, seq);
    return p;
}

/* ---- tunnels ---- */

/* flags: 0x8000 checksum, 0x2000 key, 0x1000 sequence: 4 bytes each follow */
static inline uint8_t *pkt_gre(struct pkt *b, unsigned flags, unsigned protocol)
{
    uint32_t options = (flags >> 15 & 1) + (flags >> 13 & 1) + (flags >> 12 & 1);
    uint8_t *p = pkt_append(b, 4 + 4 * options);
    pkt_put16(p, flags);
    pkt_put16(p + 2, protocol);
    return p;
}

static inline uint8_t *pkt_vxlan(struct pkt *b, uint32_t network)
{
    uint8_t *p = pkt_append(b, 8);
    p[0] = 8;
    pkt_put32(p + 4, network << 8);
    return p;
}

static inline uint8_t *pkt_geneve(struct pkt *b, unsigned protocol, unsigned option_words)
{
    uint8_t *p = pkt_append(b, 8 + 4 * option_words);
    p[0] = (uint8_t)option_words;
    pkt_put16(p + 2, protocol);
    return p;
}

/* GTP-U version 1, a user packet; flags e.g. 0x30, with a sequence number 0x32 (4 more bytes) */
static inline uint8_t *pkt_gtp(struct pkt *b, unsigned flags)
{
    pkt_set_length(b, PKT_GTP, b->bytes);
    uint8_t *p = pkt_append(b, flags & 7 ? 12 : 8);
    p[0] = (uint8_t)flags;
    p[1] = 0xff;
    pkt_put32(p + 4, 0x1234);
    return p;
}

/* Sets the length fields by what follows each header, and IPv4 header checksums. Fields that a test set itself (not 0) stay. */
static inline struct weir_packet pkt_finish(struct pkt *b, uint16_t link, int64_t ts_ns)
{
    for (unsigned i = 0; i < b->lengths; i++) {
        uint8_t *p = b->data + b->length[i].at;
        uint32_t rest = b->bytes - b->length[i].at, skip = 0, field = 0;
        switch (b->length[i].kind) {
        case PKT_IPV4:
            field = 2;
            break;
        case PKT_IPV6:
            field = 4;
            skip = 40;
            break;
        case PKT_UDP:
            field = 4;
            break;
        case PKT_LLC_LENGTH:
            skip = 2;
            break;
        case PKT_PPPOE:
            field = 4;
            skip = 6;
            break;
        case PKT_GTP:
            field = 2;
            skip = 8;
            break;
        }
        if (p[field] == 0 && p[field + 1] == 0)
            pkt_put16(p + field, rest - skip);
        if (b->length[i].kind == PKT_IPV4) {
            uint32_t sum = 0;
            pkt_put16(p + 10, 0);
            for (unsigned at = 0; at < (p[0] & 15u) * 4; at += 2)
                sum += (uint32_t)(p[at] << 8 | p[at + 1]);
            sum = (sum & 0xffff) + (sum >> 16);
            sum = (sum & 0xffff) + (sum >> 16);
            pkt_put16(p + 10, ~sum & 0xffff);
        }
    }
    return (struct weir_packet){
        .data = b->data, .ts_ns = ts_ns, .caplen = b->bytes, .wirelen = b->bytes, .link = link, .port = 0};
}

/* ---- capture files (native byte order, nanoseconds), for tests that run other programs ---- */

static inline void pkt_pcap_begin(FILE *file, uint16_t link)
{
    const uint32_t head[6] = {0xa1b23c4d, 2 | 4 << 16, 0, 0, 262144, link};
    if (fwrite(head, sizeof head, 1, file) != 1)
        abort();
}

static inline void pkt_pcap_write(FILE *file, const struct weir_packet *packet)
{
    const uint32_t head[4] = {(uint32_t)(packet->ts_ns / 1000000000), (uint32_t)(packet->ts_ns % 1000000000), packet->caplen,
                              packet->wirelen};
    if (fwrite(head, sizeof head, 1, file) != 1 || fwrite(packet->data, 1, packet->caplen, file) != packet->caplen)
        abort();
}

#endif
