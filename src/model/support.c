#include "model/support.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/simd.h"
#include "model/container.h"
#include "model/payload.h"
#include "model/replace.h"

enum {
    HEAD_BYTES = 32,
    BLOCK_ROWS = 64,
    ROWS = 256,         /* scored together, at most */
    PLACES = 64 * 1024, /* floats of their kept columns */
    DECISIONS = 16 * 1024
};

#define MOST       1e30 /* of a mean, a scale, a bias */
#define COEF_MOST  1e12f
#define SLOPE_MOST 1e6

/* Up to WEIR_RBF_POINTS vectors of one class. */
struct weir_support_part {
    struct weir_rbf_pack pack;
    size_t class;
    float *coef; /* [classes - 1][WEIR_RBF_POINTS] */
};

static const struct weir_support *of(const struct weir_scorer *scorer)
{
    return (const struct weir_support *)scorer;
}

static void support_free(struct weir_scorer *scorer)
{
    struct weir_support *m = (struct weir_support *)scorer;
    for (size_t p = 0; p < m->parts; p++) {
        free(m->part[p].pack.z);
        free(m->part[p].pack.half);
        free(m->part[p].coef);
    }
    free(m->part);
    free(m->fill);
    free(m->mean);
    free(m->scale);
    free(m->kept);
    free(m->count);
    free(m->vector);
    free(m->coef);
    free(m->bias);
    free(m);
}

static weir_err check_sizes(size_t columns, size_t classes, size_t kept, size_t vectors, struct weir_error *error)
{
    if (columns < 1 || columns > WEIR_SUPPORT_COLUMNS_MAX || classes < 2 || classes > WEIR_SUPPORT_CLASSES_MAX ||
        vectors > WEIR_SUPPORT_VECTORS_MAX)
        return weir_fail(error, WEIR_ERR_LIMIT,
                         "support vectors: %zu columns, %zu classes, %zu vectors; there can be %d, %d and %zu", columns, classes,
                         vectors, WEIR_SUPPORT_COLUMNS_MAX, WEIR_SUPPORT_CLASSES_MAX, WEIR_SUPPORT_VECTORS_MAX);
    if (kept > columns)
        return weir_fail(error, WEIR_ERR_FORMAT, "support vectors: %zu of %zu columns", kept, columns);
    return WEIR_OK;
}

weir_err weir_support_create(size_t columns, size_t classes, size_t kept, size_t vectors, struct weir_support **out,
                             struct weir_error *error)
{
    *out = NULL;
    weir_err err = check_sizes(columns, classes, kept, vectors, error);
    if (err)
        return err;
    struct weir_support *m = calloc(1, sizeof *m);
    if (!m)
        return weir_fail(error, WEIR_ERR_MEMORY, "out of memory");
    m->scorer = (struct weir_scorer){
        .kind = &weir_support_kind, .columns = columns, .groups = classes == 2 ? 1 : classes, .link = WEIR_LINK_LOGISTIC};
    m->classes = classes;
    m->pairs = classes * (classes - 1) / 2;
    m->kept_count = kept;
    m->vectors = vectors;
    m->slope = 1;
    m->fill = calloc(columns, sizeof *m->fill);
    m->mean = calloc(columns, sizeof *m->mean);
    m->scale = calloc(columns, sizeof *m->scale);
    m->kept = calloc(kept + 1, sizeof *m->kept);
    m->count = calloc(classes, sizeof *m->count);
    m->vector = calloc(vectors * kept + 1, sizeof *m->vector);
    m->coef = calloc(vectors * (classes - 1) + 1, sizeof *m->coef);
    m->bias = calloc(m->pairs, sizeof *m->bias);
    if (!m->fill || !m->mean || !m->scale || !m->kept || !m->count || !m->vector || !m->coef || !m->bias) {
        support_free(&m->scorer);
        return weir_fail(error, WEIR_ERR_MEMORY, "%zu support vectors do not fit into memory", vectors);
    }
    *out = m;
    return WEIR_OK;
}

