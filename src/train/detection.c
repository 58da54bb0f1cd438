#include "train/detection.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

#include "train/show.h"

enum { SHARES = 256, FINE = 32, SEED = 0x776569 };

const double weir_detection_limits[WEIR_DETECTION_LIMITS] = {1e-3, 1e-4};

/* Neighbouring ranks, for the bootstrap: resampling each rank would cost as much as resampling rows. Bins are as narrow as the
 * figures need them: single ranks while there are few negatives above, then at most a 32nd of the negatives above and a 256th of
 * the positives. */
struct bin {
    uint64_t positives, negatives;
    double inside; /* share of its pairs in which the positive is above, ties counting half */
    double excess; /* of its positives' mean precision over that of evenly mixed ones */
    size_t ranks;
};

struct bins {
    struct bin *bin;
    size_t count;
};

static weir_err make_bins(const struct weir_ranking *ranking, struct bins *out)
{
    size_t room = 64;
    uint64_t hits = 0, misses = 0; /* above the bin */
    *out = (struct bins){.bin = malloc(room * sizeof *out->bin)};
    if (!out->bin)
        return WEIR_ERR_MEMORY;
    for (size_t i = 0, j; i < ranking->count; i = j) {
        struct bin bin = {0};
        double pairs = 0, precision = 0;
        for (j = i; j < ranking->count; j++) {
            const struct weir_rank *rank = &ranking->rank[j];
            bool full = bin.positives * SHARES >= ranking->positives;
            if (j > i && (full || (rank->negatives && (bin.negatives + rank->negatives) * FINE > misses)))
                break;
            pairs += rank->negatives * ((double)bin.positives + rank->positives / 2.0);
            bin.positives += rank->positives;
            bin.negatives += rank->negatives;
            precision +=
                rank->positives * ((double)(hits + bin.positives) / (double)(hits + misses + bin.positives + bin.negatives));
            bin.ranks++;
        }
        if (bin.positives && bin.negatives)
            bin.inside = pairs / ((double)bin.positives * (double)bin.negatives);
        if (bin.positives) {
            double h = (double)bin.positives, m = (double)bin.negatives;
            bin.excess = precision / h - ((double)hits + h / 2) / ((double)(hits + misses) + (h + m) / 2);
        }
        hits += bin.positives;
        misses += bin.negatives;
        if (out->count == room) {
            struct bin *more = realloc(out->bin, (room *= 2) * sizeof *more);
            if (!more) {
                free(out->bin);
                return WEIR_ERR_MEMORY;
            }
            out->bin = more;
        }
        out->bin[out->count++] = bin;
    }
    return WEIR_OK;
}

/* counts: positives and negatives of each bin. out: areas, then the recall within each limit. */
static void find_figures(void *context, const uint64_t *counts, double *out)
{
    const struct bins *bins = context;
    uint64_t positives = 0, negatives = 0;
    for (size_t b = 0; b < bins->count; b++) {
        positives += counts[2 * b];
        negatives += counts[2 * b + 1];
    }
    double hits = 0, misses = 0, pairs = 0, area = 0, p = (double)positives, n = (double)negatives;
    for (int l = 0; l < 2 + WEIR_DETECTION_LIMITS; l++)
        out[l] = NAN;
    if (!positives || !negatives)
        return;
    for (size_t b = 0; b < bins->count; b++) {
        const struct bin *bin = &bins->bin[b];
        double h = (double)counts[2 * b], m = (double)counts[2 * b + 1];
        pairs += m * (hits + bin->inside * h);
        if (h > 0)
            area += h / p * ((hits + h / 2) / (hits + misses + (h + m) / 2) + bin->excess);
        for (int l = 0; l < WEIR_DETECTION_LIMITS; l++) {
            double allowed = floor(weir_detection_limits[l] * n);
            if (isnan(out[2 + l]) && misses + m > allowed)
                out[2 + l] = (hits + (bin->ranks > 1 ? (allowed - misses) / m * h : 0)) / p;
        }
        hits += h;
        misses += m;
    }
    out[0] = pairs / (p * n);
    out[1] = area;
    for (int l = 0; l < WEIR_DETECTION_LIMITS; l++)
        if (isnan(out[2 + l]))
            out[2 + l] = 1;
}

