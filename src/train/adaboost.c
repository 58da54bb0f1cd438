/* AdaBoost over stumps, as scikit-learn's AdaBoostClassifier (SAMME): each stump is fitted to rows whose weights have grown where
 * the stumps before it were wrong, and votes with the logarithm of its odds of being right. The margin is the mean vote, of two
 * classes from -2 to 2, and the link is logistic: the probabilities of scikit-learn's predict_proba.
 *
 * A stump is found by counting weights by bin (bins.h) and class, so that with more than 255 different values a threshold may
 * differ; scaling changes nothing. Weights are not brought to the sum 1 after each round: only rows that were wrong change, and
 * only they are counted again. Source: Zhu, Zou, Rosset, Hastie, Multi-class AdaBoost, 2009. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "model/trees.h"
#include "train/bins.h"
#include "train/exact.h"
#include "train/trainers.h"

static const struct weir_param params[] = {{"n_estimators", WEIR_PARAM_WHOLE, "50", 1, 100000, NULL, "stumps at most"},
                                           {"learning_rate", WEIR_PARAM_REAL, "1", 1e-6, 10, NULL, "share of each stump's vote"},
                                           {0}};

enum { BINS = WEIR_BINS_MAX + 1 };

struct stump {
    double score; /* the larger, the purer, as in grow.c; < 0: no cut was found */
    size_t column;
    unsigned left, right; /* bins beside the cut; right = WEIR_BINS_MAX: missing values against all others */
    bool missing_left;
    size_t class[2];  /* the vote of each side */
    uint32_t rows[2]; /* on each side */
};

struct boost {
    const struct weir_train_set *set;
    const struct weir_bins *bins;
    size_t stride;     /* numbers between the histograms of two columns */
    double *histogram; /* [columns][BINS][classes] weights */
    double *weight;    /* [rows] */
    double *all, *left, *right;
    uint32_t *changed; /* rows whose weight has grown, and by how much */
    double *more;
    size_t changed_count;
    double *vote;   /* of each stump */
    double *leaves; /* [3][classes] of a stump's nodes */
};

static void boost_fini(struct boost *b)
{
    void *parts[] = {b->histogram, b->weight, b->all, b->left, b->right, b->changed, b->more, b->vote, b->leaves};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        free(parts[i]);
}

static weir_err boost_init(struct boost *b, const struct weir_train_set *set, const struct weir_bins *bins, size_t stumps,
                           struct weir_error *error)
{
    size_t classes = set->classes;
    /* Histograms a multiple of 4,096 bytes apart would fall into the same lines of the cache. */
    *b = (struct boost){.set = set, .bins = bins, .stride = BINS * classes + 8};
    b->histogram = calloc(set->columns * b->stride, sizeof *b->histogram);
    b->weight = malloc((set->rows + 1) * sizeof *b->weight);
    b->all = calloc(classes, sizeof *b->all);
    b->left = calloc(classes, sizeof *b->left);
    b->right = calloc(classes, sizeof *b->right);
    b->changed = malloc((set->rows + 1) * sizeof *b->changed);
    b->more = malloc((set->rows + 1) * sizeof *b->more);
    b->vote = calloc(stumps, sizeof *b->vote);
    b->leaves = calloc(3 * classes, sizeof *b->leaves);
    if (!b->histogram || !b->weight || !b->all || !b->left || !b->right || !b->changed || !b->more || !b->vote || !b->leaves)
        return weir_fail(error, WEIR_ERR_MEMORY, "adaboost: %zu rows of %zu columns do not fit into memory; train on a sample",
                         set->rows, set->columns);
    for (size_t i = 0; i < set->rows; i++) {
        b->weight[i] = b->more[i] = 1;
        b->changed[i] = (uint32_t)i;
    }
    b->changed_count = set->rows;
    return WEIR_OK;
}

