/* Models replaced under load: every row has one verdict by one of the models, nothing is lost, nothing used after it is freed.
 * The thread and address sanitizers watch this one. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "model/build.h"
#include "pipeline/backend.h"
#include "pipeline/judge.h"

enum { RELOADS = 1000 };

static const struct weir_view *view;
static char *bytes; /* of an XGBoost model over four columns */
static size_t byte_count;
static const char *const wanted[] = {"pcr", "sjit", "dur", "djit"};
static const char *const carried[] = {"dur", "sbytes", "djit", "pcr", "spkts", "sjit"}; /* and more than that */

static int begin(void **unused)
{
    view = weir_view_find("argus");
    FILE *file = fopen(getenv("WEIR_TEST_MODEL"), "rb");
    if (!file || !(bytes = malloc(1 << 16)))
        return 1;
    byte_count = fread(bytes, 1, 1 << 16, file);
    return fclose(file);
}

static int end(void **unused)
{
    free(bytes);
    return 0;
}

static weir_model *make(const char *name, const char *const *columns, const char *const *classes, uint64_t feature_set_id)
{
    struct weir_error error = {0};
    weir_model *model = NULL;
    const struct weir_model_facts facts = {.name = name,
                                           .algorithm = "xgboost",
                                           .feature_set = "argus",
                                           .feature_set_id = feature_set_id,
                                           .columns = columns,
                                           .column_count = 4,
                                           .classes = classes,
                                           .class_count = classes ? 2 : 0,
                                           .threshold = 0.3f};
    if (weir_model_from_xgboost(bytes, byte_count, "test", &facts, &model, &error) != WEIR_OK)
        fail_msg("%s", error.text);
    return model;
}

static weir_model *make_a(void)
{
    static const char *const classes[] = {"a-calm", "a-bad"};
    return make("a", wanted, classes, weir_view_id(view));
}

static weir_model *make_b(void) /* the same columns in another order, so another model */
{
    static const char *const columns[] = {"djit", "dur", "pcr", "sjit"}, *const classes[] = {"b-calm", "b-bad"};
    return make("b", columns, classes, weir_view_id(view));
}

static uint64_t mix(uint64_t z)
{
    z += 0x9e3779b97f4a7c15;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    return z ^ z >> 29;
}

static void fill(struct weir_batch *batch, unsigned rows, uint64_t seed)
{
    memset(batch->identity, 0, sizeof batch->identity);
    for (unsigned r = 0; r < rows; r++) {
        batch->identity[r].ip_version = 4;
        batch->closed_ns[r] = weir_clock_mono_ns();
        for (unsigned c = 0; c < batch->columns; c++)
            *weir_batch_cell(batch, r, c) =
                (float)(mix(seed + r * 97 + c) % 2001) / 500 - 2; /* about 0, where the model splits */
    }
    batch->rows = (uint16_t)rows;
}

struct load {
    struct weir_backend *backend;
    atomic_bool over;
    atomic_uint_fast64_t rows;
};

static void *push(void *argument)
{
    struct load *load = argument;
    for (uint64_t n = 0; !atomic_load(&load->over); n++) {
        struct weir_batch *batch = weir_pool_take(weir_backend_pool(load->backend));
        fill(batch, (unsigned)(1 + n % 70), n);
        atomic_fetch_add(&load->rows, batch->rows); /* it may be given back before push returns */
        assert_true(weir_backend_push(load->backend, batch));
    }
    return NULL;
}

static uint64_t rows_of(const struct weir_account *account, const char *name)
{
    for (unsigned c = 0; c < WEIR_CLASSES_SHOWN; c++)
        if (!strcmp(account->class_name[c], name))
            return account->class_rows[c];
    return 0;
}

static void a_thousand_reloads_lose_nothing(void **unused)
{
    weir_model *first = make_a();
    struct weir_backend_config config = {.model = first,
                                         .view = view,
                                         .columns = carried,
                                         .column_count = 6,
                                         .workers = 3,
                                         .producers = 2,
                                         .sensor = "t",
                                         .command = "t"};
    struct load load = {0};
    struct weir_error error = {0};
    pthread_t thread[2];
    static struct weir_account account;
    if (weir_backend_start(&config, &load.backend, &error) != WEIR_OK)
        fail_msg("%s", error.text);
    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&thread[i], NULL, push, &load), 0);
    for (unsigned i = 0; i < RELOADS; i++) {
        uint64_t before = atomic_load(&load.rows);
        weir_model *next = i % 2 ? make_a() : make_b();
        char label[64];
        assert_int_equal(weir_backend_reload(load.backend, next, &error), WEIR_OK);
        weir_backend_model(load.backend, label, sizeof label);
        assert_string_equal(label, i % 2 ? "a:1" : "b:1");
        if (i % 64 == 0) /* some models judge a while */
            while (atomic_load(&load.rows) < before + 500)
                weir_backend_account(load.backend, &account);
    }
    atomic_store(&load.over, true);
    for (int i = 0; i < 2; i++)
        pthread_join(thread[i], NULL);
    assert_int_equal(weir_backend_drain(load.backend, &error), WEIR_OK);
    weir_backend_account(load.backend, &account);
    uint64_t rows = atomic_load(&load.rows), a = rows_of(&account, "a-calm") + rows_of(&account, "a-bad"),
             b = rows_of(&account, "b-calm") + rows_of(&account, "b-bad");
    assert_int_equal(account.rows.scored, rows);
    assert_int_equal(account.store.committed, rows);
    assert_int_equal(a + b, rows);
    assert_true(a > 0 && b > 0);
    assert_true(rows_of(&account, "a-bad") > 0 && rows_of(&account, "b-calm") > 0);
    assert_int_equal(weir_backend_finish(load.backend, "{}", &error), WEIR_OK);
    weir_backend_free(&load.backend);
    weir_model_free(&first);
}

