#include "cli/store_options.h"

#include <string.h>

#include "pipeline/backend.h"
#include "store/folder.h"
#include "store/retention.h"
#include "store/store.h"

weir_err weir_take_rotate(void *field, const char *what, const char *value, struct weir_error *error)
{
    struct weir_error inner = {0};
    uint64_t *bytes = field;
    if (!strcmp(value, "day"))
        *bytes = 0;
    else if (weir_size_parse(value, bytes, &inner) != WEIR_OK)
        return weir_fail(error, inner.code, "%s %s", what, inner.text);
    return WEIR_OK;
}

weir_err weir_take_store_memory(void *field, const char *what, const char *value, struct weir_error *error)
{
    struct weir_error inner = {0};
    uint64_t *bytes = field;
    if (weir_size_parse(value, bytes, &inner) != WEIR_OK)
        return weir_fail(error, inner.code, "%s %s", what, inner.text);
    if (*bytes < WEIR_STORE_MEMORY_MIN || *bytes > (uint64_t)1 << 40)
        return weir_fail(error, WEIR_ERR_ARGUMENT, "%s %.40s: give %llu MB to 1TB", what, value,
                         (unsigned long long)WEIR_STORE_MEMORY_MIN / 1000000);
    return WEIR_OK;
}

weir_err weir_take_retention(void *field, const char *what, const char *value, struct weir_error *error)
{
    struct weir_error inner = {0};
    if (weir_retention_parse(value, field, &inner) != WEIR_OK)
        return weir_fail(error, inner.code, "%s %s", what, inner.text);
    return WEIR_OK;
}

weir_err weir_take_on_full(void *field, const char *what, const char *value, struct weir_error *error)
{
    enum weir_on_full *policy = field;
    if (strcmp(value, "stop") != 0 && strcmp(value, "withhold") != 0)
        return weir_fail(error, WEIR_ERR_ARGUMENT, "%s '%s': give stop or withhold", what, value);
    *policy = !strcmp(value, "stop") ? WEIR_ON_FULL_STOP : WEIR_ON_FULL_WITHHOLD;
    return WEIR_OK;
}

void weir_store_options_check(const char *store, const char *rotate, const char *retention, struct weir_problems *problems)
{
    const char *limit = retention ? retention : rotate;
    if (limit && !weir_folder_is(store))
        weir_problem(problems, WEIR_ERR_ARGUMENT,
                     "%s is for a store in a folder, and %s is none: end the store's path with /, as in --store FOLDER/", limit,
                     store);
}
