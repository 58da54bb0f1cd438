/* What the scorers of a forest share: the compiled plan, and the table of functions that each instruction set fills.
 *
 * A plan scores chunks of up to 512 rows. The values of a chunk are first turned into planes of bytes. The thresholds of a
 * column, sorted, number its values from 0 (below all) up, and x >= threshold is exactly bin(x) >= bin(threshold). A column has
 * as many planes as its tests need: one for each 255 (127) thresholds, for each side that missing values go to (0 is always left,
 * the most always right: missing values cost no test anything), for each set of categories (0 or the most). So every test of
 * every tree is one comparison of a byte with a constant, whatever its kind.
 *
 *   planes  [plane][blocks][64 rows]    blocks: of 64 rows, in the chunk
 *
 * Trees share tests: each different one of theirs (thousands of nodes ask hundreds of questions) is answered once for all rows of
 * the chunk, a bit a row, before the trees are scored.
 *
 *   results [test][blocks] of 64 bits
 *
 * Trees are compiled to one of these forms:
 *   MASK       depth <= 8, padded to a complete one: the leaf's number is muxed out of the answers
 *   REACH      up to 256 leaves, any shape: each answer splits the set of rows that reached its node
 *   OBLIVIOUS  depth <= 8, one test a level: the leaf's number is the tests' bits
 *   WALK       any other: rows walk from node to node by float32 comparisons; or, when most trees are of this form and the
 *              kernel has codes, all trees: by codes, from where the answers to the tests of the top six levels lead
 *   PLAIN      what none of these takes: walked by the rules of forest.h
 * A kernel says which forms it has. All kernels give the same bits: leaves are those of forest.h's rules, and a group's leaf
 * values are added in tree order. Everything here is immutable once built and read by any thread; kernels use the stack alone.
 */
#ifndef WEIR_MODEL_KERNEL_H
#define WEIR_MODEL_KERNEL_H

#include "model/forest.h"

#define WEIR_BLOCK       64 /* rows: the results of a test are one 64-bit mask */
#define WEIR_BLOCKS      8  /* in a chunk, at most */
#define WEIR_CHUNK       (WEIR_BLOCK * WEIR_BLOCKS)
#define WEIR_PLANES_MAX  1024        /* of a plan */
#define WEIR_PLANE_BYTES (64 * 1024) /* of a chunk: the more planes, the fewer blocks */

enum weir_form { WEIR_FORM_MASK = 1, WEIR_FORM_OBLIVIOUS = 2, WEIR_FORM_REACH = 4, WEIR_FORM_WALK = 8, WEIR_FORM_PLAIN = 16 };

#define WEIR_MASK_DEPTH      8
#define WEIR_OBLIVIOUS_DEPTH 8
#define WEIR_REACH_LEAVES    256

#define WEIR_WALK_CHUNKS  4 /* with codes: scored together, so that a tree's nodes are fetched once for all of them */
#define WEIR_WALK_ROWS    (WEIR_WALK_CHUNKS * WEIR_CHUNK)
#define WEIR_CODES        (256 * 1024) /* of those chunks, at most */
#define WEIR_RESULT_BYTES (768 * 1024) /* of a chunk: the more tests, the fewer blocks */
#define WEIR_TESTS_MAX    24576        /* of a batch */
#define WEIR_OCTET        8

/* A row goes right when its byte of the plane is >= the bin. */
struct weir_test {
    uint32_t bin; /* the byte, four times: a load of 32 bits broadcasts faster than one of 8 */
    uint16_t plane;
    uint16_t same; /* of a batch: so many tests from this one on are of this plane */
};

/* Consecutive trees that share tests; these are sorted by plane. */
struct weir_batch {
    uint32_t test, tests;
};

/* REACH: a node's test, and the first leaf of its left and of its right subtree; leaves are numbered from left to right. */
struct weir_split {
    uint16_t test;
    uint8_t left, right;
};

/* For one row that walks. MASK: a heap of these, where the row goes from k to 2k, or to 2k + 1 when its byte is below the bin,
 * and from the last level to leaf 2 * 2^depth - 1 - k. */
struct weir_heap {
    uint8_t bin;
    uint16_t row; /* plane * 64 */
};

