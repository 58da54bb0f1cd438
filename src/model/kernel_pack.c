/* A few rows on CPUs with AVX-512 VBMI and GFNI: a row's bytes stand in registers, where 64 trees look up theirs at a time.
 * Compiled with the flags of kernel_avx512vbmi. */
#include <immintrin.h>

#include "model/gather.h"
#include "model/kernel.h"
#include "model/kernel_few.h"
#include "model/kernel_search.h"

enum { VECTORS = 4, ROWS = 16, ALONE = 4 }; /* of columns, and rows, at a time; up to so many rows stay alone */

/* 16 x 16 bytes turned round in each quarter: rows of 64 columns, or columns of 64 rows. */
static inline __attribute__((always_inline)) void turn(__m512i a[16])
{
    __m512i b[16];
    for (int i = 0; i < 2; i++) {
        for (int k = 0; k < 8; k++) {
            b[2 * k] = _mm512_unpacklo_epi8(a[k], a[k + 8]);
            b[2 * k + 1] = _mm512_unpackhi_epi8(a[k], a[k + 8]);
        }
        for (int k = 0; k < 8; k++) {
            a[2 * k] = _mm512_unpacklo_epi8(b[k], b[k + 8]);
            a[2 * k + 1] = _mm512_unpackhi_epi8(b[k], b[k + 8]);
        }
    }
}

/* -- planes -- */

static inline __mmask16 left_of(__m512 value, __m512 threshold)
{
    return _mm512_cmp_ps_mask(value, threshold, _CMP_NGE_UQ);
}

/* Where 16 searches are after their first four steps. top: [place][search] */
static inline __attribute__((always_inline)) __m512i search_top(const float *top, __m512 value)
{
#define AT(place)          _mm512_load_ps(top + 16 * (place))
#define PAIR(mask, place)  _mm512_mask_blend_ps(mask, AT(place), AT((place) + 1))
#define CHOOSE(mask, a, b) _mm512_mask_blend_ps(mask, a, b)
    __mmask16 a = left_of(value, AT(1)), b = left_of(value, PAIR(a, 2));
    __mmask16 c = left_of(value, CHOOSE(a, PAIR(b, 4), PAIR(b, 6)));
    __m512 low = CHOOSE(b, PAIR(c, 8), PAIR(c, 10)), high = CHOOSE(b, PAIR(c, 12), PAIR(c, 14));
    __mmask16 d = left_of(value, CHOOSE(a, low, high));
#undef AT
#undef PAIR
#undef CHOOSE
    __m512i k = _mm512_set1_epi32(16);
    k = _mm512_mask_add_epi32(k, a, k, _mm512_set1_epi32(8));
    k = _mm512_mask_add_epi32(k, b, k, _mm512_set1_epi32(4));
    k = _mm512_mask_add_epi32(k, c, k, _mm512_set1_epi32(2));
    return _mm512_mask_add_epi32(k, d, k, _mm512_set1_epi32(1));
}

/* `n` vectors of columns, their searches side by side. */
static inline __attribute__((always_inline)) void search(const struct weir_plan *plan, size_t first, size_t n, const float *x,
                                                         const uint32_t *offset, __m512 *value, __m512i *bin)
{
    __m512i k[VECTORS], table[VECTORS], steps[VECTORS], most = _mm512_setzero_si512();
    const __m512i one = _mm512_set1_epi32(1);
    for (size_t i = 0; i < n; i++) {
        value[i] = weir_gather_ps(_mm512_load_si512(offset + 16 * i), x);
        table[i] = _mm512_load_si512(plan->vector.table + first + 16 * i);
        steps[i] = _mm512_load_si512(plan->vector.steps + first + 16 * i);
        most = _mm512_max_epi32(most, steps[i]);
        k[i] = search_top(plan->vector.top + (first + 16 * i) * 16, value[i]);
    }
    for (int step = 4, last = _mm512_reduce_max_epi32(most); step < last; step++)
        for (size_t i = 0; i < n; i++) {
            __mmask16 on = _mm512_cmpgt_epi32_mask(steps[i], _mm512_set1_epi32(step));
            __m512 threshold =
                _mm512_mask_i32gather_ps(_mm512_setzero_ps(), on, _mm512_add_epi32(table[i], k[i]), plan->table, 4);
            __m512i next = _mm512_add_epi32(k[i], k[i]);
            next = _mm512_mask_add_epi32(next, left_of(value[i], threshold), next, one);
            k[i] = _mm512_mask_mov_epi32(k[i], on, next);
        }
    for (size_t i = 0; i < n; i++)
        bin[i] = _mm512_sub_epi32(_mm512_sllv_epi32(_mm512_set1_epi32(2), steps[i]), _mm512_add_epi32(k[i], one));
}

