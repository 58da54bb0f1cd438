#include "features/argus.h"

#include "base/bytes.h"
#include "features/services.h"

#define SECOND    INT64_C(1000000000)
#define FROM_HIGH 1 /* weir_flow.flags: the flow's source is the key's `high` end */

enum { TIMEOUT_LONG, TIMEOUT_USUAL, TIMEOUT_SHORT };

static const int64_t timeouts_ns[] = {
    [TIMEOUT_LONG] = 60 * SECOND, [TIMEOUT_USUAL] = 30 * SECOND, [TIMEOUT_SHORT] = 5 * SECOND, 0};

static unsigned timeout_of(const struct weir_flow_key *key)
{
    if (key->kind == KIND_FRAGMENT)
        return TIMEOUT_SHORT;
    return key->proto == TCP ? TIMEOUT_LONG : key->proto == ICMP || key->proto == ICMPV6 ? TIMEOUT_SHORT : TIMEOUT_USUAL;
}

/* --- Counting ----------------------------------------------------------------------------------------------------------------*/

/* Link types by number (tcpdump.org/linktypes.html) whose packets Argus marks, or counts without a header that the capture put
 * before the packet. */
enum {
    LINK_NULL = 0,
    LINK_ETHERNET = 1,
    LINK_PPP = 9,
    LINK_PPP_SERIAL = 50,
    LINK_HDLC = 104,
    LINK_LOOP = 108,
    LINK_COOKED = 113,
    LINK_COOKED_2 = 276
};

static uint32_t wire_bytes(const struct weir_packet *packet)
{
    uint32_t pseudo = 0;
    if (packet->link == LINK_ETHERNET)
        return packet->wirelen;
    if (packet->link == LINK_NULL || packet->link == LINK_LOOP)
        pseudo = 4;
    else if (packet->link == LINK_COOKED)
        pseudo = 16;
    else if (packet->link == LINK_COOKED_2)
        pseudo = 20;
    return packet->wirelen > pseudo ? packet->wirelen - pseudo : 0;
}

static unsigned link_bits(unsigned link)
{
    switch (link) {
    case LINK_COOKED:
    case LINK_COOKED_2:
        return WEIR_ARGUS_COOKED;
    case LINK_PPP:
    case LINK_PPP_SERIAL:
        return WEIR_ENCAP_PPPOE;
    case LINK_HDLC:
        return WEIR_ARGUS_HDLC;
    default:
        return 0;
    }
}

static void take_time(struct weir_argus_side *side, int64_t ts_ns)
{
    if (!side->first_ns)
        side->first_ns = ts_ns;
    side->last_ns = ts_ns;
}

static void take_gap(struct weir_argus_flow *flow, unsigned at, int64_t ts_ns, bool active)
{
    struct weir_argus_side *side = &flow->side[at];
    if (ts_ns <= side->arrival_ns)
        return;
    int64_t gap = ts_ns - side->arrival_ns;
    if (side->arrival_ns > 0 && gap < WEIR_ARGUS_GAP_LIMIT_NS) {
        struct weir_argus_gaps *gaps = active ? &flow->times[at].active : &flow->times[at].idle;
        if (!gaps->n || gap < gaps->min_ns)
            gaps->min_ns = gap;
        if (gap > (int64_t)gaps->max_ns)
            gaps->max_ns = (uint64_t)gap & 0x3ffffffff;
        gaps->n++;
        gaps->sum_ns += gap;
        gaps->squares += (double)gap * (double)gap;
    }
    side->arrival_ns = ts_ns;
}

static void take_size(struct weir_argus_side *side, uint32_t bytes)
{
    side->packets++;
    side->bytes += bytes;
    if (!side->size_min || bytes < side->size_min)
        side->size_min = bytes;
    if (bytes > side->size_max)
        side->size_max = bytes;
}

