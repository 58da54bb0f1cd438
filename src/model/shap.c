#include "model/shap.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    LANES = 4, /* points of the rule that a walk carries at once */
    RULES = (WEIR_FOREST_DEPTH_MAX + 2 * LANES - 1) / (2 * LANES),
    NONE = 0 /* slot of the root: no split leads there, and it is the leaf of no last split */
};

typedef double lanes __attribute__((vector_size(LANES * sizeof(double))));
#pragma GCC diagnostic ignored "-Wpsabi" /* they are passed between functions of this file alone */

/* Some points of a rule on [0, 1] and their weights. */
struct points {
    lanes t, weight;
};

/* A tree is kept as its splits with a split among their children ("inner"), those with two leaves ("last"), and the leaves below
 * inner ones. Each of the three has a slot in the room: in level order, the root's is 0, the children of the k-th inner split
 * have 2k + 1 and 2k + 2. */
struct split {
    double share; /* of its training rows that go left */
    double both;  /* share of the rows that pass all splits of its column on the way here; 1 when there are none */
    float threshold;
    uint32_t slot;
    uint32_t earlier; /* slot on the way here below the last split of the same column, or NONE */
    uint16_t column;  /* and WEIR_SPLIT_MISSING_RIGHT */
};
_Static_assert(sizeof(struct split) == 32, "a row's time goes into fetching them");

/* The two leaves of a last split. */
struct sides {
    double right, change; /* value of the right one, and of the left one beyond it */
};

struct tree {
    uint32_t inner, lasts, leaves; /* places of the first ones */
    uint16_t group;
    uint8_t rule; /* groups of points that it needs; 0: a lone leaf */
};

struct weir_shap {
    const struct weir_forest *forest;
    size_t most;       /* inner splits of a tree */
    struct tree *tree; /* [trees + 1], the last one tells where the others end */
    struct split *inner, *last;
    uint32_t *inner_node, *last_node; /* the splits' nodes in the forest, when some are of no usual kind; else NULL */
    struct sides *sides;              /* of `last` [lasts][width] */
    uint32_t *leaf;                   /* slots */
    double *value;                    /* of `leaf` [leaves][width] */
    double *base;                     /* [groups] */
    struct points *rule[RULES + 1];   /* [k]: k groups of points; NULL: not needed */
};

/* -- preparing -- */

/* Gauss-Legendre's rule with LANES * groups points on [0, 1]: the roots of Legendre's polynomial by Newton's method. In long
 * double and rounded once, so that the last bit of cos does not show. */
static struct points *make_rule(unsigned groups)
{
    unsigned count = LANES * groups;
    struct points *rule = aligned_alloc(sizeof(lanes), groups * sizeof *rule);
    if (!rule)
        return NULL;
    for (unsigned i = 0; i < count; i++) {
        long double x = (long double)cos(M_PI * (i + 0.75) / (count + 0.5)), slope = 1;
        for (int step = 0; step < 8; step++) {
            long double p = 1, before = 0;
            for (unsigned k = 1; k <= count; k++) {
                long double next = ((2 * k - 1) * x * p - (k - 1) * before) / k;
                before = p;
                p = next;
            }
            slope = count * (x * p - before) / (x * x - 1);
            x -= p / slope;
        }
        rule[i / LANES].t[i % LANES] = (double)((x + 1) / 2);
        rule[i / LANES].weight[i % LANES] = (double)(1 / ((1 - x * x) * slope * slope));
    }
    return rule;
}

/* Where a column was last asked on the way down. */
struct seen {
    double both;   /* share of the rows that pass all its splits */
    uint32_t slot; /* below the last of them */
};

/* One tree at a time, its nodes by place in the tree. */
struct preparation {
    struct weir_shap *shap;
    const struct weir_forest *forest;
    size_t tree;
    uint32_t *left;       /* [nodes] the left child, 0 in a leaf */
    uint32_t *slot;       /* [nodes]; NONE: a leaf of a last split */
    struct split **split; /* [nodes] NULL: a leaf */
    struct seen *seen;    /* [columns] */
    unsigned most;        /* different columns on a path, of all paths */
};

