#include <inttypes.h>
#include <jansson.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/array.h"
#include "base/clock.h"
#include "base/histogram.h"
#include "queue/frame_peek.h"
#include "queue/grumble.h"
#include "queue/mark_table.h"
#include "queue/redis_ends.h"
#include "queue/redis_link.h"
#include "queue/slots.h"

/* Tags; what a reply is about is in the bits above. */
enum { READ, LISTS, CLAIM, MARKS, GROUP, PUBLISH, RESULT_LENGTH, GROUP_MADE, OTHER, TAG_BITS = 8 };
enum {
    READ_MAX = 32, /* frames */
    BLOCK_MS = 200,
    CALL_MAX = 8,     /* entries */
    CALL_FRAMES = 16, /* a call that has so many does not wait for more */
    CALLS_MAX = 4,
    READY_MAX = 64, /* entries */
    STREAMS_MAX = 256,
    SENSORS_MAX = 4096,
    ID = 44
};
static const int64_t open_wait_ns = 2000000000, tend_ns = 1000000000, sweep_ns = (int64_t)60 * 1000000000,
                     claim_least_ns = (int64_t)30 * 1000000000, claim_every_ns = 1000000000, patience_ns = 1000000,
                     upset_ns = 50 * 1000000,
                     ahead_ns = 50 * 1000000; /* work that a worker may take from the others in advance */

/* One step: what was still this worker's is published and off the stream; for the rest somebody else has done it.
 * KEYS: stream, results, dead letters; ARGV: group, then of each entry its id, how many frames, and for each of these the
 * verdicts and "", or the frame and why it is refused. Returns the number of frames that this was done with, and the results'
 * length. */
static const char publish_step[] =
    "local frames, i = 0, 2 "
    "while i <= #ARGV do "
    "local id, last = ARGV[i], i + 1 + 2 * tonumber(ARGV[i + 1]) "
    "if redis.call('XACK', KEYS[1], ARGV[1], id) == 1 then "
    "redis.call('XDEL', KEYS[1], id) "
    "local add = {'XADD', KEYS[2], '*'} "
    "for k = i + 2, last, 2 do "
    "if ARGV[k + 1] == '' then add[#add + 1] = 'f' add[#add + 1] = ARGV[k] else "
    "redis.call('XADD', KEYS[3], 'MAXLEN', '256', '*', 'f', ARGV[k], 'why', ARGV[k + 1], 'from', KEYS[1], 'id', id) "
    "end end "
    "if #add > 3 then redis.call(unpack(add)) end "
    "frames = frames + (last - i - 1) / 2 "
    "end "
    "i = last + 1 "
    "end "
    "return {frames, redis.call('XLEN', KEYS[2])}";

/* Hands all that this consumer holds to nobody, as if it had been idle for a day, and strikes it off.
 * KEYS: stream; ARGV: group, consumer. */
static const char leave_step[] = "while true do "
                                 "local held = redis.call('XPENDING', KEYS[1], ARGV[1], '-', '+', 100, ARGV[2]) "
                                 "if #held == 0 then break end "
                                 "for _, h in ipairs(held) do "
                                 "redis.call('XCLAIM', KEYS[1], ARGV[1], 'left', 0, h[1], 'IDLE', 86400000, 'JUSTID') "
                                 "end end "
                                 "redis.call('XGROUP', 'DELCONSUMER', KEYS[1], ARGV[1], ARGV[2]) return 0";

/* Strikes off consumers that hold nothing and have not been heard of for ten minutes. KEYS: stream; ARGV: group. */
static const char sweep_step[] =
    "for _, c in ipairs(redis.call('XINFO', 'CONSUMERS', KEYS[1], ARGV[1])) do "
    "if c[4] == 0 and c[6] > 600000 then redis.call('XGROUP', 'DELCONSUMER', KEYS[1], ARGV[1], c[2]) end "
    "end return 0";

/* Forgets a list that no sensor has announced for a week and that has nothing in its stream.
 * KEYS: lists, stream; ARGV: list, seconds since 1970 of a week ago. */
static const char forget_step[] = "local about = redis.call('HGET', KEYS[1], ARGV[1]) "
                                  "local seen = about and tonumber(string.match(about, '^{\"seen\":(%d+)')) "
                                  "if seen and seen < tonumber(ARGV[2]) and redis.call('XLEN', KEYS[2]) == 0 then "
                                  "redis.call('HDEL', KEYS[1], ARGV[1]) "
                                  "end return 0";

struct stream {
    uint64_t list;
    struct weir_redis_name key;
    bool wanted;
    uint64_t lag, pending, held; /* entries; held: those that wait, of a list that is not wanted */
};

struct batch { /* of a slot */
    struct entry *entry;
    int64_t taken_ns;
};

