#include "pipeline/collect.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/log.h"
#include "pipeline/names.h"
#include "pipeline/writer.h"
#include "store/text.h"

enum { SENSORS_SHOWN = 64, NAME_BYTES = 256, MARKS = 64 };
static const int64_t look_ns = 100000000;    /* at the stop, while nothing comes */
static const int64_t repeat_ns = 1000000000; /* between two tellings of a mark that a sensor does not seem to know */

struct seen_sensor {
    uint8_t id[16];
    char name[64];
    uint64_t boot, frames, rows, duplicates, degraded;
    int64_t last_ns;    /* monotonic */
    int64_t service_ns; /* near the upper end of what batches of this boot take until their verdicts; 0: none has come */
};

struct weir_collect {
    struct weir_collector_end *end;
    struct weir_store *store;
    struct weir_eve *eve;
    struct weir_publish *publish;
    struct weir_writer *writer;
    enum weir_on_full on_full;
    pthread_t thread;
    bool started, joined;
    int64_t started_ns;
    char run[64]; /* survives the store */
    atomic_bool stop, over;
    /* the thread's own */
    struct weir_names names;
    struct weir_batch batch;
    struct weir_verdicts verdicts;
    struct weir_origin origin;
    struct weir_note note;
    char name[NAME_BYTES];
    struct weir_delivery held; /* the note's */
    bool holds, told, again;   /* again: a sensor sends what the store has */
    int64_t tell_at_ns;
    /* shared, under the lock */
    pthread_mutex_t lock;
    struct weir_collected count; /* of what the writer does not see */
    struct seen_sensor sensor[SENSORS_SHOWN];
    unsigned sensors, last;
    struct weir_transport_account queue;
    char trouble[300];
    struct weir_error failure; /* of the transport */
};

/* --- what the writer asks for; its thread --- */

static void fail(struct weir_collect *collect, const struct weir_error *error)
{
    pthread_mutex_lock(&collect->lock);
    if (collect->failure.code == WEIR_OK)
        collect->failure = *error;
    pthread_mutex_unlock(&collect->lock);
    atomic_store_explicit(&collect->stop, true, memory_order_relaxed);
}

/* How long the batches of these sensors take. */
static void put_service(struct weir_collect *collect, struct weir_mark *mark, size_t count)
{
    pthread_mutex_lock(&collect->lock);
    for (size_t i = 0; i < count; i++)
        for (unsigned at = 0; at < collect->sensors; at++)
            if (!memcmp(collect->sensor[at].id, mark[i].sensor, sizeof mark[i].sensor) &&
                collect->sensor[at].boot == mark[i].boot)
                mark[i].service_ns = collect->sensor[at].service_ns;
    pthread_mutex_unlock(&collect->lock);
}

/* The marks that have changed, to the sensors. */
static void tell(void *context)
{
    struct weir_collect *collect = context;
    struct weir_mark mark[MARKS];
    struct weir_error error = {0};
    collect->again = false;
    collect->tell_at_ns = weir_clock_mono_ns() + repeat_ns;
    for (size_t n; (n = weir_store_marks(collect->store, mark, MARKS)) > 0;) {
        put_service(collect, mark, n);
        if (weir_collector_end_commit(collect->end, mark, n, &error) != WEIR_OK) {
            fail(collect, &error);
            return;
        }
    }
}

/* Once a turn: what others may want to know of the end. */
static void look(struct weir_collect *collect)
{
    struct weir_transport_account queue;
    char trouble[sizeof collect->trouble] = "";
    weir_collector_end_account(collect->end, &queue);
    if (!weir_collector_end_trouble(collect->end, trouble, sizeof trouble))
        trouble[0] = 0;
    pthread_mutex_lock(&collect->lock);
    collect->queue = queue;
    memcpy(collect->trouble, trouble, sizeof trouble);
    pthread_mutex_unlock(&collect->lock);
}

static void let_go(struct weir_collect *collect)
{
    if (collect->holds)
        weir_collector_end_release(collect->end, &collect->held);
    collect->holds = false;
}