static inline void store16(uint8_t *bytes, __m512i numbers)
{
    _mm_storeu_si128((__m128i *)(void *)bytes, _mm512_cvtusepi32_epi8(numbers));
}

/* A row's planes from its columns' values and bins. */
static void spread(const struct weir_plan *plan, const float *value, const uint32_t *bin, uint8_t *planes)
{
    const __m512i most = _mm512_set1_epi32((int)plan->kernel->bins);
    for (size_t i = 0; i < plan->planes; i += 16) {
        __m512i from = _mm512_load_si512(plan->vector.search + i), below = _mm512_load_si512(plan->vector.below + i);
        __m512i byte = weir_gather_epi32(from, bin);
        byte = _mm512_min_epi32(_mm512_sub_epi32(_mm512_max_epi32(byte, below), below), most);
        if (plan->vector.missing[i / 16]) {
            __m512 x = weir_gather_ps(from, value);
            __mmask16 gone = _mm512_cmp_ps_mask(x, x, _CMP_UNORD_Q);
            gone |= _mm512_mask_cmp_ps_mask(plan->vector.zero[i / 16], _mm512_abs_ps(x), _mm512_set1_ps(WEIR_FOREST_ZERO),
                                            _CMP_LE_OQ);
            byte = _mm512_mask_mov_epi32(byte, gone, _mm512_maskz_mov_epi32(plan->vector.right[i / 16], most));
        }
        store16(planes + i, byte);
    }
    for (size_t i = 0; i < plan->planes; i++)
        if (plan->plane[i].kind == WEIR_SPLIT_SET)
            planes[i] = weir_plane_byte(plan, &plan->plane[i], value[plan->vector.search[i]], 0);
}

/* Where the bytes of a plane are before they are turned round. */
static inline size_t before_turn(size_t plane)
{
    return plane / 64 * 64 * ROWS + plane % 16 * 64 + plane / 16 % 4 * 16;
}

/* A column's values to its planes. */
static inline __attribute__((always_inline)) void bin_rows(const struct weir_plan *plan, const struct weir_search *s, __m512 x,
                                                           unsigned steps, uint8_t *bytes)
{
    const float *table = plan->table + s->table;
    const __m512i most = _mm512_set1_epi32((int)plan->kernel->bins);
    __m512i bin = weir_search_top(table, steps, x);
    for (unsigned k = 8; k < steps; k++)
        bin = weir_search_step(bin, x, weir_gather_ps(bin, table));
    bin = _mm512_sub_epi32(_mm512_set1_epi32((2 << steps) - 1), bin);
    __mmask16 missing = _mm512_cmp_ps_mask(x, x, _CMP_UNORD_Q);
    if (s->single) {
        store16(bytes + before_turn(s->plane), s->plain ? bin : _mm512_mask_mov_epi32(bin, missing, most));
        return;
    }
    __mmask16 zero = _mm512_cmp_ps_mask(_mm512_abs_ps(x), _mm512_set1_ps(WEIR_FOREST_ZERO), _CMP_LE_OQ);
    for (size_t i = s->plane; i < (size_t)s->plane + s->planes; i++) {
        const struct weir_plane *p = &plan->plane[i];
        const __m512i below = _mm512_set1_epi32(p->below);
        __m512i byte = _mm512_min_epi32(_mm512_sub_epi32(_mm512_max_epi32(bin, below), below), most);
        if (p->kind == WEIR_SPLIT_SET) {
            _Alignas(64) float value[ROWS];
            _mm512_store_ps(value, x);
            for (size_t r = 0; r < ROWS; r++)
                bytes[before_turn(i) + r] = weir_plane_byte(plan, p, value[r], 0);
            continue;
        }
        byte = _mm512_mask_mov_epi32(byte, p->kind == WEIR_SPLIT_ZERO ? missing | zero : missing,
                                     p->missing_right ? most : _mm512_setzero_si512());
        store16(bytes + before_turn(i), byte);
    }
}

