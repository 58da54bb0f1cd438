/* What a running weir changes without a restart: the model, and of a configuration file the settings that are marked live.
 *
 * The file is read again under the flags of the start, and everything is checked first: when any of it is refused, nothing
 * changes. Then the model is seated between two batches, and the rest follows. Reloads come one at a time. Any thread, but for
 * create, close and free, which are the run's owner's.
 */
#ifndef WEIR_CLI_RELOAD_H
#define WEIR_CLI_RELOAD_H

#include "cli/run_options.h"
#include "pipeline/control.h"
#include "pipeline/run.h"

struct weir_reloader;

/* All of it outlives the reloader. The run has been started. WEIR_ERR_MEMORY. */
weir_err weir_reloader_create(struct weir_run *run, const struct weir_flags *flags, const struct weir_run_options *options,
                              struct weir_reloader **out, struct weir_error *error);

/* Has the type weir_control_reload: `model` alone, or, NULL, the configuration file and its model. The result is also logged, and
 * told to the service manager. */
weir_err weir_reloader_reload(void *reloader, const char *model, struct weir_reloaded *out, struct weir_error *error);

/* The --quiet of now. */
bool weir_reloader_quiet(const struct weir_reloader *reloader);

/* Waits for a reload under way; those that come later are refused. The options of now are returned. */
const struct weir_run_options *weir_reloader_close(struct weir_reloader *reloader);

/* Sets *reloader to NULL; NULL-safe. */
void weir_reloader_free(struct weir_reloader **reloader);

#endif
