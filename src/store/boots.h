/* Boots of other processes' sensors in a store: each is a run of its own in `runs`, whose id follows from sensor and boot, so
 * that it is the same in every file and after every restart. Here are their rows, what their notes do, and the outage of one that
 * was killed. store.c's own; one thread.
 */
#ifndef WEIR_STORE_BOOTS_H
#define WEIR_STORE_BOOTS_H

#include "batch/note_frame.h"
#include "batch/verdict.h"
#include "store/marks.h"

struct weir_boots {
    /* set by the owner, who keeps them */
    struct weir_duck *duck;
    struct weir_marks *marks;
    int64_t (*wall_ns)(void);
    /* private */
    struct weir_known_boot *known; /* that have a row in the file */
    size_t count, room, last;
};

/* The run's id of a boot. */
void weir_boots_run(const uint8_t sensor[16], uint64_t boot, char out[static 40]);

/* Before the mark of its batch or note is taken, in the open transaction: the boot's run, with a row in `runs`. The first sign of
 * a boot is also the end of the one before: if that has not said that it ends, it was killed, and `outages` gets a row. *run is
 * good until the next call. Errors are DuckDB's, without the path; WEIR_ERR_MEMORY. */
weir_err weir_boots_meet(struct weir_boots *boots, const struct weir_origin *origin, uint64_t boot, const char **run,
                         struct weir_error *error);

/* After the mark of the note is taken: its effect. A text that says nothing known is logged and has none. */
weir_err weir_boots_note(struct weir_boots *boots, const struct weir_note *note, struct weir_error *error);

/* After a rollback, and in another file. */
void weir_boots_forget(struct weir_boots *boots);

/* Safe on zeroes. */
void weir_boots_fini(struct weir_boots *boots);

#endif
