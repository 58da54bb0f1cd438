#include "train/select.h"

#include <stdlib.h>
#include <string.h>

#include "train/importance.h"

weir_err weir_select_view(const struct weir_dataset *dataset, const char *const *names, size_t count, struct weir_dataset *view,
                          struct weir_error *error)
{
    *view = *dataset;
    view->column_count = count;
    view->columns = calloc(count + 1, sizeof *view->columns);
    if (!view->columns)
        return weir_fail(error, WEIR_ERR_MEMORY, "out of memory");
    for (size_t i = 0; i < count; i++) {
        size_t c = i; /* mostly it is there */
        if (c >= dataset->column_count || strcmp(dataset->columns[c].name, names[i]) != 0)
            for (c = 0; c < dataset->column_count && strcmp(dataset->columns[c].name, names[i]) != 0; c++)
                ;
        if (c == dataset->column_count) {
            free(view->columns);
            view->columns = NULL;
            return weir_fail(error, WEIR_ERR_NOT_FOUND, "the rows have no column '%.60s', which the model needs", names[i]);
        }
        view->columns[i] = dataset->columns[c];
    }
    return WEIR_OK;
}

static int compare(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

weir_err weir_select_columns(const weir_model *model, const struct weir_dataset *dataset, const struct weir_labels *labels,
                             const uint32_t *train, size_t train_count, size_t keep, uint64_t seed,
                             const volatile sig_atomic_t *stop, const char **names, struct weir_error *error)
{
    const char *const *all;
    size_t columns = weir_model_columns(model, &all);
    double reference;
    struct weir_importance_config config = weir_importance_usual;
    config.repeats = 0;
    config.seed = seed;
    config.stop = stop;
    struct weir_column_importance *importance = malloc((columns + 1) * sizeof *importance);
    uint32_t *order = malloc((columns + 1) * sizeof *order);
    weir_err failed = importance && order ? WEIR_OK : WEIR_ERR_MEMORY;
    if (!failed)
        failed =
            weir_importance_find(model, dataset, labels->class_of, train, train_count, &config, importance, &reference, error);
    if (!failed)
        failed = weir_importance_rank(importance, columns, order);
    if (failed == WEIR_ERR_MEMORY)
        weir_fail(error, failed, "choosing columns: out of memory");
    if (!failed) {
        qsort(order, keep, sizeof *order, compare);
        for (size_t i = 0; i < keep; i++)
            names[i] = all[order[i]];
    }
    free(importance);
    free(order);
    return failed;
}
