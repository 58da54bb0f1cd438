/* Text: numbers read back as they were, addresses as the C library prints them. */
#include <arpa/inet.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "store/text.h"

static uint64_t state = 42;

static uint64_t next(void) /* splitmix64 */
{
    uint64_t z = state += 0x9e3779b97f4a7c15;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
}

static void check_real(double value, const char *want)
{
    char out[WEIR_TEXT_ROOM + 1];
    size_t n = weir_text_real(value, out);
    assert_true(n < WEIR_TEXT_ROOM);
    out[n] = 0;
    if (want)
        assert_string_equal(out, want);
    double back = strtod(out, NULL);
    if (back != value)
        fail_msg("%.17g was printed as %s", value, out);
}

static void test_real(void **unused)
{
    check_real(0, "0");
    check_real(-0.0, "0");
    check_real(0.1, "0.1");
    check_real(-0.1, "-0.1");
    check_real(1e-5, "0.00001");
    check_real(0.000123, "0.000123");
    check_real(2e-6, "0.000002");
    check_real(1e-8, "0.00000001");
    check_real(9.9999e-9, NULL);
    check_real(1234567, "1234567");
    check_real(100, "100");
    check_real(4294967295.5, "4294967295.5");
    check_real(1e15, "1000000000000000");
    check_real(123456789.123456, "123456789.123456");
    check_real(1.0 / 3, "0.33333333333333331");
    check_real(1e300, NULL);
    check_real(5e-324, NULL);
    check_real(1.7976931348623157e308, NULL);
    check_real(9.9999999999999989, NULL);
    check_real(0.99999999999999989, NULL);
    check_real(99999999999999.98, NULL);
    for (int i = 0; i < 100000; i++) {
        uint64_t bits = next();
        double any;
        memcpy(&any, &bits, sizeof any);
        if (isfinite(any))
            check_real(any, NULL);
        /* what features look like: quotients of counters, six decimals, powers of two, and neighbours of powers of ten */
        check_real((double)(next() >> (next() & 63)) / (double)((next() >> (next() & 63)) | 1), NULL);
        check_real((double)(next() >> 30) / 1e6, NULL);
        check_real(ldexp((double)(next() >> 11), (int)(next() % 80) - 60), NULL);
        check_real(nextafter(pow(10, (int)(next() % 26) - 10), next() & 1 ? 0 : 1e30), NULL);
    }
}

static void check_real32(float value, const char *want)
{
    char out[WEIR_TEXT_ROOM + 1], nine[40];
    size_t n = weir_text_real32(value, out);
    assert_true(n < WEIR_TEXT_ROOM);
    out[n] = 0;
    if (want)
        assert_string_equal(out, want);
    if (strtof(out, NULL) != value)
        fail_msg("%.9g was printed as %s", (double)value, out);
    snprintf(nine, sizeof nine, "%.9g", (double)value);
    if (strlen(out) > strlen(nine) && !strchr(nine, 'e'))
        fail_msg("%s is longer than %s", out, nine);
}

static void test_real32(void **unused)
{
    check_real32(0, "0");
    check_real32(0.97f, "0.97");
    check_real32(-0.1f, "-0.1");
    check_real32(1234.5f, "1234.5");
    check_real32(16777216.f, NULL);
    check_real32(99999.99f, NULL);
    check_real32(3.4028235e38f, NULL);
    check_real32(1e-45f, NULL);
    for (int i = 0; i < 200000; i++) {
        uint32_t bits = (uint32_t)next();
        float any;
        memcpy(&any, &bits, sizeof any);
        if (isfinite(any))
            check_real32(any, NULL);
        check_real32((float)(next() >> 40) / 16777216.f, NULL);
    }
}

static void test_whole(void **unused)
{
    for (int i = 0; i < 100000; i++) {
        uint64_t value = next() >> (next() & 63);
        char out[WEIR_TEXT_ROOM], want[32];
        size_t n = weir_text_u64(value, out);
        assert_int_equal(n, snprintf(want, sizeof want, "%llu", (unsigned long long)value));
        assert_memory_equal(out, want, n);
        n = weir_text_i64((int64_t)value, out);
        assert_int_equal(n, snprintf(want, sizeof want, "%lld", (long long)value));
        assert_memory_equal(out, want, n);
    }
    char out[WEIR_TEXT_ROOM];
    assert_int_equal(weir_text_u64(0, out), 1);
    assert_memory_equal(out, "0", 1);
    assert_int_equal(weir_text_i64(INT64_MIN, out), 20);
    assert_memory_equal(out, "-9223372036854775808", 20);
}