/* Planes of up to 16 rows, column by column. */
static void planes_together(const struct weir_plan *plan, const struct weir_values *v, size_t first, size_t rows, uint8_t *planes)
{
    _Alignas(64) uint8_t bytes[WEIR_PACK_ROW * ROWS];
    _Alignas(64) float tile[4 * ROWS];
    size_t have = SIZE_MAX;
    for (size_t i = 0; i < plan->searches; i++) {
        const struct weir_search *s = &plan->search[i];
        const float *x = v->x + v->index[s->column] * v->column_step + first * v->row_step;
        if (v->column_step == 1) {
            const size_t four = s->column & ~3u, columns = plan->forest->columns - four;
            if (four != have && columns >= 4)
                weir_transpose(v->x + first * v->row_step + four, v->row_step, rows, 4, tile, ROWS);
            else if (four != have)
                weir_transpose(v->x + first * v->row_step + four, v->row_step, rows, columns, tile, ROWS);
            have = four;
            x = tile + (s->column - four) * ROWS;
        }
        __m512 value = _mm512_loadu_ps(x);
        switch (s->steps) {
        case 4:
            bin_rows(plan, s, value, 4, bytes);
            break;
        case 5:
            bin_rows(plan, s, value, 5, bytes);
            break;
        case 6:
            bin_rows(plan, s, value, 6, bytes);
            break;
        case 7:
            bin_rows(plan, s, value, 7, bytes);
            break;
        case 8:
            bin_rows(plan, s, value, 8, bytes);
            break;
        default:
            bin_rows(plan, s, value, s->steps, bytes);
        }
    }
    for (size_t b = 0; b < plan->row_bytes; b += 64) {
        __m512i a[16];
        for (size_t k = 0; k < 16; k++)
            a[k] = _mm512_load_si512(bytes + b * ROWS + k * 64);
        turn(a);
        for (size_t r = 0; r < rows; r++)
            _mm512_store_si512(planes + r * plan->row_bytes + b, a[r]);
    }
}

void weir_pack_planes(const struct weir_plan *plan, const struct weir_values *v, uint8_t *planes)
{
    _Alignas(64) uint32_t offset[WEIR_PACK_ROW], bin[WEIR_PACK_ROW];
    _Alignas(64) float value[WEIR_PACK_ROW];
    if (!plan->packed) {
        weir_few_planes(plan, v, planes);
        return;
    }
    for (size_t i = 0; i < (plan->searches + 15) / 16 * 16; i++)
        offset[i] = v->index[plan->vector.column[i]] * (uint32_t)v->column_step;
    size_t r = 0;
    for (size_t rows; v->rows - r > ALONE; r += rows, planes += rows * plan->row_bytes) {
        rows = v->rows - r < ROWS ? v->rows - r : ROWS;
        planes_together(plan, v, r, rows, planes);
    }
    for (; r < v->rows; r++, planes += plan->row_bytes) {
        const float *x = v->x + r * v->row_step;
        for (size_t i = 0; i < plan->searches; i += 16 * VECTORS) {
            size_t n = (plan->searches - i + 15) / 16;
            __m512 values[VECTORS];
            __m512i bins[VECTORS];
            if (n >= 4)
                search(plan, i, n = 4, x, offset + i, values, bins);
            else if (n == 3)
                search(plan, i, 3, x, offset + i, values, bins);
            else if (n == 2)
                search(plan, i, 2, x, offset + i, values, bins);
            else
                search(plan, i, 1, x, offset + i, values, bins);
            for (size_t k = 0; k < n; k++) {
                if (plan->vector.simple) {
                    store16(planes + i + 16 * k, bins[k]);
                    continue;
                }
                _mm512_store_ps(value + i + 16 * k, values[k]);
                _mm512_store_si512(bin + i + 16 * k, bins[k]);
            }
        }
        if (!plan->vector.simple)
            spread(plan, value, bin, planes);
    }
}

/* -- trees -- */

/* The bytes of 64 planes, of a row that takes `n` vectors. */
static inline __attribute__((always_inline)) __m512i take(const __m512i *row, unsigned n, __m512i plane)
{
    if (n == 1)
        return _mm512_permutexvar_epi8(plane, row[0]);
    __m512i low = _mm512_permutex2var_epi8(row[0], plane, row[1]);
    if (n == 2)
        return low;
    return _mm512_mask_blend_epi8(_mm512_movepi8_mask(plane), low, _mm512_permutex2var_epi8(row[2], plane, row[3]));
}

