/* Aligned copies of frames that are under way. Memory is kept for the next frame. One thread. */
#ifndef WEIR_QUEUE_SLOTS_H
#define WEIR_QUEUE_SLOTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { WEIR_SLOTS_HANDED = 64 }; /* that a user may have under way at an end */

struct weir_slot {
    uint8_t *bytes; /* 64-byte aligned */
    size_t size, room;
    size_t next_spare; /* plus 1; 0: none */
};

struct weir_slots { /* start with {0} */
    struct weir_slot *slot;
    size_t count, busy;
    size_t spare; /* the first slot that is free, plus 1; 0: none */
};

/* Copies a frame into a free slot; its number, or -1: no memory. Slots may move in memory, their bytes do not. */
int weir_slots_put(struct weir_slots *slots, const void *bytes, size_t size);

void weir_slots_give(struct weir_slots *slots, size_t slot);
void weir_slots_fini(struct weir_slots *slots);

#endif
