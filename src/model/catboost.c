#include "model/catboost.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/document.h"
#include "model/draft.h"

enum { DEPTH_MAX = 16 /* of a symmetric tree: CatBoost's own limit */ };

struct feature {
    char *name; /* NULL or empty: none */
    int32_t column;
    bool missing_right;
    bool known;
};

struct features {
    struct feature *item; /* by the index that splits use */
    size_t count;
};

/* What a category's hash stands for; category < 0: a text that is no whole number. */
struct hashed {
    uint32_t hash;
    int32_t category;
};

struct split {
    int32_t column;
    bool missing_right, one_hot;
    double border;
    int32_t category;
};

/* A node of a tree that is not symmetric. */
struct node {
    int32_t left, right; /* -1: a leaf */
    struct split split;
    double weight;
    size_t first, count; /* a leaf's values */
};

struct reader {
    struct weir_document doc;
    struct weir_forest *forest; /* made with the first tree */
    struct weir_importance *importance;
    struct weir_draft draft;
    struct features floats, categories;
    struct hashed *hashed;
    size_t hashed_count, hashed_room;
    struct node *nodes; /* of the tree being read, parents before children */
    size_t node_count, node_room;
    struct weir_doubles values; /* of its leaves */
    char **classes;
    size_t class_count;
    char loss[64];
    double scale;
    struct weir_doubles bias;
    size_t columns;
    bool features_read;
};

static void out_of_memory(struct reader *r)
{
    weir_document_fail(&r->doc, WEIR_ERR_MEMORY, "out of memory");
}

static void copy_name(struct reader *r, char *out, size_t size)
{
    const char *text = weir_document_string(&r->doc);
    if (text && strlen(text) >= size)
        weir_document_fail(&r->doc, WEIR_ERR_UNSUPPORTED, "'%.40s...' is too long a name", text);
    else if (text)
        memcpy(out, text, strlen(text) + 1);
}

static char *copy_text(struct reader *r)
{
    const char *text = weir_document_string(&r->doc);
    char *copy = text ? strdup(text) : NULL;
    if (text && !copy)
        out_of_memory(r);
    return copy;
}

/* Enters a list; null stands for an empty one. False: nothing to read. */
static bool enter_list(struct weir_document *doc)
{
    if (weir_document_peek(doc) == WEIR_DOCUMENT_NULL) {
        weir_document_skip(doc);
        return false;
    }
    return weir_document_array(doc);
}

/* -- features_info -- */

static void add_feature(struct reader *r, struct features *list, int64_t index, struct feature feature)
{
    if (!r->doc.failed && (index < 0 || feature.column < 0))
        weir_document_fail(&r->doc, WEIR_ERR_FORMAT, "a feature without feature_index or flat_feature_index");
    if (!r->doc.failed && (size_t)index >= list->count) {
        struct feature *grown = reallocarray(list->item, (size_t)index + 1, sizeof *grown);
        if (grown) {
            memset(grown + list->count, 0, ((size_t)index + 1 - list->count) * sizeof *grown);
            list->item = grown;
            list->count = (size_t)index + 1;
        } else {
            out_of_memory(r);
        }
    }
    if (r->doc.failed) {
        free(feature.name);
        return;
    }
    free(list->item[index].name);
    list->item[index] = feature;
    list->item[index].known = true;
    if ((size_t)feature.column >= r->columns)
        r->columns = (size_t)feature.column + 1;
}

static void read_feature(struct reader *r, struct features *list)
{
    struct weir_document *doc = &r->doc;
    struct feature feature = {.column = -1};
    int64_t index = -1;
    const char *key;
    weir_document_object(doc);
    while ((key = weir_document_key(doc))) {
        if (!strcmp(key, "feature_index")) {
            index = weir_document_integer(doc, 0, WEIR_FOREST_COLUMNS_MAX - 1);
        } else if (!strcmp(key, "flat_feature_index")) {
            feature.column = (int32_t)weir_document_integer(doc, 0, WEIR_FOREST_COLUMNS_MAX - 1);
        } else if (!strcmp(key, "feature_id") && !feature.name) {
            feature.name = copy_text(r);
        } else if (!strcmp(key, "nan_value_treatment")) {
            const char *text = weir_document_string(doc);
            feature.missing_right = text && !strcmp(text, "AsTrue"); /* AsIs: NaN > border is false, AsFalse: -infinity */
        } else {
            weir_document_skip(doc);
        }
    }
    add_feature(r, list, index, feature);
}

