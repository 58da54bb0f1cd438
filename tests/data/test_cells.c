#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data/cells.h"

/* The cells of a line, joined by <>; "!" for -1. */
static const char *split(const char *line, char delimiter)
{
    static char out[512];
    struct weir_span cell[8];
    size_t length = strlen(line), used = 0;
    char *exact = malloc(length + 1);
    assert_non_null(exact);
    memcpy(exact, line, length);
    long n = weir_cells_split(exact, length, delimiter, cell, 8);
    if (n < 0)
        strcpy(out, "!");
    for (long i = 0; i < n && i < 8; i++)
        used += (size_t)snprintf(out + used, sizeof out - used, "%s%.*s", i ? "<>" : "", (int)cell[i].length, cell[i].text);
    if (n > 8)
        snprintf(out + used, sizeof out - used, "...%ld", n);
    free(exact);
    return out;
}

static void delimited(void **state)
{
    (void)state;
    assert_string_equal(split("a,b,,d", ','), "a<>b<><>d");
    assert_string_equal(split("", ','), "");
    assert_string_equal(split(",", ','), "<>");
    assert_string_equal(split("a\tb,c", '\t'), "a<>b,c");
    assert_string_equal(split("\"0x0008\",\"a,b\",\"say \"\"so\"\"\",\"\"", ','), "0x0008<>a,b<>say \"so\"<>");
    assert_string_equal(split("\"a\"b,c\"d\"", ','), "ab<>c\"d\"");
    assert_string_equal(split("\"open,b", ','), "!");
    assert_string_equal(split("\"", ','), "!");
    assert_string_equal(split("1,2,3,4,5,6,7,8,9,10", ','), "1<>2<>3<>4<>5<>6<>7<>8...10");
}

struct members {
    json_t *object;
};

static bool keep(void *context, struct weir_span name, struct weir_span value)
{
    struct members *members = context;
    json_object_setn_new(members->object, name.text, name.length,
                         value.text ? json_stringn(value.text, value.length) : json_null());
    return true;
}

/* The members, or NULL. */
static json_t *object(const char *line, size_t length)
{
    struct members members = {json_object()};
    char *exact = malloc(length + !length);
    assert_non_null(exact);
    memcpy(exact, line, length);
    if (!weir_cells_object(exact, length, keep, &members)) {
        json_decref(members.object);
        members.object = NULL;
    }
    free(exact);
    return members.object;
}

static void objects(void **state)
{
    (void)state;
    const char line[] =
        "{\"a\":1.5e3,\"b\" : \"x\\n\\u00e9\\ud83d\\ude00\\\"\" , \"c\":null,\"d\":[1,{\"e\":\"]\"}],\"f\":true,\"g\":-0}";
    json_t *got = object(line, sizeof line - 1);
    json_t *want = json_pack("{s:s,s:s,s:n,s:n,s:s,s:s}", "a", "1.5e3", "b", "x\n\xc3\xa9\xf0\x9f\x98\x80\"", "c", "d", "f",
                             "true", "g", "-0");
    assert_non_null(got);
    assert_true(json_equal(got, want));
    json_decref(got);
    json_decref(want);
    static const char *const wrong[] = {"",
                                        "{",
                                        "[]",
                                        "{\"a\"}",
                                        "{\"a\":}",
                                        "{\"a\":1,}",
                                        "{\"a\":01}",
                                        "{\"a\":1.}",
                                        "{\"a\":nul}",
                                        "{\"a\":1}x",
                                        "{\"a\":\"\\x\"}",
                                        "{\"a\":\"\\u12\"}",
                                        "{\"a\":\"b}",
                                        "{a:1}",
                                        "{\"a\":[1}",
                                        "{\"a\":[1,2}]}",
                                        "{\"a\":1 \"b\":2}",
                                        "{\"a\":+1}",
                                        "{\"a\":1e}"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        if (object(wrong[i], strlen(wrong[i])))
            fail_msg("'%s' was taken", wrong[i]);
    char deep[200] = "{\"a\":";
    memset(deep + 5, '[', 40);
    memset(deep + 45, ']', 40);
    deep[85] = '}';
    assert_null(object(deep, 86));
    json_t *empty = object(" { } ", 5);
    assert_non_null(empty);
    json_decref(empty);
}

/* Whatever Jansson writes is read as Jansson reads it. */
static void objects_equal_jansson(void **state)
{
    (void)state;
    srand(1);
    for (int i = 0; i < 5000; i++) {
        json_t *from = json_object(), *want = json_object();
        for (int m = rand() % 6; m > 0; m--) {
            char name[16], text[64];
            snprintf(name, sizeof name, "m%d\"\\", rand() % 20);
            if (rand() % 3 == 0) {
                double number = (rand() - RAND_MAX / 2) * 1e-3;
                json_object_set_new(from, name, json_real(number));
                char *printed = json_dumps(json_object_get(from, name), JSON_ENCODE_ANY);
                json_object_set_new(want, name, json_string(printed));
                free(printed);
            } else {
                size_t n = (size_t)rand() % 20;
                for (size_t c = 0; c < n; c++)
                    text[c] = (char)(1 + rand() % 127);
                json_object_set_new(from, name, json_stringn(text, n));
                json_object_set_new(want, name, json_stringn(text, n));
            }
        }
        char *line = json_dumps(from, i % 2 ? JSON_COMPACT : 0);
        json_t *got = object(line, strlen(line));
        if (!got || !json_equal(got, want))
            fail_msg("%s", line);
        free(line);
        json_decref(got);
        json_decref(want);
        json_decref(from);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(delimited), cmocka_unit_test(objects),
                                       cmocka_unit_test(objects_equal_jansson)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
