#include "store/outage.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "store/folder.h"

enum { FILES_MAX = 64 }; /* that are looked into for a sensor's last run */

weir_err weir_outage_put(struct weir_duck *duck, const struct weir_outage *outage, struct weir_error *error)
{
    char began[24], ended[24], withheld[24];
    snprintf(began, sizeof began, "%lld", (long long)(outage->began_ns / 1000));
    snprintf(ended, sizeof ended, "%lld", (long long)(outage->ended_ns / 1000));
    snprintf(withheld, sizeof withheld, "%lld", (long long)outage->withheld);
    const char *values[] = {outage->what,
                            outage->reason,
                            began,
                            outage->ended_ns ? ended : NULL,
                            outage->withheld < 0 ? NULL : withheld,
                            outage->run,
                            outage->sensor,
                            outage->boot,
                            outage->detail};
    return weir_duck_run_with(duck,
                              "INSERT INTO outages VALUES (?, ?, make_timestamp(?::BIGINT), make_timestamp(?::BIGINT),"
                              " ?::UBIGINT, ?::UUID, ?, ?::UBIGINT, ?)",
                              values, 9, error);
}

/* The first row of a query with one parameter as text; false: none. */
static weir_err first_row(struct weir_duck *duck, const char *sql, const char *value, char **cells, idx_t count, bool *found,
                          struct weir_error *error)
{
    duckdb_prepared_statement statement = NULL;
    duckdb_result result = {0};
    weir_err code = WEIR_OK;
    *found = false;
    if (duckdb_prepare(duck->connection, sql, &statement) != DuckDBSuccess)
        code = weir_duck_fail(duckdb_prepare_error(statement), error);
    else if (duckdb_bind_varchar(statement, 1, value) != DuckDBSuccess)
        code = weir_fail(error, WEIR_ERR_ARGUMENT, "the sensor's name is no text");
    else if (duckdb_execute_prepared(statement, &result) != DuckDBSuccess)
        code = weir_duck_fail(duckdb_result_error(&result), error);
    *found = code == WEIR_OK && duckdb_row_count(&result) > 0;
    for (idx_t i = 0; *found && i < count; i++)
        cells[i] = duckdb_value_varchar(&result, i, 0);
    duckdb_destroy_result(&result);
    duckdb_destroy_prepare(&statement);
    return code;
}

static void free_cells(char **cells, size_t count)
{
    for (size_t i = 0; i < count; i++)
        duckdb_free(cells[i]);
}

/* What is there of a killed run: a count, and the last batch of each lane. */
static weir_err describe(struct weir_duck *duck, struct weir_last_run *last, struct weir_error *error)
{
    char *cell[1] = {NULL};
    bool found;
    weir_err code =
        first_row(duck,
                  "WITH c AS (SELECT context, lane FROM contexts WHERE run = ?::UUID),"
                  " l AS (SELECT lane, count(*) AS n, max(seq) AS seq FROM verdict_rows JOIN c USING (context) GROUP BY lane)"
                  " SELECT coalesce(sum(n), 0) || ' verdicts committed' || coalesce('; last batches: ' ||"
                  " string_agg('lane ' || lane || ' seq ' || seq, ', ' ORDER BY lane), '') FROM l",
                  last->run, cell, 1, &found, error);
    snprintf(last->detail, sizeof last->detail, "%s", cell[0] ? cell[0] : "");
    free_cells(cell, 1);
    return code;
}

weir_err weir_outage_last_run(struct weir_duck *duck, const char *sensor, struct weir_last_run *out, struct weir_error *error)
{
/* runs that have a sensor_id are other processes'; version 2 did not know them */
#define LAST_RUN(own)                                                                                                            \
    "SELECT run::VARCHAR, boot::VARCHAR, ended IS NULL,"                                                                         \
    " epoch_us(greatest(started, (SELECT max(time) FROM health h WHERE h.run = r.run)))"                                         \
    " FROM runs r WHERE sensor = ?" own " ORDER BY boot DESC, started DESC LIMIT 1"
    char *cell[4] = {NULL};
    *out = (struct weir_last_run){0};
    weir_err code = first_row(duck, LAST_RUN(" AND sensor_id IS NULL"), sensor, cell, 4, &out->found, error);
    if (code == WEIR_ERR_LIBRARY)
        code = first_row(duck, LAST_RUN(""), sensor, cell, 4, &out->found, error);
    if (out->found) {
        snprintf(out->run, sizeof out->run, "%s", cell[0] ? cell[0] : "");
        snprintf(out->boot, sizeof out->boot, "%s", cell[1] ? cell[1] : "0");
        out->killed = cell[2] && !strcmp(cell[2], "true");
        out->sign_ns = cell[3] ? strtoll(cell[3], NULL, 10) * 1000 : 0;
    }
    free_cells(cell, 4);
    if (code == WEIR_OK && out->killed)
        code = describe(duck, out, error);
    return code;
}

static int64_t written_ns(const char *path)
{
    struct stat info;
    return stat(path, &info) ? 0 : (int64_t)info.st_mtim.tv_sec * 1000000000 + info.st_mtim.tv_nsec;
}

int64_t weir_outage_written_ns(const char *path)
{
    char *log = NULL;
    if (asprintf(&log, "%s.wal", path) < 0)
        return written_ns(path);
    int64_t file = written_ns(path), wal = written_ns(log);
    free(log);
    return file > wal ? file : wal;
}

/* One closed file. What cannot be read says nothing. */
static void look_into(const char *path, const char *sensor, struct weir_last_run *out)
{
    struct weir_duck *duck = NULL;
    struct weir_duck_config config = {.path = path, .read_only = true, .threads = 1};
    if (weir_duck_open(&config, &duck, NULL) != WEIR_OK || weir_outage_last_run(duck, sensor, out, NULL) != WEIR_OK)
        *out = (struct weir_last_run){0};
    weir_duck_close(&duck);
    int64_t written = weir_outage_written_ns(path);
    if (out->found && written > out->sign_ns)
        out->sign_ns = written;
}

weir_err weir_outage_last_run_in(const char *folder, const char *except, const char *sensor, struct weir_last_run *out,
                                 struct weir_error *error)
{
    struct weir_folder_list list;
    *out = (struct weir_last_run){0};
    weir_err code = weir_folder_list(folder, &list, error);
    for (size_t i = list.count, looked = 0; i-- > 0 && looked < FILES_MAX && !out->found; looked++) {
        char *path = weir_folder_path(folder, list.file[i].name);
        if (path && strcmp(path, except) != 0)
            look_into(path, sensor, out);
        free(path);
    }
    weir_folder_list_fini(&list);
    return code;
}