static weir_err find_intervals(const struct weir_ranking *ranking, struct weir_detection *out)
{
    struct bins bins;
    struct weir_interval interval[2 + WEIR_DETECTION_LIMITS];
    weir_err failed = make_bins(ranking, &bins);
    if (failed)
        return failed;
    uint64_t *counts = malloc((2 * bins.count + 1) * sizeof *counts);
    failed = counts ? WEIR_OK : WEIR_ERR_MEMORY;
    for (size_t b = 0; b < bins.count && !failed; b++) {
        counts[2 * b] = bins.bin[b].positives;
        counts[2 * b + 1] = bins.bin[b].negatives;
    }
    if (!failed)
        failed = weir_bootstrap(counts, 2 * bins.count, SEED, find_figures, &bins, 2 + WEIR_DETECTION_LIMITS, interval);
    if (!failed) {
        out->roc_auc_interval = interval[0];
        out->pr_auc_interval = interval[1];
        for (int l = 0; l < WEIR_DETECTION_LIMITS; l++)
            out->recall_interval[l] = interval[2 + l];
    }
    free(counts);
    free(bins.bin);
    return failed;
}

weir_err weir_detection_find(uint64_t *list, uint64_t *spare, size_t rows, uint64_t true_alerts, uint64_t false_alerts,
                             struct weir_detection *out)
{
    struct weir_ranking ranking;
    *out = (struct weir_detection){0};
    weir_err failed = weir_ranking_make(list, spare, rows, &ranking);
    if (failed)
        return failed;
    out->attacks = ranking.positives;
    out->normal = ranking.negatives;
    out->own = (struct weir_operating){
        .threshold = NAN,
        .fpr = out->normal ? (double)false_alerts / (double)out->normal : NAN,
        .recall = out->attacks ? (double)true_alerts / (double)out->attacks : NAN,
        .precision = true_alerts + false_alerts ? (double)true_alerts / (double)(true_alerts + false_alerts) : NAN};
    weir_ranking_areas(&ranking, &out->roc_auc, &out->pr_auc);
    for (int l = 0; l < WEIR_DETECTION_LIMITS; l++)
        out->at[l] = weir_ranking_at(&ranking, weir_detection_limits[l]);
    failed = weir_ranking_roc(&ranking, &out->roc);
    if (!failed)
        failed = weir_ranking_pr(&ranking, &out->pr);
    if (!failed)
        failed = find_intervals(&ranking, out);
    weir_ranking_fini(&ranking);
    return failed;
}

struct weir_alerts weir_detection_alerts(const struct weir_operating *point, double flows_per_s, double normal_share)
{
    double flows = flows_per_s * 86400, false_ones = flows * normal_share * (normal_share > 0 ? point->fpr : 0);
    return (struct weir_alerts){false_ones + flows * (1 - normal_share) * (normal_share < 1 ? point->recall : 0), false_ones};
}

/* ---- Showing --------------------------------------------------------------------------------------------------------------- */

static void add_point(json_t *object, const struct weir_operating *point, double flows_per_s, double normal_share)
{
    struct weir_alerts alerts = weir_detection_alerts(point, flows_per_s, normal_share);
    json_object_set_new(object, "fpr", weir_show_real(point->fpr));
    json_object_set_new(object, "recall", weir_show_real(point->recall));
    json_object_set_new(object, "precision", weir_show_real(point->precision));
    json_object_set_new(object, "alerts_per_day", weir_show_real(alerts.all));
    json_object_set_new(object, "false_alerts_per_day", weir_show_real(alerts.false_ones));
}

json_t *weir_detection_json(const struct weir_detection *detection, double flows_per_s, double normal_share)
{
    json_t *object = json_pack("{s:I,s:I}", "attacks", (json_int_t)detection->attacks, "normal", (json_int_t)detection->normal);
    json_t *list = json_array();
    add_point(object, &detection->own, flows_per_s, normal_share);
    for (int l = 0; l < WEIR_DETECTION_LIMITS; l++) {
        json_t *point =
            json_pack("{s:f,s:o}", "limit", weir_detection_limits[l], "threshold", weir_show_real(detection->at[l].threshold));
        add_point(point, &detection->at[l], flows_per_s, normal_share);
        json_object_set_new(point, "interval", weir_show_interval(detection->recall_interval[l]));
        json_array_append_new(list, point);
    }
    json_object_set_new(object, "at_fpr", list);
    json_object_set_new(object, "flow_rate", weir_show_real(flows_per_s));
    json_object_set_new(object, "benign_share", weir_show_real(normal_share));
    return object;
}

json_t *weir_detection_curves(const struct weir_detection *detection)
{
    return json_pack("{s:o,s:o}", "roc", weir_polyline_json(&detection->roc), "pr", weir_polyline_json(&detection->pr));
}
