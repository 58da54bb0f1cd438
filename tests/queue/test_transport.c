/* What all transports promise, over each of them. */
#include "ends.h"
#include "queue/redis_link.h"
#include "queue/url.h"
#include "servers.h"

static char folder[64];
static struct server redis;

struct kind {
    const char *name;
    char queue[128], results[128];
};

static struct kind kinds[3] = {{.name = "ipc"}, {.name = "tcp"}, {.name = "redis"}};

static int set_up(void **state)
{
    snprintf(folder, sizeof folder, "/tmp/weir-queue-XXXXXX");
    if (!mkdtemp(folder))
        return -1;
    server_start(&redis);
    snprintf(kinds[0].queue, sizeof kinds[0].queue, "zmq+ipc://%s/batches", folder);
    snprintf(kinds[0].results, sizeof kinds[0].results, "zmq+ipc://%s/verdicts", folder);
    unsigned port = 10000 + (unsigned)getpid() % 5000 * 4; /* below those that the kernel gives to others */
    snprintf(kinds[1].queue, sizeof kinds[1].queue, "zmq+tcp://127.0.0.1:%u", port);
    snprintf(kinds[1].results, sizeof kinds[1].results, "zmq+tcp://127.0.0.1:%u", port + 1);
    snprintf(kinds[2].queue, sizeof kinds[2].queue, "%s", redis.url);
    return 0;
}

static int tear_down(void **state)
{
    char command[128];
    server_end(&redis);
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    return system(command);
}

static void empty_redis(void)
{
    redisContext *context = server_ask(&redis);
    freeReplyObject(redisCommand(context, "FLUSHALL"));
    redisFree(context);
}

static struct weir_transport_config config_of(struct kind *kind, const char **queue, unsigned sensor)
{
    *queue = kind->queue;
    return make_config(queue, *kind->results ? kind->results : NULL, sensor);
}

/* Frames come as they are, verdicts come back, marks return; nothing is left behind. Two workers, out of order. */
static void round_trip(struct kind *kind)
{
    enum { FRAMES = 300, HELD = 5 };
    const char *queue;
    struct weir_transport_config config = config_of(kind, &queue, 1);
    struct weir_sensor_end *sensor = open_sensor(&config);
    struct weir_collector_end *collector = open_collector(&config);
    struct weir_worker_end *worker[2] = {open_worker(&config), open_worker(&config)};
    bool seen[FRAMES] = {0};
    unsigned sent = 0, judged = 0, collected = 0;
    for (int64_t until = weir_clock_mono_ns() + long_ns; collected < FRAMES && weir_clock_mono_ns() < until;) {
        uint8_t bytes[LONGEST];
        struct weir_delivery held[HELD], delivery;
        for (unsigned n = 0; n < 16 && sent < FRAMES; n++) {
            size_t size = make_frame(bytes, 1, 1, sent % 2, sent);
            if (weir_sensor_end_send(sensor, bytes, size, 0, NULL) == WEIR_OK)
                sent++;
        }
        weir_sensor_end_flush(sensor);
        for (unsigned w = 0; w < 2; w++) {
            int count = 0;
            while (count < HELD && weir_worker_end_take(worker[w], ms_ns, &held[count], NULL) == WEIR_OK)
                check_frame(&held[count++], 1, 1);
            judged += (unsigned)count;
            while (count > 0)
                publish_for(worker[w], &held[--count], 1);
            assert_int_equal(weir_worker_end_flush(worker[w], NULL), WEIR_OK);
        }
        while (weir_collector_end_take(collector, ms_ns, &delivery, NULL) == WEIR_OK) {
            uint64_t seq = check_frame(&delivery, 2, 1);
            assert_true(seq < FRAMES);
            assert_false(seen[seq]);
            seen[seq] = true;
            collected++;
            weir_collector_end_release(collector, &delivery);
        }
    }
    if (sent != FRAMES || judged != FRAMES || collected != FRAMES) {
        struct weir_transport_account of[3];
        weir_sensor_end_account(sensor, &of[0]);
        weir_worker_end_account(worker[0], &of[1]);
        weir_worker_end_account(worker[1], &of[2]);
        fail_msg(
            "%s: of %d frames %u were sent, %u taken, %u collected; the sensor's end sent %u and has reconnected %u times, the "
            "workers' took %u and %u, reconnected %u and %u times",
            kind->queue, FRAMES, sent, judged, collected, (unsigned)of[0].frames, (unsigned)of[0].reconnects,
            (unsigned)of[1].frames, (unsigned)of[2].frames, (unsigned)of[1].reconnects, (unsigned)of[2].reconnects);
    }
    struct weir_mark marks[2] = {make_mark(1, 0, FRAMES), make_mark(1, 1, FRAMES)};
    assert_int_equal(weir_collector_end_commit(collector, marks, 2, NULL), WEIR_OK);
    expect_mark(sensor, collector, 0, FRAMES);
    expect_mark(sensor, collector, 1, FRAMES);
    struct weir_transport_account account;
    weir_sensor_end_account(sensor, &account);
    assert_int_equal(account.frames, FRAMES);
    weir_collector_end_account(collector, &account);
    assert_int_equal(account.frames, FRAMES);
    char text[300];
    assert_false(weir_sensor_end_trouble(sensor, text, sizeof text));
    weir_worker_end_close(&worker[0], 0);
    weir_worker_end_close(&worker[1], 0);
    /* one who comes later is told, too */
    weir_sensor_end_close(&sensor, 0);
    sensor = open_sensor(&config);
    expect_mark(sensor, collector, 0, FRAMES);
    expect_mark(sensor, collector, 1, FRAMES);
    weir_sensor_end_close(&sensor, 0);
    weir_collector_end_close(&collector, 1000 * ms_ns);
    if (!*kind->results) {
        assert_int_equal(server_number(&redis, "XLEN weir:v"), 0);
        assert_int_equal(server_number(&redis, "XLEN weir:b:1234567890abcdef"), 0);
    }
}

