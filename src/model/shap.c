#include "model/shap.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "model/kernel.h"
#include "model/shap_walk.h"

/* Gauss-Legendre's rule with WEIR_SHAP_LANES * groups points on [0, 1]: the roots of Legendre's polynomial by Newton's method. In
 * long double and rounded once, so that the last bit of cos does not show. */
static struct weir_shap_points *make_rule(unsigned groups)
{
    unsigned count = WEIR_SHAP_LANES * groups;
    struct weir_shap_points *rule = aligned_alloc(sizeof(weir_lanes), groups * sizeof *rule);
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
        rule[i / WEIR_SHAP_LANES].t[i % WEIR_SHAP_LANES] = (double)((x + 1) / 2);
        rule[i / WEIR_SHAP_LANES].weight[i % WEIR_SHAP_LANES] = (double)(1 / ((1 - x * x) * slope * slope));
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
    uint32_t *left;                 /* [nodes] the left child, 0 in a leaf */
    uint32_t *slot;                 /* [nodes]; WEIR_SHAP_NONE: a leaf of a last split */
    struct weir_shap_split **split; /* [nodes] NULL: a leaf */
    struct seen *seen;              /* [columns] */
    unsigned most;                  /* different columns on a path, of all paths */
};

/* Sets what depends on the way to a node, and adds what is expected there to the base. reach: share of the training rows. */
static void prepare_path(struct preparation *p, uint32_t at, unsigned different, double reach)
{
    const struct weir_forest *f = p->forest;
    struct weir_shap_split *split = p->split[at];
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
    different += before.slot == WEIR_SHAP_NONE;
    *seen = (struct seen){before.both * split->share, p->slot[left]};
    prepare_path(p, left, different, reach * split->share);
    *seen = (struct seen){before.both * (1 - split->share), p->slot[left + 1]};
    prepare_path(p, left + 1, different, reach * (1 - split->share));
    *seen = before;
}

/* Lays a tree out behind what `end` counts; its slots are counted from its own root. */
static void lay_out(struct preparation *p, struct weir_shap_bundle *end)
{
    const struct weir_forest *f = p->forest;
    struct weir_shap *shap = p->shap;
    uint32_t first = f->first[p->tree], nodes = f->count[p->tree], child = 1, slots = WEIR_SHAP_ROOTS;
    for (uint32_t i = 0; i < nodes; i++) {
        bool leaf = f->split[first + i] == WEIR_SPLIT_LEAF;
        p->left[i] = leaf ? 0 : child;
        child += leaf ? 0 : 2;
    }
    p->slot[0] = 0;
    for (uint32_t i = 0; i < nodes; i++) {
        uint32_t left = p->left[i];
        p->split[i] = NULL;
        if (!left) {
            if (i && p->slot[i] == WEIR_SHAP_NONE)
                continue;
            for (size_t g = 0; g < f->width; g++)
                shap->value[end->leaves * f->width + g] = weir_forest_leaf(f, p->tree, first + i, f->group[p->tree] + g);
            shap->leaf[end->leaves++] = p->slot[i];
            continue;
        }
        bool last = !p->left[left] && !p->left[left + 1];
        double of_left = (double)f->cover[first + left], of_right = (double)f->cover[first + left + 1];
        struct weir_shap_split *split = p->split[i] = last ? &shap->last[end->lasts] : &shap->inner[end->inner];
        *split = (struct weir_shap_split){.share = of_left + of_right > 0 ? of_left / (of_left + of_right) : 0.5,
                                          .threshold = f->value[first + i],
                                          .slot = p->slot[i],
                                          .column = f->split[first + i]};
        if (shap->inner_node)
            *(last ? &shap->last_node[end->lasts] : &shap->inner_node[end->inner]) = first + i;
        for (size_t g = 0; last && g < f->width; g++) {
            double right = weir_forest_leaf(f, p->tree, first + left + 1, f->group[p->tree] + g);
            double change = weir_forest_leaf(f, p->tree, first + left, f->group[p->tree] + g) - right;
            shap->sides[end->lasts * f->width + g] = (struct weir_shap_sides){right, change};
        }
        p->slot[left] = last ? WEIR_SHAP_NONE : slots;
        p->slot[left + 1] = last ? WEIR_SHAP_NONE : slots + 1;
        slots += last ? 0 : 2;
        end->inner += !last;
        end->lasts += last;
    }
}

