/* A disk that fills up, a real one: a small tmpfs in a mount namespace of the test's own. Needs root, else skipped (77). What the
 * store says it has committed is what is in it, whatever fails. */
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <sys/mount.h>

#include "samples.h"

#include <cmocka.h>

#include "base/file.h"
#include "base/log.h"
#include "store/eve.h"
#include "store/folder.h"
#include "store/outage.h"

static char *disk, *path, *filler;
static int64_t now_ns;
static struct weir_verdicts verdicts;
static struct weir_batch batch;
static uint64_t next_row;

static int64_t fake_now(void)
{
    return now_ns;
}

static int setup(void **unused)
{
    now_ns = 20779 * WEIR_DAY_NS + WEIR_DAY_NS / 2; /* 2026-11-22 */
    next_row = 0;
    memset(&batch, 0, sizeof batch);
    disk = sample_folder();
    if (mount("tmpfs", disk, "tmpfs", 0, "size=40m")) {
        perror("tmpfs");
        return 1;
    }
    return asprintf(&path, "%s/s.duckdb", disk) < 0 || asprintf(&filler, "%s/filler", disk) < 0;
}

static int teardown(void **unused)
{
    int status = umount2(disk, MNT_DETACH) || rmdir(disk);
    free(disk);
    free(path);
    free(filler);
    return status;
}

