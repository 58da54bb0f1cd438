/* How well scores tell attacks from normal traffic, at the few false alarms that people put up with. Any thread.
 *
 * The score is the probability of an attack. False-positive rate: share of the normal rows that raise an alert; recall: share of
 * the attacks that do. */
#ifndef WEIR_TRAIN_DETECTION_H
#define WEIR_TRAIN_DETECTION_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "train/bootstrap.h"
#include "train/polyline.h"
#include "train/ranking.h"
#include "weir/error.h"

enum { WEIR_DETECTION_LIMITS = 2 };

struct weir_detection {
    uint64_t attacks, normal;                        /* rows; an area, a rate of none of them is NaN */
    double roc_auc, pr_auc;                          /* pr_auc: average precision */
    struct weir_operating own;                       /* at the model's threshold: by the alerts; its `threshold` is NaN */
    struct weir_operating at[WEIR_DETECTION_LIMITS]; /* the highest recall within each of weir_detection_limits */
    struct weir_interval roc_auc_interval, pr_auc_interval, recall_interval[WEIR_DETECTION_LIMITS];
    struct weir_polyline roc, pr;
};

/* 1e-3, 1e-4 */
extern const double weir_detection_limits[WEIR_DETECTION_LIMITS];

/* list: a row each of weir_ranking_row(score, is an attack), spoilt; spare: room for as many. true_alerts and false_alerts: rows
 * that the model's own threshold takes. WEIR_ERR_MEMORY, WEIR_ERR_LIMIT from 2^32 rows on. */
weir_err weir_detection_find(uint64_t *list, uint64_t *spare, size_t rows, uint64_t true_alerts, uint64_t false_alerts,
                             struct weir_detection *out);

/* What an analyst has to expect of traffic with so many flows a second of which this share is normal: alerts a day, and those of
 * them that are false. NaN where a rate is. */
struct weir_alerts {
    double all, false_ones;
};
struct weir_alerts weir_detection_alerts(const struct weir_operating *point, double flows_per_s, double normal_share);

/* {"attacks":n,"normal":n,"fpr":..,"recall":..,"precision":..,"alerts_per_day":..,"false_alerts_per_day":..,"at_fpr":[{"limit":
 * 0.001,"threshold":..,"fpr":..,"recall":..,"precision":..,"interval":[low,high],"alerts_per_day":..,...},...],"flow_rate":..,
 * "benign_share":..}; what does not exist is null, as is the threshold when no row may be taken. The caller owns it. */
json_t *weir_detection_json(const struct weir_detection *detection, double flows_per_s, double normal_share);

/* {"roc":[[fpr,recall],...],"pr":[[recall,precision],...]} of at most WEIR_POLYLINE_POINTS points. The caller owns it. */
json_t *weir_detection_curves(const struct weir_detection *detection);

#endif
