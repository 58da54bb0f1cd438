#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "data/header.h"

static void check(const char *line, bool tab, char delimiter, const char *const *expected)
{
    struct weir_error error;
    char **raw = NULL, **names = NULL, found;
    size_t count = 0, n = 0;
    assert_int_equal(weir_header_split("x.csv", line, tab, &found, &raw, &count, &error), WEIR_OK);
    assert_int_equal(found, delimiter);
    names = weir_header_names(raw, count);
    assert_non_null(names);
    while (expected[n])
        n++;
    assert_int_equal(count, n);
    for (size_t i = 0; i < n; i++) {
        assert_string_equal(names[i], expected[i]);
        free(raw[i]);
        free(names[i]);
    }
    free(raw);
    free(names);
}

#define NAMES(...)                                                                                                               \
    (const char *const[])                                                                                                        \
    {                                                                                                                            \
        __VA_ARGS__, NULL                                                                                                        \
    }

static void names_are_unique_and_trimmed(void **state)
{
    (void)state;
    check("a,b,c", false, ',', NAMES("a", "b", "c"));
    check("\xef\xbb\xbfid, Label ,label", false, ',', NAMES("id", "Label", "label_1"));
    check(" Fwd Header Length,x, Fwd Header Length", false, ',', NAMES("Fwd Header Length", "x", "Fwd Header Length_1"));
    check("a,a_1,a", false, ',', NAMES("a", "a_1", "a_2"));
    check("\"a,b\",\"say \"\"x\"\"\",", false, ',', NAMES("a,b", "say \"x\"", "column2"));
    check(",0,1,2", false, ',', NAMES("column0", "0", "1", "2"));
}

static void delimiters(void **state)
{
    (void)state;
    check("a;b;c,d", false, ';', NAMES("a", "b", "c,d"));
    check("a|b", false, '|', NAMES("a", "b"));
    check("a\tb\tc", false, '\t', NAMES("a", "b", "c"));
    check("a,b,c", true, '\t', NAMES("a,b,c"));
    check("\"a;b;c\",d", false, ',', NAMES("a;b;c", "d"));
    check("alone", false, ',', NAMES("alone"));
}

static void data_and_blank_lines_are_no_header(void **state)
{
    static const char *const bad[] = {"0,tcp,http,SF,491,0,0,0.5", "1,2,3", "", " \t", "1.5", "5,6,7"};
    struct weir_error error;
    char **raw = NULL, delimiter;
    size_t count = 0;
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(weir_header_split("x.csv", bad[i], false, &delimiter, &raw, &count, &error), WEIR_ERR_FORMAT);
        assert_non_null(strstr(error.text, "x.csv"));
        assert_null(raw);
    }
    check("0,1,2,3", false, ',', NAMES("0", "1", "2", "3")); /* what tools write that count their columns */
}

static void columns_are_bounded(void **state)
{
    struct weir_error error;
    char **raw = NULL, delimiter, *line = malloc(5001);
    size_t count = 0;
    (void)state;
    assert_non_null(line);
    memset(line, ',', 5000);
    line[5000] = 0;
    assert_int_equal(weir_header_split("x.csv", line, false, &delimiter, &raw, &count, &error), WEIR_ERR_LIMIT);
    free(line);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_unique_and_trimmed),
        cmocka_unit_test(delimiters),
        cmocka_unit_test(data_and_blank_lines_are_no_header),
        cmocka_unit_test(columns_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
