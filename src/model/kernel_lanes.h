/* MASK and REACH for chunks of BLOCKS blocks: bit masks of 64 rows in vectors of LANES. Included once for each size of chunk by
 * the kernel of an instruction set, which defines before:
 *
 *   lanes, LANES               a vector of uint64_t, and how many; BLOCKS, or with one block any number up to 8
 *   mux(right, a, b)           lanes: bits of b where `right` has ones, else of a
 *   BLOCKS                     blocks of the chunk
 *   NAME(x)                    x, named after BLOCKS
 *   answers(results, use)      lanes: the results of a test; with one block, of LANES trees' tests (use: their numbers)
 *   add_leaves(...)            adds (or writes) the leaves whose numbers stand in bit planes
 *   NUMBERS                    perhaps, then numbers(...) makes the numbers of all lanes at once, and add_numbers(...) adds
 *
 * A lane is a block of a tree. With one block, several trees fill a vector.
 */

enum { NAME(TREES) = LANES / BLOCKS };

typedef uint64_t NAME(blocks) __attribute__((vector_size(8 * BLOCKS), aligned(8 * BLOCKS), may_alias));

/* The bits of the leaves' numbers, from the answers at the places of a heap. The root's answers choose between the left and the
 * right place of each pair below, which leaves a tree that is one level lower: and so on. */
static inline __attribute__((always_inline)) void NAME(leaf_numbers)(unsigned depth, const uint64_t *results, const uint16_t *use,
                                                                     lanes bit[WEIR_MASK_DEPTH])
{
    const lanes root = bit[depth - 1] = answers(results, use + WEIR_OCTET);
    bit[depth - 2] = mux(root, answers(results, use + 2 * WEIR_OCTET), answers(results, use + 3 * WEIR_OCTET));
#pragma GCC unroll 8
    for (unsigned level = 2; level < depth; level++) {
        lanes at[1 << (WEIR_MASK_DEPTH - 3)];
        unsigned width = 1u << (level - 2);
#pragma GCC unroll 16
        for (unsigned k = 0; k < width; k++) {
            const uint16_t *left = use + (size_t)(4 * width + k) * WEIR_OCTET, *right = left + 2 * width * WEIR_OCTET;
            lanes a = mux(root, answers(results, left), answers(results, right));
            lanes b = mux(root, answers(results, left + width * WEIR_OCTET), answers(results, right + width * WEIR_OCTET));
            at[k] = mux(bit[depth - 2], a, b);
        }
#pragma GCC unroll 8
        for (unsigned above = 2; above < level; above++) {
            width /= 2;
#pragma GCC unroll 16
            for (unsigned k = 0; k < width; k++)
                at[k] = mux(bit[depth - 1 - above], at[k], at[k + width]);
        }
        bit[depth - 1 - level] = at[0];
    }
}

static inline __attribute__((always_inline)) void NAME(score_depth)(const struct weir_plan *plan, unsigned depth, size_t piece,
                                                                    size_t count, const uint64_t *results,
                                                                    enum weir_output output, void *out)
{
    union {
        lanes lanes[WEIR_MASK_DEPTH];
        uint64_t mask[WEIR_MASK_DEPTH][LANES];
    } bit;
    for (size_t trees; count; piece += trees, count -= trees) {
        const struct weir_piece *p = plan->piece + piece;
        trees = NAME(TREES) < count ? NAME(TREES) : count;
        NAME(leaf_numbers)(depth, results, plan->use + p->use, bit.lanes);
#ifdef NUMBERS
        __m512i number[LANES];
        numbers(bit.lanes, depth, number);
        for (size_t t = 0; t < trees; t++)
            for (size_t b = 0; b < BLOCKS; b++)
                add_numbers(plan, p + t, number[t * BLOCKS + b], b, output, out);
#else
        for (size_t t = 0; t < trees; t++)
            for (size_t b = 0; b < BLOCKS; b++)
                add_leaves(plan, p + t, bit.mask[0] + t * BLOCKS + b, LANES, depth, b, output, out);
#endif
    }
}

static void NAME(score_mask)(const struct weir_plan *plan, unsigned depth, size_t piece, size_t count, const uint64_t *results,
                             enum weir_output output, void *out)
{
    switch (depth) {
    case 4:
        NAME(score_depth)(plan, 4, piece, count, results, output, out);
        break;
    case 6:
        NAME(score_depth)(plan, 6, piece, count, results, output, out);
        break;
    case 7:
        NAME(score_depth)(plan, 7, piece, count, results, output, out);
        break;
    default:
        NAME(score_depth)(plan, 8, piece, count, results, output, out);
    }
}

static void NAME(score_reach)(const struct weir_plan *plan, size_t piece, size_t count, const uint64_t *results,
                              enum weir_output output, void *out)
{
    union {
        NAME(blocks) blocks[WEIR_REACH_LEAVES];
        uint64_t mask[WEIR_REACH_LEAVES][BLOCKS];
    } reach;
    union {
        NAME(blocks) blocks[8];
        uint64_t mask[8][BLOCKS];
    } bit;
    const NAME(blocks) *answer = (const void *)results;
    for (; count; piece++, count--) {
        const struct weir_piece *p = plan->piece + piece;
        const struct weir_split *split = plan->split + p->split;
        unsigned bits = 1;
        memset(reach.mask[0], 0xff, sizeof reach.mask[0]);
        for (size_t i = 0; i < p->tests; i++) {
            NAME(blocks) here = reach.blocks[split[i].left], right = here & answer[split[i].test];
            reach.blocks[split[i].left] = here ^ right;
            reach.blocks[split[i].right] = right;
        }
        /* A row is in one leaf's set; its number's bits are those of the leaf. */
        while (1u << bits < p->leaves)
            bits++;
        for (unsigned k = 0; k < bits; k++) {
            NAME(blocks) sum = reach.blocks[0] ^ reach.blocks[0];
            for (unsigned first = 1u << k; first < p->leaves; first += 2u << k)
                for (unsigned i = first; i < first + (1u << k) && i < p->leaves; i++)
                    sum |= reach.blocks[i];
            bit.blocks[k] = sum;
        }
#if defined NUMBERS && BLOCKS == 8
        __m512i number[BLOCKS];
        numbers(bit.blocks, bits, number);
        for (size_t b = 0; b < BLOCKS; b++)
            add_numbers(plan, p, number[b], b, output, out);
#else
        for (size_t b = 0; b < BLOCKS; b++)
            add_leaves(plan, p, bit.mask[0] + b, BLOCKS, bits, b, output, out);
#endif
    }
}
