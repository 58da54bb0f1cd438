/* What one lane sees of live ports: its packet rings, merged by release time. The order and the clock are those of source.h.
 *
 * A port's mark: no packet of it with an earlier time can come any more. It is the release time of its last packet, or a little
 * less than the wall clock at which its ring was seen empty, or than the beginning of the block that the kernel is filling.
 * A packet is due when its release time is not above (port A; B: is below) the other port's next packet or mark, or when the
 * window has passed. One that comes after the clock has passed it is given out at once, counted as late, with the clock as its
 * release time.
 *
 * One thread (the lane's), but for weir_ring_tap_account: any thread.
 */
#ifndef WEIR_CAPTURE_RING_TAP_H
#define WEIR_CAPTURE_RING_TAP_H

#include <stdatomic.h>

#include "capture/filter.h"
#include "capture/packet_ring.h"
#include "capture/source.h"

/* The part of a port's account that its lanes count. */
struct weir_ring_counts {
    uint64_t seen, filtered, bytes, backward, late;
    int64_t first_ns, last_ns; /* INT64_MAX, INT64_MIN: no packet yet */
    bool aggregated;
};

struct weir_ring_tap_port {
    struct weir_packet_ring ring;
    struct weir_filter *filter; /* or NULL */
    bool has_head;
    struct weir_packet head; /* the next packet */
    int64_t previous_ns;     /* time of the last packet taken */
    int64_t release_ns;      /* running maximum of the times of the packets taken */
    int64_t mark_ns;
    struct weir_ring_counts counts;
    struct {
        _Atomic uint64_t seen, filtered, bytes, backward, late;
        _Atomic int64_t first_ns, last_ns;
        atomic_bool aggregated;
    } published; /* what other threads read; as of the last burst */
};

struct weir_ring_tap {
    unsigned ports;
    int64_t window_ns, idle_ns;
    int64_t clock_ns;
    bool stopping;
    struct weir_ring_tap_port port[WEIR_PORTS_MAX];
};

/* All but the rings and filters, which the caller has opened, or will. */
void weir_ring_tap_init(struct weir_ring_tap *tap, unsigned ports, int64_t window_ns, int64_t idle_ns);

/* Closes rings and filters. */
void weir_ring_tap_close(struct weir_ring_tap *tap);

/* See weir_source_burst. With `stop` the rings are shut, and END comes when they are empty. */
void weir_ring_tap_burst(struct weir_ring_tap *tap, bool stop, struct weir_burst *burst);

/* Adds a port's counts to the account. */
void weir_ring_tap_account(const struct weir_ring_tap *tap, unsigned port, struct weir_port_account *account);

#endif