static inline __attribute__((always_inline)) void load_row(const struct weir_plan *plan, const uint8_t *planes, unsigned n,
                                                           __m512i *row)
{
    for (unsigned i = 0; i < n; i++)
        row[i] = _mm512_load_si512(planes + (i * 64 < plan->row_bytes ? i * 64 : 0));
}

/* Adds what the leaves with these numbers hold to a row, tree by tree. */
static inline __attribute__((always_inline)) void add_alone(const struct weir_plan *plan, const struct weir_pack *pack,
                                                            __m512i number, enum weir_output output, void *sum)
{
    const __m512i lane = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    const __m512i room = _mm512_set1_epi32((int)pack->leaf_room);
    __m512i tree = _mm512_add_epi32(_mm512_mullo_epi32(lane, room), _mm512_set1_epi32((int)pack->leaf));
    _Alignas(64) uint8_t byte[WEIR_PACK];
    _Alignas(64) float narrow[WEIR_PACK];
    _Alignas(64) double wide[WEIR_PACK];
    _mm512_store_si512(byte, number);
    for (uint32_t t = 0; t < pack->trees; t += 16) {
        __m512i leaf = _mm512_cvtepu8_epi32(_mm_load_si128((const __m128i *)(const void *)(byte + t)));
        __mmask16 some = pack->trees - t < 16 ? (__mmask16)((1u << (pack->trees - t)) - 1) : 0xffff;
        leaf = _mm512_maskz_add_epi32(some, leaf, tree);
        tree = _mm512_add_epi32(tree, _mm512_slli_epi32(room, 4));
        if (output == WEIR_OUTPUT_FLOAT32) {
            _mm512_store_ps(narrow + t, weir_gather_ps(leaf, plan->leaf));
            continue;
        }
        _mm512_store_pd(wide + t, weir_gather_pd(_mm512_castsi512_si256(leaf), plan->leaf64));
        _mm512_store_pd(wide + t + 8, weir_gather_pd(_mm512_extracti64x4_epi64(leaf, 1), plan->leaf64));
    }
    for (uint32_t t = 0; t < pack->trees; t++)
        if (output == WEIR_OUTPUT_FLOAT32)
            *(float *)sum += narrow[t];
        else
            *(double *)sum += wide[t];
}

/* The same for 16 rows, whose leaves' numbers are turned round: a tree's leaves are looked up for all of them. */
static inline __attribute__((always_inline)) void add_together(const struct weir_plan *plan, const struct weir_pack *pack,
                                                               __m512i number[ROWS], enum weir_output output, void *sums)
{
    _Alignas(64) uint8_t bytes[WEIR_PACK * ROWS];
    turn(number);
    for (size_t k = 0; k < 16; k++)
        _mm512_store_si512(bytes + k * 64, number[k]);
    __m512 narrow = _mm512_load_ps(sums);
    __m512d low = _mm512_load_pd(sums), high = output == WEIR_OUTPUT_FLOAT64 ? _mm512_load_pd((double *)sums + 8) : low;
    for (size_t t = 0, leaf = pack->leaf; t < pack->trees; t++, leaf += pack->leaf_room) {
        __m512i n = _mm512_cvtepu8_epi32(_mm_load_si128((const __m128i *)(const void *)(bytes + before_turn(t))));
        if (output == WEIR_OUTPUT_FLOAT64) {
            low = _mm512_add_pd(low, weir_gather_pd(_mm512_castsi512_si256(n), plan->leaf64 + leaf));
            high = _mm512_add_pd(high, weir_gather_pd(_mm512_extracti64x4_epi64(n, 1), plan->leaf64 + leaf));
        } else if (pack->leaf_room <= 64)
            narrow = _mm512_add_ps(narrow, weir_look_up(plan->leaf + leaf, n));
        else
            narrow = _mm512_add_ps(narrow, weir_gather_ps(n, plan->leaf + leaf));
    }
    if (output == WEIR_OUTPUT_FLOAT64) {
        _mm512_store_pd(sums, low);
        _mm512_store_pd((double *)sums + 8, high);
    } else
        _mm512_store_ps(sums, narrow);
}

