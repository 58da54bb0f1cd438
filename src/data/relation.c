#include "data/relation.h"

#include <ctype.h>
#include <errno.h>
#include <glob.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "data/header.h"

enum file_kind { KIND_CSV, KIND_PARQUET, KIND_JSON };

/* Files one after the other with the same columns, read by one table function. */
struct group {
    enum file_kind kind;
    char delimiter;
    char **files;
    size_t file_count;
    char **raw, **names; /* of the columns */
    size_t column_count;
    bool headless; /* the names come from the description */
    const struct weir_known *known;
};

struct plan {
    const struct weir_relation_config *config;
    struct group *groups;
    size_t group_count;
};

static void free_texts(char **texts, size_t count)
{
    for (size_t i = 0; texts && i < count; i++)
        free(texts[i]);
    free(texts);
}

static void free_group(struct group *group)
{
    free_texts(group->files, group->file_count);
    free_texts(group->raw, group->column_count);
    free_texts(group->names, group->column_count);
    *group = (struct group){0};
}

static weir_err out_of_memory(struct weir_error *error)
{
    return weir_fail(error, WEIR_ERR_MEMORY, "reading data: out of memory");
}

/* Copies the text between `start` and the end of its line. */
static void copy_line(char *out, size_t size, const char *start)
{
    size_t n = strcspn(start, "\r\n");
    if (n >= size)
        n = size - 1;
    memcpy(out, start, n);
    out[n] = 0;
}

weir_err weir_relation_fail(const struct weir_relation *source, const char *message, struct weir_error *error)
{
    static const char at_line[] = "CSV Error on Line: ", in_file[] = "file = ";
    const char *line = strstr(message, at_line), *file = strstr(message, in_file), *reason = NULL;
    char number[32], name[256], why[160];
    if (line && file) {
        copy_line(number, sizeof number, line + sizeof at_line - 1);
        copy_line(name, sizeof name, file + sizeof in_file - 1);
        if (strstr(message, "not utf-8"))
            return weir_fail(error, WEIR_ERR_FORMAT,
                             "%s: line %s: not UTF-8; convert it first, as in: iconv -f windows-1252 -t utf-8 FILE > NEW", name,
                             number);
        reason = strchr(line, '\n');
        if (reason && !strncmp(reason + 1, "Original Line", 13))
            reason = strchr(reason + 1, '\n');
        copy_line(why, sizeof why, reason ? reason + 1 : "cannot be read");
        return weir_fail(error, WEIR_ERR_FORMAT, "%s: line %s: %s; mend or remove the line", name, number, why);
    }
    if (strstr(message, "INTERRUPT"))
        return weir_fail(error, WEIR_ERR_CLOSED, "interrupted");
    copy_line(why, sizeof why, message);
    if (strstr(message, "CSV") && file) {
        copy_line(name, sizeof name, file + sizeof in_file - 1);
        return weir_fail(error, WEIR_ERR_FORMAT, "%s: not readable as CSV: %s", name, why);
    }
    return weir_fail(error, WEIR_ERR_LIBRARY, "%s: %s", source->origin, why);
}

/* ---- Small results: texts, row-major --------------------------------------------------------------------------------------- */

static char *copy_cell(duckdb_vector vector, idx_t row)
{
    uint64_t *valid = duckdb_vector_get_validity(vector);
    if (valid && !duckdb_validity_row_is_valid(valid, row))
        return strdup("");
    duckdb_string_t *cell = (duckdb_string_t *)duckdb_vector_get_data(vector) + row;
    return strndup(duckdb_string_t_data(cell), duckdb_string_t_length(*cell));
}

