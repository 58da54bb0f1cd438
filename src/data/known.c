#include "data/known.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/log.h"
#include "data/known_texts.h"
#include "data/number.h"

enum { COUNT = sizeof weir_known_texts / sizeof *weir_known_texts };

static const struct weir_known *all[COUNT + 1];
static char names[1024];

/* A description of the program's own that cannot be read ends it: tests read all of them. */
static void read_all(void)
{
    size_t used = 0;
    for (size_t i = 0; i < COUNT; i++) {
        struct weir_error error = {0};
        struct weir_known *known = NULL;
        if (weir_known_read(weir_known_texts[i].name, weir_known_texts[i].text, strlen(weir_known_texts[i].text), &known,
                            &error) != WEIR_OK) {
            weir_log(WEIR_LOG_ERROR, "%s", error.text);
            abort();
        }
        all[i] = known;
        int n = snprintf(names + used, sizeof names - used, "%s%s", i ? ", " : "", known->name);
        used += n > 0 && (size_t)n < sizeof names - used ? (size_t)n : 0;
    }
}

const struct weir_known *const *weir_known_all(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, read_all);
    return all;
}

const char *weir_known_names(void)
{
    weir_known_all();
    return names;
}

const struct weir_known *weir_known_named(const char *name)
{
    for (const struct weir_known *const *known = weir_known_all(); *known; known++)
        if (!strcasecmp((*known)->name, name))
            return *known;
    return NULL;
}

const char *weir_known_text(const struct weir_known *known)
{
    weir_known_all();
    for (size_t i = 0; i < COUNT; i++)
        if (all[i] == known)
            return weir_known_texts[i].text;
    return NULL;
}

/* ---- Recognising ----------------------------------------------------------------------------------------------------------- */

const struct weir_known *weir_known_find(const char *const *columns, size_t count)
{
    for (const struct weir_known *const *known = weir_known_all(); *known; known++) {
        char *const *name = (*known)->recognise;
        for (bool there = true; *name && there; name += there) {
            there = false;
            for (size_t i = 0; i < count && !there; i++)
                there = !strcasecmp(columns[i], *name);
            if (!there)
                break;
        }
        if (!*name && *(*known)->recognise)
            return *known;
    }
    return NULL;
}

static bool same_texts(char *const *a, char *const *b)
{
    while (*a && *b && !strcasecmp(*a, *b))
        a++, b++;
    return !*a && !*b;
}

const struct weir_known *weir_known_twin(const struct weir_known *known)
{
    const struct weir_known *const *next = weir_known_all();
    while (*next && *next != known)
        next++;
    if (*next)
        next++;
    while (*next && !same_texts((*next)->recognise, known->recognise))
        next++;
    return *next;
}

const struct weir_known *weir_known_headless(char *const *cells, size_t count)
{
    for (const struct weir_known *const *known = weir_known_all(); *known; known++) {
        size_t i = 0;
        if (!(*known)->headless || (*known)->column_count != count)
            continue;
        for (double value; i < count; i++) {
            enum weir_number_kind kind = weir_number_read(cells[i], strlen(cells[i]), &value);
            enum weir_known_type type = (*known)->columns[i].type; /* times are either */
            if (kind != WEIR_NUMBER_MISSING && type != WEIR_KNOWN_TIME &&
                (kind == WEIR_NUMBER_TEXT) == (type == WEIR_KNOWN_NUMBER))
                break;
        }
        if (i == count)
            return *known;
    }
    return NULL;
}

/* ---- Asking ---------------------------------------------------------------------------------------------------------------- */

bool weir_known_lists(char *const *list, const char *column)
{
    for (; *list; list++)
        if (!strcasecmp(*list, column))
            return true;
    return false;
}

const struct weir_known_column *weir_known_column(const struct weir_known *known, const char *name)
{
    for (size_t i = 0; known && i < known->column_count; i++)
        if (!strcasecmp(known->columns[i].name, name))
            return &known->columns[i];
    return NULL;
}

const struct weir_known_label *weir_known_category(const struct weir_known *known)
{
    return known->category.column ? &known->category : &known->label;
}

const struct weir_known_label *weir_known_label(const struct weir_known *known, const char *column)
{
    if (known && !strcasecmp(known->label.column, column))
        return &known->label;
    if (known && known->category.column && !strcasecmp(known->category.column, column))
        return &known->category;
    return NULL;
}

const char *weir_known_benign(const struct weir_known *known, const char *label)
{
    const struct weir_known_label *found = weir_known_label(known, label);
    return found ? found->benign : NULL;
}
