#include "cli/labelled.h"

#include "train/evaluate.h"

weir_err weir_labelled_read(const char *model, const struct weir_data_options *options, struct weir_labelled *out,
                            struct weir_error *error)
{
    *out = (struct weir_labelled){0};
    weir_err failed = weir_model_load(model, &out->model, error);
    if (failed)
        return failed;
    const char *label = options->label ? options->label : weir_card_default(out->model, "label");
    const char *benign = options->benign ? options->benign : weir_card_default(out->model, "benign");
    if (!label)
        failed = weir_fail(error, WEIR_ERR_ARGUMENT, "%s: the model does not say its label column; name it with --label", model);
    if (!failed)
        failed = weir_data_options_fit(options, out->model, error);
    if (!failed)
        failed = weir_columns_of(out->model, &out->columns, &out->column_count, error);
    if (!failed)
        failed = weir_data_options_open_for(options, out->model, weir_stop_on_signal(), &out->source, error);
    if (!failed)
        failed = weir_dataset_read(
            out->source,
            &(struct weir_dataset_config){.label = label, .columns = out->columns, .column_count = out->column_count},
            &out->dataset, error);
    if (failed)
        return failed;
    weir_data_report(out->dataset->columns, out->dataset->column_count, out->dataset->unlabelled);
    return weir_labels_use(&out->dataset->label_values, benign, out->model, &out->labels, error);
}

void weir_labelled_fini(struct weir_labelled *labelled)
{
    weir_labels_fini(&labelled->labels);
    weir_columns_free(labelled->columns, labelled->column_count);
    weir_dataset_free(&labelled->dataset);
    weir_relation_close(&labelled->source);
    weir_model_free(&labelled->model);
    *labelled = (struct weir_labelled){0};
}