static void check_epoch(int64_t ns, unsigned decimals, const char *want)
{
    char out[WEIR_TEXT_ROOM];
    size_t n = weir_text_epoch(ns, decimals, out);
    assert_int_equal(n, strlen(want));
    assert_memory_equal(out, want, n);
}

static void test_epoch(void **unused)
{
    check_epoch(0, 6, "0.000000");
    check_epoch(1700000000123456789, 6, "1700000000.123456");
    check_epoch(1700000000123456789, 9, "1700000000.123456789");
    check_epoch(1700000000000000001, 9, "1700000000.000000001");
    check_epoch(-1500000000, 6, "-1.500000");
    check_epoch(-500000000, 6, "-0.500000");
}

static void test_ip(void **unused)
{
    static const char *const known[] = {"::",
                                        "::1",
                                        "1::",
                                        "2001:db8::1",
                                        "2001:db8:0:1:1:1:1:1",
                                        "2001:0:0:1::1",
                                        "fe80::1:0:0:1",
                                        "::ffff:192.0.2.1",
                                        "1:2:3:4:5:6:7:8",
                                        "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"};
    char out[WEIR_TEXT_ROOM], want[INET6_ADDRSTRLEN];
    uint8_t a[16];
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        assert_int_equal(inet_pton(AF_INET6, known[i], a), 1);
        size_t n = weir_text_ip(6, a, out);
        assert_int_equal(n, strlen(known[i]));
        assert_memory_equal(out, known[i], n);
    }
    for (int i = 0; i < 100000; i++) {
        for (int k = 0; k < 16; k++) /* many zero words; never one of the mixed forms of the C library */
            a[k] = (uint8_t)(next() & 1 ? 0 : next());
        a[0] = 0x20;
        size_t n = weir_text_ip(6, a, out);
        assert_non_null(inet_ntop(AF_INET6, a, want, sizeof want));
        assert_int_equal(n, strlen(want));
        assert_memory_equal(out, want, n);
        n = weir_text_ip(4, a + 1, out);
        assert_non_null(inet_ntop(AF_INET, a + 1, want, sizeof want));
        assert_int_equal(n, strlen(want));
        assert_memory_equal(out, want, n);
    }
}

static void test_uuid(void **unused)
{
    char out[WEIR_TEXT_ROOM];
    assert_int_equal(weir_text_uuid(0x0123456789abcdef, 0xfedcba9876543210, out), 36);
    assert_memory_equal(out, "01234567-89ab-cdef-fedc-ba9876543210", 36);
}

static void check_json(const char *text, size_t length, const char *want)
{
    char out[200];
    size_t n = weir_text_json(text, length, out);
    assert_int_equal(n, strlen(want));
    assert_memory_equal(out, want, n);
}

static void test_json(void **unused)
{
    check_json("", 0, "\"\"");
    check_json("a\"b\\c", 5, "\"a\\\"b\\\\c\"");
    check_json("\n\t\0x", 4, "\"\\u000a\\u0009\\u0000x\"");
    check_json("gr\xc3\xbc\xc3\x9f", 6, "\"gr\xc3\xbc\xc3\x9f\"");
    check_json("\xff\xc3", 2, "\"\xef\xbf\xbd\xef\xbf\xbd\"");                 /* no start byte; cut off */
    check_json("\xed\xa0\x80", 3, "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""); /* a surrogate */
    check_json("\xf0\x9f\x98\x80", 4, "\"\xf0\x9f\x98\x80\"");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_real),  cmocka_unit_test(test_real32), cmocka_unit_test(test_whole),
                                       cmocka_unit_test(test_epoch), cmocka_unit_test(test_ip),     cmocka_unit_test(test_uuid),
                                       cmocka_unit_test(test_json)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
