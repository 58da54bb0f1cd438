#include "batch/lines.h"

#include <stdlib.h>
#include <string.h>

#include "data/epoch.h"

struct weir_lines {
    const struct weir_layout *layout;
    bool json;
    char delimiter;
    int *field; /* of each column, or -1 */
    size_t columns;
    char *title; /* NULL: there is none */
    size_t title_length;
};

struct weir_lines_room {
    const struct weir_layout *layout;
    struct weir_span *split; /* [WEIR_CELLS_MAX] */
    struct weir_span *cell;  /* by field */
    bool *has;               /* by field; JSON */
    struct guess {
        char text[40];
        size_t length;
        int field;
    } guess[256]; /* the names of the row before, in their order */
    size_t member;
    struct weir_layout_counts counts;
};

static bool is_blank(const char *line, size_t length)
{
    for (size_t i = 0; i < length; i++)
        if (line[i] != ' ' && line[i] != '\t' && line[i] != '\r')
            return false;
    return true;
}

/* --- rooms --- */

weir_err weir_lines_room_create(const struct weir_layout *layout, struct weir_lines_room **out)
{
    size_t fields = weir_layout_fields(layout);
    struct weir_lines_room *room = *out = calloc(1, sizeof *room);
    if (room) {
        room->layout = layout;
        room->split = calloc(WEIR_CELLS_MAX, sizeof *room->split);
        room->cell = calloc(fields, sizeof *room->cell);
        room->has = calloc(fields, sizeof *room->has);
        room->counts.unknown = calloc(fields, sizeof *room->counts.unknown);
    }
    if (!room || !room->split || !room->cell || !room->has || !room->counts.unknown) {
        weir_lines_room_destroy(out);
        return WEIR_ERR_MEMORY;
    }
    return WEIR_OK;
}

void weir_lines_room_destroy(struct weir_lines_room **room)
{
    if (!room || !*room)
        return;
    free((*room)->split);
    free((*room)->cell);
    free((*room)->has);
    free((*room)->counts.unknown);
    free(*room);
    *room = NULL;
}

const struct weir_layout_counts *weir_lines_room_counts(const struct weir_lines_room *room)
{
    return &room->counts;
}

/* --- the first line --- */

void weir_lines_end(struct weir_lines **lines)
{
    if (!lines || !*lines)
        return;
    free((*lines)->field);
    free((*lines)->title);
    free(*lines);
    *lines = NULL;
}

weir_err weir_lines_begin_json(const struct weir_layout *layout, struct weir_lines **out)
{
    if (!(*out = calloc(1, sizeof **out)))
        return WEIR_ERR_MEMORY;
    (*out)->layout = layout;
    (*out)->json = true;
    return WEIR_OK;
}

static bool note_member(void *context, struct weir_span name, struct weir_span value)
{
    struct weir_lines_room *room = context;
    int field = weir_layout_find(room->layout, name.text, name.length);
    if (field >= 0)
        room->has[field] = true;
    return true;
}

/* Checks the names of the first object. */
static weir_err begin_json(const struct weir_lines_config *config, const char *line, size_t length, struct weir_lines *lines,
                           struct weir_error *error)
{
    struct weir_lines_room *room = NULL;
    char *copy = malloc(length + 1);
    weir_err code = copy ? weir_lines_room_create(config->layout, &room) : WEIR_ERR_MEMORY;
    lines->json = true;
    if (code != WEIR_OK) {
        weir_fail(error, code, "%s: out of memory", config->from);
    } else {
        memcpy(copy, line, length);
        code = weir_cells_object(copy, length, note_member, room)
                   ? weir_layout_check(config->layout, room->has, config->from, error)
                   : weir_fail(error, WEIR_ERR_FORMAT, "%s: line 1 is no JSON object: '%.*s'", config->from,
                               length < 60 ? (int)length : 60, line);
    }
    weir_lines_room_destroy(&room);
    free(copy);
    return code;
}

