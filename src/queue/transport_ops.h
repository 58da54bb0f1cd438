/* What stands behind an end: for the rooms of this folder only. Each kind of end begins with one of these structs. */
#ifndef WEIR_QUEUE_TRANSPORT_OPS_H
#define WEIR_QUEUE_TRANSPORT_OPS_H

#include "queue/transport.h"
#include "queue/url.h"

struct weir_sensor_end {
    const struct weir_transport_ops *ops;
    struct weir_transport_account account;
};

struct weir_worker_end {
    const struct weir_transport_ops *ops;
    struct weir_transport_account account;
    weir_can_score *can_score; /* NULL: everything */
    void *context;
};

struct weir_collector_end {
    const struct weir_transport_ops *ops;
    struct weir_transport_account account;
};

/* As in transport.h; timeouts are never negative, close gets an end that is there, open an URL of its own kind. */
struct weir_transport_ops {
    weir_err (*sensor_open)(const struct weir_transport_config *config, struct weir_sensor_end **out, struct weir_error *error);
    weir_err (*send)(struct weir_sensor_end *end, const void *frame, size_t size, int64_t timeout_ns, struct weir_error *error);
    void (*sensor_flush)(struct weir_sensor_end *end); /* NULL: frames go out one by one */
    weir_err (*marks)(struct weir_sensor_end *end, int64_t timeout_ns, struct weir_mark *out, size_t room, size_t *count,
                      struct weir_error *error);
    bool (*sensor_trouble)(const struct weir_sensor_end *end, char *text, size_t size);
    void (*sensor_close)(struct weir_sensor_end *end, int64_t linger_ns);

    weir_err (*worker_open)(const struct weir_transport_config *config, struct weir_worker_end **out, struct weir_error *error);
    void (*refilter)(struct weir_worker_end *end);
    weir_err (*worker_take)(struct weir_worker_end *end, int64_t timeout_ns, struct weir_delivery *out, struct weir_error *error);
    weir_err (*publish)(struct weir_worker_end *end, const struct weir_delivery *delivery, const void *verdicts, size_t size,
                        int64_t timeout_ns, struct weir_error *error);
    weir_err (*worker_refuse)(struct weir_worker_end *end, const struct weir_delivery *delivery, const char *why,
                              struct weir_error *error);
    weir_err (*flush)(struct weir_worker_end *end, struct weir_error *error);
    bool (*worker_trouble)(const struct weir_worker_end *end, char *text, size_t size);
    void (*worker_close)(struct weir_worker_end *end, int64_t linger_ns);

    weir_err (*collector_open)(const struct weir_transport_config *config, struct weir_collector_end **out,
                               struct weir_error *error);
    weir_err (*collector_take)(struct weir_collector_end *end, int64_t timeout_ns, struct weir_delivery *out,
                               struct weir_error *error);
    void (*release)(struct weir_collector_end *end, const struct weir_delivery *delivery);
    weir_err (*collector_refuse)(struct weir_collector_end *end, const struct weir_delivery *delivery, const char *why,
                                 struct weir_error *error);
    weir_err (*commit)(struct weir_collector_end *end, const struct weir_mark *marks, size_t count, struct weir_error *error);
    bool (*pressed)(const struct weir_collector_end *end); /* NULL: never */
    bool (*collector_trouble)(const struct weir_collector_end *end, char *text, size_t size);
    void (*collector_close)(struct weir_collector_end *end, int64_t linger_ns);
};

extern const struct weir_transport_ops weir_transport_zmq, weir_transport_redis;

#endif
