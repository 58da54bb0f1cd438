#include "pipeline/run.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

struct weir_run {
    struct weir_run_config config;
    uint16_t *columns; /* of the batches: each one's index in the view */
    const char **names;
    size_t column_count;
    unsigned ports;
    int64_t started_ns;
    struct weir_source *source;
    struct weir_backend *backend;
    struct weir_sender *sender; /* or this, and no backend; */
    struct weir_relay *relay;   /* its owner, when the workers are here */
    struct weir_sensor *sensor;
    struct weir_ingest *ingest; /* or this, and no source */
};

static bool wanted(const void *backend)
{
    return weir_backend_wanted(backend);
}

/* Rights belong to threads, so they go before the first one: DuckDB starts some of its own with the store. */
static weir_err drop_rights(const struct weir_run_config *config, struct weir_error *error)
{
    struct weir_rights rights = *config->rights;
    rights.keep_files = rights.keep_files && !config->source.interface[0]; /* of no use over interfaces */
    weir_err code = weir_rights_drop(&rights, error);
    if (code == WEIR_OK && config->store)
        code = weir_rights_check_output(config->store, error);
    if (code == WEIR_OK && config->eve)
        code = weir_rights_check_output(config->eve, error);
    if (code == WEIR_OK && config->sender.state)
        code = weir_rights_check_output(config->sender.state, error);
    return code;
}

/* The columns of the batches: each one's index in the view and its name there. */
static weir_err find_columns(struct weir_run *run, struct weir_error *error)
{
    const struct weir_run_config *config = &run->config;
    const struct weir_view *view = config->view;
    for (size_t i = 0; i < view->column_count; i++)
        run->names[i] = view->columns[i].name;
    if (!config->columns) {
        weir_err code =
            weir_model_fits(config->model, view->name, weir_view_id(view), run->names, view->column_count, run->columns, error);
        run->column_count = weir_model_columns(config->model, NULL);
        for (size_t i = 0; code == WEIR_OK && i < run->column_count; i++)
            run->names[i] = view->columns[run->columns[i]].name;
        return code;
    }
    run->column_count = config->column_count;
    for (size_t i = 0; i < config->column_count; i++) {
        size_t at = 0;
        while (at < view->column_count && strcmp(view->columns[at].name, config->columns[i]) != 0)
            at++;
        if (at == view->column_count)
            return weir_fail(error, WEIR_ERR_NOT_FOUND,
                             "feature set %s has no column '%s'; `weir flows --features %s` shows what it has", view->name,
                             config->columns[i], view->name);
        if (!view->columns[at].value)
            return weir_fail(error, WEIR_ERR_ARGUMENT, "column '%s' is text, no model can use it; leave it out",
                             config->columns[i]);
        run->columns[i] = (uint16_t)at;
    }
    for (size_t i = 0; i < run->column_count; i++)
        run->names[i] = view->columns[run->columns[i]].name;
    if (!config->model)
        return WEIR_OK;
    return weir_model_fits(config->model, view->name, weir_view_id(view), run->names, run->column_count, NULL, error);
}

static weir_err create(const struct weir_run_config *config, struct weir_run **out, struct weir_error *error)
{
    struct weir_run *run = *out = calloc(1, sizeof *run);
    size_t room = config->column_count + config->view->column_count;
    if (config->model)
        room += weir_model_columns(config->model, NULL);
    if (!run || !(run->columns = calloc(room, sizeof *run->columns)) || !(run->names = calloc(room, sizeof *run->names)))
        return weir_fail(error, WEIR_ERR_MEMORY, "out of memory");
    run->config = *config;
    run->ports = config->source.ports;
    return find_columns(run, error);
}

weir_err weir_run_check(const struct weir_run_config *config, struct weir_error *error)
{
    struct weir_run *run;
    weir_err code = create(config, &run, error);
    weir_run_free(&run);
    return code;
}

