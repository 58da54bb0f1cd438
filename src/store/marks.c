#include "store/marks.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/bytes.h"
#include "batch/note_frame.h"
#include "store/text.h"

enum { FIRST_BUCKETS = 64 };

struct span {
    uint64_t first, last;
};

/* What is there of one lane. */
struct state {
    uint64_t next;
    struct span *span; /* above next, apart from each other, in order */
    uint32_t spans, room;
    int64_t changed_ns;
    bool closed;
};

struct entry {
    uint8_t sensor[16];
    uint64_t boot;
    uint32_t lane;
    uint32_t place, number; /* in `entry`, in the table */
    struct state now, kept;
    bool stored;  /* the table has it */
    bool touched; /* since the last keep: `kept` is what was before */
    bool untold;
};

struct weir_marks {
    struct entry **entry;
    size_t count, room;
    struct entry **bucket; /* open addressing; twice as many as entries at least */
    size_t buckets;
    struct entry *last;                 /* asked for */
    uint32_t *touched;                  /* places in `entry`, of those that are */
    size_t touched_count, touched_room; /* room for all entries */
    uint32_t next_number;
    size_t tell; /* where weir_marks_told goes on */
    bool untold;
};

static weir_err no_memory(struct weir_error *error)
{
    return weir_fail(error, WEIR_ERR_MEMORY, "marks: out of memory");
}

static void free_entries(struct weir_marks *marks)
{
    for (size_t i = 0; i < marks->count; i++) {
        free(marks->entry[i]->now.span);
        free(marks->entry[i]->kept.span);
        free(marks->entry[i]);
    }
    marks->count = marks->touched_count = marks->tell = marks->next_number = 0;
    marks->last = NULL;
    memset(marks->bucket, 0, marks->buckets * sizeof *marks->bucket);
}

weir_err weir_marks_create(struct weir_marks **out)
{
    struct weir_marks *marks = *out = calloc(1, sizeof *marks);
    if (!marks || !(marks->bucket = calloc(FIRST_BUCKETS, sizeof *marks->bucket))) {
        weir_marks_destroy(out);
        return WEIR_ERR_MEMORY;
    }
    marks->buckets = FIRST_BUCKETS;
    return WEIR_OK;
}

void weir_marks_destroy(struct weir_marks **marks)
{
    if (!marks || !*marks)
        return;
    struct weir_marks *m = *marks;
    if (m->bucket)
        free_entries(m);
    free(m->entry);
    free(m->bucket);
    free(m->touched);
    free(m);
    *marks = NULL;
}

/* --- the table in memory --- */

