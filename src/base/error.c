#include "weir/error.h"

#include <stdio.h>

const char *weir_err_text(weir_err code)
{
    switch (code) {
#define WEIR_ERROR_CASE(name, value, text)                                                                                       \
    case name:                                                                                                                   \
        return text;
        WEIR_ERROR_TABLE(WEIR_ERROR_CASE)
#undef WEIR_ERROR_CASE
    }
    return "unknown error";
}

weir_err weir_fail(struct weir_error *error, weir_err code, const char *format, ...)
{
    if (!error)
        return code;
    error->code = code;
    va_list args;
    va_start(args, format);
    vsnprintf(error->text, sizeof error->text, format, args);
    va_end(args);
    for (char *c = error->text; *c; c++)
        if (*c == '\n' || *c == '\r')
            *c = ' ';
    return code;
}
