#include "survey/gather.h"
#include "survey/unseen.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "survey/extract.h"
#include "survey/folder.h"
#include "survey/report_html.h"

static weir_err out_of_memory(struct weir_error *error)
{
    return weir_fail(error, WEIR_ERR_MEMORY, "out of memory");
}

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

/* ---- Tasks ------------------------------------------------------------------------------------------------------------------
 */

/* Members of report["tasks"] that come from elsewhere in the result. */
static const struct {
    const char *name, *part, *inner;
} figures[] = {{"accuracy", "result", "metrics"}, {"precision", "result", "metrics"}, {"recall", "result", "metrics"},
               {"f1", "result", "metrics"},       {"f1_macro", "result", "metrics"},  {"mcc", "result", "metrics"},
               {"roc_auc", "result", "metrics"},  {"pr_auc", "result", "metrics"},    {"log_loss", "result", "metrics"},
               {"brier", "result", "metrics"},    {"ece", "result", "metrics"},       {"fit_s", "cost", NULL},
               {"score_s", "cost", NULL},         {"peak_mib", "cost", NULL},         {"score_ns", "cost", NULL},
               {"extract_ns", "cost", NULL},      {"model_bytes", "result", NULL},    {"train_rows", "result", NULL},
               {"test_rows", "result", NULL},     {"left_out", "result", NULL}};

enum { FIGURES = sizeof figures / sizeof *figures };

#define RECALL_AT_FPR "recall_at_fpr_1e-3"

/* Recall at a false-positive rate of 1e-3: the first of the list, and what is picked by. */
static json_t *recall_at_fpr(const json_t *result)
{
    const json_t *at =
        json_object_get(json_object_get(json_object_get(json_object_get(result, "result"), "metrics"), "detection"), "at_fpr");
    json_t *recall = json_object_get(json_array_get(at, 0), "recall");
    return recall ? json_incref(recall) : json_null();
}

static json_t *flatten(const json_t *task, const json_t *result)
{
    static const char *const identity[] = {"id", "data", "test_data", "algorithm", "scale", "select", "seed", "fold", "params"};
    json_t *flat = json_object();
    for (size_t i = 0; i < sizeof identity / sizeof *identity; i++)
        json_object_set(flat, identity[i], json_object_get(task, identity[i]));
    json_object_set(flat, "split", json_object_get(json_object_get(task, "drawn"), "split"));
    json_object_set(flat, "status", json_object_get(result, "status"));
    json_object_set(flat, "error", json_object_get(result, "error"));
    for (size_t i = 0; i < FIGURES; i++) {
        json_t *part = json_object_get(result, figures[i].part);
        json_t *value = json_object_get(figures[i].inner ? json_object_get(part, figures[i].inner) : part, figures[i].name);
        json_object_set_new(flat, figures[i].name, value ? json_incref(value) : json_null());
    }
    json_object_set_new(flat, RECALL_AT_FPR, recall_at_fpr(result));
    bool done = !strcmp(text_of(result, "status"), "done");
    json_object_set_new(flat, "model", done ? json_sprintf("tasks/%s.weir", text_of(task, "id")) : json_null());
    json_object_set(flat, "result", json_object_get(result, "result"));
    json_object_set(flat, "cost", json_object_get(result, "cost"));
    return flat;
}

static int compare_order(const void *a, const void *b)
{
    json_int_t x = json_integer_value(json_object_get(*(json_t *const *)a, "order"));
    json_int_t y = json_integer_value(json_object_get(*(json_t *const *)b, "order"));
    return (x > y) - (x < y);
}

/* The cost of the columns that a model reads; `known` keeps what has been measured, by their names. */
static void add_extraction(const json_t *plan, const json_t *task, json_t *result, json_t *known)
{
    const json_t *data = json_object_get(json_object_get(plan, "data"), text_of(task, "data"));
    const json_t *chosen = json_object_get(json_object_get(result, "result"), "selected");
    const json_t *columns = json_is_array(chosen) ? chosen : json_object_get(data, "column_names");
    char *key = json_dumps(columns, JSON_COMPACT);
    double ns;
    if (key && !json_object_get(known, key))
        json_object_set_new(known, key,
                            weir_survey_extract_ns(text_of(data, "feature_set"), columns, &ns, NULL) == WEIR_OK ? json_real(ns)
                                                                                                                : json_null());
    if (key)
        json_object_set(json_object_get(result, "cost"), "extract_ns", json_object_get(known, key));
    free(key);
}

