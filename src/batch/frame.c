#include "batch/frame.h"

#include <isa-l/crc.h>
#include <string.h>

#include "batch/batcher.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "frames are read where they lie");

static const uint8_t magic[8] = {0x89, 'W', 'E', 'I', 'R', 'F', '\r', '\n'};

enum { VERSION = 1, KIND_BATCH = 1, ALIGN = 64, TAIL_ALIGN = 16, CRC_AT = 12, CRC_END = 16 };

struct head {
    uint8_t magic[8];
    uint16_t version, kind;
    uint32_t crc;
    uint64_t bytes, feature_set, column_list;
    uint8_t sensor[16];
    uint64_t boot, seq;
    uint32_t lane;
    uint16_t columns, rows;
    uint32_t names_bytes, zero;
    int64_t sent_ns;
    uint8_t reserved[32];
};

/* Others read these offsets: docs/frame.md. */
#define AT(type, field, offset) _Static_assert(offsetof(type, field) == (offset), "on the wire: " #field)
_Static_assert(sizeof(struct head) == 128, "on the wire");
AT(struct head, crc, CRC_AT);
AT(struct head, sensor, 40);
AT(struct head, lane, 72);
AT(struct head, sent_ns, 88);
_Static_assert(sizeof(struct weir_identity) == 80, "on the wire");
AT(struct weir_identity, record, 16);
AT(struct weir_identity, reason, 20);
AT(struct weir_identity, ip_version, 21);
AT(struct weir_identity, proto, 22);
AT(struct weir_identity, ports, 23);
AT(struct weir_identity, sport, 24);
AT(struct weir_identity, dport, 26);
AT(struct weir_identity, src, 28);
AT(struct weir_identity, dst, 44);
AT(struct weir_identity, stime_ns, 64);
AT(struct weir_identity, ltime_ns, 72);

struct places {
    size_t names, identity, closed, x, end;
};

static size_t aligned(size_t bytes, size_t to)
{
    return (bytes + to - 1) / to * to;
}

static size_t tail_stride(size_t rows)
{
    return aligned(rows % WEIR_BLOCK_ROWS, TAIL_ALIGN);
}

static struct places find_places(size_t rows, size_t columns, size_t names_bytes)
{
    struct places at = {.names = sizeof(struct head)};
    size_t values = columns * (rows / WEIR_BLOCK_ROWS * WEIR_BLOCK_ROWS + tail_stride(rows));
    at.identity = aligned(at.names + names_bytes, ALIGN);
    at.closed = aligned(at.identity + rows * sizeof(struct weir_identity), ALIGN);
    at.x = aligned(at.closed + rows * sizeof(int64_t), ALIGN);
    at.end = at.x + values * sizeof(float);
    return at;
}

size_t weir_frame_names_bytes(const char *const *names, size_t count)
{
    size_t bytes = 0;
    for (size_t i = 0; i < count; i++)
        bytes += strlen(names[i]) + 1;
    return bytes;
}

size_t weir_frame_bytes(size_t rows, size_t columns, size_t names_bytes)
{
    return find_places(rows, columns, names_bytes).end;
}

uint32_t weir_frame_crc(uint32_t crc, const void *bytes, size_t size)
{
    const uint8_t *at = bytes;
    for (size_t step; size; at += step, size -= step) { /* the library counts in int */
        step = size < (1u << 30) ? size : 1u << 30;
        crc = ~crc32_iscsi((unsigned char *)(uintptr_t)at, (int)step, ~crc);
    }
    return crc;
}

static uint32_t sum(const uint8_t *bytes, size_t size)
{
    return weir_frame_crc(weir_frame_crc(0, bytes, CRC_AT), bytes + CRC_END, size - CRC_END);
}

static void clear(uint8_t *out, size_t from, size_t to)
{
    memset(out + from, 0, to - from);
}

/* A frame's times may be anything: sums wrap round. */
static int64_t shifted(int64_t ns, int64_t by)
{
    return (int64_t)((uint64_t)ns + (uint64_t)by);
}

/* An identity's padding must not tell what was in memory, and equal batches must give equal bytes. */
static void put_identity(uint8_t *out, const struct weir_identity *identity)
{
    memcpy(out, identity, sizeof *identity);
    clear(out, offsetof(struct weir_identity, dst) + sizeof identity->dst, offsetof(struct weir_identity, stime_ns));
}

