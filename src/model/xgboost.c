#include "model/xgboost.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "model/document.h"

struct reader {
    struct weir_document doc;
    struct weir_forest *forest;         /* all trees in group 0 until the whole document is known */
    struct weir_importance *importance; /* [WEIR_FOREST_COLUMNS_MAX] likewise */
    struct weir_integers tree_info;     /* group of each tree */
    struct weir_floats weight_drop;     /* dart: factor of each tree */
    struct weir_floats base_score;
    char **names;
    size_t name_count, name_room;
    char objective[64], booster[32];
    int64_t columns, classes, targets, trees, parallel, best_iteration;
};

struct tree_arrays {
    struct weir_integers left, right, column, missing_left, type;
    struct weir_integers categories, category_nodes, category_first, category_count;
    struct weir_floats value, cover, gain;
};

static void copy_text(struct weir_document *doc, char *out, size_t size)
{
    const char *text = weir_document_string(doc);
    if (text && strlen(text) >= size)
        weir_document_fail(doc, WEIR_ERR_FORMAT, "'%.40s...' is too long a name", text);
    else if (text)
        memcpy(out, text, strlen(text) + 1);
}

/* -- one tree -- */

static void free_arrays(struct tree_arrays *a)
{
    weir_integers_free(&a->left);
    weir_integers_free(&a->right);
    weir_integers_free(&a->column);
    weir_integers_free(&a->missing_left);
    weir_integers_free(&a->type);
    weir_integers_free(&a->categories);
    weir_integers_free(&a->category_nodes);
    weir_integers_free(&a->category_first);
    weir_integers_free(&a->category_count);
    weir_floats_free(&a->value);
    weir_floats_free(&a->cover);
    weir_floats_free(&a->gain);
}

static void read_tree_param(struct weir_document *doc)
{
    const char *key;
    weir_document_object(doc);
    while ((key = weir_document_key(doc))) {
        if (strcmp(key, "size_leaf_vector"))
            weir_document_skip(doc);
        else if (weir_document_integer(doc, 0, INT32_MAX) > 1)
            weir_document_fail(doc, WEIR_ERR_UNSUPPORTED,
                               "leaves with several values; train with multi_strategy=one_output_per_tree");
    }
}

/* The sets of a tree's categorical splits: kind[node], set[node]. */
static weir_err read_sets(struct reader *r, const struct tree_arrays *a, uint8_t *kind, uint32_t *set, struct weir_error *error)
{
    uint32_t words[WEIR_FOREST_SET_MAX / 32];
    size_t splits = a->category_nodes.count;
    if (a->category_first.count != splits || a->category_count.count != splits)
        return weir_fail(error, WEIR_ERR_FORMAT, "its lists of categories differ in length");
    for (size_t i = 0; i < a->type.count; i++)
        kind[i] = a->type.item[i] && a->left.item[i] >= 0 ? WEIR_SPLIT_SET : WEIR_SPLIT_NUMBER;
    for (size_t k = 0; k < splits; k++) {
        int32_t node = a->category_nodes.item[k], first = a->category_first.item[k], count = a->category_count.item[k];
        if (node < 0 || (size_t)node >= a->type.count || kind[node] != WEIR_SPLIT_SET || set[node])
            return weir_fail(error, WEIR_ERR_FORMAT, "categories of node %d, which is no categorical split or has some", node);
        if (first < 0 || count < 0 || (size_t)first > a->categories.count || (size_t)count > a->categories.count - (size_t)first)
            return weir_fail(error, WEIR_ERR_FORMAT, "node %d: categories %d and %d more of %zu", node, first, count,
                             a->categories.count);
        memset(words, 0, sizeof words);
        for (int32_t c = first; c < first + count; c++) {
            int32_t category = a->categories.item[c];
            if (category < 0 || category >= WEIR_FOREST_SET_MAX)
                return weir_fail(error, WEIR_ERR_LIMIT, "node %d: category %d, weir takes 0 to %d", node, category,
                                 WEIR_FOREST_SET_MAX - 1);
            words[category / 32] |= 1u << category % 32;
        }
        weir_err err = weir_forest_add_set(r->forest, words, WEIR_FOREST_SET_MAX / 32, &set[node], error);
        if (err)
            return err;
        set[node]++; /* 0: none yet */
    }
    for (size_t i = 0; i < a->type.count; i++) {
        if (kind[i] == WEIR_SPLIT_SET && !set[i])
            return weir_fail(error, WEIR_ERR_FORMAT, "node %zu: a categorical split without categories", i);
        set[i] -= set[i] > 0;
    }
    return WEIR_OK;
}

