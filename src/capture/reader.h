/* The capture files of one port, read one after the other into blocks as one stream of packet records.
 *
 * One thread at a time. All memory but what a decompressor needs for its window is taken by weir_reader_open.
 */
#ifndef WEIR_CAPTURE_READER_H
#define WEIR_CAPTURE_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "capture/block.h"
#include "weir/error.h"

enum weir_reader_state {
    WEIR_READER_BLOCK, /* the block holds records, or at least the reader has moved on */
    WEIR_READER_WAIT,  /* a pipe had nothing for a while; ask again */
    WEIR_READER_END    /* all files are done; the block may hold the last records */
};

/* What is known from the files' headers before the first packet is read. */
struct weir_reader_facts {
    uint64_t total_bytes; /* of all files, as stored; 0 when one of them is no regular file */
    bool nanosecond;
    uint16_t link; /* of the first packet block or interface of the first file whose header could be read */
    bool link_known;
};

struct weir_reader;

/* Looks into the header of every regular file. `file` and its strings must outlive the reader. `block_bytes`: size of the blocks
 * that will be filled; longer records are taken as damage. WEIR_ERR_FORMAT and those of weir_stream_open; the message names the
 * file. */
weir_err weir_reader_open(const char *const *file, size_t count, uint32_t block_bytes, struct weir_reader **out,
                          struct weir_reader_facts *facts, struct weir_error *error);

/* NULL-safe; sets *reader to NULL. */
void weir_reader_close(struct weir_reader **reader);

/* Fills block->bytes, ->record (but for release_ns and next) and ->count. An error (damage, named with file and offset) ends the
 * reader; the records before it are in the block. Waits for a pipe at most 100 ms. */
weir_err weir_reader_fill(struct weir_reader *reader, struct weir_block *block, enum weir_reader_state *state,
                          struct weir_error *error);

/* Stored bytes read so far, over all files. */
uint64_t weir_reader_position(const struct weir_reader *reader);

/* True once a file with times finer than a microsecond has been met. */
bool weir_reader_nanosecond(const struct weir_reader *reader);

#endif
