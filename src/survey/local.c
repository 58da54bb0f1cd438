#include "survey/local.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "survey/folder.h"
#include "survey/task.h"
#include "weir/survey.h"

enum { TICK_MS = 100, LOG_TAIL = 400 };

/* A process at work. */
struct worker {
    pid_t pid; /* 0: a free place */
    int fd;    /* readable when it has ended */
    const json_t *task;
    int64_t began;
    bool late;
};

struct pool {
    const struct weir_survey_local_config *config;
    struct worker *worker; /* [jobs] */
    struct pollfd *poll;   /* [jobs] */
    size_t running;
    double memory_mib; /* that those are expected to need */
};

static const char *id_of(const json_t *task)
{
    return json_string_value(json_object_get(task, "id"));
}

/* ---- A task's process --------------------------------------------------------------------------------------------------------
 */

static weir_err write_result(const char *dir, const char *id, const void *model, size_t model_bytes, const char *result,
                             struct weir_error *error)
{
    char path[WEIR_SURVEY_PATH];
    weir_err failed = WEIR_OK;
    if (!weir_survey_task_path(dir, id, "weir", path))
        return weir_fail(error, WEIR_ERR_LIMIT, "%.200s: this path is too long", dir);
    if (model)
        failed = weir_file_write(path, model, model_bytes, error);
    weir_survey_task_path(dir, id, "json", path);
    return failed ? failed : weir_file_write(path, result, strlen(result), error);
}

static json_t *find_task(const json_t *plan, const char *id)
{
    size_t i;
    json_t *task;
    json_array_foreach(json_object_get(plan, "tasks"), i, task)
    {
        if (id_of(task) && !strcmp(id_of(task), id))
            return task;
    }
    return NULL;
}

static void tell(const char *result_json)
{
    json_t *result = json_loads(result_json, 0, NULL), *cost = json_object_get(result, "cost");
    const char *why = json_string_value(json_object_get(result, "error"));
    if (why)
        weir_log(WEIR_LOG_ERROR, "%s", why);
    else
        weir_log(WEIR_LOG_INFO, "done: fit %.3f s, score %.3f s, peak %.1f MiB",
                 json_number_value(json_object_get(cost, "fit_s")), json_number_value(json_object_get(cost, "score_s")),
                 json_number_value(json_object_get(cost, "peak_mib")));
    json_decref(result);
}

weir_err weir_survey_local_work(const char *dir, const char *id, struct weir_error *error)
{
    char path[WEIR_SURVEY_PATH];
    json_t *plan = NULL, *task = NULL;
    char *text = NULL, *result = NULL;
    void *model = NULL;
    size_t model_bytes = 0;
    struct weir_file_map map = {0};
    snprintf(path, sizeof path, "%s/plan.json", dir);
    weir_err failed = weir_survey_json_read(path, &plan, error);
    if (!failed && !(task = find_task(plan, id)))
        failed = weir_fail(error, WEIR_ERR_NOT_FOUND, "%s: has no task '%.100s'", path, id);
    const char *data = json_string_value(json_object_get(task, "data"));
    const char *frame =
        json_string_value(json_object_get(json_object_get(json_object_get(plan, "data"), data ? data : ""), "frame"));
    if (!failed && !frame)
        failed = weir_fail(error, WEIR_ERR_FORMAT, "%s: task '%.100s' is about no data set of the plan", path, id);
    if (!failed && !(text = json_dumps(task, JSON_COMPACT)))
        failed = weir_fail(error, WEIR_ERR_MEMORY, "out of memory");
    if (!failed) {
        weir_log(WEIR_LOG_INFO, "task %s", text);
        snprintf(path, sizeof path, "%s/%s", dir, frame);
        failed = weir_file_map(path, SIZE_MAX / 2, &map, error);
    }
    if (!failed)
        failed = weir_survey_run(map.bytes, map.size, text, &model, &model_bytes, &result, error);
    if (!failed)
        tell(result);
    if (!failed)
        failed = write_result(dir, id, model, model_bytes, result, error);
    weir_file_unmap(&map);
    weir_free(model);
    weir_free(result);
    free(text);
    json_decref(plan);
    return failed;
}

/* ---- Processes ------------------------------------------------------------------------------------------------------------- */

