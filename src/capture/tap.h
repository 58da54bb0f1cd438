/* What one lane sees: its packets of one or two ports, merged by release time, port A first when equal.
 *
 * Each port has a bound: the release time of the lane's next packet there, or, when that is not known yet, the watermark of the
 * blocks that the lane has been through (no later packet is released before it). A packet of A is due when its release time is
 * not above B's bound, one of B when it is below A's bound. So the order is that of the whole capture whatever part of it a lane
 * gets.
 *
 * Lanes cannot wait for each other for ever, however few blocks the feeds have. A lane waits for a port's next block only when it
 * has been through all that is published there, and only
 *   (1) for B, holding a packet a of A with a > wB, where wB is the watermark of B's newest block;
 *   (2) for A, holding a packet b of B with b >= wA;
 *   (3) holding nothing.
 * and the wait is vain only when the port has no free block. Suppose all waits are vain. Lanes of kind 3 hold no block. If some
 * lane waits for B, then B's oldest block is held by a lane that is not through with it, so by one of kind 2, with a packet b of
 * a published block: b <= wB, and b >= wA. That one waits for A in vain, so A's oldest block is held by a lane of kind 1 with a
 * packet a <= wA, and a > wB. Then a <= wA <= b <= wB < a: impossible. The same if some lane waits for A, read from the other
 * end; and if all are of kind 3, all blocks are free. What a lane has given out counts as held until its next burst, so a lane
 * never waits with packets in its burst: it gives them out first.
 *
 * One thread (the lane's).
 */
#ifndef WEIR_CAPTURE_TAP_H
#define WEIR_CAPTURE_TAP_H

#include "capture/feed.h"
#include "capture/source.h"

struct weir_tap_port {
    struct weir_feed *feed;
    const struct weir_block *block; /* being read, or NULL */
    uint32_t at;                    /* the lane's next record in it, or WEIR_RECORD_NONE */
    uint64_t taken;                 /* blocks so far */
    int64_t bound_ns;               /* INT64_MAX: the port has ended */
    int64_t mark_ns;                /* watermark of the blocks that the lane has taken */
};

struct weir_tap {
    unsigned lane;
    int64_t clock_ns;
    struct weir_tap_port port[WEIR_PORTS_MAX];
};

/* `feed[1]` may be NULL: one port. The feeds outlive the tap; nothing is to be freed. */
void weir_tap_init(struct weir_tap *tap, unsigned lane, struct weir_feed *const feed[static WEIR_PORTS_MAX]);

/* See weir_source_burst. */
void weir_tap_burst(struct weir_tap *tap, struct weir_burst *burst);

#endif
