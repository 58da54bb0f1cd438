/* weir bench survey: the second paper's experiment. Seven algorithms on one data set as independent tasks: `weir survey` beside
 * scikit-learn one after another and as Ray tasks (bench/peers/survey.py), on the same training and test rows, in the same run.
 *
 * Both read the same two CSV files, take the same columns and their own defaults; nothing is scaled. A task's time is fit +
 * score. The time with N processes runs from the first task's start to the last one's end: what a start costs (Ray's, the reading
 * of the data) is shown beside it. */
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/bench.h"
#include "bench/csv_rows.h"
#include "bench/names.h"
#include "bench/peer.h"
#include "bench/scratch.h"
#include "bench/survey_py.h"
#include "bench/talk.h"
#include "train/trainer.h"
#include "weir/model.h"

enum { QUICK_ROWS = 4000, LARGE_ROWS = 100000, MLP_SEEDS = 3 };

static const char *const algorithms[] = {"knn",           "decision-tree",       "mlp",        "svm",
                                         "random-forest", "logistic-regression", "gaussian-nb"};
enum { ALGORITHMS = sizeof algorithms / sizeof *algorithms };

struct bench {
    const struct weir_bench_options *options;
    struct weir_bench_report *report;
    char folder[40], train[64], test[64];
    size_t train_rows, test_rows;
    const char *algorithm[ALGORITHMS]; /* those that are run */
    size_t count;
    bool large;
    struct weir_talk python;
    char peer[80];               /* "" when it is not there */
    double cpu_s;                /* of weir's tasks one after another, reading and report included */
    json_t *weir[2], *theirs[2]; /* answers: one after another; the MLP's further seeds */
};

static void say(const char *what)
{
    if (isatty(2))
        fprintf(stderr, "weir bench survey: %s ...\n", what);
}

/* --- weir's side --- */

static double children_cpu_s(void)
{
    struct rusage u;
    getrusage(RUSAGE_CHILDREN, &u);
    return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) + (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) * 1e-6;
}

/* Runs `weir survey` into folder/NAME, with more arguments (ended by NULL, or NULL); the answer is its report, the caller's. */
static weir_err run_weir_with(struct bench *b, const char *name, const char *names, const char *seeds, unsigned jobs,
                              const char *const *more, json_t **report, struct weir_error *error)
{
    char self[] = "/proc/self/exe", out[80], number[12], list[256], seed[64];
    snprintf(out, sizeof out, "%s/%s", b->folder, name);
    snprintf(number, sizeof number, "%u", jobs);
    snprintf(list, sizeof list, "%s", names);
    snprintf(seed, sizeof seed, "%s", seeds);
    /* Of a model's making alone: what columns are worth is asked of none. */
    char *arguments[32] = {self, "survey", "--data", b->train, "--test", b->test,        "--algorithms", list,     "--seeds",
                           seed, "--jobs", number,   "--out",  out,      "--importance", "none",         "--json", "--quiet"};
    size_t n = 18;
    const char *label = b->options->data ? b->options->label : "Label",
               *benign = b->options->data ? b->options->benign : "BENIGN";
    if (label) {
        arguments[n++] = "--label";
        arguments[n++] = (char *)(uintptr_t)label;
    }
    if (benign) {
        arguments[n++] = "--benign";
        arguments[n++] = (char *)(uintptr_t)benign;
    }
    for (; more && *more && n < sizeof arguments / sizeof *arguments - 1; more++)
        arguments[n++] = (char *)(uintptr_t)*more;
    struct weir_talk talk;
    json_error_t where = {0};
    weir_err code = weir_talk_start(arguments, &talk, error);
    if (code != WEIR_OK)
        return code;
    *report = json_loadf(talk.from, 0, &where);
    int status = weir_talk_end(&talk);
    if (!WIFEXITED(status) || WEXITSTATUS(status)) {
        json_decref(*report);
        *report = NULL;
        return weir_fail(error, WEIR_ERR_MISMATCH, "bench: weir survey failed; its message is above");
    }
    return *report ? WEIR_OK : weir_fail(error, WEIR_ERR_FORMAT, "bench: the report of weir survey: %s", where.text);
}

static weir_err run_weir(struct bench *b, const char *name, const char *names, const char *seeds, unsigned jobs, json_t **report,
                         struct weir_error *error)
{
    return run_weir_with(b, name, names, seeds, jobs, NULL, report, error);
}

