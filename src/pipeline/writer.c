#include "pipeline/writer.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "pipeline/classes.h"
#include "store/outage.h"

static const int64_t LOOK_NS = 1000000000; /* between looks for room */

/* Where the disk is full: what is not kept, and since when. */
struct gap {
    bool open;
    int64_t began_ns, ended_ns; /* wall clock; began_ns 0: there is none */
    uint64_t lost;              /* verdicts or lines */
    weir_err refused;           /* how the last try to end it failed */
};

/* What has been taken. */
struct tally {
    uint64_t rows, batches, notes, alerts, class_rows[WEIR_CLASSES_SHOWN];
    struct weir_histogram decision;
    struct weir_stages stages;
    uint64_t degraded;                              /* rows that are not kept under pressure, as they are no alerts */
    uint64_t unexplained;                           /* alerts whose explanation was skipped under pressure */
    struct weir_alert_line line[WEIR_ALERTS_SHOWN]; /* newest at (lines - 1) % WEIR_ALERTS_SHOWN */
    uint64_t lines;
};

struct weir_writer {
    struct weir_writer_config config;
    /* the thread's own */
    struct gap store_gap, eve_gap; /* an EVE gap that has ended waits for the store to take its row */
    int64_t look_at_ns, lake_at_ns;
    char lake_trouble[200]; /* "": none */
    bool uncommitted;       /* something has been taken since the last commit */
    struct tally kept;      /* as of the last commit, where the rest comes again */
    int64_t *pending;       /* closing times of the rows that are appended but not committed */
    uint64_t pending_rows, pending_room;
    struct scored {
        int64_t ns; /* when the last row of a batch was judged */
        uint32_t rows;
    } * scored; /* of the batches whose rows are pending; room for as many as rows */
    uint64_t scored_batches;
    int64_t commit_at_ns;            /* when that is to be committed */
    struct weir_class_places places; /* in class_rows */
    /* shared, under the lock */
    pthread_mutex_t lock;
    struct weir_error failure; /* code WEIR_OK: none */
    uint64_t committed, withheld, rejected[WEIR_REJECTED_COUNT];
    uint64_t returned, returned_frames; /* taken back */
    enum weir_rejected reason;          /* of the failure */
    struct weir_eve_account eve;
    char trouble[300]; /* "": none */
    char class_name[WEIR_CLASSES_SHOWN][WEIR_CLASS_NAME];
    struct weir_histogram durable;
    struct tally tally;
    char *health; /* JSON that waits to be stored, or NULL */
    bool limited; /* these wait to be handed to the store */
    uint64_t rotate_bytes;
    struct weir_retention retention;
};

weir_err weir_writer_create(const struct weir_writer_config *config, struct weir_writer **out)
{
    *out = NULL;
    struct weir_writer *writer = calloc(1, sizeof *writer);
    if (!writer)
        return WEIR_ERR_MEMORY;
    writer->config = *config;
    writer->pending_room = config->commit_rows + WEIR_BATCH_ROWS;
    writer->pending = calloc(writer->pending_room, sizeof *writer->pending);
    writer->scored = calloc(writer->pending_room, sizeof *writer->scored);
    if (!writer->pending || !writer->scored) {
        free(writer->pending);
        free(writer->scored);
        free(writer);
        return WEIR_ERR_MEMORY;
    }
    pthread_mutex_init(&writer->lock, NULL);
    *out = writer;
    return WEIR_OK;
}

void weir_writer_destroy(struct weir_writer **writer)
{
    if (!writer || !*writer)
        return;
    pthread_mutex_destroy(&(*writer)->lock);
    free((*writer)->health);
    free((*writer)->pending);
    free((*writer)->scored);
    free(*writer);
    *writer = NULL;
}

static bool failed(const struct weir_writer *writer) /* only the writer's thread changes it, so it may read it without the lock */
{
    return writer->failure.code != WEIR_OK;
}

