/* Room for large arrays: in large pages if the system has them, which saves most of the faults and translations. */
#ifndef WEIR_BASE_PAGES_H
#define WEIR_BASE_PAGES_H

#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>

/* `count` things of `width` bytes, aligned to 64, not cleared; the caller frees it. NULL: out of memory. */
static inline void *weir_pages_alloc(size_t count, size_t width)
{
    enum { LARGE = 2 << 20 };
    size_t bytes;
    if (__builtin_mul_overflow(count, width, &bytes) || bytes > SIZE_MAX / 2)
        return NULL;
    size_t unit = bytes < 2 * LARGE ? 64 : LARGE;
    bytes = (bytes + 2 * unit - 1) & ~(unit - 1); /* some room behind the last one: never none */
    void *p = aligned_alloc(unit, bytes);
#ifdef MADV_HUGEPAGE
    if (p && unit == LARGE)
        madvise(p, bytes, MADV_HUGEPAGE); /* no more than a wish */
#endif
    return p;
}

#endif