/* The tasks of a report of ours or an answer of theirs: of this algorithm, or all (NULL). */
struct sum {
    size_t tasks, failed;
    double fit_s, score_s, accuracy, precision; /* sums; means */
};

static struct sum sum_of(const json_t *answer, const char *algorithm)
{
    struct sum sum = {0};
    size_t i;
    const json_t *task;
    json_array_foreach(json_object_get(answer, "tasks"), i, task)
    {
        const char *name = json_string_value(json_object_get(task, "algorithm"));
        double fit, score, accuracy, precision;
        if (algorithm && (!name || strcmp(name, algorithm)))
            continue;
        if (json_unpack((json_t *)(uintptr_t)task, "{s:F,s:F,s:F,s:F}", "fit_s", &fit, "score_s", &score, "accuracy", &accuracy,
                        "precision", &precision)) {
            sum.failed++;
            continue;
        }
        sum.accuracy += (accuracy - sum.accuracy) / (double)++sum.tasks;
        sum.precision += (precision - sum.precision) / (double)sum.tasks;
        sum.fit_s += fit;
        sum.score_s += score;
    }
    return sum;
}

/* --- their side --- */

/* The columns, codes and label that weir has taken, from the card of one of its models. */
static json_t *what_of(struct bench *b, struct weir_error *error)
{
    char pattern[128], path[512];
    snprintf(pattern, sizeof pattern, "ls %s/out-1/tasks/*.weir", b->folder);
    FILE *found = popen(pattern, "r");
    bool any = found && fgets(path, sizeof path, found);
    if (found)
        pclose(found);
    if (!any) {
        weir_fail(error, WEIR_ERR_NOT_FOUND, "bench: weir survey left no model");
        return NULL;
    }
    path[strcspn(path, "\n")] = 0;
    weir_model *model = NULL;
    if (weir_model_load(path, &model, error) != WEIR_OK)
        return NULL;
    json_t *card = json_loads(weir_model_card(model), 0, NULL), *tasks = json_array();
    weir_model_free(&model);
    json_t *columns = json_object_get(card, "columns"), *codes = json_object_get(card, "categories"),
           *defaults = json_object_get(card, "defaults");
    for (size_t i = 0; i < b->count; i++)
        json_array_append_new(tasks, json_pack("[si]", b->algorithm[i], 1));
    json_t *what = json_pack("{s:s,s:s,s:O,s:O,s:O,s:o,s:o}", "train", b->train, "test", b->test, "label",
                             json_object_get(defaults, "label"), "benign", json_object_get(defaults, "benign"), "columns",
                             columns, "categories", json_is_object(codes) ? json_incref(codes) : json_object(), "tasks", tasks);
    json_decref(card);
    if (!what)
        weir_fail(error, WEIR_ERR_FORMAT, "bench: a model's card lacks its columns or its label");
    return what;
}

/* False: they are not there, and the report says so. */
static weir_err start_python(struct bench *b, bool *there, struct weir_error *error)
{
    char script[64], path[64], program[4200];
    char *home = weir_peer_home();
    *there = false;
    if (!home) {
        weir_bench_skip(b->report, "scikit-learn and Ray are missing: tools/setup peers");
        return WEIR_OK;
    }
    snprintf(program, sizeof program, "%s/bin/python", home);
    free(home);
    snprintf(script, sizeof script, "%s/survey.py", b->folder);
    snprintf(path, sizeof path, "%s/what.json", b->folder);
    FILE *file = fopen(script, "w");
    bool good = file && fwrite(survey_py, 1, sizeof survey_py, file) == sizeof survey_py;
    if (file && fclose(file))
        good = false;
    json_t *what = what_of(b, error);
    if (!what)
        return WEIR_ERR_FORMAT;
    good = good && json_dump_file(what, path, 0) == 0;
    json_decref(what);
    if (!good)
        return weir_fail(error, WEIR_ERR_IO, "%s: could not be written; is there room in /tmp?", b->folder);
    char *const arguments[] = {program, "-W", "ignore", script, path, NULL};
    weir_err code = weir_talk_start(arguments, &b->python, error);
    if (code != WEIR_OK)
        return code;
    json_t *hello = weir_talk_answer(&b->python);
    const char *learn = NULL, *ray = NULL, *missing = NULL, *wrong = NULL;
    json_int_t train = 0, test = 0;
    json_unpack(hello, "{s?s,s?s,s?s,s?s,s?I,s?I}", "sklearn", &learn, "ray", &ray, "missing", &missing, "error", &wrong,
                "train_rows", &train, "test_rows", &test);
    if (missing)
        weir_bench_skip(b->report, "the Python package %.40s is missing: tools/setup peers", missing);
    else if (wrong)
        code = weir_fail(error, WEIR_ERR_FORMAT, "scikit-learn's side cannot read the rows: %.300s", wrong);
    else if (!learn || !ray)
        code = weir_fail(error, WEIR_ERR_IO, "scikit-learn's side did not start; its message is above");
    else if ((size_t)train != b->train_rows || (size_t)test != b->test_rows)
        code = weir_fail(error, WEIR_ERR_MISMATCH,
                         "scikit-learn's side reads %" JSON_INTEGER_FORMAT " and %" JSON_INTEGER_FORMAT " rows of %zu and %zu",
                         train, test, b->train_rows, b->test_rows);
    else {
        snprintf(b->peer, sizeof b->peer, "scikit-learn %s, Ray %s", learn, ray);
        *there = true;
    }
    json_decref(hello);
    return code;
}

