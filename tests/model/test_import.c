/* Models of XGBoost, LightGBM, CatBoost and scikit-learn against what these libraries answered for the same rows
 * (make_models.py): the same leaves, the same margins, the same probabilities or predictions. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "data.h"
#include "model/build.h"
#include "model/forest_score.h"
#include "model/model.h"
#include "model/trees.h"
#include "random.h"
#include "rounding.h"

enum { COLUMNS = 6, TREES_MAX = 64, GROUPS_MAX = 8, ROWS_MAX = 128 };

static const char *folder;
static const char *const columns[COLUMNS] = {"dur", "sbytes", "a b", "größe", "rate", "proto"};

static weir_err import_bytes(const char *bytes, size_t size, const char *name, weir_model **model, struct weir_error *error)
{
    struct weir_model_facts facts = {.name = "m", .columns = columns, .column_count = COLUMNS, .threshold = NAN};
    facts.benign = WEIR_BENIGN_USUAL;
    return weir_model_import(bytes, size, name, &facts, model, error);
}

struct row {
    float x[COLUMNS];
    int leaf[TREES_MAX];
    size_t trees, margins, outputs;
    double margin[GROUPS_MAX], output[GROUPS_MAX];
};

/* The numbers up to '|' or the line's end, which is passed. */
static size_t read_numbers(char **at, double *out, size_t room)
{
    size_t n = 0;
    *at += strspn(*at, " ");
    while (**at != '|' && **at != '\n') {
        assert_true(n < room);
        out[n++] = strtod(*at, at);
        *at += strspn(*at, " ");
    }
    (*at)++;
    return n;
}

static void read_row(char **at, struct row *row)
{
    double leaf[TREES_MAX];
    for (int c = 0; c < COLUMNS; c++)
        row->x[c] = strtof(*at, at);
    *at = strchr(*at, '|') + 1;
    row->trees = read_numbers(at, leaf, TREES_MAX);
    for (size_t t = 0; t < row->trees; t++)
        row->leaf[t] = (int)leaf[t];
    row->margins = read_numbers(at, row->margin, GROUPS_MAX);
    row->outputs = read_numbers(at, row->output, GROUPS_MAX);
}

/* XGBoost adds float32. The others: 1e-6 of the margin. */
static double tolerance(const struct weir_forest *f, size_t group, double margin)
{
    return f->sum == WEIR_SUM_FLOAT64 ? 1e-6 * fabs(margin) : rounding_of(f, group);
}

/* Leaves are numbered differently, so: each of theirs is always the same one of ours, and the other way round. */
static void compare_leaves(const char *name, const weir_model *model, const struct row *rows, size_t count)
{
    for (size_t t = 0; t < rows[0].trees; t++) {
        uint32_t ours[ROWS_MAX];
        for (size_t r = 0; r < count; r++)
            ours[r] = weir_plan_leaf(weir_trees_plan(model->scorer), t, rows[r].x);
        for (size_t r = 0; r < count; r++)
            for (size_t q = 0; q < r; q++)
                if (rows[r].leaf[t] >= 0 && rows[q].leaf[t] >= 0 && (ours[r] == ours[q]) != (rows[r].leaf[t] == rows[q].leaf[t]))
                    fail_msg("%s: tree %zu: rows %zu and %zu: leaves %d and %d are ours %u and %u", name, t, q, r,
                             rows[q].leaf[t], rows[r].leaf[t], ours[q], ours[r]);
    }
}

