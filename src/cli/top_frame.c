#include "cli/top_frame.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

struct frame {
    unsigned columns, rows; /* rows: that are left */
    FILE *to;
};

/* One line, cut to the width and tamed. */
__attribute__((format(printf, 2, 3))) static void line(struct frame *frame, const char *format, ...)
{
    char text[512];
    if (!frame->rows)
        return;
    frame->rows--;
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    unsigned shown = 0; /* characters: bytes that do not go on with one */
    for (char *c = text; *c; c++) {
        unsigned char byte = (unsigned char)*c;
        shown += (byte & 0xc0) != 0x80;
        if (shown > frame->columns)
            *c-- = 0;
        else if (byte < 0x20 || byte == 0x7f || byte == 0xc2) /* 0xc2 begins U+0080..9f, which control some terminals */
            *c = '?';
        if (shown > frame->columns)
            break;
    }
    fprintf(frame->to, "%s\n", text);
}

static double number(const json_t *object, const char *a, const char *b)
{
    const json_t *value = json_object_get(object, a);
    return json_number_value(b ? json_object_get(value, b) : value);
}

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

static double sum(const json_t *object)
{
    double total = 0;
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)object, key, value) total += json_number_value(value);
    return total;
}

/* 1234567 -> "1.23M" */
static const char *count(double value, char *out)
{
    if (value >= 1e9)
        sprintf(out, "%.2fG", value < 1e15 ? value / 1e9 : 1e6);
    else if (value >= 1e6)
        sprintf(out, "%.2fM", value / 1e6);
    else if (value >= 1e4)
        sprintf(out, "%.1fk", value / 1e3);
    else
        sprintf(out, "%.0f", value);
    return out;
}

/* 1234 us -> "1.23 ms" */
static const char *span(double us, char *out)
{
    if (us >= 1e6)
        sprintf(out, "%.2f s", us < 1e15 ? us / 1e6 : 1e9);
    else if (us >= 1e3)
        sprintf(out, "%.1f ms", us / 1e3);
    else
        sprintf(out, "%.0f us", us);
    return out;
}

static double rate(double before, double now, double seconds)
{
    return seconds > 0 && now > before ? (now - before) / seconds : 0;
}

static void print_ports(struct frame *frame, const json_t *old, const json_t *account, const json_t *source, double seconds)
{
    size_t p;
    json_t *port;
    json_array_foreach(json_object_get(account, "ports"), p, port)
    {
        const json_t *was = json_array_get(json_object_get(old, "ports"), p), *lost = json_object_get(port, "lost");
        const char *name = json_string_value(json_array_get(json_object_get(source, "ports"), p));
        char a[32], b[32], c[32], d[32];
        line(frame, "port %c %-16.16s %8s packets/s %8s bit/s  seen %8s  lost %s", "AB"[p % 2], name ? name : "",
             count(rate(number(was, "seen", NULL), number(port, "seen", NULL), seconds), a),
             count(8 * rate(number(was, "bytes", NULL), number(port, "bytes", NULL), seconds), b),
             count(number(port, "seen", NULL), c), count(sum(lost), d));
    }
}

static void print_classes(struct frame *frame, const json_t *old, const json_t *account, double seconds)
{
    const json_t *classes = json_object_get(account, "classes");
    double most = 0;
    const char *name;
    json_t *rows;
    char a[32], b[32], bar[64];
    json_object_foreach((json_t *)classes, name, rows) most = json_number_value(rows) > most ? json_number_value(rows) : most;
    line(frame, "%-20s %8s %8s", "verdicts by class", "total", "per s");
    json_object_foreach((json_t *)classes, name, rows)
    {
        double n = json_number_value(rows);
        unsigned room = frame->columns > 42 ? frame->columns - 42 : 0, length;
        room = room < sizeof bar - 1 ? room : (unsigned)sizeof bar - 1;
        length = most > 0 ? (unsigned)(n / most * room + 0.5) : 0;
        memset(bar, '#', length);
        bar[length] = 0;
        line(frame, "  %-18.18s %8s %8s  %s", name, count(n, a),
             count(rate(json_number_value(json_object_get(json_object_get(old, "classes"), name)), n, seconds), b), bar);
    }
}

