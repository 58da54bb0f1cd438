#include "capture/ring_tap.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>

#include "base/clock.h"

enum { FILTERED_MAX = 4096 }; /* packets left out in one go, so that a filter that leaves out all keeps no lane in here */

/* A packet's time is taken before it is put into the ring, earlier still when something else on the host asks for time stamps. */
static const int64_t slack_ns = 1000000;
static const int64_t clock_lag_ns = 100000000;

void weir_ring_tap_init(struct weir_ring_tap *tap, unsigned ports, int64_t window_ns, int64_t idle_ns)
{
    *tap = (struct weir_ring_tap){.ports = ports, .window_ns = window_ns, .idle_ns = idle_ns};
    for (unsigned p = 0; p < WEIR_PORTS_MAX; p++) {
        struct weir_ring_tap_port *port = &tap->port[p];
        port->ring.fd = -1;
        port->counts = (struct weir_ring_counts){.first_ns = INT64_MAX, .last_ns = INT64_MIN};
        atomic_init(&port->published.first_ns, INT64_MAX);
        atomic_init(&port->published.last_ns, INT64_MIN);
    }
}

void weir_ring_tap_close(struct weir_ring_tap *tap)
{
    for (unsigned p = 0; p < WEIR_PORTS_MAX; p++) {
        weir_packet_ring_close(&tap->port[p].ring);
        weir_filter_close(&tap->port[p].filter);
    }
}

/* Counts a packet that has been taken; its release time is known from here on. */
static void count(struct weir_ring_tap_port *port, struct weir_packet *packet)
{
    struct weir_ring_counts *counts = &port->counts;
    counts->seen++;
    counts->bytes += packet->wirelen;
    counts->backward += packet->ts_ns < port->previous_ns;
    if (packet->ts_ns < counts->first_ns)
        counts->first_ns = packet->ts_ns;
    if (packet->ts_ns > counts->last_ns)
        counts->last_ns = packet->ts_ns;
    port->previous_ns = packet->ts_ns;
    if (packet->ts_ns > port->release_ns)
        port->release_ns = packet->ts_ns;
    packet->release_ns = port->release_ns;
}

/* Sees to it that the port has its next packet at hand; false when none is ready. */
static bool fetch(struct weir_ring_tap_port *port, unsigned number)
{
    for (unsigned filtered = 0; !port->has_head && filtered < FILTERED_MAX; filtered++) {
        struct weir_packet *packet = &port->head;
        if (!weir_packet_ring_next(&port->ring, packet, &port->counts.aggregated))
            break;
        packet->port = (uint8_t)number;
        count(port, packet);
        port->has_head = !port->filter || weir_filter_match(port->filter, packet->data, packet->caplen, packet->wirelen);
        port->counts.filtered += !port->has_head;
    }
    return port->has_head;
}

/* What is in the ring behind the packet at hand; moves the mark. */
static enum weir_ring_state look(struct weir_ring_tap_port *port, int64_t now_ns)
{
    int64_t since_ns = 0;
    enum weir_ring_state state = weir_packet_ring_state(&port->ring, &since_ns);
    int64_t mark_ns = state == WEIR_RING_EMPTY ? now_ns - slack_ns : state == WEIR_RING_OPEN ? since_ns - slack_ns : 0;
    if (mark_ns > port->mark_ns)
        port->mark_ns = mark_ns;
    if (port->release_ns > port->mark_ns)
        port->mark_ns = port->release_ns;
    return state;
}

static bool before(const struct weir_packet *packet, int64_t mark_ns)
{
    return packet->port == 0 ? packet->release_ns <= mark_ns : packet->release_ns < mark_ns;
}

/* The port whose packet is due, or NULL. */
static struct weir_ring_tap_port *find_due(struct weir_ring_tap *tap)
{
    struct weir_ring_tap_port *a = &tap->port[0], *b = &tap->port[1];
    bool has_a = fetch(a, 0), has_b = tap->ports > 1 && fetch(b, 1);
    if (tap->ports == 1)
        return has_a ? a : NULL;
    if (has_a && has_b)
        return before(&a->head, b->head.release_ns) ? a : b;
    if (!has_a && !has_b)
        return NULL;
    struct weir_ring_tap_port *first = has_a ? a : b, *other = has_a ? b : a;
    if (before(&first->head, other->mark_ns))
        return first;
    int64_t now_ns = weir_clock_wall_ns(); /* before the look */
    enum weir_ring_state state = look(other, now_ns);
    if (before(&first->head, other->mark_ns))
        return first;
    /* A ready packet is never overtaken, however late we are: it is fetched in the next turn. */
    return state != WEIR_RING_READY && now_ns - first->head.ts_ns >= tap->window_ns ? first : NULL;
}

static void give(struct weir_ring_tap *tap, struct weir_ring_tap_port *port, struct weir_packet *packet)
{
    *packet = port->head;
    port->has_head = false;
    if (packet->release_ns < tap->clock_ns) {
        port->counts.late++;
        packet->release_ns = tap->clock_ns;
    }
    tap->clock_ns = packet->release_ns;
    __builtin_prefetch(packet->data);
}

