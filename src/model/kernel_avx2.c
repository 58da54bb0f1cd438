/* AVX2: 32 rows a comparison. Compiled with its own flags; called only on CPUs that have them. */
#include <immintrin.h>
#include <string.h>

#include "model/kernel.h"
#include "model/kernel_few.h"

/* -- planes -- */

static inline __attribute__((always_inline)) __m128 quarter(const float *x, size_t columns)
{
    if (columns == 4)
        return _mm_loadu_ps(x);
    return _mm_maskload_ps(x, _mm_setr_epi32(-1, columns > 1 ? -1 : 0, columns > 2 ? -1 : 0, 0));
}

/* 4 columns of 8 rows, rows `step` floats apart (rows past the last one repeat it), to [column][64 rows]. */
static inline __attribute__((always_inline)) void transpose(const float *x, size_t step, size_t rows, size_t columns, float *out)
{
    __m256 r[4];
    for (size_t k = 0; k < 4; k++) {
        __m128 low = quarter(x + (k < rows ? k : rows - 1) * step, columns);
        r[k] =
            _mm256_insertf128_ps(_mm256_castps128_ps256(low), quarter(x + (4 + k < rows ? 4 + k : rows - 1) * step, columns), 1);
    }
    __m256d a = _mm256_castps_pd(_mm256_unpacklo_ps(r[0], r[1])), b = _mm256_castps_pd(_mm256_unpackhi_ps(r[0], r[1]));
    __m256d c = _mm256_castps_pd(_mm256_unpacklo_ps(r[2], r[3])), d = _mm256_castps_pd(_mm256_unpackhi_ps(r[2], r[3]));
    _mm256_store_ps(out, _mm256_castpd_ps(_mm256_unpacklo_pd(a, c)));
    _mm256_store_ps(out + WEIR_BLOCK, _mm256_castpd_ps(_mm256_unpackhi_pd(a, c)));
    _mm256_store_ps(out + 2 * WEIR_BLOCK, _mm256_castpd_ps(_mm256_unpacklo_pd(b, d)));
    _mm256_store_ps(out + 3 * WEIR_BLOCK, _mm256_castpd_ps(_mm256_unpackhi_pd(b, d)));
}

static inline __m256i step(__m256i k, __m256 x, __m256 threshold)
{
    __m256i left = _mm256_castps_si256(_mm256_cmp_ps(x, threshold, _CMP_NGE_UQ));
    return _mm256_sub_epi32(_mm256_add_epi32(k, k), left);
}

/* Where 8 values end in the search tree. The first five levels are looked up in registers. */
static inline __attribute__((always_inline)) __m256i search(const float *e, unsigned steps, __m256 x)
{
    __m256 top = _mm256_load_ps(e), first = _mm256_cmp_ps(x, _mm256_broadcast_ss(e + 1), _CMP_NGE_UQ);
    __m256i k = _mm256_sub_epi32(_mm256_set1_epi32(2), _mm256_castps_si256(first));
    k = step(k, x, _mm256_permutevar8x32_ps(top, k));
    k = step(k, x, _mm256_permutevar8x32_ps(top, k));
    k = step(k, x, _mm256_permutevar8x32_ps(_mm256_load_ps(e + 8), k));
    if (steps > 4) {
        __m256 low = _mm256_permutevar8x32_ps(_mm256_load_ps(e + 16), k);
        k = step(k, x, _mm256_blendv_ps(low, _mm256_permutevar8x32_ps(_mm256_load_ps(e + 24), k), first));
    }
    for (unsigned i = 5; i < steps; i++)
        k = step(k, x, _mm256_i32gather_ps(e, k, 4));
    return _mm256_sub_epi32(_mm256_set1_epi32((2 << steps) - 1), k);
}

/* 4 x 8 numbers to 32 bytes, saturated. Rows stand in an order of their own: byte 16 i + 4 j + k is row 8 j + 4 i + k, as packing
 * leaves it; what is looked up for them comes out in order again. */
static inline __m256i pack(const __m256i part[4])
{
    return _mm256_packus_epi16(_mm256_packus_epi32(part[0], part[1]), _mm256_packus_epi32(part[2], part[3]));
}

