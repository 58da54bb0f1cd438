#include "bench/cluster.h"

#include <errno.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "batch/batcher.h"
#include "bench/scratch.h"
#include "model/build.h"
#include "pipeline/account.h"
#include "pipeline/sender.h"

enum {
    CHILDREN = 8,
    WARM_ROWS = 8,
    WAIT_MS = 20000,
    DELAY_NS = 500000,
    ROOM = 256 << 20 /* of the outbox: what a second brings stays there until it is committed */
};

struct job {
    const struct weir_cluster *cluster;
    char folder[64], queue[128], results[128], model[96], store[96], account[96];
    pid_t child[CHILDREN]; /* redis-server, collect, infer... */
    const char *name[CHILDREN];
    unsigned children;
    struct weir_sender *sender;
    struct weir_batcher *batcher;
    const char **column_names, *queues[1];
};

/* --- processes --- */

static weir_err run(struct job *job, const char *name, const char *program, const char *const *arguments,
                    struct weir_error *error)
{
    pid_t parent = getpid();
    fflush(NULL);
    pid_t child = fork();
    if (child < 0)
        return weir_fail(error, WEIR_ERR_IO, "%s: cannot start it: %s", name, strerror(errno));
    if (!child) {
        prctl(PR_SET_PDEATHSIG, SIGKILL); /* none outlives the bench, however that ends */
        if (getppid() != parent || !freopen("/dev/null", "r", stdin) || !freopen("/dev/null", "w", stdout))
            _exit(127);
        execvp(program, (char *const *)(uintptr_t)arguments);
        _exit(127);
    }
    job->name[job->children] = name;
    job->child[job->children++] = child;
    return WEIR_OK;
}

/* False: one has ended by itself. */
static bool all_run(const struct job *job, struct weir_error *error)
{
    for (unsigned i = 0; i < job->children; i++) {
        siginfo_t info = {0};
        if (waitid(P_PID, (id_t)job->child[i], &info, WEXITED | WNOHANG | WNOWAIT) || info.si_pid) {
            bool missing = info.si_status == 127 || info.si_status == 2; /* 2: an older weir does not know the command */
            weir_fail(error, missing ? WEIR_ERR_NOT_FOUND : WEIR_ERR_IO, "%s %s (%d)", job->name[i],
                      missing ? "is missing on this machine" : "ended early", info.si_status);
            return false;
        }
    }
    return true;
}

/* From the last one started to the first: workers, collector, server. */
static void end_all(struct job *job)
{
    while (job->children) {
        pid_t child = job->child[--job->children];
        kill(child, SIGTERM);
        waitpid(child, NULL, 0);
    }
}

static double cpu_of(pid_t pid) /* microseconds so far */
{
    char path[40], line[1024];
    unsigned long user = 0, system = 0;
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    FILE *file = fopen(path, "r");
    const char *at = file && fgets(line, sizeof line, file) ? strrchr(line, ')') : NULL;
    if (at)
        sscanf(at + 2, "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &system);
    if (file)
        fclose(file);
    return (double)(user + system) * 1e6 / (double)sysconf(_SC_CLK_TCK);
}

static double cpu_of_infer(const struct job *job)
{
    double sum = 0;
    for (unsigned i = 0; i < job->children; i++)
        sum += strcmp(job->name[i], "weir infer") ? 0 : cpu_of(job->child[i]);
    return sum;
}

static double cpu_of_all(const struct job *job)
{
    double sum = (double)weir_clock_read_ns(CLOCK_PROCESS_CPUTIME_ID) / 1e3;
    for (unsigned i = 0; i < job->children; i++)
        sum += cpu_of(job->child[i]);
    return sum;
}

static void nap(long ms)
{
    nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000}, NULL);
}

