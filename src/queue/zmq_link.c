#include "queue/zmq_link.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <zmq.h>

#include "base/clock.h"
#include "queue/frame_peek.h"

enum { AGAIN_NS = 200 * 1000000 };

static weir_err fail_zmq(struct weir_error *error, const char *what, const char *action)
{
    return weir_fail(error, WEIR_ERR_LIBRARY, "%s: libzmq cannot %s: %s", what, action, zmq_strerror(zmq_errno()));
}

/* --- who may connect --- */

static void answer(const struct weir_zmq_room *room, void *socket, char part[7][256], const int size[7], int parts)
{
    bool known = parts == 7 && !strcmp(part[5], "CURVE") && size[6] == 32 &&
                 weir_curve_knows(&room->curve, (const unsigned char *)part[6]);
    const char *text[] = {"1.0", part[1], known ? "200" : "400", known ? "OK" : "unknown key", "", ""};
    size_t length[] = {3, (size_t)size[1], 3, strlen(text[3]), 0, 0};
    for (int i = 0; i < 6; i++)
        zmq_send(socket, text[i], length[i], i < 5 ? ZMQ_SNDMORE : 0);
}

/* libzmq asks here about each connection (ZAP): version, request, domain, address, identity, mechanism, key. */
static void *guard(void *argument)
{
    struct weir_zmq_room *room = argument;
    for (;;) {
        char part[7][256] = {{0}};
        int size[7] = {0}, parts = 0, more = 1;
        size_t width = sizeof more;
        while (more) {
            char rest[256];
            char *to = parts < 7 ? part[parts] : rest;
            int n = zmq_recv(room->guard_socket, to, 255, 0);
            if (n < 0 && zmq_errno() == EINTR)
                continue;
            if (n < 0) {
                zmq_close(room->guard_socket);
                return NULL; /* the context is at its end */
            }
            if (parts < 7)
                size[parts] = n < 255 ? n : 255;
            parts++;
            zmq_getsockopt(room->guard_socket, ZMQ_RCVMORE, &more, &width);
        }
        answer(room, room->guard_socket, part, size, parts);
    }
}

weir_err weir_zmq_room_open(struct weir_zmq_room *room, const struct weir_transport_config *config, struct weir_error *error)
{
    weir_err code = WEIR_OK;
    *room = (struct weir_zmq_room){0};
    if ((code = weir_curve_load(config->key, config->peers, config->peer_count, &room->curve, error)) != WEIR_OK)
        return code;
    room->keyed = config->key != NULL;
    room->context = zmq_ctx_new();
    if (!room->context)
        return fail_zmq(error, "queue", "start");
    if (!room->keyed)
        return WEIR_OK;
    room->guard_socket = zmq_socket(room->context, ZMQ_REP);
    if (!room->guard_socket || zmq_bind(room->guard_socket, "inproc://zeromq.zap.01") ||
        pthread_create(&room->guard, NULL, guard, room))
        code = fail_zmq(error, "queue", "start the check of keys");
    else
        room->guarded = true;
    return code;
}

void weir_zmq_room_close(struct weir_zmq_room *room)
{
    if (room->context)
        zmq_ctx_shutdown(room->context);
    if (room->guarded)
        pthread_join(room->guard, NULL); /* closes its socket */
    else if (room->guard_socket)
        zmq_close(room->guard_socket);
    while (room->context && zmq_ctx_term(room->context) && zmq_errno() == EINTR)
        ;
    weir_curve_fini(&room->curve);
    *room = (struct weir_zmq_room){0};
}

/* --- the socket --- */

static int set(void *socket, int option, int value)
{
    return zmq_setsockopt(socket, option, &value, sizeof value);
}

static bool set_key(struct weir_zmq_link *link)
{
    const struct weir_curve *curve = &link->room->curve;
    if (zmq_setsockopt(link->socket, ZMQ_CURVE_PUBLICKEY, curve->open, WEIR_CURVE_TEXT) ||
        zmq_setsockopt(link->socket, ZMQ_CURVE_SECRETKEY, curve->secret, WEIR_CURVE_TEXT))
        return false;
    if (link->binds)
        return !set(link->socket, ZMQ_CURVE_SERVER, 1) && !zmq_setsockopt(link->socket, ZMQ_ZAP_DOMAIN, "weir", 4);
    return !zmq_setsockopt(link->socket, ZMQ_CURVE_SERVERKEY, curve->peer[link->peer % curve->peers], WEIR_CURVE_TEXT);
}

