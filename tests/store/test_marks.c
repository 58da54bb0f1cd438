/* Marks: batches of other processes' sensors have their effect once. Against a list of all that was ever taken: random order,
 * repeats, transactions that are rolled back, restarts, days that end. */
#include <inttypes.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>

#include "samples.h"

#include <cmocka.h>

#include "base/log.h"
#include "data/duck.h"
#include "store/folder.h"
#include "store/marks.h"

static uint64_t state;

static uint64_t draw(uint64_t below)
{
    return sample_mix(state++) % below;
}

/* --- the set by itself --- */

enum { LANES = 3, SEQS = 3000 };

/* What is in: bit 0 committed, bit 1 in the open transaction. */
static uint8_t oracle[LANES][SEQS];

static struct weir_batch_id id_of(uint32_t lane, uint64_t seq)
{
    struct weir_batch_id id = {.boot = 7 + lane / 2, .lane = lane, .seq = seq};
    memset(id.sensor, (int)(lane % 2), sizeof id.sensor);
    return id;
}

static void check_marks(struct weir_marks *marks)
{
    for (uint32_t lane = 0; lane < LANES; lane++)
        for (uint64_t seq = 0; seq < SEQS; seq++) {
            struct weir_batch_id id = id_of(lane, seq);
            assert_int_equal(weir_marks_ask(marks, &id), oracle[lane][seq] ? WEIR_MARK_HAVE : WEIR_MARK_NEW);
        }
}

/* All told marks cover what is committed, as far as they reach, and nothing else. */
static void check_told(struct weir_marks *marks)
{
    struct weir_mark told[2];
    for (size_t n; (n = weir_marks_told(marks, told, 2)) > 0;)
        for (size_t i = 0; i < n; i++) {
            uint64_t missing = 0;
            while (missing < SEQS && oracle[told[i].lane][missing])
                missing++;
            assert_int_equal(told[i].next, missing);
            assert_int_equal(told[i].boot, 7 + told[i].lane / 2);
            assert_int_equal(told[i].sensor[15], told[i].lane % 2);
            for (uint64_t seq = 0; seq < SEQS; seq++)
                assert_int_equal(weir_mark_covers(&told[i], seq), oracle[told[i].lane][seq] && seq <= missing + WEIR_MARK_ABOVE);
        }
    assert_int_equal(weir_marks_told(marks, told, 2), 0);
}

static void test_set(void **unused)
{
    struct weir_marks *marks, *again;
    struct weir_duck *duck;
    struct weir_duck_config config = {0};
    struct weir_error error = {0};
    assert_int_equal(weir_duck_open(&config, &duck, &error), WEIR_OK);
    assert_int_equal(weir_duck_run(duck,
                                   "CREATE TABLE marks(mark UINTEGER, sensor UUID, boot UBIGINT, lane UINTEGER, next UBIGINT,"
                                   " above VARCHAR, changed TIMESTAMP, closed BOOLEAN)",
                                   &error),
                     WEIR_OK);
    assert_int_equal(weir_marks_create(&marks), WEIR_OK);
    memset(oracle, 0, sizeof oracle);
    uint64_t low[LANES] = {0};
    for (unsigned transaction = 0; transaction < 400; transaction++) {
        assert_int_equal(weir_duck_run(duck, "BEGIN", &error), WEIR_OK);
        for (uint64_t n = draw(40); n > 0; n--) {
            uint32_t lane = (uint32_t)draw(LANES);
            while (low[lane] < SEQS && oracle[lane][low[lane]])
                low[lane]++;
            /* around the mark, mostly; at times far above it */
            uint64_t seq = low[lane] + draw(draw(9) ? 6 : 800);
            seq -= seq > 3 ? draw(3) : 0;
            struct weir_batch_id id = id_of(lane, seq);
            if (seq >= SEQS)
                continue;
            assert_int_equal(weir_marks_ask(marks, &id), oracle[lane][seq] ? WEIR_MARK_HAVE : WEIR_MARK_NEW);
            if (!oracle[lane][seq])
                assert_int_equal(weir_marks_take(marks, &id, 1000 * (int64_t)transaction, &error), WEIR_OK);
            oracle[lane][seq] |= oracle[lane][seq] ? 0 : 2;
        }
        bool keep = draw(3) > 0;
        if (keep && weir_marks_write(marks, duck, &error) != WEIR_OK)
            fail_msg("%s", error.text);
        assert_int_equal(weir_duck_run(duck, keep ? "COMMIT" : "ROLLBACK", &error), WEIR_OK);
        (keep ? weir_marks_keep : weir_marks_undo)(marks);
        for (unsigned lane = 0; lane < LANES; lane++)
            for (unsigned seq = 0; seq < SEQS; seq++)
                oracle[lane][seq] = keep ? !!oracle[lane][seq] : oracle[lane][seq] & 1;
        if (!keep)
            memset(low, 0, sizeof low);
        check_told(marks);
        if (transaction % 20 == 19) { /* another process, or the same one after a failure */
            check_marks(marks);
            assert_int_equal(weir_marks_create(&again), WEIR_OK);
            if (weir_marks_read(again, duck, &error) != WEIR_OK)
                fail_msg("%s", error.text);
            check_marks(again);
            check_told(again);
            weir_marks_destroy(draw(2) ? &marks : &again);
            marks = marks ? marks : again;
        }
    }
    weir_marks_destroy(&marks);
    weir_duck_close(&duck);
}

