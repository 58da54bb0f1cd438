/* Names of IP protocols, as ra prints them and as verdicts and the argus view carry them. Any thread. */
#ifndef WEIR_DECODE_PROTO_H
#define WEIR_DECODE_PROTO_H

#include <stdint.h>

/* "tcp", "ipv6-icmp", ...; "any" and "unas" stand for several numbers. Constant; never NULL. */
const char *weir_proto_name(uint8_t proto);

#endif
