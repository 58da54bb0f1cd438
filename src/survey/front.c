#include "survey/front.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "survey/html.h"

enum { WIDTH = 66, HEIGHT = 13, LETTERS = 26 };

struct choice {
    const json_t *group;
    double f1;       /* NaN: none was finished */
    double serve_ns; /* to extract its columns, where that is known, and to score; NaN: unknown */
    double columns;  /* that the model asks for */
    bool extracts;   /* serve_ns has the extraction in it */
    bool front;
};

static double mean(const json_t *group, const char *name)
{
    return weir_html_number(json_object_get(json_object_get(group, name), "mean"));
}

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

static bool same_data(const json_t *a, const json_t *b)
{
    return !strcmp(text_of(a, "data"), text_of(b, "data")) && !strcmp(text_of(a, "test_data"), text_of(b, "test_data"));
}

/* Those of the same data and test data as `like`, in the summary's order; NULL: out of memory. */
static struct choice *choices_of(const json_t *report, const json_t *like, size_t *count)
{
    const json_t *summary = json_object_get(report, "summary"), *group;
    struct choice *list = calloc(json_array_size(summary) + 1, sizeof *list);
    size_t i;
    *count = 0;
    json_array_foreach(summary, i, group)
    {
        if (!list || !same_data(group, like))
            continue;
        const json_t *data = json_object_get(json_object_get(report, "data"), text_of(group, "data"));
        const json_t *select = json_object_get(group, "select");
        double extract = mean(group, "extract_ns");
        list[(*count)++] =
            (struct choice){.group = group,
                            .f1 = mean(group, "f1"),
                            .serve_ns = mean(group, "score_ns") + (isfinite(extract) ? extract : 0),
                            .extracts = isfinite(extract),
                            .columns = weir_html_number(json_is_integer(select) ? select : json_object_get(data, "columns")),
                            .front = json_is_true(json_object_get(group, "front"))};
    }
    return list;
}

static int by_cost(const void *a, const void *b)
{
    const struct choice *x = a, *y = b;
    if (isnan(x->serve_ns) || isnan(y->serve_ns))
        return isnan(x->serve_ns) - isnan(y->serve_ns);
    return (x->serve_ns > y->serve_ns) - (x->serve_ns < y->serve_ns);
}

/* 0.9, 0.99 and 0.999 as far apart as 0 and 0.9: the differences that count are at the top. */
static double nines(double f1)
{
    return -log10(1 - fmin(f1, 0.99999));
}

/* Its algorithm's letter, by the first place at which the list has it. */
static char letter_of(const struct choice *list, size_t i)
{
    size_t letter = 0;
    for (size_t k = 0; k < i; k++) {
        bool first = true;
        if (!strcmp(text_of(list[k].group, "algorithm"), text_of(list[i].group, "algorithm")))
            return letter_of(list, k);
        for (size_t j = 0; j < k; j++)
            first &= strcmp(text_of(list[j].group, "algorithm"), text_of(list[k].group, "algorithm")) != 0;
        letter += first;
    }
    return (char)('a' + letter % LETTERS);
}

