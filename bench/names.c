#include "bench/names.h"

#include <stddef.h>
#include <string.h>

static bool has(const char *list, const char *name, size_t length)
{
    for (const char *at = list; *at;) {
        size_t n = strcspn(at, ",");
        if (n == length && !strncmp(at, name, n))
            return true;
        at += n + (at[n] == ',');
    }
    return false;
}

bool weir_names_have(const char *list, const char *name)
{
    return has(list, name, strlen(name));
}

const char *weir_names_unknown(const char *list, const char *known)
{
    for (const char *at = list; *at;) {
        size_t n = strcspn(at, ",");
        if (!has(known, at, n))
            return at;
        at += n + (at[n] == ',');
    }
    return NULL;
}
