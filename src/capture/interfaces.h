/* Live interfaces as a source: one or two ports, for each port a packet ring a lane. Everything but opening goes through
 * source.h. */
#ifndef WEIR_CAPTURE_INTERFACES_H
#define WEIR_CAPTURE_INTERFACES_H

#include "capture/source_ops.h"

/* weir_source_open for interfaces. */
weir_err weir_interfaces_open(const struct weir_source_config *config, struct weir_source **out, struct weir_error *error);

#endif
