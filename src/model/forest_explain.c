#include "model/forest_explain.h"

#include <stdlib.h>
#include <string.h>

struct weir_explainer {
    const struct weir_forest *forest;
    uint32_t *left;   /* [nodes] place of the left child; 0 in a leaf (0 is a root, never a child) */
    double *expected; /* [nodes][width] */
};

weir_err weir_explainer_create(const struct weir_forest *f, struct weir_explainer **out, struct weir_error *error)
{
    *out = NULL;
    struct weir_explainer *explainer = calloc(1, sizeof *explainer);
    if (!explainer)
        return weir_fail(error, WEIR_ERR_MEMORY, "out of memory");
    explainer->forest = f;
    explainer->left = calloc(f->nodes + 1, sizeof *explainer->left);
    explainer->expected = calloc(f->nodes * f->width + 1, sizeof *explainer->expected);
    if (!explainer->left || !explainer->expected) {
        weir_explainer_free(&explainer);
        return weir_fail(error, WEIR_ERR_MEMORY, "out of memory");
    }
    for (size_t t = 0; t < f->trees; t++) {
        uint32_t child = f->first[t] + 1;
        for (uint32_t i = f->first[t]; i < f->first[t] + f->count[t]; i++)
            if (f->split[i] != WEIR_SPLIT_LEAF) {
                explainer->left[i] = child;
                child += 2;
            }
        /* Children stand behind their parent, so backwards all children are known. */
        for (uint32_t i = f->first[t] + f->count[t]; i-- > f->first[t];) {
            uint32_t left = explainer->left[i];
            double weight = left ? (double)f->cover[left] : 0, other = left ? (double)f->cover[left + 1] : 0;
            double share = weight + other > 0 ? weight / (weight + other) : 0.5;
            for (size_t g = 0; g < f->width; g++) {
                double *e = explainer->expected + g;
                e[i * f->width] = left ? share * e[left * f->width] + (1 - share) * e[(left + 1) * f->width]
                                       : weir_forest_leaf(f, t, i, f->width > 1 ? g : f->group[t]);
            }
        }
    }
    *out = explainer;
    return WEIR_OK;
}

void weir_explainer_free(struct weir_explainer **explainer)
{
    if (!explainer || !*explainer)
        return;
    free((*explainer)->left);
    free((*explainer)->expected);
    free(*explainer);
    *explainer = NULL;
}

void weir_explainer_row(const struct weir_explainer *e, const float *row, size_t group, double *contributions, double *base)
{
    const struct weir_forest *f = e->forest;
    const double *expected = e->expected + (f->width > 1 ? group : 0);
    memset(contributions, 0, f->columns * sizeof *contributions);
    *base = f->base[group];
    for (size_t t = 0; t < f->trees; t++) {
        if (f->width == 1 && f->group[t] != group)
            continue;
        uint32_t at = f->first[t];
        *base += expected[at * f->width];
        while (e->left[at]) {
            unsigned column = f->split[at] & (WEIR_SPLIT_MISSING_RIGHT - 1u);
            uint32_t to = e->left[at] + weir_forest_right(f, at, row[column]);
            contributions[column] += expected[to * f->width] - expected[at * f->width];
            at = to;
        }
    }
}
