#include "queue/redis_link.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "queue/mark_table.h"

enum { IN_BYTES = 256 << 10, TAG_GREETING = UINT32_MAX - 1 };
static const int64_t step_ns = 10 * 1000000, first_pause_ns = 100 * 1000000, longest_pause_ns = (int64_t)5 * 1000000000,
                     silence_ns = (int64_t)10 * 1000000000; /* a server that says nothing for so long is cut off */

static int wait_ms(int64_t until_ns)
{
    int64_t left_ns = until_ns - weir_clock_mono_ns();
    return left_ns <= 0 ? 0 : left_ns > (int64_t)3600 * 1000000000 ? 3600 * 1000 : (int)((left_ns + 999999) / 1000000);
}

static void drop(struct weir_redis_link *link, const char *why)
{
    if (link->context)
        redisFree(link->context);
    link->context = NULL;
    link->state = WEIR_REDIS_DOWN;
    weir_fifo_clear(&link->tags);
    link->out_used = link->out_sent = 0;
    link->failed = false;
    link->pause_ns = !link->pause_ns                         ? first_pause_ns
                     : 2 * link->pause_ns < longest_pause_ns ? 2 * link->pause_ns
                                                             : longest_pause_ns;
    link->try_ns = weir_clock_mono_ns() + link->pause_ns;
    snprintf(link->trouble, sizeof link->trouble, "%.120s: %.100s, trying again in %.1f s", link->url.text, why,
             (double)link->pause_ns / 1e9);
}

/* --- out --- */

static bool out_room(struct weir_redis_link *link, size_t size)
{
    if (link->out_room - link->out_used >= size)
        return true;
    if (link->out_sent) {
        memmove(link->out, link->out + link->out_sent, link->out_used - link->out_sent);
        link->out_used -= link->out_sent;
        link->out_sent = 0;
    }
    if (link->out_room - link->out_used >= size)
        return true;
    size_t room = 2 * link->out_room + size;
    char *out = realloc(link->out, room);
    if (!out)
        return false;
    link->out = out;
    link->out_room = room;
    return true;
}

/* A mark, a number, a line's end: "$4096\r\n". */
static char *write_count(char *at, char mark, size_t count)
{
    char digits[20];
    size_t n = 0;
    do
        digits[n++] = (char)('0' + count % 10);
    while (count /= 10);
    *at++ = mark;
    while (n)
        *at++ = digits[--n];
    return mempcpy(at, "\r\n", 2);
}

void weir_redis_link_send(struct weir_redis_link *link, uint32_t tag, const struct weir_redis_word *word, size_t count)
{
    size_t size = 32;
    for (size_t i = 0; i < count; i++)
        size += word[i].size + 32;
    if (!link->context || link->failed)
        return;
    if (!out_room(link, size) || !weir_fifo_push(&link->tags, tag)) {
        link->failed = true; /* seen by the next _write or _reply */
        return;
    }
    if (link->tags.count == 1)
        link->heard_ns = weir_clock_mono_ns();
    char *at = write_count(link->out + link->out_used, '*', count);
    for (size_t i = 0; i < count; i++) {
        at = mempcpy(write_count(at, '$', word[i].size), word[i].bytes, word[i].size);
        at = mempcpy(at, "\r\n", 2);
    }
    link->out_used = (size_t)(at - link->out);
}

void weir_redis_link_send_texts(struct weir_redis_link *link, uint32_t tag, const char *const *text, size_t count)
{
    struct weir_redis_word word[16];
    for (size_t i = 0; i < count && i < 16; i++)
        word[i] = weir_redis_text(text[i]);
    weir_redis_link_send(link, tag, word, count);
}

