#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "files.h"

static void check_refused(const char *path, weir_err code, const char *words)
{
    struct weir_error error = {0};
    struct weir_relation *source = NULL;
    weir_err got = weir_relation_open(&(struct weir_relation_config){.paths = &path, .path_count = 1}, &source, &error);
    if (got != code || !strstr(error.text, words))
        fail_msg("%s: %d '%s', not %d with '%s'", path, (int)got, error.text, (int)code, words);
    assert_null(source);
}

static void what_cannot_be_read_is_named(void **state)
{
    (void)state;
    check_refused(write_file("empty.csv", ""), WEIR_ERR_FORMAT, "empty.csv: the file is empty");
    check_refused(write_file("mark.csv", "\xef\xbb\xbf"), WEIR_ERR_FORMAT, "mark.csv: ");
    check_refused(write_file("blank.csv", "\n\n"), WEIR_ERR_FORMAT, "blank.csv: the first line is blank");
    check_refused(write_file("headless.csv", "1,2,x\n3,4,y\n"), WEIR_ERR_FORMAT, "headless.csv: no header");
    check_refused(write_file("x.parquet", "not parquet at all"), WEIR_ERR_FORMAT, "x.parquet: not readable as Parquet");
    check_refused(write_file("x.json", "{\"a\":1}\n{\"a\""), WEIR_ERR_FORMAT, "x.json: not readable as JSON");
    check_refused(path_of("none.csv"), WEIR_ERR_NOT_FOUND, "none.csv: cannot open");
    check_refused(path_of("none*.csv"), WEIR_ERR_NOT_FOUND, "no file matches");
    check_refused(folder, WEIR_ERR_IO, "a folder");
}

/* LightGBM writes its columns' blanks as underlines. */
static void blanks_may_be_underlines(void **state)
{
    (void)state;
    const char *const paths[] = {write_file("blanks.csv", "Src Port,Dst_Port,a b_c,a_b c,B C\n1,2,3,4,5\n")};
    struct weir_relation_config config = {.paths = paths, .path_count = 1};
    struct weir_relation *source = NULL;
    struct weir_error error = {0};
    assert_int_equal(weir_relation_open(&config, &source, &error), WEIR_OK);
    assert_int_equal(weir_relation_find(source, "src_port"), 0);
    assert_int_equal(weir_relation_find(source, "Dst_Port"), 1);
    assert_int_equal(weir_relation_find(source, "Dst Port"), -1); /* not the other way */
    assert_int_equal(weir_relation_find(source, "a_b c"), 3);
    assert_int_equal(weir_relation_find(source, "a_b_c"), -1); /* two could be meant */
    assert_int_equal(weir_relation_find(source, "B_C"), 4);
    assert_int_equal(weir_relation_find(source, "B_"), -1);
    weir_relation_close(&source);
}

static void check_columns(const struct weir_relation *source, const char *const *names)
{
    size_t n = 0;
    while (names[n])
        n++;
    assert_int_equal(source->column_count, n);
    for (size_t i = 0; i < n; i++) {
        assert_string_equal(source->columns[i].name, names[i]);
        assert_int_equal(weir_relation_find(source, names[i]), i);
    }
}

#define NAMES(...)                                                                                                               \
    (const char *const[])                                                                                                        \
    {                                                                                                                            \
        __VA_ARGS__, NULL                                                                                                        \
    }

/* All cells of the relation, '|' between cells, '/' between rows, '~' for NULL. */
static void check_cells(struct weir_relation *source, const char *expected)
{
    char got[1024] = "", sql[512] = "SELECT ";
    struct weir_error error = {0};
    duckdb_result result;
    duckdb_data_chunk chunk;
    for (size_t i = 0; i < source->column_count; i++) {
        char cell[64];
        snprintf(cell, sizeof cell, "%sCAST(\"%s\" AS VARCHAR)", i ? "," : "", source->columns[i].name);
        strcat(sql, cell);
    }
    strcat(sql, " FROM " WEIR_RELATION);
    if (weir_relation_query(source, sql, &result, &error) != WEIR_OK)
        fail_msg("%s", error.text);
    for (;;) {
        if (weir_relation_fetch(source, &result, &chunk, &error) != WEIR_OK)
            fail_msg("%s", error.text);
        if (!chunk)
            break;
        for (idx_t row = 0; row < duckdb_data_chunk_get_size(chunk); row++)
            for (size_t i = 0; i < source->column_count; i++) {
                duckdb_vector vector = duckdb_data_chunk_get_vector(chunk, i);
                uint64_t *valid = duckdb_vector_get_validity(vector);
                duckdb_string_t *cell = (duckdb_string_t *)duckdb_vector_get_data(vector) + row;
                if (!valid || duckdb_validity_row_is_valid(valid, row))
                    strncat(got, duckdb_string_t_data(cell), duckdb_string_t_length(*cell));
                else
                    strcat(got, "~");
                strcat(got, i + 1 < source->column_count ? "|" : "/");
            }
        duckdb_destroy_data_chunk(&chunk);
    }
    duckdb_destroy_result(&result);
    assert_string_equal(got, expected);
}