weir_err weir_run_check_input(const struct weir_run_config *config, struct weir_error *error)
{
    struct weir_run *run;
    weir_err code = create(config, &run, error);
    if (code == WEIR_OK)
        code = weir_ingest_open(&config->ingest, config->view, run->columns, (uint16_t)run->column_count, &run->ingest, error);
    weir_run_free(&run);
    return code;
}

weir_err weir_run_open(const struct weir_run_config *config, struct weir_run **out, struct weir_error *error)
{
    weir_err code = create(config, out, error);
    const bool threads = weir_ingest_has_threads(&config->ingest);
    if (code == WEIR_OK && threads && config->rights)
        code = drop_rights(config, error);
    if (code == WEIR_OK && config->ingest.input)
        code = weir_ingest_open(&config->ingest, config->view, (*out)->columns, (uint16_t)(*out)->column_count, &(*out)->ingest,
                                error);
    else if (code == WEIR_OK)
        code = weir_source_open(&config->source, &(*out)->source, error);
    if (code == WEIR_OK && !threads && config->rights)
        code = drop_rights(config, error);
    if (code != WEIR_OK)
        weir_run_free(out);
    return code;
}

static enum weir_on_full on_full(const struct weir_run *run)
{
    const struct weir_run_config *config = &run->config;
    if (config->on_full != WEIR_ON_FULL_BY_SOURCE)
        return config->on_full;
    /* what can be read again is, with room */
    return config->source.interface[0] || (run->ingest && weir_ingest_progress(run->ingest) < 0) ? WEIR_ON_FULL_WITHHOLD
                                                                                                 : WEIR_ON_FULL_STOP;
}

static weir_err start_backend(struct weir_run *run, struct weir_error *error)
{
    const struct weir_run_config *config = &run->config;
    struct weir_backend_config backend = {.model = config->model,
                                          .view = config->view,
                                          .columns = run->names,
                                          .column_count = run->column_count,
                                          .reasons = config->reasons,
                                          .degrade = config->degrade,
                                          .workers = config->workers,
                                          .producers = run->ingest ? config->ingest.threads : config->lanes,
                                          .queue = config->queue,
                                          .store = config->store,
                                          .store_memory = config->store_memory,
                                          .rotate_bytes = config->rotate_bytes,
                                          .retention = config->retention,
                                          .on_full = on_full(run),
                                          .eve = config->eve,
                                          .publish = config->publish,
                                          .sensor = config->sensor,
                                          .command = config->command};
    return weir_backend_start(&backend, &run->backend, error);
}

static weir_err start_sender(struct weir_run *run, struct weir_error *error)
{
    struct weir_sender_config sender = run->config.sender;
    struct weir_transport_config *transport = &sender.transport;
    transport->feature_set = run->config.view->name;
    transport->feature_set_id = weir_view_id(run->config.view);
    transport->columns = run->names;
    transport->column_count = run->column_count;
    transport->column_list = weir_column_list_id(transport->feature_set_id, run->names, run->column_count);
    sender.name = run->config.sensor;
    sender.command = run->config.command;
    sender.budget_ns = run->config.budget_ns;
    sender.degrade = run->config.degrade;
    sender.producers = run->ingest ? run->config.ingest.threads : run->config.lanes;
    if (!run->config.store)
        return weir_sender_start(&sender, &run->sender, error);
    struct weir_relay_config relay = {.sender = sender,
                                      .model = run->config.model,
                                      .reasons = run->config.reasons,
                                      .workers = run->config.workers,
                                      .collect = {.store = run->config.store,
                                                  .store_memory = run->config.store_memory,
                                                  .rotate_bytes = run->config.rotate_bytes,
                                                  .retention = run->config.retention,
                                                  .on_full = on_full(run),
                                                  .eve = run->config.eve,
                                                  .publish = run->config.publish,
                                                  .name = run->config.sensor,
                                                  .command = run->config.command}};
    weir_err code = weir_relay_start(&relay, &run->relay, error);
    if (code == WEIR_OK)
        run->sender = weir_relay_sender(run->relay);
    return code;
}

