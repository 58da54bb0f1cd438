/* Keys: only those who know each other talk, everything else is said and nothing goes through. */
#include <sys/stat.h>

#include "ends.h"
#include "queue/curve.h"

static char folder[64], queue_url[64], results_url[64];
static char path[8][96]; /* tap, judge, store, stranger: .key, then .pub */

enum { TAP, JUDGE, STORE, STRANGER };

static const char *key(unsigned who)
{
    return path[2 * who];
}

static const char *open_key(unsigned who)
{
    return path[2 * who + 1];
}

static int begin(void **unused)
{
    static const char *const names[] = {"tap", "judge", "store", "stranger"};
    char open[WEIR_CURVE_TEXT];
    unsigned port = 10000 + (unsigned)getpid() % 5000 * 4; /* below those that the kernel gives to others */
    snprintf(folder, sizeof folder, "/tmp/weir-curve-XXXXXX");
    if (!mkdtemp(folder))
        return -1;
    snprintf(queue_url, sizeof queue_url, "zmq+tcp://127.0.0.1:%u", port);
    snprintf(results_url, sizeof results_url, "zmq+tcp://127.0.0.1:%u", port + 2);
    for (unsigned i = 0; i < 4; i++) {
        char name[80];
        snprintf(name, sizeof name, "%s/%s", folder, names[i]);
        if (weir_curve_generate(name, open, NULL) != WEIR_OK)
            return -1;
        snprintf(path[2 * i], sizeof *path, "%s.key", name);
        snprintf(path[2 * i + 1], sizeof *path, "%s.pub", name);
    }
    return 0;
}

static int end(void **unused)
{
    char command[128];
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    return system(command);
}

static void test_files(void **unused)
{
    struct weir_error error = {0};
    struct weir_curve curve;
    struct stat info;
    char open[WEIR_CURVE_TEXT], name[96];
    assert_int_equal(stat(key(TAP), &info), 0);
    assert_int_equal(info.st_mode & 0777, 0600);
    snprintf(name, sizeof name, "%s/tap", folder);
    assert_int_equal(weir_curve_generate(name, open, &error), WEIR_ERR_BUSY);
    const char *peers[] = {open_key(JUDGE), key(STORE)};
    assert_int_equal(weir_curve_load(key(TAP), peers, 2, &curve, &error), WEIR_OK);
    assert_int_equal(curve.peers, 2);
    assert_int_equal(strlen(curve.open), 40);
    assert_string_not_equal(curve.open, curve.secret);
    weir_curve_fini(&curve);
    assert_int_equal(weir_curve_load(open_key(TAP), peers, 2, &curve, &error), WEIR_ERR_PERMISSION); /* 0644, and no secret */
    assert_int_equal(chmod(key(TAP), 0644), 0);
    assert_int_equal(weir_curve_load(key(TAP), peers, 2, &curve, &error), WEIR_ERR_PERMISSION);
    assert_int_equal(chmod(key(TAP), 0600), 0);
    snprintf(name, sizeof name, "%s/nothing.key", folder);
    assert_int_equal(weir_curve_load(name, peers, 2, &curve, &error), WEIR_ERR_NOT_FOUND);
    assert_int_equal(weir_curve_load(NULL, peers, 2, &curve, &error), WEIR_ERR_ARGUMENT);
    assert_int_equal(weir_curve_load(name, NULL, 0, &curve, &error), WEIR_ERR_ARGUMENT);
    assert_int_equal(weir_curve_load(NULL, NULL, 0, &curve, &error), WEIR_OK);
    /* a service's credential of the same name; for another name the file itself */
    assert_int_equal(setenv("CREDENTIALS_DIRECTORY", folder, 1), 0);
    assert_int_equal(weir_curve_load("/nowhere/tap.key", peers, 2, &curve, &error), WEIR_OK);
    weir_curve_fini(&curve);
    assert_int_equal(weir_curve_load("tap.key", peers, 2, &curve, &error), WEIR_OK);
    weir_curve_fini(&curve);
    assert_int_equal(weir_curve_load("/nowhere/nobody.key", peers, 2, &curve, &error), WEIR_ERR_NOT_FOUND);
    assert_int_equal(unsetenv("CREDENTIALS_DIRECTORY"), 0);
    FILE *file = fopen(name, "w");
    fputs("public short\nsecret short\n", file);
    fclose(file);
    chmod(name, 0600);
    assert_int_equal(weir_curve_load(name, peers, 2, &curve, &error), WEIR_ERR_FORMAT);
}

static struct weir_transport_config config_for(unsigned who, const char *const *peers, size_t count)
{
    static const char *queue;
    queue = queue_url;
    struct weir_transport_config config = make_config(&queue, results_url, 1);
    config.key = key(who);
    config.peers = peers;
    config.peer_count = count;
    return config;
}