static weir_err read_tasks(const char *dir, const json_t *plan, json_t *out, size_t *unfinished, struct weir_error *error)
{
    const json_t *tasks = json_object_get(plan, "tasks");
    size_t count = json_array_size(tasks);
    json_t **list = malloc((count + 1) * sizeof *list), *known = json_object();
    weir_err failed = list && known ? WEIR_OK : out_of_memory(error);
    for (size_t i = 0; i < count && !failed; i++)
        list[i] = json_array_get(tasks, i);
    if (!failed)
        qsort(list, count, sizeof *list, compare_order);
    *unfinished = 0;
    for (size_t i = 0; i < count && !failed; i++) {
        char path[WEIR_SURVEY_PATH];
        json_t *result = NULL;
        if (!weir_survey_task_finished(dir, text_of(list[i], "id"))) {
            ++*unfinished;
            continue;
        }
        weir_survey_task_path(dir, text_of(list[i], "id"), "json", path);
        failed = weir_survey_json_read(path, &result, error);
        if (!failed && strcmp(text_of(result, "status"), "done") != 0 && strcmp(text_of(result, "status"), "failed") != 0)
            failed = weir_fail(error, WEIR_ERR_FORMAT, "%s: no result of a task; remove it and start again", path);
        if (!failed && !strcmp(text_of(result, "status"), "done"))
            add_extraction(plan, list[i], result, known);
        if (!failed)
            json_array_append_new(out, flatten(list[i], result));
        json_decref(result);
    }
    json_decref(known);
    free(list);
    return failed;
}

/* ---- Summary ----------------------------------------------------------------------------------------------------------------
 */

/* What is summed up over seeds and folds. */
static const char *const group_keys[] = {"data", "test_data", "algorithm", "scale", "select", "params"};
enum { GROUP_KEYS = sizeof group_keys / sizeof *group_keys };

static bool same_group(const json_t *a, const json_t *b)
{
    for (size_t i = 0; i < GROUP_KEYS; i++)
        if (!json_equal(json_object_get(a, group_keys[i]), json_object_get(b, group_keys[i])))
            return false;
    return true;
}

/* {"mean":..,"sd":..} of a figure over the tasks of a group; nulls where there is none. */
static json_t *mean_of(const json_t *tasks, const json_t *group, const char *name)
{
    double *values = malloc((json_array_size(tasks) + 1) * sizeof *values), sum = 0, squares = 0;
    size_t i, n = 0;
    const json_t *task;
    json_array_foreach(tasks, i, task)
    {
        const json_t *value = json_object_get(task, name);
        if (values && json_is_number(value) && same_group(task, group))
            sum += values[n++] = json_number_value(value);
    }
    double mean = n ? sum / (double)n : 0;
    for (i = 0; i < n; i++)
        squares += (values[i] - mean) * (values[i] - mean);
    free(values);
    return json_pack("{s:o,s:o}", "mean", n ? json_real(mean) : json_null(), "sd",
                     n > 1 ? json_real(sqrt(squares / (double)(n - 1))) : json_null());
}

/* NaN: the group has no such figure. */
static double mean(const json_t *group, const char *name)
{
    const json_t *value = json_object_get(json_object_get(group, name), "mean");
    return json_is_number(value) ? json_number_value(value) : (double)NAN;
}

/* Nanoseconds a flow to serve: scoring, and getting the columns where that is known. */
static double serving(const json_t *group)
{
    double extract = mean(group, "extract_ns");
    return mean(group, "score_ns") + (isnan(extract) ? 0 : extract);
}

/* Of groups with the same rows: no other is as good and cheaper, or as cheap and better. */
static bool on_front(const json_t *summary, const json_t *group)
{
    const json_t *other;
    double f1 = mean(group, "f1"), ns = serving(group);
    size_t i;
    if (isnan(f1) || isnan(ns))
        return false;
    json_array_foreach(summary, i, other)
    {
        double f = mean(other, "f1"), n = serving(other);
        if (json_equal(json_object_get(group, "data"), json_object_get(other, "data")) &&
            json_equal(json_object_get(group, "test_data"), json_object_get(other, "test_data")) && f >= f1 && n <= ns &&
            (f > f1 || n < ns))
            return false;
    }
    return true;
}

