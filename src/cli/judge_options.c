#include "cli/judge_options.h"

#include <string.h>

#include "pipeline/judge.h"

weir_err weir_take_reasons(void *field, const char *what, const char *value, struct weir_error *error)
{
    static const char *const names[] = {
        [WEIR_REASONS_EXACT] = "exact", [WEIR_REASONS_PATH] = "path", [WEIR_REASONS_NONE] = "none"};
    enum weir_reasons *reasons = field;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (!strcmp(value, names[i])) {
            *reasons = (enum weir_reasons)i;
            return WEIR_OK;
        }
    return weir_fail(error, WEIR_ERR_ARGUMENT, "%s %s: give exact, path or none", what, value);
}
