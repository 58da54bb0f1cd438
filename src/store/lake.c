#include "store/lake.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "store/folder.h"
#include "store/output.h"
#include "store/schema.h"
#include "store/store.h"

/* Days since 1970 of a row's first packet. Sensors are not trusted to send times that there can be. */
#define DAY_SQL "CASE WHEN isfinite(v.stime) THEN v.stime::DATE - DATE '1970-01-01' ELSE 0 END"

struct weir_lake {
    char *folder;
    int64_t every_ns;
    /* of the file that is written */
    char id[20];
    uint64_t chunk, end; /* the next one, and where it begins */
    uint64_t base;       /* of the rows' numbers: those that somebody has deleted */
    uint64_t unwritten;  /* the first chunk that is cut and not written; equal to chunk: none */
    int64_t waits_ns;    /* monotonic: since when a row waits; 0: none */
};

static weir_err no_memory(struct weir_error *error)
{
    return weir_fail(error, WEIR_ERR_MEMORY, "lake: out of memory");
}

static weir_err make_folder(const char *path, struct weir_error *error)
{
    return mkdir(path, 0777) && errno != EEXIST ? weir_output_fail(path, errno, error) : WEIR_OK;
}

weir_err weir_lake_open(const char *folder, int64_t every_ns, struct weir_lake **out, struct weir_error *error)
{
    struct weir_lake *lake = *out = calloc(1, sizeof *lake);
    size_t length = strlen(folder);
    while (length > 1 && folder[length - 1] == '/')
        length--;
    if (!lake || !(lake->folder = strndup(folder, length))) {
        weir_lake_close(out);
        return no_memory(error);
    }
    lake->every_ns = every_ns ? every_ns : WEIR_LAKE_NS;
    weir_err code = make_folder(lake->folder, error);
    if (code != WEIR_OK)
        weir_lake_close(out);
    return code;
}

void weir_lake_close(struct weir_lake **lake)
{
    if (!lake || !*lake)
        return;
    free((*lake)->folder);
    free(*lake);
    *lake = NULL;
}

/* --- what of a file is in the lake --- */

static weir_err read_id(struct weir_lake *lake, struct weir_duck *duck, bool make, struct weir_error *error)
{
    duckdb_result result;
    lake->id[0] = 0;
    weir_err code = weir_duck_query(duck, "SELECT value FROM meta WHERE key = 'lake'", &result, error);
    if (code != WEIR_OK)
        return code;
    char *value = duckdb_row_count(&result) ? duckdb_value_varchar(&result, 0, 0) : NULL;
    snprintf(lake->id, sizeof lake->id, "%.16s", value ? value : "");
    duckdb_free(value);
    duckdb_destroy_result(&result);
    if (lake->id[0] || !make)
        return WEIR_OK;
    uint64_t id;
    char sql[80];
    if (getrandom(&id, sizeof id, 0) != sizeof id)
        return weir_fail(error, WEIR_ERR_IO, "lake: the system gives no random numbers");
    snprintf(lake->id, sizeof lake->id, "%016" PRIx64, id);
    snprintf(sql, sizeof sql, "INSERT INTO meta VALUES ('lake', '%s')", lake->id);
    return weir_duck_run(duck, sql, error);
}

static weir_err count_rows(struct weir_duck *duck, uint64_t *out, struct weir_error *error)
{
    return weir_duck_number(duck, "SELECT count(*)::UBIGINT FROM verdict_rows", out, error);
}

static weir_err begin(struct weir_lake *lake, struct weir_duck *duck, bool make, struct weir_error *error)
{
    uint64_t rows = 0, highest = 0;
    lake->waits_ns = 0;
    weir_err code = weir_duck_run(duck, WEIR_LAKE_SQL, error);
    if (code == WEIR_OK)
        code = read_id(lake, duck, make, error);
    if (code == WEIR_OK)
        code = count_rows(duck, &rows, error);
    if (code == WEIR_OK)
        code = weir_duck_number(duck, "SELECT coalesce(max(rowid) + 1, 0)::UBIGINT FROM verdict_rows", &highest, error);
    if (code == WEIR_OK)
        code = weir_duck_number(duck, "SELECT coalesce(max(chunk) + 1, 0)::UBIGINT FROM lake", &lake->chunk, error);
    if (code == WEIR_OK)
        code = weir_duck_number(duck, "SELECT coalesce(max(last), 0)::UBIGINT FROM lake", &lake->end, error);
    if (code == WEIR_OK)
        code = weir_duck_number(duck, "SELECT coalesce(min(chunk) FILTER (NOT written), max(chunk) + 1, 0)::UBIGINT FROM lake",
                                &lake->unwritten, error);
    lake->base = highest - rows;
    return code;
}

weir_err weir_lake_begin(struct weir_lake *lake, struct weir_duck *duck, struct weir_error *error)
{
    return begin(lake, duck, true, error);
}

/* --- files --- */

