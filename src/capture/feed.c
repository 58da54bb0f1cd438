#include "capture/feed.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "capture/filter.h"
#include "capture/reader.h"

#define WAIT_NS 100000000

struct weir_feed {
    /* Set at open. */
    struct weir_feed_lock *lock;
    unsigned lanes, blocks;
    uint32_t (*lane_hash)(const struct weir_packet *packet);
    struct weir_block **block;
    atomic_bool nanosecond;

    /* Of the lane that has the turn. */
    struct weir_reader *reader;
    struct weir_filter *filter;
    int64_t release_ns, previous_ns;
    struct weir_port_account draft;

    /* Under the lock. */
    bool turn_taken, ended;
    uint64_t published;             /* blocks so far */
    struct weir_block **slot;       /* block number n is in slot[n % blocks] */
    struct weir_block **free_block; /* last in, first out: a block that is still in the cache comes first */
    unsigned free_count;
    struct weir_port_account account;
    struct weir_error failure;
};

static weir_err open_filter(struct weir_feed *feed, const char *expression, const struct weir_reader_facts *facts,
                            struct weir_error *error)
{
    enum { ETHERNET = 1, RADIOTAP = 127 };
    weir_err result = weir_filter_open(expression, &feed->filter, error);
    if (result)
        return result;
    if (facts->link_known)
        return weir_filter_select(feed->filter, facts->link, error);
    /* Standard input shows its link type later. A bad expression is told now all the same. */
    result = weir_filter_select(feed->filter, ETHERNET, error);
    return result && !weir_filter_select(feed->filter, RADIOTAP, NULL) ? WEIR_OK : result;
}

weir_err weir_feed_open(const struct weir_feed_config *config, struct weir_feed_lock *lock, struct weir_feed **out,
                        struct weir_error *error)
{
    struct weir_reader_facts facts;
    struct weir_feed *feed = calloc(1, sizeof *feed);
    *out = feed;
    if (!feed)
        return weir_fail(error, WEIR_ERR_MEMORY, "out of memory for reading captures");
    feed->lock = lock;
    feed->lanes = config->lanes;
    feed->lane_hash = config->lane_hash;
    feed->blocks = config->blocks;
    feed->block = calloc(config->blocks, sizeof(struct weir_block *));
    feed->slot = calloc(config->blocks, sizeof(struct weir_block *));
    feed->free_block = calloc(config->blocks, sizeof(struct weir_block *));
    weir_err result = feed->block && feed->slot && feed->free_block ? WEIR_OK : WEIR_ERR_MEMORY;
    for (unsigned i = 0; !result && i < config->blocks; i++) {
        feed->block[i] = weir_block_create(config->block_bytes, config->lanes);
        if (!feed->block[i])
            result = WEIR_ERR_MEMORY;
        feed->free_block[feed->free_count++] = feed->block[i];
    }
    if (result)
        weir_fail(error, result, "out of memory for %u blocks of %u bytes", config->blocks, config->block_bytes);
    if (!result)
        result = weir_reader_open(config->file, config->file_count, config->block_bytes, &feed->reader, &facts, error);
    if (!result && config->filter)
        result = open_filter(feed, config->filter, &facts, error);
    if (result) {
        weir_feed_close(out);
        return result;
    }
    atomic_init(&feed->nanosecond, facts.nanosecond);
    feed->draft.total_bytes = facts.total_bytes;
    feed->account = feed->draft;
    return WEIR_OK;
}

void weir_feed_close(struct weir_feed **feed)
{
    struct weir_feed *f = *feed;
    if (!f)
        return;
    *feed = NULL;
    weir_reader_close(&f->reader);
    weir_filter_close(&f->filter);
    for (unsigned i = 0; f->block && i < f->blocks; i++)
        weir_block_free(&f->block[i]);
    free(f->block);
    free(f->slot);
    free(f->free_block);
    free(f);
}

static void count_packet(struct weir_feed *feed, const struct weir_record *record)
{
    struct weir_port_account *account = &feed->draft;
    int64_t ts_ns = record->ts_ns;
    account->bytes += record->wirelen;
    if (account->seen++ == 0)
        account->first_ns = account->last_ns = feed->previous_ns = ts_ns;
    account->backward += ts_ns < feed->previous_ns;
    feed->previous_ns = ts_ns;
    if (ts_ns < account->first_ns)
        account->first_ns = ts_ns;
    if (ts_ns > account->last_ns)
        account->last_ns = ts_ns;
    if (ts_ns > feed->release_ns)
        feed->release_ns = ts_ns;
}

static unsigned find_lane(const struct weir_feed *feed, const struct weir_block *block, const struct weir_record *record)
{
    const struct weir_packet packet = {.data = block->bytes + record->offset,
                                       .ts_ns = record->ts_ns,
                                       .caplen = record->caplen,
                                       .wirelen = record->wirelen,
                                       .link = record->link};
    return feed->lane_hash(&packet) % feed->lanes;
}

/* Counts, filters and sorts into lanes what the reader has found. An error stands for a packet that the filter cannot judge: the
 * records from there on are left out. */
