#include "model/model.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "model/container.h"

weir_err weir_model_assemble(struct weir_card *card, struct weir_scorer *scorer, weir_model **out, struct weir_error *error)
{
    size_t groups = scorer->groups;
    const char *what = scorer->kind->what;
    weir_err err = WEIR_OK;
    weir_model *model = calloc(1, sizeof *model);
    *out = NULL;
    if (!model) {
        weir_card_fini(card);
        weir_scorer_free(&scorer);
        return weir_fail(error, WEIR_ERR_MEMORY, "out of memory");
    }
    model->card = *card;
    *card = (struct weir_card){0};
    model->scorer = scorer;
    if (model->card.column_count != scorer->columns)
        err = weir_fail(error, WEIR_ERR_MISMATCH, "the card names %zu columns, the %s have %zu", model->card.column_count, what,
                        scorer->columns);
    else if (model->card.class_count != (groups == 1 ? 2 : groups))
        err = weir_fail(error, WEIR_ERR_MISMATCH, "the card names %zu classes, the %s have %zu", model->card.class_count, what,
                        groups == 1 ? 2 : groups);
    else if (model->card.regression != weir_link_regression(scorer->link))
        err = weir_fail(error, WEIR_ERR_MISMATCH, "the card and the %s differ in whether a number is predicted", what);
    else if (groups == 1 && model->card.benign > 0)
        err = weir_fail(error, WEIR_ERR_MISMATCH, "of two classes the first must be the benign one");
    if (err)
        weir_model_free(&model);
    *out = model;
    return err;
}

void weir_model_free(weir_model **model)
{
    if (!model || !*model)
        return;
    weir_scorer_free(&(*model)->scorer);
    weir_card_fini(&(*model)->card);
    free(*model);
    *model = NULL;
}

/* -- files -- */

weir_err weir_model_parse(const uint8_t *bytes, size_t size, const char *origin, weir_model **out, struct weir_error *error)
{
    struct weir_container parts;
    struct weir_card card;
    struct weir_scorer *scorer = NULL;
    struct weir_error why = {0};
    size_t position = 0;
    *out = NULL;
    weir_err err = weir_container_read(bytes, size, origin, &parts, error);
    if (err)
        return err;
    err = weir_card_parse((const char *)parts.card, parts.card_bytes, &card, &why);
    if (err)
        return weir_fail(error, err, "%s: offset %d: %s", origin, WEIR_CONTAINER_HEAD_BYTES, why.text);
    err = weir_scorer_kind_find(parts.kind)->decode(parts.kind, parts.payload, parts.payload_bytes, &scorer, &position, &why);
    if (err) {
        weir_card_fini(&card);
        return weir_fail(error, err, "%s: offset %zu: %s", origin, (size_t)(parts.payload - bytes) + position, why.text);
    }
    err = weir_model_assemble(&card, scorer, out, &why);
    return err ? weir_fail(error, err, "%s: %s", origin, why.text) : WEIR_OK;
}

weir_err weir_model_bytes(const weir_model *model, uint8_t **bytes, size_t *size, struct weir_error *error)
{
    const struct weir_scorer_kind *kind = model->scorer->kind;
    size_t card = strlen(model->card.text), payload = kind->bytes(model->scorer);
    *size = weir_container_bytes(card, payload);
    *bytes = malloc(*size);
    if (!*bytes)
        return weir_fail(error, WEIR_ERR_MEMORY, "out of memory");
    memcpy(*bytes + WEIR_CONTAINER_HEAD_BYTES, model->card.text, card);
    kind->encode(model->scorer, *bytes + WEIR_CONTAINER_HEAD_BYTES + card);
    weir_container_seal(*bytes, kind->payload_of ? kind->payload_of(model->scorer) : kind->payload[0], card, payload);
    return WEIR_OK;
}

weir_err weir_model_write(const weir_model *model, const char *path, struct weir_error *error)
{
    uint8_t *bytes;
    size_t size;
    weir_err err = weir_model_bytes(model, &bytes, &size, error);
    if (!err)
        err = weir_file_write(path, bytes, size, error);
    free(bytes);
    return err;
}

/* -- facts -- */

const char *weir_model_name(const weir_model *model)
{
    return model->card.name;
}

const char *weir_model_version(const weir_model *model)
{
    return model->card.version;
}

const char *weir_model_label(const weir_model *model)
{
    return model->card.label;
}

