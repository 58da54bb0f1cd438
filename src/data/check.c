#define XXH_INLINE_ALL
#include "data/check.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <xxhash.h>

#include "base/random.h"
#include "data/distinct.h"
#include "data/number.h"

enum {
    SAMPLE_CELLS = 6 << 20,
    SAMPLE_ROWS = 200000,
    LABELS_MOST = 10000,
    FEW_ROWS = 20 /* with fewer of a class nothing is said of how a column tells it */
};

#define NONE UINT32_MAX

/* A cell of a row that is looked at again. */
struct cell {
    double value; /* NaN: no number */
    uint64_t hash;
};

struct scan {
    struct weir_check *check;
    struct weir_distinct *distinct; /* [columns] */
    uint64_t *texts, *fractions;    /* [columns] cells that are no number; numbers that are not whole */
    bool *learned;                  /* [columns] */
    int label;                      /* column, -1: none */
    size_t allocated;
    uint64_t *whole_hash, *learned_hash; /* [rows] */
    uint32_t *row_label;                 /* [rows], NONE: no label */
    struct cell *sample;                 /* [sample_rows][columns] */
    uint32_t *sample_label;
    uint64_t *sample_draw; /* [sample_most] */
    size_t sample_rows, sample_most;
    uint64_t rare;    /* a row is in the sample when its draw has none of these bits */
    uint64_t *hashes; /* [columns] of one row */
};

static weir_err out_of_memory(struct weir_error *error)
{
    return weir_fail(error, WEIR_ERR_MEMORY, "checking data: out of memory; check fewer files at once");
}

/* ---- Reading --------------------------------------------------------------------------------------------------------------- */

static char *print_query(const struct weir_relation *source)
{
    char *sql = NULL;
    size_t size = 0;
    FILE *to = open_memstream(&sql, &size);
    if (!to)
        return NULL;
    fputs("SELECT ", to);
    for (size_t i = 0; i < source->column_count; i++) {
        const struct weir_relation_column *column = &source->columns[i];
        if (i)
            fputs(", ", to);
        if (column->labels) {
            weir_mapping_label(to, column->name, column->labels);
            continue;
        }
        fputs("CAST(", to);
        weir_mapping_cell(to, column->name, column->known);
        fputs(" AS VARCHAR)", to);
    }
    fputs(" FROM " WEIR_RELATION, to);
    return fclose(to) ? (free(sql), NULL) : sql;
}

static weir_err reserve(struct scan *scan, size_t rows, struct weir_error *error)
{
    if (rows <= scan->allocated)
        return WEIR_OK;
    if (rows >= NONE)
        return weir_fail(error, WEIR_ERR_LIMIT, "more than 2^32 rows; check fewer files at once");
    size_t want = rows + rows / 2 + 4096;
    uint64_t *whole = realloc(scan->whole_hash, want * sizeof *whole);
    if (whole)
        scan->whole_hash = whole;
    uint64_t *learned = realloc(scan->learned_hash, want * sizeof *learned);
    if (learned)
        scan->learned_hash = learned;
    uint32_t *label = realloc(scan->row_label, want * sizeof *label);
    if (label)
        scan->row_label = label;
    if (!whole || !learned || !label)
        return out_of_memory(error);
    scan->allocated = want;
    return WEIR_OK;
}

/* A number for each row that looks drawn, so that data which comes in turns is not seen one-sided. */
static uint64_t draw_row(uint64_t row)
{
    uint64_t state = row;
    return weir_random_next(&state);
}

/* When the sample is full, about every second row of it goes, and from now on half as many come. */
static void thin_sample(struct scan *scan)
{
    size_t columns = scan->check->column_count, kept = 0;
    scan->rare = scan->rare << 1 | 1;
    for (size_t i = 0; i < scan->sample_rows; i++) {
        if (scan->sample_draw[i] & scan->rare)
            continue;
        memmove(&scan->sample[kept * columns], &scan->sample[i * columns], columns * sizeof *scan->sample);
        scan->sample_label[kept] = scan->sample_label[i];
        scan->sample_draw[kept++] = scan->sample_draw[i];
    }
    scan->sample_rows = kept;
}