static weir_err index_block(struct weir_feed *feed, struct weir_block *block, struct weir_error *error)
{
    const unsigned lanes = feed->lanes;
    uint32_t kept = 0;
    weir_err result = WEIR_OK;
    for (unsigned lane = 0; lane < lanes; lane++)
        block->first[lane] = block->last[lane] = WEIR_RECORD_NONE;
    for (uint32_t i = 0; i < block->count; i++) {
        struct weir_record *record = &block->record[i];
        if (feed->filter && (result = weir_filter_select(feed->filter, record->link, error)))
            break;
        count_packet(feed, record);
        if (feed->filter && !weir_filter_match(feed->filter, block->bytes + record->offset, record->caplen, record->wirelen)) {
            feed->draft.filtered++;
            continue;
        }
        record->release_ns = feed->release_ns;
        record->next = WEIR_RECORD_NONE;
        unsigned lane = lanes == 1 ? 0 : find_lane(feed, block, record);
        if (kept != i)
            block->record[kept] = *record;
        if (block->last[lane] == WEIR_RECORD_NONE)
            block->first[lane] = kept;
        else
            block->record[block->last[lane]].next = kept;
        block->last[lane] = kept++;
    }
    block->count = kept;
    block->release_ns = feed->release_ns;
    feed->draft.offered = feed->draft.seen;
    feed->draft.done_bytes = weir_reader_position(feed->reader);
    return result;
}

/* With the turn, without the lock. */
static enum weir_reader_state fill_block(struct weir_feed *feed, struct weir_block *block, struct weir_error *failure)
{
    enum weir_reader_state state;
    struct weir_error damage;
    weir_err result = weir_reader_fill(feed->reader, block, &state, &damage);
    weir_err unfit = index_block(feed, block, failure);
    if (!unfit && result)
        *failure = damage;
    if (weir_reader_nanosecond(feed->reader))
        atomic_store_explicit(&feed->nanosecond, true, memory_order_relaxed);
    return unfit || result ? WEIR_READER_END : state;
}

/* Takes the turn, reads one block, gives the turn back. Called and returns with the lock held. False: a pipe had nothing. */
static bool take_turn(struct weir_feed *feed)
{
    struct weir_error failure = {.code = WEIR_OK};
    struct weir_block *block = feed->free_block[--feed->free_count];
    int64_t release_ns = feed->release_ns;
    feed->turn_taken = true;
    pthread_mutex_unlock(&feed->lock->mutex);
    enum weir_reader_state state = fill_block(feed, block, &failure);
    pthread_mutex_lock(&feed->lock->mutex);
    feed->turn_taken = false;
    feed->account = feed->draft;
    if (state == WEIR_READER_END) {
        feed->ended = true;
        feed->failure = failure;
    }
    if (block->count || block->release_ns != release_ns) {
        /* Its slot is free: lanes pass in order, so all blocks up to the one that was there have been passed. */
        block->pending = feed->lanes;
        feed->slot[feed->published++ % feed->blocks] = block;
    } else {
        feed->free_block[feed->free_count++] = block;
    }
    pthread_cond_broadcast(&feed->lock->moved);
    return state != WEIR_READER_WAIT;
}

enum weir_feed_state weir_feed_take(struct weir_feed *feed, uint64_t seq, const struct weir_block **block)
{
    struct weir_feed_lock *lock = feed->lock;
    enum weir_feed_state state;
    int64_t until_ns = 0;
    pthread_mutex_lock(&lock->mutex);
    for (;;) {
        if (seq < feed->published) {
            *block = feed->slot[seq % feed->blocks];
            state = WEIR_FEED_BLOCK;
            break;
        }
        if (feed->ended) {
            state = WEIR_FEED_END;
            break;
        }
        if (!feed->turn_taken && atomic_load_explicit(&lock->stop, memory_order_relaxed)) {
            feed->ended = true;
            pthread_cond_broadcast(&lock->moved);
            continue;
        }
        if (!feed->turn_taken && feed->free_count) {
            if (take_turn(feed))
                continue;
            state = WEIR_FEED_WAIT;
            break;
        }
        if (!until_ns)
            until_ns = weir_clock_mono_ns() + WAIT_NS;
        const struct timespec until = {.tv_sec = until_ns / 1000000000, .tv_nsec = until_ns % 1000000000};
        if (pthread_cond_timedwait(&lock->moved, &lock->mutex, &until) == ETIMEDOUT) {
            state = WEIR_FEED_WAIT;
            break;
        }
    }
    pthread_mutex_unlock(&lock->mutex);
    return state;
}

void weir_feed_pass(struct weir_feed *feed, uint64_t seq)
{
    pthread_mutex_lock(&feed->lock->mutex);
    struct weir_block *block = feed->slot[seq % feed->blocks];
    if (--block->pending == 0) {
        feed->free_block[feed->free_count++] = block;
        pthread_cond_broadcast(&feed->lock->moved);
    }
    pthread_mutex_unlock(&feed->lock->mutex);
}

weir_err weir_feed_status(struct weir_feed *feed, struct weir_error *error)
{
    pthread_mutex_lock(&feed->lock->mutex);
    weir_err code = feed->failure.code;
    if (code && error)
        *error = feed->failure;
    pthread_mutex_unlock(&feed->lock->mutex);
    return code;
}

void weir_feed_account(struct weir_feed *feed, struct weir_port_account *account)
{
    pthread_mutex_lock(&feed->lock->mutex);
    *account = feed->account;
    pthread_mutex_unlock(&feed->lock->mutex);
}

bool weir_feed_nanosecond(const struct weir_feed *feed)
{
    return atomic_load_explicit(&feed->nanosecond, memory_order_relaxed);
}
