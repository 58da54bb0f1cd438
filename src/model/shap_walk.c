#include "model/shap_walk.h"

#ifndef WEIR_SHAP_WALK
#define WEIR_SHAP_WALK weir_shap_walk_any
#endif

static inline weir_lanes all(double x)
{
    return (weir_lanes){x, x, x, x};
}

static inline double sum(weir_lanes x)
{
    return (x[0] + x[2]) + (x[1] + x[3]);
}

/* A row on its way. */
struct walk {
    const struct weir_shap *shap;
    const float *row;
    size_t group; /* place of a leaf's value, with several */
    weir_lanes *room;
    double *contributions;
};

struct step {
    weir_lanes left, weight;
    double turn;
    unsigned right, passed;
};

/* One split; node: NULL, or where its rule stands. */
static inline struct step take(const struct walk *w, const struct weir_shap_split *split, const uint32_t *node,
                               const uint8_t *passed, weir_lanes reach, weir_lanes t, weir_lanes weight)
{
    struct step step;
    float x = w->row[split->column & (WEIR_SPLIT_MISSING_RIGHT - 1u)];
    if (node)
        step.right = weir_forest_right(w->shap->forest, *node, x);
    else
        step.right = (unsigned)(x >= split->threshold) | ((unsigned)(x != x) & (unsigned)split->column >> 15);
    step.passed = passed[split->earlier];
    /* The column is known with probability t; given that the row came here past the column's earlier splits, with t / (t + (1 -
     * t) both). When known it goes its way, else left by `share`. If the row does not pass the earlier splits, the column cannot
     * be known here: both sides are open, and nothing here depends on t by this column. */
    step.turn = (double)step.passed * ((double)(step.right ^ 1u) - split->share);
    if (split->earlier != WEIR_SHAP_NONE) { /* a branch that is always the same: worth it, for the division */
        weir_lanes given = 1 / (t + (1 - t) * split->both);
        t *= given;
        weight *= split->both * given * given;
    }
    step.left = split->share + step.turn * t;
    step.weight = reach * weight;
    return step;
}

static void explain_bundle(const struct walk *w, const struct weir_shap_bundle *bundle, const struct weir_shap_points *points)
{
    const struct weir_shap *shap = w->shap;
    const struct weir_shap_split *inner = shap->inner + bundle->inner;
    const uint32_t *node = shap->inner_node ? shap->inner_node + bundle->inner : NULL;
    size_t count = bundle[1].inner - bundle->inner, slots = weir_shap_slots(count), width = shap->forest->width;
    weir_lanes *room = w->room, *pair = room + WEIR_SHAP_ROOTS, t = points->t, weight = points->weight;
    uint8_t *passed = (uint8_t *)(room + slots);
    struct weir_shap_passage *passage = (struct weir_shap_passage *)(passed + slots);
    /* Down: a slot holds the probability to come there. */
    for (size_t k = 0; k < bundle->roots; k++)
        room[k] = all(1);
    passed[WEIR_SHAP_NONE] = 1;
    for (size_t k = 0; k < count; k++) {
        weir_lanes reach = room[inner[k].slot];
        struct step step = take(w, &inner[k], node ? &node[k] : NULL, passed, reach, t, weight);
        passage[k] = (struct weir_shap_passage){step.left, step.weight, step.turn};
        passed[WEIR_SHAP_ROOTS + 2 * k] = (uint8_t)(step.passed & (step.right ^ 1u));
        passed[WEIR_SHAP_ROOTS + 2 * k + 1] = (uint8_t)(step.passed & step.right);
        pair[2 * k] = reach * step.left;
        pair[2 * k + 1] = reach - reach * step.left;
    }
    /* Up: a slot holds the margin expected below. */
    for (size_t k = bundle->lasts; k < bundle[1].lasts; k++) {
        const struct weir_shap_split *last = &shap->last[k];
        struct weir_shap_sides sides = shap->sides[k * width + w->group];
        struct step step = take(w, last, shap->last_node ? &shap->last_node[k] : NULL, passed, room[last->slot], t, weight);
        w->contributions[last->column & (WEIR_SPLIT_MISSING_RIGHT - 1u)] += step.turn * sides.change * sum(step.weight);
        room[last->slot] = sides.right + step.left * sides.change;
    }
    for (size_t k = bundle->leaves; k < bundle[1].leaves; k++)
        room[shap->leaf[k]] = all(shap->value[k * width + w->group]);
    for (size_t k = count; k-- > 0;) {
        weir_lanes change = pair[2 * k] - pair[2 * k + 1];
        w->contributions[inner[k].column & (WEIR_SPLIT_MISSING_RIGHT - 1u)] += passage[k].turn * sum(passage[k].weight * change);
        room[inner[k].slot] = pair[2 * k + 1] + passage[k].left * change;
    }
}

void WEIR_SHAP_WALK(const struct weir_shap *shap, const float *row, size_t group, void *room, double *contributions)
{
    bool all_groups = shap->forest->width > 1;
    struct walk walk = {.shap = shap, .row = row, .group = all_groups ? group : 0, .room = room, .contributions = contributions};
    for (const struct weir_shap_bundle *bundle = shap->bundle; bundle < shap->bundle + shap->bundles; bundle++)
        for (unsigned k = 0; (all_groups || bundle->group == group) && k < bundle->groups; k++)
            explain_bundle(&walk, bundle, &shap->rule[bundle->groups][k]);
}
