#include "model/source.h"

#include <stdlib.h>
#include <string.h>

#include "model/catboost.h"
#include "model/document.h"
#include "model/lightgbm.h"
#include "model/sklearn.h"
#include "model/xgboost.h"

void weir_source_free(struct weir_source *source)
{
    weir_texts_free(source->names, source->columns);
    weir_texts_free(source->classes, source->class_count);
    free(source->importance);
    weir_forest_free(&source->forest);
    *source = (struct weir_source){0};
}

void weir_texts_free(char **texts, size_t count)
{
    for (size_t i = 0; texts && i < count; i++)
        free(texts[i]);
    free(texts);
}

void weir_source_mean(struct weir_importance *importance, size_t columns)
{
    for (size_t c = 0; c < columns; c++)
        if (importance[c].weight > 0) {
            importance[c].gain /= importance[c].weight;
            importance[c].cover /= importance[c].weight;
        }
}

weir_err weir_source_check(const struct weir_forest *forest, const char *origin, struct weir_error *error)
{
    struct weir_error why = {0};
    size_t tree, node;
    weir_err err = weir_forest_validate(forest, &tree, &node, &why);
    return err ? weir_fail(error, err, "%s: %s", origin, why.text) : WEIR_OK;
}

/* -- which reader -- */

typedef weir_err (*reader)(const void *bytes, size_t size, const char *origin, struct weir_source *out, struct weir_error *error);

/* The reader that a document's first known key names; NULL: none. */
static reader document_reader(const void *bytes, size_t size, const char *origin)
{
    static const struct {
        const char *key;
        reader read;
    } keys[] = {
        {"learner", weir_xgboost_read},     {"version", weir_xgboost_read},         {"weir_export", weir_sklearn_read},
        {"model_info", weir_catboost_read}, {"features_info", weir_catboost_read},  {"oblivious_trees", weir_catboost_read},
        {"trees", weir_catboost_read},      {"scale_and_bias", weir_catboost_read}, {"ctr_data", weir_catboost_read}};
    struct weir_document doc;
    struct weir_error ignored;
    reader found = NULL;
    if (!weir_document_open(&doc, bytes, size, origin, &ignored) && weir_document_object(&doc)) {
        const char *key = weir_document_key(&doc);
        for (size_t i = 0; key && i < sizeof keys / sizeof *keys; i++)
            if (!strcmp(key, keys[i].key))
                found = keys[i].read;
    }
    weir_document_close(&doc);
    return found;
}

static bool begins(const void *bytes, size_t size, const char *with, size_t length)
{
    return size >= length && !memcmp(bytes, with, length);
}

weir_err weir_source_read(const void *bytes, size_t size, const char *origin, struct weir_source *out, struct weir_error *error)
{
    static const struct {
        const char *bytes;
        size_t length;
        const char *advice;
    } others[] = {
        {"CBM1", 4, "a CatBoost model in its binary form; save it with save_model(path, format='json')"},
        {"\x80", 1, "a Python pickle; `python -m weir.export` writes what weir imports of scikit-learn models"},
        {"PK\x03\x04", 4, "an archive; `python -m weir.export` writes what weir imports of scikit-learn models"},
        {"binf", 4, "an XGBoost model in its old binary form; save it with save_model('model.json')"},
        {"\x89WEIR", 5, "a weir model already"},
    };
    *out = (struct weir_source){0};
    if (begins(bytes, size, "tree\n", 5) || begins(bytes, size, "tree\r\n", 6))
        return weir_lightgbm_read(bytes, size, origin, out, error);
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (begins(bytes, size, others[i].bytes, others[i].length))
            return weir_fail(error, WEIR_ERR_UNSUPPORTED, "%s: offset 0: %s", origin, others[i].advice);
    reader read = document_reader(bytes, size, origin);
    if (read)
        return read(bytes, size, origin, out, error);
    return weir_fail(
        error, WEIR_ERR_FORMAT,
        "%s: offset 0: no model that weir knows: XGBoost's JSON or UBJSON, LightGBM's text, CatBoost's JSON, or what "
        "`python -m weir.export` writes of scikit-learn's",
        origin);
}
