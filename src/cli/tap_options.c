#include "cli/tap_options.h"

#include <string.h>

#include "decode/lane.h"

weir_err weir_tap_take_files(void *field, const char *what, const char *value, struct weir_error *error)
{
    struct weir_tap_options *tap = field;
    struct weir_strings part = {0};
    weir_err code = WEIR_OK;
    weir_strings_split(&part, value);
    if (part.count < 1 || part.count > WEIR_PORTS_MAX)
        code = weir_fail(error, WEIR_ERR_ARGUMENT,
                         "%s %.200s: give one file, or two joined by a comma (the two ports of a tap); a comma in a name is \\,",
                         what, value);
    else if (tap->ports && tap->ports != part.count)
        code = weir_fail(error, WEIR_ERR_ARGUMENT, "%s %.200s: every -r must name as many ports as the first one (%u)", what,
                         value, tap->ports);
    for (size_t i = 0; code == WEIR_OK && i < part.count; i++)
        weir_strings_add(&tap->port[i], part.item[i]);
    if (code == WEIR_OK)
        tap->ports = (unsigned)part.count;
    weir_strings_free(&part);
    return code;
}

weir_err weir_tap_take_interfaces(void *field, const char *what, const char *value, struct weir_error *error)
{
    struct weir_strings *names = &((struct weir_tap_options *)field)->interface;
    if (names->count)
        return weir_fail(error, WEIR_ERR_ARGUMENT, "%s %.200s: give -i once; the two ports of a tap are joined by a comma", what,
                         value);
    weir_strings_split(names, value);
    if (names->count < 1 || names->count > WEIR_PORTS_MAX)
        return weir_fail(error, WEIR_ERR_ARGUMENT,
                         "%s %.200s: give one interface, or two joined by a comma (the two ports of a tap)", what, value);
    if (names->count == 2 && !strcmp(names->item[0], names->item[1]))
        return weir_fail(error, WEIR_ERR_ARGUMENT,
                         "%s %.200s: both ports are the same interface; for one that carries both directions give it once", what,
                         value);
    return WEIR_OK;
}

const char *weir_tap_options_problem(const struct weir_tap_options *tap)
{
    bool live_only = tap->snaplen || tap->ring_mb || tap->window_ns || tap->duration_ns;
    return !tap->ports && !tap->interface.count ? "no packets: give a capture file with -r or an interface with -i"
           : tap->ports && tap->interface.count ? "-r and -i exclude each other: packets come from files or from interfaces"
           : tap->ports && live_only            ? "--duration, --snaplen, --ring-mb and --merge-window are for interfaces (-i)"
                                                : NULL;
}

struct weir_source_config weir_tap_options_source(const struct weir_tap_options *tap)
{
    struct weir_source_config config = {.ports = tap->ports, .lanes = 1, .lane_hash = weir_lane_hash, .filter = tap->filter};
    for (unsigned p = 0; p < tap->ports; p++) {
        config.files[p] = (const char *const *)tap->port[p].item;
        config.file_count[p] = tap->port[p].count;
    }
    if (tap->interface.count) {
        config.ports = (unsigned)tap->interface.count;
        for (unsigned p = 0; p < config.ports; p++)
            config.interface[p] = tap->interface.item[p];
        config.live.snaplen = (uint32_t)tap->snaplen;
        config.live.ring_mb = (uint32_t)tap->ring_mb;
        config.live.window_ns = tap->window_ns;
        config.live.duration_ns = tap->duration_ns;
    }
    return config;
}

void weir_tap_options_free(struct weir_tap_options *tap)
{
    for (unsigned p = 0; p < WEIR_PORTS_MAX; p++)
        weir_strings_free(&tap->port[p]);
    weir_strings_free(&tap->interface);
    tap->ports = 0;
}
