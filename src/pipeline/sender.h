/* The sender: what a sensor has instead of a backend. Batches in; frames out, until the collector says that it has them.
 *
 *   push ─▶ ring ─▶ sender's thread: frame ─▶ outbox ─▶ transport
 *                                               ▲            │
 *                                               └── marks ◀──┘
 *
 * A batch is accepted when its frame is in the outbox, and its memory goes back to the pool then. The thread empties the ring
 * before it does anything else, and waits for nobody while there is something in it; what a kill finds there is lost, and counted
 * (pipeline/tally.h). While the outbox is full, batches wait in ring and pool; so lanes wait, or shed, as they do for slow
 * workers (pipeline/sensor.h). What a former boot left in the state folder is sent as well.
 *
 * Start, finish, free: one owner. All else: any thread.
 */
#ifndef WEIR_PIPELINE_SENDER_H
#define WEIR_PIPELINE_SENDER_H

#include <stdatomic.h>

#include "batch/pool.h"
#include "pipeline/identity.h"
#include "pipeline/outbox.h"
#include "pipeline/tally.h"

struct weir_sender;
struct weir_account;

struct weir_sender_config {
    /* What it points to outlives the sender. `sensor` is filled in by the sender; feature set and columns are those of the
     * batches.
     */
    struct weir_transport_config transport;
    const char *state;        /* the folder; NULL: none, what is not committed dies with the process */
    const char *name;         /* of the sensor, for people */
    const char *command;      /* for the store */
    uint64_t room;            /* of the outbox; 0: WEIR_SENDER_ROOM */
    int64_t resend_after_ns;  /* 0: 3 s */
    int64_t drain_timeout_ns; /* 0: 60 s */
    size_t batches;           /* of the pool; 0: enough for producers and ring */
    unsigned producers;       /* threads that fill batches */
    int64_t budget_ns;        /* of the batcher; 0: none */
    bool degrade;             /* workers that are behind may degrade its batches (pipeline/infer.h) */
};

#define WEIR_SENDER_ROOM ((uint64_t)1 << 30)

/* Opens state folder, outbox and transport, and starts the thread. Errors of these. */
weir_err weir_sender_start(const struct weir_sender_config *config, struct weir_sender **out, struct weir_error *error);

struct weir_pool *weir_sender_pool(struct weir_sender *sender);
const struct weir_who *weir_sender_who(const struct weir_sender *sender);

/* Where those who fill batches count their rows; NULL: nowhere, there is no state folder, or no room in it. */
struct weir_tally *weir_sender_tally(struct weir_sender *sender);

/* What a batch takes from its handing on to its verdicts, for weir_batcher_config: the collector measures it and tells it with
 * its marks, by the clocks of this machine and of the workers. Until it does, half of the budget; never more than three quarters,
 * as batches of a few rows would only make verdicts later that are late whatever the sensor does. */
const atomic_int_fast64_t *weir_sender_service(const struct weir_sender *sender);

/* Hands a batch over; waits while the ring is full. False when it takes no more. Has the type weir_batcher_send. */
bool weir_sender_push(void *sender, struct weir_batch *batch);

/* Sends a note to the collector: JSON, one object (batch/note_frame.h). One of how things are (`now_only`) is left out when there
 * is no room for it. */
void weir_sender_note(struct weir_sender *sender, const char *text, bool now_only);

/* True once the transport or the outbox's file has failed for ever: the sensor should end. */
bool weir_sender_failed(struct weir_sender *sender);

/* WEIR_OK, or that failure. */
weir_err weir_sender_status(struct weir_sender *sender, struct weir_error *error);

/* What is wrong although it goes on, for people: nobody answers, the outbox is full. False: nothing. */
bool weir_sender_trouble(struct weir_sender *sender, char *text, size_t size);

/* Batches in the outbox that no mark covers yet. */
uint64_t weir_sender_held(struct weir_sender *sender);

/* The end has been asked for: what the outbox has no room for when the drain's time is over is refused. */
void weir_sender_stop(struct weir_sender *sender);

/* Nobody will mark anything any more: the drain's time is over. */
void weir_sender_give_up(struct weir_sender *sender);

/* Fills rows.scored, store.committed and what is remote; at most 50 ms old while the thread runs, exact after finish. */
void weir_sender_account(struct weir_sender *sender, struct weir_account *account);

/* No more batches: sends `closed`, the last note, and waits until marks cover all, or the drain's time is over. WEIR_ERR_AGAIN:
 * batches are left (a state folder keeps them for the next start); the message says how many. Or the failure. */
weir_err weir_sender_finish(struct weir_sender *sender, const char *closed, struct weir_error *error);

/* Frees; finishes at once if that was not done. Sets *sender to NULL; NULL-safe. */
void weir_sender_free(struct weir_sender **sender);

#endif
