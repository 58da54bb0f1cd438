#include "model/matrix.h"

#include "model/vector.h"

#define INLINE static inline __attribute__((always_inline))

/* A tile of accumulators stays in registers: TILE rows times SIDE vectors. FEW: rows that are sparse together; the fewer, the
 * more zeros they share. */
#ifdef __AVX512F__
enum { TILE = 4, SIDE = 7, FEW = 2 };
#else
enum { TILE = 5, SIDE = 2, FEW = 5 };
#endif

INLINE void take_sums(weir_vf sum[][SIDE], const float *from, size_t width, int tile, int side)
{
    for (int i = 0; i < tile; i++)
        for (int v = 0; v < side; v++)
            sum[i][v] = *(const weir_vf *)(from + (size_t)i * width + v * WEIR_FLOATS);
}

INLINE void put_sums(weir_vf sum[][SIDE], float *to, size_t width, int tile, int side)
{
    for (int i = 0; i < tile; i++)
        for (int v = 0; v < side; v++)
            *(weir_vf *)(to + (size_t)i * width + v * WEIR_FLOATS) = sum[i][v];
}

INLINE void product_tile(const float *const *x, size_t depth, const float *w, size_t width, float *out, const float *const *ahead,
                         int tile, int side)
{
    weir_vf sum[TILE][SIDE];
    for (int i = 0; ahead && i < tile; i++)
        for (size_t k = 0; k < depth; k += 16)
            __builtin_prefetch(ahead[i] + k);
    take_sums(sum, out, width, tile, side);
    for (size_t k = 0; k < depth; k++, w += width) {
        weir_vf column[SIDE];
        for (int v = 0; v < side; v++)
            column[v] = *(const weir_vf *)(w + v * WEIR_FLOATS);
        for (int i = 0; i < tile; i++) {
            weir_vf value = weir_vf_all(x[i][k]);
            for (int v = 0; v < side; v++)
                sum[i][v] = weir_vf_fused(value, column[v], sum[i][v]);
        }
    }
    put_sums(sum, out, width, tile, side);
}

INLINE void sparse_tile(const float *const *x, const uint64_t *const *some, size_t depth, const float *w, size_t width,
                        float *out, const float *const *ahead, int tile, int side)
{
    weir_vf sum[FEW][SIDE];
    for (int i = 0; ahead && i < tile; i++)
        for (size_t k = 0; k < depth; k += 16)
            __builtin_prefetch(ahead[i] + k, 0, 2); /* the first cache is for w */
    take_sums(sum, out, width, tile, side);
    for (size_t word = 0; word * 64 < depth; word++) {
        uint64_t any = some[0][word];
        for (int i = 1; i < tile; i++)
            any |= some[i][word];
        for (; any; any &= any - 1) {
            size_t k = word * 64 + (size_t)__builtin_ctzll(any);
            const float *row = w + k * width;
            weir_vf column[SIDE];
            for (int v = 0; v < side; v++)
                column[v] = *(const weir_vf *)(row + v * WEIR_FLOATS);
            for (int i = 0; i < tile; i++) {
                weir_vf value = weir_vf_all(x[i][k]);
                for (int v = 0; v < side; v++)
                    sum[i][v] = weir_vf_fused(value, column[v], sum[i][v]);
            }
        }
    }
    put_sums(sum, out, width, tile, side);
}

INLINE void outer_tile(const float *const *x, const float *const *e, size_t rows, size_t at, size_t width, float *g, int tile,
                       int side)
{
    weir_vf sum[TILE][SIDE];
    take_sums(sum, g, width, tile, side);
    for (size_t r = 0; r < rows; r++) {
        weir_vf part[SIDE];
        for (int v = 0; v < side; v++)
            part[v] = *(const weir_vf *)(e[r] + at + v * WEIR_FLOATS);
        for (int i = 0; i < tile; i++) {
            weir_vf value = weir_vf_all(x[r][i]);
            for (int v = 0; v < side; v++)
                sum[i][v] = weir_vf_fused(value, part[v], sum[i][v]);
        }
    }
    put_sums(sum, g, width, tile, side);
}

