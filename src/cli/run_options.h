/* What `weir run` and `weir sensor` can be told, by flags and by a configuration file (-c). A new setting is a field here and a
 * row in run_options.c; the flag, the key, their check and the help follow from the row. One thread. */
#ifndef WEIR_CLI_RUN_OPTIONS_H
#define WEIR_CLI_RUN_OPTIONS_H

#include "cli/config.h"
#include "cli/ingest_options.h"
#include "cli/queue_options.h"
#include "cli/tap_options.h"
#include "pipeline/backend.h"
#include "pipeline/judge.h"
#include "store/retention.h"

enum { WEIR_RUN_SETTINGS = 64 }; /* room for rows */

struct weir_run_options {
    const struct weir_settings *settings; /* of the command: weir_run_settings or weir_sensor_settings */
    struct weir_tap_options tap;
    struct weir_ingest_options ingest;
    struct weir_queue_options link; /* of a sensor */
    const char *config, *model, *features, *columns, *store, *eve, *publish, *account, *queue, *sensor, *control, *user;
    uint64_t lanes, workers, batch;
    float threshold; /* NaN: the model's */
    enum weir_reasons reasons;
    int64_t max_delay_ns;
    uint64_t budget_ms; /* 0: none */
    enum weir_overload {
        WEIR_OVERLOAD_SOURCE, /* files: block, interfaces: shed */
        WEIR_OVERLOAD_BLOCK,
        WEIR_OVERLOAD_SHED,
        WEIR_OVERLOAD_DEGRADE
    } overload;
    uint64_t rotate_bytes, store_memory;
    struct weir_retention retention;
    enum weir_on_full on_full;
    bool check, json, quiet;
    struct weir_told told[WEIR_RUN_SETTINGS]; /* beside the rows; owns the texts */
};

extern const struct weir_settings weir_run_settings, weir_sensor_settings;

/* The defaults (of weir_run_settings unless the flags were read with others), then the file that the flags name, then the flags;
 * what does not fit together is a problem too. Where the flags name packets, the file's read, interface and what belongs to them
 * give way; where they name a store that is no folder, its rotate and retention. */
void weir_run_options_make(const struct weir_flags *flags, struct weir_run_options *out, struct weir_problems *problems);

/* The same of a file that has been read; NULL: none. Keys that give way are taken out of it. */
void weir_run_options_apply(struct weir_config *config, const struct weir_flags *flags, struct weir_run_options *out,
                            struct weir_problems *problems);
void weir_run_options_free(struct weir_run_options *options);

/* "weir.yaml:12: lanes", "--lanes". */
struct weir_place weir_run_options_place(const struct weir_run_options *options, const char *name);

/* Whether the file or a flag has said it. */
bool weir_run_options_told(const struct weir_run_options *options, const char *name);

#endif
