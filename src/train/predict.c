#include "train/predict.h"

#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define FUNCTION "weir_verdict"

/* What the scoring function shares with the call. */
struct scoring {
    const struct weir_predict_config *config;
    const char *const *classes;
    size_t groups;
    pthread_mutex_t lock; /* the counts of config->columns and rows */
    uint64_t rows;
};

/* ---- The scoring function: DuckDB calls it with chunks of rows, from its threads ------------------------------------------- */

static void add_counts(struct scoring *scoring, const struct weir_dataset_column *counts, size_t rows)
{
    pthread_mutex_lock(&scoring->lock);
    for (size_t c = 0; c < scoring->config->column_count; c++) {
        struct weir_dataset_column *column = &scoring->config->columns[c];
        column->missing += counts[c].missing;
        column->endless += counts[c].endless;
        column->unknown += counts[c].unknown;
    }
    scoring->rows += rows;
    pthread_mutex_unlock(&scoring->lock);
}

static void score_chunk(duckdb_function_info info, duckdb_data_chunk input, duckdb_vector output)
{
    struct scoring *scoring = duckdb_scalar_function_get_extra_info(info);
    const struct weir_predict_config *config = scoring->config;
    size_t rows = duckdb_data_chunk_get_size(input), columns = config->column_count, groups = scoring->groups;
    if (config->source->stop && *config->source->stop) {
        duckdb_scalar_function_set_error(info, "interrupted");
        return;
    }
    struct weir_dataset_column *counts = malloc(columns * sizeof *counts);
    float *x = malloc(rows * columns * sizeof *x), *margins = malloc(rows * groups * sizeof *margins);
    float *score = malloc(rows * sizeof *score);
    uint16_t *class = malloc(rows * sizeof *class);
    if (!counts || !x || !margins || !score || !class) {
        duckdb_scalar_function_set_error(info, "out of memory while scoring");
        goto out;
    }
    for (size_t c = 0; c < columns; c++) {
        counts[c] = (struct weir_dataset_column){.categories = config->columns[c].categories};
        weir_dataset_convert(duckdb_data_chunk_get_vector(input, c), rows, &counts[c], x + c, columns);
    }
    weir_model_margins(config->model, x, rows, columns, margins);
    weir_model_judge(config->model, margins, rows, score, class, NULL);
    memcpy(duckdb_vector_get_data(duckdb_struct_vector_get_child(output, 0)), score, rows * sizeof *score);
    duckdb_vector names = duckdb_struct_vector_get_child(output, 1);
    for (size_t i = 0; i < rows; i++)
        duckdb_vector_assign_string_element(names, i, scoring->classes[class[i]]);
    for (size_t g = 0; g < groups; g++) {
        float *margin = duckdb_vector_get_data(duckdb_struct_vector_get_child(output, 2 + g));
        for (size_t i = 0; i < rows; i++)
            margin[i] = margins[i * groups + g];
    }
    add_counts(scoring, counts, rows);
out:
    free(counts);
    free(x);
    free(margins);
    free(score);
    free(class);
}

static void print_output(char *name, size_t size, size_t groups, size_t i)
{
    if (i < 2)
        snprintf(name, size, "%s", i ? "class" : "score");
    else if (groups == 1)
        snprintf(name, size, "margin");
    else
        snprintf(name, size, "margin_%zu", i - 2);
}

