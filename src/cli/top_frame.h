/* One frame of `weir top`: what a status says, and what has changed since the one before, for a terminal. Pure; one thread. */
#ifndef WEIR_CLI_TOP_FRAME_H
#define WEIR_CLI_TOP_FRAME_H

#include <jansson.h>
#include <stdio.h>

/* Prints at most `rows` lines of at most `columns` characters (40 or more), each with its line end. `before` is an earlier status
 * of the same run, for rates; NULL: rates since the start. Texts from packets and paths are tamed: nothing controls the
 * terminal. */
void weir_top_frame(const json_t *before, const json_t *now, unsigned columns, unsigned rows, FILE *to);

#endif
