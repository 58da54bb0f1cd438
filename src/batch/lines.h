/* Lines of flow records as rows: what `ra -c ,` prints, binetflow files, weir's own CSV, any other delimited text with a title,
 * and JSON lines.
 *
 * The first line tells which it is: an object is JSON; a line with names of fields (batch/layout.h) is a title; a line that
 * begins with a time is already a row, of ra's default columns or of those that are given. A finished struct weir_lines is
 * constant: any thread; each thread has a room of its own.
 */
#ifndef WEIR_BATCH_LINES_H
#define WEIR_BATCH_LINES_H

#include "batch/layout.h"

enum weir_lines_format { WEIR_LINES_ANY, WEIR_LINES_CSV, WEIR_LINES_JSON };

struct weir_lines_config {
    const struct weir_layout *layout; /* outlives the lines */
    enum weir_lines_format format;    /* ANY: the first line tells */
    const char *const *columns; /* the columns of delimited lines without a title, NULL-terminated; NULL: they have one, or are
                                   ra's default ones */
    const char *from;           /* begins messages: a file's name */
};

struct weir_lines;

/* Begins with the first line that is not blank, without its end (it is not changed). *title: it is no row. WEIR_ERR_FORMAT:
 * neither a title nor a row, or not of that format; WEIR_ERR_MISMATCH: columns are missing, named; WEIR_ERR_LIMIT, _MEMORY. */
weir_err weir_lines_begin(const struct weir_lines_config *config, const char *line, size_t length, struct weir_lines **out,
                          bool *title, struct weir_error *error);
void weir_lines_end(struct weir_lines **lines); /* sets it to NULL; NULL-safe */

/* JSON lines whose first one says nothing about the others: messages of a socket. */
weir_err weir_lines_begin_json(const struct weir_layout *layout, struct weir_lines **out);

struct weir_lines_room;
weir_err weir_lines_room_create(const struct weir_layout *layout, struct weir_lines_room **out);
void weir_lines_room_destroy(struct weir_lines_room **room);
const struct weir_layout_counts *weir_lines_room_counts(const struct weir_lines_room *room);

enum weir_line_kind { WEIR_LINE_ROW, WEIR_LINE_FAULT, WEIR_LINE_BLANK /* or the title again */ };

/* A line without its end, which is changed: fills *identity and row[], or *fault. */
enum weir_line_kind weir_lines_row(const struct weir_lines *lines, struct weir_lines_room *room, char *line, size_t length,
                                   struct weir_identity *identity, float *row, enum weir_fault *fault);

#endif
