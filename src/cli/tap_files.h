/* The capture files of -r options: `-r A[,B]`, repeated for the files that follow. One thread. */
#ifndef WEIR_CLI_TAP_FILES_H
#define WEIR_CLI_TAP_FILES_H

#include "capture/source.h"
#include "cli/options.h"

struct weir_tap_files { /* start with {0} */
    struct weir_strings port[WEIR_PORTS_MAX];
    unsigned ports; /* 0: none given yet */
};

/* Adds one -r value. False, with a message, when it names more than two ports or another number than the ones before. */
bool weir_tap_files_add(struct weir_tap_files *files, const char *value);

/* The source's configuration: files and ports, one lane, the decoder's lane hash; borrows from `files`. */
struct weir_source_config weir_tap_files_source(const struct weir_tap_files *files);
void weir_tap_files_free(struct weir_tap_files *files);

#endif