/* Brings the histograms up to date. */
static void count(struct boost *b)
{
    size_t classes = b->set->classes;
    for (size_t c = 0; c < b->set->columns; c++) {
        const uint8_t *bin = b->bins->bin + c * b->bins->stride;
        double *histogram = b->histogram + c * b->stride;
        for (size_t i = 0; i < b->changed_count; i++) {
            uint32_t row = b->changed[i];
            histogram[bin[row] * classes + b->set->label[row]] += b->more[i];
        }
    }
    b->changed_count = 0;
}

static double add_up(const double *weight, size_t classes)
{
    double sum = 0;
    for (size_t k = 0; k < classes; k++)
        sum += weight[k];
    return sum;
}

/* Weights on the left, and what is left of all on the right. */
static void try(const struct boost *b, const double *left, const struct stump *cut, struct stump *best)
{
    double weight = 0, other_weight = 0, squares = 0, other_squares = 0;
    for (size_t k = 0; k < b->set->classes; k++) {
        double other = fmax(b->all[k] - left[k], 0); /* rounding can take more away than there is */
        weight += left[k];
        other_weight += other;
        squares += left[k] * left[k];
        other_squares += other * other;
    }
    if (!(weight > 0) || !(other_weight > 0))
        return;
    double score = squares / weight + other_squares / other_weight;
    if (score > best->score) {
        *best = *cut;
        best->score = score;
    }
}

static void scan(const struct boost *b, size_t column, struct stump *best)
{
    size_t classes = b->set->classes, bytes = classes * sizeof(double);
    const double *histogram = b->histogram + column * b->stride, *missing = histogram + WEIR_BIN_MISSING * classes;
    double *left = b->left, *with = b->right, lost = add_up(missing, classes);
    struct stump cut = {.column = column};
    bool any = false;
    memset(left, 0, bytes);
    memset(b->all, 0, bytes);
    for (unsigned bin = 0; bin < BINS; bin++)
        for (size_t k = 0; k < classes; k++)
            b->all[k] += histogram[bin * classes + k];
    for (unsigned bin = 0; bin < b->bins->range[column].count; bin++) {
        const double *here = histogram + bin * classes;
        if (!(add_up(here, classes) > 0))
            continue;
        cut.right = bin;
        if (any)
            try(b, left, &cut, best);
        for (size_t k = 0; any && lost > 0 && k < classes; k++)
            with[k] = left[k] + missing[k];
        cut.missing_left = true;
        if (any && lost > 0)
            try(b, with, &cut, best);
        cut.missing_left = false;
        for (size_t k = 0; k < classes; k++)
            left[k] += here[k];
        cut.left = bin;
        any = true;
    }
    cut.right = WEIR_BINS_MAX;
    if (any && lost > 0)
        try(b, left, &cut, best);
}

static bool goes_right(const struct stump *s, uint8_t bin)
{
    return bin == WEIR_BIN_MISSING ? !s->missing_left : s->right != WEIR_BINS_MAX && bin > s->left;
}

static size_t heaviest(const double *weight, size_t classes)
{
    size_t best = 0;
    for (size_t k = 1; k < classes; k++)
        if (weight[k] > weight[best])
            best = k;
    return best;
}

/* The best stump. Where nothing was missing, missing values go with more rows. Without a cut all rows are on the left. */
static struct stump find(struct boost *b)
{
    size_t classes = b->set->classes;
    struct stump s = {.score = -1};
    for (size_t c = 0; c < b->set->columns; c++)
        scan(b, c, &s);
    const uint8_t *bin = b->bins->bin + s.column * b->bins->stride;
    const double *histogram = b->histogram + s.column * b->stride;
    memset(b->left, 0, classes * sizeof *b->left);
    memset(b->right, 0, classes * sizeof *b->right);
    for (unsigned i = 0; i < BINS; i++)
        for (size_t k = 0; k < classes; k++)
            (s.score >= 0 && goes_right(&s, (uint8_t)i) ? b->right : b->left)[k] += histogram[i * classes + k];
    s.class[0] = heaviest(b->left, classes);
    s.class[1] = heaviest(b->right, classes);
    for (size_t i = 0; i < b->set->rows; i++)
        s.rows[s.score >= 0 && goes_right(&s, bin[i])]++;
    if (s.score >= 0 && !b->bins->range[s.column].missing)
        s.missing_left = s.rows[0] > s.rows[1];
    return s;
}

