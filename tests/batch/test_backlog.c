/* The backlog against a list of copies; then several threads through a small one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <pthread.h>

#include "batch/backlog.h"
#include "frames.h"

enum { SMALL = 100000, STEPS = 20000, KEPT = 4096, THREADS = 3, EACH = 4000 };

static const char *const classes[] = {"benign", "flood"};

struct sample {
    struct weir_batch batch;
    struct weir_verdicts verdicts;
};

static void make(struct sample *s, unsigned rows, uint32_t lane, uint64_t seq)
{
    s->batch.rows = (uint16_t)rows;
    s->batch.columns = 7;
    s->batch.lane = lane;
    s->batch.seq = seq;
    s->batch.boot = lane * 1000 + seq;
    s->verdicts.batch = &s->batch;
    s->verdicts.classes = classes;
    s->verdicts.class_count = 2;
    s->verdicts.threshold = (float)seq;
    s->verdicts.lender = s;
    s->verdicts.alerts = 0;
    random_bytes(s->batch.identity, rows * sizeof *s->batch.identity);
    for (unsigned r = 0; r < rows; r++) {
        s->batch.closed_ns[r] = (int64_t)next();
        s->verdicts.scored_ns[r] = (int64_t)next();
        s->verdicts.score[r] = (float)(next() % 1000);
        s->verdicts.class_index[r] = (uint16_t)next();
        s->verdicts.alert[r] = next() % 8 == 0;
        if (s->verdicts.alert[r])
            s->verdicts.causes[s->verdicts.alerts++] =
                (struct weir_alert_causes){.row = (uint16_t)r, .count = 1, .cause = {{1, 2, 3}}};
    }
}

static void check(const struct sample *in, const struct sample *out)
{
    const struct weir_verdicts *a = &in->verdicts, *b = &out->verdicts;
    unsigned rows = in->batch.rows;
    assert_ptr_equal(b->batch, &out->batch);
    assert_int_equal(out->batch.rows, rows);
    assert_int_equal(out->batch.columns, in->batch.columns);
    assert_int_equal(out->batch.lane, in->batch.lane);
    assert_int_equal(out->batch.seq, in->batch.seq);
    assert_int_equal(out->batch.boot, in->batch.boot);
    assert_memory_equal(out->batch.identity, in->batch.identity, rows * sizeof *in->batch.identity);
    assert_memory_equal(out->batch.closed_ns, in->batch.closed_ns, rows * sizeof *in->batch.closed_ns);
    assert_ptr_equal(b->classes, a->classes);
    assert_ptr_equal(b->lender, a->lender);
    assert_true(b->threshold == a->threshold);
    assert_memory_equal(b->scored_ns, a->scored_ns, rows * sizeof *a->scored_ns);
    assert_memory_equal(b->score, a->score, rows * sizeof *a->score);
    assert_memory_equal(b->class_index, a->class_index, rows * sizeof *a->class_index);
    assert_memory_equal(b->alert, a->alert, rows * sizeof *a->alert);
    assert_int_equal(b->alerts, a->alerts);
    for (unsigned i = 0; i < a->alerts; i++)
        assert_int_equal(b->causes[i].row, a->causes[i].row);
}

/* Pushes only what there is surely room for, as one thread would wait for ever: an entry is at most 300 bytes more than its rows
 * and alerts, and a wrap may cost as much again as the largest. */
