#include "cli/report.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "model/build.h"

struct ranked {
    const char *column;
    size_t place;
    struct weir_importance importance;
};

static int compare_gain(const void *a, const void *b)
{
    const struct ranked *x = a, *y = b;
    if (x->importance.gain != y->importance.gain)
        return x->importance.gain < y->importance.gain ? 1 : -1;
    return (x->place > y->place) - (x->place < y->place);
}

/* The used columns by falling gain; NULL when there is no memory. */
static struct ranked *rank_columns(const weir_model *model, size_t *used)
{
    const char *const *names;
    size_t count = weir_model_columns(model, &names);
    struct ranked *list = malloc((count + 1) * sizeof *list);
    *used = 0;
    for (size_t c = 0; list && c < count; c++) {
        struct weir_importance importance = weir_model_importance(model, c);
        if (importance.weight > 0)
            list[(*used)++] = (struct ranked){names[c], c, importance};
    }
    if (list)
        qsort(list, *used, sizeof *list, compare_gain);
    return list;
}

void weir_print_importance(const weir_model *model)
{
    size_t used;
    struct ranked *list = rank_columns(model, &used);
    if (list && used) /* there are trees */
        printf("\n%-32s %8s %14s %14s\n", "column", "weight", "gain", "cover");
    for (size_t i = 0; list && i < used; i++)
        printf("%-32.32s %8.0f %14.4f %14.4f\n", list[i].column, list[i].importance.weight, list[i].importance.gain,
               list[i].importance.cover);
    free(list);
}

json_t *weir_importance_json(const weir_model *model)
{
    size_t used;
    struct ranked *list = rank_columns(model, &used);
    json_t *array = json_array();
    for (size_t i = 0; list && i < used; i++)
        json_array_append_new(array, json_pack("{s:s,s:f,s:f,s:f}", "column", list[i].column, "weight", list[i].importance.weight,
                                               "gain", list[i].importance.gain, "cover", list[i].importance.cover));
    free(list);
    return array;
}

static void print_labels(const struct weir_evaluation *evaluation, const struct weir_categories *values)
{
    printf("\n%-40s %9s %9s %9s\n", "label", "rows", "alerts", "share");
    for (size_t i = 0; i < evaluation->label_count; i++)
        if (evaluation->label_rows[i])
            printf("%-40.40s %9llu %9llu %9.6f\n", values->text[i], (unsigned long long)evaluation->label_rows[i],
                   (unsigned long long)evaluation->label_alerts[i],
                   (double)evaluation->label_alerts[i] / (double)evaluation->label_rows[i]);
}

void weir_print_evaluation(const weir_model *model, const struct weir_evaluation *evaluation, const struct weir_dataset *dataset,
                           json_t *more, bool json)
{
    const char *const *classes;
    weir_model_classes(model, &classes);
    if (evaluation->left_out)
        weir_log(WEIR_LOG_WARNING, "%llu rows have a label that is no class of the model and are left out of the metrics",
                 (unsigned long long)evaluation->left_out);
    if (!json) {
        weir_metrics_print(stdout, &evaluation->metrics, classes);
        /* The classes of two-class data sets hide the kinds of attacks. */
        if (evaluation->metrics.class_count == 2 && evaluation->label_count > 2)
            print_labels(evaluation, &dataset->label_values);
        json_decref(more);
        return;
    }
    json_t *object = weir_metrics_json(&evaluation->metrics, classes);
    json_object_set_new(object, "fit_s", json_null());
    json_object_set_new(object, "score_s", json_real(evaluation->score_s));
    json_object_set_new(object, "left_out", json_integer((json_int_t)evaluation->left_out));
    json_object_set_new(object, "labels", weir_evaluation_labels(evaluation, &dataset->label_values));
    json_object_set_new(object, "model", json_string(weir_model_label(model)));
    if (more)
        json_object_update(object, more);
    json_decref(more);
    json_dumpf(object, stdout, JSON_COMPACT);
    putchar('\n');
    json_decref(object);
}
