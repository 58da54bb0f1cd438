#include "cli/survey_options.h"

#include <assert.h>
#include <math.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "cli/data_options.h"
#include "store/retention.h"
#include "survey/plan.h"

enum { SEEDS_MAX = 10000 };

static weir_err take_strings(void *field, const char *what, const char *value, struct weir_error *error)
{
    (void)what, (void)error;
    weir_strings_split(field, value);
    return WEIR_OK;
}

/* NAME or NAME.PARAMETER=VALUE, as the mapping of a configuration file gives them. */
static weir_err take_algorithms(void *field, const char *what, const char *value, struct weir_error *error)
{
    struct weir_strings words = {0}, *names = field, *params = names + 1;
    (void)what, (void)error;
    weir_strings_split(&words, value);
    for (size_t i = 0; i < words.count; i++)
        weir_strings_add(strchr(words.item[i], '=') ? params : names, words.item[i]);
    weir_strings_free(&words);
    return WEIR_OK;
}

static weir_err take_exclude(void *field, const char *what, const char *value, struct weir_error *error)
{
    (void)what, (void)error;
    weir_strings_split(field, value);
    return WEIR_OK;
}

/* 1,2,5-8 */
static weir_err take_numbers(void *field, const char *what, const char *value, struct weir_error *error)
{
    struct weir_survey_numbers *list = field;
    struct weir_strings words = {0};
    weir_err failed = WEIR_OK;
    weir_strings_split(&words, value);
    for (size_t i = 0; i < words.count && !failed; i++) {
        uint64_t from, to;
        char *dash = strchr(words.item[i], '-');
        if (dash)
            *dash = 0;
        failed = weir_number_parse(what, words.item[i], 0, INT64_MAX, &from, error);
        to = from;
        if (!failed && dash)
            failed = weir_number_parse(what, dash + 1, from, INT64_MAX, &to, error);
        if (!failed && (to - from >= SEEDS_MAX || list->count + (to - from) >= SEEDS_MAX))
            failed = weir_fail(error, WEIR_ERR_ARGUMENT, "%s %s: more than %d numbers", what, value, SEEDS_MAX);
        if (failed)
            break;
        uint64_t *grown = realloc(list->item, (list->count + (to - from) + 1) * sizeof *grown);
        if (!grown) {
            failed = weir_fail(error, WEIR_ERR_MEMORY, "out of memory");
            break;
        }
        list->item = grown;
        for (uint64_t n = from; n <= to; n++)
            list->item[list->count++] = n;
    }
    weir_strings_free(&words);
    return failed;
}

static weir_err take_share(void *field, const char *what, const char *value, struct weir_error *error)
{
    char *end;
    double share = strtod(value, &end);
    if (end == value || *end || !(share > 0 && share <= 1))
        return weir_fail(error, WEIR_ERR_ARGUMENT, "%s %s: give a share above 0 and up to 1, such as 0.2", what, value);
    *(double *)field = share;
    return WEIR_OK;
}

static weir_err take_threshold(void *field, const char *what, const char *value, struct weir_error *error)
{
    char *end;
    double threshold = strtod(value, &end);
    if (end == value || *end || !(threshold >= 0 && threshold <= 1))
        return weir_fail(error, WEIR_ERR_ARGUMENT, "%s %s: give a number from 0 to 1, such as 0.5", what, value);
    *(double *)field = threshold;
    return WEIR_OK;
}

static weir_err take_flow_rate(void *field, const char *what, const char *value, struct weir_error *error)
{
    return weir_flow_rate_parse(what, value, field, error);
}

static weir_err take_benign_share(void *field, const char *what, const char *value, struct weir_error *error)
{
    return weir_benign_share_parse(what, value, field, error);
}

static weir_err take_scale(void *field, const char *what, const char *value, struct weir_error *error)
{
    if (strcmp(value, "none") != 0 && strcmp(value, "standard") != 0)
        return weir_fail(error, WEIR_ERR_ARGUMENT, "%s %s: it is none or standard", what, value);
    *(enum weir_scale *)field = !strcmp(value, "standard") ? WEIR_SCALE_STANDARD : WEIR_SCALE_NONE;
    return WEIR_OK;
}