static json_t *summarise(const json_t *tasks)
{
    json_t *summary = json_array();
    const json_t *task, *other;
    size_t i, k;
    json_array_foreach(tasks, i, task)
    {
        bool first = true;
        json_int_t count = 0, failed = 0;
        json_array_foreach(tasks, k, other)
        {
            if (!same_group(task, other))
                continue;
            if (k < i) {
                first = false;
                break;
            }
            count++;
            failed += strcmp(text_of(other, "status"), "done") != 0;
        }
        if (!first)
            continue;
        json_t *group = json_object();
        for (k = 0; k < GROUP_KEYS; k++)
            json_object_set(group, group_keys[k], json_object_get(task, group_keys[k]));
        json_object_set_new(group, "tasks", json_integer(count));
        json_object_set_new(group, "failed", json_integer(failed));
        for (k = 0; k < FIGURES; k++)
            json_object_set_new(group, figures[k].name, mean_of(tasks, task, figures[k].name));
        json_object_set_new(group, RECALL_AT_FPR, mean_of(tasks, task, RECALL_AT_FPR));
        json_array_append_new(summary, group);
    }
    json_array_foreach(summary, i, task)
    {
        json_object_set_new((json_t *)(uintptr_t)task, "front", json_boolean(on_front(summary, task)));
    }
    return summary;
}

/* "Intel(R) Xeon(R) ..." or "". Source: proc(5), cpuinfo. */
static void read_cpu(char *out, size_t size)
{
    char line[256];
    FILE *from = fopen("/proc/cpuinfo", "re");
    *out = 0;
    while (from && !*out && fgets(line, sizeof line, from)) {
        const char *colon = strchr(line, ':');
        if (colon && !strncmp(line, "model name", 10))
            snprintf(out, size, "%.*s", (int)strcspn(colon + 2, "\n"), colon + 2);
    }
    if (from)
        fclose(from);
}

/* "XGBoost 3.0.2" as {"XGBoost": "3.0.2"}: a second version beside the first. */
static void note_library(json_t *libraries, const char *text)
{
    const char *blank = strrchr(text, ' ');
    char name[64], both[200];
    if (!blank || blank == text)
        return;
    snprintf(name, sizeof name, "%.*s", (int)(blank - text), text);
    const char *had = json_string_value(json_object_get(libraries, name));
    if (had && strstr(had, blank + 1))
        return;
    snprintf(both, sizeof both, "%s%s%s", had ? had : "", had ? ", " : "", blank + 1);
    json_object_set_new(libraries, name, json_string(both));
}

/* Whose versions the figures depend on: what read the data, what the tasks say, and what the engine has left. */
static json_t *find_libraries(const char *dir, const json_t *tasks, const struct weir_survey_ran *ran)
{
    json_t *libraries = json_object(), *engine = NULL;
    const json_t *task;
    char path[WEIR_SURVEY_PATH];
    size_t i;
    if (ran->reader)
        note_library(libraries, ran->reader);
    json_array_foreach(tasks, i, task)
    {
        const char *library =
            json_string_value(json_object_get(json_object_get(json_object_get(task, "result"), "fit"), "library"));
        if (library)
            note_library(libraries, library);
    }
    snprintf(path, sizeof path, "%s/engine.json", dir);
    if (strcmp(ran->engine, "local") != 0 && weir_survey_json_read(path, &engine, NULL) == WEIR_OK)
        json_object_update(libraries, json_object_get(engine, "libraries"));
    json_decref(engine);
    return libraries;
}

/* 0: the engine took as many as it found fit, and has left word of it. */
static json_int_t find_jobs(const char *dir, const struct weir_survey_ran *ran)
{
    json_t *engine = NULL;
    char path[WEIR_SURVEY_PATH];
    json_int_t jobs = (json_int_t)ran->jobs;
    snprintf(path, sizeof path, "%s/engine.json", dir);
    if (!jobs && weir_survey_json_read(path, &engine, NULL) == WEIR_OK)
        jobs = json_integer_value(json_object_get(engine, "jobs"));
    json_decref(engine);
    return jobs;
}