/* A whole number as CatBoost writes it into text: the one way to write it. */
static int32_t whole_number(const char *text)
{
    size_t n = strlen(text);
    if (n < 1 || n > 5 || strspn(text, "0123456789") != n || (n > 1 && *text == '0') || atoi(text) >= WEIR_FOREST_SET_MAX)
        return -1;
    return atoi(text);
}

static void read_hash(struct reader *r)
{
    struct weir_document *doc = &r->doc;
    struct hashed hashed = {.category = -1};
    const char *key;
    weir_document_object(doc);
    while ((key = weir_document_key(doc))) {
        if (!strcmp(key, "hash")) {
            hashed.hash = (uint32_t)weir_document_integer(doc, 0, UINT32_MAX);
        } else if (!strcmp(key, "value") && weir_document_peek(doc) == WEIR_DOCUMENT_STRING) {
            const char *text = weir_document_string(doc);
            hashed.category = text ? whole_number(text) : -1;
        } else {
            weir_document_skip(doc);
        }
    }
    if (r->hashed_count == r->hashed_room) {
        size_t room = r->hashed_room * 2 + 64;
        struct hashed *grown = reallocarray(r->hashed, room, sizeof *grown);
        if (!grown) {
            out_of_memory(r);
            return;
        }
        r->hashed = grown;
        r->hashed_room = room;
    }
    r->hashed[r->hashed_count++] = hashed;
}

/* Statistics of categories are in tables that weir does not have: said with the first column's name. */
static void refuse_ctrs(struct reader *r)
{
    struct weir_document *doc = &r->doc;
    const char *key;
    if (!enter_list(doc))
        return;
    while (weir_document_item(doc)) {
        int64_t feature = -1;
        weir_document_object(doc);
        while ((key = weir_document_key(doc))) {
            if (strcmp(key, "elements")) {
                weir_document_skip(doc);
                continue;
            }
            weir_document_array(doc);
            while (weir_document_item(doc)) {
                weir_document_object(doc);
                while ((key = weir_document_key(doc)))
                    if (!strcmp(key, "cat_feature_index") && feature < 0)
                        feature = weir_document_integer(doc, 0, WEIR_FOREST_COLUMNS_MAX - 1);
                    else
                        weir_document_skip(doc);
            }
        }
        bool known = feature >= 0 && (size_t)feature < r->categories.count && r->categories.item[feature].known;
        const char *name = known ? r->categories.item[feature].name : NULL;
        char number[32];
        snprintf(number, sizeof number, "number %" PRId64, known ? (int64_t)r->categories.item[feature].column : feature);
        weir_document_fail(doc, WEIR_ERR_UNSUPPORTED,
                           "splits on statistics of categories (ctr) of column %s; train with one_hot_max_size above its number "
                           "of categories, or with categories coded as numbers",
                           name && *name ? name : number);
    }
}

static int compare_hashes(const void *a, const void *b)
{
    uint32_t x = ((const struct hashed *)a)->hash, y = ((const struct hashed *)b)->hash;
    return (x > y) - (x < y);
}

static void read_features(struct reader *r)
{
    struct weir_document *doc = &r->doc;
    const char *key;
    weir_document_object(doc);
    while ((key = weir_document_key(doc))) {
        struct features *list = !strcmp(key, "float_features")         ? &r->floats
                                : !strcmp(key, "categorical_features") ? &r->categories
                                                                       : NULL;
        if (list) {
            if (enter_list(doc))
                while (weir_document_item(doc))
                    read_feature(r, list);
        } else if (!strcmp(key, "cat_features_hash")) {
            if (enter_list(doc))
                while (weir_document_item(doc))
                    read_hash(r);
        } else if (!strcmp(key, "ctrs")) {
            refuse_ctrs(r);
        } else {
            weir_document_skip(doc);
        }
    }
    if (r->hashed_count)
        qsort(r->hashed, r->hashed_count, sizeof *r->hashed, compare_hashes);
    r->features_read = true;
}

