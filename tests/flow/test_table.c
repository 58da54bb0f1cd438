#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "flow/table.h"

enum { KEYS = 64, CAPACITY = 24, SLOT = 40 };

static struct weir_flow_key key_of(unsigned n)
{
    struct weir_flow_key key = {.low_port = (uint16_t)n, .proto = 17};
    return key;
}

/* Few hashes, so that chains are long. */
static uint32_t hash_of(unsigned n)
{
    return n % 5 * 0x01000001u;
}

/* The oracle: an array, and for each list the order in which entries came. */
struct naive {
    bool there[KEYS];
    unsigned list[KEYS], came[KEYS], packets[KEYS], born[KEYS];
    uint8_t mark[KEYS];
};

static unsigned oldest(const struct naive *naive, unsigned list)
{
    unsigned found = KEYS;
    for (unsigned n = 0; n < KEYS; n++)
        if (naive->there[n] && naive->list[n] == list && (found == KEYS || naive->came[n] < naive->came[found]))
            found = n;
    return found;
}

static void check(const struct weir_table *table, const struct naive *naive)
{
    unsigned count = 0;
    for (unsigned n = 0; n < KEYS; n++) {
        struct weir_flow_key key = key_of(n);
        struct weir_flow *flow = weir_table_find(table, &key, hash_of(n));
        assert_int_equal(flow != NULL, naive->there[n]);
        if (!flow)
            continue;
        count++;
        assert_int_equal(flow->list, naive->list[n]);
        assert_int_equal(flow->single, naive->packets[n] == 1);
        assert_ptr_equal(weir_table_entry(table, flow->number), flow);
        const uint8_t *slot = weir_flow_slot(flow);
        assert_int_equal(slot[0], naive->mark[n]);
        assert_int_equal(slot[SLOT - 1], naive->mark[n]);
    }
    assert_int_equal(weir_table_count(table), count);
    for (unsigned list = WEIR_LIST_OPEN; list < WEIR_LIST_COUNT; list++) {
        struct weir_flow *head = weir_table_head(table, list);
        unsigned first = oldest(naive, list), listed = 0;
        assert_int_equal(head ? head->key.low_port : KEYS, first);
        for (; head; head = weir_table_after(table, head))
            listed++;
        for (unsigned n = 0; n < KEYS; n++)
            listed -= naive->there[n] && naive->list[n] == list;
        assert_int_equal(listed, 0);
    }
}

static unsigned victim_of(const struct naive *naive)
{
    unsigned singles = 0, eldest = KEYS;
    for (unsigned n = 0; n < KEYS; n++)
        if (naive->there[n] && naive->packets[n] == 1) {
            singles++;
            if (eldest == KEYS || naive->born[n] < naive->born[eldest])
                eldest = n;
        }
    if (singles >= CAPACITY / 4)
        return eldest;
    unsigned silent = KEYS;
    for (unsigned n = 0; n < KEYS; n++)
        if (naive->there[n] && naive->list[n] >= WEIR_LIST_SILENT && (silent == KEYS || naive->came[n] < naive->came[silent]))
            silent = n;
    return silent != KEYS ? silent : oldest(naive, WEIR_LIST_OPEN);
}

static void it_does_what_an_array_does(void **state)
{
    (void)state;
    struct weir_table *table = NULL;
    struct naive naive = {0};
    assert_int_equal(weir_table_create(CAPACITY, SLOT, &table, NULL), WEIR_OK);
    srand(4711);
    for (unsigned now = 1; now < 30000; now++) {
        unsigned n = (unsigned)rand() % KEYS, list = WEIR_LIST_OPEN + (unsigned)rand() % 4;
        struct weir_flow_key key = key_of(n);
        struct weir_flow *flow = weir_table_find(table, &key, hash_of(n));
        if (!flow) {
            flow = weir_table_take(table, &key, hash_of(n));
            if (!flow) {
                assert_int_equal(weir_table_count(table), CAPACITY);
                struct weir_flow *victim = weir_table_victim(table);
                assert_int_equal(victim->key.low_port, victim_of(&naive));
                naive.there[victim->key.low_port] = false;
                weir_table_release(table, victim);
                flow = weir_table_take(table, &key, hash_of(n));
            }
            const uint8_t *slot = weir_flow_slot(flow);
            for (unsigned i = 0; i < SLOT; i++)
                assert_int_equal(slot[i], 0);
            naive.mark[n] = (uint8_t)rand();
            memset(weir_flow_slot(flow), naive.mark[n], SLOT);
            naive.there[n] = true;
            naive.packets[n] = 1;
            naive.born[n] = now;
        } else if (rand() % 4 == 0) {
            uint32_t generation = flow->generation;
            weir_table_release(table, flow);
            assert_true(flow->generation != generation);
            naive.there[n] = false;
            continue;
        } else {
            weir_table_settle(table, flow);
            naive.packets[n]++;
        }
        flow->record_ns = now;
        weir_table_move(table, flow, list);
        naive.list[n] = list;
        naive.came[n] = now;
        if (now % 7 == 0)
            check(table, &naive);
    }
    weir_table_destroy(&table);
    assert_null(table);
    weir_table_destroy(&table);
}

static void a_guess_is_the_entry_of_a_bucket_of_one(void **state)
{
    (void)state;
    struct weir_table *table = NULL;
    assert_int_equal(weir_table_create(2, SLOT, &table, NULL), WEIR_OK);
    struct weir_flow_key key = key_of(1), other = key_of(2);
    const struct weir_flow *guess = weir_table_guess(table, 1);
    struct weir_flow *flow = weir_table_take(table, &key, 1);
    assert_ptr_equal(guess, flow);
    assert_ptr_equal(weir_table_guess(table, 1), flow);
    assert_non_null(weir_table_take(table, &other, 2));
    assert_null(weir_table_guess(table, 0));
    weir_table_destroy(&table);
}

static void impossible_sizes_are_refused(void **state)
{
    (void)state;
    struct weir_table *table = NULL;
    assert_int_equal(weir_table_create(1, SLOT, &table, NULL), WEIR_ERR_ARGUMENT);
    assert_int_equal(weir_table_create((size_t)1 << 31, SLOT, &table, NULL), WEIR_ERR_ARGUMENT);
    assert_int_equal(weir_table_create((size_t)1 << 30, (size_t)1 << 40, &table, NULL), WEIR_ERR_MEMORY);
    assert_null(table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_does_what_an_array_does),
        cmocka_unit_test(a_guess_is_the_entry_of_a_bucket_of_one),
        cmocka_unit_test(impossible_sizes_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