void weir_frame_encode(const struct weir_batch *batch, const char *const *names, const struct weir_frame_origin *origin,
                       uint8_t *out)
{
    size_t rows = batch->rows, columns = batch->columns, full = rows / WEIR_BLOCK_ROWS, tail = rows % WEIR_BLOCK_ROWS;
    size_t names_bytes = weir_frame_names_bytes(names, columns), stride = tail_stride(rows);
    struct places at = find_places(rows, columns, names_bytes);
    struct head head = {.version = VERSION,
                        .kind = KIND_BATCH,
                        .bytes = at.end,
                        .feature_set = batch->feature_set,
                        .column_list = batch->column_list,
                        .boot = batch->boot,
                        .seq = batch->seq,
                        .lane = batch->lane,
                        .columns = batch->columns,
                        .rows = batch->rows,
                        .names_bytes = (uint32_t)names_bytes,
                        .sent_ns = origin->sent_ns};
    memcpy(head.magic, magic, sizeof magic);
    memcpy(head.sensor, origin->sensor, sizeof head.sensor);
    memcpy(out, &head, sizeof head);
    uint8_t *name = out + at.names;
    for (size_t i = 0; i < columns; i++) {
        size_t bytes = strlen(names[i]) + 1;
        memcpy(name, names[i], bytes);
        name += bytes;
    }
    clear(out, at.names + names_bytes, at.identity);
    for (size_t r = 0; r < rows; r++)
        put_identity(out + at.identity + r * sizeof(struct weir_identity), &batch->identity[r]);
    clear(out, at.identity + rows * sizeof(struct weir_identity), at.closed);
    for (size_t r = 0; r < rows; r++) {
        int64_t closed_ns = shifted(batch->closed_ns[r], origin->mono_to_wall);
        memcpy(out + at.closed + r * sizeof closed_ns, &closed_ns, sizeof closed_ns);
    }
    clear(out, at.closed + rows * sizeof(int64_t), at.x);
    size_t block_bytes = columns * WEIR_BLOCK_ROWS * sizeof(float);
    memcpy(out + at.x, batch->x, full * block_bytes);
    uint8_t *rest = out + at.x + full * block_bytes;
    for (size_t c = 0; tail && c < columns; c++, rest += stride * sizeof(float)) {
        memcpy(rest, batch->x + (full * columns + c) * WEIR_BLOCK_ROWS, tail * sizeof(float));
        clear(rest, tail * sizeof(float), stride * sizeof(float));
    }
    uint32_t crc = sum(out, at.end);
    memcpy(out + CRC_AT, &crc, sizeof crc);
}

/* The names: as many as there are columns, none empty; and they are those of the column list. */
static weir_err check_names(const struct weir_frame *frame, const char *from, struct weir_error *error)
{
    const char *name[WEIR_FRAME_COLUMNS_MAX], *at = frame->names, *end = at + frame->names_bytes;
    for (size_t i = 0; i < frame->columns; i++) {
        const char *stop = at < end ? memchr(at, 0, (size_t)(end - at)) : NULL;
        if (!stop || stop == at)
            return weir_fail(error, WEIR_ERR_FORMAT, "%s: offset %zu: %u columns, but %s name %zu", from,
                             sizeof(struct head) + (size_t)(at - frame->names), frame->columns, stop ? "an empty" : "no", i + 1);
        name[i] = at;
        at = stop + 1;
    }
    if (at != end)
        return weir_fail(error, WEIR_ERR_FORMAT, "%s: offset %zu: more names than the %u columns", from,
                         sizeof(struct head) + (size_t)(at - frame->names), frame->columns);
    uint64_t list = weir_column_list_id(frame->feature_set, name, frame->columns);
    if (list != frame->column_list)
        return weir_fail(error, WEIR_ERR_FORMAT, "%s: offset 32: column list %016llx, but the names give %016llx", from,
                         (unsigned long long)frame->column_list, (unsigned long long)list);
    return WEIR_OK;
}

static weir_err check_identities(const struct weir_frame *frame, const uint8_t *bytes, const char *from, struct weir_error *error)
{
    for (size_t r = 0; r < frame->rows; r++) {
        const struct weir_identity *id = &frame->identity[r];
        const char *what = id->reason >= WEIR_REASON_COUNT                                     ? "reason"
                           : id->ip_version != 0 && id->ip_version != 4 && id->ip_version != 6 ? "IP version"
                           : id->ports > 1                                                     ? "ports mark"
                                                                                               : NULL;
        if (what)
            return weir_fail(error, WEIR_ERR_FORMAT, "%s: offset %zu: row %zu has no known %s", from,
                             (size_t)((const uint8_t *)id - bytes), r, what);
    }
    return WEIR_OK;
}

