/* Whole files: bounded reading, and writing that leaves either the old file or the new one. Blocking. Any thread. */
#ifndef WEIR_BASE_FILE_H
#define WEIR_BASE_FILE_H

#include <stddef.h>
#include <stdint.h>

#include "weir/error.h"

/* Reads a file (or a pipe) of at most `limit` bytes; the caller frees *bytes with free(). WEIR_ERR_NOT_FOUND, _PERMISSION, _IO,
 * _LIMIT, _MEMORY. */
weir_err weir_file_read(const char *path, size_t limit, uint8_t **bytes, size_t *size, struct weir_error *error);

/* Writes beside `path`, syncs and renames, so that no reader sees half a file. A path that exists and is no regular file (a pipe,
 * a device) is written as it is; a symbolic link is followed. WEIR_ERR_NOT_FOUND (its folder), _PERMISSION, _IO, _LIMIT (path).
 */
weir_err weir_file_write(const char *path, const void *bytes, size_t size, struct weir_error *error);

#endif
