/* AVX-512 (F, BW, VL, DQ): 64 rows a comparison. Compiled with its own flags; called only on CPUs that have them. Compiled once
 * more for CPUs that also permute bytes (VBMI) and turn 8x8 bits round (GFNI): they look up 64 leaves at a time. */
#include <immintrin.h>
#include <string.h>

#include "model/gather.h"
#include "model/kernel.h"
#include "model/kernel_few.h"
#include "model/kernel_search.h"

/* -- planes -- */

/* 4 x 16 numbers to 64 bytes, saturated. The rows of a block stand in an order of their own: byte 16 i + 4 j + k is row
 * 16 j + 4 i + k, as packing leaves it; what is looked up for them comes out in order again. */
static inline __m512i pack(const __m512i part[4])
{
    return _mm512_packus_epi16(_mm512_packus_epi32(part[0], part[1]), _mm512_packus_epi32(part[2], part[3]));
}

static inline __attribute__((always_inline)) void search64(const float *e, unsigned steps, const float *x, __m512i k[4])
{
#pragma GCC unroll 4
    for (int i = 0; i < 4; i++)
        k[i] = weir_search_top(e, steps, _mm512_loadu_ps(x + 16 * i));
}

/* The first eight levels, or all. */
static void search_top(const float *e, unsigned steps, const float *x, __m512i k[4])
{
    switch (steps) {
    case 4:
        search64(e, 4, x, k);
        break;
    case 5:
        search64(e, 5, x, k);
        break;
    case 6:
        search64(e, 6, x, k);
        break;
    case 7:
        search64(e, 7, x, k);
        break;
    default:
        search64(e, 8, x, k);
    }
}

/* The other levels, for `count` vectors side by side, and from places to numbers. */
static inline __attribute__((always_inline)) void search_rest(const float *e, unsigned steps, const float *x, size_t count,
                                                              __m512i *k)
{
    for (unsigned s = 8; s < steps; s++)
        for (size_t i = 0; i < count; i++)
            k[i] = weir_search_step(k[i], _mm512_loadu_ps(x + 16 * i), weir_gather_ps(k[i], e));
    for (size_t i = 0; i < count; i++)
        k[i] = _mm512_sub_epi32(_mm512_set1_epi32((2 << steps) - 1), k[i]);
}

/* 64 values of a column to its planes, which are `gap` bytes apart. */
static void bin_column(const struct weir_plan *plan, const struct weir_search *s, const float *x, size_t gap, uint8_t *planes)
{
    __m512i bin[4];
    search_top(plan->table + s->table, s->steps, x, bin);
    search_rest(plan->table + s->table, s->steps, x, 4, bin);
    const __m512i most = _mm512_set1_epi32((int)plan->kernel->bins);
    if (s->single) {
        for (int i = 0; i < 4 && !s->plain; i++) {
            __m512 v = _mm512_loadu_ps(x + 16 * i);
            bin[i] = _mm512_mask_mov_epi32(bin[i], _mm512_cmp_ps_mask(v, v, _CMP_UNORD_Q), most);
        }
        _mm512_store_si512(planes, pack(bin));
        return;
    }
    __m512i part[4];
    __mmask64 missing, zero;
    for (unsigned i = 0; s->plain && i < s->planes; i++, planes += gap) {
        for (int k = 0; k < 4; k++)
            part[k] = _mm512_min_epi32(_mm512_subs_epu16(bin[k], _mm512_set1_epi32(plan->plane[s->plane + i].below)), most);
        _mm512_store_si512(planes, pack(part));
    }
    if (s->plain)
        return;
    for (int i = 0; i < 4; i++) {
        __m512 v = _mm512_loadu_ps(x + 16 * i);
        part[i] = _mm512_maskz_mov_epi32(_mm512_cmp_ps_mask(v, v, _CMP_UNORD_Q), _mm512_set1_epi32(255));
    }
    missing = _mm512_movepi8_mask(pack(part));
    for (int i = 0; i < 4; i++) {
        __m512 size = _mm512_abs_ps(_mm512_loadu_ps(x + 16 * i));
        part[i] = _mm512_maskz_mov_epi32(_mm512_cmp_ps_mask(size, _mm512_set1_ps(WEIR_FOREST_ZERO), _CMP_LE_OQ),
                                         _mm512_set1_epi32(255));
    }
    zero = _mm512_movepi8_mask(pack(part));
    for (unsigned i = 0; i < s->planes; i++, planes += gap) {
        const struct weir_plane *p = &plan->plane[s->plane + i];
        if (p->kind == WEIR_SPLIT_SET) {
            for (unsigned r = 0; r < WEIR_BLOCK; r++)
                planes[r] = weir_plane_byte(plan, p, x[r / 4 % 4 * 16 + r / 16 * 4 + r % 4], 0);
            continue;
        }
        for (int k = 0; k < 4; k++)
            part[k] = _mm512_min_epi32(_mm512_subs_epu16(bin[k], _mm512_set1_epi32(p->below)), most);
        __mmask64 gone = p->kind == WEIR_SPLIT_ZERO ? missing | zero : missing;
        __m512i side = _mm512_set1_epi8(p->missing_right ? (char)plan->kernel->bins : 0);
        _mm512_store_si512(planes, _mm512_mask_blend_epi8(gone, pack(part), side));
    }
}