/* EVE's counts; how many lines it has lost since the last time. */
static uint64_t read_eve(struct weir_writer *writer)
{
    uint64_t before = writer->eve.lost; /* nobody else changes it */
    struct weir_eve_account account = weir_eve_account(writer->config.eve);
    pthread_mutex_lock(&writer->lock);
    writer->eve = account;
    pthread_mutex_unlock(&writer->lock);
    return account.lost - before;
}

static bool comes_again(const struct weir_writer *writer)
{
    return writer->config.source.committed;
}

/* All since the last commit is as if it had never come. */
static void take_back(struct weir_writer *writer)
{
    writer->pending_rows = writer->scored_batches = 0;
    writer->uncommitted = false;
    if (writer->config.eve)
        weir_eve_take_back(writer->config.eve);
    pthread_mutex_lock(&writer->lock);
    const struct tally *tally = &writer->tally, *kept = &writer->kept;
    writer->returned += tally->rows - kept->rows;
    writer->returned_frames += tally->batches - kept->batches + tally->notes - kept->notes;
    writer->tally = writer->kept;
    pthread_mutex_unlock(&writer->lock);
}

static void fail(struct weir_writer *writer, const struct weir_error *error, enum weir_rejected reason)
{
    bool full = error->code == WEIR_ERR_FULL;
    if (comes_again(writer))
        take_back(writer);
    pthread_mutex_lock(&writer->lock);
    if (!failed(writer)) {
        weir_fail(&writer->failure, error->code, "%s%s", error->text,
                  !full || writer->config.on_full != WEIR_ON_FULL_STOP ? ""
                  : comes_again(writer)                                ? "; --on-full withhold waits for room"
                                                                       : "; --on-full withhold goes on without it");
        writer->reason = full ? WEIR_REJECTED_FULL : reason;
    }
    pthread_mutex_unlock(&writer->lock);
    /* no row and no line after those that are committed */
    if (writer->config.store)
        weir_store_drop(writer->config.store);
    if (writer->config.eve) {
        weir_eve_drop(writer->config.eve);
        read_eve(writer);
    }
}

/* Rows that the store does not get. */
static void miss(struct weir_writer *writer, uint64_t rows)
{
    pthread_mutex_lock(&writer->lock);
    if (failed(writer)) {
        writer->rejected[writer->reason] += rows;
    } else {
        writer->withheld += rows;
        writer->store_gap.lost += rows;
    }
    pthread_mutex_unlock(&writer->lock);
}

static bool goes_on(const struct weir_writer *writer, weir_err code)
{
    return code == WEIR_ERR_FULL && writer->config.on_full == WEIR_ON_FULL_WITHHOLD;
}

/* What the status says. */
static void tell_trouble(struct weir_writer *writer)
{
    const struct gap *store = &writer->store_gap, *eve = &writer->eve_gap;
    pthread_mutex_lock(&writer->lock);
    writer->trouble[0] = 0;
    if (store->open && comes_again(writer))
        snprintf(writer->trouble, sizeof writer->trouble,
                 "the store's disk is full: nothing is taken, sensors keep their batches");
    else if (store->open)
        snprintf(writer->trouble, sizeof writer->trouble, "the store's disk is full: %" PRIu64 " verdicts withheld%s",
                 store->lost, eve->open ? "; no room for EVE either" : "");
    else if (eve->open)
        snprintf(writer->trouble, sizeof writer->trouble, "EVE's disk is full: %" PRIu64 " lines lost", eve->lost);
    else if (*writer->lake_trouble)
        snprintf(writer->trouble, sizeof writer->trouble, "the lake is behind the store: %s", writer->lake_trouble);
    pthread_mutex_unlock(&writer->lock);
}

static void open_gap(struct gap *gap)
{
    gap->open = true;
    gap->ended_ns = 0;
    if (!gap->began_ns)
        gap->began_ns = weir_clock_wall_ns();
}

