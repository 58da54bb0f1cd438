#include "batch/frame_head.h"

#include <isa-l/crc.h>
#include <string.h>

#include "batch/note_frame.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "frames are read where they lie");

static const uint8_t magic[8] = {0x89, 'W', 'E', 'I', 'R', 'F', '\r', '\n'};

enum { CRC_AT = 12, CRC_END = 16 };

/* Others read these offsets: docs/frame.md. */
#define AT(type, field, offset) _Static_assert(offsetof(type, field) == (offset), "on the wire: " #field)
_Static_assert(sizeof(struct weir_frame_head) == 128, "on the wire");
AT(struct weir_frame_head, crc, CRC_AT);
AT(struct weir_frame_head, sensor, 40);
AT(struct weir_frame_head, lane, 72);
AT(struct weir_frame_head, sent_ns, 88);
AT(struct weir_frame_head, threshold, 96);
AT(struct weir_frame_head, classes, 100);
AT(struct weir_frame_head, flags, 102);
AT(struct weir_frame_head, handed_ns, 104);
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

uint32_t weir_frame_crc(uint32_t crc, const void *bytes, size_t size)
{
    const uint8_t *at = bytes;
    for (size_t step; size; at += step, size -= step) { /* the library counts in int */
        step = size < (1u << 30) ? size : 1u << 30;
        crc = ~crc32_iscsi((unsigned char *)(uintptr_t)at, (int)step, ~crc);
    }
    return crc;
}

uint32_t weir_frame_sum(const uint8_t *bytes, size_t size)
{
    return weir_frame_crc(weir_frame_crc(0, bytes, CRC_AT), bytes + CRC_END, size - CRC_END);
}

void weir_frame_head_start(struct weir_frame_head *head, enum weir_frame_kind kind, const struct weir_batch *batch,
                           const struct weir_frame_origin *origin)
{
    *head = (struct weir_frame_head){.version = WEIR_FRAME_VERSION,
                                     .kind = (uint16_t)kind,
                                     .feature_set = batch->feature_set,
                                     .column_list = batch->column_list,
                                     .boot = batch->boot,
                                     .seq = batch->seq,
                                     .lane = batch->lane,
                                     .rows = batch->rows,
                                     .sent_ns = origin->sent_ns};
    if (batch->handed_ns)
        head->handed_ns = weir_frame_shifted(batch->handed_ns, origin->mono_to_wall);
    memcpy(head->magic, magic, sizeof magic);
    memcpy(head->sensor, origin->sensor, sizeof head->sensor);
}

size_t weir_frame_names_bytes(const char *const *names, size_t count)
{
    size_t bytes = 0;
    for (size_t i = 0; i < count; i++)
        bytes += strlen(names[i]) + 1;
    return bytes;
}

uint8_t *weir_frame_put_names(uint8_t *out, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        size_t bytes = strlen(names[i]) + 1;
        memcpy(out, names[i], bytes);
        out += bytes;
    }
    return out;
}

/* An identity's padding must not tell what was in memory, and equal batches must give equal bytes. */
static void put_identity(uint8_t *out, const struct weir_identity *identity)
{
    memcpy(out, identity, sizeof *identity);
    weir_frame_clear(out, offsetof(struct weir_identity, dst) + sizeof identity->dst, offsetof(struct weir_identity, stime_ns));
}

void weir_frame_put_rows(uint8_t *out, const struct weir_batch *batch, int64_t mono_to_wall, size_t identity, size_t closed,
                         size_t next)
{
    for (size_t r = 0; r < batch->rows; r++)
        put_identity(out + identity + r * sizeof(struct weir_identity), &batch->identity[r]);
    weir_frame_clear(out, identity + batch->rows * sizeof(struct weir_identity), closed);
    for (size_t r = 0; r < batch->rows; r++) {
        int64_t closed_ns = weir_frame_shifted(batch->closed_ns[r], mono_to_wall);
        memcpy(out + closed + r * sizeof closed_ns, &closed_ns, sizeof closed_ns);
    }
    weir_frame_clear(out, closed + batch->rows * sizeof(int64_t), next);
}

void weir_frame_seal(uint8_t *bytes, size_t size)
{
    uint32_t crc = weir_frame_sum(bytes, size);
    memcpy(bytes + CRC_AT, &crc, sizeof crc);
}

unsigned weir_frame_kind(const void *bytes, size_t size)
{
    uint16_t kind;
    if (size < sizeof(struct weir_frame_head) || memcmp(bytes, magic, sizeof magic) != 0)
        return 0;
    memcpy(&kind, (const uint8_t *)bytes + offsetof(struct weir_frame_head, kind), sizeof kind);
    return kind;
}

