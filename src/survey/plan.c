#define XXH_INLINE_ALL
#include "survey/plan.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

static weir_err out_of_memory(struct weir_error *error)
{
    return weir_fail(error, WEIR_ERR_MEMORY, "out of memory");
}

void weir_survey_file_name(const char *text, char out[static 41])
{
    snprintf(out, 41, "%s", *text ? text : "_");
    for (char *c = out; *c; c++)
        if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-+", *c) || (c == out && *c == '.'))
            *c = '_';
}

/* ---- What a task will take ---------------------------------------------------------------------------------------------------
 */

/* Orders of magnitude, which are enough to start the longest first and to say when the rest will be done: nanoseconds for each
 * training row and column, times the thousands of rows to this power; copies of the training cells in memory; whether explaining
 * a row is dear, as each of its columns wants scores anew. Measured on CIC-IDS2017, 34,735 x 83, one thread. */
static const struct estimate {
    const char *algorithm;
    double cell_ns, power, copies;
    bool dear;
} estimates[] = {
    {"isolation-forest", 7, 0, 0.2, false},
    {"gaussian-nb", 8, 0, 0.1, false},
    {"knn", 12, 0.6, 3, true},
    {"lda", 55, 0, 1.1, false},
    {"decision-tree", 56, 0.1, 0.5, false},
    {"logistic-regression", 200, 0, 1.1, false},
    {"linear-svm", 190, 0.1, 1.4, false},
    {"svm", 40, 0.7, 3, true},
    {"random-forest", 266, 0.1, 0.5, false},
    {"adaboost", 300, 0, 0.5, false},
    {"mlp", 1100, 0.1, 1.2, true},
    {"xgboost", 600, 0, 5.8, false},
    {"lightgbm", 1200, 0, 3.6, false},
    {"catboost", 10000, 0, 4, false},
    {NULL, 300, 0.2, 2, false},
};

static const struct estimate *estimate_of(const struct weir_trainer *trainer)
{
    const struct estimate *e = estimates;
    while (e->algorithm && strcmp(e->algorithm, trainer->name) != 0)
        e++;
    return e;
}

/* Rounds and trees cost in proportion. */
static double more_rounds(const struct weir_trainer *trainer, const json_t *params)
{
    static const char *const rounds[] = {"n_estimators", "trees", "max_iter", "iterations", NULL};
    for (size_t i = 0; rounds[i]; i++) {
        const char *asked = json_string_value(json_object_get(params, rounds[i]));
        for (const struct weir_param *p = trainer->params; asked && p->name; p++)
            if (!strcmp(p->name, rounds[i]) && atof(p->value) > 0 && atof(asked) > 0)
                return atof(asked) / atof(p->value);
    }
    return 1;
}

static void estimate(const struct weir_trainer *trainer, const json_t *params, double train, double test, double columns,
                     double *seconds, double *mib)
{
    const struct estimate *e = estimate_of(trainer);
    double cells = train * columns;
    *seconds =
        0.02 + 1e-9 * (e->cell_ns * cells * pow(1 + train / 1000, e->power) * more_rounds(trainer, params) + 20 * test * columns);
    *mib = 20 + 4 * e->copies * cells / 1048576;
}

/* ---- Parameters --------------------------------------------------------------------------------------------------------------
 */

/* The value behind "ALGORITHM." of a parameter for this trainer, or NULL. */
static const char *for_trainer(const char *param, const char *algorithm)
{
    size_t n = strlen(algorithm);
    return !strncmp(param, algorithm, n) && param[n] == '.' ? param + n + 1 : NULL;
}

static json_t *params_of(const struct weir_survey_plan_config *config, const char *algorithm)
{
    json_t *params = json_object();
    for (size_t i = 0; i < config->param_count; i++) {
        const char *text = for_trainer(config->params[i], algorithm), *equal = text ? strchr(text, '=') : NULL;
        if (equal)
            json_object_setn_new(params, text, (size_t)(equal - text), json_string(equal + 1));
    }
    return params;
}

static weir_err check_param(const char *param, const struct weir_survey_plan_config *config, struct weir_error *error)
{
    const struct weir_trainer *trainer = NULL;
    for (const struct weir_trainer *const *t = weir_trainers(); *t && !trainer; t++)
        trainer = for_trainer(param, (*t)->name) ? *t : NULL;
    if (!trainer)
        return weir_fail(error, WEIR_ERR_ARGUMENT,
                         "'%.60s' is no parameter: write ALGORITHM.NAME=VALUE, such as random-forest.n_estimators=200; the "
                         "algorithms are: %s",
                         param, weir_trainer_names());
    const char *text = for_trainer(param, trainer->name), *more;
    struct weir_params values;
    size_t more_count;
    bool used = false;
    for (size_t i = 0; i < config->trainer_count; i++)
        used |= config->trainers[i] == trainer;
    if (!used)
        return weir_fail(error, WEIR_ERR_ARGUMENT,
                         "'%.60s' is of an algorithm that is not in this survey; name it in --algorithms", param);
    return weir_params_read(trainer->params, trainer->name, &text, 1, trainer->more ? &more : NULL, &more_count, &values, error);
}