/* Sets what depends on the way to a node, and adds what is expected there to the base. reach: share of the training rows. */
static void prepare_path(struct preparation *p, uint32_t at, unsigned different, double reach)
{
    const struct weir_forest *f = p->forest;
    struct split *split = p->split[at];
    if (!split) {
        p->most = different > p->most ? different : p->most;
        for (size_t g = 0; g < f->width; g++) {
            size_t group = f->group[p->tree] + g;
            p->shap->base[group] += reach * weir_forest_leaf(f, p->tree, f->first[p->tree] + at, group);
        }
        return;
    }
    uint32_t left = p->left[at];
    struct seen *seen = &p->seen[split->column & (WEIR_SPLIT_MISSING_RIGHT - 1)], before = *seen;
    split->both = before.both;
    split->earlier = before.slot;
    different += before.slot == NONE;
    *seen = (struct seen){before.both * split->share, p->slot[left]};
    prepare_path(p, left, different, reach * split->share);
    *seen = (struct seen){before.both * (1 - split->share), p->slot[left + 1]};
    prepare_path(p, left + 1, different, reach * (1 - split->share));
    *seen = before;
}

/* Lays a tree out; `next` counts what all trees so far have. False when memory is short. */
static bool prepare_tree(struct preparation *p, struct tree *tree, struct tree *next)
{
    const struct weir_forest *f = p->forest;
    struct weir_shap *shap = p->shap;
    uint32_t first = f->first[p->tree], nodes = f->count[p->tree], child = 1;
    for (uint32_t i = 0; i < nodes; i++) {
        bool leaf = f->split[first + i] == WEIR_SPLIT_LEAF;
        p->left[i] = leaf ? 0 : child;
        child += leaf ? 0 : 2;
    }
    *next = *tree;
    p->slot[0] = 0;
    for (uint32_t i = 0; i < nodes; i++) {
        uint32_t left = p->left[i];
        p->split[i] = NULL;
        if (!left) {
            if (i && p->slot[i] == NONE)
                continue;
            for (size_t g = 0; g < f->width; g++)
                shap->value[next->leaves * f->width + g] = weir_forest_leaf(f, p->tree, first + i, f->group[p->tree] + g);
            shap->leaf[next->leaves++] = p->slot[i];
            continue;
        }
        bool last = !p->left[left] && !p->left[left + 1];
        double of_left = (double)f->cover[first + left], of_right = (double)f->cover[first + left + 1];
        struct split *split = p->split[i] = last ? &shap->last[next->lasts] : &shap->inner[next->inner];
        *split = (struct split){.share = of_left + of_right > 0 ? of_left / (of_left + of_right) : 0.5,
                                .threshold = f->value[first + i],
                                .slot = p->slot[i],
                                .column = f->split[first + i]};
        if (shap->inner_node)
            *(last ? &shap->last_node[next->lasts] : &shap->inner_node[next->inner]) = first + i;
        for (size_t g = 0; last && g < f->width; g++) {
            double right = weir_forest_leaf(f, p->tree, first + left + 1, f->group[p->tree] + g);
            double change = weir_forest_leaf(f, p->tree, first + left, f->group[p->tree] + g) - right;
            shap->sides[next->lasts * f->width + g] = (struct sides){right, change};
        }
        p->slot[left] = last ? NONE : 2 * (next->inner - tree->inner) + 1;
        p->slot[left + 1] = last ? NONE : p->slot[left] + 1;
        next->inner += !last;
        next->lasts += last;
    }
    size_t inner = next->inner - tree->inner;
    shap->most = inner > shap->most ? inner : shap->most;
    p->most = 0;
    prepare_path(p, 0, 0, 1);
    tree->group = f->group[p->tree];
    tree->rule = (uint8_t)((p->most + 2 * LANES - 1) / (2 * LANES));
    if (tree->rule && !shap->rule[tree->rule])
        shap->rule[tree->rule] = make_rule(tree->rule);
    return !tree->rule || shap->rule[tree->rule];
}

