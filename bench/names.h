/* Lists of names joined by commas, as the benches' options take them. Any thread. */
#ifndef WEIR_BENCH_NAMES_H
#define WEIR_BENCH_NAMES_H

#include <stdbool.h>

bool weir_names_have(const char *list, const char *name);

/* Where in the list the first name is that `known` does not have; NULL: none. */
const char *weir_names_unknown(const char *list, const char *known);

#endif
