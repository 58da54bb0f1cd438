/* Searching an index of neighbours (neighbour_index.h): what is compiled for each instruction set. */
#include <math.h>
#include <string.h>

#include "model/neighbour_index.h"
#include "model/vector.h"

enum { PARTS = WEIR_SHADOW / WEIR_DOUBLES, EIGHT = 8 / WEIR_DOUBLES, LEVELS = 64 };

/* Rounding of float32 shadows, relative to their lengths: more than four times 2^-24 each. */
static const double slack_share = 3e-7;

/* Sums of squares of 16 numbers. */
static inline double square16(const weir_vd *v)
{
    weir_vd sum[EIGHT];
    for (int p = 0; p < EIGHT; p++)
        sum[p] = v[p] * v[p] + v[p + EIGHT] * v[p + EIGHT];
    return weir_sum8(sum);
}

static inline void load16(const double *from, weir_vd *v)
{
    for (int p = 0; p < PARTS; p++)
        v[p] = *(const weir_vd *)(from + p * WEIR_DOUBLES);
}

void WEIR_VARIANT_OF(weir_neighbour_shadow)(const struct weir_neighbour_index *index, const float *row,
                                            double shadow[WEIR_SHADOW])
{
    _Alignas(64) double u[WEIR_NEIGHBOUR_COLUMNS_MAX];
    size_t stride = index->stride;
    weir_vd p[PARTS] = {0}, left[EIGHT] = {0};
    for (size_t c = 0; c < stride; c += WEIR_DOUBLES) {
        weir_vd x = weir_vd_from(row + c);
        *(weir_vd *)(u + c) = (x - *(const weir_vd *)(index->centre + c)) * *(const weir_vd *)(index->scale + c);
    }
    for (size_t c = 0; c < index->columns; c++)
        for (int k = 0; k < PARTS; k++)
            p[k] += *(const weir_vd *)(index->along + c * WEIR_SHADOW + k * WEIR_DOUBLES) * u[c];
    for (int k = 0; k < PARTS; k++)
        *(weir_vd *)(shadow + k * WEIR_DOUBLES) = p[k];
    for (size_t c = 0; c < stride; c += 8)
        for (int k = 0; k < EIGHT; k++) {
            size_t at = c + (size_t)k * WEIR_DOUBLES;
            weir_vd e = *(const weir_vd *)(u + at);
            for (size_t m = 0; m + 1 < WEIR_SHADOW; m++)
                e -= *(const weir_vd *)(index->across + m * stride + at) * shadow[m];
            left[k] += e * e;
        }
    shadow[WEIR_SHADOW - 1] = sqrt(weir_sum8(left)); /* never as |x|^2 - |p|^2: that cancels */
}

/* From a shadow to the nearest point of a box; never more than that. */
static inline double box_distance(const struct weir_neighbour_box *box, const weir_vd *q)
{
    weir_vd away[PARTS], zero = {0};
    for (int p = 0; p < PARTS; p++) {
        weir_vd low = *(const weir_vd *)(box->low + p * WEIR_DOUBLES), high = *(const weir_vd *)(box->high + p * WEIR_DOUBLES);
        away[p] = weir_vd_max(weir_vd_max(low - q[p], q[p] - high), zero);
    }
    return sqrt(square16(away)) * (1 - 1e-9);
}

uint32_t WEIR_VARIANT_OF(weir_neighbour_leaf)(const struct weir_neighbour_index *index, const double shadow[WEIR_SHADOW])
{
    weir_vd q[PARTS];
    uint32_t n = 0;
    load16(shadow, q);
    while (index->node[n].right) {
        uint32_t left = n + 1, right = index->node[n].right;
        n = box_distance(&index->box[left], q) <= box_distance(&index->box[right], q) ? left : right;
    }
    return n;
}

static inline double exact(const struct weir_neighbour_index *index, const float *a, const float *b)
{
    weir_vd sum[EIGHT] = {0};
    for (size_t c = 0; c < index->stride; c += 8)
        for (int k = 0; k < EIGHT; k++) {
            size_t at = c + (size_t)k * WEIR_DOUBLES;
            weir_vd x = weir_vd_from(a + at), d = (x - weir_vd_from(b + at)) * *(const weir_vd *)(index->factor + at);
            sum[k] += d * d;
        }
    return weir_sum8(sum);
}

/* Takes its place among the best if it has one; the worst of them is the result. */
static double offer(struct weir_neighbour_best *best, double d, uint32_t row)
{
    size_t at = best->count - 1;
    if (d < best->d[at] || (d == best->d[at] && row < best->row[at])) {
        for (; at && (d < best->d[at - 1] || (d == best->d[at - 1] && row < best->row[at - 1])); at--) {
            best->d[at] = best->d[at - 1];
            best->row[at] = best->row[at - 1];
        }
        best->d[at] = d;
        best->row[at] = row;
    }
    return best->d[best->count - 1];
}

