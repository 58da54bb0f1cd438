#include "model/lightgbm.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data/number.h"
#include "model/document.h"
#include "model/draft.h"

enum {
    LINE_MAX_BYTES = 64 << 20, /* 2.5 million leaves */
    KEY_MAX_BYTES = 64,
    OTHER_LINES_MAX = 1000 /* unknown keys before a tree, or in one */
};

/* Part of a line; not NUL-terminated. */
struct span {
    const char *text;
    size_t length;
};

struct reader {
    const char *at, *end; /* behind the current line */
    size_t line;
    const char *origin;
    struct weir_error *error;
    weir_err failed; /* the first failure sticks; nothing is read any more */
    struct weir_forest *forest;
    struct weir_draft draft;
    struct weir_importance *importance;
    char **names;
    size_t name_count;
    char objective[64];
    double sigmoid;
    int64_t classes, per_iteration, columns;
    bool average;
};

/* One "Tree=" block. Inner nodes are numbered from 0, children below 0 are leaves: ~child. */
struct block {
    bool open;
    int64_t leaves;
    struct weir_integers column, decision, left, right, internal_count, leaf_count, cat_boundaries;
    struct weir_doubles threshold, leaf_value, gain, cat_threshold;
};

enum { CATEGORICAL = 1, DEFAULT_LEFT = 2, MISSING_NONE = 0, MISSING_ZERO = 1, MISSING_NAN = 2 };

static weir_err __attribute__((format(printf, 3, 4))) fail(struct reader *r, weir_err code, const char *format, ...)
{
    if (r->failed)
        return r->failed;
    char text[384];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    r->failed = weir_fail(r->error, code, "%s: line %zu: %s", r->origin, r->line, text);
    return code;
}

/* -- lines and what is in them -- */

static bool next_line(struct reader *r, struct span *line)
{
    if (r->failed || r->at >= r->end)
        return false;
    size_t left = (size_t)(r->end - r->at), part = left < LINE_MAX_BYTES ? left : LINE_MAX_BYTES;
    size_t head = left < KEY_MAX_BYTES ? left : KEY_MAX_BYTES;
    r->line++;
    /* Nonsense is refused here, before its end is looked for. */
    if (!memchr(r->at, '=', head) && !memchr(r->at, '\n', head) && head == KEY_MAX_BYTES) {
        fail(r, WEIR_ERR_FORMAT, "no key=value");
        return false;
    }
    const char *newline = memchr(r->at, '\n', part), *stop = newline ? newline : r->end;
    if (!newline && part < left) {
        fail(r, WEIR_ERR_LIMIT, "longer than %d bytes", LINE_MAX_BYTES);
        return false;
    }
    *line = (struct span){r->at, (size_t)(stop - r->at)};
    if (line->length && line->text[line->length - 1] == '\r')
        line->length--;
    r->at = newline ? newline + 1 : r->end;
    return true;
}

/* Cuts "key=value" in two. Lines without '=' are a key alone. */
static struct span split_line(struct span *line)
{
    const char *equals = memchr(line->text, '=', line->length);
    struct span value = {line->text + line->length, 0};
    if (equals) {
        value = (struct span){equals + 1, line->length - (size_t)(equals + 1 - line->text)};
        line->length = (size_t)(equals - line->text);
    }
    return value;
}

static bool is(struct span span, const char *text)
{
    return span.length == strlen(text) && !memcmp(span.text, text, span.length);
}

static bool starts(struct span span, const char *text)
{
    return span.length >= strlen(text) && !memcmp(span.text, text, strlen(text));
}

/* The next word of a list; false at its end. */
static bool next_word(struct span *rest, struct span *word)
{
    while (rest->length && *rest->text == ' ') {
        rest->text++;
        rest->length--;
    }
    const char *blank = memchr(rest->text, ' ', rest->length);
    *word = (struct span){rest->text, blank ? (size_t)(blank - rest->text) : rest->length};
    rest->text += word->length;
    rest->length -= word->length;
    return word->length > 0;
}

static double number(struct reader *r, struct span word)
{
    double value = 0;
    if (weir_number_read(word.text, word.length, &value) != WEIR_NUMBER_VALUE)
        fail(r, WEIR_ERR_FORMAT, "'%.*s' is no finite number", (int)(word.length < 40 ? word.length : 40), word.text);
    return value;
}