/* OBLIVIOUS, REACH: bin | plane << 8 | child << 18, child counted from the root and signed: the row goes to the child or the
 * place behind it. A leaf sends every row behind the place before it; of a lone leaf that is -1. */
#define WEIR_STEP(bin, plane, child) ((uint32_t)(bin) | (uint32_t)(plane) << 8 | (uint32_t)(child) << 18)
#define WEIR_STEP_BIN(step)          ((step)&0xff)
#define WEIR_STEP_PLANE(step)        ((step) >> 8 & 0x3ff)
#define WEIR_STEP_CHILD(step)        ((uint32_t)((int32_t)(step) >> 18))

struct weir_node {
    float threshold; /* NaN in a leaf: no comparison sends a row to the right */
    uint32_t next;   /* left child, counted from the root (of a leaf: itself) << shift | column << 1 | missing goes right */
};

/* WALK by codes. In forests of large trees a column has more thresholds than a byte can number; a code of 16 bits can. A row's
 * codes stand side by side, so that a row on its way stays in a line or two, and a node is one word:
 *
 *   threshold's number (code_bits) | child (child_bits) | place of its column's code (place_bits)
 *
 * or two when that is more than 32 bits (wide: threshold and place have 16 bits each, the child stands in `next`). A tree's
 * places are counted from its second node on: the children of its k-th inner node are at 2 k and 2 k + 1, and child is k. A leaf
 * is its own child: its threshold is 0 (every code goes right) or all ones (none does). Codes have their highest bit at bit 15,
 * so that 32 bits of which a code is the higher half compare with a word's threshold as codes do.
 * A missing value's code sends it to the side that all the column's nodes name. Where they differ it is WEIR_CODE_MISSING, and a
 * chunk that has some looks the node's side up in `right`: such rows cost more, the others nothing.
 * The first six levels are answered by bytes, as MASK; entries say where each of the 64 places below them goes on. */
struct weir_code {
    uint16_t column, steps; /* its search tree in `code_table` */
    uint16_t missing;       /* the code of a missing value */
    uint32_t table;
};
#define WEIR_CODES_MAX    512
#define WEIR_LEAVES_FEW   16
#define WEIR_CODE_MISSING UINT16_MAX /* no number of thresholds: those have a bit that is 0 */
#define WEIR_TOP_DEPTH    6

struct weir_piece {       /* a compiled tree */
    uint32_t tree;        /* in the forest */
    uint32_t test, tests; /* OBLIVIOUS: from the first level on */
    uint32_t use;         /* MASK: of the root's place in `use` */
    uint32_t split;       /* REACH: a node for each test, parents before children */
    uint32_t heap;        /* MASK: its heap of 2^depth entries */
    uint32_t step;        /* OBLIVIOUS, REACH: its nodes */
    uint32_t leaf;        /* MASK, OBLIVIOUS, REACH: its leaves, from left to right, from a multiple of 64 on */
    uint32_t leaves;      /* MASK: of the complete tree */
    uint32_t node;        /* WALK: its root in `node`; nodes stand as in the forest */
    uint32_t entry;       /* WALK by codes: its 64 entries */
    uint16_t depth;
};

/* Consecutive trees of one group and one form. */
struct weir_run {
    enum weir_form form;
    uint16_t group, depth; /* MASK: that all of them are padded to; WALK: of their tops, when they walk by codes, else 0 */
    uint32_t batch;        /* when there are such tests; WALK: the first piece's, each has its own */
    uint32_t piece, pieces;
    uint32_t pack; /* its first one, or WEIR_NO_PACK */
};

/* 64 trees of a run, for kernels that score a row by 64 trees at a time: lane t belongs to the t-th tree. Lines in `pack_byte`:
 *   MASK       by place in the heap (2^depth, the first one is not used): 64 planes, 64 bins
 *   OBLIVIOUS  by level: the same
 *   REACH      by node in any order: the same and `masks` times 64 bytes: the leaves that remain when the row goes right, leaf l
 *              being bit l % 8 of byte l / 8. The leftmost leaf that remains is the row's. */
struct weir_pack {
    size_t first;             /* in `pack_byte` */
    uint16_t lines, masks;    /* masks: REACH: 4 or 8 */
    uint32_t leaf, leaf_room; /* tree t's leaves are at leaf + t * leaf_room */
    uint32_t trees;
};

