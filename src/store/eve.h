/* EVE JSON lines, field names as Suricata users know them: event_type "flow" for each verdict and "alert" for each alert.
 * One writer, one thread. Written after the commit: at least once; flow_id and weir.record let readers drop repeats. */
#ifndef WEIR_STORE_EVE_H
#define WEIR_STORE_EVE_H

#include "batch/verdict.h"
#include "weir/error.h"

struct weir_eve;

/* Opens for append (a regular file, a device, a pipe; "-" is standard output). */
weir_err weir_eve_open(const char *path, const char *sensor, struct weir_eve **out, struct weir_error *error);

/* Buffers the lines of one batch; the buffer is written when it exceeds 1 MiB. */
weir_err weir_eve_append(struct weir_eve *eve, const struct weir_verdicts *verdicts, struct weir_error *error);

/* Writes what is buffered. */
weir_err weir_eve_flush(struct weir_eve *eve, struct weir_error *error);

/* Flushes, closes, sets *eve to NULL; the result of the last write. NULL-safe. */
weir_err weir_eve_close(struct weir_eve **eve, struct weir_error *error);

#endif
