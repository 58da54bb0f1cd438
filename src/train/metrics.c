#include "train/metrics.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct scored {
    float score;
    uint32_t positive;
};

static int compare_descending(const void *a, const void *b)
{
    float x = ((const struct scored *)a)->score, y = ((const struct scored *)b)->score;
    return (x < y) - (x > y);
}

/* Walks down the distinct scores. Sorts `rows`. */
static void find_areas(struct scored *rows, size_t count, double *roc_auc, double *pr_auc)
{
    uint64_t positives = 0, true_positives = 0, false_positives = 0;
    uint64_t doubled = 0; /* twice the pairs (positive above negative), a tie counting one: whole numbers, so exact */
    double area = 0;
    for (size_t i = 0; i < count; i++)
        positives += rows[i].positive;
    *roc_auc = *pr_auc = NAN;
    if (!positives || positives == count)
        return;
    qsort(rows, count, sizeof *rows, compare_descending);
    for (size_t i = 0, j; i < count; i = j) {
        uint64_t hit = 0;
        for (j = i; j < count && (j == i || rows[j].score == rows[i].score); j++) /* a NaN equals nothing, not even itself */
            hit += rows[j].positive;
        uint64_t miss = j - i - hit;
        doubled += miss * (2 * true_positives + hit);
        true_positives += hit;
        false_positives += miss;
        area += (double)hit / (double)positives * ((double)true_positives / (double)(true_positives + false_positives));
    }
    *roc_auc = (double)doubled / 2 / ((double)positives * (double)(count - positives));
    *pr_auc = area;
}

weir_err weir_metrics_areas(const float *score, const uint8_t *positive, size_t rows, double *roc_auc, double *pr_auc)
{
    struct scored *list = malloc((rows + 1) * sizeof *list);
    if (!list)
        return WEIR_ERR_MEMORY;
    for (size_t i = 0; i < rows; i++)
        list[i] = (struct scored){.score = score[i], .positive = positive[i]};
    find_areas(list, rows, roc_auc, pr_auc);
    free(list);
    return WEIR_OK;
}

static double divide(uint64_t a, uint64_t b)
{
    return b ? (double)a / (double)b : 0;
}

/* Precision, recall and F1 of class k; returns whether the class occurs at all. */
static int rate_class(struct weir_metrics *metrics, size_t k)
{
    size_t n = metrics->class_count;
    uint64_t hit = metrics->confusion[k * n + k], predicted = 0, rows = 0;
    for (size_t i = 0; i < n; i++) {
        predicted += metrics->confusion[i * n + k];
        rows += metrics->confusion[k * n + i];
    }
    metrics->classes[k].rows = rows;
    metrics->classes[k].precision = divide(hit, predicted);
    metrics->classes[k].recall = divide(hit, rows);
    metrics->classes[k].f1 = divide(2 * hit, predicted + rows);
    return predicted + rows > 0;
}

static void take_class(struct weir_metrics *metrics, const struct weir_class_metrics *from)
{
    metrics->precision = from->precision;
    metrics->recall = from->recall;
    metrics->f1 = from->f1;
    metrics->roc_auc = from->roc_auc;
    metrics->pr_auc = from->pr_auc;
}

static void take_means(struct weir_metrics *metrics, size_t occurring)
{
    struct weir_class_metrics sum = {0};
    size_t with_area = 0;
    for (size_t k = 0; k < metrics->class_count; k++) {
        const struct weir_class_metrics *class = &metrics->classes[k];
        sum.precision += class->precision; /* 0 for a class that does not occur */
        sum.recall += class->recall;
        sum.f1 += class->f1;
        if (!isnan(class->roc_auc)) {
            sum.roc_auc += class->roc_auc;
            sum.pr_auc += class->pr_auc;
            with_area++;
        }
    }
    double n = occurring ? (double)occurring : 1, m = with_area ? (double)with_area : NAN;
    take_class(metrics, &(struct weir_class_metrics){.precision = sum.precision / n,
                                                     .recall = sum.recall / n,
                                                     .f1 = sum.f1 / n,
                                                     .roc_auc = sum.roc_auc / m,
                                                     .pr_auc = sum.pr_auc / m});
}

