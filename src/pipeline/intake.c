#include "pipeline/intake.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "capture/stream.h"
#include "queue/pull.h"

enum { DRAIN_NS = 1000000000 };

struct weir_intake {
    struct weir_intake_config config;
    uint64_t size;
    atomic_bool stopped;
    pthread_mutex_t lock;
    /* under the lock */
    struct weir_stream *stream; /* or */
    struct weir_pull *pull;
    int64_t drained_ns;       /* when a socket that has been stopped is left; 0: it has not */
    struct weir_lines *lines; /* NULL: no line has come yet; then constant */
    char *carry;              /* what follows the last whole line, [WEIR_PIECE_BYTES] */
    size_t carried;
    bool begun, skipping, ended; /* skipping: the rest of a line that is too long */
    uint64_t line;               /* lines that have been handed out */
    struct weir_error error;
};

/* Nothing follows; with an error, because of it. */
static void end(struct weir_intake *intake, const struct weir_error *error)
{
    intake->ended = true;
    if (error && intake->error.code == WEIR_OK)
        intake->error = *error;
}

/* More bytes behind the `*length` that are there; false: none now. */
static bool read_more(struct weir_intake *intake, int wait_ms, char *bytes, size_t *length)
{
    struct weir_error error = {0};
    enum weir_stream_state state;
    size_t got = 0;
    weir_err code =
        weir_stream_read(intake->stream, (uint8_t *)bytes + *length, WEIR_PIECE_BYTES - *length, wait_ms, &got, &state, &error);
    if (!intake->begun && got >= 3 && !memcmp(bytes, "\xef\xbb\xbf", 3)) { /* a byte order mark */
        memmove(bytes, bytes + 3, got - 3);
        got -= 3;
    }
    intake->begun = intake->begun || got;
    *length += got;
    if (code != WEIR_OK) {
        struct weir_error told = {0};
        weir_fail(&told, code, "%s: %.400s", intake->config.input, error.text);
        end(intake, &told);
    } else if (state == WEIR_STREAM_END) {
        end(intake, NULL);
    }
    return got > 0;
}

/* Learns the format from the first line that is not blank, if there is a whole one. */
static void begin(struct weir_intake *intake, const char *bytes, size_t length)
{
    struct weir_error error = {0};
    const struct weir_lines_config config = {.layout = intake->config.layout,
                                             .format = intake->config.format,
                                             .columns = intake->config.columns,
                                             .from = strcmp(intake->config.input, "-") != 0 ? intake->config.input
                                                                                            : "standard input"};
    while (length) {
        const char *stop = memchr(bytes, '\n', length);
        size_t line = stop ? (size_t)(stop - bytes) : length, blank = 0;
        while (blank < line && strchr(" \t\r", bytes[blank]) && bytes[blank])
            blank++;
        if (!stop && !intake->ended)
            return;
        if (blank < line) {
            bool title;
            if (weir_lines_begin(&config, bytes, line, &intake->lines, &title, &error) != WEIR_OK)
                end(intake, &error);
            return;
        }
        size_t step = stop ? line + 1 : length;
        bytes += step;
        length -= step;
    }
}

static weir_err open_socket(struct weir_intake *intake, struct weir_error *error)
{
    const struct weir_intake_config *config = &intake->config;
    const struct weir_pull_config pull = {
        .url = config->input, .key = config->key, .peers = config->peers, .peer_count = config->peer_count};
    if (config->format == WEIR_LINES_CSV || config->columns)
        return weir_fail(error, WEIR_ERR_ARGUMENT, "%s: a socket takes JSON lines and batch frames, not CSV", config->input);
    weir_err code = weir_lines_begin_json(config->layout, &intake->lines);
    return code == WEIR_OK ? weir_pull_open(&pull, &intake->pull, error)
                           : weir_fail(error, code, "%s: out of memory", config->input);
}

weir_err weir_intake_open(const struct weir_intake_config *config, struct weir_intake **out, struct weir_error *error)
{
    struct weir_intake *intake = *out = calloc(1, sizeof *intake);
    if (!intake || !(intake->carry = malloc(WEIR_PIECE_BYTES))) {
        free(intake);
        *out = NULL;
        return weir_fail(error, WEIR_ERR_MEMORY, "%s: out of memory", config->input);
    }
    intake->config = *config;
    pthread_mutex_init(&intake->lock, NULL);
    weir_err code = WEIR_OK;
    if (weir_pull_is(config->input))
        code = open_socket(intake, error);
    else
        code = weir_stream_open(config->input, &intake->stream, &intake->size, error);
    while (code == WEIR_OK && intake->size && !intake->lines && !intake->ended && intake->carried < WEIR_PIECE_BYTES) {
        read_more(intake, 0, intake->carry, &intake->carried);
        begin(intake, intake->carry, intake->carried);
    }
    if (code == WEIR_OK && intake->error.code != WEIR_OK) {
        code = intake->error.code;
        if (error)
            *error = intake->error;
    }
    if (code != WEIR_OK)
        weir_intake_close(out);
    return code;
}

