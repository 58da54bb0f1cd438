#include "train/logistic_curvature.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/pages.h"
#include "model/matrix.h"
#include "train/cholesky.h"

enum { ROWS = WEIR_TILE_ROWS, CHOSEN = 32 /* rows for each variable */, BINS = 2048 };

static const double ridge = 1e-8; /* of the mean of the diagonal: columns that say the same make the matrix singular */

/* Squared lengths of the rows, the intercept's 1 included. */
static void find_leverage(const struct weir_tiles *tiles, float *leverage)
{
    const float *x = tiles->x;
    for (size_t t = 0; t < tiles->tiles; t++, leverage += ROWS) {
        for (size_t r = 0; r < ROWS; r++)
            leverage[r] = 1;
        for (size_t c = 0; c < tiles->columns; c++, x += ROWS)
            for (size_t r = 0; r < ROWS; r++)
                leverage[r] += x[r] * x[r];
    }
}

weir_err weir_curvature_init(struct weir_curvature *curvature, const struct weir_tiles *tiles, struct weir_error *error)
{
    struct weir_curvature *c = curvature;
    *c = (struct weir_curvature){.tiles = tiles, .size = tiles->columns + 1, .stride = weir_matrix_width(tiles->columns + 1)};
    c->room = c->size * CHOSEN < tiles->rows ? c->size * CHOSEN : tiles->rows;
    c->leverage = weir_pages_alloc(tiles->tiles * ROWS, sizeof *c->leverage);
    c->x = weir_pages_alloc(c->room, c->stride * sizeof *c->x);
    c->product = weir_pages_alloc(c->size, c->stride * sizeof *c->product);
    c->factor = weir_pages_alloc(c->size, c->stride * sizeof *c->factor);
    if (!c->leverage || !c->x || !c->product || !c->factor)
        return weir_fail(error, WEIR_ERR_MEMORY, "%zu columns do not fit into memory", tiles->columns);
    memset(c->x, 0, c->room * c->stride * sizeof *c->x); /* also what lies behind the intercept */
    find_leverage(tiles, c->leverage);
    return WEIR_OK;
}

void weir_curvature_fini(struct weir_curvature *curvature)
{
    free(curvature->leverage);
    free(curvature->x);
    free(curvature->product);
    free(curvature->factor);
    *curvature = (struct weir_curvature){0};
}

/* The weight that a chosen row stands for: heavier ones are all chosen, so that at most `room` are in all. */
static float find_unit(const struct weir_curvature *c, const float *spread)
{
    size_t count[BINS] = {0}, above = 0, at = BINS;
    double sum[BINS] = {0}, below = 0;
    uint32_t bits;
    float unit = 0;
    for (size_t r = 0; r < c->tiles->rows; r++) {
        float weight = spread[r] * c->leverage[r];
        memcpy(&bits, &weight, sizeof bits);
        bits >>= 20; /* the exponent and three bits of the fraction; the sign is 0 */
        count[bits]++;
        sum[bits] += (double)weight;
        below += (double)weight;
    }
    while (at-- > 1) { /* down to the least by which not too many are chosen */
        float next;
        bits = (uint32_t)at << 20;
        memcpy(&next, &bits, sizeof next);
        above += count[at];
        below -= sum[at];
        if (next < INFINITY && (double)above + fmax(below, 0) / (double)next > (double)c->room - 1)
            return unit;
        unit = next;
    }
    return 0;
}

/* Rows of a tile, times these roots, to the end of those chosen. */
static void gather(const struct weir_curvature *c, const float *tile, const size_t *row, const float *root, size_t rows, float *x)
{
    size_t columns = c->size - 1;
    for (size_t k = 0; k < columns; k++)
        for (size_t i = 0; i < rows; i++)
            x[i * c->stride + k] = tile[k * ROWS + row[i]] * root[i];
    for (size_t i = 0; i < rows; i++)
        x[i * c->stride + columns] = root[i];
}

static size_t choose_rows(const struct weir_curvature *c, const float *spread)
{
    size_t chosen = 0, row[ROWS];
    float unit = find_unit(c, spread), root[ROWS];
    double reached = 0.5, share = 1 / (double)c->tiles->rows;
    for (size_t t = 0; t < c->tiles->tiles; t++) {
        size_t rows = 0;
        for (size_t r = 0; r < ROWS && chosen + rows < c->room; r++) {
            float weight = spread[t * ROWS + r] * c->leverage[t * ROWS + r];
            double chance = weight < unit ? (double)weight / (double)unit : 1;
            reached += weight > 0 ? chance : 0;
            if (reached < 1)
                continue;
            reached -= 1;
            row[rows] = r;
            root[rows++] = (float)sqrt((double)spread[t * ROWS + r] / chance * share);
        }
        gather(c, c->tiles->x + t * (c->size - 1) * ROWS, row, root, rows, c->x + chosen * c->stride);
        chosen += rows;
    }
    return chosen;
}

void weir_curvature_update(struct weir_curvature *c, const float *spread, const double *penalty)
{
    const float *row[ROWS];
    size_t chosen = choose_rows(c, spread);
    double trace = 0;
    memset(c->product, 0, c->size * c->stride * sizeof *c->product);
    for (size_t first = 0; first < chosen; first += ROWS) {
        size_t some = chosen - first < ROWS ? chosen - first : ROWS;
        for (size_t r = 0; r < some; r++)
            row[r] = c->x + (first + r) * c->stride;
        weir_matrix_here()->outer(row, row, some, c->size, c->stride, c->product);
    }
    for (size_t i = 0; i < c->size * c->stride; i++)
        c->factor[i] = (double)c->product[i];
    for (size_t i = 0; i < c->size; i++)
        trace += c->factor[i * c->stride + i];
    for (size_t i = 0; i < c->size; i++)
        c->factor[i * c->stride + i] += (i + 1 < c->size ? penalty[i] : 0) + ridge * trace / (double)c->size;
    weir_cholesky_factor(c->factor, c->size, c->stride);
}

void weir_curvature_solve(const struct weir_curvature *c, double *x)
{
    weir_cholesky_solve(c->factor, c->size, c->stride, x);
}
