/* A store in a folder: days and sizes make files, all of them are asked as one, old ones go. The clock is the test's. */
#include <inttypes.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdatomic.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "samples.h"

#include <cmocka.h>

#include "base/log.h"
#include "data/duck.h"
#include "store/folder.h"

static const int64_t nov_22 = 20779 * WEIR_DAY_NS; /* 2026-11-22 */
static int64_t now_ns;
static char *parent, *folder;
static struct weir_verdicts verdicts;
static struct weir_batch batch;
static uint64_t next_row;

static int64_t fake_now(void)
{
    return now_ns;
}

static int setup(void **unused)
{
    parent = sample_folder();
    now_ns = nov_22 + WEIR_DAY_NS / 2;
    next_row = 0;
    memset(&batch, 0, sizeof batch);
    return asprintf(&folder, "%s/it's/", parent) < 0;
}

static int teardown(void **unused)
{
    char command[300];
    snprintf(command, sizeof command, "rm -rf '%s'", parent);
    int status = system(command);
    free(folder);
    free(parent);
    return status;
}

static struct weir_store *open_with(struct weir_store_config config)
{
    struct weir_store *store = NULL;
    struct weir_error error = {0};
    config.path = folder;
    config.sensor = "s";
    config.command = "c";
    config.wall_ns = fake_now;
    if (weir_store_open(&config, &store, &error) != WEIR_OK)
        fail_msg("%s", error.text);
    return store;
}

static struct weir_store *open_store(uint64_t rotate_bytes, struct weir_retention retention)
{
    return open_with((struct weir_store_config){.rotate_bytes = rotate_bytes, .retention = retention});
}

/* Appends and commits, then lets the store rotate if it is due. */
static bool write_rows(struct weir_store *store, unsigned rows)
{
    struct weir_error error = {0};
    bool rotated = false;
    for (; rows; rows -= rows < 500 ? rows : 500) {
        sample_batch(&verdicts, &batch, rows < 500 ? rows : 500, &next_row);
        if (weir_store_append(store, &verdicts, &error) != WEIR_OK)
            fail_msg("%s", error.text);
    }
    if (weir_store_commit(store, NULL, &error) != WEIR_OK || weir_store_rotate(store, &rotated, &error) != WEIR_OK)
        fail_msg("%s", error.text);
    return rotated;
}

static void finish(struct weir_store *store)
{
    struct weir_error error = {0};
    if (weir_store_finish(store, "{\"closing\":1}", &error) != WEIR_OK)
        fail_msg("%s", error.text);
    weir_store_close(&store);
}

static void expect_in(const char *path, const char *sql, const char *want)
{
    struct weir_error error;
    char *text = sample_query(path, sql, &error);
    if (!text)
        fail_msg("%s: %s", sql, error.text);
    assert_string_equal(text, want);
    free(text);
}

static void expect(const char *sql, const char *want)
{
    expect_in(folder, sql, want);
}

static void expect_files(const char *want)
{
    static char text[1024];
    struct weir_folder_list list;
    text[0] = 0;
    assert_int_equal(weir_folder_list(folder, &list, NULL), WEIR_OK);
    for (size_t i = 0; i < list.count; i++)
        snprintf(text + strlen(text), sizeof text - strlen(text), "%s%.*s", i ? " " : "", (int)strlen(list.file[i].name) - 12,
                 list.file[i].name + 5);
    weir_folder_list_fini(&list);
    assert_string_equal(text, want);
}

