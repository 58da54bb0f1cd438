#include "queue/mark_table.h"

#include <stdlib.h>
#include <string.h>

#include "base/array.h"

static int compare(const struct weir_mark *mark, const uint8_t sensor[16], uint64_t boot, uint32_t lane)
{
    int order = memcmp(mark->sensor, sensor, sizeof mark->sensor);
    if (order)
        return order;
    if (mark->boot != boot)
        return mark->boot < boot ? -1 : 1;
    return (mark->lane > lane) - (mark->lane < lane);
}

/* Place of the mark, or where it would be. */
static size_t place(const struct weir_mark_table *table, const uint8_t sensor[16], uint64_t boot, uint32_t lane)
{
    size_t low = 0, high = table->count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (compare(&table->item[middle].mark, sensor, boot, lane) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool is(const struct weir_mark_table *table, size_t at, const uint8_t sensor[16], uint64_t boot, uint32_t lane)
{
    return at < table->count && !compare(&table->item[at].mark, sensor, boot, lane);
}

static unsigned bits(const struct weir_mark *mark)
{
    unsigned count = 0;
    for (size_t i = 0; i < WEIR_MARK_ABOVE / 64; i++)
        count += (unsigned)__builtin_popcountll(mark->above[i]);
    return count;
}

bool weir_mark_table_put(struct weir_mark_table *table, const struct weir_mark *mark)
{
    size_t at = place(table, mark->sensor, mark->boot, mark->lane);
    if (is(table, at, mark->sensor, mark->boot, mark->lane)) {
        struct weir_known_mark *known = &table->item[at];
        if (mark->next < known->mark.next || (mark->next == known->mark.next && bits(mark) <= bits(&known->mark)))
            return true;
        known->mark = *mark;
        known->fresh = true;
        return true;
    }
    if (table->count == table->room) {
        size_t room = table->room ? 2 * table->room : 16;
        if (!weir_array_resize(&table->item, room, sizeof *table->item))
            return false;
        table->room = room;
    }
    memmove(table->item + at + 1, table->item + at, (table->count - at) * sizeof *table->item);
    table->item[at] = (struct weir_known_mark){*mark, true};
    table->count++;
    return true;
}

bool weir_mark_table_covers(const struct weir_mark_table *table, const uint8_t sensor[16], uint64_t boot, uint32_t lane,
                            uint64_t seq)
{
    size_t at = place(table, sensor, boot, lane);
    return is(table, at, sensor, boot, lane) && weir_mark_covers(&table->item[at].mark, seq);
}

size_t weir_mark_table_first(const struct weir_mark_table *table, const uint8_t sensor[16])
{
    return place(table, sensor, 0, 0);
}

size_t weir_mark_table_take(struct weir_mark_table *table, struct weir_mark *out, size_t room)
{
    size_t count = 0;
    for (size_t i = 0; i < table->count && count < room; i++)
        if (table->item[i].fresh) {
            out[count++] = table->item[i].mark;
            table->item[i].fresh = false;
        }
    return count;
}

void weir_mark_table_fini(struct weir_mark_table *table)
{
    free(table->item);
    *table = (struct weir_mark_table){0};
}

void weir_mark_write(const struct weir_mark *mark, uint8_t out[WEIR_MARK_BYTES])
{
    memcpy(out, &mark->next, 8);
    memcpy(out + 8, mark->above, sizeof mark->above);
    memcpy(out + 8 + sizeof mark->above, &mark->service_ns, 8);
}

void weir_mark_read(struct weir_mark *mark, const uint8_t in[WEIR_MARK_BYTES])
{
    memcpy(&mark->next, in, 8);
    memcpy(mark->above, in + 8, sizeof mark->above);
    memcpy(&mark->service_ns, in + 8 + sizeof mark->above, 8);
}
