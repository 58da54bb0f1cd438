/* Real-time media over UDP, as Argus 3.0.8 recognises it: by the look of a flow's first packet, so also what only looks like it.
 *
 * RTP: version 2, both ports from 1024 on and none of AFS's (7000 to 7010). RTCP: the same, with sender or receiver reports.
 * Source of the formats: RFC 3550. */
#ifndef WEIR_FEATURES_MEDIA_H
#define WEIR_FEATURES_MEDIA_H

#include <stdbool.h>
#include <stdint.h>

enum weir_media_kind { WEIR_MEDIA_NONE, WEIR_MEDIA_RTP, WEIR_MEDIA_RTCP };

struct weir_media_side {
    uint16_t seq; /* 0: none yet */
    uint32_t ssrc;
    uint32_t lost;     /* since the record began */
    bool out_of_order; /* since the record began */
};

struct weir_media {
    uint8_t kind;
    struct weir_media_side side[2];
};

/* The first packet of a UDP flow, sent by `side`: `payload` points behind the UDP header, `captured` bytes of it are there. */
void weir_media_open(struct weir_media *media, unsigned side, unsigned sport, unsigned dport, const uint8_t *payload,
                     uint32_t captured);

/* A later packet, sent by `side`; `bytes` of payload. Returns how many of these are RTP's header. */
uint32_t weir_media_packet(struct weir_media *media, unsigned side, const uint8_t *payload, uint32_t captured, uint32_t bytes);

/* A new record begins. */
void weir_media_begin(struct weir_media *media);

#endif
