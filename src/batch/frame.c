#include "batch/frame.h"

#include <string.h>

#include "batch/batcher.h"
#include "batch/frame_head.h"

enum { TAIL_ALIGN = 16 };

struct places {
    size_t names, identity, closed, x, end;
};

static size_t tail_stride(size_t rows)
{
    return weir_frame_aligned(rows % WEIR_BLOCK_ROWS, TAIL_ALIGN);
}

static struct places find_places(size_t rows, size_t columns, size_t names_bytes)
{
    struct places at = {.names = sizeof(struct weir_frame_head)};
    size_t values = columns * (rows / WEIR_BLOCK_ROWS * WEIR_BLOCK_ROWS + tail_stride(rows));
    at.identity = weir_frame_aligned(at.names + names_bytes, WEIR_FRAME_ALIGN);
    at.closed = weir_frame_aligned(at.identity + rows * sizeof(struct weir_identity), WEIR_FRAME_ALIGN);
    at.x = weir_frame_aligned(at.closed + rows * sizeof(int64_t), WEIR_FRAME_ALIGN);
    at.end = at.x + values * sizeof(float);
    return at;
}

static size_t names_bytes(const struct weir_batch *batch, const char *const *names, const struct weir_frame_origin *origin)
{
    return weir_frame_names_bytes(&origin->name, 1) + weir_frame_names_bytes(names, batch->columns);
}

size_t weir_frame_bytes(const struct weir_batch *batch, const char *const *names, const struct weir_frame_origin *origin)
{
    return find_places(batch->rows, batch->columns, names_bytes(batch, names, origin)).end;
}

void weir_frame_encode(const struct weir_batch *batch, const char *const *names, const struct weir_frame_origin *origin,
                       uint8_t *out)
{
    size_t rows = batch->rows, columns = batch->columns, full = rows / WEIR_BLOCK_ROWS, tail = rows % WEIR_BLOCK_ROWS;
    size_t name_bytes = names_bytes(batch, names, origin), stride = tail_stride(rows);
    struct places at = find_places(rows, columns, name_bytes);
    struct weir_frame_head head;
    weir_frame_head_start(&head, WEIR_FRAME_BATCH, batch, origin);
    head.bytes = at.end;
    head.columns = batch->columns;
    head.names_bytes = (uint32_t)name_bytes;
    head.flags = origin->degrade ? WEIR_FRAME_DEGRADE : 0;
    memcpy(out, &head, sizeof head);
    weir_frame_put_names(weir_frame_put_names(out + at.names, &origin->name, 1), names, columns);
    weir_frame_clear(out, at.names + name_bytes, at.identity);
    weir_frame_put_rows(out, batch, origin->mono_to_wall, at.identity, at.closed, at.x);
    size_t block_bytes = columns * WEIR_BLOCK_ROWS * sizeof(float);
    memcpy(out + at.x, batch->x, full * block_bytes);
    uint8_t *rest = out + at.x + full * block_bytes;
    for (size_t c = 0; tail && c < columns; c++, rest += stride * sizeof(float)) {
        memcpy(rest, batch->x + (full * columns + c) * WEIR_BLOCK_ROWS, tail * sizeof(float));
        weir_frame_clear(rest, tail * sizeof(float), stride * sizeof(float));
    }
    weir_frame_seal(out, at.end);
}

/* The names are those of the column list. */
static weir_err check_names(const uint8_t *bytes, const struct weir_frame_head *head, const char *from, struct weir_error *error)
{
    const char *name[1 + WEIR_FRAME_COLUMNS_MAX];
    weir_err code = weir_frame_find_names(bytes, head, 1u + head->columns, from, name, error);
    if (code != WEIR_OK)
        return code;
    uint64_t list = weir_column_list_id(head->feature_set, name + 1, head->columns);
    if (list != head->column_list)
        return weir_fail(error, WEIR_ERR_FORMAT, "%s: offset 32: column list %016llx, but the names give %016llx", from,
                         (unsigned long long)head->column_list, (unsigned long long)list);
    return WEIR_OK;
}

