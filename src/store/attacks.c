#include "store/attacks.h"

#include <inttypes.h>

#include "data/duck.h"

/* One row a group: class, src, dest, alerts, flows, ports, first, last, score, why. The text of `why` is made here too: the three
 * columns with the largest summed contribution, each with its median value among the group's alerts. */
static const char groups_sql[] =
    "WITH a AS (SELECT flow_id, record, src_ip, dest_ip, dest_port, class, score, stime, ltime FROM verdicts"
    "           WHERE run = ? AND alert),"
    " g AS (SELECT class, src_ip, dest_ip, count(*) AS alerts, count(DISTINCT flow_id) AS flows, count(DISTINCT dest_port) AS ports,"
    "        min(dest_port) AS port, min(stime) AS begun, max(ltime) AS ended, max(score) AS score"
    "       FROM a GROUP BY ALL),"
    " w AS (SELECT class, src_ip, dest_ip, column_name, sum(contribution) AS moved, median(value) AS value"
    "       FROM a JOIN (SELECT * FROM reasons WHERE run = ?) r USING (flow_id, record)"
    "       GROUP BY ALL HAVING sum(contribution) > 0),"
    " n AS (SELECT *, row_number() OVER (PARTITION BY class, src_ip, dest_ip ORDER BY moved DESC, column_name) AS place FROM w),"
    " t AS (SELECT class, src_ip, dest_ip,"
    "        string_agg(column_name || ' ' || coalesce(printf('%.4g', value::DOUBLE), 'missing'), ', ' ORDER BY place) AS why"
    "       FROM n WHERE place <= 3 GROUP BY ALL)"
    " SELECT class, src_ip, dest_ip, alerts, flows, CASE WHEN ports = 0 THEN '-' WHEN ports = 1 THEN port::VARCHAR"
    "   ELSE ports::VARCHAR || ' ports' END, strftime(begun::TIMESTAMP, '%H:%M:%S'), epoch(ended::TIMESTAMP) - "
    "epoch(begun::TIMESTAMP),"
    "   score, coalesce(why, '') FROM g LEFT JOIN t USING (class, src_ip, dest_ip) ORDER BY alerts DESC, begun, src_ip, dest_ip, "
    "class";

static void print_groups(duckdb_result *result, unsigned limit, FILE *to)
{
    idx_t rows = duckdb_row_count(result);
    if (!rows) {
        fputs("no attacks found\n", to);
        return;
    }
    fprintf(to, "attacks found, most alerts first:\n");
    for (idx_t r = 0; r < rows && r < limit; r++) {
        char *text[10];
        for (idx_t c = 0; c < 10; c++)
            text[c] = duckdb_value_varchar(result, c, r);
        fprintf(to, "  %-10s %s > %s (%s), %s alerts in %s flows, from %s for %.1f s, score up to %.3f\n", text[0], text[1],
                text[2], text[5], text[3], text[4], text[6], duckdb_value_double(result, 7, r),
                duckdb_value_double(result, 8, r));
        if (text[9][0])
            fprintf(to, "             why: %s\n", text[9]);
        for (idx_t c = 0; c < 10; c++)
            duckdb_free(text[c]);
    }
    if (rows > limit)
        fprintf(to, "  ... and %" PRIu64 " more; `weir query` shows all\n", rows - limit);
}

weir_err weir_attacks_print(const char *path, const char *run, unsigned limit, FILE *to, struct weir_error *error)
{
    struct weir_duck *duck = NULL;
    duckdb_prepared_statement statement = NULL;
    duckdb_result result = {0};
    struct weir_duck_config config = {.path = path, .read_only = true};
    weir_err code = weir_duck_open(&config, &duck, error);
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
