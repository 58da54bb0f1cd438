/* The argus view's table of columns. Names and values: ra 3.0.8.2; a side without packets has counters and rates of 0, what does
 * not apply is missing. */
#include <arpa/inet.h>
#include <math.h>

#include "features/argus_record.h"
#include "features/protocols.h"
#include "features/registry.h"

#define MISSING ((double)NAN)

/* Defines name_s and name_d, the column's value for either side, from an expression over `side` (0 source, 1 destination), `r`
 * (the body), `s` (the side's counters), `t` (its times between packets). */
#define BOTH_SIDES(name, expression)                                                                                             \
    static double name(const struct weir_record *record, unsigned side)                                                          \
    {                                                                                                                            \
        const struct weir_argus_record *r = body(record);                                                                        \
        const struct weir_argus_side *s = side_of(record, side);                                                                 \
        const struct weir_argus_times *t = times_of(record, side);                                                               \
        (void)r, (void)s, (void)t;                                                                                               \
        return expression;                                                                                                       \
    }                                                                                                                            \
    static double name##_s(const struct weir_record *record)                                                                     \
    {                                                                                                                            \
        return name(record, SOURCE);                                                                                             \
    }                                                                                                                            \
    static double name##_d(const struct weir_record *record)                                                                     \
    {                                                                                                                            \
        return name(record, TARGET);                                                                                             \
    }

#define VALUE(name, expression)                                                                                                  \
    static double name(const struct weir_record *record)                                                                         \
    {                                                                                                                            \
        const struct weir_argus_record *r = body(record);                                                                        \
        (void)r;                                                                                                                 \
        return expression;                                                                                                       \
    }

/* --- Who and when ------------------------------------------------------------------------------------------------------------*/

VALUE(stime, (double)record->identity.stime_ns / 1e9)
VALUE(ltime, (double)record->identity.ltime_ns / 1e9)
VALUE(duration, r->duration_s)
VALUE(no_deviation, 0.0)
BOTH_SIDES(side_duration, s->packets ? r->side_s[side] : 0.0)

static unsigned protocol(const struct weir_record *record)
{
    switch (media(record)) {
    case WEIR_MEDIA_RTP:
        return WEIR_PROTOCOL_RTP;
    case WEIR_MEDIA_RTCP:
        return WEIR_PROTOCOL_RTCP;
    default:
        return record->identity.proto;
    }
}

static double proto_value(const struct weir_record *record)
{
    return weir_protocol_code(protocol(record));
}

static size_t proto_text(const struct weir_record *record, char *out, size_t size)
{
    return put(out, size, weir_protocol_names[protocol(record)]);
}

static size_t address_text(const struct weir_record *record, const uint8_t *address, char *out, size_t size)
{
    if (!inet_ntop(record->identity.ip_version == 6 ? AF_INET6 : AF_INET, address, out, (socklen_t)size))
        *out = 0;
    return strlen(out);
}

static size_t saddr_text(const struct weir_record *record, char *out, size_t size)
{
    return address_text(record, record->identity.src, out, size);
}

static size_t daddr_text(const struct weir_record *record, char *out, size_t size)
{
    return address_text(record, record->identity.dst, out, size);
}

/* Source: port, or type and code of ICMP. Destination: port, ICMP identifier, or the SPI of ESP. */
static double port(const struct weir_record *record, unsigned side)
{
    const struct weir_argus_record *r = body(record);
    if (record->identity.ports)
        return side == SOURCE ? record->identity.sport : record->identity.dport;
    if (is_icmp(record)) /* ra exchanges the bytes of what it prints as the destination port */
        return side == SOURCE ? (r->reversed ? r->flow.icmp_type : r->key.kind) + 256 * r->key.code
                              : __builtin_bswap16(r->key.low_port);
    if (is_icmpv6(record))
        return side == SOURCE ? r->key.kind : r->key.code;
    if (record->identity.proto == ESP && record->identity.ip_version == 4 && !is_fragment(record) && side == TARGET)
        return (double)r->key.extra;
    return MISSING;
}

static double sport(const struct weir_record *record)
{
    return port(record, SOURCE);
}

static double dport(const struct weir_record *record)
{
    return port(record, TARGET);
}

