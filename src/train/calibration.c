#include "train/calibration.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

#include "train/sway.h"

/* The probability whose reliability counts, and whether it came true. */
static double claim_of(const float *p, uint32_t truth, size_t classes, int benign, int *came_true)
{
    if (classes == 2 || benign >= 0) {
        *came_true = truth != (uint32_t)(classes == 2 ? 0 : benign);
        return classes == 2 ? p[1] : 1 - p[benign];
    }
    size_t best = 0;
    for (size_t k = 1; k < classes; k++)
        if (p[k] > p[best])
            best = k;
    *came_true = truth == best;
    return p[best];
}

/* Bins are open below, as scikit-learn's calibration_curve has them. */
static int bin_of(double p)
{
    int bin = 0;
    while (bin + 1 < WEIR_CALIBRATION_BINS && p > (bin + 1) * (1.0 / WEIR_CALIBRATION_BINS))
        bin++;
    return bin;
}

/* What each row adds to the figures. */
struct parts {
    double *loss, *square, *gap; /* gap: of its claim to what came true */
    uint8_t *bin;
};

static void free_parts(struct parts *parts)
{
    free(parts->loss);
    free(parts->square);
    free(parts->gap);
    free(parts->bin);
}

/* Of a mean the sway of a row is its distance from it, shared among the rows. */
static weir_err find_mean(double *part, size_t rows, double most, double *mean, struct weir_interval *interval)
{
    double sum = 0;
    for (size_t i = 0; i < rows; i++)
        sum += part[i];
    *mean = sum / (double)rows;
    for (size_t i = 0; i < rows; i++)
        part[i] = (part[i] - *mean) / (double)rows;
    return weir_sway_interval(part, rows, *mean, 0, most, interval);
}

/* Fills parts and bins. False when there are no rows or some probability is none. */
static bool take_rows(const uint32_t *truth, const float *probabilities, size_t rows, size_t classes, int benign,
                      struct parts *parts, struct weir_calibration *out)
{
    bool sound = rows > 0;
    for (size_t i = 0; i < rows && sound; i++) {
        const float *p = &probabilities[i * classes];
        int came_true;
        parts->square[i] = 0;
        for (size_t k = classes == 2; k < classes; k++) {
            double miss = p[k] - (double)(truth[i] == k);
            parts->square[i] += miss * miss;
        }
        for (size_t k = 0; k < classes; k++)
            sound &= p[k] >= 0 && p[k] <= 1;
        parts->loss[i] = -log(fmin(fmax(p[truth[i]], 0x1p-23), 1 - 0x1p-23));
        double claim = claim_of(p, truth[i], classes, benign, &came_true);
        parts->bin[i] = (uint8_t)bin_of(claim);
        parts->gap[i] = claim - came_true;
        struct weir_reliability *bin = &out->bin[parts->bin[i]];
        bin->rows++;
        bin->predicted += claim;
        bin->observed += came_true;
    }
    return sound;
}

static void find_nothing(struct weir_calibration *out)
{
    static const struct weir_interval none = {NAN, NAN};
    *out = (struct weir_calibration){
        .log_loss = NAN, .brier = NAN, .ece = NAN, .log_loss_interval = none, .brier_interval = none, .ece_interval = none};
    for (int b = 0; b < WEIR_CALIBRATION_BINS; b++)
        out->bin[b].predicted = out->bin[b].observed = NAN;
}

weir_err weir_calibration_find(const uint32_t *truth, const float *probabilities, size_t rows, size_t classes, int benign,
                               struct weir_calibration *out)
{
    struct parts parts = {malloc((rows + 1) * sizeof *parts.loss), malloc((rows + 1) * sizeof *parts.square),
                          malloc((rows + 1) * sizeof *parts.gap), malloc(rows + 1)};
    weir_err failed = parts.loss && parts.square && parts.gap && parts.bin ? WEIR_OK : WEIR_ERR_MEMORY;
    *out = (struct weir_calibration){0};
    if (failed || !take_rows(truth, probabilities, rows, classes, benign, &parts, out)) {
        find_nothing(out);
        free_parts(&parts);
        return failed;
    }
    for (int b = 0; b < WEIR_CALIBRATION_BINS; b++) {
        struct weir_reliability *bin = &out->bin[b];
        out->ece += fabs(bin->predicted - bin->observed) / (double)rows;
        bin->predicted = bin->rows ? bin->predicted / (double)bin->rows : NAN;
        bin->observed = bin->rows ? bin->observed / (double)bin->rows : NAN;
    }
    failed = find_mean(parts.loss, rows, INFINITY, &out->log_loss, &out->log_loss_interval);
    if (!failed)
        failed = find_mean(parts.square, rows, classes == 2 ? 1 : 2, &out->brier, &out->brier_interval);
    if (!failed)
        failed = weir_sway_gap_interval(parts.gap, parts.bin, WEIR_CALIBRATION_BINS, rows, &out->ece_interval);
    free_parts(&parts);
    return failed;
}

json_t *weir_calibration_json(const struct weir_calibration *calibration)
{
    json_t *list = json_array();
    for (int b = 0; b < WEIR_CALIBRATION_BINS; b++) {
        const struct weir_reliability *bin = &calibration->bin[b];
        if (bin->rows)
            json_array_append_new(list, json_pack("{s:f,s:f,s:I,s:f,s:f}", "from", b * (1.0 / WEIR_CALIBRATION_BINS), "to",
                                                  (b + 1) * (1.0 / WEIR_CALIBRATION_BINS), "rows", (json_int_t)bin->rows,
                                                  "predicted", bin->predicted, "observed", bin->observed));
    }
    return list;
}
