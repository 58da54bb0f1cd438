#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "metrics_reference.h"
#include "train/metrics.h"

static void check_close(double got, double expected, const char *what)
{
    if (!(fabs(got - expected) <= 1e-12))
        fail_msg("%s: %.17g, not %.17g", what, got, expected);
}

static void check_reference(const uint32_t *truth, const uint16_t *predicted, const float *probabilities, size_t rows,
                            size_t classes, const uint64_t *confusion, const double *expected)
{
    struct weir_metrics metrics;
    assert_int_equal(weir_metrics_compute(truth, predicted, probabilities, rows, classes, &metrics), WEIR_OK);
    assert_memory_equal(metrics.confusion, confusion, classes * classes * sizeof *confusion);
    check_close(metrics.accuracy, expected[0], "accuracy");
    check_close(metrics.precision, expected[1], "precision");
    check_close(metrics.recall, expected[2], "recall");
    check_close(metrics.f1, expected[3], "f1");
    check_close(metrics.roc_auc, expected[4], "roc auc");
    check_close(metrics.pr_auc, expected[5], "pr auc");
    weir_metrics_fini(&metrics);
}

#define CHECK_REFERENCE(name, classes)                                                                                           \
    check_reference(name##_truth, name##_predicted, name##_probabilities, sizeof name##_truth / sizeof *name##_truth, classes,   \
                    name##_confusion, name##_expected)

static void figures_equal_scikit_learn(void **state)
{
    (void)state;
    CHECK_REFERENCE(two, 2);
    CHECK_REFERENCE(rare, 2);
    CHECK_REFERENCE(four, 4);
    CHECK_REFERENCE(absent, 5);
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
    assert_int_equal(weir_metrics_compute((uint32_t[]){0, 1, 1, 0}, (uint16_t[]){0, 1, 0, 0},
                                          (float[]){.9f, .1f, .2f, .8f, .6f, .4f, .7f, .3f}, 4, 2, &metrics),
                     WEIR_OK);
    json_t *json = weir_metrics_json(&metrics, names);
    char *text = json_dumps(json, JSON_COMPACT);
    assert_string_equal(text, "{\"accuracy\":0.75,\"precision\":1.0,\"recall\":0.5,\"f1\":0.66666666666666663,\"roc_auc\":1.0,"
                              "\"pr_auc\":1.0,\"confusion\":[[2,0],[1,1]],\"classes\":[\"benign\",\"attack\"],\"per_class\":["
                              "{\"class\":\"benign\",\"precision\":0.66666666666666663,\"recall\":1.0,\"f1\":0.80000000000000004,"
                              "\"roc_auc\":1.0,\"pr_auc\":1.0,\"rows\":2},{\"class\":\"attack\",\"precision\":1.0,\"recall\":0.5,"
                              "\"f1\":0.66666666666666663,\"roc_auc\":1.0,\"pr_auc\":1.0,\"rows\":2}],\"rows\":4}");
    free(text);
    json_decref(json);
    weir_metrics_fini(&metrics);
    assert_int_equal(weir_metrics_compute((uint32_t[]){0}, (uint16_t[]){0}, (float[]){1, 0}, 1, 2, &metrics), WEIR_OK);
    json = weir_metrics_json(&metrics, names);
    assert_true(json_is_null(json_object_get(json, "roc_auc")));
    json_decref(json);
    weir_metrics_fini(&metrics);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(figures_equal_scikit_learn),
        cmocka_unit_test(areas_equal_the_definition),
        cmocka_unit_test(areas_at_the_edges),
        cmocka_unit_test(json_holds_the_figures),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
