/* AdaBoost against the algorithm as it is written: every stump tried, every weight kept. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>

#include "../model/random.h"
#include "model/trees.h"
#include "train/trainers.h"

enum { ROWS = 240, COLUMNS = 5, VALUES = 9, STUMPS = 12, CLASSES_MAX = 4 };

struct rows {
    float x[COLUMNS][ROWS];
    const float *column[COLUMNS];
    uint32_t row[ROWS], label[ROWS];
    struct weir_train_set set;
};

static void make(struct rows *r, size_t classes)
{
    uint64_t seed = 11 * classes;
    for (size_t i = 0; i < ROWS; i++) {
        r->row[i] = (uint32_t)i;
        r->label[i] = i < classes ? (uint32_t)i : random_below(&seed, (uint32_t)classes);
        for (size_t c = 0; c < COLUMNS; c++) {
            r->x[c][i] = (float)((random_below(&seed, VALUES) + (c + 1) * r->label[i]) % VALUES);
            if (c == 1 && random_below(&seed, 5 + r->label[i]) == 0)
                r->x[c][i] = NAN;
        }
    }
    for (size_t c = 0; c < COLUMNS; c++)
        r->column[c] = r->x[c];
    r->set = (struct weir_train_set){r->column, COLUMNS, r->row, r->label, ROWS, classes};
}

struct rule { /* right when x > least, or missing and not missing_left; only_missing: right when missing */
    size_t column;
    float least;
    bool missing_left, only_missing;
};

static bool right(const struct rule *rule, float x)
{
    if (isnan(x))
        return rule->only_missing || !rule->missing_left;
    return !rule->only_missing && x > rule->least;
}

static size_t votes(const struct rows *r, const double *weight, const struct rule *rule, double *score, size_t vote[2])
{
    double side[2][CLASSES_MAX] = {{0}}, sum[2] = {0}, squares[2] = {0};
    for (size_t i = 0; i < ROWS; i++)
        side[right(rule, r->x[rule->column][i])][r->label[i]] += weight[i];
    for (size_t s = 0; s < 2; s++) {
        vote[s] = 0;
        for (size_t k = 0; k < r->set.classes; k++) {
            sum[s] += side[s][k];
            squares[s] += side[s][k] * side[s][k];
            if (side[s][k] > side[s][vote[s]])
                vote[s] = k;
        }
    }
    *score = squares[0] / sum[0] + squares[1] / sum[1];
    return sum[0] > 0 && sum[1] > 0;
}

static void naive(const struct rows *r, double *margins)
{
    size_t classes = r->set.classes, groups = classes == 2 ? 1 : classes;
    double weight[ROWS], all = 0;
    for (size_t i = 0; i < ROWS; i++)
        weight[i] = 1.0 / ROWS;
    for (size_t i = 0; i < ROWS * groups; i++)
        margins[i] = 0;
    for (size_t t = 0; t < STUMPS; t++) {
        struct rule best = {0};
        size_t best_vote[2] = {0}, vote[2];
        double most = -1, score, wrong = 0, sum = 0;
        for (size_t c = 0; c < COLUMNS; c++)
            for (int value = -1; value < VALUES; value++)
                for (int how = 0; how < 3; how++) {
                    struct rule rule = {c, (float)value, how == 1, how == 2};
                    if (votes(r, weight, &rule, &score, vote) && score > most + 1e-12) {
                        most = score;
                        best = rule;
                        best_vote[0] = vote[0];
                        best_vote[1] = vote[1];
                    }
                }
        for (size_t i = 0; i < ROWS; i++) {
            sum += weight[i];
            wrong += best_vote[right(&best, r->x[best.column][i])] != r->label[i] ? weight[i] : 0;
        }
        wrong /= sum;
        double alpha = log((1 - wrong) / wrong) + log((double)classes - 1);
        all += alpha;
        for (size_t i = 0; i < ROWS; i++) {
            size_t k = best_vote[right(&best, r->x[best.column][i])];
            if (k != r->label[i])
                weight[i] *= exp(alpha);
            for (size_t g = 0; g < groups; g++)
                margins[i * groups + g] += alpha * (groups == 1 ? (k ? 2 : -2)
                                                    : g == k    ? 1 / ((double)classes - 1)
                                                                : -1 / (((double)classes - 1) * ((double)classes - 1)));
        }
        sum = 0;
        for (size_t i = 0; i < ROWS; i++)
            sum += weight[i];
        for (size_t i = 0; i < ROWS; i++)
            weight[i] /= sum;
    }
    for (size_t i = 0; i < ROWS * groups; i++)
        margins[i] /= all;
}

static weir_err fit(const struct rows *r, struct weir_trained *trained, struct weir_error *error)
{
    const struct weir_trainer *trainer = &weir_train_adaboost;
    const char *given[] = {"n_estimators=12"};
    struct weir_train_config config = {.seed = 1};
    assert_int_equal(weir_params_read(trainer->params, trainer->name, given, 1, NULL, NULL, &config.params, error), WEIR_OK);
    return trainer->fit(&r->set, &config, trained, error);
}

static void as_written(void **state)
{
    (void)state;
    static struct rows r;
    for (size_t classes = 2; classes <= CLASSES_MAX; classes++) {
        struct weir_trained trained = {0};
        struct weir_error error;
        double wanted[ROWS * CLASSES_MAX];
        make(&r, classes);
        naive(&r, wanted);
        if (fit(&r, &trained, &error))
            fail_msg("%s", error.text);
        assert_int_equal(weir_trees_forest(trained.scorer)->trees, STUMPS);
        size_t groups = trained.scorer->groups;
        for (size_t i = 0; i < ROWS; i++) {
            float row[COLUMNS], got[CLASSES_MAX];
            for (size_t c = 0; c < COLUMNS; c++)
                row[c] = r.x[c][i];
            trained.scorer->kind->rows(trained.scorer, row, 1, COLUMNS, got);
            for (size_t g = 0; g < groups; g++)
                if (!(fabs((double)got[g] - wanted[i * groups + g]) < 1e-6))
                    fail_msg("%zu classes, row %zu, group %zu: %g, wanted %g", classes, i, g, (double)got[g],
                             wanted[i * groups + g]);
        }
        weir_trained_fini(&trained);
    }
}

/* A column that says all ends the boosting; columns that say nothing are named. */
static void the_ends(void **state)
{
    (void)state;
    static struct rows r;
    struct weir_trained trained = {0};
    struct weir_error error;
    make(&r, 2);
    for (size_t i = 0; i < ROWS; i++)
        r.x[2][i] = r.label[i] ? 7 : -7;
    assert_int_equal(fit(&r, &trained, &error), WEIR_OK);
    assert_int_equal(weir_trees_forest(trained.scorer)->trees, 1);
    assert_true(trained.importance[2].weight == 1);
    weir_trained_fini(&trained);
    for (size_t i = 0; i < ROWS; i++) {
        r.label[i] = i & 1;
        for (size_t c = 0; c < COLUMNS; c++)
            r.x[c][i] = 3;
    }
    assert_int_equal(fit(&r, &trained, &error), WEIR_ERR_ARGUMENT);
    assert_string_equal(error.text, "adaboost: no cut of a column says more than chance about the classes");
    weir_trained_fini(&trained);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(as_written), cmocka_unit_test(the_ends)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