/* -- model_info -- */

static void read_class_names(struct reader *r)
{
    struct weir_document *doc = &r->doc;
    size_t room = 0;
    weir_texts_free(r->classes, r->class_count);
    r->classes = NULL;
    r->class_count = 0;
    if (!enter_list(doc))
        return;
    while (weir_document_item(doc)) {
        char *name = NULL;
        if (weir_document_peek(doc) == WEIR_DOCUMENT_STRING)
            name = copy_text(r);
        else if (asprintf(&name, "%.15g", weir_document_real(doc)) < 0)
            name = NULL;
        if (r->class_count == room) {
            room = room ? room * 2 : 8;
            char **grown = reallocarray(r->classes, room, sizeof *grown);
            if (!grown) {
                free(name);
                out_of_memory(r);
                return;
            }
            r->classes = grown;
        }
        if (name)
            r->classes[r->class_count++] = name;
        else if (!doc->failed)
            out_of_memory(r);
    }
}

static void read_loss(struct reader *r)
{
    struct weir_document *doc = &r->doc;
    const char *key;
    weir_document_object(doc);
    while ((key = weir_document_key(doc))) {
        if (strcmp(key, "type")) {
            weir_document_skip(doc);
            continue;
        }
        copy_name(r, r->loss, sizeof r->loss);
    }
}

/* Objects in which one key matters: calls `read` for it. */
static void read_within(struct reader *r, const char *wanted, void (*read)(struct reader *))
{
    const char *key;
    if (weir_document_peek(&r->doc) != WEIR_DOCUMENT_OBJECT) {
        weir_document_skip(&r->doc);
        return;
    }
    weir_document_object(&r->doc);
    while ((key = weir_document_key(&r->doc)))
        if (!strcmp(key, wanted))
            read(r);
        else
            weir_document_skip(&r->doc);
}

static void read_info(struct reader *r)
{
    const char *key;
    weir_document_object(&r->doc);
    while ((key = weir_document_key(&r->doc)))
        if (!strcmp(key, "class_params"))
            read_within(r, "class_names", read_class_names);
        else if (!strcmp(key, "params"))
            read_within(r, "loss_function", read_loss);
        else
            weir_document_skip(&r->doc);
}

/* -- splits -- */

static void find_feature(struct reader *r, const struct features *list, int64_t index, struct split *split)
{
    if (r->doc.failed)
        return;
    if (index < 0 || (size_t)index >= list->count || !list->item[index].known) {
        weir_document_fail(&r->doc, WEIR_ERR_FORMAT, "a split on feature %" PRId64 ", which features_info does not have", index);
        return;
    }
    split->column = list->item[index].column;
    split->missing_right = list->item[index].missing_right;
}

static void find_category(struct reader *r, int64_t value, struct split *split)
{
    struct hashed wanted = {.hash = (uint32_t)value};
    const struct hashed *found =
        r->hashed_count ? bsearch(&wanted, r->hashed, r->hashed_count, sizeof wanted, compare_hashes) : NULL;
    if (r->doc.failed)
        return;
    if (!found)
        weir_document_fail(
            &r->doc, WEIR_ERR_UNSUPPORTED,
            "a one-hot split of column %d, and the model does not say which category has the hash %u; save it with "
            "save_model(path, format='json', pool=the training pool)",
            split->column, wanted.hash);
    else if (found->category < 0)
        weir_document_fail(&r->doc, WEIR_ERR_UNSUPPORTED,
                           "a one-hot split of column %d on a category that is no whole number from 0 to %d; code categories as "
                           "numbers before training",
                           split->column, WEIR_FOREST_SET_MAX - 1);
    else
        split->category = found->category;
}

