/* What a reload may change: the settings of a command that differ between what runs and what is read now. One thread. */
#ifndef WEIR_CLI_SETTINGS_CHANGE_H
#define WEIR_CLI_SETTINGS_CHANGE_H

#include <jansson.h>

#include "cli/settings.h"

/* One reading of the settings: the command's options, who said what, and the file (NULL: none). */
struct weir_settings_reading {
    const void *options;
    const struct weir_told *told;
    const char *file;
};

/* WEIR_OK, with the names of those that have changed and can (*changed, the caller's; NULL: there is no file); WEIR_ERR_BUSY
 * names all that have changed and cannot. */
weir_err weir_settings_change(const struct weir_settings *settings, const struct weir_settings_reading *now,
                              const struct weir_settings_reading *fresh, json_t **changed, struct weir_error *error);

#endif
