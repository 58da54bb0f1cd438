/* Importance of columns against what the definitions say of small made-up rows. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "train/evaluate.h"
#include "train/fit.h"
#include "train/importance.h"

enum { ROWS = 600, COLUMNS = 4 };

/* The class is a matter of column 2 and, less, of column 0; column 1 is noise, column 3 does not vary. */
struct table {
    struct weir_dataset_column columns[COLUMNS];
    struct weir_dataset dataset;
    float values[COLUMNS][ROWS];
    uint32_t labels[ROWS], rows[ROWS];
    char *texts[3];
};

static void make_table(struct table *t, uint32_t classes)
{
    static char *names[COLUMNS] = {"some", "noise", "much", "none"};
    uint64_t random = 9;
    *t = (struct table){.texts = {"a", "b", "c"}};
    for (uint32_t i = 0; i < ROWS; i++) {
        for (int c = 0; c < 3; c++)
            t->values[c][i] = (float)weir_random_share(&random);
        double x = t->values[2][i] + 0.4 * t->values[0][i] + 0.2 * (weir_random_share(&random) - 0.5);
        t->labels[i] = (uint32_t)fmin(classes - 1, x / 1.4 * classes);
        t->rows[i] = i;
    }
    for (int c = 0; c < COLUMNS; c++)
        t->columns[c] = (struct weir_dataset_column){.name = names[c], .values = t->values[c]};
    t->dataset = (struct weir_dataset){.rows = ROWS, .columns = t->columns, .column_count = COLUMNS, .labels = t->labels};
    t->dataset.label_values.text = t->texts;
    t->dataset.label_values.count = classes;
}

static weir_model *fit_best(struct table *t, const char *algorithm, size_t classes, int benign, size_t select)
{
    static int32_t class_of[] = {0, 1, 2};
    struct weir_labels labels = {.classes = t->texts, .class_count = classes, .benign = benign, .class_of = class_of};
    struct weir_fit_rows rows = {.dataset = &t->dataset,
                                 .labels = &labels,
                                 .train = t->rows,
                                 .train_count = ROWS,
                                 .fingerprint = "",
                                 .feature_set = "none"};
    struct weir_fit_config config = {.trainer = weir_trainer_find(algorithm), .seed = 1, .threshold = 0.5, .select = select};
    struct weir_error error = {0};
    weir_model *model = NULL;
    double seconds;
    if (weir_fit(&rows, &config, &model, &seconds, &error))
        fail_msg("%s: %s", algorithm, error.text);
    return model;
}

static weir_model *fit(struct table *t, const char *algorithm, size_t classes, int benign)
{
    return fit_best(t, algorithm, classes, benign, 0);
}

static double accuracy(const weir_model *model, const struct table *t, int column, size_t from)
{
    double right = 0;
    for (size_t i = 0; i < ROWS; i++) {
        float x[COLUMNS];
        uint16_t class;
        for (int c = 0; c < COLUMNS; c++)
            x[c] = t->values[c][c == column ? (i + from) % ROWS : i];
        weir_model_predict(model, x, 1, COLUMNS, NULL, &class, NULL);
        right += class == t->labels[i];
    }
    return right / ROWS;
}

/* The mean fall over all ways of giving each row another's value: what dealing at random comes to. */
static double expected_fall(const weir_model *model, const struct table *t, int column)
{
    double sum = 0;
    for (size_t shift = 0; shift < ROWS; shift += 7)
        sum += accuracy(model, t, column, shift);
    return accuracy(model, t, -1, 0) - sum / ceil(ROWS / 7.0);
}

static void check_model(const char *algorithm, size_t classes)
{
    static struct table t;
    static const int32_t class_of[] = {0, 1, 2};
    struct weir_column_importance importance[COLUMNS], again[COLUMNS];
    double reference, again_reference, shap[COLUMNS] = {0};
    struct weir_error error = {0};
    struct weir_importance_config config = {
        .metric = WEIR_IMPORTANCE_ACCURACY, .repeats = 40, .rows = ROWS, .explained = ROWS, .seed = 3};
    make_table(&t, (uint32_t)classes);
    weir_model *model = fit(&t, algorithm, classes, 0);
    assert_int_equal(weir_importance_find(model, &t.dataset, class_of, NULL, ROWS, &config, importance, &reference, &error),
                     WEIR_OK);
    assert_true(fabs(reference - accuracy(model, &t, -1, 0)) < 1e-12);
    for (size_t i = 0; i < ROWS; i++)
        for (size_t g = 0; g < weir_model_groups(model); g++) {
            float x[COLUMNS];
            double contributions[COLUMNS], base;
            for (int c = 0; c < COLUMNS; c++)
                x[c] = t.values[c][i];
            assert_int_equal(weir_model_explain(model, WEIR_EXPLAIN_EXACT, x, 1, COLUMNS, g, NULL, contributions, &base),
                             WEIR_OK);
            for (int c = 0; c < COLUMNS; c++)
                shap[c] += fabs(contributions[c]) / ROWS;
        }
    for (int c = 0; c < COLUMNS; c++) {
        double fall = expected_fall(model, &t, c);
        if (fabs(importance[c].permutation - fall) > 0.012)
            fail_msg("%s: column %d: %g, not %g", algorithm, c, importance[c].permutation, fall);
        assert_true(fabs(importance[c].shap - shap[c]) <= 1e-9 * (1 + shap[c]));
        assert_true(importance[c].deviation >= 0 && importance[c].deviation < 0.05);
    }
    assert_true(importance[3].permutation == 0 && importance[3].deviation == 0);
    uint32_t order[COLUMNS];
    assert_int_equal(weir_importance_rank(importance, COLUMNS, order), WEIR_OK);
    assert_true(order[0] == 2 && order[1] == 0);
    assert_int_equal(weir_importance_find(model, &t.dataset, class_of, t.rows, ROWS, &config, again, &again_reference, &error),
                     WEIR_OK);
    assert_memory_equal(importance, again, sizeof again);
    weir_model_free(&model);
}

