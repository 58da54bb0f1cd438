/* Small files in a folder of the test's own, removed at the end. */
#ifndef TESTS_DATA_FILES_H
#define TESTS_DATA_FILES_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "data/relation.h"

static char folder[] = "/tmp/weir-test-XXXXXX";

static inline int make_folder(void **state)
{
    (void)state;
    return mkdtemp(folder) ? 0 : -1;
}

static inline int remove_folder(void **state)
{
    char command[128];
    (void)state;
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    return system(command);
}

/* The path of a file in the folder; belongs to a ring of eight. */
static inline const char *path_of(const char *name)
{
    static char path[8][128];
    static unsigned next;
    char *out = path[next++ % 8];
    snprintf(out, sizeof path[0], "%s/%s", folder, name);
    return out;
}

static inline const char *write_file(const char *name, const char *text)
{
    const char *path = path_of(name);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, strlen(text), file), strlen(text));
    assert_int_equal(fclose(file), 0);
    return path;
}

static inline struct weir_relation *open_files(const char *first, const char *second)
{
    struct weir_error error = {0};
    struct weir_relation *source = NULL;
    const char *const paths[] = {first, second};
    if (weir_relation_open(&(struct weir_relation_config){.paths = paths, .path_count = second ? 2 : 1}, &source, &error) !=
        WEIR_OK)
        fail_msg("%s", error.text);
    return source;
}

static inline struct weir_relation *open_sql(const char *sql)
{
    struct weir_error error = {0};
    struct weir_relation *source = NULL;
    if (weir_relation_open(&(struct weir_relation_config){.sql = sql}, &source, &error) != WEIR_OK)
        fail_msg("%s", error.text);
    return source;
}

#endif
