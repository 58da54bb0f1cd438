#include "survey/report_parts.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "survey/chart.h"

enum { BENDS = 12, BARS = 12, CLASSES_NAMED = 6 };

/* ---- Curves ---------------------------------------------------------------------------------------------------------------- */

/* Between two points the curve is straight on even axes; on a logarithmic one it is bent. */
static size_t bend(const struct weir_axis *axis, const double *from, const double *to, double *out)
{
    double x0 = fmax(from[0], axis->low);
    size_t count = 0;
    for (int i = 1; i < BENDS && to[0] > x0; i++) {
        double x = x0 * pow(to[0] / x0, (double)i / BENDS);
        out[2 * count] = x;
        out[2 * count++ + 1] = from[1] + (to[1] - from[1]) * (x - from[0]) / (to[0] - from[0]);
    }
    return count;
}

static void put_line(const struct weir_chart *chart, const struct weir_report_group *group, const char *which)
{
    const json_t *list = json_object_get(json_object_get(json_object_get(group->task, "result"), "curves"), which), *point;
    bool bent = chart->x.kind == WEIR_AXIS_LOGARITHMIC;
    double *points = malloc((json_array_size(list) + 1) * BENDS * 2 * sizeof *points), last[2] = {0, 0};
    size_t i, count = 0;
    json_array_foreach(list, i, point)
    {
        double here[2] = {weir_html_number(json_array_get(point, 0)), weir_html_number(json_array_get(point, 1))};
        if (!points || !isfinite(here[0]) || !isfinite(here[1]))
            continue;
        if (bent && count)
            count += bend(&chart->x, last, here, &points[2 * count]);
        memcpy(&points[2 * count++], here, sizeof here);
        memcpy(last, here, sizeof last);
    }
    if (count)
        weir_chart_line(chart, points, count, group->colour, group->dash, group->label);
    free(points);
}

static bool has_curves(const struct weir_report_group *group)
{
    const json_t *curves = json_object_get(json_object_get(group->task, "result"), "curves");
    return group->shown && json_array_size(json_object_get(curves, "roc")) > 1;
}

static void put_legend(FILE *to, const struct weir_report_view *view, size_t from, size_t end)
{
    fputs("<ul class=\"legend\">", to);
    for (size_t i = from; i < end; i++) {
        const struct weir_report_group *group = &view->group[i];
        if (!has_curves(group))
            continue;
        fprintf(to, "<li><svg aria-hidden=\"true\" viewBox=\"0 0 26 10\"><path class=\"line s%u d%u\" d=\"M1 5H25\"/></svg>",
                group->colour, group->dash);
        weir_html_text(to, group->label);
        fputs("</li>", to);
    }
    fputs("</ul>\n", to);
}

void weir_report_put_curves(FILE *to, const struct weir_report_view *view)
{
    static const struct {
        const char *which, *title, *note;
        struct weir_axis x, y;
    } charts[] = {
        {"roc",
         "ROC curve",
         "recall against false alarms",
         {0, 1, WEIR_AXIS_LINEAR, WEIR_HTML_RATE, "false-positive rate"},
         {0, 1, WEIR_AXIS_LINEAR, WEIR_HTML_RATE, "recall"}},
        {"roc",
         "ROC curve, few false alarms",
         "where a sensor works: logarithmic",
         {1e-5, 1, WEIR_AXIS_LOGARITHMIC, WEIR_HTML_RATE, "false-positive rate"},
         {0, 1, WEIR_AXIS_LINEAR, WEIR_HTML_RATE, "recall"}},
        {"pr",
         "Precision and recall",
         "share of alerts that are attacks",
         {0, 1, WEIR_AXIS_LINEAR, WEIR_HTML_RATE, "recall"},
         {0, 1, WEIR_AXIS_LINEAR, WEIR_HTML_RATE, "precision"}},
    };
    bool any = false;
    for (size_t i = 0; i < view->count; i++)
        any |= has_curves(&view->group[i]);
    if (!any)
        return;
    fputs("<h2 id=\"curves\">Curves</h2>\n<p class=\"soft small\">Attacks against normal traffic on the test rows of the first "
          "seed and "
          "fold.</p>\n",
          to);
    for (size_t from = 0, end; from < view->count; from = end) {
        end = weir_report_data_end(view, from);
        weir_report_data_title(to, view, from);
        put_legend(to, view, from, end);
        fputs("<div class=\"row\">\n", to);
        for (size_t c = 0; c < sizeof charts / sizeof *charts; c++) {
            struct weir_chart chart = {.to = to, .width = 360, .height = 300, .x = charts[c].x, .y = charts[c].y};
            fprintf(to, "<figure><figcaption><b>%s</b>%s</figcaption>", charts[c].title, charts[c].note);
            weir_chart_begin(&chart, charts[c].title);
            for (size_t i = end; i-- > from;) /* the best on top */
                if (view->group[i].shown)
                    put_line(&chart, &view->group[i], charts[c].which);
            weir_chart_end(&chart);
            fputs("</figure>\n", to);
        }
        fputs("</div>\n", to);
    }
}

