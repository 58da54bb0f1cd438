/* What pressure keeps out of the store is told in `outages`: spans, how many rows, whose; through pauses, roll-backs, restarts
 * and changes of the file. The clock is the test's. */
#include <setjmp.h>

#include "samples.h"

#include <cmocka.h>

#include "base/log.h"
#include "store/folder.h"

static const int64_t second = 1000000000;
static int64_t now_ns;
static char *folder;
static struct weir_verdicts verdicts;
static struct weir_batch batch;
static const struct weir_origin tap = {.sensor = "0123456789abcde", .name = "tap 2"};

static int64_t fake_now(void)
{
    return now_ns;
}

static int setup(void **unused)
{
    char *parent = sample_folder();
    now_ns = 20779 * WEIR_DAY_NS; /* 2026-11-22 */
    batch.boot = 3;
    int made = asprintf(&folder, "%s/", parent);
    free(parent);
    return made < 0;
}

static int teardown(void **unused)
{
    char command[300];
    snprintf(command, sizeof command, "rm -r '%s'", folder);
    int status = system(command);
    free(folder);
    return status;
}

static struct weir_store *open_store(void)
{
    struct weir_store_config config = {.path = folder, .sensor = "own", .command = "c", .wall_ns = fake_now};
    struct weir_store *store = NULL;
    struct weir_error error = {0};
    if (weir_store_open(&config, &store, &error) != WEIR_OK)
        fail_msg("%s", error.text);
    return store;
}

/* `after` seconds later: so many rows of a batch are not stored, so many alerts not explained. */
static void degrade(struct weir_store *store, const struct weir_origin *origin, int after, uint64_t rows, uint64_t reasons)
{
    struct weir_error error = {0};
    now_ns += after * second;
    verdicts.origin = origin;
    verdicts.batch = &batch;
    if (weir_store_degrade(store, &verdicts, rows, reasons, &error) != WEIR_OK)
        fail_msg("%s", error.text);
}

static void commit(struct weir_store *store)
{
    struct weir_error error = {0};
    if (weir_store_commit(store, NULL, &error) != WEIR_OK)
        fail_msg("%s", error.text);
}

static void finish(struct weir_store *store)
{
    struct weir_error error = {0};
    if (weir_store_finish(store, "{}", &error) != WEIR_OK)
        fail_msg("%s", error.text);
    weir_store_close(&store);
}

static void expect(const char *want)
{
    struct weir_error error;
    char *text =
        sample_query(folder,
                     "SELECT what, reason, strftime(began, '%d %H:%M:%S'), strftime(ended, '%H:%M:%S'), withheld, sensor, boot,"
                     " run IN (SELECT run FROM runs) FROM outages ORDER BY began, what, sensor",
                     &error);
    if (!text)
        fail_msg("%s", error.text);
    assert_string_equal(text, want);
    free(text);
}

static void a_span_ends_with_a_pause(void **unused)
{
    struct weir_store *store = open_store();
    commit(store); /* nothing */
    degrade(store, NULL, 1, 100, 0);
    degrade(store, NULL, 2, 10, 3);
    commit(store);
    degrade(store, NULL, 10, 1, 0); /* not long enough */
    commit(store);
    commit(store);
    degrade(store, NULL, 11, 0, 5); /* the reasons' span is over, too */
    degrade(store, NULL, 0, 7, 0);
    finish(store);
    expect("store,degraded,22 00:00:01,00:00:13,111,own,0,true\n"
           "reasons,degraded,22 00:00:03,00:00:03,3,own,0,true\n"
           "reasons,degraded,22 00:00:24,00:00:24,5,own,0,true\n"
           "store,degraded,22 00:00:24,00:00:24,7,own,0,true\n");
}

/* Verdicts of this process are not judged again: what was left out stays so. Those of others come again. */
static void a_roll_back_takes_back_what_comes_again(void **unused)
{
    struct weir_store *store = open_store();
    for (unsigned round = 0; round < 2; round++) {
        degrade(store, NULL, 1, 100, 0);
        degrade(store, &tap, 0, 1000, 50);
        weir_store_drop(store);
    }
    commit(store);
    degrade(store, &tap, 1, 7, 0);
    degrade(store, NULL, 0, 1, 0);
    commit(store);
    degrade(store, &tap, 2, 7, 0);
    degrade(store, NULL, 0, 1, 0);
    weir_store_drop(store);
    degrade(store, &tap, 1, 9, 0);
    commit(store);
    degrade(store, &tap, 1, 1000, 0); /* the process is killed */
    weir_store_close(&store);
    store = open_store();
    struct weir_error error = {0};
    assert_int_equal(weir_store_finish(store, "{}", &error), WEIR_OK);
    weir_store_close(&store);
    expect("store,degraded,22 00:00:01,00:00:05,202,own,0,true\n"
           "store,degraded,22 00:00:03,00:00:06,16,tap 2,3,false\n"
           "sensor,killed,22 00:00:07,00:00:07,NULL,own,0,true\n");
}

static void a_span_goes_on_in_the_next_file(void **unused)
{
    struct weir_store *store = open_store();
    bool rotated;
    struct weir_error error = {0};
    now_ns += WEIR_DAY_NS - 3 * second;
    degrade(store, NULL, 1, 100, 0);
    degrade(store, &tap, 0, 200, 0);
    commit(store);
    now_ns += 2 * second;
    assert_int_equal(weir_store_rotate(store, &rotated, &error), WEIR_OK);
    assert_true(rotated);
    degrade(store, NULL, 1, 10, 0);
    degrade(store, &tap, 0, 20, 0);
    finish(store);
    expect("store,degraded,22 23:59:58,23:59:58,100,own,0,true\n"
           "store,degraded,22 23:59:58,23:59:58,200,tap 2,3,false\n"
           "store,degraded,23 00:00:01,00:00:01,10,own,0,true\n"
           "store,degraded,23 00:00:01,00:00:01,20,tap 2,3,false\n");
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {TEST(a_span_ends_with_a_pause), TEST(a_roll_back_takes_back_what_comes_again),
                                       TEST(a_span_goes_on_in_the_next_file)};
    weir_log_set_level(WEIR_LOG_ERROR);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
