/* The collector: verdicts of workers in other processes and on other machines into one store.
 *
 *   transport ─▶ frames ─▶ known already? ─▶ writer (store, EVE) ─▶ commit ─▶ marks ─▶ transport ─▶ sensors
 *
 * One thread does all of it, the writer's: a frame is checked, its rows go into the store's vectors, and the frame is given back.
 * Nothing is acknowledged before it is committed, and each batch and note is committed once (store/marks.h): so links, workers,
 * sensors and this process may come and go at any moment. The models are whatever the frames name.
 *
 * Create, finish, free: one owner. Stop, account, status, limit, health: any thread.
 */
#ifndef WEIR_PIPELINE_COLLECT_H
#define WEIR_PIPELINE_COLLECT_H

#include "pipeline/backend.h"
#include "pipeline/job.h"
#include "queue/transport.h"

struct weir_collect;

struct weir_collect_config {
    const struct weir_transport_config *transport; /* outlives the collector */
    struct weir_collector_end *end;                /* an open end in its place, which becomes the collector's; NULL: none */
    const char *store;                             /* a file or a folder */
    uint64_t rotate_bytes;
    uint64_t store_memory; /* bytes for the store's writer; 0: the default */
    struct weir_retention retention;
    enum weir_on_full on_full;  /* stop, or (else) go on: nothing is taken until there is room */
    const char *eve;            /* NULL: none */
    const char *publish;        /* URL for subscribers, with the transport's keys; NULL: none */
    const char *lake;           /* folder for Parquet files, too (store/lake.h); NULL: none */
    const char *name, *command; /* this collector's, for the store's `runs` */
    int64_t commit_interval_ns; /* 0: 250 ms */
    uint64_t commit_rows;       /* 0: 100,000 */
};

/* Opens store, EVE and the transport, tells the sensors what the store has, starts the thread. Errors of what it opens. */
weir_err weir_collect_start(const struct weir_collect_config *config, struct weir_collect **out, struct weir_error *error);

/* True until it was stopped, or has failed. */
bool weir_collect_busy(struct weir_collect *collect);

/* Takes no more; what was taken is committed. */
void weir_collect_stop(struct weir_collect *collect);

void weir_collect_account(struct weir_collect *collect, struct weir_account *account);
unsigned weir_collect_alerts(struct weir_collect *collect, struct weir_alert_line *lines);
void weir_collect_limit(struct weir_collect *collect, uint64_t rotate_bytes, const struct weir_retention *retention);
void weir_collect_health(struct weir_collect *collect, const char *account_json);

/* For its control socket. */
struct weir_job weir_collect_job(struct weir_collect *collect);

/* The store's run id of this collector; valid until free. */
const char *weir_collect_run(const struct weir_collect *collect);

/* Stops if that was not done, closes the outputs, fills the closing account. The result is the first of: a failure of the store,
 * EVE or the transport, an account that does not add up. */
weir_err weir_collect_finish(struct weir_collect *collect, struct weir_account *account, struct weir_error *error);

/* Frees; sets *collect to NULL; NULL-safe. */
void weir_collect_free(struct weir_collect **collect);

#endif