/* Each data set's shown models in a row, in what form `put` gives them. */
static void put_shown(FILE *to, const struct weir_report_view *view, void (*put)(FILE *to, const struct weir_report_group *group))
{
    for (size_t from = 0, end; from < view->count; from = end) {
        end = weir_report_data_end(view, from);
        weir_report_data_title(to, view, from);
        fputs("<div class=\"row\">\n", to);
        for (size_t i = from; i < end; i++)
            if (view->group[i].shown)
                put(to, &view->group[i]);
        fputs("</div>\n", to);
    }
}

/* ---- Confusion matrices ---------------------------------------------------------------------------------------------------- */

static void put_cell(FILE *to, double count, double rows, bool right)
{
    char number[WEIR_HTML_NUMBER];
    /* Rare errors shall be seen: their colour goes by the square root. */
    double share = rows > 0 ? count / rows : 0, depth = right ? share : sqrt(share);
    fprintf(to, "<td class=\"%s%s\" style=\"--v:%.3f\" title=\"%.4g %% of the row\">%s</td>", right ? "" : "no",
            depth > 0.6 ? " hot" : "", depth, 100 * share, weir_html_format(count, WEIR_HTML_COUNT, number));
}

static void put_matrix(FILE *to, const struct weir_report_group *group)
{
    const json_t *metrics = json_object_get(json_object_get(group->task, "result"), "metrics");
    const json_t *classes = json_object_get(metrics, "classes"), *matrix = json_object_get(metrics, "confusion"), *name, *line;
    size_t n = json_array_size(classes), k, i;
    if (n < 2 || json_array_size(matrix) != n)
        return;
    bool many = n > CLASSES_NAMED;
    fputs("<figure><figcaption><b>", to);
    weir_html_text(to, group->label);
    fprintf(to, "</b></figcaption><div class=\"wide\"><table class=\"heat%s\"><thead><tr><td></td>", many ? " many" : "");
    json_array_foreach(classes, k, name)
    {
        fputs("<th scope=\"col\" title=\"", to);
        weir_html_text(to, json_string_value(name));
        fputs("\">", to);
        if (many)
            fprintf(to, "%zu", k);
        else
            weir_html_text(to, json_string_value(name));
        fputs("</th>", to);
    }
    fputs("</tr></thead><tbody>\n", to);
    json_array_foreach(matrix, k, line)
    {
        double rows = 0;
        for (i = 0; i < n; i++)
            rows += fmax(0, weir_html_number(json_array_get(line, i)));
        fputs("<tr><th class=\"t\" scope=\"row\">", to);
        if (many)
            fprintf(to, "%zu ", k);
        weir_html_text(to, json_string_value(json_array_get(classes, k)));
        fputs("</th>", to);
        for (i = 0; i < n; i++)
            put_cell(to, fmax(0, weir_html_number(json_array_get(line, i))), rows, i == k);
        fputs("</tr>\n", to);
    }
    fputs("</tbody></table></div></figure>\n", to);
}

