/* Isolation forest, as scikit-learn's IsolationForest: for attacks that nobody has labelled yet. Each tree cuts a few rows at
 * random until each is alone; a row that is unlike them is alone after few cuts. The margin is minus the mean way through the
 * trees over the way that is usual for as many rows, the score 2 to that power (Liu, Ting, Zhou, Isolation Forest, 2008).
 *
 * Labels are used for one thing: normally the trees see the rows of class 0 alone, the benign ones. Where a row of a tree has no
 * value, the side of missing values is drawn; elsewhere they go with more rows. Scaling changes nothing. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "model/trees.h"
#include "train/exact.h"
#include "train/trainers.h"

static const char *const whose[] = {"benign", "all", NULL}, *const automatic[] = {"auto", NULL};

static const struct weir_param params[] = {{"n_estimators", WEIR_PARAM_WHOLE, "100", 1, 100000, NULL, "trees"},
                                           {"max_samples", WEIR_PARAM_WHOLE, "256", 2, 65536, NULL, "rows of each tree"},
                                           {"contamination", WEIR_PARAM_REAL, "auto", 1e-9, 0.5, automatic,
                                            "share of training rows above the threshold; auto: it is 0.5"},
                                           {"rows", WEIR_PARAM_WORD, "benign", 0, 0, whose, "rows that train"},
                                           {0}};

struct open { /* a node whose cut is still to be drawn */
    uint32_t start, rows, node, depth;
};

struct grower {
    const struct weir_train_set *set;
    uint32_t *row, *side; /* places in the set's columns: [rows] of the sample, room for those that go right */
    uint32_t *pool;       /* [columns] */
    struct open *open;    /* at most one for each level, and one more */
    int32_t *left, *right, *column, *missing_left;
    float *value, *cover;
    double *leaf;
    size_t nodes, depth_most;
};

static void grower_fini(struct grower *g)
{
    void *parts[] = {g->row,    g->side,         g->pool,  g->open,  g->left, g->right,
                     g->column, g->missing_left, g->value, g->cover, g->leaf};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        free(parts[i]);
}

static weir_err grower_init(struct grower *g, const struct weir_train_set *set, size_t sample, struct weir_error *error)
{
    size_t room = 2 * sample + 1;
    *g = (struct grower){.set = set};
    while ((size_t)1 << g->depth_most < sample)
        g->depth_most++;
    if (!g->depth_most)
        g->depth_most = 1;
    g->row = malloc(sample * sizeof *g->row);
    g->side = malloc(sample * sizeof *g->side);
    g->pool = malloc(set->columns * sizeof *g->pool);
    g->open = malloc((g->depth_most + 2) * sizeof *g->open);
    g->left = malloc(room * sizeof *g->left);
    g->right = malloc(room * sizeof *g->right);
    g->column = calloc(room, sizeof *g->column);
    g->missing_left = calloc(room, sizeof *g->missing_left);
    g->value = calloc(room, sizeof *g->value);
    g->cover = calloc(room, sizeof *g->cover);
    g->leaf = calloc(room, sizeof *g->leaf);
    bool good = g->row && g->side && g->pool && g->open && g->left && g->right && g->column && g->missing_left && g->value &&
                g->cover && g->leaf;
    return good ? WEIR_OK : weir_fail(error, WEIR_ERR_MEMORY, "isolation-forest: out of memory");
}

/* The mean way to a leaf in a tree that was cut at random until each of these rows is alone. */
static double usual_way(double rows)
{
    if (rows <= 2)
        return rows <= 1 ? 0 : 1;
    return 2 * (weir_exact_log(rows - 1) + 0.57721566490153286) - 2 * (rows - 1) / rows;
}

struct range {
    float low, high;
    bool missing;
};

static struct range range_of(const struct grower *g, const struct open *o, size_t column)
{
    struct range range = {INFINITY, -INFINITY, false};
    for (size_t i = o->start; i < o->start + o->rows; i++) {
        float x = g->set->x[column][g->row[i]];
        range.low = x < range.low ? x : range.low;
        range.high = x > range.high ? x : range.high;
        range.missing |= x != x;
    }
    return range;
}