/* Runs a query whose first `columns` columns are VARCHAR. */
static weir_err read_texts(struct weir_relation *source, const char *sql, size_t columns, char ***out, size_t *count,
                           struct weir_error *error)
{
    duckdb_result result = {0};
    char **texts = NULL;
    size_t used = 0;
    weir_err failed = WEIR_OK;
    if (duckdb_query(source->duck->connection, sql, &result) != DuckDBSuccess) {
        failed = weir_relation_fail(source, duckdb_result_error(&result), error);
        duckdb_destroy_result(&result);
        return failed;
    }
    for (duckdb_data_chunk chunk; !failed && (chunk = duckdb_fetch_chunk(result)); duckdb_destroy_data_chunk(&chunk)) {
        idx_t rows = duckdb_data_chunk_get_size(chunk);
        char **more = realloc(texts, (used + rows * columns + 1) * sizeof *more);
        if (!more) {
            failed = out_of_memory(error);
            continue;
        }
        texts = more;
        for (idx_t row = 0; row < rows && !failed; row++)
            for (size_t c = 0; c < columns && !failed; c++)
                if ((texts[used] = copy_cell(duckdb_data_chunk_get_vector(chunk, c), row)))
                    used++;
                else
                    failed = out_of_memory(error);
    }
    duckdb_destroy_result(&result);
    if (failed) {
        free_texts(texts, used);
        return failed;
    }
    *out = texts;
    *count = used;
    return WEIR_OK;
}

/* ---- What a file is -------------------------------------------------------------------------------------------------------- */

static bool ends_with(const char *path, const char *end)
{
    size_t n = strlen(path), m = strlen(end);
    return n >= m && !strcasecmp(path + n - m, end);
}

static bool has_extension(const char *path, const char *const *extensions)
{
    static const char *const packed[] = {"", ".gz", ".zst", NULL};
    for (; *extensions; extensions++)
        for (const char *const *p = packed; *p; p++) {
            char end[32];
            snprintf(end, sizeof end, "%s%s", *extensions, *p);
            if (ends_with(path, end))
                return true;
        }
    return false;
}

static enum file_kind kind_by_content(const char *head, size_t size)
{
    if (size >= 4 && !memcmp(head, "PAR1", 4))
        return KIND_PARQUET;
    size_t at = size >= 3 && !memcmp(head, "\xef\xbb\xbf", 3) ? 3 : 0;
    while (at < size && strchr(" \t\r\n", head[at]))
        at++;
    return at < size && (head[at] == '{' || head[at] == '[') ? KIND_JSON : KIND_CSV;
}

static weir_err find_kind(const char *path, enum file_kind *out, struct weir_error *error)
{
    static const char *const csv[] = {".csv", ".tsv", ".tab", ".txt", NULL};
    static const char *const json[] = {".json", ".jsonl", ".ndjson", NULL};
    static const char *const parquet[] = {".parquet", ".pq", NULL};
    struct stat info;
    char head[512];
    FILE *file = NULL;
    if (stat(path, &info) == 0) {
        if (S_ISDIR(info.st_mode))
            return weir_fail(error, WEIR_ERR_IO, "%s: a folder; name its files, as in '%s/*.csv'", path, path);
        if (!S_ISREG(info.st_mode))
            return weir_fail(error, WEIR_ERR_IO, "%s: no regular file; data is read more than once, so save it in a file first",
                             path);
        file = fopen(path, "rb");
    }
    if (!file) {
        weir_err code = errno == ENOENT ? WEIR_ERR_NOT_FOUND : errno == EACCES ? WEIR_ERR_PERMISSION : WEIR_ERR_IO;
        return weir_fail(error, code, "%s: cannot open the data file: %s", path, strerror(errno));
    }
    if (has_extension(path, csv)) {
        *out = KIND_CSV;
    } else if (has_extension(path, json)) {
        *out = KIND_JSON;
    } else if (has_extension(path, parquet)) {
        *out = KIND_PARQUET;
    } else {
        *out = kind_by_content(head, fread(head, 1, sizeof head, file));
    }
    fclose(file);
    if (info.st_size == 0)
        return weir_fail(error, WEIR_ERR_FORMAT, "%s: the file is empty", path);
    return WEIR_OK;
}

/* ---- Columns of one file --------------------------------------------------------------------------------------------------- */

static const char *reader_name(enum file_kind kind)
{
    return kind == KIND_CSV ? "read_csv" : kind == KIND_JSON ? "read_json" : "read_parquet";
}

static char *print_sql(const char *format, ...) __attribute__((format(printf, 1, 2)));

