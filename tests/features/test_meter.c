#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "features/meter.h"
#include "packets.h"

#define SECOND INT64_C(1000000000)
#define ROWS   40000

/* What a record says, for comparisons: the identity and the sum of its numbers, by column. */
struct row {
    struct weir_identity identity;
    uint64_t digest;
};

struct sink {
    const struct weir_view *view;
    struct row row[ROWS];
    size_t rows;
};

static void keep(void *context, const struct weir_record *record)
{
    struct sink *sink = context;
    assert_true(sink->rows < ROWS);
    struct row *row = &sink->row[sink->rows++];
    row->identity = record->identity;
    row->digest = 14695981039346656037u;
    for (size_t i = 0; i < sink->view->column_count; i++) {
        const struct weir_column *column = &sink->view->columns[i];
        char text[128] = "";
        if (column->text) {
            size_t length = column->text(record, text, sizeof text);
            assert_int_equal(length, strlen(text));
        } else {
            snprintf(text, sizeof text, "%.17g", column->value(record));
        }
        if (column->type == WEIR_COLUMN_CATEGORY) {
            assert_int_equal(column->value(record), weir_column_code(column, text));
        }
        for (const char *c = text;; c++) {
            row->digest = (row->digest ^ (uint8_t)*c) * 1099511628211u;
            if (!*c)
                break;
        }
    }
}

static struct sink *sink_new(void)
{
    struct sink *sink = calloc(1, sizeof *sink);
    assert_non_null(sink);
    sink->view = weir_view_find("argus");
    return sink;
}

static struct weir_meter *meter_new(struct sink *sink, size_t flows)
{
    struct weir_meter *meter = NULL;
    struct weir_meter_config config = {.view = sink->view, .flows = flows, .emit = keep, .context = sink};
    assert_int_equal(weir_meter_create(&config, &meter, NULL), WEIR_OK);
    return meter;
}

static uint64_t sum(const uint64_t *part, size_t n)
{
    uint64_t all = 0;
    for (size_t i = 0; i < n; i++)
        all += part[i];
    return all;
}

static void check_account(const struct weir_meter *meter, const struct sink *sink, uint64_t given)
{
    const struct weir_meter_account *account = weir_meter_account(meter);
    assert_int_equal(given,
                     account->metered + sum(account->ignored, WEIR_IGNORED_COUNT) + sum(account->dropped, WEIR_DROPPED_COUNT));
    assert_int_equal(account->flows_opened, sum(account->flows_closed, WEIR_REASON_COUNT) + account->flows_active);
    assert_int_equal(sum(account->records, WEIR_REASON_COUNT), sink->rows);
}

static double value(const struct weir_view *view, const struct weir_record *record, const char *name)
{
    int column = weir_view_column(view, name);
    assert_true(column >= 0);
    return view->columns[column].value(record);
}

enum clock { CLOCK_NEVER, CLOCK_ALWAYS, CLOCK_SOMETIMES };

static struct sink *run(uint64_t seed, unsigned packets, enum clock clock, size_t flows, unsigned lanes)
{
    struct sink *sink = sink_new();
    struct weir_meter *meter[3];
    for (unsigned lane = 0; lane < lanes; lane++)
        meter[lane] = meter_new(sink, flows);
    uint64_t state = seed, dice = seed ^ 0x9e3779b97f4a7c15u;
    int64_t ts_ns = 1700000000 * SECOND;
    uint64_t given[3] = {0};
    for (unsigned i = 0; i < packets; i++) {
        uint8_t frame[TEST_FRAME];
        struct weir_packet packet = test_traffic(frame, &state, &ts_ns);
        const uint8_t *pair = frame[23] == 1 && frame[34] == 3 ? frame + 42 + 12 : frame + 26; /* quoted addresses */
        unsigned lane = (pair[3] + pair[7]) % lanes;
        weir_meter_packets(meter[lane], &packet, 1);
        given[lane]++;
        if (clock == CLOCK_ALWAYS || (clock == CLOCK_SOMETIMES && test_random(&dice) % 7 == 0))
            for (unsigned other = 0; other < lanes; other++)
                weir_meter_clock(meter[other], ts_ns);
    }
    uint64_t rows = 0;
    for (unsigned lane = 0; lane < lanes; lane++) {
        weir_meter_clock(meter[lane], ts_ns);
        weir_meter_drain(meter[lane]);
        const struct weir_meter_account *account = weir_meter_account(meter[lane]);
        assert_int_equal(account->flows_active, 0);
        assert_int_equal(given[lane], account->metered);
        assert_int_equal(account->flows_opened, sum(account->flows_closed, WEIR_REASON_COUNT));
        rows += sum(account->records, WEIR_REASON_COUNT);
        weir_meter_destroy(&meter[lane]);
    }
    assert_int_equal(rows, sink->rows);
    return sink;
}