static struct split read_split(struct reader *r)
{
    struct weir_document *doc = &r->doc;
    struct split split = {0};
    int64_t number = -1, category = -1, value = 0;
    char type[32] = "";
    const char *key;
    split.border = (double)NAN;
    weir_document_object(doc);
    while ((key = weir_document_key(doc))) {
        if (!strcmp(key, "border"))
            split.border = weir_document_real(doc);
        else if (!strcmp(key, "float_feature_index"))
            number = weir_document_integer(doc, 0, INT32_MAX);
        else if (!strcmp(key, "cat_feature_index"))
            category = weir_document_integer(doc, 0, INT32_MAX);
        else if (!strcmp(key, "value"))
            value = weir_document_integer(doc, INT32_MIN, UINT32_MAX);
        else if (!strcmp(key, "split_type"))
            copy_name(r, type, sizeof type);
        else
            weir_document_skip(doc);
    }
    if (doc->failed)
        return split;
    split.one_hot = !strcmp(type, "OneHotFeature");
    if (split.one_hot) {
        find_feature(r, &r->categories, category, &split);
        find_category(r, value, &split);
    } else if (strcmp(type, "FloatFeature")) {
        weir_document_fail(doc, WEIR_ERR_UNSUPPORTED, "a split of type '%s'; weir scores FloatFeature and OneHotFeature", type);
    } else {
        find_feature(r, &r->floats, number, &split);
        if (!doc->failed && isnan(split.border))
            weir_document_fail(doc, WEIR_ERR_FORMAT, "a split without a border");
    }
    return split;
}

/* x > border goes right; the category itself goes right, all others left. */
static weir_err put_split(struct reader *r, size_t node, const struct split *split, struct weir_error *error)
{
    struct weir_draft *d = &r->draft;
    d->column[node] = split->column;
    d->missing_left[node] = !split->missing_right;
    if (!split->one_hot)
        return weir_draft_limit(d, r->forest, node, split->border, error);
    uint32_t words[WEIR_FOREST_SET_MAX / 32] = {0};
    words[split->category / 32] = 1u << split->category % 32;
    return weir_draft_set(d, r->forest, node, words, (size_t)split->category / 32 + 1, false, 0, error);
}

/* -- trees -- */

/* With the first tree the number of values in a leaf is known: makes the forest. */
static bool begin_tree(struct reader *r, size_t width)
{
    struct weir_error why = {0};
    weir_err err = WEIR_OK;
    if (r->doc.failed)
        return false;
    if (!r->forest) {
        if (!r->features_read || !r->columns) {
            weir_document_fail(&r->doc, WEIR_ERR_FORMAT, "trees before features_info");
            return false;
        }
        err = weir_forest_create(r->columns, width, &r->forest, &why);
        if (!err) {
            r->forest->sum = WEIR_SUM_FLOAT64;
            r->forest->width = r->draft.width = width;
            r->importance = calloc(r->columns, sizeof *r->importance);
            if (!r->importance)
                err = weir_fail(&why, WEIR_ERR_MEMORY, "out of memory");
        }
    } else if (width != r->forest->width) {
        err = weir_fail(&why, WEIR_ERR_FORMAT, "tree %zu: leaves of %zu values, those before have %zu", r->forest->trees, width,
                        r->forest->width);
    }
    if (err)
        weir_document_fail(&r->doc, err, "%s", why.text);
    r->draft.count = 0;
    return !err;
}

static void end_tree(struct reader *r, weir_err err, bool covered, struct weir_error *why)
{
    struct weir_tree tree = weir_draft_tree(&r->draft, covered);
    if (!err)
        err = weir_forest_add(r->forest, &tree, 0, r->importance, why);
    if (err)
        weir_document_fail(&r->doc, err, "tree %zu: %s", r->forest->trees, why->text);
}

