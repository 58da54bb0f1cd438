#include "model/mlp.h"

#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "model/container.h"
#include "model/payload.h"

enum { HEAD_BYTES = 64, ROWS = 16, CHUNK = 128 }; /* rows scored together, columns brought to scale together */

static const struct weir_mlp *of(const struct weir_scorer *scorer)
{
    return (const struct weir_mlp *)scorer;
}

static void mlp_free(struct weir_scorer *scorer)
{
    struct weir_mlp *m = (struct weir_mlp *)scorer;
    for (size_t l = 0; l < m->layers; l++) {
        free(m->weight[l]);
        free(m->bias[l]);
        free(m->rest[l]);
    }
    free(m->fill);
    free(m->shift);
    free(m->factor);
    free(m);
}

static float *zeroes(size_t count)
{
    float *p = aligned_alloc(64, count * sizeof *p);
    if (p)
        memset(p, 0, count * sizeof *p);
    return p;
}

weir_err weir_mlp_create(size_t columns, size_t classes, const uint32_t *units, size_t hidden, struct weir_mlp **out,
                         struct weir_error *error)
{
    bool good = columns >= 1 && columns <= WEIR_MLP_COLUMNS_MAX && classes >= 2 && classes <= WEIR_MLP_CLASSES_MAX &&
                hidden >= 1 && hidden <= WEIR_MLP_HIDDEN_MAX;
    for (size_t l = 0; good && l < hidden; l++)
        good = units[l] >= 1 && units[l] <= WEIR_MLP_UNITS_MAX;
    *out = NULL;
    if (!good)
        return weir_fail(error, WEIR_ERR_LIMIT, "a perceptron of %zu columns, %zu hidden layers and %zu classes", columns, hidden,
                         classes);
    struct weir_mlp *m = calloc(1, sizeof *m);
    if (!m)
        return weir_fail(error, WEIR_ERR_MEMORY, "out of memory");
    m->scorer = (struct weir_scorer){
        .kind = &weir_mlp_kind, .columns = columns, .groups = classes == 2 ? 1 : classes, .link = WEIR_LINK_LOGISTIC};
    m->layers = hidden + 1;
    m->size[0] = columns;
    for (size_t l = 0; l < hidden; l++)
        m->size[l + 1] = units[l];
    m->size[m->layers] = m->scorer.groups;
    m->kernels = weir_matrix_here();
    m->fill = calloc(columns, sizeof *m->fill);
    m->shift = calloc(columns, sizeof *m->shift);
    m->factor = calloc(columns, sizeof *m->factor);
    good = m->fill && m->shift && m->factor;
    for (size_t l = 0; l < m->layers; l++) {
        size_t width = weir_matrix_width(m->size[l + 1]);
        m->weight[l] = zeroes(m->size[l] * width);
        m->bias[l] = zeroes(width);
        m->rest[l] = calloc(m->size[l + 1], sizeof *m->rest[l]);
        good = good && m->weight[l] && m->bias[l] && m->rest[l];
    }
    if (!good) {
        mlp_free(&m->scorer);
        return weir_fail(error, WEIR_ERR_MEMORY, "out of memory");
    }
    *out = m;
    return WEIR_OK;
}

/* ---- Scores ---- */

static float enter(const struct weir_mlp *m, size_t column, float x)
{
    double value = (double)(fabsf(x) <= FLT_MAX ? x : m->fill[column]), most = (double)WEIR_MLP_MOST;
    return (float)fmax(-most, fmin((value - m->shift[column]) * m->factor[column], most));
}

static void begin(const struct weir_mlp *m, size_t layer, size_t count, float *out)
{
    size_t width = weir_matrix_width(m->size[layer + 1]);
    for (size_t r = 0; r < count; r++)
        memcpy(out + r * width, m->bias[layer], width * sizeof *out);
}

