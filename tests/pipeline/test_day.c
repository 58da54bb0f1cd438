/* 24 hours of packet time through a whole run without a store: after the first half, memory does not grow any more. What DuckDB
 * keeps for itself is not looked at here; `weir bench day` shows it. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "bench/mix.h"
#include "decode/lane.h"
#include "model/build.h"
#include "pipeline/run.h"

enum { PACKETS = 400000, STEP_US = 216000, ALIVE = 1024 }; /* 24 hours */

static weir_model *load(const struct weir_view *view)
{
    static const char *const columns[] = {"pcr", "sjit", "dur", "djit"};
    static char bytes[1 << 16];
    struct weir_error error = {0};
    weir_model *model = NULL;
    FILE *file = fopen(getenv("WEIR_TEST_MODEL"), "rb");
    assert_non_null(file);
    size_t size = fread(bytes, 1, sizeof bytes, file);
    fclose(file);
    const struct weir_model_facts facts = {.name = "test",
                                           .algorithm = "xgboost",
                                           .feature_set = "argus",
                                           .feature_set_id = weir_view_id(view),
                                           .columns = columns,
                                           .column_count = 4,
                                           .threshold = 0.3f};
    assert_int_equal(weir_model_from_xgboost(bytes, size, "test", &facts, &model, &error), WEIR_OK);
    return model;
}

/* In a process of its own: its memory is not the run's. */
static void write_day(int to)
{
    struct weir_mix *mix = NULL;
    FILE *file = fdopen(to, "wb");
    bool good = file && weir_mix_create(file, ALIVE, STEP_US, 5, &mix, NULL) == WEIR_OK;
    for (uint64_t i = 0; good && i < PACKETS; i++)
        good = weir_mix_next(mix);
    _exit(good && fclose(file) == 0 ? 0 : 1);
}

static uint64_t resident_kib(void)
{
    unsigned long long pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    assert_non_null(file);
    assert_int_equal(fscanf(file, "%*u %llu", &pages), 1);
    fclose(file);
    return pages * (uint64_t)sysconf(_SC_PAGESIZE) / 1024;
}

static void memory_is_flat_over_a_day(void **unused)
{
    int stream[2], status;
    char path[32];
    struct weir_error error = {0};
    struct weir_run *run = NULL;
    static struct weir_account account;
    uint64_t half = 0, end;
    assert_int_equal(pipe(stream), 0);
    fcntl(stream[1], F_SETPIPE_SZ, 1 << 20);
    pid_t writer = fork();
    assert_true(writer >= 0);
    if (writer == 0) {
        close(stream[0]);
        write_day(stream[1]);
    }
    close(stream[1]);
    snprintf(path, sizeof path, "/dev/fd/%d", stream[0]);
    const char *files[] = {path};
    const struct weir_view *view = weir_view_find("argus");
    weir_model *model = load(view);
    struct weir_run_config config = {
        .source = {.files = {files}, .file_count = {1}, .ports = 1, .lanes = 2, .lane_hash = weir_lane_hash},
        .model = model,
        .view = view,
        .lanes = 2,
        .workers = 2,
        .batch_rows = 64,
        .max_delay_ns = 500000,
        .flows = 16384,
        .sensor = "test",
        .command = "test"};
    assert_int_equal(weir_run_open(&config, &run, &error), WEIR_OK);
    assert_int_equal(weir_run_start(run, &error), WEIR_OK);
    while (weir_run_busy(run)) {
        weir_run_account(run, &account);
        if (!half && account.port[0].seen >= PACKETS / 2)
            half = resident_kib();
        usleep(500);
    }
    end = resident_kib();
    assert_int_equal(weir_run_finish(run, &account, &error), WEIR_OK);
    close(stream[0]); /* the run opened it anew */
    assert_int_equal(waitpid(writer, &status, 0), writer);
    assert_int_equal(status, 0);
    assert_int_equal(account.port[0].seen, PACKETS);
    assert_true(account.port[0].last_ns - account.port[0].first_ns > (int64_t)86399 * 1000000000);
    assert_true(account.rows.scored > PACKETS / 10);
    assert_true(half > 0);
    if (end > half + half / 50)
        fail_msg("%llu KiB at 12 h, %llu KiB at 24 h", (unsigned long long)half, (unsigned long long)end);
    weir_run_free(&run);
    weir_model_free(&model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(memory_is_flat_over_a_day)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
