/* Marks: which batches and notes of other processes' sensors the store has, so that each has its effect once, however often it
 * comes.
 *
 * For each (sensor, boot, lane) a contiguous high-water mark, and above it a small set of spans, as batches overtake each other.
 * The table `marks` has the same; what a transaction takes is written with its rows, and each new file of a folder begins with
 * all of them. store.c's own; one thread.
 *
 *   marks(mark, sensor, boot, lane, next, above, changed, closed)     next: every number below it is there; above:
 * "first-last,.."
 *
 * A sensor that leaves more than WEIR_MARK_SPANS gaps open is asked to come again with what is far above them.
 */
#ifndef WEIR_STORE_MARKS_H
#define WEIR_STORE_MARKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "data/duck.h"
#include "queue/transport.h"

#define WEIR_MARK_SPANS 4096

struct weir_batch_id {
    uint8_t sensor[16];
    uint64_t boot;
    uint32_t lane;
    uint64_t seq;
};

enum weir_mark_state {
    WEIR_MARK_NEW,
    WEIR_MARK_HAVE, /* taken before, committed or not yet */
    WEIR_MARK_FAR   /* cannot be noted: too many gaps below it */
};

struct weir_marks;

weir_err weir_marks_create(struct weir_marks **out);
void weir_marks_destroy(struct weir_marks **marks); /* NULL-safe */

enum weir_mark_state weir_marks_ask(struct weir_marks *marks, const struct weir_batch_id *id);

/* Notes one that is WEIR_MARK_NEW; it stays so with weir_marks_keep. WEIR_ERR_MEMORY. */
weir_err weir_marks_take(struct weir_marks *marks, const struct weir_batch_id *id, int64_t wall_ns, struct weir_error *error);

/* Takes everything below id->seq that is not there as if it were: nobody has it any more. *missing: how many that is.
 * WEIR_ERR_MEMORY.
 */
weir_err weir_marks_skip(struct weir_marks *marks, const struct weir_batch_id *id, int64_t wall_ns, uint64_t *missing,
                         struct weir_error *error);

/* That this boot has said that it ends, or has not. Its lane of notes must have a mark. */
void weir_marks_close(struct weir_marks *marks, const struct weir_batch_id *id);

/* The newest boot of a sensor. False: none is known. */
struct weir_mark_boot {
    uint64_t boot;
    bool closed;
    int64_t changed_ns; /* wall clock: its last mark */
};
bool weir_marks_newest(const struct weir_marks *marks, const uint8_t sensor[16], struct weir_mark_boot *out);

/* Writes what has changed, in the open transaction of `duck`. Errors are DuckDB's, without the path. */
weir_err weir_marks_write(struct weir_marks *marks, struct weir_duck *duck, struct weir_error *error);

/* The transaction was committed; or it is gone, and everything is as after the last weir_marks_keep. */
void weir_marks_keep(struct weir_marks *marks);
void weir_marks_undo(struct weir_marks *marks);

/* Another file: what its table has, in place of what was known; or everything that is known goes into its empty table. */
weir_err weir_marks_read(struct weir_marks *marks, struct weir_duck *duck, struct weir_error *error);
weir_err weir_marks_carry(struct weir_marks *marks, struct weir_duck *duck, struct weir_error *error);

/* Its sensor does not know what is kept: weir_marks_told gives that mark again. */
void weir_marks_tell(struct weir_marks *marks, const struct weir_batch_id *id);

/* The marks that were kept since the last call, `room` of them at most: call again until none is left. At the start all. */
size_t weir_marks_told(struct weir_marks *marks, struct weir_mark *out, size_t room);

#endif