/* A sensor that only ever sends every second number is held back, not followed for ever. */
static void test_gaps_are_bounded(void **unused)
{
    struct weir_marks *marks;
    assert_int_equal(weir_marks_create(&marks), WEIR_OK);
    uint64_t seq = 1;
    struct weir_batch_id id = id_of(0, seq);
    for (; weir_marks_ask(marks, &id) == WEIR_MARK_NEW; id.seq += 2)
        assert_int_equal(weir_marks_take(marks, &id, 0, NULL), WEIR_OK);
    assert_int_equal(weir_marks_ask(marks, &id), WEIR_MARK_FAR);
    assert_int_equal(id.seq, 2 * WEIR_MARK_SPANS + 1);
    for (id.seq = 0; id.seq < 2 * WEIR_MARK_SPANS; id.seq += 2) { /* the gaps are filled */
        assert_int_equal(weir_marks_ask(marks, &id), WEIR_MARK_NEW);
        assert_int_equal(weir_marks_take(marks, &id, 0, NULL), WEIR_OK);
    }
    assert_int_equal(weir_marks_ask(marks, &id), WEIR_MARK_NEW);
    id.seq = UINT64_MAX;
    assert_int_equal(weir_marks_ask(marks, &id), WEIR_MARK_FAR);
    weir_marks_destroy(&marks);
}

/* What nobody has any more is not waited for; how much that is, counted against a bare array. */
static void test_skip(void **unused)
{
    struct weir_marks *marks;
    assert_int_equal(weir_marks_create(&marks), WEIR_OK);
    for (uint64_t boot = 0; boot < 300; boot++) {
        bool have[64] = {false};
        struct weir_batch_id id = id_of(0, 0);
        id.boot = boot;
        for (uint64_t n = draw(40); n > 0; n--) {
            id.seq = draw(64);
            if (!have[id.seq])
                assert_int_equal(weir_marks_take(marks, &id, 1, NULL), WEIR_OK);
            have[id.seq] = true;
        }
        uint64_t below = draw(70), missing, expected = 0;
        for (uint64_t seq = 0; seq < below; seq++) {
            expected += seq >= 64 || !have[seq];
            if (seq < 64)
                have[seq] = true;
        }
        id.seq = below;
        assert_int_equal(weir_marks_skip(marks, &id, 2, &missing, NULL), WEIR_OK);
        assert_int_equal(missing, expected);
        for (id.seq = 0; id.seq < 64; id.seq++)
            assert_int_equal(weir_marks_ask(marks, &id), have[id.seq] ? WEIR_MARK_HAVE : WEIR_MARK_NEW);
        for (id.seq = 64; id.seq < 72; id.seq++)
            assert_int_equal(weir_marks_ask(marks, &id), id.seq < below ? WEIR_MARK_HAVE : WEIR_MARK_NEW);
        for (id.seq = 0; id.seq < 72; id.seq++) /* the set is still whole */
            if (weir_marks_ask(marks, &id) == WEIR_MARK_NEW)
                assert_int_equal(weir_marks_take(marks, &id, 3, NULL), WEIR_OK);
        struct weir_mark told[4];
        weir_marks_keep(marks);
        assert_int_equal(weir_marks_told(marks, told, 4), 1);
        assert_int_equal(told[0].next, 72);
        assert_int_equal(weir_marks_told(marks, told, 4), 0);
    }
    weir_marks_destroy(&marks);
}

