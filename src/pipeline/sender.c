#include "pipeline/sender.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/ring.h"
#include "batch/frame.h"
#include "batch/frame_tag.h"
#include "batch/note_frame.h"
#include "pipeline/account.h"

/* RING: batches between lanes and thread. BURST: frames sent in one turn; between two, all that waits is taken. */
enum { RING = 64, NOTES = 32, BURST = 16, MARKS = 64, PUBLISH_NS = 50 * 1000000, ALIVE_NS = 1000000000 };
static const int64_t second = 1000000000;

struct note {
    bool now_only;
    char text[];
};

struct weir_sender {
    struct weir_sender_config config;
    struct weir_who who;
    struct weir_identity_state *identity;
    struct weir_outbox *outbox;
    struct weir_tally *tally; /* NULL: no state folder, or no room in it */
    struct weir_sensor_end *end;
    struct weir_pool *pool;
    struct weir_ring *ring, *notes; /* struct weir_batch *, struct note * */
    pthread_t thread;
    bool started, ended;   /* ended: as it should */
    atomic_bool finishing; /* no more batches and notes come */
    atomic_bool failed;
    atomic_int_fast64_t service_ns;
    atomic_int_fast64_t deadline_ns; /* the drain's time is over; INT64_MAX: it has not begun */
    /* the thread's own */
    size_t pending; /* bytes of the frame in the outbox's buffer that found no room; 0: none */
    struct weir_frame_tag pending_tag;
    bool stuck; /* the last send found no room in the queue */
    uint64_t refused_rows, notes_left_out;
    int64_t published_ns, alive_ns, silent_ns; /* silent: nothing is sent before; what the collector has may be known by then */
    bool full_said;
    /* under the lock */
    pthread_mutex_t lock;
    struct weir_outbox_account outbox_account;
    struct weir_transport_account transport_account;
    uint64_t refused_shown, notes_left_out_shown;
    bool full, troubled;
    char trouble[256];
    struct weir_error failure;
};

static void fail(struct weir_sender *s, const struct weir_error *error)
{
    if (atomic_load_explicit(&s->failed, memory_order_relaxed))
        return;
    pthread_mutex_lock(&s->lock);
    s->failure = *error;
    pthread_mutex_unlock(&s->lock);
    weir_log(WEIR_LOG_ERROR, "%s", error->text);
    atomic_store_explicit(&s->failed, true, memory_order_release);
}

/* --- the thread --- */

static void publish(struct weir_sender *s)
{
    pthread_mutex_lock(&s->lock);
    weir_outbox_account(s->outbox, &s->outbox_account);
    weir_sensor_end_account(s->end, &s->transport_account);
    s->refused_shown = s->refused_rows;
    s->notes_left_out_shown = s->notes_left_out;
    s->full = s->pending > 0;
    s->troubled = weir_sensor_end_trouble(s->end, s->trouble, sizeof s->trouble);
    pthread_mutex_unlock(&s->lock);
}

/* A frame of so many bytes is in the buffer: into the outbox with it, or it waits there. Notes have no lane, seq and rows. */
static void put(struct weir_sender *s, size_t size, struct weir_frame_tag tag)
{
    struct weir_error error = {0};
    if (tag.rows)
        weir_tally_begin(s->tally, tag.lane, tag.seq, tag.rows);
    weir_err code = weir_outbox_put(s->outbox, size, weir_clock_mono_ns(), &error);
    if (tag.rows && code == WEIR_OK)
        weir_tally_done(s->tally);
    s->pending = code == WEIR_ERR_FULL ? size : 0;
    s->pending_tag = tag;
    if (code == WEIR_OK || code == WEIR_ERR_FULL)
        return;
    s->refused_rows += tag.rows;
    fail(s, &error);
}