void weir_report_put_confusion(FILE *to, const struct weir_report_view *view)
{
    fputs(
        "<h2 id=\"confusion\">Confusion matrices</h2>\n<p class=\"soft small\">Test rows of the first seed and fold. The deeper "
        "the colour, "
        "the larger the share of the true class: <span class=\"s0\">blue</span> is right, orange is wrong (on a scale that shows "
        "rare errors).</p>\n",
        to);
    put_shown(to, view, put_matrix);
}

/* ---- Importance ------------------------------------------------------------------------------------------------------------ */

static void put_bars(FILE *to, const struct weir_report_group *group)
{
    const json_t *list = json_object_get(json_object_get(group->task, "result"), "importance"), *column;
    double top = 0;
    size_t i, put = 0;
    json_array_foreach(list, i, column) top = fmax(top, weir_html_number(json_object_get(column, "shap")));
    if (!(top > 0))
        return;
    fputs("<figure><figcaption><b>", to);
    weir_html_text(to, group->label);
    fprintf(to, "</b></figcaption><table class=\"bars s%u\">", group->colour);
    json_array_foreach(list, i, column)
    {
        double value = weir_html_number(json_object_get(column, "shap"));
        if (!(value > 0) || put++ >= BARS)
            continue;
        fputs("<tr><th scope=\"row\" title=\"", to);
        weir_html_text(to, json_string_value(json_object_get(column, "column")));
        fputs("\">", to);
        weir_html_text(to, json_string_value(json_object_get(column, "column")));
        fprintf(to, "</th><td><div class=\"bar\"><i style=\"width:%.1f%%\"></i>%.3g</div></td></tr>\n", 70 * value / top, value);
    }
    fputs("</table></figure>\n", to);
}

static bool has_importance(const struct weir_report_view *view)
{
    for (size_t i = 0; i < view->count; i++)
        if (json_array_size(json_object_get(json_object_get(view->group[i].task, "result"), "importance")))
            return true;
    return false;
}

void weir_report_put_importance(FILE *to, const struct weir_report_view *view)
{
    if (!has_importance(view))
        return;
    fprintf(to,
            "<h2 id=\"importance\">Importance of columns</h2>\n<p class=\"soft small\">The %d columns whose contributions to the "
            "margin "
            "are largest (mean |SHAP|), where the model was asked on test rows. A margin's unit differs from algorithm to "
            "algorithm: compare columns, not models.</p>\n",
            BARS);
    put_shown(to, view, put_bars);
}

/* ---- Accuracy against cost ------------------------------------------------------------------------------------------------- */

static int by_cost(const void *a, const void *b)
{
    const struct weir_report_group *x = *(const struct weir_report_group *const *)a;
    const struct weir_report_group *y = *(const struct weir_report_group *const *)b;
    return (x->serve_ns > y->serve_ns) - (x->serve_ns < y->serve_ns);
}

/* A name where no other one lies; else none, the dot's title tells. */
static bool free_place(double (*taken)[4], size_t *count, size_t room, double x, double y, double width)
{
    for (size_t i = 0; i < *count; i++)
        if (x < taken[i][2] && x + width > taken[i][0] && y - 12 < taken[i][3] && y + 2 > taken[i][1])
            return false;
    if (*count < room) {
        double *t = taken[(*count)++];
        t[0] = x;
        t[1] = y - 12;
        t[2] = x + width;
        t[3] = y + 2;
    }
    return true;
}

