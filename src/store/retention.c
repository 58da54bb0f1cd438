#include "store/retention.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "store/folder.h"

enum { DAYS_MAX = 36525 };

static const struct {
    const char *name;
    uint64_t bytes;
} units[] = {
    {"MB", 1000000}, {"GB", 1000000000}, {"TB", 1000000000000}, {"MiB", 1u << 20}, {"GiB", 1u << 30}, {"TiB", (uint64_t)1 << 40},
};

/* A whole number, blanks, a unit of letters: "50 GB". What follows is left at *text. */
static bool take(const char **text, uint64_t *number, char unit[static 8])
{
    const char *at = *text;
    char *end;
    size_t n = 0;
    while (*at == ' ')
        at++;
    if (*at < '0' || *at > '9')
        return false;
    errno = 0;
    *number = strtoull(at, &end, 10);
    for (at = end; *at == ' ';)
        at++;
    while (((*at >= 'a' && *at <= 'z') || (*at >= 'A' && *at <= 'Z')) && n < 7)
        unit[n++] = *at++;
    unit[n] = 0;
    while (*at == ' ')
        at++;
    *text = at;
    return !errno && *number > 0;
}

static bool to_bytes(uint64_t number, const char *unit, uint64_t *bytes)
{
    for (size_t i = 0; i < sizeof units / sizeof *units; i++)
        if (!strcmp(unit, units[i].name))
            return !__builtin_mul_overflow(number, units[i].bytes, bytes) && *bytes <= INT64_MAX;
    return false;
}

weir_err weir_retention_parse(const char *text, struct weir_retention *out, struct weir_error *error)
{
    struct weir_retention found = {0};
    const char *at = text;
    bool good = true, more = true;
    while (good && more) {
        uint64_t number, bytes;
        char unit[8];
        good = take(&at, &number, unit);
        if (good && !strcmp(unit, "d") && !found.days && number <= DAYS_MAX)
            found.days = (int64_t)number;
        else if (good && !found.bytes && to_bytes(number, unit, &bytes))
            found.bytes = bytes;
        else
            good = false;
        more = good && (*at == ',' || *at == '/');
        at += more;
    }
    if (!good || *at)
        return weir_fail(error, WEIR_ERR_ARGUMENT,
                         "'%s': give days, a size or both, such as 30d, 50GB or 30d,50GB (MB, GB, TB, MiB, GiB, TiB; 1d to %dd)",
                         text, DAYS_MAX);
    *out = found;
    return WEIR_OK;
}

weir_err weir_size_parse(const char *text, uint64_t *out, struct weir_error *error)
{
    const char *at = text;
    uint64_t number;
    char unit[8];
    if (!take(&at, &number, unit) || *at || !to_bytes(number, unit, out))
        return weir_fail(error, WEIR_ERR_ARGUMENT, "'%s': give a size, such as 500MB or 2GB (MB, GB, TB, MiB, GiB, TiB)", text);
    return WEIR_OK;
}

/* The file, then its log: a log without its file says nothing, a file without its log lacks rows. */
static bool remove_file(const char *folder, const struct weir_folder_file *file, const char *why)
{
    char *path = weir_folder_path(folder, file->name), *log = NULL;
    bool gone = path && asprintf(&log, "%s.wal", path) >= 0 && unlink(path) == 0;
    if (gone) {
        unlink(log);
        weir_log(WEIR_LOG_INFO, "%s: removed (%.1f MB; %s)", path, (double)file->bytes / 1e6, why);
    } else {
        weir_log(WEIR_LOG_WARNING, "%s: %s cannot be removed: %s", folder, file->name, strerror(errno));
    }
    free(path);
    free(log);
    return gone;
}

weir_err weir_retention_apply(const struct weir_retention *retention, const char *folder, const char *open, int64_t today,
                              struct weir_removed *removed, struct weir_error *error)
{
    struct weir_folder_list list;
    uint64_t total = 0;
    char why[64];
    if (!retention->days && !retention->bytes)
        return WEIR_OK;
    weir_err code = weir_folder_list(folder, &list, error);
    if (code != WEIR_OK)
        return code;
    for (size_t i = 0; i < list.count; i++)
        total += list.file[i].bytes;
    for (size_t i = 0; i < list.count; i++) {
        const struct weir_folder_file *file = &list.file[i];
        if (open && !strcmp(file->name, open))
            break;
        /* its newest verdict is from the end of its day */
        if (retention->days && file->day + 1 + retention->days <= today)
            snprintf(why, sizeof why, "older than %" PRId64 " days", retention->days);
        else if (retention->bytes && total > retention->bytes)
            snprintf(why, sizeof why, "all files together above %.1f MB", (double)retention->bytes / 1e6);
        else
            break;
        if (remove_file(folder, file, why)) {
            removed->files++;
            removed->bytes += file->bytes;
            total -= file->bytes;
        }
    }
    weir_folder_list_fini(&list);
    return WEIR_OK;
}

/* The disk of the folder has as much free. Not known: yes, so that nothing is removed for nothing. */
static bool has_room(const char *folder, uint64_t bytes)
{
    uint64_t room;
    char *path = weir_folder_path(folder, "x");
    bool known = path && weir_file_room(path, &room);
    free(path);
    return !known || room >= bytes;
}

weir_err weir_retention_make_room(const char *folder, const char *open, uint64_t bytes, struct weir_removed *removed,
                                  struct weir_error *error)
{
    struct weir_folder_list list;
    if (has_room(folder, bytes))
        return WEIR_OK;
    weir_err code = weir_folder_list(folder, &list, error);
    for (size_t i = 0; i < list.count && strcmp(list.file[i].name, open) != 0 && !has_room(folder, bytes); i++)
        if (remove_file(folder, &list.file[i], "the disk is full")) {
            removed->files++;
            removed->bytes += list.file[i].bytes;
        }
    weir_folder_list_fini(&list);
    return code;
}
