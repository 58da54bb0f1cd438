/* The rows of `weir bench survey`: none is lost or changed that should not be, and the same come every time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/csv_rows.h"

static char folder[] = "/tmp/weir-csv-rows-XXXXXX", train[64], test[64];

static void write_text(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

/* All of a file; the caller frees it. */
static char *read_text(const char *path)
{
    enum { ROOM = 1 << 22 };
    char *text = malloc(ROOM);
    FILE *file = fopen(path, "r");
    assert_non_null(text);
    assert_non_null(file);
    size_t n = fread(text, 1, ROOM - 1, file);
    fclose(file);
    assert_true(n > 0 && n < ROOM - 1);
    text[n] = 0;
    return text;
}

static size_t line_count(const char *text)
{
    size_t n = 0;
    for (; (text = strchr(text, '\n')); text++)
        n++;
    return n;
}

static void made_rows(void **state)
{
    struct weir_error error = {0};
    const struct weir_csv_rows rows = {.want = 1000};
    size_t trains, tests;
    char *before[2] = {NULL, NULL};
    for (int again = 0; again < 2; again++) {
        assert_int_equal(weir_csv_rows_write(&rows, train, test, &trains, &tests, &error), WEIR_OK);
        assert_int_equal(trains, 800);
        assert_int_equal(tests, 200);
        char *text[2] = {read_text(train), read_text(test)};
        assert_int_equal(line_count(text[0]), 801);
        assert_int_equal(line_count(text[1]), 201);
        assert_non_null(strstr(text[0], ",BENIGN\n"));
        assert_non_null(strstr(text[1], ",Portscan\n"));
        size_t columns = 1;
        for (const char *c = text[0]; *c != '\n'; c++)
            columns += *c == ',';
        assert_int_equal(columns, 84);
        for (int i = 0; i < 2; i++) {
            if (again)
                assert_string_equal(before[i], text[i]);
            free(before[i]);
            before[i] = text[i];
        }
    }
    free(before[0]);
    free(before[1]);
}

/* Twelve rows in two files: each once, as it was. */
static void given_rows(void **state)
{
    struct weir_error error = {0};
    char pattern[64], path[64];
    size_t trains, tests;
    for (int f = 0; f < 2; f++) {
        char text[600] = "a, Label \r\n";
        for (int i = 0; i < 6; i++)
            snprintf(text + strlen(text), 100, "%d.50,\"x,%d\"\r\n\n", f * 6 + i, i);
        snprintf(path, sizeof path, "%s/part%d.csv", folder, f);
        write_text(path, text);
    }
    snprintf(pattern, sizeof pattern, "%s/part*.csv", folder);
    const struct weir_csv_rows rows = {.data = pattern};
    assert_int_equal(weir_csv_rows_write(&rows, train, test, &trains, &tests, &error), WEIR_OK);
    assert_int_equal(trains, 10);
    assert_int_equal(tests, 2);
    char *text[2] = {read_text(train), read_text(test)};
    for (int i = 0; i < 12; i++) {
        char line[40];
        snprintf(line, sizeof line, "\n%d.50,\"x,%d\"\n", i, i % 6);
        assert_int_equal((strstr(text[0], line) != NULL) + (strstr(text[1], line) != NULL), 1);
    }
    for (int i = 0; i < 2; i++) {
        assert_memory_equal(text[i], "a, Label \n", 10);
        free(text[i]);
    }
    write_text(path, "b,Label\n1,x\n");
    assert_int_equal(weir_csv_rows_write(&rows, train, test, &trains, &tests, &error), WEIR_ERR_FORMAT);
    assert_non_null(strstr(error.text, "part1.csv"));
    const struct weir_csv_rows none = {.data = "/nowhere/*.csv"}, few = {.data = path};
    assert_int_equal(weir_csv_rows_write(&none, train, test, &trains, &tests, &error), WEIR_ERR_NOT_FOUND);
    assert_int_equal(weir_csv_rows_write(&few, train, test, &trains, &tests, &error), WEIR_ERR_FORMAT);
}

/* More rows than there are: numbers are near those given, labels and texts as they were. */
static void drawn_rows(void **state)
{
    struct weir_error error = {0};
    char path[64];
    size_t trains, tests;
    snprintf(path, sizeof path, "%s/few.csv", folder);
    char given[400] = "a,t,zero,Class\n";
    for (int i = 0; i < 10; i++)
        snprintf(given + strlen(given), 40, "1000,1000x,0,%d\n", i % 2 ? 7 : 8);
    write_text(path, given);
    const struct weir_csv_rows rows = {.data = path, .label = "Class", .want = 500};
    assert_int_equal(weir_csv_rows_write(&rows, train, test, &trains, &tests, &error), WEIR_OK);
    assert_int_equal(trains, 400);
    assert_int_equal(tests, 100);
    char *text = read_text(train);
    double sum = 0, squares = 0;
    for (char *line = strchr(text, '\n') + 1; *line; line = strchr(line, '\n') + 1) {
        double value = strtod(line, &line);
        assert_memory_equal(line, ",1000x,0,", 9);
        assert_true(!strncmp(line + 9, "7\n", 2) || !strncmp(line + 9, "8\n", 2));
        sum += value;
        squares += (value - 1000) * (value - 1000);
    }
    assert_true(fabs(sum / 400 - 1000) < 5);
    assert_true(fabs(sqrt(squares / 400) - 20) < 3);
    free(text);
}

static int make_folder(void **state)
{
    if (!mkdtemp(folder))
        return -1;
    snprintf(train, sizeof train, "%s/train.csv", folder);
    snprintf(test, sizeof test, "%s/test.csv", folder);
    return 0;
}

static int remove_folder(void **state)
{
    static const char *const names[] = {"train.csv", "test.csv", "part0.csv", "part1.csv", "few.csv"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char path[64];
        snprintf(path, sizeof path, "%s/%s", folder, names[i]);
        unlink(path);
    }
    return rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(made_rows), cmocka_unit_test(given_rows), cmocka_unit_test(drawn_rows)};
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
