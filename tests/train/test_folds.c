#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "train/folds.h"
#include "train/split.h"

enum { ROWS = 5003, LABELS = 6, GROUPS = 40 };

static char *names[LABELS] = {"Benign", "Bot", "DoS", "Heartbleed", "Portscan", "Web"};
static uint32_t labels[ROWS];
static int64_t times[ROWS], groups[ROWS];

/* 1 row of label 3, 2 of label 5, 11 of label 4, every ninth of label 1 and every fifth of label 2, the rest benign. Times go up
 * and down and come in runs; every 100th row has none. Group sizes fall from about 500 to about 20. */
static int make_rows(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS; i++) {
        labels[i] = i == 77 ? 3 : i == 5 || i == 5000 ? 5 : i % 450 == 3 && i < 4900 ? 4 : i % 9 == 0 ? 1 : i % 5 == 0 ? 2 : 0;
        times[i] = i % 100 == 50 ? WEIR_SIDE_MISSING : (int64_t)(i * 7919 % ROWS / 4);
        groups[i] = i % 100 == 50 ? WEIR_SIDE_MISSING : (int64_t)(i * i % 7919 * i % 7919 % GROUPS * (i % 3) / 2);
    }
    return 0;
}

static struct weir_folds_rows rows_with(const int64_t *side)
{
    return (struct weir_folds_rows){
        .labels = labels, .rows = ROWS, .label_count = LABELS, .label_text = names, .benign = 0, .side = side};
}

static void make(const struct weir_folds_config *config, const struct weir_folds_rows *rows, struct weir_folds *out)
{
    struct weir_error error = {0};
    if (weir_folds_make(config, rows, out, &error) != WEIR_OK)
        fail_msg("%s", error.text);
}

static void check_lists(const struct weir_folds *folds)
{
    for (size_t f = 0; f < folds->count; f++) {
        unsigned char seen[ROWS] = {0};
        const struct weir_fold *fold = &folds->fold[f];
        assert_true(fold->train_count > 0 && fold->test_count > 0);
        for (size_t i = 0; i < fold->train_count; i++) {
            assert_true(fold->train[i] < ROWS && (i == 0 || fold->train[i - 1] < fold->train[i]));
            seen[fold->train[i]] = 1;
        }
        for (size_t i = 0; i < fold->test_count; i++) {
            assert_true(fold->test[i] < ROWS && (i == 0 || fold->test[i - 1] < fold->test[i]));
            assert_int_equal(seen[fold->test[i]], 0);
        }
    }
}

/* Every used row tests in exactly one fold and trains in all others. */
static void check_partition(const struct weir_folds *folds, size_t used)
{
    int tests[ROWS] = {0}, trains[ROWS] = {0};
    size_t count = 0;
    for (size_t f = 0; f < folds->count; f++) {
        for (size_t i = 0; i < folds->fold[f].test_count; i++)
            tests[folds->fold[f].test[i]]++;
        for (size_t i = 0; i < folds->fold[f].train_count; i++)
            trains[folds->fold[f].train[i]]++;
    }
    for (size_t row = 0; row < ROWS; row++) {
        assert_true(tests[row] <= 1);
        assert_int_equal(trains[row], tests[row] ? (int)folds->count - 1 : 0);
        count += (size_t)tests[row];
    }
    assert_int_equal(count, used);
}

static void one_drawn_fold_is_the_split(void **state)
{
    struct weir_folds folds;
    struct weir_split split;
    struct weir_folds_rows rows = rows_with(NULL);
    struct weir_folds_config config = WEIR_FOLDS_DEFAULT;
    (void)state;
    config.seed = 7;
    make(&config, &rows, &folds);
    assert_int_equal(weir_split_draw(labels, ROWS, LABELS, 0.2, 7, &split), WEIR_OK);
    assert_int_equal(folds.count, 1);
    assert_string_equal(folds.fold[0].name, "");
    assert_int_equal(folds.fold[0].test_count, split.test_count);
    assert_memory_equal(folds.fold[0].test, split.test, split.test_count * sizeof *split.test);
    assert_memory_equal(folds.fold[0].train, split.train, split.train_count * sizeof *split.train);
    free(split.train);
    weir_folds_fini(&folds);
}

