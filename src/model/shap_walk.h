/* What shap.c lays out and shap_walk.c walks; private to the two. shap_walk.c is compiled twice, for any CPU and for AVX2, to the
 * same bits. */
#ifndef WEIR_MODEL_SHAP_WALK_H
#define WEIR_MODEL_SHAP_WALK_H

#include "model/forest.h"

enum {
    WEIR_SHAP_LANES = 4, /* points of the rule that a walk carries at once */
    WEIR_SHAP_RULES = (WEIR_FOREST_DEPTH_MAX + 2 * WEIR_SHAP_LANES - 1) / (2 * WEIR_SHAP_LANES),
    WEIR_SHAP_BUNDLE = 160, /* inner splits, unless a single tree has more */
    WEIR_SHAP_ROOTS = 32,   /* trees of a bundle, at most */
    WEIR_SHAP_NONE = 0      /* slot of a root: no split leads there, and it is the leaf of no last split */
};

typedef double weir_lanes __attribute__((vector_size(WEIR_SHAP_LANES * sizeof(double))));
#pragma GCC diagnostic ignored "-Wpsabi" /* they are passed between inline functions alone */

/* Some points of a rule on [0, 1] and their weights. */
struct weir_shap_points {
    weir_lanes t, weight;
};

/* Trees that follow each other, of one group and as many points, go together in bundles, so that the loops over what they have
 * are long enough to be quick, and what a bundle needs stays in the first cache. A bundle is kept as its splits with a split
 * among their children ("inner"), those with two leaves ("last"), and the leaves below inner ones. Each of these has a slot in
 * the room: the roots in the first WEIR_SHAP_ROOTS, behind them the children of the inner splits in pairs, those of the k-th in
 * 2k and 2k + 1. */
struct weir_shap_split {
    double share; /* of its training rows that go left */
    double both;  /* share of the rows that pass all splits of its column on the way here; 1 when there are none */
    float threshold;
    uint32_t slot;
    uint32_t earlier; /* slot on the way here below the last split of the same column, or WEIR_SHAP_NONE */
    uint16_t column;  /* and WEIR_SPLIT_MISSING_RIGHT */
};
_Static_assert(sizeof(struct weir_shap_split) == 32, "a row's time goes into fetching them");

/* The two leaves of a last split. */
struct weir_shap_sides {
    double right, change; /* value of the right one, and of the left one beyond it */
};

struct weir_shap_bundle {
    uint32_t inner, lasts, leaves; /* places of the first ones */
    uint32_t roots;                /* how many */
    uint16_t group;
    uint8_t groups; /* of points */
};

struct weir_shap;

/* contributions: all 0 before. */
typedef void weir_shap_walk(const struct weir_shap *shap, const float *row, size_t group, void *room, double *contributions);

weir_shap_walk weir_shap_walk_any;
#ifdef __x86_64__
weir_shap_walk weir_shap_walk_avx2;
#endif

struct weir_shap {
    const struct weir_forest *forest;
    weir_shap_walk *walk;
    size_t most;                     /* inner splits of a bundle */
    struct weir_shap_bundle *bundle; /* [bundles + 1], the last one tells where the others end */
    size_t bundles;
    struct weir_shap_split *inner, *last;
    uint32_t *inner_node, *last_node; /* the splits' nodes in the forest, when some are of no usual kind; else NULL */
    struct weir_shap_sides *sides;    /* of `last` [lasts][width] */
    uint32_t *leaf;                   /* slots */
    double *value;                    /* of `leaf` [leaves][width] */
    double *base;                     /* [groups] */
    struct weir_shap_points *rule[WEIR_SHAP_RULES + 1]; /* [k]: k groups of points; NULL: not needed */
};

/* What is kept of an inner split from the way down to the way up. */
struct weir_shap_passage {
    weir_lanes left;   /* share of its reach that goes left, at each point */
    weir_lanes weight; /* of the change between its sides */
    double turn;
};

/* The room: slots, a mark for each, passages. */
static inline size_t weir_shap_slots(size_t inner)
{
    return (WEIR_SHAP_ROOTS + 2 * inner + 31) / 32 * 32; /* so that what follows the marks is aligned */
}

#endif
