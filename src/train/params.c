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

static weir_err take_word(const struct weir_param *param, const char *algorithm, const char *value, double *out,
                          struct weir_error *error)
{
    char list[200];
    size_t used = 0;
    for (size_t i = 0; param->words[i]; i++) {
        if (!strcmp(param->words[i], value)) {
            *out = (double)i;
            return WEIR_OK;
        }
        used +=
            used < sizeof list ? (size_t)snprintf(list + used, sizeof list - used, "%s%s", i ? ", " : "", param->words[i]) : 0;
    }
    return weir_fail(error, WEIR_ERR_ARGUMENT, "%s: parameter %s=%.40s: it is one of %s", algorithm, param->name, value, list);
}

static weir_err take(const struct weir_param *param, const char *algorithm, const char *value, double *out,
                     struct weir_error *error)
{
    char *end;
    if (param->kind == WEIR_PARAM_WORD)
        return take_word(param, algorithm, value, out, error);
    double number = strtod(value, &end);
    bool good = end != value && !*end && number >= param->low && number <= param->high;
    if (good && param->kind == WEIR_PARAM_WHOLE)
        good = number == floor(number);
    if (!good)
        return weir_fail(error, WEIR_ERR_ARGUMENT, "%s: parameter %s=%.40s: give a %snumber from %.10g to %.10g", algorithm,
                         param->name, value, param->kind == WEIR_PARAM_WHOLE ? "whole " : "", param->low, param->high);
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
        err = take(&table[i], algorithm, table[i].value, &out->number[i], error);
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
        err = take(&table[at], algorithm, equals + 1, &out->number[at], error);
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

bool weir_params_is(const struct weir_params *params, const char *name, const char *word)
{
    size_t at = find(params->table, name, strlen(name));
    return !strcmp(params->table[at].words[(size_t)params->number[at]], word);
}

json_t *weir_params_json(const struct weir_params *params)
{
    json_t *all = json_object();
    for (size_t i = 0; all && params->table[i].name; i++) {
        const struct weir_param *param = &params->table[i];
        json_t *value = param->kind == WEIR_PARAM_WORD    ? json_string(param->words[(size_t)params->number[i]])
                        : param->kind == WEIR_PARAM_WHOLE ? json_integer((json_int_t)params->number[i])
                                                          : json_real(params->number[i]);
        json_object_set_new(all, param->name, value);
    }
    return all;
}
