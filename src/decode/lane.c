#include "decode/lane.h"

#include "base/bytes.h"
#include "decode/facts.h"

/* Spreads 64 bits over 64 (the constants of MurmurHash3's finaliser, which is in the public domain). */
static uint64_t mix(uint64_t x)
{
    x ^= x >> 33;
    x *= 0xff51afd7ed558ccdu;
    x ^= x >> 33;
    x *= 0xc4ceb9fe1a85ec53u;
    return x ^ x >> 33;
}

static uint64_t mix_address(const uint8_t address[16])
{
    return mix(weir_load_be64(address) + mix(weir_load_be64(address + 8)));
}

uint32_t weir_lane_hash_addresses(const uint8_t src[16], const uint8_t dst[16])
{
    return (uint32_t)(mix(mix_address(src) + mix_address(dst)) >> 32); /* a sum: the same in both directions */
}

uint32_t weir_lane_hash(const struct weir_packet *packet)
{
    struct weir_facts facts;
    unsigned bucket;
    if (weir_decode(packet, &facts, &bucket) != WEIR_METERED)
        return 0;
    if (facts.flags & WEIR_FACT_QUOTED)
        return weir_lane_hash_addresses(facts.quoted.src, facts.quoted.dst);
    return weir_lane_hash_addresses(facts.src, facts.dst);
}
