/* The configuration file: YAML, one mapping, whose keys are the names of a command's flags.
 *
 *   interface: [eth1, eth2]     # a list stands for the flag's commas: -i eth1,eth2
 *   lanes: 4                    # --lanes 4
 *   quiet: true                 # --quiet
 *   read:                       # a list of lists for a flag that may come again: -r a,b -r c,d
 *     - [a, b]
 *     - [c, d]
 *
 * The file is hostile: it is read up to a bound, one event of libyaml at a time, and nothing is built that a key does not ask
 * for. Anchors, aliases, tags, further documents, keys that are there twice, deep nesting, empty and unprintable values are
 * problems. A problem names file and line; after one inside a key the reading goes on with the next key. One thread.
 */
#ifndef WEIR_CLI_CONFIG_H
#define WEIR_CLI_CONFIG_H

#include "cli/settings.h"

#define WEIR_CONFIG_BYTES 65536 /* the largest file */
#define WEIR_CONFIG_LIST  1024  /* items of a list */
#define WEIR_CONFIG_DEPTH 16    /* of what is skipped after a problem; what is taken is less deep */

struct weir_config_entry {
    const struct weir_setting *setting;
    int line;
    struct weir_strings value; /* as flags have it; more than one for a flag that comes again */
};

struct weir_config {
    char *name; /* of the file, as it was given */
    struct weir_config_entry *entry;
    size_t count;
};

/* Reads a file. Problems are added; on any, *out holds what is right, to look for more. WEIR_OK even so; other codes when there
 * is no file to speak of (one problem says why). The caller frees *out. */
weir_err weir_config_read(const char *path, const struct weir_settings *settings, struct weir_config **out,
                          struct weir_problems *problems);

/* The same of bytes. */
weir_err weir_config_parse(const char *name, const uint8_t *bytes, size_t size, const struct weir_settings *settings,
                           struct weir_config **out, struct weir_problems *problems);

/* Takes a key out again, if it is there. NULL-safe. */
void weir_config_drop(struct weir_config *config, const char *key);

/* The (first) value of a key, or NULL; config may be NULL. */
const char *weir_config_value(const struct weir_config *config, const char *key);

/* Sets *config to NULL; NULL-safe. */
void weir_config_free(struct weir_config **config);

#endif