static inline __attribute__((always_inline)) void search32(const float *e, unsigned steps, const float *x, __m256i bin[4])
{
#pragma GCC unroll 4
    for (int i = 0; i < 4; i++)
        bin[i] = search(e, steps, _mm256_loadu_ps(x + 8 * i));
}

/* 32 values of a column to its planes, which are `gap` bytes apart. */
static void bin_column(const struct weir_plan *plan, const struct weir_search *s, const float *x, size_t gap, uint8_t *planes)
{
    const float *e = plan->table + s->table;
    __m256i bin[4], part[4], missing, zero;
    switch (s->steps) {
    case 4:
        search32(e, 4, x, bin);
        break;
    case 5:
        search32(e, 5, x, bin);
        break;
    case 6:
        search32(e, 6, x, bin);
        break;
    case 7:
        search32(e, 7, x, bin);
        break;
    default:
        search32(e, s->steps, x, bin);
    }
    if (s->simple) {
        _mm256_store_si256((__m256i *)(void *)planes, pack(bin));
        return;
    }
    const __m256i most = _mm256_set1_epi32((int)plan->kernel->bins);
    for (unsigned i = 0; s->plain && i < s->planes; i++, planes += gap) {
        for (int k = 0; k < 4; k++)
            part[k] = _mm256_min_epi32(_mm256_subs_epu16(bin[k], _mm256_set1_epi32(plan->plane[s->plane + i].below)), most);
        _mm256_store_si256((__m256i *)(void *)planes, pack(part));
    }
    if (s->plain)
        return;
    for (int i = 0; i < 4; i++) {
        __m256 v = _mm256_loadu_ps(x + 8 * i);
        part[i] = _mm256_srli_epi32(_mm256_castps_si256(_mm256_cmp_ps(v, v, _CMP_UNORD_Q)), 24);
    }
    missing = pack(part);
    for (int i = 0; i < 4; i++) {
        __m256 size = _mm256_andnot_ps(_mm256_set1_ps(-0.0f), _mm256_loadu_ps(x + 8 * i));
        __m256 small = _mm256_cmp_ps(size, _mm256_set1_ps(WEIR_FOREST_ZERO), _CMP_LE_OQ);
        part[i] = _mm256_srli_epi32(_mm256_castps_si256(small), 24);
    }
    zero = _mm256_or_si256(pack(part), missing);
    for (unsigned i = 0; i < s->planes; i++, planes += gap) {
        const struct weir_plane *p = &plan->plane[s->plane + i];
        if (p->kind == WEIR_SPLIT_SET) {
            for (unsigned r = 0; r < 32; r++)
                planes[r] = weir_plane_byte(plan, p, x[r / 4 % 4 * 8 + r / 16 * 4 + r % 4], 0);
            continue;
        }
        for (int k = 0; k < 4; k++)
            part[k] = _mm256_min_epi32(_mm256_subs_epu16(bin[k], _mm256_set1_epi32(p->below)), most);
        __m256i side = _mm256_set1_epi8(p->missing_right ? (char)plan->kernel->bins : 0);
        __m256i byte = _mm256_blendv_epi8(pack(part), side, p->kind == WEIR_SPLIT_ZERO ? zero : missing);
        _mm256_store_si256((__m256i *)(void *)planes, byte);
    }
}

