/* Ends of transports and frames to send through them. A frame here is a head that transports look at, and bytes by a rule. */
#ifndef WEIR_TESTS_QUEUE_ENDS_H
#define WEIR_TESTS_QUEUE_ENDS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "queue/transport.h"

enum { HEAD = 128, LONGEST = 20000 };
static const int64_t ms_ns = 1000000, long_ns = (int64_t)20 * 1000000000;
static const uint64_t sample_list = 0x1234567890abcdefu;
static const char *const sample_columns[] = {"sport", "dur"};

static inline void sample_sensor(uint8_t id[16], unsigned number)
{
    memset(id, 0, 16);
    id[0] = 0xa0;
    id[15] = (uint8_t)number;
}

static inline size_t make_frame(uint8_t *out, unsigned kind, unsigned sensor, uint32_t lane, uint64_t seq)
{
    static const char magic[8] = "\x89WEIRF\r\n";
    const uint16_t version = 1, short_kind = (uint16_t)kind;
    const uint64_t boot = 7, feature_set = 99;
    size_t size = HEAD + (size_t)(seq * 7919) % (LONGEST - HEAD);
    memset(out, 0, HEAD);
    memcpy(out, magic, 8);
    memcpy(out + 8, &version, 2);
    memcpy(out + 10, &short_kind, 2);
    memcpy(out + 24, &feature_set, 8);
    memcpy(out + 32, &sample_list, 8);
    sample_sensor(out + 40, sensor);
    memcpy(out + 56, &boot, 8);
    memcpy(out + 64, &seq, 8);
    memcpy(out + 72, &lane, 4);
    for (size_t i = HEAD; i < size; i++)
        out[i] = (uint8_t)(i * 31 + seq + lane + sensor + kind);
    return size;
}

/* The delivery's bytes are those of make_frame; its sequence number. */
static inline uint64_t check_frame(const struct weir_delivery *delivery, unsigned kind, unsigned sensor)
{
    uint8_t want[LONGEST];
    uint64_t seq;
    uint32_t lane;
    assert_true(delivery->size >= HEAD);
    assert_int_equal((uintptr_t)delivery->bytes % 64, 0);
    memcpy(&seq, delivery->bytes + 64, 8);
    memcpy(&lane, delivery->bytes + 72, 4);
    assert_int_equal(delivery->size, make_frame(want, kind, sensor, lane, seq));
    assert_memory_equal(delivery->bytes, want, delivery->size);
    return seq;
}

static inline struct weir_mark make_mark(unsigned sensor, uint32_t lane, uint64_t next)
{
    struct weir_mark mark = {.boot = 7, .lane = lane, .next = next};
    sample_sensor(mark.sensor, sensor);
    return mark;
}

static inline struct weir_transport_config make_config(const char *const *queue, const char *results, unsigned sensor)
{
    struct weir_transport_config config = {.queue = queue,
                                           .queues = 1,
                                           .results = results,
                                           .column_list = sample_list,
                                           .feature_set = "argus",
                                           .feature_set_id = 99,
                                           .columns = sample_columns,
                                           .column_count = 2};
    sample_sensor(config.sensor, sensor);
    return config;
}

static inline struct weir_sensor_end *open_sensor(const struct weir_transport_config *config)
{
    struct weir_error error = {0};
    struct weir_sensor_end *end;
    if (weir_sensor_end_open(config, &end, &error) != WEIR_OK)
        fail_msg("%s", error.text);
    return end;
}

static inline struct weir_worker_end *open_worker(const struct weir_transport_config *config)
{
    struct weir_error error = {0};
    struct weir_worker_end *end;
    if (weir_worker_end_open(config, &end, &error) != WEIR_OK)
        fail_msg("%s", error.text);
    return end;
}

static inline struct weir_collector_end *open_collector(const struct weir_transport_config *config)
{
    struct weir_error error = {0};
    struct weir_collector_end *end;
    if (weir_collector_end_open(config, &end, &error) != WEIR_OK)
        fail_msg("%s", error.text);
    return end;
}

static inline void send_frame(struct weir_sensor_end *end, unsigned kind, unsigned sensor, uint32_t lane, uint64_t seq)
{
    uint8_t bytes[LONGEST];
    struct weir_error error = {0};
    size_t size = make_frame(bytes, kind, sensor, lane, seq);
    if (weir_sensor_end_send(end, bytes, size, long_ns, &error) != WEIR_OK)
        fail_msg("%s", error.text);
    weir_sensor_end_flush(end);
}

static inline struct weir_delivery take_batch(struct weir_worker_end *end)
{
    struct weir_error error = {0};
    struct weir_delivery delivery;
    if (weir_worker_end_take(end, long_ns, &delivery, &error) != WEIR_OK)
        fail_msg("%s", error.text);
    return delivery;
}

/* Publishes the frame of kind 2 that goes with a batch. */
static inline void publish_for(struct weir_worker_end *end, const struct weir_delivery *batch, unsigned sensor)
{
    uint8_t bytes[LONGEST];
    uint64_t seq;
    uint32_t lane;
    struct weir_error error = {0};
    memcpy(&seq, batch->bytes + 64, 8);
    memcpy(&lane, batch->bytes + 72, 4);
    size_t size = make_frame(bytes, 2, sensor, lane, seq);
    if (weir_worker_end_publish(end, batch, bytes, size, long_ns, &error) != WEIR_OK)
        fail_msg("%s", error.text);
}

static inline struct weir_delivery take_verdicts(struct weir_collector_end *end)
{
    struct weir_error error = {0};
    struct weir_delivery delivery;
    if (weir_collector_end_take(end, long_ns, &delivery, &error) != WEIR_OK)
        fail_msg("%s", error.text);
    return delivery;
}

/* Waits until the sensor is told of this mark; the collector does meanwhile what it does when nothing comes. */
static inline void expect_mark(struct weir_sensor_end *end, struct weir_collector_end *collector, uint32_t lane, uint64_t next)
{
    struct weir_error error = {0};
    for (int64_t until = weir_clock_mono_ns() + long_ns; weir_clock_mono_ns() < until;) {
        struct weir_mark mark[1];
        struct weir_delivery none;
        size_t count;
        assert_int_equal(weir_collector_end_take(collector, 0, &none, NULL), WEIR_ERR_AGAIN);
        if (weir_sensor_end_marks(end, 10 * ms_ns, mark, 1, &count, &error) != WEIR_OK)
            fail_msg("%s", error.text);
        for (size_t i = 0; i < count; i++)
            if (mark[i].boot == 7 && mark[i].lane == lane && mark[i].next == next)
                return;
    }
    fail_msg("mark %u:%llu does not come", lane, (unsigned long long)next);
}

#endif