/* Up to ROWS rows: value of row r, column c at x[index[c] * column_step + r * row_step]. */
static void score(const struct weir_mlp *m, const float *x, const uint16_t *index, size_t column_step, size_t row_step,
                  size_t count, float *margins)
{
    _Alignas(64) float one[ROWS * WEIR_MLP_UNITS_MAX], other[ROWS * WEIR_MLP_UNITS_MAX], scaled[ROWS * CHUNK];
    const float *row[ROWS];
    float *in = other, *out = one;
    size_t columns = m->scorer.columns, groups = m->scorer.groups, width = weir_matrix_width(m->size[1]);
    begin(m, 0, count, out);
    for (size_t first = 0; first < columns; first += CHUNK) {
        size_t some = columns - first < CHUNK ? columns - first : CHUNK;
        for (size_t c = 0; c < some; c++) {
            const float *value = x + (index ? index[first + c] : first + c) * column_step;
            for (size_t r = 0; r < count; r++)
                scaled[r * CHUNK + c] = enter(m, first + c, value[r * row_step]);
        }
        for (size_t r = 0; r < count; r++)
            row[r] = scaled + r * CHUNK;
        m->kernels->product(row, count, some, m->weight[0] + first * width, width, out, NULL);
    }
    for (size_t l = 1; l < m->layers; l++) {
        for (size_t i = 0; i < count * width; i++)
            out[i] = out[i] > 0 ? out[i] < WEIR_MLP_MOST ? out[i] : WEIR_MLP_MOST : 0;
        for (size_t r = 0; r < count; r++)
            row[r] = out + r * width;
        float *swap = in;
        in = out;
        out = swap;
        begin(m, l, count, out);
        width = weir_matrix_width(m->size[l + 1]);
        m->kernels->product(row, count, m->size[l], m->weight[l], width, out, NULL);
    }
    for (size_t r = 0; r < count; r++)
        memcpy(margins + r * groups, out + r * width, groups * sizeof *margins);
}

static void rows(const struct weir_scorer *scorer, const float *x, size_t count, size_t stride, float *margins)
{
    for (size_t r = 0; r < count; r += ROWS)
        score(of(scorer), x + r * stride, NULL, 1, stride, count - r < ROWS ? count - r : ROWS, margins + r * scorer->groups);
}

static void block(const struct weir_scorer *scorer, const float *x, const uint16_t *index, size_t count, float *margins)
{
    for (size_t r = 0; r < count; r += ROWS)
        score(of(scorer), x + r, index, 64, 1, count - r < ROWS ? count - r : ROWS, margins + r * scorer->groups);
}

/* ---- Explanations ---- */

static double active(double sum)
{
    return fmax(0, fmin(sum, (double)WEIR_MLP_MOST));
}

/* The sums of a layer's units, of inputs that are there already. */
static void add_up(const struct weir_mlp *m, size_t layer, const double *in, double *sum)
{
    size_t units = m->size[layer + 1], width = weir_matrix_width(units);
    for (size_t j = 0; j < units; j++)
        sum[j] = (double)m->bias[layer][j];
    for (size_t k = 0; k < m->size[layer]; k++)
        for (size_t j = 0; j < units; j++)
            sum[j] += (double)m->weight[layer][k * width + j] * in[k];
}

static size_t most_units(const struct weir_mlp *m)
{
    size_t most = m->size[0];
    for (size_t l = 1; l <= m->layers; l++)
        most = m->size[l] > most ? m->size[l] : most;
    return most;
}

/* The sums of all units, and two lists as long as the widest layer. */
static size_t explain_room(const struct weir_scorer *scorer)
{
    const struct weir_mlp *m = of(scorer);
    size_t numbers = 2 * most_units(m);
    for (size_t l = 1; l <= m->layers; l++)
        numbers += m->size[l];
    return numbers * sizeof(double);
}

