#include "model/draft.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"

weir_err weir_draft_resize(struct weir_draft *d, size_t count, struct weir_error *error)
{
    if (count > WEIR_FOREST_NODES_MAX)
        return weir_fail(error, WEIR_ERR_LIMIT, "more than %u nodes", WEIR_FOREST_NODES_MAX);
    if (count > d->room) {
        size_t room = count * 2;
        if (!weir_array_resize(&d->left, room, sizeof *d->left) || !weir_array_resize(&d->right, room, sizeof *d->right) ||
            !weir_array_resize(&d->column, room, sizeof *d->column) ||
            !weir_array_resize(&d->missing_left, room, sizeof *d->missing_left) ||
            !weir_array_resize(&d->value, room, sizeof *d->value) || !weir_array_resize(&d->cover, room, sizeof *d->cover) ||
            !weir_array_resize(&d->gain, room, sizeof *d->gain) ||
            !weir_array_resize(&d->leaf, room, d->width * sizeof *d->leaf) ||
            !weir_array_resize(&d->kind, room, sizeof *d->kind) || !weir_array_resize(&d->set, room, sizeof *d->set))
            return weir_fail(error, WEIR_ERR_MEMORY, "out of memory");
        d->room = room;
    }
    for (size_t i = d->count; i < count; i++) {
        d->left[i] = d->right[i] = -1;
        d->column[i] = d->missing_left[i] = 0;
        d->value[i] = d->cover[i] = d->gain[i] = 0;
        d->kind[i] = WEIR_SPLIT_NUMBER;
        d->set[i] = 0;
        memset(d->leaf + i * d->width, 0, d->width * sizeof *d->leaf);
    }
    d->count = count;
    return WEIR_OK;
}

void weir_draft_free(struct weir_draft *d)
{
    free(d->left);
    free(d->right);
    free(d->column);
    free(d->missing_left);
    free(d->value);
    free(d->cover);
    free(d->gain);
    free(d->leaf);
    free(d->kind);
    free(d->set);
    *d = (struct weir_draft){0};
}

bool weir_draft_above(double limit, float *t)
{
    if (limit == (double)INFINITY)
        return false;
    *t = (float)limit; /* to nearest: at the limit, or beside it on one side or the other */
    if ((double)*t <= limit)
        *t = nextafterf(*t, INFINITY);
    return true;
}

weir_err weir_draft_limit(struct weir_draft *d, struct weir_forest *f, size_t node, double limit, struct weir_error *error)
{
    if (weir_draft_above(limit, &d->value[node]))
        return WEIR_OK;
    return weir_draft_set(d, f, node, NULL, 0, false, 0, error); /* nothing is in the set: all go left */
}

weir_err weir_draft_set(struct weir_draft *d, struct weir_forest *f, size_t node, const uint32_t *words, size_t count, bool left,
                        float from, struct weir_error *error)
{
    int32_t was_left = d->left[node];
    d->kind[node] = WEIR_SPLIT_SET;
    d->value[node] = from;
    if (left) {
        d->left[node] = d->right[node];
        d->right[node] = was_left;
        d->missing_left[node] = !d->missing_left[node];
    }
    return weir_forest_add_set(f, words, count, &d->set[node], error);
}

struct weir_tree weir_draft_tree(const struct weir_draft *d, bool covered)
{
    return (struct weir_tree){.count = d->count,
                              .left = d->left,
                              .right = d->right,
                              .column = d->column,
                              .missing_left = d->missing_left,
                              .value = d->value,
                              .leaf = d->leaf,
                              .kind = d->kind,
                              .set = d->set,
                              .cover = covered ? d->cover : NULL,
                              .gain = d->gain};
}