static weir_err check_counts(const struct weir_frame_head *head, const char *from, struct weir_error *error)
{
    if (head->kind == WEIR_FRAME_NOTE && (head->rows || head->columns || head->lane != WEIR_NOTE_LANE))
        return weir_fail(error, WEIR_ERR_FORMAT,
                         "%s: offset 72: a note of lane %u with %u rows and %u columns; notes have none, "
                         "on lane %u",
                         from, head->lane, head->rows, head->columns, WEIR_NOTE_LANE);
    if (head->kind != WEIR_FRAME_NOTE && (!head->rows || head->rows > WEIR_BATCH_ROWS))
        return weir_fail(error, WEIR_ERR_FORMAT, "%s: offset 78: %u rows; 1 to %d are possible", from, head->rows,
                         WEIR_BATCH_ROWS);
    if ((head->kind != WEIR_FRAME_NOTE && !head->columns) || head->columns > WEIR_FRAME_COLUMNS_MAX ||
        head->names_bytes > WEIR_FRAME_NAMES_MAX)
        return weir_fail(error, WEIR_ERR_LIMIT, "%s: offset 76: %u columns, %u bytes of names; at most %d, %zu", from,
                         head->columns, head->names_bytes, WEIR_FRAME_COLUMNS_MAX, WEIR_FRAME_NAMES_MAX);
    return WEIR_OK;
}

weir_err weir_frame_head_read(const void *bytes, size_t size, enum weir_frame_kind kind, const char *from,
                              struct weir_frame_head *out, struct weir_error *error)
{
    struct weir_frame_head head;
    if ((uintptr_t)bytes % WEIR_FRAME_ALIGN)
        return weir_fail(error, WEIR_ERR_ARGUMENT, "%s: the frame is not at a multiple of %d bytes", from, WEIR_FRAME_ALIGN);
    if (size < sizeof head)
        return weir_fail(error, WEIR_ERR_FORMAT, "%s: %zu bytes are no frame: its head alone has %zu", from, size, sizeof head);
    memcpy(&head, bytes, sizeof head);
    if (memcmp(head.magic, magic, sizeof magic) != 0)
        return weir_fail(error, WEIR_ERR_FORMAT, "%s: offset 0: no weir frame", from);
    if (head.version != WEIR_FRAME_VERSION)
        return weir_fail(error, WEIR_ERR_UNSUPPORTED,
                         "%s: offset 8: frame version %u, this weir reads %d; use the same weir on both sides", from,
                         head.version, WEIR_FRAME_VERSION);
    if (head.kind != kind)
        return weir_fail(error, WEIR_ERR_UNSUPPORTED,
                         "%s: offset 10: frame of kind %u where kind %d belongs (1: batch, 2: verdicts, 3: note)", from,
                         head.kind, kind);
    weir_err code = check_counts(&head, from, error);
    if (code == WEIR_OK)
        *out = head;
    return code;
}

weir_err weir_frame_check_bytes(const uint8_t *bytes, size_t size, const struct weir_frame_head *head, size_t end,
                                const char *from, struct weir_error *error)
{
    if (head->bytes != size || end != size)
        return weir_fail(error, WEIR_ERR_FORMAT,
                         "%s: offset 16: %zu bytes came, the frame says %llu, its %u rows and %u columns take %zu", from, size,
                         (unsigned long long)head->bytes, head->rows, head->columns, end);
    uint32_t crc = weir_frame_sum(bytes, size);
    if (crc != head->crc)
        return weir_fail(error, WEIR_ERR_FORMAT, "%s: offset 12: checksum %08x, the bytes give %08x; they changed on the way",
                         from, head->crc, crc);
    return WEIR_OK;
}

weir_err weir_frame_find_names(const uint8_t *bytes, const struct weir_frame_head *head, size_t count, const char *from,
                               const char **name, struct weir_error *error)
{
    const char *first = (const char *)bytes + sizeof *head, *at = first, *end = at + head->names_bytes;
    for (size_t i = 0; i < count; i++) {
        const char *stop = at < end ? memchr(at, 0, (size_t)(end - at)) : NULL;
        if (!stop || stop == at)
            return weir_fail(error, WEIR_ERR_FORMAT, "%s: offset %zu: %s name where %zu are needed, this is number %zu", from,
                             sizeof *head + (size_t)(at - first), stop ? "an empty" : "no", count, i + 1);
        name[i] = at;
        at = stop + 1;
    }
    if (at != end)
        return weir_fail(error, WEIR_ERR_FORMAT, "%s: offset %zu: more than the %zu names that are needed", from,
                         sizeof *head + (size_t)(at - first), count);
    return WEIR_OK;
}

void weir_frame_split_names(const char *before, const char **out, size_t count)
{
    for (size_t i = 0; i < count; i++)
        out[i] = before += strlen(before) + 1;
}

weir_err weir_frame_check_identities(const uint8_t *bytes, size_t at, size_t rows, const char *from, struct weir_error *error)
{
    const struct weir_identity *identity = (const void *)(bytes + at);
    for (size_t r = 0; r < rows; r++) {
        const struct weir_identity *id = &identity[r];
        const char *what = NULL;
        if (id->reason >= WEIR_REASON_COUNT)
            what = "reason";
        else if (id->ip_version != 0 && id->ip_version != 4 && id->ip_version != 6)
            what = "IP version";
        else if (id->ports > 1)
            what = "ports mark";
        if (what)
            return weir_fail(error, WEIR_ERR_FORMAT, "%s: offset %zu: row %zu has no known %s", from, at + r * sizeof *id, r,
                             what);
    }
    return WEIR_OK;
}