static void compare_row(const char *name, const weir_model *model, const struct row *row, size_t number)
{
    size_t groups = weir_model_groups(model);
    float margins[GROUPS_MAX], outputs[GROUPS_MAX];
    weir_model_margins(model, row->x, 1, COLUMNS, margins);
    for (size_t g = 0; g < groups; g++)
        if (!(fabs((double)margins[g] - row->margin[g]) <= tolerance(weir_trees_forest(model->scorer), g, row->margin[g])))
            fail_msg("%s: row %zu: margin %.9g, its library has %.17g", name, number, (double)margins[g], row->margin[g]);
    if (weir_model_regression(model))
        weir_model_judge(model, margins, 1, outputs, NULL, NULL);
    else
        weir_model_probabilities(model, margins, 1, outputs);
    for (size_t k = 0; k < row->outputs; k++)
        if (!(fabs((double)outputs[k] - row->output[k]) <= 1e-6 * fabs(row->output[k]) + 1e-7))
            fail_msg("%s: row %zu: output %zu %.9g, its library has %.17g", name, number, k, (double)outputs[k], row->output[k]);
}

static void compare_model(const char *expected_name)
{
    static struct row rows[ROWS_MAX];
    char name[300];
    snprintf(name, sizeof name, "%.*s", (int)(strlen(expected_name) - strlen(".expected")), expected_name);
    size_t size, lines_size, count = 0;
    char *bytes = data_read(folder, name, &size), *lines = data_read(folder, expected_name, &lines_size), *at = lines;
    weir_model *model = NULL;
    struct weir_error error;
    if (import_bytes(bytes, size, name, &model, &error))
        fail_msg("%s", error.text);
    for (; *at; count++) {
        assert_true(count < ROWS_MAX);
        read_row(&at, &rows[count]);
        assert_int_equal(rows[count].margins, weir_model_groups(model));
        assert_int_equal(rows[count].outputs, weir_model_regression(model) ? 1 : weir_model_classes(model, NULL));
        assert_true(!rows[count].trees || rows[count].trees == weir_model_shape(model).trees);
    }
    assert_true(count >= 60);
    compare_leaves(name, model, rows, count);
    for (size_t r = 0; r < count; r++)
        compare_row(name, model, &rows[r], r);
    weir_model_free(&model);
    free(bytes);
    free(lines);
}

static void answers_are_those_of_the_libraries(void **state)
{
    (void)state;
    DIR *dir = opendir(folder);
    int models[4] = {0};
    static const char *const tools[4] = {"xgb-", "lgb-", "cat-", "skl-"};
    assert_non_null(dir);
    for (struct dirent *entry; (entry = readdir(dir));) {
        size_t n = strlen(entry->d_name);
        if (n < 10 || strcmp(entry->d_name + n - 9, ".expected"))
            continue;
        compare_model(entry->d_name);
        for (int k = 0; k < 4; k++)
            models[k] += !strncmp(entry->d_name, tools[k], 4);
    }
    closedir(dir);
    for (int k = 0; k < 4; k++)
        assert_true(models[k] >= 10);
}

/* A file of 1 GB whose first bytes are all that makes sense: no library is asked, no memory taken. */
static void nonsense_costs_little(void **state)
{
    (void)state;
    static const char *const heads[] = {"",
                                        "tree\n",
                                        "tree\nversion=v4\nobjective=binary\n",
                                        "tree\nleaf_value=",
                                        "{\"learner\":",
                                        "{\"learner\":{\"gradient_booster\":{\"model\":{\"trees\":[",
                                        "{\"oblivious_trees\":[{\"leaf_values\":[",
                                        "{\"weir_export\":1,\"algorithm\":\"",
                                        "{L\x7f\xff\xff\xff\xff\xff\xff\xff",
                                        "{L\x00",
                                        "\x89WEIR"};
    char path[] = "/tmp/weir-import-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    struct rusage before, after;
    getrusage(RUSAGE_SELF, &before);
    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++) {
        struct weir_file_map file;
        struct weir_error error;
        weir_model *model = NULL;
        assert_int_equal(ftruncate(fd, 0) | ftruncate(fd, 1 << 30), 0);
        assert_int_equal(pwrite(fd, heads[i], strlen(heads[i]), 0), strlen(heads[i]));
        assert_int_equal(weir_file_map(path, (size_t)4 << 30, &file, &error), WEIR_OK);
        assert_int_not_equal(import_bytes((const char *)file.bytes, file.size, path, &model, &error), WEIR_OK);
        assert_null(model);
        if (strncmp(error.text, path, strlen(path)))
            fail_msg("'%s' names no file", error.text);
        weir_file_unmap(&file);
        assert_int_equal(weir_model_load(path, &model, &error), WEIR_ERR_FORMAT);
    }
    getrusage(RUSAGE_SELF, &after);
    close(fd);
    unlink(path);
    long most = 100 << 10;
