#include "pipeline/ingest.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "batch/frame.h"
#include "queue/pull.h"

enum { OPEN_WAIT_MS = 1, IDLE_WAIT_MS = 50 }; /* for input, with and without rows that wait for their batch */

struct thread {
    struct weir_ingest *ingest;
    unsigned number;
    struct weir_batcher *batcher;
    struct weir_lines_room *room;
    struct weir_piece piece;
    float *row;
    float *block; /* 64 rows of a frame's columns */
    size_t block_columns;
    uint64_t list;    /* the column list that `gather` is for; 0: none */
    uint16_t *gather; /* where the batches' columns are in it */
    uint64_t rows, rejected[WEIR_FAULT_COUNT], shed;
    pthread_t thread;
    bool started;
    /* shared, under the ingest's lock */
    struct published {
        uint64_t rows, rejected[WEIR_FAULT_COUNT], shed, dateless;
        struct weir_batcher_account batcher;
        uint64_t *unknown; /* by field */
    } published;
};

struct weir_ingest {
    struct weir_ingest_config config;
    struct weir_ingest_start start;
    struct weir_layout *layout;
    struct weir_intake *intake;
    const struct weir_view *view;
    uint16_t *columns;
    uint16_t column_count;
    struct thread *thread;
    atomic_uint running;
    bool joined;
    pthread_mutex_t lock;
    unsigned faults; /* in `fault`, the first ones; under the lock */
    struct weir_account_fault fault[WEIR_FAULTS_SHOWN];
};

bool weir_ingest_has_threads(const struct weir_ingest_config *config)
{
    return config->input && weir_pull_is(config->input);
}

weir_err weir_ingest_open(const struct weir_ingest_config *config, const struct weir_view *view, const uint16_t *columns,
                          uint16_t column_count, struct weir_ingest **out, struct weir_error *error)
{
    *out = NULL;
    if (config->threads < 1 || config->threads > WEIR_INGEST_THREADS_MAX)
        return weir_fail(error, WEIR_ERR_ARGUMENT, "--ingest-threads %u: give 1 to %d", config->threads, WEIR_INGEST_THREADS_MAX);
    struct weir_ingest *ingest = calloc(1, sizeof *ingest);
    if (!ingest || !(ingest->columns = calloc(column_count + 1u, sizeof *columns)) ||
        !(ingest->thread = calloc(config->threads, sizeof *ingest->thread))) {
        weir_ingest_free(&ingest);
        return weir_fail(error, WEIR_ERR_MEMORY, "out of memory");
    }
    ingest->config = *config;
    ingest->view = view;
    memcpy(ingest->columns, columns, column_count * sizeof *columns);
    ingest->column_count = column_count;
    pthread_mutex_init(&ingest->lock, NULL);
    const struct weir_layout_config layout = {
        .view = view, .columns = columns, .column_count = column_count, .map = config->map, .map_count = config->map_count};
    weir_err code = weir_layout_create(&layout, &ingest->layout, error);
    if (code == WEIR_OK) {
        const struct weir_intake_config intake = {.input = config->input,
                                                  .key = config->key,
                                                  .peers = config->peers,
                                                  .peer_count = config->peer_count,
                                                  .layout = ingest->layout,
                                                  .format = config->format,
                                                  .columns = config->columns};
        code = weir_intake_open(&intake, &ingest->intake, error);
    }
    if (code != WEIR_OK)
        weir_ingest_free(&ingest);
    *out = ingest;
    return code;
}

/* --- a thread --- */

static void reject(struct thread *thread, enum weir_fault fault, uint64_t line, const char *text, size_t length)
{
    struct weir_ingest *ingest = thread->ingest;
    thread->rejected[fault]++;
    pthread_mutex_lock(&ingest->lock);
    /* the first ones of the input, whichever thread meets them */
    unsigned at = ingest->faults;
    while (at > 0 && ingest->fault[at - 1].line > line)
        at--;
    if (at < WEIR_FAULTS_SHOWN) {
        ingest->faults += ingest->faults < WEIR_FAULTS_SHOWN;
        for (unsigned i = ingest->faults - 1; i > at; i--)
            ingest->fault[i] = ingest->fault[i - 1];
        struct weir_account_fault *shown = &ingest->fault[at];
        *shown = (struct weir_account_fault){.line = line, .fault = fault};
        for (size_t i = 0; i < length && i < sizeof shown->text - 1; i++)
            shown->text[i] = (char)(text[i] >= ' ' && text[i] < 127 ? text[i] : '?');
    }
    pthread_mutex_unlock(&ingest->lock);
}

