#include "pipeline/control.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "pipeline/request.h"
#include "pipeline/rows.h"
#include "pipeline/socket.h"

/* weir_sql_run should see the end of its time itself; this long after it does not, it is at a long task. */
enum { GRACE_NS = 200 * 1000000 };

struct weir_control {
    struct weir_socket *socket;
    json_t *about;
    int64_t started_ns;
    pthread_mutex_t lock;
    pthread_cond_t change;
    /* under the lock */
    enum { STARTING, RUNNING, DRAINING, ENDED } state;
    bool stop;    /* somebody has asked for the end */
    bool has_job; /* RUNNING and DRAINING */
    struct weir_job job;
    weir_control_reload *reload; /* and its context */
    void *context;
    bool changing;               /* a reload is under way */
    uint64_t reloads;            /* once ended */
    bool asking;                 /* a client's query is under way; one at a time */
    struct weir_sql *query;      /* its session, once it has one */
    int64_t query_ends_ns;       /* when its time is over */
    struct weir_account account; /* the closing one, once ended */
    char *problem;
};

static void send_json(struct weir_peer *peer, json_t *json)
{
    char *text = json ? json_dumps(json, JSON_COMPACT | JSON_REAL_PRECISION(9)) : NULL;
    if (text) {
        weir_peer_send(peer, text, strlen(text));
        weir_peer_send(peer, "\n", 1);
    } else {
        static const char sorry[] = "{\"ok\":false,\"error\":\"out of memory\"}\n";
        weir_peer_send(peer, sorry, sizeof sorry - 1);
    }
    free(text);
    json_decref(json);
}

static void send_error(struct weir_peer *peer, const char *text)
{
    json_t *clean = json_string(text); /* NULL when a path in it is no UTF-8 */
    send_json(peer, json_pack("{s:b,s:o}", "ok", 0, "error", clean ? clean : json_string("failed")));
}

/* The account as people read it. */
static json_t *account_text(const struct weir_account *account)
{
    char *text = NULL;
    size_t size;
    FILE *file = open_memstream(&text, &size);
    if (!file)
        return json_string("");
    weir_account_print(account, file);
    json_t *json = fclose(file) == 0 ? json_string(text) : json_string("");
    free(text);
    return json;
}

static uint64_t job_reloads(const struct weir_job *job)
{
    return job->reloads ? job->reloads(job->context) : 0;
}

/* Under the lock. */
static json_t *status(struct weir_control *control)
{
    struct weir_account account = control->account;
    json_t *answer = json_pack("{s:b}", "ok", 1);
    static const char *const states[] = {"starting", "running", "draining", "ended"};
    const char *problem = control->problem;
    uint64_t reloads = control->reloads;
    char trouble[512] = "";
    json_object_update(answer, control->about);
    if (control->has_job) {
        control->job.account(control->job.context, &account);
        control->job.status(control->job.context, answer, trouble, sizeof trouble);
        reloads = job_reloads(&control->job);
        if (!*trouble)
            weir_account_trouble(&account, trouble, sizeof trouble);
        problem = *trouble ? trouble : problem;
    }
    json_object_set_new(answer, "state", json_string(states[control->state]));
    json_object_set_new(answer, "reloads", json_integer((json_int_t)reloads));
    json_object_set_new(answer, "pid", json_integer(getpid()));
    json_object_set_new(answer, "version", json_string(WEIR_VERSION));
    json_object_set_new(answer, "uptime_s", json_real((double)(weir_clock_mono_ns() - control->started_ns) / 1e9));
    json_object_set_new(answer, "problem", problem ? json_string(problem) : json_null());
    json_object_set_new(answer, "account", weir_account_json(&account));
    json_object_set_new(answer, "text", account_text(&account));
    if (!json_object_get(answer, "alerts"))
        json_object_set_new(answer, "alerts", json_array());
    return answer;
}

static void answer_status(struct weir_control *control, struct weir_peer *peer)
{
    pthread_mutex_lock(&control->lock);
    json_t *json = status(control);
    pthread_mutex_unlock(&control->lock);
    send_json(peer, json);
}

