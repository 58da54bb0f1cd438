#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/background.h"

struct seen {
    pid_t thread;
    int nice;
};

static void look(void *argument)
{
    struct seen *seen = argument;
    seen->thread = gettid();
    seen->nice = getpriority(PRIO_PROCESS, (id_t)gettid());
}

static void test_gives_way(void **state)
{
    (void)state;
    struct seen seen = {0};
    int before = getpriority(PRIO_PROCESS, (id_t)gettid());
    weir_background_run(look, &seen);
    assert_true(seen.thread != 0 && seen.thread != gettid());
    assert_int_equal(seen.nice, 19);
    assert_int_equal(getpriority(PRIO_PROCESS, (id_t)gettid()), before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_gives_way)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
