#include "survey/report_html.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "survey/html.h"
#include "survey/report_page.h"
#include "survey/report_parts.h"

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

static double number_of(const json_t *object, const char *key)
{
    return weir_html_number(json_object_get(object, key));
}

static void put(FILE *to, double value, enum weir_html_unit unit)
{
    char text[WEIR_HTML_NUMBER];
    fputs(weir_html_format(value, unit, text), to);
}

/* ---- What is shown --------------------------------------------------------------------------------------------------------- */

double weir_report_mean(const struct weir_report_group *group, const char *name)
{
    return weir_html_number(json_object_get(json_object_get(group->summary, name), "mean"));
}

size_t weir_report_data_end(const struct weir_report_view *view, size_t from)
{
    size_t end = from;
    while (end < view->count && !strcmp(view->group[end].data, view->group[from].data) &&
           !strcmp(view->group[end].test_data, view->group[from].test_data))
        end++;
    return end;
}

void weir_report_data_title(FILE *to, const struct weir_report_view *view, size_t from)
{
    const struct weir_report_group *group = &view->group[from];
    if (view->data_count < 2)
        return;
    fputs("<h3>", to);
    weir_html_text(to, group->data);
    if (*group->test_data) {
        fputs(", tested on ", to);
        weir_html_text(to, group->test_data);
    }
    fputs("</h3>\n", to);
}

/* "svm, scaled, 8 columns, c=10" */
static char *label_of(const json_t *summary)
{
    char *label = NULL;
    size_t size;
    const char *name;
    json_t *value, *select = json_object_get(summary, "select");
    FILE *to = open_memstream(&label, &size);
    if (!to)
        return NULL;
    fputs(text_of(summary, "algorithm"), to);
    if (!strcmp(text_of(summary, "scale"), "standard"))
        fputs(", scaled", to);
    if (json_is_integer(select) && json_integer_value(select) > 0)
        fprintf(to, json_integer_value(select) == 1 ? ", %lld column" : ", %lld columns", (long long)json_integer_value(select));
    json_object_foreach(json_object_get(summary, "params"), name, value)
    {
        fprintf(to, ", %s=", name);
        if (json_is_string(value))
            fputs(json_string_value(value), to);
        else
            json_dumpf(value, to, JSON_ENCODE_ANY | JSON_COMPACT | JSON_REAL_PRECISION(6));
    }
    if (fclose(to)) {
        free(label);
        return NULL;
    }
    return label;
}

static bool is_of(const json_t *task, const json_t *summary)
{
    static const char *const keys[] = {"data", "test_data", "algorithm", "scale", "select", "params"};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        json_t *a = json_object_get(task, keys[i]), *b = json_object_get(summary, keys[i]);
        if (!(json_is_null(a) || !a ? json_is_null(b) || !b : json_equal(a, b)))
            return false;
    }
    return true;
}

static int compare(const void *a, const void *b)
{
    const struct weir_report_group *x = a, *y = b;
    int order = strcmp(x->data, y->data);
    order = order ? order : strcmp(x->test_data, y->test_data);
    if (order)
        return order;
    if (isnan(x->f1) || isnan(y->f1))
        return (isnan(x->f1) > isnan(y->f1)) - (isnan(x->f1) < isnan(y->f1));
    if (x->f1 != y->f1)
        return x->f1 < y->f1 ? 1 : -1;
    return strcmp(x->label, y->label);
}

static void fill_group(const json_t *report, const json_t *summary, struct weir_report_group *group)
{
    const char *picked = text_of(json_object_get(report, "picked"), "id");
    const json_t *task;
    size_t i;
    *group = (struct weir_report_group){.summary = summary,
                                        .data = text_of(summary, "data"),
                                        .test_data = text_of(summary, "test_data"),
                                        .algorithm = text_of(summary, "algorithm"),
                                        .label = label_of(summary)};
    json_array_foreach(json_object_get(report, "tasks"), i, task)
    {
        if (!is_of(task, summary))
            continue;
        group->picked |= *picked && !strcmp(picked, text_of(task, "id"));
        if (!group->task && !strcmp(text_of(task, "status"), "done"))
            group->task = task;
    }
    group->shown = group->task && (group->picked || !json_is_integer(json_object_get(summary, "select")));
    double extract = weir_report_mean(group, "extract_ns");
    group->f1 = weir_report_mean(group, "f1");
    group->front = json_is_true(json_object_get(summary, "front"));
    group->whole = isfinite(extract);
    group->serve_ns = weir_report_mean(group, "score_ns") + (group->whole ? extract : 0);
}

