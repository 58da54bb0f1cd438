#include "pipeline/outbox.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "batch/frame_tag.h"

/* A file that is empty and longer than this is cut. */
enum { KEEP_BYTES = 64 << 20, LEVELS = 16, FIRST_ENTRIES = 256 };

/* Lists that an entry can be in: one of them, always. */
enum { UNSENT, OVERDUE, LEVEL, LISTS = LEVEL + LEVELS };

/* A frame that is held. Entries name each other by number; 0: none. */
struct entry {
    uint64_t seq, page;
    int64_t put_ns, sent_ns, due_ns;
    uint32_t stream, bytes, pages;
    uint32_t before, after; /* in its stream, by sequence number */
    uint32_t left, right;   /* in its list */
    uint16_t rows;
    uint8_t list, level; /* level: how often it was sent, up to LEVELS */
    bool former;         /* found in the file */
    bool beyond;         /* its time came, but no mark could speak of it */
};

/* A boot and lane. */
struct stream {
    uint64_t boot, after; /* after: see weir_outbox_after */
    uint32_t lane, first, last;
    bool marked, damaged;
    uint64_t next; /* of the last mark */
    uint64_t told_below;
    int64_t told_ns;
};

struct list {
    uint32_t first, last;
};

struct weir_outbox {
    struct weir_outbox_config config;
    char *path;
    int fd;
    uint8_t *buffer, *reading; /* what is put; what was read back */
    size_t buffer_size, reading_size;
    uint32_t in_buffer;  /* the entry whose frame the buffer holds; 0: none */
    uint32_t in_reading; /* the one that was read back last: nobody may have had room for it */
    uint32_t given;      /* by weir_outbox_next */
    struct entry *entry;
    uint32_t entries, entry_room, spare; /* spare: entries not in use, linked by `right` */
    struct stream *stream;
    size_t streams;
    struct list list[LISTS];
    uint64_t *map, pages; /* one bit for each page of the room */
    uint64_t low;         /* no page below is free */
    uint64_t end;         /* no page from here on has ever been written */
    int64_t progress_ns;  /* when a mark released something */
    int64_t overtaken_ns; /* frames sent before this should have been marked, as a later one was */
    struct weir_outbox_account account;
};

/* --- pages --- */

static bool page_used(const struct weir_outbox *o, uint64_t page)
{
    return o->map[page / 64] >> (page % 64) & 1;
}

static void pages_set(struct weir_outbox *o, uint64_t page, uint64_t count, bool used)
{
    for (uint64_t p = page; p < page + count; p++)
        if (used)
            o->map[p / 64] |= (uint64_t)1 << (p % 64);
        else
            o->map[p / 64] &= ~((uint64_t)1 << (p % 64));
    if (used) {
        o->account.bytes += count * WEIR_OUTBOX_PAGE;
        if (page == o->low)
            o->low = page + count;
        if (page + count > o->end)
            o->end = page + count;
        if (o->account.bytes > o->account.bytes_most)
            o->account.bytes_most = o->account.bytes;
    } else {
        o->account.bytes -= count * WEIR_OUTBOX_PAGE;
        if (page < o->low)
            o->low = page;
    }
}

/* The first gap of so many pages; o->pages: none. */
static uint64_t pages_find(const struct weir_outbox *o, uint64_t count)
{
    uint64_t run = 0;
    for (uint64_t p = o->low; p < o->pages; p++) {
        if (!run && p % 64 == 0 && o->map[p / 64] == UINT64_MAX) {
            p += 63;
            continue;
        }
        run = page_used(o, p) ? 0 : run + 1;
        if (run == count)
            return p + 1 - count;
    }
    return o->pages;
}

/* --- lists --- */

static void list_push(struct weir_outbox *o, uint32_t number, uint8_t list)
{
    struct entry *entry = &o->entry[number];
    entry->list = list;
    entry->left = o->list[list].last;
    entry->right = 0;
    if (entry->left)
        o->entry[entry->left].right = number;
    else
        o->list[list].first = number;
    o->list[list].last = number;
}

