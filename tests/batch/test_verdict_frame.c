/* The verdict frame against the offsets that docs/frame.md gives, and what went in. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "batch/verdict_frame.h"
#include "frames.h"

static const char *const classes[] = {"benign", "flood", "scan"};
static const char *const columns[] = {"dur", "sbytes", "rate", "state"};
enum { CLASSES = 3, COLUMNS = 4, MONO_TO_WALL = 5000 };

static struct weir_batch batch;
static struct weir_verdicts in;

static void randomize(uint16_t rows)
{
    random_bytes(&batch, sizeof batch);
    random_bytes(&in, sizeof in);
    batch.rows = rows;
    in = (struct weir_verdicts){.batch = &batch,
                                .model = "forest:7",
                                .feature_set = "argus",
                                .classes = classes,
                                .class_count = CLASSES,
                                .columns = columns,
                                .brief = next() % 2,
                                .alerts_only = next() % 2,
                                .threshold = 0.25f};
    for (unsigned r = 0; r < rows; r++) {
        batch.identity[r].reason = (uint8_t)(next() % WEIR_REASON_COUNT);
        batch.identity[r].ip_version = 6;
        batch.identity[r].ports = 1;
        in.scored_ns[r] = (int64_t)(next() >> 2);
        in.score[r] = (float)(next() % 1000) / 1000;
        in.class_index[r] = (uint16_t)(next() % CLASSES);
        in.alert[r] = next() % 3 == 0;
        if (!in.alert[r])
            continue;
        struct weir_alert_causes *to = &in.causes[in.alerts++];
        *to = (struct weir_alert_causes){.row = (uint16_t)r, .count = (uint8_t)(next() % (WEIR_REASONS_MAX + 1))};
        for (unsigned i = 0; i < to->count; i++)
            to->cause[i] = (struct weir_cause){(uint16_t)(next() % COLUMNS), (float)next(), -(float)next()};
    }
}

static uint8_t *encode(size_t *size)
{
    struct weir_frame_origin origin = {.sensor = "fedcba987654321", .name = "tap 2", .sent_ns = 88, .mono_to_wall = MONO_TO_WALL};
    *size = weir_verdict_frame_bytes(&in, COLUMNS, &origin);
    uint8_t *bytes = aligned_alloc(64, up(*size, 64));
    weir_verdict_frame_encode(&in, COLUMNS, &origin, random_bytes(bytes, *size));
    return bytes;
}

static void check_offsets(const uint8_t *bytes, size_t size)
{
    static const char names[] = "tap 2\0forest:7\0argus\0benign\0flood\0scan\0dur\0sbytes\0rate\0state";
    assert_int_equal(number(bytes, 8, 2), 1);
    assert_int_equal(number(bytes, 10, 2), 2);
    assert_int_equal(number(bytes, 12, 4), bitwise_crc(bytes, size, 12, 16));
    assert_int_equal(number(bytes, 64, 8), batch.seq);
    assert_int_equal(number(bytes, 76, 2), COLUMNS);
    assert_int_equal(number(bytes, 80, 4), sizeof names);
    assert_int_equal(number(bytes, 84, 4), in.alerts);
    assert_int_equal(number(bytes, 96, 4), 0x3e800000); /* 0.25 */
    assert_int_equal(number(bytes, 100, 2), CLASSES);
    assert_int_equal(number(bytes, 102, 2), (in.brief ? 2 : 0) + (in.alerts_only ? 4 : 0));
    assert_int_equal(number(bytes, 104, 8), (uint64_t)batch.handed_ns + MONO_TO_WALL);
    assert_memory_equal(bytes + 128, names, sizeof names);
    size_t rows = batch.rows, closed = up(up(128 + sizeof names, 64) + 80 * rows, 64), scored = up(closed + 8 * rows, 64);
    size_t score = up(scored + 8 * rows, 64), class_index = up(score + 4 * rows, 64), causes = up(class_index + 2 * rows, 64);
    assert_int_equal(size, causes + 64u * in.alerts);
    for (unsigned r = 0; r < rows; r++) {
        assert_int_equal(number(bytes, closed + 8 * r, 8), (uint64_t)batch.closed_ns[r] + MONO_TO_WALL);
        assert_int_equal(number(bytes, scored + 8 * r, 8), in.scored_ns[r] + MONO_TO_WALL);
        assert_memory_equal(bytes + score + 4 * r, &in.score[r], 4);
        assert_int_equal(number(bytes, class_index + 2 * r, 2), in.class_index[r]);
    }
    for (unsigned a = 0; a < in.alerts; a++, causes += 64) {
        assert_int_equal(number(bytes, causes, 2), in.causes[a].row);
        assert_int_equal(number(bytes, causes + 2, 2), in.causes[a].count);
        for (unsigned i = 0; i < in.causes[a].count; i++) {
            assert_int_equal(number(bytes, causes + 4 + 12 * i, 2), in.causes[a].cause[i].column);
            assert_memory_equal(bytes + causes + 8 + 12 * i, &in.causes[a].cause[i].value, 4);
            assert_memory_equal(bytes + causes + 12 + 12 * i, &in.causes[a].cause[i].contribution, 4);
        }
    }
}