/* The vectors of a width in even parts of at most SIDE. */
INLINE int part_of(size_t vectors)
{
    size_t parts = (vectors + SIDE - 1) / SIDE;
    return (int)((vectors + parts - 1) / parts);
}

/* Calls with constants, so that the tile is unrolled into registers. */
#ifdef __AVX512F__
#define WITH_SIDE(side, call)                                                                                                    \
    switch (side) {                                                                                                              \
    case 7:                                                                                                                      \
        call(7);                                                                                                                 \
        break;                                                                                                                   \
    case 6:                                                                                                                      \
        call(6);                                                                                                                 \
        break;                                                                                                                   \
    case 5:                                                                                                                      \
        call(5);                                                                                                                 \
        break;                                                                                                                   \
    case 4:                                                                                                                      \
        call(4);                                                                                                                 \
        break;                                                                                                                   \
    case 3:                                                                                                                      \
        call(3);                                                                                                                 \
        break;                                                                                                                   \
    case 2:                                                                                                                      \
        call(2);                                                                                                                 \
        break;                                                                                                                   \
    default:                                                                                                                     \
        call(1);                                                                                                                 \
    }
#else
#define WITH_SIDE(side, call)                                                                                                    \
    if ((side) == 2) {                                                                                                           \
        call(2);                                                                                                                 \
    } else {                                                                                                                     \
        call(1);                                                                                                                 \
    }
#endif

static void product(const float *const *x, size_t rows, size_t depth, const float *w, size_t width, float *out,
                    const float *const *ahead)
{
    size_t vectors = width / WEIR_FLOATS;
    int side = 0;
    for (size_t v = 0; v < vectors; v += (size_t)side) {
        side = part_of(vectors - v);
        size_t at = v * WEIR_FLOATS, r = 0;
        for (; r + TILE <= rows; r += TILE) {
            const float *const *next = ahead && !v ? ahead + r : NULL;
#define CALL(n) product_tile(x + r, depth, w + at, width, out + r * width + at, next, TILE, n)
            WITH_SIDE(side, CALL)
#undef CALL
        }
        for (; r < rows; r++) {
#define CALL(n) product_tile(x + r, depth, w + at, width, out + r * width + at, NULL, 1, n)
            WITH_SIDE(side, CALL)
#undef CALL
        }
    }
}

static void sparse(const float *const *x, const uint64_t *const *some, size_t rows, size_t depth, const float *w, size_t width,
                   float *out, const float *const *ahead)
{
    size_t vectors = width / WEIR_FLOATS;
    int side = 0;
    for (size_t v = 0; v < vectors; v += (size_t)side) {
        side = part_of(vectors - v);
        size_t at = v * WEIR_FLOATS, r = 0;
        for (; r + FEW <= rows; r += FEW) {
            const float *const *next = ahead && !v ? ahead + r : NULL;
#define CALL(n) sparse_tile(x + r, some + r, depth, w + at, width, out + r * width + at, next, FEW, n)
            WITH_SIDE(side, CALL)
#undef CALL
        }
        for (; r < rows; r++) {
#define CALL(n) sparse_tile(x + r, some + r, depth, w + at, width, out + r * width + at, NULL, 1, n)
            WITH_SIDE(side, CALL)
#undef CALL
        }
    }
}

/* Moves the rows' pointers to the tile's first column. */
static void outer_columns(const float *const *x, const float *const *e, size_t rows, size_t column, size_t width, float *g,
                          int tile)
{
    const float *shifted[256];
    size_t vectors = width / WEIR_FLOATS;
    for (size_t first = 0; first < rows; first += 256) {
        size_t some = rows - first < 256 ? rows - first : 256;
        int side = 0;
        for (size_t r = 0; r < some; r++)
            shifted[r] = x[first + r] + column;
        for (size_t v = 0; v < vectors; v += (size_t)side) {
            side = part_of(vectors - v);
            size_t at = v * WEIR_FLOATS;
            if (tile == TILE) {
#define CALL(n) outer_tile(shifted, e + first, some, at, width, g + at, TILE, n)
                WITH_SIDE(side, CALL)
#undef CALL
            } else {
#define CALL(n) outer_tile(shifted, e + first, some, at, width, g + at, 1, n)
                WITH_SIDE(side, CALL)
#undef CALL
            }
        }
    }
}

