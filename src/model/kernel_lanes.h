/* MASK and REACH for chunks of BLOCKS blocks: bit masks of 64 rows in vectors of LANES. Included once for each size of chunk by
 * the kernel of an instruction set, which defines before:
 *
 *   LANES                      64-bit lanes of a vector
 *   lanes                      that vector, of uint64_t
 *   mux(right, a, b)           lanes: bits of b where `right` has ones, else of a
 *   BLOCKS                     blocks of the chunk; divides LANES
 *   NAME(x)                    x, named after BLOCKS
 *   vector, broadcast(bin)     a test's bin as compare wants it
 *   compare(plane, bin)        uint64_t: for the 64 bytes at `plane`: is it >= bin?
 *   add_leaves(...)            adds (or writes) the leaves whose numbers stand in bit planes
 *
 * A lane is a block of a tree. With fewer blocks than lanes, several trees fill a vector: the work per tree shrinks with the
 * rows.
 */

#ifndef WEIR_MODEL_KERNEL_LANES_H
#define WEIR_MODEL_KERNEL_LANES_H

/* Of the subtree at heap place `at`, n levels deep: the test's result on its last level, where a row gets to. All results of the
 * tree are in m, rows in lanes; the constants fold, so that nothing but the choices is left. */
#define PICK static inline __attribute__((always_inline)) lanes

PICK pick1(const lanes *m, unsigned at)
{
    return m[at];
}

PICK pick2(const lanes *m, unsigned at)
{
    return mux(m[at], pick1(m, 2 * at), pick1(m, 2 * at + 1));
}

PICK pick3(const lanes *m, unsigned at)
{
    return mux(m[at], pick2(m, 2 * at), pick2(m, 2 * at + 1));
}

PICK pick4(const lanes *m, unsigned at)
{
    return mux(m[at], pick3(m, 2 * at), pick3(m, 2 * at + 1));
}

PICK pick5(const lanes *m, unsigned at)
{
    return mux(m[at], pick4(m, 2 * at), pick4(m, 2 * at + 1));
}

PICK pick6(const lanes *m, unsigned at)
{
    return mux(m[at], pick5(m, 2 * at), pick5(m, 2 * at + 1));
}

#undef PICK

/* The bits of the leaves' numbers, from the results of the tests at their heap places. */
static inline void leaf_numbers(const lanes *m, lanes bit[WEIR_MASK_DEPTH])
{
    bit[5] = pick1(m, 1);
    bit[4] = pick2(m, 1);
    bit[3] = pick3(m, 1);
    bit[2] = pick4(m, 1);
    bit[1] = pick5(m, 1);
    bit[0] = pick6(m, 1);
}

#endif

enum { NAME(TREES) = LANES / BLOCKS };

typedef uint64_t NAME(blocks) __attribute__((vector_size(8 * BLOCKS), aligned(8 * BLOCKS)));

static void NAME(score_mask)(const struct weir_plan *plan, size_t piece, size_t count, const uint8_t *planes,
                             enum weir_output output, void *out)
{
    union {
        lanes lanes[64];
        uint64_t mask[64][LANES];
    } m;
    union {
        lanes lanes[WEIR_MASK_DEPTH];
        uint64_t mask[WEIR_MASK_DEPTH][LANES];
    } bit;
    memset(&m, 0, sizeof m); /* places without a test lead to equal leaves: any mask will do */
    for (; count; piece += NAME(TREES) < count ? NAME(TREES) : count, count -= NAME(TREES) < count ? NAME(TREES) : count) {
        const struct weir_piece *p = plan->piece + piece;
        size_t trees = NAME(TREES) < count ? NAME(TREES) : count;
        for (size_t t = 0; t < trees; t++) {
            const struct weir_test *test = plan->test + p[t].test;
            for (size_t i = 0; i < p[t].tests; i++) {
                const uint8_t *plane = planes + (size_t)test[i].plane * BLOCKS * WEIR_BLOCK;
                uint64_t *mask = m.mask[test[i].place] + t * BLOCKS;
                vector bin = broadcast(test[i].bin);
#pragma GCC unroll 8
                for (size_t b = 0; b < BLOCKS; b++)
                    mask[b] = compare(plane + b * WEIR_BLOCK, bin);
            }
        }
        leaf_numbers(m.lanes, bit.lanes);
        for (size_t t = 0; t < trees; t++)
            for (size_t b = 0; b < BLOCKS; b++)
                add_leaves(plan, p + t, bit.mask[0] + t * BLOCKS + b, LANES, WEIR_MASK_DEPTH, b, output, out);
    }
}

static void NAME(score_reach)(const struct weir_plan *plan, size_t piece, size_t count, const uint8_t *planes,
                              enum weir_output output, void *out)
{
    union {
        NAME(blocks) blocks[WEIR_REACH_LEAVES];
        uint64_t mask[WEIR_REACH_LEAVES][BLOCKS];
    } m, reach;
    union {
        NAME(blocks) blocks[8];
        uint64_t mask[8][BLOCKS];
    } bit;
    for (; count; piece++, count--) {
        const struct weir_piece *p = plan->piece + piece;
        const struct weir_test *test = plan->test + p->test;
        unsigned bits = 1;
        for (size_t i = 0; i < p->tests; i++) {
            const uint8_t *plane = planes + (size_t)test[i].plane * BLOCKS * WEIR_BLOCK;
            vector bin = broadcast(test[i].bin);
#pragma GCC unroll 8
            for (size_t b = 0; b < BLOCKS; b++)
                m.mask[i][b] = compare(plane + b * WEIR_BLOCK, bin);
        }
        memset(reach.mask[0], 0xff, sizeof reach.mask[0]);
        for (size_t i = 0; i < p->tests; i++) {
            NAME(blocks) *left = &reach.blocks[test[i].place];
            reach.blocks[i + 1] = *left & m.blocks[i];
            *left &= ~m.blocks[i];
        }
        /* A row is in one slot's set; its number's bits are those of the slot. */
        while (1u << bits < p->leaves)
            bits++;
        for (unsigned k = 0; k < bits; k++) {
            NAME(blocks) sum = reach.blocks[0] ^ reach.blocks[0];
            for (unsigned first = 1u << k; first < p->leaves; first += 2u << k)
                for (unsigned i = first; i < first + (1u << k) && i < p->leaves; i++)
                    sum |= reach.blocks[i];
            bit.blocks[k] = sum;
        }
        for (size_t b = 0; b < BLOCKS; b++)
            add_leaves(plan, p, bit.mask[0] + b, BLOCKS, bits, b, output, out);
    }
}