/* The four columns from `first` on (fewer at the end) of a row-major block's rows, to [column][64 rows]. */
static inline void fill_tile(const struct weir_plan *plan, const struct weir_values *v, size_t block, size_t first, float *tile,
                             size_t gap)
{
    const float *x = v->x + block * WEIR_BLOCK * v->row_step + first;
    size_t rows = v->rows - block * WEIR_BLOCK, columns = plan->forest->columns - first;
    columns = columns < 4 ? columns : 4;
    if (rows >= WEIR_BLOCK && columns == 4)
        for (size_t r = 0; r < WEIR_BLOCK; r += 16)
            weir_transpose(x + r * v->row_step, v->row_step, 16, 4, tile + r, gap);
    else
        for (size_t r = 0; r < WEIR_BLOCK && r < rows; r += 16)
            weir_transpose(x + r * v->row_step, v->row_step, rows - r, columns, tile + r, gap);
}

static void fill_planes(const struct weir_plan *plan, const struct weir_values *v, unsigned blocks, uint8_t *planes)
{
    size_t gap = (size_t)blocks * WEIR_BLOCK;
    if (v->column_step != 1) { /* feature-major: one block */
        for (size_t i = 0; i < plan->searches; i++) {
            const struct weir_search *s = &plan->search[i];
            bin_column(plan, s, v->x + v->index[s->column] * v->column_step, gap, planes + s->plane * gap);
        }
        return;
    }
    _Alignas(64) float tile[4 * WEIR_BLOCK];
    for (unsigned b = 0; b < blocks && b * WEIR_BLOCK < v->rows; b++) {
        /* the next block, or what may stand behind the rows */
        const char *next = (const char *)(v->x + (b + 1) * WEIR_BLOCK * v->row_step);
        for (size_t i = 0; i < plan->searches;) {
            for (int k = 0; k < 16; k++, next += 64)
                __builtin_prefetch(next);
            size_t first = plan->search[i].column & ~(size_t)3;
            fill_tile(plan, v, b, first, tile, WEIR_BLOCK);
            for (; i < plan->searches && plan->search[i].column < first + 4; i++) {
                const struct weir_search *s = &plan->search[i];
                bin_column(plan, s, tile + (size_t)(s->column - first) * WEIR_BLOCK, gap,
                           planes + s->plane * gap + b * WEIR_BLOCK);
            }
        }
    }
}

/* Codes of a column for all the chunk's rows, `n` vectors; says whether one is WEIR_CODE_MISSING. */
static bool code_column(const struct weir_plan *plan, const struct weir_code *code, const float *x, size_t n, __m512i *bin)
{
    const float *table = plan->code_table + code->table;
    const __m128i shift = _mm_cvtsi32_si128(16 - (int)plan->code_bits);
    __mmask16 gone = 0;
    for (size_t i = 0; i < n; i += 4)
        search_top(table, code->steps, x + 16 * i, bin + i);
    search_rest(table, code->steps, x, n, bin);
    for (size_t i = 0; i < n; i++) {
        __m512 value = _mm512_loadu_ps(x + 16 * i);
        __mmask16 missing = code->missing ? _mm512_cmp_ps_mask(value, value, _CMP_UNORD_Q) : 0;
        bin[i] = _mm512_mask_mov_epi32(_mm512_sll_epi32(bin[i], shift), missing, _mm512_set1_epi32(code->missing));
        gone |= missing;
    }
    return gone && code->missing == WEIR_CODE_MISSING;
}

/* Column by column: their search trees are large. Codes go to the rows by two. */
static bool fill_codes(const struct weir_plan *plan, const struct weir_values *v, uint16_t *codes)
{
    const __m512i lane = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    const __m512i step = _mm512_mullo_epi32(lane, _mm512_set1_epi32((int)plan->row_codes / 2));
    const size_t blocks = (v->rows + WEIR_BLOCK - 1) / WEIR_BLOCK, n = 4 * blocks;
    _Alignas(64) float tile[4 * WEIR_CHUNK];
    __m512i bin[2][WEIR_CHUNK / 16] = {0}; /* when the number of columns is odd, the last one has none beside it */
    size_t first = SIZE_MAX;
    bool missing = false;
    for (size_t i = 0; i < plan->codes; i++) {
        const struct weir_code *code = &plan->code[i];
        const float *x = v->x + v->index[code->column] * v->column_step;
        if (v->column_step == 1) {
            if (first != (code->column & ~(size_t)3)) {
                first = code->column & ~(size_t)3;
                for (size_t b = 0; b < blocks; b++)
                    fill_tile(plan, v, b, first, tile + b * WEIR_BLOCK, blocks * WEIR_BLOCK);
            }
            x = tile + (code->column - first) * blocks * WEIR_BLOCK;
        }
        missing |= code_column(plan, code, x, n, bin[i % 2]);
        if (i % 2 == 0 && i + 1 < plan->codes)
            continue;
        uint16_t *to = codes + i / 2 * 2;
        for (size_t k = 0; 16 * k < v->rows; k++, to += 16 * plan->row_codes)
            _mm512_i32scatter_epi32(to, step, _mm512_or_si512(bin[0][k], _mm512_slli_epi32(bin[1][k], 16)), 4);
    }
    return missing;
}

