#include "store/store.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "data/duck.h"
#include "store/boots.h"
#include "store/context.h"
#include "store/folder.h"
#include "store/gather.h"
#include "store/lake.h"
#include "store/lapse.h"
#include "store/loan.h"
#include "store/outage.h"
#include "store/schema.h"
#include "store/text.h"
#include "store/verdict_rows.h"

/* A row group is what DuckDB compresses and writes at once. 30 vectors: a commit of WEIR_STORE_COMMIT_ROWS rows, or what 250 ms
 * bring at full load, fills one and most of a second; with the default of 122,880 such commits would go through the log and be
 * written twice. Storage of 1.3 and later has the quick dictionaries for text. What went through the log stays in memory,
 * unpacked, until it is folded in, 2.3 bytes for one of the log, and folding in takes as much again: so that is done at 16 MB,
 * which costs no more than at 256 (measured; at full load only the reasons of alerts go through the log). A fold for which there
 * is no memory takes the database with it: WEIR_STORE_MEMORY is half as much again as was enough. What is written stays in
 * memory, too, as long as there is room: so there is only what the writer needs, and more while somebody asks (store/loan.h),
 * for which this one setting stays open. Nothing is spilled to disk. A file that is let go is not folded in then: that is done
 * before, by name, and must not hinder the way out of a full disk. */
#define ATTACH_OPTIONS "(ROW_GROUP_SIZE 61440, STORAGE_VERSION 'v1.3.0')"
#define SETTINGS                                                                                                                 \
    "SET checkpoint_threshold = '16MB'; SET temp_directory = ''; SET allowed_configs = ['memory_limit'];"                        \
    "PRAGMA disable_checkpoint_on_shutdown"

struct weir_store {
    struct weir_duck *duck;    /* the database; its connection attaches and detaches files */
    struct weir_duck *session; /* the connection that writes, in the attached file */
    char *path;                /* of the file that is written */
    char *name;                /* the file or the folder, as the user gave it: it does not change, so other threads may read it */
    char *sensor, *command;
    char run_text[WEIR_TEXT_ROOM];
    uint64_t boot;
    struct weir_loan loan;
    struct weir_gather verdicts, reasons;
    struct weir_contexts contexts;
    struct weir_marks *marks; /* of other processes' sensors */
    struct weir_boots boots;  /* the same */
    struct weir_lapses lapses;
    struct weir_lake *lake; /* or NULL */
    bool lake_behind;       /* a closed file is not in it */
    int64_t catch_up_ns;    /* monotonic: when that is tried again */
    uint64_t pending;       /* rows since the last commit */
    bool open;              /* a transaction is */
    bool attached;          /* a file is there to be written */
    bool begun;             /* the run has its row in a file */
    bool collects;
    bool counted;    /* kept is known of this file */
    int64_t kept;    /* rows in this file, as far as commits have told */
    int64_t sign_ns; /* when the file was written last before this run */
    /* a folder's: */
    char *folder; /* NULL: a single file */
    int lock;     /* -1: none */
    uint64_t rotate_bytes;
    struct weir_retention retention;
    struct weir_removed removed;
    int64_t day; /* of the file */
    uint32_t number;
    int64_t (*wall_ns)(void);
    pthread_mutex_t change; /* of the file: from one that is whole to the next, with its tables */
};

static weir_err no_memory(const struct weir_store *store, struct weir_error *error)
{
    return weir_fail(error, WEIR_ERR_MEMORY, "%s: out of memory", store->name);
}

/* Puts the path in front, and behind a full disk what is left of it. */
static weir_err fail_duck(const struct weir_store *store, weir_err code, struct weir_error *error)
{
    uint64_t room;
    if (!error)
        return code;
    struct weir_error inner = *error;
    if (code == WEIR_ERR_FULL && weir_store_room(store, &room))
        return weir_fail(error, code, "%s: %s; %llu bytes are free there, what was committed before is kept", store->path,
                         inner.text, (unsigned long long)room);
    return weir_fail(error, code, "%s: %s", store->path, inner.text);
}

static weir_err run_sql(struct weir_store *store, const char *sql, struct weir_error *error)
{
    weir_err code = weir_duck_run(store->session, sql, error);
    return code == WEIR_OK ? code : fail_duck(store, code, error);
}

static weir_err run_with(struct weir_store *store, const char *sql, const char *const *values, unsigned count,
                         struct weir_error *error)
{
    weir_err code = weir_duck_run_with(store->session, sql, values, count, error);
    return code == WEIR_OK ? code : fail_duck(store, code, error);
}

/* --- the transaction --- */

