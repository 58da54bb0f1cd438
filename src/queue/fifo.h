/* A queue of small numbers, such as of slots or of replies to come, that grows as it must. One thread. */
#ifndef WEIR_QUEUE_FIFO_H
#define WEIR_QUEUE_FIFO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct weir_fifo { /* start with {0} */
    uint32_t *item;
    size_t first, count, room;
};

/* False: no memory; nothing is lost. */
bool weir_fifo_push(struct weir_fifo *fifo, uint32_t item);

/* The oldest; there is one. */
uint32_t weir_fifo_pop(struct weir_fifo *fifo);

/* Empties it; the memory stays. */
void weir_fifo_clear(struct weir_fifo *fifo);
void weir_fifo_fini(struct weir_fifo *fifo);

#endif
