/* weir model explain: what each column did to the margin of one row. */
#include <getopt.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "cli/command.h"
#include "cli/data_options.h"
#include "cli/model_commands.h"
#include "train/evaluate.h"

static const char help[] = "usage: weir model explain MODEL.weir --data FILE|GLOB [OPTIONS]\n"
                           "\n"
                           "Scores one row and prints what each column added to its margin (log odds). Base and\n"
                           "contributions add up to the margin. Exact contributions are Shapley values (TreeSHAP):\n"
                           "fair to columns whatever the order in which the trees ask for them.\n"
                           "\n"
                           "  --data FILE|GLOB    CSV, Parquet or JSON; repeated: more files\n"
                           "  --sql QUERY         or rows from a query that DuckDB understands\n"
                           "  --row N             the row, the first is 1 (default: 1)\n"
                           "  --class NAME        more than two classes: explain this one (default: the most probable)\n"
                           "  --path              not exact: each split on the row's way through the trees changes the\n"
                           "                      expected margin, and the change is its column's\n"
                           "  --json              one JSON object\n"
                           "\n"
                           "example: weir model explain flows.weir --data day2.csv --row 17\n";

struct options {
    struct weir_data_options data;
    const char *model, *class;
    uint64_t row;
    enum weir_explain how;
    bool json;
};

enum { OPT_ROW = 256, OPT_CLASS, OPT_PATH, OPT_JSON };

/* -1: go on; else the exit code. */
static int parse(int argc, char **argv, struct options *o)
{
    static const struct option longs[] = {{"data", required_argument, NULL, WEIR_OPT_DATA},
                                          {"sql", required_argument, NULL, WEIR_OPT_SQL},
                                          {"row", required_argument, NULL, OPT_ROW},
                                          {"class", required_argument, NULL, OPT_CLASS},
                                          {"path", no_argument, NULL, OPT_PATH},
                                          {"json", no_argument, NULL, OPT_JSON},
                                          {"help", no_argument, NULL, 'h'},
                                          {0}};
    optind = 1;
    for (int c; (c = getopt_long(argc, argv, ":h", longs, NULL)) != -1;) {
        if (c == 'h') {
            fputs(help, stdout);
            return WEIR_EXIT_OK;
        } else if (c == OPT_ROW) {
            if (!weir_option_number("--row", optarg, 1, INT64_MAX, &o->row))
                return WEIR_EXIT_USAGE;
        } else if (c == OPT_CLASS) {
            o->class = optarg;
        } else if (c == OPT_PATH) {
            o->how = WEIR_EXPLAIN_PATH;
        } else if (c == OPT_JSON) {
            o->json = true;
        } else if (!weir_data_options_take(&o->data, c, optarg)) {
            return weir_option_wrong("model explain", c, argv);
        }
    }
    if (optind + 1 != argc)
        return weir_usage_error("model explain", "name one model file");
    o->model = argv[optind];
    int wrong = weir_data_options_check(&o->data, "model explain");
    return wrong ? wrong : -1;
}

struct explanation {
    const weir_model *model;
    struct weir_dataset_column *columns; /* with the code tables */
    const char *const *classes;
    size_t count, groups, group, *order; /* order: columns by size of contribution */
    uint64_t row;
    float *x, *margins, score;
    double *contributions, base;
    enum weir_explain how;
    uint16_t class;
    uint8_t alert;
};

/* Reads the one row. */
static weir_err read_row(struct weir_relation *source, struct explanation *e, struct weir_error *error)
{
    char *sql = NULL, list[360];
    size_t size;
    duckdb_result result;
    duckdb_data_chunk chunk = NULL;
    FILE *to = open_memstream(&sql, &size);
    weir_err failed = to ? WEIR_OK : weir_fail(error, WEIR_ERR_MEMORY, "out of memory");
    if (failed)
        return failed;
    fputs("SELECT ", to);
    for (size_t c = 0; c < e->count && !failed; c++) {
        int at = weir_relation_find(source, e->columns[c].name);
        if (at >= 0) {
            fputs(c ? ", " : "", to);
            weir_dataset_expression(to, &source->columns[at], &e->columns[c].categories);
        } else {
            weir_dataset_list(source, list, sizeof list);
            failed = weir_fail(error, WEIR_ERR_NOT_FOUND, "%s: no column '%.60s', which model %s needs; the columns are: %s",
                               source->origin, e->columns[c].name, weir_model_label(e->model), list);
        }
    }
    fprintf(to, " FROM " WEIR_RELATION " LIMIT 1 OFFSET %llu", (unsigned long long)e->row - 1);
    if (fclose(to) && !failed)
        failed = weir_fail(error, WEIR_ERR_MEMORY, "out of memory");
    if (!failed)
        failed = weir_relation_query(source, sql, &result, error);
    free(sql);
    if (failed)
        return failed;
    failed = weir_relation_fetch(source, &result, &chunk, error);
    if (!failed && (!chunk || !duckdb_data_chunk_get_size(chunk)))
        failed = weir_fail(error, WEIR_ERR_NOT_FOUND, "%s: there is no row %llu", source->origin, (unsigned long long)e->row);
    for (size_t c = 0; c < e->count && !failed; c++)
        weir_dataset_convert(duckdb_data_chunk_get_vector(chunk, c), 1, &e->columns[c], e->x + c, 1);
    if (chunk)
        duckdb_destroy_data_chunk(&chunk);
    duckdb_destroy_result(&result);
    return failed;
}

