#include "store/sql.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "data/duck.h"
#include "store/folder.h"
#include "store/guard.h"
#include "store/loan.h"
#include "store/shelf.h"
#include "store/store.h"

struct weir_sql {
    struct weir_duck *duck;
    char *path;
    atomic_bool cancelled;
    /* beside a writer: */
    struct weir_duck *watch; /* asks how much memory is taken; NULL: DuckDB's own limit holds */
    uint64_t memory_bytes, memory_before;
    struct weir_loan *loan; /* of the memory */
    const char *folder;     /* the store's, whose closed files are attached; NULL: none */
};

struct weir_answer {
    size_t columns;
    char **name;
    const char **type;
    enum weir_cell_kind *kind;
    struct weir_cell *cell;
    duckdb_result result;
    duckdb_data_chunk chunk;
    idx_t row, rows; /* within the chunk */
    uint64_t given, limit;
    bool have_result, cut;
};

weir_err weir_sql_open(const char *path, uint64_t memory_bytes, struct weir_sql **out, struct weir_error *error)
{
    *out = NULL;
    struct weir_sql *session = calloc(1, sizeof *session);
    if (!session || !(session->path = strdup(path))) {
        free(session);
        return weir_fail(error, WEIR_ERR_MEMORY, "%s: out of memory", path);
    }
    char limits[200];
    /* what is attached is open already; nothing else can be opened from here on, whatever a view in the file says */
    snprintf(limits, sizeof limits,
             "SET memory_limit='%lluB'; SET temp_directory=''; SET enable_external_access=false; SET "
             "disabled_filesystems='LocalFileSystem'",
             (unsigned long long)memory_bytes);
    weir_err code = weir_shelf_open(path, &session->duck, error);
    if (code == WEIR_ERR_NOT_FOUND && !weir_folder_is(path))
        weir_fail(error, code, "%s: there is no such store; give --store FILE, or write one with `weir run`", path);
    if (code == WEIR_OK)
        code = weir_duck_run(session->duck, limits, error);
    if (code == WEIR_OK)
        code = weir_duck_lock(session->duck, error);
    if (code != WEIR_OK) {
        weir_sql_close(&session);
        return code;
    }
    *out = session;
    return WEIR_OK;
}

/* What queries hold now, the tables' own pages and rows left out: those are the writer's. */
static weir_err read_memory(struct weir_duck *watch, uint64_t *out, struct weir_error *error)
{
    duckdb_result result;
    weir_err code = weir_duck_query(watch,
                                    "SELECT coalesce(sum(memory_usage_bytes), 0)::UBIGINT FROM duckdb_memory() WHERE tag NOT IN "
                                    "('BASE_TABLE', 'IN_MEMORY_TABLE', 'METADATA', 'TRANSACTION')",
                                    &result, error);
    if (code != WEIR_OK)
        return code;
    duckdb_data_chunk chunk = duckdb_fetch_chunk(result);
    *out = *(uint64_t *)duckdb_vector_get_data(duckdb_data_chunk_get_vector(chunk, 0));
    duckdb_destroy_data_chunk(&chunk);
    duckdb_destroy_result(&result);
    return WEIR_OK;
}

/* A transaction that only reads, which has its files and what is committed in them from here on: DuckDB looks for them with the
 * first statement that wants them, the one here. */
static weir_err begin_reading(struct weir_sql *session, struct weir_error *error)
{
    uint64_t schema;
    weir_err code = weir_duck_run(session->duck, "BEGIN TRANSACTION READ ONLY", error);
    if (code == WEIR_OK)
        code = weir_duck_number(session->duck, "SELECT count(*)::UBIGINT FROM store.meta", &schema, error);
    return code;
}

