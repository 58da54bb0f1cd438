/* What many verdict rows share, by number: the rows of `contexts` and `column_names`. store.c's own; one thread.
 *
 * A number is given with a row of the open transaction; after a rollback all are forgotten.
 */
#ifndef WEIR_STORE_CONTEXT_H
#define WEIR_STORE_CONTEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "batch/verdict.h"
#include "data/duck.h"

struct weir_contexts {
    /* set by the owner, who keeps them */
    struct weir_duck *duck;
    const char *path; /* for messages */
    /* private */
    struct weir_context_group *group;
    size_t groups, last; /* last: the group of the batch before */
    uint32_t next_context, next_name;
};

/* Another file is there: reads its first free numbers. Errors are DuckDB's, without the path. */
weir_err weir_contexts_begin(struct weir_contexts *contexts, struct weir_error *error);

/* Forgets every number. */
void weir_contexts_forget(struct weir_contexts *contexts);

/* Safe on zeroes. */
void weir_contexts_fini(struct weir_contexts *contexts);

/* The batch that the next two are about, of this run and sensor. False: out of memory. */
bool weir_contexts_choose(struct weir_contexts *contexts, const struct weir_verdicts *verdicts, const char *run,
                          const char *sensor);

/* The number for a class, and for a column, of that batch; `index` is the model's. */
weir_err weir_contexts_class(struct weir_contexts *contexts, unsigned index, const char *class, uint32_t *out,
                             struct weir_error *error);
weir_err weir_contexts_column(struct weir_contexts *contexts, unsigned index, const char *column, uint32_t *out,
                              struct weir_error *error);

#endif
