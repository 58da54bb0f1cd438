/* What `state` and `flgs` say. */
#include "features/argus_record.h"

/* clang-format off */
#define STATES(X) \
    /* TCP, UDP, others */ \
    X(REQ) X(ACC) X(CON) X(FIN) X(CLO) X(RST) X(INT) X(RSP) \
    /* ICMP */ \
    X(ECR) X(ECO) X(SRC) X(RED) X(AHA) X(RTA) X(RTS) X(TXD) X(PAR) X(TST) X(TSR) X(IRQ) X(IRR) X(MAS) X(MSR) X(SEC) X(ROB) \
    X(TRC) X(DCE) X(MHR) X(WAY) X(IAH) X(MRQ) X(MRP) X(DNQ) X(DNP) X(SKP) X(PHO) X(NRS) X(NRA) X(NNS) X(NNA) X(PTB) \
    /* unreachable: network, host, protocol, port, ... */ \
    X(URN) X(URH) X(URO) X(URP) X(URF) X(URS) X(URNU) X(URHU) X(URISO) X(URNPRO) X(URHPRO) X(URNTOS) X(URHTOS) X(URFIL) \
    X(URPRE) X(URCUT) X(UR) \
    /* ICMPv6 */ \
    X(URNR) X(URAD) X(URBS) X(URAR) X(URSF) X(URRR) X(URES) X(TXT) X(TXR) X(PPH) X(PPNH) X(PPO) \
    X(UNK)
/* clang-format on */

enum state {
#define X(name) STATE_##name,
    STATES(X)
#undef X
        STATE_NONE,
    STATE_COUNT
};

const char *const weir__argus_states[] = {
#define X(name) #name,
    STATES(X)
#undef X
        "",
    NULL,
};

/* ICMP types 0 to 45 (from 41 on Argus's own), with a suffix for what is unreachable. */
static enum state icmp_state(unsigned type, unsigned code)
{
#define S(name) STATE_##name
    static const uint8_t types[] = {
        S(ECR), S(NONE), S(NONE), S(UR),  S(SRC), S(RED), S(AHA), S(NONE), S(ECO), S(RTA), S(RTS), S(TXD),
        S(PAR), S(TST),  S(TSR),  S(IRQ), S(IRR), S(MAS), S(MSR), S(SEC),  S(ROB), S(ROB), S(ROB), S(ROB),
        S(ROB), S(ROB),  S(ROB),  S(ROB), S(ROB), S(ROB), S(TRC), S(DCE),  S(MHR), S(WAY), S(IAH), S(MRQ),
        S(MRP), S(DNQ),  S(DNP),  S(SKP), S(PHO), S(NRS), S(NRA), S(NNS),  S(NNA), S(PTB),
    };
    static const uint8_t unreachable[] = {S(URN),   S(URH),    S(URO),    S(URP),    S(URF),    S(URS),   S(URNU),  S(URHU),
                                          S(URISO), S(URNPRO), S(URHPRO), S(URNTOS), S(URHTOS), S(URFIL), S(URPRE), S(URCUT)};
#undef S
    if (type == 3 && code < sizeof unreachable)
        return unreachable[code];
    return type < sizeof types ? types[type] : STATE_UNK;
}

static enum state icmpv6_state(unsigned type, unsigned code)
{
    static const uint8_t unreachable[] = {STATE_URNR, STATE_URAD, STATE_URBS, STATE_URAR,
                                          STATE_URP,  STATE_URSF, STATE_URRR, STATE_URES};
    static const uint8_t problem[] = {STATE_PPH, STATE_PPNH, STATE_PPO};
    switch (type) {
    case 1:
        return code < sizeof unreachable ? unreachable[code] : STATE_UNK;
    case 2:
        return STATE_PTB;
    case 3:
        return code == 0 ? STATE_TXT : code == 1 ? STATE_TXR : STATE_UNK;
    case 4:
        return code < sizeof problem ? problem[code] : STATE_UNK;
    case 128:
        return STATE_ECO;
    case 129:
        return STATE_ECR;
    case 130:
        return STATE_MRQ;
    case 131:
    case 143:
        return STATE_MHR;
    case 133:
        return STATE_NRS;
    case 134:
        return STATE_NRA;
    case 135:
        return STATE_NNS;
    case 136:
        return STATE_NNA;
    case 137:
        return STATE_RED;
    default:
        return STATE_UNK;
    }
}

static enum state tcp_state(const struct weir_record *record)
{
    const struct weir_tcp *tcp = &body(record)->flow.tcp;
    bool reset = tcp->brief ? tcp->seen & WEIR_TCP_SAW_RESET : (tcp->side[0].marks | tcp->side[1].marks) & WEIR_TCP_MARK_RESET;
    if (reset)
        return STATE_RST;
    if (tcp->seen & (WEIR_TCP_SAW_FIN | WEIR_TCP_SAW_FINACK))
        return STATE_FIN;
    if (tcp->seen & WEIR_TCP_SAW_CLOSE)
        return STATE_CLO;
    if (tcp->seen & WEIR_TCP_SAW_DATA)
        return STATE_CON;
    if (tcp->seen & WEIR_TCP_SAW_SYNACK)
        return STATE_ACC;
    if (tcp->seen & WEIR_TCP_SAW_SYN)
        return STATE_REQ;
    return side_of(record, SOURCE)->packets && side_of(record, TARGET)->packets ? STATE_CON : STATE_INT;
}

