/* What `weir infer` can be told, by flags and by a configuration file (-c). One thread. */
#ifndef WEIR_CLI_INFER_OPTIONS_H
#define WEIR_CLI_INFER_OPTIONS_H

#include "cli/config.h"
#include "cli/settings.h"
#include "pipeline/infer.h"

enum { WEIR_INFER_SETTINGS = 24 }; /* room for rows */

struct weir_infer_options {
    const char *config, *queue, *results, *key, *peers, *model, *control, *account;
    uint64_t workers, depth;
    int64_t claim_after_ns;
    enum weir_reasons reasons;
    enum weir_infer_overload overload;
    bool check, json, quiet;
    struct weir_told told[WEIR_INFER_SETTINGS]; /* beside the rows; owns the texts */
    struct weir_strings queues, peer_files;     /* `queue` and `peers`, split */
};

extern const struct weir_settings weir_infer_settings;

/* The defaults, then the file that the flags name, then the flags; what does not fit together is a problem too. To be freed in
 * any case. */
void weir_infer_options_make(const struct weir_flags *flags, struct weir_infer_options *out, struct weir_problems *problems);
void weir_infer_options_free(struct weir_infer_options *options);

/* "weir.yaml:12: model", "--model". */
struct weir_place weir_infer_options_place(const struct weir_infer_options *options, const char *name);

/* The transport's part; points into the options. */
struct weir_transport_config weir_infer_options_transport(const struct weir_infer_options *options);

#endif
