#include "data/dataset.h"

#include <arpa/inet.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/log.h"
#include "data/epoch.h"
#include "data/number.h"

/* What one query reads: columns of the data set by index, and where a row's cells go. */
struct reading {
    struct weir_relation *source;
    struct weir_dataset *dataset;
    int label; /* index in the source, -1: none */
    int side;  /* the same */
    enum weir_side side_kind;
    const int *at;    /* source column of each data set column */
    size_t allocated; /* rows that the arrays hold */
};

static weir_err out_of_memory(struct weir_error *error)
{
    return weir_fail(error, WEIR_ERR_MEMORY, "the data set does not fit into memory; read less of it with --sql");
}

static bool is_valid(const uint64_t *validity, size_t row)
{
    return !validity || validity[row / 64] >> (row % 64) & 1;
}

void weir_dataset_list(const struct weir_relation *source, char *text, size_t size)
{
    size_t used = 0;
    for (size_t i = 0; i < source->column_count && used < size; i++) {
        int n = snprintf(text + used, size - used, "%s%s", i ? ", " : "", source->columns[i].name);
        used += n > 0 ? (size_t)n : 0;
    }
    if (used >= size)
        memcpy(text + size - 4, "...", 4);
}

static weir_err no_column(const struct weir_relation *source, const char *what, const char *name, struct weir_error *error)
{
    char list[360];
    weir_dataset_list(source, list, sizeof list);
    return weir_fail(error, WEIR_ERR_NOT_FOUND, "%s: no %s '%.60s'; the columns are: %s", source->origin, what, name, list);
}

void weir_dataset_expression(FILE *to, const struct weir_relation_column *column, const struct weir_categories *categories)
{
    fputs("CAST(", to);
    weir_mapping_cell(to, column->name, column->known);
    fputs(column->text || categories->count ? " AS VARCHAR)" : " AS DOUBLE)", to);
}

static float keep_finite(double value, struct weir_dataset_column *column)
{
    float narrow = (float)value;
    if (isfinite(narrow))
        return narrow;
    if (isnan(value))
        column->missing++;
    else
        column->endless++;
    return NAN;
}

static float convert_text(const char *text, size_t length, struct weir_dataset_column *column)
{
    double value;
    if (column->categories.count) {
        int64_t code = weir_categories_find(&column->categories, text, length);
        if (code < 0)
            column->unknown++;
        return code < 0 ? NAN : (float)code;
    }
    switch (weir_number_read(text, length, &value)) {
    case WEIR_NUMBER_VALUE:
        return keep_finite(value, column);
    case WEIR_NUMBER_ENDLESS:
        column->endless++;
        return NAN;
    case WEIR_NUMBER_MISSING:
        column->missing++;
        return NAN;
    case WEIR_NUMBER_TEXT:
        break;
    }
    column->unknown++;
    return NAN;
}

void weir_dataset_convert(duckdb_vector vector, size_t rows, struct weir_dataset_column *column, float *out, size_t stride)
{
    const uint64_t *validity = duckdb_vector_get_validity(vector);
    duckdb_logical_type type = duckdb_vector_get_column_type(vector);
    bool numeric = duckdb_get_type_id(type) == DUCKDB_TYPE_DOUBLE;
    const double *number = duckdb_vector_get_data(vector);
    duckdb_string_t *text = duckdb_vector_get_data(vector);
    int64_t empty_code = weir_categories_find(&column->categories, "", 0);
    duckdb_destroy_logical_type(&type);
    for (size_t row = 0; row < rows; row++) {
        float *cell = &out[row * stride];
        if (!is_valid(validity, row) && empty_code >= 0) {
            *cell = (float)empty_code; /* files write the empty text and nothing at all alike */
        } else if (!is_valid(validity, row)) {
            column->missing++;
            *cell = NAN;
        } else if (numeric) {
            *cell = keep_finite(number[row], column);
        } else {
            *cell = convert_text(duckdb_string_t_data(&text[row]), duckdb_string_t_length(text[row]), column);
        }
    }
}

/* ---- Reading --------------------------------------------------------------------------------------------------------------- */

