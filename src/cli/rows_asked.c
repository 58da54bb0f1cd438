#include "cli/rows_asked.h"

#include <stdlib.h>
#include <string.h>

struct weir_rows_asked {
    struct weir_rows rows; /* first */
    struct weir_ask *ask;
    json_t *head, *line; /* the names are the head's, the cells the line's */
    const char **name, **type;
    enum weir_cell_kind *kind;
    struct weir_cell *cell;
    bool ended;
    struct weir_error failure; /* code WEIR_OK: none */
};

static const struct weir_cell *next(struct weir_rows *rows)
{
    struct weir_rows_asked *asked = (struct weir_rows_asked *)rows;
    json_decref(asked->line);
    asked->line = NULL;
    if (asked->ended || (asked->failure.code = weir_ask_next(asked->ask, &asked->line, &asked->failure)) != WEIR_OK)
        return NULL;
    if (json_is_object(asked->line)) {
        const char *problem = json_string_value(json_object_get(asked->line, "error"));
        asked->ended = true;
        rows->cut = json_is_true(json_object_get(asked->line, "cut"));
        if (problem)
            weir_fail(&asked->failure, WEIR_ERR_MISMATCH, "query: %s", problem);
        return NULL;
    }
    if (json_array_size(asked->line) != rows->columns) {
        weir_fail(&asked->failure, WEIR_ERR_FORMAT, "%s: a row has other columns than the head", weir_ask_path(asked->ask));
        return NULL;
    }
    for (size_t i = 0; i < rows->columns; i++) {
        const json_t *value = json_array_get(asked->line, i);
        asked->cell[i] = (struct weir_cell){json_string_value(value), json_string_length(value)};
    }
    return asked->cell;
}

static weir_err read_head(struct weir_rows_asked *asked, struct weir_error *error)
{
    static const char *const kinds[] = {
        [WEIR_CELL_TEXT] = "text", [WEIR_CELL_NUMBER] = "number", [WEIR_CELL_BOOLEAN] = "boolean", [WEIR_CELL_JSON] = "json"};
    const json_t *names = json_object_get(asked->head, "columns"), *types = json_object_get(asked->head, "types"),
                 *kind = json_object_get(asked->head, "kinds");
    size_t n = json_array_size(names);
    asked->name = calloc(n + 1, sizeof *asked->name);
    asked->type = calloc(n + 1, sizeof *asked->type);
    asked->kind = calloc(n + 1, sizeof *asked->kind);
    asked->cell = calloc(n + 1, sizeof *asked->cell);
    if (!asked->name || !asked->type || !asked->kind || !asked->cell)
        return weir_fail(error, WEIR_ERR_MEMORY, "query: out of memory");
    for (size_t i = 0; i < n; i++) {
        const char *text = json_string_value(json_array_get(kind, i));
        asked->name[i] = json_string_value(json_array_get(names, i));
        asked->type[i] = json_string_value(json_array_get(types, i));
        if (!asked->name[i] || !asked->type[i] || !text)
            return weir_fail(error, WEIR_ERR_FORMAT, "%s: the answer is not that of a query", weir_ask_path(asked->ask));
        for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++)
            if (!strcmp(kinds[k], text))
                asked->kind[i] = (enum weir_cell_kind)k;
    }
    asked->rows = (struct weir_rows){.columns = n, .name = asked->name, .type = asked->type, .kind = asked->kind, .next = next};
    return WEIR_OK;
}

weir_err weir_rows_asked_open(struct weir_ask *ask, const char *sql, const struct weir_rows_limits *limits,
                              struct weir_rows_asked **out, struct weir_error *error)
{
    *out = NULL;
    struct weir_rows_asked *asked = calloc(1, sizeof *asked);
    if (!asked)
        return weir_fail(error, WEIR_ERR_MEMORY, "query: out of memory");
    asked->ask = ask;
    weir_err code = weir_ask(ask,
                             json_pack("{s:s,s:s,s:I,s:I}", "do", "query", "sql", sql, "limit", (json_int_t)limits->rows,
                                       "timeout_ms", (json_int_t)((limits->timeout_ns + 999999) / 1000000)),
                             &asked->head, error);
    if (code == WEIR_OK)
        code = read_head(asked, error);
    if (code != WEIR_OK) {
        weir_rows_asked_close(&asked);
        return code;
    }
    *out = asked;
    return WEIR_OK;
}

weir_err weir_rows_asked_status(const struct weir_rows_asked *asked, struct weir_error *error)
{
    if (asked->failure.code != WEIR_OK && error)
        *error = asked->failure;
    return asked->failure.code;
}

void weir_rows_asked_close(struct weir_rows_asked **asked)
{
    if (!asked || !*asked)
        return;
    json_decref((*asked)->head);
    json_decref((*asked)->line);
    free((*asked)->name);
    free((*asked)->type);
    free((*asked)->kind);
    free((*asked)->cell);
    free(*asked);
    *asked = NULL;
}