/* -- trees -- */

/* Two ways for a mask to memory: taken in turns, neither holds up the comparisons. */
static inline void keep(uint64_t *result, __mmask64 mask, bool through_register)
{
    uint64_t bits = mask;
    if (through_register)
        __asm__("" : "+r"(bits));
    *result = bits;
}

static inline __attribute__((always_inline)) void answer(const struct weir_test *test, size_t count, unsigned blocks,
                                                         const uint8_t *planes, uint64_t *results)
{
    for (size_t same; count; count -= same, test += same) {
        const uint8_t *plane = planes + (size_t)test->plane * blocks * WEIR_BLOCK;
        __m512i bytes[8];
        same = test->same;
        for (unsigned b = 0; b < blocks; b++)
            bytes[b] = _mm512_load_si512(plane + b * WEIR_BLOCK);
        size_t i = 0;
        for (; blocks == 1 && i + 8 <= same; i += 8, results += 8)
#pragma GCC unroll 8
            for (size_t k = 0; k < 8; k++)
                keep(results + k, _mm512_cmpge_epu8_mask(bytes[0], _mm512_set1_epi32((int)test[i + k].bin)), k % 2);
        for (; i < same; i++, results += blocks) {
            __m512i bin = _mm512_set1_epi32((int)test[i].bin);
            for (unsigned b = 0; b < blocks; b++)
                keep(results + b, _mm512_cmpge_epu8_mask(bytes[b], bin), (b + i) % 2);
        }
    }
}

static void tests(const struct weir_test *test, size_t count, unsigned blocks, const uint8_t *planes, uint64_t *results)
{
    if (blocks == 8)
        answer(test, count, 8, planes, results);
    else if (blocks == 4)
        answer(test, count, 4, planes, results);
    else
        answer(test, count, 1, planes, results);
}

/* Numbers of rows 16 j to 16 j + 15, out of a block's: the bytes 4 j to 4 j + 3 of each quarter. */
static inline __m512i widen(__m512i number, int j)
{
    const __m128i bytes = _mm_setr_epi8(0, -1, -1, -1, 1, -1, -1, -1, 2, -1, -1, -1, 3, -1, -1, -1);
    const __m512i low = _mm512_broadcast_i32x4(bytes);
    return _mm512_shuffle_epi8(number, _mm512_or_si512(low, _mm512_set1_epi32(4 * j)));
}

#ifdef __AVX512VBMI__
static inline __m512i two_bytes(const uint8_t *leaf, __m512i number)
{
    return _mm512_permutex2var_epi8(_mm512_load_si512(leaf), number, _mm512_load_si512(leaf + 256));
}

/* One byte of the leaves' values. */
static inline __attribute__((always_inline)) __m512i look_up_byte(const uint8_t *leaf, unsigned leaves, __m512i number)
{
    if (leaves <= 64)
        return _mm512_permutexvar_epi8(number, _mm512_load_si512(leaf));
    if (leaves <= 128)
        return two_bytes(leaf, number);
    return _mm512_mask_blend_epi8(_mm512_movepi8_mask(number), two_bytes(leaf, number), two_bytes(leaf + 512, number));
}

/* A table for each byte of the values; unpacking sets the bytes together, and the rows in order. */
static inline __attribute__((always_inline)) void look_up_all(const uint8_t *leaf, unsigned leaves, __m512i number,
                                                              __m512 value[4])
{
    __m512i a = look_up_byte(leaf, leaves, number), b = look_up_byte(leaf + 64, leaves, number);
    __m512i c = look_up_byte(leaf + 128, leaves, number), d = look_up_byte(leaf + 192, leaves, number);
    __m512i low[2] = {_mm512_unpacklo_epi8(a, b), _mm512_unpackhi_epi8(a, b)};
    __m512i high[2] = {_mm512_unpacklo_epi8(c, d), _mm512_unpackhi_epi8(c, d)};
    for (int i = 0; i < 2; i++) {
        value[2 * i] = _mm512_castsi512_ps(_mm512_unpacklo_epi16(low[i], high[i]));
        value[2 * i + 1] = _mm512_castsi512_ps(_mm512_unpackhi_epi16(low[i], high[i]));
    }
}
#endif