static void drawn_parts_are_equal_in_each_label(void **state)
{
    struct weir_folds_rows rows = rows_with(NULL);
    (void)state;
    for (unsigned k = 2; k <= 10; k++) {
        struct weir_folds folds;
        struct weir_folds_config config = WEIR_FOLDS_DEFAULT;
        size_t all[LABELS] = {0};
        config.folds = k;
        config.seed = k;
        make(&config, &rows, &folds);
        assert_int_equal(folds.count, k);
        assert_string_equal(folds.fold[1].name, "2");
        check_lists(&folds);
        check_partition(&folds, ROWS);
        for (size_t i = 0; i < ROWS; i++)
            all[labels[i]]++;
        for (size_t f = 0; f < k; f++) {
            size_t have[LABELS] = {0};
            for (size_t i = 0; i < folds.fold[f].test_count; i++)
                have[labels[folds.fold[f].test[i]]]++;
            for (size_t l = 0; l < LABELS; l++)
                assert_in_range(have[l], all[l] / k, (all[l] + k - 1) / k);
            assert_in_range(folds.fold[f].test_count, ROWS / k, (ROWS + k - 1) / k);
        }
        weir_folds_fini(&folds);
    }
}

static void a_sample_keeps_the_shares(void **state)
{
    static const double shares[] = {0.2, 0.01, 0.5, 0.999, 1e-9};
    size_t all[LABELS] = {0};
    (void)state;
    for (size_t i = 0; i < ROWS; i++)
        all[labels[i]]++;
    for (size_t s = 0; s < sizeof shares / sizeof *shares; s++) {
        size_t count, have[LABELS] = {0};
        uint32_t *list = weir_folds_sample(labels, ROWS, LABELS, shares[s], 3, &count);
        for (size_t i = 0; i < count; i++) {
            assert_true(i == 0 || list[i - 1] < list[i]);
            have[labels[list[i]]]++;
        }
        for (size_t l = 0; l < LABELS; l++) {
            long nearest = lround((double)all[l] * shares[s]), least = all[l] < 2 ? (long)all[l] : 2;
            assert_int_equal(have[l], nearest < least ? least : nearest);
        }
        free(list);
    }
}

static void a_sample_is_split_as_if_it_were_all(void **state)
{
    struct weir_folds folds, again;
    struct weir_folds_rows rows = rows_with(NULL);
    struct weir_folds_config config = WEIR_FOLDS_DEFAULT;
    size_t count;
    (void)state;
    config.sample = 0.2;
    config.folds = 5;
    make(&config, &rows, &folds);
    check_lists(&folds);
    uint32_t *list = weir_folds_sample(labels, ROWS, LABELS, 0.2, 1, &count), *own = malloc(count * sizeof *own);
    assert_int_equal(folds.sampled, count);
    check_partition(&folds, count);
    for (size_t i = 0; i < count; i++)
        own[i] = labels[list[i]];
    struct weir_folds_rows fewer = {.labels = own, .rows = count, .label_count = LABELS, .label_text = names};
    config.sample = 1;
    make(&config, &fewer, &again);
    for (size_t f = 0; f < 5; f++) {
        assert_int_equal(folds.fold[f].test_count, again.fold[f].test_count);
        for (size_t i = 0; i < again.fold[f].test_count; i++)
            assert_int_equal(folds.fold[f].test[i], list[again.fold[f].test[i]]);
    }
    free(list);
    free(own);
    weir_folds_fini(&folds);
    weir_folds_fini(&again);
}

static void the_seed_decides(void **state)
{
    struct weir_folds a, b, c;
    struct weir_folds_rows rows = rows_with(NULL);
    struct weir_folds_config config = WEIR_FOLDS_DEFAULT;
    (void)state;
    config.folds = 5;
    make(&config, &rows, &a);
    make(&config, &rows, &b);
    config.seed = 2;
    make(&config, &rows, &c);
    assert_memory_equal(a.fold[0].test, b.fold[0].test, a.fold[0].test_count * sizeof(uint32_t));
    assert_true(memcmp(a.fold[0].test, c.fold[0].test, 900 * sizeof(uint32_t)) != 0);
    weir_folds_fini(&a);
    weir_folds_fini(&b);
    weir_folds_fini(&c);
}

