/* Model files that newer XGBoost versions wrote (data/make.py), against the margins that they predict; and what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data.h"
#include "model/build.h"
#include "model/model.h"

static const char *folder;

static const struct weir_model_facts plain = {.name = "m", .algorithm = "xgboost", .threshold = 0.5f};

static int compare_file(const char *name)
{
    char margins_name[300];
    snprintf(margins_name, sizeof margins_name, "%s.margins", name);
    size_t size, lines_size;
    char *bytes = data_read(folder, name, &size), *lines = data_read(folder, margins_name, &lines_size), *at = lines;
    weir_model *model = NULL;
    struct weir_error error;
    if (weir_model_from_xgboost(bytes, size, name, &plain, &model, &error))
        fail_msg("%s", error.text);
    const char *const *columns;
    assert_int_equal(weir_model_columns(model, &columns), 4);
    assert_string_equal(columns[0], "dur");
    assert_string_equal(columns[3], "größe");
    size_t groups = weir_model_groups(model);
    assert_int_equal(groups, strncmp(name, "multi", 5) ? 1 : 3);
    int rows = 0;
    for (; *at; rows++, at++) {
        float x[4], ours[3];
        for (int c = 0; c < 4; c++)
            x[c] = strtof(at, &at);
        at = strchr(at, '|') + 1;
        weir_model_margins(model, x, 1, 4, ours);
        for (size_t g = 0; g < groups; g++) {
            float theirs = strtof(at, &at);
            /* 3 trees and a base of at most 2 in size: one unit in the last place each */
            if (!(fabsf(ours[g] - theirs) <= 4 * 0x1p-23f))
                fail_msg("%s: row %d: margin %.9g, XGBoost %.9g", name, rows, (double)ours[g], (double)theirs);
        }
    }
    weir_model_free(&model);
    free(bytes);
    free(lines);
    return rows;
}

static void newer_versions_are_read(void **state)
{
    (void)state;
    DIR *dir = opendir(folder);
    assert_non_null(dir);
    int files = 0;
    for (struct dirent *entry; (entry = readdir(dir));) {
        size_t n = strlen(entry->d_name);
        if (n > 5 && (!strcmp(entry->d_name + n - 4, ".ubj") || !strcmp(entry->d_name + n - 5, ".json"))) {
            assert_int_equal(compare_file(entry->d_name), 60);
            files++;
        }
    }
    closedir(dir);
    assert_int_equal(files, 15);
}

static void what_cannot_be_scored_is_named(void **state)
{
    (void)state;
    static const struct {
        const char *from, *to;
        weir_err code;
        const char *message;
    } cases[] = {
        {"\"name\":\"gbtree\"", "\"name\":\"gblinear\"", WEIR_ERR_UNSUPPORTED, "booster 'gblinear'"},
        {"\"name\":\"binary:logistic\"", "\"name\":\"reg:magic\"", WEIR_ERR_UNSUPPORTED, "objective 'reg:magic'"},
        {"\"num_target\":\"1\"", "\"num_target\":\"2\"", WEIR_ERR_UNSUPPORTED, "2 targets"},
        {"\"size_leaf_vector\":\"1\"", "\"size_leaf_vector\":\"3\"", WEIR_ERR_UNSUPPORTED, "leaves with several values"},
        {"\"split_type\":[0", "\"split_type\":[1", WEIR_ERR_FORMAT, "tree 0: node 0: a categorical split without categories"},
        {"\"num_class\":\"0\"", "\"num_class\":\"3\"", WEIR_ERR_FORMAT, "num_class 3 with objective 'binary:logistic'"},
        {"\"num_feature\":\"4\",\"num_target\"", "\"num_feature\":\"2\",\"num_target\"", WEIR_ERR_FORMAT,
         "4 feature_names for 2"},
        {"\"num_trees\":\"3\"", "\"num_trees\":\"4\"", WEIR_ERR_FORMAT, "num_trees is 4"},
        {"\"tree_info\":[0,0,0]", "\"tree_info\":[0,0,1]", WEIR_ERR_FORMAT, "tree_info names class 1 of 1"},
        {"\"base_score\":\"[3.8E-1]\"", "\"base_score\":\"[1,2]\"", WEIR_ERR_FORMAT, "base_score has 2 values"},
        {"\"base_score\":\"[3.8E-1]\"", "\"base_score\":\"x\"", WEIR_ERR_FORMAT, "base_score 'x' is no number"},
        {"\"base_score\":\"[3.8E-1]\"", "\"base_score\":\"1\"", WEIR_ERR_FORMAT, "a base margin of inf"},
        {"\"left_children\":[1,", "\"left_children\":[0,", WEIR_ERR_FORMAT, "tree 0: node 0: child 0 has another parent"},
        {"\"left_children\":[1,", "\"left_children\":[77,", WEIR_ERR_FORMAT, "child 77 of 7 nodes"},
        {"\"left_children\":[1,", "\"left_children\":[1,1,", WEIR_ERR_FORMAT, "its arrays differ in length"},
        {"\"split_indices\":[1,", "\"split_indices\":[9,", WEIR_ERR_FORMAT, "column 9 of 4"},
        {"\"split_indices\":[1,", "\"split_indices\":[-1,", WEIR_ERR_FORMAT, "splits on column -1"},
        {"\"split_conditions\":[", "\"split_conditions\":[NaN,", WEIR_ERR_FORMAT, "differ in length"},
        {"\"sum_hessian\":[", "\"sum_hessian\":[-1],\"x\":[", WEIR_ERR_FORMAT, "differ in length"},
        {"\"learner\"", "\"Config\"", WEIR_ERR_FORMAT, "no XGBoost model"},
        {"[2,4,", "[2,,4", WEIR_ERR_FORMAT, "offset"},
    };
    size_t size;
    char *text = data_read(folder, "binary-3.2.0.json", &size);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *changed = data_replaced(text, cases[i].from, cases[i].to);
        weir_model *model = NULL;
        struct weir_error error = {0};
        assert_int_equal(weir_model_from_xgboost(changed, strlen(changed), "x.json", &plain, &model, &error), cases[i].code);
        assert_null(model);
        if (!strstr(error.text, cases[i].message) || strncmp(error.text, "x.json: ", 8))
            fail_msg("'%s' should say '%s'", error.text, cases[i].message);
        free(changed);
    }
    free(text);
}

