#include "train/svm_solver.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/pages.h"
#include "base/simd.h"
#include "train/exact.h"
#include "train/svm_inner.h"

enum { SET = WEIR_SVM_SET, KEEP = SET / 2 };
enum { UP = 1, DOWN = 2 }; /* y alpha can grow, can shrink */

struct solver {
    const struct weir_svm_problem *p;
    size_t low;    /* rows of the first class, up to a whole block of its pack: those of the second stand behind them */
    size_t rows;   /* of both; what fills up the blocks can never be chosen */
    double *f;     /* [rows] y times the gradient: sum of alpha y K - y */
    double *alpha; /* [rows] */
    float *key;    /* [rows] */
    uint8_t *can;  /* [rows] UP, DOWN */
    bool *chosen;  /* [rows] */
    uint32_t place[SET];
    size_t places;
    struct weir_svm_set set;
    struct weir_rbf_pack pack;    /* of the set */
    struct weir_rbf_pack side[2]; /* of all rows */
    float *x, *half, *coef;
    weir_rbf_matrix *matrix;
    weir_rbf_add *add;
    weir_svm_inner *inner;
};

/* -- rows -- */

static const struct weir_svm_class *side_of(const struct solver *s, size_t *row)
{
    if (*row < s->low)
        return &s->p->side[0];
    *row -= s->low;
    return &s->p->side[1];
}

static double sign_of(const struct solver *s, size_t row)
{
    return row < s->low ? -1 : 1;
}

static double most_of(const struct solver *s, size_t row)
{
    const struct weir_svm_class *side = side_of(s, &row);
    return s->p->C * (double)side->weight[row];
}

static void allow(struct solver *s, size_t row)
{
    bool more = s->alpha[row]<most_of(s, row), less = s->alpha[row]> 0, positive = sign_of(s, row) > 0;
    s->can[row] = (uint8_t)(((positive ? more : less) ? UP : 0) | ((positive ? less : more) ? DOWN : 0));
}

/* The bounds of f between the two sets; the optimum is where they meet. */
static void find_bounds(const struct solver *s, double *up, double *down)
{
    *up = INFINITY;
    *down = -INFINITY;
    for (size_t i = 0; i < s->rows; i++) {
        if (s->f[i] < *up && s->can[i] & UP)
            *up = s->f[i];
        if (s->f[i] > *down && s->can[i] & DOWN)
            *down = s->f[i];
    }
}

/* -- the working set -- */

struct pick {
    float value;
    uint32_t row;
};

/* A total order: no ties left to chance. */
static bool before(struct pick a, struct pick b)
{
    return a.value < b.value || (a.value == b.value && a.row < b.row);
}

static void sift(struct pick *heap, size_t count, size_t i)
{
    for (size_t child; (child = 2 * i + 1) < count; i = child) {
        child += child + 1 < count && before(heap[child], heap[child + 1]);
        if (!before(heap[i], heap[child]))
            return;
        struct pick other = heap[i];
        heap[i] = heap[child];
        heap[child] = other;
    }
}

/* Adds the `wanted` rows of the smallest keys that are not infinite. */
static void add_smallest(struct solver *s, size_t wanted)
{
    struct pick heap[SET];
    size_t count = 0;
    for (size_t i = 0; i < s->rows && wanted; i++) {
        struct pick mine = {s->key[i], (uint32_t)i};
        if (count == wanted ? !before(mine, heap[0]) : !(s->key[i] < INFINITY))
            continue;
        if (count < wanted) {
            heap[count++] = mine;
            for (size_t k = count / 2; count == wanted && k-- > 0;)
                sift(heap, count, k);
        } else {
            heap[0] = mine;
            sift(heap, count, 0);
        }
    }
    for (size_t k = 0; k < count; k++) {
        s->place[s->places++] = heap[k].row;
        s->chosen[heap[k].row] = true;
    }
}

