/* Another tool's model as its reader leaves it, and which reader a file needs.
 *
 * One file pair reads one tool's format: xgboost, lightgbm, catboost, sklearn. Every reader takes hostile bytes: it reads within
 * bounds, believes counts only as far as bytes follow, and hands out nothing that weir_forest_validate has not passed. Messages
 * begin with `origin` and the offset or line. Pure functions; any thread.
 */
#ifndef WEIR_MODEL_SOURCE_H
#define WEIR_MODEL_SOURCE_H

#include "model/forest.h"

struct weir_source {
    struct weir_forest *forest;
    struct weir_importance *importance; /* [columns], means of gain and cover; NULL: not known */
    size_t columns;
    char **names;   /* [columns], or NULL: the model has none */
    char **classes; /* [class_count] as the model names its labels, or NULL */
    size_t class_count;
    char algorithm[64];     /* for the card: letters, digits, '.', '_', '+', '-' */
    char objective[64];     /* for people; may be empty */
    int64_t best_iteration; /* -1: none stored */
    int64_t iterations;     /* boosting rounds */
};

/* Reads a model of any tool that weir knows, told by its content. `out` is filled on WEIR_OK only; free it with
 * weir_source_free. WEIR_ERR_FORMAT, _UNSUPPORTED (names what weir cannot score), _LIMIT, _MEMORY. */
weir_err weir_source_read(const void *bytes, size_t size, const char *origin, struct weir_source *out, struct weir_error *error);

/* Takes NULL members. */
void weir_source_free(struct weir_source *source);

void weir_texts_free(char **texts, size_t count); /* each, then the array; NULL-safe */

/* For readers: sums to means; the last check of a finished forest, "origin: tree 3: ...". */
void weir_source_mean(struct weir_importance *importance, size_t columns);
weir_err weir_source_check(const struct weir_forest *forest, const char *origin, struct weir_error *error);

#endif
