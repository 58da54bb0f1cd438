/* EVE JSON lines, field names and conventions as Suricata users know them: event_type "flow" for each verdict and "alert" for
 * each alert. What Suricata has no name for stands under "weir".
 *
 *   {"timestamp":..,"flow_id":..,"event_type":"flow","src_ip":..,"src_port":..,"dest_ip":..,"dest_port":..,"proto":"TCP","ip_v":4,
 *    "host":SENSOR,"flow":{"start":..,"end":..,"age":..,"reason":..,"alerted":..},
 *    "alert":{"action":"allowed","gid":1,"signature_id":..,"rev":1,"signature":"weir: CLASS","category":..,"severity":..,
 *             "metadata":{"reasons":["COLUMN=VALUE (+MARGIN)",..]}},
 *    "weir":{"flow_id":UUID,"record":..,"reason":..,"feature_set":..,"model":..,"class":..,"score":..,"threshold":..,"reasons":[..]}}
 *
 * "timestamp" is the time of the record's last packet. One writer, one thread. Written after the store's commit: at least once;
 * weir.flow_id and weir.record let readers drop repeats.
 * Source of the conventions: docs.suricata.io, "Eve JSON Format".
 */
#ifndef WEIR_STORE_EVE_H
#define WEIR_STORE_EVE_H

#include <stdbool.h>
#include <stdint.h>

#include "batch/verdict.h"
#include "weir/error.h"

struct weir_eve;

/* Opens for append (a regular file, a device, a pipe; "-" is standard output; NULL: no file, for weir_eve_line alone). A last
 * line that an earlier end has cut off is closed with a newline. */
weir_err weir_eve_open(const char *path, const char *sensor, struct weir_eve **out, struct weir_error *error);

/* Buffers the lines of one batch. They are written by weir_eve_flush; before that only when they exceed 64 MiB. */
weir_err weir_eve_append(struct weir_eve *eve, const struct weir_verdicts *verdicts, struct weir_error *error);

/* One line, without its end: a verdict's, or (`alert`) an alert's with its causes (NULL: none are known). Good until the next
 * call; on an EVE without a file. NULL: out of memory. */
const char *weir_eve_line(struct weir_eve *eve, const struct weir_verdicts *verdicts, unsigned row,
                          const struct weir_alert_causes *causes, bool alert, size_t *length);

/* Writes what is buffered. WEIR_ERR_FULL, WEIR_ERR_CLOSED (the pipe's reader is gone), WEIR_ERR_IO: what of the buffer is not
 * written is lost and counted. A file has no half lines then. Can be tried again. */
weir_err weir_eve_flush(struct weir_eve *eve, struct weir_error *error);

/* Loses the lines of a batch: counts them only. */
void weir_eve_skip(struct weir_eve *eve, const struct weir_verdicts *verdicts);

/* Counts lines as lost that are never made. */
void weir_eve_lose(struct weir_eve *eve, uint64_t lines);

/* Loses what is buffered; or forgets it without a count, because it will be appended again. */
void weir_eve_drop(struct weir_eve *eve);
void weir_eve_take_back(struct weir_eve *eve);

/* Lines written to the file, and lines lost, since the open. */
struct weir_eve_account {
    uint64_t lines, lost;
};
struct weir_eve_account weir_eve_account(const struct weir_eve *eve);

/* False while the file's disk has less than WEIR_EVE_ROOM left. */
#define WEIR_EVE_ROOM ((uint64_t)1 << 20)
bool weir_eve_has_room(const struct weir_eve *eve);

/* Flushes, closes, sets *eve to NULL; the result of the last write. NULL-safe. */
weir_err weir_eve_close(struct weir_eve **eve, struct weir_error *error);

#endif