static size_t port_text(const struct weir_record *record, unsigned side, char *out, size_t size)
{
    double value = port(record, side);
    const char *format = is_icmp(record) ? "0x%04x" : record->identity.proto == ESP ? "0x%x" : "%u";
    *out = 0;
    int n = isnan(value) ? 0 : snprintf(out, size, format, (unsigned)value);
    return n < 0 ? 0 : (size_t)n;
}

static size_t sport_text(const struct weir_record *record, char *out, size_t size)
{
    return port_text(record, SOURCE, out, size);
}

static size_t dport_text(const struct weir_record *record, char *out, size_t size)
{
    return port_text(record, TARGET, out, size);
}

static const char *const directions[] = {"->", "<-", "<->", "?>", "<?", "<?>", NULL};

static double dir_value(const struct weir_record *record)
{
    bool out = side_of(record, SOURCE)->packets, in = side_of(record, TARGET)->packets;
    unsigned both = out && in ? 2 : out ? 0 : 1;
    if (!is_tcp(record))
        return both;
    return body(record)->flow.tcp.seen & (WEIR_TCP_SAW_SYN | WEIR_TCP_SAW_SYNACK) ? 0 : both + 3;
}

static size_t dir_text(const struct weir_record *record, char *out, size_t size)
{
    return put(out, size, directions[(unsigned)dir_value(record)]);
}

static const char *const causes[] = {"Start", "Status", "Stop", NULL};

static double cause_value(const struct weir_record *record)
{
    return record->identity.reason == WEIR_REASON_REUSE ? 2 : record->identity.record > 0;
}

static size_t cause_text(const struct weir_record *record, char *out, size_t size)
{
    return put(out, size, causes[(unsigned)cause_value(record)]);
}

/* --- State and flags ---------------------------------------------------------------------------------------------------------*/

static double state_value(const struct weir_record *record)
{
    return weir__argus_state(record);
}

static size_t state_text(const struct weir_record *record, char *out, size_t size)
{
    return put(out, size, weir__argus_states[weir__argus_state(record)]);
}

static size_t tcpopt_text(const struct weir_record *record, char *out, size_t size)
{
    static const struct {
        unsigned bit;
        char letter;
    } options[] = {
        {WEIR_TCPOPT_MSS, 'M'},    {WEIR_TCPOPT_WSCALE, 'w'},     {WEIR_TCPOPT_SACK_OK, 's'},   {WEIR_TCPOPT_SACK, 'S'},
        {WEIR_TCPOPT_ECHO, 'e'},   {WEIR_TCPOPT_ECHO_REPLY, 'E'}, {WEIR_TCPOPT_TIMESTAMP, 'T'}, {WEIR_TCPOPT_CC, 'c'},
        {WEIR_TCPOPT_CC_NEW, 'N'}, {WEIR_TCPOPT_CC_ECHO, 'O'},
    };
    char text[13] = "";
    if (is_tcp(record)) {
        const struct weir_tcp *tcp = &body(record)->flow.tcp;
        memset(text, ' ', 12);
        for (size_t i = 0; i < sizeof options / sizeof *options; i++)
            if (tcp->options & options[i].bit)
                text[i] = options[i].letter;
        if (tcp->ecn_asked)
            text[10] = 'S';
        if (tcp->ecn_granted)
            text[11] = 'D';
    }
    return put_letters(out, size, text);
}

/* --- Volume ------------------------------------------------------------------------------------------------------------------*/

BOTH_SIDES(packets, s->packets)
BOTH_SIDES(bytes, (double)s->bytes)
BOTH_SIDES(app_bytes, (double)s->app_bytes)
VALUE(all_packets, packets_s(record) + packets_d(record))
VALUE(all_bytes, bytes_s(record) + bytes_d(record))
VALUE(all_app_bytes, app_bytes_s(record) + app_bytes_d(record))
VALUE(pcr, all_app_bytes(record) > 0 ? (app_bytes_s(record) - app_bytes_d(record)) / all_app_bytes(record) : 0.0)
BOTH_SIDES(rate, s->packets > 1 && r->side_s[side] > 0 ? (s->packets - 1) / r->side_s[side] : 0.0)
BOTH_SIDES(load, s->packets > 1 && r->side_s[side] > 0 ? (double)(s->bytes - s->bytes / s->packets) * 8 / r->side_s[side] : 0.0)
VALUE(all_rate, all_packets(record) > 1 && r->duration_s > 0 ? (all_packets(record) - 1) / r->duration_s : 0.0)
VALUE(all_load, load_s(record) + load_d(record))
BOTH_SIDES(mean_size, s->packets ? (double)s->bytes / s->packets : 0.0)
BOTH_SIDES(max_size, s->size_max ? s->size_max : MISSING)
BOTH_SIDES(min_size, s->size_min ? s->size_min : MISSING)