static void print_plot(FILE *to, const struct choice *list, size_t count)
{
    char dots[HEIGHT][WIDTH + 1], text[WEIR_HTML_NUMBER];
    double low_x = INFINITY, high_x = -INFINITY, low_y = INFINITY, high_y = -INFINITY;
    memset(dots, ' ', sizeof dots);
    for (size_t i = 0; i < count; i++) {
        if (!isfinite(list[i].f1) || !(list[i].serve_ns > 0))
            continue;
        low_x = fmin(low_x, log10(list[i].serve_ns));
        high_x = fmax(high_x, log10(list[i].serve_ns));
        low_y = fmin(low_y, nines(list[i].f1));
        high_y = fmax(high_y, nines(list[i].f1));
    }
    for (int pass = 0; pass < 2; pass++) /* the front over the others */
        for (size_t i = 0; i < count; i++) {
            if (!isfinite(list[i].f1) || !(list[i].serve_ns > 0) || list[i].front != pass)
                continue;
            double x = high_x > low_x ? (log10(list[i].serve_ns) - low_x) / (high_x - low_x) : 0.5;
            double y = high_y > low_y ? (nines(list[i].f1) - low_y) / (high_y - low_y) : 0.5;
            char letter = letter_of(list, i);
            dots[HEIGHT - 1 - lround(y * (HEIGHT - 1))][lround(x * (WIDTH - 1))] = pass ? (char)(letter - 'a' + 'A') : letter;
        }
    fputs("\nF1 (scale of nines) against the time to serve a flow (logarithmic):\n", to);
    for (int row = 0; row < HEIGHT; row++) {
        if (row % 4 == 0)
            fprintf(to, "%9.5f |", 1 - pow(10, -(high_y - (high_y - low_y) * row / (HEIGHT - 1))));
        else
            fprintf(to, "%9s |", "");
        dots[row][WIDTH] = 0;
        for (size_t end = WIDTH; end && dots[row][end - 1] == ' '; end--)
            dots[row][end - 1] = 0;
        fprintf(to, "%s\n", dots[row]);
    }
    fprintf(to, "%9s +", "");
    for (int i = 0; i < WIDTH; i++)
        fputc('-', to);
    weir_html_format(pow(10, low_x), WEIR_HTML_NS, text);
    fprintf(to, "\n%10s%s", "", text);
    weir_html_format(pow(10, high_x), WEIR_HTML_NS, text);
    fprintf(to, "%*s\n", WIDTH + 1 - 8, text);
    int column = 0;
    for (size_t i = 0; i < count; i++) {
        const char *name = text_of(list[i].group, "algorithm");
        bool again = false;
        for (size_t k = 0; k < i; k++)
            again |= !strcmp(text_of(list[k].group, "algorithm"), name);
        if (again)
            continue;
        if (column && column + (int)strlen(name) + 4 > 78) {
            fputs(",\n", to);
            column = 0;
        }
        column += fprintf(to, "%s%c %s", column ? ", " : "", letter_of(list, i), name);
    }
    fputs("\ncapitals: on the front\n", to);
}

static void print_data(FILE *to, const json_t *report, const json_t *like)
{
    size_t count, finished = 0;
    struct choice *list = choices_of(report, like, &count);
    char text[WEIR_HTML_NUMBER];
    double best = -INFINITY;
    for (size_t i = 0; i < count; i++) {
        finished += isfinite(list[i].f1) && list[i].serve_ns > 0;
        best = fmax(best, isfinite(list[i].f1) ? list[i].f1 : 0);
    }
    if (finished > 1) {
        qsort(list, count, sizeof *list, by_cost);
        fprintf(to, "\n%s%s%s: nobody is as good and cheaper (Pareto front)\n", text_of(like, "data"),
                *text_of(like, "test_data") ? ", tested on " : "", text_of(like, "test_data"));
        fprintf(to, "%-24s %8s %9s %9s %14s\n", "algorithm", "columns", "F1", "to best", "serve a flow");
        for (size_t i = 0; i < count; i++)
            if (list[i].front)
                fprintf(to, "%-24.24s %8.0f %9.5f %9.5f %14s%s\n", text_of(list[i].group, "algorithm"), list[i].columns,
                        list[i].f1, list[i].f1 - best, weir_html_format(list[i].serve_ns, WEIR_HTML_NS, text),
                        list[i].extracts ? "" : " (scoring)");
        print_plot(to, list, count);
    }
    free(list);
}

void weir_survey_front_print(FILE *to, const json_t *report)
{
    const json_t *summary = json_object_get(report, "summary"), *group;
    size_t i, k;
    bool chose = false;
    json_array_foreach(summary, i, group) chose |= json_is_integer(json_object_get(group, "select"));
    json_array_foreach(summary, i, group)
    {
        bool first = true;
        for (k = 0; k < i; k++)
            first &= !same_data(json_array_get(summary, k), group);
        if (chose && first)
            print_data(to, report, group);
    }
}