static weir_err reserve(struct reading *reading, size_t rows, struct weir_error *error)
{
    struct weir_dataset *dataset = reading->dataset;
    if (rows <= reading->allocated)
        return WEIR_OK;
    if (rows > UINT32_MAX)
        return weir_fail(error, WEIR_ERR_LIMIT, "more than 2^32 rows; read less of them with --sql");
    size_t want = rows + rows / 2 + 1024;
    for (size_t c = 0; c < dataset->column_count; c++) {
        float *values = realloc(dataset->columns[c].values, want * sizeof *values);
        if (!values)
            return out_of_memory(error);
        dataset->columns[c].values = values;
    }
    if (reading->label >= 0) {
        uint32_t *labels = realloc(dataset->labels, want * sizeof *labels);
        if (!labels)
            return out_of_memory(error);
        dataset->labels = labels;
    }
    if (reading->side >= 0) {
        int64_t *side = realloc(dataset->side, want * sizeof *side);
        if (!side)
            return out_of_memory(error);
        dataset->side = side;
    }
    reading->allocated = want;
    return WEIR_OK;
}

#define UNLABELLED UINT32_MAX

/* The labels of a chunk; rows without one are marked. */
static weir_err take_labels(struct reading *reading, duckdb_vector vector, size_t rows, struct weir_error *error)
{
    struct weir_dataset *dataset = reading->dataset;
    const uint64_t *validity = duckdb_vector_get_validity(vector);
    duckdb_string_t *text = duckdb_vector_get_data(vector);
    for (size_t row = 0; row < rows; row++) {
        uint32_t *label = &dataset->labels[dataset->rows + row];
        const char *start = is_valid(validity, row) ? duckdb_string_t_data(&text[row]) : "";
        size_t length = *start ? duckdb_string_t_length(text[row]) : 0, blank = 0;
        while (blank < length && start[blank] == ' ')
            blank++;
        *label = UNLABELLED;
        if (blank < length && weir_categories_add(&dataset->label_values, start, length, label) != WEIR_OK)
            return out_of_memory(error);
        if (dataset->label_values.count > 10000)
            return weir_fail(
                error, WEIR_ERR_FORMAT,
                "%s: the label column has more than 10,000 different values; --label must name the column of the classes",
                reading->source->origin);
    }
    return WEIR_OK;
}

/* The groups or times of a chunk; empty cells and what is no time are missing. */
static weir_err take_side(struct reading *reading, duckdb_vector vector, size_t rows, struct weir_error *error)
{
    struct weir_dataset *dataset = reading->dataset;
    const uint64_t *validity = duckdb_vector_get_validity(vector);
    duckdb_string_t *text = duckdb_vector_get_data(vector);
    for (size_t row = 0; row < rows; row++) {
        int64_t *side = &dataset->side[dataset->rows + row];
        *side = WEIR_SIDE_MISSING;
        if (!is_valid(validity, row))
            continue;
        const char *start = duckdb_string_t_data(&text[row]);
        size_t length = duckdb_string_t_length(text[row]);
        uint32_t code;
        double number;
        if (reading->side_kind == WEIR_SIDE_TIME) {
            if (weir_epoch_read(start, length, side) == WEIR_EPOCH_NONE)
                *side = WEIR_SIDE_MISSING;
        } else if (reading->side_kind == WEIR_SIDE_TIME_DAY_FIRST) {
            if (weir_epoch_read_day_first(start, length, side) == WEIR_EPOCH_NONE)
                *side = WEIR_SIDE_MISSING;
        } else if (weir_number_read(start, length, &number) != WEIR_NUMBER_MISSING) {
            if (weir_categories_add(&dataset->side_values, start, length, &code) != WEIR_OK)
                return out_of_memory(error);
            *side = code;
        }
    }
    return WEIR_OK;
}

/* Moves the chunk's labelled rows together and counts the others. */
static void drop_unlabelled(struct reading *reading, size_t rows)
{
    struct weir_dataset *dataset = reading->dataset;
    size_t kept = 0;
    for (size_t row = 0; row < rows; row++) {
        if (dataset->labels[dataset->rows + row] == UNLABELLED)
            continue;
        if (kept != row) {
            dataset->labels[dataset->rows + kept] = dataset->labels[dataset->rows + row];
            if (dataset->side)
                dataset->side[dataset->rows + kept] = dataset->side[dataset->rows + row];
            for (size_t c = 0; c < dataset->column_count; c++) {
                float *values = dataset->columns[c].values + dataset->rows;
                values[kept] = values[row];
            }
        }
        kept++;
    }
    dataset->unlabelled += rows - kept;
    dataset->rows += kept;
}

