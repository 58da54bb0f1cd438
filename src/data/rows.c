/* What a data set that was read is used with. Apart from reading, so that libweir holds it without DuckDB. */
#define XXH_INLINE_ALL
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "data/dataset.h"

void weir_dataset_column_fini(struct weir_dataset_column *column)
{
    free(column->name);
    free(column->values);
    weir_categories_fini(&column->categories);
    *column = (struct weir_dataset_column){0};
}

void weir_dataset_free(struct weir_dataset **dataset)
{
    if (!dataset || !*dataset)
        return;
    for (size_t c = 0; (*dataset)->columns && c < (*dataset)->column_count; c++)
        weir_dataset_column_fini(&(*dataset)->columns[c]);
    free((*dataset)->columns);
    free((*dataset)->labels);
    free((*dataset)->side);
    weir_categories_fini(&(*dataset)->side_values);
    weir_categories_fini(&(*dataset)->label_values);
    free(*dataset);
    *dataset = NULL;
}

void weir_dataset_gather(const struct weir_dataset *dataset, const uint32_t *rows, size_t first, size_t count, float *out)
{
    for (size_t c = 0; c < dataset->column_count; c++) {
        const float *values = dataset->columns[c].values;
        for (size_t i = 0; i < count; i++)
            out[i * dataset->column_count + c] = values[rows ? rows[i] : first + i];
    }
}

static void hash_text(XXH3_state_t *state, const char *text)
{
    XXH3_128bits_update(state, text, strlen(text) + 1);
}

void weir_dataset_fingerprint(const struct weir_dataset *dataset, char out[33])
{
    XXH3_state_t own, *state = &own;
    XXH3_128bits_reset(state);
    for (size_t c = 0; c < dataset->column_count; c++) {
        const struct weir_dataset_column *column = &dataset->columns[c];
        hash_text(state, column->name);
        for (size_t i = 0; i < column->categories.count; i++)
            hash_text(state, column->categories.text[i]);
        XXH3_128bits_update(state, column->values, dataset->rows * sizeof *column->values);
    }
    for (size_t i = 0; i < dataset->label_values.count; i++)
        hash_text(state, dataset->label_values.text[i]);
    if (dataset->labels)
        XXH3_128bits_update(state, dataset->labels, dataset->rows * sizeof *dataset->labels);
    XXH128_canonical_t bytes;
    XXH128_canonicalFromHash(&bytes, XXH3_128bits_digest(state));
    for (size_t i = 0; i < sizeof bytes.digest; i++)
        snprintf(out + 2 * i, 3, "%02x", bytes.digest[i]);
}
