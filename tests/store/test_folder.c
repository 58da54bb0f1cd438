/* Names of day files, the folder's lock, and what a retention removes: days and sizes are made up, the clock is an argument. */
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

#include "base/log.h"
#include "store/folder.h"
#include "store/retention.h"

enum { NOV_22 = 20779 }; /* 2026-11-22 */

static char *folder;

static int setup(void **unused)
{
    const char *parent = getenv("TMPDIR");
    return asprintf(&folder, "%s/weir-test-XXXXXX", parent ? parent : "/tmp") < 0 || !mkdtemp(folder);
}

static int teardown(void **unused)
{
    char command[300];
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    int status = system(command);
    free(folder);
    return status;
}

static void make(const char *name, size_t bytes)
{
    char *path = weir_folder_path(folder, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(ftruncate(fileno(file), (off_t)bytes), 0);
    fclose(file);
    free(path);
}

static void make_day(int64_t day, uint32_t number, size_t bytes)
{
    char name[WEIR_FILE_NAME];
    weir_folder_name(day, number, name);
    make(name, bytes);
}

/* The folder's files by name without "weir-" and ".duckdb", a blank between. */
static const char *listed(void)
{
    static char text[4096];
    struct weir_folder_list list;
    text[0] = 0;
    assert_int_equal(weir_folder_list(folder, &list, NULL), WEIR_OK);
    for (size_t i = 0; i < list.count; i++)
        snprintf(text + strlen(text), sizeof text - strlen(text), "%s%.*s", i ? " " : "", (int)strlen(list.file[i].name) - 12,
                 list.file[i].name + 5);
    weir_folder_list_fini(&list);
    return text;
}

static void names_are_read_back(void **unused)
{
    static const struct {
        int64_t day;
        uint32_t number;
        const char *name;
    } known[] = {{NOV_22, 1, "weir-2026-11-22.duckdb"},
                 {NOV_22, 2, "weir-2026-11-22-2.duckdb"},
                 {0, 1, "weir-1970-01-01.duckdb"},
                 {19782, 4294967295, "weir-2024-02-29-4294967295.duckdb"},
                 {2932896, 12, "weir-9999-12-31-12.duckdb"}};
    static const char *const wrong[] = {"weir.duckdb",
                                        "weir-2026-11-22-1.duckdb",
                                        "weir-2026-11-22-0.duckdb",
                                        "weir-2026-02-30.duckdb",
                                        "weir-2026-11-22.duckdb.wal",
                                        "weir-2026-11-22-02.duckdb",
                                        "weir-2026-11-22",
                                        "weir-2026-1-2.duckdb",
                                        "weir-2026-11-22-x.duckdb",
                                        "weir-2026-11-22-99999999999.duckdb",
                                        "",
                                        "weir-1969-12-31.duckdb"};
    char name[WEIR_FILE_NAME];
    int64_t day;
    uint32_t number;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        weir_folder_name(known[i].day, known[i].number, name);
        assert_string_equal(name, known[i].name);
        assert_true(weir_folder_parse(name, &day, &number));
        assert_int_equal(day, known[i].day);
        assert_int_equal(number, known[i].number);
    }
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        if (weir_folder_parse(wrong[i], &day, &number))
            fail_msg("%s is taken for a day file", wrong[i]);
}

static void files_come_oldest_first(void **unused)
{
    struct weir_folder_list list;
    make_day(NOV_22, 10, 0);
    make_day(NOV_22 + 1, 1, 0);
    make_day(NOV_22, 1, 1000);
    make("weir-2026-11-22.duckdb.wal", 30);
    make_day(NOV_22, 2, 0);
    make_day(NOV_22 - 300, 1, 0);
    make("other.duckdb", 5);
    make("weir.lock", 5);
    assert_string_equal(listed(), "2026-01-26 2026-11-22 2026-11-22-2 2026-11-22-10 2026-11-23");
    assert_int_equal(weir_folder_list(folder, &list, NULL), WEIR_OK);
    assert_int_equal(list.file[1].bytes, 1030);
    weir_folder_list_fini(&list);
    struct weir_error error;
    assert_int_equal(weir_folder_list("/nonexistent/folder", &list, &error), WEIR_ERR_NOT_FOUND);
    assert_true(weir_folder_is(folder) && weir_folder_is("not/there/yet/") && !weir_folder_is("weir.duckdb") &&
                !weir_folder_is(""));
}

