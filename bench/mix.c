#include "bench/mix.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ALIVE_MAX = 65536, FRAME_MAX = 1514, STEP_US = 2 };

struct talk {
    uint32_t client, server;
    uint16_t cport, sport;
    uint8_t proto;
    uint8_t step;    /* TCP: 0 SYN, 1 SYN-ACK, 2 ACK, 3-5 data, 6 FIN, 7 FIN-ACK, 8 ACK; else even: question, odd: answer */
    uint16_t data;   /* exchanges left */
    uint32_t seq[2]; /* next sequence number: client, server */
    uint16_t id;
};

struct mix {
    FILE *file;
    uint64_t random, time_us;
    struct weir_mix_facts facts;
    struct talk talk[ALIVE_MAX];
    uint8_t frame[FRAME_MAX];
};

static uint32_t draw(struct mix *mix, uint32_t below)
{
    mix->random ^= mix->random << 13;
    mix->random ^= mix->random >> 7;
    mix->random ^= mix->random << 17;
    return (uint32_t)((mix->random >> 32) * below >> 32);
}

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

static void begin(struct mix *mix, struct talk *talk)
{
    static const uint16_t tcp_ports[] = {80, 443, 443, 443, 22, 25, 8080, 3306};
    uint32_t kind = draw(mix, 100);
    *talk = (struct talk){.client = 0xc6336400u + draw(mix, 16384),
                          .server = 0xcb007100u + draw(mix, 1024),
                          .cport = (uint16_t)(1024 + draw(mix, 60000)),
                          .proto = kind < 70   ? 6
                                   : kind < 95 ? 17
                                               : 1,
                          .id = (uint16_t)draw(mix, 65536)};
    talk->sport = talk->proto == 6 ? tcp_ports[draw(mix, 8)] : 53;
    talk->data = (uint16_t)(talk->proto == 6 ? 1 + draw(mix, 24) : 1 + draw(mix, 3));
    talk->seq[0] = draw(mix, 1u << 31);
    talk->seq[1] = draw(mix, 1u << 31);
    mix->facts.conversations++;
}

/* Writes one frame from `from` (0 client, 1 server). Checksums are left 0: meters do not verify them. */
static bool emit(struct mix *mix, struct talk *talk, unsigned from, uint8_t tcp_flags, unsigned payload)
{
    unsigned l4 = talk->proto == 6 ? 20 : 8, length = 14 + 20 + l4 + payload;
    uint8_t *f = mix->frame, *ip = f + 14, *p = ip + 20;
    memset(f, 0, 14 + 20 + 20);
    memcpy(f, from ? "\2\0\0\0\0\1\2\0\0\0\0\2" : "\2\0\0\0\0\2\2\0\0\0\0\1", 12);
    put16(f + 12, 0x0800);
    ip[0] = 0x45;
    put16(ip + 2, length - 14);
    put16(ip + 4, talk->id++);
    ip[8] = from ? 58 : 64;
    ip[9] = talk->proto;
    put32(ip + 12, from ? talk->server : talk->client);
    put32(ip + 16, from ? talk->client : talk->server);
    if (talk->proto == 1) {
        p[0] = from ? 0 : 8;
        put16(p + 4, talk->cport);
        put16(p + 6, talk->data);
    } else {
        put16(p, from ? talk->sport : talk->cport);
        put16(p + 2, from ? talk->cport : talk->sport);
    }
    if (talk->proto == 17)
        put16(p + 4, 8 + payload);
    if (talk->proto == 6) {
        put32(p + 4, talk->seq[from]);
        if (tcp_flags & 0x10)
            put32(p + 8, talk->seq[!from]);
        p[12] = 5 << 4;
        p[13] = tcp_flags;
        put16(p + 14, 29200);
        talk->seq[from] += payload + ((tcp_flags & 3) ? 1 : 0);
    }
    if (length < 60) { /* Ethernet's padding */
        memset(f + length, 0, 60 - length);
        length = 60;
    }
    uint32_t head[4] = {(uint32_t)(mix->time_us / 1000000), (uint32_t)(mix->time_us % 1000000), length, length};
    mix->time_us += STEP_US;
    mix->facts.packets++;
    mix->facts.bytes += length;
    return fwrite(head, sizeof head, 1, mix->file) == 1 && fwrite(f, length, 1, mix->file) == 1;
}

static bool advance(struct mix *mix, struct talk *talk)
{
    bool good;
    if (talk->proto != 6) {
        good = emit(mix, talk, talk->step & 1, 0, talk->step & 1 ? 60 + draw(mix, 200) : 30 + draw(mix, 40));
        if (talk->step++ & 1 && --talk->data == 0)
            begin(mix, talk);
        return good;
    }
    switch (talk->step++) {
    case 0:
        return emit(mix, talk, 0, 0x02, 0);
    case 1:
        return emit(mix, talk, 1, 0x12, 0);
    case 3:
        return emit(mix, talk, 0, 0x18, 40 + draw(mix, 200));
    case 4: /* now and then a full segment */
        return emit(mix, talk, 1, 0x18, draw(mix, 8) ? 100 + draw(mix, 850) : 1460);
    case 5:
        talk->step = --talk->data ? 3 : 6;
        return emit(mix, talk, 0, 0x10, 0);
    case 6:
        return emit(mix, talk, 0, 0x11, 0);
    case 7:
        return emit(mix, talk, 1, 0x11, 0);
    default: /* 2: the handshake's last, 8: the farewell's */
        good = emit(mix, talk, 0, 0x10, 0);
        if (talk->step == 9)
            begin(mix, talk);
        return good;
    }
}

weir_err weir_mix_write(const char *path, uint64_t packets, uint32_t alive, uint64_t seed, struct weir_mix_facts *facts,
                        struct weir_error *error)
{
    static const uint32_t header[6] = {0xa1b2c3d4u, 2 | 4 << 16, 0,
                                       0,           65535,       1}; /* in this machine's byte order, as pcap allows */
    weir_err code = WEIR_OK;
    if (alive < 1 || alive > ALIVE_MAX)
        return weir_fail(error, WEIR_ERR_ARGUMENT, "packet mix: %u conversations: 1 to %d are possible", alive, ALIVE_MAX);
    struct mix *mix = calloc(1, sizeof *mix);
    if (!mix)
        return weir_fail(error, WEIR_ERR_MEMORY, "packet mix: out of memory");
    mix->random = seed * 2654435761u + 88172645463325252u;
    mix->time_us = (uint64_t)1700000000 * 1000000;
    mix->file = fopen(path, "wb");
    bool good = mix->file && fwrite(header, sizeof header, 1, mix->file) == 1;
    for (unsigned i = 0; i < alive; i++)
        begin(mix, &mix->talk[i]);
    while (good && mix->facts.packets < packets)
        good = advance(mix, &mix->talk[draw(mix, alive)]);
    if (mix->file && fclose(mix->file))
        good = false;
    if (!good)
        code = weir_fail(error, WEIR_ERR_IO, "%s: cannot write the packet mix: %s", path, strerror(errno));
    *facts = mix->facts;
    free(mix);
    return code;
}
