#include "model/neighbour_index.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/pages.h"
#include "base/random.h"
#include "base/simd.h"

enum {
    LEAF = 32,      /* rows that are not halved further */
    SAMPLES = 1024, /* rows that the directions are made from */
    WIDE = 256,     /* columns that take part in them, at most: those that differ most */
    TURNS = 10,     /* of the search for the directions */
    DIRECTIONS = WEIR_SHADOW - 1
};

/* Zeroed. */
static void *room(size_t count, size_t width)
{
    void *p = weir_pages_alloc(count, width);
    if (p)
        memset(p, 0, count * width);
    return p;
}

weir_err weir_neighbour_index_init(struct weir_neighbour_index *n, size_t columns, size_t rows, struct weir_error *error)
{
    size_t stride = (columns + 15) & ~(size_t)15;
    *n = (struct weir_neighbour_index){.columns = columns, .stride = stride, .rows = rows};
    n->x = weir_pages_alloc(rows, stride * sizeof *n->x);
    for (size_t i = 0; n->x && i < rows; i++)
        memset(n->x + i * stride + columns, 0, (stride - columns) * sizeof *n->x);
    n->factor = room(stride, sizeof *n->factor);
    n->centre = room(stride, sizeof *n->centre);
    n->scale = room(stride, sizeof *n->scale);
    n->along = room(stride, WEIR_SHADOW * sizeof *n->along);
    n->across = room(DIRECTIONS, stride * sizeof *n->across);
    if (n->x && n->factor && n->centre && n->scale && n->along && n->across)
        return WEIR_OK;
    weir_neighbour_index_fini(n);
    return weir_fail(error, WEIR_ERR_MEMORY, "%zu rows of %zu columns do not fit into memory", rows, columns);
}

void weir_neighbour_index_fini(struct weir_neighbour_index *n)
{
    free(n->x);
    free(n->factor);
    free(n->centre);
    free(n->scale);
    free(n->along);
    free(n->across);
    free(n->node);
    free(n->box);
    free(n->block);
    *n = (struct weir_neighbour_index){0};
}

/* -- units and directions -- */

/* Centre and unit; the column in which the rows are furthest apart. */
static size_t measure(struct weir_neighbour_index *n)
{
    size_t widest = 0;
    double far = 0, span = -1;
    float *low = malloc(n->stride * sizeof *low), *high = malloc(n->stride * sizeof *high);
    if (!low || !high) {
        free(low);
        free(high);
        return SIZE_MAX;
    }
    memcpy(low, n->x, n->stride * sizeof *low);
    memcpy(high, n->x, n->stride * sizeof *high);
    for (size_t i = 0; i < n->rows; i++) {
        const float *x = n->x + i * n->stride;
        for (size_t c = 0; c < n->stride; c++) {
            low[c] = x[c] < low[c] ? x[c] : low[c];
            high[c] = x[c] > high[c] ? x[c] : high[c];
            n->centre[c] += (double)x[c];
        }
    }
    for (size_t c = 0; c < n->columns; c++) {
        n->centre[c] /= (double)n->rows;
        double most = fmax((double)high[c] - n->centre[c], n->centre[c] - (double)low[c]) * n->factor[c];
        double wide = ((double)high[c] - (double)low[c]) * n->factor[c];
        far += most * most;
        if (wide > span) {
            span = wide;
            widest = c;
        }
    }
    free(low);
    free(high);
    int power = 0;
    frexp(sqrt(far), &power);
    n->unit = far > 0 ? ldexp(1, -power) : 1;
    for (size_t c = 0; c < n->columns; c++)
        n->scale[c] = n->factor[c] * n->unit;
    return widest;
}

struct sample {
    float key;
    uint32_t row;
};

static int by_key(const void *a, const void *b)
{
    const struct sample *x = a, *y = b;
    return x->key < y->key ? -1 : x->key > y->key ? 1 : x->row < y->row ? -1 : x->row > y->row;
}

/* The step from `from` (NULL: the mean) to `to`, of length 1; false: there is none. */
static bool unit_step(const struct weir_neighbour_index *n, const float *to, const float *from, double *u)
{
    double length = 0;
    for (size_t c = 0; c < n->columns; c++) {
        u[c] = ((double)to[c] - (from ? (double)from[c] : n->centre[c])) * n->scale[c];
        length += u[c] * u[c];
    }
    length = sqrt(length);
    if (!(length > 0))
        return false;
    for (size_t c = 0; c < n->columns; c++)
        u[c] /= length;
    return true;
}

