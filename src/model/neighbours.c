#include "model/neighbours.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "model/container.h"
#include "model/payload.h"
#include "model/replace.h"

enum { HEAD_BYTES = 32, BLOCK_ROWS = 64, CHUNK = 512 };

static const struct weir_neighbours *of(const struct weir_scorer *scorer)
{
    return (const struct weir_neighbours *)scorer;
}

static void neighbours_free(struct weir_scorer *scorer)
{
    struct weir_neighbours *m = (struct weir_neighbours *)scorer;
    free(m->fill);
    free(m->label);
    weir_neighbour_index_fini(&m->index);
    free(m);
}

static weir_err check_sizes(size_t columns, size_t classes, size_t rows, size_t neighbours, struct weir_error *error)
{
    if (columns < 1 || columns > WEIR_NEIGHBOUR_COLUMNS_MAX || classes < 2 || classes > WEIR_NEIGHBOURS_CLASSES_MAX || rows < 1 ||
        rows > WEIR_NEIGHBOURS_ROWS_MAX)
        return weir_fail(error, WEIR_ERR_LIMIT,
                         "nearest neighbours: %zu columns, %zu classes, %zu rows; there can be %d, %d and %zu", columns, classes,
                         rows, WEIR_NEIGHBOUR_COLUMNS_MAX, WEIR_NEIGHBOURS_CLASSES_MAX, WEIR_NEIGHBOURS_ROWS_MAX);
    if (neighbours < 1 || neighbours > WEIR_NEIGHBOUR_MOST || neighbours > rows)
        return weir_fail(error, WEIR_ERR_LIMIT, "nearest neighbours: %zu of %zu rows; there can be 1 to %d", neighbours, rows,
                         WEIR_NEIGHBOUR_MOST);
    return WEIR_OK;
}

weir_err weir_neighbours_create(size_t columns, size_t classes, size_t rows, size_t neighbours, bool by_distance,
                                struct weir_neighbours **out, struct weir_error *error)
{
    *out = NULL;
    weir_err err = check_sizes(columns, classes, rows, neighbours, error);
    if (err)
        return err;
    struct weir_neighbours *m = calloc(1, sizeof *m);
    if (!m)
        return weir_fail(error, WEIR_ERR_MEMORY, "out of memory");
    m->scorer = (struct weir_scorer){
        .kind = &weir_neighbours_kind, .columns = columns, .groups = classes == 2 ? 1 : classes, .link = WEIR_LINK_PROBABILITY};
    m->classes = classes;
    m->neighbours = neighbours;
    m->by_distance = by_distance;
    m->fill = calloc(columns, sizeof *m->fill);
    m->label = calloc(rows, sizeof *m->label);
    err = m->fill && m->label ? weir_neighbour_index_init(&m->index, columns, rows, error)
                              : weir_fail(error, WEIR_ERR_MEMORY, "out of memory");
    if (err) {
        neighbours_free(&m->scorer);
        return err;
    }
    *out = m;
    return WEIR_OK;
}

weir_err weir_neighbours_finish(struct weir_neighbours *m, const volatile sig_atomic_t *stop, struct weir_error *error)
{
    const struct weir_neighbour_index *n = &m->index;
    for (size_t c = 0; c < n->columns; c++) {
        if (!isfinite(m->fill[c]))
            return weir_fail(error, WEIR_ERR_FORMAT,
                             "nearest neighbours: column %zu: what stands for missing values is no number", c);
        if (!(n->factor[c] >= 1 / WEIR_NEIGHBOURS_FACTOR_MOST && n->factor[c] <= WEIR_NEIGHBOURS_FACTOR_MOST))
            return weir_fail(error, WEIR_ERR_FORMAT, "nearest neighbours: column %zu: factor %g", c, n->factor[c]);
    }
    for (size_t i = 0; i < n->rows; i++) {
        if (m->label[i] >= m->classes)
            return weir_fail(error, WEIR_ERR_FORMAT, "nearest neighbours: row %zu is of class %u of %zu", i, m->label[i],
                             m->classes);
        float none = 0; /* 0 as long as all are numbers */
        for (size_t c = 0; c < n->stride; c++)
            none += n->x[i * n->stride + c] * 0;
        for (size_t c = 0; none != 0 && c < n->columns; c++)
            if (!isfinite(n->x[i * n->stride + c]))
                return weir_fail(error, WEIR_ERR_FORMAT, "nearest neighbours: row %zu, column %zu: no number", i, c);
    }
    return weir_neighbour_index_build(&m->index, stop, error);
}

