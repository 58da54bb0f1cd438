#include "model/card.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/forest.h"

void weir_card_fini(struct weir_card *card)
{
    json_decref(card->json);
    free(card->text);
    free(card->columns);
    free(card->classes);
    free(card->importance);
    *card = (struct weir_card){0};
}

/* -- reading -- */

static weir_err bad(struct weir_error *error, const char *key, const char *what)
{
    return weir_fail(error, WEIR_ERR_FORMAT, "card: '%s' %s", key, what);
}

/* Texts come into terminals, logs and tables: no control characters. */
static bool is_text(const char *text)
{
    size_t n = strlen(text);
    if (n < 1 || n > WEIR_CARD_TEXT_MAX)
        return false;
    for (const char *c = text; *c; c++)
        if ((unsigned char)*c < 0x20 || *c == 0x7f)
            return false;
    return true;
}

static bool is_name(const char *text)
{
    return strlen(text) <= WEIR_CARD_NAME_MAX && *text &&
           strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._+-") == strlen(text);
}

static weir_err get_name(const json_t *json, const char *key, const char **out, struct weir_error *error)
{
    *out = json_string_value(json_object_get(json, key));
    if (!*out || !is_name(*out))
        return bad(error, key, "must be 1 to 64 letters, digits, '.', '_', '+' or '-'");
    return WEIR_OK;
}

