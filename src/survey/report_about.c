/* The report's parts on what failed, on the data and on the machine. */
#include <string.h>

#include "survey/html.h"
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

void weir_report_put_failures(FILE *to, const json_t *report)
{
    const json_t *task;
    size_t i;
    bool any = false;
    json_array_foreach(json_object_get(report, "tasks"), i, task)
    {
        if (!strcmp(text_of(task, "status"), "done"))
            continue;
        if (!any)
            fputs("<h2 id=\"failed\">Failed tasks</h2>\n<div class=\"wide\"><table><thead><tr><th class=\"t\" "
                  "scope=\"col\">Task</th><th "
                  "class=\"t\" scope=\"col\">Why</th></tr></thead><tbody>\n",
                  to);
        any = true;
        fputs("<tr><td class=\"t\">", to);
        weir_html_text(to, text_of(task, "id"));
        fputs("</td><td class=\"wrap\">", to);
        weir_html_text(to, text_of(task, "error"));
        fputs("</td></tr>\n", to);
    }
    if (any)
        fputs("</tbody></table></div>\n", to);
}

static void put_fact(FILE *to, const char *what, const char *text)
{
    if (!text || !*text)
        return;
    fputs("<tr><td class=\"t\">", to);
    weir_html_text(to, what);
    fputs("</td><td class=\"wrap\">", to);
    weir_html_text(to, text);
    fputs("</td></tr>\n", to);
}

static void put_count(FILE *to, const char *what, double count)
{
    char text[WEIR_HTML_NUMBER];
    if (count > 0)
        put_fact(to, what, weir_html_format(count, WEIR_HTML_COUNT, text));
}

static void put_list(FILE *to, const char *what, const json_t *list)
{
    const json_t *item;
    size_t i;
    if (!json_array_size(list))
        return;
    fprintf(to, "<tr><td class=\"t\">%s</td><td class=\"wrap\">", what);
    json_array_foreach(list, i, item)
    {
        fputs(i ? ", " : "", to);
        weir_html_text(to, json_string_value(item));
    }
    fputs("</td></tr>\n", to);
}

static void put_data(FILE *to, const char *name, const json_t *data)
{
    const char *label;
    char count[WEIR_HTML_NUMBER];
    json_t *rows;
    size_t i = 0;
    fputs("<h3>", to);
    weir_html_text(to, name);
    fputs("</h3>\n<div class=\"wide\"><table><tbody>\n", to);
    put_fact(to, "Read from", text_of(data, "origin"));
    put_fact(to, "Known as", text_of(data, "data_set"));
    put_fact(to, "Fingerprint", text_of(data, "fingerprint"));
    put_count(to, "Rows", number_of(data, "rows"));
    put_count(to, "Rows of other test data", number_of(data, "test_rows"));
    put_count(to, "Columns", number_of(data, "columns"));
    put_fact(to, "Feature set", text_of(data, "feature_set"));
    put_list(to, "Classes", json_object_get(data, "classes"));
    if (json_object_size(json_object_get(data, "labels"))) {
        fputs("<tr><td class=\"t\">Labels</td><td class=\"wrap\">", to);
        json_object_foreach(json_object_get(data, "labels"), label, rows)
        {
            fputs(i++ ? ", " : "", to);
            weir_html_text(to, label);
            fputs(" ", to);
            fputs(weir_html_format(weir_html_number(rows), WEIR_HTML_COUNT, count), to);
        }
        fputs("</td></tr>\n", to);
    }
    put_list(to, "Names of columns", json_object_get(data, "column_names"));
    fputs("</tbody></table></div>\n", to);
}

void weir_report_put_about(FILE *to, const json_t *report)
{
    const char *name;
    json_t *data;
    fputs("<h2 id=\"about\">Data and machine</h2>\n", to);
    json_object_foreach(json_object_get(report, "data"), name, data) put_data(to, name, data);
    fputs("<h3>Made by</h3>\n<div class=\"wide\"><table><tbody>\n", to);
    put_fact(to, "weir", text_of(report, "weir"));
    put_fact(to, "CPU", text_of(report, "cpu"));
    put_count(to, "Processors", number_of(report, "processors"));
    json_object_foreach(json_object_get(report, "libraries"), name, data) put_fact(to, name, json_string_value(data));
    fputs("</tbody></table></div>\n<h3>To make it again</h3>\n<pre>", to);
    weir_html_text(to, text_of(report, "command"));
    fputs("</pre>\n<p class=\"soft small\">docs/metrics.md of weir defines every figure. The same data, command and version give "
          "the same "
          "figures, whatever the engine and the number of processes; times vary.</p>\n",
          to);
}