#define WEIR_NO_PACK   UINT32_MAX
#define WEIR_PACK      64
#define WEIR_PACK_ROW  256 /* planes, at most */
#define WEIR_PACK_LEAF 64  /* leaves of REACH, at most */

/* A column's thresholds as a search tree in level order, 2^steps floats: from k = 1 on, k becomes 2k for x >= table[k], else 2k +
 * 1 (also where there is no threshold: NaN), and after all steps 2^(steps + 1) - 1 - k thresholds are at most x. */
struct weir_search {
    uint16_t column, steps;
    uint16_t plane, planes; /* its planes */
    uint32_t table;         /* in `table`, a multiple of 16 */
    bool single;            /* one plane of bins */
    bool simple;            /* that, and missing values go left */
    bool plain;             /* in all planes bins, and missing values go left: their bin is 0 in any case */
};

struct weir_plane {
    uint16_t column;
    uint16_t below;     /* thresholds that the planes before hold: byte = bin - below, at least 0, at most the kernel's bins */
    bool missing_right; /* the most for missing values, else 0 */
    uint8_t kind;       /* enum weir_split_kind; SET: the most for members, else 0 */
    uint32_t set;       /* SET: its set */
    float low;          /* SET: values below are no members */
};

struct weir_plan {
    const struct weir_forest *forest;
    const struct weir_kernel *kernel;
    size_t searches, planes, runs, batches;
    size_t most_tests;          /* of a batch */
    unsigned shift;             /* of weir_node.next */
    struct weir_search *search; /* by column */
    struct weir_plane *plane;   /* by column */
    float *table;
    struct weir_run *run;     /* by group, then by tree */
    struct weir_piece *piece; /* the same order */
    struct weir_batch *batch;
    struct weir_test *test;
    uint16_t *use; /* MASK: test numbers by the places of a heap, root 1, for eight trees of a run: [place][8] */
    struct weir_split *split;
    struct weir_heap *heap;
    uint32_t *step;
    float *leaf;        /* values of leaves with FLOAT32 sums */
    uint8_t *leaf_byte; /* first bytes of the values of 64 leaves, then their second, third and fourth; and so on */
    struct weir_pack *pack;
    uint8_t *pack_byte;
    size_t row_bytes; /* of a row's planes, when there are few rows: a multiple of 64 */
    bool packed;      /* every run has packs */
    size_t few;       /* up to this many rows are faster row by row */
    /* The searches and planes by array, padded to 16: for kernels that take a row's columns in vectors. */
    struct {
        uint32_t *column, *table, *steps; /* [searches] */
        float *top;                       /* [searches / 16][16 places of a search's first four levels][16 searches] */
        uint32_t *search, *below;         /* [planes] */
        uint16_t *missing, *zero, *right; /* [planes / 16] bits: missing values matter; zero is one; they go right */
        bool simple;                      /* every search is: planes are bins */
    } vector;
    double *leaf64;      /* with FLOAT64 sums and width 1 */
    uint32_t *leaf_node; /* their places in the forest */
    struct weir_node *node;
    /* WALK by codes: all trees, or row_codes is 0. */
    size_t codes, row_codes; /* row_codes: `codes`, made even */
    struct weir_code *code;
    float *code_table;
    unsigned code_bits, child_bits, place_bits;
    bool wide;
    uint32_t *word, *next; /* [nodes of the forest]; next: wide: twice the child */
    uint8_t *right;        /* [nodes of the forest, and 3] 1: a missing value goes right (in leaves: to itself) */
    /* With FLOAT64 and width 1, values of leaves: by node of the forest; or, when fewer are different, their number by node and
     * they by number; or, when these are WEIR_LEAVES_FEW at most, that number is the place in the leaf's word. */
    double *leaf_at, *leaf_value;
    uint16_t *leaf_of;
    bool leaves_few;
    uint32_t *entry;    /* [piece][64] */
    uint32_t *child;    /* [nodes of the forest] left child, 0 in leaves */
    uint32_t *of_tree;  /* [trees] its piece */
    uint16_t *identity; /* 0, 1, ...: the index when the caller has none */
};

