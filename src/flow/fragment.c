#include "flow/fragment.h"

#include <stdlib.h>

#define WAYS 4

struct note {
    struct weir_flow_key key;
    int64_t noted_ns;
    uint32_t number, generation;
    uint32_t bytes, total; /* of the datagram's payload; total 0: its last fragment has not come */
    bool used;
};

struct weir_fragments {
    struct note *notes;
    size_t sets;
};

weir_err weir_fragments_create(size_t notes, struct weir_fragments **out, struct weir_error *error)
{
    struct weir_fragments *fragments = calloc(1, sizeof *fragments);
    if (fragments) {
        fragments->sets = 1;
        while (fragments->sets * WAYS < notes)
            fragments->sets *= 2;
        fragments->notes = calloc(fragments->sets * WAYS, sizeof *fragments->notes);
    }
    if (!fragments || !fragments->notes) {
        weir_fragments_destroy(&fragments);
        return weir_fail(error, WEIR_ERR_MEMORY, "fragment cache: no memory for %zu notes; give a smaller flow table", notes);
    }
    *out = fragments;
    return WEIR_OK;
}

void weir_fragments_destroy(struct weir_fragments **fragments)
{
    if (!fragments || !*fragments)
        return;
    free((*fragments)->notes);
    free(*fragments);
    *fragments = NULL;
}

void weir_fragments_clear(struct weir_fragments *fragments)
{
    memset(fragments->notes, 0, fragments->sets * WAYS * sizeof *fragments->notes);
}

bool weir_fragment_key(const struct weir_facts *facts, struct weir_flow_key *key)
{
    bool swap = weir_flow_key_ends(key, facts->ip_version, facts->proto, facts->src, facts->dst, 0, 0, true);
    key->kind = UINT8_MAX;
    key->extra = (uint64_t)facts->ip_id | (uint64_t)swap << 32;
    return swap;
}

static struct note *find(struct weir_fragments *fragments, const struct weir_flow_key *key, struct note **oldest)
{
    struct note *set = fragments->notes + (weir_flow_key_hash(key) & (fragments->sets - 1)) * WAYS;
    struct note *victim = set;
    for (struct note *note = set; note < set + WAYS; note++) {
        if (note->used && weir_flow_key_equal(&note->key, key))
            return note;
        if (victim->used && (!note->used || note->noted_ns < victim->noted_ns))
            victim = note;
    }
    if (oldest)
        *oldest = victim;
    return NULL;
}

static void add(struct note *note, const struct weir_facts *facts)
{
    note->bytes += facts->l4_bytes;
    if (!(facts->flags & WEIR_FACT_FRAGMENT_MORE))
        note->total = facts->fragment_offset + facts->l4_bytes;
    if (note->total && note->bytes == note->total)
        note->used = false;
}

void weir_fragments_note(struct weir_fragments *fragments, const struct weir_flow_key *key, const struct weir_facts *facts,
                         int64_t now_ns, uint32_t number, uint32_t generation, uint32_t early, uint32_t total)
{
    struct note *place = NULL, *note = find(fragments, key, &place);
    if (!note)
        note = place;
    *note = (struct note){.key = *key,
                          .noted_ns = now_ns,
                          .number = number,
                          .generation = generation,
                          .bytes = early,
                          .total = total,
                          .used = true};
    add(note, facts);
}

bool weir_fragments_find(struct weir_fragments *fragments, const struct weir_flow_key *key, const struct weir_facts *facts,
                         int64_t now_ns, uint32_t *number, uint32_t *generation)
{
    struct note *note = find(fragments, key, NULL);
    if (!note)
        return false;
    if (now_ns - note->noted_ns >= WEIR_FRAGMENT_TIMEOUT_NS) {
        note->used = false;
        return false;
    }
    *number = note->number;
    *generation = note->generation;
    add(note, facts);
    return true;
}
