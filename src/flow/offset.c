#include "flow/offset.h"

enum { SYN = 1, SYNACK = 2, ACK = 4, ALL = SYN | SYNACK | ACK };

static const int64_t patience_ns = 1000000000; /* a handshake that takes longer gives way to the next one */

static void begin(struct weir_offset_meter *meter, struct weir_offset_handshake *handshake, uint32_t flow)
{
    meter->under_way += !handshake->seen;
    *handshake = (struct weir_offset_handshake){.flow = flow};
}

static void end(struct weir_offset_meter *meter, struct weir_offset_handshake *handshake)
{
    meter->under_way -= handshake->seen != 0;
    handshake->seen = 0;
}

static int64_t begun_ns(const struct weir_offset_handshake *handshake)
{
    return handshake->seen & SYN ? handshake->syn_ns : handshake->synack_ns;
}

void weir_offset_add(struct weir_offset *into, const struct weir_offset *from)
{
    if (!from->handshakes)
        return;
    int64_t low_ns = from->low_ns, high_ns = from->high_ns;
    if (into->handshakes && from->low_ns <= into->high_ns && into->low_ns <= from->high_ns) {
        low_ns = into->low_ns > low_ns ? into->low_ns : low_ns;
        high_ns = into->high_ns < high_ns ? into->high_ns : high_ns;
    } else if (into->handshakes && into->last_ns > from->last_ns) { /* what is younger counts */
        low_ns = into->low_ns;
        high_ns = into->high_ns;
    }
    into->low_ns = low_ns;
    into->high_ns = high_ns;
    into->handshakes += from->handshakes;
    into->last_ns = from->last_ns > into->last_ns ? from->last_ns : into->last_ns;
}

/* Packet times lie within 2^62, so differences fit. */
static void use(const struct weir_offset_handshake *handshake, struct weir_offset *found)
{
    int64_t there_ns = handshake->synack_ns - handshake->syn_ns, back_ns = handshake->ack_ns - handshake->synack_ns;
    struct weir_offset one = {.handshakes = 1, .low_ns = -back_ns, .high_ns = there_ns, .last_ns = handshake->ack_ns};
    if (handshake->port == 1) {
        one.low_ns = -there_ns;
        one.high_ns = back_ns;
    }
    if (one.low_ns <= one.high_ns) /* ACK before SYN: the port's own times go back */
        weir_offset_add(found, &one);
}

static void take_if_whole(struct weir_offset_meter *meter, struct weir_offset_handshake *handshake, struct weir_offset *found)
{
    if (handshake->seen != ALL)
        return;
    if (handshake->acknowledged == handshake->server + 1)
        use(handshake, found);
    end(meter, handshake);
}

static void take_syn(struct weir_offset_meter *meter, struct weir_offset_handshake *handshake, const struct weir_facts *facts,
                     uint32_t flow)
{
    if (handshake->seen && handshake->flow == flow && handshake->client == facts->tcp.seq) {
        if (handshake->seen & SYN) /* again: the first one counts */
            return;
        if (handshake->port != facts->port) { /* both directions on one port */
            end(meter, handshake);
            return;
        }
    } else {
        begin(meter, handshake, flow);
    }
    handshake->client = facts->tcp.seq;
    handshake->port = facts->port;
    handshake->syn_ns = facts->ts_ns;
    handshake->seen |= SYN;
}

static void take_synack(struct weir_offset_meter *meter, struct weir_offset_handshake *handshake, const struct weir_facts *facts,
                        uint32_t flow, struct weir_offset *found)
{
    bool mine = handshake->seen && handshake->flow == flow && handshake->client + 1 == facts->tcp.ack;
    if (mine && handshake->seen & SYNACK)
        return;
    if (mine && handshake->port == facts->port) { /* both directions on one port */
        end(meter, handshake);
        return;
    }
    if (!mine) {
        begin(meter, handshake, flow);
        handshake->client = facts->tcp.ack - 1;
        handshake->port = facts->port ^ 1;
    }
    handshake->server = facts->tcp.seq;
    handshake->synack_ns = facts->ts_ns;
    handshake->seen |= SYNACK;
    take_if_whole(meter, handshake, found);
}

void weir_offset_packet(struct weir_offset_meter *meter, const struct weir_facts *facts, uint32_t flow, struct weir_offset *found)
{
    unsigned flags = facts->tcp.flags & (WEIR_TCP_SYN | WEIR_TCP_ACK | WEIR_TCP_FIN | WEIR_TCP_RST);
    if (flags == WEIR_TCP_ACK && !meter->under_way)
        return;
    struct weir_offset_handshake *handshake = &meter->handshake[flow % WEIR_OFFSET_HANDSHAKES];
    bool taken = handshake->seen && handshake->flow != flow && facts->ts_ns - begun_ns(handshake) < patience_ns;
    if (taken)
        return;
    if (flags == WEIR_TCP_SYN) {
        take_syn(meter, handshake, facts, flow);
    } else if (flags == (WEIR_TCP_SYN | WEIR_TCP_ACK)) {
        take_synack(meter, handshake, facts, flow, found);
    } else if (flags == WEIR_TCP_ACK && handshake->flow == flow && (handshake->seen & (SYN | ACK)) == SYN &&
               handshake->port == facts->port && handshake->client + 1 == facts->tcp.seq) {
        handshake->acknowledged = facts->tcp.ack;
        handshake->ack_ns = facts->ts_ns;
        handshake->seen |= ACK;
        take_if_whole(meter, handshake, found);
    }
}

bool weir_offset_differs(const struct weir_offset *offset)
{
    return offset->handshakes && (offset->low_ns > 0 || offset->high_ns < 0);
}