static weir_err ask(struct bench *b, json_t **answer, struct weir_error *error, const char *request)
{
    fprintf(b->python.to, "%s\n", request);
    fflush(b->python.to);
    *answer = weir_talk_answer(&b->python);
    return json_is_array(json_object_get(*answer, "tasks"))
               ? WEIR_OK
               : weir_fail(error, WEIR_ERR_IO, "scikit-learn's side failed at '%s'; its message is above", request);
}

/* --- the report --- */

static void compare(struct bench *b, struct weir_bench_row *row, struct sum ours, struct sum theirs)
{
    char text[200] = "";
    row->weir = ours.fit_s + ours.score_s;
    weir_bench_figure(row, "fit_s", ours.fit_s);
    weir_bench_figure(row, "score_s", ours.score_s);
    weir_bench_figure(row, "accuracy", ours.accuracy);
    weir_bench_figure(row, "precision", ours.precision);
    if (theirs.tasks) {
        row->yardstick = b->peer;
        row->theirs = theirs.fit_s + theirs.score_s;
        weir_bench_figure(row, "their_fit_s", theirs.fit_s);
        weir_bench_figure(row, "their_score_s", theirs.score_s);
        weir_bench_figure(row, "their_accuracy", theirs.accuracy);
        weir_bench_figure(row, "their_precision", theirs.precision);
        snprintf(text, sizeof text, ", theirs %.4f and %.4f", theirs.accuracy, theirs.precision);
    }
    snprintf(row->note, sizeof row->note, "accuracy %.4f, precision %.4f%s", ours.accuracy, ours.precision, text);
}

static double mean_of(double first, double more, size_t count)
{
    return (first + more * (double)count) / (double)(1 + count);
}

/* Of all seeds: one run of it is luck. */
static void tell_means(struct bench *b, struct weir_bench_row *row, const char *name)
{
    static const char *const names[2][2] = {{"mean_accuracy", "mean_precision"}, {"their_mean_accuracy", "their_mean_precision"}};
    for (int side = 0; side < 2; side++) {
        const struct sum first = sum_of(side ? b->theirs[0] : b->weir[0], name),
                         more = sum_of(side ? b->theirs[1] : b->weir[1], name);
        const double accuracy = mean_of(first.accuracy, more.accuracy, more.tasks),
                     precision = mean_of(first.precision, more.precision, more.tasks);
        size_t used = strlen(row->note);
        if (side && !b->theirs[1]) {
            snprintf(row->note + used, sizeof row->note - used, "; theirs are missing");
            return;
        }
        weir_bench_figure(row, names[side][0], accuracy);
        weir_bench_figure(row, names[side][1], precision);
        if (side)
            snprintf(row->note + used, sizeof row->note - used, ", theirs %.4f and %.4f", accuracy, precision);
        else
            snprintf(row->note + used, sizeof row->note - used, "; means of %d seeds: accuracy %.4f, precision %.4f", MLP_SEEDS,
                     accuracy, precision);
    }
}

