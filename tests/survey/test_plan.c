#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>

#include "made.h"
#include "survey/extract.h"
#include "survey/plan.h"

static const struct weir_trainer *trainers[2];
static const uint64_t all_columns;
static const struct weir_survey_draw draws[] = {{.seed = 1}, {.seed = 7, .fold = "2"}};

static struct weir_survey_plan_config usual(void)
{
    trainers[0] = weir_trainer_find("gaussian-nb");
    trainers[1] = weir_trainer_find("random-forest");
    return (struct weir_survey_plan_config){.trainers = trainers,
                                            .trainer_count = 2,
                                            .threshold = 0.5,
                                            .flow_rate = NAN,
                                            .benign_share = NAN,
                                            .select = &all_columns,
                                            .select_count = 1};
}

static json_t *plan_of(const struct made *made, const struct weir_survey_plan_config *config)
{
    struct weir_error error;
    json_t *plan = weir_survey_plan_start("weir survey");
    if (weir_survey_plan_add(plan, &made->frame, "made.csv", draws, config, &error) != WEIR_OK ||
        weir_survey_plan_finish(plan, &error) != WEIR_OK)
        fail_msg("%s", error.text);
    return plan;
}

static const char *id_of(const json_t *plan, size_t i)
{
    return json_string_value(json_object_get(json_array_get(json_object_get(plan, "tasks"), i), "id"));
}

static void tasks(void **state)
{
    (void)state;
    static struct made made;
    made_fill(&made);
    struct weir_survey_plan_config config = usual();
    json_t *plan = plan_of(&made, &config);
    const json_t *list = json_object_get(plan, "tasks");
    assert_int_equal(json_array_size(list), 4);
    for (size_t i = 0; i < 4; i++) { /* the most expensive first, each once */
        const json_t *task = json_array_get(list, i);
        if (i)
            assert_true(json_number_value(json_object_get(task, "cost")) <=
                        json_number_value(json_object_get(json_array_get(list, i - 1), "cost")));
        for (size_t k = 0; k < i; k++)
            assert_string_not_equal(id_of(plan, i), id_of(plan, k));
    }
    assert_memory_equal(id_of(plan, 0), "made-random-forest-", 19);
    const json_t *data = json_object_get(json_object_get(plan, "data"), "made");
    assert_int_equal(json_integer_value(json_object_get(data, "rows")), 280);
    assert_int_equal(json_integer_value(json_object_get(data, "test_rows")), 20);
    assert_int_equal(json_array_size(json_object_get(data, "column_names")), MADE_COLUMNS);
    struct weir_error error;
    assert_int_equal(weir_survey_plan_add(plan, &made.frame, "again.csv", draws, &config, &error), WEIR_ERR_ARGUMENT);
    json_decref(plan);
    made_free(&made);
}

/* An id is the same for the same task, and another for each thing that changes its result. */
static void ids(void **state)
{
    (void)state;
    static struct made made;
    static const uint64_t three = 3;
    static const char *const params[] = {"random-forest.n_estimators=7"};
    made_fill(&made);
    for (int change = 0; change < 10; change++) {
        struct weir_survey_plan_config config = usual();
        json_t *plan = plan_of(&made, &config);
        const char *fingerprint = made.frame.fingerprint;
        config.scale = change == 1 ? WEIR_SCALE_STANDARD : WEIR_SCALE_NONE;
        config.threshold = change == 2 ? 0.4 : 0.5;
        config.flow_rate = change == 8 ? 100 : (double)NAN;
        config.benign_share = change == 9 ? 0.9 : (double)NAN;
        config.select = change == 3 ? &three : &all_columns;
        config.params = params;
        config.param_count = change == 4;
        config.explain_rows = change == 7 ? 100 : 0;
        if (change == 5)
            made.frame.fingerprint = "00000000000000000000000000000000";
        if (change == 6) { /* another draw */
            made.bits[0][3] ^= 4;
            made.bits[2][3] ^= 4;
        }
        json_t *other = plan_of(&made, &config);
        size_t equal = 0;
        for (size_t i = 0; i < 4; i++)
            for (size_t k = 0; k < 4; k++)
                equal += !strcmp(id_of(plan, i), id_of(other, k));
        assert_int_equal(equal, change == 0 ? 4 : change == 4 ? 2 /* of the other algorithm */ : 0);
        made.frame.fingerprint = fingerprint;
        json_decref(plan);
        json_decref(other);
    }
    made_free(&made);
}

static void names(void **state)
{
    (void)state;
    char out[41];
    weir_survey_file_name("../Web Attack – XSS", out);
    assert_null(strchr(out, '/'));
    assert_int_not_equal(*out, '.');
    assert_null(strchr(out, ' '));
    weir_survey_file_name("", out);
    assert_string_equal(out, "_");
    weir_survey_file_name("CIC-IDS2017_v1.2+x", out);
    assert_string_equal(out, "CIC-IDS2017_v1.2+x");
}

static void parameters(void **state)
{
    (void)state;
    struct weir_survey_plan_config config = usual();
    static const struct {
        const char *param;
        weir_err code;
    } cases[] = {{"random-forest.n_estimators=7", WEIR_OK},
                 {"random-forest.n_estimators=many", WEIR_ERR_ARGUMENT},
                 {"random-forest.trees=7", WEIR_ERR_ARGUMENT},
                 {"n_estimators=7", WEIR_ERR_ARGUMENT},
                 {"lda.n_estimators=7", WEIR_ERR_ARGUMENT}};
    config.param_count = 1;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct weir_error error = {0};
        config.params = &cases[i].param;
        assert_int_equal(weir_survey_plan_check(&config, &error), cases[i].code);
    }
}

static void extraction(void **state)
{
    (void)state;
    double one = 0, all = 0;
    struct weir_error error;
    json_t *columns = json_pack("[s]", "dur");
    if (weir_survey_extract_ns("argus", columns, &one, &error) != WEIR_OK)
        fail_msg("%s", error.text);
    assert_true(one > 0);
    json_array_append_new(columns, json_string("no such column"));
    assert_int_equal(weir_survey_extract_ns("argus", columns, &all, &error), WEIR_ERR_NOT_FOUND);
    assert_int_equal(weir_survey_extract_ns("none", columns, &all, &error), WEIR_ERR_NOT_FOUND);
    json_decref(columns);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(tasks), cmocka_unit_test(ids), cmocka_unit_test(names),
                                       cmocka_unit_test(parameters), cmocka_unit_test(extraction)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
