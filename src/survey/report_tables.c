#include "survey/report_parts.h"

#include <math.h>
#include <string.h>

#include "survey/html.h"

enum { LIMITS = 4 };

static const json_t *metrics_of(const struct weir_report_group *group)
{
    return json_object_get(json_object_get(group->task, "result"), "metrics");
}

static double number_of(const json_t *object, const char *key)
{
    return weir_html_number(json_object_get(object, key));
}

static void put_number(FILE *to, double value, const char *form)
{
    fprintf(to, "<td data-v=\"%.9g\">", value);
    if (isfinite(value))
        fprintf(to, form, value);
    else
        fputs("–", to);
    fputs("</td>", to);
}

/* With the figure's interval below it. */
static void put_figure(FILE *to, const json_t *metrics, const char *name)
{
    const json_t *interval = json_object_get(json_object_get(metrics, "intervals"), name);
    double value = number_of(metrics, name), low = weir_html_number(json_array_get(interval, 0)),
           high = weir_html_number(json_array_get(interval, 1));
    fprintf(to, "<td data-v=\"%.9g\">", value);
    if (isfinite(value))
        fprintf(to, "%.4f", value);
    else
        fputs("–", to);
    if (isfinite(value) && isfinite(low) && isfinite(high))
        fprintf(to, "<small>%.4f–%.4f</small>", low, high);
    fputs("</td>", to);
}

static void put_name(FILE *to, const struct weir_report_group *group)
{
    fprintf(to, "<tr><td class=\"t\"><span class=\"key s%u\"></span>", group->colour);
    weir_html_text(to, group->label);
    fputs("</td>", to);
}

/* ---- Rows ------------------------------------------------------------------------------------------------------------------ */

/* How many rows train and test, and how they were chosen. */
void weir_report_put_rows(FILE *to, const struct weir_report_view *view)
{
    char text[WEIR_HTML_NUMBER];
    for (size_t from = 0; from < view->count; from = weir_report_data_end(view, from)) {
        const struct weir_report_group *group = &view->group[from];
        double tasks = weir_html_number(json_object_get(group->summary, "tasks"));
        if (!group->task)
            continue;
        fputs("<p class=\"soft small\">", to);
        weir_html_text(to, group->data);
        if (*group->test_data) {
            fputs(", tested on ", to);
            weir_html_text(to, group->test_data);
        }
        fputs(": ", to);
        fprintf(to, "%s rows train, ", weir_html_format(weir_report_mean(group, "train_rows"), WEIR_HTML_COUNT, text));
        fprintf(to, "%s test", weir_html_format(weir_report_mean(group, "test_rows"), WEIR_HTML_COUNT, text));
        if (weir_report_mean(group, "left_out") > 0)
            fprintf(to, ", %s are left out (their labels are no class of the models)",
                    weir_html_format(weir_report_mean(group, "left_out"), WEIR_HTML_COUNT, text));
        fputs("; split: ", to);
        weir_html_text(to, json_string_value(json_object_get(group->task, "split")));
        if (tasks > 1)
            fprintf(to, "; means of %.0f seeds and folds", tasks);
        fputs(".</p>\n", to);
    }
}

/* ---- Alerts and calibration ------------------------------------------------------------------------------------------------ */

static void put_count(FILE *to, double count)
{
    char text[WEIR_HTML_NUMBER];
    fprintf(to, "<td data-v=\"%.9g\">%s</td>", count, weir_html_format(count, WEIR_HTML_COUNT, text));
}

static void put_alerts_of(FILE *to, const struct weir_report_group *group, size_t limits)
{
    const json_t *metrics = metrics_of(group), *detection = json_object_get(metrics, "detection");
    put_name(to, group);
    put_number(to, number_of(detection, "fpr"), "%.5f");
    put_number(to, number_of(detection, "recall"), "%.4f");
    put_count(to, number_of(detection, "false_alerts_per_day"));
    for (size_t l = 0; l < limits; l++) {
        const json_t *point = json_array_get(json_object_get(detection, "at_fpr"), l),
                     *interval = json_object_get(point, "interval");
        double low = weir_html_number(json_array_get(interval, 0)), high = weir_html_number(json_array_get(interval, 1));
        fprintf(to, "<td data-v=\"%.9g\">", number_of(point, "recall"));
        if (isfinite(number_of(point, "recall")))
            fprintf(to, "%.4f", number_of(point, "recall"));
        if (isfinite(low) && isfinite(high))
            fprintf(to, "<small>%.4f–%.4f</small>", low, high);
        fputs("</td>", to);
        put_number(to, number_of(point, "threshold"), "%.5f");
        put_count(to, number_of(point, "false_alerts_per_day"));
    }
    put_figure(to, metrics, "log_loss");
    put_figure(to, metrics, "brier");
    put_figure(to, metrics, "ece");
    fputs("</tr>\n", to);
}

