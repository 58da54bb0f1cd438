#include "store/folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "store/output.h"

bool weir_folder_is(const char *path)
{
    struct stat info;
    size_t length = strlen(path);
    return (length && path[length - 1] == '/') || (stat(path, &info) == 0 && S_ISDIR(info.st_mode));
}

void weir_folder_name(int64_t day, uint32_t number, char name[static WEIR_FILE_NAME])
{
    struct tm tm;
    time_t second = (time_t)(day * 86400);
    char date[16], more[16] = "";
    gmtime_r(&second, &tm);
    strftime(date, sizeof date, "%Y-%m-%d", &tm);
    if (number > 1)
        snprintf(more, sizeof more, "-%" PRIu32, number);
    snprintf(name, WEIR_FILE_NAME, "weir-%s%s.duckdb", date, more);
}

bool weir_folder_parse(const char *name, int64_t *day, uint32_t *number)
{
    int year, month, date;
    char again[WEIR_FILE_NAME];
    *number = 1;
    if (sscanf(name, "weir-%4d-%2d-%2d", &year, &month, &date) != 3 || strlen(name) < sizeof "weir-2026-11-22")
        return false;
    if (name[15] == '-')
        *number = (uint32_t)strtoul(name + 16, NULL, 10);
    struct tm tm = {.tm_year = year - 1900, .tm_mon = month - 1, .tm_mday = date};
    *day = timegm(&tm) / 86400;
    if (*day < 0)
        return false;
    weir_folder_name(*day, *number, again); /* so that only the canonical name counts */
    return !strcmp(name, again);
}

char *weir_folder_path(const char *folder, const char *name)
{
    char *path = NULL;
    size_t length = strlen(folder);
    return asprintf(&path, "%s%s%s", folder, length && folder[length - 1] == '/' ? "" : "/", name) < 0 ? NULL : path;
}

static weir_err no_memory(const char *folder, struct weir_error *error)
{
    return weir_fail(error, WEIR_ERR_MEMORY, "%s: out of memory", folder);
}

uint64_t weir_folder_file_bytes(const char *path)
{
    struct stat info;
    char *log = NULL;
    uint64_t bytes = stat(path, &info) == 0 ? (uint64_t)info.st_size : 0;
    if (asprintf(&log, "%s.wal", path) < 0)
        return bytes;
    bytes += stat(log, &info) == 0 ? (uint64_t)info.st_size : 0;
    free(log);
    return bytes;
}

static int by_age(const void *a, const void *b)
{
    const struct weir_folder_file *x = a, *y = b;
    if (x->day != y->day)
        return x->day < y->day ? -1 : 1;
    return (x->number > y->number) - (x->number < y->number);
}

weir_err weir_folder_list(const char *folder, struct weir_folder_list *out, struct weir_error *error)
{
    weir_err code = WEIR_OK;
    size_t room = 0;
    *out = (struct weir_folder_list){0};
    DIR *dir = opendir(folder);
    if (!dir)
        return weir_output_fail(folder, errno, error);
    for (struct dirent *entry; (entry = readdir(dir));) {
        struct weir_folder_file file = {0};
        if (!weir_folder_parse(entry->d_name, &file.day, &file.number))
            continue;
        if (out->count == room) {
            room = room ? 2 * room : 64;
            struct weir_folder_file *more = realloc(out->file, room * sizeof *more);
            if (!more) {
                code = no_memory(folder, error);
                goto out;
            }
            out->file = more;
        }
        strcpy(file.name, entry->d_name); /* fits: it is a name of weir_folder_name */
        char *path = weir_folder_path(folder, file.name);
        if (!path) {
            code = no_memory(folder, error);
            goto out;
        }
        file.bytes = weir_folder_file_bytes(path);
        free(path);
        out->file[out->count++] = file;
    }
    if (out->count)
        qsort(out->file, out->count, sizeof *out->file, by_age);
out:
    closedir(dir);
    if (code != WEIR_OK)
        weir_folder_list_fini(out);
    return code;
}

void weir_folder_list_fini(struct weir_folder_list *list)
{
    free(list->file);
    *list = (struct weir_folder_list){0};
}

/* The lock file's number counts up: what has fixed width is written over in place, which a full disk does not hinder. */
static weir_err count_run(int lock, const char *path, uint64_t *run, struct weir_error *error)
{
    char text[24] = "";
    ssize_t length = pread(lock, text, sizeof text - 1, 0);
    if (length < 0)
        return weir_output_fail(path, errno, error);
    *run = strtoull(text, NULL, 10);
    int size = snprintf(text, sizeof text, "%020" PRIu64 "\n", *run + 1);
    if (pwrite(lock, text, (size_t)size, 0) != size || fsync(lock))
        return weir_output_fail(path, errno, error);
    return WEIR_OK;
}

weir_err weir_folder_lock(const char *folder, int *lock, uint64_t *run, struct weir_error *error)
{
    weir_err code = WEIR_OK;
    *lock = -1;
    if (mkdir(folder, 0750) && errno != EEXIST)
        return weir_output_fail(folder, errno, error);
    char *path = weir_folder_path(folder, "weir.lock");
    if (!path)
        return no_memory(folder, error);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0640);
    if (fd < 0)
        code = weir_output_fail(path, errno, error);
    else if (flock(fd, LOCK_EX | LOCK_NB))
        code = errno == EWOULDBLOCK
                   ? weir_fail(error, WEIR_ERR_BUSY,
                               "%s: another process writes to this folder: stop that one, or give another folder", folder)
                   : weir_output_fail(path, errno, error);
    else
        code = count_run(fd, path, run, error);
    free(path);
    if (code == WEIR_OK)
        *lock = fd;
    else if (fd >= 0)
        close(fd);
    return code;
}

bool weir_folder_half_made(const char *path)
{
    enum { HEADS = 3 * 4096, MAGIC_AT = 8 };
    uint8_t *bytes;
    size_t size;
    struct stat info;
    if (stat(path, &info) || !S_ISREG(info.st_mode) || info.st_size >= HEADS ||
        weir_file_read(path, HEADS, &bytes, &size, NULL) != WEIR_OK)
        return false;
    bool zero = true;
    for (size_t i = 0; i < size; i++)
        zero = zero && !bytes[i];
    bool half = zero || (size >= MAGIC_AT + 4 && !memcmp(bytes + MAGIC_AT, "DUCK", 4));
    free(bytes);
    return half;
}