static weir_err take_importance(void *field, const char *what, const char *value, struct weir_error *error)
{
    static const char *const words[] = {"shap", "all", "none"};
    for (int i = 0; i < 3; i++)
        if (!strcmp(value, words[i])) {
            *(enum weir_survey_importance *)field = (enum weir_survey_importance)i;
            return WEIR_OK;
        }
    return weir_fail(error, WEIR_ERR_ARGUMENT, "%s %s: it is shap, all or none", what, value);
}

/* 0 in the list: all columns. A sweep goes in steps of about a half. */
static weir_err take_select(void *field, const char *what, const char *value, struct weir_error *error)
{
    struct weir_survey_numbers *list = field;
    if (!strcmp(value, "sweep"))
        value = "1,2,3,5,8,12,20,30,50,80";
    if (!list->count && strcmp(value, "0") != 0 && take_numbers(field, what, "0", error) != WEIR_OK)
        return error->code;
    return take_numbers(field, what, value, error);
}

static weir_err take_memory(void *field, const char *what, const char *value, struct weir_error *error)
{
    struct weir_error inner = {0};
    uint64_t bytes;
    if (weir_size_parse(value, &bytes, &inner) != WEIR_OK)
        return weir_fail(error, inner.code, "%s %s", what, inner.text);
    *(uint64_t *)field = bytes >> 20;
    return bytes >> 20 ? WEIR_OK : weir_fail(error, WEIR_ERR_ARGUMENT, "%s %s: give 1MB or more", what, value);
}

