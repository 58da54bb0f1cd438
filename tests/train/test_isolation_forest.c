/* Isolation forest: scores are the ways through its trees, which hold the rows they were cut from. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../model/random.h"
#include "model/model.h"
#include "model/trees.h"
#include "train/trainers.h"

enum { ROWS = 900, COLUMNS = 4, FAR = 17 };

struct rows {
    float x[COLUMNS][ROWS];
    const float *column[COLUMNS];
    uint32_t row[ROWS], label[ROWS];
    struct weir_train_set set;
};

/* Every third row is an attack; row FAR is benign and far away. Missing values in one column. */
static void make(struct rows *r)
{
    uint64_t seed = 3;
    for (size_t i = 0; i < ROWS; i++) {
        r->row[i] = (uint32_t)i;
        r->label[i] = i % 3 == 0;
        for (size_t c = 0; c < COLUMNS; c++)
            r->x[c][i] = random_float(&seed) * powf(10, (float)c) + (i == FAR ? powf(10, (float)c + 1) : 0);
        if (random_below(&seed, 6) == 0)
            r->x[2][i] = NAN;
    }
    for (size_t c = 0; c < COLUMNS; c++)
        r->column[c] = r->x[c];
    r->set = (struct weir_train_set){r->column, COLUMNS, r->row, r->label, ROWS, 2};
}

static void fit(const struct rows *r, const char *const *given, size_t count, struct weir_trained *trained)
{
    const struct weir_trainer *trainer = &weir_train_isolation_forest;
    struct weir_train_config config = {.seed = 1};
    struct weir_error error;
    if (weir_params_read(trainer->params, trainer->name, given, count, NULL, NULL, &config.params, &error) ||
        trainer->fit(&r->set, &config, trained, &error))
        fail_msg("%s", error.text);
}

static float margin_of(const struct weir_scorer *scorer, const struct rows *r, size_t i)
{
    float row[COLUMNS], margin;
    for (size_t c = 0; c < COLUMNS; c++)
        row[c] = r->x[c][i];
    scorer->kind->rows(scorer, row, 1, COLUMNS, &margin);
    return margin;
}

static double usual(double rows)
{
    return rows < 2 ? 0 : rows == 2 ? 1 : 2 * (log(rows - 1) + 0.5772156649015329) - 2 * (rows - 1) / rows;
}

static void scores_are_ways(void **state)
{
    (void)state;
    static struct rows r;
    const char *given[] = {"n_estimators=40", "max_samples=100"};
    struct weir_trained trained = {0};
    make(&r);
    fit(&r, given, 2, &trained);
    const struct weir_forest *f = weir_trees_forest(trained.scorer);
    assert_int_equal(f->trees, 40);
    for (size_t i = 0; i < ROWS; i++) {
        double ways = 0;
        for (size_t t = 0; t < f->trees; t++) {
            size_t node = 0, depth = 0, first = f->first[t];
            assert_true(f->cover[first] == 100);
            while (f->split[first + node] != WEIR_SPLIT_LEAF) {
                size_t inner = 0; /* the k-th inner node has its children at 2k + 1 */
                for (size_t n = 0; n < node; n++)
                    inner += f->split[first + n] != WEIR_SPLIT_LEAF;
                float x = r.x[f->split[first + node] & 0x7fff][i],
                      both = f->cover[first + 2 * inner + 1] + f->cover[first + 2 * inner + 2];
                assert_true(f->cover[first + node] == both && f->cover[first + 2 * inner + 1] > 0 &&
                            f->cover[first + 2 * inner + 2] > 0);
                bool right = isnan(x) ? (f->split[first + node] & WEIR_SPLIT_MISSING_RIGHT) != 0 : x >= f->value[first + node];
                node = 2 * inner + 1 + right;
                depth++;
            }
            double rows = (double)f->cover[first + node];
            assert_true(depth <= 7 && (rows == 1 || depth == 7));
            ways += (double)depth + usual(rows);
        }
        double wanted = -ways / (40 * usual(100));
        assert_true(fabs((double)margin_of(trained.scorer, &r, i) - wanted) < 1e-6);
        if (i != FAR) /* the benign row that is far away is soon alone */
            assert_true(margin_of(trained.scorer, &r, FAR) > margin_of(trained.scorer, &r, i));
    }
    weir_trained_fini(&trained);
}

