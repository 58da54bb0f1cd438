#include "flow/tcp.h"

#include <stdlib.h>

enum { FIN = WEIR_TCP_FIN, SYN = WEIR_TCP_SYN, RST = WEIR_TCP_RST, PSH = WEIR_TCP_PSH, ACK = WEIR_TCP_ACK, URG = WEIR_TCP_URG };

static void take_options(struct weir_tcp *tcp, const struct weir_facts *facts, struct weir_tcp_side *me)
{
    tcp->options |= facts->tcp.options & (uint16_t)~WEIR_TCPOPT_MALFORMED;
    if (facts->tcp.wscale >= 0)
        me->shift = (uint8_t)facts->tcp.wscale & 31;
}

static uint32_t elapsed_us(int64_t now_ns, int64_t then_ns)
{
    return (uint32_t)(llabs(now_ns / 1000 - then_ns / 1000));
}

static void mark_lost(struct weir_tcp_side *me)
{
    me->lost++;
    me->marks |= WEIR_TCP_MARK_LOSS;
}

void weir_tcp_open(struct weir_tcp *tcp, const struct weir_facts *facts, unsigned side, struct weir_tcp_effect *effect)
{
    struct weir_tcp_side *me = &tcp->side[side], *peer = &tcp->side[!side];
    uint32_t seq = facts->tcp.seq, ack = facts->tcp.ack, bytes = facts->payload_bytes;
    unsigned flags = facts->tcp.flags;

    *effect = (struct weir_tcp_effect){.active = true, .payload = bytes};
    tcp->brief = true;
    take_options(tcp, facts, me);
    me->flags = (uint8_t)flags;
    me->bytes = bytes;
    me->last_ns = facts->ts_ns;
    if (flags & RST) {
        tcp->seen = WEIR_TCP_SAW_RESET;
        tcp->state = WEIR_TCP_LISTEN;
        me->marks |= WEIR_TCP_MARK_RESET;
        me->base = seq ? seq - 1 : ack - 1;
        me->next = seq ? seq + bytes : ack - 1;
        peer->acked = ack - 1;
        return;
    }
    me->window = facts->tcp.window;
    me->base = seq - 1;
    me->next = seq + bytes;
    switch (flags & (SYN | ACK | FIN | PSH | URG)) {
    case SYN:
        tcp->seen = WEIR_TCP_SAW_SYN;
        tcp->state = WEIR_TCP_SYN_SENT;
        me->base = me->next = seq;
        tcp->ecn_asked = (flags & (WEIR_TCP_ECE | WEIR_TCP_CWR)) == (WEIR_TCP_ECE | WEIR_TCP_CWR);
        break;
    case SYN | ACK:
        tcp->seen = WEIR_TCP_SAW_SYNACK;
        tcp->state = WEIR_TCP_SYN_RECEIVED;
        me->base = me->next = seq;
        peer->acked = ack - 1;
        tcp->ecn_granted = (flags & (WEIR_TCP_ECE | WEIR_TCP_CWR)) == WEIR_TCP_ECE;
        break;
    case ACK:
    case PSH | ACK:
    case URG | ACK:
    case PSH | URG | ACK:
        peer->acked = ack - 1;
        /* fall through */
    case PSH:
    case URG:
    case PSH | URG:
        tcp->seen = WEIR_TCP_SAW_DATA;
        tcp->state = WEIR_TCP_ESTABLISHED;
        break;
    case FIN:
    case FIN | ACK:
        tcp->seen = WEIR_TCP_SAW_FIN;
        tcp->state = WEIR_TCP_FIN_WAIT;
        break;
    default:
        tcp->seen = WEIR_TCP_SAW_DATA;
        tcp->state = WEIR_TCP_CLOSING;
    }
}

/* Data that moves the sender forward, or does not: order and loss. The IP identification tells late packets from repeated ones.
 */
static bool judge_data(struct weir_tcp_side *me, const struct weir_tcp_side *peer, uint32_t seq, uint32_t bytes, uint16_t ip_id)
{
    uint32_t end = seq + bytes;
    if (seq < peer->acked) {
        if (peer->acked - seq >= (uint32_t)(me->window >> me->shift))
            return true;
        mark_lost(me);
        me->flight -= bytes;
        return false;
    }
    bool active = true;
    uint32_t highest = end > me->next ? end : me->next;
    if (me->window) {
        int step = (int)ip_id - (int)me->ip_id;
        if (me->ip_id && step < 0 && step > -5000) {
            me->marks |= WEIR_TCP_MARK_ORDER;
        } else if (me->flight > highest - 1 - peer->acked) {
            mark_lost(me);
            me->flight -= bytes;
            active = false;
        } else if (end < me->next) {
            if (seq == peer->acked + 1) {
                mark_lost(me);
                me->flight -= bytes;
            } else {
                me->marks |= WEIR_TCP_MARK_ORDER;
            }
        }
    }
    me->next = highest;
    return active;
}

