/* The outbox against a naive world: a network that loses, repeats and reorders, a collector that keeps sets, kills at any moment.
 * Nothing may be lost, nothing kept for ever, nothing grow without bound. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "../batch/frames.h"
#include "base/file.h"
#include "batch/frame_head.h"
#include "batch/frame_tag.h"
#include "batch/note_frame.h"
#include "pipeline/outbox.h"

enum { LANES = 3, BOOTS = 12, SEQS = 4000, PAGE = WEIR_OUTBOX_PAGE };
static const int64_t second = 1000000000;
static const uint8_t sensor[16] = "this sensor here";

static uint64_t below(uint64_t n)
{
    return next() % n;
}

/* A frame of so many pages, in the outbox's buffer; its content follows from its identity. */
static size_t forge(struct weir_outbox *outbox, uint64_t boot, uint32_t lane, uint64_t seq, size_t pages, uint16_t rows)
{
    static char text[64 * PAGE];
    size_t length = pages * PAGE - WEIR_FRAME_HEAD_BYTES - 4 - (boot * 31 + lane * 17 + seq) % 100;
    memset(text, 'a' + (int)((boot + seq + lane) % 26), length);
    text[length] = 0;
    struct weir_note note = {.boot = boot, .seq = seq, .name = "s", .text = text};
    memcpy(note.sensor, sensor, sizeof sensor);
    size_t size = weir_note_frame_bytes(&note);
    uint8_t *frame = weir_outbox_buffer(outbox, size);
    assert_non_null(frame);
    weir_note_frame_encode(&note, frame);
    memcpy(frame + offsetof(struct weir_frame_head, lane), &lane, sizeof lane);
    memcpy(frame + offsetof(struct weir_frame_head, rows), &rows, sizeof rows);
    weir_frame_seal(frame, size);
    return size;
}

static char folder[64], file[80];

static void make_folder(void)
{
    strcpy(folder, "/tmp/weir-test-outbox-XXXXXX");
    assert_non_null(mkdtemp(folder));
    snprintf(file, sizeof file, "%s/outbox", folder);
}

static void remove_folder(void)
{
    unlink(file);
    assert_int_equal(rmdir(folder), 0);
}

static struct weir_outbox *open_with(const char *where, uint64_t pages)
{
    struct weir_outbox_config config = {
        .folder = where, .room = pages * PAGE, .resend_after_ns = 3 * second, .resend_most_ns = 30 * second};
    struct weir_outbox *outbox;
    struct weir_error error = {0};
    memcpy(config.sensor, sensor, sizeof sensor);
    if (weir_outbox_open(&config, &outbox, &error) != WEIR_OK)
        fail_msg("%s", error.text);
    assert_true(weir_outbox_is_valid(outbox));
    return outbox;
}

static struct weir_mark mark_of(uint64_t boot, uint32_t lane, uint64_t next_seq)
{
    struct weir_mark mark = {.boot = boot, .lane = lane, .next = next_seq};
    memcpy(mark.sensor, sensor, sizeof sensor);
    return mark;
}

static struct weir_outbox_account account_of(const struct weir_outbox *outbox)
{
    struct weir_outbox_account account;
    weir_outbox_account(outbox, &account);
    return account;
}

/* Sends the next frame and returns its sequence number; UINT64_MAX: none is due. */
static uint64_t send_next(struct weir_outbox *outbox, int64_t now_ns)
{
    const uint8_t *frame;
    size_t size;
    struct weir_frame_tag tag;
    if (weir_outbox_next(outbox, now_ns, &frame, &size) != WEIR_OK)
        return UINT64_MAX;
    assert_true(weir_frame_intact(frame, size));
    assert_true(weir_frame_tag_read(frame, size, &tag));
    weir_outbox_sent(outbox, now_ns);
    return tag.seq;
}

