#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>

#include "base/random.h"
#include "data/check.h"
#include "files.h"

static struct weir_check run(struct weir_relation *source, const char *label, const char *benign)
{
    struct weir_error error = {0};
    struct weir_check check;
    if (weir_check_run(source, &(struct weir_check_config){.label = label, .benign = benign}, &check, &error) != WEIR_OK)
        fail_msg("%s", error.text);
    return check;
}

static const struct weir_check_column *column_of(const struct weir_check *check, const char *name)
{
    for (size_t i = 0; i < check->column_count; i++)
        if (!strcmp(check->columns[i].name, name))
            return &check->columns[i];
    fail_msg("no column %s", name);
    return NULL;
}

/* Small whole numbers, so that rows come twice; the same facts counted in the simplest way. */
static void counts_equal_a_naive_count(void **state)
{
    enum { ROWS = 700, COLUMNS = 3 };
    (void)state;
    for (uint64_t seed = 1; seed <= 5; seed++) {
        int cell[ROWS][COLUMNS + 1];
        uint64_t random = seed, twice = 0, contradicting = 0, missing = 0, label_rows[3] = {0};
        char *text = NULL;
        size_t size, distinct = 0;
        FILE *to = open_memstream(&text, &size);
        fputs("a,b,c,label\n", to);
        for (size_t i = 0; i < ROWS; i++) {
            for (size_t c = 0; c <= COLUMNS; c++)
                cell[i][c] = (int)weir_random_below(&random, c < COLUMNS ? 8 : 3);
            fprintf(to, cell[i][1] ? "%d,%d,%d,L%d\n" : "%d,%.0d,%d,L%d\n", cell[i][0], cell[i][1], cell[i][2], cell[i][3]);
            missing += !cell[i][1];
            label_rows[cell[i][3]]++;
        }
        fclose(to);
        for (size_t i = 0; i < ROWS; i++) {
            bool before = false, other = false, seen = false;
            for (size_t k = 0; k < ROWS; k++) {
                bool same = !memcmp(cell[i], cell[k], COLUMNS * sizeof(int));
                before |= k < i && same && cell[i][COLUMNS] == cell[k][COLUMNS];
                other |= same && cell[i][COLUMNS] != cell[k][COLUMNS];
                seen |= k < i && cell[i][0] == cell[k][0];
            }
            twice += before;
            contradicting += other;
            distinct += !seen;
        }
        struct weir_relation *source = open_files(write_file("small.csv", text), NULL);
        struct weir_check check = run(source, NULL, "L0");
        assert_int_equal(check.rows, ROWS);
        assert_string_equal(check.label, "label");
        assert_int_equal(check.labels.count, 3);
        for (size_t k = 0; k < 3; k++)
            assert_int_equal(check.label_rows[k], label_rows[k]);
        assert_true(twice > 50 && contradicting > 50);
        assert_int_equal(check.twice, twice);
        assert_int_equal(check.twice_learned, twice);
        assert_int_equal(check.contradicting, contradicting);
        assert_int_equal(column_of(&check, "b")->missing, missing);
        assert_int_equal(column_of(&check, "a")->distinct, distinct);
        assert_true(column_of(&check, "a")->exact && column_of(&check, "a")->number);
        assert_true(column_of(&check, "a")->least >= 0 && column_of(&check, "a")->most <= 7);
        /* Nothing tells the label here. */
        for (size_t c = 0; c < COLUMNS; c++)
            assert_true(check.columns[c].tells < 0.7 && check.columns[c].tells >= 0.5 && !weir_check_unfit(&check.columns[c]));
        weir_check_fini(&check);
        weir_relation_close(&source);
        free(text);
    }
}

