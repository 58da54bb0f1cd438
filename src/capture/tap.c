#include "capture/tap.h"

void weir_tap_init(struct weir_tap *tap, unsigned lane, struct weir_feed *const feed[static WEIR_PORTS_MAX])
{
    *tap = (struct weir_tap){.lane = lane};
    for (unsigned i = 0; i < WEIR_PORTS_MAX; i++) {
        struct weir_tap_port *port = &tap->port[i];
        port->feed = feed[i];
        port->at = WEIR_RECORD_NONE;
        port->bound_ns = feed[i] ? INT64_MIN : INT64_MAX;
    }
}

static inline void give(struct weir_tap_port *port, uint8_t number, struct weir_packet *packet)
{
    const struct weir_block *block = port->block;
    const struct weir_record *record = &block->record[port->at];
    packet->data = block->bytes + record->offset;
    packet->ts_ns = record->ts_ns;
    packet->release_ns = record->release_ns;
    packet->caplen = record->caplen;
    packet->wirelen = record->wirelen;
    packet->link = record->link;
    packet->port = number;
    __builtin_prefetch(packet->data);
    port->at = record->next;
    port->bound_ns = port->at == WEIR_RECORD_NONE ? block->release_ns : block->record[port->at].release_ns;
}

/* Gives a block back whose packets have all been given out, in bursts before this one. */
static void pass_finished(struct weir_tap_port *port)
{
    if (port->block && port->at == WEIR_RECORD_NONE) {
        weir_feed_pass(port->feed, port->taken - 1);
        port->block = NULL;
    }
}

/* Moves on to the port's next block. The lane has passed the one before. */
static enum weir_feed_state take_next(struct weir_tap_port *port, unsigned lane)
{
    enum weir_feed_state state = weir_feed_take(port->feed, port->taken, &port->block);
    if (state == WEIR_FEED_END)
        port->bound_ns = INT64_MAX;
    if (state != WEIR_FEED_BLOCK)
        return state;
    port->taken++;
    port->at = port->block->first[lane];
    port->mark_ns = port->block->release_ns;
    port->bound_ns = port->at == WEIR_RECORD_NONE ? port->mark_ns : port->block->record[port->at].release_ns;
    pass_finished(port);
    return state;
}

static bool ended(const struct weir_tap_port *port)
{
    return port->bound_ns == INT64_MAX;
}

/* True when the clock has moved. */
static bool move_clock(struct weir_tap *tap)
{
    const struct weir_tap_port *a = &tap->port[0], *b = &tap->port[1];
    int64_t now_ns = a->bound_ns < b->bound_ns ? a->bound_ns : b->bound_ns;
    if (ended(a) && ended(b))
        now_ns = a->mark_ns > b->mark_ns ? a->mark_ns : b->mark_ns;
    if (now_ns <= tap->clock_ns)
        return false;
    tap->clock_ns = now_ns;
    return true;
}

void weir_tap_burst(struct weir_tap *tap, struct weir_burst *burst)
{
    struct weir_tap_port *a = &tap->port[0], *b = &tap->port[1];
    unsigned count = 0;
    pass_finished(a);
    pass_finished(b);
    for (;;) {
        while (count < WEIR_BURST_MAX) {
            if (a->at != WEIR_RECORD_NONE && a->bound_ns <= b->bound_ns)
                give(a, 0, &burst->packet[count++]);
            else if (b->at != WEIR_RECORD_NONE && b->bound_ns < a->bound_ns)
                give(b, 1, &burst->packet[count++]);
            else
                break;
        }
        bool moved = move_clock(tap);
        if (count) {
            burst->state = WEIR_BURST_PACKETS;
            break;
        }
        if (ended(a) && ended(b)) {
            burst->state = WEIR_BURST_END;
            break;
        }
        if (moved) {
            burst->state = WEIR_BURST_IDLE;
            break;
        }
        /* The port that is behind: the one without a packet in hand, or of two such the one with the lower watermark. */
        struct weir_tap_port *behind = a->at != WEIR_RECORD_NONE    ? b
                                       : b->at != WEIR_RECORD_NONE  ? a
                                       : a->bound_ns <= b->bound_ns ? a
                                                                    : b;
        if (take_next(behind, tap->lane) == WEIR_FEED_WAIT) {
            burst->state = WEIR_BURST_IDLE;
            break;
        }
    }
    burst->count = count;
    burst->clock_ns = tap->clock_ns;
}