static void put(struct weir_outbox *outbox, uint64_t boot, uint32_t lane, uint64_t seq, size_t pages)
{
    assert_int_equal(weir_outbox_put(outbox, forge(outbox, boot, lane, seq, pages, 7), 0, NULL), WEIR_OK);
}

static void test_times(void **unused)
{
    struct weir_outbox *outbox = open_with(NULL, 64);
    put(outbox, 1, 0, 0, 1);
    put(outbox, 1, 0, 1, 1);
    const uint8_t *first;
    size_t bytes;
    assert_int_equal(weir_outbox_next(outbox, 0, &first, &bytes), WEIR_OK);
    assert_int_equal(weir_outbox_copies(outbox), 1);
    assert_int_equal(send_next(outbox, 0), 0);
    assert_int_equal(send_next(outbox, 0), 1);
    assert_int_equal(send_next(outbox, 3 * second - 1), UINT64_MAX);
    assert_int_equal(weir_outbox_due_ns(outbox), 3 * second);
    int64_t at = 3 * second, delay = 6 * second;
    for (int i = 0; i < 12; i++) { /* 3, then 6, 12, 24, 30, 30 ... s later */
        const uint8_t *frame;
        size_t size;
        assert_int_equal(send_next(outbox, at - 1), UINT64_MAX);
        assert_int_equal(weir_outbox_next(outbox, at, &frame, &size), WEIR_OK);
        assert_int_equal(weir_outbox_copies(outbox), i < 4 ? i + 1 : 4);
        assert_int_equal(send_next(outbox, at), 0);
        assert_int_equal(send_next(outbox, at), 1);
        at += delay;
        delay = delay * 2 < 30 * second ? delay * 2 : 30 * second;
    }
    struct weir_mark mark = mark_of(1, 0, 2);
    weir_outbox_mark(outbox, &mark, at);
    assert_int_equal(send_next(outbox, at + 100 * second), UINT64_MAX);
    assert_int_equal(weir_outbox_due_ns(outbox), INT64_MAX);
    struct weir_outbox_account account = account_of(outbox);
    assert_int_equal(account.accepted, 2);
    assert_int_equal(account.committed_rows, 14);
    assert_int_equal(account.resent, 24);
    assert_int_equal(account.held, 0);
    weir_outbox_close(&outbox);
}

/* While marks come for what was sent before, nothing is sent again; once one sent later is marked, what it overtook is. */
static void test_slow_is_not_lost(void **unused)
{
    struct weir_outbox *outbox = open_with(NULL, 64);
    for (unsigned i = 0; i < 10; i++) {
        put(outbox, 1, 0, i, 1);
        assert_int_equal(send_next(outbox, i), i);
    }
    struct weir_mark mark = mark_of(1, 0, 1);
    weir_outbox_mark(outbox, &mark, 2 * second);
    assert_int_equal(send_next(outbox, 4 * second), UINT64_MAX);
    mark.next = 2;
    weir_outbox_mark(outbox, &mark, 6 * second);
    assert_int_equal(send_next(outbox, 8 * second), UINT64_MAX);
    mark.above[0] = 1 << 2; /* 5 has come, 2, 3 and 4 have not */
    weir_outbox_mark(outbox, &mark, 9 * second);
    assert_int_equal(send_next(outbox, 11 * second), 2);
    assert_int_equal(send_next(outbox, 11 * second), 3);
    assert_int_equal(send_next(outbox, 11 * second), 4);
    assert_int_equal(send_next(outbox, 11 * second), UINT64_MAX);
    assert_int_equal(send_next(outbox, 14 * second), 6); /* nothing has come for long */
    weir_outbox_close(&outbox);
}