void weir_intake_close(struct weir_intake **intake)
{
    if (!intake || !*intake)
        return;
    weir_stream_close(&(*intake)->stream);
    weir_pull_close(&(*intake)->pull);
    weir_lines_end(&(*intake)->lines);
    pthread_mutex_destroy(&(*intake)->lock);
    free((*intake)->carry);
    free(*intake);
    *intake = NULL;
}

/* Whoever holds the lock waits for input no longer than this thread would, so a clock that is set meanwhile does no harm. */
static bool lock_within(struct weir_intake *intake, int wait_ms)
{
    int64_t until_ns = weir_clock_wall_ns() + (int64_t)wait_ms * 1000000;
    struct timespec until = {.tv_sec = until_ns / 1000000000, .tv_nsec = until_ns % 1000000000};
    return pthread_mutex_trylock(&intake->lock) == 0 || pthread_mutex_timedlock(&intake->lock, &until) == 0;
}

static uint64_t count_lines(const char *bytes, size_t length)
{
    uint64_t lines = 0;
    for (const char *end = bytes + length; (bytes = memchr(bytes, '\n', (size_t)(end - bytes))); bytes++)
        lines++;
    return lines;
}

/* The rest of a line that is too long is thrown away. */
static void skip(struct weir_intake *intake, struct weir_piece *piece)
{
    char *stop = memchr(piece->bytes, '\n', piece->length);
    size_t used = stop ? (size_t)(stop - piece->bytes) + 1 : piece->length;
    memmove(piece->bytes, piece->bytes + used, piece->length - used);
    piece->length -= used;
    if (stop || intake->ended) {
        intake->skipping = false;
        intake->line++;
        piece->too_long++;
    }
}

/* Under the lock: fills the piece up to its last line end; the rest is carried. False: no whole line. */
static bool fill(struct weir_intake *intake, int wait_ms, struct weir_piece *piece)
{
    memcpy(piece->bytes, intake->carry, intake->carried);
    piece->length = intake->carried;
    intake->carried = 0;
    char *stop = NULL;
    for (;;) {
        if (intake->skipping)
            skip(intake, piece);
        stop = intake->skipping ? NULL : memrchr(piece->bytes, '\n', piece->length);
        if (stop || intake->ended)
            break;
        if (piece->length == WEIR_PIECE_BYTES) {
            intake->skipping = true;
            continue;
        }
        if (!read_more(intake, wait_ms, piece->bytes, &piece->length) && !intake->ended)
            break;
    }
    size_t whole = stop ? (size_t)(stop - piece->bytes) + 1 : intake->ended ? piece->length : 0;
    if (!intake->ended) {
        intake->carried = piece->length - whole;
        memcpy(intake->carry, piece->bytes + whole, intake->carried);
        piece->length = whole;
    }
    return piece->length > 0 || piece->too_long;
}

/* A message of its own: into the piece, whose room grows with it. */
static void take_frame(struct weir_intake *intake, const uint8_t *bytes, size_t size, struct weir_piece *piece)
{
    if (size > piece->room) {
        size_t room = (size + WEIR_PIECE_BYTES) / WEIR_PIECE_BYTES * WEIR_PIECE_BYTES;
        char *more = aligned_alloc(64, room);
        if (!more) { /* counts as one that cannot be read */
            piece->kind = WEIR_PIECE_FRAME;
            piece->length = 0;
            return;
        }
        free(piece->bytes);
        piece->bytes = more;
        piece->room = room;
    }
    memcpy(piece->bytes, bytes, size);
    piece->length = size;
    piece->kind = WEIR_PIECE_FRAME;
}

static bool is_text(const uint8_t *bytes, size_t size)
{
    return !size || bytes[0] < 0x80; /* a frame begins with 0x89 */
}

