#include "train/grow.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/pages.h"
#include "base/random.h"

enum {
    SLOTS = 264,     /* histograms 2,048 bytes apart would fall into the same lines of the store buffer */
    SIDE = 9,        /* columns counted side by side, so that one row's additions do not wait for the row before */
    SMALL = 48,      /* rows of a node whose occupied bins are noted while counting */
    SPARSE = 32,     /* a node with one of so many rows has more use of bins row by row */
    LARGE = 4 << 20, /* bytes of bins from which these are made */
    AHEAD = 12       /* rows fetched ahead there */
};

struct open { /* a node whose split is still to be found */
    uint32_t start, rows, node, depth;
};

struct cut {
    double score; /* the larger, the purer: sum over both sides of (sum of squared class weights / weight) */
    size_t column;
    unsigned left, right; /* bins beside the cut; right = WEIR_BINS_MAX: missing values against all others */
    bool missing_left;
};

/* The bins of a column: of row r at bin[r * step]. */
struct bins_of {
    const uint8_t *bin;
    size_t step;
};

struct weir_grower {
    struct weir_grow_config c;
    uint8_t *across; /* [rows][across_width] the bins row by row; NULL: the caches hold them as they are */
    size_t across_width;
    size_t width;                    /* values of a leaf */
    uint64_t *histogram;             /* [SIDE][SLOTS] of two classes, weight | weight of the second << 32, 0 between uses; else
                                      * [SLOTS][classes] */
    uint32_t *row, *row_right;       /* rows of the open nodes, ascending within each */
    uint64_t *weight, *weight_right; /* of them; two classes: as in the histogram */
    uint64_t *dead;                  /* [open_room][words] columns that are known not to vary, for each open node */
    size_t words;
    struct open *open;
    size_t open_room;
    uint32_t *pool;         /* columns still to be drawn */
    uint64_t *total, *side; /* [classes] */
    size_t node_room;
    int32_t *left, *right, *column, *missing_left;
    float *value, *cover, *gain;
    double *leaf;
    struct weir_tree tree;
};

static struct bins_of bins_of(const struct weir_grower *g, size_t column, size_t rows)
{
    if (g->across && rows * SPARSE < g->c.bins->rows)
        return (struct bins_of){g->across + column, g->across_width};
    return (struct bins_of){g->c.bins->bin + column * g->c.bins->stride, 1};
}

static bool more_nodes(struct weir_grower *g)
{
    size_t room = 2 * g->node_room;
    bool good = weir_array_resize(&g->left, room, sizeof *g->left) && weir_array_resize(&g->right, room, sizeof *g->right) &&
                weir_array_resize(&g->column, room, sizeof *g->column) &&
                weir_array_resize(&g->missing_left, room, sizeof *g->missing_left) &&
                weir_array_resize(&g->value, room, sizeof *g->value) && weir_array_resize(&g->cover, room, sizeof *g->cover) &&
                weir_array_resize(&g->gain, room, sizeof *g->gain) &&
                weir_array_resize(&g->leaf, room, g->width * sizeof *g->leaf);
    if (good)
        g->node_room = room;
    return good;
}

static bool more_open(struct weir_grower *g)
{
    size_t room = 2 * g->open_room;
    bool good =
        weir_array_resize(&g->open, room, sizeof *g->open) && weir_array_resize(&g->dead, room, g->words * sizeof *g->dead);
    if (good)
        g->open_room = room;
    return good;
}

void weir_grower_free(struct weir_grower **grower)
{
    struct weir_grower *g = grower ? *grower : NULL;
    if (!g)
        return;
    void *parts[] = {g->across,       g->histogram, g->row,   g->row_right, g->weight, g->weight_right, g->dead,
                     g->open,         g->pool,      g->total, g->side,      g->left,   g->right,        g->column,
                     g->missing_left, g->value,     g->cover, g->gain,      g->leaf};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        free(parts[i]);
    free(g);
    *grower = NULL;
}

static bool lay_across(struct weir_grower *g)
{
    enum { TOGETHER = 64 };
    const struct weir_bins *b = g->c.bins;
    size_t width = g->across_width = (b->columns + 31) & ~(size_t)31;
    if (b->rows * b->columns < LARGE || g->c.depth == 1)
        return true;
    g->across = weir_pages_alloc(b->rows + AHEAD, width);
    for (size_t first = 0; g->across && first < b->rows; first += TOGETHER)
        for (size_t c = 0; c < b->columns; c++)
            for (size_t i = first; i < first + TOGETHER && i < b->rows; i++)
                g->across[i * width + c] = b->bin[c * b->stride + i];
    return g->across;
}

