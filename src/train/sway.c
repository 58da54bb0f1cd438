#include "train/sway.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { SHIFT = 20, KEYS = 1 << (32 - SHIFT), SEED = 0x776573 };

/* Rows of one bin and about the same value. */
struct cell {
    uint64_t rows;
    double mean;
    uint32_t bin;
};

struct cells {
    struct cell *cell;
    uint64_t *rows; /* [count], as the bootstrap takes them */
    size_t count;
    double figure, low, high;
};

/* Sign, exponent and three bits of the mantissa. */
static uint32_t key_of(double value)
{
    float rounded = (float)value;
    uint32_t bits;
    memcpy(&bits, &rounded, sizeof bits);
    return bits >> SHIFT;
}

static weir_err make_cells(const double *value, const uint8_t *bin, size_t bins, size_t rows, struct cells *out)
{
    size_t all = bins * KEYS;
    *out = (struct cells){.cell = calloc(all, sizeof *out->cell)};
    if (!out->cell)
        return WEIR_ERR_MEMORY;
    for (size_t i = 0; i < rows; i++) {
        struct cell *cell = &out->cell[(bin ? bin[i] * (size_t)KEYS : 0) + key_of(value[i])];
        cell->rows++;
        cell->mean += value[i];
        cell->bin = bin ? bin[i] : 0;
    }
    for (size_t i = 0; i < all; i++)
        if (out->cell[i].rows)
            out->cell[out->count++] = out->cell[i];
    out->rows = malloc((out->count + 1) * sizeof *out->rows);
    if (!out->rows)
        return WEIR_ERR_MEMORY;
    for (size_t i = 0; i < out->count; i++) {
        out->rows[i] = out->cell[i].rows;
        out->cell[i].mean /= (double)out->cell[i].rows;
    }
    return WEIR_OK;
}

static void find_sum(void *context, const uint64_t *rows, double *out)
{
    const struct cells *cells = context;
    double sum = cells->figure;
    for (size_t i = 0; i < cells->count; i++)
        sum += ((double)rows[i] - (double)cells->rows[i]) * cells->cell[i].mean;
    *out = fmin(fmax(sum, cells->low), cells->high);
}

static void find_gaps(void *context, const uint64_t *rows, double *out)
{
    const struct cells *cells = context;
    double sum = 0, gap = 0;
    uint64_t all = 0;
    for (size_t i = 0; i < cells->count; i++) {
        gap += (double)rows[i] * cells->cell[i].mean;
        all += rows[i];
        if (i + 1 == cells->count || cells->cell[i + 1].bin != cells->cell[i].bin) {
            sum += fabs(gap);
            gap = 0;
        }
    }
    *out = all ? sum / (double)all : (double)NAN;
}

static weir_err resample(struct cells *cells, weir_bootstrap_figures *figures, struct weir_interval *out)
{
    weir_err failed = weir_bootstrap(cells->rows, cells->count, SEED, figures, cells, 1, out);
    free(cells->cell);
    free(cells->rows);
    return failed;
}

weir_err weir_sway_interval(const double *sway, size_t rows, double figure, double low, double high, struct weir_interval *out)
{
    struct cells cells;
    weir_err failed = make_cells(sway, NULL, 1, rows, &cells);
    cells.figure = figure;
    cells.low = low;
    cells.high = high;
    if (!failed)
        return resample(&cells, find_sum, out);
    free(cells.cell);
    return failed;
}

weir_err weir_sway_gap_interval(const double *gap, const uint8_t *bin, size_t bins, size_t rows, struct weir_interval *out)
{
    struct cells cells;
    weir_err failed = make_cells(gap, bin, bins, rows, &cells);
    if (failed) {
        free(cells.cell);
        return failed;
    }
    double itself;
    find_gaps(&cells, cells.rows, &itself);
    failed = resample(&cells, find_gaps, out);
    out->low = fmin(out->low, itself);
    out->high = fmax(out->high, itself);
    return failed;
}
