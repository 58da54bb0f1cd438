#include "batch/note_frame.h"

#include <string.h>

#include "batch/frame_head.h"

size_t weir_note_frame_bytes(const struct weir_note *note)
{
    size_t name = strlen(note->name) + 1, text = strlen(note->text) + 1;
    bool possible = name > 1 && text > 1 && name + text <= WEIR_FRAME_NAMES_MAX;
    return possible ? sizeof(struct weir_frame_head) + name + text : 0;
}

void weir_note_frame_encode(const struct weir_note *note, uint8_t *out)
{
    const struct weir_batch identity = {.boot = note->boot, .seq = note->seq, .lane = WEIR_NOTE_LANE};
    struct weir_frame_origin origin = {.sent_ns = note->sent_ns};
    memcpy(origin.sensor, note->sensor, sizeof origin.sensor);
    struct weir_frame_head head;
    weir_frame_head_start(&head, WEIR_FRAME_NOTE, &identity, &origin);
    head.bytes = weir_note_frame_bytes(note);
    head.names_bytes = (uint32_t)(head.bytes - sizeof head);
    memcpy(out, &head, sizeof head);
    weir_frame_put_names(out + sizeof head, (const char *const[]){note->name, note->text}, 2);
    weir_frame_seal(out, head.bytes);
}

weir_err weir_note_frame_open(const void *bytes, size_t size, const char *from, struct weir_note *out, struct weir_error *error)
{
    struct weir_frame_head head;
    const char *name[2];
    weir_err code = weir_frame_head_read(bytes, size, WEIR_FRAME_NOTE, from, &head, error);
    if (code != WEIR_OK)
        return code;
    if ((code = weir_frame_check_bytes(bytes, size, &head, sizeof head + head.names_bytes, from, error)) != WEIR_OK ||
        (code = weir_frame_find_names(bytes, &head, 2, from, name, error)) != WEIR_OK)
        return code;
    *out = (struct weir_note){.boot = head.boot, .seq = head.seq, .sent_ns = head.sent_ns, .name = name[0], .text = name[1]};
    memcpy(out->sensor, head.sensor, sizeof out->sensor);
    return WEIR_OK;
}
