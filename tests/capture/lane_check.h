/* The lane hash against the decoder: for each packet that is metered, the lane is that of a bare IP packet between the addresses
 * that the decoder found, or, for an ICMP error, between those of the packet it quotes. For a test and a fuzz target. */
#ifndef WEIR_TESTS_LANE_CHECK_H
#define WEIR_TESTS_LANE_CHECK_H

#include <string.h>

#include "capture/lane.h"
#include "decode/facts.h"

static inline uint32_t lane_of_addresses(unsigned version, const uint8_t *src, const uint8_t *dst)
{
    uint8_t ip[40] = {version == 4 ? 0x45 : 0x60, 0, 0, 20, [6] = version == 4 ? 0 : 6, [9] = 6};
    memcpy(ip + (version == 4 ? 12 : 8), src, version == 4 ? 4 : 16);
    memcpy(ip + (version == 4 ? 16 : 24), dst, version == 4 ? 4 : 16);
    const struct weir_packet packet = {
        .data = ip, .caplen = version == 4 ? 20 : 40, .wirelen = version == 4 ? 20 : 40, .link = 101};
    return weir_lane_hash(&packet);
}

/* False when lane and decoder disagree. */
static inline bool lane_check(const struct weir_packet *packet)
{
    struct weir_facts facts;
    unsigned bucket;
    uint32_t lane = weir_lane_hash(packet);
    if (weir_decode(packet, &facts, &bucket) != WEIR_METERED)
        return true;
    const uint8_t *src = facts.src, *dst = facts.dst;
    unsigned version = facts.ip_version;
    if (facts.flags & WEIR_FACT_QUOTED && !(facts.flags & WEIR_FACT_FRAGMENT)) {
        src = facts.quoted.src;
        dst = facts.quoted.dst;
        version = facts.quoted.ip_version;
    }
    return lane == lane_of_addresses(version, src, dst) && lane == lane_of_addresses(version, dst, src);
}

#endif