static void a_day_is_a_file(void **unused)
{
    struct weir_store *store = open_store(0, (struct weir_retention){0});
    assert_string_equal(strrchr(weir_store_path(store), '/'), "/weir-2026-11-22.duckdb");
    assert_false(write_rows(store, 1000));
    now_ns = nov_22 + WEIR_DAY_NS - 1;
    assert_false(write_rows(store, 10));
    now_ns++;
    assert_true(write_rows(store, 5)); /* what was committed before midnight's rotation is the old day's */
    assert_false(write_rows(store, 200));
    now_ns -= WEIR_DAY_NS; /* a clock that is set back */
    assert_false(write_rows(store, 3));
    now_ns += 3 * WEIR_DAY_NS;
    assert_true(write_rows(store, 0)); /* days without anything make no files */
    write_rows(store, 7);
    finish(store);
    expect_files("2026-11-22 2026-11-23 2026-11-25");
    expect("SELECT count(*), count(DISTINCT (flow_id, record)), count(DISTINCT run), count(DISTINCT model) FROM verdicts",
           "1225,1225,1,1\n");
    /* one run, a row in each file; the last has the account */
    expect("SELECT count(*), count(DISTINCT run), count(ended), string_agg(account, ''), min(boot), max(boot) FROM runs",
           "3,1,3,{\"closing\":1},0,0\n");
    expect("SELECT started FROM runs ORDER BY ALL", "2026-11-22 12:00:00\n2026-11-23 00:00:00\n2026-11-25 00:00:00\n");
    char *day = weir_folder_path(folder, "weir-2026-11-23.duckdb");
    expect_in(day, "SELECT count(*) FROM verdicts", "203\n");
    free(day);
    /* what alerts say of themselves is whole in every file */
    expect("SELECT count(*) FROM verdicts WHERE alert AND (flow_id, record) NOT IN (SELECT (flow_id, record) FROM reasons)",
           "0\n");
    expect("SELECT count(DISTINCT column_name) FROM reasons", "3\n");
}

static void a_restart_goes_on(void **unused)
{
    for (unsigned run = 0; run < 3; run++) {
        struct weir_store *store = open_store(0, (struct weir_retention){0});
        assert_int_equal(weir_store_boot(store), run);
        write_rows(store, 10);
        if (run == 1) /* killed */
            weir_store_close(&store);
        else
            finish(store);
        now_ns += run * WEIR_DAY_NS;
    }
    expect_files("2026-11-22 2026-11-23");
    expect("SELECT boot, ended IS NULL FROM runs ORDER BY boot", "0,false\n1,true\n2,false\n");
    expect("SELECT count(*), count(DISTINCT run) FROM verdicts", "30,3\n");
}

static void a_large_file_is_followed(void **unused)
{
    enum { BYTES = 1000000 };
    struct weir_store *store = open_store(BYTES, (struct weir_retention){0});
    unsigned files = 1;
    for (unsigned i = 0; i < 20; i++)
        files += write_rows(store, 4000);
    finish(store);
    assert_in_range(files, 3, 20);
    struct weir_folder_list list;
    assert_int_equal(weir_folder_list(folder, &list, NULL), WEIR_OK);
    assert_int_equal(list.count, files);
    assert_int_equal(list.file[files - 1].number, files);
    weir_folder_list_fini(&list);
    expect("SELECT count(*), count(DISTINCT (flow_id, record)) FROM verdicts", "80000,80000\n");
    /* and a restart begins behind the last one when that is large */
    store = open_store(1, (struct weir_retention){0});
    finish(store);
    assert_int_equal(weir_folder_list(folder, &list, NULL), WEIR_OK);
    assert_int_equal(list.count, files + 1);
    weir_folder_list_fini(&list);
}

static void old_files_are_removed_at_the_rotation_and_at_the_start(void **unused)
{
    struct weir_store *store = open_store(0, (struct weir_retention){.days = 2});
    for (unsigned day = 0; day < 6; day++) {
        write_rows(store, 100);
        now_ns += WEIR_DAY_NS;
    }
    assert_true(write_rows(store, 0));
    /* on the 28th at noon: two whole days, and the day that they began in */
    expect_files("2026-11-26 2026-11-27 2026-11-28");
    assert_int_equal(weir_store_removed(store).files, 4);
    assert_true(weir_store_removed(store).bytes > 100000);
    finish(store);
    now_ns += 30 * WEIR_DAY_NS;
    store = open_store(0, (struct weir_retention){.bytes = 1});
    assert_int_equal(weir_store_removed(store).files, 3);
    expect_files("2026-12-28");
    finish(store);
}