/* The order of columns: the largest contribution first, whatever its sign; qsort has no context. */
static const double *ranked;

static int compare(const void *a, const void *b)
{
    size_t p = *(const size_t *)a, q = *(const size_t *)b;
    double x = fabs(ranked[p]), y = fabs(ranked[q]);
    return x > y ? -1 : x < y ? 1 : (p > q) - (p < q);
}

static weir_err explain(const struct options *o, struct explanation *e, struct weir_error *error)
{
    size_t class_count = weir_model_classes(e->model, &e->classes);
    weir_model_margins(e->model, e->x, 1, e->count, e->margins);
    weir_model_judge(e->model, e->margins, 1, &e->score, &e->class, &e->alert);
    e->group = e->groups == 1 ? 0 : e->class;
    if (o->class) {
        size_t k = 0;
        while (k < class_count && strcmp(o->class, e->classes[k]))
            k++;
        if (k == class_count || e->groups == 1)
            return weir_fail(error, WEIR_ERR_ARGUMENT,
                             k == class_count ? "--class %s: model %s has no such class"
                                              : "--class %s: model %s has two classes and one margin; leave it out",
                             o->class, weir_model_label(e->model));
        e->group = k;
    }
    e->how = o->how;
    weir_err failed = weir_model_explain(e->model, o->how, e->x, 1, e->count, e->group, NULL, e->contributions, &e->base);
    if (failed)
        return weir_fail(error, failed, "%s", weir_err_text(failed));
    for (size_t c = 0; c < e->count; c++)
        e->order[c] = c;
    ranked = e->contributions;
    qsort(e->order, e->count, sizeof *e->order, compare);
    return WEIR_OK;
}

/* The text of a category, NULL for a number. */
static const char *category(const struct weir_dataset_column *column, float value)
{
    return value >= 0 && value < (float)column->categories.count ? column->categories.text[(size_t)value] : NULL;
}

static const char *const how_names[] = {[WEIR_EXPLAIN_EXACT] = "exact", [WEIR_EXPLAIN_PATH] = "path"};

static const char *explained_class(const struct explanation *e)
{
    return e->classes[e->groups == 1 ? 1 : e->group];
}

/* At most `most` characters of a text, "..." in place of what does not fit; returns how many are printed. */
static int print_cut(const char *text, int most)
{
    int count = 0, bytes = 0, keep = 0;
    for (; text[bytes]; bytes++)
        if (((unsigned char)text[bytes] & 0xc0) != 0x80 && ++count == most - 2)
            keep = bytes; /* this and all that follow make way for the dots */
    printf("%.*s%s", count > most ? keep : bytes, text, count > most ? "..." : "");
    return count > most ? most : count;
}

enum { NAME = 28, TEXT = 44, BAR = 10 }; /* 2 + 10 + 2 + TEXT + 2 * BAR + 2 = 80 */

/* "  +1.234567  swin = 1024                                        |####" */
static void print_column(const struct explanation *e, size_t c, double largest)
{
    const struct weir_dataset_column *column = &e->columns[c];
    char number[40];
    const char *text = category(column, e->x[c]);
    if (!text) {
        snprintf(number, sizeof number, "%.9g", (double)e->x[c]);
        text = isnan(e->x[c]) ? "(missing)" : number;
    }
    double contribution = e->contributions[c];
    int marks = (int)lround(fabs(contribution) / largest * BAR);
    printf("%+12.6f  ", contribution);
    int used = print_cut(column->name, NAME);
    used += printf(" = ");
    used += print_cut(text, TEXT - 1 - used);
    printf("%*s", TEXT - used, "");
    printf("%*s%.*s|%.*s\n", contribution < 0 ? BAR - marks : BAR, "", contribution < 0 ? marks : 0, "##########",
           contribution < 0 ? 0 : marks, "##########");
}