/* Draws a column that varies; false when none does. */
static bool draw_column(struct grower *g, const struct open *o, uint64_t *random, uint32_t *column, struct range *range)
{
    size_t columns = g->set->columns;
    for (size_t c = 0; c < columns; c++)
        g->pool[c] = (uint32_t)c;
    for (size_t left = columns; left; left--) {
        uint32_t at = weir_random_below(random, (uint32_t)left);
        *column = g->pool[at];
        g->pool[at] = g->pool[left - 1];
        *range = range_of(g, o, *column);
        if (range->low < range->high)
            return true;
    }
    return false;
}

/* Above the lowest and not above the highest value: neither side is empty. */
static float draw_threshold(const struct range *range, uint64_t *random)
{
    double low = (double)range->low, high = (double)range->high;
    float threshold = (float)(low + weir_random_share(random) * (high - low));
    if (!(threshold > range->low))
        threshold = nextafterf(range->low, INFINITY);
    return threshold < range->high ? threshold : range->high;
}

/* Rows to the left come first; both sides keep their order. Returns how many they are. */
static uint32_t part(struct grower *g, const struct open *o, const float *x, float threshold, bool missing_left)
{
    uint32_t *row = g->row + o->start, stay = 0, go = 0;
    for (uint32_t i = 0; i < o->rows; i++) {
        float value = x[row[i]];
        uint32_t r = row[i];
        if (value != value ? !missing_left : value >= threshold)
            g->side[go++] = r;
        else
            row[stay++] = r;
    }
    memcpy(row + stay, g->side, go * sizeof *row);
    return stay;
}

/* A tree of the sample in g->row; leaves hold the ways to them. */
static void grow(struct grower *g, uint32_t sample, uint64_t *random)
{
    size_t stack = 1;
    g->open[0] = (struct open){.rows = sample};
    g->nodes = 1;
    while (stack) {
        struct open o = g->open[--stack];
        struct range range;
        uint32_t column;
        g->left[o.node] = g->right[o.node] = -1;
        g->cover[o.node] = (float)o.rows;
        g->leaf[o.node] = o.depth + usual_way(o.rows);
        if (o.rows < 2 || o.depth == g->depth_most || !draw_column(g, &o, random, &column, &range))
            continue;
        float threshold = draw_threshold(&range, random);
        bool missing_left = range.missing && weir_random_next(random) >> 63;
        uint32_t stay = part(g, &o, g->set->x[column], threshold, missing_left), child = (uint32_t)g->nodes;
        g->left[o.node] = (int32_t)child;
        g->right[o.node] = (int32_t)child + 1;
        g->column[o.node] = (int32_t)column;
        g->value[o.node] = threshold;
        g->missing_left[o.node] = range.missing ? missing_left : stay > o.rows - stay;
        g->open[stack++] = (struct open){o.start + stay, o.rows - stay, child + 1, o.depth + 1};
        g->open[stack++] = (struct open){o.start, stay, child, o.depth + 1};
        g->nodes += 2;
    }
}

/* Draws the sample from rows[0..count), which keep their order: the draw of a tree depends on nothing but its stream. */
static void draw_rows(struct grower *g, uint32_t *rows, size_t count, size_t sample, uint64_t *random)
{
    for (size_t i = 0; i < sample; i++) {
        size_t other = i + weir_random_below(random, (uint32_t)(count - i));
        uint32_t swap = rows[i];
        rows[i] = rows[other];
        rows[other] = swap;
        g->side[i] = (uint32_t)other;
    }
    memcpy(g->row, rows, sample * sizeof *rows);
    for (size_t i = sample; i-- > 0;) {
        uint32_t swap = rows[i];
        rows[i] = rows[g->side[i]];
        rows[g->side[i]] = swap;
    }
}

