#include "pipeline/request.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *name;
    enum weir_request_kind kind;
    const char *keys; /* that it knows, each after a blank, as messages print them */
} requests[] = {
    {"status", WEIR_REQUEST_STATUS, " do"},
    {"stop", WEIR_REQUEST_STOP, " do"},
    {"query", WEIR_REQUEST_QUERY, " do sql limit timeout_ms"},
    {"reload", WEIR_REQUEST_RELOAD, " do model"},
};

static bool knows(const char *keys, const char *key)
{
    size_t length = strlen(key);
    if (strchr(key, ' '))
        return false;
    for (const char *at = keys; length && (at = strstr(at, key)); at++)
        if (at[-1] == ' ' && (at[length] == ' ' || !at[length]))
            return true;
    return false;
}

/* A copy of a text that is there; false with a message when it is something else or empty. */
static bool take_text(const json_t *object, const char *key, char **out, weir_err *code, struct weir_error *error)
{
    const json_t *value = json_object_get(object, key);
    if (!value)
        return true;
    if (!json_is_string(value) || !json_string_length(value)) {
        *code = weir_fail(error, WEIR_ERR_FORMAT, "request: '%s' is a text", key);
        return false;
    }
    if (!(*out = strdup(json_string_value(value)))) {
        *code = weir_fail(error, WEIR_ERR_MEMORY, "request: out of memory");
        return false;
    }
    return true;
}

/* A whole number of at least 0; larger ones than `most`, and 0, count as `most`. */
static bool take_number(const json_t *object, const char *key, uint64_t most, uint64_t *out, weir_err *code,
                        struct weir_error *error)
{
    const json_t *value = json_object_get(object, key);
    if (!value)
        return true;
    if (!json_is_integer(value) || json_integer_value(value) < 0) {
        *code = weir_fail(error, WEIR_ERR_FORMAT, "request: '%s' is a whole number from 0", key);
        return false;
    }
    uint64_t number = (uint64_t)json_integer_value(value);
    *out = number && number < most ? number : most;
    return true;
}

weir_err weir_request_parse(const char *line, size_t length, struct weir_request *out, struct weir_error *error)
{
    weir_err code = WEIR_OK;
    json_error_t why;
    *out = (struct weir_request){.limit = WEIR_QUERY_ROWS};
    if (length > WEIR_REQUEST_BYTES + 1)
        return weir_fail(error, WEIR_ERR_LIMIT, "request: longer than %d bytes", WEIR_REQUEST_BYTES);
    json_t *object = json_loadb(line, length, JSON_REJECT_DUPLICATES, &why);
    if (!object)
        return weir_fail(error, WEIR_ERR_FORMAT, "request: no JSON object on one line: %.200s", why.text);
    const char *name = json_string_value(json_object_get(object, "do")), *keys = NULL;
    for (size_t i = 0; name && i < sizeof requests / sizeof *requests; i++)
        if (!strcmp(requests[i].name, name)) {
            out->kind = requests[i].kind;
            keys = requests[i].keys;
        }
    if (!keys) {
        code = weir_fail(error, WEIR_ERR_FORMAT, "request: 'do' is one of status, stop, query, reload");
        goto out;
    }
    const char *key;
    json_t *value;
    json_object_foreach(object, key, value) if (!knows(keys, key))
    {
        code = weir_fail(error, WEIR_ERR_FORMAT, "request: '%s' does not know '%.60s'; its keys:%s", name, key, keys);
        goto out;
    }
    uint64_t timeout_ms = WEIR_QUERY_SECONDS_MAX * 1000;
    if (!take_text(object, "sql", &out->sql, &code, error) || !take_text(object, "model", &out->model, &code, error) ||
        !take_number(object, "limit", WEIR_QUERY_ROWS_MAX, &out->limit, &code, error) ||
        !take_number(object, "timeout_ms", WEIR_QUERY_SECONDS_MAX * 1000, &timeout_ms, &code, error))
        goto out;
    out->timeout_ns = (int64_t)timeout_ms * 1000000;
    if (out->kind == WEIR_REQUEST_QUERY && !out->sql)
        code = weir_fail(error, WEIR_ERR_FORMAT, "request: a query needs 'sql'");
out:
    json_decref(object);
    if (code != WEIR_OK)
        weir_request_fini(out);
    return code;
}

void weir_request_fini(struct weir_request *request)
{
    free(request->sql);
    free(request->model);
    *request = (struct weir_request){0};
}
