/* A decision tree and a random forest, as scikit-learn's DecisionTreeClassifier and RandomForestClassifier: Gini impurity,
 * probabilities are shares of the classes in a leaf, a forest's are the means of its trees'. Cuts lie between bins (bins.h), so
 * that with more than 255 different values a threshold may differ; scaling changes nothing. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "model/trees.h"
#include "train/grow.h"
#include "base/random.h"
#include "train/trainers.h"

static const char *const features[] = {"sqrt", "log2", "all", NULL};

#define TREE_PARAMS                                                                                                              \
    {"max_depth", WEIR_PARAM_WHOLE, "0", 0, WEIR_FOREST_DEPTH_MAX, NULL, "depth of a tree; 0: as deep as it takes"},             \
        {"min_samples_split", WEIR_PARAM_WHOLE, "2", 2, 1e9, NULL, "rows of a node that may be split"},                          \
    {                                                                                                                            \
        "min_samples_leaf", WEIR_PARAM_WHOLE, "1", 1, 1e9, NULL, "rows of a leaf"                                                \
    }

static const struct weir_param tree_params[] = {
    TREE_PARAMS, {"max_features", WEIR_PARAM_WORD, "all", 0, 0, features, "columns drawn for each node"}, {0}};
static const struct weir_param forest_params[] = {
    TREE_PARAMS,
    {"max_features", WEIR_PARAM_WORD, "sqrt", 0, 0, features, "columns drawn for each node"},
    {"n_estimators", WEIR_PARAM_WHOLE, "100", 1, 100000, NULL, "trees"},
    {0}};

static size_t candidates(const struct weir_params *params, size_t columns)
{
    size_t most = weir_params_is(params, "max_features", "sqrt")   ? (size_t)sqrt((double)columns)
                  : weir_params_is(params, "max_features", "log2") ? (size_t)floor(log2((double)columns))
                                                                   : columns;
    return most < 1 ? 1 : most;
}

/* As many rows as there are, drawn with replacement. */
static void draw_rows(uint32_t *weight, size_t rows, uint64_t *random)
{
    memset(weight, 0, rows * sizeof *weight);
    for (size_t i = 0; i < rows; i++)
        weight[weir_random_below(random, (uint32_t)rows)]++;
}

static weir_err grow_all(const struct weir_train_set *set, const struct weir_train_config *config, struct weir_grower *grower,
                         bool bootstrap, size_t trees, struct weir_forest *forest, struct weir_importance *importance,
                         struct weir_error *error)
{
    uint32_t *weight = malloc((set->rows + 1) * sizeof *weight);
    weir_err err = weight ? WEIR_OK : weir_fail(error, WEIR_ERR_MEMORY, "out of memory");
    for (size_t t = 0; t < trees && !err; t++) {
        uint64_t random = weir_random_stream(config->seed, t);
        const struct weir_tree *tree;
        for (size_t i = 0; !bootstrap && i < set->rows; i++)
            weight[i] = 1;
        if (bootstrap)
            draw_rows(weight, set->rows, &random);
        err = weir_grower_tree(grower, weight, &random, &tree, error);
        if (!err)
            err = weir_forest_add(forest, tree, 0, importance, error);
        if (!err && config->stop && *config->stop)
            err = weir_fail(error, WEIR_ERR_CLOSED, "interrupted after %zu of %zu trees", t + 1, trees);
        if (config->progress)
            config->progress(config->context, t + 1, trees);
    }
    free(weight);
    return err;
}

static weir_err fit(const struct weir_train_set *set, const struct weir_train_config *config, bool bootstrap, size_t trees,
                    struct weir_trained *out, struct weir_error *error)
{
    struct weir_bins bins;
    struct weir_grower *grower = NULL;
    struct weir_forest *forest = NULL;
    struct weir_importance *importance = calloc(set->columns, sizeof *importance);
    weir_err err = importance ? weir_bins_make(set, &bins, error) : weir_fail(error, WEIR_ERR_MEMORY, "out of memory");
    if (err) {
        free(importance);
        return err;
    }
    const struct weir_grow_config grow = {.bins = &bins,
                                          .label = set->label,
                                          .classes = set->classes,
                                          .candidates = candidates(&config->params, set->columns),
                                          .depth = (size_t)weir_params_whole(&config->params, "max_depth"),
                                          .split_least = weir_params_whole(&config->params, "min_samples_split"),
                                          .leaf_least = weir_params_whole(&config->params, "min_samples_leaf")};
    size_t groups = set->classes == 2 ? 1 : set->classes;
    err = weir_grower_create(&grow, &grower, error);
    if (!err)
        err = weir_forest_create(set->columns, groups, &forest, error);
    if (!err) {
        forest->sum = WEIR_SUM_FLOAT64;
        forest->link = WEIR_LINK_PROBABILITY;
        forest->width = groups;
        err = grow_all(set, config, grower, bootstrap, trees, forest, importance, error);
    }
    if (!err)
        weir_forest_scale(forest, 1 / (double)trees);
    weir_grower_free(&grower);
    weir_bins_fini(&bins);
    if (err) {
        weir_forest_free(&forest);
        free(importance);
        return err;
    }
    for (size_t c = 0; c < set->columns; c++)
        if (importance[c].weight > 0) {
            importance[c].gain /= importance[c].weight;
            importance[c].cover /= importance[c].weight;
        }
    out->importance = importance;
    strcpy(out->objective, "gini");
    return weir_trees_create(forest, &out->scorer, error);
}

static weir_err fit_tree(const struct weir_train_set *set, const struct weir_train_config *config, struct weir_trained *out,
                         struct weir_error *error)
{
    return fit(set, config, false, 1, out, error);
}

static weir_err fit_forest(const struct weir_train_set *set, const struct weir_train_config *config, struct weir_trained *out,
                           struct weir_error *error)
{
    return fit(set, config, true, (size_t)weir_params_whole(&config->params, "n_estimators"), out, error);
}

const struct weir_trainer weir_train_decision_tree = {
    .name = "decision-tree", .title = "Decision tree", .params = tree_params, .fit = fit_tree};
const struct weir_trainer weir_train_random_forest = {
    .name = "random-forest", .title = "Random forest", .params = forest_params, .fit = fit_forest};