/* The columns that differ most in the samples' steps, at most WIDE of them, ascending. */
static size_t choose_columns(const double *square, size_t columns, uint16_t *chosen)
{
    size_t count = 0;
    for (size_t c = 0; c < columns; c++) {
        size_t ahead = 0;
        for (size_t k = 0; columns > WIDE && k < columns; k++)
            ahead += square[k] > square[c] || (square[k] == square[c] && k < c);
        if (ahead < WIDE)
            chosen[count++] = (uint16_t)c;
    }
    return count;
}

/* v[DIRECTIONS][d] becomes orthonormal; a vector that the others span becomes 0. */
static void orthonormalise(double *v, size_t d)
{
    for (size_t m = 0; m < DIRECTIONS; m++) {
        double *mine = v + m * d, before = 0, length = 0;
        for (size_t c = 0; c < d; c++)
            before += mine[c] * mine[c];
        for (int twice = 0; twice < 2; twice++)
            for (size_t o = 0; o < m; o++) {
                double dot = 0;
                for (size_t c = 0; c < d; c++)
                    dot += mine[c] * v[o * d + c];
                for (size_t c = 0; c < d; c++)
                    mine[c] -= dot * v[o * d + c];
            }
        for (size_t c = 0; c < d; c++)
            length += mine[c] * mine[c];
        double by = length > 1e-20 * before && length > 0 ? 1 / sqrt(length) : 0;
        for (size_t c = 0; c < d; c++)
            mine[c] *= by;
    }
}

/* Principal directions of `spread` [d][d] by subspace iteration from random ones: any orthonormal directions are valid, the
 * better they are the fewer rows are looked at. */
static void principal(const double *spread, size_t d, double *v, double *next)
{
    uint64_t seed = 1;
    for (size_t i = 0; i < DIRECTIONS * d; i++)
        v[i] = weir_random_share(&seed) - 0.5;
    for (int turn = 0; turn < TURNS; turn++) {
        memset(next, 0, DIRECTIONS * d * sizeof *next);
        for (size_t m = 0; m < DIRECTIONS; m++)
            for (size_t k = 0; k < d; k++) {
                double by = v[m * d + k];
                for (size_t c = 0; c < d; c++)
                    next[m * d + c] += by * spread[k * d + c];
            }
        orthonormalise(next, d);
        memcpy(v, next, DIRECTIONS * d * sizeof *v);
    }
}

/* The mean of the products of the samples' steps with themselves, at the chosen columns. */
static size_t add_steps(const struct weir_neighbour_index *n, const struct sample *sample, size_t samples, double *u,
                        double *square, uint16_t *chosen, double *spread)
{
    size_t d = 0;
    for (int pass = 0; pass < 2; pass++) {
        for (size_t i = 0; i + 1 < samples; i++)
            for (int kind = 0; kind < 2; kind++) {
                const float *to = n->x + (size_t)sample[i].row * n->stride;
                const float *from = n->x + (size_t)sample[i + 1].row * n->stride;
                if (!unit_step(n, to, kind ? from : NULL, u))
                    continue;
                if (!pass) {
                    for (size_t c = 0; c < n->columns; c++)
                        square[c] += u[c] * u[c];
                    continue;
                }
                for (size_t k = 0; k < d; k++)
                    u[k] = u[chosen[k]];
                for (size_t k = 0; k < d; k++)
                    for (size_t c = 0; c <= k; c++)
                        spread[k * d + c] += u[k] * u[c];
            }
        if (!pass)
            d = choose_columns(square, n->columns, chosen);
        else
            for (size_t k = 0; k < d; k++)
                for (size_t c = 0; c < k; c++)
                    spread[c * d + k] = spread[k * d + c];
    }
    return d;
}

