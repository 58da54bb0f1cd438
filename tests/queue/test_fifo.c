/* The queue of numbers: against an array, over growth and wraps. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "../model/random.h"
#include "queue/fifo.h"

static void first_in_first_out(void **state)
{
    (void)state;
    enum { STEPS = 20000 };
    static uint32_t all[STEPS];
    struct weir_fifo fifo = {0};
    size_t in = 0, out = 0;
    uint64_t seed = 11;
    for (size_t i = 0; i < STEPS; i++) {
        unsigned more = i < STEPS / 2 ? 3 : 1; /* of 4: it grows, then it empties */
        if (random_below(&seed, 4) < more) {
            all[in] = (uint32_t)weir_random_next(&seed);
            assert_true(weir_fifo_push(&fifo, all[in++]));
        } else if (out < in) {
            assert_int_equal(weir_fifo_pop(&fifo), all[out++]);
        }
        assert_int_equal(fifo.count, in - out);
    }
    assert_true(out > 0 && fifo.room > 64);
    weir_fifo_clear(&fifo);
    assert_int_equal(fifo.count, 0);
    assert_true(weir_fifo_push(&fifo, 7));
    assert_int_equal(weir_fifo_pop(&fifo), 7);
    weir_fifo_fini(&fifo);
    assert_null(fifo.item);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(first_in_first_out)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