static weir_err attach(struct weir_sql *session, struct weir_store *store, uint64_t memory_bytes, struct weir_error *error)
{
    weir_err code = weir_store_connect(store, &session->watch, error);
    if (code == WEIR_OK)
        code = weir_store_connect(store, &session->duck, error);
    if (code == WEIR_OK) {
        session->loan = weir_store_loan(store);
        code = weir_loan_lend(session->loan, session->watch, (int64_t)memory_bytes, error);
    }
    session->folder = weir_store_folder(store);
    if (code == WEIR_OK && session->folder)
        weir_shelf_leave(session->watch); /* what a session before could not, as the writer went on in its next file */
    if (code == WEIR_OK && session->folder)
        code = weir_shelf_join(session->duck, session->folder, error);
    if (code == WEIR_OK)
        code = begin_reading(session, error);
    if (code == WEIR_OK)
        code = read_memory(session->watch, &session->memory_before, error);
    return code;
}

weir_err weir_sql_attach(struct weir_store *store, uint64_t memory_bytes, struct weir_sql **out, struct weir_error *error)
{
    *out = NULL;
    struct weir_sql *session = calloc(1, sizeof *session);
    if (!session)
        return weir_fail(error, WEIR_ERR_MEMORY, "query: out of memory");
    session->memory_bytes = memory_bytes;
    weir_store_hold(store);
    weir_err code = attach(session, store, memory_bytes, error);
    weir_store_let_go(store);
    if (code != WEIR_OK) {
        weir_sql_close(&session);
        return code;
    }
    *out = session;
    return WEIR_OK;
}

void weir_sql_cancel(struct weir_sql *session)
{
    atomic_store_explicit(&session->cancelled, true, memory_order_release);
    duckdb_interrupt(session->duck->connection);
}

void weir_sql_close(struct weir_sql **session)
{
    if (!session || !*session)
        return;
    if ((*session)->folder && (*session)->watch && (*session)->duck) {
        weir_duck_run((*session)->duck, "ROLLBACK", NULL);
        weir_shelf_leave((*session)->watch);
    }
    weir_duck_close(&(*session)->duck); /* and what it holds */
    if ((*session)->loan)
        weir_loan_return((*session)->loan, (*session)->watch, (int64_t)(*session)->memory_bytes);
    weir_duck_close(&(*session)->watch);
    weir_duck_close(&(*session)->duck);
    free((*session)->path);
    free(*session);
    *session = NULL;
}

static const struct {
    duckdb_type type;
    const char *name;
    enum weir_cell_kind kind;
} types[] = {
    {DUCKDB_TYPE_BOOLEAN, "BOOLEAN", WEIR_CELL_BOOLEAN},
    {DUCKDB_TYPE_TINYINT, "TINYINT", WEIR_CELL_NUMBER},
    {DUCKDB_TYPE_SMALLINT, "SMALLINT", WEIR_CELL_NUMBER},
    {DUCKDB_TYPE_INTEGER, "INTEGER", WEIR_CELL_NUMBER},
    {DUCKDB_TYPE_BIGINT, "BIGINT", WEIR_CELL_NUMBER},
    {DUCKDB_TYPE_HUGEINT, "HUGEINT", WEIR_CELL_NUMBER},
    {DUCKDB_TYPE_UTINYINT, "UTINYINT", WEIR_CELL_NUMBER},
    {DUCKDB_TYPE_USMALLINT, "USMALLINT", WEIR_CELL_NUMBER},
    {DUCKDB_TYPE_UINTEGER, "UINTEGER", WEIR_CELL_NUMBER},
    {DUCKDB_TYPE_UBIGINT, "UBIGINT", WEIR_CELL_NUMBER},
    {DUCKDB_TYPE_UHUGEINT, "UHUGEINT", WEIR_CELL_NUMBER},
    {DUCKDB_TYPE_FLOAT, "FLOAT", WEIR_CELL_NUMBER},
    {DUCKDB_TYPE_DOUBLE, "DOUBLE", WEIR_CELL_NUMBER},
    {DUCKDB_TYPE_DECIMAL, "DECIMAL", WEIR_CELL_NUMBER},
    {DUCKDB_TYPE_VARCHAR, "VARCHAR", WEIR_CELL_TEXT},
    {DUCKDB_TYPE_BLOB, "BLOB", WEIR_CELL_TEXT},
    {DUCKDB_TYPE_BIT, "BIT", WEIR_CELL_TEXT},
    {DUCKDB_TYPE_UUID, "UUID", WEIR_CELL_TEXT},
    {DUCKDB_TYPE_ENUM, "ENUM", WEIR_CELL_TEXT},
    {DUCKDB_TYPE_DATE, "DATE", WEIR_CELL_TEXT},
    {DUCKDB_TYPE_TIME, "TIME", WEIR_CELL_TEXT},
    {DUCKDB_TYPE_TIME_TZ, "TIMETZ", WEIR_CELL_TEXT},
    {DUCKDB_TYPE_INTERVAL, "INTERVAL", WEIR_CELL_TEXT},
    {DUCKDB_TYPE_TIMESTAMP, "TIMESTAMP", WEIR_CELL_TEXT},
    {DUCKDB_TYPE_TIMESTAMP_S, "TIMESTAMP_S", WEIR_CELL_TEXT},
    {DUCKDB_TYPE_TIMESTAMP_MS, "TIMESTAMP_MS", WEIR_CELL_TEXT},
    {DUCKDB_TYPE_TIMESTAMP_NS, "TIMESTAMP_NS", WEIR_CELL_TEXT},
    {DUCKDB_TYPE_TIMESTAMP_TZ, "TIMESTAMPTZ", WEIR_CELL_TEXT},
    {DUCKDB_TYPE_LIST, "JSON", WEIR_CELL_JSON},
    {DUCKDB_TYPE_ARRAY, "JSON", WEIR_CELL_JSON},
    {DUCKDB_TYPE_STRUCT, "JSON", WEIR_CELL_JSON},
    {DUCKDB_TYPE_MAP, "JSON", WEIR_CELL_JSON},
    {DUCKDB_TYPE_UNION, "JSON", WEIR_CELL_JSON},
};

