/* Linear discriminant analysis: normal densities with one covariance for all classes, as scikit-learn's
 * LinearDiscriminantAnalysis with solver="svd": directions in which the rows of no class spread (deviation below `tol` of the
 * columns' own) are left out. Scaling the columns changes nothing. */
#include <math.h>
#include <stdlib.h>

#include "train/eigen.h"
#include "train/exact.h"
#include "train/tiles.h"
#include "train/trainers.h"

static const struct weir_param params[] = {
    {"tol", WEIR_PARAM_REAL, "1e-4", 0, 1, NULL, "directions of smaller deviation within the classes are left out"}, {0}};

struct lda {
    const struct weir_train_set *set;
    const struct weir_tiles *tiles;
    double *rows;   /* [classes] */
    double *mean;   /* [classes][columns] of the tiled values */
    double *within; /* [columns][columns] sums of products around the classes' means */
    double *vector; /* [columns][columns] */
    double *weight; /* [groups][columns] */
    double *bias;   /* [groups] */
};

static double tile_product(const float *a, const float *b)
{
    double lane[8] = {0};
    for (size_t r = 0; r < WEIR_TILE_ROWS; r += 8)
        for (size_t k = 0; k < 8; k++)
            lane[k] += (double)a[r + k] * (double)b[r + k];
    return ((lane[0] + lane[4]) + (lane[2] + lane[6])) + ((lane[1] + lane[5]) + (lane[3] + lane[7]));
}

/* Means of the classes, and products around them. */
static void add_up(struct lda *l)
{
    size_t columns = l->set->columns, classes = l->set->classes;
    for (size_t r = 0; r < l->set->rows; r++) {
        size_t k = l->set->label[r];
        const float *x = l->tiles->x + r / WEIR_TILE_ROWS * columns * WEIR_TILE_ROWS + r % WEIR_TILE_ROWS;
        l->rows[k]++;
        for (size_t c = 0; c < columns; c++)
            l->mean[k * columns + c] += (double)x[c * WEIR_TILE_ROWS];
    }
    for (size_t k = 0; k < classes; k++)
        for (size_t c = 0; c < columns; c++)
            l->mean[k * columns + c] /= l->rows[k];
    for (size_t t = 0; t < l->tiles->tiles; t++) {
        const float *x = l->tiles->x + t * columns * WEIR_TILE_ROWS;
        for (size_t a = 0; a < columns; a++)
            for (size_t b = 0; b <= a; b++)
                l->within[a * columns + b] += tile_product(x + a * WEIR_TILE_ROWS, x + b * WEIR_TILE_ROWS);
    }
    for (size_t a = 0; a < columns; a++)
        for (size_t b = 0; b <= a; b++) {
            double sum = l->within[a * columns + b];
            for (size_t k = 0; k < classes; k++)
                sum -= l->rows[k] * l->mean[k * columns + a] * l->mean[k * columns + b];
            l->within[a * columns + b] = l->within[b * columns + a] = sum;
        }
}

/* Weights and biases of the classes' discriminants; of two classes the second's minus the first's. */
static void discriminate(struct lda *l, double tolerance, double *deviation, double *projection)
{
    size_t columns = l->set->columns, classes = l->set->classes, groups = classes == 2 ? 1 : classes;
    double rows = (double)l->set->rows;
    for (size_t c = 0; c < columns; c++) { /* of the columns within the classes; 1 for one that does not vary there */
        double variance = l->within[c * columns + c] / rows;
        deviation[c] = variance > 1e-20 ? sqrt(variance) : 1;
    }
    for (size_t a = 0; a < columns; a++)
        for (size_t b = 0; b < columns; b++)
            l->within[a * columns + b] /= deviation[a] * deviation[b] * rows; /* by the rows, as scikit-learn 1.9 does */
    weir_eigen_symmetric(l->within, columns, l->vector);
    for (size_t g = 0; g < groups; g++) {
        l->bias[g] = weir_exact_log(l->rows[groups == 1 ? 1 : g] / rows) - (groups == 1 ? weir_exact_log(l->rows[0] / rows) : 0);
        for (size_t e = 0; e < columns; e++) {
            double value = l->within[e * columns + e];
            if (!(value > tolerance * tolerance))
                continue;
            for (size_t k = 0; k < classes; k++) {
                projection[k] = 0;
                for (size_t c = 0; c < columns; c++)
                    projection[k] += l->vector[c * columns + e] * l->mean[k * columns + c] / deviation[c];
            }
            double along = groups == 1 ? projection[1] - projection[0] : projection[g];
            double half = groups == 1 ? (projection[1] * projection[1] - projection[0] * projection[0]) / 2
                                      : projection[g] * projection[g] / 2;
            l->bias[g] -= half / value;
            for (size_t c = 0; c < columns; c++)
                l->weight[g * columns + c] += l->vector[c * columns + e] / deviation[c] * (along / value);
        }
    }
}

static weir_err fit(const struct weir_train_set *set, const struct weir_train_config *config, struct weir_trained *out,
                    struct weir_error *error)
{
    enum { COLUMNS_MAX = 2000 };
    struct weir_tiles tiles;
    size_t columns = set->columns, groups = set->classes == 2 ? 1 : set->classes;
    if (columns > COLUMNS_MAX)
        return weir_fail(error, WEIR_ERR_LIMIT, "lda: %zu columns; it takes up to %d: leave some out with --exclude", columns,
                         COLUMNS_MAX);
    if (set->rows <= set->classes)
        return weir_fail(error, WEIR_ERR_ARGUMENT, "lda: %zu rows of %zu classes are too few", set->rows, set->classes);
    weir_err err = weir_tiles_make(set, &tiles, error);
    if (err)
        return err;
    struct lda l = {.set = set, .tiles = &tiles};
    size_t sizes[] = {
        set->classes, set->classes * columns, columns * columns, columns * columns, groups * columns, groups, columns,
        set->classes};
    double **parts[] = {&l.rows, &l.mean, &l.within, &l.vector, &l.weight, &l.bias, NULL, NULL}, *deviation, *projection, *room;
    size_t all = 0;
    for (size_t i = 0; i < 8; i++)
        all += sizes[i];
    room = calloc(all, sizeof *room);
    if (room) {
        double *at = room;
        for (size_t i = 0; i < 6; at += sizes[i++])
            *parts[i] = at;
        deviation = at;
        projection = at + columns;
        add_up(&l);
        discriminate(&l, weir_params_real(&config->params, "tol"), deviation, projection);
        err = weir_tiles_linear(&tiles, groups, l.weight, l.bias, &out->scorer, error);
    } else {
        err = weir_fail(error, WEIR_ERR_MEMORY, "lda: out of memory");
    }
    free(room);
    weir_tiles_fini(&tiles);
    return err;
}

const struct weir_trainer weir_train_lda = {.name = "lda", .title = "Linear discriminant analysis", .params = params, .fit = fit};
