/* What Redis Streams add: groups, claims, dead letters, and servers that come back with nothing. */
#include "ends.h"
#include "servers.h"

static struct server redis;
static const char *queue[1];
static struct weir_transport_config config;
static const char *const stream_length = "XLEN weir:b:1234567890abcdef";

static int set_up(void **state)
{
    redis = (struct server){0};
    server_start(&redis);
    queue[0] = redis.url;
    config = make_config(queue, NULL, 1);
    return 0;
}

static int tear_down(void **state)
{
    server_end(&redis);
    return 0;
}

static uint64_t seq_of(const struct weir_delivery *delivery)
{
    uint64_t seq;
    memcpy(&seq, delivery->bytes + 64, 8);
    return seq;
}

static struct weir_transport_account account_of(const struct weir_worker_end *worker)
{
    struct weir_transport_account account;
    weir_worker_end_account(worker, &account);
    return account;
}

/* A worker stops in the middle of its batches: another one takes them over, and what the first one hands in late counts for
 * nothing. */
static void test_claim(void **state)
{
    enum { FRAMES = 6 };
    struct weir_sensor_end *sensor = open_sensor(&config);
    struct weir_collector_end *collector = open_collector(&config);
    config.claim_after_ns = 100 * ms_ns;
    struct weir_worker_end *late = open_worker(&config), *worker = open_worker(&config);
    config.claim_after_ns = 0;
    struct weir_delivery held[FRAMES], delivery;
    for (uint64_t seq = 0; seq < FRAMES; seq++)
        send_frame(sensor, 1, 1, 0, seq);
    for (unsigned i = 0; i < FRAMES; i++)
        held[i] = take_batch(late);
    bool seen[FRAMES] = {0};
    for (unsigned i = 0; i < FRAMES; i++) {
        delivery = take_batch(worker);
        assert_false(seen[seq_of(&delivery)]);
        seen[seq_of(&delivery)] = true;
        publish_for(worker, &delivery, 1);
    }
    assert_int_equal(account_of(worker).claimed, FRAMES);
    weir_worker_end_close(&worker, 1000 * ms_ns);
    for (unsigned i = 0; i < FRAMES; i++)
        publish_for(late, &held[i], 1);
    assert_int_equal(weir_worker_end_flush(late, NULL), WEIR_OK);
    assert_int_equal(weir_worker_end_take(late, 10 * ms_ns, &delivery, NULL), WEIR_ERR_AGAIN);
    assert_int_equal(account_of(late).fenced, FRAMES);
    weir_worker_end_close(&late, 1000 * ms_ns);
    assert_int_equal(server_number(&redis, "XLEN weir:v"), FRAMES);
    assert_int_equal(server_number(&redis, stream_length), 0);
    weir_collector_end_close(&collector, 0);
    weir_sensor_end_close(&sensor, 0);
}

/* One that leaves in order hands back what it holds: nobody waits for the claim. */
static void test_leave(void **state)
{
    struct weir_sensor_end *sensor = open_sensor(&config);
    struct weir_worker_end *first = open_worker(&config), *second;
    for (uint64_t seq = 0; seq < 3; seq++)
        send_frame(sensor, 1, 1, 0, seq);
    take_batch(first);
    weir_worker_end_close(&first, 1000 * ms_ns);
    second = open_worker(&config);
    int64_t before = weir_clock_mono_ns();
    for (unsigned i = 0; i < 3; i++) {
        struct weir_delivery delivery = take_batch(second);
        publish_for(second, &delivery, 1);
    }
    assert_true(weir_clock_mono_ns() - before < 10 * 1000 * ms_ns); /* claims wait for 30 s */
    weir_worker_end_close(&second, 1000 * ms_ns);
    assert_int_equal(server_number(&redis, "XLEN weir:v"), 3);
    weir_sensor_end_close(&sensor, 0);
}

