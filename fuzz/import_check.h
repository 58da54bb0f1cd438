/* What the targets of the importers share: a forest that was read must hold every rule, score a row, and load again from its own
 * bytes; what becomes a model must load again too. */
#ifndef WEIR_FUZZ_IMPORT_CHECK_H
#define WEIR_FUZZ_IMPORT_CHECK_H

#include <math.h>
#include <stdlib.h>

#include "base/log.h"
#include "model/forest_score.h"
#include "model/model.h"
#include "model/trees.h"
#include "model/source.h"

static inline void check_forest(const struct weir_forest *forest)
{
    size_t tree, node, size = weir_forest_bytes(forest), position;
    float *row = calloc(forest->columns, sizeof *row), *margins = calloc(forest->groups, sizeof *margins);
    uint8_t *bytes = malloc(size);
    struct weir_forest *again = NULL;
    struct weir_plan *plan = NULL;
    for (size_t c = 0; row && c < forest->columns; c++)
        row[c] = c % 3 == 0 ? NAN : c % 3 == 1 ? -1e30f : 2;
    if (!row || !margins || !bytes || weir_forest_validate(forest, &tree, &node, NULL))
        abort();
    weir_forest_encode(forest, bytes);
    if (weir_forest_decode(weir_forest_payload(forest), bytes, size, &again, &position, NULL) ||
        weir_plan_create(again, NULL, &plan, NULL))
        abort();
    weir_plan_rows(plan, row, 1, forest->columns, margins);
    for (size_t g = 0; g < forest->groups; g++)
        if (!isfinite(margins[g]))
            abort();
    weir_plan_free(&plan);
    weir_forest_free(&again);
    free(row);
    free(margins);
    free(bytes);
}

static inline void check_import(const uint8_t *data, size_t size)
{
    struct weir_model_facts facts = {.name = "fuzz", .benign = WEIR_BENIGN_USUAL, .threshold = NAN};
    weir_model *model = NULL, *again = NULL;
    struct weir_source source;
    struct weir_error error;
    uint8_t *bytes = NULL;
    size_t length;
    weir_log_set_level(WEIR_LOG_ERROR);
    if (weir_source_read(data, size, "fuzz", &source, &error))
        return;
    check_forest(source.forest);
    weir_source_free(&source);
    if (weir_model_import(data, size, "fuzz", &facts, &model, &error) == WEIR_OK &&
        (weir_model_bytes(model, &bytes, &length, &error) || weir_model_parse(bytes, length, "again", &again, &error)))
        abort();
    free(bytes);
    weir_model_free(&model);
    weir_model_free(&again);
}

#endif
