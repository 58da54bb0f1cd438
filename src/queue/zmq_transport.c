/* ZeroMQ: batches PUSHed by the sensor, which binds, and PULLed by workers; verdicts PUSHed by workers, PULLed by the collector,
 * which binds, and publishes marks beside it. A full pipe makes its sender wait; what a dead peer's pipe held comes again. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>

#include "base/clock.h"
#include "batch/frame.h"
#include "queue/frame_peek.h"
#include "queue/grumble.h"
#include "queue/mark_table.h"
#include "queue/slots.h"
#include "queue/transport_ops.h"
#include "queue/zmq_link.h"

enum {
    DEPTH_SEND = 32, /* frames a peer: what a slow worker can keep from a quick one */
    DEPTH_TAKE = 16,
    DEPTH_RESULTS = 512, /* each side's: workers go on while the collector commits 100,000 rows */
    MARKS_HWM = 10000,
    TURN_MS = 100, /* longest sleep: connections are looked after in between */
    LISTS_MAX = 256
};
static const int64_t second_ns = 1000000000;

/* As one message: the sensor's id, which is the topic, then marks. */
enum { MARK_RECORD = 8 + 4 + WEIR_MARK_BYTES, MARKS_A_MESSAGE = 64 };

static int hwm(const struct weir_transport_config *config, int usual)
{
    return config->depth ? (int)config->depth : usual;
}

/* libzmq copies a frame before it finds out that there is no room. */
static bool has_room(const struct weir_zmq_link *link)
{
    int events = 0;
    size_t size = sizeof events;
    return !link->full || zmq_getsockopt(link->socket, ZMQ_EVENTS, &events, &size) || events & ZMQ_POLLOUT;
}

static weir_err send_frame(struct weir_zmq_link *link, struct weir_transport_account *account, const void *bytes, size_t size,
                           int64_t timeout_ns, struct weir_error *error)
{
    int64_t until_ns = weir_clock_mono_ns() + timeout_ns;
    bool waited = false;
    if (size > WEIR_FRAME_BYTES_MAX)
        return weir_fail(error, WEIR_ERR_LIMIT, "%s: a frame of %zu bytes; %zu are the most", link->url.text, size,
                         WEIR_FRAME_BYTES_MAX);
    for (;;) {
        weir_zmq_link_tend(link);
        bool tried = has_room(link);
        link->full = !tried || zmq_send(link->socket, bytes, size, ZMQ_DONTWAIT) < 0;
        if (!link->full)
            break;
        int64_t left_ns = until_ns - weir_clock_mono_ns();
        if (tried && zmq_errno() != EAGAIN && zmq_errno() != EINTR)
            return weir_fail(error, WEIR_ERR_LIBRARY, "%s: cannot send: %s", link->url.text, zmq_strerror(zmq_errno()));
        account->waits += !waited;
        waited = true;
        if (left_ns <= 0)
            return weir_fail(error, WEIR_ERR_AGAIN, "%s: no room", link->url.text);
        zmq_pollitem_t item = {.socket = link->socket, .events = ZMQ_POLLOUT};
        zmq_poll(&item, 1, weir_zmq_ms(left_ns, TURN_MS));
    }
    account->frames++;
    account->bytes += size;
    return WEIR_OK;
}

/* --- the sensor --- */

struct zmq_sensor {
    struct weir_sensor_end end;
    struct weir_zmq_room room;
    struct weir_zmq_link batches, marks;
    uint8_t sensor[16];
    struct weir_mark_table known;
    int64_t ask_ns; /* when to ask for all marks again if none come */
};

static void sensor_close(struct weir_sensor_end *end, int64_t linger_ns)
{
    struct zmq_sensor *sensor = (struct zmq_sensor *)end;
    weir_zmq_link_close(&sensor->batches, linger_ns);
    weir_zmq_link_close(&sensor->marks, 0);
    weir_zmq_room_close(&sensor->room);
    weir_mark_table_fini(&sensor->known);
    free(sensor);
}