weir_err weir_survey_plan_check(const struct weir_survey_plan_config *config, struct weir_error *error)
{
    weir_err failed = WEIR_OK;
    for (size_t i = 0; i < config->param_count && !failed; i++)
        failed = check_param(config->params[i], config, error);
    return failed;
}

/* ---- Tasks -------------------------------------------------------------------------------------------------------------------
 */

/* Everything that decides about a task's result. */
static uint64_t hash_task(const struct weir_survey_frame *frame, const struct weir_survey_split *split, const json_t *task)
{
    uint64_t bits[2] = {XXH64(split->train, weir_survey_frame_bits(frame->all_rows), 1),
                        XXH64(split->test, weir_survey_frame_bits(frame->all_rows), 2)};
    json_t *all = json_pack(
        "{s:s,s:s,s:s?,s:I,s:I,s:O,s:O,s:O,s:O,s:O,s:O,s:O,s:O,s:O,s:O,s:O,s:O?}", "weir", WEIR_VERSION, "data",
        frame->fingerprint, "test", split->test_fingerprint, "train_bits", (json_int_t)bits[0], "test_bits", (json_int_t)bits[1],
        "defaults", frame->defaults, "algorithm", json_object_get(task, "algorithm"), "params", json_object_get(task, "params"),
        "scale", json_object_get(task, "scale"), "threshold", json_object_get(task, "threshold"), "flow_rate",
        json_object_get(task, "flow_rate"), "benign_share", json_object_get(task, "benign_share"), "select",
        json_object_get(task, "select"), "explain_rows", json_object_get(task, "explain_rows"), "permute_rows",
        json_object_get(task, "permute_rows"), "seed", json_object_get(task, "seed"), "drawn", json_object_get(task, "drawn"));
    char *text = all ? json_dumps(all, JSON_COMPACT | JSON_SORT_KEYS) : NULL;
    uint64_t hash = text ? XXH64(text, strlen(text), 0) : 0;
    free(text);
    json_decref(all);
    return hash;
}

/* "cic-random-forest-s1-f2-k10-1a2b3c4d". */
static void name_task(const struct weir_survey_frame *frame, const struct weir_survey_split *split, const json_t *task, char *out,
                      size_t size)
{
    char data[41], fold[41] = "", select[24] = "", test[41] = "";
    const char *fold_text = json_string_value(json_object_get(task, "fold"));
    json_int_t columns = json_integer_value(json_object_get(task, "select"));
    weir_survey_file_name(frame->name, data);
    if (fold_text)
        weir_survey_file_name(fold_text, fold);
    if (split->test_data)
        weir_survey_file_name(split->test_data, test);
    if (columns)
        snprintf(select, sizeof select, "-k%lld", (long long)columns);
    snprintf(out, size, "%s-%s%s%s%s-s%lld%s%.20s-%08llx", data, json_string_value(json_object_get(task, "algorithm")), select,
             *test ? "-on-" : "", test, (long long)json_integer_value(json_object_get(task, "seed")), *fold ? "-f" : "", fold,
             (unsigned long long)(hash_task(frame, split, task) & 0xffffffff));
}

static json_t *real_or_null(double value)
{
    return isnan(value) ? json_null() : json_real(value);
}

static weir_err add_task(json_t *tasks, const struct weir_survey_frame *frame, size_t s, const struct weir_survey_draw *draw,
                         const struct weir_trainer *trainer, uint64_t select, const struct weir_survey_plan_config *config,
                         struct weir_error *error)
{
    const struct weir_survey_split *split = &frame->split[s];
    char id[200];
    double seconds, mib,
        columns = (double)(select && select < frame->dataset.column_count ? select : frame->dataset.column_count);
    json_t *params = params_of(config, trainer->name);
    estimate(trainer, params, (double)split->train_count, (double)split->test_count, columns, &seconds, &mib);
    bool dear = estimate_of(trainer)->dear;
    if (config->permute_rows) /* five times for each column */
        seconds += 5 * columns * (double)config->permute_rows * (dear ? 1e-4 : 1e-6);
    if (select) /* a fit on all columns tells which are the best */
        seconds *= 2;
    json_t *task = json_pack(
        "{s:s,s:I,s:s,s:s,s:s?,s:s,s:o,s:s,s:o,s:o,s:o,s:o,s:I,s:I,s:I,s:s?,s:O?,s:f,s:f}", "id", "", "order",
        (json_int_t)json_array_size(tasks), "data", frame->name, "split", split->name, "test_data", split->test_data, "algorithm",
        trainer->name, "params", params, "scale", config->scale == WEIR_SCALE_STANDARD ? "standard" : "none", "threshold",
        real_or_null(config->threshold), "flow_rate", real_or_null(config->flow_rate), "benign_share",
        real_or_null(config->benign_share), "select", select ? json_integer((json_int_t)select) : json_null(), "explain_rows",
        (json_int_t)(dear && !config->permute_rows ? 0 : config->explain_rows), "permute_rows", (json_int_t)config->permute_rows,
        "seed", (json_int_t)draw->seed, "fold", draw->fold, "drawn", draw->drawn, "cost", seconds, "memory_mib", mib);
    if (!task)
        return out_of_memory(error);
    name_task(frame, split, task, id, sizeof id);
    json_object_set_new(task, "id", json_string(id));
    return json_array_append_new(tasks, task) ? out_of_memory(error) : WEIR_OK;
}

