#include "train/folds.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "train/split.h"

/* Uses of the seed (base/random.h); the drawn split has the seed itself. */
enum { USE_SAMPLE = 101, USE_PARTS, USE_GROUPS };

struct making {
    const struct weir_folds_config *config;
    const struct weir_folds_rows *rows;
    struct weir_folds *out;
    uint32_t *used; /* [out->sampled] rows that the sample has, ascending; those without a side value are taken out */
    size_t used_count;
    uint32_t *part; /* [used_count] the part of each, when there are parts */
};

static weir_err out_of_memory(struct weir_error *error)
{
    return weir_fail(error, WEIR_ERR_MEMORY, "splitting rows: out of memory");
}

weir_err weir_folds_parse(const char *text, struct weir_folds_config *config, struct weir_error *error)
{
    static const struct {
        const char *word;
        enum weir_folds_kind kind;
    } kinds[] = {{"drawn", WEIR_FOLDS_DRAWN},
                 {"leave-attack", WEIR_FOLDS_LEAVE_ATTACK},
                 {"leave-attack:", WEIR_FOLDS_LEAVE_ATTACK},
                 {"time:", WEIR_FOLDS_TIME},
                 {"group:", WEIR_FOLDS_GROUP}};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        size_t n = strlen(kinds[i].word);
        bool with_column = kinds[i].word[n - 1] == ':';
        if (with_column ? strncmp(text, kinds[i].word, n) || !text[n] : strcmp(text, kinds[i].word) != 0)
            continue;
        config->kind = kinds[i].kind;
        bool attack = kinds[i].kind == WEIR_FOLDS_LEAVE_ATTACK;
        config->column = with_column && !attack ? text + n : NULL;
        config->attack = with_column && attack ? text + n : NULL;
        return WEIR_OK;
    }
    return weir_fail(
        error, WEIR_ERR_ARGUMENT,
        "'%.80s' is no way to split; there are drawn, time:COLUMN, group:COLUMN, leave-attack and leave-attack:LABEL", text);
}

json_t *weir_folds_json(const struct weir_folds_config *config, bool elsewhere)
{
    static const char *const words[] = {[WEIR_FOLDS_DRAWN] = "drawn",
                                        [WEIR_FOLDS_TIME] = "time:",
                                        [WEIR_FOLDS_GROUP] = "group:",
                                        [WEIR_FOLDS_LEAVE_ATTACK] = "leave-attack:"};
    const char *more = config->kind == WEIR_FOLDS_LEAVE_ATTACK ? config->attack ? config->attack : "each" : config->column;
    json_t *split = elsewhere ? json_string("other rows") : json_sprintf("%s%s", words[config->kind], more ? more : "");
    json_t *share = elsewhere || config->folds ? json_null() : json_real(config->share);
    return json_pack("{s:o,s:o,s:o,s:f}", "split", split, "test_share", share, "folds",
                     config->folds && !elsewhere ? json_integer(config->folds) : json_null(), "sample", config->sample);
}

uint32_t *weir_folds_sample(const uint32_t *labels, size_t rows, size_t label_count, double sample, uint64_t seed, size_t *count)
{
    size_t *wanted = calloc(2 * label_count + 1, sizeof *wanted), *coming = wanted + label_count;
    uint32_t *list = malloc((rows + 1) * sizeof *list);
    uint64_t random = weir_random_stream(seed, USE_SAMPLE);
    *count = 0;
    if (!wanted || !list) {
        free(wanted);
        free(list);
        return NULL;
    }
    for (size_t row = 0; row < rows; row++)
        coming[labels[row]]++;
    for (size_t k = 0; k < label_count; k++) {
        size_t n = (size_t)llround((double)coming[k] * sample), least = coming[k] < 2 ? coming[k] : 2;
        wanted[k] = n < least ? least : n > coming[k] ? coming[k] : n;
    }
    /* Selection sampling, as in split.c. */
    for (size_t row = 0; row < rows; row++) {
        uint32_t k = labels[row];
        if (weir_random_below(&random, (uint32_t)coming[k]--) < wanted[k]) {
            wanted[k]--;
            list[(*count)++] = (uint32_t)row;
        }
    }
    free(wanted);
    return list;
}

