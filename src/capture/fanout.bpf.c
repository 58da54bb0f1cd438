/* weir_lane_hash (decode/lane.h) for the kernel: the decoder's way to the innermost addresses, as a program that
 * PACKET_FANOUT_EBPF runs on each packet. tools/bpf compiles it and writes fanout_code.h; the build needs no compiler for BPF.
 *
 * The verifier wants no recursion and bounded loops, so the walk is a loop that goes through one header a turn. Bytes are read by
 * bpf_skb_load_bytes, which checks the bounds itself and finds what lies in further pages of the packet, too. It reads from where
 * the kernel is, behind the link-layer header; that one is read by bpf_skb_load_bytes_relative, which reads the first page alone.
 * What a tap delivers starts with its link-layer header, less a VLAN tag that the kernel has taken out, which no hash depends on.
 */
#include <linux/bpf.h>

typedef __u8 u8;
typedef __u16 u16;
typedef __u32 u32;
typedef __u64 u64;

#define PROGRAM __attribute__((section("program")))
#define INLINE  static inline __attribute__((always_inline))
#define ROUTINE PROGRAM static __attribute__((noinline))

enum { FROM_LINK_HEADER = 0 /* BPF_HDR_START_MAC */, OUTGOING = 4 /* PACKET_OUTGOING */ };

static long (*const load_bytes)(const void *skb, u32 offset, void *to, u32 length) = (void *)BPF_FUNC_skb_load_bytes;
static long (*const load_link_bytes)(const void *skb, u32 offset, void *to, u32 length,
                                     u32 from) = (void *)BPF_FUNC_skb_load_bytes_relative;

enum { HEADERS_MAX = 20, TAGS_MAX = 16, EXTENSIONS_MAX = 16, TUNNELS_MAX = 8 };

enum { ETHERNET_BYTES = 14, IPV4_BYTES = 20, IPV6_BYTES = 40, LENGTH_MAX = 1500 };

enum { STOP, ETHERNET, ETHERTYPE, MPLS, PPP, PPP_FRAMED, PPPOE, IP, EXTENSION, TRANSPORT, GTP_EXTENSION };

struct walk {
    struct __sk_buff *skb;
    u32 passed;         /* bytes that the kernel has passed already */
    u32 at;             /* offset of the next header */
    u32 captured, wire; /* bytes there; bytes on the wire, or what an IP header claims */
    u32 type;           /* of ETHERTYPE */
    u32 proto;          /* of EXTENSION, TRANSPORT and GTP_EXTENSION */
    u32 tags, tunnels, extensions;
    /* Behind MPLS labels: a pseudo wire is looked for with a control word, then without one, then plain IP is believed. */
    u32 trials; /* left; 0: no trial is under way */
    u32 tried;
    u32 label_at, label_captured, label_wire, label_tags;
    u64 src[2], dst[2];
};

/* Big-endian loads at an offset; 0 outside the packet, where the callers have checked. Real functions: there are many calls. */
#define LOAD(bits, swap)                                                                                                         \
    PROGRAM static __attribute__((noinline)) u##bits load_at_##bits(struct __sk_buff *skb, u32 offset, u32 passed)               \
    {                                                                                                                            \
        u##bits value = 0;                                                                                                       \
        if (offset < passed)                                                                                                     \
            load_link_bytes(skb, offset, &value, sizeof value, FROM_LINK_HEADER);                                                \
        else                                                                                                                     \
            load_bytes(skb, offset - passed, &value, sizeof value);                                                              \
        return swap(value);                                                                                                      \
    }                                                                                                                            \
    INLINE u##bits load##bits(const struct walk *w, u32 offset)                                                                  \
    {                                                                                                                            \
        return load_at_##bits(w->skb, w->at + offset, w->passed);                                                                \
    }

LOAD(8, )
LOAD(16, __builtin_bswap16)
LOAD(32, __builtin_bswap32)
LOAD(64, __builtin_bswap64)

ROUTINE int pass(struct walk *w, u32 bytes)
{
    if (bytes > w->captured)
        return 0;
    w->at += bytes;
    w->captured -= bytes;
    w->wire -= bytes;
    return 1;
}

INLINE void skip(struct walk *w, u32 bytes)
{
    u32 captured = bytes < w->captured ? bytes : w->captured;
    w->at += captured;
    w->captured -= captured;
    w->wire -= bytes;
}

INLINE void narrow(struct walk *w, u32 bytes)
{
    if (bytes < w->wire)
        w->wire = bytes;
    if (bytes < w->captured)
        w->captured = bytes;
}

ROUTINE u32 ip_version(const struct walk *w)
{
    return w->captured ? load8(w, 0) >> 4 : 0;
}

