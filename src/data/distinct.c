#include "data/distinct.h"

#include <stdlib.h>

static void insert(struct weir_distinct *distinct, uint64_t hash)
{
    size_t at = (size_t)(hash >> 20) & (distinct->slots - 1); /* low values are kept: the top bits do not spread */
    while (distinct->slot[at] && distinct->slot[at] != hash)
        at = (at + 1) & (distinct->slots - 1);
    distinct->count += !distinct->slot[at];
    distinct->slot[at] = hash;
}

/* Makes a table of `slots` of what is below the limit. */
static void rebuild(struct weir_distinct *distinct, size_t slots)
{
    struct weir_distinct next = {.slot = calloc(slots, sizeof *next.slot), .slots = slots, .limit = distinct->limit};
    if (!next.slot) {
        distinct->failed = true;
        return;
    }
    for (size_t i = 0; i < distinct->slots; i++)
        if (distinct->slot[i] && (!next.limit || distinct->slot[i] < next.limit))
            insert(&next, distinct->slot[i]);
    free(distinct->slot);
    *distinct = next;
}

void weir_distinct_add(struct weir_distinct *distinct, uint64_t hash)
{
    if (distinct->failed || (distinct->limit && hash >= distinct->limit))
        return;
    if (distinct->count * 2 >= distinct->slots && distinct->slots < 2 * WEIR_DISTINCT_EXACT)
        rebuild(distinct, distinct->slots ? distinct->slots * 2 : 64);
    while (!distinct->failed && distinct->count >= WEIR_DISTINCT_EXACT) {
        distinct->limit = distinct->limit ? distinct->limit / 2 : UINT64_C(1) << 63;
        rebuild(distinct, distinct->slots);
    }
    if (!distinct->failed && (!distinct->limit || hash < distinct->limit))
        insert(distinct, hash);
}

uint64_t weir_distinct_count(const struct weir_distinct *distinct, bool *exact)
{
    *exact = !distinct->limit;
    if (*exact)
        return distinct->count;
    return (uint64_t)((double)distinct->count * (0x1p64 / (double)distinct->limit));
}

void weir_distinct_fini(struct weir_distinct *distinct)
{
    free(distinct->slot);
    *distinct = (struct weir_distinct){0};
}