/* Counts a frame by its sensor, under the lock. */
static void count_sensor(struct weir_collect *collect, const struct weir_batch_id *id, const char *name, unsigned rows,
                         bool known)
{
    unsigned at = collect->last;
    if (at >= collect->sensors || memcmp(collect->sensor[at].id, id->sensor, sizeof id->sensor) != 0)
        for (at = 0; at < collect->sensors && memcmp(collect->sensor[at].id, id->sensor, sizeof id->sensor) != 0;)
            at++;
    if (at == collect->sensors) {
        collect->count.sensors++;
        if (at == SENSORS_SHOWN) { /* in the place of the one that has been silent longest */
            at = 0;
            for (unsigned i = 1; i < SENSORS_SHOWN; i++)
                if (collect->sensor[i].last_ns < collect->sensor[at].last_ns)
                    at = i;
        } else {
            collect->sensors++;
        }
        collect->sensor[at] = (struct seen_sensor){0};
        memcpy(collect->sensor[at].id, id->sensor, sizeof id->sensor);
    }
    struct seen_sensor *sensor = &collect->sensor[at];
    collect->last = at;
    snprintf(sensor->name, sizeof sensor->name, "%.63s", name);
    weir_names_clean(sensor->name); /* it may have been cut within a character */
    if (id->boot > sensor->boot)
        sensor->service_ns = 0;
    if (id->boot > sensor->boot)
        sensor->boot = id->boot;
    sensor->frames++;
    sensor->rows += known ? 0 : rows;
    sensor->duplicates += known;
    sensor->last_ns = weir_clock_mono_ns();
}

/* True for what is to be kept. */
static bool is_new(struct weir_collect *collect, const struct weir_batch_id *id, const char *name, unsigned rows)
{
    snprintf(collect->name, sizeof collect->name, "%.255s", name);
    weir_names_clean(collect->name);
    enum weir_mark_state state = weir_store_ask(collect->store, id);
    pthread_mutex_lock(&collect->lock);
    count_sensor(collect, id, collect->name, rows, state == WEIR_MARK_HAVE);
    collect->count.duplicates += state == WEIR_MARK_HAVE;
    collect->count.duplicate_rows += state == WEIR_MARK_HAVE ? rows : 0;
    collect->count.far += state == WEIR_MARK_FAR;
    pthread_mutex_unlock(&collect->lock);
    if (state == WEIR_MARK_HAVE) {
        weir_store_tell(collect->store, id);
        collect->again = true;
    }
    return state == WEIR_MARK_NEW;
}

/* What a batch that is new tells of its sensor. */
static void learn(struct weir_collect *collect, const struct weir_verdict_frame *frame)
{
    const struct weir_verdicts *verdicts = &collect->verdicts;
    int64_t took_ns = verdicts->scored_ns[frame->rows - 1] - collect->batch.handed_ns;
    pthread_mutex_lock(&collect->lock);
    struct seen_sensor *sensor = &collect->sensor[collect->last];
    sensor->degraded += frame->alerts_only ? frame->rows - frame->alerts : 0;
    if (frame->handed_ns && frame->boot == sensor->boot) {
        int64_t known = sensor->service_ns;
        known += !known ? took_ns : took_ns > known ? (took_ns - known) / 4 : (took_ns - known) / 64;
        sensor->service_ns = known > 0 ? known : 1; /* clocks that differ */
    }
    pthread_mutex_unlock(&collect->lock);
}

static weir_err take_verdicts(struct weir_collect *collect, const struct weir_delivery *delivery, struct weir_writer_item *out,
                              struct weir_error *error)
{
    struct weir_verdict_frame frame;
    weir_err code = weir_verdict_frame_open(delivery->bytes, delivery->size, "verdicts", &frame, error);
    if (code != WEIR_OK)
        return code;
    struct weir_batch_id id = {.boot = frame.boot, .lane = frame.lane, .seq = frame.seq};
    memcpy(id.sensor, frame.sensor, sizeof id.sensor);
    if (!is_new(collect, &id, frame.sensor_name, frame.rows))
        return WEIR_OK;
    if (!weir_names_lend(&collect->names, &frame, &collect->verdicts))
        return weir_fail(error, WEIR_ERR_MEMORY, "verdicts: out of memory");
    weir_verdict_frame_read(&frame, weir_clock_wall_ns() - weir_clock_mono_ns(), &collect->verdicts);
    memcpy(collect->origin.sensor, id.sensor, sizeof id.sensor);
    learn(collect, &frame);
    out->verdicts = &collect->verdicts;
    return WEIR_OK;
}