static void add(struct thread *thread, const struct weir_identity *identity)
{
    if (thread->ingest->config.shed && weir_pool_scarce(thread->ingest->start.pool))
        thread->shed++;
    else
        weir_batcher_add_row(thread->batcher, identity, thread->row, thread->piece.taken_ns);
}

static void read_lines(struct thread *thread)
{
    struct weir_piece *piece = &thread->piece;
    char *at = piece->bytes, *end = at + piece->length, before[sizeof((struct weir_account_fault *)NULL)->text];
    for (uint64_t line = piece->first_line; at < end; line++) {
        char *stop = memchr(at, '\n', (size_t)(end - at));
        size_t length = (size_t)((stop ? stop : end) - at), kept = length < sizeof before ? length : sizeof before;
        struct weir_identity identity;
        enum weir_fault fault = WEIR_FAULT_CELLS;
        memcpy(before, at, kept); /* reading changes the line */
        switch (weir_lines_row(piece->lines, thread->room, at, length, &identity, thread->row, &fault)) {
        case WEIR_LINE_ROW:
            thread->rows++;
            add(thread, &identity);
            break;
        case WEIR_LINE_FAULT:
            thread->rows++;
            reject(thread, fault, line, before, kept);
            break;
        case WEIR_LINE_BLANK:
            break;
        }
        at += length + 1;
    }
}

static void reject_frame(struct thread *thread, enum weir_fault fault, unsigned rows, const char *why)
{
    thread->rows += rows;
    thread->rejected[fault] += rows - 1;
    reject(thread, fault, thread->piece.first_line, why, strlen(why));
}

/* Where the batches' columns are among those of the frame. */
static bool find_columns(struct thread *thread, const struct weir_frame *frame, struct weir_error *error)
{
    const struct weir_ingest *ingest = thread->ingest;
    if (thread->list == frame->column_list)
        return true;
    const char **names = calloc(frame->columns, sizeof *names);
    if (!names) {
        weir_fail(error, WEIR_ERR_MEMORY, "out of memory");
        return false;
    }
    weir_frame_names(frame, names);
    thread->list = 0;
    size_t found = 0;
    for (; found < ingest->column_count; found++) {
        const char *name = ingest->view->columns[ingest->columns[found]].name;
        size_t at = 0;
        while (at < frame->columns && strcmp(names[at], name) != 0)
            at++;
        if (at == frame->columns) {
            weir_fail(error, WEIR_ERR_MISMATCH, "frame without column %s", name);
            break;
        }
        thread->gather[found] = (uint16_t)at;
    }
    free(names);
    if (found == ingest->column_count)
        thread->list = frame->column_list;
    return found == ingest->column_count;
}

static bool make_room(struct thread *thread, size_t columns)
{
    if (columns <= thread->block_columns)
        return true;
    free(thread->block);
    thread->block = aligned_alloc(64, columns * WEIR_BLOCK_ROWS * sizeof *thread->block);
    thread->block_columns = thread->block ? columns : 0;
    return thread->block != NULL;
}

/* The rows of a batch frame that somebody has pushed: identities as they are, but for the reason; columns by name. */
static void read_frame(struct thread *thread)
{
    struct weir_ingest *ingest = thread->ingest;
    struct weir_error error = {0};
    struct weir_frame frame;
    if (weir_frame_open(thread->piece.bytes, thread->piece.length, "frame", &frame, &error) != WEIR_OK) {
        reject_frame(thread, WEIR_FAULT_FRAME, 1, error.text);
        return;
    }
    if (frame.feature_set != weir_view_id(ingest->view)) {
        reject_frame(thread, WEIR_FAULT_FRAME, frame.rows, "frame of another feature set");
        return;
    }
    if (!make_room(thread, frame.columns) || !find_columns(thread, &frame, &error)) {
        reject_frame(thread, WEIR_FAULT_COLUMNS, frame.rows, error.code != WEIR_OK ? error.text : "out of memory");
        return;
    }
    const float *block = NULL;
    for (unsigned r = 0; r < frame.rows; r++) {
        struct weir_identity identity = frame.identity[r];
        if (r % WEIR_BLOCK_ROWS == 0)
            block = weir_frame_block(&frame, r / WEIR_BLOCK_ROWS, thread->block);
        for (unsigned c = 0; c < ingest->column_count; c++)
            thread->row[c] = block[thread->gather[c] * WEIR_BLOCK_ROWS + r % WEIR_BLOCK_ROWS];
        identity.reason = WEIR_REASON_INGESTED;
        thread->rows++;
        add(thread, &identity);
    }
}