static void take_headers(struct weir_argus_flow *flow, unsigned at, const struct weir_facts *facts, unsigned link)
{
    struct weir_argus_side *side = &flow->side[at];
    side->encap |= facts->encap;
    if (link != LINK_ETHERNET)
        side->encap |= (uint16_t)link_bits(link);
    side->has |= WEIR_ARGUS_HAS_IP;
    side->ttl = facts->ttl;
    side->tos = facts->tos;
    side->ip_id = facts->ip_version == 4 ? __builtin_bswap16((uint16_t)facts->ip_id) : 0;
    side->ip_options = facts->ip_options;
    if (facts->encap & WEIR_ENCAP_VLAN) {
        side->has |= WEIR_ARGUS_HAS_VLAN;
        side->vlan = facts->encap & WEIR_ENCAP_QINQ ? facts->vlan[1] : facts->vlan[0];
    }
    if (facts->encap & WEIR_ENCAP_MPLS) {
        side->has |= WEIR_ARGUS_HAS_MPLS;
        flow->mpls[at] = facts->mpls;
    }
    if (facts->encap & WEIR_ENCAP_ETHERNET) {
        if (!(flow->marks & WEIR_ARGUS_MAC)) {
            flow->marks |= WEIR_ARGUS_MAC;
            memcpy(flow->mac[at], facts->mac_src, 6);
            memcpy(flow->mac[!at], facts->mac_dst, 6);
        } else if (memcmp(flow->mac[at], facts->mac_src, 6) || memcmp(flow->mac[!at], facts->mac_dst, 6)) {
            flow->marks |= WEIR_ARGUS_PATHS;
        }
    }
}

/* What Argus counts as application bytes, TCP left out: everything behind the UDP header, else behind the IP header. For an error
 * it is the same of the packet quoted. */
static uint32_t app_bytes(const struct weir_facts *facts)
{
    if (facts->proto == UDP)
        return weir__argus_l4_has(facts, 8) ? facts->payload_bytes : facts->l4_bytes;
    if (facts->proto == ICMP && facts->flags & WEIR_FACT_QUOTED && weir__argus_l4_has(facts, 28)) {
        uint32_t total = weir_load_be16(facts->l4 + 10), header = (facts->l4[8] & 15u) * 4;
        return total > header ? total - header : 0;
    }
    return facts->l4_bytes;
}

/* ESP: sequence numbers that did not come. */
static void take_esp(struct weir_argus_flow *flow, const struct weir_facts *facts, bool fresh)
{
    if (!weir__argus_l4_has(facts, 8))
        return;
    uint32_t seq = weir_load_be32(facts->l4 + 4);
    int32_t step = (int32_t)(seq - flow->esp.last);
    if (fresh || step == 1) {
        flow->esp.last = seq;
    } else if (!flow->esp.failed) {
        if (step == 0 || step > 0x10000 || step < -0x10000) {
            flow->esp.failed = true;
            flow->esp.last = seq;
        } else if (step > 0) {
            flow->esp.marks |= WEIR_TCP_MARK_LOSS;
            flow->esp.lost += (uint32_t)step - 1;
            flow->esp.last = seq;
        } else {
            flow->esp.lost--;
            flow->esp.marks |= WEIR_TCP_MARK_ORDER;
        }
    }
}

/* What outlives a record: the last packet's header fields, and its time. */
static struct weir_argus_side rest_of(const struct weir_argus_side *side)
{
    return (struct weir_argus_side){.arrival_ns = side->arrival_ns,
                                    .has = side->has & WEIR_ARGUS_HAS_IP,
                                    .ttl = side->ttl,
                                    .tos = side->tos,
                                    .ip_id = side->ip_id};
}

static void begin(void *slot)
{
    struct weir_argus_flow *flow = slot;
    for (unsigned i = 0; i < 2; i++)
        flow->side[i] = rest_of(&flow->side[i]);
    memset(flow->times, 0, sizeof flow->times);
    flow->marks &= WEIR_ARGUS_PATHS | WEIR_ARGUS_MAC | WEIR_ARGUS_SAW_TCP;
}

static void begin_record(void *slot, const struct weir_flow *head)
{
    struct weir_argus_flow *flow = slot;
    begin(flow);
    if (flow->marks & WEIR_ARGUS_SAW_TCP) {
        weir_tcp_begin(&flow->tcp);
    } else if (head->key.proto == UDP) {
        weir_media_begin(&flow->media);
    } else if (head->key.proto == ESP) {
        flow->esp.lost = 0;
        flow->esp.marks = 0;
        flow->esp.failed = false;
    }
}