static bool put_out(struct weir_redis_link *link)
{
    if (link->failed) {
        drop(link, "out of memory");
        return false;
    }
    while (link->out_sent < link->out_used) {
        ssize_t n =
            send(link->context->fd, link->out + link->out_sent, link->out_used - link->out_sent, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
            return true;
        if (n < 0) {
            drop(link, strerror(errno));
            return false;
        }
        link->out_sent += (size_t)n;
    }
    link->out_used = link->out_sent = 0;
    return true;
}

void weir_redis_link_write(struct weir_redis_link *link)
{
    if (link->context && link->state >= WEIR_REDIS_GREETING)
        put_out(link);
}

/* --- in --- */

/* False: broken. */
static bool take_in(struct weir_redis_link *link)
{
    ssize_t n = recv(link->context->fd, link->in, IN_BYTES, MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
        return true;
    if (n <= 0) {
        drop(link, n ? strerror(errno) : "the server closed the connection");
        return false;
    }
    link->heard_ns = weir_clock_mono_ns();
    if (redisReaderFeed(link->context->reader, link->in, (size_t)n) == REDIS_OK)
        return true;
    drop(link, "no Redis server answers there");
    return false;
}

redisReply *weir_redis_link_reply(struct weir_redis_link *link, int64_t until_ns, uint32_t *tag)
{
    while (link->context && link->tags.count) {
        void *reply = NULL;
        if (redisReaderGetReply(link->context->reader, &reply) != REDIS_OK) {
            drop(link, "no Redis server answers there");
            return NULL;
        }
        if (reply) {
            *tag = weir_fifo_pop(&link->tags);
            return reply;
        }
        if (!put_out(link))
            return NULL;
        struct pollfd poll_fd = {.fd = link->context->fd,
                                 .events = (short)(POLLIN | (link->out_sent < link->out_used ? POLLOUT : 0))};
        int ready = poll(&poll_fd, 1, wait_ms(until_ns));
        if (ready > 0 && poll_fd.revents & (POLLIN | POLLERR | POLLHUP)) {
            if (!take_in(link))
                return NULL;
            continue;
        }
        if (weir_clock_mono_ns() > link->heard_ns + silence_ns) {
            drop(link, "the server says nothing for 10 s");
            return NULL;
        }
        if (weir_clock_mono_ns() >= until_ns)
            return NULL;
    }
    return NULL;
}

/* hiredis makes the room for an array as soon as it reads the number of elements, and a few bytes can name billions of them. */
static struct {
    redisReplyObjectFunctions bounded;
    void *(*create_array)(const redisReadTask *, int);
    pthread_once_t once;
} replies = {.once = PTHREAD_ONCE_INIT};

static void *create_array(const redisReadTask *task, int count)
{
    return count <= WEIR_REDIS_ELEMENTS ? replies.create_array(task, count) : NULL;
}

static void prepare_replies(void)
{
    redisReader *plain = redisReaderCreate();
    if (!plain)
        return;
    replies.bounded = *plain->fn;
    replies.create_array = plain->fn->createArray;
    replies.bounded.createArray = create_array;
    redisReaderFree(plain);
}

bool weir_redis_bound_replies(redisReader *reader)
{
    pthread_once(&replies.once, prepare_replies);
    if (replies.create_array)
        reader->fn = &replies.bounded;
    return replies.create_array;
}

/* --- the connection --- */

static void begin(struct weir_redis_link *link)
{
    link->context = link->url.kind == WEIR_URL_REDIS_UNIX ? redisConnectUnixNonBlock(link->url.path)
                                                          : redisConnectNonBlock(link->url.host, (int)link->url.port);
    if (!link->context || link->context->err) {
        drop(link, link->context ? link->context->errstr : "out of memory");
        return;
    }
    if (!weir_redis_bound_replies(link->context->reader)) {
        drop(link, "out of memory");
        return;
    }
    link->context->reader->maxbuf = 0; /* keep the room: frames are large */
    if (link->url.kind == WEIR_URL_REDIS_TCP)
        redisEnableKeepAlive(link->context);
    link->state = WEIR_REDIS_CONNECTING;
    link->heard_ns = weir_clock_mono_ns();
}

static void greet(struct weir_redis_link *link, int64_t until_ns)
{
    struct pollfd poll_fd = {.fd = link->context->fd, .events = POLLOUT};
    int what = 0;
    socklen_t size = sizeof what;
    if (poll(&poll_fd, 1, wait_ms(until_ns)) <= 0) {
        if (weir_clock_mono_ns() > link->heard_ns + silence_ns / 2)
            drop(link, "no answer");
        return;
    }
    if (getsockopt(link->context->fd, SOL_SOCKET, SO_ERROR, &what, &size) || what) {
        drop(link, strerror(what ? what : errno));
        return;
    }
    link->state = WEIR_REDIS_GREETING;
    if (*link->url.user)
        WEIR_REDIS_SEND(link, TAG_GREETING, "AUTH", link->url.user, link->url.password);
    else if (*link->url.password)
        WEIR_REDIS_SEND(link, TAG_GREETING, "AUTH", link->url.password);
    else
        WEIR_REDIS_SEND(link, TAG_GREETING, "PING");
}

static void be_greeted(struct weir_redis_link *link, int64_t until_ns)
{
    uint32_t tag;
    redisReply *reply = weir_redis_link_reply(link, until_ns, &tag);
    if (!reply)
        return;
    /* a user that may not PING is a user all the same */
    link->denied = weir_redis_is_error(reply, "NOAUTH") || weir_redis_is_error(reply, "WRONGPASS") ||
                   (reply->type == REDIS_REPLY_ERROR && *link->url.password && strncmp(reply->str, "LOADING", 7));
    if (link->denied || (reply->type == REDIS_REPLY_ERROR && !weir_redis_is_error(reply, "NOPERM"))) {
        char why[120];
        snprintf(why, sizeof why, "%.100s", reply->str);
        drop(link, why);
    } else {
        link->state = WEIR_REDIS_READY;
        link->reconnects += link->lives > 0;
        link->lives++;
        link->pause_ns = 0;
        *link->trouble = 0;
    }
    freeReplyObject(reply);
}

bool weir_redis_link_ready(struct weir_redis_link *link, int64_t until_ns)
{
    while (link->state != WEIR_REDIS_READY) {
        int64_t now_ns = weir_clock_mono_ns();
        if (link->state == WEIR_REDIS_DOWN && now_ns < link->try_ns)
            poll(NULL, 0, wait_ms(link->try_ns < until_ns ? link->try_ns : until_ns));
        else if (link->state == WEIR_REDIS_DOWN)
            begin(link);
        else if (link->state == WEIR_REDIS_CONNECTING)
            greet(link, until_ns);
        else
            be_greeted(link, until_ns);
        if (link->state != WEIR_REDIS_READY && weir_clock_mono_ns() >= until_ns)
            return false;
    }
    return true;
}

weir_err weir_redis_link_open(struct weir_redis_link *link, const char *url, int64_t wait_ns, struct weir_error *error)
{
    *link = (struct weir_redis_link){0};
    weir_err code = weir_url_parse(url, &link->url, error);
    if (code != WEIR_OK)
        return code;
    if (!link->url.local && !*link->url.password)
        return weir_fail(
            error, WEIR_ERR_ARGUMENT,
            "%s: over a network weir asks for a password: redis://USER:PASSWORD@HOST (docs/queues.md says how to make "
            "the user)",
            link->url.text);
    if (!(link->in = malloc(IN_BYTES)))
        return weir_fail(error, WEIR_ERR_MEMORY, "%s: out of memory", link->url.text);
    for (int64_t until_ns = weir_clock_mono_ns() + wait_ns; weir_clock_mono_ns() < until_ns && !link->pause_ns;)
        if (weir_redis_link_ready(link, weir_clock_mono_ns() + step_ns))
            break;
    if (!link->denied)
        return WEIR_OK;
    code = weir_fail(error, WEIR_ERR_PERMISSION, "%s: the server denies access (%s); give USER:PASSWORD@ in the address",
                     link->url.text, link->trouble + strlen(link->url.text) + 2);
    weir_redis_link_close(link);
    return code;
}

void weir_redis_link_close(struct weir_redis_link *link)
{
    if (link->context)
        redisFree(link->context);
    free(link->out);
    free(link->in);
    weir_fifo_fini(&link->tags);
    explicit_bzero(link, sizeof *link);
}

/* --- what the ends share --- */

struct weir_redis_name weir_redis_stream(uint64_t list)
{
    struct weir_redis_name name;
    snprintf(name.text, sizeof name.text, "weir:b:%016llx", (unsigned long long)list);
    return name;
}

struct weir_redis_name weir_redis_marks(const uint8_t sensor[16])
{
    struct weir_redis_name name;
    char *at = name.text + sprintf(name.text, "weir:m:");
    for (int i = 0; i < 16; i++)
        at += sprintf(at, "%02x", sensor[i]);
    return name;
}

bool weir_redis_read_marks(const redisReply *reply, const uint8_t sensor[16], struct weir_mark_table *known)
{
    struct weir_mark mark = {0};
    memcpy(mark.sensor, sensor, sizeof mark.sensor);
    for (size_t i = 0; weir_redis_is(reply, REDIS_REPLY_ARRAY) && i + 1 < reply->elements; i += 2) {
        const redisReply *field = reply->element[i], *value = reply->element[i + 1];
        unsigned long long boot;
        unsigned lane;
        if (!weir_redis_is(field, REDIS_REPLY_STRING) || !weir_redis_is(value, REDIS_REPLY_STRING) ||
            value->len != WEIR_MARK_BYTES || sscanf(field->str, "%llu:%u", &boot, &lane) != 2)
            continue;
        mark.boot = boot;
        mark.lane = lane;
        weir_mark_read(&mark, (const uint8_t *)value->str);
        if (!weir_mark_table_put(known, &mark))
            return false;
    }
    return true;
}

static const redisReply *field_of(const redisReply *map, const char *name)
{
    for (size_t i = 0; weir_redis_is(map, REDIS_REPLY_ARRAY) && i + 1 < map->elements; i += 2)
        if (weir_redis_is(map->element[i], REDIS_REPLY_STRING) && !strcmp(map->element[i]->str, name))
            return map->element[i + 1];
    return NULL;
}

bool weir_redis_read_group(const redisReply *reply, uint64_t *lag, uint64_t *pending)
{
    for (size_t i = 0; weir_redis_is(reply, REDIS_REPLY_ARRAY) && i < reply->elements; i++) {
        const redisReply *group = reply->element[i], *name = field_of(group, "name"), *wait = field_of(group, "pending"),
                         *behind = field_of(group, "lag");
        if (!weir_redis_is(name, REDIS_REPLY_STRING) || strcmp(name->str, WEIR_REDIS_GROUP))
            continue;
        *pending = weir_redis_is(wait, REDIS_REPLY_INTEGER) ? (uint64_t)wait->integer : 0;
        *lag = weir_redis_is(behind, REDIS_REPLY_INTEGER) ? (uint64_t)behind->integer : 0; /* nil: the server does not know */
        return true;
    }
    return false;
}

/* Their number; 0: these are not the fields of an entry with frames. */
static size_t read_frames(const redisReply *fields, struct weir_redis_word frame[WEIR_REDIS_TOGETHER_MOST])
{
    size_t count = 0;
    for (size_t i = 0; i + 1 < fields->elements; i += 2) {
        const redisReply *name = fields->element[i], *value = fields->element[i + 1];
        if (!weir_redis_is(name, REDIS_REPLY_STRING) || strcmp(name->str, WEIR_REDIS_FIELD) ||
            !weir_redis_is(value, REDIS_REPLY_STRING))
            continue;
        if (count == WEIR_REDIS_TOGETHER_MOST)
            return 0;
        frame[count++] = (struct weir_redis_word){value->str, value->len};
    }
    return count;
}

void weir_redis_read_entries(const redisReply *entries, weir_redis_take *take, void *context)
{
    for (size_t i = 0; weir_redis_is(entries, REDIS_REPLY_ARRAY) && i < entries->elements; i++) {
        const redisReply *entry = entries->element[i];
        struct weir_redis_word frame[WEIR_REDIS_TOGETHER_MOST];
        if (!weir_redis_is(entry, REDIS_REPLY_ARRAY) || entry->elements < 2 ||
            !weir_redis_is(entry->element[0], REDIS_REPLY_STRING) || !weir_redis_is(entry->element[1], REDIS_REPLY_ARRAY))
            continue; /* one that has been deleted meanwhile */
        size_t count = read_frames(entry->element[1], frame);
        if (!count)
            frame[count++] = weir_redis_text("");
        take(context, entry->element[0]->str, frame, count);
    }
}

bool weir_redis_is_error(const redisReply *reply, const char *code)
{
    return weir_redis_is(reply, REDIS_REPLY_ERROR) && !strncmp(reply->str, code, strlen(code));
}