/* --- Loss --------------------------------------------------------------------------------------------------------------------*/

static double lost(const struct weir_record *record, unsigned side)
{
    const struct weir_argus_record *r = body(record);
    if (record->identity.proto == ESP && record->identity.ip_version == 4)
        return (int32_t)r->flow.esp.lost;
    if (media(record) == WEIR_MEDIA_RTP)
        return r->flow.media.side[side].lost;
    if (!is_tcp(record) || r->flow.tcp.brief || r->flow.tcp.state == WEIR_TCP_CLOSED)
        return 0;
    return r->flow.tcp.side[side].lost;
}

BOTH_SIDES(loss, s->packets ? lost(record, side) : 0.0)
VALUE(all_loss, !side_of(record, SOURCE)->packets ? 0.0
                : record->identity.proto == ESP   ? lost(record, SOURCE)
                                                  : lost(record, SOURCE) + lost(record, TARGET))
BOTH_SIDES(loss_share, s->packets ? loss(record, side) * 100 / (s->packets + loss(record, side)) : 0.0)
VALUE(all_loss_share, all_loss(record) * 100 / (all_packets(record) + all_loss(record)))
BOTH_SIDES(gap, is_tcp(record) ? (double)weir_tcp_gap(&r->flow.tcp, side) : MISSING)

/* --- Times between packets ---------------------------------------------------------------------------------------------------*/

static double ms(double ns)
{
    return ns / 1e6;
}

static double deviation(uint32_t n, double sum, double squares)
{
    double variance = squares / n - (sum / n) * (sum / n);
    return variance > 0 ? sqrt(variance) : 0; /* rounding may leave a little less than nothing */
}

static double gaps_mean(const struct weir_argus_gaps *gaps)
{
    return gaps->n ? ms((double)gaps->sum_ns / gaps->n) : MISSING;
}

static double gaps_deviation(const struct weir_argus_gaps *gaps)
{
    return gaps->n ? ms(deviation(gaps->n, (double)gaps->sum_ns, gaps->squares)) : MISSING;
}

static double gaps_min(const struct weir_argus_gaps *gaps)
{
    return gaps->n ? ms((double)gaps->min_ns) : MISSING;
}

static double gaps_max(const struct weir_argus_gaps *gaps)
{
    return gaps->n ? ms((double)gaps->max_ns) : MISSING;
}

static struct weir_argus_gaps pooled(const struct weir_argus_times *times)
{
    const struct weir_argus_gaps *a = &times->active, *b = &times->idle;
    if (!a->n || !b->n)
        return a->n ? *a : *b;
    return (struct weir_argus_gaps){.n = (a->n + b->n) & 0x3fffffff,
                                    .sum_ns = a->sum_ns + b->sum_ns,
                                    .min_ns = a->min_ns < b->min_ns ? a->min_ns : b->min_ns,
                                    .max_ns = a->max_ns > b->max_ns ? a->max_ns : b->max_ns,
                                    .squares = a->squares + b->squares};
}

/* Of active and idle times together. */
static double over_all(double (*measure)(const struct weir_argus_gaps *gaps), const struct weir_argus_times *times)
{
    const struct weir_argus_gaps all = pooled(times);
    return measure(&all);
}

BOTH_SIDES(jitter, over_all(gaps_deviation, t))

/* The parts of a record that has any times are 0, not missing, where a side had none of the kind: so it is in ra. */
static double part(const struct weir_record *record, double (*measure)(const struct weir_argus_gaps *gaps),
                   const struct weir_argus_gaps *gaps)
{
    const struct weir_argus_times *a = times_of(record, SOURCE), *b = times_of(record, TARGET);
    if (!(a->active.n || a->idle.n || b->active.n || b->idle.n))
        return MISSING;
    return gaps->n ? measure(gaps) : 0;
}

static double part_of_all(const struct weir_record *record, double (*measure)(const struct weir_argus_gaps *gaps),
                          const struct weir_argus_times *times)
{
    const struct weir_argus_gaps all = pooled(times);
    return part(record, measure, &all);
}

