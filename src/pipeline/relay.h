/* The back half over a real queue, in one process: what sensor, workers and collector are in processes of their own, as threads.
 *
 *   push ─▶ sender ─▶ transport ─▶ infer (workers) ─▶ transport ─▶ collect (store, EVE)
 *             ▲                                                      │
 *             └──────────────────────── marks ──────────────────────┘
 *
 * So `weir run --queue redis://...` is a cluster of one machine, which others may join. Start, finish, free: one owner. All else:
 * any thread.
 */
#ifndef WEIR_PIPELINE_RELAY_H
#define WEIR_PIPELINE_RELAY_H

#include "pipeline/collect.h"
#include "pipeline/infer.h"
#include "pipeline/sender.h"

struct weir_relay;

struct weir_relay_config {
    struct weir_sender_config sender; /* its transport has one queue; results may be missing: beside the queue then */
    const weir_model *model;          /* outlives the relay */
    enum weir_reasons reasons;
    unsigned workers;
    struct weir_collect_config collect; /* without transport */
};

/* Opens the store first, and starts the threads. `config` is copied, what it points to outlives the relay. Errors of the parts.
 */
weir_err weir_relay_start(const struct weir_relay_config *config, struct weir_relay **out, struct weir_error *error);

/* For pool, push, notes and marks; the relay's. */
struct weir_sender *weir_relay_sender(struct weir_relay *relay);

/* True once a part has failed for ever. */
bool weir_relay_failed(struct weir_relay *relay);

/* WEIR_OK, or that failure. */
weir_err weir_relay_status(struct weir_relay *relay, struct weir_error *error);

/* What is wrong although it goes on, for people. */
bool weir_relay_trouble(struct weir_relay *relay, char *text, size_t size);

/* The run of these verdicts in the store: the sensor's. */
void weir_relay_run(struct weir_relay *relay, char run[static 40]);

weir_err weir_relay_reload(struct weir_relay *relay, weir_model *model, struct weir_error *error); /* weir_infer_reload */
uint64_t weir_relay_reloads(struct weir_relay *relay);
void weir_relay_model(struct weir_relay *relay, char *label, size_t size);
unsigned weir_relay_alerts(struct weir_relay *relay, struct weir_alert_line *lines);
void weir_relay_limit(struct weir_relay *relay, uint64_t rotate_bytes, const struct weir_retention *retention);
weir_err weir_relay_sql(struct weir_relay *relay, struct weir_sql **out, struct weir_error *error);

/* Fills all that a backend fills, as the collector sees it, and what is remote. */
void weir_relay_account(struct weir_relay *relay, struct weir_account *account);

/* No more batches: waits until marks cover all, then ends workers and collector. The result is the first failure. */
weir_err weir_relay_finish(struct weir_relay *relay, const char *closed, struct weir_error *error);

/* Frees; sets *relay to NULL; NULL-safe. */
void weir_relay_free(struct weir_relay **relay);

#endif
