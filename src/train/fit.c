#include "train/fit.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "model/build.h"
#include "model/model.h"
#include "train/select.h"

static weir_err out_of_memory(struct weir_error *error)
{
    return weir_fail(error, WEIR_ERR_MEMORY, "the training rows do not fit into memory; train on fewer");
}

static json_t *text_list(char *const *items, size_t count)
{
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++)
        json_array_append_new(list, json_string(items[i]));
    return list;
}

static json_t *code_tables(const struct weir_dataset *dataset)
{
    json_t *tables = json_object();
    for (size_t c = 0; c < dataset->column_count; c++)
        if (dataset->columns[c].categories.count)
            json_object_set_new(tables, dataset->columns[c].name,
                                text_list(dataset->columns[c].categories.text, dataset->columns[c].categories.count));
    return tables;
}

/* Rows of each label value. NULL: out of memory. */
static json_t *count_labels(const struct weir_dataset *dataset)
{
    uint64_t *counts = calloc(dataset->label_values.count + 1, sizeof *counts);
    json_t *labels = counts ? json_object() : NULL;
    for (size_t i = 0; labels && i < dataset->rows; i++)
        counts[dataset->labels[i]]++;
    for (size_t i = 0; labels && i < dataset->label_values.count; i++)
        json_object_set_new(labels, dataset->label_values.text[i], json_integer((json_int_t)counts[i]));
    free(counts);
    return labels;
}

static json_t *describe(const struct weir_fit_rows *rows, const struct weir_fit_config *config, json_t *used, json_t *facts)
{
    json_t *labels = count_labels(rows->dataset);
    json_t *training =
        labels
            ? json_pack("{s:s?,s:s,s:I,s:s?,s:I,s:I,s:o,s:s,s:O,s:O?}", "data_set", rows->data_set, "fingerprint",
                        rows->fingerprint, "rows", (json_int_t)rows->dataset->rows, "test_fingerprint", rows->test_fingerprint,
                        "train_rows", (json_int_t)rows->train_count, "test_rows", (json_int_t)rows->test_count, "labels", labels,
                        "scale", config->scale == WEIR_SCALE_STANDARD ? "standard" : "none", "parameters", used, "fit", facts)
            : NULL;
    if (training && rows->drawn)
        json_object_update_missing(training, (json_t *)(uintptr_t)rows->drawn);
    return training;
}

static weir_err make_model(const struct weir_fit_rows *rows, const struct weir_fit_config *config, struct weir_trained *trained,
                           json_t *used, weir_model **model, struct weir_error *error)
{
    const struct weir_dataset *dataset = rows->dataset;
    double threshold = isnan(config->threshold) && trained->threshold > 0 ? (double)trained->threshold : config->threshold;
    char name[80];
    const char **columns = malloc((dataset->column_count + 1) * sizeof *columns);
    json_t *tables = code_tables(dataset), *training = describe(rows, config, used, trained->facts);
    weir_err failed = WEIR_OK;
    if (!columns || !tables || !training) {
        failed = out_of_memory(error);
        goto out;
    }
    for (size_t c = 0; c < dataset->column_count; c++)
        columns[c] = dataset->columns[c].name;
    snprintf(name, sizeof name, "%s%s%s", rows->data_set ? rows->data_set : "", rows->data_set ? "-" : "", config->trainer->name);
    struct weir_model_facts facts = {.name = config->name ? config->name : name,
                                     .version = config->version,
                                     .algorithm = config->trainer->name,
                                     .feature_set = rows->feature_set,
                                     .feature_set_id = rows->feature_set_id,
                                     .columns = columns,
                                     .column_count = dataset->column_count,
                                     .classes = (const char *const *)rows->labels->classes,
                                     .class_count = rows->labels->class_count,
                                     .benign = rows->labels->benign,
                                     .threshold = (float)threshold,
                                     .seeded = true,
                                     .seed = config->seed,
                                     .defaults = rows->defaults,
                                     .categories = tables,
                                     .training = training};
    failed = weir_model_make(trained->scorer, &facts, *trained->objective ? trained->objective : NULL, trained->importance, model,
                             error);
    trained->scorer = NULL; /* taken over */
out:
    json_decref(tables);
    json_decref(training);
    free(columns);
    return failed;
}

/* Trainers count on it. */
static weir_err check_classes(const struct weir_fit_rows *rows, const uint32_t *y, bool unsupervised, struct weir_error *error)
{
    size_t classes = rows->labels->class_count, needed = unsupervised ? 1 : classes;
    weir_err failed = WEIR_OK;
    uint8_t *seen = calloc(classes + 1, 1);
    if (!seen)
        return out_of_memory(error);
    for (size_t i = 0; i < rows->train_count; i++)
        seen[y[i]] = 1;
    for (size_t k = 0; k < needed && !failed; k++)
        if (!seen[k])
            failed = weir_fail(error, WEIR_ERR_FORMAT, "no training row is of class '%.60s': too few rows to learn it from",
                               rows->labels->classes[k]);
    free(seen);
    return failed;
}

