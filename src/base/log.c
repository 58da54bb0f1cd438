#include "base/log.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static atomic_int max_level = WEIR_LOG_INFO;
static atomic_bool passing; /* a line of weir_log_passing stands there */

void weir_log_set_level(enum weir_log_level level)
{
    atomic_store_explicit(&max_level, (int)level, memory_order_relaxed);
}

/* systemd.exec(5): the device and the inode of the journal's stream, if standard error is that stream. */
static bool to_journal(void)
{
    const char *stream = getenv("JOURNAL_STREAM");
    uintmax_t device, inode;
    char more;
    struct stat st;
    return stream && sscanf(stream, "%ju:%ju%c", &device, &inode, &more) == 2 && fstat(STDERR_FILENO, &st) == 0 &&
           st.st_dev == device && st.st_ino == inode;
}

void weir_log(enum weir_log_level level, const char *format, ...)
{
    static const char *const prefix[][2] = {
        {"weir: error: ", "<3>error: "}, {"weir: warning: ", "<4>warning: "}, {"weir: ", "<6>"}, {"weir: debug: ", "<7>debug: "}};
    if ((int)level > atomic_load_explicit(&max_level, memory_order_relaxed))
        return;
    char line[1024];
    const char *clear = atomic_exchange_explicit(&passing, false, memory_order_relaxed) ? "\r\033[K" : "";
    int used = snprintf(line, sizeof line, "%s%s", clear, prefix[level][to_journal()]);
    va_list args;
    va_start(args, format);
    int more = vsnprintf(line + used, sizeof line - (size_t)used - 1, format, args);
    va_end(args);
    if (more < 0)
        return;
    size_t n = (size_t)used + (size_t)more;
    if (n > sizeof line - 2)
        n = sizeof line - 2;
    line[n++] = '\n';
    ssize_t ignored = write(STDERR_FILENO, line, n);
    (void)ignored;
}

void weir_log_passing(const char *format, ...)
{
    char text[200], line[256];
    if (atomic_load_explicit(&max_level, memory_order_relaxed) < WEIR_LOG_INFO || !isatty(STDERR_FILENO))
        return;
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (!*text && !atomic_load_explicit(&passing, memory_order_relaxed))
        return;
    atomic_store_explicit(&passing, *text, memory_order_relaxed);
    int n = snprintf(line, sizeof line, "\r\033[K%s%s", *text ? "weir: " : "", text);
    ssize_t ignored = write(STDERR_FILENO, line, (size_t)n);
    (void)ignored;
}
