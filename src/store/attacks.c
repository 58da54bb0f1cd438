#include "store/attacks.h"

#include <inttypes.h>
#include <math.h>
#include <stdbool.h>

#include "data/duck.h"
#include "features/view.h"
#include "store/shelf.h"

enum { WHY = 3 }; /* columns shown for a group */

/* One row a group: class, src, dest, alerts, flows, ports, begin, span, score, and the names and median values of the columns
 * with the largest summed contribution among the group's alerts, as far as they speak for an attack. */
static const char groups_sql[] =
    "WITH a AS (SELECT flow_id, record, src_ip, dest_ip, dest_port, class, score, stime, ltime, feature_set FROM verdicts"
    "           WHERE run = ? AND alert),"
    " g AS (SELECT class, src_ip, dest_ip, count(*) AS alerts, count(DISTINCT flow_id) AS flows, count(DISTINCT dest_port) AS "
    "ports,"
    "        min(dest_port) AS port, min(stime) AS begun, max(ltime) AS ended, max(score) AS score, any_value(feature_set) AS "
    "view"
    "       FROM a GROUP BY ALL),"
    " w AS (SELECT class, src_ip, dest_ip, column_name, sum(contribution) AS moved, quantile_disc(value, 0.5) AS value"
    "       FROM a JOIN (SELECT * FROM reasons WHERE run = ?) r USING (flow_id, record)"
    "       GROUP BY ALL HAVING sum(contribution) > 0),"
    " t AS (SELECT class, src_ip, dest_ip, list(column_name ORDER BY moved DESC, column_name) AS names,"
    "        list(value ORDER BY moved DESC, column_name) AS values FROM w GROUP BY ALL)"
    " SELECT class, src_ip, dest_ip, alerts::VARCHAR, flows::VARCHAR, CASE WHEN ports = 0 THEN 'no port'"
    "   WHEN ports = 1 THEN 'port ' || port ELSE ports || ' ports' END, strftime(begun::TIMESTAMP, '%Y-%m-%d %H:%M:%S'),"
    "   epoch(ended::TIMESTAMP) - epoch(begun::TIMESTAMP), score, view, names[1], values[1], names[2], values[2], names[3], "
    "values[3]"
    " FROM g LEFT JOIN t USING (class, src_ip, dest_ip) ORDER BY alerts DESC, begun, src_ip, dest_ip, class";

/* " state RST" or " rate 3333": categories by name, as the view knows them. */
static void print_cause(const struct weir_view *view, const char *name, bool missing, double value, FILE *to)
{
    int index = view ? weir_view_column(view, name) : -1;
    const struct weir_column *column = index < 0 ? NULL : &view->columns[index];
    if (missing || isnan(value))
        fprintf(to, "%s missing", name);
    else if (column && column->type == WEIR_COLUMN_CATEGORY && weir_column_text(column, value))
        fprintf(to, "%s %s", name, weir_column_text(column, value));
    else
        fprintf(to, "%s %.6g", name, value);
}

static void print_group(duckdb_result *result, idx_t row, FILE *to)
{
    enum { TEXTS = 7, SPAN = 7, SCORE = 8, VIEW = 9, NAMES = 10 };
    char *text[TEXTS], *view = duckdb_value_varchar(result, VIEW, row);
    for (idx_t c = 0; c < TEXTS; c++)
        text[c] = duckdb_value_varchar(result, c, row);
    fprintf(to, "  %s > %s, %s: %s, alerts %s, flows %s, score up to %.3f\n      %s, %.1f s", text[1], text[2], text[5], text[0],
            text[3], text[4], duckdb_value_double(result, SCORE, row), text[6], duckdb_value_double(result, SPAN, row));
    for (idx_t i = 0; i < WHY && !duckdb_value_is_null(result, NAMES + 2 * i, row); i++) {
        char *name = duckdb_value_varchar(result, NAMES + 2 * i, row);
        fputs(i ? ", " : "; because ", to);
        print_cause(view ? weir_view_find(view) : NULL, name, duckdb_value_is_null(result, NAMES + 2 * i + 1, row),
                    duckdb_value_double(result, NAMES + 2 * i + 1, row), to);
        duckdb_free(name);
    }
    fputc('\n', to);
    for (idx_t c = 0; c < TEXTS; c++)
        duckdb_free(text[c]);
    duckdb_free(view);
}

static void print_groups(duckdb_result *result, unsigned limit, FILE *to)
{
    idx_t rows = duckdb_row_count(result);
    fputs(rows ? "attacks found, most alerts first:\n" : "no attacks found\n", to);
    for (idx_t r = 0; r < rows && r < limit; r++)
        print_group(result, r, to);
    if (rows > limit)
        fprintf(to, "  ... and %" PRIu64 " more; `weir query` shows all\n", rows - limit);
}

weir_err weir_attacks_print(const char *path, const char *run, unsigned limit, FILE *to, struct weir_error *error)
{
    struct weir_duck *duck = NULL;
    duckdb_prepared_statement statement = NULL;
    duckdb_result result = {0};
    weir_err code = weir_shelf_open(path, &duck, error);
    if (code != WEIR_OK)
        return code;
    if (duckdb_prepare(duck->connection, groups_sql, &statement) != DuckDBSuccess)
        code = weir_fail(error, WEIR_ERR_LIBRARY, "%s: %s", path, duckdb_prepare_error(statement));
    else if (duckdb_bind_varchar(statement, 1, run) != DuckDBSuccess || duckdb_bind_varchar(statement, 2, run) != DuckDBSuccess ||
             duckdb_execute_prepared(statement, &result) != DuckDBSuccess)
        code = weir_fail(error, WEIR_ERR_LIBRARY, "%s: %s", path, duckdb_result_error(&result));
    else
        print_groups(&result, limit, to);
    duckdb_destroy_result(&result);
    duckdb_destroy_prepare(&statement);
    weir_duck_close(&duck);
    return code;
}
