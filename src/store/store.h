/* The store: verdicts into DuckDB from one writer.
 *
 * What programs read (columns: docs/design.md, "What programs read"): `verdicts`, `reasons`, `runs`, `health`, `outages`, and
 * `meta` with the schema's version. `verdicts` is a view: what all rows of a batch share (run, sensor, model, threshold, ...)
 * stands once in `contexts`, the rows in `verdict_rows`, names of protocols and reasons are codes there. That is 2.5 times
 * quicker to write than the same columns spelled out in each row.
 *
 *   verdict_rows.context ─▶ contexts(context, run, sensor, boot, lane, feature_set, model, threshold, class)
 *
 * An existing file is appended to, as a new run. Rows are gathered into vectors of 2,048, appended, and become durable with
 * weir_store_commit. A commit of WEIR_STORE_COMMIT_ROWS or more is the quickest: DuckDB then compresses and writes the rows once,
 * past its log. A store belongs to one thread, but for what says "any thread".
 *
 * Others may read meanwhile, through the writer's own process only. So the database has no way to files but its own, and its
 * configuration is locked.
 */
#ifndef WEIR_STORE_STORE_H
#define WEIR_STORE_STORE_H

#include <stdbool.h>
#include <stdint.h>

#include "batch/note_frame.h"
#include "batch/verdict.h"
#include "store/marks.h"
#include "store/retention.h"
#include "weir/error.h"

#define WEIR_STORE_SCHEMA      3
#define WEIR_STORE_COMMIT_ROWS 98304

/* What DuckDB may hold for the writer: what is not committed yet, its log, and a cache of what was written. More of it made no
 * write quicker (docs/limits.md). */
#define WEIR_STORE_MEMORY     ((uint64_t)192 << 20)
#define WEIR_STORE_MEMORY_MIN ((uint64_t)160 << 20)

/* What it may hold beyond that while it writes to the lake. */
#define WEIR_LAKE_MEMORY ((int64_t)384 << 20)

struct weir_duck;
struct weir_loan;
struct weir_store;

struct weir_store_config {
    const char *path;    /* a file (":memory:" for benches and tests), or a folder (store/folder.h): it is one or ends with '/' */
    const char *sensor;  /* sensor id */
    const char *command; /* the command line, kept in `runs` */
    const char *lake;    /* folder for Parquet files, too (store/lake.h); NULL: none */
    int64_t lake_every_ns; /* longest wait of a row for it; 0: a minute */
    /* for a folder: */
    uint64_t rotate_bytes; /* the next file begins at this size; 0: only with the next day */
    struct weir_retention retention;
    uint64_t memory_bytes;    /* for the writer, without what queries beside it get; 0: WEIR_STORE_MEMORY */
    bool collects;            /* takes batches of other processes' sensors: a file whose marks cannot be read is a failure */
    bool without_room;        /* a full disk at the start is no failure: weir_store_reopen comes later */
    int64_t (*wall_ns)(void); /* for tests; NULL: weir_clock_wall_ns */
};

/* What must be free for a store that found its disk full to be tried again: several commits' worth. */
#define WEIR_STORE_ROOM ((uint64_t)16 << 20)

/* Opens or creates, brings an older schema version up, begins a run. When the last run of the same sensor was killed, an outage
 * row says so (store/outage.h). In a folder: takes its lock, applies the retention, goes on with today's last file or begins one.
 * Errors of weir_duck_open and weir_folder_lock; WEIR_ERR_MISMATCH for a schema of another version or a database that is no
 * store; WEIR_ERR_IO. */
weir_err weir_store_open(const struct weir_store_config *config, struct weir_store **out, struct weir_error *error);

/* Rolls back what is not committed, closes, sets *store to NULL. NULL-safe. */
void weir_store_close(struct weir_store **store);

/* The run's UUID text. */
const char *weir_store_run(const struct weir_store *store);

/* The run's number in this store: 0, 1, ... */
uint64_t weir_store_boot(const struct weir_store *store);

/* The file that is written. */
const char *weir_store_path(const struct weir_store *store);

/* The folder, NULL for a single file. Any thread. */
const char *weir_store_folder(const struct weir_store *store);

/* Between the two the store does not go on in another file: whoever begins to read it finds what belongs together. Any thread,
 * for moments; not twice by one. */
void weir_store_hold(struct weir_store *store);
void weir_store_let_go(struct weir_store *store);

/* A connection of its own to the open store, for one that reads (store/sql.h). Any thread; to be closed before the store.
 * WEIR_ERR_BUSY: no file is open, as after a failure on a full disk. */
