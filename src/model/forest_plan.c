/* Compiles a forest to a plan. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "model/edges.h"
#include "model/forest_pack.h"
#include "model/forest_score.h"
#include "model/forest_walk.h"
#include "model/kernel.h"
#include "model/kernel_few.h"

enum { LEAF_ROOM = WEIR_LEAF_ROOM, COLUMN = WEIR_SPLIT_MISSING_RIGHT - 1 };

/* What a tree is, before planes are known. */
struct shape {
    size_t depth, leaves;
    bool odd, oblivious;
};

struct compiler {
    const struct weir_forest *forest;
    struct weir_plan *plan;
    struct shape *shape;  /* [trees] */
    enum weir_form *form; /* [trees] */
    size_t *edge_first;   /* [columns + 1] the column's thresholds in `edge`: sorted, each once */
    size_t *edge_count;   /* [columns] */
    float *edge;
    uint32_t *key;         /* [nodes of the forest] of inner ones: plane << 8 | bin, once in a batch the test's number */
    uint32_t *batch;       /* [pieces] */
    uint8_t *level;        /* [nodes of the forest], at most 255 */
    bool six;              /* trees of MASK have a depth of 6 at least */
    uint16_t *plane_first; /* [columns + 1] while planes are collected: 1 + the column's last one, then their chain */
    uint16_t plane_before[WEIR_PLANES_MAX];
};

static bool is_leaf(const struct weir_forest *f, size_t node)
{
    return f->split[node] == WEIR_SPLIT_LEAF;
}

static bool same_test(const struct weir_forest *f, size_t a, size_t b)
{
    return f->split[a] == f->split[b] && f->kind[a] == f->kind[b] && f->place[a] == f->place[b] && f->value[a] == f->value[b];
}

static struct shape shape_of(const struct weir_forest *f, size_t tree)
{
    size_t first = f->first[tree], count = f->count[tree];
    struct shape s = {.depth = weir_forest_depth(f, tree), .leaves = (count + 1) / 2};
    s.oblivious = s.depth >= 1 && s.depth <= WEIR_OBLIVIOUS_DEPTH && s.leaves == (size_t)1 << s.depth;
    for (size_t i = 0; i < count; i++) {
        if (is_leaf(f, first + i))
            continue;
        s.odd |= f->kind[first + i] != WEIR_SPLIT_NUMBER;
        /* The first node of this node's level in a complete tree; in one that is not, nothing is compared. */
        size_t level = ((size_t)1 << (63 - __builtin_clzll(i + 1))) - 1;
        s.oblivious = s.oblivious && i < s.leaves - 1 && same_test(f, first + i, first + level);
    }
    return s;
}

/* The first form of those allowed that takes the tree. */
static enum weir_form form_of(const struct compiler *c, size_t tree, unsigned allowed)
{
    const struct shape *s = &c->shape[tree];
    if ((allowed & WEIR_FORM_OBLIVIOUS) && s->oblivious)
        return WEIR_FORM_OBLIVIOUS;
    if ((allowed & WEIR_FORM_MASK) && s->depth <= WEIR_MASK_DEPTH && (s->depth <= 6 || s->leaves > (size_t)1 << (s->depth - 1)))
        return WEIR_FORM_MASK;
    if ((allowed & WEIR_FORM_REACH) && s->leaves <= WEIR_REACH_LEAVES)
        return WEIR_FORM_REACH;
    if ((allowed & WEIR_FORM_WALK) && !s->odd && c->forest->count[tree] <= UINT32_MAX >> c->plan->shift)
        return WEIR_FORM_WALK;
    return WEIR_FORM_PLAIN;
}

static bool has_tests(enum weir_form form)
{
    return form == WEIR_FORM_MASK || form == WEIR_FORM_OBLIVIOUS || form == WEIR_FORM_REACH;
}

/* Do all trees walk by codes? */
static bool is_coded(const struct compiler *c)
{
    return c->plan->row_codes != 0;
}

static bool shares_tests(const struct compiler *c, size_t tree)
{
    return c->form[tree] == WEIR_FORM_MASK || c->form[tree] == WEIR_FORM_REACH || is_coded(c);
}

/* Is the node, of this tree, one whose test is answered by bytes? */
static bool is_tested(const struct compiler *c, size_t tree, size_t node)
{
    if (c->forest->split[node] == WEIR_SPLIT_LEAF)
        return false;
    return has_tests(c->form[tree]) || (is_coded(c) && c->level[node] < WEIR_TOP_DEPTH);
}

/* The depth that a tree is padded to: there are scorers for these. */
static unsigned padded_depth(const struct compiler *c, size_t tree)
{
    unsigned depth = (unsigned)c->shape[tree].depth;
    if (is_coded(c))
        return WEIR_TOP_DEPTH;
    if (c->form[tree] != WEIR_FORM_MASK)
        return 0;
    return depth <= 4 && !c->six ? 4 : depth <= 6 ? 6 : depth;
}

