/* The intake: one input of flow records, handed out in pieces of whole lines to the threads that read them.
 *
 * The input is a file (gzip and zstd are unpacked), a pipe, standard input ("-"), or a socket that others push to (queue/pull.h).
 * A pipe is handed out as far as it has whole lines, so no row waits for a full piece. The first line tells the format
 * (batch/lines.h): of a regular file it is read when the intake is opened, of a pipe when it comes. A message of a socket holds
 * JSON lines or is a batch frame.
 *
 * Open, close: one owner. Take, stop, status, progress: any thread.
 */
#ifndef WEIR_PIPELINE_INTAKE_H
#define WEIR_PIPELINE_INTAKE_H

#include "batch/lines.h"

struct weir_intake;

struct weir_intake_config {
    const char *input;              /* FILE, -, zmq+ipc://PATH, zmq+tcp://HOST:PORT */
    const char *key, *const *peers; /* of a socket, as in weir_pull_config */
    size_t peer_count;
    const struct weir_layout *layout;
    enum weir_lines_format format;
    const char *const *columns; /* as in weir_lines_config */
};

enum { WEIR_PIECE_BYTES = 1 << 18 }; /* a longer line is thrown away, and counted */

struct weir_piece { /* start with {0}; one thread's */
    enum weir_piece_kind {
        WEIR_PIECE_NONE, /* nothing within the time */
        WEIR_PIECE_LINES,
        WEIR_PIECE_FRAME, /* `bytes` are one message that is no text: a batch frame, if it is any */
        WEIR_PIECE_END
    } kind;
    char *bytes; /* 64-byte aligned, the reader's to change */
    size_t room, length;
    uint64_t first_line; /* number of the first line in the input, from 1; a frame counts as a line */
    uint64_t too_long;   /* lines thrown away before this piece */
    int64_t taken_ns;    /* monotonic */
    const struct weir_lines *lines;
};

/* Errors of weir_stream_open; of weir_lines_begin for a regular file; of weir_pull_open for a socket. */
weir_err weir_intake_open(const struct weir_intake_config *config, struct weir_intake **out, struct weir_error *error);
void weir_intake_close(struct weir_intake **intake); /* sets it to NULL; NULL-safe */

/* The next piece; waits at most wait_ms. WEIR_PIECE_END for good: the end of the input, after weir_intake_stop, or on a failure,
 * which weir_intake_status tells. */
void weir_intake_take(struct weir_intake *intake, int wait_ms, struct weir_piece *piece);
void weir_piece_fini(struct weir_piece *piece);

/* No more pieces; but a socket gives what has come, for at most a second. */
void weir_intake_stop(struct weir_intake *intake);

/* WEIR_OK, or what has ended the reading. */
weir_err weir_intake_status(struct weir_intake *intake, struct weir_error *error);

/* Bytes read of the file, and its size; *size 0: not known. */
void weir_intake_progress(struct weir_intake *intake, uint64_t *done, uint64_t *size);

#endif