/* After a failure: nothing of the transaction is kept, the next append begins anew. */
static void roll_back(struct weir_store *store)
{
    /* what the appenders still hold goes into the transaction that is about to be rolled back */
    weir_gather_drop(&store->verdicts);
    weir_gather_drop(&store->reasons);
    if (store->open)
        weir_duck_run(store->session, "ROLLBACK", NULL);
    store->open = false;
    store->pending = 0;
    weir_contexts_forget(&store->contexts); /* some may never have become durable */
    weir_boots_forget(&store->boots);
    weir_marks_undo(store->marks);
    weir_lapses_undo(&store->lapses);
}

static weir_err begin(struct weir_store *store, struct weir_error *error)
{
    weir_err code = WEIR_OK;
    if (store->open)
        return WEIR_OK;
    if (!weir_store_is_open(store))
        return weir_fail(error, WEIR_ERR_IO, "%s: not open; it could not be opened again", store->path);
    if ((code = weir_gather_begin(&store->verdicts, error)) == WEIR_OK &&
        (code = weir_gather_begin(&store->reasons, error)) == WEIR_OK)
        code = run_sql(store, "BEGIN TRANSACTION", error);
    store->open = code == WEIR_OK;
    return code;
}

/* Whose rows they are; what comes from another process is noted. */
static weir_err note_origin(struct weir_store *store, const struct weir_origin *origin, const struct weir_batch_id *id,
                            const char **run, struct weir_error *error)
{
    if (weir_marks_ask(store->marks, id) != WEIR_MARK_NEW)
        return weir_fail(error, WEIR_ERR_ARGUMENT, "%s: has batch %llu of sensor %s already", store->name,
                         (unsigned long long)id->seq, origin->name);
    weir_err code = weir_boots_meet(&store->boots, origin, id->boot, run, error);
    if (code == WEIR_OK)
        code = weir_marks_take(store->marks, id, store->wall_ns(), error);
    return code == WEIR_OK ? code : fail_duck(store, code, error);
}

static weir_err choose_context(struct weir_store *store, const struct weir_verdicts *v, struct weir_error *error)
{
    const char *run = store->run_text, *sensor = store->sensor;
    if (v->origin) {
        struct weir_batch_id id = {.boot = v->batch->boot, .lane = v->batch->lane, .seq = v->batch->seq};
        memcpy(id.sensor, v->origin->sensor, sizeof id.sensor);
        weir_err code = note_origin(store, v->origin, &id, &run, error);
        if (code != WEIR_OK)
            return code;
        sensor = v->origin->name;
    }
    return weir_contexts_choose(&store->contexts, v, run, sensor) ? WEIR_OK : no_memory(store, error);
}

weir_err weir_store_append(struct weir_store *store, const struct weir_verdicts *verdicts, struct weir_error *error)
{
    weir_err code = begin(store, error);
    if (code == WEIR_OK)
        code = choose_context(store, verdicts, error);
    if (code == WEIR_OK)
        code = weir_verdict_rows_put(&store->verdicts, &store->contexts, verdicts, error);
    if (code == WEIR_OK)
        code = weir_reason_rows_put(&store->reasons, &store->contexts, verdicts, error);
    if (code != WEIR_OK) {
        roll_back(store);
        return code;
    }
    store->pending += verdicts->batch->rows;
    return WEIR_OK;
}

weir_err weir_store_degrade(struct weir_store *store, const struct weir_verdicts *verdicts, uint64_t rows, uint64_t reasons,
                            struct weir_error *error)
{
    const struct weir_origin *origin = verdicts->origin;
    struct weir_lapse_of of = {.run = store->run_text, .sensor = store->sensor, .boot = store->boot};
    char run[40];
    if (origin) {
        weir_boots_run(origin->sensor, verdicts->batch->boot, run);
        of = (struct weir_lapse_of){.run = run, .sensor = origin->name, .boot = verdicts->batch->boot, .again = true};
    }
    int64_t now_ns = store->wall_ns();
    bool good = (!rows || weir_lapses_add(&store->lapses, &of, WEIR_LAPSE_STORE, rows, now_ns)) &&
                (!reasons || weir_lapses_add(&store->lapses, &of, WEIR_LAPSE_REASONS, reasons, now_ns));
    if (good)
        return WEIR_OK;
    weir_store_drop(store);
    return no_memory(store, error);
}

