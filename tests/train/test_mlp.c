/* Training a perceptron: its gradient is the slope of the loss as it is written down, its steps are Adam's, and the same bytes
 * come out of every variant of the code. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "../model/random.h"

#define weir_train_mlp test_train_mlp /* the file's own functions are looked at */
#include "../../src/train/mlp.c"
#undef weir_train_mlp
extern const struct weir_trainer weir_train_mlp;

enum { ROWS = 60, COLUMNS = 5, CLASSES_MAX = 4, UNITS_MAX = 32 };

struct rows {
    float x[COLUMNS][ROWS];
    const float *column[COLUMNS];
    uint32_t row[ROWS], label[ROWS];
    struct weir_train_set set;
};

static void make(struct rows *r, size_t classes)
{
    uint64_t seed = 31 + classes;
    for (size_t i = 0; i < ROWS; i++) {
        r->row[i] = (uint32_t)i;
        r->label[i] = (uint32_t)(i % classes);
        for (size_t c = 0; c < COLUMNS; c++)
            r->x[c][i] = random_float(&seed) * 2 + (float)((r->label[i] + c) % classes);
        if (i % 9 == 0)
            r->x[1][i] = NAN;
    }
    for (size_t c = 0; c < COLUMNS; c++)
        r->column[c] = r->x[c];
    r->set = (struct weir_train_set){r->column, COLUMNS, r->row, r->label, ROWS, classes};
}

static void configure(struct weir_train_config *config, const char *const *given, size_t count)
{
    struct weir_error error;
    *config = (struct weir_train_config){.seed = 1, .scale = WEIR_SCALE_STANDARD};
    if (weir_params_read(weir_train_mlp.params, "mlp", given, count, NULL, NULL, &config->params, &error))
        fail_msg("%s", error.text);
}

/* Mean over the rows of the cross entropy, and half of alpha times the squared weights over the rows, for parameters p. */
static double naive_loss(const struct net *n, const double *p, size_t rows)
{
    double loss = 0, squares = 0;
    for (size_t r = 0; r < rows; r++) {
        double in[UNITS_MAX], out[UNITS_MAX], z[CLASSES_MAX], most = -INFINITY, sum = 0;
        for (size_t c = 0; c < COLUMNS; c++)
            in[c] = (double)n->rows.x[r * n->rows.stride + c];
        size_t count = COLUMNS;
        for (size_t l = 0; l < n->hidden; l++) {
            for (size_t j = 0; j < n->units[l]; j++) {
                out[j] = p[n->bias[l] + j];
                for (size_t k = 0; k < count; k++)
                    out[j] += in[k] * p[n->weight[l] + k * n->width[l] + j];
            }
            count = n->units[l];
            for (size_t j = 0; j < count; j++)
                in[j] = out[j] > 0 ? out[j] : 0;
        }
        for (size_t o = 0; o < n->groups; o++) {
            z[o] = p[n->bias[n->hidden] + o];
            for (size_t k = 0; k < count; k++)
                z[o] += in[k] * p[n->weight[n->hidden] + o * n->width[n->hidden - 1] + k];
        }
        if (n->groups == 1) {
            loss += log1p(exp(-fabs(z[0]))) + fmax(z[0], 0) - (n->label[r] ? z[0] : 0);
            continue;
        }
        for (size_t o = 0; o < n->groups; o++)
            most = fmax(most, z[o]);
        for (size_t o = 0; o < n->groups; o++)
            sum += exp(z[o] - most);
        loss += log(sum) + most - z[n->label[r]];
    }
    for (size_t l = 0; l <= n->hidden; l++)
        for (size_t i = n->weight[l]; i < n->bias[l]; i++)
            squares += p[i] * p[i];
    return (loss + 0.5 * n->alpha * squares) / (double)rows;
}

static void gradients(void **state)
{
    (void)state;
    static struct rows r;
    static const char *const layers[] = {"hidden=7", "hidden=20,9", "hidden=3,17,5"};
    for (size_t classes = 2; classes <= CLASSES_MAX; classes++)
        for (size_t shape = 0; shape < 3; shape++) {
            const char *given[] = {layers[shape], "alpha=0.3"};
            struct weir_train_config config;
            struct net n = {0};
            make(&r, classes);
            configure(&config, given, 2);
            assert_int_equal(net_init(&n, &r.set, &config, NULL), WEIR_OK);
            assert_int_equal(n.batch, ROWS);
            for (size_t i = 0; i < ROWS; i++) {
                n.x[i] = n.ahead[i] = n.rows.x + i * n.rows.stride;
                n.some[i] = n.mark + i * n.words;
                n.truth[i] = r.label[i];
            }
            double *p = calloc(n.size, sizeof *p), *m = calloc(n.size, sizeof *m), squares = 0;
            assert_true(p && m);
            for (size_t i = 0; i < n.size; i++)
                p[i] = (double)n.p[i];
            forward(&n, ROWS);
            double loss = n.pass->loss(n.z, n.truth, ROWS, n.groups, n.stride, n.delta) / ROWS;
            backward(&n, ROWS);
            for (size_t l = 0; l <= n.hidden; l++) {
                size_t end = l < n.hidden ? n.weight[l + 1] : n.size;
                for (size_t i = n.weight[l]; i < end; i++) {
                    double at = p[i], decay = i < n.bias[l] ? n.alpha * at : 0, got = ((double)n.g[i] + decay) / ROWS;
                    squares += i < n.bias[l] ? at * at : 0;
                    p[i] = at + 1e-6;
                    double above = naive_loss(&n, p, ROWS);
                    p[i] = at - 1e-6;
                    double slope = (above - naive_loss(&n, p, ROWS)) / 2e-6;
                    p[i] = at;
                    if (at == 0) /* behind the units: nothing is there, and nothing grows */
                        assert_true(n.g[i] == 0);
                    else if (!(fabs(got - slope) <= 2e-5 * fmax(1, fabs(slope))))
                        fail_msg("%s, %zu classes, parameter %zu: %g, the slope is %g", layers[shape], classes, i, got, slope);
                    m[i] = got;
                }
            }
            assert_true(fabs(loss + 0.5 * n.alpha * squares / ROWS - naive_loss(&n, p, ROWS)) < 1e-5);
            /* Adam's first step is the rate in the gradient's direction, whatever its size. */
            assert_true(fabs(step(&n, ROWS) - squares) < 1e-4 * squares);
            for (size_t i = 0; i < n.size; i++)
                if (fabs(m[i]) > 1e-4)
                    assert_true(fabs((double)n.p[i] - (p[i] - copysign(1e-3, m[i]))) < 1e-5);
            free(p);
            free(m);
            net_fini(&n);
        }
}