weir_err weir_grower_create(const struct weir_grow_config *config, struct weir_grower **out, struct weir_error *error)
{
    struct weir_grower *g = *out = calloc(1, sizeof *g);
    if (!g)
        return weir_fail(error, WEIR_ERR_MEMORY, "out of memory");
    size_t rows = config->bins->rows, columns = config->bins->columns;
    g->c = *config;
    if (!g->c.candidates || g->c.candidates > columns)
        g->c.candidates = columns;
    if (!g->c.depth || g->c.depth > WEIR_FOREST_DEPTH_MAX)
        g->c.depth = WEIR_FOREST_DEPTH_MAX;
    g->width = config->classes == 2 ? 1 : config->classes;
    g->words = (columns + 63) / 64;
    g->node_room = 512;
    g->open_room = 64;
    g->histogram = calloc(config->classes == 2 ? SIDE * SLOTS : SLOTS * config->classes, sizeof *g->histogram);
    g->row = malloc((rows + 1) * sizeof *g->row);
    g->row_right = malloc((rows + 1) * sizeof *g->row_right);
    g->weight = malloc((rows + 1) * sizeof *g->weight);
    g->weight_right = malloc((rows + 1) * sizeof *g->weight_right);
    g->pool = malloc(columns * sizeof *g->pool);
    g->total = calloc(config->classes, sizeof *g->total);
    g->side = calloc(2 * config->classes, sizeof *g->side);
    g->node_room /= 2;
    g->open_room /= 2;
    if (!g->histogram || !g->row || !g->row_right || !g->weight || !g->weight_right || !g->pool || !g->total || !g->side ||
        !more_nodes(g) || !more_open(g) || !lay_across(g)) {
        weir_grower_free(out);
        return weir_fail(error, WEIR_ERR_MEMORY, "the room for a tree of %zu rows does not fit into memory", rows);
    }
    return WEIR_OK;
}

/* --- two classes: both weights in one number --- */

static double purity(uint64_t left, uint64_t all)
{
    double n = (double)(uint32_t)left, second = (double)(left >> 32), first = n - second;
    double m = (double)(uint32_t)all - n, other_second = (double)(all >> 32) - second, other_first = m - other_second;
    return (first * first + second * second) / n + (other_first * other_first + other_second * other_second) / m;
}

/* Some columns (a constant), which all vary. */
static inline __attribute__((always_inline)) void count_columns(const struct weir_grower *g, const uint32_t *column, int columns,
                                                                const uint32_t *row, const uint64_t *weight, size_t rows)
{
    uint64_t *histogram = g->histogram;
    const uint8_t *bin[SIDE];
    size_t step = bins_of(g, 0, rows).step;
    for (int k = 0; k < columns; k++)
        bin[k] = bins_of(g, column[k], rows).bin;
    for (size_t i = 0; i < rows; i++) {
        size_t r = row[i] * step;
        uint64_t w = weight[i];
        if (step > 1) {
            const uint8_t *next = g->across + row[i + AHEAD < rows ? i + AHEAD : i] * step;
            for (size_t line = 0; line < step; line += 64)
                __builtin_prefetch(next + line);
        }
#pragma GCC unroll 9
        for (int k = 0; k < columns; k++)
            histogram[k * SLOTS + bin[k][r]] += w;
    }
}

/* The same of few rows; bit b % 64 of used[column][b / 64]: bin b has some. */
static void count_few(const struct weir_grower *g, const uint32_t *column, size_t columns, const uint32_t *row,
                      const uint64_t *weight, size_t rows, uint64_t used[SIDE][4])
{
    memset(used, 0, columns * sizeof *used);
    for (size_t k = 0; k < columns; k++) {
        const struct bins_of of = bins_of(g, column[k], rows);
        uint64_t *histogram = g->histogram + k * SLOTS;
        for (size_t i = 0; i < rows; i++) {
            unsigned b = of.bin[row[i] * of.step];
            histogram[b] += weight[i];
            used[k][b / 64] |= (uint64_t)1 << b % 64;
        }
    }
}

static void count_two(const struct weir_grower *g, const uint32_t *column, size_t columns, const uint32_t *row,
                      const uint64_t *weight, size_t rows)
{
    switch (columns) {
#define CASE(n)                                                                                                                  \
    case n:                                                                                                                      \
        count_columns(g, column, n, row, weight, rows);                                                                          \
        break;
        CASE(1)
        CASE(2)
        CASE(3)
        CASE(4)
        CASE(5)
        CASE(6)
        CASE(7)
        CASE(8)
        CASE(9)
#undef CASE
    }
}

