/* Does a model fit a sensor's rows? */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/model.h"

struct named {
    const char *name;
    size_t place;
};

static int compare(const void *a, const void *b)
{
    const struct named *x = a, *y = b;
    int order = strcmp(x->name, y->name);
    return order ? order : (x->place > y->place) - (x->place < y->place);
}

/* Appends "'name'", or "..." instead of all names that do not fit any more. */
static void list(char *text, size_t size, bool *full, const char *name)
{
    size_t used = strlen(text);
    if (*full)
        return;
    *full = used + strlen(name) + sizeof "'', , ..." > size;
    snprintf(text + used, size - used, "%s%s%s%s", used ? ", " : "", *full ? "" : "'", *full ? "..." : name, *full ? "" : "'");
}

weir_err weir_model_fits(const weir_model *model, const char *feature_set, uint64_t feature_set_id, const char *const *names,
                         size_t count, uint16_t *index, struct weir_error *error)
{
    const struct weir_card *card = &model->card;
    if (!card->feature_set_id)
        return weir_fail(error, WEIR_ERR_MISMATCH,
                         "model %s belongs to no feature set, rows are of '%s' (%016llx); import or train it with --features",
                         card->label, feature_set, (unsigned long long)feature_set_id);
    if (isnan(card->threshold))
        return weir_fail(error, WEIR_ERR_MISMATCH,
                         "model %s is a regression and does not say from which prediction on a row is an alert; import it with "
                         "--threshold",
                         card->label);
    char missing[240] = "";
    size_t missed = 0;
    bool full = false;
    struct named *sorted = calloc(count + 1, sizeof *sorted);
    if (!sorted)
        return weir_fail(error, WEIR_ERR_MEMORY, "out of memory");
    for (size_t i = 0; i < count; i++)
        sorted[i] = (struct named){names[i], i};
    qsort(sorted, count, sizeof *sorted, compare);
    for (size_t c = 0; c < card->column_count; c++) {
        struct named *low = sorted, wanted = {card->columns[c], 0};
        for (size_t n = count; n;) { /* lower bound: the first of equal names */
            if (compare(low + n / 2, &wanted) < 0) {
                low += n / 2 + 1;
                n -= n / 2 + 1;
            } else {
                n /= 2;
            }
        }
        if (low == sorted + count || strcmp(low->name, card->columns[c])) {
            list(missing, sizeof missing, &full, card->columns[c]);
            missed++;
        } else if (index) {
            index[c] = (uint16_t)low->place;
        }
    }
    free(sorted);
    if (card->feature_set_id == feature_set_id && !missed)
        return WEIR_OK;
    char columns[320] = "";
    if (missed)
        snprintf(columns, sizeof columns, "; %zu of its %zu columns missing: %s", missed, card->column_count, missing);
    return weir_fail(error, WEIR_ERR_MISMATCH, "model %s wants feature set '%s' (%016llx), rows are of '%s' (%016llx)%s",
                     card->label, card->feature_set, (unsigned long long)card->feature_set_id, feature_set,
                     (unsigned long long)feature_set_id, columns);
}
