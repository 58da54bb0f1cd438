#include "cli/rows_print.h"

#include <stdlib.h>
#include <string.h>

#include "store/text.h"

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

static bool print_csv(struct weir_rows *rows, FILE *to)
{
    size_t columns = rows->columns;
    for (size_t i = 0; i < columns; i++) {
        if (i)
            putc(',', to);
        print_csv_cell(rows->name[i], strlen(rows->name[i]), to);
    }
    putc('\n', to);
    for (const struct weir_cell *cell; (cell = rows->next(rows)) && !ferror(to);) {
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

static bool print_json_row(struct weir_rows *rows, const struct weir_cell *cell, FILE *to)
{
    bool ok = true;
    for (size_t i = 0; ok && i < rows->columns; i++) {
        putc(i ? ',' : '{', to);
        ok = print_json_text(rows->name[i], strlen(rows->name[i]), to);
        putc(':', to);
        enum weir_cell_kind kind = rows->kind[i];
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

static bool print_jsonl(struct weir_rows *rows, FILE *to)
{
    bool ok = true;
    for (const struct weir_cell *cell; ok && (cell = rows->next(rows)) && !ferror(to);) {
        ok = print_json_row(rows, cell, to);
        putc('\n', to);
    }
    return ok;
}

static bool print_json(struct weir_rows *rows, FILE *to)
{
    bool ok = true;
    fputs("{\"columns\":[", to);
    for (size_t i = 0; ok && i < rows->columns; i++) {
        if (i)
            putc(',', to);
        ok = print_json_text(rows->name[i], strlen(rows->name[i]), to);
    }
    fputs("],\"types\":[", to);
    for (size_t i = 0; i < rows->columns; i++)
        fprintf(to, "%s\"%s\"", i ? "," : "", rows->type[i]);
    fputs("],\"rows\":[", to);
    size_t n = 0;
    for (const struct weir_cell *cell; ok && (cell = rows->next(rows)) && !ferror(to); n++) {
        fputs(n ? ",\n" : "\n", to);
        ok = print_json_row(rows, cell, to);
    }
    fprintf(to, "%s],\"cut\":%s}\n", n ? "\n" : "", rows->cut ? "true" : "false");
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

static bool print_table(struct weir_rows *rows, FILE *to)
{
    size_t columns = rows->columns, count = 0, room = 0;
    char **cells = NULL;
    size_t *width = calloc(columns ? columns : 1, sizeof *width);
    bool ok = width != NULL;
    for (size_t i = 0; ok && i < columns; i++)
        width[i] = width_of(rows->name[i]);
    for (const struct weir_cell *cell; ok && (cell = rows->next(rows));) {
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
        print_padded(rows->name[i], width[i], rows->kind[i] == WEIR_CELL_NUMBER, i + 1 == columns, to);
    for (size_t i = 0; ok && i < columns; i++) {
        for (size_t k = 0; k < width[i]; k++)
            putc('-', to);
        fputs(i + 1 == columns ? "\n" : "  ", to);
    }
    for (size_t k = 0; ok && k < count; k++) {
        size_t i = k % columns;
        print_padded(cells[k], width[i], rows->kind[i] == WEIR_CELL_NUMBER, i + 1 == columns, to);
    }
    for (size_t k = 0; k < count; k++)
        free(cells[k]);
    free(cells);
    free(width);
    return ok;
}

/* EXPLAIN's answer is a drawing. */
static bool print_plan(struct weir_rows *rows, FILE *to)
{
    for (const struct weir_cell *cell; (cell = rows->next(rows));) {
        fwrite(cell[1].text, 1, cell[1].length, to);
        putc('\n', to);
    }
    return true;
}

bool weir_rows_print(struct weir_rows *rows, enum weir_rows_format format, FILE *to)
{
    switch (format) {
    case WEIR_ROWS_CSV:
        return print_csv(rows, to);
    case WEIR_ROWS_JSONL:
        return print_jsonl(rows, to);
    case WEIR_ROWS_JSON:
        return print_json(rows, to);
    default:
        if (rows->columns == 2 && !strcmp(rows->name[0], "explain_key"))
            return print_plan(rows, to);
        return print_table(rows, to);
    }
}
