#include "store/guard.h"

#include <ctype.h>
#include <jansson.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>

/* Table functions that read no file, run no SQL from a text, take no pointer and change nothing. */
static const char *const functions[] = {
    "range",
    "generate_series",
    "unnest",
    "repeat",
    "repeat_row",
    "summary",
    "json_each",
    "json_tree",
    "duckdb_columns",
    "duckdb_constraints",
    "duckdb_databases",
    "duckdb_functions",
    "duckdb_indexes",
    "duckdb_keywords",
    "duckdb_memory",
    "duckdb_schemas",
    "duckdb_sequences",
    "duckdb_settings",
    "duckdb_tables",
    "duckdb_types",
    "duckdb_views",
    "pragma_database_size",
    "pragma_platform",
    "pragma_show",
    "pragma_storage_info",
    "pragma_table_info",
    "pragma_version",
    "icu_calendar_names",
    "pg_timezone_names",
    "test_all_types",
};

/* A table that is not there is looked for as a file when its name, or `a.b` for table b of schema a, ends like one. */
static const char *const endings[] = {"csv", "tsv", "json", "jsonl", "ndjson", "parquet", "db", "duckdb", "gz", "zst", "zstd"};

static bool is_among(const char *word, const char *const *list, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (!strcasecmp(word, list[i]))
            return true;
    return false;
}

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

static bool is_qualified_file(const json_t *table)
{
    static const char *const parts[] = {"catalog_name", "schema_name", "table_name"};
    if (!*text_of(table, "schema_name") && !*text_of(table, "catalog_name"))
        return false;
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        if (is_among(text_of(table, parts[i]), endings, sizeof endings / sizeof *endings))
            return true;
    return false;
}

static weir_err check_table(const json_t *table, struct weir_error *error)
{
    const char *name = text_of(table, "table_name");
    if (strpbrk(name, "./\\:*?[~") || is_qualified_file(table))
        return weir_fail(error, WEIR_ERR_ARGUMENT,
                         "query: '%.100s' could be a file: give a table of the store; SHOW TABLES names them", name);
    return WEIR_OK;
}

static weir_err check_function(const json_t *ref, struct weir_error *error)
{
    const char *name = text_of(json_object_get(ref, "function"), "function_name");
    if (is_among(name, functions, sizeof functions / sizeof *functions))
        return WEIR_OK;
    return weir_fail(error, WEIR_ERR_ARGUMENT,
                     "query: table function %.60s() is not for queries, which read the store's tables only", name);
}

/* The depth is that of the parsed JSON, which jansson bounds. Keys are DuckDB's own, never the query's. */
static weir_err walk(const json_t *node, struct weir_error *error)
{
    weir_err code = WEIR_OK;
    const char *key;
    json_t *child;
    size_t i;
    if (json_is_object(node)) {
        if (json_object_get(node, "table_name"))
            code = check_table(node, error);
        if (code == WEIR_OK && !strcmp(text_of(node, "type"), "TABLE_FUNCTION"))
            code = check_function(node, error);
        json_object_foreach((json_t *)node, key, child) if (code == WEIR_OK) code = walk(child, error);
    }
    json_array_foreach(node, i, child) if (code == WEIR_OK) code = walk(child, error);
    return code;
}

static const char *skip_blanks(const char *at)
{
    while (isspace((unsigned char)*at))
        at++;
    return at;
}

static bool skip_word(const char **at, const char *word)
{
    size_t length = strlen(word);
    if (strncasecmp(*at, word, length) != 0 || isalnum((unsigned char)(*at)[length]) || (*at)[length] == '_')
        return false;
    *at = skip_blanks(*at + length);
    return true;
}

/* DuckDB's parser gives no tree for EXPLAIN, but for what it explains. */
static const char *explained(const char *sql)
{
    const char *at = skip_blanks(sql);
    if (!skip_word(&at, "explain"))
        return sql;
    skip_word(&at, "analyze");
    if (*at == '(') { /* options: words only, so that no comment or quote makes them end elsewhere than for DuckDB */
        const char *end = at + 1 + strspn(at + 1, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ, ");
        at = *end == ')' ? end + 1 : at;
    }
    return at;
}

static weir_err refuse(const json_t *tree, struct weir_error *error)
{
    const char *message = text_of(tree, "error_message");
    if (!strcmp(text_of(tree, "error_type"), "not implemented"))
        return weir_fail(error, WEIR_ERR_ARGUMENT,
                         "query: a store is only read here: give a SELECT, WITH, FROM, SHOW, DESCRIBE, SUMMARIZE or EXPLAIN");
    return weir_fail(error, WEIR_ERR_LIBRARY, "query: %s", *message ? message : "cannot be parsed");
}

/* DuckDB's tree of the statement as JSON; *out is to be freed with duckdb_free. */
static weir_err parse(struct weir_duck *duck, const char *sql, char **out, struct weir_error *error)
{
    duckdb_prepared_statement statement = NULL;
    duckdb_result result = {0};
    const char *problem = NULL;
    *out = NULL;
    /* named in full: a macro of the store's own cannot stand in for it */
    if (duckdb_prepare(duck->connection, "SELECT system.main.json_serialize_sql(?::VARCHAR)", &statement) != DuckDBSuccess)
        problem = duckdb_prepare_error(statement);
    else if (duckdb_bind_varchar(statement, 1, sql) != DuckDBSuccess)
        problem = "this is no UTF-8";
    else if (duckdb_execute_prepared(statement, &result) != DuckDBSuccess)
        problem = duckdb_result_error(&result);
    else if (!(*out = duckdb_value_varchar(&result, 0, 0)))
        problem = "out of memory";
    weir_err code = *out ? WEIR_OK : weir_fail(error, WEIR_ERR_LIBRARY, "query: %s", problem ? problem : "cannot be parsed");
    duckdb_destroy_result(&result);
    duckdb_destroy_prepare(&statement);
    return code;
}

weir_err weir_guard_check(struct weir_duck *duck, const char *sql, struct weir_error *error)
{
    char *text;
    weir_err code = parse(duck, explained(sql), &text, error);
    if (code != WEIR_OK)
        return code;
    /* as reals: an unknown place in the text is 2^64 - 1, which jansson takes for damage */
    json_t *tree = json_loads(text, JSON_ALLOW_NUL | JSON_DECODE_INT_AS_REAL, NULL);
    const json_t *statements = json_object_get(tree, "statements");
    duckdb_free(text);
    if (!tree)
        code = weir_fail(error, WEIR_ERR_ARGUMENT, "query: nested too deeply, or too large; give a simpler one");
    else if (!json_is_false(json_object_get(tree, "error")))
        code = refuse(tree, error);
    else if (json_array_size(statements) != 1)
        code = weir_fail(error, WEIR_ERR_ARGUMENT, "query: give one SQL statement, not %zu", json_array_size(statements));
    else
        code = walk(statements, error);
    json_decref(tree);
    return code;
}