static bool prepare(struct weir_shap *shap, const struct weir_forest *f)
{
    size_t most = 0, splits = (f->nodes - f->trees) / 2;
    struct preparation p = {.shap = shap, .forest = f};
    for (size_t t = 0; t < f->trees; t++)
        most = f->count[t] > most ? f->count[t] : most;
    p.left = calloc(most + 1, sizeof *p.left);
    p.slot = calloc(most + 1, sizeof *p.slot);
    p.split = calloc(most + 1, sizeof *p.split);
    p.seen = calloc(f->columns, sizeof *p.seen);
    /* One entry more than needed: an empty forest is no failed allocation. */
    shap->forest = f;
    shap->tree = calloc(f->trees + 1, sizeof *shap->tree);
    shap->inner = calloc(splits + 1, sizeof *shap->inner);
    shap->last = calloc(splits + 1, sizeof *shap->last);
    shap->inner_node = f->odd ? calloc(splits + 1, sizeof *shap->inner_node) : NULL;
    shap->last_node = f->odd ? calloc(splits + 1, sizeof *shap->last_node) : NULL;
    shap->sides = calloc(splits * f->width + 1, sizeof *shap->sides);
    shap->leaf = calloc(splits + f->trees + 1, sizeof *shap->leaf);
    shap->value = calloc((splits + f->trees) * f->width + 1, sizeof *shap->value);
    shap->base = calloc(f->groups, sizeof *shap->base);
    bool good = p.left && p.slot && p.split && p.seen && shap->tree && shap->inner && shap->last &&
                (!f->odd || (shap->inner_node && shap->last_node)) && shap->sides && shap->leaf && shap->value && shap->base;
    for (size_t c = 0; good && c < f->columns; c++)
        p.seen[c] = (struct seen){1, NONE};
    for (size_t g = 0; good && g < f->groups; g++)
        shap->base[g] = f->base[g];
    for (p.tree = 0; good && p.tree < f->trees; p.tree++)
        good = prepare_tree(&p, &shap->tree[p.tree], &shap->tree[p.tree + 1]);
    free(p.left);
    free(p.slot);
    free(p.split);
    free(p.seen);
    return good;
}

weir_err weir_shap_create(const struct weir_forest *f, struct weir_shap **out, struct weir_error *error)
{
    *out = calloc(1, sizeof **out);
    if (*out && prepare(*out, f))
        return WEIR_OK;
    weir_shap_free(out);
    return weir_fail(error, WEIR_ERR_MEMORY, "out of memory");
}

void weir_shap_free(struct weir_shap **shap)
{
    if (!shap || !*shap)
        return;
    for (size_t i = 0; i <= RULES; i++)
        free((*shap)->rule[i]);
    free((*shap)->tree);
    free((*shap)->inner);
    free((*shap)->last);
    free((*shap)->inner_node);
    free((*shap)->last_node);
    free((*shap)->sides);
    free((*shap)->leaf);
    free((*shap)->value);
    free((*shap)->base);
    free(*shap);
    *shap = NULL;
}

/* -- a row -- */

/* What is kept of an inner split from the way down to the way up. */
struct passage {
    lanes left;   /* share of its reach that goes left, at each point */
    lanes weight; /* of the change between its sides */
    double turn;
};

static size_t room_slots(size_t inner)
{
    return (2 * inner + 1 + 31) / 32 * 32; /* so that what follows the marks is aligned */
}

size_t weir_shap_room(const struct weir_shap *shap)
{
    return room_slots(shap->most) * (sizeof(lanes) + 1) + shap->most * sizeof(struct passage);
}

static inline lanes all(double x)
{
    return (lanes){x, x, x, x};
}

