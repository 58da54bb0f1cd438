#include "cli/ask.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

/* A line of a query's answer is a row; its cells can be long. */
enum { LINE_MAX_BYTES = 64 << 20 };

struct weir_ask {
    char path[WEIR_CONTROL_PATH];
    int fd;
    char *bytes;
    size_t used, room, taken; /* taken: of the line that was given out last */
};

/* The usual places, the likeliest first. False when there is no such place here. */
static bool place(unsigned number, char path[WEIR_CONTROL_PATH])
{
    const char *service = getenv("RUNTIME_DIRECTORY"), *session = getenv("XDG_RUNTIME_DIR");
    int n = -1;
    if (number == 0 && service && *service)
        n = snprintf(path, WEIR_CONTROL_PATH, "%.*s/control", (int)strcspn(service, ":"), service); /* systemd may name several */
    else if (service && *service)
        return false; /* a service looks nowhere else */
    else if (number == 1 && session && *session)
        n = snprintf(path, WEIR_CONTROL_PATH, "%s/weir/control", session);
    else if (number == 2)
        n = snprintf(path, WEIR_CONTROL_PATH, "/run/weir/control");
    return n > 0 && n < WEIR_CONTROL_PATH;
}

bool weir_control_place(char path[WEIR_CONTROL_PATH])
{
    for (unsigned i = 0; i < 3; i++) {
        if (!place(i, path) || (i == 2 && geteuid() != 0))
            continue;
        if (i == 0)
            return true; /* the folder is systemd's to make */
        char *slash = strrchr(path, '/');
        *slash = 0;
        bool there = mkdir(path, 0700) == 0 || errno == EEXIST;
        *slash = '/';
        if (there)
            return true;
    }
    return false;
}

static weir_err dial(struct weir_ask *ask, unsigned timeout_s, struct weir_error *error)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct timeval wait = {.tv_sec = timeout_s};
    if (strlen(ask->path) >= sizeof address.sun_path)
        return weir_fail(error, WEIR_ERR_ARGUMENT, "%s: too long for a socket's path", ask->path);
    strcpy(address.sun_path, ask->path);
    ask->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (ask->fd < 0)
        return weir_fail(error, WEIR_ERR_IO, "no socket: %s", strerror(errno));
    setsockopt(ask->fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait);
    setsockopt(ask->fd, SOL_SOCKET, SO_SNDTIMEO, &(struct timeval){.tv_sec = 10}, sizeof wait);
    if (connect(ask->fd, (struct sockaddr *)&address, sizeof address) == 0)
        return WEIR_OK;
    int number = errno;
    close(ask->fd);
    ask->fd = -1;
    if (number == EACCES || number == EPERM)
        return weir_fail(error, WEIR_ERR_PERMISSION, "%s: only root and the user that runs weir may ask it", ask->path);
    if (number == ENOENT || number == ENOTDIR || number == ECONNREFUSED)
        return weir_fail(error, WEIR_ERR_NOT_FOUND, "%s: no weir runs there; start `weir run`, or give its --control PATH",
                         ask->path);
    return weir_fail(error, WEIR_ERR_IO, "%s: %s", ask->path, strerror(number));
}

weir_err weir_ask_open(const char *path, unsigned timeout_s, struct weir_ask **out, struct weir_error *error)
{
    *out = NULL;
    struct weir_ask *ask = calloc(1, sizeof *ask);
    if (!ask)
        return weir_fail(error, WEIR_ERR_MEMORY, "out of memory");
    ask->fd = -1;
    weir_err code = WEIR_ERR_NOT_FOUND;
    if (path) {
        if (strlen(path) >= sizeof ask->path)
            code = weir_fail(error, WEIR_ERR_ARGUMENT, "%.100s...: too long for a socket's path", path);
        else {
            strcpy(ask->path, path);
            code = dial(ask, timeout_s, error);
        }
    } else {
        for (unsigned i = 0; code == WEIR_ERR_NOT_FOUND && i < 3; i++)
            if (place(i, ask->path))
                code = dial(ask, timeout_s, error);
    }
    if (code != WEIR_OK) {
        weir_ask_close(&ask);
        return code;
    }
    *out = ask;
    return WEIR_OK;
}

