/* A connection to a Redis server: commands go out pipelined, each with a tag that comes back with its reply; when it breaks it is
 * made again, later and later. Nothing here waits longer than it is told to. For this folder only. One thread.
 */
#ifndef WEIR_QUEUE_REDIS_LINK_H
#define WEIR_QUEUE_REDIS_LINK_H

#include <hiredis/hiredis.h>
#include <stdbool.h>
#include <stdint.h>

#include "queue/fifo.h"
#include "queue/transport.h"
#include "queue/url.h"

struct weir_redis_link { /* start with {0} */
    struct weir_url url;
    unsigned lives; /* counts connections made: what was sent in an earlier one is not answered any more */
    uint64_t reconnects;
    char trouble[300]; /* "": none */
    /* private */
    redisContext *context;
    enum { WEIR_REDIS_DOWN, WEIR_REDIS_CONNECTING, WEIR_REDIS_GREETING, WEIR_REDIS_READY } state;
    int64_t try_ns, pause_ns, heard_ns;
    bool denied; /* wrong user or password, or none */
    char *out, *in;
    size_t out_used, out_sent, out_room;
    struct weir_fifo tags; /* of the replies to come */
    bool failed;           /* out of memory in weir_redis_link_send */
};

/* Takes the address and tries once, at most `wait_ns`. A server that does not answer is no error; one that denies is:
 * WEIR_ERR_PERMISSION. WEIR_ERR_ARGUMENT: over a network without a password. */
weir_err weir_redis_link_open(struct weir_redis_link *link, const char *url, int64_t wait_ns, struct weir_error *error);
void weir_redis_link_close(struct weir_redis_link *link);

/* Connects if need be; waits until then at most. */
bool weir_redis_link_ready(struct weir_redis_link *link, int64_t until_ns);

/* One command with `count` arguments. Goes out with the next _write or _reply. */
struct weir_redis_word {
    const void *bytes;
    size_t size;
};
void weir_redis_link_send(struct weir_redis_link *link, uint32_t tag, const struct weir_redis_word *word, size_t count);

/* Sends what the connection takes without waiting. */
void weir_redis_link_write(struct weir_redis_link *link);

/* The next reply; NULL when there is none until then, or the connection broke (`lives` changes with the next one). To be freed
 * with freeReplyObject. */
redisReply *weir_redis_link_reply(struct weir_redis_link *link, int64_t until_ns, uint32_t *tag);

/* Commands that are not answered yet. */
static inline size_t weir_redis_link_open_replies(const struct weir_redis_link *link)
{
    return link->tags.count;
}

static inline struct weir_redis_word weir_redis_text(const char *text)
{
    return (struct weir_redis_word){text, __builtin_strlen(text)};
}

/* Sends a command of texts. */
#define WEIR_REDIS_SEND(link, tag, ...)                                                                                          \
    do {                                                                                                                         \
        const char *const words_[] = {__VA_ARGS__};                                                                              \
        weir_redis_link_send_texts(link, tag, words_, sizeof words_ / sizeof *words_);                                           \
    } while (0)
void weir_redis_link_send_texts(struct weir_redis_link *link, uint32_t tag, const char *const *text, size_t count);

/* --- what the ends share --- */

#define WEIR_REDIS_LISTS  "weir:lists"
#define WEIR_REDIS_GROUP  "weir"
#define WEIR_REDIS_RESULT "weir:v"
#define WEIR_REDIS_DEAD   "weir:dead"
#define WEIR_REDIS_FIELD  "f"
#define WEIR_REDIS_DEPTH  1024 /* entries in a stream that make its producers wait */

/* So many may wait for the collector's commits in weir:v before workers wait. */
static inline uint64_t weir_redis_results_most(const struct weir_transport_config *config)
{
    return 4 * (uint64_t)(config->depth ? config->depth : WEIR_REDIS_DEPTH);
}

/* An entry of a stream has one frame or several, each a field "f". Writers put at most so many together, and no more once they
 * have so many bytes; readers take what others put together up to _MOST. */
#define WEIR_REDIS_TOGETHER       16
#define WEIR_REDIS_TOGETHER_BYTES ((size_t)64 << 10)
#define WEIR_REDIS_TOGETHER_MOST  64

/* From now on the reader refuses an array of more elements than any answer to weir has (out of memory, by hiredis's words).
 * False: no memory. Any thread. */
#define WEIR_REDIS_ELEMENTS (1 << 20)
bool weir_redis_bound_replies(redisReader *reader);

struct weir_redis_name {
    char text[64];
};

/* "weir:b:<list>", "weir:m:<sensor>" */
struct weir_redis_name weir_redis_stream(uint64_t list);
struct weir_redis_name weir_redis_marks(const uint8_t sensor[16]);

/* Takes in the answer to HGETALL weir:m:<sensor>. False: no memory. */
struct weir_mark_table;
bool weir_redis_read_marks(const redisReply *reply, const uint8_t sensor[16], struct weir_mark_table *known);

/* Lag and pending of the group, of the answer to XINFO GROUPS; false: there is no such group. */
bool weir_redis_read_group(const redisReply *reply, uint64_t *lag, uint64_t *pending);

/* The entries of one stream, as XREAD gives them: calls `take` with id and frames of each. One without frames, or with too many,
 * has one frame of no bytes, which nobody can decode. */
typedef void weir_redis_take(void *context, const char *id, const struct weir_redis_word *frame, size_t count);
void weir_redis_read_entries(const redisReply *entries, weir_redis_take *take, void *context);

static inline bool weir_redis_is(const redisReply *reply, int type)
{
    return reply && reply->type == type;
}

/* An error whose text begins with this code ("NOGROUP"). */
bool weir_redis_is_error(const redisReply *reply, const char *code);

#endif