/* The store has failed and rolled back: its pending rows are lost, and `more` that it has not taken. */
static void lose_store(struct weir_writer *writer, const struct weir_error *error, uint64_t more)
{
    uint64_t rows = comes_again(writer) ? 0 : writer->pending_rows + more;
    writer->pending_rows = writer->scored_batches = 0;
    if (!goes_on(writer, error->code)) {
        fail(writer, error, WEIR_REJECTED_STORE);
    } else if (!writer->store_gap.open) {
        open_gap(&writer->store_gap);
        weir_log(WEIR_LOG_WARNING,
                 comes_again(writer) ? "%s; nothing is taken until there is room: sensors keep what is not committed"
                                     : "%s; verdicts are withheld and counted until there is room",
                 error->text);
    }
    if (comes_again(writer))
        take_back(writer);
    miss(writer, rows);
    tell_trouble(writer);
}

/* After everything that EVE was asked for: its counts, and what to do about a failure. */
static void settle_eve(struct weir_writer *writer, weir_err code, const struct weir_error *error)
{
    if (code != WEIR_OK && !goes_on(writer, code)) {
        fail(writer, error, WEIR_REJECTED_EVE);
    } else if (code != WEIR_OK && !writer->eve_gap.open) {
        open_gap(&writer->eve_gap);
        weir_log(WEIR_LOG_WARNING, "%s; lines are lost and counted until there is room", error->text);
    }
    uint64_t lost = read_eve(writer);
    writer->eve_gap.lost += writer->eve_gap.open ? lost : 0;
}

static bool has_store(const struct weir_writer *writer) /* that takes rows */
{
    return writer->config.store && !failed(writer) && !writer->store_gap.open;
}

static void commit(struct weir_writer *writer)
{
    struct weir_error error = {0};
    weir_err code;
    if (has_store(writer) && weir_store_commit(writer->config.store, NULL, &error) != WEIR_OK)
        lose_store(writer, &error, 0);
    if (failed(writer)) { /* EVE's failure */
        miss(writer, writer->pending_rows);
        writer->pending_rows = writer->scored_batches = 0;
    }
    int64_t now = weir_clock_mono_ns();
    pthread_mutex_lock(&writer->lock);
    writer->committed += writer->pending_rows;
    for (uint64_t i = 0; i < writer->pending_rows; i++)
        weir_histogram_add(&writer->durable, now - writer->pending[i], 1);
    for (uint64_t i = 0; writer->pending_rows && i < writer->scored_batches; i++)
        weir_histogram_add(&writer->tally.stages.ns[WEIR_STAGE_STORE], now - writer->scored[i].ns, writer->scored[i].rows);
    pthread_mutex_unlock(&writer->lock);
    writer->pending_rows = writer->scored_batches = 0;
    writer->uncommitted = false;
    if (comes_again(writer) && has_store(writer)) {
        if (writer->config.eve)
            weir_eve_lose(writer->config.eve, writer->tally.degraded - writer->kept.degraded);
        writer->kept = writer->tally; /* only this thread changes it */
        writer->config.source.committed(writer->config.source.context);
    }
    /* after the commit: a reader of EVE never sees what the store does not have, but for what a full disk withholds from it */
    if (!failed(writer) && writer->config.eve) {
        code = weir_eve_flush(writer->config.eve, &error);
        settle_eve(writer, code, &error);
    }
    tell_trouble(writer);
}