/* Nobody takes: the sender is told to wait, and what it got rid of before arrives once somebody comes. */
static void back_pressure(struct kind *kind)
{
    enum { FRAMES = 64, DEPTH = 8 };
    const char *queue;
    struct weir_transport_config config = config_of(kind, &queue, 2);
    config.depth = DEPTH;
    struct weir_sensor_end *sensor = open_sensor(&config);
    struct weir_transport_account account;
    uint8_t bytes[LONGEST];
    unsigned sent = 0, taken = 0;
    for (; sent < FRAMES; sent++) {
        size_t size = make_frame(bytes, 1, 2, 0, sent);
        weir_err code = weir_sensor_end_send(sensor, bytes, size, 20 * ms_ns, NULL);
        weir_sensor_end_flush(sensor);
        if (code == WEIR_ERR_AGAIN)
            break;
        assert_int_equal(code, WEIR_OK);
    }
    assert_true(sent <= DEPTH);
    weir_sensor_end_account(sensor, &account);
    assert_int_equal(account.waits, 1);
    char text[300];
    assert_true(weir_sensor_end_trouble(sensor, text, sizeof text));
    struct weir_worker_end *worker = open_worker(&config);
    bool seen[FRAMES] = {0};
    for (int64_t until = weir_clock_mono_ns() + long_ns; taken < FRAMES && weir_clock_mono_ns() < until;) {
        struct weir_delivery delivery;
        if (sent < FRAMES) {
            size_t size = make_frame(bytes, 1, 2, 0, sent);
            sent += weir_sensor_end_send(sensor, bytes, size, 0, NULL) == WEIR_OK;
            weir_sensor_end_flush(sensor);
        }
        if (weir_worker_end_take(worker, ms_ns, &delivery, NULL) != WEIR_OK)
            continue;
        uint64_t seq = check_frame(&delivery, 1, 2);
        assert_false(seen[seq]);
        seen[seq] = true;
        taken++;
        assert_int_equal(weir_worker_end_refuse(worker, &delivery, "for the test", NULL), WEIR_OK);
    }
    assert_int_equal(taken, FRAMES);
    weir_worker_end_account(worker, &account);
    assert_int_equal(account.refused, FRAMES);
    weir_worker_end_close(&worker, 1000 * ms_ns);
    weir_sensor_end_close(&sensor, 0);
    if (!*kind->results)
        assert_int_equal(server_number(&redis, "XLEN weir:dead"), FRAMES);
}

