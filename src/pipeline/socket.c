#include "pipeline/socket.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { TICK_MS = 100, SEND_MS = 250 };

struct weir_peer {
    struct weir_socket *socket;
    pthread_t thread;
    bool started; /* the thread is to be joined; only the listening thread looks at it */
    bool ended;   /* under the lock: the thread has nothing more to do */
    int fd;       /* under the lock: -1 when closed */
    char *line;   /* WEIR_SOCKET_LINE + 1 bytes */
};

struct weir_socket {
    struct weir_socket_config config;
    char *path;
    dev_t device; /* of the socket in the file system: what is there at the end may be another's */
    ino_t inode;
    int fd;
    pthread_t thread;
    bool started;
    atomic_bool stopping, hurry;
    pthread_mutex_t lock;
    struct weir_peer peer[WEIR_SOCKET_CLIENTS];
};

bool weir_peer_send(struct weir_peer *peer, const void *bytes, size_t size)
{
    const char *at = bytes;
    int waits = 0; /* without a byte taken */
    while (size) {
        ssize_t n = send(peer->fd, at, size, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK) && ++waits * SEND_MS < WEIR_SOCKET_SEND_S * 1000 &&
            !atomic_load_explicit(&peer->socket->hurry, memory_order_acquire))
            continue;
        if (n <= 0)
            return false;
        waits = 0;
        at += n;
        size -= (size_t)n;
    }
    return true;
}

static void refuse(struct weir_peer *peer, const char *why)
{
    weir_peer_send(peer, why, strlen(why));
}

static void *serve(void *argument)
{
    struct weir_peer *peer = argument;
    struct weir_socket *socket = peer->socket;
    size_t used = 0;
    for (;;) {
        char *end = memchr(peer->line, '\n', used);
        if (end) {
            size_t length = (size_t)(end - peer->line);
            socket->config.answer(socket->config.context, peer->line, length, peer);
            used -= length + 1;
            memmove(peer->line, end + 1, used);
            continue;
        }
        if (used > WEIR_SOCKET_LINE) {
            refuse(peer, "{\"ok\":false,\"error\":\"the line is too long\"}\n");
            break;
        }
        ssize_t n = recv(peer->fd, peer->line + used, WEIR_SOCKET_LINE + 1 - used, 0);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            break;
        used += (size_t)n;
    }
    pthread_mutex_lock(&socket->lock);
    close(peer->fd);
    peer->fd = -1;
    peer->ended = true;
    pthread_mutex_unlock(&socket->lock);
    return NULL;
}

static void reap(struct weir_peer *peer)
{
    pthread_mutex_lock(&peer->socket->lock);
    bool ended = peer->ended;
    pthread_mutex_unlock(&peer->socket->lock);
    if (peer->started && ended) {
        pthread_join(peer->thread, NULL);
        free(peer->line);
        peer->line = NULL;
        peer->started = false;
    }
}

static bool is_ours(int fd)
{
    struct ucred who;
    socklen_t size = sizeof who;
    return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &size) == 0 && (who.uid == geteuid() || who.uid == 0);
}

static void admit(struct weir_socket *socket, int fd)
{
    struct timeval idle = {.tv_sec = WEIR_SOCKET_IDLE_S}, stuck = {.tv_usec = SEND_MS * 1000};
    struct weir_peer *peer = NULL, nobody = {.fd = fd, .socket = socket};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &idle, sizeof idle);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &stuck, sizeof stuck);
    for (unsigned i = 0; i < WEIR_SOCKET_CLIENTS; i++) {
        reap(&socket->peer[i]);
        if (!peer && !socket->peer[i].started)
            peer = &socket->peer[i];
    }
    if (!is_ours(fd)) {
        close(fd);
        return;
    }
    if (peer && (peer->line = malloc(WEIR_SOCKET_LINE + 1))) {
        peer->fd = fd;
        peer->ended = false;
        if (pthread_create(&peer->thread, NULL, serve, peer) == 0) {
            peer->started = true;
            return;
        }
        peer->fd = -1;
        free(peer->line);
        peer->line = NULL;
    }
    refuse(&nobody, "{\"ok\":false,\"error\":\"too many clients; try again later\"}\n");
    close(fd);
}

static void *listen_to(void *argument)
{
    struct weir_socket *socket = argument;
    while (!atomic_load_explicit(&socket->stopping, memory_order_acquire)) {
        struct pollfd wait = {.fd = socket->fd, .events = POLLIN};
        int ready = poll(&wait, 1, TICK_MS);
        if (socket->config.tick)
            socket->config.tick(socket->config.context);
        if (ready <= 0)
            continue;
        int fd = accept4(socket->fd, NULL, NULL, SOCK_CLOEXEC);
        if (fd >= 0)
            admit(socket, fd);
        else if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS)
            poll(NULL, 0, TICK_MS); /* it stays ready: no busy loop */
    }
    return NULL;
}

