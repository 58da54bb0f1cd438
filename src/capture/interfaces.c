#include "capture/interfaces.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdalign.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "capture/fanout.h"
#include "capture/port.h"
#include "capture/ring_tap.h"

enum { WATCH_MS = 200, SNAPLEN = 65535, RING_MB = 64, MIB = 1024 * 1024 };

#define WINDOW_NS    10000000
#define IDLE_NS      10000000
#define SAY_AGAIN_NS 1000000000 /* an interface that goes up and down all the time makes one line a second */

/* Each lane on its own cache lines. */
struct lane {
    alignas(128) struct weir_ring_tap tap;
};

struct port {
    struct weir_port port; /* under the lock */
    uint64_t lost_ring;    /* under the lock */
    enum weir_port_state said;
    int64_t said_ns;
};

struct interfaces {
    struct weir_source source; /* first: a struct weir_source * is this struct's */
    atomic_bool stop;
    int64_t end_ns; /* monotonic; 0: none */
    struct lane *lane;

    pthread_mutex_t lock;
    struct port port[WEIR_PORTS_MAX];
    bool all_gone;  /* under the lock */
    bool unwatched; /* under the lock: the watcher did not start */

    pthread_t watcher;
    atomic_bool watching;
    int wake; /* eventfd: ends the watcher; -1 before it is there */
};

static void say_state(struct port *port, unsigned lanes, int64_t now_ns)
{
    const char *name = port->port.name;
    if (port->port.state == port->said || (port->said_ns && now_ns - port->said_ns < SAY_AGAIN_NS))
        return;
    port->said = port->port.state;
    port->said_ns = now_ns;
    if (port->said == WEIR_PORT_GONE)
        weir_log(WEIR_LOG_WARNING, "%s: the interface was removed; %s", name,
                 lanes == 1
                     ? "waiting for it to come back"
                     : "nothing more comes from it until weir is started again: opening it for several lanes needs the rights "
                       "that weir has dropped (with --lanes 1 it would come back by itself)");
    else if (port->said == WEIR_PORT_DOWN)
        weir_log(WEIR_LOG_WARNING, "%s: the interface is down or has lost its carrier; waiting for it to come back", name);
    else
        weir_log(WEIR_LOG_INFO, "%s: the interface is up again", name);
}

/* Under the lock. */
static void collect_losses(struct interfaces *live)
{
    for (unsigned p = 0; p < live->source.ports; p++) {
        weir_port_refresh(&live->port[p].port);
        for (unsigned i = 0; i < live->source.lanes; i++)
            live->port[p].lost_ring += weir_packet_ring_lost(&live->lane[i].tap.port[p].ring);
    }
}

/* Says once that packets came put together. Under the lock. */
static void say_aggregated(struct interfaces *live, unsigned number)
{
    struct weir_port *port = &live->port[number].port;
    struct weir_port_account account = {0};
    for (unsigned i = 0; i < live->source.lanes; i++)
        weir_ring_tap_account(&live->lane[i].tap, number, &account);
    if (!account.aggregated || port->aggregated)
        return;
    port->aggregated = true;
    weir_log(WEIR_LOG_WARNING,
             "%s: the host puts TCP segments together before they are captured: packet counts and sizes are not those of the "
             "wire, the "
             "run is marked aggregated; turn off segmentation offload where the packets come from (ethtool -K)",
             port->name);
}

/* An interface with the name of one that was removed takes its place. A socket of a fanout group cannot be bound anew, and new
 * ones take rights that are dropped by now: so with one lane only. Under the lock. */
static void bring_back(struct interfaces *live, unsigned number)
{
    struct weir_port *port = &live->port[number].port;
    struct weir_port before = *port;
    if (port->state == WEIR_PORT_GONE && live->source.lanes == 1 && weir_port_reopen(port) &&
        !weir_packet_ring_rebind(&live->lane[0].tap.port[number].ring, port->index))
        *port = before;
}

static void *watch(void *argument)
{
    struct interfaces *live = argument;
    struct pollfd wake = {.fd = live->wake, .events = POLLIN};
    while (poll(&wake, 1, WATCH_MS) <= 0) {
        int64_t now_ns = weir_clock_mono_ns();
        unsigned gone = 0;
        pthread_mutex_lock(&live->lock);
        for (unsigned p = 0; p < live->source.ports; p++) {
            weir_port_refresh(&live->port[p].port);
            bring_back(live, p);
            say_state(&live->port[p], live->source.lanes, now_ns);
            say_aggregated(live, p);
            gone += live->port[p].port.state == WEIR_PORT_GONE;
        }
        live->all_gone = gone == live->source.ports;
        pthread_mutex_unlock(&live->lock);
        if (gone == live->source.ports || (live->end_ns && now_ns >= live->end_ns))
            atomic_store_explicit(&live->stop, true, memory_order_relaxed);
    }
    return NULL;
}

