/* The packets of one port, for all lanes: a pool of blocks, filled and indexed by turns, read by every lane in order.
 *
 * Turns. A lane that needs a block which is not there yet takes the index turn, if it is free and so is a block: it reads,
 * filters and indexes one block on behalf of all lanes (each packet is looked at once) and publishes it. The other lanes go on
 * with what is published, or wait.
 *
 * Life of a block: free -> being indexed (owned by the lane with the turn) -> published (read by all lanes, nobody writes) ->
 * passed by every lane -> free. All moves happen under the source's one lock, and so do the counters.
 *
 * A lane that waits holds no block that it has passed, and no turn. tap.c shows why lanes cannot then wait for each other for
 * ever, whatever the number of blocks.
 */
#ifndef WEIR_CAPTURE_FEED_H
#define WEIR_CAPTURE_FEED_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "capture/block.h"
#include "capture/source.h"

/* Shared by the feeds of a source. */
struct weir_feed_lock {
    pthread_mutex_t mutex;
    pthread_cond_t moved; /* a block was published or freed, or a feed has ended; clocked by CLOCK_MONOTONIC */
    atomic_bool stop;     /* set from anywhere: no further block is read */
};

struct weir_feed_config {
    const char *const *file;
    size_t file_count;
    const char *filter; /* or NULL */
    unsigned lanes;
    uint32_t (*lane_hash)(const struct weir_packet *packet); /* as in weir_source_config */
    uint32_t block_bytes;
    unsigned blocks; /* of the pool, 1 or more */
};

enum weir_feed_state {
    WEIR_FEED_BLOCK,
    WEIR_FEED_WAIT, /* not there within 100 ms; ask again */
    WEIR_FEED_END
};

struct weir_feed;

/* Opens the files' headers, compiles the filter and takes all memory. `lock` outlives the feed. Errors: weir_reader_open,
 * weir_filter_select. */
weir_err weir_feed_open(const struct weir_feed_config *config, struct weir_feed_lock *lock, struct weir_feed **out,
                        struct weir_error *error);

/* NULL-safe; sets *feed to NULL. No lane may be inside. */
void weir_feed_close(struct weir_feed **feed);

/* The block with number `seq`, counted from 0; each lane takes them in turn. May read the file, may wait. */
enum weir_feed_state weir_feed_take(struct weir_feed *feed, uint64_t seq, const struct weir_block **block);

/* The lane is done with the block that it took with number `seq`. */
void weir_feed_pass(struct weir_feed *feed, uint64_t seq);

/* WEIR_OK, or the error that ended the feed. Any thread. */
weir_err weir_feed_status(struct weir_feed *feed, struct weir_error *error);

void weir_feed_account(struct weir_feed *feed, struct weir_port_account *account);

bool weir_feed_nanosecond(const struct weir_feed *feed);

#endif