static void explain(const struct weir_scorer *scorer, enum weir_explain how, const float *row, size_t group, void *room,
                    double *contributions, double *base)
{
    const struct weir_mlp *m = of(scorer);
    double *sum[WEIR_MLP_HIDDEN_MAX + 1], *change = room, *before = change + most_units(m), *next = before + most_units(m);
    (void)how;
    for (size_t l = 0; l < m->layers; l++) {
        sum[l] = next;
        next += m->size[l + 1];
        for (size_t k = 0; k < m->size[l]; k++)
            before[k] = l ? active(sum[l - 1][k]) : (double)enter(m, k, row[k]);
        add_up(m, l, before, sum[l]);
    }
    /* What a unit of input changes at the margin, from the last layer to the first. */
    for (size_t l = m->layers; l-- > 0;) {
        size_t width = weir_matrix_width(m->size[l + 1]);
        for (size_t k = 0; k < m->size[l]; k++) {
            const float *weight = m->weight[l] + k * width;
            double effect = 0;
            if (l + 1 == m->layers)
                effect = (double)weight[group];
            else
                for (size_t j = 0; j < m->size[l + 1]; j++)
                    effect += (double)weight[j] * change[j];
            before[k] = effect;
        }
        for (size_t k = 0; k < m->size[l]; k++) {
            if (!l) {
                contributions[k] = before[k] * ((double)enter(m, k, row[k]) - (double)enter(m, k, m->fill[k]));
                continue;
            }
            double here = sum[l - 1][k], rest = m->rest[l - 1][k];
            change[k] = before[k] * (here != rest ? (active(here) - active(rest)) / (here - rest) : here > 0);
        }
    }
    *base = m->rest[m->layers - 1][group];
}

/* ---- Checks ---- */

static bool within(double value, double most)
{
    return fabs(value) <= most; /* not for NaN */
}

weir_err weir_mlp_finish(struct weir_mlp *m, struct weir_error *error)
{
    for (size_t c = 0; c < m->size[0]; c++)
        if (!isfinite(m->fill[c]) || !within(m->shift[c], WEIR_MLP_SCALE_MOST) || !within(m->factor[c], WEIR_MLP_SCALE_MOST))
            return weir_fail(error, WEIR_ERR_FORMAT, "perceptron: column %zu: a scale of %g and %g, %g for missing values", c,
                             m->shift[c], m->factor[c], (double)m->fill[c]);
    for (size_t l = 0; l < m->layers; l++) {
        size_t units = m->size[l + 1], width = weir_matrix_width(units);
        for (size_t k = 0; k <= m->size[l]; k++)
            for (size_t j = 0; j < units; j++) {
                float weight = k < m->size[l] ? m->weight[l][k * width + j] : m->bias[l][j];
                if (!within((double)weight, (double)WEIR_MLP_WEIGHT_MOST))
                    return weir_fail(error, WEIR_ERR_FORMAT, "perceptron: layer %zu: a weight of %g", l + 1, (double)weight);
            }
    }
    double *in = malloc(most_units(m) * sizeof *in);
    if (!in)
        return weir_fail(error, WEIR_ERR_MEMORY, "out of memory");
    for (size_t l = 0; l < m->layers; l++) {
        for (size_t k = 0; k < m->size[l]; k++)
            in[k] = l ? active(m->rest[l - 1][k]) : (double)enter(m, k, m->fill[k]);
        add_up(m, l, in, m->rest[l]);
    }
    free(in);
    return WEIR_OK;
}

/* ---- Files ---- */

static uint64_t wanted(const uint64_t *size, size_t layers)
{
    uint64_t bytes = HEAD_BYTES + 20 * size[0];
    for (size_t l = 0; l < layers; l++)
        bytes += 4 * (size[l] + 1) * size[l + 1];
    return bytes;
}

static size_t bytes(const struct weir_scorer *scorer)
{
    uint64_t size[WEIR_MLP_HIDDEN_MAX + 2];
    for (size_t l = 0; l <= of(scorer)->layers; l++)
        size[l] = of(scorer)->size[l];
    return (size_t)wanted(size, of(scorer)->layers);
}

static void encode(const struct weir_scorer *scorer, uint8_t *out)
{
    const struct weir_mlp *m = of(scorer);
    uint32_t head[HEAD_BYTES / 4] = {(uint32_t)m->size[0], m->scorer.groups == 1 ? 2 : (uint32_t)m->scorer.groups,
                                     (uint32_t)m->layers - 1};
    for (size_t l = 1; l < m->layers; l++)
        head[3 + l] = (uint32_t)m->size[l];
    out = weir_payload_put32(out, head, HEAD_BYTES / 4);
    out = weir_payload_put32(out, m->fill, m->size[0]);
    out = weir_payload_put64(out, m->shift, m->size[0]);
    out = weir_payload_put64(out, m->factor, m->size[0]);
    for (size_t l = 0; l < m->layers; l++) {
        for (size_t k = 0; k < m->size[l]; k++)
            out = weir_payload_put32(out, m->weight[l] + k * weir_matrix_width(m->size[l + 1]), m->size[l + 1]);
        out = weir_payload_put32(out, m->bias[l], m->size[l + 1]);
    }
}

