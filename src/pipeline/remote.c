#include "pipeline/remote.h"

#include <inttypes.h>

bool weir_remote_check(const struct weir_remote_account *account, uint64_t batched_rows, char *why, size_t size)
{
    const struct weir_outbox_account *o = &account->outbox;
    if (batched_rows != o->accepted_rows + account->refused_rows) {
        snprintf(why, size, "rows: batched %" PRIu64 " != accepted %" PRIu64 " + refused %" PRIu64, batched_rows,
                 o->accepted_rows, account->refused_rows);
        return false;
    }
    if (o->accepted + o->recovered != o->committed + o->damaged + o->held ||
        o->accepted_rows + o->recovered_rows != o->committed_rows + o->damaged_rows + o->held_rows) {
        snprintf(why, size,
                 "outbox: rows accepted %" PRIu64 " + recovered %" PRIu64 " != committed %" PRIu64 " + damaged %" PRIu64
                 " + held %" PRIu64,
                 o->accepted_rows, o->recovered_rows, o->committed_rows, o->damaged_rows, o->held_rows);
        return false;
    }
    return true;
}

static json_t *both(uint64_t frames, uint64_t rows)
{
    return json_pack("{s:I,s:I}", "frames", (json_int_t)frames, "rows", (json_int_t)rows);
}

json_t *weir_remote_json(const struct weir_remote_account *account)
{
    const struct weir_outbox_account *o = &account->outbox;
    const struct weir_transport_account *q = &account->queue;
    json_t *json = json_pack(
        "{s:{s:o,s:o,s:o,s:o,s:o,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:{s:f,s:f,s:f}},s:{s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I}}", "outbox",
        "accepted", both(o->accepted, o->accepted_rows), "recovered", both(o->recovered, o->recovered_rows), "committed",
        both(o->committed, o->committed_rows), "damaged", both(o->damaged, o->damaged_rows), "held", both(o->held, o->held_rows),
        "refused_rows", (json_int_t)account->refused_rows, "resent", (json_int_t)o->resent, "torn", (json_int_t)o->torn, "bytes",
        (json_int_t)o->bytes, "bytes_most", (json_int_t)o->bytes_most, "room", (json_int_t)o->room, "notes_left_out",
        (json_int_t)account->notes_left_out, "commit_us", "p50", (double)weir_histogram_quantile(&o->committed_ns, 0.5) / 1e3,
        "p99", (double)weir_histogram_quantile(&o->committed_ns, 0.99) / 1e3, "max", (double)o->committed_ns.max / 1e3, "queue",
        "frames", (json_int_t)q->frames, "bytes", (json_int_t)q->bytes, "waits", (json_int_t)q->waits, "reconnects",
        (json_int_t)q->reconnects, "depth", (json_int_t)q->depth, "lag", (json_int_t)q->lag, "pending", (json_int_t)q->pending,
        "redelivered", (json_int_t)q->redelivered);
    if (json && account->budget_ns)
        json_object_set_new(
            json, "budget_us",
            json_pack("{s:f,s:f}", "budget", (double)account->budget_ns / 1e3, "after_batch", (double)account->service_ns / 1e3));
    return json;
}

void weir_remote_print_streams(const struct weir_transport_account *queue, FILE *to)
{
    if (queue->depth || queue->lag || queue->pending)
        fprintf(to, "          in the streams: depth %" PRIu64 ", lag %" PRIu64 ", pending %" PRIu64 "\n", queue->depth,
                queue->lag, queue->pending);
}

void weir_remote_print(const struct weir_remote_account *account, FILE *to)
{
    const struct weir_outbox_account *o = &account->outbox;
    const struct weir_transport_account *q = &account->queue;
    fprintf(to,
            "outbox    rows accepted %" PRIu64 " + recovered %" PRIu64 " = committed %" PRIu64 " + held %" PRIu64
            " + damaged %" PRIu64 "; refused %" PRIu64 "\n",
            o->accepted_rows, o->recovered_rows, o->committed_rows, o->held_rows, o->damaged_rows, account->refused_rows);
    fprintf(to,
            "          %" PRIu64 " frames held, %" PRIu64 " of %" PRIu64 " bytes in use, at most %" PRIu64 "; %" PRIu64
            " sent again\n",
            o->held, o->bytes, o->room, o->bytes_most, o->resent);
    fprintf(to, "queue     frames %" PRIu64 " (%" PRIu64 " bytes), waits for room %" PRIu64 ", reconnects %" PRIu64 "\n",
            q->frames, q->bytes, q->waits, q->reconnects);
    weir_remote_print_streams(q, to);
    if (account->budget_ns)
        fprintf(to, "budget    %.0f us, of which a batch takes %.0f from its closing to its verdicts\n",
                (double)account->budget_ns / 1e3, (double)account->service_ns / 1e3);
    fprintf(to, "committed p50 %.0f us, p99 %.0f us, max %.0f us after a batch was accepted\n",
            (double)weir_histogram_quantile(&o->committed_ns, 0.5) / 1e3,
            (double)weir_histogram_quantile(&o->committed_ns, 0.99) / 1e3, (double)o->committed_ns.max / 1e3);
}
