#include "base/beside.h"

#include <dlfcn.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The path of the program, or of the shared library with this function in it; the caller frees it. */
static char *own_path(void)
{
    Dl_info info;
    if (dladdr((void *)&own_path, &info) && info.dli_fname && strstr(info.dli_fname, ".so"))
        return realpath(info.dli_fname, NULL);
    return realpath("/proc/self/exe", NULL);
}

char *weir_beside(const char *const *paths, size_t count)
{
    char *own = own_path(), *found = NULL, path[PATH_MAX];
    char *slash = own ? strrchr(own, '/') : NULL;
    if (slash)
        *slash = 0;
    for (size_t i = 0; own && !found && i < count; i++) {
        int length = snprintf(path, sizeof path, "%s/%s", own, paths[i]);
        if (length < (int)sizeof path && access(path, R_OK) == 0)
            found = strdup(path);
    }
    free(own);
    return found;
}