static void put_tag(const struct weir_chart *chart, const struct weir_report_group *group, double (*taken)[4], size_t *count,
                    size_t room)
{
    double x = weir_chart_x(chart, group->serve_ns), y = weir_chart_y(chart, group->f1),
           width = 6.6 * (double)strlen(group->label);
    /* The front goes on to the right of its dots: above is where it leaves room. */
    const double above = x - 7 - width, places[][2] = {{group->front ? above : x + 9, group->front ? y - 7 : y + 4},
                                                       {x + 9, y + 4},
                                                       {x - 9 - width, y + 4},
                                                       {x - width / 2, y - 9},
                                                       {x - width / 2, y + 19}};
    for (size_t p = 0; p < sizeof places / sizeof *places; p++) {
        if (places[p][0] < 62 || places[p][0] + width > chart->width || places[p][1] > chart->height - 50 ||
            !free_place(taken, count, room, places[p][0], places[p][1], width))
            continue;
        fprintf(chart->to, "<text class=\"tag\" x=\"%.1f\" y=\"%.1f\">", places[p][0], places[p][1]);
        weir_html_text(chart->to, group->label);
        fputs("</text>\n", chart->to);
        return;
    }
}

static void put_front(const struct weir_chart *chart, struct weir_report_group *const *list, size_t count)
{
    bool first = true;
    fputs("<path class=\"front\" d=\"", chart->to);
    for (size_t i = 0; i < count; i++) {
        if (!list[i]->front)
            continue;
        double x = weir_chart_x(chart, list[i]->serve_ns), y = weir_chart_y(chart, list[i]->f1);
        fprintf(chart->to, first ? "M%.1f %.1f" : "H%.1fV%.1f", x, y);
        first = false;
    }
    fputs("\"/>\n", chart->to);
}

static void put_scatter(FILE *to, const struct weir_report_view *view, size_t from, size_t end)
{
    struct weir_chart chart = {.to = to,
                               .width = 1100,
                               .height = 400,
                               .x = {1, 0, WEIR_AXIS_LOGARITHMIC, WEIR_HTML_NS, "to serve a flow (log scale)"},
                               .y = {1, 0, WEIR_AXIS_NINES, WEIR_HTML_RATE, "F1 (scale of nines)"}};
    struct weir_report_group **list = malloc((end - from + 1) * sizeof *list);
    double(*taken)[4] = malloc((end - from + 1) * 2 * sizeof *taken);
    size_t count = 0, tags = 0;
    for (size_t i = from; list && i < end; i++) {
        struct weir_report_group *group = &view->group[i];
        if (!isfinite(group->f1) || !(group->serve_ns > 0))
            continue;
        list[count++] = group;
        weir_axis_hold(&chart.x, group->serve_ns);
        weir_axis_hold(&chart.y, group->f1);
    }
    if (count && taken) {
        qsort(list, count, sizeof *list, by_cost);
        weir_axis_round(&chart.x);
        weir_axis_round(&chart.y);
        fputs("<figure>", to);
        weir_chart_begin(&chart, "F1 against the cost to serve a flow");
        put_front(&chart, list, count);
        for (size_t i = 0; i < count; i++) {
            char title[400], cost[WEIR_HTML_NUMBER];
            double x = weir_chart_x(&chart, list[i]->serve_ns), y = weir_chart_y(&chart, list[i]->f1);
            snprintf(title, sizeof title, "%.200s: F1 %.4f, %s a flow", list[i]->label, list[i]->f1,
                     weir_html_format(list[i]->serve_ns, WEIR_HTML_NS, cost));
            weir_chart_dot(&chart, list[i]->serve_ns, list[i]->f1, list[i]->colour, !list[i]->front, title);
            free_place(taken, &tags, 2 * count, x - 6, y + 6, 12);
        }
        for (size_t i = 0; i < 2 * count; i++) /* the front's names first */
            if (list[i % count]->front == (i < count))
                put_tag(&chart, list[i % count], taken, &tags, 2 * count);
        weir_chart_end(&chart);
        fputs("</figure>\n", to);
    }
    free(taken);
    free(list);
}