/* ---- Putting folds together ------------------------------------------------------------------------------------------------ */

/* Appends an empty fold with room for every used row. */
static struct weir_fold *add_fold(struct making *m, const char *name)
{
    struct weir_fold *more = realloc(m->out->fold, (m->out->count + 1) * sizeof *more);
    if (!more)
        return NULL;
    m->out->fold = more;
    struct weir_fold *fold = &more[m->out->count];
    *fold = (struct weir_fold){.name = strdup(name)};
    fold->train = malloc((m->used_count + 1) * sizeof *fold->train);
    fold->test = malloc((m->used_count + 1) * sizeof *fold->test);
    m->out->count++; /* whatever happened: fini frees it */
    return fold->name && fold->train && fold->test ? fold : NULL;
}

/* Gives back the room that was not needed, refuses a fold with an empty side. */
static weir_err end_fold(struct weir_fold *fold, struct weir_error *error)
{
    uint32_t *train = realloc(fold->train, (fold->train_count + 1) * sizeof *train);
    if (train)
        fold->train = train;
    uint32_t *test = realloc(fold->test, (fold->test_count + 1) * sizeof *test);
    if (test)
        fold->test = test;
    if (fold->train_count && fold->test_count)
        return WEIR_OK;
    return weir_fail(error, WEIR_ERR_FORMAT, "the split leaves no rows to %s%s%s; there are too few rows, times or groups for it",
                     fold->train_count ? "test on" : "train on", *fold->name ? " in fold " : "", fold->name);
}

/* A fold for each part (one fold: part 1 tests). `before`: only what lies in earlier parts trains. */
static weir_err folds_of_parts(struct making *m, bool before, struct weir_error *error)
{
    size_t count = m->config->folds ? m->config->folds : 1;
    weir_err failed = WEIR_OK;
    for (size_t f = 0; f < count && !failed; f++) {
        char name[24] = "";
        if (m->config->folds)
            snprintf(name, sizeof name, "%zu", f + 1);
        uint32_t tests = m->config->folds && !before ? (uint32_t)f : (uint32_t)f + 1;
        struct weir_fold *fold = add_fold(m, name);
        if (!fold)
            return out_of_memory(error);
        for (size_t i = 0; i < m->used_count; i++)
            if (m->part[i] == tests)
                fold->test[fold->test_count++] = m->used[i];
            else if (!before || m->part[i] < tests)
                fold->train[fold->train_count++] = m->used[i];
        failed = end_fold(fold, error);
    }
    return failed;
}

/* ---- The ways -------------------------------------------------------------------------------------------------------------- */

static weir_err one_drawn(struct making *m, struct weir_error *error)
{
    struct weir_split split = {0};
    uint32_t *labels = malloc((m->used_count + 1) * sizeof *labels);
    struct weir_fold *fold = labels ? add_fold(m, "") : NULL;
    for (size_t i = 0; fold && i < m->used_count; i++)
        labels[i] = m->rows->labels[m->used[i]];
    if (!fold || weir_split_draw(labels, m->used_count, m->rows->label_count, m->config->share, m->config->seed, &split)) {
        free(labels);
        return out_of_memory(error);
    }
    for (size_t i = 0; i < split.train_count; i++)
        fold->train[fold->train_count++] = m->used[split.train[i]];
    for (size_t i = 0; i < split.test_count; i++)
        fold->test[fold->test_count++] = m->used[split.test[i]];
    free(split.train);
    free(labels);
    return end_fold(fold, error);
}