static void list_take(struct weir_outbox *o, uint32_t number)
{
    struct entry *entry = &o->entry[number];
    struct list *list = &o->list[entry->list];
    *(entry->left ? &o->entry[entry->left].right : &list->first) = entry->right;
    *(entry->right ? &o->entry[entry->right].left : &list->last) = entry->left;
}

static int64_t level_delay(const struct weir_outbox *o, unsigned level)
{
    int64_t delay = o->config.resend_after_ns;
    for (unsigned i = 0; i < level && delay < o->config.resend_most_ns; i++)
        delay *= 2;
    return delay < o->config.resend_most_ns ? delay : o->config.resend_most_ns;
}

/* Not before the level's delay from now. The delays of a level are the same, so its list is in the order of its times. */
static void wait_at_level(struct weir_outbox *o, uint32_t number, int64_t now_ns)
{
    struct entry *entry = &o->entry[number];
    entry->due_ns = now_ns + level_delay(o, entry->level);
    list_push(o, number, (uint8_t)(LEVEL + entry->level));
}

/* --- streams, ordered by boot and lane --- */

static int stream_compare(const struct stream *stream, uint64_t boot, uint32_t lane)
{
    if (stream->boot != boot)
        return stream->boot < boot ? -1 : 1;
    return stream->lane == lane ? 0 : stream->lane < lane ? -1 : 1;
}

