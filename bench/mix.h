/* A made-up packet mix for benches and tests: TCP connections, DNS-like UDP, pings between 16,384 clients and 1,024 servers, both
 * directions interleaved, mean frame about 264 bytes. The same arguments give the same bytes. */
#ifndef WEIR_BENCH_MIX_H
#define WEIR_BENCH_MIX_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "weir/error.h"

struct weir_mix_facts {
    uint64_t packets, bytes; /* bytes on the wire */
    uint64_t conversations;
    uint64_t time_us; /* of the next packet */
};

struct weir_mix;

/* A mix that is written to `file` packet by packet, step_us apart; the file stays the caller's. `alive` conversations (at most
 * 65,536) go on at a time. WEIR_ERR_ARGUMENT, WEIR_ERR_MEMORY, WEIR_ERR_IO. */
weir_err weir_mix_create(FILE *file, uint32_t alive, uint64_t step_us, uint64_t seed, struct weir_mix **out,
                         struct weir_error *error);

/* Writes the next packet; false: could not be written. */
bool weir_mix_next(struct weir_mix *mix);

struct weir_mix_facts weir_mix_facts(const struct weir_mix *mix);

/* Frees; sets *mix to NULL. NULL-safe. */
void weir_mix_destroy(struct weir_mix **mix);

/* Writes a classic pcap file of `packets` packets, 2 us apart: a link of 1 Gb/s. With 65,536 conversations alive each lasts some
 * three seconds, as there are about 20,000 new ones a second. WEIR_ERR_IO names the file, WEIR_ERR_ARGUMENT, WEIR_ERR_MEMORY. */
weir_err weir_mix_write(const char *path, uint64_t packets, uint32_t alive, uint64_t seed, struct weir_mix_facts *facts,
                        struct weir_error *error);

#endif
