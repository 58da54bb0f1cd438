#include "survey/unseen.h"

#include <stdbool.h>
#include <string.h>

enum { SIDE_BY_SIDE = 3 };

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

static json_t *find_attack(json_t *list, const json_t *task)
{
    json_t *entry;
    size_t i;
    json_array_foreach(list, i, entry)
    {
        if (!strcmp(text_of(entry, "data"), text_of(task, "data")) && !strcmp(text_of(entry, "attack"), text_of(task, "fold")))
            return entry;
    }
    entry = json_pack("{s:s,s:s,s:[],s:[],s:[],s:[]}", "data", text_of(task, "data"), "attack", text_of(task, "fold"), "models",
                      "recall", "roc_auc", "tasks");
    json_array_append_new(list, entry);
    return entry;
}

/* Place of the model in the entry. */
static size_t find_model(json_t *entry, const char *name)
{
    json_t *models = json_object_get(entry, "models");
    size_t i = 0;
    while (i < json_array_size(models) && strcmp(json_string_value(json_array_get(models, i)), name) != 0)
        i++;
    if (i == json_array_size(models)) {
        json_array_append_new(models, json_string(name));
        json_array_append_new(json_object_get(entry, "recall"), json_null());
        json_array_append_new(json_object_get(entry, "roc_auc"), json_null());
        json_array_append_new(json_object_get(entry, "tasks"), json_integer(0));
    }
    return i;
}

/* The mean of one more. */
static void add(json_t *entry, const char *key, size_t at, double value, json_int_t had)
{
    json_t *list = json_object_get(entry, key);
    double before = json_number_value(json_array_get(list, at));
    json_array_set_new(list, at, json_real((before * (double)had + value) / (double)(had + 1)));
}

json_t *weir_survey_unseen_find(const json_t *tasks)
{
    json_t *list = json_array(), *entry;
    const json_t *task;
    size_t i;
    json_array_foreach(tasks, i, task)
    {
        char name[80];
        if (strncmp(text_of(task, "split"), "leave-attack", strlen("leave-attack")) || !*text_of(task, "fold"))
            continue;
        const json_t *select = json_object_get(task, "select"),
                     *metrics = json_object_get(json_object_get(task, "result"), "metrics");
        const json_t *recall = json_object_get(json_object_get(metrics, "detection"), "recall");
        if (json_is_integer(select))
            snprintf(name, sizeof name, "%.40s-k%lld", text_of(task, "algorithm"), (long long)json_integer_value(select));
        else
            snprintf(name, sizeof name, "%.40s", text_of(task, "algorithm"));
        entry = find_attack(list, task);
        size_t at = entry ? find_model(entry, name) : 0;
        json_t *counts = json_object_get(entry, "tasks");
        json_int_t had = json_integer_value(json_array_get(counts, at));
        if (!json_is_number(recall))
            continue;
        add(entry, "recall", at, json_number_value(recall), had);
        add(entry, "roc_auc", at, json_number_value(json_object_get(metrics, "roc_auc")), had);
        json_array_set_new(counts, at, json_integer(had + 1));
    }
    json_array_foreach(list, i, entry) json_object_del(entry, "tasks");
    return list;
}

static void print_data(FILE *to, const json_t *unseen, const char *data, const json_t *models)
{
    const json_t *entry;
    size_t i, count = json_array_size(models);
    for (size_t from = 0; from < count; from += SIDE_BY_SIDE) {
        size_t end = from + SIDE_BY_SIDE < count ? from + SIDE_BY_SIDE : count;
        fprintf(to, "\n%-26.26s", "attack left out: recall");
        for (size_t k = from; k < end; k++)
            fprintf(to, " %16.16s", json_string_value(json_array_get(models, k)));
        fputs("\n", to);
        json_array_foreach(unseen, i, entry)
        {
            if (strcmp(text_of(entry, "data"), data) != 0)
                continue;
            fprintf(to, "%-26.26s", text_of(entry, "attack"));
            for (size_t k = from; k < end; k++) {
                const json_t *recall = json_array_get(json_object_get(entry, "recall"), k);
                if (json_is_number(recall))
                    fprintf(to, " %16.4f", json_number_value(recall));
                else
                    fprintf(to, " %16s", "-");
            }
            fputs("\n", to);
        }
    }
}

void weir_survey_unseen_print(FILE *to, const json_t *unseen)
{
    const json_t *entry;
    const char *before = NULL;
    size_t i;
    json_array_foreach(unseen, i, entry)
    {
        if (!before || strcmp(before, text_of(entry, "data")) != 0)
            print_data(to, unseen, text_of(entry, "data"), json_object_get(entry, "models"));
        before = text_of(entry, "data");
    }
}
