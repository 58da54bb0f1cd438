/* Which lane a packet belongs to.
 *
 * A symmetric hash over the innermost pair of IP addresses of a packet: through VLAN and MPLS tags, PPPoE and tunnels, and, for
 * ICMP and ICMPv6 errors, the addresses of the packet that the error quotes. So both directions of a flow, its fragments and the
 * errors about it fall in one lane. Ports are left out, fragments have none. Packets that are not metered hash to 0. Pure; any
 * thread.
 */
#ifndef WEIR_DECODE_LANE_H
#define WEIR_DECODE_LANE_H

#include <stdint.h>

#include "capture/packet.h"

/* A 32-bit hash; the lane is hash % lanes. To be given to a source of packets (capture/source.h). */
uint32_t weir_lane_hash(const struct weir_packet *packet);

/* The same for a pair of addresses, as in struct weir_facts. */
uint32_t weir_lane_hash_addresses(const uint8_t src[16], const uint8_t dst[16]);

#endif