/* The tests that the trees' nodes below heap place `at` ask n levels further down, where the answers so far lead. */
struct asked {
    __m512i plane, bin;
};

#define PICK static inline __attribute__((always_inline)) struct asked

PICK pick0(const uint8_t *line, const __mmask64 *right, unsigned at, unsigned level)
{
    (void)right;
    (void)level;
    line += (size_t)at * 2 * WEIR_PACK;
    return (struct asked){_mm512_load_si512(line), _mm512_load_si512(line + WEIR_PACK)};
}

#define PICK_NEXT(n, before)                                                                                                     \
    PICK pick##n(const uint8_t *line, const __mmask64 *right, unsigned at, unsigned level)                                       \
    {                                                                                                                            \
        struct asked a = pick##before(line, right, 2 * at, level + 1), b = pick##before(line, right, 2 * at + 1, level + 1);     \
        return (struct asked){_mm512_mask_blend_epi8(right[level], a.plane, b.plane),                                            \
                              _mm512_mask_blend_epi8(right[level], a.bin, b.bin)};                                               \
    }
PICK_NEXT(1, 0)
PICK_NEXT(2, 1)
PICK_NEXT(3, 2)
PICK_NEXT(4, 3)
PICK_NEXT(5, 4)
PICK_NEXT(6, 5)
PICK_NEXT(7, 6)

PICK pick(const uint8_t *line, const __mmask64 *right, unsigned level)
{
    switch (level) {
    case 0:
        return pick0(line, right, 1, 0);
    case 1:
        return pick1(line, right, 1, 0);
    case 2:
        return pick2(line, right, 1, 0);
    case 3:
        return pick3(line, right, 1, 0);
    case 4:
        return pick4(line, right, 1, 0);
    case 5:
        return pick5(line, right, 1, 0);
    case 6:
        return pick6(line, right, 1, 0);
    default:
        return pick7(line, right, 1, 0);
    }
}

/* Numbers of the leaves that a row gets to in a pack's trees. */
static inline __attribute__((always_inline)) __m512i mask_depth(const uint8_t *line, const __m512i *row, unsigned n,
                                                                unsigned depth)
{
    __m512i number = _mm512_setzero_si512();
    __mmask64 right[WEIR_MASK_DEPTH];
#pragma GCC unroll 8
    for (unsigned level = 0; level < depth; level++) {
        struct asked asked = pick(line, right, level);
        right[level] = _mm512_cmpge_epu8_mask(take(row, n, asked.plane), asked.bin);
        number = _mm512_mask_add_epi8(number, right[level], number, _mm512_set1_epi8((char)(1 << (depth - 1 - level))));
    }
    return number;
}

static inline __attribute__((always_inline)) __m512i mask_row(const uint8_t *line, const __m512i *row, unsigned n, unsigned depth)
{
    return depth == 4   ? mask_depth(line, row, n, 4)
           : depth == 6 ? mask_depth(line, row, n, 6)
           : depth == 7 ? mask_depth(line, row, n, 7)
                        : mask_depth(line, row, n, 8);
}

static inline __attribute__((always_inline)) __m512i level_row(const uint8_t *line, const __m512i *row, unsigned n,
                                                               unsigned depth)
{
    __m512i number = _mm512_setzero_si512();
    for (size_t i = 0; i < depth; i++, line += 2 * WEIR_PACK) {
        __m512i byte = take(row, n, _mm512_load_si512(line));
        __mmask64 right = _mm512_cmpge_epu8_mask(byte, _mm512_load_si512(line + WEIR_PACK));
        number = _mm512_add_epi8(number, number);
        number = _mm512_mask_add_epi8(number, right, number, _mm512_set1_epi8(1));
    }
    return number;
}

/* Places of the lowest bits of bytes that are not 0. */
static inline __m512i lowest(__m512i byte)
{
    const __m512i table = _mm512_broadcast_i32x4(_mm_setr_epi8(4, 0, 1, 0, 2, 0, 1, 0, 3, 0, 1, 0, 2, 0, 1, 0));
    const __m512i nibble = _mm512_set1_epi8(15);
    __m512i low = _mm512_shuffle_epi8(table, _mm512_and_si512(byte, nibble));
    __m512i high = _mm512_shuffle_epi8(table, _mm512_and_si512(_mm512_srli_epi16(byte, 4), nibble));
    return _mm512_mask_add_epi8(low, _mm512_testn_epi8_mask(byte, nibble), low, high);
}

