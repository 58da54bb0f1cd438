/* Queries beside the writer of an open store: what they see, what they may not do, and that the writer goes on. */
#include <pthread.h>
#include <setjmp.h>
#include <stdatomic.h>
#include <time.h>

#include "base/clock.h"
#include "samples.h"

#include <cmocka.h>

static char *folder, *path;
static struct weir_verdicts verdicts;
static struct weir_batch batch;
static uint64_t next_row;

static int setup(void **unused)
{
    folder = sample_folder();
    return asprintf(&path, "%s/s.duckdb", folder) < 0;
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

static struct weir_store *open_store(void)
{
    struct weir_store_config config = {.path = path, .sensor = "s", .command = "c"};
    struct weir_store *store = NULL;
    struct weir_error error = {0};
    if (weir_store_open(&config, &store, &error) != WEIR_OK)
        fail_msg("%s", error.text);
    return store;
}

static void append(struct weir_store *store, unsigned rows, bool commit)
{
    struct weir_error error = {0};
    sample_batch(&verdicts, &batch, rows, &next_row);
    if (weir_store_append(store, &verdicts, &error) != WEIR_OK || (commit && weir_store_commit(store, NULL, &error) != WEIR_OK))
        fail_msg("%s", error.text);
}

/* One number, or the error's code. */
static int64_t ask(struct weir_store *store, const char *sql, int64_t timeout_ns, uint64_t memory, struct weir_error *error)
{
    struct weir_sql *session;
    struct weir_answer *rows = NULL;
    weir_err code = weir_sql_attach(store, memory, &session, error);
    if (code != WEIR_OK)
        return code;
    int64_t result = code = weir_sql_run(session, sql, 10, timeout_ns, &rows, error);
    const struct weir_cell *cell = code == WEIR_OK ? weir_answer_next(rows) : NULL;
    if (cell)
        result = strtoll(cell->text ? cell->text : "-99", NULL, 10);
    weir_answer_free(&rows);
    weir_sql_close(&session);
    return result;
}

static const int64_t minute = 60000000000;

static void a_query_sees_what_is_committed(void **unused)
{
    struct weir_store *store = open_store();
    struct weir_error error = {0};
    static const char count[] = "SELECT count(*) FROM verdicts";
    assert_int_equal(ask(store, count, minute, WEIR_SQL_MEMORY, &error), 0);
    append(store, 300, true);
    assert_int_equal(ask(store, count, minute, WEIR_SQL_MEMORY, &error), 300);
    append(store, 100, false);
    assert_int_equal(ask(store, count, minute, WEIR_SQL_MEMORY, &error), 300);
    assert_int_equal(ask(store, "SELECT count(DISTINCT class) FROM store.verdicts", minute, WEIR_SQL_MEMORY, &error), 3);
    assert_int_equal(weir_store_commit(store, NULL, &error), WEIR_OK);
    assert_int_equal(ask(store, count, minute, WEIR_SQL_MEMORY, &error), 400);
    assert_int_equal(ask(store, "SELECT count(*) FROM (DESCRIBE verdicts)", minute, WEIR_SQL_MEMORY, &error), 23);
    /* a query has memory of its own, beside the writer's, and gives it back */
    static const char limit[] = "SELECT (current_setting('memory_limit') = '448.0 MiB')::INT",
                      more[] = "SELECT count(*) FROM (SELECT DISTINCT range FROM range(3000000))";
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(ask(store, limit, minute, WEIR_SQL_MEMORY, &error), 1);
    assert_int_equal(ask(store, more, minute, WEIR_SQL_MEMORY, &error), 3000000);
    assert_int_equal(weir_store_finish(store, "{}", &error), WEIR_OK);
    weir_store_close(&store);
}

static void a_query_only_reads(void **unused)
{
    static const char *const refused[] = {
        "SELECT * FROM checkpoint('store')",
        "SELECT * FROM force_checkpoint('store')",
        "FROM \"force_checkpoint\"/**/('store')",
        "SELECT * FROM enable_logging()",
        "SELECT * FROM query('FROM enable' || '_logging()')",
        "SELECT 1 WHERE EXISTS (FROM truncate_duckdb_logs())",
        "SELECT sleep_ms(60000)",
        "EXPLAIN ANALYZE SELECT * FROM checkpoint('store')",
        "SELECT * FROM read_csv('/etc/passwd')",
        "SELECT * FROM glob('/*')",
        "SELECT * FROM 'eve.json'",
        "SELECT * FROM eve.json",
        "SELECT * FROM duckdb_logs()",
        "ATTACH '/tmp/other.duckdb'",
        "COPY (SELECT 1) TO '/tmp/weir-out'",
        "SET memory_limit = '100GB'",
        "SET threads = 4",
        "DELETE FROM verdict_rows",
        "DROP VIEW verdicts",
        "CHECKPOINT",
        "COMMIT",
        "ROLLBACK",
        "CREATE TEMP TABLE t AS SELECT 1",
        "USE memory",
    };
    struct weir_store *store = open_store();
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        struct weir_error error = {0};
        append(store, 7, false); /* a transaction is open */
        int64_t result = ask(store, refused[i], 1000000000, WEIR_SQL_MEMORY, &error);
        if (result >= 0)
            fail_msg("%s gave %lld", refused[i], (long long)result);
        assert_true(result == WEIR_ERR_ARGUMENT || result == WEIR_ERR_LIBRARY);
        assert_true(error.text[0]);
    }
    append(store, 7, true);
    assert_int_equal(ask(store, "SELECT count(*) FROM verdicts WHERE run = (SELECT max(run) FROM runs WHERE ended IS NULL)",
                         minute, WEIR_SQL_MEMORY, NULL),
                     7 * (int64_t)(sizeof refused / sizeof *refused + 1));
    assert_int_equal(ask(store, "SELECT 'sleep_ms is a text, CHECKPOINT too'", minute, WEIR_SQL_MEMORY, NULL), 0);
    weir_store_close(&store);
}

