/* Spreads an interface's packets over the packet sockets of the lanes inside the kernel: one PACKET_FANOUT group an interface,
 * with an eBPF program that computes weir_lane_hash of decode/lane.h (fanout.bpf.c; fanout_code.h is what the compiler makes of
 * it, see tools/bpf).
 *
 * For whole packets that the decoder meters, of Ethernet (with VLAN tags stripped by the kernel or not) or raw IP, the program's
 * hash is weir_lane_hash's, but for: more than 20 headers in one packet, a pseudo wire's Ethernet header behind MPLS labels
 * inside another one, IPv6 jumbograms that carry a tunnel. Those come to one lane each way all the same, as far as both
 * directions and fragments look alike. A test holds the two together.
 *
 * When an interface is set down and up again, the kernel puts the sockets back one by one, in their order: for some microseconds
 * packets may come to the wrong lane.
 *
 * Any thread.
 */
#ifndef WEIR_CAPTURE_FANOUT_H
#define WEIR_CAPTURE_FANOUT_H

#include <stdbool.h>
#include <stdint.h>

#include "weir/error.h"

/* Loads the program for a link type (LINKTYPE_ number, Ethernet or raw IP) and leaves its descriptor in *fd; the caller closes
 * it. `interface` is for messages. WEIR_ERR_PERMISSION, _UNSUPPORTED (a kernel that refuses it). */
weir_err weir_fanout_load(const char *interface, uint16_t link, int *fd, struct weir_error *error);

/* Joins `count` sockets, bound to one interface, in lane order to a new group with that program. `loopback`: outgoing copies are
 * ignored. WEIR_ERR_IO. */
weir_err weir_fanout_join(const char *interface, bool loopback, int program, const int *sockets, unsigned count,
                          struct weir_error *error);

#endif
