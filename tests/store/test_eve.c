/* EVE lines, read back by a JSON parser. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/stat.h>
#include <time.h>

#include "samples.h"

#include <cmocka.h>

#include "store/eve.h"

static char *folder, *path;
static struct weir_verdicts verdicts;
static struct weir_batch batch;

static int setup(void **unused)
{
    folder = sample_folder();
    memset(&batch, 0, sizeof batch);
    return asprintf(&path, "%s/eve.json", folder) < 0;
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

static void write_eve(const char *to, unsigned batches, uint64_t *next)
{
    struct weir_eve *eve;
    struct weir_error error = {0};
    if (weir_eve_open(to, "tap \"7\"", &eve, &error) != WEIR_OK)
        fail_msg("%s", error.text);
    for (unsigned i = 0; i < batches; i++) {
        sample_batch(&verdicts, &batch, 300, next);
        assert_int_equal(weir_eve_append(eve, &verdicts, &error), WEIR_OK);
    }
    assert_int_equal(weir_eve_close(&eve, &error), WEIR_OK);
    assert_null(eve);
}

static const char *text(json_t *object, const char *key)
{
    json_t *value = json_object_get(object, key);
    if (!json_is_string(value))
        fail_msg("%s is no string in %s", key, json_dumps(object, 0));
    return json_string_value(value);
}

static void check_stamp(const char *stamp, int64_t ns)
{
    char want[40];
    time_t t = (time_t)(ns / 1000000000);
    struct tm tm;
    strftime(want, sizeof want, "%Y-%m-%dT%H:%M:%S", gmtime_r(&t, &tm));
    sprintf(want + strlen(want), ".%06" PRId64 "+0000", ns % 1000000000 / 1000);
    assert_string_equal(stamp, want);
}

static void check_line(const char *line, unsigned r, bool alert)
{
    static const char *const ends[] = {"status",   "timeout", "tcp_reuse",  "timeout",
                                       "shutdown", "forced",  "aggregated", "ingested"};
    static const char *const reasons[] = {"status", "close", "reuse", "idle", "shutdown", "evicted", "aggregated", "ingested"};
    json_error_t problem;
    json_t *o = json_loads(line, JSON_REJECT_DUPLICATES, &problem);
    if (!o)
        fail_msg("%s: %s", problem.text, line);
    const struct weir_identity *id = &batch.identity[r];
    const char *class = sample_classes[verdicts.class_index[r]];
    char ip[64], uuid[40], signature[80];
    check_stamp(text(o, "timestamp"), id->ltime_ns);
    assert_int_equal(json_integer_value(json_object_get(o, "flow_id")), id->flow_id.high >> 1);
    assert_string_equal(text(o, "event_type"), alert ? "alert" : "flow");
    assert_string_equal(text(o, "host"), "tap \"7\"");
    assert_string_equal(text(o, "src_ip"), inet_ntop(id->ip_version == 4 ? AF_INET : AF_INET6, id->src, ip, sizeof ip));
    assert_string_equal(text(o, "dest_ip"), inet_ntop(id->ip_version == 4 ? AF_INET : AF_INET6, id->dst, ip, sizeof ip));
    assert_int_equal(json_integer_value(json_object_get(o, "ip_v")), id->ip_version);
    assert_int_equal(json_object_get(o, "src_port") != NULL, id->ports);
    assert_int_equal(json_object_get(o, "dest_port") != NULL, id->ports);
    if (id->ports) {
        assert_int_equal(json_integer_value(json_object_get(o, "src_port")), id->sport);
        assert_int_equal(json_integer_value(json_object_get(o, "dest_port")), id->dport);
    }
    assert_string_equal(text(o, "proto"), id->proto == 6    ? "TCP"
                                          : id->proto == 17 ? "UDP"
                                          : id->proto == 1  ? "ICMP"
                                                            : "IPv6-ICMP");
    json_t *flow = json_object_get(o, "flow");
    check_stamp(text(flow, "start"), id->stime_ns);
    check_stamp(text(flow, "end"), id->ltime_ns);
    assert_int_equal(json_integer_value(json_object_get(flow, "age")), (id->ltime_ns - id->stime_ns) / 1000000000);
    assert_string_equal(text(flow, "reason"), ends[id->reason]);
    assert_int_equal(json_object_get(flow, "state") != NULL, id->reason == WEIR_REASON_CLOSE);
    assert_int_equal(json_is_true(json_object_get(flow, "alerted")), verdicts.alert[r]);

    json_t *weir = json_object_get(o, "weir");
    snprintf(uuid, sizeof uuid, "%08" PRIx64 "-%04" PRIx64 "-%04" PRIx64 "-%04" PRIx64 "-%012" PRIx64, id->flow_id.high >> 32,
             id->flow_id.high >> 16 & 0xffff, id->flow_id.high & 0xffff, id->flow_id.low >> 48, id->flow_id.low & 0xffffffffffff);
    assert_string_equal(text(weir, "flow_id"), uuid);
    assert_int_equal(json_integer_value(json_object_get(weir, "record")), id->record);
    assert_string_equal(text(weir, "reason"), reasons[id->reason]);
    assert_string_equal(text(weir, "feature_set"), "argus");
    assert_string_equal(text(weir, "model"), "forest:3");
    assert_string_equal(text(weir, "class"), class);
    assert_true((float)json_number_value(json_object_get(weir, "score")) == verdicts.score[r]);
    assert_true((float)json_number_value(json_object_get(weir, "threshold")) == verdicts.threshold);

    json_t *said = json_object_get(o, "alert");
    assert_int_equal(said != NULL, alert);
    if (alert) {
        assert_string_equal(text(said, "action"), "allowed");
        snprintf(signature, sizeof signature, "weir: %s", class);
        assert_string_equal(text(said, "signature"), signature);
        json_int_t id_number = json_integer_value(json_object_get(said, "signature_id"));
        assert_true(id_number >= 1000000 && id_number < 2000000);
        assert_int_equal(json_integer_value(json_object_get(said, "gid")), 1);
        assert_int_equal(json_integer_value(json_object_get(said, "rev")), 1);
        assert_true(strlen(text(said, "category")) > 0);
        assert_int_equal(json_integer_value(json_object_get(said, "severity")), verdicts.score[r] >= 0.9f ? 1 : 2);
        const struct weir_alert_causes *causes = verdicts.causes;
        while (causes->row != r)
            causes++;
        json_t *lines = json_object_get(json_object_get(said, "metadata"), "reasons");
        json_t *whys = json_object_get(weir, "reasons");
        assert_int_equal(json_array_size(lines), causes->count);
        assert_int_equal(json_array_size(whys), causes->count);
        for (unsigned i = 0; i < causes->count; i++) {
            char want[100], value[32] = "missing";
            if (i != 1)
                snprintf(value, sizeof value, "%.9g", (double)causes->cause[i].value);
            snprintf(want, sizeof want, "%s=%s (+%s)", sample_columns[i], value, i == 0 ? "1.5" : i == 1 ? "0.75" : "0.5");
            assert_string_equal(json_string_value(json_array_get(lines, i)), want);
            json_t *why = json_array_get(whys, i);
            assert_string_equal(text(why, "column"), sample_columns[i]);
            if (i == 1)
                assert_true(json_is_null(json_object_get(why, "value")));
            else
                assert_true((float)json_number_value(json_object_get(why, "value")) == causes->cause[i].value);
            assert_true((float)json_number_value(json_object_get(why, "contribution")) == causes->cause[i].contribution);
        }
    }
    json_decref(o);
}

static char *read_line(FILE *file)
{
    static char *line;
    static size_t size;
    if (!file) {
        free(line);
        line = NULL;
        size = 0;
        return NULL;
    }
    ssize_t n = getline(&line, &size, file);
    if (n <= 0)
        return NULL;
    assert_int_equal(line[n - 1], '\n');
    line[n - 1] = 0;
    return line;
}

static void test_lines(void **unused)
{
    uint64_t next = 0;
    write_eve(path, 4, &next);
    FILE *file = fopen(path, "r");
    next = 0;
    batch.seq = 0;
    for (unsigned i = 0; i < 4; i++) {
        sample_batch(&verdicts, &batch, 300, &next);
        for (unsigned r = 0; r < 300; r++) {
            char *line = read_line(file);
            assert_non_null(line);
            check_line(line, r, false);
            if (verdicts.alert[r])
                check_line(read_line(file), r, true);
        }
    }
    assert_null(read_line(file));
    read_line(NULL);
    fclose(file);
}

/* Appended to, and a line that was cut off does not swallow the next. */
static void test_append(void **unused)
{
    uint64_t next = 0;
    write_eve(path, 1, &next);
    struct stat info;
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(truncate(path, info.st_size - 10), 0);
    write_eve(path, 1, &next);
    write_eve(path, 0, &next);
    FILE *file = fopen(path, "r");
    unsigned good = 0, bad = 0;
    for (char *line; (line = read_line(file));) {
        json_t *o = json_loads(line, 0, NULL);
        good += o != NULL;
        bad += o == NULL;
        json_decref(o);
    }
    read_line(NULL);
    fclose(file);
    assert_int_equal(bad, 1);
    next = 0;
    unsigned lines = 0;
    for (unsigned i = 0; i < 2; i++) {
        sample_batch(&verdicts, &batch, 300, &next);
        lines += 300 + verdicts.alerts;
    }
    assert_int_equal(good, lines - 1);
}

