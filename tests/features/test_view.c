#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "features/protocols.h"
#include "features/view.h"

static void names_are_found(void **state)
{
    (void)state;
    const struct weir_view *view = weir_view_find("argus");
    assert_non_null(view);
    assert_null(weir_view_find("Argus"));
    assert_non_null(strstr(weir_view_names(), "argus"));
    size_t views = 0;
    for (const struct weir_view *const *one = weir_view_all(); *one; one++)
        views += weir_view_find((*one)->name) == *one;
    assert_true(views >= 1);
    assert_int_equal(weir_view_column(view, "stime"), 0);
    assert_int_equal(weir_view_column(view, "nothing"), -1);
}

static void the_first_columns_are_ras(void **state)
{
    (void)state;
    static const char *const first[] = {"stime", "ltime", "dur",  "proto", "saddr", "sport",  "dir",   "daddr",
                                        "dport", "state", "flgs", "spkts", "dpkts", "sbytes", "dbytes"};
    const struct weir_view *view = weir_view_find("argus");
    for (size_t i = 0; i < sizeof first / sizeof *first; i++)
        assert_string_equal(view->columns[i].name, first[i]);
}

static void every_column_is_whole(void **state)
{
    (void)state;
    const struct weir_view *view = weir_view_find("argus");
    for (size_t i = 0; i < view->column_count; i++) {
        const struct weir_column *column = &view->columns[i];
        assert_int_equal(weir_view_column(view, column->name), i); /* no name twice */
        assert_true(strlen(column->definition) > 3);
        assert_non_null(column->unit);
        assert_true((column->type == WEIR_COLUMN_TEXT) == (column->value == NULL));
        assert_true((column->type == WEIR_COLUMN_CATEGORY) == (column->categories != NULL));
        if (column->type == WEIR_COLUMN_TEXT || column->type == WEIR_COLUMN_CATEGORY)
            assert_non_null(column->text);
        for (int code = 0; column->categories && column->categories[code]; code++)
            assert_in_range(weir_column_code(column, column->categories[code]), 0, code);
    }
}

static void protocols_of_one_name_share_a_code(void **state)
{
    (void)state;
    for (unsigned index = 0; index < WEIR_PROTOCOL_COUNT; index++) {
        unsigned first = 0;
        while (strcmp(weir_protocol_names[first], weir_protocol_names[index]))
            first++;
        assert_int_equal(weir_protocol_code(index), first);
    }
    assert_null(weir_protocol_names[WEIR_PROTOCOL_COUNT]);
}

static void categories_have_codes(void **state)
{
    (void)state;
    const struct weir_view *view = weir_view_find("argus");
    const struct weir_column *proto = &view->columns[weir_view_column(view, "proto")];
    assert_int_equal(weir_column_code(proto, "tcp"), 6);
    assert_int_equal(weir_column_code(proto, "udp"), 17);
    assert_int_equal(weir_column_code(proto, "ipv6-icmp"), 58);
    assert_int_equal(weir_column_code(proto, "sctp"), 132);
    assert_int_equal(weir_column_code(proto, "quux"), -1);
    assert_int_equal(weir_column_code(&view->columns[0], "tcp"), -1);
}

static void the_id_depends_on_the_text(void **state)
{
    (void)state;
    const struct weir_view *view = weir_view_find("argus");
    struct weir_column columns[2] = {view->columns[2], view->columns[3]};
    struct weir_view one = *view;
    one.columns = columns;
    one.column_count = 2;
    uint64_t id = weir_view_id(&one);
    assert_int_equal(id, weir_view_id(&one));
    assert_true(id != weir_view_id(view));
    columns[0].unit = "ms";
    assert_true(id != weir_view_id(&one));
    columns[0] = view->columns[2];
    columns[1].definition = "other";
    assert_true(id != weir_view_id(&one));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_found),       cmocka_unit_test(the_first_columns_are_ras),
        cmocka_unit_test(every_column_is_whole), cmocka_unit_test(protocols_of_one_name_share_a_code),
        cmocka_unit_test(categories_have_codes), cmocka_unit_test(the_id_depends_on_the_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
