/* A cell of the pipeline bench over a queue between processes: this process is the sensor, `weir infer` and `weir collect` are
 * children, and so is redis-server. One thread. */
#ifndef WEIR_BENCH_CLUSTER_H
#define WEIR_BENCH_CLUSTER_H

#include "bench/cell.h"

enum weir_cluster_queue { WEIR_CLUSTER_ZMQ, WEIR_CLUSTER_REDIS };

struct weir_cluster {
    enum weir_cluster_queue queue;
    const char *folder; /* exists; sockets, model and store come and go in it */
    unsigned processes; /* `weir infer` so many times, each with the cell's workers */
    uint64_t room;      /* bytes of the sensor's outbox, which holds what is not committed; 0: 256 MiB */
    const weir_model *model;
    const struct weir_records *records;
};

/* Runs it. What is timed begins when a first batch has gone the whole way, and ends when the last mark is back: all is committed.
 * WEIR_ERR_NOT_FOUND when redis-server is missing; WEIR_ERR_IO when a process ends early (its message is on standard error);
 * WEIR_ERR_MISMATCH when not every row is committed once. */
weir_err weir_cluster_cell(const struct weir_cluster *cluster, struct weir_cell cell, const struct weir_cell_load *load,
                           struct weir_cell_figures *figures, struct weir_error *error);

#endif
