/* A Unix socket that answers lines: the transport under the control socket.
 *
 * One thread listens, each client has one of its own, WEIR_SOCKET_CLIENTS at most. A client sends lines, each gets its answer
 * before the next is read. Only the owner of the process and root are let in (mode 0600, and the kernel is asked who it is).
 * Lines longer than WEIR_SOCKET_LINE, clients that say nothing for WEIR_SOCKET_IDLE_S and clients that do not read their answer
 * for WEIR_SOCKET_SEND_S are hung up on. Start and stop: one owner.
 */
#ifndef WEIR_PIPELINE_SOCKET_H
#define WEIR_PIPELINE_SOCKET_H

#include <stdbool.h>
#include <stddef.h>

#include "weir/error.h"

#define WEIR_SOCKET_CLIENTS 8
#define WEIR_SOCKET_LINE    65536
#define WEIR_SOCKET_IDLE_S  60
#define WEIR_SOCKET_SEND_S  10

struct weir_socket;
struct weir_peer;

struct weir_socket_config {
    const char *path; /* copied */
    /* Called in a client's thread with one line (no line end, no NUL). Sends what it likes. */
    void (*answer)(void *context, const char *line, size_t length, struct weir_peer *peer);
    /* Called in the listening thread ten times a second. */
    void (*tick)(void *context);
    void *context;
};

/* Binds and starts to listen. A socket that nobody listens on any more is replaced. WEIR_ERR_BUSY when somebody does,
 * WEIR_ERR_ARGUMENT (path too long, or something else is there), WEIR_ERR_NOT_FOUND, _PERMISSION, _IO, _LIMIT, _MEMORY. */
weir_err weir_socket_start(const struct weir_socket_config *config, struct weir_socket **out, struct weir_error *error);

/* No more clients and no more lines: waits for the answers under way, ends the threads, removes the socket from the file system.
 * Sets *socket to NULL; NULL-safe. */
void weir_socket_stop(struct weir_socket **socket);

/* From now on a client that does not read its answer is given up after a quarter of a second. */
void weir_socket_hurry(struct weir_socket *socket);

/* Sends bytes to the client; only inside `answer`. False when the client is gone, or does not read. */
bool weir_peer_send(struct weir_peer *peer, const void *bytes, size_t size);

#endif
