#include "flow/key.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

struct weir_flow_id weir_flow_id_make(const struct weir_flow_key *key, int64_t begun_ns, uint32_t occurrence)
{
    struct {
        struct weir_flow_key key;
        int64_t begun_ns;
        uint64_t occurrence;
    } born = {*key, begun_ns, occurrence};
    XXH128_hash_t hash = XXH3_128bits(&born, sizeof born);
    return (struct weir_flow_id){hash.high64, hash.low64};
}
