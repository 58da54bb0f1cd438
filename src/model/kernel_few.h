/* A few rows: one after the other, eight trees at a time, in plain C for every kernel. Where 64 rows cannot share a tree, eight
 * trees share a row, so that their loads wait together. */
#ifndef WEIR_MODEL_KERNEL_FEW_H
#define WEIR_MODEL_KERNEL_FEW_H

#include "model/kernel.h"

#define WEIR_FEW_ROWS      32 /* in a chunk, at most */
#define WEIR_FEW_ROWS_MASK 25 /* with packs of MASK */

/* planes: [row][row_bytes], a byte each. */
void weir_few_planes(const struct weir_plan *plan, const struct weir_values *values, uint8_t *planes);

/* As weir_kernel.score, any form but PLAIN. */
void weir_few_score(const struct weir_plan *plan, const struct weir_run *run, size_t piece, size_t count,
                    const struct weir_chunk *chunk, enum weir_output output, void *out);

#ifdef __x86_64__
/* With packs, on CPUs of weir_kernel_avx512vbmi. */
void weir_pack_planes(const struct weir_plan *plan, const struct weir_values *values, uint8_t *planes);
void weir_pack_score(const struct weir_plan *plan, const struct weir_run *run, size_t piece, size_t count,
                     const struct weir_chunk *chunk, enum weir_output output, void *out);
#endif

#define WEIR_OFFSETS 1024

/* For kernels whose rows walk by offsets of 32 bits: do these fit, and the columns in a table of WEIR_OFFSETS? */
static inline bool weir_walk_fits(const struct weir_plan *plan, const struct weir_values *v)
{
    bool simple = v->index == plan->identity && v->column_step == 1;
    return v->row_step <= INT32_MAX / 128 && (simple || plan->forest->columns <= WEIR_OFFSETS);
}

/* Where the columns are, in `table`; NULL: at their own number. */
static inline const int32_t *weir_walk_offsets(const struct weir_plan *plan, const struct weir_values *v,
                                               int32_t table[WEIR_OFFSETS])
{
    if (v->index == plan->identity && v->column_step == 1)
        return NULL;
    for (size_t c = 0; c < plan->forest->columns; c++)
        table[c] = (int32_t)(v->index[c] * v->column_step);
    return table;
}

/* The byte of one value in one plane; bin: how many thresholds are at most the value. */
static inline uint8_t weir_plane_byte(const struct weir_plan *plan, const struct weir_plane *p, float x, unsigned bin)
{
    const unsigned most = plan->kernel->bins;
    bool missing = x != x;
    if (p->kind == WEIR_SPLIT_ZERO)
        missing |= x >= -WEIR_FOREST_ZERO && x <= WEIR_FOREST_ZERO;
    if (missing)
        return p->missing_right ? (uint8_t)most : 0;
    if (p->kind == WEIR_SPLIT_SET) {
        const struct weir_forest *f = plan->forest;
        if (x < p->low || x >= WEIR_FOREST_SET_MAX)
            return 0;
        uint32_t category = (uint32_t)(int32_t)x;
        return category < f->set_size[p->set] && (f->word[f->set_first[p->set] + category / 32] >> category % 32 & 1)
                   ? (uint8_t)most
                   : 0;
    }
    bin = bin > p->below ? bin - p->below : 0;
    return (uint8_t)(bin < most ? bin : most);
}

#endif