static void csv_cells_stay_as_they_are(void **state)
{
    (void)state;
    struct weir_relation *source = open_files(
        write_file("a.csv", "\xef\xbb\xbfid, rate ,id,\"x,y\"\r\n01,Infinity,-1,\"p \"\"q\"\"\"\r\n2,0.10,, z\r\n"), NULL);
    check_columns(source, NAMES("id", "rate", "id_1", "x,y"));
    assert_string_equal(source->columns[1].raw, " rate ");
    assert_string_equal(source->columns[2].raw, "id_1");
    assert_true(source->csv_alone && source->columns[0].text);
    check_cells(source, "01|Infinity|-1|p \"q\"/2|0.10|~| z/");
    weir_relation_close(&source);
    source = open_files(write_file("[odd] name.binetflow", "a\tb\n1\t2\n"), NULL);
    check_columns(source, NAMES("a", "b"));
    check_cells(source, "1|2/");
    weir_relation_close(&source);
}

static void files_join_by_name_in_order(void **state)
{
    (void)state;
    write_file("p1.csv", "a,b\n1,2\n");
    write_file("p2.csv", " b,a , c\n3,4,5\n");
    write_file("p3.csv", "a,b\n6,7\n");
    struct weir_relation *source = open_files(path_of("p*.csv"), write_file("q.jsonl", "{\"b\":8,\"a\":1.5}\n{\"b\":9}\n"));
    check_columns(source, NAMES("a", "b", "c"));
    assert_false(source->csv_alone);
    check_cells(source, "1|2|~/4|3|5/6|7|~/1.5|8|~/~|9|~/");
    weir_relation_close(&source);
}

static void queries_and_types(void **state)
{
    struct weir_error error = {0};
    struct weir_relation *source = open_sql("SELECT 1 AS a, 1.5 AS \" b \", 'x' AS a, true AS t, DATE '2020-01-01' AS d");
    (void)state;
    check_columns(source, NAMES("a", "b", "a_1", "t", "d"));
    assert_false(source->columns[0].text || source->columns[1].text || source->columns[3].text);
    assert_true(source->columns[2].text && source->columns[4].text);
    weir_relation_close(&source);
    assert_int_equal(weir_relation_open(&(struct weir_relation_config){.sql = "SELEC 1"}, &source, &error), WEIR_ERR_LIBRARY);
    assert_non_null(strstr(error.text, "the query: "));
}

static void damaged_lines_are_named(void **state)
{
    (void)state;
    struct weir_error error = {0};
    duckdb_result result;
    duckdb_data_chunk chunk = NULL;
    struct weir_relation *source = open_files(write_file("damaged.csv", "a,b\n1,2\n3\n4,5\n"), NULL);
    weir_err failed = weir_relation_query(source, "FROM " WEIR_RELATION, &result, &error);
    while (!failed && !(failed = weir_relation_fetch(source, &result, &chunk, &error)) && chunk)
        duckdb_destroy_data_chunk(&chunk);
    duckdb_destroy_result(&result);
    assert_int_equal(failed, WEIR_ERR_FORMAT);
    assert_non_null(strstr(error.text, "damaged.csv: line 3: Expected Number of Columns: 2"));
    weir_relation_close(&source);
    check_refused(write_file("damaged.csv", "a,b\n1,2\n3,\x96x\n"), WEIR_ERR_FORMAT, "damaged.csv: line 3: not UTF-8");
}

static void a_stop_ends_reading(void **state)
{
    volatile sig_atomic_t stop = 0;
    struct weir_error error = {0};
    duckdb_result result;
    duckdb_data_chunk chunk = NULL;
    struct weir_relation *source = NULL;
    (void)state;
    assert_int_equal(
        weir_relation_open(&(struct weir_relation_config){.sql = "FROM range(100000)", .stop = &stop}, &source, &error), WEIR_OK);
    assert_int_equal(weir_relation_query(source, "FROM " WEIR_RELATION, &result, &error), WEIR_OK);
    assert_int_equal(weir_relation_fetch(source, &result, &chunk, &error), WEIR_OK);
    assert_non_null(chunk);
    duckdb_destroy_data_chunk(&chunk);
    stop = 1;
    assert_int_equal(weir_relation_fetch(source, &result, &chunk, &error), WEIR_ERR_CLOSED);
    assert_null(chunk);
    duckdb_destroy_result(&result);
    weir_relation_close(&source);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_cannot_be_read_is_named), cmocka_unit_test(csv_cells_stay_as_they_are),
        cmocka_unit_test(files_join_by_name_in_order),  cmocka_unit_test(queries_and_types),
        cmocka_unit_test(damaged_lines_are_named),      cmocka_unit_test(blanks_may_be_underlines),
        cmocka_unit_test(a_stop_ends_reading),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
