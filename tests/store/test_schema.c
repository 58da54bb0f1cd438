/* Older schema versions go through their migrations or are refused with words. The versions are made up: a store as this weir
 * writes it, with a plan that calls the present version old. */
#include <setjmp.h>

#include "samples.h"

#include <cmocka.h>

#include "base/log.h"
#include "data/duck.h"
#include "store/schema.h"

static const struct weir_migration steps[] = {
    {WEIR_STORE_SCHEMA + 1, "UPDATE runs SET site = 'at ' || sensor"},
    {WEIR_STORE_SCHEMA, "ALTER TABLE runs ADD COLUMN site VARCHAR"},
};

static int setup(void **state)
{
    struct weir_duck *duck = NULL;
    struct weir_duck_config config = {0};
    struct weir_error error;
    if (weir_duck_open(&config, &duck, &error) != WEIR_OK || weir_schema_prepare(duck, &error) != WEIR_OK ||
        weir_duck_run(duck, "INSERT INTO runs(sensor, boot) VALUES ('a', 0), ('b', 1)", &error) != WEIR_OK) {
        print_error("%s\n", error.text);
        return 1;
    }
    *state = duck;
    return 0;
}

static int teardown(void **state)
{
    struct weir_duck *duck = *state;
    weir_duck_close(&duck);
    return 0;
}

static void expect(struct weir_duck *duck, const char *sql, const char *want)
{
    duckdb_result result;
    struct weir_error error;
    if (weir_duck_query(duck, sql, &result, &error) != WEIR_OK)
        fail_msg("%s", error.text);
    char *text = duckdb_value_varchar(&result, 0, 0);
    assert_string_equal(text, want);
    duckdb_free(text);
    duckdb_destroy_result(&result);
}

static weir_err prepare(struct weir_duck *duck, int version, const struct weir_migration *step, size_t count,
                        struct weir_error *error)
{
    const struct weir_migrations plan = {version, step, count};
    assert_int_equal(weir_duck_run(duck, "BEGIN", NULL), WEIR_OK);
    weir_err code = weir_schema_prepare_with(duck, &plan, error);
    assert_int_equal(weir_duck_run(duck, code == WEIR_OK ? "COMMIT" : "ROLLBACK", NULL), WEIR_OK);
    return code;
}

static void an_older_store_is_brought_up(void **state)
{
    struct weir_duck *duck = *state;
    struct weir_error error = {0};
    if (prepare(duck, WEIR_STORE_SCHEMA + 2, steps, 2, &error) != WEIR_OK)
        fail_msg("%s", error.text);
    expect(duck, "SELECT string_agg(site, ',' ORDER BY boot) FROM runs", "at a,at b");
    expect(duck, "SELECT value FROM meta WHERE key = 'schema'", "5");
    expect(duck, "SELECT count(*) FROM verdicts", "0");
    /* once is enough: a second time neither step is run */
    assert_int_equal(prepare(duck, WEIR_STORE_SCHEMA + 2, steps, 2, &error), WEIR_OK);
    /* and this weir refuses what a newer one has made */
    assert_int_equal(weir_schema_prepare(duck, &error), WEIR_ERR_MISMATCH);
    assert_non_null(strstr(error.text, "newer"));
}

/* As the first weir wrote it: without outages and marks. */
static void version_1_is_brought_up(void **state)
{
    struct weir_duck *duck = *state;
    struct weir_error error = {0};
    assert_int_equal(weir_duck_run(duck,
                                   "DROP TABLE outages; DROP TABLE marks; ALTER TABLE runs DROP COLUMN sensor_id; UPDATE meta "
                                   "SET value = '1' WHERE key = 'schema'",
                                   NULL),
                     WEIR_OK);
    if (weir_schema_prepare(duck, &error) != WEIR_OK)
        fail_msg("%s", error.text);
    expect(duck, "SELECT count(*) FROM outages", "0");
    expect(duck, "SELECT string_agg(column_name, ',') FROM duckdb_columns() WHERE table_name = 'outages'",
           "what,reason,began,ended,withheld,run,sensor,boot,detail");
    expect(duck, "SELECT string_agg(column_name, ',') FROM duckdb_columns() WHERE table_name = 'marks'",
           "mark,sensor,boot,lane,next,above,changed,closed");
    expect(duck, "SELECT count(*) FROM runs WHERE sensor_id IS NULL", "2");
    expect(duck, "SELECT value FROM meta WHERE key = 'schema'", "3");
}

static void without_a_step_it_is_refused(void **state)
{
    struct weir_duck *duck = *state;
    struct weir_error error = {0};
    assert_int_equal(prepare(duck, WEIR_STORE_SCHEMA + 2, steps, 1, &error), WEIR_ERR_MISMATCH);
    assert_non_null(strstr(error.text, "too old"));
    assert_int_equal(weir_schema_prepare(duck, NULL), WEIR_OK);
}

static void a_step_that_fails_changes_nothing(void **state)
{
    static const struct weir_migration bad[] = {{WEIR_STORE_SCHEMA, "ALTER TABLE runs ADD COLUMN site VARCHAR"},
                                                {WEIR_STORE_SCHEMA + 1, "UPDATE runs SET nothing = 1"}};
    struct weir_duck *duck = *state;
    struct weir_error error = {0};
    assert_int_not_equal(prepare(duck, WEIR_STORE_SCHEMA + 2, bad, 2, &error), WEIR_OK);
    assert_non_null(strstr(error.text, "cannot be brought from schema version 4 to 5"));
    expect(duck, "SELECT count(*) FROM duckdb_columns() WHERE table_name = 'runs' AND column_name = 'site'", "0");
    assert_int_equal(weir_schema_prepare(duck, NULL), WEIR_OK);
}

static void nonsense_is_refused(void **state)
{
    struct weir_duck *duck = *state;
    struct weir_error error = {0};
    assert_int_equal(weir_duck_run(duck, "UPDATE meta SET value = '1x' WHERE key = 'schema'", NULL), WEIR_OK);
    assert_int_equal(weir_schema_prepare(duck, &error), WEIR_ERR_MISMATCH);
    assert_non_null(strstr(error.text, "'1x'"));
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {TEST(an_older_store_is_brought_up), TEST(version_1_is_brought_up),
                                       TEST(without_a_step_it_is_refused), TEST(a_step_that_fails_changes_nothing),
                                       TEST(nonsense_is_refused)};
    weir_log_set_level(WEIR_LOG_ERROR);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
