/* A record: one emission of a flow.
 *
 * A flow is a life on a key; it emits one record or more, and each record has one reason. `body` holds what the view counted (its
 * layout is the view's own); columns read it (features/view.h).
 */
#ifndef WEIR_FLOW_RECORD_H
#define WEIR_FLOW_RECORD_H

#include <stdbool.h>
#include <stdint.h>

/* Why a record was emitted; the texts are the keys of the account's "records" and "flows.closed". */
#define WEIR_REASON_TABLE(X)                                                                                                     \
    X(WEIR_REASON_STATUS, "status")         /* the status interval is over, the flow goes on */                                  \
    X(WEIR_REASON_CLOSE, "close")           /* the protocol closed the flow */                                                   \
    X(WEIR_REASON_REUSE, "reuse")           /* a new connection began on the same key */                                         \
    X(WEIR_REASON_IDLE, "idle")             /* silent for longer than the time-out */                                            \
    X(WEIR_REASON_SHUTDOWN, "shutdown")     /* end of the capture, or stop */                                                    \
    X(WEIR_REASON_EVICTED, "evicted")       /* its place in a full table was needed */                                           \
    X(WEIR_REASON_AGGREGATED, "aggregated") /* not a flow's own: many of one packet each, put together (batch/crowd.h) */        \
    X(WEIR_REASON_INGESTED, "ingested")     /* somebody else's meter has closed it (batch/layout.h) */

enum weir_reason {
#define X(name, text) name,
    WEIR_REASON_TABLE(X)
#undef X
        WEIR_REASON_COUNT
};

/* Constant text; never NULL. */
const char *weir_reason_name(enum weir_reason reason);

/* 128-bit hash of key, stream time of the first packet and occurrence on that key: no lane, port or boot enters it. Printed as a
 * UUID. */
struct weir_flow_id {
    uint64_t high, low;
};

/* Who and when: what every verdict carries. Addresses as in struct weir_facts. src is the flow's initiator by the view's rule. */
struct weir_identity {
    struct weir_flow_id flow_id;
    uint32_t record; /* 0, 1, ... within the flow; WEIR_REASON_AGGREGATED: how many flows it stands for */
    uint8_t reason;  /* enum weir_reason */
    uint8_t ip_version, proto;
    uint8_t ports; /* 1: sport and dport are ports */
    uint16_t sport, dport;
    uint8_t src[16], dst[16];
    int64_t stime_ns, ltime_ns;
};

struct weir_record {
    struct weir_identity identity;
    /* The merged stream's time at which the record was closed; INT64_MAX at the end of the stream. Never goes back from one
     * record of a lane to the next, and (but for WEIR_REASON_EVICTED) a function of the packets alone, whatever the lanes. */
    int64_t closed_ns;
    bool single;      /* the flow has had one packet, this record's */
    const void *body; /* the view's; valid during the callback that hands the record out */
};

#endif
