#include "train/tiles.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/pages.h"
#include "model/linear.h"
#include "train/moments.h"

/* A column of a tile. */
static void fill(const struct weir_train_set *set, size_t first, size_t column, double mean, double deviation, float *out)
{
    const uint32_t *row = set->row + first;
    const float *x = set->x[column];
    double factor = 1 / deviation;
    float value[WEIR_TILE_ROWS];
    size_t rows = set->rows - first < WEIR_TILE_ROWS ? set->rows - first : WEIR_TILE_ROWS;
    if (rows == WEIR_TILE_ROWS && row[rows - 1] - row[0] == rows - 1)
        memcpy(value, x + row[0], sizeof value);
    else
        for (size_t r = 0; r < WEIR_TILE_ROWS; r++)
            value[r] = r < rows ? x[row[r]] : NAN;
    for (size_t r = 0; r < WEIR_TILE_ROWS; r++) {
        float scaled = (float)(((double)value[r] - mean) * factor);
        out[r] = scaled == scaled ? scaled : 0;
    }
}

weir_err weir_tiles_make(const struct weir_train_set *set, struct weir_tiles *out, struct weir_error *error)
{
    struct weir_tiles t = {.columns = set->columns, .rows = set->rows};
    t.tiles = (set->rows + WEIR_TILE_ROWS - 1) / WEIR_TILE_ROWS;
    *out = (struct weir_tiles){0};
    t.x = weir_pages_alloc((t.tiles * t.columns + 1) * WEIR_TILE_ROWS, sizeof *t.x);
    t.mean = calloc(t.columns + 1, sizeof *t.mean);
    t.deviation = calloc(t.columns + 1, sizeof *t.deviation);
    if (!t.x || !t.mean || !t.deviation) {
        weir_tiles_fini(&t);
        return weir_fail(error, WEIR_ERR_MEMORY, "%zu rows of %zu columns do not fit into memory; train on a sample", set->rows,
                         set->columns);
    }
    for (size_t c = 0; c < t.columns; c++) {
        struct weir_moments moments = weir_moments_of(set->x[c], set->row, set->rows);
        double deviation = sqrt(weir_moments_variance(moments));
        t.mean[c] = moments.mean;
        t.deviation[c] = deviation > 1e-12 * fabs(moments.mean) && deviation > 1e-30 ? deviation : 1;
    }
    for (size_t tile = 0; tile < t.tiles; tile++)
        for (size_t c = 0; c < t.columns; c++)
            fill(set, tile * WEIR_TILE_ROWS, c, t.mean[c], t.deviation[c], t.x + (tile * t.columns + c) * WEIR_TILE_ROWS);
    *out = t;
    return WEIR_OK;
}

void weir_tiles_fini(struct weir_tiles *tiles)
{
    free(tiles->x);
    free(tiles->mean);
    free(tiles->deviation);
    *tiles = (struct weir_tiles){0};
}

weir_err weir_tiles_linear(const struct weir_tiles *tiles, size_t groups, const double *weight, const double *bias,
                           struct weir_scorer **out, struct weir_error *error)
{
    struct weir_linear *l;
    *out = NULL;
    weir_err err = weir_linear_create(tiles->columns, groups, WEIR_LINK_LOGISTIC, &l, error);
    if (err)
        return err;
    for (size_t c = 0; c < tiles->columns; c++) {
        l->mean[c] = tiles->mean[c];
        l->fill[c] = (float)tiles->mean[c];
    }
    for (size_t g = 0; g < groups; g++) {
        l->bias[g] = bias[g];
        for (size_t c = 0; c < tiles->columns; c++) {
            double w = weight[g * tiles->columns + c] / tiles->deviation[c];
            l->weight[g * tiles->columns + c] = w;
            l->bias[g] -= w * tiles->mean[c];
        }
    }
    err = weir_linear_validate(l, error);
    *out = &l->scorer;
    if (err)
        weir_scorer_free(out);
    return err;
}