static weir_err peek(uint32_t payload, const uint8_t *from, size_t have, size_t size, size_t *position, struct weir_error *error)
{
    uint32_t head[HEAD_BYTES / 4];
    uint64_t sizes[WEIR_MLP_HIDDEN_MAX + 2];
    (void)payload;
    *position = 0;
    if (have < HEAD_BYTES)
        return weir_fail(error, WEIR_ERR_FORMAT, "the perceptron ends inside its head");
    weir_payload_get32(from, head, HEAD_BYTES / 4);
    uint32_t columns = head[0], classes = head[1], hidden = head[2];
    if (columns < 1 || columns > WEIR_MLP_COLUMNS_MAX || classes < 2 || classes > WEIR_MLP_CLASSES_MAX || hidden < 1 ||
        hidden > WEIR_MLP_HIDDEN_MAX)
        return weir_fail(error, WEIR_ERR_LIMIT, "a perceptron of %u columns, %u hidden layers and %u classes", columns, hidden,
                         classes);
    for (size_t i = 3; i < HEAD_BYTES / 4; i++) {
        bool used = i > 3 && i <= 3 + hidden;
        if (!used && head[i])
            return weir_fail(error, WEIR_ERR_UNSUPPORTED, "the perceptron is of a newer weir; use that");
        if (used && (head[i] < 1 || head[i] > WEIR_MLP_UNITS_MAX))
            return weir_fail(error, WEIR_ERR_LIMIT, "a perceptron with a layer of %u units", head[i]);
        if (used)
            sizes[i - 3] = head[i];
    }
    sizes[0] = columns;
    sizes[hidden + 1] = classes == 2 ? 1 : classes;
    uint64_t needed = wanted(sizes, hidden + 1);
    if (needed != size)
        return weir_fail(error, WEIR_ERR_FORMAT,
                         "a perceptron of %u columns, %u hidden layers and %u classes needs %llu bytes, there are %zu", columns,
                         hidden, classes, (unsigned long long)needed, size);
    return WEIR_OK;
}

static weir_err decode(uint32_t payload, const uint8_t *from, size_t size, struct weir_scorer **out, size_t *position,
                       struct weir_error *error)
{
    struct weir_mlp *m;
    uint32_t head[HEAD_BYTES / 4];
    *out = NULL;
    weir_err err = peek(payload, from, size, size, position, error);
    if (err)
        return err;
    from = weir_payload_get32(from, head, HEAD_BYTES / 4);
    err = weir_mlp_create(head[0], head[1], head + 4, head[2], &m, error);
    if (err)
        return err;
    from = weir_payload_get32(from, m->fill, m->size[0]);
    from = weir_payload_get64(from, m->shift, m->size[0]);
    from = weir_payload_get64(from, m->factor, m->size[0]);
    for (size_t l = 0; l < m->layers; l++) {
        for (size_t k = 0; k < m->size[l]; k++)
            from = weir_payload_get32(from, m->weight[l] + k * weir_matrix_width(m->size[l + 1]), m->size[l + 1]);
        from = weir_payload_get32(from, m->bias[l], m->size[l + 1]);
    }
    err = weir_mlp_finish(m, error);
    *position = HEAD_BYTES;
    if (err)
        mlp_free(&m->scorer);
    else
        *out = &m->scorer;
    return err;
}

const struct weir_scorer_kind weir_mlp_kind = {
    .what = "layers",
    .free = mlp_free,
    .rows = rows,
    .block = block,
    .explain_room = explain_room,
    .explain = explain,
    .payload = {WEIR_PAYLOAD_MLP},
    .bytes = bytes,
    .encode = encode,
    .peek_bytes = HEAD_BYTES,
    .peek = peek,
    .decode = decode,
};