/* Adds the leaves with these numbers. */
static inline __attribute__((always_inline)) void add_numbers(const struct weir_plan *plan, const struct weir_piece *p,
                                                              __m512i number, size_t b, enum weir_output output, void *out)
{
    if (output == WEIR_OUTPUT_NUMBER) {
        _mm512_store_si512((uint8_t *)out + b * WEIR_BLOCK, number);
        return;
    }
#ifdef __AVX512VBMI__
    if (output == WEIR_OUTPUT_FLOAT32) {
        const uint8_t *leaf = plan->leaf_byte + 4 * (size_t)p->leaf;
        float *sum = (float *)out + b * WEIR_BLOCK;
        __m512 value[4];
        if (p->leaves <= 64)
            look_up_all(leaf, 64, number, value);
        else if (p->leaves <= 128)
            look_up_all(leaf, 128, number, value);
        else
            look_up_all(leaf, 256, number, value);
        for (int j = 0; j < 4; j++)
            _mm512_store_ps(sum + 16 * j, _mm512_add_ps(_mm512_load_ps(sum + 16 * j), value[j]));
        return;
    }
#endif
#pragma GCC unroll 4
    for (int j = 0; j < 4; j++) {
        __m512i n = widen(number, j);
        size_t at = b * WEIR_BLOCK + 16 * (size_t)j;
        if (output == WEIR_OUTPUT_FLOAT32) {
            float *sum = (float *)out + at;
            const float *leaf = plan->leaf + p->leaf;
            __m512 value = p->leaves <= 64 ? weir_look_up(leaf, n) : weir_gather_ps(n, leaf);
            _mm512_store_ps(sum, _mm512_add_ps(_mm512_load_ps(sum), value));
        } else if (output == WEIR_OUTPUT_FLOAT64) {
            double *sum = (double *)out + at;
            const double *leaf = plan->leaf64 + p->leaf;
            __m512d low = weir_gather_pd(_mm512_castsi512_si256(n), leaf);
            __m512d high = weir_gather_pd(_mm512_extracti64x4_epi64(n, 1), leaf);
            _mm512_store_pd(sum, _mm512_add_pd(_mm512_load_pd(sum), low));
            _mm512_store_pd(sum + 8, _mm512_add_pd(_mm512_load_pd(sum + 8), high));
        } else {
            _mm512_store_si512((uint32_t *)out + at, weir_gather_epi32(n, plan->leaf_node + p->leaf));
        }
    }
}

/* The same from bit planes of the numbers, `step` masks apart. */
static inline __attribute__((always_inline)) void add_leaves(const struct weir_plan *plan, const struct weir_piece *p,
                                                             const uint64_t *mask, size_t step, unsigned bits, size_t b,
                                                             enum weir_output output, void *out)
{
    __m512i number = _mm512_maskz_set1_epi8(mask[0], 1);
    for (unsigned i = 1; i < bits; i++)
        number = _mm512_mask_add_epi8(number, mask[i * step], number, _mm512_set1_epi8((char)(1 << i)));
    add_numbers(plan, p, number, b, output, out);
}

typedef uint64_t lanes8 __attribute__((vector_size(64), may_alias));
typedef uint64_t lanes4 __attribute__((vector_size(32), may_alias));

#ifdef __AVX512VBMI__
/* From bit planes to numbers: the masks of a lane meet in a vector (qwords, then quarters are turned round), their bytes for the
 * same 8 rows in a qword; and 8x8 bits turned round are the numbers of 8 rows. */
static inline __attribute__((always_inline)) void numbers(const lanes8 *bit, unsigned bits, __m512i number[8])
{
    const __m512i zero = _mm512_setzero_si512(), unit = _mm512_set1_epi64((int64_t)0x8040201008040201);
    const __m512i bytes = _mm512_set_epi64(0x070f171f272f373f, 0x060e161e262e363e, 0x050d151d252d353d, 0x040c141c242c343c,
                                           0x030b131b232b333b, 0x020a121a222a323a, 0x0109111921293139, 0x0008101820283038);
    __m512i m[8], pair[2][4];
    for (unsigned k = 0; k < 8; k++)
        m[k] = k < bits ? (__m512i)bit[k] : zero;
    for (int k = 0; k < 4; k++) {
        pair[0][k] = _mm512_unpacklo_epi64(m[2 * k], m[2 * k + 1]); /* lanes 0, 2, 4, 6 */
        pair[1][k] = _mm512_unpackhi_epi64(m[2 * k], m[2 * k + 1]); /* 1, 3, 5, 7 */
    }
    for (int odd = 0; odd < 2; odd++) {
        const __m512i *q = pair[odd];
        __m512i a = _mm512_shuffle_i64x2(q[0], q[1], 0x88), b = _mm512_shuffle_i64x2(q[0], q[1], 0xdd);
        __m512i c = _mm512_shuffle_i64x2(q[2], q[3], 0x88), d = _mm512_shuffle_i64x2(q[2], q[3], 0xdd);
        __m512i lane[4] = {_mm512_shuffle_i64x2(a, c, 0x88), _mm512_shuffle_i64x2(b, d, 0x88), _mm512_shuffle_i64x2(a, c, 0xdd),
                           _mm512_shuffle_i64x2(b, d, 0xdd)};
        for (int k = 0; k < 4; k++)
            number[2 * k + odd] = _mm512_gf2p8affine_epi64_epi8(unit, _mm512_permutexvar_epi8(bytes, lane[k]), 0);
    }
}
#define NUMBERS
#endif

