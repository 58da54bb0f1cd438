#include "model/linear.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>

#include "base/bytes.h"
#include "model/container.h"
#include "model/payload.h"

enum { HEAD_BYTES = 16 };

static const struct weir_linear *of(const struct weir_scorer *scorer)
{
    return (const struct weir_linear *)scorer;
}

static void linear_free(struct weir_scorer *scorer)
{
    struct weir_linear *l = (struct weir_linear *)scorer;
    free(l->fill);
    free(l->mean);
    free(l->weight);
    free(l->bias);
    free(l);
}

weir_err weir_linear_create(size_t columns, size_t groups, enum weir_link link, struct weir_linear **out,
                            struct weir_error *error)
{
    *out = NULL;
    if (columns < 1 || columns > WEIR_LINEAR_COLUMNS_MAX || groups < 1 || groups > WEIR_SCORER_GROUPS_MAX)
        return weir_fail(error, WEIR_ERR_LIMIT, "a linear model of %zu columns and %zu groups", columns, groups);
    if (link < 0 || link >= WEIR_LINK_COUNT)
        return weir_fail(error, WEIR_ERR_FORMAT, "a linear model whose margins are of kind %d", (int)link);
    struct weir_linear *l = calloc(1, sizeof *l);
    if (!l)
        return weir_fail(error, WEIR_ERR_MEMORY, "out of memory");
    l->scorer = (struct weir_scorer){.kind = &weir_linear_kind, .columns = columns, .groups = groups, .link = link};
    l->fill = calloc(columns, sizeof *l->fill);
    l->mean = calloc(columns, sizeof *l->mean);
    l->weight = calloc(columns * groups, sizeof *l->weight);
    l->bias = calloc(groups, sizeof *l->bias);
    if (!l->fill || !l->mean || !l->weight || !l->bias) {
        linear_free(&l->scorer);
        return weir_fail(error, WEIR_ERR_MEMORY, "out of memory");
    }
    *out = l;
    return WEIR_OK;
}

static bool within(double value)
{
    return fabs(value) <= WEIR_LINEAR_MOST; /* not for NaN */
}

weir_err weir_linear_validate(const struct weir_linear *l, struct weir_error *error)
{
    size_t columns = l->scorer.columns, groups = l->scorer.groups;
    for (size_t c = 0; c < columns; c++) {
        if (!isfinite(l->fill[c]))
            return weir_fail(error, WEIR_ERR_FORMAT, "linear model: column %zu: what stands for missing values is no number", c);
        if (!within(l->mean[c]))
            return weir_fail(error, WEIR_ERR_FORMAT, "linear model: column %zu: mean %g", c, l->mean[c]);
    }
    for (size_t i = 0; i < columns * groups; i++)
        if (!within(l->weight[i]))
            return weir_fail(error, WEIR_ERR_FORMAT, "linear model: column %zu: weight %g", i % columns, l->weight[i]);
    for (size_t g = 0; g < groups; g++)
        if (!within(l->bias[g]))
            return weir_fail(error, WEIR_ERR_FORMAT, "linear model: bias %g", l->bias[g]);
    return WEIR_OK;
}

static double known(float x, float fill)
{
    return (double)(fabsf(x) <= FLT_MAX ? x : fill);
}

static float narrow(double margin)
{
    return (float)fmax(-WEIR_LINEAR_MOST, fmin(margin, WEIR_LINEAR_MOST));
}

static void rows(const struct weir_scorer *scorer, const float *x, size_t count, size_t stride, float *margins)
{
    const struct weir_linear *l = of(scorer);
    size_t columns = scorer->columns, groups = scorer->groups;
    for (size_t r = 0; r < count; r++, x += stride)
        for (size_t g = 0; g < groups; g++) {
            const double *weight = l->weight + g * columns;
            double sum = l->bias[g];
            for (size_t c = 0; c < columns; c++)
                sum += weight[c] * known(x[c], l->fill[c]);
            margins[r * groups + g] = narrow(sum);
        }
}

