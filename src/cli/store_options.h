/* Settings about the store that several commands have; each reads a value into its field (settings.h, `take`). One thread. */
#ifndef WEIR_CLI_STORE_OPTIONS_H
#define WEIR_CLI_STORE_OPTIONS_H

#include "cli/settings.h"

/* --rotate: uint64_t, bytes; "day" is 0. */
weir_err weir_take_rotate(void *field, const char *what, const char *value, struct weir_error *error);

/* --retention: struct weir_retention. */
weir_err weir_take_retention(void *field, const char *what, const char *value, struct weir_error *error);

/* --on-full: enum weir_on_full. */
weir_err weir_take_on_full(void *field, const char *what, const char *value, struct weir_error *error);

/* --store-memory: uint64_t, bytes. */
weir_err weir_take_store_memory(void *field, const char *what, const char *value, struct weir_error *error);

/* clang-format off */
#define WEIR_STORE_MEMORY_SETTING(PLACE)                                                                                         \
    {.name = "store-memory", .kind = WEIR_SETTING_WORD, .at = (PLACE), .take = weir_take_store_memory, .value = "SIZE",          \
     .text = "what DuckDB may hold to write the store (192MB); a query beside the writer\n"                                     \
             "gets 256 MB of its own while it runs"}
/* clang-format on */

/* A problem when the store is no folder and one of these was told; their places, or NULL. */
void weir_store_options_check(const char *store, const char *rotate, const char *retention, struct weir_problems *problems);

#endif