static int64_t integer(struct reader *r, struct span word, int64_t low, int64_t high)
{
    double value = number(r, word);
    if (!r->failed && (!(value >= (double)low && value <= (double)high) || value != floor(value)))
        fail(r, WEIR_ERR_FORMAT, "%g is no whole number from %lld to %lld", value, (long long)low, (long long)high);
    return r->failed ? low : (int64_t)value;
}

static void read_integers(struct reader *r, struct span list, struct weir_integers *out)
{
    struct span word;
    out->count = 0;
    while (!r->failed && next_word(&list, &word))
        if (!weir_integers_add(out, (int32_t)integer(r, word, INT32_MIN, INT32_MAX)))
            fail(r, WEIR_ERR_MEMORY, "out of memory");
}

/* Where missing values alone go one way, LightGBM writes the threshold "inf". */
static double threshold(struct reader *r, struct span word)
{
    double value = 0;
    if (weir_number_read(word.text, word.length, &value) == WEIR_NUMBER_ENDLESS)
        return *word.text == '-' ? -(double)INFINITY : (double)INFINITY;
    return number(r, word);
}

static void read_doubles(struct reader *r, struct span list, double (*read)(struct reader *, struct span),
                         struct weir_doubles *out)
{
    struct span word;
    out->count = 0;
    while (!r->failed && next_word(&list, &word))
        if (!weir_doubles_add(out, read(r, word)))
            fail(r, WEIR_ERR_MEMORY, "out of memory");
}

/* -- the head -- */

static void read_names(struct reader *r, struct span list)
{
    struct span word;
    size_t room = 0;
    weir_texts_free(r->names, r->name_count);
    r->names = NULL;
    r->name_count = 0;
    while (!r->failed && next_word(&list, &word)) {
        if (r->name_count == room) {
            room = room ? room * 2 : 64;
            char **grown = reallocarray(r->names, room, sizeof *grown);
            if (!grown) {
                fail(r, WEIR_ERR_MEMORY, "out of memory");
                return;
            }
            r->names = grown;
        }
        if (!(r->names[r->name_count] = strndup(word.text, word.length)))
            fail(r, WEIR_ERR_MEMORY, "out of memory");
        else
            r->name_count++;
    }
}

/* "binary sigmoid:1", "multiclass num_class:3", "regression sqrt", ... */
static void read_objective(struct reader *r, struct span words)
{
    struct span word;
    if (words.length >= sizeof r->objective) {
        fail(r, WEIR_ERR_UNSUPPORTED, "objective '%.*s...'", 40, words.text);
        return;
    }
    memcpy(r->objective, words.text, words.length);
    r->objective[words.length] = 0;
    while (next_word(&words, &word))
        if (starts(word, "sigmoid:"))
            r->sigmoid = number(r, (struct span){word.text + 8, word.length - 8});
}

static void read_head_line(struct reader *r, struct span key, struct span value)
{
    if (is(key, "version")) {
        if (!is(value, "v4") && !is(value, "v3"))
            fail(r, WEIR_ERR_UNSUPPORTED, "version '%.*s'; weir reads v3 and v4", (int)(value.length < 40 ? value.length : 40),
                 value.text);
    } else if (is(key, "num_class")) {
        r->classes = integer(r, value, 1, WEIR_FOREST_GROUPS_MAX);
    } else if (is(key, "num_tree_per_iteration")) {
        r->per_iteration = integer(r, value, 1, WEIR_FOREST_GROUPS_MAX);
    } else if (is(key, "max_feature_idx")) {
        r->columns = integer(r, value, 0, INT32_MAX) + 1;
    } else if (is(key, "objective")) {
        read_objective(r, value);
    } else if (is(key, "average_output")) {
        r->average = true;
    } else if (is(key, "feature_names")) {
        read_names(r, value);
    }
}

static bool link_of(const struct reader *r, enum weir_link *link)
{
    static const struct {
        const char *name;
        enum weir_link link;
    } known[] = {
        {"binary", WEIR_LINK_LOGISTIC},
        {"multiclass", WEIR_LINK_LOGISTIC},
        {"multiclassova", WEIR_LINK_SIGMOIDS},
        {"cross_entropy", WEIR_LINK_LOGISTIC},
        {"regression", WEIR_LINK_IDENTITY},
        {"regression_l1", WEIR_LINK_IDENTITY},
        {"huber", WEIR_LINK_IDENTITY},
        {"fair", WEIR_LINK_IDENTITY},
        {"quantile", WEIR_LINK_IDENTITY},
        {"mape", WEIR_LINK_IDENTITY},
        {"lambdarank", WEIR_LINK_IDENTITY},
        {"rank_xendcg", WEIR_LINK_IDENTITY},
        {"poisson", WEIR_LINK_EXP},
        {"gamma", WEIR_LINK_EXP},
        {"tweedie", WEIR_LINK_EXP},
        {"cross_entropy_lambda", WEIR_LINK_SOFTPLUS},
    };
    size_t length = strcspn(r->objective, " ");
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strlen(known[i].name) == length && !memcmp(known[i].name, r->objective, length)) {
            *link = known[i].link;
            return !strstr(r->objective, " sqrt"); /* the prediction is the margin's square: nothing that weir makes of one */
        }
    return false;
}