#define LANES                 8
#define BLOCKS                8
#define NAME(x)               x##_8
#define lanes                 lanes8
#define mux(right, a, b)      ((lanes8)_mm512_ternarylogic_epi64((__m512i)(right), (__m512i)(b), (__m512i)(a), 0xca))
#define answers(results, use) (*(const lanes8 *)(const void *)((results) + (size_t) * (use)*8))
#include "model/kernel_lanes.h"
#undef BLOCKS
#undef NAME
#undef answers

#define BLOCKS  1
#define NAME(x) x##_1
#define answers(results, use)                                                                                                    \
    ((lanes8)weir_gather_epi64(_mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i_u *)(const void *)(use))), results))
#include "model/kernel_lanes.h"
#undef LANES
#undef BLOCKS
#undef NAME
#undef lanes
#undef mux
#undef answers

#undef NUMBERS
#define LANES                 4
#define BLOCKS                4
#define NAME(x)               x##_4
#define lanes                 lanes4
#define mux(right, a, b)      ((lanes4)_mm256_ternarylogic_epi64((__m256i)(right), (__m256i)(b), (__m256i)(a), 0xca))
#define answers(results, use) (*(const lanes4 *)(const void *)((results) + (size_t) * (use)*4))
#include "model/kernel_lanes.h"

static inline __attribute__((always_inline)) void score_levels(const struct weir_plan *plan, const struct weir_piece *p,
                                                               unsigned levels, unsigned blocks, const uint8_t *planes,
                                                               enum weir_output output, void *out)
{
    const struct weir_test *test = plan->test + p->test;
    const uint8_t *plane[WEIR_OBLIVIOUS_DEPTH];
    __m512i bin[WEIR_OBLIVIOUS_DEPTH];
    for (unsigned i = 0; i < levels; i++) {
        plane[i] = planes + (size_t)test[i].plane * blocks * WEIR_BLOCK;
        bin[i] = _mm512_set1_epi32((int)test[i].bin);
    }
    for (size_t b = 0; b < blocks; b++) {
        __m512i number = _mm512_setzero_si512();
        for (unsigned i = 0; i < levels; i++) {
            __mmask64 right = _mm512_cmple_epu8_mask(bin[i], _mm512_load_si512(plane[i] + b * WEIR_BLOCK));
            number = _mm512_mask_add_epi8(number, right, number, _mm512_set1_epi8((char)(1 << (levels - 1 - i))));
        }
        add_numbers(plan, p, number, b, output, out);
    }
}

static void score_oblivious(const struct weir_plan *plan, size_t piece, size_t count, unsigned blocks, const uint8_t *planes,
                            enum weir_output output, void *out)
{
    for (; count; piece++, count--) {
        const struct weir_piece *p = plan->piece + piece;
        if (p->tests == 6)
            score_levels(plan, p, 6, blocks, planes, output, out);
        else
            score_levels(plan, p, p->tests, blocks, planes, output, out);
    }
}