/* Split d (from 0) is bit d of the leaf's index: level d of a complete tree. */
static void add_symmetric(struct reader *r, const struct split *splits, size_t depth, const struct weir_doubles *values,
                          const struct weir_doubles *weights)
{
    struct weir_error why = {0};
    size_t leaves = (size_t)1 << depth, inner = leaves - 1;
    if (!r->doc.failed && (!values->count || values->count % leaves || (weights->count && weights->count != leaves)))
        weir_document_fail(&r->doc, WEIR_ERR_FORMAT, "a tree of %zu splits with %zu leaf_values and %zu leaf_weights", depth,
                           values->count, weights->count);
    size_t width = values->count / leaves;
    if (!begin_tree(r, width))
        return;
    struct weir_draft *d = &r->draft;
    weir_err err = weir_draft_resize(d, inner + leaves, &why);
    for (size_t node = 0, level = 0; node < inner && !err; node++) {
        level += node + 1 == (size_t)2 << level;
        d->left[node] = (int32_t)(2 * node + 1);
        d->right[node] = (int32_t)(2 * node + 2);
        err = put_split(r, node, &splits[level], &why);
    }
    for (size_t place = 0; place < leaves && !err; place++) {
        size_t index = 0; /* the path's first turn is the highest bit of its place, the lowest of its index */
        for (size_t k = 0; k < depth; k++)
            index |= (place >> (depth - 1 - k) & 1) << k;
        memcpy(d->leaf + (inner + place) * width, values->item + index * width, width * sizeof *d->leaf);
        d->cover[inner + place] = weights->count ? (float)weights->item[index] : 0;
    }
    for (size_t node = inner; node-- > 0 && !err;)
        d->cover[node] = d->cover[2 * node + 1] + d->cover[2 * node + 2];
    end_tree(r, err, weights->count > 0, &why);
}

static void read_symmetric(struct reader *r)
{
    struct weir_document *doc = &r->doc;
    struct split splits[DEPTH_MAX];
    struct weir_doubles values = {0}, weights = {0};
    size_t depth = 0;
    const char *key;
    weir_document_object(doc);
    while ((key = weir_document_key(doc))) {
        if (!strcmp(key, "leaf_values")) {
            weir_document_doubles(doc, &values);
        } else if (!strcmp(key, "leaf_weights")) {
            weir_document_doubles(doc, &weights);
        } else if (!strcmp(key, "splits")) {
            if (enter_list(doc)) /* null in a tree of one leaf */
                while (weir_document_item(doc)) {
                    if (depth == DEPTH_MAX)
                        weir_document_fail(doc, WEIR_ERR_LIMIT, "more than %d splits in a symmetric tree", DEPTH_MAX);
                    else
                        splits[depth++] = read_split(r);
                }
        } else {
            weir_document_skip(doc);
        }
    }
    add_symmetric(r, splits, depth, &values, &weights);
    weir_doubles_free(&values);
    weir_doubles_free(&weights);
}

/* A node and what is below it; the document's own limit bounds the depth. Returns the node's number, -1 after a failure. */
static int32_t read_node(struct reader *r)
{
    struct weir_document *doc = &r->doc;
    struct node node = {.left = -1, .right = -1, .first = r->values.count};
    size_t number = r->node_count;
    bool has_split = false, has_value = false;
    const char *key;
    if (number == r->node_room) {
        size_t room = r->node_room * 2 + 64;
        struct node *grown = room <= WEIR_FOREST_NODES_MAX ? reallocarray(r->nodes, room, sizeof *grown) : NULL;
        if (!grown) {
            out_of_memory(r);
            return -1;
        }
        r->nodes = grown;
        r->node_room = room;
    }
    r->node_count++;
    weir_document_object(doc);
    while ((key = weir_document_key(doc))) {
        if (!strcmp(key, "left")) {
            node.left = read_node(r);
        } else if (!strcmp(key, "right")) {
            node.right = read_node(r);
        } else if (!strcmp(key, "split")) {
            node.split = read_split(r);
            has_split = true;
        } else if (!strcmp(key, "value")) {
            has_value = true;
            if (weir_document_peek(doc) == WEIR_DOCUMENT_ARRAY)
                weir_document_doubles(doc, &r->values);
            else if (!weir_doubles_add(&r->values, weir_document_real(doc)))
                out_of_memory(r);
        } else if (!strcmp(key, "weight")) {
            node.weight = weir_document_real(doc);
        } else {
            weir_document_skip(doc);
        }
    }
    if (!doc->failed && (has_split ? node.left < 0 || node.right < 0 || has_value
                                   : node.left >= 0 || node.right >= 0 || r->values.count == node.first))
        weir_document_fail(doc, WEIR_ERR_FORMAT, "a node that is neither a split with two children nor a leaf with a value");
    if (doc->failed)
        return -1;
    node.count = has_split ? 0 : r->values.count - node.first;
    r->nodes[number] = node;
    return (int32_t)number;
}