static weir_err sensor_open(const struct weir_transport_config *config, struct weir_sensor_end **out, struct weir_error *error)
{
    if (config->queues != 1 || !config->results)
        return weir_fail(
            error, WEIR_ERR_ARGUMENT,
            "a sensor needs one --queue to bind and, with zmq, --results: where the collector tells what is committed");
    struct zmq_sensor *sensor = calloc(1, sizeof *sensor);
    if (!sensor)
        return weir_fail(error, WEIR_ERR_MEMORY, "queue: out of memory");
    const struct weir_zmq_ask push = {ZMQ_PUSH, config->queue[0], .binds = true, .hwm = hwm(config, DEPTH_SEND)},
                              sub = {ZMQ_SUB, config->results, .marks = true, .hwm = MARKS_HWM};
    memcpy(sensor->sensor, config->sensor, sizeof sensor->sensor);
    weir_err code = weir_zmq_room_open(&sensor->room, config, error);
    if (code == WEIR_OK)
        code = weir_zmq_link_open(&sensor->batches, &sensor->room, &push, error);
    if (code == WEIR_OK)
        code = weir_zmq_link_open(&sensor->marks, &sensor->room, &sub, error);
    if (code == WEIR_OK)
        zmq_setsockopt(sensor->marks.socket, ZMQ_SUBSCRIBE, sensor->sensor, sizeof sensor->sensor);
    sensor->ask_ns = weir_clock_mono_ns() + 2 * second_ns;
    if (code != WEIR_OK)
        sensor_close(&sensor->end, 0);
    else
        *out = &sensor->end;
    return code;
}

static weir_err sensor_send(struct weir_sensor_end *end, const void *frame, size_t size, int64_t timeout_ns,
                            struct weir_error *error)
{
    struct zmq_sensor *sensor = (struct zmq_sensor *)end;
    return send_frame(&sensor->batches, &end->account, frame, size, timeout_ns, error);
}

static bool keep_marks(struct zmq_sensor *sensor, const uint8_t *bytes, size_t size)
{
    struct weir_mark mark = {0};
    if (size < 16 || (size - 16) % MARK_RECORD || memcmp(bytes, sensor->sensor, 16))
        return true; /* not ours: whatever it is, it moves nothing */
    memcpy(mark.sensor, bytes, 16);
    for (size_t at = 16; at < size; at += MARK_RECORD) {
        memcpy(&mark.boot, bytes + at, 8);
        memcpy(&mark.lane, bytes + at + 8, 4);
        weir_mark_read(&mark, bytes + at + 12);
        if (!weir_mark_table_put(&sensor->known, &mark))
            return false;
    }
    return true;
}

static weir_err sensor_marks(struct weir_sensor_end *end, int64_t timeout_ns, struct weir_mark *out, size_t room, size_t *count,
                             struct weir_error *error)
{
    struct zmq_sensor *sensor = (struct zmq_sensor *)end;
    int64_t until_ns = weir_clock_mono_ns() + timeout_ns;
    for (;;) {
        zmq_msg_t message;
        weir_zmq_link_tend(&sensor->marks);
        weir_zmq_link_tend(&sensor->batches);
        end->account.reconnects = sensor->marks.reconnects;
        int64_t now_ns = weir_clock_mono_ns();
        zmq_msg_init(&message);
        bool good = true;
        while (good && zmq_msg_recv(&message, sensor->marks.socket, ZMQ_DONTWAIT) >= 0) {
            good = keep_marks(sensor, zmq_msg_data(&message), zmq_msg_size(&message));
            sensor->ask_ns = now_ns + 2 * second_ns;
        }
        zmq_msg_close(&message);
        if (!good)
            return weir_fail(error, WEIR_ERR_MEMORY, "%s: out of memory for marks", sensor->marks.url.text);
        if ((*count = weir_mark_table_take(&sensor->known, out, room)) || now_ns >= until_ns)
            return WEIR_OK;
        if (now_ns >= sensor->ask_ns) { /* the collector answers a subscription with all that it knows */
            zmq_setsockopt(sensor->marks.socket, ZMQ_UNSUBSCRIBE, sensor->sensor, sizeof sensor->sensor);
            zmq_setsockopt(sensor->marks.socket, ZMQ_SUBSCRIBE, sensor->sensor, sizeof sensor->sensor);
            sensor->ask_ns = now_ns + 2 * second_ns;
        }
        zmq_pollitem_t item = {.socket = sensor->marks.socket, .events = ZMQ_POLLIN};
        zmq_poll(&item, 1, weir_zmq_ms(until_ns - now_ns, TURN_MS));
    }
}

