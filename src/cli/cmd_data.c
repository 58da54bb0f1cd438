/* weir data: what is in labelled data, and what weir knows of data sets. */
#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "cli/command.h"
#include "cli/data_options.h"
#include "data/check.h"

static const char help[] = "usage: weir data check|list|show [OPTIONS]\n"
                           "\n"
                           "  check   which data set files are of, and what is in them\n"
                           "  list    the data sets that weir knows\n"
                           "  show    the description of one\n"
                           "\n"
                           "`weir data check --help` and so on tell more; docs/datasets.md how to describe\n"
                           "another data set.\n"
                           "example: weir data check 'cicids2017/*.csv'\n";

static const char help_check[] = "usage: weir data check FILE... [OPTIONS]\n"
                                 "\n"
                                 "Says which data set it is, counts rows, classes, missing and infinite values, and\n"
                                 "rows that come twice; finds columns that are constant, that name rows, or that tell\n"
                                 "the label alone: no model should learn from them. FILE is CSV, Parquet or JSON, or a\n"
                                 "pattern in quotes; files are taken together.\n"
                                 "\n"
                                 "  --dataset NAME      which data set it is (weir data list), a description of one\n"
                                 "                      (FILE.yaml), or none; without it the columns tell\n"
                                 "  --common            take the common columns, of data sets of different kinds\n"
                                 "  --label COLUMN      label column (default: the one with the data set's kinds of\n"
                                 "                      attacks, or one called label or class)\n"
                                 "  --benign VALUE      its value for normal traffic\n"
                                 "  --json              print one JSON object\n"
                                 "\n"
                                 "example: weir data check 'cicids2017/*.csv'\n"
                                 "         weir data check KDDTest+.txt --dataset nsl-kdd --json\n";

static const char help_list[] = "usage: weir data list [OPTIONS]\n"
                                "\n"
                                "The data sets that weir knows, in the order in which they are looked for.\n"
                                "\n"
                                "  --json  a JSON list of their descriptions\n"
                                "\n"
                                "example: weir data list\n";

static const char help_show[] = "usage: weir data show NAME|FILE.yaml [OPTIONS]\n"
                                "\n"
                                "The description of a data set: label, classes, identifiers, columns, ...\n"
                                "\n"
                                "  --yaml  the description as the file that it is, to be copied and changed\n"
                                "  --json  as a JSON object\n"
                                "\n"
                                "example: weir data show unsw-nb15 --yaml >mine.yaml\n";

struct options {
    struct weir_data_options data;
    bool json, yaml;
};

/* ---- check -------------------------------------------------------------------------------------------------------------------
 */

/* 12,345 */
static const char *grouped(uint64_t number, char text[static 32])
{
    char digits[24];
    int n = snprintf(digits, sizeof digits, "%llu", (unsigned long long)number), out = 0;
    for (int i = 0; i < n; i++) {
        if (i && (n - i) % 3 == 0)
            text[out++] = ',';
        text[out++] = digits[i];
    }
    text[out] = 0;
    return text;
}

static void add_note(char *notes, size_t size, const char *note)
{
    size_t used = strlen(notes);
    snprintf(notes + used, size - used, "%s%s", used ? "; " : "", note);
}

static void print_notes(const struct weir_check_column *c, char *notes, size_t size)
{
    char text[80];
    *notes = 0;
    if (c->label)
        add_note(notes, size, "label");
    if (c->leak && !c->label)
        add_note(notes, size, "gives the label away");
    if (c->identifier)
        add_note(notes, size, "identifier");
    if (c->constant && !c->label)
        add_note(notes, size, c->distinct ? "constant" : "no values");
    if (c->unique && !c->label)
        add_note(notes, size, "nearly every row differs");
    if (c->tells >= WEIR_CHECK_TELLS && !c->leak) {
        snprintf(text, sizeof text, "tells the label alone (%.4f)", c->tells);
        add_note(notes, size, text);
    }
    if (c->strays) {
        snprintf(text, sizeof text, "%llu texts among numbers", (unsigned long long)c->strays);
        add_note(notes, size, text);
    }
    if (c->strange)
        add_note(notes, size, "not in the description");
}

