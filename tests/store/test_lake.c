/* The lake against its store, read back by DuckDB as anybody would: the same rows, each once, whatever happens in between. */
#include <glob.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#include "samples.h"

#include <cmocka.h>

#include "base/log.h"
#include "store/folder.h"
#include "store/shelf.h"

static const int64_t nov_22 = 20779 * WEIR_DAY_NS;
static int64_t now_ns, every_ns;
static char *parent, *folder, *lake;
static struct weir_verdicts verdicts;
static struct weir_batch batch;
static uint64_t next_row, state;

static uint64_t draw(uint64_t below)
{
    return sample_mix(state++) % below;
}

static int64_t fake_now(void)
{
    return now_ns;
}

static int setup(void **unused)
{
    parent = sample_folder();
    now_ns = nov_22 + WEIR_DAY_NS / 2;
    every_ns = 1;
    next_row = 0;
    return asprintf(&folder, "%s/it's/", parent) < 0 || asprintf(&lake, "%s/the lake's", parent) < 0;
}

static int teardown(void **unused)
{
    char command[300];
    snprintf(command, sizeof command, "rm -rf '%s'", parent);
    int status = system(command);
    free(folder);
    free(lake);
    free(parent);
    return status;
}

static struct weir_store *open_store(const char *path)
{
    struct weir_store_config config = {.path = path,
                                       .sensor = "own",
                                       .command = "c",
                                       .collects = true,
                                       .lake = lake,
                                       .lake_every_ns = every_ns,
                                       .wall_ns = fake_now};
    struct weir_store *store = NULL;
    struct weir_error error = {0};
    if (weir_store_open(&config, &store, &error) != WEIR_OK)
        fail_msg("%s", error.text);
    return store;
}

static const struct weir_origin origins[] = {{"a", "tap 1"}, {"b", "q/uo'te=%"}, {"c", "007"}};

/* Batches of several sensors, on several days, some by this process itself; then a commit. */
static weir_err write_rows(struct weir_store *store, unsigned batches)
{
    weir_err code = WEIR_OK;
    for (unsigned i = 0; code == WEIR_OK && i < batches; i++) {
        sample_batch(&verdicts, &batch, 1 + (unsigned)draw(300), &next_row);
        verdicts.origin = draw(4) ? &origins[draw(3)] : NULL;
        for (unsigned r = 0; r < batch.rows; r++) /* a row in 50 is of another day */
            batch.identity[r].stime_ns += draw(50) ? 0 : ((int64_t)draw(5) - 2) * WEIR_DAY_NS;
        batch.boot = next_row;
        code = weir_store_append(store, &verdicts, NULL);
    }
    return code == WEIR_OK ? weir_store_commit(store, NULL, NULL) : code;
}

static void number(struct weir_duck *duck, const char *sql, uint64_t want)
{
    struct weir_error error = {0};
    uint64_t got;
    if (weir_duck_number(duck, sql, &got, &error) != WEIR_OK)
        fail_msg("%s: %s", sql, error.text);
    assert_int_equal(got, want);
}

#define COLUMNS                                                                                                                  \
    "flow_id, record, reason, stime, ltime, proto, src_ip, src_port, dest_ip, dest_port, feature_set, class, score, threshold,"  \
    " alert, model, run, boot, lane, seq, \"row\", decision_us, sensor"

/* Closed store, finished lake. */
static void compare(const char *path, uint64_t rows)
{
    struct weir_duck *duck = NULL;
    struct weir_error error = {0};
    char *sql = NULL, *quoted;
    glob_t left;
    if (weir_shelf_open(path, &duck, &error) != WEIR_OK)
        fail_msg("%s", error.text);
    if (asprintf(&sql, "%s/*/*/*.parquet", lake) < 0)
        abort();
    quoted = weir_duck_quote(sql);
    free(sql);
    if (asprintf(&sql,
                 "CREATE TEMP VIEW lake AS FROM read_parquet(%s, hive_partitioning = true, hive_types = {'date': DATE, 'sensor':"
                 " VARCHAR})",
                 quoted) < 0)
        abort();
    if (weir_duck_run(duck, sql, &error) != WEIR_OK)
        fail_msg("%s", error.text);
    free(sql);
    free(quoted);
    number(duck, "SELECT count(*)::UBIGINT FROM lake", rows);
    number(duck, "SELECT count(*)::UBIGINT FROM verdicts", rows);
    number(duck, "SELECT count(*)::UBIGINT FROM (SELECT " COLUMNS " FROM verdicts EXCEPT ALL SELECT " COLUMNS " FROM lake)", 0);
    number(duck, "SELECT count(*)::UBIGINT FROM lake WHERE date <> stime::DATE", 0);
    number(duck, "SELECT count(*)::UBIGINT FROM lake WHERE sensor NOT IN ('own', 'tap 1', 'q/uo''te=%', '007')", 0);
    /* reasons: the same, of the same alerts */
    number(duck, "SELECT (count(*) > 0)::UBIGINT FROM reasons", 1);
    number(duck,
           "WITH theirs AS (SELECT flow_id, record, run, (generate_subscripts(reasons, 1) - 1)::UTINYINT AS rank,"
           " unnest(reasons, recursive := true) FROM lake), ours AS (SELECT flow_id, record, run, rank, column_name, value,"
           " contribution FROM reasons) SELECT ((SELECT count(*) FROM (FROM ours EXCEPT ALL FROM theirs)) + (SELECT count(*) FROM"
           " (FROM theirs EXCEPT ALL FROM ours)))::UBIGINT",
           0);
    number(duck, "SELECT count(*)::UBIGINT FROM lake WHERE alert = (reasons IS NULL)", 0);
    weir_duck_close(&duck);
    if (asprintf(&sql, "%s/*/*/.*.tmp", lake) < 0)
        abort();
    assert_int_equal(glob(sql, 0, NULL, &left), GLOB_NOMATCH);
    free(sql);
}

