/* What `weir collect` can be told, by flags and by a configuration file (-c): a row in collect_options.c each. One thread. */
#ifndef WEIR_CLI_COLLECT_OPTIONS_H
#define WEIR_CLI_COLLECT_OPTIONS_H

#include "cli/config.h"
#include "pipeline/collect.h"

enum { WEIR_COLLECT_SETTINGS = 32 }; /* room for rows */

struct weir_collect_options {
    const char *config, *results, *queue, *key, *peers, *store, *eve, *account, *name, *control, *publish, *lake;
    uint64_t rotate_bytes, store_memory;
    struct weir_retention retention;
    enum weir_on_full on_full;
    bool check, json, quiet;
    struct weir_told told[WEIR_COLLECT_SETTINGS]; /* beside the rows; owns the texts */
};

extern const struct weir_settings weir_collect_settings;

/* The defaults, then the file that the flags name, then the flags; what does not fit together is a problem too. The caller frees.
 */
void weir_collect_options_make(const struct weir_flags *flags, struct weir_collect_options *out, struct weir_problems *problems);
void weir_collect_options_free(struct weir_collect_options *options);

#endif