static int compare_texts(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static weir_err get_texts(const json_t *json, const char *key, size_t low, size_t high, const char ***out, size_t *count,
                          struct weir_error *error)
{
    const json_t *array = json_object_get(json, key);
    size_t n = json_array_size(array);
    if (n < low || n > high)
        return bad(error, key, "must be a list of names, neither empty nor endless");
    const char **texts = calloc(2 * n, sizeof *texts), **sorted = texts + n;
    *out = texts;
    *count = n;
    if (!texts)
        return weir_fail(error, WEIR_ERR_MEMORY, "out of memory");
    for (size_t i = 0; i < n; i++) {
        sorted[i] = texts[i] = json_string_value(json_array_get(array, i));
        if (!texts[i] || !is_text(texts[i]))
            return bad(error, key, "holds a name that is empty, longer than 256 bytes or has control characters");
    }
    qsort(sorted, n, sizeof *sorted, compare_texts);
    for (size_t i = 1; i < n; i++)
        if (!strcmp(sorted[i - 1], sorted[i]))
            return weir_fail(error, WEIR_ERR_FORMAT, "card: '%s' names '%s' twice", key, sorted[i]);
    return WEIR_OK;
}

static weir_err get_feature_set(const json_t *json, struct weir_card *card, struct weir_error *error)
{
    weir_err err = get_name(json, "feature_set", &card->feature_set, error);
    if (err)
        return err;
    const char *hex = json_string_value(json_object_get(json, "feature_set_id"));
    if (!hex || strlen(hex) != 16 || strspn(hex, "0123456789abcdef") != 16)
        return bad(error, "feature_set_id", "must be 16 hexadecimal digits");
    card->feature_set_id = strtoull(hex, NULL, 16);
    if (!strcmp(card->feature_set, "none") != (card->feature_set_id == 0))
        return bad(error, "feature_set_id", "must be zero with feature set 'none', and with it alone");
    return WEIR_OK;
}

static weir_err get_benign(const json_t *json, struct weir_card *card, struct weir_error *error)
{
    const json_t *benign = json_object_get(json, "benign");
    card->benign = -1;
    if (json_is_null(benign))
        return WEIR_OK;
    const char *text = json_string_value(benign);
    for (size_t i = 0; text && i < card->class_count; i++)
        if (!strcmp(text, card->classes[i]))
            card->benign = (int)i;
    return card->benign < 0 ? bad(error, "benign", "must be null or one of the classes") : WEIR_OK;
}

/* A regression's predictions may be any number, and nobody may have said yet from which one on they are alerts. */
static weir_err get_threshold(const json_t *json, struct weir_card *card, struct weir_error *error)
{
    const json_t *threshold = json_object_get(json, "threshold"), *output = json_object_get(json, "output");
    const char *text = json_string_value(output);
    double value = json_number_value(threshold);
    if (output && (!text || strcmp(text, "prediction")))
        return bad(error, "output", "must be 'prediction' or left out");
    card->regression = output != NULL;
    card->threshold = (float)value;
    if (card->regression && json_is_null(threshold))
        card->threshold = NAN;
    else if (!json_is_number(threshold) || (card->regression ? !isfinite(card->threshold) : !(value >= 0 && value <= 1)))
        return bad(error, "threshold", card->regression ? "must be a number or null" : "must be a number from 0 to 1");
    return WEIR_OK;
}

static weir_err get_importance(const json_t *json, struct weir_card *card, struct weir_error *error)
{
    const json_t *importance = json_object_get(json, "importance");
    const json_t *list[3] = {json_object_get(importance, "weight"), json_object_get(importance, "gain"),
                             json_object_get(importance, "cover")};
    card->importance = calloc(card->column_count, sizeof *card->importance);
    if (!card->importance)
        return weir_fail(error, WEIR_ERR_MEMORY, "out of memory");
    if (json_is_null(importance))
        return WEIR_OK;
    for (int k = 0; k < 3; k++)
        if (json_array_size(list[k]) != card->column_count)
            return bad(error, "importance", "must be null, or have weight, gain and cover of each column");
    for (size_t c = 0; c < card->column_count; c++) {
        double value[3];
        for (int k = 0; k < 3; k++) {
            const json_t *item = json_array_get(list[k], c);
            if (!json_is_number(item))
                return bad(error, "importance", "must hold numbers");
            value[k] = json_number_value(item);
        }
        card->importance[c] = (struct weir_importance){value[0], value[1], value[2]};
    }
    return WEIR_OK;
}

static weir_err read_fields(struct weir_card *card, struct weir_error *error)
{
    const json_t *json = card->json;
    weir_err err;
    if (!json_is_object(json))
        return weir_fail(error, WEIR_ERR_FORMAT, "card: no JSON object");
    if ((err = get_name(json, "name", &card->name, error)) || (err = get_name(json, "version", &card->version, error)) ||
        (err = get_name(json, "algorithm", &card->algorithm, error)) || (err = get_feature_set(json, card, error)) ||
        (err = get_texts(json, "columns", 1, WEIR_FOREST_COLUMNS_MAX, &card->columns, &card->column_count, error)) ||
        (err = get_texts(json, "classes", 2, WEIR_FOREST_GROUPS_MAX, &card->classes, &card->class_count, error)) ||
        (err = get_benign(json, card, error)) || (err = get_threshold(json, card, error)) ||
        (err = get_importance(json, card, error)))
        return err;
    /* Scores would be wrong without it: a later weir writes calibration, this one must not pass over it. */
    if (!json_is_null(json_object_get(json, "calibration")))
        return weir_fail(error, WEIR_ERR_UNSUPPORTED, "card: 'calibration' is of a newer weir; use that");
    snprintf(card->label, sizeof card->label, "%s:%s", card->name, card->version);
    return WEIR_OK;
}

/* Takes over `json`. */
static weir_err load(json_t *json, struct weir_card *out, struct weir_error *error)
{
    *out = (struct weir_card){.json = json};
    weir_err err = json ? read_fields(out, error) : weir_fail(error, WEIR_ERR_MEMORY, "out of memory");
    if (!err) {
        out->text = json_dumps(json, JSON_COMPACT | JSON_REAL_PRECISION(15)); /* 0.3, not 0.29999999999999999 */
        if (!out->text)
            err = weir_fail(error, WEIR_ERR_MEMORY, "out of memory");
    }
    if (err)
        weir_card_fini(out);
    return err;
}

weir_err weir_card_parse(const char *bytes, size_t size, struct weir_card *out, struct weir_error *error)
{
    json_error_t why;
    *out = (struct weir_card){0};
    json_t *json = json_loadb(bytes, size, JSON_REJECT_DUPLICATES, &why);
    if (!json)
        return weir_fail(error, WEIR_ERR_FORMAT, "card: byte %d: %s", why.position, why.text);
    return load(json, out, error);
}

/* -- making -- */

static json_t *texts(const char *const *items, size_t count)
{
    json_t *array = json_array();
    for (size_t i = 0; array && i < count; i++)
        if (json_array_append_new(array, json_string(items[i]))) {
            json_decref(array);
            return NULL;
        }
    return array;
}

static json_t *importance_json(const struct weir_importance *importance, size_t count)
{
    if (!importance)
        return json_null();
    json_t *weight = json_array(), *gain = json_array(), *cover = json_array();
    bool failed = false;
    for (size_t c = 0; c < count; c++)
        failed |= json_array_append_new(weight, json_integer((json_int_t)importance[c].weight)) ||
                  json_array_append_new(gain, json_real(importance[c].gain)) ||
                  json_array_append_new(cover, json_real(importance[c].cover));
    if (failed) {
        json_decref(weight);
        json_decref(gain);
        json_decref(cover);
        return NULL;
    }
    return json_pack("{s:o, s:o, s:o}", "weight", weight, "gain", gain, "cover", cover);
}

static json_t *copy(const json_t *value)
{
    return value ? json_deep_copy(value) : json_null();
}

/* The shortest decimal that reads back as this float: 0.1, not 0.10000000149011612. */
static double decimal(float value)
{
    char text[32];
    for (int digits = 1; digits <= 9; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, (double)value);
        if (strtof(text, NULL) == value)
            break;
    }
    return strtod(text, NULL);
}

