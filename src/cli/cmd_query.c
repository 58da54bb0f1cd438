/* weir query: SQL over a store. */
#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "cli/command.h"
#include "cli/options.h"
#include "store/sql.h"
#include "store/text.h"

static const char help[] =
    "usage: weir query [OPTIONS] \"SQL\"\n"
    "\n"
    "Answers one SQL query (DuckDB's dialect) over a store that `weir run` has written.\n"
    "\n"
    "Tables:\n"
    "  verdicts   one row for each flow record: flow_id, record, reason, stime, ltime, proto, src_ip, src_port, dest_ip,\n"
    "             dest_port, feature_set, class, score, threshold, alert, model; run, sensor, boot, lane, seq, row, decision_us\n"
    "  reasons    why an alert: flow_id, record, rank, column_name, value, contribution\n"
    "  runs       one row for each run; health: accounts taken while running\n"
    "\n"
    "Options:\n"
    "  --store FILE       the store (default: weir.duckdb)\n"
    "  --format FORMAT    table (default), csv or jsonl\n"
    "  --json             one JSON object: {\"columns\":[..],\"types\":[..],\"rows\":[{..}],\"cut\":false}\n"
    "  --limit N          at most N rows; 0 = all (default: 10000)\n"
    "  --timeout TIME     stop after this time (default: 60s)\n"
    "  --memory MIB       at most this much memory (default: 1024)\n"
    "\n"
    "Example: the hosts with the most alerts\n"
    "  weir query \"SELECT src_ip, class, count(*) AS alerts FROM verdicts WHERE alert GROUP BY ALL ORDER BY alerts DESC\"\n";

enum format { TABLE, CSV, JSONL, JSON };

struct options {
    const char *store, *sql;
    enum format format;
    uint64_t limit, memory_mib;
    int64_t timeout_ns;
};

static bool is_text(const struct weir_cell *cell, const char *text)
{
    return cell->length == strlen(text) && !memcmp(cell->text, text, cell->length);
}

static bool print_csv_cell(const char *text, size_t length, FILE *to)
{
    if (length && !memchr(text, '"', length) && !memchr(text, ',', length) && !memchr(text, '\n', length) &&
        !memchr(text, '\r', length))
        return fwrite(text, 1, length, to) == length;
    putc('"', to);
    for (size_t i = 0; i < length; i++) {
        if (text[i] == '"')
            putc('"', to);
        putc(text[i], to);
    }
    return putc('"', to) != EOF;
}

static bool print_csv(struct weir_answer *rows, FILE *to)
{
    size_t columns = weir_answer_columns(rows);
    for (size_t i = 0; i < columns; i++) {
        if (i)
            putc(',', to);
        print_csv_cell(weir_answer_name(rows, i), strlen(weir_answer_name(rows, i)), to);
    }
    putc('\n', to);
    for (const struct weir_cell *cell; (cell = weir_answer_next(rows)) && !ferror(to);) {
        for (size_t i = 0; i < columns; i++) {
            if (i)
                putc(',', to);
            if (cell[i].text)
                print_csv_cell(cell[i].text, cell[i].length, to);
        }
        putc('\n', to);
    }
    return true;
}

static bool print_json_text(const char *text, size_t length, FILE *to)
{
    char *room = malloc(6 * length + 2);
    if (!room)
        return false;
    fwrite(room, 1, weir_text_json(text, length, room), to);
    free(room);
    return true;
}

static bool print_json_row(struct weir_answer *rows, const struct weir_cell *cell, FILE *to)
{
    bool ok = true;
    for (size_t i = 0; ok && i < weir_answer_columns(rows); i++) {
        putc(i ? ',' : '{', to);
        ok = print_json_text(weir_answer_name(rows, i), strlen(weir_answer_name(rows, i)), to);
        putc(':', to);
        enum weir_cell_kind kind = weir_answer_kind(rows, i);
        if (!cell[i].text ||
            (kind == WEIR_CELL_NUMBER && (is_text(cell + i, "nan") || is_text(cell + i, "inf") || is_text(cell + i, "-inf"))))
            fputs("null", to);
        else if (kind == WEIR_CELL_TEXT)
            ok = ok && print_json_text(cell[i].text, cell[i].length, to);
        else
            fwrite(cell[i].text, 1, cell[i].length, to);
    }
    putc('}', to);
    return ok;
}

