/* Records of several lanes in one order: compared with a sort of all of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "store/order.h"

enum { RECORDS = 5000, LANES_MOST = 5 };

static uint64_t state;

static uint64_t next(void) /* splitmix64 */
{
    uint64_t z = state += 0x9e3779b97f4a7c15;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
}

struct sink {
    struct weir_record got[RECORDS];
    size_t count, fail_at;
};

static weir_err take(void *context, const char *bytes, size_t length, struct weir_error *error)
{
    struct sink *sink = context;
    if (sink->count == sink->fail_at)
        return weir_fail(error, WEIR_ERR_FULL, "no room");
    assert_true(sink->count < RECORDS);
    struct weir_record *record = &sink->got[sink->count++];
    assert_true(length >= sizeof *record && length < sizeof *record + 5);
    memcpy(record, bytes, sizeof *record);
    return WEIR_OK;
}

static int compare(const void *a, const void *b)
{
    const struct weir_record *x = a, *y = b;
    const uint64_t left[] = {(uint64_t)x->closed_ns, (uint64_t)x->identity.stime_ns, x->identity.flow_id.high,
                             x->identity.flow_id.low, x->identity.record};
    const uint64_t right[] = {(uint64_t)y->closed_ns, (uint64_t)y->identity.stime_ns, y->identity.flow_id.high,
                              y->identity.flow_id.low, y->identity.record};
    for (int i = 0; i < 5; i++)
        if (left[i] != right[i])
            return left[i] < right[i] ? -1 : 1;
    return 0;
}

static struct weir_record records[RECORDS];

/* Many equal closing times, stime, ids; the last tenth is closed by the end. */
static void make_records(void)
{
    int64_t clock = 1000;
    memset(records, 0, sizeof records);
    for (unsigned i = 0; i < RECORDS; i++) {
        clock += (int64_t)(next() % 3);
        records[i].closed_ns = i < RECORDS - RECORDS / 10 ? clock : INT64_MAX;
        records[i].identity.stime_ns = (int64_t)(next() % 4);
        records[i].identity.flow_id = (struct weir_flow_id){next() % 3, next() % 3};
        records[i].identity.record = i;
    }
}

static void keep(struct weir_order *order, unsigned lane, const struct weir_record *record)
{
    size_t extra = next() % 5;
    char *room = weir_order_reserve(order, lane, sizeof *record + 5);
    assert_non_null(room);
    memcpy(room, record, sizeof *record);
    weir_order_keep(order, lane, record, sizeof *record + extra);
}

/* Hands each record to a random lane; lanes advance when they like, but never past a record of theirs. */
static void run(unsigned lanes, struct sink *sink)
{
    struct weir_order *order;
    size_t at[LANES_MOST] = {0};
    unsigned char lane_of[RECORDS];
    memset(sink, 0, sizeof *sink);
    sink->fail_at = SIZE_MAX;
    for (unsigned i = 0; i < RECORDS; i++)
        lane_of[i] = (unsigned char)(next() % lanes);
    assert_int_equal(weir_order_create(lanes, take, sink, &order, NULL), WEIR_OK);
    for (unsigned ended = 0; ended < lanes;) {
        unsigned lane = (unsigned)(next() % lanes);
        if (at[lane] > RECORDS)
            continue;
        for (size_t burst = next() % 40; burst > 0 && at[lane] < RECORDS; burst--) {
            if (lane_of[at[lane]] == lane)
                keep(order, lane, &records[at[lane]]);
            at[lane]++;
        }
        if (at[lane] == RECORDS) {
            assert_int_equal(weir_order_advance(order, lane, INT64_MAX, NULL), WEIR_OK);
            at[lane]++;
            ended++;
        } else {
            int64_t clock = records[at[lane]].closed_ns;
            assert_int_equal(weir_order_advance(order, lane, clock == INT64_MAX ? 1000 : clock, NULL), WEIR_OK);
        }
    }
    weir_order_destroy(&order);
}

static void test_sorted(void **unused)
{
    static struct sink sink;
    static struct weir_record want[RECORDS];
    for (state = 1; state < 20; state++) {
        uint64_t seed = state;
        make_records();
        memcpy(want, records, sizeof want);
        qsort(want, RECORDS, sizeof *want, compare);
        for (unsigned lanes = 1; lanes <= LANES_MOST; lanes++) {
            run(lanes, &sink);
            assert_int_equal(sink.count, RECORDS);
            assert_memory_equal(sink.got, want, sizeof want);
        }
        state = seed;
    }
}

/* Given out as soon as the last lane's clock has passed, and not before. */
static void test_streaming(void **unused)
{
    static struct sink sink;
    struct weir_order *order;
    memset(&sink, 0, sizeof sink);
    sink.fail_at = SIZE_MAX;
    struct weir_record record = {.closed_ns = 10};
    assert_int_equal(weir_order_create(2, take, &sink, &order, NULL), WEIR_OK);
    keep(order, 0, &record);
    weir_order_advance(order, 0, 20, NULL);
    assert_int_equal(sink.count, 0);
    weir_order_advance(order, 1, 10, NULL); /* another one could still close at 10 */
    assert_int_equal(sink.count, 0);
    weir_order_advance(order, 1, 11, NULL);
    assert_int_equal(sink.count, 1);
    record.closed_ns = INT64_MAX;
    keep(order, 1, &record);
    weir_order_advance(order, 1, INT64_MAX, NULL);
    assert_int_equal(sink.count, 1);
    weir_order_advance(order, 0, INT64_MAX, NULL);
    assert_int_equal(sink.count, 2);
    weir_order_destroy(&order);
    assert_null(order);
}

static void test_failing_sink(void **unused)
{
    static struct sink sink;
    struct weir_order *order;
    struct weir_error error = {0};
    memset(&sink, 0, sizeof sink);
    sink.fail_at = 1;
    assert_int_equal(weir_order_create(1, take, &sink, &order, NULL), WEIR_OK);
    for (int i = 0; i < 3; i++) {
        struct weir_record record = {.closed_ns = i};
        keep(order, 0, &record);
    }
    assert_int_equal(weir_order_advance(order, 0, 2, &error), WEIR_ERR_FULL);
    assert_string_equal(error.text, "no room");
    assert_int_equal(weir_order_advance(order, 0, INT64_MAX, NULL), WEIR_ERR_FULL);
    assert_int_equal(sink.count, 1);
    keep(order, 0, &(struct weir_record){0}); /* not advanced: destroyed with the rest */
    weir_order_destroy(&order);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_sorted), cmocka_unit_test(test_streaming),
                                       cmocka_unit_test(test_failing_sink)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