/* Adds to an error which column has values that most models do not bear. */
static void name_huge_column(const struct weir_fit_rows *rows, struct weir_error *error)
{
    const struct weir_dataset *dataset = rows->dataset;
    struct weir_error why = *error;
    for (size_t c = 0; c < dataset->column_count; c++)
        for (size_t i = 0; i < rows->train_count; i++) {
            float value = dataset->columns[c].values[rows->train[i]];
            if ((double)fabsf(value) >= 1e24) { /* not for NaN */
                weir_fail(error, why.code, "%s; column '%.60s' has values such as %g: leave it out with --exclude", why.text,
                          dataset->columns[c].name, (double)value);
                return;
            }
        }
}

static weir_err fit_once(const struct weir_fit_rows *rows, const struct weir_fit_config *config, weir_model **model,
                         double *seconds, struct weir_error *error)
{
    const struct weir_trainer *trainer = config->trainer;
    const struct weir_dataset *dataset = rows->dataset;
    size_t columns = dataset->column_count;
    const float **x = malloc((columns + 1) * sizeof *x);
    uint32_t *y = malloc((rows->train_count + 1) * sizeof *y);
    const char **more = malloc((config->param_count + 1) * sizeof *more);
    json_t *used = NULL;
    struct weir_trained trained = {0};
    struct weir_train_config fit = {.scale = config->scale,
                                    .more = more,
                                    .seed = config->seed,
                                    .progress = config->progress,
                                    .context = config->context,
                                    .stop = config->stop};
    weir_err failed = WEIR_OK;
    if (!x || !y || !more) {
        failed = out_of_memory(error);
        goto out;
    }
    for (size_t c = 0; c < columns; c++)
        x[c] = dataset->columns[c].values;
    for (size_t i = 0; i < rows->train_count; i++)
        y[i] = (uint32_t)rows->labels->class_of[dataset->labels[rows->train[i]]];
    failed = check_classes(rows, y, trainer->unsupervised, error);
    if (!failed)
        failed = weir_params_read(trainer->params, trainer->name, config->params, config->param_count,
                                  trainer->more ? more : NULL, &fit.more_count, &fit.params, error);
    if (failed)
        goto out;
    used = weir_params_json(&fit.params);
    for (size_t i = 0; i < fit.more_count; i++)
        json_object_set_new(used, more[i], json_true());
    struct weir_train_set set = {.x = x,
                                 .columns = columns,
                                 .row = rows->train,
                                 .label = y,
                                 .rows = rows->train_count,
                                 .classes = rows->labels->class_count};
    int64_t start = weir_clock_mono_ns();
    failed = trainer->fit(&set, &fit, &trained, error);
    *seconds = (double)(weir_clock_mono_ns() - start) * 1e-9;
    if (!failed)
        failed = make_model(rows, config, &trained, used, model, error);
    if (failed == WEIR_ERR_FORMAT && error)
        name_huge_column(rows, error);
out:
    weir_trained_fini(&trained);
    json_decref(used);
    free(x);
    free(y);
    free(more);
    return failed;
}

weir_err weir_fit(const struct weir_fit_rows *rows, const struct weir_fit_config *config, weir_model **model, double *seconds,
                  struct weir_error *error)
{
    size_t keep = config->select;
    struct weir_dataset view = {0};
    struct weir_fit_rows fewer = *rows;
    weir_model *first = NULL;
    const char **names = NULL;
    double again = 0;
    if (!keep || keep >= rows->dataset->column_count)
        return fit_once(rows, config, model, seconds, error);
    weir_err failed = fit_once(rows, config, &first, seconds, error);
    int64_t start = weir_clock_mono_ns();
    if (!failed && !(names = malloc(keep * sizeof *names)))
        failed = out_of_memory(error);
    if (!failed)
        failed = weir_select_columns(first, rows->dataset, rows->labels, rows->train, rows->train_count, keep, config->seed,
                                     config->stop, names, error);
    *seconds += (double)(weir_clock_mono_ns() - start) * 1e-9;
    if (!failed)
        failed = weir_select_view(rows->dataset, names, keep, &view, error);
    fewer.dataset = &view;
    if (!failed)
        failed = fit_once(&fewer, config, model, &again, error);
    *seconds += again;
    free(view.columns);
    free(names);
    weir_model_free(&first);
    return failed;
}
