#include "survey/folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"

enum { JSON_MAX = 1 << 30 };

bool weir_survey_task_path(const char *dir, const char *id, const char *ending, char path[static WEIR_SURVEY_PATH])
{
    int n = snprintf(path, WEIR_SURVEY_PATH, "%s/tasks/%s.%s", dir, id, ending);
    return n > 0 && n < WEIR_SURVEY_PATH;
}

static weir_err join(const char *dir, const char *name, char path[static WEIR_SURVEY_PATH], struct weir_error *error)
{
    int n = snprintf(path, WEIR_SURVEY_PATH, "%s/%s", dir, name);
    return n > 0 && n < WEIR_SURVEY_PATH - 256 ? WEIR_OK
                                               : weir_fail(error, WEIR_ERR_LIMIT, "%.200s...: this path is too long", dir);
}

static weir_err make_folder(const char *path, struct weir_error *error)
{
    struct stat info;
    if (mkdir(path, 0777) == 0 || (errno == EEXIST && stat(path, &info) == 0 && S_ISDIR(info.st_mode)))
        return WEIR_OK;
    return weir_file_fail(error, path, "make this folder");
}

/* With the folders above it, as mkdir -p. */
static weir_err make_folders(const char *path, struct weir_error *error)
{
    char part[WEIR_SURVEY_PATH];
    weir_err failed = join(path, "", part, error);
    for (char *slash = failed ? NULL : strchr(part + 1, '/'); slash && !failed; slash = strchr(slash + 1, '/')) {
        *slash = 0;
        failed = make_folder(part, error);
        *slash = '/';
    }
    return failed;
}

weir_err weir_survey_json_read(const char *path, json_t **out, struct weir_error *error)
{
    uint8_t *bytes;
    size_t size;
    json_error_t where;
    weir_err failed = weir_file_read(path, JSON_MAX, &bytes, &size, error);
    if (failed)
        return failed;
    *out = json_loadb((const char *)bytes, size, JSON_REJECT_DUPLICATES, &where);
    free(bytes);
    return *out ? WEIR_OK
                : weir_fail(error, WEIR_ERR_FORMAT, "%s: line %d, column %d: no JSON: %.200s", path, where.line, where.column,
                            where.text);
}

weir_err weir_survey_json_write(const char *path, const json_t *json, struct weir_error *error)
{
    char *text = json_dumps(json, JSON_INDENT(1));
    if (!text)
        return weir_fail(error, WEIR_ERR_MEMORY, "out of memory");
    weir_err failed = weir_file_write(path, text, strlen(text), error);
    free(text);
    return failed;
}

bool weir_survey_task_finished(const char *dir, const char *id)
{
    char path[WEIR_SURVEY_PATH];
    return weir_survey_task_path(dir, id, "json", path) && access(path, F_OK) == 0;
}

/* Files with one of these endings; nothing else is touched. */
static void remove_files(const char *folder, const char *const *endings)
{
    DIR *list = opendir(folder);
    for (const struct dirent *entry; list && (entry = readdir(list));) {
        const char *dot = strrchr(entry->d_name, '.');
        for (size_t i = 0; dot && dot != entry->d_name && endings[i]; i++)
            if (!strcmp(dot, endings[i]))
                unlinkat(dirfd(list), entry->d_name, 0);
    }
    if (list)
        closedir(list);
}

static void remove_all(const char *dir)
{
    static const char *const task_endings[] = {".json", ".weir", ".log", ".new", NULL}, *const data_endings[] = {".frame", ".new",
                                                                                                                 NULL};
    static const char *const files[] = {"plan.json", "report.json", "report.csv", "report.html", "best.weir"};
    char path[WEIR_SURVEY_PATH];
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        if (join(dir, files[i], path, NULL) == WEIR_OK)
            unlink(path);
    if (join(dir, "tasks", path, NULL) == WEIR_OK)
        remove_files(path, task_endings);
    if (join(dir, "data", path, NULL) == WEIR_OK)
        remove_files(path, data_endings);
}

