/* Clock offsets from handshakes, against traffic whose offset is known. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "flow/offset.h"

enum { SYN = WEIR_TCP_SYN, ACK = WEIR_TCP_ACK, PACKETS_MAX = 4096 };

struct event {
    int64_t ts_ns;
    uint32_t flow, seq, ack;
    uint8_t port, flags;
};

struct trace {
    struct event event[PACKETS_MAX];
    size_t count;
    uint32_t seed;
};

static uint32_t draw(struct trace *trace)
{
    trace->seed ^= trace->seed << 13;
    trace->seed ^= trace->seed >> 17;
    return trace->seed ^= trace->seed << 5;
}

static void add(struct trace *trace, int64_t ts_ns, uint32_t flow, unsigned port, unsigned flags, uint32_t seq, uint32_t ack)
{
    assert_true(trace->count < PACKETS_MAX);
    trace->event[trace->count++] =
        (struct event){.ts_ns = ts_ns, .flow = flow, .seq = seq, .ack = ack, .port = (uint8_t)port, .flags = (uint8_t)flags};
}

/* One handshake, the client behind `port`. `there_ns`, `back_ns`: from the tap to the server and back, to the client and back. */
static void shake_hands(struct trace *trace, int64_t at_ns, unsigned port, int64_t there_ns, int64_t back_ns, int64_t offset_ns)
{
    uint32_t flow = draw(trace), client = draw(trace), server = draw(trace);
    const int64_t ahead_ns[2] = {0, offset_ns};
    add(trace, at_ns + ahead_ns[port], flow, port, SYN, client, 0);
    if (draw(trace) % 4 == 0) /* retransmitted */
        add(trace, at_ns + there_ns / 2 + ahead_ns[port], flow, port, SYN, client, 0);
    add(trace, at_ns + there_ns + ahead_ns[!port], flow, !port, SYN | ACK, server, client + 1);
    add(trace, at_ns + there_ns + back_ns + ahead_ns[port], flow, port, ACK, client + 1, server + 1);
    add(trace, at_ns + there_ns + back_ns + 1000 + ahead_ns[port], flow, port, ACK, client + 1, server + 1); /* data */
    add(trace, at_ns + 2 * there_ns + back_ns + ahead_ns[!port], flow, !port, ACK, server + 1, client + 200);
}

static int by_time(const void *left, const void *right)
{
    const struct event *a = left, *b = right;
    return a->ts_ns != b->ts_ns ? (a->ts_ns > b->ts_ns) - (a->ts_ns < b->ts_ns) : a->port - b->port;
}

/* As the merge would bring them: by their times, wrong as they may be. */
static struct weir_offset measure(struct trace *trace)
{
    struct weir_offset_meter *meter = calloc(1, sizeof *meter);
    struct weir_offset found = {0};
    assert_non_null(meter);
    qsort(trace->event, trace->count, sizeof *trace->event, by_time);
    for (size_t i = 0; i < trace->count; i++) {
        const struct event *e = &trace->event[i];
        struct weir_facts facts = {.ts_ns = e->ts_ns, .port = e->port};
        facts.tcp.flags = e->flags;
        facts.tcp.seq = e->seq;
        facts.tcp.ack = e->ack;
        weir_offset_packet(meter, &facts, e->flow, &found);
    }
    free(meter);
    return found;
}

static struct weir_offset measure_traffic(int64_t offset_ns, unsigned ports, uint32_t seed)
{
    struct trace *trace = calloc(1, sizeof *trace);
    assert_non_null(trace);
    trace->seed = seed;
    for (int i = 0; i < 200; i++) {
        int64_t at_ns = INT64_C(1700000000000000000) + i * INT64_C(20000000);
        shake_hands(trace, at_ns, ports == 2 ? draw(trace) % 2 : 0, 100000 + draw(trace) % 9000000,
                    50000 + draw(trace) % 30000000, offset_ns);
    }
    struct weir_offset found = measure(trace);
    free(trace);
    return found;
}