/* The columns of the batch may be more, and in another order: the verdicts are the same. */
static void judgements_do_not_depend_on_what_else_rows_carry(void **unused)
{
    const struct weir_row_columns narrow = {view, wanted, 4}, wide = {view, carried, 6};
    static const unsigned place[] = {3, 5, 0, 2}; /* of wanted in carried */
    struct weir_pool *pools[2];
    struct weir_judge *judges[2];
    struct weir_verdicts *verdicts[2];
    struct weir_error error = {0};
    weir_model *model = make_a();
    for (int i = 0; i < 2; i++) {
        assert_int_equal(weir_judge_create(model, false, i ? &wide : &narrow, 2, WEIR_REASONS_EXACT, &judges[i], &error),
                         WEIR_OK);
        assert_int_equal(weir_pool_create(1, i ? 6 : 4, &pools[i]), WEIR_OK);
        struct weir_batch *batch = weir_pool_take(pools[i]);
        verdicts[i] = weir_pool_verdicts(pools[i], batch);
        fill(batch, 300, 7);
    }
    for (unsigned r = 0; r < 300; r++)
        for (unsigned c = 0; c < 4; c++)
            *weir_batch_cell(verdicts[1]->batch, r, place[c]) = *weir_batch_cell(verdicts[0]->batch, r, c);
    weir_judge_batch(judges[0], 0, verdicts[0]);
    weir_judge_batch(judges[1], 1, verdicts[1]);
    assert_memory_equal(verdicts[0]->score, verdicts[1]->score, 300 * sizeof(float));
    assert_memory_equal(verdicts[0]->class_index, verdicts[1]->class_index, 300 * sizeof(uint16_t));
    assert_int_equal(verdicts[0]->alerts, verdicts[1]->alerts);
    assert_true(verdicts[0]->alerts > 10 && verdicts[0]->alerts < 300);
    for (unsigned i = 0; i < verdicts[0]->alerts; i++) {
        const struct weir_alert_causes *x = &verdicts[0]->causes[i], *y = &verdicts[1]->causes[i];
        assert_int_equal(x->count, y->count);
        for (unsigned k = 0; k < x->count; k++) {
            assert_string_equal(verdicts[0]->columns[x->cause[k].column], verdicts[1]->columns[y->cause[k].column]);
            assert_memory_equal(&x->cause[k], &y->cause[k], sizeof x->cause[k]);
        }
    }
    for (int i = 0; i < 2; i++) {
        struct weir_judge *lent = verdicts[i]->lender;
        weir_judge_release(&lent);
        weir_judge_release(&judges[i]);
        weir_pool_destroy(&pools[i]);
    }
    weir_model_free(&model);
}

static void what_does_not_fit_is_refused(void **unused)
{
    static const char *const others[] = {"pcr", "sjit", "dur", "smeansz"};
    weir_model *first = make_a(), *stranger = make("c", wanted, NULL, 12345),
               *greedy = make("d", others, NULL, weir_view_id(view));
    struct weir_backend_config config = {
        .model = first, .view = view, .workers = 1, .producers = 1, .sensor = "t", .command = "t"};
    struct weir_backend *backend;
    struct weir_error error = {0};
    char label[64];
    assert_int_equal(weir_backend_start(&config, &backend, &error), WEIR_OK);
    assert_int_equal(weir_backend_reload(backend, stranger, &error), WEIR_ERR_MISMATCH);
    assert_int_equal(weir_backend_reload(backend, greedy, &error), WEIR_ERR_MISMATCH);
    assert_non_null(strstr(error.text, "smeansz"));
    weir_backend_model(backend, label, sizeof label);
    assert_string_equal(label, "a:1");
    assert_int_equal(weir_backend_drain(backend, &error), WEIR_OK);
    weir_backend_free(&backend);
    weir_model_free(&first);
    weir_model_free(&stranger); /* still the caller's */
    weir_model_free(&greedy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_thousand_reloads_lose_nothing),
                                       cmocka_unit_test(judgements_do_not_depend_on_what_else_rows_carry),
                                       cmocka_unit_test(what_does_not_fit_is_refused)};
    return cmocka_run_group_tests(tests, begin, end);
}
