/* An address of a queue: what is accepted has a place and shows no password. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "queue/url.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct weir_url url;
    struct weir_error error = {0};
    char *text = malloc(size + 1);
    if (size)
        memcpy(text, data, size);
    text[size] = 0;
    if (weir_url_parse(text, &url, &error) != WEIR_OK) {
        if (!error.text[0])
            abort();
    } else {
        bool path = url.kind == WEIR_URL_ZMQ_IPC || url.kind == WEIR_URL_REDIS_UNIX;
        if (path ? !*url.path : !*url.host || !url.port)
            abort();
        if (weir_url_is_redis(&url) && strchr(url.text, '@'))
            abort();
    }
    free(text);
    return 0;
}
