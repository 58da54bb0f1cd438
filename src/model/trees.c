#include "model/trees.h"

#include <stdlib.h>

#include "model/container.h"
#include "model/forest_explain.h"
#include "model/forest_score.h"
#include "model/shap.h"

struct trees {
    struct weir_scorer scorer; /* first */
    struct weir_forest *forest;
    struct weir_plan *plan;
    struct weir_explainer *explainer;
    struct weir_shap *shap;
};

static const struct trees *of(const struct weir_scorer *scorer)
{
    return (const struct trees *)scorer;
}

static void trees_free(struct weir_scorer *scorer)
{
    struct trees *t = (struct trees *)scorer;
    weir_shap_free(&t->shap);
    weir_explainer_free(&t->explainer);
    weir_plan_free(&t->plan);
    weir_forest_free(&t->forest);
    free(t);
}

weir_err weir_trees_create(struct weir_forest *forest, struct weir_scorer **out, struct weir_error *error)
{
    struct trees *t = calloc(1, sizeof *t);
    *out = NULL;
    if (!t) {
        weir_forest_free(&forest);
        return weir_fail(error, WEIR_ERR_MEMORY, "out of memory");
    }
    t->scorer = (struct weir_scorer){
        .kind = &weir_trees_kind, .columns = forest->columns, .groups = forest->groups, .link = forest->link};
    t->forest = forest;
    weir_err err = weir_plan_create(forest, NULL, &t->plan, error);
    if (!err)
        err = weir_explainer_create(forest, &t->explainer, error);
    if (!err)
        err = weir_shap_create(forest, &t->shap, error);
    if (err) {
        trees_free(&t->scorer);
        return err;
    }
    *out = &t->scorer;
    return WEIR_OK;
}

const struct weir_forest *weir_trees_forest(const struct weir_scorer *scorer)
{
    return scorer->kind == &weir_trees_kind ? of(scorer)->forest : NULL;
}

const struct weir_plan *weir_trees_plan(const struct weir_scorer *scorer)
{
    return scorer->kind == &weir_trees_kind ? of(scorer)->plan : NULL;
}

static void rows(const struct weir_scorer *scorer, const float *x, size_t count, size_t stride, float *margins)
{
    weir_plan_rows(of(scorer)->plan, x, count, stride, margins);
}

static void block(const struct weir_scorer *scorer, const float *x, const uint16_t *index, size_t count, float *margins)
{
    weir_plan_block(of(scorer)->plan, x, index, count, margins);
}

static size_t explain_room(const struct weir_scorer *scorer)
{
    return weir_shap_room(of(scorer)->shap);
}

static void explain(const struct weir_scorer *scorer, enum weir_explain how, const float *row, size_t group, void *room,
                    double *contributions, double *base)
{
    const struct trees *t = of(scorer);
    if (how == WEIR_EXPLAIN_EXACT)
        weir_shap_row(t->shap, row, group, room, contributions, base);
    else
        weir_explainer_row(t->explainer, row, group, contributions, base);
}

static struct weir_model_shape shape(const struct weir_scorer *scorer)
{
    const struct weir_forest *f = of(scorer)->forest;
    struct weir_model_shape shape = {.trees = f->trees, .nodes = f->nodes, .leaves = (f->nodes + f->trees) / 2};
    for (size_t t = 0; t < f->trees; t++) {
        size_t depth = weir_forest_depth(f, t);
        shape.depth = depth > shape.depth ? depth : shape.depth;
    }
    return shape;
}

static uint32_t payload_of(const struct weir_scorer *scorer)
{
    return weir_forest_payload(of(scorer)->forest);
}

static size_t bytes(const struct weir_scorer *scorer)
{
    return weir_forest_bytes(of(scorer)->forest);
}

static void encode(const struct weir_scorer *scorer, uint8_t *out)
{
    weir_forest_encode(of(scorer)->forest, out);
}

static weir_err decode(uint32_t payload, const uint8_t *from, size_t size, struct weir_scorer **out, size_t *position,
                       struct weir_error *error)
{
    struct weir_forest *forest;
    *out = NULL;
    weir_err err = weir_forest_decode(payload, from, size, &forest, position, error);
    return err ? err : weir_trees_create(forest, out, error);
}

const struct weir_scorer_kind weir_trees_kind = {
    .what = "trees",
    .free = trees_free,
    .rows = rows,
    .block = block,
    .explain_room = explain_room,
    .explain = explain,
    .shape = shape,
    .payload = {WEIR_PAYLOAD_TREES, WEIR_PAYLOAD_FOREST},
    .payload_of = payload_of,
    .bytes = bytes,
    .encode = encode,
    .peek_bytes = WEIR_FOREST_PEEK_BYTES,
    .peek = weir_forest_peek,
    .decode = decode,
};