static weir_err fail(const char *path, int number, const char *what, struct weir_error *error)
{
    weir_err code = number == ENOENT || number == ENOTDIR                      ? WEIR_ERR_NOT_FOUND
                    : number == EACCES || number == EPERM || number == EROFS   ? WEIR_ERR_PERMISSION
                    : number == EMFILE || number == ENFILE || number == ENOMEM ? WEIR_ERR_LIMIT
                                                                               : WEIR_ERR_IO;
    return weir_fail(error, code, "control socket %s: %s: %s; give another path with --control, or --control none", path, what,
                     strerror(number));
}

/* Makes room at the path: a socket without a listener is what a killed weir leaves. */
static weir_err clear_path(const char *path, const struct sockaddr_un *address, struct weir_error *error)
{
    struct stat there;
    if (lstat(path, &there))
        return errno == ENOENT ? WEIR_OK : fail(path, errno, "cannot look at it", error);
    if (!S_ISSOCK(there.st_mode))
        return weir_fail(error, WEIR_ERR_ARGUMENT,
                         "control socket %s: a file of another kind is there; give another path with --control", path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return fail(path, errno, "no socket", error);
    int result = connect(fd, (const struct sockaddr *)address, sizeof *address), number = errno;
    close(fd);
    if (result == 0)
        return weir_fail(error, WEIR_ERR_BUSY,
                         "control socket %s: another weir answers there; give another path with --control, or --control none",
                         path);
    if (number != ECONNREFUSED)
        return fail(path, number, "a socket is there", error);
    return unlink(path) && errno != ENOENT ? fail(path, errno, "cannot remove the old one", error) : WEIR_OK;
}

weir_err weir_socket_start(const struct weir_socket_config *config, struct weir_socket **out, struct weir_error *error)
{
    *out = NULL;
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct stat made;
    size_t length = strlen(config->path);
    if (!length || length >= sizeof address.sun_path)
        return weir_fail(error, WEIR_ERR_ARGUMENT, "control socket %.200s: give a path of 1 to %zu bytes with --control",
                         config->path, sizeof address.sun_path - 1);
    memcpy(address.sun_path, config->path, length);
    weir_err code = WEIR_ERR_MEMORY;
    struct weir_socket *s = calloc(1, sizeof *s);
    if (!s || !(s->path = strdup(config->path))) {
        free(s);
        return weir_fail(error, code, "control socket: out of memory");
    }
    s->config = *config;
    s->config.path = s->path;
    s->fd = -1;
    pthread_mutex_init(&s->lock, NULL);
    for (unsigned i = 0; i < WEIR_SOCKET_CLIENTS; i++) {
        s->peer[i].socket = s;
        s->peer[i].fd = -1;
    }
    if ((code = clear_path(s->path, &address, error)) != WEIR_OK)
        goto fail;
    /* the mode of the socket, less the umask, becomes that of its file: at no time can others connect */
    if ((s->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) < 0 || fchmod(s->fd, 0600) ||
        bind(s->fd, (struct sockaddr *)&address, sizeof address)) {
        code = fail(s->path, errno, "cannot be made", error);
        goto fail;
    }
    if (chmod(s->path, 0600) || lstat(s->path, &made) || listen(s->fd, WEIR_SOCKET_CLIENTS)) {
        code = fail(s->path, errno, "cannot be listened on", error);
        unlink(s->path);
        goto fail;
    }
    s->device = made.st_dev;
    s->inode = made.st_ino;
    if (pthread_create(&s->thread, NULL, listen_to, s)) {
        code = weir_fail(error, WEIR_ERR_LIMIT, "control socket %s: cannot start its thread", s->path);
        goto fail;
    }
    s->started = true;
    *out = s;
    return WEIR_OK;
fail:
    weir_socket_stop(&s);
    return code;
}

void weir_socket_hurry(struct weir_socket *socket)
{
    atomic_store_explicit(&socket->hurry, true, memory_order_release);
}

void weir_socket_stop(struct weir_socket **socket)
{
    if (!socket || !*socket)
        return;
    struct weir_socket *s = *socket;
    struct stat there;
    atomic_store_explicit(&s->stopping, true, memory_order_release);
    weir_socket_hurry(s);
    if (s->started)
        pthread_join(s->thread, NULL);
    if (s->inode && lstat(s->path, &there) == 0 && there.st_dev == s->device && there.st_ino == s->inode)
        unlink(s->path);
    if (s->fd >= 0)
        close(s->fd);
    pthread_mutex_lock(&s->lock);
    for (unsigned i = 0; i < WEIR_SOCKET_CLIENTS; i++)
        if (s->peer[i].fd >= 0)
            shutdown(s->peer[i].fd, SHUT_RD); /* the thread's next read ends it */
    pthread_mutex_unlock(&s->lock);
    for (unsigned i = 0; i < WEIR_SOCKET_CLIENTS; i++)
        if (s->peer[i].started) {
            pthread_join(s->peer[i].thread, NULL);
            free(s->peer[i].line);
        }
    pthread_mutex_destroy(&s->lock);
    free(s->path);
    free(s);
    *socket = NULL;
}