weir_err weir_store_commit(struct weir_store *store, uint64_t *rows, struct weir_error *error)
{
    weir_err code = WEIR_OK;
    if (rows)
        *rows = 0;
    if (!store->open && weir_store_is_open(store) && weir_lapses_wait(&store->lapses))
        code = begin(store, error);
    if (!store->open)
        return code;
    if ((code = weir_gather_flush(&store->verdicts, error)) == WEIR_OK)
        code = weir_gather_flush(&store->reasons, error);
    if (code == WEIR_OK && ((code = weir_lapses_write(&store->lapses, store->session, error)) != WEIR_OK ||
                            (code = weir_marks_write(store->marks, store->session, error)) != WEIR_OK))
        fail_duck(store, code, error);
    if (code == WEIR_OK)
        code = run_sql(store, "COMMIT", error);
    if (code != WEIR_OK) {
        roll_back(store);
        return code;
    }
    weir_marks_keep(store->marks);
    weir_lapses_keep(&store->lapses);
    if (rows)
        *rows = store->pending;
    store->kept += (int64_t)store->pending;
    store->pending = 0;
    store->open = false;
    return WEIR_OK;
}

enum weir_mark_state weir_store_ask(struct weir_store *store, const struct weir_batch_id *id)
{
    return weir_marks_ask(store->marks, id);
}

void weir_store_tell(struct weir_store *store, const struct weir_batch_id *id)
{
    weir_marks_tell(store->marks, id);
}

size_t weir_store_marks(struct weir_store *store, struct weir_mark *out, size_t room)
{
    return weir_marks_told(store->marks, out, room);
}

weir_err weir_store_note(struct weir_store *store, const struct weir_note *note, struct weir_error *error)
{
    const char *run;
    struct weir_origin origin = {.name = note->name};
    struct weir_batch_id id = {.boot = note->boot, .lane = WEIR_NOTE_LANE, .seq = note->seq};
    memcpy(origin.sensor, note->sensor, sizeof origin.sensor);
    memcpy(id.sensor, note->sensor, sizeof id.sensor);
    weir_err code = begin(store, error);
    if (code == WEIR_OK)
        code = note_origin(store, &origin, &id, &run, error);
    if (code == WEIR_OK && (code = weir_boots_note(&store->boots, note, error)) != WEIR_OK)
        fail_duck(store, code, error);
    if (code != WEIR_OK)
        roll_back(store);
    return code;
}

void weir_store_drop(struct weir_store *store)
{
    if (store->session)
        roll_back(store);
}

weir_err weir_store_health(struct weir_store *store, int64_t time_ns, const char *account_json, struct weir_error *error)
{
    char time_us[24];
    snprintf(time_us, sizeof time_us, "%lld", (long long)(time_ns / 1000));
    const char *values[] = {store->run_text, time_us, account_json};
    weir_err code = begin(store, error);
    if (code == WEIR_OK)
        code = run_with(store, "INSERT INTO health VALUES (?, make_timestamp(?::BIGINT), ?)", values, 3, error);
    if (code != WEIR_OK)
        roll_back(store);
    return code;
}

weir_err weir_store_outage(struct weir_store *store, const struct weir_outage *outage, struct weir_error *error)
{
    char boot[24];
    struct weir_outage row = *outage;
    snprintf(boot, sizeof boot, "%llu", (unsigned long long)store->boot);
    row.run = store->run_text;
    row.sensor = store->sensor;
    row.boot = boot;
    weir_err code = begin(store, error);
    if (code == WEIR_OK && (code = weir_outage_put(store->session, &row, error)) != WEIR_OK) {
        fail_duck(store, code, error);
        roll_back(store);
    }
    return code;
}

/* The runs of other processes' sensors go on in another file, but for those that were killed. */
static weir_err leave_boots(struct weir_store *store, const char *time_us, struct weir_error *error)
{
    return run_with(store,
                    "UPDATE runs SET ended = make_timestamp(?::BIGINT) WHERE ended IS NULL AND sensor_id IS NOT NULL"
                    " AND run NOT IN (SELECT run FROM outages WHERE what = 'sensor')",
                    &time_us, 1, error);
}

/* The run's row gets its end, the log is folded in. `account_json`: NULL while the run goes on in another file. */
static weir_err close_file(struct weir_store *store, const char *account_json, struct weir_error *error)
{
    char time_us[24];
    snprintf(time_us, sizeof time_us, "%lld", (long long)(store->wall_ns() / 1000));
    const char *const values[] = {time_us, account_json, store->run_text};
    struct weir_error inner = {0};
    weir_err code = begin(store, error);
    if (code == WEIR_OK &&
        (code = run_with(store, "UPDATE runs SET ended = make_timestamp(?::BIGINT), account = ? WHERE run = ?::UUID", values, 3,
                         error)) != WEIR_OK)
        roll_back(store);
    if (code == WEIR_OK && !account_json && (code = leave_boots(store, time_us, error)) != WEIR_OK)
        roll_back(store);
    if (code == WEIR_OK && (code = weir_store_commit(store, NULL, error)) == WEIR_OK &&
        (code = run_sql(store, "CHECKPOINT store", &inner)) == WEIR_ERR_FULL) {
        /* nothing is lost: it stays in the log until somebody opens the file with room */
        weir_log(WEIR_LOG_WARNING, "%s; its log is not folded in", inner.text);
        code = WEIR_OK;
    } else if (code != WEIR_OK && inner.text[0]) {
        code = weir_fail(error, code, "%s", inner.text);
    }
    return code;
}

