#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "metrics_reference.h"
#include "train/metrics.h"

static void check_close(double got, double expected, const char *what)
{
    if (!(fabs(got - expected) <= 1e-12))
        fail_msg("%s: %.17g, not %.17g", what, got, expected);
}

static void check_reference(struct weir_judged judged, const uint64_t *confusion, const double *expected, const double *more)
{
    struct weir_metrics m;
    assert_int_equal(weir_metrics_compute(&judged, &m), WEIR_OK);
    assert_memory_equal(m.confusion, confusion, judged.classes * judged.classes * sizeof *confusion);
    check_close(m.accuracy, expected[0], "accuracy");
    check_close(m.precision, expected[1], "precision");
    check_close(m.recall, expected[2], "recall");
    check_close(m.f1, expected[3], "f1");
    check_close(m.roc_auc, expected[4], "roc auc");
    check_close(m.pr_auc, expected[5], "pr auc");
    check_close(m.balanced_accuracy, more[0], "balanced accuracy");
    check_close(m.mcc, more[1], "mcc");
    check_close(m.macro.precision, more[2], "macro precision");
    check_close(m.macro.recall, more[3], "macro recall");
    check_close(m.macro.f1, more[4], "macro f1");
    check_close(m.weighted.precision, more[5], "weighted precision");
    check_close(m.weighted.recall, more[6], "weighted recall");
    check_close(m.weighted.f1, more[7], "weighted f1");
    check_close(m.calibration.log_loss, more[8], "log loss");
    check_close(m.calibration.brier, more[9], "brier");
    /* scikit-learn's means of a bin are float64 sums of what we add as float32 differences from 1 */
    assert_true(fabs(m.calibration.ece - more[10]) < 1e-7);
    if (judged.benign >= 0)
        check_close(m.detection.at[0].recall, more[11], "recall at 1e-3");
    else
        assert_true(m.detection.attacks + m.detection.normal == 0 && isnan(m.benign_share));
    for (size_t i = 0; i < WEIR_METRICS_FIGURES; i++) {
        double value;
        weir_metrics_figure(&m, i, &value);
        if (!(m.interval[i].low <= value && value <= m.interval[i].high))
            fail_msg("%s: %g is not within %g to %g", weir_metrics_figure(&m, i, &value), value, m.interval[i].low,
                     m.interval[i].high);
    }
    weir_metrics_fini(&m);
}