/* Adds a tree to the last bundle, or a new one. False when memory is short. */
static bool add_tree(struct preparation *p)
{
    const struct weir_forest *f = p->forest;
    struct weir_shap *shap = p->shap;
    struct weir_shap_bundle *bundle = &shap->bundle[shap->bundles], end = *bundle; /* one that is not there yet */
    p->most = 0;
    lay_out(p, &end);
    prepare_path(p, 0, 0, 1);
    unsigned groups = (p->most + 2 * WEIR_SHAP_LANES - 1) / (2 * WEIR_SHAP_LANES);
    if (!groups) /* a lone leaf: nothing to explain */
        return true;
    if (!shap->rule[groups] && !(shap->rule[groups] = make_rule(groups)))
        return false;
    if (shap->bundles && bundle[-1].group == f->group[p->tree] && bundle[-1].groups == groups &&
        bundle[-1].roots < WEIR_SHAP_ROOTS && end.inner - bundle[-1].inner <= WEIR_SHAP_BUNDLE) {
        uint32_t pairs = bundle->inner - bundle[-1].inner, first_leaf = bundle->leaves;
        bundle--;
        for (uint32_t i = 0; i < f->count[p->tree]; i++)
            if (p->split[i]) {
                p->split[i]->slot += i ? 2 * pairs : bundle->roots;
                p->split[i]->earlier += p->split[i]->earlier == WEIR_SHAP_NONE ? 0 : 2 * pairs;
            }
        for (uint32_t i = first_leaf; i < end.leaves; i++)
            shap->leaf[i] += 2 * pairs;
    } else {
        bundle->group = f->group[p->tree];
        bundle->groups = (uint8_t)groups;
        shap->bundles++;
    }
    bundle->roots++;
    bundle[1] = (struct weir_shap_bundle){.inner = end.inner, .lasts = end.lasts, .leaves = end.leaves};
    shap->most = end.inner - bundle->inner > shap->most ? end.inner - bundle->inner : shap->most;
    return true;
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
    shap->bundle = calloc(f->trees + 1, sizeof *shap->bundle);
    shap->inner = calloc(splits + 1, sizeof *shap->inner);
    shap->last = calloc(splits + 1, sizeof *shap->last);
    shap->inner_node = f->odd ? calloc(splits + 1, sizeof *shap->inner_node) : NULL;
    shap->last_node = f->odd ? calloc(splits + 1, sizeof *shap->last_node) : NULL;
    shap->sides = calloc(splits * f->width + 1, sizeof *shap->sides);
    shap->leaf = calloc(splits + f->trees + 1, sizeof *shap->leaf);
    shap->value = calloc((splits + f->trees) * f->width + 1, sizeof *shap->value);
    shap->base = calloc(f->groups, sizeof *shap->base);
    bool good = p.left && p.slot && p.split && p.seen && shap->bundle && shap->inner && shap->last &&
                (!f->odd || (shap->inner_node && shap->last_node)) && shap->sides && shap->leaf && shap->value && shap->base;
    for (size_t c = 0; good && c < f->columns; c++)
        p.seen[c] = (struct seen){1, WEIR_SHAP_NONE};
    for (size_t g = 0; good && g < f->groups; g++)
        shap->base[g] = f->base[g];
    for (p.tree = 0; good && p.tree < f->trees; p.tree++)
        good = add_tree(&p);
    free(p.left);
    free(p.slot);
    free(p.split);
    free(p.seen);
    return good;
}

weir_err weir_shap_create(const struct weir_forest *f, struct weir_shap **out, struct weir_error *error)
{
    const struct weir_kernel *kernel;
    *out = NULL;
    weir_err err = weir_kernel_choose(&kernel, error);
    if (err)
        return err;
    *out = calloc(1, sizeof **out);
    if (!*out || !prepare(*out, f)) {
        weir_shap_free(out);
        return weir_fail(error, WEIR_ERR_MEMORY, "out of memory");
    }
    (*out)->walk = weir_shap_walk_any;
#ifdef __x86_64__
    if (kernel == &weir_kernel_avx2 || kernel == &weir_kernel_avx512 || kernel == &weir_kernel_avx512vbmi)
        (*out)->walk = weir_shap_walk_avx2;
#endif
    return WEIR_OK;
}

void weir_shap_free(struct weir_shap **shap)
{
    if (!shap || !*shap)
        return;
    for (size_t i = 0; i <= WEIR_SHAP_RULES; i++)
        free((*shap)->rule[i]);
    free((*shap)->bundle);
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

size_t weir_shap_room(const struct weir_shap *shap)
{
    return weir_shap_slots(shap->most) * (sizeof(weir_lanes) + 1) + shap->most * sizeof(struct weir_shap_passage);
}

void weir_shap_row(const struct weir_shap *shap, const float *row, size_t group, void *room, double *contributions, double *base)
{
    memset(contributions, 0, shap->forest->columns * sizeof *contributions);
    *base = shap->base[group];
    shap->walk(shap, row, group, room, contributions);
}
