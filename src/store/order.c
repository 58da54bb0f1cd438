#include "store/order.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

struct key {
    int64_t closed_ns, stime_ns;
    struct weir_flow_id id;
    uint32_t record;
};

/* Records that a lane has handed over at once. */
struct chunk {
    char *bytes;
    size_t used, room;
    struct entry {
        struct key key;
        size_t at, length;
    } * entry;
    size_t entries, entry_room;
    size_t left; /* entries that are not given out yet */
    struct chunk *next;
};

struct waiting {
    struct key key;
    struct chunk *chunk;
    size_t entry;
};

struct lane {
    struct chunk *chunk; /* being filled; the lane's own */
    int64_t clock_ns;    /* under the lock */
};

struct weir_order {
    weir_order_sink *sink;
    void *context;
    unsigned lanes;
    struct lane *lane;
    pthread_mutex_t lock; /* for all that follows, and the sink */
    struct waiting *heap; /* smallest first */
    size_t waiting, heap_room;
    struct chunk *spare;
    struct weir_error failure; /* code WEIR_OK: none */
};

weir_err weir_order_create(unsigned lanes, weir_order_sink *sink, void *context, struct weir_order **out,
                           struct weir_error *error)
{
    *out = NULL;
    struct weir_order *order = calloc(1, sizeof *order);
    if (!order || !(order->lane = calloc(lanes, sizeof *order->lane))) {
        free(order);
        return weir_fail(error, WEIR_ERR_MEMORY, "records of %u lanes: out of memory", lanes);
    }
    order->lanes = lanes;
    order->sink = sink;
    order->context = context;
    for (unsigned i = 0; i < lanes; i++)
        order->lane[i].clock_ns = INT64_MIN;
    pthread_mutex_init(&order->lock, NULL);
    *out = order;
    return WEIR_OK;
}

static void free_chunk(struct chunk *chunk)
{
    if (chunk) {
        free(chunk->bytes);
        free(chunk->entry);
        free(chunk);
    }
}

void weir_order_destroy(struct weir_order **order)
{
    if (!order || !*order)
        return;
    struct weir_order *o = *order;
    for (size_t i = 0; i < o->waiting; i++) {
        struct chunk *chunk = o->heap[i].chunk;
        if (--chunk->left == 0)
            free_chunk(chunk);
    }
    for (unsigned i = 0; i < o->lanes; i++)
        free_chunk(o->lane[i].chunk);
    for (struct chunk *chunk = o->spare, *next; chunk; chunk = next) {
        next = chunk->next;
        free_chunk(chunk);
    }
    pthread_mutex_destroy(&o->lock);
    free(o->heap);
    free(o->lane);
    free(o);
    *order = NULL;
}

/* Makes room for `more` elements behind `used`. */
static bool grow(void **array, size_t *room, size_t used, size_t more, size_t size)
{
    if (*room - used >= more)
        return true;
    size_t wanted = *room ? *room : 4096 / size + 1;
    while (wanted - used < more)
        wanted *= 2;
    void *bigger = realloc(*array, wanted * size);
    if (!bigger)
        return false;
    *array = bigger;
    *room = wanted;
    return true;
}

char *weir_order_reserve(struct weir_order *order, unsigned lane, size_t room)
{
    struct chunk *chunk = order->lane[lane].chunk;
    if (!chunk) {
        pthread_mutex_lock(&order->lock);
        if ((chunk = order->spare))
            order->spare = chunk->next;
        pthread_mutex_unlock(&order->lock);
        if (!chunk && !(chunk = calloc(1, sizeof *chunk)))
            return NULL;
        order->lane[lane].chunk = chunk;
    }
    if (!grow((void **)&chunk->bytes, &chunk->room, chunk->used, room, 1) ||
        !grow((void **)&chunk->entry, &chunk->entry_room, chunk->entries, 1, sizeof *chunk->entry))
        return NULL;
    return chunk->bytes + chunk->used;
}

