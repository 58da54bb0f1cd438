#include "model/gaussian.h"

#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/bytes.h"
#include "model/container.h"
#include "model/payload.h"

enum { HEAD_BYTES = 16, ROWS = 64 };

static const struct weir_gaussian *of(const struct weir_scorer *scorer)
{
    return (const struct weir_gaussian *)scorer;
}

static void gaussian_free(struct weir_scorer *scorer)
{
    struct weir_gaussian *m = (struct weir_gaussian *)scorer;
    free(m->constant);
    free(m->mean);
    free(m->precision);
    free(m->expected);
    free(m->norm);
    free(m);
}

weir_err weir_gaussian_create(size_t columns, size_t classes, struct weir_gaussian **out, struct weir_error *error)
{
    *out = NULL;
    if (columns < 1 || columns > WEIR_GAUSSIAN_COLUMNS_MAX || classes < 2 || classes > WEIR_GAUSSIAN_CLASSES_MAX)
        return weir_fail(error, WEIR_ERR_LIMIT, "a naive Bayes model of %zu columns and %zu classes", columns, classes);
    struct weir_gaussian *m = calloc(1, sizeof *m);
    if (!m)
        return weir_fail(error, WEIR_ERR_MEMORY, "out of memory");
    m->scorer = (struct weir_scorer){
        .kind = &weir_gaussian_kind, .columns = columns, .groups = classes == 2 ? 1 : classes, .link = WEIR_LINK_LOGISTIC};
    m->classes = classes;
    m->constant = calloc(classes, sizeof *m->constant);
    m->mean = calloc(classes * columns, sizeof *m->mean);
    m->precision = calloc(classes * columns, sizeof *m->precision);
    m->expected = calloc(classes * columns, sizeof *m->expected);
    m->norm = calloc(classes * columns, sizeof *m->norm);
    if (!m->constant || !m->mean || !m->precision || !m->expected || !m->norm) {
        gaussian_free(&m->scorer);
        return weir_fail(error, WEIR_ERR_MEMORY, "out of memory");
    }
    *out = m;
    return WEIR_OK;
}

static bool within(double value, double most)
{
    return fabs(value) <= most; /* not for NaN */
}

weir_err weir_gaussian_validate(const struct weir_gaussian *m, struct weir_error *error)
{
    size_t columns = m->scorer.columns;
    for (size_t k = 0; k < m->classes; k++) {
        if (!within(m->constant[k], WEIR_GAUSSIAN_MOST))
            return weir_fail(error, WEIR_ERR_FORMAT, "naive Bayes: class %zu: constant %g", k, m->constant[k]);
        for (size_t i = k * columns; i < (k + 1) * columns; i++)
            if (!within(m->mean[i], WEIR_GAUSSIAN_MEAN_MOST) || !within(m->precision[i], WEIR_GAUSSIAN_PRECISION_MOST) ||
                m->precision[i] < 0 || !within(m->expected[i], WEIR_GAUSSIAN_MOST) || !within(m->norm[i], WEIR_GAUSSIAN_MOST))
                return weir_fail(error, WEIR_ERR_FORMAT, "naive Bayes: class %zu, column %zu: a number out of bounds", k,
                                 i % columns);
    }
    return WEIR_OK;
}

/* A column's term; 0 for a value that is not known, whose norm is taken back. */
static double term(float x, double mean, double precision, double norm)
{
    if (!(fabsf(x) <= FLT_MAX))
        return -norm;
    double d = (double)x - mean;
    return -(precision * d * d);
}

static float narrow(double margin)
{
    return (float)fmax(-1e30, fmin(margin, 1e30));
}

/* Joint likelihoods of up to 64 rows: value of row r, column c at x[index[c] * column_step + r * row_step]. */
static void joint(const struct weir_gaussian *m, size_t class, const float *x, const uint16_t *index, size_t column_step,
                  size_t row_step, size_t count, double *sum)
{
    size_t columns = m->scorer.columns, first = class * columns;
    for (size_t r = 0; r < count; r++)
        sum[r] = m->constant[class];
    for (size_t c = 0; c < columns; c++) {
        const float *value = x + (index ? index[c] : c) * column_step;
        double mean = m->mean[first + c], precision = m->precision[first + c], norm = m->norm[first + c];
        for (size_t r = 0; r < count; r++)
            sum[r] += term(value[r * row_step], mean, precision, norm);
    }
}

static void score(const struct weir_gaussian *m, const float *x, const uint16_t *index, size_t column_step, size_t row_step,
                  size_t count, float *margins)
{
    double first[ROWS], sum[ROWS];
    size_t groups = m->scorer.groups;
    if (groups == 1)
        joint(m, 0, x, index, column_step, row_step, count, first);
    for (size_t g = 0; g < groups; g++) {
        joint(m, groups == 1 ? 1 : g, x, index, column_step, row_step, count, sum);
        for (size_t r = 0; r < count; r++)
            margins[r * groups + g] = narrow(groups == 1 ? sum[r] - first[r] : sum[r]);
    }
}

