/* What store.c (transactions, open and close) and store_file.c (the files that they go to) have in common. The thread that
 * writes. */
#ifndef WEIR_STORE_STORE_PARTS_H
#define WEIR_STORE_STORE_PARTS_H

#include <pthread.h>

#include "data/duck.h"
#include "store/boots.h"
#include "store/context.h"
#include "store/gather.h"
#include "store/lake.h"
#include "store/lapse.h"
#include "store/loan.h"
#include "store/store.h"
#include "store/text.h"

struct weir_store {
    struct weir_duck *duck;    /* the database; its connection attaches and detaches files */
    struct weir_duck *session; /* the connection that writes, in the attached file */
    char *path;                /* of the file that is written */
    char *name;                /* the file or the folder, as the user gave it: it does not change, so other threads may read it */
    char *sensor, *command;
    char run_text[WEIR_TEXT_ROOM];
    uint64_t boot;
    struct weir_loan loan;
    struct weir_gather verdicts, reasons;
    struct weir_contexts contexts;
    struct weir_marks *marks; /* of other processes' sensors */
    struct weir_boots boots;  /* the same */
    struct weir_lapses lapses;
    struct weir_lake *lake; /* or NULL */
    bool lake_behind;       /* a closed file is not in it */
    int64_t catch_up_ns;    /* monotonic: when that is tried again */
    uint64_t pending;       /* rows since the last commit */
    bool open;              /* a transaction is */
    bool attached;          /* a file is there to be written */
    bool begun;             /* the run has its row in a file */
    bool collects;
    bool counted;    /* kept is known of this file */
    int64_t kept;    /* rows in this file, as far as commits have told */
    int64_t sign_ns; /* when the file was written last before this run */
    /* a folder's: */
    char *folder; /* NULL: a single file */
    int lock;     /* -1: none */
    uint64_t rotate_bytes;
    struct weir_retention retention;
    struct weir_removed removed;
    int64_t day; /* of the file */
    uint32_t number;
    int64_t (*wall_ns)(void);
    pthread_mutex_t change; /* of the file: from one that is whole to the next, with its tables */
};

/* --- store.c --- */

weir_err weir_store_no_memory(const struct weir_store *store, struct weir_error *error);

/* Puts the path in front, and behind a full disk what is left of it. */
weir_err weir_store_fail(const struct weir_store *store, weir_err code, struct weir_error *error);

/* After a failure: nothing of the transaction is kept, the next append begins anew. */
void weir_store_roll_back(struct weir_store *store);

/* The run's row gets its end, the log is folded in. `account_json`: NULL while the run goes on in another file. */
weir_err weir_store_end_file(struct weir_store *store, const char *account_json, struct weir_error *error);

/* All that is committed goes to the lake, before the file is closed. */
weir_err weir_store_end_lake(struct weir_store *store, struct weir_error *error);

/* --- store_file.c --- */

/* Attaches the first file of the process: the one named, or the folder's. */
weir_err weir_store_first_file(struct weir_store *store, struct weir_error *error);

/* What is not committed is rolled back; store->attached stays true while somebody reads the file. */
void weir_store_detach(struct weir_store *store);

#endif
