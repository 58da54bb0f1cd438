/* k nearest neighbours, as scikit-learn's KNeighborsClassifier with the Euclidean distance, found exactly: of equally near rows
 * the first in the data. There is nothing to fit: the model holds the rows and the index that finds them. A row that is equal to
 * as many earlier ones as have a vote can never have one, and is left out. Missing values stand for the column's mean, as in
 * linear models. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "model/neighbours.h"
#include "train/moments.h"
#include "train/trainers.h"

static const char *const weights[] = {"uniform", "distance", NULL};

static const struct weir_param params[] = {
    {"n_neighbors", WEIR_PARAM_WHOLE, "5", 1, WEIR_NEIGHBOUR_MOST, NULL, "rows that vote, at most all"},
    {"weights", WEIR_PARAM_WORD, "uniform", 0, 0, weights, "uniform, or distance: votes count by its inverse"},
    {0}};

/* The columns' means, and factors that bring them to deviation 1 if that is wanted. */
static void measure(const struct weir_train_set *set, enum weir_scale scale, float *fill, double *factor)
{
    for (size_t c = 0; c < set->columns; c++) {
        struct weir_moments moments = weir_moments_of(set->x[c], set->row, set->rows);
        double deviation = sqrt(weir_moments_variance(moments));
        fill[c] = (float)moments.mean;
        factor[c] = 1;
        if (scale == WEIR_SCALE_STANDARD && deviation > 1e-12 * fabs(moments.mean) && deviation > 1e-30)
            factor[c] = fmax(1 / deviation, 1 / WEIR_NEIGHBOURS_FACTOR_MOST);
    }
}

/* Rows seen so far, by their content. */
struct seen {
    uint32_t *first; /* [size] number of the first row of this content + 1; 0: free */
    uint32_t *times; /* [size] */
    size_t size;     /* a power of 2 */
};

/* How many rows with the content of row `at` there were before it. */
static uint32_t count_equal(struct seen *seen, const float *x, size_t stride, size_t at)
{
    size_t width = stride * sizeof *x, slot = (size_t)XXH64(x + at * stride, width, 0) & (seen->size - 1);
    while (seen->first[slot] && memcmp(x + (size_t)(seen->first[slot] - 1) * stride, x + at * stride, width) != 0)
        slot = (slot + 1) & (seen->size - 1);
    if (!seen->first[slot])
        seen->first[slot] = (uint32_t)at + 1;
    return seen->times[slot]++;
}

/* Copies the rows that can have a vote, in their order; *kept of them. */
static weir_err take_rows(const struct weir_train_set *set, const struct weir_train_config *config, struct weir_neighbours *m,
                          size_t *kept, struct weir_error *error)
{
    struct seen seen = {.size = 16};
    struct weir_neighbour_index *n = &m->index;
    while (seen.size < 2 * set->rows)
        seen.size *= 2;
    seen.first = calloc(seen.size, sizeof *seen.first);
    seen.times = calloc(seen.size, sizeof *seen.times);
    weir_err err = seen.first && seen.times ? WEIR_OK : weir_fail(error, WEIR_ERR_MEMORY, "knn: out of memory");
    *kept = 0;
    for (size_t i = 0; i < set->rows && !err; i++) {
        float *row = n->x + *kept * n->stride;
        for (size_t c = 0; c < set->columns; c++) {
            float x = set->x[c][set->row[i]];
            row[c] = (x == x ? x : m->fill[c]) + 0.0f; /* one zero */
        }
        m->label[*kept] = (uint16_t)set->label[i];
        *kept += count_equal(&seen, n->x, n->stride, *kept) < m->neighbours;
        if (i % 4096 == 0 && config->progress)
            config->progress(config->context, i, set->rows);
        if (i % 4096 == 0 && config->stop && *config->stop)
            err = weir_fail(error, WEIR_ERR_CLOSED, "interrupted after %zu of %zu rows", i, set->rows);
    }
    free(seen.first);
    free(seen.times);
    return err;
}

static weir_err fit(const struct weir_train_set *set, const struct weir_train_config *config, struct weir_trained *out,
                    struct weir_error *error)
{
    struct weir_neighbours *m;
    size_t neighbours = (size_t)weir_params_whole(&config->params, "n_neighbors"), kept;
    if (neighbours > set->rows)
        neighbours = set->rows;
    weir_err err = weir_neighbours_create(set->columns, set->classes, set->rows, neighbours,
                                          weir_params_is(&config->params, "weights", "distance"), &m, error);
    if (err)
        return err;
    measure(set, config->scale, m->fill, m->index.factor);
    err = take_rows(set, config, m, &kept, error);
    if (!err) {
        m->index.rows = kept;
        err = weir_neighbours_finish(m, config->stop, error);
    }
    out->scorer = &m->scorer;
    if (err) {
        weir_scorer_free(&out->scorer);
        return err;
    }
    if (config->progress)
        config->progress(config->context, set->rows, set->rows);
    snprintf(out->objective, sizeof out->objective, "%zu nearest of %zu rows", neighbours, kept);
    out->facts = json_pack("{s:I,s:I}", "neighbours", (json_int_t)neighbours, "kept_rows", (json_int_t)kept);
    return WEIR_OK;
}

const struct weir_trainer weir_train_knn = {
    .name = "knn", .title = "k nearest neighbours", .params = params, .scale_matters = true, .fit = fit};
