/* Exported files, read back: CSV by eye, JSON lines by a JSON parser, Parquet by DuckDB. The view is made up. */
#include <fcntl.h>
#include <jansson.h>
#include <math.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "data/duck.h"
#include "store/export.h"

struct body {
    double real, whole;
    const char *name, *category;
    bool hex;
};

#define B ((const struct body *)record->body)

static double stime(const struct weir_record *record)
{
    return (double)record->identity.stime_ns / 1e9;
}

static double other(const struct weir_record *record)
{
    return 1.5;
}

static double real(const struct weir_record *record)
{
    return B->real;
}

static double whole(const struct weir_record *record)
{
    return B->whole;
}

static size_t port_text(const struct weir_record *record, char *out, size_t size)
{
    return isnan(B->whole) ? 0 : (size_t)snprintf(out, size, B->hex ? "0x%04x" : "%u", (unsigned)B->whole);
}

static size_t name_text(const struct weir_record *record, char *out, size_t size)
{
    return (size_t)snprintf(out, size, "%s", B->name);
}

static double category(const struct weir_record *record)
{
    return 0;
}

static size_t category_text(const struct weir_record *record, char *out, size_t size)
{
    return (size_t)snprintf(out, size, "%s", B->category);
}

static const char *const categories[] = {"CON", NULL};
static const struct weir_column columns[] = {
    {.name = "stime", .type = WEIR_COLUMN_TIME, .value = stime},
    {.name = "other", .type = WEIR_COLUMN_TIME, .value = other},
    {.name = "real", .type = WEIR_COLUMN_REAL, .value = real},
    {.name = "whole", .type = WEIR_COLUMN_INTEGER, .value = whole},
    {.name = "sport", .type = WEIR_COLUMN_INTEGER, .value = whole, .text = port_text},
    {.name = "name", .type = WEIR_COLUMN_TEXT, .text = name_text},
    {.name = "state", .type = WEIR_COLUMN_CATEGORY, .value = category, .text = category_text, .categories = categories},
};
static const struct weir_view view = {.name = "made-up", .columns = columns, .column_count = sizeof columns / sizeof *columns};

static const struct body bodies[] = {
    {.real = 0.1, .whole = 42, .name = "plain", .category = "CON"},
    {.real = 1.0 / 3, .whole = 8, .name = "a,b", .category = "", .hex = true},
    {.real = -1e300, .whole = 9007199254740991, .name = "say \"hi\"", .category = "CON"},
    {.real = NAN, .whole = NAN, .name = "", .category = ""},
    {.real = 0, .whole = 0, .name = "two\nlines", .category = "CON"},
};
enum { BODIES = sizeof bodies / sizeof *bodies };

static char folder[64], path[128];

static int setup(void **unused)
{
    const char *parent = getenv("TMPDIR");
    snprintf(folder, sizeof folder, "%s/weir-test-XXXXXX", parent ? parent : "/tmp");
    if (!mkdtemp(folder))
        return 1;
    snprintf(path, sizeof path, "%s/it's.out", folder);
    return 0;
}

static int teardown(void **unused)
{
    char command[128];
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    return system(command);
}

static unsigned files_in_folder(void)
{
    char command[128];
    unsigned n = 0;
    snprintf(command, sizeof command, "ls -A '%s' | wc -l", folder);
    FILE *pipe = popen(command, "r");
    assert_int_equal(fscanf(pipe, "%u", &n), 1);
    pclose(pipe);
    return n;
}

static weir_err write_some(struct weir_export *export, unsigned rows, struct weir_error *error)
{
    char *room = malloc(weir_export_room(export));
    weir_err code = WEIR_OK;
    for (unsigned i = 0; i < rows && code == WEIR_OK; i++) {
        struct weir_record record = {.identity = {.stime_ns = 1700000000123456789 + (int64_t)i * 1000000000},
                                     .body = &bodies[i % BODIES]};
        size_t n = weir_export_encode(export, &record, room);
        assert_true(n <= weir_export_room(export));
        code = weir_export_write(export, room, n, error);
    }
    free(room);
    return code;
}

static weir_err write_file(const char *to, enum weir_format format, bool nanoseconds, unsigned rows, struct weir_error *error)
{
    struct weir_export *export;
    struct weir_export_config config = {.view = &view, .path = to, .format = format, .nanoseconds = nanoseconds};
    weir_err code = weir_export_open(&config, &export, error);
    if (code != WEIR_OK)
        return code;
    if ((code = write_some(export, rows, error)) != WEIR_OK) {
        weir_export_abort(&export);
        return code;
    }
    code = weir_export_finish(&export, error);
    assert_null(export);
    return code;
}

