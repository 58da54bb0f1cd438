/* A lane never allocates after start: the allocator of this program counts what the lanes' threads ask of it. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "bench/mix.h"
#include "decode/lane.h"
#include "pipeline/sensor.h"

/* glibc's own allocator, under the names that stay when a program defines malloc itself. */
extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *memory, size_t size);
extern void *__libc_memalign(size_t alignment, size_t size);

static _Thread_local bool watched;
static atomic_ulong allocations;

static void count(void)
{
    if (watched)
        atomic_fetch_add_explicit(&allocations, 1, memory_order_relaxed);
}

void *malloc(size_t size)
{
    count();
    return __libc_malloc(size);
}

void *calloc(size_t number, size_t size)
{
    count();
    return __libc_calloc(number, size);
}

void *realloc(void *memory, size_t size)
{
    count();
    return __libc_realloc(memory, size);
}

void *aligned_alloc(size_t alignment, size_t size)
{
    count();
    return __libc_memalign(alignment, size);
}

int posix_memalign(void **out, size_t alignment, size_t size)
{
    count();
    *out = __libc_memalign(alignment, size);
    return *out ? 0 : ENOMEM;
}

enum { PACKETS = 200000, LANES = 2, POOL = 64 };

/* Every lane asks after each burst: from its first one on it is watched, to its end. */
static bool watch(const void *context)
{
    (void)context;
    watched = true;
    return true;
}

static bool give_back(void *pool, struct weir_batch *batch)
{
    weir_pool_give(pool, batch);
    return true;
}

static void meter(const char *path, uint64_t flows, struct weir_account *account)
{
    const struct weir_view *view = weir_view_find("argus");
    uint16_t columns[512], n = 0;
    for (uint16_t i = 0; i < view->column_count; i++)
        if (view->columns[i].value)
            columns[n++] = i;
    struct weir_error error = {0};
    struct weir_pool *pool = NULL;
    struct weir_source_config input = {
        .files = {&path}, .file_count = {1}, .ports = 1, .lanes = LANES, .lane_hash = weir_lane_hash};
    struct weir_sensor_config config = {
        .view = view, .columns = columns, .column_count = n, .lanes = LANES, .batch_rows = 64, .flows = flows};
    config.send = give_back;
    config.wanted = watch;
    if (weir_source_open(&input, &config.source, &error) != WEIR_OK)
        fail_msg("%s", error.text);
    assert_int_equal(weir_pool_create(POOL, n, &pool), WEIR_OK);
    config.context = config.pool = pool;
    struct weir_sensor *sensor = NULL;
    assert_int_equal(weir_sensor_start(&config, &sensor, &error), WEIR_OK);
    weir_sensor_join(sensor);
    *account = (struct weir_account){.ports = 1};
    weir_sensor_account(sensor, account);
    weir_sensor_free(&sensor);
    weir_pool_destroy(&pool);
    weir_source_close(&config.source);
}

static void lanes_do_not_allocate(void **state)
{
    (void)state;
    static struct weir_account account;
    char path[] = "/tmp/weir-test-XXXXXX";
    struct weir_mix_facts facts;
    struct weir_error error = {0};
    int file = mkstemp(path);
    assert_true(file >= 0);
    close(file);
    assert_int_equal(weir_mix_write(path, PACKETS, 4096, 3, &facts, &error), WEIR_OK);
    atomic_store(&allocations, 0);
    meter(path, 65536, &account);
    assert_int_equal(account.port[0].seen, PACKETS);
    assert_true(account.rows.batched > 10000);
    assert_int_equal(atomic_load(&allocations), 0);
    meter(path, 2048, &account); /* too few: flows are evicted all the time */
    assert_true(account.meter.flows_closed[WEIR_REASON_EVICTED] > 1000);
    assert_int_equal(atomic_load(&allocations), 0);
    unlink(path);
}

static void the_counter_counts(void **state)
{
    (void)state;
    atomic_store(&allocations, 0);
    watched = true;
    free(strdup("a"));
    free(calloc(1, 8));
    watched = false;
    free(strdup("b"));
    assert_int_equal(atomic_load(&allocations), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(the_counter_counts), cmocka_unit_test(lanes_do_not_allocate)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