static void interfaces_close(struct weir_source *source)
{
    struct interfaces *live = (struct interfaces *)source;
    if (live->watching && !live->unwatched) {
        eventfd_write(live->wake, 1);
        pthread_join(live->watcher, NULL);
    }
    if (live->wake >= 0)
        close(live->wake);
    for (unsigned i = 0; live->lane && i < source->lanes; i++)
        weir_ring_tap_close(&live->lane[i].tap);
    for (unsigned p = 0; p < source->ports; p++)
        weir_port_close(&live->port[p].port);
    pthread_mutex_destroy(&live->lock);
    free(live->lane);
    free(live);
}

static void say_latency(const struct interfaces *live)
{
    const struct weir_port *a = &live->port[0].port, *b = &live->port[1].port;
    bool two = live->source.ports > 1;
    weir_log(WEIR_LOG_INFO, "capturing on %s%s%s; a packet waits up to %d ms for its block%s", a->name, two ? " and " : "",
             two ? b->name : "", WEIR_RING_BLOCK_MS, two ? " and up to the merge window for the other port" : "");
}

/* With the first burst, so that the thread inherits what rights are left by then. Without it capture goes on, but nobody would
 * tell what happens to the interfaces, or end it: so it ends. */
static void start_watching(struct interfaces *live)
{
    pthread_mutex_lock(&live->lock);
    if (!live->watching) {
        live->watching = true;
        say_latency(live);
        if (pthread_create(&live->watcher, NULL, watch, live)) {
            live->unwatched = true;
            atomic_store_explicit(&live->stop, true, memory_order_relaxed);
        }
    }
    pthread_mutex_unlock(&live->lock);
}

static void interfaces_burst(struct weir_source *source, unsigned lane, struct weir_burst *burst)
{
    struct interfaces *live = (struct interfaces *)source;
    if (!atomic_load_explicit(&live->watching, memory_order_relaxed))
        start_watching(live);
    weir_ring_tap_burst(&live->lane[lane].tap, atomic_load_explicit(&live->stop, memory_order_relaxed), burst);
}

static void interfaces_stop(struct weir_source *source)
{
    struct interfaces *live = (struct interfaces *)source;
    atomic_store_explicit(&live->stop, true, memory_order_relaxed);
}

static weir_err interfaces_status(const struct weir_source *source, struct weir_error *error)
{
    struct interfaces *live = (struct interfaces *)(uintptr_t)source; /* its lock only */
    pthread_mutex_lock(&live->lock);
    bool all_gone = live->all_gone, unwatched = live->unwatched;
    pthread_mutex_unlock(&live->lock);
    if (unwatched)
        return weir_fail(error, WEIR_ERR_LIMIT, "cannot start the thread that watches the interfaces");
    if (!all_gone)
        return WEIR_OK;
    return weir_fail(error, WEIR_ERR_CLOSED, "%s%s%s: no interface is left to capture from; start weir again when it is there",
                     live->port[0].port.name, source->ports > 1 ? ", " : "", source->ports > 1 ? live->port[1].port.name : "");
}

static void interfaces_account(const struct weir_source *source, unsigned number, struct weir_port_account *account)
{
    struct interfaces *live = (struct interfaces *)(uintptr_t)source; /* reading a ring's losses resets them in the kernel */
    struct port *port = &live->port[number];
    pthread_mutex_lock(&live->lock);
    collect_losses(live);
    account->interface = port->port.name;
    account->state = port->port.state;
    account->aggregated = port->port.aggregated;
    account->lost_nic = port->port.lost_nic;
    account->lost_softnet = port->port.lost_softnet;
    account->lost_ring = port->lost_ring;
    pthread_mutex_unlock(&live->lock);
    for (unsigned i = 0; i < source->lanes; i++)
        weir_ring_tap_account(&live->lane[i].tap, number, account);
    account->offered = account->lost_nic + account->lost_softnet + account->lost_ring + account->seen;
}

static bool interfaces_nanoseconds(const struct weir_source *source)
{
    return true;
}

static const struct weir_source_ops interfaces_ops = {
    .close = interfaces_close,
    .burst = interfaces_burst,
    .stop = interfaces_stop,
    .status = interfaces_status,
    .account = interfaces_account,
    .nanoseconds = interfaces_nanoseconds,
};

