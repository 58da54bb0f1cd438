#include "pipeline/relay.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "queue/url.h"
#include "store/boots.h"

struct weir_relay {
    char sender_queue[WEIR_URL_MAX], worker_queue[WEIR_URL_MAX], results[WEIR_URL_MAX], near_results[WEIR_URL_MAX];
    const char *sender_url, *worker_url; /* those texts: transports take lists */
    struct weir_transport_config far;    /* the collector's */
    struct weir_collect *collect;
    struct weir_infer *infer;
    struct weir_sender *sender;
    bool finished;
    struct weir_account last; /* the collector's, once it has ended */
};

/* An address to connect to, of one to listen at; `up` ports further. */
static void near_url(const struct weir_url *url, unsigned up, bool listen, char out[static WEIR_URL_MAX])
{
    const char *host = !listen && !strcmp(url->host, "*") ? "127.0.0.1" : url->host;
    bool six = strchr(host, ':') != NULL;
    snprintf(out, WEIR_URL_MAX, "zmq+tcp://%s%s%s:%u", six ? "[" : "", host, six ? "]" : "", url->port + up);
}

/* Who listens where, and who connects to what. */
static weir_err make_urls(struct weir_relay *relay, const struct weir_transport_config *transport, struct weir_error *error)
{
    struct weir_url queue, results;
    weir_err code = weir_url_parse(transport->queue[0], &queue, error);
    if (code != WEIR_OK)
        return code;
    snprintf(relay->sender_queue, WEIR_URL_MAX, "%s", transport->queue[0]);
    snprintf(relay->worker_queue, WEIR_URL_MAX, "%s", transport->queue[0]);
    relay->sender_url = relay->sender_queue;
    relay->worker_url = relay->worker_queue;
    if (weir_url_is_redis(&queue))
        return WEIR_OK;
    if (queue.kind == WEIR_URL_ZMQ_TCP)
        near_url(&queue, 0, false, relay->worker_queue);
    if (transport->results && (code = weir_url_parse(transport->results, &results, error)) != WEIR_OK)
        return code;
    if (!transport->results && queue.kind == WEIR_URL_ZMQ_IPC) {
        if (snprintf(relay->results, WEIR_URL_MAX, "zmq+ipc://%s.results", queue.path) >= WEIR_URL_MAX)
            return weir_fail(error, WEIR_ERR_LIMIT, "--queue %s: the path is too long", queue.text);
        snprintf(relay->near_results, WEIR_URL_MAX, "zmq+ipc://%s.results", queue.path);
        return weir_url_parse(relay->results, &results, error);
    }
    if (!transport->results) {
        near_url(&queue, 1, true, relay->results);
        near_url(&queue, 1, false, relay->near_results);
        return WEIR_OK;
    }
    snprintf(relay->results, WEIR_URL_MAX, "%s", transport->results);
    snprintf(relay->near_results, WEIR_URL_MAX, "%s", transport->results);
    if (results.kind == WEIR_URL_ZMQ_TCP)
        near_url(&results, 0, false, relay->near_results);
    return WEIR_OK;
}

static weir_err start_parts(struct weir_relay *relay, const struct weir_relay_config *config, struct weir_error *error)
{
    const struct weir_transport_config *transport = &config->sender.transport;
    weir_err code = make_urls(relay, transport, error);
    if (code != WEIR_OK)
        return code;
    const char *near_results = *relay->near_results ? relay->near_results : NULL;
    relay->far = *transport; /* the collector outlives this call */
    relay->far.queue = &relay->worker_url;
    relay->far.queues = *relay->results ? 0 : 1;
    relay->far.results = *relay->results ? relay->results : NULL;
    struct weir_collect_config collect = config->collect;
    collect.transport = &relay->far;
    if ((code = weir_collect_start(&collect, &relay->collect, error)) != WEIR_OK)
        return code;
    struct weir_infer_config infer = {
        .lent = config->model, .reasons = config->reasons, .workers = config->workers, .transport = *transport};
    infer.transport.queue = &relay->worker_url;
    infer.transport.results = near_results;
    if ((code = weir_infer_start(&infer, &relay->infer, error)) != WEIR_OK)
        return code;
    struct weir_sender_config sender = config->sender;
    sender.transport.queue = &relay->sender_url;
    sender.transport.results = near_results;
    return weir_sender_start(&sender, &relay->sender, error);
}

weir_err weir_relay_start(const struct weir_relay_config *config, struct weir_relay **out, struct weir_error *error)
{
    struct weir_relay *relay = *out = calloc(1, sizeof *relay);
    if (!relay)
        return weir_fail(error, WEIR_ERR_MEMORY, "out of memory");
    weir_err code = start_parts(relay, config, error);
    if (code != WEIR_OK)
        weir_relay_free(out);
    return code;
}