/* Room for its leaves. */
static size_t leaf_room(const struct compiler *c, size_t tree)
{
    size_t leaves = c->form[tree] == WEIR_FORM_MASK ? (size_t)1 << padded_depth(c, tree) : c->shape[tree].leaves;
    return (leaves + LEAF_ROOM - 1) / LEAF_ROOM * LEAF_ROOM;
}

/* All thresholds of the trees with tests, by column, sorted, each once. */
static bool collect_edges(struct compiler *c)
{
    const struct weir_forest *f = c->forest;
    memset(c->edge_first, 0, (f->columns + 1) * sizeof *c->edge_first);
    memset(c->edge_count, 0, f->columns * sizeof *c->edge_count);
    for (int fill = 0; fill < 2; fill++) {
        for (size_t t = 0; t < f->trees; t++)
            for (size_t i = f->first[t]; i < (size_t)f->first[t] + f->count[t]; i++) {
                if (!is_tested(c, t, i) || f->kind[i] == WEIR_SPLIT_SET)
                    continue;
                size_t column = f->split[i] & COLUMN;
                if (fill)
                    c->edge[c->edge_first[column] + c->edge_count[column]++] = f->value[i];
                else
                    c->edge_first[column + 1]++;
            }
        if (fill)
            break;
        for (size_t k = 0; k < f->columns; k++)
            c->edge_first[k + 1] += c->edge_first[k];
        free(c->edge);
        c->edge = weir_plan_room(c->edge_first[f->columns], sizeof *c->edge);
        if (!c->edge)
            return false;
    }
    for (size_t k = 0; k < f->columns; k++)
        c->edge_count[k] = weir_edges_sort(c->edge + c->edge_first[k], c->edge_count[k]);
    return true;
}

/* The plane and the bin that a node's test needs. */
static struct weir_plane plane_of(const struct compiler *c, size_t node, unsigned *bin)
{
    const struct weir_forest *f = c->forest;
    struct weir_plane p = {
        .column = f->split[node] & COLUMN, .missing_right = f->split[node] & WEIR_SPLIT_MISSING_RIGHT, .kind = f->kind[node]};
    if (p.kind == WEIR_SPLIT_SET) {
        p.set = f->place[node];
        p.low = f->value[node];
        *bin = c->plan->kernel->bins;
    } else {
        size_t rank = weir_edges_rank(c->edge + c->edge_first[p.column], c->edge_count[p.column],
                                      f->value[node]); /* at least 1: the threshold itself */
        p.below = (uint16_t)((rank - 1) / c->plan->kernel->bins * c->plan->kernel->bins);
        *bin = (unsigned)(rank - p.below);
    }
    return p;
}

/* The number of a plane among those collected; -1: it is new. */
static int find_plane(const struct compiler *c, const struct weir_plane *p)
{
    for (unsigned i = c->plane_first[p->column]; i; i = c->plane_before[i - 1]) {
        const struct weir_plane *q = &c->plan->plane[i - 1];
        if (q->below == p->below && q->missing_right == p->missing_right && q->kind == p->kind && q->set == p->set &&
            q->low == p->low)
            return (int)i - 1;
    }
    return -1;
}

static int compare_planes(const void *a, const void *b)
{
    const struct weir_plane *p = a, *q = b;
    return p->column != q->column ? (p->column > q->column) - (p->column < q->column)
                                  : (p->kind == WEIR_SPLIT_SET) - (q->kind == WEIR_SPLIT_SET);
}

/* All planes that the trees with tests need, by column, those of sets behind; false when there are too many. */
static bool collect_planes(struct compiler *c)
{
    const struct weir_forest *f = c->forest;
    struct weir_plan *plan = c->plan;
    plan->planes = 0;
    memset(c->plane_first, 0, (f->columns + 1) * sizeof *c->plane_first);
    for (size_t k = 0; k < f->columns; k++)
        if (c->edge_count[k] > UINT16_MAX)
            return false;
    for (size_t t = 0; t < f->trees; t++)
        for (size_t i = f->first[t]; i < (size_t)f->first[t] + f->count[t]; i++) {
            unsigned bin;
            if (!is_tested(c, t, i))
                continue;
            struct weir_plane p = plane_of(c, i, &bin);
            if (find_plane(c, &p) >= 0)
                continue;
            if (plan->planes == WEIR_PLANES_MAX)
                return false;
            c->plane_before[plan->planes] = c->plane_first[p.column];
            plan->plane[plan->planes++] = p;
            c->plane_first[p.column] = (uint16_t)plan->planes;
        }
    qsort(plan->plane, plan->planes, sizeof *plan->plane, compare_planes);
    memset(c->plane_first, 0, (f->columns + 1) * sizeof *c->plane_first);
    for (size_t i = 0; i < plan->planes; i++) {
        c->plane_before[i] = c->plane_first[plan->plane[i].column];
        c->plane_first[plan->plane[i].column] = (uint16_t)(i + 1);
    }
    return true;
}

