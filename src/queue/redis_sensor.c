#include <jansson.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "queue/frame_peek.h"
#include "queue/mark_table.h"
#include "queue/redis_ends.h"
#include "queue/redis_link.h"

enum { ADD, ADD_NOTE, LENGTH, MARKS, GROUP, OTHER }; /* tags */
enum { FLIGHT_MAX = 32, ABOUT_SEEN = sizeof "{\"seen\":0123456789" - 1 };
static const int64_t open_wait_ns = 2000000000, marks_ns = 50 * 1000000, tend_ns = 1000000000, length_ns = 4 * 1000000,
                     upset_ns = 500 * 1000000;

struct redis_sensor {
    struct weir_sensor_end end;
    struct weir_redis_link link;
    uint8_t sensor[16];
    struct weir_redis_name stream, marks;
    char list[17];
    char *about; /* JSON for weir:lists; begins with the time of the announcement, ten digits */
    uint64_t limit;
    unsigned life; /* of the link, when it was last told everything */
    struct {       /* frames that go out as one entry */
        uint8_t *bytes;
        size_t room, used, count, size[WEIR_REDIS_TOGETHER];
    } gathered;
    size_t flight;   /* entries sent and not answered */
    uint64_t length; /* of the stream, at the last answer */
    bool asked_length, asked_marks;
    bool out_of_memory;
    int64_t next_marks_ns, next_length_ns, next_tend_ns, upset_until_ns;
    char upset[200]; /* what the server says against a batch; "": nothing */
    struct weir_mark_table known;
};

static char *describe(const struct weir_transport_config *config)
{
    char id[17];
    json_t *columns = json_array();
    snprintf(id, sizeof id, "%016llx", (unsigned long long)config->feature_set_id);
    for (size_t i = 0; i < config->column_count; i++)
        json_array_append_new(columns, json_string(config->columns[i]));
    json_t *about = json_pack("{s:I,s:s,s:s,s:o}", "seen", (json_int_t)1000000000, "feature_set",
                              config->feature_set ? config->feature_set : "", "feature_set_id", id, "columns", columns);
    char *text = about ? json_dumps(about, JSON_COMPACT) : NULL;
    json_decref(about);
    return text;
}

void weir_redis_sensor_close(struct weir_sensor_end *end, int64_t linger_ns)
{
    struct redis_sensor *sensor = (struct redis_sensor *)end;
    int64_t until_ns = weir_clock_mono_ns() + linger_ns;
    uint32_t tag;
    weir_redis_sensor_flush(end);
    for (redisReply *reply; (reply = weir_redis_link_reply(&sensor->link, until_ns, &tag));)
        freeReplyObject(reply);
    weir_redis_link_close(&sensor->link);
    free(sensor->gathered.bytes);
    weir_mark_table_fini(&sensor->known);
    free(sensor->about);
    free(sensor);
}

weir_err weir_redis_sensor_open(const struct weir_transport_config *config, struct weir_sensor_end **out,
                                struct weir_error *error)
{
    if (config->queues != 1)
        return weir_fail(error, WEIR_ERR_ARGUMENT, "a sensor needs one --queue");
    struct redis_sensor *sensor = calloc(1, sizeof *sensor);
    if (!sensor || !(sensor->about = describe(config))) {
        free(sensor);
        return weir_fail(error, WEIR_ERR_MEMORY, "queue: out of memory");
    }
    memcpy(sensor->sensor, config->sensor, sizeof sensor->sensor);
    sensor->stream = weir_redis_stream(config->column_list);
    sensor->marks = weir_redis_marks(config->sensor);
    snprintf(sensor->list, sizeof sensor->list, "%016llx", (unsigned long long)config->column_list);
    sensor->limit = config->depth ? config->depth : WEIR_REDIS_DEPTH;
    weir_err code = weir_redis_link_open(&sensor->link, config->queue[0], open_wait_ns, error);
    if (code != WEIR_OK)
        weir_redis_sensor_close(&sensor->end, 0);
    else
        *out = &sensor->end;
    return code;
}

static void take_reply(struct redis_sensor *sensor, const redisReply *reply, uint32_t tag)
{
    struct weir_transport_account *account = &sensor->end.account;
    switch (tag) {
    case ADD:
        sensor->flight -= sensor->flight > 0;
        /* fall through */
    case ADD_NOTE:
        *sensor->upset = 0;
        if (reply->type == REDIS_REPLY_ERROR) { /* it comes again: the sensor keeps it until it is committed */
            account->refused++;
            snprintf(sensor->upset, sizeof sensor->upset, "%.180s", reply->str);
            sensor->upset_until_ns = weir_clock_mono_ns() + upset_ns;
        }
        break;
    case LENGTH:
        sensor->asked_length = false;
        if (reply->type == REDIS_REPLY_INTEGER)
            account->depth = sensor->length = (uint64_t)reply->integer;
        break;
    case MARKS:
        sensor->asked_marks = false;
        sensor->out_of_memory = !weir_redis_read_marks(reply, sensor->sensor, &sensor->known);
        break;
    case GROUP:
        if (!weir_redis_read_group(reply, &account->lag, &account->pending))
            WEIR_REDIS_SEND(&sensor->link, OTHER, "XGROUP", "CREATE", sensor->stream.text, WEIR_REDIS_GROUP, "0", "MKSTREAM");
        break;
    }
}

