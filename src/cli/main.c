#include <stdio.h>
#include <string.h>

#include "cli/command.h"

static const struct {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *summary;
} commands[] = {
    {"run", weir_cmd_run, "meter packets, judge every flow, keep the verdicts"},
    {"sensor", weir_cmd_sensor, "meter packets, send the rows to workers elsewhere"},
    {"infer", weir_cmd_infer, "judges batches of sensors in a process of its own"},
    {"collect", weir_cmd_collect, "keep the verdicts of `weir infer` in one store"},
    {"flows", weir_cmd_flows, "flow records with a feature set, as CSV, JSON lines or Parquet"},
    {"query", weir_cmd_query, "SQL over a store"},
    {"status", weir_cmd_status, "how a running weir does"},
    {"top", weir_cmd_top, "watches a running weir in the terminal"},
    {"reload", weir_cmd_reload, "gives a running weir another model, or its configuration anew"},
    {"stop", weir_cmd_stop, "ends a running weir and prints its account"},
    {"data", weir_cmd_data, "check labelled data; the data sets that weir knows"},
    {"train", weir_cmd_train, "fit a model to labelled rows"},
    {"survey", weir_cmd_survey, "train and compare many algorithms, in parallel"},
    {"survey-task", weir_cmd_survey_task, NULL}, /* no user's */
    {"evaluate", weir_cmd_evaluate, "how good a model is on labelled rows"},
    {"predict", weir_cmd_predict, "verdicts beside the rows of a file"},
    {"model", weir_cmd_model, "import, show, verify model files; explain a score"},
    {"keygen", weir_cmd_keygen, "a key pair for processes that talk over a network"},
    {"bench", weir_cmd_bench, "the published figures, each beside its yardstick"},
    {NULL, NULL, NULL},
};

static void print_help(FILE *to)
{
    fputs("weir " WEIR_VERSION ": machine-learning network intrusion detection\n\nusage: weir COMMAND [OPTIONS]\n\n", to);
    for (size_t i = 0; commands[i].name; i++)
        if (commands[i].summary)
            fprintf(to, "  %-10s %s\n", commands[i].name, commands[i].summary);
    fputs("\n`weir COMMAND --help` explains a command with an example.\n", to);
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        print_help(stderr);
        return WEIR_EXIT_USAGE;
    }
    if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h") || !strcmp(argv[1], "help")) {
        print_help(stdout);
        return WEIR_EXIT_OK;
    }
    if (!strcmp(argv[1], "--version")) {
        puts("weir " WEIR_VERSION);
        return WEIR_EXIT_OK;
    }
    for (size_t i = 0; commands[i].name; i++)
        if (!strcmp(argv[1], commands[i].name))
            return commands[i].run(argc - 1, argv + 1);
    fprintf(stderr, "weir: there is no command '%s'; `weir --help` lists them\n", argv[1]);
    return WEIR_EXIT_USAGE;
}
