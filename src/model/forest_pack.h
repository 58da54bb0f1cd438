/* A plan's packs: trees side by side, in bytes, for kernels that score a few rows at a time (model/kernel.h). forest_plan.c's
 * own.
 */
#ifndef WEIR_MODEL_FOREST_PACK_H
#define WEIR_MODEL_FOREST_PACK_H

#include <stdlib.h>
#include <string.h>

#include "model/kernel.h"
#include "model/kernel_few.h"
#include "weir/error.h"

enum { WEIR_LEAF_ROOM = 64 }; /* a piece's leaves begin at a multiple of it */

/* Zeroed memory of a plan, aligned to 64 bytes; NULL: there is none. */
static inline void *weir_plan_room(size_t count, size_t width)
{
    size_t bytes;
    if (__builtin_mul_overflow(count ? count : 1, width, &bytes) || bytes > SIZE_MAX - 128)
        return NULL;
    bytes = (bytes + 63) / 64 * 64;
    void *memory = aligned_alloc(64, bytes);
    if (memory)
        memset(memory, 0, bytes);
    return memory;
}

/* Makes the packs of a plan that is complete but for them, where its kernel takes some, rows fit and leaves have one value; then
 * the limit of few rows. WEIR_ERR_MEMORY. */
weir_err weir_plan_pack(struct weir_plan *plan, struct weir_error *error);

#endif
