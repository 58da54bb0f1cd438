#include "cli/survey_engine.h"

#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "survey/folder.h"
#include "survey/local.h"

/* ---- Progress ---------------------------------------------------------------------------------------------------------------
 */

struct progress {
    const struct weir_survey_options *o;
    const json_t *plan;
    bool terminal;
    size_t tasks, finished, failed; /* of this run */
    double cost, cost_done;         /* estimated seconds, for the time left */
    int64_t began, drawn;
    unsigned jobs;
    bool *told; /* [tasks of the plan]: its end has been told (Ray) */
};

static double cost_of(const json_t *task)
{
    return json_number_value(json_object_get(task, "cost"));
}

static void clear_line(const struct progress *p)
{
    if (p->terminal)
        fputs("\r\033[K", stderr);
}

static void print_duration(double seconds, char *out, size_t size)
{
    if (seconds < 100)
        snprintf(out, size, "%.0f s", seconds);
    else if (seconds < 6000)
        snprintf(out, size, "%.0f min", seconds / 60);
    else
        snprintf(out, size, "%.1f h", seconds / 3600);
}

/* What is left by the estimates, corrected by how right they were so far. running 0: not known. */
static void draw(struct progress *p, size_t running)
{
    char left[64] = "", text[32];
    int64_t now = weir_clock_mono_ns();
    if (!p->terminal || p->o->quiet || p->o->json || now - p->drawn < 200000000)
        return;
    p->drawn = now;
    if (p->cost_done > 0 && p->finished < p->tasks) {
        double passed = (double)(now - p->began) * 1e-9;
        print_duration(fmax(1, passed * (p->cost - p->cost_done) / p->cost_done), text, sizeof text);
        snprintf(left, sizeof left, ", about %s left", text);
    }
    fprintf(stderr, "\r\033[Kweir: %zu of %zu tasks done", p->finished, p->tasks);
    if (running)
        fprintf(stderr, ", %zu running", running);
    if (p->failed)
        fprintf(stderr, ", %zu failed", p->failed);
    fputs(left, stderr);
    fflush(stderr);
}

static void tell_finished(void *context, const json_t *task)
{
    struct progress *p = context;
    char path[WEIR_SURVEY_PATH], figures[120] = "";
    const char *id = json_string_value(json_object_get(task, "id"));
    json_t *result = NULL;
    p->finished++;
    p->cost_done += cost_of(task);
    if (!weir_survey_task_path(p->o->out, id, "json", path) || weir_survey_json_read(path, &result, NULL) != WEIR_OK)
        return;
    const char *status = json_string_value(json_object_get(result, "status"));
    bool done = status && !strcmp(status, "done");
    const json_t *metrics = json_object_get(json_object_get(result, "result"), "metrics"),
                 *cost = json_object_get(result, "cost");
    p->failed += !done;
    if (!p->o->quiet)
        clear_line(p);
    if (done)
        snprintf(figures, sizeof figures, "accuracy %.5f, F1 %.5f, fit %.2f s",
                 json_number_value(json_object_get(metrics, "accuracy")), json_number_value(json_object_get(metrics, "f1")),
                 json_number_value(json_object_get(cost, "fit_s")));
    if (done)
        weir_log(WEIR_LOG_INFO, "%zu/%zu %s: %s", p->finished, p->tasks, id, figures);
    else
        weir_log(WEIR_LOG_WARNING, "%zu/%zu %s failed: %s", p->finished, p->tasks, id,
                 json_string_value(json_object_get(result, "error")));
    json_decref(result);
}

static void tick(void *context, size_t running)
{
    draw(context, running);
}

static void start_progress(struct progress *p, const struct weir_survey_options *o, const json_t *plan)
{
    size_t i;
    const json_t *task, *tasks = json_object_get(plan, "tasks");
    *p = (struct progress){
        .o = o, .plan = plan, .terminal = isatty(STDERR_FILENO), .began = weir_clock_mono_ns(), .jobs = (unsigned)o->jobs};
    p->told = calloc(json_array_size(tasks) + 1, sizeof *p->told);
    json_array_foreach(tasks, i, task)
    {
        bool finished = weir_survey_task_finished(o->out, json_string_value(json_object_get(task, "id")));
        if (p->told)
            p->told[i] = finished;
        p->tasks += !finished;
        p->cost += finished ? 0 : cost_of(task);
    }
}

/* ---- Local ------------------------------------------------------------------------------------------------------------------
 */

/* What can be had without swapping, in MiB; 0: not known. Source: proc(5), meminfo. */
static uint64_t free_memory(void)
{
    char line[128];
    unsigned long long kib = 0;
    FILE *from = fopen("/proc/meminfo", "re");
    while (from && fgets(line, sizeof line, from) && sscanf(line, "MemAvailable: %llu kB", &kib) != 1)
        ;
    if (from)
        fclose(from);
    return kib / 1024;
}