/* Blanks around do not count. */
static void trim(const char **text, size_t *length)
{
    while (*length && strchr(" \t\r", **text))
        (*text)++, (*length)--;
    while (*length && strchr(" \t\r", (*text)[*length - 1]))
        (*length)--;
}

static weir_err take_label(struct scan *scan, const char *text, size_t length, uint32_t *label, struct weir_error *error)
{
    struct weir_categories *labels = &scan->check->labels;
    *label = NONE;
    if (!length)
        return WEIR_OK;
    if (weir_categories_add(labels, text, length, label) != WEIR_OK)
        return out_of_memory(error);
    if (labels->count > LABELS_MOST)
        return weir_fail(error, WEIR_ERR_FORMAT,
                         "%s: the label column '%.60s' has more than 10,000 different values; name the column "
                         "of the classes with --label",
                         scan->check->source->origin, scan->check->label);
    return WEIR_OK;
}

/* Counts a cell; `cell` for the sample. */
static void take_cell(struct scan *scan, size_t c, const char *text, size_t length, struct cell *cell)
{
    struct weir_check_column *column = &scan->check->columns[c];
    enum weir_number_kind kind = weir_number_read(text, length, &cell->value);
    cell->hash = 0; /* of all that is missing */
    if (kind == WEIR_NUMBER_MISSING) {
        column->missing++;
        return;
    }
    cell->hash = XXH3_64bits(text, length) | 1;
    weir_distinct_add(&scan->distinct[c], cell->hash);
    if (kind == WEIR_NUMBER_ENDLESS) {
        column->endless++;
    } else if (kind == WEIR_NUMBER_TEXT) {
        scan->texts[c]++;
    } else {
        scan->fractions[c] += cell->value < rint(cell->value) || cell->value > rint(cell->value);
        column->least = fmin(column->least, cell->value);
        column->most = fmax(column->most, cell->value);
    }
}

static weir_err take_row(struct scan *scan, duckdb_string_t *const *data, uint64_t *const *validity, size_t at,
                         struct weir_error *error)
{
    struct weir_check *check = scan->check;
    size_t columns = check->column_count, row = check->rows, learned = 0;
    uint64_t draw = draw_row(row);
    weir_err failed = WEIR_OK;
    while (scan->sample_rows == scan->sample_most)
        thin_sample(scan);
    bool sampled = !(draw & scan->rare);
    scan->row_label[row] = NONE;
    uint64_t *learned_hashes = scan->hashes + columns;
    for (size_t c = 0; c < columns && !failed; c++) {
        struct cell cell;
        bool valid = !validity[c] || validity[c][at / 64] >> (at % 64) & 1;
        const char *text = valid ? duckdb_string_t_data(&data[c][at]) : "";
        size_t length = valid ? duckdb_string_t_length(data[c][at]) : 0;
        trim(&text, &length);
        take_cell(scan, c, text, length, &cell);
        if ((int)c == scan->label)
            failed = take_label(scan, text, length, &scan->row_label[row], error);
        scan->hashes[c] = cell.hash;
        if (scan->learned[c])
            learned_hashes[learned++] = cell.hash;
        if (sampled)
            scan->sample[scan->sample_rows * columns + c] = cell;
    }
    scan->whole_hash[row] = XXH3_64bits(scan->hashes, columns * sizeof *scan->hashes);
    scan->learned_hash[row] = XXH3_64bits(learned_hashes, learned * sizeof *learned_hashes);
    if (sampled) {
        scan->sample_draw[scan->sample_rows] = draw;
        scan->sample_label[scan->sample_rows++] = scan->row_label[row];
    }
    check->unlabelled += scan->label >= 0 && scan->row_label[row] == NONE;
    check->rows++;
    return failed;
}

