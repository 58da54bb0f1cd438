/* The sender over a made-up transport: what goes out is what went in, once a mark covers it nothing is left; and what happens
 * when nobody answers, when the queue has no room, when the transport fails for ever, when the process ends too early. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "../batch/frames.h"
#include "base/clock.h"
#include "batch/batcher.h"
#include "batch/frame.h"
#include "batch/frame_tag.h"
#include "batch/note_frame.h"
#include "pipeline/account.h"
#include "pipeline/sender.h"

enum { COLUMNS = 3, BATCHES = 400, LANES = 2, ROWS = 20 };
static const char *const names[] = {"dur", "sbytes", "dbytes"};
static const int64_t second = 1000000000;

/* --- the transport: the sender links against these --- */

struct weir_sensor_end {
    int unused;
};

static struct {
    struct weir_sensor_end end;
    atomic_bool away, broken, mute; /* no room; fails for ever; loses all marks */
    unsigned loss;                  /* of a hundred */
    atomic_uint opened, sends;
    uint8_t sensor[16];
    pthread_mutex_t lock;
    bool have[4][LANES][BATCHES];
    uint64_t rows;
    char notes[64][1024];
    uint64_t note_boot[64];
    unsigned note_count;
    bool note_have[4][64];
} net = {.lock = PTHREAD_MUTEX_INITIALIZER};

weir_err weir_sensor_end_open(const struct weir_transport_config *config, struct weir_sensor_end **out, struct weir_error *error)
{
    memcpy(net.sensor, config->sensor, sizeof net.sensor);
    atomic_fetch_add(&net.opened, 1);
    *out = &net.end;
    return WEIR_OK;
}

static void take_note(const uint8_t *frame, size_t size)
{
    struct weir_note note;
    assert_int_equal(weir_note_frame_open(frame, size, "note", &note, NULL), WEIR_OK);
    assert_string_equal(note.name, "tap 1");
    if (net.note_have[note.boot][note.seq])
        return;
    net.note_have[note.boot][note.seq] = true;
    net.note_boot[net.note_count] = note.boot;
    snprintf(net.notes[net.note_count++], sizeof net.notes[0], "%s", note.text);
}

static void take_batch(const uint8_t *bytes, size_t size)
{
    struct weir_frame frame;
    struct weir_error error = {0};
    if (weir_frame_open(bytes, size, "batch", &frame, &error) != WEIR_OK)
        fail_msg("%s", error.text);
    assert_memory_equal(frame.sensor, net.sensor, 16);
    if (net.have[frame.boot][frame.lane][frame.seq])
        return;
    net.have[frame.boot][frame.lane][frame.seq] = true;
    net.rows += frame.rows;
    float scratch[COLUMNS * 64] __attribute__((aligned(64)));
    const float *x = weir_frame_block(&frame, 0, scratch);
    for (unsigned r = 0; r < frame.rows; r++)
        assert_true(x[r] == (float)frame.seq && x[64 + r] == (float)frame.lane && x[128 + r] == (float)r);
}

void weir_sensor_end_flush(struct weir_sensor_end *end)
{
}

weir_err weir_sensor_end_send(struct weir_sensor_end *end, const void *frame, size_t size, int64_t timeout_ns,
                              struct weir_error *error)
{
    if (atomic_load(&net.broken))
        return weir_fail(error, WEIR_ERR_IO, "the line is cut for ever");
    if (atomic_load(&net.away))
        return WEIR_ERR_AGAIN;
    atomic_fetch_add(&net.sends, 1);
    if (next() % 100 < net.loss)
        return WEIR_OK;
    struct weir_frame_tag tag;
    uint8_t *copy = aligned_alloc(64, (size + 63) / 64 * 64);
    memcpy(copy, frame, size);
    assert_true(weir_frame_tag_read(copy, size, &tag));
    pthread_mutex_lock(&net.lock);
    if (tag.kind == WEIR_FRAME_NOTE)
        take_note(copy, size);
    else
        take_batch(copy, size);
    pthread_mutex_unlock(&net.lock);
    free(copy);
    return WEIR_OK;
}