weir_err weir_run_start(struct weir_run *run, struct weir_error *error)
{
    const struct weir_run_config *config = &run->config;
    bool remote = config->sender.transport.queues;
    weir_err code = remote ? start_sender(run, error) : start_backend(run, error);
    if (code != WEIR_OK)
        return code;
    run->started_ns = weir_clock_mono_ns();
    uint64_t boot = remote ? weir_sender_who(run->sender)->boot : weir_backend_boot(run->backend);
    struct weir_pool *pool = remote ? weir_sender_pool(run->sender) : weir_backend_pool(run->backend);
    weir_batcher_send *send = remote ? weir_sender_push : weir_backend_push;
    void *context = remote ? (void *)run->sender : run->backend;
    const atomic_int_fast64_t *service_ns = remote ? weir_sender_service(run->sender) : weir_backend_service(run->backend);
    if (run->ingest) {
        const struct weir_ingest_start ingest = {.batch_rows = config->batch_rows,
                                                 .max_delay_ns = config->max_delay_ns,
                                                 .budget_ns = config->budget_ns,
                                                 .service_ns = service_ns,
                                                 .boot = boot,
                                                 .tally = remote ? weir_sender_tally(run->sender) : NULL,
                                                 .pool = pool,
                                                 .send = send,
                                                 .wanted = remote ? NULL : wanted,
                                                 .context = context};
        return weir_ingest_start(run->ingest, &ingest, error);
    }
    struct weir_sensor_config sensor = {.source = run->source,
                                        .view = config->view,
                                        .columns = run->columns,
                                        .column_count = (uint16_t)run->column_count,
                                        .lanes = config->lanes,
                                        .batch_rows = config->batch_rows,
                                        .max_delay_ns = config->max_delay_ns,
                                        .budget_ns = config->budget_ns,
                                        .service_ns = service_ns,
                                        .behind_ns = config->behind_ns,
                                        .flows = config->flows,
                                        .boot = boot,
                                        .tally = remote ? weir_sender_tally(run->sender) : NULL,
                                        .pool = pool,
                                        .send = send,
                                        .wanted = remote ? NULL : wanted,
                                        .context = context};
    return weir_sensor_start(&sensor, &run->sensor, error);
}

bool weir_run_busy(struct weir_run *run)
{
    if (run->relay    ? weir_relay_failed(run->relay)
        : run->sender ? weir_sender_failed(run->sender)
                      : weir_backend_failed(run->backend))
        weir_run_stop(run);
    return run->ingest ? weir_ingest_running(run->ingest) : weir_sensor_running(run->sensor);
}

void weir_run_stop(struct weir_run *run)
{
    if (run->ingest)
        weir_ingest_stop(run->ingest);
    else
        weir_source_stop(run->source);
    if (run->sender)
        weir_sender_stop(run->sender);
}

void weir_run_account(struct weir_run *run, struct weir_account *account)
{
    bool running = run->ingest ? weir_ingest_running(run->ingest) : weir_sensor_running(run->sensor);
    memset(account, 0, sizeof *account);
    account->ports = run->ports;
    if (run->relay)
        weir_relay_account(run->relay, account);
    else if (run->backend)
        weir_backend_account(run->backend, account);
    account->ports = run->ports;
    if (run->ingest)
        weir_ingest_account(run->ingest, account);
    else
        weir_sensor_account(run->sensor, account);
    if (run->sender && !run->relay)
        weir_sender_account(run->sender, account);
    if (running && run->backend)
        weir_account_settle(account);
    account->seconds = (double)(weir_clock_mono_ns() - run->started_ns) / 1e9;
}

weir_err weir_run_reload(struct weir_run *run, weir_model *model, struct weir_error *error)
{
    if (run->relay)
        return weir_relay_reload(run->relay, model, error);
    if (!run->backend)
        return weir_fail(error, WEIR_ERR_UNSUPPORTED, "a sensor has no model");
    return weir_backend_reload(run->backend, model, error);
}