static bool is_wrong(const struct boost *b, const struct stump *s, size_t row)
{
    bool right = s->score >= 0 && goes_right(s, b->bins->bin[s->column * b->bins->stride + row]);
    return s->class[right] != b->set->label[row];
}

/* Weights grow without bound: now and then all are made smaller, by a power of two, so that no digit changes. */
static void shrink(struct boost *b, double sum)
{
    int exponent;
    frexp(sum, &exponent);
    for (size_t i = 0; i < b->set->rows; i++)
        b->weight[i] = ldexp(b->weight[i], -exponent);
    for (size_t i = 0; i < b->set->columns * b->stride; i++)
        b->histogram[i] = ldexp(b->histogram[i], -exponent);
}

/* The share of the rows, by weight, that the stump is wrong about. */
static double error_of(struct boost *b, const struct stump *s)
{
    double sum = 0, wrong = 0;
    for (size_t i = 0; i < b->set->rows; i++) {
        sum += b->weight[i];
        wrong += is_wrong(b, s, i) ? b->weight[i] : 0;
    }
    if (sum > 1e100)
        shrink(b, sum);
    return wrong / sum;
}

static void let_grow(struct boost *b, const struct stump *s, double factor)
{
    for (size_t i = 0; i < b->set->rows; i++) {
        if (!is_wrong(b, s, i))
            continue;
        double before = b->weight[i];
        b->weight[i] *= factor;
        b->changed[b->changed_count] = (uint32_t)i;
        b->more[b->changed_count++] = b->weight[i] - before;
    }
}

static weir_err put(struct boost *b, const struct stump *s, struct weir_forest *forest, struct weir_importance *importance,
                    struct weir_error *error)
{
    static const int32_t left[3] = {1, -1, -1}, right[3] = {2, -1, -1};
    size_t classes = b->set->classes, width = forest->width, nodes = s->score < 0 ? 1 : 3;
    bool alone = s->right == WEIR_BINS_MAX;
    const int32_t column[3] = {(int32_t)s->column}, missing_left[3] = {s->missing_left, 1, 1}, none[1] = {-1};
    float value[3] = {0}, gain[3] = {0}, cover[3] = {(float)b->set->rows, (float)s->rows[0], (float)s->rows[1]};
    if (nodes == 3) {
        double all = 0, squares = 0;
        for (size_t k = 0; k < classes; k++) {
            double weight = b->left[k] + b->right[k];
            all += weight;
            squares += weight * weight;
        }
        gain[0] = (float)fmax(0, (s->score - squares / all) / all);
        value[0] = alone ? INFINITY : weir_bins_threshold(b->bins, s->column, s->left, s->right);
    }
    for (size_t i = 0; i < nodes; i++) { /* a vote of 1: what it is worth is known when all have been cast */
        size_t vote = s->class[i == 2];
        for (size_t k = 0; width > 1 && k < classes; k++)
            b->leaves[i * width + k] = k == vote ? 1 : -1 / (double)(classes - 1);
        if (width == 1)
            b->leaves[i] = vote ? 1 : -1;
    }
    const struct weir_tree tree = {.count = nodes,
                                   .left = nodes == 1 ? none : left,
                                   .right = nodes == 1 ? none : right,
                                   .column = column,
                                   .missing_left = missing_left,
                                   .value = value,
                                   .leaf = b->leaves,
                                   .cover = cover,
                                   .gain = gain};
    return weir_forest_add(forest, &tree, 0, importance, error);
}