/* Colours by algorithm, in the order of the report; dashes by how many of its settings came before. */
static void colour_groups(struct weir_report_view *view)
{
    const char *seen[WEIR_REPORT_COLOURS];
    unsigned count = 0;
    for (size_t i = 0; i < view->count; i++) {
        struct weir_report_group *group = &view->group[i];
        unsigned c = 0;
        while (c < count && strcmp(seen[c], group->algorithm) != 0)
            c++;
        if (c == count && count < WEIR_REPORT_COLOURS)
            seen[count++] = group->algorithm;
        group->colour = c % WEIR_REPORT_COLOURS;
        for (size_t k = 0; k < i; k++)
            group->dash += view->group[k].shown && !strcmp(view->group[k].algorithm, group->algorithm) &&
                           !strcmp(view->group[k].data, group->data) && !strcmp(view->group[k].test_data, group->test_data);
        group->dash %= 4;
    }
}

static weir_err make_view(const json_t *report, struct weir_report_view *view)
{
    const json_t *list = json_object_get(report, "summary"), *summary;
    size_t i;
    *view = (struct weir_report_view){.report = report, .group = calloc(json_array_size(list) + 1, sizeof *view->group)};
    if (!view->group)
        return WEIR_ERR_MEMORY;
    json_array_foreach(list, i, summary)
    {
        fill_group(report, summary, &view->group[view->count]);
        if (!view->group[view->count++].label)
            return WEIR_ERR_MEMORY;
    }
    colour_groups(view);
    qsort(view->group, view->count, sizeof *view->group, compare);
    for (size_t from = 0; from < view->count; from = weir_report_data_end(view, from))
        view->data_count++;
    return WEIR_OK;
}

static void free_view(struct weir_report_view *view)
{
    for (size_t i = 0; view->group && i < view->count; i++)
        free(view->group[i].label);
    free(view->group);
}

/* ---- Head ------------------------------------------------------------------------------------------------------------------ */

static void put_tile(FILE *to, const char *what)
{
    fprintf(to, "</b><span>%s</span></div>\n", what);
}

static void put_head(FILE *to, const struct weir_report_view *view)
{
    const json_t *report = view->report, *task;
    const char *name;
    json_t *data;
    size_t i, done = 0, failed = 0;
    const struct weir_report_group *picked = NULL;
    json_array_foreach(json_object_get(report, "tasks"), i, task) *
        (!strcmp(text_of(task, "status"), "done") ? &done : &failed) += 1;
    for (i = 0; i < view->count; i++)
        if (view->group[i].picked)
            picked = &view->group[i];
    fputs("<h1>weir survey</h1>\n<p class=\"soft\">", to);
    i = 0;
    json_object_foreach(json_object_get(report, "data"), name, data)
    {
        fputs(i++ ? " · " : "", to);
        weir_html_text(to, name);
    }
    fputs("</p>\n<div class=\"tiles\">\n", to);
    if (picked) {
        fputs("<div class=\"tile\"><b>", to);
        weir_html_text(to, picked->label);
        fputs("</b><span>picked by ", to);
        weir_html_text(to, text_of(json_object_get(report, "picked"), "by"));
        fputs(": F1 ", to);
        put(to, picked->f1, WEIR_HTML_RATE);
        fputs(", ", to);
        put(to, picked->serve_ns, WEIR_HTML_NS);
        fputs(" a flow</span></div>\n", to);
    }
    fputs("<div class=\"tile\"><b>", to);
    put(to, (double)done, WEIR_HTML_COUNT);
    put_tile(to, "models trained and tested");
    if (failed) {
        fputs("<div class=\"tile\"><b class=\"bad\">", to);
        put(to, (double)failed, WEIR_HTML_COUNT);
        put_tile(to, "tasks failed");
    }
    double unfinished = number_of(report, "unfinished");
    if (unfinished > 0) {
        fputs("<div class=\"tile\"><b class=\"bad\">", to);
        put(to, unfinished, WEIR_HTML_COUNT);
        put_tile(to, "tasks not finished");
    }
    fputs("<div class=\"tile\"><b>", to);
    put(to, number_of(report, "total_s"), WEIR_HTML_SECONDS);
    fputs("</b><span>wall clock, ", to);
    put(to, number_of(report, "jobs"), WEIR_HTML_COUNT);
    fputs(number_of(report, "jobs") > 1 ? " processes, engine " : " process, engine ", to);
    weir_html_text(to, text_of(report, "engine"));
    fputs("</span></div>\n</div>\n", to);
}