static void choose_set(struct solver *s)
{
    size_t kept = s->places < KEEP ? 0 : KEEP; /* the newest half stays */
    memmove(s->place, s->place + (s->places - kept), kept * sizeof *s->place);
    s->places = kept;
    memset(s->chosen, 0, s->rows * sizeof *s->chosen);
    for (size_t k = 0; k < kept; k++)
        s->chosen[s->place[k]] = true;
    for (int side = 0; side < 2; side++) {
        for (size_t i = 0; i < s->rows; i++)
            s->key[i] = s->chosen[i] || !(s->can[i] & (side ? DOWN : UP)) ? INFINITY : (float)(side ? -s->f[i] : s->f[i]);
        add_smallest(s, side ? SET - s->places : (SET - s->places) / 2);
    }
}

/* The set's own problem; f around `middle`, so that float32 has digits for what still differs. */
static void fill_set(struct solver *s, double middle)
{
    size_t columns = s->p->columns;
    s->set.rows = weir_rbf_blocks(s->places) * WEIR_RBF_LANES;
    for (size_t k = 0; k < s->set.rows; k++) {
        size_t row = s->place[k < s->places ? k : 0], at = row;
        const struct weir_svm_class *side = side_of(s, &at);
        memcpy(s->x + k * columns, side->x + at * columns, columns * sizeof *s->x);
        s->half[k] = side->half[at];
        s->set.y[k] = k < s->places ? (float)sign_of(s, row) : 0;
        s->set.f[k] = (float)(s->f[row] - middle);
        s->set.alpha[k] = s->alpha[row];
        s->set.most[k] = most_of(s, row);
    }
    s->pack.points = s->set.rows;
    weir_rbf_fill(&s->pack, s->x);
    s->matrix(&s->pack, s->x, s->half, s->set.rows, s->set.kernel, SET);
}

/* Takes in what moved: f of all rows. false: nothing did. */
static bool take_in(struct solver *s)
{
    size_t columns = s->p->columns, moved = 0;
    memset(s->coef, 0, SET * sizeof *s->coef);
    for (size_t k = 0; k < s->places; k++) {
        size_t row = s->place[k];
        if (s->set.alpha[k] == s->alpha[row])
            continue;
        s->coef[moved] = (float)((s->set.alpha[k] - s->alpha[row]) * sign_of(s, row));
        s->alpha[row] = s->set.alpha[k];
        allow(s, row);
        memmove(s->x + moved * columns, s->x + k * columns, columns * sizeof *s->x);
        s->half[moved++] = s->half[k];
    }
    if (!moved)
        return false;
    for (int side = 0; side < 2; side++)
        s->add(&s->side[side], s->x, s->half, (moved + 7) & ~(size_t)7, s->coef, s->f + (side ? s->low : 0));
    return true;
}

/* -- the whole -- */

/* The gap falls by a power of ten at a time, more or less. */
static void tell(const struct weir_svm_problem *p, double first, double gap)
{
    if (!p->progress || !(gap > 0) || !(first > p->tolerance))
        return;
    double share = weir_exact_log(first / gap) / weir_exact_log(first / p->tolerance);
    p->progress(p->context, (size_t)(100 * fmax(0, fmin(share, 1))), 100);
}

static weir_err run(struct solver *s, struct weir_svm_result *out, struct weir_error *error)
{
    const struct weir_svm_problem *p = s->p;
    double up, down, first = -1;
    for (int side = 0; side < 2; side++)
        for (size_t i = side ? s->low : 0, end = i + p->side[side].rows; i < end; i++) {
            s->f[i] = -sign_of(s, i);
            allow(s, i);
        }
    for (;; out->rounds++) {
        find_bounds(s, &up, &down);
        out->gap = down - up;
        first = first < 0 ? out->gap : first;
        tell(p, first, out->gap);
        out->converged = out->gap < p->tolerance;
        if (out->converged || out->rounds >= p->rounds)
            break;
        if (p->stop && *p->stop)
            return weir_fail(error, WEIR_ERR_CLOSED, "interrupted in round %zu, the gap was %g of %g", out->rounds, out->gap,
                             p->tolerance);
        choose_set(s);
        fill_set(s, (up + down) / 2);
        out->steps += s->inner(&s->set, (float)(p->tolerance / 2));
        if (!take_in(s))
            break;
    }
    double sum = 0, count = 0;
    for (size_t i = 0; i < s->rows; i++) {
        double y = sign_of(s, i);
        out->objective += s->alpha[i] * (y * s->f[i] - 1) / 2;
        if (s->alpha[i] > 0 && s->alpha[i] < most_of(s, i)) {
            sum += s->f[i];
            count++;
        }
    }
    out->bias = -(count > 0 ? sum / count : (up + down) / 2);
    memmove(s->alpha + p->side[0].rows, s->alpha + s->low, p->side[1].rows * sizeof *s->alpha);
    out->alpha = s->alpha;
    s->alpha = NULL;
    return WEIR_OK;
}