/* libzmq takes an ipc address from whoever listens there. */
static bool somebody_listens(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    bool yes = fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof address) == 0;
    if (fd >= 0)
        close(fd);
    return yes;
}

static void make_endpoint(struct weir_zmq_link *link, bool marks)
{
    const struct weir_url *url = &link->url;
    if (url->kind == WEIR_URL_ZMQ_IPC)
        snprintf(link->endpoint, sizeof link->endpoint, "ipc://%s%s", url->path, marks ? ".marks" : "");
    else
        snprintf(link->endpoint, sizeof link->endpoint, strchr(url->host, ':') ? "tcp://[%s]:%u" : "tcp://%s:%u", url->host,
                 url->port + (marks ? 1 : 0));
}

static weir_err attach(struct weir_zmq_link *link, struct weir_error *error)
{
    const char *name = link->url.text;
    if (!link->binds)
        return zmq_connect(link->socket, link->endpoint) ? weir_fail(error, WEIR_ERR_ARGUMENT, "%s: cannot connect to %s: %s",
                                                                     name, link->endpoint, zmq_strerror(zmq_errno()))
                                                         : WEIR_OK;
    bool ipc = link->url.kind == WEIR_URL_ZMQ_IPC;
    if (ipc && somebody_listens(link->endpoint + strlen("ipc://")))
        return weir_fail(error, WEIR_ERR_BUSY, "%s: another process listens at %s; stop it, or give another path", name,
                         link->endpoint + strlen("ipc://"));
    if (zmq_bind(link->socket, link->endpoint))
        return weir_fail(error, WEIR_ERR_IO, "%s: cannot listen at %s: %s; is the address free, and is it this machine's?", name,
                         link->endpoint, zmq_strerror(zmq_errno()));
    if (ipc)
        chmod(link->endpoint + strlen("ipc://"), 0660);
    return WEIR_OK;
}

weir_err weir_zmq_link_open(struct weir_zmq_link *link, struct weir_zmq_room *room, const struct weir_zmq_ask *ask,
                            struct weir_error *error)
{
    static atomic_uint monitors;
    char monitor[64];
    *link = (struct weir_zmq_link){.room = room, .binds = ask->binds};
    weir_err code = weir_url_parse(ask->url, &link->url, error);
    if (code != WEIR_OK)
        return code;
    if ((code = weir_url_check_keyed(&link->url, room->keyed, error)) != WEIR_OK)
        return code;
    if (!ask->binds && !strcmp(link->url.host, "*"))
        return weir_fail(error, WEIR_ERR_ARGUMENT, "%s: name the host to connect to", link->url.text);
    make_endpoint(link, ask->marks);
    link->socket = zmq_socket(room->context, ask->type);
    if (!link->socket)
        return fail_zmq(error, link->url.text, "open a socket");
    snprintf(monitor, sizeof monitor, "inproc://monitor-%u", atomic_fetch_add_explicit(&monitors, 1, memory_order_relaxed));
    bool good = !set(link->socket, ZMQ_SNDHWM, ask->hwm) && !set(link->socket, ZMQ_RCVHWM, ask->hwm) &&
                !set(link->socket, ZMQ_LINGER, 0) && !set(link->socket, ZMQ_IMMEDIATE, 1) &&
                !set(link->socket, ZMQ_HANDSHAKE_IVL, 5000) && !set(link->socket, ZMQ_RECONNECT_IVL, 100) &&
                !set(link->socket, ZMQ_RECONNECT_IVL_MAX, 2000) &&
                !set(link->socket, ZMQ_IPV6, strchr(link->url.host, ':') != NULL);
    /* A cut link is found by TCP within 6 s. Not by libzmq's heartbeats: its timer ends the process (4.3.4, an assertion in
     * out_event) when a peer goes while its frames stand at the high-water mark. */
    good = good && !set(link->socket, ZMQ_TCP_KEEPALIVE, 1) && !set(link->socket, ZMQ_TCP_KEEPALIVE_IDLE, 2) &&
           !set(link->socket, ZMQ_TCP_KEEPALIVE_INTVL, 1) && !set(link->socket, ZMQ_TCP_KEEPALIVE_CNT, 4) &&
           !set(link->socket, ZMQ_TCP_MAXRT, 6000);
    int64_t longest = (int64_t)WEIR_FRAME_BYTES_MAX;
    good = good && !zmq_setsockopt(link->socket, ZMQ_MAXMSGSIZE, &longest, sizeof longest) && (!room->keyed || set_key(link));
    good = good && !zmq_socket_monitor(link->socket, monitor, ZMQ_EVENT_ALL) &&
           (link->monitor = zmq_socket(room->context, ZMQ_PAIR)) && !set(link->monitor, ZMQ_LINGER, 0) &&
           !zmq_connect(link->monitor, monitor);
    code = good ? attach(link, error) : fail_zmq(error, link->url.text, "set up a socket");
    if (code != WEIR_OK)
        weir_zmq_link_close(link, 0);
    return code;
}

