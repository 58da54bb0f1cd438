#include "cli/tap_options.h"

#include <string.h>

#include "base/log.h"
#include "decode/lane.h"

bool weir_tap_options_add(struct weir_tap_options *tap, const char *value)
{
    struct weir_strings part = {0};
    weir_strings_split(&part, value);
    bool good = part.count >= 1 && part.count <= WEIR_PORTS_MAX;
    if (!good)
        weir_log(WEIR_LOG_ERROR,
                 "-r %s: give one file, or two joined by a comma (the two ports of a tap); a comma in a name is \\,", value);
    else if (tap->ports && tap->ports != part.count) {
        good = false;
        weir_log(WEIR_LOG_ERROR, "-r %s: every -r must name as many ports as the first one (%u)", value, tap->ports);
    }
    for (size_t i = 0; good && i < part.count; i++)
        weir_strings_add(&tap->port[i], part.item[i]);
    if (good)
        tap->ports = (unsigned)part.count;
    weir_strings_free(&part);
    return good;
}

static bool add_interfaces(struct weir_tap_options *tap, const char *value)
{
    struct weir_strings *names = &tap->interface;
    if (names->count) {
        weir_log(WEIR_LOG_ERROR, "-i %s: give -i once; the two ports of a tap are joined by a comma", value);
        return false;
    }
    weir_strings_split(names, value);
    bool good = names->count >= 1 && names->count <= WEIR_PORTS_MAX;
    if (!good)
        weir_log(WEIR_LOG_ERROR, "-i %s: give one interface, or two joined by a comma (the two ports of a tap)", value);
    if (good && names->count == 2 && !strcmp(names->item[0], names->item[1])) {
        weir_log(WEIR_LOG_ERROR, "-i %s: both ports are the same interface; for one that carries both directions give it once",
                 value);
        good = false;
    }
    return good;
}

enum weir_tap_option weir_tap_options_take(struct weir_tap_options *tap, int option, const char *value)
{
    bool good = true;
    switch (option) {
    case 'r':
        good = weir_tap_options_add(tap, value);
        break;
    case 'i':
        good = add_interfaces(tap, value);
        break;
    case 'f':
        tap->filter = value;
        break;
    case WEIR_OPT_SNAPLEN:
        good = weir_option_number("--snaplen", value, 64, 65535, &tap->snaplen);
        tap->live_only = true;
        break;
    case WEIR_OPT_RING_MB:
        good = weir_option_number("--ring-mb", value, 1, 65536, &tap->ring_mb);
        tap->live_only = true;
        break;
    case WEIR_OPT_WINDOW:
        good = weir_option_duration("--merge-window", value, &tap->window_ns);
        if (good && (tap->window_ns < 100000 || tap->window_ns > 10000000000)) {
            weir_log(WEIR_LOG_ERROR, "--merge-window %s: give a duration from 100us to 10s", value);
            good = false;
        }
        tap->live_only = true;
        break;
    case WEIR_OPT_DURATION:
        good = weir_option_duration("--duration", value, &tap->duration_ns);
        tap->live_only = true;
        break;
    default:
        return WEIR_TAP_NOT_MINE;
    }
    return good ? WEIR_TAP_GOOD : WEIR_TAP_WRONG;
}

bool weir_tap_options_check(const struct weir_tap_options *tap, const char *command)
{
    if (!tap->ports && !tap->interface.count)
        weir_usage_error(command, "no packets: give a capture file with -r or an interface with -i");
    else if (tap->ports && tap->interface.count)
        weir_usage_error(command, "-r and -i exclude each other: packets come from files or from interfaces");
    else if (tap->ports && tap->live_only)
        weir_usage_error(command, "--duration, --snaplen, --ring-mb and --merge-window are for interfaces (-i)");
    else
        return true;
    return false;
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
