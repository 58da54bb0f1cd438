#include "train/boosted.h"

#include <stdio.h>

#include "model/trees.h"

void weir_boosted_gather(const struct weir_train_set *set, float *out, size_t row_step, size_t column_step)
{
    for (size_t c = 0; c < set->columns; c++)
        for (size_t i = 0; i < set->rows; i++)
            out[i * row_step + c * column_step] = set->x[c][set->row[i]];
}

weir_err weir_boosted_take(weir_source_reader *reader, const void *bytes, size_t size, const char *library,
                           struct weir_trained *out, struct weir_error *error)
{
    struct weir_source source = {0};
    weir_err err = reader(bytes, size, "the trained model", &source, error);
    if (err)
        return err;
    snprintf(out->objective, sizeof out->objective, "%s", source.objective);
    out->importance = source.importance;
    source.importance = NULL;
    out->facts = json_pack("{s:s}", "library", library);
    err = weir_trees_create(source.forest, &out->scorer, error);
    source.forest = NULL;
    weir_source_free(&source);
    return err;
}
