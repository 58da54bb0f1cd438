/* How good verdicts are: every figure of one test. docs/metrics.md tells the definitions and where they come from.
 *
 * Definitions as in scikit-learn, with 0 for a precision or recall without a denominator. Two classes: class 1, the attack, is
 * the positive one and gives precision, recall, F1 and the areas. More classes: these are the plain mean over the classes that
 * occur among the true or predicted ones, areas are one class against the rest, their mean over the classes for which they
 * exist. A figure that does not exist (an area when all rows are positive or none) is NaN. Any thread. */
#ifndef WEIR_TRAIN_METRICS_H
#define WEIR_TRAIN_METRICS_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "train/bootstrap.h"
#include "train/calibration.h"
#include "train/detection.h"
#include "weir/error.h"

struct weir_class_metrics {
    double precision, recall, f1, roc_auc, pr_auc;
    uint64_t rows; /* that truly are of this class */
};

struct weir_means { /* over the classes that occur */
    double precision, recall, f1;
};

/* Figures with an interval: first those of the confusion matrix, then areas and calibration. */
enum { WEIR_METRICS_RATES = 12, WEIR_METRICS_FIGURES = 17 };

struct weir_metrics {
    /* From the confusion matrix. */
    double accuracy, precision, recall, f1;
    double balanced_accuracy;          /* mean recall of the classes that have rows */
    double mcc;                        /* Matthews' correlation coefficient, of K classes Gorodkin's; 0 without a denominator */
    struct weir_means macro, weighted; /* plain; by the rows of each class */
    double roc_auc;
    double pr_auc; /* average precision: the sum of precision times step of recall */
    struct weir_calibration calibration;
    struct weir_detection detection;                     /* attacks and normal rows 0: the model has no benign class */
    struct weir_interval interval[WEIR_METRICS_FIGURES]; /* of weir_metrics_figure(0), (1), ... */
    double flows_per_s, benign_share; /* for alerts a day: 1000 and the rows' own, unless the caller sets others */
    size_t rows, class_count;
    uint64_t *confusion; /* [true * class_count + predicted] */
    struct weir_class_metrics *classes;
};

/* Verdicts and what they should be; everything is borrowed. */
struct weir_judged {
    const uint32_t *truth;      /* [rows], < classes */
    const uint16_t *predicted;  /* [rows], < classes */
    const uint8_t *alert;       /* [rows] 0 or 1; NULL: every row predicted not to be benign */
    const float *probabilities; /* [rows * classes], row-major */
    size_t rows, classes;       /* classes >= 2 */
    int benign;                 /* its index, or -1: none; of two classes always 0 */
};

/* WEIR_ERR_MEMORY, or WEIR_ERR_LIMIT from 2^32 rows on. The caller ends with weir_metrics_fini. */
weir_err weir_metrics_compute(const struct weir_judged *judged, struct weir_metrics *out);
void weir_metrics_fini(struct weir_metrics *metrics);

/* The traffic that alerts a day are counted for; NaN: as it was. */
void weir_metrics_expect(struct weir_metrics *metrics, double flows_per_s, double benign_share);

/* Everything that the confusion matrix alone tells: fills what comes from it, 0 for an empty one, of a structure that has
 * class_count, confusion and room for the classes. */
void weir_metrics_find_rates(struct weir_metrics *metrics);

/* Name ("f1_macro") and value of a figure, i < WEIR_METRICS_FIGURES. */
const char *weir_metrics_figure(const struct weir_metrics *metrics, size_t i, double *value);

/* Areas of one score alone, ties counted as half: positive[i] is 0 or 1, the higher score is meant to be positive.
 * WEIR_ERR_MEMORY, WEIR_ERR_LIMIT. */
weir_err weir_metrics_areas(const float *score, const uint8_t *positive, size_t rows, double *roc_auc, double *pr_auc);

/* {"accuracy":..,"precision":..,"recall":..,"f1":..,"roc_auc":..,"pr_auc":..,"confusion":[[..]],"classes":[names],"per_class":
 * [..],"rows":..,"balanced_accuracy":..,"mcc":..,"precision_macro":..,...,"log_loss":..,"brier":..,"ece":..,"reliability":[..],
 * "detection":{..},"intervals":{"level":0.95,"resamples":1000,"accuracy":[low,high],..}}; what does not exist is null. NULL when
 * memory is out. The caller owns it. */
json_t *weir_metrics_json(const struct weir_metrics *metrics, const char *const *class_names);

/* The same for people, within 80 columns. */
void weir_metrics_print(FILE *to, const struct weir_metrics *metrics, const char *const *class_names);

#endif