weir_err weir_survey_folder_open(const char *dir, bool fresh, struct weir_error *error)
{
    static const char *const inner[] = {"data", "tasks"};
    char path[WEIR_SURVEY_PATH];
    weir_err failed = make_folders(dir, error);
    for (size_t i = 0; i < 2 && !failed; i++) {
        failed = join(dir, inner[i], path, error);
        if (!failed)
            failed = make_folder(path, error);
    }
    if (!failed)
        failed = join(dir, "lock", path, error);
    if (failed)
        return failed;
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666); /* kept open: the lock ends with the process */
    if (fd < 0)
        return weir_file_fail(error, path, "open it");
    if (flock(fd, LOCK_EX | LOCK_NB) == 0) {
        if (fresh)
            remove_all(dir);
        return WEIR_OK;
    }
    close(fd);
    return weir_fail(error, WEIR_ERR_BUSY,
                     "%s: another survey is at work in this folder; wait for its end, or take another --out", dir);
}

weir_err weir_survey_folder_compare(const char *dir, const char *name, const char *fingerprint, struct weir_error *error)
{
    char path[WEIR_SURVEY_PATH];
    json_t *plan = NULL;
    weir_err failed = join(dir, "plan.json", path, error);
    if (failed || access(path, F_OK))
        return failed;
    failed = weir_survey_json_read(path, &plan, error);
    const char *old = json_string_value(json_object_get(json_object_get(json_object_get(plan, "data"), name), "fingerprint"));
    if (!failed && old && strcmp(old, fingerprint) != 0)
        failed =
            weir_fail(error, WEIR_ERR_MISMATCH,
                      "%s: holds a survey of other data: '%.40s' had fingerprint %.40s and now has %s; take another --out, or "
                      "begin anew with --fresh",
                      dir, name, old, fingerprint);
    json_decref(plan);
    return failed;
}

static bool has_failed(const char *path)
{
    json_t *result = NULL;
    bool failed =
        weir_survey_json_read(path, &result, NULL) != WEIR_OK ||
        strcmp(json_is_string(json_object_get(result, "status")) ? json_string_value(json_object_get(result, "status")) : "",
               "done") != 0;
    json_decref(result);
    return failed;
}

static void sort_out(const char *dir, const json_t *before, const json_t *plan, struct weir_survey_left *left)
{
    size_t i;
    json_t *task, *ids = json_object();
    char path[WEIR_SURVEY_PATH];
    json_array_foreach(json_object_get(plan, "tasks"), i, task)
    {
        const char *id = json_string_value(json_object_get(task, "id"));
        json_object_set_new(ids, id, json_true());
        if (!weir_survey_task_finished(dir, id) || !weir_survey_task_path(dir, id, "json", path))
            continue;
        bool failed = has_failed(path);
        *(failed ? &left->again : &left->kept) += 1;
        if (failed)
            unlink(path);
    }
    json_array_foreach(json_object_get(before, "tasks"), i, task)
    {
        const char *id = json_string_value(json_object_get(task, "id"));
        if (id && !json_object_get(ids, id) && weir_survey_task_finished(dir, id))
            left->foreign++;
    }
    json_decref(ids);
}

weir_err weir_survey_folder_begin(const char *dir, const json_t *plan, struct weir_survey_left *left, struct weir_error *error)
{
    char path[WEIR_SURVEY_PATH];
    json_t *before = NULL;
    *left = (struct weir_survey_left){0};
    weir_err failed = join(dir, "plan.json", path, error);
    if (!failed && access(path, F_OK) == 0)
        failed = weir_survey_json_read(path, &before, error);
    if (!failed && before)
        sort_out(dir, before, plan, left);
    json_decref(before);
    return failed ? failed : weir_survey_json_write(path, plan, error);
}
