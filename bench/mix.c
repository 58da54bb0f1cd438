#include "bench/mix.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bench/frame.h"

enum { ALIVE_MAX = 65536, STEP_US = 2 };

struct talk {
    uint32_t client, server;
    uint16_t cport, sport;
    uint8_t proto;
    uint8_t step;    /* TCP: 0 SYN, 1 SYN-ACK, 2 ACK, 3-5 data, 6 FIN, 7 FIN-ACK, 8 ACK; else even: question, odd: answer */
    uint16_t data;   /* exchanges left */
    uint32_t seq[2]; /* next sequence number: client, server */
    uint16_t id;
};

struct weir_mix {
    uint64_t random, step_us, conversations;
    uint32_t alive;
    struct weir_frames frames;
    struct talk talk[ALIVE_MAX];
};

static uint32_t draw(struct weir_mix *mix, uint32_t below)
{
    mix->random ^= mix->random << 13;
    mix->random ^= mix->random >> 7;
    mix->random ^= mix->random << 17;
    return (uint32_t)((mix->random >> 32) * below >> 32);
}

static void begin(struct weir_mix *mix, struct talk *talk)
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
    mix->conversations++;
}

/* Writes one frame from `from` (0 client, 1 server). */
static bool emit(struct weir_mix *mix, struct talk *talk, unsigned from, uint8_t tcp_flags, unsigned payload)
{
    const struct weir_frame frame = {.src = from ? talk->server : talk->client,
                                     .dst = from ? talk->client : talk->server,
                                     .sport = from && talk->proto != WEIR_FRAME_ICMP ? talk->sport : talk->cport,
                                     .dport = from ? talk->cport : talk->sport,
                                     .id = talk->id++,
                                     .proto = talk->proto,
                                     .ttl = from ? 58 : 64,
                                     .tcp_flags = tcp_flags,
                                     .back = from,
                                     .seq = talk->proto == WEIR_FRAME_ICMP ? talk->data : talk->seq[from],
                                     .ack = talk->seq[!from],
                                     .payload = payload};
    bool good = weir_frames_write(&mix->frames, &frame);
    talk->seq[from] += payload + ((tcp_flags & 3) ? 1 : 0);
    mix->frames.time_us += mix->step_us;
    return good;
}

static bool advance(struct weir_mix *mix, struct talk *talk)
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

weir_err weir_mix_create(FILE *file, uint32_t alive, uint64_t step_us, uint64_t seed, struct weir_mix **out,
                         struct weir_error *error)
{
    *out = NULL;
    if (alive < 1 || alive > ALIVE_MAX)
        return weir_fail(error, WEIR_ERR_ARGUMENT, "packet mix: %u conversations: 1 to %d are possible", alive, ALIVE_MAX);
    struct weir_mix *mix = calloc(1, sizeof *mix);
    if (!mix)
        return weir_fail(error, WEIR_ERR_MEMORY, "packet mix: out of memory");
    mix->random = seed * 2654435761u + 88172645463325252u;
    mix->alive = alive;
    mix->step_us = step_us;
    if (!weir_frames_begin(&mix->frames, file)) {
        weir_mix_destroy(&mix);
        return weir_fail(error, WEIR_ERR_IO, "packet mix: cannot write: %s", strerror(errno));
    }
    for (unsigned i = 0; i < alive; i++)
        begin(mix, &mix->talk[i]);
    *out = mix;
    return WEIR_OK;
}

bool weir_mix_next(struct weir_mix *mix)
{
    return advance(mix, &mix->talk[draw(mix, mix->alive)]);
}

struct weir_mix_facts weir_mix_facts(const struct weir_mix *mix)
{
    return (struct weir_mix_facts){mix->frames.packets, mix->frames.bytes, mix->conversations, mix->frames.time_us};
}

void weir_mix_destroy(struct weir_mix **mix)
{
    if (!mix)
        return;
    free(*mix);
    *mix = NULL;
}

weir_err weir_mix_write(const char *path, uint64_t packets, uint32_t alive, uint64_t seed, struct weir_mix_facts *facts,
                        struct weir_error *error)
{
    struct weir_mix *mix = NULL;
    FILE *file = fopen(path, "wb");
    if (!file)
        return weir_fail(error, WEIR_ERR_IO, "%s: cannot write the packet mix: %s", path, strerror(errno));
    weir_err code = weir_mix_create(file, alive, STEP_US, seed, &mix, error);
    bool good = code == WEIR_OK;
    while (good && mix->frames.packets < packets)
        good = weir_mix_next(mix);
    if ((fclose(file) || !good) && code == WEIR_OK)
        code = weir_fail(error, WEIR_ERR_IO, "%s: cannot write the packet mix: %s", path, strerror(errno));
    if (mix)
        *facts = weir_mix_facts(mix);
    weir_mix_destroy(&mix);
    return code;
}
