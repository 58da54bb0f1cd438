/* A multilayer perceptron, as scikit-learn's MLPClassifier: rectified hidden units, logistic or softmax outputs, cross entropy
 * and an L2 penalty, Adam over batches of rows in a new order each epoch; ends when the loss has not improved by tol for more
 * than n_iter_no_change epochs. In float32, each sum in a written order: the same rows, parameters and seed give the same bytes
 * on any CPU. Columns of very different size spoil it: the defaults leave them as they are, as scikit-learn does. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "base/simd.h"
#include "model/mlp.h"
#include "train/mlp_pass.h"
#include "train/standard.h"
#include "train/trainers.h"

static const struct weir_param params[] = {
    {"hidden", WEIR_PARAM_LIST, "100", 1, WEIR_MLP_UNITS_MAX, NULL, "units of each hidden layer, such as 100,50"},
    {"alpha", WEIR_PARAM_REAL, "1e-4", 0, 1e6, NULL, "strength of the penalty"},
    {"batch_size", WEIR_PARAM_WHOLE, "200", 1, 1e6, NULL, "rows of a step of Adam"},
    {"learning_rate_init", WEIR_PARAM_REAL, "1e-3", 1e-12, 10, NULL, "Adam's rate"},
    {"max_iter", WEIR_PARAM_WHOLE, "200", 1, 1e6, NULL, "epochs at most"},
    {"tol", WEIR_PARAM_REAL, "1e-4", 0, 1, NULL, "a loss that is less smaller is no improvement"},
    {"n_iter_no_change", WEIR_PARAM_WHOLE, "10", 1, 1e6, NULL, "epochs without improvement before the end"},
    {0}};

enum { HIDDEN = WEIR_MLP_HIDDEN_MAX, TOGETHER = 20 /* rows whose units stay in the first cache */ };

/* Everything of a fit. Hidden layer l (from 0) has weights [in][width] and biases [width]; the outputs have weights
 * [groups][width of the last hidden layer] and biases [width of groups]. */
struct net {
    const struct weir_matrix_kernels *kernels;
    const struct weir_mlp_pass *pass;
    struct weir_standard rows;
    const uint32_t *label;
    size_t columns, hidden, groups, stride; /* stride: between the margins of two rows */
    size_t units[HIDDEN], width[HIDDEN];
    size_t weight[HIDDEN + 1], bias[HIDDEN + 1], size; /* places in the four below */
    float *p, *g, *first, *second;
    size_t batch;
    float *h[HIDDEN];                      /* [batch][width] */
    float *d[2];                           /* [batch][widest] what a lower layer's sums should change */
    float *turned;                         /* weights the other way round */
    float *z, *delta;                      /* [batch][stride] */
    const float **x, **ahead, **in, **out; /* [batch] rows */
    uint64_t *mark;                        /* [rows][words] bit k: value k of the row is not 0 */
    const uint64_t **some;                 /* [batch] of them */
    size_t words;
    uint32_t *order, *live, *truth;
    uint64_t random;
    double rate, first_power, second_power; /* Adam's powers of 0.9 and 0.999 */
    double alpha;
};

static void net_fini(struct net *n)
{
    void *parts[] = {n->p, n->g,     n->first, n->second, n->d[0],  n->d[1], n->turned, n->z,    n->delta,
                     n->x, n->ahead, n->in,    n->out,    n->order, n->live, n->truth,  n->mark, n->some};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        free(parts[i]);
    for (size_t l = 0; l < n->hidden; l++)
        free(n->h[l]);
    weir_standard_fini(&n->rows);
}

static float *floats(size_t count)
{
    size_t bytes = (count * sizeof(float) + 63) & ~(size_t)63;
    float *p = aligned_alloc(64, bytes + 64);
    if (p)
        memset(p, 0, bytes + 64);
    return p;
}

/* Uniform numbers within Glorot's bound. */
static void draw(struct net *n, float *to, size_t count, size_t in, size_t out)
{
    double bound = sqrt(6 / (double)(in + out));
    for (size_t i = 0; i < count; i++)
        to[i] = (float)((2 * weir_random_share(&n->random) - 1) * bound);
}