static void add_tree(struct reader *r, struct tree_arrays *a)
{
    struct weir_document *doc = &r->doc;
    struct weir_error why = {0};
    size_t n = a->left.count, tree = r->forest->trees;
    uint8_t *kind = NULL;
    uint32_t *set = NULL;
    weir_err err = WEIR_OK;
    if (a->right.count != n || a->column.count != n || a->missing_left.count != n || a->value.count != n ||
        (a->type.count && a->type.count != n) || (a->cover.count && a->cover.count != n) ||
        (a->gain.count && a->gain.count != n)) {
        weir_document_fail(doc, WEIR_ERR_FORMAT, "tree %zu: its arrays differ in length, or one is missing", tree);
        return;
    }
    size_t categorical = 0;
    for (size_t i = 0; i < a->type.count; i++)
        if (a->type.item[i] && a->left.item[i] >= 0) {
            a->value.item[i] = 0; /* categories begin at 0; what stands there means nothing */
            categorical++;
        }
    if (categorical) {
        kind = calloc(n, sizeof *kind);
        set = calloc(n, sizeof *set);
        err = kind && set ? read_sets(r, a, kind, set, &why) : weir_fail(&why, WEIR_ERR_MEMORY, "out of memory");
    }
    struct weir_tree source = {.count = n,
                               .left = a->left.item,
                               .right = a->right.item,
                               .column = a->column.item,
                               .missing_left = a->missing_left.item,
                               .value = a->value.item,
                               .kind = kind,
                               .set = set,
                               .cover = a->cover.count ? a->cover.item : NULL,
                               .gain = a->gain.count ? a->gain.item : NULL};
    if (!err)
        err = weir_forest_add(r->forest, &source, 0, r->importance, &why);
    if (err)
        weir_document_fail(doc, err, "tree %zu: %s", tree, why.text);
    free(kind);
    free(set);
}

static void read_tree(struct reader *r)
{
    struct weir_document *doc = &r->doc;
    struct tree_arrays a = {0};
    const struct {
        const char *key;
        struct weir_integers *integers;
        struct weir_floats *floats;
    } arrays[] = {{"left_children", &a.left, NULL},
                  {"right_children", &a.right, NULL},
                  {"split_indices", &a.column, NULL},
                  {"default_left", &a.missing_left, NULL},
                  {"split_type", &a.type, NULL},
                  {"split_conditions", NULL, &a.value},
                  {"sum_hessian", NULL, &a.cover},
                  {"loss_changes", NULL, &a.gain},
                  {"categories", &a.categories, NULL},
                  {"categories_nodes", &a.category_nodes, NULL},
                  {"categories_segments", &a.category_first, NULL},
                  {"categories_sizes", &a.category_count, NULL}};
    const size_t array_count = sizeof arrays / sizeof *arrays;
    const char *key;
    weir_document_object(doc);
    while ((key = weir_document_key(doc))) {
        size_t i = 0;
        while (i < array_count && strcmp(key, arrays[i].key))
            i++;
        if (i < array_count && arrays[i].integers)
            weir_document_integers(doc, arrays[i].integers);
        else if (i < array_count)
            weir_document_floats(doc, arrays[i].floats);
        else if (!strcmp(key, "tree_param"))
            read_tree_param(doc);
        else
            weir_document_skip(doc);
    }
    if (!doc->failed)
        add_tree(r, &a);
    free_arrays(&a);
}

/* -- what is around the trees -- */

static void read_gbtree_param(struct reader *r)
{
    struct weir_document *doc = &r->doc;
    const char *key;
    weir_document_object(doc);
    while ((key = weir_document_key(doc))) {
        if (!strcmp(key, "num_trees"))
            r->trees = weir_document_integer(doc, 0, WEIR_FOREST_TREES_MAX);
        else if (!strcmp(key, "num_parallel_tree"))
            r->parallel = weir_document_integer(doc, 0, WEIR_FOREST_TREES_MAX);
        else
            weir_document_skip(doc);
    }
}

static void read_booster_model(struct reader *r)
{
    struct weir_document *doc = &r->doc;
    const char *key;
    weir_document_object(doc);
    while ((key = weir_document_key(doc))) {
        if (!strcmp(key, "trees")) {
            weir_document_array(doc);
            while (weir_document_item(doc))
                read_tree(r);
        } else if (!strcmp(key, "tree_info")) {
            weir_document_integers(doc, &r->tree_info);
        } else if (!strcmp(key, "gbtree_model_param")) {
            read_gbtree_param(r);
        } else if (!strcmp(key, "weight_drop")) {
            weir_document_floats(doc, &r->weight_drop);
        } else {
            weir_document_skip(doc);
        }
    }
}

