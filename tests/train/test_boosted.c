/* The trainers whose libraries are loaded when they are needed, through the one interface. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "train/trainers.h"

enum { ROWS = 600, COLUMNS = 4 };

static float column[COLUMNS][ROWS];
static const float *x[COLUMNS] = {column[0], column[1], column[2], column[3]};
static uint32_t row[ROWS], label[ROWS];

/* Two columns tell the class, with some noise; one has missing values, one is constant. */
static struct weir_train_set make_set(uint32_t classes)
{
    uint64_t random = 3;
    for (uint32_t i = 0; i < ROWS; i++) {
        row[i] = i;
        label[i] = i < classes ? i : weir_random_below(&random, classes);
        column[0][i] = (float)label[i] + (float)weir_random_share(&random);
        column[1][i] = (float)(label[i] == 0) + 2 * (float)weir_random_share(&random);
        column[2][i] = i % 5 ? (float)weir_random_share(&random) : NAN;
        column[3][i] = 1;
    }
    return (struct weir_train_set){.x = x, .columns = COLUMNS, .row = row, .label = label, .rows = ROWS, .classes = classes};
}

struct counted {
    size_t done, all;
};

static void count(void *context, size_t done, size_t all)
{
    struct counted *counted = context;
    assert_true(done > counted->done && done <= all);
    *counted = (struct counted){done, all};
}

static weir_err fit(const struct weir_trainer *trainer, const struct weir_train_set *set, const char *const *given,
                    size_t count_of, uint64_t seed, struct counted *counted, struct weir_trained *out, struct weir_error *error)
{
    const char *more[4];
    struct weir_train_config config = {.more = more, .seed = seed, .progress = counted ? count : NULL, .context = counted};
    assert_int_equal(
        weir_params_read(trainer->params, trainer->name, given, count_of, more, &config.more_count, &config.params, error),
        WEIR_OK);
    *out = (struct weir_trained){0};
    return trainer->fit(set, &config, out, error);
}

static uint8_t *bytes_of(const struct weir_trained *trained, size_t *size)
{
    const struct weir_scorer_kind *kind = trained->scorer->kind;
    *size = kind->bytes(trained->scorer);
    uint8_t *bytes = malloc(*size);
    kind->encode(trained->scorer, bytes);
    return bytes;
}

static double accuracy(const struct weir_scorer *scorer, const struct weir_train_set *set)
{
    size_t right = 0;
    for (size_t i = 0; i < set->rows; i++) {
        float values[COLUMNS], margin[8];
        for (size_t c = 0; c < COLUMNS; c++)
            values[c] = set->x[c][i];
        scorer->kind->rows(scorer, values, 1, COLUMNS, margin);
        uint32_t best = scorer->groups == 1 ? margin[0] > 0 : 0;
        for (uint32_t g = 1; g < scorer->groups; g++)
            best = margin[g] > margin[best] ? g : best;
        right += best == set->label[i];
    }
    return (double)right / (double)set->rows;
}

static void learns_and_repeats_itself(const struct weir_trainer *trainer, const char *const *given, size_t given_count)
{
    struct weir_error error = {0};
    if (trainer->ready(&error) == WEIR_ERR_UNSUPPORTED) {
        printf("%s\n", error.text);
        skip();
    }
    for (uint32_t classes = 2; classes <= 3; classes++) {
        struct weir_train_set set = make_set(classes);
        struct counted counted = {0};
        struct weir_trained first, second;
        if (fit(trainer, &set, given, given_count, 7, &counted, &first, &error) != WEIR_OK)
            fail_msg("%s", error.text);
        assert_true(counted.done > 0 && counted.done == counted.all);
        assert_int_equal(first.scorer->columns, COLUMNS);
        assert_int_equal(first.scorer->groups, classes == 2 ? 1 : classes);
        assert_true(accuracy(first.scorer, &set) > 0.9);
        assert_non_null(json_object_get(first.facts, "library"));
        assert_int_equal(fit(trainer, &set, given, given_count, 7, NULL, &second, &error), WEIR_OK);
        size_t size, again;
        uint8_t *one = bytes_of(&first, &size), *two = bytes_of(&second, &again);
        assert_int_equal(size, again);
        assert_memory_equal(one, two, size);
        free(one);
        free(two);
        weir_trained_fini(&first);
        weir_trained_fini(&second);
        set.rows = classes; /* a row a class */
        weir_err err = fit(trainer, &set, given, given_count, 7, NULL, &first, &error);
        if (err != WEIR_OK)
            fail_msg("%s", error.text);
        weir_trained_fini(&first);
    }
}

static void lightgbm(void **state)
{
    static const char *const given[] = {"trees=20", "leaves=7", "min_data_in_leaf=5"};
    (void)state;
    learns_and_repeats_itself(&weir_train_lightgbm, given, 3);
}

static void catboost(void **state)
{
    static const char *const given[] = {"trees=20", "depth=3", "learning_rate=0.3"};
    (void)state;
    learns_and_repeats_itself(&weir_train_catboost, given, 3);
}

static void xgboost(void **state)
{
    static const char *const given[] = {"trees=20", "depth=3"};
    (void)state;
    learns_and_repeats_itself(&weir_train_xgboost, given, 2);
}

static void wrong_parameters_are_named(void **state)
{
    static const struct {
        const struct weir_trainer *trainer;
        const char *given, *said;
    } wrong[] = {
        {&weir_train_lightgbm, "min_dat=5", "min_dat"},        {&weir_train_lightgbm, "objective=huber", "sets it itself"},
        {&weir_train_lightgbm, "max_bin=x", "max_bin"},        {&weir_train_lightgbm, "max_bin=5 num_threads=7", "name=value"},
        {&weir_train_catboost, "leaf_reg=5", "leaf_reg"},      {&weir_train_catboost, "task_type=GPU", "sets it itself"},
        {&weir_train_catboost, "l2_leaf_reg=x", "l2_leaf_reg"}};
    (void)state;
    struct weir_train_set set = make_set(2);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct weir_error error = {0};
        struct weir_trained out;
        if (wrong[i].trainer->ready(&error) == WEIR_ERR_UNSUPPORTED)
            continue;
        assert_true(fit(wrong[i].trainer, &set, &wrong[i].given, 1, 1, NULL, &out, &error) != WEIR_OK);
        assert_null(out.scorer);
        if (!strstr(error.text, wrong[i].said))
            fail_msg("'%s' lacks '%s'", error.text, wrong[i].said);
    }
}

static void a_stop_ends_training(void **state)
{
    static const struct weir_trainer *const trainers[] = {&weir_train_lightgbm, &weir_train_catboost, &weir_train_xgboost};
    volatile sig_atomic_t stop = 1;
    (void)state;
    struct weir_train_set set = make_set(2);
    for (size_t i = 0; i < sizeof trainers / sizeof *trainers; i++) {
        struct weir_error error = {0};
        struct weir_trained out = {0};
        struct weir_train_config config = {.stop = &stop};
        if (trainers[i]->ready(&error) == WEIR_ERR_UNSUPPORTED)
            continue;
        assert_int_equal(weir_params_read(trainers[i]->params, "", NULL, 0, NULL, NULL, &config.params, &error), WEIR_OK);
        assert_int_equal(trainers[i]->fit(&set, &config, &out, &error), WEIR_ERR_CLOSED);
        assert_null(out.scorer);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lightgbm),
        cmocka_unit_test(catboost),
        cmocka_unit_test(xgboost),
        cmocka_unit_test(wrong_parameters_are_named),
        cmocka_unit_test(a_stop_ends_training),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
