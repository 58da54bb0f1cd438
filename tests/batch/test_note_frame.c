/* The note frame against the offsets that docs/frame.md gives, and what went in. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "batch/note_frame.h"
#include "batch/verdict_frame.h"
#include "frames.h"

static const struct weir_note note = {
    .sensor = "fedcba987654321", .boot = 0x1122334455667788, .seq = 3, .sent_ns = 99, .name = "tap 2", .text = "{\"health\":{}}"};

static uint8_t *encode(const struct weir_note *from, size_t *size)
{
    *size = weir_note_frame_bytes(from);
    assert_int_not_equal(*size, 0);
    uint8_t *bytes = aligned_alloc(64, up(*size, 64));
    weir_note_frame_encode(from, random_bytes(bytes, *size));
    return bytes;
}

static void test_offsets(void **unused)
{
    static const char names[] = "tap 2\0{\"health\":{}}";
    size_t size;
    uint8_t *bytes = encode(&note, &size);
    assert_int_equal(size, 128 + sizeof names);
    assert_int_equal(number(bytes, 8, 2), 1);
    assert_int_equal(number(bytes, 10, 2), 3);
    assert_int_equal(number(bytes, 12, 4), bitwise_crc(bytes, size, 12, 16));
    assert_int_equal(number(bytes, 16, 8), size);
    assert_int_equal(number(bytes, 24, 8), 0);
    assert_int_equal(number(bytes, 32, 8), 0);
    assert_memory_equal(bytes + 40, note.sensor, 16);
    assert_int_equal(number(bytes, 56, 8), note.boot);
    assert_int_equal(number(bytes, 64, 8), note.seq);
    assert_int_equal(number(bytes, 72, 4), 0xffffffff);
    assert_int_equal(number(bytes, 76, 4), 0);
    assert_int_equal(number(bytes, 80, 4), sizeof names);
    assert_int_equal(number(bytes, 84, 4), 0);
    assert_int_equal(number(bytes, 88, 8), 99);
    for (size_t at = 96; at < 128; at++)
        assert_int_equal(bytes[at], 0);
    assert_memory_equal(bytes + 128, names, sizeof names);
    free(bytes);
}

static void test_comes_back(void **unused)
{
    for (size_t length = 1; length < WEIR_FRAME_NAMES_MAX; length = length * 7 + 1) {
        struct weir_note in = note, out;
        struct weir_error error = {0};
        size_t size;
        char *text = calloc(1, length + 1);
        memset(text, 'x', length);
        in.text = text;
        uint8_t *bytes = encode(&in, &size);
        if (weir_note_frame_open(bytes, size, "test", &out, &error) != WEIR_OK)
            fail_msg("%s", error.text);
        assert_string_equal(out.text, text);
        assert_string_equal(out.name, note.name);
        assert_memory_equal(out.sensor, note.sensor, 16);
        assert_int_equal(out.boot, note.boot);
        assert_int_equal(out.seq, note.seq);
        assert_int_equal(out.sent_ns, note.sent_ns);
        free(bytes);
        free(text);
    }
}

static void test_what_cannot_be_sent(void **unused)
{
    struct weir_note in = note;
    in.text = "";
    assert_int_equal(weir_note_frame_bytes(&in), 0);
    in = note;
    in.name = "";
    assert_int_equal(weir_note_frame_bytes(&in), 0);
    char *text = calloc(1, WEIR_FRAME_NAMES_MAX);
    memset(text, 'x', WEIR_FRAME_NAMES_MAX - 1); /* with its NUL just as long as name and text may be together */
    in = note;
    in.text = text;
    assert_int_equal(weir_note_frame_bytes(&in), 0);
    text[WEIR_FRAME_NAMES_MAX - 1 - sizeof "tap 2"] = 0;
    assert_int_equal(weir_note_frame_bytes(&in), 128 + WEIR_FRAME_NAMES_MAX);
    free(text);
}

static void test_any_flipped_bit_is_found(void **unused)
{
    size_t size;
    struct weir_note out;
    uint8_t *bytes = encode(&note, &size);
    for (size_t bit = 0; bit < 8 * size; bit++) {
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_int_not_equal(weir_note_frame_open(bytes, size, "peer", &out, NULL), WEIR_OK);
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    for (size_t cut = 0; cut < size; cut++)
        assert_int_not_equal(weir_note_frame_open(bytes, cut, "peer", &out, NULL), WEIR_OK);
    free(bytes);
}

static void refused(const uint8_t *bytes, size_t size, weir_err code, const char *word)
{
    struct weir_note out;
    struct weir_error error = {0};
    assert_int_equal(weir_note_frame_open(bytes, size, "peer", &out, &error), code);
    if (!strstr(error.text, word) || strncmp(error.text, "peer: ", 6) != 0)
        fail_msg("'%s' is not in: %s", word, error.text);
}

static void test_refusals_say_why(void **unused)
{
    size_t size;
    uint8_t *bytes = encode(&note, &size), *copy = aligned_alloc(64, 1024);
    assert_in_range(size, 1, 1024);
#define CASE(at, value, code, word)                                                                                              \
    do {                                                                                                                         \
        memcpy(copy, bytes, size);                                                                                               \
        copy[at] = value;                                                                                                        \
        seal(copy, size);                                                                                                        \
        refused(copy, size, code, word);                                                                                         \
    } while (0)
    CASE(10, 1, WEIR_ERR_UNSUPPORTED, "kind 1 where kind 3");
    CASE(72, 0, WEIR_ERR_FORMAT, "a note of lane 4294967040");
    CASE(76, 1, WEIR_ERR_FORMAT, "1 columns");
    CASE(78, 1, WEIR_ERR_FORMAT, "1 rows");
    CASE(80, 1, WEIR_ERR_FORMAT, "bytes came");
    CASE(83, 1, WEIR_ERR_LIMIT, "bytes of names");
    CASE(128, 0, WEIR_ERR_FORMAT, "an empty name");
    const size_t end = 128 + sizeof "tap 2" + sizeof "{\"health\":{}}";
    assert_int_equal(size, end);
    CASE(end - 1, 'x', WEIR_ERR_FORMAT, "no name");
    CASE(end - 3, 0, WEIR_ERR_FORMAT, "more than the 2 names");
#undef CASE
    free(copy);
    free(bytes);
}

static void test_kinds(void **unused)
{
    size_t size;
    struct weir_frame batch;
    struct weir_verdict_frame verdicts;
    uint8_t *bytes = encode(&note, &size);
    assert_int_equal(weir_frame_kind(bytes, size), WEIR_FRAME_NOTE);
    assert_int_equal(weir_frame_kind(bytes, 127), 0);
    assert_int_equal(weir_frame_open(bytes, size, "peer", &batch, NULL), WEIR_ERR_UNSUPPORTED);
    assert_int_equal(weir_verdict_frame_open(bytes, size, "peer", &verdicts, NULL), WEIR_ERR_UNSUPPORTED);
    bytes[0] ^= 1;
    assert_int_equal(weir_frame_kind(bytes, size), 0);
    free(bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_offsets),
        cmocka_unit_test(test_comes_back),
        cmocka_unit_test(test_what_cannot_be_sent),
        cmocka_unit_test(test_any_flipped_bit_is_found),
        cmocka_unit_test(test_refusals_say_why),
        cmocka_unit_test(test_kinds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
