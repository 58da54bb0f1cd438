#include "cli/options.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "cli/command.h"

static bool said(weir_err code, const struct weir_error *error)
{
    if (code != WEIR_OK)
        weir_log(WEIR_LOG_ERROR, "%s", error->text);
    return code == WEIR_OK;
}

weir_err weir_number_parse(const char *what, const char *text, uint64_t low, uint64_t high, uint64_t *out,
                           struct weir_error *error)
{
    char *end = NULL;
    errno = 0;
    unsigned long long value = strtoull(text, &end, 10);
    if (*text < '0' || *text > '9' || *end || errno || value < low || value > high)
        return weir_fail(error, WEIR_ERR_ARGUMENT, "%s %.100s: give a whole number from %llu to %llu", what, text,
                         (unsigned long long)low, (unsigned long long)high);
    *out = value;
    return WEIR_OK;
}

bool weir_option_number(const char *option, const char *text, uint64_t low, uint64_t high, uint64_t *out)
{
    struct weir_error error = {0};
    return said(weir_number_parse(option, text, low, high, out, &error), &error);
}

bool weir_option_real(const char *option, const char *text, double low, double high, double *out)
{
    char *end = NULL;
    errno = 0;
    double value = strtod(text, &end);
    if (end == text || *end || errno || !(value >= low && value <= high)) {
        weir_log(WEIR_LOG_ERROR, "%s %s: give a number from %g to %g", option, text, low, high);
        return false;
    }
    *out = value;
    return true;
}

static const struct {
    const char *unit;
    int64_t ns;
} units[] = {{"h", 3600000000000}, {"m", 60000000000}, {"s", 1000000000}, {"ms", 1000000}, {"us", 1000}, {"ns", 1}};

const char *weir_duration_text(int64_t ns, char text[static 32])
{
    size_t i = 0;
    while (ns % units[i].ns)
        i++;
    snprintf(text, 32, ns ? "%" PRId64 "%s" : "0", ns / units[i].ns, units[i].unit);
    return text;
}

/* -1: that is no duration. */
static int64_t duration(const char *text)
{
    char *end = NULL;
    errno = 0;
    double value = strtod(text, &end);
    if (end == text || errno || !(value >= 0))
        return -1;
    if (value == 0 && !*end)
        return 0;
    for (size_t i = 0; i < sizeof units / sizeof *units; i++)
        if (!strcmp(end, units[i].unit) && value * (double)units[i].ns < 9e18)
            return llround(value * (double)units[i].ns);
    return -1;
}

weir_err weir_duration_parse(const char *what, const char *text, int64_t low_ns, int64_t high_ns, int64_t *out_ns,
                             struct weir_error *error)
{
    char low[32], high[32];
    int64_t ns = duration(text);
    if (ns < 0)
        return weir_fail(error, WEIR_ERR_ARGUMENT, "%s %.100s: give a duration with its unit, such as 500us, 5ms or 2s", what,
                         text);
    if (ns < low_ns || ns > high_ns)
        return weir_fail(error, WEIR_ERR_ARGUMENT, "%s %.100s: give a duration from %s to %s", what, text,
                         weir_duration_text(low_ns, low), weir_duration_text(high_ns, high));
    *out_ns = ns;
    return WEIR_OK;
}

bool weir_option_duration(const char *option, const char *text, int64_t *out_ns)
{
    struct weir_error error = {0};
    return said(weir_duration_parse(option, text, 0, INT64_MAX, out_ns, &error), &error);
}

static void *must(void *memory)
{
    if (!memory) {
        weir_log(WEIR_LOG_ERROR, "out of memory while reading the command line");
        exit(WEIR_EXIT_FAILED);
    }
    return memory;
}

static void add_owned(struct weir_strings *list, char *text)
{
    list->item = must(realloc(list->item, (list->count + 1) * sizeof *list->item));
    list->item[list->count++] = text;
}

void weir_strings_add(struct weir_strings *list, const char *text)
{
    add_owned(list, must(strdup(text)));
}

void weir_strings_split(struct weir_strings *list, const char *text)
{
    char *copy = must(malloc(strlen(text) + 1));
    size_t n = 0;
    for (const char *c = text;; c++) {
        if (*c == '\\' && c[1] == ',') {
            copy[n++] = *++c;
        } else if (*c == ',' || !*c) {
            copy[n] = 0;
            if (n)
                weir_strings_add(list, copy);
            n = 0;
            if (!*c)
                break;
        } else {
            copy[n++] = *c;
        }
    }
    free(copy);
}

void weir_strings_free(struct weir_strings *list)
{
    for (size_t i = 0; i < list->count; i++)
        free(list->item[i]);
    free(list->item);
    *list = (struct weir_strings){0};
}

int weir_option_wrong(const char *command, int code, char *const *argv)
{
    const char *word = argv[optind - 1];
    if (code == ':')
        return weir_usage_error(command, "%s needs a value", word);
    if (!strncmp(word, "--", 2))
        return weir_usage_error(command, optopt ? "%s: this option takes no value" : "%s is not an option", word);
    return weir_usage_error(command, "-%c is not an option", optopt);
}

int weir_usage_error(const char *command, const char *format, ...)
{
    fprintf(stderr, "weir %s: ", command);
    va_list args;
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fprintf(stderr, "; see `weir %s --help`\n", command);
    return WEIR_EXIT_USAGE;
}