ROUTINE int ip_plausible(const struct walk *w)
{
    if (w->captured < IPV4_BYTES)
        return 0;
    u32 first = load8(w, 0);
    if (first >> 4 == 4) {
        u32 header = (first & 15) * 4, total = load16(w, 2);
        return header >= IPV4_BYTES && total >= header && total <= w->wire;
    }
    return first >> 4 == 6 && w->captured >= IPV6_BYTES && w->wire - IPV6_BYTES >= load16(w, 4);
}

ROUTINE u32 at_ip(const struct walk *w, u32 version)
{
    return ip_version(w) == version ? IP : STOP;
}

INLINE u32 ethernet(struct walk *w)
{
    if (!pass(w, ETHERNET_BYTES))
        return STOP;
    w->type = load16(w, -2);
    return ETHERTYPE;
}

INLINE u32 ethertype(struct walk *w)
{
    u32 type = w->type;
    if (type == 0x0800)
        return at_ip(w, 4);
    if (type == 0x86dd)
        return at_ip(w, 6);
    if (type == 0x8847 || type == 0x8848)
        return MPLS;
    if (type == 0x8864)
        return PPPOE;
    if (type == 0x880b)
        return PPP_FRAMED;
    if (type == 0x8100 || type == 0x88a8 || type == 0x9100 || type == 0x9200) {
        if (w->tags++ >= TAGS_MAX || !pass(w, 4))
            return STOP;
        w->type = load16(w, -2);
        return ETHERTYPE;
    }
    if (type > LENGTH_MAX || w->tags++ >= TAGS_MAX)
        return STOP;
    narrow(w, type); /* LLC */
    if (w->captured < 3 || load8(w, 2) != 0x03)
        return STOP;
    u32 saps = load16(w, 0);
    if (saps == 0x0606) {
        w->type = 0x0800;
        return pass(w, 3) ? ETHERTYPE : STOP;
    }
    if (saps != 0xaaaa || !pass(w, 8))
        return STOP;
    w->type = load16(w, -2);
    u32 organisation = load32(w, -6) & 0xffffff;
    return organisation == 0 || organisation == 0xf8 ? ETHERTYPE : STOP;
}

/* One label a turn. */
INLINE u32 mpls(struct walk *w)
{
    if (w->tags++ >= TAGS_MAX || !pass(w, 4))
        return STOP;
    if (!(load8(w, -2) & 1))
        return MPLS;
    if (!w->captured)
        return STOP;
    if (ip_plausible(w))
        return IP;
    if (w->tried) {
        u32 version = ip_version(w);
        return version == 4 || version == 6 ? IP : STOP;
    }
    w->tried = 1;
    w->trials = ip_version(w) ? 2 : 3;
    w->label_at = w->at;
    w->label_captured = w->captured;
    w->label_wire = w->wire;
    w->label_tags = w->tags;
    return STOP; /* for the first trial */
}

/* The next thing to believe about what is behind the labels. */
INLINE u32 next_trial(struct walk *w)
{
    u32 trial = w->trials--;
    w->at = w->label_at;
    w->captured = w->label_captured;
    w->wire = w->label_wire;
    w->tags = w->label_tags + TAGS_MAX / 2;
    if (trial == 3)
        return pass(w, 4) ? ETHERNET : STOP;
    if (trial == 2)
        return ETHERNET;
    w->tags = w->label_tags;
    u32 version = ip_version(w);
    return version == 4 || version == 6 ? IP : STOP;
}

INLINE u32 ppp(struct walk *w)
{
    if (w->captured < 2)
        return STOP;
    u32 protocol = load8(w, 0);
    if (protocol & 1) {
        pass(w, 1);
    } else {
        protocol = load16(w, 0);
        pass(w, 2);
    }
    if (protocol == 0x0281 || protocol == 0x0283)
        return MPLS;
    return protocol == 0x0021 ? at_ip(w, 4) : protocol == 0x0057 ? at_ip(w, 6) : STOP;
}

INLINE u32 ppp_framed(struct walk *w)
{
    if (w->captured < 2 || w->tags++ >= TAGS_MAX)
        return STOP;
    u32 address = load8(w, 0), control = load8(w, 1);
    if ((address == 0x0f || address == 0x8f) && control == 0) { /* Cisco's framing */
        if (!pass(w, 4))
            return STOP;
        w->type = load16(w, -2);
        return ETHERTYPE;
    }
    if ((address == 0xff || address <= 1) && control == 3)
        pass(w, 2);
    return PPP;
}

INLINE u32 pppoe(struct walk *w)
{
    if (!pass(w, 6) || load16(w, -6) != 0x1100)
        return STOP;
    narrow(w, load16(w, -2));
    return PPP;
}

INLINE void set_ipv4(struct walk *w, u32 offset)
{
    w->src[0] = (u64)load32(w, offset + 12) << 32; /* the first bytes of 16 */
    w->dst[0] = (u64)load32(w, offset + 16) << 32;
    w->src[1] = w->dst[1] = 0;
}

