/* The front of a survey in the terminal, and the record of its runs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "survey/front.h"
#include "survey/runs.h"

static json_t *group_of(const char *data, const char *algorithm, int select, double f1, double score_ns, bool front)
{
    json_t *group = json_pack("{s:s,s:n,s:s,s:{s:f},s:{s:f}}", "data", data, "test_data", "algorithm", algorithm, "f1", "mean",
                              f1, "score_ns", "mean", score_ns);
    json_object_set_new(group, "select", select ? json_integer(select) : json_null());
    json_object_set_new(group, "front", json_boolean(front));
    return group;
}

static void front_is_printed_within_80_columns(void **state)
{
    char *text;
    size_t size, width = 0;
    FILE *to = open_memstream(&text, &size);
    (void)state;
    json_t *summary =
        json_pack("[o,o,o,o]", group_of("a", "random-forest", 0, 0.9999, 300, true), group_of("a", "lda", 4, 0.95, 20, true),
                  group_of("a", "knn", 8, 0.94, 9000, false), group_of("b", "lda", 0, 0.9, 5, true));
    json_t *report = json_pack("{s:o,s:{s:{s:i}}}", "summary", summary, "data", "a", "columns", 83);
    weir_survey_front_print(to, report);
    fclose(to);
    for (const char *c = text; *c; c++) { /* bytes that begin a character */
        width = *c == '\n' ? 0 : width + ((*c & 0xc0) != 0x80);
        assert_true(width <= 80);
    }
    assert_non_null(strstr(text, "random-forest                  83   0.99990   0.00000         300 ns (scoring)\n"));
    assert_non_null(strstr(text, "lda                             4   0.95000  -0.04990        20.0 ns (scoring)\n"));
    assert_null(strstr(text, "\nknn"));
    assert_null(strstr(text, "\nb: ")); /* one model is no choice */
    free(text);
    json_object_del(json_array_get(summary, 1), "select");
    json_object_del(json_array_get(summary, 2), "select");
    to = open_memstream(&text, &size);
    weir_survey_front_print(to, report);
    fclose(to);
    assert_string_equal(text, ""); /* no columns were chosen */
    free(text);
    json_decref(report);
}

static json_t *report_of(const char *engine, int jobs, double total, const char *second)
{
    return json_pack("{s:s,s:i,s:f,s:[{s:s,s:s,s:f,s:f},{s:s,s:s,s:f,s:f},{s:s,s:s,s:n,s:n}]}", "engine", engine, "jobs", jobs,
                     "total_s", total, "tasks", "id", "x", "algorithm", "lda", "fit_s", 1.0, "score_s", 0.5, "id", second,
                     "algorithm", "lda", "fit_s", 2.0, "score_s", 0.25, "id", "z", "algorithm", "svm", "fit_s", "score_s");
}

static size_t note(const char *dir, bool whole, json_t *report)
{
    struct weir_error error;
    assert_int_equal(weir_survey_runs_note(dir, whole, report, &error), WEIR_OK);
    return json_array_size(json_object_get(report, "runs"));
}

static void runs_of_the_same_tasks_are_kept(void **state)
{
    char dir[] = "/tmp/weir-test-runs-XXXXXX", path[64];
    (void)state;
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/runs.json", dir);
    json_t *two = report_of("local", 2, 2.5, "y"), *one = report_of("local", 1, 4, "y"), *ray = report_of("ray", 1, 9, "y");
    json_t *other = report_of("local", 1, 4, "else"), *again = report_of("local", 2, 2, "y"),
           *resumed = report_of("local", 3, 1, "y");
    assert_int_equal(note(dir, true, two), 1);
    assert_int_equal(note(dir, true, ray), 2);
    assert_int_equal(note(dir, true, one), 3);
    assert_int_equal(note(dir, true, other), 1);
    assert_int_equal(note(dir, true, again), 3);
    assert_int_equal(note(dir, false, resumed), 3); /* took what others had done */
    json_t *runs = json_object_get(resumed, "runs");
    static const int jobs[] = {1, 2, 1};
    static const double total[] = {4, 2, 9};
    for (size_t i = 0; i < 3; i++) {
        const json_t *run = json_array_get(runs, i);
        assert_int_equal(json_integer_value(json_object_get(run, "jobs")), jobs[i]);
        assert_true(json_real_value(json_object_get(run, "total_s")) == total[i]);
        assert_true(json_real_value(json_object_get(run, "task_s")) == 3.75);
        assert_true(json_real_value(json_object_get(json_object_get(run, "algorithms"), "lda")) == 3.75);
        assert_null(json_object_get(json_object_get(run, "algorithms"), "svm"));
    }
    FILE *damaged = fopen(path, "w");
    fputs("{]", damaged);
    fclose(damaged);
    assert_int_equal(note(dir, true, two), 1);
    unlink(path);
    rmdir(dir);
    json_t *all[] = {two, one, ray, other, again, resumed};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        json_decref(all[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(front_is_printed_within_80_columns),
        cmocka_unit_test(runs_of_the_same_tasks_are_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
