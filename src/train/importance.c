#include "train/importance.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "model/build.h"
#include "train/metrics.h"
#include "train/show.h"

enum { BLOCK = 1024, USE_ROWS = 1, USE_DEAL = 1000 };

const struct weir_importance_config weir_importance_usual = {
    .metric = WEIR_IMPORTANCE_F1, .repeats = 5, .rows = 2000, .explained = 200, .seed = 1};

static const char *const metric_names[] = {"f1", "accuracy", "roc_auc"};

const char *weir_importance_metric_name(enum weir_importance_metric metric)
{
    return metric_names[metric];
}

int weir_importance_metric_find(const char *name)
{
    for (int i = 0; i < (int)(sizeof metric_names / sizeof *metric_names); i++)
        if (!strcmp(name, metric_names[i]))
            return i;
    return -1;
}

/* The rows that are dealt and scored over and over, and room for it. */
struct sample {
    const weir_model *model;
    const struct weir_importance_config *config;
    size_t rows, columns, groups;
    float *x; /* [rows][columns] */
    uint32_t *truth;
    float *margins, *kept, *score; /* of a block; [rows]; [rows] */
    uint16_t *predicted;           /* of a block */
    uint8_t *attack;               /* [rows] */
    struct weir_metrics metrics;   /* of the last scoring: confusion, classes and the rates */
};

static void free_sample(struct sample *s)
{
    free(s->x);
    free(s->truth);
    free(s->margins);
    free(s->kept);
    free(s->score);
    free(s->predicted);
    free(s->attack);
    weir_metrics_fini(&s->metrics);
}

/* Draws without putting back, in the order of the rows (Knuth's algorithm S). */
static weir_err draw_rows(struct sample *s, const struct weir_dataset *dataset, const int32_t *class_of, const uint32_t *rows,
                          size_t count)
{
    size_t fit = 0;
    for (size_t i = 0; i < count; i++)
        fit += class_of[dataset->labels[rows ? rows[i] : i]] >= 0;
    size_t wanted = s->config->rows < fit ? s->config->rows : fit, left = fit;
    uint32_t *drawn = malloc((wanted + 1) * sizeof *drawn);
    s->x = malloc((wanted + 1) * (s->columns + 1) * sizeof *s->x);
    s->truth = malloc((wanted + 1) * sizeof *s->truth);
    s->kept = malloc((wanted + 1) * sizeof *s->kept);
    s->score = malloc((wanted + 1) * sizeof *s->score);
    s->attack = malloc(wanted + 1);
    s->margins = malloc(BLOCK * s->groups * sizeof *s->margins);
    s->predicted = malloc(BLOCK * sizeof *s->predicted);
    if (!drawn || !s->x || !s->truth || !s->kept || !s->score || !s->attack || !s->margins || !s->predicted) {
        free(drawn);
        return WEIR_ERR_MEMORY;
    }
    uint64_t random = weir_random_stream(s->config->seed, USE_ROWS);
    for (size_t i = 0; i < count && s->rows < wanted; i++) {
        uint32_t row = rows ? rows[i] : (uint32_t)i;
        int32_t class = class_of[dataset->labels[row]];
        if (class < 0)
            continue;
        if (weir_random_below(&random, (uint32_t)left--) < wanted - s->rows) {
            s->attack[s->rows] = class != (weir_model_benign(s->model) < 0 ? 0 : weir_model_benign(s->model));
            s->truth[s->rows] = (uint32_t) class;
            drawn[s->rows++] = row;
        }
    }
    weir_dataset_gather(dataset, drawn, 0, s->rows, s->x);
    free(drawn);
    return WEIR_OK;
}

/* The metric of the sample as it is now. */
static weir_err measure(struct sample *s, double *out)
{
    size_t classes = s->metrics.class_count;
    memset(s->metrics.confusion, 0, classes * classes * sizeof *s->metrics.confusion);
    for (size_t at = 0; at < s->rows; at += BLOCK) {
        size_t n = s->rows - at < BLOCK ? s->rows - at : BLOCK;
        weir_model_margins(s->model, s->x + at * s->columns, n, s->columns, s->margins);
        weir_model_judge(s->model, s->margins, n, s->score + at, s->predicted, NULL);
        for (size_t i = 0; i < n; i++)
            s->metrics.confusion[s->truth[at + i] * classes + s->predicted[i]]++;
    }
    if (s->config->metric == WEIR_IMPORTANCE_ROC_AUC) {
        double pr_auc;
        return weir_metrics_areas(s->score, s->attack, s->rows, out, &pr_auc);
    }
    weir_metrics_find_rates(&s->metrics);
    *out = s->config->metric == WEIR_IMPORTANCE_F1 ? s->metrics.f1 : s->metrics.accuracy;
    return WEIR_OK;
}