/* A day after the other, the process another one now and then. */
static void test_days(void **unused)
{
    struct weir_store *store = open_store(folder);
    struct weir_error error = {0};
    bool rotated;
    for (unsigned hour = 0; hour < 40; hour++, now_ns += WEIR_DAY_NS / 8) {
        assert_int_equal(write_rows(store, 1 + (unsigned)draw(5)), WEIR_OK);
        if (draw(2) && weir_store_lake(store, &error) != WEIR_OK)
            fail_msg("%s", error.text);
        if (weir_store_rotate(store, &rotated, &error) != WEIR_OK)
            fail_msg("%s", error.text);
        if (draw(6) == 0) { /* a crash: what is committed goes to the lake later */
            weir_store_close(&store);
            store = open_store(folder);
        }
    }
    assert_int_equal(weir_store_finish(store, "{}", &error), WEIR_OK);
    weir_store_close(&store);
    compare(folder, next_row);
}

/* What a store had before it got a lake goes there, too. */
static void test_an_older_store(void **unused)
{
    char *path = NULL, *later = lake;
    struct weir_error error = {0};
    if (asprintf(&path, "%s/one.duckdb", parent) < 0)
        abort();
    lake = NULL;
    struct weir_store *store = open_store(path);
    assert_int_equal(write_rows(store, 20), WEIR_OK);
    assert_int_equal(weir_store_finish(store, "{}", &error), WEIR_OK);
    weir_store_close(&store);
    lake = later;
    store = open_store(path);
    assert_int_equal(write_rows(store, 3), WEIR_OK);
    if (weir_store_finish(store, "{}", &error) != WEIR_OK)
        fail_msg("%s", error.text);
    weir_store_close(&store);
    compare(path, next_row);
    free(path);
}

/* A lake that cannot be written does not hinder the store, and gets everything once it can. */
static void test_no_room_in_the_lake(void **unused)
{
    struct weir_error error = {0};
    char command[400];
    bool rotated;
    struct weir_store *store = open_store(folder);
    snprintf(command, sizeof command, "rm -r \"%s\" && touch \"%s\"", lake, lake);
    assert_int_equal(system(command), 0);
    assert_int_equal(write_rows(store, 5), WEIR_OK);
    assert_int_not_equal(weir_store_lake(store, &error), WEIR_OK);
    assert_int_equal(write_rows(store, 5), WEIR_OK);
    now_ns += WEIR_DAY_NS;
    assert_int_equal(weir_store_rotate(store, &rotated, &error), WEIR_OK);
    assert_true(rotated);
    assert_int_equal(write_rows(store, 5), WEIR_OK);
    assert_int_not_equal(weir_store_finish(store, "{}", &error), WEIR_OK);
    weir_store_close(&store);
    snprintf(command, sizeof command, "rm \"%s\"", lake);
    assert_int_equal(system(command), 0);
    store = open_store(folder);
    if (weir_store_finish(store, "{}", &error) != WEIR_OK)
        fail_msg("%s", error.text);
    weir_store_close(&store);
    compare(folder, next_row);
}

/* Commits, writes to the lake and goes on, until it is killed; a byte for each round. */
static int write_on(int to)
{
    struct weir_store *store = NULL;
    bool rotated;
    const struct weir_store_config config = {
        .path = folder, .sensor = "own", .command = "c", .collects = true, .lake = lake, .lake_every_ns = 1, .wall_ns = fake_now};
    if (weir_store_open(&config, &store, NULL) != WEIR_OK)
        return 1;
    for (;; now_ns += WEIR_DAY_NS / 4) {
        if (write_rows(store, 3) != WEIR_OK || weir_store_lake(store, NULL) != WEIR_OK ||
            weir_store_rotate(store, &rotated, NULL) != WEIR_OK || write(to, "x", 1) != 1)
            return 2;
    }
}

static void test_killed(void **unused)
{
    for (unsigned round = 0; round < 6; round++) {
        int ends[2], status;
        char byte;
        assert_int_equal(pipe(ends), 0);
        state += 1000;
        pid_t child = fork();
        if (child == 0) {
            next_row = 1000000 * round; /* other rows than the children before, whatever those have got done */
            _exit(write_on(ends[1]));
        }
        close(ends[1]);
        uint64_t rounds = 1 + draw(4);
        for (uint64_t i = 0; i < rounds; i++)
            if (read(ends[0], &byte, 1) != 1)
                break;
        nanosleep(&(struct timespec){.tv_nsec = (long)draw(20000000)}, NULL);
        kill(child, SIGKILL);
        waitpid(child, &status, 0);
        assert_true(WIFSIGNALED(status));
        close(ends[0]);
        now_ns += WEIR_DAY_NS * 3;
    }
    struct weir_error error = {0};
    struct weir_store *store = open_store(folder);
    if (weir_store_finish(store, "{}", &error) != WEIR_OK)
        fail_msg("%s", error.text);
    weir_store_close(&store);
    struct weir_duck *duck = NULL;
    uint64_t rows;
    assert_int_equal(weir_shelf_open(folder, &duck, &error), WEIR_OK);
    assert_int_equal(weir_duck_number(duck, "SELECT count(*)::UBIGINT FROM verdicts", &rows, &error), WEIR_OK);
    weir_duck_close(&duck);
    assert_true(rows > 1000);
    compare(folder, rows);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_killed), /* forks: DuckDB has no threads yet */
        TEST(test_days),
        TEST(test_an_older_store),
        TEST(test_no_room_in_the_lake),
    };
    weir_log_set_level(WEIR_LOG_ERROR);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
