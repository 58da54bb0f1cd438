/* What a kind of source provides; source.c passes the calls of source.h on. Files: files.h. */
#ifndef WEIR_CAPTURE_SOURCE_OPS_H
#define WEIR_CAPTURE_SOURCE_OPS_H

#include "capture/source.h"

/* As the weir_source_ functions; arguments have been checked. */
struct weir_source_ops {
    void (*close)(struct weir_source *source);
    void (*burst)(struct weir_source *source, unsigned lane, struct weir_burst *burst);
    void (*stop)(struct weir_source *source);
    weir_err (*status)(const struct weir_source *source, struct weir_error *error);
    void (*account)(const struct weir_source *source, unsigned port, struct weir_port_account *account);
    bool (*nanoseconds)(const struct weir_source *source);
};

/* The first member of each kind's own struct. */
struct weir_source {
    const struct weir_source_ops *ops;
    unsigned ports, lanes;
};

#endif
