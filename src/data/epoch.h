/* Times in the text cells of flow records. Any thread. */
#ifndef WEIR_DATA_EPOCH_H
#define WEIR_DATA_EPOCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum weir_epoch_kind {
    WEIR_EPOCH_NONE, /* no time */
    WEIR_EPOCH_FULL,
    WEIR_EPOCH_DATELESS /* a time of day alone, as `ra` prints it without -u: *ns counts from midnight */
};

/* Reads `length` bytes: seconds since 1970 with up to nine decimals (1499346935.283859), or a date and a time
 * (2019/04/04 16:23:00.325010, 2019-04-04T16:23:00.325010Z, with an offset such as +02:00; else taken as UTC), or a time alone.
 * Blanks around are ignored, digits behind the ninth decimal are cut. *ns: nanoseconds since 1970. */
enum weir_epoch_kind weir_epoch_read(const char *text, size_t length, int64_t *ns);

/* Reads a date whose day comes first and a time, taken as UTC: 14/02/2018 08:31:01, 5/7/2017 8:42, 03-07-2017 08:55:58.120, with
 * AM or PM behind or not. WEIR_EPOCH_FULL or WEIR_EPOCH_NONE. */
enum weir_epoch_kind weir_epoch_read_day_first(const char *text, size_t length, int64_t *ns);

#endif
