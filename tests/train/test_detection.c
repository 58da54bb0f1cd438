/* Rankings, thinned curves and what is made of them, against definitions computed row by row. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "train/detection.h"
#include "base/random.h"

struct sample {
    float *score;
    uint8_t *attack;
    uint64_t *list; /* and as much room behind it */
    size_t rows;
};

/* distinct: how many scores there are, 0: as many as float32 holds. */
static struct sample make(size_t rows, uint32_t distinct, double attacks, double apart, uint64_t seed)
{
    struct sample s = {malloc(rows * sizeof *s.score), malloc(rows), malloc(2 * rows * sizeof *s.list), rows};
    for (size_t i = 0; i < rows; i++) {
        double noise = 0;
        s.attack[i] = weir_random_share(&seed) < attacks;
        for (int k = 0; k < 4; k++) /* as good as normal */
            noise += weir_random_share(&seed) - 0.5;
        double score = 1 / (1 + exp(-(s.attack[i] ? apart : 0) - 2 * noise));
        s.score[i] = (float)(distinct ? floor(score * distinct) / distinct : score);
        s.list[i] = weir_ranking_row(s.score[i], s.attack[i]);
    }
    return s;
}

static void end(struct sample *s)
{
    free(s->score);
    free(s->attack);
    free(s->list);
}

static void rank_order_is_that_of_floats(void **state)
{
    static const float falling[] = {INFINITY, 3e38f, 1, 0.5f, 1e-40f, 0, -1e-40f, -2, -INFINITY, NAN};
    uint64_t list[10], spare[10];
    struct weir_ranking ranking;
    (void)state;
    for (size_t i = 0; i < 10; i++)
        list[i] = weir_ranking_row(falling[(i * 7) % 10], (i * 7) % 10 == 3);
    assert_int_equal(weir_ranking_make(list, spare, 10, &ranking), WEIR_OK);
    assert_int_equal(ranking.count, 10);
    assert_true(ranking.positives == 1 && ranking.negatives == 9);
    for (size_t i = 0; i < 10; i++) {
        assert_true(ranking.rank[i].score == falling[i] || (isnan(falling[i]) && isnan(ranking.rank[i].score)));
        assert_int_equal(ranking.rank[i].positives, i == 3);
    }
    weir_ranking_fini(&ranking);
    list[0] = weir_ranking_row(-0.0f, 1);
    list[1] = weir_ranking_row(0.0f, 0);
    assert_int_equal(weir_ranking_make(list, spare, 2, &ranking), WEIR_OK);
    assert_int_equal(ranking.count, 1);
    weir_ranking_fini(&ranking);
}

/* Tries every score as a threshold. */
static void recall_at_a_rate_is_the_best_there_is(void **state)
{
    (void)state;
    for (uint64_t round = 0; round < 60; round++) {
        struct sample s = make(3 + round * 5, round % 3 ? 12 : 0, 0.4, 2, round);
        struct weir_ranking ranking;
        assert_int_equal(weir_ranking_make(s.list, s.list + s.rows, s.rows, &ranking), WEIR_OK);
        for (double limit = 0; limit <= 1; limit += 0.125) {
            struct weir_operating got = weir_ranking_at(&ranking, limit);
            double best = 0, hits = 0, misses = 0;
            for (size_t t = 0; t < s.rows; t++) {
                double h = 0, m = 0;
                for (size_t i = 0; i < s.rows; i++)
                    if (s.score[i] >= s.score[t])
                        *(s.attack[i] ? &h : &m) += 1;
                if (m <= limit * (double)ranking.negatives && ranking.positives && h / (double)ranking.positives > best)
                    best = h / (double)ranking.positives;
            }
            for (size_t i = 0; i < s.rows; i++)
                if (s.score[i] >= got.threshold)
                    *(s.attack[i] ? &hits : &misses) += 1;
            if (ranking.positives)
                assert_true(got.recall == best && got.recall == hits / (double)ranking.positives);
            if (ranking.negatives)
                assert_true(got.fpr == misses / (double)ranking.negatives && got.fpr <= limit);
        }
        weir_ranking_fini(&ranking);
        end(&s);
    }
}

/* The thinned line's height at x; of a step its upper or lower end. */
static int touches(const struct weir_polyline *line, double x, double y, double tolerance)
{
    for (size_t i = 0; i + 1 < line->count; i++) {
        struct weir_point a = line->point[i], b = line->point[i + 1];
        double dx = b.x - a.x, dy = b.y - a.y, length = dx * dx + dy * dy;
        double t = length > 0 ? fmax(0, fmin(1, ((x - a.x) * dx + (y - a.y) * dy) / length)) : 0;
        if (hypot(a.x + t * dx - x, a.y + t * dy - y) <= tolerance)
            return 1;
    }
    return 0;
}