static bool sensor_trouble(const struct weir_sensor_end *end, char *text, size_t size)
{
    const struct zmq_sensor *sensor = (const struct zmq_sensor *)end;
    return weir_zmq_link_trouble(&sensor->batches, "no worker", text, size) ||
           weir_zmq_link_trouble(&sensor->marks, "", text, size);
}

/* --- a worker --- */

struct zmq_source {
    struct weir_zmq_link link;
    bool held; /* a list that the filter does not take */
    uint64_t list;
};

struct zmq_worker {
    struct weir_worker_end end;
    struct weir_zmq_room room;
    struct zmq_source *source;
    zmq_pollitem_t *item;
    size_t sources, turn;
    struct weir_zmq_link results;
    struct weir_slots slots;
    uint64_t yes[LISTS_MAX]; /* lists that the filter takes */
    size_t yes_count;
    struct weir_grumble grumble;
};

static void worker_close(struct weir_worker_end *end, int64_t linger_ns)
{
    struct zmq_worker *worker = (struct zmq_worker *)end;
    for (size_t i = 0; i < worker->sources; i++)
        weir_zmq_link_close(&worker->source[i].link, 0);
    weir_zmq_link_close(&worker->results, linger_ns);
    weir_zmq_room_close(&worker->room);
    weir_slots_fini(&worker->slots);
    free(worker->source);
    free(worker->item);
    free(worker);
}

static weir_err worker_open(const struct weir_transport_config *config, struct weir_worker_end **out, struct weir_error *error)
{
    if (!config->queues || !config->results)
        return weir_fail(error, WEIR_ERR_ARGUMENT, "with zmq, give --queue for batches and --results for verdicts");
    struct zmq_worker *worker = calloc(1, sizeof *worker);
    if (!worker)
        return weir_fail(error, WEIR_ERR_MEMORY, "queue: out of memory");
    const struct weir_zmq_ask push = {ZMQ_PUSH, config->results, .hwm = hwm(config, DEPTH_RESULTS)};
    weir_err code = WEIR_ERR_MEMORY;
    worker->source = calloc(config->queues, sizeof *worker->source);
    worker->item = calloc(config->queues, sizeof *worker->item);
    if (!worker->source || !worker->item)
        weir_fail(error, code, "queue: out of memory");
    else
        code = weir_zmq_room_open(&worker->room, config, error);
    if (code == WEIR_OK)
        code = weir_zmq_link_open(&worker->results, &worker->room, &push, error);
    for (; code == WEIR_OK && worker->sources < config->queues; worker->sources++) {
        const struct weir_zmq_ask pull = {ZMQ_PULL, config->queue[worker->sources], .hwm = hwm(config, DEPTH_TAKE)};
        code = weir_zmq_link_open(&worker->source[worker->sources].link, &worker->room, &pull, error);
        worker->item[worker->sources] =
            (zmq_pollitem_t){.socket = worker->source[worker->sources].link.socket, .events = ZMQ_POLLIN};
    }
    if (code != WEIR_OK)
        worker_close(&worker->end, 0);
    else
        *out = &worker->end;
    return code;
}

static void refilter(struct weir_worker_end *end)
{
    struct zmq_worker *worker = (struct zmq_worker *)end;
    worker->yes_count = 0;
    end->account.unscorable = 0;
    for (size_t i = 0; i < worker->sources; i++) {
        worker->source[i].held = false;
        weir_zmq_link_join(&worker->source[i].link);
    }
}

/* Asks the filter about a list that has not turned up before. What is no good frame is let through: the worker refuses it. */
static bool wanted(struct zmq_worker *worker, const struct weir_delivery *delivery)
{
    struct weir_frame_peek peek;
    struct weir_frame frame;
    if (!worker->end.can_score || !weir_frame_peek(delivery->bytes, delivery->size, &peek) || peek.kind != WEIR_PEEK_BATCH)
        return true;
    for (size_t i = 0; i < worker->yes_count; i++)
        if (worker->yes[i] == peek.column_list)
            return true;
    if (weir_frame_open(delivery->bytes, delivery->size, "frame", &frame, NULL) != WEIR_OK)
        return true;
    const char *names[WEIR_FRAME_COLUMNS_MAX];
    weir_frame_names(&frame, names);
    if (!worker->end.can_score(worker->end.context, frame.feature_set, NULL, frame.column_list, names, frame.columns))
        return false;
    worker->yes[worker->yes_count < LISTS_MAX ? worker->yes_count++ : 0] = frame.column_list;
    return true;
}

