/* A made-up packet mix for benches and tests: TCP connections, DNS-like UDP, pings between 16,384 clients and 1,024 servers, both
 * directions interleaved, mean frame about 264 bytes. The same arguments give the same bytes. */
#ifndef WEIR_BENCH_MIX_H
#define WEIR_BENCH_MIX_H

#include <stdint.h>

#include "weir/error.h"

struct weir_mix_facts {
    uint64_t packets, bytes; /* bytes on the wire */
    uint64_t conversations;
};

/* Writes a classic pcap file of `packets` packets, 2 us apart: a link of 1 Gb/s. `alive` conversations (at most 65,536) go on at
 * a time; with 65,536 each lasts some three seconds, as there are about 20,000 new ones a second. WEIR_ERR_IO names the file,
 * WEIR_ERR_ARGUMENT, WEIR_ERR_MEMORY. */
weir_err weir_mix_write(const char *path, uint64_t packets, uint32_t alive, uint64_t seed, struct weir_mix_facts *facts,
                        struct weir_error *error);

#endif
