/* Requests on the control socket: what is taken, what is refused and with which words. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "pipeline/request.h"

static void refused(const char *line, const char *words)
{
    struct weir_request request;
    struct weir_error error = {0};
    if (weir_request_parse(line, strlen(line), &request, &error) == WEIR_OK)
        fail_msg("taken: %s", line);
    if (!strstr(error.text, words))
        fail_msg("%s: \"%s\" does not say \"%s\"", line, error.text, words);
}

static struct weir_request taken(const char *line)
{
    struct weir_request request;
    struct weir_error error = {0};
    if (weir_request_parse(line, strlen(line), &request, &error) != WEIR_OK)
        fail_msg("%s: %s", line, error.text);
    return request;
}

static void requests_are_read(void **unused)
{
    struct weir_request request = taken("{\"do\":\"status\"}\n");
    assert_int_equal(request.kind, WEIR_REQUEST_STATUS);
    weir_request_fini(&request);
    request = taken(" {\"do\":\"query\",\"sql\":\"SELECT 1\",\"limit\":7,\"timeout_ms\":250} ");
    assert_int_equal(request.kind, WEIR_REQUEST_QUERY);
    assert_string_equal(request.sql, "SELECT 1");
    assert_int_equal(request.limit, 7);
    assert_int_equal(request.timeout_ns, 250000000);
    weir_request_fini(&request);
    assert_null(request.sql);
    request = taken("{\"do\":\"reload\",\"model\":\"/a b.weir\"}");
    assert_string_equal(request.model, "/a b.weir");
    weir_request_fini(&request);
}

static void limits_hold(void **unused)
{
    struct weir_request request = taken("{\"do\":\"query\",\"sql\":\"x\"}");
    assert_int_equal(request.limit, WEIR_QUERY_ROWS);
    assert_int_equal(request.timeout_ns, WEIR_QUERY_SECONDS_MAX * (int64_t)1000000000);
    weir_request_fini(&request);
    request = taken("{\"do\":\"query\",\"sql\":\"x\",\"limit\":0,\"timeout_ms\":9000000000000000000}");
    assert_int_equal(request.limit, WEIR_QUERY_ROWS_MAX);
    assert_int_equal(request.timeout_ns, WEIR_QUERY_SECONDS_MAX * (int64_t)1000000000);
    weir_request_fini(&request);
    char *longest = malloc(WEIR_REQUEST_BYTES + 3);
    struct weir_error error;
    memset(longest, ' ', WEIR_REQUEST_BYTES + 3);
    memcpy(longest, "{\"do\":\"stop\"}", 13);
    assert_int_equal(weir_request_parse(longest, WEIR_REQUEST_BYTES + 1, &request, &error), WEIR_OK);
    weir_request_fini(&request);
    assert_int_equal(weir_request_parse(longest, WEIR_REQUEST_BYTES + 2, &request, &error), WEIR_ERR_LIMIT);
    free(longest);
}

static void others_are_refused(void **unused)
{
    refused("", "JSON");
    refused("status", "JSON");
    refused("{\"do\":\"status\"} x", "JSON");
    refused("{\"do\":\"status\",\"do\":\"stop\"}", "JSON");
    refused("[]", "one of status, stop");
    refused("{\"do\":\"dance\"}", "one of status, stop");
    refused("{\"do\":3}", "one of status, stop");
    refused("{\"do\":\"status\",\"sql\":\"x\"}", "does not know 'sql'");
    refused("{\"do\":\"query\",\"sql\":\"x\",\"timeout\":1}", "its keys: do sql limit timeout_ms");
    refused("{\"do\":\"query\",\"sql\":\"x\",\"q\":1}", "does not know 'q'");
    refused("{\"do\":\"query\",\"sql\":\"x\",\"\":1}", "does not know ''");
    refused("{\"do\":\"query\",\"sql\":\"x\",\"do sql\":1}", "does not know");
    refused("{\"do\":\"query\"}", "needs 'sql'");
    refused("{\"do\":\"query\",\"sql\":\"\"}", "'sql' is a text");
    refused("{\"do\":\"query\",\"sql\":1}", "'sql' is a text");
    refused("{\"do\":\"query\",\"sql\":\"x\",\"limit\":\"1\"}", "'limit' is a whole number");
    refused("{\"do\":\"query\",\"sql\":\"x\",\"limit\":-1}", "'limit' is a whole number");
    refused("{\"do\":\"query\",\"sql\":\"x\",\"timeout_ms\":0.5}", "'timeout_ms' is a whole number");
    refused("{\"do\":\"reload\",\"model\":[]}", "'model' is a text");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(requests_are_read), cmocka_unit_test(limits_hold),
                                       cmocka_unit_test(others_are_refused)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