static void publish(struct thread *thread)
{
    struct published *to = &thread->published;
    const struct weir_layout_counts *counts = weir_lines_room_counts(thread->room);
    pthread_mutex_lock(&thread->ingest->lock);
    to->rows = thread->rows;
    to->shed = thread->shed;
    to->dateless = counts->dateless;
    to->batcher = *weir_batcher_account(thread->batcher);
    memcpy(to->rejected, thread->rejected, sizeof to->rejected);
    memcpy(to->unknown, counts->unknown, weir_layout_fields(thread->ingest->layout) * sizeof *to->unknown);
    pthread_mutex_unlock(&thread->ingest->lock);
}

static void *run(void *argument)
{
    struct thread *thread = argument;
    struct weir_ingest *ingest = thread->ingest;
    const struct weir_ingest_start *start = &ingest->start;
    struct weir_piece *piece = &thread->piece;
    bool waiting = false; /* rows wait for their batch */
    do {
        weir_intake_take(ingest->intake, waiting ? OPEN_WAIT_MS : IDLE_WAIT_MS, piece);
        for (uint64_t i = 0; i < piece->too_long; i++) {
            thread->rows++;
            reject(thread, WEIR_FAULT_LINE, piece->first_line - piece->too_long + i, "", 0);
        }
        if (piece->kind == WEIR_PIECE_LINES)
            read_lines(thread);
        else if (piece->kind == WEIR_PIECE_FRAME)
            read_frame(thread);
        weir_batcher_poll(thread->batcher, weir_clock_mono_ns(), start->wanted && start->wanted(start->context));
        bool waited = waiting;
        waiting = weir_batcher_waiting(thread->batcher) > 0;
        if (piece->kind == WEIR_PIECE_LINES || piece->kind == WEIR_PIECE_FRAME || piece->too_long || waited)
            publish(thread);
    } while (piece->kind != WEIR_PIECE_END);
    weir_batcher_flush(thread->batcher);
    publish(thread);
    atomic_fetch_sub_explicit(&ingest->running, 1, memory_order_release);
    return NULL;
}

/* --- all of them --- */

weir_err weir_ingest_start(struct weir_ingest *ingest, const struct weir_ingest_start *start, struct weir_error *error)
{
    ingest->start = *start;
    atomic_store(&ingest->running, ingest->config.threads);
    for (unsigned i = 0; i < ingest->config.threads; i++) {
        struct thread *thread = &ingest->thread[i];
        struct weir_tally_lane *tally = weir_tally_lane(start->tally, i);
        const struct weir_batcher_config batcher = {.pool = start->pool,
                                                    .view = ingest->view,
                                                    .columns = ingest->columns,
                                                    .column_count = ingest->column_count,
                                                    .lane = i,
                                                    .boot = start->boot,
                                                    .rows = start->batch_rows,
                                                    .max_delay_ns = start->max_delay_ns,
                                                    .budget_ns = start->budget_ns,
                                                    .service_ns = start->service_ns,
                                                    .tally = tally ? &tally->rows : NULL,
                                                    .send = start->send,
                                                    .context = start->context};
        thread->ingest = ingest;
        thread->number = i;
        weir_err code = weir_batcher_create(&batcher, &thread->batcher);
        if (code == WEIR_OK)
            code = weir_lines_room_create(ingest->layout, &thread->room);
        thread->row = calloc(ingest->column_count + 1u, sizeof *thread->row);
        thread->gather = calloc(ingest->column_count + 1u, sizeof *thread->gather);
        thread->published.unknown = calloc(weir_layout_fields(ingest->layout), sizeof *thread->published.unknown);
        if (code == WEIR_OK && (!thread->row || !thread->gather || !thread->published.unknown))
            code = WEIR_ERR_MEMORY;
        if (code != WEIR_OK)
            return weir_fail(error, code, "batches of %u rows: %s", start->batch_rows, weir_err_text(code));
    }
    for (unsigned i = 0; i < ingest->config.threads; i++) {
        if (pthread_create(&ingest->thread[i].thread, NULL, run, &ingest->thread[i])) {
            weir_intake_stop(ingest->intake);
            atomic_fetch_sub(&ingest->running, ingest->config.threads - i);
            return weir_fail(error, WEIR_ERR_LIMIT, "cannot start ingest thread %u; give fewer --ingest-threads", i);
        }
        ingest->thread[i].started = true;
    }
    return WEIR_OK;
}