const char *weir_model_algorithm(const weir_model *model)
{
    return model->card.algorithm;
}

const char *weir_model_feature_set(const weir_model *model)
{
    return model->card.feature_set;
}

uint64_t weir_model_feature_set_id(const weir_model *model)
{
    return model->card.feature_set_id;
}

size_t weir_model_columns(const weir_model *model, const char *const **names)
{
    if (names)
        *names = model->card.columns;
    return model->card.column_count;
}

size_t weir_model_classes(const weir_model *model, const char *const **names)
{
    if (names)
        *names = model->card.classes;
    return model->card.class_count;
}

int weir_model_benign(const weir_model *model)
{
    return model->card.benign;
}

int weir_model_regression(const weir_model *model)
{
    return model->card.regression;
}

float weir_model_threshold(const weir_model *model)
{
    return model->card.threshold;
}

weir_err weir_model_set_threshold(weir_model *model, float threshold, struct weir_error *error)
{
    bool regression = model->card.regression;
    if (regression ? !isfinite(threshold) : !(threshold >= 0 && threshold <= 1))
        return weir_fail(error, WEIR_ERR_ARGUMENT, "%g: the threshold of %s is a number%s", (double)threshold, model->card.label,
                         regression ? "" : " from 0 to 1");
    model->card.threshold = threshold;
    return WEIR_OK;
}

size_t weir_model_groups(const weir_model *model)
{
    return model->scorer->groups;
}

const char *weir_model_card(const weir_model *model)
{
    return model->card.text;
}

struct weir_model_shape weir_model_shape(const weir_model *model)
{
    const struct weir_scorer_kind *kind = model->scorer->kind;
    return kind->shape ? kind->shape(model->scorer) : (struct weir_model_shape){0};
}

const json_t *weir_model_card_json(const weir_model *model)
{
    return model->card.json;
}

struct weir_importance weir_model_importance(const weir_model *model, size_t column)
{
    return model->card.importance[column];
}

/* -- scores -- */

void weir_model_margins(const weir_model *model, const float *x, size_t rows, size_t stride, float *margins)
{
    model->scorer->kind->rows(model->scorer, x, rows, stride, margins);
}

void weir_model_margins_block(const weir_model *model, const float *x, const uint16_t *index, size_t rows, float *margins)
{
    model->scorer->kind->block(model->scorer, x, index, rows, margins);
}

size_t weir_model_explain_room(const weir_model *model)
{
    const struct weir_scorer_kind *kind = model->scorer->kind;
    return kind->explain_room ? kind->explain_room(model->scorer) : 0;
}

weir_err weir_model_explain(const weir_model *model, enum weir_explain how, const float *x, size_t rows, size_t stride,
                            size_t group, void *room, double *contributions, double *base)
{
    const struct weir_scorer *scorer = model->scorer;
    void *own = NULL;
    if (group >= scorer->groups || (how != WEIR_EXPLAIN_EXACT && how != WEIR_EXPLAIN_PATH))
        return WEIR_ERR_ARGUMENT;
    if (!room && !(room = own = aligned_alloc(64, (weir_model_explain_room(model) + 64) & ~(size_t)63)))
        return WEIR_ERR_MEMORY;
    for (size_t r = 0; r < rows; r++)
        scorer->kind->explain(scorer, how, x + r * stride, group, room, contributions + r * scorer->columns, base);
    free(own);
    return WEIR_OK;
}

/* In double and rounded once: the last bit of exp, which differs between CPUs, is far below float32. */
static double sigmoid(double margin)
{
    return 1.0 / (1.0 + exp(-margin));
}

/* The softmax of one row: exp(m - max) / their sum; returns the denominator, *max is the largest margin. */
static double softmax_sum(const float *margins, size_t groups, double *max)
{
    double sum = 0;
    *max = (double)margins[0];
    for (size_t g = 1; g < groups; g++)
        if ((double)margins[g] > *max)
            *max = (double)margins[g];
    for (size_t g = 0; g < groups; g++)
        sum += exp((double)margins[g] - *max);
    return sum;
}

static double clamp(double probability)
{
    return probability < 0 ? 0 : probability > 1 ? 1 : probability;
}

