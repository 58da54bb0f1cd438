#include "data/duck.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static weir_err classify(const char *text)
{
    if (strstr(text, "lock on file"))
        return WEIR_ERR_BUSY;
    if (strstr(text, "Permission denied"))
        return WEIR_ERR_PERMISSION;
    if (strstr(text, "database does not exist") || strstr(text, "No such file"))
        return WEIR_ERR_NOT_FOUND;
    if (strstr(text, "not a valid DuckDB") || strstr(text, "Could not read enough bytes") || strstr(text, "Corrupt database"))
        return WEIR_ERR_FORMAT;
    if (strstr(text, "No space left") || strstr(text, "File too large") || strstr(text, "Disk quota"))
        return WEIR_ERR_FULL;
    if (strstr(text, "Could not write") || strstr(text, "Cannot open file") || strstr(text, "Could not read"))
        return WEIR_ERR_IO;
    return WEIR_ERR_LIBRARY;
}

static const char *remedy(weir_err code)
{
    switch (code) {
    case WEIR_ERR_BUSY:
        return "; another process has it open: wait until that one ends, or stop it";
    case WEIR_ERR_PERMISSION:
        return "; check the rights of the file and its folder";
    case WEIR_ERR_FORMAT:
        return "; give another path, or move the file away";
    case WEIR_ERR_FULL:
        return "; make room or give a path elsewhere";
    default:
        return "";
    }
}

weir_err weir_duck_open(const struct weir_duck_config *config, struct weir_duck **out, struct weir_error *error)
{
    weir_err code = WEIR_OK;
    char *text = NULL;
    duckdb_config options = NULL;
    struct weir_duck *duck = calloc(1, sizeof *duck);
    *out = NULL;
    if (!duck)
        return weir_fail(error, WEIR_ERR_MEMORY, "DuckDB session: out of memory");
    if (duckdb_create_config(&options) != DuckDBSuccess) {
        code = weir_fail(error, WEIR_ERR_MEMORY, "DuckDB configuration: out of memory");
        goto out;
    }
    if (config->read_only)
        duckdb_set_config(options, "access_mode", "READ_ONLY");
    if (config->threads) {
        char n[16];
        snprintf(n, sizeof n, "%u", config->threads);
        duckdb_set_config(options, "threads", n);
    }
    if (duckdb_open_ext(config->path, &duck->database, options, &text) != DuckDBSuccess) {
        weir_err kind = classify(text ? text : "");
        code = weir_fail(error, kind, "%s: cannot open the database: %.300s%s", config->path ? config->path : "(memory)",
                         text ? text : "unknown", remedy(kind));
        goto out;
    }
    if (duckdb_connect(duck->database, &duck->connection) != DuckDBSuccess) {
        code = weir_fail(error, WEIR_ERR_LIBRARY, "%s: DuckDB refused a connection", config->path ? config->path : "(memory)");
        goto out;
    }
    *out = duck;
    duck = NULL;
out:
    if (text)
        duckdb_free(text);
    if (options)
        duckdb_destroy_config(&options);
    weir_duck_close(&duck);
    return code;
}

weir_err weir_duck_connect(struct weir_duck *duck, struct weir_duck **out, struct weir_error *error)
{
    *out = NULL;
    struct weir_duck *more = calloc(1, sizeof *more); /* ->database stays NULL: it is not its own */
    if (!more)
        return weir_fail(error, WEIR_ERR_MEMORY, "DuckDB session: out of memory");
    if (duckdb_connect(duck->database, &more->connection) != DuckDBSuccess) {
        free(more);
        return weir_fail(error, WEIR_ERR_LIBRARY, "DuckDB refused a connection");
    }
    *out = more;
    return WEIR_OK;
}

void weir_duck_close(struct weir_duck **duck)
{
    if (!duck || !*duck)
        return;
    if ((*duck)->connection)
        duckdb_disconnect(&(*duck)->connection);
    if ((*duck)->database)
        duckdb_close(&(*duck)->database);
    free(*duck);
    *duck = NULL;
}

weir_err weir_duck_fail(const char *text, struct weir_error *error)
{
    if (!text)
        return weir_fail(error, WEIR_ERR_LIBRARY, "DuckDB failed without a message");
    weir_err code = classify(text);
    return weir_fail(error, code, "%.400s%s", text, remedy(code));
}

weir_err weir_duck_query(struct weir_duck *duck, const char *sql, duckdb_result *result, struct weir_error *error)
{
    if (duckdb_query(duck->connection, sql, result) == DuckDBSuccess)
        return WEIR_OK;
    const char *text = duckdb_result_error(result);
    weir_err code = weir_duck_fail(text, error);
    duckdb_destroy_result(result);
    return code;
}

weir_err weir_duck_run(struct weir_duck *duck, const char *sql, struct weir_error *error)
{
    duckdb_result result;
    weir_err code = weir_duck_query(duck, sql, &result, error);
    if (code == WEIR_OK)
        duckdb_destroy_result(&result);
    return code;
}

weir_err weir_duck_run_with(struct weir_duck *duck, const char *sql, const char *const *values, unsigned count,
                            struct weir_error *error)
{
    duckdb_prepared_statement statement = NULL;
    duckdb_result result = {0};
    weir_err code = WEIR_OK;
    if (duckdb_prepare(duck->connection, sql, &statement) != DuckDBSuccess) {
        code = weir_duck_fail(duckdb_prepare_error(statement), error);
        goto out;
    }
    for (unsigned i = 0; i < count; i++)
        if ((values[i] ? duckdb_bind_varchar(statement, i + 1, values[i]) : duckdb_bind_null(statement, i + 1)) !=
            DuckDBSuccess) {
            code = weir_fail(error, WEIR_ERR_ARGUMENT, "%.60s: value %u is no text", sql, i + 1);
            goto out;
        }
    if (duckdb_execute_prepared(statement, &result) != DuckDBSuccess)
        code = weir_duck_fail(duckdb_result_error(&result), error);
    duckdb_destroy_result(&result);
out:
    duckdb_destroy_prepare(&statement);
    return code;
}

weir_err weir_duck_number(struct weir_duck *duck, const char *sql, uint64_t *out, struct weir_error *error)
{
    duckdb_result result;
    weir_err code = weir_duck_query(duck, sql, &result, error);
    if (code != WEIR_OK)
        return code;
    duckdb_data_chunk chunk = duckdb_fetch_chunk(result);
    if (chunk && duckdb_data_chunk_get_size(chunk))
        *out = *(uint64_t *)duckdb_vector_get_data(duckdb_data_chunk_get_vector(chunk, 0));
    else
        code = weir_fail(error, WEIR_ERR_LIBRARY, "%.60s: DuckDB gives no number", sql);
    duckdb_destroy_data_chunk(&chunk);
    duckdb_destroy_result(&result);
    return code;
}

char *weir_duck_quote(const char *text)
{
    char *quoted = malloc(2 * strlen(text) + 3), *q = quoted;
    if (!quoted)
        return NULL;
    *q++ = '\'';
    for (const char *p = text; *p; p++) {
        if (*p == '\'')
            *q++ = '\'';
        *q++ = *p;
    }
    *q++ = '\'';
    *q = 0;
    return quoted;
}

weir_err weir_duck_lock(struct weir_duck *duck, struct weir_error *error)
{
    return weir_duck_run(duck,
                         "SET enable_external_access=false; SET autoload_known_extensions=false;"
                         "SET autoinstall_known_extensions=false; SET lock_configuration=true",
                         error);
}
