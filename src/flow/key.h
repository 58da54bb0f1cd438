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

#define XXH_INLINE_ALL
#include <xxhash.h>

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
bool weir_flow_key_ends(struct weir_flow_key *key, unsigned ip_version, unsigned proto, const uint8_t src[16],
                        const uint8_t dst[16], uint16_t sport, uint16_t dport, bool ordered);

static inline uint64_t weir_flow_key_hash(const struct weir_flow_key *key)
{
    return XXH3_64bits(key, sizeof *key);
}

static inline bool weir_flow_key_equal(const struct weir_flow_key *a, const struct weir_flow_key *b)
{
    return !memcmp(a, b, sizeof *a);
}

/* The id of the `occurrence`-th flow (0, 1, ...) that begins on the key at first_ns. */
struct weir_flow_id weir_flow_id_make(const struct weir_flow_key *key, int64_t first_ns, uint32_t occurrence);

#endif