/* An entry that this worker has: it is ready when all its frames are ended. */
struct entry {
    char id[ID];
    size_t stream;
    bool busy;
    size_t open, frames; /* open: those that are not ended */
    struct part {        /* verdicts, or a frame and why it is refused, one behind the other */
        size_t size, why_size;
    } part[WEIR_REDIS_TOGETHER_MOST];
    size_t parts;
    uint8_t *bytes; /* of the parts */
    size_t used, room;
    struct entry *next; /* ready, or spare */
};

struct sensor {
    uint8_t id[16];
    int64_t seen_ns;
};

struct redis_worker {
    struct weir_worker_end end;
    struct weir_redis_link link;
    unsigned life;
    char consumer[80];
    uint64_t limit;   /* of the results' stream */
    uint64_t results; /* its length at the last answer */
    bool asked_results, out_of_memory, full_read, ask_again;
    struct stream stream[STREAMS_MAX];
    size_t streams, reads; /* reads: XREADGROUPs not answered */
    struct weir_slots slots;
    struct batch *batch; /* of each slot */
    size_t batches;
    struct weir_fifo waiting; /* slots */
    size_t handed;
    struct entry **entry, *spare;
    size_t entries, read_entries, read_frames; /* read: by the last answer that had some */
    size_t most;                               /* frames that an entry had */
    struct entry *ready, *unsent, *last_ready; /* a list; what is before `unsent` is in calls */
    size_t ready_count, unsent_frames;
    struct call {
        size_t entries, parts;
    } call[CALLS_MAX];
    size_t calls; /* under way */
    int64_t ready_since_ns;
    struct weir_mark_table known;
    struct sensor *sensor;
    size_t sensors, sensor_room;
    struct weir_histogram service;
    int64_t claim_after_ns, read_again_ns, next_tend_ns, next_claim_ns, next_sweep_ns;
    char upset[200];
    struct weir_grumble grumble;
};

/* --- open, close --- */

static void flush_calls(struct redis_worker *worker);
static bool tend(struct redis_worker *worker, int64_t until_ns);
static void take_reply(struct redis_worker *worker, const redisReply *reply, uint32_t tag);

static bool wait_reply(struct redis_worker *worker, int64_t until_ns)
{
    uint32_t tag;
    redisReply *reply = weir_redis_link_reply(&worker->link, until_ns, &tag);
    if (!reply)
        return false;
    take_reply(worker, reply, tag);
    freeReplyObject(reply);
    return true;
}

void weir_redis_worker_close(struct weir_worker_end *end, int64_t linger_ns)
{
    struct redis_worker *worker = (struct redis_worker *)end;
    int64_t until_ns = weir_clock_mono_ns() + linger_ns;
    while (worker->ready_count && weir_clock_mono_ns() < until_ns) {
        if (!tend(worker, until_ns))
            continue;
        flush_calls(worker);
        wait_reply(worker, until_ns);
    }
    if (worker->link.context && worker->life == worker->link.lives) {
        for (size_t i = 0; i < worker->streams; i++)
            if (worker->stream[i].wanted)
                WEIR_REDIS_SEND(&worker->link, OTHER, "EVAL", leave_step, "1", worker->stream[i].key.text, WEIR_REDIS_GROUP,
                                worker->consumer);
        while (wait_reply(worker, until_ns))
            ;
    }
    weir_redis_link_close(&worker->link);
    for (size_t i = 0; i < worker->entries; i++) {
        free(worker->entry[i]->bytes);
        free(worker->entry[i]);
    }
    free(worker->entry);
    weir_slots_fini(&worker->slots);
    weir_mark_table_fini(&worker->known);
    weir_fifo_fini(&worker->waiting);
    free(worker->batch);
    free(worker->sensor);
    free(worker);
}

weir_err weir_redis_worker_open(const struct weir_transport_config *config, struct weir_worker_end **out,
                                struct weir_error *error)
{
    char host[40] = "";
    uint64_t salt = 0;
    if (config->queues != 1)
        return weir_fail(error, WEIR_ERR_ARGUMENT,
                         "with redis a worker reads from one server; its streams are found by themselves");
    struct redis_worker *worker = calloc(1, sizeof *worker);
    if (!worker)
        return weir_fail(error, WEIR_ERR_MEMORY, "queue: out of memory");
    gethostname(host, sizeof host - 1);
    if (getrandom(&salt, sizeof salt, 0) != sizeof salt)
        salt = (uint64_t)weir_clock_mono_ns();
    snprintf(worker->consumer, sizeof worker->consumer, "%s-%d-%08" PRIx32, host, (int)getpid(), (uint32_t)salt);
    worker->limit = weir_redis_results_most(config);
    worker->claim_after_ns = config->claim_after_ns;
    weir_err code = weir_redis_link_open(&worker->link, config->queue[0], open_wait_ns, error);
    if (code != WEIR_OK)
        weir_redis_worker_close(&worker->end, 0);
    else
        *out = &worker->end;
    return code;
}

