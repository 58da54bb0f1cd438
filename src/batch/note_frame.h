/* The note frame: what a sensor tells the collector beside its batches, as JSON text: that it started, how it fares, what was
 * lost, how it ended. docs/frame.md lists the offsets and the texts.
 *
 * A note goes the way of a batch and has an identity as batches have, on a lane of its own: it is sent again until a mark covers
 * it, and has its effect once. Workers pass it on as it is. Pure functions; any thread.
 */
#ifndef WEIR_BATCH_NOTE_FRAME_H
#define WEIR_BATCH_NOTE_FRAME_H

#include "batch/frame.h"

#define WEIR_NOTE_LANE 0xffffffffu

struct weir_note {
    uint8_t sensor[16];
    uint64_t boot, seq; /* sequence number among the boot's notes: 0, 1, ... */
    int64_t sent_ns;    /* wall clock */
    const char *name;   /* the sensor's, for people; not empty */
    const char *text;   /* JSON, one object; not empty */
};

/* Bytes of the frame of a note; 0: name or text is empty, or together they are longer than WEIR_FRAME_NAMES_MAX. */
size_t weir_note_frame_bytes(const struct weir_note *note);

/* Writes the frame: weir_note_frame_bytes(...) bytes at `out`. */
void weir_note_frame_encode(const struct weir_note *note, uint8_t *out);

/* As weir_frame_open; name and text point into the frame. What the text says is not looked at. */
weir_err weir_note_frame_open(const void *bytes, size_t size, const char *from, struct weir_note *out, struct weir_error *error);

#endif