static void read_booster(struct reader *r, bool inner)
{
    struct weir_document *doc = &r->doc;
    const char *key;
    weir_document_object(doc);
    while ((key = weir_document_key(doc))) {
        if (!strcmp(key, "model"))
            read_booster_model(r);
        else if (!strcmp(key, "name") && !inner)
            copy_text(doc, r->booster, sizeof r->booster);
        else if (!strcmp(key, "gbtree") && !inner)
            read_booster(r, true); /* dart before 3.3 keeps its trees one level deeper */
        else if (!strcmp(key, "weight_drop"))
            weir_document_floats(doc, &r->weight_drop);
        else
            weir_document_skip(doc);
    }
}

/* "5E-1", "[5E-1]" or "[1E-1,2E-1]"; since 3.1 one value for each margin is allowed. */
static void read_base_score(struct reader *r)
{
    struct weir_document *doc = &r->doc;
    char text[WEIR_DOCUMENT_TEXT_BYTES], *rest = text, *item;
    if (weir_document_peek(doc) == WEIR_DOCUMENT_NUMBER) {
        if (!weir_floats_add(&r->base_score, (float)weir_document_real(doc)))
            weir_document_fail(doc, WEIR_ERR_MEMORY, "out of memory");
        return;
    }
    copy_text(doc, text, sizeof text);
    if (doc->failed)
        return;
    while ((item = strsep(&rest, "[], "))) {
        double value;
        if (!*item)
            continue;
        if (!weir_document_number_text(doc, item, &value))
            weir_document_fail(doc, WEIR_ERR_FORMAT, "base_score '%.40s' is no number", item);
        else if (!weir_floats_add(&r->base_score, (float)value))
            weir_document_fail(doc, WEIR_ERR_MEMORY, "out of memory");
    }
}

static void read_model_param(struct reader *r)
{
    struct weir_document *doc = &r->doc;
    const char *key;
    weir_document_object(doc);
    while ((key = weir_document_key(doc))) {
        if (!strcmp(key, "base_score"))
            read_base_score(r);
        else if (!strcmp(key, "num_class"))
            r->classes = weir_document_integer(doc, 0, WEIR_FOREST_GROUPS_MAX);
        else if (!strcmp(key, "num_feature"))
            r->columns = weir_document_integer(doc, 0, INT32_MAX);
        else if (!strcmp(key, "num_target"))
            r->targets = weir_document_integer(doc, 0, INT32_MAX);
        else
            weir_document_skip(doc);
    }
}

static void read_names(struct reader *r)
{
    struct weir_document *doc = &r->doc;
    weir_document_array(doc);
    while (weir_document_item(doc)) {
        if (r->name_count == r->name_room) {
            size_t room = r->name_room ? r->name_room * 2 : 64;
            char **grown = reallocarray(r->names, room, sizeof *grown);
            if (!grown) {
                weir_document_fail(doc, WEIR_ERR_MEMORY, "out of memory");
                return;
            }
            r->names = grown;
            r->name_room = room;
        }
        const char *text = weir_document_string(doc);
        if (!text)
            return;
        if (!(r->names[r->name_count] = strdup(text))) {
            weir_document_fail(doc, WEIR_ERR_MEMORY, "out of memory");
            return;
        }
        r->name_count++;
    }
}

static void read_attributes(struct reader *r)
{
    struct weir_document *doc = &r->doc;
    const char *key;
    weir_document_object(doc);
    while ((key = weir_document_key(doc))) {
        if (!strcmp(key, "best_iteration"))
            r->best_iteration = weir_document_integer(doc, 0, INT32_MAX);
        else
            weir_document_skip(doc);
    }
}

static void read_objective(struct reader *r)
{
    const char *key;
    weir_document_object(&r->doc);
    while ((key = weir_document_key(&r->doc))) {
        if (!strcmp(key, "name"))
            copy_text(&r->doc, r->objective, sizeof r->objective);
        else
            weir_document_skip(&r->doc);
    }
}

static void read_learner(struct reader *r)
{
    struct weir_document *doc = &r->doc;
    const char *key;
    weir_document_object(doc);
    while ((key = weir_document_key(doc))) {
        if (!strcmp(key, "gradient_booster"))
            read_booster(r, false);
        else if (!strcmp(key, "learner_model_param"))
            read_model_param(r);
        else if (!strcmp(key, "objective"))
            read_objective(r);
        else if (!strcmp(key, "feature_names"))
            read_names(r);
        else if (!strcmp(key, "attributes"))
            read_attributes(r);
        else
            weir_document_skip(doc);
    }
}

