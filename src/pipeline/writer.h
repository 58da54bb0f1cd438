/* The writer: the one thread that owns the store and the EVE file.
 *
 * It appends verdicts as they come, gives the batches back, and commits every commit_interval or commit_rows, or
 * when the source is pressed, whichever is first.
 * EVE lines are written after the commit that they belong to. When the store or EVE fails, the writer goes on taking verdicts and
 * counts them as rejected, so that nothing upstream waits for ever.
 *
 * A full disk is no failure with WEIR_ON_FULL_WITHHOLD: verdicts that the store has no room for are counted as withheld, EVE goes
 * on if it has room and loses counted lines if not, and once a second the writer looks for room. Then it goes on by itself, and
 * the store gets a row that tells of the outage.
 *
 * Where verdicts come again until they are committed (a collector's), nothing is withheld, rejected or lost: what a failure or a
 * full disk takes away is as if it had never come, and while there is no room nothing is taken.
 */
#ifndef WEIR_PIPELINE_WRITER_H
#define WEIR_PIPELINE_WRITER_H

#include "pipeline/backend.h"
#include "pipeline/publish.h"
#include "store/eve.h"
#include "store/store.h"

struct weir_writer;

/* Where verdicts come from. All of it is called by the writer's thread. */
struct weir_writer_item { /* one of them */
    struct weir_verdicts *verdicts;
    const struct weir_note *note; /* good until the next take */
};

struct weir_writer_source {
    void *context;
    /* The next one, within timeout_ns; false: none came. */
    bool (*take)(void *context, int64_t timeout_ns, struct weir_writer_item *out);
    bool (*ended)(void *context);                                /* after a take that gave none: no more will come */
    void (*give)(void *context, struct weir_verdicts *verdicts); /* back; nothing of their names is used from here on */
    /* NULL, or: what is not committed comes again. Called after each commit. */
    void (*committed)(void *context);
    bool (*pressed)(void *context); /* the same: so much has been taken that a commit should not wait longer */
    /* The same, while there is no room: instead of a take. */
    void (*rest)(void *context, int64_t timeout_ns);
};

struct weir_writer_config {
    struct weir_writer_source source;
    struct weir_store *store;     /* or NULL */
    struct weir_eve *eve;         /* or NULL */
    struct weir_publish *publish; /* or NULL; the writer's thread has it */
    int64_t commit_interval_ns;
    uint64_t commit_rows;
    enum weir_on_full on_full;
};

weir_err weir_writer_create(const struct weir_writer_config *config, struct weir_writer **out);
void weir_writer_destroy(struct weir_writer **writer);

/* Thread body; argument: struct weir_writer *. Ends when the ring is closed and empty; everything is committed then. */
void *weir_writer_run(void *writer);

/* Any thread, while it runs or after. */
void weir_writer_account(struct weir_writer *writer, struct weir_account *account); /* rows.scored: with `committed` only */
void weir_writer_collected(struct weir_writer *writer, struct weir_collected *out); /* batches, notes and what is returned */
unsigned weir_writer_alerts(struct weir_writer *writer, struct weir_alert_line *lines);
void weir_writer_limit(struct weir_writer *writer, uint64_t rotate_bytes, const struct weir_retention *retention);
void weir_writer_health(struct weir_writer *writer, const char *account_json);
weir_err weir_writer_status(struct weir_writer *writer, struct weir_error *error);
bool weir_writer_trouble(struct weir_writer *writer, char *text, size_t size); /* weir_backend_trouble */

#endif
