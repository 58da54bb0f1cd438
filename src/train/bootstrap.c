#include "train/bootstrap.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"

/* Far below what a thousand draws could show. */
#define TAIL 1e-14

/* Of a cell that is not empty: below[i] is the probability of at most least + i. */
struct poisson {
    size_t cell, count;
    uint64_t least;
    double *below;
    uint32_t *guide; /* [parts] the first entry above k / parts: where to look from */
    size_t parts;    /* a power of 2 */
};

/* Probabilities relative to that of the mode, going out to both sides until they no longer count. */
static weir_err make_table(uint64_t mean, struct poisson *out)
{
    double m = (double)mean, p = 1, sum = 0;
    size_t down = 0, up = 0;
    while (down < mean && p > TAIL)
        p *= (double)(mean - down++) / m;
    for (p = 1; p > TAIL;)
        p *= m / (double)(mean + ++up);
    out->least = mean - down;
    out->count = down + up + 1;
    out->below = malloc(out->count * sizeof *out->below);
    if (!out->below)
        return WEIR_ERR_MEMORY;
    out->below[down] = p = 1;
    for (size_t i = 0; i < down; i++)
        out->below[down - i - 1] = p *= (double)(mean - i) / m;
    p = 1;
    for (size_t i = 1; i <= up; i++)
        out->below[down + i] = p *= m / (double)(mean + i);
    for (size_t i = 0; i < out->count; i++)
        sum += out->below[i];
    p = 0;
    for (size_t i = 0; i < out->count; i++) {
        p += out->below[i];
        out->below[i] = p / sum;
    }
    out->below[out->count - 1] = 1;
    return WEIR_OK;
}

static weir_err make_guide(struct poisson *table)
{
    table->parts = 1;
    while (table->parts < table->count)
        table->parts *= 2;
    table->guide = malloc(table->parts * sizeof *table->guide);
    for (size_t k = 0, at = 0; table->guide && k < table->parts; k++) {
        while (table->below[at] <= (double)k / (double)table->parts)
            at++;
        table->guide[k] = (uint32_t)at;
    }
    return table->guide ? WEIR_OK : WEIR_ERR_MEMORY;
}

/* The first entry above u < 1. */
static uint64_t draw(const struct poisson *table, double u)
{
    size_t at = table->guide[(size_t)(u * (double)table->parts)];
    while (table->below[at] <= u)
        at++;
    return table->least + at;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Linear between the neighbours. */
static double quantile(const double *sorted, size_t count, double share)
{
    double at = share * (double)(count - 1);
    size_t i = (size_t)at;
    return i + 1 < count ? sorted[i] + (at - (double)i) * (sorted[i + 1] - sorted[i]) : sorted[count - 1];
}

weir_err weir_bootstrap(const uint64_t *counts, size_t cells, uint64_t seed, weir_bootstrap_figures *figures, void *context,
                        size_t count, struct weir_interval *out)
{
    size_t tables = 0;
    double figure[WEIR_BOOTSTRAP_FIGURES];
    struct poisson *table = calloc(cells + 1, sizeof *table);
    uint64_t *drawn = calloc(cells + 1, sizeof *drawn);
    double *value = malloc((count + 1) * WEIR_BOOTSTRAP_RESAMPLES * sizeof *value); /* [figure][those that exist] */
    size_t exist[WEIR_BOOTSTRAP_FIGURES] = {0};
    weir_err failed = table && drawn && value ? WEIR_OK : WEIR_ERR_MEMORY;
    for (size_t i = 0; i < cells && !failed; i++) {
        if (counts[i] > UINT32_MAX)
            failed = WEIR_ERR_LIMIT;
        else if (counts[i]) {
            failed = make_table(counts[i], &table[tables]);
            failed = failed ? failed : make_guide(&table[tables]);
            table[tables++].cell = i;
        }
    }
    for (uint64_t r = 0; r < WEIR_BOOTSTRAP_RESAMPLES && !failed; r++) {
        uint64_t random = weir_random_stream(seed, r);
        for (size_t i = 0; i < tables; i++)
            drawn[table[i].cell] = draw(&table[i], weir_random_share(&random));
        figures(context, drawn, figure);
        for (size_t f = 0; f < count; f++)
            if (!isnan(figure[f]))
                value[f * WEIR_BOOTSTRAP_RESAMPLES + exist[f]++] = figure[f];
    }
    for (size_t f = 0; f < count && !failed; f++) {
        double *list = &value[f * WEIR_BOOTSTRAP_RESAMPLES];
        out[f] = (struct weir_interval){NAN, NAN};
        if (!exist[f])
            continue;
        qsort(list, exist[f], sizeof *list, compare);
        out[f].low = quantile(list, exist[f], (1 - WEIR_BOOTSTRAP_LEVEL) / 2);
        out[f].high = quantile(list, exist[f], (1 + WEIR_BOOTSTRAP_LEVEL) / 2);
    }
    for (size_t i = 0; i < tables; i++) {
        free(table[i].below);
        free(table[i].guide);
    }
    free(table);
    free(drawn);
    free(value);
    return failed;
}
