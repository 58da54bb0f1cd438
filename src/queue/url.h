/* Addresses of transports, taken apart. Pure functions; any thread. */
#ifndef WEIR_QUEUE_URL_H
#define WEIR_QUEUE_URL_H

#include <stdbool.h>

#include "weir/error.h"

enum weir_url_kind { WEIR_URL_ZMQ_IPC, WEIR_URL_ZMQ_TCP, WEIR_URL_REDIS_TCP, WEIR_URL_REDIS_UNIX };

#define WEIR_URL_MAX 512
struct weir_url {
    enum weir_url_kind kind;
    char path[100]; /* ipc, unix */
    char host[256]; /* tcp; IPv6 without brackets; "*": every address, to bind */
    unsigned port;
    char user[128], password[256];
    bool local;              /* ipc, a Unix socket, or a host of this machine only */
    char text[WEIR_URL_MAX]; /* for messages: without the password */
};

/* WEIR_ERR_UNSUPPORTED names what there is, WEIR_ERR_ARGUMENT says what is wrong with it. */
weir_err weir_url_parse(const char *text, struct weir_url *out, struct weir_error *error);

/* That ZeroMQ does not talk in the clear over a network: WEIR_ERR_ARGUMENT says how it gets keys. */
weir_err weir_url_check_keyed(const struct weir_url *url, bool keyed, struct weir_error *error);

static inline bool weir_url_is_redis(const struct weir_url *url)
{
    return url->kind == WEIR_URL_REDIS_TCP || url->kind == WEIR_URL_REDIS_UNIX;
}

#endif