static void print_columns(const struct weir_check *check)
{
    int width = 6;
    for (size_t i = 0; i < check->column_count; i++)
        width = (int)strlen(check->columns[i].name) > width ? (int)strlen(check->columns[i].name) : width;
    width = width > 40 ? 40 : width;
    printf("\n%-*s  type    %10s %10s %11s  notes\n", width, "column", "missing", "infinite", "different");
    for (size_t i = 0; i < check->column_count; i++) {
        const struct weir_check_column *c = &check->columns[i];
        char notes[300], distinct[40];
        print_notes(c, notes, sizeof notes);
        snprintf(distinct, sizeof distinct, "%s%llu", c->exact ? "" : "~", (unsigned long long)c->distinct);
        printf("%-*s  %-6s  %10llu %10llu %11s%s%s\n", width, c->name, c->number ? "number" : "text",
               (unsigned long long)c->missing, (unsigned long long)c->endless, distinct, *notes ? "  " : "", notes);
    }
}

static void print_check(const struct weir_check *check)
{
    const struct weir_known *known = check->source->known;
    char text[32];
    if (known)
        printf("data set    %s (%s)\n", known->name, known->title);
    else
        puts("data set    not one that weir knows (weir data list)");
    printf("from        %s\n", check->source->origin);
    printf("rows        %s\n", grouped(check->rows, text));
    printf("columns     %zu", check->column_count);
    for (size_t i = 0; i < check->absent_count; i++)
        printf("%s%s", i ? ", " : "; the description has these too: ", check->absent[i]);
    printf("\nlabel       %s%s%s\n", check->label ? check->label : "none found; name the column with --label",
           check->benign ? ", benign: " : "", check->benign ? check->benign : "");
    for (size_t i = 0; i < check->labels.count && i < 100; i++)
        printf("  %-34s %12s  %6.2f %%\n", check->labels.text[i], grouped(check->label_rows[i], text),
               100 * (double)check->label_rows[i] / (double)check->rows);
    if (check->labels.count > 100)
        printf("  and %zu more\n", check->labels.count - 100);
    if (check->unlabelled)
        printf("  %-34s %12s  %6.2f %%\n", "(none: left out)", grouped(check->unlabelled, text),
               100 * (double)check->unlabelled / (double)check->rows);
    printf("duplicates  %s rows are equal to an earlier one\n", grouped(check->twice, text));
    printf("            %s in the columns that are learned from and the label\n", grouped(check->twice_learned, text));
    printf("            %s have the same columns as a row of another label\n", grouped(check->contradicting, text));
    print_columns(check);
    /* What a training should leave out beyond what it leaves out by itself. */
    bool any = false;
    for (size_t i = 0; i < check->column_count; i++) {
        const struct weir_check_column *c = &check->columns[i];
        if (c->label || c->identifier || c->leak || !weir_check_unfit(c) || (c->constant && !c->distinct))
            continue;
        printf("%s%s", any ? ", " : "\nlook at these before learning from them: ", c->name);
        any = true;
    }
    if (any)
        puts("");
}

static weir_err check_files(const struct options *o, struct weir_error *error)
{
    struct weir_relation *source = NULL;
    struct weir_check check = {0};
    struct weir_check_config config = {.label = o->data.label, .benign = o->data.benign};
    weir_err failed = weir_data_options_open(&o->data, weir_stop_on_signal(), &source, error);
    if (!failed)
        failed = weir_check_run(source, &config, &check, error);
    if (!failed && o->json) {
        json_t *json = weir_check_json(&check);
        if (json && json_dumpf(json, stdout, JSON_COMPACT) == 0)
            puts("");
        else
            failed = weir_fail(error, WEIR_ERR_MEMORY, "out of memory");
        json_decref(json);
    } else if (!failed) {
        print_check(&check);
    }
    weir_check_fini(&check);
    weir_relation_close(&source);
    return failed;
}

/* ---- list, show
 * ---------------------------------------------------------------------------------------------------------------- */