static void read_other(struct reader *r)
{
    struct weir_draft *d = &r->draft;
    struct weir_error why = {0};
    size_t width = 0;
    bool covered = false;
    r->node_count = r->values.count = 0;
    read_node(r);
    for (size_t i = 0; i < r->node_count && !width; i++)
        width = r->nodes[i].count;
    if (!begin_tree(r, width))
        return;
    weir_err err = weir_draft_resize(d, r->node_count, &why);
    for (size_t i = r->node_count; i-- > 0 && !err;) { /* children come after their parent: their covers are known */
        const struct node *node = &r->nodes[i];
        if (node->count && node->count != width) {
            err = weir_fail(&why, WEIR_ERR_FORMAT, "a leaf of %zu values, others have %zu", node->count, width);
        } else if (node->count) {
            memcpy(d->leaf + i * width, r->values.item + node->first, width * sizeof *d->leaf);
            d->cover[i] = (float)node->weight;
            covered |= node->weight > 0;
        } else {
            d->left[i] = node->left;
            d->right[i] = node->right;
            d->cover[i] = d->cover[node->left] + d->cover[node->right];
            err = put_split(r, i, &node->split, &why);
        }
    }
    end_tree(r, err, covered, &why);
}

/* -- the document -- */

/* [scale, [bias, ...]]; older files have the bias as a number. */
static void read_scale(struct reader *r)
{
    struct weir_document *doc = &r->doc;
    weir_document_array(doc);
    for (int i = 0; weir_document_item(doc); i++)
        if (i == 0)
            r->scale = weir_document_real(doc);
        else if (i == 1 && weir_document_peek(doc) == WEIR_DOCUMENT_ARRAY)
            weir_document_doubles(doc, &r->bias);
        else if (i == 1 && !weir_doubles_add(&r->bias, weir_document_real(doc)))
            out_of_memory(r);
        else if (i > 1)
            weir_document_skip(doc);
}

static void read_document(struct reader *r)
{
    struct weir_document *doc = &r->doc;
    const char *key;
    weir_document_object(doc);
    while ((key = weir_document_key(doc))) {
        bool symmetric = !strcmp(key, "oblivious_trees");
        if (!strcmp(key, "features_info")) {
            read_features(r);
        } else if (!strcmp(key, "model_info")) {
            read_info(r);
        } else if (!strcmp(key, "scale_and_bias")) {
            read_scale(r);
        } else if (symmetric || !strcmp(key, "trees")) {
            weir_document_array(doc);
            while (weir_document_item(doc))
                if (symmetric)
                    read_symmetric(r);
                else
                    read_other(r);
        } else {
            weir_document_skip(doc);
        }
    }
}

/* -- the parts put together -- */

