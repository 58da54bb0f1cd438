#include "capture/pcapng.h"

#include <string.h>

#include "capture/packet.h"

/* Every block: type | total length | body | total length again, in 32-bit words. */
#define BLOCK_OVERHEAD_BYTES 12

enum {
    BLOCK_SECTION = 0x0a0d0d0a, /* reads the same in both byte orders */
    BLOCK_INTERFACE = 1,
    BLOCK_PACKET_OBSOLETE = 2,
    BLOCK_PACKET_SIMPLE = 3,
    BLOCK_PACKET_ENHANCED = 6,
};

#define BYTE_ORDER_MAGIC 0x1a2b3c4du

enum { OPTION_END = 0, OPTION_TSRESOL = 9, OPTION_FCSLEN = 13, OPTION_TSOFFSET = 14 };

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

static inline uint64_t load64(const uint8_t *p, bool swapped)
{
    uint64_t value;
    memcpy(&value, p, sizeof value);
    return swapped ? __builtin_bswap64(value) : value;
}

bool weir_pcapng_recognise(const uint8_t magic[static 4])
{
    return load32(magic, false) == BLOCK_SECTION;
}

void weir_pcapng_init(struct weir_pcapng *pcapng, uint32_t max_bytes)
{
    /* The interface table is left alone: entries are set before interface_count grows over them. */
    pcapng->ready = pcapng->swapped = pcapng->nanosecond = false;
    pcapng->max_bytes = max_bytes;
    pcapng->skip_bytes = pcapng->trailer = pcapng->interface_count = 0;
    pcapng->last_ns = 0;
}

bool weir_pcapng_between_blocks(const struct weir_pcapng *pcapng)
{
    return !pcapng->trailer;
}

/* if_tsresol: ticks of 10^-n seconds, or of 2^-n when the top bit is set. Values too fine for any 64-bit time give 0. */
static void set_resolution(struct weir_pcapng *pcapng, struct weir_pcapng_interface *interface, uint8_t value)
{
    unsigned n = value & 0x7f;
    interface->multiplier = interface->divisor = 1;
    interface->shift = 0;
    if (value & 0x80) {
        interface->multiplier = 1000000000;
        interface->shift = (uint8_t)n;
        pcapng->nanosecond |= n >= 20; /* 2^-20 s is just below a microsecond */
        return;
    }
    for (unsigned i = n; i < 9; i++)
        interface->multiplier *= 10;
    for (unsigned i = 9; i < n && i < 28; i++)
        interface->divisor *= 10;
    if (n > 28)
        interface->multiplier = 0;
    pcapng->nanosecond |= n > 6;
}

static int64_t time_ns(const struct weir_pcapng_interface *interface, uint64_t ticks)
{
    unsigned __int128 ns = (unsigned __int128)ticks * interface->multiplier;
    if (interface->divisor != 1)
        ns /= interface->divisor;
    ns >>= interface->shift;
    /* ns < 2^94 and the offset's magnitude < 2^93, so the sum fits. */
    __int128 sum = (__int128)ns + (__int128)interface->offset_s * 1000000000;
    return sum < 0 ? 0 : sum > WEIR_TIME_MAX_NS ? WEIR_TIME_MAX_NS : (int64_t)sum;
}

static weir_err parse_section(struct weir_pcapng *pcapng, const uint8_t *p, struct weir_error *error)
{
    unsigned major = load16(p + 12, pcapng->swapped), minor = load16(p + 14, pcapng->swapped);
    if (major != 1 || (minor != 0 && minor != 2)) /* 1.2 is written for 1.0 by some */
        return weir_fail(error, WEIR_ERR_UNSUPPORTED, "pcapng version %u.%u; weir reads version 1.0", major, minor);
    pcapng->interface_count = 0;
    pcapng->ready = true;
    return WEIR_OK;
}

