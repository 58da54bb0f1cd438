/* Finding the k nearest of many rows, exactly, without looking at most of them.
 *
 * The answer is defined by a number and an order: the squared distance of two rows is the sum over the columns of
 * ((a - b) * factor)^2 in float64, kept in 8 lanes (column mod 8) that are added in a fixed order; the nearest come first, of
 * equally near ones the lower row number. All else here only avoids work and has no say in it:
 *
 *   shadow   16 numbers for each row: its projections on 15 orthonormal directions, and the length of what they leave out.
 *            Shadows are never further apart than their rows.
 *   tree     boxes around shadows, halved at the median of their widest side down to 32 rows; a box that is further away than the
 *            k-th nearest so far is passed by
 *   block    16 shadows of a leaf in float32, relative to the first, so that large numbers close together keep their digits; what
 *            is not further away, with an allowance for rounding, is decided on all columns
 *
 * The directions are the principal ones of differences brought to length 1, of neighbours along the widest column and from the
 * mean: plain principal components would see the loudest columns only.
 *
 * Built once from rows and factors, immutable then; searches use the stack alone, from any thread.
 */
#ifndef WEIR_MODEL_NEIGHBOUR_INDEX_H
#define WEIR_MODEL_NEIGHBOUR_INDEX_H

#include <signal.h>
#include <stddef.h>
#include <stdint.h>

#include "weir/error.h"

#define WEIR_NEIGHBOUR_COLUMNS_MAX 4096
#define WEIR_NEIGHBOUR_MOST        1024 /* neighbours of a search */

enum { WEIR_SHADOW = 16, WEIR_SHADOW_ROWS = 16 };

struct weir_neighbour_node {
    uint32_t right; /* the left child is the next node; 0: a leaf */
    uint32_t block, rows;
};

struct weir_neighbour_box {
    _Alignas(64) double low[WEIR_SHADOW], high[WEIR_SHADOW];
};

struct weir_neighbour_block {
    _Alignas(64) double first[WEIR_SHADOW];
    float z[WEIR_SHADOW][WEIR_SHADOW_ROWS]; /* shadows less `first`; infinite where there is no row */
    float radius;
    uint32_t row[WEIR_SHADOW_ROWS];
};

/* What a search finds; d and row have room for `count` <= the index's rows. */
struct weir_neighbour_best {
    size_t count;
    double *d; /* squared distances, ascending */
    uint32_t *row;
};

struct weir_neighbour_index;

/* The shadow of a row; `row` is as those of the index. */
typedef void weir_neighbour_shadow(const struct weir_neighbour_index *index, const float *row, double shadow[WEIR_SHADOW]);

/* The leaf that a shadow belongs to: searches in the order of leaves share cache lines. */
typedef uint32_t weir_neighbour_leaf(const struct weir_neighbour_index *index, const double shadow[WEIR_SHADOW]);

typedef void weir_neighbour_search(const struct weir_neighbour_index *index, const float *row, const double shadow[WEIR_SHADOW],
                                   struct weir_neighbour_best *best);

struct weir_neighbour_index {
    size_t columns, stride, rows; /* stride: floats from row to row, a multiple of 16 */
    float *x;                     /* [rows][stride], finite, 0 behind the last column; 64-byte aligned, as all here */
    double *factor;               /* [stride], 1e-30 to 1e30, 0 behind the last column */

    double *centre; /* [stride] */
    double *scale;  /* [stride] factor * unit, which brings all rows into a ball of radius 1 */
    double *along;  /* [stride][16] the directions, the last one 0 */
    double *across; /* [15][stride] the same */
    double unit;
    size_t nodes, blocks;
    struct weir_neighbour_node *node; /* node 0 is the root */
    struct weir_neighbour_box *box;   /* [nodes] */
    struct weir_neighbour_block *block;
    weir_neighbour_shadow *shadow;
    weir_neighbour_leaf *leaf;
    weir_neighbour_search *search;
};

/* Room for rows: x (0 behind the last column) and factor are to be filled before weir_neighbour_index_build. WEIR_ERR_MEMORY. */
weir_err weir_neighbour_index_init(struct weir_neighbour_index *index, size_t columns, size_t rows, struct weir_error *error);

/* stop: not 0: ends with WEIR_ERR_CLOSED; NULL: never. WEIR_ERR_MEMORY. */
weir_err weir_neighbour_index_build(struct weir_neighbour_index *index, const volatile sig_atomic_t *stop,
                                    struct weir_error *error);

/* Safe on zeroes. */
void weir_neighbour_index_fini(struct weir_neighbour_index *index);

weir_neighbour_shadow weir_neighbour_shadow_plain, weir_neighbour_shadow_avx2, weir_neighbour_shadow_avx512;
weir_neighbour_leaf weir_neighbour_leaf_plain, weir_neighbour_leaf_avx2, weir_neighbour_leaf_avx512;
weir_neighbour_search weir_neighbour_search_plain, weir_neighbour_search_avx2, weir_neighbour_search_avx512;

#endif