static void a_known_offset_is_found(void **state)
{
    (void)state;
    static const int64_t offset_ns[] = {0, 1, 20000, -20000, 3000000, -3000000, 250000000, -250000000};
    for (size_t i = 0; i < sizeof offset_ns / sizeof *offset_ns; i++)
        for (unsigned ports = 1; ports <= 2; ports++) {
            struct weir_offset found = measure_traffic(offset_ns[i], ports, 7 + (uint32_t)i);
            assert_true(found.handshakes > 50);
            assert_true(found.low_ns <= offset_ns[i] && offset_ns[i] <= found.high_ns);
            assert_true(found.high_ns - found.low_ns < 2000000); /* the quickest answers bound it */
            assert_int_equal(weir_offset_differs(&found), llabs(offset_ns[i]) > 2000000);
        }
}

static void one_handshake_by_hand(void **state)
{
    (void)state;
    struct trace trace = {.seed = 1};
    shake_hands(&trace, 1000000000, 0, 700, 300, 10000);
    struct weir_offset found = measure(&trace);
    assert_int_equal(found.handshakes, 1);
    assert_int_equal(found.low_ns, 10000 - 300);
    assert_int_equal(found.high_ns, 10000 + 700);
    trace = (struct trace){.seed = 1};
    shake_hands(&trace, 1000000000, 1, 700, 300, 10000);
    found = measure(&trace);
    assert_int_equal(found.handshakes, 1);
    assert_int_equal(found.low_ns, 10000 - 700);
    assert_int_equal(found.high_ns, 10000 + 300);
}

static void what_is_no_handshake_over_two_ports_tells_nothing(void **state)
{
    (void)state;
    struct trace trace = {.seed = 3};
    add(&trace, 1000, 5, 0, SYN, 100, 0); /* all on one port */
    add(&trace, 2000, 5, 0, SYN | ACK, 900, 101);
    add(&trace, 3000, 5, 0, ACK, 101, 901);
    add(&trace, 11000, 6, 0, SYN, 100, 0); /* the answer is to another SYN */
    add(&trace, 12000, 6, 1, SYN | ACK, 900, 102);
    add(&trace, 13000, 6, 0, ACK, 101, 901);
    add(&trace, 21000, 7, 0, SYN, 100, 0); /* the ACK is to another answer */
    add(&trace, 22000, 7, 1, SYN | ACK, 900, 101);
    add(&trace, 23000, 7, 0, ACK, 101, 902);
    add(&trace, 31000, 8, 1, SYN | ACK, 900, 101); /* no SYN */
    add(&trace, 32000, 8, 0, ACK, 101, 901);
    add(&trace, 41000, 9, 0, SYN, 100, 0); /* the ACK is on the answer's port */
    add(&trace, 42000, 9, 1, SYN | ACK, 900, 101);
    add(&trace, 43000, 9, 1, ACK, 101, 901);
    assert_int_equal(measure(&trace).handshakes, 0);
}

static void clocks_that_drift_begin_anew(void **state)
{
    (void)state;
    struct weir_offset offset = {0};
    weir_offset_add(&offset, &(struct weir_offset){.handshakes = 1, .low_ns = -50, .high_ns = 50, .last_ns = 1});
    weir_offset_add(&offset, &(struct weir_offset){.handshakes = 1, .low_ns = 40, .high_ns = 140, .last_ns = 2});
    assert_int_equal(offset.low_ns, 40);
    assert_int_equal(offset.high_ns, 50);
    weir_offset_add(&offset, &(struct weir_offset){.handshakes = 1, .low_ns = 90, .high_ns = 190, .last_ns = 3});
    assert_int_equal(offset.low_ns, 90);
    assert_int_equal(offset.high_ns, 190);
    weir_offset_add(&offset,
                    &(struct weir_offset){.handshakes = 1, .low_ns = 10, .high_ns = 20, .last_ns = 2}); /* an older lane's */
    assert_int_equal(offset.low_ns, 90);
    assert_int_equal(offset.handshakes, 4);
    weir_offset_add(&offset, &(struct weir_offset){0});
    assert_int_equal(offset.handshakes, 4);
    assert_int_equal(offset.high_ns, 190);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_known_offset_is_found),
        cmocka_unit_test(one_handshake_by_hand),
        cmocka_unit_test(what_is_no_handshake_over_two_ports_tells_nothing),
        cmocka_unit_test(clocks_that_drift_begin_anew),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
