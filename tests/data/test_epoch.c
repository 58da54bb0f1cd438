#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "data/epoch.h"

struct form {
    const char *text;
    enum weir_epoch_kind kind;
    int64_t ns;
};

static void check(const struct form *cases, size_t count, enum weir_epoch_kind (*reader)(const char *, size_t, int64_t *))
{
    for (size_t i = 0; i < count; i++) {
        size_t length = strlen(cases[i].text);
        char *exact = malloc(length + !length); /* a sanitizer sees a read behind it */
        assert_non_null(exact);
        memcpy(exact, cases[i].text, length);
        int64_t ns = 0;
        enum weir_epoch_kind kind = reader(exact, length, &ns);
        if (kind != cases[i].kind || (kind && ns != cases[i].ns))
            fail_msg("'%s': kind %d, %lld", cases[i].text, (int)kind, (long long)ns);
        free(exact);
    }
}

static void forms(void **state)
{
    static const struct form cases[] = {
        {"1499346935.283859", WEIR_EPOCH_FULL, 1499346935283859000},
        {" 1499346935 ", WEIR_EPOCH_FULL, 1499346935000000000},
        {"1499346935.283859123", WEIR_EPOCH_FULL, 1499346935283859123},
        {"1499346935.28385912399", WEIR_EPOCH_FULL, 1499346935283859123},
        {"-1.5", WEIR_EPOCH_FULL, -1500000000},
        {"2019/04/04 16:23:00.325010", WEIR_EPOCH_FULL, 1554394980325010000},
        {"2019-04-04T16:23:00Z", WEIR_EPOCH_FULL, 1554394980000000000},
        {"2019-04-04T18:23:00+02:00", WEIR_EPOCH_FULL, 1554394980000000000},
        {"2019-04-04T18:23:00.5+0200", WEIR_EPOCH_FULL, 1554394980500000000},
        {"2019-04-04 11:53:00-0430", WEIR_EPOCH_FULL, 1554394980000000000},
        {"1970/01/01 01:00:00.000000", WEIR_EPOCH_FULL, 3600000000000},
        {"2024-02-29 00:00:00", WEIR_EPOCH_FULL, 1709164800000000000},
        {"13:15:35.283859", WEIR_EPOCH_DATELESS, 47735283859000},
        {"", WEIR_EPOCH_NONE, 0},
        {"1499346935283", WEIR_EPOCH_NONE, 0}, /* milliseconds would be a guess */
        {"2023-02-29 00:00:00", WEIR_EPOCH_NONE, 0},
        {"2019-13-04 00:00:00", WEIR_EPOCH_NONE, 0},
        {"2019/04-04 00:00:00", WEIR_EPOCH_NONE, 0},
        {"2019-04-04", WEIR_EPOCH_NONE, 0},
        {"2019-04-04 24:00:00", WEIR_EPOCH_NONE, 0},
        {"2019-04-04 10:00:00+99:00", WEIR_EPOCH_NONE, 0},
        {"2019-04-04 10:00:00 x", WEIR_EPOCH_NONE, 0},
        {"12:61:00", WEIR_EPOCH_NONE, 0},
        {"1.", WEIR_EPOCH_NONE, 0},
        {"tcp", WEIR_EPOCH_NONE, 0},
    };
    (void)state;
    check(cases, sizeof cases / sizeof *cases, weir_epoch_read);
}

static void dates_equal_timegm(void **state)
{
    (void)state;
    srand(1);
    for (int i = 0; i < 20000; i++) {
        time_t when = (time_t)((uint64_t)rand() * 3 % 6000000000u);
        struct tm tm;
        char text[64];
        int64_t ns;
        gmtime_r(&when, &tm);
        strftime(text, sizeof text, i % 2 ? "%Y/%m/%d %H:%M:%S" : "%Y-%m-%dT%H:%M:%SZ", &tm);
        assert_int_equal(weir_epoch_read(text, strlen(text), &ns), WEIR_EPOCH_FULL);
        assert_int_equal(ns, (int64_t)when * 1000000000);
    }
}

static void the_day_first(void **state)
{
    static const struct form cases[] = {
        {"14/02/2018 08:31:01", WEIR_EPOCH_FULL, 1518597061000000000},
        {" 5/7/2017 8:42 ", WEIR_EPOCH_FULL, 1499244120000000000},
        {"05-07-2017T08:42:00.25", WEIR_EPOCH_FULL, 1499244120250000000},
        {"01.09.2020 5:10", WEIR_EPOCH_FULL, 1598937000000000000},
        {"05/07/2017 08:42:00 AM", WEIR_EPOCH_FULL, 1499244120000000000},
        {"05/07/2017 08:42:00 pm", WEIR_EPOCH_FULL, 1499287320000000000},
        {"05/07/2017 12:00 AM", WEIR_EPOCH_FULL, 1499212800000000000},
        {"05/07/2017 12:00 PM", WEIR_EPOCH_FULL, 1499256000000000000},
        {"05/07/2017 13:00 PM", WEIR_EPOCH_NONE, 0},
        {"05/07-2017 8:42", WEIR_EPOCH_NONE, 0},
        {"05/13/2017 8:42", WEIR_EPOCH_NONE, 0},
        {"31/04/2017 8:42", WEIR_EPOCH_NONE, 0},
        {"2017/07/05 8:42", WEIR_EPOCH_NONE, 0},
        {"05/07/2017", WEIR_EPOCH_NONE, 0},
        {"05/07/2017 8", WEIR_EPOCH_NONE, 0},
        {"05/07/2017 8:42 x", WEIR_EPOCH_NONE, 0},
        {"05/07/2017 8:42:", WEIR_EPOCH_NONE, 0},
        {"05/07/2017 24:00", WEIR_EPOCH_NONE, 0},
        {"1499244120", WEIR_EPOCH_NONE, 0},
        {"", WEIR_EPOCH_NONE, 0},
    };
    (void)state;
    check(cases, sizeof cases / sizeof *cases, weir_epoch_read_day_first);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(forms), cmocka_unit_test(dates_equal_timegm),
                                       cmocka_unit_test(the_day_first)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