weir_err weir_store_connect(struct weir_store *store, struct weir_duck **out, struct weir_error *error);

/* Of the memory that its database may hold. Any thread. */
struct weir_loan *weir_store_loan(struct weir_store *store);

/* Whether the store has a batch or note of another process's sensor. */
enum weir_mark_state weir_store_ask(struct weir_store *store, const struct weir_batch_id *id);

/* Appends the rows of one batch and the causes of its alerts. One with an origin is noted in the marks, in the same transaction;
 * it must be new (weir_store_ask). On failure all rows since the last commit are gone, and the store can be tried again.
 * WEIR_ERR_IO (disk full), WEIR_ERR_LIBRARY, WEIR_ERR_MEMORY. */
weir_err weir_store_append(struct weir_store *store, const struct weir_verdicts *verdicts, struct weir_error *error);

/* What pressure has kept out of the store, beside a batch that was appended (or would have been, while the store takes nothing):
 * so many verdicts that are no alerts, so many explanations of alerts. `outages` tells of it with the next commit
 * (store/lapse.h). On failure as weir_store_append: WEIR_ERR_MEMORY. */
weir_err weir_store_degrade(struct weir_store *store, const struct weir_verdicts *verdicts, uint64_t rows, uint64_t reasons,
                            struct weir_error *error);

/* A note of another process's sensor (store/boots.h), which must be new, too. Its name is UTF-8. Errors as weir_store_append. */
weir_err weir_store_note(struct weir_store *store, const struct weir_note *note, struct weir_error *error);

/* A sensor sends what the store has: its mark is among those of the next weir_store_marks. */
void weir_store_tell(struct weir_store *store, const struct weir_batch_id *id);

/* The marks that commits have changed since the last call, at most `room`: call again until none is left. At first all. */
size_t weir_store_marks(struct weir_store *store, struct weir_mark *out, size_t room);

/* Commits what was appended; *rows (may be NULL): how many rows became durable. On failure all uncommitted rows are gone. */
weir_err weir_store_commit(struct weir_store *store, uint64_t *rows, struct weir_error *error);

/* Other limits for a folder from here on; what is too old or too much by them goes at once. What cannot be removed is logged. */
void weir_store_limit(struct weir_store *store, uint64_t rotate_bytes, const struct weir_retention *retention);

/* In a folder, with nothing uncommitted: when the day has changed (UTC) or the file is large, closes it, applies the retention
 * and goes on with the next (*rotated); else does nothing. The run has a row in every file. After a failure there is no file
 * until weir_store_reopen has succeeded. */
weir_err weir_store_rotate(struct weir_store *store, bool *rotated, struct weir_error *error);

/* With nothing uncommitted: writes to the lake what is due. After a failure it goes on where it was; the store is as it was. */
weir_err weir_store_lake(struct weir_store *store, struct weir_error *error);

/* Rolls back what is not committed. */
void weir_store_drop(struct weir_store *store);

/* True while a file is open for writing: not after a failed rotation, or a start without room. */
bool weir_store_is_open(const struct weir_store *store);

/* After a failure: opens the file anew. DuckDB gives a file up when it could not fold in its log. What was not committed is gone;
 * *found: how many of this run's rows are in the file beyond those that weir_store_commit has told of, because a commit that
 * failed had become durable. */
weir_err weir_store_reopen(struct weir_store *store, int64_t *found, struct weir_error *error);

/* What is free where the store writes. False: not known. */
bool weir_store_room(const struct weir_store *store, uint64_t *bytes);

/* False while less than WEIR_STORE_ROOM is free. */
bool weir_store_has_room(const struct weir_store *store);

/* In a folder with a retention by size: removes closed files, the oldest first, until `bytes` are free or no more is left. Any
 * time between two transactions. */
weir_err weir_store_make_room(struct weir_store *store, uint64_t bytes, struct weir_error *error);

/* Writes an outage row about this run; `run`, `sensor` and `boot` are filled in. Durable with the next commit. */
struct weir_outage;
weir_err weir_store_outage(struct weir_store *store, const struct weir_outage *outage, struct weir_error *error);

/* What the retention has removed since the open. */
struct weir_removed weir_store_removed(const struct weir_store *store);

/* Writes a health row: the account as JSON text. Durable with the next commit. */
weir_err weir_store_health(struct weir_store *store, int64_t time_ns, const char *account_json, struct weir_error *error);

/* Ends the run: keeps the closing account in `runs`, commits, folds the log into the file, and writes the rest to the lake. */
weir_err weir_store_finish(struct weir_store *store, const char *account_json, struct weir_error *error);

#endif
