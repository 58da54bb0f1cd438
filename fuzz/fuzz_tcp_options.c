/* TCP options. First byte: how many bytes of them the capture kept; then the options, filled up with ends of list. The short way
 * of plain frames, the long way behind a VLAN tag, and a second reading here must agree. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "decode/facts.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { OPTIONS_MAX = 40, TAG = 4, ETHERNET = 14, HEADERS = 40 };

struct read {
    uint16_t options, mss;
    int wscale;
    uint32_t value, echo;
};

static uint32_t number(const uint8_t *p, unsigned bytes)
{
    return bytes ? number(p, bytes - 1) << 8 | p[bytes - 1] : 0;
}

/* RFC 9293, section 3.1, and IANA's list of option kinds: each option in turn, from what is left. */
static void read_options(const uint8_t *p, unsigned left, bool cut, struct read *read)
{
    static const uint8_t size_of[] = {0, 0, 4, 3, 2, 0, 6, 6, 10, 0, 0, 6, 6, 6}; /* 0: any, or of no interest */
    static const uint16_t bit_of[] = {0,
                                      0,
                                      WEIR_TCPOPT_MSS,
                                      WEIR_TCPOPT_WSCALE,
                                      WEIR_TCPOPT_SACK_OK,
                                      WEIR_TCPOPT_SACK,
                                      WEIR_TCPOPT_ECHO,
                                      WEIR_TCPOPT_ECHO_REPLY,
                                      WEIR_TCPOPT_TIMESTAMP,
                                      0,
                                      0,
                                      WEIR_TCPOPT_CC,
                                      WEIR_TCPOPT_CC_NEW,
                                      WEIR_TCPOPT_CC_ECHO};
    if (!left || p[0] == 0)
        return;
    if (p[0] == 1) {
        read_options(p + 1, left - 1, cut, read);
        return;
    }
    bool known = p[0] < sizeof size_of, outside = left < 2 || p[1] > left;
    if (outside && cut)
        return;
    if (outside || p[1] < 2 || (known && size_of[p[0]] && size_of[p[0]] != p[1])) {
        read->options |= WEIR_TCPOPT_MALFORMED;
        return;
    }
    if (known)
        read->options |= bit_of[p[0]];
    if (p[0] == 2)
        read->mss = (uint16_t)number(p + 2, 2);
    if (p[0] == 3)
        read->wscale = p[2] < 14 ? p[2] : 14;
    if (p[0] == 8) {
        read->value = number(p + 2, 4);
        read->echo = number(p + 6, 4);
    }
    read_options(p + p[1], left - p[1], cut, read);
}

static void check(const uint8_t *options, unsigned bytes, unsigned kept, bool tag)
{
    const unsigned ip = ETHERNET + (tag ? TAG : 0), wire = ip + HEADERS + bytes, captured = wire - bytes + kept;
    uint8_t *frame = calloc(1, captured), *p = frame + ip; /* exact, so that a sanitizer sees a byte too far */
    if (!frame)
        abort();
    if (tag)
        memcpy(frame + 12, "\x81\x00\x00\x05", 4);
    memcpy(p - 2, "\x08\x00\x45\x00", 4);
    p[3] = (uint8_t)(HEADERS + bytes);
    p[8] = 64;
    p[9] = 6;
    memcpy(p + 12, "\xc6\x33\x64\x01\xcb\x00\x71\x01\x9c\x40\x01\xbb", 12);
    p[32] = (uint8_t)((20 + bytes) / 4 << 4);
    p[33] = WEIR_TCP_SYN;
    memcpy(p + HEADERS, options, kept);
    const struct weir_packet packet = {.data = frame, .caplen = captured, .wirelen = wire, .link = 1};
    struct weir_facts facts;
    struct read read = {.wscale = -1};
    unsigned bucket;
    read_options(options, kept, kept < bytes, &read);
    if (weir_decode(&packet, &facts, &bucket) != WEIR_METERED || facts.proto != 6 || facts.tcp.header_bytes != 20 + bytes ||
        facts.tcp.options != read.options || facts.tcp.mss != read.mss || facts.tcp.wscale != read.wscale ||
        facts.tcp.ts_value != read.value || facts.tcp.ts_echo != read.echo)
        abort();
    free(frame);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t options[OPTIONS_MAX] = {0};
    if (size < 1 || size > 1 + OPTIONS_MAX)
        return 0;
    memcpy(options, data + 1, size - 1);
    unsigned bytes = (unsigned)(size - 1 + 3) / 4 * 4, kept = data[0] < bytes ? data[0] : bytes;
    check(options, bytes, kept, false);
    check(options, bytes, kept, true);
    return 0;
}