static weir_err parse_interface(struct weir_pcapng *pcapng, const uint8_t *p, uint32_t total, struct weir_error *error)
{
    bool swapped = pcapng->swapped;
    if (total < BLOCK_OVERHEAD_BYTES + 8)
        return weir_fail(error, WEIR_ERR_FORMAT, "an interface description of %u bytes is too short", total);
    if (pcapng->interface_count == WEIR_PCAPNG_INTERFACES_MAX)
        return weir_fail(error, WEIR_ERR_LIMIT, "more than %d interfaces in a section", WEIR_PCAPNG_INTERFACES_MAX);
    struct weir_pcapng_interface *interface = &pcapng->interface[pcapng->interface_count];
    *interface = (struct weir_pcapng_interface){.link = load16(p + 8, swapped), .snap_bytes = load32(p + 12, swapped)};
    set_resolution(pcapng, interface, 6);
    const uint8_t *option = p + 16, *end = p + total - 4;
    while (end - option >= 4) {
        unsigned code = load16(option, swapped), length = load16(option + 2, swapped);
        if (code == OPTION_END)
            break;
        option += 4;
        if (end - option < (ptrdiff_t)length)
            return weir_fail(error, WEIR_ERR_FORMAT, "option %u of an interface is longer than its block", code);
        if (code == OPTION_TSRESOL && length == 1)
            set_resolution(pcapng, interface, option[0]);
        else if (code == OPTION_TSOFFSET && length == 8)
            interface->offset_s = (int64_t)load64(option, swapped);
        else if (code == OPTION_FCSLEN && length == 1)
            /* In bits by the specification, in bytes by widespread writers: no FCS has 16 bytes or 8 bits. */
            interface->fcs_bytes = option[0] < 16 ? option[0] : option[0] / 8;
        length = (length + 3) & ~3u;
        option = end - option < (ptrdiff_t)length ? end : option + length;
    }
    pcapng->interface_count++;
    return WEIR_OK;
}

/* The three kinds of packet blocks differ in the fields before the packet's bytes. */
static weir_err parse_packet(struct weir_pcapng *pcapng, const uint8_t *p, uint32_t type, uint32_t total,
                             struct weir_record *record, uint32_t base, struct weir_error *error)
{
    bool swapped = pcapng->swapped;
    uint32_t body = type == BLOCK_PACKET_SIMPLE ? 12 : 28;
    if (total < body + 4)
        return weir_fail(error, WEIR_ERR_FORMAT, "a packet block of %u bytes is too short", total);
    uint32_t room = total - body - 4;
    uint32_t id = type == BLOCK_PACKET_SIMPLE     ? 0
                  : type == BLOCK_PACKET_OBSOLETE ? load16(p + 8, swapped)
                                                  : load32(p + 8, swapped);
    if (id >= pcapng->interface_count)
        return weir_fail(error, WEIR_ERR_FORMAT, "a packet of interface %u, which the section does not describe", id);
    const struct weir_pcapng_interface *interface = &pcapng->interface[id];
    uint32_t caplen, wirelen;
    if (type == BLOCK_PACKET_SIMPLE) {
        wirelen = load32(p + 8, swapped);
        caplen = interface->snap_bytes && wirelen > interface->snap_bytes ? interface->snap_bytes : wirelen;
    } else {
        pcapng->last_ns = time_ns(interface, (uint64_t)load32(p + 12, swapped) << 32 | load32(p + 16, swapped));
        caplen = load32(p + 20, swapped);
        wirelen = load32(p + 24, swapped);
    }
    if (caplen > room || caplen > WEIR_RECORD_MAX_BYTES)
        return weir_fail(error, WEIR_ERR_FORMAT, "a packet of %u captured bytes in a block of %u bytes: the file is damaged here",
                         caplen, total);
    wirelen -= wirelen < interface->fcs_bytes ? wirelen : interface->fcs_bytes;
    if (interface->fcs_bytes && caplen > wirelen)
        caplen = wirelen;
    record->ts_ns = pcapng->last_ns;
    record->offset = base + body;
    record->caplen = caplen;
    record->wirelen = wirelen < caplen ? caplen : wirelen;
    record->link = interface->link;
    return WEIR_OK;
}