/* 64 rows walk together, 16 a vector, until all are in a leaf: four vectors, so that their loads overlap. */
static void score_walk(const struct weir_plan *plan, size_t piece, size_t count, const struct weir_values *v,
                       enum weir_output output, void *out)
{
    const struct weir_forest *f = plan->forest;
    const __m512i columns = _mm512_set1_epi32((1 << (plan->shift - 1)) - 1), one = _mm512_set1_epi32(1);
    const __m512i thresholds = _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
    const __m512i nexts = _mm512_add_epi32(thresholds, one);
    const __m512i lane = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    const __m128i shift = _mm_cvtsi32_si128((int)plan->shift);
    int32_t offsets[WEIR_OFFSETS];
    const int32_t *offset = weir_walk_offsets(plan, v, offsets);
    for (; count; piece++, count--) {
        const struct weir_piece *p = plan->piece + piece;
        const struct weir_node *nodes = plan->node + p->node;
        const uint32_t first = f->first[p->tree];
        for (size_t r = 0; r < v->rows; r += WEIR_BLOCK) {
            const float *x = v->x + r * v->row_step;
            __m512i at[4], row[4];
            const __m512i last = _mm512_set1_epi32((int)(v->rows - r) - 1), row_step = _mm512_set1_epi32((int)v->row_step);
            for (int i = 0; i < 4; i++) {
                at[i] = _mm512_setzero_si512();
                row[i] = _mm512_add_epi32(lane, _mm512_set1_epi32(16 * i));
                row[i] = _mm512_mullo_epi32(_mm512_min_epi32(row[i], last), row_step);
            }
            for (__mmask16 moved = 1; moved;) {
                moved = 0;
#pragma GCC unroll 4
                for (int i = 0; i < 4; i++) {
                    __m512i a = weir_gather_epi64(_mm512_castsi512_si256(at[i]), nodes);
                    __m512i b = weir_gather_epi64(_mm512_extracti64x4_epi64(at[i], 1), nodes);
                    __m512 threshold = _mm512_castsi512_ps(_mm512_permutex2var_epi32(a, thresholds, b));
                    __m512i next = _mm512_permutex2var_epi32(a, nexts, b);
                    __m512i column = _mm512_and_si512(_mm512_srli_epi32(next, 1), columns);
                    if (offset)
                        column = weir_gather_epi32(column, offset);
                    __m512 value = weir_gather_ps(_mm512_add_epi32(column, row[i]), x);
                    __mmask16 right = _mm512_cmp_ps_mask(value, threshold, _CMP_GE_OQ);
                    right |= _mm512_mask_cmp_ps_mask(_mm512_test_epi32_mask(next, one), value, value, _CMP_UNORD_Q);
                    next = _mm512_srl_epi32(next, shift);
                    next = _mm512_mask_add_epi32(next, right, next, one);
                    moved |= _mm512_cmpneq_epi32_mask(next, at[i]);
                    at[i] = next;
                }
            }
            for (int i = 0; i < 4; i++) {
                __m512i node = _mm512_add_epi32(at[i], _mm512_set1_epi32((int)first));
                if (output == WEIR_OUTPUT_FLOAT32) {
                    float *sum = (float *)out + r + 16 * i;
                    _mm512_store_ps(sum, _mm512_add_ps(_mm512_load_ps(sum), weir_gather_ps(node, f->value)));
                } else if (output == WEIR_OUTPUT_FLOAT64) {
                    double *sum = (double *)out + r + 16 * i;
                    __m512i place = weir_gather_epi32(node, f->place);
                    __m512d low = weir_gather_pd(_mm512_castsi512_si256(place), f->leaf);
                    __m512d high = weir_gather_pd(_mm512_extracti64x4_epi64(place, 1), f->leaf);
                    _mm512_store_pd(sum, _mm512_add_pd(_mm512_load_pd(sum), low));
                    _mm512_store_pd(sum + 8, _mm512_add_pd(_mm512_load_pd(sum + 8), high));
                } else {
                    _mm512_store_si512((uint32_t *)out + r + 16 * i, node);
                }
            }
        }
    }
}

static void score_masks(const struct weir_plan *plan, unsigned depth, size_t piece, size_t count, const struct weir_chunk *chunk,
                        enum weir_output output, void *out)
{
    (chunk->blocks == 8   ? score_mask_8
     : chunk->blocks == 4 ? score_mask_4
                          : score_mask_1)(plan, depth, piece, count, chunk->results, output, out);
}

/* -- walking by codes -- */

enum { WALK_FIRST = 6, WALK_THEN = 3 }; /* levels between two looks at who has arrived: the first, the others */

/* 4 x 16 rows on their way through a tree. */
struct walkers {
    __m512i at[4];
    __m512i before[4], node[4]; /* at the last level: the place, and its word */
    __m512i row[4];             /* where the row's codes are */
};

static inline __attribute__((always_inline)) void walk_levels(const struct weir_plan *plan, const uint32_t *word,
                                                              const uint32_t *next, const uint8_t *side, const uint16_t *codes,
                                                              unsigned levels, struct walkers *w)
{
    const __m512i place_mask = _mm512_set1_epi32((int)(next ? 0xffff : (1u << plan->place_bits) - 1));
    const __m512i gone = _mm512_set1_epi32((int)((uint32_t)WEIR_CODE_MISSING << 16));
    const __m512i threshold = _mm512_set1_epi32((int)(UINT32_MAX << (32 - plan->code_bits)));
    const __m512i child = _mm512_set1_epi32((int)(((1u << plan->child_bits) - 1) << 1)), one = _mm512_set1_epi32(1);
    const __m128i shift = _mm_cvtsi32_si128((int)plan->place_bits - 1);
    for (unsigned level = 0; level < levels; level++)
#pragma GCC unroll 4
        for (int i = 0; i < 4; i++) {
            __m512i node = weir_gather_epi32(w->at[i], word);
            __m512i place = _mm512_add_epi32(_mm512_and_si512(node, place_mask), w->row[i]);
            /* the code and, below it, what stands before it */
            __m512i code = weir_gather_half(place, codes - 1);
            __mmask16 right = _mm512_cmpge_epu32_mask(code, _mm512_and_si512(node, threshold));
            if (side) {
                __mmask16 to_right = _mm512_test_epi32_mask(weir_gather_bytes(w->at[i], side), one);
                right &= (__mmask16)(to_right | _mm512_cmplt_epu32_mask(code, gone));
            }
            __m512i left = next ? weir_gather_epi32(w->at[i], next) : _mm512_and_si512(_mm512_srl_epi32(node, shift), child);
            w->before[i] = w->at[i];
            w->node[i] = node;
            w->at[i] = _mm512_mask_add_epi32(left, right, left, one);
        }
}

static inline __m512i choose(__m512i mask, __m512i ones, __m512i zeros)
{
    return _mm512_ternarylogic_epi32(mask, ones, zeros, 0xca);
}

/* A tree's leaves by row: their places, counted from its second node on; the bits in `valued` are of their words instead.
 * number: where the rows are below the top. */
