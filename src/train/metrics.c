#include "train/metrics.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "train/ranking.h"

enum { SEED = 0x776d65 };

static const struct {
    const char *name;
    size_t at;
} rates[WEIR_METRICS_RATES] = {
    {"accuracy", offsetof(struct weir_metrics, accuracy)},
    {"balanced_accuracy", offsetof(struct weir_metrics, balanced_accuracy)},
    {"precision", offsetof(struct weir_metrics, precision)},
    {"recall", offsetof(struct weir_metrics, recall)},
    {"f1", offsetof(struct weir_metrics, f1)},
    {"precision_macro", offsetof(struct weir_metrics, macro.precision)},
    {"recall_macro", offsetof(struct weir_metrics, macro.recall)},
    {"f1_macro", offsetof(struct weir_metrics, macro.f1)},
    {"precision_weighted", offsetof(struct weir_metrics, weighted.precision)},
    {"recall_weighted", offsetof(struct weir_metrics, weighted.recall)},
    {"f1_weighted", offsetof(struct weir_metrics, weighted.f1)},
    {"mcc", offsetof(struct weir_metrics, mcc)},
};

const char *weir_metrics_rate(const struct weir_metrics *metrics, size_t i, double *value)
{
    memcpy(value, (const char *)metrics + rates[i].at, sizeof *value);
    return rates[i].name;
}

weir_err weir_metrics_areas(const float *score, const uint8_t *positive, size_t rows, double *roc_auc, double *pr_auc)
{
    struct weir_ranking ranking = {0};
    uint64_t *list = malloc((rows + 1) * 2 * sizeof *list);
    weir_err failed = list ? WEIR_OK : WEIR_ERR_MEMORY;
    for (size_t i = 0; i < rows && !failed; i++)
        list[i] = weir_ranking_row(score[i], positive[i]);
    if (!failed)
        failed = weir_ranking_make(list, list + rows, rows, &ranking);
    if (!failed)
        weir_ranking_areas(&ranking, roc_auc, pr_auc);
    weir_ranking_fini(&ranking);
    free(list);
    return failed;
}

/* ---- Rates of a confusion matrix ------------------------------------------------------------------------------------------- */

static double divide(uint64_t a, uint64_t b)
{
    return b ? (double)a / (double)b : 0;
}

static void add(struct weir_means *sum, const struct weir_class_metrics *class, double weight)
{
    sum->precision += class->precision * weight;
    sum->recall += class->recall * weight;
    sum->f1 += class->f1 * weight;
}

static void divide_means(struct weir_means *sum, double by)
{
    sum->precision /= by;
    sum->recall /= by;
    sum->f1 /= by;
}

void weir_metrics_find_rates(struct weir_metrics *m)
{
    size_t n = m->class_count, occurring = 0, with_rows = 0;
    uint64_t right = 0, all = 0;
    double chance = 0, true_squares = 0, predicted_squares = 0;
    m->macro = m->weighted = (struct weir_means){0};
    m->balanced_accuracy = 0;
    for (size_t k = 0; k < n; k++) {
        struct weir_class_metrics *class = &m->classes[k];
        uint64_t hit = m->confusion[k * n + k], predicted = 0, rows = 0;
        for (size_t i = 0; i < n; i++) {
            predicted += m->confusion[i * n + k];
            rows += m->confusion[k * n + i];
        }
        class->rows = rows;
        class->precision = divide(hit, predicted);
        class->recall = divide(hit, rows);
        class->f1 = divide(2 * hit, predicted + rows);
        right += hit;
        all += rows;
        occurring += predicted + rows > 0;
        with_rows += rows > 0;
        m->balanced_accuracy += class->recall;
        add(&m->macro, class, 1); /* 0 for a class that does not occur */
        add(&m->weighted, class, (double)rows);
        chance += (double)predicted * (double)rows;
        true_squares += (double)rows * (double)rows;
        predicted_squares += (double)predicted * (double)predicted;
    }
    double squared = (double)all * (double)all;
    double below = sqrt(squared - predicted_squares) * sqrt(squared - true_squares);
    m->accuracy = divide(right, all);
    m->balanced_accuracy /= with_rows ? (double)with_rows : 1;
    m->mcc = below > 0 ? ((double)right * (double)all - chance) / below : 0;
    divide_means(&m->macro, occurring ? (double)occurring : 1);
    divide_means(&m->weighted, all ? (double)all : 1);
    struct weir_means positive = {m->classes[1].precision, m->classes[1].recall, m->classes[1].f1};
    const struct weir_means *overall = n == 2 ? &positive : &m->macro;
    m->precision = overall->precision;
    m->recall = overall->recall;
    m->f1 = overall->f1;
}

