#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/clock.h"
#include "queue/frame_peek.h"
#include "queue/grumble.h"
#include "queue/mark_table.h"
#include "queue/redis_ends.h"
#include "queue/redis_link.h"
#include "queue/slots.h"

enum { READ, LENGTH, OTHER }; /* tags */
enum { READ_COUNT = 16, BLOCK_MS = 200, DELETE_COUNT = 128 };
static const int64_t open_wait_ns = 2000000000, tend_ns = 1000000000, upset_ns = 50 * 1000000;

/* What lies in weir:v until marks cover all its frames. */
struct entry {
    char id[44];
    size_t count, open; /* open: frames that are not covered, and not refused */
    struct name {
        bool open, known; /* known: it has the head of a frame */
        uint8_t sensor[16];
        uint64_t boot, seq;
        uint32_t lane;
    } name[];
};

struct origin { /* of a slot */
    char id[44];
    size_t number; /* within the entry */
};

struct redis_collector {
    struct weir_collector_end end;
    struct weir_redis_link link;
    unsigned life;
    char last[44];                               /* id of the entry that was read last */
    unsigned long long newest_ms, newest_number; /* the highest id of all lives */
    bool reading, out_of_memory;
    struct weir_slots slots;
    struct weir_fifo waiting; /* slots */
    size_t handed;
    struct origin *origin; /* of each slot */
    size_t origins;
    size_t
        ahead; /* as soon as no more frames than these wait, the next read is sent; 0: the last one brought all that was there */
    struct entry **entry;
    size_t entries, entry_room;
    uint64_t limit, taken; /* taken: entries since the last commit; with half of the limit it is time for one */
    struct weir_mark_table known;
    bool uncovered; /* a commit came after the last look at the entries */
    int64_t next_tend_ns, read_again_ns;
    char upset[200]; /* what the server says against reading; "": nothing */
    struct weir_grumble grumble;
};

void weir_redis_collector_close(struct weir_collector_end *end, int64_t linger_ns)
{
    struct redis_collector *collector = (struct redis_collector *)end;
    int64_t until_ns = weir_clock_mono_ns() + linger_ns;
    uint32_t tag;
    for (redisReply *reply; (reply = weir_redis_link_reply(&collector->link, until_ns, &tag));)
        freeReplyObject(reply);
    weir_redis_link_close(&collector->link);
    weir_slots_fini(&collector->slots);
    weir_mark_table_fini(&collector->known);
    weir_fifo_fini(&collector->waiting);
    for (size_t i = 0; i < collector->entries; i++)
        free(collector->entry[i]);
    free(collector->entry);
    free(collector->origin);
    free(collector);
}

weir_err weir_redis_collector_open(const struct weir_transport_config *config, struct weir_collector_end **out,
                                   struct weir_error *error)
{
    const char *url = config->queues ? config->queue[0] : config->results;
    if (config->queues > 1 || (config->queues && config->results && strcmp(url, config->results)))
        return weir_fail(error, WEIR_ERR_ARGUMENT, "a collector reads from one Redis server");
    struct redis_collector *collector = calloc(1, sizeof *collector);
    if (!collector)
        return weir_fail(error, WEIR_ERR_MEMORY, "queue: out of memory");
    collector->limit = weir_redis_results_most(config);
    weir_err code = weir_redis_link_open(&collector->link, url, open_wait_ns, error);
    if (code != WEIR_OK)
        weir_redis_collector_close(&collector->end, 0);
    else
        *out = &collector->end;
    return code;
}

/* --- what lies in the stream --- */

static bool is_same(const struct entry *a, const struct entry *b)
{
    bool same = a->count == b->count;
    for (size_t i = 0; same && i < a->count; i++) {
        const struct name *x = &a->name[i], *y = &b->name[i];
        same = x->known == y->known && x->boot == y->boot && x->seq == y->seq && x->lane == y->lane &&
               !memcmp(x->sensor, y->sensor, sizeof x->sensor);
    }
    return same;
}

static bool lies_there(struct redis_collector *collector, const struct entry *entry)
{
    unsigned long long ms = 0, number = 0;
    sscanf(entry->id, "%llu-%llu", &ms, &number);
    if (ms > collector->newest_ms || (ms == collector->newest_ms && number > collector->newest_number)) {
        collector->newest_ms = ms;
        collector->newest_number = number;
        return false; /* the usual case: ids rise */
    }
    for (size_t i = 0; i < collector->entries; i++)
        if (!strcmp(collector->entry[i]->id, entry->id))
            return is_same(collector->entry[i], entry);
    return false;
}

