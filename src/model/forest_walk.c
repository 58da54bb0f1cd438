/* Codes for forests of large trees. */
#include "model/forest_walk.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "model/edges.h"
#include "model/forest_pack.h"

enum { COLUMN = WEIR_SPLIT_MISSING_RIGHT - 1, EDGES = UINT16_MAX - 1 };

/* Thresholds by column, sorted, each once. */
struct edges {
    size_t *first, *count; /* [columns + 1], [columns] */
    float *edge;
    bool *side[2]; /* [columns] missing values go left, right, in some node */
};

static void collect(const struct weir_forest *f, struct edges *e)
{
    for (size_t i = 0; i < f->nodes; i++)
        if (f->split[i] != WEIR_SPLIT_LEAF)
            e->first[(f->split[i] & COLUMN) + 1]++;
    for (size_t k = 0; k < f->columns; k++)
        e->first[k + 1] += e->first[k];
    for (size_t i = 0; i < f->nodes; i++) {
        size_t column = f->split[i] & COLUMN;
        if (f->split[i] == WEIR_SPLIT_LEAF)
            continue;
        e->edge[e->first[column] + e->count[column]++] = f->value[i];
        e->side[(f->split[i] & WEIR_SPLIT_MISSING_RIGHT) != 0][column] = true;
    }
    for (size_t k = 0; k < f->columns; k++)
        e->count[k] = weir_edges_sort(e->edge + e->first[k], e->count[k]);
}

static unsigned bits_of(size_t most)
{
    unsigned bits = 1;
    while (most >> bits)
        bits++;
    return bits;
}

void weir_search_table(const float *edge, size_t count, unsigned steps, float *table)
{
    table[0] = NAN;
    for (unsigned level = 0; level < steps; level++)
        for (size_t j = 0; j < (size_t)1 << level; j++) {
            size_t sorted = ((2 * (((size_t)1 << level) - 1 - j) + 1) << (steps - 1 - level)) - 1;
            table[((size_t)1 << level) + j] = sorted < count ? edge[sorted] : NAN;
        }
}

static weir_err build_codes(struct weir_plan *plan, const struct edges *e, struct weir_error *error)
{
    const struct weir_forest *f = plan->forest;
    const unsigned shift = 16 - plan->code_bits;
    size_t floats = 0;
    plan->code = weir_plan_room(f->columns, sizeof *plan->code);
    if (!plan->code)
        return weir_fail(error, WEIR_ERR_MEMORY, "out of memory");
    for (size_t k = 0; k < f->columns; k++) {
        if (!e->count[k])
            continue;
        struct weir_code *code = &plan->code[plan->codes++];
        *code = (struct weir_code){.column = (uint16_t)k,
                                   .steps = 4,
                                   .missing = !e->side[1][k]  ? 0
                                              : e->side[0][k] ? WEIR_CODE_MISSING
                                                              : (uint16_t)(e->count[k] << shift),
                                   .table = (uint32_t)floats};
        while (((size_t)1 << code->steps) - 1 < e->count[k])
            code->steps++;
        floats += (size_t)1 << code->steps;
    }
    plan->row_codes = (plan->codes + 1) & ~(size_t)1;
    plan->code_table = weir_plan_room(floats, sizeof *plan->code_table);
    if (!plan->code_table)
        return weir_fail(error, WEIR_ERR_MEMORY, "out of memory");
    for (size_t i = 0; i < plan->codes; i++) {
        const struct weir_code *code = &plan->code[i];
        weir_search_table(e->edge + e->first[code->column], e->count[code->column], code->steps, plan->code_table + code->table);
    }
    return WEIR_OK;
}