/* The head is complete: the forest begins. */
static void begin_forest(struct reader *r)
{
    enum weir_link link = WEIR_LINK_LOGISTIC;
    if (r->columns < 1 || r->per_iteration < 1 || !*r->objective) {
        fail(r, WEIR_ERR_FORMAT,
             "no LightGBM model: max_feature_idx, num_tree_per_iteration or objective is missing; save it with save_model");
        return;
    }
    if (!link_of(r, &link)) {
        fail(r, WEIR_ERR_UNSUPPORTED, "objective '%s': weir does not know what its margins mean", r->objective);
        return;
    }
    bool several = link == WEIR_LINK_SIGMOIDS || !strncmp(r->objective, "multiclass", 10);
    if (several ? r->per_iteration < 2 : r->per_iteration != 1) {
        fail(r, WEIR_ERR_FORMAT, "%lld trees each iteration with objective '%s'", (long long)r->per_iteration, r->objective);
        return;
    }
    if (!(r->sigmoid > 0 && r->sigmoid <= 1e6)) {
        fail(r, WEIR_ERR_FORMAT, "sigmoid %g", r->sigmoid);
        return;
    }
    if (r->name_count && r->name_count != (size_t)r->columns) {
        fail(r, WEIR_ERR_FORMAT, "%zu feature_names for %lld columns", r->name_count, (long long)r->columns);
        return;
    }
    struct weir_error why = {0};
    weir_err err = weir_forest_create((size_t)r->columns, (size_t)r->per_iteration, &r->forest, &why);
    if (err) {
        fail(r, err, "%s", why.text);
        return;
    }
    r->forest->sum = WEIR_SUM_FLOAT64;
    r->forest->link = link;
    r->importance = calloc((size_t)r->columns, sizeof *r->importance);
    if (!r->importance)
        fail(r, WEIR_ERR_MEMORY, "out of memory");
}

/* -- trees -- */

static void free_block(struct block *b)
{
    struct weir_integers *integers[] = {&b->column,         &b->decision,   &b->left,          &b->right,
                                        &b->internal_count, &b->leaf_count, &b->cat_boundaries};
    struct weir_doubles *doubles[] = {&b->threshold, &b->leaf_value, &b->gain, &b->cat_threshold};
    for (size_t i = 0; i < sizeof integers / sizeof *integers; i++)
        weir_integers_free(integers[i]);
    for (size_t i = 0; i < sizeof doubles / sizeof *doubles; i++)
        weir_doubles_free(doubles[i]);
    *b = (struct block){0};
}

static void read_block_line(struct reader *r, struct block *b, struct span key, struct span value)
{
    const struct {
        const char *key;
        struct weir_integers *integers;
        struct weir_doubles *doubles;
    } lists[] = {
        {"split_feature", &b->column, NULL},
        {"decision_type", &b->decision, NULL},
        {"left_child", &b->left, NULL},
        {"right_child", &b->right, NULL},
        {"internal_count", &b->internal_count, NULL},
        {"leaf_count", &b->leaf_count, NULL},
        {"cat_boundaries", &b->cat_boundaries, NULL},
        {"cat_threshold", NULL, &b->cat_threshold},
        {"threshold", NULL, &b->threshold},
        {"leaf_value", NULL, &b->leaf_value},
        {"split_gain", NULL, &b->gain},
    };
    if (is(key, "num_leaves"))
        b->leaves = integer(r, value, 1, WEIR_FOREST_NODES_MAX / 2);
    else if (is(key, "is_linear") && !is(value, "0"))
        fail(r, WEIR_ERR_UNSUPPORTED, "tree %zu: linear leaves; train with linear_tree=false", r->forest->trees);
    else
        for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
            if (is(key, lists[i].key)) {
                if (lists[i].integers)
                    read_integers(r, value, lists[i].integers);
                else
                    read_doubles(r, value, lists[i].doubles == &b->threshold ? threshold : number, lists[i].doubles);
            }
}

