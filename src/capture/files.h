/* Capture files as a source. Everything but opening goes through source.h. */
#ifndef WEIR_CAPTURE_FILES_H
#define WEIR_CAPTURE_FILES_H

#include "capture/source_ops.h"

struct weir_files_size {
    uint32_t block_bytes;
    unsigned blocks; /* of each port's pool; 0: by the number of lanes */
};

extern const struct weir_files_size weir_files_default_size;

/* weir_source_open for files, with block sizes of the caller's choice (tests take tiny ones). A record, with its header, that is
 * longer than a block is taken as damage. */
weir_err weir_files_open(const struct weir_source_config *config, const struct weir_files_size *size, struct weir_source **out,
                         struct weir_error *error);

#endif
