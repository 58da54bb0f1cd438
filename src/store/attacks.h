/* What a run found: its alerts grouped by who attacked whom and how. Reads the store through its own session; any one thread. */
#ifndef WEIR_STORE_ATTACKS_H
#define WEIR_STORE_ATTACKS_H

#include <stdio.h>

#include "weir/error.h"

/* Prints, for the alerts of `run` in the store at `path`, a line for each (source, destination, class), most alerts first, at
 * most `limit` of them, each with its span, ports, highest score and the features that moved the score most, and says how many
 * groups were left out. Prints "no attacks found" when there are none. Errors of weir_duck_open and weir_duck_query. */
weir_err weir_attacks_print(const char *path, const char *run, unsigned limit, FILE *to, struct weir_error *error);

#endif
