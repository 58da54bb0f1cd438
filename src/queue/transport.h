/* Transports: how frames come from sensors to workers, verdicts from workers to the collector, and marks from the collector back
 * to the sensors, between processes and machines.
 *
 *   sensor ──batch frames──▶ worker ──verdict frames──▶ collector
 *      ▲                                                   │
 *      └───────────────────── marks ───────────────────────┘
 *
 * A transport may lose, repeat and reorder whatever it carries: delivery is end to end (docs/design.md, "Queue"). What it must
 * not do is lose silently when it could wait. Two stand behind this file:
 *
 *   zmq+ipc://PATH, zmq+tcp://HOST:PORT    PUSH/PULL: the sensor binds --queue, the collector binds --results and, one port or
 *                                          ".marks" further, the PUB of the marks; CURVE with a key
 *   redis://[[USER]:PASSWORD@]HOST[:PORT], redis+unix://[[USER]:PASSWORD@]PATH
 *                                          Streams with a consumer group; carries verdicts and marks, too
 *
 * An end belongs to one thread. Ends reconnect by themselves; what is wrong meanwhile is said by weir_transport_trouble.
 */
#ifndef WEIR_QUEUE_TRANSPORT_H
#define WEIR_QUEUE_TRANSPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "weir/error.h"

/* What the collector has committed of one (sensor, boot, lane): every sequence number below `next`, and next + 1 + i for each bit
 * i of `above` (next itself is missing, or it would not be `next`). */
#define WEIR_MARK_ABOVE 256
struct weir_mark {
    uint8_t sensor[16];
    uint64_t boot;
    uint32_t lane;
    uint64_t next;
    uint64_t above[WEIR_MARK_ABOVE / 64];
    int64_t service_ns; /* what the sensor's batches take from their handing on to their verdicts; 0: not known */
};

static inline bool weir_mark_covers(const struct weir_mark *mark, uint64_t seq)
{
    if (seq <= mark->next)
        return seq < mark->next;
    uint64_t bit = seq - mark->next - 1;
    return bit < WEIR_MARK_ABOVE && (mark->above[bit / 64] >> (bit % 64) & 1);
}

struct weir_transport_config {
    const char *const *queue; /* URLs; a sensor has one, a worker one or more of one scheme, a collector one (redis) or none */
    size_t queues;
    const char *results;            /* URL; NULL where the queue carries the verdicts */
    const char *key, *const *peers; /* CURVE: file of the own key pair; files of the public keys that may connect or are connected
                                       to; NULL: in the clear, over ipc and loopback only; zmq */
    size_t peer_count;
    unsigned depth;         /* frames that an end holds before it makes its user wait (high-water mark); 0: the transport's own */
    int64_t claim_after_ns; /* redis: idle time after which a worker takes over another's batch; 0: from the service time */
    /* a sensor's */
    uint8_t sensor[16];
    uint64_t column_list;
    const char *feature_set; /* "argus" */
    uint64_t feature_set_id;
    const char *const *columns; /* names, for those who look at the list */
    size_t column_count;
};

/* Whether a URL is one of these, and has a key where it needs one; nothing is opened. WEIR_ERR_UNSUPPORTED names what there is,
 * WEIR_ERR_ARGUMENT says what is wrong with it. */
weir_err weir_transport_check(const char *url, bool keyed, struct weir_error *error);

/* True when the queue of this URL also carries verdicts and marks, so that --results is not needed. */
bool weir_transport_carries_results(const char *url);

/* --- the sensor's end --- */
struct weir_sensor_end;

/* Config and pointers in it outlive the end. An address that does not answer is no error but trouble; one that cannot be bound, a
 * wrong password or key is: WEIR_ERR_IO, _ARGUMENT, _UNSUPPORTED. */
weir_err weir_sensor_end_open(const struct weir_transport_config *config, struct weir_sensor_end **out, struct weir_error *error);

/* Sends a frame (copied or sent on return). WEIR_ERR_AGAIN: no room within timeout_ns, nobody there to take it: keep it, come
 * again. Other errors are for ever. May be sent later together with others: weir_sensor_end_flush and _marks send. */
weir_err weir_sensor_end_send(struct weir_sensor_end *end, const void *frame, size_t size, int64_t timeout_ns,
                              struct weir_error *error);

/* No other frame is at hand: sends what it takes without waiting. To be called again, or _marks, until all is sent: an end has no
 * thread of its own. */
void weir_sensor_end_flush(struct weir_sensor_end *end);

/* The marks of this sensor (any boot) that have come since the last call; waits at most timeout_ns for the first. The first call
 * after the open, and after a connection has come back, brings all that the collector knows of the sensor as soon as it is
 * reached. *count 0: none. */
weir_err weir_sensor_end_marks(struct weir_sensor_end *end, int64_t timeout_ns, struct weir_mark *out, size_t room, size_t *count,
                               struct weir_error *error);