static struct weir_mark mark_of(uint64_t boot, uint32_t lane, const bool *have, size_t count)
{
    struct weir_mark mark = {.boot = boot, .lane = lane};
    memcpy(mark.sensor, net.sensor, sizeof mark.sensor);
    while (mark.next < count && have[mark.next])
        mark.next++;
    for (uint64_t i = 0; i < WEIR_MARK_ABOVE && mark.next + 1 + i < count; i++)
        if (have[mark.next + 1 + i])
            mark.above[i / 64] |= (uint64_t)1 << (i % 64);
    return mark;
}

weir_err weir_sensor_end_marks(struct weir_sensor_end *end, int64_t timeout_ns, struct weir_mark *out, size_t room, size_t *count,
                               struct weir_error *error)
{
    *count = 0;
    if (atomic_load(&net.mute)) {
        if (timeout_ns)
            nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
        return WEIR_OK;
    }
    pthread_mutex_lock(&net.lock);
    for (uint64_t b = 1; b < 4; b++) {
        for (uint32_t l = 0; l < LANES; l++)
            out[(*count)++] = mark_of(b, l, net.have[b][l], BATCHES);
        out[(*count)++] = mark_of(b, WEIR_NOTE_LANE, net.note_have[b], 64);
    }
    pthread_mutex_unlock(&net.lock);
    assert_true(*count <= room);
    return WEIR_OK;
}

void weir_sensor_end_close(struct weir_sensor_end **end, int64_t linger_ns)
{
    if (*end)
        atomic_fetch_sub(&net.opened, 1);
    *end = NULL;
}

void weir_sensor_end_account(const struct weir_sensor_end *end, struct weir_transport_account *out)
{
    *out = (struct weir_transport_account){.frames = atomic_load(&net.sends)};
}

bool weir_sensor_end_trouble(const struct weir_sensor_end *end, char *text, size_t size)
{
    bool away = atomic_load(&net.away);
    if (away)
        snprintf(text, size, "nobody is there");
    return away;
}

/* --- the sensor --- */

static char folder[64];

static int fresh(void **unused)
{
    pthread_mutex_lock(&net.lock);
    memset(net.have, 0, sizeof net.have);
    memset(net.note_have, 0, sizeof net.note_have);
    net.note_count = 0;
    net.rows = 0;
    net.loss = 0;
    pthread_mutex_unlock(&net.lock);
    net.away = net.broken = net.mute = false;
    net.sends = 0;
    strcpy(folder, "/tmp/weir-test-sender-XXXXXX");
    return mkdtemp(folder) ? 0 : -1;
}

static int clean(void **unused)
{
    char command[128];
    snprintf(command, sizeof command, "rm -r %s", folder);
    assert_int_equal(atomic_load(&net.opened), 0);
    return system(command);
}

static struct weir_sender *start(uint64_t room, int64_t drain_ns)
{
    struct weir_sender_config config = {.transport = {.feature_set = "x", .columns = names, .column_count = COLUMNS},
                                        .state = folder,
                                        .name = "tap 1",
                                        .command = "weir sensor --test",
                                        .room = room,
                                        .resend_after_ns = 20 * 1000000,
                                        .drain_timeout_ns = drain_ns,
                                        .producers = 1};
    struct weir_sender *sender;
    struct weir_error error = {0};
    if (weir_sender_start(&config, &sender, &error) != WEIR_OK)
        fail_msg("%s", error.text);
    return sender;
}

/* A batch that says where it belongs; false when the sender takes none any more. */
static bool give(struct weir_sender *sender, uint32_t lane, uint64_t seq)
{
    struct weir_batch *batch = weir_pool_take(weir_sender_pool(sender));
    assert_non_null(batch);
    batch->feature_set = 1;
    batch->column_list = weir_column_list_id(1, names, COLUMNS);
    batch->boot = weir_sender_who(sender)->boot;
    batch->lane = lane;
    batch->seq = seq;
    batch->rows = ROWS;
    for (unsigned r = 0; r < ROWS; r++) {
        batch->identity[r] = (struct weir_identity){.ip_version = 4};
        batch->closed_ns[r] = 1;
        *weir_batch_cell(batch, r, 0) = (float)seq;
        *weir_batch_cell(batch, r, 1) = (float)lane;
        *weir_batch_cell(batch, r, 2) = (float)r;
    }
    atomic_fetch_add(&weir_tally_lane(weir_sender_tally(sender), lane)->rows, ROWS);
    if (weir_sender_push(sender, batch))
        return true;
    weir_pool_give(weir_sender_pool(sender), batch);
    return false;
}

