/* weir model show, weir model verify. */
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
#include "cli/options.h"
#include "features/view.h"
#include "model/build.h"

static const char show_help[] = "usage: weir model show MODEL.weir [--json]\n"
                                "\n"
                                "Prints the card of a model file, the shape of its trees, and its columns by\n"
                                "importance: weight (splits), gain (mean loss reduction of a split) and cover (mean\n"
                                "weight of the rows that reach one).\n"
                                "\n"
                                "  --json   one JSON object: {\"file\",\"trees\",\"nodes\",\"leaves\",\"depth\",\"card\"}\n"
                                "\n"
                                "example: weir model show flows.weir\n";

static const char verify_help[] = "usage: weir model verify MODEL.weir [--json]\n"
                                  "\n"
                                  "Checks a model file: lengths, checksum, card, every node of every tree. Exit code 0:\n"
                                  "it can be used; 1: it cannot, with the place and the reason.\n"
                                  "\n"
                                  "  --json   one JSON object, as `weir model show` prints it\n"
                                  "\n"
                                  "example: weir model verify flows.weir\n";

struct options {
    const char *path;
    bool json;
};

/* -1: go on; else the exit code. */
static int parse(int argc, char **argv, const char *command, const char *help, struct options *o)
{
    static const struct option longs[] = {{"json", no_argument, NULL, 'j'}, {"help", no_argument, NULL, 'h'}, {0}};
    optind = 1;
    for (int c; (c = getopt_long(argc, argv, ":h", longs, NULL)) != -1;) {
        if (c == 'h') {
            fputs(help, stdout);
            return WEIR_EXIT_OK;
        }
        if (c != 'j')
            return weir_option_wrong(command, c, argv);
        o->json = true;
    }
    if (optind + 1 != argc)
        return weir_usage_error(command, "name one model file");
    o->path = argv[optind];
    return -1;
}

static int print_json(const char *path, const weir_model *model)
{
    struct weir_model_shape shape = weir_model_shape(model);
    json_t *object = json_pack("{s:s, s:I, s:I, s:I, s:I, s:O}", "file", path, "trees", (json_int_t)shape.trees, "nodes",
                               (json_int_t)shape.nodes, "leaves", (json_int_t)shape.leaves, "depth", (json_int_t)shape.depth,
                               "card", weir_model_card_json(model));
    bool failed = !object || json_dumpf(object, stdout, JSON_COMPACT | JSON_REAL_PRECISION(15));
    json_decref(object);
    if (failed) {
        weir_log(WEIR_LOG_ERROR, "%s: its card cannot be printed as JSON; the file name must be UTF-8", path);
        return WEIR_EXIT_FAILED;
    }
    putchar('\n');
    return WEIR_EXIT_OK;
}

/* The plain values of an object of the card, one a line. */
static void print_object(const json_t *card, const char *name)
{
    const char *key, *title = name;
    json_t *value;
    json_object_foreach(json_object_get(card, name), key, value)
    {
        if (json_is_array(value) || json_is_object(value) || json_is_null(value))
            continue;
        printf("%-12s %s ", title, key);
        title = "";
        if (json_is_string(value)) {
            puts(json_string_value(value));
        } else {
            json_dumpf(value, stdout, JSON_ENCODE_ANY | JSON_REAL_PRECISION(6));
            putchar('\n');
        }
    }
}

struct ranked {
    size_t column;
    struct weir_importance importance;
};

static int compare(const void *a, const void *b)
{
    const struct ranked *x = a, *y = b;
    double p = x->importance.gain, q = y->importance.gain;
    return p > q ? -1 : p < q ? 1 : (x->column > y->column) - (x->column < y->column);
}

static int print_columns(const weir_model *model)
{
    const char *const *names;
    size_t count = weir_model_columns(model, &names);
    struct ranked *ranked = calloc(count, sizeof *ranked);
    if (!ranked) {
        weir_log(WEIR_LOG_ERROR, "out of memory");
        return WEIR_EXIT_FAILED;
    }
    double splits = 0;
    for (size_t c = 0; c < count; c++) {
        ranked[c] = (struct ranked){c, weir_model_importance(model, c)};
        splits += ranked[c].importance.weight;
    }
    if (!(splits > 0)) { /* no trees */
        printf("%-12s %zu\n\n", "columns", count);
        for (size_t c = 0; c < count; c++)
            printf("%6zu  %s\n", c, names[c]);
        free(ranked);
        return WEIR_EXIT_OK;
    }
    qsort(ranked, count, sizeof *ranked, compare);
    printf("%-12s %zu, by gain\n\n%6s %8s %12s %12s  %s\n", "columns", count, "place", "weight", "gain", "cover", "name");
    for (size_t i = 0; i < count; i++)
        printf("%6zu %8.0f %12.6g %12.6g  %s\n", ranked[i].column, ranked[i].importance.weight, ranked[i].importance.gain,
               ranked[i].importance.cover, names[ranked[i].column]);
    free(ranked);
    return WEIR_EXIT_OK;
}

