/* The batch frame against the offsets that docs/frame.md gives, a bitwise CRC, and what went in. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "batch/batcher.h"
#include "batch/frame.h"
#include "frames.h"

static const char *const names[] = {"dur", "sbytes", "x", "a_rather_long_name_of_a_column"};
enum { COLUMNS = 4, MONO_TO_WALL = 1000000 };

static struct weir_batch *random_batch(uint16_t columns, uint16_t rows)
{
    struct weir_batch *batch = malloc(sizeof *batch);
    size_t values = (size_t)columns * WEIR_BATCH_ROWS;
    float *x = aligned_alloc(64, values * sizeof *x);
    assert_non_null(batch);
    random_bytes(batch, sizeof *batch);
    batch->x = random_bytes(x, values * sizeof *x); /* NaNs of every kind among them */
    batch->columns = columns;
    batch->rows = rows;
    batch->column_list = weir_column_list_id(batch->feature_set, names, columns);
    for (unsigned r = 0; r < rows; r++) {
        batch->identity[r].reason = (uint8_t)(next() % WEIR_REASON_COUNT);
        batch->identity[r].ip_version = next() % 2 ? 4 : 6;
        batch->identity[r].ports = next() % 2;
    }
    return batch;
}

static void free_batch(struct weir_batch *batch)
{
    free(batch->x);
    free(batch);
}

static uint8_t *encode(const struct weir_batch *batch, size_t *size)
{
    struct weir_frame_origin origin = {
        .sensor = "0123456789abcde", .name = "tap 1", .sent_ns = 77, .mono_to_wall = MONO_TO_WALL, .degrade = batch->seq % 2};
    *size = weir_frame_bytes(batch, names, &origin);
    uint8_t *bytes = aligned_alloc(64, (*size + 63) / 64 * 64);
    weir_frame_encode(batch, names, &origin, random_bytes(bytes, *size));
    return bytes;
}

static void test_crc_of_the_standard(void **unused)
{
    assert_int_equal(weir_frame_crc(0, "123456789", 9), 0xe3069283); /* RFC 3720's polynomial, the usual check value */
    assert_int_equal(weir_frame_crc(weir_frame_crc(0, "1234", 4), "56789", 5), 0xe3069283);
}

/* The frame read by the documented offsets alone. */
static void check_offsets(const struct weir_batch *batch, const uint8_t *bytes, size_t size)
{
    assert_memory_equal(bytes, "\x89WEIRF\r\n", 8);
    assert_int_equal(number(bytes, 8, 2), 1);
    assert_int_equal(number(bytes, 10, 2), 1);
    assert_int_equal(number(bytes, 12, 4), bitwise_crc(bytes, size, 12, 16));
    assert_int_equal(number(bytes, 16, 8), size);
    assert_int_equal(number(bytes, 24, 8), batch->feature_set);
    assert_int_equal(number(bytes, 32, 8), batch->column_list);
    assert_memory_equal(bytes + 40, "0123456789abcde", 16);
    assert_int_equal(number(bytes, 56, 8), batch->boot);
    assert_int_equal(number(bytes, 64, 8), batch->seq);
    assert_int_equal(number(bytes, 72, 4), batch->lane);
    assert_int_equal(number(bytes, 76, 2), batch->columns);
    assert_int_equal(number(bytes, 78, 2), batch->rows);
    assert_int_equal(number(bytes, 88, 8), 77);
    assert_int_equal(number(bytes, 96, 6), 0);
    assert_int_equal(number(bytes, 102, 2), batch->seq % 2);
    assert_int_equal(number(bytes, 104, 8), batch->handed_ns ? (uint64_t)batch->handed_ns + MONO_TO_WALL : 0);
    assert_int_equal(number(bytes, 112, 8) | number(bytes, 120, 8), 0);
    size_t names_bytes = number(bytes, 80, 4), at = 128 + sizeof "tap 1";
    assert_string_equal((const char *)bytes + 128, "tap 1");
    for (unsigned c = 0; c < batch->columns; at += strlen(names[c]) + 1, c++)
        assert_string_equal((const char *)bytes + at, names[c]);
    assert_int_equal(at, 128 + names_bytes);
    size_t identities = up(at, 64), closed = up(identities + 80u * batch->rows, 64), x = up(closed + 8u * batch->rows, 64);
    for (unsigned r = 0; r < batch->rows; r++) {
        const struct weir_identity *id = &batch->identity[r];
        size_t base = identities + 80u * r;
        assert_int_equal(number(bytes, base, 8), id->flow_id.high);
        assert_int_equal(number(bytes, base + 8, 8), id->flow_id.low);
        assert_int_equal(number(bytes, base + 16, 4), id->record);
        assert_int_equal(bytes[base + 20], id->reason);
        assert_int_equal(bytes[base + 21], id->ip_version);
        assert_int_equal(bytes[base + 22], id->proto);
        assert_int_equal(bytes[base + 23], id->ports);
        assert_int_equal(number(bytes, base + 24, 2), id->sport);
        assert_int_equal(number(bytes, base + 26, 2), id->dport);
        assert_memory_equal(bytes + base + 28, id->src, 16);
        assert_memory_equal(bytes + base + 44, id->dst, 16);
        assert_int_equal(number(bytes, base + 60, 4), 0);
        assert_int_equal(number(bytes, base + 64, 8), id->stime_ns);
        assert_int_equal(number(bytes, base + 72, 8), id->ltime_ns);
        assert_int_equal(number(bytes, closed + 8u * r, 8), (uint64_t)batch->closed_ns[r] + MONO_TO_WALL);
        unsigned full = batch->rows / 64u, rest = batch->rows % 64u;
        for (unsigned c = 0; c < batch->columns; c++) {
            size_t place = r / 64 < full ? (r / 64 * batch->columns + c) * 64u + r % 64
                                         : full * batch->columns * 64u + c * up(rest, 16) + r % 64;
            assert_memory_equal(bytes + x + 4 * place, weir_batch_cell(batch, r, c), 4);
        }
    }
}