/* The occupied bins of a column, ascending, missing values last. */
static size_t list_bins(const uint64_t *histogram, const uint64_t *used, uint8_t *list)
{
    size_t count = 0;
    for (size_t word = 0; used && word < 4; word++)
        for (uint64_t bits = used[word]; bits; bits &= bits - 1)
            list[count++] = (uint8_t)(word * 64 + (size_t)__builtin_ctzll(bits));
    for (size_t b = 0; !used && b <= WEIR_BIN_MISSING; b++) {
        list[count] = (uint8_t)b;
        count += histogram[b] != 0;
    }
    return count;
}

static bool allowed(const struct weir_grower *g, uint64_t left, uint64_t all)
{
    return left >= g->c.leaf_least && all - left >= g->c.leaf_least && left && left < all;
}

static void try_two(const struct weir_grower *g, uint64_t left, uint64_t all, size_t column, unsigned before, unsigned after,
                    bool missing_left, struct cut *best)
{
    if (!allowed(g, (uint32_t)left, (uint32_t)all))
        return;
    double score = purity(left, all);
    if (score > best->score)
        *best = (struct cut){score, column, before, after, missing_left};
}

/* The best cut of a column that varies; its histogram becomes 0. */
static void scan_two(const struct weir_grower *g, uint64_t *histogram, const uint64_t *used, size_t column, uint64_t all,
                     struct cut *best)
{
    uint8_t list[WEIR_BINS_MAX + 2];
    size_t count = list_bins(histogram, used, list);
    uint64_t left = 0, missing = histogram[WEIR_BIN_MISSING];
    count -= missing != 0;
    histogram[WEIR_BIN_MISSING] = 0;
    for (size_t i = 0; i < count; i++) {
        unsigned b = list[i];
        if (i) {
            try_two(g, left, all, column, list[i - 1], b, false, best);
            if (missing)
                try_two(g, left + missing, all, column, list[i - 1], b, true, best);
        }
        left += histogram[b];
        histogram[b] = 0;
    }
    if (missing)
        try_two(g, left, all, column, list[count - 1], WEIR_BINS_MAX, false, best);
}

/* Whether a column has more than one value here. */
static bool varies(const struct weir_grower *g, size_t column, const uint32_t *row, size_t rows)
{
    const struct bins_of of = bins_of(g, column, rows);
    const uint8_t first = of.bin[row[0] * of.step];
    for (size_t i = 1; i < rows; i++)
        if (of.bin[row[i] * of.step] != first)
            return true;
    return false;
}

/* The best cut of all these columns. */
static void cut_two(const struct weir_grower *g, const uint32_t *column, size_t columns, const uint32_t *row,
                    const uint64_t *weight, size_t rows, uint64_t all, struct cut *best)
{
    uint64_t used[SIDE][4];
    for (size_t first = 0; first < columns; first += SIDE) {
        size_t some = columns - first < SIDE ? columns - first : SIDE;
        if (rows <= SMALL)
            count_few(g, column + first, some, row, weight, rows, used);
        else
            count_two(g, column + first, some, row, weight, rows);
        for (size_t k = 0; k < some; k++)
            scan_two(g, g->histogram + k * SLOTS, rows <= SMALL ? used[k] : NULL, column[first + k], all, best);
    }
}

/* --- more classes: a column at a time --- */

static void count_many(const struct weir_grower *g, size_t column, const uint32_t *row, const uint64_t *weight, size_t rows)
{
    size_t classes = g->c.classes;
    const struct bins_of of = bins_of(g, column, rows);
    memset(g->histogram, 0, SLOTS * classes * sizeof *g->histogram);
    for (size_t i = 0; i < rows; i++)
        g->histogram[of.bin[row[i] * of.step] * classes + g->c.label[row[i]]] += weight[i];
}

static void try_many(const struct weir_grower *g, const uint64_t *left, uint64_t all, size_t column, unsigned before,
                     unsigned after, bool missing_left, struct cut *best)
{
    uint64_t weight = 0;
    double squares = 0, others = 0;
    for (size_t k = 0; k < g->c.classes; k++) {
        double mine = (double)left[k], other = (double)(g->total[k] - left[k]);
        weight += left[k];
        squares += mine * mine;
        others += other * other;
    }
    if (!allowed(g, weight, all))
        return;
    double score = squares / (double)weight + others / (double)(all - weight);
    if (score > best->score)
        *best = (struct cut){score, column, before, after, missing_left};
}

