#include "batch/verdict_frame.h"

#include <string.h>

#include "batch/frame_head.h"

struct cause {
    uint16_t column, zero;
    float value, contribution;
};

struct causes {
    uint16_t row, count;
    struct cause cause[WEIR_REASONS_MAX];
};

_Static_assert(sizeof(struct causes) == 64, "on the wire");

struct places {
    size_t names, identity, closed, scored, score, class_index, causes, end;
};

static struct places find_places(size_t rows, size_t alerts, size_t names_bytes)
{
    struct places at = {.names = sizeof(struct weir_frame_head)};
    at.identity = weir_frame_aligned(at.names + names_bytes, WEIR_FRAME_ALIGN);
    at.closed = weir_frame_aligned(at.identity + rows * sizeof(struct weir_identity), WEIR_FRAME_ALIGN);
    at.scored = weir_frame_aligned(at.closed + rows * sizeof(int64_t), WEIR_FRAME_ALIGN);
    at.score = weir_frame_aligned(at.scored + rows * sizeof(int64_t), WEIR_FRAME_ALIGN);
    at.class_index = weir_frame_aligned(at.score + rows * sizeof(float), WEIR_FRAME_ALIGN);
    at.causes = weir_frame_aligned(at.class_index + rows * sizeof(uint16_t), WEIR_FRAME_ALIGN);
    at.end = at.causes + alerts * sizeof(struct causes);
    return at;
}

static size_t names_bytes(const struct weir_verdicts *verdicts, size_t columns, const struct weir_frame_origin *origin)
{
    return weir_frame_names_bytes(&origin->name, 1) + weir_frame_names_bytes(&verdicts->model, 1) +
           weir_frame_names_bytes(&verdicts->feature_set, 1) + weir_frame_names_bytes(verdicts->classes, verdicts->class_count) +
           weir_frame_names_bytes(verdicts->columns, columns);
}

size_t weir_verdict_frame_bytes(const struct weir_verdicts *verdicts, size_t columns, const struct weir_frame_origin *origin)
{
    return find_places(verdicts->batch->rows, verdicts->alerts, names_bytes(verdicts, columns, origin)).end;
}

static void put_causes(const struct weir_alert_causes *causes, uint8_t *out)
{
    struct causes to = {.row = causes->row, .count = causes->count};
    for (unsigned i = 0; i < causes->count; i++)
        to.cause[i] = (struct cause){causes->cause[i].column, 0, causes->cause[i].value, causes->cause[i].contribution};
    memcpy(out, &to, sizeof to);
}

void weir_verdict_frame_encode(const struct weir_verdicts *verdicts, size_t columns, const struct weir_frame_origin *origin,
                               uint8_t *out)
{
    const struct weir_batch *batch = verdicts->batch;
    size_t rows = batch->rows, names = names_bytes(verdicts, columns, origin);
    struct places at = find_places(rows, verdicts->alerts, names);
    struct weir_frame_head head;
    weir_frame_head_start(&head, WEIR_FRAME_VERDICTS, batch, origin);
    head.bytes = at.end;
    head.columns = (uint16_t)columns;
    head.classes = (uint16_t)verdicts->class_count;
    head.names_bytes = (uint32_t)names;
    head.alerts = verdicts->alerts;
    head.threshold = verdicts->threshold;
    head.flags = (uint16_t)((verdicts->brief ? WEIR_FRAME_BRIEF : 0) | (verdicts->alerts_only ? WEIR_FRAME_ALERTS_ONLY : 0));
    memcpy(out, &head, sizeof head);
    uint8_t *name = weir_frame_put_names(out + at.names, &origin->name, 1);
    name = weir_frame_put_names(name, &verdicts->model, 1);
    name = weir_frame_put_names(name, &verdicts->feature_set, 1);
    name = weir_frame_put_names(name, verdicts->classes, verdicts->class_count);
    weir_frame_put_names(name, verdicts->columns, columns);
    weir_frame_clear(out, at.names + names, at.identity);
    weir_frame_put_rows(out, batch, origin->mono_to_wall, at.identity, at.closed, at.scored);
    for (size_t r = 0; r < rows; r++) {
        int64_t scored_ns = weir_frame_shifted(verdicts->scored_ns[r], origin->mono_to_wall);
        memcpy(out + at.scored + r * sizeof scored_ns, &scored_ns, sizeof scored_ns);
    }
    weir_frame_clear(out, at.scored + rows * sizeof(int64_t), at.score);
    memcpy(out + at.score, verdicts->score, rows * sizeof(float));
    weir_frame_clear(out, at.score + rows * sizeof(float), at.class_index);
    memcpy(out + at.class_index, verdicts->class_index, rows * sizeof(uint16_t));
    weir_frame_clear(out, at.class_index + rows * sizeof(uint16_t), at.causes);
    for (size_t a = 0; a < verdicts->alerts; a++)
        put_causes(&verdicts->causes[a], out + at.causes + a * sizeof(struct causes));
    weir_frame_seal(out, at.end);
}

static struct places places_of(const struct weir_verdict_frame *frame)
{
    return find_places(frame->rows, frame->alerts, frame->names_bytes);
}