static bool has_alerts(const struct weir_report_group *group)
{
    return group->shown && json_is_object(json_object_get(metrics_of(group), "detection"));
}

static void put_alerts_table(FILE *to, const struct weir_report_view *view, size_t from, size_t end)
{
    const json_t *points = NULL;
    for (size_t i = from; i < end && !points; i++)
        if (has_alerts(&view->group[i]))
            points = json_object_get(json_object_get(metrics_of(&view->group[i]), "detection"), "at_fpr");
    size_t limits = json_array_size(points) < LIMITS ? json_array_size(points) : LIMITS;
    if (!points)
        return;
    weir_report_data_title(to, view, from);
    fputs("<div class=\"wide\"><table class=\"results\"><thead><tr><td></td><th colspan=\"3\" scope=\"colgroup\">at the model's "
          "threshold</th>",
          to);
    for (size_t l = 0; l < limits; l++)
        fprintf(to, "<th colspan=\"3\" scope=\"colgroup\">false-positive rate at most %g</th>",
                number_of(json_array_get(points, l), "limit"));
    fputs("<th colspan=\"3\" scope=\"colgroup\">are scores probabilities?</th></tr>\n<tr><th class=\"t\" "
          "scope=\"col\"><button>Model</button></th>"
          "<th scope=\"col\"><button>FPR</button></th><th scope=\"col\"><button>Recall</button></th>"
          "<th scope=\"col\"><button>False alerts a day</button></th>",
          to);
    for (size_t l = 0; l < limits; l++)
        fputs("<th scope=\"col\"><button>Recall</button></th><th scope=\"col\"><button>Threshold</button></th><th "
              "scope=\"col\"><button>False "
              "alerts a day</button></th>",
              to);
    fputs("<th scope=\"col\"><button>Log loss</button></th><th scope=\"col\"><button>Brier score</button></th><th scope=\"col\" "
          "title=\"expected calibration error\"><button>ECE</button></th></tr></thead><tbody>\n",
          to);
    for (size_t i = from; i < end; i++)
        if (has_alerts(&view->group[i]))
            put_alerts_of(to, &view->group[i], limits);
    fputs("</tbody></table></div>\n", to);
}

void weir_report_put_alerts(FILE *to, const struct weir_report_view *view)
{
    size_t first = 0;
    while (first < view->count && !has_alerts(&view->group[first]))
        first++;
    if (first == view->count)
        return;
    const json_t *detection = json_object_get(metrics_of(&view->group[first]), "detection");
    fprintf(to,
            "<h2 id=\"alerts\">Alerts</h2>\n<p class=\"soft small\">Attacks against normal traffic on the test rows of the first "
            "seed and fold: the most attacks that are found with so few false alarms, and from which score on. False alerts a "
            "day: at %g flows a second (<code>--flow-rate</code>), of which %.4g %% are normal (<code>--benign-share</code>; "
            "without it as in the test rows).</p>\n",
            number_of(detection, "flow_rate"), 100 * number_of(detection, "benign_share"));
    for (size_t from = 0, end; from < view->count; from = end) {
        end = weir_report_data_end(view, from);
        put_alerts_table(to, view, from, end);
    }
}

/* ---- Attacks that training has not seen ------------------------------------------------------------------------------------ */

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

static void put_unseen_row(FILE *to, const json_t *entry)
{
    const json_t *recall;
    size_t i;
    fputs("<tr><td class=\"t\">", to);
    weir_html_text(to, text_of(entry, "attack"));
    fputs("</td>", to);
    json_array_foreach(json_object_get(entry, "recall"), i, recall)
    {
        fprintf(to, "<td data-v=\"%.9g\">", weir_html_number(recall));
        if (json_is_number(recall))
            fprintf(to, "%.4f<small>%.4f</small>", json_number_value(recall),
                    json_number_value(json_array_get(json_object_get(entry, "roc_auc"), i)));
        else
            fputs("–", to);
        fputs("</td>", to);
    }
    fputs("</tr>\n", to);
}

