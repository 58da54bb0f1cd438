#include "train/svm_rows.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/pages.h"
#include "model/rbf.h"
#include "train/moments.h"

static const double forgotten = 1e-6; /* squared differences of all columns that are left out: half of it is an exponent */

enum { BLOCK = 256 };

static weir_err out_of_memory(size_t rows, struct weir_error *error)
{
    return weir_fail(error, WEIR_ERR_MEMORY, "svm: %zu rows do not fit into memory; train on a sample", rows);
}

void weir_svm_rows_fini(struct weir_svm_rows *r, bool some)
{
    if (!some) {
        free(r->fill);
        free(r->mean);
        free(r->scale);
        free(r->kept);
    }
    free(r->first);
    free(r->x);
    free(r->half);
    free(r->weight);
    free(r->source);
    *r = (struct weir_svm_rows){0};
}

/* Mean, fill, scale (without gamma: one over the deviation, or 1) and range of each column; the variance of all values. */
static double measure(const struct weir_train_set *set, enum weir_scale scale, struct weir_svm_rows *r, double *range)
{
    double middle = 0, variance = 0, columns = (double)set->columns;
    for (size_t c = 0; c < set->columns; c++) {
        struct weir_moments moments = weir_moments_of(set->x[c], set->row, set->rows);
        double own = weir_moments_variance(moments), deviation = sqrt(own);
        float low = INFINITY, high = -INFINITY;
        for (size_t i = 0; i < set->rows; i++) {
            float x = set->x[c][set->row[i]];
            low = x < low ? x : low;
            high = x > high ? x : high;
        }
        r->mean[c] = moments.mean;
        r->fill[c] = (float)moments.mean;
        r->scale[c] = 1;
        own *= moments.count / (double)set->rows; /* missing values are at the mean */
        range[c] = low < high ? (double)high - (double)low : 0;
        if (scale == WEIR_SCALE_STANDARD) {
            bool varies = deviation > 1e-12 * fabs(moments.mean) && deviation > 1e-30;
            r->scale[c] = varies ? 1 / deviation : 1;
            own = own * r->scale[c] * r->scale[c];
        } else {
            middle += moments.mean / columns;
        }
        variance += own / columns;
    }
    for (size_t c = 0; c < set->columns && scale == WEIR_SCALE_NONE; c++)
        variance += (r->mean[c] - middle) * (r->mean[c] - middle) / columns;
    return variance;
}

/* The columns that count, ascending: the smallest ranges are left out while their squares stay below what is forgotten. */
static void choose_columns(struct weir_svm_rows *r, double *range)
{
    double total = 0;
    for (;;) {
        size_t least = SIZE_MAX;
        for (size_t c = 0; c < r->columns; c++)
            if (range[c] >= 0 && (least == SIZE_MAX || range[c] < range[least]))
                least = c;
        if (least == SIZE_MAX)
            break;
        total += range[least] * range[least];
        if (!(total <= forgotten))
            break;
        range[least] = -1;
    }
    for (size_t c = 0; c < r->columns; c++)
        if (range[c] >= 0)
            r->kept[r->kept_count++] = (uint32_t)c;
}

static void place_rows(const struct weir_train_set *set, struct weir_svm_rows *r, size_t *at)
{
    size_t to[BLOCK];
    for (size_t i = 0; i < set->rows; i += BLOCK) {
        size_t some = set->rows - i < BLOCK ? set->rows - i : BLOCK;
        for (size_t b = 0; b < some; b++) {
            to[b] = at[set->label[i + b]]++;
            r->source[to[b]] = set->row[i + b];
            r->weight[to[b]] = 1;
        }
        for (size_t k = 0; k < r->kept_count; k++) {
            uint32_t c = r->kept[k];
            for (size_t b = 0; b < some; b++) {
                float x = set->x[c][set->row[i + b]];
                double u = ((double)(x == x ? x : r->fill[c]) - r->mean[c]) * r->scale[c];
                u = fmax(-(double)WEIR_RBF_MOST, fmin(u, (double)WEIR_RBF_MOST));
                r->x[to[b] * r->kept_count + k] = (float)u + 0.0f; /* one zero */
            }
        }
    }
}

