/* What the pipeline bench runs when it is given nothing: an XGBoost model of 100 whole trees of depth 6 on 40 columns, and flow
 * records of these columns. Made up, the same in every run; no library is needed. One thread. */
#ifndef WEIR_BENCH_MADE_H
#define WEIR_BENCH_MADE_H

#include "bench/records.h"

#define WEIR_MADE_ALERTS 0.01 /* share of the rows that the model calls an attack, as near as can be */

struct weir_made {
    char *json; /* the model as XGBoost writes it; NULL: it is none of XGBoost's */
    size_t size;
    weir_model *model; /* the same, as weir has it */
    struct weir_records records;
};

/* `trees` of them of that depth, 1 to WEIR_MADE_DEPTH_MOST (the bench's model: 100 of depth 6). WEIR_ERR_MEMORY. The caller frees
 * with weir_made_fini, also after a failure. */
#define WEIR_MADE_DEPTH_MOST 10
weir_err weir_made_trees(unsigned trees, unsigned depth, struct weir_made *made, struct weir_error *error);

/* The same for a large model: a support vector machine with so many vectors. */
weir_err weir_made_vectors(size_t vectors, struct weir_made *made, struct weir_error *error);
void weir_made_fini(struct weir_made *made);

#endif
