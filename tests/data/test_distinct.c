#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>

#include "base/random.h"
#include "data/distinct.h"

static void counts_are_exact_then_close(void **state)
{
    (void)state;
    for (size_t different = 0; different < 3000000; different = different * 3 + 1) {
        struct weir_distinct distinct = {0};
        bool exact;
        for (int again = 0; again < 2; again++) {
            uint64_t random = 7; /* the same values twice */
            for (size_t i = 0; i < different; i++)
                weir_distinct_add(&distinct, weir_random_next(&random) | 1);
        }
        uint64_t count = weir_distinct_count(&distinct, &exact);
        assert_false(distinct.failed);
        assert_int_equal(exact, different < WEIR_DISTINCT_EXACT);
        if (exact)
            assert_int_equal(count, different);
        else
            assert_true(fabs((double)count - (double)different) < 0.07 * (double)different);
        weir_distinct_fini(&distinct);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(counts_are_exact_then_close)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