static weir_err take_chunk(struct reading *reading, duckdb_data_chunk chunk, struct weir_error *error)
{
    struct weir_dataset *dataset = reading->dataset;
    size_t rows = duckdb_data_chunk_get_size(chunk);
    weir_err failed = reserve(reading, dataset->rows + rows, error);
    if (!failed && reading->label >= 0)
        failed = take_labels(reading, duckdb_data_chunk_get_vector(chunk, dataset->column_count), rows, error);
    if (!failed && reading->side >= 0)
        failed =
            take_side(reading, duckdb_data_chunk_get_vector(chunk, dataset->column_count + (reading->label >= 0)), rows, error);
    if (failed)
        return failed;
    for (size_t c = 0; c < dataset->column_count; c++)
        weir_dataset_convert(duckdb_data_chunk_get_vector(chunk, c), rows, &dataset->columns[c],
                             dataset->columns[c].values + dataset->rows, 1);
    if (reading->label >= 0)
        drop_unlabelled(reading, rows);
    else
        dataset->rows += rows;
    return WEIR_OK;
}

static char *print_query(const struct reading *reading)
{
    char *sql = NULL;
    size_t size = 0;
    FILE *to = open_memstream(&sql, &size);
    if (!to)
        return NULL;
    fputs("SELECT ", to);
    for (size_t c = 0; c < reading->dataset->column_count; c++) {
        fputs(c ? ", " : "", to);
        weir_dataset_expression(to, &reading->source->columns[reading->at[c]], &reading->dataset->columns[c].categories);
    }
    const char *comma = reading->dataset->column_count ? ", " : "";
    for (int i = 0; i < 2; i++) {
        int texts = i ? reading->side : reading->label;
        if (texts < 0)
            continue;
        fputs(comma, to);
        weir_mapping_label(to, reading->source->columns[texts].name, i ? NULL : reading->source->columns[texts].labels);
        comma = ", ";
    }
    fputs(" FROM " WEIR_RELATION, to);
    return fclose(to) ? (free(sql), NULL) : sql;
}

static weir_err read_rows(struct reading *reading, struct weir_error *error)
{
    duckdb_result result;
    duckdb_data_chunk chunk = NULL;
    char *sql = print_query(reading);
    if (!sql)
        return out_of_memory(error);
    weir_err failed = weir_relation_query(reading->source, sql, &result, error);
    free(sql);
    if (failed)
        return failed;
    while (!(failed = weir_relation_fetch(reading->source, &result, &chunk, error)) && chunk) {
        failed = take_chunk(reading, chunk, error);
        duckdb_destroy_data_chunk(&chunk);
        if (failed)
            break;
    }
    duckdb_destroy_result(&result);
    if (!failed && !reading->dataset->rows)
        failed = weir_fail(error, WEIR_ERR_FORMAT, "%s: no rows%s", reading->source->origin,
                           reading->dataset->unlabelled ? " with a label" : " after the header");
    return failed;
}

/* ---- Learning columns ------------------------------------------------------------------------------------------------------ */

static weir_err add_column(struct weir_dataset *dataset, const char *name, struct weir_error *error)
{
    struct weir_dataset_column *column = &dataset->columns[dataset->column_count];
    *column = (struct weir_dataset_column){.name = strdup(name)};
    if (!column->name)
        return out_of_memory(error);
    dataset->column_count++;
    return WEIR_OK;
}

/* Code = place in the list. A text that comes again ("unas" names many protocols) keeps its place under a text of its own that no
 * cell has ("unas#137"), so that the codes behind it do not shift. */
static weir_err copy_categories(struct weir_categories *out, const char *const *texts, size_t count, struct weir_error *error)
{
    for (size_t i = 0; i < count; i++) {
        uint32_t code;
        char own[320];
        weir_err failed = weir_categories_add(out, texts[i], strlen(texts[i]), &code);
        if (!failed && code != i) {
            int n = snprintf(own, sizeof own, "%.280s#%zu", texts[i], i);
            failed = weir_categories_add(out, own, (size_t)n, &code);
        }
        if (failed || code != i)
            return out_of_memory(error);
    }
    return WEIR_OK;
}

static weir_err choose_columns(struct reading *reading, const struct weir_dataset_config *config, int *at,
                               struct weir_error *error)
{
    const struct weir_relation *source = reading->source;
    struct weir_dataset *dataset = reading->dataset;
    weir_err failed = WEIR_OK;
    for (size_t i = 0; i < config->exclude_count; i++)
        if (weir_relation_find(source, config->exclude[i]) < 0)
            return no_column(source, "column to exclude", config->exclude[i], error);
    for (size_t i = 0; i < source->column_count && !failed; i++) {
        bool excluded = (int)i == reading->label;
        for (size_t k = 0; k < config->exclude_count; k++)
            excluded |= weir_relation_find(source, config->exclude[k]) == (int)i;
        if (excluded)
            continue;
        at[dataset->column_count] = (int)i;
        failed = add_column(dataset, source->columns[i].name, error);
        const char *const *fixed =
            !failed && config->fixed_categories ? config->fixed_categories(source->columns[i].name, config->context) : NULL;
        size_t n = 0;
        while (fixed && fixed[n])
            n++;
        if (n)
            failed = copy_categories(&dataset->columns[dataset->column_count - 1].categories, fixed, n, error);
    }
    return failed;
}

