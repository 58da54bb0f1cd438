#include "train/bins.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/pages.h"

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

/* Digits of a key: 11, 11 and 10 bits. */
enum { DIGITS = 3, DIGIT = 2048, TOP = 22 };

static inline size_t digit_of(uint32_t key, int d)
{
    return key >> 11 * d & (DIGIT - 1);
}

/* The room for one column. */
struct column {
    uint32_t *key;                                          /* [rows] of the values, also of missing ones */
    uint32_t *sorted;                                       /* [rows] of those that are there */
    uint32_t *other;                                        /* [rows] */
    size_t count;                                           /* of sorted */
    uint32_t times[DIGITS][DIGIT], high[WEIR_BINS_MAX + 1]; /* high: keys of the bins' largest values */
    uint8_t first[DIGIT / 2];                               /* the first bin that may hold a key with these upper bits */
};

static void take_keys(const float *x, const uint32_t *row, size_t rows, struct column *c)
{
    size_t count = 0;
    memset(c->times, 0, sizeof c->times);
    for (size_t i = 0; i < rows; i++) {
        float value = x[row[i]];
        uint32_t key = key_of(value);
        c->key[i] = c->sorted[count] = key;
        count += value == value;
    }
    for (size_t i = 0; i < count; i++)
        for (int d = 0; d < DIGITS; d++)
            c->times[d][digit_of(c->sorted[i], d)]++;
    c->count = count;
}

/* Radix sort; digits without a difference are left out. */
static void sort_keys(struct column *c)
{
    for (int d = 0; d < DIGITS; d++) {
        uint32_t *times = c->times[d], at = 0;
        if (times[digit_of(c->sorted[0], d)] == c->count)
            continue;
        for (size_t k = 0; k < DIGIT; k++) {
            uint32_t mine = times[k];
            times[k] = at;
            at += mine;
        }
        for (size_t i = 0; i < c->count; i++)
            c->other[times[digit_of(c->sorted[i], d)]++] = c->sorted[i];
        uint32_t *swap = c->sorted;
        c->sorted = c->other;
        c->other = swap;
    }
}

static void cut_column(struct column *c, struct weir_bin_range *range)
{
    const uint32_t *sorted = c->sorted;
    size_t different = 1, left = c->count;
    for (size_t i = 1; i < c->count; i++)
        different += sorted[i] != sorted[i - 1];
    for (size_t i = 0; i < c->count;) {
        size_t room = (size_t)WEIR_BINS_MAX - range->count, wanted = different <= WEIR_BINS_MAX ? 1 : left / room, end = i, last;
        do {
            last = end;
            while (end < c->count && sorted[end] == sorted[last])
                end++;
        } while (end < c->count && (end - i < wanted || room == 1));
        range->low[range->count] = value_of(sorted[i]);
        range->high[range->count] = value_of(sorted[last]);
        c->high[range->count++] = sorted[last];
        left -= end - i;
        i = end;
    }
}

/* The bin of each row: from where the key's upper bits lead to, halving what is left. */
static void fill_column(struct column *c, const struct weir_bin_range *range, size_t rows, uint8_t *bin)
{
    size_t most = 0, half = 1, b = 0;
    for (size_t k = range->count; k <= WEIR_BINS_MAX; k++)
        c->high[k] = UINT32_MAX;
    for (size_t d = 0; d < DIGIT / 2; d++) {
        size_t from = b;
        c->first[d] = (uint8_t)b;
        while (b + 1 < range->count && c->high[b] >> TOP == d)
            b++;
        most = b - from > most ? b - from : most; /* bins that a key can be beyond */
    }
    while (half <= most)
        half *= 2;
    for (size_t i = 0; i < rows; i++) {
        uint32_t key = c->key[i];
        size_t at = c->first[key >> TOP];
        for (size_t step = half / 2; step; step /= 2)
            at += at + step <= WEIR_BINS_MAX && c->high[at + step - 1] < key ? step : 0;
        bin[i] = (uint8_t)at;
    }
    for (size_t i = 0; range->missing && i < rows; i++) {
        float value = value_of(c->key[i]);
        bin[i] = value == value ? bin[i] : WEIR_BIN_MISSING;
    }
}

weir_err weir_bins_make(const struct weir_train_set *set, struct weir_bins *out, struct weir_error *error)
{
    size_t rows = set->rows;
    /* Columns a multiple of 4,096 bytes apart would fall into the same lines of the cache. */
    struct weir_bins b = {.columns = set->columns, .rows = rows, .stride = (rows + 4095) / 4096 * 4096 + 192};
    struct column *column = malloc(sizeof *column);
    uint32_t *room = malloc(3 * (rows + 1) * sizeof *room);
    b.bin = weir_pages_alloc(b.stride, b.columns);
    b.range = calloc(b.columns, sizeof *b.range);
    *out = (struct weir_bins){0};
    if (!column || !room || !b.bin || !b.range) {
        free(column);
        free(room);
        weir_bins_fini(&b);
        return weir_fail(error, WEIR_ERR_MEMORY, "%zu rows of %zu columns do not fit into memory; train on a sample", rows,
                         set->columns);
    }
    column->key = room;
    column->sorted = room + rows + 1;
    column->other = column->sorted + rows + 1;
    for (size_t c = 0; c < b.columns; c++) {
        take_keys(set->x[c], set->row, rows, column);
        b.range[c].missing = column->count < rows;
        if (column->count) {
            sort_keys(column);
            cut_column(column, &b.range[c]);
        }
        fill_column(column, &b.range[c], rows, b.bin + c * b.stride);
    }
    free(column);
    free(room);
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