static weir_err take_chunk(struct scan *scan, duckdb_data_chunk chunk, struct weir_error *error)
{
    size_t columns = scan->check->column_count, rows = duckdb_data_chunk_get_size(chunk);
    duckdb_string_t **data = malloc((columns + 1) * sizeof *data);
    uint64_t **validity = malloc((columns + 1) * sizeof *validity);
    weir_err failed = data && validity ? reserve(scan, scan->check->rows + rows, error) : out_of_memory(error);
    for (size_t c = 0; c < columns && !failed; c++) {
        duckdb_vector vector = duckdb_data_chunk_get_vector(chunk, c);
        data[c] = duckdb_vector_get_data(vector);
        validity[c] = duckdb_vector_get_validity(vector);
    }
    for (size_t row = 0; row < rows && !failed; row++)
        failed = take_row(scan, data, validity, row, error);
    free(data);
    free(validity);
    return failed;
}

static weir_err read_rows(struct scan *scan, struct weir_error *error)
{
    struct weir_relation *source = scan->check->source;
    duckdb_result result;
    duckdb_data_chunk chunk = NULL;
    char *sql = print_query(source);
    if (!sql)
        return out_of_memory(error);
    weir_err failed = weir_relation_query(source, sql, &result, error);
    free(sql);
    if (failed)
        return failed;
    while (!failed && !(failed = weir_relation_fetch(source, &result, &chunk, error)) && chunk) {
        failed = take_chunk(scan, chunk, error);
        duckdb_destroy_data_chunk(&chunk);
    }
    duckdb_destroy_result(&result);
    if (!failed && !scan->check->rows)
        failed = weir_fail(error, WEIR_ERR_FORMAT, "%s: no rows after the header", source->origin);
    return failed;
}

/* ---- Labels and rows that come twice -----------------------------------------------------------------------------------------
 */

static weir_err count_labels(struct scan *scan, struct weir_error *error)
{
    struct weir_check *check = scan->check;
    uint32_t *remap = malloc((check->labels.count + 1) * sizeof *remap);
    check->label_rows = calloc(check->labels.count + 1, sizeof *check->label_rows);
    weir_err failed =
        remap && check->label_rows && weir_categories_sort(&check->labels, remap) == WEIR_OK ? WEIR_OK : out_of_memory(error);
    for (size_t row = 0; row < check->rows && !failed; row++)
        if (scan->row_label[row] != NONE)
            check->label_rows[scan->row_label[row] = remap[scan->row_label[row]]]++;
    for (size_t i = 0; i < scan->sample_rows && !failed; i++)
        if (scan->sample_label[i] != NONE)
            scan->sample_label[i] = remap[scan->sample_label[i]];
    free(remap);
    return failed;
}