static weir_err use_columns(struct reading *reading, const struct weir_dataset_config *config, int *at, struct weir_error *error)
{
    weir_err failed = WEIR_OK;
    for (size_t c = 0; c < config->column_count && !failed; c++) {
        const struct weir_dataset_column *wanted = &config->columns[c];
        at[c] = weir_relation_find(reading->source, wanted->name);
        if (at[c] < 0)
            return no_column(reading->source, "column", wanted->name, error);
        failed = add_column(reading->dataset, wanted->name, error);
        if (!failed)
            failed = copy_categories(&reading->dataset->columns[c].categories, (const char *const *)wanted->categories.text,
                                     wanted->categories.count, error);
    }
    return failed;
}

static bool is_address(const char *text)
{
    unsigned char bytes[16];
    unsigned mac[6];
    int end = 0;
    return inet_pton(AF_INET, text, bytes) == 1 || inet_pton(AF_INET6, text, bytes) == 1 ||
           (sscanf(text, "%2x:%2x:%2x:%2x:%2x:%2x%n", &mac[0], &mac[1], &mac[2], &mac[3], &mac[4], &mac[5], &end) == 6 &&
            !text[end]);
}

/* Why a column of texts is not fit to learn from, or NULL. */
static const char *identifies(const struct weir_categories *texts, size_t rows)
{
    bool addresses = true;
    if (texts->count > WEIR_DATASET_CATEGORIES)
        return "more than 256 different texts: it identifies rows";
    if (texts->count > 1 && texts->count == rows)
        return "no two texts alike: it identifies rows";
    for (size_t i = 0; i < texts->count && addresses; i++)
        addresses = is_address(texts->text[i]);
    return addresses ? "addresses: they identify hosts" : NULL;
}

/* Collects the texts of one column by a second query, so that numbers, nearly all columns, need no texts in memory. */
static weir_err collect_texts(struct reading *reading, size_t c, const char **reason, struct weir_error *error)
{
    struct weir_dataset_column *column = &reading->dataset->columns[c];
    duckdb_result result;
    duckdb_data_chunk chunk = NULL;
    char *sql = NULL;
    size_t size = 0, rows = 0;
    uint32_t code, *remap = NULL;
    FILE *to = open_memstream(&sql, &size);
    if (!to)
        return out_of_memory(error);
    fputs("SELECT ", to);
    weir_dataset_expression(to, &reading->source->columns[reading->at[c]], &column->categories);
    fputs(" FROM " WEIR_RELATION, to);
    weir_err failed = fclose(to) ? out_of_memory(error) : weir_relation_query(reading->source, sql, &result, error);
    free(sql);
    if (failed)
        return failed;
    while (!failed && column->categories.count <= WEIR_DATASET_CATEGORIES &&
           !(failed = weir_relation_fetch(reading->source, &result, &chunk, error)) && chunk) {
        duckdb_vector vector = duckdb_data_chunk_get_vector(chunk, 0);
        const uint64_t *validity = duckdb_vector_get_validity(vector);
        duckdb_string_t *text = duckdb_vector_get_data(vector);
        for (size_t row = 0; row < duckdb_data_chunk_get_size(chunk) && !failed; row++) {
            if (!is_valid(validity, row))
                continue;
            rows++;
            if (weir_categories_add(&column->categories, duckdb_string_t_data(&text[row]), duckdb_string_t_length(text[row]),
                                    &code) != WEIR_OK)
                failed = out_of_memory(error);
        }
        duckdb_destroy_data_chunk(&chunk);
    }
    duckdb_destroy_result(&result);
    if (failed)
        return failed;
    *reason = identifies(&column->categories, rows);
    remap = malloc((column->categories.count + 1) * sizeof *remap);
    failed = remap && weir_categories_sort(&column->categories, remap) == WEIR_OK ? WEIR_OK : out_of_memory(error);
    free(remap);
    return failed;
}

/* Forgets the rows, keeps columns and tables. */
static void rewind_rows(struct weir_dataset *dataset)
{
    for (size_t c = 0; c < dataset->column_count; c++)
        dataset->columns[c].missing = dataset->columns[c].endless = dataset->columns[c].unknown = 0;
    weir_categories_fini(&dataset->label_values);
    weir_categories_fini(&dataset->side_values);
    dataset->rows = dataset->unlabelled = 0;
}