static char *contents(void)
{
    static char text[1 << 16];
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    text[fread(text, 1, sizeof text - 1, file)] = 0;
    fclose(file);
    return text;
}

static void test_csv(void **unused)
{
    assert_int_equal(write_file(path, WEIR_FORMAT_CSV, false, BODIES, NULL), WEIR_OK);
    assert_string_equal(contents(),
                        "stime,other,real,whole,sport,name,state\n"
                        "1700000000.123456,1.500000,0.1,42,42,plain,CON\n"
                        "1700000001.123456,1.500000,0.33333333333333331,8,\"0x0008\",\"a,b\",\n"
                        "1700000002.123456,1.500000,-1.0000000000000001e+300,9007199254740991,4294967295,\"say \"\"hi\"\"\",CON\n"
                        "1700000003.123456,1.500000,,,,,\n"
                        "1700000004.123456,1.500000,0,0,0,\"two\nlines\",CON\n");
    assert_int_equal(write_file(path, WEIR_FORMAT_CSV, true, 1, NULL), WEIR_OK);
    assert_string_equal(contents(), "stime,other,real,whole,sport,name,state\n"
                                    "1700000000.123456789,1.500000000,0.1,42,42,plain,CON\n");
    assert_int_equal(write_file(path, WEIR_FORMAT_CSV, false, 0, NULL), WEIR_OK);
    assert_string_equal(contents(), "stime,other,real,whole,sport,name,state\n");
    assert_int_equal(files_in_folder(), 1);
}

static void test_columns(void **unused)
{
    static const uint16_t some[] = {5, 2};
    struct weir_export *export;
    struct weir_export_config config = {
        .view = &view, .columns = some, .column_count = 2, .path = path, .format = WEIR_FORMAT_CSV};
    assert_int_equal(weir_export_open(&config, &export, NULL), WEIR_OK);
    assert_int_equal(write_some(export, 2, NULL), WEIR_OK);
    assert_int_equal(weir_export_finish(&export, NULL), WEIR_OK);
    assert_string_equal(contents(), "name,real\nplain,0.1\n\"a,b\",0.33333333333333331\n");
}

static void test_jsonl(void **unused)
{
    assert_int_equal(write_file(path, WEIR_FORMAT_JSONL, false, BODIES, NULL), WEIR_OK);
    FILE *file = fopen(path, "r");
    char line[1000];
    for (unsigned i = 0; i < BODIES; i++) {
        json_error_t problem;
        assert_non_null(fgets(line, sizeof line, file));
        json_t *o = json_loads(line, JSON_REJECT_DUPLICATES, &problem);
        if (!o)
            fail_msg("%s: %s", problem.text, line);
        const struct body *b = &bodies[i];
        assert_int_equal(json_object_size(o), 7);
        assert_true(json_real_value(json_object_get(o, "stime")) == 1700000000.123456 + i);
        if (isnan(b->real)) {
            assert_true(json_is_null(json_object_get(o, "real")) && json_is_null(json_object_get(o, "whole")));
            assert_true(json_is_null(json_object_get(o, "sport")));
        } else {
            assert_true(json_number_value(json_object_get(o, "real")) == b->real);
            assert_true((double)json_integer_value(json_object_get(o, "whole")) == b->whole);
            assert_true((double)json_integer_value(json_object_get(o, "sport")) == b->whole);
        }
        if (*b->name)
            assert_string_equal(json_string_value(json_object_get(o, "name")), b->name);
        else
            assert_true(json_is_null(json_object_get(o, "name")));
        assert_true(*b->category ? !strcmp(json_string_value(json_object_get(o, "state")), b->category)
                                 : json_is_null(json_object_get(o, "state")));
        json_decref(o);
    }
    assert_null(fgets(line, sizeof line, file));
    fclose(file);
}

static void expect_sql(const char *sql, const char *want)
{
    struct weir_duck *duck;
    struct weir_error error = {0};
    duckdb_result result;
    assert_int_equal(weir_duck_open(&(struct weir_duck_config){0}, &duck, NULL), WEIR_OK);
    if (weir_duck_query(duck, sql, &result, &error) != WEIR_OK)
        fail_msg("%s", error.text);
    char *got = duckdb_value_varchar(&result, 0, 0);
    assert_string_equal(got, want);
    duckdb_free(got);
    duckdb_destroy_result(&result);
    weir_duck_close(&duck);
}