static void check_read(const uint8_t *bytes, size_t size)
{
    static struct weir_batch back_batch;
    static struct weir_verdicts back;
    struct weir_verdict_frame frame;
    struct weir_error error = {0};
    if (weir_verdict_frame_open(bytes, size, "test", &frame, &error) != WEIR_OK)
        fail_msg("%s", error.text);
    assert_string_equal(frame.sensor_name, "tap 2");
    assert_string_equal(frame.model, "forest:7");
    assert_string_equal(frame.feature_set, "argus");
    const char *names[CLASSES + COLUMNS];
    weir_verdict_frame_names(&frame, names);
    for (unsigned i = 0; i < CLASSES + COLUMNS; i++)
        assert_string_equal(names[i], i < CLASSES ? classes[i] : columns[i - CLASSES]);
    random_bytes(&back_batch, sizeof back_batch);
    random_bytes(&back, offsetof(struct weir_verdicts, alert));
    back.batch = &back_batch;
    weir_verdict_frame_read(&frame, MONO_TO_WALL, &back);
    assert_int_equal(back_batch.seq, batch.seq);
    assert_int_equal(back_batch.boot, batch.boot);
    assert_int_equal(back_batch.lane, batch.lane);
    assert_int_equal(back_batch.rows, batch.rows);
    assert_int_equal(back.class_count, CLASSES);
    assert_int_equal(back.alerts, in.alerts);
    assert_int_equal(back.brief, in.brief);
    assert_int_equal(back.alerts_only, in.alerts_only);
    assert_int_equal(back_batch.handed_ns, batch.handed_ns);
    assert_memory_equal(&back.threshold, &in.threshold, 4);
    for (unsigned r = 0; r < batch.rows; r++) {
        assert_memory_equal(&back_batch.identity[r], &batch.identity[r], 60);
        assert_int_equal(back_batch.closed_ns[r], batch.closed_ns[r]);
        assert_int_equal(back.scored_ns[r], in.scored_ns[r]);
        assert_memory_equal(&back.score[r], &in.score[r], 4);
        assert_int_equal(back.class_index[r], in.class_index[r]);
        assert_int_equal(back.alert[r], in.alert[r]);
    }
    for (unsigned a = 0; a < in.alerts; a++) {
        assert_int_equal(back.causes[a].row, in.causes[a].row);
        assert_int_equal(back.causes[a].count, in.causes[a].count);
        assert_memory_equal(back.causes[a].cause, in.causes[a].cause, in.causes[a].count * sizeof *in.causes[a].cause);
    }
}

static void test_every_size_comes_back(void **unused)
{
    for (uint16_t rows = 1; rows <= WEIR_BATCH_ROWS; rows = (uint16_t)(rows < 70 ? rows + 1 : rows + 221)) {
        size_t size;
        randomize(rows);
        uint8_t *bytes = encode(&size);
        check_offsets(bytes, size);
        check_read(bytes, size);
        free(bytes);
    }
}

static void test_any_flipped_bit_is_found(void **unused)
{
    size_t size;
    struct weir_verdict_frame frame;
    randomize(7);
    uint8_t *bytes = encode(&size);
    for (size_t bit = 0; bit < 8 * size; bit++) {
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_int_not_equal(weir_verdict_frame_open(bytes, size, "peer", &frame, NULL), WEIR_OK);
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    for (size_t cut = 0; cut < size; cut++)
        assert_int_not_equal(weir_verdict_frame_open(bytes, cut, "peer", &frame, NULL), WEIR_OK);
    free(bytes);
}

static void refused(const uint8_t *bytes, size_t size, weir_err code, const char *word)
{
    struct weir_verdict_frame frame;
    struct weir_error error = {0};
    assert_int_equal(weir_verdict_frame_open(bytes, size, "peer", &frame, &error), code);
    if (!strstr(error.text, word) || strncmp(error.text, "peer: ", 6) != 0)
        fail_msg("'%s' is not in: %s", word, error.text);
}

static void test_refusals_say_why(void **unused)
{
    size_t size;
    do
        randomize(9);
    while (in.alerts < 2);
    uint8_t *bytes = encode(&size), *copy = aligned_alloc(64, up(size, 64));
    size_t causes = size - 64u * in.alerts, class_index = causes - 64;
#define CASE(change, code, word)                                                                                                 \
    do {                                                                                                                         \
        memcpy(copy, bytes, size);                                                                                               \
        change;                                                                                                                  \
        seal(copy, size);                                                                                                        \
        refused(copy, size, code, word);                                                                                         \
    } while (0)
    CASE(copy[10] = 1, WEIR_ERR_UNSUPPORTED, "frame of kind 1 where kind 2 belongs");
    CASE(copy[84] = 10, WEIR_ERR_FORMAT, "10 alerts of 9 rows");
    CASE(copy[100] = 0, WEIR_ERR_FORMAT, "0 classes");
    CASE(copy[100] = 4, WEIR_ERR_FORMAT, "no name where 11 are needed");
    CASE(copy[class_index] = CLASSES, WEIR_ERR_FORMAT, "row 0 is of class 3 of 3");
    CASE(copy[causes] = 9, WEIR_ERR_FORMAT, "alert 0");
    CASE(memcpy(copy + causes + 64, copy + causes, 2), WEIR_ERR_FORMAT, "alert 1");
    CASE(copy[causes + 2] = WEIR_REASONS_MAX + 1, WEIR_ERR_FORMAT, "6 reasons");
    CASE(((void)(copy[causes + 2] = 1), copy[causes + 4] = COLUMNS), WEIR_ERR_FORMAT, "alert 0");
    free(copy);
    free(bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_size_comes_back),
        cmocka_unit_test(test_any_flipped_bit_is_found),
        cmocka_unit_test(test_refusals_say_why),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
