#include "base/python.h"

#include <stdlib.h>
#include <string.h>

#include "base/beside.h"

char *weir_python_find(void)
{
    static const char *const peers[] = {"peers/bin/python"};
    const char *named = getenv("WEIR_PYTHON");
    if (named && *named)
        return strdup(named);
    char *found = weir_beside(peers, 1);
    return found ? found : strdup("python3");
}