/* clang-format off */
#define AT(FIELD) offsetof(struct weir_survey_options, FIELD)
static const struct weir_setting rows[] = {
    {.name = "config", .letter = 'c', .kind = WEIR_SETTING_TEXT, .at = AT(config), .value = "FILE", .flag_only = true,
     .text = "configuration file; its keys are the long names of these options, which win"},
    {.name = "out", .letter = 'o', .kind = WEIR_SETTING_TEXT, .at = AT(out), .value = "DIR",
     .text = "folder for results, models and report; what is finished there is kept,\n"
             "so the same command goes on where it was stopped"},
    {.name = "fresh", .kind = WEIR_SETTING_SWITCH, .at = AT(fresh), .flag_only = true,
     .text = "remove what an earlier survey left in the folder, and begin anew"},
    {.kind = WEIR_SETTING_HEADING, .text = "\nData:"},
    {.name = "data", .kind = WEIR_SETTING_LISTS, .at = AT(data), .take = take_strings, .value = "FILE|GLOB",
     .text = "one data set: CSV, Parquet or JSON; repeated: more files"},
    {.name = "sql", .kind = WEIR_SETTING_TEXT, .at = AT(sql), .value = "QUERY",
     .text = "or rows from a query that DuckDB understands"},
    {.name = "set", .kind = WEIR_SETTING_LISTS, .at = AT(set_words), .take = take_strings, .value = "NAME=GLOB",
     .text = "or several data sets: repeated; NAME=A,B is one of two files"},
    {.name = "train-on", .kind = WEIR_SETTING_LIST, .at = AT(train_on), .take = take_strings, .value = "NAME,...",
     .text = "data sets that are trained on (all but those of --test-on)"},
    {.name = "test-on", .kind = WEIR_SETTING_LIST, .at = AT(test_on), .take = take_strings, .value = "NAME,...",
     .text = "data sets that each model is tested on (rows held back from its own)"},
    {.name = "dataset", .kind = WEIR_SETTING_TEXT, .at = AT(dataset), .value = "NAME|YAML",
     .text = "which data set it is (weir data list), or a description of one; none: do not\n"
             "look; without it the columns tell"},
    {.name = "common", .kind = WEIR_SETTING_SWITCH, .at = AT(common), .text = "take the common columns, of data sets of different kinds"},
    {.name = "label", .kind = WEIR_SETTING_TEXT, .at = AT(label), .value = "COLUMN",
     .text = "label column; known data sets need none of these four"},
    {.name = "benign", .kind = WEIR_SETTING_WORD, .at = AT(benign), .value = "VALUE",
     .text = "its value for normal traffic; every other label is an attack"},
    {.name = "multiclass", .kind = WEIR_SETTING_SWITCH, .at = AT(multiclass), .text = "every label is a class"},
    {.name = "exclude", .kind = WEIR_SETTING_LIST, .at = AT(exclude), .take = take_exclude, .value = "A,B",
     .text = "columns not to learn from: the whole list"},
    {.name = "features", .kind = WEIR_SETTING_TEXT, .at = AT(features), .value = "SET",
     .text = "feature set that the columns belong to (the one that has them all)"},
    {.name = "sample", .kind = WEIR_SETTING_WORD, .at = AT(sample), .take = take_share, .value = "SHARE",
     .text = "use this share of the rows, drawn label by label (1)"},
    {.kind = WEIR_SETTING_HEADING, .text = "\nTests:"},
    {.name = "test", .kind = WEIR_SETTING_WORD, .at = AT(test_files), .value = "SHARE|FILE",
     .text = "test on this share of the rows (0.2), or on the rows of FILE|GLOB"},
    {.name = "split", .kind = WEIR_SETTING_WORD, .at = AT(split), .value = "HOW",
     .text = "drawn: label by label; time:COLUMN, the last rows test; group:COLUMN, no\n"
             "host on both sides; leave-attack: each attack in turn is unseen (drawn)"},
    {.name = "folds", .kind = WEIR_SETTING_NUMBER, .at = AT(folds), .low = 2, .high = WEIR_FOLDS_MOST, .value = "K",
     .text = "K-fold: each of K parts tests once (one test)"},
    {.name = "seed", .kind = WEIR_SETTING_WORD, .at = AT(seeds), .take = take_numbers, .value = "N", .text = "of splits and training (1)"},
    {.name = "seeds", .kind = WEIR_SETTING_LIST, .at = AT(seeds), .take = take_numbers, .value = "N,M,...",
     .text = "or several, each a split and a fit of its own: 1,2,3 or 1-10"},
    {.kind = WEIR_SETTING_HEADING, .text = "\nAlgorithms:"},
    {.name = "algorithms", .kind = WEIR_SETTING_MAP, .at = AT(algorithms), .take = take_algorithms, .value = "A,B,...",
     .text = "which (all that need no library that is missing)"},
    {.name = "param", .kind = WEIR_SETTING_LISTS, .at = AT(algorithms.params), .take = take_strings, .value = "A.NAME=VALUE",
     .text = "a parameter NAME of algorithm A; repeated. `weir train --help` lists them"},
    {.name = "scale", .kind = WEIR_SETTING_WORD, .at = AT(scale), .take = take_scale, .value = "none|standard",
     .text = "bring columns to mean 0 and deviation 1 first; part of the models (none)"},
    {.name = "threshold", .kind = WEIR_SETTING_WORD, .at = AT(threshold), .take = take_threshold, .value = "X",
     .text = "score from which a row is an alert (0.5, or as the model decides)"},
    {.name = "flow-rate", .kind = WEIR_SETTING_WORD, .at = AT(flows_per_s), .take = take_flow_rate, .value = "N/s",
     .text = "flows a second to count alerts a day for (1000/s)"},
    {.name = "benign-share", .kind = WEIR_SETTING_WORD, .at = AT(benign_share), .take = take_benign_share, .value = "X",
     .text = "share of them that is normal traffic (as in the test rows)"},
    {.name = "select", .kind = WEIR_SETTING_LIST, .at = AT(select), .take = take_select, .value = "K,...",
     .text = "also with the K columns alone that are worth most: 5,10,20 shows what\n"
             "fewer columns cost in accuracy and save a flow; sweep: 1,2,3,5,8,..."},
    {.name = "importance", .kind = WEIR_SETTING_WORD, .at = AT(importance), .take = take_importance, .value = "HOW",
     .text = "what columns are worth: shap (trees and linear models), all (permutation\n"
             "too, of all models: takes long), none (shap)"},
    {.kind = WEIR_SETTING_HEADING, .text = "\nEngine:"},
    {.name = "engine", .kind = WEIR_SETTING_WORD, .at = AT(engine), .value = "local|ray",
     .text = "processes of this machine, or tasks of a Ray cluster (local)"},
    {.name = "jobs", .letter = 'j', .kind = WEIR_SETTING_NUMBER, .at = AT(jobs), .low = 1, .high = 4096, .value = "N",
     .text = "tasks at once (the processors; ray: the cluster's)"},
    {.name = "address", .kind = WEIR_SETTING_TEXT, .at = AT(address), .value = "ADDRESS",
     .text = "of a running Ray cluster; without it one is started here"},
    {.name = "python", .kind = WEIR_SETTING_TEXT, .at = AT(python), .value = "PROGRAM",
     .text = "Python that has Ray ($WEIR_PYTHON, else python3)"},
    {.name = "memory", .kind = WEIR_SETTING_WORD, .at = AT(memory_mib), .take = take_memory, .value = "SIZE",
     .text = "start tasks as long as what they are expected to need fits (what is free)"},
    {.name = "timeout", .kind = WEIR_SETTING_DURATION, .at = AT(timeout_ns), .low = 1000000, .high = 604800000000000, .value = "TIME",
     .text = "a task that takes longer has failed (none)"},
    {.kind = WEIR_SETTING_HEADING, .text = "\nResults:"},
    {.name = "pick", .kind = WEIR_SETTING_WORD, .at = AT(pick), .value = "BY",
     .text = "write the best model to DIR/best.weir: by f1, recall@fpr (at a\n"
             "false-positive rate of 0.001), cost (cheapest to serve) or columns (fewest)\n"
             "of those whose F1 is near the best"},
    {.name = "tolerance", .kind = WEIR_SETTING_WORD, .at = AT(tolerance), .take = take_threshold, .value = "X",
     .text = "what --pick cost and columns may give away of the best F1 (0.01)"},
    {.name = "plan", .kind = WEIR_SETTING_SWITCH, .at = AT(plan_only), .flag_only = true,
     .text = "write data and plan, print the tasks, and end"},
    {.name = "json", .kind = WEIR_SETTING_SWITCH, .at = AT(json), .text = "print report.json, nothing else"},
    {.name = "quiet", .letter = 'q', .kind = WEIR_SETTING_SWITCH, .at = AT(quiet), .text = "no messages but errors"},
};
/* clang-format on */
static_assert(sizeof rows / sizeof *rows <= WEIR_SURVEY_SETTINGS, "WEIR_SURVEY_SETTINGS is too small");

