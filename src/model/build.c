#include "model/build.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "model/model.h"
#include "model/source.h"
#include "model/trees.h"
#include "model/xgboost.h"

/* The names of classes that nobody named. */
struct class_names {
    char **item;
    size_t count;
};

static weir_err number_classes(size_t count, struct class_names *out, struct weir_error *error)
{
    out->item = calloc(count, sizeof *out->item);
    for (size_t i = 0; out->item && i < count; i++) {
        if (asprintf(&out->item[i], "%zu", i) < 0)
            return weir_fail(error, WEIR_ERR_MEMORY, "out of memory");
        out->count++;
    }
    return out->item ? WEIR_OK : weir_fail(error, WEIR_ERR_MEMORY, "out of memory");
}

/* Names that are no more than the labels' numbers say nothing. */
static bool only_numbers(char *const *names, size_t count)
{
    char number[24];
    for (size_t k = 0; k < count; k++) {
        snprintf(number, sizeof number, "%zu", k);
        if (strcmp(names[k], number))
            return false;
    }
    return true;
}

/* The label that facts->benign_name means: a class's name, or a label's number. */
static weir_err find_benign(struct weir_model_facts *f, const char *origin, struct weir_error *error)
{
    const char *name = f->benign_name;
    size_t digits = strspn(name, "0123456789");
    for (size_t k = 0; k < f->class_count; k++)
        if (!strcmp(name, f->classes[k])) {
            f->benign = (int)k;
            return WEIR_OK;
        }
    if (!*name || name[digits] || digits > 5 || (size_t)atoi(name) >= f->class_count)
        return weir_fail(error, WEIR_ERR_ARGUMENT, "%s: '%s' is none of the model's %zu classes", origin, name, f->class_count);
    f->benign = atoi(name);
    return WEIR_OK;
}

/* Ties go to the first class where the margin is a share of votes, and an isolation forest's are no attack. */
static float usual_threshold(enum weir_link link, size_t groups, bool turned)
{
    bool above = (link == WEIR_LINK_PROBABILITY && groups == 1 && !turned) || link == WEIR_LINK_ISOLATION;
    return above ? nextafterf(0.5f, 1) : 0.5f;
}

/* Takes over the source. */
static weir_err build(struct weir_source *source, const char *origin, const struct weir_model_facts *facts, weir_model **out,
                      struct weir_error *error)
{
    static const char *const two[] = {"benign", "attack"}, *const turned_two[] = {"attack", "benign"};
    struct class_names numbers = {0};
    struct weir_model_facts f = *facts;
    const char *turned[2];
    weir_err err = WEIR_OK;
    size_t groups = source->forest->groups, classes = groups == 1 ? 2 : groups;
    if (source->best_iteration >= 0 && source->best_iteration + 1 < source->iterations)
        weir_log(WEIR_LOG_WARNING, "%s: its best round is %lld of %lld; all are used, as XGBoost's Booster.predict does", origin,
                 (long long)source->best_iteration + 1, (long long)source->iterations);
    if (f.benign == WEIR_BENIGN_USUAL)
        f.benign = classes == 2 ? 0 : WEIR_BENIGN_NONE;
    if (!f.columns) {
        if (!source->names) {
            err =
                weir_fail(error, WEIR_ERR_MISMATCH, "%s: the model stores no feature names: give its %zu columns with --columns",
                          origin, source->forest->columns);
            goto out;
        }
        f.columns = (const char *const *)source->names;
        f.column_count = source->forest->columns;
    }
    if (!f.classes && source->classes && source->class_count == classes && !only_numbers(source->classes, classes)) {
        f.classes = (const char *const *)source->classes;
        f.class_count = classes;
    }
    if (!f.classes) {
        err = classes > 2 ? number_classes(classes, &numbers, error) : WEIR_OK;
        if (err)
            goto out;
        bool second = f.benign == 1 || (f.benign_name && !strcmp(f.benign_name, "1"));
        f.classes = classes > 2 ? (const char *const *)numbers.item : second ? turned_two : two;
        f.class_count = classes;
    }
    if (f.column_count != source->forest->columns)
        err = weir_fail(error, WEIR_ERR_MISMATCH, "%s: the model has %zu columns, %zu are named", origin, source->forest->columns,
                        f.column_count);
    else if (f.class_count != classes)
        err = weir_fail(error, WEIR_ERR_MISMATCH, "%s: the model has %zu classes, %zu are named", origin, classes, f.class_count);
    else if (f.benign_name)
        err = find_benign(&f, origin, error);
    if (err)
        goto out;
    if (!f.feature_set)
        f.feature_set = "none";
    if (!f.algorithm)
        f.algorithm = source->algorithm;
    f.regression = weir_link_regression(source->forest->link);
    if (isnan(f.threshold) && !f.regression)
        f.threshold = usual_threshold(source->forest->link, groups, f.benign == 1);
    if (groups == 1 && f.benign == 1 && (f.regression || source->forest->link == WEIR_LINK_ISOLATION)) {
        err = weir_fail(error, WEIR_ERR_UNSUPPORTED,
                        "%s: %s (%s): its %s cannot be turned round; a row is an alert from a threshold on", origin,
                        f.regression ? "a regression" : "an isolation forest", source->objective,
                        f.regression ? "prediction" : "score");
        goto out;
    }
    if (f.turned)
        *f.turned = groups == 1 && f.benign == 1;
    if (groups == 1 && f.benign == 1) {
        turned[0] = f.classes[1];
        turned[1] = f.classes[0];
        f.classes = turned;
        f.benign = 0;
        weir_forest_negate(source->forest);
    }
    struct weir_card card;
    err = weir_card_make(&f, *source->objective ? source->objective : NULL, source->importance, &card, error);
    if (err) {
        if (err == WEIR_ERR_FORMAT)
            err = WEIR_ERR_ARGUMENT; /* the card's own check refused a fact */
        goto out;
    }
    struct weir_scorer *scorer;
    err = weir_trees_create(source->forest, &scorer, error);
    source->forest = NULL;
    if (err)
        weir_card_fini(&card);
    else
        err = weir_model_assemble(&card, scorer, out, error);
out:
    for (size_t i = 0; i < numbers.count; i++)
        free(numbers.item[i]);
    free(numbers.item);
    weir_source_free(source);
    return err;
}