static void test_newest_boot(void **unused)
{
    struct weir_marks *marks;
    struct weir_mark_boot newest;
    assert_int_equal(weir_marks_create(&marks), WEIR_OK);
    struct weir_batch_id id = id_of(0, 0);
    assert_false(weir_marks_newest(marks, id.sensor, &newest));
    assert_int_equal(weir_marks_take(marks, &id, 5, NULL), WEIR_OK);
    weir_marks_keep(marks);
    id.boot = 9;
    assert_int_equal(weir_marks_take(marks, &id, 6, NULL), WEIR_OK);
    id.lane = WEIR_NOTE_LANE;
    assert_int_equal(weir_marks_take(marks, &id, 4, NULL), WEIR_OK);
    weir_marks_close(marks, &id);
    assert_true(weir_marks_newest(marks, id.sensor, &newest));
    assert_int_equal(newest.boot, 9);
    assert_int_equal(newest.changed_ns, 6);
    assert_true(newest.closed);
    weir_marks_undo(marks);
    assert_true(weir_marks_newest(marks, id.sensor, &newest));
    assert_int_equal(newest.boot, 7);
    assert_false(newest.closed);
    weir_marks_destroy(&marks);
}

/* --- in a store --- */

static const int64_t nov_22 = 20779 * WEIR_DAY_NS;
static int64_t now_ns;
static char *parent, *folder;
static struct weir_verdicts verdicts;
static struct weir_batch batch;

static int64_t fake_now(void)
{
    return now_ns;
}

static int setup(void **unused)
{
    parent = sample_folder();
    now_ns = nov_22 + WEIR_DAY_NS / 2;
    return asprintf(&folder, "%s/days/", parent) < 0;
}

static int teardown(void **unused)
{
    char command[300];
    snprintf(command, sizeof command, "rm -rf '%s'", parent);
    int status = system(command);
    free(folder);
    free(parent);
    return status;
}

static struct weir_store *open_store(const char *path)
{
    struct weir_store_config config = {.path = path, .sensor = "c", .command = "c", .collects = true, .wall_ns = fake_now};
    struct weir_store *store = NULL;
    struct weir_error error = {0};
    if (weir_store_open(&config, &store, &error) != WEIR_OK)
        fail_msg("%s", error.text);
    return store;
}

/* The sensors of the test: two are alike but for their id. */
enum { SENSORS = 3, BOOTS = 2, STREAMS = SENSORS * BOOTS * 2, BATCHES = 40 };
static const struct weir_origin origins[SENSORS] = {
    {"sensor number 1", "tap"}, {"sensor number 2", "tap"}, {"\xff\x01 3", "t'3"}};
static bool committed[STREAMS][BATCHES], pending[STREAMS][BATCHES];

static struct weir_batch_id stream_id(unsigned stream, unsigned seq)
{
    struct weir_batch_id id = {.boot = stream / SENSORS % BOOTS, .lane = stream / SENSORS / BOOTS, .seq = seq};
    memcpy(id.sensor, origins[stream % SENSORS].sensor, sizeof id.sensor);
    return id;
}

static void offer(struct weir_store *store, unsigned stream, unsigned seq)
{
    struct weir_error error = {0};
    struct weir_batch_id id = stream_id(stream, seq);
    bool have = committed[stream][seq] || pending[stream][seq];
    assert_int_equal(weir_store_ask(store, &id), have ? WEIR_MARK_HAVE : WEIR_MARK_NEW);
    uint64_t row = (stream * BATCHES + seq) * 10;
    sample_batch(&verdicts, &batch, 1 + seq % 10, &row);
    verdicts.origin = &origins[stream % SENSORS];
    batch.boot = id.boot;
    batch.lane = id.lane;
    batch.seq = seq;
    if (have) {
        if (draw(20) == 0) { /* who does not ask is refused; all that is open is lost then */
            assert_int_equal(weir_store_append(store, &verdicts, &error), WEIR_ERR_ARGUMENT);
            memset(pending, 0, sizeof pending);
        }
        return;
    }
    if (weir_store_append(store, &verdicts, &error) != WEIR_OK)
        fail_msg("%s", error.text);
    pending[stream][seq] = true;
}

