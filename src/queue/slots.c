#include "queue/slots.h"

#include <stdlib.h>
#include <string.h>

static bool make_more(struct weir_slots *slots)
{
    size_t count = slots->count ? 2 * slots->count : 16;
    struct weir_slot *slot = realloc(slots->slot, count * sizeof *slot);
    if (!slot)
        return false;
    memset(slot + slots->count, 0, (count - slots->count) * sizeof *slot);
    for (size_t i = slots->count; i + 1 < count; i++)
        slot[i].next_spare = i + 2;
    slots->spare = slots->count + 1;
    slots->slot = slot;
    slots->count = count;
    return true;
}

int weir_slots_put(struct weir_slots *slots, const void *bytes, size_t size)
{
    if (!slots->spare && !make_more(slots))
        return -1;
    int at = (int)(slots->spare - 1);
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
    slots->spare = slot->next_spare;
    slots->busy++;
    return at;
}

void weir_slots_give(struct weir_slots *slots, size_t slot)
{
    slots->slot[slot].next_spare = slots->spare;
    slots->spare = slot + 1;
    slots->busy--;
}

void weir_slots_fini(struct weir_slots *slots)
{
    for (size_t i = 0; i < slots->count; i++)
        free(slots->slot[i].bytes);
    free(slots->slot);
    *slots = (struct weir_slots){0};
}
