#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "queue/queue.h"

static void memory_keeps_order_and_never_loses(void **state)
{
    (void)state;
    struct weir_queue *queue = NULL;
    struct weir_error error;
    static struct weir_batch batch[3] = {{.handed_ns = 1}, {.handed_ns = INT64_MAX}};
    assert_int_equal(weir_queue_open("memory:", 3, &queue, &error), WEIR_OK);
    assert_int_equal(weir_queue_age(queue), 0);
    for (int i = 0; i < 3; i++)
        assert_true(weir_queue_push(queue, &batch[i]));
    assert_int_equal(weir_queue_depth(queue), 3);
    assert_int_equal(weir_queue_wanted(queue), 0);
    assert_true(weir_queue_age(queue) > 0); /* of the first, not of the second, which is handed on in the future */
    for (int i = 0; i < 2; i++) {
        assert_ptr_equal(weir_queue_pop(queue, 0), &batch[i]);
        weir_queue_done(queue, &batch[i]);
    }
    weir_queue_close(queue);
    assert_false(weir_queue_push(queue, &batch[0]));
    assert_ptr_equal(weir_queue_pop(queue, -1), &batch[2]);
    assert_null(weir_queue_pop(queue, -1));
    weir_queue_free(&queue);
    assert_null(queue);
}

static void unknown_schemes_are_refused(void **state)
{
    (void)state;
    struct weir_queue *queue = NULL;
    struct weir_error error;
    assert_int_equal(weir_queue_open("carrier-pigeon:", 3, &queue, &error), WEIR_ERR_UNSUPPORTED);
    assert_non_null(strstr(error.text, "carrier-pigeon:"));
    assert_non_null(strstr(error.text, "memory:"));
    assert_int_equal(weir_queue_open("memory:", 0, &queue, &error), WEIR_ERR_ARGUMENT);
    assert_null(queue);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(memory_keeps_order_and_never_loses),
                                       cmocka_unit_test(unknown_schemes_are_refused)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
