#include "pipeline/backend.h"

#include <pthread.h>
#include <stdlib.h>

#include "batch/backlog.h"
#include "pipeline/worker.h"
#include "pipeline/writer.h"
#include "store/sql.h"

enum { QUEUE_BATCHES = 64, BACKLOG_BYTES = 8 << 20 };

struct weir_backend {
    struct weir_pool *pool;
    struct weir_queue *queue;
    struct weir_backlog *backlog; /* of verdicts for the writer */
    struct taken {
        struct weir_batch batch;
        struct weir_verdicts verdicts;
    } * taken; /* what the writer has in hand */
    struct weir_store *store;
    struct weir_eve *eve;
    struct weir_publish *publish;
    struct weir_writer *writer;
    struct weir_row_columns columns;
    struct weir_seat seat;
    bool seated;
    struct weir_worker *worker;
    pthread_t *worker_thread, writer_thread;
    unsigned workers, workers_started;
    enum weir_reasons reasons;
    char run[64]; /* survives the store */
    bool writer_started, drained;
    weir_err outcome;
    struct weir_error failure;
    atomic_uint_fast64_t scored, reloads;
    atomic_int_fast64_t service_ns;
};

/* Waits for the threads; the writer's ring may close only when no worker can push any more. */
static void join(struct weir_backend *backend)
{
    if (backend->drained)
        return;
    backend->drained = true;
    if (backend->queue)
        weir_queue_close(backend->queue);
    for (unsigned i = 0; i < backend->workers_started; i++)
        pthread_join(backend->worker_thread[i], NULL);
    if (backend->backlog)
        weir_backlog_close(backend->backlog);
    if (backend->writer_started)
        pthread_join(backend->writer_thread, NULL);
    if (backend->pool)
        weir_pool_close(backend->pool);
    if (backend->writer)
        backend->outcome = weir_writer_status(backend->writer, &backend->failure);
}

/* --- where the writer takes from --- */

static bool take(void *context, int64_t timeout_ns, struct weir_writer_item *out)
{
    struct weir_backend *backend = context;
    if (!weir_backlog_pop(backend->backlog, timeout_ns, &backend->taken->verdicts))
        return false;
    out->verdicts = &backend->taken->verdicts;
    return true;
}

static bool ended(void *context)
{
    struct weir_backend *backend = context;
    return weir_backlog_closed(backend->backlog);
}

static void give(void *context, struct weir_verdicts *verdicts)
{
    (void)context;
    struct weir_judge *judge = verdicts->lender;
    weir_judge_release(&judge);
}

