#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

weir_err weir_file_fail(struct weir_error *error, const char *path, const char *what)
{
    int number = errno;
    weir_err code = number == ENOENT || number == ENOTDIR ? WEIR_ERR_NOT_FOUND
                    : number == EACCES || number == EPERM ? WEIR_ERR_PERMISSION
                    : number == ENOMEM                    ? WEIR_ERR_MEMORY
                                                          : WEIR_ERR_IO;
    return weir_fail(error, code, "%s: cannot %s: %s", path, what, strerror(number));
}

weir_err weir_file_read(const char *path, size_t limit, uint8_t **bytes, size_t *size, struct weir_error *error)
{
    uint8_t *buffer = NULL;
    size_t used = 0, room = 0;
    weir_err err = WEIR_OK;
    struct stat info;
    *bytes = NULL;
    *size = 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return weir_file_fail(error, path, "open it");
    if (fstat(fd, &info)) {
        err = weir_file_fail(error, path, "look at it");
        goto out;
    }
    if (S_ISREG(info.st_mode) && (uint64_t)info.st_size < limit)
        room = (size_t)info.st_size + 1; /* one more: the end is seen without growing */
    for (;;) {
        if (used == room || !buffer) {
            if (buffer || !room)
                room = room ? room * 2 : 65536;
            uint8_t *grown = realloc(buffer, room);
            if (!grown) {
                err = weir_fail(error, WEIR_ERR_MEMORY, "%s: out of memory after %zu bytes", path, used);
                goto out;
            }
            buffer = grown;
        }
        ssize_t n = read(fd, buffer + used, room - used);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            err = weir_file_fail(error, path, "read it");
            goto out;
        }
        if (!n)
            break;
        used += (size_t)n;
        if (used > limit) {
            err = weir_fail(error, WEIR_ERR_LIMIT, "%s: larger than %zu bytes", path, limit);
            goto out;
        }
    }
    *bytes = buffer;
    *size = used;
    buffer = NULL;
out:
    free(buffer);
    close(fd);
    return err;
}

weir_err weir_file_map(const char *path, size_t limit, struct weir_file_map *out, struct weir_error *error)
{
    struct stat info;
    weir_err err = WEIR_OK;
    *out = (struct weir_file_map){0};
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return weir_file_fail(error, path, "open it");
    bool regular = !fstat(fd, &info) && S_ISREG(info.st_mode) && info.st_size > 0;
    if (regular && (uint64_t)info.st_size > limit) {
        err = weir_fail(error, WEIR_ERR_LIMIT, "%s: larger than %zu bytes", path, limit);
    } else if (regular) {
        void *bytes = mmap(NULL, (size_t)info.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
        if (bytes == MAP_FAILED)
            err = weir_file_fail(error, path, "map it");
        else
            *out = (struct weir_file_map){bytes, (size_t)info.st_size, true};
    }
    close(fd);
    if (!regular) {
        uint8_t *bytes;
        err = weir_file_read(path, limit, &bytes, &out->size, error);
        out->bytes = bytes;
    }
    return err;
}

void weir_file_unmap(struct weir_file_map *map)
{
    void *bytes;
    memcpy(&bytes, &map->bytes, sizeof bytes);
    if (map->mapped)
        munmap(bytes, map->size);
    else
        free(bytes);
    *map = (struct weir_file_map){0};
}

static int write_all(int fd, const uint8_t *bytes, size_t size)
{
    while (size) {
        ssize_t n = write(fd, bytes, size);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -1;
        bytes += n;
        size -= (size_t)n;
    }
    return 0;
}

static weir_err write_direct(const char *path, const void *bytes, size_t size, struct weir_error *error)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return weir_file_fail(error, path, "open it");
    weir_err err = write_all(fd, bytes, size) ? weir_file_fail(error, path, "write it") : WEIR_OK;
    if (close(fd) && !err)
        err = weir_file_fail(error, path, "write it");
    return err;
}

weir_err weir_file_write(const char *path, const void *bytes, size_t size, struct weir_error *error)
{
    struct stat info;
    char target[PATH_MAX], beside[PATH_MAX];
    int exists = !stat(path, &info);
    if (exists && !S_ISREG(info.st_mode))
        return write_direct(path, bytes, size, error);
    if (!exists || !realpath(path, target))
        snprintf(target, sizeof target, "%s", path);
    if (strlen(path) >= sizeof target || snprintf(beside, sizeof beside, "%s.XXXXXX", target) >= (int)sizeof beside)
        return weir_fail(error, WEIR_ERR_LIMIT, "%s: the name is too long", path);

    int fd = mkostemp(beside, O_CLOEXEC);
    if (fd < 0)
        return weir_file_fail(error, path, "create a file beside it");
    weir_err err = WEIR_OK;
    mode_t mask = umask(0);
    umask(mask);
    if (fchmod(fd, exists ? info.st_mode & 0777 : 0666 & ~mask) || write_all(fd, bytes, size) || fsync(fd))
        err = weir_file_fail(error, path, "write it");
    if (close(fd) && !err)
        err = weir_file_fail(error, path, "write it");
    if (!err && rename(beside, target))
        err = weir_file_fail(error, path, "replace it");
    if (err)
        unlink(beside);
    return err;
}

bool weir_file_room(const char *path, uint64_t *bytes)
{
    struct statvfs fs;
    char *copy = strdup(path);
    bool known = copy && statvfs(dirname(copy), &fs) == 0;
    free(copy);
    if (known)
        *bytes = (uint64_t)fs.f_bavail * fs.f_frsize;
    return known;
}
