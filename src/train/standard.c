#include "train/standard.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/pages.h"
#include "model/matrix.h"
#include "train/moments.h"

enum { TOGETHER = 16 }; /* rows written side by side, while a column's values are at hand */

weir_err weir_standard_make(const struct weir_train_set *set, bool scaled, struct weir_standard *out, struct weir_error *error)
{
    struct weir_standard s = {.columns = set->columns, .rows = set->rows, .stride = weir_matrix_width(set->columns + 1)};
    size_t numbers = s.rows * s.stride;
    *out = (struct weir_standard){0};
    s.x = weir_pages_alloc(numbers, sizeof *s.x);
    s.mean = calloc(s.columns + 1, sizeof *s.mean);
    s.deviation = calloc(s.columns + 1, sizeof *s.deviation);
    if (!s.x || !s.mean || !s.deviation) {
        weir_standard_fini(&s);
        return weir_fail(error, WEIR_ERR_MEMORY, "%zu rows of %zu columns do not fit into memory; train on a sample", set->rows,
                         set->columns);
    }
    for (size_t c = 0; c < s.columns; c++) {
        struct weir_moments moments = weir_moments_of(set->x[c], set->row, set->rows);
        double deviation = sqrt(weir_moments_variance(moments));
        s.mean[c] = moments.mean;
        s.deviation[c] = deviation > 1e-12 * fabs(moments.mean) && deviation > 1e-30 ? deviation : 1;
    }
    for (size_t first = 0; first < s.rows; first += TOGETHER) {
        size_t end = s.rows - first < TOGETHER ? s.rows : first + TOGETHER;
        for (size_t c = 0; c < s.columns; c++) {
            for (size_t i = first; i < end; i++) {
                float value = set->x[c][set->row[i]];
                double v = value == value ? (double)value : s.mean[c];
                s.x[i * s.stride + c] = (float)(scaled ? (v - s.mean[c]) / s.deviation[c] : v);
            }
        }
        for (size_t i = first; i < end; i++) {
            memset(s.x + i * s.stride + s.columns, 0, (s.stride - s.columns) * sizeof *s.x);
            s.x[i * s.stride + s.columns] = 1;
        }
    }
    *out = s;
    return WEIR_OK;
}

void weir_standard_fini(struct weir_standard *standard)
{
    free(standard->x);
    free(standard->mean);
    free(standard->deviation);
    *standard = (struct weir_standard){0};
}