static uint8_t *fit_bytes(const struct rows *r, const char *const *given, size_t count, size_t *size)
{
    struct weir_train_config config;
    struct weir_trained trained = {0};
    struct weir_error error;
    configure(&config, given, count);
    if (weir_train_mlp.fit(&r->set, &config, &trained, &error))
        fail_msg("%s", error.text);
    uint8_t *bytes = malloc(*size = trained.scorer->kind->bytes(trained.scorer));
    assert_non_null(bytes);
    trained.scorer->kind->encode(trained.scorer, bytes);
    weir_trained_fini(&trained);
    return bytes;
}

static void every_variant_gives_the_same_bytes(void **state)
{
    (void)state;
    static struct rows r;
    static const char *const variants[] = {"avx512", "avx2", "scalar"};
    static const char *const given[] = {"hidden=40,130", "batch_size=23", "max_iter=6"};
    for (size_t classes = 2; classes <= 3; classes++) {
        uint8_t *first = NULL;
        size_t first_size = 0;
        make(&r, classes);
        for (size_t v = 0; v < 3; v++) {
            size_t size;
            setenv("WEIR_SIMD", variants[v], 1);
            uint8_t *bytes = fit_bytes(&r, given, 3, &size);
            if (!v) {
                first = bytes;
                first_size = size;
                continue;
            }
            assert_int_equal(size, first_size);
            assert_memory_equal(bytes, first, size);
            free(bytes);
        }
        free(first);
    }
    unsetenv("WEIR_SIMD");
}

static size_t epochs;

static void count_epochs(void *context, size_t done, size_t all)
{
    (void)context;
    assert_true(done <= all);
    epochs = done;
}

/* It ends when nothing improves, when it is told to, and says so. */
static void the_ends(void **state)
{
    (void)state;
    static struct rows r;
    static const char *const given[] = {"tol=1", "n_iter_no_change=3", "hidden=5"}, *const wrong[] = {"hidden=5,0"},
                             *const many[] = {"hidden=1,2,3,4,5,6,7,8,9"};
    struct weir_train_config config;
    struct weir_trained trained = {0};
    struct weir_error error;
    make(&r, 2);
    configure(&config, given, 3);
    config.progress = count_epochs;
    assert_int_equal(weir_train_mlp.fit(&r.set, &config, &trained, &error), WEIR_OK);
    assert_true(json_is_true(json_object_get(trained.facts, "converged")));
    assert_int_equal(json_integer_value(json_object_get(trained.facts, "iterations")), epochs);
    assert_int_equal(epochs, 5); /* the first one is an improvement, the four after it are not */
    weir_trained_fini(&trained);
    volatile sig_atomic_t stop = 1;
    config.stop = &stop;
    assert_int_equal(weir_train_mlp.fit(&r.set, &config, &trained, &error), WEIR_ERR_CLOSED);
    assert_null(trained.scorer);
    weir_trained_fini(&trained);
    assert_int_equal(weir_params_read(weir_train_mlp.params, "mlp", wrong, 1, NULL, NULL, &config.params, &error),
                     WEIR_ERR_ARGUMENT);
    assert_int_equal(weir_params_read(weir_train_mlp.params, "mlp", many, 1, NULL, NULL, &config.params, &error),
                     WEIR_ERR_ARGUMENT);
    assert_string_equal(error.text,
                        "mlp: parameter hidden=1,2,3,4,5,6,7,8,9: give up to 8 whole numbers from 1 to 1024 with commas "
                        "between them");
    json_t *json = NULL;
    configure(&config, given, 3);
    json = weir_params_json(&config.params);
    assert_string_equal(json_string_value(json_object_get(json, "hidden")), "5");
    json_decref(json);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(gradients), cmocka_unit_test(every_variant_gives_the_same_bytes),
                                       cmocka_unit_test(the_ends)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