/* Eats what is there of a skipped block; true when its end has been reached and its last word is right or `*result` is set. */
static bool skip_rest(struct weir_pcapng *pcapng, const uint8_t *data, size_t len, size_t *at, weir_err *result,
                      struct weir_error *error)
{
    uint64_t step = len - *at < pcapng->skip_bytes ? len - *at : pcapng->skip_bytes;
    *at += (size_t)step;
    pcapng->skip_bytes -= step;
    if (pcapng->skip_bytes || len - *at < 4)
        return false;
    uint32_t again = load32(data + *at, pcapng->swapped);
    if (again != pcapng->trailer)
        *result = weir_fail(error, WEIR_ERR_FORMAT, "a block's two lengths differ (%u and %u): the file is damaged here",
                            pcapng->trailer, again);
    else
        *at += 4;
    pcapng->trailer = 0;
    return true;
}

weir_err weir_pcapng_parse(struct weir_pcapng *pcapng, struct weir_parse *parse, struct weir_error *error)
{
    const uint8_t *data = parse->data;
    const size_t len = parse->len;
    size_t at = 0, count = 0;
    weir_err result = WEIR_OK;
    while (count < parse->max && !result) {
        if (pcapng->trailer) {
            if (!skip_rest(pcapng, data, len, &at, &result, error))
                break;
            continue;
        }
        const uint8_t *p = data + at;
        if (len - at < BLOCK_OVERHEAD_BYTES)
            break;
        uint32_t type = load32(p, pcapng->swapped);
        if (type == BLOCK_SECTION) {
            if (load32(p + 8, false) == BYTE_ORDER_MAGIC)
                pcapng->swapped = false;
            else if (load32(p + 8, true) == BYTE_ORDER_MAGIC)
                pcapng->swapped = true;
            else {
                result = weir_fail(error, WEIR_ERR_FORMAT, "a section header without the byte-order magic");
                break;
            }
        } else if (!pcapng->ready) {
            result = weir_fail(error, WEIR_ERR_FORMAT, "no pcapng section header");
            break;
        }
        uint32_t total = load32(p + 4, pcapng->swapped);
        bool packet = type == BLOCK_PACKET_ENHANCED || type == BLOCK_PACKET_SIMPLE || type == BLOCK_PACKET_OBSOLETE;
        if (total < BLOCK_OVERHEAD_BYTES || total % 4 || (type == BLOCK_SECTION && total < 28)) {
            result = weir_fail(error, WEIR_ERR_FORMAT, "a block of %u bytes, which cannot be: the file is damaged here", total);
            break;
        }
        if (packet || type == BLOCK_INTERFACE) {
            if (total > pcapng->max_bytes) {
                result =
                    weir_fail(error, WEIR_ERR_FORMAT, "a block of %u bytes, which cannot be: the file is damaged here", total);
                break;
            }
            if (len - at < total)
                break;
            if (load32(p + total - 4, pcapng->swapped) != total) {
                result = weir_fail(error, WEIR_ERR_FORMAT, "a block's two lengths differ (%u and %u): the file is damaged here",
                                   total, load32(p + total - 4, pcapng->swapped));
                break;
            }
            result = packet ? parse_packet(pcapng, p, type, total, &parse->record[count], parse->base + (uint32_t)at, error)
                            : parse_interface(pcapng, p, total, error);
            if (result)
                break;
            count += packet;
            at += total;
            continue;
        }
        if (type == BLOCK_SECTION) {
            if (len - at < 28)
                break;
            if ((result = parse_section(pcapng, p, error)))
                break;
        }
        pcapng->skip_bytes = total - 4;
        pcapng->trailer = total;
    }
    parse->count = count;
    parse->used = at;
    return result;
}
