#include "capture/stream.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <zlib.h>
#include <zstd.h>

#define INPUT_BYTES (256 * 1024) /* of compressed input at a time */
#define MAGIC_BYTES 4
#define FIRST_BYTES 4096 /* read to recognise the content */

enum coding { CODING_UNKNOWN, CODING_NONE, CODING_GZIP, CODING_ZSTD };

struct weir_stream {
    int fd;
    bool regular, ended; /* ended: read(2) has said so */
    bool inside;         /* inside a compressed member */
    enum coding coding;
    uint64_t position;
    size_t at, len; /* unread part of input */
    z_stream gzip;
    ZSTD_DStream *zstd;
    struct weir_error failure; /* the first one; code 0: none */
    uint8_t input[INPUT_BYTES];
};

weir_err weir_stream_open(const char *path, struct weir_stream **out, uint64_t *size_bytes, struct weir_error *error)
{
    *out = NULL;
    *size_bytes = 0;
    bool standard = !strcmp(path, "-");
    /* Non-blocking: opening a named pipe must not wait for its writer, poll(2) does. */
    int fd = standard ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) {
        weir_err code = errno == ENOENT || errno == ENOTDIR ? WEIR_ERR_NOT_FOUND
                        : errno == EACCES || errno == EPERM ? WEIR_ERR_PERMISSION
                                                            : WEIR_ERR_IO;
        return weir_fail(error, code, "%s: cannot open: %s", path, strerror(errno));
    }
    struct stat info;
    weir_err result = WEIR_OK;
    if (fstat(fd, &info))
        result = weir_fail(error, WEIR_ERR_IO, "%s: %s", path, strerror(errno));
    else if (S_ISDIR(info.st_mode))
        result = weir_fail(error, WEIR_ERR_ARGUMENT, "%s: is a folder; name a capture file", path);
    struct weir_stream *stream = result ? NULL : malloc(sizeof *stream);
    if (!stream) {
        if (!standard)
            close(fd);
        return result ? result : weir_fail(error, WEIR_ERR_MEMORY, "%s: out of memory", path);
    }
    memset(stream, 0, offsetof(struct weir_stream, input));
    stream->fd = fd;
    stream->regular = S_ISREG(info.st_mode);
    if (stream->regular) {
        *size_bytes = (uint64_t)info.st_size;
        posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL);
    }
    *out = stream;
    return WEIR_OK;
}

void weir_stream_close(struct weir_stream **stream)
{
    struct weir_stream *s = *stream;
    if (!s)
        return;
    *stream = NULL;
    if (s->coding == CODING_GZIP)
        inflateEnd(&s->gzip);
    ZSTD_freeDStream(s->zstd);
    if (s->fd != STDIN_FILENO)
        close(s->fd);
    free(s);
}

uint64_t weir_stream_position(const struct weir_stream *stream)
{
    return stream->position;
}

bool weir_stream_compressed(const struct weir_stream *stream)
{
    return stream->coding == CODING_GZIP || stream->coding == CODING_ZSTD;
}

/* One read(2). Waits for a pipe at most `wait_ms`; *got is 0 with WEIR_STREAM_WAIT and WEIR_STREAM_END. */
static weir_err read_some(struct weir_stream *s, uint8_t *to, size_t room, int wait_ms, size_t *got,
                          enum weir_stream_state *state, struct weir_error *error)
{
    *got = 0;
    if (s->ended) {
        *state = WEIR_STREAM_END;
        return WEIR_OK;
    }
    *state = WEIR_STREAM_WAIT;
    if (!s->regular) {
        struct pollfd ready = {.fd = s->fd, .events = POLLIN};
        int n = poll(&ready, 1, wait_ms);
        if (n == 0 || (n < 0 && errno == EINTR))
            return WEIR_OK;
        if (n < 0)
            return weir_fail(error, WEIR_ERR_IO, "cannot wait for input: %s", strerror(errno));
    }
    ssize_t n = read(s->fd, to, room);
    if (n < 0) {
        if (errno == EINTR || errno == EAGAIN)
            return WEIR_OK;
        return weir_fail(error, WEIR_ERR_IO, "cannot read: %s", strerror(errno));
    }
    s->ended = n == 0;
    s->position += (uint64_t)n;
    *got = (size_t)n;
    *state = n ? WEIR_STREAM_DATA : WEIR_STREAM_END;
    return WEIR_OK;
}

/* Puts at least one byte in s->input unless *state says otherwise. */
static weir_err refill(struct weir_stream *s, int wait_ms, enum weir_stream_state *state, struct weir_error *error)
{
    if (s->at < s->len) {
        *state = WEIR_STREAM_DATA;
        return WEIR_OK;
    }
    s->at = s->len = 0;
    return read_some(s, s->input, sizeof s->input, wait_ms, &s->len, state, error);
}