static void draw_all(struct net *n)
{
    for (size_t l = 0; l < n->hidden; l++) {
        size_t in = l ? n->units[l - 1] : n->columns;
        for (size_t k = 0; k < in; k++)
            draw(n, n->p + n->weight[l] + k * n->width[l], n->units[l], in, n->units[l]);
        draw(n, n->p + n->bias[l], n->units[l], in, n->units[l]);
    }
    size_t in = n->units[n->hidden - 1];
    for (size_t o = 0; o < n->groups; o++)
        draw(n, n->p + n->weight[n->hidden] + o * n->width[n->hidden - 1], in, in, n->groups);
    draw(n, n->p + n->bias[n->hidden], n->groups, in, n->groups);
}

static weir_err net_init(struct net *n, const struct weir_train_set *set, const struct weir_train_config *config,
                         struct weir_error *error)
{
    const uint32_t *units = weir_params_list(&config->params, "hidden", &n->hidden);
    size_t widest = 0, most = 0, batch = (size_t)weir_params_whole(&config->params, "batch_size");
    n->kernels = weir_matrix_here();
    n->pass = WEIR_SIMD_CHOOSE(&weir_mlp_pass);
    n->label = set->label;
    n->columns = set->columns;
    n->groups = set->classes == 2 ? 1 : set->classes;
    n->stride = n->groups == 1 ? 1 : weir_matrix_width(n->groups);
    n->batch = batch < set->rows ? batch : set->rows;
    n->rate = weir_params_real(&config->params, "learning_rate_init");
    n->alpha = weir_params_real(&config->params, "alpha");
    n->first_power = n->second_power = 1;
    n->random = weir_random_stream(config->seed, 0);
    weir_err err = weir_standard_make(set, config->scale == WEIR_SCALE_STANDARD, &n->rows, error);
    if (err)
        return err;
    bool good = true;
    for (size_t l = 0; l < n->hidden; l++) {
        size_t in = l ? n->units[l - 1] : n->columns;
        n->units[l] = units[l];
        n->width[l] = weir_matrix_width(units[l]);
        widest = n->width[l] > widest ? n->width[l] : widest;
        most = l && n->width[l - 1] * n->units[l] > most ? n->width[l - 1] * n->units[l] : most;
        n->weight[l] = n->size;
        n->bias[l] = n->weight[l] + in * n->width[l];
        n->size = n->bias[l] + n->width[l];
        n->h[l] = floats(n->batch * n->width[l]);
        good = good && n->h[l];
    }
    n->weight[n->hidden] = n->size;
    n->bias[n->hidden] = n->size + n->groups * n->width[n->hidden - 1];
    n->size = n->bias[n->hidden] + weir_matrix_width(n->groups);
    n->p = floats(n->size);
    n->g = floats(n->size);
    n->first = floats(n->size);
    n->second = floats(n->size);
    n->d[0] = floats(n->batch * widest);
    n->d[1] = floats(n->batch * widest);
    n->turned = floats(most);
    n->z = floats((n->batch + 16) * n->stride);
    n->delta = floats((n->batch + 16) * n->stride);
    n->words = (n->columns + 63) / 64;
    n->mark = calloc(set->rows * n->words, sizeof *n->mark);
    n->some = calloc(n->batch, sizeof *n->some);
    n->x = calloc(n->batch, sizeof *n->x);
    n->ahead = calloc(n->batch, sizeof *n->ahead);
    n->in = calloc(n->batch, sizeof *n->in);
    n->out = calloc(n->batch, sizeof *n->out);
    n->order = calloc(set->rows, sizeof *n->order);
    n->live = calloc(n->batch, sizeof *n->live);
    n->truth = calloc(n->batch, sizeof *n->truth);
    good = good && n->mark && n->some && n->p && n->g && n->first && n->second && n->d[0] && n->d[1] && n->turned && n->z &&
           n->delta && n->x && n->ahead && n->in && n->out && n->order && n->live && n->truth;
    if (!good)
        return weir_fail(error, WEIR_ERR_MEMORY, "mlp: %zu rows of %zu columns do not fit into memory; train on a sample",
                         set->rows, set->columns);
    for (size_t i = 0; i < set->rows; i++)
        n->order[i] = (uint32_t)i;
    n->pass->clip(n->rows.x, set->rows, n->rows.stride, n->columns, WEIR_MLP_MOST, n->mark); /* as the scorer does */
    draw_all(n);
    return WEIR_OK;
}

