/* The three ends over Redis, each in its file: for transport_ops only.
 *
 *   weir:lists          hash: column-list id -> JSON with the names; sensors write it, workers reread it
 *   weir:b:<list>       stream of batch frames with the group `weir`; an entry is deleted when its verdicts are published
 *   weir:v              stream of verdict frames and notes; an entry is deleted when marks cover all that is in it
 *   weir:m:<sensor>     hash: boot:lane -> mark; the collector writes it
 *   weir:dead           stream of what could not be decoded: frame, reason, where it was; the last 256
 */
#ifndef WEIR_QUEUE_REDIS_ENDS_H
#define WEIR_QUEUE_REDIS_ENDS_H

#include "queue/transport_ops.h"

weir_err weir_redis_sensor_open(const struct weir_transport_config *config, struct weir_sensor_end **out,
                                struct weir_error *error);
weir_err weir_redis_sensor_send(struct weir_sensor_end *end, const void *frame, size_t size, int64_t timeout_ns,
                                struct weir_error *error);
void weir_redis_sensor_flush(struct weir_sensor_end *end);
weir_err weir_redis_sensor_marks(struct weir_sensor_end *end, int64_t timeout_ns, struct weir_mark *out, size_t room,
                                 size_t *count, struct weir_error *error);
bool weir_redis_sensor_trouble(const struct weir_sensor_end *end, char *text, size_t size);
void weir_redis_sensor_close(struct weir_sensor_end *end, int64_t linger_ns);

weir_err weir_redis_worker_open(const struct weir_transport_config *config, struct weir_worker_end **out,
                                struct weir_error *error);
void weir_redis_worker_refilter(struct weir_worker_end *end);
weir_err weir_redis_worker_take(struct weir_worker_end *end, int64_t timeout_ns, struct weir_delivery *out,
                                struct weir_error *error);
weir_err weir_redis_worker_publish(struct weir_worker_end *end, const struct weir_delivery *delivery, const void *verdicts,
                                   size_t size, int64_t timeout_ns, struct weir_error *error);
weir_err weir_redis_worker_refuse(struct weir_worker_end *end, const struct weir_delivery *delivery, const char *why,
                                  struct weir_error *error);
weir_err weir_redis_worker_flush(struct weir_worker_end *end, struct weir_error *error);
bool weir_redis_worker_trouble(const struct weir_worker_end *end, char *text, size_t size);
void weir_redis_worker_close(struct weir_worker_end *end, int64_t linger_ns);

weir_err weir_redis_collector_open(const struct weir_transport_config *config, struct weir_collector_end **out,
                                   struct weir_error *error);
weir_err weir_redis_collector_take(struct weir_collector_end *end, int64_t timeout_ns, struct weir_delivery *out,
                                   struct weir_error *error);
void weir_redis_collector_release(struct weir_collector_end *end, const struct weir_delivery *delivery);
weir_err weir_redis_collector_refuse(struct weir_collector_end *end, const struct weir_delivery *delivery, const char *why,
                                     struct weir_error *error);
weir_err weir_redis_collector_commit(struct weir_collector_end *end, const struct weir_mark *marks, size_t count,
                                     struct weir_error *error);
bool weir_redis_collector_pressed(const struct weir_collector_end *end);
bool weir_redis_collector_trouble(const struct weir_collector_end *end, char *text, size_t size);
void weir_redis_collector_close(struct weir_collector_end *end, int64_t linger_ns);

#endif
