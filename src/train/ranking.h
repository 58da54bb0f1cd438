/* Rows in falling order of their score, equal scores together: what every figure about thresholds is made of. One thread. */
#ifndef WEIR_TRAIN_RANKING_H
#define WEIR_TRAIN_RANKING_H

#include <stddef.h>
#include <stdint.h>

#include "train/polyline.h"
#include "weir/error.h"

struct weir_rank {
    float score;
    uint32_t positives, negatives; /* rows with this score */
};

struct weir_ranking {
    struct weir_rank *rank; /* [count], the highest score first; NaN is the lowest and equals NaN */
    size_t count;
    uint64_t positives, negatives;
};

/* A row of the list that a ranking is made of: positive is 0 or 1. */
uint64_t weir_ranking_row(float score, int positive);

/* Sorts the list (in linear time; `spare` has room for as many). WEIR_ERR_MEMORY, WEIR_ERR_LIMIT from 2^32 rows on. The caller
 * ends with weir_ranking_fini. */
weir_err weir_ranking_make(uint64_t *list, uint64_t *spare, size_t rows, struct weir_ranking *out);
void weir_ranking_fini(struct weir_ranking *ranking);

/* Area under the ROC curve, ties counted as half, and average precision: the sum of precision times step of recall. Both NaN
 * unless there are positives and negatives. */
void weir_ranking_areas(const struct weir_ranking *ranking, double *roc_auc, double *pr_auc);

/* By how much a row more with a rank's score would move the two areas (sway.h). */
struct weir_rank_sway {
    double positive_roc, negative_roc, positive_pr, negative_pr;
};

/* Fills sway[count]; there are positives and negatives. roc_auc, pr_auc: the areas. */
void weir_ranking_sway(const struct weir_ranking *ranking, double roc_auc, double pr_auc, struct weir_rank_sway *sway);

/* The place of the rank with this score, which there is. */
size_t weir_ranking_place(const struct weir_ranking *ranking, float score);

/* What becomes of the rows when those with score >= threshold are taken for positive. NaN for a share of nothing. */
struct weir_operating {
    double threshold; /* +inf: no row is taken */
    double fpr, recall, precision;
};

/* The highest recall with a false-positive rate of at most `limit`. */
struct weir_operating weir_ranking_at(const struct weir_ranking *ranking, double limit);

/* (false-positive rate, recall) from (0, 0) to (1, 1), and (recall, precision) from (0, 1) on, thinned. Empty unless there are
 * positives and negatives. WEIR_ERR_MEMORY. */
weir_err weir_ranking_roc(const struct weir_ranking *ranking, struct weir_polyline *out);
weir_err weir_ranking_pr(const struct weir_ranking *ranking, struct weir_polyline *out);

#endif
