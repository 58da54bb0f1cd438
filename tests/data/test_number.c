#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data/number.h"

static void words_and_blanks(void **state)
{
    static const struct {
        const char *text;
        enum weir_number_kind kind;
    } cases[] = {
        {"", WEIR_NUMBER_MISSING},         {"  ", WEIR_NUMBER_MISSING},   {"NaN", WEIR_NUMBER_MISSING},
        {"nan", WEIR_NUMBER_MISSING},      {" NA ", WEIR_NUMBER_MISSING}, {"null", WEIR_NUMBER_MISSING},
        {"-", WEIR_NUMBER_MISSING},        {"?", WEIR_NUMBER_MISSING},    {"(empty)", WEIR_NUMBER_MISSING},
        {"Infinity", WEIR_NUMBER_ENDLESS}, {"-inf", WEIR_NUMBER_ENDLESS}, {"+INF", WEIR_NUMBER_ENDLESS},
        {"1e999", WEIR_NUMBER_ENDLESS},    {"tcp", WEIR_NUMBER_TEXT},     {"0x0008", WEIR_NUMBER_TEXT},
        {"1,5", WEIR_NUMBER_TEXT},         {"1.2.3", WEIR_NUMBER_TEXT},   {"192.168.1.1", WEIR_NUMBER_TEXT},
        {"--1", WEIR_NUMBER_TEXT},         {"1e", WEIR_NUMBER_TEXT},      {".", WEIR_NUMBER_TEXT},
        {"12 3", WEIR_NUMBER_TEXT},        {"nan(1)", WEIR_NUMBER_TEXT},  {"infinit", WEIR_NUMBER_TEXT},
        {"2017-07-06", WEIR_NUMBER_TEXT},  {"+", WEIR_NUMBER_TEXT},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        double value = 1;
        enum weir_number_kind kind = weir_number_read(cases[i].text, strlen(cases[i].text), &value);
        if (kind != cases[i].kind)
            fail_msg("'%s': kind %d, not %d", cases[i].text, (int)kind, (int)cases[i].kind);
        assert_true(isnan(value));
    }
}

static void check_equals_strtod(const char *text)
{
    double value, expected = strtod(text, NULL);
    if (weir_number_read(text, strlen(text), &value) != WEIR_NUMBER_VALUE || memcmp(&value, &expected, sizeof value))
        fail_msg("'%s': %.17g, not %.17g", text, value, expected);
}

static void numbers_equal_strtod(void **state)
{
    (void)state;
    static const char *const texts[] = {"0",
                                        "-0",
                                        "7",
                                        "-1",
                                        "1.",
                                        ".5",
                                        "0.000011",
                                        "90909.0902",
                                        "+3",
                                        "1e5",
                                        "-2.5E-3",
                                        "1E+2",
                                        "007",
                                        "999999999999999",
                                        "9999999999999999",
                                        "0.1",
                                        "123456789012345678901234567890",
                                        "4.9e-324",
                                        "1.7976931348623157e308"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        check_equals_strtod(texts[i]);
    srand(1);
    for (int i = 0; i < 200000; i++) {
        char text[64];
        int digits = rand() % 17;
        if (i % 2)
            snprintf(text, sizeof text, "%.*f", digits, (rand() - RAND_MAX / 2) / (double)(1 + rand() % 100000));
        else
            snprintf(text, sizeof text, "%.*g", digits, rand() * pow(10, rand() % 40 - 20));
        check_equals_strtod(text);
        /* 17 digits, and next to the middle between two float64, where rounding twice would show */
        double value = (rand() + rand() / 2147483648.0) / (1 << rand() % 40);
        snprintf(text, sizeof text, "%.17g", value);
        check_equals_strtod(text);
        snprintf(text, sizeof text, "%.*f", 18 - (int)floor(log10(value + 1)), value + value * 0x1p-54);
        check_equals_strtod(text);
        snprintf(text, sizeof text, "%llu", (1ull << 53 | (unsigned long long)rand()) * 2 + 1 + (unsigned long long)(rand() % 3));
        check_equals_strtod(text);
    }
}

static void length_bounds_the_read(void **state)
{
    double value;
    (void)state;
    assert_int_equal(weir_number_read("12345", 2, &value), WEIR_NUMBER_VALUE);
    assert_true(value == 12);
    char *exact = malloc(3); /* a sanitizer sees a read behind it */
    assert_non_null(exact);
    memcpy(exact, "1e5", 3);
    assert_int_equal(weir_number_read(exact, 3, &value), WEIR_NUMBER_VALUE);
    assert_true(value == 1e5);
    free(exact);
    char *many = malloc(2000);
    assert_non_null(many);
    memset(many, '1', 2000);
    assert_int_equal(weir_number_read(many, 2000, &value), WEIR_NUMBER_TEXT);
    free(many);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_and_blanks),
        cmocka_unit_test(numbers_equal_strtod),
        cmocka_unit_test(length_bounds_the_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