static weir_err start_coding(struct weir_stream *s, struct weir_error *error)
{
    const uint8_t *p = s->input;
    bool skippable = s->len >= 4 && (p[0] & 0xf0) == 0x50 && p[1] == 0x2a && p[2] == 0x4d && p[3] == 0x18;
    if (s->len >= 2 && p[0] == 0x1f && p[1] == 0x8b) {
        if (inflateInit2(&s->gzip, 15 + 16) != Z_OK)
            return weir_fail(error, WEIR_ERR_MEMORY, "cannot start unpacking gzip: out of memory");
        s->coding = CODING_GZIP;
    } else if ((s->len >= 4 && p[0] == 0x28 && p[1] == 0xb5 && p[2] == 0x2f && p[3] == 0xfd) || skippable) {
        s->zstd = ZSTD_createDStream();
        if (!s->zstd)
            return weir_fail(error, WEIR_ERR_MEMORY, "cannot start unpacking zstd: out of memory");
        s->coding = CODING_ZSTD;
    } else {
        s->coding = CODING_NONE;
    }
    return WEIR_OK;
}

/* Unpacks what s->input holds into `to`; *got may stay 0 when the input held only headers. */
static weir_err inflate_some(struct weir_stream *s, uint8_t *to, size_t room, size_t *got, struct weir_error *error)
{
    if (!s->inside)
        inflateReset(&s->gzip);
    s->inside = true;
    s->gzip.next_in = s->input + s->at;
    s->gzip.avail_in = (uInt)(s->len - s->at);
    s->gzip.next_out = to;
    s->gzip.avail_out = (uInt)(room < UINT32_MAX ? room : UINT32_MAX);
    uInt before = s->gzip.avail_out;
    int result = inflate(&s->gzip, Z_NO_FLUSH);
    s->at = s->len - s->gzip.avail_in;
    *got = before - s->gzip.avail_out;
    if (result == Z_STREAM_END)
        s->inside = false;
    else if (result != Z_OK && result != Z_BUF_ERROR)
        return weir_fail(error, WEIR_ERR_FORMAT, "damaged gzip data (%s)", s->gzip.msg ? s->gzip.msg : "no detail");
    return WEIR_OK;
}

static weir_err unzstd_some(struct weir_stream *s, uint8_t *to, size_t room, size_t *got, struct weir_error *error)
{
    ZSTD_inBuffer in = {.src = s->input, .size = s->len, .pos = s->at};
    ZSTD_outBuffer out = {.dst = to, .size = room};
    size_t result = ZSTD_decompressStream(s->zstd, &out, &in);
    s->at = in.pos;
    *got = out.pos;
    if (ZSTD_isError(result))
        return weir_fail(error, WEIR_ERR_FORMAT, "damaged zstd data (%s)", ZSTD_getErrorName(result));
    s->inside = result != 0;
    return WEIR_OK;
}

/* Unpacks until `to` is full or the input has no more for now. */
static weir_err unpack(struct weir_stream *s, uint8_t *to, size_t room, int wait_ms, size_t *got, enum weir_stream_state *state,
                       struct weir_error *error)
{
    bool more = true; /* output may be left inside the decompressor */
    while (*got < room) {
        if (!more || !s->inside) {
            weir_err result = refill(s, *got ? 0 : wait_ms, state, error);
            if (!result && *state == WEIR_STREAM_END && s->inside)
                result = weir_fail(error, WEIR_ERR_FORMAT, "the compressed data is cut short");
            if (result)
                return result;
            if (*state != WEIR_STREAM_DATA)
                break;
        }
        size_t n, left = room - *got;
        weir_err result =
            s->coding == CODING_GZIP ? inflate_some(s, to + *got, left, &n, error) : unzstd_some(s, to + *got, left, &n, error);
        *got += n;
        if (result)
            return result;
        more = n == left || s->at < s->len;
    }
    if (*got)
        *state = WEIR_STREAM_DATA;
    return WEIR_OK;
}

static weir_err read_any(struct weir_stream *s, uint8_t *to, size_t room, int wait_ms, size_t *got, enum weir_stream_state *state,
                         struct weir_error *error)
{
    while (s->coding == CODING_UNKNOWN) {
        size_t n;
        weir_err result = read_some(s, s->input + s->len, FIRST_BYTES - s->len, wait_ms, &n, state, error);
        if (result || *state == WEIR_STREAM_WAIT)
            return result;
        s->len += n;
        if (s->len >= MAGIC_BYTES || *state == WEIR_STREAM_END)
            if ((result = start_coding(s, error)))
                return result;
    }
    if (s->coding != CODING_NONE)
        return unpack(s, to, room, wait_ms, got, state, error);
    if (s->at == s->len)
        return read_some(s, to, room, wait_ms, got, state, error);
    *got = s->len - s->at < room ? s->len - s->at : room; /* what the recognition has taken */
    memcpy(to, s->input + s->at, *got);
    s->at += *got;
    *state = WEIR_STREAM_DATA;
    return WEIR_OK;
}

weir_err weir_stream_read(struct weir_stream *s, uint8_t *to, size_t room, int wait_ms, size_t *got,
                          enum weir_stream_state *state, struct weir_error *error)
{
    *got = 0;
    if (!s->failure.code)
        read_any(s, to, room, wait_ms, got, state, &s->failure);
    return s->failure.code ? weir_fail(error, s->failure.code, "%s", s->failure.text) : WEIR_OK;
}
