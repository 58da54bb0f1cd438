/* What holds for every kind of scorer: the ways to score agree, explanations add up, files come back or are refused. For tests of
 * one kind each; rows of COLUMNS columns. */
#ifndef WEIR_TESTS_MODEL_WAYS_H
#define WEIR_TESTS_MODEL_WAYS_H

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "model/model.h"

enum { COLUMNS = 5, CLASSES = 3 };

struct kind_facts {
    size_t rows;
    double share;          /* how far contributions and base may be from the margin, as a share of it */
    bool missing_is_empty; /* a value that is missing contributes nothing */
    size_t head;           /* bytes of the payload that are no numbers */
};

static weir_model *finish(struct weir_scorer *scorer, size_t classes)
{
    static const char *const columns[COLUMNS] = {"a", "b", "c", "d", "e"}, *const names[] = {"benign", "dos", "scan"};
    const struct weir_model_facts facts = {.name = "m",
                                           .algorithm = "test",
                                           .columns = columns,
                                           .column_count = COLUMNS,
                                           .classes = names,
                                           .class_count = classes,
                                           .threshold = NAN};
    weir_model *model;
    struct weir_error error;
    if (weir_model_make(scorer, &facts, NULL, NULL, &model, &error))
        fail_msg("%s", error.text);
    return model;
}

/* Blocks, single rows and other variants give the bits of rows together; contributions add up. */
static void check_ways(const weir_model *model, const struct kind_facts *facts, const float *x, const float *margins)
{
    size_t groups = weir_model_groups(model);
    static const uint16_t index[COLUMNS] = {5, 0, 2, 1, 3};
    for (size_t first = 0; first < facts->rows; first += 64) {
        _Alignas(64) float block[6 * 64] = {0};
        float out[64 * CLASSES];
        size_t rows = facts->rows - first < 64 ? facts->rows - first : 64;
        for (size_t r = 0; r < rows; r++)
            for (size_t c = 0; c < COLUMNS; c++)
                block[index[c] * 64 + r] = x[(first + r) * COLUMNS + c];
        weir_model_margins_block(model, block, index, rows, out);
        assert_memory_equal(out, margins + first * groups, rows * groups * sizeof *out);
    }
    for (size_t r = 0; r < facts->rows; r++) {
        float one[CLASSES];
        weir_model_margins(model, x + r * COLUMNS, 1, COLUMNS, one);
        assert_memory_equal(one, margins + r * groups, groups * sizeof *one);
        for (size_t g = 0; g < groups; g++)
            for (int how = WEIR_EXPLAIN_EXACT; how <= WEIR_EXPLAIN_PATH; how++) {
                double contributions[COLUMNS], base;
                assert_int_equal(
                    weir_model_explain(model, (enum weir_explain)how, x + r * COLUMNS, 1, COLUMNS, g, NULL, contributions, &base),
                    WEIR_OK);
                for (size_t c = 0; c < COLUMNS; c++) {
                    if (facts->missing_is_empty && !(fabsf(x[r * COLUMNS + c]) <= FLT_MAX))
                        assert_true(contributions[c] == 0);
                    base += contributions[c];
                }
                base = fmax(-1e30, fmin(base, 1e30));
                assert_true(fabs(base - (double)margins[r * groups + g]) <= facts->share * fmax(1, fabs(base)));
            }
    }
}

static void check_file(const weir_model *model, const struct kind_facts *facts, const float *x, const float *margins)
{
    uint8_t *bytes, *again;
    size_t size, size_again, groups = weir_model_groups(model), position;
    weir_model *copy = NULL;
    struct weir_error error;
    float *out = malloc(facts->rows * CLASSES * sizeof *out);
    assert_int_equal(weir_model_bytes(model, &bytes, &size, NULL), WEIR_OK);
    if (weir_model_parse(bytes, size, "m", &copy, &error))
        fail_msg("%s", error.text);
    weir_model_margins(copy, x, facts->rows, COLUMNS, out);
    assert_memory_equal(out, margins, facts->rows * groups * sizeof *out);
    assert_int_equal(weir_model_bytes(copy, &again, &size_again, NULL), WEIR_OK);
    assert_int_equal(size, size_again);
    assert_memory_equal(bytes, again, size);
    free(out);
    free(bytes);
    free(again);
    weir_model_free(&copy);
    const struct weir_scorer_kind *kind = model->scorer->kind;
    size_t payload = kind->bytes(model->scorer);
    struct weir_scorer *none = NULL;
    uint8_t *own = malloc(payload); /* of its exact size, for the sanitizers */
    assert_non_null(own);
    kind->encode(model->scorer, own);
    for (size_t cut = 0; cut < payload; cut++) {
        uint8_t *part = malloc(cut + 1);
        memcpy(part, own, cut);
        assert_int_not_equal(kind->decode(kind->payload[0], part, cut, &none, &position, NULL), WEIR_OK);
        free(part);
    }
    for (size_t at = 0; at + 4 <= payload; at += 4) { /* no number is believed that is none */
        kind->encode(model->scorer, own);
        memset(own + at, 0xff, payload - at < 8 ? payload - at : 8);
        weir_err err = kind->decode(kind->payload[0], own, payload, &none, &position, &error);
        assert_true(at < facts->head ? err != WEIR_OK : err == WEIR_ERR_FORMAT);
    }
    free(own);
}

#endif
