/* The model itself: the card and the trees, ready to score. Private to the model room; others use weir/model.h and build.h. */
#ifndef WEIR_MODEL_MODEL_H
#define WEIR_MODEL_MODEL_H

#include "model/card.h"
#include "model/forest.h"
#include "model/forest_explain.h"
#include "model/forest_score.h"
#include "model/shap.h"

struct weir_model {
    struct weir_card card;
    struct weir_forest *forest;
    struct weir_plan *plan;
    struct weir_explainer *explainer;
    struct weir_shap *shap;
};

/* Puts a model together. Card and forest are taken over, whatever the result. WEIR_ERR_MISMATCH when the card's columns or
 * classes are of another number than the forest's. */
weir_err weir_model_assemble(struct weir_card *card, struct weir_forest *forest, weir_model **out, struct weir_error *error);

/* A model file's bytes; `origin` names them in messages. Errors as weir_model_load. */
weir_err weir_model_parse(const uint8_t *bytes, size_t size, const char *origin, weir_model **out, struct weir_error *error);

/* The model file's bytes; the caller frees *bytes with free(). WEIR_ERR_MEMORY. */
weir_err weir_model_bytes(const weir_model *model, uint8_t **bytes, size_t *size, struct weir_error *error);

#endif
