#include "model/sklearn.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/document.h"
#include "model/draft.h"

struct reader {
    struct weir_document doc;
    struct weir_forest *forest; /* made with the first tree */
    struct weir_importance *importance;
    struct weir_draft draft;
    char **names, **classes;
    size_t name_count, class_count;
    char algorithm[64], objective[64], link[32];
    struct weir_doubles base;
    int64_t columns, groups, width;
};

/* One tree's lists; `leaf` has `width` values for each leaf, in the order of the nodes. */
struct lists {
    struct weir_integers left, right, column, missing_left;
    struct weir_doubles threshold, leaf, cover, gain;
};

/* Categories of one split: which node, which side they go to. */
struct choice {
    int64_t node;
    bool left;
    uint32_t words[WEIR_FOREST_SET_MAX / 32];
};

static void copy_text(struct weir_document *doc, char *out, size_t size)
{
    const char *text = weir_document_string(doc);
    if (text && strlen(text) >= size)
        weir_document_fail(doc, WEIR_ERR_FORMAT, "'%.40s...' is too long a name", text);
    else if (text)
        memcpy(out, text, strlen(text) + 1);
}

static void read_texts(struct weir_document *doc, char ***out, size_t *count)
{
    size_t room = 0;
    weir_texts_free(*out, *count);
    *out = NULL;
    *count = 0;
    if (weir_document_peek(doc) == WEIR_DOCUMENT_NULL) {
        weir_document_skip(doc);
        return;
    }
    weir_document_array(doc);
    while (weir_document_item(doc)) {
        const char *text = weir_document_string(doc);
        if (*count == room) {
            room = room ? room * 2 : 16;
            char **grown = reallocarray(*out, room, sizeof *grown);
            if (!grown) {
                weir_document_fail(doc, WEIR_ERR_MEMORY, "out of memory");
                return;
            }
            *out = grown;
        }
        char *copy = text ? strdup(text) : NULL;
        if (copy)
            (*out)[(*count)++] = copy;
        else
            weir_document_fail(doc, WEIR_ERR_MEMORY, "out of memory"); /* not heard when reading the text has failed */
    }
}

static bool link_of(const char *name, enum weir_link *link)
{
    static const char *const names[WEIR_LINK_COUNT] = {
        [WEIR_LINK_LOGISTIC] = "logistic", [WEIR_LINK_SIGMOIDS] = "sigmoids",  [WEIR_LINK_PROBABILITY] = "probability",
        [WEIR_LINK_STEP] = "step",         [WEIR_LINK_IDENTITY] = "identity",  [WEIR_LINK_EXP] = "exp",
        [WEIR_LINK_SOFTPLUS] = "softplus", [WEIR_LINK_ISOLATION] = "isolation"};
    for (int i = 0; i < WEIR_LINK_COUNT; i++)
        if (!strcmp(name, names[i])) {
            *link = (enum weir_link)i;
            return true;
        }
    return false;
}

/* The facts stand before the trees. */
static bool begin_forest(struct reader *r)
{
    struct weir_error why = {0};
    enum weir_link link = WEIR_LINK_LOGISTIC;
    if (r->doc.failed)
        return false;
    if (r->columns < 1 || r->groups < 1 || (r->width != 1 && r->width != r->groups) || !*r->algorithm) {
        weir_document_fail(&r->doc, WEIR_ERR_FORMAT, "algorithm, columns, groups or width is missing before the trees, or wrong");
        return false;
    }
    if (!link_of(r->link, &link)) {
        weir_document_fail(&r->doc, WEIR_ERR_UNSUPPORTED, "link '%s'; the exporter is of a newer weir", r->link);
        return false;
    }
    weir_err err = weir_forest_create((size_t)r->columns, (size_t)r->groups, &r->forest, &why);
    if (!err) {
        r->forest->sum = WEIR_SUM_FLOAT64;
        r->forest->link = link;
        r->forest->width = r->draft.width = (size_t)r->width;
        r->importance = calloc((size_t)r->columns, sizeof *r->importance);
        if (!r->importance)
            err = weir_fail(&why, WEIR_ERR_MEMORY, "out of memory");
    }
    if (err)
        weir_document_fail(&r->doc, err, "%s", why.text);
    return !err;
}

/* -- one tree -- */

