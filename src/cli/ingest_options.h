/* Flow records from elsewhere (`--flows INPUT`) and what there is to say of them. Commands share these settings. One thread. */
#ifndef WEIR_CLI_INGEST_OPTIONS_H
#define WEIR_CLI_INGEST_OPTIONS_H

#include "cli/settings.h"
#include "pipeline/ingest.h"

struct weir_ingest_options { /* start with {.flows.room = 524288, .threads = 2} */
    /* --flows has two meanings, told apart by its value: a number is the room of the flow table, which a command has that meters;
     * anything else is where flow records come from (a file whose name is a number: ./123). */
    struct weir_flows {
        uint64_t room;
        const char *input; /* NULL: packets are metered */
    } flows;
    enum weir_lines_format format;
    struct weir_strings map;
    struct weir_strings columns;
    uint64_t threads;
};

/* The rows of a command whose options have a struct weir_ingest_options at `AT` bytes. */
#define WEIR_INGEST_FIELD(AT, FIELD) (AT) + offsetof(struct weir_ingest_options, FIELD)
/* clang-format off */
#define WEIR_INGEST_SETTINGS(AT)                                                                                                 \
    {.kind = WEIR_SETTING_HEADING, .text = "flow records from elsewhere, instead of packets (docs/ingest.md):"},                \
    {.name = "flows", .kind = WEIR_SETTING_WORD, .at = WEIR_INGEST_FIELD(AT, flows), .take = weir_ingest_take_flows,             \
     .value = "INPUT|N", .text = "CSV, `ra -c ,`, binetflow or JSON lines of the feature set: a file, -\n"                      \
             "(standard input), or zmq+ipc://PATH, zmq+tcp://HOST:PORT to push to. A number\n"                                  \
             "instead: room for so many flows metered at a time, all lanes (524288)"},                                                                          \
    {.name = "flows-format", .kind = WEIR_SETTING_WORD, .at = WEIR_INGEST_FIELD(AT, format), .take = weir_ingest_take_format,    \
     .value = "FORMAT", .text = "csv or jsonl (by the first line)"},                                                            \
    {.name = "flows-columns", .kind = WEIR_SETTING_LIST, .at = WEIR_INGEST_FIELD(AT, columns), .take = weir_ingest_take_names,   \
     .value = "A,B,...", .text = "the columns of lines without a title (ra's default ones)"},                                   \
    {.name = "map", .kind = WEIR_SETTING_LISTS, .at = WEIR_INGEST_FIELD(AT, map), .take = weir_ingest_take_names,                \
     .value = "NAME=THEIRS,...", .text = "what the records call a column, such as stime=Timestamp"},                            \
    {.name = "ingest-threads", .kind = WEIR_SETTING_NUMBER, .at = WEIR_INGEST_FIELD(AT, threads), .low = 1,                      \
     .high = WEIR_INGEST_THREADS_MAX, .value = "N", .text = "threads that read flow records (2)"}
/* clang-format on */

/* Readers of the rows. WEIR_ERR_ARGUMENT. */
weir_err weir_ingest_take_flows(void *field, const char *what, const char *value, struct weir_error *error);
weir_err weir_ingest_take_format(void *field, const char *what, const char *value, struct weir_error *error);
weir_err weir_ingest_take_names(void *field, const char *what, const char *value, struct weir_error *error);

/* The ingest's configuration; borrows from `options`. */
struct weir_ingest_config weir_ingest_options_config(const struct weir_ingest_options *options);

void weir_ingest_options_free(struct weir_ingest_options *options);

#endif
