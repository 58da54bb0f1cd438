/* A store of many files: a folder with one a day (UTC), or more when they grow large.
 *
 *   weir-2026-11-22.duckdb  weir-2026-11-22-2.duckdb  weir-2026-11-23.duckdb  weir.lock
 *
 * The last one, by day and number, is the one that is written; the others are closed and never change. `weir.lock` belongs to the
 * process that writes the folder and holds the number of its next run. Files with other names are not touched. Any thread.
 */
#ifndef WEIR_STORE_FOLDER_H
#define WEIR_STORE_FOLDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "weir/error.h"

#define WEIR_DAY_NS    ((int64_t)86400 * 1000000000)
#define WEIR_FILE_NAME 64

struct weir_folder_file {
    int64_t day;     /* days since 1970-01-01 */
    uint32_t number; /* 1, 2, ... within the day */
    uint64_t bytes;  /* with its log */
    char name[WEIR_FILE_NAME];
};

struct weir_folder_list {
    struct weir_folder_file *file; /* oldest first */
    size_t count;
};

/* True for a path that ends with '/' or is a folder. */
bool weir_folder_is(const char *path);

/* The name of a file; `day` within the years 1970 to 9999. */
void weir_folder_name(int64_t day, uint32_t number, char name[static WEIR_FILE_NAME]);

/* False for a name that weir_folder_name does not give. */
bool weir_folder_parse(const char *name, int64_t *day, uint32_t *number);

/* "FOLDER/NAME"; free it. NULL: out of memory. */
char *weir_folder_path(const char *folder, const char *name);

/* The size of a file with its log; 0 when it is not there. */
uint64_t weir_folder_file_bytes(const char *path);

/* The folder's files. WEIR_ERR_NOT_FOUND, WEIR_ERR_PERMISSION, WEIR_ERR_MEMORY. The caller calls weir_folder_list_fini. */
weir_err weir_folder_list(const char *folder, struct weir_folder_list *out, struct weir_error *error);
void weir_folder_list_fini(struct weir_folder_list *list);

/* Makes the folder if it is not there (its parent must be) and takes its lock; *lock: to be closed, which gives it back. *run:
 * how many runs the folder had before, whatever was removed since. WEIR_ERR_BUSY when another process writes the folder. */
weir_err weir_folder_lock(const char *folder, int *lock, uint64_t *run, struct weir_error *error);

/* Whether the file is what a process leaves that was killed while it made it: DuckDB writes three heads of 4 KiB first, and does
 * not open a file that has fewer. Nothing was ever committed to it. */
bool weir_folder_half_made(const char *path);

#endif
