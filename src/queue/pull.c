#include "queue/pull.h"

#include <stdlib.h>
#include <string.h>
#include <zmq.h>

#include "queue/zmq_link.h"

enum { DEPTH = 1000 };

struct weir_pull {
    struct weir_zmq_room room;
    struct weir_zmq_link link;
    zmq_msg_t message;
    bool at_hand, stopped;
};

bool weir_pull_is(const char *url)
{
    return !strncmp(url, "zmq+", 4);
}

weir_err weir_pull_open(const struct weir_pull_config *config, struct weir_pull **out, struct weir_error *error)
{
    struct weir_pull *pull = *out = calloc(1, sizeof *pull);
    if (!pull)
        return weir_fail(error, WEIR_ERR_MEMORY, "%.200s: out of memory", config->url);
    zmq_msg_init(&pull->message);
    const struct weir_transport_config room = {.key = config->key, .peers = config->peers, .peer_count = config->peer_count};
    const struct weir_zmq_ask ask = {
        .type = ZMQ_PULL, .url = config->url, .binds = true, .hwm = config->depth ? (int)config->depth : DEPTH};
    weir_err code = weir_zmq_room_open(&pull->room, &room, error);
    if (code == WEIR_OK)
        code = weir_zmq_link_open(&pull->link, &pull->room, &ask, error);
    if (code != WEIR_OK)
        weir_pull_close(out);
    return code;
}

void weir_pull_close(struct weir_pull **pull)
{
    if (!pull || !*pull)
        return;
    zmq_msg_close(&(*pull)->message);
    weir_zmq_link_close(&(*pull)->link, 0);
    weir_zmq_room_close(&(*pull)->room);
    free(*pull);
    *pull = NULL;
}

bool weir_pull_peek(struct weir_pull *pull, int wait_ms, const uint8_t **bytes, size_t *size)
{
    if (!pull->at_hand) {
        weir_zmq_link_tend(&pull->link);
        zmq_pollitem_t item = {.socket = pull->link.socket, .events = ZMQ_POLLIN};
        if (zmq_msg_recv(&pull->message, pull->link.socket, ZMQ_DONTWAIT) < 0 &&
            (wait_ms <= 0 || zmq_poll(&item, 1, wait_ms) <= 0 ||
             zmq_msg_recv(&pull->message, pull->link.socket, ZMQ_DONTWAIT) < 0))
            return false;
        pull->at_hand = true;
    }
    *bytes = zmq_msg_data(&pull->message);
    *size = zmq_msg_size(&pull->message);
    return true;
}

void weir_pull_drop(struct weir_pull *pull)
{
    pull->at_hand = false;
}

void weir_pull_stop(struct weir_pull *pull)
{
    if (!pull->stopped)
        zmq_unbind(pull->link.socket, pull->link.endpoint);
    pull->stopped = true;
}
