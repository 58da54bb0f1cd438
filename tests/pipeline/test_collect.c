/* The collector against sensors and a transport of the test's that lose, repeat and reorder frames: every batch has exactly one
 * effect in the store, whatever happens to the collector. */
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>

#include "../store/samples.h"

#include <cmocka.h>

#include "base/clock.h"
#include "base/log.h"
#include "batch/batcher.h"
#include "batch/note_frame.h"
#include "batch/verdict_frame.h"
#include "pipeline/collect.h"
#include "queue/mark_table.h"
#include "queue/transport_ops.h"

static uint64_t state;

static uint64_t draw(uint64_t below)
{
    return sample_mix(state++) % below;
}

/* --- a transport in memory --- */

enum { ROOM = 256 };

struct fake {
    struct weir_collector_end end;
    struct network *network;
};

/* What outlives a collector: the frames under way, and the marks that the sensors have seen. */
struct network {
    pthread_mutex_t lock;
    pthread_cond_t more;
    struct frame {
        uint8_t *bytes;
        size_t size;
    } frame[ROOM];
    size_t count;
    struct weir_mark_table marks;
    uint64_t refused, told;
    uint64_t taken, press; /* taken: since the last commit; press: so many ask for one; 0: never */
};

static void network_init(struct network *network)
{
    *network = (struct network){0};
    pthread_mutex_init(&network->lock, NULL);
    pthread_cond_init(&network->more, NULL);
}

/* Copies a frame; false: no room, it is lost. Frames overtake each other. */
static bool network_send(struct network *network, const uint8_t *bytes, size_t size)
{
    pthread_mutex_lock(&network->lock);
    bool room = network->count < ROOM;
    if (room) {
        struct frame frame = {aligned_alloc(64, (size + 63) / 64 * 64), size};
        memcpy(frame.bytes, bytes, size);
        size_t at = network->count ? draw(network->count + 1) : 0;
        network->frame[network->count++] = network->frame[at];
        network->frame[at] = frame;
        pthread_cond_signal(&network->more);
    }
    pthread_mutex_unlock(&network->lock);
    return room;
}

static weir_err fake_take(struct weir_collector_end *end, int64_t timeout_ns, struct weir_delivery *out, struct weir_error *error)
{
    struct network *network = ((struct fake *)end)->network;
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    timeout_ns += until.tv_nsec;
    until.tv_sec += timeout_ns / 1000000000;
    until.tv_nsec = timeout_ns % 1000000000;
    pthread_mutex_lock(&network->lock);
    while (!network->count && !pthread_cond_timedwait(&network->more, &network->lock, &until))
        ;
    weir_err code = WEIR_OK;
    if (network->count) {
        struct frame frame = network->frame[--network->count];
        *out = (struct weir_delivery){.bytes = frame.bytes, .size = frame.size};
        end->account.frames++;
        network->taken++;
    } else {
        code = weir_fail(error, WEIR_ERR_AGAIN, "nothing");
    }
    pthread_mutex_unlock(&network->lock);
    return code;
}

static void fake_release(struct weir_collector_end *end, const struct weir_delivery *delivery)
{
    free((void *)(uintptr_t)delivery->bytes);
}

static weir_err fake_refuse(struct weir_collector_end *end, const struct weir_delivery *delivery, const char *why,
                            struct weir_error *error)
{
    struct network *network = ((struct fake *)end)->network;
    assert_true(*why);
    network->refused++;
    fake_release(end, delivery);
    return WEIR_OK;
}

static weir_err fake_commit(struct weir_collector_end *end, const struct weir_mark *marks, size_t count, struct weir_error *error)
{
    struct network *network = ((struct fake *)end)->network;
    pthread_mutex_lock(&network->lock);
    for (size_t i = 0; i < count; i++)
        weir_mark_table_put(&network->marks, &marks[i]);
    network->told += count;
    network->taken = 0;
    pthread_mutex_unlock(&network->lock);
    return WEIR_OK;
}

static bool fake_pressed(const struct weir_collector_end *end)
{
    const struct network *network = ((const struct fake *)end)->network;
    return network->press && network->taken >= network->press;
}

static bool fake_trouble(const struct weir_collector_end *end, char *text, size_t size)
{
    return false;
}

static void fake_close(struct weir_collector_end *end, int64_t linger_ns)
{
    free(end);
}

static const struct weir_transport_ops fake_ops = {.collector_take = fake_take,
                                                   .release = fake_release,
                                                   .collector_refuse = fake_refuse,
                                                   .commit = fake_commit,
                                                   .pressed = fake_pressed,
                                                   .collector_trouble = fake_trouble,
                                                   .collector_close = fake_close};

