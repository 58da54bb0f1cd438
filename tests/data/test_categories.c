#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data/categories.h"

static void codes_follow_the_list_until_sorted(void **state)
{
    static const char *const texts[] = {"udp", "tcp", " arp ", "", "tcp"};
    static const uint32_t expected[] = {0, 1, 2, 3, 1};
    struct weir_categories table = {0};
    uint32_t code, remap[4];
    (void)state;
    assert_int_equal(weir_categories_find(&table, "tcp", 3), -1);
    for (size_t i = 0; i < 5; i++) {
        assert_int_equal(weir_categories_add(&table, texts[i], strlen(texts[i]), &code), WEIR_OK);
        assert_int_equal(code, expected[i]);
    }
    assert_int_equal(table.count, 4);
    assert_string_equal(table.text[2], "arp");
    assert_int_equal(weir_categories_find(&table, "tc", 2), -1);
    assert_int_equal(weir_categories_find(&table, "tcpx", 3), 1);
    assert_int_equal(weir_categories_find(&table, "tcp\0x", 5), 1); /* a zero byte ends a text */
    assert_int_equal(weir_categories_sort(&table, remap), WEIR_OK);
    static const uint32_t sorted[] = {3, 2, 1, 0};
    assert_memory_equal(remap, sorted, sizeof sorted);
    assert_int_equal(weir_categories_find(&table, "arp", 3), 1);
    weir_categories_fini(&table);
    assert_int_equal(table.count, 0);
}

static void many_texts_equal_a_linear_table(void **state)
{
    enum { N = 3000 };
    struct weir_categories table = {0};
    static char linear[N][8];
    size_t count = 0;
    uint32_t code, *remap;
    (void)state;
    srand(3);
    for (int i = 0; i < N; i++) {
        char text[8];
        size_t at = 0;
        snprintf(text, sizeof text, "t%d", rand() % 1000);
        while (at < count && strcmp(linear[at], text))
            at++;
        if (at == count)
            strcpy(linear[count++], text);
        assert_int_equal(weir_categories_add(&table, text, strlen(text), &code), WEIR_OK);
        assert_int_equal(code, at);
    }
    assert_int_equal(table.count, count);
    remap = malloc(count * sizeof *remap);
    assert_non_null(remap);
    assert_int_equal(weir_categories_sort(&table, remap), WEIR_OK);
    for (size_t i = 0; i < count; i++) {
        assert_string_equal(table.text[remap[i]], linear[i]);
        assert_true(i == 0 || strcmp(table.text[i - 1], table.text[i]) < 0);
    }
    free(remap);
    weir_categories_fini(&table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(codes_follow_the_list_until_sorted),
        cmocka_unit_test(many_texts_equal_a_linear_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