static void remember_alerts(struct weir_writer *writer, const struct weir_verdicts *verdicts)
{
    unsigned shown = verdicts->alerts < WEIR_ALERTS_SHOWN ? verdicts->alerts : WEIR_ALERTS_SHOWN;
    for (unsigned i = verdicts->alerts - shown; i < verdicts->alerts; i++) {
        const struct weir_alert_causes *causes = &verdicts->causes[i];
        const struct weir_identity *id = &verdicts->batch->identity[causes->row];
        char src[INET6_ADDRSTRLEN] = "", dst[INET6_ADDRSTRLEN] = "", port[8] = "";
        int family = id->ip_version == 4 ? AF_INET : AF_INET6;
        inet_ntop(family, id->src, src, sizeof src);
        inet_ntop(family, id->dst, dst, sizeof dst);
        if (id->ports)
            snprintf(port, sizeof port, " %u", id->dport);
        struct weir_alert_line *line = &writer->tally.line[writer->tally.lines++ % WEIR_ALERTS_SHOWN];
        int n =
            snprintf(line->text, sizeof line->text, "%s %s > %s%s %.2f", verdicts->classes[verdicts->class_index[causes->row]],
                     src, dst, port, (double)verdicts->score[causes->row]);
        if (causes->count && n > 0 && (size_t)n < sizeof line->text)
            snprintf(line->text + n, sizeof line->text - (size_t)n, " (%s %.4g)", verdicts->columns[causes->cause[0].column],
                     (double)causes->cause[0].value);
    }
}

static void count(struct weir_writer *writer, const struct weir_verdicts *verdicts)
{
    const struct weir_batch *batch = verdicts->batch;
    pthread_mutex_lock(&writer->lock);
    weir_classes_follow(&writer->places, writer->class_name, verdicts);
    struct tally *tally = &writer->tally;
    tally->rows += batch->rows;
    tally->batches++;
    tally->alerts += verdicts->alerts;
    tally->unexplained += verdicts->brief ? verdicts->alerts : 0;
    weir_stages_add(&tally->stages, verdicts);
    weir_classes_count(&writer->places, tally->class_rows, verdicts);
    for (unsigned r = 0; r < batch->rows; r++)
        weir_histogram_add(&tally->decision, verdicts->scored_ns[r] - batch->closed_ns[r], 1);
    if (verdicts->alerts)
        remember_alerts(writer, verdicts);
    pthread_mutex_unlock(&writer->lock);
}

static void take_eve(struct weir_writer *writer, const struct weir_verdicts *verdicts)
{
    struct weir_error error = {0};
    weir_err code = WEIR_OK;
    if (failed(writer) || writer->eve_gap.open)
        weir_eve_skip(writer->config.eve, verdicts);
    else
        code = weir_eve_append(writer->config.eve, verdicts, &error);
    settle_eve(writer, code, &error);
}

/* Under pressure: leaves only the alerts in the batch, which is this thread's until it is given back. Returns how many rows go.
 */
static uint64_t keep_alerts(struct weir_writer *writer, struct weir_verdicts *verdicts)
{
    struct weir_batch *batch = verdicts->batch;
    uint64_t dropped = batch->rows - verdicts->alerts;
    for (unsigned i = 0; i < verdicts->alerts; i++) { /* in the order of the rows */
        unsigned row = verdicts->causes[i].row;
        batch->identity[i] = batch->identity[row];
        batch->closed_ns[i] = batch->closed_ns[row];
        verdicts->score[i] = verdicts->score[row];
        verdicts->class_index[i] = verdicts->class_index[row];
        verdicts->alert[i] = true;
        verdicts->scored_ns[i] = verdicts->scored_ns[row];
        verdicts->causes[i].row = (uint16_t)i;
    }
    batch->rows = (uint16_t)verdicts->alerts;
    if (writer->config.eve && !comes_again(writer)) /* there with the commit */
        weir_eve_lose(writer->config.eve, dropped);
    pthread_mutex_lock(&writer->lock);
    writer->tally.degraded += dropped;
    pthread_mutex_unlock(&writer->lock);
    return dropped;
}

