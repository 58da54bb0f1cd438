#include "cli/rows_local.h"

#include <stdlib.h>

#include "store/sql.h"

struct weir_rows_local {
    struct weir_rows rows; /* first */
    struct weir_sql *session;
    struct weir_answer *answer;
    const char **name, **type;
    enum weir_cell_kind *kind;
};

static const struct weir_cell *next(struct weir_rows *rows)
{
    struct weir_answer *answer = ((struct weir_rows_local *)rows)->answer;
    const struct weir_cell *cell = weir_answer_next(answer);
    if (!cell)
        rows->cut = weir_answer_cut(answer);
    return cell;
}

weir_err weir_rows_local_open(const char *store, const char *sql, const struct weir_rows_limits *limits,
                              struct weir_rows_local **out, struct weir_error *error)
{
    *out = NULL;
    struct weir_rows_local *local = calloc(1, sizeof *local);
    if (!local)
        return weir_fail(error, WEIR_ERR_MEMORY, "query: out of memory");
    weir_err code = weir_sql_open(store, limits->memory_mib << 20, &local->session, error);
    if (code == WEIR_OK)
        code = weir_sql_run(local->session, sql, limits->rows, limits->timeout_ns, &local->answer, error);
    if (code != WEIR_OK)
        goto fail;
    size_t n = weir_answer_columns(local->answer);
    local->name = calloc(n + 1, sizeof *local->name);
    local->type = calloc(n + 1, sizeof *local->type);
    local->kind = calloc(n + 1, sizeof *local->kind);
    if (!local->name || !local->type || !local->kind) {
        code = weir_fail(error, WEIR_ERR_MEMORY, "query: out of memory");
        goto fail;
    }
    for (size_t i = 0; i < n; i++) {
        local->name[i] = weir_answer_name(local->answer, i);
        local->type[i] = weir_answer_type(local->answer, i);
        local->kind[i] = weir_answer_kind(local->answer, i);
    }
    local->rows = (struct weir_rows){.columns = n, .name = local->name, .type = local->type, .kind = local->kind, .next = next};
    *out = local;
    return WEIR_OK;
fail:
    weir_rows_local_close(&local);
    return code;
}

void weir_rows_local_close(struct weir_rows_local **local)
{
    if (!local || !*local)
        return;
    weir_answer_free(&(*local)->answer);
    weir_sql_close(&(*local)->session);
    free((*local)->name);
    free((*local)->type);
    free((*local)->kind);
    free(*local);
    *local = NULL;
}
