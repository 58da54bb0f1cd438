/* Plain C: rows walk through heaps of bytes, eight at a time, without a branch. */
#include "model/kernel.h"
#include "model/kernel_few.h"

enum { LANES = 8 };

/* Bins of `LANES` rows of a column. */
static inline __attribute__((always_inline)) void search(const float *table, unsigned steps, const float *x, size_t row_step,
                                                         uint32_t bin[LANES])
{
    size_t k[LANES];
    float value[LANES];
    for (size_t i = 0; i < LANES; i++) {
        value[i] = x[i * row_step];
        k[i] = 1;
    }
    for (unsigned s = 0; s < steps; s++)
        for (size_t i = 0; i < LANES; i++)
            k[i] += k[i] + !(value[i] >= table[k[i]]);
    for (size_t i = 0; i < LANES; i++)
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
        for (; r + LANES <= v->rows; r += LANES)
            search(plan->table + s->table, s->steps, x + r * v->row_step, v->row_step, bin + r);
        for (; r < v->rows; r++) {
            uint32_t one[LANES];
            search(plan->table + s->table, s->steps, x + r * v->row_step, 0, one);
            bin[r] = one[0];
        }
        if (s->simple) {
            for (r = 0; r < v->rows; r++)
                first[r] = (uint8_t)bin[r];
            continue;
        }
        for (size_t p = 0; p < s->planes; p++)
            for (r = 0; r < v->rows; r++)
                first[p * WEIR_BLOCK + r] = weir_plane_byte(plan, &plan->plane[s->plane + p], x[r * v->row_step], bin[r]);
    }
}

/* The leaf of each row, by heap and by nodes. */
static inline __attribute__((always_inline)) void walk_heap(const struct weir_heap *heap, const uint8_t *planes, size_t at[LANES])
{
    for (size_t i = 0; i < LANES; i++)
        at[i] = 1;
    for (unsigned level = 0; level < WEIR_MASK_DEPTH; level++)
        for (size_t i = 0; i < LANES; i++) {
            const struct weir_heap *h = heap + at[i];
            at[i] += at[i] + (planes[h->row + i] < h->bin);
        }
}

static inline __attribute__((always_inline)) void steps(const uint32_t *step, unsigned depth, const uint8_t *planes,
                                                        size_t at[LANES])
{
    for (size_t i = 0; i < LANES; i++)
        at[i] = 0;
    for (; depth; depth--)
        for (size_t i = 0; i < LANES; i++) {
            uint32_t s = step[at[i]];
            const uint8_t *plane = planes + WEIR_STEP_PLANE(s) * WEIR_BLOCK;
            at[i] = WEIR_STEP_CHILD(s) + (plane[i] >= WEIR_STEP_BIN(s));
        }
}

static void nodes(const struct weir_plan *plan, const struct weir_piece *p, const struct weir_values *v, size_t row, size_t lanes,
                  size_t at[LANES])
{
    const struct weir_node *node = plan->node + p->node;
    uint32_t column = (1u << (plan->shift - 1)) - 1;
    size_t moved = 1;
    const float *x = v->x + row * v->row_step;
    for (size_t i = 0; i < LANES; i++)
        at[i] = 0;
    while (moved) {
        moved = 0;
        for (size_t i = 0; i < lanes; i++) {
            struct weir_node n = node[at[i]];
            float value = x[v->index[n.next >> 1 & column] * v->column_step + i * v->row_step];
            size_t to = (n.next >> plan->shift) + ((uint32_t)(value >= n.threshold) | ((uint32_t)(value != value) & n.next));
            moved |= to ^ at[i];
            at[i] = to;
        }
    }
}

static void score(const struct weir_plan *plan, enum weir_form form, size_t piece, size_t count, const struct weir_values *v,
                  unsigned blocks, const uint8_t *planes, enum weir_output output, void *out)
{
    const struct weir_forest *f = plan->forest;
    (void)blocks;
    for (; count; piece++, count--) {
        const struct weir_piece *p = plan->piece + piece;
        for (size_t r = 0; r < v->rows; r += LANES) {
            size_t lanes = v->rows - r < LANES ? v->rows - r : LANES;
            size_t leaf[LANES];
            if (form == WEIR_FORM_MASK)
                walk_heap(plan->heap + p->heap, planes + r, leaf);
            else if (form == WEIR_FORM_WALK)
                nodes(plan, p, v, r, lanes, leaf);
            else
                steps(plan->step + p->step, p->depth, planes + r, leaf);
            if (form == WEIR_FORM_MASK) {
                uint32_t last = p->leaf + (2u << WEIR_MASK_DEPTH) - 1;
                for (size_t i = 0; i < LANES; i++)
                    if (output == WEIR_OUTPUT_FLOAT32)
                        ((float *)out)[r + i] += plan->leaf[last - leaf[i]];
                    else if (output == WEIR_OUTPUT_FLOAT64)
                        ((double *)out)[r + i] += plan->leaf64[last - leaf[i]];
                    else
                        ((uint32_t *)out)[r + i] = plan->leaf_node[last - leaf[i]];
                continue;
            }
            for (size_t i = 0; i < lanes; i++) {
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

const struct weir_kernel weir_kernel_scalar = {.name = "scalar",
                                               .forms = WEIR_FORM_MASK | WEIR_FORM_REACH | WEIR_FORM_WALK,
                                               .bins = 255,
                                               .blocks = {1},
                                               .few = 4,
                                               .planes = fill_planes,
                                               .score = score};