/* The batch into the store, and what it lacks: `dropped` rows and, under pressure, reasons. */
static weir_err put(struct weir_writer *writer, const struct weir_verdicts *verdicts, uint64_t dropped, struct weir_error *error)
{
    const uint64_t unexplained = verdicts->brief ? verdicts->alerts : 0;
    weir_err code = has_store(writer) ? weir_store_append(writer->config.store, verdicts, error) : WEIR_OK;
    if (code == WEIR_OK && writer->config.store && !failed(writer) && (dropped || unexplained))
        code = weir_store_degrade(writer->config.store, verdicts, dropped, unexplained, error);
    return code;
}

static void take(struct weir_writer *writer, struct weir_verdicts *verdicts)
{
    struct weir_error error = {0};
    const struct weir_batch *batch = verdicts->batch;
    uint64_t dropped = 0;
    bool lost = false; /* and counted as such */
    const bool counted = verdicts->alerts_only || comes_again(writer);
    if (counted)
        count(writer, verdicts); /* a failure takes it back where it comes again */
    if (verdicts->alerts_only)
        dropped = keep_alerts(writer, verdicts);
    if (put(writer, verdicts, dropped, &error) != WEIR_OK) {
        lose_store(writer, &error, batch->rows);
        lost = true;
        if (comes_again(writer))
            return;
    }
    if (writer->config.publish)
        weir_publish_verdicts(writer->config.publish, verdicts);
    if (writer->config.eve)
        take_eve(writer, verdicts);
    if (!counted)
        count(writer, verdicts);
    else if (comes_again(writer) && failed(writer))
        return;
    if (!writer->uncommitted)
        writer->commit_at_ns = weir_clock_mono_ns() + writer->config.commit_interval_ns;
    writer->uncommitted = true;
    if (failed(writer) || writer->store_gap.open) {
        miss(writer, lost ? 0 : batch->rows);
        return;
    }
    memcpy(writer->pending + writer->pending_rows, batch->closed_ns, batch->rows * sizeof *writer->pending);
    writer->pending_rows += batch->rows;
    if (batch->rows)
        writer->scored[writer->scored_batches++] = (struct scored){verdicts->scored_ns[batch->rows - 1], batch->rows};
}

static void take_note(struct weir_writer *writer, const struct weir_note *note)
{
    struct weir_error error = {0};
    pthread_mutex_lock(&writer->lock);
    writer->tally.notes++;
    pthread_mutex_unlock(&writer->lock);
    if (weir_store_note(writer->config.store, note, &error) != WEIR_OK) {
        lose_store(writer, &error, 0);
        return;
    }
    if (!writer->uncommitted)
        writer->commit_at_ns = weir_clock_mono_ns() + writer->config.commit_interval_ns;
    writer->uncommitted = true;
}

static void store_health(struct weir_writer *writer)
{
    pthread_mutex_lock(&writer->lock);
    char *json = writer->health;
    writer->health = NULL;
    pthread_mutex_unlock(&writer->lock);
    struct weir_error error = {0};
    if (json && has_store(writer) && weir_store_health(writer->config.store, weir_clock_wall_ns(), json, &error) != WEIR_OK)
        lose_store(writer, &error, 0);
    free(json);
}

void weir_writer_limit(struct weir_writer *writer, uint64_t rotate_bytes, const struct weir_retention *retention)
{
    pthread_mutex_lock(&writer->lock);
    writer->limited = true;
    writer->rotate_bytes = rotate_bytes;
    writer->retention = *retention;
    pthread_mutex_unlock(&writer->lock);
}

static void limit(struct weir_writer *writer)
{
    pthread_mutex_lock(&writer->lock);
    bool limited = writer->limited;
    uint64_t rotate_bytes = writer->rotate_bytes;
    struct weir_retention retention = writer->retention;
    writer->limited = false;
    pthread_mutex_unlock(&writer->lock);
    if (limited && writer->config.store)
        weir_store_limit(writer->config.store, rotate_bytes, &retention);
}

/* Between two transactions: a store in a folder goes on in its next file when that is due. A health row alone is committed here.
 */
