/* k nearest neighbours as a scorer: the training rows themselves, and an index to search them (neighbour_index.h).
 *
 * The margins are probabilities: the shares of the classes among the k nearest training rows, of two classes that of the second.
 * Votes count alike, or by the inverse of the distance (a row at distance 0 then outvotes all that are not). Scaling of the
 * training is in the columns' factors. A value that is missing or infinite stands for `fill`. Explanations replace the columns of
 * `fill` by those of the row (replace.h).
 *
 * Scoring takes up to 0.2 MB of the stack.
 */
#ifndef WEIR_MODEL_NEIGHBOURS_H
#define WEIR_MODEL_NEIGHBOURS_H

#include <stdbool.h>

#include "model/neighbour_index.h"
#include "model/scorer.h"

#define WEIR_NEIGHBOURS_CLASSES_MAX 1024
#define WEIR_NEIGHBOURS_ROWS_MAX    ((size_t)1 << 30)
#define WEIR_NEIGHBOURS_FACTOR_MOST 1e30 /* of a factor and its inverse */

extern const struct weir_scorer_kind weir_neighbours_kind;

struct weir_neighbours {
    struct weir_scorer scorer; /* first */
    size_t classes, neighbours;
    bool by_distance;
    float *fill;                       /* [columns] */
    uint16_t *label;                   /* [index.rows] */
    struct weir_neighbour_index index; /* its factor and x are to be filled */
};

/* To be filled, then finished; freed with weir_scorer_free(&neighbours->scorer). WEIR_ERR_LIMIT, _MEMORY. */
weir_err weir_neighbours_create(size_t columns, size_t classes, size_t rows, size_t neighbours, bool by_distance,
                                struct weir_neighbours **out, struct weir_error *error);

/* Checks all numbers and builds the index. stop as weir_neighbour_index_build. WEIR_ERR_FORMAT names what is wrong,
 * WEIR_ERR_MEMORY, WEIR_ERR_CLOSED. */
weir_err weir_neighbours_finish(struct weir_neighbours *neighbours, const volatile sig_atomic_t *stop, struct weir_error *error);

#endif