/* A batch that was sent again although it is committed is dropped, not judged. */
static void test_committed_before(void **state)
{
    struct weir_sensor_end *sensor = open_sensor(&config);
    struct weir_collector_end *collector = open_collector(&config);
    struct weir_worker_end *worker = open_worker(&config);
    send_frame(sensor, 1, 1, 0, 0);
    struct weir_delivery delivery = take_batch(worker);
    publish_for(worker, &delivery, 1);
    weir_worker_end_flush(worker, NULL);
    delivery = take_verdicts(collector);
    weir_collector_end_release(collector, &delivery);
    struct weir_mark mark = make_mark(1, 0, 1);
    assert_int_equal(weir_collector_end_commit(collector, &mark, 1, NULL), WEIR_OK);
    expect_mark(sensor, collector, 0, 1);
    for (int64_t until = weir_clock_mono_ns() + long_ns; weir_clock_mono_ns() < until && !account_of(worker).redelivered;) {
        uint8_t bytes[LONGEST];
        size_t size = make_frame(bytes, 1, 1, 0, 0);
        assert_int_equal(weir_sensor_end_send(sensor, bytes, size, 0, NULL), WEIR_OK);
        weir_sensor_end_flush(sensor);
        if (weir_worker_end_take(worker, 100 * ms_ns, &delivery, NULL) == WEIR_OK) /* marks are a second old at most */
            publish_for(worker, &delivery, 1);
        if (weir_collector_end_take(collector, 0, &delivery, NULL) == WEIR_OK)
            weir_collector_end_release(collector, &delivery);
    }
    assert_true(account_of(worker).redelivered > 0);
    weir_worker_end_close(&worker, 1000 * ms_ns);
    assert_int_equal(server_number(&redis, stream_length), 0);
    /* what was published twice goes off the stream, too */
    while (weir_collector_end_take(collector, 300 * ms_ns, &delivery, NULL) == WEIR_OK)
        weir_collector_end_release(collector, &delivery);
    weir_collector_end_close(&collector, 1000 * ms_ns);
    assert_int_equal(server_number(&redis, "XLEN weir:v"), 0);
    weir_sensor_end_close(&sensor, 0);
}

/* Fills entries with several frames each: what is sent while entries wait goes out together. Returns the length of the stream. */
static unsigned send_many(struct weir_sensor_end *sensor, unsigned frames)
{
    uint8_t bytes[LONGEST];
    for (uint64_t seq = 0; seq < frames; seq++) {
        size_t size = make_frame(bytes, 1, 1, 0, seq);
        assert_int_equal(weir_sensor_end_send(sensor, bytes, size, long_ns, NULL), WEIR_OK);
    }
    for (int64_t until = weir_clock_mono_ns() + long_ns;; weir_sensor_end_flush(sensor)) {
        struct weir_transport_account account;
        size_t count;
        assert_int_equal(weir_sensor_end_marks(sensor, ms_ns, NULL, 0, &count, NULL), WEIR_OK);
        weir_sensor_end_account(sensor, &account);
        assert_int_equal(account.frames, frames);
        redisContext *context = server_ask(&redis);
        redisReply *reply = redisCommand(context, "XRANGE weir:b:1234567890abcdef - +");
        unsigned found = 0, entries = (unsigned)reply->elements;
        for (unsigned i = 0; i < entries; i++)
            found += (unsigned)reply->element[i]->element[1]->elements / 2;
        freeReplyObject(reply);
        redisFree(context);
        if (found == frames)
            return entries;
        assert_true(weir_clock_mono_ns() < until);
    }
}

/* Frames that go together: each is judged and committed by itself, one that cannot be decoded is refused by itself, on either
 * way; an entry goes when all of it is done. */
