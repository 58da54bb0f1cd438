/* The fragment cache: which flow the later fragments of a datagram belong to.
 *
 * The first fragment (offset 0) has the ports and finds its flow; it leaves a note here, and the others follow the note. A note
 * dies when the datagram is complete, or after five seconds. Fixed memory: where a set of four is full, the oldest note gives
 * way. Belongs to one thread.
 */
#ifndef WEIR_FLOW_FRAGMENT_H
#define WEIR_FLOW_FRAGMENT_H

#include <stddef.h>
#include <stdint.h>

#include "decode/facts.h"
#include "flow/key.h"
#include "weir/error.h"

#define WEIR_FRAGMENT_TIMEOUT_NS (5 * INT64_C(1000000000))

struct weir_fragments;

/* notes: how many datagrams at a time (rounded up to a power of two, at least 4). WEIR_ERR_MEMORY. */
weir_err weir_fragments_create(size_t notes, struct weir_fragments **out, struct weir_error *error);
void weir_fragments_destroy(struct weir_fragments **fragments);

/* The key of a datagram: ends, protocol and identification of a fragment. Returns true when `low` is the destination. */
bool weir_fragment_key(const struct weir_facts *facts, struct weir_flow_key *key);

/* First fragment: its datagram belongs to the flow with this number and generation. `early`: bytes of later fragments that came
 * before it, and the datagram's length if its last fragment was among them, else 0. */
void weir_fragments_note(struct weir_fragments *fragments, const struct weir_flow_key *key, const struct weir_facts *facts,
                         int64_t now_ns, uint32_t number, uint32_t generation, uint32_t early, uint32_t total);

/* Later fragment: true when a note is there; *number, *generation are what was noted. */
bool weir_fragments_find(struct weir_fragments *fragments, const struct weir_flow_key *key, const struct weir_facts *facts,
                         int64_t now_ns, uint32_t *number, uint32_t *generation);

/* Forgets everything. */
void weir_fragments_clear(struct weir_fragments *fragments);

#endif
