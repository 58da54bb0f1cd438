#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/ring.h"

static void first_in_first_out(void **state)
{
    (void)state;
    struct weir_ring *ring = NULL;
    int item[5];
    assert_int_equal(weir_ring_create(0, &ring), WEIR_ERR_ARGUMENT);
    assert_int_equal(weir_ring_create(3, &ring), WEIR_OK);
    for (int round = 0; round < 10; round++) { /* the head wanders over the end */
        for (int i = 0; i < 3; i++)
            assert_true(weir_ring_try_push(ring, &item[i]));
        assert_false(weir_ring_try_push(ring, &item[3]));
        assert_int_equal(weir_ring_depth(ring), 3);
        assert_ptr_equal(weir_ring_pop(ring, 0), &item[0]);
        assert_true(weir_ring_try_push(ring, &item[4]));
        assert_ptr_equal(weir_ring_pop(ring, -1), &item[1]);
        assert_ptr_equal(weir_ring_pop(ring, -1), &item[2]);
        assert_ptr_equal(weir_ring_pop(ring, -1), &item[4]);
        assert_null(weir_ring_pop(ring, 1000));
        assert_false(weir_ring_closed(ring));
    }
    weir_ring_destroy(&ring);
    assert_null(ring);
    weir_ring_destroy(&ring);
}

static void closed_gives_out_what_it_has(void **state)
{
    (void)state;
    struct weir_ring *ring = NULL;
    int item;
    assert_int_equal(weir_ring_create(2, &ring), WEIR_OK);
    assert_true(weir_ring_push(ring, &item));
    weir_ring_close(ring);
    assert_false(weir_ring_push(ring, &item));
    assert_ptr_equal(weir_ring_pop(ring, -1), &item);
    assert_null(weir_ring_pop(ring, -1));
    assert_true(weir_ring_closed(ring));
    weir_ring_destroy(&ring);
}

enum { PRODUCERS = 3, CONSUMERS = 3, ITEMS = 20000 };

struct crowd {
    struct weir_ring *ring;
    uint8_t *taken; /* one flag an item, each written by whoever popped it */
    int first;
};

static void *produce(void *argument)
{
    struct crowd *crowd = argument;
    for (int i = crowd->first; i < ITEMS; i += PRODUCERS)
        if (!weir_ring_push(crowd->ring, crowd->taken + i))
            return crowd;
    return NULL;
}

static void *consume(void *argument)
{
    struct crowd *crowd = argument;
    uint8_t *flag;
    while ((flag = weir_ring_pop(crowd->ring, -1)))
        (*flag)++;
    return NULL;
}

static void nothing_lost_nothing_twice(void **state)
{
    (void)state;
    static uint8_t taken[ITEMS];
    struct weir_ring *ring = NULL;
    assert_int_equal(weir_ring_create(4, &ring), WEIR_OK);
    pthread_t producer[PRODUCERS], consumer[CONSUMERS];
    struct crowd crowd[PRODUCERS];
    struct crowd all = {ring, taken, 0};
    for (int i = 0; i < CONSUMERS; i++)
        assert_int_equal(pthread_create(&consumer[i], NULL, consume, &all), 0);
    for (int i = 0; i < PRODUCERS; i++) {
        crowd[i] = (struct crowd){ring, taken, i};
        assert_int_equal(pthread_create(&producer[i], NULL, produce, &crowd[i]), 0);
    }
    for (int i = 0; i < PRODUCERS; i++) {
        void *failed;
        pthread_join(producer[i], &failed);
        assert_null(failed);
    }
    weir_ring_close(ring);
    for (int i = 0; i < CONSUMERS; i++)
        pthread_join(consumer[i], NULL);
    for (int i = 0; i < ITEMS; i++)
        assert_int_equal(taken[i], 1);
    weir_ring_destroy(&ring);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(first_in_first_out),
        cmocka_unit_test(closed_gives_out_what_it_has),
        cmocka_unit_test(nothing_lost_nothing_twice),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