static weir_err report_each(struct bench *b, struct weir_error *error)
{
    for (size_t i = 0; i < b->count; i++) {
        const char *name = b->algorithm[i];
        struct sum ours = sum_of(b->weir[0], name);
        if (ours.failed || !ours.tasks)
            return weir_fail(error, WEIR_ERR_MISMATCH, "bench: the task %s of weir survey failed", name);
        struct weir_bench_row *row = weir_bench_add(b->report, name, "s", true);
        compare(b, row, ours, sum_of(b->theirs[0], name));
        if (!strcmp(name, "mlp") && b->weir[1])
            tell_means(b, row, name);
    }
    struct sum ours = sum_of(b->weir[0], NULL), theirs = sum_of(b->theirs[0], NULL);
    struct weir_bench_row *row = weir_bench_add(b->report, "survey-sequential", "s", true);
    row->weir = ours.fit_s + ours.score_s;
    if (theirs.tasks) {
        row->yardstick = b->peer;
        row->theirs = theirs.fit_s + theirs.score_s;
    }
    /* Seconds of the processor, which other work on the machine does not stretch. */
    weir_bench_figure(row, "cpu_s", b->cpu_s);
    if (theirs.tasks)
        weir_bench_figure(row, "their_cpu_s", json_number_value(json_object_get(b->theirs[0], "cpu_s")));
    weir_bench_figure(row, "train_rows", (double)b->train_rows);
    weir_bench_figure(row, "test_rows", (double)b->test_rows);
    snprintf(row->note, sizeof row->note,
             "fit + score of %zu task%s, one after another; %zu rows train, %zu test, %s; CPU %.2f s with reading and report",
             b->count, b->count == 1 ? "" : "s", b->train_rows, b->test_rows, b->options->data ? "from --data" : "made up",
             b->cpu_s);
    if (theirs.tasks)
        snprintf(row->note + strlen(row->note), sizeof row->note - strlen(row->note), ", theirs %.2f s without",
                 json_number_value(json_object_get(b->theirs[0], "cpu_s")));
    return WEIR_OK;
}

static weir_err report_jobs(struct bench *b, unsigned jobs, bool python, struct weir_error *error)
{
    char name[24], out[24], list[256] = "", request[24];
    json_t *ours = NULL, *theirs = NULL;
    for (size_t i = 0; i < b->count; i++)
        snprintf(list + strlen(list), sizeof list - strlen(list), "%s%s", i ? "," : "", b->algorithm[i]);
    snprintf(name, sizeof name, "survey-%u", jobs);
    snprintf(out, sizeof out, "out-%u", jobs);
    snprintf(request, sizeof request, "ray %u", jobs);
    say(name);
    /* One job has been run already: its tasks are those of the rows above. */
    weir_err code = WEIR_OK;
    if (jobs == 1)
        ours = json_incref(b->weir[0]);
    else
        code = run_weir(b, out, list, "1", jobs, &ours, error);
    if (code == WEIR_OK && python)
        code = ask(b, &theirs, error, request);
    struct weir_bench_row *row = code == WEIR_OK ? weir_bench_add(b->report, name, "s", true) : NULL;
    if (row) {
        struct sum sum = sum_of(ours, NULL);
        row->weir = json_number_value(json_object_get(ours, "total_s"));
        weir_bench_figure(row, "tasks_s", sum.fit_s + sum.score_s);
        if (theirs) {
            double start = json_number_value(json_object_get(theirs, "start_s"));
            struct sum others = sum_of(theirs, NULL);
            row->yardstick = b->peer;
            row->theirs = json_number_value(json_object_get(theirs, "wall_s"));
            weir_bench_figure(row, "their_tasks_s", others.fit_s + others.score_s);
            weir_bench_figure(row, "their_start_s", start);
            snprintf(row->note, sizeof row->note,
                     "first task's start to last one's end, %u process%s; Ray's start besides: %.1f s", jobs,
                     jobs == 1 ? "" : "es", start);
        }
    }
    json_decref(ours);
    json_decref(theirs);
    return code;
}

/* --- weir alone --- */

/* Support vectors on so many rows that scikit-learn is not asked: seconds and memory. */
static weir_err report_svm(struct bench *b, struct weir_error *error)
{
    static const char *const scaled[] = {"--scale", "standard", NULL};
    char name[40];
    json_t *report = NULL;
    snprintf(name, sizeof name, "svm-%zu", b->train_rows);
    say(name);
    weir_err code = run_weir_with(b, "out-svm", "svm", "1", 1, scaled, &report, error);
    struct sum sum = sum_of(report, NULL);
    if (code == WEIR_OK && sum.tasks != 1)
        code = weir_fail(error, WEIR_ERR_MISMATCH, "bench: the task %s of weir survey failed", name);
    struct weir_bench_row *row = code == WEIR_OK ? weir_bench_add(b->report, name, "s", true) : NULL;
    if (row) {
        const json_t *task = json_array_get(json_object_get(report, "tasks"), 0);
        double mib = json_number_value(json_object_get(json_object_get(task, "cost"), "peak_mib"));
        row->weir = sum.fit_s;
        weir_bench_figure(row, "score_s", sum.score_s);
        weir_bench_figure(row, "accuracy", sum.accuracy);
        weir_bench_figure(row, "peak_mib", mib);
        weir_bench_figure(row, "bytes_a_row", mib * 1048576 / (double)b->train_rows);
        snprintf(row->note, sizeof row->note,
                 "fit alone, --scale standard; %.1f s more for %zu test rows, accuracy %.4f; %.0f MiB, %.0f bytes a row",
                 sum.score_s, b->test_rows, sum.accuracy, mib, mib * 1048576 / (double)b->train_rows);
    }
    json_decref(report);
    return code;
}