/* -- scores -- */

static void vote(const struct weir_neighbours *m, const struct weir_neighbour_best *best, float *margins)
{
    double share[WEIR_NEIGHBOURS_CLASSES_MAX], all = 0;
    for (size_t k = 0; k < m->classes; k++)
        share[k] = 0;
    bool here = !(best->d[0] > 0); /* some rows are at distance 0: they alone count */
    for (size_t i = 0; i < best->count; i++) {
        double weight = !m->by_distance ? 1 : here ? !(best->d[i] > 0) : 1 / sqrt(best->d[i]);
        share[m->label[best->row[i]]] += weight;
        all += weight;
    }
    if (m->scorer.groups == 1)
        margins[0] = (float)(share[1] / all);
    else
        for (size_t k = 0; k < m->classes; k++)
            margins[k] = (float)(share[k] / all);
}

/* Values of row r, column c at x[index[c] * column_step + r * row_step]. */
struct values {
    const float *x;
    const uint16_t *index;
    size_t column_step, row_step;
};

static void take_row(const struct weir_neighbours *m, const struct values *v, size_t r, float *row)
{
    for (size_t c = 0; c < m->scorer.columns; c++) {
        float x = v->x[(v->index ? v->index[c] : c) * v->column_step + r * v->row_step];
        row[c] = fabsf(x) <= FLT_MAX ? x : m->fill[c];
    }
}

/* Ascending; few or nearly sorted. */
static void sort(uint64_t *key, size_t count)
{
    static const size_t gaps[] = {301, 132, 57, 23, 10, 4, 1};
    for (size_t g = 0; g < sizeof gaps / sizeof *gaps; g++)
        for (size_t i = gaps[g]; i < count; i++) {
            uint64_t mine = key[i];
            size_t k = i;
            for (; k >= gaps[g] && key[k - gaps[g]] > mine; k -= gaps[g])
                key[k] = key[k - gaps[g]];
            key[k] = mine;
        }
}

/* Up to CHUNK rows, in the order of the index's leaves. */
static void score(const struct weir_neighbours *m, const struct values *v, size_t count, float *margins)
{
    _Alignas(64) double shadow[CHUNK][WEIR_SHADOW];
    _Alignas(64) float row[WEIR_NEIGHBOUR_COLUMNS_MAX];
    double d[WEIR_NEIGHBOUR_MOST];
    uint32_t nearest[WEIR_NEIGHBOUR_MOST];
    uint64_t order[CHUNK];
    struct weir_neighbour_best best = {m->neighbours, d, nearest};
    const struct weir_neighbour_index *n = &m->index;
    for (size_t c = m->scorer.columns; c < n->stride; c++)
        row[c] = 0;
    for (size_t r = 0; r < count; r++) {
        take_row(m, v, r, row);
        n->shadow(n, row, shadow[r]);
        order[r] = (count > 1 ? (uint64_t)n->leaf(n, shadow[r]) << 32 : 0) | r;
    }
    sort(order, count);
    for (size_t i = 0; i < count; i++) {
        size_t r = (uint32_t)order[i];
        if (count > 1)
            take_row(m, v, r, row);
        n->search(n, row, shadow[r], &best);
        vote(m, &best, margins + r * m->scorer.groups);
    }
}

static void rows(const struct weir_scorer *scorer, const float *x, size_t count, size_t stride, float *margins)
{
    for (size_t r = 0; r < count; r += CHUNK) {
        const struct values v = {x + r * stride, NULL, 1, stride};
        score(of(scorer), &v, count - r < CHUNK ? count - r : CHUNK, margins + r * scorer->groups);
    }
}

static void block(const struct weir_scorer *scorer, const float *x, const uint16_t *index, size_t count, float *margins)
{
    const struct values v = {x, index, BLOCK_ROWS, 1};
    score(of(scorer), &v, count, margins);
}