static void fill_planes(const struct weir_plan *plan, const struct weir_values *v, unsigned blocks, uint8_t *planes)
{
    size_t gap = (size_t)blocks * WEIR_BLOCK;
    if (v->column_step != 1) { /* feature-major: one block */
        for (size_t i = 0; i < plan->searches; i++) {
            const struct weir_search *s = &plan->search[i];
            const float *x = v->x + v->index[s->column] * v->column_step;
            for (size_t r = 0; r < v->rows; r += 32) /* a chunk in the middle of a block may end where the block does */
                bin_column(plan, s, x + r, gap, planes + s->plane * gap + r);
        }
        return;
    }
    _Alignas(32) float tile[4 * WEIR_BLOCK];
    for (size_t b = 0; b < (size_t)blocks * WEIR_BLOCK && b < v->rows; b += WEIR_BLOCK) {
        const float *x = v->x + b * v->row_step;
        size_t rows = v->rows - b;
        for (size_t i = 0; i < plan->searches;) {
            size_t first = plan->search[i].column & ~(size_t)3, columns = plan->forest->columns - first;
            columns = columns < 4 ? columns : 4;
            if (rows >= WEIR_BLOCK && columns == 4)
                for (size_t r = 0; r < WEIR_BLOCK; r += 8)
                    transpose(x + r * v->row_step + first, v->row_step, 8, 4, tile + r);
            else
                for (size_t r = 0; r < WEIR_BLOCK && r < rows; r += 8)
                    transpose(x + r * v->row_step + first, v->row_step, rows - r, columns, tile + r);
            for (; i < plan->searches && plan->search[i].column < first + 4; i++) {
                const struct weir_search *s = &plan->search[i];
                for (size_t r = 0; r < WEIR_BLOCK && r < rows; r += 32)
                    bin_column(plan, s, tile + (size_t)(s->column - first) * WEIR_BLOCK + r, gap,
                               planes + s->plane * gap + b + r);
            }
        }
    }
}

/* -- trees -- */

static inline __m256i load(const uint8_t *bytes)
{
    return _mm256_load_si256((const __m256i *)(const void *)bytes);
}

/* bin - 1: a byte at or above the bin makes the difference negative, as both are below 128. */
static inline __m256i below(uint32_t bin)
{
    return _mm256_add_epi8(_mm256_set1_epi32((int)bin), _mm256_set1_epi8(-1));
}

static inline __attribute__((always_inline)) void answer(const struct weir_test *test, size_t count, unsigned blocks,
                                                         const uint8_t *planes, uint64_t *results)
{
    for (size_t same; count; count -= same, test += same) {
        const uint8_t *plane = planes + (size_t)test->plane * blocks * WEIR_BLOCK;
        __m256i bytes[8];
        same = test->same;
        for (unsigned b = 0; b < 2 * blocks; b++)
            bytes[b] = load(plane + b * 32);
        for (size_t i = 0; i < same; i++, results += blocks) {
            __m256i bin = below(test[i].bin);
            for (unsigned b = 0; b < blocks; b++) {
                uint32_t low = (uint32_t)_mm256_movemask_epi8(_mm256_sub_epi8(bin, bytes[2 * b]));
                uint32_t high = (uint32_t)_mm256_movemask_epi8(_mm256_sub_epi8(bin, bytes[2 * b + 1]));
                uint32_t both[2] = {low, high};
                memcpy(results + b, both, sizeof both);
            }
        }
    }
}

static void tests(const struct weir_test *test, size_t count, unsigned blocks, const uint8_t *planes, uint64_t *results)
{
    if (blocks == 4)
        answer(test, count, 4, planes, results);
    else
        answer(test, count, 1, planes, results);
}

/* Numbers of rows 8 j to 8 j + 7, out of 32: the bytes 4 j to 4 j + 3 of each half. */
static inline __m256i widen(__m256i number, int j)
{
    const __m256i low = _mm256_broadcastsi128_si256(_mm_setr_epi8(0, -1, -1, -1, 1, -1, -1, -1, 2, -1, -1, -1, 3, -1, -1, -1));
    return _mm256_shuffle_epi8(number, _mm256_or_si256(low, _mm256_set1_epi32(4 * j)));
}

/* Adds the leaves with these numbers, of rows from `at` on. */
static inline __attribute__((always_inline)) void add_numbers(const struct weir_plan *plan, const struct weir_piece *p,
                                                              __m256i number, size_t at, enum weir_output output, void *out)
{
#pragma GCC unroll 4
    for (int j = 0; j < 4; j++, at += 8) {
        __m256i n = widen(number, j);
        if (output == WEIR_OUTPUT_FLOAT32) {
            float *sum = (float *)out + at;
            _mm256_store_ps(sum, _mm256_add_ps(_mm256_load_ps(sum), _mm256_i32gather_ps(plan->leaf + p->leaf, n, 4)));
        } else if (output == WEIR_OUTPUT_FLOAT64) {
            double *sum = (double *)out + at;
            const double *leaf = plan->leaf64 + p->leaf;
            __m256d low = _mm256_i32gather_pd(leaf, _mm256_castsi256_si128(n), 8);
            __m256d high = _mm256_i32gather_pd(leaf, _mm256_extracti128_si256(n, 1), 8);
            _mm256_store_pd(sum, _mm256_add_pd(_mm256_load_pd(sum), low));
            _mm256_store_pd(sum + 4, _mm256_add_pd(_mm256_load_pd(sum + 4), high));
        } else {
            __m256i node = _mm256_i32gather_epi32((const int *)(const void *)(plan->leaf_node + p->leaf), n, 4);
            _mm256_store_si256((__m256i *)(void *)((uint32_t *)out + at), node);
        }
    }
}