static weir_err run_local(struct progress *p, const volatile sig_atomic_t *stop, struct weir_error *error)
{
    struct weir_survey_local_config config = {.dir = p->o->out,
                                              .jobs = (unsigned)p->o->jobs,
                                              .timeout_ns = p->o->timeout_ns,
                                              .memory_mib = p->o->memory_mib ? p->o->memory_mib : free_memory(),
                                              .stop = stop,
                                              .finished = tell_finished,
                                              .tick = tick,
                                              .context = p};
    return weir_survey_local_run(p->plan, &config, error);
}

/* ---- Ray ---------------------------------------------------------------------------------------------------------------------
 */

/* What Python is to find: the package, installed or in the tree (one of Python's own is found without), and the library that was
 * built with this program. */
static void point_python_here(void)
{
    static const char *const packages[] = {"../share/weir/python", "../python"};
    static const char *const libraries[] = {"libweir.so", "../lib/libweir.so"};
    char folder[PATH_MAX], path[2 * PATH_MAX + 64];
    const char *had = getenv("PYTHONPATH");
    ssize_t n = readlink("/proc/self/exe", folder, sizeof folder - 1);
    if (n <= 0)
        return;
    folder[n] = 0;
    *strrchr(folder, '/') = 0;
    for (size_t i = 0; i < sizeof libraries / sizeof *libraries; i++) {
        snprintf(path, sizeof path, "%s/%s", folder, libraries[i]);
        if (access(path, R_OK) == 0) {
            setenv("WEIR_LIBRARY", path, 0);
            break;
        }
    }
    for (size_t i = 0; i < sizeof packages / sizeof *packages; i++) {
        snprintf(path, sizeof path, "%s/%s/weir/survey", folder, packages[i]);
        if (access(path, R_OK) != 0)
            continue;
        snprintf(path, sizeof path, "%s/%s%s%s", folder, packages[i], had && *had ? ":" : "", had ? had : "");
        setenv("PYTHONPATH", path, 1);
        return;
    }
}

static void become_python(const struct weir_survey_options *o, pid_t parent)
{
    char jobs[24];
    const char *python = o->python ? o->python : getenv("WEIR_PYTHON") ? getenv("WEIR_PYTHON") : "python3";
    const char *argv[12] = {python, "-m", "weir.survey", o->out, "--quiet"}; /* progress is told here */
    size_t n = 5;
    if (o->address) {
        argv[n++] = "--address";
        argv[n++] = o->address;
    }
    if (o->jobs) {
        snprintf(jobs, sizeof jobs, "%llu", (unsigned long long)o->jobs);
        argv[n++] = "--jobs";
        argv[n++] = jobs;
    }
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != parent)
        _exit(126);
    signal(SIGINT, SIG_IGN);
    point_python_here();
    dup2(STDERR_FILENO, STDOUT_FILENO); /* standard output is the report's */
    execvp(python, (char *const *)(uintptr_t)argv);
    weir_log(WEIR_LOG_ERROR, "%s: cannot be started: %s; name Python with --python", python, strerror(errno));
    _exit(127);
}

/* Whose results have come. */
static void look_for_results(struct progress *p)
{
    size_t i;
    const json_t *task;
    json_array_foreach(json_object_get(p->plan, "tasks"), i, task)
    {
        if (p->told && !p->told[i] && weir_survey_task_finished(p->o->out, json_string_value(json_object_get(task, "id")))) {
            p->told[i] = true;
            tell_finished(p, task);
        }
    }
}

static weir_err run_ray(struct progress *p, const volatile sig_atomic_t *stop, struct weir_error *error)
{
    int status = 0;
    bool told = false;
    pid_t parent = getpid(), pid = fork();
    if (pid == 0)
        become_python(p->o, parent);
    if (pid < 0)
        return weir_fail(error, WEIR_ERR_IO, "cannot start a process: %s", strerror(errno));
    while (waitpid(pid, &status, WNOHANG) == 0) {
        usleep(100000);
        look_for_results(p);
        draw(p, 0);
        if (*stop && !told) {
            kill(pid, SIGTERM);
            told = true;
        }
    }
    look_for_results(p);
    clear_line(p);
    if (*stop)
        return weir_fail(error, WEIR_ERR_CLOSED, "stopped");
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return WEIR_OK;
    return weir_fail(error, WEIR_ERR_LIBRARY,
                     "the Ray engine ended with %s %d; what it said stands above; `tools/setup peers` or pip "
                     "installs Ray",
                     WIFSIGNALED(status) ? "signal" : "code", WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
}

weir_err weir_survey_engine_run(const struct weir_survey_options *options, const json_t *plan, const volatile sig_atomic_t *stop,
                                struct weir_error *error)
{
    struct progress progress;
    start_progress(&progress, options, plan);
    weir_err failed = !progress.tasks                   ? WEIR_OK
                      : !strcmp(options->engine, "ray") ? run_ray(&progress, stop, error)
                                                        : run_local(&progress, stop, error);
    if (!options->quiet)
        clear_line(&progress);
    free(progress.told);
    return failed;
}
