#include "model/forest_explain.h"

#include <stdlib.h>
#include <string.h>

struct weir_explainer {
    const struct weir_forest *forest;
    uint32_t *left;   /* [nodes] place of the left child; 0 in a leaf (0 is a root, never a child) */
    double *expected; /* [nodes] */
};

weir_err weir_explainer_create(const struct weir_forest *f, struct weir_explainer **out, struct weir_error *error)
{
    *out = NULL;
    struct weir_explainer *explainer = calloc(1, sizeof *explainer);
    if (!explainer)
        return weir_fail(error, WEIR_ERR_MEMORY, "out of memory");
    explainer->forest = f;
    explainer->left = calloc(f->nodes + 1, sizeof *explainer->left);
    explainer->expected = calloc(f->nodes + 1, sizeof *explainer->expected);
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
            if (!left) {
                explainer->expected[i] = (double)f->value[i];
                continue;
            }
            double weight = (double)f->cover[left], other = (double)f->cover[left + 1];
            double share = weight + other > 0 ? weight / (weight + other) : 0.5;
            explainer->expected[i] = share * explainer->expected[left] + (1 - share) * explainer->expected[left + 1];
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
    memset(contributions, 0, f->columns * sizeof *contributions);
    *base = (double)f->base[group];
    for (size_t t = 0; t < f->trees; t++) {
        if (f->group[t] != group)
            continue;
        uint32_t at = f->first[t];
        *base += e->expected[at];
        while (e->left[at]) {
            unsigned split = f->split[at], column = split & (WEIR_SPLIT_MISSING_RIGHT - 1u);
            float x = row[column];
            uint32_t to = e->left[at] + (x != x ? (split & WEIR_SPLIT_MISSING_RIGHT) != 0 : x >= f->value[at]);
            contributions[column] += e->expected[to] - e->expected[at];
            at = to;
        }
    }
}
