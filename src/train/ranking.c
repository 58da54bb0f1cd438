#include "train/ranking.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { DIGIT = 11, DIGITS = 3, BUCKETS = 1 << DIGIT };

uint64_t weir_ranking_row(float score, int positive)
{
    uint32_t bits;
    score += 0.0f; /* -0 is 0 */
    memcpy(&bits, &score, sizeof bits);
    bits = bits >> 31 ? bits : ~(bits | 0x80000000u); /* falling floats are rising numbers */
    if (isnan(score))
        bits = UINT32_MAX;
    return (uint64_t)bits << 32 | (positive != 0);
}

static float score_of(uint64_t row)
{
    uint32_t bits = (uint32_t)(row >> 32);
    float score;
    if (bits == UINT32_MAX)
        return NAN;
    bits = bits >> 31 ? bits : ~bits & 0x7fffffffu;
    memcpy(&score, &bits, sizeof score);
    return score;
}

/* By the upper half, digit by digit from the lowest on. */
static void sort(uint64_t **list, uint64_t **spare, size_t rows)
{
    uint32_t place[DIGITS][BUCKETS] = {{0}};
    for (size_t i = 0; i < rows; i++)
        for (int d = 0; d < DIGITS; d++)
            place[d][(*list)[i] >> (32 + d * DIGIT) & (BUCKETS - 1)]++;
    for (int d = 0; d < DIGITS; d++) {
        uint32_t sum = 0;
        for (int b = 0; b < BUCKETS; b++) {
            uint32_t n = place[d][b];
            place[d][b] = sum;
            sum += n;
        }
        for (size_t i = 0; i < rows; i++)
            (*spare)[place[d][(*list)[i] >> (32 + d * DIGIT) & (BUCKETS - 1)]++] = (*list)[i];
        uint64_t *swap = *list;
        *list = *spare;
        *spare = swap;
    }
}

weir_err weir_ranking_make(uint64_t *list, uint64_t *spare, size_t rows, struct weir_ranking *out)
{
    *out = (struct weir_ranking){0};
    if (rows > UINT32_MAX) /* pairs of rows are counted in 64 bits */
        return WEIR_ERR_LIMIT;
    sort(&list, &spare, rows);
    size_t count = 0;
    for (size_t i = 0; i < rows; i++)
        count += i == 0 || list[i] >> 32 != list[i - 1] >> 32;
    out->rank = calloc(count + 1, sizeof *out->rank);
    if (!out->rank)
        return WEIR_ERR_MEMORY;
    for (size_t i = 0; i < rows; i++) {
        if (i == 0 || list[i] >> 32 != list[i - 1] >> 32)
            out->rank[out->count++].score = score_of(list[i]);
        struct weir_rank *rank = &out->rank[out->count - 1];
        rank->positives += list[i] & 1;
        rank->negatives += !(list[i] & 1);
        out->positives += list[i] & 1;
    }
    out->negatives = rows - out->positives;
    return WEIR_OK;
}

void weir_ranking_fini(struct weir_ranking *ranking)
{
    free(ranking->rank);
    *ranking = (struct weir_ranking){0};
}

void weir_ranking_areas(const struct weir_ranking *ranking, double *roc_auc, double *pr_auc)
{
    uint64_t hits = 0, misses = 0;
    uint64_t doubled = 0; /* twice the pairs (positive above negative), a tie counting one: whole numbers, so exact */
    double area = 0, positives = (double)ranking->positives;
    *roc_auc = *pr_auc = NAN;
    if (!ranking->positives || !ranking->negatives)
        return;
    for (size_t i = 0; i < ranking->count; i++) {
        const struct weir_rank *rank = &ranking->rank[i];
        doubled += rank->negatives * (2 * hits + rank->positives);
        hits += rank->positives;
        misses += rank->negatives;
        area += rank->positives / positives * ((double)hits / (double)(hits + misses));
    }
    *roc_auc = (double)doubled / 2 / (positives * (double)ranking->negatives);
    *pr_auc = area;
}

