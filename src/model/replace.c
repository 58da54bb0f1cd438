#include "model/replace.h"

#include <float.h>
#include <math.h>
#include <string.h>

enum { BATCH = 32 };

struct replace {
    const struct weir_scorer *scorer;
    const float *background, *row;
    float *x;       /* [BATCH][columns] */
    float *margins; /* [BATCH][groups] */
    uint32_t *changed;
    size_t count, group;
};

size_t weir_replace_room(const struct weir_scorer *scorer)
{
    return sizeof(float) * (BATCH * (scorer->columns + scorer->groups) + scorer->columns);
}

/* Adds share * what each changed column does, taken in their order or in its reverse. Returns the background's margin. */
static double walk(const struct replace *r, int reverse, double share, double *contributions)
{
    size_t columns = r->scorer->columns;
    double base = 0, last = 0;
    for (size_t first = 0; first <= r->count; first += BATCH) {
        size_t some = r->count + 1 - first < BATCH ? r->count + 1 - first : BATCH;
        for (size_t b = 0; b < some; b++) { /* row first + b has that many columns of the row */
            float *x = r->x + b * columns;
            memcpy(x, b ? x - columns : r->background, columns * sizeof *x);
            for (size_t k = b || !first ? first + b - (first + b > 0) : 0; k < first + b; k++) {
                uint32_t c = r->changed[reverse ? r->count - 1 - k : k];
                x[c] = r->row[c];
            }
        }
        r->scorer->kind->rows(r->scorer, r->x, some, columns, r->margins);
        for (size_t b = 0; b < some; b++) {
            double margin = (double)r->margins[b * r->scorer->groups + r->group];
            if (first + b)
                contributions[r->changed[reverse ? r->count - first - b : first + b - 1]] += share * (margin - last);
            else
                base = margin;
            last = margin;
        }
    }
    return base;
}

void weir_replace_explain(const struct weir_scorer *scorer, enum weir_explain how, const float *background, const float *row,
                          size_t group, void *room, double *contributions, double *base)
{
    struct replace r = {.scorer = scorer, .background = background, .row = row, .x = room, .group = group};
    r.margins = r.x + BATCH * scorer->columns;
    r.changed = (uint32_t *)(void *)(r.margins + BATCH * scorer->groups);
    for (size_t c = 0; c < scorer->columns; c++) {
        contributions[c] = 0;
        if (fabsf(row[c]) <= FLT_MAX && row[c] != background[c])
            r.changed[r.count++] = (uint32_t)c;
    }
    if (how == WEIR_EXPLAIN_EXACT)
        walk(&r, 1, 0.5, contributions);
    *base = walk(&r, 0, how == WEIR_EXPLAIN_EXACT ? 0.5 : 1, contributions);
}
