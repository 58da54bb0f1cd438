/* Where packets come from: capture files (`-r A[,B]`, repeated for the files that follow) or interfaces (`-i A[,B]`), the filter,
 * and what live capture can be told. Commands share these options and their help. One thread. */
#ifndef WEIR_CLI_TAP_OPTIONS_H
#define WEIR_CLI_TAP_OPTIONS_H

#include <getopt.h>

#include "capture/source.h"
#include "cli/options.h"

struct weir_tap_options { /* start with {0} */
    struct weir_strings port[WEIR_PORTS_MAX];
    unsigned ports; /* of files; 0: none given */
    struct weir_strings interface;
    const char *filter;
    uint64_t snaplen, ring_mb;
    int64_t window_ns, duration_ns;
    bool live_only; /* an option was given that only interfaces have */
};

/* Adds one -r value. False, with a message, when it names more than two ports or another number than the ones before. */
bool weir_tap_options_add(struct weir_tap_options *tap, const char *value);

/* Entries for getopt_long, and the short options that go with them. */
enum { WEIR_OPT_SNAPLEN = 512, WEIR_OPT_RING_MB, WEIR_OPT_WINDOW, WEIR_OPT_DURATION };
#define WEIR_TAP_SHORT_OPTIONS "r:i:f:"
#define WEIR_TAP_LONG_OPTIONS                                                                                                    \
    {"snaplen", required_argument, NULL, WEIR_OPT_SNAPLEN}, {"ring-mb", required_argument, NULL, WEIR_OPT_RING_MB},              \
        {"merge-window", required_argument, NULL, WEIR_OPT_WINDOW},                                                              \
    {                                                                                                                            \
        "duration", required_argument, NULL, WEIR_OPT_DURATION                                                                   \
    }

#define WEIR_TAP_HELP                                                                                                            \
    "  -r A[,B]            capture file, or the two files of a tap (port A, port B);\n"                                          \
    "                      pcap or pcapng, plain, gzip or zstd; - is standard input.\n"                                          \
    "                      Repeated: the files that follow on the same link\n"                                                   \
    "  -i A[,B]            live: an interface, or the two that a tap's ports are on\n"                                           \
    "  -f FILTER           only packets that match this BPF filter (pcap-filter(7))\n"

#define WEIR_TAP_LIVE_HELP                                                                                                       \
    "live capture (-i; ends with SIGINT or SIGTERM):\n"                                                                          \
    "  --duration TIME     ends by itself after so long\n"                                                                       \
    "  --snaplen N         bytes kept of a packet (65535)\n"                                                                     \
    "  --ring-mb N         MiB of packet ring for each port, shared out to the lanes (64)\n"                                     \
    "  --merge-window TIME longest wait of a packet for older ones of the other port (10ms)\n"

enum weir_tap_option { WEIR_TAP_NOT_MINE, WEIR_TAP_GOOD, WEIR_TAP_WRONG };

/* Takes one option of getopt_long. WEIR_TAP_WRONG: the value does not fit, a message was printed. */
enum weir_tap_option weir_tap_options_take(struct weir_tap_options *tap, int option, const char *value);

/* True when packets can come from here; else prints why not (nothing given, files and interfaces both, ...). */
bool weir_tap_options_check(const struct weir_tap_options *tap, const char *command);

/* The source's configuration with one lane; borrows from `tap`. */
struct weir_source_config weir_tap_options_source(const struct weir_tap_options *tap);

void weir_tap_options_free(struct weir_tap_options *tap);

#endif
