/* The batcher against a plain list of what was put in. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "batch/batcher.h"
#include "features/lifecycle.h"

static double record_number(const struct weir_record *record)
{
    return record->identity.record;
}

static double record_half(const struct weir_record *record)
{
    return record->identity.record % 7 ? record->identity.record / 2.0 : NAN;
}

static double record_port(const struct weir_record *record)
{
    return record->identity.sport;
}

static const struct weir_column columns[] = {
    {.name = "number", .unit = "", .definition = "record number", .type = WEIR_COLUMN_INTEGER, .value = record_number},
    {.name = "name", .unit = "", .definition = "text only", .type = WEIR_COLUMN_TEXT},
    {.name = "half", .unit = "", .definition = "half of it", .type = WEIR_COLUMN_REAL, .value = record_half},
    {.name = "port", .unit = "", .definition = "port", .type = WEIR_COLUMN_INTEGER, .value = record_port},
};
static const struct weir_view_ops ops = {.constants = "none"};
static const struct weir_view view = {.name = "test", .columns = columns, .column_count = 4, .ops = &ops};

struct receiver {
    struct weir_pool *pool;
    unsigned batches, limit; /* refuses after `limit` batches */
    uint32_t rows;           /* the number that the next row must have */
    uint16_t last_rows;
};

static bool receive(void *context, struct weir_batch *batch)
{
    struct receiver *r = context;
    if (r->batches == r->limit)
        return false;
    assert_int_equal(batch->seq, r->batches);
    assert_int_equal(batch->lane, 3);
    assert_int_equal(batch->columns, 2);
    for (unsigned i = 0; i < batch->rows; i++, r->rows++) {
        const struct weir_record expected = {.identity = {.record = r->rows}};
        float half = (float)record_half(&expected), port = (float)(r->rows & 0xffff);
        assert_int_equal(batch->identity[i].record, r->rows);
        assert_true(*weir_batch_cell(batch, i, 0) == port);
        float cell = *weir_batch_cell(batch, i, 1);
        assert_true(isnan(half) ? isnan(cell) : cell == half);
        assert_int_equal(batch->closed_ns[i], 1000 + r->rows);
    }
    r->batches++;
    r->last_rows = batch->rows;
    weir_pool_give(r->pool, batch);
    return true;
}

static struct weir_batcher *make(struct receiver *receiver, unsigned rows)
{
    static const uint16_t wanted[] = {3, 2};
    struct weir_batcher *batcher = NULL;
    assert_int_equal(weir_pool_create(2, 2, &receiver->pool), WEIR_OK);
    struct weir_batcher_config config = {.pool = receiver->pool,
                                         .view = &view,
                                         .columns = wanted,
                                         .column_count = 2,
                                         .lane = 3,
                                         .rows = rows,
                                         .max_delay_ns = 100,
                                         .send = receive,
                                         .context = receiver};
    assert_int_equal(weir_batcher_create(&config, &batcher), WEIR_OK);
    return batcher;
}

static void add(struct weir_batcher *batcher, uint32_t number)
{
    struct weir_record record = {.identity = {.record = number, .sport = (uint16_t)number}};
    weir_batcher_add(batcher, &record, 1000 + number);
}

static void every_row_once_in_order(void **state)
{
    (void)state;
    static const unsigned sizes[] = {1, 2, 63, 64, 65, 511, 512};
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
        struct receiver receiver = {.limit = UINT32_MAX};
        struct weir_batcher *batcher = make(&receiver, sizes[s]);
        for (uint32_t i = 0; i < 1300; i++)
            add(batcher, i);
        assert_int_equal(receiver.batches, 1300 / sizes[s]);
        weir_batcher_flush(batcher);
        weir_batcher_flush(batcher);
        assert_int_equal(receiver.rows, 1300);
        assert_int_equal(weir_batcher_account(batcher)->rows, 1300);
        assert_int_equal(weir_batcher_account(batcher)->batches, receiver.batches);
        weir_batcher_destroy(&batcher);
        weir_pool_destroy(&receiver.pool);
    }
}

static void age_and_wish_close_a_batch(void **state)
{
    (void)state;
    struct receiver receiver = {.limit = UINT32_MAX};
    struct weir_batcher *batcher = make(&receiver, 64);
    weir_batcher_poll(batcher, 5000, true); /* nothing open */
    add(batcher, 0);
    weir_batcher_poll(batcher, 1099, false);
    weir_batcher_poll(batcher, 1099, true); /* one row is not worth a worker's while */
    assert_int_equal(receiver.batches, 0);
    weir_batcher_poll(batcher, 1100, false); /* but it is old enough now */
    assert_int_equal(receiver.last_rows, 1);
    for (uint32_t i = 1; i < WEIR_BATCH_WORTH; i++)
        add(batcher, i);
    weir_batcher_poll(batcher, 1001, true);
    assert_int_equal(receiver.batches, 1);
    add(batcher, WEIR_BATCH_WORTH);
    weir_batcher_poll(batcher, 1001, true);
    assert_int_equal(receiver.last_rows, WEIR_BATCH_WORTH);
    weir_batcher_destroy(&batcher);
    weir_pool_destroy(&receiver.pool);
}

