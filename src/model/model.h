/* The model itself: the card and the scorer. Private to the model room; others use weir/model.h and build.h. */
#ifndef WEIR_MODEL_MODEL_H
#define WEIR_MODEL_MODEL_H

#include "model/card.h"
#include "model/scorer.h"

struct weir_model {
    struct weir_card card;
    struct weir_scorer *scorer;
};

/* Puts a model together. Card and scorer are taken over, whatever the result. WEIR_ERR_MISMATCH when the card's columns or
 * classes are of another number than the scorer's. */
weir_err weir_model_assemble(struct weir_card *card, struct weir_scorer *scorer, weir_model **out, struct weir_error *error);

/* Makes a model of a scorer that weir's own trainers have fitted and of the facts (columns, classes and algorithm given; two
 * classes: 0 is the benign one). objective: for people, may be NULL; importance: [columns] or NULL. The scorer is taken over,
 * whatever the result. WEIR_ERR_ARGUMENT (a fact), _MISMATCH, _MEMORY. */
weir_err weir_model_make(struct weir_scorer *scorer, const struct weir_model_facts *facts, const char *objective,
                         const struct weir_importance *importance, weir_model **out, struct weir_error *error);

/* A model file's bytes; `origin` names them in messages. Errors as weir_model_load. */
weir_err weir_model_parse(const uint8_t *bytes, size_t size, const char *origin, weir_model **out, struct weir_error *error);

/* The model file's bytes; the caller frees *bytes with free(). WEIR_ERR_MEMORY. */
weir_err weir_model_bytes(const weir_model *model, uint8_t **bytes, size_t *size, struct weir_error *error);

#endif
