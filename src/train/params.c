#include "train/params.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static size_t find(const struct weir_param *table, const char *name, size_t length)
{
    size_t i = 0;
    while (table[i].name && (strncmp(table[i].name, name, length) || table[i].name[length]))
        i++;
    return i;
}

static void list_names(const struct weir_param *table, char *text, size_t size)
{
    size_t used = 0;
    *text = 0;
    for (size_t i = 0; table[i].name && used < size; i++)
        used += (size_t)snprintf(text + used, size - used, "%s%s", i ? ", " : "", table[i].name);
}

/* The index of a word, or how many there are. `list`: all of them, for a message. */
static size_t find_word(const struct weir_param *param, const char *value, char *list, size_t size)
{
    size_t used = 0, i = 0;
    *list = 0;
    for (; param->words && param->words[i] && strcmp(param->words[i], value); i++)
        used += used < size ? (size_t)snprintf(list + used, size - used, "%s%s", i ? ", " : "", param->words[i]) : 0;
    return i;
}

static weir_err take_list(const struct weir_param *param, const char *algorithm, const char *value, double *out, uint32_t *list,
                          struct weir_error *error)
{
    size_t count = 0;
    const char *at = value;
    for (;;) {
        char *end;
        double number = strtod(at, &end);
        bool good = end != at && (*end == ',' || !*end) && number >= param->low && number <= param->high &&
                    number == floor(number) && count < WEIR_PARAMS_LIST_MAX;
        if (!good)
            return weir_fail(error, WEIR_ERR_ARGUMENT,
                             "%s: parameter %s=%.40s: give up to %d whole numbers from %.10g to %.10g with commas between them",
                             algorithm, param->name, value, WEIR_PARAMS_LIST_MAX, param->low, param->high);
        list[count++] = (uint32_t)number;
        if (!*end)
            break;
        at = end + 1;
    }
    *out = (double)count;
    return WEIR_OK;
}

static weir_err take(const struct weir_param *param, const char *algorithm, const char *value, double *out, uint32_t *numbers,
                     struct weir_error *error)
{
    char *end, list[200];
    size_t word = find_word(param, value, list, sizeof list);
    if (param->words && param->words[word]) {
        *out = param->kind == WEIR_PARAM_WORD ? (double)word : -1 - (double)word;
        return WEIR_OK;
    }
    if (param->kind == WEIR_PARAM_WORD)
        return weir_fail(error, WEIR_ERR_ARGUMENT, "%s: parameter %s=%.40s: it is one of %s", algorithm, param->name, value,
                         list);
    if (param->kind == WEIR_PARAM_LIST)
        return take_list(param, algorithm, value, out, numbers, error);
    double number = strtod(value, &end);
    bool good = end != value && !*end && number >= param->low && number <= param->high;
    if (good && param->kind == WEIR_PARAM_WHOLE)
        good = number == floor(number);
    if (!good)
        return weir_fail(error, WEIR_ERR_ARGUMENT, "%s: parameter %s=%.40s: give %s%sa %snumber from %.10g to %.10g", algorithm,
                         param->name, value, list, *list ? ", or " : "", param->kind == WEIR_PARAM_WHOLE ? "whole " : "",
                         param->low, param->high);
    *out = number;
    return WEIR_OK;
}

weir_err weir_params_read(const struct weir_param *table, const char *algorithm, const char *const *given, size_t count,
                          const char **more, size_t *more_count, struct weir_params *out, struct weir_error *error)
{
    weir_err err = WEIR_OK;
    *out = (struct weir_params){.table = table};
    if (more)
        *more_count = 0;
    for (size_t i = 0; table[i].name && !err; i++)
        err = take(&table[i], algorithm, table[i].value, &out->number[i], out->list, error);
    for (size_t k = 0; k < count && !err; k++) {
        const char *equals = strchr(given[k], '=');
        if (!equals || equals == given[k])
            return weir_fail(error, WEIR_ERR_ARGUMENT, "parameter '%.60s': write it name=value", given[k]);
        size_t at = find(table, given[k], (size_t)(equals - given[k]));
        if (!table[at].name && more) {
            more[(*more_count)++] = given[k];
            continue;
        }
        if (!table[at].name) {
            char list[360];
            list_names(table, list, sizeof list);
            return weir_fail(error, WEIR_ERR_ARGUMENT, "%s has no parameter '%.*s'%s%s", algorithm, (int)(equals - given[k]),
                             given[k], *list ? "; it has " : " and no other", list);
        }
        err = take(&table[at], algorithm, equals + 1, &out->number[at], out->list, error);
    }
    return err;
}

double weir_params_real(const struct weir_params *params, const char *name)
{
    return params->number[find(params->table, name, strlen(name))];
}

uint64_t weir_params_whole(const struct weir_params *params, const char *name)
{
    return (uint64_t)weir_params_real(params, name);
}

const uint32_t *weir_params_list(const struct weir_params *params, const char *name, size_t *count)
{
    *count = (size_t)weir_params_whole(params, name);
    return params->list;
}

bool weir_params_is(const struct weir_params *params, const char *name, const char *word)
{
    size_t at = find(params->table, name, strlen(name));
    double number = params->number[at];
    if (params->table[at].kind == WEIR_PARAM_REAL)
        number = -1 - number;
    return number >= 0 && !strcmp(params->table[at].words[(size_t)number], word);
}

static json_t *list_json(const struct weir_params *params, size_t count)
{
    char text[WEIR_PARAMS_LIST_MAX * 12];
    size_t used = 0;
    for (size_t i = 0; i < count; i++)
        used += (size_t)snprintf(text + used, sizeof text - used, "%s%u", i ? "," : "", params->list[i]);
    return json_string(text);
}

json_t *weir_params_json(const struct weir_params *params)
{
    json_t *all = json_object();
    for (size_t i = 0; all && params->table[i].name; i++) {
        const struct weir_param *param = &params->table[i];
        bool word = param->kind == WEIR_PARAM_REAL && param->words && params->number[i] < 0;
        json_t *value = param->kind == WEIR_PARAM_WORD    ? json_string(param->words[(size_t)params->number[i]])
                        : word                            ? json_string(param->words[(size_t)(-1 - params->number[i])])
                        : param->kind == WEIR_PARAM_LIST  ? list_json(params, (size_t)params->number[i])
                        : param->kind == WEIR_PARAM_WHOLE ? json_integer((json_int_t)params->number[i])
                                                          : json_real(params->number[i]);
        json_object_set_new(all, param->name, value);
    }
    return all;
}