/* A queue between processes, and what a sensor keeps until it is committed. */
static void print_streams(struct frame *frame, const json_t *account)
{
    const json_t *queue = json_object_get(account, "queue"), *outbox = json_object_get(account, "outbox");
    char a[32], b[32], c[32], d[32];
    line(frame, "queue    %s frames  depth %s  lag %s  pending %s", count(number(queue, "frames", NULL), a),
         count(number(queue, "depth", NULL), b), count(number(queue, "lag", NULL), c), count(number(queue, "pending", NULL), d));
    if (outbox)
        line(frame, "outbox   %s frames held, %s of %s bytes  %s sent again",
             count(number(json_object_get(outbox, "held"), "frames", NULL), a), count(number(outbox, "bytes", NULL), b),
             count(number(outbox, "room", NULL), c), count(number(outbox, "resent", NULL), d));
}

/* Records that were closed; in a process that only judges them, those that it has judged. */
static double flows_of(const json_t *account)
{
    double records = sum(json_object_get(account, "records"));
    return records > 0 ? records : number(account, "rows", "scored");
}

void weir_top_frame(const json_t *before, const json_t *now, unsigned columns, unsigned rows, FILE *to)
{
    struct frame frame = {columns, rows, to};
    const json_t *account = json_object_get(now, "account"), *old = json_object_get(before, "account");
    const json_t *flows = json_object_get(account, "flows"), *row = json_object_get(account, "rows"),
                 *store = json_object_get(account, "store"), *packets = json_object_get(account, "packets");
    double seconds = number(account, "seconds", NULL) - number(old, "seconds", NULL);
    char a[32], b[32], c[32], d[32];
    line(&frame, "weir %s  %s  pid %.0f  up %.0f s  model %s", text_of(now, "version"), text_of(now, "state"),
         number(now, "pid", NULL), number(now, "uptime_s", NULL), text_of(now, "model"));
    if (*text_of(now, "problem"))
        line(&frame, "PROBLEM  %s", text_of(now, "problem"));
    line(&frame, "%s", "");
    line(&frame, "flows/s  %8s   active flows %8s   alerts %8s  (%s/s)",
         count(rate(flows_of(old), flows_of(account), seconds), a), count(number(flows, "active", NULL), b),
         count(number(account, "alerts", NULL), c),
         count(rate(number(old, "alerts", NULL), number(account, "alerts", NULL), seconds), d));
    print_ports(&frame, old, account, json_object_get(now, "source"), seconds);
    line(&frame, "decision p50 %9s  p99 %9s     durable p50 %9s  p99 %9s", span(number(account, "decision_us", "p50"), a),
         span(number(account, "decision_us", "p99"), b), span(number(account, "durable_us", "p50"), c),
         span(number(account, "durable_us", "p99"), d));
    const json_t *stages = json_object_get(account, "stages_us");
    if (stages)
        line(&frame, "p99 by stage   batch %9s  queue %9s  score %9s  store %9s",
             span(number(json_object_get(stages, "batch_wait"), "p99", NULL), a),
             span(number(json_object_get(stages, "queue"), "p99", NULL), b),
             span(number(json_object_get(stages, "score"), "p99", NULL), c),
             span(number(json_object_get(stages, "store"), "p99", NULL), d));
    double batches = number(account, "batches", NULL) - number(old, "batches", NULL);
    if (json_object_get(account, "queue"))
        print_streams(&frame, account);
    else
        line(&frame, "queue    %3.0f of %.0f batches, the first for %s   %.1f rows a batch", number(now, "queue", "depth"),
             number(now, "queue", "room"), span(number(now, "queue", "age_us"), a),
             batches > 0 ? (number(row, "scored", NULL) - number(json_object_get(old, "rows"), "scored", NULL)) / batches : 0.0);
    line(&frame, "losses   packets dropped %s  rows shed %s  unscored %s  not kept %s",
         count(sum(json_object_get(packets, "dropped")), a), count(sum(json_object_get(row, "shed")), b),
         count(number(row, "unscored", NULL), c),
         count(sum(json_object_get(store, "withheld")) + sum(json_object_get(store, "rejected")), d));
    line(&frame, "%s", "");
    print_classes(&frame, old, account, seconds);
    line(&frame, "%s", "");
    line(&frame, "last alerts");
    size_t i;
    json_t *alert;
    json_array_foreach(json_object_get(now, "alerts"), i, alert)
        line(&frame, "  %s", json_string_value(alert) ? json_string_value(alert) : "");
}