static bool note_entry(struct redis_collector *collector, struct entry *entry)
{
    if (collector->entries == collector->entry_room) {
        size_t room = collector->entry_room ? 2 * collector->entry_room : 256;
        struct entry **fresh = realloc(collector->entry, room * sizeof(struct entry *));
        if (!fresh)
            return false;
        collector->entry = fresh;
        collector->entry_room = room;
    }
    collector->entry[collector->entries++] = entry;
    return true;
}

/* NULL: no memory. */
static struct entry *name_entry(const char *id, const struct weir_redis_word *frame, size_t count)
{
    struct entry *entry = calloc(1, sizeof *entry + count * sizeof *entry->name);
    if (!entry)
        return NULL;
    snprintf(entry->id, sizeof entry->id, "%.43s", id);
    entry->count = entry->open = count;
    for (size_t i = 0; i < count; i++) {
        struct name *name = &entry->name[i];
        struct weir_frame_peek peek;
        name->open = true;
        name->known = weir_frame_peek(frame[i].bytes, frame[i].size, &peek);
        if (!name->known)
            continue;
        memcpy(name->sensor, peek.sensor, sizeof name->sensor);
        name->boot = peek.boot;
        name->seq = peek.seq;
        name->lane = peek.lane;
    }
    return entry;
}

/* Whether some of its frames are still to be committed. */
static bool is_open(const struct redis_collector *collector, struct entry *entry)
{
    for (size_t i = 0; entry->open && i < entry->count; i++) {
        struct name *name = &entry->name[i];
        if (name->open && name->known &&
            weir_mark_table_covers(&collector->known, name->sensor, name->boot, name->lane, name->seq)) {
            name->open = false;
            entry->open--;
        }
    }
    return entry->open;
}

static void delete_entries(struct redis_collector *collector, char (*id)[44], size_t count)
{
    struct weir_redis_word word[2 + DELETE_COUNT] = {weir_redis_text("XDEL"), weir_redis_text(WEIR_REDIS_RESULT)};
    for (size_t i = 0; i < count; i++)
        word[2 + i] = weir_redis_text(id[i]);
    if (count)
        weir_redis_link_send(&collector->link, OTHER, word, 2 + count);
}

/* Deletes what is done with from the stream. */
static void trim(struct redis_collector *collector)
{
    char id[DELETE_COUNT][44];
    size_t kept = 0, count = 0;
    for (size_t i = 0; i < collector->entries; i++) {
        struct entry *entry = collector->entry[i];
        if (is_open(collector, entry)) {
            collector->entry[kept++] = entry;
            continue;
        }
        memcpy(id[count++], entry->id, sizeof *id);
        free(entry);
        if (count == DELETE_COUNT) {
            delete_entries(collector, id, count);
            count = 0;
        }
    }
    delete_entries(collector, id, count);
    collector->entries = kept;
    collector->uncovered = false;
}

static bool keep_frame(struct redis_collector *collector, const struct entry *entry, size_t number,
                       const struct weir_redis_word *frame)
{
    int slot = weir_slots_put(&collector->slots, frame->bytes, frame->size);
    if (slot < 0 || (collector->origins < collector->slots.count &&
                     !weir_array_resize(&collector->origin, collector->slots.count, sizeof *collector->origin)))
        return false;
    collector->origins = collector->slots.count;
    if (!weir_fifo_push(&collector->waiting, (uint32_t)slot))
        return false;
    struct origin *origin = &collector->origin[slot];
    memcpy(origin->id, entry->id, sizeof origin->id);
    origin->number = number;
    collector->end.account.frames++;
    collector->end.account.bytes += frame->size;
    return true;
}

static void take_entry(void *context, const char *id, const struct weir_redis_word *frame, size_t count)
{
    struct redis_collector *collector = context;
    snprintf(collector->last, sizeof collector->last, "%.43s", id);
    struct entry *entry = name_entry(id, frame, count);
    if (entry && lies_there(collector, entry)) { /* read again after the connection had been lost */
        free(entry);
        return;
    }
    if (!entry || !note_entry(collector, entry)) {
        free(entry);
        collector->out_of_memory = true;
        return;
    }
    collector->taken++;
    for (size_t i = 0; !collector->out_of_memory && i < count; i++)
        collector->out_of_memory = !keep_frame(collector, entry, i, &frame[i]);
}

/* One frame of an entry is nothing that could be committed. */
static void close_frame(struct redis_collector *collector, const struct origin *origin)
{
    for (size_t i = 0; i < collector->entries; i++) {
        struct entry *entry = collector->entry[i];
        if (strcmp(entry->id, origin->id) || origin->number >= entry->count || !entry->name[origin->number].open)
            continue;
        entry->name[origin->number].open = false;
        entry->open--;
        collector->uncovered = true; /* it goes with the next turn */
        return;
    }
}