void weir_order_keep(struct weir_order *order, unsigned lane, const struct weir_record *record, size_t length)
{
    struct chunk *chunk = order->lane[lane].chunk;
    chunk->entry[chunk->entries++] = (struct entry){.key = {.closed_ns = record->closed_ns,
                                                            .stime_ns = record->identity.stime_ns,
                                                            .id = record->identity.flow_id,
                                                            .record = record->identity.record},
                                                    .at = chunk->used,
                                                    .length = length};
    chunk->used += length;
}

static bool before(const struct key *a, const struct key *b)
{
    if (a->closed_ns != b->closed_ns)
        return a->closed_ns < b->closed_ns;
    if (a->stime_ns != b->stime_ns)
        return a->stime_ns < b->stime_ns;
    if (a->id.high != b->id.high)
        return a->id.high < b->id.high;
    if (a->id.low != b->id.low)
        return a->id.low < b->id.low;
    return a->record < b->record;
}

static void push(struct weir_order *order, struct waiting item)
{
    size_t i = order->waiting++;
    for (size_t parent; i > 0 && before(&item.key, &order->heap[parent = (i - 1) / 2].key); i = parent)
        order->heap[i] = order->heap[parent];
    order->heap[i] = item;
}

static struct waiting pop(struct weir_order *order)
{
    struct waiting *heap = order->heap, first = heap[0], last = heap[--order->waiting];
    size_t i = 0;
    for (size_t child; (child = 2 * i + 1) < order->waiting; i = child) {
        if (child + 1 < order->waiting && before(&heap[child + 1].key, &heap[child].key))
            child++;
        if (!before(&heap[child].key, &last.key))
            break;
        heap[i] = heap[child];
    }
    heap[i] = last;
    return first;
}

/* Takes over what the lane has gathered. */
static bool take(struct weir_order *order, struct lane *lane)
{
    struct chunk *chunk = lane->chunk;
    if (!chunk || !chunk->entries)
        return true;
    if (!grow((void **)&order->heap, &order->heap_room, order->waiting, chunk->entries, sizeof *order->heap))
        return false;
    for (size_t i = 0; i < chunk->entries; i++)
        push(order, (struct waiting){.key = chunk->entry[i].key, .chunk = chunk, .entry = i});
    chunk->left = chunk->entries;
    lane->chunk = NULL;
    return true;
}

static void give(struct weir_order *order)
{
    int64_t clock_ns = INT64_MAX;
    for (unsigned i = 0; i < order->lanes; i++)
        clock_ns = order->lane[i].clock_ns < clock_ns ? order->lane[i].clock_ns : clock_ns;
    /* INT64_MAX: all lanes have ended, and so closes what was open then */
    while (order->waiting && (order->heap[0].key.closed_ns < clock_ns || clock_ns == INT64_MAX)) {
        struct waiting item = pop(order);
        const struct entry *entry = &item.chunk->entry[item.entry];
        if (order->failure.code == WEIR_OK)
            order->failure.code = order->sink(order->context, item.chunk->bytes + entry->at, entry->length, &order->failure);
        if (--item.chunk->left == 0) {
            item.chunk->used = item.chunk->entries = 0;
            item.chunk->next = order->spare;
            order->spare = item.chunk;
        }
    }
}

weir_err weir_order_advance(struct weir_order *order, unsigned lane, int64_t clock_ns, struct weir_error *error)
{
    pthread_mutex_lock(&order->lock);
    if (!take(order, &order->lane[lane]))
        weir_fail(&order->failure, WEIR_ERR_MEMORY, "records that wait for their order: out of memory");
    order->lane[lane].clock_ns = clock_ns;
    give(order);
    weir_err code = order->failure.code;
    if (code != WEIR_OK && error)
        *error = order->failure;
    pthread_mutex_unlock(&order->lock);
    return code;
}
