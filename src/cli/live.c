#include "cli/live.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

struct text {
    char *at;
    size_t left;
};

__attribute__((format(printf, 2, 3))) static void put(struct text *text, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int n = vsnprintf(text->at, text->left, format, args);
    va_end(args);
    size_t used = n < 0 ? 0 : (size_t)n < text->left ? (size_t)n : text->left - 1;
    text->at += used;
    text->left -= used;
}

/* 1234567 -> "1.23M" */
static void put_count(struct text *text, double value)
{
    if (value >= 1e6)
        put(text, "%.2fM", value / 1e6);
    else if (value >= 1e4)
        put(text, "%.0fk", value / 1e3);
    else
        put(text, "%.0f", value);
}

void weir_live_init(struct weir_live *live)
{
    *live = (struct weir_live){.terminal = isatty(STDERR_FILENO) == 1};
}

void weir_live_draw(struct weir_live *live, const struct weir_account *account, const struct weir_alert_line *lines,
                    unsigned line_count, double done_share)
{
    char line[512];
    struct text text = {line, sizeof line};
    uint64_t records = weir_account_records(account);
    double span = account->seconds - live->shown_s;
    put_count(&text, span > 0 ? (double)(records - live->shown_records) / span : 0);
    put(&text, " flows/s");
    if (done_share >= 0)
        put(&text, " | %.0f %%", 100 * done_share);
    if (account->remote.used) {
        put(&text, " | committed ");
        put_count(&text, (double)account->remote.outbox.committed_rows);
        put(&text, ", waiting ");
        put_count(&text, (double)account->remote.outbox.held_rows);
        put(&text, " rows");
    } else {
        put(&text, " | decision p50 %.0f p99 %.0f us |", (double)weir_histogram_quantile(&account->decision_ns, 0.5) / 1e3,
            (double)weir_histogram_quantile(&account->decision_ns, 0.99) / 1e3);
    }
    for (size_t c = 0; c < WEIR_CLASSES_SHOWN; c++)
        if (account->class_rows[c]) {
            put(&text, " %s ", account->class_name[c]);
            put_count(&text, (double)account->class_rows[c]);
        }
    if (weir_account_not_kept(account)) {
        put(&text, " | not kept ");
        put_count(&text, (double)weir_account_not_kept(account));
    }
    if (line_count)
        put(&text, " | last: %s", lines[0].text);
    live->shown_s = account->seconds;
    live->shown_records = records;
    if (!live->terminal) {
        fprintf(stderr, "weir: %s\n", line);
        return;
    }
    struct winsize size = {0};
    unsigned width = ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 1 ? size.ws_col - 1u : 79;
    fprintf(stderr, "\r\033[K%.*s", (int)width, line);
    fflush(stderr);
    live->drawn = true;
}

void weir_live_clear(struct weir_live *live)
{
    if (!live->drawn)
        return;
    fputs("\r\033[K", stderr);
    fflush(stderr);
    live->drawn = false;
}
