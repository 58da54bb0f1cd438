/* A line on the control socket. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "pipeline/request.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct weir_request request;
    struct weir_error error = {0};
    weir_err code = weir_request_parse((const char *)data, size, &request, &error);
    if (code != WEIR_OK) {
        if (!error.text[0] || request.sql || request.model)
            abort();
        return 0;
    }
    if ((request.kind == WEIR_REQUEST_QUERY) != (request.sql != NULL) || (request.model && request.kind != WEIR_REQUEST_RELOAD))
        abort();
    if (!request.limit || request.limit > WEIR_QUERY_ROWS_MAX || request.timeout_ns <= 0 ||
        request.timeout_ns > WEIR_QUERY_SECONDS_MAX * (int64_t)1000000000)
        abort();
    weir_request_fini(&request);
    return 0;
}
