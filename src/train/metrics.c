#include "train/metrics.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "train/ranking.h"
#include "train/sway.h"

enum { SEED = 0x776d65 };
enum { ROC_AUC = WEIR_METRICS_RATES, PR_AUC, LOG_LOSS, BRIER, ECE }; /* places in the table */

static const struct {
    const char *name;
    size_t at;
} figures[WEIR_METRICS_FIGURES] = {
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
    {"roc_auc", offsetof(struct weir_metrics, roc_auc)},
    {"pr_auc", offsetof(struct weir_metrics, pr_auc)},
    {"log_loss", offsetof(struct weir_metrics, calibration.log_loss)},
    {"brier", offsetof(struct weir_metrics, calibration.brier)},
    {"ece", offsetof(struct weir_metrics, calibration.ece)},
};

const char *weir_metrics_figure(const struct weir_metrics *metrics, size_t i, double *value)
{
    memcpy(value, (const char *)metrics + figures[i].at, sizeof *value);
    return figures[i].name;
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
        weir_metrics_figure(m, i, &out[i]);
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

/* Ranks row i by class k. Of two classes both by the second one's probability: small ones have more digits than what is left
 * of 1. */
static float score_of(const struct weir_judged *j, size_t i, size_t k)
{
    return j->classes == 2 && k == 0 ? -j->probabilities[i * 2 + 1] : j->probabilities[i * j->classes + k];
}

/* What the rows sway in the mean of the areas, summed over the classes so far. */
struct sways {
    double *roc, *pr;
    size_t areas; /* classes that have one */
};

static weir_err add_sways(const struct weir_judged *j, size_t k, const struct weir_ranking *ranking,
                          const struct weir_class_metrics *class, struct sways *sways)
{
    struct weir_rank_sway *of_rank = malloc((ranking->count + 1) * sizeof *of_rank);
    if (!of_rank)
        return WEIR_ERR_MEMORY;
    weir_ranking_sway(ranking, class->roc_auc, class->pr_auc, of_rank);
    for (size_t i = 0; i < j->rows; i++) {
        const struct weir_rank_sway *rank = &of_rank[weir_ranking_place(ranking, score_of(j, i, k))];
        bool positive = j->truth[i] == k;
        sways->roc[i] += positive ? rank->positive_roc : rank->negative_roc;
        sways->pr[i] += positive ? rank->positive_pr : rank->negative_pr;
    }
    sways->areas++;
    free(of_rank);
    return WEIR_OK;
}

/* One class against the rest. sways NULL: not asked for. */
static weir_err find_area(const struct weir_judged *j, size_t k, uint64_t *list, uint64_t *spare, struct sways *sways,
                          struct weir_class_metrics *class)
{
    struct weir_ranking ranking;
    for (size_t i = 0; i < j->rows; i++)
        list[i] = weir_ranking_row(score_of(j, i, k), j->truth[i] == k);
    weir_err failed = weir_ranking_make(list, spare, j->rows, &ranking);
    if (failed)
        return failed;
    weir_ranking_areas(&ranking, &class->roc_auc, &class->pr_auc);
    if (sways && !isnan(class->roc_auc))
        failed = add_sways(j, k, &ranking, class, sways);
    weir_ranking_fini(&ranking);
    return failed;
}

/* Of more than two classes: the mean over those that have areas. */
static weir_err find_mean_areas(const struct weir_judged *j, uint64_t *list, uint64_t *spare, struct weir_metrics *out)
{
    struct sways sways = {.roc = calloc(j->rows + 1, sizeof *sways.roc), .pr = calloc(j->rows + 1, sizeof *sways.pr)};
    weir_err failed = sways.roc && sways.pr ? WEIR_OK : WEIR_ERR_MEMORY;
    double roc_sum = 0, pr_sum = 0;
    for (size_t k = 0; k < j->classes && !failed; k++) {
        struct weir_class_metrics *class = &out->classes[k];
        failed = find_area(j, k, list, spare, &sways, class);
        roc_sum += isnan(class->roc_auc) ? 0 : class->roc_auc;
        pr_sum += isnan(class->pr_auc) ? 0 : class->pr_auc;
    }
    if (!failed && sways.areas) {
        out->roc_auc = roc_sum / (double)sways.areas;
        out->pr_auc = pr_sum / (double)sways.areas;
        for (size_t i = 0; i < j->rows; i++) {
            sways.roc[i] /= (double)sways.areas;
            sways.pr[i] /= (double)sways.areas;
        }
        failed = weir_sway_interval(sways.roc, j->rows, out->roc_auc, 0, 1, &out->interval[ROC_AUC]);
        if (!failed)
            failed = weir_sway_interval(sways.pr, j->rows, out->pr_auc, 0, 1, &out->interval[PR_AUC]);
    }
    free(sways.roc);
    free(sways.pr);
    return failed;
}

/* Their intervals of two classes are the detection's. */
static weir_err find_areas(const struct weir_judged *j, uint64_t *list, uint64_t *spare, struct weir_metrics *out)
{
    out->roc_auc = out->pr_auc = NAN;
    out->interval[ROC_AUC] = out->interval[PR_AUC] = (struct weir_interval){NAN, NAN};
    if (j->classes > 2)
        return find_mean_areas(j, list, spare, out);
    weir_err failed = WEIR_OK;
    for (size_t k = 0; k < 2 && !failed; k++)
        failed = find_area(j, k, list, spare, NULL, &out->classes[k]);
    out->roc_auc = out->classes[1].roc_auc;
    out->pr_auc = out->classes[1].pr_auc;
    return failed;
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
    weir_err failed = weir_detection_find(list, spare, j->rows, alerts[1], alerts[0], &out->detection);
    if (!failed && j->classes == 2) {
        out->interval[ROC_AUC] = out->detection.roc_auc_interval;
        out->interval[PR_AUC] = out->detection.pr_auc_interval;
    }
    return failed;
}

static weir_err find_calibration(const struct weir_judged *j, int benign, struct weir_metrics *out)
{
    struct weir_calibration *found = &out->calibration;
    weir_err failed = weir_calibration_find(j->truth, j->probabilities, j->rows, j->classes, benign, found);
    out->interval[LOG_LOSS] = found->log_loss_interval;
    out->interval[BRIER] = found->brier_interval;
    out->interval[ECE] = found->ece_interval;
    return failed;
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
        failed = find_calibration(j, benign, out);
    }
    if (!failed)
        failed = find_areas(j, list, spare, out);
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

void weir_metrics_expect(struct weir_metrics *metrics, double flows_per_s, double benign_share)
{
    if (!isnan(flows_per_s))
        metrics->flows_per_s = flows_per_s;
    if (!isnan(benign_share))
        metrics->benign_share = benign_share;
}

void weir_metrics_fini(struct weir_metrics *metrics)
{
    free(metrics->confusion);
    free(metrics->classes);
    *metrics = (struct weir_metrics){0};
}
