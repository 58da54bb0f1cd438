/* The publisher against a subscriber of the test's: what comes is what EVE has, the numbers tell what was missed. */
#include <inttypes.h>
#include <setjmp.h>
#include <zmq.h>

#include "../store/samples.h"

#include <cmocka.h>

#include "base/clock.h"
#include "pipeline/publish.h"
#include "store/eve.h"

static char *folder, url[200], endpoint[200];
static struct weir_verdicts verdicts;
static struct weir_batch batch;
static uint64_t next_row;
static void *context;

static int setup(void **unused)
{
    folder = sample_folder();
    snprintf(url, sizeof url, "zmq+ipc://%s/pub", folder);
    snprintf(endpoint, sizeof endpoint, "ipc://%s/pub", folder);
    next_row = 0;
    context = zmq_ctx_new();
    return 0;
}

static int teardown(void **unused)
{
    char command[300];
    zmq_ctx_term(context);
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    int status = system(command);
    free(folder);
    return status;
}

static struct weir_publish *open_publish(void)
{
    struct weir_publish *publish;
    struct weir_error error = {0};
    const struct weir_publish_config config = {.url = url, .sensor = "s", .run = "run-1"};
    if (weir_publish_open(&config, &publish, &error) != WEIR_OK)
        fail_msg("%s", error.text);
    return publish;
}

static void publish_batch(struct weir_publish *publish, unsigned rows)
{
    sample_batch(&verdicts, &batch, rows, &next_row);
    weir_publish_verdicts(publish, &verdicts);
}

static void *subscribe(const char *topic)
{
    void *socket = zmq_socket(context, ZMQ_SUB);
    int hwm = 0, linger = 0, timeout_ms = 5000;
    zmq_setsockopt(socket, ZMQ_RCVHWM, &hwm, sizeof hwm);
    zmq_setsockopt(socket, ZMQ_LINGER, &linger, sizeof linger);
    zmq_setsockopt(socket, ZMQ_RCVTIMEO, &timeout_ms, sizeof timeout_ms);
    zmq_setsockopt(socket, ZMQ_SUBSCRIBE, topic, strlen(topic));
    assert_int_equal(zmq_connect(socket, endpoint), 0);
    return socket;
}

/* One message; its number. */
static uint64_t receive(void *socket, char topic[16], char line[8192])
{
    char number[128];
    uint64_t n = 0;
    int size = zmq_recv(socket, topic, 15, 0);
    assert_in_range(size, 4, 5);
    topic[size] = 0;
    size = zmq_recv(socket, number, sizeof number - 1, 0);
    assert_true(size > 0);
    number[size] = 0;
    assert_int_equal(sscanf(number, "run-1 %" SCNu64, &n), 1);
    size = zmq_recv(socket, line, 8191, 0);
    assert_true(size > 0);
    line[size] = 0;
    return n;
}

/* Until the publisher has seen the subscription, batches are made that the subscriber misses. */
static void until_heard(struct weir_publish *publish)
{
    for (uint64_t sent = weir_publish_sent(publish); weir_publish_sent(publish) == sent;)
        publish_batch(publish, 10);
}

static void test_lines_are_eves(void **unused)
{
    char topic[16], line[8192], want[8192], *eve_path = NULL;
    struct weir_eve *eve;
    struct weir_publish *publish = open_publish();
    void *all = subscribe("");
    until_heard(publish);
    uint64_t from = next_row - 10, flows = from;
    publish_batch(publish, 100);
    if (asprintf(&eve_path, "%s/eve.json", folder) < 0)
        abort();
    assert_int_equal(weir_eve_open(eve_path, "s", &eve, NULL), WEIR_OK);
    batch.seq -= 2; /* the batch that was heard first, and the one behind it */
    for (uint64_t row = from; row < next_row;) {
        sample_batch(&verdicts, &batch, row == from ? 10 : 100, &row);
        assert_int_equal(weir_eve_append(eve, &verdicts, NULL), WEIR_OK);
    }
    assert_int_equal(weir_eve_close(&eve, NULL), WEIR_OK);
    FILE *file = fopen(eve_path, "r");
    while (fgets(want, sizeof want, file)) {
        uint64_t number = receive(all, topic, line);
        want[strcspn(want, "\n")] = 0;
        assert_string_equal(line, want);
        assert_string_equal(topic, strstr(want, "\"event_type\":\"alert\"") ? "alert" : "flow");
        if (!strcmp(topic, "flow"))
            assert_int_equal(number, flows++);
    }
    fclose(file);
    assert_int_equal(flows, next_row);
    zmq_close(all);
    weir_publish_close(&publish);
    free(eve_path);
}

/* Of one topic; and what is missed shows in the numbers. */
static void test_topics_and_gaps(void **unused)
{
    char topic[16], line[8192];
    uint64_t alerts = 0, before;
    struct weir_publish *publish = open_publish();
    for (unsigned i = 0; i < 5; i++) { /* nobody is there */
        publish_batch(publish, 20);
        alerts += verdicts.alerts;
    }
    assert_int_equal(weir_publish_sent(publish), 0);
    void *socket = subscribe("alert");
    while (!weir_publish_sent(publish)) {
        publish_batch(publish, 10);
        alerts += verdicts.alerts;
    }
    uint64_t first = alerts - verdicts.alerts;
    for (unsigned i = 0; i < verdicts.alerts; i++) {
        assert_int_equal(receive(socket, topic, line), first + i);
        assert_string_equal(topic, "alert");
        assert_non_null(strstr(line, "\"reasons\""));
    }
    zmq_close(socket);
    before = alerts;
    for (uint64_t sent = 0; sent != weir_publish_sent(publish);) { /* until it is known to be gone */
        sent = weir_publish_sent(publish);
        do {
            publish_batch(publish, 50);
            alerts += verdicts.alerts;
        } while (!verdicts.alerts);
    }
    socket = subscribe("alert");
    for (uint64_t sent = weir_publish_sent(publish); weir_publish_sent(publish) == sent;) {
        publish_batch(publish, 10);
        alerts += verdicts.alerts;
    }
    uint64_t number = receive(socket, topic, line);
    assert_int_equal(number, alerts - verdicts.alerts);
    assert_true(number > before);
    zmq_close(socket);
    weir_publish_close(&publish);
}

static void refused(const char *where, weir_err code, const char *word)
{
    struct weir_publish *publish;
    struct weir_error error = {0};
    const struct weir_publish_config config = {.url = where, .sensor = "s", .run = "r"};
    assert_int_equal(weir_publish_open(&config, &publish, &error), code);
    assert_null(publish);
    if (!strstr(error.text, word) || strncmp(error.text, "--publish ", 10) != 0)
        fail_msg("'%s' is not in: %s", word, error.text);
}

static void test_refusals(void **unused)
{
    struct weir_publish *publish = open_publish();
    refused("redis://localhost", WEIR_ERR_ARGUMENT, "subscribers come by ZeroMQ");
    refused("zmq+tcp://*:5999", WEIR_ERR_ARGUMENT, "keygen");
    refused("http://x", WEIR_ERR_UNSUPPORTED, "zmq+ipc://PATH");
    refused("zmq+ipc:///nowhere/at/all/p", WEIR_ERR_IO, "/nowhere/at/all/p");
    weir_publish_close(&publish);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {TEST(test_lines_are_eves), TEST(test_topics_and_gaps), TEST(test_refusals)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