static bool link_of(const char *loss, enum weir_link *link)
{
    static const struct {
        const char *name;
        enum weir_link link;
    } known[] = {
        {"Logloss", WEIR_LINK_LOGISTIC},
        {"CrossEntropy", WEIR_LINK_LOGISTIC},
        {"Focal", WEIR_LINK_LOGISTIC},
        {"MultiClass", WEIR_LINK_LOGISTIC},
        {"RMSE", WEIR_LINK_IDENTITY},
        {"MAE", WEIR_LINK_IDENTITY},
        {"Quantile", WEIR_LINK_IDENTITY},
        {"MAPE", WEIR_LINK_IDENTITY},
        {"Huber", WEIR_LINK_IDENTITY},
        {"Expectile", WEIR_LINK_IDENTITY},
        {"Lq", WEIR_LINK_IDENTITY},
        {"LogCosh", WEIR_LINK_IDENTITY},
        {"YetiRank", WEIR_LINK_IDENTITY},
        {"YetiRankPairwise", WEIR_LINK_IDENTITY},
        {"PairLogit", WEIR_LINK_IDENTITY},
        {"PairLogitPairwise", WEIR_LINK_IDENTITY},
        {"QueryRMSE", WEIR_LINK_IDENTITY},
        {"QuerySoftMax", WEIR_LINK_IDENTITY},
        {"Poisson", WEIR_LINK_EXP},
        {"Tweedie", WEIR_LINK_EXP},
        {"MultiClassOneVsAll", WEIR_LINK_SIGMOIDS},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (!strcmp(loss, known[i].name)) {
            *link = known[i].link;
            return true;
        }
    return false;
}

static weir_err complete(struct reader *r, const char *origin, struct weir_error *error)
{
    struct weir_forest *f = r->forest;
    enum weir_link link = WEIR_LINK_LOGISTIC;
    if (!f)
        return weir_fail(error, WEIR_ERR_FORMAT, "%s: a CatBoost model without trees", origin);
    if (!link_of(r->loss, &link))
        return weir_fail(error, WEIR_ERR_UNSUPPORTED, "%s: loss function '%s': weir does not know what its margins mean", origin,
                         r->loss);
    if (r->bias.count > 1 && r->bias.count != f->groups)
        return weir_fail(error, WEIR_ERR_FORMAT, "%s: scale_and_bias has %zu values for %zu margins", origin, r->bias.count,
                         f->groups);
    if (!(fabs(r->scale) <= 1e30))
        return weir_fail(error, WEIR_ERR_FORMAT, "%s: a scale of %g", origin, r->scale);
    for (size_t g = 0; g < f->groups && r->bias.count; g++)
        f->base[g] = r->bias.item[r->bias.count == 1 ? 0 : g];
    f->link = link;
    weir_forest_scale(f, r->scale);
    return weir_source_check(f, origin, error);
}

/* The columns' names, when all have one; NULL otherwise. */
static weir_err take_names(struct reader *r, char ***out, struct weir_error *error)
{
    size_t named = 0;
    char **names = calloc(r->columns, sizeof *names);
    *out = NULL;
    if (!names)
        return weir_fail(error, WEIR_ERR_MEMORY, "out of memory");
    struct features *lists[] = {&r->floats, &r->categories};
    for (int k = 0; k < 2; k++)
        for (size_t i = 0; i < lists[k]->count; i++) {
            struct feature *feature = &lists[k]->item[i];
            if (feature->name && *feature->name && !names[feature->column]) {
                names[feature->column] = feature->name;
                feature->name = NULL;
                named++;
            }
        }
    if (named == r->columns)
        *out = names;
    else
        weir_texts_free(names, r->columns);
    return WEIR_OK;
}

static void free_features(struct features *list)
{
    for (size_t i = 0; i < list->count; i++)
        free(list->item[i].name);
    free(list->item);
}

weir_err weir_catboost_read(const void *bytes, size_t size, const char *origin, struct weir_source *out, struct weir_error *error)
{
    struct reader r = {.scale = 1};
    char **names = NULL;
    weir_err err = weir_document_open(&r.doc, bytes, size, origin, error);
    if (err)
        goto out;
    read_document(&r);
    err = weir_document_finish(&r.doc);
    if (!err)
        err = complete(&r, origin, error);
    if (!err)
        err = take_names(&r, &names, error);
    if (err)
        goto out;
    weir_source_mean(r.importance, r.columns);
    *out = (struct weir_source){.forest = r.forest,
                                .importance = r.importance,
                                .columns = r.columns,
                                .names = names,
                                .classes = r.classes,
                                .class_count = r.class_count,
                                .algorithm = "catboost",
                                .best_iteration = -1,
                                .iterations = (int64_t)r.forest->trees};
    memcpy(out->objective, r.loss, sizeof out->objective);
    r.forest = NULL;
    r.importance = NULL;
    r.classes = NULL;
    r.class_count = 0;
out:
    weir_document_close(&r.doc);
    weir_forest_free(&r.forest);
    weir_draft_free(&r.draft);
    free(r.importance);
    free_features(&r.floats);
    free_features(&r.categories);
    free(r.hashed);
    free(r.nodes);
    weir_texts_free(r.classes, r.class_count);
    weir_doubles_free(&r.bias);
    weir_doubles_free(&r.values);
    return err;
}
