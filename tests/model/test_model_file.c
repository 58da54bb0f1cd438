/* Model files: what is written comes back, and no damaged or hostile file gets past the loader. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "model/container.h"
#include "model/model.h"
#include "model/trees.h"
#include "random_forest.h"

enum { TREES = 6, COLUMNS = 4 };

static const char *const columns[COLUMNS] = {"dur", "spkts", "a b", "größe"};

static weir_model *make(unsigned groups)
{
    static struct random_tree trees[TREES];
    static const char *const classes[] = {"benign", "dos", "scan"};
    static const struct weir_importance importance[COLUMNS] = {{3, 0.5, 10}, {0, 0, 0}, {1, 0.25, 2}, {0, 0, 0}};
    struct weir_model_facts facts = {.name = "bundled",
                                     .version = "7",
                                     .algorithm = "xgboost",
                                     .feature_set = "argus",
                                     .feature_set_id = 0x0123456789abcdef,
                                     .columns = columns,
                                     .column_count = COLUMNS,
                                     .classes = classes,
                                     .class_count = groups == 1 ? 2 : groups,
                                     .threshold = 0.3f,
                                     .seeded = true,
                                     .seed = 42};
    struct weir_card card;
    struct weir_scorer *scorer;
    weir_model *model = NULL;
    struct weir_error error;
    if (weir_card_make(&facts, "binary:logistic", importance, &card, &error) ||
        weir_trees_create(random_forest(trees, TREES, COLUMNS, groups, groups), &scorer, &error) ||
        weir_model_assemble(&card, scorer, &model, &error))
        fail_msg("%s", error.text);
    return model;
}

static uint8_t *make_bytes(unsigned groups, size_t *size)
{
    weir_model *model = make(groups);
    uint8_t *bytes;
    assert_int_equal(weir_model_bytes(model, &bytes, size, NULL), WEIR_OK);
    weir_model_free(&model);
    return bytes;
}

static void a_file_comes_back(void **state)
{
    const char *folder = *state;
    char path[300];
    snprintf(path, sizeof path, "%s/a.weir", folder);
    weir_model *model = make(1), *again = NULL;
    struct weir_error error;
    for (int k = 0; k < 2; k++) /* the second time over the first file */
        if (weir_model_write(model, path, &error))
            fail_msg("%s", error.text);
    if (weir_model_load(path, &again, &error))
        fail_msg("%s", error.text);
    assert_string_equal(weir_model_card(again), weir_model_card(model));
    assert_string_equal(weir_model_label(again), "bundled:7");
    assert_string_equal(weir_model_algorithm(again), "xgboost");
    assert_string_equal(weir_model_feature_set(again), "argus");
    assert_true(weir_model_feature_set_id(again) == 0x0123456789abcdef);
    assert_true(weir_model_threshold(again) == 0.3f);
    assert_int_equal(weir_model_benign(again), 0);
    const char *const *names;
    assert_int_equal(weir_model_columns(again, &names), COLUMNS);
    assert_string_equal(names[3], "größe");
    assert_int_equal(weir_model_classes(again, &names), 2);
    assert_string_equal(names[1], "dos");
    struct weir_importance importance = weir_model_importance(again, 2);
    assert_true(importance.weight == 1 && importance.gain == 0.25 && importance.cover == 2);
    float x[3 * COLUMNS] = {NAN, 0.1f, -0.3f, 2}, a[3], b[3];
    weir_model_margins(model, x, 3, COLUMNS, a);
    weir_model_margins(again, x, 3, COLUMNS, b);
    assert_memory_equal(a, b, sizeof a);

    struct stat info;
    assert_int_equal(stat(path, &info), 0);
    uint8_t *bytes;
    size_t size;
    assert_int_equal(weir_model_bytes(model, &bytes, &size, NULL), WEIR_OK);
    assert_int_equal(info.st_size, size);
    free(bytes);
    weir_model_free(&model);
    weir_model_free(&again);
    unlink(path);
}

