/* weir bench day: 24 hours of packet time in minutes: does memory stay flat?
 *
 * The store is a folder whose files are small, so that several come and go: DuckDB keeps in memory what it has written to the
 * file at hand, up to its limit. */
#include <inttypes.h>

#include "bench/bench.h"
#include "bench/hold.h"
#include "bench/mix.h"

#define ROTATE "32MB"

enum { PACKETS = 8000000, QUICK_PACKETS = 1000000, ALIVE = 256, HOURS = WEIR_HOLD_SAMPLES - 1 };

static bool write_day(void *context, FILE *file, struct weir_hold *hold)
{
    const uint64_t packets = *(const uint64_t *)context, step_us = HOURS * 3600 * UINT64_C(1000000) / packets;
    struct weir_mix *mix = NULL;
    bool good = weir_mix_create(file, ALIVE, step_us, 5, &mix, NULL) == WEIR_OK;
    unsigned sample = 0;
    for (uint64_t i = 0; good && i < packets; i++) {
        for (; i * HOURS / packets >= sample; sample++)
            weir_hold_sample(hold, sample);
        good = weir_mix_next(mix);
    }
    if (good) {
        weir_hold_sample(hold, sample);
        hold->packets = weir_mix_facts(mix).packets;
    }
    weir_mix_destroy(&mix);
    return good;
}

weir_err weir_bench_day(const struct weir_bench_options *options, struct weir_bench_report *report, struct weir_error *error)
{
    struct weir_hold_place place = {0};
    struct weir_hold hold = {0};
    uint64_t packets = options->size ? options->size : options->quick ? QUICK_PACKETS : PACKETS;
    weir_err code = weir_hold_place(&place, error);
    if (code == WEIR_OK)
        code = weir_hold_run(options, place.days, ROTATE, write_day, &packets, &hold, error);
    if (code == WEIR_OK) {
        struct weir_bench_row *row = weir_bench_add(report, "memory", "MiB at 24 h", true);
        row->weir = hold.rss[HOURS];
        row->yardstick = "itself at 12 h";
        row->theirs = hold.rss[HOURS / 2];
        weir_hold_print(&hold, row->note, sizeof row->note);
        row = weir_bench_add(report, "growth", "MiB/h", true);
        row->weir = weir_hold_slope(&hold);
        snprintf(row->note, sizeof row->note,
                 "least squares from 12 h to 24 h; %" PRIu64 " packets, %" PRIu64 " rows, peak %.0f MiB", hold.packets,
                 weir_hold_number(hold.account, "store.committed"), hold.peak);
    }
    if (options->quick && !options->size)
        weir_bench_skip(report, "quick: %d packets in the 24 hours instead of %d", QUICK_PACKETS, PACKETS);
    weir_hold_leave(&place);
    weir_hold_fini(&hold);
    return code;
}
