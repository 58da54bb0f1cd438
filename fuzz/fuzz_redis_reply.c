/* What a Redis server may say: any reply goes to every reader of replies. */
#include <stdint.h>
#include <stdlib.h>

#include "queue/mark_table.h"
#include "queue/redis_link.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void take(void *context, const char *id, const struct weir_redis_word *frame, size_t count)
{
    unsigned *sum = context;
    if (!count || count > WEIR_REDIS_TOGETHER_MOST)
        abort();
    *sum += (unsigned)id[0];
    for (size_t n = 0; n < count; n++)
        for (size_t i = 0; i < frame[n].size; i++)
            *sum += ((const uint8_t *)frame[n].bytes)[i];
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t sensor[16] = {1};
    redisReader *reader = redisReaderCreate();
    void *reply = NULL;
    unsigned sum = 0;
    if (!reader || !weir_redis_bound_replies(reader) || redisReaderFeed(reader, (const char *)data, size) != REDIS_OK)
        abort();
    while (redisReaderGetReply(reader, &reply) == REDIS_OK && reply) {
        struct weir_mark_table known = {0};
        struct weir_mark mark;
        uint64_t lag = 0, pending = 0;
        if (!weir_redis_read_marks(reply, sensor, &known))
            abort();
        for (size_t i = 1; i < known.count; i++) /* in order, each once */
            if (known.item[i - 1].mark.boot > known.item[i].mark.boot ||
                (known.item[i - 1].mark.boot == known.item[i].mark.boot &&
                 known.item[i - 1].mark.lane >= known.item[i].mark.lane))
                abort();
        if (known.count && !weir_mark_table_take(&known, &mark, 1))
            abort();
        weir_mark_table_fini(&known);
        weir_redis_read_group(reply, &lag, &pending);
        weir_redis_read_entries(reply, take, &sum);
        weir_redis_is_error(reply, "NOGROUP");
        freeReplyObject(reply);
        reply = NULL;
    }
    redisReaderFree(reader);
    return 0;
}