/* What no mark could speak of waits until one can. */
static void test_beyond(void **unused)
{
    struct weir_outbox *outbox = open_with(NULL, 1024);
    for (unsigned i = 0; i < 600; i++) {
        put(outbox, 1, 0, i, 1);
        assert_int_equal(send_next(outbox, 0), i);
    }
    for (unsigned i = 0; i <= WEIR_MARK_ABOVE; i++)
        assert_int_equal(send_next(outbox, 4 * second), i);
    assert_int_equal(send_next(outbox, 4 * second), UINT64_MAX);
    struct weir_mark mark = mark_of(1, 0, 300);
    weir_outbox_mark(outbox, &mark, 4 * second + 1);
    for (unsigned i = 300; i <= 300 + WEIR_MARK_ABOVE; i++)
        assert_int_equal(send_next(outbox, 4 * second + 1), i);
    assert_int_equal(send_next(outbox, 4 * second + 1), UINT64_MAX);
    assert_true(weir_outbox_is_valid(outbox));
    weir_outbox_close(&outbox);
}

static void test_room(void **unused)
{
    make_folder();
    struct weir_outbox *outbox = open_with(folder, 10);
    put(outbox, 1, 0, 0, 4);
    put(outbox, 1, 0, 1, 4);
    size_t waiting = forge(outbox, 1, 0, 2, 4, 7);
    assert_int_equal(weir_outbox_put(outbox, waiting, 0, NULL), WEIR_ERR_FULL);
    assert_int_equal(send_next(outbox, 0), 0);
    struct weir_mark mark = mark_of(1, 0, 1);
    weir_outbox_mark(outbox, &mark, 1);
    assert_int_equal(send_next(outbox, 0), 1);
    assert_int_equal(weir_outbox_put(outbox, waiting, 0, NULL), WEIR_OK); /* it stayed in the buffer */
    assert_int_equal(send_next(outbox, 0), 2);
    assert_int_equal(weir_outbox_put(outbox, forge(outbox, 1, 0, 3, 11, 7), 0, NULL), WEIR_ERR_LIMIT);
    assert_int_equal(weir_outbox_put(outbox, forge(outbox, 1, 0, 2, 1, 7), 0, NULL), WEIR_ERR_ARGUMENT); /* not again */
    struct stat info;
    assert_int_equal(stat(file, &info), 0);
    assert_true(info.st_size <= 10 * PAGE);
    weir_outbox_close(&outbox);
    outbox = open_with(folder, 2); /* less room than what is there */
    assert_int_equal(account_of(outbox).recovered, 2);
    assert_int_equal(weir_outbox_put(outbox, forge(outbox, 2, 0, 0, 1, 7), 0, NULL), WEIR_ERR_FULL);
    mark.next = 3;
    weir_outbox_mark(outbox, &mark, 1);
    put(outbox, 2, 0, 0, 1);
    weir_outbox_close(&outbox);
    remove_folder();
}

static void flip(off_t at)
{
    uint8_t byte;
    int fd = open(file, O_RDWR);
    assert_int_equal(pread(fd, &byte, 1, at), 1);
    byte ^= 4;
    assert_int_equal(pwrite(fd, &byte, 1, at), 1);
    close(fd);
}