static void take_reply(struct redis_collector *collector, const redisReply *reply, uint32_t tag)
{
    if (tag == READ) {
        collector->reading = false;
        collector->ahead = 0;
        *collector->upset = 0;
        collector->read_again_ns = 0;
        if (reply->type == REDIS_REPLY_ERROR) {
            snprintf(collector->upset, sizeof collector->upset, "%.180s", reply->str);
            collector->read_again_ns = weir_clock_mono_ns() + upset_ns;
        } else if (weir_redis_is(reply, REDIS_REPLY_ARRAY) && reply->elements == 1 &&
                   weir_redis_is(reply->element[0], REDIS_REPLY_ARRAY) && reply->element[0]->elements == 2) {
            const redisReply *entries = reply->element[0]->element[1];
            weir_redis_read_entries(entries, take_entry, collector);
            if (weir_redis_is(entries, REDIS_REPLY_ARRAY) && entries->elements >= READ_COUNT)
                collector->ahead = collector->waiting.count / 2;
        }
    } else if (tag == LENGTH && reply->type == REDIS_REPLY_INTEGER) {
        collector->end.account.depth = collector->end.account.lag = (uint64_t)reply->integer;
    }
}

static void tell_mark(struct redis_collector *collector, const struct weir_mark *mark)
{
    struct weir_redis_name key = weir_redis_marks(mark->sensor);
    char field[64];
    uint8_t value[WEIR_MARK_BYTES];
    snprintf(field, sizeof field, "%llu:%u", (unsigned long long)mark->boot, mark->lane);
    weir_mark_write(mark, value);
    const struct weir_redis_word word[] = {
        weir_redis_text("HSET"), weir_redis_text(key.text), weir_redis_text(field), {value, sizeof value}};
    weir_redis_link_send(&collector->link, OTHER, word, 4);
}

static bool tend(struct redis_collector *collector, int64_t until_ns)
{
    struct weir_redis_link *link = &collector->link;
    uint32_t tag;
    if (!weir_redis_link_ready(link, until_ns))
        return false;
    if (collector->life != link->lives) { /* perhaps another server, which knows nothing */
        collector->life = link->lives;
        collector->reading = false;
        collector->ahead = 0;
        collector->next_tend_ns = 0;
        collector->end.account.reconnects = link->reconnects;
        snprintf(collector->last, sizeof collector->last, "0-0");
        for (size_t i = 0; i < collector->known.count; i++)
            collector->known.item[i].fresh = true;
        collector->uncovered = true;
    }
    for (size_t i = 0; collector->uncovered && i < collector->known.count; i++)
        if (collector->known.item[i].fresh) {
            tell_mark(collector, &collector->known.item[i].mark);
            collector->known.item[i].fresh = false;
        }
    if (collector->uncovered)
        trim(collector);
    int64_t now_ns = weir_clock_mono_ns();
    if (now_ns >= collector->next_tend_ns) {
        collector->next_tend_ns = now_ns + tend_ns;
        WEIR_REDIS_SEND(link, LENGTH, "XLEN", WEIR_REDIS_RESULT);
    }
    for (redisReply *reply; (reply = weir_redis_link_reply(link, 0, &tag));) {
        take_reply(collector, reply, tag);
        freeReplyObject(reply);
    }
    return link->context != NULL;
}

static void read_more(struct redis_collector *collector, int64_t wait_ns)
{
    char count[16], block[16];
    int64_t ms = wait_ns / 1000000;
    snprintf(count, sizeof count, "%d", READ_COUNT);
    snprintf(block, sizeof block, "%d", ms > BLOCK_MS ? BLOCK_MS : ms < 1 ? 1 : (int)ms);
    if (wait_ns > 0)
        WEIR_REDIS_SEND(&collector->link, READ, "XREAD", "COUNT", count, "BLOCK", block, "STREAMS", WEIR_REDIS_RESULT,
                        collector->last);
    else
        WEIR_REDIS_SEND(&collector->link, READ, "XREAD", "COUNT", count, "STREAMS", WEIR_REDIS_RESULT, collector->last);
    collector->reading = true;
}