static struct weir_collect *start_with(struct network *network, const char *path, const char *eve, int64_t commit_interval_ns)
{
    struct fake *fake = calloc(1, sizeof *fake);
    *fake = (struct fake){.end.ops = &fake_ops, .network = network};
    struct weir_collect_config config = {.end = &fake->end,
                                         .store = path,
                                         .eve = eve,
                                         .name = "c",
                                         .command = "weir collect",
                                         .commit_interval_ns = commit_interval_ns};
    struct weir_collect *collect;
    struct weir_error error = {0};
    if (weir_collect_start(&config, &collect, &error) != WEIR_OK)
        fail_msg("%s", error.text);
    return collect;
}

static struct weir_collect *start(struct network *network, const char *path, const char *eve)
{
    return start_with(network, path, eve, 3000000);
}

static struct weir_account finish(struct weir_collect *collect)
{
    static struct weir_account account;
    struct weir_error error = {0};
    if (weir_collect_finish(collect, &account, &error) != WEIR_OK)
        fail_msg("%s", error.text);
    weir_collect_free(&collect);
    return account;
}

/* --- frames --- */

static struct weir_verdicts verdicts;
static struct weir_batch batch;
static char *folder, *path;

/* Batch `seq` of a lane: its rows, and so their flow ids, follow from who it is. Models take turns. */
static uint8_t *make_frame(const char *sensor, const char *name, uint64_t boot, uint32_t lane, uint64_t seq, size_t *size)
{
    static const char *const other_classes[] = {"calm", "storm", "flood", "dirt"};
    static const char *const other_columns[] = {"sbytes", "rate", "dur", "state", "dirty"};
    struct weir_frame_origin origin = {
        .name = name, .sent_ns = weir_clock_wall_ns(), .mono_to_wall = weir_clock_wall_ns() - weir_clock_mono_ns()};
    snprintf((char *)origin.sensor, sizeof origin.sensor, "%s", sensor);
    uint64_t row = (((uint64_t)sensor[0] * 10 + boot) * 10 + lane) * 100000 + seq * 512;
    sample_batch(&verdicts, &batch, 1 + (unsigned)(seq * 37) % 200, &row);
    batch.boot = boot;
    batch.lane = lane;
    batch.seq = seq;
    size_t columns = 3;
    if (seq % 3 == 1) {
        verdicts.model = "storms:2";
        verdicts.classes = other_classes;
        verdicts.columns = other_columns;
        columns = 5;
    }
    verdicts.class_count = seq % 3 == 1 ? 4 : 3;
    *size = weir_verdict_frame_bytes(&verdicts, columns, &origin);
    uint8_t *bytes = aligned_alloc(64, (*size + 63) / 64 * 64);
    weir_verdict_frame_encode(&verdicts, columns, &origin, bytes);
    return bytes;
}

static uint8_t *make_note(const char *sensor, const char *name, uint64_t boot, uint64_t seq, const char *text, size_t *size)
{
    struct weir_note note = {.boot = boot, .seq = seq, .sent_ns = weir_clock_wall_ns(), .name = name, .text = text};
    snprintf((char *)note.sensor, sizeof note.sensor, "%s", sensor);
    *size = weir_note_frame_bytes(&note);
    uint8_t *bytes = aligned_alloc(64, (*size + 63) / 64 * 64);
    weir_note_frame_encode(&note, bytes);
    return bytes;
}

static void network_fini(struct network *network)
{
    while (network->count)
        free(network->frame[--network->count].bytes);
    weir_mark_table_fini(&network->marks);
    pthread_mutex_destroy(&network->lock);
    pthread_cond_destroy(&network->more);
}

static void send_once(struct network *network, uint8_t *bytes, size_t size)
{
    while (!network_send(network, bytes, size))
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    free(bytes);
}

static void send_frame(struct network *network, const char *sensor, const char *name, uint64_t boot, uint32_t lane, uint64_t seq)
{
    size_t size;
    uint8_t *bytes = make_frame(sensor, name, boot, lane, seq, &size);
    send_once(network, bytes, size);
}

static void expect(const char *sql, const char *want)
{
    struct weir_error error;
    char *got = sample_query(path, sql, &error);
    if (!got)
        fail_msg("%s: %s", sql, error.text);
    assert_string_equal(got, want);
    free(got);
}

/* --- sensors that keep what is not covered --- */

enum { SENSORS = 3, LANES = 2, BATCHES = 30 };
static const char *const sensor_ids[SENSORS] = {"a", "b", "c"}, *const sensor_names[SENSORS] = {"tap", "tap", "t\xff'"};