static float *room(size_t floats)
{
    float *p = weir_pages_alloc(floats + 16, sizeof *p);
    if (p)
        memset(p, 0, floats * sizeof *p);
    return p;
}

static bool pack_side(const struct weir_svm_problem *p, int side, struct weir_rbf_pack *pack)
{
    const struct weir_svm_class *of = &p->side[side];
    size_t lanes = weir_rbf_blocks(of->rows) * WEIR_RBF_LANES;
    *pack = (struct weir_rbf_pack){.columns = p->columns,
                                   .points = of->rows,
                                   .near = p->near,
                                   .z = weir_pages_alloc(lanes * p->columns, sizeof *pack->z),
                                   .half = room(lanes)};
    if (!pack->z || !pack->half)
        return false;
    weir_rbf_fill(pack, of->x);
    return true;
}

weir_err weir_svm_solve(const struct weir_svm_problem *p, struct weir_svm_result *out, struct weir_error *error)
{
    struct solver *s = calloc(1, sizeof *s);
    weir_err err = WEIR_OK;
    *out = (struct weir_svm_result){0};
    if (!s)
        return weir_fail(error, WEIR_ERR_MEMORY, "out of memory");
    s->p = p;
    s->low = weir_rbf_blocks(p->side[0].rows) * WEIR_RBF_LANES;
    s->rows = s->low + weir_rbf_blocks(p->side[1].rows) * WEIR_RBF_LANES;
    float *f = room(2 * s->rows);
    s->f = (double *)(void *)f;
    s->alpha = calloc(s->rows, sizeof *s->alpha);
    s->key = calloc(s->rows, sizeof *s->key);
    s->can = calloc(s->rows, sizeof *s->can);
    s->chosen = calloc(s->rows, sizeof *s->chosen);
    s->x = room(SET * p->columns);
    s->half = room(SET);
    s->coef = room(SET);
    s->pack =
        (struct weir_rbf_pack){.columns = p->columns, .near = p->near, .z = room(SET * (p->columns + 1)), .half = room(SET)};
    float *alpha = room(2 * SET), *most = room(2 * SET);
    s->set = (struct weir_svm_set){.kernel = room(SET * SET),
                                   .f = room(SET),
                                   .alpha = (double *)(void *)alpha,
                                   .most = (double *)(void *)most,
                                   .y = room(SET)};
    s->matrix = WEIR_SIMD_CHOOSE(weir_rbf_matrix);
    s->add = WEIR_SIMD_CHOOSE(weir_rbf_add);
    s->inner = WEIR_SIMD_CHOOSE(weir_svm_inner);
    if (pack_side(p, 0, &s->side[0]) && pack_side(p, 1, &s->side[1]) && f && s->alpha && s->key && s->can && s->chosen && s->x &&
        s->half && s->coef && s->pack.z && s->pack.half && s->set.kernel && s->set.f && alpha && most && s->set.y)
        err = run(s, out, error);
    else
        err = weir_fail(error, WEIR_ERR_MEMORY, "%zu rows do not fit into memory", s->rows);
    void *rooms[] = {f,
                     s->alpha,
                     s->key,
                     s->can,
                     s->chosen,
                     s->x,
                     s->half,
                     s->coef,
                     s->pack.z,
                     s->pack.half,
                     s->side[0].z,
                     s->side[0].half,
                     s->side[1].z,
                     s->side[1].half,
                     s->set.kernel,
                     s->set.f,
                     s->set.y,
                     alpha,
                     most,
                     s};
    for (size_t i = 0; i < sizeof rooms / sizeof *rooms; i++)
        free(rooms[i]);
    return err;
}