static bool stopped(const struct sample *s)
{
    return s->config->stop && *s->config->stop;
}

/* Column c is dealt anew; what it was is put back. */
static weir_err permute(struct sample *s, size_t c, double reference, struct weir_column_importance *out)
{
    double sum = 0, squares = 0;
    weir_err failed = WEIR_OK;
    for (size_t i = 0; i < s->rows; i++)
        s->kept[i] = s->x[i * s->columns + c];
    for (unsigned k = 0; k < s->config->repeats && !failed; k++) {
        uint64_t random = weir_random_stream(s->config->seed, USE_DEAL + c * s->config->repeats + k);
        double value = 0;
        for (size_t i = s->rows; i > 1; i--) { /* Fisher and Yates */
            float *a = &s->x[(i - 1) * s->columns + c], *b = &s->x[weir_random_below(&random, (uint32_t)i) * s->columns + c];
            float swap = *a;
            *a = *b;
            *b = swap;
        }
        failed = stopped(s) ? WEIR_ERR_CLOSED : measure(s, &value);
        sum += reference - value;
        squares += (reference - value) * (reference - value);
    }
    for (size_t i = 0; i < s->rows; i++)
        s->x[i * s->columns + c] = s->kept[i];
    double n = s->config->repeats, mean = sum / n;
    out->permutation = mean;
    out->deviation = sqrt(fmax(0, squares / n - mean * mean));
    return failed;
}

/* The rows are drawn in order, so every so many-th of them is as good a sample. */
static weir_err explain(const struct sample *s, struct weir_column_importance *out)
{
    size_t count = s->config->explained < s->rows ? s->config->explained : s->rows;
    size_t room_bytes = (weir_model_explain_room(s->model) + 64) & ~(size_t)63;
    double *contributions = malloc((s->columns + 1) * sizeof *contributions), base;
    void *room = aligned_alloc(64, room_bytes);
    weir_err failed = contributions && room ? WEIR_OK : WEIR_ERR_MEMORY;
    for (size_t c = 0; c < s->columns; c++)
        out[c].shap = 0;
    for (size_t i = 0; i < count && !failed; i++) {
        const float *row = s->x + i * s->rows / count * s->columns;
        for (size_t g = 0; g < s->groups && !failed; g++) {
            failed = stopped(s)
                         ? WEIR_ERR_CLOSED
                         : weir_model_explain(s->model, WEIR_EXPLAIN_EXACT, row, 1, s->columns, g, room, contributions, &base);
            for (size_t c = 0; c < s->columns && !failed; c++)
                out[c].shap += fabs(contributions[c]) / (double)count;
        }
    }
    free(contributions);
    free(room);
    return failed;
}

weir_err weir_importance_find(const weir_model *model, const struct weir_dataset *dataset, const int32_t *class_of,
                              const uint32_t *rows, size_t count, const struct weir_importance_config *config,
                              struct weir_column_importance *out, double *reference, struct weir_error *error)
{
    const char *const *names;
    struct sample s = {.model = model, .config = config};
    double splits = 0;
    if (weir_model_regression(model))
        return weir_fail(error, WEIR_ERR_UNSUPPORTED, "model %s is a regression: it has no verdicts to measure",
                         weir_model_label(model));
    if (config->metric == WEIR_IMPORTANCE_ROC_AUC && weir_model_benign(model) < 0)
        return weir_fail(error, WEIR_ERR_UNSUPPORTED, "model %s has no benign class to tell attacks from; take f1",
                         weir_model_label(model));
    s.columns = weir_model_columns(model, &names);
    s.groups = weir_model_groups(model);
    s.metrics.class_count = weir_model_classes(model, &names);
    s.metrics.confusion = malloc(s.metrics.class_count * s.metrics.class_count * sizeof *s.metrics.confusion);
    s.metrics.classes = calloc(s.metrics.class_count, sizeof *s.metrics.classes);
    weir_err failed = s.metrics.confusion && s.metrics.classes ? WEIR_OK : WEIR_ERR_MEMORY;
    if (!failed)
        failed = draw_rows(&s, dataset, class_of, rows, count);
    if (!failed && !s.rows)
        failed = weir_fail(error, WEIR_ERR_FORMAT, "no row has a label that is a class of model %s", weir_model_label(model));
    if (!failed)
        failed = measure(&s, reference);
    for (size_t c = 0; c < s.columns; c++) {
        struct weir_importance kept = weir_model_importance(model, c);
        out[c] = (struct weir_column_importance){kept.weight, kept.gain, kept.cover, NAN, NAN, NAN};
        splits += kept.weight;
    }
    for (size_t c = 0; c < s.columns && config->repeats && !failed; c++) {
        if (splits > 0 && !(out[c].weight > 0)) /* no tree asks for it */
            out[c].permutation = out[c].deviation = 0;
        else
            failed = permute(&s, c, *reference, &out[c]);
    }
    if (!failed && config->explained)
        failed = explain(&s, out);
    if (failed == WEIR_ERR_MEMORY)
        weir_fail(error, failed, "importance: out of memory");
    else if (failed == WEIR_ERR_CLOSED)
        weir_fail(error, failed, "importance: interrupted");
    free_sample(&s);
    return failed;
}