#if defined(__SANITIZE_THREAD__)
    most *= 8; /* its shadow */
#endif
    if (after.ru_maxrss - before.ru_maxrss > most) /* KiB: the longest line that is believed, and a little */
        fail_msg("%ld KiB more than before", after.ru_maxrss - before.ru_maxrss);
}

/* Every model cut short, and with single bytes changed: an error or a model, and no sanitizer's complaint. */
static void damaged_models_do_no_harm(void **state)
{
    (void)state;
    static const char *const names[] = {"lgb-category-few.txt", "cat-one-hot.json", "skl-hist-category.json", "skl-ada.json"};
    uint64_t seed = 5;
    for (size_t k = 0; k < sizeof names / sizeof *names; k++) {
        size_t size;
        char *text = data_read(folder, names[k], &size), *end = strstr(text, "end of trees");
        for (int i = 0; i < 400; i++) {
            weir_model *model = NULL;
            struct weir_error error = {0};
            size_t n = i < 200 ? size * (size_t)i / 200 : size;
            char *part = malloc(n ? n : 1); /* exact: a sanitizer sees the first byte read too far */
            memcpy(part, text, n);
            for (int c = 0; i >= 200 && c < 3; c++)
                part[random_below(&seed, (unsigned)n)] = "0123456789-,[]{}\"\n=e."[random_below(&seed, 22)];
            weir_err err = import_bytes(part, n, "part", &model, &error);
            assert_true(i >= 200 || err || (end && n > (size_t)(end - text))); /* what follows the trees is not read */
            assert_int_equal(err != WEIR_OK, model == NULL);
            assert_true(!err || *error.text);
            weir_model_free(&model);
            free(part);
        }
        free(text);
    }
}

