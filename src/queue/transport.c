#include "queue/transport.h"

#include "queue/transport_ops.h"

static const struct weir_transport_ops *ops_of(const struct weir_url *url)
{
    return weir_url_is_redis(url) ? &weir_transport_redis : &weir_transport_zmq;
}

weir_err weir_transport_check(const char *url, bool keyed, struct weir_error *error)
{
    struct weir_url parsed;
    weir_err code = weir_url_parse(url, &parsed, error);
    return code == WEIR_OK ? weir_url_check_keyed(&parsed, keyed, error) : code;
}

bool weir_transport_carries_results(const char *url)
{
    struct weir_url parsed;
    return weir_url_parse(url, &parsed, NULL) == WEIR_OK && weir_url_is_redis(&parsed);
}

/* All addresses are good and of one kind; that kind's functions. */
static weir_err find(const struct weir_transport_config *config, const struct weir_transport_ops **out, struct weir_error *error)
{
    struct weir_url url;
    weir_err code;
    *out = NULL;
    for (size_t i = 0; i < config->queues + (config->results ? 1 : 0); i++) {
        const char *text = i < config->queues ? config->queue[i] : config->results;
        if ((code = weir_url_parse(text, &url, error)) != WEIR_OK)
            return code;
        if (*out && *out != ops_of(&url))
            return weir_fail(error, WEIR_ERR_ARGUMENT, "%s: all of one kind, please: redis carries the verdicts itself",
                             url.text);
        *out = ops_of(&url);
    }
    return *out ? WEIR_OK : weir_fail(error, WEIR_ERR_ARGUMENT, "no address of a queue: give --queue URL or --results URL");
}

weir_err weir_sensor_end_open(const struct weir_transport_config *config, struct weir_sensor_end **out, struct weir_error *error)
{
    const struct weir_transport_ops *ops;
    *out = NULL;
    weir_err code = find(config, &ops, error);
    if (code == WEIR_OK && (code = ops->sensor_open(config, out, error)) == WEIR_OK)
        (*out)->ops = ops;
    return code;
}

static int64_t waited(int64_t timeout_ns)
{
    return timeout_ns < 0 ? 0 : timeout_ns;
}

weir_err weir_sensor_end_send(struct weir_sensor_end *end, const void *frame, size_t size, int64_t timeout_ns,
                              struct weir_error *error)
{
    return end->ops->send(end, frame, size, waited(timeout_ns), error);
}

void weir_sensor_end_flush(struct weir_sensor_end *end)
{
    if (end->ops->sensor_flush)
        end->ops->sensor_flush(end);
}

weir_err weir_sensor_end_marks(struct weir_sensor_end *end, int64_t timeout_ns, struct weir_mark *out, size_t room, size_t *count,
                               struct weir_error *error)
{
    return end->ops->marks(end, waited(timeout_ns), out, room, count, error);
}

void weir_sensor_end_close(struct weir_sensor_end **end, int64_t linger_ns)
{
    if (end && *end)
        (*end)->ops->sensor_close(*end, waited(linger_ns));
    if (end)
        *end = NULL;
}

weir_err weir_worker_end_open(const struct weir_transport_config *config, struct weir_worker_end **out, struct weir_error *error)
{
    const struct weir_transport_ops *ops;
    *out = NULL;
    weir_err code = find(config, &ops, error);
    if (code == WEIR_OK && (code = ops->worker_open(config, out, error)) == WEIR_OK)
        (*out)->ops = ops;
    return code;
}

void weir_worker_end_filter(struct weir_worker_end *end, weir_can_score *can_score, void *context)
{
    end->can_score = can_score;
    end->context = context;
    end->ops->refilter(end);
}

void weir_worker_end_refilter(struct weir_worker_end *end)
{
    end->ops->refilter(end);
}

weir_err weir_worker_end_take(struct weir_worker_end *end, int64_t timeout_ns, struct weir_delivery *out,
                              struct weir_error *error)
{
    return end->ops->worker_take(end, waited(timeout_ns), out, error);
}

weir_err weir_worker_end_publish(struct weir_worker_end *end, const struct weir_delivery *delivery, const void *verdicts,
                                 size_t size, int64_t timeout_ns, struct weir_error *error)
{
    return end->ops->publish(end, delivery, verdicts, size, waited(timeout_ns), error);
}

weir_err weir_worker_end_refuse(struct weir_worker_end *end, const struct weir_delivery *delivery, const char *why,
                                struct weir_error *error)
{
    return end->ops->worker_refuse(end, delivery, why, error);
}

weir_err weir_worker_end_flush(struct weir_worker_end *end, struct weir_error *error)
{
    return end->ops->flush(end, error);
}

void weir_worker_end_close(struct weir_worker_end **end, int64_t linger_ns)
{
    if (end && *end)
        (*end)->ops->worker_close(*end, waited(linger_ns));
    if (end)
        *end = NULL;
}

weir_err weir_collector_end_open(const struct weir_transport_config *config, struct weir_collector_end **out,
                                 struct weir_error *error)
{
    const struct weir_transport_ops *ops;
    *out = NULL;
    weir_err code = find(config, &ops, error);
    if (code == WEIR_OK && (code = ops->collector_open(config, out, error)) == WEIR_OK)
        (*out)->ops = ops;
    return code;
}

weir_err weir_collector_end_take(struct weir_collector_end *end, int64_t timeout_ns, struct weir_delivery *out,
                                 struct weir_error *error)
{
    return end->ops->collector_take(end, waited(timeout_ns), out, error);
}

void weir_collector_end_release(struct weir_collector_end *end, const struct weir_delivery *delivery)
{
    end->ops->release(end, delivery);
}

weir_err weir_collector_end_refuse(struct weir_collector_end *end, const struct weir_delivery *delivery, const char *why,
                                   struct weir_error *error)
{
    return end->ops->collector_refuse(end, delivery, why, error);
}

weir_err weir_collector_end_commit(struct weir_collector_end *end, const struct weir_mark *marks, size_t count,
                                   struct weir_error *error)
{
    return end->ops->commit(end, marks, count, error);
}

bool weir_collector_end_pressed(const struct weir_collector_end *end)
{
    return end->ops->pressed && end->ops->pressed(end);
}

void weir_collector_end_close(struct weir_collector_end **end, int64_t linger_ns)
{
    if (end && *end)
        (*end)->ops->collector_close(*end, waited(linger_ns));
    if (end)
        *end = NULL;
}

void weir_sensor_end_account(const struct weir_sensor_end *end, struct weir_transport_account *out)
{
    *out = end->account;
}

void weir_worker_end_account(const struct weir_worker_end *end, struct weir_transport_account *out)
{
    *out = end->account;
}

void weir_collector_end_account(const struct weir_collector_end *end, struct weir_transport_account *out)
{
    *out = end->account;
}

bool weir_sensor_end_trouble(const struct weir_sensor_end *end, char *text, size_t size)
{
    return end->ops->sensor_trouble(end, text, size);
}

bool weir_worker_end_trouble(const struct weir_worker_end *end, char *text, size_t size)
{
    return end->ops->worker_trouble(end, text, size);
}

bool weir_collector_end_trouble(const struct weir_collector_end *end, char *text, size_t size)
{
    return end->ops->collector_trouble(end, text, size);
}