static void time_goes_forward(void **state)
{
    struct weir_folds_rows rows = rows_with(times);
    (void)state;
    for (unsigned k = 0; k <= 5; k += k ? 1 : 2) {
        struct weir_folds folds;
        struct weir_folds_config config = WEIR_FOLDS_DEFAULT;
        config.kind = WEIR_FOLDS_TIME;
        config.folds = k;
        make(&config, &rows, &folds);
        check_lists(&folds);
        assert_int_equal(folds.sampled, ROWS);
        assert_int_equal(folds.sideless, 50);
        size_t with_time = ROWS - 50, before = 0;
        for (size_t f = 0; f < folds.count; f++) {
            int64_t last = INT64_MIN, first = INT64_MAX;
            const struct weir_fold *fold = &folds.fold[f];
            for (size_t i = 0; i < fold->train_count; i++)
                last = times[fold->train[i]] > last ? times[fold->train[i]] : last;
            for (size_t i = 0; i < fold->test_count; i++)
                first = times[fold->test[i]] < first ? times[fold->test[i]] : first;
            assert_true(last < first);
            if (f)
                assert_int_equal(fold->train_count, before);
            before = fold->train_count + fold->test_count;
            double share = k ? 1.0 / (k + 1) : 0.2;
            assert_true(fabs((double)fold->test_count - share * (double)with_time) <= 4); /* runs are 4 long */
        }
        assert_int_equal(before, with_time);
        weir_folds_fini(&folds);
    }
}

static void a_long_run_of_one_time_stays_together(void **state)
{
    uint32_t own[10] = {0};
    struct weir_folds folds;
    struct weir_error error = {0};
    struct weir_folds_config config = WEIR_FOLDS_DEFAULT;
    struct weir_folds_rows rows = {.labels = own, .rows = 10, .label_count = 1, .label_text = names};
    (void)state;
    config.kind = WEIR_FOLDS_TIME;
    rows.side = (int64_t[]){1, 1, 1, 1, 1, 1, 1, 1, 1, 0};
    make(&config, &rows, &folds);
    assert_int_equal(folds.fold[0].train_count, 1);
    assert_int_equal(folds.fold[0].train[0], 9);
    weir_folds_fini(&folds);
    rows.side = (int64_t[]){1, 1, 1, 1, 1, 1, 1, 1, 1, 2};
    make(&config, &rows, &folds);
    assert_int_equal(folds.fold[0].test_count, 1);
    weir_folds_fini(&folds);
    rows.side = (int64_t[]){5, 5, 5, 5, 5, 5, 5, 5, 5, 5};
    assert_int_equal(weir_folds_make(&config, &rows, &folds, &error), WEIR_ERR_FORMAT);
    assert_null(folds.fold);
    config.folds = 3;
    rows.side = (int64_t[]){1, 2, 2, 2, 2, 2, 2, 2, 2, 3};
    assert_int_equal(weir_folds_make(&config, &rows, &folds, &error), WEIR_ERR_FORMAT);
}

static void groups_stay_together(void **state)
{
    struct weir_folds_rows rows = rows_with(groups);
    size_t size[2 * GROUPS] = {0}, most = 0;
    (void)state;
    for (size_t i = 0; i < ROWS; i++)
        if (groups[i] != WEIR_SIDE_MISSING)
            size[groups[i]]++;
    for (size_t g = 0; g < 2 * GROUPS; g++)
        most = size[g] > most ? size[g] : most;
    for (unsigned k = 0; k <= 4; k += k ? 1 : 2) {
        struct weir_folds folds;
        struct weir_folds_config config = WEIR_FOLDS_DEFAULT;
        config.kind = WEIR_FOLDS_GROUP;
        config.column = "host";
        config.folds = k;
        make(&config, &rows, &folds);
        check_lists(&folds);
        if (k)
            check_partition(&folds, ROWS - 50);
        for (size_t f = 0; f < folds.count; f++) {
            bool trains[2 * GROUPS] = {0};
            size_t smallest = SIZE_MAX;
            const struct weir_fold *fold = &folds.fold[f];
            assert_int_equal(fold->train_count + fold->test_count, ROWS - 50);
            for (size_t i = 0; i < fold->train_count; i++)
                trains[groups[fold->train[i]]] = true;
            for (size_t i = 0; i < fold->test_count; i++)
                assert_false(trains[groups[fold->test[i]]]);
            for (size_t g = 0; g < 2 * GROUPS; g++)
                if (trains[g] && size[g] < smallest)
                    smallest = size[g];
            if (!k) { /* full: not one more of the training groups would fit */
                assert_true(fold->test_count <= (ROWS - 50) * 2 / 10 + 1);
                assert_true(fold->test_count + smallest > (ROWS - 50) * 2 / 10);
            } else {
                assert_true(fold->test_count <= (ROWS - 50) / k + most);
            }
        }
        weir_folds_fini(&folds);
    }
}

