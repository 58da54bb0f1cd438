#include "store/shelf.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "base/log.h"
#include "store/folder.h"

/* Every file takes a descriptor or two. */
static void allow_files(size_t count)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) || limit.rlim_cur >= 2 * count + 64)
        return;
    limit.rlim_cur = 2 * count + 64 < limit.rlim_max ? 2 * count + 64 : limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

static weir_err has_table(struct weir_duck *duck, size_t file, const char *table, bool *has, struct weir_error *error)
{
    char sql[128];
    uint64_t count = 0;
    snprintf(sql, sizeof sql, "SELECT count(*)::UBIGINT FROM duckdb_tables() WHERE database_name = 'f%zu' AND table_name = '%s'",
             file, table);
    weir_err code = weir_duck_number(duck, sql, &count, error);
    *has = count > 0;
    return code;
}

/* A file whose process was killed before its tables were there: nothing was ever committed to it. */
static weir_err let_unborn_go(struct weir_duck *duck, size_t i, const char *path, struct weir_error *error)
{
    char sql[64];
    bool has;
    weir_err code = has_table(duck, i, "verdict_rows", &has, error);
    if (code != WEIR_OK || has)
        return code;
    snprintf(sql, sizeof sql, "DETACH f%zu", i);
    code = weir_duck_run(duck, sql, error);
    return code == WEIR_OK ? weir_fail(error, WEIR_ERR_NOT_FOUND, "%s: no tables", path) : code;
}

/* Attaches file `i` as f<i>. WEIR_ERR_NOT_FOUND also when nothing was ever committed to it. */
static weir_err attach(struct weir_duck *duck, const char *folder, const char *name, size_t i, struct weir_error *error)
{
    char *path = weir_folder_path(folder, name), *quoted = path ? weir_duck_quote(path) : NULL, *sql = NULL;
    weir_err code;
    if (!quoted || asprintf(&sql, "ATTACH %s AS f%zu (READ_ONLY)", quoted, i) < 0)
        code = weir_fail(error, WEIR_ERR_MEMORY, "%s: out of memory", folder);
    else if ((code = weir_duck_run(duck, sql, error)) == WEIR_OK)
        code = let_unborn_go(duck, i, path, error);
    else if (weir_folder_half_made(path))
        code = WEIR_ERR_NOT_FOUND;
    free(sql);
    free(quoted);
    free(path);
    return code;
}

/* The views of all attached files, and of `first` (NULL: none); a column that an older file lacks is null there. */
static weir_err create_views(struct weir_duck *duck, const char *first, const size_t *attached, size_t count,
                             struct weir_error *error)
{
    static const char *const names[] = {"verdicts", "reasons", "runs", "health", "outages"};
    char *sql = NULL;
    size_t size;
    weir_err code = WEIR_OK;
    FILE *to = open_memstream(&sql, &size);
    if (!to)
        return weir_fail(error, WEIR_ERR_MEMORY, "query: out of memory");
    for (size_t n = 0; n < sizeof names / sizeof *names; n++) {
        const char *before = "";
        if (first) {
            fprintf(to, "CREATE TEMP VIEW %s AS FROM %s.%s", names[n], first, names[n]);
            before = " UNION ALL BY NAME ";
        }
        for (size_t i = 0; code == WEIR_OK && i < count; i++) {
            bool has = true;
            if (!strcmp(names[n], "outages") && /* stores have not had it from the first day */
                ((code = has_table(duck, attached[i], "outages", &has, error)) != WEIR_OK || !has))
                continue;
            if (!*before)
                fprintf(to, "CREATE VIEW %s AS ", names[n]);
            fprintf(to, "%sFROM f%zu.%s", before, attached[i], names[n]);
            before = " UNION ALL BY NAME ";
        }
        fputc(';', to);
    }
    if (fclose(to))
        code = weir_fail(error, WEIR_ERR_MEMORY, "query: out of memory");
    if (code == WEIR_OK)
        code = weir_duck_run(duck, sql, error);
    free(sql);
    return code;
}