/* In a process of its own: a lock of this one would not be refused to it. */
static int lock_code(const char *path)
{
    int status;
    pid_t child = fork();
    if (child == 0) {
        int lock;
        uint64_t run;
        _exit(-weir_folder_lock(path, &lock, &run, NULL));
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    return -WEXITSTATUS(status);
}

static void one_process_writes_a_folder(void **unused)
{
    char *inner = weir_folder_path(folder, "new/"), *missing = weir_folder_path(folder, "no/such/"),
         *file = weir_folder_path(folder, "f");
    int lock;
    uint64_t run;
    assert_int_equal(weir_folder_lock(inner, &lock, &run, NULL), WEIR_OK);
    assert_int_equal(run, 0);
    assert_int_equal(lock_code(inner), WEIR_ERR_BUSY);
    close(lock);
    assert_int_equal(lock_code(inner), WEIR_OK); /* a run that counts */
    for (uint64_t i = 2; i < 12; i++) {
        assert_int_equal(weir_folder_lock(inner, &lock, &run, NULL), WEIR_OK);
        assert_int_equal(run, i);
        close(lock);
    }
    assert_int_equal(lock_code(missing), WEIR_ERR_NOT_FOUND);
    make("f", 1);
    assert_int_equal(lock_code(file), WEIR_ERR_NOT_FOUND);
    free(inner);
    free(missing);
    free(file);
}

static void retentions_are_read(void **unused)
{
    static const struct {
        const char *text;
        int64_t days;
        uint64_t bytes;
    } good[] = {{"30d", 30, 0},
                {"50GB", 0, 50000000000},
                {"30d,50GB", 30, 50000000000},
                {"30d / 50 GB", 30, 50000000000},
                {"2TiB, 7 d", 7, (uint64_t)2 << 40},
                {" 1MB ", 0, 1000000},
                {"36525d", 36525, 0},
                {"9223372TB", 0, 9223372000000000000}};
    static const char *const bad[] = {"",
                                      " ",
                                      "30",
                                      "d",
                                      "0d",
                                      "-3d",
                                      "30d,",
                                      ",30d",
                                      "30d,40d",
                                      "1GB,2GB",
                                      "30 days",
                                      "1.5GB",
                                      "30d 50GB",
                                      "5gb",
                                      "36526d",
                                      "9223373TB",
                                      "99999999999999999999d",
                                      "5PB",
                                      "30d;50GB",
                                      "30d,50GB,1d",
                                      "10K"};
    struct weir_error error;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        struct weir_retention r;
        if (weir_retention_parse(good[i].text, &r, &error) != WEIR_OK)
            fail_msg("%s", error.text);
        assert_int_equal(r.days, good[i].days);
        assert_int_equal(r.bytes, good[i].bytes);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct weir_retention r = {77, 77};
        if (weir_retention_parse(bad[i], &r, &error) != WEIR_ERR_ARGUMENT || !strstr(error.text, "30d,50GB") || r.days != 77)
            fail_msg("'%s' is taken for a retention", bad[i]);
    }
    uint64_t bytes;
    assert_int_equal(weir_size_parse("512 MiB", &bytes, NULL), WEIR_OK);
    assert_int_equal(bytes, 512 << 20);
    assert_int_equal(weir_size_parse("5d", &bytes, NULL), WEIR_ERR_ARGUMENT);
    assert_int_equal(weir_size_parse("5MB,", &bytes, NULL), WEIR_ERR_ARGUMENT);
}

static struct weir_removed apply(int64_t days, uint64_t bytes, const char *open, int64_t today)
{
    struct weir_retention retention = {days, bytes};
    struct weir_removed removed = {0};
    assert_int_equal(weir_retention_apply(&retention, folder, open, today, &removed, NULL), WEIR_OK);
    return removed;
}

static void old_files_go(void **unused)
{
    for (int64_t day = NOV_22 - 40; day <= NOV_22; day++)
        make_day(day, 1, 100);
    make("weir-2026-10-22.duckdb.wal", 11);
    make("mine.duckdb", 1);
    /* 40 days back to 32: what was written 31 days ago ended 30 days ago at the earliest */
    struct weir_removed removed = apply(30, 0, "weir-2026-11-22.duckdb", NOV_22);
    assert_int_equal(removed.files, 10);
    assert_int_equal(removed.bytes, 10 * 100 + 11);
    assert_memory_equal(listed(), "2026-10-23 ", 11);
    assert_int_equal(apply(30, 0, "weir-2026-11-22.duckdb", NOV_22).files, 0);
    assert_int_equal(apply(0, 0, "weir-2026-11-22.duckdb", NOV_22 + 1000).files, 0);
    /* never the open file, however long nothing else was written */
    assert_int_equal(apply(1, 1, "weir-2026-11-22.duckdb", NOV_22 + 1000).files, 30);
    assert_string_equal(listed(), "2026-11-22");
    char *path = weir_folder_path(folder, "mine.duckdb"), *log = weir_folder_path(folder, "weir-2026-10-22.duckdb.wal");
    assert_int_equal(access(path, F_OK), 0);
    assert_int_not_equal(access(log, F_OK), 0);
    free(path);
    free(log);
}

static void too_much_goes(void **unused)
{
    make_day(NOV_22 - 1, 1, 1000000);
    make_day(NOV_22 - 1, 2, 1000000);
    make_day(NOV_22, 1, 1000000);
    make_day(NOV_22, 2, 1000001);
    assert_int_equal(apply(0, 4000001, "weir-2026-11-22-2.duckdb", NOV_22).files, 0);
    assert_int_equal(apply(0, 4000000, "weir-2026-11-22-2.duckdb", NOV_22).files, 1);
    assert_string_equal(listed(), "2026-11-21-2 2026-11-22 2026-11-22-2");
    assert_int_equal(apply(2, 2000000, "weir-2026-11-22-2.duckdb", NOV_22).files, 2); /* either bound is enough */
    assert_string_equal(listed(), "2026-11-22-2");
    assert_int_equal(apply(0, 1, "weir-2026-11-22-2.duckdb", NOV_22).files, 0);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {TEST(names_are_read_back),
                                       TEST(files_come_oldest_first),
                                       TEST(one_process_writes_a_folder),
                                       TEST(retentions_are_read),
                                       TEST(old_files_go),
                                       TEST(too_much_goes)};
    weir_log_set_level(WEIR_LOG_ERROR);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
