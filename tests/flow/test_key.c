#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "flow/key.h"

static const uint8_t a[16] = {10, 0, 0, 1}, b[16] = {10, 0, 0, 2};

static void both_directions_share_a_key(void **state)
{
    (void)state;
    for (unsigned version = 4; version <= 6; version += 2) {
        struct weir_flow_key there, back;
        assert_false(weir_flow_key_ends(&there, version, 6, a, b, 5000, 80, true));
        assert_true(weir_flow_key_ends(&back, version, 6, b, a, 80, 5000, true));
        assert_true(weir_flow_key_equal(&there, &back));
        assert_int_equal(weir_flow_key_hash(&there), weir_flow_key_hash(&back));
        assert_int_equal(there.low_port, 5000);
        assert_memory_equal(there.high, b, 16);
    }
}

static void one_address_is_ordered_by_its_ports(void **state)
{
    (void)state;
    struct weir_flow_key there, back;
    assert_true(weir_flow_key_ends(&there, 6, 17, a, a, 9000, 53, true));
    assert_false(weir_flow_key_ends(&back, 6, 17, a, a, 53, 9000, true));
    assert_true(weir_flow_key_equal(&there, &back));
}

static void keys_of_one_way_keep_their_direction(void **state)
{
    (void)state;
    struct weir_flow_key there, back;
    assert_false(weir_flow_key_ends(&there, 4, 50, b, a, 0, 0, false));
    assert_false(weir_flow_key_ends(&back, 4, 50, a, b, 0, 0, false));
    assert_false(weir_flow_key_equal(&there, &back));
}

static void every_part_of_a_key_changes_its_hash_and_id(void **state)
{
    (void)state;
    struct weir_flow_key key;
    weir_flow_key_ends(&key, 4, 6, a, b, 1, 2, true);
    uint64_t hash = weir_flow_key_hash(&key);
    struct weir_flow_id id = weir_flow_id_make(&key, 7, 0);
    for (size_t i = 0; i < sizeof key; i++) {
        struct weir_flow_key other = key;
        ((uint8_t *)&other)[i] ^= 1;
        assert_true(weir_flow_key_hash(&other) != hash);
        assert_true(weir_flow_id_make(&other, 7, 0).low != id.low);
    }
    assert_true(weir_flow_id_make(&key, 8, 0).high != id.high);
    assert_true(weir_flow_id_make(&key, 7, 1).high != id.high);
    assert_int_equal(weir_flow_id_make(&key, 7, 0).high, id.high);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_directions_share_a_key),
        cmocka_unit_test(one_address_is_ordered_by_its_ports),
        cmocka_unit_test(keys_of_one_way_keep_their_direction),
        cmocka_unit_test(every_part_of_a_key_changes_its_hash_and_id),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
