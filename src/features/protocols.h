/* Names of IP protocols, as `ra -n` prints them: IANA's keywords in lower case, some in an older spelling ("ipnip"). */
#ifndef WEIR_FEATURES_PROTOCOLS_H
#define WEIR_FEATURES_PROTOCOLS_H

/* Indexed by protocol number, then "rtp" and "rtcp" (WEIR_PROTOCOL_RTP ...); NULL-terminated. Several numbers share a name: the
 * code of a name is weir_protocol_code's. */
enum { WEIR_PROTOCOL_RTP = 256, WEIR_PROTOCOL_RTCP, WEIR_PROTOCOL_COUNT };
extern const char *const weir_protocol_names[WEIR_PROTOCOL_COUNT + 1];

/* The smallest index that has the same name. index < WEIR_PROTOCOL_COUNT. */
unsigned weir_protocol_code(unsigned index);

#endif
