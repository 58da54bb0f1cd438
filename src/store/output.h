/* An output: buffered bytes to a path. One thread.
 *
 * Standard output ("-"), devices and pipes are opened as they are. A regular file is either appended to, or written beside and
 * renamed when it is complete, so that a reader never sees half of it. SIGPIPE must be ignored for a lost pipe to be told as an
 * error.
 */
#ifndef WEIR_STORE_OUTPUT_H
#define WEIR_STORE_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "weir/error.h"

struct weir_output {
    char *path;  /* for messages; "standard output" */
    char *final; /* the name to take when complete, or NULL */
    char *bytes;
    size_t used, room;
    int fd; /* -1: none */
    bool own;
};

enum weir_output_mode { WEIR_OUTPUT_APPEND, WEIR_OUTPUT_REPLACE };

/* WEIR_ERR_NOT_FOUND, _PERMISSION, _FULL, _IO, _MEMORY. */
weir_err weir_output_open(struct weir_output *output, const char *path, enum weir_output_mode mode, struct weir_error *error);

/* Room for `size` more bytes at the returned place; say with `used` how many were taken. NULL: out of memory. */
char *weir_output_reserve(struct weir_output *output, size_t size);

/* Writes what is buffered. WEIR_ERR_FULL, WEIR_ERR_CLOSED (the pipe's reader is gone), WEIR_ERR_IO; the buffer is empty then. */
weir_err weir_output_flush(struct weir_output *output, struct weir_error *error);

/* The same for lines, none of them empty, that are appended: after a failure the file ends with a whole line of them, where it
 * can be cut (a regular file). *lines: how many were buffered, *kept: how many of them are written. */
weir_err weir_output_flush_lines(struct weir_output *output, uint64_t *lines, uint64_t *kept, struct weir_error *error);

/* Empties the buffer; how many lines it held. */
uint64_t weir_output_drop_lines(struct weir_output *output);

/* Flushes, renames, closes. The output is closed whatever the result; an incomplete file is removed. */
weir_err weir_output_finish(struct weir_output *output, struct weir_error *error);

/* Closes and removes a file that was to be renamed. Safe on an output that is closed or all zero with fd -1. */
void weir_output_abort(struct weir_output *output);

/* True for "-", and for a path that exists and is no regular file. */
bool weir_output_is_stream(const char *path);

/* The name beside `path` under which a file grows until it is complete; free it. NULL: out of memory. */
char *weir_output_beside(const char *path);

/* The error of a failed file operation: the code by `number` (errno), "PATH: text; remedy". */
weir_err weir_output_fail(const char *path, int number, struct weir_error *error);

#endif