/* Merges equal rows of each class; first[] is set right. */
static bool merge(struct weir_svm_rows *r)
{
    size_t size = 16, width = r->kept_count * sizeof *r->x, kept = 0;
    while (size < 2 * r->rows)
        size *= 2;
    uint32_t *slot = calloc(size, sizeof *slot); /* number of a row + 1 */
    if (!slot)
        return false;
    for (size_t k = 0; k < r->classes; k++) {
        size_t begin = r->first[k], end = r->first[k + 1];
        r->first[k] = kept;
        for (size_t i = begin; i < end; i++) {
            const float *x = r->x + i * r->kept_count;
            size_t at = (size_t)XXH64(x, width, k) & (size - 1);
            while (slot[at] && (slot[at] - 1 < r->first[k] || memcmp(r->x + (size_t)(slot[at] - 1) * r->kept_count, x, width)))
                at = (at + 1) & (size - 1);
            if (slot[at]) {
                r->weight[slot[at] - 1]++;
                continue;
            }
            slot[at] = (uint32_t)kept + 1;
            memmove(r->x + kept * r->kept_count, x, width);
            r->source[kept] = r->source[i];
            r->weight[kept++] = 1;
        }
    }
    r->rows = r->first[r->classes] = kept;
    free(slot);
    return true;
}

static bool make_room(struct weir_svm_rows *r, size_t rows)
{
    r->first = calloc(r->classes + 1, sizeof *r->first);
    r->x = weir_pages_alloc(rows * r->kept_count, sizeof *r->x);
    r->half = calloc(rows, sizeof *r->half);
    r->weight = calloc(rows, sizeof *r->weight);
    r->source = calloc(rows, sizeof *r->source);
    return r->first && r->x && r->half && r->weight && r->source;
}

weir_err weir_svm_rows_make(const struct weir_train_set *set, enum weir_scale scale, double gamma, struct weir_svm_rows *out,
                            struct weir_error *error)
{
    struct weir_svm_rows r = {.columns = set->columns, .classes = set->classes, .rows = set->rows};
    r.fill = calloc(r.columns, sizeof *r.fill);
    r.mean = calloc(r.columns, sizeof *r.mean);
    r.scale = calloc(r.columns, sizeof *r.scale);
    r.kept = calloc(r.columns, sizeof *r.kept);
    double *range = calloc(r.columns, sizeof *range);
    size_t *at = calloc(r.classes + 1, sizeof *at);
    bool good = r.fill && r.mean && r.scale && r.kept && range && at;
    if (good) {
        double variance = measure(set, scale, &r, range);
        double columns = (double)r.columns;
        r.gamma = gamma > 0 ? gamma : gamma < 0 ? 1 / columns : variance > 0 ? 1 / (columns * variance) : 1;
        double by = sqrt(2 * r.gamma * 1.4426950408889634);
        for (size_t c = 0; c < r.columns; c++) {
            r.scale[c] = fmin(r.scale[c] * by, 1e30);
            range[c] *= r.scale[c];
        }
        choose_columns(&r, range);
        good = make_room(&r, set->rows);
    }
    if (good) {
        for (size_t i = 0; i < set->rows; i++)
            r.first[set->label[i] + 1]++;
        for (size_t k = 0; k < r.classes; k++)
            r.first[k + 1] += r.first[k];
        memcpy(at, r.first, (r.classes + 1) * sizeof *at);
        place_rows(set, &r, at);
        good = merge(&r);
    }
    free(range);
    free(at);
    if (!good) {
        weir_svm_rows_fini(&r, false);
        return out_of_memory(set->rows, error);
    }
    r.near = true;
    for (size_t i = 0; i < r.rows; i++) {
        r.half[i] = weir_rbf_half(r.x + i * r.kept_count, r.kept_count);
        r.near = r.near && r.half[i] <= WEIR_RBF_NEAR;
    }
    *out = r;
    return WEIR_OK;
}

weir_err weir_svm_rows_some(const struct weir_svm_rows *from, const uint32_t *row, size_t rows, struct weir_svm_rows *out,
                            struct weir_error *error)
{
    struct weir_svm_rows r = *from;
    r.rows = rows;
    if (!make_room(&r, rows)) {
        weir_svm_rows_fini(&r, true);
        return out_of_memory(rows, error);
    }
    for (size_t i = 0, class = 0; i < rows; i++) {
        while (row[i] >= from->first[class + 1])
            class ++;
        r.first[class + 1]++;
        memcpy(r.x + i * r.kept_count, from->x + row[i] * r.kept_count, r.kept_count * sizeof *r.x);
        r.half[i] = from->half[row[i]];
        r.weight[i] = from->weight[row[i]];
        r.source[i] = from->source[row[i]];
    }
    for (size_t k = 0; k < r.classes; k++)
        r.first[k + 1] += r.first[k];
    *out = r;
    return WEIR_OK;
}
