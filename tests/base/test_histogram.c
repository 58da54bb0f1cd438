#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/histogram.h"

static int by_value(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

/* the exact quantile by sorting, within a bucket's width */
static void quantiles_match_sorting(void **state)
{
    (void)state;
    enum { N = 5000 };
    static struct weir_histogram histogram, half;
    static uint64_t value[N];
    uint64_t seed = 42;
    for (int i = 0; i < N; i++) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        value[i] = (seed >> 20) >> (seed % 40);
        weir_histogram_add(i % 2 ? &histogram : &half, (int64_t)value[i], 1);
    }
    weir_histogram_merge(&histogram, &half);
    qsort(value, N, sizeof *value, by_value);
    assert_int_equal(histogram.count, N);
    assert_true(histogram.max == value[N - 1]);
    for (int p = 1; p <= 1000; p++) {
        uint64_t exact = value[(p * N + 999) / 1000 - 1], found = weir_histogram_quantile(&histogram, p / 1000.0);
        assert_true(found >= exact && found <= exact + exact / 32 + 1);
    }
}

static void edges(void **state)
{
    (void)state;
    static struct weir_histogram histogram;
    assert_int_equal(weir_histogram_quantile(&histogram, 0.5), 0);
    weir_histogram_add(&histogram, -5, 3);
    assert_int_equal(weir_histogram_quantile(&histogram, 1), 0);
    weir_histogram_add(&histogram, INT64_MAX, 1);
    assert_true(weir_histogram_quantile(&histogram, 1) == INT64_MAX);
    assert_int_equal(weir_histogram_quantile(&histogram, 0.75), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(quantiles_match_sorting), cmocka_unit_test(edges)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
