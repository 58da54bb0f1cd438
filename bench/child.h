/* `weir run` as a process of its own that reads a stream of packets from us: what a bench sees of it is what an operator sees.
 * One thread. */
#ifndef WEIR_BENCH_CHILD_H
#define WEIR_BENCH_CHILD_H

#include <jansson.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#include "weir/error.h"

struct weir_child {
    pid_t pid;
    FILE *packets; /* capture stream into it */
    FILE *answer;
};

struct weir_child_config {
    const char *model, *store;
    const char *rotate; /* size of a file when the store is a folder; NULL: a file a day */
    unsigned lanes, workers;
    uint64_t flows; /* room of the flow table */
};

/* Starts this program again as `weir run -r -`, EVE thrown away. WEIR_ERR_IO. The caller ends it. */
weir_err weir_child_start(const struct weir_child_config *config, struct weir_child *child, struct weir_error *error);

/* Its memory in MiB: resident now, and the most so far; 0 when it has ended. */
double weir_child_rss(const struct weir_child *child, double *peak);

/* Closes the stream, waits for the end, and gives the closing account, which the caller frees. WEIR_ERR_MISMATCH when it ended
 * with anything but 0: weir itself checks that its account adds up, and its message stands on standard error. */
weir_err weir_child_end(struct weir_child *child, json_t **account, struct weir_error *error);

#endif