static void test_together(void **state)
{
    enum { FRAMES = 60, BAD = 41, BAD_VERDICTS = 44 };
    struct weir_sensor_end *sensor = open_sensor(&config);
    struct weir_worker_end *worker = open_worker(&config);
    struct weir_collector_end *collector = open_collector(&config);
    unsigned entries = send_many(sensor, FRAMES);
    assert_true(entries < FRAMES / 2);
    for (unsigned i = 0; i < FRAMES; i++) {
        struct weir_delivery delivery = take_batch(worker);
        assert_int_equal(check_frame(&delivery, 1, 1), i);
        if (i == BAD)
            assert_int_equal(weir_worker_end_refuse(worker, &delivery, "for the test", NULL), WEIR_OK);
        else
            publish_for(worker, &delivery, 1);
    }
    weir_worker_end_close(&worker, 1000 * ms_ns);
    assert_int_equal(server_number(&redis, stream_length), 0);
    assert_int_equal(server_number(&redis, "XLEN weir:dead"), 1);
    assert_int_equal(server_number(&redis, "XLEN weir:v"), entries);
    struct weir_transport_account account;
    for (unsigned i = 0; i < FRAMES; i++) {
        if (i == BAD)
            continue;
        struct weir_delivery delivery = take_verdicts(collector);
        assert_int_equal(check_frame(&delivery, 2, 1), i);
        if (i == BAD_VERDICTS)
            assert_int_equal(weir_collector_end_refuse(collector, &delivery, "for the test", NULL), WEIR_OK);
        else
            weir_collector_end_release(collector, &delivery);
    }
    weir_collector_end_account(collector, &account);
    assert_int_equal(account.frames, FRAMES - 1);
    /* the last frame of the last entry is missing still */
    struct weir_mark mark = make_mark(1, 0, BAD);
    mark.above[0] = (UINT64_C(1) << (FRAMES - 1 - BAD - 1)) - 1;
    mark.above[0] &= ~(UINT64_C(1) << (BAD_VERDICTS - BAD - 1));
    assert_int_equal(weir_collector_end_commit(collector, &mark, 1, NULL), WEIR_OK);
    expect_mark(sensor, collector, 0, BAD);
    assert_int_equal(server_number(&redis, "XLEN weir:v"), 1);
    mark = make_mark(1, 0, FRAMES);
    assert_int_equal(weir_collector_end_commit(collector, &mark, 1, NULL), WEIR_OK);
    expect_mark(sensor, collector, 0, FRAMES);
    assert_int_equal(server_number(&redis, "XLEN weir:v"), 0);
    assert_int_equal(server_number(&redis, "XLEN weir:dead"), 2);
    weir_collector_end_close(&collector, 1000 * ms_ns);
    weir_sensor_end_close(&sensor, 0);
}

/* A worker stops in the middle of an entry: another one judges all of it. */
static void test_claim_together(void **state)
{
    enum { FRAMES = 50, JUDGED = 30 };
    struct weir_sensor_end *sensor = open_sensor(&config);
    struct weir_delivery delivery;
    unsigned entries = send_many(sensor, FRAMES);
    assert_true(entries < FRAMES / 2);
    config.claim_after_ns = 100 * ms_ns;
    struct weir_worker_end *late = open_worker(&config), *worker = open_worker(&config);
    config.claim_after_ns = 0;
    for (unsigned i = 0; i < JUDGED; i++) {
        delivery = take_batch(late);
        publish_for(late, &delivery, 1);
    }
    delivery = take_batch(late);
    assert_int_equal(weir_worker_end_flush(late, NULL), WEIR_OK);
    unsigned claimed = 0;
    bool seen[FRAMES] = {0};
    for (; weir_worker_end_take(worker, 3000 * ms_ns, &delivery, NULL) == WEIR_OK; claimed++) {
        uint64_t seq = check_frame(&delivery, 1, 1);
        assert_false(seen[seq]);
        seen[seq] = true;
        publish_for(worker, &delivery, 1);
    }
    assert_true(claimed >= FRAMES - JUDGED && seen[JUDGED] && seen[FRAMES - 1]);
    weir_worker_end_close(&worker, 1000 * ms_ns);
    assert_int_equal(server_number(&redis, stream_length), 0);
    assert_int_equal(server_number(&redis, "XLEN weir:v"), entries);
    weir_worker_end_close(&late, 1000 * ms_ns);
    assert_int_equal(server_number(&redis, "XLEN weir:v"), entries);
    weir_sensor_end_close(&sensor, 0);
}

