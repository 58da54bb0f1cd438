#include "capture/files.h"

#include <stdalign.h>
#include <stdlib.h>
#include <time.h>

#include "capture/tap.h"

const struct weir_files_size weir_files_default_size = {.block_bytes = WEIR_BLOCK_BYTES, .blocks = 0};

/* Each lane on its own cache lines. */
struct lane {
    alignas(128) struct weir_tap tap;
};

struct files {
    struct weir_source source; /* first: a struct weir_source * is this struct's */
    struct weir_feed_lock lock;
    struct weir_feed *feed[WEIR_PORTS_MAX];
    struct lane *lane;
};

static void files_close(struct weir_source *source)
{
    struct files *files = (struct files *)source;
    for (unsigned port = 0; port < WEIR_PORTS_MAX; port++)
        weir_feed_close(&files->feed[port]);
    pthread_cond_destroy(&files->lock.moved);
    pthread_mutex_destroy(&files->lock.mutex);
    free(files->lane);
    free(files);
}

static void files_burst(struct weir_source *source, unsigned lane, struct weir_burst *burst)
{
    struct files *files = (struct files *)source;
    weir_tap_burst(&files->lane[lane].tap, burst);
}

static void files_stop(struct weir_source *source)
{
    struct files *files = (struct files *)source;
    atomic_store_explicit(&files->lock.stop, true, memory_order_relaxed);
}

static weir_err files_status(const struct weir_source *source, struct weir_error *error)
{
    const struct files *files = (const struct files *)source;
    weir_err result = WEIR_OK;
    for (unsigned port = 0; !result && port < source->ports; port++)
        result = weir_feed_status(files->feed[port], error);
    return result;
}

static void files_account(const struct weir_source *source, unsigned port, struct weir_port_account *account)
{
    const struct files *files = (const struct files *)source;
    weir_feed_account(files->feed[port], account);
}

static bool files_nanoseconds(const struct weir_source *source)
{
    const struct files *files = (const struct files *)source;
    bool nanosecond = false;
    for (unsigned port = 0; port < source->ports; port++)
        nanosecond |= weir_feed_nanosecond(files->feed[port]);
    return nanosecond;
}

static const struct weir_source_ops files_ops = {
    .close = files_close,
    .burst = files_burst,
    .stop = files_stop,
    .status = files_status,
    .account = files_account,
    .nanoseconds = files_nanoseconds,
};

static void init_lock(struct weir_feed_lock *lock)
{
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&lock->moved, &attributes);
    pthread_condattr_destroy(&attributes);
    pthread_mutex_init(&lock->mutex, NULL);
    atomic_init(&lock->stop, false);
}

weir_err weir_files_open(const struct weir_source_config *config, const struct weir_files_size *size, struct weir_source **out,
                         struct weir_error *error)
{
    *out = NULL;
    struct files *files = calloc(1, sizeof *files);
    if (!files)
        return weir_fail(error, WEIR_ERR_MEMORY, "out of memory for a capture source");
    files->source = (struct weir_source){.ops = &files_ops, .ports = config->ports, .lanes = config->lanes};
    init_lock(&files->lock);
    weir_err result = WEIR_OK;
    files->lane = aligned_alloc(alignof(struct lane), config->lanes * sizeof *files->lane);
    if (!files->lane)
        result = weir_fail(error, WEIR_ERR_MEMORY, "out of memory for %u lanes", config->lanes);
    for (unsigned port = 0; !result && port < config->ports; port++) {
        const struct weir_feed_config feed = {
            .file = config->files[port],
            .file_count = config->file_count[port],
            .filter = config->filter,
            .lanes = config->lanes,
            .lane_hash = config->lane_hash,
            .block_bytes = size->block_bytes,
            /* One block for each lane to be in, one to be indexed, and some slack for lanes that are ahead. */
            .blocks = size->blocks ? size->blocks : config->lanes + 3,
        };
        result = weir_feed_open(&feed, &files->lock, &files->feed[port], error);
    }
    if (result) {
        files_close(&files->source);
        return result;
    }
    for (unsigned lane = 0; lane < config->lanes; lane++)
        weir_tap_init(&files->lane[lane].tap, lane, files->feed);
    *out = &files->source;
    return WEIR_OK;
}
