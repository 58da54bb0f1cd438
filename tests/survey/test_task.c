#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <unistd.h>

#include "base/file.h"
#include "made.h"
#include "model/model.h"
#include "train/evaluate.h"
#include "weir/survey.h"

static struct weir_file_map map;
static struct made made;

static int set_up(void **state)
{
    (void)state;
    char path[] = "/tmp/weir-test-task-XXXXXX";
    int fd = mkstemp(path);
    made_fill(&made);
    struct weir_error error;
    weir_err failed = weir_survey_frame_write(&made.frame, path, &error);
    if (!failed)
        failed = weir_file_map(path, 1 << 20, &map, &error);
    close(fd);
    unlink(path);
    return failed;
}

static int tear_down(void **state)
{
    (void)state;
    weir_file_unmap(&map);
    made_free(&made);
    return 0;
}

static json_t *run(const char *task, void **model, size_t *size)
{
    struct weir_error error;
    char *text;
    if (weir_survey_run(map.bytes, map.size, task, model, size, &text, &error) != WEIR_OK)
        fail_msg("%s", error.text);
    json_t *result = json_loads(text, 0, NULL);
    assert_non_null(result);
    weir_free(text);
    return result;
}

#define TASK(more) "{\"id\":\"t\",\"data\":\"made\",\"seed\":1," more "}"

static void twice_the_same(void **state)
{
    (void)state;
    static const char *const tasks[] = {
        TASK("\"algorithm\":\"random-forest\",\"split\":\"seed-1\",\"params\":{\"n_estimators\":\"5\"}"),
        TASK("\"algorithm\":\"logistic-regression\",\"split\":\"on-other\",\"scale\":\"standard\"")};
    for (size_t i = 0; i < 2; i++) {
        void *model[2];
        size_t size[2];
        json_t *a = run(tasks[i], &model[0], &size[0]), *b = run(tasks[i], &model[1], &size[1]);
        assert_string_equal(json_string_value(json_object_get(a, "status")), "done");
        assert_int_equal(size[0], size[1]);
        assert_memory_equal(model[0], model[1], size[0]);
        assert_true(json_equal(json_object_get(a, "result"), json_object_get(b, "result")));
        json_decref(a);
        json_decref(b);
        weir_free(model[0]);
        weir_free(model[1]);
    }
}

/* The model that comes out has the metrics that the result says, on the rows that the split names. */
static void told_as_it_is(void **state)
{
    (void)state;
    void *bytes;
    size_t size, right = 0, rows = 0;
    weir_model *model;
    struct weir_error error;
    json_t *all =
        run(TASK("\"algorithm\":\"decision-tree\",\"split\":\"seed-1\",\"params\":{\"max_depth\":\"3\"}"), &bytes, &size);
    json_t *result = json_object_get(all, "result");
    assert_int_equal(weir_model_parse(bytes, size, "task", &model, &error), WEIR_OK);
    for (size_t r = 0; r < 280; r++) {
        float row[MADE_COLUMNS];
        uint16_t class_index;
        if (!(made.bits[1][r / 8] >> r % 8 & 1))
            continue;
        for (size_t c = 0; c < MADE_COLUMNS; c++)
            row[c] = made.values[c][r];
        weir_model_predict(model, row, 1, MADE_COLUMNS, NULL, &class_index, NULL);
        right += class_index == made.class_of[made.label[r]];
        rows++;
    }
    json_t *metrics = json_object_get(result, "metrics");
    assert_true(json_number_value(json_object_get(metrics, "accuracy")) == (double)right / (double)rows);
    assert_int_equal(json_integer_value(json_object_get(result, "test_rows")), rows);
    assert_int_equal(json_integer_value(json_object_get(result, "model_bytes")), size);
    assert_int_equal(json_integer_value(json_object_get(json_object_get(result, "params"), "max_depth")), 3);
    assert_true(right * 10 > rows * 6);
    assert_string_equal(weir_model_name(model), "made-decision-tree");
    weir_model_free(&model);
    weir_free(bytes);
    json_decref(all);
}

/* Fewer columns when asked, importance when asked. */
static void columns_are_chosen_and_weighed(void **state)
{
    (void)state;
    void *bytes;
    size_t size;
    json_t *all =
        run(TASK("\"algorithm\":\"decision-tree\",\"split\":\"seed-1\",\"select\":1,\"explain_rows\":9,\"permute_rows\":30"),
            &bytes, &size);
    json_t *result = json_object_get(all, "result"), *importance = json_object_get(result, "importance");
    const json_t *best = json_array_get(importance, 0), *roc = json_object_get(json_object_get(result, "curves"), "roc");
    assert_int_equal(json_integer_value(json_object_get(result, "columns")), 1);
    assert_int_equal(json_array_size(importance), 1);
    assert_true(json_real_value(json_object_get(best, "shap")) > 0 && json_is_real(json_object_get(best, "permutation")));
    assert_true(json_array_size(roc) >= 2 && json_real_value(json_array_get(json_array_get(roc, 0), 0)) == 0);
    weir_free(bytes);
    json_decref(all);
    all = run(TASK("\"algorithm\":\"decision-tree\",\"split\":\"seed-1\""), &bytes, &size);
    result = json_object_get(all, "result");
    assert_int_equal(json_integer_value(json_object_get(result, "columns")), MADE_COLUMNS);
    assert_int_equal(json_array_size(json_object_get(result, "importance")), 0);
    weir_free(bytes);
    json_decref(all);
}

static void failures_are_results(void **state)
{
    (void)state;
    static const struct {
        const char *task, *why;
    } cases[] = {
        {TASK("\"algorithm\":\"oracle\",\"split\":\"seed-1\""), "oracle"},
        {TASK("\"algorithm\":\"random-forest\",\"split\":\"seed-1\",\"params\":{\"n_estimators\":\"-1\"}"), "n_estimators"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        void *model;
        size_t size;
        json_t *result = run(cases[i].task, &model, &size);
        assert_null(model);
        assert_string_equal(json_string_value(json_object_get(result, "status")), "failed");
        assert_non_null(strstr(json_string_value(json_object_get(result, "error")), cases[i].why));
        assert_true(json_is_null(json_object_get(result, "result")));
        json_decref(result);
    }
}

static void what_is_no_task(void **state)
{
    (void)state;
    static const char *const wrong[] = {"",
                                        "[]",
                                        "{}",
                                        "{\"id\":\"t\",\"data\":\"else\",\"seed\":1,\"algorithm\":\"lda\",\"split\":\"seed-1\"}",
                                        TASK("\"algorithm\":\"lda\",\"split\":\"seed-9\""),
                                        TASK("\"algorithm\":\"lda\",\"split\":\"seed-1\",\"scale\":\"much\""),
                                        TASK("\"algorithm\":\"lda\",\"split\":\"seed-1\",\"params\":{\"a\":1}"),
                                        TASK("\"algorithm\":\"lda\",\"split\":\"seed-1\",\"threshold\":2"),
                                        TASK("\"algorithm\":\"lda\",\"split\":\"seed-1\",\"select\":-3")};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        void *model;
        size_t size;
        char *text;
        assert_int_equal(weir_survey_run(map.bytes, map.size, wrong[i], &model, &size, &text, NULL), WEIR_ERR_FORMAT);
        assert_null(model);
        assert_null(text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(twice_the_same), cmocka_unit_test(told_as_it_is),
                                       cmocka_unit_test(columns_are_chosen_and_weighed), cmocka_unit_test(failures_are_results),
                                       cmocka_unit_test(what_is_no_task)};
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