/* Leads to the parts that the page has. */
static void put_nav(FILE *to, const char *parts)
{
    static const struct {
        const char *id, *title;
    } places[] = {
        {"results", "Results"}, {"failed", "Failed tasks"}, {"alerts", "Alerts"},         {"unseen", "Attacks never seen"},
        {"curves", "Curves"},   {"confusion", "Confusion"}, {"classes", "Classes"},       {"importance", "Importance"},
        {"cost", "Cost"},       {"time", "Time"},           {"about", "Data and machine"}};
    char id[32];
    fputs("<nav aria-label=\"Parts\">", to);
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        snprintf(id, sizeof id, "<h2 id=\"%s\">", places[i].id);
        if (strstr(parts, id))
            fprintf(to, "<a href=\"#%s\">%s</a>", places[i].id, places[i].title);
    }
    fputs("</nav>\n", to);
}

/* ---- Results --------------------------------------------------------------------------------------------------------------- */

#define SERVE "serve_ns" /* of the group itself */

static const struct column {
    const char *key, *title, *help;
    enum weir_html_unit unit;
    int better; /* 1: more is better, -1: less, 0: neither */
} columns[] = {
    {"f1", "F1", "of the attacks; more classes: macro. Below: 95 % interval, or the deviation over seeds and folds",
     WEIR_HTML_RATE, 1},
    {"accuracy", "Accuracy", "share of right verdicts", WEIR_HTML_RATE, 1},
    {"precision", "Precision", "share of alerts that are attacks", WEIR_HTML_RATE, 1},
    {"recall", "Recall", "share of attacks that are found", WEIR_HTML_RATE, 1},
    {"mcc", "MCC", "Matthews correlation coefficient", WEIR_HTML_RATE, 1},
    {"roc_auc", "ROC AUC", "area under the ROC curve", WEIR_HTML_RATE, 1},
    {"pr_auc", "PR AUC", "average precision", WEIR_HTML_RATE, 1},
    {"recall_at_fpr_1e-3", "Recall at FPR 1e-3", "recall with at most one false alarm in 1,000 normal flows", WEIR_HTML_RATE, 1},
    {SERVE, "Serve a flow", "to extract the columns, where that is known, and to score, on one core", WEIR_HTML_NS, -1},
    {"fit_s", "Fit", "time to train", WEIR_HTML_SECONDS, -1},
    {"score_s", "Score", "time to score the test rows", WEIR_HTML_SECONDS, -1},
    {"peak_mib", "Memory", "peak beyond the data set", WEIR_HTML_MIB, -1},
    {"model_bytes", "Model", "size of the model file", WEIR_HTML_BYTES, -1},
};
enum { COLUMNS = sizeof columns / sizeof *columns };

static double value_of(const struct weir_report_group *group, const struct column *column)
{
    return strcmp(column->key, SERVE) ? weir_report_mean(group, column->key) : group->serve_ns;
}

/* As far as it is printed. */
static double rounded(double value, enum weir_html_unit unit)
{
    return unit == WEIR_HTML_RATE ? round(value * 1e4) : value;
}

static bool is_best(const struct weir_report_view *view, const struct weir_report_group *group, const struct column *column)
{
    double own = rounded(value_of(group, column), column->unit);
    if (!isfinite(own) || !column->better)
        return false;
    for (size_t i = 0; i < view->count; i++) {
        double other = rounded(value_of(&view->group[i], column), column->unit);
        if (isfinite(other) && column->better * other > column->better * own && !strcmp(view->group[i].data, group->data) &&
            !strcmp(view->group[i].test_data, group->test_data))
            return false;
    }
    return true;
}

static void put_value(FILE *to, double value, enum weir_html_unit unit, bool best)
{
    fprintf(to, "<td%s data-v=\"", best ? " class=\"top\"" : "");
    if (isfinite(value))
        fprintf(to, "%.9g", value);
    fputs("\">", to);
    put(to, value, unit);
}

/* Over seeds the deviation; of one test its interval. */
static void put_spread(FILE *to, const struct weir_report_group *group)
{
    double sd = number_of(json_object_get(group->summary, "f1"), "sd");
    const json_t *metrics = json_object_get(json_object_get(group->task, "result"), "metrics");
    const json_t *interval = json_object_get(json_object_get(metrics, "intervals"), "f1");
    double low = weir_html_number(json_array_get(interval, 0)), high = weir_html_number(json_array_get(interval, 1));
    if (isfinite(sd))
        fprintf(to, "<small>± %.4f</small>", sd);
    else if (isfinite(low) && isfinite(high))
        fprintf(to, "<small>%.4f–%.4f</small>", low, high);
}