static json_t *texts_json(char *const *texts)
{
    json_t *list = json_array();
    for (; *texts; texts++)
        json_array_append_new(list, json_string(*texts));
    return list;
}

static json_t *known_json(const struct weir_known *k)
{
    static const char *const types[] = {"number", "text", "address", "time"};
    json_t *columns = json_object();
    for (size_t i = 0; i < k->column_count; i++)
        json_object_set_new(columns, k->columns[i].name, json_string(types[k->columns[i].type]));
    return json_pack("{s:s,s:s,s:s,s:s,s:s?,s:s,s:o,s:o,s:o,s:o,s:b,s:s?,s:s?}", "name", k->name, "title", k->title, "source",
                     k->source, "label", k->label.column, "benign", k->label.benign, "category", weir_known_category(k)->column,
                     "classes", texts_json(k->classes), "identifiers", texts_json(k->identifiers), "leaks", texts_json(k->leaks),
                     "columns", columns, "header", !k->headless, "time", k->time, "host", k->host);
}

static int print_json(json_t *json)
{
    int bad = !json || json_dumpf(json, stdout, JSON_COMPACT);
    puts("");
    json_decref(json);
    return bad ? WEIR_EXIT_FAILED : WEIR_EXIT_OK;
}

static int list(const struct options *o)
{
    json_t *all = o->json ? json_array() : NULL;
    for (const struct weir_known *const *known = weir_known_all(); *known; known++)
        if (o->json)
            json_array_append_new(all, known_json(*known));
        else
            printf("%-22s %s\n", (*known)->name, (*known)->title);
    return o->json ? print_json(all) : WEIR_EXIT_OK;
}

static void print_texts(const char *what, char *const *texts)
{
    int used = printf("%-12s", what);
    for (size_t i = 0; texts[i]; i++) {
        if (used > 12 && used + (int)strlen(texts[i]) > 98) {
            printf("\n%-12s", "");
            used = 12;
        } else if (i) {
            used += printf(" ");
        }
        used += printf("%s%s", texts[i], texts[i + 1] ? "," : "");
    }
    puts(*texts ? "" : "none");
}

static void print_known(const struct weir_known *k)
{
    static const char *const types[] = {"", " (text)", " (address)", " (time)"};
    const struct weir_known_label *category = weir_known_category(k);
    printf("%s: %s\n%s\n\n", k->name, k->title, k->source);
    printf("%-12s%s%s%s\n", "label", k->label.column, k->label.benign ? ", benign: " : "",
           k->label.benign ? k->label.benign : "");
    if (category != &k->label)
        printf("%-12s%s%s%s\n", "kinds", category->column, category->benign ? ", benign: " : "",
               category->benign ? category->benign : "");
    print_texts("classes", k->classes);
    print_texts("identifiers", k->identifiers);
    print_texts("leaks", k->leaks);
    if (k->time)
        printf("%-12s%s\n", "time", k->time);
    if (k->host)
        printf("%-12s%s\n", "host", k->host);
    if (k->headless)
        printf("%-12s%s\n", "header", "files have none");
    if (k->common_count)
        fputs("common      ", stdout);
    for (size_t i = 0; i < k->common_count; i++) {
        const struct weir_known_common *c = &k->common[i];
        printf("%s%s = %s", i ? i % 3 ? ", " : ",\n            " : "", c->name, c->of);
        if (c->times < 1 || c->times > 1)
            printf(" x %g", c->times);
        if (c->less)
            printf(" - %s", c->less);
    }
    if (k->common_count)
        puts("");
    char **columns = calloc(k->column_count + 1, sizeof *columns);
    for (size_t i = 0; columns && i < k->column_count; i++)
        if (asprintf(&columns[i], "%s%s", k->columns[i].name, types[k->columns[i].type]) < 0)
            columns[i] = NULL;
    if (columns && k->column_count)
        print_texts("columns", columns);
    for (size_t i = 0; columns && i < k->column_count; i++)
        free(columns[i]);
    free(columns);
}

