/* The whole run without store: lanes, rings, workers and writer at work together. The thread sanitizer watches this one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "bench/mix.h"
#include "decode/lane.h"
#include "model/build.h"
#include "pipeline/run.h"

enum { PACKETS = 20000 };

struct world {
    char capture[64];
    weir_model *model;
    const struct weir_view *view;
};

static char *read_all(const char *path, size_t *size)
{
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    char *bytes = malloc(1 << 16);
    *size = fread(bytes, 1, 1 << 16, file);
    fclose(file);
    return bytes;
}

static int begin(void **state)
{
    static const char *const columns[] = {"pcr", "sjit", "dur", "djit"}; /* values about 0, where the model splits */
    static struct world world;
    struct weir_mix_facts facts;
    struct weir_error error = {0};
    size_t size;
    world.view = weir_view_find("argus");
    assert_non_null(world.view);
    char *bytes = read_all(getenv("WEIR_TEST_MODEL"), &size);
    struct weir_model_facts model = {.name = "test",
                                     .algorithm = "xgboost",
                                     .feature_set = "argus",
                                     .feature_set_id = weir_view_id(world.view),
                                     .columns = columns,
                                     .column_count = 4,
                                     .threshold = 0.3f};
    assert_int_equal(weir_model_from_xgboost(bytes, size, "test", &model, &world.model, &error), WEIR_OK);
    free(bytes);
    strcpy(world.capture, "/tmp/weir-test-XXXXXX");
    int file = mkstemp(world.capture);
    assert_true(file >= 0);
    close(file);
    assert_int_equal(weir_mix_write(world.capture, PACKETS, 1024, 7, &facts, &error), WEIR_OK);
    *state = &world;
    return 0;
}

static int end(void **state)
{
    struct world *world = *state;
    unlink(world->capture);
    weir_model_free(&world->model);
    return 0;
}

static void run(const struct world *world, unsigned lanes, unsigned workers, unsigned batch, int64_t max_delay_ns, bool stop,
                struct weir_account *account)
{
    const char *files[] = {world->capture};
    struct weir_run_config config = {
        .source = {.files = {files}, .file_count = {1}, .ports = 1, .lanes = lanes, .lane_hash = weir_lane_hash},
        .model = world->model,
        .view = world->view,
        .lanes = lanes,
        .workers = workers,
        .batch_rows = batch,
        .max_delay_ns = max_delay_ns,
        .flows = 16384,
        .sensor = "test",
        .command = "test"};
    struct weir_error error = {0};
    struct weir_run *job = NULL;
    char why[256] = "";
    assert_int_equal(weir_run_open(&config, &job, &error), WEIR_OK);
    assert_int_equal(weir_run_start(job, &error), WEIR_OK);
    if (stop)
        weir_run_stop(job);
    while (weir_run_busy(job)) { /* a reader beside the threads, as the live view is */
        struct weir_alert_line lines[WEIR_ALERTS_SHOWN];
        weir_run_account(job, account);
        assert_true(weir_backend_alerts(weir_run_backend(job), lines) <= WEIR_ALERTS_SHOWN);
        usleep(1000);
    }
    assert_int_equal(weir_run_finish(job, account, &error), WEIR_OK);
    assert_true(weir_account_check(account, why, sizeof why));
    assert_string_equal(why, "");
    weir_run_free(&job);
    assert_null(job);
}

static void the_sums_are_those_of_one_thread(void **state)
{
    static const struct {
        unsigned lanes, workers, batch;
        int64_t max_delay_ns;
    } variant[] = {{2, 2, 64, 500000}, {4, 1, 1, 0}, {3, 3, 512, 1000000000}, {1, 4, 10, 500000}};
    static struct weir_account first, other;
    run(*state, 1, 1, 64, 500000, false, &first);
    assert_int_equal(first.port[0].seen, PACKETS);
    assert_true(first.rows.scored > 500);
    assert_true(first.class_rows[0] && first.class_rows[1]);
    for (size_t i = 0; i < sizeof variant / sizeof *variant; i++) {
        run(*state, variant[i].lanes, variant[i].workers, variant[i].batch, variant[i].max_delay_ns, false, &other);
        assert_memory_equal(&other.meter, &first.meter, sizeof first.meter);
        assert_memory_equal(&other.rows, &first.rows, sizeof first.rows);
        assert_memory_equal(other.class_rows, first.class_rows, sizeof first.class_rows);
        assert_int_equal(other.alerts, first.alerts);
        assert_int_equal(other.decision_ns.count, first.decision_ns.count);
        assert_int_equal(other.durable_ns.count, first.durable_ns.count);
    }
}

static void an_early_stop_adds_up(void **state)
{
    static struct weir_account account;
    run(*state, 2, 2, 64, 500000, true, &account);
    assert_true(account.port[0].seen <= PACKETS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(the_sums_are_those_of_one_thread),
                                       cmocka_unit_test(an_early_stop_adds_up)};
    return cmocka_run_group_tests(tests, begin, end);
}
