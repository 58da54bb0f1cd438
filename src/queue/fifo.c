#include "queue/fifo.h"

#include <stdlib.h>

bool weir_fifo_push(struct weir_fifo *fifo, uint32_t item)
{
    if (fifo->count == fifo->room) {
        size_t room = fifo->room ? 2 * fifo->room : 64;
        uint32_t *fresh = malloc(room * sizeof *fresh);
        if (!fresh)
            return false;
        for (size_t i = 0; i < fifo->count; i++)
            fresh[i] = fifo->item[(fifo->first + i) % fifo->room];
        free(fifo->item);
        fifo->item = fresh;
        fifo->room = room;
        fifo->first = 0;
    }
    fifo->item[(fifo->first + fifo->count++) % fifo->room] = item;
    return true;
}

uint32_t weir_fifo_pop(struct weir_fifo *fifo)
{
    uint32_t item = fifo->item[fifo->first];
    fifo->first = (fifo->first + 1) % fifo->room;
    fifo->count--;
    return item;
}

void weir_fifo_clear(struct weir_fifo *fifo)
{
    fifo->first = fifo->count = 0;
}

void weir_fifo_fini(struct weir_fifo *fifo)
{
    free(fifo->item);
    *fifo = (struct weir_fifo){0};
}
