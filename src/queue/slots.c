#include "queue/slots.h"

#include <stdlib.h>
#include <string.h>

static int find_free(struct weir_slots *slots)
{
    for (size_t i = 0; slots->busy < slots->count && i < slots->count; i++)
        if (!slots->slot[i].busy)
            return (int)i;
    size_t count = slots->count ? 2 * slots->count : 16;
    struct weir_slot *slot = realloc(slots->slot, count * sizeof *slot);
    if (!slot)
        return -1;
    memset(slot + slots->count, 0, (count - slots->count) * sizeof *slot);
    int at = (int)slots->count;
    slots->slot = slot;
    slots->count = count;
    return at;
}

int weir_slots_put(struct weir_slots *slots, const void *bytes, size_t size)
{
    int at = find_free(slots);
    if (at < 0)
        return -1;
    struct weir_slot *slot = &slots->slot[at];
    if (!slot->bytes || slot->room < size) {
        size_t room = (size + size / 4) / 4096 * 4096 + 4096;
        uint8_t *fresh = aligned_alloc(64, room);
        if (!fresh)
            return -1;
        free(slot->bytes);
        slot->bytes = fresh;
        slot->room = room;
    }
    memcpy(slot->bytes, bytes, size);
    slot->size = size;
    slot->busy = true;
    slots->busy++;
    return at;
}

void weir_slots_give(struct weir_slots *slots, size_t slot)
{
    slots->slot[slot].busy = false;
    slots->busy--;
}

void weir_slots_fini(struct weir_slots *slots)
{
    for (size_t i = 0; i < slots->count; i++)
        free(slots->slot[i].bytes);
    free(slots->slot);
    *slots = (struct weir_slots){0};
}