/* Sleeps until a ring that has nothing at hand may have something, or a packet at hand may be due. */
static void wait_for_packets(const struct weir_ring_tap *tap)
{
    struct pollfd fd[WEIR_PORTS_MAX];
    nfds_t fds = 0;
    int64_t wait_ns = tap->stopping ? slack_ns / 4 : tap->idle_ns;
    for (unsigned p = 0; p < tap->ports; p++) {
        if (!tap->port[p].has_head)
            fd[fds++] = (struct pollfd){.fd = tap->port[p].ring.fd, .events = POLLIN};
        else if (wait_ns > slack_ns)
            wait_ns = slack_ns;
    }
    const struct timespec wait = {.tv_sec = wait_ns / 1000000000, .tv_nsec = wait_ns % 1000000000};
    if (ppoll(fd, fds, &wait, NULL) <= 0)
        return;
    for (nfds_t i = 0; i < fds; i++) {
        int number;
        socklen_t size = sizeof number;
        if (fd[i].revents & POLLERR) /* the interface went down or away: whoever watches it says so */
            getsockopt(fd[i].fd, SOL_SOCKET, SO_ERROR, &number, &size);
    }
}

static void publish(struct weir_ring_tap *tap)
{
    for (unsigned p = 0; p < tap->ports; p++) {
        struct weir_ring_tap_port *port = &tap->port[p];
        atomic_store_explicit(&port->published.seen, port->counts.seen - port->has_head, memory_order_relaxed);
        atomic_store_explicit(&port->published.filtered, port->counts.filtered, memory_order_relaxed);
        atomic_store_explicit(&port->published.bytes, port->counts.bytes - (port->has_head ? port->head.wirelen : 0),
                              memory_order_relaxed);
        atomic_store_explicit(&port->published.backward, port->counts.backward, memory_order_relaxed);
        atomic_store_explicit(&port->published.late, port->counts.late, memory_order_relaxed);
        atomic_store_explicit(&port->published.first_ns, port->counts.first_ns, memory_order_relaxed);
        atomic_store_explicit(&port->published.last_ns, port->counts.last_ns, memory_order_relaxed);
        atomic_store_explicit(&port->published.aggregated, port->counts.aggregated, memory_order_relaxed);
    }
}

/* Nothing has been given out: the clock goes as far as the packets taken, or the wall clock while rings are empty, allow. True
 * when nothing is at hand and nothing in the rings. */
static bool move_clock(struct weir_ring_tap *tap)
{
    int64_t now_ns = weir_clock_wall_ns(); /* before the looks */
    int64_t clock_ns = INT64_MAX;
    bool empty = true;
    for (unsigned p = 0; p < tap->ports; p++) {
        struct weir_ring_tap_port *port = &tap->port[p];
        empty &= look(port, now_ns) == WEIR_RING_EMPTY && !port->has_head;
        int64_t bound_ns = port->mark_ns - tap->window_ns - clock_lag_ns;
        if (bound_ns < port->release_ns) /* the release time of the packet at hand, if there is one */
            bound_ns = port->release_ns;
        if (bound_ns < clock_ns)
            clock_ns = bound_ns;
    }
    if (clock_ns > tap->clock_ns)
        tap->clock_ns = clock_ns;
    return empty;
}

void weir_ring_tap_burst(struct weir_ring_tap *tap, bool stop, struct weir_burst *burst)
{
    unsigned count = 0;
    if (stop && !tap->stopping)
        for (unsigned p = 0; p < tap->ports; p++)
            weir_packet_ring_stop(&tap->port[p].ring);
    tap->stopping |= stop;
    for (bool waited = false;; waited = true) {
        for (unsigned p = 0; p < tap->ports; p++) /* nothing of this burst has been given out yet */
            weir_packet_ring_release(&tap->port[p].ring);
        for (struct weir_ring_tap_port *due; count < WEIR_BURST_MAX && (due = find_due(tap));)
            give(tap, due, &burst->packet[count++]);
        if (count || waited)
            break;
        wait_for_packets(tap);
    }
    burst->state = count ? WEIR_BURST_PACKETS : move_clock(tap) && tap->stopping ? WEIR_BURST_END : WEIR_BURST_IDLE;
    burst->count = count;
    burst->clock_ns = tap->clock_ns;
    publish(tap);
}

void weir_ring_tap_account(const struct weir_ring_tap *tap, unsigned number, struct weir_port_account *account)
{
    const struct weir_ring_tap_port *port = &tap->port[number];
    account->seen += atomic_load_explicit(&port->published.seen, memory_order_relaxed);
    account->filtered += atomic_load_explicit(&port->published.filtered, memory_order_relaxed);
    account->bytes += atomic_load_explicit(&port->published.bytes, memory_order_relaxed);
    account->backward += atomic_load_explicit(&port->published.backward, memory_order_relaxed);
    account->late += atomic_load_explicit(&port->published.late, memory_order_relaxed);
    account->aggregated |= atomic_load_explicit(&port->published.aggregated, memory_order_relaxed);
    int64_t first_ns = atomic_load_explicit(&port->published.first_ns, memory_order_relaxed);
    int64_t last_ns = atomic_load_explicit(&port->published.last_ns, memory_order_relaxed);
    if (first_ns != INT64_MAX && (!account->first_ns || first_ns < account->first_ns))
        account->first_ns = first_ns;
    if (last_ns > account->last_ns)
        account->last_ns = last_ns;
}
