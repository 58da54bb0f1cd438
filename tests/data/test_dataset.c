#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>

#include "base/log.h"
#include "data/dataset.h"
#include "files.h"

static struct weir_dataset *read_all(struct weir_relation *source, const struct weir_dataset_config *config)
{
    struct weir_error error = {0};
    struct weir_dataset *dataset = NULL;
    if (weir_dataset_read(source, config, &dataset, &error) != WEIR_OK)
        fail_msg("%s", error.text);
    return dataset;
}

static void check_values(const struct weir_dataset *dataset, size_t c, const char *name, const float *expected)
{
    assert_string_equal(dataset->columns[c].name, name);
    for (size_t row = 0; row < dataset->rows; row++) {
        float got = dataset->columns[c].values[row];
        if (isnan(expected[row]) ? !isnan(got) : got != expected[row])
            fail_msg("%s, row %zu: %g, not %g", name, row, (double)got, (double)expected[row]);
    }
}

/* Every trap of real data at once. */
static const char traps[] = "\xef\xbb\xbfid,rate, win ,proto,win,host,note,label,none\r\n"
                            "1,Infinity,-1,udp,5,10.0.0.1,a,B,\r\n"
                            "2,NaN,-1,tcp,6,10.0.0.2,b,A ,\r\n"
                            "3,1e39,7,tcp,,10.0.0.1,c, B,-\r\n"
                            "4,0.1,8,,7,10.0.0.2,d,A,\r\n"
                            "5,2,9,icmp,8,10.0.0.1,e,,\r\n";

static void traps_of_real_data(void **state)
{
    static const char *const exclude[] = {"ID"};
    (void)state;
    struct weir_relation *source = open_files(write_file("traps.csv", traps), NULL);
    struct weir_dataset *dataset =
        read_all(source, &(struct weir_dataset_config){.label = "Label", .exclude = exclude, .exclude_count = 1});
    /* host holds addresses, note has no two alike, none is empty: left out. The row without a label is dropped. */
    assert_int_equal(dataset->column_count, 4);
    assert_int_equal(dataset->rows, 4);
    assert_int_equal(dataset->unlabelled, 1);
    check_values(dataset, 0, "rate", (float[]){NAN, NAN, NAN, 0.1f});
    check_values(dataset, 1, "win", (float[]){-1, -1, 7, 8});
    check_values(dataset, 2, "proto", (float[]){2, 1, 1, NAN}); /* icmp, tcp, udp */
    check_values(dataset, 3, "win_1", (float[]){5, 6, NAN, 7});
    assert_int_equal(dataset->columns[0].endless, 2);
    assert_int_equal(dataset->columns[0].missing, 1);
    assert_int_equal(dataset->columns[2].categories.count, 3);
    assert_int_equal(dataset->label_values.count, 2);
    assert_string_equal(dataset->label_values.text[0], "A");
    static const uint32_t labels[] = {1, 0, 1, 0};
    assert_memory_equal(dataset->labels, labels, sizeof labels);
    weir_dataset_free(&dataset);
    weir_relation_close(&source);
}

static void tables_of_the_model_are_kept(void **state)
{
    (void)state;
    struct weir_relation *source = open_files(write_file("train.csv", "proto,x,label\nudp,1,a\ntcp,2,b\ntcp,3,a\n"), NULL);
    struct weir_dataset *model = read_all(source, &(struct weir_dataset_config){.label = "label"});
    weir_relation_close(&source);
    source = open_files(write_file("use.csv", "extra,X,proto\n0,5,udp\n0,six,sctp\n0,7,tcp\n"), NULL);
    struct weir_dataset *used =
        read_all(source, &(struct weir_dataset_config){.columns = model->columns, .column_count = model->column_count});
    assert_int_equal(used->rows, 3);
    assert_null(used->labels);
    check_values(used, 0, "proto", (float[]){1, NAN, 0});
    check_values(used, 1, "x", (float[]){5, NAN, 7});
    assert_int_equal(used->columns[0].unknown, 1);
    assert_int_equal(used->columns[1].unknown, 1);
    float rows[4];
    weir_dataset_gather(used, (const uint32_t[]){2, 0}, 0, 2, rows);
    assert_memory_equal(rows, ((float[]){0, 7, 1, 5}), sizeof rows);
    weir_dataset_gather(used, NULL, 2, 1, rows);
    assert_memory_equal(rows, ((float[]){0, 7}), 2 * sizeof *rows);
    weir_dataset_free(&used);
    weir_relation_close(&source);
    struct weir_error error = {0};
    source = open_files(write_file("lacks.csv", "x,y\n1,2\n"), NULL);
    assert_int_equal(
        weir_dataset_read(source, &(struct weir_dataset_config){.columns = model->columns, .column_count = model->column_count},
                          &used, &error),
        WEIR_ERR_NOT_FOUND);
    assert_non_null(strstr(error.text, "no column 'proto'; the columns are: x, y"));
    weir_relation_close(&source);
    weir_dataset_free(&model);
}

static const char *const *fixed(const char *column, const void *context)
{
    return strcmp(column, "proto") ? NULL : context;
}