/* Where a chunk's values are: row r, column c at x[index[c] * column_step + r * row_step]. Row-major: column_step 1 and the
 * identity as index; feature-major: row_step 1 and column_step 64 (one block). */
struct weir_values {
    const float *x;
    const uint16_t *index;
    size_t column_step, row_step, rows;
};

enum weir_output {
    WEIR_OUTPUT_FLOAT32, /* adds leaf values to float[rows] */
    WEIR_OUTPUT_FLOAT64, /* to double[rows] */
    WEIR_OUTPUT_NUMBER,  /* a kernel's own */
    WEIR_OUTPUT_NODE     /* one piece: writes the leaves' places in the forest to uint32_t[rows] */
};

/* A chunk on its way. */
struct weir_chunk {
    struct weir_values values;
    unsigned blocks;         /* 0: a few rows */
    const uint8_t *planes;   /* few rows: [row][row_bytes] */
    const uint64_t *results; /* of the run's batch */
    const uint16_t *codes; /* [row][row_codes], when the plan has codes: behind those of the chunk before, whose blocks are full;
                            * two bytes before them may be read */
    bool missing;          /* some of them may be WEIR_CODE_MISSING */
};

struct weir_kernel {
    const char *name;
    unsigned forms;     /* enum weir_form, or-ed; PLAIN goes without saying */
    unsigned bins;      /* thresholds a plane: 255, or 127 where the sign of a difference compares */
    unsigned blocks[4]; /* sizes of chunks that it has, falling, 0 at the end */
    size_t few;         /* up to this many rows are faster row by row */
    bool packs;         /* it takes them */
    /* Fills the planes of a chunk; bytes of rows past the last one may be anything. No value past the last row is read in
     * row-major chunks; feature-major blocks are readable whole. */
    void (*planes)(const struct weir_plan *plan, const struct weir_values *values, unsigned blocks, uint8_t *planes);
    /* Fills the codes of a chunk, as planes, and says whether one is WEIR_CODE_MISSING; NULL: the kernel walks by float32. */
    bool (*codes)(const struct weir_plan *plan, const struct weir_values *values, uint16_t *codes);
    /* Answers tests. */
    void (*tests)(const struct weir_test *test, size_t count, unsigned blocks, const uint8_t *planes, uint64_t *results);
    /* Scores `count` pieces of a run, from `piece` on. out: as `output` says, room for blocks * 64 rows, 64-byte aligned; what
     * it holds for rows past the last one may become anything. */
    void (*score)(const struct weir_plan *plan, const struct weir_run *run, size_t piece, size_t count,
                  const struct weir_chunk *chunk, enum weir_output output, void *out);
    /* Scores a piece that walks by codes for several chunks, whose sums are `step` bytes apart; there is room for their results,
     * which the kernel finds itself. NULL as `codes`. */
    void (*walk)(const struct weir_plan *plan, const struct weir_run *run, size_t piece, const struct weir_chunk *chunk,
                 size_t chunks, uint64_t *results, enum weir_output output, void *out, size_t step);
    /* The same for a few rows, instead of weir_few_planes and weir_few_score; NULL: these. */
    void (*few_planes)(const struct weir_plan *plan, const struct weir_values *values, uint8_t *planes);
    void (*few_score)(const struct weir_plan *plan, const struct weir_run *run, size_t piece, size_t count,
                      const struct weir_chunk *chunk, enum weir_output output, void *out);
};

extern const struct weir_kernel weir_kernel_reference, weir_kernel_scalar;
#ifdef __x86_64__
extern const struct weir_kernel weir_kernel_avx2, weir_kernel_avx512, weir_kernel_avx512vbmi;
#endif

/* The kernel that WEIR_SIMD names (reference, scalar, avx2, avx512, avx512vbmi), or the best one for this CPU. WEIR_ERR_ARGUMENT
 * for an unknown name, WEIR_ERR_UNSUPPORTED for one that the CPU lacks. */
weir_err weir_kernel_choose(const struct weir_kernel **kernel, struct weir_error *error);

/* Every kernel that this CPU has; returns their number (at most 8). */
size_t weir_kernel_list(const struct weir_kernel *kernels[8]);

#endif