const struct weir_settings weir_survey_settings = {
    .command = "survey",
    .row = rows,
    .count = sizeof rows / sizeof *rows,
    .before = "usage: weir survey --data FILE|GLOB --out DIR [OPTIONS] | -c survey.yaml\n"
              "\n"
              "Trains and tests many algorithms on data sets, seeds and folds, in parallel, and compares them:\n"
              "DIR/report.html, report.json, report.csv, and a model file of each task.\n"
              "\n",
    .after = "\n"
             "example: weir survey --data 'day*.csv' --seeds 1-5 --scale standard --pick f1 --out out\n"
             "         weir survey --set lab=lab.csv --set site=site.csv --train-on lab --test-on site --out across\n"
             "         weir survey --data flows.parquet --label attack --benign 0 --folds 5 --algorithms knn,mlp --out out\n",
};

/* ---- What belongs together ------------------------------------------------------------------------------------------------- */

static bool find_trainers(struct weir_survey_options *o, struct weir_problems *problems)
{
    size_t all = 0;
    while (weir_trainers()[all])
        all++;
    o->trainers = calloc(all + o->algorithms.names.count + 1, sizeof *o->trainers);
    if (!o->trainers)
        return weir_problem(problems, WEIR_ERR_MEMORY, "out of memory"), false;
    for (size_t i = 0; !o->algorithms.names.count && i < all; i++) {
        const struct weir_trainer *trainer = weir_trainers()[i];
        struct weir_error why = {0};
        if (trainer->ready && trainer->ready(&why) != WEIR_OK)
            weir_log(WEIR_LOG_INFO, "without %s: %s", trainer->name, why.text);
        else
            o->trainers[o->trainer_count++] = trainer;
    }
    for (size_t i = 0; i < o->algorithms.names.count; i++) {
        const struct weir_trainer *trainer = weir_trainer_find(o->algorithms.names.item[i]);
        bool twice = false;
        for (size_t k = 0; k < o->trainer_count; k++)
            twice |= o->trainers[k] == trainer;
        if (!trainer)
            weir_problem(problems, WEIR_ERR_ARGUMENT, "algorithm '%.60s' is not there; there are: %s",
                         o->algorithms.names.item[i], weir_trainer_names());
        else if (!twice)
            o->trainers[o->trainer_count++] = trainer;
        o->benign_alone |= trainer && trainer->unsupervised;
    }
    return !problems->count;
}