/* A bit that flips in the file: the frame is let go and counted, and the collector is told not to wait for it. */
static void test_damage(void **unused)
{
    struct weir_outbox_gone gone;
    make_folder();
    struct weir_outbox *outbox = open_with(folder, 64);
    for (unsigned i = 0; i < 4; i++)
        put(outbox, 1, 2, i, 2);
    flip(2 * PAGE + 2000);
    assert_int_equal(send_next(outbox, 0), 0);
    assert_int_equal(send_next(outbox, 0), 2);
    assert_int_equal(account_of(outbox).damaged, 1);
    assert_int_equal(account_of(outbox).damaged_rows, 7);
    assert_false(weir_outbox_gone(outbox, 0, &gone)); /* 0 is still here */
    struct weir_mark mark = mark_of(1, 2, 1);
    mark.above[0] = 1; /* 2 */
    weir_outbox_mark(outbox, &mark, 1);
    assert_true(weir_outbox_gone(outbox, 1, &gone));
    assert_int_equal(gone.boot, 1);
    assert_int_equal(gone.lane, 2);
    assert_int_equal(gone.below, 3);
    assert_false(weir_outbox_gone(outbox, 2, &gone)); /* told once */
    assert_true(weir_outbox_gone(outbox, 31 * second, &gone));
    mark.next = 3;
    weir_outbox_mark(outbox, &mark, 1);
    assert_false(weir_outbox_gone(outbox, 100 * second, &gone));
    assert_true(weir_outbox_is_valid(outbox));
    weir_outbox_close(&outbox);

    outbox = open_with(folder, 64); /* 3 is left; now it is torn */
    assert_int_equal(account_of(outbox).recovered, 1);
    weir_outbox_close(&outbox);
    flip(6 * PAGE + 5);
    outbox = open_with(folder, 64);
    assert_int_equal(account_of(outbox).recovered, 0);
    weir_outbox_close(&outbox);
    remove_folder();
}

/* --- the world --- */

static struct {
    bool accepted[BOOTS][LANES][SEQS], committed[BOOTS][LANES][SEQS];
    bool told[BOOTS][LANES];
    uint64_t next_seq[BOOTS][LANES], mark_next[BOOTS][LANES];
    struct packet {
        uint64_t boot, seq;
        uint32_t lane;
    } way[4096];
    size_t on_way;
} world;

static void deliver(struct packet packet)
{
    world.committed[packet.boot][packet.lane][packet.seq] = true;
    world.told[packet.boot][packet.lane] = true;
    uint64_t *mark = &world.mark_next[packet.boot][packet.lane];
    while (*mark < SEQS && world.committed[packet.boot][packet.lane][*mark])
        ++*mark;
}

static void give_marks(struct weir_outbox *outbox, int64_t now_ns)
{
    for (uint64_t b = 0; b < BOOTS; b++)
        for (uint32_t l = 0; l < LANES; l++) {
            struct weir_mark mark = mark_of(b, l, world.mark_next[b][l]);
            for (uint64_t i = 0; i < WEIR_MARK_ABOVE; i++)
                if (mark.next + 1 + i < SEQS && world.committed[b][l][mark.next + 1 + i])
                    mark.above[i / 64] |= (uint64_t)1 << (i % 64);
            if (world.told[b][l])
                weir_outbox_mark(outbox, &mark, now_ns);
        }
}

/* What a kill leaves: the file as it is at that moment. */
static struct weir_outbox *kill_and_open(struct weir_outbox *outbox, uint64_t pages)
{
    uint8_t *bytes;
    size_t size;
    assert_int_equal(weir_file_read(file, 1 << 30, &bytes, &size, NULL), WEIR_OK);
    weir_outbox_close(&outbox);
    assert_int_equal(weir_file_write(file, bytes, size, NULL), WEIR_OK);
    free(bytes);
    return open_with(folder, pages);
}

static void world_step(struct weir_outbox *outbox, uint64_t boot, uint64_t loss, int64_t now_ns)
{
    uint32_t lane = (uint32_t)below(LANES);
    uint64_t seq = world.next_seq[boot][lane];
    const uint8_t *frame;
    size_t size;
    struct weir_frame_tag tag;
    if (below(3) && seq < SEQS) {
        weir_err code = weir_outbox_put(outbox, forge(outbox, boot, lane, seq, 1 + below(below(8) ? 3 : 20), 1), 0, NULL);
        assert_true(code == WEIR_OK || code == WEIR_ERR_FULL);
        if (code == WEIR_OK) {
            world.accepted[boot][lane][seq] = true;
            world.next_seq[boot][lane]++;
        }
    }
    for (uint64_t n = below(4); n > 0 && weir_outbox_next(outbox, now_ns, &frame, &size) == WEIR_OK; n--) {
        assert_true(weir_frame_intact(frame, size) && weir_frame_tag_read(frame, size, &tag));
        assert_true(world.accepted[tag.boot][tag.lane][tag.seq]);
        if (below(100) < 5)
            break; /* no room in the queue */
        weir_outbox_sent(outbox, now_ns);
        for (uint64_t copies = below(100) < loss ? 0 : 1 + (below(50) == 0); copies && world.on_way < 4096; copies--)
            world.way[world.on_way++] = (struct packet){tag.boot, tag.seq, tag.lane};
    }
    for (uint64_t n = below(4); n > 0 && world.on_way; n--) {
        size_t at = below(3) ? 0 : below(world.on_way);
        deliver(world.way[at]);
        memmove(&world.way[at], &world.way[at + 1], (--world.on_way - at) * sizeof *world.way);
    }
    if (below(5) == 0 && below(100) >= loss)
        give_marks(outbox, now_ns);
}