static weir_err take_note(struct weir_collect *collect, const struct weir_delivery *delivery, struct weir_writer_item *out,
                          struct weir_error *error)
{
    weir_err code = weir_note_frame_open(delivery->bytes, delivery->size, "note", &collect->note, error);
    if (code != WEIR_OK)
        return code;
    struct weir_batch_id id = {.boot = collect->note.boot, .lane = WEIR_NOTE_LANE, .seq = collect->note.seq};
    memcpy(id.sensor, collect->note.sensor, sizeof id.sensor);
    if (!is_new(collect, &id, collect->note.name, 0))
        return WEIR_OK;
    collect->note.name = collect->name;
    collect->held = *delivery;
    collect->holds = true; /* the text lies there */
    out->note = &collect->note;
    return WEIR_OK;
}

/* One frame. True when there is something for the writer. */
static bool accept(struct weir_collect *collect, const struct weir_delivery *delivery, struct weir_writer_item *out)
{
    struct weir_error error = {0};
    weir_err code;
    unsigned kind = weir_frame_kind(delivery->bytes, delivery->size);
    if (kind == WEIR_FRAME_VERDICTS)
        code = take_verdicts(collect, delivery, out, &error);
    else if (kind == WEIR_FRAME_NOTE)
        code = take_note(collect, delivery, out, &error);
    else
        code = weir_fail(&error, WEIR_ERR_FORMAT,
                         "a frame of kind %u, no verdicts and no note: is a sensor connected to --results?", kind);
    pthread_mutex_lock(&collect->lock);
    collect->count.frames++;
    collect->count.refused += code != WEIR_OK && code != WEIR_ERR_MEMORY;
    pthread_mutex_unlock(&collect->lock);
    if (code == WEIR_ERR_MEMORY)
        fail(collect, &error);
    else if (code != WEIR_OK && weir_collector_end_refuse(collect->end, delivery, error.text, &error) != WEIR_OK)
        fail(collect, &error);
    else if (code == WEIR_OK && !collect->holds)
        weir_collector_end_release(collect->end, delivery);
    return code == WEIR_OK && (out->verdicts || out->note);
}

static bool stopped(void *context)
{
    struct weir_collect *collect = context;
    return atomic_load_explicit(&collect->stop, memory_order_relaxed);
}

static bool take(void *context, int64_t timeout_ns, struct weir_writer_item *out)
{
    struct weir_collect *collect = context;
    int64_t now = weir_clock_mono_ns(), until = now + timeout_ns;
    let_go(collect);
    if (!collect->told) { /* what was there before */
        tell(collect);
        collect->told = true;
    }
    do {
        struct weir_delivery delivery;
        struct weir_error error = {0};
        int64_t wait = until - now < look_ns ? until - now : look_ns;
        weir_err code = weir_collector_end_take(collect->end, wait > 0 ? wait : 0, &delivery, &error);
        if (code == WEIR_OK && accept(collect, &delivery, out))
            return true;
        if (code == WEIR_ERR_AGAIN)
            look(collect);
        else if (code != WEIR_OK)
            fail(collect, &error);
        now = weir_clock_mono_ns();
        if (collect->again && now >= collect->tell_at_ns)
            tell(collect);
    } while (!stopped(collect) && now < until);
    return false;
}

static void give(void *context, struct weir_verdicts *verdicts) /* the one room; it is used again with the next take */
{
    (void)context;
    (void)verdicts;
}

static void committed(void *context)
{
    struct weir_collect *collect = context;
    tell(collect);
    look(collect);
}

static bool pressed(void *context)
{
    struct weir_collect *collect = context;
    return weir_collector_end_pressed(collect->end);
}

/* No room: nothing is taken, but sensors that ask for their marks get them. */
static void rest(void *context, int64_t timeout_ns)
{
    struct weir_collect *collect = context;
    struct weir_error error = {0};
    let_go(collect);
    for (int64_t until = weir_clock_mono_ns() + timeout_ns; !stopped(collect) && weir_clock_mono_ns() < until;) {
        struct timespec pause = {.tv_nsec = look_ns};
        nanosleep(&pause, NULL);
        if (weir_collector_end_commit(collect->end, NULL, 0, &error) != WEIR_OK)
            fail(collect, &error);
        look(collect);
    }
}

static void *work(void *context)
{
    struct weir_collect *collect = context;
    weir_writer_run(collect->writer);
    let_go(collect);
    tell(collect); /* of what the end has committed */
    look(collect);
    atomic_store_explicit(&collect->over, true, memory_order_release);
    return NULL;
}

/* --- the owner's --- */