static inline __attribute__((always_inline)) void walk_tree(const struct weir_plan *plan, const struct weir_piece *p,
                                                            const struct weir_chunk *chunk, size_t chunks, const uint8_t *number,
                                                            bool wide, bool missing, uint32_t valued, uint32_t *leaf)
{
    const __m512i lane = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    const __m512i step = _mm512_set1_epi32((int)plan->row_codes), of_word = _mm512_set1_epi32((int)valued);
    const size_t second = (size_t)plan->forest->first[p->tree] + 1;
    const uint32_t *word = plan->word + second, *next = wide ? plan->next + second : NULL, *entry = plan->entry + p->entry;
    const uint8_t *side = missing ? plan->right + second : NULL;
    const uint16_t *codes = chunk->codes;
    _Alignas(64) uint32_t at[WEIR_WALK_ROWS + WEIR_BLOCK], who[WEIR_WALK_ROWS + WEIR_BLOCK]; /* of those under way */
    /* the next tree's words come nearer meanwhile */
    const char *ahead = (const char *)(word + plan->forest->count[p->tree]);
    const size_t lines = plan->forest->count[p->tree] / 16 / (chunks * WEIR_BLOCKS) + 1;
    struct walkers w;
    size_t going = 0, first = 0;
    for (size_t c = 0; c < chunks; first += chunk[c].blocks * WEIR_BLOCK, c++)
        for (size_t r = first; r < first + chunk[c].values.rows; r += WEIR_BLOCK) {
            const __m512i end = _mm512_set1_epi32((int)(first + chunk[c].values.rows));
            for (size_t k = 0; k < lines; k++, ahead += 64)
                _mm_prefetch(ahead, _MM_HINT_T1);
            __m512i numbers = _mm512_load_si512(number + r);
            for (int i = 0; i < 4; i++) {
                w.at[i] = _mm512_castps_si512(weir_look_up((const float *)(const void *)entry, widen(numbers, i)));
                w.row[i] = _mm512_mullo_epi32(_mm512_add_epi32(lane, _mm512_set1_epi32((int)r + 16 * i)), step);
            }
            walk_levels(plan, word, next, side, codes, WALK_FIRST, &w);
#pragma GCC unroll 4
            for (int i = 0; i < 4; i++) {
                __m512i row = _mm512_add_epi32(lane, _mm512_set1_epi32((int)r + 16 * i));
                __mmask16 on = _mm512_mask_cmpneq_epi32_mask(_mm512_cmplt_epi32_mask(row, end), w.before[i], w.at[i]);
                _mm512_store_si512(leaf + r + 16 * (size_t)i, choose(of_word, w.node[i], w.at[i]));
                _mm512_storeu_si512(at + going, _mm512_maskz_compress_epi32(on, w.at[i]));
                _mm512_storeu_si512(who + going, _mm512_maskz_compress_epi32(on, row));
                going += (size_t)__builtin_popcount(on);
            }
        }
    for (size_t before; going;) {
        before = going;
        going = 0;
        for (size_t k = 0; k < before; k += WEIR_BLOCK) {
            __m512i row[4];
            __mmask16 some[4];
            for (int i = 0; i < 4; i++) {
                size_t from = k + 16 * (size_t)i;
                some[i] = before >= from + 16 ? 0xffff : before > from ? (__mmask16)((1u << (before - from)) - 1) : 0;
                w.at[i] = _mm512_maskz_loadu_epi32(some[i], at + from);
                row[i] = _mm512_maskz_loadu_epi32(some[i], who + from);
                w.row[i] = _mm512_mullo_epi32(row[i], step);
            }
            walk_levels(plan, word, next, side, codes, WALK_THEN, &w);
#pragma GCC unroll 4
            for (int i = 0; i < 4; i++) {
                __mmask16 on = _mm512_mask_cmpneq_epi32_mask(some[i], w.before[i], w.at[i]);
                _mm512_mask_i32scatter_epi32(leaf, some[i] & (__mmask16)~on, row[i], choose(of_word, w.node[i], w.at[i]), 4);
                _mm512_storeu_si512(at + going, _mm512_maskz_compress_epi32(on, w.at[i]));
                _mm512_storeu_si512(who + going, _mm512_maskz_compress_epi32(on, row[i]));
                going += (size_t)__builtin_popcount(on);
            }
        }
    }
}