/* x <= limit goes left. LightGBM drops values within 1e-35 of 0 from a row: they are 0, also beside a limit that lies there.
 * Call after missing_left is set. */
static void set_limit(struct reader *r, size_t i, double limit, struct weir_draft *a)
{
    struct weir_error why = {0};
    if (limit >= -(double)WEIR_FOREST_ZERO && limit < 0)
        a->value[i] = -WEIR_FOREST_ZERO;
    else if (limit >= 0 && limit <= (double)WEIR_FOREST_ZERO)
        a->value[i] = nextafterf(WEIR_FOREST_ZERO, 1);
    else if (weir_draft_limit(a, r->forest, i, limit, &why))
        fail(r, why.code, "tree %zu: node %zu: %s", r->forest->trees, i, why.text);
}

static void set_numerical(struct reader *r, const struct block *b, size_t i, struct weir_draft *a)
{
    int missing = b->decision.item[i] >> 2 & 3;
    double limit = b->threshold.item[i];
    if (missing == MISSING_NONE) /* NaN is 0 */
        a->missing_left[i] = 0 <= limit;
    else
        a->missing_left[i] = (b->decision.item[i] & DEFAULT_LEFT) != 0;
    a->kind[i] = missing == MISSING_ZERO ? WEIR_SPLIT_ZERO : WEIR_SPLIT_NUMBER;
    if (missing == MISSING_ZERO && limit == (double)INFINITY)
        fail(r, WEIR_ERR_UNSUPPORTED, "tree %zu: node %zu: zeros alone go one way; train with zero_as_missing=false",
             r->forest->trees, i);
    else
        set_limit(r, i, limit, a);
}

/* In the set: left. Not in it, negative, missing: right. */
static void set_categorical(struct reader *r, const struct block *b, size_t i, struct weir_draft *a)
{
    struct weir_error why = {0};
    double which = b->threshold.item[i];
    size_t bounds = b->cat_boundaries.count;
    if (!(which >= 0 && which + 1 < (double)bounds) || which != floor(which)) {
        fail(r, WEIR_ERR_FORMAT, "tree %zu: node %zu: set %g of %zu", r->forest->trees, i, which, bounds ? bounds - 1 : 0);
        return;
    }
    int32_t first = b->cat_boundaries.item[(size_t)which], end = b->cat_boundaries.item[(size_t)which + 1];
    if (first < 0 || end < first || (size_t)end > b->cat_threshold.count) {
        fail(r, WEIR_ERR_FORMAT, "tree %zu: node %zu: words %d to %d of %zu", r->forest->trees, i, first, end,
             b->cat_threshold.count);
        return;
    }
    size_t count = (size_t)(end - first);
    uint32_t *words = calloc(count + 1, sizeof *words);
    if (!words) {
        fail(r, WEIR_ERR_MEMORY, "out of memory");
        return;
    }
    for (size_t w = 0; w < count; w++) {
        double value = b->cat_threshold.item[(size_t)first + w];
        if (!(value >= 0 && value <= UINT32_MAX) || value != floor(value))
            fail(r, WEIR_ERR_FORMAT, "tree %zu: cat_threshold %g is no word of a set", r->forest->trees, value);
        else
            words[w] = (uint32_t)value;
    }
    a->missing_left[i] = 0; /* NaN is in no set; -0.5 is cut to 0 */
    weir_err err = r->failed ? r->failed : weir_draft_set(a, r->forest, i, words, count, true, nextafterf(-1, 0), &why);
    if (err)
        fail(r, err, "tree %zu: node %zu: %s", r->forest->trees, i, why.text);
    free(words);
}

static int32_t child(const struct block *b, int32_t number, size_t inner)
{
    if (number >= 0)
        return (size_t)number < inner ? number : INT32_MAX; /* INT32_MAX: refused with the tree */
    return ~number < b->leaves ? (int32_t)inner + ~number : INT32_MAX;
}

