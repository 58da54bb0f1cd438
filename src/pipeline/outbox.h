/* The outbox: frames that a sensor has accepted and the collector has not committed yet. What is to be sent, what is to be sent
 * again, and what need not be kept any longer.
 *
 * It is one file, "outbox" in the state folder, of at most `room` bytes. A frame is accepted when it is in the file: it survives
 * the process, killed at whatever moment. Frames begin at multiples of 4,096 bytes; each takes the first gap that is long enough,
 * so while the collector keeps up, the same few pages at the file's start are written over and over: they stay in the kernel's
 * page cache, and the disk hardly sees them. Memory: 88 bytes a frame, at most one frame for each 4,096 bytes of room; two
 * frames; and the page cache, which the kernel takes back when it needs it.
 *
 *     file   [frame ....][frame ..][gap      ][frame .......][gap ...
 *            a gap's first page does not begin as a frame does: that is wiped when its frame is released
 *
 * A frame whose mark does not come is given out again after `resend_after_ns`, then after twice that, and so on up to
 * `resend_most_ns`, except while it may well be on its way: a mark speaks of the 257 sequence numbers from its `next` on, so what
 * lies beyond is not sent again until the mark has come closer; and as long as marks come for what was sent before it, the queue
 * is slow, not lossy.
 *
 * Times are monotonic. One thread.
 */
#ifndef WEIR_PIPELINE_OUTBOX_H
#define WEIR_PIPELINE_OUTBOX_H

#include "base/histogram.h"
#include "queue/transport.h"

#define WEIR_OUTBOX_PAGE     4096
#define WEIR_OUTBOX_ROOM_MAX ((uint64_t)1 << 40)

struct weir_outbox;

struct weir_outbox_config {
    const char *folder; /* NULL: in memory, gone with the process */
    uint64_t room;      /* bytes, at least one page */
    uint8_t sensor[16];
    int64_t resend_after_ns, resend_most_ns;
};

struct weir_outbox_account {
    uint64_t accepted, accepted_rows;   /* put since the open */
    uint64_t recovered, recovered_rows; /* found in the file: a former boot's */
    uint64_t committed, committed_rows; /* released by marks; */
    uint64_t committed_former_rows;     /* of these, of former boots */
    uint64_t damaged, damaged_rows;     /* the file did not give back what had been put */
    uint64_t held, held_rows;           /* the rest */
    uint64_t unsent;                    /* of those held: not sent even once by this process */
    uint64_t resent;                    /* times that a frame was sent again */
    uint64_t torn, foreign;             /* found in the file and left: not whole; another sensor's */
    uint64_t bytes, bytes_most, room;   /* of the file, pages in use */
    bool disk_full;                     /* the last put failed because the disk, not the room, is full */
    struct weir_histogram committed_ns; /* from the put to the mark */
};

/* Opens the file, or makes it, and finds what is in it. It must be this process's alone (weir_identity_open locks the folder).
 * WEIR_ERR_ARGUMENT, _IO, _PERMISSION, _MEMORY. */
weir_err weir_outbox_open(const struct weir_outbox_config *config, struct weir_outbox **out, struct weir_error *error);

/* Closes; the file keeps what is held. Sets *outbox to NULL; NULL-safe. */
void weir_outbox_close(struct weir_outbox **outbox);

/* Memory for the next frame, 64-byte aligned, to be written before weir_outbox_put; the same for every call until it has to grow.
 * NULL: out of memory. */
uint8_t *weir_outbox_buffer(struct weir_outbox *outbox, size_t size);

/* Accepts the frame in the buffer. WEIR_ERR_FULL: no room now, put it again later; it stays in the buffer until
 * weir_outbox_buffer is called. WEIR_ERR_LIMIT: larger than the whole room. WEIR_ERR_ARGUMENT: no frame of this sensor, or not
 * later than what was put of its boot and lane. WEIR_ERR_IO: the file is broken; MEMORY. */
weir_err weir_outbox_put(struct weir_outbox *outbox, size_t size, int64_t now_ns, struct weir_error *error);

/* The next frame to send, first those that are overdue, then new ones in their order; good until the next call with this outbox.
 * WEIR_ERR_AGAIN: none now. A frame that the file does not give back as it was put is let go and counted. */
weir_err weir_outbox_next(struct weir_outbox *outbox, int64_t now_ns, const uint8_t **frame, size_t *size);

/* How many copies of that frame go out at once: 1 for what is sent for the first or second time, then one more each time, up to
 * WEIR_OUTBOX_COPIES. Where frames go to workers in turns, one that hangs cannot take them all. */
#define WEIR_OUTBOX_COPIES 4
unsigned weir_outbox_copies(const struct weir_outbox *outbox);

/* That frame is on its way. Without this call it is given out again. */
void weir_outbox_sent(struct weir_outbox *outbox, int64_t now_ns);

/* When weir_outbox_next should be asked again, if nothing is put: now_ns or earlier when there is something; INT64_MAX: never. */
int64_t weir_outbox_due_ns(const struct weir_outbox *outbox);

/* Releases what the mark covers. Marks of other sensors and of boots of which nothing was held are passed over. */
void weir_outbox_mark(struct weir_outbox *outbox, const struct weir_mark *mark, int64_t now_ns);

/* Batches for which the collector would wait for ever: it lacks some of this boot and lane below `below`, and none of them is
 * here. (The file was damaged, or lost to a power cut; or the collector's store was put back to an older one.) False: there are
 * none. Told once, and again after resend_most_ns if it is still so. */
struct weir_outbox_gone {
    uint64_t boot, below;
    uint32_t lane;
};
bool weir_outbox_gone(struct weir_outbox *outbox, int64_t now_ns, struct weir_outbox_gone *out);

/* One more than the highest sequence number of this boot and lane that was ever put or found; 0: none. */
uint64_t weir_outbox_after(const struct weir_outbox *outbox, uint64_t boot, uint32_t lane);

void weir_outbox_account(const struct weir_outbox *outbox, struct weir_outbox_account *out);

/* Whether everything inside agrees with everything else; for tests. */
bool weir_outbox_is_valid(const struct weir_outbox *outbox);

#endif
