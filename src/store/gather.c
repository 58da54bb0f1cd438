#include "store/gather.h"

#include <stdlib.h>
#include <string.h>

#include "store/text.h"

enum { VECTOR_ROWS = 2048, INLINE_BYTES = 12 };

static void reset(struct weir_gather *gather)
{
    duckdb_data_chunk_reset(gather->chunk);
    for (unsigned i = 0; i < gather->config.columns; i++) {
        gather->vector[i] = duckdb_data_chunk_get_vector(gather->chunk, i);
        gather->data[i] = duckdb_vector_get_data(gather->vector[i]);
        gather->valid[i] = NULL;
    }
    gather->rows = 0;
    gather->text_used = 0;
}

static weir_err no_memory(const struct weir_gather *gather, struct weir_error *error)
{
    return weir_fail(error, WEIR_ERR_MEMORY, "%s: out of memory", gather->config.path);
}

static weir_err fail(const struct weir_gather *gather, struct weir_error *error)
{
    struct weir_error inner = {0};
    weir_err code = weir_duck_fail(duckdb_appender_error(gather->appender), &inner);
    return weir_fail(error, code, "%s: %s", gather->config.path, inner.text);
}

weir_err weir_gather_init(struct weir_gather *gather, const struct weir_gather_config *config, struct weir_error *error)
{
    duckdb_logical_type types[WEIR_GATHER_COLUMNS];
    *gather = (struct weir_gather){.config = *config};
    gather->text = malloc((size_t)VECTOR_ROWS * config->strings * WEIR_TEXT_ROOM + 1);
    if (!gather->text)
        return no_memory(gather, error);
    for (unsigned i = 0; i < config->columns; i++)
        types[i] = duckdb_create_logical_type(config->types[i]);
    gather->chunk = duckdb_create_data_chunk(types, config->columns);
    for (unsigned i = 0; i < config->columns; i++)
        duckdb_destroy_logical_type(&types[i]);
    if (!gather->chunk)
        return no_memory(gather, error);
    reset(gather);
    return WEIR_OK;
}

void weir_gather_fini(struct weir_gather *gather)
{
    if (gather->appender)
        duckdb_appender_destroy(&gather->appender);
    if (gather->chunk)
        duckdb_destroy_data_chunk(&gather->chunk);
    free(gather->text);
    gather->text = NULL;
}

weir_err weir_gather_begin(struct weir_gather *gather, struct weir_error *error)
{
    const struct weir_gather_config *config = &gather->config;
    if (gather->appender ||
        duckdb_appender_create_ext(config->duck->connection, "store", "main", config->table, &gather->appender) == DuckDBSuccess)
        return WEIR_OK;
    weir_err code = fail(gather, error);
    duckdb_appender_destroy(&gather->appender);
    return code;
}

/* Hands the gathered rows to DuckDB, which copies them. */
static weir_err append(struct weir_gather *gather, struct weir_error *error)
{
    if (!gather->rows)
        return WEIR_OK;
    duckdb_data_chunk_set_size(gather->chunk, gather->rows);
    weir_err code = duckdb_append_data_chunk(gather->appender, gather->chunk) == DuckDBSuccess ? WEIR_OK : fail(gather, error);
    reset(gather);
    return code;
}

weir_err weir_gather_row(struct weir_gather *gather, unsigned *row, struct weir_error *error)
{
    weir_err code = gather->rows == VECTOR_ROWS ? append(gather, error) : WEIR_OK;
    *row = gather->rows++;
    return code;
}

weir_err weir_gather_flush(struct weir_gather *gather, struct weir_error *error)
{
    weir_err code = append(gather, error);
    if (code == WEIR_OK && duckdb_appender_flush(gather->appender) != DuckDBSuccess)
        code = fail(gather, error);
    return code;
}

void weir_gather_drop(struct weir_gather *gather)
{
    if (gather->appender)
        duckdb_appender_destroy(&gather->appender);
    if (gather->chunk)
        reset(gather);
}

/* Up to 12 bytes stand in the cell itself, longer strings in the gather's own memory, which saves DuckDB a copy. The layout is
 * that of duckdb_string_t in duckdb.h. */
void weir_gather_text(struct weir_gather *gather, unsigned row, unsigned column, const char *text, size_t length)
{
    duckdb_string_t *cell = (duckdb_string_t *)gather->data[column] + row;
    memset(cell, 0, sizeof *cell);
    if (length <= INLINE_BYTES) {
        cell->value.inlined.length = (uint32_t)length;
        memcpy(cell->value.inlined.inlined, text, length);
        return;
    }
    char *copy = gather->text + gather->text_used;
    memcpy(copy, text, length);
    gather->text_used += length;
    cell->value.pointer.length = (uint32_t)length;
    memcpy(cell->value.pointer.prefix, text, sizeof cell->value.pointer.prefix);
    cell->value.pointer.ptr = copy;
}

void weir_gather_null(struct weir_gather *gather, unsigned row, unsigned column)
{
    if (!gather->valid[column]) {
        duckdb_vector_ensure_validity_writable(gather->vector[column]);
        gather->valid[column] = duckdb_vector_get_validity(gather->vector[column]);
    }
    duckdb_validity_set_row_invalid(gather->valid[column], row);
}