/* The margins of some rows of the batch in n->x. */
static void forward_some(struct net *n, size_t first, size_t rows)
{
    for (size_t l = 0; l < n->hidden; l++) {
        size_t width = n->width[l];
        float *h = n->h[l] + first * width;
        for (size_t r = 0; r < rows; r++) {
            memcpy(h + r * width, n->p + n->bias[l], width * sizeof *h);
            if (l)
                n->in[r] = n->h[l - 1] + (first + r) * n->width[l - 1];
        }
        if (l)
            n->kernels->product(n->in, rows, n->units[l - 1], n->p + n->weight[l], width, h, NULL);
        else
            n->kernels->sparse(n->x + first, n->some + first, rows, n->columns, n->p + n->weight[l], width, h, n->ahead + first);
        if (l + 1 < n->hidden)
            n->pass->rectify(h, rows * width);
    }
    n->pass->outputs(n->h[n->hidden - 1] + first * n->width[n->hidden - 1], rows, n->width[n->hidden - 1],
                     n->p + n->weight[n->hidden], n->p + n->bias[n->hidden], n->groups, n->stride, n->z + first * n->stride);
}

static void forward(struct net *n, size_t rows)
{
    for (size_t r = 0; r < rows; r += TOGETHER)
        forward_some(n, r, rows - r < TOGETHER ? rows - r : TOGETHER);
}

/* The gradient, as sums over the batch; the last hidden layer is overwritten. */
static void backward(struct net *n, size_t rows)
{
    size_t last = n->hidden - 1;
    memset(n->g, 0, n->size * sizeof *n->g);
    size_t live = n->pass->back(n->h[last], rows, n->width[last], n->delta, n->groups, n->stride, n->p + n->weight[n->hidden],
                                n->g + n->weight[n->hidden], n->g + n->bias[n->hidden], n->g + n->bias[last], n->live);
    for (size_t i = 0; i < live; i++)
        n->out[i] = n->h[last] + n->live[i] * n->width[last];
    for (size_t l = last;; l--) {
        for (size_t i = 0; i < live; i++)
            n->in[i] = l ? n->h[l - 1] + n->live[i] * n->width[l - 1] : n->x[n->live[i]];
        n->kernels->outer(n->in, n->out, live, l ? n->units[l - 1] : n->columns, n->width[l], n->g + n->weight[l]);
        if (!l)
            return;
        size_t below = n->width[l - 1];
        const float *weight = n->p + n->weight[l];
        float *d = n->d[l & 1];
        memset(n->turned, 0, n->units[l] * below * sizeof(float));
        for (size_t k = 0; k < n->units[l - 1]; k++)
            for (size_t j = 0; j < n->units[l]; j++)
                n->turned[j * below + k] = weight[k * n->width[l] + j];
        memset(d, 0, live * below * sizeof(float));
        n->kernels->product(n->out, live, n->units[l], n->turned, below, d, NULL);
        n->pass->mask(d, n->h[l - 1], n->live, live, below, n->g + n->bias[l - 1]);
        for (size_t i = 0; i < live; i++)
            n->out[i] = d + i * below;
    }
}

/* A step of Adam; returns the sum of all squared weights before it. */
static double step(struct net *n, size_t rows)
{
    n->first_power *= 0.9;
    n->second_power *= 0.999;
    float rate = (float)(n->rate * sqrt(1 - n->second_power) / (1 - n->first_power)), share = (float)(1 / (double)rows);
    const struct weir_mlp_step of_weights = {rate, share, (float)(n->alpha / (double)rows)}, of_biases = {rate, share, 0};
    double squares = 0;
    for (size_t l = 0; l <= n->hidden; l++) {
        size_t w = n->weight[l], b = n->bias[l], end = l < n->hidden ? n->weight[l + 1] : n->size;
        squares += n->pass->adam(n->p + w, n->g + w, n->first + w, n->second + w, b - w, &of_weights);
        n->pass->adam(n->p + b, n->g + b, n->first + b, n->second + b, end - b, &of_biases);
    }
    return squares;
}

static void shuffle(struct net *n)
{
    for (size_t i = n->rows.rows - 1; i > 0; i--) {
        size_t other = weir_random_below(&n->random, (uint32_t)(i + 1));
        uint32_t swap = n->order[i];
        n->order[i] = n->order[other];
        n->order[other] = swap;
    }
}