weir_err weir_survey_gather(const char *dir, const json_t *plan, const struct weir_survey_ran *ran, json_t **report,
                            struct weir_error *error)
{
    char cpu[128];
    size_t unfinished;
    json_t *tasks = json_array();
    *report = NULL;
    weir_err failed = tasks ? read_tasks(dir, plan, tasks, &unfinished, error) : out_of_memory(error);
    if (!failed) {
        read_cpu(cpu, sizeof cpu);
        *report =
            json_pack("{s:O,s:O,s:s,s:I,s:f,s:s,s:I,s:o,s:O,s:O,s:o,s:o,s:I,s:n}", "weir", json_object_get(plan, "weir"),
                      "command", json_object_get(plan, "command"), "engine", ran->engine, "jobs", find_jobs(dir, ran), "total_s",
                      ran->total_s, "cpu", cpu, "processors", (json_int_t)sysconf(_SC_NPROCESSORS_ONLN), "libraries",
                      find_libraries(dir, tasks, ran), "data", json_object_get(plan, "data"), "tasks", tasks, "summary",
                      summarise(tasks), "unseen", weir_survey_unseen_find(tasks), "unfinished", (json_int_t)unfinished, "picked");
        failed = *report ? WEIR_OK : out_of_memory(error);
    }
    json_decref(tasks);
    return failed;
}

/* ---- The best ----------------------------------------------------------------------------------------------------------------
 */

/* That its models ask for. */
static double columns_of(const json_t *report, const json_t *group)
{
    const json_t *select = json_object_get(group, "select");
    const json_t *data = json_object_get(json_object_get(report, "data"), text_of(group, "data"));
    return json_number_value(json_is_integer(select) ? select : json_object_get(data, "columns"));
}

static const json_t *best_group(const json_t *report, const char *by, double tolerance)
{
    const json_t *summary = json_object_get(report, "summary"), *group, *best = NULL;
    double most = -INFINITY, least = INFINITY, fewest = INFINITY;
    const char *figure = !strcmp(by, "recall@fpr") ? RECALL_AT_FPR : "f1";
    size_t i;
    json_array_foreach(summary, i, group)
    {
        if (mean(group, figure) > most) { /* of equals the first */
            most = mean(group, figure);
            best = group;
        }
    }
    if (strcmp(by, "cost") != 0 && strcmp(by, "columns") != 0)
        return best;
    json_array_foreach(summary, i, group)
    {
        double columns = !strcmp(by, "columns") ? columns_of(report, group) : 0, ns = serving(group);
        if (mean(group, "f1") >= most - tolerance && (columns < fewest || (columns == fewest && ns < least))) {
            fewest = columns;
            least = ns;
            best = group;
        }
    }
    return best;
}

weir_err weir_survey_pick(const char *dir, const char *by, double tolerance, json_t *report, struct weir_error *error)
{
    const json_t *task, *first = NULL;
    char from[WEIR_SURVEY_PATH], to[WEIR_SURVEY_PATH];
    size_t i, size;
    uint8_t *bytes;
    if (strcmp(by, "f1") != 0 && strcmp(by, "recall@fpr") != 0 && strcmp(by, "cost") != 0 && strcmp(by, "columns") != 0)
        return weir_fail(error, WEIR_ERR_ARGUMENT, "'%.40s' cannot be picked by; it is f1, recall@fpr, cost or columns", by);
    const json_t *group = best_group(report, by, tolerance);
    json_array_foreach(json_object_get(report, "tasks"), i, task)
    {
        if (!first && group && same_group(task, group) && json_is_string(json_object_get(task, "model")))
            first = task;
    }
    if (!first)
        return weir_fail(error, WEIR_ERR_NOT_FOUND, "%s: no model to pick by %s", dir, by);
    snprintf(to, sizeof to, "%s/best.weir", dir);
    weir_survey_task_path(dir, text_of(first, "id"), "weir", from);
    weir_err failed = weir_file_read(from, SIZE_MAX / 2, &bytes, &size, error);
    if (failed)
        return failed;
    failed = weir_file_write(to, bytes, size, error);
    free(bytes);
    if (!failed)
        json_object_set_new(report, "picked",
                            json_pack("{s:s,s:s,s:O,s:O,s:O}", "by", by, "model", "best.weir", "id", json_object_get(first, "id"),
                                      "data", json_object_get(first, "data"), "algorithm", json_object_get(first, "algorithm")));
    return failed;
}