static bool print_jsonl(struct weir_answer *rows, FILE *to)
{
    bool ok = true;
    for (const struct weir_cell *cell; ok && (cell = weir_answer_next(rows)) && !ferror(to);) {
        ok = print_json_row(rows, cell, to);
        putc('\n', to);
    }
    return ok;
}

static bool print_json(struct weir_answer *rows, FILE *to)
{
    bool ok = true;
    fputs("{\"columns\":[", to);
    for (size_t i = 0; ok && i < weir_answer_columns(rows); i++) {
        if (i)
            putc(',', to);
        ok = print_json_text(weir_answer_name(rows, i), strlen(weir_answer_name(rows, i)), to);
    }
    fputs("],\"types\":[", to);
    for (size_t i = 0; i < weir_answer_columns(rows); i++)
        fprintf(to, "%s\"%s\"", i ? "," : "", weir_answer_type(rows, i));
    fputs("],\"rows\":[", to);
    size_t n = 0;
    for (const struct weir_cell *cell; ok && (cell = weir_answer_next(rows)) && !ferror(to); n++) {
        fputs(n ? ",\n" : "\n", to);
        ok = print_json_row(rows, cell, to);
    }
    fprintf(to, "%s],\"cut\":%s}\n", n ? "\n" : "", weir_answer_cut(rows) ? "true" : "false");
    return ok;
}

/* A cell as it may go to a terminal: what controls it is replaced (the text can come from a packet). */
static char *tame(const char *text, size_t length)
{
    char *copy = malloc(length + 1);
    if (!copy)
        return NULL;
    for (size_t i = 0; i < length; i++)
        copy[i] = (unsigned char)text[i] < 0x20 || text[i] == 0x7f ? '?' : text[i];
    copy[length] = 0;
    return copy;
}

static size_t width_of(const char *text) /* characters, not bytes */
{
    size_t n = 0;
    for (; *text; text++)
        n += ((unsigned char)*text & 0xc0) != 0x80;
    return n;
}

static void print_padded(const char *text, size_t width, bool right, bool last, FILE *to)
{
    size_t blanks = width - width_of(text);
    if (right)
        fprintf(to, "%*s", (int)blanks, "");
    fputs(text, to);
    if (!right && !last)
        fprintf(to, "%*s", (int)blanks, "");
    fputs(last ? "\n" : "  ", to);
}

static bool print_table(struct weir_answer *rows, FILE *to)
{
    size_t columns = weir_answer_columns(rows), count = 0, room = 0;
    char **cells = NULL;
    size_t *width = calloc(columns ? columns : 1, sizeof *width);
    bool ok = width != NULL;
    for (size_t i = 0; ok && i < columns; i++)
        width[i] = width_of(weir_answer_name(rows, i));
    for (const struct weir_cell *cell; ok && (cell = weir_answer_next(rows));) {
        if (count + columns > room) {
            room = room ? 2 * room : 64 * columns;
            char **more = realloc(cells, room * sizeof *cells);
            if (!(ok = more != NULL))
                break;
            cells = more;
        }
        for (size_t i = 0; ok && i < columns; i++) {
            char *text = cells[count] = tame(cell[i].text ? cell[i].text : "", cell[i].length);
            if (!(ok = text != NULL))
                break;
            count++;
            size_t w = width_of(text);
            width[i] = w > width[i] ? w : width[i];
        }
    }
    for (size_t i = 0; ok && i < columns; i++)
        print_padded(weir_answer_name(rows, i), width[i], weir_answer_kind(rows, i) == WEIR_CELL_NUMBER, i + 1 == columns, to);
    for (size_t i = 0; ok && i < columns; i++) {
        for (size_t k = 0; k < width[i]; k++)
            putc('-', to);
        fputs(i + 1 == columns ? "\n" : "  ", to);
    }
    for (size_t k = 0; ok && k < count; k++) {
        size_t i = k % columns;
        print_padded(cells[k], width[i], weir_answer_kind(rows, i) == WEIR_CELL_NUMBER, i + 1 == columns, to);
    }
    for (size_t k = 0; k < count; k++)
        free(cells[k]);
    free(cells);
    free(width);
    return ok;
}

