/* The publisher: verdicts to whoever subscribes, as they come, before they are stored. ZeroMQ PUB (docs/store.md, "Subscribers").
 *
 *   [topic: "flow" or "alert"] ["RUN NUMBER"] [an EVE JSON line]
 *
 * NUMBER counts the messages of a topic within a run, whether somebody hears them or not: a gap tells a subscriber what it has
 * missed. Best effort: who is not there or too slow misses messages, the writer never waits. Lines that nobody has subscribed to
 * are not made. One thread, but for the account.
 */
#ifndef WEIR_PIPELINE_PUBLISH_H
#define WEIR_PIPELINE_PUBLISH_H

#include "batch/verdict.h"
#include "queue/transport.h"

struct weir_publish;

struct weir_publish_config {
    const char *url; /* zmq+ipc://PATH, zmq+tcp://HOST:PORT: bound */
    const char *key; /* CURVE, as in struct weir_transport_config */
    const char *const *peers;
    size_t peer_count;
    const char *sensor, *run;
};

/* WEIR_ERR_ARGUMENT, _IO (address in use), _LIBRARY, _MEMORY. */
weir_err weir_publish_open(const struct weir_publish_config *config, struct weir_publish **out, struct weir_error *error);

void weir_publish_verdicts(struct weir_publish *publish, const struct weir_verdicts *verdicts);

/* Messages that were handed to subscribers. Any thread. */
uint64_t weir_publish_sent(const struct weir_publish *publish);

void weir_publish_close(struct weir_publish **publish); /* NULL-safe */

#endif
