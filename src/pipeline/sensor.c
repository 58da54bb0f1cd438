#include "pipeline/sensor.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "batch/crowd.h"

enum { PUBLISH_NS = 50 * 1000000, CROWD_NS = 1000000000 };

struct lane {
    struct weir_sensor *sensor;
    unsigned number;
    struct weir_meter *meter;
    struct weir_batcher *batcher;
    struct weir_tally_lane *tally; /* NULL: none */
    struct weir_crowds *crowds;    /* NULL: single-packet flows wait like all others */
    bool behind;                   /* the burst is old */
    int64_t crowds_ns;             /* when the crowds were handed on last; monotonic */
    struct weir_burst burst;
    int64_t now_ns; /* monotonic, read once a burst: the closing time of the records it closes */
    pthread_t thread;
    bool started;
    /* shared, under the sensor's lock */
    struct weir_meter_account meter_account;
    struct weir_batcher_account batcher_account;
    struct weir_crowds_account crowds_account;
};

struct weir_sensor {
    struct weir_sensor_config config;
    pthread_mutex_t lock;
    atomic_uint running;
    bool joined;
    struct lane *lane;
};

static void emit(void *context, const struct weir_record *record)
{
    struct lane *lane = context;
    if (record->single && lane->behind && weir_pool_scarce(lane->sensor->config.pool))
        weir_crowds_add(lane->crowds, record);
    else
        weir_batcher_add(lane->batcher, record, lane->now_ns);
}

static void emit_crowd(void *context, const struct weir_record *record)
{
    struct lane *lane = context;
    weir_batcher_add(lane->batcher, record, lane->now_ns);
}

/* Whether the lane is behind, and what it has put together when its second is over, or when there is room again. */
static void watch_crowds(struct lane *lane)
{
    const struct weir_burst *burst = &lane->burst;
    const struct weir_sensor_config *config = &lane->sensor->config;
    if (burst->count)
        lane->behind = weir_clock_wall_ns() - burst->packet[burst->count - 1].release_ns >= config->behind_ns;
    else
        lane->behind = false;
    bool waiting = weir_crowds_waiting(lane->crowds) > 0;
    if (waiting && (lane->now_ns - lane->crowds_ns >= CROWD_NS || !weir_pool_scarce(config->pool)))
        weir_crowds_flush(lane->crowds, emit_crowd, lane);
    if (!weir_crowds_waiting(lane->crowds))
        lane->crowds_ns = lane->now_ns;
}

static void publish(struct lane *lane)
{
    pthread_mutex_lock(&lane->sensor->lock);
    lane->meter_account = *weir_meter_account(lane->meter);
    lane->batcher_account = *weir_batcher_account(lane->batcher);
    if (lane->crowds)
        lane->crowds_account = *weir_crowds_account(lane->crowds);
    pthread_mutex_unlock(&lane->sensor->lock);
}

static void *lane_run(void *argument)
{
    struct lane *lane = argument;
    const struct weir_sensor_config *config = &lane->sensor->config;
    int64_t published_ns = 0;
    for (;;) {
        if (weir_source_burst(config->source, lane->number, &lane->burst) != WEIR_OK || lane->burst.state == WEIR_BURST_END)
            break;
        lane->now_ns = weir_clock_mono_ns();
        if (lane->crowds)
            watch_crowds(lane);
        weir_meter_packets(lane->meter, lane->burst.packet, lane->burst.count);
        weir_meter_clock(lane->meter, lane->burst.clock_ns);
        weir_batcher_poll(lane->batcher, lane->now_ns, config->wanted && config->wanted(config->context));
        if (lane->tally)
            atomic_store_explicit(&lane->tally->flows, weir_meter_account(lane->meter)->flows_active, memory_order_relaxed);
        if (lane->now_ns - published_ns >= PUBLISH_NS) {
            publish(lane);
            published_ns = lane->now_ns;
        }
    }
    lane->now_ns = weir_clock_mono_ns();
    weir_meter_drain(lane->meter);
    if (lane->crowds)
        weir_crowds_flush(lane->crowds, emit_crowd, lane);
    weir_batcher_flush(lane->batcher);
    publish(lane);
    atomic_fetch_sub_explicit(&lane->sensor->running, 1, memory_order_release);
    return NULL;
}

