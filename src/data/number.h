/* Numbers in the text cells of data files. Any thread. */
#ifndef WEIR_DATA_NUMBER_H
#define WEIR_DATA_NUMBER_H

#include <stddef.h>

enum weir_number_kind {
    WEIR_NUMBER_VALUE,   /* *out is finite */
    WEIR_NUMBER_ENDLESS, /* Infinity, inf, with a sign, or beyond float64; *out is NaN */
    WEIR_NUMBER_MISSING, /* empty or blank, NaN, NA, N/A, null, none, (empty), - and ?; *out is NaN */
    WEIR_NUMBER_TEXT     /* none of these; *out is NaN */
};

/* Reads one cell: `length` bytes at `text`, not NUL-terminated. Blanks around are ignored; decimal notation alone, so a port
 * written 0x0008 is a text. The value is the nearest float64. Words in any case. */
enum weir_number_kind weir_number_read(const char *text, size_t length, double *out);

#endif