/* The areas are sums over ranks r of shares of all positives and negatives; hits and misses: those down to r.
 *
 *     ROC = sum negatives_r / N * (positives above + half of those at r) / P        precision = sum positives_r / P * h_r / (h_r
 * + m_r) */
void weir_ranking_sway(const struct weir_ranking *ranking, double roc_auc, double pr_auc, struct weir_rank_sway *sway)
{
    double p = (double)ranking->positives, n = (double)ranking->negatives, hits = p, misses = n;
    double more_hits = 0, more_misses = 0; /* of the precisions of this rank and those below */
    for (size_t i = ranking->count; i-- > 0;) {
        double h = ranking->rank[i].positives, m = ranking->rank[i].negatives, taken = hits + misses;
        more_hits += h / p * (misses / taken) / taken;
        more_misses -= h / p * (hits / taken) / taken;
        sway[i] = (struct weir_rank_sway){.positive_roc = ((n - misses + m / 2) / n - roc_auc) / p,
                                          .negative_roc = ((hits - h / 2) / p - roc_auc) / n,
                                          .positive_pr = (hits / taken - pr_auc) / p + more_hits,
                                          .negative_pr = more_misses};
        hits -= h;
        misses -= m;
    }
}

size_t weir_ranking_place(const struct weir_ranking *ranking, float score)
{
    size_t low = 0, high = ranking->count - 1;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (ranking->rank[middle].score > score || (isnan(score) && !isnan(ranking->rank[middle].score)))
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

struct weir_operating weir_ranking_at(const struct weir_ranking *ranking, double limit)
{
    uint64_t hits = 0, misses = 0, all_hits = 0, all_misses = 0;
    double threshold = INFINITY;
    for (size_t i = 0; i < ranking->count; i++) {
        all_hits += ranking->rank[i].positives;
        all_misses += ranking->rank[i].negatives;
        if ((double)all_misses > limit * (double)ranking->negatives)
            break;
        if (all_hits == hits) /* more false alarms for nothing */
            continue;
        hits = all_hits;
        misses = all_misses;
        threshold = ranking->rank[i].score;
    }
    return (struct weir_operating){.threshold = threshold,
                                   .fpr = ranking->negatives ? (double)misses / (double)ranking->negatives : NAN,
                                   .recall = ranking->positives ? (double)hits / (double)ranking->positives : NAN,
                                   .precision = hits + misses ? (double)hits / (double)(hits + misses) : NAN};
}

weir_err weir_ranking_roc(const struct weir_ranking *ranking, struct weir_polyline *out)
{
    out->count = 0;
    if (!ranking->positives || !ranking->negatives)
        return WEIR_OK;
    struct weir_point *point = malloc((ranking->count + 1) * sizeof *point);
    if (!point)
        return WEIR_ERR_MEMORY;
    uint64_t hits = 0, misses = 0;
    point[0] = (struct weir_point){0, 0};
    for (size_t i = 0; i < ranking->count; i++) {
        hits += ranking->rank[i].positives;
        misses += ranking->rank[i].negatives;
        point[i + 1] =
            (struct weir_point){(double)misses / (double)ranking->negatives, (double)hits / (double)ranking->positives};
    }
    weir_polyline_thin(point, ranking->count + 1, true, out);
    free(point);
    return WEIR_OK;
}

weir_err weir_ranking_pr(const struct weir_ranking *ranking, struct weir_polyline *out)
{
    out->count = 0;
    if (!ranking->positives || !ranking->negatives)
        return WEIR_OK;
    struct weir_point *point = malloc((ranking->count + 1) * sizeof *point);
    if (!point)
        return WEIR_ERR_MEMORY;
    uint64_t hits = 0, misses = 0;
    size_t count = 0;
    point[count++] = (struct weir_point){0, 1};
    for (size_t i = 0; i < ranking->count && hits < ranking->positives; i++) { /* beyond full recall it only falls */
        hits += ranking->rank[i].positives;
        misses += ranking->rank[i].negatives;
        point[count++] = (struct weir_point){(double)hits / (double)ranking->positives, (double)hits / (double)(hits + misses)};
    }
    weir_polyline_thin(point, count, false, out);
    free(point);
    return WEIR_OK;
}