static void answer_stop(struct weir_control *control, struct weir_peer *peer)
{
    pthread_mutex_lock(&control->lock);
    if (!control->stop && control->state < DRAINING)
        weir_log(WEIR_LOG_INFO, "stopping: `weir stop` asks; what has been read is being finished");
    control->stop = true;
    if (control->has_job)
        control->job.stop(control->job.context);
    while (control->state != ENDED)
        pthread_cond_wait(&control->change, &control->lock);
    json_t *json = status(control);
    pthread_mutex_unlock(&control->lock);
    send_json(peer, json);
}

/* Takes the store for one query. False, with an answer sent, when it cannot be had in time. */
static bool take_store(struct weir_control *control, int64_t until_ns, struct weir_job *out, struct weir_peer *peer)
{
    struct timespec until = {.tv_sec = until_ns / 1000000000, .tv_nsec = until_ns % 1000000000};
    const char *problem = NULL;
    pthread_mutex_lock(&control->lock);
    while (control->state == RUNNING && control->asking && !problem)
        if (pthread_cond_timedwait(&control->change, &control->lock, &until))
            problem = "query: another query took all the time; try again";
    if (control->state != RUNNING)
        problem = control->state == STARTING ? "query: weir is starting; try again" : "query: weir is ending";
    else if (!problem && !control->job.sql)
        problem = "query: this weir keeps no store; ask the one that does";
    if (!problem) {
        control->asking = true;
        control->query_ends_ns = until_ns;
        *out = control->job;
    }
    pthread_mutex_unlock(&control->lock);
    if (problem)
        send_error(peer, problem);
    return !problem;
}

static void answer_reload(struct weir_control *control, const struct weir_request *request, struct weir_peer *peer)
{
    struct weir_error error = {0};
    struct weir_reloaded done;
    pthread_mutex_lock(&control->lock);
    while (control->state == RUNNING && control->changing)
        pthread_cond_wait(&control->change, &control->lock);
    bool can = control->state == RUNNING && control->reload, over = control->state != RUNNING;
    struct weir_job job = control->job;
    control->changing = control->changing || can;
    pthread_mutex_unlock(&control->lock);
    if (!can) {
        send_error(peer,
                   over ? "reload: weir is starting or ending" : "reload: there is nothing that this weir could read again");
        return;
    }
    weir_err code = control->reload(control->context, request->model, &done, &error);
    uint64_t reloads = job_reloads(&job);
    pthread_mutex_lock(&control->lock);
    control->changing = false;
    pthread_cond_broadcast(&control->change);
    pthread_mutex_unlock(&control->lock);
    if (code != WEIR_OK) {
        send_error(peer, error.text);
        return;
    }
    json_t *answer =
        json_pack("{s:b,s:s,s:s,s:I}", "ok", 1, "model", done.after, "before", done.before, "reloads", (json_int_t)reloads);
    if (done.changed)
        json_object_set_new(answer, "changed", done.changed);
    send_json(peer, answer);
}

static bool running(void *context)
{
    struct weir_control *control = context;
    pthread_mutex_lock(&control->lock);
    bool yes = control->state == RUNNING;
    pthread_mutex_unlock(&control->lock);
    return yes;
}

static void answer_query(struct weir_control *control, const struct weir_request *request, struct weir_peer *peer)
{
    struct weir_error error = {0};
    struct weir_job job;
    struct weir_sql *session = NULL;
    struct weir_answer *rows = NULL;
    int64_t until_ns = weir_clock_mono_ns() + request->timeout_ns;
    if (!take_store(control, until_ns, &job, peer))
        return;
    weir_err code = job.sql(job.context, &session, &error);
    pthread_mutex_lock(&control->lock);
    control->query = session;
    if (session && control->state != RUNNING)
        weir_sql_cancel(session);
    pthread_mutex_unlock(&control->lock);
    if (code == WEIR_OK)
        code = weir_sql_run(session, request->sql, request->limit, request->timeout_ns, &rows, &error);
    pthread_mutex_lock(&control->lock);
    control->query = NULL; /* the clock has no more to do with it */
    pthread_mutex_unlock(&control->lock);
    if (code == WEIR_OK)
        weir_rows_send(rows, peer, running, control);
    else
        send_error(peer, error.text);
    weir_answer_free(&rows);
    weir_sql_close(&session);
    pthread_mutex_lock(&control->lock);
    control->asking = false;
    pthread_cond_broadcast(&control->change);
    pthread_mutex_unlock(&control->lock);
}

