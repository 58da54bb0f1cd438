#include "model/kernel_few.h"

enum { TREES = 8 };

/* `lanes` columns of one row: their searches go on side by side. */
static inline __attribute__((always_inline)) void search(const struct weir_plan *plan, const struct weir_search *s, size_t lanes,
                                                         const struct weir_values *v, size_t row, unsigned bin[TREES],
                                                         float value[TREES])
{
    unsigned steps = 0, k[TREES];
    for (size_t i = 0; i < lanes; i++) {
        value[i] = v->x[v->index[s[i].column] * v->column_step + row * v->row_step];
        k[i] = 1;
        steps = s[i].steps > steps ? s[i].steps : steps;
    }
    for (unsigned step = 0; step < steps; step++)
        for (size_t i = 0; i < lanes; i++) {
            if (step >= s[i].steps)
                continue;
            k[i] = 2 * k[i] + !(value[i] >= plan->table[s[i].table + k[i]]);
        }
    for (size_t i = 0; i < lanes; i++)
        bin[i] = (2u << s[i].steps) - 1 - k[i];
}

void weir_few_planes(const struct weir_plan *plan, const struct weir_values *v, uint8_t *planes)
{
    unsigned bin[TREES];
    float value[TREES];
    for (size_t r = 0; r < v->rows; r++)
        for (size_t i = 0; i < plan->searches; i += TREES) {
            const struct weir_search *s = plan->search + i;
            size_t lanes = plan->searches - i < TREES ? plan->searches - i : TREES;
            if (lanes == TREES)
                search(plan, s, TREES, v, r, bin, value);
            else
                search(plan, s, lanes, v, r, bin, value);
            for (size_t k = 0; k < lanes; k++)
                for (unsigned p = s[k].plane; p < s[k].plane + s[k].planes; p++)
                    planes[r * plan->row_bytes + p] =
                        s[k].simple ? (uint8_t)bin[k] : weir_plane_byte(plan, &plan->plane[p], value[k], bin[k]);
        }
}

/* Leaf numbers of `lanes` trees for one row. */
static inline __attribute__((always_inline)) void heaps(const struct weir_plan *plan, const struct weir_piece *piece,
                                                        size_t lanes, unsigned depth, const uint8_t *planes, uint32_t leaf[TREES])
{
    const struct weir_heap *heap[TREES];
    size_t at[TREES];
    for (size_t i = 0; i < lanes; i++) {
        heap[i] = plan->heap + piece[i].heap;
        at[i] = 1;
    }
    for (unsigned level = 0; level < depth; level++)
        for (size_t i = 0; i < lanes; i++) {
            const struct weir_heap *h = heap[i] + at[i];
            at[i] += at[i] + (planes[h->row / WEIR_BLOCK] < h->bin);
        }
    for (size_t i = 0; i < lanes; i++)
        leaf[i] = (uint32_t)(piece[i].leaf + (2u << depth) - 1 - at[i]);
}

static unsigned deepest(const struct weir_piece *piece, size_t lanes)
{
    unsigned depth = 0;
    for (size_t i = 0; i < lanes; i++)
        depth = piece[i].depth > depth ? piece[i].depth : depth;
    return depth;
}

static inline __attribute__((always_inline)) void steps(const struct weir_plan *plan, const struct weir_piece *piece,
                                                        size_t lanes, const uint8_t *planes, uint32_t leaf[TREES])
{
    uint32_t at[TREES] = {0};
    for (unsigned depth = deepest(piece, lanes); depth; depth--)
        for (size_t i = 0; i < lanes; i++) {
            uint32_t s = plan->step[piece[i].step + at[i]];
            at[i] = WEIR_STEP_CHILD(s) + (planes[WEIR_STEP_PLANE(s)] >= WEIR_STEP_BIN(s));
        }
    for (size_t i = 0; i < lanes; i++)
        leaf[i] = plan->forest->first[piece[i].tree] + at[i];
}

static inline __attribute__((always_inline)) void nodes(const struct weir_plan *plan, const struct weir_piece *piece,
                                                        size_t lanes, const struct weir_values *v, size_t row,
                                                        uint32_t leaf[TREES])
{
    uint32_t at[TREES] = {0}, column = (1u << (plan->shift - 1)) - 1;
    for (unsigned depth = deepest(piece, lanes); depth; depth--)
        for (size_t i = 0; i < lanes; i++) {
            struct weir_node n = plan->node[piece[i].node + at[i]];
            float x = v->x[v->index[n.next >> 1 & column] * v->column_step + row * v->row_step];
            at[i] = (n.next >> plan->shift) + ((uint32_t)(x >= n.threshold) | ((uint32_t)(x != x) & n.next));
        }
    for (size_t i = 0; i < lanes; i++)
        leaf[i] = plan->forest->first[piece[i].tree] + at[i];
}

static inline __attribute__((always_inline)) void some(const struct weir_plan *plan, const struct weir_run *run,
                                                       const struct weir_piece *piece, size_t lanes, const struct weir_values *v,
                                                       size_t row, const uint8_t *planes, uint32_t leaf[TREES])
{
    if (run->form == WEIR_FORM_MASK)
        heaps(plan, piece, lanes, run->depth, planes, leaf);
    else if (run->form == WEIR_FORM_WALK)
        nodes(plan, piece, lanes, v, row, leaf);
    else
        steps(plan, piece, lanes, planes, leaf);
}

void weir_few_score(const struct weir_plan *plan, const struct weir_run *run, size_t piece, size_t count,
                    const struct weir_chunk *chunk, enum weir_output output, void *out)
{
    const struct weir_forest *f = plan->forest;
    const struct weir_values *v = &chunk->values;
    bool heap = run->form == WEIR_FORM_MASK;
    uint32_t leaf[TREES];
    for (size_t r = 0; r < v->rows; r++)
        for (size_t t = 0; t < count; t += TREES) {
            size_t lanes = count - t < TREES ? count - t : TREES;
            if (lanes == TREES)
                some(plan, run, plan->piece + piece + t, TREES, v, r, chunk->planes + r * plan->row_bytes, leaf);
            else
                some(plan, run, plan->piece + piece + t, lanes, v, r, chunk->planes + r * plan->row_bytes, leaf);
            for (size_t i = 0; i < lanes; i++) {
                if (output == WEIR_OUTPUT_FLOAT32)
                    ((float *)out)[r] += heap ? plan->leaf[leaf[i]] : f->value[leaf[i]];
                else if (output == WEIR_OUTPUT_FLOAT64)
                    ((double *)out)[r] += heap ? plan->leaf64[leaf[i]] : f->leaf[f->place[leaf[i]]];
                else
                    ((uint32_t *)out)[r] = heap ? plan->leaf_node[leaf[i]] : leaf[i];
            }
        }
}