static void track_ack(struct weir_tcp_side *me, struct weir_tcp_side *peer, unsigned flags, uint32_t ack)
{
    if (!ack || !(flags & ACK))
        return;
    if (me->acked && peer->next > me->acked)
        peer->flight = peer->next - 1 - me->acked;
    if (me->acked == ack - 1)
        return;
    if (!me->acked || peer->next == ack) {
        peer->flight = 0;
    } else if (!(flags & SYN)) {
        uint32_t more = ack - 1 - me->acked;
        peer->flight -= peer->flight < more ? peer->flight : more;
    }
    me->acked = ack - 1;
}

/* Returns whether the packet counts as sent in an active phase. */
static bool track_sequence(struct weir_tcp_side *me, struct weir_tcp_side *peer, const struct weir_facts *facts, uint16_t ip_id)
{
    unsigned flags = facts->tcp.flags;
    uint32_t seq = facts->tcp.seq, bytes = facts->payload_bytes, end = seq + bytes;
    bool active = true;

    if (flags == SYN)
        return true;
    if (!(flags & (FIN | RST))) {
        if (facts->tcp.window) {
            me->window = facts->tcp.window;
        } else {
            me->marks |= WEIR_TCP_MARK_SHUT;
            active = false;
        }
    }
    if (bytes && peer->window) {
        me->bytes += bytes;
        if (!me->flight)
            active = false;
        if (me->flags & FIN) {
            if (seq < me->next)
                mark_lost(me);
            else if (!(flags & FIN))
                me->marks |= WEIR_TCP_MARK_ORDER;
        }
        if (!(flags & SYN))
            me->flight += bytes;
    } else {
        active = false;
    }
    if (end < seq) { /* the sequence number wrapped */
        me->rolled += me->next - me->base;
        me->base = me->next = end;
    } else if (!me->base) { /* first packet of this side */
        me->base = seq;
        me->next = end;
    } else if (bytes) {
        if (peer->window && !judge_data(me, peer, seq, bytes, ip_id))
            active = false;
        me->ip_id = ip_id;
    }
    track_ack(me, peer, flags, facts->tcp.ack);
    return active;
}

static unsigned after_reset(struct weir_tcp *tcp, struct weir_tcp_side *me, const struct weir_tcp_side *peer, uint32_t seq)
{
    tcp->seen |= WEIR_TCP_SAW_RESET;
    me->marks |= WEIR_TCP_MARK_RESET;
    if (tcp->state == WEIR_TCP_SYN_SENT)
        return peer->next == me->acked ? WEIR_TCP_LISTEN : WEIR_TCP_CLOSING;
    return seq >= me->acked && seq < me->acked + (uint32_t)(me->window >> me->shift) ? WEIR_TCP_CLOSED : WEIR_TCP_CLOSING;
}

static unsigned after_close_began(struct weir_tcp *tcp, struct weir_tcp_side *me, struct weir_tcp_side *peer,
                                  const struct weir_facts *facts)
{
    unsigned flags = facts->tcp.flags;
    if (tcp->state == WEIR_TCP_FIN_WAIT && (flags & SYN) && !(flags & ACK))
        return WEIR_TCP_LISTEN;
    if (flags & FIN) {
        if (flags & ACK) {
            tcp->seen |= WEIR_TCP_SAW_FIN;
            me->marks |= WEIR_TCP_MARK_FIN;
        } else if (peer->marks & WEIR_TCP_MARK_FINACK) {
            mark_lost(me);
        }
    }
    if ((flags & ACK) && !facts->payload_bytes && (peer->marks & WEIR_TCP_MARK_FIN) && peer->next == me->acked) {
        tcp->seen |= WEIR_TCP_SAW_FINACK;
        peer->marks |= WEIR_TCP_MARK_FINACK;
        return WEIR_TCP_FIN_ACKED;
    }
    return tcp->state;
}