static weir_err start_redis(struct job *job, struct weir_error *error)
{
    char socket[96];
    snprintf(socket, sizeof socket, "%s/redis", job->folder);
    const char *const arguments[] = {"redis-server", "--port", "0",     "--unixsocket", socket,        "--save", "",
                                     "--appendonly", "no",     "--dir", job->folder,    "--maxmemory", "1gb",    "--logfile",
                                     "/dev/null",    NULL};
    weir_err code = run(job, "redis-server", "redis-server", arguments, error);
    for (int i = 0; code == WEIR_OK && access(socket, F_OK); i += 10) {
        if (!all_run(job, error))
            return error->code;
        if (i > WAIT_MS)
            return weir_fail(error, WEIR_ERR_IO, "redis-server made no socket within %d s", WAIT_MS / 1000);
        nap(10);
    }
    snprintf(job->queue, sizeof job->queue, "redis+unix://%s", socket);
    return code;
}

static weir_err start_weir(struct job *job, const struct weir_cell *cell, struct weir_error *error)
{
    bool redis = job->cluster->queue == WEIR_CLUSTER_REDIS;
    const char *where = redis ? job->queue : job->results;
    char workers[16];
    snprintf(workers, sizeof workers, "%u", cell->workers);
    const char *const collect[] = {"weir",      "collect",    redis ? "--queue" : "--results",
                                   where,       "--store",    job->store,
                                   "--account", job->account, "--control",
                                   "none",      "--quiet",    NULL};
    const char *const infer[] = {"weir",     "infer",     "--queue", job->queue, "--model",
                                 job->model, "--workers", workers,   "--quiet",  redis ? NULL : "--results",
                                 where,      NULL};
    weir_err code = run(job, "weir collect", "/proc/self/exe", collect, error);
    for (unsigned i = 0; code == WEIR_OK && i < job->cluster->processes; i++)
        code = run(job, "weir infer", "/proc/self/exe", infer, error);
    return code;
}

/* --- the sensor --- */

static weir_err start_sensor(struct job *job, const struct weir_cell *cell, struct weir_error *error)
{
    const struct weir_records *r = job->cluster->records;
    if (!(job->column_names = calloc(r->columns, sizeof *job->column_names)))
        return weir_fail(error, WEIR_ERR_MEMORY, "bench: out of memory");
    for (size_t c = 0; c < r->columns; c++)
        job->column_names[c] = r->view->columns[r->column[c]].name;
    job->queues[0] = job->queue;
    const struct weir_sender_config config = {
        .transport = {.queue = job->queues,
                      .queues = 1,
                      .results = job->cluster->queue == WEIR_CLUSTER_REDIS ? NULL : job->results,
                      .column_list = weir_column_list_id(weir_view_id(r->view), job->column_names, r->columns),
                      .feature_set = r->view->name,
                      .feature_set_id = weir_view_id(r->view),
                      .columns = job->column_names,
                      .column_count = r->columns},
        .name = "bench",
        .room = job->cluster->room ? job->cluster->room : ROOM,
        .command = "weir bench pipeline",
        .producers = 1};
    weir_err code = weir_sender_start(&config, &job->sender, error);
    if (code != WEIR_OK)
        return code;
    const struct weir_batcher_config batcher = {.pool = weir_sender_pool(job->sender),
                                                .view = r->view,
                                                .columns = r->column,
                                                .column_count = (uint16_t)r->columns,
                                                .boot = weir_sender_who(job->sender)->boot,
                                                .rows = cell->batch,
                                                .max_delay_ns = DELAY_NS,
                                                .send = weir_sender_push,
                                                .context = job->sender};
    code = weir_batcher_create(&batcher, &job->batcher);
    return code == WEIR_OK ? code : weir_fail(error, code, "bench: %s", weir_err_text(code));
}

/* One batch goes the whole way: everything is connected then. */
static weir_err warm(struct job *job, struct weir_error *error)
{
    const struct weir_cell_load few = {.rows = WARM_ROWS, .seconds = 1};
    static struct weir_account account;
    weir_cell_feed(job->batcher, job->cluster->records, &few, NULL, NULL);
    for (int i = 0;; i += 10) {
        memset(&account, 0, sizeof account);
        weir_sender_account(job->sender, &account);
        if (account.store.committed >= WARM_ROWS)
            return WEIR_OK;
        if (!all_run(job, error))
            return error->code;
        if (i > WAIT_MS)
            return weir_fail(error, WEIR_ERR_IO, "bench: the first batch was not committed within %d s", WAIT_MS / 1000);
        nap(10);
    }
}