weir_err weir_metrics_compute(const uint32_t *truth, const uint16_t *predicted, const float *probabilities, size_t rows,
                              size_t classes, struct weir_metrics *out)
{
    *out = (struct weir_metrics){.rows = rows, .class_count = classes};
    if (rows > UINT32_MAX) /* pairs of rows are counted in 64 bits */
        return WEIR_ERR_LIMIT;
    struct scored *list = malloc((rows + 1) * sizeof *list);
    out->confusion = calloc(classes * classes, sizeof *out->confusion);
    out->classes = calloc(classes, sizeof *out->classes);
    if (!list || !out->confusion || !out->classes) {
        free(list);
        weir_metrics_fini(out);
        return WEIR_ERR_MEMORY;
    }
    uint64_t right = 0;
    size_t occurring = 0;
    for (size_t i = 0; i < rows; i++) {
        out->confusion[truth[i] * classes + predicted[i]]++;
        right += truth[i] == predicted[i];
    }
    out->accuracy = divide(right, rows);
    for (size_t k = 0; k < classes; k++) {
        occurring += (size_t)rate_class(out, k);
        for (size_t i = 0; i < rows; i++)
            list[i] = (struct scored){.score = probabilities[i * classes + k], .positive = truth[i] == k};
        find_areas(list, rows, &out->classes[k].roc_auc, &out->classes[k].pr_auc);
    }
    free(list);
    if (classes == 2)
        take_class(out, &out->classes[1]);
    else
        take_means(out, occurring);
    return WEIR_OK;
}

void weir_metrics_fini(struct weir_metrics *metrics)
{
    free(metrics->confusion);
    free(metrics->classes);
    *metrics = (struct weir_metrics){0};
}

/* ---- Showing --------------------------------------------------------------------------------------------------------------- */

static json_t *real(double value)
{
    return isnan(value) ? json_null() : json_real(value);
}

json_t *weir_metrics_json(const struct weir_metrics *metrics, const char *const *class_names)
{
    size_t n = metrics->class_count;
    json_t *confusion = json_array(), *names = json_array(), *per_class = json_array();
    for (size_t k = 0; k < n; k++) {
        const struct weir_class_metrics *class = &metrics->classes[k];
        json_t *line = json_array();
        for (size_t i = 0; i < n; i++)
            json_array_append_new(line, json_integer((json_int_t)metrics->confusion[k * n + i]));
        json_array_append_new(confusion, line);
        json_array_append_new(names, json_string(class_names[k]));
        json_array_append_new(per_class,
                              json_pack("{s:s,s:o,s:o,s:o,s:o,s:o,s:I}", "class", class_names[k], "precision",
                                        real(class->precision), "recall", real(class->recall), "f1", real(class->f1), "roc_auc",
                                        real(class->roc_auc), "pr_auc", real(class->pr_auc), "rows", (json_int_t) class->rows));
    }
    return json_pack("{s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:I}", "accuracy", real(metrics->accuracy), "precision",
                     real(metrics->precision), "recall", real(metrics->recall), "f1", real(metrics->f1), "roc_auc",
                     real(metrics->roc_auc), "pr_auc", real(metrics->pr_auc), "confusion", confusion, "classes", names,
                     "per_class", per_class, "rows", (json_int_t)metrics->rows);
}

static int widest(const char *const *names, size_t count, int least)
{
    for (size_t i = 0; i < count; i++)
        if ((int)strlen(names[i]) > least)
            least = (int)strlen(names[i]);
    return least > 40 ? 40 : least;
}

void weir_metrics_print(FILE *to, const struct weir_metrics *metrics, const char *const *class_names)
{
    size_t n = metrics->class_count;
    int width = widest(class_names, n, 8);
    fprintf(to, "accuracy   %.6f\nprecision  %.6f\nrecall     %.6f\nf1         %.6f\nroc auc    %.6f\npr auc     %.6f\n",
            metrics->accuracy, metrics->precision, metrics->recall, metrics->f1, metrics->roc_auc, metrics->pr_auc);
    fprintf(to, "\n%-*s  precision    recall        f1   roc auc    pr auc      rows\n", width, "class");
    for (size_t k = 0; k < n; k++) {
        const struct weir_class_metrics *class = &metrics->classes[k];
        fprintf(to, "%-*.*s  %9.6f %9.6f %9.6f %9.6f %9.6f %9llu\n", width, width, class_names[k], class->precision,
                class->recall, class->f1, class->roc_auc, class->pr_auc, (unsigned long long)class->rows);
    }
    /* Wide matrices get numbered columns. */
    fprintf(to, "\n%-*s  predicted\n%-*s ", width, "true", width, "");
    int cell = n <= 4 ? widest(class_names, n, 8) : 8;
    for (size_t k = 0; k < n; k++)
        if (n <= 4)
            fprintf(to, " %*.*s", cell, cell, class_names[k]);
        else
            fprintf(to, " %*zu", cell, k);
    for (size_t k = 0; k < n; k++) {
        fprintf(to, "\n%-*.*s ", width, width, class_names[k]);
        for (size_t i = 0; i < n; i++)
            fprintf(to, " %*llu", cell, (unsigned long long)metrics->confusion[k * n + i]);
    }
    fputs("\n", to);
}
