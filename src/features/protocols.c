#include "features/protocols.h"

#include <stddef.h>

/* Source: the protocol names that ra 3.0.8.2 prints (table in its argus_util.h); numbers from 135 on are "unas". */
const char *const weir_protocol_names[WEIR_PROTOCOL_COUNT + 1] = {
    "ip",         "icmp",        "igmp",        "ggp",      "ipnip",      "st2",       "tcp",       "cbt",        "egp",
    "igp",        "bbn-rcc",     "nvp",         "pup",      "argus",      "emcon",     "xnet",      "chaos",      "udp",
    "mux",        "dcn",         "hmp",         "prm",      "xns-idp",    "trunk-1",   "trunk-2",   "leaf-1",     "leaf-2",
    "rdp",        "irtp",        "iso-tp4",     "netblt",   "mfe-nsp",    "merit-inp", "sep",       "3pc",        "idpr",
    "xtp",        "ddp",         "idpr-cmtp",   "tp++",     "il",         "ipv6",      "sdrp",      "ipv6-route", "ipv6-frag",
    "idrp",       "rsvp",        "gre",         "mhrp",     "bna",        "esp",       "ah",        "i-nlsp",     "swipe",
    "narp",       "mobile",      "tlsp",        "skip",     "ipv6-icmp",  "ipv6-no",   "ipv6-opts", "any",        "cftp",
    "any",        "sat-expak",   "kryptolan",   "rvd",      "ippc",       "any",       "sat-mon",   "visa",       "ipcv",
    "cpnx",       "cphb",        "wsn",         "pvp",      "br-sat-mon", "sun-nd",    "wb-mon",    "wb-expak",   "iso-ip",
    "vmtp",       "secure-vmtp", "vines",       "ttp",      "nsfnet-igp", "dgp",       "tcf",       "eigrp",      "ospf",
    "sprite-rpc", "larp",        "mtp",         "ax.25",    "ipip",       "micp",      "aes-sp3-d", "etherip",    "encap",
    "pri-enc",    "gmtp",        "ifmp",        "pnni",     "pim",        "aris",      "scps",      "qnx",        "a/n",
    "ipcomp",     "snp",         "compaq-peer", "ipx-n-ip", "vrrp",       "pgm",       "zero",      "l2tp",       "ddx",
    "iatp",       "stp",         "srp",         "uti",      "smp",        "sm",        "ptp",       "isis",       "fire",
    "crtp",       "crudp",       "sccopmce",    "iplt",     "sps",        "pipe",      "sctp",      "fc",         "rsvp",
    "unas",       "unas",        "unas",        "unas",     "unas",       "unas",      "unas",      "unas",       "unas",
    "unas",       "unas",        "unas",        "unas",     "unas",       "unas",      "unas",      "unas",       "unas",
    "unas",       "unas",        "unas",        "unas",     "unas",       "unas",      "unas",      "unas",       "unas",
    "unas",       "unas",        "unas",        "unas",     "unas",       "unas",      "unas",      "unas",       "unas",
    "unas",       "unas",        "unas",        "unas",     "unas",       "unas",      "unas",      "unas",       "unas",
    "unas",       "unas",        "unas",        "unas",     "unas",       "unas",      "unas",      "unas",       "unas",
    "unas",       "unas",        "unas",        "unas",     "unas",       "unas",      "unas",      "unas",       "unas",
    "unas",       "unas",        "unas",        "unas",     "unas",       "unas",      "unas",      "unas",       "unas",
    "unas",       "unas",        "unas",        "unas",     "unas",       "unas",      "unas",      "unas",       "unas",
    "unas",       "unas",        "unas",        "unas",     "unas",       "unas",      "unas",      "unas",       "unas",
    "unas",       "unas",        "unas",        "unas",     "unas",       "unas",      "unas",      "unas",       "unas",
    "unas",       "unas",        "unas",        "unas",     "unas",       "unas",      "unas",      "unas",       "unas",
    "unas",       "unas",        "unas",        "unas",     "unas",       "unas",      "unas",      "unas",       "unas",
    "ib",         "unas",        "unas",        "unas",     "rtp",        "rtcp",      NULL,
};

unsigned weir_protocol_code(unsigned index)
{
    switch (index) {
    case 63: /* any */
    case 68:
        return 61;
    case 134: /* rsvp */
        return 46;
    default:
        return index > 135 && index < 256 && index != 252 ? 135 : index; /* unas */
    }
}
