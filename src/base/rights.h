/* The rights of the process, given up once they have done their work.
 *
 * Opening a packet socket takes rights that reading hostile packets must not have. So weir opens its sources first and then
 * drops: the user (if another one is wanted), every capability, the bounding set, and by no_new_privs the way back. What is
 * opened later, the store, EVE, the control socket and new files of the store, belongs to the user that is left.
 *
 * Capabilities belong to a thread: drop before the first thread is started, so that all inherit what is left.
 */
#ifndef WEIR_BASE_RIGHTS_H
#define WEIR_BASE_RIGHTS_H

#include <stdbool.h>

#include "weir/error.h"

struct weir_rights {
    const char *user; /* change to this user and its groups; NULL: stay */
    /* Root may go on reading and writing the files of others (CAP_DAC_OVERRIDE); everything else is dropped. For runs over
     * capture files, which may lie anywhere. Ignored with `user`. */
    bool keep_files;
};

/* Drops, and verifies that it is done; on failure nothing is promised and the process should end. WEIR_ERR_NOT_FOUND (no such
 * user), WEIR_ERR_PERMISSION (only root can change the user), WEIR_ERR_LIBRARY. */
weir_err weir_rights_drop(const struct weir_rights *rights, struct weir_error *error);

/* Whether the process can write to the folder of `path` ("-" and what is no regular file: true), for an error at the start
 * instead of one in the midst. WEIR_ERR_PERMISSION names the folder, its owner and the remedy. A folder that is not there is left
 * to whoever opens the file. */
weir_err weir_rights_check_output(const char *path, struct weir_error *error);

#endif