static void put_results(FILE *to, const struct weir_report_view *view)
{
    bool data = view->data_count > 1;
    fputs("<h2 id=\"results\">Results</h2>\n<p class=\"soft small\">Means over seeds and folds, on rows that the models have not "
          "seen. "
          "Bold: the best of its data. Click a head to sort.</p>\n",
          to);
    weir_report_put_rows(to, view);
    fputs("<div class=\"wide\"><table class=\"results\"><thead><tr><th class=\"t\" scope=\"col\"><button>Model</button></th>",
          to);
    if (data)
        fputs("<th class=\"t\" scope=\"col\"><button>Data</button></th>", to);
    for (size_t c = 0; c < COLUMNS; c++)
        fprintf(to, "<th scope=\"col\" title=\"%s\"><button>%s</button></th>", columns[c].help, columns[c].title);
    fputs("</tr></thead><tbody>\n", to);
    for (size_t i = 0; i < view->count; i++) {
        const struct weir_report_group *group = &view->group[i];
        fprintf(to, "<tr%s><td class=\"t\"><span class=\"key s%u\"></span>", group->picked ? " class=\"picked\"" : "",
                group->colour);
        weir_html_text(to, group->label);
        double failed = number_of(group->summary, "failed");
        if (failed > 0)
            fprintf(to, "<small class=\"bad\">%.0f of %.0f failed</small>", failed, number_of(group->summary, "tasks"));
        fputs("</td>", to);
        if (data) {
            fputs("<td class=\"t clip\" title=\"", to);
            weir_html_text(to, group->data);
            fputs("\">", to);
            weir_html_text(to, group->data);
            if (*group->test_data) {
                fputs("<small>tested on ", to);
                weir_html_text(to, group->test_data);
                fputs("</small>", to);
            }
            fputs("</td>", to);
        }
        for (size_t c = 0; c < COLUMNS; c++) {
            put_value(to, value_of(group, &columns[c]), columns[c].unit, is_best(view, group, &columns[c]));
            if (!c)
                put_spread(to, group);
            fputs("</td>", to);
        }
        fputs("</tr>\n", to);
    }
    fputs("</tbody></table></div>\n", to);
}

/* ---- Time ------------------------------------------------------------------------------------------------------------------ */

/* Seconds of fit and score of all tasks of an algorithm, NaN without one that is done. */
static double task_seconds(const json_t *report, const char *algorithm)
{
    const json_t *task;
    double sum = 0;
    size_t i, done = 0;
    json_array_foreach(json_object_get(report, "tasks"), i, task)
    {
        double fit = number_of(task, "fit_s"), score = number_of(task, "score_s");
        if (!isfinite(fit) || !isfinite(score) || (algorithm && strcmp(text_of(task, "algorithm"), algorithm) != 0))
            continue;
        sum += fit + score;
        done++;
    }
    return done ? sum : (double)NAN;
}

static void put_run_heads(FILE *to, const json_t *runs)
{
    const json_t *run;
    size_t i;
    json_array_foreach(runs, i, run)
    {
        fputs("<th scope=\"col\">", to);
        weir_html_text(to, text_of(run, "engine"));
        fprintf(to, ", %.0f</th>", number_of(run, "jobs"));
    }
}

