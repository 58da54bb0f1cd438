/* Models that lie in a test's folder as text, and what may be changed in them. Include it after cmocka.h. */
#ifndef WEIR_TESTS_MODEL_DATA_H
#define WEIR_TESTS_MODEL_DATA_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"

/* The folder's file, with a 0 behind its end; the caller frees it. */
static inline char *data_read(const char *folder, const char *name, size_t *size)
{
    char path[512];
    uint8_t *bytes;
    struct weir_error error;
    snprintf(path, sizeof path, "%s/%s", folder, name);
    if (weir_file_read(path, 1 << 20, &bytes, size, &error))
        fail_msg("%s", error.text);
    char *text = realloc(bytes, *size + 1);
    assert_non_null(text);
    text[*size] = 0;
    return text;
}

/* The text with the first `from` replaced; the caller frees it. */
static inline char *data_replaced(const char *text, const char *from, const char *to)
{
    const char *at = strstr(text, from);
    if (!at)
        fail_msg("'%s' is not there", from);
    char *out = NULL;
    assert_true(asprintf(&out, "%.*s%s%s", (int)(at - text), text, to, at + strlen(from)) >= 0);
    return out;
}

#endif