static weir_err no_memory(struct weir_error *error)
{
    return weir_fail(error, WEIR_ERR_MEMORY, "query: out of memory");
}

static weir_err broken_off(struct weir_error *error)
{
    return weir_fail(error, WEIR_ERR_CLOSED, "query: broken off: weir is ending");
}

/* Prepares the one statement that `sql` may be. */
static weir_err prepare(duckdb_connection connection, const char *sql, duckdb_prepared_statement *out, struct weir_error *error)
{
    weir_err code = WEIR_OK;
    duckdb_extracted_statements statements = NULL;
    idx_t count = duckdb_extract_statements(connection, sql, &statements);
    const char *text = statements ? duckdb_extract_statements_error(statements) : NULL;
    if (count == 0 && text)
        code = weir_fail(error, WEIR_ERR_LIBRARY, "query: %s", text);
    else if (count != 1)
        code = weir_fail(error, WEIR_ERR_ARGUMENT, "query: give one SQL statement, not %llu", (unsigned long long)count);
    else if (duckdb_prepare_extracted_statement(connection, statements, 0, out) != DuckDBSuccess) {
        text = duckdb_prepare_error(*out);
        code = weir_fail(error, WEIR_ERR_LIBRARY, "query: %s", text ? text : "cannot be prepared");
    }
    if (statements)
        duckdb_destroy_extracted(&statements);
    return code;
}

/* Names, types and kinds of the columns, and the SELECT list that turns each into text. */
static weir_err describe(duckdb_prepared_statement statement, struct weir_answer *rows, FILE *list, FILE *aliases,
                         struct weir_error *error)
{
    size_t n = rows->columns = duckdb_prepared_statement_column_count(statement);
    rows->name = calloc(n ? n : 1, sizeof *rows->name);
    rows->type = calloc(n ? n : 1, sizeof *rows->type);
    rows->kind = calloc(n ? n : 1, sizeof *rows->kind);
    rows->cell = calloc(n ? n : 1, sizeof *rows->cell);
    if (!rows->name || !rows->type || !rows->kind || !rows->cell)
        return no_memory(error);
    for (size_t i = 0; i < n; i++) {
        const char *name = duckdb_prepared_statement_column_name(statement, i);
        duckdb_type type = duckdb_prepared_statement_column_type(statement, i);
        rows->name[i] = strdup(name ? name : "");
        duckdb_free((void *)name);
        if (!rows->name[i])
            return no_memory(error);
        rows->type[i] = "VARCHAR";
        for (size_t k = 0; k < sizeof types / sizeof *types; k++)
            if (types[k].type == type) {
                rows->type[i] = types[k].name;
                rows->kind[i] = types[k].kind;
            }
        fprintf(list, rows->kind[i] == WEIR_CELL_JSON ? "%sCAST(to_json(c%zu) AS VARCHAR)" : "%sCAST(c%zu AS VARCHAR)",
                i ? ", " : "", i);
        fprintf(aliases, "%sc%zu", i ? ", " : "", i);
    }
    return WEIR_OK;
}