static weir_err open_ring(const struct weir_source_config *config, const struct weir_port *port, struct weir_ring_tap_port *tap,
                          struct weir_error *error)
{
    uint64_t ring_mb = config->live.ring_mb ? config->live.ring_mb : RING_MB;
    const struct weir_packet_ring_config ring = {.interface = port->name,
                                                 .index = port->index,
                                                 .link = port->link,
                                                 .snaplen = config->live.snaplen ? config->live.snaplen : SNAPLEN,
                                                 .bytes = ring_mb * MIB / config->lanes,
                                                 .loopback = port->loopback};
    weir_err result = WEIR_OK;
    if (config->filter && !(result = weir_filter_open(config->filter, &tap->filter, error)))
        result = weir_filter_select(tap->filter, port->link, error);
    return result ? result : weir_packet_ring_open(&ring, &tap->ring, error);
}

/* The rings of a port are opened in lane order: the kernel keeps that order when the interface goes down and up. */
static weir_err open_rings(const struct weir_source_config *config, struct interfaces *live, struct weir_error *error)
{
    weir_err result = WEIR_OK;
    for (unsigned p = 0; p < config->ports; p++)
        for (unsigned i = 0; !result && i < config->lanes; i++)
            result = open_ring(config, &live->port[p].port, &live->lane[i].tap.port[p], error);
    return result;
}

static weir_err spread(struct interfaces *live, struct weir_error *error)
{
    int program = -1, fd[WEIR_LANES_MAX];
    uint16_t link = 0;
    weir_err result = WEIR_OK;
    for (unsigned p = 0; !result && p < live->source.ports; p++) {
        const struct weir_port *port = &live->port[p].port;
        if (program < 0 || port->link != link) { /* loading it takes a while: both ports share it */
            if (program >= 0)
                close(program);
            link = port->link;
            result = weir_fanout_load(port->name, link, &program, error);
        }
        for (unsigned i = 0; i < live->source.lanes; i++)
            fd[i] = live->lane[i].tap.port[p].ring.fd;
        if (!result)
            result = weir_fanout_join(port->name, port->loopback, program, fd, live->source.lanes, error);
    }
    if (program >= 0)
        close(program);
    return result;
}

static weir_err start(struct interfaces *live, struct weir_error *error)
{
    weir_err result = WEIR_OK;
    for (unsigned p = 0; p < live->source.ports; p++)
        for (unsigned i = 0; !result && i < live->source.lanes; i++)
            result = weir_packet_ring_start(&live->lane[i].tap.port[p].ring, error);
    if (result)
        return result;
    if ((live->wake = eventfd(0, EFD_CLOEXEC)) < 0)
        return weir_fail(error, WEIR_ERR_IO, "watching interfaces: %s", strerror(errno));
    return WEIR_OK;
}

weir_err weir_interfaces_open(const struct weir_source_config *config, struct weir_source **out, struct weir_error *error)
{
    *out = NULL;
    struct interfaces *live = calloc(1, sizeof *live);
    if (!live)
        return weir_fail(error, WEIR_ERR_MEMORY, "out of memory for a capture source");
    live->source = (struct weir_source){.ops = &interfaces_ops, .ports = config->ports, .lanes = config->lanes};
    live->wake = -1;
    atomic_init(&live->stop, false);
    atomic_init(&live->watching, false);
    pthread_mutex_init(&live->lock, NULL);
    for (unsigned p = 0; p < WEIR_PORTS_MAX; p++)
        live->port[p].port.control = live->port[p].port.netlink = -1;
    if (config->live.duration_ns)
        live->end_ns = weir_clock_mono_ns() + config->live.duration_ns;
    weir_err result = WEIR_OK;
    live->lane = aligned_alloc(alignof(struct lane), config->lanes * sizeof *live->lane);
    if (!live->lane)
        result = weir_fail(error, WEIR_ERR_MEMORY, "out of memory for %u lanes", config->lanes);
    for (unsigned i = 0; !result && i < config->lanes; i++)
        weir_ring_tap_init(&live->lane[i].tap, config->ports, config->live.window_ns ? config->live.window_ns : WINDOW_NS,
                           config->live.idle_ns ? config->live.idle_ns : IDLE_NS);
    for (unsigned p = 0; !result && p < config->ports; p++)
        result = weir_port_open(config->interface[p], &live->port[p].port, error); /* may fork: no ring must be there yet */
    for (unsigned p = 0; p < config->ports; p++)
        live->port[p].said = live->port[p].port.state;
    if (!result)
        result = open_rings(config, live, error);
    if (!result && config->lanes > 1)
        result = spread(live, error);
    if (!result)
        result = start(live, error);
    if (result) {
        interfaces_close(&live->source);
        return result;
    }
    *out = &live->source;
    return WEIR_OK;
}