static void take_batch(struct weir_sender *s, struct weir_batch *batch)
{
    const int64_t now_ns = weir_clock_wall_ns();
    struct weir_frame_origin origin = {
        .name = s->config.name, .sent_ns = now_ns, .mono_to_wall = now_ns - weir_clock_mono_ns(), .degrade = s->config.degrade};
    memcpy(origin.sensor, s->who.sensor, sizeof origin.sensor);
    size_t size = weir_frame_bytes(batch, s->config.transport.columns, &origin);
    uint8_t *frame = weir_outbox_buffer(s->outbox, size);
    const struct weir_frame_tag tag = {.lane = batch->lane, .seq = batch->seq, .rows = batch->rows};
    if (frame) {
        weir_frame_encode(batch, s->config.transport.columns, &origin, frame);
        weir_pool_give(s->pool, batch);
        put(s, size, tag);
    } else {
        struct weir_error error;
        weir_pool_give(s->pool, batch);
        s->refused_rows += tag.rows;
        weir_fail(&error, WEIR_ERR_MEMORY, "sender: out of memory for a frame of %zu bytes", size);
        fail(s, &error);
    }
}

static void take_note(struct weir_sender *s, const char *text, bool now_only)
{
    struct weir_note note = {.boot = s->who.boot,
                             .seq = weir_outbox_after(s->outbox, s->who.boot, WEIR_NOTE_LANE),
                             .sent_ns = weir_clock_wall_ns(),
                             .name = s->config.name,
                             .text = text};
    memcpy(note.sensor, s->who.sensor, sizeof note.sensor);
    size_t size = weir_note_frame_bytes(&note);
    uint8_t *frame = size ? weir_outbox_buffer(s->outbox, size) : NULL;
    if (!frame) {
        s->notes_left_out++;
        return;
    }
    weir_note_frame_encode(&note, frame);
    put(s, size, (struct weir_frame_tag){0});
    if (s->pending && now_only) {
        s->pending = 0;
        s->notes_left_out++;
    }
}

/* Moves what waits into the outbox while it has room; waits at most wait_ns for the first batch. Returns how much it was. */
static unsigned take(struct weir_sender *s, int64_t wait_ns)
{
    unsigned taken = 0;
    if (s->pending)
        put(s, s->pending, s->pending_tag);
    for (struct note *note; !s->pending && (note = weir_ring_pop(s->notes, 0)); taken++) {
        take_note(s, note->text, note->now_only);
        free(note);
    }
    for (struct weir_batch *batch; !s->pending && taken < RING; taken++) { /* not for ever: lanes may be quicker */
        if (!(batch = weir_ring_pop(s->ring, taken ? 0 : wait_ns)))
            break;
        take_batch(s, batch);
    }
    return taken;
}

/* Waits at most wait_ns for room for the first frame. */
static unsigned send_some(struct weir_sender *s, int64_t wait_ns)
{
    unsigned sent = 0;
    const uint8_t *frame;
    size_t size;
    struct weir_error error = {0};
    s->stuck = false;
    for (; sent < BURST && weir_outbox_next(s->outbox, weir_clock_mono_ns(), &frame, &size) == WEIR_OK; sent++) {
        weir_err code = weir_sensor_end_send(s->end, frame, size, sent ? 0 : wait_ns, &error);
        s->stuck = code == WEIR_ERR_AGAIN;
        if (s->stuck)
            break;
        if (code != WEIR_OK) {
            fail(s, &error);
            break;
        }
        /* a queue that carries the results is one where others take over what a worker that hangs has taken */
        for (unsigned copies = s->config.transport.results ? weir_outbox_copies(s->outbox) : 1; copies > 1; copies--)
            if (weir_sensor_end_send(s->end, frame, size, 0, &error) != WEIR_OK)
                break; /* no room: one is on its way */
        weir_outbox_sent(s->outbox, weir_clock_mono_ns());
    }
    weir_sensor_end_flush(s->end);
    return sent;
}

static void learn_service(struct weir_sender *s, const struct weir_mark *mark)
{
    int64_t most = s->config.budget_ns / 4 * 3;
    if (mark->boot == s->who.boot && mark->service_ns > 0 && most)
        atomic_store_explicit(&s->service_ns, mark->service_ns < most ? mark->service_ns : most, memory_order_relaxed);
}

static unsigned read_marks(struct weir_sender *s, int64_t timeout_ns)
{
    struct weir_mark mark[MARKS];
    struct weir_error error = {0};
    size_t count = 0;
    weir_err code = weir_sensor_end_marks(s->end, timeout_ns, mark, MARKS, &count, &error);
    if (code != WEIR_OK && code != WEIR_ERR_AGAIN)
        fail(s, &error);
    for (size_t i = 0; i < count; i++) {
        learn_service(s, &mark[i]);
        weir_outbox_mark(s->outbox, &mark[i], weir_clock_mono_ns());
    }
    return (unsigned)count;
}