static bool covered(struct network *network, unsigned sensor, uint32_t lane, uint64_t seq)
{
    uint8_t id[16] = {(uint8_t)sensor_ids[sensor][0]};
    pthread_mutex_lock(&network->lock);
    bool yes = weir_mark_table_covers(&network->marks, id, 4, lane, seq);
    pthread_mutex_unlock(&network->lock);
    return yes;
}

/* One round of all sensors: each sends some of what is not covered; one in four frames is lost, some come twice. How many were
 * left to be sent. */
static unsigned send_round(struct network *network)
{
    unsigned left = 0;
    for (unsigned s = 0; s < SENSORS; s++)
        for (uint32_t lane = 0; lane <= LANES; lane++)
            for (uint64_t seq = 0; seq < (lane == LANES ? 3 : BATCHES); seq++) {
                size_t size;
                if (covered(network, s, lane == LANES ? WEIR_NOTE_LANE : lane, seq))
                    continue;
                left++;
                if (draw(3))
                    continue;
                uint8_t *bytes = lane == LANES
                                     ? make_note(sensor_ids[s], sensor_names[s], 4, seq, "{\"health\":{\"n\":1}}", &size)
                                     : make_frame(sensor_ids[s], sensor_names[s], 4, lane, seq, &size);
                for (uint64_t times = draw(4) ? 1 + (draw(8) == 0) : 0; times; times--)
                    network_send(network, bytes, size);
                free(bytes);
            }
    return left;
}

static void check_all(const struct network *network)
{
    uint64_t rows = 0;
    char want[128];
    for (uint64_t seq = 0; seq < BATCHES; seq++)
        rows += LANES * (1 + seq * 37 % 200);
    snprintf(want, sizeof want, "%llu,%llu,%u,%u\n", (unsigned long long)rows * SENSORS, (unsigned long long)rows * SENSORS,
             SENSORS, SENSORS * LANES * BATCHES);
    expect("SELECT count(*), count(DISTINCT flow_id), count(DISTINCT run), count(DISTINCT (run, lane, seq)) FROM verdicts", want);
    expect("SELECT count(*) FROM (SELECT run, lane, seq, count(*) AS n FROM verdicts GROUP BY ALL) WHERE n <> 1 + seq * 37 % 200",
           "0\n");
    expect("SELECT DISTINCT sensor FROM verdicts ORDER BY ALL", "t?'\ntap\n");
    expect(
        "SELECT model, min(seq % 3), max(seq % 3), count(DISTINCT class) FROM verdicts WHERE model = 'storms:2' GROUP BY model",
        "storms:2,1,1,3\n");
    expect("SELECT count(*) FILTER (alert) = (SELECT count(*) FROM reasons WHERE rank = 0) FROM verdicts", "true\n");
    expect("SELECT count(*) FROM health JOIN runs USING (run) WHERE sensor_id IS NOT NULL", "9\n");
    assert_int_equal(network->refused, 0);
}

static int setup(void **unused)
{
    folder = sample_folder();
    if (asprintf(&path, "%s/c.duckdb", folder) < 0)
        return 1;
    return 0;
}

static int teardown(void **unused)
{
    char command[300];
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    int status = system(command);
    free(path);
    free(folder);
    return status;
}

static void test_exactly_once(void **unused)
{
    struct network network;
    network_init(&network);
    struct weir_collect *collect = start(&network, path, NULL);
    uint64_t rows = 0, duplicates = 0;
    unsigned restarts = 0;
    for (unsigned round = 0; send_round(&network); round++) {
        nanosleep(&(struct timespec){.tv_nsec = 4000000}, NULL); /* or the sensors only ever meet a full network */
        if (round % 20 != 19)
            continue;
        struct weir_account account = finish(collect);
        assert_int_equal(account.rows.scored, account.store.committed);
        rows += account.store.committed;
        duplicates += account.collected.duplicates;
        collect = start(&network, path, NULL);
        restarts++;
    }
    struct weir_account account = finish(collect);
    rows += account.store.committed;
    duplicates += account.collected.duplicates;
    assert_true(restarts > 0 && duplicates > 0);
    check_all(&network);
    char want[32];
    snprintf(want, sizeof want, "%llu\n", (unsigned long long)rows);
    expect("SELECT count(*) FROM verdicts", want);
    network_fini(&network);
}