static void commit(struct weir_store *store)
{
    struct weir_error error = {0};
    if (weir_store_commit(store, NULL, &error) != WEIR_OK)
        fail_msg("%s", error.text);
    for (unsigned s = 0; s < STREAMS; s++)
        for (unsigned i = 0; i < BATCHES; i++)
            committed[s][i] |= pending[s][i];
    memset(pending, 0, sizeof pending);
}

static void check_store(struct weir_store *store)
{
    for (unsigned s = 0; s < STREAMS; s++)
        for (unsigned i = 0; i < BATCHES; i++) {
            struct weir_batch_id id = stream_id(s, i);
            assert_int_equal(weir_store_ask(store, &id), committed[s][i] || pending[s][i] ? WEIR_MARK_HAVE : WEIR_MARK_NEW);
        }
}

static void expect(const char *path, const char *sql, const char *want)
{
    struct weir_error error;
    char *got = sample_query(path, sql, &error);
    if (!got)
        fail_msg("%s: %s", sql, error.text);
    assert_string_equal(got, want);
    free(got);
}

/* One hour after the other: some batches come, in any order, some again; then commit, or not, or the process is another. */
static void live_through(const char *path)
{
    struct weir_store *store = open_store(path);
    struct weir_error error = {0};
    memset(committed, 0, sizeof committed);
    memset(pending, 0, sizeof pending);
    bool rotated;
    for (unsigned hour = 0; hour < 60; hour++, now_ns += WEIR_DAY_NS / 24) {
        for (unsigned n = 0; n < 12; n++)
            offer(store, (unsigned)draw(STREAMS), (unsigned)(draw(BATCHES / 2) + (hour > 30 ? draw(BATCHES / 2) : 0)));
        switch (draw(6)) {
        case 0: /* killed, or its file lost for a while: what is open is gone */
            weir_store_close(&store);
            memset(pending, 0, sizeof pending);
            store = open_store(path);
            check_store(store);
            break;
        case 1:
            weir_store_drop(store);
            memset(pending, 0, sizeof pending);
            break;
        case 2:
            commit(store);
            assert_int_equal(weir_store_finish(store, "{}", &error), WEIR_OK);
            weir_store_close(&store);
            store = open_store(path);
            break;
        case 3: {
            int64_t found;
            memset(pending, 0, sizeof pending);
            if (weir_store_reopen(store, &found, &error) != WEIR_OK)
                fail_msg("%s", error.text);
            assert_int_equal(found, 0);
            check_store(store);
            break;
        }
        default:
            commit(store);
        }
        if (draw(2) == 0 && weir_store_rotate(store, &rotated, &error) != WEIR_OK)
            fail_msg("%s", error.text);
    }
    for (unsigned s = 0; s < STREAMS; s++) /* in the end all has come */
        for (unsigned i = 0; i < BATCHES; i++)
            if (!committed[s][i])
                offer(store, s, i);
    commit(store);
    check_store(store);
    assert_int_equal(weir_store_finish(store, "{}", &error), WEIR_OK);
    weir_store_close(&store);
    /* each batch once, with all its rows, under its own sensor */
    expect(path,
           "SELECT count(*), count(*) FILTER (rows = 1 + seq % 10), min(batches), count(DISTINCT run) FROM"
           " (SELECT run, boot, lane, seq, count(*) AS rows FROM verdicts GROUP BY ALL) JOIN"
           " (SELECT run, count(DISTINCT (lane, seq)) AS batches FROM verdicts GROUP BY run) USING (run)",
           "480,480,80,6\n");
    expect(path, "SELECT sensor, boot, count(*), count(DISTINCT flow_id) FROM verdicts GROUP BY ALL ORDER BY ALL",
           "t'3,0,440,440\nt'3,1,440,440\ntap,0,880,880\ntap,1,880,880\n");
    expect(path, "SELECT count(DISTINCT sensor_id), count(DISTINCT run) FROM runs WHERE sensor_id IS NOT NULL", "3,6\n");
    expect(path, "SELECT count(*) FILTER (alert) = (SELECT count(*) FROM reasons WHERE rank = 0) FROM verdicts", "true\n");
}

static void test_folder(void **unused)
{
    live_through(folder);
}

static void test_file(void **unused)
{
    char *path = NULL;
    if (asprintf(&path, "%s/store.duckdb", parent) < 0)
        abort();
    live_through(path);
    free(path);
}

