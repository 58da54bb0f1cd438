#include "store/export.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "store/output.h"
#include "store/parquet.h"
#include "store/text.h"

enum {
    CELL_TEXT_MAX = 128, /* what a column's text function is given, its NUL included */
    CELL_ROOM = 6 * CELL_TEXT_MAX + WEIR_TEXT_ROOM,
    FLUSH_BYTES = 1 << 20,
    COPY_BYTES = 1 << 16,
};

/* Times are printed from nanoseconds where the record has them. */
enum clock { CLOCK_NONE, CLOCK_FIRST, CLOCK_LAST };

struct cell {
    const struct weir_column *column;
    enum clock clock;
    bool port;   /* hexadecimal ports are quoted in CSV */
    char *label; /* JSON: `"NAME":` */
    size_t label_length;
};

struct weir_export {
    enum weir_format format;
    unsigned decimals;
    struct cell *cell;
    size_t cells, room;
    struct weir_output output; /* CSV, JSON lines, Parquet to a stream */
    struct weir_parquet *parquet;
    char *path;    /* Parquet: the name for messages, and to take when complete */
    char *partial; /* Parquet: the file that grows */
    char *spill;   /* Parquet: folder for rows that wait */
    bool stream;
    bool at_once;
};

weir_err weir_format_choose(const char *format, const char *path, enum weir_format *out, struct weir_error *error)
{
    static const struct {
        const char *name;
        enum weir_format format;
    } names[] = {
        {"csv", WEIR_FORMAT_CSV}, {"jsonl", WEIR_FORMAT_JSONL}, {"ndjson", WEIR_FORMAT_JSONL}, {"parquet", WEIR_FORMAT_PARQUET}};
    const char *dot = path ? strrchr(path, '.') : NULL;
    const char *wanted = format ? format : dot && !strchr(dot, '/') ? dot + 1 : "csv";
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (!strcmp(wanted, names[i].name)) {
            *out = names[i].format;
            return WEIR_OK;
        }
    *out = WEIR_FORMAT_CSV;
    return format ? weir_fail(error, WEIR_ERR_ARGUMENT, "format %s: give csv, jsonl or parquet", format) : WEIR_OK;
}

/* --- opening --- */

static weir_err no_memory(const char *path, struct weir_error *error)
{
    return weir_fail(error, WEIR_ERR_MEMORY, "%s: out of memory", path);
}

static weir_err choose_cells(struct weir_export *export, const struct weir_export_config *config, struct weir_error *error)
{
    size_t n = export->cells = config->columns ? config->column_count : config->view->column_count;
    const char *path = config->path ? config->path : "-";
    if (!(export->cell = calloc(n ? n : 1, sizeof *export->cell)))
        return no_memory(path, error);
    export->room = 8;
    for (size_t i = 0; i < n; i++) {
        struct cell *cell = &export->cell[i];
        const struct weir_column *column = cell->column = &config->view->columns[config->columns ? config->columns[i] : i];
        size_t length = strlen(column->name);
        cell->clock = column->type != WEIR_COLUMN_TIME ? CLOCK_NONE
                      : !strcmp(column->name, "stime") ? CLOCK_FIRST
                      : !strcmp(column->name, "ltime") ? CLOCK_LAST
                                                       : CLOCK_NONE;
        cell->port = !strcmp(column->name, "sport") || !strcmp(column->name, "dport");
        if (!(cell->label = malloc(6 * length + 3)))
            return no_memory(path, error);
        cell->label_length = weir_text_json(column->name, length, cell->label);
        cell->label[cell->label_length++] = ':';
        export->room += CELL_ROOM + cell->label_length + 2;
    }
    return WEIR_OK;
}

static enum weir_parquet_type parquet_type(const struct weir_column *column)
{
    switch (column->type) {
    case WEIR_COLUMN_INTEGER:
        return WEIR_PARQUET_INTEGER;
    case WEIR_COLUMN_REAL:
    case WEIR_COLUMN_TIME:
        return WEIR_PARQUET_REAL;
    default:
        return WEIR_PARQUET_TEXT;
    }
}