/* The state after this packet; LISTEN when it asks for a new connection. */
static unsigned next_state(struct weir_tcp *tcp, struct weir_tcp_side *me, struct weir_tcp_side *peer,
                           const struct weir_facts *facts)
{
    unsigned flags = facts->tcp.flags;
    if (flags & RST)
        return after_reset(tcp, me, peer, facts->tcp.seq);
    if ((flags & FIN) && (tcp->state == WEIR_TCP_SYN_RECEIVED || tcp->state == WEIR_TCP_ESTABLISHED ||
                          (tcp->state == WEIR_TCP_SYN_SENT && flags != (SYN | ACK)))) {
        tcp->seen |= WEIR_TCP_SAW_FIN;
        me->marks |= WEIR_TCP_MARK_FIN;
        return WEIR_TCP_FIN_WAIT;
    }
    switch (tcp->state) {
    case WEIR_TCP_SYN_SENT:
        if (flags == SYN) {
            mark_lost(me);
        } else if (flags == (SYN | ACK)) {
            tcp->seen |= WEIR_TCP_SAW_SYNACK;
            if (peer->next == me->acked)
                tcp->synack_us = elapsed_us(facts->ts_ns, peer->last_ns);
            return WEIR_TCP_SYN_RECEIVED;
        } else if (flags & ACK) {
            tcp->seen |= WEIR_TCP_SAW_DATA;
            return WEIR_TCP_ESTABLISHED;
        }
        break;
    case WEIR_TCP_SYN_RECEIVED:
        if (flags & SYN) {
            mark_lost(me);
        } else if (flags & ACK) {
            tcp->seen |= WEIR_TCP_SAW_DATA;
            if (me->next == peer->acked)
                tcp->ackdat_us = elapsed_us(facts->ts_ns, peer->last_ns);
            return WEIR_TCP_ESTABLISHED;
        }
        break;
    case WEIR_TCP_ESTABLISHED:
        if (flags & SYN) {
            if (flags & ACK)
                tcp->seen |= WEIR_TCP_SAW_SYNACK | WEIR_TCP_SAW_DATA;
            mark_lost(me);
        }
        break;
    case WEIR_TCP_FIN_WAIT:
    case WEIR_TCP_FIN_ACKED:
        return after_close_began(tcp, me, peer, facts);
    case WEIR_TCP_CLOSING:
        if ((flags & SYN) && !(flags & ACK))
            return WEIR_TCP_LISTEN;
        if ((flags & ACK) && me->next == me->acked && peer->next == me->acked)
            return WEIR_TCP_CLOSED;
        break;
    case WEIR_TCP_CLOSED:
        if ((flags & SYN) && !(flags & ACK))
            return WEIR_TCP_LISTEN;
        break;
    default:
        break;
    }
    return tcp->state;
}

void weir_tcp_packet(struct weir_tcp *tcp, const struct weir_facts *facts, unsigned side, uint16_t ip_id,
                     struct weir_tcp_effect *effect)
{
    struct weir_tcp_side *me = &tcp->side[side], *peer = &tcp->side[!side];
    unsigned flags = facts->tcp.flags;

    *effect = (struct weir_tcp_effect){.active = true, .payload = facts->payload_bytes};
    if (tcp->state == WEIR_TCP_LISTEN) { /* it began with a reset: only a SYN makes it a connection */
        effect->payload = facts->l4_bytes;
        effect->restart = flags & SYN;
        me->flags |= (uint8_t)flags;
        me->last_ns = facts->ts_ns;
        return;
    }
    tcp->brief = false;
    take_options(tcp, facts, me);
    me->flags |= (uint8_t)flags;
    if ((tcp->ecn_asked || tcp->ecn_granted) && (flags & WEIR_TCP_ECE) && (flags & ACK))
        me->marks |= WEIR_TCP_MARK_ECN;
    effect->active = track_sequence(me, peer, facts, ip_id);
    unsigned state = next_state(tcp, me, peer, facts);
    if (state == WEIR_TCP_LISTEN) {
        effect->restart = flags == SYN;
    } else {
        tcp->state = (uint8_t)state;
        if (state == WEIR_TCP_CLOSED && !(tcp->seen & WEIR_TCP_SAW_RESET))
            tcp->seen |= WEIR_TCP_SAW_CLOSE;
    }
    me->last_ns = facts->ts_ns;
}

void weir_tcp_begin(struct weir_tcp *tcp)
{
    for (unsigned i = 0; i < 2; i++) {
        struct weir_tcp_side *side = &tcp->side[i];
        side->marks &= WEIR_TCP_MARK_FIN | WEIR_TCP_MARK_FINACK | WEIR_TCP_MARK_ECN;
        side->bytes = side->flight = side->rolled = side->lost = 0;
        side->flags = 0;
        side->ip_id = 0;
        side->base = side->next;
    }
}

uint32_t weir_tcp_gap(const struct weir_tcp *tcp, unsigned side)
{
    const struct weir_tcp_side *me = &tcp->side[side];
    if (tcp->brief || me->lost || !me->next || me->base == me->rolled)
        return 0;
    uint32_t span = me->next - me->base;
    if (span == me->bytes || span == me->bytes - me->flight || span < me->bytes)
        return 0;
    return span - me->bytes > 0 ? span - me->bytes - 1 : 0;
}
