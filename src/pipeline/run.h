/* The main job: source, sensor and backend put together, with one stop and one account. Flow records from elsewhere take the
 * place of source and sensor; a sender, whose batches are judged in other processes, that of the backend.
 *
 * One owner thread; stop may come from any thread.
 */
#ifndef WEIR_PIPELINE_RUN_H
#define WEIR_PIPELINE_RUN_H

#include "base/rights.h"
#include "pipeline/backend.h"
#include "pipeline/ingest.h"
#include "pipeline/job.h"
#include "pipeline/relay.h"
#include "pipeline/sender.h"
#include "pipeline/sensor.h"

struct weir_run;

struct weir_run_config {
    struct weir_source_config source;
    struct weir_ingest_config ingest; /* with an input there is no source */
    /* With a queue in it there is a sender, and no backend; with a store, too, workers and collector are threads of this process
     * (pipeline/relay.h). What a sender has to know of sensor, command and batches is filled in. */
    struct weir_sender_config sender;
    const weir_model *model; /* outlives the run; with a sender NULL when the columns are given */
    const struct weir_view *view;
    const char *const *columns; /* what the batches carry, names of the view; NULL: what the model wants */
    size_t column_count;
    unsigned lanes, workers, batch_rows;
    enum weir_reasons reasons;
    int64_t max_delay_ns;
    int64_t budget_ns; /* as in weir_batcher_config */
    bool degrade;      /* as in weir_backend_config */
    int64_t behind_ns; /* as in weir_sensor_config */
    size_t flows;
    const char *queue, *store, *eve, *publish, *sensor, *command; /* as in weir_backend_config */
    uint64_t rotate_bytes;
    uint64_t store_memory; /* bytes for the store's writer; 0: the default */
    struct weir_retention retention;
    enum weir_on_full on_full;
    const struct weir_rights *rights; /* dropped once the source is open; NULL: kept */
};

/* Checks that the model fits the view and the columns, nothing else. Errors name what does not fit. */
weir_err weir_run_check(const struct weir_run_config *config, struct weir_error *error);

/* For a run over flow records from elsewhere: opens the input and closes it; of a regular file the first line is read. */
weir_err weir_run_check_input(const struct weir_run_config *config, struct weir_error *error);

/* Does the same check, opens the source, and drops rights. There is no thread yet. `config` is
 * copied, what it points to outlives the run. */
weir_err weir_run_open(const struct weir_run_config *config, struct weir_run **out, struct weir_error *error);

/* Opens the outputs and starts the threads. After a failure the run can only be freed. */
weir_err weir_run_start(struct weir_run *run, struct weir_error *error);

/* True until all packets are metered and batched (or the store has failed: then the source is stopped). */
bool weir_run_busy(struct weir_run *run);

/* Early end: what has been read is finished. */
void weir_run_stop(struct weir_run *run);

/* The account so far. Any thread. */
void weir_run_account(struct weir_run *run, struct weir_account *account);

/* Judges with another model from the next batch on: weir_backend_reload. Any thread. */
weir_err weir_run_reload(struct weir_run *run, weir_model *model, struct weir_error *error);

/* Other limits for a store in a folder: weir_backend_limit. Any thread. */
void weir_run_limit(struct weir_run *run, uint64_t rotate_bytes, const struct weir_retention *retention);

struct weir_backend *weir_run_backend(struct weir_run *run); /* NULL: a queue between processes */
struct weir_sender *weir_run_sender(struct weir_run *run);   /* NULL: a backend */

/* False: this run sends its batches to workers elsewhere, and judges nothing itself. */
bool weir_run_judges(const struct weir_run *run);

/* The label of the model of the day; "" when it judges nothing. Any thread. */
void weir_run_model(struct weir_run *run, char *label, size_t size);

/* Copies the newest alerts; returns how many. */
unsigned weir_run_alerts(struct weir_run *run, struct weir_alert_line *lines);

/* The id of its verdicts in the store; "" without. */
void weir_run_id(struct weir_run *run, char id[static 64]);

/* The account of now, to be kept beside the verdicts. */
void weir_run_health(struct weir_run *run, const char *account_json);

/* For its control socket. */
struct weir_job weir_run_job(struct weir_run *run);

/* WEIR_OK, or what is wrong with what is read: damage in a file. Any thread. */
weir_err weir_run_input_status(struct weir_run *run, struct weir_error *error);

/* Share of the input that has been read, or -1: not known. Any thread. */
double weir_run_progress(struct weir_run *run);

/* Drains everything, closes the outputs, fills the closing account. The result is the first of: store or EVE failure, an account
 * that does not add up, damage in what was read. */
weir_err weir_run_finish(struct weir_run *run, struct weir_account *account, struct weir_error *error);

/* Frees; sets *run to NULL; NULL-safe. */
void weir_run_free(struct weir_run **run);

#endif