/* In a process of its own: the code of an attempt to write, or to read. */
static weir_err other(bool to_write)
{
    int status;
    pid_t child = fork();
    if (child == 0) {
        struct weir_store_config config = {.path = folder, .sensor = "s", .command = "c", .wall_ns = fake_now};
        struct weir_store *store = NULL;
        struct weir_sql *sql = NULL;
        weir_log_set_level(WEIR_LOG_ERROR);
        _exit(-(to_write ? weir_store_open(&config, &store, NULL) : weir_sql_open(folder, 64 << 20, &sql, NULL)));
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    return -WEXITSTATUS(status);
}

/* First of all: DuckDB has no threads yet when it forks. */
static void one_writes_and_others_are_told(void **unused)
{
    int from[2], to[2];
    char byte = 0;
    assert_int_equal(pipe(from) | pipe(to), 0);
    pid_t child = fork();
    if (child == 0) {
        struct weir_store *store = open_store(0, (struct weir_retention){0});
        for (;;) {
            write_rows(store, 10);
            if (write(from[1], &byte, 1) != 1 || read(to[0], &byte, 1) != 1)
                _exit(1);
            now_ns += WEIR_DAY_NS;
        }
    }
    assert_int_equal(read(from[0], &byte, 1), 1);
    assert_int_equal(other(true), WEIR_ERR_BUSY);
    assert_int_equal(other(false), WEIR_ERR_BUSY); /* the only file */
    assert_int_equal(write(to[1], &byte, 1), 1);
    assert_int_equal(read(from[0], &byte, 1), 1);
    assert_int_equal(write(to[1], &byte, 1), 1);
    assert_int_equal(read(from[0], &byte, 1), 1);
    expect_files("2026-11-22 2026-11-23 2026-11-24");
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    expect("SELECT count(*) FROM verdicts", "30\n"); /* also out of the log that was left behind */
    for (unsigned i = 0; i < 2; i++) {
        close(from[i]);
        close(to[i]);
    }
}

static int64_t answer_of(struct weir_sql *session, const char *sql)
{
    struct weir_answer *rows = NULL;
    struct weir_error error = {0};
    if (weir_sql_run(session, sql, 10, (int64_t)10000000000, &rows, &error) != WEIR_OK)
        fail_msg("%s", error.text);
    int64_t result = strtoll(weir_answer_next(rows)->text, NULL, 10);
    weir_answer_free(&rows);
    return result;
}

static int64_t ask(struct weir_store *store, const char *sql)
{
    struct weir_sql *session;
    struct weir_error error = {0};
    if (weir_sql_attach(store, WEIR_SQL_MEMORY, &session, &error) != WEIR_OK)
        fail_msg("%s", error.text);
    int64_t result = answer_of(session, sql);
    weir_sql_close(&session);
    return result;
}

static void queries_beside_the_writer_see_all_files(void **unused)
{
    struct weir_store *store = open_store(0, (struct weir_retention){.days = 1});
    for (unsigned day = 0; day < 5; day++) {
        write_rows(store, 100); /* into the day before's file, the first of which is removed on the third day */
        assert_int_equal(ask(store, "SELECT count(*) FROM verdicts"), day == 1 ? 200 : 100);
        assert_int_equal(ask(store, "SELECT count(DISTINCT run) FROM runs"), 1);
        now_ns += WEIR_DAY_NS;
    }
    finish(store);
}

/* What is asked of a session is answered by the files that were there when it began, wherever the writer has gone since. */
static void a_query_keeps_its_files(void **unused)
{
    struct weir_store *store = open_store(0, (struct weir_retention){0});
    struct weir_sql *session;
    struct weir_error error = {0};
    write_rows(store, 100);
    for (unsigned day = 0; day < 3; day++) {
        if (weir_sql_attach(store, WEIR_SQL_MEMORY, &session, &error) != WEIR_OK)
            fail_msg("%s", error.text);
        now_ns += WEIR_DAY_NS;
        assert_true(write_rows(store, 10));
        write_rows(store, 10);
        assert_int_equal(answer_of(session, "SELECT count(*) FROM verdicts"), 100 + day * 20);
        assert_int_equal(answer_of(session, "SELECT count(*) FROM runs"), 1 + day);
        weir_sql_close(&session);
    }
    finish(store);
}

struct rotator {
    struct weir_store *store;
    atomic_bool enough;
    unsigned files;
};

static void *rotate_on(void *argument)
{
    struct rotator *rotator = argument;
    while (!atomic_load(&rotator->enough) || rotator->files < 2) {
        now_ns += WEIR_DAY_NS; /* only this thread's store looks at it */
        rotator->files += write_rows(rotator->store, 3);
    }
    return NULL;
}

/* Queries that begin at any moment of the change to the next file. */
static void a_query_may_come_while_the_file_changes(void **unused)
{
    struct rotator rotator = {.store = open_store(0, (struct weir_retention){.days = 3})};
    pthread_t thread;
    int64_t runs = 0;
    assert_int_equal(pthread_create(&thread, NULL, rotate_on, &rotator), 0);
    for (unsigned i = 0; i < 60; i++) {
        ask(rotator.store, "SELECT count(*) FROM verdicts");
        runs = ask(rotator.store, "SELECT count(DISTINCT run) FROM runs");
    }
    atomic_store(&rotator.enough, true);
    pthread_join(thread, NULL);
    assert_int_equal(runs, 1);
    finish(rotator.store);
}

/* A reader of the day's file does not keep a new run from its start. */
static void a_reader_is_passed_by(void **unused)
{
    struct weir_sql *sql = NULL;
    finish(open_store(0, (struct weir_retention){0}));
    char *first = weir_folder_path(folder, "weir-2026-11-22.duckdb");
    int ready[2], done[2];
    char byte = 0;
    assert_int_equal(pipe(ready) | pipe(done), 0);
    pid_t child = fork();
    if (child == 0) {
        if (weir_sql_open(first, 64 << 20, &sql, NULL) != WEIR_OK || write(ready[1], &byte, 1) != 1 ||
            read(done[0], &byte, 1) != 1)
            _exit(1);
        _exit(0);
    }
    assert_int_equal(read(ready[0], &byte, 1), 1);
    finish(open_store(0, (struct weir_retention){0}));
    assert_int_equal(write(done[1], &byte, 1), 1);
    waitpid(child, NULL, 0);
    expect_files("2026-11-22 2026-11-22-2");
    for (unsigned i = 0; i < 2; i++) {
        close(ready[i]);
        close(done[i]);
    }
    free(first);
}

/* As DuckDB leaves it when its process is killed early, with so many bytes. */
static void leave_half(const char *path, size_t bytes)
{
    char head[8192] = {0};
    memcpy(head + 8, "DUCK", 4);
    FILE *file = fopen(path, "w");
    assert_int_equal(fwrite(head, 1, bytes, file), bytes);
    fclose(file);
}

/* What a process leaves that was killed while it made the next file hides nothing, and the next run goes on in it, or behind it.
 */
static void files_without_tables(void **unused)
{
    struct weir_store *store = open_store(0, (struct weir_retention){0});
    char *path = weir_folder_path(folder, "weir-2026-11-23.duckdb");
    struct weir_duck_config config = {.path = path, .threads = 1};
    struct weir_duck *duck = NULL;
    write_rows(store, 5);
    finish(store);
    for (unsigned i = 0; i < 3; i++) {
        leave_half(path, i * 4096);
        expect("SELECT count(*) FROM verdicts", "5\n");
    }
    unlink(path);
    assert_int_equal(weir_duck_open(&config, &duck, NULL), WEIR_OK); /* all heads, no tables */
    weir_duck_close(&duck);
    expect("SELECT count(*) FROM verdicts", "5\n");
    now_ns += WEIR_DAY_NS;
    store = open_store(0, (struct weir_retention){0});
    write_rows(store, 5);
    assert_int_equal(ask(store, "SELECT count(*) FROM verdicts"), 10);
    finish(store);
    leave_half(path, 0);
    now_ns += WEIR_DAY_NS;
    finish(open_with((struct weir_store_config){.collects = true})); /* looks for marks in the files before */
    expect_files("2026-11-22 2026-11-23 2026-11-24");
    expect("SELECT count(*) FROM verdicts", "5\n");
    free(path);
}

static void folders_without_a_store(void **unused)
{
    struct weir_error error;
    assert_null(sample_query(parent, "SELECT 1", &error));
    assert_int_equal(error.code, WEIR_ERR_NOT_FOUND);
    assert_non_null(strstr(error.text, "weir run"));
    finish(open_store(0, (struct weir_retention){0}));
    char *foreign = weir_folder_path(folder, "weir-2026-11-20.duckdb");
    FILE *file = fopen(foreign, "w");
    fputs("no database", file);
    fclose(file);
    assert_null(sample_query(folder, "SELECT 1", &error));
    assert_non_null(strstr(error.text, "weir-2026-11-20.duckdb"));
    free(foreign);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {TEST(one_writes_and_others_are_told),
                                       TEST(a_reader_is_passed_by),
                                       TEST(a_day_is_a_file),
                                       TEST(a_restart_goes_on),
                                       TEST(a_large_file_is_followed),
                                       TEST(old_files_are_removed_at_the_rotation_and_at_the_start),
                                       TEST(queries_beside_the_writer_see_all_files),
                                       TEST(a_query_keeps_its_files),
                                       TEST(a_query_may_come_while_the_file_changes),
                                       TEST(files_without_tables),
                                       TEST(folders_without_a_store)};
    weir_log_set_level(WEIR_LOG_ERROR);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
