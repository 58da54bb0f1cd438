#include "cli/tap_files.h"

#include "base/log.h"
#include "decode/lane.h"

bool weir_tap_files_add(struct weir_tap_files *files, const char *value)
{
    struct weir_strings part = {0};
    weir_strings_split(&part, value);
    bool good = part.count >= 1 && part.count <= WEIR_PORTS_MAX;
    if (!good)
        weir_log(WEIR_LOG_ERROR,
                 "-r %s: give one file, or two joined by a comma (the two ports of a tap); a comma in a name is \\,", value);
    else if (files->ports && files->ports != part.count) {
        good = false;
        weir_log(WEIR_LOG_ERROR, "-r %s: every -r must name as many ports as the first one (%u)", value, files->ports);
    }
    for (size_t i = 0; good && i < part.count; i++)
        weir_strings_add(&files->port[i], part.item[i]);
    if (good)
        files->ports = (unsigned)part.count;
    weir_strings_free(&part);
    return good;
}

struct weir_source_config weir_tap_files_source(const struct weir_tap_files *files)
{
    struct weir_source_config config = {.ports = files->ports, .lanes = 1, .lane_hash = weir_lane_hash};
    for (unsigned p = 0; p < files->ports; p++) {
        config.files[p] = (const char *const *)files->port[p].item;
        config.file_count[p] = files->port[p].count;
    }
    return config;
}

void weir_tap_files_free(struct weir_tap_files *files)
{
    for (unsigned p = 0; p < WEIR_PORTS_MAX; p++)
        weir_strings_free(&files->port[p]);
    files->ports = 0;
}
