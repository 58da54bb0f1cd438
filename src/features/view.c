#include "features/view.h"

#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "features/lifecycle.h"
#include "features/registry.h"

static const struct weir_view *const views[] = {&weir_argus_view, NULL};

const struct weir_view *const *weir_view_all(void)
{
    return views;
}

const struct weir_view *weir_view_find(const char *name)
{
    for (const struct weir_view *const *view = views; *view; view++)
        if (!strcmp((*view)->name, name))
            return *view;
    return NULL;
}

const char *weir_view_names(void)
{
    return "argus";
}

static void digest(XXH3_state_t *state, const char *text)
{
    XXH3_64bits_update(state, text, strlen(text) + 1); /* with its end, so that neighbours cannot run together */
}

uint64_t weir_view_id(const struct weir_view *view)
{
    XXH3_state_t state;
    XXH3_64bits_reset(&state);
    digest(&state, view->name);
    digest(&state, view->ops->constants);
    for (size_t i = 0; i < view->column_count; i++) {
        const struct weir_column *column = &view->columns[i];
        const char type[] = {(char)('0' + (int)column->type), 0};
        digest(&state, column->name);
        digest(&state, column->unit);
        digest(&state, type);
        digest(&state, column->definition);
        for (const char *const *category = column->categories; category && *category; category++)
            digest(&state, *category);
        digest(&state, "");
    }
    return XXH3_64bits_digest(&state);
}

int weir_view_column(const struct weir_view *view, const char *name)
{
    for (size_t i = 0; i < view->column_count; i++)
        if (!strcmp(view->columns[i].name, name))
            return (int)i;
    return -1;
}

int weir_column_code(const struct weir_column *column, const char *text)
{
    for (int i = 0; column->categories && column->categories[i]; i++)
        if (!strcmp(column->categories[i], text))
            return i;
    return -1;
}

const char *weir_column_text(const struct weir_column *column, double code)
{
    for (int i = 0; column->categories && column->categories[i]; i++)
        if (code == i)
            return column->categories[i];
    return NULL;
}