static struct weir_survey_set *add_set(struct weir_survey_options *o)
{
    struct weir_survey_set *grown = realloc(o->set, (o->set_count + 1) * sizeof *grown);
    if (!grown) {
        weir_log(WEIR_LOG_ERROR, "out of memory");
        exit(1);
    }
    o->set = grown;
    o->set[o->set_count] = (struct weir_survey_set){0};
    return &o->set[o->set_count++];
}

/* "NAME=FILE" names a set, "FILE" behind it belongs to the same. */
static void find_sets(struct weir_survey_options *o, struct weir_problems *problems)
{
    if (o->data.count || o->sql)
        for (size_t i = 0, first = (size_t)(add_set(o) - o->set); i < o->data.count; i++)
            weir_strings_add(&o->set[first].files, o->data.item[i]);
    struct weir_survey_set *set = NULL;
    for (size_t i = 0; i < o->set_words.count; i++) {
        const char *word = o->set_words.item[i];
        char name[41];
        size_t n = strcspn(word, "=/*?.,");
        bool named = n && word[n] == '=' && n < sizeof name;
        if (named) {
            snprintf(name, sizeof name, "%.*s", (int)n, word);
            set = NULL;
            for (size_t k = 0; k < o->set_count && !set; k++)
                set = o->set[k].name && !strcmp(o->set[k].name, name) ? &o->set[k] : NULL;
            if (!set) {
                set = add_set(o);
                set->name = strdup(name);
            }
            weir_survey_file_name(name, name);
        }
        if (!set)
            weir_problem(problems, WEIR_ERR_ARGUMENT, "--set %.80s: write NAME=FILE, the name of letters, digits, - and _", word);
        else if (!(named && !word[n + 1]))
            weir_strings_add(&set->files, named ? word + n + 1 : word);
    }
    for (size_t k = 0; k < o->set_count; k++)
        if (!o->set[k].files.count && !o->sql)
            weir_problem(problems, WEIR_ERR_ARGUMENT, "--set %.40s: has no file", o->set[k].name);
}

static struct weir_survey_set *find_set(const struct weir_survey_options *o, const char *name)
{
    for (size_t k = 0; k < o->set_count; k++)
        if (o->set[k].name && !strcmp(o->set[k].name, name))
            return &o->set[k];
    return NULL;
}

static void find_roles(struct weir_survey_options *o, struct weir_problems *problems)
{
    for (size_t i = 0; i < o->train_on.count + o->test_on.count; i++) {
        bool trains = i < o->train_on.count;
        const char *name = trains ? o->train_on.item[i] : o->test_on.item[i - o->train_on.count];
        struct weir_survey_set *set = find_set(o, name);
        if (!set)
            weir_problem(problems, WEIR_ERR_ARGUMENT, "--%s %.40s: there is no --set %.40s=...", trains ? "train-on" : "test-on",
                         name, name);
        else if (trains)
            set->trains = true;
        else
            set->tests = true;
    }
    bool any = o->train_on.count;
    for (size_t k = 0; k < o->set_count && !any; k++)
        o->set[k].trains = !o->set[k].tests;
    size_t training = 0;
    for (size_t k = 0; k < o->set_count; k++)
        training += o->set[k].trains;
    if (o->set_count && !training && !problems->count)
        weir_problem(problems, WEIR_ERR_ARGUMENT, "no data set is left to train on; name one with --train-on");
}

