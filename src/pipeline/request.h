/* A request on the control socket: one line of JSON.
 *
 *   {"do": "status"}
 *   {"do": "stop"}
 *   {"do": "query", "sql": "SELECT ...", "limit": 1000, "timeout_ms": 5000}     limit and timeout_ms may be left out
 *   {"do": "reload", "model": "/path/M.weir"}                                   model may be left out
 *
 * Keys that a request does not know, keys given twice and values of another type are errors. Pure; any thread.
 */
#ifndef WEIR_PIPELINE_REQUEST_H
#define WEIR_PIPELINE_REQUEST_H

#include <stddef.h>
#include <stdint.h>

#include "weir/error.h"

/* Longest line, its end not counted. */
#define WEIR_REQUEST_BYTES 65536

/* What a query over the socket may ask for at most, and gets when it says nothing. */
#define WEIR_QUERY_ROWS_MAX    1000000
#define WEIR_QUERY_ROWS        10000
#define WEIR_QUERY_SECONDS_MAX 60

enum weir_request_kind { WEIR_REQUEST_STATUS, WEIR_REQUEST_STOP, WEIR_REQUEST_QUERY, WEIR_REQUEST_RELOAD };

struct weir_request {
    enum weir_request_kind kind;
    char *sql;          /* query */
    uint64_t limit;     /* query: 1..WEIR_QUERY_ROWS_MAX */
    int64_t timeout_ns; /* query: above 0, at most WEIR_QUERY_SECONDS_MAX */
    char *model;        /* reload: a path, or NULL */
};

/* Reads a line (its end may be there or not). On WEIR_OK the caller calls weir_request_fini. WEIR_ERR_FORMAT with what is wrong
 * and what may stand there, WEIR_ERR_LIMIT (too long), WEIR_ERR_MEMORY. */
weir_err weir_request_parse(const char *line, size_t length, struct weir_request *out, struct weir_error *error);
void weir_request_fini(struct weir_request *request);

#endif
