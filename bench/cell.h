/* A cell of the pipeline bench: batches of so many rows and so many workers, "10b4w"; and what it did.
 *
 * Records come as fast as they are taken (saturation), or at a fixed rate. Then a record's clock starts when it is due, so that a
 * pipeline that makes its sensor wait is not the quicker for it. One thread calls. */
#ifndef WEIR_BENCH_CELL_H
#define WEIR_BENCH_CELL_H

#include "bench/records.h"

struct weir_cell {
    unsigned batch, workers;
};

struct weir_cell_load {
    double offered;    /* rows a second; 0: as fast as they are taken */
    uint64_t rows;     /* ends after so many, */
    double seconds;    /* or so long, whatever comes first */
    int64_t budget_ns; /* in this process: batches wait as with --budget-ms; 0: 500 us */
    uint64_t rotate;   /* in this process: the store is a folder of files of so many bytes; 0: a file */
};

struct weir_cell_figures {
    uint64_t rows;                        /* committed: all that were given */
    double flows_per_s;                   /* from the first row given to the last one committed */
    double cpu_us, infer_us;              /* processor time a row, all threads and processes; of it in `weir infer` */
    double batch_rows;                    /* rows a batch, in this process */
    double decision_us[2], durable_ms[2]; /* p50, p99 */
    double rss_mib;                       /* of this process, at the end */
    double alerts;                        /* share of the rows */
};

/* The next cell of "10b4w,64b2w"; moves *grid behind it. False: that is none. */
bool weir_cell_next(const char **grid, struct weir_cell *cell);

/* Runs it in this process, over the queue in memory, into a new store at `store`. WEIR_ERR_MISMATCH when not every row is
 * committed; errors of the backend. */
weir_err weir_cell_memory(const weir_model *model, const struct weir_records *records, struct weir_cell cell,
                          const struct weir_cell_load *load, const char *store, struct weir_cell_figures *figures,
                          struct weir_error *error);

/* The same records as row number `first` and on, as `load` says, into a batcher: what a sensor does. `wanted` (may be NULL): a
 * worker is idle. Returns how many rows. */
struct weir_batcher;
uint64_t weir_cell_feed(struct weir_batcher *batcher, const struct weir_records *records, const struct weir_cell_load *load,
                        bool (*wanted)(void *context), void *context);

#endif
