/* The meter: packets in, records out. One lane's decode, fragment cache, flow table and view in one object.
 *
 * A meter belongs to one thread. It takes all its memory in weir_meter_create and never allocates after that. Record boundaries
 * are functions of packet times alone; weir_meter_clock only decides when a record that is due is handed out.
 */
#ifndef WEIR_FEATURES_METER_H
#define WEIR_FEATURES_METER_H

#include <stdint.h>

#include "capture/packet.h"
#include "decode/facts.h"
#include "features/view.h"
#include "flow/offset.h"
#include "flow/record.h"
#include "weir/error.h"

struct weir_meter;

/* Called for each record, inside weir_meter_packets, _clock and _drain. The record is valid during the call. */
typedef void weir_meter_emit(void *context, const struct weir_record *record);

struct weir_meter_config {
    const struct weir_view *view;
    size_t flows;        /* capacity of the table; 0: 262,144 */
    int64_t interval_ns; /* status interval; 0: the view's default (argus: 5 s) */
    weir_meter_emit *emit;
    void *context;
};

struct weir_meter_account {
    uint64_t metered;
    uint64_t ignored[WEIR_IGNORED_COUNT];
    uint16_t ignored_link; /* the least link type (LINKTYPE_ number) of those that ignored[WEIR_IGNORED_LINK] counts */
    uint64_t dropped[WEIR_DROPPED_COUNT];
    struct weir_offset offset; /* of the clocks of a tap's two ports */
    uint64_t flows_opened;
    uint64_t flows_closed[WEIR_REASON_COUNT];
    uint64_t flows_active;
    uint64_t records[WEIR_REASON_COUNT];
};

/* WEIR_ERR_ARGUMENT, WEIR_ERR_MEMORY. The caller destroys it. */
weir_err weir_meter_create(const struct weir_meter_config *config, struct weir_meter **out, struct weir_error *error);

/* Frees without emitting; sets *meter to NULL. NULL-safe. */
void weir_meter_destroy(struct weir_meter **meter);

/* Meters packets, in their order. Their bytes are not kept. Each packet goes to exactly one bucket of the account. Many at a time
 * are much quicker than one by one: the memory of the flows of a burst is fetched together. */
void weir_meter_packets(struct weir_meter *meter, const struct weir_packet *packets, unsigned count);

/* The lane's clock has reached clock_ns: hands out what is due. Times that go back are ignored. Call it after each burst. */
void weir_meter_clock(struct weir_meter *meter, int64_t clock_ns);

/* Emits every open flow with WEIR_REASON_SHUTDOWN, in a fixed order (by the stream's time at the first packet, then key). The
 * meter is empty after it. */
void weir_meter_drain(struct weir_meter *meter);

/* The counters so far. Same thread, or after the thread has ended. */
const struct weir_meter_account *weir_meter_account(const struct weir_meter *meter);

#endif