/* What the collector must not wait for. */
static void tell_gone(struct weir_sender *s, int64_t now_ns)
{
    struct weir_outbox_gone gone;
    while (!s->pending && weir_outbox_gone(s->outbox, now_ns, &gone)) {
        char text[160];
        snprintf(text, sizeof text, "{\"gone\":{\"boot\":%" PRIu64 ",\"lane\":%" PRIu32 ",\"below\":%" PRIu64 "}}", gone.boot,
                 gone.lane, gone.below);
        weir_log(WEIR_LOG_WARNING,
                 "batches of boot %" PRIu64 ", lane %" PRIu32 " below number %" PRIu64
                 " are missing in the collector's store and no longer here: the collector is told not to wait for them",
                 gone.boot, gone.lane, gone.below);
        take_note(s, text, false);
    }
}

static void say_full(struct weir_sender *s)
{
    struct weir_outbox_account account;
    bool full = s->pending > 0;
    if (full == s->full_said)
        return;
    s->full_said = full;
    weir_outbox_account(s->outbox, &account);
    if (full)
        weir_log(WEIR_LOG_WARNING, "%s: %" PRIu64 " batches wait for the collector; metering waits, too",
                 account.disk_full ? "the state folder's disk is full" : "the outbox is full (--spill)", account.held);
    else
        weir_log(WEIR_LOG_INFO, "the outbox has room again");
}

/* Once or more a second: what need not be done with every batch. */
static void housekeep(struct weir_sender *s, int64_t now_ns)
{
    if (now_ns - s->published_ns >= PUBLISH_NS) {
        publish(s);
        s->published_ns = now_ns;
    }
    if (now_ns - s->alive_ns >= ALIVE_NS) {
        weir_identity_alive(s->identity);
        tell_gone(s, now_ns);
        say_full(s);
        s->alive_ns = now_ns;
    }
}

static uint64_t held(const struct weir_sender *s)
{
    struct weir_outbox_account account;
    weir_outbox_account(s->outbox, &account);
    return account.held;
}

static bool done(struct weir_sender *s)
{
    return atomic_load_explicit(&s->finishing, memory_order_acquire) && !s->pending && !weir_ring_depth(s->ring) &&
           !weir_ring_depth(s->notes) && (!held(s) || atomic_load_explicit(&s->failed, memory_order_relaxed));
}

/* How long to sleep when there was nothing to do. Where that is, one thing wakes the thread: in front of a full queue, room in
 * it; with a full outbox, marks; else a batch. What else there is waits as long. */
static int64_t rest_ns(const struct weir_sender *s, int64_t now_ns)
{
    const int64_t due_ns = weir_outbox_due_ns(s->outbox), full_ns = s->pending ? 20 * 1000000 : 5 * 1000000;
    if (s->stuck || due_ns == INT64_MAX)
        return s->stuck ? full_ns : 20 * 1000000;
    if (due_ns <= now_ns)
        return 500000;
    return due_ns - now_ns < full_ns ? due_ns - now_ns : full_ns;
}

/* No time is left, or nobody comes any more: what is still in the ring is in no outbox. */
static void refuse_rest(struct weir_sender *s)
{
    weir_ring_close(s->ring);
    weir_ring_close(s->notes);
    if (s->pending)
        s->refused_rows += s->pending_tag.rows;
    s->pending = 0;
    for (struct weir_batch *batch; (batch = weir_ring_pop(s->ring, 0)); weir_pool_give(s->pool, batch))
        s->refused_rows += batch->rows;
}

static void *sender_run(void *argument)
{
    struct weir_sender *s = argument;
    unsigned moved = 1;
    if (held(s)) /* most of it is committed, it may be: what is not known to be is sent */
        s->silent_ns = weir_clock_mono_ns() + second;
    while (!done(s)) {
        int64_t now_ns = weir_clock_mono_ns();
        bool failed = atomic_load_explicit(&s->failed, memory_order_relaxed);
        if (now_ns >= atomic_load_explicit(&s->deadline_ns, memory_order_relaxed) || (failed && s->pending))
            break;
        bool stuck = s->stuck && !failed;
        int64_t wait_ns = moved ? 0 : rest_ns(s, now_ns);
        moved = take(s, stuck || s->pending ? 0 : wait_ns);
        if (!failed) {
            if (now_ns >= s->silent_ns)
                moved += send_some(s, stuck && !moved ? wait_ns : 0);
            unsigned marks = read_marks(s, s->pending && !stuck && !moved ? wait_ns : 0);
            if (marks)
                s->silent_ns = 0;
            moved += marks;
        }
        housekeep(s, now_ns);
    }
    refuse_rest(s);
    publish(s);
    return NULL;
}

