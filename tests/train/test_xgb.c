#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "train/xgb.h"

enum { ROWS = 500, COLUMNS = 3 };

static float rows[ROWS * COLUMNS];
static uint32_t labels[ROWS];

static void make_rows(uint32_t classes)
{
    srand(9);
    for (size_t i = 0; i < ROWS; i++) {
        labels[i] = (uint32_t)rand() % classes;
        rows[i * COLUMNS] = (float)labels[i] + (float)(rand() % 100) / 80;
        rows[i * COLUMNS + 1] = (float)(rand() % 1000);
        rows[i * COLUMNS + 2] = i % 7 ? (float)(rand() % 5) : NAN;
    }
}

static weir_err train(const struct weir_xgb_config *config, void **bytes, size_t *size, struct weir_error *error)
{
    *bytes = NULL;
    return weir_xgb_train(rows, labels, ROWS, COLUMNS, config, bytes, size, error);
}

static void count_rounds(void *context, size_t done, size_t trees)
{
    size_t *last = context;
    assert_int_equal(done, *last + 1);
    assert_true(done <= trees);
    *last = done;
}

static void equal_input_gives_equal_bytes(void **state)
{
    (void)state;
    for (uint32_t classes = 2; classes < 4; classes++) {
        struct weir_error error = {0};
        size_t rounds = 0;
        struct weir_xgb_config config = {
            .trees = 7, .depth = 3, .eta = 0.3, .seed = 5, .classes = classes, .progress = count_rounds, .context = &rounds};
        void *first, *second, *third;
        size_t size, again, other;
        make_rows(classes);
        if (train(&config, &first, &size, &error) != WEIR_OK)
            fail_msg("%s", error.text);
        assert_int_equal(rounds, 7);
        rounds = 0;
        assert_int_equal(train(&config, &second, &again, &error), WEIR_OK);
        assert_int_equal(size, again);
        assert_memory_equal(first, second, size);
        rounds = 0;
        config.depth = 2;
        assert_int_equal(train(&config, &third, &other, &error), WEIR_OK);
        assert_true(size != other || memcmp(first, third, size));
        free(first);
        free(second);
        free(third);
    }
}

static void parameters_go_to_xgboost(void **state)
{
    static const char *const good[] = {"max_depth=2", "reg_lambda=3.5"};
    static const char *const bad[][2] = {{"max_deep=2", "max_deep"},
                                         {"max_depth", "name=value"},
                                         {"=3", "name=value"},
                                         {"eta=x", "expect float"},
                                         {"objective=reg:linear", "sets it itself"}};
    struct weir_error error = {0};
    void *bytes, *same;
    size_t size, same_size;
    (void)state;
    make_rows(2);
    assert_int_equal(
        train(&(struct weir_xgb_config){.trees = 2, .depth = 6, .eta = 0.3, .classes = 2, .params = good, .param_count = 2},
              &bytes, &size, &error),
        WEIR_OK);
    assert_int_equal(
        train(&(struct weir_xgb_config){.trees = 2, .depth = 2, .eta = 0.3, .classes = 2, .params = good + 1, .param_count = 1},
              &same, &same_size, &error),
        WEIR_OK);
    assert_int_equal(size, same_size);
    assert_memory_equal(bytes, same, size);
    free(bytes);
    free(same);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        weir_err failed = train(
            &(struct weir_xgb_config){.trees = 2, .depth = 6, .eta = 0.3, .classes = 2, .params = &bad[i][0], .param_count = 1},
            &bytes, &size, &error);
        assert_true(failed != WEIR_OK);
        assert_null(bytes);
        if (!strstr(error.text, bad[i][1]))
            fail_msg("'%s' lacks '%s'", error.text, bad[i][1]);
    }
}

static void a_stop_ends_training(void **state)
{
    volatile sig_atomic_t stop = 1;
    struct weir_error error = {0};
    void *bytes;
    size_t size;
    (void)state;
    make_rows(2);
    assert_int_equal(
        train(&(struct weir_xgb_config){.trees = 2, .depth = 2, .eta = 0.3, .classes = 2, .stop = &stop}, &bytes, &size, &error),
        WEIR_ERR_CLOSED);
    assert_null(bytes);
}

static void a_missing_library_is_explained(void **state)
{
    struct weir_error error = {0};
    (void)state;
    setenv("WEIR_XGBOOST", "/nowhere/libxgboost.so", 1);
    assert_null(weir_xgb_version(&error));
    assert_int_equal(error.code, WEIR_ERR_UNSUPPORTED);
    assert_non_null(strstr(error.text, "WEIR_XGBOOST"));
    unsetenv("WEIR_XGBOOST");
}

int main(void)
{
    struct weir_error error = {0};
    const struct CMUnitTest missing[] = {cmocka_unit_test(a_missing_library_is_explained)};
    if (cmocka_run_group_tests(missing, NULL, NULL)) /* before the library is loaded */
        return 1;
    if (!weir_xgb_version(&error)) {
        fprintf(stderr, "skipped: %s\n", error.text);
        return 77;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equal_input_gives_equal_bytes),
        cmocka_unit_test(parameters_go_to_xgboost),
        cmocka_unit_test(a_stop_ends_training),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