static int compare_hash(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

struct labelled {
    uint64_t hash;
    uint32_t label;
};

static int compare_labelled(const void *a, const void *b)
{
    const struct labelled *x = a, *y = b;
    return x->hash != y->hash ? (x->hash > y->hash ? 1 : -1) : (x->label > y->label) - (x->label < y->label);
}

static weir_err count_twice(struct scan *scan, struct weir_error *error)
{
    struct weir_check *check = scan->check;
    qsort(scan->whole_hash, check->rows, sizeof *scan->whole_hash, compare_hash);
    for (size_t i = 1; i < check->rows; i++)
        check->twice += scan->whole_hash[i] == scan->whole_hash[i - 1];
    struct labelled *list = malloc((check->rows + 1) * sizeof *list);
    if (!list)
        return out_of_memory(error);
    for (size_t i = 0; i < check->rows; i++)
        list[i] = (struct labelled){scan->learned_hash[i], scan->row_label[i]};
    qsort(list, check->rows, sizeof *list, compare_labelled);
    for (size_t i = 0, end; i < check->rows; i = end) {
        size_t labels = 1;
        for (end = i + 1; end < check->rows && list[end].hash == list[i].hash; end++) {
            check->twice_learned += list[end].label == list[end - 1].label;
            labels += list[end].label != list[end - 1].label;
        }
        check->contradicting += labels > 1 ? end - i : 0;
    }
    free(list);
    return WEIR_OK;
}

/* ---- Columns -----------------------------------------------------------------------------------------------------------------
 */

struct keyed {
    double value;
    uint64_t hash;
    uint32_t class;
};

static int compare_keyed(const void *a, const void *b)
{
    const struct keyed *x = a, *y = b;
    if (x->value < y->value || x->value > y->value)
        return x->value < y->value ? -1 : 1;
    return (x->hash > y->hash) - (x->hash < y->hash);
}

static bool equal_keyed(const struct keyed *a, const struct keyed *b, bool number)
{
    return number ? !(a->value < b->value || a->value > b->value) : a->hash == b->hash;
}

/* The larger of the two figures in check.h over n sorted rows; class_rows[k] of each class. */
static double measure(const struct keyed *list, size_t n, bool number, const size_t *class_rows, size_t classes, size_t *have)
{
    double area = 0, right = 0, below = 0;
    size_t values = 0, present = 0;
    for (size_t k = 0; k < classes; k++)
        present += class_rows[k] > 0;
    for (size_t i = 0, end; i < n; i = end, values++) {
        memset(have, 0, classes * sizeof *have);
        for (end = i; end < n && equal_keyed(&list[i], &list[end], number); end++)
            have[list[end].class]++;
        size_t best = 0;
        for (size_t k = 1; k < classes; k++)
            if ((double)have[k] * (double)class_rows[best] > (double)have[best] * (double)class_rows[k])
                best = k;
        right += class_rows[best] ? (double)have[best] / (double)class_rows[best] : 0;
        area += (double)have[1] * (below + (double)have[0] / 2);
        below += (double)have[0];
    }
    double tells = values * 10 <= n ? right / (double)present : 0;
    if (classes == 2 && number) {
        area /= (double)class_rows[0] * (double)class_rows[1];
        tells = fmax(tells, fmax(area, 1 - area));
    }
    return tells;
}

/* How well each column tells the classes of the sample: benign and attack, or the labels. */
static weir_err find_tellers(struct scan *scan, struct weir_error *error)
{
    struct weir_check *check = scan->check;
    size_t columns = check->column_count, labels = check->labels.count, classes = check->benign ? 2 : labels, n = 0, enough = 0;
    size_t *class_rows = calloc(classes + 1, sizeof *class_rows), *have = calloc(classes + 1, sizeof *have);
    uint32_t *class_of = malloc((labels + 1) * sizeof *class_of);
    struct keyed *list = malloc((scan->sample_rows + 1) * sizeof *list);
    weir_err failed = class_rows && have && class_of && list ? WEIR_OK : out_of_memory(error);
    for (size_t k = 0; k < labels && !failed; k++) {
        double a, b;
        const char *text = check->labels.text[k];
        bool benign = check->benign &&
                      (!strcmp(text, check->benign) ||
                       (weir_number_read(text, strlen(text), &a) == WEIR_NUMBER_VALUE &&
                        weir_number_read(check->benign, strlen(check->benign), &b) == WEIR_NUMBER_VALUE && !(a < b || a > b)));
        class_of[k] = check->benign ? !benign : (uint32_t)k;
    }
    for (size_t i = 0; i < scan->sample_rows && !failed; i++)
        if (scan->sample_label[i] != NONE)
            class_rows[class_of[scan->sample_label[i]]]++;
    for (size_t k = 0; k < classes && !failed; k++)
        enough += class_rows[k] >= FEW_ROWS;
    for (size_t c = 0; c < columns && !failed && enough >= 2; c++) {
        struct weir_check_column *column = &check->columns[c];
        if (column->label)
            continue;
        n = 0;
        for (size_t i = 0; i < scan->sample_rows; i++) {
            const struct cell *cell = &scan->sample[i * columns + c];
            if (scan->sample_label[i] == NONE)
                continue;
            double value = !column->number ? 0 : isnan(cell->value) ? -INFINITY : cell->value; /* missing: below all */
            list[n++] = (struct keyed){value, column->number ? 0 : cell->hash, class_of[scan->sample_label[i]]};
        }
        qsort(list, n, sizeof *list, compare_keyed);
        column->tells = measure(list, n, column->number, class_rows, classes, have);
    }
    free(class_rows);
    free(have);
    free(class_of);
    free(list);
    return failed;
}

static void judge_columns(struct scan *scan)
{
    struct weir_check *check = scan->check;
    for (size_t c = 0; c < check->column_count; c++) {
        struct weir_check_column *column = &check->columns[c];
        uint64_t cells = check->rows - column->missing;
        column->number = scan->texts[c] <= (cells - column->endless) / 100 && cells > scan->texts[c];
        column->strays = column->number ? scan->texts[c] : 0;
        column->distinct = weir_distinct_count(&scan->distinct[c], &column->exact);
        if (column->distinct > cells)
            column->distinct = cells; /* an estimate may err */
        if (!column->number || column->least > column->most)
            column->least = column->most = NAN;
        column->constant = column->distinct + (column->missing > 0) <= 1;
        double share = !column->number || !scan->fractions[c] ? WEIR_CHECK_UNIQUE : column->exact ? 0.999 : 0.97;
        column->unique = cells >= FEW_ROWS && (double)column->distinct >= share * (double)cells;
    }
}

/* ---- The whole ----------------------------------------------------------------------------------------------------------------
 */

static weir_err choose_label(struct scan *scan, const struct weir_check_config *config, struct weir_error *error)
{
    struct weir_check *check = scan->check;
    const struct weir_relation *source = check->source;
    const struct weir_known *known = source->known;
    const char *const usual[] = {config->label, known ? weir_known_category(known)->column : NULL,
                                 known ? known->label.column : NULL, "label", "class"};
    scan->label = -1;
    for (size_t i = 0; i < sizeof usual / sizeof *usual && scan->label < 0; i++) {
        scan->label = usual[i] ? weir_relation_find(source, usual[i]) : -1;
        if (!i && usual[i] && scan->label < 0)
            return weir_fail(error, WEIR_ERR_NOT_FOUND, "%s: no label column '%.60s'", source->origin, usual[i]);
    }
    if (scan->label < 0)
        return WEIR_OK;
    check->label = source->columns[scan->label].name;
    check->columns[scan->label].label = true;
    check->benign = config->benign ? config->benign : known ? weir_known_benign(known, check->label) : NULL;
    return WEIR_OK;
}

/* What the description says of the columns, and which of them would be learned from. */
static weir_err compare_columns(struct scan *scan, struct weir_error *error)
{
    struct weir_check *check = scan->check;
    const struct weir_known *known = check->source->known;
    for (size_t c = 0; c < check->column_count; c++) {
        const struct weir_relation_column *from = &check->source->columns[c];
        struct weir_check_column *column = &check->columns[c];
        column->label |= from->labels != NULL;
        column->identifier = known && weir_known_lists(known->identifiers, from->name);
        column->leak = known && weir_known_lists(known->leaks, from->name);
        column->strange = known && known->column_count && !from->known;
        scan->learned[c] = !column->label && !column->identifier && !column->leak && !from->unnamed;
    }
    check->absent = calloc((known ? known->column_count : 0) + 1, sizeof *check->absent);
    if (!check->absent)
        return out_of_memory(error);
    for (size_t i = 0; known && i < known->column_count; i++)
        if (weir_relation_find(check->source, known->columns[i].name) < 0)
            check->absent[check->absent_count++] = known->columns[i].name;
    return WEIR_OK;
}

weir_err weir_check_run(struct weir_relation *source, const struct weir_check_config *config, struct weir_check *out,
                        struct weir_error *error)
{
    size_t columns = source->column_count, most = SAMPLE_CELLS / columns;
    struct scan scan = {.check = out, .sample_most = most < SAMPLE_ROWS ? most : SAMPLE_ROWS};
    *out = (struct weir_check){.source = source, .columns = calloc(columns, sizeof *out->columns), .column_count = columns};
    scan.distinct = calloc(columns, sizeof *scan.distinct);
    scan.texts = calloc(columns, sizeof *scan.texts);
    scan.fractions = calloc(columns, sizeof *scan.fractions);
    scan.learned = calloc(columns, sizeof *scan.learned);
    scan.hashes = calloc(2 * columns, sizeof *scan.hashes);
    scan.sample = malloc(scan.sample_most * columns * sizeof *scan.sample);
    scan.sample_draw = malloc(scan.sample_most * sizeof *scan.sample_draw);
    scan.sample_label = malloc(scan.sample_most * sizeof *scan.sample_label);
    weir_err failed = out->columns && scan.distinct && scan.texts && scan.fractions && scan.learned && scan.hashes &&
                              scan.sample && scan.sample_label
                          ? WEIR_OK
                          : out_of_memory(error);
    for (size_t c = 0; c < columns && !failed; c++)
        out->columns[c] =
            (struct weir_check_column){.name = source->columns[c].name, .least = INFINITY, .most = -INFINITY, .tells = NAN};
    if (!failed)
        failed = choose_label(&scan, config, error);
    if (!failed)
        failed = compare_columns(&scan, error);
    if (!failed)
        failed = read_rows(&scan, error);
    for (size_t c = 0; c < columns && !failed; c++)
        if (scan.distinct[c].failed)
            failed = out_of_memory(error);
    if (!failed)
        failed = count_labels(&scan, error);
    if (!failed)
        failed = count_twice(&scan, error);
    if (!failed) {
        judge_columns(&scan);
        failed = find_tellers(&scan, error);
    }
    for (size_t c = 0; scan.distinct && c < columns; c++)
        weir_distinct_fini(&scan.distinct[c]);
    free(scan.distinct);
    free(scan.texts);
    free(scan.fractions);
    free(scan.learned);
    free(scan.hashes);
    free(scan.sample);
    free(scan.sample_label);
    free(scan.sample_draw);
    free(scan.whole_hash);
    free(scan.learned_hash);
    free(scan.row_label);
    if (failed)
        weir_check_fini(out);
    return failed;
}

void weir_check_fini(struct weir_check *check)
{
    weir_categories_fini(&check->labels);
    free(check->label_rows);
    free(check->columns);
    free(check->absent);
    *check = (struct weir_check){0};
}

bool weir_check_unfit(const struct weir_check_column *column)
{
    return column->identifier || column->leak || column->unique || column->constant || column->tells >= WEIR_CHECK_TELLS;
}

/* ---- JSON ---------------------------------------------------------------------------------------------------------------------
 */

static json_t *number_or_null(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

static json_t *column_json(const struct weir_check_column *c)
{
    return json_pack("{s:s,s:s,s:I,s:I,s:I,s:I,s:b,s:o,s:o,s:b,s:b,s:o,s:b,s:b,s:b,s:b}", "name", c->name, "type",
                     c->number ? "number" : "text", "missing", (json_int_t)c->missing, "infinite", (json_int_t)c->endless,
                     "strays", (json_int_t)c->strays, "distinct", (json_int_t)c->distinct, "distinct_exact", c->exact, "min",
                     number_or_null(c->least), "max", number_or_null(c->most), "constant", c->constant, "near_unique", c->unique,
                     "tells", number_or_null(c->tells), "label", c->label, "identifier", c->identifier, "leak",
                     c->leak || (!c->label && c->tells >= WEIR_CHECK_TELLS), "not_described", c->strange);
}

json_t *weir_check_json(const struct weir_check *check)
{
    json_t *classes = json_array(), *columns = json_array(), *absent = json_array();
    for (size_t i = 0; i < check->labels.count; i++)
        json_array_append_new(classes,
                              json_pack("{s:s,s:I}", "label", check->labels.text[i], "rows", (json_int_t)check->label_rows[i]));
    for (size_t i = 0; i < check->column_count; i++)
        json_array_append_new(columns, column_json(&check->columns[i]));
    for (size_t i = 0; i < check->absent_count; i++)
        json_array_append_new(absent, json_string(check->absent[i]));
    return json_pack("{s:s?,s:s,s:I,s:I,s:s?,s:s?,s:o,s:I,s:I,s:I,s:o,s:o}", "data_set",
                     check->source->known ? check->source->known->name : NULL, "from", check->source->origin, "rows",
                     (json_int_t)check->rows, "unlabelled", (json_int_t)check->unlabelled, "label", check->label, "benign",
                     check->benign, "classes", classes, "duplicates", (json_int_t)check->twice, "duplicates_learned",
                     (json_int_t)check->twice_learned, "contradicting", (json_int_t)check->contradicting, "columns", columns,
                     "absent_columns", absent);
}
