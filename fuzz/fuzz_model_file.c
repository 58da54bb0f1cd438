/* Model files. The bytes are taken as they are, then with the checksum set right, so that the fuzzer gets to card and trees. What
 * loads must hold every rule and be usable. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "model/container.h"
#include "model/model.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void use(const weir_model *model)
{
    size_t columns = weir_model_columns(model, NULL), groups = weir_model_groups(model), tree, node;
    size_t classes = weir_model_classes(model, NULL);
    float *row = malloc(columns * sizeof *row), *margins = malloc(groups * sizeof *margins), *p = malloc(classes * sizeof *p);
    double *contributions = malloc(columns * sizeof *contributions), base;
    if (!row || !margins || !p || !contributions || weir_forest_validate(model->forest, &tree, &node, NULL))
        abort();
    for (size_t c = 0; c < columns; c++)
        row[c] = c % 3 == 0 ? NAN : c % 3 == 1 ? -1e30f : 0.5f;
    weir_model_margins(model, row, 1, columns, margins);
    float score;
    uint16_t class;
    uint8_t alert;
    weir_model_judge(model, margins, 1, &score, &class, &alert);
    weir_model_probabilities(model, margins, 1, p);
    for (int how = WEIR_EXPLAIN_EXACT; how <= WEIR_EXPLAIN_PATH; how++) {
        double sum = 0, size = 0;
        if (weir_model_explain(model, (enum weir_explain)how, row, 1, columns, groups - 1, NULL, contributions, &base))
            abort();
        for (size_t c = 0; c < columns; c++) {
            sum += contributions[c];
            size += fabs(contributions[c]);
        }
        /* The scorer adds in float32, each sum within 1e30 times the trees: only what cannot be anything else is a fault. */
        if (!isfinite(base + sum) || !isfinite(size))
            abort();
    }
    if (!(score >= 0 && score <= 1) || class >= classes)
        abort();
    free(row);
    free(margins);
    free(p);
    free(contributions);
}

static void load(const uint8_t *data, size_t size)
{
    weir_model *model = NULL;
    struct weir_error error;
    if (weir_model_parse(data, size, "fuzz", &model, &error) == WEIR_OK)
        use(model);
    weir_model_free(&model);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    load(data, size);
    if (size < WEIR_CONTAINER_SUM_BYTES)
        return 0;
    uint8_t *copy = malloc(size);
    if (!copy)
        return 0;
    memcpy(copy, data, size);
    uint64_t sum = XXH64(copy, size - WEIR_CONTAINER_SUM_BYTES, 0);
    for (int i = 0; i < 8; i++)
        copy[size - 8 + (size_t)i] = (uint8_t)(sum >> 8 * i);
    load(copy, size);
    free(copy);
    return 0;
}