static weir_err validate(const struct weir_support *m, struct weir_error *error)
{
    size_t all = 0, others = m->classes - 1;
    for (size_t c = 0; c < m->scorer.columns; c++)
        if (!isfinite(m->fill[c]) || !(fabs(m->mean[c]) <= MOST) || !(fabs(m->scale[c]) <= MOST))
            return weir_fail(error, WEIR_ERR_FORMAT, "support vectors: column %zu: a number out of bounds", c);
    for (size_t k = 0; k < m->kept_count; k++)
        if (m->kept[k] >= m->scorer.columns || (k && m->kept[k] <= m->kept[k - 1]))
            return weir_fail(error, WEIR_ERR_FORMAT, "support vectors: place %zu is column %u", k, m->kept[k]);
    for (size_t k = 0; k < m->classes; k++)
        all += m->count[k];
    if (all != m->vectors)
        return weir_fail(error, WEIR_ERR_FORMAT, "support vectors: the classes have %zu of %zu", all, m->vectors);
    for (size_t i = 0; i < m->vectors * m->kept_count; i++)
        if (!(fabsf(m->vector[i]) <= WEIR_RBF_MOST))
            return weir_fail(error, WEIR_ERR_FORMAT, "support vector %zu: a number out of bounds", i / m->kept_count);
    for (size_t i = 0; i < m->vectors * others; i++)
        if (!(fabsf(m->coef[i]) <= COEF_MOST))
            return weir_fail(error, WEIR_ERR_FORMAT, "support vector %zu: coefficient %g", i / others, (double)m->coef[i]);
    for (size_t p = 0; p < m->pairs; p++)
        if (!(fabs(m->bias[p]) <= MOST))
            return weir_fail(error, WEIR_ERR_FORMAT, "support vectors: machine %zu: bias %g", p, m->bias[p]);
    if (!(m->slope > 0 && m->slope <= SLOPE_MOST))
        return weir_fail(error, WEIR_ERR_FORMAT, "support vectors: slope %g", m->slope);
    return WEIR_OK;
}

static weir_err make_part(const struct weir_support *m, size_t first, size_t count, size_t class, bool near,
                          struct weir_support_part *part, struct weir_error *error)
{
    size_t others = m->classes - 1, blocks = weir_rbf_blocks(count);
    *part = (struct weir_support_part){.class = class};
    part->pack = (struct weir_rbf_pack){.columns = m->kept_count, .points = count, .near = near};
    part->pack.z = aligned_alloc(64, (blocks * m->kept_count + 1) * WEIR_RBF_LANES * sizeof(float));
    part->pack.half = aligned_alloc(64, blocks * WEIR_RBF_LANES * sizeof(float));
    part->coef = aligned_alloc(64, others * WEIR_RBF_POINTS * sizeof(float));
    if (!part->pack.z || !part->pack.half || !part->coef)
        return weir_fail(error, WEIR_ERR_MEMORY, "%zu support vectors do not fit into memory", m->vectors);
    weir_rbf_fill(&part->pack, m->vector + first * m->kept_count);
    memset(part->coef, 0, others * WEIR_RBF_POINTS * sizeof(float));
    for (size_t i = 0; i < count; i++)
        for (size_t o = 0; o < others; o++)
            part->coef[o * WEIR_RBF_POINTS + i] = m->coef[(first + i) * others + o];
    return WEIR_OK;
}

weir_err weir_support_finish(struct weir_support *m, struct weir_error *error)
{
    weir_err err = validate(m, error);
    if (err)
        return err;
    float most = 0;
    for (size_t i = 0; i < m->vectors; i++)
        most = fmaxf(most, weir_rbf_half(m->vector + i * m->kept_count, m->kept_count));
    m->sum = WEIR_SIMD_CHOOSE(weir_rbf_sum);
    m->part = calloc(m->vectors / WEIR_RBF_POINTS + m->classes + 1, sizeof *m->part);
    if (!m->part)
        return weir_fail(error, WEIR_ERR_MEMORY, "out of memory");
    size_t first = 0;
    for (size_t k = 0; k < m->classes; k++)
        for (size_t end = first + m->count[k]; first < end && !err;) {
            size_t count = end - first < WEIR_RBF_POINTS ? end - first : WEIR_RBF_POINTS;
            err = make_part(m, first, count, k, most <= WEIR_RBF_NEAR, &m->part[m->parts++], error);
            first += count;
        }
    return err;
}

/* -- scores -- */

static double place(const struct weir_support *m, size_t c, double x)
{
    double u = (x - m->mean[c]) * m->scale[c];
    return fmax(-(double)WEIR_RBF_MOST, fmin(u, (double)WEIR_RBF_MOST));
}

/* 2^-x for x >= 0. */
static double power(double x)
{
    if (!(x < 1000))
        return 0;
    double whole = floor(x), r = (whole - x) * 0.6931471805599453, term = 1, sum = 1;
    for (int i = 1; i <= 18; i++) {
        term *= r / i;
        sum += term;
    }
    return ldexp(sum, -(int)whole);
}