/* Parquet is made of whole row groups. */
static weir_err write_lake_with_room(struct weir_store *store, bool all, struct weir_error *error)
{
    weir_err code = weir_loan_lend(&store->loan, store->duck, WEIR_LAKE_MEMORY, error);
    if (code == WEIR_OK)
        code = weir_lake_write(store->lake, store->session, (uint64_t)store->kept, all, error);
    weir_loan_return(&store->loan, store->duck, WEIR_LAKE_MEMORY);
    return code;
}

/* All that is committed, before the file is closed. */
static weir_err finish_lake(struct weir_store *store, struct weir_error *error)
{
    weir_err code = WEIR_OK;
    if (store->lake && weir_store_is_open(store) && !store->open)
        code = write_lake_with_room(store, true, error);
    return code == WEIR_OK ? code : fail_duck(store, code, error);
}

static void catch_up(struct weir_store *store)
{
    struct weir_error error = {0};
    store->lake_behind = weir_lake_catch_up(store->lake, store->folder, store->path, &error) != WEIR_OK;
    store->catch_up_ns = weir_clock_mono_ns() + WEIR_LAKE_NS;
    if (store->lake_behind)
        weir_log(WEIR_LOG_WARNING, "%s: not all of it is in the lake yet: %s", store->folder, error.text);
}

weir_err weir_store_lake(struct weir_store *store, struct weir_error *error)
{
    if (!store->lake || store->open || !weir_store_is_open(store))
        return WEIR_OK;
    if (store->lake_behind && weir_clock_mono_ns() >= store->catch_up_ns)
        catch_up(store);
    weir_err code = write_lake_with_room(store, false, error);
    return code == WEIR_OK ? code : fail_duck(store, code, error);
}

weir_err weir_store_finish(struct weir_store *store, const char *account_json, struct weir_error *error)
{
    weir_err lake = weir_store_commit(store, NULL, error);
    if (lake == WEIR_OK)
        lake = finish_lake(store, error);
    weir_err code = close_file(store, account_json, lake == WEIR_OK ? error : NULL);
    return lake == WEIR_OK ? code : lake;
}

/* --- files --- */

/* A connection of its own writes: what other connections have attached, or a failure has left behind, does not meet it. */
static weir_err attach(struct weir_store *store, struct weir_error *error)
{
    char *sql = NULL, *quoted = weir_duck_quote(store->path);
    struct weir_duck *session = NULL;
    if (!quoted || asprintf(&sql, "ATTACH %s AS store " ATTACH_OPTIONS, quoted) < 0) {
        free(quoted);
        return no_memory(store, error);
    }
    if (weir_folder_half_made(store->path)) {
        weir_log(WEIR_LOG_WARNING, "%s: it was being made when its process was killed, and holds nothing; it is made anew",
                 store->path);
        unlink(store->path);
    }
    bool fresh = access(store->path, F_OK) != 0;
    weir_err code = weir_duck_run(store->duck, sql, error);
    if (code != WEIR_OK) {
        if (fresh) /* begun, with no room for its head: it would pass for a damaged store */
            unlink(store->path);
        goto out;
    }
    store->attached = true;
    if ((code = weir_duck_connect(store->duck, &session, error)) != WEIR_OK ||
        (code = weir_duck_run(session, "USE store", error)) != WEIR_OK) {
        weir_duck_close(&session);
        goto out;
    }
    store->session = session;
    store->contexts.duck = session;
    store->contexts.path = store->path;
    store->boots.duck = session;
    if ((code = weir_verdict_rows_begin(&store->verdicts, session, store->path, error)) == WEIR_OK)
        code = weir_reason_rows_begin(&store->reasons, session, store->path, error);
out:
    free(sql);
    free(quoted);
    return code == WEIR_OK ? code : fail_duck(store, code, error);
}

static void detach(struct weir_store *store)
{
    if (store->session)
        roll_back(store);
    weir_gather_fini(&store->verdicts);
    weir_gather_fini(&store->reasons);
    weir_duck_close(&store->session);
    if (store->attached && weir_duck_run(store->duck, "DETACH store", NULL) == WEIR_OK)
        store->attached = false;
}