/* --- the owner --- */

static weir_err open_all(struct weir_sender *s, struct weir_error *error)
{
    struct weir_sender_config *config = &s->config;
    weir_err code = weir_identity_open(config->state, &s->identity, &s->who, error);
    if (code != WEIR_OK)
        return code;
    if (s->who.set_aside[0])
        weir_log(
            WEIR_LOG_WARNING,
            "%s is a copy of another sensor's state, so this is a new sensor; the batches that the other one has to send are "
            "set aside as %s",
            config->state, s->who.set_aside);
    struct weir_outbox_config outbox = {.folder = config->state,
                                        .room = config->room ? config->room : WEIR_SENDER_ROOM,
                                        .resend_after_ns = config->resend_after_ns ? config->resend_after_ns : 3 * second,
                                        .resend_most_ns = 30 * second};
    if (outbox.resend_most_ns < outbox.resend_after_ns)
        outbox.resend_most_ns = outbox.resend_after_ns;
    memcpy(outbox.sensor, s->who.sensor, sizeof outbox.sensor);
    memcpy(config->transport.sensor, s->who.sensor, sizeof config->transport.sensor);
    if ((code = weir_outbox_open(&outbox, &s->outbox, error)) != WEIR_OK)
        return code;
    struct weir_outbox_account account;
    weir_outbox_account(s->outbox, &account);
    if (account.recovered)
        weir_log(WEIR_LOG_INFO, "%" PRIu64 " batches of former starts wait in %s/outbox; they are sent first", account.recovered,
                 config->state);
    size_t batches = config->batches ? config->batches : 2 * config->producers + RING + RING / 2;
    if ((code = weir_pool_create(batches, (uint16_t)config->transport.column_count, &s->pool)) != WEIR_OK ||
        (code = weir_ring_create(RING, &s->ring)) != WEIR_OK || (code = weir_ring_create(NOTES, &s->notes)) != WEIR_OK)
        return weir_fail(error, code, "%zu batches: %s", batches, weir_err_text(code));
    return weir_sensor_end_open(&config->transport, &s->end, error);
}

static void say_started(struct weir_sender *s)
{
    char text[4096];
    json_t *json = json_pack("{s:{s:s,s:s,s:I}}", "started", "command", s->config.command ? s->config.command : "", "version",
                             WEIR_VERSION, "time_ns", (json_int_t)weir_clock_wall_ns());
    size_t size = json ? json_dumpb(json, text, sizeof text - 1, JSON_COMPACT) : 0;
    if (size && size < sizeof text) { /* a command line that is no UTF-8, or very long, is left out */
        text[size] = 0;
        weir_sender_note(s, text, false);
    }
    json_decref(json);
}

/* What was lost with a boot: rows that were in no frame of the outbox yet. */
static void say_lost(const struct weir_sender *s, uint64_t boot, int64_t *rows, char *detail, size_t size)
{
    struct weir_tally_left left;
    *rows = -1;
    snprintf(detail, size, "its active flows and open batches are lost; how much that was is not known");
    if (!s->config.state || !weir_tally_read(s->config.state, s->who.sensor, boot, &left))
        return;
    if (left.doubt_rows && weir_outbox_after(s->outbox, boot, left.doubt_lane) > left.doubt_seq)
        left.accepted += left.doubt_rows;
    *rows = (int64_t)(left.rows - left.accepted);
    snprintf(detail, size,
             "of %" PRIu64 " rows %" PRIu64 " were in open batches, or on their way to its outbox; these are lost, and %" PRIu64
             " active flows",
             left.rows, left.rows - left.accepted, left.flows);
}

/* Boots that were killed: the collector only guesses it, from the next boot's first sign. They are told of until that is in the
 * outbox, as this boot may be killed, too. Before the thread starts. */