/* Where it is, or where it belongs. */
static size_t stream_place(const struct weir_outbox *o, uint64_t boot, uint32_t lane)
{
    size_t low = 0, high = o->streams;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (stream_compare(&o->stream[middle], boot, lane) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static struct stream *stream_find(const struct weir_outbox *o, uint64_t boot, uint32_t lane)
{
    size_t at = stream_place(o, boot, lane);
    return at < o->streams && !stream_compare(&o->stream[at], boot, lane) ? &o->stream[at] : NULL;
}

static struct stream *stream_make(struct weir_outbox *o, uint64_t boot, uint32_t lane)
{
    size_t at = stream_place(o, boot, lane);
    if (at < o->streams && !stream_compare(&o->stream[at], boot, lane))
        return &o->stream[at];
    struct stream *grown = realloc(o->stream, (o->streams + 1) * sizeof *grown);
    if (!grown)
        return NULL;
    o->stream = grown;
    memmove(&grown[at + 1], &grown[at], (o->streams - at) * sizeof *grown);
    grown[at] = (struct stream){.boot = boot, .lane = lane};
    o->streams++;
    for (size_t s = at + 1; s < o->streams; s++)
        for (uint32_t e = grown[s].first; e; e = o->entry[e].after)
            o->entry[e].stream = (uint32_t)s;
    return &grown[at];
}

/* --- entries --- */

static uint32_t entry_new(struct weir_outbox *o)
{
    if (o->spare) {
        uint32_t number = o->spare;
        o->spare = o->entry[number].right;
        return number;
    }
    if (o->entries + 1 >= o->entry_room) {
        uint32_t room = o->entry_room ? o->entry_room * 2 : FIRST_ENTRIES;
        struct entry *grown = realloc(o->entry, room * sizeof *grown);
        if (!grown)
            return 0;
        o->entry = grown;
        o->entry_room = room;
    }
    return ++o->entries;
}

static void entry_add(struct weir_outbox *o, uint32_t number, struct stream *stream, const struct weir_frame_tag *tag,
                      uint64_t page)
{
    struct entry *entry = &o->entry[number];
    uint32_t pages = (uint32_t)((tag->bytes + WEIR_OUTBOX_PAGE - 1) / WEIR_OUTBOX_PAGE);
    *entry = (struct entry){.seq = tag->seq,
                            .page = page,
                            .stream = (uint32_t)(stream - o->stream),
                            .bytes = (uint32_t)tag->bytes,
                            .pages = pages,
                            .before = stream->last,
                            .rows = tag->rows};
    *(stream->last ? &o->entry[stream->last].after : &stream->first) = number;
    stream->last = number;
    stream->after = tag->seq + 1;
    pages_set(o, page, pages, true);
    list_push(o, number, UNSENT);
    o->account.held++;
    o->account.held_rows += tag->rows;
    o->account.unsent++;
}

/* Its first page no longer begins as a frame does. When that fails, the frame is found again at the next start, sent, and dropped
 * by a store that has it. */
static void wipe(const struct weir_outbox *o, uint64_t page)
{
    static const uint8_t nothing[8];
    if (pwrite(o->fd, nothing, sizeof nothing, (off_t)(page * WEIR_OUTBOX_PAGE)) < 0)
        return;
}

static void entry_release(struct weir_outbox *o, uint32_t number)
{
    struct entry *entry = &o->entry[number];
    struct stream *stream = &o->stream[entry->stream];
    wipe(o, entry->page);
    pages_set(o, entry->page, entry->pages, false);
    *(entry->before ? &o->entry[entry->before].after : &stream->first) = entry->after;
    *(entry->after ? &o->entry[entry->after].before : &stream->last) = entry->before;
    list_take(o, number);
    o->account.held--;
    o->account.held_rows -= entry->rows;
    if (entry->list == UNSENT)
        o->account.unsent--;
    if (o->in_buffer == number)
        o->in_buffer = 0;
    if (o->in_reading == number)
        o->in_reading = 0;
    if (o->given == number)
        o->given = 0;
    entry->right = o->spare;
    o->spare = number;
    if (!o->account.held && o->end * WEIR_OUTBOX_PAGE > KEEP_BYTES && ftruncate(o->fd, 0) == 0)
        o->end = 0;
}

/* --- the file --- */

static bool read_all(int fd, uint8_t *out, size_t size, uint64_t at)
{
    for (size_t done = 0; done < size;) {
        ssize_t n = pread(fd, out + done, size - done, (off_t)(at + done));
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        done += (size_t)n;
    }
    return true;
}

static bool write_all(int fd, const uint8_t *bytes, size_t size, uint64_t at)
{
    for (size_t done = 0; done < size;) {
        ssize_t n = pwrite(fd, bytes + done, size - done, (off_t)(at + done));
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return false;
        done += (size_t)n;
    }
    return true;
}

static uint8_t *grow(uint8_t **buffer, size_t *room, size_t size)
{
    if (size <= *room)
        return *buffer;
    size = (size + 65535) / 65536 * 65536;
    uint8_t *grown = aligned_alloc(64, size);
    if (!grown)
        return NULL;
    free(*buffer);
    *buffer = grown;
    *room = size;
    return grown;
}

struct found {
    struct weir_frame_tag tag;
    uint64_t page;
};

static int found_compare(const void *left, const void *right)
{
    const struct found *a = left, *b = right;
    if (a->tag.boot != b->tag.boot)
        return a->tag.boot < b->tag.boot ? -1 : 1;
    if (a->tag.lane != b->tag.lane)
        return a->tag.lane < b->tag.lane ? -1 : 1;
    if (a->tag.seq != b->tag.seq)
        return a->tag.seq < b->tag.seq ? -1 : 1;
    return a->page < b->page ? -1 : a->page > b->page;
}

/* What begins at this page: its length in pages when it is a frame to be sent, else 0. */
static uint64_t look(struct weir_outbox *o, uint64_t page, uint64_t file_bytes, struct weir_frame_tag *tag)
{
    uint8_t head[WEIR_FRAME_HEAD_BYTES];
    uint64_t at = page * WEIR_OUTBOX_PAGE;
    if (!read_all(o->fd, head, sizeof head, at) || !weir_frame_tag_read(head, sizeof head, tag))
        return 0;
    if (tag->bytes > file_bytes - at || tag->bytes > UINT32_MAX || tag->seq == UINT64_MAX ||
        !grow(&o->reading, &o->reading_size, tag->bytes) || !read_all(o->fd, o->reading, tag->bytes, at) ||
        !weir_frame_intact(o->reading, tag->bytes)) {
        o->account.torn++;
        return 0;
    }
    if (memcmp(tag->sensor, o->config.sensor, sizeof tag->sensor) != 0) {
        o->account.foreign++;
        return 0;
    }
    return (tag->bytes + WEIR_OUTBOX_PAGE - 1) / WEIR_OUTBOX_PAGE;
}

/* Takes in what a former boot has left. */
static weir_err recover(struct weir_outbox *o, uint64_t file_bytes)
{
    struct found *found = NULL;
    size_t count = 0, room = 0;
    uint64_t file_pages = (file_bytes + WEIR_OUTBOX_PAGE - 1) / WEIR_OUTBOX_PAGE;
    weir_err code = WEIR_ERR_MEMORY;
    for (uint64_t page = 0; page < file_pages;) {
        struct weir_frame_tag tag;
        uint64_t pages = look(o, page, file_bytes, &tag);
        if (pages && count == room) {
            room = room ? room * 2 : FIRST_ENTRIES;
            struct found *grown = realloc(found, room * sizeof *grown);
            if (!grown)
                goto out;
            found = grown;
        }
        if (pages)
            found[count++] = (struct found){tag, page};
        page += pages ? pages : 1;
    }
    if (count)
        qsort(found, count, sizeof *found, found_compare);
    struct stream *stream = NULL;
    for (size_t i = 0; i < count; i++) {
        const struct weir_frame_tag *tag = &found[i].tag;
        if (stream && !stream_compare(stream, tag->boot, tag->lane) && tag->seq < stream->after)
            continue; /* the same once more */
        uint32_t number = entry_new(o);
        if (!number || !(stream = stream_make(o, tag->boot, tag->lane)))
            goto out;
        entry_add(o, number, stream, tag, found[i].page);
        o->entry[number].former = true;
        o->account.recovered++;
        o->account.recovered_rows += tag->rows;
    }
    code = WEIR_OK;
out:
    free(found);
    return code;
}

static weir_err open_file(struct weir_outbox *o, uint64_t *file_bytes, struct weir_error *error)
{
    struct stat info;
    if (o->config.folder && asprintf(&o->path, "%s/outbox", o->config.folder) < 0)
        o->path = NULL;
    else if (!o->config.folder)
        o->path = strdup("outbox in memory");
    if (!o->path)
        return weir_fail(error, WEIR_ERR_MEMORY, "outbox: out of memory");
    o->fd = o->config.folder ? open(o->path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600)
                             : memfd_create("weir outbox", MFD_CLOEXEC);
    if (o->fd < 0)
        return weir_file_fail(error, o->path, "open it");
    if (fstat(o->fd, &info))
        return weir_file_fail(error, o->path, "look at it");
    if (!S_ISREG(info.st_mode))
        return weir_fail(error, WEIR_ERR_ARGUMENT, "%s: not a regular file; remove it", o->path);
    *file_bytes = (uint64_t)info.st_size < WEIR_OUTBOX_ROOM_MAX ? (uint64_t)info.st_size : WEIR_OUTBOX_ROOM_MAX;
    return WEIR_OK;
}

weir_err weir_outbox_open(const struct weir_outbox_config *config, struct weir_outbox **out, struct weir_error *error)
{
    uint64_t file_bytes = 0;
    *out = NULL;
    if (config->room < WEIR_OUTBOX_PAGE || config->room > WEIR_OUTBOX_ROOM_MAX || config->resend_after_ns <= 0 ||
        config->resend_most_ns < config->resend_after_ns)
        return weir_fail(error, WEIR_ERR_ARGUMENT, "outbox: give it 4 KiB to 1 TiB, and a time to send again above 0");
    struct weir_outbox *o = calloc(1, sizeof *o);
    if (!o)
        return weir_fail(error, WEIR_ERR_MEMORY, "outbox: out of memory");
    o->config = *config;
    o->fd = -1;
    o->progress_ns = o->overtaken_ns = INT64_MIN / 2;
    weir_err code = open_file(o, &file_bytes, error);
    if (code != WEIR_OK)
        goto out;
    /* a file from a start with more room keeps its place until it is sent */
    uint64_t file_pages = (file_bytes + WEIR_OUTBOX_PAGE - 1) / WEIR_OUTBOX_PAGE;
    uint64_t room_pages = config->room / WEIR_OUTBOX_PAGE;
    o->pages = file_pages > room_pages ? file_pages : room_pages;
    if (!(o->map = calloc(o->pages / 64 + 1, sizeof *o->map)) || (code = recover(o, file_bytes)) != WEIR_OK) {
        code = weir_fail(error, WEIR_ERR_MEMORY, "%s: out of memory", o->path);
        goto out;
    }
    o->pages = room_pages > o->end ? room_pages : o->end;
    if (!o->account.held && ftruncate(o->fd, 0) == 0)
        o->end = 0;
    *out = o;
    o = NULL;
out:
    weir_outbox_close(&o);
    return code;
}

void weir_outbox_close(struct weir_outbox **outbox)
{
    if (!outbox || !*outbox)
        return;
    struct weir_outbox *o = *outbox;
    if (o->fd >= 0) {
        if (o->map && !o->account.held && ftruncate(o->fd, 0) != 0)
            o->end = 0; /* it stays long, nothing more */
        close(o->fd);
    }
    free(o->path);
    free(o->buffer);
    free(o->reading);
    free(o->entry);
    free(o->stream);
    free(o->map);
    free(o);
    *outbox = NULL;
}

uint8_t *weir_outbox_buffer(struct weir_outbox *o, size_t size)
{
    o->in_buffer = 0;
    return grow(&o->buffer, &o->buffer_size, size);
}

weir_err weir_outbox_put(struct weir_outbox *o, size_t size, int64_t now_ns, struct weir_error *error)
{
    struct weir_frame_tag tag;
    if (size > o->buffer_size || size > UINT32_MAX || !weir_frame_tag_read(o->buffer, size, &tag) || tag.bytes != size ||
        memcmp(tag.sensor, o->config.sensor, sizeof tag.sensor) != 0 || tag.seq == UINT64_MAX)
        return weir_fail(error, WEIR_ERR_ARGUMENT, "%s: not a frame of this sensor", o->path);
    uint64_t pages = (size + WEIR_OUTBOX_PAGE - 1) / WEIR_OUTBOX_PAGE;
    if (pages > o->pages)
        return weir_fail(error, WEIR_ERR_LIMIT, "%s: a frame of %zu bytes in a room of %" PRIu64 "; give it more", o->path, size,
                         o->pages * WEIR_OUTBOX_PAGE);
    struct stream *stream = stream_make(o, tag.boot, tag.lane);
    if (stream && tag.seq < stream->after)
        return weir_fail(error, WEIR_ERR_ARGUMENT, "%s: batch %" PRIu64 " comes after %" PRIu64 " of its lane", o->path, tag.seq,
                         stream->after - 1);
    uint64_t page = pages_find(o, pages);
    if (page == o->pages) {
        o->account.disk_full = false;
        return weir_fail(error, WEIR_ERR_FULL, "%s: all %" PRIu64 " bytes are in use", o->path, o->pages * WEIR_OUTBOX_PAGE);
    }
    uint32_t number = entry_new(o);
    if (!stream || !number)
        return weir_fail(error, WEIR_ERR_MEMORY, "%s: out of memory", o->path);
    if (!write_all(o->fd, o->buffer, size, page * WEIR_OUTBOX_PAGE)) {
        int why = errno;
        o->entry[number].right = o->spare;
        o->spare = number;
        wipe(o, page);
        o->account.disk_full = why == ENOSPC || why == EDQUOT || why == EFBIG;
        return weir_fail(error, o->account.disk_full ? WEIR_ERR_FULL : WEIR_ERR_IO, "%s: cannot write it: %s", o->path,
                         strerror(why));
    }
    o->account.disk_full = false;
    entry_add(o, number, stream, &tag, page);
    o->entry[number].put_ns = now_ns;
    o->in_buffer = number;
    o->account.accepted++;
    o->account.accepted_rows += tag.rows;
    return WEIR_OK;
}

/* Whether it is time to send an entry again; else it waits once more. */
static bool is_lost(struct weir_outbox *o, uint32_t number, int64_t now_ns)
{
    struct entry *entry = &o->entry[number];
    const struct stream *stream = &o->stream[entry->stream];
    entry->beyond = entry->seq > stream->next && entry->seq - stream->next > WEIR_MARK_ABOVE;
    bool slow = entry->sent_ns >= o->overtaken_ns && now_ns - o->progress_ns < o->config.resend_after_ns;
    return !entry->beyond && !slow;
}

/* The entry to send; 0: none is due. */
static uint32_t choose(struct weir_outbox *o, int64_t now_ns)
{
    if (o->list[OVERDUE].first)
        return o->list[OVERDUE].first;
    for (unsigned level = 0; level < LEVELS; level++)
        for (uint32_t e; (e = o->list[LEVEL + level].first) && o->entry[e].due_ns <= now_ns;) {
            if (is_lost(o, e, now_ns))
                return e;
            list_take(o, e);
            wait_at_level(o, e, now_ns);
        }
    return o->list[UNSENT].first;
}

weir_err weir_outbox_next(struct weir_outbox *o, int64_t now_ns, const uint8_t **frame, size_t *size)
{
    for (uint32_t e; (e = choose(o, now_ns));) {
        struct entry *entry = &o->entry[e];
        o->given = e;
        *size = entry->bytes;
        *frame = o->buffer;
        if (o->in_buffer == e)
            return WEIR_OK;
        *frame = o->reading;
        if (o->in_reading == e)
            return WEIR_OK;
        o->in_reading = 0;
        if (!grow(&o->reading, &o->reading_size, entry->bytes))
            return WEIR_ERR_AGAIN;
        *frame = o->reading;
        if (read_all(o->fd, o->reading, entry->bytes, entry->page * WEIR_OUTBOX_PAGE) &&
            weir_frame_intact(o->reading, entry->bytes)) {
            o->in_reading = e;
            return WEIR_OK;
        }
        o->account.damaged++;
        o->account.damaged_rows += entry->rows;
        o->stream[entry->stream].damaged = true;
        entry_release(o, e);
    }
    o->given = 0;
    return WEIR_ERR_AGAIN;
}

unsigned weir_outbox_copies(const struct weir_outbox *o)
{
    unsigned copies = o->given ? o->entry[o->given].level + 1u : 1;
    return copies < WEIR_OUTBOX_COPIES ? copies : WEIR_OUTBOX_COPIES;
}

void weir_outbox_sent(struct weir_outbox *o, int64_t now_ns)
{
    uint32_t e = o->given;
    if (!e)
        return;
    struct entry *entry = &o->entry[e];
    list_take(o, e);
    if (entry->list == UNSENT)
        o->account.unsent--;
    else if (++o->account.resent && entry->level + 1 < LEVELS)
        entry->level++;
    entry->sent_ns = now_ns;
    entry->beyond = false;
    wait_at_level(o, e, now_ns);
    o->given = 0;
}

int64_t weir_outbox_due_ns(const struct weir_outbox *o)
{
    if (o->list[UNSENT].first || o->list[OVERDUE].first)
        return INT64_MIN;
    int64_t due_ns = INT64_MAX;
    for (unsigned level = 0; level < LEVELS; level++) {
        uint32_t e = o->list[LEVEL + level].first;
        if (e && o->entry[e].due_ns < due_ns)
            due_ns = o->entry[e].due_ns;
    }
    return due_ns;
}

void weir_outbox_mark(struct weir_outbox *o, const struct weir_mark *mark, int64_t now_ns)
{
    struct stream *stream;
    if (memcmp(mark->sensor, o->config.sensor, sizeof mark->sensor) != 0 || !(stream = stream_find(o, mark->boot, mark->lane)))
        return;
    stream->marked = true;
    stream->next = mark->next;
    for (uint32_t e = stream->first, after; e; e = after) {
        struct entry *entry = &o->entry[e];
        after = entry->after;
        if (entry->seq > mark->next && entry->seq - mark->next > WEIR_MARK_ABOVE)
            break;
        if (weir_mark_covers(mark, entry->seq)) {
            o->account.committed++;
            o->account.committed_rows += entry->rows;
            if (entry->former)
                o->account.committed_former_rows += entry->rows;
            else
                weir_histogram_add(&o->account.committed_ns, now_ns - entry->put_ns, 1);
            o->progress_ns = now_ns;
            if (entry->list != UNSENT && entry->level == 0 && entry->sent_ns > o->overtaken_ns)
                o->overtaken_ns = entry->sent_ns;
            entry_release(o, e);
        } else if (entry->beyond) { /* its time has come before; now it is known to be missing */
            entry->beyond = false;
            list_take(o, e);
            list_push(o, e, OVERDUE);
        }
    }
}

bool weir_outbox_gone(struct weir_outbox *o, int64_t now_ns, struct weir_outbox_gone *out)
{
    for (size_t s = 0; s < o->streams; s++) {
        struct stream *stream = &o->stream[s];
        uint64_t below = stream->first ? o->entry[stream->first].seq : stream->after;
        if ((!stream->marked && !stream->damaged) || stream->next >= below ||
            (stream->told_below == below && now_ns - stream->told_ns < o->config.resend_most_ns))
            continue;
        stream->told_below = below;
        stream->told_ns = now_ns;
        *out = (struct weir_outbox_gone){.boot = stream->boot, .below = below, .lane = stream->lane};
        return true;
    }
    return false;
}

uint64_t weir_outbox_after(const struct weir_outbox *o, uint64_t boot, uint32_t lane)
{
    const struct stream *stream = stream_find(o, boot, lane);
    return stream ? stream->after : 0;
}

void weir_outbox_account(const struct weir_outbox *o, struct weir_outbox_account *out)
{
    *out = o->account;
    out->room = o->pages * WEIR_OUTBOX_PAGE;
}

bool weir_outbox_is_valid(const struct weir_outbox *o)
{
    uint64_t streamed = 0, listed = 0, rows = 0, pages = 0, used = 0;
    for (size_t s = 0; s < o->streams; s++) {
        const struct stream *stream = &o->stream[s];
        if (s && stream_compare(stream - 1, stream->boot, stream->lane) >= 0)
            return false;
        uint32_t before = 0;
        for (uint32_t e = stream->first; e; before = e, e = o->entry[e].after) {
            const struct entry *entry = &o->entry[e];
            if (entry->stream != s || entry->before != before || entry->seq >= stream->after ||
                (before && o->entry[before].seq >= entry->seq) || ++streamed > o->entries)
                return false;
            rows += entry->rows;
            pages += entry->pages;
            for (uint64_t p = entry->page; p < entry->page + entry->pages; p++)
                if (p >= o->pages || !page_used(o, p))
                    return false;
        }
        if (stream->last != before)
            return false;
    }
    for (uint8_t l = 0; l < LISTS; l++) {
        uint32_t before = 0;
        for (uint32_t e = o->list[l].first; e; before = e, e = o->entry[e].right)
            if (o->entry[e].list != l || o->entry[e].left != before || ++listed > o->entries ||
                (l >= LEVEL && before && o->entry[before].due_ns > o->entry[e].due_ns))
                return false;
        if (o->list[l].last != before)
            return false;
    }
    for (uint64_t p = 0; p < o->pages; p++) {
        used += page_used(o, p);
        if (p < o->low && !page_used(o, p))
            return false;
    }
    const struct weir_outbox_account *a = &o->account;
    return streamed == listed && streamed == a->held && rows == a->held_rows && pages == used &&
           used * WEIR_OUTBOX_PAGE == a->bytes && a->accepted + a->recovered == a->committed + a->damaged + a->held &&
           a->accepted_rows + a->recovered_rows == a->committed_rows + a->damaged_rows + a->held_rows;
}
