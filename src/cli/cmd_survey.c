/* weir survey: many algorithms on many data sets, compared. */
#include <duckdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "cli/command.h"
#include "cli/data_options.h"
#include "cli/role.h"
#include "cli/survey_engine.h"
#include "cli/survey_options.h"
#include "cli/survey_sets.h"
#include "survey/folder.h"
#include "survey/front.h"
#include "survey/gather.h"
#include "survey/local.h"
#include "survey/plan.h"
#include "survey/runs.h"

/* Everything that a survey holds. */
struct survey {
    const struct weir_survey_options *o;
    const volatile sig_atomic_t *stop;
    json_t *plan, *report;
    bool whole; /* no task was finished before this run */
};

static void warn_of_scale(const struct weir_survey_options *o)
{
    char names[200] = "";
    size_t used = 0;
    for (size_t i = 0; i < o->trainer_count && o->scale == WEIR_SCALE_NONE; i++)
        if (o->trainers[i]->scale_matters && used < sizeof names)
            used += (size_t)snprintf(names + used, sizeof names - used, "%s%s", used ? ", " : "", o->trainers[i]->name);
    if (used)
        weir_log(WEIR_LOG_WARNING, "spoilt by columns of very different size: %s; --scale standard is recommended", names);
}

static weir_err make_plan(struct survey *s, const char *command, struct weir_error *error)
{
    struct weir_survey_left left;
    const struct weir_survey_options *o = s->o;
    weir_err failed = weir_survey_folder_open(o->out, o->fresh, error);
    if (failed)
        return failed;
    if (!(s->plan = weir_survey_plan_start(command)))
        return weir_fail(error, WEIR_ERR_MEMORY, "out of memory");
    failed = weir_survey_sets_read(o, s->stop, s->plan, error);
    if (!failed)
        failed = weir_survey_plan_finish(s->plan, error);
    if (!failed)
        failed = weir_survey_folder_begin(o->out, s->plan, &left, error);
    if (failed)
        return failed;
    s->whole = !left.kept;
    if (left.kept)
        weir_log(WEIR_LOG_INFO, "%s: %zu tasks are finished already", o->out, left.kept);
    if (left.again)
        weir_log(WEIR_LOG_INFO, "%s: %zu tasks that failed are run again", o->out, left.again);
    if (left.foreign)
        weir_log(WEIR_LOG_INFO,
                 "%s: %zu finished tasks of an earlier plan are not part of this one; they stay in the folder and are "
                 "not reported",
                 o->out, left.foreign);
    return WEIR_OK;
}

static void print_plan(const json_t *plan)
{
    size_t i;
    const json_t *task;
    double seconds = 0;
    json_array_foreach(json_object_get(plan, "tasks"), i, task)
    {
        printf("%-60s %10.1f s %8.0f MiB\n", json_string_value(json_object_get(task, "id")),
               json_number_value(json_object_get(task, "cost")), json_number_value(json_object_get(task, "memory_mib")));
        seconds += json_number_value(json_object_get(task, "cost"));
    }
    printf("%zu tasks, about %.0f s of one processor\n", i, seconds);
}

/* A survey without a model is none. */
static weir_err check_models(const struct survey *s, struct weir_error *error)
{
    size_t i;
    const json_t *task;
    json_array_foreach(json_object_get(s->report, "tasks"), i, task)
    {
        if (json_is_string(json_object_get(task, "model")))
            return WEIR_OK;
    }
    return weir_fail(error, WEIR_ERR_NOT_FOUND,
                     "%s: no task was finished: every one of them failed; see report.json and tasks/*.log", s->o->out);
}

static weir_err report(struct survey *s, double seconds, struct weir_error *error)
{
    const struct weir_survey_options *o = s->o;
    char reader[64];
    snprintf(reader, sizeof reader, "DuckDB %s", duckdb_library_version() + (*duckdb_library_version() == 'v'));
    struct weir_survey_ran ran = {.reader = reader, .engine = o->engine, .jobs = (unsigned)o->jobs, .total_s = seconds};
    weir_err failed = weir_survey_gather(o->out, s->plan, &ran, &s->report, error);
    weir_err none = failed ? WEIR_OK : check_models(s, error);
    if (!failed && !none && o->pick)
        failed = weir_survey_pick(o->out, o->pick, o->tolerance, s->report, error);
    if (!failed)
        failed = weir_survey_runs_note(o->out, s->whole, s->report, error);
    if (!failed)
        failed = weir_survey_report_files(o->out, s->report, error);
    if (failed)
        return failed;
    if (o->json) {
        json_dumpf(s->report, stdout, JSON_COMPACT);
        putchar('\n');
    } else if (!o->quiet) {
        weir_survey_print(stdout, s->report);
        weir_survey_front_print(stdout, s->report);
        const char *best = json_string_value(json_object_get(json_object_get(s->report, "picked"), "id"));
        unsigned long long jobs = (unsigned long long)json_integer_value(json_object_get(s->report, "jobs"));
        printf("\n%.1f s with %llu job%s; %s/report.html%s%s\n", seconds, jobs, jobs == 1 ? "" : "s", o->out,
               best ? ", best.weir is " : "", best ? best : "");
    }
    return none;
}

static weir_err survey(struct survey *s, const char *command, struct weir_error *error)
{
    const struct weir_survey_options *o = s->o;
    warn_of_scale(o);
    weir_err failed = make_plan(s, command, error);
    if (failed)
        return failed == WEIR_ERR_CLOSED || *s->stop ? weir_fail(error, WEIR_ERR_CLOSED, "stopped while reading data") : failed;
    if (o->plan_only) {
        print_plan(s->plan);
        return WEIR_OK;
    }
    int64_t start = weir_clock_mono_ns();
    failed = weir_survey_engine_run(o, s->plan, s->stop, error);
    if (failed == WEIR_ERR_CLOSED)
        return weir_fail(error, failed, "%s: stopped; what is finished is kept: the same command goes on from there", o->out);
    return failed ? failed : report(s, (double)(weir_clock_mono_ns() - start) * 1e-9, error);
}

int weir_cmd_survey(int argc, char **argv)
{
    struct weir_flags flags;
    struct weir_survey_options options;
    struct weir_problems problems = {0};
    struct weir_error error = {0};
    int code =
        weir_flags_read(&weir_survey_settings, argc, argv, "'%s' is one argument too many; data files go behind --data", &flags);
    if (code >= 0) {
        weir_flags_free(&flags);
        return code;
    }
    weir_survey_options_make(&flags, &options, &problems);
    struct survey s = {.o = &options};
    char *command = weir_command_text(argc, argv);
    if (problems.count) {
        code = weir_problems_tell(&problems, true);
    } else {
        s.stop = weir_stop_on_signal();
        code = survey(&s, command ? command : "", &error) == WEIR_OK ? WEIR_EXIT_OK : weir_report_error(&error);
    }
    free(command);
    json_decref(s.plan);
    json_decref(s.report);
    weir_survey_options_free(&options);
    weir_flags_free(&flags);
    return code;
}

int weir_cmd_survey_task(int argc, char **argv)
{
    struct weir_error error = {0};
    if (argc != 3)
        return weir_usage_error("survey", "survey-task is what `weir survey` starts its processes with");
    return weir_survey_local_work(argv[1], argv[2], &error) == WEIR_OK ? WEIR_EXIT_OK : weir_report_error(&error);
}