/* --- lists and streams --- */

static void make_group(struct redis_worker *worker, size_t stream)
{
    WEIR_REDIS_SEND(&worker->link, GROUP_MADE, "XGROUP", "CREATE", worker->stream[stream].key.text, WEIR_REDIS_GROUP, "0",
                    "MKSTREAM");
}

/* Asks the filter about a list, with the names that its sensor has announced. */
static bool wanted(const struct redis_worker *worker, uint64_t list, const char *about)
{
    json_t *json = json_loads(about, 0, NULL), *columns = json_object_get(json, "columns"), *name;
    const char *feature_set = json_string_value(json_object_get(json, "feature_set")),
               *id = json_string_value(json_object_get(json, "feature_set_id"));
    size_t count = json_array_size(columns), i;
    const char **names = calloc(count + 1, sizeof *names);
    bool good = names && count && feature_set && id;
    json_array_foreach(columns, i, name)
    {
        const char *text = json_string_value(name);
        if (names)
            names[i] = text;
        good = good && text;
    }
    if (good && worker->end.can_score)
        good = worker->end.can_score(worker->end.context, strtoull(id, NULL, 16), feature_set, list, names, count);
    free(names);
    json_decref(json);
    return good;
}

static void take_lists(struct redis_worker *worker, const redisReply *reply)
{
    for (size_t i = 0; weir_redis_is(reply, REDIS_REPLY_ARRAY) && i + 1 < reply->elements; i += 2) {
        const redisReply *id = reply->element[i], *about = reply->element[i + 1];
        if (!weir_redis_is(id, REDIS_REPLY_STRING) || id->len != 16 || !weir_redis_is(about, REDIS_REPLY_STRING))
            continue;
        uint64_t list = strtoull(id->str, NULL, 16);
        size_t at = 0;
        while (at < worker->streams && worker->stream[at].list != list)
            at++;
        if (at == STREAMS_MAX || (at < worker->streams && !worker->ask_again))
            continue;
        if (at == worker->streams) {
            worker->stream[worker->streams++] = (struct stream){.list = list, .key = weir_redis_stream(list)};
            worker->next_sweep_ns = 0;
        }
        worker->stream[at].held = 0;
        worker->stream[at].wanted = wanted(worker, list, about->str);
        if (worker->stream[at].wanted) {
            make_group(worker, at);
            worker->next_tend_ns = worker->next_claim_ns = 0; /* what dead workers held there waits already */
        }
    }
    worker->ask_again = false;
    worker->end.account.unscorable = 0;
    for (size_t i = 0; i < worker->streams; i++)
        worker->end.account.unscorable += !worker->stream[i].wanted;
}

void weir_redis_worker_refilter(struct weir_worker_end *end)
{
    struct redis_worker *worker = (struct redis_worker *)end;
    worker->ask_again = true;
    worker->next_tend_ns = 0;
}

/* --- what has come --- */

static bool is_ours(const struct redis_worker *worker, const char *id, size_t stream)
{
    for (size_t i = 0; i < worker->entries; i++)
        if (worker->entry[i]->busy && worker->entry[i]->stream == stream && !strcmp(worker->entry[i]->id, id))
            return true;
    return false;
}

/* NULL: no memory. */
static struct entry *new_entry(struct redis_worker *worker, const char *id, size_t stream, size_t frames)
{
    struct entry *entry = worker->spare;
    if (entry) {
        worker->spare = entry->next;
    } else {
        struct entry **fresh = realloc(worker->entry, (worker->entries + 1) * sizeof(struct entry *));
        if (!fresh)
            return NULL;
        worker->entry = fresh;
        if (!(entry = calloc(1, sizeof *entry)))
            return NULL;
        worker->entry[worker->entries++] = entry;
    }
    snprintf(entry->id, sizeof entry->id, "%.43s", id);
    entry->stream = stream;
    entry->busy = true;
    entry->open = entry->frames = frames;
    entry->parts = entry->used = 0;
    entry->next = NULL;
    return entry;
}

static void give_entry(struct redis_worker *worker, struct entry *entry)
{
    entry->busy = false;
    entry->next = worker->spare;
    worker->spare = entry;
}