static char *print_sql(const char *format, ...)
{
    char *text = NULL;
    va_list args;
    va_start(args, format);
    if (vasprintf(&text, format, args) < 0)
        text = NULL;
    va_end(args);
    return text;
}

static char *quote_text(const char *text)
{
    char *out = NULL;
    size_t size = 0;
    FILE *to = open_memstream(&out, &size);
    if (!to)
        return NULL;
    weir_sql_text(to, text);
    return fclose(to) ? (free(out), NULL) : out;
}

/* The first line is data: the names come from the description that is forced or that fits. */
static weir_err name_columns(const struct weir_relation_config *config, const char *path, const char *line, struct group *group,
                             struct weir_error *error)
{
    const struct weir_known *known = config->known     ? config->known
                                     : config->unknown ? NULL
                                                       : weir_known_headless(group->raw, group->column_count);
    if (!known || !known->headless)
        return weir_header_none(path, line, error);
    if (known->column_count != group->column_count)
        return weir_fail(error, WEIR_ERR_MISMATCH,
                         "%s: has no header and %zu columns, data set %s has %zu; is it another data set?", path,
                         group->column_count, known->name, known->column_count);
    group->headless = true;
    for (size_t i = 0; i < group->column_count; i++) {
        free(group->raw[i]);
        if (!(group->raw[i] = strdup(known->columns[i].name))) {
            group->column_count = i;
            return out_of_memory(error);
        }
    }
    return WEIR_OK;
}

/* Whether the first line is data: most cells are numbers, or a description says so and no cell is a name of it. */
static bool is_headless(const struct weir_known *forced, const struct group *group)
{
    bool headless = weir_header_is_data(group->raw, group->column_count);
    if (headless || !forced || !forced->headless || forced->column_count != group->column_count)
        return headless;
    for (size_t i = 0; i < group->column_count; i++) {
        const char *start = group->raw[i] + strspn(group->raw[i], " \t");
        if (weir_known_column(forced, start))
            return false;
    }
    return true;
}

static weir_err read_csv_header(struct weir_relation *source, const struct weir_relation_config *config, const char *path,
                                struct group *group, struct weir_error *error)
{
    char *quoted = quote_text(path), **line = NULL;
    /* The first line as one cell: no line holds the delimiter 1. DuckDB unpacks and removes the byte order mark. */
    char *sql = quoted ? print_sql("SELECT line FROM read_csv(%s, columns={'line':'VARCHAR'}, delim=chr(1), quote='', escape='', "
                                   "header=false, auto_detect=false) LIMIT 1",
                                   quoted)
                       : NULL;
    size_t lines = 0;
    weir_err failed = sql ? read_texts(source, sql, 1, &line, &lines, error) : out_of_memory(error);
    if (!failed && !lines)
        failed = weir_fail(error, WEIR_ERR_FORMAT, "%s: the file is empty", path);
    if (!failed)
        failed = weir_header_cells(path, line[0], ends_with(path, ".tsv"), &group->delimiter, &group->raw, &group->column_count,
                                   error);
    if (!failed && is_headless(config->known, group))
        failed = name_columns(config, path, line[0], group, error);
    free_texts(line, lines);
    free(quoted);
    free(sql);
    return failed;
}

static weir_err read_typed_header(struct weir_relation *source, const char *path, struct group *group, struct weir_error *error)
{
    char *quoted = quote_text(path), **texts = NULL;
    char *sql = quoted ? print_sql("SELECT column_name FROM (DESCRIBE SELECT * FROM %s(%s%s))", reader_name(group->kind), quoted,
                                   group->kind == KIND_JSON ? ", sample_size=-1" : "")
                       : NULL;
    weir_err failed = sql ? read_texts(source, sql, 1, &texts, &group->column_count, error) : out_of_memory(error);
    group->raw = texts;
    free(quoted);
    free(sql);
    if (failed && failed != WEIR_ERR_MEMORY) {
        struct weir_error cause = {0};
        if (error)
            cause = *error;
        failed = weir_fail(error, WEIR_ERR_FORMAT, "%s: not readable as %s: %.300s", path,
                           group->kind == KIND_JSON ? "JSON" : "Parquet", cause.text);
    }
    return failed;
}

