/* Where packets come from: capture files (`-r A[,B]`, repeated for the files that follow) or interfaces (`-i A[,B]`), the filter,
 * and what live capture can be told. Commands share these settings. One thread. */
#ifndef WEIR_CLI_TAP_OPTIONS_H
#define WEIR_CLI_TAP_OPTIONS_H

#include "capture/source.h"
#include "cli/settings.h"

struct weir_tap_options { /* start with {0} */
    struct weir_strings port[WEIR_PORTS_MAX];
    unsigned ports; /* of files; 0: none given */
    struct weir_strings interface;
    const char *filter;
    uint64_t snaplen, ring_mb; /* live only, as the next line; 0: not said */
    int64_t window_ns, duration_ns;
};

/* The rows of a command whose options have a struct weir_tap_options at `AT` bytes: for WEIR_TAP_SETTINGS(offsetof(...)). */
#define WEIR_TAP_FIELD(AT, FIELD) (AT) + offsetof(struct weir_tap_options, FIELD)
/* clang-format off */
#define WEIR_TAP_SETTINGS(AT)                                                                                                    \
    {.name = "read", .letter = 'r', .kind = WEIR_SETTING_LISTS, .at = (AT), .take = weir_tap_take_files, .value = "A[,B]",       \
     .text = "capture file, or the two files of a tap (port A, port B);\n"                                                      \
             "pcap or pcapng, plain, gzip or zstd; - is standard input.\n"                                                      \
             "Repeated: the files that follow on the same link"},                                                               \
    {.name = "interface", .letter = 'i', .kind = WEIR_SETTING_LIST, .at = (AT), .take = weir_tap_take_interfaces,                \
     .value = "A[,B]", .text = "live: an interface, or the two that a tap's ports are on"},                                     \
    {.name = "filter", .letter = 'f', .kind = WEIR_SETTING_TEXT, .at = WEIR_TAP_FIELD(AT, filter), .value = "FILTER",            \
     .text = "only packets that match this BPF filter (pcap-filter(7))"}
#define WEIR_TAP_LIVE_SETTINGS(AT)                                                                                               \
    {.kind = WEIR_SETTING_HEADING, .text = "live capture (-i; ends with SIGINT or SIGTERM):"},                                   \
    {.name = "duration", .kind = WEIR_SETTING_DURATION, .at = WEIR_TAP_FIELD(AT, duration_ns), .value = "TIME",                  \
     .text = "ends by itself after so long"},                                                                                   \
    {.name = "snaplen", .kind = WEIR_SETTING_NUMBER, .at = WEIR_TAP_FIELD(AT, snaplen), .low = 64, .high = 65535, .value = "N",  \
     .text = "bytes kept of a packet (65535)"},                                                                                 \
    {.name = "ring-mb", .kind = WEIR_SETTING_NUMBER, .at = WEIR_TAP_FIELD(AT, ring_mb), .low = 1, .high = 65536, .value = "N",   \
     .text = "MiB of packet ring for each port, shared out to the lanes (64)"},                                                 \
    {.name = "merge-window", .kind = WEIR_SETTING_DURATION, .at = WEIR_TAP_FIELD(AT, window_ns), .low = 100000,                  \
     .high = 10000000000, .value = "TIME", .text = "longest wait of a packet for older ones of the other port (10ms)"}
/* clang-format on */

/* Readers of the rows: field is the struct weir_tap_options. WEIR_ERR_ARGUMENT: more than two ports, another number of them than
 * before, one interface twice, interfaces said again. */
weir_err weir_tap_take_files(void *field, const char *what, const char *value, struct weir_error *error);
weir_err weir_tap_take_interfaces(void *field, const char *what, const char *value, struct weir_error *error);

/* Why packets cannot come from here (nothing given, files and interfaces both, ...), or NULL. */
const char *weir_tap_options_problem(const struct weir_tap_options *tap);

/* The source's configuration with one lane; borrows from `tap`. */
struct weir_source_config weir_tap_options_source(const struct weir_tap_options *tap);

void weir_tap_options_free(struct weir_tap_options *tap);

#endif
