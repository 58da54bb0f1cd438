/* --overload degrade: as batches get scarce first the alerts' reasons are left out, then all rows but the alerts; when there is
 * room again all is as before. Everything that is left out is counted, and the account adds up. The backlog is made by holding
 * batches back, as a store that does not keep up does; the same 512 rows are judged in each state. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "bench/made.h"
#include "data/duck.h"
#include "pipeline/backend.h"

enum { BATCHES = 40, PHASES = 5 };

/* How many of the batches are held back, beside the one that is judged. A quarter of 40 is 10, an eighth 5. */
static const struct {
    unsigned held;
    bool explained, whole;
} phase[PHASES] = {{0, true, true}, {29, true, true}, {31, false, true}, {36, false, false}, {0, true, true}};

static uint64_t number(struct weir_duck *duck, const char *sql)
{
    duckdb_result result;
    struct weir_error error = {0};
    if (weir_duck_query(duck, sql, &result, &error) != WEIR_OK)
        fail_msg("%s", error.text);
    uint64_t value = duckdb_value_uint64(&result, 0, 0);
    duckdb_destroy_result(&result);
    return value;
}

static uint64_t in_phase(struct weir_duck *duck, const char *what, unsigned seq)
{
    char sql[256];
    snprintf(sql, sizeof sql, "SELECT count(DISTINCT (flow_id, record)) FROM %s WHERE seq = %u", what, seq);
    return number(duck, sql);
}

static void push(struct weir_backend *backend, const struct weir_made *made, unsigned seq)
{
    struct weir_batch *batch = weir_pool_take(weir_backend_pool(backend));
    batch->feature_set = weir_view_id(made->records.view);
    batch->seq = seq;
    batch->opened_ns = batch->handed_ns = weir_clock_mono_ns();
    for (unsigned r = 0; r < WEIR_BATCH_ROWS; r++) {
        batch->identity[r] = weir_records_identity(&made->records, r + seq * made->records.count);
        batch->closed_ns[r] = batch->opened_ns;
        for (unsigned c = 0; c < made->records.columns; c++)
            *weir_batch_cell(batch, r, c) = made->records.row[r * made->records.columns + c];
    }
    batch->rows = WEIR_BATCH_ROWS;
    assert_true(weir_backend_push(backend, batch));
}

static void in_the_order_of_the_design(void **state)
{
    static struct weir_account account;
    char path[64] = "/tmp/weir-test-degrade-XXXXXX", store[96], command[128], why[256] = "";
    struct weir_made made;
    struct weir_error error = {0};
    struct weir_backend *backend;
    (void)state;
    assert_non_null(mkdtemp(path));
    snprintf(store, sizeof store, "%s/store.duckdb", path);
    assert_int_equal(weir_made_trees(20, 6, &made, &error), WEIR_OK);
    const struct weir_backend_config config = {.model = made.model,
                                               .view = made.records.view,
                                               .reasons = WEIR_REASONS_EXACT,
                                               .degrade = true,
                                               .workers = 1,
                                               .batches = BATCHES,
                                               .producers = 1,
                                               .store = store,
                                               .sensor = "tap",
                                               .command = "test",
                                               .commit_interval_ns = 1000000};
    if (weir_backend_start(&config, &backend, &error) != WEIR_OK)
        fail_msg("%s", error.text);
    for (unsigned p = 0; p < PHASES; p++) {
        struct weir_batch *held[BATCHES];
        for (unsigned i = 0; i < phase[p].held; i++)
            assert_non_null(held[i] = weir_pool_take(weir_backend_pool(backend)));
        push(backend, &made, p);
        do { /* until it is in the store: then its batch is free again */
            nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
            weir_backend_account(backend, &account);
        } while (account.store.committed + account.store.degraded < (uint64_t)(p + 1) * WEIR_BATCH_ROWS);
        for (unsigned i = 0; i < phase[p].held; i++)
            weir_pool_give(weir_backend_pool(backend), held[i]);
    }
    if (weir_backend_drain(backend, &error) != WEIR_OK || weir_backend_finish(backend, NULL, &error) != WEIR_OK)
        fail_msg("%s", error.text);
    weir_backend_account(backend, &account);
    weir_backend_free(&backend);

    struct weir_duck *duck;
    const struct weir_duck_config look = {.path = store, .threads = 1};
    assert_int_equal(weir_duck_open(&look, &duck, &error), WEIR_OK);
    const uint64_t alerts = number(duck, "SELECT count(*) FROM verdicts WHERE alert AND seq = 0");
    assert_in_range(alerts, 1, 50);
    uint64_t unexplained = 0, degraded = 0;
    for (unsigned p = 0; p < PHASES; p++) {
        uint64_t there = phase[p].whole ? WEIR_BATCH_ROWS : alerts;
        assert_int_equal(in_phase(duck, "verdicts", p), there);
        assert_int_equal(in_phase(duck, "(FROM verdicts WHERE alert)", p), alerts);
        assert_int_equal(in_phase(duck, "(FROM verdicts SEMI JOIN reasons USING (flow_id, record))", p),
                         phase[p].explained ? alerts : 0);
        unexplained += phase[p].explained ? 0 : alerts;
        degraded += WEIR_BATCH_ROWS - there;
    }
    assert_int_equal(number(duck, "SELECT sum(withheld)::UBIGINT FROM outages WHERE what = 'store' AND reason = 'degraded'"),
                     degraded);
    assert_int_equal(number(duck, "SELECT sum(withheld)::UBIGINT FROM outages WHERE what = 'reasons' AND reason = 'degraded'"),
                     unexplained);
    assert_int_equal(
        number(duck, "SELECT count(*)::UBIGINT FROM outages WHERE ended < began OR run NOT IN (SELECT run FROM runs)"), 0);
    weir_duck_close(&duck);
    assert_int_equal(account.alerts, PHASES * alerts);
    assert_int_equal(account.unexplained, unexplained);
    assert_int_equal(account.store.degraded, degraded);
    assert_int_equal(account.store.withheld, 0);
    account.rows.batched = PHASES * WEIR_BATCH_ROWS;
    account.ingest.used = true;
    account.ingest.rows = account.rows.batched;
    account.meter.records[WEIR_REASON_INGESTED] = account.rows.batched;
    if (!weir_account_check(&account, why, sizeof why))
        fail_msg("%s", why);
    weir_made_fini(&made);
    snprintf(command, sizeof command, "rm -r %s", path);
    assert_int_equal(system(command), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(in_the_order_of_the_design)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
