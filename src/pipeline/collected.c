#include "pipeline/collected.h"

#include <inttypes.h>

bool weir_collected_check(const struct weir_collected *c, char *why, size_t size)
{
    uint64_t sum = c->batches + c->notes + c->duplicates + c->far + c->refused + c->returned;
    if (c->frames != sum)
        snprintf(why, size, "frames: %" PRIu64 " != batches %" PRIu64 " + notes %" PRIu64 " + others, together %" PRIu64,
                 c->frames, c->batches, c->notes, sum);
    return c->frames == sum;
}

json_t *weir_collected_json(const struct weir_collected *c)
{
    return json_pack("{s:I,s:I,s:I,s:{s:I,s:I},s:I,s:I,s:{s:I,s:I},s:I,s:{s:I,s:I,s:I,s:I,s:I}}", "frames", (json_int_t)c->frames,
                     "batches", (json_int_t)c->batches, "notes", (json_int_t)c->notes, "duplicates", "frames",
                     (json_int_t)c->duplicates, "rows", (json_int_t)c->duplicate_rows, "far", (json_int_t)c->far, "refused",
                     (json_int_t)c->refused, "returned", "frames", (json_int_t)c->returned, "rows", (json_int_t)c->returned_rows,
                     "sensors", (json_int_t)c->sensors, "queue", "bytes", (json_int_t)c->queue.bytes, "reconnects",
                     (json_int_t)c->queue.reconnects, "depth", (json_int_t)c->queue.depth, "lag", (json_int_t)c->queue.lag,
                     "pending", (json_int_t)c->queue.pending);
}

void weir_collected_print(const struct weir_collected *c, FILE *to)
{
    fprintf(to,
            "frames    %" PRIu64 " of %" PRIu64 " sensors = batches %" PRIu64 " + notes %" PRIu64 " + duplicates %" PRIu64
            " + far %" PRIu64 " + refused %" PRIu64 " + returned %" PRIu64 "\n",
            c->frames, c->sensors, c->batches, c->notes, c->duplicates, c->far, c->refused, c->returned);
}