weir_err weir_model_from_xgboost(const void *bytes, size_t size, const char *origin, const struct weir_model_facts *facts,
                                 weir_model **out, struct weir_error *error)
{
    struct weir_source source = {0};
    *out = NULL;
    weir_err err = weir_xgboost_read(bytes, size, origin, &source, error);
    return err ? err : build(&source, origin, facts, out, error);
}

weir_err weir_model_import(const void *bytes, size_t size, const char *origin, const struct weir_model_facts *facts,
                           weir_model **out, struct weir_error *error)
{
    struct weir_source source = {0};
    *out = NULL;
    weir_err err = weir_source_read(bytes, size, origin, &source, error);
    return err ? err : build(&source, origin, facts, out, error);
}

weir_err weir_model_make(struct weir_scorer *scorer, const struct weir_model_facts *facts, const char *objective,
                         const struct weir_importance *importance, weir_model **out, struct weir_error *error)
{
    struct weir_model_facts f = *facts;
    struct weir_card card;
    *out = NULL;
    if (f.benign == WEIR_BENIGN_USUAL)
        f.benign = f.class_count == 2 ? 0 : WEIR_BENIGN_NONE;
    if (!f.feature_set)
        f.feature_set = "none";
    if (isnan(f.threshold))
        f.threshold = usual_threshold(scorer->link, scorer->groups, false);
    weir_err err = weir_card_make(&f, objective, importance, &card, error);
    if (err) {
        weir_scorer_free(&scorer);
        return err == WEIR_ERR_FORMAT ? WEIR_ERR_ARGUMENT : err;
    }
    return weir_model_assemble(&card, scorer, out, error);
}

/* The card's own checks speak of a malformed file; here a caller's value is at fault. */
static weir_err update(weir_model *model, json_t *changes, struct weir_error *error)
{
    weir_err err = weir_card_update(&model->card, changes, error);
    return err == WEIR_ERR_FORMAT ? WEIR_ERR_ARGUMENT : err;
}

weir_err weir_model_annotate(weir_model *model, const char *key, const json_t *value, struct weir_error *error)
{
    static const char *const keys[] = {"metrics", "training", "defaults", "threshold"};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        if (!strcmp(key, keys[i]))
            return update(model, json_pack("{s:o}", key, json_deep_copy(value)), error);
    return weir_fail(error, WEIR_ERR_ARGUMENT, "'%s' cannot be set in a card", key);
}

weir_err weir_model_set_features(weir_model *model, const char *feature_set, uint64_t id, const json_t *categories,
                                 struct weir_error *error)
{
    char hex[17];
    snprintf(hex, sizeof hex, "%016llx", (unsigned long long)id);
    return update(model,
                  json_pack("{s:s, s:s, s:o}", "feature_set", feature_set ? feature_set : "none", "feature_set_id", hex,
                            "categories", categories ? json_deep_copy(categories) : json_null()),
                  error);
}
