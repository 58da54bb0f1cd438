#include "pipeline/publish.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>

#include "queue/zmq_link.h"
#include "store/eve.h"

enum topic { FLOW, ALERT, TOPICS };
static const char *const topics[TOPICS] = {"flow", "alert"};

enum { HWM = 16384, LINGER_NS = 200000000 };

struct weir_publish {
    struct weir_zmq_room room;
    struct weir_zmq_link link;
    struct weir_eve *eve;
    char run[64];
    unsigned wanted[TOPICS]; /* subscriptions that match */
    uint64_t number[TOPICS];
    atomic_uint_fast64_t sent;
};

weir_err weir_publish_open(const struct weir_publish_config *config, struct weir_publish **out, struct weir_error *error)
{
    struct weir_url url;
    struct weir_error inner = {0};
    struct weir_publish *publish = *out = calloc(1, sizeof *publish);
    if (!publish)
        return weir_fail(error, WEIR_ERR_MEMORY, "publish: out of memory");
    snprintf(publish->run, sizeof publish->run, "%s", config->run);
    const struct weir_transport_config transport = {.key = config->key, .peers = config->peers, .peer_count = config->peer_count};
    const struct weir_zmq_ask ask = {ZMQ_XPUB, config->url, .binds = true, .hwm = HWM};
    weir_err code = weir_url_parse(config->url, &url, &inner);
    if (code == WEIR_OK && weir_url_is_redis(&url))
        code = weir_fail(&inner, WEIR_ERR_ARGUMENT, "%s: subscribers come by ZeroMQ; give zmq+ipc://PATH or zmq+tcp://HOST:PORT",
                         url.text);
    if (code == WEIR_OK && (code = weir_eve_open(NULL, config->sensor, &publish->eve, &inner)) == WEIR_OK &&
        (code = weir_zmq_room_open(&publish->room, &transport, &inner)) == WEIR_OK)
        code = weir_zmq_link_open(&publish->link, &publish->room, &ask, &inner);
    if (code == WEIR_OK)
        return WEIR_OK;
    weir_publish_close(out);
    return weir_fail(error, code, "--publish %s", inner.text);
}

void weir_publish_close(struct weir_publish **publish)
{
    if (!publish || !*publish)
        return;
    weir_zmq_link_close(&(*publish)->link, LINGER_NS);
    weir_zmq_room_close(&(*publish)->room);
    weir_eve_close(&(*publish)->eve, NULL);
    free(*publish);
    *publish = NULL;
}

/* Who has come and gone: a byte, 1 or 0, and what the topics that are meant begin with. */
static void read_subscriptions(struct weir_publish *publish)
{
    uint8_t bytes[64];
    weir_zmq_link_tend(&publish->link);
    for (int n; (n = zmq_recv(publish->link.socket, bytes, sizeof bytes, ZMQ_DONTWAIT)) > 0;)
        for (unsigned t = 0; t < TOPICS; t++)
            if ((size_t)n - 1 <= strlen(topics[t]) && !memcmp(topics[t], bytes + 1, (size_t)n - 1)) {
                if (bytes[0] == 1)
                    publish->wanted[t]++;
                else if (bytes[0] == 0 && publish->wanted[t])
                    publish->wanted[t]--;
            }
}

static void send_line(struct weir_publish *publish, enum topic topic, const struct weir_verdicts *verdicts, unsigned row,
                      const struct weir_alert_causes *causes)
{
    char number[sizeof publish->run + 24];
    size_t length;
    const char *line = weir_eve_line(publish->eve, verdicts, row, causes, topic == ALERT, &length);
    if (!line)
        return;
    int digits = snprintf(number, sizeof number, "%s %" PRIu64, publish->run, publish->number[topic]);
    void *socket = publish->link.socket;
    if (zmq_send(socket, topics[topic], strlen(topics[topic]), ZMQ_SNDMORE | ZMQ_DONTWAIT) >= 0 &&
        zmq_send(socket, number, (size_t)digits, ZMQ_SNDMORE | ZMQ_DONTWAIT) >= 0 &&
        zmq_send(socket, line, length, ZMQ_DONTWAIT) >= 0)
        atomic_fetch_add_explicit(&publish->sent, 1, memory_order_relaxed);
}

void weir_publish_verdicts(struct weir_publish *publish, const struct weir_verdicts *verdicts)
{
    unsigned next = 0, rows = verdicts->batch->rows;
    read_subscriptions(publish);
    if (!publish->wanted[FLOW] && !(publish->wanted[ALERT] && verdicts->alerts)) {
        publish->number[FLOW] += rows;
        publish->number[ALERT] += verdicts->alerts;
        return;
    }
    for (unsigned row = 0; row < rows; row++) {
        if (publish->wanted[FLOW])
            send_line(publish, FLOW, verdicts, row, NULL);
        publish->number[FLOW]++;
        if (!verdicts->alert[row])
            continue;
        const struct weir_alert_causes *causes = NULL;
        if (next < verdicts->alerts && verdicts->causes[next].row == row)
            causes = &verdicts->causes[next++];
        if (publish->wanted[ALERT])
            send_line(publish, ALERT, verdicts, row, causes);
        publish->number[ALERT]++;
    }
}

uint64_t weir_publish_sent(const struct weir_publish *publish)
{
    return atomic_load_explicit(&publish->sent, memory_order_relaxed);
}