/* Entries that no sensor of weir's has made. */
static void test_foreign(void **state)
{
    struct weir_sensor_end *sensor = open_sensor(&config);
    struct weir_worker_end *worker = open_worker(&config);
    size_t count;
    assert_int_equal(weir_sensor_end_marks(sensor, 0, NULL, 0, &count, NULL), WEIR_OK); /* announces its list */
    weir_sensor_end_flush(sensor);
    const char *many[3 + 2 * 65] = {"XADD", "weir:b:1234567890abcdef", "*"};
    for (unsigned i = 0; i < 65; i++) {
        many[3 + 2 * i] = "f";
        many[4 + 2 * i] = "no frame";
    }
    redisContext *context = server_ask(&redis);
    freeReplyObject(redisCommand(context, "XADD weir:b:1234567890abcdef * other thing"));
    freeReplyObject(redisCommandArgv(context, 3 + 2 * 65, many, NULL)); /* more than are taken */
    freeReplyObject(redisCommandArgv(context, 3 + 2 * 64, many, NULL));
    redisFree(context);
    for (unsigned i = 0; i < 2 + 64; i++) {
        struct weir_delivery delivery = take_batch(worker);
        assert_int_equal(delivery.size, i < 2 ? 0 : 8);
        assert_int_equal(weir_worker_end_refuse(worker, &delivery, "", NULL), WEIR_OK);
    }
    weir_worker_end_close(&worker, 1000 * ms_ns);
    assert_int_equal(server_number(&redis, stream_length), 0);
    assert_int_equal(server_number(&redis, "XLEN weir:dead"), 66);
    weir_sensor_end_close(&sensor, 0);
}

static bool scorable;

static bool can_score(void *context, uint64_t feature_set_id, const char *feature_set, uint64_t list, const char *const *columns,
                      size_t count)
{
    assert_int_equal(feature_set_id, 99);
    assert_string_equal(feature_set, "argus");
    assert_true(list == sample_list);
    assert_int_equal(count, 2);
    assert_string_equal(columns[0], "sport");
    assert_string_equal(columns[1], "dur");
    return scorable;
}

static bool can_score_none(void *context, uint64_t feature_set_id, const char *feature_set, uint64_t list,
                           const char *const *columns, size_t count)
{
    return false;
}

/* A list that no model here can score stays in its stream, is reported, and is taken once there is a model. */
static void test_filter(void **state)
{
    struct weir_sensor_end *sensor = open_sensor(&config);
    struct weir_worker_end *worker = open_worker(&config);
    struct weir_delivery delivery;
    char text[300] = "";
    scorable = false;
    weir_worker_end_filter(worker, can_score, NULL);
    send_frame(sensor, 1, 1, 0, 0);
    for (int64_t until = weir_clock_mono_ns() + long_ns; weir_clock_mono_ns() < until && !strstr(text, "1 entries wait there");) {
        assert_int_equal(weir_worker_end_take(worker, 100 * ms_ns, &delivery, NULL), WEIR_ERR_AGAIN);
        weir_worker_end_trouble(worker, text, sizeof text);
    }
    assert_non_null(strstr(text, "1234567890abcdef"));
    assert_int_equal(account_of(worker).unscorable, 1);
    assert_int_equal(server_number(&redis, stream_length), 1);
    scorable = true;
    weir_worker_end_refilter(worker);
    delivery = take_batch(worker);
    check_frame(&delivery, 1, 1);
    assert_int_equal(account_of(worker).unscorable, 0);
    weir_worker_end_close(&worker, 0);
    weir_sensor_end_close(&sensor, 0);
}

