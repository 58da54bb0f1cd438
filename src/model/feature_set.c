#include "model/feature_set.h"

#include <stdio.h>
#include <string.h>

#include "features/view.h"

static bool has_all(const struct weir_view *view, const char *const *columns, size_t count)
{
    for (size_t c = 0; c < count; c++)
        if (weir_view_column(view, columns[c]) < 0)
            return false;
    return true;
}

static weir_err lacks(const struct weir_view *view, const char *const *columns, size_t count, struct weir_error *error)
{
    char names[256] = "";
    size_t missing = 0;
    for (size_t c = 0; c < count; c++) {
        size_t used = strlen(names);
        if (weir_view_column(view, columns[c]) >= 0)
            continue;
        missing++;
        if (used + strlen(columns[c]) + 8 < sizeof names)
            snprintf(names + used, sizeof names - used, "%s'%s'", used ? ", " : "", columns[c]);
    }
    return weir_fail(error, WEIR_ERR_MISMATCH,
                     "feature set '%s' lacks %zu of the %zu columns: %s%s; name them as it does (import: --columns A,B,...; "
                     "train: --sql with 'Dur AS dur', or --common), or take --features none",
                     view->name, missing, count, names, missing > 8 ? ", ..." : "");
}

weir_err weir_feature_set_choose(const char *wanted, const char *const *columns, size_t count, const char **name, uint64_t *id,
                                 struct weir_error *error)
{
    const struct weir_view *found = NULL;
    *name = "none";
    *id = 0;
    if (wanted && !strcmp(wanted, "none"))
        return WEIR_OK;
    if (wanted) {
        found = weir_view_find(wanted);
        if (!found)
            return weir_fail(error, WEIR_ERR_NOT_FOUND, "there is no feature set '%s'; there are %s and none", wanted,
                             weir_view_names());
        if (!has_all(found, columns, count))
            return lacks(found, columns, count, error);
    } else {
        for (const struct weir_view *const *view = weir_view_all(); *view; view++)
            if (has_all(*view, columns, count)) {
                if (found)
                    return WEIR_OK; /* more than one: not guessed */
                found = *view;
            }
    }
    if (found) {
        *name = found->name;
        *id = weir_view_id(found);
    }
    return WEIR_OK;
}

/* The texts by code. A code whose text an earlier code has already ("unas" names many protocols) keeps its place under a text of
 * its own that no cell has: "unas#137". */
static json_t *table(const struct weir_column *column)
{
    json_t *texts = json_array();
    for (int code = 0; texts && column->categories[code]; code++) {
        const char *text = column->categories[code];
        json_t *item = weir_column_code(column, text) == code ? json_string(text) : json_sprintf("%s#%d", text, code);
        if (json_array_append_new(texts, item)) {
            json_decref(texts);
            return NULL;
        }
    }
    return texts;
}

json_t *weir_feature_set_categories(const char *name, const char *const *columns, size_t count)
{
    const struct weir_view *view = weir_view_find(name);
    json_t *tables = json_object();
    for (size_t c = 0; view && c < count; c++) {
        int place = weir_view_column(view, columns[c]);
        if (place < 0 || view->columns[place].type != WEIR_COLUMN_CATEGORY)
            continue;
        if (json_object_set_new(tables, columns[c], table(&view->columns[place]))) {
            json_decref(tables);
            return NULL;
        }
    }
    if (json_object_size(tables))
        return tables;
    json_decref(tables);
    return json_null();
}
