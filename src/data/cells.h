/* One line of a table of flow records as cells: delimited text, or a flat JSON object. Nothing is copied but texts with escapes.
 * Any thread. */
#ifndef WEIR_DATA_CELLS_H
#define WEIR_DATA_CELLS_H

#include <stdbool.h>
#include <stddef.h>

#define WEIR_CELLS_MAX 4096 /* columns */

struct weir_span {
    const char *text; /* not NUL-terminated; NULL: there is none (JSON: null, or no such member) */
    size_t length;
};

/* Splits `length` bytes (a line without its end) at `delimiter` into at most `room` cells and returns how many the line has; more
 * than `room` are counted, not stored. A cell may stand in quotes; "" in it is one quote, and such a cell is unpacked where it
 * lies, so the line is changed. -1: a quote is not closed. */
long weir_cells_split(char *line, size_t length, char delimiter, struct weir_span *cell, size_t room);

/* A member of an object; false ends the reading. */
typedef bool weir_cells_member(void *context, struct weir_span name, struct weir_span value);

/* Reads one JSON object and hands out its members in their order: texts without quotes, with their escapes resolved in place (so
 * the line is changed), numbers as they are written, true and false as such, null as NULL. A member that is an object or an array
 * is passed over and handed out as NULL; deeper than 32 is an error. False: it is no JSON object, or something stands behind it,
 * or `member` said so. */
bool weir_cells_object(char *line, size_t length, weir_cells_member *member, void *context);

#endif
