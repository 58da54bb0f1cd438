#include "store/parquet.h"

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data/duck.h"

enum { VECTOR_ROWS = 2048 };

struct weir_parquet {
    struct weir_duck *duck;
    char *path;
    duckdb_appender appender;
    duckdb_data_chunk chunk;
    size_t columns, rows;
    struct column {
        enum weir_parquet_type type;
        duckdb_vector vector;
        void *data;
        uint64_t *valid;
        bool set; /* in the row that is being filled */
    } * column;
};

/* Writes `text` with each `quote` doubled, in quotes. */
static void put_quoted(FILE *to, const char *text, char quote)
{
    putc(quote, to);
    for (; *text; text++) {
        if (*text == quote)
            putc(quote, to);
        putc(*text, to);
    }
    putc(quote, to);
}

/* Every column is nullable and starts as null in each row. */
static void reset(struct weir_parquet *parquet)
{
    duckdb_data_chunk_reset(parquet->chunk);
    for (size_t i = 0; i < parquet->columns; i++) {
        struct column *column = &parquet->column[i];
        column->vector = duckdb_data_chunk_get_vector(parquet->chunk, i);
        column->data = duckdb_vector_get_data(column->vector);
        duckdb_vector_ensure_validity_writable(column->vector);
        column->valid = duckdb_vector_get_validity(column->vector);
        column->set = false;
    }
    parquet->rows = 0;
}

static weir_err make_table(struct weir_parquet *parquet, const struct weir_parquet_column *columns, const char *folder,
                           struct weir_error *error)
{
    static const char *const names[] = {"BIGINT", "DOUBLE", "VARCHAR"};
    char *sql = NULL;
    size_t size;
    FILE *to = open_memstream(&sql, &size);
    if (!to)
        return weir_fail(error, WEIR_ERR_MEMORY, "%s: out of memory", parquet->path);
    /* one thread: the same bytes for the same rows */
    fputs("SET memory_limit = '512MB'; SET temp_directory = ", to);
    put_quoted(to, folder, '\'');
    fputs("; CREATE TABLE spool(", to);
    for (size_t i = 0; i < parquet->columns; i++) {
        fputs(i ? ", " : "", to);
        put_quoted(to, columns[i].name, '"');
        fprintf(to, " %s", names[columns[i].type]);
    }
    fputs(")", to);
    weir_err code = fclose(to) ? weir_fail(error, WEIR_ERR_MEMORY, "%s: out of memory", parquet->path)
                               : weir_duck_run(parquet->duck, sql, error);
    free(sql);
    return code;
}

weir_err weir_parquet_open(const struct weir_parquet_column *columns, size_t count, const char *path, const char *folder,
                           struct weir_parquet **out, struct weir_error *error)
{
    static const duckdb_type types[] = {DUCKDB_TYPE_BIGINT, DUCKDB_TYPE_DOUBLE, DUCKDB_TYPE_VARCHAR};
    weir_err code = WEIR_ERR_MEMORY;
    duckdb_logical_type *logical = calloc(count, sizeof *logical);
    struct weir_parquet *parquet = calloc(1, sizeof *parquet);
    *out = NULL;
    if (!logical || !parquet || !(parquet->path = strdup(path)) || !(parquet->column = calloc(count, sizeof *parquet->column))) {
        weir_fail(error, code, "%s: out of memory", path);
        goto out;
    }
    parquet->columns = count;
    struct weir_duck_config config = {.threads = 1};
    if ((code = weir_duck_open(&config, &parquet->duck, error)) != WEIR_OK ||
        (code = make_table(parquet, columns, folder, error)) != WEIR_OK)
        goto out;
    for (size_t i = 0; i < count; i++) {
        parquet->column[i].type = columns[i].type;
        logical[i] = duckdb_create_logical_type(types[columns[i].type]);
    }
    parquet->chunk = duckdb_create_data_chunk(logical, count);
    for (size_t i = 0; i < count; i++)
        duckdb_destroy_logical_type(&logical[i]);
    if (!parquet->chunk ||
        duckdb_appender_create(parquet->duck->connection, NULL, "spool", &parquet->appender) != DuckDBSuccess) {
        code = weir_fail(error, WEIR_ERR_LIBRARY, "%s: DuckDB does not take rows", path);
        goto out;
    }
    reset(parquet);
    *out = parquet;
    parquet = NULL;
out:
    free(logical);
    weir_parquet_close(&parquet);
    return code;
}

void weir_parquet_number(struct weir_parquet *parquet, size_t column, double value)
{
    struct column *c = &parquet->column[column];
    if (!isfinite(value))
        return;
    if (c->type == WEIR_PARQUET_INTEGER)
        ((int64_t *)c->data)[parquet->rows] = (int64_t)value;
    else
        ((double *)c->data)[parquet->rows] = value;
    c->set = true;
}

void weir_parquet_text(struct weir_parquet *parquet, size_t column, const char *text, size_t length)
{
    duckdb_vector_assign_string_element_len(parquet->column[column].vector, parquet->rows, text, length);
    parquet->column[column].set = true;
}

static weir_err append(struct weir_parquet *parquet, struct weir_error *error)
{
    duckdb_data_chunk_set_size(parquet->chunk, parquet->rows);
    bool good = duckdb_append_data_chunk(parquet->appender, parquet->chunk) == DuckDBSuccess;
    weir_err code = good ? WEIR_OK : weir_duck_fail(duckdb_appender_error(parquet->appender), error);
    reset(parquet);
    return code;
}

weir_err weir_parquet_row(struct weir_parquet *parquet, struct weir_error *error)
{
    for (size_t i = 0; i < parquet->columns; i++) {
        struct column *column = &parquet->column[i];
        if (!column->set)
            duckdb_validity_set_row_invalid(column->valid, parquet->rows);
        column->set = false;
    }
    return ++parquet->rows == VECTOR_ROWS ? append(parquet, error) : WEIR_OK;
}

weir_err weir_parquet_finish(struct weir_parquet *parquet, struct weir_error *error)
{
    char *sql = NULL;
    size_t size;
    weir_err code = parquet->rows ? append(parquet, error) : WEIR_OK;
    if (code == WEIR_OK && duckdb_appender_close(parquet->appender) != DuckDBSuccess)
        code = weir_duck_fail(duckdb_appender_error(parquet->appender), error);
    if (code != WEIR_OK)
        return code;
    FILE *to = open_memstream(&sql, &size);
    if (!to)
        return weir_fail(error, WEIR_ERR_MEMORY, "%s: out of memory", parquet->path);
    fputs("COPY spool TO ", to);
    put_quoted(to, parquet->path, '\'');
    fputs(" (FORMAT parquet, COMPRESSION zstd, USE_TMP_FILE false)", to);
    code = fclose(to) ? weir_fail(error, WEIR_ERR_MEMORY, "%s: out of memory", parquet->path)
                      : weir_duck_run(parquet->duck, sql, error);
    free(sql);
    return code;
}

void weir_parquet_close(struct weir_parquet **parquet)
{
    if (!parquet || !*parquet)
        return;
    struct weir_parquet *p = *parquet;
    if (p->appender)
        duckdb_appender_destroy(&p->appender);
    if (p->chunk)
        duckdb_destroy_data_chunk(&p->chunk);
    weir_duck_close(&p->duck);
    free(p->column);
    free(p->path);
    free(p);
    *parquet = NULL;
}
