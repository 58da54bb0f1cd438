/* What the meter asks of a view: the rules of its flows and records.
 *
 * The meter owns the clock, the table and the fragment cache, and opens and closes flows and records by the constants here; the
 * view decides what shares a key, counts packets in its slot of the flow, and turns the slot into a record.
 */
#ifndef WEIR_FEATURES_LIFECYCLE_H
#define WEIR_FEATURES_LIFECYCLE_H

#include "capture/packet.h"
#include "decode/facts.h"
#include "flow/record.h"
#include "flow/table.h"

struct weir_view_ops {
    const char *constants; /* part of the feature-set id: what the values depend on beside the columns' definitions */
    size_t slot_bytes; /* of a flow's slot, which begins sizeof(struct weir_flow) into a cache line; zero when the flow begins */
    size_t body_bytes; /* of a record's body */
    int64_t interval_ns; /* a record is closed by the first packet, or the clock, this long after its first packet */

    /* A flow is forgotten this long after its last record was due; ends with a 0. At most WEIR_TIMEOUTS_MAX. */
    const int64_t *timeouts_ns;
    unsigned (*timeout)(const struct weir_flow_key *key); /* index in it */

    /* The key of a packet that is not a later fragment. Returns true when the key's `low` end is the destination. */
    bool (*key)(const struct weir_facts *facts, struct weir_flow_key *key);

    /* The key of the packet that an ICMP error quotes; false if there is nothing to look for. */
    bool (*quoted_key)(const struct weir_facts *facts, struct weir_flow_key *key);

    /* Asks for the memory that the packet of this key will need in the slot. */
    void (*prefetch)(const void *slot, const struct weir_flow_key *key, bool reverse);

    /* Counts a packet; `fresh`: the flow's first. `reverse`: the packet goes from `high` to `low`. Returns true when
     * a new flow must begin with it, which is then not counted: the meter closes the flow and calls again with `fresh`, the slot
     * as it was. */
    bool (*packet)(void *slot, struct weir_flow *flow, const struct weir_facts *facts, const struct weir_packet *packet,
                   bool reverse, bool fresh);

    /* Counts a later fragment of a datagram of this flow. */
    void (*fragment)(void *slot, struct weir_flow *flow, const struct weir_facts *facts, const struct weir_packet *packet,
                     bool reverse);

    /* Adds what was counted for fragments that came before their first fragment. `early` is the slot of a flow on a fragment key.
     */
    void (*join)(void *slot, const void *early);

    /* Length of the payload of the fragments in such a slot, and of the whole datagram when its last fragment is there, else 0.
     */
    void (*early)(const void *slot, uint32_t *bytes, uint32_t *total);

    /* An ICMP error about a packet of this flow. */
    void (*quoted)(void *slot, const struct weir_facts *facts);

    /* A new record of the flow begins: clears what counts for one record. */
    void (*begin)(void *slot, const struct weir_flow *flow);

    /* Fills the body and the identity's addresses, ports and times; false: nothing was counted, there is no record. */
    bool (*record)(const void *slot, const struct weir_flow *flow, enum weir_reason reason, void *body,
                   struct weir_identity *identity);

    /* Adds what another record's body counts to a body, and brings the identity's times up to date. Whatever is no count stays.
     */
    void (*gather)(void *body, struct weir_identity *identity, const void *other);
};

#endif