weir_err weir_redis_collector_take(struct weir_collector_end *end, int64_t timeout_ns, struct weir_delivery *out,
                                   struct weir_error *error)
{
    struct redis_collector *collector = (struct redis_collector *)end;
    int64_t until_ns = weir_clock_mono_ns() + timeout_ns;
    if (collector->handed >= WEIR_SLOTS_HANDED)
        return weir_fail(error, WEIR_ERR_LIMIT, "more than %d frames under way at the collector", WEIR_SLOTS_HANDED);
    for (;;) {
        bool more = !collector->reading && collector->waiting.count < collector->ahead,
             ready = (more || !collector->waiting.count) && tend(collector, collector->waiting.count ? 0 : until_ns);
        if (collector->out_of_memory)
            return weir_fail(error, WEIR_ERR_MEMORY, "%s: out of memory for verdicts", collector->link.url.text);
        if (collector->waiting.count) {
            size_t slot = weir_fifo_pop(&collector->waiting);
            collector->handed++;
            *out = (struct weir_delivery){collector->slots.slot[slot].bytes, collector->slots.slot[slot].size, slot};
            if (ready && more && !collector->reading) {
                read_more(collector, 0); /* the last read was a full one: there is more */
                weir_redis_link_write(&collector->link);
            }
            return WEIR_OK;
        }
        int64_t left_ns = until_ns - weir_clock_mono_ns();
        if (ready && !collector->reading && weir_clock_mono_ns() >= collector->read_again_ns) {
            read_more(collector, left_ns);
            weir_redis_link_write(&collector->link);
        }
        if (left_ns <= 0)
            return weir_fail(error, WEIR_ERR_AGAIN, "no verdicts");
        if (!ready)
            continue;
        if (!weir_redis_link_open_replies(&collector->link)) {
            poll(NULL, 0, left_ns > 20000000 ? 20 : (int)(left_ns / 1000000) + 1);
            continue;
        }
        uint32_t tag;
        redisReply *reply = weir_redis_link_reply(&collector->link, until_ns, &tag);
        if (reply) {
            take_reply(collector, reply, tag);
            freeReplyObject(reply);
        }
    }
}

static void give(struct redis_collector *collector, size_t slot)
{
    weir_slots_give(&collector->slots, slot);
    collector->handed--;
}

void weir_redis_collector_release(struct weir_collector_end *end, const struct weir_delivery *delivery)
{
    struct redis_collector *collector = (struct redis_collector *)end;
    struct weir_frame_peek peek;
    /* one that was committed before comes off the stream with the next commit or turn */
    if (weir_frame_peek(delivery->bytes, delivery->size, &peek) &&
        weir_mark_table_covers(&collector->known, peek.sensor, peek.boot, peek.lane, peek.seq)) {
        end->account.redelivered++;
        collector->uncovered = true;
    }
    give(collector, (size_t)delivery->token);
}

weir_err weir_redis_collector_refuse(struct weir_collector_end *end, const struct weir_delivery *delivery, const char *why,
                                     struct weir_error *error)
{
    struct redis_collector *collector = (struct redis_collector *)end;
    const struct weir_redis_word word[] = {
        weir_redis_text("XADD"), weir_redis_text(WEIR_REDIS_DEAD),  weir_redis_text("MAXLEN"),         weir_redis_text("256"),
        weir_redis_text("*"),    weir_redis_text(WEIR_REDIS_FIELD), {delivery->bytes, delivery->size}, weir_redis_text("why"),
        weir_redis_text(why),    weir_redis_text("from"),           weir_redis_text(WEIR_REDIS_RESULT)};
    end->account.refused++;
    weir_grumble(&collector->grumble, why);
    weir_redis_link_send(&collector->link, OTHER, word, sizeof word / sizeof *word);
    close_frame(collector, &collector->origin[delivery->token]);
    give(collector, (size_t)delivery->token);
    return WEIR_OK;
}

weir_err weir_redis_collector_commit(struct weir_collector_end *end, const struct weir_mark *marks, size_t count,
                                     struct weir_error *error)
{
    struct redis_collector *collector = (struct redis_collector *)end;
    for (size_t i = 0; i < count; i++)
        if (!weir_mark_table_put(&collector->known, &marks[i]))
            return weir_fail(error, WEIR_ERR_MEMORY, "%s: out of memory for marks", collector->link.url.text);
    collector->uncovered = true;
    collector->taken = 0;
    if (tend(collector, 0))
        weir_redis_link_write(&collector->link);
    return WEIR_OK;
}

bool weir_redis_collector_pressed(const struct weir_collector_end *end)
{
    const struct redis_collector *collector = (const struct redis_collector *)end;
    return collector->taken >= collector->limit / 2;
}

bool weir_redis_collector_trouble(const struct weir_collector_end *end, char *text, size_t size)
{
    const struct redis_collector *collector = (const struct redis_collector *)end;
    if (*collector->link.trouble)
        snprintf(text, size, "%s", collector->link.trouble);
    else if (*collector->upset)
        snprintf(text, size, "%s: the server says: %s", collector->link.url.text, collector->upset);
    return *collector->link.trouble || *collector->upset;
}