static weir_err find_directions(struct weir_neighbour_index *n, size_t widest, struct weir_error *error)
{
    size_t step = n->rows / SAMPLES + 1, samples = (n->rows + step - 1) / step;
    size_t most = n->columns < WIDE ? n->columns : WIDE;
    struct sample *sample = malloc(samples * sizeof *sample);
    uint16_t *chosen = malloc(n->columns * sizeof *chosen);
    double *u = calloc(2 * n->columns + most * most + 2 * DIRECTIONS * most, sizeof *u);
    weir_err err = WEIR_OK;
    if (sample && chosen && u) {
        double *square = u + n->columns, *spread = square + n->columns, *v = spread + most * most, *next = v + DIRECTIONS * most;
        for (size_t i = 0; i < samples; i++)
            sample[i] = (struct sample){n->x[i * step * n->stride + widest], (uint32_t)(i * step)};
        qsort(sample, samples, sizeof *sample, by_key);
        size_t d = add_steps(n, sample, samples, u, square, chosen, spread);
        principal(spread, d, v, next);
        for (size_t m = 0; m < DIRECTIONS; m++)
            for (size_t k = 0; k < d; k++) {
                n->along[chosen[k] * (size_t)WEIR_SHADOW + m] = v[m * d + k];
                n->across[m * n->stride + chosen[k]] = v[m * d + k];
            }
    } else {
        err = weir_fail(error, WEIR_ERR_MEMORY, "out of memory");
    }
    free(sample);
    free(chosen);
    free(u);
    return err;
}

/* -- the tree -- */

struct builder {
    struct weir_neighbour_index *n;
    const double *shadow; /* [rows][16] */
    uint32_t *id;         /* [rows] being sorted */
    uint64_t random;
    const volatile sig_atomic_t *stop;
};

static bool before(const struct builder *b, int c, uint32_t i, uint32_t k)
{
    double x = b->shadow[(size_t)i * WEIR_SHADOW + (size_t)c], y = b->shadow[(size_t)k * WEIR_SHADOW + (size_t)c];
    return x < y || (x == y && i < k);
}

/* The first `nth` of id[0..count) are then before the others, by side c. */
static void part(struct builder *b, uint32_t *id, size_t count, size_t nth, int c)
{
    ptrdiff_t low = 0, high = (ptrdiff_t)count - 1, wanted = (ptrdiff_t)nth;
    while (low < high) {
        uint32_t pivot = id[low + weir_random_below(&b->random, (uint32_t)(high - low + 1))];
        ptrdiff_t i = low, k = high;
        while (i <= k) {
            while (before(b, c, id[i], pivot))
                i++;
            while (before(b, c, pivot, id[k]))
                k--;
            if (i <= k) {
                uint32_t other = id[i];
                id[i++] = id[k];
                id[k--] = other;
            }
        }
        if (wanted <= k)
            high = k;
        else if (wanted >= i)
            low = i;
        else
            return;
    }
}

static void fill_block(struct weir_neighbour_block *block, const double *shadow, const uint32_t *id, size_t rows)
{
    double far = 0;
    memcpy(block->first, shadow + (size_t)id[0] * WEIR_SHADOW, sizeof block->first);
    for (size_t l = 0; l < WEIR_SHADOW_ROWS; l++) {
        double all = 0;
        block->row[l] = l < rows ? id[l] : UINT32_MAX;
        for (size_t k = 0; k < WEIR_SHADOW; k++) {
            double z = l < rows ? shadow[(size_t)id[l] * WEIR_SHADOW + k] - block->first[k] : 0;
            block->z[k][l] = l < rows ? (float)z : INFINITY;
            all += z * z;
        }
        far = fmax(far, all);
    }
    block->radius = (float)sqrt(far);
}

static void bound(const struct builder *b, const uint32_t *id, size_t rows, size_t step, struct weir_neighbour_box *box)
{
    memcpy(box->low, b->shadow + (size_t)id[0] * WEIR_SHADOW, sizeof box->low);
    memcpy(box->high, box->low, sizeof box->high);
    for (size_t i = step; i < rows; i += step) {
        const double *s = b->shadow + (size_t)id[i] * WEIR_SHADOW;
        for (int k = 0; k < WEIR_SHADOW; k++) {
            box->low[k] = s[k] < box->low[k] ? s[k] : box->low[k];
            box->high[k] = s[k] > box->high[k] ? s[k] : box->high[k];
        }
    }
}