void weir_run_limit(struct weir_run *run, uint64_t rotate_bytes, const struct weir_retention *retention)
{
    if (run->relay)
        weir_relay_limit(run->relay, rotate_bytes, retention);
    else if (run->backend)
        weir_backend_limit(run->backend, rotate_bytes, retention);
}

struct weir_backend *weir_run_backend(struct weir_run *run)
{
    return run->backend;
}

struct weir_sender *weir_run_sender(struct weir_run *run)
{
    return run->sender;
}

bool weir_run_judges(const struct weir_run *run)
{
    return run->relay || run->backend;
}

void weir_run_model(struct weir_run *run, char *label, size_t size)
{
    *label = 0;
    if (run->relay)
        weir_relay_model(run->relay, label, size);
    else if (run->backend)
        weir_backend_model(run->backend, label, size);
}

unsigned weir_run_alerts(struct weir_run *run, struct weir_alert_line *lines)
{
    return run->relay ? weir_relay_alerts(run->relay, lines) : run->backend ? weir_backend_alerts(run->backend, lines) : 0;
}

void weir_run_id(struct weir_run *run, char id[static 64])
{
    *id = 0;
    if (run->relay)
        weir_relay_run(run->relay, id);
    else if (run->backend)
        snprintf(id, 64, "%s", weir_backend_run(run->backend));
}

/* {"health": ACCOUNT}; NULL when out of memory. */
static char *as_note(const char *member, const char *account_json)
{
    char *text;
    return asprintf(&text, "{\"%s\":%s}", member, account_json) < 0 ? NULL : text;
}

void weir_run_health(struct weir_run *run, const char *account_json)
{
    if (run->backend) {
        weir_backend_health(run->backend, account_json);
        return;
    }
    char *note = as_note("health", account_json);
    if (note)
        weir_sender_note(run->sender, note, true);
    free(note);
}

static void job_stop(void *run)
{
    weir_run_stop(run);
}

static void job_account(void *run, struct weir_account *out)
{
    weir_run_account(run, out);
}

static uint64_t job_reloads(void *context)
{
    struct weir_run *run = context;
    return run->relay ? weir_relay_reloads(run->relay) : weir_backend_reloads(run->backend);
}

static weir_err job_sql(void *context, struct weir_sql **out, struct weir_error *error)
{
    struct weir_run *run = context;
    return run->relay ? weir_relay_sql(run->relay, out, error) : weir_backend_sql(run->backend, out, error);
}

static void sender_status(struct weir_run *run, json_t *answer, char *problem, size_t size)
{
    struct weir_error error = {0};
    const struct weir_who *who = weir_sender_who(run->sender);
    char id[33];
    for (size_t i = 0; i < sizeof who->sensor; i++)
        snprintf(id + 2 * i, 3, "%02x", who->sensor[i]);
    json_object_set_new(answer, "sensor_id", json_string(id));
    json_object_set_new(answer, "boot", json_integer((json_int_t)who->boot));
    if ((run->relay ? weir_relay_status(run->relay, &error) : weir_sender_status(run->sender, &error)) != WEIR_OK ||
        weir_run_input_status(run, &error) != WEIR_OK)
        snprintf(problem, size, "%s", error.text);
    else if (run->relay)
        weir_relay_trouble(run->relay, problem, size);
    else
        weir_sender_trouble(run->sender, problem, size);
}

static void backend_status(struct weir_run *run, json_t *answer, char *problem, size_t size)
{
    struct weir_backend *backend = run->backend;
    struct weir_error error = {0};
    size_t depth, room;
    int64_t age_ns;
    weir_backend_queue(backend, &depth, &room, &age_ns);
    json_object_set_new(
        answer, "queue",
        json_pack("{s:I,s:I,s:f}", "depth", (json_int_t)depth, "room", (json_int_t)room, "age_us", (double)age_ns / 1e3));
    if (weir_backend_status(backend, &error) != WEIR_OK || weir_run_input_status(run, &error) != WEIR_OK)
        snprintf(problem, size, "%s", error.text);
    else
        weir_backend_trouble(backend, problem, size);
}