weir_err weir_collect_start(const struct weir_collect_config *config, struct weir_collect **out, struct weir_error *error)
{
    weir_err code = WEIR_ERR_MEMORY;
    struct weir_collect *collect = *out = calloc(1, sizeof *collect);
    if (!collect) {
        struct weir_collector_end *end = config->end;
        weir_collector_end_close(&end, 0);
        return weir_fail(error, code, "collector: out of memory");
    }
    pthread_mutex_init(&collect->lock, NULL);
    collect->end = config->end;
    collect->on_full = config->on_full;
    collect->verdicts.batch = &collect->batch;
    collect->verdicts.origin = &collect->origin;
    collect->origin.name = collect->name;
    collect->started_ns = weir_clock_mono_ns();
    const struct weir_store_config store = {.path = config->store,
                                            .sensor = config->name,
                                            .command = config->command,
                                            .lake = config->lake,
                                            .memory_bytes = config->store_memory,
                                            .rotate_bytes = config->rotate_bytes,
                                            .retention = config->retention,
                                            .collects = true,
                                            .without_room = config->on_full != WEIR_ON_FULL_STOP};
    if ((code = weir_store_open(&store, &collect->store, error)) != WEIR_OK)
        goto fail;
    snprintf(collect->run, sizeof collect->run, "%s", weir_store_run(collect->store));
    if (config->eve && (code = weir_eve_open(config->eve, config->name, &collect->eve, error)) != WEIR_OK)
        goto fail;
    struct weir_publish_config publish = {.url = config->publish, .sensor = config->name, .run = collect->run};
    if (config->transport) {
        publish.key = config->transport->key;
        publish.peers = config->transport->peers;
        publish.peer_count = config->transport->peer_count;
    }
    if (config->publish && (code = weir_publish_open(&publish, &collect->publish, error)) != WEIR_OK)
        goto fail;
    const struct weir_writer_config writer = {
        .source = {.context = collect,
                   .take = take,
                   .ended = stopped,
                   .give = give,
                   .committed = committed,
                   .pressed = pressed,
                   .rest = rest},
        .store = collect->store,
        .eve = collect->eve,
        .publish = collect->publish,
        .commit_interval_ns = config->commit_interval_ns ? config->commit_interval_ns : 250 * 1000000,
        .commit_rows = config->commit_rows ? config->commit_rows : 100000,
        .on_full = config->on_full == WEIR_ON_FULL_STOP ? WEIR_ON_FULL_STOP : WEIR_ON_FULL_WITHHOLD};
    if ((code = weir_writer_create(&writer, &collect->writer)) != WEIR_OK) {
        weir_fail(error, code, "collector: %s", weir_err_text(code));
        goto fail;
    }
    if (!collect->end && (code = weir_collector_end_open(config->transport, &collect->end, error)) != WEIR_OK)
        goto fail;
    if (pthread_create(&collect->thread, NULL, work, collect)) {
        code = weir_fail(error, WEIR_ERR_LIMIT, "cannot start the collector's thread");
        goto fail;
    }
    collect->started = true;
    return WEIR_OK;
fail:
    weir_collect_free(out);
    return code;
}

bool weir_collect_busy(struct weir_collect *collect)
{
    return !atomic_load_explicit(&collect->over, memory_order_acquire);
}

void weir_collect_stop(struct weir_collect *collect)
{
    atomic_store_explicit(&collect->stop, true, memory_order_relaxed);
}

void weir_collect_account(struct weir_collect *collect, struct weir_account *account)
{
    memset(account, 0, sizeof *account);
    weir_writer_account(collect->writer, account);
    account->rows.batched = account->rows.scored;
    account->seconds = (double)(weir_clock_mono_ns() - collect->started_ns) / 1e9;
    pthread_mutex_lock(&collect->lock);
    account->collected = collect->count;
    account->collected.queue = collect->queue;
    pthread_mutex_unlock(&collect->lock);
    account->collected.used = true;
    weir_writer_collected(collect->writer, &account->collected);
}

unsigned weir_collect_alerts(struct weir_collect *collect, struct weir_alert_line *lines)
{
    return weir_writer_alerts(collect->writer, lines);
}

void weir_collect_limit(struct weir_collect *collect, uint64_t rotate_bytes, const struct weir_retention *retention)
{
    weir_writer_limit(collect->writer, rotate_bytes, retention);
}

void weir_collect_health(struct weir_collect *collect, const char *account_json)
{
    weir_writer_health(collect->writer, account_json);
}

const char *weir_collect_run(const struct weir_collect *collect)
{
    return collect->run;
}

/* --- as a job --- */

static void job_stop(void *collect)
{
    weir_collect_stop(collect);
}

static void job_account(void *collect, struct weir_account *out)
{
    weir_collect_account(collect, out);
}