/* Verdicts (`why` is ""), or a frame that is refused. False: no memory. */
static bool add_part(struct entry *entry, const void *bytes, size_t size, const char *why)
{
    size_t why_size = strlen(why), more = size + why_size;
    if (entry->room - entry->used < more) {
        size_t room = 2 * entry->used + more;
        uint8_t *fresh = realloc(entry->bytes, room);
        if (!fresh)
            return false;
        entry->bytes = fresh;
        entry->room = room;
    }
    memcpy(mempcpy(entry->bytes + entry->used, bytes, size), why, why_size);
    entry->used += more;
    entry->part[entry->parts++] = (struct part){size, why_size};
    return true;
}

/* One frame of it is ended; with the last one the entry is to be handed in. */
static void end_frame(struct redis_worker *worker, struct entry *entry)
{
    if (--entry->open)
        return;
    if (worker->ready)
        worker->last_ready->next = entry;
    else
        worker->ready = entry;
    worker->last_ready = entry;
    worker->ready_count++;
    if (!worker->unsent) {
        worker->unsent = entry;
        worker->ready_since_ns = weir_clock_mono_ns();
    }
    worker->unsent_frames += entry->frames;
}

static void see_sensor(struct redis_worker *worker, const uint8_t id[16], int64_t now_ns)
{
    for (size_t i = 0; i < worker->sensors; i++)
        if (!memcmp(worker->sensor[i].id, id, 16)) {
            worker->sensor[i].seen_ns = now_ns;
            return;
        }
    if (worker->sensors == SENSORS_MAX)
        return; /* more are not asked about: their repeats are scored again, and dropped by the collector */
    if (worker->sensors == worker->sensor_room) {
        size_t room = worker->sensor_room ? 2 * worker->sensor_room : 16;
        struct sensor *fresh = realloc(worker->sensor, room * sizeof *fresh);
        if (!fresh)
            return;
        worker->sensor = fresh;
        worker->sensor_room = room;
    }
    worker->sensor[worker->sensors].seen_ns = now_ns;
    memcpy(worker->sensor[worker->sensors++].id, id, 16);
}

struct arrival {
    struct redis_worker *worker;
    size_t stream, entries, frames;
    bool claimed;
};

static bool keep_frame(struct redis_worker *worker, struct entry *entry, const struct weir_redis_word *frame)
{
    int slot = weir_slots_put(&worker->slots, frame->bytes, frame->size);
    if (slot < 0 ||
        (worker->batches < worker->slots.count && !weir_array_resize(&worker->batch, worker->slots.count, sizeof *worker->batch)))
        return false;
    worker->batches = worker->slots.count;
    if (!weir_fifo_push(&worker->waiting, (uint32_t)slot))
        return false;
    worker->batch[slot].entry = entry;
    return true;
}

static void take_entry(void *context, const char *id, const struct weir_redis_word *frame, size_t count)
{
    struct arrival *arrival = context;
    struct redis_worker *worker = arrival->worker;
    arrival->entries++;
    arrival->frames += count;
    if (arrival->claimed && is_ours(worker, id, arrival->stream))
        return; /* it takes long, but it is being done */
    struct entry *entry = new_entry(worker, id, arrival->stream, count);
    worker->out_of_memory = worker->out_of_memory || !entry;
    for (size_t i = 0; !worker->out_of_memory && i < count; i++)
        worker->out_of_memory = !keep_frame(worker, entry, &frame[i]);
    worker->most = count > worker->most ? count : worker->most;
    worker->end.account.claimed += arrival->claimed ? count : 0;
}

static size_t find_stream(const struct redis_worker *worker, const char *key)
{
    size_t i = 0;
    while (i < worker->streams && strcmp(worker->stream[i].key.text, key))
        i++;
    return i;
}

static void take_batches(struct redis_worker *worker, const redisReply *reply)
{
    size_t entries = 0, frames = 0, most = 0;
    for (size_t i = 0; weir_redis_is(reply, REDIS_REPLY_ARRAY) && i < reply->elements; i++) {
        const redisReply *part = reply->element[i];
        if (!weir_redis_is(part, REDIS_REPLY_ARRAY) || part->elements != 2 ||
            !weir_redis_is(part->element[0], REDIS_REPLY_STRING))
            continue;
        struct arrival arrival = {.worker = worker, .stream = find_stream(worker, part->element[0]->str)};
        if (arrival.stream < worker->streams)
            weir_redis_read_entries(part->element[1], take_entry, &arrival);
        entries += arrival.entries;
        frames += arrival.frames;
        most = arrival.frames > most ? arrival.frames : most;
    }
    worker->full_read = most > 1;
    if (entries) {
        worker->read_entries = entries;
        worker->read_frames = frames;
    }
    if (reply->type == REDIS_REPLY_ERROR) {
        worker->read_again_ns = weir_clock_mono_ns() + upset_ns;
        snprintf(worker->upset, sizeof worker->upset, "%.180s", reply->str);
    }
    if (weir_redis_is_error(reply, "NOGROUP"))
        for (size_t i = 0; i < worker->streams; i++)
            if (worker->stream[i].wanted)
                make_group(worker, i);
}