/* Leaves so many bytes of the disk. */
static void fill(uint64_t leave)
{
    uint64_t room = 0;
    int fd = open(filler, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_true(fd >= 0 && weir_file_room(filler, &room) && room >= leave);
    off_t at = lseek(fd, 0, SEEK_END);
    assert_int_equal(posix_fallocate(fd, at, (off_t)(room - leave)), 0);
    close(fd);
}

static struct weir_store *open_store(const char *where, struct weir_retention retention)
{
    struct weir_store_config config = {.path = where, .sensor = "s", .command = "c", .retention = retention, .wall_ns = fake_now};
    struct weir_store *store = NULL;
    struct weir_error error = {0};
    if (weir_store_open(&config, &store, &error) != WEIR_OK)
        fail_msg("%s", error.text);
    return store;
}

/* One transaction; *committed counts what the store says. */
static weir_err transaction(struct weir_store *store, unsigned batches, int64_t *committed, struct weir_error *error)
{
    uint64_t rows = 0;
    weir_err code = WEIR_OK;
    for (unsigned i = 0; i < batches && code == WEIR_OK; i++) {
        sample_batch(&verdicts, &batch, 500, &next_row);
        code = weir_store_append(store, &verdicts, error);
    }
    if (code == WEIR_OK)
        code = weir_store_commit(store, &rows, error);
    *committed += (int64_t)rows;
    return code;
}

static void expect_rows(const char *where, int64_t want)
{
    struct weir_error error;
    char *got = sample_query(where, "SELECT count(*) FROM verdicts", &error);
    if (!got)
        fail_msg("%s", error.text);
    assert_int_equal(strtoll(got, NULL, 10), want);
    free(got);
}

/* Small transactions go to the log, large ones to the file itself. */
static void commits_are_whole_or_nothing(void **unused)
{
    static const unsigned batches[] = {1, 7, 200};
    int64_t committed = 0, found;
    struct weir_store *store = open_store(path, (struct weir_retention){0});
    for (size_t i = 0; i < sizeof batches / sizeof *batches; i++) {
        struct weir_error error = {0};
        weir_err code = WEIR_OK;
        fill(3 << 20);
        assert_false(weir_store_has_room(store));
        while (code == WEIR_OK)
            code = transaction(store, batches[i], &committed, &error);
        assert_int_equal(code, WEIR_ERR_FULL);
        assert_non_null(strstr(error.text, "s.duckdb"));
        assert_non_null(strstr(error.text, "bytes are free there"));
        unlink(filler);
        if (i == 1) { /* it can be opened anew, and need not */
            assert_int_equal(weir_store_reopen(store, &found, &error), WEIR_OK);
            assert_int_equal(found, 0);
        }
        if ((code = transaction(store, 3, &committed, &error)) != WEIR_OK)
            fail_msg("%s", error.text);
    }
    assert_int_equal(weir_store_finish(store, "{}", NULL), WEIR_OK);
    weir_store_close(&store);
    expect_rows(path, committed);
}

/* DuckDB gives a database up that it cannot fold the log into. */
static void a_failed_checkpoint_loses_nothing(void **unused)
{
    int64_t committed = 0, found = -1;
    struct weir_error error = {0};
    struct weir_store *store = open_store(path, (struct weir_retention){0});
    for (unsigned i = 0; i < 40; i++)
        assert_int_equal(transaction(store, 5, &committed, &error), WEIR_OK);
    fill(64 << 10);
    weir_log_set_level(WEIR_LOG_ERROR);
    assert_int_equal(weir_store_finish(store, "{}", &error), WEIR_OK); /* a warning: the log has everything */
    weir_log_set_level(WEIR_LOG_INFO);
    assert_int_not_equal(transaction(store, 1, &committed, &error), WEIR_OK);
    assert_int_equal(error.code, WEIR_ERR_FULL);
    unlink(filler);
    if (weir_store_reopen(store, &found, &error) != WEIR_OK)
        fail_msg("%s", error.text);
    assert_int_equal(found, 0);
    assert_int_equal(transaction(store, 5, &committed, &error), WEIR_OK);
    assert_int_equal(weir_store_finish(store, "{}", &error), WEIR_OK);
    weir_store_close(&store);
    expect_rows(path, committed);
}

static void a_new_day_without_room(void **unused)
{
    char *days = NULL;
    int64_t committed = 0, found;
    bool rotated;
    struct weir_error error = {0};
    assert_true(asprintf(&days, "%s/days/", disk) > 0);
    struct weir_store *store = open_store(days, (struct weir_retention){0});
    assert_int_equal(transaction(store, 5, &committed, &error), WEIR_OK);
    fill(0);
    now_ns += WEIR_DAY_NS;
    weir_log_set_level(WEIR_LOG_ERROR);
    assert_int_equal(weir_store_rotate(store, &rotated, &error), WEIR_ERR_FULL);
    assert_false(weir_store_is_open(store));
    assert_int_not_equal(transaction(store, 1, &committed, &error), WEIR_OK);
    assert_int_equal(weir_store_reopen(store, &found, &error), WEIR_ERR_FULL);
    weir_log_set_level(WEIR_LOG_INFO);
    unlink(filler);
    if (weir_store_reopen(store, &found, &error) != WEIR_OK)
        fail_msg("%s", error.text);
    assert_non_null(strstr(weir_store_path(store), "weir-2026-11-23.duckdb"));
    assert_int_equal(transaction(store, 5, &committed, &error), WEIR_OK);
    assert_int_equal(weir_store_finish(store, "{}", &error), WEIR_OK);
    weir_store_close(&store);
    expect_rows(days, committed);
    free(days);
}

static void make_file(const char *folder, const char *name, off_t bytes)
{
    char *file = weir_folder_path(folder, name);
    int fd = open(file, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(posix_fallocate(fd, 0, bytes), 0);
    close(fd);
    free(file);
}

static void old_files_make_room(void **unused)
{
    char *days = NULL;
    struct weir_error error = {0};
    assert_true(asprintf(&days, "%s/days/", disk) > 0);
    struct weir_store *store = open_store(days, (struct weir_retention){.bytes = 1 << 30});
    make_file(days, "weir-2026-11-20.duckdb", 6 << 20);
    make_file(days, "weir-2026-11-21.duckdb", 6 << 20);
    make_file(days, "weir-2026-11-22-2.duckdb", 6 << 20); /* after the open one */
    fill(1 << 20);
    weir_log_set_level(WEIR_LOG_ERROR);
    assert_int_equal(weir_store_make_room(store, 1 << 20, &error), WEIR_OK);
    assert_int_equal(weir_store_removed(store).files, 0);
    assert_int_equal(weir_store_make_room(store, 5 << 20, &error), WEIR_OK);
    assert_int_equal(weir_store_removed(store).files, 1);
    assert_int_equal(weir_store_make_room(store, 30 << 20, &error), WEIR_OK);
    weir_log_set_level(WEIR_LOG_INFO);
    assert_int_equal(weir_store_removed(store).files, 2);
    assert_int_equal(weir_store_removed(store).bytes, 12 << 20);
    weir_store_close(&store);
    char *later = weir_folder_path(days, "weir-2026-11-22-2.duckdb");
    assert_int_equal(unlink(later), 0);
    free(later);
    /* without a bound for the size nobody has allowed that */
    store = open_store(days, (struct weir_retention){.days = 30});
    make_file(days, "weir-2026-11-20.duckdb", 6 << 20);
    assert_int_equal(weir_store_make_room(store, 30 << 20, &error), WEIR_OK);
    assert_int_equal(weir_store_removed(store).files, 0);
    weir_store_close(&store);
    free(days);
}

/* Every line of the file; the count. */
static uint64_t whole_lines(const char *file)
{
    uint64_t lines = 0;
    uint8_t *bytes;
    size_t size;
    assert_int_equal(weir_file_read(file, 64 << 20, &bytes, &size, NULL), WEIR_OK);
    for (size_t at = 0; at < size; lines++) {
        const uint8_t *end = memchr(bytes + at, '\n', size - at);
        assert_non_null(end);
        assert_true(bytes[at] == '{' && end[-1] == '}');
        at = (size_t)(end - bytes) + 1;
    }
    free(bytes);
    return lines;
}

static void eve_ends_with_a_whole_line(void **unused)
{
    char *file = NULL;
    struct weir_eve *eve;
    struct weir_error error = {0};
    uint64_t lines = 0;
    assert_true(asprintf(&file, "%s/eve.json", disk) > 0);
    assert_int_equal(weir_eve_open(file, "s", &eve, &error), WEIR_OK);
    for (unsigned round = 0; round < 3; round++) {
        weir_err code = WEIR_OK;
        fill(round * 100000);
        assert_false(weir_eve_has_room(eve));
        while (code == WEIR_OK) {
            sample_batch(&verdicts, &batch, 500, &next_row);
            lines += 500u + verdicts.alerts;
            assert_int_equal(weir_eve_append(eve, &verdicts, &error), WEIR_OK);
            code = weir_eve_flush(eve, &error);
        }
        assert_int_equal(code, WEIR_ERR_FULL);
        assert_non_null(strstr(error.text, "lines are lost"));
        assert_int_equal(weir_eve_account(eve).lines + weir_eve_account(eve).lost, lines);
        assert_int_equal(whole_lines(file), weir_eve_account(eve).lines);
        unlink(filler);
        assert_true(weir_eve_has_room(eve));
        sample_batch(&verdicts, &batch, 500, &next_row);
        lines += 500u + verdicts.alerts;
        assert_int_equal(weir_eve_append(eve, &verdicts, &error), WEIR_OK);
        assert_int_equal(weir_eve_flush(eve, &error), WEIR_OK);
        weir_eve_skip(eve, &verdicts);
        lines += 500u + verdicts.alerts;
    }
    uint64_t written = weir_eve_account(eve).lines;
    assert_int_equal(written + weir_eve_account(eve).lost, lines);
    assert_int_equal(weir_eve_close(&eve, &error), WEIR_OK);
    assert_int_equal(whole_lines(file), written);
    free(file);
}

/* A line that an earlier end has cut off is closed with the first line that finds room, not run into. */
static void a_cut_line_is_closed_later(void **unused)
{
    char *file = NULL;
    struct weir_eve *eve;
    struct weir_error error = {0};
    uint8_t *bytes;
    size_t size;
    assert_true(asprintf(&file, "%s/eve.json", disk) > 0);
    int fd = open(file, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    static char cut[4096];
    memset(cut, '{', sizeof cut); /* a whole page: the next byte takes a new one */
    assert_int_equal(write(fd, cut, sizeof cut), sizeof cut);
    close(fd);
    fill(0);
    assert_int_equal(weir_eve_open(file, "s", &eve, &error), WEIR_OK);
    sample_batch(&verdicts, &batch, 100, &next_row);
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(weir_eve_append(eve, &verdicts, &error), WEIR_OK);
        assert_int_equal(weir_eve_flush(eve, &error), WEIR_ERR_FULL);
    }
    unlink(filler);
    assert_int_equal(weir_eve_append(eve, &verdicts, &error), WEIR_OK);
    assert_int_equal(weir_eve_flush(eve, &error), WEIR_OK);
    assert_int_equal(weir_eve_account(eve).lines, 100 + verdicts.alerts);
    assert_int_equal(weir_eve_account(eve).lost, 2 * (100 + verdicts.alerts));
    assert_int_equal(weir_eve_close(&eve, &error), WEIR_OK);
    assert_int_equal(weir_file_read(file, 64 << 20, &bytes, &size, NULL), WEIR_OK);
    assert_memory_equal(bytes, cut, sizeof cut);
    assert_memory_equal(bytes + sizeof cut, "\n{\"timestamp\"", 13);
    free(bytes);
    free(file);
}

int main(void)
{
    if (geteuid() || unshare(CLONE_NEWNS) || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL)) {
        puts("needs root and a mount namespace of its own");
        return 77;
    }
#define TEST(NAME) cmocka_unit_test_setup_teardown(NAME, setup, teardown)
    const struct CMUnitTest tests[] = {TEST(commits_are_whole_or_nothing), TEST(a_failed_checkpoint_loses_nothing),
                                       TEST(a_new_day_without_room),       TEST(old_files_make_room),
                                       TEST(eve_ends_with_a_whole_line),   TEST(a_cut_line_is_closed_later)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