static void test_parquet(void **unused)
{
    enum { ROWS = 5000 }; /* more than two vectors */
    char sql[600];
    assert_int_equal(write_file(path, WEIR_FORMAT_PARQUET, false, ROWS, NULL), WEIR_OK);
    assert_int_equal(files_in_folder(), 1);
    char quoted[160];
    snprintf(quoted, sizeof quoted, "%s/it''s.out", folder);
    snprintf(sql, sizeof sql, "SELECT string_agg(column_name || ' ' || column_type, ',') FROM (DESCRIBE FROM read_parquet('%s'))",
             quoted);
    expect_sql(sql, "stime DOUBLE,other DOUBLE,real DOUBLE,whole BIGINT,sport BIGINT,name VARCHAR,state VARCHAR");
    snprintf(
        sql, sizeof sql,
        "SELECT [count(*), count(real), count(whole), count(sport), count(name), count(state)]::VARCHAR FROM read_parquet('%s')",
        quoted);
    expect_sql(sql, "[5000, 4000, 4000, 4000, 4000, 3000]");
    snprintf(
        sql, sizeof sql,
        "SELECT list(r)::VARCHAR FROM (SELECT (stime, other, real, whole, name, state) AS r FROM read_parquet('%s') LIMIT 4)",
        quoted);
    expect_sql(sql,
               "[(1700000000.1234567, 1.5, 0.1, 42, plain, CON), (1700000001.1234567, 1.5, 0.3333333333333333, 8, 'a,b', NULL),"
               " (1700000002.1234567, 1.5, -1e+300, 9007199254740991, 'say \"hi\"', CON), (1700000003.1234567, 1.5, NULL, NULL, "
               "NULL, NULL)]");
    snprintf(
        sql, sizeof sql,
        "SELECT bool_and(stime - 1700000000.1234567 - file_row_number < 1e-6) FROM read_parquet('%s', file_row_number = true)",
        quoted);
    expect_sql(sql, "true"); /* in their order */
    assert_int_equal(write_file(path, WEIR_FORMAT_PARQUET, false, 0, NULL), WEIR_OK);
    snprintf(sql, sizeof sql, "SELECT count(*) FROM read_parquet('%s')", quoted);
    expect_sql(sql, "0");
}

static void test_replaced_whole(void **unused)
{
    static const enum weir_format formats[] = {WEIR_FORMAT_CSV, WEIR_FORMAT_JSONL, WEIR_FORMAT_PARQUET};
    for (unsigned i = 0; i < 3; i++) {
        FILE *old = fopen(path, "w");
        fputs("old", old);
        fclose(old);
        struct weir_export *export;
        struct weir_export_config config = {.view = &view, .path = path, .format = formats[i]};
        assert_int_equal(weir_export_open(&config, &export, NULL), WEIR_OK);
        assert_int_equal(write_some(export, 20000, NULL), WEIR_OK);
        assert_string_equal(contents(), "old"); /* until it is complete */
        weir_export_abort(&export);
        assert_null(export);
        assert_string_equal(contents(), "old");
        assert_int_equal(files_in_folder(), 1);
        assert_int_equal(write_file(path, formats[i], false, 1, NULL), WEIR_OK);
        assert_string_not_equal(contents(), "old");
        assert_int_equal(files_in_folder(), 1);
    }
    char link[140];
    struct stat info;
    snprintf(link, sizeof link, "%s/link", folder);
    assert_int_equal(symlink(path, link), 0);
    assert_int_equal(write_file(link, WEIR_FORMAT_CSV, false, 1, NULL), WEIR_OK);
    assert_int_equal(lstat(link, &info), 0);
    assert_true(S_ISLNK(info.st_mode));
    assert_memory_equal(contents(), "stime,", 6);
}

/* A pipe gets the same bytes as a file. */
static void test_pipe(void **unused)
{
    static const enum weir_format formats[] = {WEIR_FORMAT_CSV, WEIR_FORMAT_JSONL, WEIR_FORMAT_PARQUET};
    char fifo[140], command[400];
    snprintf(fifo, sizeof fifo, "%s/fifo", folder);
    assert_int_equal(mkfifo(fifo, 0600), 0);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(write_file(path, formats[i], false, 3000, NULL), WEIR_OK);
        snprintf(command, sizeof command, "cmp - \"%s\" < '%s'", path, fifo);
        FILE *reader = popen(command, "w");
        assert_int_equal(write_file(fifo, formats[i], false, 3000, NULL), WEIR_OK);
        assert_int_equal(pclose(reader), 0);
    }
    struct stat info;
    assert_int_equal(stat(fifo, &info), 0);
    assert_true(S_ISFIFO(info.st_mode));
}

