#include "pipeline/inferred.h"

#include <inttypes.h>

#include "pipeline/remote.h"

static uint64_t larger(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

void weir_inferred_add(struct weir_inferred_account *into, const struct weir_inferred_account *from)
{
    into->used = true;
    into->taken += from->taken;
    into->judged += from->judged;
    into->notes += from->notes;
    into->refused += from->refused;
    into->left += from->left;
    into->queue.frames += from->queue.frames;
    into->queue.bytes += from->queue.bytes;
    into->queue.waits += from->queue.waits;
    into->queue.reconnects += from->queue.reconnects;
    into->queue.redelivered += from->queue.redelivered;
    into->queue.claimed += from->queue.claimed;
    into->queue.refused += from->queue.refused;
    into->queue.fenced += from->queue.fenced;
    into->queue.unscorable = larger(into->queue.unscorable, from->queue.unscorable);
    into->queue.depth = larger(into->queue.depth, from->queue.depth);
    into->queue.lag = larger(into->queue.lag, from->queue.lag);
    into->queue.pending = larger(into->queue.pending, from->queue.pending);
    weir_histogram_merge(&into->queue_ns, &from->queue_ns);
    weir_histogram_merge(&into->score_ns, &from->score_ns);
}

bool weir_inferred_check(const struct weir_inferred_account *a, char *why, size_t size)
{
    if (a->taken == a->judged + a->notes + a->refused + a->left)
        return true;
    snprintf(why, size,
             "frames: taken %" PRIu64 " != judged %" PRIu64 " + notes %" PRIu64 " + refused %" PRIu64 " + left %" PRIu64,
             a->taken, a->judged, a->notes, a->refused, a->left);
    return false;
}

static json_t *microseconds(const struct weir_histogram *h)
{
    return json_pack("{s:f,s:f,s:f}", "p50", (double)weir_histogram_quantile(h, 0.5) / 1e3, "p99",
                     (double)weir_histogram_quantile(h, 0.99) / 1e3, "max", (double)h->max / 1e3);
}

json_t *weir_inferred_json(const struct weir_inferred_account *a)
{
    const struct weir_transport_account *q = &a->queue;
    return json_pack("{s:{s:I,s:I,s:I,s:I,s:I},s:{s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I},s:o,s:o}", "inferred", "taken",
                     (json_int_t)a->taken, "judged", (json_int_t)a->judged, "notes", (json_int_t)a->notes, "refused",
                     (json_int_t)a->refused, "left", (json_int_t)a->left, "queue", "frames", (json_int_t)q->frames, "bytes",
                     (json_int_t)q->bytes, "waits", (json_int_t)q->waits, "reconnects", (json_int_t)q->reconnects, "depth",
                     (json_int_t)q->depth, "lag", (json_int_t)q->lag, "pending", (json_int_t)q->pending, "redelivered",
                     (json_int_t)q->redelivered, "claimed", (json_int_t)q->claimed, "fenced", (json_int_t)q->fenced, "unscorable",
                     (json_int_t)q->unscorable, "queue_us", microseconds(&a->queue_ns), "score_us", microseconds(&a->score_ns));
}

static void print_time(FILE *to, const char *name, const struct weir_histogram *h)
{
    fprintf(to, "%-9s p50 %.0f us, p99 %.0f us, max %.0f us\n", name, (double)weir_histogram_quantile(h, 0.5) / 1e3,
            (double)weir_histogram_quantile(h, 0.99) / 1e3, (double)h->max / 1e3);
}

void weir_inferred_print(const struct weir_inferred_account *a, FILE *to)
{
    const struct weir_transport_account *q = &a->queue;
    fprintf(to,
            "frames    taken %" PRIu64 " = judged %" PRIu64 " + notes %" PRIu64 " + refused %" PRIu64 " + left to others %" PRIu64
            "\n",
            a->taken, a->judged, a->notes, a->refused, a->left);
    fprintf(to,
            "queue     %" PRIu64 " bytes, waits for room %" PRIu64 ", reconnects %" PRIu64
            "; lists that nobody here scores %" PRIu64 "\n",
            q->bytes, q->waits, q->reconnects, q->unscorable);
    if (q->claimed || q->fenced || q->redelivered)
        fprintf(to, "          taken over %" PRIu64 ", done by others %" PRIu64 ", committed already %" PRIu64 "\n", q->claimed,
                q->fenced, q->redelivered);
    weir_remote_print_streams(q, to);
    print_time(to, "in queue", &a->queue_ns);
    print_time(to, "a batch", &a->score_ns);
}