/* ra prints 0 for a source without times, nothing for such a destination. */
BOTH_SIDES(interval, side == SOURCE ? part_of_all(record, gaps_mean, t) : over_all(gaps_mean, t))
BOTH_SIDES(interval_max, part_of_all(record, gaps_max, t))
BOTH_SIDES(interval_min, part_of_all(record, gaps_min, t))
BOTH_SIDES(active, part(record, gaps_mean, &t->active))
BOTH_SIDES(active_max, part(record, gaps_max, &t->active))
BOTH_SIDES(active_min, part(record, gaps_min, &t->active))
BOTH_SIDES(active_jitter, gaps_deviation(&t->active))
BOTH_SIDES(idle, part(record, gaps_mean, &t->idle))
BOTH_SIDES(idle_max, part(record, gaps_max, &t->idle))
BOTH_SIDES(idle_min, part(record, gaps_min, &t->idle))
BOTH_SIDES(idle_jitter, gaps_deviation(&t->idle))

/* --- TCP and headers ---------------------------------------------------------------------------------------------------------*/

VALUE(synack, is_tcp(record) ? r->flow.tcp.synack_us / 1e6 : 0.0)
VALUE(ackdat, is_tcp(record) ? r->flow.tcp.ackdat_us / 1e6 : 0.0)
VALUE(tcprtt, synack(record) + ackdat(record))
BOTH_SIDES(base, is_tcp(record) && tcp_side(record, side)->base ? tcp_side(record, side)->base : MISSING)
BOTH_SIDES(window, is_tcp(record) && s->packets
                       ? (double)((uint32_t)tcp_side(record, side)->window << tcp_side(record, side)->shift)
                       : MISSING)
BOTH_SIDES(ttl, has(s, WEIR_ARGUS_HAS_IP) ? s->ttl : MISSING)
BOTH_SIDES(tos, has(s, WEIR_ARGUS_HAS_IP) ? s->tos : MISSING)
BOTH_SIDES(ip_id, has(s, WEIR_ARGUS_HAS_IP) ? s->ip_id : MISSING)
BOTH_SIDES(vlan_id, has(s, WEIR_ARGUS_HAS_VLAN) ? s->vlan & 0xfff : MISSING)
BOTH_SIDES(vlan_priority, has(s, WEIR_ARGUS_HAS_VLAN) ? s->vlan >> 13 : MISSING)
BOTH_SIDES(mpls, has(s, WEIR_ARGUS_HAS_MPLS) ? r->flow.mpls[side] >> 12 : MISSING)

/* The smallest power of two that is not less than the TTL, minus the TTL. */
static double hops(const struct weir_record *record, unsigned side)
{
    const struct weir_argus_side *s = side_of(record, side);
    unsigned start = 1;
    while (start < s->ttl)
        start *= 2;
    return has(s, WEIR_ARGUS_HAS_IP) ? start - s->ttl : MISSING;
}

static double hops_s(const struct weir_record *record)
{
    return hops(record, SOURCE);
}

static double hops_d(const struct weir_record *record)
{
    return hops(record, TARGET);
}

static size_t ip_id_text(const struct weir_record *record, unsigned side, char *out, size_t size)
{
    const struct weir_argus_side *s = side_of(record, side);
    *out = 0;
    int n = has(s, WEIR_ARGUS_HAS_IP) ? snprintf(out, size, "0x%04x", s->ip_id) : 0;
    return n < 0 ? 0 : (size_t)n;
}

static size_t sipid_text(const struct weir_record *record, char *out, size_t size)
{
    return ip_id_text(record, SOURCE, out, size);
}

static size_t dipid_text(const struct weir_record *record, char *out, size_t size)
{
    return ip_id_text(record, TARGET, out, size);
}

