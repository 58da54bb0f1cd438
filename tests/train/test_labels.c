#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "model/build.h"
#include "train/evaluate.h"
#include "train/labels.h"
#include "train/xgb.h"

static struct weir_categories make_values(const char *const *texts)
{
    struct weir_categories values = {0};
    uint32_t code;
    for (; *texts; texts++)
        assert_int_equal(weir_categories_add(&values, *texts, strlen(*texts), &code), WEIR_OK);
    return values;
}

#define VALUES(...) make_values((const char *const[]){__VA_ARGS__, NULL})

static void equality(void **state)
{
    (void)state;
    assert_true(weir_labels_equal("0", "0.0"));
    assert_true(weir_labels_equal(" BENIGN", "BENIGN "));
    assert_true(weir_labels_equal("", " "));
    assert_false(weir_labels_equal("BENIGN", "Benign"));
    assert_false(weir_labels_equal("0", "-"));
    assert_false(weir_labels_equal("-", "?"));
    assert_false(weir_labels_equal("1", "1a"));
}

static void two_classes(void **state)
{
    struct weir_categories values = VALUES("DoS", "BENIGN", "Scan");
    struct weir_labels labels;
    struct weir_error error = {0};
    (void)state;
    assert_int_equal(weir_labels_learn(&values, "BENIGN", false, &labels, &error), WEIR_OK);
    assert_int_equal(labels.class_count, 2);
    assert_int_equal(labels.benign, 0);
    assert_string_equal(labels.classes[0], "benign");
    assert_string_equal(labels.classes[1], "attack");
    assert_memory_equal(labels.class_of, ((int32_t[]){1, 0, 1}), 3 * sizeof(int32_t));
    weir_labels_fini(&labels);
    assert_int_equal(weir_labels_learn(&values, NULL, false, &labels, &error), WEIR_ERR_ARGUMENT);
    assert_int_equal(weir_labels_learn(&values, "benign", false, &labels, &error), WEIR_ERR_ARGUMENT);
    assert_non_null(strstr(error.text, "the labels are: DoS, BENIGN, Scan"));
    weir_categories_fini(&values);
    values = VALUES("0.0", "1.0");
    assert_int_equal(weir_labels_learn(&values, "0", false, &labels, &error), WEIR_OK);
    assert_memory_equal(labels.class_of, ((int32_t[]){0, 1}), 2 * sizeof(int32_t));
    weir_labels_fini(&labels);
    weir_categories_fini(&values);
    values = VALUES("0");
    assert_int_equal(weir_labels_learn(&values, "0", false, &labels, &error), WEIR_ERR_FORMAT);
    assert_int_equal(weir_labels_benign(&values, "0", &labels, &error), WEIR_OK);
    assert_int_equal(labels.class_count, 2);
    assert_int_equal(labels.class_of[0], 0);
    weir_labels_fini(&labels);
    assert_int_equal(weir_labels_benign(&values, "1", &labels, &error), WEIR_ERR_ARGUMENT);
    weir_categories_fini(&values);
}

static void many_classes(void **state)
{
    struct weir_categories values = VALUES("Bot", "DoS", "Normal", "Worm");
    struct weir_labels labels;
    struct weir_error error = {0};
    (void)state;
    assert_int_equal(weir_labels_learn(&values, "Normal", true, &labels, &error), WEIR_OK);
    assert_int_equal(labels.class_count, 4);
    assert_string_equal(labels.classes[0], "Normal");
    assert_string_equal(labels.classes[3], "Worm");
    assert_memory_equal(labels.class_of, ((int32_t[]){1, 2, 0, 3}), 4 * sizeof(int32_t));
    weir_labels_fini(&labels);
    assert_int_equal(weir_labels_learn(&values, NULL, true, &labels, &error), WEIR_OK);
    assert_int_equal(labels.benign, -1);
    assert_string_equal(labels.classes[0], "Bot");
    weir_labels_fini(&labels);
    weir_categories_fini(&values);
}