static void what_cannot_be_scored_is_named(void **state)
{
    (void)state;
    static const struct {
        const char *name, *from, *to;
        weir_err code;
        const char *message;
    } cases[] = {
        {"lgb-binary.txt", "version=v4", "version=v9", WEIR_ERR_UNSUPPORTED, "line 2: version 'v9'"},
        {"lgb-binary.txt", "binary sigmoid:1", "magic", WEIR_ERR_UNSUPPORTED, "objective 'magic'"},
        {"lgb-binary.txt", "binary sigmoid:1", "regression sqrt", WEIR_ERR_UNSUPPORTED, "objective 'regression sqrt'"},
        {"lgb-binary.txt", "binary sigmoid:1", "binary sigmoid:0", WEIR_ERR_FORMAT, "sigmoid 0"},
        {"lgb-binary.txt", "num_tree_per_iteration=1", "num_tree_per_iteration=2", WEIR_ERR_FORMAT, "2 trees each iteration"},
        {"lgb-binary.txt", "max_feature_idx=5", "max_feature_idx=4", WEIR_ERR_FORMAT, "6 feature_names for 5 columns"},
        {"lgb-binary.txt", "max_feature_idx=5", "max_feature_idx=99999", WEIR_ERR_FORMAT, "6 feature_names for 100000"},
        {"lgb-binary.txt", "is_linear=0", "is_linear=1", WEIR_ERR_UNSUPPORTED, "tree 0: linear leaves"},
        {"lgb-binary.txt", "split_feature=", "split_feature=9 ", WEIR_ERR_FORMAT, "tree 0: its lists do not fit"},
        {"lgb-binary.txt", "split_feature=", "split_feature=9\nx=", WEIR_ERR_FORMAT, "tree 0: its lists do not fit"},
        {"lgb-binary.txt", "left_child=1 ", "left_child=0 ", WEIR_ERR_FORMAT, "has another parent"},
        {"lgb-binary.txt", "leaf_value=", "leaf_value=nan ", WEIR_ERR_FORMAT, "'nan' is no finite number"},
        {"lgb-binary.txt", "end of trees", "end of", WEIR_ERR_FORMAT, "the model ends before"},
        {"lgb-category.txt", "cat_boundaries=0 ", "cat_boundaries=7 ", WEIR_ERR_FORMAT, "words 7 to"},
        {"lgb-category.txt", "cat_threshold=", "cat_threshold=-1 ", WEIR_ERR_FORMAT, "no word of a set"},
        {"cat-binary.json", "\"type\":\"Logloss\"", "\"type\":\"Magic\"", WEIR_ERR_UNSUPPORTED, "loss function 'Magic'"},
        {"cat-binary.json", "\"split_type\":\"FloatFeature\"", "\"split_type\":\"OnlineCtr\"", WEIR_ERR_UNSUPPORTED,
         "a split of type 'OnlineCtr'"},
        {"cat-binary.json", "\"float_feature_index\":", "\"float_feature_index\":77,\"x\":", WEIR_ERR_FORMAT,
         "a split on feature 77"},
        {"cat-binary.json", "\"leaf_values\":[", "\"leaf_values\":[1,", WEIR_ERR_FORMAT, "3 splits with 9 leaf_values"},
        {"cat-binary.json", "\"border\":", "\"border\":NaN,\"x\":", WEIR_ERR_FORMAT, "a split without a border"},
        {"cat-binary.json", "\"scale_and_bias\":[1,[", "\"scale_and_bias\":[1,[1,2,", WEIR_ERR_FORMAT, "3 values for 1 margins"},
        {"cat-binary.json", "\"features_info\":", "\"ignored\":", WEIR_ERR_FORMAT, "no model that weir knows"},
        {"cat-one-hot.json", "\"cat_features_hash\":", "\"x\":", WEIR_ERR_UNSUPPORTED, "pool=the training pool"},
        {"cat-lossguide.json", "\"value\":[", "\"value\":[1,", WEIR_ERR_FORMAT, "a leaf of 3 values, others have 4"},
        {"cat-lossguide.json", "\"left\":", "\"links\":", WEIR_ERR_FORMAT, "neither a split with two children"},
        {"skl-forest.json", "\"weir_export\":1", "\"weir_export\":2", WEIR_ERR_UNSUPPORTED, "newer weir"},
        {"skl-forest.json", "\"probability\"", "\"magic\"", WEIR_ERR_UNSUPPORTED, "link 'magic'"},
        {"skl-forest.json", "\"columns\":6", "\"columns\":1", WEIR_ERR_FORMAT, "splits on column"},
        {"skl-forest.json", "\"groups\":1", "\"groups\":3", WEIR_OK, ""},
        {"skl-forest.json", "\"width\":1", "\"width\":2", WEIR_ERR_FORMAT, "width is missing"},
        {"skl-forest.json", "\"leaf\":[", "\"leaf\":[1,", WEIR_ERR_FORMAT, "leaf values for"},
        {"skl-forest.json", "\"threshold\":[", "\"threshold\":[1,", WEIR_ERR_FORMAT, "lists differ in length"},
        {"skl-forest.json", "\"left\":[1,", "\"left\":[0,", WEIR_ERR_FORMAT, "has another parent"},
        {"skl-hist-category.json", "\"side\":\"", "\"side\":\"up", WEIR_ERR_FORMAT, "neither left nor right"},
        {"skl-hist-category.json", "\"sets\":[{\"node\":", "\"sets\":[{\"node\":1000", WEIR_ERR_FORMAT, "which is no split"},
        {"skl-hist-category.json", "\"categories\":[", "\"categories\":[65536,", WEIR_ERR_FORMAT, "65536 is no whole number"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        size_t size;
        char *text = data_read(folder, cases[i].name, &size), *changed = data_replaced(text, cases[i].from, cases[i].to);
        weir_model *model = NULL;
        struct weir_error error = {0};
        weir_err err = import_bytes(changed, strlen(changed), "file", &model, &error);
        if (err != cases[i].code || (err && !strstr(error.text, cases[i].message)))
            fail_msg("%s, %s: %d '%s' should say '%s'", cases[i].name, cases[i].to, err, error.text, cases[i].message);
        weir_model_free(&model);
        free(text);
        free(changed);
    }
}

/* From 3.3 on the booster is always called gbtree, and a dart model's weights lie beside its trees. */
static void weights_of_trees_are_found_in_both_places(void **state)
{
    (void)state;
    static const char before[] = "\"gradient_booster\":{\"gbtree\":{\"model\":{", behind[] = "\"name\":\"dart\",\"weight_drop\":";
    size_t size;
    char *text = data_read(folder, "xgb-dart-3.2.0.json", &size), *later = NULL;
    char *start = strstr(text, before), *name = strstr(text, behind);
    assert_true(start && name && start < name);
    char *weights = name + sizeof behind - 1, *end = strchr(weights, ']') + 1;
    /* ...{"model":{"weight_drop":[...], ... },"name":"gbtree"} */
    assert_true(asprintf(&later, "%.*s\"gradient_booster\":{\"model\":{\"weight_drop\":%.*s,%.*s%s", (int)(start - text), text,
                         (int)(end - weights), weights, (int)(name - 2 - (start + sizeof before - 1)), start + sizeof before - 1,
                         end) >= 0);
    weir_model *old = NULL, *new = NULL;
    struct weir_error error;
    assert_int_equal(import_bytes(text, size, "old", &old, &error), WEIR_OK);
    if (import_bytes(later, strlen(later), "new", &new, &error))
        fail_msg("%s", error.text);
    assert_int_equal(weir_trees_forest(old->scorer)->nodes, weir_trees_forest(new->scorer)->nodes);
    assert_memory_equal(weir_trees_forest(old->scorer)->value, weir_trees_forest(new->scorer)->value,
                        weir_trees_forest(old->scorer)->nodes * sizeof(float));
    weir_model_free(&old);
    weir_model_free(&new);
    free(text);
    free(later);
}

static void regressions_are_judged_by_their_threshold_alone(void **state)
{
    (void)state;
    size_t size;
    char *text = data_read(folder, "skl-hist-poisson.json", &size);
    struct weir_model_facts facts = {
        .name = "m", .columns = columns, .column_count = COLUMNS, .threshold = NAN, .feature_set = "s"};
    facts.feature_set_id = 7;
    weir_model *model = NULL;
    struct weir_error error;
    const float margins[2] = {0.5f, 1.5f};
    float scores[2];
    uint16_t classes[2];
    uint8_t alerts[2];
    assert_int_equal(weir_model_import(text, size, "x", &facts, &model, &error), WEIR_OK);
    assert_true(weir_model_regression(model) && isnan(weir_model_threshold(model)));
    assert_non_null(strstr(weir_model_card(model), "\"threshold\":null"));
    weir_model_judge(model, margins, 2, scores, classes, alerts);
    assert_true(fabsf(scores[1] - expf(1.5f)) < 1e-5f && !classes[1] && !alerts[1]);
    assert_int_equal(weir_model_fits(model, "s", 7, columns, COLUMNS, NULL, &error), WEIR_ERR_MISMATCH);
    assert_non_null(strstr(error.text, "is a regression and does not say from which prediction on a row is an alert"));
    assert_int_equal(weir_model_set_threshold(model, NAN, &error), WEIR_ERR_ARGUMENT);
    assert_int_equal(weir_model_set_threshold(model, 2, &error), WEIR_OK); /* exp(0.5) < 2 < exp(1.5) */
    weir_model_judge(model, margins, 2, scores, classes, alerts);
    assert_true(!alerts[0] && alerts[1]);
    weir_model_free(&model);

    facts.threshold = 3;
    assert_int_equal(weir_model_import(text, size, "x", &facts, &model, &error), WEIR_OK);
    assert_int_equal(weir_model_fits(model, "s", 7, columns, COLUMNS, NULL, &error), WEIR_OK);
    weir_model_judge(model, margins, 2, scores, classes, alerts);
    assert_true(!classes[0] && !alerts[0] && classes[1] == 1 && alerts[1] == 1);
    weir_model_free(&model);

    facts.benign = 1;
    assert_int_equal(weir_model_import(text, size, "x", &facts, &model, &error), WEIR_ERR_UNSUPPORTED);
    assert_non_null(strstr(error.text, "cannot be turned round"));
    free(text);
}

/* Class names come from the model; even votes go to the first class, as scikit-learn's do. */
static void probabilities_keep_their_ties(void **state)
{
    (void)state;
    static const char tree[] =
        "{\"weir_export\":1,\"algorithm\":\"decision-tree\",\"objective\":\"classification\",\"link\":\"probability\","
        "\"columns\":6,"
        "\"groups\":1,\"width\":1,\"classes\":[\"dos\",\"fine\"],\"trees\":[{\"group\":0,\"left\":[1,-1,-1],\"right\":[2,-1,-1],"
        "\"column\":[0,0,0],\"threshold\":[0.5,0,0],\"missing_left\":[1,0,0],\"leaf\":[0.5,0.75]}]}";
    const float x[2][COLUMNS] = {{0.5f}, {0.6f}};
    for (int turned = 0; turned < 2; turned++) {
        bool told = false;
        struct weir_model_facts facts = {.name = "m", .columns = columns, .column_count = COLUMNS, .threshold = NAN};
        facts.benign_name = turned ? "fine" : "0";
        facts.turned = &told;
        weir_model *model = NULL;
        struct weir_error error;
        const char *const *classes;
        float margins[2], p[4];
        uint16_t class[2];
        if (weir_model_import(tree, sizeof tree - 1, "x", &facts, &model, &error))
            fail_msg("%s", error.text);
        assert_int_equal(told, turned);
        weir_model_classes(model, &classes);
        assert_string_equal(classes[0], turned ? "fine" : "dos");
        assert_string_equal(weir_model_algorithm(model), "decision-tree");
        weir_model_margins(model, x[0], 2, COLUMNS, margins);
        weir_model_judge(model, margins, 2, NULL, class, NULL);
        weir_model_probabilities(model, margins, 2, p);
        assert_true(p[0] == 0.5f && p[3] == (turned ? 0.25f : 0.75f));
        assert_int_equal(class[0], turned); /* "dos", label 0, both times */
        assert_int_equal(class[1], !turned);
        weir_model_free(&model);
        facts.benign_name = "fein";
        assert_int_equal(weir_model_import(tree, sizeof tree - 1, "x", &facts, &model, &error), WEIR_ERR_ARGUMENT);
        assert_string_equal(error.text, "x: 'fein' is none of the model's 2 classes");
    }
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: %s FOLDER\n", argv[0]);
        return 2;
    }
    folder = argv[1];
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nonsense_costs_little),
        cmocka_unit_test(answers_are_those_of_the_libraries),
        cmocka_unit_test(weights_of_trees_are_found_in_both_places),
        cmocka_unit_test(regressions_are_judged_by_their_threshold_alone),
        cmocka_unit_test(probabilities_keep_their_ties),
        cmocka_unit_test(damaged_models_do_no_harm),
        cmocka_unit_test(what_cannot_be_scored_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