static void read_document(struct reader *r)
{
    const char *key;
    weir_document_object(&r->doc);
    while ((key = weir_document_key(&r->doc))) {
        if (!strcmp(key, "learner"))
            read_learner(r);
        else
            weir_document_skip(&r->doc);
    }
}

/* -- the parts put together -- */

/* What the objectives make of margins, and in which space their base score is kept: their output's. */
enum base { BASE_MARGIN, BASE_PROBABILITY, BASE_POSITIVE };

struct objective {
    const char *name;
    enum weir_link link;
    enum base base;
};

static const struct objective objectives[] = {
    {"binary:logistic", WEIR_LINK_LOGISTIC, BASE_PROBABILITY},
    {"binary:logitraw", WEIR_LINK_LOGISTIC, BASE_MARGIN},
    {"binary:hinge", WEIR_LINK_STEP, BASE_MARGIN},
    {"multi:softprob", WEIR_LINK_LOGISTIC, BASE_MARGIN},
    {"multi:softmax", WEIR_LINK_LOGISTIC, BASE_MARGIN},
    {"reg:logistic", WEIR_LINK_LOGISTIC, BASE_PROBABILITY},
    {"reg:squarederror", WEIR_LINK_IDENTITY, BASE_MARGIN},
    {"reg:linear", WEIR_LINK_IDENTITY, BASE_MARGIN},
    {"reg:squaredlogerror", WEIR_LINK_IDENTITY, BASE_MARGIN},
    {"reg:pseudohubererror", WEIR_LINK_IDENTITY, BASE_MARGIN},
    {"reg:absoluteerror", WEIR_LINK_IDENTITY, BASE_MARGIN},
    {"reg:quantileerror", WEIR_LINK_IDENTITY, BASE_MARGIN},
    {"reg:expectileerror", WEIR_LINK_IDENTITY, BASE_MARGIN},
    {"rank:pairwise", WEIR_LINK_IDENTITY, BASE_MARGIN},
    {"rank:ndcg", WEIR_LINK_IDENTITY, BASE_MARGIN},
    {"rank:map", WEIR_LINK_IDENTITY, BASE_MARGIN},
    {"reg:gamma", WEIR_LINK_EXP, BASE_POSITIVE},
    {"reg:tweedie", WEIR_LINK_EXP, BASE_POSITIVE},
    {"count:poisson", WEIR_LINK_EXP, BASE_POSITIVE},
    {"survival:cox", WEIR_LINK_EXP, BASE_POSITIVE},
    {"survival:aft", WEIR_LINK_EXP, BASE_POSITIVE},
};

static float base_margin(enum base base, float score)
{
    return base == BASE_PROBABILITY ? -logf(1.0f / score - 1.0f) : base == BASE_POSITIVE ? logf(score) : score;
}

static weir_err check_kind(const struct reader *r, const char *origin, const struct objective **objective,
                           struct weir_error *error)
{
    size_t i = 0;
    if (!*r->booster || !*r->objective || r->columns < 1)
        return weir_fail(error, WEIR_ERR_FORMAT,
                         "%s: no XGBoost model: learner, gradient_booster, objective or num_feature is missing; save it with "
                         "XGBoost's save_model",
                         origin);
    if (strcmp(r->booster, "gbtree") && strcmp(r->booster, "dart"))
        return weir_fail(error, WEIR_ERR_UNSUPPORTED, "%s: booster '%s'; weir scores gbtree and dart", origin, r->booster);
    while (i < sizeof objectives / sizeof *objectives && strcmp(r->objective, objectives[i].name))
        i++;
    if (i == sizeof objectives / sizeof *objectives)
        return weir_fail(error, WEIR_ERR_UNSUPPORTED, "%s: objective '%s': weir does not know what its margins mean", origin,
                         r->objective);
    *objective = &objectives[i];
    bool multi = !strncmp(r->objective, "multi:", 6);
    if (multi ? r->classes < 2 : r->classes > 1)
        return weir_fail(error, WEIR_ERR_FORMAT, "%s: num_class %lld with objective '%s'", origin, (long long)r->classes,
                         r->objective);
    if (r->targets > 1)
        return weir_fail(error, WEIR_ERR_UNSUPPORTED, "%s: %lld targets; weir scores one label a row", origin,
                         (long long)r->targets);
    if (r->columns > WEIR_FOREST_COLUMNS_MAX)
        return weir_fail(error, WEIR_ERR_LIMIT, "%s: %lld columns, weir takes up to %d", origin, (long long)r->columns,
                         WEIR_FOREST_COLUMNS_MAX);
    if (r->name_count && r->name_count != (size_t)r->columns)
        return weir_fail(error, WEIR_ERR_FORMAT, "%s: %zu feature_names for %lld columns", origin, r->name_count,
                         (long long)r->columns);
    return WEIR_OK;
}

