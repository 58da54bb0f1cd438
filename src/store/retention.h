/* How long a folder's files are kept: by age, by the size of all, or both. Only whole closed files go, the oldest first. Any
 * thread. */
#ifndef WEIR_STORE_RETENTION_H
#define WEIR_STORE_RETENTION_H

#include <stdint.h>

#include "weir/error.h"

struct weir_retention {
    int64_t days;   /* a verdict is kept at least so long; 0: no bound */
    uint64_t bytes; /* of all files together, with logs; 0: no bound */
};

struct weir_removed {
    uint64_t files, bytes;
};

/* Reads "30d", "50GB", "30d,50GB" (a '/' for the comma and blanks are allowed; MB, GB and TB are powers of 1000, MiB, GiB and TiB
 * of 1024). WEIR_ERR_ARGUMENT: the message says what may stand there. */
weir_err weir_retention_parse(const char *text, struct weir_retention *out, struct weir_error *error);

/* A size such as "500MB" alone. */
weir_err weir_size_parse(const char *text, uint64_t *out, struct weir_error *error);

/* Removes what is too old on `today` (days since 1970) or too much, logs each file and adds it to *removed. `open` (a name, NULL:
 * none) and the files after it stay whatever their size. What cannot be removed is logged and left. Errors of
 * weir_folder_list. */
weir_err weir_retention_apply(const struct weir_retention *retention, const char *folder, const char *open, int64_t today,
                              struct weir_removed *removed, struct weir_error *error);

/* Removes closed files, the oldest first, until `bytes` are free on the folder's disk; `open` and the files after it stay. Each
 * is logged and added to *removed. Errors of weir_folder_list. */
weir_err weir_retention_make_room(const char *folder, const char *open, uint64_t bytes, struct weir_removed *removed,
                                  struct weir_error *error);

#endif