/* The same from bit planes of the numbers, `step` masks apart. */
static inline __attribute__((always_inline)) void add_leaves(const struct weir_plan *plan, const struct weir_piece *p,
                                                             const uint64_t *mask, size_t step, unsigned bits, size_t b,
                                                             enum weir_output output, void *out)
{
    const __m256i byte = _mm256_setr_epi64x(0, 0x0101010101010101, 0x0202020202020202, 0x0303030303030303);
    const __m256i bit = _mm256_set1_epi64x((int64_t)0x8040201008040201);
    for (int half = 0; half < 2; half++) {
        __m256i number = _mm256_setzero_si256();
        for (unsigned i = bits; i-- > 0;) {
            __m256i spread = _mm256_shuffle_epi8(_mm256_set1_epi32((int)(mask[i * step] >> 32 * half)), byte);
            __m256i set = _mm256_cmpeq_epi8(_mm256_and_si256(spread, bit), bit); /* -1 */
            number = _mm256_sub_epi8(_mm256_add_epi8(number, number), set);
        }
        add_numbers(plan, p, number, b * WEIR_BLOCK + 32 * (size_t)half, output, out);
    }
}

typedef uint64_t lanes __attribute__((vector_size(32), may_alias));

static inline lanes mux(lanes right, lanes a, lanes b)
{
    return a ^ ((a ^ b) & right);
}

#define LANES                 4
#define BLOCKS                4
#define NAME(x)               x##_4
#define answers(results, use) (*(const lanes *)(const void *)((results) + (size_t) * (use)*4))
#include "model/kernel_lanes.h"
#undef BLOCKS
#undef NAME
#undef answers

static inline lanes gather(const uint64_t *results, const uint16_t *use)
{
    __m128i at = _mm_cvtepu16_epi32(_mm_loadl_epi64((const __m128i_u *)(const void *)use));
    return (lanes)_mm256_i32gather_epi64((const long long *)(const void *)results, at, 8);
}

#define BLOCKS                1
#define NAME(x)               x##_1
#define answers(results, use) gather(results, use)
#include "model/kernel_lanes.h"

static void score_oblivious(const struct weir_plan *plan, size_t piece, size_t count, unsigned blocks, const uint8_t *planes,
                            enum weir_output output, void *out)
{
    for (; count; piece++, count--) {
        const struct weir_piece *p = plan->piece + piece;
        const struct weir_test *test = plan->test + p->test;
        for (size_t r = 0; r < (size_t)blocks * WEIR_BLOCK; r += 32) {
            __m256i number = _mm256_setzero_si256();
            for (unsigned i = 0; i < p->tests; i++) {
                __m256i right =
                    _mm256_cmpgt_epi8(load(planes + (size_t)test[i].plane * blocks * WEIR_BLOCK + r), below(test[i].bin));
                number = _mm256_sub_epi8(_mm256_add_epi8(number, number), right);
            }
            add_numbers(plan, p, number, r, output, out);
        }
    }
}

