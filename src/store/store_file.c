#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "store/folder.h"
#include "store/outage.h"
#include "store/schema.h"
#include "store/store_parts.h"
#include "store/verdict_rows.h"

/* A row group is what DuckDB compresses and writes at once. 30 vectors: a commit of WEIR_STORE_COMMIT_ROWS rows, or what 250 ms
 * bring at full load, fills one and most of a second; with the default of 122,880 such commits would go through the log and be
 * written twice. Storage of 1.3 and later has the quick dictionaries for text. */
#define ATTACH_OPTIONS "(ROW_GROUP_SIZE 61440, STORAGE_VERSION 'v1.3.0')"

/* A connection of its own writes: what other connections have attached, or a failure has left behind, does not meet it. */
static weir_err attach(struct weir_store *store, struct weir_error *error)
{
    char *sql = NULL, *quoted = weir_duck_quote(store->path);
    struct weir_duck *session = NULL;
    if (!quoted || asprintf(&sql, "ATTACH %s AS store " ATTACH_OPTIONS, quoted) < 0) {
        free(quoted);
        return weir_store_no_memory(store, error);
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
    return code == WEIR_OK ? code : weir_store_fail(store, code, error);
}

void weir_store_detach(struct weir_store *store)
{
    if (store->session)
        weir_store_roll_back(store);
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
    weir_store_fail(store, code, error);
fail:
    weir_store_detach(store);
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
        return weir_store_no_memory(store, error);
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
    weir_store_detach(store);
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
    if (weir_store_end_lake(store, &inner) != WEIR_OK) {
        weir_log(WEIR_LOG_WARNING, "%s; the lake gets the rest of it later", inner.text);
        store->lake_behind = true;
    }
    if (weir_store_end_file(store, NULL, &inner) != WEIR_OK) /* a full disk: what is committed is in its log */
        weir_log(WEIR_LOG_WARNING, "%s", inner.text);
    *rotated = true;
    weir_store_hold(store);
    code = go_on(store, day, number + 1, error);
    weir_store_let_go(store);
    return code;
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
    weir_store_detach(store);
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

weir_err weir_store_first_file(struct weir_store *store, struct weir_error *error)
{
    return store->folder ? open_in_folder(store, error) : open_file(store, true, error);
}

weir_err weir_store_make_room(struct weir_store *store, uint64_t bytes, struct weir_error *error)
{
    if (!store->folder || !store->retention.bytes || !store->number)
        return WEIR_OK;
    return weir_retention_make_room(store->folder, strrchr(store->path, '/') + 1, bytes, &store->removed, error);
}
