/* Reading a model file in steps, so that a file that is none is refused by its first bytes, whatever its size: head, card, the
 * trees' sizes, and the checksum come before anything that needs memory for the whole. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "model/container.h"
#include "model/model.h"

struct reader {
    const char *path;
    int file;
    uint8_t *bytes;
    size_t have, room;
};

/* Reads until `wanted` bytes are there, or the file's end. */
static weir_err fill(struct reader *r, uint64_t wanted, struct weir_error *error)
{
    while (r->have < wanted) {
        if (r->have == r->room) { /* a pipe's head may promise what never comes */
            size_t room = r->room ? 2 * r->room : 65536;
            room = room < wanted ? room : (size_t)wanted;
            uint8_t *grown = realloc(r->bytes, room);
            if (!grown)
                return weir_fail(error, WEIR_ERR_MEMORY, "%s: out of memory after %zu bytes", r->path, r->have);
            r->bytes = grown;
            r->room = room;
        }
        size_t end = r->room < wanted ? r->room : (size_t)wanted;
        ssize_t n = read(r->file, r->bytes + r->have, end - r->have);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return weir_file_fail(error, r->path, "read it");
        if (!n)
            break;
        r->have += (size_t)n;
    }
    return WEIR_OK;
}

/* The card and the trees' sizes. */
static weir_err look(struct reader *r, uint64_t size, struct weir_error *error)
{
    struct weir_container parts;
    struct weir_card card = {0};
    struct weir_error why = {0};
    size_t position;
    weir_err err = weir_container_head(r->bytes, size, r->path, &parts, error);
    if (err)
        return err;
    if (size > WEIR_CONTAINER_FILE_MAX)
        return weir_fail(error, WEIR_ERR_LIMIT, "%s: larger than %zu bytes", r->path, WEIR_CONTAINER_FILE_MAX);
    size_t payload = WEIR_CONTAINER_HEAD_BYTES + parts.card_bytes;
    err = fill(r, payload, error);
    if (err)
        return err;
    if (r->have < payload)
        return weir_fail(error, WEIR_ERR_FORMAT, "%s: offset %zu: the file ends inside its card; copy it again", r->path,
                         r->have);
    err = weir_card_parse((const char *)r->bytes + WEIR_CONTAINER_HEAD_BYTES, parts.card_bytes, &card, &why);
    weir_card_fini(&card);
    if (err)
        return weir_fail(error, err, "%s: offset %d: %s", r->path, WEIR_CONTAINER_HEAD_BYTES, why.text);
    const struct weir_scorer_kind *kind = weir_scorer_kind_find(parts.kind);
    size_t peek = parts.payload_bytes < kind->peek_bytes ? parts.payload_bytes : kind->peek_bytes;
    err = fill(r, payload + peek, error);
    if (err)
        return err;
    if (r->have < payload + peek)
        return weir_fail(error, WEIR_ERR_FORMAT, "%s: offset %zu: the file ends inside its payload; copy it again", r->path,
                         r->have);
    err = kind->peek(parts.kind, r->bytes + payload, peek, parts.payload_bytes, &position, &why);
    return err ? weir_fail(error, err, "%s: offset %zu: %s", r->path, payload + position, why.text) : WEIR_OK;
}

weir_err weir_model_load(const char *path, weir_model **out, struct weir_error *error)
{
    struct reader r = {.path = path};
    struct stat info;
    *out = NULL;
    r.file = open(path, O_RDONLY | O_CLOEXEC);
    if (r.file < 0)
        return weir_file_fail(error, path, "open it");
    weir_err err = fstat(r.file, &info) ? weir_file_fail(error, path, "look at it") : WEIR_OK;
    if (!err)
        err = fill(&r, WEIR_CONTAINER_HEAD_BYTES + WEIR_CONTAINER_SUM_BYTES, error);
    if (err)
        goto out;
    /* Of a pipe the head tells the size. */
    bool regular = S_ISREG(info.st_mode) && (uint64_t)info.st_size >= r.have;
    uint64_t size = regular ? (uint64_t)info.st_size : weir_container_promised(r.bytes, r.have);
    err = look(&r, size, error);
    if (!err && regular)
        err = weir_container_check(r.file, size, path, error);
    if (!err)
        err = fill(&r, size + 1, error); /* one more, to see the end */
    if (!err)
        err = weir_model_parse(r.bytes, r.have, path, out, error);
out:
    free(r.bytes);
    close(r.file);
    return err;
}