static struct weir_account account_of(struct weir_sender *sender, uint64_t batched_rows)
{
    static struct weir_account account;
    char why[256];
    memset(&account, 0, sizeof account);
    weir_sender_account(sender, &account);
    if (!weir_remote_check(&account.remote, batched_rows, why, sizeof why))
        fail_msg("%s", why);
    return account;
}

static void test_all_arrive(void **unused)
{
    struct weir_sender *sender = start(0, 30 * second);
    net.loss = 30;
    for (uint64_t i = 0; i < BATCHES; i++)
        for (uint32_t l = 0; l < LANES; l++)
            assert_true(give(sender, l, i));
    weir_sender_note(sender, "{\"health\":{}}", true);
    struct weir_error error = {0};
    if (weir_sender_finish(sender, "{\"closed\":{\"rows\":1}}", &error) != WEIR_OK)
        fail_msg("%s", error.text);
    struct weir_account account = account_of(sender, BATCHES * LANES * ROWS);
    assert_int_equal(net.rows, BATCHES * LANES * ROWS);
    assert_int_equal(account.store.committed, net.rows);
    assert_int_equal(account.remote.outbox.held, 0);
    assert_true(account.remote.outbox.resent > 0);
    assert_int_equal(net.note_count, 3);
    bool started = false, health = false, closed = false;
    for (unsigned i = 0; i < net.note_count; i++) {
        started |= strstr(net.notes[i], "\"started\":{\"command\":\"weir sensor --test\"") != NULL;
        health |= !strcmp(net.notes[i], "{\"health\":{}}");
        closed |= !strcmp(net.notes[i], "{\"closed\":{\"rows\":1}}");
    }
    assert_true(started && health && closed);
    json_t *json = weir_remote_json(&account.remote);
    assert_int_equal(json_integer_value(json_object_get(json_object_get(json_object_get(json, "outbox"), "committed"), "rows")),
                     BATCHES * LANES * ROWS);
    json_decref(json);
    weir_sender_free(&sender);
}

/* Nobody takes anything: lanes wait once the outbox is full; the end comes when its time is over; the next start sends the rest.
 */
static void test_nobody_there(void **unused)
{
    enum { ROOM_PAGES = 40 };
    net.away = true;
    struct weir_sender *sender = start(ROOM_PAGES * WEIR_OUTBOX_PAGE, second / 5);
    uint64_t given = 0; /* one page each; the first note has one, too */
    while (given < ROOM_PAGES + 20)
        assert_true(give(sender, 0, given++));
    char text[256] = "";
    while (!weir_sender_trouble(sender, text, sizeof text) || !strstr(text, "full"))
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    assert_non_null(strstr(text, "nobody is there"));
    weir_sender_stop(sender);
    while (given < 400 && give(sender, 0, given)) /* waits for room until the time is over */
        given++;
    assert_true(given < 400);
    struct weir_error error = {0};
    assert_int_equal(weir_sender_finish(sender, "{\"closed\":{}}", &error), WEIR_ERR_AGAIN);
    assert_non_null(strstr(error.text, "are not committed: nobody is there"));
    assert_non_null(strstr(error.text, folder));
    struct weir_account account = account_of(sender, given * ROWS);
    assert_true(account.remote.refused_rows > 0);
    assert_int_equal(account.remote.outbox.held, ROOM_PAGES);
    uint64_t accepted = account.remote.outbox.accepted_rows;
    weir_sender_free(&sender);

    net.away = false;
    sender = start(0, 30 * second);
    assert_int_equal(weir_sender_who(sender)->boot, 2);
    assert_false(weir_sender_who(sender)->killed);
    assert_true(give(sender, 1, 0));
    assert_int_equal(weir_sender_finish(sender, NULL, &error), WEIR_OK);
    assert_int_equal(net.rows, accepted + ROWS);
    account = account_of(sender, ROWS);
    assert_int_equal(account.remote.outbox.recovered_rows, accepted);
    assert_int_equal(account.store.committed, ROWS);
    weir_sender_free(&sender);
}

