#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/document.h"

/* Writes what the reader sees in one canonical form, so that one line says what is expected of a document. */
static void write_value(struct weir_document *doc, FILE *out)
{
    const char *text, *separator = "";
    switch (weir_document_peek(doc)) {
    case WEIR_DOCUMENT_OBJECT:
        fputc('{', out);
        weir_document_object(doc);
        while ((text = weir_document_key(doc))) {
            fprintf(out, "%s%s:", separator, text);
            write_value(doc, out);
            separator = ",";
        }
        fputc('}', out);
        break;
    case WEIR_DOCUMENT_ARRAY:
        fputc('[', out);
        weir_document_array(doc);
        while (weir_document_item(doc)) {
            fputs(separator, out);
            write_value(doc, out);
            separator = ",";
        }
        fputc(']', out);
        break;
    case WEIR_DOCUMENT_STRING:
        text = weir_document_string(doc);
        fprintf(out, "'%s'", text ? text : "");
        break;
    case WEIR_DOCUMENT_NUMBER:
        fprintf(out, "%.9g", weir_document_real(doc));
        break;
    case WEIR_DOCUMENT_BOOLEAN:
        fprintf(out, "?%g", weir_document_real(doc));
        break;
    case WEIR_DOCUMENT_NULL:
        weir_document_skip(doc);
        fputs("null", out);
        break;
    case WEIR_DOCUMENT_BROKEN:
        weir_document_skip(doc); /* fails and says so */
        break;
    }
}

/* The canonical form, or the error's text. Reads from a copy of exact size. The caller frees it. */
static char *seen(const void *bytes, size_t size)
{
    struct weir_document doc;
    struct weir_error error = {0};
    char *text = NULL;
    size_t length;
    FILE *out = open_memstream(&text, &length);
    uint8_t *copy = malloc(size ? size : 1);
    memcpy(copy, bytes, size);
    if (!weir_document_open(&doc, copy, size, "doc", &error))
        write_value(&doc, out);
    fclose(out);
    if (weir_document_finish(&doc)) {
        free(text);
        text = strdup(error.text);
    }
    weir_document_close(&doc);

    /* Passing over it finds the same fault or none. */
    struct weir_error again = {0};
    if (!weir_document_open(&doc, copy, size, "doc", &again))
        weir_document_skip(&doc);
    if (strstr(error.text, "a string")) /* what is skipped is not kept: its length and zero bytes do not matter */
        again = error;
    else
        weir_document_finish(&doc);
    assert_string_equal(again.text, error.text);
    weir_document_close(&doc);
    free(copy);
    return text;
}

struct example {
    const char *bytes;
    size_t size;
    const char *seen;
};
#define BYTES(literal) literal, sizeof literal - 1

static void check(const struct example *examples, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        char *text = seen(examples[i].bytes, examples[i].size);
        assert_string_equal(text, examples[i].seen);
        free(text);
    }
}