/* ---- Files ------------------------------------------------------------------------------------------------------------------
 */

/* A cell: numbers to read back exactly, texts quoted where they must be (RFC 4180). */
static void print_cell(FILE *to, const json_t *value)
{
    if (json_is_real(value)) {
        fprintf(to, "%.17g", json_real_value(value));
    } else if (json_is_integer(value)) {
        fprintf(to, "%lld", (long long)json_integer_value(value));
    } else if (json_is_string(value)) {
        const char *text = json_string_value(value);
        bool quoted = strpbrk(text, ",\"\r\n");
        if (quoted)
            fputc('"', to);
        for (; *text; text++)
            fprintf(to, *text == '"' ? "\"\"" : "%c", *text);
        if (quoted)
            fputc('"', to);
    }
}

static void print_csv(FILE *to, const json_t *report)
{
    static const char *const texts[] = {"id",     "data", "test_data", "algorithm", "scale",
                                        "select", "seed", "fold",      "status",    "error"};
    const json_t *task;
    size_t i;
    for (size_t k = 0; k < sizeof texts / sizeof *texts; k++)
        fprintf(to, "%s%s", k ? "," : "", texts[k]);
    for (size_t k = 0; k < FIGURES; k++)
        fprintf(to, ",%s", figures[k].name);
    fputs("," RECALL_AT_FPR ",model\n", to);
    json_array_foreach(json_object_get(report, "tasks"), i, task)
    {
        for (size_t k = 0; k < sizeof texts / sizeof *texts; k++) {
            fputs(k ? "," : "", to);
            print_cell(to, json_object_get(task, texts[k]));
        }
        for (size_t k = 0; k < FIGURES; k++) {
            fputc(',', to);
            print_cell(to, json_object_get(task, figures[k].name));
        }
        fputc(',', to);
        print_cell(to, json_object_get(task, RECALL_AT_FPR));
        fputc(',', to);
        print_cell(to, json_object_get(task, "model"));
        fputc('\n', to);
    }
}

weir_err weir_survey_report_files(const char *dir, const json_t *report, struct weir_error *error)
{
    char path[WEIR_SURVEY_PATH], *text = NULL;
    size_t size = 0;
    snprintf(path, sizeof path, "%s/report.json", dir);
    weir_err failed = weir_survey_json_write(path, report, error);
    if (failed)
        return failed;
    FILE *to = open_memstream(&text, &size);
    if (to)
        print_csv(to, report);
    if (!to || fclose(to)) {
        free(text);
        return out_of_memory(error);
    }
    snprintf(path, sizeof path, "%s/report.csv", dir);
    failed = weir_file_write(path, text, size, error);
    free(text);
    snprintf(path, sizeof path, "%s/report.html", dir);
    return failed ? failed : weir_survey_html_write(path, report, error);
}

/* ---- For people --------------------------------------------------------------------------------------------------------------
 */

static void print_mean(FILE *to, const json_t *group, const char *name, int width, int digits)
{
    double value = mean(group, name);
    if (isnan(value))
        fprintf(to, " %*s", width, "-");
    else
        fprintf(to, " %*.*f", width, digits, value);
}

static void print_heading(FILE *to, const json_t *report, const json_t *group, bool first)
{
    const json_t *data = json_object_get(json_object_get(report, "data"), text_of(group, "data"));
    const char *test = json_string_value(json_object_get(group, "test_data"));
    double train = mean(group, "train_rows"), tested = mean(group, "test_rows");
    fprintf(to, "%s%s%s%s: %lld rows, %lld columns, %zu classes", first ? "" : "\n", text_of(group, "data"),
            test ? ", tested on " : "", test ? test : "", (long long)json_integer_value(json_object_get(data, "rows")),
            (long long)json_integer_value(json_object_get(data, "columns")), json_array_size(json_object_get(data, "classes")));
    if (!isnan(train) && !isnan(tested)) /* means, of folds that differ in size */
        fprintf(to, "; %.0f rows train, %.0f test", train, tested);
    if (mean(group, "left_out") > 0)
        fprintf(to, ", %.0f are left out: their labels are no class of the models", mean(group, "left_out"));
    fputc('\n', to);
    fprintf(to, "%-26s %8s %9s %8s %8s %9s %9s %9s %9s\n", "algorithm", "accuracy", "precision", "recall", "F1", "fit s",
            "score s", "peak MiB", "ns/flow");
}

