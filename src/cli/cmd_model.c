/* weir model: look into model files, bring in other tools' models. */
#include <stdio.h>
#include <string.h>

#include "cli/command.h"
#include "cli/model_commands.h"
#include "cli/options.h"

static const char help[] = "usage: weir model import|show|verify|explain|importance [OPTIONS]\n"
                           "\n"
                           "  import      make a model file of a model of XGBoost, LightGBM, CatBoost or\n"
                           "              scikit-learn\n"
                           "  show        the card of a model file: columns, classes, trees, metrics\n"
                           "  verify      check a model file from its first byte to its last\n"
                           "  explain     what each column did to the score of a row\n"
                           "  importance  what each column is worth on labelled rows\n"
                           "\n"
                           "`weir model import --help` and so on tell more.\n"
                           "example: weir model import xgb.json --columns dur,spkts,sbytes -o flows.weir\n";

void weir_model_describe(const weir_model *model, char *text, size_t size)
{
    struct weir_model_shape shape = weir_model_shape(model);
    char id[32] = "";
    if (weir_model_feature_set_id(model))
        snprintf(id, sizeof id, " (%016llx)", (unsigned long long)weir_model_feature_set_id(model));
    char trees[96] = "";
    if (shape.trees)
        snprintf(trees, sizeof trees, "%zu trees, depth %zu, %zu nodes, ", shape.trees, shape.depth, shape.nodes);
    snprintf(text, size, "%s: %s, %s%zu classes, %zu columns, feature set %s%s", weir_model_label(model),
             weir_model_algorithm(model), trees, weir_model_classes(model, NULL), weir_model_columns(model, NULL),
             weir_model_feature_set(model), id);
}

int weir_cmd_model(int argc, char **argv)
{
    static const struct {
        const char *name;
        int (*run)(int argc, char **argv);
    } commands[] = {
        {"import", weir_model_import_command},         {"show", weir_model_show_command},
        {"verify", weir_model_verify_command},         {"explain", weir_model_explain_command},
        {"importance", weir_model_importance_command},
    };
    if (argc < 2) {
        fputs(help, stderr);
        return WEIR_EXIT_USAGE;
    }
    if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h")) {
        fputs(help, stdout);
        return WEIR_EXIT_OK;
    }
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
        if (!strcmp(argv[1], commands[i].name))
            return commands[i].run(argc - 1, argv + 1);
    return weir_usage_error("model", "there is no 'weir model %s'", argv[1]);
}