static void read_times(const json_t *account, const char *key, double unit, double out[2])
{
    const json_t *times = json_object_get(account, key);
    out[0] = json_number_value(json_object_get(times, "p50")) * unit;
    out[1] = json_number_value(json_object_get(times, "p99")) * unit;
}

static weir_err read_account(struct job *job, struct weir_cell_figures *figures, struct weir_error *error)
{
    json_t *account = json_load_file(job->account, 0, NULL);
    uint64_t committed = (uint64_t)json_integer_value(json_object_get(json_object_get(account, "store"), "committed"));
    read_times(account, "decision_us", 1, figures->decision_us);
    read_times(account, "durable_us", 1e-3, figures->durable_ms);
    figures->alerts = json_number_value(json_object_get(account, "alerts")) / (double)figures->rows;
    json_decref(account);
    if (committed != figures->rows + WARM_ROWS)
        return weir_fail(error, WEIR_ERR_MISMATCH, "bench: %llu rows in, %llu committed",
                         (unsigned long long)(figures->rows + WARM_ROWS), (unsigned long long)committed);
    return WEIR_OK;
}

static weir_err measure(struct job *job, const struct weir_cell_load *load, struct weir_cell_figures *figures,
                        struct weir_error *error)
{
    weir_err code = warm(job, error);
    if (code != WEIR_OK)
        return code;
    int64_t started = weir_clock_mono_ns();
    double cpu = cpu_of_all(job), infer = cpu_of_infer(job);
    figures->rows = weir_cell_feed(job->batcher, job->cluster->records, load, NULL, NULL);
    if ((code = weir_sender_finish(job->sender, "{}", error)) != WEIR_OK)
        return code;
    figures->flows_per_s = (double)figures->rows / ((double)(weir_clock_mono_ns() - started) / 1e9);
    figures->cpu_us = (cpu_of_all(job) - cpu) / (double)figures->rows;
    figures->infer_us = (cpu_of_infer(job) - infer) / (double)figures->rows;
    return all_run(job, error) ? WEIR_OK : error->code;
}

weir_err weir_cluster_cell(const struct weir_cluster *cluster, struct weir_cell cell, const struct weir_cell_load *load,
                           struct weir_cell_figures *figures, struct weir_error *error)
{
    struct job *job = calloc(1, sizeof *job);
    *figures = (struct weir_cell_figures){0};
    if (!job)
        return weir_fail(error, WEIR_ERR_MEMORY, "bench: out of memory");
    job->cluster = cluster;
    snprintf(job->folder, sizeof job->folder, "%.40s/cluster", cluster->folder);
    snprintf(job->queue, sizeof job->queue, "zmq+ipc://%s/batches", job->folder);
    snprintf(job->results, sizeof job->results, "zmq+ipc://%s/verdicts", job->folder);
    snprintf(job->model, sizeof job->model, "%s/model.weir", job->folder);
    snprintf(job->store, sizeof job->store, "%s/store.duckdb", job->folder);
    snprintf(job->account, sizeof job->account, "%s/account.json", job->folder);
    weir_err code = mkdir(job->folder, 0700) ? weir_fail(error, WEIR_ERR_IO, "%s: %s", job->folder, strerror(errno))
                                             : weir_model_write(cluster->model, job->model, error);
    if (code == WEIR_OK && cluster->queue == WEIR_CLUSTER_REDIS)
        code = start_redis(job, error);
    if (code == WEIR_OK && (code = start_weir(job, &cell, error)) == WEIR_OK &&
        (code = start_sensor(job, &cell, error)) == WEIR_OK)
        code = measure(job, load, figures, error);
    weir_batcher_destroy(&job->batcher);
    weir_sender_free(&job->sender);
    end_all(job);
    if (code == WEIR_OK)
        code = read_account(job, figures, error);
    weir_scratch_clear(job->folder);
    free(job->column_names);
    free(job);
    return code;
}
