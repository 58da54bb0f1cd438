#define XXH_INLINE_ALL
#include "survey/runs.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "survey/folder.h"

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

/* Ids tell what tasks are, so equal ones are equal work. */
static void hash_tasks(const json_t *tasks, char out[static 17])
{
    uint64_t hash = 0;
    const json_t *task;
    size_t i;
    json_array_foreach(tasks, i, task) hash = XXH64(text_of(task, "id"), strlen(text_of(task, "id")), hash);
    snprintf(out, 17, "%016llx", (unsigned long long)hash);
}

static json_t *describe(const json_t *report, const char *hash)
{
    const json_t *task;
    size_t i;
    double all = 0;
    json_t *algorithms = json_object();
    json_array_foreach(json_object_get(report, "tasks"), i, task)
    {
        const json_t *fit = json_object_get(task, "fit_s"), *score = json_object_get(task, "score_s");
        if (!json_is_number(fit) || !json_is_number(score))
            continue;
        const char *algorithm = text_of(task, "algorithm");
        double seconds = json_number_value(fit) + json_number_value(score);
        json_object_set_new(algorithms, algorithm,
                            json_real(seconds + json_number_value(json_object_get(algorithms, algorithm))));
        all += seconds;
    }
    return json_pack("{s:s,s:O,s:O,s:O,s:f,s:o}", "tasks", hash, "engine", json_object_get(report, "engine"), "jobs",
                     json_object_get(report, "jobs"), "total_s", json_object_get(report, "total_s"), "task_s", all, "algorithms",
                     algorithms);
}

static bool same_run(const json_t *a, const json_t *b)
{
    return !strcmp(text_of(a, "tasks"), text_of(b, "tasks")) && !strcmp(text_of(a, "engine"), text_of(b, "engine")) &&
           json_equal(json_object_get(a, "jobs"), json_object_get(b, "jobs"));
}

static int compare(const void *a, const void *b)
{
    const json_t *x = *(json_t *const *)a, *y = *(json_t *const *)b;
    json_int_t p = json_integer_value(json_object_get(x, "jobs")), q = json_integer_value(json_object_get(y, "jobs"));
    int order = strcmp(text_of(x, "engine"), text_of(y, "engine"));
    return order ? order : (p > q) - (p < q);
}

/* Those of these tasks, in order. */
static json_t *runs_of(const json_t *all, const char *hash)
{
    size_t i, count = 0;
    json_t **list = malloc((json_array_size(all) + 1) * sizeof *list), *run, *out = list ? json_array() : NULL;
    json_array_foreach(all, i, run)
    {
        if (out && !strcmp(text_of(run, "tasks"), hash))
            list[count++] = run;
    }
    if (count)
        qsort(list, count, sizeof *list, compare);
    for (i = 0; i < count; i++)
        json_array_append(out, list[i]);
    free(list);
    return out;
}

weir_err weir_survey_runs_note(const char *dir, bool whole, json_t *report, struct weir_error *error)
{
    char path[WEIR_SURVEY_PATH], hash[17];
    json_t *all = NULL;
    if (snprintf(path, sizeof path, "%s/runs.json", dir) >= (int)sizeof path)
        return weir_fail(error, WEIR_ERR_LIMIT, "%.100s...: the path is too long", dir);
    if (weir_survey_json_read(path, &all, NULL) != WEIR_OK || !json_is_array(all)) {
        json_decref(all);
        all = json_array();
    }
    hash_tasks(json_object_get(report, "tasks"), hash);
    json_t *run = all && whole ? describe(report, hash) : NULL, *runs = NULL;
    weir_err failed = all && (run || !whole) ? WEIR_OK : WEIR_ERR_MEMORY;
    for (size_t i = json_array_size(all); run && i-- > 0;)
        if (same_run(json_array_get(all, i), run))
            json_array_remove(all, i);
    if (run && json_array_append_new(all, run))
        failed = WEIR_ERR_MEMORY;
    if (!failed && (!(runs = runs_of(all, hash)) || json_object_set_new(report, "runs", runs)))
        failed = WEIR_ERR_MEMORY;
    if (failed)
        weir_fail(error, failed, "out of memory");
    else if (whole)
        failed = weir_survey_json_write(path, all, error);
    json_decref(all);
    return failed;
}