static weir_err check_verdicts(const struct weir_verdict_frame *frame, const char *from, struct weir_error *error)
{
    struct places at = places_of(frame);
    const uint16_t *class_index = (const void *)(frame->bytes + at.class_index);
    const struct causes *causes = (const void *)(frame->bytes + at.causes);
    for (size_t r = 0; r < frame->rows; r++)
        if (class_index[r] >= frame->classes)
            return weir_fail(error, WEIR_ERR_FORMAT, "%s: offset %zu: row %zu is of class %u of %u", from, at.class_index + 2 * r,
                             r, class_index[r], frame->classes);
    for (size_t a = 0; a < frame->alerts; a++) {
        bool ok = causes[a].row < frame->rows && (!a || causes[a].row > causes[a - 1].row) && causes[a].count <= WEIR_REASONS_MAX;
        for (unsigned i = 0; ok && i < causes[a].count; i++)
            ok = causes[a].cause[i].column < frame->columns;
        if (!ok)
            return weir_fail(error, WEIR_ERR_FORMAT, "%s: offset %zu: alert %zu (row %u, %u reasons) is out of order or range",
                             from, at.causes + a * sizeof *causes, a, causes[a].row, causes[a].count);
    }
    return WEIR_OK;
}

weir_err weir_verdict_frame_open(const void *bytes, size_t size, const char *from, struct weir_verdict_frame *out,
                                 struct weir_error *error)
{
    const uint8_t *start = bytes;
    struct weir_frame_head head;
    const char *name[3 + WEIR_FRAME_CLASSES_MAX + WEIR_FRAME_COLUMNS_MAX];
    weir_err code = weir_frame_head_read(bytes, size, WEIR_FRAME_VERDICTS, from, &head, error);
    if (code != WEIR_OK)
        return code;
    if (!head.classes || head.classes > WEIR_FRAME_CLASSES_MAX || head.alerts > head.rows)
        return weir_fail(error, WEIR_ERR_FORMAT, "%s: offset 84: %u alerts of %u rows, %u classes", from, head.alerts, head.rows,
                         head.classes);
    struct places at = find_places(head.rows, head.alerts, head.names_bytes);
    code = weir_frame_check_bytes(start, size, &head, at.end, from, error);
    if (code == WEIR_OK)
        code = weir_frame_find_names(start, &head, 3u + head.classes + head.columns, from, name, error);
    if (code == WEIR_OK)
        code = weir_frame_check_identities(start, at.identity, head.rows, from, error);
    if (code != WEIR_OK)
        return code;
    struct weir_verdict_frame frame = {.feature_set_id = head.feature_set,
                                       .column_list = head.column_list,
                                       .boot = head.boot,
                                       .seq = head.seq,
                                       .lane = head.lane,
                                       .alerts = head.alerts,
                                       .columns = head.columns,
                                       .classes = head.classes,
                                       .rows = head.rows,
                                       .threshold = head.threshold,
                                       .sensor = start + offsetof(struct weir_frame_head, sensor),
                                       .sent_ns = head.sent_ns,
                                       .handed_ns = head.handed_ns,
                                       .brief = head.flags & WEIR_FRAME_BRIEF,
                                       .alerts_only = head.flags & WEIR_FRAME_ALERTS_ONLY,
                                       .sensor_name = name[0],
                                       .model = name[1],
                                       .feature_set = name[2],
                                       .names_bytes = head.names_bytes,
                                       .bytes = start};
    code = check_verdicts(&frame, from, error);
    if (code == WEIR_OK)
        *out = frame;
    return code;
}

void weir_verdict_frame_names(const struct weir_verdict_frame *frame, const char **out)
{
    weir_frame_split_names(frame->feature_set, out, (size_t)frame->classes + frame->columns);
}

void weir_verdict_frame_read(const struct weir_verdict_frame *frame, int64_t mono_to_wall, struct weir_verdicts *out)
{
    struct places at = places_of(frame);
    struct weir_batch *batch = out->batch;
    batch->feature_set = frame->feature_set_id;
    batch->column_list = frame->column_list;
    batch->boot = frame->boot;
    batch->seq = frame->seq;
    batch->lane = frame->lane;
    batch->columns = 0;
    batch->rows = frame->rows;
    batch->handed_ns = frame->handed_ns ? weir_frame_shifted(frame->handed_ns, -mono_to_wall) : 0;
    batch->opened_ns = INT64_MAX;
    memcpy(batch->identity, frame->bytes + at.identity, frame->rows * sizeof *batch->identity);
    memcpy(batch->closed_ns, frame->bytes + at.closed, frame->rows * sizeof *batch->closed_ns);
    memcpy(out->scored_ns, frame->bytes + at.scored, frame->rows * sizeof *out->scored_ns);
    for (unsigned r = 0; r < frame->rows; r++) {
        batch->closed_ns[r] = weir_frame_shifted(batch->closed_ns[r], -mono_to_wall);
        out->scored_ns[r] = weir_frame_shifted(out->scored_ns[r], -mono_to_wall);
        batch->opened_ns = batch->closed_ns[r] < batch->opened_ns ? batch->closed_ns[r] : batch->opened_ns;
        out->alert[r] = false;
    }
    memcpy(out->score, frame->bytes + at.score, frame->rows * sizeof *out->score);
    memcpy(out->class_index, frame->bytes + at.class_index, frame->rows * sizeof *out->class_index);
    out->class_count = frame->classes;
    out->threshold = frame->threshold;
    out->brief = frame->brief;
    out->alerts_only = frame->alerts_only;
    out->alerts = frame->alerts;
    const struct causes *causes = (const void *)(frame->bytes + at.causes);
    for (unsigned a = 0; a < frame->alerts; a++) {
        struct weir_alert_causes *to = &out->causes[a];
        to->row = causes[a].row;
        to->count = (uint8_t)causes[a].count;
        out->alert[to->row] = true;
        for (unsigned i = 0; i < to->count; i++)
            to->cause[i] =
                (struct weir_cause){causes[a].cause[i].column, causes[a].cause[i].value, causes[a].cause[i].contribution};
    }
}
