#include "bench/hold.h"

#include <errno.h>
#include <inttypes.h>
#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bench/scratch.h"

/* The stream runs ahead of weir by what the pipe and weir's blocks hold: some ten thousand packets. */
struct weir_hold_child {
    struct weir_hold hold; /* first: what the writer is given */
    struct weir_child child;
};

void weir_hold_sample(struct weir_hold *hold, unsigned i)
{
    struct weir_hold_child *all = (struct weir_hold_child *)hold;
    double peak = 0;
    fflush(all->child.packets);
    if (i < WEIR_HOLD_SAMPLES)
        hold->rss[i] = weir_child_rss(&all->child, &peak);
    hold->peak = peak > hold->peak ? peak : hold->peak;
}

uint64_t weir_hold_number(const json_t *account, const char *path)
{
    char part[32];
    while (account && *path) {
        size_t n = strcspn(path, ".");
        snprintf(part, sizeof part, "%.*s", (int)n, path);
        account = json_object_get(account, part);
        path += n + (path[n] == '.');
    }
    return (uint64_t)json_integer_value(account);
}

weir_err weir_hold_run(const struct weir_bench_options *options, const char *store, const char *rotate, weir_hold_write *write,
                       void *context, struct weir_hold *hold, struct weir_error *error)
{
    struct weir_hold_child all = {0};
    const struct weir_child_config config = {
        .model = options->model,
        .store = store,
        .rotate = rotate,
        .lanes = options->lanes,
        .workers = options->workers,
        .flows = options->flows,
    };
    weir_err code = weir_child_start(&config, &all.child, error);
    if (code != WEIR_OK)
        return code;
    bool written = write(context, all.child.packets, &all.hold);
    code = weir_child_end(&all.child, &all.hold.account, error);
    *hold = all.hold;
    if (code == WEIR_OK && !written)
        code = weir_fail(error, WEIR_ERR_IO, "weir run stopped reading early");
    uint64_t seen = weir_hold_number(hold->account, "packets.seen");
    if (code == WEIR_OK && seen != hold->packets)
        code = weir_fail(error, WEIR_ERR_MISMATCH, "%" PRIu64 " packets sent, %" PRIu64 " seen", hold->packets, seen);
    return code;
}

void weir_hold_fini(struct weir_hold *hold)
{
    json_decref(hold->account);
    hold->account = NULL;
}

double weir_hold_slope(const struct weir_hold *hold)
{
    enum { FIRST = WEIR_HOLD_SAMPLES / 2, COUNT = WEIR_HOLD_SAMPLES - FIRST };
    double x = 0, y = 0, xx = 0, xy = 0;
    for (int i = FIRST; i < WEIR_HOLD_SAMPLES; i++) {
        x += i;
        y += hold->rss[i];
        xx += (double)i * i;
        xy += i * hold->rss[i];
    }
    return (COUNT * xy - x * y) / (COUNT * xx - x * x);
}

void weir_hold_print(const struct weir_hold *hold, char *text, size_t size)
{
    size_t used = 0;
    for (unsigned i = 0; i < WEIR_HOLD_SAMPLES && used < size; i++)
        used += (size_t)snprintf(text + used, size - used, "%s%.0f", i ? " " : "MiB after each 24th: ", hold->rss[i]);
}

static void remove_all(void *folder)
{
    weir_scratch_clear(folder);
}

weir_err weir_hold_place(struct weir_hold_place *place, struct weir_error *error)
{
    *place = (struct weir_hold_place){.folder = "/tmp/weir-bench-XXXXXX"};
    if (!mkdtemp(place->folder))
        return weir_fail(error, WEIR_ERR_IO, "%s: %s; is there room in /tmp?", place->folder, strerror(errno));
    snprintf(place->file, sizeof place->file, "%s/one.duckdb", place->folder);
    snprintf(place->days, sizeof place->days, "%s/days/", place->folder);
    weir_err code = weir_keeper_start(CAP_DAC_OVERRIDE, remove_all, place->folder, &place->keeper, error);
    if (code == WEIR_OK && mkdir(place->days, 0700))
        code = weir_fail(error, WEIR_ERR_IO, "%s: %s", place->days, strerror(errno));
    return code;
}

void weir_hold_leave(struct weir_hold_place *place)
{
    weir_keeper_end(&place->keeper);
}
