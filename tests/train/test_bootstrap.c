#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "train/bootstrap.h"

enum { CELLS = 6 };

/* What is known of the draws of a cell. */
struct moments {
    double sum[CELLS], squares[CELLS], draws;
    uint64_t least[CELLS];
};

static void gather(void *context, const uint64_t *counts, double *out)
{
    struct moments *m = context;
    uint64_t all = 0;
    for (int i = 0; i < CELLS; i++) {
        double x = (double)counts[i];
        m->sum[i] += x;
        m->squares[i] += x * x;
        m->least[i] = counts[i] < m->least[i] ? counts[i] : m->least[i];
        all += counts[i];
    }
    m->draws++;
    out[0] = (double)counts[3] / (double)all;
    out[1] = counts[1] ? 1 : NAN; /* exists now and then */
    out[2] = NAN;
}

/* Mean and variance of a Poisson variable are its count; six standard errors are allowed. */
static void draws_are_poisson(void **state)
{
    static const uint64_t counts[CELLS] = {0, 1, 7, 400, 90000, 3000000};
    struct moments m = {.least = {9, 9, 9, UINT64_MAX, UINT64_MAX, UINT64_MAX}};
    struct weir_interval interval[3];
    (void)state;
    assert_int_equal(weir_bootstrap(counts, CELLS, 5, gather, &m, 3, interval), WEIR_OK);
    assert_true(m.draws == WEIR_BOOTSTRAP_RESAMPLES && m.sum[0] == 0 && m.least[1] == 0);
    for (int i = 1; i < CELLS; i++) {
        double c = (double)counts[i], mean = m.sum[i] / m.draws, variance = m.squares[i] / m.draws - mean * mean;
        if (fabs(mean - c) > 6 * sqrt(c / m.draws) || fabs(variance - c) > 6 * sqrt((2 * c * c + c) / m.draws))
            fail_msg("%g: mean %g, variance %g", c, mean, variance);
    }
    assert_true(interval[1].low == 1 && interval[1].high == 1);
    assert_true(isnan(interval[2].low) && isnan(interval[2].high));
}

static void share(void *context, const uint64_t *counts, double *out)
{
    (void)context;
    out[0] = counts[0] + counts[1] ? (double)counts[0] / (double)(counts[0] + counts[1]) : NAN;
}

/* A share's interval is that of the binomial distribution: p -+ 1.96 sqrt(p (1 - p) / n). */
static void shares_have_binomial_intervals(void **state)
{
    static const uint64_t counts[] = {900, 100};
    struct weir_interval interval, again;
    (void)state;
    assert_int_equal(weir_bootstrap(counts, 2, 1, share, NULL, 1, &interval), WEIR_OK);
    double half = 1.96 * sqrt(0.9 * 0.1 / 1000);
    assert_true(fabs(interval.low - (0.9 - half)) < half / 8 && fabs(interval.high - (0.9 + half)) < half / 8);
    assert_int_equal(weir_bootstrap(counts, 2, 1, share, NULL, 1, &again), WEIR_OK);
    assert_memory_equal(&interval, &again, sizeof again);
    assert_int_equal(weir_bootstrap(counts, 2, 2, share, NULL, 1, &again), WEIR_OK);
    assert_true(interval.low != again.low || interval.high != again.high);
    assert_int_equal(weir_bootstrap((uint64_t[]){UINT64_MAX, 1}, 2, 1, share, NULL, 1, &again), WEIR_ERR_LIMIT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(draws_are_poisson),
        cmocka_unit_test(shares_have_binomial_intervals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