static void explain(const struct weir_scorer *scorer, enum weir_explain how, const float *row, size_t group, void *room,
                    double *contributions, double *base)
{
    weir_replace_explain(scorer, how, of(scorer)->fill, row, group, room, contributions, base);
}

/* -- files -- */

static uint64_t wanted(uint64_t columns, uint64_t rows)
{
    return HEAD_BYTES + 4 * columns + 8 * columns + 4 * columns * rows + 2 * rows;
}

static size_t bytes(const struct weir_scorer *scorer)
{
    return (size_t)wanted(scorer->columns, of(scorer)->index.rows);
}

static void encode(const struct weir_scorer *scorer, uint8_t *out)
{
    const struct weir_neighbours *m = of(scorer);
    const struct weir_neighbour_index *n = &m->index;
    const uint32_t head[8] = {(uint32_t)scorer->columns, (uint32_t)m->classes, (uint32_t)n->rows, (uint32_t)m->neighbours,
                              m->by_distance};
    out = weir_payload_put32(out, head, 8);
    out = weir_payload_put32(out, m->fill, scorer->columns);
    out = weir_payload_put64(out, n->factor, scorer->columns);
    for (size_t i = 0; i < n->rows; i++)
        out = weir_payload_put32(out, n->x + i * n->stride, scorer->columns);
    weir_payload_put16(out, m->label, n->rows);
}

static weir_err peek(uint32_t payload, const uint8_t *from, size_t have, size_t size, size_t *position, struct weir_error *error)
{
    (void)payload;
    *position = 0;
    if (have < HEAD_BYTES)
        return weir_fail(error, WEIR_ERR_FORMAT, "the model of nearest neighbours ends inside its head");
    uint32_t columns = weir_load_le32(from), rows = weir_load_le32(from + 8);
    weir_err err = check_sizes(columns, weir_load_le32(from + 4), rows, weir_load_le32(from + 12), error);
    if (err)
        return err;
    if (weir_load_le32(from + 16) > 1 || weir_load_le32(from + 20) || weir_load_le32(from + 24) || weir_load_le32(from + 28))
        return weir_fail(error, WEIR_ERR_UNSUPPORTED, "the model of nearest neighbours is of a newer weir; use that");
    if (wanted(columns, rows) != size)
        return weir_fail(error, WEIR_ERR_FORMAT, "%u neighbours of %u columns need %llu bytes, there are %zu", rows, columns,
                         (unsigned long long)wanted(columns, rows), size);
    return WEIR_OK;
}

static weir_err decode(uint32_t payload, const uint8_t *from, size_t size, struct weir_scorer **out, size_t *position,
                       struct weir_error *error)
{
    struct weir_neighbours *m;
    *out = NULL;
    weir_err err = peek(payload, from, size, size, position, error);
    if (err)
        return err;
    err = weir_neighbours_create(weir_load_le32(from), weir_load_le32(from + 4), weir_load_le32(from + 8),
                                 weir_load_le32(from + 12), weir_load_le32(from + 16), &m, error);
    if (err)
        return err;
    struct weir_neighbour_index *n = &m->index;
    from = weir_payload_get32(from + HEAD_BYTES, m->fill, n->columns);
    from = weir_payload_get64(from, n->factor, n->columns);
    for (size_t i = 0; i < n->rows; i++)
        from = weir_payload_get32(from, n->x + i * n->stride, n->columns);
    weir_payload_get16(from, m->label, n->rows);
    *position = HEAD_BYTES;
    err = weir_neighbours_finish(m, NULL, error);
    if (err)
        neighbours_free(&m->scorer);
    else
        *out = &m->scorer;
    return err;
}

const struct weir_scorer_kind weir_neighbours_kind = {
    .what = "neighbours",
    .free = neighbours_free,
    .rows = rows,
    .block = block,
    .explain_room = weir_replace_room,
    .explain = explain,
    .payload = {WEIR_PAYLOAD_NEIGHBOURS},
    .bytes = bytes,
    .encode = encode,
    .peek_bytes = HEAD_BYTES,
    .peek = peek,
    .decode = decode,
};
