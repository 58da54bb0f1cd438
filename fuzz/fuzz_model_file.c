/* Model files. The bytes are taken as they are, then with the checksum set right, so that the fuzzer gets to card and trees. What
 * loads must hold every rule and be usable. */
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "model/container.h"
#include "model/mlp.h"
#include "model/model.h"
#include "model/trees.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
    if (!holds)
        abort();
}

/* What the sums of a group can be at most: the scale of their rounding. */
static double scale_of(const struct weir_forest *f, size_t group)
{
    double scale = fabs(f->base[group]);
    for (size_t t = 0; t < f->trees; t++) {
        double most = 0;
        for (size_t i = f->first[t]; i < f->first[t] + f->count[t]; i++)
            if (f->split[i] == WEIR_SPLIT_LEAF)
                most = fmax(most, fabs(weir_forest_leaf(f, t, i, group)));
        scale += most;
    }
    return scale;
}

static void use(const weir_model *model)
{
    const struct weir_forest *f = weir_trees_forest(model->scorer);
    size_t columns = weir_model_columns(model, NULL), groups = weir_model_groups(model), tree, node;
    size_t classes = weir_model_classes(model, NULL), group = groups - 1;
    float *row = malloc(columns * sizeof *row), *margins = malloc(groups * sizeof *margins), *p = malloc(classes * sizeof *p);
    double *contributions = malloc(columns * sizeof *contributions), base,
           scale = f ? (double)(f->trees + 2) * scale_of(f, group) : 0;
    must(row && margins && p && contributions && (!f || !weir_forest_validate(f, &tree, &node, NULL)));
    for (size_t k = 0; k < 4; k++) {
        static const float values[] = {NAN, -1e30f, 0.5f, 0, 33, 1e-35f, INFINITY};
        for (size_t c = 0; c < columns; c++)
            row[c] = values[(c + 2 * k) % 7];
        weir_model_margins(model, row, 1, columns, margins);
        float score;
        uint16_t class;
        uint8_t alert;
        weir_model_judge(model, margins, 1, &score, &class, &alert);
        must(weir_model_regression(model) ? isfinite(score) : score >= 0 && score <= 1);
        must(class < classes);
        weir_model_probabilities(model, margins, 1, p);
        for (int how = WEIR_EXPLAIN_EXACT; how <= WEIR_EXPLAIN_PATH; how++) {
            must(!weir_model_explain(model, (enum weir_explain)how, row, 1, columns, group, NULL, contributions, &base));
            double size = scale + (f ? 0 : fabs(base));
            for (size_t c = 0; c < columns; c++) {
                base += contributions[c];
                size += f ? 0 : fabs(contributions[c]);
            }
            /* Large margins are cut; what a perceptron's units cancel inside is not seen from here. */
            must(model->scorer->kind == &weir_mlp_kind
                     ? isfinite(base)
                     : fabs(base - (double)margins[group]) <= 1e-7 * size + 1e-37 || fabs(base) > 1e29);
        }
    }
    free(row);
    free(margins);
    free(p);
    free(contributions);
}

/* What weir_model_load looks at before the whole is read must not refuse what the whole is good for. */
static bool look(const uint8_t *data, size_t size)
{
    struct weir_container parts;
    size_t position;
    if (weir_container_head(data, size, "fuzz", &parts, NULL))
        return false;
    const struct weir_scorer_kind *kind = weir_scorer_kind_find(parts.kind);
    size_t have = parts.payload_bytes < kind->peek_bytes ? parts.payload_bytes : kind->peek_bytes;
    bool good = !kind->peek(parts.kind, parts.payload, have, parts.payload_bytes, &position, NULL);
    must(position <= parts.payload_bytes);
    return good;
}

static void load(const uint8_t *data, size_t size)
{
    weir_model *model = NULL;
    struct weir_error error;
    bool looks = look(data, size);
    if (weir_model_parse(data, size, "fuzz", &model, &error) == WEIR_OK) {
        must(looks);
        use(model);
    }
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
