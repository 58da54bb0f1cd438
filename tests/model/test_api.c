/* libweir as another program sees it: weir/model.h alone, the shared library alone; one model, many threads.
 * Usage: test_api MODEL.weir */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <weir/model.h>

enum { ROWS = 130, THREADS = 8, ROUNDS = 20 };

static const char *model_path;

struct answers {
    float *margins, *probabilities, *score;
    uint16_t *class_index;
    uint8_t *alert;
    double *exact, *path, exact_base, path_base;
};

static void *take(size_t count, size_t width)
{
    void *memory = calloc(count, width);
    assert_non_null(memory);
    return memory;
}

static struct answers make_answers(const weir_model *model)
{
    size_t groups = weir_model_groups(model), classes = weir_model_classes(model, NULL),
           columns = weir_model_columns(model, NULL);
    struct answers a = {0};
    a.margins = take(ROWS * groups, sizeof *a.margins);
    a.probabilities = take(ROWS * classes, sizeof *a.probabilities);
    a.score = take(ROWS, sizeof *a.score);
    a.class_index = take(ROWS, sizeof *a.class_index);
    a.alert = take(ROWS, sizeof *a.alert);
    a.exact = take(ROWS * columns, sizeof *a.exact);
    a.path = take(ROWS * columns, sizeof *a.path);
    return a;
}

static void free_answers(struct answers *a)
{
    free(a->margins);
    free(a->probabilities);
    free(a->score);
    free(a->class_index);
    free(a->alert);
    free(a->exact);
    free(a->path);
}

static float *make_rows(size_t columns)
{
    float *x = take(ROWS * columns, sizeof *x);
    uint32_t state = 1;
    for (size_t i = 0; i < ROWS * columns; i++) {
        state = state * 1664525u + 1013904223u;
        x[i] = state >> 28 ? ldexpf((float)(state >> 8 & 0xffff), (int)(state >> 24 & 15) - 12) : NAN;
    }
    return x;
}

/* Every question of the header. */
static void ask(const weir_model *model, const float *x, void *room, struct answers *a)
{
    size_t columns = weir_model_columns(model, NULL), groups = weir_model_groups(model);
    weir_model_margins(model, x, ROWS, columns, a->margins);
    weir_model_probabilities(model, a->margins, ROWS, a->probabilities);
    weir_model_predict(model, x, ROWS, columns, a->score, a->class_index, a->alert);
    assert_int_equal(weir_model_explain(model, WEIR_EXPLAIN_EXACT, x, ROWS, columns, groups - 1, room, a->exact, &a->exact_base),
                     WEIR_OK);
    assert_int_equal(weir_model_explain(model, WEIR_EXPLAIN_PATH, x, ROWS, columns, groups - 1, NULL, a->path, &a->path_base),
                     WEIR_OK);
}

static weir_model *load(void)
{
    weir_model *model = NULL;
    struct weir_error error = {WEIR_OK, ""};
    if (weir_model_load(model_path, &model, &error))
        fail_msg("%s", error.text);
    return model;
}

static void the_ways_to_ask_agree(void **state)
{
    (void)state;
    weir_model *model = load();
    size_t columns = weir_model_columns(model, NULL), groups = weir_model_groups(model), alerts = 0;
    float *x = make_rows(columns), *block = take(64 * columns, sizeof *block), *margins = take(64 * groups, sizeof *margins);
    struct answers a = make_answers(model);
    ask(model, x, NULL, &a);
    for (size_t r = 0; r < 64; r++)
        for (size_t c = 0; c < columns; c++)
            block[c * 64 + r] = x[r * columns + c];
    weir_model_margins_block(model, block, NULL, 64, margins);
    assert_memory_equal(margins, a.margins, 64 * groups * sizeof *margins);
    for (size_t r = 0; r < ROWS; r++) {
        float score, single[8];
        uint16_t class_index;
        uint8_t alert;
        double exact = a.exact_base, path = a.path_base, margin = (double)a.margins[r * groups + groups - 1];
        assert_true(groups <= 8);
        weir_model_margins(model, x + r * columns, 1, columns, single);
        assert_memory_equal(single, a.margins + r * groups, groups * sizeof *single);
        weir_model_judge(model, single, 1, &score, &class_index, &alert);
        assert_true(score == a.score[r] && class_index == a.class_index[r] && alert == a.alert[r]);
        weir_model_predict(model, x + r * columns, 1, columns, &score, NULL, NULL);
        assert_true(score == a.score[r]);
        for (size_t c = 0; c < columns; c++) {
            exact += a.exact[r * columns + c];
            path += a.path[r * columns + c];
        }
        assert_true(fabs(exact - margin) <= 1e-5 && fabs(path - margin) <= 1e-5);
        alerts += alert;
    }
    assert_true(alerts > 0 && alerts < ROWS);
    double none;
    assert_int_equal(weir_model_explain(model, WEIR_EXPLAIN_EXACT, x, 1, columns, groups, NULL, &none, &none), WEIR_ERR_ARGUMENT);
    free_answers(&a);
    free(x);
    free(block);
    free(margins);
    weir_model_free(&model);
    assert_null(model);
    weir_model_free(&model);
}

