/* The parts of `weir model`; each takes its own argument vector and returns an exit code. */
#ifndef WEIR_CLI_MODEL_COMMANDS_H
#define WEIR_CLI_MODEL_COMMANDS_H

#include "weir/error.h"
#include "weir/model.h"

int weir_model_import_command(int argc, char **argv);
int weir_model_show_command(int argc, char **argv);
int weir_model_verify_command(int argc, char **argv);
int weir_model_explain_command(int argc, char **argv);

/* One line about a model: "bundled:1: xgboost, 100 trees, depth 6, 12,600 nodes, 20 columns of argus (0123456789abcdef), ..." */
void weir_model_describe(const weir_model *model, char *text, size_t size);

#endif
