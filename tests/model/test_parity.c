/* Our scores, contributions and importances against libxgboost's own, on models that it trains here. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <float.h>

#include "model/build.h"
#include "model/forest_score.h"
#include "model/kernel.h"
#include "model/model.h"
#include "model/trees.h"
#include "oracle.h"
#include "random.h"
#include "rounding.h"

enum { COLUMNS = 7, TRAIN_ROWS = 600, ROWS = 200 };

struct setting {
    const char *name;
    const char *params[16]; /* key, value, ..., NULL */
    int rounds;
    int classes;
    float value_range; /* of the training values: huge and tiny ones make other thresholds */
};

static const struct setting settings[] = {
    {"logistic depth 1", {"objective", "binary:logistic", "max_depth", "1"}, 20, 2, 1},
    {"logistic depth 3 exact", {"objective", "binary:logistic", "max_depth", "3", "tree_method", "exact"}, 20, 2, 1},
    {"logistic depth 8", {"objective", "binary:logistic", "max_depth", "8", "tree_method", "hist"}, 40, 2, 1},
    {"logistic base 0.2", {"objective", "binary:logistic", "max_depth", "6", "base_score", "0.2"}, 10, 2, 1},
    {"logitraw base 0.7", {"objective", "binary:logitraw", "max_depth", "4", "base_score", "0.7"}, 10, 2, 1},
    {"reg:logistic pruned", {"objective", "reg:logistic", "max_depth", "5", "gamma", "2"}, 10, 2, 1},
    {"forest", {"objective", "binary:logistic", "max_depth", "4", "num_parallel_tree", "3", "subsample", "0.6"}, 5, 2, 1},
    {"dart", {"booster", "dart", "objective", "binary:logistic", "max_depth", "4", "rate_drop", "0.5"}, 15, 2, 1},
    {"softprob 3", {"objective", "multi:softprob", "num_class", "3", "max_depth", "5"}, 10, 3, 1},
    {"softmax 2", {"objective", "multi:softmax", "num_class", "2", "max_depth", "3"}, 8, 2, 1},
    {"softprob 5 base 0.1", {"objective", "multi:softprob", "num_class", "5", "max_depth", "7", "base_score", "0.1"}, 6, 5, 1},
    {"huge values", {"objective", "binary:logistic", "max_depth", "6", "tree_method", "exact"}, 10, 2, 1e30f},
    {"tiny values", {"objective", "binary:logistic", "max_depth", "6", "tree_method", "exact"}, 10, 2, 1e-38f},
    {"lone leaves", {"objective", "binary:logistic", "gamma", "1e9"}, 3, 2, 1},
};

static oracle_handle train(const struct setting *s, uint64_t seed)
{
    float *x = malloc(sizeof(float) * TRAIN_ROWS * COLUMNS), y[TRAIN_ROWS];
    for (int r = 0; r < TRAIN_ROWS; r++) {
        float sum = 0;
        for (int c = 0; c < COLUMNS; c++) {
            float value = random_float(&seed);
            sum += value * (float)(c + 1);
            if (c == 2)
                value = floorf(value * 4);
            x[r * COLUMNS + c] = random_below(&seed, 10) ? value * s->value_range : NAN;
        }
        int label = (int)floorf((sum / 14 + 1) * 0.5f * (float)s->classes + random_float(&seed) * 0.3f);
        y[r] = (float)(label < 0 ? 0 : label >= s->classes ? s->classes - 1 : label);
    }
    oracle_handle matrix, booster;
    ORACLE(XGDMatrixCreateFromMat(x, TRAIN_ROWS, COLUMNS, NAN, &matrix));
    ORACLE(XGDMatrixSetFloatInfo(matrix, "label", y, TRAIN_ROWS));
    ORACLE(XGBoosterCreate(&matrix, 1, &booster));
    ORACLE(XGBoosterSetParam(booster, "nthread", "1"));
    ORACLE(XGBoosterSetParam(booster, "seed", "7"));
    ORACLE(XGBoosterSetParam(booster, "verbosity", "0"));
    for (int i = 0; s->params[i]; i += 2)
        ORACLE(XGBoosterSetParam(booster, s->params[i], s->params[i + 1]));
    for (int i = 0; i < s->rounds; i++)
        ORACLE(XGBoosterUpdateOneIter(booster, i, matrix));
    ORACLE(XGDMatrixFree(matrix));
    free(x);
    return booster;
}

