/* The other front half: flow records from elsewhere, in the place of a sensor's lanes (pipeline/sensor.h).
 *
 *   intake ─▶ thread 0..T-1: lines ─▶ cells ─▶ row ─▶ batcher ─▶ send
 *                                        frame ─▶ row ─▶
 *
 * It fills batches of the same pool with the same columns and hands them to the same weir_batcher_send as a sensor does, each
 * thread as a lane of its own number: what is behind it cannot tell them apart. So a command that has a sensor can have this
 * instead: weir_ingest_open before rights are dropped (after, for a socket: weir_ingest_has_threads), weir_ingest_start where it
 * would call weir_sensor_start, and the functions below as those of the sensor; weir_ingest_stop and _status stand for the
 * source's.
 *
 * When no batch is free all wait, and with them the pipe that the rows come from; with `shed` rows are thrown away instead, and
 * counted. Open, start, join, free: one owner. The others: any thread.
 */
#ifndef WEIR_PIPELINE_INGEST_H
#define WEIR_PIPELINE_INGEST_H

#include "batch/batcher.h"
#include "pipeline/account.h"
#include "pipeline/intake.h"
#include "pipeline/tally.h"

struct weir_ingest;

#define WEIR_INGEST_THREADS_MAX 64

struct weir_ingest_config {
    const char *input; /* as in weir_intake_config; NULL: rows do not come from elsewhere */
    enum weir_lines_format format;
    const char *key, *const *peers; /* of a socket */
    size_t peer_count;
    const char *const *map; /* "stime=Timestamp" */
    size_t map_count;
    const char *const *columns; /* of lines without a title; NULL-terminated, or NULL */
    unsigned threads;
    bool shed;
};

/* True for a socket, which belongs to threads of its library: it is opened when rights are dropped already. */
bool weir_ingest_has_threads(const struct weir_ingest_config *config);

/* Opens the input and makes the layout of `columns`, which are the batches'. `config` is copied, what it points to outlives the
 * ingest. Errors name the setting or the file; WEIR_ERR_MISMATCH lists columns that a file lacks. */
weir_err weir_ingest_open(const struct weir_ingest_config *config, const struct weir_view *view, const uint16_t *columns,
                          uint16_t column_count, struct weir_ingest **out, struct weir_error *error);

struct weir_ingest_start {
    unsigned batch_rows;
    int64_t max_delay_ns;
    int64_t budget_ns; /* and the next: as in weir_batcher_config */
    const atomic_int_fast64_t *service_ns;
    uint64_t boot;
    struct weir_tally *tally; /* NULL: none */
    struct weir_pool *pool;
    weir_batcher_send *send;             /* called by every thread */
    bool (*wanted)(const void *context); /* an idle worker asks for a batch */
    void *context;
};

weir_err weir_ingest_start(struct weir_ingest *ingest, const struct weir_ingest_start *start, struct weir_error *error);

/* True while a thread runs. They end with the input, having handed on their last batches. */
bool weir_ingest_running(const struct weir_ingest *ingest);

/* Early end: what has been read is finished. */
void weir_ingest_stop(struct weir_ingest *ingest);

/* WEIR_OK, or what has ended the reading. */
weir_err weir_ingest_status(struct weir_ingest *ingest, struct weir_error *error);

/* Share of the file that has been read, or -1. */
double weir_ingest_progress(struct weir_ingest *ingest);

/* Fills ingest, the records by reason, rows.batched, rows.shed and rows.unscored: at most a piece old while threads run, exact
 * after the join. */
void weir_ingest_account(struct weir_ingest *ingest, struct weir_account *account);

/* Waits for the threads. */
void weir_ingest_join(struct weir_ingest *ingest);

/* Frees; joins first. Sets *ingest to NULL; NULL-safe. */
void weir_ingest_free(struct weir_ingest **ingest);

#endif