struct weir_sender *weir_relay_sender(struct weir_relay *relay)
{
    return relay->sender;
}

bool weir_relay_failed(struct weir_relay *relay)
{
    return weir_sender_failed(relay->sender) || !weir_infer_busy(relay->infer) || !weir_collect_busy(relay->collect);
}

/* What a part says of itself to the control socket. */
static bool job_problem(const struct weir_job *job, char *text, size_t size)
{
    json_t *answer = json_object();
    *text = 0;
    job->status(job->context, answer, text, size);
    json_decref(answer);
    return *text != 0;
}

weir_err weir_relay_status(struct weir_relay *relay, struct weir_error *error)
{
    char text[400];
    weir_err code = weir_sender_status(relay->sender, error);
    if (code != WEIR_OK || relay->finished)
        return code;
    const struct weir_job collect = weir_collect_job(relay->collect), infer = weir_infer_job(relay->infer);
    if (!weir_collect_busy(relay->collect) && job_problem(&collect, text, sizeof text))
        return weir_fail(error, WEIR_ERR_IO, "%s", text);
    if (!weir_infer_busy(relay->infer) && job_problem(&infer, text, sizeof text))
        return weir_fail(error, WEIR_ERR_IO, "%s", text);
    return WEIR_OK;
}

bool weir_relay_trouble(struct weir_relay *relay, char *text, size_t size)
{
    const struct weir_job collect = weir_collect_job(relay->collect);
    return job_problem(&collect, text, size) || weir_infer_trouble(relay->infer, text, size) ||
           weir_sender_trouble(relay->sender, text, size);
}

void weir_relay_run(struct weir_relay *relay, char run[static 40])
{
    const struct weir_who *who = weir_sender_who(relay->sender);
    weir_boots_run(who->sensor, who->boot, run);
}

weir_err weir_relay_reload(struct weir_relay *relay, weir_model *model, struct weir_error *error)
{
    return weir_infer_reload(relay->infer, model, error);
}

uint64_t weir_relay_reloads(struct weir_relay *relay)
{
    const struct weir_job infer = weir_infer_job(relay->infer);
    return infer.reloads(infer.context);
}

void weir_relay_model(struct weir_relay *relay, char *label, size_t size)
{
    weir_infer_model(relay->infer, label, size);
}

unsigned weir_relay_alerts(struct weir_relay *relay, struct weir_alert_line *lines)
{
    return weir_collect_alerts(relay->collect, lines);
}

void weir_relay_limit(struct weir_relay *relay, uint64_t rotate_bytes, const struct weir_retention *retention)
{
    weir_collect_limit(relay->collect, rotate_bytes, retention);
}

weir_err weir_relay_sql(struct weir_relay *relay, struct weir_sql **out, struct weir_error *error)
{
    const struct weir_job collect = weir_collect_job(relay->collect);
    return collect.sql(collect.context, out, error);
}

void weir_relay_account(struct weir_relay *relay, struct weir_account *account)
{
    struct weir_account sent = {0};
    if (relay->finished)
        *account = relay->last;
    else
        weir_collect_account(relay->collect, account);
    weir_sender_account(relay->sender, &sent);
    account->collected.used = false; /* this is a run, which keeps what it judges */
    account->remote = sent.remote;
    account->remote.here = true;
}

weir_err weir_relay_finish(struct weir_relay *relay, const char *closed, struct weir_error *error)
{
    struct weir_account unused;
    struct weir_error inner = {0};
    if (!weir_collect_busy(relay->collect) || !weir_infer_busy(relay->infer))
        weir_sender_give_up(relay->sender); /* nobody will mark anything */
    weir_err sent = weir_sender_finish(relay->sender, closed, &inner);
    weir_err code = weir_infer_finish(relay->infer, &unused, error);
    weir_err kept = weir_collect_finish(relay->collect, &relay->last, code == WEIR_OK ? error : NULL);
    relay->finished = true;
    if (code == WEIR_OK)
        code = kept;
    if (code == WEIR_OK && sent != WEIR_OK)
        code = weir_fail(error, sent, "%s", inner.text);
    return code;
}

void weir_relay_free(struct weir_relay **relay)
{
    if (!relay || !*relay)
        return;
    weir_sender_free(&(*relay)->sender);
    weir_infer_free(&(*relay)->infer);
    weir_collect_free(&(*relay)->collect);
    free(*relay);
    *relay = NULL;
}
