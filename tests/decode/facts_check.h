/* What holds of every answer of weir_decode, whatever the packet. For tests and the fuzz target: returns NULL or what is wrong.
 */
#ifndef WEIR_TESTS_FACTS_CHECK_H
#define WEIR_TESTS_FACTS_CHECK_H

#include "decode/facts.h"

static inline const char *facts_check(const struct weir_packet *packet, enum weir_fate fate, const struct weir_facts *facts,
                                      unsigned bucket)
{
    if (fate == WEIR_IGNORED)
        return bucket < WEIR_IGNORED_FILTER ? NULL : "an ignored packet in a bucket that is not the decoder's";
    if (fate == WEIR_DROPPED)
        return bucket < WEIR_DROPPED_TABLE_FULL ? NULL : "a dropped packet in a bucket that is not the decoder's";
    if (fate != WEIR_METERED)
        return "an unknown fate";
    if (facts->ip_version != 4 && facts->ip_version != 6)
        return "neither IPv4 nor IPv6";
    if (facts->l4_bytes > facts->ip_bytes || facts->payload_bytes > facts->l4_bytes)
        return "a part is longer than the whole";
    if (facts->l4_captured > facts->l4_bytes || facts->l4_captured > packet->caplen)
        return "more L4 bytes than there are";
    if ((facts->l4 == NULL) != (facts->l4_captured == 0))
        return "L4 bytes without a place, or the reverse";
    if (facts->l4 != NULL &&
        (facts->l4 < packet->data || facts->l4_captured > packet->caplen - (uint32_t)(facts->l4 - packet->data)))
        return "L4 bytes outside the packet";
    if (facts->flags & WEIR_FACT_FRAGMENT_LATER &&
        (facts->flags & WEIR_FACT_PORTS || facts->l4 != NULL || facts->fragment_offset == 0))
        return "a later fragment with an L4 header";
    if (!(facts->flags & WEIR_FACT_PORTS) && (facts->sport | facts->dport) != 0)
        return "ports where none are";
    if (!(facts->flags & WEIR_FACT_OVERLONG) && facts->ip_bytes > packet->wirelen && facts->ip_bytes > packet->caplen)
        return "an IP packet longer than its frame";
    return NULL;
}

#endif