static int show(const struct options *o, const char *name)
{
    const struct weir_known *known = NULL;
    struct weir_known *own = NULL;
    struct weir_error error = {0};
    bool unknown;
    if (weir_dataset_option(name, &known, &own, &unknown, &error) != WEIR_OK)
        return weir_report_error(&error);
    if (!known)
        return weir_usage_error("data show", "name a data set; there are %s", weir_known_names());
    int status = WEIR_EXIT_OK;
    if (o->json)
        status = print_json(known_json(known));
    else if (o->yaml && own)
        status = weir_usage_error("data show", "%s is the file itself", name);
    else if (o->yaml)
        fputs(weir_known_text(known), stdout);
    else
        print_known(known);
    weir_known_free(&own);
    return status;
}

/* ---- The command
 * ----------------------------------------------------------------------------------------------------------------- */

static int check_command(struct options *o, char **args, int count)
{
    struct weir_error error = {0};
    for (int i = 0; i < count; i++)
        weir_strings_add(&o->data.data, args[i]);
    if (!o->data.data.count)
        return weir_usage_error("data check", "name the files");
    int wrong = weir_data_options_check(&o->data, "data check");
    return wrong ? wrong : check_files(o, &error) == WEIR_OK ? WEIR_EXIT_OK : weir_report_error(&error);
}

static int list_command(struct options *o, char **args, int count)
{
    return count ? weir_usage_error("data list", "'%s' is one argument too many", args[0]) : list(o);
}

static int show_command(struct options *o, char **args, int count)
{
    return count == 1 ? show(o, args[0]) : weir_usage_error("data show", "name one data set, as in: weir data show nsl-kdd");
}

static const struct option check_options[] = {{"dataset", required_argument, NULL, WEIR_OPT_DATASET},
                                              {"common", no_argument, NULL, WEIR_OPT_COMMON},
                                              {"label", required_argument, NULL, WEIR_OPT_LABEL},
                                              {"benign", required_argument, NULL, WEIR_OPT_BENIGN},
                                              {"json", no_argument, NULL, 'j'},
                                              {"help", no_argument, NULL, 'h'},
                                              {0}};
static const struct option list_options[] = {{"json", no_argument, NULL, 'j'}, {"help", no_argument, NULL, 'h'}, {0}};
static const struct option show_options[] = {
    {"yaml", no_argument, NULL, 'y'}, {"json", no_argument, NULL, 'j'}, {"help", no_argument, NULL, 'h'}, {0}};

static const struct subcommand {
    const char *name, *full, *help;
    const struct option *options;
    int (*run)(struct options *o, char **args, int count);
} subcommands[] = {{"check", "data check", help_check, check_options, check_command},
                   {"list", "data list", help_list, list_options, list_command},
                   {"show", "data show", help_show, show_options, show_command}};

static int run(const struct subcommand *command, int argc, char **argv)
{
    struct options o = {0};
    int status = -1;
    for (int c; status < 0 && (c = getopt_long(argc, argv, ":h", command->options, NULL)) != -1;) {
        if (c == 'h') {
            fputs(command->help, stdout);
            status = WEIR_EXIT_OK;
        } else if (c == 'j') {
            o.json = true;
        } else if (c == 'y') {
            o.yaml = true;
        } else if (!weir_data_options_take(&o.data, c, optarg)) {
            status = weir_option_wrong(command->full, c, argv);
        }
    }
    if (status < 0)
        status = command->run(&o, argv + optind, argc - optind);
    weir_data_options_free(&o.data);
    return status;
}

int weir_cmd_data(int argc, char **argv)
{
    if (argc < 2) {
        fputs(help, stderr);
        return WEIR_EXIT_USAGE;
    }
    if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h")) {
        fputs(help, stdout);
        return WEIR_EXIT_OK;
    }
    for (size_t i = 0; i < sizeof subcommands / sizeof *subcommands; i++)
        if (!strcmp(argv[1], subcommands[i].name))
            return run(&subcommands[i], argc - 1, argv + 1);
    return weir_usage_error("data", "there is no 'weir data %s'; there are check, list and show", argv[1]);
}