static void paths_that_fail_are_named(void **state)
{
    char path[300];
    weir_model *model = make(1), *none = NULL;
    struct weir_error error;
    snprintf(path, sizeof path, "%s/nothing.weir", (char *)*state);
    assert_int_equal(weir_model_load(path, &none, &error), WEIR_ERR_NOT_FOUND);
    assert_non_null(strstr(error.text, path));
    assert_int_equal(weir_model_load(*state, &none, &error), WEIR_ERR_IO); /* a folder */
    assert_int_equal(weir_model_load("/dev/null", &none, &error), WEIR_ERR_FORMAT);
    assert_string_equal(error.text,
                        "/dev/null: offset 0: no weir model file; `weir model import` makes one of another tool's model");
    snprintf(path, sizeof path, "%s/no/folder.weir", (char *)*state);
    assert_int_equal(weir_model_write(model, path, &error), WEIR_ERR_NOT_FOUND);
    assert_int_equal(weir_model_write(model, "/dev/full", &error), WEIR_ERR_IO);
    assert_non_null(strstr(error.text, "/dev/full: cannot write it: No space left on device"));
    assert_int_equal(weir_model_write(model, "/dev/null", &error), WEIR_OK);
    struct stat info;
    assert_true(!stat("/dev/null", &info) && S_ISCHR(info.st_mode)); /* not replaced by a file */
    assert_null(none);
    weir_model_free(&model);
}

static void truncated_files_are_refused(void **state)
{
    (void)state;
    size_t size;
    uint8_t *bytes = make_bytes(1, &size);
    weir_model *model = NULL;
    for (size_t n = 0; n < size; n++) {
        struct weir_error error;
        uint8_t *part = malloc(n ? n : 1); /* exact: a sanitizer sees the first byte read too far */
        memcpy(part, bytes, n);
        assert_int_equal(weir_model_parse(part, n, "part.weir", &model, &error), WEIR_ERR_FORMAT);
        assert_memory_equal(error.text, "part.weir: offset ", 18);
        free(part);
    }
    uint8_t *longer = calloc(1, size + 1);
    memcpy(longer, bytes, size);
    assert_int_equal(weir_model_parse(longer, size + 1, "longer", &model, NULL), WEIR_ERR_FORMAT);
    assert_null(model);
    free(longer);
    free(bytes);
}

