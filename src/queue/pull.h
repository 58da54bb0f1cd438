/* A socket that others push flow records to: ZeroMQ PULL, bound at zmq+ipc://PATH or zmq+tcp://HOST:PORT; CURVE with a key.
 *
 * It loses nothing that it has room for: with `depth` messages waiting it takes no more, and who pushes waits. What is in it when
 * the process ends is lost, as with every plain PUSH: who needs more sends batches through a queue (queue/transport.h).
 *
 * One thread at a time; threads that take turns pass a lock between them.
 */
#ifndef WEIR_QUEUE_PULL_H
#define WEIR_QUEUE_PULL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "weir/error.h"

struct weir_pull;

struct weir_pull_config {
    const char *url;
    const char *key, *const *peers; /* as in weir_transport_config */
    size_t peer_count;
    unsigned depth; /* messages; 0: 1,000 */
};

/* True for the URLs of such sockets. */
bool weir_pull_is(const char *url);

/* WEIR_ERR_BUSY, _IO (address in use), _ARGUMENT (in the clear over a network, a wrong URL), those of keys, _LIBRARY. */
weir_err weir_pull_open(const struct weir_pull_config *config, struct weir_pull **out, struct weir_error *error);
void weir_pull_close(struct weir_pull **pull); /* sets it to NULL; NULL-safe */

/* The message at hand, or the next one; waits at most wait_ms. It stays until weir_pull_drop. False: none within the time. */
bool weir_pull_peek(struct weir_pull *pull, int wait_ms, const uint8_t **bytes, size_t *size);
void weir_pull_drop(struct weir_pull *pull);

/* Nobody can connect any more; what has come can be taken. */
void weir_pull_stop(struct weir_pull *pull);

#endif