void weir_report_put_cost(FILE *to, const struct weir_report_view *view)
{
    bool whole = true, any = false;
    for (size_t i = 0; i < view->count; i++) {
        any |= isfinite(view->group[i].f1) && view->group[i].serve_ns > 0;
        whole &= view->group[i].whole || !(view->group[i].serve_ns > 0);
    }
    if (!any)
        return;
    fprintf(to,
            "<h2 id=\"cost\">Accuracy against cost</h2>\n<p class=\"soft small\">%s Full dots lie on the Pareto front (dashed): "
            "no other model of the same data is as good and cheaper. Rings do not.</p>\n",
            whole ? "Cost: nanoseconds on one core to extract a model's columns from a flow record and to score it."
                  : "Cost: nanoseconds on one core to score a flow, and to extract the columns where weir's meter has them.");
    for (size_t from = 0, end; from < view->count; from = end) {
        end = weir_report_data_end(view, from);
        weir_report_data_title(to, view, from);
        put_scatter(to, view, from, end);
    }
}

/* ---- Time by processes ----------------------------------------------------------------------------------------------------- */

void weir_report_put_speed(FILE *to, const json_t *runs)
{
    struct weir_chart chart = {.to = to,
                               .width = 460,
                               .height = 300,
                               .x = {0, 1, WEIR_AXIS_LINEAR, WEIR_HTML_COUNT, "processes"},
                               .y = {0, 0, WEIR_AXIS_LINEAR, WEIR_HTML_SECONDS, "wall clock"}};
    static const char *const engines[] = {"local", "ray"};
    const json_t *run;
    double least = INFINITY, of_least = 0;
    size_t i;
    json_array_foreach(runs, i, run)
    {
        double jobs = weir_html_number(json_object_get(run, "jobs")), total = weir_html_number(json_object_get(run, "total_s"));
        weir_axis_hold(&chart.x, jobs);
        weir_axis_hold(&chart.y, total);
        if (jobs < least && total > 0) {
            least = jobs;
            of_least = total;
        }
    }
    if (json_array_size(runs) < 2 || !isfinite(least))
        return;
    chart.x.high = ceil(chart.x.high);
    weir_axis_round(&chart.y);
    fputs("<figure><figcaption><b>Wall clock by processes</b>dashed: the least that is possible</figcaption>", to);
    weir_chart_begin(&chart, "Wall clock by number of processes");
    fputs("<path class=\"front\" d=\"", to);
    for (int p = 0; p <= 40; p++) {
        double jobs = least + (chart.x.high - least) * p / 40;
        fprintf(to, "%c%.1f %.1f", p ? 'L' : 'M', weir_chart_x(&chart, jobs), weir_chart_y(&chart, of_least * least / jobs));
    }
    fputs("\"/>\n", to);
    for (unsigned e = 0; e < 2; e++) {
        double points[64];
        size_t count = 0;
        json_array_foreach(runs, i, run)
        {
            const char *engine = json_string_value(json_object_get(run, "engine"));
            double jobs = weir_html_number(json_object_get(run, "jobs")),
                   total = weir_html_number(json_object_get(run, "total_s"));
            if (!engine || strcmp(engine, engines[e]) || !isfinite(jobs) || !isfinite(total) || count == 32)
                continue;
            char title[120], time[WEIR_HTML_NUMBER];
            snprintf(title, sizeof title, "%s, %.0f processes: %s", engines[e], jobs,
                     weir_html_format(total, WEIR_HTML_SECONDS, time));
            points[2 * count] = jobs;
            points[2 * count++ + 1] = total;
            weir_chart_dot(&chart, jobs, total, e, false, title);
        }
        if (count > 1)
            weir_chart_line(&chart, points, count, e, 0, engines[e]);
        if (count)
            fprintf(to, "<text class=\"tag end\" x=\"%.1f\" y=\"%.1f\">%s</text>\n", weir_chart_x(&chart, points[2 * count - 2]),
                    weir_chart_y(&chart, points[2 * count - 1]) - 9, engines[e]);
    }
    weir_chart_end(&chart);
    fputs("</figure>\n", to);
}