static void json_is_read(void **state)
{
    (void)state;
    static const struct example examples[] = {
        {BYTES("{}"), "{}"},
        {BYTES("\xef\xbb\xbf \n{ \"a\" : [ ] }\t"), "{a:[]}"},
        {BYTES("{\"a\":[1,-2.5E-1,0e0,true,false,null,\"x\"],\"b\":{\"c\":{}}}"), "{a:[1,-0.25,0,?1,?0,null,'x'],b:{c:{}}}"},
        {BYTES("{\"a\":[NaN,Infinity,-Infinity]}"), "{a:[nan,inf,-inf]}"},
        {BYTES("{\"\\u0041\\n\":\"\\\"\\\\\\/\\u00e9\\u20ac\\ud83d\\ude00\"}"), "{A\n:'\"\\/\u00e9\u20ac\U0001F600'}"},
        {BYTES(""), "doc: offset 0: neither a JSON nor a UBJSON document"},
        {BYTES("{"), "doc: offset 0: neither a JSON nor a UBJSON document"},
        {BYTES("[1]"), "doc: offset 0: neither a JSON nor a UBJSON document"},
        {BYTES("{\"a\":1"), "doc: offset 6: the document ends where ',' or '}' should be"},
        {BYTES("{\"a\":1 \"b\":2}"), "doc: offset 7: found byte 0x22 where ',' or '}' should be"},
        {BYTES("{\"a\":[1,]}"), "doc: offset 8: found byte 0x5d where a value should be"},
        {BYTES("{\"a\":[,1]}"), "doc: offset 6: found byte 0x2c where a value should be"},
        {BYTES("{\"a\":1,}"), "doc: offset 7: found byte 0x7d where a string should be"},
        {BYTES("{\"a\" 1}"), "doc: offset 5: found byte 0x31 where ':' should be"},
        {BYTES("{\"a\":-}"), "doc: offset 5: found byte 0x2d where a number should be"},
        {BYTES("{\"a\":1.2.3}"), "doc: offset 5: found byte 0x31 where a number should be"},
        {BYTES("{\"a\":tru}"), "doc: offset 5: found byte 0x74 where true or false should be"},
        {BYTES("{\"a\":nul}"), "doc: offset 5: found byte 0x6e where null should be"},
        {BYTES("{\"a\":\"\x01\"}"), "doc: offset 6: found byte 0x01 where a printable character should be"},
        {BYTES("{\"a\":\"\\x\"}"), "doc: offset 7: found byte 0x78 where an escape should be"},
        {BYTES("{\"a\":\"\\ud800x\"}"), "doc: offset 12: found byte 0x78 where the second half of a surrogate pair should be"},
        {BYTES("{\"a\":\"\\u12g4\"}"), "doc: offset 10: found byte 0x67 where a hexadecimal digit should be"},
        {BYTES("{\"a\":\"\\u0000\"}"), "doc: offset 12: a string with a zero byte"},
        {BYTES("{\"a\":\"x"), "doc: offset 7: the document ends where the end of a string should be"},
        {BYTES("{} x"), "doc: offset 3: found byte 0x78 where the end should be"},
    };
    check(examples, sizeof examples / sizeof *examples);
}

static void ubjson_is_read(void **state)
{
    (void)state;
    static const struct example examples[] = {
        {BYTES("{i\x01"
               "ai\xff}"),
         "{a:-1}"},
        {BYTES("{U\x01"
               "aU\xffI\x00\x01"
               "bI\x01\x00l\x00\x00\x00\x01"
               "cl\xff\xff\xff\xfeL\0\0\0\0\0\0\0\x01"
               "dL\0\0\0\0\0\0\1\0}"),
         "{a:255,b:256,c:-2,d:256}"},
        {BYTES("{U\x01"
               "ad\x3f\x80\0\0U\x01"
               "bD\xbf\xf0\0\0\0\0\0\0}"),
         "{a:1,b:-1}"},
        {BYTES("{U\x01"
               "a[TFZNSU\x02"
               "hiCx]}"),
         "{a:[?1,?0,null,'hi','x']}"},
        {BYTES("{U\x01"
               "a[$d#U\x02\x3f\x80\0\0\x40\0\0\0}"),
         "{a:[1,2]}"},
        {BYTES("{U\x01"
               "a[#L\0\0\0\0\0\0\0\x02U\x01[]}"),
         "{a:[1,[]]}"},
        {BYTES("{U\x01"
               "a{#U\x01U\x01"
               "bU\x02}"),
         "{a:{b:2}}"},
        {BYTES("{U\x01"
               "a[$S#U\x02U\x01"
               "xU\x01"
               "y}"),
         "{a:['x','y']}"},
        {BYTES("{U\x01"
               "a"),
         "doc: offset 4: the document ends where a value should be"},
        {BYTES("{U\x05"
               "a}"),
         "doc: offset 3: the document ends inside a value"},
        {BYTES("{i\xff"
               "a}"),
         "doc: offset 3: a length of -1"},
        {BYTES("{U\x01"
               "a[$d#L\x7f\xff\xff\xff\xff\xff\xff\xff\0\0\0\0}"),
         "doc: offset 21: the document ends inside a value"},
        {BYTES("{U\x01"
               "a[$Z#L\x7f\xff\xff\xff\xff\xff\xff\xff}"),
         "doc: offset 6: found byte 0x5a where a type that occupies bytes should be"},
        {BYTES("{U\x01"
               "a[$d\x01]}"),
         "doc: offset 7: found byte 0x01 where the count of a typed array should be"},
        {BYTES("{U\x01"
               "aH}"),
         "doc: offset 4: found byte 0x48 where a value should be"},
        {BYTES("{U\x01"
               "aSU\x01\0}"),
         "doc: offset 7: a string with a zero byte"},
        {BYTES("{U\x01"
               "aU\x01}x"),
         "doc: offset 7: found byte 0x78 where the end should be"},
    };
    check(examples, sizeof examples / sizeof *examples);
}