/* Adds a tree's leaves. */
static inline void add_walked(const struct weir_plan *plan, size_t second, const uint32_t *leaf, size_t rows,
                              enum weir_output output, void *out)
{
    for (size_t r = 0; r < rows; r += 16) {
        __m512i at = _mm512_load_si512(leaf + r);
        if (output == WEIR_OUTPUT_FLOAT64) {
            double *sum = (double *)out + r;
            const double *value = plan->leaf_value ? plan->leaf_value : plan->leaf_at + second;
            __m512d low, high;
            if (plan->leaves_few) { /* the lowest four bits are looked at */
                __m512d a = _mm512_load_pd(value), b = _mm512_load_pd(value + 8);
                low = _mm512_permutex2var_pd(a, _mm512_cvtepu32_epi64(_mm512_castsi512_si256(at)), b);
                high = _mm512_permutex2var_pd(a, _mm512_cvtepu32_epi64(_mm512_extracti64x4_epi64(at, 1)), b);
            } else {
                if (plan->leaf_value)
                    at = _mm512_srli_epi32(weir_gather_half(at, plan->leaf_of + second - 1), 16);
                low = weir_gather_pd(_mm512_castsi512_si256(at), value);
                high = weir_gather_pd(_mm512_extracti64x4_epi64(at, 1), value);
            }
            _mm512_store_pd(sum, _mm512_add_pd(_mm512_load_pd(sum), low));
            _mm512_store_pd(sum + 8, _mm512_add_pd(_mm512_load_pd(sum + 8), high));
        } else if (output == WEIR_OUTPUT_FLOAT32) {
            float *sum = (float *)out + r;
            _mm512_store_ps(sum, _mm512_add_ps(_mm512_load_ps(sum), weir_gather_ps(at, plan->forest->value + second)));
        } else {
            _mm512_store_si512((uint32_t *)out + r, _mm512_add_epi32(at, _mm512_set1_epi32((int)second)));
        }
    }
}

static void walk(const struct weir_plan *plan, const struct weir_run *run, size_t piece, const struct weir_chunk *chunk,
                 size_t chunks, uint64_t *results, enum weir_output output, void *out, size_t step)
{
    const struct weir_piece *p = plan->piece + piece;
    const struct weir_batch *batch = plan->batch + run->batch + (piece - run->piece);
    const size_t second = (size_t)plan->forest->first[p->tree] + 1;
    _Alignas(64) uint8_t number[WEIR_WALK_ROWS];
    _Alignas(64) uint32_t leaf[WEIR_WALK_ROWS];
    const uint32_t valued = plan->leaves_few && output == WEIR_OUTPUT_FLOAT64 ? WEIR_LEAVES_FEW - 1 : 0;
    bool missing = false;
    for (size_t c = 0, first = 0; c < chunks; first += chunk[c].blocks * WEIR_BLOCK, c++) {
        tests(plan->test + batch->test, batch->tests, chunk[c].blocks, chunk[c].planes, results);
        score_masks(plan, WEIR_TOP_DEPTH, piece, 1, &chunk[c], WEIR_OUTPUT_NUMBER, number + first);
        missing |= chunk[c].missing;
    }
    if (plan->wide && missing)
        walk_tree(plan, p, chunk, chunks, number, true, true, valued, leaf);
    else if (plan->wide)
        walk_tree(plan, p, chunk, chunks, number, true, false, valued, leaf);
    else if (missing)
        walk_tree(plan, p, chunk, chunks, number, false, true, valued, leaf);
    else
        walk_tree(plan, p, chunk, chunks, number, false, false, valued, leaf);
    for (size_t c = 0, first = 0; c < chunks; first += chunk[c].blocks * WEIR_BLOCK, c++)
        add_walked(plan, second, leaf + first, chunk[c].values.rows, output, (char *)out + c * step);
}

static void score(const struct weir_plan *plan, const struct weir_run *run, size_t piece, size_t count,
                  const struct weir_chunk *chunk, enum weir_output output, void *out)
{
    const struct weir_values *v = &chunk->values;
    unsigned blocks = chunk->blocks;
    if (run->form == WEIR_FORM_OBLIVIOUS)
        score_oblivious(plan, piece, count, blocks, chunk->planes, output, out);
    else if (run->form == WEIR_FORM_WALK && !weir_walk_fits(plan, v))
        weir_few_score(plan, run, piece, count, chunk, output, out);
    else if (run->form == WEIR_FORM_WALK)
        score_walk(plan, piece, count, v, output, out);
    else if (run->form == WEIR_FORM_MASK)
        score_masks(plan, run->depth, piece, count, chunk, output, out);
    else
        (blocks == 8   ? score_reach_8
         : blocks == 4 ? score_reach_4
                       : score_reach_1)(plan, piece, count, chunk->results, output, out);
}

#ifdef __AVX512VBMI__
#define KERNEL      weir_kernel_avx512vbmi
#define KERNEL_NAME "avx512vbmi"
#define PACKS       .packs = true, .few_planes = weir_pack_planes, .few_score = weir_pack_score
#else
#define KERNEL      weir_kernel_avx512
#define KERNEL_NAME "avx512"
#define PACKS       .packs = false
#endif

const struct weir_kernel KERNEL = {.name = KERNEL_NAME,
                                   .forms = WEIR_FORM_MASK | WEIR_FORM_OBLIVIOUS | WEIR_FORM_REACH | WEIR_FORM_WALK,
                                   .bins = 255,
                                   .blocks = {8, 4, 1},
                                   .few = 7,
                                   .planes = fill_planes,
                                   .codes = fill_codes,
                                   .walk = walk,
                                   .tests = tests,
                                   .score = score,
                                   PACKS};