static weir_err say_killed(struct weir_sender *s, struct weir_error *error)
{
    char text[400], detail[200];
    int64_t rows;
    uint64_t boot = s->who.untold;
    for (; boot < s->who.boot && !s->pending; boot++) {
        say_lost(s, boot, &rows, detail, sizeof detail);
        snprintf(text, sizeof text,
                 "{\"outage\":{\"what\":\"sensor\",\"reason\":\"killed\",\"boot\":%" PRIu64 ",\"began_ns\":%" PRId64
                 ",\"ended_ns\":%" PRId64 ",\"withheld\":%" PRId64 ",\"detail\":\"%s\"}}",
                 boot, s->who.last_alive, weir_clock_wall_ns(), rows, detail);
        take_note(s, text, false);
    }
    if (boot < s->who.boot || s->pending) /* without room, the next start tells of them */
        return WEIR_OK;
    weir_err code = weir_identity_told(s->identity, error);
    for (boot = s->who.untold; code == WEIR_OK && s->config.state && boot < s->who.boot; boot++)
        weir_tally_remove(s->config.state, boot);
    return code;
}

/* Without a tally all goes on; only a kill would leave less behind. */
static void open_tally(struct weir_sender *s)
{
    struct weir_error error = {0};
    if (s->config.state && weir_tally_open(s->config.state, s->who.sensor, s->who.boot, &s->tally, &error) != WEIR_OK)
        weir_log(WEIR_LOG_WARNING, "%s; should this sensor be killed, nobody knows how many rows are lost", error.text);
}

weir_err weir_sender_start(const struct weir_sender_config *config, struct weir_sender **out, struct weir_error *error)
{
    *out = NULL;
    struct weir_sender *s = calloc(1, sizeof *s);
    if (!s)
        return weir_fail(error, WEIR_ERR_MEMORY, "sender: out of memory");
    s->config = *config;
    if (!s->config.drain_timeout_ns)
        s->config.drain_timeout_ns = 60 * second;
    pthread_mutex_init(&s->lock, NULL);
    atomic_init(&s->deadline_ns, INT64_MAX);
    atomic_init(&s->service_ns, config->budget_ns / 2);
    weir_err code = open_all(s, error);
    if (code == WEIR_OK)
        code = say_killed(s, error);
    if (code == WEIR_OK)
        open_tally(s);
    if (code != WEIR_OK) {
        weir_sender_free(&s);
        return code;
    }
    publish(s);
    say_started(s);
    if (pthread_create(&s->thread, NULL, sender_run, s)) {
        weir_sender_free(&s);
        return weir_fail(error, WEIR_ERR_LIMIT, "cannot start the sender's thread");
    }
    s->started = true;
    *out = s;
    return WEIR_OK;
}

struct weir_pool *weir_sender_pool(struct weir_sender *sender)
{
    return sender->pool;
}

const struct weir_who *weir_sender_who(const struct weir_sender *sender)
{
    return &sender->who;
}

struct weir_tally *weir_sender_tally(struct weir_sender *sender)
{
    return sender->tally;
}

const atomic_int_fast64_t *weir_sender_service(const struct weir_sender *sender)
{
    return &sender->service_ns;
}

bool weir_sender_push(void *sender, struct weir_batch *batch)
{
    return weir_ring_push(((struct weir_sender *)sender)->ring, batch);
}

void weir_sender_note(struct weir_sender *sender, const char *text, bool now_only)
{
    size_t bytes = strlen(text) + 1;
    struct note *note = malloc(sizeof *note + bytes);
    if (!note)
        return;
    note->now_only = now_only;
    memcpy(note->text, text, bytes);
    if (!(now_only ? weir_ring_try_push(sender->notes, note) : weir_ring_push(sender->notes, note)))
        free(note);
}

bool weir_sender_failed(struct weir_sender *sender)
{
    return atomic_load_explicit(&sender->failed, memory_order_acquire);
}

weir_err weir_sender_status(struct weir_sender *sender, struct weir_error *error)
{
    pthread_mutex_lock(&sender->lock);
    weir_err code = sender->failure.code;
    if (code != WEIR_OK && error)
        *error = sender->failure;
    pthread_mutex_unlock(&sender->lock);
    return code;
}