/* The worker has two to connect to and is not told which key is whose. */
static void test_friends(void **unused)
{
    const char *tap_knows[] = {open_key(STORE), open_key(JUDGE)}, *judge_knows[] = {open_key(STORE), open_key(TAP)},
               *store_knows[] = {open_key(JUDGE), open_key(TAP)};
    const struct weir_transport_config tap = config_for(TAP, tap_knows, 2), judge = config_for(JUDGE, judge_knows, 2),
                                       store = config_for(STORE, store_knows, 2);
    struct weir_sensor_end *sensor = open_sensor(&tap);
    struct weir_worker_end *worker = open_worker(&judge);
    struct weir_collector_end *collector = open_collector(&store);
    uint8_t bytes[LONGEST];
    size_t size = make_frame(bytes, 1, 1, 0, 0);
    struct weir_delivery delivery;
    weir_err code = WEIR_ERR_AGAIN;
    for (int64_t until = weir_clock_mono_ns() + long_ns; code == WEIR_ERR_AGAIN && weir_clock_mono_ns() < until;) {
        code = weir_sensor_end_send(sensor, bytes, size, 10 * ms_ns, NULL); /* until the right key is found */
        assert_int_equal(weir_worker_end_take(worker, 0, &delivery, NULL), WEIR_ERR_AGAIN);
    }
    assert_int_equal(code, WEIR_OK);
    delivery = take_batch(worker);
    check_frame(&delivery, 1, 1);
    publish_for(worker, &delivery, 1);
    delivery = take_verdicts(collector);
    check_frame(&delivery, 2, 1);
    weir_collector_end_release(collector, &delivery);
    struct weir_mark mark = make_mark(1, 0, 1);
    assert_int_equal(weir_collector_end_commit(collector, &mark, 1, NULL), WEIR_OK);
    expect_mark(sensor, collector, 0, 1);
    weir_sensor_end_close(&sensor, 0);
    weir_worker_end_close(&worker, 0);
    weir_collector_end_close(&collector, 0);
}

/* One whose key the sensor does not know, one that takes another for the sensor, one without a key: none gets a frame. */
static void test_strangers(void **unused)
{
    const char *tap_knows[] = {open_key(JUDGE)}, *stranger_knows[] = {open_key(TAP)}, *misled_knows[] = {open_key(STORE)};
    const struct weir_transport_config tap = config_for(TAP, tap_knows, 1);
    struct weir_transport_config other[3] = {config_for(STRANGER, stranger_knows, 1), config_for(JUDGE, misled_knows, 1),
                                             config_for(JUDGE, NULL, 0)};
    static const char *const says[] = {"is not among its --peers", "is its public key the right one", "uses keys"};
    other[2].key = NULL;
    struct weir_sensor_end *sensor = open_sensor(&tap);
    for (unsigned i = 0; i < 3; i++) {
        struct weir_worker_end *worker = open_worker(&other[i]);
        struct weir_delivery delivery;
        char text[300] = "";
        uint8_t bytes[LONGEST];
        size_t size = make_frame(bytes, 1, 1, 0, i);
        for (int64_t until = weir_clock_mono_ns() + long_ns; weir_clock_mono_ns() < until && !strstr(text, says[i]);) {
            assert_int_equal(weir_sensor_end_send(sensor, bytes, size, ms_ns, NULL), WEIR_ERR_AGAIN);
            assert_int_equal(weir_worker_end_take(worker, 10 * ms_ns, &delivery, NULL), WEIR_ERR_AGAIN);
            weir_worker_end_trouble(worker, text, sizeof text);
        }
        if (!strstr(text, says[i]))
            fail_msg("%u: %s", i, text);
        weir_worker_end_close(&worker, 0);
    }
    weir_sensor_end_close(&sensor, 0);
}

/* Over a network never in the clear. */
static void test_clear(void **unused)
{
    struct weir_error error = {0};
    static const char *queue[] = {"zmq+tcp://*:20001"};
    struct weir_transport_config config = make_config(queue, "zmq+tcp://127.0.0.1:20003", 1);
    struct weir_sensor_end *sensor;
    struct weir_worker_end *worker;
    assert_int_equal(weir_sensor_end_open(&config, &sensor, &error), WEIR_ERR_ARGUMENT);
    assert_non_null(strstr(error.text, "weir keygen"));
    queue[0] = "zmq+tcp://192.0.2.1:20001";
    assert_int_equal(weir_worker_end_open(&config, &worker, &error), WEIR_ERR_ARGUMENT);
    config.peers = queue;
    config.peer_count = 1;
    assert_int_equal(weir_worker_end_open(&config, &worker, &error), WEIR_ERR_ARGUMENT);
    assert_non_null(strstr(error.text, "--key"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_files), cmocka_unit_test(test_friends),
                                       cmocka_unit_test(test_strangers), cmocka_unit_test(test_clear)};
    return cmocka_run_group_tests(tests, begin, end);
}