enum { LOOK_NS = 10 * 1000000 }; /* between looks at the memory */

/* Runs it in slices, so that the clock can stop it. */
static weir_err execute(struct weir_sql *session, duckdb_prepared_statement statement, int64_t timeout_ns, duckdb_result *result,
                        struct weir_error *error)
{
    weir_err code = WEIR_OK;
    duckdb_pending_result pending = NULL;
    const char *text = NULL;
    int64_t deadline = weir_clock_mono_ns() + timeout_ns;
    int64_t look_at = 0;
    bool late = false, large = false, cancelled = false;
    if (duckdb_pending_prepared(statement, &pending) != DuckDBSuccess)
        goto failed;
    for (;;) {
        duckdb_pending_state state = duckdb_pending_execute_task(pending);
        if (state == DUCKDB_PENDING_RESULT_READY)
            break;
        if (state == DUCKDB_PENDING_ERROR)
            goto failed;
        if (state == DUCKDB_PENDING_NO_TASKS_AVAILABLE) /* DuckDB's own threads have them */
            nanosleep(&(struct timespec){.tv_nsec = 200000}, NULL);
        int64_t now = weir_clock_mono_ns();
        uint64_t memory = 0;
        if (late || large || cancelled)
            continue;
        late = now > deadline;
        cancelled = atomic_load_explicit(&session->cancelled, memory_order_acquire);
        if (session->watch && now >= look_at) {
            struct weir_error inner = {0}; /* while the writer goes on in its next file, there is nothing to ask */
            large = read_memory(session->watch, &memory, &inner) == WEIR_OK
                        ? memory > session->memory_before + session->memory_bytes
                        : strstr(inner.text, "Out of Memory") != NULL;
            look_at = now + LOOK_NS;
        }
        if (late || large || cancelled) /* the tasks end with an error then, and DuckDB lets go of all that they hold */
            duckdb_interrupt(session->duck->connection);
    }
    if (duckdb_execute_pending(pending, result) == DuckDBSuccess)
        goto out;
    text = duckdb_result_error(result);
failed:
    if (!text && pending)
        text = duckdb_pending_error(pending);
    if (!text)
        text = "failed without a message";
    cancelled = atomic_load_explicit(&session->cancelled, memory_order_acquire);
    if (late || (cancelled && weir_clock_mono_ns() > deadline))
        code = weir_fail(error, WEIR_ERR_LIMIT, "query: not done after %.3g s; ask for less, or give a longer --timeout",
                         (double)timeout_ns / 1e9);
    else if (cancelled)
        code = broken_off(error);
    else if (large)
        code = weir_fail(error, WEIR_ERR_LIMIT, "query: needs more than %llu MiB beside the writer; ask for less",
                         (unsigned long long)(session->memory_bytes >> 20));
    else if (strstr(text, "Out of Memory"))
        code = weir_fail(error, WEIR_ERR_LIMIT, "query: %.300s; ask for less, or give a larger --memory", text);
    else
        code = weir_fail(error, WEIR_ERR_LIBRARY, "query: %s", text);
    duckdb_destroy_result(result);
out:
    duckdb_destroy_pending(&pending);
    return code;
}