/* The run's row, unless the file has it from before a failure. */
static weir_err put_run(struct weir_store *store, struct weir_error *error)
{
    char boot[24], time_us[24];
    snprintf(boot, sizeof boot, "%llu", (unsigned long long)store->boot);
    snprintf(time_us, sizeof time_us, "%lld", (long long)(store->wall_ns() / 1000));
    const char *values[] = {store->run_text, store->sensor, boot, time_us, store->command, WEIR_VERSION, store->run_text};
    return weir_duck_run_with(store->session,
                              "INSERT INTO runs SELECT ?::UUID, ?, ?::UBIGINT, make_timestamp(?::BIGINT), NULL, ?, ?, NULL, NULL"
                              " WHERE NOT EXISTS (FROM runs WHERE run = ?::UUID)",
                              values, 7, error);
}

/* The run before, when it never closed the store: in this file, or in a closed one of the folder. */
static weir_err put_killed(struct weir_store *store, struct weir_error *error)
{
    struct weir_last_run last;
    weir_err code = weir_outage_last_run(store->session, store->sensor, &last, error);
    if (code == WEIR_OK && store->sign_ns > last.sign_ns)
        last.sign_ns = store->sign_ns;
    if (code == WEIR_OK && !last.found && store->folder)
        code = weir_outage_last_run_in(store->folder, store->path, store->sensor, &last, error);
    if (code != WEIR_OK || !last.killed)
        return code;
    int64_t now_ns = store->wall_ns();
    const struct weir_outage row = {.what = "sensor",
                                    .reason = "killed",
                                    .began_ns = last.sign_ns < now_ns ? last.sign_ns : now_ns,
                                    .ended_ns = now_ns,
                                    .withheld = -1,
                                    .run = last.run,
                                    .sensor = store->sensor,
                                    .boot = last.boot,
                                    .detail = last.detail};
    if ((code = weir_outage_put(store->session, &row, error)) == WEIR_OK)
        weir_log(WEIR_LOG_WARNING, "%s: the run before (boot %s) did not close it: killed, or a crash; table outages has a row",
                 store->path, last.boot);
    return code;
}

/* How many rows the file has. */
static weir_err count_rows(struct weir_store *store, uint64_t *out, struct weir_error *error)
{
    return weir_duck_number(store->session, "SELECT count(*)::UBIGINT FROM verdict_rows", out, error);
}

/* A new file of a folder that another process has written before: the marks of the newest file that has some. */
static weir_err read_carried(struct weir_store *store, struct weir_error *error)
{
    struct weir_folder_list list;
    bool found = false;
    weir_err code = weir_folder_list(store->folder, &list, error);
    for (size_t i = list.count; code == WEIR_OK && i-- > 0 && !found;) {
        struct weir_duck *duck = NULL;
        uint64_t tables = 0;
        char *path = weir_folder_path(store->folder, list.file[i].name);
        struct weir_duck_config config = {.path = path, .read_only = true, .threads = 1};
        if (!path || !strcmp(path, store->path) || weir_folder_half_made(path)) {
            free(path);
            continue;
        }
        if ((code = weir_duck_open(&config, &duck, error)) == WEIR_OK &&
            (code = weir_duck_number(duck,
                                     "SELECT count(*)::UBIGINT FROM duckdb_tables() WHERE database_name = current_database()"
                                     " AND table_name = 'marks'",
                                     &tables, error)) == WEIR_OK &&
            tables) {
            found = true;
            code = weir_marks_read(store->marks, duck, error);
        }
        weir_duck_close(&duck);
        if (code != WEIR_OK && !store->collects) {
            weir_log(WEIR_LOG_WARNING, "%s: not read for what other sensors have sent: %s", path, weir_err_text(code));
            code = WEIR_OK;
        }
        free(path);
    }
    weir_folder_list_fini(&list);
    return code;
}

/* What of other processes' sensors is there: a file that this run has just made gets all that is known, one that was there before
 * knows best. */
static weir_err settle_marks(struct weir_store *store, struct weir_error *error)
{
    uint64_t runs = 0;
    weir_err code = weir_duck_number(store->session, "SELECT count(*)::UBIGINT FROM runs", &runs, error);
    if (code != WEIR_OK || runs)
        return code == WEIR_OK ? weir_marks_read(store->marks, store->session, error) : code;
    if (store->folder && !store->begun && (code = read_carried(store, error)) != WEIR_OK)
        return code;
    return weir_marks_carry(store->marks, store->session, error);
}

/* Attaches the file at store->path and makes it ready for this run: `opening` within weir_store_open. On failure nothing is
 * attached. */
