/* Plain C: the tests of 16 rows are answered in a vector of bytes (which every compiler knows), the bits of 64 rows fill
 * a word. */
#include <string.h>

#include "model/kernel.h"
#include "model/kernel_few.h"

enum { ROWS = 8, BINS = 127 };

/* Bins of `ROWS` rows of a column. */
static inline __attribute__((always_inline)) void search(const float *table, unsigned steps, const float *x, size_t row_step,
                                                         uint32_t bin[ROWS])
{
    size_t k[ROWS];
    float value[ROWS];
    for (size_t i = 0; i < ROWS; i++) {
        value[i] = x[i * row_step];
        k[i] = 1;
    }
    for (unsigned s = 0; s < steps; s++)
        for (size_t i = 0; i < ROWS; i++)
            k[i] += k[i] + !(value[i] >= table[k[i]]);
    for (size_t i = 0; i < ROWS; i++)
        bin[i] = (uint32_t)((2u << steps) - 1 - k[i]);
}

static void fill_planes(const struct weir_plan *plan, const struct weir_values *v, unsigned blocks, uint8_t *planes)
{
    (void)blocks; /* one */
    for (size_t i = 0; i < plan->searches; i++) {
        const struct weir_search *s = &plan->search[i];
        const float *x = v->x + v->index[s->column] * v->column_step;
        uint8_t *first = planes + (size_t)s->plane * WEIR_BLOCK;
        uint32_t bin[WEIR_BLOCK];
        size_t r = 0;
        for (; r + ROWS <= v->rows; r += ROWS)
            search(plan->table + s->table, s->steps, x + r * v->row_step, v->row_step, bin + r);
        for (; r < v->rows; r++) {
            uint32_t one[ROWS];
            search(plan->table + s->table, s->steps, x + r * v->row_step, 0, one);
            bin[r] = one[0];
        }
        if (s->simple) {
            for (r = 0; r < v->rows; r++)
                first[r] = (uint8_t)bin[r];
            continue;
        }
        for (size_t p = 0; p < s->planes; p++, first += WEIR_BLOCK) {
            const struct weir_plane *plane = &plan->plane[s->plane + p];
            if (s->plain)
                for (r = 0; r < v->rows; r++) {
                    uint32_t above = bin[r] < plane->below ? 0 : bin[r] - plane->below;
                    first[r] = (uint8_t)(above < BINS ? above : BINS);
                }
            else
                for (r = 0; r < v->rows; r++)
                    first[r] = weir_plane_byte(plan, plane, x[r * v->row_step], bin[r]);
        }
    }
}

typedef int8_t vector __attribute__((vector_size(16), aligned(1), may_alias));
typedef uint64_t words __attribute__((vector_size(16)));

/* Bytes of planes and bins are below 128, so that their sign does not matter. Bit 8 j + i of a result is row 16 (i % 4) + 8 (i /
 * 4) + j: so the bytes of the four vectors fall together without a multiplication. */
static void tests(const struct weir_test *test, size_t count, unsigned blocks, const uint8_t *planes, uint64_t *results)
{
    (void)blocks;
    for (size_t same; count; count -= same, test += same) {
        const vector *bytes = (const void *)(planes + (size_t)test->plane * WEIR_BLOCK);
        same = test->same;
        const vector row[4] = {bytes[0], bytes[1], bytes[2], bytes[3]};
        for (size_t i = 0; i < same; i++, results++) {
            const vector below = (vector){0} + (int8_t)((test[i].bin & 0xff) - 1);
            words word =
                (words)(((row[0] > below) & 1) | ((row[1] > below) & 2) | ((row[2] > below) & 4) | ((row[3] > below) & 8));
            *results = word[0] | word[1] << 4;
        }
    }
}