/* One margin, two classes: the second one's probability; of a regression the prediction. */
static float score_one(enum weir_link link, float margin)
{
    double m = (double)margin, value = m;
    switch (link) {
    case WEIR_LINK_LOGISTIC:
    case WEIR_LINK_SIGMOIDS:
        return (float)sigmoid(m);
    case WEIR_LINK_PROBABILITY:
        return (float)clamp(m);
    case WEIR_LINK_STEP:
        return m > 0;
    case WEIR_LINK_ISOLATION:
        return (float)exp2(fmin(m, 0));
    case WEIR_LINK_EXP:
        value = exp(m);
        break;
    case WEIR_LINK_SOFTPLUS:
        value = m > 0 ? m + log1p(exp(-m)) : log1p(exp(m));
        break;
    case WEIR_LINK_IDENTITY:
    case WEIR_LINK_COUNT:
        break;
    }
    return (float)fmin(value, (double)FLT_MAX); /* a score is finite: it goes into JSON */
}

/* Several margins: those who are probabilities already, or are so each by itself. */
static double one_of_many(enum weir_link link, double margin)
{
    return link == WEIR_LINK_SIGMOIDS ? sigmoid(margin) : clamp(margin);
}

void weir_model_probabilities(const weir_model *model, const float *margins, size_t rows, float *probabilities)
{
    size_t groups = model->scorer->groups;
    enum weir_link link = model->scorer->link;
    for (size_t r = 0; r < rows; r++) {
        const float *m = margins + r * groups;
        if (groups == 1) {
            float p = score_one(link, m[0]);
            probabilities[2 * r + 1] = p;
            probabilities[2 * r] = link == WEIR_LINK_LOGISTIC ? (float)sigmoid(-(double)m[0]) : 1 - p;
        } else if (link == WEIR_LINK_LOGISTIC) {
            double max, sum = softmax_sum(m, groups, &max);
            for (size_t g = 0; g < groups; g++)
                probabilities[r * groups + g] = (float)(exp((double)m[g] - max) / sum);
        } else {
            for (size_t g = 0; g < groups; g++)
                probabilities[r * groups + g] = (float)one_of_many(link, (double)m[g]);
        }
    }
}

/* The most probable class of a row of several margins, and the row's score. */
static float score_many(enum weir_link link, const float *m, size_t groups, int benign, uint16_t *class)
{
    double rest = 0;
    size_t best = 0;
    for (size_t g = 1; g < groups; g++)
        if (m[g] > m[best])
            best = g;
    *class = (uint16_t)best;
    if (link == WEIR_LINK_LOGISTIC) {
        double max, sum = softmax_sum(m, groups, &max);
        /* The attacks' own sum, not 1 - benign: a small score keeps its digits. */
        for (size_t g = 0; g < groups; g++)
            if ((int)g != benign)
                rest += exp((double)m[g] - max);
        return (float)((benign < 0 ? 1.0 : rest) / sum);
    }
    if (benign < 0)
        return (float)one_of_many(link, (double)m[best]);
    if (link == WEIR_LINK_SIGMOIDS)
        return (float)sigmoid(-(double)m[benign]);
    for (size_t g = 0; g < groups; g++)
        if ((int)g != benign)
            rest += clamp((double)m[g]);
    return (float)clamp(rest);
}

void weir_model_judge(const weir_model *model, const float *margins, size_t rows, float *score, uint16_t *class_index,
                      uint8_t *alert)
{
    size_t groups = model->scorer->groups;
    enum weir_link link = model->scorer->link;
    int benign = model->card.benign;
    float threshold = model->card.threshold;
    for (size_t r = 0; r < rows; r++) {
        const float *m = margins + r * groups;
        uint16_t class = 0;
        float value = groups == 1 ? score_one(link, m[0]) : score_many(link, m, groups, benign, &class);
        if (groups == 1)
            class = value >= threshold;
        if (score)
            score[r] = value;
        if (class_index)
            class_index[r] = class;
        if (alert)
            alert[r] = (int)class != benign && value >= threshold;
    }
}

void weir_model_predict(const weir_model *model, const float *x, size_t rows, size_t stride, float *score, uint16_t *class_index,
                        uint8_t *alert)
{
    float margins[WEIR_SCORER_GROUPS_MAX];
    size_t groups = model->scorer->groups, block = WEIR_SCORER_GROUPS_MAX / groups;
    for (size_t r = 0; r < rows; r += block) {
        size_t n = rows - r < block ? rows - r : block;
        model->scorer->kind->rows(model->scorer, x + r * stride, n, stride, margins);
        weir_model_judge(model, margins, n, score ? score + r : NULL, class_index ? class_index + r : NULL,
                         alert ? alert + r : NULL);
    }
}