static void put_nodes(struct reader *r, const struct lists *l)
{
    struct weir_document *doc = &r->doc;
    struct weir_draft *d = &r->draft;
    struct weir_error why = {0};
    size_t n = l->left.count, leaf = 0, tree = r->forest->trees;
    if (doc->failed)
        return;
    if (!n || l->right.count != n || l->column.count != n || l->missing_left.count != n || l->threshold.count != n ||
        (l->cover.count && l->cover.count != n) || (l->gain.count && l->gain.count != n)) {
        weir_document_fail(doc, WEIR_ERR_FORMAT, "tree %zu: its lists differ in length, or one is missing", tree);
        return;
    }
    d->count = 0;
    weir_err err = weir_draft_resize(d, n, &why);
    for (size_t i = 0; i < n && !err; i++) {
        d->left[i] = l->left.item[i];
        d->right[i] = l->right.item[i];
        d->cover[i] = l->cover.count ? (float)l->cover.item[i] : 0;
        d->gain[i] = l->gain.count ? (float)l->gain.item[i] : 0;
        if (l->left.item[i] < 0) {
            if ((leaf + 1) * d->width <= l->leaf.count)
                memcpy(d->leaf + i * d->width, l->leaf.item + leaf * d->width, d->width * sizeof *d->leaf);
            leaf++;
            continue;
        }
        d->column[i] = l->column.item[i];
        d->missing_left[i] = l->missing_left.item[i];
        if (isnan(l->threshold.item[i]))
            err = weir_fail(&why, WEIR_ERR_FORMAT, "node %zu: the threshold is not a number", i);
        else
            err = weir_draft_limit(d, r->forest, i, l->threshold.item[i], &why);
    }
    if (!err && leaf * d->width != l->leaf.count)
        err = weir_fail(&why, WEIR_ERR_FORMAT, "%zu leaf values for %zu leaves", l->leaf.count, leaf);
    if (err)
        weir_document_fail(doc, err, "tree %zu: %s", tree, why.text);
}

/* {"node": 3, "side": "left", "categories": [1, 2]} */
static void read_choice(struct reader *r, struct choice *choice)
{
    struct weir_document *doc = &r->doc;
    const char *key;
    *choice = (struct choice){.node = -1};
    weir_document_object(doc);
    while ((key = weir_document_key(doc))) {
        if (!strcmp(key, "node")) {
            choice->node = weir_document_integer(doc, 0, WEIR_FOREST_NODES_MAX);
        } else if (!strcmp(key, "side")) {
            const char *side = weir_document_string(doc);
            choice->left = side && !strcmp(side, "left");
            if (side && !choice->left && strcmp(side, "right"))
                weir_document_fail(doc, WEIR_ERR_FORMAT, "side '%.40s' is neither left nor right", side);
        } else if (!strcmp(key, "categories")) {
            weir_document_array(doc);
            while (weir_document_item(doc)) {
                int64_t category = weir_document_integer(doc, 0, WEIR_FOREST_SET_MAX - 1);
                choice->words[category / 32] |= 1u << category % 32;
            }
        } else {
            weir_document_skip(doc);
        }
    }
}

/* Behind the lists in the document, since the nodes must be there. */
static void read_choices(struct reader *r)
{
    struct weir_document *doc = &r->doc;
    struct weir_draft *d = &r->draft;
    struct weir_error why = {0};
    struct choice choice;
    weir_document_array(doc);
    while (weir_document_item(doc)) {
        read_choice(r, &choice);
        if (doc->failed)
            return;
        size_t node = (size_t)choice.node;
        if (choice.node < 0 || node >= d->count || d->left[node] < 0 || d->kind[node] != WEIR_SPLIT_NUMBER)
            weir_document_fail(doc, WEIR_ERR_FORMAT, "tree %zu: categories of node %lld, which is no split or has some",
                               r->forest->trees, (long long)choice.node);
        else if (weir_draft_set(d, r->forest, node, choice.words, WEIR_FOREST_SET_MAX / 32, choice.left, 0, &why))
            weir_document_fail(doc, why.code, "tree %zu: %s", r->forest->trees, why.text);
    }
}

static void read_tree(struct reader *r)
{
    struct weir_document *doc = &r->doc;
    struct lists l = {0};
    const struct {
        const char *key;
        struct weir_integers *integers;
        struct weir_doubles *doubles;
    } lists[] = {{"left", &l.left, NULL},           {"right", &l.right, NULL},
                 {"column", &l.column, NULL},       {"missing_left", &l.missing_left, NULL},
                 {"threshold", NULL, &l.threshold}, {"leaf", NULL, &l.leaf},
                 {"cover", NULL, &l.cover},         {"gain", NULL, &l.gain}};
    int64_t group = 0;
    bool put = false;
    const char *key;
    if (!r->forest && !begin_forest(r))
        return;
    weir_document_object(doc);
    while ((key = weir_document_key(doc))) {
        size_t i = 0;
        while (i < sizeof lists / sizeof *lists && strcmp(key, lists[i].key))
            i++;
        if (i < sizeof lists / sizeof *lists) {
            if (lists[i].integers)
                weir_document_integers(doc, lists[i].integers);
            else
                weir_document_doubles(doc, lists[i].doubles);
        } else if (!strcmp(key, "group")) {
            group = weir_document_integer(doc, 0, WEIR_FOREST_GROUPS_MAX);
        } else if (!strcmp(key, "sets")) {
            if (!put)
                put_nodes(r, &l);
            put = true;
            read_choices(r);
        } else {
            weir_document_skip(doc);
        }
    }
    if (!put)
        put_nodes(r, &l);
    if (!doc->failed) {
        struct weir_tree tree = weir_draft_tree(&r->draft, l.cover.count > 0);
        struct weir_error why = {0};
        weir_err err = weir_forest_add(r->forest, &tree, (unsigned)group, r->importance, &why);
        if (err)
            weir_document_fail(doc, err, "tree %zu: %s", r->forest->trees, why.text);
    }
    weir_integers_free(&l.left);
    weir_integers_free(&l.right);
    weir_integers_free(&l.column);
    weir_integers_free(&l.missing_left);
    weir_doubles_free(&l.threshold);
    weir_doubles_free(&l.leaf);
    weir_doubles_free(&l.cover);
    weir_doubles_free(&l.gain);
}