/* A name as a part of a path: as hive and its readers encode it. Free it. */
static char *encode(const char *text)
{
    char *out = malloc(3 * strlen(text) + 16), *at = out;
    for (; out && *text; text++) {
        unsigned char c = (unsigned char)*text;
        bool plain =
            (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' || c == '_' || c == '.';
        at += plain ? (*at = (char)c, 1) : sprintf(at, "%%%02X", c);
    }
    if (out)
        *at = 0;
    return out;
}

static void sync_path(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd >= 0) {
        fsync(fd);
        close(fd);
    }
}

/* The rows of one chunk, day and sensor, each with its reasons: a list, null for none. */
static weir_err copy_rows(struct weir_duck *duck, const char *range, const char *where, const char *path,
                          struct weir_error *error)
{
    char *sql = NULL, *quoted = weir_duck_quote(path);
    size_t size;
    FILE *to = quoted ? open_memstream(&sql, &size) : NULL;
    weir_err code = WEIR_ERR_MEMORY;
    if (to) {
        fputs("COPY (SELECT * EXCLUDE (sensor) FROM (", to);
        weir_schema_put_verdicts(to, ", b.reasons");
        fputs(" LEFT JOIN (SELECT r.context, r.flow_id, r.record, list_filter([", to);
        for (unsigned i = 0; i < WEIR_REASONS_MAX; i++)
            fprintf(to, "%s{'column_name': n.of[r.name_%u], 'value': r.value_%u, 'contribution': r.contribution_%u}",
                    i ? "," : "", i, i, i);
        fprintf(to,
                "], lambda x: x.column_name IS NOT NULL) AS reasons FROM reason_rows r,"
                " (SELECT map_from_entries(list((name, column_name))) AS of FROM column_names) n"
                " WHERE r.flow_id IN (SELECT flow_id FROM verdict_rows v WHERE v.alert AND %s)) b"
                " ON b.context = v.context AND b.flow_id = v.flow_id AND b.record = v.record WHERE %s))"
                " TO %s (FORMAT parquet, COMPRESSION zstd, USE_TMP_FILE false)",
                range, where, quoted);
        code = fclose(to) ? no_memory(error) : weir_duck_run(duck, sql, error);
    } else {
        no_memory(error);
    }
    free(sql);
    free(quoted);
    return code;
}

__attribute__((format(printf, 1, 2))) static char *text(const char *format, ...) /* NULL: out of memory */
{
    char *out;
    va_list args;
    va_start(args, format);
    int made = vasprintf(&out, format, args);
    va_end(args);
    return made < 0 ? NULL : out;
}

static weir_err write_file(struct weir_lake *lake, struct weir_duck *duck, uint64_t chunk, const char *range, int64_t day,
                           const char *sensor, struct weir_error *error)
{
    char date[40] = "", *encoded = encode(sensor), *quoted = weir_duck_quote(sensor);
    time_t seconds = (time_t)day * 86400;
    struct tm utc;
    if (!gmtime_r(&seconds, &utc) || !strftime(date, sizeof date, "%Y-%m-%d", &utc))
        snprintf(date, sizeof date, "1970-01-01");
    char *above = text("%s/date=%s", lake->folder, date);
    char *folder = encoded && above ? text("%s/sensor=%s", above, encoded) : NULL;
    char *path = folder ? text("%s/%s-%08" PRIu64 ".parquet", folder, lake->id, chunk) : NULL;
    char *beside = folder ? text("%s/.%s-%08" PRIu64 ".tmp", folder, lake->id, chunk) : NULL;
    char *where = quoted ? text("%s AND c.sensor = %s AND " DAY_SQL " = %" PRId64, range, quoted, day) : NULL;
    weir_err code = path && beside && where ? WEIR_OK : no_memory(error);
    if (code == WEIR_OK && (code = make_folder(above, error)) == WEIR_OK && (code = make_folder(folder, error)) == WEIR_OK &&
        (code = copy_rows(duck, range, where, beside, error)) == WEIR_OK) {
        sync_path(beside);
        if (rename(beside, path))
            code = weir_output_fail(path, errno, error);
        sync_path(folder);
    }
    if (beside && code != WEIR_OK)
        unlink(beside);
    free(encoded);
    free(quoted);
    free(above);
    free(folder);
    free(path);
    free(beside);
    free(where);
    return code;
}