static void rotate(struct weir_writer *writer)
{
    struct weir_error error = {0};
    bool rotated;
    if (has_store(writer) && (weir_store_commit(writer->config.store, NULL, &error) != WEIR_OK ||
                              weir_store_rotate(writer->config.store, &rotated, &error) != WEIR_OK))
        lose_store(writer, &error, 0);
}

/* The lake may be behind; the store goes on. */
static void write_lake(struct weir_writer *writer)
{
    struct weir_error error = {0};
    bool before = *writer->lake_trouble;
    if (!has_store(writer) || weir_clock_mono_ns() < writer->lake_at_ns)
        return;
    weir_err code = weir_store_lake(writer->config.store, &error);
    if (code == WEIR_OK && !before)
        return;
    if (code == WEIR_OK)
        weir_log(WEIR_LOG_INFO, "the lake is written again");
    else if (!before)
        weir_log(WEIR_LOG_WARNING, "%s; the lake is behind the store until this works", error.text);
    writer->lake_at_ns = code == WEIR_OK ? 0 : weir_clock_mono_ns() + 10 * LOOK_NS;
    snprintf(writer->lake_trouble, sizeof writer->lake_trouble, "%.190s", error.text);
    tell_trouble(writer);
}

/* --- a full disk --- */

static weir_err put_outage(struct weir_writer *writer, const char *what, const struct gap *gap, struct weir_error *error)
{
    const struct weir_outage row = {.what = what,
                                    .reason = "disk full",
                                    .began_ns = gap->began_ns,
                                    .ended_ns = gap->ended_ns,
                                    .withheld = (int64_t)gap->lost};
    weir_err code = weir_store_outage(writer->config.store, &row, error);
    return code == WEIR_OK ? weir_store_commit(writer->config.store, NULL, error) : code;
}

/* Opens the store anew. Rows of a commit that failed may be there all the same. */
static weir_err reopen(struct weir_writer *writer, struct weir_error *error)
{
    int64_t found;
    weir_err code = weir_store_reopen(writer->config.store, &found, error);
    if (code != WEIR_OK || !found)
        return code;
    pthread_mutex_lock(&writer->lock);
    writer->committed += (uint64_t)found;
    if (comes_again(writer)) {
        writer->tally.rows += (uint64_t)found;
        writer->kept.rows += (uint64_t)found;
        writer->returned -= (uint64_t)found;
    } else {
        writer->withheld -= (uint64_t)found;
        writer->store_gap.lost -= (uint64_t)found;
    }
    pthread_mutex_unlock(&writer->lock);
    return WEIR_OK;
}

/* The row about the gap is the first that is written again: it proves that there is room. */
static void resume_store(struct weir_writer *writer)
{
    struct gap *gap = &writer->store_gap;
    struct weir_error error = {0};
    weir_err code = WEIR_ERR_FULL;
    gap->ended_ns = weir_clock_wall_ns();
    if (weir_store_is_open(writer->config.store))
        code = put_outage(writer, "store", gap, &error);
    if (code != WEIR_OK && (code = reopen(writer, &error)) == WEIR_OK)
        code = put_outage(writer, "store", gap, &error);
    if (code != WEIR_OK) {
        gap->ended_ns = 0;
        if (code != gap->refused && code != WEIR_ERR_FULL) /* there is room, but something else is wrong now */
            weir_log(WEIR_LOG_WARNING, "%s; verdicts are withheld as before", error.text);
        gap->refused = code;
        return;
    }
    const char *room = weir_store_has_room(writer->config.store) ? "there is room again" : "room for the last words";
    double seconds = (double)(gap->ended_ns - gap->began_ns) / 1e9;
    if (comes_again(writer))
        weir_log(WEIR_LOG_INFO, "%s: %s; nothing was taken for %.0f s, table outages has a row",
                 weir_store_path(writer->config.store), room, seconds);
    else
        weir_log(WEIR_LOG_INFO, "%s: %s; %" PRIu64 " verdicts were withheld in %.0f s, table outages has a row",
                 weir_store_path(writer->config.store), room, gap->lost, seconds);
    *gap = (struct gap){0};
    tell_trouble(writer);
}