/* The columns of a name list; *known: how many are fields. */
static weir_err take_columns(const struct weir_lines_config *config, struct weir_lines *lines, const struct weir_span *name,
                             size_t count, size_t *known, bool *has, struct weir_error *error)
{
    *known = 0;
    lines->columns = count;
    if (!(lines->field = calloc(count + 1, sizeof *lines->field)))
        return weir_fail(error, WEIR_ERR_MEMORY, "%s: out of memory", config->from);
    for (size_t i = 0; i < count; i++) {
        int field = weir_layout_find(config->layout, name[i].text, name[i].length);
        lines->field[i] = field >= 0 && !has[field] ? field : -1; /* the first of a name counts */
        if (field >= 0) {
            *known += 1;
            has[field] = true;
        }
    }
    return WEIR_OK;
}

static char find_delimiter(const char *line, size_t length)
{
    static const char candidates[] = ",;\t|";
    size_t best = 0, most = 0;
    for (size_t c = 0; candidates[c]; c++) {
        size_t n = 0;
        bool quoted = false;
        for (size_t i = 0; i < length; i++) {
            quoted ^= line[i] == '"';
            n += !quoted && line[i] == candidates[c];
        }
        if (n > most) {
            best = c;
            most = n;
        }
    }
    return candidates[best];
}

/* Delimited lines: `line` is a title, or a row of given or ra's columns. */
static weir_err begin_delimited(const struct weir_lines_config *config, char *line, size_t length, struct weir_lines *lines,
                                struct weir_span *cell, bool *has, bool *title, struct weir_error *error)
{
    size_t known, names = 0;
    int64_t time;
    lines->delimiter = find_delimiter(line, length);
    long count = weir_cells_split(line, length, lines->delimiter, cell, WEIR_CELLS_MAX);
    if (count < 0 || count > WEIR_CELLS_MAX)
        return weir_fail(error, count < 0 ? WEIR_ERR_FORMAT : WEIR_ERR_LIMIT, "%s: line 1 has %s", config->from,
                         count < 0 ? "a quote that is not closed" : "more than 4096 cells");
    bool row = config->columns || weir_epoch_read(cell[0].text, cell[0].length, &time) != WEIR_EPOCH_NONE;
    *title = !row;
    if (row) {
        const char *const *list = config->columns ? config->columns : weir_layout_ra_columns;
        for (; list[names]; names++)
            ;
        if (names != (size_t)count)
            return config->columns
                       ? weir_fail(error, WEIR_ERR_FORMAT, "%s: line 1 has %ld cells, and %zu columns are named", config->from,
                                   count, names)
                       : weir_fail(
                             error, WEIR_ERR_FORMAT,
                             "%s: line 1 is no title, and its %ld cells are not ra's default columns; let the file begin with a "
                             "title (ra: -L 0), or name its columns with --flows-columns A,B,...",
                             config->from, count);
        for (size_t i = 0; i < names; i++)
            cell[i] = (struct weir_span){list[i], strlen(list[i])};
    }
    weir_err code = take_columns(config, lines, cell, (size_t)count, &known, has, error);
    if (code == WEIR_OK && !known)
        code = weir_fail(error, WEIR_ERR_FORMAT, "%s: line 1 names no column that is known here: '%.*s'", config->from,
                         length < 60 ? (int)length : 60, line);
    return code == WEIR_OK ? weir_layout_check(config->layout, has, config->from, error) : code;
}