/* Tests whose rows are all attacks, or all normal, measure half of a model. */
static void print_one_sided(FILE *to, const json_t *report)
{
    const json_t *task;
    size_t i, without[2] = {0}, tests = 0;
    json_array_foreach(json_object_get(report, "tasks"), i, task)
    {
        const json_t *detection = json_object_get(json_object_get(json_object_get(task, "result"), "metrics"), "detection");
        if (!json_is_object(detection))
            continue;
        tests++;
        without[0] += !json_integer_value(json_object_get(detection, "attacks"));
        without[1] += !json_integer_value(json_object_get(detection, "normal"));
    }
    for (i = 0; i < 2; i++)
        if (without[i])
            fprintf(to,
                    "\n%zu of %zu tests had no %s among their rows: %s say nothing there; test on other rows (--test, --split)\n",
                    without[i], tests, i ? "normal traffic" : "attack", i ? "false alarms" : "recall and F1");
}

static bool same_test(const json_t *a, const json_t *b)
{
    return json_equal(json_object_get(a, "data"), json_object_get(b, "data")) &&
           json_equal(json_object_get(a, "test_data"), json_object_get(b, "test_data"));
}

static void print_group(FILE *to, const json_t *group)
{
    char name[64];
    const json_t *select = json_object_get(group, "select");
    if (json_is_integer(select))
        snprintf(name, sizeof name, "%.40s, %lld column%s", text_of(group, "algorithm"), (long long)json_integer_value(select),
                 json_integer_value(select) == 1 ? "" : "s");
    else
        snprintf(name, sizeof name, "%.40s", text_of(group, "algorithm"));
    fprintf(to, "%-26s", name);
    print_mean(to, group, "accuracy", 8, 5);
    print_mean(to, group, "precision", 9, 5);
    print_mean(to, group, "recall", 8, 5);
    print_mean(to, group, "f1", 8, 5);
    print_mean(to, group, "fit_s", 9, 3);
    print_mean(to, group, "score_s", 9, 3);
    print_mean(to, group, "peak_mib", 9, 1);
    fprintf(to, isnan(serving(group)) ? "         -" : " %9.0f", serving(group));
    fputs(json_is_true(json_object_get(group, "front")) ? " *" : "", to);
    json_int_t failed = json_integer_value(json_object_get(group, "failed"));
    if (failed)
        fprintf(to, "  %lld of %lld failed", (long long)failed, (long long)json_integer_value(json_object_get(group, "tasks")));
    fputc('\n', to);
}

void weir_survey_print(FILE *to, const json_t *report)
{
    const json_t *summary = json_object_get(report, "summary"), *group, *task;
    size_t i, k;
    json_array_foreach(summary, i, group) /* those of the same test rows together, whatever the order of the plan */
    {
        for (k = 0; k < i && !same_test(group, json_array_get(summary, k)); k++)
            ;
        if (k < i)
            continue;
        print_heading(to, report, group, !i);
        for (k = i; k < json_array_size(summary); k++)
            if (same_test(group, json_array_get(summary, k)))
                print_group(to, json_array_get(summary, k));
    }
    if (json_array_size(json_object_get(report, "summary")) > 1)
        fputs("\n* nothing else is both as good (F1) and as cheap (ns a flow, to get the columns and to score)\n", to);
    weir_survey_unseen_print(to, json_object_get(report, "unseen"));
    print_one_sided(to, report);
    json_array_foreach(json_object_get(report, "tasks"), i, task)
    {
        if (!strcmp(text_of(task, "status"), "failed"))
            fprintf(to, "\nfailed: %s: %s\n", text_of(task, "id"), text_of(task, "error"));
    }
}