static bool same_texts(char *const *a, size_t n, char *const *b, size_t m)
{
    for (size_t i = 0; n == m && i < n; i++)
        if (strcmp(a[i], b[i]))
            return false;
    return n == m;
}

/* Which data set the columns are of, for those that are wanted in common columns. */
static weir_err know_group(const struct weir_relation_config *config, const char *path, struct group *group,
                           struct weir_error *error)
{
    group->known = config->known ? config->known : weir_known_find((const char *const *)group->names, group->column_count);
    if (!group->known)
        return weir_fail(error, WEIR_ERR_NOT_FOUND,
                         "%s: not a data set that weir knows, so there are no common columns for it; describe it and name the "
                         "description with --dataset FILE.yaml",
                         path);
    if (group->known->common_count || !strcmp(group->known->name, "common"))
        return WEIR_OK;
    return weir_fail(error, WEIR_ERR_MISMATCH, "%s: the description of data set %s names no common columns", path,
                     group->known->name);
}

static weir_err add_file(struct weir_relation *source, struct plan *plan, const char *path, struct weir_error *error)
{
    struct group next = {0}, *last = plan->group_count ? &plan->groups[plan->group_count - 1] : NULL;
    char **files = NULL, *copy = strdup(path);
    weir_err failed = copy ? find_kind(path, &next.kind, error) : out_of_memory(error);
    if (!failed)
        failed = next.kind == KIND_CSV ? read_csv_header(source, plan->config, path, &next, error)
                                       : read_typed_header(source, path, &next, error);
    if (!failed && !(next.names = weir_header_names(next.raw, next.column_count)))
        failed = out_of_memory(error);
    if (!failed && plan->config->common)
        failed = know_group(plan->config, path, &next, error);
    if (failed)
        goto out;
    /* JSON types are found per file, so two files might not agree: UNION ALL BY NAME then finds the common type. */
    if (!last || last->kind != next.kind || next.kind == KIND_JSON || last->delimiter != next.delimiter ||
        last->headless != next.headless || !same_texts(last->raw, last->column_count, next.raw, next.column_count)) {
        struct group *groups = realloc(plan->groups, (plan->group_count + 1) * sizeof *groups);
        if (!groups) {
            failed = out_of_memory(error);
            goto out;
        }
        plan->groups = groups;
        last = &groups[plan->group_count++];
        *last = next;
        next = (struct group){0};
    }
    files = realloc(last->files, (last->file_count + 1) * sizeof *files);
    if (!files) {
        failed = out_of_memory(error);
        goto out;
    }
    last->files = files;
    files[last->file_count++] = copy;
    copy = NULL;
out:
    free(copy);
    free_group(&next);
    return failed;
}

static weir_err add_pattern(struct weir_relation *source, struct plan *plan, const char *pattern, struct weir_error *error)
{
    if (access(pattern, F_OK) == 0 || !strpbrk(pattern, "*?["))
        return add_file(source, plan, pattern, error);
    glob_t found;
    int status = glob(pattern, GLOB_ERR, NULL, &found);
    if (status == GLOB_NOMATCH)
        return weir_fail(error, WEIR_ERR_NOT_FOUND, "%s: no file matches; check the path", pattern);
    if (status)
        return weir_fail(error, WEIR_ERR_IO, "%s: the folder cannot be read", pattern);
    weir_err failed = WEIR_OK;
    for (size_t i = 0; i < found.gl_pathc && !failed; i++)
        failed = add_file(source, plan, found.gl_pathv[i], error);
    globfree(&found);
    return failed;
}

/* ---- The relation ---------------------------------------------------------------------------------------------------------- */