weir_err weir_card_make(const struct weir_model_facts *facts, const char *objective, const struct weir_importance *importance,
                        struct weir_card *out, struct weir_error *error)
{
    *out = (struct weir_card){0};
    if (facts->seeded && facts->seed > INT64_MAX)
        return weir_fail(error, WEIR_ERR_ARGUMENT, "seed %llu: the largest is %lld", (unsigned long long)facts->seed,
                         (long long)INT64_MAX);
    if (facts->benign >= 0 && (size_t)facts->benign >= facts->class_count)
        return weir_fail(error, WEIR_ERR_ARGUMENT, "benign class %d of %zu", facts->benign, facts->class_count);
    char id[17];
    snprintf(id, sizeof id, "%016llx", (unsigned long long)facts->feature_set_id);
    const struct {
        const char *key;
        json_t *value;
    } fields[] = {
        {"name", json_string(facts->name)},
        {"version", json_string(facts->version ? facts->version : "1")},
        {"algorithm", json_string(facts->algorithm)},
        {"objective", objective ? json_string(objective) : json_null()},
        {"feature_set", json_string(facts->feature_set)},
        {"feature_set_id", json_string(id)},
        {"columns", texts(facts->columns, facts->column_count)},
        {"categories", copy(facts->categories)},
        {"classes", texts(facts->classes, facts->class_count)},
        {"benign", facts->benign < 0 ? json_null() : json_string(facts->classes[facts->benign])},
        {"threshold", isnan(facts->threshold) ? json_null() : json_real(decimal(facts->threshold))},
        {"calibration", json_null()},
        {"seed", facts->seeded ? json_integer((json_int_t)facts->seed) : json_null()},
        {"defaults", copy(facts->defaults)},
        {"training", copy(facts->training)},
        {"metrics", copy(facts->metrics)},
        {"importance", importance_json(importance, facts->column_count)},
        {"tool", json_string("weir " WEIR_VERSION)},
    };
    json_t *json = json_object();
    weir_err err = WEIR_OK;
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
        if (json_object_set_new(json, fields[i].key, fields[i].value) && !err) /* takes over the value even when it fails */
            err = weir_fail(error, WEIR_ERR_ARGUMENT, "card: '%s' is no JSON text or number", fields[i].key);
    if (!err && facts->regression && json_object_set_new(json, "output", json_string("prediction")))
        err = weir_fail(error, WEIR_ERR_MEMORY, "out of memory");
    if (err) {
        json_decref(json);
        return err;
    }
    return load(json, out, error);
}

weir_err weir_card_update(struct weir_card *card, json_t *changes, struct weir_error *error)
{
    struct weir_card changed;
    json_t *json = changes ? json_copy(card->json) : NULL;
    if (!json || json_object_update(json, changes)) {
        json_decref(json);
        json_decref(changes);
        return weir_fail(error, WEIR_ERR_MEMORY, "out of memory");
    }
    json_decref(changes);
    weir_err err = load(json, &changed, error);
    if (err)
        return err;
    weir_card_fini(card);
    *card = changed;
    return WEIR_OK;
}