static void groups_that_are_too_large_or_too_few(void **state)
{
    uint32_t own[10] = {0};
    struct weir_folds folds;
    struct weir_error error = {0};
    struct weir_folds_config config = WEIR_FOLDS_DEFAULT;
    struct weir_folds_rows rows = {.labels = own, .rows = 10, .label_count = 1, .label_text = names};
    (void)state;
    config.kind = WEIR_FOLDS_GROUP;
    config.column = "host";
    rows.side = (int64_t[]){0, 0, 0, 0, 0, 0, 1, 1, 1, 1};
    make(&config, &rows, &folds);
    assert_int_equal(folds.fold[0].test_count, 4); /* nothing fits into two rows */
    weir_folds_fini(&folds);
    config.folds = 3;
    assert_int_equal(weir_folds_make(&config, &rows, &folds, &error), WEIR_ERR_ARGUMENT);
    assert_non_null(strstr(error.text, "column 'host' has 2 different values"));
}

static void each_attack_is_left_out_once(void **state)
{
    struct weir_folds folds;
    struct weir_folds_rows rows = rows_with(NULL);
    struct weir_folds_config config = WEIR_FOLDS_DEFAULT;
    size_t all[LABELS] = {0};
    (void)state;
    for (size_t i = 0; i < ROWS; i++)
        all[labels[i]]++;
    config.kind = WEIR_FOLDS_LEAVE_ATTACK;
    make(&config, &rows, &folds);
    assert_int_equal(folds.count, LABELS - 1);
    check_lists(&folds);
    for (size_t f = 0; f < folds.count; f++) {
        const struct weir_fold *fold = &folds.fold[f];
        size_t benign = 0, attack = 0;
        assert_string_equal(fold->name, names[f + 1]);
        assert_int_equal(fold->train_count + fold->test_count, ROWS);
        for (size_t i = 0; i < fold->train_count; i++)
            assert_int_not_equal(labels[fold->train[i]], f + 1);
        for (size_t i = 0; i < fold->test_count; i++) {
            benign += labels[fold->test[i]] == 0;
            attack += labels[fold->test[i]] == f + 1;
        }
        assert_int_equal(benign + attack, fold->test_count);
        assert_int_equal(attack, all[f + 1]);
        assert_int_equal(benign, lround((double)all[0] * 0.2));
    }
    weir_folds_fini(&folds);
    config.attack = "DoS";
    make(&config, &rows, &folds);
    assert_int_equal(folds.count, 1);
    assert_string_equal(folds.fold[0].name, "DoS");
    weir_folds_fini(&folds);
    struct weir_error error = {0};
    config.attack = "dos";
    assert_int_equal(weir_folds_make(&config, &rows, &folds, &error), WEIR_ERR_ARGUMENT);
    assert_string_equal(error.text, "no attack is labelled 'dos'");
}

