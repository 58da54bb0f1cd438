/* The card of a model: everything about it but its trees, as JSON for people and programs. docs/model-file.md lists the fields.
 *
 * Reading checks every field that weir itself uses; other fields are kept as they are. One thread makes or changes a card; then
 * any thread may read it.
 */
#ifndef WEIR_MODEL_CARD_H
#define WEIR_MODEL_CARD_H

#include <jansson.h>

#include "model/build.h"

#define WEIR_CARD_TEXT_MAX 256 /* bytes of a column's or class's name */
#define WEIR_CARD_NAME_MAX 64  /* bytes of name, version, algorithm */

struct weir_card {
    json_t *json;
    char *text; /* the same, compact */
    char label[2 * WEIR_CARD_NAME_MAX + 2];
    const char *name, *version, *algorithm, *feature_set; /* inside json */
    uint64_t feature_set_id;
    const char **columns, **classes; /* the arrays are the card's, the texts are inside json */
    size_t column_count, class_count;
    int benign;
    bool regression;
    float threshold;                    /* NaN: none, of a regression */
    struct weir_importance *importance; /* [column_count] */
};

/* Makes a card of facts (columns, classes and feature set given; see build.h) and their importance (NULL: none).
 * objective: what the trees were fitted to, kept for people; may be NULL. WEIR_ERR_ARGUMENT, WEIR_ERR_MEMORY. */
weir_err weir_card_make(const struct weir_model_facts *facts, const char *objective, const struct weir_importance *importance,
                        struct weir_card *out, struct weir_error *error);

/* Reads a card. WEIR_ERR_FORMAT: "card: 'threshold' ...", WEIR_ERR_MEMORY. */
weir_err weir_card_parse(const char *bytes, size_t size, struct weir_card *out, struct weir_error *error);

/* Puts the values of an object into the card and reads it again; on failure the card is as before. Takes over `changes` (NULL:
 * out of memory). */
weir_err weir_card_update(struct weir_card *card, json_t *changes, struct weir_error *error);

void weir_card_fini(struct weir_card *card);

#endif