static void depth_is_bounded(void **state)
{
    (void)state;
    for (int binary = 0; binary < 2; binary++)
        for (size_t levels = WEIR_DOCUMENT_DEPTH - 1; levels <= 100000; levels = levels < 100 ? levels + 1 : levels * 1000) {
            size_t n = 0;
            char *text = malloc(2 * levels + 10);
            n += (size_t)sprintf(text, binary ? "{U\x01"
                                                "a"
                                              : "{\"a\":");
            memset(text + n, '[', levels);
            memset(text + n + levels, ']', levels);
            n += 2 * levels;
            text[n++] = '}';
            char *result = seen(text, n);
            assert_int_equal(strstr(result, "more than 64 levels") != NULL, levels > WEIR_DOCUMENT_DEPTH - 1);
            free(result);
            free(text);
        }
}

static void numbers_are_rounded_once(void **state)
{
    (void)state;
    /* Just above the middle of 1 and the next float32; in double it is the middle, which would round down to even. */
    static const char text[] = "{\"a\":[1.00000005960464477540,0.1,1e-45,-0,3.4028235E38,true,\"5E-1\"]}";
    struct weir_document doc;
    struct weir_floats floats = {0};
    assert_int_equal(weir_document_open(&doc, text, strlen(text), "doc", NULL), WEIR_OK);
    weir_document_object(&doc);
    assert_string_equal(weir_document_key(&doc), "a");
    assert_true(weir_document_floats(&doc, &floats));
    assert_null(weir_document_key(&doc));
    assert_int_equal(weir_document_finish(&doc), WEIR_OK);
    static const float expected[] = {0x1.000002p0f, 0.1f, 0x1p-149f, -0.0f, 0x1.fffffep127f, 1, 0.5f};
    assert_int_equal(floats.count, sizeof expected / sizeof *expected);
    assert_memory_equal(floats.item, expected, sizeof expected);
    weir_floats_free(&floats);
    weir_document_close(&doc);
}

static void integers_are_checked(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        weir_err code;
    } cases[] = {{"{\"a\":[2147483647,-2147483648,\"7\",1.0]}", WEIR_OK},
                 {"{\"a\":[2147483648]}", WEIR_ERR_FORMAT},
                 {"{\"a\":[1.5]}", WEIR_ERR_FORMAT},
                 {"{\"a\":[NaN]}", WEIR_ERR_FORMAT},
                 {"{\"a\":[\"7x\"]}", WEIR_ERR_FORMAT},
                 {"{\"a\":[\"\"]}", WEIR_ERR_FORMAT},
                 {"{\"a\":[[]]}", WEIR_ERR_FORMAT},
                 {"{\"a\":7}", WEIR_ERR_FORMAT}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct weir_document doc;
        struct weir_integers integers = {0};
        assert_int_equal(weir_document_open(&doc, cases[i].text, strlen(cases[i].text), "doc", NULL), WEIR_OK);
        weir_document_object(&doc);
        weir_document_key(&doc);
        weir_document_integers(&doc, &integers);
        weir_document_key(&doc);
        assert_int_equal(weir_document_finish(&doc), cases[i].code);
        if (!i)
            assert_true(integers.count == 4 && integers.item[0] == INT32_MAX && integers.item[1] == INT32_MIN &&
                        integers.item[2] == 7 && integers.item[3] == 1);
        weir_integers_free(&integers);
        weir_document_close(&doc);
    }
}

static void long_strings_are_only_skipped(void **state)
{
    (void)state;
    char text[3000];
    struct weir_document doc;
    struct weir_error error;
    int n = snprintf(text, sizeof text, "{\"a\":\"%02000d\",\"b\":1}", 0);
    assert_int_equal(weir_document_open(&doc, text, (size_t)n, "doc", &error), WEIR_OK);
    weir_document_skip(&doc);
    assert_int_equal(weir_document_finish(&doc), WEIR_OK);
    weir_document_close(&doc);
    char *result = seen(text, (size_t)n);
    assert_non_null(strstr(result, "a string of more than 1023 bytes"));
    free(result);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(json_is_read),         cmocka_unit_test(ubjson_is_read),
        cmocka_unit_test(depth_is_bounded),     cmocka_unit_test(numbers_are_rounded_once),
        cmocka_unit_test(integers_are_checked), cmocka_unit_test(long_strings_are_only_skipped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