static void check_bounds(const struct weir_outbox *outbox, uint64_t pages)
{
    struct stat info;
    assert_int_equal(stat(file, &info), 0);
    assert_true((uint64_t)info.st_size <= pages * PAGE);
    assert_true(weir_outbox_is_valid(outbox));
    uint64_t held = 0;
    for (uint64_t b = 0; b < BOOTS; b++)
        for (uint32_t l = 0; l < LANES; l++)
            for (uint64_t s = 0; s < world.next_seq[b][l]; s++)
                held += world.accepted[b][l][s] && !world.committed[b][l][s];
    assert_true(account_of(outbox).held >= held); /* what is committed may still be held, the other way round it is lost */
}

static void one_world(uint64_t seed)
{
    state = seed;
    memset(&world, 0, sizeof world);
    make_folder();
    uint64_t pages = 32 + below(400), loss = below(4) * 15, boot = 0;
    int64_t now_ns = (int64_t)below(1000) * second;
    struct weir_outbox *outbox = open_with(folder, pages);
    for (unsigned step = 0; step < 4000; step++) {
        now_ns += (int64_t)below(40) * second / 100;
        world_step(outbox, boot, loss, now_ns);
        if (below(500) == 0)
            check_bounds(outbox, pages);
        if (below(400) == 0 && boot + 1 < BOOTS) {
            outbox = kill_and_open(outbox, pages);
            boot++;
            if (below(2))
                world.on_way = 0; /* the queue went down, too */
        }
    }
    for (unsigned rounds = 0; account_of(outbox).held; rounds++) { /* the net is whole again */
        assert_true(rounds < 400);
        now_ns += second;
        while (world.on_way)
            deliver(world.way[--world.on_way]);
        const uint8_t *frame;
        size_t size;
        struct weir_frame_tag tag;
        while (weir_outbox_next(outbox, now_ns, &frame, &size) == WEIR_OK) {
            assert_true(weir_frame_tag_read(frame, size, &tag));
            weir_outbox_sent(outbox, now_ns);
            deliver((struct packet){tag.boot, tag.seq, tag.lane});
        }
        give_marks(outbox, now_ns);
    }
    for (uint64_t b = 0; b < BOOTS; b++)
        for (uint32_t l = 0; l < LANES; l++)
            for (uint64_t s = 0; s < SEQS; s++)
                assert_int_equal(world.accepted[b][l][s], world.committed[b][l][s]);
    assert_true(weir_outbox_is_valid(outbox));
    weir_outbox_close(&outbox);
    struct stat info;
    assert_int_equal(stat(file, &info), 0);
    assert_int_equal(info.st_size, 0);
    remove_folder();
}

static void test_world(void **unused)
{
    for (uint64_t seed = 1; seed <= 12; seed++)
        one_world(seed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_times),  cmocka_unit_test(test_slow_is_not_lost),
                                       cmocka_unit_test(test_beyond), cmocka_unit_test(test_room),
                                       cmocka_unit_test(test_damage), cmocka_unit_test(test_world)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
