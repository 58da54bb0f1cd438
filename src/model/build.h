/* Making models: what trainers and importers call. (Using them: weir/model.h.)
 *
 * A model is built from the bytes of another tool's model and from the facts that the bytes do not hold, may then be scored at
 * once, annotated, and written as a .weir file (docs/model-file.md). Building and annotating: one thread, before the model is
 * shared.
 */
#ifndef WEIR_MODEL_BUILD_H
#define WEIR_MODEL_BUILD_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "weir/error.h"
#include "weir/model.h"

#define WEIR_BENIGN_NONE  -1
#define WEIR_BENIGN_USUAL -2 /* label 0 of two classes, none of more */

/* What the card says beside the trees. Everything is borrowed during the call and copied. */
struct weir_model_facts {
    const char *name;           /* letters, digits, '.', '_', '-', '+'; 1 to 64 bytes */
    const char *version;        /* the same alphabet; NULL: "1" */
    const char *algorithm;      /* "xgboost", "random-forest", ...; NULL: as the imported model says */
    const char *feature_set;    /* NULL: "none" */
    uint64_t feature_set_id;    /* weir_view_id; 0 with "none" */
    const char *const *columns; /* in the model's order; NULL: the names stored in the model */
    size_t column_count;
    const char *const *classes; /* by label 0, 1, ...; NULL: "benign" and "attack" for two, "0", "1", ... for more */
    size_t class_count;
    int benign;              /* label of the benign class, or WEIR_BENIGN_*; two classes: see below */
    const char *benign_name; /* in place of it: a class's name, or a label's number; NULL: not so */
    bool *turned;            /* NULL, or set to: two classes and the signs were swapped */
    float threshold;         /* 0 to 1; of a regression any number; NaN: as the library decides, see below */
    bool regression;         /* no classes: the score is the prediction (set by the importer) */
    bool seeded;             /* `seed` is known */
    uint64_t seed;           /* of the training */
    /* JSON of its maker, kept in the card under these names; NULL: null. */
    const json_t *defaults;   /* what evaluate and predict take when not told: {"label":..,"benign":..,"exclude":[..]} */
    const json_t *categories; /* code tables of text columns: {"proto":["tcp","udp"]}, code = index */
    const json_t *training;   /* where the model comes from: fingerprint of the data, rows, parameters */
    const json_t *metrics;    /* what it reached on its test rows */
};

/* Builds a model from the bytes of an XGBoost model, JSON or UBJSON (found out by content), versions 1.7 to 3.x. `origin` names
 * the bytes in messages (a file name). Two classes: the model's margin speaks for its class 1, so with facts->benign == 1 the
 * classes and the signs are swapped. WEIR_ERR_FORMAT (names origin and offset), _UNSUPPORTED (booster, objective or split that
 * weir cannot score), _MISMATCH (columns or classes of another number than the model's), _ARGUMENT (a fact), _LIMIT, _MEMORY. */
weir_err weir_model_from_xgboost(const void *bytes, size_t size, const char *origin, const struct weir_model_facts *facts,
                                 weir_model **out, struct weir_error *error);

/* The same for the bytes of any tool's model that weir knows, found out by content: XGBoost, LightGBM (text), CatBoost (JSON),
 * and what `python -m weir.export` writes of scikit-learn's. Of a regression the score is the prediction, the second of its two
 * classes is "the threshold is reached". facts->threshold NaN: 0.5; the next number above it where margins are probabilities,
 * whose ties go to the first class; of a regression none, no row is judged. */
weir_err weir_model_import(const void *bytes, size_t size, const char *origin, const struct weir_model_facts *facts,
                           weir_model **out, struct weir_error *error);

/* Replaces the card's value of `key`: "metrics", "training", "defaults" or "threshold" (a number; of a regression also null).
 * `value` is copied. WEIR_ERR_ARGUMENT for another key or a wrong type, WEIR_ERR_MEMORY. */
weir_err weir_model_annotate(weir_model *model, const char *key, const json_t *value, struct weir_error *error);

/* Says which feature set the columns are of (NULL: "none"), and their code tables (as facts->categories). WEIR_ERR_ARGUMENT,
 * WEIR_ERR_MEMORY. */
weir_err weir_model_set_features(weir_model *model, const char *feature_set, uint64_t id, const json_t *categories,
                                 struct weir_error *error);

/* Writes the model file: beside `path`, then renamed; a path that exists and is no regular file (a pipe, a device) is written as
 * it is. The same model gives the same bytes. WEIR_ERR_IO, _NOT_FOUND, _PERMISSION, _MEMORY. */
weir_err weir_model_write(const weir_model *model, const char *path, struct weir_error *error);

/* The card; belongs to the model. Any thread may read it (never json_incref it in two threads at once). */
const json_t *weir_model_card_json(const weir_model *model);

/* Importance of a column over all trees, XGBoost's definitions. 0, 0, 0 for a column that no split uses. */
struct weir_importance {
    double weight; /* number of splits */
    double gain;   /* mean loss reduction of its splits */
    double cover;  /* mean sum of second derivatives of the rows that reached its splits */
};

/* column < weir_model_columns(model). */
struct weir_importance weir_model_importance(const weir_model *model, size_t column);

#endif