static void resume_eve(struct weir_writer *writer)
{
    struct gap *gap = &writer->eve_gap;
    gap->open = false;
    gap->ended_ns = weir_clock_wall_ns();
    weir_log(WEIR_LOG_INFO, "EVE: there is room again; %" PRIu64 " lines were lost in %.0f s", gap->lost,
             (double)(gap->ended_ns - gap->began_ns) / 1e9);
    tell_trouble(writer);
}

/* EVE's gap, once it has ended or nothing can come any more. */
static void keep_eve_gap(struct weir_writer *writer)
{
    struct weir_error error = {0};
    if (!writer->eve_gap.began_ns || !has_store(writer))
        return;
    if (put_outage(writer, "eve", &writer->eve_gap, &error) == WEIR_OK)
        writer->eve_gap = (struct gap){0};
    else
        lose_store(writer, &error, 0);
}

/* With nothing uncommitted. A retention by size gives old files up before new verdicts, and well before the disk is full. */
static void look_for_room(struct weir_writer *writer)
{
    struct weir_error error = {0};
    struct weir_store *store = writer->config.store;
    if (failed(writer))
        return;
    if (store && weir_store_make_room(store, 4 * WEIR_STORE_ROOM, &error) != WEIR_OK)
        weir_log(WEIR_LOG_WARNING, "%s", error.text);
    if (writer->store_gap.open && weir_store_has_room(store))
        resume_store(writer);
    if (writer->eve_gap.open && weir_eve_has_room(writer->config.eve))
        resume_eve(writer);
    if (!writer->eve_gap.open)
        keep_eve_gap(writer);
    writer->look_at_ns = weir_clock_mono_ns() + LOOK_NS;
}

/* The end of the run: what is open stays so. */
static void close_gaps(struct weir_writer *writer)
{
    struct weir_error error = {0};
    uint64_t room = 0;
    look_for_room(writer);
    if (writer->store_gap.open && !failed(writer)) /* little is needed for what is left to say */
        resume_store(writer);
    keep_eve_gap(writer);
    if (!writer->store_gap.open || failed(writer))
        return;
    weir_store_room(writer->config.store, &room);
    if (comes_again(writer))
        weir_fail(&error, WEIR_ERR_FULL,
                  "%s: its disk was full to the end (%" PRIu64
                  " bytes are free); what is not committed is with the sensors: make room and start again",
                  weir_store_path(writer->config.store), room);
    else
        weir_fail(&error, WEIR_ERR_FULL,
                  "%s: its disk was full to the end (%" PRIu64 " bytes are free): %" PRIu64
                  " verdicts were withheld; make room, or give --store elsewhere",
                  weir_store_path(writer->config.store), room, writer->store_gap.lost);
    fail(writer, &error, WEIR_REJECTED_FULL);
}

