/* One line as cells and as a JSON object (what is taken there, Jansson takes, too), its first cell as a time. Cells lie in the
 * line. */
#include <jansson.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "data/cells.h"
#include "data/epoch.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct bounds {
    const char *line, *end;
};

static void check(const struct bounds *bounds, struct weir_span span)
{
    if (span.text && (span.text < bounds->line || span.length > (size_t)(bounds->end - span.text)))
        abort();
}

static bool member(void *context, struct weir_span name, struct weir_span value)
{
    check(context, name);
    check(context, value);
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct weir_span cell[4];
    char *line = malloc(size + !size);
    if (!line)
        abort();
    struct bounds bounds = {line, line + size};
    if (size)
        memcpy(line, data, size);
    long n = weir_cells_split(line, size, ',', cell, 4);
    if (n == 0 || n < -1)
        abort();
    for (long i = 0; i < n && i < 4; i++)
        check(&bounds, cell[i]);
    int64_t ns;
    if (n > 0)
        weir_epoch_read(cell[0].text, cell[0].length, &ns);
    if (size)
        memcpy(line, data, size);
    bool taken = weir_cells_object(line, size, member, &bounds);
    /* what lies in nested values is not looked at, and halves of pairs are replaced */
    if (taken && !memchr(data, '[', size) && memchr(data, '{', size) == memrchr(data, '{', size) &&
        !memmem(data, size, "\\u", 2)) {
        json_error_t error;
        json_t *object = json_loadb((const char *)data, size, JSON_ALLOW_NUL, &error);
        if (!object && json_error_code(&error) != json_error_invalid_utf8 &&
            json_error_code(&error) != json_error_numeric_overflow)
            abort();
        json_decref(object);
    }
    free(line);
    return 0;
}