/* Long runs are scored faster than short ones: when most trees are of one form, the others join them if they can. */
static void make_alike(struct compiler *c)
{
    size_t masks = 0, reaches = 0, oblivious = 0;
    for (size_t t = 0; t < c->forest->trees; t++) {
        masks += c->form[t] == WEIR_FORM_MASK || c->form[t] == WEIR_FORM_REACH;
        oblivious += c->form[t] == WEIR_FORM_OBLIVIOUS;
    }
    for (size_t t = 0; t < c->forest->trees && masks > oblivious; t++)
        if (c->form[t] == WEIR_FORM_OBLIVIOUS)
            c->form[t] = WEIR_FORM_MASK;
    masks = 0;
    for (size_t t = 0; t < c->forest->trees; t++) {
        masks += c->form[t] == WEIR_FORM_MASK;
        reaches += c->form[t] == WEIR_FORM_REACH;
        c->six |= c->form[t] == WEIR_FORM_MASK && c->shape[t].depth > 4;
    }
    for (size_t t = 0; t < c->forest->trees && reaches > masks; t++)
        if (c->form[t] == WEIR_FORM_MASK)
            c->form[t] = WEIR_FORM_REACH;
}

/* Decides each tree's form: what the kernel has, less when that takes too many planes. */
static weir_err choose_forms(struct compiler *c, struct weir_error *error)
{
    const struct weir_forest *f = c->forest;
    unsigned allowed = c->plan->kernel->forms;
    size_t walks = 0;
    for (size_t t = 0; t < f->trees; t++)
        walks += form_of(c, t, allowed) == WEIR_FORM_WALK;
    if (c->plan->kernel->codes && 2 * walks > f->trees) {
        weir_err err = weir_walk_encode(c->plan, error);
        if (err)
            return err;
    }
    for (;;) {
        for (size_t t = 0; t < f->trees; t++)
            c->form[t] = is_coded(c) ? WEIR_FORM_WALK : form_of(c, t, allowed);
        make_alike(c);
        if (!collect_edges(c))
            return weir_fail(error, WEIR_ERR_MEMORY, "out of memory");
        if (collect_planes(c))
            return WEIR_OK;
        if (is_coded(c))
            weir_walk_forget(c->plan);
        else
            allowed &= allowed & WEIR_FORM_REACH ? ~(unsigned)WEIR_FORM_REACH : WEIR_FORM_WALK;
    }
}

/* The columns' searches. */
static weir_err build_searches(struct compiler *c, struct weir_error *error)
{
    struct weir_plan *plan = c->plan;
    size_t floats = 0;
    for (size_t i = 0; i < plan->planes;) {
        struct weir_search *s = &plan->search[plan->searches++];
        *s = (struct weir_search){.column = plan->plane[i].column, .plane = (uint16_t)i, .steps = 4, .table = (uint32_t)floats};
        while (((size_t)1 << s->steps) - 1 < c->edge_count[s->column])
            s->steps++;
        floats += (size_t)1 << s->steps;
        for (; i < plan->planes && plan->plane[i].column == s->column; i++)
            s->planes++;
        s->plain = true;
        for (unsigned k = s->plane; k < i; k++)
            s->plain &= plan->plane[k].kind == WEIR_SPLIT_NUMBER && !plan->plane[k].missing_right;
        s->single =
            s->planes == 1 && plan->plane[s->plane].kind == WEIR_SPLIT_NUMBER && c->edge_count[s->column] <= plan->kernel->bins;
        s->simple = s->plain && s->single;
    }
    plan->table = weir_plan_room(floats, sizeof *plan->table);
    if (!plan->table)
        return weir_fail(error, WEIR_ERR_MEMORY, "out of memory");
    for (size_t i = 0; i < plan->searches; i++) {
        const struct weir_search *s = &plan->search[i];
        const float *edge = c->edge + c->edge_first[s->column];
        weir_search_table(edge, c->edge_count[s->column], s->steps, plan->table + s->table);
    }
    return WEIR_OK;
}

static void set_leaf(struct weir_plan *plan, size_t at, size_t node)
{
    const struct weir_forest *f = plan->forest;
    plan->leaf_node[at] = (uint32_t)node;
    if (f->sum == WEIR_SUM_FLOAT32) {
        uint32_t bits;
        plan->leaf[at] = f->value[node];
        memcpy(&bits, &f->value[node], sizeof bits);
        for (size_t i = 0; i < 4; i++)
            plan->leaf_byte[at / LEAF_ROOM * 4 * LEAF_ROOM + i * LEAF_ROOM + at % LEAF_ROOM] = (uint8_t)(bits >> 8 * i);
    } else if (f->width == 1)
        plan->leaf64[at] = f->leaf[f->place[node]];
}