static weir_err grow_all(struct grower *g, const struct weir_train_config *config, uint32_t *rows, size_t count, size_t sample,
                         struct weir_forest *forest, struct weir_importance *importance, struct weir_error *error)
{
    size_t trees = (size_t)weir_params_whole(&config->params, "n_estimators");
    double usual = usual_way((double)sample) * (double)trees;
    weir_err err = WEIR_OK;
    for (size_t t = 0; t < trees && !err; t++) {
        uint64_t random = weir_random_stream(config->seed, t);
        draw_rows(g, rows, count, sample, &random);
        grow(g, (uint32_t)sample, &random);
        for (size_t i = 0; i < g->nodes; i++) /* of one row there is no way at all, be it usual or not */
            g->leaf[i] = usual > 0 ? -g->leaf[i] / usual : -1 / (double)trees;
        const struct weir_tree tree = {.count = g->nodes,
                                       .left = g->left,
                                       .right = g->right,
                                       .column = g->column,
                                       .missing_left = g->missing_left,
                                       .value = g->value,
                                       .leaf = g->leaf,
                                       .cover = g->cover};
        err = weir_forest_add(forest, &tree, 0, importance, error);
        if (!err && config->stop && *config->stop)
            err = weir_fail(error, WEIR_ERR_CLOSED, "interrupted after %zu of %zu trees", t + 1, trees);
        if (config->progress)
            config->progress(config->context, t + 1, trees);
    }
    return err;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The score that this share of the training rows is above: the quantile as numpy's percentile has it, and the next float32. */
static weir_err find_threshold(const struct weir_train_set *set, const struct weir_scorer *scorer, const uint32_t *rows,
                               size_t count, double share, float *threshold, struct weir_error *error)
{
    double *score = malloc(count * sizeof *score);
    float *x = malloc(set->columns * sizeof *x), margin;
    weir_err err = score && x ? WEIR_OK : weir_fail(error, WEIR_ERR_MEMORY, "isolation-forest: out of memory");
    for (size_t i = 0; i < count && !err; i++) {
        for (size_t c = 0; c < set->columns; c++)
            x[c] = set->x[c][rows[i]];
        scorer->kind->rows(scorer, x, 1, set->columns, &margin);
        score[i] = weir_exact_exp((double)margin * 0.69314718055994531);
    }
    if (!err) {
        qsort(score, count, sizeof *score, compare);
        double at = (1 - share) * (double)(count - 1);
        size_t below = (size_t)at, above = below + 1 < count ? below + 1 : below;
        double quantile = score[below] + (at - (double)below) * (score[above] - score[below]);
        *threshold = (float)quantile;
        if ((double)*threshold <= quantile)
            *threshold = nextafterf(*threshold, 1);
    }
    free(score);
    free(x);
    return err;
}

/* The rows that train: as numbers in the set's columns. */
static uint32_t *choose_rows(const struct weir_train_set *set, bool benign, size_t *count)
{
    uint32_t *rows = malloc(set->rows * sizeof *rows);
    *count = 0;
    for (size_t i = 0; rows && i < set->rows; i++)
        if (!benign || !set->label[i])
            rows[(*count)++] = set->row[i];
    return rows;
}

static weir_err fit(const struct weir_train_set *set, const struct weir_train_config *config, struct weir_trained *out,
                    struct weir_error *error)
{
    if (set->classes > 2)
        return weir_fail(error, WEIR_ERR_ARGUMENT,
                         "isolation-forest knows benign rows and others, and no kinds of attacks: train it with two classes");
    struct grower g = {0};
    struct weir_forest *forest = NULL;
    double share = weir_params_real(&config->params, "contamination");
    size_t count, sample = (size_t)weir_params_whole(&config->params, "max_samples");
    uint32_t *rows = choose_rows(set, weir_params_is(&config->params, "rows", "benign"), &count);
    out->importance = calloc(set->columns, sizeof *out->importance);
    weir_err err = rows && out->importance ? WEIR_OK : weir_fail(error, WEIR_ERR_MEMORY, "isolation-forest: out of memory");
    sample = sample < count ? sample : count;
    if (!err)
        err = grower_init(&g, set, sample, error);
    if (!err)
        err = weir_forest_create(set->columns, 1, &forest, error);
    if (!err) {
        forest->sum = WEIR_SUM_FLOAT64;
        forest->link = WEIR_LINK_ISOLATION;
        err = grow_all(&g, config, rows, count, sample, forest, out->importance, error);
    }
    if (!err) {
        for (size_t c = 0; c < set->columns; c++)
            if (out->importance[c].weight > 0)
                out->importance[c].cover /= out->importance[c].weight;
        out->facts = json_pack("{s:I,s:I}", "rows", (json_int_t)count, "sample", (json_int_t)sample);
        strcpy(out->objective, "isolation");
        err = weir_trees_create(forest, &out->scorer, error);
        forest = NULL;
    }
    out->threshold = nextafterf(0.5f, 1);
    if (!err && share > 0)
        err = find_threshold(set, out->scorer, rows, count, share, &out->threshold, error);
    grower_fini(&g);
    weir_forest_free(&forest);
    free(rows);
    if (err)
        weir_trained_fini(out);
    return err;
}

const struct weir_trainer weir_train_isolation_forest = {
    .name = "isolation-forest", .title = "Isolation forest", .params = params, .unsupervised = true, .fit = fit};
