#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "train/split.h"

enum { ROWS = 10007, CLASSES = 6 };

/* Classes of 1, 2, 3, 11 and 500 rows, spread out, the rest in class 0. */
static uint32_t *make_labels(void)
{
    static const size_t sizes[CLASSES] = {0, 1, 2, 3, 11, 500};
    uint32_t *labels = calloc(ROWS, sizeof *labels);
    size_t at = 7;
    assert_non_null(labels);
    for (uint32_t k = 1; k < CLASSES; k++)
        for (size_t i = 0; i < sizes[k]; i++, at += 13)
            labels[at % ROWS] = k;
    return labels;
}

static void check_split(const uint32_t *labels, double share, uint64_t seed, const size_t *expected)
{
    struct weir_split split;
    unsigned char seen[ROWS] = {0};
    size_t tests[CLASSES] = {0};
    assert_int_equal(weir_split_draw(labels, ROWS, CLASSES, share, seed, &split), WEIR_OK);
    assert_int_equal(split.train_count + split.test_count, ROWS);
    for (size_t i = 0; i < split.train_count; i++) {
        assert_true(i == 0 || split.train[i - 1] < split.train[i]);
        assert_int_equal(seen[split.train[i]]++, 0);
    }
    for (size_t i = 0; i < split.test_count; i++) {
        assert_true(i == 0 || split.test[i - 1] < split.test[i]);
        assert_int_equal(seen[split.test[i]]++, 0);
        tests[labels[split.test[i]]]++;
    }
    assert_memory_equal(tests, expected, sizeof tests);
    free(split.train);
}

static void classes_keep_their_share(void **state)
{
    uint32_t *labels = make_labels();
    (void)state;
    check_split(labels, 0.2, 1, (size_t[]){1898, 0, 1, 1, 2, 100});
    check_split(labels, 0.2, 2, (size_t[]){1898, 0, 1, 1, 2, 100});
    check_split(labels, 0.999, 1, (size_t[]){9481, 0, 1, 2, 10, 499});
    check_split(labels, 0.001, 1, (size_t[]){9, 0, 1, 1, 1, 1});
    free(labels);
}

static void the_seed_decides(void **state)
{
    uint32_t *labels = make_labels();
    struct weir_split a, b, c;
    (void)state;
    assert_int_equal(weir_split_draw(labels, ROWS, CLASSES, 0.2, 42, &a), WEIR_OK);
    assert_int_equal(weir_split_draw(labels, ROWS, CLASSES, 0.2, 42, &b), WEIR_OK);
    assert_int_equal(weir_split_draw(labels, ROWS, CLASSES, 0.2, 43, &c), WEIR_OK);
    assert_memory_equal(a.train, b.train, ROWS * sizeof *a.train);
    assert_int_equal(a.test_count, c.test_count);
    assert_true(memcmp(a.test, c.test, a.test_count * sizeof *a.test) != 0);
    free(a.train);
    free(b.train);
    free(c.train);
    free(labels);
}

/* Over many seeds each row of a class is tested equally often: within six standard deviations of a binomial. */
static void every_row_has_the_same_chance(void **state)
{
    enum { FEW = 40, SEEDS = 4000 };
    uint32_t labels[FEW];
    int tested[FEW] = {0};
    (void)state;
    for (uint32_t i = 0; i < FEW; i++)
        labels[i] = i % 4 == 0;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        struct weir_split split;
        assert_int_equal(weir_split_draw(labels, FEW, 2, 0.2, seed, &split), WEIR_OK);
        for (size_t i = 0; i < split.test_count; i++)
            tested[split.test[i]]++;
        free(split.train);
    }
    for (size_t i = 0; i < FEW; i++) /* 4000 x 0.2 = 800, sd 25.3 */
        assert_in_range(tested[i], 800 - 152, 800 + 152);
}

static void no_rows(void **state)
{
    struct weir_split split;
    (void)state;
    assert_int_equal(weir_split_draw(NULL, 0, 2, 0.2, 1, &split), WEIR_OK);
    assert_int_equal(split.train_count + split.test_count, 0);
    free(split.train);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(classes_keep_their_share),
        cmocka_unit_test(the_seed_decides),
        cmocka_unit_test(every_row_has_the_same_chance),
        cmocka_unit_test(no_rows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