/* Tells the server what must be there, once a second and at once after it has come back; takes what it has answered. */
static bool tend(struct redis_sensor *sensor, int64_t until_ns)
{
    struct weir_redis_link *link = &sensor->link;
    uint32_t tag;
    if (!weir_redis_link_ready(link, until_ns))
        return false;
    int64_t now_ns = weir_clock_mono_ns();
    if (sensor->life != link->lives) {
        sensor->life = link->lives;
        sensor->flight = 0;
        sensor->length = 0;
        sensor->asked_length = sensor->asked_marks = false;
        sensor->next_tend_ns = sensor->next_marks_ns = 0;
        sensor->end.account.reconnects = link->reconnects;
        WEIR_REDIS_SEND(link, OTHER, "XGROUP", "CREATE", sensor->stream.text, WEIR_REDIS_GROUP, "0", "MKSTREAM");
    }
    if (now_ns >= sensor->next_tend_ns) {
        sensor->next_tend_ns = now_ns + tend_ns;
        sprintf(sensor->about, "{\"seen\":%010lld", (long long)(weir_clock_wall_ns() / 1000000000 % 10000000000));
        sensor->about[ABOUT_SEEN] = ',';
        WEIR_REDIS_SEND(link, OTHER, "HSET", WEIR_REDIS_LISTS, sensor->list, sensor->about);
        WEIR_REDIS_SEND(link, GROUP, "XINFO", "GROUPS", sensor->stream.text);
    }
    for (redisReply *reply; (reply = weir_redis_link_reply(link, 0, &tag));) {
        take_reply(sensor, reply, tag);
        freeReplyObject(reply);
    }
    return link->context != NULL;
}

/* Waits for one answer, or until then. */
static void wait_reply(struct redis_sensor *sensor, int64_t until_ns)
{
    uint32_t tag;
    if (!weir_redis_link_open_replies(&sensor->link)) {
        int64_t left_ns = until_ns - weir_clock_mono_ns();
        poll(NULL, 0, left_ns > 0 ? (int)((left_ns + 999999) / 1000000) : 0);
        return;
    }
    redisReply *reply = weir_redis_link_reply(&sensor->link, until_ns, &tag);
    if (!reply)
        return;
    take_reply(sensor, reply, tag);
    freeReplyObject(reply);
}

static int64_t earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* How many frames go out together: the longer the queue is, the more. Nobody who is idle waits for a second one. */
static size_t together(const struct redis_sensor *sensor)
{
    uint64_t entries = sensor->length + sensor->flight;
    return entries < WEIR_REDIS_TOGETHER ? (size_t)entries + 1 : WEIR_REDIS_TOGETHER;
}

static bool has_room(const struct redis_sensor *sensor)
{
    return sensor->gathered.count || (sensor->flight < FLIGHT_MAX && sensor->length + sensor->flight < sensor->limit);
}

static bool gather(struct redis_sensor *sensor, const void *frame, size_t size)
{
    if (sensor->gathered.room - sensor->gathered.used < size) {
        size_t room = sensor->gathered.used + size + WEIR_REDIS_TOGETHER_BYTES;
        uint8_t *fresh = realloc(sensor->gathered.bytes, room);
        if (!fresh)
            return false;
        sensor->gathered.bytes = fresh;
        sensor->gathered.room = room;
    }
    memcpy(sensor->gathered.bytes + sensor->gathered.used, frame, size);
    sensor->gathered.used += size;
    sensor->gathered.size[sensor->gathered.count++] = size;
    return true;
}

static void send_gathered(struct redis_sensor *sensor)
{
    struct weir_redis_word word[3 + 2 * WEIR_REDIS_TOGETHER] = {weir_redis_text("XADD"), weir_redis_text(sensor->stream.text),
                                                                weir_redis_text("*")};
    const uint8_t *at = sensor->gathered.bytes;
    size_t count = 3;
    for (size_t i = 0; i < sensor->gathered.count; i++) {
        word[count++] = weir_redis_text(WEIR_REDIS_FIELD);
        word[count++] = (struct weir_redis_word){at, sensor->gathered.size[i]};
        at += sensor->gathered.size[i];
    }
    weir_redis_link_send(&sensor->link, ADD, word, count);
    WEIR_REDIS_SEND(&sensor->link, LENGTH, "XLEN", sensor->stream.text);
    weir_redis_link_write(&sensor->link);
    sensor->asked_length = true;
    sensor->flight++;
    sensor->gathered.count = sensor->gathered.used = 0;
}