/* What weir's Ray engine adds: the time from the first task's start to the last one's end, beside what two processes need at
 * least for these tasks. */
static weir_err report_ray(struct bench *b, struct weir_error *error)
{
    char *home = weir_peer_home(), program[4200];
    if (!home) {
        weir_bench_skip(b->report, "ray-engine-2: Ray is missing: tools/setup peers");
        return WEIR_OK;
    }
    snprintf(program, sizeof program, "%s/bin/python", home);
    free(home);
    const char *const more[] = {"--engine", "ray", "--python", program, "--param", "random-forest.n_estimators=1000", NULL};
    json_t *report = NULL;
    const json_t *task;
    size_t i, count = 0;
    double first = 0, last = 0, sum = 0, longest = 0, shortest = 0;
    say("ray-engine-2");
    weir_err code = run_weir_with(b, "out-ray", "random-forest", "1,2,3,4,5,6,7,8", 2, more, &report, error);
    json_array_foreach(json_object_get(report, "tasks"), i, task)
    {
        double fit, score, started;
        if (json_unpack((json_t *)(uintptr_t)task, "{s:F,s:F,s:{s:F}}", "fit_s", &fit, "score_s", &score, "cost", "started",
                        &started))
            continue;
        double took = fit + score;
        first = !count || started < first ? started : first;
        last = started + took > last ? started + took : last;
        longest = took > longest ? took : longest;
        shortest = !count || took < shortest ? took : shortest;
        sum += took;
        count++;
    }
    if (code == WEIR_OK && count != 8)
        code = weir_fail(error, WEIR_ERR_MISMATCH, "bench: %zu of 8 tasks of weir survey --engine ray were done", count);
    struct weir_bench_row *row = code == WEIR_OK ? weir_bench_add(b->report, "ray-engine-2", "s", true) : NULL;
    if (row) {
        double total = json_number_value(json_object_get(report, "total_s"));
        row->weir = last - first;
        row->yardstick = "what the tasks need";
        row->theirs = longest > sum / 2 ? longest : sum / 2;
        weir_bench_figure(row, "total_s", total);
        weir_bench_figure(row, "start_s", total - row->weir);
        weir_bench_figure(row, "shortest_task_s", shortest);
        snprintf(
            row->note, sizeof row->note,
            "weir survey --engine ray, 8 tasks of %.1f to %.1f s on 2 processes, %.1f%% above the least; Ray's start and end "
            "besides: %.1f s",
            shortest, longest, 100 * (row->weir / row->theirs - 1), total - row->weir);
    }
    json_decref(report);
    return code;
}

/* --- all of it --- */

static bool asked(const struct bench *b, const char *name)
{
    return !b->options->cases || weir_names_have(b->options->cases, name);
}

static weir_err check_cases(const struct bench *b, struct weir_error *error)
{
    char known[256] = "jobs,ray-engine,svm-large";
    for (size_t i = 0; i < ALGORITHMS; i++)
        snprintf(known + strlen(known), sizeof known - strlen(known), ",%s", algorithms[i]);
    const char *unknown = weir_names_unknown(b->options->cases ? b->options->cases : "", known);
    return unknown ? weir_fail(error, WEIR_ERR_ARGUMENT, "--cases %.60s: there are %s", unknown, known) : WEIR_OK;
}

static void choose(struct bench *b)
{
    b->large = b->train_rows > LARGE_ROWS;
    for (size_t i = 0; i < ALGORITHMS; i++) {
        if (!asked(b, algorithms[i]))
            continue;
        if (!weir_trainer_find(algorithms[i]))
            weir_bench_skip(b->report, "%s: this weir does not train it", algorithms[i]);
        else if (b->large && !strcmp(algorithms[i], "svm"))
            weir_bench_skip(b->report, "svm: not on more than %d training rows, where scikit-learn takes hours", LARGE_ROWS);
        else
            b->algorithm[b->count++] = algorithms[i];
    }
}