static weir_err check_counts(const struct reader *r, size_t groups, const char *origin, struct weir_error *error)
{
    size_t trees = r->forest->trees;
    if (r->tree_info.count != trees || (r->trees >= 0 && (size_t)r->trees != trees))
        return weir_fail(error, WEIR_ERR_FORMAT, "%s: %zu trees, but num_trees is %lld and tree_info has %zu entries", origin,
                         trees, (long long)r->trees, r->tree_info.count);
    if (r->weight_drop.count && r->weight_drop.count != trees)
        return weir_fail(error, WEIR_ERR_FORMAT, "%s: %zu trees, but weight_drop has %zu entries", origin, trees,
                         r->weight_drop.count);
    if (!strcmp(r->booster, "dart") && r->weight_drop.count != trees)
        return weir_fail(error, WEIR_ERR_FORMAT, "%s: booster dart without weight_drop", origin);
    if (r->base_score.count != 1 && r->base_score.count != groups)
        return weir_fail(error, WEIR_ERR_FORMAT, "%s: base_score has %zu values for %zu margins", origin, r->base_score.count,
                         groups);
    return WEIR_OK;
}

/* Gives the forest its columns, groups, base and tree weights, and checks it as a whole. */
static weir_err complete(struct reader *r, const char *origin, struct weir_error *error)
{
    const struct objective *objective = NULL;
    weir_err err = check_kind(r, origin, &objective, error);
    size_t groups = strncmp(r->objective, "multi:", 6) ? 1 : (size_t)r->classes;
    if (!err)
        err = check_counts(r, groups, origin, error);
    if (err)
        return err;
    struct weir_forest *f = r->forest;
    err = weir_forest_regroup(f, groups, error);
    if (err)
        return err;
    f->columns = (size_t)r->columns;
    f->link = objective->link;
    for (size_t g = 0; g < groups; g++)
        f->base[g] = (double)base_margin(objective->base, r->base_score.item[r->base_score.count == 1 ? 0 : g]);
    for (size_t t = 0; t < f->trees; t++) {
        if (r->tree_info.item[t] < 0 || (size_t)r->tree_info.item[t] >= groups)
            return weir_fail(error, WEIR_ERR_FORMAT, "%s: tree_info names class %d of %zu", origin, r->tree_info.item[t], groups);
        f->group[t] = (uint16_t)r->tree_info.item[t];
        if (r->weight_drop.count)
            for (uint32_t i = f->first[t]; i < f->first[t] + f->count[t]; i++)
                if (f->split[i] == WEIR_SPLIT_LEAF)
                    f->value[i] *= r->weight_drop.item[t];
    }
    return weir_source_check(f, origin, error);
}

weir_err weir_xgboost_read(const void *bytes, size_t size, const char *origin, struct weir_source *out, struct weir_error *error)
{
    struct reader r = {.trees = -1, .best_iteration = -1};
    weir_err err = weir_document_open(&r.doc, bytes, size, origin, error);
    if (!err)
        err = weir_forest_create(WEIR_FOREST_COLUMNS_MAX, 1, &r.forest, error);
    if (err)
        goto out;
    r.importance = calloc(WEIR_FOREST_COLUMNS_MAX, sizeof *r.importance);
    if (!r.importance) {
        err = weir_fail(error, WEIR_ERR_MEMORY, "out of memory");
        goto out;
    }
    read_document(&r);
    err = weir_document_finish(&r.doc);
    if (!err)
        err = complete(&r, origin, error);
    if (err)
        goto out;

    weir_source_mean(r.importance, r.forest->columns);
    *out = (struct weir_source){.forest = r.forest,
                                .columns = r.forest->columns,
                                .importance = r.importance,
                                .names = r.names,
                                .algorithm = "xgboost",
                                .best_iteration = r.best_iteration,
                                .iterations =
                                    (int64_t)r.forest->trees / (int64_t)r.forest->groups / (r.parallel > 0 ? r.parallel : 1)};
    memcpy(out->objective, r.objective, sizeof out->objective);
    r.forest = NULL;
    r.importance = NULL;
    r.names = NULL;
    r.name_count = 0;
out:
    weir_document_close(&r.doc);
    weir_forest_free(&r.forest);
    free(r.importance);
    weir_integers_free(&r.tree_info);
    weir_floats_free(&r.weight_drop);
    weir_floats_free(&r.base_score);
    weir_texts_free(r.names, r.name_count);
    return err;
}
