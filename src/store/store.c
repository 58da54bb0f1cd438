#include "store/store_parts.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "store/folder.h"
#include "store/outage.h"
#include "store/verdict_rows.h"

/* What went through the log stays in memory, unpacked, until it is folded in, 2.3 bytes for one of the log, and folding in takes
 * as much again: so that is done at 16 MB, which costs no more than at 256 (measured; at full load only the reasons of alerts go
 * through the log). A fold for which there is no memory takes the database with it: WEIR_STORE_MEMORY is half as much again as
 * was enough. What is written stays in memory, too, as long as there is room: so there is only what the writer needs, and more
 * while somebody asks (store/loan.h), for which this one setting stays open. Nothing is spilled to disk. A file that is let go is
 * not folded in then: that is done before, by name, and must not hinder the way out of a full disk. */
#define SETTINGS                                                                                                                 \
    "SET checkpoint_threshold = '16MB'; SET temp_directory = ''; SET allowed_configs = ['memory_limit'];"                        \
    "PRAGMA disable_checkpoint_on_shutdown"

weir_err weir_store_no_memory(const struct weir_store *store, struct weir_error *error)
{
    return weir_fail(error, WEIR_ERR_MEMORY, "%s: out of memory", store->name);
}

weir_err weir_store_fail(const struct weir_store *store, weir_err code, struct weir_error *error)
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
    return code == WEIR_OK ? code : weir_store_fail(store, code, error);
}

static weir_err run_with(struct weir_store *store, const char *sql, const char *const *values, unsigned count,
                         struct weir_error *error)
{
    weir_err code = weir_duck_run_with(store->session, sql, values, count, error);
    return code == WEIR_OK ? code : weir_store_fail(store, code, error);
}

/* --- the transaction --- */

void weir_store_roll_back(struct weir_store *store)
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
    return code == WEIR_OK ? code : weir_store_fail(store, code, error);
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
    return weir_contexts_choose(&store->contexts, v, run, sensor) ? WEIR_OK : weir_store_no_memory(store, error);
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
        weir_store_roll_back(store);
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
    return weir_store_no_memory(store, error);
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
        weir_store_fail(store, code, error);
    if (code == WEIR_OK)
        code = run_sql(store, "COMMIT", error);
    if (code != WEIR_OK) {
        weir_store_roll_back(store);
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
        weir_store_fail(store, code, error);
    if (code != WEIR_OK)
        weir_store_roll_back(store);
    return code;
}

void weir_store_drop(struct weir_store *store)
{
    if (store->session)
        weir_store_roll_back(store);
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
        weir_store_roll_back(store);
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
        weir_store_fail(store, code, error);
        weir_store_roll_back(store);
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

weir_err weir_store_end_file(struct weir_store *store, const char *account_json, struct weir_error *error)
{
    char time_us[24];
    snprintf(time_us, sizeof time_us, "%lld", (long long)(store->wall_ns() / 1000));
    const char *const values[] = {time_us, account_json, store->run_text};
    struct weir_error inner = {0};
    weir_err code = begin(store, error);
    if (code == WEIR_OK &&
        (code = run_with(store, "UPDATE runs SET ended = make_timestamp(?::BIGINT), account = ? WHERE run = ?::UUID", values, 3,
                         error)) != WEIR_OK)
        weir_store_roll_back(store);
    if (code == WEIR_OK && !account_json && (code = leave_boots(store, time_us, error)) != WEIR_OK)
        weir_store_roll_back(store);
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

weir_err weir_store_end_lake(struct weir_store *store, struct weir_error *error)
{
    weir_err code = WEIR_OK;
    if (store->lake && weir_store_is_open(store) && !store->open)
        code = write_lake_with_room(store, true, error);
    return code == WEIR_OK ? code : weir_store_fail(store, code, error);
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
    return code == WEIR_OK ? code : weir_store_fail(store, code, error);
}

weir_err weir_store_finish(struct weir_store *store, const char *account_json, struct weir_error *error)
{
    weir_err lake = weir_store_commit(store, NULL, error);
    if (lake == WEIR_OK)
        lake = weir_store_end_lake(store, error);
    weir_err code = weir_store_end_file(store, account_json, lake == WEIR_OK ? error : NULL);
    return lake == WEIR_OK ? code : lake;
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
        code = weir_store_no_memory(store, error);
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
    if ((code = weir_store_first_file(store, error)) != WEIR_OK && !(code == WEIR_ERR_FULL && config->without_room))
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
        weir_store_detach(s);
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
