#include "batch/frame_tag.h"

#include <string.h>

#include "batch/frame_head.h"

_Static_assert(sizeof(struct weir_frame_head) == WEIR_FRAME_HEAD_BYTES, "on the wire");

bool weir_frame_tag_read(const void *bytes, size_t size, struct weir_frame_tag *out)
{
    struct weir_frame_head head;
    if (size < sizeof head)
        return false;
    memcpy(&head, bytes, sizeof head);
    if (!weir_frame_kind(bytes, size) || head.version != WEIR_FRAME_VERSION || head.bytes < sizeof head)
        return false;
    *out = (struct weir_frame_tag){
        .boot = head.boot, .seq = head.seq, .bytes = head.bytes, .lane = head.lane, .kind = head.kind, .rows = head.rows};
    memcpy(out->sensor, head.sensor, sizeof out->sensor);
    return true;
}

bool weir_frame_intact(const void *bytes, size_t size)
{
    struct weir_frame_tag tag;
    uint32_t crc;
    if (!weir_frame_tag_read(bytes, size, &tag) || tag.bytes != size)
        return false;
    memcpy(&crc, (const uint8_t *)bytes + offsetof(struct weir_frame_head, crc), sizeof crc);
    return crc == weir_frame_sum(bytes, size);
}
