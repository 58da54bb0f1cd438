#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cli/service.h"

static bool alive(struct weir_progress before, struct weir_progress now)
{
    return weir_progress_alive(&before, &now);
}

static void progress_is_all_ports_and_rows(void **state)
{
    (void)state;
    struct weir_account account = {.ports = 2,
                                   .port = {{.seen = 3, .lost_ring = 5, .lost_nic = 100}, {.seen = 4, .lost_ring = 7}},
                                   .rows = {.batched = 11, .scored = 9}};
    struct weir_progress progress = weir_progress_of(&account);
    assert_int_equal(progress.seen, 7);
    assert_int_equal(progress.lost, 12);
    assert_int_equal(progress.batched, 11);
    assert_int_equal(progress.scored, 9);
}

static void a_silent_link_is_alive(void **state)
{
    (void)state;
    struct weir_progress idle = {.seen = 100, .lost = 7, .batched = 50, .scored = 50};
    assert_true(alive(idle, idle));
    assert_true(alive((struct weir_progress){0}, (struct weir_progress){0}));
}

static void work_is_alive(void **state)
{
    (void)state;
    struct weir_progress before = {.seen = 100, .lost = 7, .batched = 50, .scored = 40};
    assert_true(alive(before, (struct weir_progress){.seen = 200, .lost = 7, .batched = 90, .scored = 41}));
    assert_true(alive(before, (struct weir_progress){.seen = 101, .lost = 999, .batched = 90, .scored = 60}));
    /* new rows have a whole period to be scored */
    struct weir_progress scored = {.seen = 100, .batched = 50, .scored = 50};
    assert_true(alive(scored, (struct weir_progress){.seen = 101, .batched = 60, .scored = 50}));
}

static void what_stands_still_is_not(void **state)
{
    (void)state;
    struct weir_progress waiting = {.seen = 100, .batched = 50, .scored = 40}, reading = {.seen = 100, .lost = 7};
    assert_false(alive(waiting, (struct weir_progress){.seen = 200, .batched = 90, .scored = 40}));
    assert_false(alive(waiting, waiting));
    assert_false(alive(reading, (struct weir_progress){.seen = 100, .lost = 8}));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(progress_is_all_ports_and_rows), cmocka_unit_test(a_silent_link_is_alive),
                                       cmocka_unit_test(work_is_alive), cmocka_unit_test(what_stands_still_is_not)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