static void fixed_codes_win(void **state)
{
    static const char *const codes[] = {"udp", "udp", "tcp", "", "udp", "icmp", NULL};
    (void)state;
    struct weir_relation *source = open_files(write_file("fixed.csv", "proto,x\ntcp,1\ngre,2\nudp,3\n,4\nicmp,5\n"), NULL);
    struct weir_dataset *dataset = read_all(source, &(struct weir_dataset_config){.fixed_categories = fixed, .context = codes});
    check_values(dataset, 0, "proto", (float[]){2, NAN, 0, 3, 5});
    assert_int_equal(dataset->columns[0].unknown, 1);
    weir_dataset_free(&dataset);
    weir_relation_close(&source);
}

/* A fixed table may name several codes alike: the text has the first of them, and the codes behind do not shift. */
static void repeated_names_keep_their_places(void **state)
{
    static const char *const codes[] = {"ip", "any", "any", "tcp", "any", "udp", NULL};
    (void)state;
    struct weir_relation *source = open_files(write_file("repeated.csv", "proto,x\nany,1\ntcp,2\nudp,3\n"), NULL);
    struct weir_dataset *dataset = read_all(source, &(struct weir_dataset_config){.fixed_categories = fixed, .context = codes});
    check_values(dataset, 0, "proto", (float[]){1, 3, 5});
    assert_int_equal(dataset->columns[0].categories.count, 6);
    assert_string_equal(dataset->columns[0].categories.text[2], "any#2");
    weir_dataset_free(&dataset);
    weir_relation_close(&source);
}

/* Rows beyond one chunk of DuckDB (2,048), in order, by any way in. */
static void long_data_keeps_its_order(void **state)
{
    enum { ROWS = 7001 };
    char *text = malloc(ROWS * 24 + 64), first[33], second[33];
    size_t used = 0;
    (void)state;
    assert_non_null(text);
    used += (size_t)sprintf(text, "n,word,label\n");
    for (int i = 0; i < ROWS; i++)
        used += (size_t)sprintf(text + used, "%d,w%d,%s\n", i, i * 7 % 256, i % 3 ? "x" : "y");
    struct weir_relation *source = open_files(write_file("long.csv", text), NULL);
    free(text);
    struct weir_dataset *dataset = read_all(source, &(struct weir_dataset_config){.label = "label"});
    assert_int_equal(dataset->rows, ROWS);
    assert_int_equal(dataset->columns[1].categories.count, 256);
    for (int i = 0; i < ROWS; i++) {
        char word[8];
        snprintf(word, sizeof word, "w%d", i * 7 % 256);
        assert_true(dataset->columns[0].values[i] == (float)i);
        assert_string_equal(dataset->columns[1].categories.text[(int)dataset->columns[1].values[i]], word);
        assert_int_equal(dataset->labels[i], i % 3 == 0);
    }
    weir_dataset_fingerprint(dataset, first);
    weir_dataset_free(&dataset);
    weir_relation_close(&source);
    char sql[256];
    snprintf(sql, sizeof sql, "COPY (SELECT CAST(n AS INTEGER) AS n, word, label FROM '%s') TO '%s'", path_of("long.csv"),
             path_of("long.parquet"));
    source = open_sql("SELECT 1");
    assert_int_equal(weir_duck_run(source->duck, sql, NULL), WEIR_OK);
    weir_relation_close(&source);
    source = open_files(path_of("long.parquet"), NULL);
    dataset = read_all(source, &(struct weir_dataset_config){.label = "label"});
    weir_dataset_fingerprint(dataset, second);
    assert_string_equal(first, second);
    dataset->columns[0].values[5] = 6;
    weir_dataset_fingerprint(dataset, second);
    assert_string_not_equal(first, second);
    weir_dataset_free(&dataset);
    weir_relation_close(&source);
}

static void too_many_texts_and_stray_texts(void **state)
{
    enum { ROWS = 600 };
    char *text = malloc(ROWS * 32 + 64);
    size_t used = 0;
    (void)state;
    assert_non_null(text);
    used += (size_t)sprintf(text, "many,mostly,label\n");
    for (int i = 0; i < ROWS; i++)
        used += (size_t)sprintf(text + used, "t%d,%s,%d\n", i / 2, i % 150 == 3 ? "oops" : "1.5", i % 2);
    struct weir_relation *source = open_files(write_file("many.csv", text), NULL);
    free(text);
    struct weir_dataset *dataset = read_all(source, &(struct weir_dataset_config){.label = "label"});
    assert_int_equal(dataset->column_count, 1);
    assert_string_equal(dataset->columns[0].name, "mostly");
    assert_int_equal(dataset->columns[0].categories.count, 0);
    assert_int_equal(dataset->columns[0].unknown, 4);
    assert_true(isnan(dataset->columns[0].values[3]) && dataset->columns[0].values[4] == 1.5f);
    weir_dataset_free(&dataset);
    weir_relation_close(&source);
}