static void flipped_bits_are_refused(void **state)
{
    (void)state;
    size_t size;
    uint8_t *bytes = make_bytes(1, &size);
    weir_model *model = NULL;
    for (size_t bit = 0; bit < 8 * size; bit++) {
        bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_int_not_equal(weir_model_parse(bytes, size, "flipped", &model, NULL), WEIR_OK);
        assert_null(model);
        bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    assert_int_equal(weir_model_parse(bytes, size, "whole", &model, NULL), WEIR_OK);
    weir_model_free(&model);
    free(bytes);
}

/* The second gate: with a right checksum around it, each change is refused or gives a model that can be used. */
static void hostile_files_are_refused_or_valid(void **state)
{
    (void)state;
    size_t size, refused = 0, loaded = 0;
    uint8_t *bytes = make_bytes(3, &size);
    for (size_t bit = 8 * 32; bit < 8 * (size - 8); bit++) {
        struct weir_container parts;
        weir_model *model = NULL;
        struct weir_error error;
        assert_int_equal(weir_container_read(bytes, size, "whole", &parts, NULL), WEIR_OK);
        bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
        weir_container_seal(bytes, WEIR_PAYLOAD_TREES, parts.card_bytes, parts.payload_bytes);
        if (weir_model_parse(bytes, size, "hostile", &model, &error)) {
            assert_null(model);
            assert_memory_equal(error.text, "hostile: ", 9);
            refused++;
        } else {
            float x[COLUMNS] = {NAN, 0.5f, -INFINITY, 1e30f}, margins[3];
            size_t tree, node;
            assert_int_equal(weir_forest_validate(weir_trees_forest(model->scorer), &tree, &node, NULL), WEIR_OK);
            weir_model_margins(model, x, 1, COLUMNS, margins);
            for (int g = 0; g < 3; g++)
                assert_true(isfinite(margins[g]));
            loaded++;
        }
        weir_model_free(&model);
        bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
        weir_container_seal(bytes, WEIR_PAYLOAD_TREES, parts.card_bytes, parts.payload_bytes);
    }
    assert_true(refused > size && loaded > size);
    free(bytes);
}

static void the_fault_of_a_tree_is_found(void **state)
{
    (void)state;
    weir_model *model = make(1), *none = NULL;
    const struct weir_forest *forest = weir_trees_forest(model->scorer);
    uint8_t *bytes;
    size_t size;
    struct weir_error error;
    char expected[200];
    uint32_t node = forest->first[3] + 2; /* a node whose split is turned into one on a column that is not there */
    forest->split[node] = 300;
    assert_int_equal(weir_model_bytes(model, &bytes, &size, NULL), WEIR_OK);
    assert_int_equal(weir_model_parse(bytes, size, "m.weir", &none, &error), WEIR_ERR_FORMAT);
    size_t values = WEIR_CONTAINER_HEAD_BYTES + strlen(weir_model_card(model)) + 16 + 4 + 4 * TREES;
    snprintf(expected, sizeof expected, "m.weir: offset %zu: tree 3: node 2: splits on column 300 of 4", values + 4 * node);
    assert_string_equal(error.text, expected);
    free(bytes);
    weir_model_free(&model);
}

static void cards_are_checked(void **state)
{
    (void)state;
    static const struct {
        const char *from, *to, *message;
    } cases[] = {
        {"{\"name\":\"bundled\"", "{\"name\":\"\"", "'name' must be"},
        {"{\"name\":\"bundled\"", "{\"name\":\"a:b\"", "'name' must be"},
        {"{\"name\":\"bundled\"", "{\"name\":7", "'name' must be"},
        {"\"version\":\"7\",", "", "'version' must be"},
        {"\"0123456789abcdef\"", "\"0123456789ABCDEF\"", "'feature_set_id' must be"},
        {"\"0123456789abcdef\"", "\"0000000000000000\"", "'feature_set_id' must be zero with"},
        {"\"argus\"", "\"none\"", "'feature_set_id' must be zero with"},
        {"\"a b\"", "\"dur\"", "'columns' names 'dur' twice"},
        {"\"a b\"", "\"a\\nb\"", "'columns' holds a name"},
        {"\"a b\"", "{}", "'columns' holds a name"},
        {"[\"benign\",\"dos\"]", "[\"benign\"]", "'classes' must be"},
        {"\"benign\":\"benign\"", "\"benign\":\"normal\"", "'benign' must be"},
        {"\"threshold\":0.3", "\"threshold\":1.5", "'threshold' must be"},
        {"\"threshold\":0.3", "\"threshold\":\"0.3\"", "'threshold' must be"},
        {"\"calibration\":null", "\"calibration\":{}", "'calibration' is of a newer weir"},
        {"\"weight\":[3,0,1,0]", "\"weight\":[3,0,1]", "'importance' must be"},
        {"\"weight\":[3,0,1,0]", "\"weight\":[3,0,1,\"x\"]", "'importance' must hold numbers"},
        {"{\"name\"", "{\"name\":\"x\",\"name\"", "card: byte "},
        {"\"tool\":", "\"tool\" ", "card: byte "},
    };
    weir_model *model = make(1);
    const char *text = weir_model_card(model);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *at = strstr(text, cases[i].from);
        assert_non_null(at);
        char *changed = NULL;
        struct weir_card card;
        struct weir_error error = {0};
        assert_true(asprintf(&changed, "%.*s%s%s", (int)(at - text), text, cases[i].to, at + strlen(cases[i].from)) > 0);
        assert_int_not_equal(weir_card_parse(changed, strlen(changed), &card, &error), WEIR_OK);
        if (!strstr(error.text, cases[i].message))
            fail_msg("'%s' should say '%s'", error.text, cases[i].message);
        free(changed);
    }
    weir_model_free(&model);
}

static void a_card_can_be_annotated(void **state)
{
    (void)state;
    weir_model *model = make(1);
    struct weir_error error;
    json_t *metrics = json_pack("{s:f}", "accuracy", 0.75), *low = json_real(0.25), *bad = json_real(7);
    assert_int_equal(weir_model_annotate(model, "metrics", metrics, &error), WEIR_OK);
    assert_int_equal(weir_model_annotate(model, "threshold", low, &error), WEIR_OK);
    assert_int_equal(weir_model_annotate(model, "threshold", bad, &error), WEIR_ERR_ARGUMENT);
    assert_int_equal(weir_model_annotate(model, "columns", metrics, &error), WEIR_ERR_ARGUMENT);
    assert_true(weir_model_threshold(model) == 0.25f);
    assert_non_null(strstr(weir_model_card(model), "\"metrics\":{\"accuracy\":0.75}"));
    assert_true(json_equal(json_object_get(weir_model_card_json(model), "metrics"), metrics));
    json_decref(metrics);
    json_decref(low);
    json_decref(bad);
    weir_model_free(&model);
}