/* 32 rows walk together, 8 a vector, until all are in a leaf: four vectors, so that their loads overlap. */
static void score_walk(const struct weir_plan *plan, size_t piece, size_t count, const struct weir_values *v,
                       enum weir_output output, void *out)
{
    const struct weir_forest *f = plan->forest;
    const __m256i columns = _mm256_set1_epi32((1 << (plan->shift - 1)) - 1);
    const __m256i lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    const __m128i shift = _mm_cvtsi32_si128((int)plan->shift);
    int32_t offsets[WEIR_OFFSETS];
    const int32_t *offset = weir_walk_offsets(plan, v, offsets);
    for (; count; piece++, count--) {
        const struct weir_piece *p = plan->piece + piece;
        const float *nodes = (const float *)(const void *)(plan->node + p->node);
        const uint32_t first = f->first[p->tree];
        for (size_t r = 0; r < v->rows; r += 32) {
            const float *x = v->x + r * v->row_step;
            __m256i at[4], row[4], moved;
            const __m256i last = _mm256_set1_epi32((int)(v->rows - r) - 1), row_step = _mm256_set1_epi32((int)v->row_step);
            for (int i = 0; i < 4; i++) {
                at[i] = _mm256_setzero_si256();
                row[i] = _mm256_add_epi32(lane, _mm256_set1_epi32(8 * i));
                row[i] = _mm256_mullo_epi32(_mm256_min_epi32(row[i], last), row_step);
            }
            do {
                moved = _mm256_setzero_si256();
#pragma GCC unroll 4
                for (int i = 0; i < 4; i++) {
                    __m256 threshold = _mm256_i32gather_ps(nodes, at[i], 8);
                    __m256i next = _mm256_i32gather_epi32((const int *)(const void *)(nodes + 1), at[i], 8);
                    __m256i column = _mm256_and_si256(_mm256_srli_epi32(next, 1), columns);
                    if (offset)
                        column = _mm256_i32gather_epi32(offset, column, 4);
                    __m256 value = _mm256_i32gather_ps(x, _mm256_add_epi32(column, row[i]), 4);
                    __m256 right = _mm256_cmp_ps(value, threshold, _CMP_GE_OQ), gone = _mm256_cmp_ps(value, value, _CMP_UNORD_Q);
                    __m256i side = _mm256_srai_epi32(_mm256_slli_epi32(next, 31), 31);
                    side = _mm256_or_si256(_mm256_castps_si256(right), _mm256_and_si256(_mm256_castps_si256(gone), side));
                    next = _mm256_sub_epi32(_mm256_srl_epi32(next, shift), side);
                    moved = _mm256_or_si256(moved, _mm256_xor_si256(next, at[i]));
                    at[i] = next;
                }
            } while (!_mm256_testz_si256(moved, moved));
            for (int i = 0; i < 4; i++) {
                __m256i node = _mm256_add_epi32(at[i], _mm256_set1_epi32((int)first));
                size_t to = r + 8 * (size_t)i;
                if (output == WEIR_OUTPUT_FLOAT32) {
                    float *sum = (float *)out + to;
                    _mm256_store_ps(sum, _mm256_add_ps(_mm256_load_ps(sum), _mm256_i32gather_ps(f->value, node, 4)));
                } else if (output == WEIR_OUTPUT_FLOAT64) {
                    double *sum = (double *)out + to;
                    __m256i place = _mm256_i32gather_epi32((const int *)(const void *)f->place, node, 4);
                    __m256d low = _mm256_i32gather_pd(f->leaf, _mm256_castsi256_si128(place), 8);
                    __m256d high = _mm256_i32gather_pd(f->leaf, _mm256_extracti128_si256(place, 1), 8);
                    _mm256_store_pd(sum, _mm256_add_pd(_mm256_load_pd(sum), low));
                    _mm256_store_pd(sum + 4, _mm256_add_pd(_mm256_load_pd(sum + 4), high));
                } else {
                    _mm256_store_si256((__m256i *)(void *)((uint32_t *)out + to), node);
                }
            }
        }
    }
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
        (blocks == 4 ? score_mask_4 : score_mask_1)(plan, run->depth, piece, count, chunk->results, output, out);
    else
        (blocks == 4 ? score_reach_4 : score_reach_1)(plan, piece, count, chunk->results, output, out);
}

const struct weir_kernel weir_kernel_avx2 = {.name = "avx2",
                                             .forms = WEIR_FORM_MASK | WEIR_FORM_OBLIVIOUS | WEIR_FORM_REACH | WEIR_FORM_WALK,
                                             .bins = 127,
                                             .blocks = {4, 1},
                                             .few = 6,
                                             .planes = fill_planes,
                                             .tests = tests,
                                             .score = score};