/* Ten times a second: a query whose time is over is broken off, whatever DuckDB is at. */
static void tick(void *context)
{
    struct weir_control *control = context;
    pthread_mutex_lock(&control->lock);
    if (control->query && weir_clock_mono_ns() > control->query_ends_ns + GRACE_NS)
        weir_sql_cancel(control->query);
    pthread_mutex_unlock(&control->lock);
}

static void answer(void *context, const char *line, size_t length, struct weir_peer *peer)
{
    struct weir_control *control = context;
    struct weir_request request;
    struct weir_error error = {0};
    if (weir_request_parse(line, length, &request, &error) != WEIR_OK) {
        send_error(peer, error.text);
        return;
    }
    switch (request.kind) {
    case WEIR_REQUEST_STATUS:
        answer_status(control, peer);
        break;
    case WEIR_REQUEST_STOP:
        answer_stop(control, peer);
        break;
    case WEIR_REQUEST_QUERY:
        answer_query(control, &request, peer);
        break;
    case WEIR_REQUEST_RELOAD:
        answer_reload(control, &request, peer);
        break;
    }
    weir_request_fini(&request);
}

weir_err weir_control_start(const char *path, struct weir_control **out, struct weir_error *error)
{
    *out = NULL;
    struct weir_control *control = calloc(1, sizeof *control);
    if (!control || !(control->about = json_object())) {
        free(control);
        return weir_fail(error, WEIR_ERR_MEMORY, "control socket: out of memory");
    }
    control->started_ns = weir_clock_mono_ns();
    pthread_mutex_init(&control->lock, NULL);
    pthread_condattr_t clock; /* that of weir_clock_mono_ns */
    pthread_condattr_init(&clock);
    pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
    pthread_cond_init(&control->change, &clock);
    pthread_condattr_destroy(&clock);
    const struct weir_socket_config socket = {.path = path, .answer = answer, .tick = tick, .context = control};
    weir_err code = weir_socket_start(&socket, &control->socket, error);
    if (code != WEIR_OK) {
        weir_control_free(&control);
        return code;
    }
    *out = control;
    return WEIR_OK;
}

void weir_control_attach(struct weir_control *control, const struct weir_job *job, const json_t *about,
                         weir_control_reload *reload, void *context)
{
    pthread_mutex_lock(&control->lock);
    json_object_update(control->about, (json_t *)about);
    control->reload = reload;
    control->context = context;
    control->job = *job;
    control->has_job = true;
    control->state = RUNNING;
    if (control->stop)
        job->stop(job->context);
    pthread_mutex_unlock(&control->lock);
}

void weir_control_drain(struct weir_control *control)
{
    pthread_mutex_lock(&control->lock);
    control->state = DRAINING;
    weir_socket_hurry(control->socket);
    if (control->query)
        weir_sql_cancel(control->query);
    pthread_cond_broadcast(&control->change);
    while (control->asking || control->changing)
        pthread_cond_wait(&control->change, &control->lock);
    pthread_mutex_unlock(&control->lock);
}

/* Under the lock. */
static void end(struct weir_control *control, const char *problem)
{
    if (control->has_job)
        control->reloads = job_reloads(&control->job);
    control->has_job = false;
    control->state = ENDED;
    control->problem = problem ? strdup(problem) : NULL;
    pthread_cond_broadcast(&control->change);
}

void weir_control_ended(struct weir_control *control, const struct weir_account *account, const char *problem)
{
    pthread_mutex_lock(&control->lock);
    control->account = *account;
    end(control, problem);
    pthread_mutex_unlock(&control->lock);
}

void weir_control_free(struct weir_control **control)
{
    if (!control || !*control)
        return;
    struct weir_control *c = *control;
    pthread_mutex_lock(&c->lock);
    if (c->state != ENDED) /* the run has never started */
        end(c, "the run did not start; its own messages say why");
    pthread_mutex_unlock(&c->lock);
    weir_socket_stop(&c->socket);
    pthread_mutex_destroy(&c->lock);
    pthread_cond_destroy(&c->change);
    json_decref(c->about);
    free(c->problem);
    free(c);
    *control = NULL;
}
