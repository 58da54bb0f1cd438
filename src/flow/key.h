/* Flow keys and flow ids. Pure; any thread.
 *
 * A key names the two ends of a flow, whatever end a packet comes from, and what else tells two flows between them apart. Which
 * packets share a key is a view's decision (features/argus.c); here are only its shape, its hash and the id made of it.
 */
#ifndef WEIR_FLOW_KEY_H
#define WEIR_FLOW_KEY_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/bytes.h"
#include "decode/facts.h"
#include "flow/record.h"

/* Hashed and compared as 48 bytes: no padding, fill it after weir_flow_key_ends, which clears it. */
struct weir_flow_key {
    uint8_t low[16], high[16]; /* addresses as in struct weir_facts */
    uint16_t low_port, high_port;
    uint8_t ip_version, proto;
    uint8_t kind, code; /* ICMP type and code, or the view's own */
    uint64_t extra;     /* what else separates flows: an SPI, an identifier, ... */
};

_Static_assert(sizeof(struct weir_flow_key) == 48, "keys are hashed as bytes");

/* Fills both ends, version and proto; the rest is 0. With `ordered` the smaller (address, port) becomes `low`, so both directions
 * have one key; without, `low` is the source. Returns true when `low` is the destination. */
static inline bool weir_flow_key_ends(struct weir_flow_key *key, unsigned ip_version, unsigned proto, const uint8_t src[16],
                                      const uint8_t dst[16], uint16_t sport, uint16_t dport, bool ordered)
{
    bool swap = false;
    if (ordered && ip_version == 4) {
        uint32_t from = weir_load_be32(src), to = weir_load_be32(dst);
        swap = from > to || (from == to && sport > dport);
    } else if (ordered) {
        int order = memcmp(src, dst, 16);
        swap = order > 0 || (order == 0 && sport > dport);
    }
    memcpy(key->low, swap ? dst : src, 16);
    memcpy(key->high, swap ? src : dst, 16);
    key->low_port = swap ? dport : sport;
    key->high_port = swap ? sport : dport;
    key->ip_version = (uint8_t)ip_version;
    key->proto = (uint8_t)proto;
    key->kind = key->code = 0;
    key->extra = 0;
    return swap;
}

static inline uint64_t weir__key_mix(uint64_t a, uint64_t b)
{
    unsigned __int128 product = (unsigned __int128)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

/* For places in tables only: folded products, some three times as quick as a general hash of 48 bytes. */
static inline uint64_t weir_flow_key_hash(const struct weir_flow_key *key)
{
    uint64_t word[6];
    memcpy(word, key, sizeof word);
    uint64_t ends = weir__key_mix(word[0] ^ 0x9e3779b97f4a7c15u, word[2] ^ 0xd1b54a32d192ed03u);
    uint64_t rest = weir__key_mix(word[1] ^ 0x8cb92ba72f3d8dd7u, word[3] ^ 0xaef17502108ef2d9u);
    uint64_t ports = weir__key_mix(word[4] ^ ends, word[5] ^ 0xdb4f0b9175ae2165u ^ rest);
    return weir__key_mix(ports ^ ends, 0xe7037ed1a0b428dbu);
}

static inline bool weir_flow_key_equal(const struct weir_flow_key *a, const struct weir_flow_key *b)
{
    return !memcmp(a, b, sizeof *a);
}

/* The id of the `occurrence`-th flow (0, 1, ...) that begins on the key at begun_ns: the stream's time at the flow's first
 * packet, which is that packet's own time unless it came late. While the stream's time stands still no flow is forgotten, so two
 * flows of one key never have the same id, whatever times packets bear (but for flows whose place in a full table was needed). */
struct weir_flow_id weir_flow_id_make(const struct weir_flow_key *key, int64_t begun_ns, uint32_t occurrence);

#endif
