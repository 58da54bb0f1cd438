/* Parameters of algorithms: each has a table of its own, users give "name=value". One thread. */
#ifndef WEIR_TRAIN_PARAMS_H
#define WEIR_TRAIN_PARAMS_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "weir/error.h"

enum weir_param_kind {
    WEIR_PARAM_REAL,  /* low to high; with `words` also one of them: -1 - its index, so that low is not below 0 */
    WEIR_PARAM_WHOLE, /* low to high */
    WEIR_PARAM_WORD,  /* one of `words` */
    WEIR_PARAM_LIST,  /* whole numbers from low to high with commas between them; a table has at most one */
};

struct weir_param {
    const char *name; /* NULL ends a table */
    enum weir_param_kind kind;
    const char *value; /* the default, as a user would write it */
    double low, high;
    const char *const *words; /* NULL-terminated; NULL: none */
    const char *text;         /* for the help */
};

#define WEIR_PARAMS_MAX      24
#define WEIR_PARAMS_LIST_MAX 8

/* The values of a table's parameters, by their place in it. */
struct weir_params {
    const struct weir_param *table;
    double number[WEIR_PARAMS_MAX]; /* of a word its index, or as WEIR_PARAM_REAL says; of a list how many it has */
    uint32_t list[WEIR_PARAMS_LIST_MAX];
};

/* The defaults, then `given`: "name=value" texts, the last one wins. more: [count], gets those that the table has not,
 * *more_count of them; NULL: they are wrong. WEIR_ERR_ARGUMENT names algorithm, parameter and what is possible. */
weir_err weir_params_read(const struct weir_param *table, const char *algorithm, const char *const *given, size_t count,
                          const char **more, size_t *more_count, struct weir_params *out, struct weir_error *error);

/* The value of a parameter that the table has. */
double weir_params_real(const struct weir_params *params, const char *name);
uint64_t weir_params_whole(const struct weir_params *params, const char *name);
/* The numbers of the table's list; *count: how many. */
const uint32_t *weir_params_list(const struct weir_params *params, const char *name, size_t *count);
bool weir_params_is(const struct weir_params *params, const char *name, const char *word);

/* {"name": value, ...} of all, for a card. NULL: out of memory. The caller owns it. */
json_t *weir_params_json(const struct weir_params *params);

#endif
