/* Where packets come from, as one lane sees it.
 *
 * A source reads one link: the two ports of a tap (A and B), or one port that carries both directions. It spreads the packets
 * over lanes by a hash (decode/lane.h) and gives each lane its packets of both ports merged by time. Capture files and
 * live interfaces stand behind the same functions; the lanes cannot tell them apart.
 *
 * Live. Packets are released in the order of their times as far as `window_ns` allows: a packet waits until nothing older can
 * come from the other port (its ring has been seen empty later, or has a later packet), at most that long. The clock follows the
 * packets, and the wall clock less the window less 100 ms while both rings are empty.
 *
 * Order. Each port's stream gets a release time that never goes back (the running maximum of its packet times). A lane's packets
 * are merged by release time, port A first when equal: so what a lane sees is the same part of one global order whatever the
 * number of lanes. Packet times themselves are left as they are. Packets that the filter leaves out count for the release times.
 *
 * Threads. Open, close and account: one owner. weir_source_burst: one thread a lane, lanes concurrently. weir_source_stop: any
 * thread and signal handlers.
 */
#ifndef WEIR_CAPTURE_SOURCE_H
#define WEIR_CAPTURE_SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "capture/packet.h"
#include "weir/error.h"

#define WEIR_PORTS_MAX 2
#define WEIR_BURST_MAX 64
#define WEIR_LANES_MAX 64

struct weir_source;

struct weir_source_config {
    /* Live: the interface of each port; NULL: files. The names outlive the source. */
    const char *interface[WEIR_PORTS_MAX];
    struct {
        uint32_t snaplen;    /* bytes kept of a packet; 0: 65,535 */
        uint32_t ring_mb;    /* MiB of packet ring for each port, shared out to its lanes; 0: 64 */
        int64_t window_ns;   /* longest wait for the other port; 0: 10 ms */
        int64_t idle_ns;     /* longest wait of weir_source_burst without packets; 0: 10 ms */
        int64_t duration_ns; /* ends by itself after so long; 0: never */
    } live;
    /* files[p][i]: i-th file of port p, read one after the other; "-" is standard input. Gzip and zstd are recognised by content.
     */
    const char *const *files[WEIR_PORTS_MAX];
    size_t file_count[WEIR_PORTS_MAX];
    unsigned ports;                                          /* 1 or 2 */
    unsigned lanes;                                          /* 1 or more */
    uint32_t (*lane_hash)(const struct weir_packet *packet); /* lane = hash % lanes; pure. NULL is allowed with one lane */
    const char *filter;                                      /* BPF expression (pcap-filter(7)) or NULL */
};

enum weir_burst_state {
    WEIR_BURST_PACKETS, /* `count` packets, at least one */
    WEIR_BURST_IDLE,    /* nothing now; `clock_ns` may have moved (live, or no packet of this lane for a while) */
    WEIR_BURST_END      /* no packet will come any more; so it stays */
};

struct weir_burst {
    enum weir_burst_state state;
    unsigned count;
    /* Every packet of this lane with a release time below it has been given out, those of this burst counted. Never goes back;
     * 0 before anything is known; at the end the largest release time of all packets, the same for every lane. */
    int64_t clock_ns;
    struct weir_packet packet[WEIR_BURST_MAX];
};

enum weir_port_state {
    WEIR_PORT_FILE, /* no interface */
    WEIR_PORT_UP,
    WEIR_PORT_DOWN, /* set down, or without a carrier; packets come again when it is up */
    WEIR_PORT_GONE  /* removed */
};

/* Counters of one port. offered = lost_nic + lost_softnet + lost_ring + seen; for files nothing is lost. */
struct weir_port_account {
    const char *interface; /* the config's name; NULL: files */
    enum weir_port_state state;
    bool aggregated; /* live: packets were, or may have been, put together before they were captured */
    uint64_t offered, lost_nic, lost_softnet, lost_ring;
    uint64_t seen;                    /* packets read: given to a lane or filtered */
    uint64_t filtered;                /* left out by the BPF filter */
    uint64_t bytes;                   /* wire bytes of `seen` */
    uint64_t backward;                /* packets with a time before their predecessor's on the same port */
    uint64_t late;                    /* live: released after the merge window had passed */
    int64_t first_ns, last_ns;        /* earliest and latest packet time of `seen` */
    uint64_t done_bytes, total_bytes; /* progress in the files, compressed bytes; total 0 = not known */
};

/* For files: looks into the headers of all regular files and compiles the filter; standard input and pipes are not touched yet,
 * what is wrong with them is told by weir_source_status. WEIR_ERR_NOT_FOUND, _PERMISSION, _IO, _FORMAT (no capture file; names
 * file and offset), _UNSUPPORTED (a version of the format), _ARGUMENT (bad filter, a folder, two standard inputs), _MEMORY. All
 * memory is taken here but what unpacking and programs for further link types need. For interfaces: opens the rings and turns
 * offloads off (port.h); packets come in from here on. WEIR_ERR_NOT_FOUND, _PERMISSION, _CLOSED (the interface is down),
 * _UNSUPPORTED, _ARGUMENT, _IO, _MEMORY. The lists and strings of `config`
 * outlive the source; the caller closes it. */
weir_err weir_source_open(const struct weir_source_config *config, struct weir_source **out, struct weir_error *error);

/* Frees everything and sets *source to NULL. NULL-safe. No lane may be inside weir_source_burst. */
void weir_source_close(struct weir_source **source);

/* Fills `burst` with the lane's next packets; those of the burst before become invalid. Blocks while a file is being read or
 * while other lanes must catch up, so each lane needs a thread of its own; after 100 ms without anything it returns with
 * WEIR_BURST_IDLE (live: after `idle_ns`). Returns WEIR_OK always but for misuse: damage in a file ends that port's stream and is
 * told by weir_source_status. */
weir_err weir_source_burst(struct weir_source *source, unsigned lane, struct weir_burst *burst);

/* Asks for an early end: lanes get WEIR_BURST_END once what has been read is consumed, 100 ms later at most. Signal safe. */
void weir_source_stop(struct weir_source *source);

/* WEIR_OK, or the first damage met so far ("tx.pcap: offset 8842: ..."); what was before it has been given out. Live: an error
 * once no interface is left, which ends the source. */
weir_err weir_source_status(const struct weir_source *source, struct weir_error *error);

/* "up", "down", "gone"; "" for files. */
const char *weir_port_state_name(enum weir_port_state state);

/* Copies the counters of a port; may be called while lanes run. */
void weir_source_account(const struct weir_source *source, unsigned port, struct weir_port_account *account);

/* True when live, or when any file stores times finer than a microsecond (then times are printed with nine decimals). Known at
 * open, but for pipes and interfaces that a pcapng file describes late: those are known with their first packet. */
bool weir_source_nanoseconds(const struct weir_source *source);

#endif