static void check_read(const struct weir_batch *batch, const uint8_t *bytes, size_t size)
{
    struct weir_frame frame;
    struct weir_error error = {0};
    if (weir_frame_open(bytes, size, "test", &frame, &error) != WEIR_OK)
        fail_msg("%s", error.text);
    assert_true((const uint8_t *)frame.x > bytes && (const uint8_t *)frame.x < bytes + size); /* not copied */
    const char *name[COLUMNS];
    weir_frame_names(&frame, name);
    assert_string_equal(frame.sensor_name, "tap 1");
    for (unsigned c = 0; c < frame.columns; c++)
        assert_string_equal(name[c], names[c]);
    struct weir_batch *back = random_batch(batch->columns, 1);
    weir_frame_to_batch(&frame, MONO_TO_WALL, back);
    assert_int_equal(back->rows, batch->rows);
    assert_int_equal(back->seq, batch->seq);
    assert_int_equal(back->boot, batch->boot);
    assert_int_equal(back->lane, batch->lane);
    assert_int_equal(back->feature_set, batch->feature_set);
    assert_int_equal(back->column_list, batch->column_list);
    for (unsigned r = 0; r < batch->rows; r++) {
        assert_memory_equal(&back->identity[r], &batch->identity[r], 60);
        assert_int_equal(back->identity[r].ltime_ns, batch->identity[r].ltime_ns);
        assert_int_equal(back->closed_ns[r], batch->closed_ns[r]);
        assert_true(back->opened_ns <= batch->closed_ns[r]);
        for (unsigned c = 0; c < batch->columns; c++)
            assert_memory_equal(weir_batch_cell(back, r, c), weir_batch_cell(batch, r, c), 4);
    }
    free_batch(back);
}

static void test_every_size_comes_back(void **unused)
{
    for (uint16_t rows = 1; rows <= WEIR_BATCH_ROWS; rows = (uint16_t)(rows < 140 ? rows + 1 : rows + 93)) {
        size_t size;
        struct weir_batch *batch = random_batch((uint16_t)(1 + rows % COLUMNS), rows);
        uint8_t *bytes = encode(batch, &size);
        check_offsets(batch, bytes, size);
        check_read(batch, bytes, size);
        free(bytes);
        free_batch(batch);
    }
}

