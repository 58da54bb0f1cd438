#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "pipeline/stages.h"

static struct weir_stages stages;
static struct weir_batch batch;
static struct weir_verdicts verdicts = {.batch = &batch};

static double part(const char *stage, const char *what)
{
    json_t *json = weir_stages_json(&stages);
    double value = json_number_value(json_object_get(json_object_get(json, stage), what));
    json_decref(json);
    return value;
}

static void times_by_stage(void **state)
{
    (void)state;
    memset(&stages, 0, sizeof stages);
    batch.rows = 100;
    batch.handed_ns = 1000000;
    verdicts.taken_ns = 1030000;
    for (unsigned r = 0; r < 100; r++) {
        batch.closed_ns[r] = r < 60 ? 990000 : 999000; /* 10 us before, 1 us before */
        verdicts.scored_ns[r] = r < 64 ? 1032000 : 1040000;
    }
    weir_stages_add(&stages, &verdicts);
    for (unsigned i = 0; i < WEIR_STAGE_STORE; i++)
        assert_int_equal(stages.ns[i].count, 100);
    assert_int_equal(stages.ns[WEIR_STAGE_STORE].count, 0);
    assert_true(part("batch_wait", "max") == 10 && part("queue", "max") == 30 && part("score", "max") == 10);
    /* 40 of 100 rows waited 1 us; 64 of 100 were judged after 2 us; bucket edges are within 1/32 */
    assert_in_range(weir_histogram_quantile(&stages.ns[WEIR_STAGE_BATCH], 0.40), 1000, 1031);
    assert_in_range(weir_histogram_quantile(&stages.ns[WEIR_STAGE_BATCH], 0.41), 10000, 10312);
    assert_in_range(weir_histogram_quantile(&stages.ns[WEIR_STAGE_SCORE], 0.64), 2000, 2062);
    assert_in_range(weir_histogram_quantile(&stages.ns[WEIR_STAGE_SCORE], 0.65), 10000, 10312);
    batch.handed_ns = 0; /* one of another process: its times are not known here */
    weir_stages_add(&stages, &verdicts);
    assert_int_equal(stages.ns[WEIR_STAGE_QUEUE].count, 100);
    assert_int_equal(stages.fill[6], 2);
}

static void fill_by_powers_of_two(void **state)
{
    (void)state;
    static const uint16_t rows[] = {1, 2, 3, 4, 63, 64, 127, 511, 512, 512};
    memset(&stages, 0, sizeof stages);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        batch.rows = rows[i];
        weir_stages_add(&stages, &verdicts);
    }
    json_t *json = weir_stages_fill_json(&stages);
    json_t *want =
        json_pack("{s:i,s:i,s:i,s:i,s:i,s:i,s:i}", "1", 1, "2-3", 2, "4-7", 1, "32-63", 1, "64-127", 2, "256-511", 1, "512", 2);
    assert_true(json_equal(json, want));
    json_decref(json);
    json_decref(want);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(times_by_stage), cmocka_unit_test(fill_by_powers_of_two)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
