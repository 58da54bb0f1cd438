#include "flow/key.h"

#include "base/bytes.h"

bool weir_flow_key_ends(struct weir_flow_key *key, unsigned ip_version, unsigned proto, const uint8_t src[16],
                        const uint8_t dst[16], uint16_t sport, uint16_t dport, bool ordered)
{
    uint64_t src_top = weir_load_be64(src), dst_top = weir_load_be64(dst), src_low = weir_load_be64(src + 8),
             dst_low = weir_load_be64(dst + 8);
    bool swap = ordered && (src_top != dst_top ? src_top > dst_top : src_low != dst_low ? src_low > dst_low : sport > dport);
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

struct weir_flow_id weir_flow_id_make(const struct weir_flow_key *key, int64_t first_ns, uint32_t occurrence)
{
    struct {
        struct weir_flow_key key;
        int64_t first_ns;
        uint64_t occurrence;
    } born = {*key, first_ns, occurrence};
    XXH128_hash_t hash = XXH3_128bits(&born, sizeof born);
    return (struct weir_flow_id){hash.high64, hash.low64};
}