static void test_equal_batches_equal_bytes(void **unused)
{
    size_t size, again_size;
    struct weir_batch *batch = random_batch(3, 70);
    uint8_t *bytes = encode(batch, &size);
    memset((uint8_t *)&batch->identity[69] + 60, 0x55, 4); /* padding */
    uint8_t *again = encode(batch, &again_size);
    assert_int_equal(size, again_size);
    assert_memory_equal(bytes, again, size);
    free(again);
    free(bytes);
    free_batch(batch);
}

static void refused(const uint8_t *bytes, size_t size, weir_err code, const char *word)
{
    struct weir_frame frame;
    struct weir_error error = {0};
    assert_int_equal(weir_frame_open(bytes, size, "peer", &frame, &error), code);
    if (!strstr(error.text, word) || strncmp(error.text, "peer: ", 6) != 0)
        fail_msg("'%s' is not in: %s", word, error.text);
}

static void test_any_flipped_bit_is_found(void **unused)
{
    size_t size;
    struct weir_batch *batch = random_batch(2, 17);
    uint8_t *bytes = encode(batch, &size);
    struct weir_frame frame;
    for (size_t bit = 0; bit < 8 * size; bit++) {
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_int_not_equal(weir_frame_open(bytes, size, "peer", &frame, NULL), WEIR_OK);
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    for (size_t cut = 0; cut < size; cut++)
        assert_int_not_equal(weir_frame_open(bytes, cut, "peer", &frame, NULL), WEIR_OK);
    assert_int_equal(weir_frame_open(bytes, size, "peer", &frame, NULL), WEIR_OK);
    free(bytes);
    free_batch(batch);
}

static void test_refusals_say_why(void **unused)
{
    size_t size;
    struct weir_batch *batch = random_batch(4, 17);
    uint8_t *bytes = encode(batch, &size), *copy = aligned_alloc(64, up(size, 64));
#define CASE(change, code, word)                                                                                                 \
    do {                                                                                                                         \
        memcpy(copy, bytes, size);                                                                                               \
        change;                                                                                                                  \
        seal(copy, size);                                                                                                        \
        refused(copy, size, code, word);                                                                                         \
    } while (0)
    CASE(copy[0] = 0, WEIR_ERR_FORMAT, "offset 0: no weir frame");
    CASE(copy[8] = 2, WEIR_ERR_UNSUPPORTED, "frame version 2, this weir reads 1");
    CASE(copy[10] = 9, WEIR_ERR_UNSUPPORTED, "kind 9");
    CASE(copy[78] = 0, WEIR_ERR_FORMAT, "0 rows");
    CASE(copy[79] = 3, WEIR_ERR_FORMAT, "rows; 1 to 512");
    CASE(copy[77] = 0xff, WEIR_ERR_LIMIT, "columns");
    CASE(copy[16] ^= 1, WEIR_ERR_FORMAT, "offset 16");
    CASE(copy[78] = 16, WEIR_ERR_FORMAT, "16 rows");
    CASE(copy[32] ^= 1, WEIR_ERR_FORMAT, "column list");
    CASE(copy[128] = 0, WEIR_ERR_FORMAT, "offset 128: an empty name where 5 are needed, this is number 1");
    CASE(copy[128 + 9] = 'x', WEIR_ERR_FORMAT, "no name where 5");
    CASE(copy[192 + 20] = 200, WEIR_ERR_FORMAT, "row 0 has no known reason");
    CASE(copy[192 + 80 + 21] = 5, WEIR_ERR_FORMAT, "row 1 has no known IP version");
    memcpy(copy, bytes, size);
    copy[200] ^= 1;
    refused(copy, size, WEIR_ERR_FORMAT, "checksum");
    refused(copy, 10, WEIR_ERR_FORMAT, "10 bytes are no frame");
    free(copy);
    free(bytes);
    free_batch(batch);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_crc_of_the_standard),       cmocka_unit_test(test_every_size_comes_back),
        cmocka_unit_test(test_equal_batches_equal_bytes), cmocka_unit_test(test_any_flipped_bit_is_found),
        cmocka_unit_test(test_refusals_say_why),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