/* A list that was announced long ago is forgotten when nothing waits in its stream. */
static void test_forget(void **state)
{
    struct weir_sensor_end *sensor = open_sensor(&config);
    struct weir_worker_end *worker = open_worker(&config);
    static const char old[] = "{\"seen\":1000000000,\"feature_set\":\"argus\",\"feature_set_id\":\"63\",\"columns\":[\"dur\"]}";
    struct weir_delivery delivery;
    redisContext *context = server_ask(&redis);
    freeReplyObject(redisCommand(context, "HSET weir:lists %s %s", "00000000000000aa", old));
    freeReplyObject(redisCommand(context, "HSET weir:lists %s %s", "00000000000000bb", old));
    freeReplyObject(redisCommand(context, "XADD weir:b:00000000000000bb 1-1 f %s", "waits"));
    redisFree(context);
    weir_worker_end_filter(worker, can_score_none, NULL);
    for (int64_t until = weir_clock_mono_ns() + long_ns;
         weir_clock_mono_ns() < until && server_number(&redis, "HEXISTS weir:lists 00000000000000aa") == 1;) {
        size_t count;
        assert_int_equal(weir_sensor_end_marks(sensor, 0, NULL, 0, &count, NULL), WEIR_OK);
        assert_int_equal(weir_worker_end_take(worker, 50 * ms_ns, &delivery, NULL), WEIR_ERR_AGAIN);
    }
    assert_int_equal(server_number(&redis, "HEXISTS weir:lists 00000000000000aa"), 0);
    assert_int_equal(server_number(&redis, "HEXISTS weir:lists 00000000000000bb"), 1);
    assert_int_equal(server_number(&redis, "HLEN weir:lists"), 2);
    weir_worker_end_close(&worker, 0);
    weir_sensor_end_close(&sensor, 0);
}

/* Notes need no worker. */
static void test_note(void **state)
{
    struct weir_sensor_end *sensor = open_sensor(&config);
    struct weir_collector_end *collector = open_collector(&config);
    send_frame(sensor, 3, 1, 0xffffffff, 5);
    struct weir_delivery delivery = take_verdicts(collector);
    assert_int_equal(check_frame(&delivery, 3, 1), 5);
    assert_int_equal(weir_collector_end_refuse(collector, &delivery, "for the test", NULL), WEIR_OK);
    weir_collector_end_commit(collector, NULL, 0, NULL);
    weir_collector_end_close(&collector, 1000 * ms_ns);
    assert_int_equal(server_number(&redis, "XLEN weir:dead"), 1);
    assert_int_equal(server_number(&redis, "XLEN weir:v"), 0);
    weir_sensor_end_close(&sensor, 0);
}

/* The server is killed and comes back: all ends go on by themselves. Without its log everything that was in it is gone, and the
 * sensor's resend makes it good; with it nothing is. */
static void restart(const char *aof)
{
    server_end(&redis);
    redis = (struct server){.aof = aof};
    server_start(&redis); /* at another address, which config's queue points to */
    struct weir_sensor_end *sensor = open_sensor(&config);
    struct weir_collector_end *collector = open_collector(&config);
    struct weir_worker_end *worker = open_worker(&config);
    char text[300];
    bool kept = !strcmp(aof, "yes");
    for (uint64_t seq = 0; seq < 3; seq++) {
        send_frame(sensor, 1, 1, 0, seq);
        struct weir_delivery delivery;
        while (server_number(&redis, stream_length) == 0)
            ;
        server_kill(&redis);
        assert_int_equal(weir_worker_end_take(worker, 20 * ms_ns, &delivery, NULL), WEIR_ERR_AGAIN);
        assert_true(weir_worker_end_trouble(worker, text, sizeof text));
        uint8_t bytes[LONGEST];
        size_t size = make_frame(bytes, 1, 1, 0, seq);
        weir_err code = WEIR_OK;
        for (unsigned i = 0; i < 3 && code == WEIR_OK; i++)
            code = weir_sensor_end_send(sensor, bytes, size, 20 * ms_ns, NULL);
        assert_int_equal(code, WEIR_ERR_AGAIN);
        server_start(&redis);
        if (!kept)
            send_frame(sensor, 1, 1, 0, seq);
        do {
            delivery = take_batch(worker);
            publish_for(worker, &delivery, 1);
        } while (check_frame(&delivery, 1, 1) != seq);
        weir_worker_end_flush(worker, NULL);
        do {
            delivery = take_verdicts(collector);
            weir_collector_end_release(collector, &delivery);
        } while (check_frame(&delivery, 2, 1) != seq);
        struct weir_mark mark = make_mark(1, 0, seq + 1);
        assert_int_equal(weir_collector_end_commit(collector, &mark, 1, NULL), WEIR_OK);
        expect_mark(sensor, collector, 0, seq + 1);
    }
    assert_true(account_of(worker).reconnects >= 3);
    assert_false(weir_worker_end_trouble(worker, text, sizeof text));
    weir_worker_end_close(&worker, 1000 * ms_ns);
    weir_sensor_end_close(&sensor, 0);
    /* the marks of all that was committed are there once more, whatever the server has forgotten */
    server_kill(&redis);
    server_start(&redis);
    sensor = open_sensor(&config);
    expect_mark(sensor, collector, 0, 3);
    weir_sensor_end_close(&sensor, 0);
    weir_collector_end_close(&collector, 1000 * ms_ns);
}