/* What cannot be read is refused, and what comes behind it is kept. */
static void test_refused(void **unused)
{
    struct network network;
    size_t size;
    network_init(&network);
    struct weir_collect *collect = start(&network, path, NULL);
    uint8_t *bytes = make_frame("a", "tap", 1, 0, 0, &size);
    bytes[size / 2] ^= 1;
    send_once(&network, bytes, size);
    bytes = make_note("a", "tap", 1, 0, "{}", &size);
    bytes[20] ^= 1;
    send_once(&network, bytes, size);
    bytes = aligned_alloc(64, 64);
    memset(bytes, 'x', 64);
    send_once(&network, bytes, 64);
    send_frame(&network, "a", "tap", 1, 0, 1);
    uint8_t id[16] = {'a'};
    for (bool done = false; !done; nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL)) {
        pthread_mutex_lock(&network.lock);
        done = weir_mark_table_covers(&network.marks, id, 1, 0, 1);
        pthread_mutex_unlock(&network.lock);
        done = done && network.refused == 3;
    }
    struct weir_account account = finish(collect);
    assert_int_equal(account.collected.frames, 4);
    assert_int_equal(account.collected.refused, 3);
    assert_int_equal(account.collected.batches, 1);
    expect("SELECT count(DISTINCT seq) FROM verdicts", "1\n");
    network_fini(&network);
}

/* Workers wait when many verdicts wait for their commit (a queue's bound): before it comes to that there is a commit, whatever
 * the interval. */
static void test_a_commit_before_workers_wait(void **unused)
{
    enum { FRAMES = 6 };
    struct network network;
    uint8_t id[16] = {'a'};
    network_init(&network);
    network.press = 3;
    struct weir_collect *collect = start_with(&network, path, NULL, INT64_C(3600) * 1000000000);
    for (uint64_t seq = 0; seq < FRAMES; seq++)
        send_frame(&network, "a", "tap", 1, 0, seq);
    for (bool done = false; !done; nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL)) {
        pthread_mutex_lock(&network.lock);
        done = true;
        for (uint64_t seq = 0; seq < FRAMES; seq++)
            done = done && weir_mark_table_covers(&network.marks, id, 1, 0, seq);
        pthread_mutex_unlock(&network.lock);
    }
    assert_int_equal(finish(collect).collected.batches, FRAMES);
    network_fini(&network);
}

/* Who sends what the store has gets the mark again. */
static void test_a_lost_mark_is_told_again(void **unused)
{
    struct network network;
    network_init(&network);
    struct weir_collect *collect = start(&network, path, NULL);
    send_frame(&network, "a", "tap", 1, 0, 0);
    for (uint64_t told = 0; !told; nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL)) {
        pthread_mutex_lock(&network.lock);
        told = network.told;
        pthread_mutex_unlock(&network.lock);
    }
    for (uint64_t told = 0; told < 2;) { /* sends again until it is told */
        send_frame(&network, "a", "tap", 1, 0, 0);
        nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
        pthread_mutex_lock(&network.lock);
        told = network.told;
        pthread_mutex_unlock(&network.lock);
    }
    struct weir_account account = finish(collect);
    assert_int_equal(account.collected.batches, 1);
    assert_true(account.collected.duplicates > 0);
    network_fini(&network);
}

static void test_eve(void **unused)
{
    struct network network;
    char *eve = NULL, line[8192];
    unsigned lines = 0, taps = 0;
    uint64_t rows = 0;
    network_init(&network);
    if (asprintf(&eve, "%s/eve.json", folder) < 0)
        abort();
    struct weir_collect *collect = start(&network, path, eve);
    for (uint64_t seq = 0; seq < 20; seq++) {
        send_frame(&network, seq % 2 ? "a" : "b", seq % 2 ? "tap 1" : "tap 2", 1, 0, seq);
        rows += 1 + seq * 37 % 200;
    }
    for (bool done = false; !done; nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL)) {
        static struct weir_account account;
        weir_collect_account(collect, &account);
        done = account.store.committed == rows;
    }
    struct weir_account account = finish(collect);
    FILE *file = fopen(eve, "r");
    while (fgets(line, sizeof line, file)) {
        lines++;
        taps += strstr(line, "\"host\":\"tap 1\",") != NULL;
    }
    fclose(file);
    assert_int_equal(lines, rows + account.alerts);
    assert_int_equal(account.eve.lines, lines);
    assert_in_range(taps, lines / 3, 2 * lines / 3);
    free(eve);
    network_fini(&network);
}

/* --- kill -9 --- */

struct piped {
    struct weir_collector_end end;
    int from, to;
};

static bool read_all(int from, void *out, size_t size)
{
    for (uint8_t *at = out; size;) {
        ssize_t n = read(from, at, size);
        if (n <= 0)
            return false;
        at += n;
        size -= (size_t)n;
    }
    return true;
}

