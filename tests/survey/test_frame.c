#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <unistd.h>

#include "base/file.h"
#include "made.h"

/* A written frame in memory of exactly its size, so that a sanitizer sees a read beyond it. */
static uint8_t *write_made(const struct made *made, size_t *size)
{
    char path[] = "/tmp/weir-test-frame-XXXXXX";
    struct weir_error error;
    uint8_t *bytes, *exact = NULL;
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
    if (weir_survey_frame_write(&made->frame, path, &error) != WEIR_OK)
        fail_msg("%s", error.text);
    assert_int_equal(weir_file_read(path, 1 << 20, &bytes, size, &error), WEIR_OK);
    unlink(path);
    assert_int_equal(posix_memalign((void **)&exact, 64, *size), 0);
    memcpy(exact, bytes, *size);
    free(bytes);
    return exact;
}

static void there_and_back(void **state)
{
    (void)state;
    struct made made;
    struct weir_survey_frame *frame;
    struct weir_error error;
    size_t size, tests = 0;
    made_fill(&made);
    uint8_t *bytes = write_made(&made, &size);
    if (weir_survey_frame_open(bytes, size, "x.frame", &frame, &error) != WEIR_OK)
        fail_msg("%s", error.text);
    assert_string_equal(frame->name, "made");
    assert_null(frame->data_set);
    assert_string_equal(frame->fingerprint, made.frame.fingerprint);
    assert_int_equal(frame->dataset.rows, 280);
    assert_int_equal(frame->all_rows, MADE_ROWS);
    assert_int_equal(frame->dataset.column_count, MADE_COLUMNS);
    for (size_t c = 0; c < MADE_COLUMNS; c++) {
        assert_string_equal(frame->dataset.columns[c].name, made.column[c].name);
        assert_memory_equal(frame->dataset.columns[c].values, made.values[c], sizeof made.values[c]);
        assert_int_equal((uintptr_t)frame->dataset.columns[c].values % 64, 0);
    }
    assert_int_equal(frame->dataset.columns[4].categories.count, 3);
    assert_string_equal(frame->dataset.columns[4].categories.text[2], "icmp");
    assert_memory_equal(frame->dataset.labels, made.label, sizeof made.label);
    assert_string_equal(frame->dataset.label_values.text[2], "scan");
    assert_int_equal(frame->labels.class_count, 2);
    assert_int_equal(frame->labels.class_of[2], 1);
    assert_null(weir_survey_frame_split(frame, "seed-2"));
    const struct weir_survey_split *split = weir_survey_frame_split(frame, "seed-1");
    uint32_t *rows = weir_survey_frame_rows(frame, split->test, split->test_count);
    for (uint32_t r = 0; r < 280; r++)
        if (made.bits[1][r / 8] >> r % 8 & 1)
            assert_int_equal(rows[tests++], r);
    assert_int_equal(tests, split->test_count);
    assert_int_equal(tests + split->train_count, 280);
    free(rows);
    split = weir_survey_frame_split(frame, "on-other");
    assert_string_equal(split->test_data, "other");
    assert_string_equal(split->test_fingerprint, "00ff");
    assert_int_equal(split->test_count, 20);
    weir_survey_frame_close(&frame);
    free(bytes);
    made_free(&made);
}

static void damage(void **state)
{
    (void)state;
    struct made made;
    struct weir_survey_frame *frame;
    struct weir_error error;
    size_t size;
    made_fill(&made);
    uint8_t *bytes = write_made(&made, &size);
    /* Cut anywhere. */
    for (size_t cut = 0; cut < size; cut += cut < 200 ? 1 : 61) {
        uint8_t *part = NULL;
        assert_int_equal(posix_memalign((void **)&part, 64, cut + 1), 0);
        memcpy(part, bytes, cut);
        assert_int_equal(weir_survey_frame_open(part, cut, "x", &frame, &error), WEIR_ERR_FORMAT);
        assert_null(frame);
        free(part);
    }
    size_t labels = size - 4 * 64 - 5 * 1216 - 1216; /* 300 * 4 = 1200, padded */
    static const struct {
        size_t from_labels;
        uint8_t byte;
        const char *why;
    } breaks[] = {{0, 9, "not in its table"},   /* a label */
                  {1216 + 3, 0x7f, "infinite"}, /* a value: 0x7f.. is made below */
                  {6 * 1216 + 40, 1, "beyond the rows"},
                  {6 * 1216 + 64, 0xff, "trains and tests"}};
    for (size_t i = 0; i < sizeof breaks / sizeof *breaks; i++) {
        uint8_t kept[4];
        uint8_t *at = bytes + labels + breaks[i].from_labels;
        memcpy(kept, at - 3, 4);
        if (i == 1)
            memcpy(at - 3, (uint8_t[]){0, 0, 0x80}, 3);
        *at = breaks[i].byte;
        assert_int_equal(weir_survey_frame_open(bytes, size, "x", &frame, &error), WEIR_ERR_FORMAT);
        if (!strstr(error.text, breaks[i].why))
            fail_msg("%zu: %s", i, error.text);
        memcpy(at - 3, kept, 4);
    }
    bytes[8] = 2;
    assert_int_equal(weir_survey_frame_open(bytes, size, "x", &frame, &error), WEIR_ERR_UNSUPPORTED);
    bytes[8] = 1;
    assert_int_equal(weir_survey_frame_open(bytes, size, "x", &frame, &error), WEIR_OK);
    weir_survey_frame_close(&frame);
    free(bytes);
    made_free(&made);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(there_and_back), cmocka_unit_test(damage)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