/* The first packet of a flow, or of a new connection between the same ends. */
static void begin_flow(struct weir_argus_flow *flow, struct weir_flow *head, const struct weir_facts *facts, bool reverse)
{
    if (flow->marks & WEIR_ARGUS_SAW_TCP) {
        begin(flow);
        memset(&flow->tcp, 0, sizeof flow->tcp);
        flow->marks &= WEIR_ARGUS_MAC | WEIR_ARGUS_PATHS;
    }
    head->flags = reverse ? FROM_HIGH : 0;
    flow->icmp_type = facts->icmp.type;
    flow->icmp_code = facts->icmp.code;
}

static void prefetch(const void *slot, const struct weir_flow_key *key, bool reverse)
{
    const struct weir_argus_flow *flow = slot;
    __builtin_prefetch(&flow->side[reverse], 1);
    __builtin_prefetch(&flow->times[reverse], 1);
    __builtin_prefetch(&flow->tcp, 1);
    if (key->proto == TCP)
        __builtin_prefetch((const uint8_t *)&flow->tcp + 64, 1);
}

static bool take_packet(void *slot, struct weir_flow *head, const struct weir_facts *facts, const struct weir_packet *packet,
                        bool reverse, bool fresh)
{
    struct weir_argus_flow *flow = slot;
    const unsigned at = reverse;
    struct weir_argus_side *side = &flow->side[at];
    struct weir_tcp_effect effect = {.active = true};

    if (fresh)
        begin_flow(flow, head, facts, reverse);
    flow->last = (uint8_t)at;
    take_time(side, facts->ts_ns); /* even when the packet ends the record: Argus does so */
    take_headers(flow, at, facts, packet->link);
    if (facts->flags & WEIR_FACT_FRAGMENT_LATER) { /* its first fragment has not come: a flow of its own, until it does */
        flow->marks |= WEIR_ARGUS_FRAGMENT;
        effect.payload = facts->l4_bytes;
        if (!(facts->flags & WEIR_FACT_FRAGMENT_MORE))
            flow->total = facts->fragment_offset + facts->l4_bytes;
    } else if (facts->proto == TCP) {
        effect.payload = facts->l4_bytes;
        if (weir__argus_l4_has(facts, 20)) {
            uint16_t ip_id = facts->ip_version == 4 ? __builtin_bswap16((uint16_t)facts->ip_id) : 0;
            if (!(flow->marks & WEIR_ARGUS_SAW_TCP))
                weir_tcp_open(&flow->tcp, facts, at, &effect);
            else
                weir_tcp_packet(&flow->tcp, facts, at, ip_id, &effect);
            flow->marks |= WEIR_ARGUS_SAW_TCP;
            if (effect.restart)
                return true;
        }
    } else {
        effect.payload = app_bytes(facts);
        if (facts->proto == ESP)
            take_esp(flow, facts, fresh);
        if (facts->proto == UDP && weir__argus_l4_has(facts, 8) && effect.payload > 0) {
            const uint8_t *payload = facts->l4 + 8;
            if (fresh)
                weir_media_open(&flow->media, at, facts->sport, facts->dport, payload, facts->l4_captured - 8);
            else
                effect.payload -= weir_media_packet(&flow->media, at, payload, facts->l4_captured - 8, effect.payload);
        }
    }
    take_size(side, wire_bytes(packet));
    take_gap(flow, at, facts->ts_ns, effect.active);
    side->app_bytes += effect.payload;
    if (facts->flags & WEIR_FACT_FRAGMENT)
        side->has |= WEIR_ARGUS_HAS_FRAGMENTS;
    return false;
}

/* Later fragments count as packets and bytes, and in the times; nothing else of them does. */
static void take_fragment(void *slot, struct weir_flow *head, const struct weir_facts *facts, const struct weir_packet *packet,
                          bool reverse)
{
    (void)head;
    struct weir_argus_side *side = &((struct weir_argus_flow *)slot)->side[reverse];
    take_time(side, facts->ts_ns);
    side->packets++;
    side->bytes += wire_bytes(packet);
    side->has |= WEIR_ARGUS_HAS_FRAGMENTS;
}

/* The fragments of one datagram go one way: the other side is empty. */
static const struct weir_argus_side *only_side(const struct weir_argus_flow *early)
{
    return &early->side[early->last];
}

static void take_early(void *slot, const void *early)
{
    struct weir_argus_flow *flow = slot;
    const struct weir_argus_side *from = only_side(early);
    struct weir_argus_side *side = &flow->side[flow->last];
    side->packets += from->packets;
    side->bytes += from->bytes;
    if (from->first_ns < side->first_ns)
        side->first_ns = from->first_ns;
    side->has |= WEIR_ARGUS_HAS_FRAGMENTS;
}

