/* Every equation of the account must be able to fail, and the JSON must bear the promised names. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "pipeline/account.h"

static struct weir_account sound(void)
{
    struct weir_account a = {.ports = 2, .alerts = 2, .batches = 3, .seconds = 2};
    a.port[0] = (struct weir_port_account){.offered = 70, .lost_ring = 10, .seen = 60, .filtered = 4};
    a.port[1] = (struct weir_port_account){.offered = 41, .lost_nic = 1, .seen = 40};
    a.meter.metered = 90;
    a.meter.ignored[WEIR_IGNORED_FILTER] = 4;
    a.meter.ignored[WEIR_IGNORED_ARP] = 3;
    a.meter.dropped[WEIR_DROPPED_TRUNCATED] = 3;
    a.meter.flows_opened = 12;
    a.meter.flows_closed[WEIR_REASON_IDLE] = 2;
    a.meter.flows_closed[WEIR_REASON_SHUTDOWN] = 10;
    a.meter.records[WEIR_REASON_IDLE] = 2;
    a.meter.records[WEIR_REASON_SHUTDOWN] = 10;
    a.meter.records[WEIR_REASON_STATUS] = 8;
    a.rows.batched = 19;
    a.rows.unscored = 1;
    a.rows.scored = 19;
    a.store.committed = 11;
    a.store.withheld = 5;
    a.store.rejected[WEIR_REJECTED_FULL] = 1;
    a.store.rejected[WEIR_REJECTED_STORE] = 2;
    a.eve.lines = 18;
    a.eve.lost = 3;
    return a;
}

static void a_sound_account_adds_up(void **state)
{
    (void)state;
    char why[256];
    struct weir_account a = sound();
    assert_true(weir_account_check(&a, why, sizeof why));
}

static void every_leak_is_found(void **state)
{
    (void)state;
    char why[256];
    struct weir_account good = sound(), bad;
    static const size_t counter[] = {
        offsetof(struct weir_account, port[0].offered),
        offsetof(struct weir_account, port[1].lost_nic),
        offsetof(struct weir_account, port[1].lost_softnet),
        offsetof(struct weir_account, port[0].seen),
        offsetof(struct weir_account, meter.metered),
        offsetof(struct weir_account, meter.ignored[WEIR_IGNORED_CONTROL]),
        offsetof(struct weir_account, meter.dropped[0]),
        offsetof(struct weir_account, meter.flows_opened),
        offsetof(struct weir_account, meter.flows_active),
        offsetof(struct weir_account, meter.flows_closed[0]),
        offsetof(struct weir_account, meter.records[0]),
        offsetof(struct weir_account, rows.batched),
        offsetof(struct weir_account, rows.unscored),
        offsetof(struct weir_account, rows.scored),
        offsetof(struct weir_account, store.committed),
        offsetof(struct weir_account, store.withheld),
        offsetof(struct weir_account, store.rejected[0]),
        offsetof(struct weir_account, store.rejected[WEIR_REJECTED_EVE]),
        offsetof(struct weir_account, rows.shed[WEIR_SHED_SINGLE]),
        offsetof(struct weir_account, rows.shed[WEIR_SHED_AGGREGATED]),
    };
    for (size_t i = 0; i < sizeof counter / sizeof *counter; i++) {
        bad = good;
        (*(uint64_t *)((char *)&bad + counter[i]))++;
        why[0] = 0;
        assert_false(weir_account_check(&bad, why, sizeof why));
        assert_non_null(strstr(why, "!="));
    }
}

static void a_look_does_not_run_ahead(void **state)
{
    (void)state;
    char why[256];
    struct weir_account a = sound(), b = a;
    weir_account_settle(&a);
    assert_memory_equal(&a, &b, sizeof a);
    a.rows.scored += 50; /* the lanes have not told of these */
    a.store.committed += 40;
    weir_account_settle(&a);
    assert_true(weir_account_check(&a, why, sizeof why));
    a.rows.scored = 3;
    a.store.committed = 1;
    a.store.withheld = 4; /* and of these not even the worker */
    weir_account_settle(&a);
    assert_int_equal(a.store.committed + weir_account_not_kept(&a), 3);
}

