/* The parts of `weir model`; each takes its own argument vector and returns an exit code. */
#ifndef WEIR_CLI_MODEL_COMMANDS_H
#define WEIR_CLI_MODEL_COMMANDS_H

#include <stdbool.h>
#include <stddef.h>

#include "weir/error.h"
#include "weir/model.h"

int weir_model_import_command(int argc, char **argv);
int weir_model_show_command(int argc, char **argv);
int weir_model_verify_command(int argc, char **argv);
int weir_model_explain_command(int argc, char **argv);
int weir_model_importance_command(int argc, char **argv);

/* One line about a model: "bundled:1: xgboost, 100 trees, depth 6, 12,600 nodes, 20 columns of argus (0123456789abcdef), ..." */
void weir_model_describe(const weir_model *model, char *text, size_t size);

/* The imported model beside its own library, on the rows of a data file. */
struct weir_model_check {
    const weir_model *model;
    const char *original; /* the library's own file */
    const char *data;     /* file or pattern */
    bool turned;          /* the model's two classes are the library's, the other way round */
};

struct weir_model_check_result {
    size_t rows;
    size_t differ; /* another class; of a regression: a prediction that is off by more than 1e-6 of it */
};

/* WEIR_ERR_LIBRARY when no Python has the library or it fails, errors of reading the data. */
weir_err weir_model_check_run(const struct weir_model_check *config, struct weir_model_check_result *out,
                              struct weir_error *error);

#endif