static void measure_early(const void *slot, uint32_t *bytes, uint32_t *total)
{
    const struct weir_argus_flow *early = slot;
    *bytes = (uint32_t)only_side(early)->app_bytes;
    *total = early->total;
}

static void take_error(void *slot, const struct weir_facts *facts)
{
    struct weir_argus_flow *flow = slot;
    flow->marks |= WEIR_ARGUS_MAPPED;
    flow->mapped_type = facts->icmp.type;
    flow->mapped_code = facts->icmp.code;
    flow->mapped_ns = facts->ts_ns;
}

/* --- Records -----------------------------------------------------------------------------------------------------------------*/

/* Whether `ra` shows the record from its other end: a connection that was first seen by its server's answer or in the middle, or
 * a lone reply. `source`: the end that sent the first packet. */
static bool is_reversed(const struct weir_argus_flow *flow, const struct weir_flow_key *key, unsigned source)
{
    const struct weir_argus_side *from = &flow->side[source], *to = &flow->side[!source];
    if (key->ip_version != 4 || flow->marks & WEIR_ARGUS_FRAGMENT)
        return false;
    if (key->proto == ICMP)
        return (flow->icmp_type == 0 || flow->icmp_type == 14 || flow->icmp_type == 16 || flow->icmp_type == 18) &&
               from->packets && !to->packets;
    if (key->proto != TCP)
        return false;
    unsigned seen = flow->marks & WEIR_ARGUS_SAW_TCP ? flow->tcp.seen : 0;
    if (seen & WEIR_TCP_SAW_SYN)
        return false;
    if (!(seen & WEIR_TCP_SAW_SYNACK)) { /* met in the middle: the known port is the server's, of two the smaller */
        unsigned ours = source ? key->high_port : key->low_port, theirs = source ? key->low_port : key->high_port;
        return weir_service_known(ours) && (ours < theirs || !weir_service_known(theirs));
    }
    const struct weir_tcp_side *tcp_from = &flow->tcp.side[source], *tcp_to = &flow->tcp.side[!source];
    if (flow->tcp.brief)
        return false;
    if (seen & (WEIR_TCP_SAW_DATA | WEIR_TCP_SAW_CLOSE | WEIR_TCP_SAW_FIN | WEIR_TCP_SAW_FINACK))
        return true;
    if (!(tcp_from->flags & WEIR_TCP_SYN) || tcp_to->flags & WEIR_TCP_RST)
        return false;
    if (from->packets > 5 && to->packets > 5)
        return true;
    return from->packets && !to->packets && tcp_from->flags & WEIR_TCP_FIN && from->bytes / from->packets > 60;
}

static void swap_bytes(void *a, void *b, size_t bytes)
{
    uint8_t *x = a, *y = b;
    for (size_t i = 0; i < bytes; i++) {
        uint8_t swapped = x[i];
        x[i] = y[i];
        y[i] = swapped;
    }
}

#define SWAP_PAIR(pair) swap_bytes(&(pair)[0], &(pair)[1], sizeof(pair)[0])

static void turn_round(struct weir_argus_flow *flow, unsigned proto)
{
    SWAP_PAIR(flow->side);
    SWAP_PAIR(flow->times);
    SWAP_PAIR(flow->mac);
    SWAP_PAIR(flow->mpls);
    if (flow->marks & WEIR_ARGUS_SAW_TCP)
        SWAP_PAIR(flow->tcp.side);
    else if (proto == UDP)
        SWAP_PAIR(flow->media.side);
}

static double seconds(int64_t ns)
{
    return (double)ns / 1e9;
}