static size_t mac_text(const struct weir_record *record, unsigned side, char *out, size_t size)
{
    const struct weir_argus_flow *flow = &body(record)->flow;
    const uint8_t *mac = flow->mac[side];
    if (flow->marks & WEIR_ARGUS_MAC && !memcmp(mac, "\xff\xff\xff\xff\xff\xff", 6))
        return put(out, size, "Broadcast");
    *out = 0;
    int n = flow->marks & WEIR_ARGUS_MAC
                ? snprintf(out, size, "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3], mac[4], mac[5])
                : 0;
    return n < 0 ? 0 : (size_t)n;
}

static size_t smac_text(const struct weir_record *record, char *out, size_t size)
{
    return mac_text(record, SOURCE, out, size);
}

static size_t dmac_text(const struct weir_record *record, char *out, size_t size)
{
    return mac_text(record, TARGET, out, size);
}

/* --- The table ---------------------------------------------------------------------------------------------------------------*/

#define TIME(n, v, d)                                                                                                            \
    {                                                                                                                            \
        .name = n, .unit = "s", .definition = d, .type = WEIR_COLUMN_TIME, .identifier = true, .value = v                        \
    }
#define REAL(n, u, v, d)                                                                                                         \
    {                                                                                                                            \
        .name = n, .unit = u, .definition = d, .type = WEIR_COLUMN_REAL, .value = v                                              \
    }
#define COUNT(n, u, v, d)                                                                                                        \
    {                                                                                                                            \
        .name = n, .unit = u, .definition = d, .type = WEIR_COLUMN_INTEGER, .value = v                                           \
    }
#define IDENTIFIER(n, v, t, d)                                                                                                   \
    {                                                                                                                            \
        .name = n, .unit = "", .definition = d, .type = WEIR_COLUMN_INTEGER, .identifier = true, .value = v, .text = t           \
    }
#define CATEGORY(n, v, t, c, d)                                                                                                  \
    {                                                                                                                            \
        .name = n, .unit = "", .definition = d, .type = WEIR_COLUMN_CATEGORY, .value = v, .text = t, .categories = c             \
    }
#define NAME(n, t, d)                                                                                                            \
    {                                                                                                                            \
        .name = n, .unit = "", .definition = d, .type = WEIR_COLUMN_TEXT, .identifier = true, .text = t                          \
    }
#define LETTERS(n, t, d)                                                                                                         \
    {                                                                                                                            \
        .name = n, .unit = "", .definition = d, .type = WEIR_COLUMN_TEXT, .text = t                                              \
    }
#define REALS(n, u, v, d)  REAL("s" n, u, v##_s, "Source: " d), REAL("d" n, u, v##_d, "Destination: " d)
#define COUNTS(n, u, v, d) COUNT("s" n, u, v##_s, "Source: " d), COUNT("d" n, u, v##_d, "Destination: " d)

static const struct weir_column columns[] = {
    TIME("stime", stime, "Time of the record's first packet."),
    TIME("ltime", ltime, "Time of the record's last packet."),
    REAL("dur", "s", duration, "ltime - stime."),
    CATEGORY("proto", proto_value, proto_text, weir_protocol_names, "IP protocol by name."),
    NAME("saddr", saddr_text, "Source address: who began the flow, TCP by the handshake."),
    IDENTIFIER("sport", sport, sport_text, "Source port; type + 256 * code of ICMP, type of ICMPv6."),
    CATEGORY("dir", dir_value, dir_text, directions, "Who sent packets; ? for TCP whose handshake was not seen."),
    NAME("daddr", daddr_text, "Destination address."),
    IDENTIFIER("dport", dport, dport_text, "Destination port; identifier of ICMP, code of ICMPv6, SPI of ESP."),
    CATEGORY("state", state_value, state_text, weir__argus_states, "State of the connection, or what an ICMP message is."),
    LETTERS("flgs", weir__argus_flags,
            "Letters for encapsulation, ICMP error, loss or order, shut window, congestion, fragments, options."),
    COUNTS("pkts", "packets", packets, "packets."),
    COUNTS("bytes", "bytes", bytes, "bytes on the wire, link layer included."),
    COUNT("pkts", "packets", all_packets, "spkts + dpkts."),
    COUNT("bytes", "bytes", all_bytes, "sbytes + dbytes."),
    COUNTS("appbytes", "bytes", app_bytes, "bytes behind the TCP or UDP header, else behind the IP header."),
    COUNT("appbytes", "bytes", all_app_bytes, "sappbytes + dappbytes."),
    REAL("pcr", "", pcr, "Producer consumer ratio: (sappbytes - dappbytes) / appbytes, 0 without any."),
    REALS("dur", "s", side_duration, "last packet minus first packet; dur when both sides sent packets."),
    REAL("mean", "s", duration, "dur (of one record)."),
    REAL("stddev", "s", no_deviation, "0 (of one record)."),
    REAL("sum", "s", duration, "dur (of one record)."),
    REAL("min", "s", duration, "dur (of one record)."),
    REAL("max", "s", duration, "dur (of one record)."),
    REAL("rate", "1/s", all_rate, "(pkts - 1) / dur."),
    REALS("rate", "1/s", rate, "(packets - 1) / duration of the side."),
    REAL("load", "bit/s", all_load, "sload + dload."),
    REALS("load", "bit/s", load, "bits without the mean packet / duration of the side."),
    COUNT("loss", "packets", all_loss, "Packets lost or retransmitted."),
    COUNTS("loss", "packets", loss, "packets lost or retransmitted."),
    REAL("ploss", "%", all_loss_share, "100 loss / (pkts + loss)."),
    REAL("sploss", "%", loss_share_s, "100 sloss / (spkts + sloss)."),
    REAL("dploss", "%", loss_share_d, "100 dloss / (dpkts + dloss)."),
    COUNTS("gap", "bytes", gap, "TCP payload bytes that were not seen."),
    REALS("intpkt", "ms", interval, "mean time between packets."),
    REALS("intpktmax", "ms", interval_max, "greatest time between packets."),
    REALS("intpktmin", "ms", interval_min, "smallest time between packets."),
    REALS("intpktact", "ms", active, "mean time between packets while active."),
    REALS("intpktactmax", "ms", active_max, "greatest time between packets while active."),
    REALS("intpktactmin", "ms", active_min, "smallest time between packets while active."),
    REALS("intpktidl", "ms", idle, "mean time between packets while idle."),
    REALS("intpktidlmax", "ms", idle_max, "greatest time between packets while idle."),
    REALS("intpktidlmin", "ms", idle_min, "smallest time between packets while idle."),
    REALS("jit", "ms", jitter, "standard deviation of the times between packets."),
    REALS("jitact", "ms", active_jitter, "standard deviation of the times between packets while active."),
    REALS("jitidl", "ms", idle_jitter, "standard deviation of the times between packets while idle."),
    REAL("tcprtt", "s", tcprtt, "synack + ackdat."),
    REAL("synack", "s", synack, "SYN to SYN-ACK."),
    REAL("ackdat", "s", ackdat, "SYN-ACK to the ACK that establishes the connection."),
    IDENTIFIER("stcpb", base_s, NULL, "Source: TCP sequence number at which the record begins."),
    IDENTIFIER("dtcpb", base_d, NULL, "Destination: TCP sequence number at which the record begins."),
    COUNTS("win", "bytes", window, "last advertised window, scaled."),
    LETTERS("tcpopt", tcpopt_text, "Letters for the TCP options seen: M w s S e E T c N O, S and D for ECN."),
    COUNTS("ttl", "", ttl, "TTL or hop limit of the last packet."),
    COUNTS("hops", "", hops, "hops estimated from the TTL."),
    COUNTS("tos", "", tos, "TOS or traffic class of the last packet."),
    IDENTIFIER("sipid", ip_id_s, sipid_text, "Source: IP identification of the last packet, bytes exchanged as ra prints it."),
    IDENTIFIER("dipid", ip_id_d, dipid_text,
               "Destination: IP identification of the last packet, bytes exchanged as ra prints it."),
    REALS("meansz", "bytes", mean_size, "bytes / packets."),
    COUNTS("maxsz", "bytes", max_size, "greatest packet on the wire."),
    COUNTS("minsz", "bytes", min_size, "smallest packet on the wire."),
    COUNTS("vid", "", vlan_id, "VLAN id, innermost tag."),
    COUNTS("vpri", "", vlan_priority, "VLAN priority, innermost tag."),
    COUNTS("mpls", "", mpls, "MPLS label, outermost."),
    NAME("smac", smac_text, "Source MAC address of the flow's first packet."),
    NAME("dmac", dmac_text, "Destination MAC address of the flow's first packet."),
    CATEGORY("cause", cause_value, cause_text, causes,
             "Why there is a record: Start (the flow's first), Status, or Stop (a new connection followed)."),
};

const struct weir_view weir_argus_view = {
    .name = "argus",
    .columns = columns,
    .column_count = sizeof columns / sizeof *columns,
    .ops = &weir_argus_ops,
};
