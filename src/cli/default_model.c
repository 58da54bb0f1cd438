#include "cli/default_model.h"

#include "base/beside.h"

char *weir_default_model(struct weir_error *error)
{
    static const char *const places[] = {"../share/weir/model.weir", "../examples/tap/model.weir"};
    char *path = weir_beside(places, sizeof places / sizeof *places);
    if (!path)
        weir_fail(error, WEIR_ERR_NOT_FOUND,
                  "no model: weir's own is neither installed nor under examples/; give one with --model M.weir");
    return path;
}