static bool receive(struct zmq_worker *worker, struct zmq_source *source, struct weir_delivery *out)
{
    zmq_msg_t message;
    struct weir_transport_account *account = &worker->end.account;
    bool got = false;
    zmq_msg_init(&message);
    while (!got && zmq_msg_recv(&message, source->link.socket, ZMQ_DONTWAIT) >= 0) {
        int slot = weir_slots_put(&worker->slots, zmq_msg_data(&message), zmq_msg_size(&message));
        if (slot < 0)
            break; /* no memory: it comes again */
        *out = (struct weir_delivery){worker->slots.slot[slot].bytes, zmq_msg_size(&message), (uint64_t)slot};
        got = wanted(worker, out);
        if (!got) { /* it stays at the sensor, or goes to another worker; this one comes again */
            struct weir_frame_peek peek = {0};
            weir_frame_peek(out->bytes, out->size, &peek);
            source->held = true;
            source->list = peek.column_list;
            account->unscorable++;
            weir_slots_give(&worker->slots, (size_t)slot);
            weir_zmq_link_cut(&source->link);
            break;
        }
        account->frames++;
        account->bytes += out->size;
    }
    zmq_msg_close(&message);
    return got;
}

static weir_err worker_take(struct weir_worker_end *end, int64_t timeout_ns, struct weir_delivery *out, struct weir_error *error)
{
    struct zmq_worker *worker = (struct zmq_worker *)end;
    int64_t until_ns = weir_clock_mono_ns() + timeout_ns;
    if (worker->slots.busy >= WEIR_SLOTS_HANDED)
        return weir_fail(error, WEIR_ERR_LIMIT, "more than %d frames under way at a worker", WEIR_SLOTS_HANDED);
    for (;;) {
        weir_zmq_link_tend(&worker->results);
        uint64_t reconnects = worker->results.reconnects;
        for (size_t i = 0; i < worker->sources; i++) {
            weir_zmq_link_tend(&worker->source[i].link);
            reconnects += worker->source[i].link.reconnects;
        }
        end->account.reconnects = reconnects;
        for (size_t i = 0; i < worker->sources; i++) {
            struct zmq_source *source = &worker->source[worker->turn++ % worker->sources];
            if (!source->held && receive(worker, source, out))
                return WEIR_OK;
        }
        int64_t left_ns = until_ns - weir_clock_mono_ns();
        if (left_ns <= 0)
            return weir_fail(error, WEIR_ERR_AGAIN, "no batch");
        zmq_poll(worker->item, (int)worker->sources, weir_zmq_ms(left_ns, TURN_MS));
    }
}

static weir_err publish(struct weir_worker_end *end, const struct weir_delivery *delivery, const void *verdicts, size_t size,
                        int64_t timeout_ns, struct weir_error *error)
{
    struct zmq_worker *worker = (struct zmq_worker *)end;
    struct weir_transport_account sent = {0};
    weir_err code = send_frame(&worker->results, &sent, verdicts, size, timeout_ns, error);
    end->account.waits += sent.waits;
    if (code == WEIR_OK)
        weir_slots_give(&worker->slots, (size_t)delivery->token);
    return code;
}

static weir_err worker_refuse(struct weir_worker_end *end, const struct weir_delivery *delivery, const char *why,
                              struct weir_error *error)
{
    struct zmq_worker *worker = (struct zmq_worker *)end;
    end->account.refused++;
    weir_grumble(&worker->grumble, why);
    weir_slots_give(&worker->slots, (size_t)delivery->token);
    return WEIR_OK;
}

static weir_err flush(struct weir_worker_end *end, struct weir_error *error)
{
    return WEIR_OK; /* libzmq sends by itself */
}

