#include "pipeline/writer.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "pipeline/judge.h"

struct weir_writer {
    struct weir_writer_config config;
    /* the thread's own */
    int64_t *pending; /* closing times of the rows that are appended but not committed */
    uint64_t pending_rows, pending_room;
    int64_t commit_at_ns; /* when the open transaction is to be committed; meaningful while pending_rows > 0 */
    uint64_t judge;       /* number of the judge that `place` is for */
    uint8_t place[256];   /* of its classes in class_rows */
    /* shared, under the lock */
    pthread_mutex_t lock;
    struct weir_error failure; /* code WEIR_OK: none */
    uint64_t committed, rejected, alerts, batches, class_rows[WEIR_CLASSES_SHOWN];
    char class_name[WEIR_CLASSES_SHOWN][WEIR_CLASS_NAME];
    struct weir_histogram decision, durable;
    struct weir_alert_line line[WEIR_ALERTS_SHOWN]; /* newest at (lines - 1) % WEIR_ALERTS_SHOWN */
    uint64_t lines;
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
    if (!writer->pending) {
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
    free(*writer);
    *writer = NULL;
}

static bool failed(const struct weir_writer *writer) /* only the writer's thread changes it, so it may read it without the lock */
{
    return writer->failure.code != WEIR_OK;
}

static void fail(struct weir_writer *writer, const struct weir_error *error)
{
    pthread_mutex_lock(&writer->lock);
    if (!failed(writer))
        writer->failure = *error;
    pthread_mutex_unlock(&writer->lock);
}

static void commit(struct weir_writer *writer)
{
    struct weir_error error = {0};
    if (!failed(writer) && writer->config.store && weir_store_commit(writer->config.store, NULL, &error) != WEIR_OK)
        fail(writer, &error);
    bool kept = !failed(writer);
    int64_t now = weir_clock_mono_ns();
    pthread_mutex_lock(&writer->lock);
    if (kept) {
        writer->committed += writer->pending_rows;
        for (uint64_t i = 0; i < writer->pending_rows; i++)
            weir_histogram_add(&writer->durable, now - writer->pending[i], 1);
    } else {
        writer->rejected += writer->pending_rows;
    }
    pthread_mutex_unlock(&writer->lock);
    writer->pending_rows = 0;
    /* after the commit: a reader of EVE never sees what the store does not have */
    if (kept && writer->config.eve && weir_eve_flush(writer->config.eve, &error) != WEIR_OK)
        fail(writer, &error);
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
        struct weir_alert_line *line = &writer->line[writer->lines++ % WEIR_ALERTS_SHOWN];
        int n =
            snprintf(line->text, sizeof line->text, "%s %s > %s%s %.2f", verdicts->classes[verdicts->class_index[causes->row]],
                     src, dst, port, (double)verdicts->score[causes->row]);
        if (causes->count && n > 0 && (size_t)n < sizeof line->text)
            snprintf(line->text + n, sizeof line->text - (size_t)n, " (%s %.4g)", verdicts->columns[causes->cause[0].column],
                     (double)causes->cause[0].value);
    }
}

/* Where this model's classes are counted: each name has one place, whatever model brought it. Under the lock. */
static void find_places(struct weir_writer *writer, const struct weir_verdicts *verdicts)
{
    for (size_t c = 0; c < verdicts->class_count && c < sizeof writer->place; c++) {
        char name[WEIR_CLASS_NAME];
        unsigned k = 0;
        snprintf(name, sizeof name, "%s", verdicts->classes[c]);
        while (k < WEIR_CLASSES_SHOWN - 1 && writer->class_name[k][0] && strcmp(writer->class_name[k], name) != 0)
            k++;
        if (k == WEIR_CLASSES_SHOWN - 1)
            strcpy(name, "other");
        memcpy(writer->class_name[k], name, sizeof name);
        writer->place[c] = (uint8_t)k;
    }
    writer->judge = ((const struct weir_judge *)verdicts->lender)->number;
}

