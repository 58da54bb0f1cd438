/* One order for the records of all lanes.
 *
 * Lanes hand out records in the order in which they close, each lane its own. Here they are brought into the order (closing time,
 * first packet's time, flow id, record number), which no lane has a part in, and given to a sink as soon as every lane's clock
 * has passed their closing time. So the output of any number of lanes is the same, byte for byte, and it flows while the capture
 * is read; only the flows that are still open at the end wait for each other.
 *
 * The records come as bytes that the lanes have made of them. Create, destroy: one owner. The rest: each lane's functions by its
 * own thread; the sink is called by any of them, by one at a time.
 */
#ifndef WEIR_STORE_ORDER_H
#define WEIR_STORE_ORDER_H

#include <stddef.h>
#include <stdint.h>

#include "flow/record.h"
#include "weir/error.h"

struct weir_order;

typedef weir_err weir_order_sink(void *context, const char *bytes, size_t length, struct weir_error *error);

/* WEIR_ERR_MEMORY. The caller destroys it. */
weir_err weir_order_create(unsigned lanes, weir_order_sink *sink, void *context, struct weir_order **out,
                           struct weir_error *error);

/* What has not been given out is thrown away. Sets *order to NULL; NULL-safe. */
void weir_order_destroy(struct weir_order **order);

/* Room for a record's bytes; NULL when out of memory. Then weir_order_keep takes `length` of them as this record's. */
char *weir_order_reserve(struct weir_order *order, unsigned lane, size_t room);
void weir_order_keep(struct weir_order *order, unsigned lane, const struct weir_record *record, size_t length);

/* The lane's clock: none of its records to come closes before it. INT64_MAX: none will come. Gives out what is due; the result is
 * the sink's first failure, after which nothing more is given out. */
weir_err weir_order_advance(struct weir_order *order, unsigned lane, int64_t clock_ns, struct weir_error *error);

#endif