static void every_kind_of_model_has_importance(void **state)
{
    (void)state;
    check_model("logistic-regression", 2);
    check_model("decision-tree", 2);
    check_model("gaussian-nb", 3);
}

static void samples_and_errors(void **state)
{
    static struct table t;
    int32_t class_of[] = {0, 1, -1};
    struct weir_column_importance importance[COLUMNS];
    struct weir_error error = {0};
    double reference;
    struct weir_importance_config config = {.metric = WEIR_IMPORTANCE_ROC_AUC, .repeats = 2, .rows = 100, .seed = 3};
    (void)state;
    make_table(&t, 3);
    weir_model *model = fit(&t, "decision-tree", 3, -1);
    assert_int_equal(weir_importance_find(model, &t.dataset, class_of, NULL, ROWS, &config, importance, &reference, &error),
                     WEIR_ERR_UNSUPPORTED); /* no benign class, no area */
    config.metric = WEIR_IMPORTANCE_F1;
    assert_int_equal(weir_importance_find(model, &t.dataset, class_of, NULL, ROWS, &config, importance, &reference, &error),
                     WEIR_OK);
    assert_true(isnan(importance[0].shap) && importance[2].gain > 0 && importance[2].permutation > 0);
    config.repeats = 0;
    assert_int_equal(weir_importance_find(model, &t.dataset, class_of, NULL, ROWS, &config, importance, &reference, &error),
                     WEIR_OK);
    assert_true(isnan(importance[2].permutation));
    json_t *list = weir_importance_list(model, importance);
    assert_int_equal(json_array_size(list), COLUMNS);
    assert_string_equal(json_string_value(json_object_get(json_array_get(list, 0), "column")), "much");
    assert_true(json_is_null(json_object_get(json_array_get(list, 0), "shap")));
    json_decref(list);
    class_of[0] = class_of[1] = -1;
    assert_int_equal(weir_importance_find(model, &t.dataset, class_of, NULL, ROWS, &config, importance, &reference, &error),
                     WEIR_ERR_FORMAT);
    class_of[0] = 0;
    config.stop = &(const volatile sig_atomic_t){1};
    config.repeats = 1;
    assert_int_equal(weir_importance_find(model, &t.dataset, class_of, NULL, ROWS, &config, importance, &reference, &error),
                     WEIR_ERR_CLOSED);
    weir_model_free(&model);
}

/* The model of the chosen columns is the model of a table that has no others. */
static void the_best_columns_are_kept(void **state)
{
    static struct table t, small;
    static const int32_t class_of[] = {0, 1};
    struct weir_evaluation evaluation, expected;
    struct weir_error error = {0};
    const char *const *names;
    (void)state;
    make_table(&t, 2);
    make_table(&small, 2);
    small.columns[1] = small.columns[2];
    small.dataset.column_count = 2;
    weir_model *model = fit_best(&t, "decision-tree", 2, 0, 2), *wanted = fit(&small, "decision-tree", 2, 0);
    assert_int_equal(weir_model_columns(model, &names), 2);
    assert_string_equal(names[0], "some");
    assert_string_equal(names[1], "much");
    assert_string_equal(weir_model_card(model), weir_model_card(wanted));
    assert_int_equal(weir_evaluate(model, &t.dataset, class_of, NULL, ROWS, &evaluation, &error), WEIR_OK);
    assert_int_equal(weir_evaluate(wanted, &small.dataset, class_of, NULL, ROWS, &expected, &error), WEIR_OK);
    assert_memory_equal(evaluation.metrics.confusion, expected.metrics.confusion, 4 * sizeof(uint64_t));
    assert_true(evaluation.metrics.roc_auc == expected.metrics.roc_auc);
    weir_evaluation_fini(&evaluation);
    weir_evaluation_fini(&expected);
    weir_model_free(&wanted);
    weir_model_free(&model);
    model = fit_best(&t, "decision-tree", 2, 0, 9); /* more than there are */
    assert_int_equal(weir_model_columns(model, &names), COLUMNS);
    assert_int_equal(weir_evaluate(model, &small.dataset, class_of, NULL, ROWS, &evaluation, &error), WEIR_ERR_NOT_FOUND);
    weir_model_free(&model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_of_model_has_importance),
        cmocka_unit_test(samples_and_errors),
        cmocka_unit_test(the_best_columns_are_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
