/* A ring of bytes. An entry lies in one piece: a head, then the arrays, cut to the rows that there are. One that would reach over
 * the end begins at 0, and `end` says where the last one before it ends. */
#include "batch/backlog.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"

/* What the structs hold before their arrays is copied as it is: a field that is added there comes along. */
#define BATCH_HEAD    offsetof(struct weir_batch, identity)
#define VERDICTS_HEAD offsetof(struct weir_verdicts, score)

struct head {
    size_t bytes; /* of the whole entry */
    unsigned rows, alerts;
};

struct weir_backlog {
    pthread_mutex_t lock; /* protects all below */
    pthread_cond_t not_empty, not_full;
    size_t size, first, next, end; /* first: to be popped; next: of the next entry; end: of the entries before a wrap */
    size_t entries, waiting;
    bool closed, full; /* full: somebody waits for room */
    uint8_t *bytes;
};

static size_t aligned(size_t bytes)
{
    return (bytes + 63) & ~(size_t)63;
}

static size_t entry_bytes(unsigned rows, unsigned alerts)
{
    const struct weir_verdicts *v = NULL;
    const struct weir_batch *b = NULL;
    return aligned(sizeof(struct head) + BATCH_HEAD + VERDICTS_HEAD +
                   rows * (sizeof *b->identity + sizeof *b->closed_ns + sizeof *v->score + sizeof *v->class_index +
                           sizeof *v->alert + sizeof *v->scored_ns) +
                   alerts * sizeof *v->causes);
}

weir_err weir_backlog_create(size_t bytes, struct weir_backlog **out)
{
    *out = NULL;
    struct weir_backlog *backlog = calloc(1, sizeof *backlog);
    size_t least = entry_bytes(WEIR_BATCH_ROWS, WEIR_BATCH_ROWS);
    if (!backlog)
        return WEIR_ERR_MEMORY;
    backlog->size = aligned(bytes > least ? bytes : least);
    if (!(backlog->bytes = aligned_alloc(64, backlog->size))) {
        free(backlog);
        return WEIR_ERR_MEMORY;
    }
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_mutex_init(&backlog->lock, NULL);
    pthread_cond_init(&backlog->not_empty, &attributes);
    pthread_cond_init(&backlog->not_full, &attributes);
    pthread_condattr_destroy(&attributes);
    *out = backlog;
    return WEIR_OK;
}

void weir_backlog_destroy(struct weir_backlog **backlog)
{
    if (!backlog || !*backlog)
        return;
    pthread_cond_destroy(&(*backlog)->not_empty);
    pthread_cond_destroy(&(*backlog)->not_full);
    pthread_mutex_destroy(&(*backlog)->lock);
    free((*backlog)->bytes);
    free(*backlog);
    *backlog = NULL;
}

/* Where an entry of so many bytes goes; false: there is no room now. */
static bool find_room(struct weir_backlog *backlog, size_t bytes)
{
    if (!backlog->entries) /* from the start: what was touched last is still in the caches */
        backlog->first = backlog->next = backlog->end = 0;
    else if (backlog->next <= backlog->first) /* behind a wrap */
        return backlog->first - backlog->next >= bytes;
    if (backlog->size - backlog->next >= bytes)
        return true;
    if (backlog->first < bytes)
        return false;
    backlog->end = backlog->next;
    backlog->next = 0;
    return true;
}

static uint8_t *put(uint8_t *at, const void *from, size_t bytes)
{
    memcpy(at, from, bytes);
    return at + bytes;
}

static const uint8_t *get(void *to, const uint8_t *from, size_t bytes)
{
    memcpy(to, from, bytes);
    return from + bytes;
}

