/* The back half: queue, workers, writer. Batches in, verdicts in the store, EVE and live view out.
 *
 *   push ─▶ queue ─▶ worker 0..W-1 (score, judge, explain) ─▶ ring ─▶ writer (DuckDB, EVE)
 *
 * The pool bounds what is inside: whoever fills batches takes them from it and waits when all are under way.
 * Create, finish, free: one owner. Push and snapshot: any thread.
 */
#ifndef WEIR_PIPELINE_BACKEND_H
#define WEIR_PIPELINE_BACKEND_H

#include <stdatomic.h>

#include "batch/pool.h"
#include "features/view.h"
#include "pipeline/account.h"
#include "pipeline/judge.h"
#include "queue/queue.h"
#include "store/retention.h"
#include "weir/model.h"

struct weir_backend;

/* What a run does when the disk of its store or of EVE is full. */
enum weir_on_full {
    WEIR_ON_FULL_BY_SOURCE, /* stop for files, which can be read again, withhold for interfaces: weir_run settles it */
    WEIR_ON_FULL_STOP,      /* it ends; what is scored and not kept is rejected */
    WEIR_ON_FULL_WITHHOLD   /* it goes on: verdicts are withheld and counted until there is room again */
};

struct weir_backend_config {
    const weir_model *model;      /* outlives the backend */
    const struct weir_view *view; /* of the batches */
    const char *const *columns;   /* their columns: names of the view, which outlive the backend; NULL: the model's */
    size_t column_count;
    enum weir_reasons reasons; /* how alerts are explained */
    /* Under pressure less is done: with less than a quarter of the batches free alerts are not explained (and counted as such),
     * with less than an eighth only alerts are stored, and other rows withheld as "degraded". */
    bool degrade;
    unsigned workers;      /* 1..WEIR_WORKERS_MAX */
    size_t batches;        /* size of the pool; 0: enough for the threads and the queue */
    unsigned producers;    /* how many threads fill batches */
    const char *queue;     /* URL; NULL: memory: */
    const char *store;     /* a file or a folder; NULL: verdicts are counted and thrown away */
    uint64_t rotate_bytes; /* in a folder: size of a file; 0: only the day counts */
    uint64_t store_memory; /* bytes for the store's writer; 0: the default */
    struct weir_retention retention;
    enum weir_on_full on_full;
    const char *eve;              /* EVE path; NULL: none */
    const char *publish;          /* URL for subscribers (pipeline/publish.h); NULL: none */
    const char *sensor, *command; /* for the store */
    int64_t commit_interval_ns;   /* 0: 250 ms */
    uint64_t commit_rows;         /* 0: 100,000 */
};

#define WEIR_WORKERS_MAX 64

/* The last alerts, newest first, for the live view. */
#define WEIR_ALERTS_SHOWN 5
struct weir_alert_line {
    char text[160];
};

/* Opens queue, store and EVE, starts the threads. Errors of what it opens. */
weir_err weir_backend_start(const struct weir_backend_config *config, struct weir_backend **out, struct weir_error *error);

struct weir_pool *weir_backend_pool(struct weir_backend *backend);

/* Hands a batch over; waits while the queue is full. False when the backend takes no more. Has the type weir_batcher_send. */
bool weir_backend_push(void *backend, struct weir_batch *batch);

/* True when a worker is idle. */
bool weir_backend_wanted(const struct weir_backend *backend);

/* True once the store or EVE failed: what is scored from now on is rejected, and the run should end. */
bool weir_backend_failed(const struct weir_backend *backend);

/* WEIR_OK, or that failure. Any thread. */
weir_err weir_backend_status(const struct weir_backend *backend, struct weir_error *error);

/* What is wrong although the run goes on, for people: verdicts are withheld. False: nothing. Any thread. */
bool weir_backend_trouble(const struct weir_backend *backend, char *text, size_t size);

/* Batches in the queue, how many it holds, and how long the first of them has waited. Any thread. */
void weir_backend_queue(const struct weir_backend *backend, size_t *depth, size_t *room, int64_t *age_ns);

/* What a batch takes from its handing on to its verdicts, near the upper end: for weir_batcher_config. */
const atomic_int_fast64_t *weir_backend_service(const struct weir_backend *backend);

/* From now on batches are judged with another model; those under way keep theirs, so that no row goes unjudged. The model becomes
 * the backend's on WEIR_OK. WEIR_ERR_MISMATCH when it does not fit the columns of the batches, _MEMORY. Any thread. */
weir_err weir_backend_reload(struct weir_backend *backend, weir_model *model, struct weir_error *error);

/* How often that has happened. Any thread. */
uint64_t weir_backend_reloads(const struct weir_backend *backend);

/* Other limits for a store in a folder, from the writer's next commit on. Any thread. */
void weir_backend_limit(struct weir_backend *backend, uint64_t rotate_bytes, const struct weir_retention *retention);

/* The label of the model of the day ("name:version"). Any thread. */
void weir_backend_model(struct weir_backend *backend, char *label, size_t size);

/* Fills rows.scored, store, alerts, class_rows, batches and the histograms. */
void weir_backend_account(struct weir_backend *backend, struct weir_account *account);

/* Copies the newest alerts; returns how many (<= WEIR_ALERTS_SHOWN). */
unsigned weir_backend_alerts(struct weir_backend *backend, struct weir_alert_line *lines);

/* A session for reading the store that is being written; to be closed before weir_backend_finish. Errors of weir_sql_attach;
 * WEIR_ERR_NOT_FOUND when this run keeps no store. Any thread. */
struct weir_sql;
weir_err weir_backend_sql(struct weir_backend *backend, struct weir_sql **out, struct weir_error *error);

/* Hands the writer an account to store as a health row. */
void weir_backend_health(struct weir_backend *backend, const char *account_json);

/* No more batches: waits until everything is scored and committed and the threads have ended. The result is the first failure. */
weir_err weir_backend_drain(struct weir_backend *backend, struct weir_error *error);

/* After the drain: keeps the closing account in the store and closes it. */
weir_err weir_backend_finish(struct weir_backend *backend, const char *account_json, struct weir_error *error);

/* The run's number in the store: 0, 1, ...; 0 without store. */
uint64_t weir_backend_boot(const struct weir_backend *backend);

/* The store's run id, "" without store; valid until free. */
const char *weir_backend_run(const struct weir_backend *backend);

/* Frees; drains first if that was not done. Sets *backend to NULL; NULL-safe. */
void weir_backend_free(struct weir_backend **backend);

#endif