static void rows(const struct weir_scorer *scorer, const float *x, size_t count, size_t stride, float *margins)
{
    for (size_t r = 0; r < count; r += ROWS) {
        size_t some = count - r < ROWS ? count - r : ROWS;
        score(of(scorer), x + r * stride, NULL, 1, stride, some, margins + r * scorer->groups);
    }
}

static void block(const struct weir_scorer *scorer, const float *x, const uint16_t *index, size_t count, float *margins)
{
    score(of(scorer), x, index, ROWS, 1, count, margins);
}

static void explain(const struct weir_scorer *scorer, enum weir_explain how, const float *row, size_t group, void *room,
                    double *contributions, double *base)
{
    const struct weir_gaussian *m = of(scorer);
    size_t columns = scorer->columns, two = scorer->groups == 1;
    size_t at = (two ? 1 : group) * columns;
    (void)how;
    (void)room;
    *base = m->constant[two ? 1 : group] - (two ? m->constant[0] : 0);
    for (size_t c = 0; c < columns; c++) {
        double value = term(row[c], m->mean[at + c], m->precision[at + c], m->norm[at + c]), mean = -m->expected[at + c];
        if (two) {
            value -= term(row[c], m->mean[c], m->precision[c], m->norm[c]);
            mean += m->expected[c];
        }
        contributions[c] = value - mean;
        *base += mean;
    }
}

static uint64_t wanted(uint64_t columns, uint64_t classes)
{
    return HEAD_BYTES + 8 * classes + 4 * 8 * columns * classes;
}

static size_t bytes(const struct weir_scorer *scorer)
{
    return (size_t)wanted(scorer->columns, of(scorer)->classes);
}

static void encode(const struct weir_scorer *scorer, uint8_t *out)
{
    const struct weir_gaussian *m = of(scorer);
    const uint32_t head[4] = {(uint32_t)scorer->columns, (uint32_t)m->classes, 0, 0};
    size_t cells = scorer->columns * m->classes;
    out = weir_payload_put32(out, head, 4);
    out = weir_payload_put64(out, m->constant, m->classes);
    out = weir_payload_put64(out, m->mean, cells);
    out = weir_payload_put64(out, m->precision, cells);
    out = weir_payload_put64(out, m->expected, cells);
    weir_payload_put64(out, m->norm, cells);
}

static weir_err peek(uint32_t payload, const uint8_t *from, size_t have, size_t size, size_t *position, struct weir_error *error)
{
    (void)payload;
    *position = 0;
    if (have < HEAD_BYTES)
        return weir_fail(error, WEIR_ERR_FORMAT, "the naive Bayes model ends inside its head");
    uint32_t columns = weir_load_le32(from), classes = weir_load_le32(from + 4);
    if (columns < 1 || columns > WEIR_GAUSSIAN_COLUMNS_MAX || classes < 2 || classes > WEIR_GAUSSIAN_CLASSES_MAX)
        return weir_fail(error, WEIR_ERR_LIMIT, "a naive Bayes model of %u columns and %u classes", columns, classes);
    if (weir_load_le32(from + 8) || weir_load_le32(from + 12))
        return weir_fail(error, WEIR_ERR_UNSUPPORTED, "the naive Bayes model is of a newer weir; use that");
    if (wanted(columns, classes) != size)
        return weir_fail(error, WEIR_ERR_FORMAT,
                         "a naive Bayes model of %u columns and %u classes needs %llu bytes, there are %zu", columns, classes,
                         (unsigned long long)wanted(columns, classes), size);
    return WEIR_OK;
}

static weir_err decode(uint32_t payload, const uint8_t *from, size_t size, struct weir_scorer **out, size_t *position,
                       struct weir_error *error)
{
    struct weir_gaussian *m;
    *out = NULL;
    weir_err err = peek(payload, from, size, size, position, error);
    if (err)
        return err;
    size_t columns = weir_load_le32(from), classes = weir_load_le32(from + 4), cells = columns * classes;
    err = weir_gaussian_create(columns, classes, &m, error);
    if (err)
        return err;
    from = weir_payload_get64(from + HEAD_BYTES, m->constant, classes);
    from = weir_payload_get64(from, m->mean, cells);
    from = weir_payload_get64(from, m->precision, cells);
    from = weir_payload_get64(from, m->expected, cells);
    weir_payload_get64(from, m->norm, cells);
    err = weir_gaussian_validate(m, error);
    *position = HEAD_BYTES;
    if (err)
        gaussian_free(&m->scorer);
    else
        *out = &m->scorer;
    return err;
}

const struct weir_scorer_kind weir_gaussian_kind = {
    .what = "densities",
    .free = gaussian_free,
    .rows = rows,
    .block = block,
    .explain = explain,
    .payload = {WEIR_PAYLOAD_GAUSSIAN},
    .bytes = bytes,
    .encode = encode,
    .peek_bytes = HEAD_BYTES,
    .peek = peek,
    .decode = decode,
};