static weir_err open_file(struct weir_store *store, bool opening, struct weir_error *error)
{
    uint64_t rows = 0;
    if (!store->begun)
        store->sign_ns = weir_outage_written_ns(store->path);
    weir_err code = attach(store, error);
    if (code != WEIR_OK)
        goto fail;
    if ((code = weir_duck_run(store->session, "BEGIN TRANSACTION", error)) == WEIR_OK)
        code = weir_schema_prepare(store->session, error);
    if (code == WEIR_OK && opening && !store->folder)
        code =
            weir_duck_number(store->session, "SELECT count(*)::UBIGINT FROM runs WHERE sensor_id IS NULL", &store->boot, error);
    if (code == WEIR_OK)
        code = settle_marks(store, error);
    if (code == WEIR_OK && !store->begun && !store->collects) /* nothing is lost with a collector */
        code = put_killed(store, error);
    if (code == WEIR_OK && (code = weir_contexts_begin(&store->contexts, error)) == WEIR_OK &&
        (code = put_run(store, error)) == WEIR_OK)
        code = weir_duck_run(store->session, "COMMIT", error);
    if (code == WEIR_OK && store->lake)
        code = weir_lake_begin(store->lake, store->session, error);
    if (code == WEIR_OK && !store->counted && (code = count_rows(store, &rows, error)) == WEIR_OK) {
        store->counted = true;
        store->kept = (int64_t)rows;
    }
    if (code == WEIR_OK) {
        store->begun = true;
        return WEIR_OK;
    }
    fail_duck(store, code, error);
fail:
    detach(store);
    return code;
}

/* --- rotation --- */

static int64_t today(const struct weir_store *store)
{
    return store->wall_ns() / WEIR_DAY_NS;
}

static weir_err choose_file(struct weir_store *store, int64_t day, uint32_t number, struct weir_error *error)
{
    char name[WEIR_FILE_NAME];
    weir_folder_name(day, number, name);
    char *path = weir_folder_path(store->folder, name);
    if (!path)
        return no_memory(store, error);
    free(store->path);
    store->path = path;
    store->counted = false;
    store->day = day;
    store->number = number;
    return WEIR_OK;
}

/* The last number of a day in the folder, 0 for none, and that file's size. */
static weir_err last_number(const struct weir_store *store, int64_t day, uint32_t *number, uint64_t *bytes,
                            struct weir_error *error)
{
    struct weir_folder_list list;
    *number = 0;
    weir_err code = weir_folder_list(store->folder, &list, error);
    for (size_t i = 0; i < list.count; i++)
        if (list.file[i].day == day) {
            *number = list.file[i].number;
            *bytes = list.file[i].bytes;
        }
    weir_folder_list_fini(&list);
    return code;
}

void weir_store_hold(struct weir_store *store)
{
    pthread_mutex_lock(&store->change);
}

void weir_store_let_go(struct weir_store *store)
{
    pthread_mutex_unlock(&store->change);
}

static weir_err retain(struct weir_store *store, struct weir_error *error)
{
    weir_err code = weir_retention_apply(&store->retention, store->folder, strrchr(store->path, '/') + 1, today(store),
                                         &store->removed, error);
    return code == WEIR_OK ? weir_store_make_room(store, WEIR_STORE_ROOM, error) : code;
}

void weir_store_limit(struct weir_store *store, uint64_t rotate_bytes, const struct weir_retention *retention)
{
    struct weir_error error = {0};
    store->rotate_bytes = rotate_bytes;
    store->retention = *retention;
    if (store->number && retain(store, &error) != WEIR_OK)
        weir_log(WEIR_LOG_WARNING, "%s", error.text);
}

static bool is_large(const struct weir_store *store)
{
    return store->rotate_bytes && weir_folder_file_bytes(store->path) >= store->rotate_bytes;
}

/* The file is closed; on with that of this number. */
static weir_err go_on(struct weir_store *store, int64_t day, uint32_t number, struct weir_error *error)
{
    weir_err code;
    detach(store);
    weir_lapses_leave(&store->lapses);
    if ((code = choose_file(store, day, number, error)) != WEIR_OK || (code = retain(store, error)) != WEIR_OK)
        return code;
    if (store->attached)
        return weir_fail(error, WEIR_ERR_BUSY, "%s: cannot go on in it: a query still uses the file before", store->path);
    code = open_file(store, false, error);
    if (code == WEIR_ERR_BUSY && (code = choose_file(store, day, number + 1, error)) == WEIR_OK)
        code = open_file(store, false, error); /* a reader has looked at the file in the moment it was made */
    return code;
}

weir_err weir_store_rotate(struct weir_store *store, bool *rotated, struct weir_error *error)
{
    uint32_t number = 0;
    uint64_t bytes = 0;
    *rotated = false;
    if (!store->folder || store->open || !store->attached)
        return WEIR_OK;
    /* a clock that is set back changes nothing: the file goes on */
    int64_t day = today(store) > store->day ? today(store) : store->day;
    if (day == store->day && !is_large(store))
        return WEIR_OK;
    weir_err code = last_number(store, day, &number, &bytes, error);
    if (code != WEIR_OK)
        return code;
    struct weir_error inner = {0};
    if (finish_lake(store, &inner) != WEIR_OK) {
        weir_log(WEIR_LOG_WARNING, "%s; the lake gets the rest of it later", inner.text);
        store->lake_behind = true;
    }
    if (close_file(store, NULL, &inner) != WEIR_OK) /* a full disk: what is committed is in its log */
        weir_log(WEIR_LOG_WARNING, "%s", inner.text);
    *rotated = true;
    weir_store_hold(store);
    code = go_on(store, day, number + 1, error);
    weir_store_let_go(store);
    return code;
}