/* One epoch; returns the mean loss, penalty included. */
static double epoch(struct net *n)
{
    size_t rows = n->rows.rows, stride = n->rows.stride;
    double loss = 0;
    shuffle(n);
    for (size_t at = 0; at < rows; at += n->batch) {
        size_t some = rows - at < n->batch ? rows - at : n->batch;
        for (size_t r = 0; r < some; r++) {
            size_t next = at + n->batch + r < rows ? at + n->batch + r : at + r;
            next = n->order[next];
            n->x[r] = n->rows.x + n->order[at + r] * stride;
            n->ahead[r] = n->rows.x + next * stride;
            n->some[r] = n->mark + n->order[at + r] * n->words;
            n->truth[r] = n->label[n->order[at + r]];
            __builtin_prefetch(n->mark + next * n->words);
            __builtin_prefetch(n->label + next);
        }
        forward(n, some);
        loss += n->pass->loss(n->z, n->truth, some, n->groups, n->stride, n->delta);
        backward(n, some);
        loss += 0.5 * n->alpha * step(n, some);
    }
    return loss / (double)rows;
}

static weir_err train(struct net *n, const struct weir_train_config *config, json_t **facts, struct weir_error *error)
{
    size_t most = (size_t)weir_params_whole(&config->params, "max_iter"), done = 0, stale = 0;
    size_t patience = (size_t)weir_params_whole(&config->params, "n_iter_no_change");
    double tol = weir_params_real(&config->params, "tol"), best = INFINITY, loss = 0;
    while (done < most && stale <= patience) {
        loss = epoch(n);
        stale = loss > best - tol ? stale + 1 : 0;
        best = loss < best ? loss : best;
        done++;
        if (config->progress)
            config->progress(config->context, done, stale > patience ? done : most);
        if (config->stop && *config->stop)
            return weir_fail(error, WEIR_ERR_CLOSED, "interrupted after %zu of %zu epochs", done, most);
    }
    if (!isfinite(loss))
        return weir_fail(error, WEIR_ERR_ARGUMENT,
                         "mlp: the loss has no bound; use --scale standard or a lower learning_rate_init");
    *facts = json_pack("{s:I,s:b,s:f}", "iterations", (json_int_t)done, "converged", stale > patience, "loss", loss);
    return WEIR_OK;
}

static weir_err make_scorer(const struct net *n, const struct weir_train_set *set, const struct weir_train_config *config,
                            struct weir_scorer **out, struct weir_error *error)
{
    struct weir_mlp *m;
    uint32_t units[HIDDEN];
    for (size_t l = 0; l < n->hidden; l++)
        units[l] = (uint32_t)n->units[l];
    weir_err err = weir_mlp_create(n->columns, set->classes, units, n->hidden, &m, error);
    if (err)
        return err;
    bool scaled = config->scale == WEIR_SCALE_STANDARD;
    for (size_t c = 0; c < n->columns; c++) {
        m->fill[c] = (float)n->rows.mean[c];
        m->shift[c] = scaled ? n->rows.mean[c] : 0;
        m->factor[c] = scaled ? 1 / n->rows.deviation[c] : 1;
    }
    for (size_t l = 0; l < n->hidden; l++) {
        memcpy(m->weight[l], n->p + n->weight[l], (n->bias[l] - n->weight[l]) * sizeof(float));
        memcpy(m->bias[l], n->p + n->bias[l], n->width[l] * sizeof(float));
    }
    size_t width = weir_matrix_width(n->groups), last = n->hidden - 1;
    for (size_t o = 0; o < n->groups; o++) {
        m->bias[n->hidden][o] = n->p[n->bias[n->hidden] + o];
        for (size_t k = 0; k < n->units[last]; k++)
            m->weight[n->hidden][k * width + o] = n->p[n->weight[n->hidden] + o * n->width[last] + k];
    }
    err = weir_mlp_finish(m, error);
    *out = &m->scorer;
    if (err)
        weir_scorer_free(out);
    return err;
}

static weir_err fit(const struct weir_train_set *set, const struct weir_train_config *config, struct weir_trained *out,
                    struct weir_error *error)
{
    struct net n = {0};
    weir_err err = net_init(&n, set, config, error);
    if (!err)
        err = train(&n, config, &out->facts, error);
    if (!err)
        err = make_scorer(&n, set, config, &out->scorer, error);
    if (!err)
        strcpy(out->objective, "cross entropy");
    net_fini(&n);
    return err;
}

const struct weir_trainer weir_train_mlp = {
    .name = "mlp", .title = "Multilayer perceptron", .params = params, .scale_matters = true, .fit = fit};