struct job {
    const weir_model *model;
    const float *x;
    const struct answers *expected;
    size_t room;
    int wrong;
};

/* cmocka's checks belong to the first thread: here they are counted. */
static void *work(void *argument)
{
    struct job *job = argument;
    size_t columns = weir_model_columns(job->model, NULL), groups = weir_model_groups(job->model);
    float *margins = calloc(ROWS * groups, sizeof *margins), *score = calloc(ROWS, sizeof *score);
    uint16_t *class_index = calloc(ROWS, sizeof *class_index);
    double *contributions = calloc(ROWS * columns, sizeof *contributions), base;
    void *room = job->room ? aligned_alloc(64, (job->room + 63) / 64 * 64) : NULL;
    for (int i = 0; i < ROUNDS && !job->wrong; i++) {
        weir_model_margins(job->model, job->x, ROWS, columns, margins);
        job->wrong |= memcmp(margins, job->expected->margins, ROWS * groups * sizeof *margins) != 0;
        weir_model_predict(job->model, job->x, ROWS, columns, score, class_index, NULL);
        job->wrong |= memcmp(score, job->expected->score, ROWS * sizeof *score) != 0;
        job->wrong |= memcmp(class_index, job->expected->class_index, ROWS * sizeof *class_index) != 0;
        job->wrong |= weir_model_explain(job->model, WEIR_EXPLAIN_EXACT, job->x, ROWS, columns, groups - 1, room, contributions,
                                         &base) != WEIR_OK;
        job->wrong |= memcmp(contributions, job->expected->exact, ROWS * columns * sizeof *contributions) != 0;
        job->wrong |= weir_model_explain(job->model, WEIR_EXPLAIN_PATH, job->x, ROWS, columns, groups - 1, NULL, contributions,
                                         &base) != WEIR_OK;
        job->wrong |= memcmp(contributions, job->expected->path, ROWS * columns * sizeof *contributions) != 0;
    }
    free(margins);
    free(score);
    free(class_index);
    free(contributions);
    free(room);
    return NULL;
}

static void many_threads_get_the_same_answers(void **state)
{
    (void)state;
    weir_model *model = load();
    float *x = make_rows(weir_model_columns(model, NULL));
    struct answers expected = make_answers(model);
    struct job jobs[THREADS];
    pthread_t thread[THREADS];
    ask(model, x, NULL, &expected);
    for (size_t i = 0; i < THREADS; i++) {
        jobs[i] = (struct job){model, x, &expected, i % 2 ? weir_model_explain_room(model) : 0, 0};
        assert_int_equal(pthread_create(&thread[i], NULL, work, &jobs[i]), 0);
    }
    for (size_t i = 0; i < THREADS; i++) {
        pthread_join(thread[i], NULL);
        assert_int_equal(jobs[i].wrong, 0);
    }
    free_answers(&expected);
    free(x);
    weir_model_free(&model);
}

int main(int argc, char **argv)
{
    if (argc != 2)
        return 2;
    model_path = argv[1];
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_ways_to_ask_agree),
        cmocka_unit_test(many_threads_get_the_same_answers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