static void count(struct weir_writer *writer, const struct weir_verdicts *verdicts)
{
    const struct weir_batch *batch = verdicts->batch;
    pthread_mutex_lock(&writer->lock);
    if (writer->judge != ((const struct weir_judge *)verdicts->lender)->number)
        find_places(writer, verdicts);
    writer->batches++;
    writer->alerts += verdicts->alerts;
    for (unsigned r = 0; r < batch->rows; r++) {
        unsigned c = verdicts->class_index[r];
        writer->class_rows[c < sizeof writer->place ? writer->place[c] : WEIR_CLASSES_SHOWN - 1]++;
        weir_histogram_add(&writer->decision, verdicts->scored_ns[r] - batch->closed_ns[r], 1);
    }
    if (verdicts->alerts)
        remember_alerts(writer, verdicts);
    pthread_mutex_unlock(&writer->lock);
}

static void take(struct weir_writer *writer, const struct weir_verdicts *verdicts)
{
    struct weir_error error = {0};
    const struct weir_batch *batch = verdicts->batch;
    if (!failed(writer) && writer->config.store && weir_store_append(writer->config.store, verdicts, &error) != WEIR_OK)
        fail(writer, &error);
    if (!failed(writer) && writer->config.eve && weir_eve_append(writer->config.eve, verdicts, &error) != WEIR_OK)
        fail(writer, &error);
    count(writer, verdicts);
    if (failed(writer)) {
        pthread_mutex_lock(&writer->lock);
        writer->rejected += batch->rows;
        pthread_mutex_unlock(&writer->lock);
        return;
    }
    if (!writer->pending_rows)
        writer->commit_at_ns = weir_clock_mono_ns() + writer->config.commit_interval_ns;
    memcpy(writer->pending + writer->pending_rows, batch->closed_ns, batch->rows * sizeof *writer->pending);
    writer->pending_rows += batch->rows;
}

static void store_health(struct weir_writer *writer)
{
    pthread_mutex_lock(&writer->lock);
    char *json = writer->health;
    writer->health = NULL;
    pthread_mutex_unlock(&writer->lock);
    struct weir_error error = {0};
    if (json && !failed(writer) && writer->config.store &&
        weir_store_health(writer->config.store, weir_clock_wall_ns(), json, &error) != WEIR_OK)
        fail(writer, &error);
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
    if (writer->config.store && !failed(writer) &&
        (weir_store_commit(writer->config.store, NULL, &error) != WEIR_OK ||
         weir_store_rotate(writer->config.store, &rotated, &error) != WEIR_OK))
        fail(writer, &error);
}

void *weir_writer_run(void *argument)
{
    struct weir_writer *writer = argument;
    for (;;) {
        int64_t wait = 1000000000;
        if (writer->pending_rows) {
            wait = writer->commit_at_ns - weir_clock_mono_ns();
            wait = wait > 0 ? wait : 0;
        }
        struct weir_verdicts *verdicts = weir_ring_pop(writer->config.verdicts, wait);
        if (verdicts) {
            take(writer, verdicts);
            struct weir_judge *judge = verdicts->lender; /* nothing of its names is used from here on */
            weir_judge_release(&judge);
            weir_pool_give(writer->config.pool, verdicts->batch);
        } else if (weir_ring_closed(writer->config.verdicts)) {
            break;
        }
        store_health(writer);
        if (writer->pending_rows >= writer->config.commit_rows ||
            (writer->pending_rows && weir_clock_mono_ns() >= writer->commit_at_ns))
            commit(writer);
        if (!writer->pending_rows) {
            limit(writer);
            rotate(writer);
        }
    }
    store_health(writer);
    commit(writer);
    return NULL;
}

void weir_writer_account(struct weir_writer *writer, struct weir_account *account)
{
    pthread_mutex_lock(&writer->lock);
    account->store.committed = writer->committed;
    account->store.rejected = writer->rejected;
    account->alerts = writer->alerts;
    account->batches = writer->batches;
    memcpy(account->class_name, writer->class_name, sizeof account->class_name);
    memcpy(account->class_rows, writer->class_rows, sizeof account->class_rows);
    account->decision_ns = writer->decision;
    account->durable_ns = writer->durable;
    pthread_mutex_unlock(&writer->lock);
}

unsigned weir_writer_alerts(struct weir_writer *writer, struct weir_alert_line *lines)
{
    pthread_mutex_lock(&writer->lock);
    unsigned n = writer->lines < WEIR_ALERTS_SHOWN ? (unsigned)writer->lines : WEIR_ALERTS_SHOWN;
    for (unsigned i = 0; i < n; i++)
        lines[i] = writer->line[(writer->lines - 1 - i) % WEIR_ALERTS_SHOWN];
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
