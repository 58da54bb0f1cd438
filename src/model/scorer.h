/* What a model scores with: trees, or one of the classic classifiers. One interface, a kind behind it.
 *
 * A kind is a file pair (trees.h, linear.h, ...) that begins its own structure with a struct weir_scorer and fills a table of
 * functions. A scorer is immutable: any thread may use it. Rows with missing values (NaN) are part of every kind's contract.
 */
#ifndef WEIR_MODEL_SCORER_H
#define WEIR_MODEL_SCORER_H

#include <stddef.h>
#include <stdint.h>

#include "model/link.h"
#include "weir/error.h"
#include "weir/model.h"

#define WEIR_SCORER_GROUPS_MAX 4096

struct weir_scorer {
    const struct weir_scorer_kind *kind;
    size_t columns, groups; /* groups: margins a row, at most WEIR_SCORER_GROUPS_MAX */
    enum weir_link link;
};

struct weir_scorer_kind {
    const char *what; /* "trees", for messages */
    void (*free)(struct weir_scorer *scorer);

    /* As weir_model_margins and weir_model_margins_block; every row's margins depend on that row alone, bit for bit. */
    void (*rows)(const struct weir_scorer *scorer, const float *x, size_t rows, size_t stride, float *margins);
    void (*block)(const struct weir_scorer *scorer, const float *x, const uint16_t *index, size_t rows, float *margins);

    /* One row, as weir_model_explain; room as there, no explain_room: none. */
    size_t (*explain_room)(const struct weir_scorer *scorer);
    void (*explain)(const struct weir_scorer *scorer, enum weir_explain how, const float *row, size_t group, void *room,
                    double *contributions, double *base);

    /* For `weir model show`: what weir_model_shape says; NULL: zeroes. */
    struct weir_model_shape (*shape)(const struct weir_scorer *scorer);

    /* Payloads of the model file (docs/model-file.md): which numbers are this kind's (without payload_of: the first), and the
     * way there and back. `peek` looks at the first `have` (all, or peek_bytes) of `size` bytes and allocates nothing large;
     * `decode` believes nothing. Errors as weir_model_load; *position: where in the payload. */
    uint32_t payload[2];
    uint32_t (*payload_of)(const struct weir_scorer *scorer);
    size_t (*bytes)(const struct weir_scorer *scorer);
    void (*encode)(const struct weir_scorer *scorer, uint8_t *out);
    size_t peek_bytes;
    weir_err (*peek)(uint32_t payload, const uint8_t *bytes, size_t have, size_t size, size_t *position,
                     struct weir_error *error);
    weir_err (*decode)(uint32_t payload, const uint8_t *bytes, size_t size, struct weir_scorer **out, size_t *position,
                       struct weir_error *error);
};

/* The kind that reads a payload, or NULL. */
const struct weir_scorer_kind *weir_scorer_kind_find(uint32_t payload);

/* NULL-safe; sets *scorer to NULL. */
void weir_scorer_free(struct weir_scorer **scorer);

#endif
