#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

static enum weir_log_level max_level = WEIR_LOG_INFO;

void weir_log_set_level(enum weir_log_level level)
{
    max_level = level;
}

void weir_log(enum weir_log_level level, const char *format, ...)
{
    static const char *const prefix[] = {"weir: error: ", "weir: warning: ", "weir: ", "weir: debug: "};
    if (level > max_level)
        return;
    char line[1024];
    int used = snprintf(line, sizeof line, "%s", prefix[level]);
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