/* Leaves become votes: of two classes the second's less the first's, else the votes over classes - 1. */
static void weigh_votes(const struct boost *b, struct weir_forest *f)
{
    double sum = 0;
    for (size_t t = 0; t < f->trees; t++)
        sum += b->vote[t];
    for (size_t t = 0; t < f->trees; t++) {
        double share = b->vote[t] / sum * (f->width == 1 ? 2 : 1 / (double)(b->set->classes - 1));
        for (size_t i = f->first[t]; i < f->first[t] + f->count[t]; i++) {
            if (f->split[i] != WEIR_SPLIT_LEAF)
                continue;
            double *leaf = f->leaf + f->place[i] * f->width;
            for (size_t k = 0; k < f->width; k++)
                leaf[k] *= share;
            if (f->width == 1)
                f->value[i] = (float)leaf[0];
        }
    }
}

static weir_err boost(struct boost *b, const struct weir_train_config *config, struct weir_forest *forest,
                      struct weir_importance *importance, struct weir_error *error)
{
    size_t stumps = (size_t)weir_params_whole(&config->params, "n_estimators");
    double rate = weir_params_real(&config->params, "learning_rate"), classes = (double)b->set->classes;
    weir_err err = WEIR_OK;
    for (size_t t = 0; t < stumps && !err; t++) {
        count(b);
        struct stump s = find(b);
        double wrong = error_of(b, &s);
        if (wrong >= 1 - 1 / classes) /* no better than chance: those before it stand */
            return t ? WEIR_OK
                     : weir_fail(error, WEIR_ERR_ARGUMENT,
                                 "adaboost: no cut of a column says more than chance about the classes");
        err = put(b, &s, forest, importance, error);
        if (config->progress)
            config->progress(config->context, t + 1, stumps);
        if (!err && config->stop && *config->stop)
            return weir_fail(error, WEIR_ERR_CLOSED, "interrupted after %zu of %zu stumps", t + 1, stumps);
        b->vote[t] = 1;
        if (!(wrong > 0))
            break;
        wrong = fmax(wrong, 2.220446049250313e-16); /* of weights of sum 1 that scikit-learn keeps above this */
        b->vote[t] = rate * (weir_exact_log((1 - wrong) / wrong) + weir_exact_log(classes - 1));
        let_grow(b, &s, weir_exact_exp(b->vote[t]));
    }
    return err;
}

static weir_err fit(const struct weir_train_set *set, const struct weir_train_config *config, struct weir_trained *out,
                    struct weir_error *error)
{
    struct weir_bins bins;
    struct boost b = {0};
    struct weir_forest *forest = NULL;
    weir_err err = weir_bins_make(set, &bins, error);
    if (err)
        return err;
    out->importance = calloc(set->columns, sizeof *out->importance);
    err = out->importance ? boost_init(&b, set, &bins, (size_t)weir_params_whole(&config->params, "n_estimators"), error)
                          : weir_fail(error, WEIR_ERR_MEMORY, "out of memory");
    if (!err)
        err = weir_forest_create(set->columns, set->classes == 2 ? 1 : set->classes, &forest, error);
    if (!err) {
        forest->sum = WEIR_SUM_FLOAT64;
        forest->width = forest->groups;
        err = boost(&b, config, forest, out->importance, error);
    }
    if (!err) {
        weigh_votes(&b, forest);
        for (size_t c = 0; c < set->columns; c++)
            if (out->importance[c].weight > 0) {
                out->importance[c].gain /= out->importance[c].weight;
                out->importance[c].cover /= out->importance[c].weight;
            }
        out->facts = json_pack("{s:I}", "stumps", (json_int_t)forest->trees);
        err = weir_trees_create(forest, &out->scorer, error);
        forest = NULL;
    }
    boost_fini(&b);
    weir_bins_fini(&bins);
    weir_forest_free(&forest);
    if (err)
        weir_trained_fini(out);
    return err;
}

const struct weir_trainer weir_train_adaboost = {.name = "adaboost", .title = "AdaBoost", .params = params, .fit = fit};