static weir_model *load(oracle_handle booster, const char *format, int classes)
{
    static const char *const columns[COLUMNS] = {"a", "b", "c", "d", "e", "f", "g"};
    static const char *const class_names[] = {"benign", "k1", "k2", "k3", "k4"};
    struct weir_model_facts facts = {.name = "parity",
                                     .algorithm = "xgboost",
                                     .columns = columns,
                                     .column_count = COLUMNS,
                                     .classes = class_names,
                                     .class_count = (size_t)classes,
                                     .threshold = 0.5f};
    oracle_ulong size;
    const char *bytes;
    weir_model *model = NULL;
    struct weir_error error = {0};
    ORACLE(XGBoosterSaveModelToBuffer(booster, format, &size, &bytes));
    if (weir_model_from_xgboost(bytes, size, "trained", &facts, &model, &error))
        fail_msg("%s", error.text);
    return model;
}

/* Rows that meet the thresholds of the model's own splits. */
static void make_rows(const weir_model *model, float *x, uint64_t seed)
{
    const struct weir_forest *f = weir_trees_forest(model->scorer);
    for (int i = 0; i < ROWS * COLUMNS; i++) {
        float edge = 0;
        if (f->nodes) {
            size_t node = random_below(&seed, (unsigned)f->nodes);
            for (size_t k = 0; k < f->nodes && (f->split[node] == WEIR_SPLIT_LEAF || (f->split[node] & 0x7fff) != i % COLUMNS);
                 k++)
                node = (node + 1) % f->nodes;
            edge = f->value[node];
        }
        x[i] = random_value(&seed, edge);
        if (!random_below(&seed, 3) && isfinite(edge))
            x[i] = edge * (1 + random_float(&seed) * 0.1f); /* the neighbourhood, at the scale of the training data */
    }
}

/* In-place prediction: the one that takes infinite values. The result belongs to the library. */
static const float *predict(oracle_handle booster, const float *x, int type, oracle_ulong per_row)
{
    char values[200], config[200];
    const oracle_ulong *shape;
    oracle_ulong dims;
    const float *result;
    snprintf(values, sizeof values, "{\"data\":[%llu,true],\"shape\":[%d,%d],\"typestr\":\"<f4\",\"version\":3}",
             (unsigned long long)(uintptr_t)x, ROWS, COLUMNS);
    snprintf(config, sizeof config,
             "{\"type\":%d,\"training\":false,\"iteration_begin\":0,\"iteration_end\":0,\"strict_shape\":true,\"missing\":NaN,"
             "\"cache_id\":0}",
             type);
    ORACLE(XGBoosterPredictFromDense(booster, values, config, NULL, &shape, &dims, &result));
    assert_int_equal(shape[0], ROWS);
    oracle_ulong all = 1;
    for (oracle_ulong d = 1; d < dims; d++)
        all *= shape[d];
    assert_int_equal(all, per_row);
    return result;
}

static void margins_are_equal(const struct setting *s, oracle_handle booster, const weir_model *model)
{
    float x[ROWS * COLUMNS], ours[ROWS * 5], again[ROWS * 5], block[COLUMNS * 64];
    size_t groups = weir_model_groups(model);
    make_rows(model, x, 99);
    const float *theirs = predict(booster, x, 1, groups);
    weir_model_margins(model, x, ROWS, COLUMNS, ours);
    int exact = 0;
    for (size_t i = 0; i < ROWS * groups; i++) {
        exact += ours[i] == theirs[i];
        if (!(fabs((double)ours[i] - (double)theirs[i]) <= rounding_of(weir_trees_forest(model->scorer), i % groups)))
            fail_msg("%s: row %zu: margin %.9g, libxgboost %.9g", s->name, i / groups, (double)ours[i], (double)theirs[i]);
    }
    /* Without dropped trees libxgboost adds in the same order: the same bits. */
    if (strcmp(s->name, "dart"))
        assert_int_equal(exact, ROWS * groups);

    for (int first = 0; first < ROWS; first += 64) {
        int n = ROWS - first < 64 ? ROWS - first : 64;
        for (int i = 0; i < COLUMNS * 64; i++)
            block[i] = NAN;
        for (int i = 0; i < n * COLUMNS; i++)
            block[i % COLUMNS * 64 + i / COLUMNS] = x[first * COLUMNS + i];
        weir_model_margins_block(model, block, NULL, (size_t)n, again + (size_t)first * groups);
    }
    assert_memory_equal(ours, again, sizeof(float) * ROWS * groups);
}

