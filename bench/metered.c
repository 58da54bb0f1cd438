#include "bench/metered.h"

#include <stdlib.h>

#include "capture/source.h"

weir_err weir_metered(const char *const files[2], const struct weir_meter_config *config, struct weir_error *error)
{
    const struct weir_source_config source_config = {
        .files = {&files[0], &files[1]}, .file_count = {1, 1}, .ports = files[1] ? 2 : 1, .lanes = 1};
    struct weir_source *source = NULL;
    struct weir_meter *meter = NULL;
    struct weir_burst *burst = malloc(sizeof *burst);
    weir_err code = burst ? weir_source_open(&source_config, &source, error) : weir_fail(error, WEIR_ERR_MEMORY, "out of memory");
    if (code == WEIR_OK)
        code = weir_meter_create(config, &meter, error);
    if (code != WEIR_OK)
        goto out;
    while (weir_source_burst(source, 0, burst) == WEIR_OK && burst->state != WEIR_BURST_END) {
        weir_meter_packets(meter, burst->packet, burst->count);
        weir_meter_clock(meter, burst->clock_ns);
    }
    weir_meter_drain(meter);
    code = weir_source_status(source, error);
out:
    weir_meter_destroy(&meter);
    weir_source_close(&source);
    free(burst);
    return code;
}