static weir_err open_parquet(struct weir_export *export, const char *path, struct weir_error *error)
{
    weir_err code = WEIR_OK;
    export->stream = weir_output_is_stream(path);
    if (export->stream) {
        if ((code = weir_output_open(&export->output, path, WEIR_OUTPUT_REPLACE, error)) != WEIR_OK)
            return code;
        const char *folder = getenv("TMPDIR");
        if (asprintf(&export->path, "%s/weir", folder && *folder ? folder : "/tmp") < 0)
            export->path = NULL;
    } else {
        char *target = realpath(path, NULL); /* a link is followed */
        export->path = target ? target : strdup(path);
    }
    if (!export->path || !(export->partial = weir_output_beside(export->path)) ||
        asprintf(&export->spill, "%s.rows", export->partial) < 0) {
        export->spill = NULL;
        return no_memory(path, error);
    }
    /* tells now, not after hours, whether the place can be written */
    int fd = open(export->partial, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (fd < 0) {
        code = weir_output_fail(path, errno, error);
        free(export->partial);
        export->partial = NULL;
        return code;
    }
    close(fd);
    struct weir_parquet_column *columns = calloc(export->cells ? export->cells : 1, sizeof *columns);
    if (!columns)
        return no_memory(path, error);
    for (size_t i = 0; i < export->cells; i++)
        columns[i] = (struct weir_parquet_column){export->cell[i].column->name, parquet_type(export->cell[i].column)};
    code = weir_parquet_open(columns, export->cells, export->partial, export->spill, &export->parquet, error);
    free(columns);
    return code;
}

static void write_header(struct weir_export *export)
{
    char *start = weir_output_reserve(&export->output, export->room), *p = start;
    for (size_t i = 0; i < export->cells; i++) {
        const char *name = export->cell[i].column->name; /* a word */
        if (i)
            *p++ = ',';
        p = stpcpy(p, name);
    }
    *p++ = '\n';
    export->output.used += (size_t)(p - start);
}

weir_err weir_export_open(const struct weir_export_config *config, struct weir_export **out, struct weir_error *error)
{
    *out = NULL;
    const char *path = config->path ? config->path : "-";
    struct weir_export *export = calloc(1, sizeof *export);
    if (!export)
        return no_memory(path, error);
    export->output.fd = -1;
    export->format = config->format;
    export->decimals = config->nanoseconds ? 9 : 6;
    export->at_once = config->at_once && weir_output_is_stream(config->path ? config->path : "-");
    weir_err code = choose_cells(export, config, error);
    if (code == WEIR_OK)
        code = export->format == WEIR_FORMAT_PARQUET ? open_parquet(export, path, error)
                                                     : weir_output_open(&export->output, path, WEIR_OUTPUT_REPLACE, error);
    if (code == WEIR_OK && export->format != WEIR_FORMAT_PARQUET &&
        !weir_output_reserve(&export->output, FLUSH_BYTES + export->room))
        code = no_memory(path, error);
    if (code != WEIR_OK) {
        weir_export_abort(&export);
        return code;
    }
    if (export->format == WEIR_FORMAT_CSV)
        write_header(export);
    *out = export;
    return WEIR_OK;
}

/* --- records into bytes --- */

size_t weir_export_room(const struct weir_export *export)
{
    return export->room;
}

static int64_t clock_ns(const struct cell *cell, const struct weir_record *record)
{
    return cell->clock == CLOCK_FIRST ? record->identity.stime_ns : record->identity.ltime_ns;
}

/* A number as text; nothing when it is missing. */
static size_t put_number(const struct weir_export *export, const struct cell *cell, const struct weir_record *record, char *out)
{
    const struct weir_column *column = cell->column;
    if (cell->clock != CLOCK_NONE)
        return weir_text_epoch(clock_ns(cell, record), export->decimals, out);
    double value = column->value ? column->value(record) : (double)NAN;
    if (!isfinite(value))
        return 0;
    if (column->type == WEIR_COLUMN_TIME)
        return weir_text_epoch((int64_t)llround(value * 1e6) * 1000, export->decimals, out);
    return weir_text_real(value, out);
}

static size_t put_csv(const struct weir_export *export, const struct weir_record *record, char *out)
{
    char *p = out, text[CELL_TEXT_MAX];
    for (size_t i = 0; i < export->cells; i++) {
        const struct cell *cell = &export->cell[i];
        if (i)
            *p++ = ',';
        if (!cell->column->text) {
            p += put_number(export, cell, record, p);
            continue;
        }
        size_t length = cell->column->text(record, text, sizeof text);
        bool quote = cell->port && length > 2 && text[1] == 'x';
        for (size_t k = 0; k < length && !quote; k++)
            quote = text[k] == ',' || text[k] == '"' || text[k] == '\n' || text[k] == '\r';
        if (!quote) {
            memcpy(p, text, length);
            p += length;
            continue;
        }
        *p++ = '"';
        for (size_t k = 0; k < length; k++) {
            if (text[k] == '"')
                *p++ = '"';
            *p++ = text[k];
        }
        *p++ = '"';
    }
    *p++ = '\n';
    return (size_t)(p - out);
}

static size_t put_jsonl(const struct weir_export *export, const struct weir_record *record, char *out)
{
    char *p = out, text[CELL_TEXT_MAX];
    for (size_t i = 0; i < export->cells; i++) {
        const struct cell *cell = &export->cell[i];
        *p++ = i ? ',' : '{';
        memcpy(p, cell->label, cell->label_length);
        p += cell->label_length;
        size_t length = 0;
        if (parquet_type(cell->column) != WEIR_PARQUET_TEXT) {
            length = put_number(export, cell, record, p);
        } else {
            size_t bytes = cell->column->text(record, text, sizeof text);
            length = bytes ? weir_text_json(text, bytes, p) : 0;
        }
        p = length ? p + length : stpcpy(p, "null");
    }
    if (!export->cells)
        *p++ = '{';
    p = stpcpy(p, "}\n");
    return (size_t)(p - out);
}

/* A cell: a double, or a byte of length and text. weir_export_write reads it back. */
static size_t put_binary(const struct weir_export *export, const struct weir_record *record, char *out)
{
    char *p = out;
    for (size_t i = 0; i < export->cells; i++) {
        const struct cell *cell = &export->cell[i];
        if (parquet_type(cell->column) == WEIR_PARQUET_TEXT) {
            size_t length = cell->column->text(record, p + 1, CELL_TEXT_MAX);
            *p = (char)length;
            p += 1 + length;
            continue;
        }
        double value = cell->clock != CLOCK_NONE ? (double)clock_ns(cell, record) / 1e9 : cell->column->value(record);
        memcpy(p, &value, sizeof value);
        p += sizeof value;
    }
    return (size_t)(p - out);
}

size_t weir_export_encode(const struct weir_export *export, const struct weir_record *record, char *out)
{
    switch (export->format) {
    case WEIR_FORMAT_CSV:
        return put_csv(export, record, out);
    case WEIR_FORMAT_JSONL:
        return put_jsonl(export, record, out);
    default:
        return put_binary(export, record, out);
    }
}

/* --- writing --- */

/* Puts the name that people know in front of DuckDB's message, which speaks of the file that grows. */
static weir_err fail_parquet(const struct weir_export *export, weir_err code, struct weir_error *error)
{
    if (!error)
        return code;
    const struct weir_error inner = *error;
    return weir_fail(error, code, "%s: %s", export->stream ? export->output.path : export->path, inner.text);
}

static weir_err write_row(struct weir_export *export, const char *bytes, struct weir_error *error)
{
    for (size_t i = 0; i < export->cells; i++) {
        if (parquet_type(export->cell[i].column) == WEIR_PARQUET_TEXT) {
            size_t length = (unsigned char)*bytes++;
            if (length)
                weir_parquet_text(export->parquet, i, bytes, length);
            bytes += length;
        } else {
            double value;
            memcpy(&value, bytes, sizeof value);
            weir_parquet_number(export->parquet, i, value);
            bytes += sizeof value;
        }
    }
    weir_err code = weir_parquet_row(export->parquet, error);
    return code == WEIR_OK ? code : fail_parquet(export, code, error);
}

weir_err weir_export_write(struct weir_export *export, const char *bytes, size_t length, struct weir_error *error)
{
    if (export->parquet)
        return write_row(export, bytes, error);
    if (export->output.used + length > FLUSH_BYTES) {
        weir_err code = weir_output_flush(&export->output, error);
        if (code != WEIR_OK)
            return code;
    }
    memcpy(export->output.bytes + export->output.used, bytes, length); /* the room was taken in weir_export_open */
    export->output.used += length;
    return export->at_once ? weir_output_flush(&export->output, error) : WEIR_OK;
}

static weir_err copy_to_stream(struct weir_export *export, struct weir_error *error)
{
    weir_err code = WEIR_OK;
    int fd = open(export->partial, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return weir_output_fail(export->partial, errno, error);
    for (;;) {
        char *room = weir_output_reserve(&export->output, COPY_BYTES);
        ssize_t n = room ? read(fd, room, COPY_BYTES) : -1;
        if (n < 0)
            code = weir_output_fail(export->partial, room ? errno : ENOMEM, error);
        if (n <= 0)
            break;
        export->output.used += (size_t)n;
        if ((code = weir_output_flush(&export->output, error)) != WEIR_OK)
            break;
    }
    close(fd);
    return code;
}

static weir_err finish_parquet(struct weir_export *export, struct weir_error *error)
{
    weir_err code = weir_parquet_finish(export->parquet, error);
    if (code != WEIR_OK)
        return fail_parquet(export, code, error);
    if (export->stream)
        return copy_to_stream(export, error);
    int fd = open(export->partial, O_WRONLY | O_CLOEXEC);
    if (fd < 0 || fsync(fd) || rename(export->partial, export->path))
        code = weir_output_fail(export->path, errno, error);
    if (fd >= 0)
        close(fd);
    return code;
}

weir_err weir_export_finish(struct weir_export **export, struct weir_error *error)
{
    struct weir_export *e = *export;
    weir_err code = WEIR_OK;
    if (e->parquet)
        code = finish_parquet(e, error);
    if (code == WEIR_OK && e->output.fd >= 0)
        code = weir_output_finish(&e->output, error);
    weir_export_abort(export);
    return code;
}

void weir_export_abort(struct weir_export **export)
{
    if (!export || !*export)
        return;
    struct weir_export *e = *export;
    weir_parquet_close(&e->parquet); /* takes the spilled rows along */
    if (e->partial)
        unlink(e->partial); /* no longer there when it was renamed */
    if (e->spill)
        rmdir(e->spill);
    weir_output_abort(&e->output);
    for (size_t i = 0; e->cell && i < e->cells; i++)
        free(e->cell[i].label);
    free(e->cell);
    free(e->path);
    free(e->partial);
    free(e->spill);
    free(e);
    *export = NULL;
}