/* `first`: the database of the open file, NULL: this process writes none. *busy: names of files that another process writes. */
static weir_err join(struct weir_duck *duck, const char *folder, const char *first, char **busy, struct weir_error *error)
{
    struct weir_folder_list list;
    size_t count = 0, size, *attached = NULL;
    FILE *names = open_memstream(busy, &size);
    weir_err code = weir_folder_list(folder, &list, error);
    if (code != WEIR_OK)
        goto out;
    attached = calloc(list.count + 1, sizeof *attached);
    if (!attached || !names) {
        code = weir_fail(error, WEIR_ERR_MEMORY, "%s: out of memory", folder);
        goto out;
    }
    allow_files(list.count);
    for (size_t i = 0; i < list.count; i++) {
        struct weir_error inner = {0};
        code = attach(duck, folder, list.file[i].name, i, &inner);
        if (code == WEIR_OK) {
            attached[count++] = i;
        } else if (code == WEIR_ERR_BUSY) {
            fprintf(names, "%s%s", ftell(names) > 0 ? ", " : "", list.file[i].name);
        } else if (code == WEIR_ERR_NOT_FOUND) {
            continue;                                                   /* the retention was quicker; or nothing is in it */
        } else if (!first || !strstr(inner.text, "already attached")) { /* that is the open file */
            code = weir_fail(error, code, "%s", inner.text);
            goto out;
        }
    }
    code = fflush(names) ? weir_fail(error, WEIR_ERR_MEMORY, "%s: out of memory", folder) : WEIR_OK;
    if (code == WEIR_OK && (count || first))
        code = create_views(duck, first, attached, count, error);
    else if (code == WEIR_OK && *busy && **busy)
        code =
            weir_fail(error, WEIR_ERR_BUSY,
                      "%s: another process writes the only files (%.200s): ask the running weir, without --store", folder, *busy);
    else if (code == WEIR_OK)
        code =
            weir_fail(error, WEIR_ERR_NOT_FOUND,
                      "%s: no file of a store in this folder (weir-2026-11-22.duckdb, ...); write one with `weir run`", folder);
out:
    weir_folder_list_fini(&list);
    free(attached);
    if (names)
        fclose(names);
    return code;
}

weir_err weir_shelf_open(const char *path, struct weir_duck **out, struct weir_error *error)
{
    char *busy = NULL;
    bool folder = weir_folder_is(path);
    struct weir_duck_config config = {.path = folder ? NULL : path, .read_only = !folder};
    weir_err code = weir_duck_open(&config, out, error);
    if (code == WEIR_OK && folder && (code = join(*out, path, NULL, &busy, error)) == WEIR_OK && busy && *busy)
        weir_log(WEIR_LOG_WARNING, "%s: left out, because another process writes it: %s; a running weir is asked without --store",
                 path, busy);
    free(busy);
    if (code != WEIR_OK)
        weir_duck_close(out);
    return code;
}

weir_err weir_shelf_join(struct weir_duck *duck, const char *folder, struct weir_error *error)
{
    char *busy = NULL;
    weir_err code = join(duck, folder, "store", &busy, error);
    free(busy);
    return code;
}

void weir_shelf_leave(struct weir_duck *duck)
{
    duckdb_result result;
    char sql[64];
    if (weir_duck_query(duck, "SELECT database_name FROM duckdb_databases() WHERE regexp_full_match(database_name, 'f[0-9]+')",
                        &result, NULL) != WEIR_OK)
        return;
    for (idx_t i = 0; i < duckdb_row_count(&result); i++) {
        char *name = duckdb_value_varchar(&result, 0, i);
        snprintf(sql, sizeof sql, "DETACH %s", name ? name : "");
        duckdb_free(name);
        weir_duck_run(duck, sql, NULL);
    }
    duckdb_destroy_result(&result);
}
