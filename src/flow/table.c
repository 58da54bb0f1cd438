#include "flow/table.h"

#include <stdlib.h>
#include <sys/mman.h>

#define NONE WEIR_TABLE_NONE
#define LINE 64

static struct weir_flow *entry(const struct weir_table *table, uint32_t number)
{
    return weir_table_entry(table, number);
}

/* Zeroed pages, NULL when there are none. Pages that no flow has used yet cost nothing: entries are handed out from the front. */
static void *map_pages(size_t bytes)
{
    void *pages = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (pages == MAP_FAILED)
        return NULL;
    madvise(pages, bytes, MADV_HUGEPAGE); /* fewer TLB misses; merely slower where it is refused */
    return pages;
}

weir_err weir_table_create(size_t capacity, size_t slot_bytes, struct weir_table **out, struct weir_error *error)
{
    if (capacity < 2 || capacity > (size_t)1 << 30)
        return weir_fail(error, WEIR_ERR_ARGUMENT, "flow table: %zu entries: give 2 to %zu", capacity, (size_t)1 << 30);
    weir_err err = WEIR_ERR_MEMORY;
    struct weir_table *table = calloc(1, sizeof *table);
    if (!table)
        goto fail;
    size_t places = 2;
    while (places < capacity * 2)
        places *= 2;
    table->capacity = (uint32_t)capacity;
    table->index_mask = (uint32_t)(places - 1);
    table->stride = (sizeof(struct weir_flow) + slot_bytes + LINE - 1) & ~(size_t)(LINE - 1);
    table->free = NONE;
    for (unsigned i = 0; i < WEIR_LIST_COUNT; i++)
        table->list[i].head = table->list[i].tail = NONE;
    table->single.head = table->single.tail = NONE;
    if (__builtin_mul_overflow(table->stride, capacity, &table->bytes))
        goto fail;
    table->entries = map_pages(table->bytes);
    table->index = map_pages(places * sizeof *table->index);
    if (!table->entries || !table->index)
        goto fail;
    *out = table;
    return WEIR_OK;
fail:
    weir_table_destroy(&table);
    return weir_fail(error, err, "flow table: no memory for %zu flows; give a smaller table", capacity);
}

void weir_table_destroy(struct weir_table **table)
{
    if (!table || !*table)
        return;
    if ((*table)->entries)
        munmap((*table)->entries, (*table)->bytes);
    if ((*table)->index)
        munmap((*table)->index, ((size_t)(*table)->index_mask + 1) * sizeof *(*table)->index);
    free(*table);
    *table = NULL;
}

static void list_unlink(struct weir_table *table, struct weir_flow *flow)
{
    uint32_t *head = &table->list[flow->list].head, *tail = &table->list[flow->list].tail;
    if (flow->previous == NONE)
        *head = flow->next;
    else
        entry(table, flow->previous)->next = flow->next;
    if (flow->next == NONE)
        *tail = flow->previous;
    else
        entry(table, flow->next)->previous = flow->previous;
}

void weir_table_move(struct weir_table *table, struct weir_flow *flow, unsigned to)
{
    if (flow->list != WEIR_LIST_NONE)
        list_unlink(table, flow);
    uint32_t *head = &table->list[to].head, *tail = &table->list[to].tail;
    uint32_t number = flow->number;
    flow->list = (uint8_t)to;
    flow->previous = *tail;
    flow->next = NONE;
    if (*tail == NONE)
        *head = number;
    else
        entry(table, *tail)->next = number;
    *tail = number;
}

void weir_table_settle(struct weir_table *table, struct weir_flow *flow)
{
    if (!flow->single)
        return;
    flow->single = 0;
    table->singles--;
    if (flow->older == NONE)
        table->single.head = flow->newer;
    else
        entry(table, flow->older)->newer = flow->newer;
    if (flow->newer == NONE)
        table->single.tail = flow->older;
    else
        entry(table, flow->newer)->older = flow->older;
}

struct weir_flow *weir_table_take(struct weir_table *table, const struct weir_flow_key *key, uint32_t hash)
{
    uint32_t number = table->free;
    if (number == NONE && table->fresh == table->capacity)
        return NULL;
    struct weir_flow *flow;
    uint32_t generation = 0;
    if (number != NONE) {
        flow = entry(table, number);
        table->free = flow->next;
        generation = flow->generation;
        memset(flow, 0, table->stride);
    } else { /* still the zeros that the kernel gave */
        number = table->fresh++;
        flow = entry(table, number);
    }
    flow->key = *key;
    flow->generation = generation;
    flow->hash = hash;
    flow->number = number;
    uint32_t at = hash & table->index_mask;
    while (table->index[at].number)
        at = (at + 1) & table->index_mask;
    table->index[at] = (struct weir_table_place){hash, number + 1};
    flow->single = 1;
    flow->older = table->single.tail;
    flow->newer = NONE;
    if (table->single.tail == NONE)
        table->single.head = number;
    else
        entry(table, table->single.tail)->newer = number;
    table->single.tail = number;
    table->singles++;
    table->count++;
    return flow;
}

/* Frees the entry's place. Whatever stands behind it, up to the next free place, moves up as far as its hash allows, so that a
 * search may always stop at a free place. */
static void index_remove(struct weir_table *table, const struct weir_flow *flow)
{
    const uint32_t mask = table->index_mask;
    uint32_t hole = flow->hash & mask;
    while (table->index[hole].number != flow->number + 1)
        hole = (hole + 1) & mask;
    for (uint32_t at = (hole + 1) & mask; table->index[at].number; at = (at + 1) & mask) {
        uint32_t home = table->index[at].hash & mask;
        if (((at - home) & mask) < ((at - hole) & mask))
            continue;
        table->index[hole] = table->index[at];
        hole = at;
    }
    table->index[hole].number = 0;
}

void weir_table_release(struct weir_table *table, struct weir_flow *flow)
{
    index_remove(table, flow);
    weir_table_settle(table, flow);
    if (flow->list != WEIR_LIST_NONE)
        list_unlink(table, flow);
    flow->list = WEIR_LIST_NONE;
    flow->generation++;
    flow->next = table->free;
    table->free = flow->number;
    table->count--;
}

struct weir_flow *weir_table_head(const struct weir_table *table, unsigned list)
{
    uint32_t number = table->list[list].head;
    return number == NONE ? NULL : entry(table, number);
}

struct weir_flow *weir_table_after(const struct weir_table *table, const struct weir_flow *flow)
{
    return flow->next == NONE ? NULL : entry(table, flow->next);
}

struct weir_flow *weir_table_victim(const struct weir_table *table)
{
    if (table->singles && table->singles >= table->capacity / 4)
        return entry(table, table->single.head);
    struct weir_flow *victim = NULL;
    for (unsigned list = WEIR_LIST_SILENT; list < WEIR_LIST_COUNT; list++) {
        struct weir_flow *head = weir_table_head(table, list);
        if (head && (!victim || head->record_ns < victim->record_ns))
            victim = head;
    }
    return victim ? victim : weir_table_head(table, WEIR_LIST_OPEN);
}

size_t weir_table_count(const struct weir_table *table)
{
    return table->count;
}
