#include "train/split.h"

#include <math.h>
#include <stdlib.h>

#include "base/random.h"

/* Uniform in [0, n), n > 0: draws again in the uneven rest. (weir_random_below is quicker and a little uneven.) */
static uint64_t next_below(uint64_t *state, uint64_t n)
{
    uint64_t uneven = -n % n, value;
    do
        value = weir_random_next(state);
    while (value < uneven);
    return value % n;
}

static size_t test_rows(size_t rows, double share)
{
    if (rows < 2)
        return 0;
    size_t n = (size_t)llround((double)rows * share);
    return n < 1 ? 1 : n > rows - 1 ? rows - 1 : n;
}

weir_err weir_split_draw(const uint32_t *labels, size_t rows, size_t classes, double share, uint64_t seed, struct weir_split *out)
{
    /* Selection sampling: a row is taken with probability (still wanted) / (still to come), so the lists come out ascending. */
    size_t *wanted = calloc(2 * classes + 1, sizeof *wanted), *coming = wanted + classes, tests = 0;
    uint32_t *list = malloc((rows + 1) * sizeof *list);
    if (!wanted || !list) {
        free(wanted);
        free(list);
        return WEIR_ERR_MEMORY;
    }
    for (size_t row = 0; row < rows; row++)
        coming[labels[row]]++;
    for (size_t k = 0; k < classes; k++)
        tests += wanted[k] = test_rows(coming[k], share);
    *out = (struct weir_split){.train = list, .test = list + (rows - tests)};
    for (size_t row = 0; row < rows; row++) {
        uint32_t k = labels[row];
        if (next_below(&seed, coming[k]--) < wanted[k]) {
            wanted[k]--;
            out->test[out->test_count++] = (uint32_t)row;
        } else {
            out->train[out->train_count++] = (uint32_t)row;
        }
    }
    free(wanted);
    return WEIR_OK;
}