/* -- the document -- */

static void read_document(struct reader *r)
{
    struct weir_document *doc = &r->doc;
    const char *key;
    weir_document_object(doc);
    while ((key = weir_document_key(doc))) {
        if (!strcmp(key, "weir_export")) {
            if (weir_document_integer(doc, 1, INT32_MAX) > 1)
                weir_document_fail(doc, WEIR_ERR_UNSUPPORTED, "the exporter is of a newer weir");
        } else if (!strcmp(key, "algorithm")) {
            copy_text(doc, r->algorithm, sizeof r->algorithm);
        } else if (!strcmp(key, "objective")) {
            copy_text(doc, r->objective, sizeof r->objective);
        } else if (!strcmp(key, "link")) {
            copy_text(doc, r->link, sizeof r->link);
        } else if (!strcmp(key, "columns")) {
            r->columns = weir_document_integer(doc, 1, INT32_MAX);
        } else if (!strcmp(key, "groups")) {
            r->groups = weir_document_integer(doc, 1, WEIR_FOREST_GROUPS_MAX);
        } else if (!strcmp(key, "width")) {
            r->width = weir_document_integer(doc, 1, WEIR_FOREST_GROUPS_MAX);
        } else if (!strcmp(key, "base")) {
            weir_document_doubles(doc, &r->base);
        } else if (!strcmp(key, "names")) {
            read_texts(doc, &r->names, &r->name_count);
        } else if (!strcmp(key, "classes")) {
            read_texts(doc, &r->classes, &r->class_count);
        } else if (!strcmp(key, "trees")) {
            weir_document_array(doc);
            while (weir_document_item(doc))
                read_tree(r);
        } else {
            weir_document_skip(doc);
        }
    }
}

static weir_err complete(struct reader *r, const char *origin, struct weir_error *error)
{
    struct weir_forest *f = r->forest;
    if (!f)
        return weir_fail(error, WEIR_ERR_FORMAT, "%s: a model without trees", origin);
    if (r->base.count && r->base.count != f->groups)
        return weir_fail(error, WEIR_ERR_FORMAT, "%s: base has %zu values for %zu margins", origin, r->base.count, f->groups);
    if (r->name_count && r->name_count != f->columns)
        return weir_fail(error, WEIR_ERR_FORMAT, "%s: %zu names for %zu columns", origin, r->name_count, f->columns);
    for (size_t g = 0; g < r->base.count; g++)
        f->base[g] = r->base.item[g];
    return weir_source_check(f, origin, error);
}

weir_err weir_sklearn_read(const void *bytes, size_t size, const char *origin, struct weir_source *out, struct weir_error *error)
{
    struct reader r = {.width = 1};
    weir_err err = weir_document_open(&r.doc, bytes, size, origin, error);
    if (!err) {
        read_document(&r);
        err = weir_document_finish(&r.doc);
    }
    if (!err)
        err = complete(&r, origin, error);
    if (!err) {
        weir_source_mean(r.importance, r.forest->columns);
        *out = (struct weir_source){.forest = r.forest,
                                    .importance = r.importance,
                                    .columns = r.forest->columns,
                                    .names = r.names,
                                    .classes = r.classes,
                                    .class_count = r.class_count,
                                    .best_iteration = -1,
                                    .iterations = (int64_t)r.forest->trees};
        memcpy(out->algorithm, r.algorithm, sizeof out->algorithm);
        memcpy(out->objective, r.objective, sizeof out->objective);
        r.forest = NULL;
        r.importance = NULL;
        r.names = r.classes = NULL;
    }
    weir_document_close(&r.doc);
    weir_forest_free(&r.forest);
    weir_draft_free(&r.draft);
    free(r.importance);
    weir_texts_free(r.names, r.name_count);
    weir_texts_free(r.classes, r.class_count);
    weir_doubles_free(&r.base);
    return err;
}