static void job_status(void *context, json_t *answer, char *problem, size_t size)
{
    struct weir_run *run = context;
    struct weir_alert_line lines[WEIR_ALERTS_SHOWN];
    json_t *alerts = json_array();
    char model[256];
    weir_run_model(run, model, sizeof model);
    if (*model)
        json_object_set_new(answer, "model", json_string(model));
    for (unsigned i = 0, n = weir_run_alerts(run, lines); i < n; i++)
        json_array_append_new(alerts, json_string(lines[i].text));
    json_object_set_new(answer, "alerts", alerts);
    (run->sender ? sender_status : backend_status)(run, answer, problem, size);
}

struct weir_job weir_run_job(struct weir_run *run)
{
    return (struct weir_job){.context = run,
                             .stop = job_stop,
                             .account = job_account,
                             .status = job_status,
                             .reloads = weir_run_judges(run) ? job_reloads : NULL,
                             .sql = weir_run_judges(run) ? job_sql : NULL};
}

weir_err weir_run_input_status(struct weir_run *run, struct weir_error *error)
{
    return run->ingest ? weir_ingest_status(run->ingest, error) : weir_source_status(run->source, error);
}

double weir_run_progress(struct weir_run *run)
{
    uint64_t done = 0, total = 0;
    if (run->ingest)
        return weir_ingest_progress(run->ingest);
    for (unsigned p = 0; p < run->ports; p++) {
        struct weir_port_account port;
        weir_source_account(run->source, p, &port);
        if (!port.total_bytes)
            return -1;
        done += port.done_bytes;
        total += port.total_bytes;
    }
    return total ? (double)done / (double)total : -1;
}

static weir_err finish_backend(struct weir_run *run, struct weir_account *account, struct weir_error *error)
{
    weir_err code = weir_backend_drain(run->backend, error);
    weir_run_account(run, account);
    char *text = weir_account_text(account);
    weir_err finish = weir_backend_finish(run->backend, text ? text : "{}", code == WEIR_OK ? error : NULL);
    free(text);
    return code == WEIR_OK ? finish : code;
}

/* The last note has the account of before the last marks: it is to be covered by them. */
static weir_err finish_sender(struct weir_run *run, struct weir_account *account, struct weir_error *error)
{
    weir_run_account(run, account);
    char *text = weir_account_text(account), *note = text ? as_note("closed", text) : NULL;
    if (!note && !(note = strdup("{\"closed\":{}}")))
        return weir_fail(error, WEIR_ERR_MEMORY, "out of memory");
    weir_err code = run->relay ? weir_relay_finish(run->relay, note, error) : weir_sender_finish(run->sender, note, error);
    free(note);
    free(text);
    weir_run_account(run, account);
    return code;
}

weir_err weir_run_finish(struct weir_run *run, struct weir_account *account, struct weir_error *error)
{
    char why[256];
    if (run->ingest)
        weir_ingest_join(run->ingest);
    else
        weir_sensor_join(run->sensor);
    weir_err code = run->sender ? finish_sender(run, account, error) : finish_backend(run, account, error);
    if (!weir_account_check(account, why, sizeof why) && code == WEIR_OK)
        code = weir_fail(error, WEIR_ERR_MISMATCH, "the account does not add up: %s; this is a fault in weir, please report it",
                         why);
    if (code == WEIR_OK)
        code = weir_run_input_status(run, error);
    return code;
}

void weir_run_free(struct weir_run **run)
{
    if (!run || !*run)
        return;
    weir_sensor_free(&(*run)->sensor);
    weir_ingest_free(&(*run)->ingest); /* its threads push until they are joined */
    weir_backend_free(&(*run)->backend);
    if ((*run)->relay)
        weir_relay_free(&(*run)->relay);
    else
        weir_sender_free(&(*run)->sender);
    weir_source_close(&(*run)->source);
    free((*run)->columns);
    free((*run)->names);
    free(*run);
    *run = NULL;
}
