/* A ZeroMQ socket with its one address, its key, and what is known about its connection; and the context it lives in, with the
 * check of keys. For this folder only. One thread.
 */
#ifndef WEIR_QUEUE_ZMQ_LINK_H
#define WEIR_QUEUE_ZMQ_LINK_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "queue/curve.h"
#include "queue/transport.h"
#include "queue/url.h"

struct weir_zmq_room { /* start with {0} */
    void *context;
    bool keyed;
    struct weir_curve curve;
    bool guarded; /* the guard's thread runs: it knows who may connect */
    pthread_t guard;
    void *guard_socket;
};

/* The context, the keys of the config. Errors of weir_curve_load, _LIBRARY. */
weir_err weir_zmq_room_open(struct weir_zmq_room *room, const struct weir_transport_config *config, struct weir_error *error);

/* All links are closed. */
void weir_zmq_room_close(struct weir_zmq_room *room);

struct weir_zmq_link { /* start with {0} */
    void *socket;
    struct weir_url url;
    /* private */
    struct weir_zmq_room *room;
    void *monitor;
    char endpoint[400];
    bool binds, ever, cut; /* ever: was connected; cut: weir_zmq_link_cut */
    bool full;             /* the last send found no room */
    unsigned connections, failures, skip;
    size_t peer;
    int64_t again_ns; /* when to connect anew after a failed handshake; 0: no need */
    uint64_t reconnects;
    const char *refusal;
};

struct weir_zmq_ask {
    int type; /* ZMQ_PUSH, ... */
    const char *url;
    bool binds, marks; /* marks: the address beside the one named */
    int hwm;
};

/* Binds or connects. WEIR_ERR_IO (address in use), _ARGUMENT (in the clear over a network), _LIBRARY. */
weir_err weir_zmq_link_open(struct weir_zmq_link *link, struct weir_zmq_room *room, const struct weir_zmq_ask *ask,
                            struct weir_error *error);

/* Deals with what happened to the connection. To be called often. */
void weir_zmq_link_tend(struct weir_zmq_link *link);

/* Leaves the address alone until it is joined again: what the other side holds stays there. */
void weir_zmq_link_cut(struct weir_zmq_link *link);
void weir_zmq_link_join(struct weir_zmq_link *link);

/* True when somebody is connected. */
static inline bool weir_zmq_link_up(const struct weir_zmq_link *link)
{
    return link->connections > 0;
}

/* What is wrong: nobody there, key refused. `what`: who is missing ("no worker"). */
bool weir_zmq_link_trouble(const struct weir_zmq_link *link, const char *what, char *text, size_t size);

void weir_zmq_link_close(struct weir_zmq_link *link, int64_t linger_ns);

/* ns as the milliseconds of zmq_poll, rounded up, at most `most`. */
static inline long weir_zmq_ms(int64_t ns, long most)
{
    return ns <= 0 ? 0 : ns > (int64_t)most * 1000000 ? most : (long)((ns + 999999) / 1000000);
}

#endif