#define CHECK_REFERENCE(name, count, none)                                                                                       \
    check_reference((struct weir_judged){.truth = name##_truth,                                                                  \
                                         .predicted = name##_predicted,                                                          \
                                         .probabilities = name##_probabilities,                                                  \
                                         .rows = sizeof name##_truth / sizeof *name##_truth,                                     \
                                         .classes = count,                                                                       \
                                         .benign = none},                                                                        \
                    name##_confusion, name##_expected, name##_more)

static void figures_equal_scikit_learn(void **state)
{
    (void)state;
    CHECK_REFERENCE(two, 2, 0);
    CHECK_REFERENCE(rare, 2, 0);
    CHECK_REFERENCE(four, 4, 0);
    CHECK_REFERENCE(absent, 5, -1);
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Probabilities of `classes` classes, the true one likelier the larger `apart` is; class 0 has most rows, the last one few. */
static void make_rows(size_t rows, size_t classes, double apart, uint64_t random, uint32_t *truth, float *p)
{
    for (size_t i = 0; i < rows; i++) {
        double sum = 0, weight[8];
        truth[i] = (uint32_t)(weir_random_share(&random) * weir_random_share(&random) * (double)classes);
        for (size_t k = 0; k < classes; k++)
            sum += weight[k] = exp(4 * weir_random_share(&random) + (k == truth[i] ? apart : 0));
        for (size_t k = 0; k < classes; k++)
            p[i * classes + k] = (float)(weight[k] / sum);
    }
}

/* Areas, log loss, Brier score and calibration error of the rows, by their definitions. */
static void find_figures(const uint32_t *truth, const float *p, const size_t *row, size_t rows, size_t classes, int benign,
                         double *out)
{
    float *score = malloc(rows * sizeof *score);
    uint8_t *positive = malloc(rows);
    double gap[10] = {0}, loss = 0, brier = 0, roc_sum = 0, pr_sum = 0;
    for (size_t k = classes == 2; k < classes; k++) {
        double roc, pr;
        for (size_t i = 0; i < rows; i++) {
            score[i] = p[row[i] * classes + k];
            positive[i] = truth[row[i]] == k;
            brier += (score[i] - positive[i]) * (score[i] - positive[i]);
        }
        assert_int_equal(weir_metrics_areas(score, positive, rows, &roc, &pr), WEIR_OK);
        roc_sum += roc;
        pr_sum += pr;
    }
    for (size_t i = 0; i < rows; i++) {
        const float *of = &p[row[i] * classes];
        uint32_t true_class = truth[row[i]];
        double most = 0;
        for (size_t k = 0; k < classes; k++)
            most = fmax(most, of[k]);
        double claim = benign < 0 ? most : 1 - of[benign];
        int came_true = benign < 0 ? of[true_class] >= most : true_class != (uint32_t)benign;
        loss -= log(of[true_class]);
        gap[(int)fmin(9, ceil(claim * 10) - 1)] += claim - came_true;
    }
    out[0] = roc_sum / (classes == 2 ? 1 : (double)classes);
    out[1] = pr_sum / (classes == 2 ? 1 : (double)classes);
    out[2] = loss / (double)rows;
    out[3] = brier / (double)rows;
    out[4] = 0;
    for (int b = 0; b < 10; b++)
        out[4] += fabs(gap[b]) / (double)rows;
    free(score);
    free(positive);
}

/* The bootstrap as the book has it: rows drawn with replacement, every figure from scratch. */
static void intervals_equal_those_of_resampled_rows(void **state)
{
    enum { RESAMPLES = 400, ROWS = 1500, FIGURES = WEIR_METRICS_FIGURES - WEIR_METRICS_RATES };
    static uint32_t truth[ROWS];
    static uint16_t predicted[ROWS];
    static float p[ROWS * 5];
    static size_t row[ROWS];
    static double figure[FIGURES][RESAMPLES];
    (void)state;
    for (int round = 0; round < 4; round++) {
        size_t classes = round % 2 ? 5 : 2;
        uint64_t random = 99;
        struct weir_metrics m;
        struct weir_judged judged = {.truth = truth,
                                     .predicted = predicted,
                                     .probabilities = p,
                                     .rows = ROWS,
                                     .classes = classes,
                                     .benign = round == 3 ? -1 : 0};
        make_rows(ROWS, classes, round < 2 ? 1 : 4, 7, truth, p);
        for (int r = 0; r < RESAMPLES; r++) {
            double found[FIGURES];
            for (size_t i = 0; i < ROWS; i++)
                row[i] = weir_random_below(&random, ROWS);
            find_figures(truth, p, row, ROWS, classes, judged.benign, found);
            for (size_t f = 0; f < FIGURES; f++)
                figure[f][r] = found[f];
        }
        assert_int_equal(weir_metrics_compute(&judged, &m), WEIR_OK);
        for (size_t f = 0; f < FIGURES; f++) {
            double value;
            const char *name = weir_metrics_figure(&m, WEIR_METRICS_RATES + f, &value);
            struct weir_interval got = m.interval[WEIR_METRICS_RATES + f];
            qsort(figure[f], RESAMPLES, sizeof **figure, compare);
            double low = figure[f][RESAMPLES / 40], high = figure[f][RESAMPLES - 1 - RESAMPLES / 40], width = high - low;
            if (fabs(got.low - low) > width / 5 || fabs(got.high - high) > width / 5)
                fail_msg("%s, round %d: %g to %g, rows resampled: %g to %g", name, round, got.low, got.high, low, high);
        }
        weir_metrics_fini(&m);
    }
}

/* Every pair of a positive and a negative, and the precision at every threshold, by definition. */
static void naive_areas(const float *score, const uint8_t *positive, size_t rows, double *roc, double *pr)
{
    double pairs = 0, won = 0, last_recall = 0, positives = 0;
    *pr = 0;
    for (size_t i = 0; i < rows; i++) {
        positives += positive[i];
        for (size_t j = 0; j < rows; j++)
            if (positive[i] && !positive[j]) {
                pairs++;
                won += score[i] > score[j] ? 1 : score[i] == score[j] ? 0.5 : 0;
            }
    }
    *roc = won / pairs;
    for (float t = 1; t >= 0; t -= 0.125f) {
        double flagged = 0, hit = 0;
        for (size_t i = 0; i < rows; i++)
            if (score[i] >= t) {
                flagged++;
                hit += positive[i];
            }
        if (flagged > 0) {
            *pr += (hit / positives - last_recall) * (hit / flagged);
            last_recall = hit / positives;
        }
    }
}

static void areas_equal_the_definition(void **state)
{
    (void)state;
    srand(5);
    for (int round = 0; round < 200; round++) {
        float score[65];
        uint8_t positive[65];
        size_t rows = 2 + (size_t)rand() % 64;
        double roc, pr, naive_roc, naive_pr;
        for (size_t i = 0; i < rows; i++) {
            score[i] = (float)(rand() % 9) / 8; /* eighths: exact, with many ties */
            positive[i] = (uint8_t)(i < 2 ? i : (size_t)rand() % 2);
        }
        assert_int_equal(weir_metrics_areas(score, positive, rows, &roc, &pr), WEIR_OK);
        naive_areas(score, positive, rows, &naive_roc, &naive_pr);
        check_close(roc, naive_roc, "roc auc");
        check_close(pr, naive_pr, "pr auc");
    }
}

static void areas_at_the_edges(void **state)
{
    double roc, pr;
    (void)state;
    assert_int_equal(weir_metrics_areas(NULL, NULL, 0, &roc, &pr), WEIR_OK);
    assert_true(isnan(roc) && isnan(pr));
    assert_int_equal(weir_metrics_areas((float[]){1, 0}, (uint8_t[]){1, 1}, 2, &roc, &pr), WEIR_OK);
    assert_true(isnan(roc) && isnan(pr));
    assert_int_equal(weir_metrics_areas((float[]){1, 0}, (uint8_t[]){1, 0}, 2, &roc, &pr), WEIR_OK);
    assert_true(roc == 1 && pr == 1);
    assert_int_equal(weir_metrics_areas((float[]){0, 1}, (uint8_t[]){1, 0}, 2, &roc, &pr), WEIR_OK);
    assert_true(roc == 0 && pr == 0.5);
    assert_int_equal(weir_metrics_areas((float[]){NAN, NAN}, (uint8_t[]){1, 0}, 2, &roc, &pr), WEIR_OK); /* ends */
}

static void json_holds_the_figures(void **state)
{
    static const char *const names[] = {"benign", "attack"};
    struct weir_metrics metrics;
    (void)state;
    struct weir_judged judged = {.truth = (uint32_t[]){0, 1, 1, 0},
                                 .predicted = (uint16_t[]){0, 1, 0, 0},
                                 .probabilities = (float[]){.9f, .1f, .2f, .8f, .6f, .4f, .7f, .3f},
                                 .rows = 4,
                                 .classes = 2};
    assert_int_equal(weir_metrics_compute(&judged, &metrics), WEIR_OK);
    json_t *json = weir_metrics_json(&metrics, names);
    char *text = json_dumps(json, JSON_COMPACT);
    static const char first[] =
        "{\"accuracy\":0.75,\"precision\":1.0,\"recall\":0.5,\"f1\":0.66666666666666663,\"roc_auc\":1.0,"
        "\"pr_auc\":1.0,\"confusion\":[[2,0],[1,1]],\"classes\":[\"benign\",\"attack\"],\"per_class\":["
        "{\"class\":\"benign\",\"precision\":0.66666666666666663,\"recall\":1.0,\"f1\":0.80000000000000004,"
        "\"roc_auc\":1.0,\"pr_auc\":1.0,\"rows\":2},{\"class\":\"attack\",\"precision\":1.0,\"recall\":0.5,"
        "\"f1\":0.66666666666666663,\"roc_auc\":1.0,\"pr_auc\":1.0,\"rows\":2}],\"rows\":4,"
        "\"balanced_accuracy\":0.75,\"precision_macro\":";
    assert_memory_equal(text, first, sizeof first - 1);
    assert_true(json_real_value(json_object_get(json, "f1_macro")) == (0.8 + 2.0 / 3) / 2);
    const json_t *detection = json_object_get(json, "detection");
    assert_int_equal(json_integer_value(json_object_get(detection, "attacks")), 2);
    assert_true(json_real_value(json_object_get(detection, "recall")) == 0.5);
    assert_true(json_real_value(json_object_get(detection, "fpr")) == 0);
    assert_true(json_real_value(json_object_get(detection, "benign_share")) == 0.5);
    assert_true(json_real_value(json_object_get(detection, "alerts_per_day")) == 1000 * 86400.0 * 0.5 * 0.5);
    const json_t *at = json_array_get(json_object_get(detection, "at_fpr"), 1);
    assert_true(json_real_value(json_object_get(at, "limit")) == 1e-4);
    assert_true(json_real_value(json_object_get(at, "threshold")) == 0.4f && json_real_value(json_object_get(at, "recall")) == 1);
    const json_t *interval = json_object_get(json_object_get(json, "intervals"), "recall");
    assert_true(json_real_value(json_array_get(interval, 0)) == 0 && json_real_value(json_array_get(interval, 1)) == 1);
    free(text);
    json_decref(json);
    weir_metrics_fini(&metrics);
    judged.rows = 1; /* no attack */
    assert_int_equal(weir_metrics_compute(&judged, &metrics), WEIR_OK);
    json = weir_metrics_json(&metrics, names);
    assert_true(json_is_null(json_object_get(json, "roc_auc")));
    assert_true(json_is_null(json_object_get(json_object_get(json, "detection"), "recall")));
    json_decref(json);
    weir_metrics_fini(&metrics);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(figures_equal_scikit_learn), cmocka_unit_test(intervals_equal_those_of_resampled_rows),
        cmocka_unit_test(areas_equal_the_definition), cmocka_unit_test(areas_at_the_edges),
        cmocka_unit_test(json_holds_the_figures),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
