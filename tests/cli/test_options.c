#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/log.h"
#include "cli/options.h"
#include "cli/tap_options.h"

static void numbers(void **state)
{
    (void)state;
    uint64_t n = 0;
    double x = 0;
    assert_true(weir_option_number("-n", "12", 1, 12, &n));
    assert_int_equal(n, 12);
    const char *wrong[] = {"", "0", "13", "-1", "+5", " 5", "5x", "99999999999999999999"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_false(weir_option_number("-n", wrong[i], 1, 12, &n));
    assert_int_equal(n, 12);
    assert_true(weir_option_real("-x", "0.25", 0, 1, &x));
    assert_true(x == 0.25);
    assert_false(weir_option_real("-x", "nan", 0, 1, &x));
    assert_false(weir_option_real("-x", "1.5", 0, 1, &x));
    assert_false(weir_option_real("-x", "", 0, 1, &x));
}

static void durations(void **state)
{
    (void)state;
    int64_t ns = -1;
    static const struct {
        const char *text;
        int64_t ns;
    } right[] = {{"500us", 500000},  {"5ms", 5000000},    {"2s", 2000000000}, {"0", 0},
                 {"1.5ms", 1500000}, {"1m", 60000000000}, {"10ns", 10},       {"1h", 3600000000000}};
    for (size_t i = 0; i < sizeof right / sizeof *right; i++) {
        assert_true(weir_option_duration("-d", right[i].text, &ns));
        assert_true(ns == right[i].ns);
    }
    const char *wrong[] = {"", "5", "5 ms", "-1ms", "ms", "1e300h", "5msx"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_false(weir_option_duration("-d", wrong[i], &ns));
}

static void comma_lists(void **state)
{
    (void)state;
    struct weir_strings list = {0};
    weir_strings_split(&list, "a,b\\,c,,d\\x,");
    assert_int_equal(list.count, 3);
    assert_string_equal(list.item[0], "a");
    assert_string_equal(list.item[1], "b,c");
    assert_string_equal(list.item[2], "d\\x");
    weir_strings_free(&list);
    assert_int_equal(list.count, 0);
}

static bool take(struct weir_tap_options *files, const char *value)
{
    return weir_tap_take_files(files, "-r", value, NULL) == WEIR_OK;
}

static void tap_pairs(void **state)
{
    (void)state;
    struct weir_tap_options files = {0};
    assert_true(take(&files, "tx1,rx1"));
    assert_true(take(&files, "tx2,rx2"));
    assert_false(take(&files, "alone"));
    assert_false(take(&files, "a,b,c"));
    assert_false(take(&files, ""));
    struct weir_source_config config = weir_tap_options_source(&files);
    assert_int_equal(config.ports, 2);
    assert_int_equal(config.file_count[0], 2);
    assert_int_equal(config.file_count[1], 2);
    assert_string_equal(config.files[1][1], "rx2");
    weir_tap_options_free(&files);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(numbers), cmocka_unit_test(durations), cmocka_unit_test(comma_lists),
                                       cmocka_unit_test(tap_pairs)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
