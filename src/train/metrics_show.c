#include <math.h>
#include <string.h>

#include "train/metrics.h"
#include "train/show.h"

enum { WIDTH = 80, NAME_WIDTH = 25, NAMED = 4 };

/* ---- JSON ------------------------------------------------------------------------------------------------------------------ */

static json_t *intervals_json(const struct weir_metrics *metrics)
{
    json_t *object = json_pack("{s:f,s:i}", "level", WEIR_BOOTSTRAP_LEVEL, "resamples", WEIR_BOOTSTRAP_RESAMPLES);
    for (size_t i = 0; i < WEIR_METRICS_FIGURES; i++) {
        double value;
        const char *name = weir_metrics_figure(metrics, i, &value);
        json_object_set_new(object, name, weir_show_interval(metrics->interval[i]));
    }
    return object;
}

/* What came after the first keys, which programs hold on to in this order. */
static void add_figures(json_t *object, const struct weir_metrics *metrics)
{
    const struct weir_detection *d = &metrics->detection;
    for (size_t i = 0; i < WEIR_METRICS_RATES; i++) {
        double value;
        const char *name = weir_metrics_figure(metrics, i, &value);
        json_object_set_new(object, name, weir_show_real(value));
    }
    json_object_set_new(object, "log_loss", weir_show_real(metrics->calibration.log_loss));
    json_object_set_new(object, "brier", weir_show_real(metrics->calibration.brier));
    json_object_set_new(object, "ece", weir_show_real(metrics->calibration.ece));
    json_object_set_new(object, "reliability", weir_calibration_json(&metrics->calibration));
    json_object_set_new(object, "detection",
                        d->attacks + d->normal ? weir_detection_json(d, metrics->flows_per_s, metrics->benign_share)
                                               : json_null());
    json_object_set_new(object, "intervals", intervals_json(metrics));
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
        json_array_append_new(per_class, json_pack("{s:s,s:o,s:o,s:o,s:o,s:o,s:I}", "class", class_names[k], "precision",
                                                   weir_show_real(class->precision), "recall", weir_show_real(class->recall),
                                                   "f1", weir_show_real(class->f1), "roc_auc", weir_show_real(class->roc_auc),
                                                   "pr_auc", weir_show_real(class->pr_auc), "rows", (json_int_t) class->rows));
    }
    json_t *object = json_pack("{s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:I}", "accuracy", weir_show_real(metrics->accuracy),
                               "precision", weir_show_real(metrics->precision), "recall", weir_show_real(metrics->recall), "f1",
                               weir_show_real(metrics->f1), "roc_auc", weir_show_real(metrics->roc_auc), "pr_auc",
                               weir_show_real(metrics->pr_auc), "confusion", confusion, "classes", names, "per_class", per_class,
                               "rows", (json_int_t)metrics->rows);
    if (object)
        add_figures(object, metrics);
    return object;
}

/* ---- For people ------------------------------------------------------------------------------------------------------------ */

static int widest(const char *const *names, size_t count, int least, int most)
{
    for (size_t i = 0; i < count; i++)
        if ((int)strlen(names[i]) > least)
            least = (int)strlen(names[i]);
    return least > most ? most : least;
}

static void print_figure(FILE *to, const char *name, double value, struct weir_interval interval)
{
    if (isnan(value))
        return;
    fprintf(to, "%-18s %.6f", name, value);
    if (isfinite(interval.low))
        fprintf(to, "   %.6f to %.6f", interval.low, interval.high);
    fputs("\n", to);
}

static void print_figures(FILE *to, const struct weir_metrics *metrics)
{
    static const struct {
        const char *name, *text;
    } others[] = {{"brier", "brier score"}, {"ece", "calibration error"}};
    fprintf(to, "%-18s %-8s   %.0f %% interval\n", "", "", 100 * WEIR_BOOTSTRAP_LEVEL);
    for (size_t i = 0; i < WEIR_METRICS_FIGURES; i++) {
        double value;
        char name[32];
        snprintf(name, sizeof name, "%s", weir_metrics_figure(metrics, i, &value));
        if (strstr(name, "_macro") || strstr(name, "_weighted")) /* they stand below the classes */
            continue;
        for (size_t o = 0; o < sizeof others / sizeof *others; o++)
            if (!strcmp(name, others[o].name))
                snprintf(name, sizeof name, "%s", others[o].text);
        for (char *c = name; *c; c++)
            *c = *c == '_' ? ' ' : *c;
        print_figure(to, name, value, metrics->interval[i]);
    }
}

static void print_cell(FILE *to, double value)
{
    if (isnan(value))
        fprintf(to, " %8s", "-");
    else
        fprintf(to, " %8.6f", value);
}

static void print_classes(FILE *to, const struct weir_metrics *metrics, const char *const *class_names, int width)
{
    fprintf(to, "\n%-*s precision   recall       f1  roc auc   pr auc     rows\n", width - 1, "class");
    for (size_t k = 0; k < metrics->class_count; k++) {
        const struct weir_class_metrics *class = &metrics->classes[k];
        if (metrics->class_count > NAMED)
            fprintf(to, "%3zu %-*.*s", k, width - 4, width - 4, class_names[k]);
        else
            fprintf(to, "%-*.*s", width, width, class_names[k]);
        print_cell(to, class->precision);
        print_cell(to, class->recall);
        print_cell(to, class->f1);
        print_cell(to, class->roc_auc);
        print_cell(to, class->pr_auc);
        fprintf(to, " %8llu\n", (unsigned long long)class->rows);
    }
    fprintf(to, "%-*s %8.6f %8.6f %8.6f\n", width, "mean", metrics->macro.precision, metrics->macro.recall, metrics->macro.f1);
    fprintf(to, "%-*s %8.6f %8.6f %8.6f\n", width, "weighted", metrics->weighted.precision, metrics->weighted.recall,
            metrics->weighted.f1);
}

