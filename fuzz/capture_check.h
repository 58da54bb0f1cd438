/* Both capture parsers are held to one rule: however the bytes of a file are cut into pieces, the same records are found and the
 * same end is reached. A record found lies within the bytes. */
#ifndef WEIR_FUZZ_CAPTURE_CHECK_H
#define WEIR_FUZZ_CAPTURE_CHECK_H

#include <stdlib.h>
#include <string.h>

#include "capture/packet.h"
#include "capture/record.h"
#include "weir/error.h"

#define CHECK(condition)                                                                                                         \
    do {                                                                                                                         \
        if (!(condition))                                                                                                        \
            abort();                                                                                                             \
    } while (0)

enum { BLOCK_MAX = 2000, RECORDS_MAX = 64 };

typedef weir_err capture_parse(void *parser, struct weir_parse *parse, struct weir_error *error);

/* What one way through the file has found. */
struct capture_found {
    uint64_t records, digest, end;
    weir_err result;
};

static inline void capture_digest(struct capture_found *found, const void *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++)
        found->digest = (found->digest ^ ((const uint8_t *)bytes)[i]) * 1099511628211u;
}

/* Feeds `step` more bytes at a time, from a buffer of just the bytes that the parser may see, at most `max` records a call. */
static inline struct capture_found capture_walk(void *parser, capture_parse *call, const uint8_t *data, size_t size, size_t step,
                                                size_t max)
{
    struct capture_found found = {.digest = 14695981039346656037u};
    struct weir_record record[RECORDS_MAX];
    size_t at = 0, len = 0;
    while (!found.result) {
        uint8_t *piece = malloc(len + 1);
        memcpy(piece, data + at, len);
        struct weir_parse parse = {.data = piece, .len = len, .base = 1000, .record = record, .max = max};
        struct weir_error error;
        found.result = call(parser, &parse, &error);
        CHECK(parse.count <= max && parse.used <= len);
        CHECK(!found.result || error.text[0]);
        for (size_t i = 0; i < parse.count; i++) {
            const struct weir_record *r = &record[i];
            CHECK(r->offset >= 1000 && r->offset - 1000 <= parse.used && r->caplen <= parse.used - (r->offset - 1000));
            CHECK(r->caplen <= r->wirelen && r->caplen <= WEIR_RECORD_MAX_BYTES);
            CHECK(r->ts_ns >= 0 && r->ts_ns <= WEIR_TIME_MAX_NS);
            capture_digest(&found, piece + (r->offset - 1000), r->caplen);
            capture_digest(&found, &r->ts_ns, sizeof r->ts_ns);
            capture_digest(&found, &r->wirelen, sizeof r->wirelen);
            capture_digest(&found, &r->link, sizeof r->link);
        }
        free(piece);
        found.records += parse.count;
        at += parse.used;
        len -= parse.used;
        found.end = at;
        if (parse.count == max)
            continue; /* there may be more in what it has */
        if (at + len == size)
            break;
        CHECK(found.result || len < BLOCK_MAX || parse.used); /* a parser never asks for more than it said it would */
        len += step < size - at - len ? step : size - at - len;
    }
    return found;
}

static inline void capture_compare(const struct capture_found *a, const struct capture_found *b)
{
    CHECK(a->records == b->records && a->digest == b->digest && a->result == b->result && a->end == b->end);
}

#endif