/* Registers weir_verdict(model's columns...) -> STRUCT(score FLOAT, class VARCHAR, margin... FLOAT). */
static weir_err register_function(struct scoring *scoring, struct weir_error *error)
{
    const struct weir_predict_config *config = scoring->config;
    size_t members = 2 + scoring->groups;
    duckdb_logical_type number = duckdb_create_logical_type(DUCKDB_TYPE_DOUBLE),
                        text = duckdb_create_logical_type(DUCKDB_TYPE_VARCHAR),
                        real = duckdb_create_logical_type(DUCKDB_TYPE_FLOAT), result = NULL;
    duckdb_logical_type *types = malloc(members * sizeof *types);
    char(*names)[32] = malloc(members * sizeof *names);
    const char **list = malloc(members * sizeof *list);
    duckdb_scalar_function function = duckdb_create_scalar_function();
    weir_err failed = WEIR_OK;
    if (!types || !names || !list) {
        failed = weir_fail(error, WEIR_ERR_MEMORY, "predict: out of memory");
        goto out;
    }
    for (size_t i = 0; i < members; i++) {
        print_output(names[i], sizeof names[i], scoring->groups, i);
        list[i] = names[i];
        types[i] = i == 1 ? text : real;
    }
    result = duckdb_create_struct_type(types, list, members);
    duckdb_scalar_function_set_name(function, FUNCTION);
    for (size_t c = 0; c < config->column_count; c++) {
        const struct weir_relation_column *column =
            &config->source->columns[weir_relation_find(config->source, config->columns[c].name)];
        duckdb_scalar_function_add_parameter(function, column->text || config->columns[c].categories.count ? text : number);
    }
    duckdb_scalar_function_set_return_type(function, result);
    duckdb_scalar_function_set_special_handling(function); /* a NULL cell is a missing value, not a NULL verdict */
    duckdb_scalar_function_set_extra_info(function, scoring, NULL);
    duckdb_scalar_function_set_function(function, score_chunk);
    if (duckdb_register_scalar_function(config->source->duck->connection, function) != DuckDBSuccess)
        failed = weir_fail(error, WEIR_ERR_LIBRARY, "DuckDB refuses the scoring function");
out:
    duckdb_destroy_scalar_function(&function);
    if (result)
        duckdb_destroy_logical_type(&result);
    duckdb_destroy_logical_type(&number);
    duckdb_destroy_logical_type(&text);
    duckdb_destroy_logical_type(&real);
    free(list);
    free(names);
    free(types);
    return failed;
}

/* ---- The statement --------------------------------------------------------------------------------------------------------- */

static weir_err check_columns(const struct scoring *scoring, struct weir_error *error)
{
    const struct weir_predict_config *config = scoring->config;
    char name[320];
    for (size_t c = 0; c < config->column_count; c++)
        if (weir_relation_find(config->source, config->columns[c].name) < 0) {
            weir_dataset_list(config->source, name, sizeof name);
            return weir_fail(error, WEIR_ERR_NOT_FOUND, "%s: no column '%.60s', which model %s needs; the columns are: %s",
                             config->source->origin, config->columns[c].name, weir_model_label(config->model), name);
        }
    for (size_t i = 0; i < 2 + scoring->groups; i++) {
        print_output(name, sizeof name, scoring->groups, i);
        if (weir_relation_find(config->source, name) >= 0)
            return weir_fail(
                error, WEIR_ERR_MISMATCH,
                "%s: has a column '%s' already, as predict writes one; leave it out with --sql \"SELECT * EXCLUDE (%s) ...\"",
                config->source->origin, name, name);
    }
    return WEIR_OK;
}

/* CSV cells are texts; which columns become numbers in Parquet and JSON: 'i' whole, 'r' real, 't' stays. Those with infinities
 * stay texts: JSON has none. */
static weir_err find_types(const struct weir_relation *source, char *types, struct weir_error *error)
{
    char *sql = NULL;
    size_t size = 0;
    duckdb_result result;
    FILE *to = open_memstream(&sql, &size);
    if (!to)
        return weir_fail(error, WEIR_ERR_MEMORY, "predict: out of memory");
    fputs("SELECT ", to);
    for (size_t i = 0; i < source->column_count; i++) {
        if (i)
            fputs(", ", to);
        if (!source->columns[i].text) {
            fputs("'t'", to);
            continue;
        }
        fputs("CASE WHEN count(", to);
        weir_sql_name(to, source->columns[i].name);
        fputs(") = 0 THEN 't' WHEN bool_and(TRY_CAST(", to);
        weir_sql_name(to, source->columns[i].name);
        fputs(" AS BIGINT) IS NOT NULL AND regexp_full_match(", to);
        weir_sql_name(to, source->columns[i].name);
        fputs("::VARCHAR, '-?(0|[1-9][0-9]*)')) FILTER (", to);
        weir_sql_name(to, source->columns[i].name);
        fputs(" IS NOT NULL) THEN 'i' WHEN bool_and(coalesce(isfinite(TRY_CAST(", to);
        weir_sql_name(to, source->columns[i].name);
        fputs(" AS DOUBLE)), false)) FILTER (", to);
        weir_sql_name(to, source->columns[i].name);
        fputs(" IS NOT NULL) THEN 'r' ELSE 't' END", to);
    }
    fputs(" FROM " WEIR_RELATION, to);
    weir_err failed = fclose(to) ? weir_fail(error, WEIR_ERR_MEMORY, "predict: out of memory") : WEIR_OK;
    if (!failed && duckdb_query(source->duck->connection, sql, &result) != DuckDBSuccess) {
        failed = weir_relation_fail(source, duckdb_result_error(&result), error);
        duckdb_destroy_result(&result);
    } else if (!failed) {
        duckdb_data_chunk chunk = duckdb_fetch_chunk(result);
        for (size_t i = 0; i < source->column_count; i++) {
            duckdb_string_t *cell = duckdb_vector_get_data(duckdb_data_chunk_get_vector(chunk, i));
            types[i] = *duckdb_string_t_data(cell);
        }
        duckdb_destroy_data_chunk(&chunk);
        duckdb_destroy_result(&result);
    }
    free(sql);
    return failed;
}