/* In the child: nothing that may wait for a lock. */
static void become_worker(pid_t parent, int log, char *const *argv)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) /* it is gone already */
        _exit(126);
    signal(SIGINT, SIG_IGN); /* of the terminal: the parent tells what to do */
    int null = open("/dev/null", O_RDONLY);
    if (null < 0 || dup2(null, 0) < 0 || dup2(log, 1) < 0 || dup2(log, 2) < 0)
        _exit(126);
    execv("/proc/self/exe", argv);
    _exit(127);
}

static weir_err start(struct pool *pool, struct worker *worker, const json_t *task, struct weir_error *error)
{
    char log_path[WEIR_SURVEY_PATH];
    char *argv[] = {(char *)"weir", (char *)WEIR_SURVEY_LOCAL_COMMAND, (char *)(uintptr_t)pool->config->dir,
                    (char *)(uintptr_t)id_of(task), NULL};
    if (!weir_survey_task_path(pool->config->dir, id_of(task), "log", log_path))
        return weir_fail(error, WEIR_ERR_LIMIT, "%.200s: this path is too long", pool->config->dir);
    int log = open(log_path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (log < 0)
        return weir_file_fail(error, log_path, "write it");
    pid_t parent = getpid(), pid = fork();
    if (pid == 0)
        become_worker(parent, log, argv);
    int number = errno;
    close(log);
    if (pid < 0)
        return weir_fail(error, WEIR_ERR_IO, "cannot start a process: %s; give fewer --jobs", strerror(number));
    int fd = (int)syscall(SYS_pidfd_open, pid, 0);
    if (fd < 0) {
        number = errno;
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
        return weir_fail(error, WEIR_ERR_UNSUPPORTED, "pidfd_open: %s; Linux 5.3 or later is needed", strerror(number));
    }
    *worker = (struct worker){.pid = pid, .fd = fd, .task = task, .began = weir_clock_mono_ns()};
    pool->running++;
    pool->memory_mib += json_number_value(json_object_get(task, "memory_mib"));
    return WEIR_OK;
}

/* The last line of the task's log: mostly why it died. */
static void last_line(const char *dir, const char *id, char *out, size_t size)
{
    char path[WEIR_SURVEY_PATH], tail[LOG_TAIL + 1];
    ssize_t n = 0;
    *out = 0;
    int fd = weir_survey_task_path(dir, id, "log", path) ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (fd < 0)
        return;
    off_t end = lseek(fd, 0, SEEK_END);
    n = pread(fd, tail, LOG_TAIL, end > LOG_TAIL ? end - LOG_TAIL : 0);
    close(fd);
    while (n > 0 && (tail[n - 1] == '\n' || tail[n - 1] == '\r'))
        n--;
    tail[n > 0 ? n : 0] = 0;
    const char *line = strrchr(tail, '\n');
    line = line ? line + 1 : tail;
    if (!strncmp(line, "weir: error: ", 13))
        line += 13;
    else if (!strncmp(line, "weir: ", 6)) /* what it was about to do */
        return;
    snprintf(out, size, "%s", line);
}

static void explain_end(const struct worker *worker, const struct weir_survey_local_config *config, int status, char *out,
                        size_t size)
{
    char said[LOG_TAIL + 1];
    last_line(config->dir, id_of(worker->task), said, sizeof said);
    const char *colon = *said ? ": " : "";
    if (worker->late)
        snprintf(out, size, "took longer than %.3g s (--timeout)", (double)config->timeout_ns * 1e-9);
    else if (WIFSIGNALED(status))
        snprintf(out, size, "its process was ended by signal %d (%s)%s%s%s", WTERMSIG(status), strsignal(WTERMSIG(status)),
                 WTERMSIG(status) == SIGKILL ? ", as the system does when memory runs out" : "", colon, said);
    else
        snprintf(out, size, "its process ended with code %d%s%s", WEXITSTATUS(status), colon, said);
}

/* A worker has ended. */
static weir_err collect(struct pool *pool, struct worker *worker, struct weir_error *error)
{
    const struct weir_survey_local_config *config = pool->config;
    const char *id = id_of(worker->task);
    char why[700], path[WEIR_SURVEY_PATH];
    int status = 0;
    weir_err failed = WEIR_OK;
    while (waitpid(worker->pid, &status, 0) < 0 && errno == EINTR)
        ;
    close(worker->fd);
    bool finished = weir_survey_task_finished(config->dir, id);
    if (!finished && !*config->stop) {
        explain_end(worker, config, status, why, sizeof why);
        json_t *result = weir_survey_task_failed(worker->task, why, NULL);
        failed = result && weir_survey_task_path(config->dir, id, "json", path)
                     ? weir_survey_json_write(path, result, error)
                     : weir_fail(error, WEIR_ERR_MEMORY, "out of memory");
        finished = !failed;
        json_decref(result);
    }
    pool->running--;
    pool->memory_mib -= json_number_value(json_object_get(worker->task, "memory_mib"));
    if (finished && config->finished)
        config->finished(config->context, worker->task);
    *worker = (struct worker){0};
    return failed;
}

/* Waits a tick for ends; ends those that take too long. */
static weir_err wait_some(struct pool *pool, struct weir_error *error)
{
    const struct weir_survey_local_config *config = pool->config;
    weir_err failed = WEIR_OK;
    for (size_t i = 0; i < config->jobs; i++)
        pool->poll[i] = (struct pollfd){.fd = pool->worker[i].pid ? pool->worker[i].fd : -1, .events = POLLIN};
    if (poll(pool->poll, config->jobs, TICK_MS) < 0 && errno != EINTR)
        return weir_fail(error, WEIR_ERR_IO, "poll: %s", strerror(errno));
    int64_t now = weir_clock_mono_ns();
    for (size_t i = 0; i < config->jobs && !failed; i++) {
        struct worker *worker = &pool->worker[i];
        if (!worker->pid)
            continue;
        if (pool->poll[i].revents & POLLIN) {
            failed = collect(pool, worker, error);
        } else if (config->timeout_ns && !worker->late && now - worker->began > config->timeout_ns) {
            worker->late = true;
            kill(worker->pid, SIGKILL);
        }
    }
    if (config->tick)
        config->tick(config->context, pool->running);
    return failed;
}

static void end_all(struct pool *pool)
{
    for (size_t i = 0; i < pool->config->jobs; i++)
        if (pool->worker[i].pid) {
            kill(pool->worker[i].pid, SIGKILL);
            waitpid(pool->worker[i].pid, NULL, 0);
            close(pool->worker[i].fd);
            pool->worker[i] = (struct worker){0};
        }
}

static bool fits(const struct pool *pool, const json_t *task)
{
    return !pool->running || !pool->config->memory_mib ||
           pool->memory_mib + json_number_value(json_object_get(task, "memory_mib")) <= (double)pool->config->memory_mib;
}

static struct worker *free_place(struct pool *pool)
{
    for (size_t i = 0; i < pool->config->jobs; i++)
        if (!pool->worker[i].pid)
            return &pool->worker[i];
    return NULL;
}

weir_err weir_survey_local_run(const json_t *plan, const struct weir_survey_local_config *config, struct weir_error *error)
{
    struct pool pool = {
        .config = config, .worker = calloc(config->jobs, sizeof *pool.worker), .poll = calloc(config->jobs, sizeof *pool.poll)};
    const json_t *tasks = json_object_get(plan, "tasks");
    size_t count = json_array_size(tasks), waiting = 0;
    const json_t **queue = malloc((count + 1) * sizeof *queue);
    weir_err failed = WEIR_OK;
    if (!pool.worker || !pool.poll || !queue)
        failed = weir_fail(error, WEIR_ERR_MEMORY, "out of memory");
    for (size_t i = 0; i < count && !failed; i++)
        if (!weir_survey_task_finished(config->dir, id_of(json_array_get(tasks, i))))
            queue[waiting++] = json_array_get(tasks, i);
    while ((waiting || pool.running) && !failed && !*config->stop) {
        /* The first that fits: a task that needs much memory must not keep small ones from the processors. */
        struct worker *place;
        for (size_t i = 0; i < waiting && !failed && (place = free_place(&pool));) {
            if (!fits(&pool, queue[i])) {
                i++;
                continue;
            }
            failed = start(&pool, place, queue[i], error);
            memmove(&queue[i], &queue[i + 1], (--waiting - i) * sizeof *queue);
        }
        if (!failed)
            failed = wait_some(&pool, error);
    }
    if (pool.worker)
        end_all(&pool);
    if (!failed && *config->stop)
        failed = weir_fail(error, WEIR_ERR_CLOSED, "stopped");
    free(pool.worker);
    free(pool.poll);
    free(queue);
    return failed;
}
