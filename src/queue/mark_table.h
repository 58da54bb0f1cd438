/* The newest mark of each (sensor, boot, lane), and marks as bytes. One thread. */
#ifndef WEIR_QUEUE_MARK_TABLE_H
#define WEIR_QUEUE_MARK_TABLE_H

#include "queue/transport.h"

struct weir_known_mark {
    struct weir_mark mark;
    bool fresh; /* changed since somebody cleared this */
};

struct weir_mark_table {          /* start with {0} */
    struct weir_known_mark *item; /* by sensor, boot, lane */
    size_t count, room;
};

/* Keeps a mark. False: no memory. A mark that is behind the one that is known is not taken, so old news does no harm. */
bool weir_mark_table_put(struct weir_mark_table *table, const struct weir_mark *mark);

/* True when a known mark covers it. */
bool weir_mark_table_covers(const struct weir_mark_table *table, const uint8_t sensor[16], uint64_t boot, uint32_t lane,
                            uint64_t seq);

/* Place of the first mark of this sensor or of one behind it. */
size_t weir_mark_table_first(const struct weir_mark_table *table, const uint8_t sensor[16]);

/* Hands out what is fresh, at most `room`; it is fresh no more. */
size_t weir_mark_table_take(struct weir_mark_table *table, struct weir_mark *out, size_t room);

void weir_mark_table_fini(struct weir_mark_table *table);

/* next, above and service_ns, little-endian. */
enum { WEIR_MARK_BYTES = 8 + WEIR_MARK_ABOVE / 8 + 8 };
void weir_mark_write(const struct weir_mark *mark, uint8_t out[WEIR_MARK_BYTES]);
void weir_mark_read(struct weir_mark *mark, const uint8_t in[WEIR_MARK_BYTES]);

#endif