/* As many columns side by side as the page holds. Many classes bear the numbers that they have in the list above. */
static void print_confusion(FILE *to, const struct weir_metrics *metrics, const char *const *class_names, int width)
{
    size_t n = metrics->class_count;
    bool named = n <= NAMED;
    uint64_t most = 0;
    for (size_t i = 0; i < n * n; i++)
        most = metrics->confusion[i] > most ? metrics->confusion[i] : most;
    int cell = named ? widest(class_names, n, 8, 12) : snprintf(NULL, 0, "%llu", (unsigned long long)most);
    cell = cell < 4 ? 4 : cell;
    width = named ? width : 4;
    size_t fit = (size_t)((WIDTH - width) / (cell + 1));
    for (size_t from = 0; from < n; from += fit) {
        size_t end = from + fit < n ? from + fit : n;
        fprintf(to, "\n%-*s predicted\n%-*s", width, "true", width, "");
        for (size_t i = from; i < end; i++)
            if (named)
                fprintf(to, " %*.*s", cell, cell, class_names[i]);
            else
                fprintf(to, " %*zu", cell, i);
        for (size_t k = 0; k < n; k++) {
            if (named)
                fprintf(to, "\n%-*.*s", width, width, class_names[k]);
            else
                fprintf(to, "\n%*zu", width, k);
            for (size_t i = from; i < end; i++)
                fprintf(to, " %*llu", cell, (unsigned long long)metrics->confusion[k * n + i]);
        }
        fputs("\n", to);
    }
}

static void print_point(FILE *to, const char *name, const struct weir_operating *point, struct weir_interval interval,
                        const struct weir_metrics *metrics)
{
    struct weir_alerts alerts = weir_detection_alerts(point, metrics->flows_per_s, metrics->benign_share);
    fprintf(to, "%-12s", name);
    if (isnan(point->threshold))
        fprintf(to, " %9s", "model's");
    else if (isinf(point->threshold))
        fprintf(to, " %9s", "none");
    else
        fprintf(to, " %9.6f", point->threshold);
    print_cell(to, point->fpr);
    print_cell(to, point->recall);
    if (isfinite(interval.low))
        fprintf(to, " %7.4f-%.4f", interval.low, interval.high);
    else
        fprintf(to, " %14s", "");
    fprintf(to, " %11.4g %11.4g\n", alerts.all, alerts.false_ones);
}

static void print_detection(FILE *to, const struct weir_metrics *metrics)
{
    const struct weir_detection *d = &metrics->detection;
    static const struct weir_interval none = {NAN, NAN};
    fprintf(to, "\nalerts a day at %g flows/s, %.4g %% of them benign\n", metrics->flows_per_s, 100 * metrics->benign_share);
    fprintf(to, "%-12s %9s %8s %8s %14s %11s %11s\n", "", "threshold", "fpr", "recall", "95 % interval", "alerts", "false ones");
    print_point(to, "as it is", &d->own, none, metrics);
    for (int l = 0; l < WEIR_DETECTION_LIMITS; l++) {
        char name[32];
        snprintf(name, sizeof name, "fpr <= %g", weir_detection_limits[l]);
        print_point(to, name, &d->at[l], d->recall_interval[l], metrics);
    }
    double finest = weir_detection_limits[WEIR_DETECTION_LIMITS - 1] * (double)d->normal;
    if (finest < 10)
        fprintf(to, "(%llu benign rows: an fpr of %g is %.2g of them)\n", (unsigned long long)d->normal,
                weir_detection_limits[WEIR_DETECTION_LIMITS - 1], finest);
}

static void print_reliability(FILE *to, const struct weir_metrics *metrics)
{
    fprintf(to, "\n%-12s %10s %10s %10s\n", metrics->detection.normal ? "score" : "confidence", "rows", "mean",
            metrics->detection.normal ? "attacks" : "right");
    for (int b = 0; b < WEIR_CALIBRATION_BINS; b++) {
        const struct weir_reliability *bin = &metrics->calibration.bin[b];
        if (bin->rows)
            fprintf(to, "%.1f to %.1f   %10llu %10.6f %10.6f\n", b * (1.0 / WEIR_CALIBRATION_BINS),
                    (b + 1) * (1.0 / WEIR_CALIBRATION_BINS), (unsigned long long)bin->rows, bin->predicted, bin->observed);
    }
}

void weir_metrics_print(FILE *to, const struct weir_metrics *metrics, const char *const *class_names)
{
    int number = metrics->class_count > NAMED ? 4 : 0;
    int width = number + widest(class_names, metrics->class_count, 10, NAME_WIDTH - number);
    print_figures(to, metrics);
    print_classes(to, metrics, class_names, width);
    print_confusion(to, metrics, class_names, width);
    if (metrics->detection.attacks && metrics->detection.normal)
        print_detection(to, metrics);
    if (!isnan(metrics->calibration.ece))
        print_reliability(to, metrics);
}