/* --- verdicts --- */

static void call_done(struct redis_worker *worker, const redisReply *reply)
{
    if (!worker->calls)
        return;
    const struct call call = worker->call[0];
    memmove(worker->call, worker->call + 1, --worker->calls * sizeof *worker->call);
    *worker->upset = 0;
    if (weir_redis_is(reply, REDIS_REPLY_ARRAY) && reply->elements == 2 &&
        weir_redis_is(reply->element[0], REDIS_REPLY_INTEGER) && weir_redis_is(reply->element[1], REDIS_REPLY_INTEGER)) {
        worker->end.account.fenced += call.parts - (uint64_t)reply->element[0]->integer;
        worker->results = (uint64_t)reply->element[1]->integer;
    } else if (reply->type == REDIS_REPLY_ERROR) { /* nothing was done: the batches are claimed, or come again */
        snprintf(worker->upset, sizeof worker->upset, "%.180s", reply->str);
        worker->end.account.fenced += call.parts;
    }
    for (size_t i = 0; i < call.entries; i++) {
        struct entry *entry = worker->ready;
        worker->ready = entry->next;
        worker->ready_count--;
        give_entry(worker, entry);
    }
}

/* Hands in entries of one stream, from the first one that has not been. */
static void send_call(struct redis_worker *worker)
{
    const size_t stream = worker->unsent->stream;
    struct weir_redis_word word[7 + CALL_MAX * (2 + 2 * WEIR_REDIS_TOGETHER_MOST)] = {
        weir_redis_text("EVAL"),
        weir_redis_text(publish_step),
        weir_redis_text("3"),
        weir_redis_text(worker->stream[stream].key.text),
        weir_redis_text(WEIR_REDIS_RESULT),
        weir_redis_text(WEIR_REDIS_DEAD),
        weir_redis_text(WEIR_REDIS_GROUP)};
    char parts[CALL_MAX][8];
    struct call call = {0};
    size_t words = 7, frames = 0;
    while (worker->unsent && worker->unsent->stream == stream && call.entries < CALL_MAX && frames < CALL_FRAMES) {
        const struct entry *entry = worker->unsent;
        const uint8_t *at = entry->bytes;
        snprintf(parts[call.entries], sizeof *parts, "%zu", entry->parts);
        word[words++] = weir_redis_text(entry->id);
        word[words++] = weir_redis_text(parts[call.entries]);
        for (size_t i = 0; i < entry->parts; i++) {
            const struct part *part = &entry->part[i];
            word[words++] = (struct weir_redis_word){at, part->size};
            word[words++] = (struct weir_redis_word){at + part->size, part->why_size};
            at += part->size + part->why_size;
        }
        call.entries++;
        call.parts += entry->parts;
        frames += entry->frames;
        worker->unsent = entry->next;
    }
    worker->unsent_frames -= frames;
    weir_redis_link_send(&worker->link, PUBLISH, word, words);
    worker->call[worker->calls++] = call;
}

static void flush_calls(struct redis_worker *worker)
{
    while (worker->calls < CALLS_MAX && worker->unsent)
        send_call(worker);
    weir_redis_link_write(&worker->link);
}

/* --- every second --- */

static int64_t claim_after(const struct redis_worker *worker)
{
    if (worker->claim_after_ns)
        return worker->claim_after_ns;
    int64_t slow_ns = 10 * (int64_t)weir_histogram_quantile(&worker->service, 0.99) * (int64_t)(worker->most ? worker->most : 1);
    return slow_ns > claim_least_ns ? slow_ns : claim_least_ns;
}

static void claim(struct redis_worker *worker)
{
    char idle[24];
    snprintf(idle, sizeof idle, "%" PRId64, claim_after(worker) / 1000000);
    for (size_t i = 0; i < worker->streams; i++)
        if (worker->stream[i].wanted)
            WEIR_REDIS_SEND(&worker->link, CLAIM | (uint32_t)i << TAG_BITS, "XAUTOCLAIM", worker->stream[i].key.text,
                            WEIR_REDIS_GROUP, worker->consumer, idle, "0-0", "COUNT", "8");
}

static void sweep(struct redis_worker *worker, const struct stream *stream)
{
    char list[17], week_ago[24];
    snprintf(list, sizeof list, "%016" PRIx64, stream->list);
    snprintf(week_ago, sizeof week_ago, "%" PRId64, weir_clock_wall_ns() / 1000000000 - 7 * 86400);
    if (stream->wanted)
        WEIR_REDIS_SEND(&worker->link, OTHER, "EVAL", sweep_step, "1", stream->key.text, WEIR_REDIS_GROUP);
    WEIR_REDIS_SEND(&worker->link, OTHER, "EVAL", forget_step, "2", WEIR_REDIS_LISTS, stream->key.text, list, week_ago);
}

