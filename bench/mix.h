/* A made-up packet mix for benches and tests: TCP connections, DNS-like UDP, pings between 16,384 clients and 1,024 servers, both
 * directions interleaved, 4,096 conversations alive at a time, mean frame about 264 bytes. The same seed gives the same bytes. */
#ifndef WEIR_BENCH_MIX_H
#define WEIR_BENCH_MIX_H

#include <stdint.h>

#include "weir/error.h"

struct weir_mix_facts {
    uint64_t packets, bytes; /* bytes on the wire */
    uint64_t conversations;
};

/* Writes a classic pcap file of `packets` packets, 2 us apart. WEIR_ERR_IO names the file. */
weir_err weir_mix_write(const char *path, uint64_t packets, uint64_t seed, struct weir_mix_facts *facts,
                        struct weir_error *error);

#endif