static void measure_times(struct weir_argus_record *record, struct weir_identity *identity)
{
    bool any = false;
    for (unsigned i = 0; i < 2; i++) {
        struct weir_argus_side *side = &record->flow.side[i];
        if (side->last_ns < side->first_ns)
            swap_bytes(&side->first_ns, &side->last_ns, sizeof side->first_ns);
        if (!side->packets)
            continue;
        record->side_s[i] = seconds(side->last_ns - side->first_ns);
        if (!any || side->first_ns < identity->stime_ns)
            identity->stime_ns = side->first_ns;
        if (!any || side->last_ns > identity->ltime_ns)
            identity->ltime_ns = side->last_ns;
        any = true;
    }
    bool mapped = record->flow.marks & WEIR_ARGUS_MAPPED;
    if (mapped && record->flow.mapped_ns > identity->ltime_ns)
        identity->ltime_ns = record->flow.mapped_ns;
    record->duration_s = seconds(identity->ltime_ns - identity->stime_ns);
    const struct weir_argus_side *side = record->flow.side;
    if (mapped && side[0].packets && side[0].first_ns == identity->stime_ns)
        record->side_s[0] = record->duration_s;
    if (!side[0].packets || !side[1].packets)
        return;
    /* Argus stores one pair of times for both sides. ra takes it back from a side with a single packet when both have one, or
     * when the two times differ in their seconds. */
    bool pair = side[0].packets == 1 && side[1].packets == 1;
    bool same_second = identity->stime_ns / SECOND == identity->ltime_ns / SECOND;
    for (unsigned i = 0; i < 2; i++)
        record->side_s[i] = side[i].packets == 1 && (pair || !same_second) ? 0 : record->duration_s;
}

static bool make_record(const void *slot, const struct weir_flow *head, enum weir_reason reason, void *body,
                        struct weir_identity *identity)
{
    (void)reason;
    const struct weir_argus_flow *flow = slot;
    struct weir_argus_record *record = body;
    if (!flow->side[0].packets && !flow->side[1].packets)
        return false;
    unsigned first = head->flags & FROM_HIGH;
    record->reversed = is_reversed(flow, &head->key, first);
    unsigned source = first ^ record->reversed;
    record->flow = *flow;
    record->key = head->key;
    if (source)
        turn_round(&record->flow, head->key.proto);
    memcpy(identity->src, source ? head->key.high : head->key.low, 16);
    memcpy(identity->dst, source ? head->key.low : head->key.high, 16);
    identity->ports =
        head->key.kind != KIND_FRAGMENT && (head->key.proto == TCP || head->key.proto == UDP || head->key.proto == SCTP);
    if (identity->ports) {
        identity->sport = source ? head->key.high_port : head->key.low_port;
        identity->dport = source ? head->key.low_port : head->key.high_port;
    }
    memset(record->side_s, 0, sizeof record->side_s);
    measure_times(record, identity);
    return true;
}

static void gather(void *body, struct weir_identity *identity, const void *other)
{
    struct weir_argus_record *sum = body;
    const struct weir_argus_record *more = other;
    for (unsigned i = 0; i < 2; i++) {
        struct weir_argus_side *to = &sum->flow.side[i];
        const struct weir_argus_side *from = &more->flow.side[i];
        if (!to->packets) {
            *to = *from;
            continue;
        }
        if (!from->packets)
            continue;
        to->packets += from->packets;
        to->bytes += from->bytes;
        to->app_bytes += from->app_bytes;
        to->first_ns = from->first_ns < to->first_ns ? from->first_ns : to->first_ns;
        to->last_ns = from->last_ns > to->last_ns ? from->last_ns : to->last_ns;
        to->size_min = from->size_min < to->size_min ? from->size_min : to->size_min;
        to->size_max = from->size_max > to->size_max ? from->size_max : to->size_max;
    }
    if (sum->flow.marks & more->flow.marks & WEIR_ARGUS_SAW_TCP)
        for (unsigned i = 0; i < 2; i++)
            sum->flow.tcp.side[i].flags |= more->flow.tcp.side[i].flags;
    memset(sum->side_s, 0, sizeof sum->side_s);
    measure_times(sum, identity);
}

const struct weir_view_ops weir_argus_ops = {
    .constants = "argus 3.0.8.2; status interval 5 s; time-outs tcp 60 s, icmp 5 s, others 30 s; gaps below 10 s",
    .slot_bytes = sizeof(struct weir_argus_flow),
    .body_bytes = sizeof(struct weir_argus_record),
    .interval_ns = 5 * SECOND,
    .timeouts_ns = timeouts_ns,
    .timeout = timeout_of,
    .key = weir__argus_key,
    .quoted_key = weir__argus_quoted_key,
    .prefetch = prefetch,
    .packet = take_packet,
    .fragment = take_fragment,
    .join = take_early,
    .early = measure_early,
    .quoted = take_error,
    .begin = begin_record,
    .record = make_record,
    .gather = gather,
};
