#include "train/prepare.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/log.h"
#include "features/view.h"
#include "model/feature_set.h"

static weir_err out_of_memory(struct weir_error *error)
{
    return weir_fail(error, WEIR_ERR_MEMORY, "out of memory");
}

static weir_err exclude(struct weir_prepared *p, const char *name, struct weir_error *error)
{
    char **grown = realloc(p->exclude, (p->exclude_count + 1) * sizeof *grown);
    if (grown)
        p->exclude = grown;
    char *copy = grown ? strdup(name) : NULL;
    if (!copy)
        return out_of_memory(error);
    p->exclude[p->exclude_count++] = copy;
    return WEIR_OK;
}

static void say_list(const char *what, char *const *items, size_t count)
{
    char text[800];
    size_t used = 0;
    for (size_t i = 0; i < count && used < sizeof text; i++)
        used += (size_t)snprintf(text + used, sizeof text - used, "%s%s", i ? ", " : "", items[i]);
    if (count)
        weir_log(WEIR_LOG_INFO, "%s: %s", what, text);
}

/* Records of a view with labels: what the view calls an identifier, and what live rows have no number for, be it in the view or
 * not. */
static bool is_unfit(const struct weir_view *view, const char *name)
{
    int at = weir_view_column(view, name);
    return at < 0 || view->columns[at].identifier || !view->columns[at].value;
}

static weir_err choose_label(struct weir_relation *source, const struct weir_prepare_config *config, struct weir_prepared *p,
                             struct weir_error *error)
{
    const struct weir_known *known = p->known;
    /* To leave out one kind after the other, the kinds must be told apart, also when all are one class. */
    bool kinds = config->folds && config->folds->kind == WEIR_FOLDS_LEAVE_ATTACK;
    p->multiclass = config->multiclass;
    p->label = config->label;
    if (!p->label && known)
        p->label = config->multiclass || kinds ? weir_known_category(known)->column : known->label.column;
    if (!p->label) {
        char list[360];
        weir_dataset_list(source, list, sizeof list);
        return weir_fail(error, WEIR_ERR_ARGUMENT, "%s: name the label column with --label; the columns are: %s", source->origin,
                         list);
    }
    p->benign = config->benign;
    if (!p->benign && known)
        p->benign = weir_known_benign(known, p->label);
    if (known)
        weir_log(WEIR_LOG_INFO, "data set %s recognised; label column '%s'%s%s", known->name, p->label,
                 p->benign ? ", benign: " : "", p->benign ? p->benign : "");
    else if (!config->exclude_given)
        weir_log(WEIR_LOG_INFO, "not a data set that weir knows: columns that identify hosts, times or rows are learned from "
                                "unless --exclude names them");
    return WEIR_OK;
}

static weir_err choose_columns(struct weir_relation *source, const struct weir_prepare_config *config, struct weir_prepared *p,
                               struct weir_error *error)
{
    const struct weir_known *known = p->known;
    const struct weir_view *view = known ? weir_view_find(known->name) : NULL;
    weir_err failed = WEIR_OK;
    for (size_t i = 0; i < config->exclude_count && !failed; i++)
        failed = exclude(p, config->exclude[i], error);
    for (size_t i = 0; i < source->column_count && !failed; i++) {
        const struct weir_relation_column *column = &source->columns[i];
        bool is_label = !strcasecmp(column->name, p->label);
        bool leaks = known && weir_known_lists(known->leaks, column->name) && !is_label;
        if (config->exclude_given) {
            bool named = false;
            for (size_t k = 0; k < config->exclude_count; k++)
                named |= !strcasecmp(config->exclude[k], column->name);
            if (leaks && !named)
                weir_log(WEIR_LOG_WARNING, "column '%s' gives the label away in %s and is not in --exclude", column->name,
                         known->name);
        } else if (!is_label && (leaks || column->unnamed || (known && weir_known_lists(known->identifiers, column->name)) ||
                                 (view && is_unfit(view, column->name)))) {
            failed = exclude(p, column->name, error);
        }
    }
    if (!failed)
        say_list("not learned from", p->exclude, p->exclude_count);
    return failed;
}

static const char *const *view_categories(const char *column, const void *context)
{
    const struct weir_view *view = context;
    int at = weir_view_column(view, column);
    return at >= 0 && view->columns[at].type == WEIR_COLUMN_CATEGORY ? view->columns[at].categories : NULL;
}

/* Names columns of the data set that live rows of the view have no number for, adds them to the columns that are left out. */
static weir_err drop_texts(struct weir_prepared *p, const struct weir_view *view, bool *dropped, struct weir_error *error)
{
    weir_err failed = WEIR_OK;
    *dropped = false;
    for (size_t c = 0; view && c < p->dataset->column_count && !failed; c++) {
        const char *name = p->dataset->columns[c].name;
        int at = weir_view_column(view, name);
        if (at < 0 || view->columns[at].value)
            continue;
        weir_log(WEIR_LOG_INFO, "column '%s' is left out (a text without a number in feature set %s)", name, view->name);
        failed = exclude(p, name, error);
        *dropped = true;
    }
    return failed;
}