/* One chunk: a file for each day and sensor. */
static weir_err write_chunk(struct weir_lake *lake, struct weir_duck *duck, uint64_t chunk, uint64_t first, uint64_t last,
                            struct weir_error *error)
{
    char range[96], sql[400];
    duckdb_result parts;
    snprintf(range, sizeof range, "v.rowid >= %" PRIu64 " AND v.rowid < %" PRIu64, first, last);
    snprintf(sql, sizeof sql,
             "SELECT DISTINCT (" DAY_SQL ")::BIGINT, c.sensor FROM verdict_rows v JOIN contexts c USING (context) WHERE %s",
             range);
    weir_err code = weir_duck_query(duck, sql, &parts, error);
    if (code != WEIR_OK)
        return code;
    for (idx_t i = 0; code == WEIR_OK && i < duckdb_row_count(&parts); i++) {
        char *sensor = duckdb_value_varchar(&parts, 1, i);
        code = sensor ? write_file(lake, duck, chunk, range, duckdb_value_int64(&parts, 0, i), sensor, error) : no_memory(error);
        duckdb_free(sensor);
    }
    duckdb_destroy_result(&parts);
    if (code != WEIR_OK)
        return code;
    snprintf(sql, sizeof sql, "UPDATE lake SET written = true WHERE chunk = %" PRIu64, chunk);
    return weir_duck_run(duck, sql, error);
}

/* What is cut and not written. */
static weir_err write_cut(struct weir_lake *lake, struct weir_duck *duck, struct weir_error *error)
{
    for (; lake->unwritten < lake->chunk; lake->unwritten++) {
        char sql[96];
        duckdb_result result;
        snprintf(sql, sizeof sql, "SELECT first, last FROM lake WHERE chunk = %" PRIu64 " AND NOT written", lake->unwritten);
        weir_err code = weir_duck_query(duck, sql, &result, error);
        if (code != WEIR_OK)
            return code;
        bool found = duckdb_row_count(&result) > 0;
        uint64_t first = found ? duckdb_value_uint64(&result, 0, 0) : 0, last = found ? duckdb_value_uint64(&result, 1, 0) : 0;
        duckdb_destroy_result(&result);
        if (found && (code = write_chunk(lake, duck, lake->unwritten, first, last, error)) != WEIR_OK)
            return code;
    }
    return WEIR_OK;
}

static weir_err cut(struct weir_lake *lake, struct weir_duck *duck, struct weir_error *error)
{
    uint64_t rows = 0;
    char sql[128];
    weir_err code = count_rows(duck, &rows, error);
    uint64_t last = lake->base + rows;
    if (code != WEIR_OK || last <= lake->end)
        return code;
    snprintf(sql, sizeof sql, "INSERT INTO lake VALUES (%" PRIu64 ", %" PRIu64 ", %" PRIu64 ", false)", lake->chunk, lake->end,
             last);
    if ((code = weir_duck_run(duck, sql, error)) != WEIR_OK)
        return code;
    lake->chunk++;
    lake->end = last;
    return WEIR_OK;
}

weir_err weir_lake_write(struct weir_lake *lake, struct weir_duck *duck, uint64_t rows, bool all, struct weir_error *error)
{
    int64_t now_ns = weir_clock_mono_ns();
    bool more = lake->base + rows > lake->end;
    if (more && !lake->waits_ns)
        lake->waits_ns = now_ns;
    weir_err code = write_cut(lake, duck, error); /* of before */
    bool due = all || lake->base + rows >= lake->end + WEIR_LAKE_ROWS || now_ns - lake->waits_ns >= lake->every_ns - 1;
    if (code != WEIR_OK || !more || !due)
        return code;
    lake->waits_ns = 0;
    if ((code = cut(lake, duck, error)) == WEIR_OK)
        code = write_cut(lake, duck, error);
    return code;
}

/* --- closed files --- */

static weir_err finish_file(struct weir_lake *lake, const char *path, bool *done, struct weir_error *error)
{
    struct weir_duck *duck = NULL;
    const struct weir_duck_config config = {.path = path, .threads = 1};
    struct weir_error inner = {0};
    weir_err code = weir_duck_open(&config, &duck, &inner);
    if (code == WEIR_OK && (code = begin(lake, duck, false, &inner)) == WEIR_OK) {
        uint64_t rows = 0;
        code = count_rows(duck, &rows, &inner);
        *done = !lake->id[0] || (lake->unwritten == lake->chunk && lake->base + rows == lake->end);
        if (code == WEIR_OK && !*done)
            code = weir_lake_write(lake, duck, rows, true, &inner);
    }
    weir_duck_close(&duck);
    return code == WEIR_OK ? WEIR_OK : weir_fail(error, code, "%s: %s", path, inner.text);
}

weir_err weir_lake_catch_up(struct weir_lake *lake, const char *folder, const char *except, struct weir_error *error)
{
    struct weir_folder_list list;
    struct weir_lake other = {.folder = lake->folder};
    bool done = false;
    weir_err code = weir_folder_list(folder, &list, error);
    for (size_t i = list.count; code == WEIR_OK && i-- > 0 && !done;) { /* the newest first; before a finished one all are */
        char *path = weir_folder_path(folder, list.file[i].name);
        if (!path)
            code = no_memory(error);
        else if (strcmp(path, except) != 0)
            code = finish_file(&other, path, &done, error);
        free(path);
    }
    weir_folder_list_fini(&list);
    return code;
}
