/* Crowds: what comes out counts what went in, by target. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "../features/packets.h"
#include "batch/crowd.h"

#define MS INT64_C(1000000)

static const struct weir_view *view;
static struct weir_crowds *crowds;
static unsigned singles;

static struct {
    struct weir_identity identity;
    double packets, bytes, answered;
} out[2 * WEIR_CROWDS_MAX];
static unsigned outs;

static double value(const struct weir_record *record, const char *column)
{
    int at = weir_view_column(view, column);
    assert_true(at >= 0);
    return view->columns[at].value(record);
}

static void take_in(void *unused, const struct weir_record *record)
{
    singles += record->single;
    if (record->single)
        weir_crowds_add(crowds, record);
}

static void take_out(void *unused, const struct weir_record *record)
{
    out[outs].identity = record->identity;
    out[outs].packets = value(record, "spkts");
    out[outs].bytes = value(record, "sbytes");
    out[outs++].answered = value(record, "dpkts");
}

static void send(struct weir_meter *meter, unsigned src, unsigned dst, unsigned sport, unsigned dport, unsigned flags,
                 int64_t ts_ns)
{
    uint8_t frame[TEST_FRAME];
    uint8_t *tcp = test_ipv4(frame, 6, src, dst, 1, 0, 20);
    put16(tcp, sport);
    put16(tcp + 2, dport);
    tcp[12] = 0x50;
    tcp[13] = (uint8_t)flags;
    struct weir_packet packet = {.data = frame, .ts_ns = ts_ns, .release_ns = ts_ns, .caplen = 60, .wirelen = 60, .link = 1};
    weir_meter_packets(meter, &packet, 1);
}

static struct weir_meter *begin(void)
{
    struct weir_meter *meter = NULL;
    struct weir_meter_config config = {.view = view, .flows = 4096, .emit = take_in};
    singles = outs = 0;
    assert_int_equal(weir_crowds_create(view, 3, &crowds), WEIR_OK);
    assert_int_equal(weir_meter_create(&config, &meter, NULL), WEIR_OK);
    return meter;
}

static void end(struct weir_meter *meter)
{
    weir_meter_drain(meter);
    weir_crowds_flush(crowds, take_out, NULL);
    weir_meter_destroy(&meter);
}

static void flows_of_one_target_become_one_record(void **unused)
{
    struct weir_meter *meter = begin();
    for (unsigned i = 0; i < 300; i++)
        send(meter, 100 + i, 7, 1000 + i, i % 3 ? 443 : 80, 2, 1000 * MS + i * MS);
    send(meter, 9, 8, 5000, 22, 2, 1400 * MS);   /* alone at its target */
    send(meter, 10, 7, 6000, 443, 2, 1401 * MS); /* two packets: none of this */
    send(meter, 7, 10, 443, 6000, 0x12, 1402 * MS);
    end(meter);
    const struct weir_crowds_account *account = weir_crowds_account(crowds);
    assert_int_equal(singles, 301);
    assert_int_equal(outs, 3);
    assert_int_equal(account->flows, 300);
    assert_int_equal(account->records, 2);
    assert_int_equal(account->overflow, 0);
    for (unsigned i = 0; i < 2; i++) {
        const struct weir_identity *id = &out[i].identity;
        unsigned n = id->dport == 80 ? 100 : 200;
        static const uint8_t nobody[16];
        assert_true(id->dport == 80 || id->dport == 443);
        assert_int_equal(id->reason, WEIR_REASON_AGGREGATED);
        assert_int_equal(id->record, n);
        assert_memory_equal(id->src, nobody, 16);
        assert_memory_equal(id->dst, "\x0a\0\0\x07\0\0\0\0\0\0\0\0\0\0\0\0", 16);
        assert_int_equal(id->stime_ns, (n == 100 ? 1000 : 1001) * MS);
        assert_int_equal(id->ltime_ns, (n == 100 ? 1297 : 1299) * MS);
        assert_true(out[i].packets == n && out[i].bytes == n * 60 && out[i].answered == 0);
    }
    assert_int_not_equal(out[0].identity.flow_id.low, out[1].identity.flow_id.low);
    assert_int_equal(out[2].identity.reason, WEIR_REASON_SHUTDOWN); /* as it was */
    assert_int_equal(out[2].identity.dport, 22);
    assert_int_equal(out[2].identity.sport, 5000);
    weir_crowds_destroy(&crowds);
}

static void too_many_targets_are_refused_and_counted(void **unused)
{
    enum { TARGETS = WEIR_CROWDS_MAX + 40 };
    struct weir_meter *meter = begin();
    for (unsigned i = 0; i < 2 * TARGETS; i++)
        send(meter, 5000 + i, 7, 1000, 1 + i % TARGETS, 2, 1000 * MS + i);
    end(meter);
    const struct weir_crowds_account *account = weir_crowds_account(crowds);
    assert_int_equal(outs, WEIR_CROWDS_MAX);
    assert_int_equal(account->flows, 2 * WEIR_CROWDS_MAX);
    assert_int_equal(account->records, WEIR_CROWDS_MAX);
    assert_int_equal(account->overflow, 80);
    for (unsigned i = 0; i < outs; i++)
        for (unsigned k = 0; k < i; k++)
            assert_true(memcmp(&out[i].identity.flow_id, &out[k].identity.flow_id, 16) != 0);
    /* what was handed on is forgotten, and the ids of the next are others */
    struct weir_flow_id before = out[0].identity.flow_id;
    outs = 0;
    weir_crowds_flush(crowds, take_out, NULL);
    assert_int_equal(outs, 0);
    weir_crowds_destroy(&crowds);
    meter = begin();
    for (unsigned round = 0; round < 2; round++) {
        for (unsigned i = 0; i < 2; i++)
            send(meter, 5000 + i, 7, 1000, 1, 2, 1000 * MS);
        end(meter);
        meter = NULL;
        if (round == 0) {
            struct weir_meter_config config = {.view = view, .flows = 4096, .emit = take_in};
            assert_int_equal(weir_meter_create(&config, &meter, NULL), WEIR_OK);
        }
    }
    assert_int_equal(outs, 2);
    assert_int_equal(out[0].identity.flow_id.low, before.low); /* the same lane, target and time: the same id */
    assert_int_not_equal(out[0].identity.flow_id.low, out[1].identity.flow_id.low);
    weir_crowds_destroy(&crowds);
}

static int find_view(void **unused)
{
    view = weir_view_find("argus");
    return view ? 0 : 1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(flows_of_one_target_become_one_record),
                                       cmocka_unit_test(too_many_targets_are_refused_and_counted)};
    return cmocka_run_group_tests(tests, find_view, NULL);
}