static void test_buffered(void **unused)
{
    struct weir_eve *eve;
    struct stat info;
    uint64_t next = 0;
    assert_int_equal(weir_eve_open(path, NULL, &eve, NULL), WEIR_OK);
    for (unsigned i = 0; i < 100; i++) {
        sample_batch(&verdicts, &batch, 300, &next);
        assert_int_equal(weir_eve_append(eve, &verdicts, NULL), WEIR_OK);
    }
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_size, 0); /* nothing before the commit */
    assert_int_equal(weir_eve_flush(eve, NULL), WEIR_OK);
    assert_int_equal(stat(path, &info), 0);
    assert_true(info.st_size > 100 * 300 * 300);
    assert_int_equal(weir_eve_close(&eve, NULL), WEIR_OK);
}

static void expect_refused(const char *to, weir_err code)
{
    struct weir_eve *eve = NULL;
    struct weir_error error = {0};
    assert_int_equal(weir_eve_open(to, "s", &eve, &error), code);
    assert_null(eve);
    assert_non_null(strstr(error.text, to));
}

static void test_failures(void **unused)
{
    struct weir_eve *eve;
    struct weir_error error = {0};
    uint64_t next = 0;
    char *nowhere = NULL, *fifo = NULL;
    assert_true(asprintf(&nowhere, "%s/no/eve.json", folder) > 0 && asprintf(&fifo, "%s/fifo", folder) > 0);
    expect_refused(nowhere, WEIR_ERR_NOT_FOUND);
    expect_refused(folder, WEIR_ERR_IO);
    sample_batch(&verdicts, &batch, 300, &next);

    assert_int_equal(weir_eve_open("/dev/full", "s", &eve, &error), WEIR_OK);
    assert_int_equal(weir_eve_append(eve, &verdicts, &error), WEIR_OK);
    assert_int_equal(weir_eve_flush(eve, &error), WEIR_ERR_FULL);
    assert_non_null(strstr(error.text, "/dev/full"));
    assert_int_equal(weir_eve_close(&eve, &error), WEIR_OK); /* there is nothing more to lose */

    signal(SIGPIPE, SIG_IGN);
    assert_int_equal(mkfifo(fifo, 0600), 0);
    int reader = open(fifo, O_RDONLY | O_NONBLOCK);
    assert_int_equal(weir_eve_open(fifo, "s", &eve, &error), WEIR_OK);
    close(reader);
    assert_int_equal(weir_eve_append(eve, &verdicts, &error), WEIR_OK);
    assert_int_equal(weir_eve_close(&eve, &error), WEIR_ERR_CLOSED);
    assert_non_null(strstr(error.text, fifo));
    free(nowhere);
    free(fifo);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {TEST(test_lines), TEST(test_append), TEST(test_buffered), TEST(test_failures)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