void weir_report_put_unseen(FILE *to, const json_t *unseen)
{
    const json_t *entry, *model;
    const char *before = NULL;
    size_t i, k;
    if (!json_array_size(unseen))
        return;
    fputs("<h2 id=\"unseen\">Attacks never seen</h2>\n<p class=\"soft small\">Each attack was left out of the training rows in "
          "turn: "
          "the share of it that raises an alert at the model's own threshold, and small the area under the ROC curve against "
          "normal "
          "traffic; means over seeds.</p>\n",
          to);
    json_array_foreach(unseen, i, entry)
    {
        if (!before || strcmp(before, text_of(entry, "data")) != 0) {
            fprintf(to, "%s<h3>", before ? "</tbody></table></div>\n" : "");
            weir_html_text(to, text_of(entry, "data"));
            fputs("</h3>\n<div class=\"wide\"><table class=\"results\"><thead><tr><th class=\"t\" "
                  "scope=\"col\"><button>Attack</button></th>",
                  to);
            json_array_foreach(json_object_get(entry, "models"), k, model)
            {
                fputs("<th scope=\"col\"><button>", to);
                weir_html_text(to, json_string_value(model));
                fputs("</button></th>", to);
            }
            fputs("</tr></thead><tbody>\n", to);
        }
        before = text_of(entry, "data");
        put_unseen_row(to, entry);
    }
    fputs("</tbody></table></div>\n", to);
}

/* ---- Classes --------------------------------------------------------------------------------------------------------------- */

static const json_t *class_of(const struct weir_report_group *group, size_t k)
{
    return json_array_get(json_object_get(metrics_of(group), "per_class"), k);
}

/* F1 of each class, a column a model; of two classes the other tables tell it all. */
static void put_classes_table(FILE *to, const struct weir_report_view *view, size_t from, size_t end)
{
    size_t first = from;
    while (first < end &&
           !(view->group[first].shown && json_array_size(json_object_get(metrics_of(&view->group[first]), "per_class"))))
        first++;
    size_t classes = first < end ? json_array_size(json_object_get(metrics_of(&view->group[first]), "per_class")) : 0;
    if (classes < 3)
        return;
    weir_report_data_title(to, view, from);
    fputs("<div class=\"wide\"><table class=\"results\"><thead><tr><th class=\"t\" scope=\"col\"><button>Class</button></th><th "
          "scope=\"col\"><button>Rows</button></th>",
          to);
    for (size_t i = from; i < end; i++)
        if (view->group[i].shown) {
            fputs("<th scope=\"col\"><button>", to);
            weir_html_text(to, view->group[i].label);
            fputs("</button></th>", to);
        }
    fputs("</tr></thead><tbody>\n", to);
    for (size_t k = 0; k < classes; k++) {
        const char *name = json_string_value(json_object_get(class_of(&view->group[first], k), "class"));
        double best = -1;
        fputs("<tr><td class=\"t\">", to);
        weir_html_text(to, name);
        fputs("</td>", to);
        put_count(to, number_of(class_of(&view->group[first], k), "rows"));
        for (size_t i = from; i < end; i++)
            best = fmax(best, view->group[i].shown ? number_of(class_of(&view->group[i], k), "f1") : (double)NAN);
        for (size_t i = from; i < end; i++) {
            double f1 = number_of(class_of(&view->group[i], k), "f1");
            if (view->group[i].shown)
                put_number(to, f1, f1 >= best ? "<b>%.4f</b>" : "%.4f");
        }
        fputs("</tr>\n", to);
    }
    fputs("</tbody></table></div>\n", to);
}

void weir_report_put_classes(FILE *to, const struct weir_report_view *view)
{
    bool any = false;
    for (size_t i = 0; i < view->count; i++)
        any |= view->group[i].shown && json_array_size(json_object_get(metrics_of(&view->group[i]), "per_class")) > 2;
    if (!any)
        return;
    fputs("<h2 id=\"classes\">F1 by class</h2>\n<p class=\"soft small\">Test rows of the first seed and fold; bold: the "
          "best.</p>\n",
          to);
    for (size_t from = 0, end; from < view->count; from = end) {
        end = weir_report_data_end(view, from);
        put_classes_table(to, view, from, end);
    }
}