static void check(struct weir_survey_options *o, struct weir_problems *problems)
{
    struct weir_error error = {0};
    if (!o->out)
        weir_problem(problems, WEIR_ERR_ARGUMENT, "name the folder of the survey with --out DIR");
    if (!o->data.count && !o->sql && !o->set_words.count)
        weir_problem(problems, WEIR_ERR_ARGUMENT, "name the data with --data FILE, --set NAME=FILE or --sql QUERY");
    if (!!o->data.count + !!o->sql + !!o->set_words.count > 1)
        weir_problem(problems, WEIR_ERR_ARGUMENT, "--data, --set and --sql exclude each other");
    if (strcmp(o->engine, "local") != 0 && strcmp(o->engine, "ray") != 0)
        weir_problem(problems, WEIR_ERR_ARGUMENT, "--engine %.40s: it is local or ray", o->engine);
    if (o->pick && strcmp(o->pick, "f1") != 0 && strcmp(o->pick, "recall@fpr") != 0 && strcmp(o->pick, "cost") != 0 &&
        strcmp(o->pick, "columns") != 0)
        weir_problem(problems, WEIR_ERR_ARGUMENT, "--pick %.40s: it is f1, recall@fpr, cost or columns", o->pick);
    if (o->dataset && weir_dataset_option(o->dataset, &o->known, &o->own, &o->unknown, &error) != WEIR_OK)
        weir_problem(problems, WEIR_ERR_ARGUMENT, "%s", error.text);
    if (problems->count)
        return;
    find_sets(o, problems);
    find_roles(o, problems);
    if (o->test_files) { /* a share is a number, everything else names files */
        char *end;
        double share = strtod(o->test_files, &end);
        if (end != o->test_files && !*end) {
            o->test_files = NULL;
            o->share = share;
            if (!(share > 0 && share < 1))
                weir_problem(problems, WEIR_ERR_ARGUMENT, "--test: give a share between 0 and 1, such as 0.2, or a file");
        }
    }
    if (o->test_files && (o->test_on.count || o->folds || o->split))
        weir_problem(problems, WEIR_ERR_ARGUMENT, "--test FILE goes without --test-on, --folds and --split");
    if (o->test_on.count && (o->folds || o->split))
        weir_problem(problems, WEIR_ERR_ARGUMENT, "--test-on goes without --folds and --split: all rows of the other set test");
    o->fold = (struct weir_folds_config){.folds = (unsigned)o->folds, .share = o->share, .sample = o->sample};
    if (o->split && weir_folds_parse(o->split, &o->fold, &error) != WEIR_OK)
        weir_problem(problems, WEIR_ERR_ARGUMENT, "--split: %s", error.text);
    if (problems->count || !find_trainers(o, problems))
        return;
    struct weir_survey_plan_config plan = {.trainers = (const struct weir_trainer *const *)o->trainers,
                                           .trainer_count = o->trainer_count,
                                           .params = (const char *const *)o->algorithms.params.item,
                                           .param_count = o->algorithms.params.count};
    if (weir_survey_plan_check(&plan, &error) != WEIR_OK)
        weir_problem(problems, WEIR_ERR_ARGUMENT, "--param: %s", error.text);
}

static uint64_t count_processors(void)
{
    cpu_set_t set;
    int count = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
    return count > 0 ? (uint64_t)count : 1;
}

void weir_survey_options_make(const struct weir_flags *flags, struct weir_survey_options *out, struct weir_problems *problems)
{
    struct weir_config *config = NULL;
    const char *path = weir_flags_value(flags, "config");
    *out = (struct weir_survey_options){.engine = "local",
                                        .share = 0.2,
                                        .sample = 1,
                                        .threshold = NAN,
                                        .tolerance = 0.01,
                                        .flows_per_s = NAN,
                                        .benign_share = NAN};
    if (path && weir_config_read(path, &weir_survey_settings, &config, problems) != WEIR_OK)
        return;
    weir_settings_apply(&weir_survey_settings, config, flags, out, out->told, problems);
    weir_config_free(&config);
    if (!out->jobs && !strcmp(out->engine, "local"))
        out->jobs = count_processors();
    if (out->quiet)
        weir_log_set_level(WEIR_LOG_ERROR);
    if (!out->seeds.count && take_numbers(&out->seeds, "--seed", "1", NULL) != WEIR_OK)
        weir_problem(problems, WEIR_ERR_MEMORY, "out of memory");
    if (!problems->count)
        check(out, problems);
}

void weir_survey_options_free(struct weir_survey_options *options)
{
    struct weir_strings *lists[] = {&options->data,    &options->set_words,        &options->exclude,          &options->train_on,
                                    &options->test_on, &options->algorithms.names, &options->algorithms.params};
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
        weir_strings_free(lists[i]);
    for (size_t k = 0; k < options->set_count; k++) {
        free(options->set[k].name);
        weir_strings_free(&options->set[k].files);
    }
    free(options->set);
    free(options->seeds.item);
    free(options->select.item);
    free(options->trainers);
    weir_known_free(&options->own);
    weir_told_free(options->told, WEIR_SURVEY_SETTINGS);
}
