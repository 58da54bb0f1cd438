#include "base/notify.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"

static bool send_text(const char *text, size_t bytes)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const char *name = getenv("NOTIFY_SOCKET");
    size_t length = name ? strlen(name) : 0;
    if (length < 2 || length > sizeof address.sun_path || (name[0] != '/' && name[0] != '@'))
        return false;
    memcpy(address.sun_path, name, length);
    if (name[0] == '@')
        address.sun_path[0] = 0; /* an abstract name: no file, no NUL at the end */
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return false;
    ssize_t sent = sendto(fd, text, bytes, MSG_NOSIGNAL, (const struct sockaddr *)&address,
                          (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length));
    close(fd);
    return sent == (ssize_t)bytes;
}

bool weir_notify(const char *format, ...)
{
    char text[1024];
    va_list args;
    va_start(args, format);
    int n = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (n <= 0)
        return false;
    return send_text(text, (size_t)n < sizeof text ? (size_t)n : sizeof text - 1);
}

bool weir_notify_reloading(void)
{
    return weir_notify("RELOADING=1\nMONOTONIC_USEC=%" PRId64, weir_clock_mono_ns() / 1000);
}

int64_t weir_notify_watchdog_ns(void)
{
    const char *usec = getenv("WATCHDOG_USEC"), *pid = getenv("WATCHDOG_PID");
    char *end;
    if (!usec || (pid && strtoll(pid, NULL, 10) != getpid()))
        return 0;
    errno = 0;
    long long us = strtoll(usec, &end, 10);
    return errno || *end || us <= 0 || us > INT64_MAX / 1000 ? 0 : us * 1000;
}
