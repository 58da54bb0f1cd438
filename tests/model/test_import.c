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

#include "base/file.h"
#include "model/build.h"
#include "model/model.h"

enum { COLUMNS = 6, TREES_MAX = 64, GROUPS_MAX = 8, ROWS_MAX = 128 };

static const char *folder;
static const char *const columns[COLUMNS] = {"dur", "sbytes", "a b", "größe", "rate", "proto"};

static char *read_data(const char *name, size_t *size)
{
    char path[512];
    uint8_t *bytes;
    struct weir_error error;
    snprintf(path, sizeof path, "%s/%s", folder, name);
    if (weir_file_read(path, 1 << 20, &bytes, size, &error))
        fail_msg("%s", error.text);
    char *text = realloc(bytes, *size + 1);
    assert_non_null(text);
    text[*size] = 0;
    return text;
}

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

/* XGBoost adds float32: one unit in the last place a tree, of the largest partial sum. The others: 1e-6 of the margin. */
static double tolerance(const struct weir_forest *f, size_t group, double margin)
{
    if (f->sum == WEIR_SUM_FLOAT64)
        return 1e-6 * fabs(margin);
    float sum = fabsf((float)f->base[group]);
    size_t trees = 1;
    for (size_t t = 0; t < f->trees; t++) {
        float largest = 0;
        for (uint32_t i = f->first[t]; i < f->first[t] + f->count[t]; i++)
            if (f->group[t] == group && f->split[i] == WEIR_SPLIT_LEAF)
                largest = fmaxf(largest, fabsf(f->value[i]));
        sum += largest;
        trees += f->group[t] == group;
    }
    return (double)((nextafterf(sum, INFINITY) - sum) * (float)trees);
}

/* Leaves are numbered differently, so: each of theirs is always the same one of ours, and the other way round. */
static void compare_leaves(const char *name, const weir_model *model, const struct row *rows, size_t count)
{
    for (size_t t = 0; t < rows[0].trees; t++) {
        uint32_t ours[ROWS_MAX];
        for (size_t r = 0; r < count; r++)
            ours[r] = weir_plan_leaf(model->plan, t, rows[r].x);
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
        if (!(fabs((double)margins[g] - row->margin[g]) <= tolerance(model->forest, g, row->margin[g])))
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
    char *bytes = read_data(name, &size), *lines = read_data(expected_name, &lines_size), *at = lines;
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

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: %s FOLDER\n", argv[0]);
        return 2;
    }
    folder = argv[1];
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_are_those_of_the_libraries),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