static void test_failures(void **unused)
{
    static const enum weir_format formats[] = {WEIR_FORMAT_CSV, WEIR_FORMAT_JSONL, WEIR_FORMAT_PARQUET};
    char nowhere[140], fifo[140];
    struct weir_error error = {0};
    snprintf(nowhere, sizeof nowhere, "%s/no/file", folder);
    snprintf(fifo, sizeof fifo, "%s/fifo", folder);
    assert_int_equal(mkfifo(fifo, 0600), 0);
    signal(SIGPIPE, SIG_IGN);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(write_file(nowhere, formats[i], false, 1, &error), WEIR_ERR_NOT_FOUND);
        assert_non_null(strstr(error.text, nowhere));
        assert_int_equal(write_file(folder, formats[i], false, 1, &error), WEIR_ERR_IO);
        assert_int_equal(write_file("/dev/full", formats[i], false, 1, &error), WEIR_ERR_FULL);
        assert_non_null(strstr(error.text, "/dev/full"));
        int reader = open(fifo, O_RDONLY | O_NONBLOCK);
        struct weir_export *export;
        struct weir_export_config config = {.view = &view, .path = fifo, .format = formats[i]};
        assert_int_equal(weir_export_open(&config, &export, NULL), WEIR_OK);
        close(reader);
        assert_int_equal(write_some(export, 10, NULL), WEIR_OK);
        assert_int_equal(weir_export_finish(&export, &error), WEIR_ERR_CLOSED);
    }
    assert_int_equal(files_in_folder(), 1); /* the fifo */
}

/* The disk is full while the file grows: told, nothing left behind, the old file stays. */
static void test_full(void **unused)
{
    static const enum weir_format formats[] = {WEIR_FORMAT_CSV, WEIR_FORMAT_JSONL, WEIR_FORMAT_PARQUET};
    FILE *old = fopen(path, "w");
    fputs("old", old);
    fclose(old);
    signal(SIGXFSZ, SIG_IGN);
    for (unsigned i = 0; i < 3; i++) {
        pid_t child = fork();
        if (child == 0) {
            struct rlimit limit = {i == 2 ? 1000 : 1 << 20, RLIM_INFINITY};
            struct weir_error error = {0};
            if (setrlimit(RLIMIT_FSIZE, &limit))
                _exit(1);
            weir_err code = write_file(path, formats[i], false, 50000, &error);
            _exit(code == WEIR_ERR_FULL && strstr(error.text, path) && strstr(error.text, "make room") ? 0 : 2);
        }
        int status;
        waitpid(child, &status, 0);
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), 0);
        assert_string_equal(contents(), "old");
        assert_int_equal(files_in_folder(), 1);
    }
}

static void test_format(void **unused)
{
    static const struct {
        const char *format, *path;
        enum weir_format want;
    } cases[] = {
        {NULL, NULL, WEIR_FORMAT_CSV},         {NULL, "-", WEIR_FORMAT_CSV},           {NULL, "x.parquet", WEIR_FORMAT_PARQUET},
        {NULL, "x.jsonl", WEIR_FORMAT_JSONL},  {NULL, "x.txt", WEIR_FORMAT_CSV},       {NULL, "x.parquet/y", WEIR_FORMAT_CSV},
        {"csv", "x.parquet", WEIR_FORMAT_CSV}, {"parquet", NULL, WEIR_FORMAT_PARQUET}, {"jsonl", "-", WEIR_FORMAT_JSONL}};
    enum weir_format got;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(weir_format_choose(cases[i].format, cases[i].path, &got, NULL), WEIR_OK);
        assert_int_equal(got, cases[i].want);
    }
    assert_int_equal(weir_format_choose("xml", "x.csv", &got, NULL), WEIR_ERR_ARGUMENT);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_full), /* forks, so it comes before DuckDB has run */
        TEST(test_csv),  TEST(test_columns),  TEST(test_jsonl),  TEST(test_parquet), TEST(test_replaced_whole),
        TEST(test_pipe), TEST(test_failures), TEST(test_format),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
