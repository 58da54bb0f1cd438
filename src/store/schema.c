#include "store/schema.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "features/protocols.h"
#include "flow/record.h"
#include "store/store.h"

/* what the store lacks and why: store/outage.h */
#define OUTAGES_SQL                                                                                                              \
    "CREATE TABLE outages(what VARCHAR, reason VARCHAR, began TIMESTAMP, ended TIMESTAMP, withheld UBIGINT, run UUID,"           \
    " sensor VARCHAR, boot UBIGINT, detail VARCHAR);"

/* the batches of other processes' sensors that the store has: store/marks.h */
#define MARKS_SQL                                                                                                                \
    "CREATE TABLE marks(mark UINTEGER, sensor UUID, boot UBIGINT, lane UINTEGER, next UBIGINT, above VARCHAR, changed "          \
    "TIMESTAMP,"                                                                                                                 \
    " closed BOOLEAN);"

static const char tables_sql[] =
    "CREATE TABLE meta(key VARCHAR, value VARCHAR);"
    "CREATE TABLE runs(run UUID, sensor VARCHAR, boot UBIGINT, started TIMESTAMP, ended TIMESTAMP, command VARCHAR,"
    " version VARCHAR, account VARCHAR, sensor_id UUID);"
    "CREATE TABLE health(run UUID, time TIMESTAMP, account VARCHAR);" OUTAGES_SQL MARKS_SQL WEIR_LAKE_SQL
    /* what many rows share */
    "CREATE TABLE contexts(context UINTEGER, run UUID, sensor VARCHAR, boot UBIGINT, lane UINTEGER, feature_set VARCHAR,"
    " model VARCHAR, threshold FLOAT, class VARCHAR);"
    /* random numbers and scores do not get smaller: nothing is tried on them */
    "CREATE TABLE verdict_rows(context UINTEGER, flow_id UUID USING COMPRESSION uncompressed, record UINTEGER, reason UTINYINT, "
    "stime TIMESTAMP_NS,"
    " ltime TIMESTAMP_NS, proto UTINYINT, src_ip VARCHAR, src_port USMALLINT, dest_ip VARCHAR, dest_port USMALLINT,"
    " score FLOAT USING COMPRESSION uncompressed,"
    " alert BOOLEAN, seq UBIGINT, \"row\" USMALLINT, decision_us BIGINT);"
    "CREATE TABLE column_names(name UINTEGER, column_name VARCHAR);"
    /* one row an alert: the features that moved its score, name_0 the one that moved it most */
    "CREATE TABLE reason_rows(context UINTEGER, flow_id UUID, record UINTEGER,"
    " name_0 UINTEGER, name_1 UINTEGER, name_2 UINTEGER, name_3 UINTEGER, name_4 UINTEGER,"
    " value_0 FLOAT, value_1 FLOAT, value_2 FLOAT, value_3 FLOAT, value_4 FLOAT,"
    " contribution_0 FLOAT, contribution_1 FLOAT, contribution_2 FLOAT, contribution_3 FLOAT, contribution_4 FLOAT);";

_Static_assert(WEIR_REASONS_MAX == 5, "reason_rows has as many names, values and contributions");

static weir_err no_memory(struct weir_error *error)
{
    return weir_fail(error, WEIR_ERR_MEMORY, "store: out of memory");
}

/* The first cell of a query as text; *out is NULL for no row or NULL. Free it with duckdb_free. */
static weir_err first_cell(struct weir_duck *duck, const char *sql, char **out, struct weir_error *error)
{
    duckdb_result result;
    *out = NULL;
    weir_err code = weir_duck_query(duck, sql, &result, error);
    if (code != WEIR_OK)
        return code;
    *out = duckdb_value_varchar(&result, 0, 0);
    duckdb_destroy_result(&result);
    return WEIR_OK;
}

static weir_err create_tables(struct weir_duck *duck, struct weir_error *error)
{
    char version[80];
    snprintf(version, sizeof version, "INSERT INTO meta VALUES ('schema', '%d'), ('weir', '" WEIR_VERSION "')",
             WEIR_STORE_SCHEMA);
    weir_err code = weir_duck_run(duck, tables_sql, error);
    return code == WEIR_OK ? weir_duck_run(duck, version, error) : code;
}

void weir_schema_put_verdicts(FILE *to, const char *more)
{
    fputs("SELECT v.flow_id, v.record, ([", to);
    for (unsigned i = 0; i < WEIR_REASON_COUNT; i++)
        fprintf(to, "%s'%s'", i ? "," : "", weir_reason_name((enum weir_reason)i));
    fputs("])[v.reason + 1] AS reason, v.stime, v.ltime, ([", to);
    for (unsigned i = 0; i < 256; i++)
        fprintf(to, "%s'%s'", i ? "," : "", weir_protocol_names[i]);
    fprintf(to,
            "])[v.proto::INTEGER + 1] AS proto, v.src_ip, v.src_port, v.dest_ip, v.dest_port, c.feature_set, c.class, v.score,"
            " c.threshold, v.alert, c.model, c.run, c.sensor, c.boot, c.lane, v.seq, v.\"row\", v.decision_us%s"
            " FROM verdict_rows v JOIN contexts c USING (context)",
            more);
}