void weir_ask_close(struct weir_ask **ask)
{
    if (!ask || !*ask)
        return;
    if ((*ask)->fd >= 0)
        close((*ask)->fd);
    free((*ask)->bytes);
    free(*ask);
    *ask = NULL;
}

const char *weir_ask_path(const struct weir_ask *ask)
{
    return ask->path;
}

weir_err weir_ask_send(struct weir_ask *ask, json_t *request, struct weir_error *error)
{
    char *text = request ? json_dumps(request, JSON_COMPACT) : NULL;
    json_decref(request);
    if (!text)
        return weir_fail(error, WEIR_ERR_FORMAT, "the request cannot be put into JSON: is its text UTF-8?");
    size_t size = strlen(text);
    text[size++] = '\n'; /* over the NUL */
    for (size_t at = 0; at < size;) {
        ssize_t n = send(ask->fd, text + at, size - at, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            free(text);
            return weir_fail(error, WEIR_ERR_CLOSED, "%s: the weir there has hung up: %s", ask->path, strerror(errno));
        }
        at += (size_t)n;
    }
    free(text);
    return WEIR_OK;
}

/* More bytes behind those that are there. */
static weir_err receive(struct weir_ask *ask, struct weir_error *error)
{
    if (ask->used == ask->room) {
        size_t room = ask->room ? 2 * ask->room : 65536;
        char *more = room <= LINE_MAX_BYTES ? realloc(ask->bytes, room) : NULL;
        if (!more)
            return weir_fail(error, WEIR_ERR_LIMIT, "%s: a line of the answer is too long", ask->path);
        ask->bytes = more;
        ask->room = room;
    }
    ssize_t n;
    do
        n = recv(ask->fd, ask->bytes + ask->used, ask->room - ask->used, 0);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return weir_fail(error, WEIR_ERR_CLOSED, "%s: no answer: %s", ask->path,
                         errno == EAGAIN ? "the weir there is stuck; look at its log" : strerror(errno));
    if (n == 0)
        return weir_fail(error, WEIR_ERR_CLOSED, "%s: the weir there has hung up", ask->path);
    ask->used += (size_t)n;
    return WEIR_OK;
}

weir_err weir_ask_next(struct weir_ask *ask, json_t **out, struct weir_error *error)
{
    *out = NULL;
    ask->used -= ask->taken;
    if (ask->taken)
        memmove(ask->bytes, ask->bytes + ask->taken, ask->used);
    ask->taken = 0;
    char *end = NULL;
    for (size_t looked = 0; !(end = ask->used > looked ? memchr(ask->bytes + looked, '\n', ask->used - looked) : NULL);) {
        looked = ask->used;
        weir_err code = receive(ask, error);
        if (code != WEIR_OK)
            return code;
    }
    ask->taken = (size_t)(end - ask->bytes) + 1;
    *out = json_loadb(ask->bytes, ask->taken, JSON_ALLOW_NUL, NULL);
    return *out ? WEIR_OK
                : weir_fail(error, WEIR_ERR_FORMAT, "%s: the answer is no JSON; what listens there is no weir", ask->path);
}

weir_err weir_ask(struct weir_ask *ask, json_t *request, json_t **out, struct weir_error *error)
{
    weir_err code = weir_ask_send(ask, request, error);
    if (code == WEIR_OK)
        code = weir_ask_next(ask, out, error);
    if (code == WEIR_OK && !json_is_true(json_object_get(*out, "ok"))) {
        const char *said = json_string_value(json_object_get(*out, "error"));
        code = weir_fail(error, WEIR_ERR_MISMATCH, "%s", said ? said : "refused without a reason");
        json_decref(*out);
        *out = NULL;
    }
    return code;
}
