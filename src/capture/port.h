/* One live port of a link: the interface itself, apart from its packets.
 *
 * Opening it turns off what changes packets before they are captured: GRO and LRO put several together, VLAN offload takes tags
 * out (they are put back, see packet_ring.h, but a driver may drop the outer of two). What was on before is restored at the end
 * by a child process (base/keeper.h), since the rights are dropped by then, and even when weir is killed. Where it cannot be
 * turned off the port is marked `aggregated`, with a warning.
 *
 * Losses before the ring come from the interface's own counters: `lost_nic` is what it had no buffers for (rx_missed_errors,
 * rx_fifo_errors). A packet that the host's backlog queues drop is counted twice by the kernel, for the interface among
 * rx_dropped and for the host in softnet_stat; `lost_softnet` is the smaller of the two, since each also counts other things:
 * softnet_stat the drops of other interfaces, rx_dropped packets that were captured and that the host itself has no use for, such
 * as double tags. The rest of rx_dropped is therefore no loss.
 *
 * One thread at a time.
 */
#ifndef WEIR_CAPTURE_PORT_H
#define WEIR_CAPTURE_PORT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/keeper.h"
#include "capture/source.h"
#include "weir/error.h"

enum { WEIR_OFFLOADS = 3 };

struct weir_port { /* private but for the first lines */
    const char *name;
    int index;
    uint16_t link; /* LINKTYPE_ number */
    bool loopback;
    bool aggregated;
    enum weir_port_state state;
    uint64_t lost_nic, lost_softnet;

    const char *backlog; /* file with the counters of the host's backlog queues: /proc/net/softnet_stat */
    int control;         /* for ethtool */
    int netlink;
    struct weir_keeper keeper;
    uint32_t turned_off; /* bits: offloads to be turned on again */
    uint64_t base_dropped, base_missed, base_softnet;
    uint64_t past_nic, past_softnet; /* losses of interfaces before this one, with the same name */
};

/* To be called before the first thread starts. Finds the interface (`name` outlives the port), turns its offloads off and takes
 * the counters' start. WEIR_ERR_NOT_FOUND, _PERMISSION, _UNSUPPORTED (a type of interface that weir does not capture), _CLOSED
 * (it is down), _IO. */
weir_err weir_port_open(const char *name, struct weir_port *port, struct weir_error *error);

/* The child turns the offloads on again that were turned off. Idempotent. */
void weir_port_close(struct weir_port *port);

/* For a port that is gone: whether an interface with its name is there again, up and of the same type. If so the port goes on
 * with it. Needs no rights, so offloads are left as they are; if they aggregate, the port is marked. */
bool weir_port_reopen(struct weir_port *port);

/* Reads state and counters anew. */
void weir_port_refresh(struct weir_port *port);

#endif