static bool worker_trouble(const struct weir_worker_end *end, char *text, size_t size)
{
    const struct zmq_worker *worker = (const struct zmq_worker *)end;
    for (size_t i = 0; i < worker->sources; i++) {
        const struct zmq_source *source = &worker->source[i];
        if (source->held) {
            snprintf(text, size, "%s: column list %016llx is not one that the model can score; its batches stay at the sensor",
                     source->link.url.text, (unsigned long long)source->list);
            return true;
        }
        if (weir_zmq_link_trouble(&source->link, "", text, size))
            return true;
    }
    return weir_zmq_link_trouble(&worker->results, "", text, size);
}

/* --- the collector --- */

struct zmq_collector {
    struct weir_collector_end end;
    struct weir_zmq_room room;
    struct weir_zmq_link results, marks;
    struct weir_slots slots;
    struct weir_mark_table known; /* fresh: to be repeated once, as the first time may have been lost */
    int64_t repeat_ns;
    struct weir_grumble grumble;
};

static void collector_close(struct weir_collector_end *end, int64_t linger_ns)
{
    struct zmq_collector *collector = (struct zmq_collector *)end;
    weir_zmq_link_close(&collector->results, 0);
    weir_zmq_link_close(&collector->marks, linger_ns);
    weir_zmq_room_close(&collector->room);
    weir_slots_fini(&collector->slots);
    weir_mark_table_fini(&collector->known);
    free(collector);
}

static weir_err collector_open(const struct weir_transport_config *config, struct weir_collector_end **out,
                               struct weir_error *error)
{
    if (!config->results)
        return weir_fail(error, WEIR_ERR_ARGUMENT, "with zmq, give --results: the address to collect verdicts at");
    struct zmq_collector *collector = calloc(1, sizeof *collector);
    if (!collector)
        return weir_fail(error, WEIR_ERR_MEMORY, "queue: out of memory");
    const struct weir_zmq_ask pull = {ZMQ_PULL, config->results, .binds = true, .hwm = hwm(config, DEPTH_RESULTS)},
                              pub = {ZMQ_XPUB, config->results, .binds = true, .marks = true, .hwm = MARKS_HWM};
    int verbose = 1;
    weir_err code = weir_zmq_room_open(&collector->room, config, error);
    if (code == WEIR_OK)
        code = weir_zmq_link_open(&collector->marks, &collector->room, &pub, error);
    if (code == WEIR_OK) {
        zmq_setsockopt(collector->marks.socket, ZMQ_XPUB_VERBOSE, &verbose, sizeof verbose);
        code = weir_zmq_link_open(&collector->results, &collector->room, &pull, error);
    }
    if (code != WEIR_OK)
        collector_close(&collector->end, 0);
    else
        *out = &collector->end;
    return code;
}

static size_t put_mark(const struct weir_mark *mark, uint8_t *out)
{
    memcpy(out, &mark->boot, 8);
    memcpy(out + 8, &mark->lane, 4);
    weir_mark_write(mark, out + 12);
    return MARK_RECORD;
}

/* Sends the marks from `first` on that are this sensor's (those that are fresh, or all) and returns the place behind them. */
static size_t send_marks(struct zmq_collector *collector, size_t first, bool all)
{
    uint8_t message[16 + MARKS_A_MESSAGE * MARK_RECORD];
    const struct weir_mark_table *known = &collector->known;
    const uint8_t *sensor = known->item[first].mark.sensor;
    size_t used = 16, i = first;
    memcpy(message, sensor, 16);
    for (; i < known->count && !memcmp(known->item[i].mark.sensor, sensor, 16); i++) {
        if (!all && !known->item[i].fresh)
            continue;
        used += put_mark(&known->item[i].mark, message + used);
        if (used == sizeof message) {
            zmq_send(collector->marks.socket, message, used, ZMQ_DONTWAIT);
            used = 16;
        }
    }
    if (used > 16)
        zmq_send(collector->marks.socket, message, used, ZMQ_DONTWAIT);
    return i;
}

static void tend_marks(struct zmq_collector *collector)
{
    struct weir_mark_table *known = &collector->known;
    uint8_t message[64];
    weir_zmq_link_tend(&collector->marks);
    for (int n; (n = zmq_recv(collector->marks.socket, message, sizeof message, ZMQ_DONTWAIT)) >= 0;)
        if (n == 17 && message[0] == 1) {
            size_t first = weir_mark_table_first(known, message + 1);
            if (first < known->count && !memcmp(known->item[first].mark.sensor, message + 1, 16))
                send_marks(collector, first, true);
        }
    int64_t now_ns = weir_clock_mono_ns();
    if (now_ns < collector->repeat_ns)
        return;
    for (size_t i = 0; i < known->count;)
        i = send_marks(collector, i, false);
    for (size_t i = 0; i < known->count; i++)
        known->item[i].fresh = false;
    collector->repeat_ns = now_ns + second_ns;
}