static float limit_of(double reach, double slack)
{
    double square = (reach + slack) * (reach + slack) * (1 + 1e-5) + 1e-37; /* 1e-37: squares that are no normal float32 */
    return square < 3.4e38 ? (float)square : INFINITY;
}

struct query {
    const struct weir_neighbour_index *index;
    const float *row;
    const weir_vd *shadow;
    struct weir_neighbour_best *best;
    double reach; /* of the worst kept distance, in the shadows' unit, rounded up; with what shadows can be wrong by */
    double fuzz;
};

static inline void look_into(struct query *q, const struct weir_neighbour_block *block)
{
    weir_vd apart[PARTS];
    weir_vf sum[WEIR_SHADOW_ROWS / WEIR_FLOATS] = {0}, more[WEIR_SHADOW_ROWS / WEIR_FLOATS] = {0};
    float f[WEIR_SHADOW];
    _Alignas(64) float square[WEIR_SHADOW_ROWS];
    for (int p = 0; p < PARTS; p++) {
        apart[p] = q->shadow[p] - *(const weir_vd *)(block->first + p * WEIR_DOUBLES);
        weir_vh narrow = __builtin_convertvector(apart[p], weir_vh);
        memcpy(f + p * WEIR_DOUBLES, &narrow, sizeof narrow);
    }
    for (int c = 0; c < WEIR_SHADOW; c += 2)
        for (int k = 0; k < WEIR_SHADOW_ROWS / WEIR_FLOATS; k++) {
            weir_vf a = *(const weir_vf *)(block->z[c] + k * WEIR_FLOATS) - f[c];
            weir_vf b = *(const weir_vf *)(block->z[c + 1] + k * WEIR_FLOATS) - f[c + 1];
            sum[k] += a * a;
            more[k] += b * b;
        }
    double slack = slack_share * (sqrt(square16(apart)) + (double)block->radius);
    float limit = limit_of(q->reach, slack);
    unsigned near = 0;
    for (int k = 0; k < WEIR_SHADOW_ROWS / WEIR_FLOATS; k++) {
        sum[k] += more[k];
        *(weir_vf *)(square + k * WEIR_FLOATS) = sum[k];
        weir_vi within = sum[k] <= limit;
#ifdef __AVX512F__
        near |= (unsigned)_mm512_movepi32_mask((__m512i)within) << k * WEIR_FLOATS;
#elif defined(__AVX2__)
        near |= (unsigned)_mm256_movemask_ps((__m256)within) << k * WEIR_FLOATS;
#else
        for (int l = 0; l < WEIR_FLOATS; l++)
            near |= (unsigned)(within[l] & 1) << (k * WEIR_FLOATS + l);
#endif
    }
    for (unsigned rest = near; rest; rest &= rest - 1) { /* their rows lie anywhere: all are fetched at once */
        uint32_t row = block->row[__builtin_ctz(rest)];
        for (size_t c = 0; row != UINT32_MAX && c < q->index->stride; c += 16)
            __builtin_prefetch(q->index->x + (size_t)row * q->index->stride + c);
    }
    for (; near; near &= near - 1) {
        int l = __builtin_ctz(near);
        uint32_t row = block->row[l];
        if (row == UINT32_MAX || !(square[l] <= limit))
            continue;
        double worst = offer(q->best, exact(q->index, q->row, q->index->x + (size_t)row * q->index->stride), row);
        q->reach = sqrt(worst) * q->index->unit * (1 + 1e-12) + q->fuzz;
        limit = limit_of(q->reach, slack);
    }
}

void WEIR_VARIANT_OF(weir_neighbour_search)(const struct weir_neighbour_index *index, const float *row,
                                            const double shadow[WEIR_SHADOW], struct weir_neighbour_best *best)
{
    struct {
        uint32_t node;
        double d;
    } stack[LEVELS];
    weir_vd place[PARTS];
    int depth = 1;
    load16(shadow, place);
    struct query q = {.index = index, .row = row, .shadow = place, .best = best, .reach = INFINITY};
    /* Errors of two shadows of rows in float64, relative to their lengths: what the sums over the columns round away. */
    q.fuzz = 1e-15 * (double)(index->columns + 50) * (1 + sqrt(square16(place)));
    for (size_t i = 0; i < best->count; i++) {
        best->d[i] = INFINITY;
        best->row[i] = UINT32_MAX;
    }
    stack[0].node = 0;
    stack[0].d = 0;
    while (depth) {
        uint32_t at = stack[--depth].node;
        const struct weir_neighbour_node *node = &index->node[at];
        if (stack[depth].d > q.reach)
            continue;
        if (node->right) { /* the nearer child is looked at first */
            double left = box_distance(&index->box[at + 1], place), right = box_distance(&index->box[node->right], place);
            int first = left <= right;
            stack[depth + first].node = at + 1;
            stack[depth + first].d = left;
            stack[depth + !first].node = node->right;
            stack[depth + !first].d = right;
            depth += 2;
            continue;
        }
        for (uint32_t k = 0; k * WEIR_SHADOW_ROWS < node->rows; k++)
            look_into(&q, &index->block[node->block + k]);
    }
}