INLINE void set_ipv6(struct walk *w, u32 offset)
{
    w->src[0] = load64(w, offset + 8);
    w->src[1] = load64(w, offset + 16);
    w->dst[0] = load64(w, offset + 24);
    w->dst[1] = load64(w, offset + 32);
}

INLINE u32 ip(struct walk *w)
{
    u32 version = ip_version(w);
    w->extensions = 0;
    if (version == 4 && w->captured >= IPV4_BYTES) {
        u32 header = (load8(w, 0) & 15) * 4, total = load16(w, 2), fragment = load16(w, 6) & 0x3fff;
        set_ipv4(w, 0);
        w->proto = load8(w, 9);
        if (!total)
            total = w->wire;
        if (header < IPV4_BYTES || total < header || fragment)
            return STOP;
        w->wire = total;
        narrow(w, total);
        skip(w, header);
        return TRANSPORT;
    }
    if (version == 6 && w->captured >= IPV6_BYTES) {
        u32 payload = load16(w, 4);
        set_ipv6(w, 0);
        w->proto = load8(w, 6);
        if (payload || w->proto == 59)
            w->wire = IPV6_BYTES + payload;
        narrow(w, w->wire);
        skip(w, IPV6_BYTES);
        return EXTENSION;
    }
    return STOP;
}

INLINE int skip_ah(struct walk *w)
{
    if (w->captured < 12)
        return 0;
    u32 next = load8(w, 0), bytes = (load8(w, 1) + 2) * 4;
    if (bytes < 12 || bytes > w->wire)
        return 0;
    w->proto = next;
    skip(w, bytes);
    return 1;
}

INLINE u32 extension(struct walk *w)
{
    u32 proto = w->proto, bytes = 8;
    if (w->extensions++ > EXTENSIONS_MAX)
        return STOP;
    if (proto == 51)
        return skip_ah(w) ? EXTENSION : STOP;
    if (proto == 0 || proto == 43 || proto == 60 || proto == 135) {
        if (w->captured < 8)
            return STOP;
        bytes = (load8(w, 1) + 1) * 8;
    } else if (proto == 44) {
        if (w->captured < 8 || load16(w, 2) & 0xfff9) /* more fragments, or an offset */
            return STOP;
    } else {
        return TRANSPORT;
    }
    if (bytes > w->wire)
        return STOP;
    w->proto = load8(w, 0);
    skip(w, bytes);
    return EXTENSION;
}

INLINE void quote(struct walk *w)
{
    enum { HEADER = 8 };
    if (w->captured < HEADER + IPV4_BYTES)
        return;
    u32 type = load8(w, 0), first = load8(w, HEADER);
    int is_error = w->proto == 58 ? type >= 1 && type <= 4 : type == 3 || type == 4 || type == 5 || type == 11 || type == 12;
    if (is_error && first >> 4 == 4 && (first & 15) >= 5)
        set_ipv4(w, HEADER);
    else if (is_error && first >> 4 == 6 && w->captured >= HEADER + IPV6_BYTES)
        set_ipv6(w, HEADER);
}

INLINE u32 content(struct walk *w, u32 type)
{
    w->tags = 0;
    w->type = type;
    return type == 0x6558 ? ETHERNET : type >= 0x600 ? ETHERTYPE : STOP;
}

INLINE u32 gre(struct walk *w)
{
    if (w->captured < 4)
        return STOP;
    u32 flags = load16(w, 0), type = load16(w, 2), version = flags & 7;
    if (flags & 0x4000 || version > 1 || (version == 1 && type != 0x880b))
        return STOP;
    u32 header = 4 + (flags & 0x2000 ? 4 : 0) + (flags & 0x1000 ? 4 : 0);
    header += version == 0 ? (flags & 0x8000 ? 4 : 0) : (flags & 0x0080 ? 4 : 0);
    if (!pass(w, header))
        return STOP;
    if (type == 0x88be) { /* ERSPAN I, or II with a sequence number */
        if (flags & 0x1000 && !pass(w, 8))
            return STOP;
        type = 0x6558;
    } else if (type == 0x22eb) { /* ERSPAN III */
        if (w->captured < 12 || !pass(w, load8(w, 11) & 1 ? 20 : 12))
            return STOP;
        type = 0x6558;
    }
    return content(w, type);
}

INLINE u32 gtp(struct walk *w)
{
    if (w->captured < 12)
        return STOP;
    u32 flags = load8(w, 0);
    if (flags >> 5 != 1 || !(flags & 0x10) || load8(w, 1) != 0xff)
        return STOP;
    narrow(w, 8 + load16(w, 2));
    if (!pass(w, flags & 7 ? 12 : 8))
        return STOP;
    w->proto = flags & 4 ? load8(w, -1) : 0;
    w->extensions = 0;
    return GTP_EXTENSION;
}