static weir_err collector_take(struct weir_collector_end *end, int64_t timeout_ns, struct weir_delivery *out,
                               struct weir_error *error)
{
    struct zmq_collector *collector = (struct zmq_collector *)end;
    int64_t until_ns = weir_clock_mono_ns() + timeout_ns;
    if (collector->slots.busy >= WEIR_SLOTS_HANDED)
        return weir_fail(error, WEIR_ERR_LIMIT, "more than %d frames under way at the collector", WEIR_SLOTS_HANDED);
    for (;;) {
        zmq_msg_t message;
        weir_zmq_link_tend(&collector->results);
        tend_marks(collector);
        zmq_msg_init(&message);
        int slot = -1;
        if (zmq_msg_recv(&message, collector->results.socket, ZMQ_DONTWAIT) >= 0 &&
            (slot = weir_slots_put(&collector->slots, zmq_msg_data(&message), zmq_msg_size(&message))) >= 0) {
            *out = (struct weir_delivery){collector->slots.slot[slot].bytes, zmq_msg_size(&message), (uint64_t)slot};
            end->account.frames++;
            end->account.bytes += out->size;
        }
        zmq_msg_close(&message);
        if (slot >= 0)
            return WEIR_OK;
        int64_t left_ns = until_ns - weir_clock_mono_ns();
        if (left_ns <= 0)
            return weir_fail(error, WEIR_ERR_AGAIN, "no verdicts");
        zmq_pollitem_t items[] = {{.socket = collector->results.socket, .events = ZMQ_POLLIN},
                                  {.socket = collector->marks.socket, .events = ZMQ_POLLIN}};
        zmq_poll(items, 2, weir_zmq_ms(left_ns, TURN_MS));
    }
}

static void release(struct weir_collector_end *end, const struct weir_delivery *delivery)
{
    weir_slots_give(&((struct zmq_collector *)end)->slots, (size_t)delivery->token);
}

static weir_err collector_refuse(struct weir_collector_end *end, const struct weir_delivery *delivery, const char *why,
                                 struct weir_error *error)
{
    struct zmq_collector *collector = (struct zmq_collector *)end;
    end->account.refused++;
    weir_grumble(&collector->grumble, why);
    release(end, delivery);
    return WEIR_OK;
}

static weir_err commit(struct weir_collector_end *end, const struct weir_mark *marks, size_t count, struct weir_error *error)
{
    struct zmq_collector *collector = (struct zmq_collector *)end;
    tend_marks(collector);
    for (size_t i = 0; i < count; i++) {
        uint8_t message[16 + MARK_RECORD];
        if (!weir_mark_table_put(&collector->known, &marks[i]))
            return weir_fail(error, WEIR_ERR_MEMORY, "%s: out of memory for marks", collector->marks.url.text);
        memcpy(message, marks[i].sensor, 16);
        put_mark(&marks[i], message + 16);
        zmq_send(collector->marks.socket, message, sizeof message, ZMQ_DONTWAIT);
    }
    return WEIR_OK;
}

static bool collector_trouble(const struct weir_collector_end *end, char *text, size_t size)
{
    return weir_zmq_link_trouble(&((const struct zmq_collector *)end)->results, "no worker", text, size);
}

const struct weir_transport_ops weir_transport_zmq = {
    .sensor_open = sensor_open,
    .send = sensor_send,
    .marks = sensor_marks,
    .sensor_trouble = sensor_trouble,
    .sensor_close = sensor_close,
    .worker_open = worker_open,
    .refilter = refilter,
    .worker_take = worker_take,
    .publish = publish,
    .worker_refuse = worker_refuse,
    .flush = flush,
    .worker_trouble = worker_trouble,
    .worker_close = worker_close,
    .collector_open = collector_open,
    .collector_take = collector_take,
    .release = release,
    .collector_refuse = collector_refuse,
    .commit = commit,
    .collector_trouble = collector_trouble,
    .collector_close = collector_close,
};