static void print_group(FILE *to, const struct group *group, bool common)
{
    /* A file of common columns has them already. */
    common = common && strcmp(group->known->name, "common") != 0;
    if (common) {
        fputs("SELECT ", to);
        weir_mapping_common(to, group->known, group->names, group->column_count);
        fputs(" FROM (", to);
    }
    fputs("SELECT ", to);
    for (size_t i = 0; i < group->column_count; i++) {
        fputs(i ? ", " : "", to);
        weir_sql_name(to, group->kind == KIND_CSV ? group->names[i] : group->raw[i]);
        fputs(" AS ", to);
        weir_sql_name(to, group->names[i]);
    }
    fprintf(to, " FROM %s([", reader_name(group->kind));
    for (size_t i = 0; i < group->file_count; i++) {
        fputs(i ? ", " : "", to);
        weir_sql_text(to, group->files[i]);
    }
    putc(']', to);
    if (group->kind == KIND_JSON)
        fputs(", sample_size=-1", to);
    if (group->kind == KIND_PARQUET)
        fputs(", union_by_name=true", to);
    if (group->kind == KIND_CSV) {
        fputs(", columns={", to);
        for (size_t i = 0; i < group->column_count; i++) {
            fputs(i ? ", " : "", to);
            weir_sql_text(to, group->names[i]);
            fputs(":'VARCHAR'", to);
        }
        char delimiter[2] = {group->delimiter, 0};
        fputs("}, delim=", to);
        weir_sql_text(to, delimiter);
        fprintf(to, ", quote='\"', escape='\"', header=%s, auto_detect=false", group->headless ? "false" : "true");
    }
    fputs(common ? "))" : ")", to);
}

static weir_err create_relation(struct weir_relation *source, const struct plan *plan, const char *sql, struct weir_error *error)
{
    char *statement = NULL;
    size_t size = 0;
    FILE *to = open_memstream(&statement, &size);
    if (!to)
        return out_of_memory(error);
    if (sql)
        fprintf(to, "CREATE TEMP TABLE " WEIR_RELATION " AS %s", sql);
    else
        fputs("CREATE TEMP VIEW " WEIR_RELATION " AS ", to);
    for (size_t i = 0; i < plan->group_count; i++) {
        fputs(i ? " UNION ALL BY NAME " : "", to);
        print_group(to, &plan->groups[i], plan->config->common);
    }
    if (fclose(to)) {
        free(statement);
        return out_of_memory(error);
    }
    duckdb_result result;
    weir_err failed = WEIR_OK;
    if (duckdb_query(source->duck->connection, statement, &result) != DuckDBSuccess)
        failed = weir_relation_fail(source, duckdb_result_error(&result), error);
    duckdb_destroy_result(&result);
    free(statement);
    return failed;
}

static bool is_numeric(const char *type)
{
    static const char *const types[] = {"BOOLEAN",   "TINYINT",  "SMALLINT", "INTEGER",  "BIGINT", "HUGEINT", "UTINYINT",
                                        "USMALLINT", "UINTEGER", "UBIGINT",  "UHUGEINT", "FLOAT",  "DOUBLE",  NULL};
    for (const char *const *t = types; *t; t++)
        if (!strcmp(type, *t))
            return true;
    return !strncmp(type, "DECIMAL", 7);
}

static weir_err learn_columns(struct weir_relation *source, const struct plan *plan, struct weir_error *error)
{
    char **texts = NULL, **raw = NULL, **names = NULL;
    size_t count = 0, n = 0;
    weir_err failed =
        read_texts(source, "SELECT column_name, column_type FROM (DESCRIBE " WEIR_RELATION ")", 2, &texts, &count, error);
    if (failed)
        return failed;
    n = count / 2;
    raw = calloc(n + 1, sizeof *raw);
    source->columns = calloc(n + 1, sizeof *source->columns);
    for (size_t i = 0; raw && i < n; i++)
        raw[i] = texts[2 * i];
    names = raw ? weir_header_names(raw, n) : NULL;
    failed = names && source->columns ? WEIR_OK : out_of_memory(error);
    for (size_t i = 0; !failed && i < n; i++) {
        const char *as_written = raw[i];
        for (size_t g = plan->group_count; g--;)
            for (size_t k = 0; k < plan->groups[g].column_count; k++)
                if (!strcasecmp(plan->groups[g].names[k], raw[i]))
                    as_written = plan->groups[g].raw[k];
        struct weir_relation_column *column = &source->columns[source->column_count++];
        column->name = strdup(names[i]);
        column->raw = strdup(strstr(as_written, names[i]) ? as_written : names[i]); /* else the name had to be changed */
        column->text = !is_numeric(texts[2 * i + 1]);
        column->unnamed = !as_written[strspn(as_written, " \t")];
        if (!column->name || !column->raw)
            failed = out_of_memory(error);
    }
    bool differ = false;
    for (size_t g = 0; g < plan->group_count && !plan->config->common; g++)
        differ |= plan->groups[g].column_count < n;
    if (differ)
        weir_log(WEIR_LOG_INFO, "%s: the files have different columns; what one lacks is missing there", source->origin);
    if (!failed && !n)
        failed = weir_fail(error, WEIR_ERR_FORMAT, "%s: no columns", source->origin);
    free(raw);
    free_texts(names, n);
    free_texts(texts, count);
    return failed;
}

