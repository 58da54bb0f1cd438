/* Gaussian naive Bayes: each column a normal density in each class, as scikit-learn's GaussianNB. The model takes columns as
 * independent, so scaling them changes nothing but var_smoothing, which is a share of the largest variance of any column: on raw
 * flow columns it drowns most of them. */
#include <stdlib.h>

#include "model/gaussian.h"
#include "train/exact.h"
#include "train/moments.h"
#include "train/trainers.h"

static const struct weir_param params[] = {
    {"var_smoothing", WEIR_PARAM_REAL, "1e-9", 0, 1e9, NULL, "this share of the largest variance is added to every variance"},
    {0}};

/* The rows class by class, each in its order; first[k]: where class k begins. */
static uint32_t *sort_rows(const struct weir_train_set *set, size_t *first)
{
    uint32_t *sorted = malloc((set->rows + 1) * sizeof *sorted);
    size_t *at = calloc(set->classes + 1, sizeof *at);
    if (!sorted || !at) {
        free(sorted);
        free(at);
        return NULL;
    }
    for (size_t i = 0; i < set->rows; i++)
        at[set->label[i] + 1]++;
    for (size_t k = 0; k < set->classes; k++)
        at[k + 1] += at[k];
    for (size_t k = 0; k <= set->classes; k++)
        first[k] = at[k];
    for (size_t i = 0; i < set->rows; i++)
        sorted[at[set->label[i]]++] = set->row[i];
    free(at);
    return sorted;
}

/* Densities from moments[class * columns + column]. With columns brought to variance 1, the largest variance is 1. */
static void make(struct weir_gaussian *m, const struct weir_moments *moments, const size_t *first, double smoothing, bool scaled)
{
    size_t columns = m->scorer.columns, rows = first[m->classes];
    double largest = 0;
    for (size_t c = 0; c < columns; c++) {
        struct weir_moments all = {0};
        for (size_t k = 0; k < m->classes; k++)
            all = weir_moments_join(all, moments[k * columns + c]);
        largest = fmax(largest, weir_moments_variance(all));
    }
    for (size_t k = 0; k < m->classes; k++)
        m->constant[k] = weir_exact_log((double)(first[k + 1] - first[k]) / (double)rows);
    for (size_t c = 0; c < columns; c++) {
        struct weir_moments all = {0};
        for (size_t k = 0; k < m->classes; k++)
            all = weir_moments_join(all, moments[k * columns + c]);
        double spread = weir_moments_variance(all), extra = smoothing * (scaled ? spread : largest);
        if (!(extra > 1e-99)) /* a constant column: as of one that was brought to variance 1 in vain */
            extra = smoothing > 1e-9 ? smoothing : 1e-9;
        for (size_t k = 0; k < m->classes; k++) {
            const struct weir_moments *of = &moments[k * columns + c];
            size_t at = k * columns + c;
            if (!(of->count > 0)) /* the class has no value there: it says nothing */
                continue;
            double variance = fmin(weir_moments_variance(*of) + extra, 1e80), away = all.mean - of->mean;
            m->mean[at] = of->mean;
            m->precision[at] = 1 / (2 * variance);
            m->norm[at] = -0.5 * weir_exact_log(6.283185307179586 * variance);
            m->expected[at] = m->precision[at] * (spread + away * away);
            m->constant[k] += m->norm[at];
        }
    }
}

static weir_err fit(const struct weir_train_set *set, const struct weir_train_config *config, struct weir_trained *out,
                    struct weir_error *error)
{
    struct weir_gaussian *m;
    weir_err err = weir_gaussian_create(set->columns, set->classes, &m, error);
    if (err)
        return err;
    size_t *first = calloc(set->classes + 1, sizeof *first);
    uint32_t *sorted = first ? sort_rows(set, first) : NULL;
    struct weir_moments *moments = calloc(set->classes * set->columns + 1, sizeof *moments);
    if (sorted && moments) {
        for (size_t c = 0; c < set->columns; c++)
            for (size_t k = 0; k < set->classes; k++)
                moments[k * set->columns + c] = weir_moments_of(set->x[c], sorted + first[k], first[k + 1] - first[k]);
        make(m, moments, first, weir_params_real(&config->params, "var_smoothing"), config->scale == WEIR_SCALE_STANDARD);
        err = weir_gaussian_validate(m, error);
    } else {
        err = weir_fail(error, WEIR_ERR_MEMORY, "gaussian-nb: out of memory");
    }
    free(moments);
    free(sorted);
    free(first);
    out->scorer = &m->scorer;
    if (err)
        weir_scorer_free(&out->scorer);
    return err;
}

const struct weir_trainer weir_train_gaussian_nb = {
    .name = "gaussian-nb", .title = "Gaussian naive Bayes", .params = params, .scale_matters = true, .fit = fit};