static void reconnect(struct weir_zmq_link *link)
{
    link->again_ns = 0;
    zmq_disconnect(link->socket, link->endpoint);
    link->peer++; /* perhaps it is another one's address */
    if (link->room->keyed)
        set_key(link);
    zmq_connect(link->socket, link->endpoint);
}

static void happened(struct weir_zmq_link *link, unsigned event, uint32_t value)
{
    switch (event) {
    case ZMQ_EVENT_HANDSHAKE_SUCCEEDED:
        link->connections++;
        link->reconnects += !link->binds && link->ever;
        link->ever = true;
        link->failures = 0;
        link->refusal = NULL;
        break;
    case ZMQ_EVENT_DISCONNECTED:
        if (link->skip)
            link->skip--;
        else if (link->connections)
            link->connections--;
        break;
    case ZMQ_EVENT_HANDSHAKE_FAILED_AUTH:
    case ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL:
    case ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL:
        link->skip++;
        link->failures++;
        if (!link->binds && !link->again_ns)
            link->again_ns = weir_clock_mono_ns() + AGAIN_NS;
        link->refusal = event == ZMQ_EVENT_HANDSHAKE_FAILED_AUTH ? "the key of this side is not among its --peers"
                        : event == ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL && value == ZMQ_PROTOCOL_ERROR_ZMTP_MECHANISM_MISMATCH
                            ? "one side uses keys and the other does not"
                            : "no agreement: is it a weir, and is its public key the right one?";
        break;
    }
}

void weir_zmq_link_tend(struct weir_zmq_link *link)
{
    zmq_msg_t message;
    zmq_msg_init(&message);
    while (zmq_msg_recv(&message, link->monitor, ZMQ_DONTWAIT) >= 0) {
        uint16_t event = 0;
        uint32_t value = 0;
        const uint8_t *data = zmq_msg_data(&message);
        if (zmq_msg_size(&message) >= 6) {
            memcpy(&event, data, 2);
            memcpy(&value, data + 2, 4);
        }
        while (zmq_msg_more(&message) && zmq_msg_recv(&message, link->monitor, ZMQ_DONTWAIT) >= 0)
            ;
        happened(link, event, value);
    }
    zmq_msg_close(&message);
    if (link->again_ns && !link->cut && weir_clock_mono_ns() >= link->again_ns)
        reconnect(link);
}

void weir_zmq_link_cut(struct weir_zmq_link *link)
{
    if (!link->cut)
        zmq_disconnect(link->socket, link->endpoint);
    link->cut = true;
    link->again_ns = 0;
}

void weir_zmq_link_join(struct weir_zmq_link *link)
{
    if (link->cut)
        zmq_connect(link->socket, link->endpoint);
    link->cut = false;
}

bool weir_zmq_link_trouble(const struct weir_zmq_link *link, const char *what, char *text, size_t size)
{
    if (weir_zmq_link_up(link) || link->cut)
        return false;
    if (link->refusal)
        snprintf(text, size, "%s: %s (%u times)", link->url.text, link->refusal, link->failures);
    else if (link->binds)
        snprintf(text, size, "%s: %s is connected", link->url.text, what);
    else
        snprintf(text, size, "%s: %s", link->url.text,
                 link->ever ? "the connection is gone, trying again" : "no answer, trying again");
    return true;
}

void weir_zmq_link_close(struct weir_zmq_link *link, int64_t linger_ns)
{
    if (link->socket) {
        zmq_socket_monitor(link->socket, NULL, 0);
        set(link->socket, ZMQ_LINGER, (int)weir_zmq_ms(linger_ns, 60000));
        zmq_close(link->socket);
    }
    if (link->monitor)
        zmq_close(link->monitor);
    link->socket = link->monitor = NULL;
}
