#include "train/evaluate.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "model/build.h"
#include "train/select.h"

enum { BLOCK = 1024 };

static weir_err out_of_memory(struct weir_error *error)
{
    return weir_fail(error, WEIR_ERR_MEMORY, "scoring: out of memory");
}

void weir_columns_free(struct weir_dataset_column *columns, size_t count)
{
    for (size_t c = 0; columns && c < count; c++) {
        free(columns[c].name);
        weir_categories_fini(&columns[c].categories);
    }
    free(columns);
}

weir_err weir_columns_of(const weir_model *model, struct weir_dataset_column **out, size_t *count, struct weir_error *error)
{
    const char *const *names;
    const json_t *tables = json_object_get(weir_model_card_json(model), "categories");
    *count = weir_model_columns(model, &names);
    *out = calloc(*count + 1, sizeof **out);
    weir_err failed = *out ? WEIR_OK : out_of_memory(error);
    for (size_t c = 0; c < *count && !failed; c++) {
        struct weir_dataset_column *column = &(*out)[c];
        const json_t *table = json_object_get(tables, names[c]), *text;
        size_t i;
        uint32_t code;
        if (!(column->name = strdup(names[c])))
            failed = out_of_memory(error);
        if (table && !json_is_array(table))
            failed = weir_fail(error, WEIR_ERR_FORMAT, "model %s: the code table of '%.60s' is no list", weir_model_label(model),
                               names[c]);
        json_array_foreach(table, i, text)
        {
            const char *value = json_string_value(text);
            if (failed)
                break;
            /* A text that comes twice would shift the codes behind it. */
            if (!value || (weir_categories_add(&column->categories, value, strlen(value), &code) == WEIR_OK && code != i))
                failed = weir_fail(error, WEIR_ERR_FORMAT, "model %s: the code table of '%.60s' is no list of different texts",
                                   weir_model_label(model), names[c]);
            else if (column->categories.count != i + 1)
                failed = out_of_memory(error);
        }
    }
    if (failed) {
        weir_columns_free(*out, *count);
        *out = NULL;
        *count = 0;
    }
    return failed;
}

/* What scoring leaves for each row that counts. */
struct scores {
    uint32_t *truth;
    uint16_t *predicted;
    float *probabilities;
    uint8_t *alert;
    size_t used, classes;
};

static void free_scores(struct scores *scores)
{
    free(scores->truth);
    free(scores->predicted);
    free(scores->probabilities);
    free(scores->alert);
}

static weir_err score_rows(const weir_model *model, const struct weir_dataset *dataset, const int32_t *class_of,
                           const uint32_t *rows, size_t count, struct scores *scores, struct weir_evaluation *out)
{
    size_t columns = dataset->column_count, groups = weir_model_groups(model);
    uint16_t predicted[BLOCK];
    uint8_t alert[BLOCK];
    float *x = malloc(BLOCK * columns * sizeof *x), *margins = malloc(BLOCK * groups * sizeof *margins);
    float *probabilities = malloc(BLOCK * scores->classes * sizeof *probabilities);
    weir_err failed = x && margins && probabilities ? WEIR_OK : WEIR_ERR_MEMORY;
    for (size_t at = 0; at < count && !failed; at += BLOCK) {
        size_t n = count - at < BLOCK ? count - at : BLOCK;
        weir_dataset_gather(dataset, rows ? rows + at : NULL, at, n, x);
        int64_t start = weir_clock_mono_ns();
        weir_model_margins(model, x, n, columns, margins);
        weir_model_judge(model, margins, n, NULL, predicted, alert);
        out->score_s += (double)(weir_clock_mono_ns() - start) * 1e-9;
        weir_model_probabilities(model, margins, n, probabilities);
        for (size_t i = 0; i < n; i++) {
            uint32_t label = dataset->labels[rows ? rows[at + i] : at + i];
            out->label_rows[label]++;
            out->label_alerts[label] += alert[i];
            if (class_of[label] < 0) {
                out->left_out++;
                continue;
            }
            scores->truth[scores->used] = (uint32_t)class_of[label];
            scores->predicted[scores->used] = predicted[i];
            scores->alert[scores->used] = alert[i];
            memcpy(&scores->probabilities[scores->used * scores->classes], &probabilities[i * scores->classes],
                   scores->classes * sizeof *probabilities);
            scores->used++;
        }
    }
    free(x);
    free(margins);
    free(probabilities);
    return failed;
}

static weir_err evaluate(const weir_model *model, const struct weir_dataset *dataset, const int32_t *class_of,
                         const uint32_t *rows, size_t count, struct weir_evaluation *out, struct weir_error *error)
{
    const char *const *names;
    struct scores scores = {.classes = weir_model_classes(model, &names)};
    *out = (struct weir_evaluation){.label_count = dataset->label_values.count};
    scores.truth = malloc((count + 1) * sizeof *scores.truth);
    scores.predicted = malloc((count + 1) * sizeof *scores.predicted);
    scores.probabilities = malloc((count + 1) * scores.classes * sizeof *scores.probabilities);
    scores.alert = malloc(count + 1);
    out->label_rows = calloc(out->label_count + 1, sizeof *out->label_rows);
    out->label_alerts = calloc(out->label_count + 1, sizeof *out->label_alerts);
    weir_err failed = WEIR_ERR_MEMORY;
    if (scores.truth && scores.predicted && scores.probabilities && scores.alert && out->label_rows && out->label_alerts)
        failed = score_rows(model, dataset, class_of, rows, count, &scores, out);
    if (!failed && !scores.used)
        failed = weir_fail(error, WEIR_ERR_FORMAT, "no row has a label that is a class of the model");
    else if (!failed)
        failed = weir_metrics_compute(&(struct weir_judged){.truth = scores.truth,
                                                            .predicted = scores.predicted,
                                                            .alert = scores.alert,
                                                            .probabilities = scores.probabilities,
                                                            .rows = scores.used,
                                                            .classes = scores.classes,
                                                            .benign = weir_model_benign(model)},
                                      &out->metrics);
    if (failed == WEIR_ERR_MEMORY)
        out_of_memory(error);
    else if (failed == WEIR_ERR_LIMIT)
        weir_fail(error, failed, "more than 2^32 rows to evaluate");
    if (failed)
        weir_evaluation_fini(out);
    free_scores(&scores);
    return failed;
}

weir_err weir_evaluate(const weir_model *model, const struct weir_dataset *dataset, const int32_t *class_of, const uint32_t *rows,
                       size_t count, struct weir_evaluation *out, struct weir_error *error)
{
    const char *const *names;
    size_t columns = weir_model_columns(model, &names);
    struct weir_dataset view;
    *out = (struct weir_evaluation){0};
    weir_err failed = weir_select_view(dataset, names, columns, &view, error);
    if (failed)
        return failed;
    failed = evaluate(model, &view, class_of, rows, count, out, error);
    free(view.columns);
    return failed;
}

void weir_evaluation_fini(struct weir_evaluation *evaluation)
{
    weir_metrics_fini(&evaluation->metrics);
    free(evaluation->label_rows);
    free(evaluation->label_alerts);
    *evaluation = (struct weir_evaluation){0};
}

json_t *weir_evaluation_labels(const struct weir_evaluation *evaluation, const struct weir_categories *values)
{
    json_t *labels = json_object();
    for (size_t i = 0; i < evaluation->label_count; i++)
        if (evaluation->label_rows[i])
            json_object_set_new(labels, values->text[i],
                                json_pack("{s:I,s:I}", "rows", (json_int_t)evaluation->label_rows[i], "alerts",
                                          (json_int_t)evaluation->label_alerts[i]));
    return labels;
}