/* ---- Order and showing ----------------------------------------------------------------------------------------------------- */

struct ranked {
    double value;
    uint32_t column;
};

static int compare(const void *a, const void *b)
{
    const struct ranked *x = a, *y = b;
    if (x->value != y->value)
        return x->value < y->value ? 1 : -1;
    return (x->column > y->column) - (x->column < y->column);
}

/* The figure that ranks. */
static double worth(const struct weir_column_importance *importance, double gains)
{
    double value = !isnan(importance->shap) ? importance->shap : gains > 0 ? importance->gain : importance->permutation;
    return isnan(value) ? 0 : value;
}

static double all_gains(const struct weir_column_importance *importance, size_t columns)
{
    double gains = 0;
    for (size_t c = 0; c < columns; c++)
        gains += importance[c].gain;
    return gains;
}

weir_err weir_importance_rank(const struct weir_column_importance *importance, size_t columns, uint32_t *order)
{
    double gains = all_gains(importance, columns);
    struct ranked *list = malloc((columns + 1) * sizeof *list);
    if (!list)
        return WEIR_ERR_MEMORY;
    for (size_t c = 0; c < columns; c++)
        list[c] = (struct ranked){worth(&importance[c], gains), (uint32_t)c};
    qsort(list, columns, sizeof *list, compare);
    for (size_t c = 0; c < columns; c++)
        order[c] = list[c].column;
    free(list);
    return WEIR_OK;
}

json_t *weir_importance_list(const weir_model *model, const struct weir_column_importance *importance)
{
    const char *const *names;
    size_t columns = weir_model_columns(model, &names);
    uint32_t *order = malloc((columns + 1) * sizeof *order);
    json_t *list = order && !weir_importance_rank(importance, columns, order) ? json_array() : NULL;
    for (size_t i = 0; list && i < columns; i++) {
        const struct weir_column_importance *of = &importance[order[i]];
        json_array_append_new(list, json_pack("{s:s,s:o,s:o,s:o,s:o,s:o,s:o}", "column", names[order[i]], "weight",
                                              weir_show_real(of->weight), "gain", weir_show_real(of->gain), "cover",
                                              weir_show_real(of->cover), "permutation", weir_show_real(of->permutation),
                                              "permutation_deviation", weir_show_real(of->deviation), "shap",
                                              weir_show_real(of->shap)));
    }
    free(order);
    return list;
}

static void print_bar(FILE *to, double share, int width)
{
    static const char *const eighths[] = {"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
    int n = (int)(share * width * 8 + 0.5);
    for (int i = 0; i < n / 8; i++)
        fputs("█", to);
    fputs(eighths[n % 8], to);
}

static void print_number(FILE *to, double value)
{
    if (isnan(value))
        fprintf(to, " %9s", "-");
    else
        fprintf(to, " %9.4g", value);
}

void weir_importance_print(FILE *to, const weir_model *model, const struct weir_column_importance *importance, size_t most)
{
    const char *const *names;
    size_t columns = weir_model_columns(model, &names);
    double gains = all_gains(importance, columns);
    uint32_t *order = malloc((columns + 1) * sizeof *order);
    if (!order || weir_importance_rank(importance, columns, order)) {
        free(order);
        return;
    }
    fprintf(to, "%-24s %9s %9s %17s\n", "column", "shap", "gain", "permutation");
    double top = columns ? worth(&importance[order[0]], gains) : 0;
    for (size_t i = 0; i < columns && i < most; i++) {
        const struct weir_column_importance *of = &importance[order[i]];
        double value = worth(of, gains);
        fprintf(to, "%-24.24s", names[order[i]]);
        print_number(to, of->shap);
        print_number(to, gains > 0 ? of->gain : (double)NAN);
        if (isnan(of->permutation))
            fprintf(to, " %17s ", "-");
        else
            fprintf(to, " %8.5f ±%7.5f ", of->permutation, of->deviation);
        if (top > 0 && value > 0)
            print_bar(to, value / top, 16);
        fputs("\n", to);
    }
    free(order);
}