/* A SELECT can call functions that do more than read. What the plan holds tells them, however they are spelled: the names of
 * operators cannot stand in a text of the plan, where quotes are escaped. EXPLAIN ANALYZE would run its query unseen. */
static weir_err refuse_effects(struct weir_sql *session, const char *select, const char *sql, struct weir_error *error)
{
    static const char *const operators[] = {"CHECKPOINT",        "FORCE_CHECKPOINT",     "ENABLE_LOGGING",
                                            "DISABLE_LOGGING",   "TRUNCATE_DUCKDB_LOGS", "ENABLE_PROFILING",
                                            "DISABLE_PROFILING", "ENABLE_PEG_PARSER",    "DISABLE_PEG_PARSER"};
    static const char *const scalars[] = {"sleep_ms(", "write_log("};
    char *explain = NULL, sign[64];
    const char *found = NULL;
    duckdb_result plan;
    weir_err code = WEIR_OK;
    if (!select)
        return strcasestr(sql, "analyze")
                   ? weir_fail(error, WEIR_ERR_ARGUMENT,
                               "query: EXPLAIN ANALYZE is for a store that no running weir owns; give EXPLAIN")
                   : WEIR_OK;
    if (asprintf(&explain, "EXPLAIN (FORMAT JSON) %s", select) < 0)
        return no_memory(error);
    if (duckdb_query(session->duck->connection, explain, &plan) != DuckDBSuccess) {
        code = weir_fail(error, WEIR_ERR_LIBRARY, "query: %s", duckdb_result_error(&plan));
        goto out;
    }
    char *text = duckdb_row_count(&plan) && duckdb_column_count(&plan) > 1 ? duckdb_value_varchar(&plan, 1, 0) : NULL;
    if (!text) {
        code = weir_fail(error, WEIR_ERR_LIBRARY, "query: DuckDB gives no plan");
        goto out;
    }
    for (size_t i = 0; i < sizeof operators / sizeof *operators; i++) {
        snprintf(sign, sizeof sign, "\"name\": \"%s", operators[i]);
        if (strstr(text, sign))
            found = operators[i];
    }
    for (size_t i = 0; i < sizeof scalars / sizeof *scalars; i++)
        if (strcasestr(text, scalars[i]))
            found = scalars[i];
    if (found)
        code = weir_fail(error, WEIR_ERR_ARGUMENT, "query: %.*s is not for queries beside a running weir",
                         (int)strcspn(found, "("), found);
    duckdb_free(text);
out:
    duckdb_destroy_result(&plan);
    free(explain);
    return code;
}