static int by_flow(const void *a, const void *b)
{
    const struct weir_identity *x = &((const struct row *)a)->identity, *y = &((const struct row *)b)->identity;
    if (x->flow_id.high != y->flow_id.high)
        return x->flow_id.high < y->flow_id.high ? -1 : 1;
    if (x->flow_id.low != y->flow_id.low)
        return x->flow_id.low < y->flow_id.low ? -1 : 1;
    return (x->record > y->record) - (x->record < y->record);
}

static void assert_same(struct sink *a, struct sink *b)
{
    assert_int_equal(a->rows, b->rows);
    qsort(a->row, a->rows, sizeof *a->row, by_flow);
    qsort(b->row, b->rows, sizeof *b->row, by_flow);
    for (size_t i = 0; i < a->rows; i++) {
        if (i)
            assert_true(by_flow(&a->row[i - 1], &a->row[i]) < 0); /* no identity twice */
        assert_memory_equal(&a->row[i], &b->row[i], sizeof a->row[i]);
    }
}

static void the_clock_changes_nothing(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 6; seed++) {
        struct sink *never = run(seed, 3000, CLOCK_NEVER, 4096, 1);
        struct sink *always = run(seed, 3000, CLOCK_ALWAYS, 4096, 1);
        struct sink *sometimes = run(seed, 3000, CLOCK_SOMETIMES, 4096, 1);
        assert_true(never->rows > 500);
        assert_same(never, always);
        assert_same(never, sometimes);
        free(never);
        free(always);
        free(sometimes);
    }
}

static void lanes_change_nothing(void **state)
{
    (void)state;
    for (uint64_t seed = 100; seed <= 108; seed++) {
        struct sink *one = run(seed, 3000, CLOCK_NEVER, 4096, 1), *three = run(seed, 3000, CLOCK_SOMETIMES, 4096, 3);
        assert_same(one, three);
        free(one);
        free(three);
    }
}

static void a_small_table_evicts_and_the_account_adds_up(void **state)
{
    (void)state;
    for (size_t flows = 2; flows < 12; flows += 3)
        free(run(flows, 5000, CLOCK_SOMETIMES, flows, 1));
}

static void a_flood_of_single_packets_leaves_established_flows_alone(void **state)
{
    (void)state;
    enum { FLOWS = 64, ESTABLISHED = FLOWS * 3 / 4, FLOOD = 2000 };
    struct sink *sink = sink_new();
    struct weir_meter *meter = meter_new(sink, FLOWS);
    uint8_t frame[TEST_FRAME];
    for (unsigned i = 0; i < ESTABLISHED * 2; i++) {
        struct weir_packet packet = test_udp(frame, SECOND, 1, 1000 + i / 2, 2, 53, 4);
        weir_meter_packets(meter, &packet, 1);
    }
    for (unsigned i = 0; i < FLOOD; i++) {
        struct weir_packet packet = test_udp(frame, SECOND + i, 3, i, 4, 9, 4);
        weir_meter_packets(meter, &packet, 1);
    }
    const struct weir_meter_account *account = weir_meter_account(meter);
    assert_int_equal(account->flows_closed[WEIR_REASON_EVICTED], FLOOD - (FLOWS - ESTABLISHED));
    assert_int_equal(account->records[WEIR_REASON_EVICTED], FLOOD - (FLOWS - ESTABLISHED));
    for (size_t i = 0; i < sink->rows; i++)
        assert_int_equal(sink->row[i].identity.dport, 9);
    check_account(meter, sink, ESTABLISHED * 2 + FLOOD);
    weir_meter_destroy(&meter);
    free(sink);
}