/* Beside the columns: with rows that have no label, excluded, and read a second time because of the texts in b. */
static void a_column_is_carried_beside(void **state)
{
    const char *path = write_file("side.csv", "host,when,a,b,label\n"
                                              "zeta,05/07/2017 8:42,1,x,0\n"
                                              "alpha,05/07/2017 8:41,2,y,\n"
                                              "beta,never,3,x,1\n"
                                              ",05/07/2017 8:44,4,y,1\n"
                                              "beta, ,5,x,0\n");
    struct weir_error error = {0};
    struct weir_dataset *dataset = NULL;
    struct weir_dataset_config config = {
        .label = "label", .exclude = (const char *const[]){"host", "when"}, .exclude_count = 2, .side_column = "HOST"};
    (void)state;
    struct weir_relation *source = open_files(path, NULL);
    config.side = WEIR_SIDE_GROUP;
    assert_int_equal(weir_dataset_read(source, &config, &dataset, &error), WEIR_OK);
    assert_int_equal(dataset->rows, 4);
    assert_int_equal(dataset->column_count, 2);
    assert_int_equal(dataset->side_values.count, 3); /* alpha's row has no label, its text is there */
    assert_string_equal(dataset->side_values.text[dataset->side[0]], "zeta");
    assert_string_equal(dataset->side_values.text[dataset->side[1]], "beta");
    assert_true(dataset->side[2] == WEIR_SIDE_MISSING);
    assert_int_equal(dataset->side[3], dataset->side[1]);
    weir_dataset_free(&dataset);
    config.side = WEIR_SIDE_TIME_DAY_FIRST;
    config.side_column = "when";
    assert_int_equal(weir_dataset_read(source, &config, &dataset, &error), WEIR_OK);
    assert_int_equal(dataset->side[0], 1499244120000000000);
    assert_true(dataset->side[1] == WEIR_SIDE_MISSING && dataset->side[3] == WEIR_SIDE_MISSING);
    assert_int_equal(dataset->side[2], 1499244240000000000);
    weir_dataset_free(&dataset);
    config.side_column = "time";
    assert_int_equal(weir_dataset_read(source, &config, &dataset, &error), WEIR_ERR_NOT_FOUND);
    assert_non_null(strstr(error.text, "no column to split by 'time'"));
    weir_relation_close(&source);
    source = open_sql("SELECT 1 + i AS a, 1.5e9 + i AS at, i % 2 AS label FROM range(4) t(i)");
    config = (struct weir_dataset_config){.label = "label", .side = WEIR_SIDE_TIME, .side_column = "at"};
    assert_int_equal(weir_dataset_read(source, &config, &dataset, &error), WEIR_OK);
    assert_int_equal(dataset->column_count, 2);
    assert_int_equal(dataset->side[3], 1500000003000000000);
    weir_dataset_free(&dataset);
    weir_relation_close(&source);
}

static void check_refused(const char *text, const struct weir_dataset_config *config, weir_err code, const char *words)
{
    struct weir_error error = {0};
    struct weir_dataset *dataset = NULL;
    struct weir_relation *source = open_files(write_file("refused.csv", text), NULL);
    weir_err got = weir_dataset_read(source, config, &dataset, &error);
    if (got != code || !strstr(error.text, words))
        fail_msg("%d '%s', not %d with '%s'", (int)got, error.text, (int)code, words);
    assert_null(dataset);
    weir_relation_close(&source);
}

static void refusals(void **state)
{
    static const char *const exclude[] = {"b"};
    (void)state;
    check_refused("a,b\n1,2\n", &(struct weir_dataset_config){.label = "label"}, WEIR_ERR_NOT_FOUND,
                  "no label column 'label'; the columns are: a, b");
    check_refused("a,c\n1,2\n", &(struct weir_dataset_config){.label = "c", .exclude = exclude, .exclude_count = 1},
                  WEIR_ERR_NOT_FOUND, "no column to exclude 'b'");
    check_refused("a,b\n", &(struct weir_dataset_config){.label = "b"}, WEIR_ERR_FORMAT, "no rows after the header");
    check_refused("a,b\n1,\n2,\n", &(struct weir_dataset_config){.label = "b"}, WEIR_ERR_FORMAT, "no rows with a label");
    check_refused("a,b\n1,x\n2,y\n", &(struct weir_dataset_config){.label = "a", .exclude = exclude, .exclude_count = 1},
                  WEIR_ERR_FORMAT, "no column to learn from");
    check_refused("a,b\n1,2\n1,2,3\n", &(struct weir_dataset_config){.label = "b"}, WEIR_ERR_FORMAT, "line 3");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(traps_of_real_data),
        cmocka_unit_test(tables_of_the_model_are_kept),
        cmocka_unit_test(fixed_codes_win),
        cmocka_unit_test(repeated_names_keep_their_places),
        cmocka_unit_test(long_data_keeps_its_order),
        cmocka_unit_test(too_many_texts_and_stray_texts),
        cmocka_unit_test(a_column_is_carried_beside),
        cmocka_unit_test(refusals),
    };
    weir_log_set_level(WEIR_LOG_ERROR);
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
