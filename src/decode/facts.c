#include "decode/facts.h"

#include "decode/walk_internal.h"

const char *weir_ignored_name(enum weir_ignored bucket)
{
    static const char *const name[] = {
#define X(id, text) [id] = text,
        WEIR_IGNORED_TABLE(X)
#undef X
    };
    return (unsigned)bucket < WEIR_IGNORED_COUNT ? name[bucket] : "unknown";
}

const char *weir_dropped_name(enum weir_dropped bucket)
{
    static const char *const name[] = {
#define X(id, text) [id] = text,
        WEIR_DROPPED_TABLE(X)
#undef X
    };
    return (unsigned)bucket < WEIR_DROPPED_COUNT ? name[bucket] : "unknown";
}

enum weir_fate weir_decode(const struct weir_packet *packet, struct weir_facts *facts, unsigned *bucket)
{
    return weir__plain_decode(packet, facts) ? WEIR_METERED : weir__layered_decode(packet, facts, bucket);
}

enum weir_fate weir__layered_decode(const struct weir_packet *packet, struct weir_facts *facts, unsigned *bucket)
{
    /* A file may claim a wire length below what it holds; what was captured was on the wire. */
    uint32_t wire = packet->wirelen > packet->caplen ? packet->wirelen : packet->caplen;
    struct weir__walk walk = {.at = packet->data, .captured = packet->caplen, .wire = wire, .facts = facts};

    enum weir_fate fate = weir__link_descend(&walk, packet->link);
    while (fate == WEIR_METERED) {
        fate = weir__ip_decode(&walk);
        if (fate != WEIR_METERED)
            break;
        weir__transport_decode(&walk);
        enum weir__tunnel tunnel = weir__tunnel_enter(&walk);
        if (tunnel == WEIR__TUNNEL_NONE)
            break;
        if (tunnel == WEIR__TUNNEL_TOO_DEEP)
            fate = weir__drop(&walk, WEIR_DROPPED_NESTING);
    }
    if (fate != WEIR_METERED) {
        *bucket = walk.bucket;
        return fate;
    }
    facts->ts_ns = packet->ts_ns;
    facts->wirelen = packet->wirelen;
    facts->caplen = packet->caplen;
    facts->port = packet->port;
    facts->encap = walk.encap;
    facts->ethertype = walk.ethertype;
    facts->vlan[0] = walk.vlan[0];
    facts->vlan[1] = walk.vlan[1];
    facts->mpls = walk.mpls;
    return WEIR_METERED;
}