static void pack(uint8_t *at, size_t bytes, const struct weir_verdicts *v)
{
    const struct weir_batch *b = v->batch;
    const struct head head = {bytes, b->rows, v->alerts};
    at = put(at, &head, sizeof head);
    at = put(at, b, BATCH_HEAD);
    at = put(at, v, VERDICTS_HEAD);
    at = put(at, b->identity, b->rows * sizeof *b->identity);
    at = put(at, b->closed_ns, b->rows * sizeof *b->closed_ns);
    at = put(at, v->scored_ns, b->rows * sizeof *v->scored_ns);
    at = put(at, v->score, b->rows * sizeof *v->score);
    at = put(at, v->class_index, b->rows * sizeof *v->class_index);
    at = put(at, v->alert, b->rows * sizeof *v->alert);
    put(at, v->causes, v->alerts * sizeof *v->causes);
}

static size_t unpack(const uint8_t *at, struct weir_verdicts *v)
{
    struct head head;
    struct weir_batch *b = v->batch;
    at = get(&head, at, sizeof head);
    at = get(b, at, BATCH_HEAD);
    at = get(v, at, VERDICTS_HEAD);
    at = get(b->identity, at, head.rows * sizeof *b->identity);
    at = get(b->closed_ns, at, head.rows * sizeof *b->closed_ns);
    at = get(v->scored_ns, at, head.rows * sizeof *v->scored_ns);
    at = get(v->score, at, head.rows * sizeof *v->score);
    at = get(v->class_index, at, head.rows * sizeof *v->class_index);
    at = get(v->alert, at, head.rows * sizeof *v->alert);
    get(v->causes, at, head.alerts * sizeof *v->causes);
    v->batch = b;
    v->alerts = head.alerts;
    return head.bytes;
}

bool weir_backlog_push(struct weir_backlog *backlog, const struct weir_verdicts *verdicts)
{
    size_t bytes = entry_bytes(verdicts->batch->rows, verdicts->alerts);
    pthread_mutex_lock(&backlog->lock);
    while (!backlog->closed && !find_room(backlog, bytes)) {
        backlog->full = true;
        pthread_cond_wait(&backlog->not_full, &backlog->lock);
    }
    bool taken = !backlog->closed, wake = taken && backlog->waiting;
    if (taken) {
        pack(backlog->bytes + backlog->next, bytes, verdicts);
        backlog->next += bytes;
        backlog->entries++;
    }
    pthread_mutex_unlock(&backlog->lock);
    if (wake)
        pthread_cond_signal(&backlog->not_empty);
    return taken;
}

bool weir_backlog_pop(struct weir_backlog *backlog, int64_t timeout_ns, struct weir_verdicts *out)
{
    struct timespec until = {0};
    bool wake = false;
    if (timeout_ns >= 0) {
        int64_t at = weir_clock_mono_ns() + timeout_ns;
        until = (struct timespec){.tv_sec = at / 1000000000, .tv_nsec = at % 1000000000};
    }
    pthread_mutex_lock(&backlog->lock);
    while (!backlog->entries && !backlog->closed) {
        backlog->waiting++;
        int late = timeout_ns < 0 ? pthread_cond_wait(&backlog->not_empty, &backlog->lock)
                                  : pthread_cond_timedwait(&backlog->not_empty, &backlog->lock, &until);
        backlog->waiting--;
        if (late == ETIMEDOUT)
            break;
    }
    bool found = backlog->entries;
    if (found) {
        if (backlog->end && backlog->first == backlog->end)
            backlog->first = backlog->end = 0;
        backlog->first += unpack(backlog->bytes + backlog->first, out);
        backlog->entries--;
        wake = backlog->full;
        backlog->full = false;
    }
    pthread_mutex_unlock(&backlog->lock);
    if (wake)
        pthread_cond_broadcast(&backlog->not_full);
    return found;
}

void weir_backlog_close(struct weir_backlog *backlog)
{
    pthread_mutex_lock(&backlog->lock);
    backlog->closed = true;
    pthread_mutex_unlock(&backlog->lock);
    pthread_cond_broadcast(&backlog->not_empty);
    pthread_cond_broadcast(&backlog->not_full);
}

bool weir_backlog_closed(struct weir_backlog *backlog)
{
    pthread_mutex_lock(&backlog->lock);
    bool closed = backlog->closed;
    pthread_mutex_unlock(&backlog->lock);
    return closed;
}
