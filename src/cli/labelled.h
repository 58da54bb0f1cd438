/* A model and labelled rows to try it on, as `evaluate` and `model importance` take them. One thread. */
#ifndef WEIR_CLI_LABELLED_H
#define WEIR_CLI_LABELLED_H

#include "cli/data_options.h"
#include "train/labels.h"

struct weir_labelled {
    weir_model *model;
    struct weir_relation *source;
    struct weir_dataset *dataset; /* the model's columns in its order */
    struct weir_dataset_column *columns;
    size_t column_count;
    struct weir_labels labels;
};

/* Loads the model and reads the rows; label column and benign value from the options, else as in training. Says on stderr what
 * became missing. On any result the caller ends *out with weir_labelled_fini. */
weir_err weir_labelled_read(const char *model, const struct weir_data_options *options, struct weir_labelled *out,
                            struct weir_error *error);
void weir_labelled_fini(struct weir_labelled *labelled);

#endif