/* The widest side of the rows, or of a sample of them; -1: they all have one shadow. */
static int find_widest(const struct builder *b, const uint32_t *id, size_t rows)
{
    enum { SAMPLE = 200 };
    struct weir_neighbour_box box;
    int widest = -1;
    for (size_t step = rows / SAMPLE + 1;; step = 1) {
        double width = 0;
        bound(b, id, rows, step, &box);
        for (int k = 0; k < WEIR_SHADOW; k++)
            if (box.high[k] - box.low[k] > width) {
                width = box.high[k] - box.low[k];
                widest = k;
            }
        if (widest >= 0 || step == 1)
            return widest;
    }
}

/* Boxes are those of the rows in a leaf, and from there up of both children. */
static void grow(struct builder *b, uint32_t *id, size_t rows)
{
    struct weir_neighbour_index *n = b->n;
    size_t me = n->nodes++;
    int widest = rows <= LEAF || (b->stop && *b->stop) ? -1 : find_widest(b, id, rows);
    if (widest < 0) {
        bound(b, id, rows, 1, &n->box[me]);
        n->node[me] = (struct weir_neighbour_node){0, (uint32_t)n->blocks, (uint32_t)rows};
        for (size_t i = 0; i < rows; i += WEIR_SHADOW_ROWS)
            fill_block(&n->block[n->blocks++], b->shadow, id + i, rows - i < WEIR_SHADOW_ROWS ? rows - i : WEIR_SHADOW_ROWS);
        return;
    }
    size_t half = rows / 2 / WEIR_SHADOW_ROWS * WEIR_SHADOW_ROWS; /* full blocks; at least one, as rows > LEAF */
    part(b, id, rows, half, widest);
    grow(b, id, half);
    size_t right = n->nodes;
    grow(b, id + half, rows - half);
    n->node[me] = (struct weir_neighbour_node){(uint32_t)right, 0, (uint32_t)rows};
    for (int k = 0; k < WEIR_SHADOW; k++) {
        n->box[me].low[k] = fmin(n->box[me + 1].low[k], n->box[right].low[k]);
        n->box[me].high[k] = fmax(n->box[me + 1].high[k], n->box[right].high[k]);
    }
}

weir_err weir_neighbour_index_build(struct weir_neighbour_index *n, const volatile sig_atomic_t *stop, struct weir_error *error)
{
    n->shadow = WEIR_SIMD_CHOOSE(weir_neighbour_shadow);
    n->leaf = WEIR_SIMD_CHOOSE(weir_neighbour_leaf);
    n->search = WEIR_SIMD_CHOOSE(weir_neighbour_search);
    size_t widest = measure(n), leaves = n->rows / WEIR_SHADOW_ROWS + 1; /* a half has at least as many rows as a block */
    weir_err err = widest == SIZE_MAX ? weir_fail(error, WEIR_ERR_MEMORY, "out of memory") : find_directions(n, widest, error);
    if (err)
        return err;
    double *shadow = weir_pages_alloc(n->rows, WEIR_SHADOW * sizeof *shadow);
    struct builder b = {.n = n, .shadow = shadow, .id = malloc((n->rows + 1) * sizeof *b.id), .random = 1, .stop = stop};
    n->node = weir_pages_alloc(2 * leaves, sizeof *n->node);
    n->box = weir_pages_alloc(2 * leaves, sizeof *n->box);
    n->block = weir_pages_alloc(n->rows / WEIR_SHADOW_ROWS + leaves, sizeof *n->block);
    if (shadow && b.id && n->node && n->box && n->block) {
        for (size_t i = 0; i < n->rows && !(stop && *stop); i++) {
            b.id[i] = (uint32_t)i;
            n->shadow(n, n->x + i * n->stride, shadow + i * WEIR_SHADOW);
        }
        if (stop && *stop)
            err = weir_fail(error, WEIR_ERR_CLOSED, "interrupted while the rows were being sorted");
        else
            grow(&b, b.id, n->rows);
        if (!err && stop && *stop)
            err = weir_fail(error, WEIR_ERR_CLOSED, "interrupted while the rows were being sorted");
    } else {
        err = weir_fail(error, WEIR_ERR_MEMORY, "%zu rows of %zu columns do not fit into memory", n->rows, n->columns);
    }
    free(shadow);
    free(b.id);
    return err;
}
