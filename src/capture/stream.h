/* The bytes of one input: a regular file, a pipe, or standard input ("-"); gzip and zstd are recognised by their first bytes and
 * unpacked, concatenated members included. One thread at a time. Nothing is mapped: a file that is cut while it is read ends
 * early, no more.
 */
#ifndef WEIR_CAPTURE_STREAM_H
#define WEIR_CAPTURE_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "weir/error.h"

enum weir_stream_state {
    WEIR_STREAM_DATA, /* bytes came */
    WEIR_STREAM_WAIT, /* none within `wait_ms`; ask again */
    WEIR_STREAM_END
};

struct weir_stream;

/* Opens `path`; reads nothing yet. A regular file's size is stored in *size_bytes, else 0. WEIR_ERR_NOT_FOUND, _PERMISSION, _IO,
 * _ARGUMENT (a folder), _MEMORY. The message names the path. */
weir_err weir_stream_open(const char *path, struct weir_stream **out, uint64_t *size_bytes, struct weir_error *error);

/* NULL-safe; sets *stream to NULL. Standard input stays open. */
void weir_stream_close(struct weir_stream **stream);

/* Reads up to `room` (> 0) bytes; at least one with WEIR_STREAM_DATA. Waits for a pipe at most `wait_ms`, and only while there is
 * nothing to give. *got is set with an error too: bytes that came before it. After an error every call gives that error again.
 * WEIR_ERR_IO, _FORMAT (damaged or cut compressed data), _MEMORY; the message says what is wrong, not where. */
weir_err weir_stream_read(struct weir_stream *stream, uint8_t *to, size_t room, int wait_ms, size_t *got,
                          enum weir_stream_state *state, struct weir_error *error);

/* Bytes taken from the file or pipe so far, compressed if it is compressed. */
uint64_t weir_stream_position(const struct weir_stream *stream);

/* True once the content has been found to be gzip or zstd: then positions in unpacked data differ from those in the file. */
bool weir_stream_compressed(const struct weir_stream *stream);

#endif