/* --- notes and outages --- */

static void tell(struct weir_store *store, unsigned sensor, uint64_t boot, uint64_t seq, const char *text)
{
    struct weir_error error = {0};
    struct weir_note note = {
        .boot = boot, .seq = seq, .sent_ns = now_ns - 1000000000, .name = origins[sensor].name, .text = text};
    memcpy(note.sensor, origins[sensor].sensor, sizeof note.sensor);
    if (weir_store_note(store, &note, &error) != WEIR_OK)
        fail_msg("%s", error.text);
}

static void test_notes(void **unused)
{
    struct weir_error error = {0};
    struct weir_store *store = open_store(folder);
    weir_log_set_level(WEIR_LOG_ERROR);
    tell(store, 0, 0, 0, "{\"started\":{\"command\":\"weir sensor -i a\",\"version\":\"9\",\"time_ns\":1700000000000000000}}");
    tell(store, 0, 0, 1, "{\"health\":{\"alerts\":3}}");
    tell(store, 0, 0, 2,
         "{\"outage\":{\"what\":\"sensor\",\"reason\":\"spill full\",\"began_ns\":1700000000000000000,\"withheld\":7}}");
    tell(store, 0, 0, 3, "{\"gone\":{\"boot\":0,\"lane\":5,\"below\":9}}");
    struct weir_batch_id gone = {.boot = 0, .lane = 5, .seq = 8};
    memcpy(gone.sensor, origins[0].sensor, sizeof gone.sensor);
    assert_int_equal(weir_store_ask(store, &gone), WEIR_MARK_HAVE);
    gone.seq = 9;
    assert_int_equal(weir_store_ask(store, &gone), WEIR_MARK_NEW);
    tell(store, 0, 0, 4, "{\"gone\":{\"lane\":-5,\"below\":9}}");
    tell(store, 1, 0, 0, "{\"tomorrow\":{}}");
    tell(store, 1, 0, 1, "no json");
    tell(store, 0, 0, 6, "{\"closed\":{\"alerts\":4}}");
    assert_int_equal(weir_store_commit(store, NULL, &error), WEIR_OK);
    struct weir_batch_id id = {.boot = 0, .lane = WEIR_NOTE_LANE, .seq = 5};
    memcpy(id.sensor, origins[0].sensor, sizeof id.sensor);
    assert_int_equal(weir_store_ask(store, &id), WEIR_MARK_NEW);
    id.seq = 6;
    assert_int_equal(weir_store_ask(store, &id), WEIR_MARK_HAVE);
    assert_int_equal(weir_store_finish(store, "{}", &error), WEIR_OK);
    weir_store_close(&store);
    expect(
        folder,
        "SELECT sensor, boot, command, version, started, epoch_ns(ended), account FROM runs WHERE sensor_id IS NOT NULL ORDER BY"
        " sensor_id",
        "tap,0,weir sensor -i a,9,2023-11-14 22:13:20,1795348799000000000,{\"alerts\":4}\n"
        "tap,0,NULL,NULL,2026-11-22 12:00:00,NULL,NULL\n");
    expect(folder, "SELECT sensor, h.account FROM health h JOIN runs USING (run)", "tap,{\"alerts\":3}\n");
    expect(folder, "SELECT what, reason, began, ended, withheld, sensor, boot, detail FROM outages",
           "sensor,spill full,2023-11-14 22:13:20,NULL,7,tap,0,NULL\n"
           "sensor,lost,2026-11-22 12:00:00,2026-11-22 12:00:00,NULL,tap,0,"
           "9 batches of lane 5 below number 9 are not here, and the sensor has them no more\n");
}

