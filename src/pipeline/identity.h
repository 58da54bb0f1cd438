/* Who a sensor is: its id and its boot counter, kept in the state folder, so that (sensor, boot, lane, sequence number) comes
 * once in the world.
 *
 *     FOLDER/lock       held with flock(2) by the process that uses the folder
 *     FOLDER/identity   text: the id, the boot, where the folder is, how the boot ended
 *     FOLDER/outbox     pipeline/outbox.h
 *     FOLDER/tally.N    pipeline/tally.h
 *
 * The boot is counted and on the disk before the first batch. A folder that was copied, restored or moved to another disk gets a
 * new id: the original may still be at work. It is known by the lock file, which is never replaced (inode and time of birth), and
 * by the machine's id. The outbox of a copy is not this sensor's to send: it is set aside under the name outbox.OLD-ID. One
 * thread.
 */
#ifndef WEIR_PIPELINE_IDENTITY_H
#define WEIR_PIPELINE_IDENTITY_H

#include <stdbool.h>
#include <stdint.h>

#include "weir/error.h"

struct weir_identity_state;

struct weir_who {
    uint8_t sensor[16];
    uint64_t boot;      /* 1, 2, ... */
    bool fresh;         /* the id is new */
    bool killed;        /* the boot before this one did not end as it should */
    uint64_t untold;    /* the first of the boots that did not, and of which nobody was told; `boot` when there is none */
    int64_t last_alive; /* when that one was last known to live, ns since 1970; 0: never */
    char set_aside[64]; /* the name of a copied folder's outbox; "": there was none */
};

/* Opens the state folder, making it (and only it, mode 0700) if it is not there, locks it, and counts the boot. NULL: no folder;
 * a new id that nobody keeps, boot 1. WEIR_ERR_BUSY: another process uses it; _FORMAT: `identity` is damaged; _IO, _PERMISSION,
 * _NOT_FOUND, _MEMORY, _LIMIT. */
weir_err weir_identity_open(const char *folder, struct weir_identity_state **out, struct weir_who *who, struct weir_error *error);

/* The process is alive: to be told every few seconds, so that the next boot can say when this one was killed. */
void weir_identity_alive(struct weir_identity_state *identity);

/* Somebody will hear of the boots that were killed, whatever becomes of this one. */
weir_err weir_identity_told(struct weir_identity_state *identity, struct weir_error *error);

/* The boot ends as it should. */
weir_err weir_identity_ended(struct weir_identity_state *identity, struct weir_error *error);

/* Gives up the folder. Sets *identity to NULL; NULL-safe. */
void weir_identity_close(struct weir_identity_state **identity);

#endif