static weir_err choose_feature_set(struct weir_prepared *p, const char *wanted, struct weir_error *error)
{
    const char **names = malloc(p->dataset->column_count * sizeof *names);
    if (!names)
        return out_of_memory(error);
    for (size_t c = 0; c < p->dataset->column_count; c++)
        names[c] = p->dataset->columns[c].name;
    weir_err failed =
        weir_feature_set_choose(wanted, names, p->dataset->column_count, &p->feature_set, &p->feature_set_id, error);
    free(names);
    return failed;
}

static enum weir_side side_of(const struct weir_folds_config *folds, const struct weir_known *known)
{
    if (!folds || !folds->column)
        return WEIR_SIDE_NONE;
    if (folds->kind != WEIR_FOLDS_TIME)
        return WEIR_SIDE_GROUP;
    return known && known->day_first && known->time && !strcasecmp(known->time, folds->column) ? WEIR_SIDE_TIME_DAY_FIRST
                                                                                               : WEIR_SIDE_TIME;
}

/* Reads with the code tables of the feature set that the columns belong to, so that training and live rows have the same codes.
 * Which set that is can depend on columns that only reading drops: then it is read once more. */
static weir_err read_rows(struct weir_relation *source, const struct weir_prepare_config *config, struct weir_prepared *p,
                          struct weir_error *error)
{
    /* A first guess, NULL with "none". */
    const struct weir_view *view = config->features ? weir_view_find(config->features)
                                   : p->known       ? weir_view_find(p->known->name)
                                                    : NULL;
    for (;;) {
        bool dropped = false;
        struct weir_dataset_config reading = {.label = p->label,
                                              .exclude = (const char *const *)p->exclude,
                                              .exclude_count = p->exclude_count,
                                              .side_column = config->folds ? config->folds->column : NULL,
                                              .side = side_of(config->folds, p->known),
                                              .fixed_categories = view ? view_categories : NULL,
                                              .context = view};
        weir_err failed = weir_dataset_read(source, &reading, &p->dataset, error);
        if (!failed)
            failed = choose_feature_set(p, config->features, error);
        const struct weir_view *chosen = failed ? NULL : weir_view_find(p->feature_set);
        if (!failed)
            failed = drop_texts(p, chosen, &dropped, error);
        if (failed || (!dropped && chosen == view))
            return failed;
        view = chosen;
        weir_dataset_free(&p->dataset);
    }
}

weir_err weir_prepare(struct weir_relation *source, const struct weir_prepare_config *config, struct weir_prepared *out,
                      struct weir_error *error)
{
    *out = (struct weir_prepared){.known = source->known};
    weir_err failed = WEIR_OK;
    if (config->features && strcmp(config->features, "none") != 0 && !weir_view_find(config->features))
        failed = weir_fail(error, WEIR_ERR_NOT_FOUND, "there is no feature set '%s'; there are %s and none", config->features,
                           weir_view_names());
    if (!failed)
        failed = choose_label(source, config, out, error);
    if (!failed)
        failed = choose_columns(source, config, out, error);
    if (!failed)
        failed = read_rows(source, config, out, error);
    if (!failed)
        failed = config->benign_alone && !out->multiclass
                     ? weir_labels_benign(&out->dataset->label_values, out->benign, &out->labels, error)
                     : weir_labels_learn(&out->dataset->label_values, out->benign, out->multiclass, &out->labels, error);
    if (failed)
        weir_prepared_fini(out);
    return failed;
}

weir_err weir_prepared_folds(const struct weir_prepared *prepared, const struct weir_folds_config *config, struct weir_folds *out,
                             struct weir_error *error)
{
    const struct weir_categories *values = &prepared->dataset->label_values;
    struct weir_folds_rows rows = {.labels = prepared->dataset->labels,
                                   .rows = prepared->dataset->rows,
                                   .label_count = values->count,
                                   .label_text = values->text,
                                   .benign = -1,
                                   .side = prepared->dataset->side};
    for (size_t i = 0; i < values->count && prepared->benign && rows.benign < 0; i++)
        if (weir_labels_equal(values->text[i], prepared->benign))
            rows.benign = (int64_t)i;
    return weir_folds_make(config, &rows, out, error);
}

void weir_prepared_fini(struct weir_prepared *prepared)
{
    for (size_t i = 0; i < prepared->exclude_count; i++)
        free(prepared->exclude[i]);
    free(prepared->exclude);
    weir_dataset_free(&prepared->dataset);
    weir_labels_fini(&prepared->labels);
    *prepared = (struct weir_prepared){0};
}

json_t *weir_prepared_defaults(const struct weir_prepared *prepared)
{
    json_t *list = json_array();
    for (size_t i = 0; i < prepared->exclude_count; i++)
        json_array_append_new(list, json_string(prepared->exclude[i]));
    char hash[17];
    const struct weir_known *known = prepared->known;
    snprintf(hash, sizeof hash, "%016llx", known ? (unsigned long long)known->hash : 0);
    return json_pack("{s:s,s:s?,s:b,s:o,s:s?,s:s?}", "label", prepared->label, "benign", prepared->benign, "multiclass",
                     prepared->multiclass, "exclude", list, "description", known ? known->name : NULL, "description_hash",
                     known ? hash : NULL);
}
