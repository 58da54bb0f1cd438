/* Whole files: bounded reading, and writing that leaves either the old file or the new one. Blocking. Any thread. */
#ifndef WEIR_BASE_FILE_H
#define WEIR_BASE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "weir/error.h"

/* Reads a file (or a pipe) of at most `limit` bytes; the caller frees *bytes with free(). WEIR_ERR_NOT_FOUND, _PERMISSION, _IO,
 * _LIMIT, _MEMORY. */
weir_err weir_file_read(const char *path, size_t limit, uint8_t **bytes, size_t *size, struct weir_error *error);

/* A file's bytes to be looked at where they lie, so that one that is no good costs no memory: a regular file is mapped (it must
 * not be cut meanwhile), another one read. At most `limit` bytes. Release it with weir_file_unmap, which takes {0}. Errors as
 * weir_file_read. */
struct weir_file_map {
    const uint8_t *bytes;
    size_t size;
    bool mapped;
};
weir_err weir_file_map(const char *path, size_t limit, struct weir_file_map *out, struct weir_error *error);
void weir_file_unmap(struct weir_file_map *map);

/* Writes beside `path`, syncs and renames, so that no reader sees half a file. A path that exists and is no regular file (a pipe,
 * a device) is written as it is; a symbolic link is followed. WEIR_ERR_NOT_FOUND (its folder), _PERMISSION, _IO, _LIMIT (path).
 */
weir_err weir_file_write(const char *path, const void *bytes, size_t size, struct weir_error *error);

/* For those who read a file themselves: says that doing `what` ("open it") failed with errno; returns the code that goes with it.
 */
weir_err weir_file_fail(struct weir_error *error, const char *path, const char *what);

/* What is free, for this user, on the disk of the folder that `path` is in. False: not known. */
bool weir_file_room(const char *path, uint64_t *bytes);

#endif