/* Fit and score by algorithm, a column a run; below the wall clock and how much it is less than the sum. */
static void put_time(FILE *to, const struct weir_report_view *view)
{
    const json_t *report = view->report, *runs = json_object_get(report, "runs"), *run;
    double all = task_seconds(report, NULL), top = 0;
    size_t i, r;
    if (!json_array_size(runs))
        runs = NULL;
    fputs("<h2 id=\"time\">Time</h2>\n<p class=\"soft small\">Fit and score of all tasks of an algorithm, one thread each", to);
    fputs(runs ? "; a column a run: engine and number of processes.</p>\n" : ".</p>\n", to);
    fputs("<div class=\"row\"><div class=\"wide\"><table><thead><tr><th class=\"t\" scope=\"col\">Algorithm</th>", to);
    if (runs)
        put_run_heads(to, runs);
    else
        fputs("<th scope=\"col\">Fit and score</th><th class=\"t\" scope=\"col\"></th>", to);
    fputs("</tr></thead><tbody>\n", to);
    for (i = 0; i < view->count; i++)
        top = fmax(top, task_seconds(report, view->group[i].algorithm));
    for (i = 0; i < view->count; i++) {
        const struct weir_report_group *group = &view->group[i];
        bool again = false;
        for (size_t k = 0; k < i; k++)
            again |= !strcmp(view->group[k].algorithm, group->algorithm);
        if (again)
            continue;
        double seconds = task_seconds(report, group->algorithm);
        fprintf(to, "<tr><td class=\"t\"><span class=\"key s%u\"></span>", group->colour);
        weir_html_text(to, group->algorithm);
        fputs("</td>", to);
        json_array_foreach(runs, r, run)
        {
            put_value(to, number_of(json_object_get(run, "algorithms"), group->algorithm), WEIR_HTML_SECONDS, false);
            fputs("</td>", to);
        }
        if (!runs) {
            put_value(to, seconds, WEIR_HTML_SECONDS, false);
            fprintf(to, "</td><td class=\"t\"><div class=\"bar s%u\"><i style=\"width:%.1fpx\"></i></div></td>", group->colour,
                    top > 0 && isfinite(seconds) ? 260 * seconds / top : 0);
        }
        fputs("</tr>\n", to);
    }
    static const char *const rows[] = {"Sum", "Wall clock", "Speed-up"};
    fputs("</tbody><tfoot>\n", to);
    for (int row = 0; row < 3; row++) {
        fprintf(to, "<tr><td class=\"t\">%s</td>", rows[row]);
        for (r = 0; r < (runs ? json_array_size(runs) : 1); r++) {
            run = runs ? json_array_get(runs, r) : report;
            double sum = runs ? number_of(run, "task_s") : all, total = number_of(run, "total_s");
            if (row == 2)
                fprintf(to, total > 0 && isfinite(sum) ? "<td>%.2f</td>" : "<td>–</td>", sum / total);
            else {
                put_value(to, row ? total : sum, WEIR_HTML_SECONDS, false);
                fputs("</td>", to);
            }
        }
        fputs(runs ? "</tr>\n" : "<td></td></tr>\n", to);
    }
    fputs("</tfoot></table><p class=\"soft small\">Speed-up: sum of the tasks' own seconds by the wall clock, which has the "
          "start of "
          "processes and the reading of data in it.</p></div>\n",
          to);
    if (runs)
        weir_report_put_speed(to, runs);
    fputs("</div>\n", to);
}

/* ---- The page ---------------------------------------------------------------------------------------------------------------
 */

/* Everything below the links. NULL: out of memory. The caller frees it. */
static char *write_parts(const struct weir_report_view *view)
{
    char *parts = NULL;
    size_t size;
    FILE *to = open_memstream(&parts, &size);
    if (!to)
        return NULL;
    put_results(to, view);
    weir_report_put_failures(to, view->report);
    weir_report_put_alerts(to, view);
    weir_report_put_unseen(to, json_object_get(view->report, "unseen"));
    weir_report_put_curves(to, view);
    weir_report_put_confusion(to, view);
    weir_report_put_classes(to, view);
    weir_report_put_importance(to, view);
    weir_report_put_cost(to, view);
    put_time(to, view);
    weir_report_put_about(to, view->report);
    if (fclose(to) == 0)
        return parts;
    free(parts);
    return NULL;
}

weir_err weir_survey_html_put(FILE *to, const json_t *report, struct weir_error *error)
{
    char *parts = NULL;
    struct weir_report_view view;
    weir_err failed = make_view(report, &view);
    if (!failed && !(parts = write_parts(&view)))
        failed = WEIR_ERR_MEMORY;
    if (failed) {
        free_view(&view);
        return weir_fail(error, failed, "report: out of memory");
    }
    fprintf(to,
            "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" "
            "content=\"width=device-width,initial-scale=1\"><meta http-equiv=\"Content-Security-Policy\" content=\"default-src "
            "'none'; "
            "style-src 'unsafe-inline'; script-src 'unsafe-inline'\">\n<title>weir survey</title>\n<style>\n%s",
            weir_report_style);
    for (int c = 0; c < WEIR_REPORT_COLOURS; c++)
        fprintf(to, ".s%d{--c:var(--c%d)}", c, c);
    fputs("\n</style></head><body>\n", to);
    put_head(to, &view);
    put_nav(to, parts);
    fputs(parts, to);
    free(parts);
    fprintf(to, "<script>\n%s</script>\n</body></html>\n", weir_report_script);
    free_view(&view);
    return WEIR_OK;
}

weir_err weir_survey_html_write(const char *path, const json_t *report, struct weir_error *error)
{
    char *page = NULL;
    size_t size = 0;
    FILE *to = open_memstream(&page, &size);
    weir_err failed = to ? weir_survey_html_put(to, report, error) : weir_fail(error, WEIR_ERR_MEMORY, "report: out of memory");
    if (to && fclose(to) && !failed)
        failed = weir_fail(error, WEIR_ERR_MEMORY, "report: out of memory");
    if (!failed)
        failed = weir_file_write(path, page, size, error);
    free(page);
    return failed;
}