/* Values of row r, column c at x[index[c] * column_step + r * row_step]. */
struct values {
    const float *x;
    const uint16_t *index;
    size_t column_step, row_step;
};

/* Places of one row, and what the columns that are not kept leave of its sums. */
static double take_row(const struct weir_support *m, const struct values *v, size_t r, float *u)
{
    double away = 0;
    size_t k = 0;
    for (size_t c = 0; c < m->scorer.columns; c++) {
        float x = v->x[(v->index ? v->index[c] : c) * v->column_step + r * v->row_step];
        double at = place(m, c, (double)(fabsf(x) <= FLT_MAX ? x : m->fill[c]));
        if (k < m->kept_count && m->kept[k] == c)
            u[k++] = (float)at;
        else
            away += at * at;
    }
    return power(away / 2);
}

static float narrow(double margin)
{
    return (float)fmax(-MOST, fmin(margin, MOST));
}

/* Margins of several classes from the decisions of the pairs. */
static void vote(const struct weir_support *m, const double *decision, float *margins)
{
    double votes[WEIR_SUPPORT_CLASSES_MAX] = {0}, sure[WEIR_SUPPORT_CLASSES_MAX] = {0};
    size_t pair = 0;
    for (size_t i = 0; i < m->classes; i++)
        for (size_t k = i + 1; k < m->classes; k++, pair++) {
            votes[decision[pair] > 0 ? k : i]++;
            sure[k] += decision[pair];
            sure[i] -= decision[pair];
        }
    for (size_t k = 0; k < m->classes; k++)
        margins[k] = narrow(m->slope * (votes[k] + sure[k] / (3 * (fabs(sure[k]) + 1))));
}

/* Rows that fit into the rooms below. */
static size_t rows_together(const struct weir_support *m)
{
    size_t some = ROWS, width = m->kept_count ? m->kept_count : 1, others = m->classes - 1;
    some = some < PLACES / width ? some : PLACES / width;
    some = some < DECISIONS / m->pairs ? some : DECISIONS / m->pairs;
    return some < DECISIONS / others ? some : DECISIONS / others;
}

static void score(const struct weir_support *m, const struct values *v, size_t count, float *margins)
{
    _Alignas(64) float u[PLACES];
    double far[ROWS], decision[DECISIONS], part_sum[DECISIONS];
    float half[ROWS];
    size_t others = m->classes - 1, groups = m->scorer.groups;
    for (size_t r = 0; r < count; r++) {
        far[r] = take_row(m, v, r, u + r * m->kept_count);
        half[r] = weir_rbf_half(u + r * m->kept_count, m->kept_count);
    }
    memset(decision, 0, count * m->pairs * sizeof *decision);
    for (size_t p = 0; p < m->parts; p++) {
        const struct weir_support_part *part = &m->part[p];
        memset(part_sum, 0, count * others * sizeof *part_sum);
        m->sum(&part->pack, u, half, count, part->coef, others, part_sum, others);
        for (size_t o = 0; o < others; o++) {
            size_t other = o < part->class ? o : o + 1, low = other < part->class ? other : part->class;
            size_t high = other < part->class ? part->class : other;
            size_t pair = low * (2 * m->classes - low - 1) / 2 + high - low - 1;
            for (size_t r = 0; r < count; r++)
                decision[r * m->pairs + pair] += part_sum[r * others + o];
        }
    }
    for (size_t r = 0; r < count; r++) {
        double *mine = decision + r * m->pairs;
        for (size_t p = 0; p < m->pairs; p++)
            mine[p] = m->bias[p] + far[r] * mine[p];
        if (groups == 1)
            margins[r] = narrow(m->slope * mine[0]);
        else
            vote(m, mine, margins + r * groups);
    }
}

static void rows(const struct weir_scorer *scorer, const float *x, size_t count, size_t stride, float *margins)
{
    size_t some = rows_together(of(scorer));
    for (size_t r = 0; r < count; r += some) {
        const struct values v = {x + r * stride, NULL, 1, stride};
        score(of(scorer), &v, count - r < some ? count - r : some, margins + r * scorer->groups);
    }
}

static void block(const struct weir_scorer *scorer, const float *x, const uint16_t *index, size_t count, float *margins)
{
    size_t some = rows_together(of(scorer));
    for (size_t r = 0; r < count; r += some) {
        const struct values v = {x + r, index, BLOCK_ROWS, 1};
        score(of(scorer), &v, count - r < some ? count - r : some, margins + r * scorer->groups);
    }
}