/* The next boot of a sensor that never closed: an outage, once, whatever happens in between; gone when `closed` comes late. */
static void test_killed_sensors(void **unused)
{
    struct weir_error error = {0};
    bool rotated;
    struct weir_store *store = open_store(folder);
    weir_log_set_level(WEIR_LOG_ERROR);
    memset(committed, 0, sizeof committed);
    memset(pending, 0, sizeof pending);
    offer(store, 0, 0); /* sensor 0, boot 0 */
    offer(store, 1, 0); /* sensor 1, boot 0 */
    tell(store, 1, 0, 0, "{\"closed\":{}}");
    offer(store, 2, 0); /* sensor 2, boot 0 */
    commit(store);
    now_ns += WEIR_DAY_NS;
    assert_int_equal(weir_store_rotate(store, &rotated, &error), WEIR_OK);
    assert_true(rotated);
    now_ns += 5000000000;
    offer(store, SENSORS, 0); /* boot 1 of each */
    weir_store_drop(store);
    memset(pending, 0, sizeof pending);
    offer(store, SENSORS, 0);
    offer(store, SENSORS + 1, 0);
    offer(store, SENSORS + 2, 0);
    commit(store);
    offer(store, 0, 1); /* what was under way */
    offer(store, 0, 2);
    tell(store, 2, 0, 0, "{\"closed\":{}}");
    commit(store);
    weir_store_close(&store);
    store = open_store(folder);
    offer(store, SENSORS, 1);
    commit(store);
    assert_int_equal(weir_store_finish(store, "{}", &error), WEIR_OK);
    weir_store_close(&store);
    expect(folder,
           "SELECT what, reason, began, ended, withheld, sensor, boot, run IN (SELECT run FROM runs WHERE boot = 0) FROM outages",
           "sensor,killed,2026-11-22 12:00:00,2026-11-23 12:00:05,NULL,tap,0,true\n");
    /* the first file says when its boots went on elsewhere */
    expect(folder, "SELECT count(*) FILTER (ended = '2026-11-23 12:00:00'), count(*) FROM runs WHERE sensor_id IS NOT NULL",
           "2,8\n");
    /* a note of the sensor itself takes the place of the guess */
    store = open_store(folder);
    tell(store, 0, 1, 0,
         "{\"outage\":{\"what\":\"sensor\",\"reason\":\"killed\",\"boot\":0,\"began_ns\":1700000000000000000,\"detail\":\"d\"}}");
    commit(store);
    weir_store_close(&store);
    expect(folder, "SELECT began, sensor, boot, detail FROM outages", "2023-11-14 22:13:20,tap,0,d\n");
}

/* --- killed at any moment --- */

/* Takes batches for ever; a byte for each commit that is done. */
static int take_on(int to)
{
    struct weir_store *store;
    struct weir_store_config config = {.path = folder, .sensor = "c", .command = "c", .collects = true};
    uint64_t next = 0;
    if (weir_store_open(&config, &store, NULL) != WEIR_OK)
        return 1;
    for (unsigned seq = 0;; seq += 5) {
        for (unsigned i = 0; i < 5; i++) {
            sample_batch(&verdicts, &batch, 100, &next);
            verdicts.origin = &origins[0];
            batch.seq = seq + (i * 2) % 5; /* 0 2 4 1 3 */
            if (weir_store_append(store, &verdicts, NULL) != WEIR_OK)
                return 2;
        }
        if (weir_store_commit(store, NULL, NULL) != WEIR_OK || write(to, "x", 1) != 1)
            return 3;
    }
}

static void test_killed(void **unused)
{
    int ends[2], status;
    char byte, want[64];
    uint64_t told = 0;
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    if (child == 0)
        _exit(take_on(ends[1]));
    close(ends[1]);
    while (told < 15 && read(ends[0], &byte, 1) == 1)
        told++;
    kill(child, SIGKILL);
    waitpid(child, &status, 0);
    assert_true(WIFSIGNALED(status));
    while (read(ends[0], &byte, 1) == 1)
        told++;
    close(ends[0]);
    now_ns = (int64_t)time(NULL) * 1000000000;
    struct weir_store *store = open_store(folder);
    struct weir_mark mark[2];
    assert_int_equal(weir_store_marks(store, mark, 2), 1);
    assert_int_equal(mark[0].next % 5, 0);
    assert_in_range(mark[0].next, 5 * told, 5 * told + 5);
    weir_store_close(&store);
    snprintf(want, sizeof want, "%" PRIu64 ",%" PRIu64 "\n", 100 * mark[0].next, mark[0].next);
    expect(folder, "SELECT count(*), count(DISTINCT seq) FROM verdicts", want);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_killed), /* forks: DuckDB has no threads yet */
        cmocka_unit_test(test_set),
        cmocka_unit_test(test_gaps_are_bounded),
        cmocka_unit_test(test_skip),
        cmocka_unit_test(test_newest_boot),
        TEST(test_folder),
        TEST(test_file),
        TEST(test_notes),
        TEST(test_killed_sensors),
    };
    weir_log_set_level(WEIR_LOG_ERROR);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