static bool count(void *context, struct weir_batch *batch)
{
    struct receiver *r = context;
    assert_true(batch->handed_ns > 0);
    r->batches++;
    weir_pool_give(r->pool, batch);
    return true;
}

static void a_budget_closes_in_time(void **state)
{
    (void)state;
    static const uint16_t wanted[] = {3, 2};
    enum { MS = 1000000 };
    atomic_int_fast64_t service_ns = 0;
    struct receiver receiver = {0};
    struct weir_batcher *batcher = NULL;
    assert_int_equal(weir_pool_create(2, 2, &receiver.pool), WEIR_OK);
    struct weir_batcher_config config = {.pool = receiver.pool,
                                         .view = &view,
                                         .columns = wanted,
                                         .column_count = 2,
                                         .rows = 512,
                                         .max_delay_ns = 5 * MS,
                                         .budget_ns = 5 * MS,
                                         .send = count,
                                         .context = &receiver};
    assert_int_equal(weir_batcher_create(&config, &batcher), WEIR_ERR_ARGUMENT);
    config.service_ns = &service_ns;
    assert_int_equal(weir_batcher_create(&config, &batcher), WEIR_OK);
    /* what scoring takes, and when a batch is handed on: the lane looks once a millisecond */
    static const int64_t took_ns[] = {0, 1 * MS, 3 * MS, 4 * MS, 9 * MS}, due_ns[] = {4 * MS, 3 * MS, 1 * MS, 0, 0};
    for (unsigned i = 0; i < 5; i++) {
        atomic_store(&service_ns, took_ns[i]);
        add(batcher, 0); /* at 1000 */
        if (due_ns[i]) {
            weir_batcher_poll(batcher, 1000 + due_ns[i] - 1, false);
            assert_int_equal(receiver.batches, i);
        }
        weir_batcher_poll(batcher, 1000 + due_ns[i], false);
        assert_int_equal(receiver.batches, i + 1);
    }
    weir_batcher_destroy(&batcher);
    config.max_delay_ns = 2 * MS; /* the sooner of the two */
    atomic_store(&service_ns, 0);
    assert_int_equal(weir_batcher_create(&config, &batcher), WEIR_OK);
    add(batcher, 0);
    weir_batcher_poll(batcher, 1000 + 2 * MS, false);
    assert_int_equal(receiver.batches, 6);
    weir_batcher_destroy(&batcher);
    weir_pool_destroy(&receiver.pool);
}

static void what_nobody_takes_is_counted(void **state)
{
    (void)state;
    struct receiver receiver = {.limit = 2};
    struct weir_batcher *batcher = make(&receiver, 10);
    for (uint32_t i = 0; i < 35; i++)
        add(batcher, i);
    weir_pool_close(receiver.pool); /* the two free batches may still be taken */
    weir_batcher_flush(batcher);
    assert_int_equal(weir_batcher_account(batcher)->rows, 20);
    assert_int_equal(weir_batcher_account(batcher)->stopped, 15);
    weir_batcher_destroy(&batcher);
    weir_pool_destroy(&receiver.pool);
}

static void wrong_configurations(void **state)
{
    (void)state;
    static const uint16_t text[] = {1}, outside[] = {4};
    struct weir_pool *pool = NULL;
    struct weir_batcher *batcher = NULL;
    assert_int_equal(weir_pool_create(0, 1, &pool), WEIR_ERR_ARGUMENT);
    assert_int_equal(weir_pool_create(1, 1, &pool), WEIR_OK);
    struct weir_batcher_config config = {
        .pool = pool, .view = &view, .columns = text, .column_count = 1, .rows = 1, .send = receive};
    assert_int_equal(weir_batcher_create(&config, &batcher), WEIR_ERR_ARGUMENT);
    config.columns = outside;
    assert_int_equal(weir_batcher_create(&config, &batcher), WEIR_ERR_ARGUMENT);
    config.column_count = 0;
    config.rows = 513;
    assert_int_equal(weir_batcher_create(&config, &batcher), WEIR_ERR_ARGUMENT);
    weir_pool_destroy(&pool);
}

static void column_lists_have_ids(void **state)
{
    (void)state;
    const char *ab_c[] = {"ab", "c"}, *a_bc[] = {"a", "bc"}, *c_ab[] = {"c", "ab"};
    uint64_t id = weir_column_list_id(7, ab_c, 2);
    assert_true(id == weir_column_list_id(7, ab_c, 2));
    assert_true(id != weir_column_list_id(8, ab_c, 2));
    assert_true(id != weir_column_list_id(7, a_bc, 2));
    assert_true(id != weir_column_list_id(7, c_ab, 2));
    assert_true(id != weir_column_list_id(7, ab_c, 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_row_once_in_order), cmocka_unit_test(age_and_wish_close_a_batch),
        cmocka_unit_test(a_budget_closes_in_time), cmocka_unit_test(what_nobody_takes_is_counted),
        cmocka_unit_test(wrong_configurations),    cmocka_unit_test(column_lists_have_ids),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