weir_err weir_lines_begin(const struct weir_lines_config *config, const char *line, size_t length, struct weir_lines **out,
                          bool *title, struct weir_error *error)
{
    struct weir_lines *lines = *out = calloc(1, sizeof *lines);
    struct weir_span *cell = calloc(WEIR_CELLS_MAX, sizeof *cell);
    bool *has = calloc(weir_layout_fields(config->layout), sizeof *has);
    char *copy = malloc(length + 1);
    weir_err code = WEIR_ERR_MEMORY;
    *title = false;
    if (!lines || !cell || !has || !copy) {
        weir_fail(error, code, "%s: out of memory", config->from);
        goto out;
    }
    if (length >= 3 && !memcmp(line, "\xef\xbb\xbf", 3))
        line += 3, length -= 3;
    if (length && line[length - 1] == '\r')
        length--;
    lines->layout = config->layout;
    size_t blank = 0;
    while (blank < length && (line[blank] == ' ' || line[blank] == '\t'))
        blank++;
    if (config->format == WEIR_LINES_JSON || (config->format == WEIR_LINES_ANY && blank < length && line[blank] == '{')) {
        code = begin_json(config, line, length, lines, error);
        goto out;
    }
    memcpy(copy, line, length);
    code = begin_delimited(config, copy, length, lines, cell, has, title, error);
    if (code == WEIR_OK && *title) {
        memcpy(copy, line, length);
        lines->title = copy;
        lines->title_length = length;
        copy = NULL;
    }
out:
    free(copy);
    free(has);
    free(cell);
    if (code != WEIR_OK)
        weir_lines_end(out);
    return code;
}

/* --- rows --- */

/* Most rows have the members of the row before, in that order. */
static int guess_field(struct weir_lines_room *room, struct weir_span name)
{
    size_t at = room->member++;
    struct guess *guess = at < sizeof room->guess / sizeof *room->guess ? &room->guess[at] : NULL;
    if (guess && guess->length == name.length && !memcmp(guess->text, name.text, name.length))
        return guess->field;
    int field = weir_layout_find(room->layout, name.text, name.length);
    if (guess && name.length && name.length <= sizeof guess->text) {
        memcpy(guess->text, name.text, name.length);
        guess->length = name.length;
        guess->field = field;
    }
    return field;
}

static bool take_member(void *context, struct weir_span name, struct weir_span value)
{
    struct weir_lines_room *room = context;
    int field = guess_field(room, name);
    if (field >= 0) {
        room->cell[field] = value;
        room->has[field] = true;
    }
    return true;
}

static bool read_json(const struct weir_lines *lines, struct weir_lines_room *room, char *line, size_t length,
                      enum weir_fault *fault)
{
    size_t fields = weir_layout_fields(lines->layout);
    memset(room->cell, 0, fields * sizeof *room->cell);
    memset(room->has, 0, fields * sizeof *room->has);
    room->member = 0;
    if (!weir_cells_object(line, length, take_member, room))
        *fault = WEIR_FAULT_JSON;
    else if (!weir_layout_whole(lines->layout, room->has))
        *fault = WEIR_FAULT_COLUMNS;
    else
        return true;
    return false;
}

enum weir_line_kind weir_lines_row(const struct weir_lines *lines, struct weir_lines_room *room, char *line, size_t length,
                                   struct weir_identity *identity, float *row, enum weir_fault *fault)
{
    if (length && line[length - 1] == '\r')
        length--;
    if (is_blank(line, length))
        return WEIR_LINE_BLANK;
    if (lines->json) {
        if (!read_json(lines, room, line, length, fault))
            return WEIR_LINE_FAULT;
    } else {
        if (lines->title && length == lines->title_length && !memcmp(line, lines->title, length))
            return WEIR_LINE_BLANK;
        long count = weir_cells_split(line, length, lines->delimiter, room->split, lines->columns);
        if (count < 0 || (size_t)count != lines->columns) {
            *fault = WEIR_FAULT_CELLS;
            return WEIR_LINE_FAULT;
        }
        for (size_t i = 0; i < lines->columns; i++)
            if (lines->field[i] >= 0)
                room->cell[lines->field[i]] = room->split[i];
    }
    return weir_layout_row(lines->layout, room->cell, identity, row, &room->counts, fault) ? WEIR_LINE_ROW : WEIR_LINE_FAULT;
}