static void test_restart(void **state)
{
    restart("no");
}

static void test_restart_with_log(void **state)
{
    restart("yes");
}

/* A user with no more rights than docs/queues.md gives; a wrong password is an error, not a wait. */
static void test_user(void **state)
{
    char url[200];
    struct weir_error error = {0};
    struct weir_worker_end *end;
    server_end(&redis);
    redis = (struct server){.acl = "default on >secret ~weir:* -@all +@stream +@hash +@connection +eval"};
    server_start(&redis);
    assert_int_equal(weir_worker_end_open(&config, &end, &error), WEIR_ERR_PERMISSION);
    snprintf(url, sizeof url, "redis+unix://default:wrong@%s", redis.socket);
    queue[0] = url;
    assert_int_equal(weir_worker_end_open(&config, &end, &error), WEIR_ERR_PERMISSION);
    assert_null(strstr(error.text, "wrong@"));
    snprintf(url, sizeof url, "redis+unix://default:secret@%s", redis.socket);
    struct weir_sensor_end *sensor = open_sensor(&config);
    struct weir_worker_end *worker = open_worker(&config);
    struct weir_collector_end *collector = open_collector(&config);
    send_frame(sensor, 1, 1, 0, 4);
    struct weir_delivery delivery = take_batch(worker);
    publish_for(worker, &delivery, 1);
    weir_worker_end_close(&worker, 1000 * ms_ns);
    delivery = take_verdicts(collector);
    assert_int_equal(check_frame(&delivery, 2, 1), 4);
    weir_collector_end_release(collector, &delivery);
    struct weir_mark mark = make_mark(1, 0, 5);
    weir_collector_end_commit(collector, &mark, 1, NULL);
    expect_mark(sensor, collector, 0, 5);
    weir_collector_end_close(&collector, 0);
    weir_sensor_end_close(&sensor, 0);
    /* a user that may not read is told so, and does not spin */
    server_end(&redis);
    redis = (struct server){.acl = "default on >secret ~weir:* -@all +hgetall +hset +@connection"};
    server_start(&redis);
    snprintf(url, sizeof url, "redis+unix://:secret@%s", redis.socket);
    collector = open_collector(&config);
    char text[300] = "";
    assert_int_equal(weir_collector_end_take(collector, 100 * ms_ns, &delivery, NULL), WEIR_ERR_AGAIN);
    assert_true(weir_collector_end_trouble(collector, text, sizeof text));
    assert_non_null(strstr(text, "NOPERM"));
    weir_collector_end_close(&collector, 0);
    queue[0] = "redis://192.0.2.1";
    assert_int_equal(weir_worker_end_open(&config, &end, &error), WEIR_ERR_ARGUMENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_claim, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_together, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_claim_together, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_foreign, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_leave, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_committed_before, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_filter, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_forget, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_note, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_restart, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_restart_with_log, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_user, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
