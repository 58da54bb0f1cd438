/* Grows a decision tree from binned rows by the Gini impurity: the part that trees, forests and boosted stumps share.
 *
 * A node counts the weights of its rows by bin and class, column by column, and takes the cut that leaves the least impurity; the
 * threshold is the middle between the neighbouring bins that hold rows of the node. Missing values go to the side that is better,
 * or are a side of their own; in a node without any, later ones go where more rows went. All that decides is counts and one
 * float64 formula in a fixed order: a tree is the same bits on any CPU.
 *
 * A grower has the room for one tree at a time; one thread.
 */
#ifndef WEIR_TRAIN_GROW_H
#define WEIR_TRAIN_GROW_H

#include "model/forest.h"
#include "train/bins.h"

struct weir_grower;

struct weir_grow_config {
    const struct weir_bins *bins; /* these and the labels outlive the grower */
    const uint32_t *label;        /* [bins->rows] */
    size_t classes;
    size_t candidates;    /* columns that vary, drawn for each node; 0 or as many as there are: all */
    size_t depth;         /* at most; 0: as deep as it takes (WEIR_FOREST_DEPTH_MAX) */
    uint64_t split_least; /* weight of a node that may be split */
    uint64_t leaf_least;  /* weight of a leaf */
};

/* WEIR_ERR_MEMORY. */
weir_err weir_grower_create(const struct weir_grow_config *config, struct weir_grower **out, struct weir_error *error);
void weir_grower_free(struct weir_grower **grower);

/* Grows a tree on rows with these weights ([bins->rows], 0: left out; together below 2^32). random: the tree's own stream, used
 * where candidates are drawn. The tree is the grower's, good until the next call: its leaves hold the share of each class ([1] of
 * the second one for two classes), cover is the weight. WEIR_ERR_MEMORY, _LIMIT. */
weir_err weir_grower_tree(struct weir_grower *grower, const uint32_t *weight, uint64_t *random, const struct weir_tree **out,
                          struct weir_error *error);

#endif
