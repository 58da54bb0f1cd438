/* The tally: what a sensor has put into batches, and how much of it is in its outbox, in memory that a file of the state folder
 * backs. A process that is killed, at whatever moment, leaves it as it was; so its next start knows to the row what was lost.
 *
 *     FOLDER/tally.BOOT     made at the start, removed at the end, or once somebody has been told
 *
 * Lanes only write to memory. Counters are cumulative, and each is one word, so none is ever half written. A row is counted
 * before its batch can be handed on. Of a frame the tally says first that it is about to be put, then that it has been: between
 * the two the outbox knows. A power cut may lose the file's pages: a tally of another boot of the machine says nothing.
 *
 * Open, close, read, remove, begin and done: one thread (the sender's owner, then its thread). A lane's counters: its thread.
 */
#ifndef WEIR_PIPELINE_TALLY_H
#define WEIR_PIPELINE_TALLY_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "weir/error.h"

#define WEIR_TALLY_LANES 64

struct weir_tally;

struct weir_tally_lane {
    _Alignas(64) atomic_uint_fast64_t rows; /* put into batches since the start */
    atomic_uint_fast64_t flows;             /* open now */
};

/* Makes it. WEIR_ERR_IO (also: no room on the disk), _PERMISSION, _LIMIT, _MEMORY. */
weir_err weir_tally_open(const char *folder, const uint8_t sensor[16], uint64_t boot, struct weir_tally **out,
                         struct weir_error *error);

/* Removes the file when the boot has `ended`. Sets *tally to NULL; NULL-safe. */
void weir_tally_close(struct weir_tally **tally, bool ended);

/* NULL when there is no tally, or no such lane in it. */
struct weir_tally_lane *weir_tally_lane(struct weir_tally *tally, uint32_t lane);

/* A frame of so many rows is about to be put into the outbox (again, if that failed); it is there. NULL-safe. */
void weir_tally_begin(struct weir_tally *tally, uint32_t lane, uint64_t seq, uint16_t rows);
void weir_tally_done(struct weir_tally *tally);

/* What a boot that was killed has left. */
struct weir_tally_left {
    uint64_t rows, accepted, flows; /* put into batches; of them, in the outbox; flows that were open */
    uint64_t doubt_rows, doubt_seq; /* of these the outbox knows whether it has them; 0: of none */
    uint32_t doubt_lane;
};

/* False: nobody knows. */
bool weir_tally_read(const char *folder, const uint8_t sensor[16], uint64_t boot, struct weir_tally_left *out);

/* Nobody will ask for it again. */
void weir_tally_remove(const char *folder, uint64_t boot);

#endif