static void scan_many(const struct weir_grower *g, size_t column, uint64_t all, struct cut *best)
{
    size_t classes = g->c.classes;
    const uint64_t *missing = g->histogram + WEIR_BIN_MISSING * classes;
    uint64_t *left = g->side, *with = g->side + classes, lost = 0;
    unsigned used = g->c.bins->range[column].count, before = 0;
    bool any = false;
    memset(left, 0, classes * sizeof *left);
    for (size_t k = 0; k < classes; k++)
        lost += missing[k];
    for (unsigned b = 0; b < used; b++) {
        const uint64_t *here = g->histogram + b * classes;
        uint64_t some = 0;
        for (size_t k = 0; k < classes; k++)
            some |= here[k];
        if (!some)
            continue;
        if (any) {
            try_many(g, left, all, column, before, b, false, best);
            for (size_t k = 0; lost && k < classes; k++)
                with[k] = left[k] + missing[k];
            if (lost)
                try_many(g, with, all, column, before, b, true, best);
        }
        for (size_t k = 0; k < classes; k++)
            left[k] += here[k];
        before = b;
        any = true;
    }
    if (lost && any)
        try_many(g, left, all, column, before, WEIR_BINS_MAX, false, best);
}

/* --- nodes --- */

static uint64_t add_up(struct weir_grower *g, const uint32_t *row, const uint64_t *weight, size_t rows, uint64_t *packed)
{
    uint64_t sum = 0;
    if (g->c.classes == 2) {
        for (size_t i = 0; i < rows; i++)
            sum += weight[i];
        *packed = sum;
        g->total[1] = sum >> 32;
        g->total[0] = (uint32_t)sum - g->total[1];
        return (uint32_t)sum;
    }
    memset(g->total, 0, g->c.classes * sizeof *g->total);
    for (size_t i = 0; i < rows; i++) {
        g->total[g->c.label[row[i]]] += weight[i];
        sum += weight[i];
    }
    return sum;
}

/* Looks at columns that vary until there are `candidates` of them, as scikit-learn does. */
static void find_cut(struct weir_grower *g, const struct open *o, uint64_t *dead, uint64_t all, uint64_t packed, uint64_t *random,
                     struct cut *best)
{
    const uint32_t *row = g->row + o->start;
    const uint64_t *weight = g->weight + o->start;
    size_t left = 0, vary = 0, columns = g->c.bins->columns;
    bool draw = g->c.candidates < columns;
    for (size_t c = 0; c < columns; c++)
        if (!(dead[c / 64] >> c % 64 & 1))
            g->pool[left++] = (uint32_t)c;
    for (size_t first = 0; vary < g->c.candidates && first < left; first++) {
        if (draw) {
            size_t other = first + weir_random_below(random, (uint32_t)(left - first));
            uint32_t swap = g->pool[first];
            g->pool[first] = g->pool[other];
            g->pool[other] = swap;
        }
        uint32_t c = g->pool[first];
        if (varies(g, c, row, o->rows))
            g->pool[vary++] = c;
        else
            dead[c / 64] |= (uint64_t)1 << c % 64;
    }
    if (g->c.classes == 2)
        cut_two(g, g->pool, vary, row, weight, o->rows, packed, best);
    for (size_t k = 0; g->c.classes > 2 && k < vary; k++) {
        count_many(g, g->pool[k], row, weight, o->rows);
        scan_many(g, g->pool[k], all, best);
    }
}

/* Rows to the left stay where they are, those to the right go behind them; both keep their order. Returns how many stay. */
static size_t part(struct weir_grower *g, const struct open *o, const struct cut *cut)
{
    const struct bins_of of = bins_of(g, cut->column, o->rows);
    uint32_t *row = g->row + o->start;
    uint64_t *weight = g->weight + o->start;
    unsigned last = cut->right == WEIR_BINS_MAX ? WEIR_BINS_MAX - 1 : cut->left;
    size_t stay = 0, go = 0;
    for (size_t i = 0; i < o->rows; i++) {
        uint32_t r = row[i];
        uint64_t w = weight[i];
        unsigned b = of.bin[r * of.step];
        bool right = b == WEIR_BIN_MISSING ? !cut->missing_left : b > last;
        row[stay] = g->row_right[go] = r;
        weight[stay] = g->weight_right[go] = w;
        stay += !right;
        go += right;
    }
    memcpy(row + stay, g->row_right, go * sizeof *row);
    memcpy(weight + stay, g->weight_right, go * sizeof *weight);
    return stay;
}

