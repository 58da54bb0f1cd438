/* Small parsers for option values; each prints one line to stderr and returns false for a value that does not fit. One thread. */
#ifndef WEIR_CLI_OPTIONS_H
#define WEIR_CLI_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "weir/error.h"

/* A whole number in [low, high]. `option` ("--lanes") is for the message. */
bool weir_option_number(const char *option, const char *text, uint64_t low, uint64_t high, uint64_t *out);

/* A real number in [low, high]. */
bool weir_option_real(const char *option, const char *text, double low, double high, double *out);

/* A duration with a unit: 500us, 5ms, 2s, 1m, 0 -> nanoseconds. */
bool weir_option_duration(const char *option, const char *text, int64_t *out_ns);

/* The same, with the message left in `error` instead of printed. WEIR_ERR_ARGUMENT. Durations: low to high, in nanoseconds. */
weir_err weir_number_parse(const char *what, const char *text, uint64_t low, uint64_t high, uint64_t *out,
                           struct weir_error *error);
weir_err weir_duration_parse(const char *what, const char *text, int64_t low_ns, int64_t high_ns, int64_t *out_ns,
                             struct weir_error *error);

/* "500us", "5ms", "0": a duration in the largest unit that leaves a whole number. Returns `text`. */
const char *weir_duration_text(int64_t ns, char text[static 32]);

/* A list of strings; all memory is its own. Start with {0}. */
struct weir_strings {
    char **item;
    size_t count;
};

/* Adds a copy. Exits the process with a message when memory is out. */
void weir_strings_add(struct weir_strings *list, const char *text);

/* Splits at commas, "\," stands for a comma inside an item, and adds the items. Empty items are kept out. */
void weir_strings_split(struct weir_strings *list, const char *text);
void weir_strings_free(struct weir_strings *list);

/* For what getopt_long returns when it finds no option it knows (its option string begins with ':', so that it is silent): says
 * which one is wrong, and how, as weir_usage_error does. `code`: what it returned. */
int weir_option_wrong(const char *command, int code, char *const *argv);

/* Prints "weir CMD: text" and a hint to --help, returns WEIR_EXIT_USAGE. */
int weir_usage_error(const char *command, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