static void truncated_models_are_refused(void **state)
{
    (void)state;
    static const char *const names[] = {"binary-3.2.0.json", "base-3.2.0.ubj"};
    for (int k = 0; k < 2; k++) {
        size_t size;
        char *text = data_read(folder, names[k], &size);
        for (size_t n = 0; n < size; n++) {
            weir_model *model = NULL;
            char *part = malloc(n ? n : 1); /* exact: a sanitizer sees the first byte read too far */
            memcpy(part, text, n);
            assert_int_equal(weir_model_from_xgboost(part, n, "part", &plain, &model, NULL), WEIR_ERR_FORMAT);
            assert_null(model);
            free(part);
        }
        free(text);
    }
}

/* Two classes, the second one benign: the model speaks for the attack all the same. */
static void benign_may_be_the_second_class(void **state)
{
    (void)state;
    static const char *const classes[] = {"attack", "normal"};
    size_t size;
    char *text = data_read(folder, "binary-3.2.0.json", &size);
    struct weir_model_facts facts = plain;
    facts.classes = classes;
    facts.class_count = 2;
    facts.benign = 1;
    weir_model *straight = NULL, *turned = NULL;
    assert_int_equal(weir_model_from_xgboost(text, size, "x", &plain, &straight, NULL), WEIR_OK);
    assert_int_equal(weir_model_from_xgboost(text, size, "x", &facts, &turned, NULL), WEIR_OK);
    const char *const *names;
    assert_int_equal(weir_model_classes(turned, &names), 2);
    assert_string_equal(names[0], "normal");
    assert_string_equal(names[1], "attack");
    assert_int_equal(weir_model_benign(turned), 0);
    const float x[4] = {0.5f, -1, 2, NAN};
    float a, b;
    weir_model_margins(straight, x, 1, 4, &a);
    weir_model_margins(turned, x, 1, 4, &b);
    assert_true(a == -b && a != 0);
    weir_model_free(&straight);
    weir_model_free(&turned);
    free(text);
}

static void facts_must_fit(void **state)
{
    (void)state;
    static const char *const three[] = {"a", "b", "c"}, *const four[] = {"a", "b", "c", "d"},
                             *const twice[] = {"a", "b", "a", "d"};
    size_t size;
    char *text = data_read(folder, "binary-3.2.0.json", &size);
    weir_model *model = NULL;
    struct weir_error error;
    struct weir_model_facts facts = plain;
    facts.columns = three;
    facts.column_count = 3;
    assert_int_equal(weir_model_from_xgboost(text, size, "x", &facts, &model, &error), WEIR_ERR_MISMATCH);
    assert_string_equal(error.text, "x: the model has 4 columns, 3 are named");
    facts.columns = twice;
    facts.column_count = 4;
    assert_int_equal(weir_model_from_xgboost(text, size, "x", &facts, &model, &error), WEIR_ERR_ARGUMENT);
    assert_string_equal(error.text, "card: 'columns' names 'a' twice");
    facts.columns = four;
    facts.classes = three;
    facts.class_count = 3;
    assert_int_equal(weir_model_from_xgboost(text, size, "x", &facts, &model, &error), WEIR_ERR_MISMATCH);
    assert_string_equal(error.text, "x: the model has 2 classes, 3 are named");
    facts.classes = NULL;
    facts.name = "has:colon";
    assert_int_equal(weir_model_from_xgboost(text, size, "x", &facts, &model, &error), WEIR_ERR_ARGUMENT);
    facts.name = "m";
    facts.threshold = 2;
    assert_int_equal(weir_model_from_xgboost(text, size, "x", &facts, &model, &error), WEIR_ERR_ARGUMENT);
    assert_null(model);
    facts.threshold = 0.1f;
    assert_int_equal(weir_model_from_xgboost(text, size, "x", &facts, &model, &error), WEIR_OK);
    const char *const *names;
    weir_model_columns(model, &names);
    assert_string_equal(names[3], "d");
    assert_non_null(strstr(weir_model_card(model), "\"threshold\":0.1"));
    weir_model_free(&model);
    free(text);
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: %s FOLDER\n", argv[0]);
        return 2;
    }
    folder = argv[1];
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(newer_versions_are_read),
        cmocka_unit_test(what_cannot_be_scored_is_named),
        cmocka_unit_test(truncated_models_are_refused),
        cmocka_unit_test(benign_may_be_the_second_class),
        cmocka_unit_test(facts_must_fit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
