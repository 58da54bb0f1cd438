#define XXH_INLINE_ALL /* libweir needs no library for it */
#include "data/categories.h"

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

/* Cuts at a zero byte too: texts are C strings from here on. */
static void trim(const char **text, size_t *length)
{
    *length = strnlen(*text, *length);
    while (*length && (**text == ' ' || **text == '\t'))
        (*text)++, (*length)--;
    while (*length && ((*text)[*length - 1] == ' ' || (*text)[*length - 1] == '\t' || (*text)[*length - 1] == '\r'))
        (*length)--;
}

void weir_categories_fini(struct weir_categories *table)
{
    for (size_t i = 0; i < table->count; i++)
        free(table->text[i]);
    free(table->text);
    free(table->slot);
    *table = (struct weir_categories){0};
}

/* The slot that holds the text, or the free one where it belongs. slots > count, so the search ends. */
static size_t find_slot(const struct weir_categories *table, const char *text, size_t length)
{
    size_t at = (size_t)XXH3_64bits(text, length) & (table->slots - 1);
    while (table->slot[at]) {
        const char *have = table->text[table->slot[at] - 1];
        if (!strncmp(have, text, length) && !have[length])
            break;
        at = (at + 1) & (table->slots - 1);
    }
    return at;
}

int64_t weir_categories_find(const struct weir_categories *table, const char *text, size_t length)
{
    trim(&text, &length);
    return table->slots ? (int64_t)table->slot[find_slot(table, text, length)] - 1 : -1;
}

static void index_all(struct weir_categories *table)
{
    memset(table->slot, 0, table->slots * sizeof *table->slot);
    for (size_t i = 0; i < table->count; i++)
        table->slot[find_slot(table, table->text[i], strlen(table->text[i]))] = (uint32_t)i + 1;
}

static weir_err grow(struct weir_categories *table)
{
    size_t slots = table->slots ? table->slots * 2 : 16;
    if (slots > UINT32_MAX / 2)
        return WEIR_ERR_LIMIT;
    char **text = realloc(table->text, slots / 2 * sizeof *text);
    if (!text)
        return WEIR_ERR_MEMORY;
    table->text = text;
    uint32_t *slot = calloc(slots, sizeof *slot);
    if (!slot)
        return WEIR_ERR_MEMORY;
    free(table->slot);
    table->slot = slot;
    table->slots = slots;
    index_all(table);
    return WEIR_OK;
}

weir_err weir_categories_add(struct weir_categories *table, const char *text, size_t length, uint32_t *code)
{
    if (table->count >= table->slots / 2) {
        weir_err failed = grow(table);
        if (failed)
            return failed;
    }
    trim(&text, &length);
    size_t at = find_slot(table, text, length);
    if (!table->slot[at]) {
        char *copy = malloc(length + 1);
        if (!copy)
            return WEIR_ERR_MEMORY;
        memcpy(copy, text, length);
        copy[length] = 0;
        table->text[table->count++] = copy;
        table->slot[at] = (uint32_t)table->count;
    }
    *code = table->slot[at] - 1;
    return WEIR_OK;
}

static int compare_texts(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

weir_err weir_categories_sort(struct weir_categories *table, uint32_t *remap)
{
    if (!table->count)
        return WEIR_OK;
    char **before = malloc(table->count * sizeof *before);
    if (!before)
        return WEIR_ERR_MEMORY;
    memcpy(before, table->text, table->count * sizeof *before);
    qsort(table->text, table->count, sizeof *table->text, compare_texts);
    index_all(table);
    for (size_t i = 0; i < table->count; i++)
        remap[i] = table->slot[find_slot(table, before[i], strlen(before[i]))] - 1;
    free(before);
    return WEIR_OK;
}