weir_err weir_sensor_start(const struct weir_sensor_config *config, struct weir_sensor **out, struct weir_error *error)
{
    *out = NULL;
    if (config->lanes < 1 || config->lanes > WEIR_LANES_MAX)
        return weir_fail(error, WEIR_ERR_ARGUMENT, "--lanes %u: give 1 to %d", config->lanes, WEIR_LANES_MAX);
    weir_err code = WEIR_ERR_MEMORY;
    struct weir_sensor *sensor = calloc(1, sizeof *sensor);
    if (!sensor || !(sensor->lane = calloc(config->lanes, sizeof *sensor->lane))) {
        free(sensor);
        return weir_fail(error, code, "%u lanes: out of memory", config->lanes);
    }
    sensor->config = *config;
    sensor->config.columns = NULL; /* the caller's: not kept */
    pthread_mutex_init(&sensor->lock, NULL);
    for (unsigned i = 0; i < config->lanes; i++) {
        struct lane *lane = &sensor->lane[i];
        lane->sensor = sensor;
        lane->number = i;
        lane->tally = weir_tally_lane(config->tally, i);
        struct weir_meter_config meter = {
            .view = config->view, .flows = config->flows / config->lanes, .emit = emit, .context = lane};
        struct weir_batcher_config batcher = {.pool = config->pool,
                                              .view = config->view,
                                              .columns = config->columns,
                                              .column_count = config->column_count,
                                              .lane = i,
                                              .boot = config->boot,
                                              .rows = config->batch_rows,
                                              .max_delay_ns = config->max_delay_ns,
                                              .budget_ns = config->budget_ns,
                                              .service_ns = config->service_ns,
                                              .tally = lane->tally ? &lane->tally->rows : NULL,
                                              .send = config->send,
                                              .context = config->context};
        if ((code = weir_meter_create(&meter, &lane->meter, error)) != WEIR_OK)
            goto fail;
        if ((code = weir_batcher_create(&batcher, &lane->batcher)) != WEIR_OK) {
            weir_fail(error, code, "batches of %u rows: %s", config->batch_rows, weir_err_text(code));
            goto fail;
        }
        if (config->behind_ns && (code = weir_crowds_create(config->view, i, &lane->crowds)) != WEIR_OK) {
            weir_fail(error, code, "lane %u: %s", i, weir_err_text(code));
            goto fail;
        }
    }
    atomic_store(&sensor->running, config->lanes);
    for (unsigned i = 0; i < config->lanes; i++) {
        if (pthread_create(&sensor->lane[i].thread, NULL, lane_run, &sensor->lane[i])) {
            code = weir_fail(error, WEIR_ERR_LIMIT, "cannot start lane thread %u", i);
            weir_source_stop(config->source);
            goto fail;
        }
        sensor->lane[i].started = true;
    }
    *out = sensor;
    return WEIR_OK;
fail:
    weir_sensor_free(&sensor);
    return code;
}

bool weir_sensor_running(const struct weir_sensor *sensor)
{
    return atomic_load_explicit(&sensor->running, memory_order_acquire) > 0;
}

void weir_sensor_account(struct weir_sensor *sensor, struct weir_account *account)
{
    account->meter = (struct weir_meter_account){0};
    memset(&account->rows.shed, 0, sizeof account->rows.shed);
    account->rows.batched = account->rows.unscored = 0;
    pthread_mutex_lock(&sensor->lock);
    for (unsigned i = 0; i < sensor->config.lanes; i++) {
        weir_meter_account_add(&account->meter, &sensor->lane[i].meter_account);
        account->rows.batched += sensor->lane[i].batcher_account.rows;
        account->rows.unscored += sensor->lane[i].batcher_account.stopped;
        account->rows.shed[WEIR_SHED_AGGREGATED] += sensor->lane[i].crowds_account.flows;
        account->rows.shed[WEIR_SHED_SINGLE] += sensor->lane[i].crowds_account.overflow;
        account->meter.records[WEIR_REASON_AGGREGATED] += sensor->lane[i].crowds_account.records;
    }
    pthread_mutex_unlock(&sensor->lock);
    for (unsigned p = 0; p < WEIR_PORTS_MAX; p++)
        if (p < account->ports) {
            weir_source_account(sensor->config.source, p, &account->port[p]);
            account->meter.ignored[WEIR_IGNORED_FILTER] += account->port[p].filtered;
        }
}

void weir_sensor_join(struct weir_sensor *sensor)
{
    if (sensor->joined)
        return;
    sensor->joined = true;
    for (unsigned i = 0; i < sensor->config.lanes; i++)
        if (sensor->lane[i].started)
            pthread_join(sensor->lane[i].thread, NULL);
}

void weir_sensor_free(struct weir_sensor **sensor)
{
    if (!sensor || !*sensor)
        return;
    weir_sensor_join(*sensor);
    for (unsigned i = 0; i < (*sensor)->config.lanes; i++) {
        weir_crowds_destroy(&(*sensor)->lane[i].crowds);
        weir_batcher_destroy(&(*sensor)->lane[i].batcher);
        weir_meter_destroy(&(*sensor)->lane[i].meter);
    }
    pthread_mutex_destroy(&(*sensor)->lock);
    free((*sensor)->lane);
    free(*sensor);
    *sensor = NULL;
}