static json_t *describe(const struct weir_survey_frame *frame, const char *origin)
{
    const struct weir_dataset *dataset = &frame->dataset;
    char file[41], path[64];
    json_t *labels = json_object(), *classes = json_array(), *columns = json_array();
    uint64_t *rows = calloc(dataset->label_values.count + 1, sizeof *rows);
    for (size_t r = 0; rows && r < dataset->rows; r++)
        rows[dataset->labels[r]]++;
    for (size_t i = 0; rows && i < dataset->label_values.count; i++)
        if (rows[i])
            json_object_set_new(labels, dataset->label_values.text[i], json_integer((json_int_t)rows[i]));
    free(rows);
    for (size_t c = 0; c < dataset->column_count; c++)
        json_array_append_new(columns, json_string(dataset->columns[c].name));
    for (size_t k = 0; k < frame->labels.class_count; k++)
        json_array_append_new(classes, json_string(frame->labels.classes[k]));
    weir_survey_file_name(frame->name, file);
    snprintf(path, sizeof path, "data/%s.frame", file);
    return json_pack("{s:s,s:s,s:s?,s:s,s:I,s:I,s:I,s:o,s:o,s:o,s:s}", "frame", path, "fingerprint", frame->fingerprint,
                     "data_set", frame->data_set, "origin", origin, "rows", (json_int_t)dataset->rows, "test_rows",
                     (json_int_t)(frame->all_rows - dataset->rows), "columns", (json_int_t)dataset->column_count, "column_names",
                     columns, "classes", classes, "labels", labels, "feature_set", frame->feature_set);
}

json_t *weir_survey_plan_start(const char *command)
{
    return json_pack("{s:i,s:s,s:s,s:{},s:[]}", "version", 1, "weir", WEIR_VERSION, "command", command, "data", "tasks");
}

weir_err weir_survey_plan_add(json_t *plan, const struct weir_survey_frame *frame, const char *origin,
                              const struct weir_survey_draw *draws, const struct weir_survey_plan_config *config,
                              struct weir_error *error)
{
    json_t *data = json_object_get(plan, "data"), *tasks = json_object_get(plan, "tasks");
    weir_err failed = WEIR_OK;
    if (json_object_get(data, frame->name))
        return weir_fail(error, WEIR_ERR_ARGUMENT,
                         "two data sets are called '%.60s'; give them different names with --set NAME=FILE", frame->name);
    if (json_object_set_new(data, frame->name, describe(frame, origin)))
        return out_of_memory(error);
    for (size_t t = 0; t < config->trainer_count; t++)
        for (size_t k = 0; k < config->select_count; k++)
            for (size_t s = 0; s < frame->split_count && !failed; s++)
                if (config->select[k] < frame->dataset.column_count) /* choosing all is no choice */
                    failed = add_task(tasks, frame, s, &draws[s], config->trainers[t], config->select[k], config, error);
    return failed;
}

static int compare_cost(const void *a, const void *b)
{
    const json_t *x = *(json_t *const *)a, *y = *(json_t *const *)b;
    double p = json_number_value(json_object_get(x, "cost")), q = json_number_value(json_object_get(y, "cost"));
    if (p != q)
        return p < q ? 1 : -1;
    return strcmp(json_string_value(json_object_get(x, "id")), json_string_value(json_object_get(y, "id")));
}

weir_err weir_survey_plan_finish(json_t *plan, struct weir_error *error)
{
    json_t *tasks = json_object_get(plan, "tasks"), *sorted = json_array(), *task;
    size_t i, count = json_array_size(tasks);
    json_t **list = malloc((count + 1) * sizeof *list);
    if (!list || !sorted) {
        free(list);
        json_decref(sorted);
        return out_of_memory(error);
    }
    json_array_foreach(tasks, i, task) list[i] = task;
    qsort(list, count, sizeof *list, compare_cost);
    for (i = 0; i < count; i++)
        json_array_append(sorted, list[i]);
    free(list);
    return json_object_set_new(plan, "tasks", sorted) ? out_of_memory(error) : WEIR_OK;
}