static uint64_t mix(uint64_t z)
{
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static struct entry **find_bucket(const struct weir_marks *marks, const uint8_t *sensor, uint64_t boot, uint32_t lane)
{
    uint64_t half[2];
    memcpy(half, sensor, sizeof half);
    size_t at = mix(half[0] ^ mix(half[1] ^ mix(boot ^ mix(lane)))) & (marks->buckets - 1);
    for (struct entry *e; (e = marks->bucket[at]); at = (at + 1) & (marks->buckets - 1))
        if (e->lane == lane && e->boot == boot && !memcmp(e->sensor, sensor, sizeof e->sensor))
            break;
    return &marks->bucket[at];
}

static struct entry *find(struct weir_marks *marks, const uint8_t *sensor, uint64_t boot, uint32_t lane)
{
    struct entry *last = marks->last;
    if (last && last->lane == lane && last->boot == boot && !memcmp(last->sensor, sensor, sizeof last->sensor))
        return last;
    struct entry *found = *find_bucket(marks, sensor, boot, lane);
    if (found)
        marks->last = found;
    return found;
}

/* For one span more. */
static bool more_room(struct state *state)
{
    if (state->spans < state->room)
        return true;
    uint32_t room = state->room ? 2 * state->room : 4;
    if (!weir_array_resize(&state->span, room, sizeof *state->span))
        return false;
    state->room = room;
    return true;
}

static bool grow(struct weir_marks *marks)
{
    if (marks->count == marks->room) {
        size_t room = marks->room ? 2 * marks->room : FIRST_BUCKETS / 2;
        struct entry **entry = realloc(marks->entry, room * sizeof *entry);
        if (!entry)
            return false;
        marks->entry = entry;
        uint32_t *touched = realloc(marks->touched, room * sizeof *touched);
        if (!touched)
            return false;
        marks->touched = touched;
        marks->room = room;
    }
    if (2 * (marks->count + 1) > marks->buckets) {
        struct entry **bucket = calloc(2 * marks->buckets, sizeof *bucket);
        if (!bucket)
            return false;
        free(marks->bucket);
        marks->bucket = bucket;
        marks->buckets *= 2;
        for (size_t i = 0; i < marks->count; i++)
            *find_bucket(marks, marks->entry[i]->sensor, marks->entry[i]->boot, marks->entry[i]->lane) = marks->entry[i];
    }
    return true;
}

/* A new one. NULL: out of memory. */
static struct entry *add(struct weir_marks *marks, const uint8_t *sensor, uint64_t boot, uint32_t lane)
{
    struct entry *entry = grow(marks) ? calloc(1, sizeof *entry) : NULL;
    if (!entry)
        return NULL;
    memcpy(entry->sensor, sensor, sizeof entry->sensor);
    entry->boot = boot;
    entry->lane = lane;
    entry->place = (uint32_t)marks->count;
    entry->number = marks->next_number++;
    *find_bucket(marks, sensor, boot, lane) = entry;
    marks->entry[marks->count++] = entry;
    return entry;
}

/* How many spans end below `seq`: the place of the first that does not. */
static uint32_t place(const struct state *state, uint64_t seq)
{
    uint32_t low = 0, high = state->spans;
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        if (state->span[middle].last < seq)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static enum weir_mark_state look(const struct state *state, uint64_t seq)
{
    if (seq < state->next)
        return WEIR_MARK_HAVE;
    if (seq == state->next && seq < UINT64_MAX)
        return WEIR_MARK_NEW;
    uint32_t at = place(state, seq);
    if (at < state->spans && state->span[at].first <= seq)
        return WEIR_MARK_HAVE;
    bool touches = (at > 0 && state->span[at - 1].last == seq - 1) || (at < state->spans && state->span[at].first == seq + 1);
    /* the last number of all has no next one */
    return seq == UINT64_MAX || (!touches && state->spans == WEIR_MARK_SPANS) ? WEIR_MARK_FAR : WEIR_MARK_NEW;
}

enum weir_mark_state weir_marks_ask(struct weir_marks *marks, const struct weir_batch_id *id)
{
    static const struct state none = {0};
    const struct entry *entry = find(marks, id->sensor, id->boot, id->lane);
    return look(entry ? &entry->now : &none, id->seq);
}

static void remove_span(struct state *state, uint32_t at)
{
    memmove(state->span + at, state->span + at + 1, (--state->spans - at) * sizeof *state->span);
}

static bool set(struct state *state, uint64_t seq)
{
    if (seq == state->next) {
        state->next++;
        if (state->spans && state->span[0].first == state->next) {
            state->next = state->span[0].last + 1;
            remove_span(state, 0);
        }
        return true;
    }
    uint32_t at = place(state, seq);
    bool below = at > 0 && state->span[at - 1].last == seq - 1, above = at < state->spans && state->span[at].first == seq + 1;
    if (below && above) {
        state->span[at - 1].last = state->span[at].last;
        remove_span(state, at);
    } else if (below) {
        state->span[at - 1].last = seq;
    } else if (above) {
        state->span[at].first = seq;
    } else {
        if (!more_room(state))
            return false;
        memmove(state->span + at + 1, state->span + at, (state->spans - at) * sizeof *state->span);
        state->span[at] = (struct span){seq, seq};
        state->spans++;
    }
    return true;
}

static bool copy(struct state *to, const struct state *from)
{
    struct span *span = to->span;
    uint32_t room = to->room;
    if (room < from->spans) {
        room = from->spans;
        if (!(span = realloc(span, room * sizeof *span)))
            return false;
    }
    if (from->spans)
        memcpy(span, from->span, from->spans * sizeof *span);
    *to = *from;
    to->span = span;
    to->room = room;
    return true;
}

static bool touch(struct weir_marks *marks, struct entry *entry)
{
    if (entry->touched)
        return true;
    if (!copy(&entry->kept, &entry->now))
        return false;
    entry->touched = true;
    marks->touched[marks->touched_count++] = entry->place;
    return true;
}

weir_err weir_marks_take(struct weir_marks *marks, const struct weir_batch_id *id, int64_t wall_ns, struct weir_error *error)
{
    struct entry *entry = find(marks, id->sensor, id->boot, id->lane);
    if (!entry)
        entry = add(marks, id->sensor, id->boot, id->lane);
    if (!entry || !touch(marks, entry) || !set(&entry->now, id->seq))
        return no_memory(error);
    entry->now.changed_ns = wall_ns;
    return WEIR_OK;
}

weir_err weir_marks_skip(struct weir_marks *marks, const struct weir_batch_id *id, int64_t wall_ns, uint64_t *missing,
                         struct weir_error *error)
{
    struct entry *entry = find(marks, id->sensor, id->boot, id->lane);
    *missing = 0;
    if (!entry)
        entry = add(marks, id->sensor, id->boot, id->lane);
    if (!entry || !touch(marks, entry))
        return no_memory(error);
    struct state *state = &entry->now;
    if (id->seq <= state->next)
        return WEIR_OK;
    uint64_t from = state->next;
    while (state->spans && state->span[0].first <= id->seq) { /* the last one may reach beyond, or touch */
        *missing += state->span[0].first - from;
        from = state->span[0].last + 1;
        remove_span(state, 0);
    }
    if (from < id->seq)
        *missing += id->seq - from;
    state->next = from < id->seq ? id->seq : from;
    state->changed_ns = wall_ns;
    return WEIR_OK;
}

void weir_marks_close(struct weir_marks *marks, const struct weir_batch_id *id)
{
    struct entry *entry = find(marks, id->sensor, id->boot, WEIR_NOTE_LANE);
    if (entry && touch(marks, entry))
        entry->now.closed = true;
}

bool weir_marks_newest(const struct weir_marks *marks, const uint8_t sensor[16], struct weir_mark_boot *out)
{
    bool found = false;
    for (size_t i = 0; i < marks->count; i++) {
        const struct entry *e = marks->entry[i];
        /* an entry whose transaction was undone is empty */
        if (memcmp(e->sensor, sensor, sizeof e->sensor) != 0 || (!e->now.next && !e->now.spans) || (found && e->boot < out->boot))
            continue;
        if (!found || e->boot > out->boot)
            *out = (struct weir_mark_boot){.boot = e->boot};
        out->closed |= e->now.closed;
        if (e->now.changed_ns > out->changed_ns)
            out->changed_ns = e->now.changed_ns;
        found = true;
    }
    return found;
}

void weir_marks_keep(struct weir_marks *marks)
{
    for (size_t i = 0; i < marks->touched_count; i++) {
        struct entry *entry = marks->entry[marks->touched[i]];
        entry->touched = false;
        entry->stored = entry->untold = true;
        marks->untold = true;
    }
    marks->touched_count = 0;
}

void weir_marks_undo(struct weir_marks *marks)
{
    for (size_t i = 0; i < marks->touched_count; i++) {
        struct entry *entry = marks->entry[marks->touched[i]];
        struct state now = entry->now;
        entry->now = entry->kept;
        entry->kept = now; /* its room */
        entry->touched = false;
    }
    marks->touched_count = 0;
}

/* --- the table in the file --- */

static void put_row(FILE *to, const struct entry *entry, bool keys)
{
    const struct state *state = &entry->now;
    char uuid[WEIR_TEXT_ROOM];
    uuid[weir_text_uuid(weir_load_be64(entry->sensor), weir_load_be64(entry->sensor + 8), uuid)] = 0;
    fprintf(to, "(%" PRIu32 ",", entry->number);
    if (keys)
        fprintf(to, "'%s',%" PRIu64 ",%" PRIu32 ",", uuid, entry->boot, entry->lane);
    fprintf(to, "%" PRIu64 "::UBIGINT,'", state->next);
    for (uint32_t i = 0; i < state->spans; i++)
        fprintf(to, "%s%" PRIu64 "-%" PRIu64, i ? "," : "", state->span[i].first, state->span[i].last);
    fprintf(to, "',make_timestamp(%" PRId64 "),%s)", state->changed_ns / 1000, state->closed ? "true" : "false");
}

/* New rows, and new values of those that are there. */
static weir_err write_rows(struct weir_marks *marks, struct weir_duck *duck, struct entry *(*next)(struct weir_marks *, size_t),
                           size_t count, struct weir_error *error)
{
    char *sql = NULL;
    size_t size, inserted = 0, updated = 0;
    FILE *to = open_memstream(&sql, &size);
    if (!to)
        return no_memory(error);
    for (size_t i = 0; i < count; i++)
        if (!next(marks, i)->stored) {
            fputs(inserted++ ? "," : "INSERT INTO marks VALUES ", to);
            put_row(to, next(marks, i), true);
        }
    for (size_t i = 0; i < count; i++)
        if (next(marks, i)->stored) {
            fputs(updated++
                      ? ","
                      : ";UPDATE marks SET next = v.next, above = v.above, changed = v.changed, closed = v.closed FROM (VALUES ",
                  to);
            put_row(to, next(marks, i), false);
        }
    if (updated)
        fputs(") v(mark, next, above, changed, closed) WHERE marks.mark = v.mark", to);
    weir_err code = fclose(to) ? no_memory(error) : inserted + updated ? weir_duck_run(duck, sql, error) : WEIR_OK;
    free(sql);
    return code;
}

static struct entry *touched_entry(struct weir_marks *marks, size_t i)
{
    return marks->entry[marks->touched[i]];
}

static struct entry *any_entry(struct weir_marks *marks, size_t i)
{
    return marks->entry[i];
}

weir_err weir_marks_write(struct weir_marks *marks, struct weir_duck *duck, struct weir_error *error)
{
    return write_rows(marks, duck, touched_entry, marks->touched_count, error);
}

weir_err weir_marks_carry(struct weir_marks *marks, struct weir_duck *duck, struct weir_error *error)
{
    for (size_t i = 0; i < marks->count; i++)
        marks->entry[i]->stored = false;
    weir_err code = write_rows(marks, duck, any_entry, marks->count, error);
    for (size_t i = 0; i < marks->count; i++)
        marks->entry[i]->stored = code == WEIR_OK;
    return code;
}

static bool read_spans(struct state *state, const char *text)
{
    for (uint64_t least = state->next; *text;) {
        uint64_t first, last;
        int used = 0;
        if (sscanf(text, "%" SCNu64 "-%" SCNu64 "%n", &first, &last, &used) != 2 || first <= least || last < first ||
            last == UINT64_MAX || state->spans == WEIR_MARK_SPANS)
            return false;
        if (!more_room(state))
            return false;
        state->span[state->spans++] = (struct span){first, last};
        least = last + 1;
        text += used;
        if (*text == ',')
            text++;
        else if (*text)
            return false;
    }
    return true;
}

static bool read_uuid(const char *text, uint8_t out[16])
{
    unsigned digits = 0;
    memset(out, 0, 16);
    for (; *text; text++) {
        const char *hex = "0123456789abcdef", *at = strchr(hex, *text);
        if (*text == '-')
            continue;
        if (!at || digits == 32)
            return false;
        out[digits / 2] = (uint8_t)(out[digits / 2] << 4 | (at - hex));
        digits++;
    }
    return digits == 32;
}

static weir_err read_row(struct weir_marks *marks, duckdb_result *result, idx_t row, struct weir_error *error)
{
    uint8_t sensor[16];
    char *uuid = duckdb_value_varchar(result, 1, row), *above = duckdb_value_varchar(result, 5, row);
    uint64_t boot = duckdb_value_uint64(result, 2, row);
    uint32_t lane = duckdb_value_uint32(result, 3, row);
    struct entry *entry = NULL;
    weir_err code = WEIR_OK;
    if (!uuid || !above || !read_uuid(uuid, sensor) || *find_bucket(marks, sensor, boot, lane))
        code = weir_fail(error, WEIR_ERR_FORMAT, "table marks: row %llu is damaged", (unsigned long long)row);
    else if (!(entry = add(marks, sensor, boot, lane)))
        code = no_memory(error);
    if (entry) {
        entry->number = duckdb_value_uint32(result, 0, row);
        marks->next_number = entry->number + 1;
        entry->now.next = duckdb_value_uint64(result, 4, row);
        entry->now.changed_ns = duckdb_value_int64(result, 6, row) * 1000;
        entry->now.closed = duckdb_value_boolean(result, 7, row);
        entry->stored = entry->untold = true;
        if (!read_spans(&entry->now, above))
            code = weir_fail(error, WEIR_ERR_FORMAT, "table marks: '%.60s' is no list of spans", above);
    }
    duckdb_free(uuid);
    duckdb_free(above);
    return code;
}

weir_err weir_marks_read(struct weir_marks *marks, struct weir_duck *duck, struct weir_error *error)
{
    duckdb_result result;
    weir_err code = weir_duck_query(duck,
                                    "SELECT mark, sensor::VARCHAR, boot, lane, next, above, epoch_us(changed), closed FROM marks"
                                    " ORDER BY mark",
                                    &result, error);
    if (code != WEIR_OK)
        return code;
    free_entries(marks);
    for (idx_t row = 0; code == WEIR_OK && row < duckdb_row_count(&result); row++)
        code = read_row(marks, &result, row, error);
    duckdb_destroy_result(&result);
    marks->untold = marks->count > 0;
    return code;
}

/* --- for the sensors --- */

static void make_mark(const struct entry *entry, struct weir_mark *out)
{
    /* an entry that an open transaction has touched: what is committed counts */
    const struct state *state = entry->touched ? &entry->kept : &entry->now;
    *out = (struct weir_mark){.boot = entry->boot, .lane = entry->lane, .next = state->next};
    memcpy(out->sensor, entry->sensor, sizeof out->sensor);
    for (uint32_t i = 0; i < state->spans; i++)
        for (uint64_t bit = state->span[i].first - state->next - 1; bit <= state->span[i].last - state->next - 1; bit++) {
            if (bit >= WEIR_MARK_ABOVE)
                return;
            out->above[bit / 64] |= (uint64_t)1 << bit % 64;
        }
}

void weir_marks_tell(struct weir_marks *marks, const struct weir_batch_id *id)
{
    struct entry *entry = find(marks, id->sensor, id->boot, id->lane);
    if (entry && entry->stored)
        entry->untold = marks->untold = true;
}

size_t weir_marks_told(struct weir_marks *marks, struct weir_mark *out, size_t room)
{
    size_t count = 0;
    if (!marks->untold)
        return 0;
    for (; marks->tell < marks->count && count < room; marks->tell++) {
        struct entry *entry = marks->entry[marks->tell];
        if (!entry->untold)
            continue;
        entry->untold = false;
        make_mark(entry, &out[count++]);
    }
    if (marks->tell == marks->count) {
        marks->tell = 0;
        marks->untold = count > 0 && count == room; /* the next call says 0 */
    }
    return count;
}