weir_err weir_backend_start(const struct weir_backend_config *config, struct weir_backend **out, struct weir_error *error)
{
    *out = NULL;
    if (config->workers < 1 || config->workers > WEIR_WORKERS_MAX)
        return weir_fail(error, WEIR_ERR_ARGUMENT, "--workers %u: give 1 to %d", config->workers, WEIR_WORKERS_MAX);
    weir_err code = WEIR_ERR_MEMORY;
    struct weir_backend *backend = calloc(1, sizeof *backend);
    if (!backend)
        return weir_fail(error, code, "out of memory");
    /* Every thread may hold one, and the queue may be full: then few are free, which is how lanes see that it is (under an eighth
     * is short, weir_pool_short). */
    size_t batches = config->batches ? config->batches : config->producers + config->workers + QUEUE_BATCHES + QUEUE_BATCHES / 8;
    struct weir_writer_config writer = {
        .commit_interval_ns = config->commit_interval_ns ? config->commit_interval_ns : 250 * 1000000,
        .commit_rows = config->commit_rows ? config->commit_rows : 100000,
        .on_full = config->on_full,
    };
    struct weir_judge *judge;
    backend->workers = config->workers;
    backend->reasons = config->reasons;
    backend->columns = (struct weir_row_columns){config->view, config->columns, config->column_count};
    if (!config->columns)
        backend->columns.count = weir_model_columns(config->model, &backend->columns.names);
    if ((code = weir_judge_create(config->model, false, &backend->columns, config->workers, config->reasons, &judge, error)) !=
        WEIR_OK)
        goto fail;
    weir_seat_init(&backend->seat, judge);
    backend->seated = true;
    code = WEIR_ERR_MEMORY;
    backend->worker = calloc(config->workers, sizeof *backend->worker);
    backend->worker_thread = calloc(config->workers, sizeof *backend->worker_thread);
    backend->taken = calloc(1, sizeof *backend->taken);
    if (!backend->worker || !backend->worker_thread || !backend->taken ||
        (code = weir_pool_create(batches, (uint16_t)backend->columns.count, &backend->pool)) != WEIR_OK ||
        (code = weir_backlog_create(BACKLOG_BYTES, &backend->backlog)) != WEIR_OK) {
        weir_fail(error, code, "%zu batches: %s", batches, weir_err_text(code));
        goto fail;
    }
    backend->taken->verdicts.batch = &backend->taken->batch;
    if ((code = weir_queue_open(config->queue ? config->queue : "memory:", QUEUE_BATCHES, &backend->queue, error)) != WEIR_OK)
        goto fail;
    struct weir_store_config store = {.path = config->store,
                                      .sensor = config->sensor,
                                      .command = config->command,
                                      .memory_bytes = config->store_memory,
                                      .rotate_bytes = config->rotate_bytes,
                                      .retention = config->retention,
                                      .without_room = config->on_full == WEIR_ON_FULL_WITHHOLD};
    if (config->store && (code = weir_store_open(&store, &backend->store, error)) != WEIR_OK)
        goto fail;
    if (backend->store)
        snprintf(backend->run, sizeof backend->run, "%s", weir_store_run(backend->store));
    if (config->eve && (code = weir_eve_open(config->eve, config->sensor, &backend->eve, error)) != WEIR_OK)
        goto fail;
    writer.source = (struct weir_writer_source){.context = backend, .take = take, .ended = ended, .give = give};
    const struct weir_publish_config publish = {.url = config->publish, .sensor = config->sensor, .run = backend->run};
    if (config->publish && (code = weir_publish_open(&publish, &backend->publish, error)) != WEIR_OK)
        goto fail;
    writer.publish = backend->publish;
    writer.store = backend->store;
    writer.eve = backend->eve;
    if ((code = weir_writer_create(&writer, &backend->writer)) != WEIR_OK) {
        weir_fail(error, code, "writer: %s", weir_err_text(code));
        goto fail;
    }
    for (unsigned i = 0; i < config->workers; i++)
        backend->worker[i] = (struct weir_worker){.seat = &backend->seat,
                                                  .number = i,
                                                  .queue = backend->queue,
                                                  .pool = backend->pool,
                                                  .backlog = backend->backlog,
                                                  .scored = &backend->scored,
                                                  .service_ns = &backend->service_ns,
                                                  .degrade = config->degrade};
    code = WEIR_ERR_LIMIT;
    if (pthread_create(&backend->writer_thread, NULL, weir_writer_run, backend->writer)) {
        weir_fail(error, code, "cannot start the writer's thread");
        goto fail;
    }
    backend->writer_started = true;
    pthread_setname_np(backend->writer_thread, "weir-writer"); /* for top -H and perf */
    for (; backend->workers_started < config->workers; backend->workers_started++)
        if (pthread_create(&backend->worker_thread[backend->workers_started], NULL, weir_worker_run,
                           &backend->worker[backend->workers_started])) {
            weir_fail(error, code, "cannot start worker thread %u", backend->workers_started);
            goto fail;
        } else {
            pthread_setname_np(backend->worker_thread[backend->workers_started], "weir-worker");
        }
    *out = backend;
    return WEIR_OK;
fail:
    weir_backend_free(&backend);
    return code;
}

struct weir_pool *weir_backend_pool(struct weir_backend *backend)
{
    return backend->pool;
}

bool weir_backend_push(void *backend, struct weir_batch *batch)
{
    return weir_queue_push(((struct weir_backend *)backend)->queue, batch);
}

bool weir_backend_wanted(const struct weir_backend *backend)
{
    return weir_queue_wanted(backend->queue) > 0;
}

bool weir_backend_failed(const struct weir_backend *backend)
{
    return weir_writer_status(backend->writer, NULL) != WEIR_OK;
}

weir_err weir_backend_status(const struct weir_backend *backend, struct weir_error *error)
{
    return weir_writer_status(backend->writer, error);
}

bool weir_backend_trouble(const struct weir_backend *backend, char *text, size_t size)
{
    return weir_writer_trouble(backend->writer, text, size);
}

