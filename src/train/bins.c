#include "train/bins.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Bits whose order as a number is that of the values; -0 and 0 are one. */
static uint32_t key_of(float value)
{
    uint32_t bits;
    value += 0.0f;
    memcpy(&bits, &value, sizeof bits);
    return bits & 0x80000000u ? ~bits : bits | 0x80000000u;
}

static float value_of(uint32_t key)
{
    uint32_t bits = key & 0x80000000u ? key & 0x7fffffffu : ~key;
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* Sorts by the upper 32 bits: three passes of 11 bits, those without a difference are left out. Returns where the result is. */
static uint64_t *radix_sort(uint64_t *from, uint64_t *to, size_t count)
{
    enum { DIGITS = 2048 };
    for (int shift = 32; shift < 64; shift += 11) {
        uint32_t at[DIGITS + 1] = {0};
        for (size_t i = 0; i < count; i++)
            at[(from[i] >> shift & (DIGITS - 1)) + 1]++;
        if (at[(from[0] >> shift & (DIGITS - 1)) + 1] == count)
            continue;
        for (size_t k = 0; k < DIGITS; k++)
            at[k + 1] += at[k];
        for (size_t i = 0; i < count; i++)
            to[at[from[i] >> shift & (DIGITS - 1)]++] = from[i];
        uint64_t *swap = from;
        from = to;
        to = swap;
    }
    return from;
}

static void cut_column(const uint64_t *sorted, size_t count, uint8_t *bin, struct weir_bin_range *range)
{
    size_t different = 1, left = count;
    for (size_t i = 1; i < count; i++)
        different += sorted[i] >> 32 != sorted[i - 1] >> 32;
    for (size_t i = 0; i < count;) {
        size_t room = (size_t)WEIR_BINS_MAX - range->count, wanted = different <= WEIR_BINS_MAX ? 1 : left / room, end = i, last;
        do {
            last = end;
            while (end < count && sorted[end] >> 32 == sorted[last] >> 32)
                end++;
        } while (end < count && (end - i < wanted || room == 1));
        range->low[range->count] = value_of((uint32_t)(sorted[i] >> 32));
        range->high[range->count] = value_of((uint32_t)(sorted[last] >> 32));
        left -= end - i;
        for (; i < end; i++)
            bin[(uint32_t)sorted[i]] = (uint8_t)range->count;
        range->count++;
    }
}

weir_err weir_bins_make(const struct weir_train_set *set, struct weir_bins *out, struct weir_error *error)
{
    size_t rows = set->rows;
    /* Columns a multiple of 4,096 bytes apart would fall into the same lines of the cache. */
    struct weir_bins b = {.columns = set->columns, .rows = rows, .stride = (rows + 4095) / 4096 * 4096 + 192};
    uint64_t *key = malloc((rows + 1) * sizeof *key), *other = malloc((rows + 1) * sizeof *other);
    b.bin = malloc(b.stride * b.columns);
    b.range = calloc(b.columns, sizeof *b.range);
    *out = (struct weir_bins){0};
    if (!key || !other || !b.bin || !b.range) {
        free(key);
        free(other);
        weir_bins_fini(&b);
        return weir_fail(error, WEIR_ERR_MEMORY, "%zu rows of %zu columns do not fit into memory; train on a sample", rows,
                         set->columns);
    }
    for (size_t c = 0; c < b.columns; c++) {
        size_t count = 0;
        uint8_t *bin = b.bin + c * b.stride;
        for (size_t i = 0; i < rows; i++) {
            float value = set->x[c][set->row[i]];
            if (value != value)
                bin[i] = WEIR_BIN_MISSING;
            else
                key[count++] = (uint64_t)key_of(value) << 32 | (uint32_t)i;
        }
        b.range[c].missing = count < rows;
        if (count)
            cut_column(radix_sort(key, other, count), count, bin, &b.range[c]);
    }
    free(key);
    free(other);
    *out = b;
    return WEIR_OK;
}

void weir_bins_fini(struct weir_bins *bins)
{
    free(bins->bin);
    free(bins->range);
    *bins = (struct weir_bins){0};
}

float weir_bins_threshold(const struct weir_bins *bins, size_t column, unsigned left, unsigned right)
{
    float below = bins->range[column].high[left], above = bins->range[column].low[right];
    float middle = below / 2 + above / 2;
    if (!(middle > below && middle < above))
        middle = below;
    float threshold = nextafterf(middle, INFINITY); /* x > middle, as x >= the next number */
    return threshold < above ? threshold : above;
}