static void test_against_a_list(void **unused)
{
    (void)unused;
    struct weir_backlog *backlog;
    assert_int_equal(weir_backlog_create(SMALL, &backlog), WEIR_OK);
    struct sample **kept = calloc(KEPT, sizeof *kept), *out = calloc(1, sizeof *out);
    uint64_t pushed = 0, popped = 0, wraps = 0, rows_in = 0, most = 0;
    out->verdicts.batch = &out->batch;
    assert_false(weir_backlog_pop(backlog, 0, &out->verdicts));
    for (unsigned step = 0; step < STEPS; step++) {
        if (next() % 2 && rows_in < 180) {
            struct sample *s = kept[pushed % KEPT] = malloc(sizeof *s);
            unsigned rows = 1 + (unsigned)(next() % (step % 100 ? 30 : 120));
            make(s, rows, 3, pushed++);
            assert_true(weir_backlog_push(backlog, &s->verdicts));
            rows_in += rows;
            most = rows_in > most ? rows_in : most;
            wraps += rows;
        } else if (pushed > popped) {
            assert_true(weir_backlog_pop(backlog, 0, &out->verdicts));
            check(kept[popped % KEPT], out);
            rows_in -= out->batch.rows;
            free(kept[popped++ % KEPT]);
        }
    }
    assert_true(wraps * 110 > 10 * SMALL && most > 180); /* it went round, with something in it */
    weir_backlog_close(backlog);
    weir_backlog_close(backlog);
    make(out, 1, 0, 0);
    assert_false(weir_backlog_push(backlog, &out->verdicts));
    for (; popped < pushed; free(kept[popped++ % KEPT])) {
        assert_true(weir_backlog_pop(backlog, -1, &out->verdicts));
        check(kept[popped % KEPT], out);
    }
    assert_false(weir_backlog_pop(backlog, -1, &out->verdicts));
    assert_true(weir_backlog_closed(backlog));
    weir_backlog_destroy(&backlog);
    assert_null(backlog);
    weir_backlog_destroy(&backlog);
    free(kept);
    free(out);
}

/* The largest batch with an alert a row fits, whatever was asked for. */
static void test_largest(void **unused)
{
    (void)unused;
    struct weir_backlog *backlog;
    assert_int_equal(weir_backlog_create(1, &backlog), WEIR_OK);
    struct sample *in = calloc(1, sizeof *in), *out = calloc(1, sizeof *out);
    out->verdicts.batch = &out->batch;
    for (unsigned i = 0; i < 3; i++) {
        make(in, WEIR_BATCH_ROWS, 1, i);
        in->verdicts.alerts = WEIR_BATCH_ROWS;
        assert_true(weir_backlog_push(backlog, &in->verdicts));
        assert_true(weir_backlog_pop(backlog, -1, &out->verdicts));
        check(in, out);
    }
    weir_backlog_destroy(&backlog);
    free(in);
    free(out);
}

static struct weir_backlog *shared;

static void *push_all(void *lane)
{
    struct sample *s = calloc(1, sizeof *s);
    for (uint64_t seq = 0; seq < EACH; seq++) {
        s->batch.rows = (uint16_t)(1 + seq % 64);
        s->batch.lane = (uint32_t)(uintptr_t)lane;
        s->batch.seq = seq;
        s->verdicts.batch = &s->batch;
        for (unsigned r = 0; r < s->batch.rows; r++)
            s->batch.closed_ns[r] = (int64_t)(seq + r);
        if (!weir_backlog_push(shared, &s->verdicts))
            break;
    }
    free(s);
    return NULL;
}

static void test_threads(void **unused)
{
    (void)unused;
    pthread_t thread[THREADS];
    uint64_t expected[THREADS] = {0};
    struct sample *out = calloc(1, sizeof *out);
    out->verdicts.batch = &out->batch;
    assert_int_equal(weir_backlog_create(SMALL, &shared), WEIR_OK);
    for (uintptr_t t = 0; t < THREADS; t++)
        assert_int_equal(pthread_create(&thread[t], NULL, push_all, (void *)t), 0);
    for (unsigned i = 0; i < THREADS * EACH; i++) {
        assert_true(weir_backlog_pop(shared, -1, &out->verdicts));
        assert_true(out->batch.lane < THREADS);
        assert_int_equal(out->batch.seq, expected[out->batch.lane]++);
        assert_int_equal(out->batch.rows, 1 + out->batch.seq % 64);
        for (unsigned r = 0; r < out->batch.rows; r++)
            assert_int_equal(out->batch.closed_ns[r], out->batch.seq + r);
    }
    for (unsigned t = 0; t < THREADS; t++)
        pthread_join(thread[t], NULL);
    assert_false(weir_backlog_pop(shared, 1000, &out->verdicts));
    weir_backlog_destroy(&shared);
    free(out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_against_a_list), cmocka_unit_test(test_largest),
                                       cmocka_unit_test(test_threads)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