static struct {
    unsigned records;
    struct weir_identity identity;
    double dur, sbytes, dappbytes;
} last;

static void keep_last(void *context, const struct weir_record *record)
{
    const struct weir_view *view = context;
    last.records++;
    last.identity = record->identity;
    last.dur = value(view, record, "dur");
    last.sbytes = value(view, record, "sbytes");
    last.dappbytes = value(view, record, "dappbytes");
}

static void a_request_and_its_answer_are_one_record(void **state)
{
    (void)state;
    const struct weir_view *view = weir_view_find("argus");
    struct weir_meter *meter = NULL;
    struct weir_meter_config config = {.view = view, .emit = keep_last, .context = (void *)(uintptr_t)view};
    assert_int_equal(weir_meter_create(&config, &meter, NULL), WEIR_OK);
    uint8_t frame[TEST_FRAME];
    last.records = 0;
    struct weir_packet packet = test_udp(frame, 10 * SECOND, 1, 4000, 2, 9000, 20);
    weir_meter_packets(meter, &packet, 1);
    packet = test_udp(frame, 10 * SECOND + 250000000, 2, 9000, 1, 4000, 40);
    weir_meter_packets(meter, &packet, 1);
    weir_meter_clock(meter, 15 * SECOND - 1);
    assert_int_equal(last.records, 0);
    weir_meter_clock(meter, 15 * SECOND);
    assert_int_equal(last.records, 1);
    assert_int_equal(last.identity.src[3], 1);
    assert_int_equal(last.identity.sport, 4000);
    assert_int_equal(last.identity.dport, 9000);
    assert_int_equal(last.identity.reason, WEIR_REASON_STATUS);
    assert_true(last.dur == 0.25);
    assert_true(last.sbytes == 62);
    assert_true(last.dappbytes == 40);
    weir_meter_clock(meter, 45 * SECOND - 1);
    assert_int_equal(weir_meter_account(meter)->flows_active, 1);
    weir_meter_clock(meter, 45 * SECOND);
    assert_int_equal(weir_meter_account(meter)->flows_active, 0);
    assert_int_equal(weir_meter_account(meter)->flows_closed[WEIR_REASON_IDLE], 1);
    assert_int_equal(last.records, 1);
    weir_meter_destroy(&meter);
}

static void the_drain_is_in_order(void **state)
{
    (void)state;
    struct sink *sink = sink_new();
    struct weir_meter *meter = meter_new(sink, 4096);
    uint8_t frame[TEST_FRAME];
    for (unsigned i = 0; i < 1000; i++) {
        struct weir_packet packet = test_udp(frame, SECOND + i * 7919 % 1000 * 1000, 1, 1000 + i, 2, 53, 4);
        weir_meter_packets(meter, &packet, 1);
    }
    check_account(meter, sink, 1000);
    weir_meter_drain(meter);
    check_account(meter, sink, 1000);
    assert_int_equal(sink->rows, 1000);
    for (size_t i = 1; i < sink->rows; i++)
        assert_true(sink->row[i - 1].identity.stime_ns <= sink->row[i].identity.stime_ns);
    weir_meter_destroy(&meter);
    assert_null(meter);
    weir_meter_destroy(&meter);
    free(sink);
}

static void wrong_use_is_refused(void **state)
{
    (void)state;
    struct weir_meter *meter = NULL;
    struct weir_error error;
    assert_int_equal(weir_meter_create(&(struct weir_meter_config){0}, &meter, &error), WEIR_ERR_ARGUMENT);
    struct weir_meter_config tiny = {.view = weir_view_find("argus"), .emit = keep, .flows = 1};
    assert_int_equal(weir_meter_create(&tiny, &meter, &error), WEIR_ERR_ARGUMENT);
    assert_null(meter);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_clock_changes_nothing),
        cmocka_unit_test(lanes_change_nothing),
        cmocka_unit_test(a_small_table_evicts_and_the_account_adds_up),
        cmocka_unit_test(a_flood_of_single_packets_leaves_established_flows_alone),
        cmocka_unit_test(a_request_and_its_answer_are_one_record),
        cmocka_unit_test(the_drain_is_in_order),
        cmocka_unit_test(wrong_use_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