static void print_statement(FILE *to, const struct scoring *scoring, const char *types)
{
    static const char *const formats[] = {[WEIR_PREDICT_CSV] = "FORMAT csv, HEADER true",
                                          [WEIR_PREDICT_JSONL] = "FORMAT json",
                                          [WEIR_PREDICT_PARQUET] = "FORMAT parquet"};
    const struct weir_predict_config *config = scoring->config;
    const struct weir_relation *source = config->source;
    fputs("COPY (SELECT ", to);
    for (size_t i = 0; i < source->column_count; i++) {
        const struct weir_relation_column *column = &source->columns[i];
        if (types[i] != 't')
            fputs("CAST(", to);
        weir_sql_name(to, column->name);
        if (types[i] != 't')
            fputs(types[i] == 'i' ? " AS BIGINT)" : " AS DOUBLE)", to);
        fputs(" AS ", to);
        weir_sql_name(to, column->raw);
        fputs(", ", to);
    }
    for (size_t i = 0; i < 2 + scoring->groups; i++) {
        char name[32];
        print_output(name, sizeof name, scoring->groups, i);
        fprintf(to, "%s\"weir verdict\".\"%s\" AS \"%s\"", i ? ", " : "", name, name);
    }
    fputs(" FROM (SELECT *, " FUNCTION "(", to);
    for (size_t c = 0; c < config->column_count; c++) {
        fputs(c ? ", " : "", to);
        weir_dataset_expression(to, &source->columns[weir_relation_find(source, config->columns[c].name)],
                                &config->columns[c].categories);
    }
    fputs(") AS \"weir verdict\" FROM " WEIR_RELATION ")) TO ", to);
    weir_sql_text(to, strcmp(config->path, "-") ? config->path : "/dev/stdout");
    fprintf(to, " (%s, USE_TMP_FILE false)", formats[config->format]);
}

static weir_err copy_failed(const struct weir_predict_config *config, const char *message, struct weir_error *error)
{
    if (strstr(message, "interrupted"))
        return weir_fail(error, WEIR_ERR_CLOSED, "interrupted; nothing is written");
    if (strstr(message, "IO Error")) {
        const char *reason = strrchr(message, ':');
        return weir_fail(error, WEIR_ERR_IO, "%s: cannot be written:%.200s", config->path, reason ? reason + 1 : message);
    }
    return weir_relation_fail(config->source, message, error);
}

weir_err weir_predict_write(const struct weir_predict_config *config, uint64_t *rows, struct weir_error *error)
{
    struct scoring scoring = {.config = config, .groups = weir_model_groups(config->model)};
    char *types = malloc(config->source->column_count + 1), *sql = NULL;
    size_t size = 0;
    duckdb_result result;
    if (!types)
        return weir_fail(error, WEIR_ERR_MEMORY, "predict: out of memory");
    weir_model_classes(config->model, &scoring.classes);
    pthread_mutex_init(&scoring.lock, NULL);
    memset(types, 't', config->source->column_count);
    weir_err failed = check_columns(&scoring, error);
    if (!failed && config->format != WEIR_PREDICT_CSV)
        failed = find_types(config->source, types, error);
    if (!failed)
        failed = register_function(&scoring, error);
    FILE *to = failed ? NULL : open_memstream(&sql, &size);
    if (to)
        print_statement(to, &scoring, types);
    if (!failed && (!to || fclose(to)))
        failed = weir_fail(error, WEIR_ERR_MEMORY, "predict: out of memory");
    if (!failed) {
        if (duckdb_query(config->source->duck->connection, sql, &result) != DuckDBSuccess)
            failed = copy_failed(config, duckdb_result_error(&result), error);
        duckdb_destroy_result(&result);
    }
    *rows = scoring.rows;
    pthread_mutex_destroy(&scoring.lock);
    free(sql);
    free(types);
    return failed;
}