/* EXPLAIN's answer is a drawing. */
static bool print_plan(struct weir_answer *rows, FILE *to)
{
    for (const struct weir_cell *cell; (cell = weir_answer_next(rows));) {
        fwrite(cell[1].text, 1, cell[1].length, to);
        putc('\n', to);
    }
    return true;
}

static bool print_rows(struct weir_answer *rows, enum format format, FILE *to)
{
    switch (format) {
    case CSV:
        return print_csv(rows, to);
    case JSONL:
        return print_jsonl(rows, to);
    case JSON:
        return print_json(rows, to);
    default:
        if (weir_answer_columns(rows) == 2 && !strcmp(weir_answer_name(rows, 0), "explain_key"))
            return print_plan(rows, to);
        return print_table(rows, to);
    }
}

static int query(const struct options *options)
{
    struct weir_error error = {0};
    struct weir_sql *session = NULL;
    struct weir_answer *rows = NULL;
    int status = WEIR_EXIT_FAILED;
    weir_err code = weir_sql_open(options->store, options->memory_mib << 20, &session, &error);
    if (code == WEIR_OK)
        code = weir_sql_run(session, options->sql, options->limit, options->timeout_ns, &rows, &error);
    if (code != WEIR_OK) {
        weir_log(WEIR_LOG_ERROR, "%s", error.text);
        goto out;
    }
    if (!print_rows(rows, options->format, stdout)) {
        weir_log(WEIR_LOG_ERROR, "query: out of memory while printing; ask for less");
        goto out;
    }
    if (fflush(stdout) || ferror(stdout)) {
        weir_log(WEIR_LOG_ERROR, "standard output: %s", strerror(errno));
        goto out;
    }
    if (weir_answer_cut(rows))
        weir_log(WEIR_LOG_WARNING, "there are more than %llu rows; `--limit 0` gives all", (unsigned long long)options->limit);
    status = WEIR_EXIT_OK;
out:
    weir_answer_free(&rows);
    weir_sql_close(&session);
    return status;
}

int weir_cmd_query(int argc, char **argv)
{
    static const struct option table[] = {
        {"store", required_argument, NULL, 's'},
        {"format", required_argument, NULL, 'f'},
        {"json", no_argument, NULL, 'j'},
        {"limit", required_argument, NULL, 'l'},
        {"timeout", required_argument, NULL, 't'},
        {"memory", required_argument, NULL, 'm'},
        {"help", no_argument, NULL, 'h'},
        {"quiet", no_argument, NULL, 'q'},
        {NULL, 0, NULL, 0},
    };
    struct options options = {.store = "weir.duckdb", .limit = 10000, .memory_mib = 1024, .timeout_ns = 60 * (int64_t)1000000000};
    optind = 1;
    for (int c; (c = getopt_long(argc, argv, "hq", table, NULL)) != -1;) {
        switch (c) {
        case 's':
            options.store = optarg;
            break;
        case 'f':
            if (!strcmp(optarg, "table"))
                options.format = TABLE;
            else if (!strcmp(optarg, "csv"))
                options.format = CSV;
            else if (!strcmp(optarg, "jsonl"))
                options.format = JSONL;
            else
                return weir_usage_error("query", "--format %s: give table, csv or jsonl", optarg);
            break;
        case 'j':
            options.format = JSON;
            break;
        case 'l':
            if (!weir_option_number("--limit", optarg, 0, UINT32_MAX, &options.limit))
                return WEIR_EXIT_USAGE;
            break;
        case 't':
            if (!weir_option_duration("--timeout", optarg, &options.timeout_ns))
                return WEIR_EXIT_USAGE;
            break;
        case 'm':
            if (!weir_option_number("--memory", optarg, 16, 1 << 24, &options.memory_mib))
                return WEIR_EXIT_USAGE;
            break;
        case 'q':
            weir_log_set_level(WEIR_LOG_ERROR);
            break;
        case 'h':
            fputs(help, stdout);
            return WEIR_EXIT_OK;
        default: /* getopt_long has said what is wrong */
            return WEIR_EXIT_USAGE;
        }
    }
    if (optind + 1 != argc)
        return weir_usage_error("query", "give one SQL query, in quotes");
    options.sql = argv[optind];
    return query(&options);
}
