#include "store/output.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FIRST_ROOM = 1 << 16 };

weir_err weir_output_fail(const char *path, int number, struct weir_error *error)
{
    const char *text = strerror(number);
    switch (number) {
    case ENOENT:
    case ENOTDIR:
        return weir_fail(error, WEIR_ERR_NOT_FOUND, "%s: %s; make the folder or give another path", path, text);
    case EACCES:
    case EPERM:
    case EROFS:
        return weir_fail(error, WEIR_ERR_PERMISSION, "%s: %s; check the rights of the file and its folder", path, text);
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
        return weir_fail(error, WEIR_ERR_FULL, "%s: %s; make room or give a path elsewhere", path, text);
    case EPIPE:
        return weir_fail(error, WEIR_ERR_CLOSED, "%s: nobody reads it any more", path);
    case ENOMEM:
        return weir_fail(error, WEIR_ERR_MEMORY, "%s: out of memory", path);
    case EISDIR:
        return weir_fail(error, WEIR_ERR_IO, "%s: %s; give the path of a file", path, text);
    default:
        return weir_fail(error, WEIR_ERR_IO, "%s: %s", path, text);
    }
}

bool weir_output_is_stream(const char *path)
{
    struct stat info;
    return !strcmp(path, "-") || (stat(path, &info) == 0 && !S_ISREG(info.st_mode) && !S_ISDIR(info.st_mode));
}

char *weir_output_beside(const char *path)
{
    char *name = NULL;
    return asprintf(&name, "%s.partial-%ld", path, (long)getpid()) < 0 ? NULL : name;
}

/* A line that is cut off at the end of the file must not run into the next one. */
static void close_last_line(struct weir_output *output)
{
    char last;
    struct stat info;
    int fd = open(output->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return;
    if (fstat(fd, &info) == 0 && S_ISREG(info.st_mode) && info.st_size > 0 && pread(fd, &last, 1, info.st_size - 1) == 1 &&
        last != '\n')
        output->bytes[output->used++] = '\n';
    close(fd);
}

weir_err weir_output_open(struct weir_output *output, const char *path, enum weir_output_mode mode, struct weir_error *error)
{
    *output = (struct weir_output){.fd = -1, .own = true};
    bool standard = !strcmp(path, "-"), stream = weir_output_is_stream(path);
    output->path = strdup(standard ? "standard output" : path);
    output->room = FIRST_ROOM;
    output->bytes = malloc(output->room);
    weir_err code = WEIR_OK;
    if (!output->path || !output->bytes) {
        code = weir_fail(error, WEIR_ERR_MEMORY, "%s: out of memory", path);
        goto fail;
    }
    if (standard) {
        output->fd = STDOUT_FILENO;
        output->own = false;
        return WEIR_OK;
    }
    if (mode == WEIR_OUTPUT_REPLACE && !stream) {
        struct stat info;
        if (stat(path, &info) == 0 && S_ISDIR(info.st_mode)) {
            code = weir_output_fail(path, EISDIR, error);
            goto fail;
        }
        if ((output->final = realpath(path, NULL))) { /* a link is followed */
            free(output->path);
        } else {
            output->final = output->path;
        }
        if (!(output->path = weir_output_beside(output->final))) {
            code = weir_fail(error, WEIR_ERR_MEMORY, "%s: out of memory", path);
            goto fail;
        }
        output->fd = open(output->path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    } else {
        output->fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
        if (output->fd >= 0 && !stream)
            close_last_line(output);
    }
    if (output->fd >= 0)
        return WEIR_OK;
    code = weir_output_fail(path, errno, error);
fail:
    weir_output_abort(output);
    return code;
}

char *weir_output_reserve(struct weir_output *output, size_t size)
{
    if (output->room - output->used < size) {
        size_t room = output->room;
        while (room - output->used < size)
            room *= 2;
        char *more = realloc(output->bytes, room);
        if (!more)
            return NULL;
        output->bytes = more;
        output->room = room;
    }
    return output->bytes + output->used;
}

/* Writes the buffer, as far as that goes; *done: so many bytes. */
static weir_err write_out(struct weir_output *output, size_t *done, struct weir_error *error)
{
    for (*done = 0; *done < output->used;) {
        ssize_t n = write(output->fd, output->bytes + *done, output->used - *done);
        if (n > 0)
            *done += (size_t)n;
        else if (n < 0 && errno != EINTR)
            return weir_output_fail(output->final ? output->final : output->path, errno, error);
    }
    return WEIR_OK;
}

weir_err weir_output_flush(struct weir_output *output, struct weir_error *error)
{
    size_t done;
    weir_err code = write_out(output, &done, error);
    output->used = 0;
    return code;
}

static uint64_t count_lines(const char *bytes, size_t size)
{
    uint64_t lines = 0;
    for (const char *at = bytes, *end = bytes + size; at < end && (at = memchr(at, '\n', (size_t)(end - at))); at++)
        lines++;
    return lines;
}

/* Lines are never empty, so a line end in front closes an earlier one. */
static bool closes_a_line(const struct weir_output *output)
{
    return output->used && output->bytes[0] == '\n';
}

uint64_t weir_output_drop_lines(struct weir_output *output)
{
    bool closes = closes_a_line(output);
    uint64_t lines = count_lines(output->bytes, output->used) - closes;
    output->used = closes; /* that is kept: close_last_line */
    return lines;
}

weir_err weir_output_flush_lines(struct weir_output *output, uint64_t *lines, uint64_t *kept, struct weir_error *error)
{
    size_t done;
    struct stat info;
    bool regular = fstat(output->fd, &info) == 0 && S_ISREG(info.st_mode), closes = closes_a_line(output);
    weir_err code = write_out(output, &done, error);
    *lines = *kept = count_lines(output->bytes, output->used) - closes;
    if (code == WEIR_OK) {
        output->used = 0;
        return WEIR_OK;
    }
    const char *last = done ? memrchr(output->bytes, '\n', done) : NULL;
    size_t whole = last ? (size_t)(last - output->bytes) + 1 : 0;
    *kept = whole ? count_lines(output->bytes, whole) - closes : 0;
    if (regular && whole < done && ftruncate(output->fd, info.st_size + (off_t)whole)) /* a cut needs no room */
        code = weir_output_fail(output->path, errno, error);
    output->used = closes && !whole;
    return code;
}

weir_err weir_output_finish(struct weir_output *output, struct weir_error *error)
{
    weir_err code = weir_output_flush(output, error);
    if (code == WEIR_OK && output->own) {
        const char *name = output->final ? output->final : output->path;
        int fd = output->fd;
        output->fd = -1;
        bool good = !output->final || fsync(fd) == 0; /* or a crash could leave the new name with nothing behind it */
        int number = errno;
        if (close(fd) && good) {
            good = false;
            number = errno;
        }
        if (good && output->final && rename(output->path, output->final)) {
            good = false;
            number = errno;
        }
        if (!good)
            code = weir_output_fail(name, number, error);
        else if (output->final) {
            free(output->final);
            output->final = NULL;
        }
    }
    weir_output_abort(output);
    return code;
}

void weir_output_abort(struct weir_output *output)
{
    if (output->fd >= 0 && output->own)
        close(output->fd);
    if (output->final && output->path)
        unlink(output->path);
    free(output->final);
    free(output->path);
    free(output->bytes);
    *output = (struct weir_output){.fd = -1};
}