static void make_leaf(struct weir_grower *g, uint32_t node, uint64_t all)
{
    g->left[node] = -1;
    g->right[node] = -1;
    g->column[node] = 0;
    g->missing_left[node] = 1;
    g->value[node] = 0;
    g->gain[node] = 0;
    g->cover[node] = (float)all;
    if (g->width == 1)
        g->leaf[node] = (double)g->total[1] / (double)all;
    else
        for (size_t k = 0; k < g->width; k++)
            g->leaf[node * g->width + k] = (double)g->total[k] / (double)all;
}

/* Makes the leaf `o->node` a split. Where nothing was missing, missing values go with more rows. */
static void make_split(struct weir_grower *g, const struct open *o, const struct cut *cut, uint64_t all, size_t stay,
                       uint32_t child)
{
    uint32_t node = o->node;
    double squares = 0;
    bool missing = false, alone = cut->right == WEIR_BINS_MAX;
    const uint8_t *bin = g->c.bins->bin + cut->column * g->c.bins->stride;
    for (size_t k = 0; k < g->c.classes; k++)
        squares += (double)g->total[k] * (double)g->total[k];
    for (size_t i = 0; !alone && !missing && g->c.bins->range[cut->column].missing && i < o->rows; i++)
        missing = bin[g->row[o->start + i]] == WEIR_BIN_MISSING;
    g->left[node] = (int32_t)child;
    g->right[node] = (int32_t)child + 1;
    g->column[node] = (int32_t)cut->column;
    g->missing_left[node] = alone ? 0 : missing ? cut->missing_left : stay > o->rows - stay;
    g->value[node] = alone ? INFINITY : weir_bins_threshold(g->c.bins, cut->column, cut->left, cut->right);
    g->gain[node] = (float)fmax(0, cut->score - squares / (double)all);
}

static size_t place_rows(struct weir_grower *g, const uint32_t *weight)
{
    size_t rows = 0;
    for (size_t i = 0; i < g->c.bins->rows; i++)
        if (weight[i]) {
            g->row[rows] = (uint32_t)i;
            g->weight[rows++] = weight[i] | (uint64_t)(g->c.classes == 2 && g->c.label[i] ? weight[i] : 0) << 32;
        }
    return rows;
}

weir_err weir_grower_tree(struct weir_grower *g, const uint32_t *weight, uint64_t *random, const struct weir_tree **out,
                          struct weir_error *error)
{
    size_t stack = 1;
    uint32_t nodes = 1;
    g->open[0] = (struct open){.rows = (uint32_t)place_rows(g, weight)};
    memset(g->dead, 0, g->words * sizeof *g->dead);
    while (stack) {
        struct open o = g->open[--stack];
        uint64_t *dead = g->dead + stack * g->words, packed = 0;
        uint64_t all = add_up(g, g->row + o.start, g->weight + o.start, o.rows, &packed);
        struct cut best = {.score = -1};
        make_leaf(g, o.node, all);
        bool pure = false;
        for (size_t k = 0; k < g->c.classes; k++)
            pure |= g->total[k] == all;
        if (pure || o.depth == g->c.depth || all < g->c.split_least)
            continue;
        find_cut(g, &o, dead, all, packed, random, &best);
        if (best.score < 0)
            continue;
        size_t stay = part(g, &o, &best);
        if (nodes > WEIR_FOREST_NODES_MAX - 2)
            return weir_fail(error, WEIR_ERR_LIMIT, "a tree of more than %u nodes; give max_depth", WEIR_FOREST_NODES_MAX);
        if ((nodes + 2 > g->node_room && !more_nodes(g)) || (stack + 2 > g->open_room && !more_open(g)))
            return weir_fail(error, WEIR_ERR_MEMORY, "out of memory after %u nodes", nodes);
        make_split(g, &o, &best, all, stay, nodes);
        dead = g->dead + stack * g->words; /* the right child's place, which the left one's is beside */
        memcpy(dead + g->words, dead, g->words * sizeof *dead);
        g->open[stack++] = (struct open){o.start + (uint32_t)stay, o.rows - (uint32_t)stay, nodes + 1, o.depth + 1};
        g->open[stack++] = (struct open){o.start, (uint32_t)stay, nodes, o.depth + 1};
        nodes += 2;
    }
    g->tree = (struct weir_tree){.count = nodes,
                                 .left = g->left,
                                 .right = g->right,
                                 .column = g->column,
                                 .missing_left = g->missing_left,
                                 .value = g->value,
                                 .leaf = g->leaf,
                                 .cover = g->cover,
                                 .gain = g->gain};
    *out = &g->tree;
    return WEIR_OK;
}