static void look_after(struct redis_worker *worker, int64_t now_ns)
{
    struct weir_redis_link *link = &worker->link;
    worker->next_tend_ns = now_ns + tend_ns;
    WEIR_REDIS_SEND(link, LISTS, "HGETALL", WEIR_REDIS_LISTS);
    WEIR_REDIS_SEND(link, RESULT_LENGTH, "XLEN", WEIR_REDIS_RESULT);
    for (size_t i = 0; i < worker->streams; i++)
        WEIR_REDIS_SEND(link, GROUP | (uint32_t)i << TAG_BITS, "XINFO", "GROUPS", worker->stream[i].key.text);
    for (size_t i = 0; i < worker->sensors; i++)
        if (worker->sensor[i].seen_ns > now_ns - 10 * tend_ns)
            WEIR_REDIS_SEND(link, MARKS | (uint32_t)i << TAG_BITS, "HGETALL", weir_redis_marks(worker->sensor[i].id).text);
    if (now_ns >= worker->next_claim_ns) {
        int64_t every_ns = claim_after(worker) / 4 < claim_every_ns ? claim_after(worker) / 4 : claim_every_ns;
        worker->next_claim_ns = now_ns + every_ns;
        claim(worker);
    }
    if (now_ns >= worker->next_sweep_ns) {
        worker->next_sweep_ns = now_ns + sweep_ns;
        for (size_t i = 0; i < worker->streams; i++)
            sweep(worker, &worker->stream[i]);
    }
}

static void add_up(struct redis_worker *worker)
{
    struct weir_transport_account *account = &worker->end.account;
    account->lag = account->pending = 0;
    for (size_t i = 0; i < worker->streams; i++)
        if (worker->stream[i].wanted) {
            account->lag += worker->stream[i].lag;
            account->pending += worker->stream[i].pending;
        }
    account->depth = account->lag + account->pending;
}

static void take_reply(struct redis_worker *worker, const redisReply *reply, uint32_t tag)
{
    size_t about = tag >> TAG_BITS;
    switch (tag & ((1u << TAG_BITS) - 1)) {
    case READ:
        worker->reads -= worker->reads > 0;
        if (worker->read_again_ns)
            *worker->upset = 0;
        worker->read_again_ns = 0;
        take_batches(worker, reply);
        break;
    case LISTS:
        take_lists(worker, reply);
        break;
    case CLAIM:
        if (about < worker->streams && weir_redis_is(reply, REDIS_REPLY_ARRAY) && reply->elements >= 2) {
            struct arrival arrival = {.worker = worker, .stream = about, .claimed = true};
            weir_redis_read_entries(reply->element[1], take_entry, &arrival);
        }
        break;
    case MARKS:
        if (about < worker->sensors && !weir_redis_read_marks(reply, worker->sensor[about].id, &worker->known))
            worker->out_of_memory = true;
        break;
    case GROUP:
        if (about < worker->streams) {
            struct stream *stream = &worker->stream[about];
            if (!weir_redis_read_group(reply, &stream->lag, &stream->pending) && stream->wanted)
                make_group(worker, about);
            add_up(worker);
            if (!stream->wanted)
                stream->held = stream->lag + stream->pending;
        }
        break;
    case PUBLISH:
        call_done(worker, reply);
        break;
    case RESULT_LENGTH:
        worker->asked_results = false;
        if (reply->type == REDIS_REPLY_INTEGER)
            worker->results = (uint64_t)reply->integer;
        break;
    case GROUP_MADE:
        if (reply->type == REDIS_REPLY_ERROR && !weir_redis_is_error(reply, "BUSYGROUP"))
            snprintf(worker->upset, sizeof worker->upset, "%.180s", reply->str);
        break;
    }
}

static bool tend(struct redis_worker *worker, int64_t until_ns)
{
    struct weir_redis_link *link = &worker->link;
    if (!weir_redis_link_ready(link, until_ns))
        return false;
    int64_t now_ns = weir_clock_mono_ns();
    if (worker->life != link->lives) { /* perhaps another server, which knows nothing; verdicts are offered once more */
        worker->life = link->lives;
        worker->end.account.reconnects = link->reconnects;
        worker->reads = 0;
        worker->asked_results = false;
        worker->calls = 0;
        worker->unsent = worker->ready;
        worker->unsent_frames = 0;
        for (const struct entry *entry = worker->ready; entry; entry = entry->next)
            worker->unsent_frames += entry->frames;
        worker->next_tend_ns = 0;
        for (size_t i = 0; i < worker->streams; i++)
            if (worker->stream[i].wanted)
                make_group(worker, i);
    }
    if (now_ns >= worker->next_tend_ns)
        look_after(worker, now_ns);
    while (wait_reply(worker, 0))
        ;
    return link->context != NULL;
}