static int print_text(const char *path, const weir_model *model)
{
    const json_t *card = weir_model_card_json(model);
    const char *objective = json_string_value(json_object_get(card, "objective"));
    const char *tool = json_string_value(json_object_get(card, "tool"));
    const char *const *classes;
    size_t class_count = weir_model_classes(model, &classes);
    struct weir_model_shape shape = weir_model_shape(model);
    printf("%-12s %s\n%-12s %s\n%-12s %s%s%s\n", "file", path, "model", weir_model_label(model), "algorithm",
           weir_model_algorithm(model), objective ? ", " : "", objective ? objective : "");
    printf("%-12s %s", "feature set", weir_model_feature_set(model));
    if (weir_model_feature_set_id(model))
        printf(" (%016llx)\n", (unsigned long long)weir_model_feature_set_id(model));
    else
        puts(": `weir run` cannot use it; evaluate and predict can");
    printf("%-12s ", "classes");
    for (size_t k = 0; k < class_count; k++)
        printf("%s%s%s", k ? ", " : "", classes[k], (int)k == weir_model_benign(model) ? " (benign)" : "");
    if (isnan(weir_model_threshold(model)))
        printf("\n%-12s never: a regression without a threshold\n", "alert");
    else
        printf("\n%-12s from a %s of %.6g on\n", "alert", weir_model_regression(model) ? "prediction" : "score",
               (double)weir_model_threshold(model));
    if (shape.trees)
        printf("%-12s %zu, depth %zu, %zu splits, %zu leaves\n", "trees", shape.trees, shape.depth, shape.nodes - shape.leaves,
               shape.leaves);
    if (tool)
        printf("%-12s %s\n", "made by", tool);
    if (json_is_integer(json_object_get(card, "seed")))
        printf("%-12s %" JSON_INTEGER_FORMAT "\n", "seed", json_integer_value(json_object_get(card, "seed")));
    print_object(card, "training");
    print_object(card, "defaults");
    print_object(card, "metrics");
    return print_columns(model);
}

int weir_model_show_command(int argc, char **argv)
{
    struct options o = {0};
    struct weir_error error;
    weir_model *model = NULL;
    int exit_code = parse(argc, argv, "model show", show_help, &o);
    if (exit_code >= 0)
        return exit_code;
    if (weir_model_load(o.path, &model, &error))
        return weir_report_error(&error);
    exit_code = o.json ? print_json(o.path, model) : print_text(o.path, model);
    weir_model_free(&model);
    return exit_code;
}

/* A valid file may still be of another weir's feature set; `run` would refuse it. */
static void warn_of_feature_set(const weir_model *model)
{
    const char *name = weir_model_feature_set(model);
    const struct weir_view *view = weir_view_find(name);
    if (!strcmp(name, "none"))
        return;
    if (!view)
        weir_log(WEIR_LOG_WARNING, "this weir has no feature set '%s'; `weir run` will refuse the model", name);
    else if (weir_view_id(view) != weir_model_feature_set_id(model))
        weir_log(WEIR_LOG_WARNING, "feature set '%s' of this weir has the id %016llx; `weir run` will refuse the model", name,
                 (unsigned long long)weir_view_id(view));
}

int weir_model_verify_command(int argc, char **argv)
{
    struct options o = {0};
    struct weir_error error;
    weir_model *model = NULL;
    char text[512];
    int exit_code = parse(argc, argv, "model verify", verify_help, &o);
    if (exit_code >= 0)
        return exit_code;
    if (weir_model_load(o.path, &model, &error))
        return weir_report_error(&error);
    warn_of_feature_set(model);
    exit_code = WEIR_EXIT_OK;
    if (o.json) {
        exit_code = print_json(o.path, model);
    } else {
        weir_model_describe(model, text, sizeof text);
        printf("%s: ok: %s\n", o.path, text);
    }
    weir_model_free(&model);
    return exit_code;
}