/* The algorithms asked for, one after another and as jobs. */
static weir_err run_tasks(struct bench *b, struct weir_error *error)
{
    char list[256] = "";
    bool python = false, mlp = false;
    for (size_t i = 0; i < b->count; i++) {
        snprintf(list + strlen(list), sizeof list - strlen(list), "%s%s", i ? "," : "", b->algorithm[i]);
        mlp |= !strcmp(b->algorithm[i], "mlp");
    }
    say("weir, one after another");
    double before = children_cpu_s();
    weir_err code = run_weir(b, "out-1", list, "1", 1, &b->weir[0], error);
    b->cpu_s = children_cpu_s() - before;
    if (code == WEIR_OK)
        code = start_python(b, &python, error);
    if (code == WEIR_OK && python) {
        say("scikit-learn, one after another");
        code = ask(b, &b->theirs[0], error, "sequential");
    }
    if (code == WEIR_OK && mlp && b->options->quick) {
        weir_bench_skip(b->report, "mlp: the mean of %d seeds", MLP_SEEDS);
    } else if (code == WEIR_OK && mlp) {
        char seeds[64] = "", request[128] = "sequential ";
        for (int seed = 2; seed <= MLP_SEEDS; seed++) {
            snprintf(seeds + strlen(seeds), sizeof seeds - strlen(seeds), "%s%d", seed > 2 ? "," : "", seed);
            snprintf(request + strlen(request), sizeof request - strlen(request), "%smlp:%d", seed > 2 ? "," : "", seed);
        }
        say("mlp with other seeds");
        code = run_weir(b, "out-mlp", "mlp", seeds, 1, &b->weir[1], error);
        if (code == WEIR_OK && python)
            code = ask(b, &b->theirs[1], error, request);
    }
    if (code == WEIR_OK)
        code = report_each(b, error);
    for (unsigned jobs = 1; code == WEIR_OK && jobs <= 8 && asked(b, "jobs"); jobs *= 2) {
        if ((b->options->quick || b->large) && jobs != 2)
            weir_bench_skip(b->report, "survey-%u: %s", jobs,
                            b->large ? "2 processes are enough for so many rows" : "--quick runs 2 processes");
        else
            code = report_jobs(b, jobs, python, error);
    }
    return code;
}

static weir_err run_all(struct bench *b, struct weir_error *error)
{
    weir_err code = b->count ? run_tasks(b, error) : WEIR_OK;
    if (code == WEIR_OK && b->large && asked(b, "svm-large") && weir_trainer_find("svm"))
        code = report_svm(b, error);
    if (code != WEIR_OK || !asked(b, "ray-engine"))
        return code;
    if (b->large || b->options->quick) {
        weir_bench_skip(b->report, "ray-engine-2: %s", b->large ? "for the usual number of rows" : "takes half a minute");
        return code;
    }
    return report_ray(b, error);
}

weir_err weir_bench_survey(const struct weir_bench_options *options, struct weir_bench_report *report, struct weir_error *error)
{
    struct bench b = {.options = options, .report = report};
    const struct weir_csv_rows rows = {.data = options->data,
                                       .label = options->label,
                                       .want = options->size    ? (size_t)options->size
                                               : options->quick ? QUICK_ROWS
                                                                : 0};
    weir_err code = check_cases(&b, error);
    if (code != WEIR_OK)
        return code;
    snprintf(b.folder, sizeof b.folder, "/tmp/weir-bench-survey-XXXXXX");
    if (!mkdtemp(b.folder))
        return weir_fail(error, WEIR_ERR_IO, "/tmp: no folder for the bench; is there room?");
    weir_scratch_add(b.folder);
    snprintf(b.train, sizeof b.train, "%s/train.csv", b.folder);
    snprintf(b.test, sizeof b.test, "%s/test.csv", b.folder);
    if (options->quick && !options->size)
        weir_bench_skip(report, "rows: a sample of %d", QUICK_ROWS);
    say("writing the rows");
    code = weir_csv_rows_write(&rows, b.train, b.test, &b.train_rows, &b.test_rows, error);
    if (code == WEIR_OK) {
        choose(&b);
        code = run_all(&b, error);
    }
    weir_talk_end(&b.python);
    for (int i = 0; i < 2; i++) {
        json_decref(b.weir[i]);
        json_decref(b.theirs[i]);
    }
    weir_scratch_remove();
    return code;
}