/* --- the end's functions --- */

static void read_more(struct redis_worker *worker, int64_t wait_ns)
{
    struct weir_redis_word word[12 + 2 * STREAMS_MAX];
    char count[16], block[16];
    int64_t ms = wait_ns / 1000000, service_ns = (int64_t)weir_histogram_quantile(&worker->service, 0.5);
    int64_t many = service_ns ? ahead_ns / service_ns : 1;
    size_t used = 0, streams = 0;
    many = (many > READ_MAX ? READ_MAX : many) * (int64_t)worker->read_entries /
           (int64_t)(worker->read_frames + !worker->read_frames);
    snprintf(count, sizeof count, "%d", many < 1 ? 1 : (int)many);
    snprintf(block, sizeof block, "%d", ms > BLOCK_MS ? BLOCK_MS : ms < 1 ? 1 : (int)ms);
    const char *const head[] = {"XREADGROUP", "GROUP", WEIR_REDIS_GROUP, worker->consumer, "COUNT", count,
                                "BLOCK",      block,   "STREAMS"};
    for (size_t i = 0; i < sizeof head / sizeof *head; i++)
        if (wait_ns > 0 || (i != 6 && i != 7))
            word[used++] = weir_redis_text(head[i]);
    for (size_t i = 0; i < worker->streams; i++)
        if (worker->stream[i].wanted) {
            word[used++] = weir_redis_text(worker->stream[i].key.text);
            streams++;
        }
    for (size_t i = 0; i < streams; i++)
        word[used++] = weir_redis_text(">");
    if (!streams)
        return;
    weir_redis_link_send(&worker->link, READ, word, used);
    worker->reads++;
}

/* The next one that waits and has not been committed already. */
static bool next_waiting(struct redis_worker *worker, struct weir_delivery *out)
{
    int64_t now_ns = weir_clock_mono_ns();
    while (worker->waiting.count) {
        size_t slot = weir_fifo_pop(&worker->waiting);
        struct weir_slot *bytes = &worker->slots.slot[slot];
        struct weir_frame_peek peek;
        if (weir_frame_peek(bytes->bytes, bytes->size, &peek)) {
            see_sensor(worker, peek.sensor, now_ns);
            if (weir_mark_table_covers(&worker->known, peek.sensor, peek.boot, peek.lane, peek.seq)) {
                worker->end.account.redelivered++;
                end_frame(worker, worker->batch[slot].entry);
                weir_slots_give(&worker->slots, slot);
                continue;
            }
        }
        worker->batch[slot].taken_ns = now_ns;
        worker->handed++;
        worker->end.account.frames++;
        worker->end.account.bytes += bytes->size;
        *out = (struct weir_delivery){bytes->bytes, bytes->size, slot};
        return true;
    }
    return false;
}

static void flush_old(struct redis_worker *worker, bool all)
{
    if (worker->unsent &&
        (all || worker->unsent_frames >= CALL_FRAMES || weir_clock_mono_ns() >= worker->ready_since_ns + patience_ns))
        flush_calls(worker);
}

weir_err weir_redis_worker_take(struct weir_worker_end *end, int64_t timeout_ns, struct weir_delivery *out,
                                struct weir_error *error)
{
    struct redis_worker *worker = (struct redis_worker *)end;
    int64_t until_ns = weir_clock_mono_ns() + timeout_ns;
    if (worker->handed >= WEIR_SLOTS_HANDED)
        return weir_fail(error, WEIR_ERR_LIMIT, "more than %d frames under way at a worker", WEIR_SLOTS_HANDED);
    for (;;) {
        size_t waiting = worker->waiting.count;
        bool more = !worker->reads && worker->full_read && waiting < READ_MAX / 4;
        bool ready = (more || !waiting || weir_clock_mono_ns() >= worker->next_tend_ns) && tend(worker, waiting ? 0 : until_ns);
        if (worker->out_of_memory)
            return weir_fail(error, WEIR_ERR_MEMORY, "%s: out of memory for batches", worker->link.url.text);
        if (ready)
            flush_old(worker, !worker->waiting.count);
        if (next_waiting(worker, out)) {
            if (ready && more && !worker->reads && !worker->read_again_ns) {
                read_more(worker, 0);
                weir_redis_link_write(&worker->link);
            }
            return WEIR_OK;
        }
        if (waiting)
            continue; /* all of it was committed already */
        int64_t left_ns = until_ns - weir_clock_mono_ns();
        if (ready && !worker->reads && weir_clock_mono_ns() >= worker->read_again_ns) {
            read_more(worker, left_ns);
            weir_redis_link_write(&worker->link);
        }
        if (left_ns <= 0)
            return weir_fail(error, WEIR_ERR_AGAIN, "no batch");
        if (!ready)
            continue;
        if (weir_redis_link_open_replies(&worker->link))
            wait_reply(worker, worker->next_tend_ns < until_ns ? worker->next_tend_ns : until_ns);
        else /* no list that could be scored, or the server would not: the next look comes with the next turn */
            poll(NULL, 0, left_ns > 20000000 ? 20 : (int)(left_ns / 1000000) + 1);
    }
}

