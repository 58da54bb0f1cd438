#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "weir/error.h"

static void every_code_has_a_text(void **state)
{
    (void)state;
#define CHECK(name, value, text)                                                                                                 \
    assert_int_equal(name, value);                                                                                               \
    assert_string_equal(weir_err_text(name), text);
    WEIR_ERROR_TABLE(CHECK)
    assert_string_equal(weir_err_text((weir_err)-999), "unknown error");
}

static void fail_stores_one_line(void **state)
{
    (void)state;
    struct weir_error error;
    assert_int_equal(weir_fail(&error, WEIR_ERR_FORMAT, "%s: line %d:\nbad", "x.csv", 7), WEIR_ERR_FORMAT);
    assert_int_equal(error.code, WEIR_ERR_FORMAT);
    assert_string_equal(error.text, "x.csv: line 7: bad");
    assert_int_equal(weir_fail(NULL, WEIR_ERR_IO, "not kept"), WEIR_ERR_IO);
}

static void long_messages_are_cut(void **state)
{
    (void)state;
    char text[2000];
    memset(text, 'a', sizeof text - 1);
    text[sizeof text - 1] = 0;
    struct weir_error error;
    weir_fail(&error, WEIR_ERR_IO, "%s", text);
    assert_int_equal(strlen(error.text), sizeof error.text - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_code_has_a_text),
        cmocka_unit_test(fail_stores_one_line),
        cmocka_unit_test(long_messages_are_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
