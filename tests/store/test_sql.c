/* The query: answers of every type, and no way out of the store. */
#include <setjmp.h>
#include <sys/stat.h>

#include "data/duck.h"
#include "samples.h"

#include <cmocka.h>

static char *folder, *path;

static int setup(void **unused)
{
    static struct weir_verdicts verdicts;
    static struct weir_batch batch;
    struct weir_store *store;
    uint64_t next = 0;
    folder = sample_folder();
    if (asprintf(&path, "%s/s.duckdb", folder) < 0)
        return 1;
    struct weir_store_config config = {.path = path, .sensor = "s", .command = "c"};
    if (weir_store_open(&config, &store, NULL) != WEIR_OK)
        return 1;
    for (unsigned i = 0; i < 20; i++) {
        sample_batch(&verdicts, &batch, 500, &next);
        if (weir_store_append(store, &verdicts, NULL) != WEIR_OK)
            return 1;
    }
    if (weir_store_finish(store, "{}", NULL) != WEIR_OK)
        return 1;
    weir_store_close(&store);
    return 0;
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

static void expect(const char *sql, const char *want)
{
    struct weir_error error;
    char *got = sample_query(path, sql, &error);
    if (!got)
        fail_msg("%s: %s", sql, error.text);
    assert_string_equal(got, want);
    free(got);
}

static void test_types(void **unused)
{
    expect("SELECT 1, -5::TINYINT, 170141183460469231731687303715884105727, 0.5, 1e300, 'nan'::DOUBLE, true, NULL, 'x'",
           "1,-5,170141183460469231731687303715884105727,0.5,1e+300,nan,true,NULL,x\n");
    expect("SELECT [1, NULL], {'a': 'b\"'}, MAP {'k': 1}, '\\x01'::BLOB, DATE '2024-02-29', INTERVAL 90 SECOND",
           "[1,null],{\"a\":\"b\\\"\"},{\"k\":1},\\x01,2024-02-29,00:01:30\n");
    expect("SELECT 1 AS a, 2 AS a", "1,2\n");
    expect("SELECT 7 -- a comment", "7\n");
    expect("  WITH t AS (SELECT 3 AS x) FROM t ; \n", "3\n");
    expect("SELECT * FROM (VALUES (3), (1), (2)) v(x) ORDER BY x DESC", "3\n2\n1\n");
    expect("SELECT seq * 1000 + \"row\" FROM verdicts ORDER BY score DESC, seq LIMIT 0", "");
}

/* The order is the query's own although it is wrapped. */
static void test_order(void **unused)
{
    struct weir_error error;
    char *got = sample_query(path, "SELECT score FROM verdicts ORDER BY score", &error);
    assert_non_null(got);
    unsigned rows = 0;
    double last = -1;
    for (char *line = strtok(got, "\n"); line; line = strtok(NULL, "\n"), rows++) {
        double score = strtod(line, NULL);
        assert_true(score >= last);
        last = score;
    }
    assert_int_equal(rows, 10000);
    free(got);
}

static void test_limit(void **unused)
{
    struct weir_sql *session;
    struct weir_answer *rows;
    assert_int_equal(weir_sql_open(path, 256 << 20, &session, NULL), WEIR_OK);
    static const struct {
        uint64_t limit, rows;
        bool cut;
    } cases[] = {{1, 1, true}, {9999, 9999, true}, {10000, 10000, false}, {10001, 10000, false}, {0, 10000, false}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(weir_sql_run(session, "SELECT * FROM verdicts", cases[i].limit, 60000000000, &rows, NULL), WEIR_OK);
        uint64_t n = 0;
        while (weir_answer_next(rows))
            n++;
        assert_int_equal(n, cases[i].rows);
        assert_int_equal(weir_answer_cut(rows), cases[i].cut);
        weir_answer_free(&rows);
    }
    weir_sql_close(&session);
}

static void expect_refused(weir_err code, const char *sql, const char *what)
{
    struct weir_error error;
    char *got = sample_query(path, sql, &error);
    if (got)
        fail_msg("%s gave %s", sql, got);
    assert_int_equal(error.code, code);
    if (!strstr(error.text, what))
        fail_msg("%s: \"%s\" does not say \"%s\"", sql, error.text, what);
}

static void test_locked_in(void **unused)
{
    char sql[600], out[300];
    snprintf(out, sizeof out, "%s/out", folder);
    FILE *secret = fopen(out, "w");
    fputs("a\nb\n", secret);
    fclose(secret);
    static const char *const readers[] = {"SELECT * FROM read_csv('%s')",
                                          "SELECT * FROM read_text('%s')",
                                          "SELECT * FROM '%s.csv'",
                                          "SELECT * FROM read_blob('%s')",
                                          "SELECT * FROM glob('%s*')",
                                          "SELECT * FROM read_parquet('%s')",
                                          "SELECT * FROM read_json('%s')",
                                          "SELECT * FROM read_duckdb('%s')",
                                          "EXPLAIN ANALYZE SELECT * FROM read_csv('%s')",
                                          "SELECT * FROM sniff_csv('%s')",
                                          "SELECT * FROM parquet_metadata('%s')",
                                          "SELECT * FROM query('FROM read_text(''%s'')')",
                                          "SELECT * FROM query_table('%s')",
                                          "SELECT * FROM \"READ_text\"/**/('%s')",
                                          "SELECT * FROM system.main.read_text('%s')",
                                          "WITH a AS (SELECT 1), b AS (SELECT content FROM read_text('%s')) SELECT * FROM a",
                                          "SELECT (SELECT content FROM read_text('%s'))",
                                          "SELECT 1 ORDER BY (SELECT count(*) FROM glob('%s'))",
                                          "SELECT count(*) FROM range(3) r WHERE EXISTS (FROM read_text('%s'))",
                                          "FROM verdicts, LATERAL (FROM read_text('%s'))",
                                          "SELECT 1 UNION ALL SELECT 2 FROM read_blob('%s')",
                                          "DESCRIBE SELECT * FROM read_csv('%s')",
                                          "SUMMARIZE '%s.csv'",
                                          "SHOW '%s.json'",
                                          "UNPIVOT (FROM glob('%s')) ON file INTO NAME n VALUE v"};
    const char *const places[] = {out, path}; /* the attached file is one that DuckDB itself would let through */
    for (size_t i = 0; i < 2 * (sizeof readers / sizeof *readers); i++) {
        snprintf(sql, sizeof sql, readers[i / 2], places[i % 2]);
        expect_refused(WEIR_ERR_ARGUMENT, sql, "query: ");
    }
    expect_refused(WEIR_ERR_ARGUMENT, "FROM data.csv", "could be a file");
    expect_refused(WEIR_ERR_LIBRARY, "EXPLAIN (FORMAT json /* ) SELECT 1 -- */) SELECT * FROM read_csv('x')", "syntax error");
    expect_refused(WEIR_ERR_ARGUMENT, "SELECT * FROM arrow_scan(1, 2, 3)", "arrow_scan() is not for queries");
    char made[300];
    snprintf(made, sizeof made, "%s/made", folder);
    static const char *const others[] = {"COPY (SELECT 1) TO '%s'",
                                         "ATTACH '%s' AS other",
                                         "EXPORT DATABASE '%s'",
                                         "INSTALL httpfs",
                                         "LOAD '%s'",
                                         "SET enable_external_access = true",
                                         "SET lock_configuration = false",
                                         "RESET enable_external_access",
                                         "PRAGMA enable_profiling='json'",
                                         "CREATE TABLE t(x INTEGER)",
                                         "DELETE FROM verdict_rows",
                                         "DROP VIEW verdicts",
                                         "INSERT INTO runs(boot) VALUES (1)",
                                         "CHECKPOINT",
                                         "BEGIN TRANSACTION",
                                         "CALL pragma_version()",
                                         "CREATE TEMP TABLE t AS SELECT 1",
                                         "SET VARIABLE x = 1",
                                         "VACUUM",
                                         "USE memory",
                                         "DETACH s",
                                         "EXPLAIN ANALYZE DELETE FROM verdict_rows"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        struct weir_error error;
        snprintf(sql, sizeof sql, others[i], made);
        char *got = sample_query(path, sql, &error);
        if (got)
            fail_msg("%s gave %s", sql, got);
        assert_int_not_equal(access(made, F_OK), 0);
    }
    expect_refused(WEIR_ERR_ARGUMENT, "SELECT 1; SELECT 2", "one SQL statement");
    expect_refused(WEIR_ERR_ARGUMENT, "", "one SQL statement");
    expect_refused(WEIR_ERR_ARGUMENT, "DELETE FROM verdict_rows", "only read");
    expect_refused(WEIR_ERR_LIBRARY, "SELECT * FROM nowhere", "nowhere");
    expect_refused(WEIR_ERR_LIBRARY, "SELECT 1) AS q(x) UNION (SELECT 2", "syntax error");
    expect("SELECT count(*) FROM verdicts", "10000\n");
}

/* What a file's own views and macros hide from the guard meets a session that cannot open anything. */
static void test_hostile_file(void **unused)
{
    char copy[400], sql[1600];
    struct weir_duck *duck;
    snprintf(copy, sizeof copy, "%s/hostile.duckdb", folder);
    struct weir_duck_config config = {.path = copy};
    assert_int_equal(weir_duck_open(&config, &duck, NULL), WEIR_OK);
    snprintf(sql, sizeof sql,
             "CREATE VIEW own AS SELECT * FROM read_blob('%s'); CREATE VIEW other AS SELECT * FROM read_text('%s');"
             "CREATE MACRO range(n) AS TABLE SELECT * FROM glob('/*');"
             "CREATE MACRO json_serialize_sql(x) AS '{\"error\":false,\"statements\":[{}]}'",
             copy, path);
    assert_int_equal(weir_duck_run(duck, sql, NULL), WEIR_OK);
    weir_duck_close(&duck);
    static const char *const asked[] = {"FROM own", "FROM other", "FROM range(1)", "SELECT * FROM read_blob('/etc/passwd')"};
    for (size_t i = 0; i < sizeof asked / sizeof *asked; i++) {
        struct weir_error error;
        char *got = sample_query(copy, asked[i], &error);
        if (got)
            fail_msg("%s gave %s", asked[i], got);
        assert_non_null(strstr(error.text, i < 3 ? "disabled by configuration" : "not for queries"));
    }
}

static void test_bounds(void **unused)
{
    struct weir_sql *session;
    struct weir_answer *rows;
    struct weir_error error = {0};
    assert_int_equal(weir_sql_open(path, 64 << 20, &session, NULL), WEIR_OK);
    assert_int_equal(weir_sql_run(session, "SELECT max(a.range + b.range) FROM range(1000000000) a, range(10000) b", 0, 50000000,
                                  &rows, &error),
                     WEIR_ERR_LIMIT);
    assert_non_null(strstr(error.text, "--timeout"));
    assert_int_equal(weir_sql_run(session, "SELECT list(range) FROM range(1000000000)", 0, 60000000000, &rows, &error),
                     WEIR_ERR_LIMIT);
    assert_non_null(strstr(error.text, "--memory"));
    assert_int_equal(weir_sql_run(session, "SELECT 1", 0, 60000000000, &rows, &error), WEIR_OK); /* and goes on */
    weir_answer_free(&rows);
    weir_sql_close(&session);
}

static void test_missing(void **unused)
{
    struct weir_sql *session;
    struct weir_error error = {0};
    char nowhere[300];
    snprintf(nowhere, sizeof nowhere, "%s/nowhere.duckdb", folder);
    assert_int_equal(weir_sql_open(nowhere, 64 << 20, &session, &error), WEIR_ERR_NOT_FOUND);
    assert_non_null(strstr(error.text, "weir run"));
    assert_int_not_equal(access(nowhere, F_OK), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_types),     cmocka_unit_test(test_order),        cmocka_unit_test(test_limit),
        cmocka_unit_test(test_locked_in), cmocka_unit_test(test_hostile_file), cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_missing),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