weir_err weir_sql_run(struct weir_sql *session, const char *sql, uint64_t limit, int64_t timeout_ns, struct weir_answer **out,
                      struct weir_error *error)
{
    *out = NULL;
    char *list = NULL, *aliases = NULL, *wrapped = NULL;
    size_t size;
    duckdb_prepared_statement statement = NULL;
    FILE *list_file = open_memstream(&list, &size), *alias_file = open_memstream(&aliases, &size);
    struct weir_answer *rows = calloc(1, sizeof *rows);
    weir_err code = WEIR_OK;
    if (!rows || !list_file || !alias_file) {
        code = no_memory(error);
        goto out;
    }
    rows->limit = limit;
    if ((code = weir_guard_check(session->duck, sql, error)) != WEIR_OK ||
        (code = prepare(session->duck->connection, sql, &statement, error)) != WEIR_OK)
        goto out;
    duckdb_statement_type type = duckdb_prepared_statement_type(statement);
    if (type != DUCKDB_STATEMENT_TYPE_SELECT && type != DUCKDB_STATEMENT_TYPE_EXPLAIN) {
        code = weir_fail(error, WEIR_ERR_ARGUMENT,
                         "query: a store is only read here: give a SELECT, WITH, FROM, SHOW, DESCRIBE, SUMMARIZE or EXPLAIN");
        goto out;
    }
    if ((code = describe(statement, rows, list_file, alias_file, error)) != WEIR_OK)
        goto out;
    if (fflush(list_file) || fflush(alias_file)) {
        code = no_memory(error);
        goto out;
    }
    if (type == DUCKDB_STATEMENT_TYPE_SELECT) {
        /* DuckDB turns every type into text better than we could. The statement ends before its semicolon, if it has one; the
         * line end closes a comment. */
        size_t length = strlen(sql);
        while (length && strchr("; \t\r\n", sql[length - 1]))
            length--;
        char bound[40] = "";
        if (limit)
            snprintf(bound, sizeof bound, " LIMIT %llu", (unsigned long long)limit + 1);
        if (asprintf(&wrapped, "SELECT %s FROM (%.*s\n) AS q(%s)%s", list, (int)length, sql, aliases, bound) < 0) {
            wrapped = NULL;
            code = no_memory(error);
            goto out;
        }
        duckdb_destroy_prepare(&statement);
        if ((code = prepare(session->duck->connection, wrapped, &statement, error)) != WEIR_OK)
            goto out;
    }
    if (session->watch &&
        (code = refuse_effects(session, type == DUCKDB_STATEMENT_TYPE_SELECT ? wrapped : NULL, sql, error)) != WEIR_OK)
        goto out;
    if ((code = execute(session, statement, timeout_ns, &rows->result, error)) != WEIR_OK)
        goto out;
    rows->have_result = true;
    *out = rows;
    rows = NULL;
out:
    if (code == WEIR_ERR_LIBRARY && atomic_load_explicit(&session->cancelled, memory_order_acquire))
        code = broken_off(error); /* whatever DuckDB says then */
    weir_answer_free(&rows);
    if (statement)
        duckdb_destroy_prepare(&statement);
    if (list_file)
        fclose(list_file);
    if (alias_file)
        fclose(alias_file);
    free(list);
    free(aliases);
    free(wrapped);
    return code;
}

void weir_answer_free(struct weir_answer **rows)
{
    if (!rows || !*rows)
        return;
    struct weir_answer *r = *rows;
    if (r->chunk)
        duckdb_destroy_data_chunk(&r->chunk);
    if (r->have_result)
        duckdb_destroy_result(&r->result);
    for (size_t i = 0; r->name && i < r->columns; i++)
        free(r->name[i]);
    free(r->name);
    free(r->type);
    free(r->kind);
    free(r->cell);
    free(r);
    *rows = NULL;
}

size_t weir_answer_columns(const struct weir_answer *rows)
{
    return rows->columns;
}

const char *weir_answer_name(const struct weir_answer *rows, size_t column)
{
    return rows->name[column];
}

const char *weir_answer_type(const struct weir_answer *rows, size_t column)
{
    return rows->type[column];
}

enum weir_cell_kind weir_answer_kind(const struct weir_answer *rows, size_t column)
{
    return rows->kind[column];
}

const struct weir_cell *weir_answer_next(struct weir_answer *rows)
{
    while (rows->row >= rows->rows) {
        if (rows->chunk)
            duckdb_destroy_data_chunk(&rows->chunk);
        rows->chunk = duckdb_fetch_chunk(rows->result);
        if (!rows->chunk)
            return NULL;
        rows->rows = duckdb_data_chunk_get_size(rows->chunk);
        rows->row = 0;
    }
    if (rows->limit && rows->given >= rows->limit) {
        rows->cut = true;
        return NULL;
    }
    for (size_t i = 0; i < rows->columns; i++) {
        duckdb_vector vector = duckdb_data_chunk_get_vector(rows->chunk, i);
        uint64_t *validity = duckdb_vector_get_validity(vector);
        rows->cell[i] = (struct weir_cell){NULL, 0};
        if (validity && !duckdb_validity_row_is_valid(validity, rows->row))
            continue;
        duckdb_string_t *text = (duckdb_string_t *)duckdb_vector_get_data(vector) + rows->row;
        rows->cell[i] = (struct weir_cell){duckdb_string_t_data(text), duckdb_string_t_length(*text)};
    }
    rows->row++;
    rows->given++;
    return rows->cell;
}

bool weir_answer_cut(const struct weir_answer *rows)
{
    return rows->cut;
}