static int compare_bits(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

/* Values of leaves; different ones differ in their bits. */
static weir_err build_leaves(struct weir_plan *plan, struct weir_error *error)
{
    const struct weir_forest *f = plan->forest;
    if (f->sum != WEIR_SUM_FLOAT64 || f->width != 1)
        return WEIR_OK;
    uint64_t *bits = weir_plan_room(f->leaves, sizeof *bits), wanted;
    size_t kept = 0;
    weir_err err = bits ? WEIR_OK : weir_fail(error, WEIR_ERR_MEMORY, "out of memory");
    if (!err) {
        memcpy(bits, f->leaf, f->leaves * sizeof *bits);
        qsort(bits, f->leaves, sizeof *bits, compare_bits);
        for (size_t i = 0; i < f->leaves; i++)
            if (!kept || bits[i] != bits[kept - 1])
                bits[kept++] = bits[i];
        plan->leaves_few = kept <= WEIR_LEAVES_FEW && kept <= plan->codes; /* a place must be one */
        if (kept <= UINT16_MAX) {
            plan->leaf_of = weir_plan_room(plan->leaves_few ? 0 : f->nodes, sizeof *plan->leaf_of);
            plan->leaf_value = weir_plan_room(kept + WEIR_LEAVES_FEW, sizeof *plan->leaf_value);
        } else
            plan->leaf_at = weir_plan_room(f->nodes, sizeof *plan->leaf_at);
        if (!plan->leaf_at && !(plan->leaf_of && plan->leaf_value))
            err = weir_fail(error, WEIR_ERR_MEMORY, "out of memory");
    }
    if (!err && plan->leaf_value)
        memcpy(plan->leaf_value, bits, kept * sizeof *bits);
    for (size_t i = 0; i < f->nodes && !err; i++) {
        if (f->split[i] != WEIR_SPLIT_LEAF)
            continue;
        if (plan->leaf_at) {
            plan->leaf_at[i] = f->leaf[f->place[i]];
            continue;
        }
        memcpy(&wanted, &f->leaf[f->place[i]], sizeof wanted);
        size_t low = 0, high = kept - 1;
        while (low < high) {
            size_t middle = (low + high) / 2;
            if (bits[middle] < wanted)
                low = middle + 1;
            else
                high = middle;
        }
        if (plan->leaves_few)
            plan->word[i] |= (uint32_t)low;
        else
            plan->leaf_of[i] = (uint16_t)low;
    }
    free(bits);
    return err;
}

static weir_err build_words(struct weir_plan *plan, const struct edges *e, struct weir_error *error)
{
    const struct weir_forest *f = plan->forest;
    const unsigned shift = 32 - plan->code_bits;
    uint16_t *place = weir_plan_room(f->columns, sizeof *place);
    plan->word = weir_plan_room(f->nodes, sizeof *plan->word);
    plan->next = weir_plan_room(plan->wide ? f->nodes : 0, sizeof *plan->next);
    plan->right = weir_plan_room(f->nodes + 3, sizeof *plan->right);
    if (!place || !plan->word || !plan->next || !plan->right) {
        free(place);
        return weir_fail(error, WEIR_ERR_MEMORY, "out of memory");
    }
    for (size_t i = 0; i < plan->codes; i++)
        place[plan->code[i].column] = (uint16_t)i;
    for (size_t t = 0; t < f->trees; t++) {
        uint32_t inner = 0; /* of the tree, so far: the node's children are 2 inner + 1 and 2 inner + 2 */
        for (uint32_t at = 0; at < f->count[t]; at++) {
            const size_t i = f->first[t] + at;
            uint32_t threshold, parent, code = 0;
            if (f->split[i] == WEIR_SPLIT_LEAF) { /* its parent's children: itself on the side that every code goes to */
                threshold = at % 2 ? UINT32_MAX >> shift : 0;
                parent = (at - 1) / 2;
                plan->right[i] = (at - 1) % 2;
            } else {
                size_t k = f->split[i] & COLUMN;
                threshold = (uint32_t)weir_edges_rank(e->edge + e->first[k], e->count[k], f->value[i]);
                parent = inner++;
                code = place[k];
                plan->right[i] = (f->split[i] & WEIR_SPLIT_MISSING_RIGHT) != 0;
            }
            plan->word[i] = threshold << shift | code;
            if (plan->wide)
                plan->next[i] = 2 * parent;
            else
                plan->word[i] |= parent << plan->place_bits;
        }
    }
    free(place);
    return WEIR_OK;
}

static weir_err encode(struct weir_plan *plan, struct edges *e, struct weir_error *error)
{
    const struct weir_forest *f = plan->forest;
    size_t most = 0, codes = 0, nodes = 0;
    if (!e->first || !e->count || !e->edge || !e->side[0] || !e->side[1])
        return weir_fail(error, WEIR_ERR_MEMORY, "out of memory");
    collect(f, e);
    for (size_t k = 0; k < f->columns; k++) {
        most = e->count[k] > most ? e->count[k] : most;
        codes += e->count[k] != 0;
    }
    for (size_t t = 0; t < f->trees; t++)
        nodes = f->count[t] > nodes ? f->count[t] : nodes;
    if (most > EDGES || codes > WEIR_CODES_MAX || nodes > INT32_MAX)
        return WEIR_OK;
    plan->place_bits = bits_of(codes < WEIR_LEAVES_FEW ? WEIR_LEAVES_FEW - 1 : codes - 1); /* a few leaves' numbers, too */
    plan->child_bits = bits_of(nodes / 2);
    plan->code_bits = bits_of(most + 1); /* a code of ones is above all */
    plan->wide = plan->place_bits + plan->child_bits + plan->code_bits > 32;
    if (plan->wide)
        plan->code_bits = 16;
    weir_err err = build_codes(plan, e, error);
    err = err ? err : build_words(plan, e, error);
    return err ? err : build_leaves(plan, error);
}

weir_err weir_walk_encode(struct weir_plan *plan, struct weir_error *error)
{
    const struct weir_forest *f = plan->forest;
    if (f->odd)
        return WEIR_OK;
    for (size_t t = 0; t < f->trees; t++)
        if (f->count[t] == 1)
            return WEIR_OK;
    struct edges e = {.first = weir_plan_room(f->columns + 1, sizeof *e.first),
                      .count = weir_plan_room(f->columns, sizeof *e.count),
                      .edge = weir_plan_room(f->nodes / 2, sizeof *e.edge),
                      .side = {weir_plan_room(f->columns, sizeof(bool)), weir_plan_room(f->columns, sizeof(bool))}};
    weir_err err = encode(plan, &e, error);
    free(e.first);
    free(e.count);
    free(e.edge);
    free(e.side[0]);
    free(e.side[1]);
    return err;
}

void weir_walk_forget(struct weir_plan *plan)
{
    free(plan->code);
    free(plan->code_table);
    free(plan->word);
    free(plan->next);
    free(plan->right);
    free(plan->leaf_at);
    free(plan->leaf_value);
    free(plan->leaf_of);
    plan->code = NULL;
    plan->code_table = NULL;
    plan->word = plan->next = NULL;
    plan->right = NULL;
    plan->leaf_at = plan->leaf_value = NULL;
    plan->leaf_of = NULL;
    plan->leaves_few = false;
    plan->codes = plan->row_codes = 0;
}