static void explain(const struct weir_scorer *scorer, enum weir_explain how, const float *row, size_t group, void *room,
                    double *contributions, double *base)
{
    weir_replace_explain(scorer, how, of(scorer)->fill, row, group, room, contributions, base);
}

/* -- files -- */

static uint64_t wanted(uint64_t columns, uint64_t classes, uint64_t kept, uint64_t vectors)
{
    return HEAD_BYTES + 20 * columns + 4 * kept + 4 * classes + 4 * vectors * kept + 4 * vectors * (classes - 1) +
           8 * (classes * (classes - 1) / 2);
}

static size_t bytes(const struct weir_scorer *scorer)
{
    const struct weir_support *m = of(scorer);
    return (size_t)wanted(scorer->columns, m->classes, m->kept_count, m->vectors);
}

static void encode(const struct weir_scorer *scorer, uint8_t *out)
{
    const struct weir_support *m = of(scorer);
    const uint32_t head[6] = {(uint32_t)scorer->columns, (uint32_t)m->classes, (uint32_t)m->kept_count, (uint32_t)m->vectors};
    out = weir_payload_put32(out, head, 6);
    out = weir_payload_put64(out, &m->slope, 1);
    out = weir_payload_put32(out, m->fill, scorer->columns);
    out = weir_payload_put64(out, m->mean, scorer->columns);
    out = weir_payload_put64(out, m->scale, scorer->columns);
    out = weir_payload_put32(out, m->kept, m->kept_count);
    out = weir_payload_put32(out, m->count, m->classes);
    out = weir_payload_put32(out, m->vector, m->vectors * m->kept_count);
    out = weir_payload_put32(out, m->coef, m->vectors * (m->classes - 1));
    weir_payload_put64(out, m->bias, m->pairs);
}

static weir_err peek(uint32_t payload, const uint8_t *from, size_t have, size_t size, size_t *position, struct weir_error *error)
{
    (void)payload;
    *position = 0;
    if (have < HEAD_BYTES)
        return weir_fail(error, WEIR_ERR_FORMAT, "the model of support vectors ends inside its head");
    uint32_t columns = weir_load_le32(from), classes = weir_load_le32(from + 4), kept = weir_load_le32(from + 8),
             vectors = weir_load_le32(from + 12);
    weir_err err = check_sizes(columns, classes, kept, vectors, error);
    if (err)
        return err;
    if (weir_load_le32(from + 16) || weir_load_le32(from + 20))
        return weir_fail(error, WEIR_ERR_UNSUPPORTED, "the model of support vectors is of a newer weir; use that");
    if (wanted(columns, classes, kept, vectors) != size)
        return weir_fail(error, WEIR_ERR_FORMAT, "%u support vectors of %u columns need %llu bytes, there are %zu", vectors, kept,
                         (unsigned long long)wanted(columns, classes, kept, vectors), size);
    return WEIR_OK;
}

static weir_err decode(uint32_t payload, const uint8_t *from, size_t size, struct weir_scorer **out, size_t *position,
                       struct weir_error *error)
{
    struct weir_support *m;
    *out = NULL;
    weir_err err = peek(payload, from, size, size, position, error);
    if (err)
        return err;
    err = weir_support_create(weir_load_le32(from), weir_load_le32(from + 4), weir_load_le32(from + 8), weir_load_le32(from + 12),
                              &m, error);
    if (err)
        return err;
    from = weir_payload_get64(from + HEAD_BYTES - 8, &m->slope, 1);
    from = weir_payload_get32(from, m->fill, m->scorer.columns);
    from = weir_payload_get64(from, m->mean, m->scorer.columns);
    from = weir_payload_get64(from, m->scale, m->scorer.columns);
    from = weir_payload_get32(from, m->kept, m->kept_count);
    from = weir_payload_get32(from, m->count, m->classes);
    from = weir_payload_get32(from, m->vector, m->vectors * m->kept_count);
    from = weir_payload_get32(from, m->coef, m->vectors * (m->classes - 1));
    weir_payload_get64(from, m->bias, m->pairs);
    *position = HEAD_BYTES;
    err = weir_support_finish(m, error);
    if (err)
        support_free(&m->scorer);
    else
        *out = &m->scorer;
    return err;
}

const struct weir_scorer_kind weir_support_kind = {
    .what = "support vectors",
    .free = support_free,
    .rows = rows,
    .block = block,
    .explain_room = weir_replace_room,
    .explain = explain,
    .payload = {WEIR_PAYLOAD_SUPPORT},
    .bytes = bytes,
    .encode = encode,
    .peek_bytes = HEAD_BYTES,
    .peek = peek,
    .decode = decode,
};