/* A model of `classes` classes on one column, 0, 1, 2, ... in steps of one. */
static weir_model *make_model(const char *const *names, size_t classes, int benign)
{
    struct weir_error error = {0};
    weir_model *model = NULL;
    static const char *const columns[] = {"x"};
    float x[90];
    uint32_t y[90];
    void *bytes;
    size_t size;
    for (size_t i = 0; i < 90; i++)
        x[i] = (float)(y[i] = (uint32_t)(i % classes));
    if (weir_xgb_train(x, y, 90, 1, &(struct weir_xgb_config){.trees = 10, .depth = 3, .eta = 0.5, .classes = classes}, &bytes,
                       &size, &error) != WEIR_OK)
        fail_msg("%s", error.text);
    struct weir_model_facts facts = {.name = "test",
                                     .algorithm = "xgboost",
                                     .columns = columns,
                                     .column_count = 1,
                                     .classes = names,
                                     .class_count = classes,
                                     .benign = benign,
                                     .threshold = 0.5f};
    if (weir_model_from_xgboost(bytes, size, "test", &facts, &model, &error) != WEIR_OK)
        fail_msg("%s", error.text);
    free(bytes);
    return model;
}

static void the_models_classes_in_other_data(void **state)
{
    static const char *const two[] = {"benign", "attack"}, *const three[] = {"Normal", "DoS", "Worm"};
    struct weir_categories values = VALUES("0", "1", "2");
    struct weir_labels labels;
    struct weir_error error = {0};
    weir_model *model = make_model(two, 2, 0);
    (void)state;
    assert_int_equal(weir_labels_use(&values, NULL, model, &labels, &error), WEIR_ERR_MISMATCH);
    assert_non_null(strstr(error.text, "labels: 0, 1, 2; classes: benign, attack"));
    assert_int_equal(weir_labels_use(&values, "0", model, &labels, &error), WEIR_OK);
    assert_memory_equal(labels.class_of, ((int32_t[]){0, 1, 1}), 3 * sizeof(int32_t));
    weir_labels_fini(&labels);
    weir_categories_fini(&values);
    values = VALUES("attack", "benign", "else");
    assert_int_equal(weir_labels_use(&values, NULL, model, &labels, &error), WEIR_OK);
    assert_memory_equal(labels.class_of, ((int32_t[]){1, 0, -1}), 3 * sizeof(int32_t));
    weir_labels_fini(&labels);
    weir_categories_fini(&values);
    weir_model_free(&model);

    model = make_model(three, 3, 0);
    values = VALUES("DoS", "Worm", "BENIGN", "Zero-day");
    assert_int_equal(weir_labels_use(&values, "BENIGN", model, &labels, &error), WEIR_OK);
    assert_memory_equal(labels.class_of, ((int32_t[]){1, 2, 0, -1}), 4 * sizeof(int32_t));

    /* Rows of a label that is no class are left out and counted; the labels' alerts count them all. */
    float x[] = {1, 2, 0, 2, 0, 1};
    uint32_t label[] = {0, 1, 2, 3, 3, 2};
    struct weir_dataset_column column = {.name = "x", .values = x};
    struct weir_dataset dataset = {.rows = 6, .columns = &column, .column_count = 1, .labels = label, .label_values = values};
    struct weir_evaluation evaluation;
    assert_int_equal(weir_evaluate(model, &dataset, labels.class_of, NULL, 6, &evaluation, &error), WEIR_OK);
    assert_int_equal(evaluation.left_out, 2);
    assert_int_equal(evaluation.metrics.rows, 4);
    assert_memory_equal(evaluation.metrics.confusion, ((uint64_t[]){1, 1, 0, 0, 1, 0, 0, 0, 1}), 9 * sizeof(uint64_t));
    assert_memory_equal(evaluation.label_rows, ((uint64_t[]){1, 1, 2, 2}), 4 * sizeof(uint64_t));
    assert_memory_equal(evaluation.label_alerts, ((uint64_t[]){1, 1, 1, 1}), 4 * sizeof(uint64_t));
    weir_evaluation_fini(&evaluation);
    assert_int_equal(weir_evaluate(model, &dataset, labels.class_of, (const uint32_t[]){1, 2}, 2, &evaluation, &error), WEIR_OK);
    assert_true(evaluation.metrics.accuracy == 1);
    weir_evaluation_fini(&evaluation);
    assert_int_equal(weir_evaluate(model, &dataset, labels.class_of, (const uint32_t[]){3, 4}, 2, &evaluation, &error),
                     WEIR_ERR_FORMAT);
    weir_labels_fini(&labels);
    weir_categories_fini(&values);
    weir_model_free(&model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equality),
        cmocka_unit_test(two_classes),
        cmocka_unit_test(many_classes),
    };
    const struct CMUnitTest fitted[] = {cmocka_unit_test(the_models_classes_in_other_data)};
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    return failed || !weir_xgb_version(NULL) ? failed : cmocka_run_group_tests(fitted, NULL, NULL);
}