/* The rows of each label are shuffled and dealt out; the next label goes on where the last one ended, so parts stay equal. */
static weir_err parts_drawn(struct making *m, struct weir_error *error)
{
    uint32_t parts = m->config->folds;
    size_t labels = m->rows->label_count, *at = calloc(labels + 1, sizeof *at);
    uint32_t *order = malloc((m->used_count + 1) * sizeof *order);
    if (!at || !order) {
        free(at);
        free(order);
        return out_of_memory(error);
    }
    for (size_t i = 0; i < m->used_count; i++)
        at[m->rows->labels[m->used[i]] + 1]++;
    for (size_t k = 0; k < labels; k++)
        at[k + 1] += at[k];
    for (size_t i = 0; i < m->used_count; i++)
        order[at[m->rows->labels[m->used[i]]]++] = (uint32_t)i;
    for (size_t k = 0, first = 0; k < labels; first = at[k++]) {
        uint64_t random = weir_random_stream(weir_random_stream(m->config->seed, USE_PARTS), k);
        for (size_t left = at[k] - first; left > 1; left--) {
            uint32_t *last = &order[first + left - 1], *drawn = &order[first + weir_random_below(&random, (uint32_t)left)];
            uint32_t kept = *last;
            *last = *drawn;
            *drawn = kept;
        }
    }
    for (size_t i = 0; i < m->used_count; i++)
        m->part[order[i]] = (uint32_t)(i % parts);
    free(at);
    free(order);
    return folds_of_parts(m, false, error);
}

struct timed {
    int64_t time;
    uint32_t index; /* in used */
};

static int compare_timed(const void *a, const void *b)
{
    const struct timed *x = a, *y = b;
    return x->time != y->time ? (x->time < y->time ? -1 : 1) : (x->index > y->index) - (x->index < y->index);
}

/* Cuts the rows by time into parts of about equal size (or one of 1 - share and one of share); a cut inside a run of equal times
 * moves to the nearer end of the run, forward when it must. */
static weir_err by_time(struct making *m, struct weir_error *error)
{
    size_t n = m->used_count, parts = m->config->folds ? m->config->folds + 1 : 2, begin = 0;
    struct timed *list = malloc((n + 1) * sizeof *list);
    if (!list)
        return out_of_memory(error);
    for (size_t i = 0; i < n; i++)
        list[i] = (struct timed){m->rows->side[m->used[i]], (uint32_t)i};
    qsort(list, n, sizeof *list, compare_timed);
    for (size_t p = 0; p < parts; p++) {
        double until = m->config->folds ? (double)(p + 1) / (double)parts : p ? 1 : 1 - m->config->share;
        size_t end = p + 1 == parts ? n : (size_t)llround((double)n * until), low = end, high = end;
        while (low > begin && low < n && list[low].time == list[low - 1].time)
            low--;
        while (high > begin && high < n && list[high].time == list[high - 1].time)
            high++;
        if (p + 1 < parts && end > begin)
            end = low > begin && (high == n || end - low <= high - end) ? low : high;
        for (; begin < end; begin++)
            m->part[list[begin].index] = (uint32_t)p;
    }
    free(list);
    return folds_of_parts(m, true, error);
}

struct group {
    int64_t code;
    size_t rows;
    uint64_t drawn; /* its place among groups of equal size, or among all */
    uint32_t part;
};

static int by_code(const void *a, const void *b)
{
    const struct group *x = a, *y = b;
    return (x->code > y->code) - (x->code < y->code);
}

static int by_draw(const void *a, const void *b)
{
    const struct group *x = a, *y = b;
    return x->drawn != y->drawn ? (x->drawn < y->drawn ? -1 : 1) : by_code(a, b);
}

static int by_size(const void *a, const void *b)
{
    const struct group *x = a, *y = b;
    return x->rows != y->rows ? (x->rows > y->rows ? -1 : 1) : by_draw(a, b);
}

/* The groups with their sizes, by code; NULL: out of memory. */
static struct group *count_groups(const struct making *m, size_t *count)
{
    struct group *list = malloc((m->used_count + 1) * sizeof *list);
    size_t n = 0;
    if (!list)
        return NULL;
    for (size_t i = 0; i < m->used_count; i++)
        list[i] = (struct group){.code = m->rows->side[m->used[i]], .rows = 1};
    qsort(list, m->used_count, sizeof *list, by_code);
    for (size_t i = 0; i < m->used_count; i++)
        if (n && list[n - 1].code == list[i].code)
            list[n - 1].rows++;
        else
            list[n++] = list[i];
    uint64_t random = weir_random_stream(m->config->seed, USE_GROUPS);
    for (size_t g = 0; g < n; g++)
        list[g].drawn = weir_random_next(&random);
    *count = n;
    return list;
}

