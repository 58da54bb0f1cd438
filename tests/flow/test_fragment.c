#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "flow/fragment.h"

#define SECOND INT64_C(1000000000)

/* A fragment of 10.0.0.`src` -> 10.0.0.9 with 800 bytes at `offset`. */
static struct weir_facts piece(unsigned src, unsigned id, unsigned offset, bool more)
{
    struct weir_facts facts = {.ip_version = 4,
                               .proto = 17,
                               .src = {10, 0, 0, (uint8_t)src},
                               .dst = {10, 0, 0, 9},
                               .ip_id = id,
                               .l4_bytes = 800,
                               .fragment_offset = (uint16_t)offset,
                               .flags = WEIR_FACT_FRAGMENT};
    if (more)
        facts.flags |= WEIR_FACT_FRAGMENT_MORE;
    if (offset)
        facts.flags |= WEIR_FACT_FRAGMENT_LATER;
    return facts;
}

static void note(struct weir_fragments *fragments, struct weir_facts facts, int64_t now_ns, uint32_t number)
{
    struct weir_flow_key key;
    weir_fragment_key(&facts, &key);
    weir_fragments_note(fragments, &key, &facts, now_ns, number, number + 100, 0, 0);
}

static bool find(struct weir_fragments *fragments, struct weir_facts facts, int64_t now_ns, uint32_t number)
{
    struct weir_flow_key key;
    uint32_t found = 0, generation = 0;
    weir_fragment_key(&facts, &key);
    if (!weir_fragments_find(fragments, &key, &facts, now_ns, &found, &generation))
        return false;
    assert_int_equal(found, number);
    assert_int_equal(generation, number + 100);
    return true;
}

static void later_fragments_find_their_flow(void **state)
{
    (void)state;
    struct weir_fragments *fragments = NULL;
    assert_int_equal(weir_fragments_create(64, &fragments, NULL), WEIR_OK);
    for (unsigned i = 0; i < 8; i++)
        note(fragments, piece(i, 5, 0, true), SECOND, i);
    for (unsigned i = 0; i < 8; i++) {
        assert_true(find(fragments, piece(i, 5, 800, true), SECOND, i));
        assert_false(find(fragments, piece(i, 6, 800, true), SECOND, i));
        assert_true(find(fragments, piece(i, 5, 1600, false), SECOND, i));
        assert_false(find(fragments, piece(i, 5, 800, true), SECOND, i)); /* it was complete */
    }
    weir_fragments_destroy(&fragments);
    assert_null(fragments);
    weir_fragments_destroy(&fragments);
}

static void a_note_dies_after_five_seconds(void **state)
{
    (void)state;
    struct weir_fragments *fragments = NULL;
    assert_int_equal(weir_fragments_create(4, &fragments, NULL), WEIR_OK);
    note(fragments, piece(1, 5, 0, true), SECOND, 1);
    assert_true(find(fragments, piece(1, 5, 800, true), 6 * SECOND - 1, 1));
    assert_false(find(fragments, piece(1, 5, 1600, true), 6 * SECOND, 1));
    note(fragments, piece(1, 5, 0, true), 7 * SECOND, 2);
    assert_true(find(fragments, piece(1, 5, 800, true), 8 * SECOND, 2));
    weir_fragments_clear(fragments);
    assert_false(find(fragments, piece(1, 5, 1600, true), 8 * SECOND, 2));
    weir_fragments_destroy(&fragments);
}

static void the_oldest_note_gives_way(void **state)
{
    (void)state;
    struct weir_fragments *fragments = NULL;
    assert_int_equal(weir_fragments_create(4, &fragments, NULL), WEIR_OK); /* one set of four */
    for (unsigned i = 0; i < 5; i++)
        note(fragments, piece(i, 5, 0, true), SECOND + i, i);
    assert_false(find(fragments, piece(0, 5, 800, true), SECOND + 9, 0));
    for (unsigned i = 1; i < 5; i++)
        assert_true(find(fragments, piece(i, 5, 800, true), SECOND + 9, i));
    weir_fragments_destroy(&fragments);
}

static void directions_have_keys_of_their_own(void **state)
{
    (void)state;
    struct weir_facts there = piece(1, 5, 800, true), back = there;
    back.src[3] = 9;
    back.dst[3] = 1;
    struct weir_flow_key a, b;
    assert_true(weir_fragment_key(&there, &a) != weir_fragment_key(&back, &b));
    assert_false(weir_flow_key_equal(&a, &b));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(later_fragments_find_their_flow),
        cmocka_unit_test(a_note_dies_after_five_seconds),
        cmocka_unit_test(the_oldest_note_gives_way),
        cmocka_unit_test(directions_have_keys_of_their_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