/* Closes; waits at most linger_ns for frames that are on their way. Sets *end to NULL; NULL-safe. */
void weir_sensor_end_close(struct weir_sensor_end **end, int64_t linger_ns);

/* --- a worker's end --- */
struct weir_worker_end;

struct weir_delivery {
    const uint8_t *bytes; /* 64-byte aligned, the end's */
    size_t size;
    uint64_t token; /* the end's own */
};

weir_err weir_worker_end_open(const struct weir_transport_config *config, struct weir_worker_end **out, struct weir_error *error);

/* Which column lists this worker can score, asked for each list that turns up (redis: stream names; zmq: frames say it). A list
 * that it cannot score stays where it is and is reported, once a list. */
typedef bool weir_can_score(void *context, uint64_t feature_set_id, const char *feature_set, uint64_t column_list,
                            const char *const *columns, size_t count);
void weir_worker_end_filter(struct weir_worker_end *end, weir_can_score *can_score, void *context);

/* The filter's answers may have changed (another model): ask again. */
void weir_worker_end_refilter(struct weir_worker_end *end);

/* The next frame; WEIR_ERR_AGAIN after timeout_ns. Several may be under way at once (at most 64); each is ended by exactly one of
 * the two functions below, in any order. */
weir_err weir_worker_end_take(struct weir_worker_end *end, int64_t timeout_ns, struct weir_delivery *out,
                              struct weir_error *error);

/* Hands the verdict frame on and takes the batch off the queue, in one step where the transport can (then *fenced tells that the
 * batch was no longer this worker's, and nothing was published). WEIR_ERR_AGAIN: no room within timeout_ns, try again. May be
 * sent later together with others: weir_worker_end_take and _flush send. */
weir_err weir_worker_end_publish(struct weir_worker_end *end, const struct weir_delivery *delivery, const void *verdicts,
                                 size_t size, int64_t timeout_ns, struct weir_error *error);

/* What cannot be decoded or scored: kept for people to look at (redis: weir:dead), or counted and logged (zmq). */
weir_err weir_worker_end_refuse(struct weir_worker_end *end, const struct weir_delivery *delivery, const char *why,
                                struct weir_error *error);

weir_err weir_worker_end_flush(struct weir_worker_end *end, struct weir_error *error);
void weir_worker_end_close(struct weir_worker_end **end, int64_t linger_ns);

/* --- the collector's end --- */
struct weir_collector_end;

weir_err weir_collector_end_open(const struct weir_transport_config *config, struct weir_collector_end **out,
                                 struct weir_error *error);

/* The next verdict or note frame; WEIR_ERR_AGAIN after timeout_ns. `out` is good until its weir_collector_end_release; at most 64
 * may be under way. */
weir_err weir_collector_end_take(struct weir_collector_end *end, int64_t timeout_ns, struct weir_delivery *out,
                                 struct weir_error *error);

/* The bytes are no longer needed. What was taken is off the transport only with the marks that cover it. */
void weir_collector_end_release(struct weir_collector_end *end, const struct weir_delivery *delivery);

/* What cannot be decoded: as weir_worker_end_refuse; releases. */
weir_err weir_collector_end_refuse(struct weir_collector_end *end, const struct weir_delivery *delivery, const char *why,
                                   struct weir_error *error);

/* What has been committed: told to the sensors, and trimmed from the transport. Called after each commit with the marks that have
 * changed, and at the start with all. zmq repeats what it knows when a sensor asks or connects. */
weir_err weir_collector_end_commit(struct weir_collector_end *end, const struct weir_mark *marks, size_t count,
                                   struct weir_error *error);

/* True when half of what may wait for the collector's commits has been taken since the last one: workers would soon wait, too. */
bool weir_collector_end_pressed(const struct weir_collector_end *end);
void weir_collector_end_close(struct weir_collector_end **end, int64_t linger_ns);

/* --- what each of them counts; `end` is any of the three --- */
struct weir_transport_account {
    uint64_t frames, bytes; /* sent or taken */
    uint64_t waits;         /* sends that found no room */
    uint64_t reconnects;
    uint64_t redelivered, claimed, refused, fenced, unscorable; /* redis: of the group, as far as this end sees it */
    uint64_t depth, lag, pending;                               /* redis: of the streams, a second old at most */
};
void weir_sensor_end_account(const struct weir_sensor_end *end, struct weir_transport_account *out);
void weir_worker_end_account(const struct weir_worker_end *end, struct weir_transport_account *out);
void weir_collector_end_account(const struct weir_collector_end *end, struct weir_transport_account *out);

/* What is wrong at the moment, for people ("redis://h:6379: connection refused, trying again in 2 s"); false: nothing. */
bool weir_sensor_end_trouble(const struct weir_sensor_end *end, char *text, size_t size);
bool weir_worker_end_trouble(const struct weir_worker_end *end, char *text, size_t size);
bool weir_collector_end_trouble(const struct weir_collector_end *end, char *text, size_t size);

#endif