/* After the first reading: gives the columns of texts their tables and reads once more, drops what cannot be learned from. */
static weir_err settle_columns(struct reading *reading, int *at, struct weir_error *error)
{
    struct weir_dataset *dataset = reading->dataset;
    size_t kept = 0;
    bool again = false;
    weir_err failed = WEIR_OK;
    for (size_t c = 0; c < dataset->column_count && !failed; c++) {
        struct weir_dataset_column *column = &dataset->columns[c];
        const char *reason = NULL;
        uint64_t cells = dataset->rows + dataset->unlabelled - column->missing - column->endless;
        if (!cells) {
            reason = "no values";
        } else if (!column->categories.count && column->unknown > cells / 100) { /* fewer are strays in a column of numbers */
            uint64_t texts = column->unknown, numbers = cells - texts;
            failed = collect_texts(reading, c, &reason, error);
            again = again || !reason;
            if (!failed && !reason && numbers > cells / 100)
                weir_log(WEIR_LOG_WARNING, "column '%s': %llu numbers and %llu texts; all count as texts", column->name,
                         (unsigned long long)numbers, (unsigned long long)texts);
        }
        if (reason) {
            weir_log(WEIR_LOG_INFO, "column '%s' is left out (%s)", column->name, reason);
            weir_dataset_column_fini(column);
            continue;
        }
        at[kept] = at[c];
        if (kept != c) {
            dataset->columns[kept] = *column;
            *column = (struct weir_dataset_column){0};
        }
        kept++;
    }
    if (failed)
        return failed;
    dataset->column_count = kept;
    if (!kept)
        return weir_fail(error, WEIR_ERR_FORMAT, "%s: no column to learn from", reading->source->origin);
    if (!again)
        return WEIR_OK;
    rewind_rows(dataset);
    return read_rows(reading, error);
}

/* Sorted label values, whatever the order of the rows. */
static weir_err sort_labels(struct weir_dataset *dataset, struct weir_error *error)
{
    uint32_t *remap = malloc((dataset->label_values.count + 1) * sizeof *remap);
    if (!remap || weir_categories_sort(&dataset->label_values, remap) != WEIR_OK) {
        free(remap);
        return out_of_memory(error);
    }
    for (size_t row = 0; row < dataset->rows; row++)
        dataset->labels[row] = remap[dataset->labels[row]];
    free(remap);
    return WEIR_OK;
}

/* The same for groups. */
static weir_err sort_groups(struct weir_dataset *dataset, struct weir_error *error)
{
    uint32_t *remap = malloc((dataset->side_values.count + 1) * sizeof *remap);
    if (!remap || weir_categories_sort(&dataset->side_values, remap) != WEIR_OK) {
        free(remap);
        return out_of_memory(error);
    }
    for (size_t row = 0; row < dataset->rows; row++)
        if (dataset->side[row] != WEIR_SIDE_MISSING)
            dataset->side[row] = remap[dataset->side[row]];
    free(remap);
    return WEIR_OK;
}

weir_err weir_dataset_read(struct weir_relation *source, const struct weir_dataset_config *config, struct weir_dataset **out,
                           struct weir_error *error)
{
    size_t most = config->columns ? config->column_count : source->column_count;
    int *at = malloc((most + 1) * sizeof *at);
    struct reading reading = {.source = source, .label = -1, .side = -1, .side_kind = config->side, .at = at};
    struct weir_dataset *dataset = calloc(1, sizeof *dataset);
    weir_err failed = WEIR_OK;
    *out = NULL;
    if (!at || !dataset || !(dataset->columns = calloc(most + 1, sizeof *dataset->columns))) {
        failed = out_of_memory(error);
        goto out;
    }
    reading.dataset = dataset;
    if (config->label && (reading.label = weir_relation_find(source, config->label)) < 0) {
        failed = no_column(source, "label column", config->label, error);
        goto out;
    }
    if (config->side && (reading.side = weir_relation_find(source, config->side_column)) < 0) {
        failed = no_column(source, "column to split by", config->side_column, error);
        goto out;
    }
    failed = config->columns ? use_columns(&reading, config, at, error) : choose_columns(&reading, config, at, error);
    if (!failed)
        failed = read_rows(&reading, error);
    if (!failed && !config->columns)
        failed = settle_columns(&reading, at, error);
    if (!failed && reading.label >= 0)
        failed = sort_labels(dataset, error);
    if (!failed && config->side == WEIR_SIDE_GROUP)
        failed = sort_groups(dataset, error);
    if (!failed) {
        *out = dataset;
        dataset = NULL;
    }
out:
    weir_dataset_free(&dataset);
    free(at);
    return failed;
}
