#include "cli/default_model.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

char *weir_default_model(struct weir_error *error)
{
    static const char *const places[] = {"../share/weir/model.weir", "../examples/tap/model.weir"};
    char folder[PATH_MAX], path[PATH_MAX + 64];
    ssize_t n = readlink("/proc/self/exe", folder, sizeof folder - 1);
    if (n > 0) {
        folder[n] = 0;
        *strrchr(folder, '/') = 0;
        for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
            snprintf(path, sizeof path, "%s/%s", folder, places[i]);
            if (access(path, R_OK) == 0)
                return strdup(path);
        }
    }
    weir_fail(error, WEIR_ERR_NOT_FOUND,
              "no model: weir's own is neither installed nor under examples/; give one with --model M.weir");
    return NULL;
}