/* In every tree, the same rows share a leaf: by every kernel. */
static void leaves_are_equal(const struct setting *s, oracle_handle booster, const weir_model *model)
{
    enum { LEAVES = 4096 };
    const struct weir_forest *f = weir_trees_forest(model->scorer);
    const struct weir_kernel *kernels[8];
    static float x[ROWS * COLUMNS];
    static uint32_t ours[LEAVES];
    oracle_handle matrix;
    const oracle_ulong *shape;
    oracle_ulong dims;
    const float *theirs;
    make_rows(model, x, 41);
    for (int i = 0; i < ROWS * COLUMNS; i++)
        if (isinf(x[i]))
            x[i] = copysignf(FLT_MAX, x[i]); /* this way in takes no infinite values */
    for (int c = 0; c < COLUMNS; c++)        /* and a row of nothing, and one of a column alone */
        x[c] = x[COLUMNS + c] = NAN;
    x[COLUMNS + 1] = 0;
    ORACLE(XGDMatrixCreateFromMat(x, ROWS, COLUMNS, NAN, &matrix));
    ORACLE(XGBoosterPredictFromDMatrix(
        booster, matrix, "{\"type\":6,\"training\":false,\"iteration_begin\":0,\"iteration_end\":0,\"strict_shape\":false}",
        &shape, &dims, &theirs));
    for (size_t k = 0, count = weir_kernel_list(kernels); k < count; k++) {
        struct weir_plan *plan = NULL;
        assert_int_equal(weir_plan_create(f, kernels[k], &plan, NULL), WEIR_OK);
        for (size_t t = 0; t < f->trees; t++) {
            memset(ours, 0xff, sizeof ours);
            for (size_t r = 0; r < ROWS; r++) {
                uint32_t leaf = weir_plan_leaf(plan, t, x + r * COLUMNS);
                unsigned their = (unsigned)theirs[r * f->trees + t];
                assert_true(their < LEAVES);
                if (ours[their] == UINT32_MAX)
                    for (size_t i = 0; i < LEAVES; i++)
                        assert_true(ours[i] != leaf); /* two of theirs are never one of ours */
                if (ours[their] != UINT32_MAX && ours[their] != leaf)
                    fail_msg("%s: %s: tree %zu, row %zu: another leaf than libxgboost's", s->name, kernels[k]->name, t, r);
                ours[their] = leaf;
            }
        }
        weir_plan_free(&plan);
    }
    ORACLE(XGDMatrixFree(matrix));
}

static void probabilities_are_equal(oracle_handle booster, const weir_model *model, const char *objective)
{
    float x[ROWS * COLUMNS], margins[ROWS * 5], ours[ROWS * 5];
    size_t groups = weir_model_groups(model), classes = weir_model_classes(model, NULL);
    if (!strcmp(objective, "binary:logitraw") || !strcmp(objective, "multi:softmax"))
        return; /* their prediction is no probability */
    make_rows(model, x, 5);
    const float *theirs = predict(booster, x, 0, groups);
    weir_model_margins(model, x, ROWS, COLUMNS, margins);
    weir_model_probabilities(model, margins, ROWS, ours);
    for (size_t r = 0; r < ROWS; r++)
        for (size_t g = 0; g < groups; g++)
            assert_float_equal(ours[r * classes + (groups == 1 ? 1 : g)], theirs[r * groups + g], 1e-6f);
}