/* One column of each sort, in more rows than the sample holds. */
static void strange_columns_are_found(void **state)
{
    struct weir_relation *source =
        open_sql("SELECT i AS id, 'u' || i AS uid, 5 AS five, NULL::VARCHAR AS nothing, i * 0.37 AS real, "
                 "CASE WHEN i % 4 = 0 THEN 100 + i % 7 ELSE i % 90 END AS below, "
                 "CASE WHEN i % 4 = 0 THEN 'x' || i % 5 ELSE 'y' || i % 6 END AS word, "
                 "CASE WHEN i % 4 = 0 AND i % 10000 <> 0 THEN i % 9 * 2 ELSE i % 9 * 2 + 1 END AS odd, "
                 "CASE WHEN i % 200 = 0 THEN 'stray' ELSE (i % 50)::VARCHAR END AS some, "
                 "CASE WHEN i % 3 = 0 THEN 'Infinity' ELSE (i % 8)::VARCHAR END AS rate, "
                 "i % 13 AS chance, i % 4 <> 0 AS attack, CASE WHEN i % 4 = 0 THEN 'ok' ELSE 'k' || i % 3 END AS label "
                 "FROM range(600000) t(i)");
    struct weir_check check = run(source, NULL, "ok");
    (void)state;
    assert_int_equal(check.rows, 600000);
    assert_true(column_of(&check, "id")->unique && column_of(&check, "uid")->unique);
    assert_false(column_of(&check, "id")->exact);
    assert_true(column_of(&check, "id")->distinct <= 600000 && column_of(&check, "id")->distinct > 560000);
    assert_true(column_of(&check, "five")->constant && column_of(&check, "nothing")->constant);
    assert_int_equal(column_of(&check, "nothing")->missing, 600000);
    assert_true(column_of(&check, "below")->tells >= 0.9999); /* above all others: by order */
    assert_true(column_of(&check, "word")->tells >= 0.9999);  /* by its texts */
    assert_true(column_of(&check, "odd")->tells >= 0.999);    /* by its values, in no order, but for a few rows */
    assert_true(column_of(&check, "attack")->tells >= 0.9999);
    assert_true(column_of(&check, "chance")->tells < 0.6);
    assert_int_equal(column_of(&check, "some")->strays, 3000);
    assert_true(column_of(&check, "some")->number);
    assert_int_equal(column_of(&check, "rate")->endless, 200000);
    assert_true(column_of(&check, "rate")->number && !column_of(&check, "word")->number);
    assert_true(column_of(&check, "label")->label && isnan(column_of(&check, "label")->tells));
    assert_false(weir_check_unfit(column_of(&check, "chance")) || weir_check_unfit(column_of(&check, "some")));
    weir_check_fini(&check);
    /* Without a benign label: the labels themselves. */
    check = run(source, "label", NULL);
    assert_null(check.benign);
    assert_true(column_of(&check, "attack")->tells < 0.7);
    weir_check_fini(&check);
    weir_relation_close(&source);
}

static void descriptions_count(void **state)
{
    struct weir_relation *source = open_files(
        write_file(
            "unsw.csv",
            "id,dur,proto,sttl,dttl,ct_srv_src,ct_state_ttl,extra,attack_cat,label\n"
            "1,0.5,udp,254,0,1,2,x,Normal,0\n2,0.5,udp,254,0,1,2,x,DoS,1\n3,0.5,udp,1,0,1,2,x,DoS,1\n4,1,tcp,1,1,1,1,x,,0\n"),
        NULL);
    struct weir_check check = run(source, NULL, NULL);
    (void)state;
    assert_string_equal(check.label, "attack_cat");
    assert_string_equal(check.benign, "Normal");
    assert_int_equal(check.unlabelled, 1);
    assert_int_equal(check.twice, 0);
    assert_int_equal(check.twice_learned, 1); /* but for id and sttl */
    assert_int_equal(check.contradicting, 3);
    assert_true(column_of(&check, "id")->identifier && column_of(&check, "sttl")->identifier);
    assert_true(column_of(&check, "label")->leak && column_of(&check, "label")->label);
    assert_true(column_of(&check, "extra")->strange && !column_of(&check, "dur")->strange);
    assert_int_equal(check.absent_count, 36);
    assert_string_equal(check.absent[0], "service");
    json_t *json = weir_check_json(&check);
    assert_string_equal(json_string_value(json_object_get(json, "data_set")), "unsw-nb15");
    assert_int_equal(json_array_size(json_object_get(json, "columns")), 10);
    assert_int_equal(json_integer_value(json_object_get(json, "contradicting")), 3);
    assert_int_equal(json_array_size(json_object_get(json, "classes")), 2);
    json_decref(json);
    weir_check_fini(&check);
    weir_relation_close(&source);
}

static void what_cannot_be_checked_is_said(void **state)
{
    struct weir_error error = {0};
    struct weir_check check;
    struct weir_relation *source = open_files(write_file("none.csv", "a,b\n"), NULL);
    (void)state;
    assert_int_equal(weir_check_run(source, &(struct weir_check_config){0}, &check, &error), WEIR_ERR_FORMAT);
    assert_non_null(strstr(error.text, "no rows"));
    assert_int_equal(weir_check_run(source, &(struct weir_check_config){.label = "c"}, &check, &error), WEIR_ERR_NOT_FOUND);
    weir_relation_close(&source);
    source = open_sql("SELECT i AS label FROM range(20000) t(i)");
    assert_int_equal(weir_check_run(source, &(struct weir_check_config){0}, &check, &error), WEIR_ERR_FORMAT);
    assert_non_null(strstr(error.text, "10,000"));
    weir_relation_close(&source);
    source = open_files(write_file("one.csv", "a,b\n1,x\n"), NULL);
    check = run(source, NULL, NULL);
    assert_null(check.label);
    assert_int_equal(check.rows, 1);
    assert_true(isnan(check.columns[0].tells) && check.columns[0].constant && !check.columns[0].unique);
    weir_check_fini(&check);
    weir_relation_close(&source);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_equal_a_naive_count),
        cmocka_unit_test(strange_columns_are_found),
        cmocka_unit_test(descriptions_count),
        cmocka_unit_test(what_cannot_be_checked_is_said),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