/* While the connection is down they stay. What it did not take before goes out, too. */
void weir_redis_sensor_flush(struct weir_sensor_end *end)
{
    struct redis_sensor *sensor = (struct redis_sensor *)end;
    if (sensor->gathered.count && tend(sensor, 0))
        send_gathered(sensor);
    else
        weir_redis_link_write(&sensor->link);
}

static void send_note(struct redis_sensor *sensor, const void *frame, size_t size)
{
    const struct weir_redis_word word[] = {weir_redis_text("XADD"),
                                           weir_redis_text(WEIR_REDIS_RESULT),
                                           weir_redis_text("*"),
                                           weir_redis_text(WEIR_REDIS_FIELD),
                                           {frame, size}};
    weir_redis_link_send(&sensor->link, ADD_NOTE, word, sizeof word / sizeof *word);
    weir_redis_link_write(&sensor->link);
}

weir_err weir_redis_sensor_send(struct weir_sensor_end *end, const void *frame, size_t size, int64_t timeout_ns,
                                struct weir_error *error)
{
    struct redis_sensor *sensor = (struct redis_sensor *)end;
    struct weir_redis_link *link = &sensor->link;
    struct weir_frame_peek peek;
    int64_t until_ns = weir_clock_mono_ns() + timeout_ns;
    bool note = weir_frame_peek(frame, size, &peek) && peek.kind == WEIR_PEEK_NOTE, waited = false;
    for (;;) {
        bool ready = tend(sensor, until_ns);
        int64_t now_ns = weir_clock_mono_ns();
        bool upset = *sensor->upset && now_ns < sensor->upset_until_ns;
        if (ready && !upset && (note || has_room(sensor)))
            break;
        end->account.waits += !waited;
        waited = true;
        if (ready && !upset && !sensor->flight && !sensor->asked_length && now_ns >= sensor->next_length_ns) {
            WEIR_REDIS_SEND(link, LENGTH, "XLEN", sensor->stream.text);
            weir_redis_link_write(link);
            sensor->asked_length = true;
            sensor->next_length_ns = now_ns + length_ns;
        }
        if (now_ns >= until_ns)
            return weir_fail(error, WEIR_ERR_AGAIN, "%s", !ready ? link->trouble : upset ? sensor->upset : "the stream is full");
        if (ready)
            wait_reply(sensor, earlier(until_ns, upset ? sensor->upset_until_ns : now_ns + length_ns));
    }
    if (note)
        send_note(sensor, frame, size);
    else if (!gather(sensor, frame, size))
        return weir_fail(error, WEIR_ERR_MEMORY, "%s: out of memory for batches", link->url.text);
    else if (sensor->gathered.count >= together(sensor) || sensor->gathered.used >= WEIR_REDIS_TOGETHER_BYTES)
        send_gathered(sensor);
    end->account.frames++;
    end->account.bytes += size;
    return WEIR_OK;
}

weir_err weir_redis_sensor_marks(struct weir_sensor_end *end, int64_t timeout_ns, struct weir_mark *out, size_t room,
                                 size_t *count, struct weir_error *error)
{
    struct redis_sensor *sensor = (struct redis_sensor *)end;
    int64_t until_ns = weir_clock_mono_ns() + timeout_ns;
    for (;;) {
        bool ready = tend(sensor, until_ns);
        int64_t now_ns = weir_clock_mono_ns();
        if (ready && sensor->gathered.count)
            send_gathered(sensor);
        if (sensor->out_of_memory)
            return weir_fail(error, WEIR_ERR_MEMORY, "%s: out of memory for marks", sensor->link.url.text);
        if (ready && !sensor->asked_marks && now_ns >= sensor->next_marks_ns) {
            WEIR_REDIS_SEND(&sensor->link, MARKS, "HGETALL", sensor->marks.text);
            weir_redis_link_write(&sensor->link);
            sensor->asked_marks = true;
            sensor->next_marks_ns = now_ns + marks_ns;
        }
        if ((*count = weir_mark_table_take(&sensor->known, out, room)) || now_ns >= until_ns)
            return WEIR_OK;
        if (ready)
            wait_reply(sensor, earlier(until_ns, sensor->asked_marks ? until_ns : sensor->next_marks_ns));
    }
}

bool weir_redis_sensor_trouble(const struct weir_sensor_end *end, char *text, size_t size)
{
    const struct redis_sensor *sensor = (const struct redis_sensor *)end;
    if (*sensor->link.trouble)
        snprintf(text, size, "%s", sensor->link.trouble);
    else if (*sensor->upset)
        snprintf(text, size, "%s: the server does not take batches: %s", sensor->link.url.text, sensor->upset);
    else if (sensor->length + sensor->flight >= sensor->limit)
        snprintf(text, size, "%s: %llu entries wait for workers that can score column list %s", sensor->link.url.text,
                 (unsigned long long)(sensor->length + sensor->flight), sensor->list);
    else
        return false;
    return true;
}
