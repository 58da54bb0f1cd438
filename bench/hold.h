/* What a long run is held to, measured on `weir run` as a process of its own (child.h): the pieces that the flood and the day
 * share. One thread. */
#ifndef WEIR_BENCH_HOLD_H
#define WEIR_BENCH_HOLD_H

#include <jansson.h>

#include "base/keeper.h"
#include "bench/bench.h"
#include "bench/child.h"

enum { WEIR_HOLD_SAMPLES = 25 }; /* of memory: at the start and after each 24th of the stream */

struct weir_hold {
    double rss[WEIR_HOLD_SAMPLES], peak; /* MiB */
    uint64_t packets;                    /* that were sent */
    json_t *account;
};

/* Writes its stream; calls weir_hold_sample(hold, i) after i/24 of it, i from 0. False: could not be written. */
typedef bool weir_hold_write(void *context, FILE *file, struct weir_hold *hold);

void weir_hold_sample(struct weir_hold *hold, unsigned i);

/* Runs weir over the stream, into `store`, a file or a folder of files of about `rotate` (NULL: one a day). WEIR_ERR_MISMATCH
 * when the account does not add up or packets are missing. */
weir_err weir_hold_run(const struct weir_bench_options *options, const char *store, const char *rotate, weir_hold_write *write,
                       void *context, struct weir_hold *hold, struct weir_error *error);

void weir_hold_fini(struct weir_hold *hold);

/* Growth in MiB for each 24th of the stream, by least squares over its second half. */
double weir_hold_slope(const struct weir_hold *hold);

/* "MiB after each 24th: 120 130 ...", a number a sample. */
void weir_hold_print(const struct weir_hold *hold, char *text, size_t size);

/* An account's number by its path, "store.committed"; 0 when there is none. */
uint64_t weir_hold_number(const json_t *account, const char *path);

/* A throw-away folder for stores, which goes with this process, however that ends, or with weir_hold_leave. */
struct weir_hold_place {
    char folder[40], file[64], days[64]; /* a file, and a folder of files, with its '/' */
    struct weir_keeper keeper;
};
weir_err weir_hold_place(struct weir_hold_place *place, struct weir_error *error);
void weir_hold_leave(struct weir_hold_place *place);

#endif
