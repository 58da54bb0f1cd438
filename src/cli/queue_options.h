/* What there is to say of a queue between processes: where verdicts and marks go, keys, and where a sensor keeps what the
 * collector has not committed. Commands share these settings. One thread. */
#ifndef WEIR_CLI_QUEUE_OPTIONS_H
#define WEIR_CLI_QUEUE_OPTIONS_H

#include <limits.h>

#include "cli/settings.h"
#include "queue/transport.h"

struct weir_queue_options { /* start with {0} */
    const char *results, *key, *state;
    struct weir_strings peers;
    uint64_t spill;
    int64_t resend_after_ns, drain_timeout_ns; /* 0: not said, as spill */
};

/* The rows of a command whose options have a struct weir_queue_options at `AT` bytes: of every role, and of sensors. */
#define WEIR_QUEUE_FIELD(AT, FIELD) (AT) + offsetof(struct weir_queue_options, FIELD)
/* clang-format off */
#define WEIR_QUEUE_SETTINGS(AT)                                                                                                  \
    {.name = "results", .kind = WEIR_SETTING_TEXT, .at = WEIR_QUEUE_FIELD(AT, results), .value = "URL",                          \
     .text = "where verdicts go to the collector, and its marks come from, when the\n"                                          \
             "queue is ZeroMQ's (Redis carries them, too)"},                                                                    \
    {.name = "key", .kind = WEIR_SETTING_TEXT, .at = WEIR_QUEUE_FIELD(AT, key), .value = "FILE",                                 \
     .text = "own key pair (`weir keygen`); ZeroMQ over a network wants one"},                                                  \
    {.name = "peers", .kind = WEIR_SETTING_LIST, .at = WEIR_QUEUE_FIELD(AT, peers), .take = weir_queue_take_peers,               \
     .value = "FILE,...", .text = "public keys of those it may talk to"}
#define WEIR_OUTBOX_SETTINGS(AT)                                                                                                 \
    {.name = "state", .kind = WEIR_SETTING_TEXT, .at = WEIR_QUEUE_FIELD(AT, state), .value = "FOLDER",                           \
     .text = "folder of this sensor's id and of batches that are not committed yet,\n"                                          \
             "which the next start sends; `none`: they die with the process"},                                                  \
    {.name = "spill", .kind = WEIR_SETTING_WORD, .at = WEIR_QUEUE_FIELD(AT, spill), .take = weir_queue_take_spill,               \
     .value = "SIZE", .text = "room for these batches (1GB); when it is full, metering waits, or sheds"},                       \
    {.name = "resend-after", .kind = WEIR_SETTING_DURATION, .at = WEIR_QUEUE_FIELD(AT, resend_after_ns), .low = 10000000,        \
     .high = 3600000000000, .value = "TIME",                                                                                     \
     .text = "send a batch again when it is not committed after so long (3s); then\n"                                           \
             "after twice that, and so on up to 30s"},                                                                          \
    {.name = "drain-timeout", .kind = WEIR_SETTING_DURATION, .at = WEIR_QUEUE_FIELD(AT, drain_timeout_ns), .low = 1,             \
     .high = 86400000000000, .value = "TIME", .text = "at the end wait so long for the last commit (60s), then exit 1"}
/* clang-format on */

/* Readers of the rows. WEIR_ERR_ARGUMENT. */
weir_err weir_queue_take_peers(void *field, const char *what, const char *value, struct weir_error *error);
weir_err weir_queue_take_spill(void *field, const char *what, const char *value, struct weir_error *error);

/* The transport's configuration with one queue URL (NULL: none); borrows from `options` and `*url`. */
struct weir_transport_config weir_queue_options_transport(const struct weir_queue_options *options, const char *const *url);

/* The setting that is wrong, "queue" or "results", with what is wrong in `error`; NULL: they fit together. `alone`: this process
 * has all roles, so it can do without results. */
const char *weir_queue_options_problem(const struct weir_queue_options *options, const char *queue, bool alone,
                                       struct weir_error *error);

/* Where a sensor of this name keeps its state without --state: $STATE_DIRECTORY (systemd's), else /var/lib/weir/NAME for root,
 * $XDG_STATE_HOME/weir/NAME or ~/.local/state/weir/NAME. Folders above it are made. WEIR_ERR_NOT_FOUND: there is no such place;
 * _PERMISSION, _IO, _LIMIT. */
weir_err weir_queue_state_place(const char *name, char path[PATH_MAX], struct weir_error *error);

void weir_queue_options_free(struct weir_queue_options *options);

#endif