static void print_text(const struct explanation *e)
{
    double largest = fabs(e->contributions[e->order[0]]);
    printf("row %llu: ", (unsigned long long)e->row);
    print_cut(e->classes[e->class], NAME);
    printf(", %s %.6g, %s\n\n", weir_model_regression(e->model) ? "prediction" : "score", (double)e->score,
           e->alert ? "an alert" : "no alert");
    printf("%12s  %-*s%*s|%s\n%12.6f  base: expected of a row of which nothing is known\n", "margin", TEXT, "column = value", BAR,
           "against ", " for", e->base);
    for (size_t i = 0; i < e->count && e->contributions[e->order[i]] != 0; i++) /* others: no split asked for them */
        print_column(e, e->order[i], largest);
    printf("%12.6f  margin of ", (double)e->margins[e->group]);
    print_cut(explained_class(e), 2 * NAME);
    putchar('\n');
}

static int print_json(const struct explanation *e)
{
    json_t *list = json_array();
    for (size_t i = 0; i < e->count; i++) {
        const struct weir_dataset_column *column = &e->columns[e->order[i]];
        float value = e->x[e->order[i]];
        const char *text = category(column, value);
        json_array_append_new(list, json_pack("{s:s, s:o, s:f}", "column", column->name, "value",
                                              text           ? json_string(text)
                                              : isnan(value) ? json_null()
                                                             : json_real((double)value),
                                              "contribution", e->contributions[e->order[i]]));
    }
    json_t *object =
        json_pack("{s:I, s:s, s:f, s:b, s:s, s:s, s:f, s:f, s:o}", "row", (json_int_t)e->row, "class", e->classes[e->class],
                  "score", (double)e->score, "alert", e->alert, "explained", explained_class(e), "how", how_names[e->how],
                  "margin", (double)e->margins[e->group], "base", e->base, "contributions", list);
    int failed = !object || json_dumpf(object, stdout, JSON_COMPACT | JSON_REAL_PRECISION(9)); /* float32 reads back exactly */
    json_decref(object);
    if (failed) {
        weir_log(WEIR_LOG_ERROR, "out of memory");
        return WEIR_EXIT_FAILED;
    }
    putchar('\n');
    return WEIR_EXIT_OK;
}

static int run(const struct options *o)
{
    weir_model *model = NULL;
    struct weir_relation *source = NULL;
    struct explanation e = {.row = o->row};
    struct weir_error error;
    int exit_code = WEIR_EXIT_OK;
    weir_err failed = weir_model_load(o->model, &model, &error);
    if (!failed)
        failed = weir_columns_of(model, &e.columns, &e.count, &error);
    if (!failed) {
        e.model = model;
        e.groups = weir_model_groups(model);
        e.x = calloc(e.count, sizeof *e.x);
        e.margins = calloc(e.groups, sizeof *e.margins);
        e.contributions = calloc(e.count, sizeof *e.contributions);
        e.order = calloc(e.count, sizeof *e.order);
        if (!e.x || !e.margins || !e.contributions || !e.order)
            failed = weir_fail(&error, WEIR_ERR_MEMORY, "out of memory");
    }
    if (!failed)
        failed = weir_data_options_open(&o->data, weir_stop_on_signal(), &source, &error);
    if (!failed)
        failed = read_row(source, &e, &error);
    if (!failed)
        failed = explain(o, &e, &error);
    if (failed)
        exit_code = weir_report_error(&error);
    else if (o->json)
        exit_code = print_json(&e);
    else
        print_text(&e);
    weir_relation_close(&source);
    weir_columns_free(e.columns, e.count);
    weir_model_free(&model);
    free(e.x);
    free(e.margins);
    free(e.contributions);
    free(e.order);
    return exit_code;
}

int weir_model_explain_command(int argc, char **argv)
{
    struct options o = {.row = 1};
    int exit_code = parse(argc, argv, &o);
    if (exit_code < 0)
        exit_code = run(&o);
    weir_data_options_free(&o.data);
    return exit_code;
}
