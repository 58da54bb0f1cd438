#include "pipeline/stages.h"

#include <inttypes.h>

const char *weir_stage_name(enum weir_stage stage)
{
    static const char *const names[] = {[WEIR_STAGE_BATCH] = "batch_wait",
                                        [WEIR_STAGE_QUEUE] = "queue",
                                        [WEIR_STAGE_SCORE] = "score",
                                        [WEIR_STAGE_STORE] = "store"};
    return (unsigned)stage < WEIR_STAGE_COUNT ? names[stage] : "unknown";
}

/* Rows that come one behind the other with the same time, as those of a burst and of a block do, are added at once. */
static void add_runs(struct weir_histogram *histogram, const int64_t *from, const int64_t *to, int64_t fixed, unsigned rows)
{
    for (unsigned r = 0, next; r < rows; r = next) {
        const int64_t *times = from ? from : to;
        for (next = r + 1; next < rows && times[next] == times[r]; next++)
            ;
        weir_histogram_add(histogram, from ? fixed - from[r] : to[r] - fixed, next - r);
    }
}

void weir_stages_add(struct weir_stages *stages, const struct weir_verdicts *verdicts)
{
    const struct weir_batch *batch = verdicts->batch;
    unsigned rows = batch->rows;
    if (!rows)
        return;
    stages->fill[31 - (unsigned)__builtin_clz(rows)]++;
    if (!batch->handed_ns || !verdicts->taken_ns)
        return;
    add_runs(&stages->ns[WEIR_STAGE_BATCH], batch->closed_ns, NULL, batch->handed_ns, rows);
    weir_histogram_add(&stages->ns[WEIR_STAGE_QUEUE], verdicts->taken_ns - batch->handed_ns, rows);
    add_runs(&stages->ns[WEIR_STAGE_SCORE], NULL, verdicts->scored_ns, verdicts->taken_ns, rows);
}

void weir_stages_merge(struct weir_stages *into, const struct weir_stages *from)
{
    for (unsigned i = 0; i < WEIR_STAGE_COUNT; i++)
        weir_histogram_merge(&into->ns[i], &from->ns[i]);
    for (unsigned i = 0; i < WEIR_FILLS; i++)
        into->fill[i] += from->fill[i];
}

json_t *weir_stages_json(const struct weir_stages *stages)
{
    json_t *json = json_object();
    for (unsigned i = 0; i < WEIR_STAGE_COUNT; i++) {
        const struct weir_histogram *h = &stages->ns[i];
        json_object_set_new(json, weir_stage_name((enum weir_stage)i),
                            json_pack("{s:f,s:f,s:f}", "p50", (double)weir_histogram_quantile(h, 0.5) / 1e3, "p99",
                                      (double)weir_histogram_quantile(h, 0.99) / 1e3, "max", (double)h->max / 1e3));
    }
    return json;
}

/* "1", "2-3", ..., "512" */
static const char *fill_name(unsigned i, char out[static 16])
{
    if (i == 0 || i == WEIR_FILLS - 1)
        snprintf(out, 16, "%u", 1u << i);
    else
        snprintf(out, 16, "%u-%u", 1u << i, (2u << i) - 1);
    return out;
}

json_t *weir_stages_fill_json(const struct weir_stages *stages)
{
    char name[16];
    json_t *json = json_object();
    for (unsigned i = 0; i < WEIR_FILLS; i++)
        if (stages->fill[i])
            json_object_set_new(json, fill_name(i, name), json_integer((json_int_t)stages->fill[i]));
    return json;
}

void weir_stages_fill_print(const struct weir_stages *stages, FILE *to)
{
    char name[16];
    const char *before = "batches   by their rows:";
    for (unsigned i = 0; i < WEIR_FILLS; i++)
        if (stages->fill[i]) {
            fprintf(to, "%s %s: %" PRIu64, before, fill_name(i, name), stages->fill[i]);
            before = ",";
        }
    if (*before == ',')
        fputc('\n', to);
}