weir_err weir_frame_open(const void *bytes, size_t size, const char *from, struct weir_frame *out, struct weir_error *error)
{
    struct head head;
    if ((uintptr_t)bytes % ALIGN)
        return weir_fail(error, WEIR_ERR_ARGUMENT, "%s: the frame is not at a multiple of %d bytes", from, ALIGN);
    if (size < sizeof head)
        return weir_fail(error, WEIR_ERR_FORMAT, "%s: %zu bytes are no frame: its head alone has %zu", from, size, sizeof head);
    memcpy(&head, bytes, sizeof head);
    if (memcmp(head.magic, magic, sizeof magic) != 0)
        return weir_fail(error, WEIR_ERR_FORMAT, "%s: offset 0: no weir frame", from);
    if (head.version != VERSION)
        return weir_fail(error, WEIR_ERR_UNSUPPORTED,
                         "%s: offset 8: frame version %u, this weir reads %d; use the same weir on both sides", from,
                         head.version, VERSION);
    if (head.kind != KIND_BATCH)
        return weir_fail(error, WEIR_ERR_UNSUPPORTED, "%s: offset 10: frame of kind %u, not a batch", from, head.kind);
    if (!head.rows || head.rows > WEIR_BATCH_ROWS)
        return weir_fail(error, WEIR_ERR_FORMAT, "%s: offset 78: %u rows; 1 to %d are possible", from, head.rows,
                         WEIR_BATCH_ROWS);
    if (!head.columns || head.columns > WEIR_FRAME_COLUMNS_MAX || head.names_bytes > WEIR_FRAME_NAMES_MAX)
        return weir_fail(error, WEIR_ERR_LIMIT, "%s: offset 76: %u columns, %u bytes of names; at most %d, %zu", from,
                         head.columns, head.names_bytes, WEIR_FRAME_COLUMNS_MAX, WEIR_FRAME_NAMES_MAX);
    struct places at = find_places(head.rows, head.columns, head.names_bytes);
    if (head.bytes != size || at.end != size)
        return weir_fail(error, WEIR_ERR_FORMAT,
                         "%s: offset 16: %zu bytes came, the frame says %llu, its %u rows and %u columns take %zu", from, size,
                         (unsigned long long)head.bytes, head.rows, head.columns, at.end);
    const uint8_t *start = bytes;
    uint32_t crc = sum(start, size);
    if (crc != head.crc)
        return weir_fail(error, WEIR_ERR_FORMAT, "%s: offset 12: checksum %08x, the bytes give %08x; they changed on the way",
                         from, head.crc, crc);
    struct weir_frame frame = {.feature_set = head.feature_set,
                               .column_list = head.column_list,
                               .boot = head.boot,
                               .seq = head.seq,
                               .lane = head.lane,
                               .columns = head.columns,
                               .rows = head.rows,
                               .sensor = start + offsetof(struct head, sensor),
                               .sent_ns = head.sent_ns,
                               .names = (const char *)start + at.names,
                               .names_bytes = head.names_bytes,
                               .identity = (const void *)(start + at.identity),
                               .closed_ns = (const void *)(start + at.closed),
                               .x = (const void *)(start + at.x)};
    weir_err code = check_names(&frame, from, error);
    if (code == WEIR_OK)
        code = check_identities(&frame, start, from, error);
    if (code == WEIR_OK)
        *out = frame;
    return code;
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

void weir_frame_to_batch(const struct weir_frame *frame, int64_t mono_to_wall, struct weir_batch *out)
{
    out->feature_set = frame->feature_set;
    out->column_list = frame->column_list;
    out->boot = frame->boot;
    out->seq = frame->seq;
    out->lane = frame->lane;
    out->columns = frame->columns;
    out->rows = frame->rows;
    memcpy(out->identity, frame->identity, frame->rows * sizeof *out->identity);
    out->opened_ns = INT64_MAX;
    for (size_t r = 0; r < frame->rows; r++) {
        out->closed_ns[r] = shifted(frame->closed_ns[r], -mono_to_wall);
        out->opened_ns = out->closed_ns[r] < out->opened_ns ? out->closed_ns[r] : out->opened_ns;
    }
    size_t block_values = (size_t)frame->columns * WEIR_BLOCK_ROWS,
           blocks = (frame->rows + WEIR_BLOCK_ROWS - 1u) / WEIR_BLOCK_ROWS;
    for (size_t b = 0; b < blocks; b++) {
        float *to = out->x + b * block_values;
        const float *block = weir_frame_block(frame, b, to);
        if (block != to)
            memcpy(to, block, block_values * sizeof *to);
    }
}