static void block(const struct weir_scorer *scorer, const float *x, const uint16_t *index, size_t count, float *margins)
{
    enum { ROWS = 64 };
    const struct weir_linear *l = of(scorer);
    size_t columns = scorer->columns, groups = scorer->groups;
    for (size_t g = 0; g < groups; g++) {
        double sum[ROWS];
        for (size_t r = 0; r < ROWS; r++)
            sum[r] = l->bias[g];
        for (size_t c = 0; c < columns; c++) {
            const float *value = x + (index ? index[c] : c) * ROWS;
            double weight = l->weight[g * columns + c];
            float fill = l->fill[c];
            for (size_t r = 0; r < ROWS; r++)
                sum[r] += weight * known(value[r], fill);
        }
        for (size_t r = 0; r < count; r++)
            margins[r * groups + g] = narrow(sum[r]);
    }
}

static void explain(const struct weir_scorer *scorer, enum weir_explain how, const float *row, size_t group, void *room,
                    double *contributions, double *base)
{
    const struct weir_linear *l = of(scorer);
    const double *weight = l->weight + group * scorer->columns;
    (void)how;
    (void)room;
    *base = l->bias[group];
    for (size_t c = 0; c < scorer->columns; c++) {
        contributions[c] = weight[c] * (known(row[c], l->fill[c]) - l->mean[c]);
        *base += weight[c] * l->mean[c];
    }
}

static uint64_t wanted(uint64_t columns, uint64_t groups)
{
    return HEAD_BYTES + 4 * columns + 8 * columns + 8 * columns * groups + 8 * groups;
}

static size_t bytes(const struct weir_scorer *scorer)
{
    return (size_t)wanted(scorer->columns, scorer->groups);
}

static void encode(const struct weir_scorer *scorer, uint8_t *out)
{
    const struct weir_linear *l = of(scorer);
    const uint32_t head[4] = {(uint32_t)scorer->columns, (uint32_t)scorer->groups, (uint32_t)scorer->link, 0};
    out = weir_payload_put32(out, head, 4);
    out = weir_payload_put32(out, l->fill, scorer->columns);
    out = weir_payload_put64(out, l->mean, scorer->columns);
    out = weir_payload_put64(out, l->weight, scorer->columns * scorer->groups);
    weir_payload_put64(out, l->bias, scorer->groups);
}

static weir_err peek(uint32_t payload, const uint8_t *from, size_t have, size_t size, size_t *position, struct weir_error *error)
{
    (void)payload;
    *position = 0;
    if (have < HEAD_BYTES)
        return weir_fail(error, WEIR_ERR_FORMAT, "the linear model ends inside its head");
    uint32_t columns = weir_load_le32(from), groups = weir_load_le32(from + 4);
    if (columns < 1 || columns > WEIR_LINEAR_COLUMNS_MAX || groups < 1 || groups > WEIR_SCORER_GROUPS_MAX)
        return weir_fail(error, WEIR_ERR_LIMIT, "a linear model of %u columns and %u groups", columns, groups);
    if (weir_load_le32(from + 12))
        return weir_fail(error, WEIR_ERR_UNSUPPORTED, "the linear model is of a newer weir; use that");
    if (wanted(columns, groups) != size)
        return weir_fail(error, WEIR_ERR_FORMAT, "a linear model of %u columns and %u groups needs %llu bytes, there are %zu",
                         columns, groups, (unsigned long long)wanted(columns, groups), size);
    return WEIR_OK;
}

static weir_err decode(uint32_t payload, const uint8_t *from, size_t size, struct weir_scorer **out, size_t *position,
                       struct weir_error *error)
{
    struct weir_linear *l;
    *out = NULL;
    weir_err err = peek(payload, from, size, size, position, error);
    if (err)
        return err;
    size_t columns = weir_load_le32(from), groups = weir_load_le32(from + 4);
    err = weir_linear_create(columns, groups, (enum weir_link)weir_load_le32(from + 8), &l, error);
    if (err)
        return err;
    from = weir_payload_get32(from + HEAD_BYTES, l->fill, columns);
    from = weir_payload_get64(from, l->mean, columns);
    from = weir_payload_get64(from, l->weight, columns * groups);
    weir_payload_get64(from, l->bias, groups);
    err = weir_linear_validate(l, error);
    *position = HEAD_BYTES;
    if (err)
        linear_free(&l->scorer);
    else
        *out = &l->scorer;
    return err;
}

const struct weir_scorer_kind weir_linear_kind = {
    .what = "weights",
    .free = linear_free,
    .rows = rows,
    .block = block,
    .explain = explain,
    .payload = {WEIR_PAYLOAD_LINEAR},
    .bytes = bytes,
    .encode = encode,
    .peek_bytes = HEAD_BYTES,
    .peek = peek,
    .decode = decode,
};