/* Under the lock: JSON lines of as many messages as are there and fit, or one frame. */
static void take_messages(struct weir_intake *intake, int wait_ms, struct weir_piece *piece)
{
    const uint8_t *bytes;
    size_t size;
    if (atomic_load_explicit(&intake->stopped, memory_order_relaxed)) {
        int64_t now_ns = weir_clock_mono_ns();
        weir_pull_stop(intake->pull);
        intake->drained_ns = intake->drained_ns ? intake->drained_ns : now_ns + DRAIN_NS;
        wait_ms = 0;
        if (now_ns >= intake->drained_ns || !weir_pull_peek(intake->pull, 0, &bytes, &size)) {
            intake->drained_ns = now_ns; /* for the other threads, too */
            piece->kind = WEIR_PIECE_END;
            return;
        }
    }
    while (weir_pull_peek(intake->pull, piece->length ? 0 : wait_ms, &bytes, &size)) {
        if (!is_text(bytes, size)) {
            if (piece->length)
                break; /* the next piece */
            take_frame(intake, bytes, size, piece);
        } else if (size >= WEIR_PIECE_BYTES) {
            piece->too_long++;
            intake->line++;
        } else if (piece->length + size + 1 > WEIR_PIECE_BYTES) {
            break;
        } else {
            memcpy(piece->bytes + piece->length, bytes, size);
            piece->length += size;
            if (size && bytes[size - 1] != '\n')
                piece->bytes[piece->length++] = '\n';
        }
        weir_pull_drop(intake->pull);
        if (piece->kind == WEIR_PIECE_FRAME || piece->too_long)
            break;
    }
    piece->taken_ns = weir_clock_mono_ns();
    piece->first_line = intake->line + 1;
    if (piece->kind == WEIR_PIECE_FRAME) {
        intake->line++;
    } else if (piece->length) {
        piece->kind = WEIR_PIECE_LINES;
        piece->lines = intake->lines;
        intake->line += count_lines(piece->bytes, piece->length);
    }
}

void weir_intake_take(struct weir_intake *intake, int wait_ms, struct weir_piece *piece)
{
    piece->kind = WEIR_PIECE_NONE;
    piece->length = piece->too_long = 0;
    if (!piece->bytes) {
        piece->bytes = aligned_alloc(64, WEIR_PIECE_BYTES);
        piece->room = piece->bytes ? WEIR_PIECE_BYTES : 0;
    }
    if (!lock_within(intake, wait_ms))
        return;
    if (!piece->bytes) {
        struct weir_error error = {0};
        weir_fail(&error, WEIR_ERR_MEMORY, "%s: out of memory", intake->config.input);
        end(intake, &error);
    }
    if (piece->bytes && intake->pull) {
        take_messages(intake, wait_ms, piece);
    } else if (atomic_load_explicit(&intake->stopped, memory_order_relaxed) || (intake->ended && !intake->carried) ||
               !piece->bytes) {
        piece->kind = WEIR_PIECE_END;
    } else if (fill(intake, wait_ms, piece)) {
        piece->kind = WEIR_PIECE_LINES;
        piece->taken_ns = weir_clock_mono_ns();
        piece->first_line = intake->line + 1;
        intake->line += count_lines(piece->bytes, piece->length);
        if (!intake->lines)
            begin(intake, piece->bytes, piece->length);
        piece->lines = intake->lines;
        if (!intake->lines && intake->error.code != WEIR_OK)
            piece->kind = WEIR_PIECE_END;
        else if (!intake->lines) /* blank lines only */
            piece->kind = WEIR_PIECE_NONE;
    }
    pthread_mutex_unlock(&intake->lock);
}

void weir_piece_fini(struct weir_piece *piece)
{
    free(piece->bytes);
    *piece = (struct weir_piece){0};
}

void weir_intake_stop(struct weir_intake *intake)
{
    atomic_store_explicit(&intake->stopped, true, memory_order_relaxed);
}

weir_err weir_intake_status(struct weir_intake *intake, struct weir_error *error)
{
    pthread_mutex_lock(&intake->lock);
    weir_err code = intake->error.code;
    if (code != WEIR_OK && error)
        *error = intake->error;
    pthread_mutex_unlock(&intake->lock);
    return code;
}

void weir_intake_progress(struct weir_intake *intake, uint64_t *done, uint64_t *size)
{
    pthread_mutex_lock(&intake->lock);
    *done = intake->stream ? weir_stream_position(intake->stream) : 0;
    *size = intake->size;
    pthread_mutex_unlock(&intake->lock);
}