/* DuckDB lets every connection read the bytes of what it has attached, and what may be attached later. */
static void own_files_are_no_tables(void **unused)
{
    static const char *const readers[] = {
        "SELECT * FROM read_blob('%s')",     "SELECT * FROM read_text('%s.wal')", "SELECT * FROM read_csv('%s')",
        "SELECT * FROM glob('%s*')",         "SELECT * FROM sniff_csv('%s')",     "SELECT * FROM read_json('%s')",
        "SELECT * FROM read_parquet('%s')",  "SELECT * FROM read_duckdb('%s')",   "SELECT * FROM '%s'",
        "EXPLAIN SELECT * FROM glob('%s')",  "DESCRIBE FROM read_csv('%s')",      "FROM (SELECT (FROM read_text('%s')))",
        "SELECT * FROM query_table(['%s'])",
    };
    struct weir_store *store = open_store();
    append(store, 7, true);
    for (size_t i = 0; i < sizeof readers / sizeof *readers; i++) {
        struct weir_error error = {0};
        char sql[400];
        snprintf(sql, sizeof sql, readers[i], path);
        assert_int_equal(ask(store, sql, minute, WEIR_SQL_MEMORY, &error), WEIR_ERR_ARGUMENT);
        assert_true(strstr(error.text, "not for queries") || strstr(error.text, "could be a file"));
    }
    weir_store_close(&store);
}

struct reader {
    struct weir_store *store;
    const char *sql;
    int64_t timeout_ns, result, took_ns;
    uint64_t memory;
    struct weir_error error;
    atomic_bool done;
};

static void *read_on(void *argument)
{
    struct reader *reader = argument;
    int64_t start = weir_clock_mono_ns();
    reader->result = ask(reader->store, reader->sql, reader->timeout_ns, reader->memory, &reader->error);
    reader->took_ns = weir_clock_mono_ns() - start;
    atomic_store(&reader->done, true);
    return NULL;
}

/* Runs the query in a thread while rows are committed; how many commits there were. */
static unsigned beside(struct reader *reader)
{
    pthread_t thread;
    unsigned commits = 0;
    assert_int_equal(pthread_create(&thread, NULL, read_on, reader), 0);
    while (!atomic_load(&reader->done)) {
        append(reader->store, 50, true);
        commits++;
    }
    pthread_join(thread, NULL);
    return commits;
}

static void a_slow_query_does_not_stall_the_writer(void **unused)
{
    static const char slow[] = "SELECT count(*) FROM range(1000000000) a, range(10000) b WHERE (a.range * b.range) % 7 = 1";
    struct reader reader = {.store = open_store(), .sql = slow, .timeout_ns = 500000000, .memory = WEIR_SQL_MEMORY};
    unsigned commits = beside(&reader);
    assert_int_equal(reader.result, WEIR_ERR_LIMIT);
    assert_non_null(strstr(reader.error.text, "0.5 s"));
    assert_true(commits >= 2); /* a writer that waits would commit once */
    assert_true(reader.took_ns >= 500000000 && reader.took_ns < 20000000000);
    weir_store_close(&reader.store);
}

static void memory_has_a_bound(void **unused)
{
    struct reader reader = {.store = open_store(),
                            .sql = "SELECT count(*) FROM (SELECT range, count(*) FROM range(100000000) GROUP BY range)",
                            .timeout_ns = minute,
                            .memory = 32 << 20};
    beside(&reader);
    assert_int_equal(reader.result, WEIR_ERR_LIMIT);
    assert_non_null(strstr(reader.error.text, "32 MiB"));
    assert_int_equal(ask(reader.store, "SELECT 5", minute, 32 << 20, NULL), 5);
    weir_store_close(&reader.store);
}

static void *cancel(void *session)
{
    nanosleep(&(struct timespec){.tv_nsec = 50000000}, NULL);
    weir_sql_cancel(session);
    return NULL;
}

static void a_query_can_be_broken_off(void **unused)
{
    struct weir_store *store = open_store();
    struct weir_sql *session;
    struct weir_answer *rows = NULL;
    struct weir_error error = {0};
    pthread_t thread;
    assert_int_equal(weir_sql_attach(store, WEIR_SQL_MEMORY, &session, &error), WEIR_OK);
    assert_int_equal(pthread_create(&thread, NULL, cancel, session), 0);
    assert_int_equal(weir_sql_run(session,
                                  "SELECT count(*) FROM range(1000000000) a, range(10000) b WHERE (a.range * b.range) % 7 = 1", 0,
                                  minute, &rows, &error),
                     WEIR_ERR_CLOSED);
    pthread_join(thread, NULL);
    assert_int_equal(weir_sql_run(session, "SELECT 1", 0, minute, &rows, &error), WEIR_ERR_CLOSED);
    weir_sql_close(&session);
    append(store, 5, true);
    assert_int_equal(weir_store_finish(store, "{}", &error), WEIR_OK);
    weir_store_close(&store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_query_sees_what_is_committed),
                                       cmocka_unit_test(a_query_only_reads),
                                       cmocka_unit_test(own_files_are_no_tables),
                                       cmocka_unit_test(a_slow_query_does_not_stall_the_writer),
                                       cmocka_unit_test(memory_has_a_bound),
                                       cmocka_unit_test(a_query_can_be_broken_off)};
    return cmocka_run_group_tests(tests, setup, teardown);
}
