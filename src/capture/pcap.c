#include "capture/pcap.h"

#include <string.h>

/* File header, 24 bytes:   magic | major.16 minor.16 | reserved | reserved | snap length | link type and FCS
 * Record header, 16 bytes: seconds | micro- or nanoseconds | captured | on the wire */
#define FILE_HEADER_BYTES   24
#define RECORD_HEADER_BYTES 16

#define MAGIC_MICRO    0xa1b2c3d4u
#define MAGIC_NANO     0xa1b23c4du
#define MAGIC_MODIFIED 0xa1b2cd34u

/* Top bits of the link type word: FCS present, its length in 16-bit units. */
#define FCS_PRESENT 0x04000000u

static inline uint32_t load32(const uint8_t *p, bool swapped)
{
    uint32_t value;
    memcpy(&value, p, sizeof value);
    return swapped ? __builtin_bswap32(value) : value;
}

static inline uint16_t load16(const uint8_t *p, bool swapped)
{
    uint16_t value;
    memcpy(&value, p, sizeof value);
    return swapped ? __builtin_bswap16(value) : value;
}

static bool is_magic(uint32_t value)
{
    return value == MAGIC_MICRO || value == MAGIC_NANO || value == MAGIC_MODIFIED;
}

bool weir_pcap_recognise(const uint8_t magic[static 4])
{
    return is_magic(load32(magic, false)) || is_magic(load32(magic, true));
}

void weir_pcap_init(struct weir_pcap *pcap, uint32_t max_bytes)
{
    *pcap = (struct weir_pcap){.max_bytes = max_bytes};
}

static weir_err parse_header(struct weir_pcap *pcap, const uint8_t *p, struct weir_error *error)
{
    bool swapped = !is_magic(load32(p, false));
    uint32_t magic = load32(p, swapped), link = load32(p + 20, swapped);
    unsigned major = load16(p + 4, swapped), minor = load16(p + 6, swapped);
    if (!is_magic(magic))
        return weir_fail(error, WEIR_ERR_FORMAT, "no pcap magic number");
    if (major != 2 || minor > 4)
        return weir_fail(error, WEIR_ERR_UNSUPPORTED, "pcap version %u.%u; weir reads versions up to 2.4", major, minor);
    pcap->swapped = swapped;
    pcap->nanosecond = magic == MAGIC_NANO;
    pcap->minor = (uint16_t)minor;
    pcap->link = (uint16_t)link;
    pcap->fcs_bytes = (link & FCS_PRESENT) ? (uint8_t)(2 * (link >> 28)) : 0;
    pcap->header_bytes = RECORD_HEADER_BYTES + (magic == MAGIC_MODIFIED ? 8 : 0);
    pcap->ready = true;
    return WEIR_OK;
}

/* The loop is compiled once for each byte order. */
static inline __attribute__((always_inline)) weir_err parse_records(const struct weir_pcap *pcap, struct weir_parse *parse,
                                                                    bool swapped, struct weir_error *error)
{
    const uint8_t *data = parse->data;
    const size_t len = parse->len, header = pcap->header_bytes;
    const int64_t unit_ns = pcap->nanosecond ? 1 : 1000;
    const uint32_t longest = pcap->max_bytes - pcap->header_bytes < WEIR_RECORD_MAX_BYTES ? pcap->max_bytes - pcap->header_bytes
                                                                                          : WEIR_RECORD_MAX_BYTES;
    size_t at = parse->used, count = 0;
    weir_err result = WEIR_OK;
    while (count < parse->max && len - at >= header) {
        const uint8_t *p = data + at;
        uint32_t caplen = load32(p + 8, swapped), wirelen = load32(p + 12, swapped);
        /* Versions before 2.3 stored the two lengths the other way round, 2.3 either way. */
        if (__builtin_expect(pcap->minor < 4, 0) && (pcap->minor < 3 || caplen > wirelen)) {
            uint32_t other = caplen;
            caplen = wirelen;
            wirelen = other;
        }
        if (__builtin_expect(caplen > longest, 0)) {
            result = weir_fail(error, WEIR_ERR_FORMAT, "a packet of %u captured bytes, which cannot be: the file is damaged here",
                               caplen);
            break;
        }
        if (len - at - header < caplen)
            break;
        struct weir_record *record = &parse->record[count++];
        record->ts_ns = (int64_t)load32(p, swapped) * 1000000000 + (int64_t)load32(p + 4, swapped) * unit_ns;
        record->offset = parse->base + (uint32_t)(at + header);
        record->link = pcap->link;
        at += header + caplen;
        if (__builtin_expect(pcap->fcs_bytes, 0)) {
            wirelen -= wirelen < pcap->fcs_bytes ? wirelen : pcap->fcs_bytes;
            caplen = caplen < wirelen ? caplen : wirelen;
        }
        record->caplen = caplen;
        record->wirelen = wirelen < caplen ? caplen : wirelen;
    }
    parse->count = count;
    parse->used = at;
    return result;
}

weir_err weir_pcap_parse(struct weir_pcap *pcap, struct weir_parse *parse, struct weir_error *error)
{
    parse->count = parse->used = 0;
    if (!pcap->ready) {
        if (parse->len < FILE_HEADER_BYTES)
            return WEIR_OK;
        weir_err result = parse_header(pcap, parse->data, error);
        if (result)
            return result;
        parse->used = FILE_HEADER_BYTES;
    }
    return pcap->swapped ? parse_records(pcap, parse, true, error) : parse_records(pcap, parse, false, error);
}
