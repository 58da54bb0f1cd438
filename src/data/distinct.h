/* How many different values there are, in bounded memory: exact up to WEIR_DISTINCT_EXACT, then an estimate from the share of the
 * hashes' range that so many smallest ones fill (standard error 1.6 %). One thread. */
#ifndef WEIR_DATA_DISTINCT_H
#define WEIR_DATA_DISTINCT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { WEIR_DISTINCT_EXACT = 8192 };

/* {0} is an empty one. */
struct weir_distinct {
    uint64_t *slot; /* open addressing, 0 = free; private */
    size_t slots, count;
    uint64_t limit; /* hashes from here on are not kept; 0: all are */
    bool failed;    /* out of memory: what it says is worth nothing */
};

/* Adds a value by its 64-bit hash, which is not 0. */
void weir_distinct_add(struct weir_distinct *distinct, uint64_t hash);

/* How many were added that differ. *exact: whether that is known. */
uint64_t weir_distinct_count(const struct weir_distinct *distinct, bool *exact);

/* Safe on zeroes. */
void weir_distinct_fini(struct weir_distinct *distinct);

#endif