static weir_err piped_take(struct weir_collector_end *end, int64_t timeout_ns, struct weir_delivery *out,
                           struct weir_error *error)
{
    struct piped *piped = (struct piped *)end;
    size_t size;
    struct pollfd poll_in = {.fd = piped->from, .events = POLLIN};
    if (poll(&poll_in, 1, (int)(timeout_ns / 1000000)) == 0)
        return weir_fail(error, WEIR_ERR_AGAIN, "nothing");
    if (!read_all(piped->from, &size, sizeof size))
        _exit(1);
    uint8_t *bytes = aligned_alloc(64, (size + 63) / 64 * 64);
    if (!read_all(piped->from, bytes, size))
        _exit(1);
    *out = (struct weir_delivery){.bytes = bytes, .size = size};
    return WEIR_OK;
}

static weir_err piped_commit(struct weir_collector_end *end, const struct weir_mark *marks, size_t count,
                             struct weir_error *error)
{
    if (count && write(((struct piped *)end)->to, marks, count * sizeof *marks) != (ssize_t)(count * sizeof *marks))
        _exit(1);
    return WEIR_OK;
}

/* The collector as a process: a pipe for frames, one for marks. */
static int collect_from(int from, int to)
{
    static const struct weir_transport_ops ops = {.collector_take = piped_take,
                                                  .release = fake_release,
                                                  .commit = piped_commit,
                                                  .collector_trouble = fake_trouble,
                                                  .collector_close = fake_close};
    struct piped piped = {.end.ops = &ops, .from = from, .to = to};
    struct weir_collect_config config = {
        .end = &piped.end, .store = path, .name = "c", .command = "weir collect", .commit_interval_ns = 3000000};
    struct weir_collect *collect;
    if (weir_collect_start(&config, &collect, NULL) != WEIR_OK)
        return 1;
    pause();
    return 0;
}

struct ends {
    int from;
    struct network *network;
    size_t known; /* marks that it tells at its start, and has not yet */
    bool told;    /* those, and then one */
};

static void *read_marks(void *context)
{
    struct ends *ends = context;
    struct weir_mark mark;
    while (read_all(ends->from, &mark, sizeof mark)) {
        pthread_mutex_lock(&ends->network->lock);
        weir_mark_table_put(&ends->network->marks, &mark);
        ends->told = ends->told || !ends->known;
        ends->known -= ends->known > 0;
        pthread_mutex_unlock(&ends->network->lock);
    }
    return NULL;
}

static void test_killed(void **unused)
{
    struct network network;
    network_init(&network);
    signal(SIGPIPE, SIG_IGN);
    unsigned left = 1, kills = 0;
    while (left) {
        int down[2], up[2], status;
        assert_int_equal(pipe(down) | pipe(up), 0);
        pid_t child = fork();
        if (child == 0) {
            close(down[1]);
            close(up[0]);
            _exit(collect_from(down[0], up[1]));
        }
        close(down[0]);
        close(up[1]);
        struct ends ends = {up[0], &network, network.marks.count, false};
        pthread_t thread;
        pthread_create(&thread, NULL, read_marks, &ends);
        int64_t until = INT64_MAX, span = (int64_t)draw(200000000); /* from the first new mark on */
        bool alive = true;
        while (alive && weir_clock_mono_ns() < until && (left = send_round(&network)) > 0)
            for (struct frame *frame; alive && network.count && weir_clock_mono_ns() < until; free(frame->bytes)) {
                frame = &network.frame[--network.count];
                alive = write(down[1], &frame->size, sizeof frame->size) == sizeof frame->size &&
                        write(down[1], frame->bytes, frame->size) == (ssize_t)frame->size;
                pthread_mutex_lock(&network.lock);
                if (ends.told && until == INT64_MAX)
                    until = weir_clock_mono_ns() + span;
                pthread_mutex_unlock(&network.lock);
            }
        kill(child, SIGKILL);
        waitpid(child, &status, 0);
        assert_true(WIFSIGNALED(status));
        close(down[1]);
        pthread_join(thread, NULL);
        close(up[0]);
        kills++;
    }
    assert_true(kills > 1);
    check_all(&network);
    network_fini(&network);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_killed), /* forks: DuckDB has no threads yet */
        TEST(test_exactly_once),
        TEST(test_refused),
        TEST(test_a_commit_before_workers_wait),
        TEST(test_a_lost_mark_is_told_again),
        TEST(test_eve),
    };
    weir_log_set_level(WEIR_LOG_ERROR);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