/* --- open and close --- */

static weir_err new_run(struct weir_store *store, struct weir_error *error)
{
    uint64_t id[2];
    if (getrandom(id, sizeof id, 0) != sizeof id)
        return weir_fail(error, WEIR_ERR_IO, "%s: the system gives no random numbers for the run's id", store->name);
    id[0] = (id[0] & ~(uint64_t)0xf000) | 0x4000; /* UUID version 4 */
    id[1] = (id[1] & ~((uint64_t)3 << 62)) | (uint64_t)2 << 62;
    store->run_text[weir_text_uuid(id[0], id[1], store->run_text)] = 0;
    return WEIR_OK;
}

/* Today's last file, or the next one when that is large or somebody reads it. */
static weir_err open_in_folder(struct weir_store *store, struct weir_error *error)
{
    uint32_t number = 0;
    uint64_t bytes = 0;
    weir_err code = store->lock >= 0 ? WEIR_OK : weir_folder_lock(store->folder, &store->lock, &store->boot, error);
    if (code != WEIR_OK || (code = last_number(store, today(store), &number, &bytes, error)) != WEIR_OK)
        return code;
    bool next = number == 0 || (store->rotate_bytes && bytes >= store->rotate_bytes);
    if ((code = choose_file(store, today(store), number + next, error)) != WEIR_OK || (code = retain(store, error)) != WEIR_OK)
        return code;
    if ((code = open_file(store, true, error)) == WEIR_ERR_BUSY && !next &&
        (code = choose_file(store, today(store), number + 1, error)) == WEIR_OK)
        code = open_file(store, true, error);
    return code;
}

static weir_err attach_anew(struct weir_store *store, struct weir_error *error)
{
    detach(store);
    if (store->attached) /* somebody still reads the file that a failure has broken */
        return weir_fail(error, WEIR_ERR_BUSY, "%s: a query still uses it", store->path);
    /* a folder whose lock or first file had no room */
    bool chosen = !store->folder || store->number;
    return chosen ? open_file(store, false, error) : open_in_folder(store, error);
}

weir_err weir_store_reopen(struct weir_store *store, int64_t *found, struct weir_error *error)
{
    uint64_t rows = 0;
    *found = 0;
    weir_store_hold(store);
    weir_err code = attach_anew(store, error);
    weir_store_let_go(store);
    if (code == WEIR_OK && (code = count_rows(store, &rows, error)) == WEIR_OK) {
        *found = (int64_t)rows - store->kept;
        store->kept = (int64_t)rows;
    }
    return code;
}

/* What may be attached later is named before the lock. */
static weir_err settle(struct weir_store *store, const struct weir_store_config *config, struct weir_error *error)
{
    char *sql = NULL, *quoted = weir_duck_quote(store->name);
    weir_err code = WEIR_OK;
    char *lake = config->lake ? weir_duck_quote(config->lake) : NULL;
    const char *comma = lake && store->folder ? ", " : "", *folder = store->folder ? quoted : "";
    int made = !quoted || (config->lake && !lake) ? -1
               : store->folder
                   ? asprintf(&sql, "SET allowed_directories = [%s%s%s]", folder, comma, lake ? lake : "")
                   : asprintf(&sql,
                              "SET allowed_paths = [%s, %s || '.wal', %s || '.wal.checkpoint', %s || '.wal.recovery'];"
                              "SET allowed_directories = [%s]",
                              quoted, quoted, quoted, quoted, lake ? lake : "");
    free(lake);
    if (made < 0) {
        sql = NULL;
        code = no_memory(store, error);
    } else if ((code = weir_duck_run(store->duck, SETTINGS, error)) == WEIR_OK) {
        code = weir_duck_run(store->duck, sql, error);
    }
    if (code == WEIR_OK)
        code = weir_loan_lend(&store->loan, store->duck, 0, error);
    free(quoted);
    free(sql);
    return code;
}

