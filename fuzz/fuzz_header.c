/* A CSV header line: the first byte chooses the delimiter's rule, the rest is the line. Names must be usable and unique; each
 * name is read as a number cell too. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "data/header.h"
#include "data/number.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct weir_error error;
    char **raw = NULL, delimiter, *line;
    size_t count = 0;
    if (!size || size > 20000 || !(line = strndup((const char *)data + 1, size - 1)))
        return 0;
    if (weir_header_split("x.csv", line, data[0] & 1, &delimiter, &raw, &count, &error) == WEIR_OK) {
        char **names = weir_header_names(raw, count);
        if (!names || !count)
            abort();
        for (size_t i = 0; i < count; i++) {
            double value;
            if (!*names[i] || (i < 64 && i && !strcasecmp(names[i], names[i - 1])))
                abort();
            if (weir_number_read(raw[i], strlen(raw[i]), &value) == WEIR_NUMBER_VALUE && !(value - value == 0))
                abort();
        }
        for (size_t i = 0; i < count; i++) {
            free(raw[i]);
            free(names[i]);
        }
        free(raw);
        free(names);
    }
    free(line);
    return 0;
}