static weir_err by_group(struct making *m, struct weir_error *error)
{
    size_t count = 0, parts = m->config->folds, *filled = calloc(parts + 1, sizeof *filled);
    struct group *groups = count_groups(m, &count);
    if (!groups || !filled || count < (parts ? parts : 2)) {
        weir_err failed =
            groups && filled ? weir_fail(error, WEIR_ERR_ARGUMENT, "column '%.80s' has %zu different values, too few to split by",
                                         m->config->column ? m->config->column : "", count)
                             : out_of_memory(error);
        free(groups);
        free(filled);
        return failed;
    }
    if (parts) {
        qsort(groups, count, sizeof *groups, by_size);
        for (size_t g = 0; g < count; g++) {
            size_t least = 0;
            for (size_t p = 1; p < parts; p++)
                if (filled[p] < filled[least])
                    least = p;
            filled[least] += groups[g].rows;
            groups[g].part = (uint32_t)least;
        }
    } else {
        /* In the order of the draw, whatever still fits; when none does, the smallest group. */
        size_t room = (size_t)llround((double)m->used_count * m->config->share), smallest = 0;
        bool any = false;
        qsort(groups, count, sizeof *groups, by_draw);
        for (size_t g = 0; g < count; g++) {
            if (groups[g].rows < groups[smallest].rows)
                smallest = g;
            if (groups[g].rows > room)
                continue;
            room -= groups[g].rows;
            groups[g].part = 1;
            any = true;
        }
        if (!any)
            groups[smallest].part = 1;
    }
    qsort(groups, count, sizeof *groups, by_code);
    for (size_t i = 0; i < m->used_count; i++) {
        struct group key = {.code = m->rows->side[m->used[i]]};
        m->part[i] = ((struct group *)bsearch(&key, groups, count, sizeof *groups, by_code))->part;
    }
    free(groups);
    free(filled);
    return folds_of_parts(m, false, error);
}

/* The benign rows are drawn once, so every fold has the same false alarms to give. */
static weir_err leave_attack(struct making *m, struct weir_error *error)
{
    const struct weir_folds_rows *rows = m->rows;
    if (rows->benign < 0 || (size_t)rows->benign >= rows->label_count)
        return weir_fail(error, WEIR_ERR_ARGUMENT,
                         "to leave out one attack after the other, the benign label must be known; "
                         "name it with --benign");
    uint32_t benign = (uint32_t)rows->benign;
    uint32_t *labels = malloc((m->used_count + 1) * sizeof *labels);
    unsigned char *there = calloc(rows->label_count, 1);
    struct weir_split split = {0};
    size_t kinds = 0;
    weir_err failed = labels && there ? WEIR_OK : out_of_memory(error);
    for (size_t i = 0; !failed && i < m->used_count; i++) {
        uint32_t label = rows->labels[m->used[i]];
        labels[i] = label != benign; /* part: 2 of the benign rows that test */
        kinds += label != benign && !there[label];
        there[label] = 1;
    }
    if (!failed && kinds < 2)
        failed = weir_fail(error, WEIR_ERR_ARGUMENT,
                           "to leave out one attack after the other, two kinds of attack or more are needed; there %s %zu%s",
                           kinds == 1 ? "is" : "are", kinds, kinds ? "; take the label column with the kinds" : "");
    if (!failed && weir_split_draw(labels, m->used_count, 2, m->config->share, m->config->seed, &split))
        failed = out_of_memory(error);
    for (size_t i = 0; !failed && i < split.test_count; i++)
        if (!labels[split.test[i]])
            labels[split.test[i]] = 2;
    free(split.train);
    for (uint32_t k = 0; !failed && k < rows->label_count; k++) {
        if (k == benign || !there[k] || (m->config->attack && strcmp(m->config->attack, rows->label_text[k]) != 0))
            continue;
        struct weir_fold *fold = add_fold(m, rows->label_text[k]);
        if (!fold) {
            failed = out_of_memory(error);
            break;
        }
        for (size_t i = 0; i < m->used_count; i++)
            if (labels[i] == 2 || rows->labels[m->used[i]] == k)
                fold->test[fold->test_count++] = m->used[i];
            else
                fold->train[fold->train_count++] = m->used[i];
        failed = end_fold(fold, error);
    }
    if (!failed && !m->out->count)
        failed = weir_fail(error, WEIR_ERR_ARGUMENT, "no attack is labelled '%.80s'", m->config->attack);
    free(labels);
    free(there);
    return failed;
}