weir_err weir_store_open(const struct weir_store_config *config, struct weir_store **out, struct weir_error *error)
{
    weir_err code = WEIR_ERR_MEMORY;
    *out = NULL;
    struct weir_store *store = calloc(1, sizeof *store);
    if (!store)
        return weir_fail(error, code, "%s: out of memory", config->path);
    bool folder = weir_folder_is(config->path);
    pthread_mutex_init(&store->change, NULL);
    store->lock = -1;
    store->rotate_bytes = config->rotate_bytes;
    store->retention = config->retention;
    store->wall_ns = config->wall_ns ? config->wall_ns : weir_clock_wall_ns;
    store->collects = config->collects;
    weir_loan_init(&store->loan, config->memory_bytes ? config->memory_bytes : WEIR_STORE_MEMORY);
    store->path = strdup(config->path);
    store->name = strdup(config->path);
    store->folder = folder ? strdup(config->path) : NULL;
    store->sensor = strdup(config->sensor ? config->sensor : "");
    store->command = strdup(config->command ? config->command : "");
    if (!store->path || !store->name || !store->sensor || !store->command || (folder && !store->folder)) {
        code = weir_fail(error, code, "%s: out of memory", config->path);
        goto fail;
    }
    if ((code = weir_marks_create(&store->marks)) != WEIR_OK) {
        weir_fail(error, code, "%s: out of memory", config->path);
        goto fail;
    }
    store->boots.marks = store->marks;
    store->boots.wall_ns = store->wall_ns;
    if (config->lake && (code = weir_lake_open(config->lake, config->lake_every_ns, &store->lake, error)) != WEIR_OK)
        goto fail;
    /* The file is attached to a session in memory: only so can it be given its own row groups, and be changed for the next. */
    struct weir_duck_config duck = {.threads = 1};
    if ((code = new_run(store, error)) != WEIR_OK || (code = weir_duck_open(&duck, &store->duck, error)) != WEIR_OK ||
        (code = settle(store, config, error)) != WEIR_OK)
        goto fail;
    if ((code = folder ? open_in_folder(store, error) : open_file(store, true, error)) != WEIR_OK &&
        !(code == WEIR_ERR_FULL && config->without_room))
        goto fail;
    if ((code = weir_duck_lock(store->duck, error)) != WEIR_OK)
        goto fail;
    if (store->lake && folder)
        catch_up(store);
    *out = store;
    return WEIR_OK;
fail:
    weir_store_close(&store);
    return code;
}

void weir_store_close(struct weir_store **store)
{
    if (!store || !*store)
        return;
    struct weir_store *s = *store;
    if (s->duck)
        detach(s);
    weir_contexts_fini(&s->contexts);
    weir_boots_fini(&s->boots);
    weir_lapses_fini(&s->lapses);
    weir_marks_destroy(&s->marks);
    weir_lake_close(&s->lake);
    weir_duck_close(&s->duck);
    if (s->lock >= 0)
        close(s->lock);
    free(s->path);
    free(s->name);
    free(s->folder);
    free(s->sensor);
    free(s->command);
    weir_loan_fini(&s->loan);
    pthread_mutex_destroy(&s->change);
    free(s);
    *store = NULL;
}

const char *weir_store_run(const struct weir_store *store)
{
    return store->run_text;
}

weir_err weir_store_connect(struct weir_store *store, struct weir_duck **out, struct weir_error *error)
{
    struct weir_error inner = {0};
    *out = NULL;
    if (!weir_store_is_open(store))
        return weir_fail(error, WEIR_ERR_BUSY,
                         "%s: no file of it is open, as its disk is full or has failed; `weir status` says more", store->name);
    weir_err code = weir_duck_connect(store->duck, out, &inner);
    if (code == WEIR_OK && (code = weir_duck_run(*out, "USE store", &inner)) != WEIR_OK)
        weir_duck_close(out);
    return code == WEIR_OK ? WEIR_OK : weir_fail(error, code, "%s: %s", store->name, inner.text);
}

struct weir_loan *weir_store_loan(struct weir_store *store)
{
    return &store->loan;
}

uint64_t weir_store_boot(const struct weir_store *store)
{
    return store->boot;
}

struct weir_removed weir_store_removed(const struct weir_store *store)
{
    return store->removed;
}

const char *weir_store_path(const struct weir_store *store)
{
    return store->path;
}

const char *weir_store_folder(const struct weir_store *store)
{
    return store->folder;
}

bool weir_store_is_open(const struct weir_store *store)
{
    return store->session && store->attached;
}

bool weir_store_room(const struct weir_store *store, uint64_t *bytes)
{
    return weir_file_room(store->path, bytes);
}

bool weir_store_has_room(const struct weir_store *store)
{
    uint64_t bytes;
    return !weir_store_room(store, &bytes) || bytes >= WEIR_STORE_ROOM;
}

weir_err weir_store_make_room(struct weir_store *store, uint64_t bytes, struct weir_error *error)
{
    if (!store->folder || !store->retention.bytes || !store->number)
        return WEIR_OK;
    return weir_retention_make_room(store->folder, strrchr(store->path, '/') + 1, bytes, &store->removed, error);
}