/* The collector goes and comes back at the same address: verdicts find it, and marks are told anew. */
static void collector_again(struct kind *kind)
{
    const char *queue;
    struct weir_transport_config config = config_of(kind, &queue, 3);
    struct weir_sensor_end *sensor = open_sensor(&config);
    struct weir_worker_end *worker = open_worker(&config);
    for (uint64_t seq = 0; seq < 3; seq++) {
        struct weir_collector_end *collector = open_collector(&config);
        send_frame(sensor, 1, 3, 0, seq);
        struct weir_delivery delivery = take_batch(worker);
        publish_for(worker, &delivery, 3);
        weir_worker_end_flush(worker, NULL);
        delivery = take_verdicts(collector);
        assert_int_equal(check_frame(&delivery, 2, 3), seq);
        weir_collector_end_release(collector, &delivery);
        struct weir_mark mark = make_mark(3, 0, seq + 1);
        assert_int_equal(weir_collector_end_commit(collector, &mark, 1, NULL), WEIR_OK);
        expect_mark(sensor, collector, 0, seq + 1);
        weir_collector_end_close(&collector, 1000 * ms_ns);
    }
    weir_worker_end_close(&worker, 0);
    weir_sensor_end_close(&sensor, 0);
}

static void test_round_trip(void **state)
{
    for (size_t i = 0; i < 3; i++) {
        empty_redis();
        round_trip(&kinds[i]);
    }
}

static void test_back_pressure(void **state)
{
    for (size_t i = 0; i < 3; i++) {
        empty_redis();
        back_pressure(&kinds[i]);
    }
}

static void test_collector_again(void **state)
{
    for (size_t i = 0; i < 3; i++) {
        empty_redis();
        collector_again(&kinds[i]);
    }
}

static void test_urls(void **state)
{
    struct weir_url url;
    struct weir_error error;
    static const char *const good[] = {"zmq+ipc:///run/weir/b", "zmq+tcp://*:5555", "zmq+tcp://[::1]:5555", "redis://h",
                                       "redis://u:p%40ss@h:1",  "redis+unix:///s",  "redis+unix://:pw@/s"};
    static const char *const bad[] = {"zmq+tcp://h", "zmq+tcp://h:0", "zmq+tcp://h:65535", "zmq+tcp://:1", "zmq+tcp://::1:5",
                                      "zmq+ipc://",  "redis://u@h",   "redis://u:%zz@h",   "redis://h:x",  "redis+unix://"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        assert_int_equal(weir_url_parse(good[i], &url, &error), WEIR_OK);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(weir_url_parse(bad[i], &url, &error), WEIR_ERR_ARGUMENT);
    assert_int_equal(weir_url_parse("amqp://u:secret@h", &url, &error), WEIR_ERR_UNSUPPORTED);
    assert_null(strstr(error.text, "secret"));
    const struct weir_transport_config redis_url = {.queue = &good[3], .queues = 1};
    assert_int_equal(weir_redis_results_most(&redis_url), 4096); /* as docs/queues.md says */
    assert_int_equal(weir_url_parse("redis://u:p%40ss@h:1", &url, &error), WEIR_OK);
    assert_string_equal(url.user, "u");
    assert_string_equal(url.password, "p@ss");
    assert_string_equal(url.text, "redis://h:1");
    assert_false(url.local);
    assert_int_equal(weir_url_parse("zmq+tcp://[::1]:5555", &url, &error), WEIR_OK);
    assert_string_equal(url.host, "::1");
    assert_int_equal(url.port, 5555);
    assert_true(url.local);
    assert_int_equal(weir_url_parse("zmq+tcp://127.0.0.1.evil.org:5555", &url, &error), WEIR_OK);
    assert_false(url.local);
    assert_true(weir_transport_carries_results("redis://h"));
    assert_false(weir_transport_carries_results("zmq+ipc:///x"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_urls), cmocka_unit_test(test_round_trip),
                                       cmocka_unit_test(test_back_pressure), cmocka_unit_test(test_collector_again)};
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