/* Data sets with one header: the one that has all the classes in the data, else the first. */
static weir_err choose_twin(struct weir_relation *source, struct weir_error *error)
{
    const struct weir_known *found = source->known;
    char *sql = NULL, **texts = NULL;
    size_t size = 0, count = 0;
    int at = weir_relation_find(source, weir_known_category(found)->column);
    FILE *to = at >= 0 ? open_memstream(&sql, &size) : NULL;
    if (!to)
        return at >= 0 ? out_of_memory(error) : WEIR_OK;
    fputs("SELECT DISTINCT trim(", to);
    weir_mapping_label(to, source->columns[at].name, weir_known_category(found));
    fputs(") FROM " WEIR_RELATION " LIMIT 500", to);
    weir_err failed = fclose(to) ? out_of_memory(error) : read_texts(source, sql, 1, &texts, &count, error);
    for (const struct weir_known *known = found; known && !failed; known = weir_known_twin(known)) {
        size_t inside = 0;
        while (inside < count && (!*texts[inside] || weir_known_lists(known->classes, texts[inside])))
            inside++;
        if (inside == count) {
            source->known = known;
            break;
        }
    }
    free_texts(texts, failed ? 0 : count);
    free(sql);
    return failed;
}

/* Which data set it is, and what its description says of the columns. */
static weir_err recognise(struct weir_relation *source, const struct weir_relation_config *config, struct weir_error *error)
{
    const char **names = malloc((source->column_count + 1) * sizeof *names);
    if (!names)
        return out_of_memory(error);
    for (size_t i = 0; i < source->column_count; i++)
        names[i] = source->columns[i].name;
    source->known = config->known && !config->common ? config->known
                    : config->unknown                ? NULL
                                                     : weir_known_find(names, source->column_count);
    free(names);
    weir_err failed = source->known && !config->known && weir_known_twin(source->known) ? choose_twin(source, error) : WEIR_OK;
    for (size_t i = 0; i < source->column_count && !failed; i++) {
        struct weir_relation_column *column = &source->columns[i];
        column->known = weir_known_column(source->known, column->name);
        column->labels = weir_known_label(source->known, column->name);
    }
    if (!failed && config->known && !config->common && weir_relation_find(source, config->known->label.column) < 0)
        weir_log(WEIR_LOG_WARNING, "%s: has no column '%s', the label of data set %s", source->origin,
                 config->known->label.column, config->known->name);
    return failed;
}

