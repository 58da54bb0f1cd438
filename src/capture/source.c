#include "capture/source_ops.h"

#include <string.h>

#include "capture/files.h"
#include "capture/interfaces.h"

static weir_err check_config(const struct weir_source_config *config, struct weir_error *error)
{
    if (config->ports < 1 || config->ports > WEIR_PORTS_MAX)
        return weir_fail(error, WEIR_ERR_ARGUMENT, "a link has one or two ports, not %u", config->ports);
    if (config->lanes > 1 && !config->lane_hash)
        return weir_fail(error, WEIR_ERR_ARGUMENT, "%u lanes need a hash to choose them by", config->lanes);
    if (config->lanes < 1 || config->lanes > WEIR_LANES_MAX)
        return weir_fail(error, WEIR_ERR_ARGUMENT, "%u lanes; give 1 to %d", config->lanes, WEIR_LANES_MAX);
    if (config->interface[0])
        return WEIR_OK;
    unsigned standard = 0;
    for (unsigned port = 0; port < config->ports; port++) {
        if (!config->file_count[port])
            return weir_fail(error, WEIR_ERR_ARGUMENT, "port %c has no capture file", 'A' + (int)port);
        for (size_t i = 0; i < config->file_count[port]; i++)
            standard += !strcmp(config->files[port][i], "-");
    }
    if (standard > 1)
        return weir_fail(error, WEIR_ERR_ARGUMENT, "standard input (\"-\") can be read once only");
    return WEIR_OK;
}

weir_err weir_source_open(const struct weir_source_config *config, struct weir_source **out, struct weir_error *error)
{
    *out = NULL;
    weir_err result = check_config(config, error);
    if (result)
        return result;
    return config->interface[0] ? weir_interfaces_open(config, out, error)
                                : weir_files_open(config, &weir_files_default_size, out, error);
}

void weir_source_close(struct weir_source **source)
{
    if (!*source)
        return;
    (*source)->ops->close(*source);
    *source = NULL;
}

weir_err weir_source_burst(struct weir_source *source, unsigned lane, struct weir_burst *burst)
{
    if (lane >= source->lanes)
        return WEIR_ERR_ARGUMENT;
    source->ops->burst(source, lane, burst);
    return WEIR_OK;
}

void weir_source_stop(struct weir_source *source)
{
    source->ops->stop(source);
}

weir_err weir_source_status(const struct weir_source *source, struct weir_error *error)
{
    return source->ops->status(source, error);
}

void weir_source_account(const struct weir_source *source, unsigned port, struct weir_port_account *account)
{
    memset(account, 0, sizeof *account);
    if (port < source->ports)
        source->ops->account(source, port, account);
}

const char *weir_port_state_name(enum weir_port_state state)
{
    static const char *const names[] = {"", "up", "down", "gone"};
    return names[state];
}

bool weir_source_nanoseconds(const struct weir_source *source)
{
    return source->ops->nanoseconds(source);
}
