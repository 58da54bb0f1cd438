#include "features/media.h"

#include "base/bytes.h"

enum { RTP_HEADER = 12, RTCP_HEADER = 8, SENDER_REPORT = 200, RECEIVER_REPORT = 201 };

static unsigned version(const uint8_t *payload)
{
    return payload[0] >> 6;
}

/* Whether a chain of RTCP messages has a report in it. */
static bool has_report(const uint8_t *payload, uint32_t captured)
{
    for (uint32_t at = 0; captured - at >= RTCP_HEADER;) {
        unsigned type = payload[at + 1];
        if (version(payload + at) == 2 && (type == SENDER_REPORT || type == RECEIVER_REPORT))
            return true;
        uint32_t bytes = weir_load_be16(payload + at + 2) * 4u + 4;
        if (bytes == 4 || bytes > captured - at)
            break;
        at += bytes;
    }
    return false;
}

static bool is_afs(unsigned port)
{
    return port >= 7000 && port <= 7010;
}

static void take(struct weir_media_side *side, const uint8_t *payload)
{
    side->seq = weir_load_be16(payload + 2);
    side->ssrc = weir_load_be32(payload + 8);
}

void weir_media_open(struct weir_media *media, unsigned side, unsigned sport, unsigned dport, const uint8_t *payload,
                     uint32_t captured)
{
    if (captured < RTP_HEADER || version(payload) != 2 || sport < 1024 || dport < 1024 || is_afs(sport) || is_afs(dport))
        return;
    media->kind = has_report(payload, captured) ? WEIR_MEDIA_RTCP : WEIR_MEDIA_RTP;
    if (media->kind == WEIR_MEDIA_RTP)
        take(&media->side[side], payload);
}

uint32_t weir_media_packet(struct weir_media *media, unsigned at, const uint8_t *payload, uint32_t captured, uint32_t bytes)
{
    struct weir_media_side *side = &media->side[at];
    if (media->kind != WEIR_MEDIA_RTP || captured < RTP_HEADER || version(payload) != 2)
        return 0;
    if (!side->seq) {
        take(side, payload);
        return 0;
    }
    uint32_t ssrc = weir_load_be32(payload + 8);
    bool extended = payload[0] & 0x10;
    if (!ssrc || ssrc != side->ssrc || extended) { /* it only looked like RTP */
        *media = (struct weir_media){0};
        return 0;
    }
    int step = (int)weir_load_be16(payload + 2) - (int)side->seq;
    if (step > 1) {
        side->lost += (uint32_t)step - 1;
    } else if (step < 0 && side->lost) {
        side->lost--;
        side->out_of_order = true;
    }
    take(side, payload);
    uint32_t sources = (payload[0] & 15u) * 4;
    return sources < bytes && RTP_HEADER + sources <= bytes ? RTP_HEADER + sources : 0;
}

void weir_media_begin(struct weir_media *media)
{
    for (unsigned i = 0; i < 2; i++) {
        media->side[i].lost = 0;
        media->side[i].out_of_order = false;
    }
}