weir_err weir_frame_open(const void *bytes, size_t size, const char *from, struct weir_frame *out, struct weir_error *error)
{
    const uint8_t *start = bytes;
    struct weir_frame_head head;
    weir_err code = weir_frame_head_read(bytes, size, WEIR_FRAME_BATCH, from, &head, error);
    if (code != WEIR_OK)
        return code;
    struct places at = find_places(head.rows, head.columns, head.names_bytes);
    code = weir_frame_check_bytes(start, size, &head, at.end, from, error);
    if (code == WEIR_OK)
        code = check_names(start, &head, from, error);
    if (code == WEIR_OK)
        code = weir_frame_check_identities(start, at.identity, head.rows, from, error);
    if (code != WEIR_OK)
        return code;
    *out = (struct weir_frame){.feature_set = head.feature_set,
                               .column_list = head.column_list,
                               .boot = head.boot,
                               .seq = head.seq,
                               .lane = head.lane,
                               .columns = head.columns,
                               .rows = head.rows,
                               .sensor = start + offsetof(struct weir_frame_head, sensor),
                               .sent_ns = head.sent_ns,
                               .handed_ns = head.handed_ns,
                               .degrade = head.flags & WEIR_FRAME_DEGRADE,
                               .sensor_name = (const char *)start + at.names,
                               .identity = (const void *)(start + at.identity),
                               .closed_ns = (const void *)(start + at.closed),
                               .x = (const void *)(start + at.x)};
    return WEIR_OK;
}

void weir_frame_names(const struct weir_frame *frame, const char **out)
{
    weir_frame_split_names(frame->sensor_name, out, frame->columns);
}

const float *weir_frame_block(const struct weir_frame *frame, size_t block, float *scratch)
{
    const float *from = frame->x + block * frame->columns * WEIR_BLOCK_ROWS;
    if (block < frame->rows / WEIR_BLOCK_ROWS)
        return from;
    size_t stride = tail_stride(frame->rows);
    for (size_t c = 0; c < frame->columns; c++) {
        float *to = scratch + c * WEIR_BLOCK_ROWS;
        memcpy(to, from + c * stride, stride * sizeof *to);
        memset(to + stride, 0, (WEIR_BLOCK_ROWS - stride) * sizeof *to);
    }
    return scratch;
}

static void fill_rows(const struct weir_frame *frame, int64_t mono_to_wall, struct weir_batch *out)
{
    out->feature_set = frame->feature_set;
    out->column_list = frame->column_list;
    out->boot = frame->boot;
    out->seq = frame->seq;
    out->lane = frame->lane;
    out->columns = frame->columns;
    out->rows = frame->rows;
    out->handed_ns = frame->handed_ns ? weir_frame_shifted(frame->handed_ns, -mono_to_wall) : 0;
    memcpy(out->identity, frame->identity, frame->rows * sizeof *out->identity);
    out->opened_ns = INT64_MAX;
    for (size_t r = 0; r < frame->rows; r++) {
        out->closed_ns[r] = weir_frame_shifted(frame->closed_ns[r], -mono_to_wall);
        out->opened_ns = out->closed_ns[r] < out->opened_ns ? out->closed_ns[r] : out->opened_ns;
    }
}

void weir_frame_to_batch(const struct weir_frame *frame, int64_t mono_to_wall, struct weir_batch *out)
{
    fill_rows(frame, mono_to_wall, out);
    size_t block_values = (size_t)frame->columns * WEIR_BLOCK_ROWS,
           blocks = (frame->rows + WEIR_BLOCK_ROWS - 1u) / WEIR_BLOCK_ROWS;
    for (size_t b = 0; b < blocks; b++) {
        float *to = out->x + b * block_values;
        const float *block = weir_frame_block(frame, b, to);
        if (block != to)
            memcpy(to, block, block_values * sizeof *to);
    }
}

void weir_frame_borrow(const struct weir_frame *frame, int64_t mono_to_wall, struct weir_batch *out)
{
    if (frame->rows % WEIR_BLOCK_ROWS) {
        weir_frame_to_batch(frame, mono_to_wall, out);
        return;
    }
    fill_rows(frame, mono_to_wall, out);
    out->x = (float *)(uintptr_t)frame->x;
}
