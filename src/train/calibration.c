#include "train/calibration.h"

#include <math.h>

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

void weir_calibration_find(const uint32_t *truth, const float *probabilities, size_t rows, size_t classes, int benign,
                           struct weir_calibration *out)
{
    double loss = 0, squares = 0;
    int sound = rows > 0;
    *out = (struct weir_calibration){0};
    for (size_t i = 0; i < rows; i++) {
        const float *p = &probabilities[i * classes];
        int came_true;
        for (size_t k = classes == 2; k < classes; k++) {
            double miss = p[k] - (double)(truth[i] == k);
            squares += miss * miss;
        }
        for (size_t k = 0; k < classes; k++)
            sound &= p[k] >= 0 && p[k] <= 1;
        loss -= log(fmin(fmax(p[truth[i]], 0x1p-23), 1 - 0x1p-23));
        double claim = claim_of(p, truth[i], classes, benign, &came_true);
        struct weir_reliability *bin = &out->bin[bin_of(claim)];
        bin->rows++;
        bin->predicted += claim;
        bin->observed += came_true;
    }
    double n = sound ? (double)rows : NAN;
    out->log_loss = loss / n;
    out->brier = squares / n;
    for (int b = 0; b < WEIR_CALIBRATION_BINS; b++) {
        struct weir_reliability *bin = &out->bin[b];
        if (!sound)
            bin->rows = 0;
        out->ece += fabs(bin->predicted - bin->observed) / n;
        bin->predicted = bin->rows ? bin->predicted / (double)bin->rows : NAN;
        bin->observed = bin->rows ? bin->observed / (double)bin->rows : NAN;
    }
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