static inline __attribute__((always_inline)) __m512i reach_row(const uint8_t *line, const __m512i *row, unsigned n,
                                                               unsigned nodes, unsigned masks)
{
    __m512i left[8], number, byte;
    for (unsigned k = 0; k < masks; k++)
        left[k] = _mm512_set1_epi8(-1);
    for (size_t i = 0; i < nodes; i++, line += (2 + masks) * WEIR_PACK) {
        __m512i value = take(row, n, _mm512_load_si512(line));
        __m512i right = _mm512_movm_epi8(_mm512_cmpge_epu8_mask(value, _mm512_load_si512(line + WEIR_PACK)));
        for (unsigned k = 0; k < masks; k++) /* left & (line | ~right) */
            left[k] = _mm512_ternarylogic_epi64(left[k], right, _mm512_load_si512(line + (2 + k) * WEIR_PACK), 0xb0);
    }
    byte = left[masks - 1];
    number = _mm512_set1_epi8((char)(8 * (masks - 1)));
    for (unsigned k = masks - 1; k-- > 0;) {
        __mmask64 some = _mm512_test_epi8_mask(left[k], left[k]);
        byte = _mm512_mask_mov_epi8(byte, some, left[k]);
        number = _mm512_mask_mov_epi8(number, some, _mm512_set1_epi8((char)(8 * k)));
    }
    return _mm512_add_epi8(number, lowest(byte));
}

/* Numbers of the leaves that a row gets to in a pack's trees. */
static inline __attribute__((always_inline)) __m512i pack_row(const struct weir_plan *plan, enum weir_form form, unsigned depth,
                                                              const struct weir_pack *pack, const uint8_t *planes, unsigned n)
{
    const uint8_t *line = plan->pack_byte + pack->first;
    __m512i row[VECTORS];
    load_row(plan, planes, n, row);
    if (form == WEIR_FORM_MASK)
        return mask_row(line, row, n, depth);
    if (form == WEIR_FORM_OBLIVIOUS)
        return level_row(line, row, n, pack->lines);
    return pack->masks == 4 ? reach_row(line, row, n, pack->lines, 4) : reach_row(line, row, n, pack->lines, 8);
}

static inline __attribute__((always_inline)) void score(const struct weir_plan *plan, const struct weir_run *run, unsigned n,
                                                        const struct weir_chunk *chunk, enum weir_output output, void *out)
{
    const struct weir_pack *first = plan->pack + run->pack, *end = first + (run->pieces + WEIR_PACK - 1) / WEIR_PACK;
    const size_t width = output == WEIR_OUTPUT_FLOAT32 ? sizeof(float) : sizeof(double);
    const uint8_t *planes = chunk->planes;
    size_t r = 0;
    for (; chunk->values.rows - r > ALONE; r += ROWS, planes += ROWS * plan->row_bytes) {
        const size_t rows = chunk->values.rows - r;
        for (const struct weir_pack *pack = first; pack < end; pack++) {
            __m512i number[ROWS] = {0};
            for (size_t i = 0; i < ROWS && i < rows; i++)
                number[i] = pack_row(plan, run->form, run->depth, pack, planes + i * plan->row_bytes, n);
            add_together(plan, pack, number, output, (char *)out + r * width);
        }
        if (rows <= ROWS)
            return;
    }
    for (; r < chunk->values.rows; r++, planes += plan->row_bytes)
        for (const struct weir_pack *pack = first; pack < end; pack++)
            add_alone(plan, pack, pack_row(plan, run->form, run->depth, pack, planes, n), output, (char *)out + r * width);
}

void weir_pack_score(const struct weir_plan *plan, const struct weir_run *run, size_t piece, size_t count,
                     const struct weir_chunk *chunk, enum weir_output output, void *out)
{
    if (run->pack == WEIR_NO_PACK || output == WEIR_OUTPUT_NODE)
        weir_few_score(plan, run, piece, count, chunk, output, out);
    else if (plan->row_bytes <= 64)
        score(plan, run, 1, chunk, output, out);
    else if (plan->row_bytes <= 128)
        score(plan, run, 2, chunk, output, out);
    else
        score(plan, run, 4, chunk, output, out);
}