static void rows_of_another_kind_are_refused(void **state)
{
    (void)state;
    static const char *const sensor[] = {"größe", "x", "spkts", "dur", "a b", "dur"};
    weir_model *model = make(1);
    struct weir_error error;
    uint16_t index[COLUMNS];
    assert_int_equal(weir_model_fits(model, "argus", 0x0123456789abcdef, sensor, 6, index, &error), WEIR_OK);
    assert_memory_equal(index, ((uint16_t[]){3, 2, 4, 0}), sizeof index);
    assert_int_equal(weir_model_fits(model, "argus", 0x0123456789abcdef, sensor, 6, NULL, NULL), WEIR_OK);
    assert_int_equal(weir_model_fits(model, "argus", 0x0123456789abcdef, sensor, 3, index, &error), WEIR_ERR_MISMATCH);
    assert_string_equal(error.text, "model bundled:7 wants feature set 'argus' (0123456789abcdef), rows are of 'argus' "
                                    "(0123456789abcdef); 2 of its 4 columns missing: 'dur', 'a b'");
    assert_int_equal(weir_model_fits(model, "cic", 0xfe, sensor, 6, index, &error), WEIR_ERR_MISMATCH);
    assert_string_equal(error.text, "model bundled:7 wants feature set 'argus' (0123456789abcdef), rows are of 'cic' "
                                    "(00000000000000fe)");
    assert_int_equal(weir_model_fits(model, "cic", 0xfe, NULL, 0, index, &error), WEIR_ERR_MISMATCH);
    assert_non_null(strstr(error.text, "4 of its 4 columns missing: 'dur', 'spkts', 'a b', 'größe'"));
    weir_model_free(&model);
}

static void margins_become_verdicts(void **state)
{
    (void)state;
    weir_model *two = make(1), *three = make(3);
    static const float m[] = {-1, -0.9f, 100, -80}; /* sigmoid(-0.847) = 0.3, the threshold */
    float score[4], p[8];
    uint16_t class[4];
    uint8_t alert[4];
    weir_model_judge(two, m, 4, score, class, alert);
    weir_model_probabilities(two, m, 4, p);
    assert_float_equal(score[0], 0.26894142f, 1e-7f);
    assert_true(score[2] == 1 && score[3] > 0 && score[3] < 1e-34f);
    assert_memory_equal(class, ((uint16_t[]){0, 0, 1, 0}), sizeof class);
    assert_memory_equal(alert, ((uint8_t[]){0, 0, 1, 0}), sizeof alert);
    for (int r = 0; r < 4; r++) {
        assert_true(p[2 * r + 1] == score[r]);
        assert_float_equal(p[2 * r] + p[2 * r + 1], 1, 1e-6f);
    }

    /* softmax of (0, ln 2, 0) = 1/4, 1/2, 1/4; equal margins go to the lowest class; the score is 1 - benign */
    static const float k[] = {0, 0.6931472f, 0, 5, 5, 5, 9, 0, 0, 0, -80, -80};
    float q[12];
    weir_model_judge(three, k, 4, score, class, alert);
    weir_model_probabilities(three, k, 4, q);
    assert_float_equal(q[0], 0.25f, 1e-6f);
    assert_float_equal(q[1], 0.5f, 1e-6f);
    assert_float_equal(score[0], 0.75f, 1e-6f);
    assert_float_equal(score[1], 2 / 3.0f, 1e-6f);
    assert_true(score[3] > 0 && score[3] < 1e-34f); /* a small score keeps its digits */
    assert_memory_equal(class, ((uint16_t[]){1, 0, 0, 0}), sizeof class);
    assert_memory_equal(alert, ((uint8_t[]){1, 0, 0, 0}), sizeof alert);
    weir_model_judge(three, k, 4, NULL, NULL, NULL);
    weir_model_free(&two);
    weir_model_free(&three);
}

int main(void)
{
    char folder[] = "/tmp/weir-test-XXXXXX";
    if (!mkdtemp(folder)) {
        perror(folder);
        return 1;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_prestate(a_file_comes_back, folder),
        cmocka_unit_test_prestate(paths_that_fail_are_named, folder),
        cmocka_unit_test(truncated_files_are_refused),
        cmocka_unit_test(flipped_bits_are_refused),
        cmocka_unit_test(hostile_files_are_refused_or_valid),
        cmocka_unit_test(the_fault_of_a_tree_is_found),
        cmocka_unit_test(cards_are_checked),
        cmocka_unit_test(a_card_can_be_annotated),
        cmocka_unit_test(rows_of_another_kind_are_refused),
        cmocka_unit_test(margins_become_verdicts),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    rmdir(folder);
    return failed;
}