/* ---- Making ---------------------------------------------------------------------------------------------------------------- */

static weir_err check(const struct weir_folds_config *config, const struct weir_folds_rows *rows, struct weir_error *error)
{
    if (!(config->share > 0 && config->share < 1))
        return weir_fail(error, WEIR_ERR_ARGUMENT, "the share of test rows is %g; give one between 0 and 1, such as 0.2",
                         config->share);
    if (!(config->sample > 0 && config->sample <= 1))
        return weir_fail(error, WEIR_ERR_ARGUMENT, "the sample is %g; give a share above 0 and up to 1, such as 0.2",
                         config->sample);
    if (config->folds == 1 || config->folds > WEIR_FOLDS_MOST)
        return weir_fail(error, WEIR_ERR_ARGUMENT, "%u folds; give 2 to %d", config->folds, WEIR_FOLDS_MOST);
    if (config->folds && config->kind == WEIR_FOLDS_LEAVE_ATTACK)
        return weir_fail(error, WEIR_ERR_ARGUMENT, "leave-attack makes a fold of each attack; take the number of folds away");
    if ((config->kind == WEIR_FOLDS_TIME || config->kind == WEIR_FOLDS_GROUP) && !rows->side)
        return weir_fail(error, WEIR_ERR_ARGUMENT, "a split by time or group needs its column");
    if (rows->rows > UINT32_MAX)
        return weir_fail(error, WEIR_ERR_LIMIT, "more than 2^32 rows");
    return WEIR_OK;
}

/* Samples, and takes out the rows without a side value. */
static weir_err choose_rows(struct making *m, struct weir_error *error)
{
    const struct weir_folds_rows *rows = m->rows;
    bool sided = m->config->kind == WEIR_FOLDS_TIME || m->config->kind == WEIR_FOLDS_GROUP;
    if (m->config->sample < 1) {
        m->used =
            weir_folds_sample(rows->labels, rows->rows, rows->label_count, m->config->sample, m->config->seed, &m->out->sampled);
    } else if ((m->used = malloc((rows->rows + 1) * sizeof *m->used))) {
        m->out->sampled = rows->rows;
        for (size_t i = 0; i < rows->rows; i++)
            m->used[i] = (uint32_t)i;
    }
    for (size_t i = 0; m->used && i < m->out->sampled; i++)
        if (!sided || rows->side[m->used[i]] != WEIR_SIDE_MISSING)
            m->used[m->used_count++] = m->used[i];
    m->out->sideless = m->out->sampled - m->used_count;
    m->part = calloc(m->used_count + 1, sizeof *m->part);
    return m->used && m->part ? WEIR_OK : out_of_memory(error);
}

weir_err weir_folds_make(const struct weir_folds_config *config, const struct weir_folds_rows *rows, struct weir_folds *out,
                         struct weir_error *error)
{
    struct making m = {.config = config, .rows = rows, .out = out};
    *out = (struct weir_folds){0};
    weir_err failed = check(config, rows, error);
    if (!failed)
        failed = choose_rows(&m, error);
    if (!failed)
        switch (config->kind) {
        case WEIR_FOLDS_DRAWN:
            failed = config->folds ? parts_drawn(&m, error) : one_drawn(&m, error);
            break;
        case WEIR_FOLDS_TIME:
            failed = by_time(&m, error);
            break;
        case WEIR_FOLDS_GROUP:
            failed = by_group(&m, error);
            break;
        case WEIR_FOLDS_LEAVE_ATTACK:
            failed = leave_attack(&m, error);
            break;
        }
    free(m.used);
    free(m.part);
    if (failed)
        weir_folds_fini(out);
    return failed;
}

void weir_folds_fini(struct weir_folds *folds)
{
    for (size_t i = 0; i < folds->count; i++) {
        free(folds->fold[i].name);
        free(folds->fold[i].train);
        free(folds->fold[i].test);
    }
    free(folds->fold);
    *folds = (struct weir_folds){0};
}