static weir_err job_sql(void *context, struct weir_sql **out, struct weir_error *error)
{
    struct weir_collect *collect = context;
    return weir_sql_attach(collect->store, WEIR_SQL_MEMORY, out, error);
}

/* Under the lock. */
static json_t *sensors_json(const struct weir_collect *collect)
{
    json_t *list = json_array();
    int64_t now = weir_clock_mono_ns();
    for (unsigned i = 0; i < collect->sensors; i++) {
        const struct seen_sensor *s = &collect->sensor[i];
        char id[WEIR_TEXT_ROOM];
        id[weir_text_uuid(weir_load_be64(s->id), weir_load_be64(s->id + 8), id)] = 0;
        json_array_append_new(list, json_pack("{s:s,s:s,s:I,s:I,s:I,s:I,s:I,s:f,s:f}", "sensor", s->name, "id", id, "boot",
                                              (json_int_t)s->boot, "frames", (json_int_t)s->frames, "rows", (json_int_t)s->rows,
                                              "duplicates", (json_int_t)s->duplicates, "degraded", (json_int_t)s->degraded,
                                              "until_verdict_us", (double)s->service_ns / 1e3, "silent_s",
                                              (double)(now - s->last_ns) / 1e9));
    }
    return list;
}

static void job_status(void *context, json_t *answer, char *problem, size_t size)
{
    struct weir_collect *collect = context;
    struct weir_alert_line lines[WEIR_ALERTS_SHOWN];
    struct weir_error error = {0};
    json_t *alerts = json_array();
    for (unsigned i = 0, n = weir_collect_alerts(collect, lines); i < n; i++)
        json_array_append_new(alerts, json_string(lines[i].text));
    json_object_set_new(answer, "alerts", alerts);
    if (weir_writer_status(collect->writer, &error) != WEIR_OK)
        snprintf(problem, size, "%s", error.text);
    else
        weir_writer_trouble(collect->writer, problem, size);
    pthread_mutex_lock(&collect->lock);
    json_object_set_new(answer, "sensors", sensors_json(collect));
    if (!*problem)
        snprintf(problem, size, "%s", collect->failure.code != WEIR_OK ? collect->failure.text : collect->trouble);
    pthread_mutex_unlock(&collect->lock);
}

struct weir_job weir_collect_job(struct weir_collect *collect)
{
    return (struct weir_job){.context = collect, .stop = job_stop, .account = job_account, .status = job_status, .sql = job_sql};
}

/* --- the end --- */

static void join(struct weir_collect *collect)
{
    if (!collect->started || collect->joined)
        return;
    weir_collect_stop(collect);
    pthread_join(collect->thread, NULL);
    collect->joined = true;
}

weir_err weir_collect_finish(struct weir_collect *collect, struct weir_account *account, struct weir_error *error)
{
    char why[256];
    struct weir_error inner = {0};
    join(collect);
    weir_err code = weir_writer_status(collect->writer, error);
    if (code == WEIR_OK && (code = collect->failure.code) != WEIR_OK && error)
        *error = collect->failure;
    weir_collect_account(collect, account);
    json_t *json = weir_account_json(account);
    char *text = json ? json_dumps(json, JSON_COMPACT) : NULL;
    weir_err finish = WEIR_OK;
    if (weir_store_is_open(collect->store))
        finish = weir_store_finish(collect->store, text ? text : "{}", &inner);
    free(text);
    json_decref(json);
    weir_err eve = weir_eve_close(&collect->eve, finish == WEIR_OK ? &inner : NULL);
    finish = finish == WEIR_OK ? eve : finish;
    weir_store_close(&collect->store);
    if (code == WEIR_OK && finish != WEIR_OK)
        code = weir_fail(error, finish, "%s", inner.text);
    if (!weir_account_check(account, why, sizeof why) && code == WEIR_OK)
        code = weir_fail(error, WEIR_ERR_MISMATCH, "the account does not add up: %s; this is a fault in weir, please report it",
                         why);
    return code;
}

void weir_collect_free(struct weir_collect **collect)
{
    if (!collect || !*collect)
        return;
    struct weir_collect *c = *collect;
    join(c);
    weir_collector_end_close(&c->end, repeat_ns); /* the last marks may be on their way */
    weir_writer_destroy(&c->writer);
    weir_eve_close(&c->eve, NULL);
    weir_publish_close(&c->publish);
    weir_store_close(&c->store);
    weir_names_fini(&c->names);
    pthread_mutex_destroy(&c->lock);
    free(c);
    *collect = NULL;
}