weir_err weir_relation_open(const struct weir_relation_config *config, struct weir_relation **out, struct weir_error *error)
{
    struct plan plan = {.config = config};
    weir_err failed = WEIR_OK;
    struct weir_relation *source = calloc(1, sizeof *source);
    *out = NULL;
    if (!source)
        return out_of_memory(error);
    source->stop = config->stop;
    if (config->sql && config->common) {
        weir_relation_close(&source);
        return weir_fail(error, WEIR_ERR_ARGUMENT, "common columns are made of files, not of a query; name them with --data");
    }
    if (config->sql)
        source->origin = strdup("the query");
    else if (config->path_count == 1)
        source->origin = strdup(config->paths[0]);
    else
        source->origin = print_sql("%s and %zu more", config->path_count ? config->paths[0] : "", config->path_count - 1);
    failed = source->origin ? weir_duck_open(&(struct weir_duck_config){0}, &source->duck, error) : out_of_memory(error);
    for (size_t i = 0; i < config->path_count && !config->sql && !failed; i++)
        failed = add_pattern(source, &plan, config->paths[i], error);
    if (!failed)
        failed = create_relation(source, &plan, config->sql, error);
    if (!failed)
        failed = learn_columns(source, &plan, error);
    if (!failed)
        failed = recognise(source, config, error);
    source->csv_alone = plan.group_count > 0 && !config->common;
    for (size_t i = 0; i < plan.group_count; i++) {
        source->csv_alone &= plan.groups[i].kind == KIND_CSV;
        free_group(&plan.groups[i]);
    }
    free(plan.groups);
    if (failed)
        weir_relation_close(&source);
    *out = source;
    return failed;
}

void weir_relation_close(struct weir_relation **source)
{
    if (!source || !*source)
        return;
    for (size_t i = 0; i < (*source)->column_count; i++) {
        free((*source)->columns[i].name);
        free((*source)->columns[i].raw);
    }
    free((*source)->columns);
    free((*source)->origin);
    weir_duck_close(&(*source)->duck);
    free(*source);
    *source = NULL;
}

/* Is `name` the column's name with its blanks written as underlines? */
static bool underlined(const char *column, const char *name)
{
    for (; *column && *name; column++, name++)
        if (tolower((unsigned char)*column) != tolower((unsigned char)*name) &&
            !(*name == '_' && isspace((unsigned char)*column)))
            return false;
    return *column == *name;
}

int weir_relation_find(const struct weir_relation *source, const char *name)
{
    int found = -1;
    for (size_t i = 0; i < source->column_count; i++)
        if (!strcasecmp(source->columns[i].name, name))
            return (int)i;
    for (size_t i = 0; i < source->column_count; i++)
        if (underlined(source->columns[i].name, name)) {
            if (found >= 0)
                return -1;
            found = (int)i;
        }
    return found;
}

weir_err weir_relation_query(struct weir_relation *source, const char *sql, duckdb_result *result, struct weir_error *error)
{
    duckdb_prepared_statement statement = NULL;
    weir_err failed = WEIR_OK;
    source->read = 0;
    source->began = source->told = weir_clock_mono_ns();
    *result = (duckdb_result){0};
    if (duckdb_prepare(source->duck->connection, sql, &statement) != DuckDBSuccess) {
        failed = weir_relation_fail(source, duckdb_prepare_error(statement), error);
    } else if (duckdb_execute_prepared_streaming(statement, result) != DuckDBSuccess) {
        failed = weir_relation_fail(source, duckdb_result_error(result), error);
        duckdb_destroy_result(result);
    }
    duckdb_destroy_prepare(&statement);
    return failed;
}

/* 10 GB take minutes. */
static void tell_progress(struct weir_relation *source, duckdb_data_chunk chunk)
{
    enum { PATIENCE_NS = 1000000000, PAUSE_NS = 200000000 };
    int64_t now = weir_clock_mono_ns();
    source->read += chunk ? duckdb_data_chunk_get_size(chunk) : 0;
    if (!chunk) {
        weir_log_passing("%s", "");
    } else if (now - source->began > PATIENCE_NS && now - source->told > PAUSE_NS) {
        source->told = now;
        weir_log_passing("reading %s: %.2f million rows in %.0f s", source->origin, (double)source->read * 1e-6,
                         (double)(now - source->began) * 1e-9);
    }
}

weir_err weir_relation_fetch(struct weir_relation *source, duckdb_result *result, duckdb_data_chunk *chunk,
                             struct weir_error *error)
{
    *chunk = NULL;
    if (source->stop && *source->stop)
        return weir_fail(error, WEIR_ERR_CLOSED, "interrupted");
    *chunk = duckdb_fetch_chunk(*result);
    tell_progress(source, *chunk);
    const char *message = *chunk ? NULL : duckdb_result_error(result);
    return message && *message ? weir_relation_fail(source, message, error) : WEIR_OK;
}