static void thinned_curves_look_the_same(void **state)
{
    static const struct {
        size_t rows;
        uint32_t distinct;
        double attacks, apart;
    } cases[] = {{20000, 0, 0.2, 2}, {20000, 0, 0.5, 0.3}, {20000, 30, 0.01, 1}, {2, 0, 0.5, 1}, {20000, 0, 0.001, 3}};
    (void)state;
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        struct sample s = make(cases[c].rows, cases[c].distinct, cases[c].attacks, cases[c].apart, 3 + c);
        struct weir_ranking ranking;
        struct weir_polyline roc, pr;
        double hits = 0, misses = 0;
        assert_int_equal(weir_ranking_make(s.list, s.list + s.rows, s.rows, &ranking), WEIR_OK);
        assert_int_equal(weir_ranking_roc(&ranking, &roc), WEIR_OK);
        assert_int_equal(weir_ranking_pr(&ranking, &pr), WEIR_OK);
        if (!ranking.positives || !ranking.negatives) {
            assert_true(roc.count == 0 && pr.count == 0);
        } else {
            assert_true(roc.count >= 2 && roc.count <= WEIR_POLYLINE_POINTS && pr.count <= WEIR_POLYLINE_POINTS);
            assert_true(roc.point[0].x == 0 && roc.point[0].y == 0);
            assert_true(roc.point[roc.count - 1].x == 1 && roc.point[roc.count - 1].y == 1);
            for (size_t i = 1; i < roc.count; i++)
                assert_true(roc.point[i].x >= roc.point[i - 1].x && roc.point[i].y >= roc.point[i - 1].y);
            for (size_t i = 0; i < ranking.count; i++) { /* a dot of a picture of 250 dots */
                hits += ranking.rank[i].positives;
                misses += ranking.rank[i].negatives;
                double recall = hits / (double)ranking.positives;
                assert_true(touches(&roc, misses / (double)ranking.negatives, recall, 0.004));
                if (recall < 1)
                    assert_true(touches(&pr, recall, hits / (hits + misses), 0.004));
            }
        }
        weir_ranking_fini(&ranking);
        end(&s);
    }
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The bootstrap as the book has it: rows drawn with replacement, every figure from scratch. */
static void intervals_equal_those_of_resampled_rows(void **state)
{
    enum { RESAMPLES = 600, ROWS = 4000 };
    (void)state;
    for (int ties = 0; ties < 2; ties++) {
        struct sample s = make(ROWS, ties ? 40 : 0, 0.3, 1.5, 9);
        static double figure[3][RESAMPLES];
        uint64_t random = 77;
        uint64_t *list = malloc(2 * ROWS * sizeof *list);
        for (int r = 0; r < RESAMPLES; r++) {
            struct weir_ranking ranking;
            for (size_t i = 0; i < ROWS; i++)
                list[i] = s.list[weir_random_below(&random, ROWS)];
            assert_int_equal(weir_ranking_make(list, list + ROWS, ROWS, &ranking), WEIR_OK);
            weir_ranking_areas(&ranking, &figure[0][r], &figure[1][r]);
            figure[2][r] = weir_ranking_at(&ranking, 1e-3).recall;
            weir_ranking_fini(&ranking);
        }
        struct weir_detection detection;
        memcpy(list, s.list, ROWS * sizeof *list);
        assert_int_equal(weir_detection_find(list, list + ROWS, ROWS, 0, 0, &detection), WEIR_OK);
        struct weir_interval got[3] = {detection.roc_auc_interval, detection.pr_auc_interval, detection.recall_interval[0]};
        double value[3] = {detection.roc_auc, detection.pr_auc, detection.at[0].recall};
        for (int f = 0; f < 3; f++) {
            qsort(figure[f], RESAMPLES, sizeof **figure, compare);
            double low = figure[f][RESAMPLES / 40], high = figure[f][RESAMPLES - 1 - RESAMPLES / 40], width = high - low;
            assert_true(got[f].low <= value[f] && value[f] <= got[f].high);
            if (fabs(got[f].low - low) > width / 4 || fabs(got[f].high - high) > width / 4)
                fail_msg("figure %d, ties %d: %g to %g, rows resampled: %g to %g", f, ties, got[f].low, got[f].high, low, high);
        }
        free(list);
        end(&s);
    }
}

static void alerts_a_day_count_flows(void **state)
{
    (void)state;
    struct weir_operating point = {.fpr = 0.001, .recall = 0.9};
    struct weir_alerts alerts = weir_detection_alerts(&point, 1000, 0.99);
    assert_true(fabs(alerts.false_ones - 1000 * 86400 * 0.99 * 0.001) < 1e-6);
    assert_true(fabs(alerts.all - alerts.false_ones - 1000 * 86400 * 0.01 * 0.9) < 1e-6);
    point.recall = NAN; /* no attack was tested, and none is expected */
    assert_true(weir_detection_alerts(&point, 1000, 1).all == 86400);
    assert_true(isnan(weir_detection_alerts(&point, 1000, 0.5).all));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rank_order_is_that_of_floats), cmocka_unit_test(recall_at_a_rate_is_the_best_there_is),
        cmocka_unit_test(thinned_curves_look_the_same), cmocka_unit_test(intervals_equal_those_of_resampled_rows),
        cmocka_unit_test(alerts_a_day_count_flows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
