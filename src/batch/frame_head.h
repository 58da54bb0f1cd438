/* What all frames begin with, and the parts that they share: for the frames of this folder only. docs/frame.md lists the offsets.
 *
 * Pure functions; any thread.
 */
#ifndef WEIR_BATCH_FRAME_HEAD_H
#define WEIR_BATCH_FRAME_HEAD_H

#include "batch/frame.h"

enum { WEIR_FRAME_VERSION = 1, WEIR_FRAME_ALIGN = 64 };

struct weir_frame_head {
    uint8_t magic[8];
    uint16_t version, kind;
    uint32_t crc;
    uint64_t bytes, feature_set, column_list;
    uint8_t sensor[16];
    uint64_t boot, seq;
    uint32_t lane;
    uint16_t columns, rows;
    uint32_t names_bytes;
    uint32_t alerts; /* verdicts only, as the rest but sent_ns; else 0 */
    int64_t sent_ns;
    float threshold;
    uint16_t classes;
    uint16_t flags;    /* enum weir_frame_flag; batches, too, as the next */
    int64_t handed_ns; /* wall clock, 0: not known */
    uint8_t reserved[16];
};

static inline size_t weir_frame_aligned(size_t bytes, size_t to)
{
    return (bytes + to - 1) / to * to;
}

/* Writes 0 to out[from..to). */
static inline void weir_frame_clear(uint8_t *out, size_t from, size_t to)
{
    __builtin_memset(out + from, 0, to - from);
}

/* A frame's times may be anything: sums wrap round. */
static inline int64_t weir_frame_shifted(int64_t ns, int64_t by)
{
    return (int64_t)((uint64_t)ns + (uint64_t)by);
}

/* Fills in magic, version, identity of the batch and origin; the rest of *head is the caller's. */
void weir_frame_head_start(struct weir_frame_head *head, enum weir_frame_kind kind, const struct weir_batch *batch,
                           const struct weir_frame_origin *origin);

/* Bytes of names one behind the other, each with its NUL. */
size_t weir_frame_names_bytes(const char *const *names, size_t count);

/* Copies names one behind the other; returns the place behind them. */
uint8_t *weir_frame_put_names(uint8_t *out, const char *const *names, size_t count);

/* Identities and closing times of a batch at these places, gaps included: up to `identity`'s end at `closed`, up to `next` behind
 * the times. */
void weir_frame_put_rows(uint8_t *out, const struct weir_batch *batch, int64_t mono_to_wall, size_t identity, size_t closed,
                         size_t next);

/* The checksum of a frame's bytes as its head has to bear it. */
uint32_t weir_frame_sum(const uint8_t *bytes, size_t size);

/* Puts the checksum in. */
void weir_frame_seal(uint8_t *bytes, size_t size);

/* Reads the head: alignment, magic, version, kind, row and column counts (notes: none, and their lane). Errors as
 * weir_frame_open. */
weir_err weir_frame_head_read(const void *bytes, size_t size, enum weir_frame_kind kind, const char *from,
                              struct weir_frame_head *out, struct weir_error *error);

/* The frame is as long as its head says and its parts take (`end`), and the checksum holds. */
weir_err weir_frame_check_bytes(const uint8_t *bytes, size_t size, const struct weir_frame_head *head, size_t end,
                                const char *from, struct weir_error *error);

/* Finds `count` texts in the names, none of them empty, nothing behind them. name[count] point into the frame. */
weir_err weir_frame_find_names(const uint8_t *bytes, const struct weir_frame_head *head, size_t count, const char *from,
                               const char **name, struct weir_error *error);

/* The `count` names behind the one at `before`, in a frame that was checked. */
void weir_frame_split_names(const char *before, const char **out, size_t count);

weir_err weir_frame_check_identities(const uint8_t *bytes, size_t at, size_t rows, const char *from, struct weir_error *error);

#endif