void *weir_writer_run(void *argument)
{
    struct weir_writer *writer = argument;
    const struct weir_writer_source *source = &writer->config.source;
    const struct weir_error no_room = {.code = WEIR_ERR_FULL, .text = "the store's disk is full at the start"};
    if (writer->config.store && !weir_store_is_open(writer->config.store))
        lose_store(writer, &no_room, 0);
    for (;;) {
        int64_t wait = LOOK_NS;
        if (writer->uncommitted) {
            wait = writer->commit_at_ns - weir_clock_mono_ns();
            wait = wait > 0 ? wait : 0;
        }
        struct weir_writer_item item = {0};
        if (comes_again(writer) && writer->store_gap.open) {
            source->rest(source->context, LOOK_NS);
            if (source->ended(source->context))
                break;
        } else if (source->take(source->context, wait, &item)) {
            if (item.note)
                take_note(writer, item.note);
            else
                take(writer, item.verdicts);
            if (item.verdicts)
                source->give(source->context, item.verdicts);
        } else if (source->ended(source->context)) {
            break;
        }
        if (comes_again(writer) && failed(writer))
            break;
        store_health(writer);
        bool pressed = writer->uncommitted && source->pressed && source->pressed(source->context);
        if (writer->pending_rows >= writer->config.commit_rows || pressed ||
            (writer->uncommitted && weir_clock_mono_ns() >= writer->commit_at_ns))
            commit(writer);
        if (!writer->uncommitted) {
            limit(writer);
            rotate(writer);
            write_lake(writer);
            if (weir_clock_mono_ns() >= writer->look_at_ns)
                look_for_room(writer);
        }
    }
    store_health(writer);
    commit(writer);
    close_gaps(writer);
    return NULL;
}

void weir_writer_account(struct weir_writer *writer, struct weir_account *account)
{
    pthread_mutex_lock(&writer->lock);
    account->store.committed = writer->committed;
    account->store.withheld = writer->withheld;
    account->store.degraded = writer->tally.degraded;
    account->stages = writer->tally.stages;
    account->unexplained = writer->tally.unexplained;
    memcpy(account->store.rejected, writer->rejected, sizeof account->store.rejected);
    account->eve.lines = writer->eve.lines;
    account->eve.lost = writer->eve.lost;
    account->rows.scored = writer->tally.rows;
    account->publishes = writer->config.publish;
    if (writer->config.publish)
        account->published = weir_publish_sent(writer->config.publish);
    account->alerts = writer->tally.alerts;
    account->batches = writer->tally.batches;
    memcpy(account->class_name, writer->class_name, sizeof account->class_name);
    memcpy(account->class_rows, writer->tally.class_rows, sizeof account->class_rows);
    account->decision_ns = writer->tally.decision;
    account->durable_ns = writer->durable;
    pthread_mutex_unlock(&writer->lock);
}

void weir_writer_collected(struct weir_writer *writer, struct weir_collected *out)
{
    pthread_mutex_lock(&writer->lock);
    out->batches = writer->tally.batches;
    out->notes = writer->tally.notes;
    out->returned = writer->returned_frames;
    out->returned_rows = writer->returned;
    pthread_mutex_unlock(&writer->lock);
}

unsigned weir_writer_alerts(struct weir_writer *writer, struct weir_alert_line *lines)
{
    pthread_mutex_lock(&writer->lock);
    unsigned n = writer->tally.lines < WEIR_ALERTS_SHOWN ? (unsigned)writer->tally.lines : WEIR_ALERTS_SHOWN;
    for (unsigned i = 0; i < n; i++)
        lines[i] = writer->tally.line[(writer->tally.lines - 1 - i) % WEIR_ALERTS_SHOWN];
    pthread_mutex_unlock(&writer->lock);
    return n;
}

void weir_writer_health(struct weir_writer *writer, const char *account_json)
{
    char *copy = strdup(account_json);
    pthread_mutex_lock(&writer->lock);
    char *old = writer->health; /* the writer was too busy to store it: the newer one says more */
    writer->health = copy;
    pthread_mutex_unlock(&writer->lock);
    free(old);
}

weir_err weir_writer_status(struct weir_writer *writer, struct weir_error *error)
{
    pthread_mutex_lock(&writer->lock);
    weir_err code = writer->failure.code;
    if (code != WEIR_OK && error)
        *error = writer->failure;
    pthread_mutex_unlock(&writer->lock);
    return code;
}

bool weir_writer_trouble(struct weir_writer *writer, char *text, size_t size)
{
    pthread_mutex_lock(&writer->lock);
    snprintf(text, size, "%s", writer->trouble);
    pthread_mutex_unlock(&writer->lock);
    return *text;
}