static void find_resampled_rates(void *context, const uint64_t *counts, double *out)
{
    struct weir_metrics *m = context;
    memcpy(m->confusion, counts, m->class_count * m->class_count * sizeof *counts);
    weir_metrics_find_rates(m);
    for (size_t i = 0; i < WEIR_METRICS_RATES; i++)
        weir_metrics_rate(m, i, &out[i]);
}

static weir_err find_intervals(struct weir_metrics *metrics)
{
    size_t n = metrics->class_count;
    struct weir_metrics resampled = {.class_count = n};
    resampled.confusion = malloc(n * n * sizeof *resampled.confusion);
    resampled.classes = calloc(n, sizeof *resampled.classes);
    weir_err failed = resampled.confusion && resampled.classes ? WEIR_OK : WEIR_ERR_MEMORY;
    if (!failed)
        failed = weir_bootstrap(metrics->confusion, n * n, SEED, find_resampled_rates, &resampled, WEIR_METRICS_RATES,
                                metrics->interval);
    weir_metrics_fini(&resampled);
    return failed;
}

/* ---- Figures of the probabilities ------------------------------------------------------------------------------------------ */

/* One class against the rest, each in turn. */
static weir_err find_areas(const struct weir_judged *j, uint64_t *list, uint64_t *spare, struct weir_metrics *out)
{
    double roc_sum = 0, pr_sum = 0;
    size_t with_area = 0;
    for (size_t k = 0; k < j->classes; k++) {
        struct weir_class_metrics *class = &out->classes[k];
        struct weir_ranking ranking;
        for (size_t i = 0; i < j->rows; i++)
            list[i] = weir_ranking_row(j->probabilities[i * j->classes + k], j->truth[i] == k);
        weir_err failed = weir_ranking_make(list, spare, j->rows, &ranking);
        if (failed)
            return failed;
        weir_ranking_areas(&ranking, &class->roc_auc, &class->pr_auc);
        weir_ranking_fini(&ranking);
        if (!isnan(class->roc_auc)) {
            roc_sum += class->roc_auc;
            pr_sum += class->pr_auc;
            with_area++;
        }
    }
    out->roc_auc = j->classes == 2 ? out->classes[1].roc_auc : with_area ? roc_sum / (double)with_area : NAN;
    out->pr_auc = j->classes == 2 ? out->classes[1].pr_auc : with_area ? pr_sum / (double)with_area : NAN;
    return WEIR_OK;
}

static weir_err find_detection(const struct weir_judged *j, size_t benign, uint64_t *list, uint64_t *spare,
                               struct weir_metrics *out)
{
    uint64_t alerts[2] = {0};
    for (size_t i = 0; i < j->rows; i++) {
        const float *p = &j->probabilities[i * j->classes];
        bool attack = j->truth[i] != benign;
        list[i] = weir_ranking_row(j->classes == 2 ? p[1] : 1 - p[benign], attack);
        alerts[attack] += j->alert ? j->alert[i] != 0 : j->predicted[i] != benign;
    }
    return weir_detection_find(list, spare, j->rows, alerts[1], alerts[0], &out->detection);
}

weir_err weir_metrics_compute(const struct weir_judged *j, struct weir_metrics *out)
{
    size_t n = j->classes;
    int benign = n == 2 ? 0 : j->benign;
    *out = (struct weir_metrics){.rows = j->rows, .class_count = n, .flows_per_s = 1000, .benign_share = NAN};
    if (j->rows > UINT32_MAX)
        return WEIR_ERR_LIMIT;
    uint64_t *list = malloc((j->rows + 1) * 2 * sizeof *list), *spare = list ? list + j->rows : NULL;
    out->confusion = calloc(n * n, sizeof *out->confusion);
    out->classes = calloc(n, sizeof *out->classes);
    weir_err failed = list && out->confusion && out->classes ? WEIR_OK : WEIR_ERR_MEMORY;
    if (!failed) {
        for (size_t i = 0; i < j->rows; i++)
            out->confusion[j->truth[i] * n + j->predicted[i]]++;
        weir_metrics_find_rates(out);
        weir_calibration_find(j->truth, j->probabilities, j->rows, n, benign, &out->calibration);
        failed = find_areas(j, list, spare, out);
    }
    if (!failed)
        failed = find_intervals(out);
    if (!failed && benign >= 0)
        failed = find_detection(j, (size_t)benign, list, spare, out);
    if (!failed && out->detection.attacks + out->detection.normal)
        out->benign_share = (double)out->detection.normal / (double)(out->detection.attacks + out->detection.normal);
    free(list);
    if (failed)
        weir_metrics_fini(out);
    return failed;
}

void weir_metrics_fini(struct weir_metrics *metrics)
{
    free(metrics->confusion);
    free(metrics->classes);
    *metrics = (struct weir_metrics){0};
}