unsigned weir__argus_state(const struct weir_record *record)
{
    const struct weir_argus_record *r = body(record);
    bool out = side_of(record, SOURCE)->packets, in = side_of(record, TARGET)->packets;
    if (is_tcp(record))
        return tcp_state(record);
    if (is_icmp(record) && r->flow.marks & WEIR_ARGUS_MAPPED)
        return icmp_state(r->flow.mapped_type, r->flow.mapped_code);
    if (is_icmp(record))
        return icmp_state(r->reversed ? r->flow.icmp_type : r->key.kind, r->key.code);
    if (is_icmpv6(record))
        return icmpv6_state(r->key.kind, r->key.code);
    if (out && in)
        return STATE_CON;
    if (record->identity.proto == TCP && !is_fragment(record))
        return STATE_INT;
    return !out                                                                           ? STATE_RSP
           : record->identity.record == 0 || record->identity.reason == WEIR_REASON_REUSE ? STATE_INT
                                                                                          : STATE_REQ;
}

/* A mark of the source, of the destination, of both; 0: of none. */
static char mark(const struct weir_record *record, unsigned bit, char source, char target, char both)
{
    bool s = tcp_side(record, SOURCE)->marks & bit, d = tcp_side(record, TARGET)->marks & bit;
    return s && d ? both : s ? source : d ? target : 0;
}

static char encap_letter(const struct weir_record *record)
{
    static const struct {
        uint32_t bits;
        char letter;
    } layers[] = {
        {WEIR_ENCAP_MPLS, 'm'}, {WEIR_ENCAP_ETHERNET, 'e'}, {WEIR_ENCAP_VLAN | WEIR_ENCAP_QINQ, 'v'},
        {WEIR_ENCAP_LLC, 'l'},  {WEIR_ENCAP_PPPOE, 'p'},    {WEIR_ENCAP_GRE, 'G'},
        {WEIR_ENCAP_AH, 'a'},   {WEIR_ARGUS_HDLC, 'C'},     {WEIR_ARGUS_COOKED, '*'},
        {WEIR_ENCAP_IPIP, 'P'},
    };
    uint32_t seen = side_of(record, SOURCE)->encap | side_of(record, TARGET)->encap;
    char letter = ' ';
    for (size_t i = 0; i < sizeof layers / sizeof *layers; i++)
        if (seen & layers[i].bits)
            letter = letter == ' ' ? layers[i].letter : '*';
    return body(record)->flow.marks & WEIR_ARGUS_PATHS ? 'M' : letter;
}

static void tcp_flags(const struct weir_record *record, char *flags)
{
    const struct weir_tcp *tcp = &body(record)->flow.tcp;
    if (record->identity.ip_version != 4)
        return;
    char loss = mark(record, WEIR_TCP_MARK_LOSS, 's', 'd', '*'), order = mark(record, WEIR_TCP_MARK_ORDER, 'i', 'r', '&');
    char shut = mark(record, WEIR_TCP_MARK_SHUT, 'S', 'D', '@'), ecn = mark(record, WEIR_TCP_MARK_ECN, 'x', 't', 'E');
    if (loss)
        flags[3] = loss;
    else if (weir_tcp_gap(tcp, SOURCE) || weir_tcp_gap(tcp, TARGET))
        flags[3] = 'g';
    else if (order)
        flags[3] = order;
    if (shut)
        flags[4] = shut;
    if (ecn)
        flags[5] = ecn;
}

size_t weir__argus_flags(const struct weir_record *record, char *out, size_t size)
{
    const struct weir_argus_flow *flow = &body(record)->flow;
    char flags[] = "         ";
    flags[1] = encap_letter(record);
    if (flow->marks & WEIR_ARGUS_MAPPED)
        flags[2] = flow->mapped_type == 3 ? 'U' : flow->mapped_type == 5 ? 'R' : flow->mapped_type == 11 ? 'T' : 'I';
    if (is_tcp(record))
        tcp_flags(record, flags);
    if (record->identity.proto == ESP && flow->esp.marks & WEIR_TCP_MARK_LOSS && flow->esp.lost)
        flags[3] = 's';
    if (record->identity.proto == ESP && flow->esp.marks & WEIR_TCP_MARK_ORDER)
        flags[3] = 'i';
    if ((flow->side[0].has | flow->side[1].has) & WEIR_ARGUS_HAS_FRAGMENTS)
        flags[6] = 'F';
    if (is_fragment(record))
        flags[6] = 'f';
    unsigned options = flow->side[0].ip_options | flow->side[1].ip_options;
    options &= (unsigned)~WEIR_IPOPT_OTHER;
    if (options)
        flags[7] = options & (options - 1) ? 'O' : "ATR+LSD"[__builtin_ctz(options)];
    if (media(record) == WEIR_MEDIA_RTP && (flow->media.side[0].lost || flow->media.side[1].lost))
        flags[3] = !flow->media.side[1].lost ? 's' : flow->media.side[0].lost ? '*' : 'd';
    return put_letters(out, size, flags);
}
