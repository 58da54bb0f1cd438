/* The front half: lanes. Each lane is one thread that owns its part of the packets from the burst to the closed batch.
 *
 *   source ─▶ lane 0..L-1: burst ─▶ meter ─▶ batcher ─▶ send
 *
 * Overload: when less than a quarter of the batches is free and the lane is `behind_ns` behind the wall clock, records of
 * single-packet flows are put together by what they aim at, a record a target and second, and thrown away when there are too many
 * targets (batch/crowd.h). All others wait for a free batch; so does the source, which counts what it loses meanwhile.
 *
 * Create, join, free: one owner. Account and active: any thread.
 */
#ifndef WEIR_PIPELINE_SENSOR_H
#define WEIR_PIPELINE_SENSOR_H

#include "batch/batcher.h"
#include "capture/source.h"
#include "features/view.h"
#include "pipeline/account.h"
#include "pipeline/tally.h"

struct weir_sensor;

struct weir_sensor_config {
    struct weir_source *source; /* outlives the sensor */
    const struct weir_view *view;
    const uint16_t *columns; /* of the view, in the order of the batches */
    uint16_t column_count;
    unsigned lanes;
    unsigned batch_rows;
    int64_t max_delay_ns;
    int64_t budget_ns; /* and the next: as in weir_batcher_config */
    const atomic_int_fast64_t *service_ns;
    int64_t behind_ns; /* 0: single-packet flows wait, too, as is right for files */
    size_t flows;      /* capacity of the flow table, all lanes; 0: the meter's default a lane */
    uint64_t boot;
    struct weir_tally *tally; /* NULL: none */
    struct weir_pool *pool;
    weir_batcher_send *send;             /* called by every lane */
    bool (*wanted)(const void *context); /* an idle worker asks for a batch */
    void *context;
};

/* Creates the lanes' meters and batchers and starts the threads. */
weir_err weir_sensor_start(const struct weir_sensor_config *config, struct weir_sensor **out, struct weir_error *error);

/* True while a lane runs. */
bool weir_sensor_running(const struct weir_sensor *sensor);

/* Fills ports, meter, rows.batched, rows.shed and rows.unscored: at most 50 ms old while lanes run, exact after the join. */
void weir_sensor_account(struct weir_sensor *sensor, struct weir_account *account);

/* Waits for the lanes: they end at the source's end, having drained their flow tables and handed on their last batches. */
void weir_sensor_join(struct weir_sensor *sensor);

/* Frees; joins first. Sets *sensor to NULL; NULL-safe. */
void weir_sensor_free(struct weir_sensor **sensor);

#endif
