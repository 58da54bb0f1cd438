/* The middle of the house in a process of its own: batches of sensors in, verdicts for a collector out.
 *
 *   transport ─▶ worker 0..W-1: check the frame, judge, explain ─▶ transport
 *
 * Each worker is a thread with an end of its own. A batch is taken, judged and handed on before the next one; what is lost on the
 * way the sensor sends again. Column lists that the model cannot score stay in the queue, and it is said which; over zmq, where
 * an address carries one list, it fails when that is so of all from the start.
 *
 * Start, finish, free: one owner. All else: any thread.
 */
#ifndef WEIR_PIPELINE_INFER_H
#define WEIR_PIPELINE_INFER_H

#include "pipeline/account.h"
#include "pipeline/job.h"
#include "pipeline/judge.h"
#include "queue/transport.h"

struct weir_infer;

/* What to do about batches that come late, 250 ms or more after their sensor has handed them on (by the clocks of both machines):
 * their alerts are not explained; a second later still, only their alerts are stored. */
enum weir_infer_overload {
    WEIR_INFER_BY_SENSOR, /* with batches whose sensor allows it */
    WEIR_INFER_BLOCK,     /* never */
    WEIR_INFER_DEGRADE    /* with all */
};

#define WEIR_INFER_LATE_NS      ((int64_t)250 * 1000000)
#define WEIR_INFER_VERY_LATE_NS ((int64_t)1250 * 1000000)

struct weir_infer_config {
    weir_model *model;      /* becomes the infer's on WEIR_OK */
    const weir_model *lent; /* or this, which stays the caller's and outlives the infer */
    enum weir_infer_overload overload;
    enum weir_reasons reasons;              /* how alerts are explained */
    unsigned workers;                       /* 1..WEIR_WORKERS_MAX */
    struct weir_transport_config transport; /* what it points to outlives the infer */
};

/* Opens the ends and starts the threads. Errors of weir_worker_end_open; WEIR_ERR_MISMATCH: a model that no feature set of this
 * program fits. */
weir_err weir_infer_start(const struct weir_infer_config *config, struct weir_infer **out, struct weir_error *error);

/* False once a worker has failed for ever. */
bool weir_infer_busy(struct weir_infer *infer);

/* Takes no more; what was taken is judged and handed on. */
void weir_infer_stop(struct weir_infer *infer);

/* Batches that are taken from now on are judged by another model, which becomes the infer's on WEIR_OK. WEIR_ERR_MISMATCH when it
 * does not fit a column list that is being scored. */
weir_err weir_infer_reload(struct weir_infer *infer, weir_model *model, struct weir_error *error);

/* The label of the model of the day ("name:version"). */
void weir_infer_model(struct weir_infer *infer, char *label, size_t size);

/* At most 50 ms old while the threads run, exact after finish. */
void weir_infer_account(struct weir_infer *infer, struct weir_account *account);

/* What is wrong although it goes on, for people. False: nothing. */
bool weir_infer_trouble(struct weir_infer *infer, char *text, size_t size);

/* For its control socket. */
struct weir_job weir_infer_job(struct weir_infer *infer);

/* Stops if that was not done, waits for the threads, fills the closing account. The result is the first failure, or an account
 * that does not add up. */
weir_err weir_infer_finish(struct weir_infer *infer, struct weir_account *account, struct weir_error *error);

/* Frees; finishes if that was not done. Sets *infer to NULL; NULL-safe. */
void weir_infer_free(struct weir_infer **infer);

#endif