static void put_reasons_view(FILE *to)
{
    fputs("CREATE OR REPLACE VIEW reasons AS ", to);
    for (unsigned i = 0; i < WEIR_REASONS_MAX; i++)
        fprintf(to,
                "%sSELECT r.flow_id, r.record, %u::UTINYINT AS rank, n.column_name, r.value_%u AS value,"
                " r.contribution_%u AS contribution, c.run"
                " FROM reason_rows r JOIN column_names n ON n.name = r.name_%u JOIN contexts c USING (context)",
                i ? " UNION ALL " : "", i, i, i, i);
    fputs(";", to);
}

static weir_err create_views(struct weir_duck *duck, struct weir_error *error)
{
    char *sql = NULL;
    size_t size;
    FILE *to = open_memstream(&sql, &size);
    if (!to)
        return no_memory(error);
    fputs("CREATE OR REPLACE VIEW verdicts AS ", to);
    weir_schema_put_verdicts(to, "");
    fputc(';', to);
    put_reasons_view(to);
    weir_err code = fclose(to) ? no_memory(error) : weir_duck_run(duck, sql, error);
    free(sql);
    return code;
}

/* The store's steps. Version 1 is the first. A change of tables_sql raises WEIR_STORE_SCHEMA and adds the step that leads there.
 */
static const struct weir_migration steps[] = {{1, OUTAGES_SQL},
                                              {2, "ALTER TABLE runs ADD COLUMN sensor_id UUID;" MARKS_SQL WEIR_LAKE_SQL}};
static const struct weir_migrations own = {WEIR_STORE_SCHEMA, steps, sizeof steps / sizeof *steps};

static weir_err migrate(struct weir_duck *duck, const struct weir_migrations *migrations, const char *found,
                        struct weir_error *error)
{
    char *end, sql[80];
    long version = strtol(found, &end, 10);
    if (*end || end == found)
        return weir_fail(error, WEIR_ERR_MISMATCH, "'%.40s' is no schema version of a store; give another path", found);
    if (version > migrations->version)
        return weir_fail(error, WEIR_ERR_MISMATCH,
                         "a store with schema version %ld, of a newer weir; this one (" WEIR_VERSION
                         ") writes version %d: give another path or use the newer weir",
                         version, migrations->version);
    if (version == migrations->version)
        return WEIR_OK;
    for (long at = version; at < migrations->version; at++) {
        const struct weir_migration *step = NULL;
        struct weir_error inner = {0};
        for (size_t i = 0; i < migrations->count && !step; i++)
            if (migrations->step[i].from == at)
                step = &migrations->step[i];
        if (!step)
            return weir_fail(error, WEIR_ERR_MISMATCH,
                             "a store with schema version %ld, too old for this weir (" WEIR_VERSION
                             "), which writes version %d: give another path; `weir query` still reads the old one",
                             version, migrations->version);
        weir_err code = weir_duck_run(duck, step->sql, &inner);
        if (code != WEIR_OK)
            return weir_fail(error, code, "cannot be brought from schema version %ld to %ld: %s", at, at + 1, inner.text);
    }
    snprintf(sql, sizeof sql, "UPDATE meta SET value = '%d' WHERE key = 'schema'", migrations->version);
    weir_err code = weir_duck_run(duck, sql, error);
    if (code == WEIR_OK)
        weir_log(WEIR_LOG_INFO, "store: brought from schema version %ld to %d", version, migrations->version);
    return code;
}

weir_err weir_schema_prepare_with(struct weir_duck *duck, const struct weir_migrations *migrations, struct weir_error *error)
{
    char *tables = NULL, *version = NULL;
    weir_err code =
        first_cell(duck, "SELECT count(*) FROM duckdb_tables() WHERE database_name = current_database()", &tables, error);
    if (code != WEIR_OK)
        goto out;
    if (!tables) {
        code = no_memory(error);
        goto out;
    }
    if (atoi(tables) == 0) {
        code = create_tables(duck, error);
    } else if ((code = first_cell(duck, "SELECT value FROM meta WHERE key = 'schema'", &version, error)) != WEIR_OK &&
               code != WEIR_ERR_LIBRARY) {
        goto out; /* the file cannot be read: other tables would be a library error */
    } else if (!version) {
        code = weir_fail(error, WEIR_ERR_MISMATCH, "a database with other tables, no store of weir; give another path");
    } else {
        code = migrate(duck, migrations, version, error);
    }
    if (code == WEIR_OK)
        code = create_views(duck, error);
out:
    duckdb_free(tables);
    duckdb_free(version);
    return code;
}

weir_err weir_schema_prepare(struct weir_duck *duck, struct weir_error *error)
{
    return weir_schema_prepare_with(duck, &own, error);
}