static void end_delivery(struct redis_worker *worker, const struct weir_delivery *delivery)
{
    end_frame(worker, worker->batch[delivery->token].entry);
    weir_slots_give(&worker->slots, (size_t)delivery->token);
    worker->handed--;
}

/* What is handed in waits for the collector, and the server for what was handed in. */
static bool must_wait(const struct redis_worker *worker)
{
    return worker->ready_count >= READY_MAX || worker->results + worker->ready_count >= worker->limit;
}

weir_err weir_redis_worker_publish(struct weir_worker_end *end, const struct weir_delivery *delivery, const void *bytes,
                                   size_t size, int64_t timeout_ns, struct weir_error *error)
{
    struct redis_worker *worker = (struct redis_worker *)end;
    const struct batch *batch = &worker->batch[delivery->token];
    int64_t until_ns = weir_clock_mono_ns() + timeout_ns, now_ns = weir_clock_mono_ns();
    bool waited = false;
    while (batch->entry->open == 1 && must_wait(worker)) {
        end->account.waits += !waited;
        waited = true;
        bool ready = tend(worker, until_ns);
        if (ready) {
            flush_calls(worker);
            if (worker->results + worker->ready_count >= worker->limit && !worker->asked_results && !worker->calls) {
                poll(NULL, 0, 2);
                WEIR_REDIS_SEND(&worker->link, RESULT_LENGTH, "XLEN", WEIR_REDIS_RESULT);
                worker->asked_results = true;
            }
            wait_reply(worker, until_ns);
        }
        if (weir_clock_mono_ns() >= until_ns && must_wait(worker))
            return weir_fail(error, WEIR_ERR_AGAIN, "%s: the collector is behind", worker->link.url.text);
    }
    if (!add_part(batch->entry, bytes, size, ""))
        return weir_fail(error, WEIR_ERR_MEMORY, "queue: out of memory");
    weir_histogram_add(&worker->service, now_ns - batch->taken_ns, 1);
    end_delivery(worker, delivery);
    if (worker->link.context && worker->life == worker->link.lives)
        flush_old(worker, false);
    return WEIR_OK;
}

weir_err weir_redis_worker_refuse(struct weir_worker_end *end, const struct weir_delivery *delivery, const char *why,
                                  struct weir_error *error)
{
    struct redis_worker *worker = (struct redis_worker *)end;
    end->account.refused++;
    weir_grumble(&worker->grumble, why);
    if (!add_part(worker->batch[delivery->token].entry, delivery->bytes, delivery->size, *why ? why : "refused"))
        return weir_fail(error, WEIR_ERR_MEMORY, "queue: out of memory");
    end_delivery(worker, delivery);
    return WEIR_OK;
}

weir_err weir_redis_worker_flush(struct weir_worker_end *end, struct weir_error *error)
{
    struct redis_worker *worker = (struct redis_worker *)end;
    if (tend(worker, 0))
        flush_calls(worker);
    return WEIR_OK;
}

bool weir_redis_worker_trouble(const struct weir_worker_end *end, char *text, size_t size)
{
    const struct redis_worker *worker = (const struct redis_worker *)end;
    if (*worker->link.trouble) {
        snprintf(text, size, "%s", worker->link.trouble);
        return true;
    }
    if (*worker->upset) {
        snprintf(text, size, "%s: the server says: %s", worker->link.url.text, worker->upset);
        return true;
    }
    for (size_t i = 0; i < worker->streams; i++)
        if (!worker->stream[i].wanted) {
            snprintf(text, size,
                     "%s: column list %016" PRIx64 " is not one that the model can score; %" PRIu64 " entries wait there",
                     worker->link.url.text, worker->stream[i].list, worker->stream[i].held);
            return true;
        }
    if (worker->results >= worker->limit) {
        snprintf(text, size, "%s: %" PRIu64 " verdicts wait for the collector", worker->link.url.text, worker->results);
        return true;
    }
    return false;
}