/* Marks do not come: the process ends, and what the store has is not asked for twice. */
static void test_killed(void **unused)
{
    struct weir_error error = {0};
    net.mute = true;
    struct weir_sender *sender = start(0, second / 10);
    for (uint64_t i = 0; i < 50; i++)
        assert_true(give(sender, 0, i));
    while (atomic_load(&net.sends) < 51)
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    weir_sender_free(&sender); /* without a finish, as a kill */
    net.mute = false;
    unsigned sends = atomic_load(&net.sends);
    sender = start(0, 30 * second);
    assert_true(weir_sender_who(sender)->killed);
    assert_int_equal(weir_sender_finish(sender, NULL, &error), WEIR_OK);
    assert_int_equal(atomic_load(&net.sends) - sends, 2); /* the new start's first notes */
    assert_non_null(strstr(net.notes[net.note_count - 2], "\"reason\":\"killed\",\"boot\":1,"));
    assert_non_null(strstr(net.notes[net.note_count - 2], "\"withheld\":0,"));
    assert_int_equal(net.rows, 50 * ROWS);
    weir_sender_free(&sender);
}

/* Killed while its outbox is full: what had found no room is lost, and the collector is told how much that is. */
static void test_lost(void **unused)
{
    enum { GIVEN = 60, ROOM_PAGES = 40 };
    struct weir_error error = {0};
    char text[256] = "";
    net.away = true;
    struct weir_sender *sender = start(ROOM_PAGES * WEIR_OUTBOX_PAGE, second);
    for (uint64_t i = 0; i < GIVEN; i++)
        assert_true(give(sender, 0, i));
    atomic_store(&weir_tally_lane(weir_sender_tally(sender), 1)->flows, 7);
    while (!weir_sender_trouble(sender, text, sizeof text) || !strstr(text, "full"))
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    weir_sender_free(&sender);
    net.away = false;
    sender = start(0, 30 * second);
    assert_int_equal(weir_sender_finish(sender, NULL, &error), WEIR_OK);
    uint64_t lost = (uint64_t)GIVEN * ROWS - net.rows;
    assert_int_equal(lost, (GIVEN - ROOM_PAGES + 1) * ROWS); /* the first note has a page, too */
    snprintf(text, sizeof text, "\"withheld\":%u,\"detail\":\"of %u rows %u were in open batches", (unsigned)lost, GIVEN * ROWS,
             (unsigned)lost);
    unsigned told = 0;
    for (unsigned i = 0; i < net.note_count; i++)
        told += strstr(net.notes[i], text) && strstr(net.notes[i], "and 7 active flows");
    assert_int_equal(told, 1);
    weir_sender_free(&sender);
}

static void test_broken(void **unused)
{
    struct weir_error error = {0};
    struct weir_sender *sender = start(0, 30 * second);
    assert_int_equal(weir_sender_status(sender, NULL), WEIR_OK);
    net.broken = true;
    for (uint64_t i = 0; i < 20; i++)
        give(sender, 0, i);
    while (!weir_sender_failed(sender))
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    assert_int_equal(weir_sender_finish(sender, NULL, &error), WEIR_ERR_IO);
    assert_string_equal(error.text, "the line is cut for ever");
    struct weir_account account = account_of(sender, 20 * ROWS);
    assert_int_equal(account.remote.outbox.held_rows, 20 * ROWS); /* for the next start */
    weir_sender_free(&sender);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test_setup_teardown(test_all_arrive, fresh, clean),
                                       cmocka_unit_test_setup_teardown(test_nobody_there, fresh, clean),
                                       cmocka_unit_test_setup_teardown(test_killed, fresh, clean),
                                       cmocka_unit_test_setup_teardown(test_lost, fresh, clean),
                                       cmocka_unit_test_setup_teardown(test_broken, fresh, clean)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