static void what_cannot_be_split_is_said(void **state)
{
    static const uint32_t two[] = {0, 1, 0, 1};
    struct weir_folds folds;
    struct weir_error error = {0};
    struct weir_folds_rows rows = {.labels = two, .rows = 4, .label_count = 2, .label_text = names, .benign = -1};
    (void)state;
    const struct {
        struct weir_folds_config config;
        int64_t benign;
        weir_err code;
        const char *text;
    } cases[] = {
        {{.share = 0, .sample = 1}, 0, WEIR_ERR_ARGUMENT, "share"},
        {{.share = 1, .sample = 1}, 0, WEIR_ERR_ARGUMENT, "share"},
        {{.share = NAN, .sample = 1}, 0, WEIR_ERR_ARGUMENT, "share"},
        {{.share = 0.2, .sample = 0}, 0, WEIR_ERR_ARGUMENT, "sample"},
        {{.share = 0.2, .sample = 1.5}, 0, WEIR_ERR_ARGUMENT, "sample"},
        {{.share = 0.2, .sample = 1, .folds = 1}, 0, WEIR_ERR_ARGUMENT, "1 folds"},
        {{.share = 0.2, .sample = 1, .folds = 1001}, 0, WEIR_ERR_ARGUMENT, "1001 folds"},
        {{.share = 0.2, .sample = 1, .folds = 5}, 0, WEIR_ERR_FORMAT, "test on in fold 5"},
        {{.kind = WEIR_FOLDS_TIME, .share = 0.2, .sample = 1}, 0, WEIR_ERR_ARGUMENT, "column"},
        {{.kind = WEIR_FOLDS_LEAVE_ATTACK, .share = 0.2, .sample = 1}, -1, WEIR_ERR_ARGUMENT, "--benign"},
        {{.kind = WEIR_FOLDS_LEAVE_ATTACK, .share = 0.2, .sample = 1}, 0, WEIR_ERR_ARGUMENT, "there is 1"},
        {{.kind = WEIR_FOLDS_LEAVE_ATTACK, .share = 0.2, .sample = 1, .folds = 3}, 0, WEIR_ERR_ARGUMENT, "number of folds"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        rows.benign = cases[i].benign;
        assert_int_equal(weir_folds_make(&cases[i].config, &rows, &folds, &error), cases[i].code);
        if (!strstr(error.text, cases[i].text))
            fail_msg("%s", error.text);
        assert_null(folds.fold);
    }
    rows.rows = 0;
    assert_int_equal(weir_folds_make(&WEIR_FOLDS_DEFAULT, &rows, &folds, &error), WEIR_ERR_FORMAT);
}

static void ways_are_read(void **state)
{
    struct weir_folds_config config = WEIR_FOLDS_DEFAULT;
    struct weir_error error = {0};
    static const char *const wrong[] = {"", "time", "time:", "group:", "drawn:x", "leave-attacks", "leave-attack:", "random"};
    (void)state;
    assert_int_equal(weir_folds_parse("time:Flow:Start", &config, &error), WEIR_OK);
    assert_int_equal(config.kind, WEIR_FOLDS_TIME);
    assert_string_equal(config.column, "Flow:Start");
    assert_int_equal(weir_folds_parse("group:Src IP", &config, &error), WEIR_OK);
    assert_int_equal(config.kind, WEIR_FOLDS_GROUP);
    assert_int_equal(weir_folds_parse("leave-attack", &config, &error), WEIR_OK);
    assert_int_equal(config.kind, WEIR_FOLDS_LEAVE_ATTACK);
    assert_null(config.column);
    assert_null(config.attack);
    assert_int_equal(weir_folds_parse("leave-attack:Web Attack - XSS", &config, &error), WEIR_OK);
    assert_string_equal(config.attack, "Web Attack - XSS");
    assert_int_equal(weir_folds_parse("drawn", &config, &error), WEIR_OK);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_int_equal(weir_folds_parse(wrong[i], &config, &error), WEIR_ERR_ARGUMENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_drawn_fold_is_the_split),
        cmocka_unit_test(drawn_parts_are_equal_in_each_label),
        cmocka_unit_test(a_sample_keeps_the_shares),
        cmocka_unit_test(a_sample_is_split_as_if_it_were_all),
        cmocka_unit_test(the_seed_decides),
        cmocka_unit_test(time_goes_forward),
        cmocka_unit_test(a_long_run_of_one_time_stays_together),
        cmocka_unit_test(groups_stay_together),
        cmocka_unit_test(groups_that_are_too_large_or_too_few),
        cmocka_unit_test(each_attack_is_left_out_once),
        cmocka_unit_test(what_cannot_be_split_is_said),
        cmocka_unit_test(ways_are_read),
    };
    return cmocka_run_group_tests(tests, make_rows, NULL);
}