static uint8_t *bytes_of(const struct weir_scorer *scorer, size_t *size)
{
    uint8_t *bytes = malloc(*size = scorer->kind->bytes(scorer));
    assert_non_null(bytes);
    scorer->kind->encode(scorer, bytes);
    return bytes;
}

/* Normally attacks are not looked at; with rows=all they are. */
static void attacks_are_not_seen(void **state)
{
    (void)state;
    static struct rows r;
    static const char *const given[] = {"rows=benign", "rows=all"};
    for (size_t how = 0; how < 2; how++) {
        struct weir_trained one = {0}, other = {0};
        size_t size, size_other;
        make(&r);
        fit(&r, &given[how], 1, &one);
        for (size_t i = 0; i < ROWS; i += 3)
            r.x[1][i] = 1e6f;
        fit(&r, &given[how], 1, &other);
        uint8_t *bytes = bytes_of(one.scorer, &size), *bytes_other = bytes_of(other.scorer, &size_other);
        bool same = size == size_other && !memcmp(bytes, bytes_other, size);
        assert_int_equal(same, how == 0);
        free(bytes);
        free(bytes_other);
        weir_trained_fini(&one);
        weir_trained_fini(&other);
    }
}

/* The threshold lets through what was asked for; without being asked it is 0.5. Scores are 2^margin. */
static void thresholds(void **state)
{
    (void)state;
    static struct rows r;
    static const char *const given[] = {"contamination=0.05"}, *const columns[COLUMNS] = {"a", "b", "c", "d"},
                             *const names[] = {"benign", "attack"};
    struct weir_trained trained = {0};
    make(&r);
    fit(&r, NULL, 0, &trained);
    assert_true(trained.threshold > 0.5f && trained.threshold < 0.5000002f);
    weir_trained_fini(&trained);
    fit(&r, given, 1, &trained);
    const struct weir_model_facts facts = {.name = "m",
                                           .algorithm = "isolation-forest",
                                           .columns = columns,
                                           .column_count = COLUMNS,
                                           .classes = names,
                                           .class_count = 2,
                                           .threshold = trained.threshold};
    weir_model *model;
    struct weir_error error;
    size_t alerts = 0;
    struct weir_scorer *scorer = trained.scorer;
    trained.scorer = NULL;
    if (weir_model_make(scorer, &facts, NULL, NULL, &model, &error))
        fail_msg("%s", error.text);
    for (size_t i = 0; i < ROWS; i++) {
        float margin = margin_of(model->scorer, &r, i), score, p[2];
        uint8_t alert;
        weir_model_judge(model, &margin, 1, &score, NULL, &alert);
        weir_model_probabilities(model, &margin, 1, p);
        assert_true(fabs((double)score - exp2((double)margin)) < 1e-7 && p[1] == score && p[0] == 1 - score);
        alerts += alert && !r.label[i];
    }
    assert_int_equal(alerts, 30); /* 5 % of 600 */
    assert_false(weir_model_regression(model));
    weir_model_free(&model);
    weir_trained_fini(&trained);
}

/* Rows that are all the same, and a single one. */
static void nothing_to_cut(void **state)
{
    (void)state;
    static struct rows r;
    for (size_t rows = 2; rows <= ROWS; rows += ROWS - 2) {
        struct weir_trained trained = {0};
        make(&r);
        for (size_t i = 0; i < ROWS; i++)
            for (size_t c = 0; c < COLUMNS; c++)
                r.x[c][i] = c == 3 ? NAN : 7;
        r.set.rows = rows;
        fit(&r, NULL, 0, &trained);
        assert_true(fabs((double)margin_of(trained.scorer, &r, 0) + 1) < 1e-6);
        weir_trained_fini(&trained);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(scores_are_ways), cmocka_unit_test(attacks_are_not_seen),
                                       cmocka_unit_test(thresholds), cmocka_unit_test(nothing_to_cut)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