bool weir_sender_trouble(struct weir_sender *sender, char *text, size_t size)
{
    pthread_mutex_lock(&sender->lock);
    const struct weir_outbox_account *account = &sender->outbox_account;
    bool troubled = sender->troubled || sender->full;
    if (sender->full)
        snprintf(text, size, "%s, %" PRIu64 " batches wait: %s",
                 account->disk_full ? "the state folder's disk is full" : "the outbox is full", account->held,
                 sender->troubled ? sender->trouble : "the workers or the collector do not keep up");
    else if (troubled)
        snprintf(text, size, "%s", sender->trouble);
    pthread_mutex_unlock(&sender->lock);
    return troubled;
}

uint64_t weir_sender_held(struct weir_sender *sender)
{
    pthread_mutex_lock(&sender->lock);
    uint64_t held = sender->outbox_account.held;
    pthread_mutex_unlock(&sender->lock);
    return held;
}

void weir_sender_stop(struct weir_sender *sender)
{
    int64_t never = INT64_MAX;
    atomic_compare_exchange_strong(&sender->deadline_ns, &never, weir_clock_mono_ns() + sender->config.drain_timeout_ns);
}

void weir_sender_give_up(struct weir_sender *sender)
{
    atomic_store(&sender->deadline_ns, INT64_MIN);
}

void weir_sender_account(struct weir_sender *sender, struct weir_account *account)
{
    pthread_mutex_lock(&sender->lock);
    account->remote.used = true;
    account->remote.full = sender->full;
    account->remote.outbox = sender->outbox_account;
    account->remote.queue = sender->transport_account;
    account->remote.refused_rows = sender->refused_shown;
    account->remote.notes_left_out = sender->notes_left_out_shown;
    account->remote.budget_ns = sender->config.budget_ns;
    account->remote.service_ns = atomic_load_explicit(&sender->service_ns, memory_order_relaxed);
    pthread_mutex_unlock(&sender->lock);
    const struct weir_outbox_account *outbox = &account->remote.outbox;
    account->store.committed = outbox->committed_rows - outbox->committed_former_rows;
    account->rows.scored = account->store.committed;
}

weir_err weir_sender_finish(struct weir_sender *s, const char *closed, struct weir_error *error)
{
    if (s->started) {
        if (closed)
            weir_sender_note(s, closed, false);
        weir_sender_stop(s);
        atomic_store_explicit(&s->finishing, true, memory_order_release);
        pthread_join(s->thread, NULL);
        s->started = false;
        weir_pool_close(s->pool);
    }
    weir_err code = weir_sender_status(s, error);
    if (code != WEIR_OK)
        return code;
    if ((code = weir_identity_ended(s->identity, error)) != WEIR_OK)
        return code;
    s->ended = true;
    uint64_t left = s->outbox_account.held, rows = s->outbox_account.held_rows + s->refused_rows;
    const char *why = s->troubled ? s->trouble : "no mark has come for them";
    if ((left || s->refused_rows) && s->config.state)
        return weir_fail(error, WEIR_ERR_AGAIN,
                         "%" PRIu64 " batches (%" PRIu64
                         " rows) are not committed: %s; %s/outbox keeps those it has room for: start a "
                         "sensor with this --state to send them",
                         left, rows, why, s->config.state);
    if (left || s->refused_rows)
        return weir_fail(error, WEIR_ERR_AGAIN,
                         "%" PRIu64 " batches (%" PRIu64
                         " rows) are not committed: %s; they are lost, as there is no state folder "
                         "(--state)",
                         left, rows, why);
    return WEIR_OK;
}

void weir_sender_free(struct weir_sender **sender)
{
    if (!sender || !*sender)
        return;
    struct weir_sender *s = *sender;
    if (s->started) {
        atomic_store(&s->deadline_ns, INT64_MIN);
        pthread_join(s->thread, NULL);
    }
    weir_sensor_end_close(&s->end, second);
    weir_outbox_close(&s->outbox);
    weir_tally_close(&s->tally, s->ended);
    weir_identity_close(&s->identity);
    if (s->notes)
        for (struct note *note; weir_ring_close(s->notes), (note = weir_ring_pop(s->notes, 0));)
            free(note);
    weir_ring_destroy(&s->notes);
    weir_ring_destroy(&s->ring);
    weir_pool_destroy(&s->pool);
    pthread_mutex_destroy(&s->lock);
    free(s);
    *sender = NULL;
}