/* Inner node i is node i, leaf k is node `inner + k`. */
static void fill(struct reader *r, const struct block *b, struct weir_draft *a, size_t inner)
{
    for (size_t i = 0; i < inner && !r->failed; i++) {
        a->left[i] = child(b, b->left.item[i], inner);
        a->right[i] = child(b, b->right.item[i], inner);
        a->column[i] = b->column.item[i];
        a->cover[i] = b->internal_count.count ? (float)b->internal_count.item[i] : 0;
        a->gain[i] = b->gain.count ? (float)b->gain.item[i] : 0;
        if (b->decision.item[i] & CATEGORICAL)
            set_categorical(r, b, i, a);
        else
            set_numerical(r, b, i, a);
    }
    for (size_t k = 0; k < (size_t)b->leaves; k++) {
        a->left[inner + k] = a->right[inner + k] = -1;
        a->leaf[inner + k] = b->leaf_value.item[k] * r->sigmoid;
        a->cover[inner + k] = b->leaf_count.count ? (float)b->leaf_count.item[k] : 0;
    }
}

static void add_tree(struct reader *r, struct block *b)
{
    struct weir_forest *f = r->forest;
    struct weir_error why = {0};
    struct weir_draft *a = &r->draft;
    size_t inner = (size_t)b->leaves - 1, leaves = (size_t)b->leaves;
    if (b->leaves < 1 || b->leaf_value.count != leaves || (b->leaf_count.count && b->leaf_count.count != leaves) ||
        (inner && (b->column.count != inner || b->left.count != inner || b->right.count != inner || b->threshold.count != inner ||
                   b->decision.count != inner || (b->gain.count && b->gain.count != inner) ||
                   (b->internal_count.count && b->internal_count.count != inner)))) {
        fail(r, WEIR_ERR_FORMAT, "tree %zu: its lists do not fit its %lld leaves", f->trees, (long long)b->leaves);
        return;
    }
    bool covered = b->leaf_count.count && (b->internal_count.count || !inner);
    a->count = 0;
    a->width = 1;
    weir_err err = weir_draft_resize(a, inner + leaves, &why);
    if (!err) {
        fill(r, b, a, inner);
        struct weir_tree tree = weir_draft_tree(a, covered);
        err = r->failed ? r->failed : weir_forest_add(f, &tree, (unsigned)(f->trees % f->groups), r->importance, &why);
    }
    if (err)
        fail(r, err, "tree %zu: %s", f->trees, why.text);
}

static void read_model(struct reader *r)
{
    struct span line;
    struct block block = {0};
    bool end = false;
    size_t lines = 0; /* since the last tree began */
    while (!end && next_line(r, &line)) {
        if (++lines > OTHER_LINES_MAX)
            fail(r, WEIR_ERR_FORMAT, "%d lines, and neither a tree nor 'end of trees'", OTHER_LINES_MAX);
        struct span value = split_line(&line);
        end = is(line, "end of trees");
        if (end || is(line, "Tree")) {
            if (!r->forest)
                begin_forest(r);
            if (block.open && !r->failed)
                add_tree(r, &block);
            free_block(&block);
            block.open = !end;
            lines = 0;
        } else if (block.open) {
            read_block_line(r, &block, line, value);
        } else {
            read_head_line(r, line, value);
        }
    }
    free_block(&block);
    if (!end)
        fail(r, WEIR_ERR_FORMAT, "the model ends before 'end of trees'; it is cut, copy it again");
}

weir_err weir_lightgbm_read(const void *bytes, size_t size, const char *origin, struct weir_source *out, struct weir_error *error)
{
    struct reader r = {.at = bytes, .end = (const char *)bytes + size, .origin = origin, .error = error, .sigmoid = 1};
    read_model(&r);
    weir_draft_free(&r.draft);
    struct weir_forest *f = r.forest;
    if (!r.failed && f->trees % f->groups)
        fail(&r, WEIR_ERR_FORMAT, "%zu trees for %zu classes", f->trees, f->groups);
    int64_t iterations = r.failed ? 0 : (int64_t)(f->trees / f->groups);
    if (!r.failed && r.average && iterations)
        weir_forest_scale(f, 1 / (double)iterations);
    weir_err err = r.failed ? r.failed : weir_source_check(f, origin, error);
    if (!err) {
        weir_source_mean(r.importance, f->columns);
        *out = (struct weir_source){.forest = f,
                                    .importance = r.importance,
                                    .columns = f->columns,
                                    .names = r.names,
                                    .algorithm = "lightgbm",
                                    .best_iteration = -1,
                                    .iterations = iterations};
        memcpy(out->objective, r.objective, sizeof out->objective);
        return WEIR_OK;
    }
    weir_forest_free(&r.forest);
    free(r.importance);
    weir_texts_free(r.names, r.name_count);
    return err;
}