const atomic_int_fast64_t *weir_backend_service(const struct weir_backend *backend)
{
    return &backend->service_ns;
}

void weir_backend_queue(const struct weir_backend *backend, size_t *depth, size_t *room, int64_t *age_ns)
{
    *age_ns = weir_queue_age(backend->queue);
    *depth = weir_queue_depth(backend->queue);
    *room = QUEUE_BATCHES;
}

weir_err weir_backend_reload(struct weir_backend *backend, weir_model *model, struct weir_error *error)
{
    struct weir_judge *judge;
    weir_err code = weir_judge_create(model, true, &backend->columns, backend->workers, backend->reasons, &judge, error);
    if (code == WEIR_OK) {
        weir_seat_change(&backend->seat, judge);
        atomic_fetch_add_explicit(&backend->reloads, 1, memory_order_relaxed);
    }
    return code;
}

uint64_t weir_backend_reloads(const struct weir_backend *backend)
{
    return atomic_load_explicit(&backend->reloads, memory_order_relaxed);
}

void weir_backend_limit(struct weir_backend *backend, uint64_t rotate_bytes, const struct weir_retention *retention)
{
    weir_writer_limit(backend->writer, rotate_bytes, retention);
}

void weir_backend_model(struct weir_backend *backend, char *label, size_t size)
{
    struct weir_judge *judge = weir_seat_ask(&backend->seat);
    snprintf(label, size, "%s", weir_model_label(judge->model));
    weir_judge_release(&judge);
}

void weir_backend_account(struct weir_backend *backend, struct weir_account *account)
{
    /* the writer first: what it has committed has been scored */
    weir_writer_account(backend->writer, account);
    account->rows.scored = atomic_load_explicit(&backend->scored, memory_order_relaxed);
}

unsigned weir_backend_alerts(struct weir_backend *backend, struct weir_alert_line *lines)
{
    return weir_writer_alerts(backend->writer, lines);
}

weir_err weir_backend_sql(struct weir_backend *backend, struct weir_sql **out, struct weir_error *error)
{
    if (!backend->store)
        return weir_fail(error, WEIR_ERR_NOT_FOUND, "query: this run keeps no store");
    return weir_sql_attach(backend->store, WEIR_SQL_MEMORY, out, error);
}

void weir_backend_health(struct weir_backend *backend, const char *account_json)
{
    weir_writer_health(backend->writer, account_json);
}

weir_err weir_backend_drain(struct weir_backend *backend, struct weir_error *error)
{
    join(backend);
    if (backend->outcome != WEIR_OK && error)
        *error = backend->failure;
    return backend->outcome;
}

weir_err weir_backend_finish(struct weir_backend *backend, const char *account_json, struct weir_error *error)
{
    weir_err code = WEIR_OK;
    struct weir_error local = {0};
    /* after a failure, too: the account tells of it, if there is room for that */
    if (backend->store && weir_store_is_open(backend->store))
        code = weir_store_finish(backend->store, account_json, backend->outcome == WEIR_OK ? error : NULL);
    if (backend->outcome != WEIR_OK)
        code = WEIR_OK; /* the first failure counts */
    weir_err eve = weir_eve_close(&backend->eve, &local);
    if (eve != WEIR_OK && backend->outcome == WEIR_OK && code == WEIR_OK) {
        code = eve;
        if (error)
            *error = local;
    }
    weir_store_close(&backend->store);
    return code;
}

uint64_t weir_backend_boot(const struct weir_backend *backend)
{
    return backend->store ? weir_store_boot(backend->store) : 0;
}

const char *weir_backend_run(const struct weir_backend *backend)
{
    return backend->run;
}

void weir_backend_free(struct weir_backend **backend)
{
    if (!backend || !*backend)
        return;
    struct weir_backend *b = *backend;
    join(b);
    weir_writer_destroy(&b->writer);
    if (b->seated)
        weir_seat_fini(&b->seat);
    weir_eve_close(&b->eve, NULL);
    weir_publish_close(&b->publish);
    weir_store_close(&b->store);
    weir_queue_free(&b->queue);
    weir_backlog_destroy(&b->backlog);
    free(b->taken);
    weir_pool_destroy(&b->pool);
    free(b->worker);
    free(b->worker_thread);
    free(b);
    *backend = NULL;
}
