/* The flow table of one lane: entries by key, and lists of entries by age.
 *
 * All memory is taken at creation; entries are reused. Each entry has the shared head below and a slot of `slot_bytes` that
 * belongs to the view. A table belongs to one thread.
 *
 * Lists hold entries in the order in which they were put there. Every deadline is a fixed time after that moment, so the head of
 * a list is always the next one due, and a timer is one comparison.
 *
 * Keys are found through an index with open addressing that holds the hashes, so that the entry of a packet is known, and can be
 * asked for, before any entry is read.
 */
#ifndef WEIR_FLOW_TABLE_H
#define WEIR_FLOW_TABLE_H

#include <stddef.h>
#include <stdint.h>

#include "flow/key.h"
#include "weir/error.h"

#define WEIR_TIMEOUTS_MAX 6 /* different idle time-outs of a view */

enum weir_flow_list {
    WEIR_LIST_NONE,
    WEIR_LIST_OPEN,   /* its record is open; oldest record first */
    WEIR_LIST_SILENT, /* its record was emitted, nothing has come since; one list a time-out: WEIR_LIST_SILENT + i */
    WEIR_LIST_COUNT = WEIR_LIST_SILENT + WEIR_TIMEOUTS_MAX
};

/* The first cache line is all that a packet of a flow with an open record needs. */
struct weir_flow {
    struct weir_flow_key key;
    uint32_t hash;
    uint32_t number; /* of the entry */
    uint32_t generation;
    uint8_t list;
    uint8_t single; /* in the FIFO of flows that have one packet */
    uint8_t timeout;
    uint8_t flags; /* the view's */

    uint32_t previous, next; /* in the list */
    uint32_t older, newer;   /* in the FIFO */
    int64_t record_ns;       /* stream time of the open record's first packet */
    int64_t begun_ns;        /* stream time of the flow's first packet */
    uint32_t record;         /* number of the open record */
    uint32_t occurrence;     /* of the key at begun_ns: see weir_flow_id_make */
};

/* Private to the table and the inline functions below. */
struct weir_table {
    struct weir_table_place {
        uint32_t hash;
        uint32_t number; /* of the entry, plus 1; 0: free */
    } * index;
    uint8_t *entries;
    size_t stride, bytes;
    uint32_t index_mask;
    uint32_t capacity, count, singles, fresh; /* fresh: entries that were never used begin here */
    uint32_t free;
    struct {
        uint32_t head, tail;
    } list[WEIR_LIST_COUNT], single;
};

#define WEIR_TABLE_NONE UINT32_MAX

/* capacity: entries (2 to 2^30). WEIR_ERR_ARGUMENT, WEIR_ERR_MEMORY. */
weir_err weir_table_create(size_t capacity, size_t slot_bytes, struct weir_table **out, struct weir_error *error);

/* Frees all, sets *table to NULL. NULL-safe. */
void weir_table_destroy(struct weir_table **table);

/* Entries by number (weir_flow.number), for handles: below capacity. */
static inline struct weir_flow *weir_table_entry(const struct weir_table *table, uint32_t number)
{
    return (struct weir_flow *)(void *)(table->entries + number * table->stride);
}

/* The view's part of an entry. */
static inline void *weir_flow_slot(const struct weir_flow *flow)
{
    return (uint8_t *)(uintptr_t)flow + sizeof *flow;
}

/* The entry of the key, or NULL. */
static inline struct weir_flow *weir_table_find(const struct weir_table *table, const struct weir_flow_key *key, uint32_t hash)
{
    for (uint32_t at = hash & table->index_mask; table->index[at].number; at = (at + 1) & table->index_mask) {
        if (table->index[at].hash != hash)
            continue;
        struct weir_flow *flow = weir_table_entry(table, table->index[at].number - 1);
        if (weir_flow_key_equal(&flow->key, key))
            return flow;
    }
    return NULL;
}

/* Memory is far: a packet's flow is rarely in a cache. These ask for it ahead of time, for packets that come soon: first for the
 * place in the index; some packets later, when it is there, the second tells (but does not touch) the entry where the flow is
 * most likely to be, or a new one would go; NULL: none is left. */
static inline void weir_table_prefetch(const struct weir_table *table, uint32_t hash)
{
    __builtin_prefetch(&table->index[hash & table->index_mask]);
}

static inline const struct weir_flow *weir_table_guess(const struct weir_table *table, uint32_t hash)
{
    for (uint32_t at = hash & table->index_mask; table->index[at].number; at = (at + 1) & table->index_mask)
        if (table->index[at].hash == hash)
            return weir_table_entry(table, table->index[at].number - 1);
    uint32_t number = table->free != WEIR_TABLE_NONE ? table->free : table->fresh;
    return number < table->capacity ? weir_table_entry(table, number) : NULL;
}

/* All of an entry that is needed soon. */
static inline void weir_table_prefetch_entry(const struct weir_table *table, uint32_t number)
{
    const uint8_t *line = table->entries + number * table->stride;
    for (size_t at = 0; at < table->stride; at += 64)
        __builtin_prefetch(line + at, 1);
}

/* An entry for a key that is not there: put in the index, in no list but the one-packet FIFO; its slot is zero. NULL when the
 * table is full: release one (weir_table_victim). */
struct weir_flow *weir_table_take(struct weir_table *table, const struct weir_flow_key *key, uint32_t hash);

/* Gives the entry back; handles of it become stale. */
void weir_table_release(struct weir_table *table, struct weir_flow *flow);

/* Puts the entry at the end of a list, out of the one it is in. */
void weir_table_move(struct weir_table *table, struct weir_flow *flow, unsigned list);

/* The flow had its second packet. */
void weir_table_settle(struct weir_table *table, struct weir_flow *flow);

/* The oldest entry of a list, or NULL; the one behind an entry in its list, or NULL. */
struct weir_flow *weir_table_head(const struct weir_table *table, unsigned list);
struct weir_flow *weir_table_after(const struct weir_table *table, const struct weir_flow *flow);

/* Who goes when the table is full: the oldest flow of one packet as long as such flows hold a quarter of the table or more, else
 * the flow that has been silent longest, else the oldest record. Established flows thus keep three quarters. NULL when empty. */
struct weir_flow *weir_table_victim(const struct weir_table *table);

size_t weir_table_count(const struct weir_table *table);

#endif