/* Adds the leaves whose numbers stand in bit planes: 8 rows' bits, a byte a plane, turned round are 8 numbers. */
static inline __attribute__((always_inline)) void add_leaves(const struct weir_plan *plan, const struct weir_piece *p,
                                                             const uint64_t *mask, size_t step, unsigned bits, size_t b,
                                                             enum weir_output output, void *out)
{
    (void)b;
    (void)step;
    for (size_t j = 0; j < 8; j++) {
        uint64_t x = 0, t;
        for (unsigned i = 0; i < bits; i++)
            x |= (mask[i] >> 8 * j & 0xff) << 8 * i;
        t = (x ^ x >> 7) & 0x00aa00aa00aa00aa;
        x ^= t ^ t << 7;
        t = (x ^ x >> 14) & 0x0000cccc0000cccc;
        x ^= t ^ t << 14;
        t = (x ^ x >> 28) & 0x00000000f0f0f0f0;
        x ^= t ^ t << 28;
        for (size_t i = 0; i < 8; i++) {
            size_t at = p->leaf + (x >> 8 * i & 0xff), r = 16 * (i % 4) + 8 * (i / 4) + j;
            if (output == WEIR_OUTPUT_FLOAT32)
                ((float *)out)[r] += plan->leaf[at];
            else if (output == WEIR_OUTPUT_FLOAT64)
                ((double *)out)[r] += plan->leaf64[at];
            else
                ((uint32_t *)out)[r] = plan->leaf_node[at];
        }
    }
}

typedef uint64_t lanes;

static inline lanes mux(lanes right, lanes a, lanes b)
{
    return a ^ ((a ^ b) & right);
}

#define LANES                 1
#define BLOCKS                1
#define NAME(x)               x
#define answers(results, use) ((results)[*(use)])
#include "model/kernel_lanes.h"

static void nodes(const struct weir_plan *plan, const struct weir_piece *p, const struct weir_values *v, size_t row, size_t some,
                  size_t at[ROWS])
{
    const struct weir_node *node = plan->node + p->node;
    uint32_t column = (1u << (plan->shift - 1)) - 1;
    size_t moved = 1;
    const float *x = v->x + row * v->row_step;
    for (size_t i = 0; i < ROWS; i++)
        at[i] = 0;
    while (moved) {
        moved = 0;
        for (size_t i = 0; i < some; i++) {
            struct weir_node n = node[at[i]];
            float value = x[v->index[n.next >> 1 & column] * v->column_step + i * v->row_step];
            size_t to = (n.next >> plan->shift) + ((uint32_t)(value >= n.threshold) | ((uint32_t)(value != value) & n.next));
            moved |= to ^ at[i];
            at[i] = to;
        }
    }
}

static void score_walk(const struct weir_plan *plan, size_t piece, size_t count, const struct weir_values *v,
                       enum weir_output output, void *out)
{
    const struct weir_forest *f = plan->forest;
    for (; count; piece++, count--) {
        const struct weir_piece *p = plan->piece + piece;
        for (size_t r = 0; r < v->rows; r += ROWS) {
            size_t some = v->rows - r < ROWS ? v->rows - r : ROWS;
            size_t leaf[ROWS];
            nodes(plan, p, v, r, some, leaf);
            for (size_t i = 0; i < some; i++) {
                size_t node = f->first[p->tree] + leaf[i];
                if (output == WEIR_OUTPUT_FLOAT32)
                    ((float *)out)[r + i] += f->value[node];
                else if (output == WEIR_OUTPUT_FLOAT64)
                    ((double *)out)[r + i] += f->leaf[f->place[node]];
                else
                    ((uint32_t *)out)[r + i] = (uint32_t)node;
            }
        }
    }
}

static void score(const struct weir_plan *plan, const struct weir_run *run, size_t piece, size_t count,
                  const struct weir_chunk *chunk, enum weir_output output, void *out)
{
    if (run->form == WEIR_FORM_WALK)
        score_walk(plan, piece, count, &chunk->values, output, out);
    else if (run->form == WEIR_FORM_MASK)
        score_mask(plan, run->depth, piece, count, chunk->results, output, out);
    else
        score_reach(plan, piece, count, chunk->results, output, out);
}

const struct weir_kernel weir_kernel_scalar = {.name = "scalar",
                                               .forms = WEIR_FORM_MASK | WEIR_FORM_REACH | WEIR_FORM_WALK,
                                               .bins = BINS,
                                               .blocks = {1},
                                               .few = 4,
                                               .planes = fill_planes,
                                               .tests = tests,
                                               .score = score};
