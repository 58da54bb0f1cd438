#include "flow/record.h"

const char *weir_reason_name(enum weir_reason reason)
{
    static const char *const names[] = {
#define X(name, text) text,
        WEIR_REASON_TABLE(X)
#undef X
    };
    return (unsigned)reason < WEIR_REASON_COUNT ? names[reason] : "unknown";
}