static void an_interface_that_is_down_is_trouble(void **state)
{
    (void)state;
    char text[80] = "";
    struct weir_account a = sound();
    assert_false(weir_account_trouble(&a, text, sizeof text)); /* files */
    a.port[0].interface = "eth1";
    a.port[1].interface = "eth2";
    a.port[0].state = a.port[1].state = WEIR_PORT_UP;
    assert_false(weir_account_trouble(&a, text, sizeof text));
    a.port[1].state = WEIR_PORT_DOWN;
    assert_true(weir_account_trouble(&a, text, sizeof text));
    assert_string_equal(text, "port B: eth2 is down or has no carrier");
    a.port[0].state = WEIR_PORT_GONE;
    assert_true(weir_account_trouble(&a, text, sizeof text));
    assert_string_equal(text, "port A: eth1 was removed");
}

static json_int_t number(const json_t *account, const char *group, const char *name, const char *inner)
{
    json_t *value = json_object_get(json_object_get(account, group), name);
    if (inner)
        value = json_object_get(value, inner);
    assert_true(json_is_integer(value));
    return json_integer_value(value);
}

static void json_bears_the_promised_names(void **state)
{
    (void)state;
    struct weir_account a = sound();
    weir_histogram_add(&a.decision_ns, 250000, 1);
    json_t *json = weir_account_json(&a);
    assert_non_null(json);
    json_t *port = json_array_get(json_object_get(json, "ports"), 0);
    assert_int_equal(json_array_size(json_object_get(json, "ports")), 2);
    assert_int_equal(json_integer_value(json_object_get(port, "offered")), 70);
    assert_int_equal(number(port, "lost", "ring", NULL), 10);
    assert_int_equal(number(port, "lost", "nic", NULL), 0);
    assert_int_equal(number(port, "lost", "softnet", NULL), 0);
    assert_int_equal(number(json, "packets", "seen", NULL), 100);
    assert_int_equal(number(json, "packets", "metered", NULL), 90);
    assert_int_equal(number(json, "packets", "ignored", "arp"), 3);
    assert_int_equal(number(json, "packets", "dropped", "truncated"), 3);
    assert_int_equal(number(json, "flows", "opened", NULL), 12);
    assert_int_equal(number(json, "flows", "closed", "idle"), 2);
    assert_int_equal(number(json, "flows", "active", NULL), 0);
    assert_int_equal(number(json, "records", "status", NULL), 8);
    assert_int_equal(number(json, "rows", "batched", NULL), 19);
    assert_int_equal(number(json, "rows", "scored", NULL), 19);
    assert_true(json_is_object(json_object_get(json_object_get(json, "rows"), "shed")));
    assert_int_equal(number(json, "rows", "unscored", NULL), 1);
    assert_int_equal(number(json, "store", "committed", NULL), 11);
    assert_int_equal(number(json, "store", "withheld", "disk full"), 5);
    assert_int_equal(number(json, "store", "rejected", "disk full"), 1);
    assert_int_equal(number(json, "eve", "lines", NULL), 18);
    assert_int_equal(number(json, "eve", "lost", NULL), 3);
    assert_int_equal(weir_account_not_kept(&a), 8);
    assert_int_equal(number(json, "store", "rejected", "store"), 2);
    assert_int_equal(json_integer_value(json_object_get(json, "alerts")), 2);
    assert_true(json_real_value(json_object_get(json, "seconds")) == 2);
    assert_true(json_real_value(json_object_get(json, "flows_per_s")) == 10);
    json_t *decision = json_object_get(json, "decision_us");
    assert_true(json_real_value(json_object_get(decision, "p50")) == 250);
    assert_true(json_is_real(json_object_get(decision, "p99")) && json_is_real(json_object_get(decision, "max")));
    assert_true(json_is_object(json_object_get(json, "durable_us")));
    json_decref(json);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_sound_account_adds_up), cmocka_unit_test(every_leak_is_found),
                                       cmocka_unit_test(a_look_does_not_run_ahead),
                                       cmocka_unit_test(an_interface_that_is_down_is_trouble),
                                       cmocka_unit_test(json_bears_the_promised_names)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