/* The test of a node. */
static struct weir_test test_of(const struct compiler *c, size_t piece, size_t node)
{
    uint32_t key = c->key[node];
    if (shares_tests(c, c->plan->piece[piece].tree))
        return c->plan->test[c->plan->batch[c->batch[piece]].test + key];
    return (struct weir_test){.bin = (key & 0xff) * 0x01010101u, .plane = (uint16_t)(key >> 8)};
}

static int compare_keys(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

/* Gives the batch that pieces first to last - 1 are in its tests, which are those in `keys`; nodes get their numbers. */
static void close_batch(struct compiler *c, size_t first, size_t last, uint32_t *keys, size_t count, uint32_t *number)
{
    struct weir_plan *plan = c->plan;
    const struct weir_forest *f = c->forest;
    uint32_t start = plan->batches ? plan->batch[plan->batches - 1].test + plan->batch[plan->batches - 1].tests : 0;
    qsort(keys, count, sizeof *keys, compare_keys);
    for (size_t i = 0; i < count; i++) {
        number[keys[i]] = (uint32_t)i;
        plan->test[start + i] = (struct weir_test){.bin = (keys[i] & 0xff) * 0x01010101u, .plane = (uint16_t)(keys[i] >> 8)};
    }
    for (size_t i = count; i-- > 0;)
        plan->test[start + i].same =
            i + 1 < count && keys[i + 1] >> 8 == keys[i] >> 8 ? (uint16_t)(plan->test[start + i + 1].same + 1) : 1;
    for (size_t p = first; p < last; p++) {
        size_t tree = plan->piece[p].tree, root = f->first[tree];
        c->batch[p] = (uint32_t)plan->batches;
        for (size_t i = root; shares_tests(c, tree) && i < root + f->count[tree]; i++)
            c->key[i] = is_tested(c, tree, i) ? number[c->key[i]] : 0;
    }
    plan->batch[plan->batches++] = (struct weir_batch){start, (uint32_t)count};
    plan->most_tests = count > plan->most_tests ? count : plan->most_tests;
}

/* Splits the pieces into batches. */
static weir_err build_batches(struct compiler *c, struct weir_error *error)
{
    const struct weir_forest *f = c->forest;
    struct weir_plan *plan = c->plan;
    size_t first = 0, count = 0;
    uint32_t *seen = weir_plan_room(plan->planes * 256, sizeof *seen),
             *number = weir_plan_room(plan->planes * 256, sizeof *number);
    uint32_t *keys = weir_plan_room(WEIR_TESTS_MAX, sizeof *keys);
    weir_err err = seen && number && keys ? WEIR_OK : weir_fail(error, WEIR_ERR_MEMORY, "out of memory");
    for (size_t p = 0; p < f->trees && !err; p++) {
        size_t tree = plan->piece[p].tree, root = f->first[tree], before = count;
        bool full = false;
        for (size_t i = root; i < root + f->count[tree]; i++) {
            unsigned bin;
            if (!is_tested(c, tree, i))
                continue;
            struct weir_plane plane = plane_of(c, i, &bin);
            uint32_t key = c->key[i] = (uint32_t)find_plane(c, &plane) << 8 | bin;
            if (!shares_tests(c, tree) || seen[key] == plan->batches + 1)
                continue;
            full |= count == WEIR_TESTS_MAX;
            if (full)
                continue;
            seen[key] = (uint32_t)plan->batches + 1;
            keys[count++] = key;
        }
        if (full) { /* this piece begins the next one */
            close_batch(c, first, p, keys, before, number);
            first = p--;
            count = 0;
        } else if (is_coded(c)) {
            close_batch(c, p, p + 1, keys, count, number);
            count = 0;
        }
    }
    if (!err && !is_coded(c))
        close_batch(c, first, f->trees, keys, count, number);
    free(seen);
    free(number);
    free(keys);
    return err;
}

/* MASK: uses, heap and leaves of the subtree at `node`, which is at `place` of the heap, `level` levels below the root. */
static void build_heap(struct compiler *c, size_t index, unsigned depth, size_t node, unsigned place, unsigned level)
{
    struct weir_plan *plan = c->plan;
    struct weir_piece *piece = &plan->piece[index];
    if (is_leaf(c->forest, node)) {
        unsigned below = depth - level, first = (place << below) - (1u << depth);
        for (unsigned i = 0; i < 1u << below; i++)
            set_leaf(plan, piece->leaf + first + i, node);
        return;
    }
    struct weir_test test = test_of(c, index, node);
    plan->use[piece->use + (size_t)place * WEIR_OCTET] = (uint16_t)c->key[node];
    unsigned mirrored = (3u << level) - 1 - place;
    plan->heap[piece->heap + mirrored] = (struct weir_heap){(uint8_t)test.bin, (uint16_t)(test.plane * WEIR_BLOCK)};
    build_heap(c, index, depth, plan->child[node], 2 * place, level + 1);
    build_heap(c, index, depth, plan->child[node] + 1, 2 * place + 1, level + 1);
}

/* REACH: splits and leaves of the subtree at `node`, whose first leaf has this number. Returns its number of leaves. */
static unsigned build_splits(struct compiler *c, size_t index, size_t node, unsigned first)
{
    struct weir_plan *plan = c->plan;
    struct weir_piece *piece = &plan->piece[index];
    if (is_leaf(c->forest, node)) {
        set_leaf(plan, piece->leaf + first, node);
        return 1;
    }
    struct weir_split *split = &plan->split[piece->split + piece->tests++];
    unsigned left = build_splits(c, index, plan->child[node], first);
    *split = (struct weir_split){(uint16_t)c->key[node], (uint8_t)first, (uint8_t)(first + left)};
    return left + build_splits(c, index, plan->child[node] + 1, first + left);
}

/* OBLIVIOUS: the leaves as they stand, and the first test of each level. */
static void build_levels(struct compiler *c, size_t index)
{
    struct weir_plan *plan = c->plan;
    struct weir_piece *piece = &plan->piece[index];
    size_t first = c->forest->first[piece->tree], leaves = piece->leaves;
    for (unsigned level = 0; level < piece->depth; level++)
        plan->test[piece->test + piece->tests++] = test_of(c, index, first + ((size_t)1 << level) - 1);
    for (size_t i = 0; i < leaves; i++)
        set_leaf(plan, piece->leaf + i, first + leaves - 1 + i);
}

/* OBLIVIOUS, REACH: for rows that walk. */
static void build_steps(struct compiler *c, size_t index)
{
    const struct weir_forest *f = c->forest;
    struct weir_plan *plan = c->plan;
    const struct weir_piece *piece = &plan->piece[index];
    size_t first = f->first[piece->tree];
    for (size_t i = 0; i < f->count[piece->tree]; i++) {
        struct weir_test test = is_leaf(f, first + i) ? (struct weir_test){0} : test_of(c, index, first + i);
        /* a byte is >= 0, which sends a leaf right: to itself */
        size_t child = is_leaf(f, first + i) ? i - 1 : plan->child[first + i] - first;
        plan->step[piece->step + i] = WEIR_STEP(test.bin & 0xff, test.plane, child);
    }
}

static void build_walk(struct compiler *c, struct weir_piece *piece)
{
    const struct weir_forest *f = c->forest;
    struct weir_plan *plan = c->plan;
    size_t first = f->first[piece->tree];
    for (size_t i = 0; i < f->count[piece->tree]; i++) {
        struct weir_node *node = &plan->node[piece->node + i];
        unsigned split = f->split[first + i], right = (split & WEIR_SPLIT_MISSING_RIGHT) != 0;
        if (is_leaf(f, first + i))
            *node = (struct weir_node){NAN, (uint32_t)i << plan->shift};
        else
            *node = (struct weir_node){f->value[first + i],
                                       (uint32_t)(plan->child[first + i] - first) << plan->shift | (split & COLUMN) << 1 | right};
    }
}

/* Pieces by group, and in it in tree order. */
static weir_err order_pieces(struct compiler *c, struct weir_error *error)
{
    const struct weir_forest *f = c->forest;
    size_t *count = weir_plan_room(f->groups + 1, sizeof *count);
    if (!count)
        return weir_fail(error, WEIR_ERR_MEMORY, "out of memory");
    for (size_t t = 0; t < f->trees; t++)
        count[f->group[t] + 1]++;
    for (size_t g = 0; g < f->groups; g++)
        count[g + 1] += count[g];
    for (size_t t = 0; t < f->trees; t++) {
        c->plan->of_tree[t] = (uint32_t)count[f->group[t]]++;
        c->plan->piece[c->plan->of_tree[t]].tree = (uint32_t)t;
    }
    free(count);
    return WEIR_OK;
}

/* The runs. */
static void build_runs(struct compiler *c)
{
    const struct weir_forest *f = c->forest;
    struct weir_plan *plan = c->plan;
    for (size_t piece = 0; piece < f->trees; piece++) {
        size_t tree = plan->piece[piece].tree;
        struct weir_run next = {.form = c->form[tree],
                                .group = f->group[tree],
                                .depth = (uint16_t)padded_depth(c, tree),
                                .batch = c->batch[piece],
                                .piece = (uint32_t)piece};
        const struct weir_run *last = plan->runs ? &plan->run[plan->runs - 1] : NULL;
        if (!last || last->form != next.form || last->group != next.group || last->depth != next.depth ||
            (last->batch != next.batch && !is_coded(c)))
            plan->run[plan->runs++] = next;
        plan->run[plan->runs - 1].pieces++;
    }
}

/* WALK by codes: uses and entries of the subtree at `node`, at `place` of the top's heap. */
static void build_top(struct compiler *c, size_t index, size_t node, unsigned place, unsigned level)
{
    struct weir_plan *plan = c->plan;
    const struct weir_piece *piece = &plan->piece[index];
    if (level < WEIR_TOP_DEPTH && !is_leaf(c->forest, node)) {
        plan->use[piece->use + (size_t)place * WEIR_OCTET] = (uint16_t)c->key[node];
        build_top(c, index, plan->child[node], 2 * place, level + 1);
        build_top(c, index, plan->child[node] + 1, 2 * place + 1, level + 1);
        return;
    }
    unsigned below = WEIR_TOP_DEPTH - level, first = (place << below) - (1u << WEIR_TOP_DEPTH);
    for (unsigned i = 0; i < 1u << below; i++)
        plan->entry[piece->entry + first + i] = (uint32_t)(node - c->forest->first[piece->tree] - 1);
}

/* Entries of the plan's arrays: all of them, or those before a piece. */
struct extent {
    size_t tests, uses, splits, heaps, steps, leaves, nodes;
};

static size_t uses_of(const struct weir_run *run)
{
    return run->depth ? ((size_t)(run->pieces + WEIR_OCTET - 1) / WEIR_OCTET * WEIR_OCTET) << run->depth : 0;
}

/* All but the uses, which runs have. */
static struct extent extent_of(const struct compiler *c)
{
    const struct weir_forest *f = c->forest;
    struct extent all = {0};
    for (size_t t = 0; t < f->trees; t++) {
        all.tests += has_tests(c->form[t]) ? f->count[t] / 2 : is_coded(c) ? (1u << WEIR_TOP_DEPTH) - 1 : 0;
        all.splits += c->form[t] == WEIR_FORM_REACH ? f->count[t] / 2 : 0;
        all.heaps += c->form[t] == WEIR_FORM_MASK ? (size_t)1 << padded_depth(c, t) : 0;
        all.steps += c->form[t] == WEIR_FORM_OBLIVIOUS || c->form[t] == WEIR_FORM_REACH ? f->count[t] : 0;
        all.leaves += has_tests(c->form[t]) ? leaf_room(c, t) : 0;
        all.nodes += c->form[t] == WEIR_FORM_WALK ? f->count[t] : 0;
    }
    return all;
}

/* Rooms of the pieces; that of the tests is there. */
static weir_err make_rooms(struct compiler *c, const struct extent *all, struct weir_error *error)
{
    const struct weir_forest *f = c->forest;
    struct weir_plan *plan = c->plan;
    const bool wide = f->sum == WEIR_SUM_FLOAT64;
    plan->use = weir_plan_room(all->uses + WEIR_OCTET, sizeof *plan->use); /* an octet may be read past its end */
    plan->split = weir_plan_room(all->splits, sizeof *plan->split);
    plan->heap = weir_plan_room(all->heaps, sizeof *plan->heap);
    plan->step = weir_plan_room(all->steps, sizeof *plan->step);
    plan->leaf_node = weir_plan_room(all->leaves, sizeof *plan->leaf_node);
    plan->leaf = weir_plan_room(wide ? 0 : all->leaves, sizeof *plan->leaf);
    plan->leaf_byte = weir_plan_room(wide ? 0 : all->leaves + LEAF_ROOM, 4); /* three rooms are read as four */
    plan->leaf64 = weir_plan_room(wide && f->width == 1 ? all->leaves : 0, sizeof *plan->leaf64);
    plan->node = weir_plan_room(all->nodes, sizeof *plan->node);
    plan->entry = weir_plan_room(is_coded(c) ? f->trees << WEIR_TOP_DEPTH : 0, sizeof *plan->entry);
    if (!plan->use || !plan->split || !plan->heap || !plan->step || !plan->leaf_node || !plan->leaf || !plan->leaf_byte ||
        !plan->leaf64 || !plan->node || !plan->entry || all->tests > UINT32_MAX || all->uses > UINT32_MAX ||
        all->heaps > UINT32_MAX || all->steps > UINT32_MAX || all->leaves > UINT32_MAX)
        return weir_fail(error, WEIR_ERR_MEMORY, "out of memory");
    return WEIR_OK;
}

/* The k-th piece of a run; `at` goes behind it. */
static void build_piece(struct compiler *c, const struct weir_run *run, size_t k, struct extent *at)
{
    const struct weir_forest *f = c->forest;
    struct weir_plan *plan = c->plan;
    const size_t index = run->piece + k;
    struct weir_piece *p = &plan->piece[index];
    const struct shape *shape = &c->shape[p->tree];
    *p = (struct weir_piece){.tree = p->tree,
                             .test = (uint32_t)at->tests,
                             .use = (uint32_t)(at->uses + (k / WEIR_OCTET * WEIR_OCTET << run->depth) + k % WEIR_OCTET),
                             .split = (uint32_t)at->splits,
                             .heap = (uint32_t)at->heaps,
                             .step = (uint32_t)at->steps,
                             .leaf = (uint32_t)at->leaves,
                             .leaves = (uint32_t)(run->form == WEIR_FORM_MASK ? 1u << run->depth : shape->leaves),
                             .node = (uint32_t)at->nodes,
                             .depth = (uint16_t)shape->depth};
    if (run->form == WEIR_FORM_MASK) {
        build_heap(c, index, run->depth, f->first[p->tree], 1, 0);
        at->heaps += (size_t)1 << run->depth;
    } else if (run->form == WEIR_FORM_REACH) {
        build_splits(c, index, f->first[p->tree], 0);
        at->splits += p->tests;
    } else if (run->form == WEIR_FORM_OBLIVIOUS) {
        build_levels(c, index);
        at->tests += p->tests;
    } else if (run->form == WEIR_FORM_WALK) {
        build_walk(c, p);
        at->nodes += f->count[p->tree];
    }
    if (is_coded(c)) {
        p->entry = (uint32_t)(index << WEIR_TOP_DEPTH);
        build_top(c, index, f->first[p->tree], 1, 0);
    }
    if (run->form == WEIR_FORM_OBLIVIOUS || run->form == WEIR_FORM_REACH) {
        build_steps(c, index);
        at->steps += f->count[p->tree];
    }
    at->leaves += has_tests(run->form) ? leaf_room(c, p->tree) : 0;
}

/* Batches and runs, rooms for every piece, then the pieces. */
static weir_err build_pieces(struct compiler *c, struct weir_error *error)
{
    struct weir_plan *plan = c->plan;
    struct extent all = extent_of(c);
    plan->test = weir_plan_room(all.tests, sizeof *plan->test);
    weir_err err = order_pieces(c, error);
    if (!err && !plan->test)
        err = weir_fail(error, WEIR_ERR_MEMORY, "out of memory");
    if (!err)
        err = build_batches(c, error);
    if (err)
        return err;
    build_runs(c);
    for (size_t i = 0; i < plan->runs; i++)
        all.uses += uses_of(&plan->run[i]);
    err = make_rooms(c, &all, error);
    if (err)
        return err;
    const struct weir_batch *last = &plan->batch[plan->batches - 1];
    struct extent at = {.tests = last->test + last->tests}; /* those that are not shared stand behind */
    for (size_t i = 0; i < plan->runs; i++) {
        for (size_t k = 0; k < plan->run[i].pieces; k++)
            build_piece(c, &plan->run[i], k, &at);
        at.uses += uses_of(&plan->run[i]);
    }
    return WEIR_OK;
}

/* Searches and planes by array. */
static weir_err build_vectors(struct compiler *c, struct weir_error *error)
{
    struct weir_plan *plan = c->plan;
    size_t searches = (plan->searches + 15) / 16 * 16, planes = (plan->planes + 15) / 16 * 16;
    plan->row_bytes = (plan->planes + 63) / 64 * 64;
    plan->vector.column = weir_plan_room(searches, sizeof *plan->vector.column);
    plan->vector.table = weir_plan_room(searches, sizeof *plan->vector.table);
    plan->vector.steps = weir_plan_room(searches, sizeof *plan->vector.steps);
    plan->vector.top = weir_plan_room(searches * 16, sizeof *plan->vector.top);
    plan->vector.search = weir_plan_room(planes, sizeof *plan->vector.search);
    plan->vector.below = weir_plan_room(planes, sizeof *plan->vector.below);
    plan->vector.missing = weir_plan_room(planes / 16, sizeof *plan->vector.missing);
    plan->vector.zero = weir_plan_room(planes / 16, sizeof *plan->vector.zero);
    plan->vector.right = weir_plan_room(planes / 16, sizeof *plan->vector.right);
    if (!plan->vector.column || !plan->vector.table || !plan->vector.steps || !plan->vector.top || !plan->vector.search ||
        !plan->vector.below || !plan->vector.missing || !plan->vector.zero || !plan->vector.right)
        return weir_fail(error, WEIR_ERR_MEMORY, "out of memory");
    plan->vector.simple = true;
    for (size_t i = 0; i < plan->searches; i++) {
        const struct weir_search *s = &plan->search[i];
        plan->vector.column[i] = s->column;
        plan->vector.table[i] = s->table;
        plan->vector.steps[i] = s->steps;
        plan->vector.simple &= s->simple;
        for (size_t k = 1; k < 16; k++)
            plan->vector.top[(i / 16 * 16 + k) * 16 + i % 16] = plan->table[s->table + k];
        for (size_t k = s->plane; k < (size_t)s->plane + s->planes; k++) {
            const struct weir_plane *p = &plan->plane[k];
            uint16_t bit = (uint16_t)(1u << k % 16);
            plan->vector.search[k] = (uint32_t)i;
            plan->vector.below[k] = p->below;
            plan->vector.missing[k / 16] |= s->plain ? 0 : bit;
            plan->vector.zero[k / 16] |= p->kind == WEIR_SPLIT_ZERO ? bit : 0;
            plan->vector.right[k / 16] |= p->missing_right ? bit : 0;
        }
    }
    return WEIR_OK;
}

static weir_err compile(struct compiler *c, struct weir_error *error)
{
    const struct weir_forest *f = c->forest;
    struct weir_plan *plan = c->plan;
    c->shape = weir_plan_room(f->trees, sizeof *c->shape);
    c->form = weir_plan_room(f->trees, sizeof *c->form);
    c->edge_first = weir_plan_room(f->columns + 1, sizeof *c->edge_first);
    c->edge_count = weir_plan_room(f->columns, sizeof *c->edge_count);
    c->plane_first = weir_plan_room(f->columns + 1, sizeof *c->plane_first);
    c->key = weir_plan_room(f->nodes, sizeof *c->key);
    c->level = weir_plan_room(f->nodes, sizeof *c->level);
    c->batch = weir_plan_room(f->trees, sizeof *c->batch);
    plan->batch = weir_plan_room(f->trees + 1, sizeof *plan->batch);
    plan->search = weir_plan_room(f->columns, sizeof *plan->search);
    plan->plane = weir_plan_room(WEIR_PLANES_MAX, sizeof *plan->plane);
    plan->run = weir_plan_room(f->trees, sizeof *plan->run);
    plan->piece = weir_plan_room(f->trees, sizeof *plan->piece);
    plan->child = weir_plan_room(f->nodes, sizeof *plan->child);
    plan->of_tree = weir_plan_room(f->trees, sizeof *plan->of_tree);
    plan->identity = weir_plan_room(f->columns, sizeof *plan->identity);
    if (!c->shape || !c->form || !c->edge_first || !c->edge_count || !c->plane_first || !c->key || !c->level || !c->batch ||
        !plan->batch || !plan->search || !plan->plane || !plan->run || !plan->piece || !plan->child || !plan->of_tree ||
        !plan->identity)
        return weir_fail(error, WEIR_ERR_MEMORY, "out of memory");

    while ((f->columns - 1) >> plan->shift)
        plan->shift++;
    plan->shift++;
    for (size_t i = 0; i < f->columns; i++)
        plan->identity[i] = (uint16_t)i;
    for (size_t t = 0; t < f->trees; t++) {
        uint32_t child = f->first[t] + 1;
        for (size_t i = f->first[t]; i < (size_t)f->first[t] + f->count[t]; i++)
            if (!is_leaf(f, i)) {
                plan->child[i] = child;
                c->level[child] = c->level[child + 1] = c->level[i] < 255 ? (uint8_t)(c->level[i] + 1) : 255;
                child += 2;
            }
        c->shape[t] = shape_of(f, t);
    }
    weir_err err = choose_forms(c, error);
    if (!err)
        err = build_searches(c, error);
    if (!err)
        err = build_vectors(c, error);
    if (!err)
        err = build_pieces(c, error);
    if (!err)
        err = weir_plan_pack(c->plan, error);
    return err;
}

weir_err weir_plan_create(const struct weir_forest *f, const struct weir_kernel *kernel, struct weir_plan **out,
                          struct weir_error *error)
{
    *out = NULL;
    if (!kernel) {
        weir_err err = weir_kernel_choose(&kernel, error);
        if (err)
            return err;
    }
    struct weir_plan *plan = calloc(1, sizeof *plan);
    struct compiler *c = calloc(1, sizeof *c);
    weir_err err = WEIR_OK;
    if (!plan || !c) {
        free(plan);
        free(c);
        return weir_fail(error, WEIR_ERR_MEMORY, "out of memory");
    }
    plan->forest = f;
    plan->kernel = kernel;
    c->forest = f;
    c->plan = plan;
    err = compile(c, error);
    free(c->shape);
    free(c->form);
    free(c->edge_first);
    free(c->edge_count);
    free(c->edge);
    free(c->plane_first);
    free(c->key);
    free(c->level);
    free(c->batch);
    free(c);
    if (err)
        weir_plan_free(&plan);
    *out = plan;
    return err;
}

void weir_plan_free(struct weir_plan **plan)
{
    if (!plan || !*plan)
        return;
    struct weir_plan *p = *plan;
    free(p->search);
    free(p->plane);
    free(p->table);
    free(p->run);
    free(p->piece);
    free(p->test);
    free(p->batch);
    free(p->use);
    free(p->split);
    free(p->heap);
    free(p->step);
    free(p->leaf);
    free(p->leaf_byte);
    free(p->pack);
    free(p->pack_byte);
    free(p->vector.column);
    free(p->vector.table);
    free(p->vector.steps);
    free(p->vector.top);
    free(p->vector.search);
    free(p->vector.below);
    free(p->vector.missing);
    free(p->vector.zero);
    free(p->vector.right);
    free(p->leaf64);
    free(p->leaf_node);
    free(p->node);
    free(p->entry);
    weir_walk_forget(p);
    free(p->child);
    free(p->of_tree);
    free(p->identity);
    free(p);
    *plan = NULL;
}