static void outer(const float *const *x, const float *const *e, size_t rows, size_t depth, size_t width, float *g)
{
    size_t k = 0;
    for (; k + TILE <= depth; k += TILE)
        outer_columns(x, e, rows, k, width, g + k * width, TILE);
    for (; k < depth; k++)
        outer_columns(x, e, rows, k, width, g + k * width, 1);
}

enum { PARTS = WEIR_MATRIX_LANES / WEIR_DOUBLES, EIGHT = 8 / WEIR_DOUBLES };

INLINE weir_vd widen(const float *x)
{
    return __builtin_convertvector(*(const weir_vh *)x, weir_vd);
}

enum { GRAM = 4, PAIR = 2 };

/* `tile` rows of h times PAIR vectors. */
INLINE void gram_tile(const float *const *x, size_t rows, size_t column, size_t at, size_t width, double *h, int tile)
{
    weir_vd sum[GRAM][PAIR];
    for (int i = 0; i < tile; i++)
        for (int v = 0; v < PAIR; v++)
            sum[i][v] = *(const weir_vd *)(h + (size_t)i * width + at + v * WEIR_DOUBLES);
    for (size_t r = 0; r < rows; r++) {
        weir_vd part[PAIR];
        for (int v = 0; v < PAIR; v++)
            part[v] = widen(x[r] + at + v * WEIR_DOUBLES);
        for (int i = 0; i < tile; i++)
            for (int v = 0; v < PAIR; v++)
                sum[i][v] += part[v] * (double)x[r][column + (size_t)i];
    }
    for (int i = 0; i < tile; i++)
        for (int v = 0; v < PAIR; v++)
            *(weir_vd *)(h + (size_t)i * width + at + v * WEIR_DOUBLES) = sum[i][v];
}

static void gram(const float *const *x, size_t rows, size_t depth, size_t width, double *h)
{
    size_t k = 0;
    for (; k + GRAM <= depth; k += GRAM)
        for (size_t at = k / WEIR_MATRIX_LANES * WEIR_MATRIX_LANES; at < width; at += PAIR * WEIR_DOUBLES)
            gram_tile(x, rows, k, at, width, h + k * width, GRAM);
    for (; k < depth; k++)
        for (size_t at = k / WEIR_MATRIX_LANES * WEIR_MATRIX_LANES; at < width; at += PAIR * WEIR_DOUBLES)
            gram_tile(x, rows, k, at, width, h + k * width, 1);
}

static void dots(const float *x, size_t rows, size_t stride, const double *w, double *out)
{
    for (size_t r = 0; r < rows; r++, x += stride) {
        weir_vd sum[PARTS] = {0};
        for (size_t k = 0; k < stride; k += WEIR_MATRIX_LANES)
            for (int p = 0; p < PARTS; p++)
                sum[p] += widen(x + k + p * WEIR_DOUBLES) * *(const weir_vd *)(w + k + p * WEIR_DOUBLES);
        for (int p = 0; p < EIGHT; p++)
            sum[p] += sum[p + EIGHT];
        out[r] = weir_sum8(sum);
    }
}

static void combine(const float *x, size_t rows, size_t stride, const double *share, double *sum)
{
    for (size_t r = 0; r < rows; r++, x += stride)
        for (size_t k = 0; share[r] != 0 && k < stride; k += WEIR_DOUBLES)
            *(weir_vd *)(sum + k) += widen(x + k) * share[r];
}

const struct weir_matrix_kernels WEIR_VARIANT_OF(weir_matrix) = {product, sparse, outer, gram, dots, combine};