bool weir_ingest_running(const struct weir_ingest *ingest)
{
    return atomic_load_explicit(&ingest->running, memory_order_acquire) > 0;
}

void weir_ingest_stop(struct weir_ingest *ingest)
{
    weir_intake_stop(ingest->intake);
}

weir_err weir_ingest_status(struct weir_ingest *ingest, struct weir_error *error)
{
    return weir_intake_status(ingest->intake, error);
}

double weir_ingest_progress(struct weir_ingest *ingest)
{
    uint64_t done, size;
    weir_intake_progress(ingest->intake, &done, &size);
    return size ? (double)done / (double)size : -1;
}

/* Columns in which rows have brought what became a missing value; those that find no place are put together. */
static void add_unknown(struct weir_account *account, const char *name, uint64_t count)
{
    for (unsigned i = 0; count && i < WEIR_UNKNOWN_SHOWN; i++) {
        struct weir_account_unknown *unknown = &account->ingest.unknown[i];
        bool last = i == WEIR_UNKNOWN_SHOWN - 1;
        if (unknown->column && !last && strcmp(unknown->column, name) != 0)
            continue;
        unknown->column = last ? "other" : name;
        unknown->cells += count;
        return;
    }
}

void weir_ingest_account(struct weir_ingest *ingest, struct weir_account *account)
{
    memset(&account->ingest, 0, sizeof account->ingest);
    memset(&account->rows.shed, 0, sizeof account->rows.shed);
    account->ingest.used = true;
    account->rows.batched = account->rows.unscored = 0;
    uint64_t accepted = 0;
    pthread_mutex_lock(&ingest->lock);
    for (unsigned t = 0; t < ingest->config.threads; t++) {
        const struct published *from = &ingest->thread[t].published;
        account->ingest.rows += from->rows;
        account->ingest.dateless += from->dateless;
        accepted += from->rows;
        for (unsigned f = 0; f < WEIR_FAULT_COUNT; f++) {
            account->ingest.rejected[f] += from->rejected[f];
            accepted -= from->rejected[f];
        }
        account->rows.batched += from->batcher.rows;
        account->rows.unscored += from->batcher.stopped;
        account->rows.shed[WEIR_SHED_INGESTED] += from->shed;
        for (size_t i = 0; from->unknown && i < weir_layout_fields(ingest->layout); i++)
            add_unknown(account, weir_layout_name(ingest->layout, i), from->unknown[i]);
    }
    memcpy(account->ingest.fault, ingest->fault, sizeof ingest->fault);
    account->ingest.faults = ingest->faults;
    pthread_mutex_unlock(&ingest->lock);
    account->meter.records[WEIR_REASON_INGESTED] = accepted;
}

void weir_ingest_join(struct weir_ingest *ingest)
{
    if (ingest->joined)
        return;
    ingest->joined = true;
    for (unsigned i = 0; i < ingest->config.threads; i++)
        if (ingest->thread[i].started)
            pthread_join(ingest->thread[i].thread, NULL);
}

void weir_ingest_free(struct weir_ingest **ingest)
{
    if (!ingest || !*ingest)
        return;
    struct weir_ingest *i = *ingest;
    if (i->intake)
        weir_intake_stop(i->intake);
    if (i->thread)
        weir_ingest_join(i);
    for (unsigned t = 0; i->thread && t < i->config.threads; t++) {
        weir_batcher_destroy(&i->thread[t].batcher);
        weir_lines_room_destroy(&i->thread[t].room);
        weir_piece_fini(&i->thread[t].piece);
        free(i->thread[t].row);
        free(i->thread[t].block);
        free(i->thread[t].gather);
        free(i->thread[t].published.unknown);
    }
    weir_intake_close(&i->intake);
    weir_layout_destroy(&i->layout);
    pthread_mutex_destroy(&i->lock);
    free(i->thread);
    free(i->columns);
    free(i);
    *ingest = NULL;
}