static inline double sum(lanes x)
{
    return (x[0] + x[2]) + (x[1] + x[3]);
}

/* A row on its way. */
struct walk {
    const struct weir_shap *shap;
    const float *row;
    size_t group; /* place of a leaf's value, with several */
    lanes *room;
    double *contributions;
};

struct step {
    lanes left, weight;
    double turn;
    unsigned right, passed;
};

/* One split; node: NULL, or where its rule stands. */
static inline struct step take(const struct walk *w, const struct split *split, const uint32_t *node, const uint8_t *passed,
                               lanes reach, lanes t, lanes weight)
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
    lanes known = 1 / (t + (1 - t) * split->both);
    double turn = (double)step.passed * ((double)(step.right ^ 1u) - split->share);
    step.left = split->share + turn * t * known;
    step.weight = reach * weight * known * known;
    step.turn = turn * split->both;
    return step;
}

static void explain_tree(const struct walk *w, const struct tree *tree, const struct points *points)
{
    const struct weir_shap *shap = w->shap;
    const struct split *inner = shap->inner + tree->inner;
    const uint32_t *node = shap->inner_node ? shap->inner_node + tree->inner : NULL;
    size_t count = tree[1].inner - tree->inner, slots = room_slots(count), width = shap->forest->width;
    lanes *room = w->room, t = points->t, weight = points->weight;
    uint8_t *passed = (uint8_t *)(room + slots);
    struct passage *passage = (struct passage *)(passed + slots);
    /* Down: a slot holds the probability to come there. */
    room[0] = all(1);
    passed[0] = 1;
    for (size_t k = 0; k < count; k++) {
        lanes reach = room[inner[k].slot];
        struct step step = take(w, &inner[k], node ? &node[k] : NULL, passed, reach, t, weight);
        passage[k] = (struct passage){step.left, step.weight, step.turn};
        passed[2 * k + 1] = (uint8_t)(step.passed & (step.right ^ 1u));
        passed[2 * k + 2] = (uint8_t)(step.passed & step.right);
        room[2 * k + 1] = reach * step.left;
        room[2 * k + 2] = reach - reach * step.left;
    }
    /* Up: a slot holds the margin expected below. */
    for (size_t k = tree->lasts; k < tree[1].lasts; k++) {
        const struct split *last = &shap->last[k];
        struct sides sides = shap->sides[k * width + w->group];
        struct step step = take(w, last, shap->last_node ? &shap->last_node[k] : NULL, passed, room[last->slot], t, weight);
        w->contributions[last->column & (WEIR_SPLIT_MISSING_RIGHT - 1u)] += step.turn * sides.change * sum(step.weight);
        room[last->slot] = sides.right + step.left * sides.change;
    }
    for (size_t k = tree->leaves; k < tree[1].leaves; k++)
        room[shap->leaf[k]] = all(shap->value[k * width + w->group]);
    for (size_t k = count; k-- > 0;) {
        lanes change = room[2 * k + 1] - room[2 * k + 2];
        w->contributions[inner[k].column & (WEIR_SPLIT_MISSING_RIGHT - 1u)] += passage[k].turn * sum(passage[k].weight * change);
        room[inner[k].slot] = room[2 * k + 2] + passage[k].left * change;
    }
}

void weir_shap_row(const struct weir_shap *shap, const float *row, size_t group, void *room, double *contributions, double *base)
{
    const struct weir_forest *f = shap->forest;
    struct walk walk = {shap, row, f->width > 1 ? group : 0, room, contributions};
    memset(contributions, 0, f->columns * sizeof *contributions);
    *base = shap->base[group];
    for (const struct tree *tree = shap->tree; tree < shap->tree + f->trees; tree++)
        for (unsigned k = 0; (f->width > 1 || tree->group == group) && k < tree->rule; k++)
            explain_tree(&walk, tree, &shap->rule[tree->rule][k]);
}
