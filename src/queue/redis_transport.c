#include "queue/redis_ends.h"

const struct weir_transport_ops weir_transport_redis = {
    .sensor_open = weir_redis_sensor_open,
    .send = weir_redis_sensor_send,
    .marks = weir_redis_sensor_marks,
    .sensor_trouble = weir_redis_sensor_trouble,
    .sensor_close = weir_redis_sensor_close,
    .worker_open = weir_redis_worker_open,
    .refilter = weir_redis_worker_refilter,
    .worker_take = weir_redis_worker_take,
    .publish = weir_redis_worker_publish,
    .worker_refuse = weir_redis_worker_refuse,
    .flush = weir_redis_worker_flush,
    .worker_trouble = weir_redis_worker_trouble,
    .worker_close = weir_redis_worker_close,
    .collector_open = weir_redis_collector_open,
    .collector_take = weir_redis_collector_take,
    .release = weir_redis_collector_release,
    .collector_refuse = weir_redis_collector_refuse,
    .commit = weir_redis_collector_commit,
    .collector_trouble = weir_redis_collector_trouble,
    .collector_close = weir_redis_collector_close,
};