INLINE u32 gtp_extension(struct walk *w)
{
    if (!w->proto)
        return IP;
    if (w->extensions++ >= EXTENSIONS_MAX || w->captured < 1)
        return STOP;
    u32 words = load8(w, 0);
    if (!words || !pass(w, words * 4))
        return STOP;
    w->proto = load8(w, -1);
    return GTP_EXTENSION;
}

INLINE u32 teredo(struct walk *w)
{
    if (w->captured >= 4 && load16(w, 0) == 1 && !pass(w, 13 + load8(w, 2) + load8(w, 3)))
        return STOP;
    if (w->captured >= 8 && load16(w, 0) == 0)
        pass(w, 8);
    return at_ip(w, 6);
}

INLINE u32 udp(struct walk *w)
{
    if (!pass(w, 8))
        return STOP;
    u32 from = load16(w, -8), to = load16(w, -6);
    if (to == 4789)
        return w->captured >= 8 && load8(w, 0) & 0x08 && pass(w, 8) ? content(w, 0x6558) : STOP;
    if (to == 6081) {
        if (w->captured < 8)
            return STOP;
        u32 first = load8(w, 0), type = load16(w, 2);
        return first >> 6 == 0 && pass(w, 8 + (first & 0x3f) * 4) ? content(w, type) : STOP;
    }
    if (to == 2152)
        return gtp(w);
    return to == 3544 || from == 3544 ? teredo(w) : STOP;
}

INLINE u32 transport(struct walk *w)
{
    u32 proto = w->proto;
    if (proto == 51)
        return skip_ah(w) ? TRANSPORT : STOP;
    if (proto == 1 || proto == 58) {
        quote(w);
        return STOP;
    }
    if (w->tunnels++ >= TUNNELS_MAX)
        return STOP;
    return proto == 17 ? udp(w) : proto == 4 ? at_ip(w, 4) : proto == 41 ? at_ip(w, 6) : proto == 47 ? gre(w) : STOP;
}

INLINE u64 mix(u64 x)
{
    x ^= x >> 33;
    x *= 0xff51afd7ed558ccdull;
    x ^= x >> 33;
    x *= 0xc4ceb9fe1a85ec53ull;
    return x ^ x >> 33;
}

/* The verifier follows known values one by one through all turns: too many ways. So what a turn depends on is made unknown to it:
 * `unknown` is, and the value comes back. */
#define HIDE(value)                                                                                                              \
    do {                                                                                                                         \
        u64 hidden = (value), unknown = skb->len;                                                                                \
        asm volatile("%0 ^= %1\n\t%0 ^= %1" : "+r"(hidden) : "r"(unknown));                                                      \
        (value) = (u32)hidden;                                                                                                   \
    } while (0)

/* The loader puts an instruction before the program that sets `link`, a LINKTYPE_ number. */
PROGRAM u32 fanout(struct __sk_buff *skb, u32 link)
{
    enum { RAW_IP = 101 };

    u32 step = link == RAW_IP ? IP : ETHERNET, header = link == RAW_IP ? 0 : ETHERNET_BYTES;
    struct walk w = {.skb = skb, .passed = skb->pkt_type == OUTGOING ? 0 : header};
    HIDE(w.passed);
    w.captured = w.wire = skb->len + w.passed;
#pragma clang loop unroll(disable)
    for (u32 turn = 0; turn < HEADERS_MAX; turn++) {
        HIDE(step);
        HIDE(w.tags);
        HIDE(w.tunnels);
        HIDE(w.extensions);
        HIDE(w.trials);
        HIDE(w.tried);
        HIDE(w.type);
        HIDE(w.proto);
        if (step == IP && (w.tunnels || w.trials > 0)) {
            if (!ip_plausible(&w))
                step = STOP;
            else
                w.trials = 0;
        }
        if (step == STOP) {
            if (!w.trials)
                break;
            step = next_trial(&w);
        } else if (step == ETHERNET) {
            step = ethernet(&w);
        } else if (step == ETHERTYPE) {
            step = ethertype(&w);
        } else if (step == MPLS) {
            step = mpls(&w);
        } else if (step == PPPOE) {
            step = pppoe(&w);
        } else if (step == PPP_FRAMED) {
            step = ppp_framed(&w);
        } else if (step == PPP) {
            step = ppp(&w);
        } else if (step == IP) {
            step = ip(&w);
        } else if (step == EXTENSION) {
            step = extension(&w);
        } else if (step == TRANSPORT) {
            step = transport(&w);
        } else {
            step = gtp_extension(&w);
        }
    }
    u64 src = mix(w.src[0] + mix(w.src[1])), dst = mix(w.dst[0] + mix(w.dst[1]));
    return mix(src + dst) >> 32;
}