static void contributions_are_equal(oracle_handle booster, const weir_model *model, enum weir_explain how, bool dart)
{
    static float x[ROWS * COLUMNS];
    double contributions[COLUMNS], base;
    float margins[5];
    size_t groups = weir_model_groups(model);
    const oracle_ulong *shape;
    oracle_ulong dims;
    const float *theirs;
    oracle_handle matrix;
    make_rows(model, x, 31);
    for (int i = 0; i < ROWS * COLUMNS; i++)
        if (isinf(x[i]))
            x[i] = copysignf(FLT_MAX, x[i]); /* this way in takes no infinite values */
    ORACLE(XGDMatrixCreateFromMat(x, ROWS, COLUMNS, NAN, &matrix));
    char config[120];
    snprintf(config, sizeof config,
             "{\"type\":%d,\"training\":false,\"iteration_begin\":0,\"iteration_end\":0,\"strict_shape\":true}",
             how == WEIR_EXPLAIN_EXACT ? 2 : 3);
    ORACLE(XGBoosterPredictFromDMatrix(booster, matrix, config, &shape, &dims, &theirs));
    for (size_t r = 0; r < ROWS; r++) {
        weir_model_margins(model, x + r * COLUMNS, 1, COLUMNS, margins);
        for (size_t g = 0; g < groups; g++) {
            weir_model_explain(model, how, x + r * COLUMNS, 1, COLUMNS, g, NULL, contributions, &base);
            double sum = base;
            for (int c = 0; c < COLUMNS; c++)
                sum += contributions[c];
            assert_true(fabs(sum - (double)margins[g]) <= 1e-5);
            const float *line = theirs + (r * groups + g) * (COLUMNS + 1);
            for (int c = 0; c < COLUMNS && (!dart || how == WEIR_EXPLAIN_EXACT); c++)
                if (!(fabs(contributions[c] - (double)line[c]) <= 1e-4))
                    fail_msg("row %zu column %d: %g, libxgboost %g", r, c, contributions[c], (double)line[c]);
            assert_true((dart && how == WEIR_EXPLAIN_PATH) || fabs(base - (double)line[COLUMNS]) <= 1e-4);
        }
    }
    ORACLE(XGDMatrixFree(matrix));
}

static void importance_is_equal(oracle_handle booster, const weir_model *model)
{
    static const char *const kinds[] = {"weight", "gain", "cover"};
    double sum = 0;
    for (int kind = 0; kind < 3; kind++) {
        char config[64];
        oracle_ulong features, dims;
        const char *const *names;
        const oracle_ulong *shape;
        const float *scores;
        snprintf(config, sizeof config, "{\"importance_type\":\"%s\"}", kinds[kind]);
        ORACLE(XGBoosterFeatureScore(booster, config, &features, &names, &dims, &shape, &scores));
        unsigned used = 0;
        for (size_t c = 0; c < COLUMNS; c++) {
            struct weir_importance importance = weir_model_importance(model, c);
            double value = kind == 0 ? importance.weight : kind == 1 ? importance.gain : importance.cover;
            used += importance.weight > 0;
            for (oracle_ulong i = 0; i < features; i++)
                if (names[i][0] == 'f' && (size_t)atoi(names[i] + 1) == c) {
                    assert_true(fabs(value - (double)scores[i]) <= 1e-4 * fabs(value));
                    sum += value;
                }
        }
        assert_int_equal(used, features);
    }
    assert_true(sum > 0 || weir_trees_forest(model->scorer)->nodes == weir_trees_forest(model->scorer)->trees);
}

static void models_are_equal(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++) {
        const struct setting *s = &settings[i];
        const char *objective = "";
        bool dart = false;
        for (int k = 0; s->params[k]; k += 2) {
            if (!strcmp(s->params[k], "objective"))
                objective = s->params[k + 1];
            dart |= !strcmp(s->params[k + 1], "dart");
        }
        oracle_handle booster = train(s, 1000 + i);
        weir_model *json = load(booster, "{\"format\":\"json\"}", s->classes),
                   *ubj = load(booster, "{\"format\":\"ubj\"}", s->classes);
        uint8_t *json_bytes, *ubj_bytes;
        size_t json_size, ubj_size;
        assert_int_equal(weir_model_bytes(json, &json_bytes, &json_size, NULL), WEIR_OK);
        assert_int_equal(weir_model_bytes(ubj, &ubj_bytes, &ubj_size, NULL), WEIR_OK);
        assert_int_equal(json_size, ubj_size);
        assert_memory_equal(json_bytes, ubj_bytes, json_size); /* both encodings say the same, to the bit */
        margins_are_equal(s, booster, json);
        leaves_are_equal(s, booster, json);
        probabilities_are_equal(booster, json, objective);
        contributions_are_equal(booster, json, WEIR_EXPLAIN_EXACT, dart);
        contributions_are_equal(booster, json, WEIR_EXPLAIN_PATH, dart);
        importance_is_equal(booster, json);

        weir_model *read = NULL;
        assert_int_equal(weir_model_parse(json_bytes, json_size, "bytes", &read, NULL), WEIR_OK);
        margins_are_equal(s, booster, read);
        weir_model_free(&read);
        weir_model_free(&json);
        weir_model_free(&ubj);
        free(json_bytes);
        free(ubj_bytes);
        oracle.XGBoosterFree(booster);
    }
}

int main(void)
{
    oracle_load();
    const struct CMUnitTest tests[] = {cmocka_unit_test(models_are_equal)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
